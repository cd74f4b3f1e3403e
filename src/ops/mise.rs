//! What only mise knows: the programs of tools that are no runtimes of ours, the variables these want, and how they are installed.
//!
//! mise is started where a version file or a command names such a tool, and nowhere else. It reads its own files and decides by its
//! own trust which of them may say anything; nothing here passes it by.

use super::environment::may_be_set;
use crate::runtimes::active::Person;
use crate::runtimes::installed::is_program;
use crate::runtimes::tools::Tool;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// Where the tools of a folder are.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Folders of programs.
    pub path: Vec<PathBuf>,
    /// Variables that tools want to be set, where they were asked for.
    pub variables: Vec<(String, String)>,
    /// Tools that are installed.
    pub there: Vec<Tool>,
    /// Tools that are not installed, as far as that is known.
    pub missing: Vec<Tool>,
    /// Why nothing is known, and what helps.
    pub fault: Option<(String, String)>,
}

/// mise itself.
pub fn program(person: &Person) -> Option<PathBuf> {
    let usual = || person.home.as_ref().map(|home| home.join(".local/bin/mise")).filter(|path| is_program(path));
    person.system_program("mise").or_else(usual)
}

/// What to say where there is none.
pub fn absent(what: &str) -> (String, String) {
    (
        format!("{what} is left to mise, and there is no mise here"),
        "https://mise.jdx.dev tells how to get it".to_owned(),
    )
}

/// Asks where these tools' programs are, in a folder whose files mise reads.
pub fn find(person: &Person, folder: &Path, tools: &[Tool]) -> Found {
    let mut found = Found::default();
    let Some(mise) = program(person) else {
        let names: Vec<String> = tools.iter().map(Tool::spelt).collect();
        found.fault = Some(absent(&names.join(" ")));
        return found;
    };
    // Each by itself and all at once: of several mise does not say which one it has not.
    let asked: Vec<_> = tools.iter().map(|tool| start(&mise, folder, tool)).collect();
    for (tool, child) in tools.iter().zip(asked) {
        let said = match child.and_then(Child::wait_with_output) {
            Ok(Output { status, stdout, .. }) if status.success() => text(stdout),
            Ok(Output { stderr, .. }) => {
                found.fault.get_or_insert_with(|| fault(&text(stderr)));
                continue;
            }
            Err(error) => {
                let message = format!("cannot run {}: {error}", mise.display());
                found.fault.get_or_insert((message, String::new()));
                continue;
            }
        };
        let before = found.path.len();
        found.path.extend(said.lines().map(PathBuf::from).filter(|path| path.is_absolute()));
        let is_there = found.path.len() > before;
        if is_there { &mut found.there } else { &mut found.missing }.push(tool.clone());
    }
    found
}

/// The same, with the variables of those tools. `plain` is what omg itself has changed in this environment, as it was before.
pub fn world(person: &Person, folder: &Path, tools: &[Tool], plain: &[(String, Option<String>)]) -> Found {
    let mut found = find(person, folder, tools);
    let Some(mise) = program(person).filter(|_| !found.there.is_empty()) else { return found };
    match variables(&mise, folder, &found.there, plain) {
        Ok(variables) => found.variables = variables,
        Err(fault) => _ = found.fault.get_or_insert(fault),
    }
    found
}

/// Only for tools that are there: it installs what is named and missing, whatever its settings say.
fn variables(
    mise: &Path,
    folder: &Path,
    there: &[Tool],
    plain: &[(String, Option<String>)],
) -> std::result::Result<Vec<(String, String)>, (String, String)> {
    /// The tool is that which sets it; none where a file of mise's does.
    #[derive(Deserialize)]
    struct Variable {
        value: String,
        tool: Option<String>,
    }
    let mut command = asking(mise, folder, "env");
    command.arg("--json-extended").arg("--").args(there.iter().map(Tool::spelt));
    // What a tool adds to a variable is not to be added again each time.
    for (name, value) in plain {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output =
        command.output().map_err(|error| (format!("cannot run {}: {error}", mise.display()), String::new()))?;
    if !output.status.success() {
        return Err(fault(&text(output.stderr)));
    }
    let all: BTreeMap<String, Variable> = serde_json::from_slice(&output.stdout)
        .map_err(|error| (format!("the variables that mise tells are not understood: {error}"), String::new()))?;
    let is_ours = |variable: &Variable| there.iter().any(|tool| Some(&tool.name) == variable.tool.as_ref());
    let set = all.into_iter().filter(|(name, variable)| is_ours(variable) && may_be_set(name, &variable.value));
    Ok(set.map(|(name, variable)| (name, variable.value)).collect())
}

fn start(mise: &Path, folder: &Path, tool: &Tool) -> io::Result<Child> {
    let mut command = asking(mise, folder, "bin-paths");
    command.arg("--").arg(tool.spelt()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// A question that a change of folder asks: for what it would look up elsewhere or install that is no time.
fn asking(mise: &Path, folder: &Path, verb: &str) -> Command {
    let mut command = Command::new(mise);
    command.arg(verb).current_dir(folder).stdin(Stdio::null());
    command.env("MISE_OFFLINE", "1").env("MISE_AUTO_INSTALL", "0").env("NO_COLOR", "1");
    command
}

impl Found {
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(name)).find(|path| is_program(path))
    }

    /// What comes behind these.
    pub fn followed_by(mut self, others: Found) -> Found {
        self.path.extend(others.path);
        for (name, value) in others.variables {
            if self.variables.iter().all(|(nearer, _)| *nearer != name) {
                self.variables.push((name, value));
            }
        }
        self
    }

    /// Why one of the tools cannot be had, and what helps.
    pub fn lack(&self) -> Option<(String, String)> {
        let missing = self.missing.first().map(|tool| {
            let hint = format!("`omg install {}`", crate::shell::word(&tool.spelt()));
            (format!("mise has not installed {} {}", tool.name, tool.version), hint)
        });
        self.fault.clone().or(missing)
    }
}

/// The tool of this folder that has a program of this name, and the program.
pub fn which(person: &Person, folder: &Path, tools: &[Tool], name: &str) -> Option<(Tool, PathBuf)> {
    tools.iter().find_map(|tool| {
        let found = find(person, folder, std::slice::from_ref(tool));
        found.program(name).map(|path| (tool.clone(), path))
    })
}

/// Runs mise with the person's terminal. What it prints goes where words to a person go.
pub fn run(mise: &Path, arguments: &[String], to: OwnedFd) -> Result<ExitStatus> {
    let status = Command::new(mise).args(arguments).stdout(to).status();
    status.with_context(|| format!("cannot run {}", mise.display()))
}

/// What mise prints on standard output.
pub fn ask(mise: &Path, arguments: &[&str]) -> Result<std::result::Result<String, (String, String)>> {
    let output = Command::new(mise).args(arguments).env("NO_COLOR", "1").stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.with_context(|| format!("cannot run {}", mise.display()))?;
    Ok(if status.success() { Ok(text(stdout)) } else { Err(fault(&text(stderr))) })
}

/// The first of what it said, in words of one line; its own trust has a hint of its own.
fn fault(errors: &str) -> (String, String) {
    let lines = || errors.lines().map(|line| line.trim_start_matches("mise").trim_start_matches(" ERROR").trim());
    if let Some(line) = lines().find(|line| line.contains("not trusted")) {
        return (format!("mise: {line}"), "look at them, then `mise trust`".to_owned());
    }
    let first = lines().find(|line| !line.is_empty()).unwrap_or("it failed and did not say why");
    (format!("mise: {first}"), String::new())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
