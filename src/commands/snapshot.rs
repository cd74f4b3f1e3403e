//! `omg snapshot`: which packages are there, in which version and as what, kept under a name and brought back.

use super::change::{carry_back, family, with_options};
use super::reply::{Remark, Reply};
use super::{clock, full_name};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::history::Journal;
use crate::history::inverse::{Key, State};
use crate::model::{Mark, Marked, Reason, Source};
use crate::ops::{World, history, restore};
use crate::ui::{Style, Ui, clean};
use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub fn command() -> Command {
    let name = || Arg::new("SNAPSHOT").required(true).help("The snapshot's name");
    Command::new("snapshot")
        .about("Keep the packages' state under a name, compare it with now, and bring it back")
        .subcommand_required(true)
        .subcommand(
            Command::new("create")
                .about("Keep which packages are there now")
                .arg(Arg::new("SNAPSHOT").help("A name for it [default: the time]")),
        )
        .subcommand(Command::new("list").about("List the snapshots, newest first"))
        .subcommand(Command::new("show").about("List the packages of a snapshot").arg(name()))
        .subcommand(Command::new("diff").about("Show what has changed since").arg(name()))
        .subcommand(with_options(Command::new("restore").about("Make the packages as they were").arg(name())))
        .subcommand(Command::new("delete").about("Forget a snapshot").arg(name()))
}

/// One package of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Package {
    source: Source,
    name: String,
    arch: String,
    version: String,
    reason: Reason,
    held: bool,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let world = World::open(&ctx.place)?;
    let (journal, _) = history::journal(&world, &ctx.place.root, &ctx.state_folder()?)?;
    let (verb, matches) = matches.subcommand().context("the parser wants a verb")?;
    let name = || matches.get_one::<String>("SNAPSHOT").expect("it is required").as_str();
    match verb {
        "create" => create(ctx, &journal, matches.get_one::<String>("SNAPSHOT")),
        "list" => list(ctx, &journal),
        "show" => {
            let (_, packages) = kept(&journal, name())?;
            Ok(Reply::new(packages, |_, packages| packages.iter().map(shown).collect(), Exit::Found))
        }
        "diff" => diff(ctx, kept(&journal, name())?.1),
        "restore" => bring_back(ctx, matches, &world, kept(&journal, name())?.1),
        _ if journal.drop_snapshot(name())? => Ok(done(name(), 0, format!("forgot {}", name()))),
        _ => Err(no_such(name())),
    }
}

/// The snapshot that was made or forgotten.
#[derive(Serialize)]
struct Done {
    name: String,
    /// How many it holds now.
    packages: usize,
}

fn done(name: &str, packages: usize, note: String) -> Reply {
    let done = Done { name: name.to_owned(), packages };
    Reply::new(done, |_, _| String::new(), Exit::Found).with([Remark::Note(note)])
}

fn no_such(name: &str) -> anyhow::Error {
    Hinted::new(Exit::NothingFound, format!("no snapshot {name}"), "`omg snapshot list` shows what there is").into()
}

/// All that is installed.
fn state(ctx: &Ctx) -> Result<Vec<Package>> {
    let mut packages = Vec::new();
    ctx.index()?.local.scan(|_, row| {
        if row.installed() {
            packages.push(Package {
                source: row.source,
                name: row.name,
                arch: row.arch,
                version: row.version,
                reason: row.reason,
                held: row.held,
            });
        }
        Ok(())
    })?;
    Ok(packages)
}

fn create(ctx: &Ctx, journal: &Journal, name: Option<&String>) -> Result<Reply> {
    let now = Timestamp::now();
    let zone = history::zone(&ctx.place.root);
    let name = name.cloned().unwrap_or_else(|| now.to_zoned(zone).strftime("%Y-%m-%d-%H%M%S").to_string());
    let packages = state(ctx)?;
    if !journal.keep_snapshot(&name, now.as_second(), &serde_json::to_string(&packages)?)? {
        let hint = format!("`omg snapshot delete {name}` forgets it");
        return Err(Hinted::new(Exit::Usage, format!("there is a snapshot {name} already"), hint).into());
    }
    Ok(done(&name, packages.len(), format!("{name}: {} packages", packages.len())))
}

#[derive(Serialize)]
struct Listed {
    name: String,
    /// Seconds since 1970.
    taken: i64,
    packages: usize,
}

fn list(ctx: &Ctx, journal: &Journal) -> Result<Reply> {
    let mut all = Vec::new();
    for (name, taken, state) in journal.snapshots()? {
        let packages: Vec<Package> = serde_json::from_str(&state).with_context(|| format!("snapshot {name}"))?;
        all.push(Listed { name, taken, packages: packages.len() });
    }
    let zone = history::zone(&ctx.place.root);
    let exit = if all.is_empty() { Exit::NothingFound } else { Exit::Found };
    let text = move |ui: &Ui, all: &Vec<Listed>| all.iter().map(|one| listed(ui, one, &zone)).collect();
    Ok(Reply::new(all, text, exit))
}

fn listed(ui: &Ui, one: &Listed, zone: &TimeZone) -> String {
    let time = clock(one.taken, zone);
    format!("{}  {time}  {} packages\n", ui.styled(Style::Name, &clean(&one.name)), one.packages)
}

fn kept(journal: &Journal, name: &str) -> Result<(i64, Vec<Package>)> {
    let all = journal.snapshots()?;
    let (_, taken, state) = all.into_iter().find(|(known, _, _)| known == name).ok_or_else(|| no_such(name))?;
    Ok((taken, serde_json::from_str(&state).with_context(|| format!("snapshot {name}"))?))
}

fn shown(package: &Package) -> String {
    let mut line = format!("{} {}", clean(&full_name(&package.name, &package.arch)), clean(&package.version));
    if package.reason == Reason::Dependency {
        line.push_str("  (dependency)");
    }
    if package.held {
        line.push_str("  (held)");
    }
    line + "\n"
}

/// What is not as it was.
#[derive(Serialize)]
struct Difference {
    name: String,
    source: Source,
    then: Option<Package>,
    now: Option<Package>,
}

fn diff(ctx: &Ctx, then: Vec<Package>) -> Result<Reply> {
    let key = |package: &Package| (package.name.clone(), package.arch.clone(), package.source);
    let mut all: BTreeMap<_, (Option<Package>, Option<Package>)> = BTreeMap::new();
    for package in then {
        let key = key(&package);
        all.entry(key).or_default().0 = Some(package);
    }
    for package in state(ctx)? {
        let key = key(&package);
        all.entry(key).or_default().1 = Some(package);
    }
    let differs = |((name, arch, source), (then, now)): (_, (Option<Package>, Option<Package>))| {
        let (name, arch): (String, String) = (name, arch);
        (then != now).then(|| Difference { name: full_name(&name, &arch), source, then, now })
    };
    let all: Vec<Difference> = all.into_iter().filter_map(differs).collect();
    let exit = if all.is_empty() { Exit::NothingFound } else { Exit::Found };
    let note = all.is_empty().then(|| Remark::Note("nothing has changed since".to_owned()));
    Ok(Reply::new(all, |ui, all| all.iter().map(|one| difference(ui, one)).collect(), exit).with(note))
}

fn difference(ui: &Ui, one: &Difference) -> String {
    let name = ui.styled(Style::Name, &clean(&one.name));
    let counts = |package: &Package| {
        let reason = if package.reason == Reason::Explicit { "explicit" } else { "dependency" };
        format!("{reason}{}", if package.held { ", held" } else { "" })
    };
    match (&one.then, &one.now) {
        (None, Some(now)) => format!("+ {name} {}\n", clean(&now.version)),
        (Some(then), None) => format!("- {name} {}\n", clean(&then.version)),
        (Some(then), Some(now)) if then.version != now.version => {
            format!("~ {name} {} -> {}\n", clean(&then.version), clean(&now.version))
        }
        (Some(then), Some(now)) => format!("~ {name} {} -> {}\n", counts(then), counts(now)),
        (None, None) => String::new(),
    }
}

/// What was held and is not, and the other way round. One that is gone is installed again as one that is not held.
fn holds(then: &[Package], now: &[Package]) -> Vec<Marked> {
    let of_apt = |packages: &[Package]| -> BTreeMap<Key, bool> {
        let packages = packages.iter().filter(|package| package.source == Source::Apt);
        packages.map(|package| ((package.name.clone(), package.arch.clone()), package.held)).collect()
    };
    let now = of_apt(now);
    let differs = |((name, arch), held): (Key, bool)| {
        let is_held = now.get(&(name.clone(), arch.clone())).copied().unwrap_or(false);
        let mark = if held { Mark::Held } else { Mark::Unheld };
        (held != is_held).then_some(Marked { name, arch, mark })
    };
    of_apt(then).into_iter().filter_map(differs).collect()
}

fn bring_back(ctx: &Ctx, matches: &ArgMatches, world: &World, then: Vec<Package>) -> Result<Reply> {
    let source = family(ctx, world, &[])?;
    let backend = world.backend(source).with_context(|| format!("this machine has no {}", source.name()))?;
    let now = restore::now(&*ctx.index()?, source)?;
    let holds = if source == Source::Apt { holds(&then, &state(ctx)?) } else { Vec::new() };
    // What came since goes.
    let mut wanted: BTreeMap<Key, State> = now.keys().map(|key| (key.clone(), State::default())).collect();
    for package in then.into_iter().filter(|package| package.source == source) {
        let state = State { version: package.version, reason: Some(package.reason) };
        wanted.insert((package.name, package.arch), state);
    }
    let mut order = restore::order(backend, &now, &wanted, None);
    order.force = matches.get_flag("force");
    order.holds = holds;
    if order.targets.is_empty() && order.remove.is_empty() && order.holds.is_empty() {
        let message = "there is nothing to bring back: all is as it was";
        return Err(Hinted::new(Exit::NothingFound, message, "").into());
    }
    carry_back(ctx, matches, world, source, order)
}
