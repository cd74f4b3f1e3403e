//! `omg units`: hooks and timers that keep the index fresh.

use super::reply::{Remark, Reply};
use crate::context::Ctx;
use crate::error::Exit;
use crate::ops::World;
use crate::units::{self, Outcome};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde::Serialize;
use std::path::PathBuf;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("units")
        .about("Print or install the hooks and timers that keep the index fresh")
        .arg(flag("install", "Write the files").conflicts_with("remove"))
        .arg(flag("remove", "Remove the files"))
        .arg(flag("force", "Also files that omg did not write"))
        .arg(
            Arg::new("binary")
                .long("binary")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Where omg is installed [default: this executable]"),
        )
}

/// A file for another program.
#[derive(Serialize)]
struct Shown {
    name: &'static str,
    path: String,
    text: String,
    /// What became of it; `None` where it was only asked for.
    outcome: Option<&'static str>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let binary = match matches.get_one::<PathBuf>("binary") {
        Some(binary) => binary.clone(),
        None => std::env::current_exe().context("cannot find this executable")?,
    };
    let world = World::open(&ctx.place)?;
    let families: Vec<_> = world.backends.iter().map(|backend| backend.source()).collect();
    let all = units::all(&binary, &families)?;
    let (root, force) = (&ctx.place.root, matches.get_flag("force"));
    let steps = if matches.get_flag("install") {
        units::install(root, &all, force)?
    } else if matches.get_flag("remove") {
        units::remove(root, &all, force)?
    } else {
        let shown: Vec<Shown> = all.iter().map(|unit| shown(unit, None)).collect();
        return Ok(Reply::new(shown, |_, all: &Vec<Shown>| text(all), Exit::Found));
    };
    let all: Vec<Shown> = all.iter().zip(&steps).map(|(unit, step)| shown(unit, Some(word(&step.outcome)))).collect();
    let mut remarks: Vec<Remark> =
        steps.iter().map(|step| Remark::Note(format!("{}: {}", step.path.display(), word(&step.outcome)))).collect();
    let left = steps.iter().any(|step| step.outcome == Outcome::NotOurs);
    if left {
        let (message, hint) = ("some files were left as they are".to_owned(), "--force replaces them".to_owned());
        remarks.push(Remark::Error { message, hint });
    } else if matches.get_flag("install") {
        remarks.push(Remark::Hint(format!("`{}` starts the timers", units::ENABLE.join(" "))));
    }
    let exit = if left { Exit::Failed } else { Exit::Found };
    Ok(Reply::new(all, |_, _| String::new(), exit).with(remarks))
}

fn shown(unit: &units::Unit, outcome: Option<&'static str>) -> Shown {
    Shown { name: unit.name, path: unit.path.display().to_string(), text: unit.text.clone(), outcome }
}

fn text(all: &[Shown]) -> String {
    all.iter().map(|unit| format!("# {}: {}\n{}\n", unit.name, unit.path, unit.text)).collect()
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "written",
        Outcome::Replaced => "replaced",
        Outcome::Unchanged => "unchanged",
        Outcome::Removed => "removed",
        Outcome::Absent => "not there",
        Outcome::NotOurs => "not written by omg, left as it is",
    }
}
