//! `omg conf`: what package managers left beside configuration files, the difference, and which of both stays.

mod diff;
mod merge;

use super::change::{carry_plan, with_consent};
use super::owner;
use super::reply::{Remark, Reply};
use crate::audit::sha256;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::model::{Plan, Settled, Settling, Source, Task};
use crate::ops::conf::{Found, Kind, Leftover, below, find};
use crate::ops::{World, settle};
use crate::ui::{Cell, Style, Ui, table};
use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub fn command() -> Command {
    let file = || {
        let help = "The file in use, or what was left beside it";
        Arg::new("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    let settles = |name: &'static str, about: &'static str| {
        with_consent(Command::new(name).about(about).arg(file().required(true)))
    };
    Command::new("conf")
        .about("Settle what package managers left beside configuration files: .pacnew, .dpkg-dist and the like")
        .subcommand(Command::new("list").about("List them; as omg conf alone does"))
        .subcommand(Command::new("diff").about("Show how they differ from the files in use").arg(file().num_args(0..)))
        .subcommand(settles("merge", "Make one of both with your own tool, and put it in place"))
        .subcommand(settles("use", "Put the one that was left in place; what was in use stays beside it"))
        .subcommand(settles("keep", "Keep the file in use, and delete the one that was left"))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let world = World::open(&ctx.place)?;
    let found = find(&world, None, &[], |source| ctx.shows(source))?;
    match matches.subcommand() {
        None | Some(("list", _)) => Ok(list(ctx, found)),
        Some(("diff", matches)) => {
            let typed: Vec<&PathBuf> = matches.get_many("FILE").into_iter().flatten().collect();
            let all = found.leftovers.iter();
            let chosen = match typed.as_slice() {
                [] => all.collect(),
                typed => {
                    let chosen = typed.iter().map(|typed| named(ctx, &world, &found, typed));
                    chosen.collect::<Result<Vec<_>>>()?.concat()
                }
            };
            Ok(differences(&world, &chosen))
        }
        Some((verb, matches)) => {
            let typed = matches.get_one::<PathBuf>("FILE").expect("it is required");
            let chosen = only(&named(ctx, &world, &found, typed)?)?;
            let pair = Pair::read(&world, chosen)?;
            match verb {
                "merge" => merge::run(ctx, matches, &pair),
                "use" => {
                    if !ctx.json && !matches.get_flag("yes") {
                        ctx.ui.print(&diff::coloured(&ctx.ui, &pair.difference().diff))?;
                    }
                    settled(ctx, matches, &pair, Settling::Use)
                }
                _ => settled(ctx, matches, &pair, Settling::Keep),
            }
        }
    }
}

/// What there is before a change of packages, for [`left_since`]. Where it cannot be looked for, nothing is told of afterwards.
pub fn left(ctx: &Ctx, plan: &Plan) -> Option<Found> {
    look(ctx, plan, &[])
}

/// What a change of packages left: all that is there now and was not before.
pub fn left_since(ctx: &Ctx, plan: &Plan, before: &Found) -> Vec<Remark> {
    let now = look(ctx, plan, &before.declared).unwrap_or_default().leftovers;
    let was_there = |one: &Leftover| {
        let is_it = |old: &Leftover| old.leftover == one.leftover && old.leftover_modified == one.leftover_modified;
        before.leftovers.iter().any(is_it)
    };
    let left = |one: Leftover| Remark::Warning(format!("left beside the file in use: {}", one.leftover.display()));
    let mut remarks: Vec<Remark> = now.into_iter().filter(|one| !was_there(one)).map(left).collect();
    if !remarks.is_empty() {
        let hint = "`omg conf diff` shows how these differ from the files in use; omg-conf(1)";
        remarks.push(Remark::Hint(hint.to_owned()));
    }
    remarks
}

fn look(ctx: &Ctx, plan: &Plan, formerly: &[(String, PathBuf)]) -> Option<Found> {
    let world = World::open(&ctx.place).ok()?;
    let of: BTreeSet<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
    find(&world, Some(&of), formerly, |source| source == plan.source).ok()
}

#[derive(Serialize)]
struct Listed {
    path: String,
    leftover: String,
    kind: Kind,
    source: Source,
    package: Option<String>,
    modified: Option<i64>,
    leftover_modified: i64,
    differs: Option<bool>,
}

fn list(ctx: &Ctx, found: Found) -> Reply {
    let listed = |one: &Leftover| Listed {
        path: one.path.to_string_lossy().into_owned(),
        leftover: one.leftover.to_string_lossy().into_owned(),
        kind: one.kind,
        source: one.source,
        package: one.package.clone().or_else(|| owner_of(ctx, &one.path)),
        modified: one.modified,
        leftover_modified: one.leftover_modified,
        differs: one.differs,
    };
    let all: Vec<Listed> = found.leftovers.iter().map(listed).collect();
    let mut remarks = Vec::new();
    if found.is_cut {
        remarks.push(Remark::Warning("there is more in /etc than is looked at".to_owned()));
    }
    if let Some(first) = found.unreadable.first() {
        let more = match found.unreadable.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        remarks.push(Remark::Note(format!("not looked into, since only root may: {}{more}", first.display())));
    }
    if all.is_empty() {
        remarks.push(Remark::Note("nothing was left beside a configuration file".to_owned()));
    }
    let exit = if all.is_empty() { Exit::NothingFound } else { Exit::Found };
    Reply::new(all, |ui, all: &Vec<Listed>| text(ui, all), exit).with(remarks)
}

/// Whose a file is that no package calls its configuration. To answer without is better than not at all.
fn owner_of(ctx: &Ctx, path: &Path) -> Option<String> {
    let index = ctx.index().ok()?;
    owner::packages(ctx, &index, path).ok()?.into_iter().next()
}

fn text(ui: &Ui, all: &[Listed]) -> String {
    let rows = all.iter().map(|one| {
        vec![
            Cell::styled(Style::Name, one.leftover.as_str()),
            Cell::styled(Style::Dim, one.package.as_deref().unwrap_or("(of no package)")),
            Cell::plain(state(one)),
        ]
    });
    table(ui, &rows.collect::<Vec<_>>())
}

fn state(one: &Listed) -> String {
    let what = match one.kind {
        Kind::New => "the package's own",
        Kind::Old => "kept from before",
        Kind::Original => "from before the package",
        Kind::Unfinished => "of a run that was interrupted",
    };
    let age = match (one.modified, one.differs) {
        (None, _) => "the file itself is gone".to_owned(),
        (_, Some(false)) => "no difference".to_owned(),
        (Some(modified), _) => match one.leftover_modified.saturating_sub(modified) {
            0 => "of the same second".to_owned(),
            newer @ 1.. => format!("newer by {}", span(newer)),
            older => format!("older by {}", span(older.saturating_neg())),
        },
    };
    format!("{what}, {age}")
}

fn span(secs: i64) -> String {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute")];
    let (size, unit) = units.into_iter().find(|(size, _)| secs >= 2 * size).unwrap_or((1, "second"));
    let count = secs / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// What is meant by a file's name: the leftover itself, or all beside that file in use.
fn named<'f>(ctx: &Ctx, world: &World, found: &'f Found, typed: &Path) -> Result<Vec<&'f Leftover>> {
    let absolute = std::path::absolute(typed)?;
    let mut spellings = owner::spellings(&ctx.place.root, &absolute);
    for backend in &world.backends {
        // As the shell completes it, with the root in front.
        let inside = absolute.strip_prefix(backend.root()).ok();
        spellings.extend(inside.map(|inside| Path::new("/").join(inside)));
    }
    let matching = |is: &dyn Fn(&Leftover) -> &PathBuf| -> Vec<&'f Leftover> {
        found.leftovers.iter().filter(|one| spellings.contains(is(one))).collect()
    };
    let mut chosen = matching(&|one| &one.leftover);
    if chosen.is_empty() {
        chosen = matching(&|one| &one.path);
    }
    if chosen.is_empty() {
        let message = format!("nothing was left beside {}", typed.display());
        return Err(Hinted::new(Exit::NothingFound, message, "`omg conf` lists what was left").into());
    }
    Ok(chosen)
}

fn only<'f>(chosen: &[&'f Leftover]) -> Result<&'f Leftover> {
    let [one] = chosen else {
        let names: Vec<String> = chosen.iter().map(|one| one.leftover.display().to_string()).collect();
        let message = format!("several were left beside {}", chosen[0].path.display());
        return Err(Hinted::new(Exit::Usage, message, format!("say which: {}", names.join(", "))).into());
    };
    if one.kind == Kind::Unfinished {
        let message = format!("{} is part of a run that was interrupted", one.leftover.display());
        return Err(Hinted::new(Exit::Failed, message, "`sudo dpkg --configure -a` finishes it").into());
    }
    Ok(one)
}

/// A leftover with what stands in both files.
struct Pair<'f> {
    of: &'f Leftover,
    /// Nothing where there is no file in use.
    in_use: Option<Vec<u8>>,
    left: Vec<u8>,
}

impl Pair<'_> {
    fn read<'f>(world: &World, of: &'f Leftover) -> Result<Pair<'f>> {
        let root = world.backend(of.source).context("a family that is not here")?.root();
        let read = |path: &Path| {
            let path = below(root, path);
            settle::read(&path).map(|whole| whole.map(|whole| whole.bytes)).map_err(|error| {
                let cause = error.root_cause().downcast_ref::<std::io::Error>();
                let is_denied = cause.is_some_and(|cause| cause.kind() == ErrorKind::PermissionDenied);
                let hint = if is_denied { "only root may read it: run this through sudo" } else { "" };
                Hinted::new(Exit::Failed, format!("{error:#}"), hint).into()
            })
        };
        let (in_use, left): (_, Result<Option<Vec<u8>>>) = (read(&of.path), read(&of.leftover));
        let left = left?.with_context(|| format!("{} is not there any more", of.leftover.display()))?;
        Ok(Pair { of, in_use: in_use?, left })
    }

    fn difference(&self) -> Difference {
        let (path, leftover) = (self.of.path.to_string_lossy(), self.of.leftover.to_string_lossy());
        let old = if self.in_use.is_some() { &*path } else { "/dev/null" };
        let in_use = self.in_use.as_deref().unwrap_or_default();
        let diff = diff::unified((old, in_use), (&leftover, &self.left));
        Difference {
            path: path.clone().into(),
            leftover: leftover.clone().into(),
            binary: diff.is_none(),
            diff: diff.unwrap_or_default(),
        }
    }
}

#[derive(Serialize)]
struct Difference {
    path: String,
    leftover: String,
    binary: bool,
    /// Empty where there is none, or none that can be shown.
    diff: String,
}

fn differences(world: &World, chosen: &[&Leftover]) -> Reply {
    let (mut all, mut remarks) = (Vec::new(), Vec::new());
    for of in chosen {
        match Pair::read(world, of) {
            Ok(pair) if pair.in_use.as_ref() == Some(&pair.left) => {}
            Ok(pair) => all.push(pair.difference()),
            Err(error) => remarks.push(Remark::of(&error)),
        }
    }
    let exit = match (all.is_empty(), remarks.is_empty()) {
        (false, true) => Exit::Found,
        (true, true) => Exit::NothingFound,
        (false, false) => Exit::Partial,
        (true, false) => Exit::Failed,
    };
    if exit == Exit::NothingFound {
        remarks.push(Remark::Note("no difference".to_owned()));
    }
    let text = |ui: &Ui, all: &Vec<Difference>| all.iter().map(|one| shown(ui, one)).collect();
    Reply::new(all, text, exit).with(remarks)
}

fn shown(ui: &Ui, one: &Difference) -> String {
    if !one.binary {
        return diff::coloured(ui, &one.diff);
    }
    let cell = Cell::plain(format!("{} and {} differ, and are no text", one.path, one.leftover));
    table(ui, &[vec![cell]])
}

/// Has it done as every change: planned, shown, agreed to, handed over.
fn settled(ctx: &Ctx, matches: &ArgMatches, pair: &Pair<'_>, by: Settling) -> Result<Reply> {
    let Leftover { path, leftover, source, .. } = pair.of;
    if leftover.to_str().is_none() {
        let message = format!("{} is a name in no encoding that a plan can hold", leftover.display());
        return Err(Hinted::new(Exit::Failed, message, "settle it by hand").into());
    }
    let mut plan = Plan::simple(*source, ctx.place.root.clone(), Task::Configure);
    plan.files.push(Settled {
        path: path.clone(),
        sha256: pair.in_use.as_deref().map_or(String::new(), sha256),
        leftover: leftover.clone(),
        leftover_sha256: sha256(&pair.left),
        by,
    });
    carry_plan(ctx, matches, plan, None)
}
