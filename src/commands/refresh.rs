//! `omg refresh`: build the index.

use super::reply::{Remark, Reply};
use crate::context::Ctx;
use crate::error::Exit;
use crate::index::status::StoredProblem;
use crate::index::{Staleness, Status};
use crate::ops::advisories::Failure;
use crate::ops::{Known, Outcome, Request, World, history};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use std::time::Instant;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("refresh")
        .about("Build the index that every other command reads, where it is stale, and fetch the AUR's list")
        .arg(flag("force", "Build it anew even if nothing has changed").conflicts_with("if-stale"))
        .arg(flag("if-stale", "Do nothing, quickly, if nothing has changed; fetch nothing"))
        .arg(flag("advisories", "Fetch what is known to be wrong with packages, too").conflicts_with("if-stale"))
}

/// What a refresh did.
#[derive(Serialize)]
struct Done {
    /// Which parts were built anew.
    catalogue: bool,
    local: bool,
    known: u32,
    installed: u32,
    took_ms: u64,
    problems: Vec<Problem>,
}

/// A source that could not be read whole.
#[derive(Serialize)]
struct Problem {
    path: String,
    message: String,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let start = Instant::now();
    if matches.get_flag("if-stale")
        && let Ok(Known { status, stale: false, .. }) = ctx.place.known()
    {
        return Ok(reply(Staleness::default(), &status, &[], start));
    }
    let request = Request { force: matches.get_flag("force") };
    let (mut failures, (_, outcome)) = match matches.get_flag("if-stale") {
        true => (Vec::new(), ctx.refresh(request)?),
        // First, since they say which upgrades are about security.
        false => (ctx.fetch_advisories(matches.get_flag("advisories"))?, ctx.refresh_and_fetch(request)?),
    };
    if outcome.built.local {
        failures.extend(keep_logs(ctx));
    }
    let done = reply(outcome.built, &outcome.status, &failures, start);
    let quiet = matches.get_flag("if-stale") && !outcome.built.any();
    Ok(if quiet { done } else { done.with(told(&outcome, &failures, start)) })
}

/// Brings what the package managers' logs tell into the journal: where packages have changed there is something new, and logs are
/// rotated away, perhaps before anybody asks for the history. What could not be kept.
fn keep_logs(ctx: &Ctx) -> Vec<Failure> {
    let keep = || {
        let world = World::open(&ctx.place)?;
        if !history::has_logs(&world) {
            return anyhow::Ok(Vec::new());
        }
        let (_, problems) = history::journal(&world, &ctx.place.root, &ctx.state_folder()?)?;
        Ok(problems)
    };
    match keep() {
        Ok(problems) => {
            problems.into_iter().map(|problem| (problem.path.display().to_string(), problem.message)).collect()
        }
        Err(error) => vec![("the journal".to_owned(), format!("{error:#}"))],
    }
}

/// Said on stderr: a refresh has no data for people.
fn told(outcome: &Outcome, failures: &[Failure], start: Instant) -> Vec<Remark> {
    let warning = |(path, message, _): &StoredProblem| Remark::Warning(format!("{path}: {message}"));
    let mut remarks: Vec<Remark> = outcome.status.problems.iter().map(warning).collect();
    remarks.extend(failures.iter().map(|(address, message)| Remark::Warning(format!("{address}: {message}"))));
    let known: u32 = outcome.status.families.iter().map(|family| family.known).sum();
    let installed = outcome.status.totals().installed;
    let took = start.elapsed().as_millis();
    remarks.push(Remark::Note(match (outcome.built.catalogue, outcome.built.local) {
        (true, _) => format!("indexed {known} packages, {installed} of them installed, in {took} ms"),
        (false, true) => format!("indexed {installed} installed packages in {took} ms"),
        (false, false) => format!("nothing has changed: {known} packages, {installed} installed"),
    }));
    if !outcome.status.problems.is_empty() {
        remarks.push(Remark::Hint("`omg doctor` says what mends it".to_owned()));
    }
    remarks
}

fn reply(built: Staleness, status: &Status, failures: &[Failure], start: Instant) -> Reply {
    let problem = |(path, message, _): &StoredProblem| Problem { path: path.clone(), message: message.clone() };
    let failure = |(address, message): &Failure| Problem { path: address.clone(), message: message.clone() };
    let done = Done {
        catalogue: built.catalogue,
        local: built.local,
        known: status.families.iter().map(|family| family.known).sum(),
        installed: status.totals().installed,
        took_ms: start.elapsed().as_millis() as u64,
        problems: status.problems.iter().map(problem).chain(failures.iter().map(failure)).collect(),
    };
    let exit = if done.problems.is_empty() { Exit::Found } else { Exit::Partial };
    Reply::new(done, |_, _| String::new(), exit)
}
