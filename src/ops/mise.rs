//! What only mise knows: the programs of tools that are no runtimes of ours, and how they are installed.
//!
//! mise is started where a version file or a command names such a tool, and nowhere else. It reads its own files and decides by its
//! own trust which of them may say anything; nothing here passes it by.

use crate::runtimes::active::Person;
use crate::runtimes::installed::is_program;
use crate::runtimes::tools::Tool;
use anyhow::{Context, Result};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// Where the tools of a folder are.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Folders of programs.
    pub path: Vec<PathBuf>,
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
        if found.path.len() == before {
            found.missing.push(tool.clone());
        }
    }
    found
}

fn start(mise: &Path, folder: &Path, tool: &Tool) -> io::Result<Child> {
    let mut command = Command::new(mise);
    command.args(["bin-paths", "--"]).arg(tool.spelt()).current_dir(folder);
    // What it may look up elsewhere is no matter of a change of folder.
    command.env("MISE_PREFER_OFFLINE", "1").env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// The tool of this folder that has a program of this name, and the program.
pub fn which(person: &Person, folder: &Path, tools: &[Tool], name: &str) -> Option<(Tool, PathBuf)> {
    tools.iter().find_map(|tool| {
        let path = find(person, folder, std::slice::from_ref(tool)).path;
        path.into_iter().map(|folder| folder.join(name)).find(|path| is_program(path)).map(|path| (tool.clone(), path))
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
