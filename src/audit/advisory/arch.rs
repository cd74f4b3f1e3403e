//! The Arch Linux Security Tracker, as its `all.json` lists every group: packages with one version that is affected and one that is not.

use super::{Sink, Whom, is_word, plain, stream, summary};
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
            let (name, whom) = named(text);
            sink.left_out(whom, format!("{name}: left out: {message}"));
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

/// What can be read of a group that could not be: its name, and whom it is about.
fn named(text: &str) -> (String, Whom) {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        name: serde_json::Value,
        packages: Vec<String>,
    }
    let name = |value: &serde_json::Value| value.as_str().filter(|name| is_word(name)).map(str::to_owned);
    let nobody = "a group without a name".to_owned();
    match serde_json::from_str::<Named>(text) {
        Ok(group) if !group.packages.is_empty() => (
            name(&group.name).unwrap_or(nobody),
            Whom::named(group.packages.into_iter().map(|package| (ECOSYSTEM, package))),
        ),
        _ => {
            let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
            (name(&value["name"]).unwrap_or(nobody), Whom::Anybody)
        }
    }
}

fn group(text: &str, sink: &mut dyn Sink) -> Result<(), String> {
    let group: Group<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let fixed = group.fixed.as_deref().filter(|fixed| !fixed.is_empty());
    let standing = match &*group.status {
        "Vulnerable" | "Fixed" | "Testing" => Standing::Open,
        "Unknown" => Standing::Undetermined,
        "Not affected" => return Ok(()),
        other => return Err(format!("unknown status {other:?}")),
    };
    if group.status == "Fixed" && fixed.is_none() {
        return Err("fixed, and not in which version".to_owned());
    }
    let words = group.packages.iter().chain([&group.name]).chain(&group.issues).chain(&group.advisories);
    if !words.map(|word| &**word).chain(fixed).all(is_word) {
        return Err("a name or version makes no sense".to_owned());
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
        let Told(all, problems, _) = told("Fixed", "\"7.2-1\"");
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
            ("Fixed", "7", "AVG-7: left out: invalid type"),
        ] {
            let Told(all, problems, whom) = told(status, fixed);
            assert_eq!(all, []);
            assert!(problems[0].starts_with("AVG-7: left out: ") && problems[0].contains(why), "{problems:?}");
            assert_eq!(whom, [Whom::named(["curl", "lib32-curl"].map(|name| (ECOSYSTEM, name.to_owned())))]);
        }
        let mut told = Told::default();
        let text = format!("[{},\n{{\"na", GROUP.replace("STATUS", "Vulnerable").replace("FIXED", "null"));
        read(text.as_bytes(), &mut told);
        assert_eq!((told.0.len(), told.1.len()), (2, 1));
    }

    #[test]
    fn a_group_whose_packages_cannot_be_read_may_be_about_anybody() {
        for (packages, status) in [("7", "Fixed"), ("[]", "Solved"), ("[\"curl\", \"a b\"]", "Fixed"), ("[7]", "Fixed")]
        {
            let mut told = Told::default();
            read(
                format!(r#"[{{"name": "AVG-7", "packages": {packages}, "status": "{status}"}}]"#).as_bytes(),
                &mut told,
            );
            assert_eq!(told.2, [Whom::Anybody], "{packages}");
            assert!(told.1[0].starts_with("AVG-7: left out: "), "{:?}", told.1);
        }
        let mut told = Told::default();
        read(br#"[{"packages": ["curl"]}]"#, &mut told);
        assert!(told.1[0].starts_with("a group without a name: left out: "), "{:?}", told.1);
        assert_eq!(told.2, [Whom::These(vec![(ECOSYSTEM, "curl".to_owned())])]);
    }
}
