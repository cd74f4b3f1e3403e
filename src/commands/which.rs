//! `omg which`: the program that a name means here, and which line of which file decided that.
//!
//! Editors and scripts ask it at every turn, so its plain form is answered before a command line parser exists.

use super::reply::{Remark, Reply};
use super::shop;
use crate::context::Ctx;
use crate::error::Exit;
use crate::ops::mise;
use crate::runtimes::Runtime;
use crate::runtimes::active::{Answer, Choice, Person, which};
use crate::runtimes::installed::Keeper;
use crate::runtimes::pin::folders;
use crate::runtimes::request::examples;
use crate::runtimes::tools;
use crate::shell::word;
use crate::ui::{Ui, clean};
use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;
use std::ffi::OsString;
use std::path::Path;

pub fn command() -> Command {
    Command::new("which")
        .about("Show which program a name means in this folder, and why")
        .arg(Arg::new("NAME").required(true).help("A runtime, or a program of one"))
}

#[derive(Serialize)]
struct Shown {
    name: String,
    /// `None` where there is none.
    program: Option<String>,
    /// Or a tool of mise.
    runtime: Option<String>,
    version: Option<String>,
    /// Who installed it.
    keeper: Option<&'static str>,
    /// As the file or the variable has it.
    requested: Option<String>,
    /// Or the name of a variable; then there is no line.
    file: Option<String>,
    line: Option<u32>,
}

/// The short way, for `omg which NAME` alone; `None` where a parser is needed.
pub fn main(arguments: &[OsString]) -> Option<Exit> {
    let [name] = arguments else { return None };
    let name = name.to_str().filter(|name| !name.starts_with('-') && !name.is_empty())?;
    let ui = Ui::new(false);
    let answer = answer(&Person::of_environment()?, &std::env::current_dir().ok()?, name);
    // What is to be explained at length may take its time.
    answer.program.as_ref()?;
    let shown = shown(name, &answer);
    let printed = ui.print(&text(&ui, &shown));
    answer.faults.iter().for_each(|fault| ui.warn(&fault.to_string()));
    ui.note(&why(&shown));
    Some(if printed.is_ok() { Exit::Found } else { Exit::Failed })
}

pub fn run(_: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let name = matches.get_one::<String>("NAME").map(String::as_str).unwrap_or_default();
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let answer = answer(&shop::person()?, &folder, name);
    let shown = shown(name, &answer);
    let (remark, exit) = match (&answer.program, fault(name, &answer)) {
        (Some(_), _) => (Remark::Note(why(&shown)), Exit::Found),
        (None, (message, hint)) => (Remark::Error { message, hint }, Exit::NothingFound),
    };
    let faults = answer.faults.iter().map(|fault| Remark::Warning(fault.to_string()));
    Ok(Reply::new(shown, text, exit).with(faults.chain([remark])))
}

/// As [`which`] has it; mise is asked about a program that no version of ours has, where the folder asks for tools of mise.
pub fn answer(person: &Person, folder: &Path, name: &str) -> Answer {
    let answer = which(person, folder, name);
    if answer.runtime.is_some() {
        return answer;
    }
    let tools = tools::in_force(person, &folders(folder, person.home.as_deref()));
    let found = if tools.is_empty() { None } else { mise::which(person, folder, &tools, name) };
    match found {
        Some((tool, program)) => Answer { program: Some(program), tool: Some(tool), ..answer },
        None => answer,
    }
}

fn shown(name: &str, answer: &Answer) -> Shown {
    if let Some(tool) = &answer.tool {
        return Shown {
            name: name.to_owned(),
            program: answer.program.as_ref().map(|program| program.display().to_string()),
            runtime: Some(tool.name.clone()),
            version: Some(tool.version.clone()),
            keeper: Some("mise"),
            requested: Some(tool.version.clone()),
            file: Some(tool.file.display().to_string()),
            line: Some(tool.line),
        };
    }
    let choice = answer.choice.as_ref();
    let installed = choice.and_then(|choice| choice.installed.as_ref());
    Shown {
        name: name.to_owned(),
        program: answer.program.as_ref().map(|program| program.display().to_string()),
        runtime: answer.runtime.map(|runtime| runtime.name().to_owned()),
        version: installed.map(|installed| installed.version.to_string()),
        keeper: installed.map(|installed| installed.keeper.name()),
        requested: choice.map(|choice| choice.pin.version.clone()),
        file: choice.map(|choice| choice.pin.file.display().to_string()),
        line: choice.map(|choice| choice.pin.line).filter(|line| *line > 0),
    }
}

fn text(_: &Ui, shown: &Shown) -> String {
    shown.program.as_ref().map_or(String::new(), |program| format!("{}\n", clean(program)))
}

fn why(shown: &Shown) -> String {
    let Shown { runtime, version, keeper, requested, file, line, .. } = shown;
    let (Some(requested), Some(file)) = (requested, file) else {
        return "no file asks for a version: it is the first on the search path".to_owned();
    };
    let by = asks(&clean(file), line.unwrap_or(0), &clean(requested));
    match (runtime, version) {
        (Some(runtime), Some(version)) => match keeper {
            Some(keeper) if *keeper != "omg" => format!("{runtime} {version}, installed by {keeper}: {by}"),
            _ => format!("{runtime} {version}: {by}"),
        },
        _ => by,
    }
}

/// Which line of which file, or which variable, asks for what.
pub fn asks(file: &str, line: u32, requested: &str) -> String {
    match line {
        0 => format!("{file} in the environment asks for {requested}"),
        line => format!("{file} line {line} asks for {requested}"),
    }
}

/// Why there is no program, and what helps.
pub fn fault(name: &str, answer: &Answer) -> (String, String) {
    let Some(choice) = &answer.choice else {
        let hint = match answer.runtime {
            Some(runtime) => format!("`omg use {}@VERSION` installs one and asks for it", runtime.name()),
            None => "no version that this folder asks for has it, nor has the search path".to_owned(),
        };
        return (format!("there is no {name} here"), hint);
    };
    unmet(name, choice)
}

/// Why a request in force brings no program of this name, and what helps.
pub fn unmet(name: &str, choice: &Choice) -> (String, String) {
    let runtime = choice.pin.runtime.name();
    let by =
        asks(&choice.pin.file.display().to_string(), choice.pin.line, &format!("{runtime} {}", choice.pin.version));
    match (&choice.request, &choice.installed) {
        (Err(why), _) => (format!("{by}, but {why}"), examples(choice.pin.runtime).to_owned()),
        (Ok(_), Some(installed)) => {
            let message = format!("{runtime} {} has no program {name}; {by}", installed.version);
            let spelt = word(&format!("{runtime}@{}", installed.version));
            // An installation of an older omg, or one that lost a file.
            let is_lost = installed.keeper == Keeper::Omg && Runtime::of_program(name) == Some(installed.runtime);
            let again = || format!("`omg uninstall {spelt} && omg install {spelt}` installs it anew");
            (message, if is_lost { again() } else { String::new() })
        }
        (Ok(_), None) if choice.is_system() => (format!("{by}, and the search path has no {name}"), String::new()),
        (Ok(request), None) => (
            format!("{by}, which is not installed"),
            format!("`omg install {}`", word(&format!("{runtime}@{request}"))),
        ),
    }
}
