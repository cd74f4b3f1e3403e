//! Tools that are no runtimes of ours and are left to mise: their part of `omg install`, `uninstall`, `use` and `runtime list`.

use super::reply::Reply;
use super::shop::person;
use super::use_version::{Used, ask_for, text};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::mise;
use crate::runtimes::active::Person;
use crate::runtimes::tools::Tool;
use crate::ui::{Ui, clean};
use anyhow::{Context, Result};
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What was done with a tool.
#[derive(Serialize)]
struct Done {
    tool: String,
    version: String,
    keeper: &'static str,
}

/// The tools, where all of these are some.
pub fn all_of<'n>(names: impl IntoIterator<Item = &'n String>) -> Option<Vec<Tool>> {
    names.into_iter().map(|name| Tool::typed(name)).collect()
}

pub fn install(ctx: &Ctx, tools: Vec<Tool>, dry_run: bool) -> Result<Reply> {
    let person = person()?;
    if dry_run {
        there(&person, &tools)?;
        return Ok(done(tools, "would be installed by mise"));
    }
    hand_over(ctx, &person, "install", &tools)?;
    Ok(done(tools, "is installed by mise"))
}

pub fn uninstall(ctx: &Ctx, tools: Vec<Tool>, matches: &ArgMatches) -> Result<Reply> {
    let person = person()?;
    let dry_run = matches.get_flag("dry-run");
    there(&person, &tools)?;
    let found = mise::find(&person, &std::env::current_dir().context("the current folder is gone")?, &tools);
    let missing = found.missing.first().map(|tool| {
        let hint = format!("`omg runtime list {}` shows what is installed", tool.name);
        (format!("mise has not installed {} {}", tool.name, tool.version), hint)
    });
    if let Some((message, hint)) = found.fault.or(missing) {
        return Err(Hinted::new(Exit::NothingFound, message, hint).into());
    }
    if !dry_run {
        let would = |tool: &Tool| line(&tool.name, &tool.version, "would be removed by mise");
        super::runtime::agree(ctx, matches, &tools.iter().map(would).collect::<String>())?;
        hand_over(ctx, &person, "uninstall", &tools)?;
    }
    Ok(done(tools, if dry_run { "would be removed by mise" } else { "was removed by mise" }))
}

/// Asks for them in a file of omg's own form, and has mise install those that are missing.
pub fn ask(ctx: &Ctx, tools: &[Tool], file: &Path) -> Result<Reply> {
    let person = person()?;
    let folder = std::env::current_dir().context("the current folder is gone")?;
    there(&person, tools)?;
    let found = mise::find(&person, &folder, tools);
    if let Some((message, hint)) = found.fault {
        return Err(Hinted::new(Exit::Failed, message, hint).into());
    }
    if !found.missing.is_empty() {
        hand_over(ctx, &person, "install", &found.missing)?;
    }
    let mut used = Vec::new();
    for tool in tools {
        ask_for(file, &tool.name, &tool.version)?;
        let is_new = found.missing.contains(tool);
        let version = Some(tool.version.clone());
        used.push(Used::of(&tool.name, tool.version.clone(), version, file.display().to_string(), is_new));
    }
    Ok(Reply::new(used, |_: &Ui, used| text(used), Exit::Found))
}

#[derive(Deserialize)]
struct Row {
    version: String,
    install_path: PathBuf,
    installed: bool,
    #[serde(default)]
    active: bool,
}

/// A version that mise has, or offers.
#[derive(Serialize)]
struct Listed {
    tool: String,
    version: String,
    keeper: Option<&'static str>,
    path: Option<PathBuf>,
    active: bool,
}

/// The versions of a tool that mise has installed, or knows of.
pub fn list(name: &str, available: bool) -> Result<Reply> {
    let person = person()?;
    let mise = program(&person, name)?;
    let of = |arguments: &[&str]| -> Result<String> {
        mise::ask(&mise, arguments)?.map_err(|(message, hint)| Hinted::new(Exit::Failed, message, hint).into())
    };
    let all: Vec<Listed> = if available {
        let offered = |version: &str| Listed {
            tool: name.to_owned(),
            version: version.trim().to_owned(),
            keeper: None,
            path: None,
            active: false,
        };
        of(&["ls-remote", "--", name])?.lines().map(offered).collect()
    } else {
        let rows: Vec<Row> = serde_json::from_str(&of(&["ls", "--json", "--", name])?)
            .with_context(|| format!("what mise says of {name} is not understood"))?;
        let there = |row: Row| Listed {
            tool: name.to_owned(),
            version: row.version,
            keeper: Some("mise"),
            path: Some(row.install_path),
            active: row.active,
        };
        rows.into_iter().filter(|row| row.installed).map(there).collect()
    };
    let exit = if all.is_empty() { Exit::NothingFound } else { Exit::Found };
    let remark = all.is_empty().then(|| super::reply::Remark::Error {
        message: format!("mise has no {name}"),
        hint: format!("`omg install {name}@latest` has it install one"),
    });
    let row = |one: &Listed| {
        let place = one.path.as_ref().map_or(String::new(), |path| format!("  {}", clean(&path.display().to_string())));
        format!("{}  {}{place}\n", clean(&one.tool), clean(&one.version))
    };
    Ok(Reply::new(all, move |_: &Ui, all| all.iter().map(row).collect(), exit).with(remark))
}

/// mise itself, or the sentence that says that there is none.
fn program(person: &Person, what: &str) -> Result<PathBuf> {
    let absent = || {
        let (message, hint) = mise::absent(what);
        Hinted::new(Exit::NothingFound, message, hint).into()
    };
    mise::program(person).ok_or_else(absent)
}

fn there(person: &Person, tools: &[Tool]) -> Result<PathBuf> {
    program(person, &tools.iter().map(Tool::spelt).collect::<Vec<_>>().join(" "))
}

pub fn hand_over(ctx: &Ctx, person: &Person, verb: &str, tools: &[Tool]) -> Result<()> {
    let mise = there(person, tools)?;
    let names: Vec<String> = tools.iter().map(Tool::spelt).collect();
    ctx.ui.note(&format!("left to mise: {verb} {}", names.join(" ")));
    let arguments: Vec<String> = [verb, "--"].into_iter().map(str::to_owned).chain(names.iter().cloned()).collect();
    if !mise::run(&mise, &arguments, ctx.ui.for_program()?)?.success() {
        let hint = "what mise says is above";
        return Err(Hinted::new(Exit::Failed, format!("mise could not {verb} {}", names.join(" ")), hint).into());
    }
    Ok(())
}

fn done(tools: Vec<Tool>, what: &'static str) -> Reply {
    let done = |tool: Tool| Done { tool: tool.name, version: tool.version, keeper: "mise" };
    let all: Vec<Done> = tools.into_iter().map(done).collect();
    let text = move |_: &Ui, all: &Vec<Done>| all.iter().map(|one| line(&one.tool, &one.version, what)).collect();
    Reply::new(all, text, Exit::Found)
}

fn line(name: &str, version: &str, what: &str) -> String {
    format!("{} {} {what}\n", clean(name), clean(version))
}
