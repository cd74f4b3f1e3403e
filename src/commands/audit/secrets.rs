//! `omg audit secrets`: credentials in files, and in what git keeps of them.

use super::super::reply::{Remark, Reply};
use super::two_forms;
use crate::audit::sarif::{self, Level};
use crate::audit::secrets::{Baseline, Located, Report, Scanner, Sure, scan_files, scan_history};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ui::{Style, Ui, clean, human};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// So many problems are told one by one.
const SHOWN_PROBLEMS: usize = 10;
/// Of a path that could not be read.
const MAX_SHOWN_PATH: usize = 300;

pub fn command() -> Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("secrets")
        .about("Find credentials in files")
        .arg(
            Arg::new("PATH")
                .num_args(0..)
                .value_parser(value_parser!(PathBuf))
                .help("Files and folders [default: the current folder]"),
        )
        .arg(flag("history", "Look in what git keeps of the past, too"))
        .arg(flag("no-ignore", "Look in files that .gitignore names and git does not track, too"))
        .arg(file("baseline", "Pass over the findings that this file knows"))
        .arg(file("write-baseline", "Write what is found into this file instead of telling it").conflicts_with("sarif"))
        .arg(flag("sarif", "Print SARIF 2.1.0"))
}

/// What is found, and how much was looked at.
#[derive(Serialize)]
struct Answer {
    findings: Vec<Shown>,
    files: u64,
    objects: u64,
    bytes: u64,
    /// Findings that the baseline knows.
    known: u64,
    /// Findings that a comment allows.
    allowed: u64,
    /// Archives, which were not unpacked.
    packed: u64,
    /// Files and folders that `.gitignore` names.
    ignored: u64,
    problems: Vec<Unread>,
}

#[derive(Serialize)]
struct Shown {
    rule: &'static str,
    name: &'static str,
    sure: Sure,
    path: String,
    line: u64,
    column: u64,
    begins: String,
    length: usize,
    fingerprint: String,
    /// Of git's; `None` for a file.
    object: Option<String>,
    commit: Option<String>,
    time: Option<String>,
    /// As it is, where it is no UTF-8.
    #[serde(skip)]
    place: PathBuf,
}

#[derive(Serialize)]
struct Unread {
    path: String,
    message: String,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let is_sarif = matches.get_flag("sarif");
    if is_sarif && ctx.json {
        return Err(two_forms());
    }
    let mut report = scan(matches)?;
    let given = matches.get_one::<PathBuf>("baseline").map(|path| baseline(path)).transpose()?;
    if let Some(path) = matches.get_one::<PathBuf>("write-baseline") {
        return write_baseline(path, given, &report);
    }
    let known = given.as_ref().map_or(0, |known| known.pass_over(&mut report));
    let exit = match (report.findings.is_empty(), report.problems.is_empty()) {
        (false, _) => Exit::Unsafe,
        (true, false) => Exit::Partial,
        (true, true) => Exit::Found,
    };
    let answer = Answer::of(report, known);
    let remarks = remarks(&answer, given.map_or(0, |known| known.unexplained()), !is_sarif);
    let text = move |ui: &Ui, answer: &Answer| match is_sarif {
        true => format!("{:#}\n", sarif(answer)),
        false => answer.findings.iter().map(|finding| line(ui, finding)).collect(),
    };
    Ok(Reply::new(answer, text, exit).with(remarks))
}

fn scan(matches: &ArgMatches) -> Result<Report> {
    let paths: Vec<PathBuf> = matches.get_many("PATH").map_or(vec![".".into()], |paths| paths.cloned().collect());
    for path in &paths {
        if path.as_os_str() == "-" {
            let hint = "write it into a file, and `omg audit secrets FILE` reads that";
            return Err(Hinted::new(Exit::Usage, "standard input is not read", hint).into());
        }
        path.symlink_metadata().with_context(|| format!("cannot read {}", path.display()))?;
    }
    let scanner = Scanner::new()?;
    let mut report = scan_files(&scanner, &paths, matches.get_flag("no-ignore"));
    report.sort();
    if matches.get_flag("history") {
        // What is still there is told there alone; two paths may be in one repository.
        let mut told: HashSet<String> = report.findings.iter().map(|found| found.finding.fingerprint.clone()).collect();
        for path in &paths {
            let mut past = scan_history(&scanner, path);
            past.findings.retain(|found| !told.contains(&found.finding.fingerprint));
            told.extend(past.findings.iter().map(|found| found.finding.fingerprint.clone()));
            report.add(past);
        }
    }
    Ok(report)
}

fn baseline(path: &Path) -> Result<Baseline> {
    let told = || format!("cannot read {}", path.display());
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(Baseline::MAX_BYTES).read_to_string(&mut text)).with_context(told)?;
    Baseline::parse(&text).with_context(|| format!("{} is no baseline", path.display()))
}

/// What the file, or the baseline that was given, knew of its findings stays.
fn write_baseline(path: &Path, given: Option<Baseline>, report: &Report) -> Result<Reply> {
    let before = match given {
        Some(given) => given,
        None if path.exists() => baseline(path)?,
        None => Baseline::default(),
    };
    let (text, count) = before.write(&report.findings);
    let told = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(permissions()).tempfile_in(folder).with_context(told)?;
    file.write_all(text.as_bytes()).with_context(told)?;
    file.persist(path).with_context(told)?;
    let exit = if report.problems.is_empty() { Exit::Found } else { Exit::Partial };
    let remarks = [Remark::Note(format!(
        "{}: {}; a reason goes behind each, after ` # `",
        path.display(),
        counted(count as u64, "finding")
    ))];
    let problems = report.problems.iter().take(SHOWN_PROBLEMS).map(Remark::of_problem);
    Ok(Reply::new(Written { known: count }, |_, _| String::new(), exit).with(remarks).with(problems))
}

#[derive(Serialize)]
struct Written {
    known: usize,
}

fn permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

impl Answer {
    fn of(report: Report, known: u64) -> Answer {
        let unread = |problem: crate::model::Problem| Unread { path: shown(&problem.path), message: problem.message };
        Answer {
            findings: report.findings.into_iter().map(Shown::of).collect(),
            files: report.files,
            objects: report.objects,
            bytes: report.bytes,
            known,
            allowed: report.allowed,
            packed: report.packed,
            ignored: report.ignored,
            problems: report.problems.into_iter().map(unread).collect(),
        }
    }
}

impl Shown {
    fn of(Located { place, finding }: Located) -> Shown {
        let commit = place.origin.as_ref().and_then(|origin| origin.commit.clone());
        let time = commit.as_ref().and_then(|commit| Timestamp::from_second(commit.time).ok());
        Shown {
            rule: finding.rule.id,
            name: finding.rule.name,
            sure: finding.sure,
            path: shown(&place.path),
            line: finding.line,
            column: finding.column,
            begins: finding.begins,
            length: finding.length,
            fingerprint: finding.fingerprint,
            object: place.origin.map(|origin| origin.object),
            commit: commit.map(|commit| commit.id),
            time: time.map(|time| time.to_string()),
            place: place.path,
        }
    }

    /// `path:line:column`, and for git's which commit.
    fn origin(&self) -> String {
        let Shown { path, line, column, object, commit, time, .. } = self;
        let short = |id: &str| id.chars().take(12).collect::<String>();
        let day = time.as_deref().and_then(|time| time.split('T').next()).unwrap_or("an unknown time");
        match (object, commit) {
            (None, _) => format!("{path}:{line}:{column}"),
            (Some(_), Some(commit)) if path.is_empty() => format!("message of commit {} of {day}", short(commit)),
            (Some(_), Some(commit)) => format!("{path}:{line} in commit {} of {day}", short(commit)),
            (Some(object), None) => format!("object {}, line {line}, of no commit", short(object)),
        }
    }

    /// Never the secret: how it begins, and how long it is.
    fn what(&self) -> String {
        let sure = match self.sure {
            Sure::Proven => "",
            Sure::Shaped => ", by its form",
            Sure::Named => ", by the name beside it",
        };
        format!("{}: {}... ({} characters{sure})", self.name, self.begins, self.length)
    }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn line(ui: &Ui, finding: &Shown) -> String {
    let place = clean(&finding.origin()).replace('\n', " ");
    let what = finding.what();
    let style = if finding.sure == Sure::Named { Style::Warning } else { Style::Bad };
    format!("{}  {}\n", ui.styled(Style::Name, &place), ui.styled(style, &what))
}

fn remarks(answer: &Answer, unexplained: usize, for_a_person: bool) -> Vec<Remark> {
    let problem = |problem: &Unread| match problem.path.is_empty() {
        true => Remark::Warning(problem.message.clone()),
        false => Remark::Warning(format!("{}: {}", cut(&problem.path), problem.message)),
    };
    let mut remarks: Vec<Remark> = answer.problems.iter().take(SHOWN_PROBLEMS).map(problem).collect();
    if answer.problems.len() > SHOWN_PROBLEMS {
        remarks.push(Remark::Warning(format!("and {} more: --json has all", answer.problems.len() - SHOWN_PROBLEMS)));
    }
    if unexplained > 0 {
        remarks.push(Remark::Warning(format!("{unexplained} of the known findings have no reason in the baseline")));
    }
    let mut looked = vec![counted(answer.files, "file")];
    if answer.objects > 0 {
        looked.push(counted(answer.objects, "object") + " of git's");
    }
    let found = counted(answer.findings.len() as u64, "finding");
    let mut told = format!("{found} in {}, {}", looked.join(" and "), human(answer.bytes));
    if answer.known > 0 {
        told += &format!("; {} known ones passed over", answer.known);
    }
    if answer.allowed > 0 {
        told += &format!("; {} allowed by a comment", answer.allowed);
    }
    if answer.packed > 0 {
        told += &format!("; {} not unpacked", counted(answer.packed, "archive"));
    }
    if answer.ignored > 0 {
        told += &format!("; {} passed over by .gitignore", answer.ignored);
    }
    if for_a_person {
        remarks.push(Remark::Note(told));
    }
    if for_a_person && !answer.findings.is_empty() {
        let hint = "what was pushed or shown to anybody is no secret any more: replace it where it was issued";
        remarks.push(Remark::Hint(hint.to_owned()));
    }
    remarks
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A path may be longer than all else that is told.
fn cut(path: &str) -> String {
    match path.char_indices().nth(MAX_SHOWN_PATH) {
        Some((end, _)) => format!("{}...", &path[..end]),
        None => path.to_owned(),
    }
}

fn sarif(answer: &Answer) -> serde_json::Value {
    let found: Vec<sarif::Found> = answer
        .findings
        .iter()
        .map(|finding| sarif::Found {
            rule: finding.rule.to_owned(),
            rule_text: finding.name.to_owned(),
            score: None,
            level: match finding.sure {
                Sure::Proven | Sure::Shaped => Level::Error,
                Sure::Named => Level::Warning,
            },
            message: match &finding.object {
                None => finding.what(),
                Some(_) => format!("{} ({})", finding.what(), finding.origin()),
            },
            place: Some((finding.place.strip_prefix(".").unwrap_or(&finding.place).to_owned(), Some(finding.line)))
                .filter(|(path, _)| !path.as_os_str().is_empty()),
            fingerprint: Some(("omgSecret/v1", finding.fingerprint.clone())),
            suppressed: None,
        })
        .collect();
    let problems: Vec<String> =
        answer.problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
    sarif::document(&found, &problems)
}
