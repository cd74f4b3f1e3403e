//! `omg blame`: since when a package is as it is, by what, and why.

use super::change::because;
use super::reply::{Remark, Reply};
use super::{clock, full_name, unknown, versions};
use crate::context::Ctx;
use crate::error::Exit;
use crate::history::Recorded;
use crate::model::{Change, Plan, Reason, Source, Transaction};
use crate::ops::{World, history};
use crate::ui::{Style, Ui, clean};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use jiff::tz::TimeZone;
use serde::Serialize;

pub fn command() -> Command {
    Command::new("blame")
        .about("Show since when a package is as it is, by which command, and why")
        .arg(Arg::new("NAME").required(true).help("A package"))
}

#[derive(Serialize)]
struct Blamed {
    name: String,
    source: Source,
    /// The transaction's number.
    id: i64,
    action: &'static str,
    old_version: Option<String>,
    new_version: Option<String>,
    /// Seconds since 1970.
    time: i64,
    command: String,
    user: String,
    reason: Option<Reason>,
    /// Only of what omg did.
    why: Option<String>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let typed = matches.get_one::<String>("NAME").expect("it is required");
    let (name, arch) = typed.split_once(':').map_or((typed.as_str(), None), |(name, arch)| (name, Some(arch)));
    let world = World::open(&ctx.place)?;
    let (journal, problems) = history::journal(&world, &ctx.place.root, &ctx.state_folder()?)?;
    let mut all = Vec::new();
    for Recorded { id, transaction, .. } in journal.latest(Some(name), ctx.backend, usize::MAX)? {
        let plan = journal.plan(id)?;
        for change in &transaction.changes {
            if change.name == name && arch.is_none_or(|arch| change.arch == arch) {
                all.push(blamed(id, &transaction, change, plan.as_ref()));
            }
        }
        // Whatever was before it came to the machine does not explain what is there.
        if all.last().is_some_and(|last| last.old_version.is_none()) {
            break;
        }
    }
    if all.is_empty() && ctx.index()?.local.find(name)?.is_empty() {
        return Err(unknown(&*ctx.index()?, name, "is installed or recorded")?);
    }
    let mut remarks: Vec<Remark> = problems.iter().map(Remark::of_problem).collect();
    if all.is_empty() {
        let hint = "the logs begin later, or were taken away before omg first read them".to_owned();
        remarks.push(Remark::Error { message: format!("nothing is recorded of {name}"), hint });
    }
    let exit = match (all.is_empty(), problems.is_empty()) {
        (_, false) => Exit::Partial,
        (true, true) => Exit::NothingFound,
        (false, true) => Exit::Found,
    };
    let zone = history::zone(&ctx.place.root);
    let text = move |ui: &Ui, all: &Vec<Blamed>| all.iter().map(|one| text(ui, one, &zone)).collect();
    Ok(Reply::new(all, text, exit).with(remarks))
}

fn blamed(id: i64, transaction: &Transaction, change: &Change, plan: Option<&Plan>) -> Blamed {
    let some = |version: &String| Some(version.clone()).filter(|version| !version.is_empty());
    let step =
        plan.and_then(|plan| plan.steps.iter().find(|step| step.name == change.name && step.arch == change.arch));
    Blamed {
        name: full_name(&change.name, &change.arch),
        source: transaction.source,
        id,
        action: change.action.key(),
        old_version: some(&change.old),
        new_version: some(&change.new),
        time: transaction.started,
        command: transaction.command.clone(),
        user: transaction.user.clone(),
        reason: change.reason,
        why: step.map(|step| because(&step.why)),
    }
}

fn text(ui: &Ui, one: &Blamed, zone: &TimeZone) -> String {
    let time = clock(one.time, zone);
    let text = |version: &Option<String>| version.clone().unwrap_or_default();
    let versions = versions(&text(&one.old_version), &text(&one.new_version));
    let mut out = format!(
        "{}  {}  {} {}\n",
        ui.styled(Style::Dim, &time),
        one.action,
        ui.styled(Style::Name, &clean(&one.name)),
        clean(&versions)
    );
    let command = if one.command.is_empty() { "(no command recorded)" } else { &one.command };
    let user = if one.user.is_empty() { String::new() } else { format!(", {}", one.user) };
    out.push_str(&format!("    by {}{user}; omg history {}\n", clean(command).replace('\n', " "), one.id));
    match &one.why {
        Some(why) => out.push_str(&format!("    {}\n", clean(why))),
        None if one.reason == Some(Reason::Dependency) => out.push_str("    as a dependency\n"),
        None => {}
    }
    out
}
