//! Debian's security tracker, as its `data/json` has it: source package, fault, release, and how it stands there.
//!
//! It knows no advisories of Debian's own (DSA): those are records of OSV's.

use super::{Sink, Whom, is_word, plain, stream, summary};
use crate::model::{Affected, Severity, Standing};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// The ecosystem of what is found here.
pub const ECOSYSTEM: &str = "deb";
/// The release that is never released, in which a fault is mended first.
const UNSTABLE: &str = "sid";

#[derive(Deserialize)]
struct Fault<'t> {
    #[serde(borrow, default)]
    description: Cow<'t, str>,
    #[serde(borrow)]
    releases: HashMap<Cow<'t, str>, &'t RawValue>,
}

#[derive(Deserialize)]
struct Release<'t> {
    #[serde(borrow)]
    status: Cow<'t, str>,
    #[serde(borrow, default)]
    fixed_version: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    urgency: Cow<'t, str>,
    #[serde(default)]
    nodsa: Option<IgnoredAny>,
    #[serde(borrow, default)]
    nodsa_reason: Option<Cow<'t, str>>,
}

/// Reads what concerns one release, by its code name.
pub fn read(text: &[u8], release: &str, sink: &mut dyn Sink) {
    let mut has_release = false;
    let outcome = stream::members(text, |package, faults| {
        let outcome = stream::members(faults.get().as_bytes(), |id, value| {
            match fault(package, id, value.get(), release, sink) {
                Ok(is_known) => has_release |= is_known,
                Err(message) => sink.left_out(whom(package), format!("{package:?} {id:?}: left out: {message}")),
            }
        });
        if let Err(error) = outcome {
            sink.left_out(whom(package), format!("{package:?}: left out: {error}"));
        }
    });
    match outcome {
        Err(error) => sink.damaged(error.to_string()),
        Ok(()) if !has_release => sink.damaged(format!("it says nothing about the release {release:?}")),
        Ok(()) => {}
    }
}

fn whom(package: &str) -> Whom {
    Whom::named([(ECOSYSTEM, package.to_owned())])
}

/// Whether it says anything about the release.
fn fault(package: &str, id: &str, text: &str, release: &str, sink: &mut dyn Sink) -> Result<bool, String> {
    let Fault { description, releases } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Some(own) = releases.get(release) else { return Ok(false) };
    let own: Release<'_> = serde_json::from_str(own.get()).map_err(|error| error.to_string())?;
    let fixed = match (&*own.status, own.fixed_version.as_deref()) {
        // It was never in there.
        ("resolved", Some("0")) => return Ok(true),
        ("resolved", Some(fixed)) => Some(fixed.to_owned()),
        ("resolved", None) => return Err("resolved, and not in which version".to_owned()),
        // Who has a newer version than the release's own may have the fix.
        ("open" | "undetermined", _) => releases.get(UNSTABLE).and_then(|newest| fixed_in(newest.get())),
        (other, _) => return Err(format!("unknown status {other:?}")),
    };
    if ![package, id].into_iter().chain(fixed.as_deref()).all(is_word) {
        return Err("a name or version makes no sense".to_owned());
    }
    let mut advisory = plain(ECOSYSTEM, package, id);
    // Older data put asterisks behind what nobody had looked at.
    advisory.severity = match own.urgency.trim_end_matches('*') {
        "unimportant" => Some(Severity::None),
        urgency => Severity::named(urgency),
    };
    advisory.standing = standing(&own);
    advisory.affected = Affected::below(fixed.as_deref());
    advisory.summary = summary(&description);
    sink.advisory(advisory);
    Ok(true)
}

fn standing(release: &Release<'_>) -> Standing {
    match (&*release.status, &*release.urgency, release.nodsa_reason.as_deref()) {
        ("undetermined", ..) => Standing::Undetermined,
        (_, "unimportant", _) => Standing::Unimportant,
        (_, "end-of-life", _) => Standing::EndOfLife,
        ("resolved", ..) => Standing::Open,
        (.., Some("ignored")) => Standing::Ignored,
        (.., Some("postponed")) => Standing::Postponed,
        (.., Some(_)) => Standing::NoDsa,
        _ if release.nodsa.is_some() => Standing::NoDsa,
        _ => Standing::Open,
    }
}

fn fixed_in(text: &str) -> Option<String> {
    let release: Release<'_> = serde_json::from_str(text).ok()?;
    let fixed = release.fixed_version.filter(|fixed| release.status == "resolved" && fixed != "0")?;
    Some(fixed.into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Told;
    use super::*;
    use crate::model::{Advisory, Turn};

    fn told(releases: &str) -> Told {
        let mut told = Told::default();
        let text = format!(
            r#"{{"curl": {{"CVE-2026-1": {{"description": "a\nb", "scope": "remote", "debianbug": 1,
                "releases": {releases}}}}}}}"#
        );
        read(text.as_bytes(), "bookworm", &mut told);
        told
    }

    fn one(own: &str, sid: &str) -> Advisory {
        let Told(mut all, problems, _) = told(&format!(r#"{{"bookworm": {own}, "sid": {sid}}}"#));
        assert_eq!((all.len(), problems.len()), (1, 0), "{problems:?}");
        all.pop().unwrap()
    }

    const NOT_YET: &str = r#"{"status": "open", "urgency": "not yet assigned"}"#;
    const DONE: &str = r#"{"status": "resolved", "fixed_version": "8-1", "urgency": "medium"}"#;

    #[test]
    fn resolved_and_open() {
        let fixed = |advisory: &Advisory| match &advisory.affected.ranges[0][..] {
            [_, (Turn::Fixed, version)] => version.clone(),
            _ => String::new(),
        };
        let resolved = one(r#"{"status": "resolved", "fixed_version": "7-1+deb12u1", "urgency": "high**"}"#, DONE);
        assert_eq!((&*fixed(&resolved), resolved.severity), ("7-1+deb12u1", Some(Severity::High)));
        assert_eq!((&*resolved.summary, &*resolved.id, &*resolved.ecosystem), ("a b", "CVE-2026-1", "deb"));
        assert_eq!(fixed(&one(NOT_YET, NOT_YET)), "");
        assert_eq!(fixed(&one(NOT_YET, DONE)), "8-1");
        // Not in unstable any more, or never: that says nothing of this release.
        assert_eq!(fixed(&one(NOT_YET, r#"{"status": "resolved", "fixed_version": "0"}"#)), "");
        assert_eq!(one(NOT_YET, DONE).severity, None);
    }

    #[test]
    fn what_the_distribution_makes_of_it() {
        let standing = |more: &str| one(&format!(r#"{{"status": "open", {more}}}"#), NOT_YET).standing;
        assert_eq!(standing(r#""urgency": "low""#), Standing::Open);
        assert_eq!(standing(r#""nodsa": "Minor issue", "nodsa_reason": """#), Standing::NoDsa);
        assert_eq!(standing(r#""nodsa": "Minor issue""#), Standing::NoDsa);
        assert_eq!(standing(r#""nodsa": "x", "nodsa_reason": "ignored""#), Standing::Ignored);
        assert_eq!(standing(r#""nodsa": "x", "nodsa_reason": "postponed""#), Standing::Postponed);
        assert_eq!(standing(r#""urgency": "end-of-life""#), Standing::EndOfLife);
        assert_eq!(standing(r#""urgency": "unimportant""#), Standing::Unimportant);
        assert_eq!(one(r#"{"status": "undetermined"}"#, NOT_YET).standing, Standing::Undetermined);
    }

    #[test]
    fn never_affected_is_silent_and_another_release_is_said() {
        let Told(all, problems, _) = told(r#"{"bookworm": {"status": "resolved", "fixed_version": "0"}}"#);
        assert!(all.is_empty() && problems.is_empty());
        let Told(all, problems, _) = told(&format!(r#"{{"trixie": {NOT_YET}}}"#));
        assert!(all.is_empty() && problems[0].contains("nothing about the release"), "{problems:?}");
    }

    #[test]
    fn what_makes_no_sense_is_told_and_left_out() {
        for own in [
            r#"{"status": "resolved"}"#,
            r#"{"status": "closed"}"#,
            "[]",
            r#"{"status": "resolved", "fixed_version": " "}"#,
        ] {
            let Told(all, problems, whom) = told(&format!(r#"{{"bookworm": {own}}}"#));
            assert!(
                all.is_empty() && problems[0].starts_with(r#""curl" "CVE-2026-1": left out: "#),
                "{own}: {problems:?}"
            );
            assert_eq!(whom, [Whom::These(vec![(ECOSYSTEM, "curl".to_owned())])], "{own}");
        }
        let mut told = Told::default();
        read(br#"{"a": {"CVE-1": {"releases": {"bookworm": {"status": "open"}}}}, "b": {"#, "bookworm", &mut told);
        assert_eq!((told.0.len(), told.1.len()), (1, 1));
    }
}
