//! `omg history`: what was done to the machine's packages, when, by whom and how.

use super::reply::{Remark, Reply};
use super::{clock, full_name, versions};
use crate::context::Ctx;
use crate::error::Exit;
use crate::history::{FsSnapshot, Recorded};
use crate::model::{Change, Reason, Source};
use crate::ops::{World, history};
use crate::ui::{Style, Ui, clean};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use jiff::tz::TimeZone;
use serde::Serialize;

const LIMIT: usize = 20;
/// So many changes of a transaction are shown where it is one of several.
const SHOWN: usize = 6;

pub fn command() -> Command {
    Command::new("history")
        .about("Show what was done to packages, by whatever program, newest first")
        .arg(Arg::new("NAME").help("Only what touched this package; a number for that transaction alone, in full"))
        .args(super::limits(LIMIT))
}

#[derive(Serialize)]
struct Entry {
    id: i64,
    source: Source,
    /// Seconds since 1970.
    started: i64,
    ended: Option<i64>,
    user: String,
    command: String,
    failure: String,
    changes: Vec<Step>,
    /// Made before it, and with some programs after it.
    fs_snapshots: Vec<FsSnapshot>,
}

#[derive(Serialize)]
struct Step {
    name: String,
    action: &'static str,
    old_version: Option<String>,
    new_version: Option<String>,
    reason: Option<Reason>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let world = World::open(&ctx.place)?;
    let folder = ctx.state_folder()?;
    let (journal, problems) = history::journal(&world, &ctx.place.root, &folder)?;
    let wanted = matches.get_one::<String>("NAME");
    let limit = super::limit(matches, LIMIT);
    let number = wanted.and_then(|wanted| wanted.parse::<i64>().ok());
    let (name, arch) = match wanted.and_then(|wanted| wanted.split_once(':')) {
        Some((name, arch)) => (Some(name), Some(arch)),
        None => (wanted.map(String::as_str), None),
    };
    let (recorded, is_whole) = match number {
        Some(number) => (journal.transaction(number)?.into_iter().collect(), true),
        None => {
            let mut found = journal.latest(name, ctx.backend, limit.saturating_add(1))?;
            let is_whole = found.len() <= limit;
            found.truncate(limit);
            (found, is_whole)
        }
    };
    let mut remarks: Vec<Remark> = problems.iter().map(Remark::of_problem).collect();
    if recorded.is_empty() {
        let message = match (wanted, number) {
            (_, Some(number)) => format!("no transaction {number} is recorded"),
            (Some(name), _) => format!("nothing is recorded of {name}"),
            _ => "nothing is recorded".to_owned(),
        };
        let hint = "the journal knows what the package managers' logs told since it was begun".to_owned();
        remarks.push(Remark::Error { message, hint });
    }
    let shows = |change: &Change| {
        number.is_some() || name.is_none_or(|name| change.name == name) && arch.is_none_or(|arch| change.arch == arch)
    };
    let entries: Vec<Entry> = recorded.into_iter().map(|recorded| entry(recorded, &shows)).collect();
    let zone = history::zone(&ctx.place.root);
    let most = if number.is_some() || name.is_some() { usize::MAX } else { SHOWN };
    if !is_whole {
        remarks.push(Remark::Note("--all shows the rest".to_owned()));
    }
    let exit = match (entries.is_empty(), problems.is_empty()) {
        (_, false) => Exit::Partial,
        (false, true) => Exit::Found,
        (true, true) => Exit::NothingFound,
    };
    let text = move |ui: &Ui, entries: &Vec<Entry>| entries.iter().map(|entry| text(ui, entry, &zone, most)).collect();
    Ok(Reply::new(entries, text, exit).with(remarks))
}

fn entry(Recorded { id, transaction, fs_snapshots }: Recorded, shows: &dyn Fn(&Change) -> bool) -> Entry {
    let some = |version: String| Some(version).filter(|version| !version.is_empty());
    let changes = transaction.changes.into_iter().filter(shows).map(|change| Step {
        name: full_name(&change.name, &change.arch),
        action: change.action.key(),
        old_version: some(change.old),
        new_version: some(change.new),
        reason: change.reason,
    });
    Entry {
        id,
        source: transaction.source,
        started: transaction.started,
        ended: transaction.ended,
        user: transaction.user,
        command: transaction.command,
        failure: transaction.failure,
        changes: changes.collect(),
        fs_snapshots,
    }
}

fn text(ui: &Ui, entry: &Entry, zone: &TimeZone, most: usize) -> String {
    let time = clock(entry.started, zone);
    let mut head =
        vec![ui.styled(Style::Name, &entry.id.to_string()), time, ui.styled(Style::Dim, entry.source.name())];
    if !entry.user.is_empty() {
        head.push(clean(&entry.user).into_owned());
    }
    head.push(
        clean(if entry.command.is_empty() { "(no command recorded)" } else { &entry.command }).replace('\n', " "),
    );
    let mut out = ui.fitted(&head.join("  "), 0).into_owned() + "\n";
    if !entry.failure.is_empty() {
        out.push_str(&format!("    {}\n", ui.styled(Style::Warning, &clean(&entry.failure))));
    }
    for step in entry.changes.iter().take(most) {
        let text = |version: &Option<String>| version.clone().unwrap_or_default();
        let versions = versions(&text(&step.old_version), &text(&step.new_version));
        let reason = if step.reason == Some(Reason::Dependency) { "  (dependency)" } else { "" };
        out.push_str(&format!("    {:<9}  {} {}{reason}\n", step.action, clean(&step.name), clean(&versions)));
    }
    for made in &entry.fs_snapshots {
        out.push_str(&format!("    snapshot   {} {}\n", made.program, clean(&made.id)));
    }
    if entry.changes.len() > most {
        let rest = entry.changes.len() - most;
        out.push_str(&format!("    and {rest} more: omg history {}\n", entry.id));
    }
    out
}
