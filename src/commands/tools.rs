//! Tools that are no runtimes of ours and are left to mise: their part of `omg install`, `uninstall`, `use` and `runtime list`.

use super::reply::Reply;
use super::shop::{person, renew_shims};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::mise;
use crate::runtimes::active::Person;
use crate::runtimes::tools::Tool;
use crate::ui::{Ui, clean};
use anyhow::{Context, Result};
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What was done with a tool.
#[derive(Serialize)]
pub struct Done {
    tool: String,
    version: String,
    keeper: &'static str,
}

/// The tools, where all of these are some.
pub fn all_of<'n>(names: impl IntoIterator<Item = &'n String>) -> Option<Vec<Tool>> {
    names.into_iter().map(|name| Tool::typed(name)).collect()
}

/// Has mise install them.
pub fn install(ctx: &Ctx, person: &Person, tools: &[Tool], dry_run: bool) -> Result<Vec<Done>> {
    if !dry_run {
        hand_over(ctx, person, "install", tools)?;
    }
    Ok(tools.iter().map(Done::of).collect())
}

impl Done {
    fn of(tool: &Tool) -> Done {
        Done { tool: tool.name.clone(), version: tool.version.clone(), keeper: "mise" }
    }

    /// With what became of it.
    pub fn line(&self, what: &str) -> String {
        format!("{} {} {what} by mise\n", clean(&self.tool), clean(&self.version))
    }
}

pub fn uninstall(ctx: &Ctx, tools: Vec<Tool>, matches: &ArgMatches) -> Result<Reply> {
    let person = person()?;
    let dry_run = matches.get_flag("dry-run");
    there(&person, &tools)?;
    let found = mise::find(&person, &std::env::current_dir().context("the current folder is gone")?, &tools);
    if let Some((message, hint)) = found.lack() {
        let hint = match found.missing.first() {
            Some(tool) if found.fault.is_none() => format!("`omg runtime list {}` shows what is installed", tool.name),
            _ => hint,
        };
        return Err(Hinted::new(Exit::NothingFound, message, hint).into());
    }
    let gone: Vec<Done> = tools.iter().map(Done::of).collect();
    if !dry_run {
        super::runtime::agree(ctx, matches, &gone.iter().map(|one| one.line(WOULD_BE_REMOVED)).collect::<String>())?;
        hand_over(ctx, &person, "uninstall", &tools)?;
    }
    let what = if dry_run { WOULD_BE_REMOVED } else { "was removed" };
    let text = move |_: &Ui, all: &Vec<Done>| all.iter().map(|one| one.line(what)).collect();
    Ok(Reply::new(gone, text, Exit::Found))
}

const WOULD_BE_REMOVED: &str = "would be removed";

/// Those of the tools that mise has not.
pub fn missing(person: &Person, tools: &[Tool]) -> Result<Vec<Tool>> {
    if tools.is_empty() {
        return Ok(Vec::new());
    }
    let folder = std::env::current_dir().context("the current folder is gone")?;
    there(person, tools)?;
    let found = mise::find(person, &folder, tools);
    match found.fault {
        Some((message, hint)) => Err(Hinted::new(Exit::Failed, message, hint).into()),
        None => Ok(found.missing),
    }
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

/// The same, of these tools.
pub fn there(person: &Person, tools: &[Tool]) -> Result<PathBuf> {
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
    renew_shims(&person.folders)
}
