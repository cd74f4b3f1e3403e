//! What vouches for a version of a package, in one word, and the evidence for it.
//!
//! The word is made of what was found out and of nothing else: no name is trusted for being that name, and what is not known counts as
//! not there. Who finds it out is `ops`.

use crate::model::Open;

/// The first is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// The distribution's own, signed, and no advisory is open.
    Locked,
    /// The distribution's own, or its publisher's, and signed.
    Verified,
    /// Somebody else's, and something vouches for it.
    Community,
    /// Nothing vouches for it, or it is known to be bad.
    Risk,
}

impl Grade {
    pub const ALL: [Grade; 4] = [Grade::Locked, Grade::Verified, Grade::Community, Grade::Risk];

    pub fn name(self) -> &'static str {
        ["locked", "verified", "community", "risk"][self as usize]
    }
}

/// Where a version comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A repository that says that it is the distribution's own.
    Distribution,
    /// Another repository that the machine was told of.
    Elsewhere,
    /// The AUR: anybody may write there.
    Aur,
    /// The publisher of a runtime.
    Publisher,
    /// An archive from nobody knows where.
    File,
}

/// What was found out.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    pub origin: Origin,
    /// Whether a signature by a key that is trusted vouches for it.
    pub signed: Option<bool>,
    /// What is known to be wrong with it, or why that is not known.
    pub open: Result<&'a Open, &'a str>,
}

/// A grade, and a sentence for each thing that made it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Graded {
    pub grade: Grade,
    pub evidence: Vec<String>,
}

impl Graded {
    pub fn of(found: &Evidence<'_>) -> Graded {
        let is_signed = found.signed == Some(true);
        let grave = found.open.ok().and_then(|open| open.grave.as_ref());
        let is_clean = found.open.is_ok_and(Open::is_empty);
        let grade = match (grave, found.origin) {
            (Some(_), _) => Grade::Risk,
            (None, Origin::Distribution) if is_signed && is_clean => Grade::Locked,
            (None, Origin::Distribution | Origin::Publisher) if is_signed => Grade::Verified,
            // Its checksum was stated by whoever made it; a recipe names those of what it fetches.
            (None, Origin::Publisher | Origin::Aur) => Grade::Community,
            (None, Origin::Elsewhere | Origin::File) if is_signed => Grade::Community,
            (None, _) => Grade::Risk,
        };
        let mut evidence = vec![signature(found), origin(found.origin).to_owned()];
        match found.open {
            Ok(open) => evidence.extend(advisories(open)),
            Err(why) => evidence.push(format!("whether advisories are open is not known: {why}")),
        }
        Graded { grade, evidence }
    }
}

fn signature(found: &Evidence<'_>) -> String {
    match (found.signed, found.origin) {
        (Some(true), Origin::Publisher) => "its publisher's signature vouches for it",
        (Some(true), _) => "a signature that this machine trusts vouches for it",
        (_, Origin::Publisher) => "its publisher's checksum vouches for it, and no signature does",
        (_, Origin::Aur) => "no signature vouches for it: its recipe names checksums",
        (Some(false), _) => "no signature vouches for it",
        (None, _) => "whether a signature vouches for it is not known",
    }
    .to_owned()
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Distribution => "it comes from the distribution",
        Origin::Elsewhere => "it comes from a repository that is not the distribution's",
        Origin::Aur => "it comes from the AUR, where anybody may write",
        Origin::Publisher => "it comes from its publisher",
        Origin::File => "it comes from no repository",
    }
}

fn advisories(open: &Open) -> Vec<String> {
    let mut all: Vec<String> = open.ignored.iter().map(|one| format!("an advisory is ignored: {one}")).collect();
    if open.is_empty() {
        all.push(if all.is_empty() { "no advisory is open" } else { "no other advisory is open" }.to_owned());
        return all;
    }
    if let Some((severity, id)) = &open.worst {
        all.push(format!("the worst open advisory is {id}, of severity {}", severity.name()));
    }
    if let [first, more @ ..] = open.unrated.as_slice() {
        let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
        all.push(format!("nobody has rated an open advisory: {first}{more}"));
    }
    if let Some(grave) = &open.grave {
        all.push(format!("{grave} is used against people, or severe"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Advisory, Affected, Ranking, Severity, Standing};

    fn advisory(severity: Option<Severity>, standing: Standing, exploited: bool) -> Advisory {
        Advisory {
            ecosystem: "deb".into(),
            package: "p".into(),
            id: "CVE-1".into(),
            aliases: Vec::new(),
            severity,
            vector: String::new(),
            score: None,
            standing,
            affected: Affected::below(None),
            summary: String::new(),
            ranking: Ranking { exploited, ..Ranking::default() },
        }
    }

    fn open(advisory: Advisory) -> Open {
        let mut open = Open::default();
        open.add(&advisory);
        open
    }

    /// Everything that can be found out, each with each: the grade never gets better by knowing less or worse.
    #[test]
    fn what_is_not_known_never_makes_a_grade_better() {
        let clean = Open::default();
        let mild = open(advisory(Some(Severity::Medium), Standing::Open, false));
        let unrated = open(advisory(None, Standing::Open, false));
        let severe = open(advisory(Some(Severity::High), Standing::Open, false));
        let origins = [Origin::Distribution, Origin::Elsewhere, Origin::Aur, Origin::Publisher, Origin::File];
        let opens = [Ok(&clean), Ok(&mild), Ok(&unrated), Err("x"), Ok(&severe)];
        for origin in origins {
            for signed in [Some(true), Some(false), None] {
                let of = |signed, open| Graded::of(&Evidence { origin, signed, open }).grade;
                let best = of(signed, Ok(&clean));
                for open in opens {
                    assert!(of(signed, open) >= best, "{origin:?} {signed:?} {open:?}");
                    assert!(of(Some(true), open) <= of(signed, open));
                    assert_eq!(of(Some(false), open), of(None, open));
                    let is_best = of(signed, open) == Grade::Locked;
                    assert_eq!(is_best, origin == Origin::Distribution && signed == Some(true) && open == Ok(&clean));
                }
                assert_eq!(of(signed, Ok(&severe)), Grade::Risk);
            }
        }
        let of = |origin, signed| Graded::of(&Evidence { origin, signed: Some(signed), open: Err("x") }).grade;
        assert_eq!(
            origins.map(|origin| of(origin, true).name()),
            ["verified", "community", "community", "verified", "community"]
        );
        assert_eq!(origins.map(|origin| of(origin, false).name()), ["risk", "risk", "community", "community", "risk"]);
    }

    #[test]
    fn what_the_distribution_calls_minor_is_not_grave_unless_it_is_used() {
        for (severity, standing, exploited, expected) in [
            (Some(Severity::Critical), Standing::Open, false, Grade::Risk),
            (Some(Severity::Critical), Standing::EndOfLife, false, Grade::Risk),
            (Some(Severity::Critical), Standing::NoDsa, false, Grade::Verified),
            (Some(Severity::Low), Standing::NoDsa, true, Grade::Risk),
            (None, Standing::Open, true, Grade::Risk),
            (None, Standing::Undetermined, false, Grade::Verified),
            (Some(Severity::High), Standing::Unimportant, false, Grade::Locked),
        ] {
            let open = open(advisory(severity, standing, exploited));
            let found = Evidence { origin: Origin::Distribution, signed: Some(true), open: Ok(&open) };
            let graded = Graded::of(&found);
            assert_eq!(graded.grade, expected, "{severity:?} {standing:?} {exploited}: {:?}", graded.evidence);
        }
    }

    #[test]
    fn the_evidence_says_what_was_found_and_what_was_not() {
        let found = Evidence { origin: Origin::Aur, signed: None, open: Err("there are no advisories") };
        assert_eq!(
            Graded::of(&found).evidence,
            [
                "no signature vouches for it: its recipe names checksums",
                "it comes from the AUR, where anybody may write",
                "whether advisories are open is not known: there are no advisories"
            ]
        );
    }
}
