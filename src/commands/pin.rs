//! `omg pin`: writes down just the versions that are in use here, so that everybody has the same.

use super::reply::Reply;
use super::shop::{keep_locked, person, shop, wanted};
use super::use_version::{Used, ask_for, text};
use super::which::unmet;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::runtimes::Shop;
use crate::runtimes::active::Choice;
use crate::runtimes::installed::{Installed, Keeper};
use crate::runtimes::{Runtime, lock};
use crate::shell::word;
use crate::ui::{Stages, Ui};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};

pub fn command() -> Command {
    Command::new("pin")
        .about("Write the exact versions that are in use here into omg.toml")
        .arg(Arg::new("NAME").num_args(0..).help("Runtimes [default: all that this folder asks for]"))
        .arg(
            Arg::new("lock").long("lock").action(ArgAction::SetTrue).help(
                "Write what was verified of them into omg.lock, to which installations here are held from then on",
            ),
        )
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let person = person()?;
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let names = matches.get_many::<String>("NAME").unwrap_or_default();
    let named: Vec<Runtime> = names.map(|name| bare(name)).collect::<Result<_>>()?;
    let (pins, faults) = person.pins_and_faults(&folder);
    faults.iter().for_each(|fault| ctx.ui.warn(&fault.to_string()));
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
            let (message, hint) = unmet(runtime.program(), &choice);
            return Err(Hinted::new(Exit::NothingFound, message, hint).into());
        };
        written.push(installed.clone());
    }
    let locks = matches.get_flag("lock");
    let stages = Stages::new(&ctx.ui);
    let mut shop = shop(ctx, &person, &stages)?;
    if locks {
        shop.lock = Some(folder.join(lock::NAME));
        written.iter().try_for_each(|installed| can_be_locked(&shop, installed))?;
    }
    written.iter().try_for_each(|installed| keep_locked(ctx, &shop, installed))?;
    let mut used = Vec::new();
    for Installed { runtime, version, .. } in written {
        let version = version.to_string();
        ask_for(&file, runtime.name(), &version)?;
        used.push(Used::of(runtime.name(), version.clone(), Some(version), file.display().to_string(), false));
    }
    Ok(Reply::new(used, |_: &Ui, used| text(used), Exit::Found))
}

/// Whoever asks for a lock file gets all of it or nothing.
fn can_be_locked(shop: &Shop<'_>, installed: &Installed) -> Result<()> {
    let Err(why) = shop.verified(installed)? else { return Ok(()) };
    let (name, version) = (installed.runtime.name(), &installed.version);
    let hint = match installed.keeper {
        Keeper::Omg => format!("`omg uninstall {name}@{version}` and `omg install {name}@{version}` verify it"),
        _ => format!("`omg install {name}@{version}` has omg install one of its own"),
    };
    Err(Hinted::new(Exit::NothingFound, format!("{name} {version} cannot be locked: {why}"), hint).into())
}

/// A runtime without a version: that is what is in use.
fn bare(name: &str) -> Result<Runtime> {
    let wanted = wanted(name)?;
    if !wanted.is_bare {
        let hint = format!("`omg use {}` asks for another", word(name));
        return Err(Hinted::new(Exit::Usage, "what is in use is pinned, so no version is named", hint).into());
    }
    Ok(wanted.runtime)
}
