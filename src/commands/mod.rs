//! One file per verb: its arguments, what it asks of the index or an operation, and how the answer looks.

mod audit;
mod batch;
mod blame;
mod change;
mod clean;
mod complete;
mod completions;
mod conf;
mod deps;
mod doctor;
mod download;
pub(crate) mod env;
mod exec;
mod files;
mod history;
mod hook;
mod info;
mod install;
mod list;
mod man;
mod mark;
mod migrate_from;
mod owner;
mod pin;
mod policy;
mod refresh;
mod remove;
mod reply;
mod rollback;
mod run;
mod runtime;
pub(crate) mod search;
pub(crate) mod shims;
mod shop;
mod size;
mod snapshot;
mod status;
mod sync;
mod tools;
mod trust;
mod units;
mod upgrade;
mod use_version;
pub(crate) mod which;
mod why;

pub use reply::{Remark, Reply};

use crate::audit::grade::Graded;
use crate::context::{Ctx, is_damage};
use crate::error::{Exit, Hinted};
use crate::index::details::VersionDetails;
use crate::index::nearest::nearest;
use crate::index::{Index, LocalRow, Row};
use crate::model::Source;
use crate::ops::Request;
use crate::ops::trust::Trust;
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A command of omg.
pub struct Verb {
    pub name: &'static str,
    pub command: fn() -> Command,
    pub run: Run,
}

/// How a command does its work.
#[derive(Clone, Copy)]
pub enum Run {
    /// It reads, and gives data: may be asked in `omg batch` as well.
    Query(fn(&Ctx, &ArgMatches) -> Result<Reply>),
    /// It changes something, and gives data.
    Change(fn(&Ctx, &ArgMatches) -> Result<Reply>),
    /// It prints in a form of its own, and knows no JSON.
    Print(fn(&Ctx, &ArgMatches) -> Result<Exit>),
}

/// Asks a query. What it finds damaged is built again, once.
pub fn ask(ctx: &Ctx, query: fn(&Ctx, &ArgMatches) -> Result<Reply>, matches: &ArgMatches) -> Result<Reply> {
    match query(ctx, matches) {
        Err(error) if is_damage(&error) => {
            ctx.ui.warn(&format!("{error:#}; building it again"));
            ctx.refresh(Request { force: true })?;
            query(ctx, matches)
        }
        result => result,
    }
}

/// Every command, in the order `omg --help` lists them.
pub const VERBS: &[Verb] = &[
    Verb { name: "search", command: search::command, run: Run::Query(search::run) },
    Verb { name: "info", command: info::command, run: Run::Query(info::run) },
    Verb { name: "list", command: list::command, run: Run::Query(list::run) },
    Verb { name: "explicit", command: list::explicit_command, run: Run::Query(list::run_explicit) },
    Verb { name: "outdated", command: list::outdated_command, run: Run::Query(list::run_outdated) },
    Verb { name: "owner", command: owner::command, run: Run::Query(owner::run) },
    Verb { name: "files", command: files::command, run: Run::Query(files::run) },
    Verb { name: "deps", command: deps::command, run: Run::Query(deps::run) },
    Verb { name: "why", command: why::command, run: Run::Query(why::run) },
    Verb { name: "size", command: size::command, run: Run::Query(size::run) },
    Verb { name: "install", command: install::command, run: Run::Change(install::run) },
    Verb { name: "remove", command: remove::command, run: Run::Change(remove::run) },
    Verb { name: "upgrade", command: upgrade::command, run: Run::Change(upgrade::run) },
    Verb { name: "download", command: download::command, run: Run::Change(download::run) },
    Verb { name: "clean", command: clean::command, run: Run::Change(clean::run) },
    Verb { name: "sync", command: sync::command, run: Run::Change(sync::run) },
    Verb { name: "autoremove", command: remove::autoremove_command, run: Run::Change(remove::run_autoremove) },
    Verb { name: "reinstall", command: install::reinstall_command, run: Run::Change(install::run_reinstall) },
    Verb { name: "downgrade", command: install::downgrade_command, run: Run::Change(install::run_downgrade) },
    Verb { name: "mark", command: mark::command, run: Run::Change(mark::run) },
    Verb { name: "hold", command: mark::hold_command, run: Run::Change(mark::run_hold) },
    Verb { name: "unhold", command: mark::unhold_command, run: Run::Change(mark::run_unhold) },
    Verb { name: "use", command: use_version::command, run: Run::Change(use_version::run) },
    Verb { name: "pin", command: pin::command, run: Run::Change(pin::run) },
    Verb { name: "which", command: which::command, run: Run::Query(which::run) },
    Verb { name: "exec", command: exec::command, run: Run::Print(exec::run) },
    Verb { name: "runtime", command: runtime::command, run: Run::Change(runtime::run) },
    Verb { name: "migrate-from", command: migrate_from::command, run: Run::Change(migrate_from::run) },
    Verb { name: "uninstall", command: runtime::uninstall_command, run: Run::Change(runtime::uninstall) },
    Verb { name: "env", command: env::command, run: Run::Query(env::run) },
    Verb { name: "hook", command: hook::command, run: Run::Print(hook::run) },
    Verb { name: "trust", command: trust::command, run: Run::Change(trust::run) },
    Verb { name: "shims", command: shims::command, run: Run::Change(shims::run) },
    Verb { name: "history", command: history::command, run: Run::Query(history::run) },
    Verb { name: "policy", command: policy::command, run: Run::Query(policy::run) },
    Verb { name: "audit", command: audit::command, run: Run::Query(audit::run) },
    Verb { name: "blame", command: blame::command, run: Run::Query(blame::run) },
    Verb { name: "rollback", command: rollback::command, run: Run::Change(rollback::run) },
    Verb { name: "snapshot", command: snapshot::command, run: Run::Change(snapshot::run) },
    Verb { name: "conf", command: conf::command, run: Run::Change(conf::run) },
    Verb { name: "run", command: run::command, run: Run::Change(run::run) },
    Verb { name: "status", command: status::command, run: Run::Query(status::run) },
    Verb { name: "batch", command: batch::command, run: Run::Print(batch::run) },
    Verb { name: "prompt", command: crate::prompt::command, run: Run::Print(crate::prompt::run) },
    Verb { name: "refresh", command: refresh::command, run: Run::Change(refresh::run) },
    Verb { name: "doctor", command: doctor::command, run: Run::Query(doctor::run) },
    Verb { name: "units", command: units::command, run: Run::Change(units::run) },
    Verb { name: "completions", command: completions::command, run: Run::Print(completions::run) },
    Verb { name: "man", command: man::command, run: Run::Print(man::run) },
    Verb { name: "apply", command: change::apply_command, run: Run::Change(change::apply) },
    Verb { name: "complete", command: complete::command, run: Run::Print(complete::run) },
];

/// `--limit` and `--all`.
fn limits(default: usize) -> [Arg; 2] {
    let help = format!("Show at most this many [default: {default}]");
    let limit = Arg::new("limit").long("limit").value_name("N").value_parser(value_parser!(usize));
    [
        limit.conflicts_with("all").help(help),
        Arg::new("all").long("all").action(ArgAction::SetTrue).help("Show all there are"),
    ]
}

fn limit(matches: &ArgMatches, default: usize) -> usize {
    match matches.get_one::<usize>("limit") {
        _ if matches.get_flag("all") => usize::MAX,
        limit => limit.copied().unwrap_or(default),
    }
}

/// A moment on the machine's clock.
fn clock(seconds: i64, zone: &TimeZone) -> String {
    Timestamp::from_second(seconds).map_or_else(
        |_| seconds.to_string(),
        |time| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// What becomes of a version; either may be empty.
fn versions(old: &str, new: &str) -> String {
    match (old, new) {
        ("", only) | (only, "") => only.to_owned(),
        (old, new) if old == new => new.to_owned(),
        (old, new) => format!("{old} -> {new}"),
    }
}

/// A name as a person writes it: with the architecture only where it is foreign.
fn full_name(name: &str, arch: &str) -> String {
    if arch.is_empty() { name.to_owned() } else { format!("{name}:{arch}") }
}

/// The installed packages that a typed name means: all of that name, or one with `:ARCH`.
fn installed(ctx: &Ctx, index: &Index, typed: &str) -> Result<Vec<(u32, LocalRow)>> {
    let (name, arch) = typed.split_once(':').map_or((typed, None), |(name, arch)| (name, Some(arch)));
    let mut rows = Vec::new();
    for rank in index.local.find(name)? {
        let row = index.local.row(rank)?;
        if row.installed() && ctx.shows(row.source) && arch.is_none_or(|arch| row.arch == arch) {
            rows.push((rank, row));
        }
    }
    Ok(rows)
}

/// The candidate's page: a repository's, or the machine's own where it alone has that version.
fn candidate(index: &Index, versions: Vec<VersionDetails>, local: Option<&LocalRow>) -> Result<VersionDetails> {
    let mut versions = versions.into_iter();
    match local {
        Some(local) if local.installed() && only_here(local) => Ok(index.local.details(local)?),
        Some(local) if !local.candidate.is_empty() => {
            let first = versions.next().unwrap_or_default();
            let wanted = |page: &VersionDetails| page.version == local.candidate;
            Ok(if wanted(&first) { first } else { versions.find(wanted).unwrap_or(first) })
        }
        _ => Ok(versions.next().unwrap_or_default()),
    }
}

/// Whether no repository has the candidate: it is the version that is installed.
fn only_here(local: &LocalRow) -> bool {
    local.repository.is_none() && local.candidate == local.version
}

/// What vouches for a package's candidate, which this page of it is about.
fn graded(
    trust: &Trust<'_>,
    row: &Row,
    local: Option<&LocalRow>,
    repository: &str,
    page: &VersionDetails,
) -> Result<Graded> {
    match local {
        Some(local) if local.installed() && only_here(local) => Ok(trust.of_installed(row.source, &row.name, page)),
        _ => trust.of_offer(row.source, &row.name, repository, page),
    }
}

/// The error for a name that nothing bears, with the nearest ones that exist.
fn unknown(index: &Index, name: &str, what: &str) -> Result<anyhow::Error> {
    // The index may know what the package manager does not want.
    let nearest: Vec<String> =
        nearest(&index.catalogue, name, 4)?.into_iter().filter(|near| near != name).take(3).collect();
    let hint = match nearest.as_slice() {
        [] => format!("`omg search {name}` looks in descriptions too"),
        nearest => format!("did you mean {}?", nearest.join(", ")),
    };
    Ok(Hinted::new(Exit::NothingFound, format!("no package {name} {what}"), hint).into())
}

/// The repository's name of an installed package's candidate; empty where no repository has it.
fn repository<'i>(index: &'i Index, row: &LocalRow) -> Result<&'i str> {
    row.repository.map_or(Ok(""), |id| Ok(index.catalogue.repository(id)?))
}

/// The source to show: what comes from the AUR is installed by pacman.
fn source(index: &Index, row: &LocalRow) -> Result<Source> {
    let from_aur = row.source == Source::Pacman && repository(index, row)? == "aur";
    Ok(if from_aur { Source::Aur } else { row.source })
}

/// Exit code of an answer that is whole, unless some source could not be read.
fn found(index: &Index, any: bool) -> Exit {
    match (any, index.status.problems.is_empty()) {
        (_, false) => Exit::Partial,
        (true, true) => Exit::Found,
        (false, true) => Exit::NothingFound,
    }
}
