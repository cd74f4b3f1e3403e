//! `omg audit scan`: what is known to be wrong with the installed packages.

use super::super::full_name;
use super::super::reply::{Remark, Reply};
use crate::audit::vex::{self, Statement};
use crate::config::Config;
use crate::context::Ctx;
use crate::error::Exit;
use crate::model::{Severity, Source, Standing};
use crate::ops::advisories::{Finding, Fix, Hushed, MAX_AGE_DAYS, Report, Request, Why, scan};
use crate::ui::{Cell, Style, Ui, table};
use anyhow::{Context, Result, anyhow};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use jiff::Zoned;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const MAX_VEX_BYTES: u64 = 64 << 20;

pub fn command() -> Command {
    Command::new("scan").about("Find what is known to be wrong with the installed packages").args(arguments())
}

pub fn arguments() -> [Arg; 3] {
    let names = Severity::ALL.map(Severity::name);
    [
        Arg::new("severity")
            .long("severity")
            .value_name("LEVEL")
            .value_parser(names[1..].to_vec())
            .help("Show only what is at least so bad"),
        Arg::new("vex")
            .long("vex")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .action(ArgAction::Append)
            .help("Believe an OpenVEX document about what does not affect you"),
        Arg::new("all")
            .long("all")
            .action(ArgAction::SetTrue)
            .help("Show also what is called unimportant or undetermined, and what is ignored"),
    ]
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let index = ctx.index()?;
    let settings = Config::read(&ctx.place.root)?.advisories;
    let vex = matches.get_many::<PathBuf>("vex").into_iter().flatten();
    let mut vex: Vec<Statement> = vex.map(|path| read_vex(path)).collect::<Result<Vec<_>>>()?.concat();
    vex.sort_by(|a, b| a.time.cmp(&b.time));
    let now = Zoned::now();
    let all = matches.get_flag("all");
    let request = Request {
        at_least: matches.get_one::<String>("severity").and_then(|name| Severity::named(name)),
        all,
        texts: ctx.json,
        shows: &|source| ctx.shows(source),
        vex: &vex,
        ignore: &settings.ignore,
        today: now.date(),
        now: now.timestamp().as_second(),
        max_age_days: settings.max_age_days.unwrap_or(MAX_AGE_DAYS),
    };
    let mut report = scan(&index, &request)?;
    if ctx.answered_stale() {
        report.faults.push("what is installed has changed since the index was made".to_owned());
    }
    report.faults.extend(index.status.problems.iter().map(|(path, message, _)| format!("{path}: {message}")));
    let exit = match report.findings.iter().any(counts) {
        true => Exit::Unsafe,
        false if report.faults.is_empty() => Exit::Found,
        false => Exit::Partial,
    };
    let remarks = remarks(&report);
    Ok(Reply::new(Answer::new(report), move |ui, answer| text(ui, answer, all), exit).with(remarks))
}

/// Whether it makes the machine unsafe: nobody says that it does no harm, or that nothing is known.
fn counts(finding: &Finding) -> bool {
    !matches!(finding.advisory.standing, Standing::Unimportant | Standing::Undetermined)
}

fn read_vex(path: &Path) -> Result<Vec<Statement>> {
    let describe = || format!("cannot read {}", path.display());
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_VEX_BYTES).read_to_end(&mut text)).with_context(describe)?;
    vex::read(&text).map_err(|error| anyhow!(error)).with_context(describe)
}

fn remarks(report: &Report) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = report.faults.iter().chain(&report.expired).cloned().map(Remark::Warning).collect();
    if !report.faults.is_empty() {
        remarks.push(Remark::Hint("`omg refresh --advisories` fetches what is known today".to_owned()));
    }
    let not_shown = [
        (report.milder, "below that severity"),
        (report.unrated, "that nobody has rated"),
        (report.unimportant, "called unimportant"),
        (report.undetermined, "undetermined"),
        (report.hushed.len(), "answered for"),
    ];
    let not_shown = not_shown.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let not_shown = not_shown.collect::<Vec<_>>().join(", ");
    if !not_shown.is_empty() {
        remarks.push(Remark::Note(format!("not shown: {not_shown}")));
    }
    let unsafe_count = report.findings.iter().filter(|finding| counts(finding)).count();
    // Where nothing was looked up, nothing is good.
    let verdict = match (unsafe_count, report.publishers.is_empty()) {
        (0, true) => return remarks,
        (0, false) => format!("nothing is known to be wrong with {} packages", report.packages),
        (count, _) => format!("{count} faults in {} packages", report.packages),
    };
    remarks.push(Remark::Note(verdict));
    remarks
}

#[derive(Serialize)]
struct Answer {
    /// How many installed packages were looked up.
    packages: usize,
    /// Whether all that was asked could be answered.
    complete: bool,
    problems: Vec<String>,
    publishers: Vec<Publisher>,
    findings: Vec<Shown>,
    suppressed: Vec<Suppressed>,
}

#[derive(Serialize)]
struct Publisher {
    name: String,
    /// When its data were known to be its newest, in seconds since 1970; `None` where there are none.
    checked: Option<i64>,
    count: u32,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    aliases: Vec<String>,
    source: Source,
    name: String,
    version: String,
    packages: Vec<ShownPackage>,
    severity: Option<Severity>,
    score: Option<f64>,
    vector: Option<String>,
    epss: Option<f64>,
    exploited: bool,
    ransomware: bool,
    standing: Standing,
    /// The version that mends it.
    fixed: Option<String>,
    /// Whether an upgrade brings it.
    fix_offered: bool,
    description: String,
}

#[derive(Serialize)]
struct ShownPackage {
    name: String,
    version: String,
    candidate: Option<String>,
}

#[derive(Serialize)]
struct Suppressed {
    /// `ignored` or what a VEX document says.
    by: &'static str,
    reason: String,
    until: Option<String>,
    #[serde(flatten)]
    finding: Shown,
}

impl Answer {
    fn new(report: Report) -> Answer {
        let suppressed = |Hushed { finding, why }| {
            let (by, reason, until) = match why {
                Why::Ignored { reason, until } => ("ignored", reason, until),
                Why::Vex { status, reason } => (status, reason, None),
            };
            Suppressed { by, reason, until, finding: shown(finding) }
        };
        let publisher = |(name, checked, count)| Publisher { name, checked: Some(checked).filter(|at| *at > 0), count };
        Answer {
            packages: report.packages,
            complete: report.faults.is_empty(),
            problems: report.faults,
            publishers: report.publishers.into_iter().map(publisher).collect(),
            findings: report.findings.into_iter().map(shown).collect(),
            suppressed: report.hushed.into_iter().map(suppressed).collect(),
        }
    }
}

fn shown(finding: Finding) -> Shown {
    let Finding { source, name, version, packages, advisory, fix } = finding;
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let (fixed, fix_offered) = match fix {
        Fix::Offered(version) => (Some(version), true),
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

fn text(ui: &Ui, answer: &Answer, all: bool) -> String {
    let mut rows: Vec<Vec<Cell<'_>>> = answer.findings.iter().map(|finding| row(finding, status(finding))).collect();
    if all {
        let hushed = |hushed: &'_ Suppressed| {
            let until = hushed.until.as_ref().map_or(String::new(), |until| format!(" until {until}"));
            format!("{}{until}: {}", hushed.by, hushed.reason)
        };
        rows.extend(answer.suppressed.iter().map(|one| row(&one.finding, hushed(one))));
    }
    table(ui, &rows)
}

fn row(finding: &Shown, status: String) -> Vec<Cell<'_>> {
    let style = match finding.severity {
        _ if finding.exploited => Style::Bad,
        Some(Severity::Critical | Severity::High) => Style::Bad,
        Some(Severity::Medium) => Style::Warning,
        _ => Style::Dim,
    };
    vec![
        Cell::styled(style, finding.severity.map_or("unknown", Severity::name)),
        Cell::plain(finding.score.map_or("-".to_owned(), |score| format!("{score:.1}"))),
        Cell::plain(finding.id.as_str()),
        Cell::styled(Style::Name, finding.name.as_str()),
        Cell::styled(Style::Version, finding.version.as_str()),
        Cell::plain(status),
    ]
}

/// What can be done, and how pressing it is.
fn status(finding: &Shown) -> String {
    let mut parts = Vec::new();
    if finding.exploited {
        parts.push(if finding.ransomware { "exploited, for ransom" } else { "exploited" }.to_owned());
    }
    let names: Vec<&str> = finding.packages.iter().map(|package| package.name.as_str()).collect();
    parts.push(match (&finding.fixed, finding.fix_offered) {
        (Some(version), true) => format!("fixed in {version}: omg upgrade {}", names.join(" ")),
        (Some(version), false) => format!("fixed in {version}, which no repository here has"),
        (None, _) => "no fix".to_owned(),
    });
    parts.extend(Some(finding.standing.words().to_owned()).filter(|words| !words.is_empty()));
    parts.extend(finding.epss.filter(|epss| *epss >= 0.01).map(|epss| format!("EPSS {:.0}%", epss * 100.0)));
    if !finding.aliases.is_empty() {
        parts.push(finding.aliases.join(" "));
    }
    parts.join("; ")
}
