//! `omg audit`: what is known of the safety of this machine's software. One file per question.

mod licenses;
mod log;
mod sbom;

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
    Question { name: "sbom", command: sbom::command, run: sbom::run },
    Question { name: "licenses", command: licenses::command, run: licenses::run },
    Question { name: "log", command: log::command, run: log::run },
    Question { name: "verify", command: log::verify_command, run: log::run_verify },
];

pub fn command() -> Command {
    Command::new("audit")
        .about("Tell what is known of the safety of what is installed")
        .subcommand_required(true)
        .subcommands(QUESTIONS.iter().map(|question| (question.command)()))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let (name, matches) = matches.subcommand().context("the parser wants a question")?;
    let question = QUESTIONS.iter().find(|question| question.name == name).context("the parser knows the questions")?;
    (question.run)(ctx, matches)
}
