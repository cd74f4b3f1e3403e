//! `omg audit log` and `omg audit verify`: the log of security decisions, shown and verified.
//!
//! There may be two: the machine's, which root writes, and one's own, of what was refused before root was asked.

use super::super::reply::{Remark, Reply};
use super::super::{clock, versions};
use crate::audit::log::{Checkpoint, Entry, FILE_NAME, Fault, Verdict, latest, verify};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::history::Journal;
use crate::model::AuditHead;
use crate::ops::signature::judge_file;
use crate::ops::{gate, history};
use crate::ui::{Style, Ui, clean};
use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const LIMIT: usize = 20;
/// So many changes of a plan are shown.
const SHOWN: usize = 6;

pub fn command() -> Command {
    let about = "Show the log of security decisions, newest first";
    Command::new("log").about(about).args(super::super::limits(LIMIT))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    show(ctx, super::super::limit(matches, LIMIT))
}

pub fn verify_command() -> Command {
    let path = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf)).value_hint(ValueHint::AnyPath)
    };
    let (checkpoint, keyring) = (path("checkpoint", "FILE"), path("keyring", "KEYS"));
    Command::new("verify")
        .about("Find what was changed in that log, removed or cut off")
        .arg(checkpoint.help("Also whether it holds what a checkpoint says, which `omg audit checkpoint` wrote"))
        .arg(keyring.requires("checkpoint").help("The keys, one of which has to have signed the checkpoint"))
}

pub(super) fn nothing() -> Remark {
    let hint = "one is begun with the first change of packages through omg".to_owned();
    Remark::Error { message: "there is no audit log".to_owned(), hint }
}

pub(super) fn logs(ctx: &Ctx) -> impl Iterator<Item = PathBuf> {
    ctx.place.state_folders().into_iter().map(|folder| folder.join(FILE_NAME))
}

#[derive(Serialize)]
struct Shown {
    log: String,
    seq: u64,
    time: String,
    uid: u32,
    user: String,
    event: String,
    details: Map<String, Value>,
    prev: String,
    hash: String,
}

fn show(ctx: &Ctx, limit: usize) -> Result<Reply> {
    let (mut all, mut remarks, mut found) = (Vec::new(), Vec::new(), 0);
    for path in logs(ctx).filter(|path| path.symlink_metadata().is_ok()) {
        found += 1;
        let log = path.display().to_string();
        let (entries, bad) = match latest(&path, limit.saturating_add(1)) {
            Ok(found) => found,
            Err(error) => {
                remarks.push(Remark::Warning(format!("{error:#}")));
                continue;
            }
        };
        if bad > 0 {
            remarks.push(Remark::Warning(format!("{log}: {bad} of its last lines are no entries")));
            remarks.push(Remark::Hint("`omg audit verify` looks at all of them".to_owned()));
        }
        all.extend(entries.into_iter().map(|entry| shown(&log, entry)));
    }
    let has_bad = !remarks.is_empty();
    // Those of one log stay as they stand in it.
    all.sort_by(|a, b| b.time.cmp(&a.time));
    if all.len() > limit {
        all.truncate(limit);
        remarks.push(Remark::Note("--all shows the rest".to_owned()));
    }
    if found == 0 || all.is_empty() && !has_bad && limit > 0 {
        remarks.push(nothing());
    }
    let exit = match (has_bad, all.is_empty()) {
        (true, _) => Exit::Partial,
        (false, true) => Exit::NothingFound,
        (false, false) => Exit::Found,
    };
    let zone = history::zone(&ctx.place.root);
    let text = move |ui: &Ui, all: &Vec<Shown>| all.iter().map(|entry| text(ui, entry, &zone)).collect();
    Ok(Reply::new(all, text, exit).with(remarks))
}

fn shown(log: &str, entry: Entry) -> Shown {
    let Entry { seq, time, uid, user, event, details, prev, hash } = entry;
    Shown { log: log.to_owned(), seq, time, uid, user, event, details, prev, hash }
}

fn text(ui: &Ui, entry: &Shown, zone: &TimeZone) -> String {
    let time = entry.time.parse::<Timestamp>().map_or(entry.time.clone(), |time| clock(time.as_second(), zone));
    let user = if entry.user.is_empty() { format!("uid {}", entry.uid) } else { entry.user.clone() };
    let number = ui.styled(Style::Name, &entry.seq.to_string());
    let is_bad = entry.event.ends_with("-refused") || entry.event.ends_with("-rejected");
    let event = if is_bad { ui.styled(Style::Warning, &clean(&entry.event)) } else { clean(&entry.event).into_owned() };
    let mut out = format!("{number}  {}  {}  {event}\n", line(&time), line(&user));
    // What is long comes last.
    let (lists, words): (Vec<_>, Vec<_>) = entry.details.iter().partition(|(_, value)| value.is_array());
    for (key, value) in words.into_iter().chain(lists) {
        for detail in details(key, value) {
            out.push_str(&format!("    {}\n", ui.fitted(&line(&detail), 4)));
        }
    }
    out
}

/// On one line, whatever it holds.
pub(super) fn line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

fn details(key: &str, value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![format!("{key}: {text}")],
        Value::Array(items) => {
            let mut lines: Vec<String> = items.iter().take(SHOWN).map(item).collect();
            if items.len() > SHOWN {
                lines.push(format!("and {} more: --json has all", items.len() - SHOWN));
            }
            lines
        }
        other => vec![format!("{key}: {other}")],
    }
}

/// A change or a refusal.
fn item(value: &Value) -> String {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    match (text("action"), text("message")) {
        ("", "") => value.to_string(),
        ("", message) => format!("{}: {message} ({}, line {})", text("package"), text("file"), value["line"]),
        (action, _) => {
            format!("{action:<9}  {} {}", text("name"), versions(text("old"), text("new")))
        }
    }
}

#[derive(Serialize)]
struct Checked {
    log: String,
    entries: u64,
    /// The hash of the last good one; `None` where there is none.
    head: Option<String>,
    recovered: u64,
    /// Entries that the journal knows.
    known: usize,
    fault: Option<Fault>,
}

/// A log held against what the journal knows of it.
pub(super) fn verified(path: &Path) -> Result<Verdict> {
    // Before the log is looked at, which may grow meanwhile.
    let heads = Journal::audit_heads(&path.with_file_name(history::FILE_NAME))?;
    verify(path, &heads)
}

/// A checkpoint whose signature was accepted, or not asked for.
fn checkpoint(ctx: &Ctx, matches: &ArgMatches) -> Result<Option<(Checkpoint, Option<Remark>)>> {
    const MAX_BYTES: u64 = 1 << 20;
    let Some(file) = matches.get_one::<PathBuf>("checkpoint") else { return Ok(None) };
    let describe = || format!("cannot read {}", file.display());
    let mut text = String::new();
    File::open(file).and_then(|open| open.take(MAX_BYTES).read_to_string(&mut text)).with_context(describe)?;
    let checkpoint = Checkpoint::read(&text).with_context(describe)?;
    let Some(keyring) = matches.get_one::<PathBuf>("keyring") else {
        let text = format!("who signed {} was not looked at: --keyring names the keys", line(&file.to_string_lossy()));
        return Ok(Some((checkpoint, Some(Remark::Warning(text)))));
    };
    let found = judge_file(&ctx.place, file, None, std::slice::from_ref(keyring))?;
    let verdict = found.verdict();
    if !gate::policy(&ctx.place.root)?.accepts(verdict) {
        let message = format!("the signature of {} is not accepted: {verdict}", file.display());
        let hint = format!("`omg audit signature {} --keyring {}` says more", file.display(), keyring.display());
        return Err(Hinted::new(Exit::Failed, message, hint).into());
    }
    Ok(Some((checkpoint, None)))
}

/// What of a checkpoint a log does not hold, as it is now.
fn departs(path: &Path, known: &Checkpoint, verdict: &Verdict) -> Result<Option<Fault>> {
    let name = path.display().to_string();
    let Some((_, head)) = known.heads.iter().find(|(log, _)| *log == name) else { return Ok(None) };
    if verdict.fault.is_some() {
        return Ok(None);
    }
    let fault = verify(path, std::slice::from_ref(head))?.fault;
    let why = format!("the checkpoint of {} knows another entry {}, or the log ends before it", known.time, head.seq);
    Ok(fault.map(|fault| Fault { why, ..fault }))
}

pub fn run_verify(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let known = checkpoint(ctx, matches)?;
    let (mut all, mut remarks, mut is_partial) = (Vec::new(), Vec::new(), false);
    for path in logs(ctx) {
        // Before the log is looked at, which may grow meanwhile.
        let heads = Journal::audit_heads(&path.with_file_name(history::FILE_NAME));
        let is_named = |(known, _): &(Checkpoint, _)| known.heads.iter().any(|(log, _)| Path::new(log) == path);
        if path.symlink_metadata().is_err()
            && heads.as_ref().is_ok_and(Vec::is_empty)
            && !known.as_ref().is_some_and(is_named)
        {
            continue;
        }
        let heads: Vec<AuditHead> = heads.unwrap_or_else(|error| {
            is_partial = true;
            remarks.push(Remark::Warning(format!("{error:#}; entries that were cut off would not be found")));
            Vec::new()
        });
        let verdict = verify(&path, &heads).and_then(|verdict| {
            let departs = known.as_ref().map(|(known, _)| departs(&path, known, &verdict)).transpose()?.flatten();
            Ok(Verdict { fault: verdict.fault.clone().or(departs), ..verdict })
        });
        let Verdict { entries, head, recovered, fault } = match verdict {
            Ok(verdict) => verdict,
            Err(error) => {
                is_partial = true;
                remarks.push(Remark::Warning(format!("{error:#}")));
                continue;
            }
        };
        let (log, head) = (path.display().to_string(), head.map(|head| head.hash));
        all.push(Checked { log, entries, head, recovered, known: heads.len(), fault });
    }
    if all.is_empty() && !is_partial {
        remarks.push(nothing());
    }
    if let Some((known, unasked)) = known {
        let is_here = |log: &String| all.iter().any(|checked| checked.log == *log);
        for (log, _) in known.heads.iter().filter(|(log, _)| !is_here(log)) {
            is_partial = true;
            remarks
                .push(Remark::Warning(format!("the checkpoint knows a log that is not looked at here: {}", line(log))));
        }
        remarks.extend(unasked);
    }
    let exit = match (all.iter().any(|log| log.fault.is_some()), all.is_empty()) {
        (true, _) => Exit::Failed,
        _ if is_partial => Exit::Partial,
        (_, true) => Exit::NothingFound,
        _ => Exit::Found,
    };
    let text = |ui: &Ui, all: &Vec<Checked>| all.iter().map(|log| checked(ui, log)).collect();
    Ok(Reply::new(all, text, exit).with(remarks))
}

fn checked(ui: &Ui, Checked { log, entries, recovered, known, fault, .. }: &Checked) -> String {
    let log = line(log);
    if let Some(Fault { line, why }) = fault {
        return format!("{log}: {} at line {line}: {why}\n", ui.styled(Style::Warning, "bad"));
    }
    let mended = match recovered {
        0 => String::new(),
        _ => format!(", {recovered} of them about a damaged end that was put aside"),
    };
    let good = ui.styled(Style::Good, "good");
    format!("{log}: {good}: {entries} entries, {known} known to the journal{mended}\n")
}
