//! `omg download`: archives for later, checked, into the package manager's cache.

use super::change::{names_argument, plan, targets, with_options};
use super::reply::Reply;
use crate::context::Ctx;
use crate::model::{Order, Task};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};

pub fn command() -> Command {
    let names = names_argument("Packages").required(false).num_args(0..);
    let command = Command::new("download")
        .about("Fetch packages and all that they need into the package manager's cache, and change nothing")
        .arg(names.required_unless_present("upgrade"));
    with_options(command).arg(
        Arg::new("upgrade")
            .long("upgrade")
            .conflicts_with("NAME")
            .action(ArgAction::SetTrue)
            .help("What `omg upgrade` would fetch"),
    )
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let task = if matches.get_flag("upgrade") { Task::Upgrade { full: false } } else { Task::Install };
    let order = Order { force: matches.get_flag("force"), fetch_only: true, ..Order::new(task, targets(matches)?) };
    plan(ctx, matches, order)
}
