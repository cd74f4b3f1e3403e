//! `omg upgrade`: the newer versions of what is installed.

use super::change::{carry, carry_plan, family, targets, with_options};
use super::reply::Reply;
use crate::context::Ctx;
use crate::model::{Order, Task};
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
    let world = World::open(&ctx.place)?;
    let source = family(ctx, &world, &targets)?;
    if targets.is_empty()
        && let Some(plan) = current::upgrade(&ctx.place, source, full)?
    {
        return carry_plan(ctx, matches, plan);
    }
    let order = Order { force: matches.get_flag("force"), ..Order::new(Task::Upgrade { full }, targets) };
    carry(ctx, matches, &world, source, order)
}
