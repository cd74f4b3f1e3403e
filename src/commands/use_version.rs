//! `omg use`: asks for versions of runtimes, in a project's or the user's own file, and installs what is missing.

use super::reply::Reply;
use super::shop::{Wanted, install_all, keep_locked, lock_file, person, shop, wanted};
use super::tools;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::runtimes::active::Person;
use crate::runtimes::edit;
use crate::runtimes::pin::variable;
use crate::runtimes::request::Kind;
use crate::runtimes::tools::Tool;
use crate::shell::Shell;
use crate::shell::script::assign;
use crate::ui::{Stages, Ui, clean};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use std::path::{Path, PathBuf};

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("use")
        .about("Ask for versions of runtimes, and install what is missing")
        .arg(Arg::new("NAME").num_args(1..).required(true).help("NAME@VERSION; NAME alone for the newest"))
        .arg(flag("project", "In omg.toml of this folder, for all below it [default]").conflicts_with("global"))
        .arg(flag("global", "In your own omg.toml, for wherever no file asks for another"))
        .arg(
            flag(
                "shell",
                "In this shell alone, before any file: prints what it evaluates, which its hook does by itself",
            )
            .conflicts_with_all(["global", "project"]),
        )
}

#[derive(Serialize)]
pub struct Used {
    runtime: String,
    requested: String,
    /// `None` for the distribution's own.
    version: Option<String>,
    /// Or the name of a variable.
    file: String,
    new: bool,
}

impl Used {
    pub fn of(runtime: &str, requested: String, version: Option<String>, file: String, new: bool) -> Used {
        Used { runtime: runtime.to_owned(), requested, version, file, new }
    }
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let person = person()?;
    let in_shell = matches.get_flag("shell");
    let (mut tools, mut all) = (Vec::new(), Vec::new());
    for name in matches.get_many::<String>("NAME").unwrap_or_default() {
        match Tool::typed(name) {
            Some(tool) => tools.push(tool),
            None => all.push(wanted(name)?),
        }
    }
    if in_shell && !tools.is_empty() {
        let hint = "`mise shell` does, where mise's own hook is; `omg use` without --shell writes a file";
        return Err(Hinted::new(Exit::Usage, "tools of mise are not asked for in one shell alone", hint).into());
    }
    let is_locked = !in_shell && !matches.get_flag("global") && lock_file(&person)?.is_some();
    let file = file(&person, matches)?;
    let missing_tools = tools::missing(&person, &tools)?;
    let find = |wanted: &Wanted| person.folders.find(wanted.runtime, &wanted.request);
    let is_missing = |wanted: &&Wanted| wanted.request.kind != Kind::System && find(wanted).is_none();
    let missing: Vec<&Wanted> = all.iter().filter(is_missing).collect();
    let mut brought = if missing.is_empty() { Vec::new() } else { install_all(ctx, &person, &missing)? }.into_iter();
    if !missing_tools.is_empty() {
        tools::hand_over(ctx, &person, "install", &missing_tools)?;
    }
    let mut used = Vec::new();
    for wanted in &all {
        let is_new = match missing.iter().any(|one| std::ptr::eq(*one, wanted)) {
            true => brought.next().context("each has an outcome")??.new,
            false => false,
        };
        let installed = find(wanted);
        // What does not agree with the project's lock file is not asked for there.
        if let Some(installed) = installed.as_ref().filter(|_| is_locked) {
            keep_locked(ctx, &shop(ctx, &person, &Stages::new(&ctx.ui))?, installed)?;
        }
        let version = installed.map(|one| one.version.to_string());
        let asker = if in_shell { variable(wanted.runtime) } else { file.display().to_string() };
        if !in_shell {
            ask_for(&file, wanted.runtime.name(), &wanted.request.to_string())?;
        }
        used.push(Used::of(wanted.runtime.name(), wanted.request.to_string(), version, asker, is_new));
    }
    for Tool { name, version, .. } in &tools {
        ask_for(&file, name, version)?;
        let is_new = missing_tools.iter().any(|tool| tool.name == *name);
        let asker = file.display().to_string();
        used.push(Used::of(name, version.clone(), Some(version.clone()), asker, is_new));
    }
    if in_shell {
        // The hook says which shell it is.
        let shell = std::env::var("OMG_SHELL").ok().and_then(|name| Shell::named(&name)).unwrap_or(Shell::Bash);
        let set = |used: &Used| (used.file.clone(), Some(used.requested.clone()));
        let script = move |_: &Ui, all: &Vec<Used>| assign(shell, &all.iter().map(set).collect::<Vec<_>>());
        return Ok(Reply::new(used, script, Exit::Found));
    }
    Ok(Reply::new(used, |_: &Ui, used| text(used), Exit::Found))
}

/// The file that a request is written into.
fn file(person: &Person, matches: &ArgMatches) -> Result<PathBuf> {
    if matches.get_flag("global") {
        return person.global.clone().context("there is no home folder for a file of your own");
    }
    Ok(std::env::current_dir().context("the current folder is gone")?.join("omg.toml"))
}

/// Writes the request into the file, whose other lines stay as they are.
pub fn ask_for(file: &Path, name: &str, version: &str) -> Result<()> {
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let new = edit::with_version(&text, name, version).map_err(|why| {
        let hint = format!("write {name} = \"{version}\" there yourself");
        Hinted::new(Exit::Failed, format!("{}: {why}", file.display()), hint)
    })?;
    if new == text {
        return Ok(());
    }
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
    let write = || -> Result<()> {
        std::fs::create_dir_all(&folder)?;
        // Through a link to the file that it is a name of.
        let target = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let mut temporary = tempfile::NamedTempFile::new_in(target.parent().unwrap_or(&folder))?;
        std::io::Write::write_all(&mut temporary, new.as_bytes())?;
        let mode = std::fs::metadata(&target).map_or(0o644, |stat| std::os::unix::fs::MetadataExt::mode(&stat) & 0o777);
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        temporary.as_file().set_permissions(permissions)?;
        temporary.as_file().sync_all()?;
        temporary.persist(&target)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

pub fn text(all: &[Used]) -> String {
    let line = |used: &Used| {
        let Used { runtime, requested, version, file, .. } = used;
        let version = version.as_deref().unwrap_or("of the distribution");
        format!("{runtime} {version}: {} asks for {}\n", clean(file), clean(requested))
    };
    all.iter().map(line).collect()
}
