//! `omg trust`: lets a project's file set variables.

use super::reply::{Remark, Reply};
use super::shop;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::environment::{Trust, settings};
use crate::shell::word;
use crate::ui::{Ui, clean};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("trust")
        .about("Let a project's omg.toml set the variables that its [env] has now")
        .arg(
            Arg::new("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("[default: the nearest omg.toml, of this folder or above]"),
        )
        .arg(flag("revoke", "Trust it no longer"))
        .arg(flag("yes", "Do not ask").short('y').conflicts_with("revoke"))
}

#[derive(Serialize)]
struct Trusted {
    file: String,
    trusted: bool,
    variables: BTreeMap<String, String>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let person = shop::person()?;
    let file = match matches.get_one::<PathBuf>("FILE") {
        Some(file) => std::fs::canonicalize(file).with_context(|| format!("cannot find {}", file.display()))?,
        None => nearest()?,
    };
    let Some(settings) = settings(&file)? else {
        let message = format!("{} sets no variables", file.display());
        return Err(Hinted::new(Exit::NothingFound, message, "there is nothing in it to trust").into());
    };
    let trust = Trust::of(&person.folders);
    let mut shown = Trusted {
        file: file.display().to_string(),
        trusted: trust.has(&settings),
        variables: settings.variables.iter().cloned().collect(),
    };
    if matches.get_flag("revoke") {
        let was = trust.take(&settings)?;
        shown.trusted = false;
        let exit = if was { Exit::Found } else { Exit::NothingFound };
        return Ok(Reply::new(shown, text, exit));
    }
    if !shown.trusted {
        if !matches.get_flag("yes") {
            if !ctx.ui.can_ask() {
                let message = format!("{} is not trusted, and nobody is there to ask", shown.file);
                return Err(Hinted::new(Exit::Usage, message, "look at it, then `omg trust --yes`").into());
            }
            ctx.ui.print(&variables(&shown))?;
            if !ctx.ui.agrees(&format!("Trust {} with that?", shown.file))? {
                let remark = Remark::Note("nothing was changed".to_owned());
                return Ok(Reply::new((), |_, ()| String::new(), Exit::NothingFound).with([remark]));
            }
        }
        trust.give(&settings)?;
        shown.trusted = true;
    }
    Ok(Reply::new(shown, text, Exit::Found))
}

fn nearest() -> Result<PathBuf> {
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let found = folder.ancestors().map(|folder| folder.join("omg.toml")).find(|file| file.exists());
    found.ok_or_else(|| {
        let message = format!("there is no omg.toml in {} or above it", folder.display());
        Hinted::new(Exit::NothingFound, message, "only the [env] of an omg.toml sets variables").into()
    })
}

fn variables(shown: &Trusted) -> String {
    shown.variables.iter().map(|(name, value)| format!("{name}={}\n", clean(&word(value)))).collect()
}

fn text(_: &Ui, shown: &Trusted) -> String {
    match shown.trusted {
        true => format!("{} may set {}\n", clean(&shown.file), names(shown)),
        false => format!("{} sets nothing any more\n", clean(&shown.file)),
    }
}

fn names(shown: &Trusted) -> String {
    shown.variables.keys().cloned().collect::<Vec<_>>().join(", ")
}
