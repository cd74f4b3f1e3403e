//! `omg refresh`: build the index.

use crate::context::Ctx;
use crate::error::Exit;
use crate::ops::Request;
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::time::Instant;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("refresh")
        .about("Build the index that every other command reads, where it is stale")
        .arg(flag("force", "Build it anew even if nothing has changed").conflicts_with("if-stale"))
        .arg(flag("if-stale", "Do nothing, quickly, if nothing has changed"))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
    if matches.get_flag("if-stale")
        && let Ok((_, status)) = ctx.status()
        && !status.staleness().any()
    {
        return Ok(Exit::Found);
    }
    let start = Instant::now();
    let (_, outcome) = ctx.refresh(Request { force: matches.get_flag("force") })?;
    for (path, message, _) in &outcome.status.problems {
        ctx.ui.warn(&format!("{path}: {message}"));
    }
    let known: u32 = outcome.status.families.iter().map(|family| family.known).sum();
    let installed = outcome.status.totals().installed;
    let took = start.elapsed().as_millis();
    ctx.ui.note(&match (outcome.built.catalogue, outcome.built.local) {
        (true, _) => format!("indexed {known} packages, {installed} of them installed, in {took} ms"),
        (false, true) => format!("indexed {installed} installed packages in {took} ms"),
        (false, false) => format!("nothing has changed: {known} packages, {installed} installed"),
    });
    Ok(if outcome.status.problems.is_empty() { Exit::Found } else { Exit::Partial })
}
