//! `omg mark`, `omg hold` and `omg unhold`: what packages count as.

use super::change::{names_argument, run as change, targets, with_options};
use super::reply::Reply;
use crate::context::Ctx;
use crate::model::{Mark, Task};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};

pub fn command() -> Command {
    let as_what = Arg::new("AS").required(true).value_parser(["explicit", "auto"]);
    let command = Command::new("mark")
        .about("Let packages count as installed by hand, or for others")
        .arg(as_what.help("explicit: asked for by a person; auto: may go when nothing needs it"));
    with_options(command.arg(names_argument("Installed packages")))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let explicit = matches.get_one::<String>("AS").is_some_and(|what| what == "explicit");
    mark(ctx, matches, if explicit { Mark::Explicit } else { Mark::Auto })
}

pub fn hold_command() -> Command {
    let command = Command::new("hold").about("Keep packages in the version that is installed");
    with_options(command.arg(names_argument("Packages")))
}

pub fn run_hold(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    mark(ctx, matches, Mark::Held)
}

pub fn unhold_command() -> Command {
    let command = Command::new("unhold").about("Let packages be upgraded again");
    with_options(command.arg(names_argument("Held packages")))
}

pub fn run_unhold(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    mark(ctx, matches, Mark::Unheld)
}

fn mark(ctx: &Ctx, matches: &ArgMatches, mark: Mark) -> Result<Reply> {
    change(ctx, matches, Task::Mark(mark), targets(matches)?)
}
