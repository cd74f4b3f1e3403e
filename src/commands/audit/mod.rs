//! `omg audit`: what is known of the safety of this machine's software. One file per question.

mod checkpoint;
mod export;
mod licenses;
mod log;
mod provenance;
mod sbom;
mod scan;
mod secrets;
mod signature;

use super::reply::Reply;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
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
    Question { name: "secrets", command: secrets::command, run: secrets::run },
    Question { name: "sbom", command: sbom::command, run: sbom::run },
    Question { name: "licenses", command: licenses::command, run: licenses::run },
    Question { name: "provenance", command: provenance::command, run: provenance::run },
    Question { name: "signature", command: signature::command, run: signature::run },
    Question { name: "log", command: log::command, run: log::run },
    Question { name: "verify", command: log::verify_command, run: log::run_verify },
    Question { name: "checkpoint", command: checkpoint::command, run: checkpoint::run },
    Question { name: "export", command: export::command, run: export::run },
];

pub fn command() -> Command {
    Command::new("audit")
        .about("Find what is not safe, and show what was decided")
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

/// Of `--sarif` and `--json` together.
fn two_forms() -> anyhow::Error {
    Hinted::new(Exit::Usage, "--sarif and --json are two forms of one answer", "leave one out").into()
}
