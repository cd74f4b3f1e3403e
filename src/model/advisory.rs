//! What is known to be wrong with versions of packages, as its publishers say it.

use std::cmp::Ordering;

/// How bad an advisory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It was looked for, and there is no advisory; or its publisher says that it does no harm.
    None,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Severity; 5] =
        [Severity::None, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    pub fn name(self) -> &'static str {
        ["none", "low", "medium", "high", "critical"][self as usize]
    }

    /// The one of that name, in any case.
    pub fn named(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.name().eq_ignore_ascii_case(name))
    }
}

/// What the publisher makes of an advisory for a package. The discriminants are part of the index format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Standing {
    /// Nothing but that the package is affected.
    Open = 0,
    /// Debian: too small for an update of its own; the next point release may bring it.
    NoDsa = 1,
    /// Debian: an update will come with the next one that is worth it.
    Postponed = 2,
    /// Debian: it will not be mended in this release.
    Ignored = 3,
    /// The package is not supported in this release any more.
    EndOfLife = 4,
    /// Debian: no harm to who uses the package as it is meant.
    Unimportant = 5,
    /// Nobody has found out yet whether the package is affected.
    Undetermined = 6,
}

impl Standing {
    const ALL: [Standing; 7] = [
        Standing::Open,
        Standing::NoDsa,
        Standing::Postponed,
        Standing::Ignored,
        Standing::EndOfLife,
        Standing::Unimportant,
        Standing::Undetermined,
    ];

    pub fn from_tag(tag: u8) -> Option<Standing> {
        Standing::ALL.get(usize::from(tag)).copied()
    }

    /// For people; empty where there is nothing to say.
    pub fn words(self) -> &'static str {
        match self {
            Standing::Open => "",
            Standing::NoDsa => "no update of its own (no-dsa)",
            Standing::Postponed => "postponed",
            Standing::Ignored => "ignored by the distribution",
            Standing::EndOfLife => "end of life",
            Standing::Unimportant => "unimportant",
            Standing::Undetermined => "undetermined",
        }
    }
}

/// What is open against one version of a package, as far as advisories tell. Nothing in it: they were asked, and named nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// The worst that is rated.
    pub worst: Option<(Severity, String)>,
    /// Those that nobody has rated, or of which nobody has found out whether they are there.
    pub unrated: Vec<String>,
    /// One that is used against people, or bad and not called minor by the distribution.
    pub grave: Option<String>,
    /// Those that somebody has answered for, which count for nothing else here, each with the reason.
    pub ignored: Vec<String>,
}

impl Open {
    /// Takes one that the version is affected by.
    pub fn add(&mut self, advisory: &Advisory) {
        let Advisory { id, severity, standing, ranking, .. } = advisory;
        match (standing, severity) {
            (Standing::Unimportant, _) => return,
            (Standing::Undetermined, _) | (_, None) => self.unrated.push(id.clone()),
            (_, Some(severity)) => {
                if self.worst.as_ref().is_none_or(|(worst, _)| worst < severity) {
                    self.worst = Some((*severity, id.clone()));
                }
            }
        }
        let is_bad = severity.is_some_and(|severity| severity >= Severity::High)
            && matches!(standing, Standing::Open | Standing::EndOfLife);
        if self.grave.is_none() && (ranking.exploited || is_bad) {
            self.grave = Some(id.clone());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.worst.is_none() && self.unrated.is_empty()
    }
}

/// Where along the order of versions something changes. The discriminants are part of the index format; where two stand at one
/// version, the greater one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Turn {
    /// Good from this version on.
    Fixed = 0,
    /// Bad from this version on; from the first on where the version is `0`.
    Introduced = 1,
    /// Good behind this version.
    LastAffected = 2,
    /// Nothing is said of this version and those behind it.
    Limit = 3,
}

impl Turn {
    pub fn from_tag(tag: u8) -> Option<Turn> {
        [Turn::Fixed, Turn::Introduced, Turn::LastAffected, Turn::Limit].get(usize::from(tag)).copied()
    }
}

/// A stretch of versions, by its turns, in any order: OSV's range.
pub type Range<S = String> = Vec<(Turn, S)>;
/// An order of versions.
pub type Order<'o> = &'o dyn Fn(&str, &str) -> Ordering;

/// The versions that are affected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected<S = String> {
    pub ranges: Vec<Range<S>>,
    /// Each by itself, whatever the ranges say.
    pub versions: Vec<S>,
}

impl Affected {
    /// All versions below `fixed`; all there are without it.
    pub fn below(fixed: Option<&str>) -> Affected {
        let from_the_first = (Turn::Introduced, "0".to_owned());
        let until = fixed.map(|fixed| (Turn::Fixed, fixed.to_owned()));
        Affected { ranges: vec![[from_the_first].into_iter().chain(until).collect()], versions: Vec::new() }
    }
}

impl<S: AsRef<str>> Affected<S> {
    /// Whether `version` is one of them, in the order of its ecosystem.
    pub fn includes(&self, version: &str, compare: Order<'_>) -> bool {
        self.versions.iter().any(|listed| compare(listed.as_ref(), version).is_eq())
            || self.ranges.iter().any(|range| is_within(range, version, compare))
    }

    /// Whether some range has it.
    pub fn has_in_range(&self, version: &str, compare: Order<'_>) -> bool {
        self.ranges.iter().any(|range| is_within(range, version, compare))
    }

    /// The version that ends the stretch which `version` is in: the lowest fixed one above it.
    pub fn fixed_for(&self, version: &str, compare: Order<'_>) -> Option<&str> {
        let turns = self.ranges.iter().flatten();
        let fixed = turns.filter(|(turn, _)| *turn == Turn::Fixed).map(|(_, fixed)| fixed.as_ref());
        let above = fixed.filter(|fixed| compare(fixed, version).is_gt());
        above.reduce(|lowest, fixed| if compare(fixed, lowest).is_lt() { fixed } else { lowest })
    }

    /// The version from which on none is affected, where that is all there is to say.
    pub fn plainly_below(&self) -> Option<&str> {
        match (&self.ranges[..], &self.versions[..]) {
            ([range], []) => match &range[..] {
                [(Turn::Introduced, first), (Turn::Fixed, fixed)] if first.as_ref() == "0" => Some(fixed.as_ref()),
                _ => None,
            },
            _ => None,
        }
    }
}

/// OSV's rule, without sorting, since not every order of versions is a total one: the last turn that `version` has passed decides.
fn is_within<S: AsRef<str>>(range: &Range<S>, version: &str, compare: Order<'_>) -> bool {
    let mut limits = range.iter().filter(|(turn, _)| *turn == Turn::Limit).map(|(_, limit)| limit.as_ref()).peekable();
    if limits.peek().is_some() && !limits.any(|limit| limit == "*" || compare(version, limit).is_lt()) {
        return false;
    }
    // The first of all versions is below any that the order may know.
    let order = |a: &str, b: &str| match (a == "0", b == "0") {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (true, true) => Ordering::Equal,
        _ => compare(a, b),
    };
    let has_passed = |(turn, at): &&(Turn, S)| match (turn, at.as_ref()) {
        (Turn::Introduced, "0") => true,
        (Turn::Introduced | Turn::Fixed, at) => compare(version, at).is_ge(),
        (Turn::LastAffected, at) => compare(version, at).is_gt(),
        (Turn::Limit, _) => false,
    };
    let later = |a: &(Turn, S), b: &(Turn, S)| order(a.1.as_ref(), b.1.as_ref()).then(a.0.cmp(&b.0)).is_gt();
    let passed = range.iter().filter(has_passed);
    let last = passed.reduce(|last, turn| if later(turn, last) { turn } else { last });
    last.is_some_and(|(turn, _)| *turn == Turn::Introduced)
}

/// One fault in one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// By purl's word for it: `alpm`, `deb`, `npm`, `pypi`, `cargo`, `golang`, `gem`, `composer`.
    pub ecosystem: String,
    /// The source package of apt's, the package of pacman's.
    pub package: String,
    /// `CVE-2026-1`, `AVG-1`, `GHSA-...`: what its publisher calls it.
    pub id: String,
    /// The other names that it has.
    pub aliases: Vec<String>,
    /// `None` where nobody has said.
    pub severity: Option<Severity>,
    /// A CVSS vector; empty where there is none.
    pub vector: String,
    /// Ten times its score.
    pub score: Option<u8>,
    pub standing: Standing,
    pub affected: Affected,
    /// One line.
    pub summary: String,
    pub ranking: Ranking,
}

/// How likely it is that a fault is used against somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    /// It has been used, CISA says: its list of known exploited vulnerabilities.
    pub exploited: bool,
    /// By those who want ransom.
    pub ransomware: bool,
    /// EPSS: the probability that it will be within 30 days, in hundred thousandths.
    pub epss: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(a: &str, b: &str) -> Ordering {
        a.parse::<u32>().ok().cmp(&b.parse().ok())
    }

    fn hits(turns: &[(Turn, &str)]) -> String {
        let range = turns.iter().map(|(turn, at)| (*turn, (*at).to_owned())).collect();
        let affected = Affected { ranges: vec![range], versions: Vec::new() };
        (0..10).map(|n| n.to_string()).filter(|n| affected.includes(n, &number)).collect()
    }

    #[test]
    fn ranges_as_the_specification_of_osv_has_them() {
        use Turn::{Fixed, Introduced, LastAffected, Limit};
        assert_eq!(hits(&[(Introduced, "0")]), "0123456789");
        assert_eq!(hits(&[(Introduced, "0"), (Fixed, "4")]), "0123");
        assert_eq!(hits(&[(Fixed, "4"), (Introduced, "2")]), "23");
        assert_eq!(hits(&[(Introduced, "2"), (LastAffected, "4")]), "234");
        assert_eq!(hits(&[(Introduced, "3"), (LastAffected, "3")]), "3");
        assert_eq!(hits(&[(Introduced, "1"), (Fixed, "3"), (Introduced, "5"), (Fixed, "7")]), "1256");
        assert_eq!(hits(&[(Introduced, "5"), (Fixed, "7"), (Introduced, "1"), (Fixed, "3")]), "1256");
        assert_eq!(hits(&[(Introduced, "1"), (Fixed, "3"), (Introduced, "3"), (Fixed, "4")]), "123");
        assert_eq!(hits(&[(Introduced, "0"), (Limit, "3")]), "012");
        assert_eq!(hits(&[(Introduced, "0"), (Limit, "*")]), "0123456789");
        assert_eq!(hits(&[(Fixed, "4")]), "");
        assert_eq!(hits(&[]), "");
    }

    #[test]
    fn what_mends_a_version_is_the_next_fix_above_it() {
        let mut affected = Affected::below(Some("7"));
        affected.ranges.push(vec![(Turn::Introduced, "1".into()), (Turn::Fixed, "3".into())]);
        assert_eq!(affected.fixed_for("2", &number), Some("3"));
        assert_eq!(affected.fixed_for("5", &number), Some("7"));
        assert_eq!(affected.fixed_for("8", &number), None);
        assert_eq!(Affected::below(None).fixed_for("1", &number), None);
    }

    #[test]
    fn single_versions_count_beside_the_ranges() {
        let affected = Affected { versions: vec!["04".into()], ..Affected::below(Some("2")) };
        let hit = |version| affected.includes(version, &number);
        assert_eq!([hit("1"), hit("2"), hit("4"), hit("5")], [true, false, true, false]);
    }

    #[test]
    fn each_tag_names_its_own() {
        assert!(Standing::ALL.iter().all(|standing| Standing::from_tag(*standing as u8) == Some(*standing)));
        assert_eq!((Standing::from_tag(7), Turn::from_tag(4)), (None, None));
        assert!((0..4).all(|tag| Turn::from_tag(tag).is_some_and(|turn| turn as u8 == tag)));
    }
}
