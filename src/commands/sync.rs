//! `omg sync`: fetch the repositories' databases.

use super::change::{afterwards, hand_over, typed};
use super::reply::Reply;
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
    let (mut all, mut remarks) = (Vec::new(), Vec::new());
    for source in world.backends.iter().map(|backend| backend.source()).filter(|source| ctx.shows(*source)) {
        let task = Task::Sync { force: matches.get_flag("force") };
        let plan = Plan::simple(source, ctx.place.root.clone(), task);
        let text = plan.canonical();
        hand_over(ctx, source, &text, &transact::digest(&text), &typed())?;
        all.push(Synced { source });
        remarks.extend(afterwards(&plan));
    }
    Ok(Reply::new(all, |_, _| String::new(), Exit::Found).with(remarks))
}
