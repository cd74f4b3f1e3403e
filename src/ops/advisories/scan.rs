//! Holds everything that is installed against the compiled advisories. Reads the index alone.

use super::order;
use crate::audit::vex::{Statement, Verdicts};
use crate::config::IgnoredAdvisory;
use crate::index::advisories::{Advisories, Meta, Publisher};
use crate::index::local::Advised;
use crate::index::{self, Index, LocalRow};
use crate::model::{Advisory, Field, Severity, Source, Standing};
use anyhow::Result;
use jiff::civil::Date;
use std::fs;
use std::path::Path;
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
    /// Installed packages that were looked up.
    pub packages: usize,
    /// Left out: below the threshold, unrated under one, without harm, and undetermined.
    pub milder: usize,
    pub unrated: usize,
    pub unimportant: usize,
    pub undetermined: usize,
    /// Why the answer is not whole.
    pub faults: Vec<String>,
    /// What is ignored no more, since its day has passed.
    pub expired: Vec<String>,
    /// Publisher, when its data were its newest, and how much it says.
    pub publishers: Vec<(String, i64, u32)>,
}

/// One fault in what is installed.
#[derive(Clone, Debug)]
pub struct Finding {
    pub source: Source,
    /// As advisories call the package, and its version.
    pub name: String,
    pub version: String,
    /// The installed packages that come of it.
    pub packages: Vec<Package>,
    pub advisory: Advisory,
    pub fix: Fix,
}

/// An installed package.
#[derive(Clone, Debug)]
pub struct Package {
    pub name: String,
    /// Empty for the machine's own.
    pub arch: String,
    pub version: String,
    pub candidate: String,
}

/// What mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// An upgrade of the packages brings this version.
    Offered(String),
    /// This version does, which no upgrade brings now.
    Elsewhere(String),
    None,
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

/// Looks at every installed package.
pub fn scan(index: &Index, request: &Request<'_>) -> Result<Report> {
    let advisories = match Advisories::open(&index.folder) {
        Err(index::Error::Missing(_)) => return Ok(without_data()),
        advisories => advisories?,
    };
    let mut report = Report::default();
    let Age { publishers, faults } = Age::of(&advisories.meta()?, request.now, request.max_age_days);
    (report.publishers, report.faults) = (publishers, faults);
    let advised = index.local.advised()?;
    report.packages = advised.iter().filter(|package| (request.shows)(package.source)).count();
    for source in [Source::Apt, Source::Pacman].into_iter().filter(|source| (request.shows)(*source)) {
        let is_there = advised.iter().any(|package| package.source == source);
        if is_there && !advisories.covers(ecosystem(source))? {
            report.faults.push(format!("nothing is known about the packages of {}", source.name()));
        }
    }
    let ignored = still_ignored(request, &mut report);
    for group in advised.chunk_by(|a, b| (a.source, &a.name, &a.version) == (b.source, &b.name, &b.version)) {
        if (request.shows)(group[0].source) {
            look_up(index, &advisories, group, request, &ignored, &mut report)?;
        }
    }
    report.findings.sort_by_cached_key(worst_first);
    Ok(report)
}

fn without_data() -> Report {
    Report { faults: vec!["there are no advisories to hold the packages against".to_owned()], ..Report::default() }
}

/// How old the data are, and what could not be read of them.
#[derive(Default)]
pub struct Age {
    pub publishers: Vec<(String, i64, u32)>,
    pub faults: Vec<String>,
}

impl Age {
    pub fn of(meta: &Meta, now: i64, max_age_days: u32) -> Age {
        let mut age = Age::default();
        for (publisher, input) in meta.publishers.iter().zip(&meta.inputs) {
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

pub fn ecosystem(source: Source) -> &'static str {
    if source == Source::Apt { "deb" } else { "alpm" }
}

fn still_ignored<'r>(request: &Request<'r>, report: &mut Report) -> Vec<&'r IgnoredAdvisory> {
    let has_passed = |ignored: &&IgnoredAdvisory| {
        ignored.until.as_ref().and_then(|until| until.parse::<Date>().ok()).is_some_and(|until| until < request.today)
    };
    let (passed, still): (Vec<_>, Vec<_>) = request.ignore.iter().partition(has_passed);
    report.expired = passed
        .iter()
        .map(|ignored| format!("{} was ignored until {}", ignored.id, ignored.until.as_deref().unwrap_or_default()))
        .collect();
    still
}

fn look_up(
    index: &Index,
    advisories: &Advisories,
    group: &[Advised],
    request: &Request<'_>,
    ignored: &[&IgnoredAdvisory],
    report: &mut Report,
) -> Result<()> {
    let Advised { source, name, version, .. } = &group[0];
    let Some(compare) = order(ecosystem(*source)) else { return Ok(()) };
    let mut found = Vec::new();
    advisories.affecting((ecosystem(*source), name), version, &compare, |number, advisory| {
        found.push((number, advisory));
    })?;
    if found.is_empty() {
        return Ok(());
    }
    let rows = group.iter().map(|package| index.local.row(package.rank)).collect::<index::Result<Vec<_>>>()?;
    let upgrade = upgrade(index, &rows)?;
    let packages: Vec<Package> = rows.into_iter().map(package).collect();
    let mut names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    names.push(name);
    let mut versions: Vec<&str> = packages.iter().map(|package| package.version.as_str()).collect();
    versions.push(version);
    let verdicts = Verdicts::new(request.vex, ecosystem(*source), &names, &versions);
    for (number, mut advisory) in found {
        if left_out(&advisory, request, report) {
            continue;
        }
        if request.texts {
            advisories.complete(number, &mut advisory)?;
        }
        let fix = match (&upgrade, advisory.affected.fixed_for(version, &compare)) {
            (Some(upgrade), _) if !advisory.affected.includes(upgrade, &compare) => Fix::Offered(upgrade.clone()),
            (_, Some(fixed)) => Fix::Elsewhere(fixed.to_owned()),
            _ => Fix::None,
        };
        let why = hush(&advisory, &names, ignored, &verdicts);
        let (name, version, packages) = (name.clone(), version.clone(), packages.clone());
        let finding = Finding { source: *source, name, version, packages, advisory, fix };
        match why {
            Some(why) => report.hushed.push(Hushed { finding, why }),
            None => report.findings.push(finding),
        }
    }
    Ok(())
}

fn package(row: LocalRow) -> Package {
    Package { name: row.name, arch: row.arch, version: row.version, candidate: row.candidate }
}

/// The version, as advisories know it, that an upgrade of all these packages brings; `None` where one of them stays.
fn upgrade(index: &Index, rows: &[LocalRow]) -> Result<Option<String>> {
    if !rows.iter().all(|row| row.upgradable) {
        return Ok(None);
    }
    let Some(row) = rows.first() else { return Ok(None) };
    offered(&index.catalogue, row).map(Some)
}

/// The candidate's version as advisories know it: that of its source.
pub fn offered(catalogue: &crate::index::Catalogue, row: &LocalRow) -> Result<String> {
    let of_source = match (row.source, row.catalogue) {
        (Source::Apt, Some(id)) => {
            let versions = catalogue.details(&catalogue.row(id)?)?;
            let candidate = versions.into_iter().find(|page| page.version == row.candidate);
            let fields = candidate.map(|page| page.fields).unwrap_or_default();
            fields.into_iter().find(|(field, _)| *field == Field::BaseVersion).map(|(_, text)| text)
        }
        _ => None,
    };
    Ok(of_source.unwrap_or_else(|| row.candidate.clone()))
}

/// Whether nobody asked for it; it is counted then.
fn left_out(advisory: &Advisory, request: &Request<'_>, report: &mut Report) -> bool {
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
fn hush(advisory: &Advisory, names: &[&str], ignored: &[&IgnoredAdvisory], verdicts: &Verdicts<'_>) -> Option<Why> {
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
fn worst_first(finding: &Finding) -> impl Ord + use<> {
    let Finding { advisory: Advisory { ranking, severity, score, id, .. }, name, .. } = finding;
    let rank = (ranking.exploited, *severity, *score, ranking.epss);
    (std::cmp::Reverse(rank), name.clone(), id.clone())
}
