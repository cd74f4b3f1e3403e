//! `omg upgrade`: the newer versions of what is installed.

use super::change::{run as change, targets, with_options};
use super::reply::Reply;
use crate::context::Ctx;
use crate::model::Task;
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
    change(ctx, matches, Task::Upgrade { full: matches.get_flag("full") }, targets(matches)?)
}
