//! `omg audit scan`: what is known to be wrong with the installed packages, or with what lock files name.

mod answer;
mod sarif;
mod text;

use super::super::reply::{Remark, Reply};
use super::two_forms;
use crate::audit::vex::{self, Statement};
use crate::config::{AdvisorySettings, Config};
use crate::context::Ctx;
use crate::error::Exit;
use crate::model::{Severity, Source, Standing};
use crate::ops::advisories::{Finding, MAX_AGE_DAYS, Report, Request, scan, scan_projects};
use crate::ops::lock_files;
use crate::ui::Ui;
use answer::Answer;
use anyhow::{Context, Result, anyhow};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where a user says what is asked for.
const CONFIG: &str = "~/.config/omg/config.toml";
const MAX_VEX_BYTES: u64 = 64 << 20;

pub fn command() -> Command {
    Command::new("scan")
        .about("Find what is known to be wrong with the installed packages, or with what lock files name")
        .arg(
            Arg::new("PATH")
                .num_args(0..)
                .value_parser(value_parser!(PathBuf))
                .help("Lock files, or folders with such [default: the installed packages]"),
        )
        .args(arguments())
}

/// What stands for it without its name, too.
pub fn arguments() -> [Arg; 4] {
    let names = Severity::ALL.map(Severity::name);
    [
        Arg::new("severity")
            .long("severity")
            .value_name("LEVEL")
            .value_parser(names[1..].to_vec())
            .help("Show only what is at least so bad"),
        vex_argument(),
        Arg::new("all")
            .long("all")
            .action(ArgAction::SetTrue)
            .help("Show also what is called unimportant or undetermined, and what is ignored"),
        Arg::new("sarif").long("sarif").action(ArgAction::SetTrue).help("Print SARIF 2.1.0"),
    ]
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let is_sarif = matches.get_flag("sarif");
    if is_sarif && ctx.json {
        return Err(two_forms());
    }
    let asked = Asked::of(ctx, matches)?;
    let all = matches.get_flag("all");
    let shows = |source| ctx.shows(source);
    let request = Request {
        at_least: matches.get_one::<String>("severity").and_then(|name| Severity::named(name)),
        all,
        texts: ctx.json || is_sarif,
        ..asked.request(&shows)
    };
    // Not known where it is asked without its name.
    let paths = matches.try_get_many::<PathBuf>("PATH").ok().flatten();
    let report = match paths {
        Some(paths) => {
            let files = lock_files::read(&paths.cloned().collect::<Vec<_>>())?;
            scan_projects(&ctx.place.folders(), &files, &request)?
        }
        None => of_machine(ctx, &request)?,
    };
    let is_known = report.is_whole();
    let exit = match report.findings.iter().any(counts) {
        true => Exit::Unsafe,
        false if is_known => Exit::Found,
        false => Exit::Partial,
    };
    let remarks = if is_sarif { Vec::new() } else { remarks(&report) };
    let text = move |ui: &Ui, answer: &Answer| match is_sarif {
        true => format!("{:#}\n", sarif::document(answer, all)),
        false => text::text(ui, answer, all),
    };
    Ok(Reply::new(Answer::new(report), text, exit).with(remarks))
}

pub fn of_machine(ctx: &Ctx, request: &Request<'_>) -> Result<Report> {
    let index = ctx.index()?;
    let runtimes = ctx.place.runtimes().filter(|_| ctx.backend.is_none());
    let mut report = scan(&index, runtimes.as_ref(), request)?;
    if ctx.answered_stale() {
        report.unread.push("what is installed has changed since the index was made".to_owned());
    }
    report.unread.extend(index.status.problems.iter().map(|(path, message, _)| format!("{path}: {message}")));
    Ok(report)
}

/// What a scan is asked besides its own flags.
pub struct Asked {
    settings: AdvisorySettings,
    vex: Vec<Statement>,
    now: Timestamp,
}

impl Asked {
    /// By the configuration, and by `--vex`.
    pub fn of(ctx: &Ctx, matches: &ArgMatches) -> Result<Asked> {
        let settings = Config::read(&ctx.place.root)?.advisories;
        let vex = matches.get_many::<PathBuf>("vex").into_iter().flatten();
        let mut vex: Vec<Statement> = vex.map(|path| read_vex(path)).collect::<Result<Vec<_>>>()?.concat();
        vex.sort_by(|a, b| a.time.cmp(&b.time));
        Ok(Asked { settings, vex, now: Timestamp::now() })
    }

    /// For all that counts, with descriptions.
    pub fn request<'r>(&'r self, shows: &'r dyn Fn(Source) -> bool) -> Request<'r> {
        Request {
            at_least: None,
            all: false,
            texts: true,
            shows,
            vex: &self.vex,
            ignore: &self.settings.ignore,
            // Of UTC: to know the zone, all of them would be looked for.
            today: self.now.to_zoned(TimeZone::UTC).date(),
            now: self.now.as_second(),
            max_age_days: self.settings.max_age_days.unwrap_or(MAX_AGE_DAYS),
        }
    }
}

pub fn vex_argument() -> Arg {
    Arg::new("vex")
        .long("vex")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .action(ArgAction::Append)
        .help("Believe a document in OpenVEX or CSAF about what does not affect you")
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

/// What could not be answered, and what helps.
pub fn doubts(report: &Report) -> Vec<Remark> {
    let told = report.unread.iter().chain(&report.faults).chain(&report.expired);
    let mut remarks: Vec<Remark> = told.cloned().map(Remark::Warning).collect();
    if !report.uncovered.is_empty() {
        let names = report.uncovered.iter().map(|registry| format!("{:?}", registry.name())).collect::<Vec<_>>();
        remarks.push(Remark::Hint(format!(
            "write `projects = [{}]` below `[advisories]` in {CONFIG}, then `omg refresh --advisories` fetches them",
            names.join(", ")
        )));
    } else if !report.faults.is_empty() {
        remarks.push(Remark::Hint("`omg refresh --advisories` fetches what is known today".to_owned()));
    }
    if !report.unknown.is_empty() {
        let unknown = report.unknown.len();
        remarks
            .push(Remark::Warning(format!("of {} it is not known whether they are good", counted(unknown, "package"))));
    }
    remarks
}

fn remarks(report: &Report) -> Vec<Remark> {
    let mut remarks = doubts(report);
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
    if !report.runtimes_unknown.is_empty() {
        remarks.push(Remark::Note(format!(
            "whether these runtimes are good is not known: {}",
            report.runtimes_unknown.join(", ")
        )));
    }
    let unsafe_count = report.findings.iter().filter(|finding| counts(finding)).count();
    let own: usize = report.files.iter().map(|file| file.own).sum();
    let mut looked = counted(report.packages, "package");
    if !report.files.is_empty() {
        looked += &format!(" of {}", counted(report.files.len(), "lock file"));
    }
    if report.runtimes > 0 {
        looked += &format!(" and {}", counted(report.runtimes, "runtime"));
    }
    // Where nothing was looked up, nothing is good.
    let mut verdict = match unsafe_count {
        0 if report.publishers.is_empty() || report.packages == 0 => return remarks,
        0 => format!("nothing is known to be wrong with {looked}"),
        count => format!("{} in {looked}", counted(count, "fault")),
    };
    if own > 0 {
        verdict += &format!("; {own} of the project's own were not looked up");
    }
    remarks.push(Remark::Note(verdict));
    remarks
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
