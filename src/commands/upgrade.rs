//! `omg upgrade`: the newer versions of what is installed.

use super::change::{carry_plan, family, run as change, targets, with_options};
use super::reply::Reply;
use crate::context::Ctx;
use crate::model::Task;
use crate::ops::{World, current};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};

pub fn command() -> Command {
    let command = Command::new("upgrade")
        .about("Upgrade what is installed, and say what is kept back and why")
        .arg(Arg::new("NAME").num_args(0..).help("Only these [default: all]"));
    with_options(command).arg(
        Arg::new("full")
            .long("full")
            .action(ArgAction::SetTrue)
            .help("Remove what stands in the way of an upgrade (on pacman every upgrade is one)"),
    )
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let (full, targets) = (matches.get_flag("full"), targets(matches)?);
    if targets.is_empty() {
        let source = family(ctx, &World::open(&ctx.place)?, &[])?;
        if let Some(plan) = current::upgrade(&ctx.place, source, full)? {
            return carry_plan(ctx, matches, plan);
        }
    }
    change(ctx, matches, Task::Upgrade { full }, targets)
}
