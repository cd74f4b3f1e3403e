//! `omg env`: what this folder asks of the environment, for a shell to evaluate or a person to look at.
//!
//! Hooks ask it at every change of folder, so their form is answered before a command line parser exists.

use super::reply::{Remark, Reply};
use super::which::{asks, unmet};
use super::{hook, shop};
use crate::context::Ctx;
use crate::error::Exit;
use crate::index::status;
use crate::ops::Place;
use crate::ops::environment::{Environment, Watched, contents, of_folder, watched};
use crate::prompt::versions;
use crate::runtimes::active::Person;
use crate::runtimes::tools::Tool;
use crate::shell::script::{self, Kept, assign};
use crate::shell::{Shell, word};
use crate::ui::Ui;
use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub fn command() -> Command {
    Command::new("env").about("Print the environment that this folder asks for").arg(
        Arg::new("shell")
            .long("shell")
            .value_name("SHELL")
            .value_parser(value_parser!(Shell))
            .help("As the hook of this shell evaluates it; without it as any descendant of Bourne's shell does"),
    )
}

#[derive(Serialize)]
struct Shown {
    /// The folders before the search path.
    path: Vec<String>,
    variables: BTreeMap<String, String>,
    /// What is asked for, also of what is not there.
    runtimes: Vec<Asked>,
    /// Tools that are left to mise.
    tools: Vec<Tool>,
    /// Files that would set variables if they were trusted.
    untrusted: Vec<String>,
    #[serde(skip)]
    text: String,
}

#[derive(Serialize)]
struct Asked {
    runtime: &'static str,
    requested: String,
    /// `None` where none is installed, or the distribution's own is meant.
    version: Option<String>,
    file: String,
    line: Option<u32>,
}

/// The short way, for `omg env --shell SHELL` alone; `None` where a parser is needed.
pub fn main(arguments: &[OsString]) -> Option<Exit> {
    let [flag, shell] = arguments else { return None };
    let shell = shell.to_str().and_then(Shell::named).filter(|_| flag == "--shell")?;
    let (text, remarks) = here(shell)?;
    let ui = Ui::new(false);
    let printed = ui.print(&text);
    remarks.iter().for_each(|remark| remark.say(&ui));
    if let Some(person) = Person::of_environment() {
        hook::renew(&person, shell);
    }
    Some(if printed.is_ok() { Exit::Found } else { Exit::Failed })
}

pub fn run(_: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let person = shop::person()?;
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let environment = of_folder(&person, &folder, &variable);
    let (text, remarks) = match matches.get_one::<Shell>("shell") {
        Some(shell) => for_shell(&person, &folder, &environment, *shell),
        None => (assign(Shell::Bash, &assigned(&environment)), remarks(&person, &environment)),
    };
    let asked = environment.choices.iter().map(|choice| Asked {
        runtime: choice.pin.runtime.name(),
        requested: choice.pin.version.clone(),
        version: choice.installed.as_ref().map(|installed| installed.version.to_string()),
        file: choice.pin.file.display().to_string(),
        line: Some(choice.pin.line).filter(|line| *line > 0),
    });
    let shown = Shown {
        runtimes: asked.collect(),
        tools: environment.tools.clone(),
        path: environment.changed.path.clone(),
        variables: environment.changed.set.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect(),
        untrusted: environment.untrusted.iter().map(|file| file.display().to_string()).collect(),
        text,
    };
    Ok(Reply::new(shown, |_, shown| shown.text.clone(), Exit::Found).with(remarks))
}

/// What the hook evaluates, and what is said beside it.
fn for_shell(person: &Person, folder: &Path, environment: &Environment, shell: Shell) -> (String, Vec<Remark>) {
    let (mut looked_at, mut contents) = (Watched::default(), (Vec::new(), Vec::new()));
    let line = line();
    match shell {
        Shell::Nushell => contents = self::contents(person, &environment.folders),
        Shell::Bash | Shell::Zsh | Shell::Fish => {
            looked_at = watched(person, folder, &environment.folders, line.as_deref(), &shop::cache(person))
        }
    }
    let of_folder = environment.choices.iter().map(|choice| &choice.pin);
    let runtimes = versions(of_folder.filter(|pin| Some(&pin.file) != person.global.as_ref()));
    let line = line.and_then(|path| path.into_os_string().into_string().ok());
    let kept = Kept {
        variables: &hook::variables(),
        path: &environment.changed.path,
        files: &looked_at.files,
        folders: &looked_at.folders,
        line_stamp: looked_at.line.as_deref(),
        contents: &contents.0,
        missing: &contents.1,
        line: line.as_deref(),
        runtimes: &runtimes,
    };
    // Between two prompts nobody has typed omg.
    let named = remarks(person, environment).into_iter().map(|remark| match remark {
        Remark::Note(text) => Remark::Note(format!("omg: {text}")),
        other => other,
    });
    (script::environment(shell, &assigned(environment), &kept), named.collect())
}

/// The same for the folder one is in; `None` without a home, or where the folder is gone.
pub fn here(shell: Shell) -> Option<(String, Vec<Remark>)> {
    let (person, folder) = (Person::of_environment()?, std::env::current_dir().ok()?);
    Some(for_shell(&person, &folder, &of_folder(&person, &folder, &variable), shell))
}

/// A variable of this process.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Nothing where the search path is no text: it would not be the same again.
pub fn assigned(environment: &Environment) -> Vec<(String, Option<String>)> {
    match std::env::var("PATH") {
        Err(std::env::VarError::NotUnicode(_)) => Vec::new(),
        _ => environment.assign.clone(),
    }
}

/// The line of counts of the index that answers.
pub fn line() -> Option<PathBuf> {
    let place = Place { root: PathBuf::from("/"), ..Place::default() };
    place.folders().into_iter().map(|folder| folder.join(status::TEXT_NAME)).find(|path| path.exists())
}

/// What a person should know on coming into the folder.
pub fn remarks(person: &Person, environment: &Environment) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = environment.problems.iter().cloned().map(Remark::Warning).collect();
    remarks.extend(environment.faults.iter().map(|fault| Remark::Note(fault.to_string())));
    for choice in environment.missing(person) {
        let (message, hint) = unmet(choice.pin.runtime.program(), choice);
        remarks.extend([Remark::Note(message), Remark::Hint(hint)]);
    }
    if let (Some((message, hint)), Some(tool)) = (&environment.found.fault, environment.tools.first()) {
        remarks.push(Remark::Note(format!("{}: {message}", tool.file.display())));
        remarks.push(Remark::Hint(hint.clone()));
    }
    for tool in &environment.found.missing {
        let by = asks(&tool.file.display().to_string(), tool.line, &format!("{} {}", tool.name, tool.version));
        remarks.push(Remark::Note(format!("{by}, which mise has not installed")));
        remarks.push(Remark::Hint(format!("`omg install {}`", word(&tool.spelt()))));
    }
    remarks.extend(untrusted(&environment.untrusted));
    remarks
}

/// What a person should know of files that set variables and are not trusted.
pub fn untrusted(files: &[PathBuf]) -> impl Iterator<Item = Remark> {
    files.iter().flat_map(|file| {
        let note = Remark::Note(format!("{} sets variables, and is not trusted", file.display()));
        [note, Remark::Hint("`omg trust` shows them, and asks".to_owned())]
    })
}
