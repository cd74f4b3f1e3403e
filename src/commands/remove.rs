//! `omg remove` and `omg autoremove`.

use super::change::{names_argument, run as change, targets, with_options};
use super::reply::Reply;
use crate::context::Ctx;
use crate::model::Task;
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};

fn purge() -> Arg {
    Arg::new("purge").long("purge").action(ArgAction::SetTrue).help("Remove the configuration as well")
}

pub fn command() -> Command {
    let command = Command::new("remove").about("Remove packages, and what cannot be without them");
    with_options(command.arg(names_argument("Installed packages")))
        .arg(
            Arg::new("recursive")
                .long("recursive")
                .short('r')
                .action(ArgAction::SetTrue)
                .help("Remove as well what only these needed"),
        )
        .arg(purge())
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let task = Task::Remove { purge: matches.get_flag("purge"), recursive: matches.get_flag("recursive") };
    change(ctx, matches, task, targets(matches)?)
}

pub fn autoremove_command() -> Command {
    let command = Command::new("autoremove").about("Remove what came as a dependency and nothing needs any more");
    with_options(command).arg(purge())
}

pub fn run_autoremove(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    change(ctx, matches, Task::Autoremove { purge: matches.get_flag("purge") }, Vec::new())
}
