//! The Arch Linux Security Tracker, as its `all.json` lists every group: packages with one version that is affected and one that is not.

use super::{Sink, is_word, plain, stream, summary};
use crate::model::{Affected, Severity, Standing};
use serde::Deserialize;
use std::borrow::Cow;

/// The ecosystem of what is found here.
pub const ECOSYSTEM: &str = "alpm";

#[derive(Deserialize)]
struct Group<'t> {
    #[serde(borrow)]
    name: Cow<'t, str>,
    #[serde(borrow)]
    packages: Vec<Cow<'t, str>>,
    #[serde(borrow)]
    status: Cow<'t, str>,
    #[serde(borrow, default)]
    severity: Cow<'t, str>,
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'t, str>,
    #[serde(borrow, default)]
    fixed: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    issues: Vec<Cow<'t, str>>,
    #[serde(borrow, default)]
    advisories: Vec<Cow<'t, str>>,
}

/// Reads a list of groups, or one group by itself.
///
/// The version that a group calls affected is one in which the fault was seen, not the first: what is older counts as affected too.
/// A group that is not affected says nothing; of one that nobody has determined, that is said.
pub fn read(text: &[u8], sink: &mut dyn Sink) {
    let mut one = |text: &str| {
        if let Err(message) = group(text, sink) {
            sink.left_out(message);
        }
    };
    let is_one = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let outcome = match is_one {
        true => std::str::from_utf8(text).map(&mut one).map_err(|error| error.to_string()),
        false => stream::items(text, |value| one(value.get())).map_err(|error| error.to_string()),
    };
    if let Err(error) = outcome {
        sink.damaged(error);
    }
}

fn group(text: &str, sink: &mut dyn Sink) -> Result<(), String> {
    let group: Group<'_> = serde_json::from_str(text).map_err(|error| format!("a group left out: {error}"))?;
    let fixed = group.fixed.as_deref().filter(|fixed| !fixed.is_empty());
    let standing = match &*group.status {
        "Vulnerable" | "Fixed" | "Testing" => Standing::Open,
        "Unknown" => Standing::Undetermined,
        "Not affected" => return Ok(()),
        other => return Err(format!("{}: left out: unknown status {other:?}", group.name)),
    };
    if group.status == "Fixed" && fixed.is_none() {
        return Err(format!("{}: left out: fixed, and not in which version", group.name));
    }
    let words = group.packages.iter().chain([&group.name]).chain(&group.issues).chain(&group.advisories);
    if !words.map(|word| &**word).chain(fixed).all(is_word) {
        return Err(format!("{:?}: left out: a name or version makes no sense", group.name));
    }
    for package in &group.packages {
        let mut advisory = plain(ECOSYSTEM, package, &group.name);
        advisory.aliases = group.issues.iter().chain(&group.advisories).map(|id| id.clone().into_owned()).collect();
        // `Unknown` is none of them.
        advisory.severity = Severity::named(&group.severity);
        advisory.standing = standing;
        advisory.affected = Affected::below(fixed);
        advisory.summary = summary(&group.kind);
        sink.advisory(advisory);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Told;
    use super::*;
    use crate::model::Turn;

    const GROUP: &str = r#"{"name": "AVG-7", "packages": ["curl", "lib32-curl"], "status": "STATUS", "severity": "High",
        "type": "multiple issues", "affected": "7.1-1", "fixed": FIXED, "ticket": null, "issues": ["CVE-2016-1"],
        "advisories": ["ASA-201609-1"]}"#;

    fn told(status: &str, fixed: &str) -> Told {
        let mut told = Told::default();
        let group = GROUP.replace("STATUS", status).replace("FIXED", fixed);
        read(format!("[{group}]").as_bytes(), &mut told);
        let mut alone = Told::default();
        read(group.as_bytes(), &mut alone);
        assert_eq!((&told.0, &told.1), (&alone.0, &alone.1));
        told
    }

    #[test]
    fn each_package_of_a_group_is_told() {
        let Told(all, problems) = told("Fixed", "\"7.2-1\"");
        assert_eq!((all.len(), problems.len()), (2, 0));
        assert_eq!((&*all[1].package, &*all[1].id, &*all[1].summary), ("lib32-curl", "AVG-7", "multiple issues"));
        assert_eq!(all[0].aliases, ["CVE-2016-1", "ASA-201609-1"]);
        assert_eq!(all[0].severity, Some(Severity::High));
        let range = [(Turn::Introduced, "0".to_owned()), (Turn::Fixed, "7.2-1".to_owned())];
        assert_eq!(all[0].affected.ranges, [range]);
    }

    #[test]
    fn a_status_decides() {
        let open = |fixed| told("Vulnerable", fixed).0[0].affected.ranges[0].len();
        assert_eq!((open("null"), open("\"\""), open("\"8-1\"")), (1, 1, 2));
        assert_eq!(told("Unknown", "null").0[0].standing, Standing::Undetermined);
        assert_eq!(told("Testing", "\"8-1\"").0[0].standing, Standing::Open);
        assert_eq!(told("Not affected", "null").0, []);
    }

    #[test]
    fn what_makes_no_sense_is_told_and_left_out() {
        for (status, fixed, why) in [
            ("Fixed", "null", "not in which version"),
            ("Solved", "null", "unknown status"),
            ("Fixed", "\"1 2\"", "makes no sense"),
            ("Fixed", "7", "a group left out"),
        ] {
            let Told(all, problems) = told(status, fixed);
            assert_eq!(all, []);
            assert!(problems[0].contains(why), "{problems:?}");
        }
        let mut told = Told::default();
        let text = format!("[{},\n{{\"na", GROUP.replace("STATUS", "Vulnerable").replace("FIXED", "null"));
        read(text.as_bytes(), &mut told);
        assert_eq!((told.0.len(), told.1.len()), (2, 1));
    }
}
