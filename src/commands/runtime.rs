//! `omg runtime`: what is installed and what there is, and its end; `omg uninstall`; and the runtimes of `omg install`.

use super::change::with_consent;
use super::reply::{Remark, Reply};
use super::shop::{self, Shown, Wanted, person, wanted};
use super::tools;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::runtimes::{Shop, line, remove, superseded};
use crate::runtimes::active::Person;
use crate::runtimes::installed::{Installed, Keeper};
use crate::runtimes::request::Kind;
use crate::runtimes::sources::{Release, source};
use crate::runtimes::tools::Tool;
use crate::runtimes::{Request, Runtime, makers};
use crate::ui::{Cell, Stages, Style, Ui, table};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

pub fn command() -> Command {
    let names = |help: &'static str| Arg::new("NAME").num_args(0..).help(help);
    let list = Command::new("list")
        .about("List installed versions, or those that there are")
        .arg(names("Runtimes [default: all]"))
        .arg(
            Arg::new("available").long("available").action(ArgAction::SetTrue).help("List what their publishers offer"),
        );
    let prune = Command::new("prune")
        .about("Remove versions that a newer one of the same line has taken the place of")
        .arg(names("Runtimes [default: all]"));
    let upgrade = Command::new("upgrade")
        .about("Install the newest version of each line that is installed")
        .arg(names("Runtimes, or NAME@VERSION for one line [default: all]"))
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Show all that would be done, and do nothing"),
        );
    Command::new("runtime")
        .about("List, upgrade and remove language runtimes")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(list)
        .subcommand(upgrade)
        .subcommand(with_consent(prune))
        .subcommand(uninstall_command())
}

pub fn uninstall_command() -> Command {
    let command = Command::new("uninstall").about("Remove installed versions of runtimes");
    with_consent(command.arg(Arg::new("NAME@VERSION").num_args(1..).required(true).help("Versions of runtimes")))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    match matches.subcommand() {
        Some(("list", matches)) if tool(matches).is_some() => {
            tools::list(tool(matches).map_or("", |name| name), matches.get_flag("available"))
        }
        Some(("list", matches)) if matches.get_flag("available") => list_available(ctx, &runtimes(matches)?),
        Some(("list", matches)) => list(&runtimes(matches)?),
        Some(("upgrade", matches)) => upgrade(ctx, matches, matches.get_flag("dry-run")),
        Some(("prune", matches)) => prune(ctx, &runtimes(matches)?, matches),
        Some(("uninstall", matches)) => uninstall(ctx, matches),
        _ => unreachable!("the parser knows only these"),
    }
}

/// The one name, where it is none of a runtime.
fn tool(matches: &ArgMatches) -> Option<&String> {
    let mut names = matches.get_many::<String>("NAME")?;
    let name = names.next().filter(|name| Tool::new(name, "1", 0).is_some())?;
    names.next().is_none().then_some(name)
}

/// Those that were named, or all.
fn runtimes(matches: &ArgMatches) -> Result<Vec<Runtime>> {
    let names = matches.get_many::<String>("NAME").unwrap_or_default();
    let named: Vec<Runtime> = names.map(|name| Ok(wanted(name)?.runtime)).collect::<Result<_>>()?;
    Ok(if named.is_empty() { Runtime::ALL.to_vec() } else { named })
}

/// `omg install NAME@VERSION...`: what fails does not keep the others from being installed.
pub fn install(ctx: &Ctx, names: &[&String], tools: &[Tool], dry_run: bool) -> Result<Reply> {
    let person = person()?;
    let wanted: Vec<Wanted> = names.iter().map(|name| wanted(name)).collect::<Result<_>>()?;
    if !tools.is_empty() {
        tools::there(&person, tools)?;
    }
    let all = match wanted.is_empty() {
        true => Vec::new(),
        false => bring(ctx, &person, &wanted.iter().collect::<Vec<_>>(), dry_run)?,
    };
    let (done, mut failed) = apart(all);
    let mut done = of_runtimes(done);
    if !tools.is_empty() {
        match tools::install(ctx, &person, tools, dry_run) {
            Ok(all) => done.extend(all.into_iter().map(Brought::Tool)),
            Err(error) => failed.push(error),
        }
    }
    // What failed as a whole is an error, and no list of nothing.
    match failed.pop() {
        Some(error) if done.is_empty() && failed.is_empty() => Err(error),
        last => {
            failed.extend(last);
            Ok(told_of_all(done, failed, dry_run))
        }
    }
}

/// What an installation brought.
#[derive(Serialize)]
#[serde(untagged)]
enum Brought {
    Runtime(Shown),
    Tool(tools::Done),
}

fn of_runtimes(all: Vec<Shown>) -> Vec<Brought> {
    all.into_iter().map(Brought::Runtime).collect()
}

fn apart(all: Vec<Result<Shown>>) -> (Vec<Shown>, Vec<anyhow::Error>) {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for one in all {
        match one {
            Ok(one) => done.push(one),
            Err(error) => failed.push(error),
        }
    }
    (done, failed)
}

/// What was brought, and what was not: then the command ends as the first of those would have by itself.
fn told_of_all(done: Vec<Brought>, failed: Vec<anyhow::Error>, dry_run: bool) -> Reply {
    let exit = failed.first().map_or(Exit::Found, Exit::of);
    let remarks: Vec<Remark> = failed.iter().map(Remark::of).collect();
    Reply::new(done, move |_, all| brought(all, dry_run), exit).with(remarks)
}

fn bring(ctx: &Ctx, person: &Person, wanted: &[&Wanted], dry_run: bool) -> Result<Vec<Result<Shown>>> {
    if !dry_run {
        return shop::install_all(ctx, person, wanted);
    }
    let stages = Stages::new(&ctx.ui);
    let shop = shop::shop(ctx, person, &stages)?;
    let would = |wanted: &&Wanted| -> Result<Shown> {
        let release = shop.release(wanted.runtime, &wanted.request, &|text| ctx.ui.warn(text))?;
        let path = shop.folders.versions(wanted.runtime).join(release.version.to_string());
        Ok(Shown {
            runtime: wanted.runtime.name(),
            version: release.version.to_string(),
            new: !path.is_dir(),
            path: path.display().to_string(),
            sha256: String::new(),
            key: String::new(),
            unverified: Vec::new(),
        })
    };
    Ok(wanted.iter().map(would).collect())
}

fn brought(all: &[Brought], dry_run: bool) -> String {
    let line = |one: &Brought| match one {
        Brought::Tool(tool) => tool.line(if dry_run { "would be installed" } else { "is installed" }),
        Brought::Runtime(Shown { runtime, version, path, new, .. }) => match (new, dry_run) {
            (true, true) => format!("{runtime} {version} would be installed in {path}\n"),
            (true, false) => format!("{runtime} {version} is installed in {path}\n"),
            (false, _) => format!("{runtime} {version} is installed already, in {path}\n"),
        },
    };
    all.iter().map(line).collect()
}

#[derive(Serialize)]
struct Listed {
    runtime: &'static str,
    version: String,
    /// Who installed it; nothing where it is only offered.
    keeper: Option<&'static str>,
    path: Option<String>,
    /// Whether this folder, or the person everywhere, asks for it.
    active: bool,
    lts: Option<String>,
    date: Option<String>,
}

fn list(runtimes: &[Runtime]) -> Result<Reply> {
    let person = person()?;
    let active = in_force(&person)?;
    let mut all = Vec::new();
    for runtime in runtimes {
        for one in person.folders.own(*runtime).into_iter().chain(person.folders.others(*runtime)) {
            all.push(Listed {
                runtime: runtime.name(),
                version: one.version.to_string(),
                keeper: Some(one.keeper.name()),
                active: active.iter().any(|other| other.path == one.path),
                path: Some(one.path.display().to_string()),
                lts: None,
                date: None,
            });
        }
    }
    let exit = if all.is_empty() { Exit::NothingFound } else { Exit::Found };
    let remark = all.is_empty().then(|| Remark::Error {
        message: "no runtimes are installed".to_owned(),
        hint: "`omg install node@lts` installs one, `omg runtime list --available` shows what there is".to_owned(),
    });
    Ok(Reply::new(all, |ui, all| listed(ui, all), exit).with(remark))
}

fn list_available(ctx: &Ctx, runtimes: &[Runtime]) -> Result<Reply> {
    let person = person()?;
    let stages = Stages::new(&ctx.ui);
    let shop = shop::shop(ctx, &person, &stages)?;
    let active = in_force(&person)?;
    let (mut all, mut remarks) = (Vec::new(), Vec::new());
    let named_one = runtimes.len() == 1;
    for runtime in runtimes.iter().filter(|runtime| named_one || source(**runtime).is_some()) {
        let available = match shop.available(*runtime) {
            Ok(available) => available,
            Err(error) if !named_one => {
                remarks.push(Remark::Warning(format!("{error:#}")));
                continue;
            }
            Err(error) => return Err(error),
        };
        remarks.extend(available.stale.map(Remark::Warning));
        let own = person.folders.own(*runtime);
        for release in available.releases {
            let there = own.iter().find(|one| one.version == release.version);
            all.push(Listed {
                runtime: runtime.name(),
                version: release.version.to_string(),
                keeper: there.map(|one| one.keeper.name()),
                path: there.map(|one| one.path.display().to_string()),
                active: there.is_some_and(|one| active.iter().any(|other| other.path == one.path)),
                lts: release.lts,
                date: release.date,
            });
        }
    }
    let exit = match (all.is_empty(), remarks.is_empty()) {
        (true, _) => Exit::Failed,
        (false, false) => Exit::Partial,
        (false, true) => Exit::Found,
    };
    Ok(Reply::new(all, |ui, all| listed(ui, all), exit).with(remarks))
}

fn listed(ui: &Ui, all: &[Listed]) -> String {
    let row = |one: &Listed| -> Vec<Cell<'_>> {
        let note = match (&one.keeper, &one.lts) {
            (Some("omg"), _) if one.active => "in use here".to_owned(),
            (Some("omg"), _) => "installed".to_owned(),
            (Some(keeper), _) => format!("by {keeper}{}", if one.active { ", in use here" } else { "" }),
            (None, Some(lts)) if lts == "lts" => lts.clone(),
            (None, Some(lts)) => format!("lts/{lts}"),
            (None, None) => String::new(),
        };
        let place = one.path.clone().or_else(|| one.date.clone()).unwrap_or_default();
        vec![
            Cell::styled(Style::Name, one.runtime),
            Cell::styled(Style::Version, one.version.clone()),
            Cell::styled(if one.active { Style::Good } else { Style::Dim }, note),
            Cell::styled(Style::Dim, place),
        ]
    };
    table(ui, &all.iter().map(row).collect::<Vec<_>>())
}

/// The installed versions that this folder, or the person everywhere, asks for.
fn in_force(person: &Person) -> Result<Vec<Installed>> {
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let mut chosen: Vec<Installed> =
        person.pins(&folder).into_iter().filter_map(|pin| person.choice(pin).installed).collect();
    let global = person.global.as_deref().map_or(Vec::new(), |file| crate::runtimes::pin::of_file(file).0);
    chosen.extend(global.into_iter().filter_map(|pin| person.choice(pin).installed));
    Ok(chosen)
}

/// The installed versions of omg's own that the command names, or all.
fn named(person: &Person, matches: &ArgMatches) -> Result<Vec<Installed>> {
    let names: Vec<&String> = matches.get_many::<String>("NAME").unwrap_or_default().collect();
    if names.is_empty() {
        return Ok(Runtime::ALL.into_iter().flat_map(|runtime| person.folders.own(runtime)).collect());
    }
    let mut all: Vec<Installed> = Vec::new();
    for name in names {
        let wanted = wanted(name)?;
        let own = person.folders.own(wanted.runtime);
        let meant = if wanted.is_bare { own } else { matching(person, &wanted, &own) };
        if meant.is_empty() && !wanted.is_bare {
            return Err(not_ours(person, &wanted));
        }
        all.extend(meant.into_iter().filter(|one| !all.contains(one)).collect::<Vec<_>>());
    }
    Ok(all)
}

/// Each of these versions that a request may mean.
fn matching(person: &Person, wanted: &Wanted, own: &[Installed]) -> Vec<Installed> {
    let lts = person.folders.lts_lines(wanted.runtime);
    let select = |all| wanted.request.select(all, |one: &Installed| &one.version, &lts);
    match wanted.request.kind {
        // Of these there is one at a time.
        Kind::Latest | Kind::Lts(_) => select(own).into_iter().cloned().collect(),
        _ => own.iter().filter(|one| select(std::slice::from_ref(*one)).is_some()).cloned().collect(),
    }
}

fn upgrade(ctx: &Ctx, matches: &ArgMatches, dry_run: bool) -> Result<Reply> {
    let person = person()?;
    let installed = named(&person, matches)?;
    let stages = Stages::new(&ctx.ui);
    let shop = shop::shop(ctx, &person, &stages)?;
    let mut all = Vec::new();
    for there in &installed {
        if let Some(release) = shop.moved(there)? {
            all.push(renewed(&shop, &stages, there, &release, dry_run)?);
        }
    }
    let numbered = installed.iter().filter(|one| one.version.channel().is_none());
    let mut lines: Vec<_> = numbered.map(|one| (one.runtime, line(one))).collect();
    lines.dedup();
    let mut wanted = Vec::new();
    for (runtime, (numbers, variant)) in lines {
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let text = makers::spelt(runtime, &numbers.join("."), variant);
        let request = Request::parse(runtime, &text).map_err(anyhow::Error::msg)?;
        wanted.push(Wanted { runtime, request, is_bare: false });
    }
    let brought = bring(ctx, &person, &wanted.iter().collect::<Vec<_>>(), dry_run)?;
    // Of a line that its publisher offers no more there is nothing newer.
    let is_over = |result: &Result<Shown>| result.as_ref().is_err_and(|error| Exit::of(error) == Exit::NothingFound);
    let (over, brought): (Vec<_>, Vec<_>) = wanted.iter().zip(brought).partition(|(_, result)| is_over(result));
    let over = over.into_iter().map(|(Wanted { runtime, request, .. }, _)| {
        Remark::Note(format!("{} {request} is not on offer any more: there is nothing newer of it", runtime.name()))
    });
    let over: Vec<Remark> = over.collect();
    let (done, failed) = apart(brought.into_iter().map(|(_, result)| result).collect());
    let has_newer = done.iter().any(|one| one.new);
    all.extend(done);
    let hint = has_newer.then(|| Remark::Hint("`omg runtime prune` removes the older ones".to_owned()));
    Ok(told_of_all(of_runtimes(all), failed, dry_run).with(over).with(hint))
}

/// A channel that has moved on, in the place of what it was.
fn renewed(shop: &Shop<'_>, stages: &Stages, there: &Installed, release: &Release, dry_run: bool) -> Result<Shown> {
    let mut shown = Shown {
        runtime: there.runtime.name(),
        version: there.version.to_string(),
        path: there.path.display().to_string(),
        new: true,
        sha256: String::new(),
        key: String::new(),
        unverified: Vec::new(),
    };
    if !dry_run {
        let done = shop.renew(there, release);
        stages.clear();
        let done = done?;
        (shown.sha256, shown.key, shown.unverified) = (done.sha256, done.key, done.unverified);
    }
    Ok(shown)
}

fn prune(ctx: &Ctx, runtimes: &[Runtime], matches: &ArgMatches) -> Result<Reply> {
    let person = person()?;
    let active = in_force(&person)?;
    let keeps = |one: &Installed| active.iter().any(|other| other.path == one.path);
    let old = runtimes.iter().flat_map(|runtime| superseded(&person.folders.own(*runtime), keeps)).collect();
    take_away(ctx, &person, old, matches)
}

pub fn uninstall(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    if let Some(tools) = tools::all_of(matches.get_many::<String>("NAME@VERSION").unwrap_or_default()) {
        return tools::uninstall(ctx, tools, matches);
    }
    let person = person()?;
    let mut going: Vec<Installed> = Vec::new();
    for text in matches.get_many::<String>("NAME@VERSION").unwrap_or_default() {
        let wanted = wanted(text)?;
        let name = wanted.runtime.name();
        if wanted.is_bare {
            let message = format!("which version of {name}? Write {name}@VERSION");
            let hint = format!("`omg runtime list {name}` shows what is installed; `omg remove` is for packages");
            return Err(Hinted::new(Exit::Usage, message, hint).into());
        }
        let own = person.folders.own(wanted.runtime);
        let lts = person.folders.lts_lines(wanted.runtime);
        let Some(one) = wanted.request.select(&own, |one| &one.version, &lts) else {
            return Err(not_ours(&person, &wanted));
        };
        let others = matching(&person, &wanted, &own).into_iter().filter(|other| other != one);
        let others: Vec<String> = others.map(|other| other.version.to_string()).collect();
        if !others.is_empty() {
            let (version, others) = (&one.version, others.join(" or "));
            ctx.ui.note(&format!("{name} {} means the newest, {version}, and not {others}", wanted.request));
        }
        if !going.contains(one) {
            going.push(one.clone());
        }
    }
    take_away(ctx, &person, going, matches)
}

fn not_ours(person: &Person, wanted: &Wanted) -> anyhow::Error {
    let what = format!("{} {}", wanted.runtime.name(), wanted.request);
    let (message, hint) = match person.folders.find(wanted.runtime, &wanted.request) {
        Some(Installed { version, keeper, path, .. }) if keeper != Keeper::Omg => (
            format!("{} {version} was installed by {}, and is left to it", wanted.runtime.name(), keeper.name()),
            format!("it is in {}", path.display()),
        ),
        _ => (format!("{what} is not installed"), "`omg runtime list` shows what is".to_owned()),
    };
    Hinted::new(Exit::NothingFound, message, hint).into()
}

#[derive(Serialize)]
struct Gone {
    runtime: &'static str,
    version: String,
    path: String,
}

fn take_away(ctx: &Ctx, person: &Person, going: Vec<Installed>, matches: &ArgMatches) -> Result<Reply> {
    let shown = |one: &Installed| Gone {
        runtime: one.runtime.name(),
        version: one.version.to_string(),
        path: one.path.display().to_string(),
    };
    let dry_run = matches.get_flag("dry-run");
    let gone: Vec<Gone> = going.iter().map(shown).collect();
    if !dry_run && !going.is_empty() {
        agree(ctx, matches, &told(&gone, true))?;
    }
    if !dry_run {
        let stages = Stages::new(&ctx.ui);
        let shop = shop::shop(ctx, person, &stages)?;
        going.iter().try_for_each(|one| remove(&shop, one))?;
    }
    let note = going.is_empty().then(|| Remark::Note("there is nothing to remove".to_owned()));
    Ok(Reply::new(gone, move |_, gone| told(gone, dry_run), Exit::Found).with(note))
}

/// Asks whether a removal is to be done, unless that was said beforehand.
pub fn agree(ctx: &Ctx, matches: &ArgMatches, plan: &str) -> Result<()> {
    if matches.get_flag("yes") {
        return Ok(());
    }
    if ctx.json || !ctx.ui.can_ask() {
        let message = "nobody is there to agree to this, and nothing was removed";
        let hint = "--yes does it without asking, --dry-run only shows it";
        return Err(Hinted::new(Exit::Usage, message, hint).into());
    }
    ctx.ui.print(plan)?;
    if !ctx.ui.agrees("Go on?")? {
        return Err(Hinted::new(Exit::Failed, "nothing was removed", "").into());
    }
    Ok(())
}

fn told(gone: &[Gone], is_plan: bool) -> String {
    let what = if is_plan { "would be removed from" } else { "was removed from" };
    gone.iter().map(|Gone { runtime, version, path }| format!("{runtime} {version} {what} {path}\n")).collect()
}
