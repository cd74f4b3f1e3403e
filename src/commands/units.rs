//! `omg units`: hooks and timers that keep the index fresh.

use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::World;
use crate::units::{self, Outcome};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
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

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
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
        let text = |unit: &units::Unit| format!("# {}: {}\n{}\n", unit.name, unit.path.display(), unit.text);
        ctx.ui.print(&all.iter().map(text).collect::<String>())?;
        return Ok(Exit::Found);
    };
    for step in &steps {
        let outcome = match step.outcome {
            Outcome::Created => "written",
            Outcome::Replaced => "replaced",
            Outcome::Unchanged => "unchanged",
            Outcome::Removed => "removed",
            Outcome::Absent => "not there",
            Outcome::NotOurs => "not written by omg, left as it is",
        };
        ctx.ui.note(&format!("{}: {outcome}", step.path.display()));
    }
    if steps.iter().any(|step| step.outcome == Outcome::NotOurs) {
        return Err(Hinted::new(Exit::Failed, "some files were left as they are", "--force replaces them").into());
    }
    if matches.get_flag("install") {
        ctx.ui.hint(&format!("`{}` starts the timers", units::ENABLE.join(" ")));
    }
    Ok(Exit::Found)
}
