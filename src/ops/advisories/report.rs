//! What a scan is asked and what it finds, whatever it looks at: how old the data are, what nobody asked for, who has answered for a
//! finding.

use crate::audit::vex::{Statement, Verdicts};
use crate::config::IgnoredAdvisory;
use crate::index::advisories::{Meta, Publisher};
pub use crate::index::matched::Package;
use crate::model::{Advisory, Ecosystem, Severity, Source, Standing};
use jiff::civil::Date;
use serde::{Serialize, Serializer};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What is asked.
pub struct Request<'r> {
    /// Less bad ones are not shown, nor those that nobody has rated.
    pub at_least: Option<Severity>,
    /// Those too that do no harm, and those of which nobody knows.
    pub all: bool,
    /// Descriptions and vectors too.
    pub texts: bool,
    pub shows: &'r dyn Fn(Source) -> bool,
    pub vex: &'r [Statement],
    pub ignore: &'r [IgnoredAdvisory],
    pub today: Date,
    /// Seconds since 1970.
    pub now: i64,
    pub max_age_days: u32,
}

/// What was found.
#[derive(Default)]
pub struct Report {
    /// Worst first.
    pub findings: Vec<Finding>,
    /// What was found and somebody has answered for.
    pub hushed: Vec<Hushed>,
    /// What is not known to be good, though nothing is known to be wrong with it.
    pub unknown: Vec<Unknown>,
    /// Packages that were looked up: installed, or of lock files, each version once.
    pub packages: usize,
    /// Registries of which nothing is known.
    pub uncovered: Vec<Ecosystem>,
    /// Runtimes that were looked up, and those of which no advisory speaks.
    pub runtimes: usize,
    pub runtimes_unknown: Vec<String>,
    /// The lock files that were read.
    pub files: Vec<LockFile>,
    /// Left out: below the threshold, unrated under one, without harm, and undetermined.
    pub milder: usize,
    pub unrated: usize,
    pub unimportant: usize,
    pub undetermined: usize,
    /// What could not be read of what was looked at.
    pub unread: Vec<String>,
    /// What is missing or wrong with the data.
    pub faults: Vec<String>,
    /// What is ignored no more, since its day has passed.
    pub expired: Vec<String>,
    /// Publisher, when its data were its newest, and how much it says.
    pub publishers: Vec<(String, i64, u32)>,
}

impl Report {
    /// Whether what is not among the findings is known to be good.
    pub fn is_whole(&self) -> bool {
        self.unread.is_empty() && self.faults.is_empty() && self.unknown.is_empty()
    }
}

/// One fault in a package.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The family of an installed package, else the registry as OSV calls it.
    pub source: &'static str,
    /// As advisories call the package, and its version.
    pub name: String,
    pub version: String,
    /// The installed packages that come of it.
    pub packages: Vec<Package>,
    /// Where lock files name it.
    pub places: Vec<Spot>,
    pub advisory: Advisory,
    pub fix: Fix,
}

/// What mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// An upgrade of the packages brings this version.
    Offered(String),
    /// This version does, which no upgrade brings now.
    Elsewhere(String),
    /// This version does, and its registry has it.
    Registry(String),
    None,
}

/// A line of a lock file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Spot {
    #[serde(serialize_with = "shown")]
    pub file: PathBuf,
    /// From 1; `None` where it is not known.
    pub line: Option<u32>,
    /// Whether only development asks for it there; `None` where the file does not say it.
    #[serde(rename = "dev")]
    pub is_dev: Option<bool>,
}

/// As much of a path as is text.
fn shown<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

/// A package of which it is not known whether it is good.
#[derive(Clone, Debug, Serialize)]
pub struct Unknown {
    pub source: &'static str,
    pub name: String,
    /// `None` where none is pinned.
    pub version: Option<String>,
    pub places: Vec<Spot>,
    /// The advisories that leave it open, where it is they.
    pub ids: Vec<String>,
    pub reason: String,
}

/// A lock file, and how many packages it names.
#[derive(Clone, Debug)]
pub struct LockFile {
    pub path: PathBuf,
    pub source: &'static str,
    pub packages: usize,
    /// Of these, the project's own, of which no advisory speaks.
    pub own: usize,
}

/// A finding that is passed over.
pub struct Hushed {
    pub finding: Finding,
    pub why: Why,
}

/// Who has answered for it.
pub enum Why {
    Ignored { reason: String, until: Option<String> },
    Vex { status: &'static str, reason: String },
}

/// How old the data are, and what could not be read of them.
#[derive(Default)]
pub struct Age {
    pub publishers: Vec<(String, i64, u32)>,
    pub faults: Vec<String>,
}

impl Age {
    /// Of all publishers that `concerns` takes by their names.
    pub fn of(meta: &Meta, now: i64, max_age_days: u32, concerns: impl Fn(&str) -> bool) -> Age {
        let mut age = Age::default();
        let both = meta.publishers.iter().zip(&meta.inputs);
        for (publisher, input) in both.filter(|(publisher, _)| concerns(&publisher.name)) {
            age.add(publisher, checked(&input.path), now, max_age_days);
        }
        age
    }

    fn add(&mut self, publisher: &Publisher, checked: i64, now: i64, max_age_days: u32) {
        let name = &publisher.name;
        self.publishers.push((name.clone(), checked, publisher.count));
        if let Some(first) = publisher.problems.first() {
            let more = match publisher.problem_count {
                0 | 1 => String::new(),
                count => format!(", and {} more", count - 1),
            };
            self.faults.push(format!("{name}: {first}{more}"));
        }
        let days = (now - checked) / 86_400;
        if checked > now + 86_400 {
            self.faults.push(format!("{name}: its data are from the future; one of two clocks is wrong"));
        } else if checked > 0 && days > i64::from(max_age_days) {
            self.faults.push(format!("{name}: its data are {days} days old"));
        }
    }
}

/// When a kept copy was known to be the newest, in seconds since 1970: the time of its note, else its own. 0 where there is none.
pub fn checked(path: &str) -> i64 {
    let modified = |path: &Path| fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok();
    let time = modified(Path::new(&format!("{path}.http"))).or_else(|| modified(Path::new(path)));
    time.map_or(0, |time| time.as_secs() as i64)
}

/// Whether the last day on which it is ignored is behind us.
pub fn has_passed(ignored: &IgnoredAdvisory, today: Date) -> bool {
    ignored.until.as_ref().and_then(|until| until.parse::<Date>().ok()).is_some_and(|until| until < today)
}

/// What is ignored today; what is no more is told.
pub fn still_ignored<'r>(request: &Request<'r>, report: &mut Report) -> Vec<&'r IgnoredAdvisory> {
    let (passed, still): (Vec<_>, Vec<_>) =
        request.ignore.iter().partition(|ignored| has_passed(ignored, request.today));
    report.expired = passed
        .iter()
        .map(|ignored| format!("{} was ignored until {}", ignored.id, ignored.until.as_deref().unwrap_or_default()))
        .collect();
    still
}

/// Whether nobody asked for it; it is counted then.
pub fn left_out(advisory: &Advisory, request: &Request<'_>, report: &mut Report) -> bool {
    let count = match (advisory.standing, advisory.severity, request.at_least) {
        (Standing::Undetermined, ..) if !request.all => &mut report.undetermined,
        (Standing::Unimportant, ..) if !request.all => &mut report.unimportant,
        (_, None, Some(_)) => &mut report.unrated,
        (_, Some(severity), Some(least)) if severity < least => &mut report.milder,
        _ => return false,
    };
    *count += 1;
    true
}

/// Who has answered for it. What stands for several CVE is answered for when each of them is.
pub fn hush(advisory: &Advisory, names: &[&str], ignored: &[&IgnoredAdvisory], verdicts: &Verdicts<'_>) -> Option<Why> {
    let is_about =
        |ignored: &&&IgnoredAdvisory| ignored.package.as_deref().is_none_or(|package| names.contains(&package));
    let by_list = |id: &str| {
        let known = ignored.iter().filter(is_about).find(|ignored| ignored.id == id)?;
        Some(Why::Ignored { reason: known.reason.clone(), until: known.until.clone() })
    };
    let by_vex = |id: &str| {
        let statement = verdicts.clears(id)?;
        Some(Why::Vex { status: statement.status.name(), reason: statement.reason.clone() })
    };
    let by = |id: &str| by_list(id).or_else(|| by_vex(id));
    let cves: Vec<&String> = advisory.aliases.iter().filter(|alias| alias.starts_with("CVE-")).collect();
    by(&advisory.id).or_else(|| match cves.len() {
        0 | 1 => advisory.aliases.iter().find_map(|alias| by(alias)),
        _ => cves.into_iter().map(|id| by(id)).collect::<Option<Vec<_>>>()?.pop(),
    })
}

/// Used ones, then the severe ones, then the likely ones.
pub fn worst_first(finding: &Finding) -> impl Ord + use<> {
    let Finding { advisory: Advisory { ranking, severity, score, id, .. }, name, .. } = finding;
    let rank = (ranking.exploited, *severity, *score, ranking.epss);
    (std::cmp::Reverse(rank), name.clone(), id.clone())
}
