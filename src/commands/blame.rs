//! `omg blame`: since when a package is as it is, by what, and why.

use super::reply::{Remark, Reply};
use super::{full_name, unknown};
use crate::context::Ctx;
use crate::error::Exit;
use crate::history::Recorded;
use crate::model::{Change, Plan, Reason, Source, Why};
use crate::ops::{World, history};
use crate::ui::{Style, Ui, clean};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use jiff::Timestamp;
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
    /// A sentence without its subject; only of what omg did.
    why: Option<String>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let typed = matches.get_one::<String>("NAME").expect("it is required");
    let (name, arch) = typed.split_once(':').map_or((typed.as_str(), None), |(name, arch)| (name, Some(arch)));
    let world = World::open(&ctx.place)?;
    let (journal, problems) = history::journal(&world, &ctx.place.root, &ctx.state_folder()?)?;
    let mut all = Vec::new();
    for Recorded { id, transaction } in journal.latest(Some(name), ctx.backend, usize::MAX)? {
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
    let warning =
        |problem: &crate::model::Problem| Remark::Warning(format!("{}: {}", problem.path.display(), problem.message));
    let mut remarks: Vec<Remark> = problems.iter().map(warning).collect();
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

fn blamed(id: i64, transaction: &crate::model::Transaction, change: &Change, plan: Option<&Plan>) -> Blamed {
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
    let time = Timestamp::from_second(one.time).map_or_else(
        |_| one.time.to_string(),
        |time| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    );
    let versions = match (&one.old_version, &one.new_version) {
        (Some(old), Some(new)) if old != new => format!("{old} -> {new}"),
        (old, new) => new.clone().or_else(|| old.clone()).unwrap_or_default(),
    };
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
    let why = match &one.why {
        Some(why) => why.clone(),
        None if one.reason == Some(Reason::Dependency) => "it came as a dependency".to_owned(),
        None => return out,
    };
    out.push_str(&format!("    because {}\n", clean(&why)));
    out
}

fn because(why: &Why) -> String {
    match why {
        Why::Asked => "it was asked for by name".to_owned(),
        Why::Newer => "a newer version was there".to_owned(),
        Why::NeededBy(name) => format!("{name} needs it"),
        Why::RecommendedBy(name) => format!("{name} recommends it"),
        Why::Needs(name) => format!("it needs {name}, which went or changed"),
        Why::ConflictsWith(name) => format!("it conflicts with {name}"),
        Why::ReplacedBy(name) => format!("{name} replaces it"),
        Why::Unneeded => "nothing needed it any more".to_owned(),
    }
}
