//! `omg list`, and `omg explicit` and `omg outdated` for two of its sets.

use super::reply::{Remark, Reply};
use super::{found, full_name, repository, source};
use crate::context::Ctx;
use crate::error::Exit;
use crate::index::status::Counts;
use crate::index::{Index, LocalRow};
use crate::model::{Reason, Source};
use crate::ops::Known;
use crate::ui::{Cell, Style, Ui, table};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use serde::Serialize;

/// Which of the installed packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    All,
    Explicit,
    Dependencies,
    Orphans,
    Foreign,
    Upgradable,
    Security,
    Held,
}

const SETS: [(&str, Set, &str); 6] = [
    ("explicit", Set::Explicit, "Installed on purpose"),
    ("deps", Set::Dependencies, "Installed as dependencies"),
    ("orphans", Set::Orphans, "Dependencies that nothing needs any more"),
    ("foreign", Set::Foreign, "In no repository"),
    ("upgradable", Set::Upgradable, "With a newer version on offer, held ones too"),
    ("held", Set::Held, "Held back by you"),
];

impl Set {
    fn holds(self, row: &LocalRow) -> bool {
        row.installed()
            && match self {
                Set::All => true,
                Set::Explicit => row.reason == Reason::Explicit,
                Set::Dependencies => row.reason == Reason::Dependency,
                Set::Orphans => row.orphan,
                Set::Foreign => row.foreign,
                Set::Upgradable => row.upgradable,
                Set::Security => row.security,
                Set::Held => row.held,
            }
    }

    /// Whether what is shown is what an upgrade would bring.
    fn is_of_upgrades(self) -> bool {
        matches!(self, Set::Upgradable | Set::Security)
    }

    /// Said where nothing is listed.
    fn none(self) -> &'static str {
        match self {
            Set::All => "nothing is installed",
            Set::Explicit => "nothing was installed on purpose",
            Set::Dependencies => "nothing was installed as a dependency",
            Set::Orphans => "there are no orphans",
            Set::Foreign => "every package is in some repository",
            Set::Upgradable => "everything is up to date",
            Set::Security => "no upgrade is about security",
            Set::Held => "nothing is held",
        }
    }

    /// The count that the status file has already. It has none of all that is upgradable: held packages are not counted.
    fn counted(self, counts: &Counts) -> Option<u32> {
        match self {
            Set::All => Some(counts.installed),
            Set::Explicit => Some(counts.explicit),
            Set::Dependencies => Some(counts.dependencies),
            Set::Orphans => Some(counts.orphans),
            Set::Foreign => Some(counts.foreign),
            Set::Held => Some(counts.held),
            Set::Upgradable | Set::Security => None,
        }
    }
}

fn count_flag() -> Arg {
    Arg::new("count").long("count").action(ArgAction::SetTrue).help("Print only how many there are")
}

pub fn command() -> Command {
    let flags = SETS.map(|(name, _, help)| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help));
    Command::new("list")
        .about("List the installed packages")
        .args(flags)
        .group(ArgGroup::new("set").args(SETS.map(|(name, _, _)| name)))
        .arg(count_flag())
}

pub fn explicit_command() -> Command {
    Command::new("explicit").about("List the packages installed on purpose").arg(count_flag())
}

pub fn outdated_command() -> Command {
    let security = Arg::new("security").long("security").action(ArgAction::SetTrue);
    Command::new("outdated")
        .about("List the packages with a newer version on offer")
        .arg(security.help("Only those whose newer version mends something that is known to be wrong"))
        .arg(count_flag())
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let set = SETS.iter().find(|(name, _, _)| matches.get_flag(name)).map_or(Set::All, |(_, set, _)| *set);
    list(ctx, set, matches.get_flag("count"))
}

pub fn run_explicit(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    list(ctx, Set::Explicit, matches.get_flag("count"))
}

pub fn run_outdated(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let set = if matches.get_flag("security") { Set::Security } else { Set::Upgradable };
    list(ctx, set, matches.get_flag("count"))
}

#[derive(Serialize)]
struct Listed {
    name: String,
    /// The installed version; the candidate where the set is of upgradable packages.
    version: String,
    installed_version: String,
    candidate: Option<String>,
    source: Source,
    repository: String,
    reason: Reason,
    held: bool,
    orphan: bool,
    foreign: bool,
    security: bool,
    replaced_by: Option<String>,
    size: u64,
    description: String,
}

fn list(ctx: &Ctx, set: Set, count: bool) -> Result<Reply> {
    if count
        && ctx.backend.is_none()
        && let Ok(Known { status, stale: false, .. }) = ctx.place.known()
        && let Some(number) = set.counted(&status.totals())
    {
        return Ok(counted(number as usize, status.problems.is_empty()));
    }
    let index = ctx.index()?;
    let mut rows = Vec::new();
    index.local.scan(|_, row| {
        if set.holds(&row) && ctx.shows(row.source) {
            rows.push(row);
        }
        Ok(())
    })?;
    if count {
        return Ok(counted(rows.len(), index.status.problems.is_empty()));
    }
    let exit = found(&index, !rows.is_empty());
    let none = rows.is_empty().then(|| Remark::Note(set.none().to_owned()));
    let listed: Vec<Listed> = rows.into_iter().map(|row| listed(&index, set, row)).collect::<Result<_>>()?;
    Ok(Reply::new(listed, move |ui, listed: &Vec<Listed>| text(ui, set, listed), exit).with(none))
}

fn counted(number: usize, whole: bool) -> Reply {
    let exit = match (whole, number) {
        (false, _) => Exit::Partial,
        (true, 0) => Exit::NothingFound,
        (true, _) => Exit::Found,
    };
    Reply::new(number, |_, number| format!("{number}\n"), exit)
}

fn listed(index: &Index, set: Set, row: LocalRow) -> Result<Listed> {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(Listed {
        name: full_name(&row.name, &row.arch),
        version: if set.is_of_upgrades() { row.candidate.clone() } else { row.version.clone() },
        source: source(index, &row)?,
        repository: repository(index, &row)?.to_owned(),
        installed_version: row.version,
        candidate: some(row.candidate),
        reason: row.reason,
        held: row.held,
        orphan: row.orphan,
        foreign: row.foreign,
        security: row.security,
        replaced_by: some(row.replaced_by),
        size: row.size_bytes,
        description: row.summary,
    })
}

fn text(ui: &Ui, set: Set, listed: &[Listed]) -> String {
    let rows = listed.iter().map(|package| {
        let mut cells =
            vec![Cell::styled(Style::Name, &package.name), Cell::styled(Style::Version, &package.installed_version)];
        if set.is_of_upgrades() {
            cells.push(Cell::plain("->"));
            cells.push(Cell::styled(Style::Version, &package.version));
            let marks = [("[security]", package.security), ("[held]", package.held)];
            let marks: Vec<&str> = marks.iter().filter(|(_, set)| *set).map(|(mark, _)| *mark).collect();
            cells.push(Cell::styled(Style::Warning, marks.join(" ")));
            cells.push(Cell::styled(Style::Dim, &package.repository));
        }
        cells
    });
    table(ui, &rows.collect::<Vec<_>>())
}
