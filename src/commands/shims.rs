//! `omg shims`: makes them, and is what runs when one is called.

use super::exec::{becomes, plain};
use super::reply::{Remark, Reply};
use super::shop;
use super::which::fault;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::mise::{self, Found};
use crate::ops::runtimes::shims;
use crate::runtimes::active::which;
use crate::runtimes::installed::{Folders, Installed};
use crate::runtimes::pin::folders;
use crate::runtimes::{Runtime, tools};
use crate::ui::{Ui, clean};
use anyhow::{Context, Result};
use clap::{ArgMatches, Command};
use serde::Serialize;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::Path;

pub fn command() -> Command {
    Command::new("shims").about("Make links for the programs of all installed versions, for editors and cron").after_help(
        "Put the folder that it names before the others of the search path where no shell's hook is: each link runs the\n\
         version that its current folder asks for.",
    )
}

#[derive(Serialize)]
struct Made {
    folder: String,
    programs: Vec<String>,
}

pub fn run(_: &Ctx, _: &ArgMatches) -> Result<Reply> {
    let person = shop::person()?;
    let folder = shims::folder(&person.folders);
    let omg = std::env::current_exe().context("cannot tell where omg lies")?;
    let programs = shims::renew(&person.folders, &omg)?;
    let mut remarks = vec![Remark::Note(format!("shims there are: {}", programs.len()))];
    if !person.search.contains(&folder) {
        remarks
            .push(Remark::Hint("the folder is not on the search path: PATH=\"$(omg shims --quiet):$PATH\"".to_owned()));
    }
    let made = Made { folder: folder.display().to_string(), programs };
    Ok(Reply::new(made, |_: &Ui, made| format!("{}\n", clean(&made.folder)), Exit::Found).with(remarks))
}

/// A call by another name than omg's own; `None` where it is none. It comes back only where there is nothing to run.
pub fn main(arguments: &[OsString]) -> Option<Exit> {
    let name = Path::new(arguments.first()?).file_name()?.to_str()?;
    if shims::is_own(name) || !is_shim(name) {
        return None;
    }
    let ui = Ui::new(false);
    let error = match run_shim(name, &arguments[1..]) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    Remark::of(&error).say(&ui);
    // As a shell has it for a program that is not there.
    Some(Exit::Task(127))
}

/// Whoever calls omg by another name of its own choosing means omg.
fn is_shim(name: &str) -> bool {
    let made = || Folders::of_environment().map(|folders| shims::folder(&folders).join(name));
    Runtime::of_program(name).is_some() || made().is_some_and(|shim| shim.is_symlink())
}

fn run_shim(name: &str, arguments: &[OsString]) -> Result<Infallible> {
    let person = shop::person()?;
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let mut answer = which(&person, &folder, name);
    let mut mises = Found::default();
    if answer.runtime.is_none() {
        // It may be of a tool that is left to mise.
        let tools = tools::in_force(&person, &folders(&folder, person.home.as_deref()));
        if !tools.is_empty() {
            mises = mise::world(&person, &folder, &tools, &plain());
            answer.program = mises.program(name).or(answer.program);
        }
    }
    let Some(program) = &answer.program else {
        let (message, hint) = mises.lack().unwrap_or_else(|| fault(name, &answer));
        return Err(Hinted::new(Exit::NothingFound, message, hint).into());
    };
    // What it starts finds its own version's programs without another shim.
    let chosen: Vec<Installed> = answer.choice.and_then(|choice| choice.installed).into_iter().collect();
    becomes(program, name.as_ref(), arguments, &chosen, &mises, person)
}
