//! `omg conf merge`: the person's own tool on copies, as the person; the result goes the way of every change.

use super::{Pair, diff, settled};
use crate::commands::reply::{Remark, Reply};
use crate::config::Config;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::model::Settling;
use crate::ops::settle;
use crate::sys::elevate::on_path;
use anyhow::{Context, Result, bail};
use clap::ArgMatches;
use serde::Serialize;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Those that show two files side by side and let one be changed, in the order they are looked for.
const TOOLS: [&[&str]; 5] = [&["vimdiff"], &["nvim", "-d"], &["vim", "-d"], &["meld"], &["kdiff3"]];

/// Of a merge that came to nothing.
#[derive(Serialize)]
struct Unchanged {
    path: String,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches, pair: &Pair<'_>) -> Result<Reply> {
    let (path, leftover) = (pair.of.path.display(), pair.of.leftover.display());
    let is_agreed = ["yes", "dry-run"].iter().any(|flag| matches.get_flag(flag));
    // Before an hour of work, not after.
    if !is_agreed && (ctx.json || !ctx.ui.can_ask()) {
        let message = "nobody is there to agree to the result, and nothing was changed";
        return Err(Hinted::new(Exit::Usage, message, "--yes puts it in place without asking").into());
    }
    let Some(in_use) = &pair.in_use else {
        let hint = format!("`omg conf use {leftover}` puts it in place");
        return Err(
            Hinted::new(Exit::Failed, format!("{path} is not there, so there is nothing to merge"), hint).into()
        );
    };
    if diff::unified(("", in_use), ("", &pair.left)).is_none() {
        let hint = "`omg conf use` or `omg conf keep` takes one of them whole";
        return Err(Hinted::new(Exit::Failed, format!("{path} and {leftover} are no text"), hint).into());
    }
    let tool = tool()?;
    let private = Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix("omg-conf-").permissions(private).tempdir();
    let folder = folder.context("cannot make a folder for copies")?;
    let copy = |of: &Path, bytes: &[u8]| {
        let copy = folder.path().join(of.file_name().unwrap_or_default());
        std::fs::write(&copy, bytes).with_context(|| format!("cannot write {}", copy.display())).map(|()| copy)
    };
    let (mine, theirs) = (copy(&pair.of.path, in_use)?, copy(&pair.of.leftover, &pair.left)?);
    let mut command = Command::new(&tool[0]);
    command.args(&tool[1..]).arg(&mine).arg(&theirs);
    if ctx.json {
        command.stdout(Stdio::null());
    }
    let status = command.status().with_context(|| format!("cannot run {}", tool[0]))?;
    if !status.success() {
        bail!("{} ended with {status}; nothing was changed", tool[0]);
    }
    let result = settle::read(&mine)?.with_context(|| format!("{} deleted its copy of {path}", tool[0]))?.bytes;
    if result == *in_use {
        let note = format!("{path} is as it was, and {leftover} stays; `omg conf keep` deletes it");
        let unchanged = Unchanged { path: path.to_string() };
        return Ok(Reply::new(unchanged, |_, _| String::new(), Exit::NothingFound).with([Remark::Note(note)]));
    }
    if !ctx.json {
        let name = path.to_string();
        let shown = diff::unified((&name, in_use), (&name, &result));
        ctx.ui.print(&diff::coloured(&ctx.ui, &shown.unwrap_or_default()))?;
    }
    let done = settled(ctx, matches, pair, Settling::Merge { text: result });
    if done.is_err() {
        // What the person made is not thrown away.
        ctx.ui.note(&format!(
            "your text is kept in {}",
            folder.keep().join(mine.file_name().unwrap_or_default()).display()
        ));
    }
    done
}

/// `$DIFFPROG`, the configuration's, or the first that this machine has. No shell sees it: words are parted at blanks.
/// The configuration is that of this machine, even where another root is meant: a tool runs here.
fn tool() -> Result<Vec<String>> {
    let own = std::env::var("DIFFPROG").unwrap_or_default();
    let own: Vec<String> = own.split_whitespace().map(str::to_owned).collect();
    if !own.is_empty() {
        return Ok(own);
    }
    if let Some(tool) = Config::read(Path::new("/"))?.conf.tool.filter(|tool| !tool.is_empty()) {
        return Ok(tool);
    }
    let path = std::env::var_os("PATH");
    let found = TOOLS.iter().find(|tool| on_path(tool[0], path.as_deref()).is_some());
    let found = found.ok_or_else(|| {
        let hint = "install vim or meld, or name yours in $DIFFPROG or in omg-config(5)";
        Hinted::new(Exit::Failed, "no tool that merges is here", hint)
    })?;
    Ok(found.iter().map(|word| (*word).to_owned()).collect())
}
