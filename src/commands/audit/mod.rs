//! `omg audit`: what is known of the safety of this machine's software. One file per question.

mod log;
mod scan;

pub use scan::MAX_AGE_DAYS;

use super::reply::Reply;
use crate::context::Ctx;
use anyhow::{Context, Result};
use clap::{ArgMatches, Command};

/// A question that `omg audit` answers.
struct Question {
    name: &'static str,
    command: fn() -> Command,
    run: fn(&Ctx, &ArgMatches) -> Result<Reply>,
}

/// In the order of `omg audit --help`.
const QUESTIONS: &[Question] = &[
    Question { name: "scan", command: scan::command, run: scan::run },
    Question { name: "log", command: log::command, run: log::run },
    Question { name: "verify", command: log::verify_command, run: log::run_verify },
];

pub fn command() -> Command {
    Command::new("audit")
        .about("Find what is known to be wrong with the installed packages, or read the log of security decisions")
        // Without a question it is the first.
        .args(scan::arguments())
        .args_conflicts_with_subcommands(true)
        .subcommands(QUESTIONS.iter().map(|question| (question.command)()))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let Some((name, matches)) = matches.subcommand() else { return scan::run(ctx, matches) };
    let question = QUESTIONS.iter().find(|question| question.name == name).context("the parser knows the questions")?;
    (question.run)(ctx, matches)
}
