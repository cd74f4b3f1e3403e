//! The answer of a scan, as `--json` shows it.

use super::super::super::full_name;
use crate::model::{Severity, Standing};
use crate::ops::advisories::{self, Finding, Fix, Hushed, Report, Spot, Unknown, Why};
use serde::Serialize;

#[derive(Serialize)]
pub struct Answer {
    /// How many packages were looked up: installed, or of lock files.
    pub packages: usize,
    /// Whether all that was asked could be answered.
    pub complete: bool,
    pub problems: Vec<String>,
    pub publishers: Vec<Publisher>,
    /// Runtimes of which no advisory speaks.
    pub runtimes_unknown: Vec<String>,
    pub files: Vec<LockFile>,
    pub findings: Vec<Shown>,
    pub unknown: Vec<Unknown>,
    pub suppressed: Vec<Suppressed>,
}

#[derive(Serialize)]
pub struct Publisher {
    name: String,
    /// When its data were known to be its newest, in seconds since 1970; `None` where there are none.
    checked: Option<i64>,
    count: u32,
}

#[derive(Serialize)]
pub struct LockFile {
    path: String,
    source: &'static str,
    packages: usize,
    own: usize,
}

#[derive(Serialize)]
pub struct Shown {
    pub id: String,
    pub aliases: Vec<String>,
    pub source: &'static str,
    pub name: String,
    pub version: String,
    pub packages: Vec<ShownPackage>,
    pub places: Vec<Spot>,
    pub severity: Option<Severity>,
    pub score: Option<f64>,
    vector: Option<String>,
    pub epss: Option<f64>,
    pub exploited: bool,
    pub ransomware: bool,
    pub standing: Standing,
    /// The version that mends it.
    pub fixed: Option<String>,
    /// Whether an upgrade brings it, or the registry has it.
    pub fix_offered: bool,
    pub description: String,
}

#[derive(Serialize)]
pub struct ShownPackage {
    pub name: String,
    version: String,
    candidate: Option<String>,
}

#[derive(Serialize)]
pub struct Suppressed {
    /// `ignored` or what a VEX document says.
    pub by: &'static str,
    pub reason: String,
    pub until: Option<String>,
    #[serde(flatten)]
    pub finding: Shown,
}

impl Suppressed {
    /// By what, until when, and the reason.
    pub fn why(&self) -> String {
        let until = self.until.as_ref().map_or(String::new(), |until| format!(" until {until}"));
        format!("{}{until}: {}", self.by, self.reason)
    }
}

impl Answer {
    pub fn new(report: Report) -> Answer {
        let suppressed = |Hushed { finding, why }| {
            let (by, reason, until) = match why {
                Why::Ignored { reason, until } => ("ignored", reason, until),
                Why::Vex { status, reason } => (status, reason, None),
            };
            Suppressed { by, reason, until, finding: shown(finding) }
        };
        let publisher = |(name, checked, count)| Publisher { name, checked: Some(checked).filter(|at| *at > 0), count };
        let file = |advisories::LockFile { path, source, packages, own }| {
            let path = path.display().to_string();
            LockFile { path, source, packages, own }
        };
        Answer {
            packages: report.packages,
            complete: report.is_whole(),
            problems: [report.unread, report.faults].concat(),
            publishers: report.publishers.into_iter().map(publisher).collect(),
            runtimes_unknown: report.runtimes_unknown,
            files: report.files.into_iter().map(file).collect(),
            findings: report.findings.into_iter().map(shown).collect(),
            unknown: report.unknown,
            suppressed: report.hushed.into_iter().map(suppressed).collect(),
        }
    }
}

fn shown(finding: Finding) -> Shown {
    let Finding { source, name, version, packages, places, advisory, fix } = finding;
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let (fixed, fix_offered) = match fix {
        Fix::Offered(version) | Fix::Registry(version) => (Some(version), true),
        Fix::Elsewhere(version) => (Some(version), false),
        Fix::None => (None, false),
    };
    let packages = packages.into_iter().map(|package| ShownPackage {
        name: full_name(&package.name, &package.arch),
        version: package.version,
        candidate: some(package.candidate),
    });
    Shown {
        id: advisory.id,
        aliases: advisory.aliases,
        source,
        name,
        version,
        packages: packages.collect(),
        places,
        severity: advisory.severity,
        score: advisory.score.map(|tenths| f64::from(tenths) / 10.0),
        vector: some(advisory.vector),
        epss: advisory.ranking.epss.map(|epss| f64::from(epss) / 100_000.0),
        exploited: advisory.ranking.exploited,
        ransomware: advisory.ranking.ransomware,
        standing: advisory.standing,
        fixed,
        fix_offered,
        description: advisory.summary,
    }
}
