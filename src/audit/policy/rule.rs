//! One rule: what it demands of a package, and whether the facts meet it.

use super::license;
use crate::audit::grade::Grade;
use crate::audit::signature::Verdict;
use crate::model::{Open, Severity};

/// What is known of a package that is about to be installed. `None` is not known, and does not meet a rule that asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// With or without the architecture.
    pub name: &'a str,
    /// The family's name, or `runtime`.
    pub source: &'a str,
    /// As in [`Repository::name`](crate::model::Repository::name); `local` for a package file that was given by its path; empty where
    /// it is not known.
    pub repository: &'a str,
    /// As the package states them: expressions, of which all hold.
    pub licenses: Option<&'a [&'a str]>,
    pub signed: Option<bool>,
    /// The advisories that are open for this very version, or why that is not known.
    pub open: Result<&'a Open, &'a str>,
    pub grade: Grade,
    /// Seconds since 1970.
    pub published: Option<i64>,
    /// The same.
    pub now: i64,
}

/// What `policy.toml` may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Banned,
    AllowedLicenses,
    AllowedOrigins,
    RequiredSignatures,
    AcceptedSignatures,
    MaxSeverity,
    UnknownSeverityOrigins,
    MinimumGrade,
    MinimumReleaseAge,
    Locked,
}

impl Key {
    pub const ALL: [Key; 10] = [
        Key::Banned,
        Key::AllowedLicenses,
        Key::AllowedOrigins,
        Key::RequiredSignatures,
        Key::AcceptedSignatures,
        Key::MaxSeverity,
        Key::UnknownSeverityOrigins,
        Key::MinimumGrade,
        Key::MinimumReleaseAge,
        Key::Locked,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Key::Banned => "banned",
            Key::AllowedLicenses => "allowed_licenses",
            Key::AllowedOrigins => "allowed_origins",
            Key::RequiredSignatures => "required_signatures",
            Key::AcceptedSignatures => "accepted_signatures",
            Key::MaxSeverity => "max_severity",
            Key::UnknownSeverityOrigins => "unknown_severity_origins",
            Key::MinimumGrade => "minimum_grade",
            Key::MinimumReleaseAge => "minimum_release_age",
            Key::Locked => "locked",
        }
    }
}

/// What a rule asks for. In patterns `*` stands for any characters, and `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// One pattern of names; the others are rules of their own, since each has its line.
    Banned(String),
    Licenses(Vec<String>),
    Origins(Vec<String>),
    Signatures(bool),
    /// No demand on packages: what `omg audit signature` accepts besides what is plainly good.
    Accepted(Vec<Verdict>),
    Severity(Severity),
    /// No demand on packages: of what comes from there [`Demand::Severity`] forbids nothing but what is known.
    UnknownSeverity(Vec<String>),
    Grade(Grade),
    ReleaseAgeHours(u32),
    /// No demand on packages: lower layers may not set these.
    Locked(Vec<Key>),
}

impl Demand {
    pub fn key(&self) -> Key {
        match self {
            Demand::Banned(_) => Key::Banned,
            Demand::Licenses(_) => Key::AllowedLicenses,
            Demand::Origins(_) => Key::AllowedOrigins,
            Demand::Signatures(_) => Key::RequiredSignatures,
            Demand::Accepted(_) => Key::AcceptedSignatures,
            Demand::Severity(_) => Key::MaxSeverity,
            Demand::UnknownSeverity(_) => Key::UnknownSeverityOrigins,
            Demand::Grade(_) => Key::MinimumGrade,
            Demand::ReleaseAgeHours(_) => Key::MinimumReleaseAge,
            Demand::Locked(_) => Key::Locked,
        }
    }

    /// As they stand in the file, one for each of a list.
    pub fn values(&self) -> Vec<String> {
        match self {
            Demand::Banned(pattern) => vec![pattern.clone()],
            Demand::Licenses(list) | Demand::Origins(list) | Demand::UnknownSeverity(list) => list.clone(),
            Demand::Signatures(required) => vec![required.to_string()],
            Demand::Accepted(verdicts) => verdicts.iter().map(Verdict::to_string).collect(),
            Demand::Severity(most) => vec![most.name().to_owned()],
            Demand::Grade(least) => vec![least.name().to_owned()],
            Demand::ReleaseAgeHours(hours) => vec![span(i64::from(*hours) * HOUR)],
            Demand::Locked(keys) => keys.iter().map(|key| key.name().to_owned()).collect(),
        }
    }

    /// Whether there are facts that it is not met by.
    pub fn forbids(&self) -> bool {
        !matches!(
            self,
            Demand::Signatures(false)
                | Demand::Accepted(_)
                | Demand::UnknownSeverity(_)
                | Demand::Grade(Grade::Risk)
                | Demand::Locked(_)
        )
    }

    /// What is wrong with a package; `None` where it meets the demand.
    pub fn fault(&self, facts: &Facts<'_>) -> Option<String> {
        match self {
            Demand::Banned(pattern) => {
                let plain = facts.name.split(':').next().unwrap_or_default();
                [facts.name, plain].iter().any(|name| matches(pattern, name)).then(|| format!("banned by {pattern:?}"))
            }
            Demand::Licenses(allowed) => license_fault(allowed, facts.licenses),
            Demand::Origins(allowed) => origin_fault(allowed, facts),
            Demand::Signatures(false) | Demand::Accepted(_) | Demand::UnknownSeverity(_) | Demand::Locked(_) => None,
            Demand::Signatures(true) => match facts.signed {
                Some(true) => None,
                Some(false) => Some("is not signed".to_owned()),
                None => unknown("its signature", "whether it is signed is not known"),
            },
            Demand::Severity(most) => match facts.open {
                Err(why) => unknown("its severity", why),
                Ok(open) => severity_fault(*most, open),
            },
            Demand::Grade(least) if facts.grade <= *least => None,
            Demand::Grade(least) => Some(format!("is of grade {}, below {}", facts.grade.name(), least.name())),
            Demand::ReleaseAgeHours(hours) => age_fault(i64::from(*hours) * HOUR, facts),
        }
    }
}

const HOUR: i64 = 3600;

/// Whether a rule names the origin as one of which it need not be known what is open.
pub fn lets_unknown_severity_pass(demand: &Demand, facts: &Facts<'_>) -> bool {
    matches!(demand, Demand::UnknownSeverity(origins) if is_from(origins, facts))
}

fn unknown(what: &str, why: &str) -> Option<String> {
    Some(format!("{what} could not be checked: {why}"))
}

fn severity_fault(most: Severity, open: &Open) -> Option<String> {
    match (&open.worst, open.unrated.as_slice()) {
        (Some((worst, id)), _) if *worst > most => {
            Some(format!("has an advisory of severity {}, above {}: {id}", worst.name(), most.name()))
        }
        // However bad it is.
        _ if most == Severity::Critical => None,
        (_, [id]) => unknown("its severity", &format!("{id} is open, and nobody has rated it")),
        (_, [id, more @ ..]) if !more.is_empty() => {
            unknown("its severity", &format!("{id} and {} more are open, and nobody has rated them", more.len()))
        }
        _ => None,
    }
}

fn license_fault(allowed: &[String], licenses: Option<&[&str]>) -> Option<String> {
    match licenses {
        None | Some([]) => unknown("its licence", "none is known"),
        Some(stated) => {
            let bad = stated.iter().find(|license| !license::allows(allowed, license))?;
            Some(format!("licence {bad:?} is not allowed"))
        }
    }
}

fn origin_fault(allowed: &[String], facts: &Facts<'_>) -> Option<String> {
    let repository = facts.repository;
    if repository.is_empty() {
        return unknown("its origin", "no repository is known");
    }
    if is_from(allowed, facts) {
        return None;
    }
    Some(format!("origin {repository:?} ({}) is not allowed", family(facts)))
}

/// Whether it comes from one of these. The name of a family stands for its repositories, not for files from anywhere.
fn is_from(origins: &[String], facts: &Facts<'_>) -> bool {
    let (repository, family) = (facts.repository, family(facts));
    let is_it = |pattern: &String| matches(pattern, repository) || repository != "local" && matches(pattern, family);
    !repository.is_empty() && origins.iter().any(is_it)
}

/// pacman installs what was built from the AUR, but does not offer it.
fn family<'a>(facts: &Facts<'a>) -> &'a str {
    if facts.repository == "aur" { "aur" } else { facts.source }
}

fn age_fault(least: i64, facts: &Facts<'_>) -> Option<String> {
    let Some(published) = facts.published else { return unknown("its age", "when it was released is not known") };
    match facts.now.saturating_sub(published) {
        age if age < 0 => unknown("its age", "its release lies in the future"),
        age if age < least => Some(format!("was released {} ago, less than {}", span(age), span(least))),
        _ => None,
    }
}

/// A time as people and `policy.toml` write it.
fn span(secs: i64) -> String {
    let hours = secs / HOUR;
    match (hours, hours % 24) {
        (0, _) => "less than an hour".to_owned(),
        (24, 0) => "1 day".to_owned(),
        (_, 0) => format!("{} days", hours / 24),
        (1, _) => "1 hour".to_owned(),
        _ => format!("{hours} hours"),
    }
}

/// Whether all of `text` is as the pattern says.
pub(in crate::audit) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what is behind the last star did not match: no recursion, so no pattern that takes forever.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                star = Some((p, t));
            }
            Some(one) if *one == b'?' || *one == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((behind, from)) = star else { return false };
                (p, t) = (behind, from + 1);
                star = Some((behind, t));
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}
