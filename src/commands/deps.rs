//! `omg deps`: what a package asks for, or who asks for it.

use super::{full_name, unknown};
use crate::context::Ctx;
use crate::error::Exit;
use crate::index::{Index, build::RELATIONS};
use crate::model::{Field, Source, relation};
use crate::ui::Style;
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use std::collections::HashSet;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("deps")
        .about("Show what a package depends on, or with --reverse what depends on it")
        .arg(Arg::new("NAME").required(true).help("A package's name, or one that packages provide"))
        .arg(flag("reverse", "Packages that name it in a relation"))
        .arg(flag("tree", "Follow the real dependencies to the end").conflicts_with("reverse"))
}

#[derive(Serialize)]
struct Dependency {
    /// `depends`, `recommends`, ... as in the fields of `info`.
    kind: &'static str,
    /// The relation's text, alternatives with `|`.
    relation: String,
}

#[derive(Serialize)]
struct Dependant {
    name: String,
    kind: &'static str,
    source: Source,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
    let name = matches.get_one::<String>("NAME").expect("required");
    let index = ctx.index()?;
    match (matches.get_flag("reverse"), matches.get_flag("tree")) {
        (true, _) => reverse(ctx, &index, name),
        (_, true) => tree(ctx, &index, name),
        _ => forward(ctx, &index, name),
    }
}

fn forward(ctx: &Ctx, index: &Index, name: &str) -> Result<Exit> {
    let Some(dependencies) = dependencies(ctx, index, name, &RELATIONS)? else {
        return Err(unknown(index, name, "is known")?);
    };
    if ctx.json {
        ctx.ui.print_json(&dependencies)?;
    } else {
        let line =
            |d: &Dependency| format!("{} {}\n", ctx.ui.styled(Style::Dim, &format!("{:<13}", d.kind)), d.relation);
        ctx.ui.print(&dependencies.iter().map(line).collect::<String>())?;
    }
    Ok(super::found(index, !dependencies.is_empty()))
}

/// The relations of the candidate, or of what is installed where no repository has the package; `None` for no such package.
fn dependencies(ctx: &Ctx, index: &Index, name: &str, kinds: &[Field]) -> Result<Option<Vec<Dependency>>> {
    let mut page = None;
    for id in index.catalogue.find(name)? {
        let row = index.catalogue.row(id)?;
        if ctx.shows(row.source) {
            page = index.catalogue.details(&row)?.into_iter().next().map(|page| (row.source, page));
            break;
        }
    }
    if page.is_none()
        && let Some((_, row)) = super::installed(ctx, index, name)?.into_iter().next()
    {
        page = Some((row.source, index.local.details(&row)?));
    }
    let Some((source, page)) = page else { return Ok(None) };
    let mut out = Vec::new();
    for kind in kinds {
        let Some(text) = page.field(*kind) else { continue };
        let pieces: Vec<&str> = match source {
            Source::Apt => text.split(',').map(str::trim).collect(),
            _ => text.lines().collect(),
        };
        out.extend(pieces.iter().map(|piece| Dependency { kind: kind.key(), relation: (*piece).to_owned() }));
    }
    Ok(Some(out))
}

fn reverse(ctx: &Ctx, index: &Index, name: &str) -> Result<Exit> {
    let mut dependants = Vec::new();
    for (id, field) in index.catalogue.dependants(name)? {
        let row = index.catalogue.row(id)?;
        if ctx.shows(row.source) {
            let arch = index.catalogue.architecture(row.arch)?;
            dependants.push(Dependant { name: full_name(&row.name, arch), kind: field.key(), source: row.source });
        }
    }
    if dependants.is_empty() && index.catalogue.find(name)?.is_empty() && index.local.find(name)?.is_empty() {
        return Err(unknown(index, name, "is known")?);
    }
    if ctx.json {
        ctx.ui.print_json(&dependants)?;
    } else {
        let line = |d: &Dependant| format!("{} {}\n", ctx.ui.styled(Style::Dim, &format!("{:<13}", d.kind)), d.name);
        ctx.ui.print(&dependants.iter().map(line).collect::<String>())?;
    }
    Ok(super::found(index, !dependants.is_empty()))
}

fn tree(ctx: &Ctx, index: &Index, name: &str) -> Result<Exit> {
    let mut out = format!("{}\n", ctx.ui.styled(Style::Name, name));
    let mut seen = HashSet::from([name.to_owned()]);
    if !branch(ctx, index, name, 1, &mut seen, &mut out)? {
        return Err(unknown(index, name, "is known")?);
    }
    ctx.ui.print(&out)?;
    Ok(super::found(index, true))
}

/// Prints what `name` needs, each package's own needs once. False where there is no such package.
fn branch(
    ctx: &Ctx,
    index: &Index,
    name: &str,
    depth: usize,
    seen: &mut HashSet<String>,
    out: &mut String,
) -> Result<bool> {
    let Some(needs) = dependencies(ctx, index, name, &[Field::PreDepends, Field::Depends])? else { return Ok(false) };
    for need in needs {
        // The first alternative is the one a fresh machine would get.
        let source = if need.relation.contains([',', '|', '(']) { Source::Apt } else { Source::Pacman };
        let target = relation::names(source, &need.relation).next().unwrap_or_default().to_owned();
        out.push_str(&format!("{}{}", "  ".repeat(depth), need.relation));
        let fresh = seen.insert(target.clone());
        out.push_str(if fresh { "\n" } else { " ...\n" });
        // Chains longer than this occur in no distribution; hostile data must not exhaust the stack.
        if fresh && depth < 200 {
            branch(ctx, index, &target, depth + 1, seen, out)?;
        }
    }
    Ok(true)
}
