//! The one way every command changes packages: order, plan, show, ask, hand over, tell.

mod family;
mod hand_over;
mod news;
mod screen;
mod view;

pub use family::family;
pub use hand_over::{Privileged, apply, apply_command, hand_over};
pub use view::{afterwards, because};

use super::reply::{Remark, Reply};
use super::shop::names_runtime;
use super::{Ctx, conf, unknown};
use crate::audit::grade::Graded;
use crate::audit::log::Event;
use crate::config::Config;
use crate::error::{Exit, Hinted};
use crate::model::{Missing, Order, Plan, Reason, Resolution, Source, Step, Target, Task};
use crate::ops::gate::{self, Ledger, Refused};
use crate::ops::trust::Trust;
use crate::ops::{World, archives, history, transact};
use crate::shell::word;
use crate::ui::Stages;
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};
use family::offered_by;
use std::path::Path;

/// The options that all these commands take.
pub fn with_options(command: Command) -> Command {
    let help = "Also what is refused otherwise: a partial upgrade on Arch, the removal of an essential package";
    with_consent(command).arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help(help))
}

/// That of a command that puts packages in place.
pub fn with_why(command: Command) -> Command {
    let help = "Show what vouches for each package: its grade, and what that is made of";
    command.arg(Arg::new("why").long("why").action(ArgAction::SetTrue).help(help))
}

/// Those of a command that changes no packages.
pub fn with_consent(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    command
        .arg(flag("dry-run", "Show all that would be done, and do nothing"))
        .arg(flag("yes", "Do it without asking").short('y'))
}

/// `NAME...` of a command.
pub fn names_argument(help: &'static str) -> Arg {
    Arg::new("NAME").num_args(1..).required(true).help(help)
}

/// Plans what a command orders and, if that is wanted, has it done.
pub fn run(ctx: &Ctx, matches: &ArgMatches, task: Task, targets: Vec<Target>) -> Result<Reply> {
    let force = matches.get_flag("force");
    plan(ctx, matches, Order { force, ..Order::new(task, targets) })
}

/// The same for an order that says more.
pub fn plan(ctx: &Ctx, matches: &ArgMatches, order: Order) -> Result<Reply> {
    let world = World::open(&ctx.place)?;
    let source =
        family(ctx, &world, &order.targets).map_err(|error| or_of_runtimes(order.task, &order.targets, error))?;
    match order.task {
        Task::Downgrade => carry_back(ctx, matches, &world, source, order),
        _ => carry(ctx, matches, &world, source, order),
    }
}

/// The same where the order and its family are known.
pub fn carry(ctx: &Ctx, matches: &ArgMatches, world: &World, source: Source, order: Order) -> Result<Reply> {
    let mut started = Privileged::early(ctx, matches, source);
    let plan = planned(ctx, world, source, order, &mut started, &mut |_, _| Ok(false))?;
    carry_plan(ctx, matches, plan, started)
}

/// The same of an order that goes back in time: what no repository offers any more is looked for where old versions are kept.
pub fn carry_back(ctx: &Ctx, matches: &ArgMatches, world: &World, source: Source, order: Order) -> Result<Reply> {
    let mut found: Option<archives::Found> = None;
    let planned = planned(ctx, world, source, order, &mut None, &mut |order, missing| {
        let is_first = found.is_none();
        if is_first {
            found = Some(bring_archives(ctx, world, source, order, missing)?);
        }
        Ok(is_first)
    });
    let found = found.unwrap_or_default();
    if let (Err(_), Some(failure)) = (&planned, &found.failure) {
        ctx.ui.warn(&format!("{failure:#}"));
    }
    let plan = planned?;
    let is_proven = |name: &str| plan.steps.iter().any(|step| step.name == name && step.signed == Some(true));
    if let Some(name) = found.unproven.iter().find(|name| !is_proven(name)) {
        let message = format!("no trusted signature vouches for the archive of {name}");
        let (package, why) = (name.clone(), message.clone());
        Ledger::open(&ctx.state_folder()?)?.write(&Event::SignatureRejected { package, key: String::new(), why })?;
        let hint = "nothing was changed; `LocalFileSigLevel` in pacman.conf says whether signatures are looked at";
        return Err(Hinted::new(Exit::Refused, message, hint).into());
    }
    carry_plan(ctx, matches, plan, None)
}

/// What an order comes to, found out by `started` where somebody is. `complete` may give targets that are missing something else to be found by, and says whether to try again.
pub fn planned(
    ctx: &Ctx,
    world: &World,
    source: Source,
    mut order: Order,
    started: &mut Option<Privileged>,
    complete: &mut dyn FnMut(&mut Order, &[Missing]) -> Result<bool>,
) -> Result<Plan> {
    let (command, scratch) = (typed(), ctx.scratch_folder());
    let mut found = started.as_mut().and_then(|started| started.plan(&order));
    loop {
        let resolution = match found.take() {
            Some(resolution) => resolution,
            None => transact::resolve(world, source, &order, &command, scratch.as_deref())?,
        };
        if !matches!(resolution, Resolution::Plan(_)) {
            // What was ordered is not what will be done.
            *started = None;
        }
        match resolution {
            Resolution::Plan(plan) => return Ok(*plan),
            Resolution::Choice { name, packages } => choose(ctx, &mut order, &name, packages)?,
            Resolution::Unknown(missing) if complete(&mut order, &missing)? => {}
            Resolution::Unknown(missing) => return Err(not_found(ctx, source, &order, &missing)?),
            Resolution::Impossible(reasons) => return Err(impossible(&order, &reasons)),
        }
    }
}

/// Brings archives of what no repository offers any more.
fn bring_archives(
    ctx: &Ctx,
    world: &World,
    source: Source,
    order: &mut Order,
    missing: &[Missing],
) -> Result<archives::Found> {
    let settings = Config::read(&ctx.place.root)?.archives;
    let (journal, _) = history::journal(world, &ctx.place.root, &ctx.state_folder()?)?;
    let folder = ctx.scratch_folder().context("there is no folder to put archives into")?.join("archives");
    let stages = Stages::new(&ctx.ui);
    let keeper = archives::Keeper { settings: &settings, folder: &folder, journal: &journal, observer: &stages };
    let backend = world.backend(source).with_context(|| format!("this machine has no {}", source.name()))?;
    keeper.complete(backend, order, missing)
}

/// Shows a plan, and has it done if that is wanted, by `started` where somebody is.
pub fn carry_plan(ctx: &Ctx, matches: &ArgMatches, plan: Plan, started: Option<Privileged>) -> Result<Reply> {
    let command = typed();
    let text = plan.canonical();
    let digest = transact::digest(&text);
    judge(ctx, &plan, &digest, &command)?;
    // Of the commands that put packages in place.
    let why = matches.try_get_one("why").ok().flatten().copied().unwrap_or(false);
    let grades = if why || ctx.json { grades(ctx, &plan)? } else { Vec::new() };
    let warnings: Vec<Remark> = plan.warnings.iter().map(|text| Remark::Warning(text.clone())).collect();
    let is_wanted = !matches.get_flag("dry-run") && !plan.is_empty();
    if !is_wanted {
        let shown = view::shown(&plan, &grades, &digest, false);
        return Ok(Reply::new(shown, move |ui, _| view::text(ui, &plan, &grades), Exit::Found).with(warnings));
    }
    if !ctx.json {
        ctx.ui.print(&view::text(&ctx.ui, &plan, &grades))?;
    }
    warnings.iter().for_each(|warning| warning.say(&ctx.ui));
    if !matches.get_flag("yes") {
        if ctx.json || !ctx.ui.can_ask() {
            let message = "nobody is there to agree to this, and nothing was changed";
            return Err(
                Hinted::new(Exit::Usage, message, "--yes does it without asking, --dry-run only shows it").into()
            );
        }
        if !ctx.ui.agrees("Go on?")? {
            return Err(Hinted::new(Exit::Failed, "nothing was changed", "").into());
        }
    }
    let changes_packages = !plan.steps.is_empty() && !plan.order.fetch_only;
    let before = if changes_packages { conf::left(ctx, &plan) } else { None };
    let mut remarks = afterwards(&plan);
    let mut look = || {
        remarks.extend(news::of_upgraded(&ctx.place.root, &plan));
        remarks.extend(before.iter().flat_map(|before| conf::left_since(ctx, &plan, before)));
    };
    hand_over(ctx, &plan, (&text, &digest), &command, started, &mut look)?;
    Ok(Reply::new(view::shown(&plan, &grades, &digest, true), |_, _| String::new(), Exit::Found).with(remarks))
}

/// What vouches for each step's new version; nothing of what is removed.
fn grades(ctx: &Ctx, plan: &Plan) -> Result<Vec<Option<Graded>>> {
    if plan.steps.iter().all(|step| step.new.is_empty()) {
        return Ok(Vec::new());
    }
    // Without an index less is known, and the grades are as low as that.
    let index = ctx.index().ok();
    let trust = Trust::new(index.as_deref());
    let grade = |step: &Step| match step.new.is_empty() {
        true => Ok(None),
        false => Ok(Some(trust.of_step(plan.source, step)?.graded)),
    };
    plan.steps.iter().map(grade).collect()
}

/// Asks the policy before the person is asked. The privileged part asks once more, as it cannot know that this did.
fn judge(ctx: &Ctx, plan: &Plan, digest: &str, command: &str) -> Result<()> {
    let policy = gate::policy(&ctx.place.root)?;
    if policy.is_empty() {
        return Ok(());
    }
    let index = ctx.index()?;
    let refusals = gate::judge(&policy, plan, Some(&index))?;
    if refusals.is_empty() {
        return Ok(());
    }
    let refused = Refused(refusals.clone()).to_string();
    let event =
        Event::PlanRefused { plan: digest.to_owned(), backend: plan.source, command: command.to_owned(), refusals };
    Ledger::open(&ctx.state_folder()?)?.write(&event)?;
    Err(hand_over::refused(&refused))
}

/// What was typed, for logs; the program by its name.
pub fn typed() -> String {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    ["omg".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// Puts the package that is to stand for a name in its place.
fn choose(ctx: &Ctx, order: &mut Order, name: &str, packages: Vec<String>) -> Result<()> {
    let chosen = if ctx.ui.can_ask() && !ctx.json {
        for (at, package) in packages.iter().enumerate() {
            ctx.ui.note(&format!("  {}  {package}", at + 1));
        }
        ctx.ui.choice(&format!("{name} is provided by these; which?"), packages.len())?
    } else {
        None
    };
    match chosen {
        Some(number) => {
            let chosen = packages[number - 1].clone();
            match order.targets.iter_mut().find(|target| target.name == name) {
                Some(target) => target.name = chosen,
                // Something that was asked for needs it.
                None => {
                    let reason = Some(Reason::Dependency);
                    order.targets.push(Target { name: chosen, reason, ..Target::default() });
                }
            }
            Ok(())
        }
        None => {
            let message = format!("{name} is no package of its own: {} stand for it", packages.join(", "));
            Err(Hinted::new(Exit::Usage, message, format!("name the one you want: `omg install {}`", packages[0]))
                .into())
        }
    }
}

fn not_found(ctx: &Ctx, source: Source, order: &Order, missing: &[Missing]) -> Result<anyhow::Error> {
    let first = &missing[0];
    if let Some(error) = of_runtimes(order.task, &first.target) {
        return Ok(error);
    }
    if order.takes_back.is_some() {
        let names: Vec<&str> = missing.iter().map(|missing| missing.target.as_str()).collect();
        let message =
            format!("{} is in no repository, in no cache, and not where old versions are kept", names.join(", "));
        let hint = "it is taken back whole or not at all, so nothing was changed; other versions: `omg info NAME`";
        return Ok(Hinted::new(Exit::Failed, message, hint).into());
    }
    if first.not_installed {
        let names: Vec<&str> = missing.iter().map(|missing| missing.target.as_str()).collect();
        let message = match names.as_slice() {
            [one] => format!("{one} is not installed"),
            several => format!("{} are not installed", several.join(", ")),
        };
        return Ok(Hinted::new(Exit::NothingFound, message, "`omg list` shows what is").into());
    }
    if !first.versions.is_empty() {
        let message = format!("there is no {}", first.target);
        let hint = format!("there is {}", first.versions.join(", "));
        return Ok(Hinted::new(Exit::NothingFound, message, hint).into());
    }
    let name = order.targets.iter().find(|target| target.to_string() == first.target);
    let name = name.map_or(first.target.as_str(), |target| target.name.as_str());
    let index = ctx.index()?;
    if source == Source::Pacman && offered_by(&index, name)?.contains(&Source::Aur) {
        let message = format!("{name} is in the AUR, and omg does not build packages yet");
        return Ok(Hinted::new(Exit::NothingFound, message, format!("`omg info {name}` shows where it is kept")).into());
    }
    unknown(&index, name, "is offered or installed")
}

/// `NAME@VERSION` of a runtime, which other commands remove and upgrade.
fn of_runtimes(task: Task, target: &str) -> Option<anyhow::Error> {
    let (name, _) = target.split_once('@').filter(|_| names_runtime(target))?;
    let target = word(target);
    let hint = match task {
        Task::Remove { .. } => format!("`omg uninstall {target}` removes a version of a runtime"),
        Task::Upgrade { .. } => format!("`omg runtime upgrade {target}` upgrades a runtime"),
        Task::Install | Task::Reinstall | Task::Downgrade => {
            format!("`omg install {target}` installs a version of {name}")
        }
        _ => return None,
    };
    Some(Hinted::new(Exit::NothingFound, format!("{target} is a runtime, and no package"), hint).into())
}

/// That one, where something among the targets is the reason for an error.
pub fn or_of_runtimes(task: Task, targets: &[Target], error: anyhow::Error) -> anyhow::Error {
    targets.iter().find_map(|target| of_runtimes(task, &target.name)).unwrap_or(error)
}

fn impossible(order: &Order, reasons: &[String]) -> anyhow::Error {
    let what = match order.task {
        Task::Remove { .. } | Task::Autoremove { .. } => "it cannot be removed",
        Task::Upgrade { .. } => "it cannot be upgraded",
        Task::Downgrade => "it cannot be downgraded",
        _ => "it cannot be installed",
    };
    let hint = "nothing was changed; `omg why NAME` and `omg deps NAME --reverse` show what needs what";
    Hinted::new(Exit::Failed, format!("{what}: {}", reasons.join("; ")), hint).into()
}

/// A target as it is typed: `REPOSITORY/NAME:ARCH=VERSION`, or the path of an archive.
pub fn target(typed: &str) -> Result<Target> {
    let is_archive = typed.ends_with(".deb") || typed.contains(".pkg.tar");
    if is_archive || typed.starts_with('/') || typed.starts_with("./") || typed.starts_with("../") {
        let file = std::path::absolute(Path::new(typed))?;
        if !file.is_file() {
            let message = format!("there is no file {typed}");
            return Err(Hinted::new(Exit::NothingFound, message, "a package's name has no slash in front of it").into());
        }
        return Ok(Target { name: typed.to_owned(), file: Some(file), ..Target::default() });
    }
    let bad = |what: &str| {
        let hint = "a package is written NAME, NAME=VERSION or REPOSITORY/NAME";
        anyhow::Error::from(Hinted::new(Exit::Usage, format!("{typed:?} {what}"), hint))
    };
    let (front, version) = match typed.split_once('=') {
        Some((front, version)) => (front, Some(version)),
        None => (typed, None),
    };
    let (repository, name) = match front.rsplit_once('/') {
        Some((repository, name)) => (Some(repository), name),
        None => (None, front),
    };
    let (name, arch) = match name.split_once(':') {
        Some((name, arch)) => (name, Some(arch)),
        None => (name, None),
    };
    // An option of the native tool, or of a shell, is no name.
    let is_word = |word: &str, more: &str| {
        word.starts_with(|first: char| first.is_ascii_alphanumeric() || "_@".contains(first))
            && word
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "-_+.@~".contains(letter) || more.contains(letter))
    };
    if !is_word(name, "") {
        return Err(bad("is no package's name"));
    }
    if version.is_some_and(|version| !is_word(version, ":^")) {
        return Err(bad("names no version"));
    }
    if repository.is_some_and(|repository| !is_word(repository, "/")) || arch.is_some_and(|arch| !is_word(arch, "")) {
        return Err(bad("names no repository or architecture"));
    }
    let own = |text: Option<&str>| text.map(str::to_owned);
    Ok(Target {
        name: name.to_owned(),
        arch: own(arch),
        version: own(version),
        repository: own(repository),
        file: None,
        reason: None,
    })
}

/// All targets that were typed.
pub fn targets(matches: &ArgMatches) -> Result<Vec<Target>> {
    matches.get_many::<String>("NAME").into_iter().flatten().map(|typed| target(typed)).collect()
}

#[cfg(test)]
mod tests {
    use super::{of_runtimes, target};
    use crate::commands::reply::Remark;
    use crate::model::Task;

    #[test]
    fn a_runtime_among_packages_is_told_by_the_command_that_has_it() {
        let hint = |task, target| match Remark::of(&of_runtimes(task, target)?) {
            Remark::Error { hint, .. } => hint.split('`').nth(1).map(str::to_owned),
            _ => None,
        };
        let remove = Task::Remove { purge: false, recursive: false };
        assert_eq!(hint(remove, "node@20").unwrap(), "omg uninstall node@20");
        assert_eq!(hint(Task::Upgrade { full: false }, "node@22").unwrap(), "omg runtime upgrade node@22");
        assert_eq!((hint(remove, "node"), hint(remove, "nano@2")), (None, None));
    }

    #[test]
    fn targets_are_taken_apart_and_bad_ones_refused() {
        let whole = target("bookworm/main/libc6:i386=2.36-9+deb12u8").unwrap();
        assert_eq!(whole.to_string(), "bookworm/main/libc6:i386=2.36-9+deb12u8");
        assert_eq!((whole.name.as_str(), whole.version.as_deref()), ("libc6", Some("2.36-9+deb12u8")));
        assert_eq!(target("gcc-libs").unwrap().name, "gcc-libs");
        for bad in
            ["", "-Syu", "--purge", "a b", "a;rm", "$(id)", "a=", "=1", "x/", "a=-o", "a\nb", "/nowhere", "no.deb"]
        {
            assert!(target(bad).is_err(), "{bad:?}");
        }
    }
}
