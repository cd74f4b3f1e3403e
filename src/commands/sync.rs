//! `omg sync`: fetch the repositories' databases.

use super::change::{afterwards, hand_over, typed};
use super::reply::{Remark, Reply};
use crate::context::Ctx;
use crate::error::Exit;
use crate::model::{Plan, Source, Task};
use crate::ops::{World, transact};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

pub fn command() -> Command {
    Command::new("sync")
        .about("Fetch what the repositories offer now, signatures checked, and index it")
        .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help("Also what has not changed"))
}

/// A family whose repositories have been asked.
#[derive(Serialize)]
struct Synced {
    source: Source,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let world = World::open(&ctx.place)?;
    let sources: Vec<Source> =
        world.backends.iter().map(|backend| backend.source()).filter(|source| ctx.shows(*source)).collect();
    let (mut all, mut remarks, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for source in sources {
        let task = Task::Sync { force: matches.get_flag("force") };
        let plan = Plan::simple(source, ctx.place.root.clone(), task);
        let text = plan.canonical();
        match hand_over(ctx, &plan, (&text, &transact::digest(&text)), &typed(), None, &mut || {}) {
            Ok(()) => {
                all.push(Synced { source });
                remarks.extend(afterwards(&plan));
            }
            // One family's trouble is not the other's.
            Err(error) => failures.push(error.context(source.name())),
        }
    }
    if all.is_empty()
        && let Some(error) = failures.pop()
    {
        return Err(error);
    }
    let exit = if failures.is_empty() { Exit::Found } else { Exit::Partial };
    remarks.extend(failures.iter().map(Remark::of));
    Ok(Reply::new(all, |_, _| String::new(), exit).with(remarks))
}
