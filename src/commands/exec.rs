//! `omg exec`: a command in the world of some runtimes' versions, in this process's place.

use super::env::{untrusted, variable};
use super::reply::Remark;
use super::shop::{Wanted, person, wanted};
use super::which::unmet;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::environment;
use crate::ops::mise::{self, Found};
use crate::runtimes::Runtime;
use crate::runtimes::active::{self, Person};
use crate::runtimes::fault::Fault;
use crate::runtimes::installed::{Installed, is_program};
use crate::runtimes::tools::{Tool, in_force};
use crate::shell::word;
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

pub fn command() -> Command {
    Command::new("exec")
        .about("Run a command with the versions that are named, or that this folder asks for")
        .arg(Arg::new("NAME@VERSION").num_args(0..).help("Runtimes and their versions [default: those of this folder]"))
        .arg(
            Arg::new("COMMAND")
                .last(true)
                .required(true)
                .num_args(1..)
                .allow_hyphen_values(true)
                .value_parser(value_parser!(OsString))
                .help("The command and its arguments, behind --"),
        )
        .arg(Arg::new("install").long("install").action(ArgAction::SetTrue).help("Install what is missing first"))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
    let person = person()?;
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let mut named = Vec::new();
    let mut tools: Vec<Tool> = Vec::new();
    for text in matches.get_many::<String>("NAME@VERSION").unwrap_or_default() {
        if let Some(tool) = Tool::typed(text) {
            tools.push(tool);
            continue;
        }
        let wanted = wanted(text)?;
        if wanted.is_bare {
            // Of a bare name the folder says which.
            named.push(asked(&person, &folder, wanted)?);
        } else {
            named.push(wanted);
        }
    }
    let mut chosen = Vec::new();
    for wanted in &named {
        chosen.push(there(ctx, &person, wanted, matches.get_flag("install"))?);
    }
    // The folder's own count behind those that were named.
    let (pins, faults, folders) = person.survey(&folder);
    let is_named = |runtime: Runtime| named.iter().any(|wanted| wanted.runtime == runtime);
    let concerns =
        |fault: &&Fault| Runtime::ALL.into_iter().any(|runtime| fault.concerns(runtime) && !is_named(runtime));
    faults.iter().filter(concerns).for_each(|fault| ctx.ui.warn(&fault.to_string()));
    for pin in pins {
        if !is_named(pin.runtime) {
            let choice = person.choice(pin);
            if choice.request.is_err() && !person.does_without(&choice) {
                let (message, hint) = unmet(choice.pin.runtime.program(), &choice);
                return Err(Hinted::new(Exit::NothingFound, message, hint).into());
            }
            chosen.extend(choice.installed);
        }
    }
    let is_named = |tool: &Tool| tools.iter().any(|named| named.name == tool.name);
    let of_folder = in_force(&person, &folders);
    let of_folder: Vec<Tool> = of_folder.into_iter().filter(|tool| !is_named(tool)).collect();
    let mut mises = tools_there(ctx, &person, &folder, &tools, matches.get_flag("install"))?;
    if !of_folder.is_empty() {
        mises = mises.followed_by(mise::world(&person, &folder, &of_folder, &plain()));
    }
    let settings = environment::trusted(&person, &folder);
    settings
        .problems
        .into_iter()
        .map(|(_, problem)| Remark::Warning(problem))
        .chain(untrusted(&settings.untrusted))
        .for_each(|remark| remark.say(&ctx.ui));
    // What versions and tools want themselves comes later, and counts.
    mises.variables.splice(0..0, settings.variables);
    let words: Vec<OsString> = matches.get_many::<OsString>("COMMAND").unwrap_or_default().cloned().collect();
    let (folders, _) = active::environment(&chosen);
    let search: Vec<PathBuf> = folders.into_iter().chain(mises.path.iter().chain(&person.search).cloned()).collect();
    let program = program(&words[0], &search)?;
    match becomes(&program, &words[0], &words[1..], &chosen, &mises, person)? {}
}

/// Runs a program in this process's place, in the world of these versions and tools. It comes back only where that failed.
pub fn becomes(
    program: &Path,
    name: &OsStr,
    arguments: &[OsString],
    chosen: &[Installed],
    tools: &Found,
    person: Person,
) -> Result<Infallible> {
    let mut command = std::process::Command::new(program);
    command.arg0(name).args(arguments).envs(tools.variables.iter().cloned());
    if !chosen.is_empty() || !tools.path.is_empty() {
        let (folders, variables) = active::environment(chosen);
        let search = std::env::join_paths(folders.into_iter().chain(tools.path.iter().cloned()).chain(person.search));
        command.envs(variables).env("PATH", search.context("a folder of the search path has a colon in its name")?);
    }
    let error = command.exec();
    let (exit, hint) = match (program.exists(), error.kind()) {
        (false, _) => (MISSING, "what has a slash in it is a path, and is not looked for".to_owned()),
        (true, ErrorKind::PermissionDenied) if program.is_file() => {
            (NO_PROGRAM, format!("`ls -l {}` shows who may run it", word(&program.display().to_string())))
        }
        // A script whose interpreter is missing, or a program of another kind of machine.
        (true, _) => (NO_PROGRAM, format!("`file {}` tells what it is", word(&program.display().to_string()))),
    };
    Err(Hinted::new(exit, format!("cannot run {}: {error}", program.display()), hint).into())
}

/// As shells have it for what is not there, and for what is no program.
const MISSING: Exit = Exit::Task(127);
const NO_PROGRAM: Exit = Exit::Task(126);

/// What omg changed in this environment, as it was before.
pub fn plain() -> Vec<(String, Option<String>)> {
    environment::plain(&environment::before(&variable), &variable)
}

/// What this folder asks for of a runtime, or the newest that is installed.
fn asked(person: &Person, folder: &Path, wanted: Wanted) -> Result<Wanted> {
    let pin = person.pins(folder).into_iter().find(|pin| pin.runtime == wanted.runtime);
    match pin {
        Some(pin) => self::wanted(&format!("{}@{}", pin.runtime.name(), pin.version)),
        None => Ok(wanted),
    }
}

fn there(ctx: &Ctx, person: &Person, wanted: &Wanted, installs: bool) -> Result<Installed> {
    if let Some(installed) = person.folders.find(wanted.runtime, &wanted.request) {
        return Ok(installed);
    }
    let name = wanted.runtime.name();
    if installs {
        super::shop::install(ctx, person, wanted)?;
        let installed = person.folders.find(wanted.runtime, &wanted.request);
        return installed.with_context(|| format!("{name} {} is not there after all", wanted.request));
    }
    let message = format!("{name} {} is not installed", wanted.request);
    let hint = format!("`omg install {}`, or --install", word(&format!("{name}@{}", wanted.request)));
    Err(Hinted::new(Exit::NothingFound, message, hint).into())
}

/// The tools that were named, of which mise has to have each.
fn tools_there(ctx: &Ctx, person: &Person, folder: &Path, tools: &[Tool], installs: bool) -> Result<Found> {
    if tools.is_empty() {
        return Ok(Found::default());
    }
    let mut found = mise::world(person, folder, tools, &plain());
    if installs && found.fault.is_none() && !found.missing.is_empty() {
        super::tools::hand_over(ctx, person, "install", &found.missing)?;
        found = mise::world(person, folder, tools, &plain());
    }
    let or_install = if found.fault.is_none() { ", or --install" } else { "" };
    match found.lack() {
        Some((message, hint)) => Err(Hinted::new(Exit::NothingFound, message, hint + or_install).into()),
        None => Ok(found),
    }
}

fn program(word: &OsString, search: &[PathBuf]) -> Result<PathBuf> {
    let path = Path::new(word);
    if path.components().count() > 1 {
        return Ok(path.to_owned());
    }
    search.iter().map(|folder| folder.join(path)).find(|path| is_program(path)).ok_or_else(|| {
        let message = format!("there is no program {}", path.display());
        Hinted::new(MISSING, message, "neither these versions nor the search path have it").into()
    })
}
