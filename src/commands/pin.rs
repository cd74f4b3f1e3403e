//! `omg pin`: writes down just the versions that are in use here, so that everybody has the same.

use super::reply::Reply;
use super::shop::person;
use super::use_version::{Used, ask_for, text};
use super::which::{asks, fault};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::runtimes::active::{Answer, Choice};
use crate::runtimes::{Request, Runtime};
use crate::ui::Ui;
use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command};

pub fn command() -> Command {
    Command::new("pin")
        .about("Write the exact versions that are in use here into omg.toml")
        .arg(Arg::new("NAME").num_args(0..).help("Runtimes [default: all that this folder asks for]"))
}

pub fn run(_: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let person = person()?;
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let mut named = Vec::new();
    for name in matches.get_many::<String>("NAME").unwrap_or_default() {
        let hint = "`omg use NAME@VERSION` asks for another version";
        let unknown = || Hinted::new(Exit::Usage, format!("{name:?} is no runtime that omg knows"), hint);
        named.push(Runtime::named(name).ok_or_else(unknown)?);
    }
    let pins = person.pins(&folder);
    if let Some(runtime) = named.iter().find(|runtime| pins.iter().all(|pin| pin.runtime != **runtime)) {
        let hint = format!("`omg use {}@VERSION` does", runtime.name());
        return Err(Hinted::new(Exit::NothingFound, format!("nothing here asks for {}", runtime.name()), hint).into());
    }
    let wanted = pins.into_iter().filter(|pin| named.is_empty() || named.contains(&pin.runtime));
    let choices: Vec<Choice> = wanted.map(|pin| person.choice(pin)).filter(|choice| !choice.is_system()).collect();
    if choices.is_empty() {
        let hint = "`omg use NAME@VERSION` asks for one";
        return Err(Hinted::new(Exit::NothingFound, "nothing here asks for a version", hint).into());
    }
    let file = folder.join("omg.toml");
    let mut written = Vec::new();
    // All of them are there before any is written.
    for choice in choices {
        let runtime = choice.pin.runtime;
        let Some(installed) = &choice.installed else {
            let answer = Answer { runtime: Some(runtime), program: None, choice: Some(choice) };
            let (message, hint) = fault(runtime.program(), &answer);
            return Err(Hinted::new(Exit::NothingFound, message, hint).into());
        };
        let version = installed.version.to_string();
        let by = asks(&choice.pin.file.display().to_string(), choice.pin.line, &choice.pin.version);
        let exact = Request::parse(runtime, &version).map_err(|why| anyhow::anyhow!("{by}: {why}"))?;
        written.push((runtime, exact, version));
    }
    let mut used = Vec::new();
    for (runtime, exact, version) in written {
        ask_for(&file, runtime, &exact)?;
        used.push(Used::of(runtime, &exact, Some(version), file.display().to_string(), false));
    }
    Ok(Reply::new(used, |_: &Ui, used| text(used), Exit::Found))
}
