//! `omg deps`: what a package asks for, or who asks for it.

use super::reply::Reply;
use super::{full_name, unknown};
use crate::context::Ctx;
use crate::index::{Index, build::RELATIONS};
use crate::model::{Field, Source, relation};
use crate::ui::{Cell, Style, Ui, clean, table};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

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
    /// The provided name that is asked for, where it is not the package's own.
    through: Option<String>,
    source: Source,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let name = matches.get_one::<String>("NAME").expect("required");
    let index = ctx.index()?;
    match (matches.get_flag("reverse"), matches.get_flag("tree")) {
        (true, _) => reverse(ctx, &index, name),
        (_, true) => tree(ctx, &index, name),
        _ => forward(ctx, &index, name),
    }
}

fn forward(ctx: &Ctx, index: &Index, name: &str) -> Result<Reply> {
    let Some(dependencies) = dependencies(ctx, index, name, &RELATIONS)? else {
        return Err(unknown(index, name, "is known")?);
    };
    let exit = super::found(index, !dependencies.is_empty());
    let row = |d: &Dependency| [d.kind.to_owned(), d.relation.clone()];
    Ok(Reply::new(dependencies, move |ui, all: &Vec<Dependency>| kinds_first(ui, all.iter().map(row)), exit))
}

/// The relations of the candidate, or of what is installed where no repository has it; `None` for no such package.
fn dependencies(ctx: &Ctx, index: &Index, name: &str, kinds: &[Field]) -> Result<Option<Vec<Dependency>>> {
    let mut page = None;
    let local = super::installed(ctx, index, name)?;
    for id in index.catalogue.find(name)? {
        let row = index.catalogue.row(id)?;
        if ctx.shows(row.source) {
            let local = local.iter().map(|(_, local)| local).find(|local| local.catalogue == Some(id));
            page = Some((row.source, super::candidate(index, index.catalogue.details(&row)?, local)?));
            break;
        }
    }
    if page.is_none()
        && let Some((_, row)) = local.into_iter().next()
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

fn reverse(ctx: &Ctx, index: &Index, name: &str) -> Result<Reply> {
    let mut dependants = Vec::new();
    let mut seen = HashSet::new();
    let wanted: Vec<(String, bool)> =
        std::iter::once((name.to_owned(), false)).chain(provided(ctx, index, name)?).collect();
    for (provided, through) in &wanted {
        // What is provided was looked up for one family.
        let shows = |source: Source| ctx.shows(source) && !(*through && source == Source::Apt);
        let mut push = |name: String, field: Field, source: Source| {
            let through = through.then(|| provided.clone());
            dependants.push(Dependant { name, kind: field.key(), through, source });
        };
        for (id, field) in index.catalogue.dependants(provided)? {
            let row = index.catalogue.row(id)?;
            if shows(row.source) && seen.insert((Ok(id), field)) {
                push(full_name(&row.name, index.catalogue.architecture(row.arch)?), field, row.source);
            }
        }
        for (rank, field) in index.local.own_dependants(provided)? {
            let row = index.local.row(rank)?;
            if shows(row.source) && seen.insert((row.catalogue.ok_or(rank), field)) {
                push(full_name(&row.name, &row.arch), field, super::source(index, &row)?);
            }
        }
    }
    if dependants.is_empty() && index.catalogue.find(name)?.is_empty() && index.local.find(name)?.is_empty() {
        return Err(unknown(index, name, "is known")?);
    }
    dependants.sort_by(|a, b| a.name.cmp(&b.name));
    let exit = super::found(index, !dependants.is_empty());
    let row = |d: &Dependant| match &d.through {
        Some(through) => [d.kind.to_owned(), format!("{} through {through}", d.name)],
        None => [d.kind.to_owned(), d.name.clone()],
    };
    Ok(Reply::new(dependants, move |ui, all: &Vec<Dependant>| kinds_first(ui, all.iter().map(row)), exit))
}

/// What pacman's packages of a name provide besides it. pacman counts who asks for that among the dependants; apt does not,
/// and there a provided name is as a rule a role that many packages can play.
fn provided(ctx: &Ctx, index: &Index, name: &str) -> Result<BTreeSet<(String, bool)>> {
    let mut pages = Vec::new();
    for id in index.catalogue.find(name)? {
        let row = index.catalogue.row(id)?;
        if row.source == Source::Apt || !ctx.shows(row.source) {
            continue;
        }
        pages.extend(index.catalogue.details(&row)?.into_iter().map(|page| (row.source, page)));
    }
    for (_, row) in super::installed(ctx, index, name)? {
        if row.source != Source::Apt && row.catalogue.is_none() {
            pages.push((row.source, index.local.details(&row)?));
        }
    }
    let names = pages
        .iter()
        .flat_map(|(source, page)| relation::names(*source, page.field(Field::Provides).unwrap_or_default()))
        .filter(|other| *other != name);
    Ok(names.map(|name| (name.to_owned(), true)).collect())
}

/// The kind of each relation, and what it is with.
fn kinds_first(ui: &Ui, rows: impl Iterator<Item = [String; 2]>) -> String {
    let cells = |[kind, with]: [String; 2]| vec![Cell::styled(Style::Dim, kind), Cell::plain(with)];
    table(ui, &rows.map(cells).collect::<Vec<_>>())
}

/// A line of the tree.
#[derive(Serialize)]
struct Need {
    /// 1 for what the package itself needs.
    depth: usize,
    relation: String,
    /// The package that the relation's first alternative names.
    name: String,
    /// Its own needs stand further up, or above it.
    repeated: bool,
}

fn tree(ctx: &Ctx, index: &Index, name: &str) -> Result<Reply> {
    let mut needs = Vec::new();
    let mut seen = HashSet::from([name.to_owned()]);
    if !branch(ctx, index, name, 1, &mut seen, &mut needs)? {
        return Err(unknown(index, name, "is known")?);
    }
    let name = name.to_owned();
    let text = move |ui: &Ui, needs: &Vec<Need>| {
        let line = |need: &Need| {
            let mark = if need.repeated { ui.styled(Style::Dim, " ...") } else { String::new() };
            format!("{}{}{mark}\n", "  ".repeat(need.depth), clean(&need.relation))
        };
        format!("{}\n", ui.styled(Style::Name, &name)) + &needs.iter().map(line).collect::<String>()
    };
    Ok(Reply::new(needs, text, super::found(index, true)))
}

/// Gathers what `name` needs, each package's own needs once. False where there is no such package.
fn branch(
    ctx: &Ctx,
    index: &Index,
    name: &str,
    depth: usize,
    seen: &mut HashSet<String>,
    out: &mut Vec<Need>,
) -> Result<bool> {
    let Some(needs) = dependencies(ctx, index, name, &[Field::PreDepends, Field::Depends])? else { return Ok(false) };
    for need in needs {
        // The first alternative is the one a fresh machine would get.
        let source = if need.relation.contains([',', '|', '(']) { Source::Apt } else { Source::Pacman };
        let target = relation::names(source, &need.relation).next().unwrap_or_default().to_owned();
        let fresh = seen.insert(target.clone());
        out.push(Need { depth, relation: need.relation, name: target.clone(), repeated: !fresh });
        // Chains longer than this occur in no distribution; hostile data must not exhaust the stack.
        if fresh && depth < 200 {
            branch(ctx, index, &target, depth + 1, seen, out)?;
        }
    }
    Ok(true)
}
