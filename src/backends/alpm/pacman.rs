//! pacman in place of the engine: what it prints of a transaction becomes the plan, and the same words without printing carry it out.
//!
//! It prints no package that has to make way for another, only asks about it, and here nobody answers: where one would be removed for
//! a conflict, pacman refuses. It takes no version but that of the repositories, or that of a file.

use super::vercmp;
use crate::backends::tool::{Present, run};
use crate::model::{Action, Mark, Missing, Order, Plan, Reason, Resolution, Source, Step, Target, Task, Why};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// What is asked for each package that comes or goes.
const FORMAT: &str = "omg %n %v %r %s";

/// Where pacman finds what the backend has found.
pub struct Places<'a> {
    pub config: Option<&'a Path>,
    pub root: &'a Path,
    pub database: &'a Path,
}

/// pacman as this order wants it; `more` may make it print instead.
pub fn command(places: &Places<'_>, order: &Order, more: &[&str]) -> Result<Command> {
    let mut command = Command::new("pacman");
    let files = order.targets.iter().filter(|target| target.file.is_some()).count();
    if !order.remove.is_empty() || (files > 0 && files < order.targets.len()) {
        bail!("pacman alone does this in several steps; only the engine does it in one");
    }
    let mut flags = match order.task {
        Task::Install | Task::Downgrade | Task::Reinstall if files > 0 => vec!["-U"],
        Task::Downgrade => bail!("pacman alone has no older version; name the file of one"),
        Task::Install => vec!["-S", "--needed"],
        Task::Reinstall => vec!["-S"],
        Task::Upgrade { .. } if order.targets.is_empty() => vec!["-Su"],
        Task::Upgrade { .. } => vec!["-S", "--needed"],
        Task::Remove { purge: true, recursive: true } => vec!["-Rns"],
        Task::Remove { purge: true, recursive: false } => vec!["-Rn"],
        Task::Remove { purge: false, recursive: true } => vec!["-Rs"],
        Task::Remove { purge: false, recursive: false } => vec!["-R"],
        Task::Sync { force: false } => vec!["-Sy"],
        Task::Sync { force: true } => vec!["-Syy"],
        Task::Mark(Mark::Explicit) => vec!["-D", "--asexplicit"],
        Task::Mark(Mark::Auto) => vec!["-D", "--asdeps"],
        Task::Mark(Mark::Held | Mark::Unheld) => bail!("pacman holds what IgnorePkg names in pacman.conf"),
        Task::Autoremove { .. } | Task::Clean { .. } | Task::Configure => bail!("pacman alone has no part in this"),
    };
    if order.fetch_only {
        flags.push("--downloadonly");
    }
    let reasons: Vec<_> = order.targets.iter().filter_map(|target| target.reason).collect();
    match reasons.first() {
        None => {}
        Some(first) if reasons.len() == order.targets.len() && reasons.iter().all(|reason| reason == first) => {
            flags.push(if *first == Reason::Explicit { "--asexplicit" } else { "--asdeps" });
        }
        Some(_) => bail!("pacman alone gives all that it installs one reason"),
    }
    command.args(flags).args(more).arg("--noconfirm");
    if let Some(config) = places.config {
        command.arg("--config").arg(config);
    }
    command.arg("--root").arg(places.root).arg("--dbpath").arg(places.database).arg("--");
    for target in &order.targets {
        match &target.file {
            Some(file) => command.arg(file),
            None => command.arg(target.to_string()),
        };
    }
    Ok(command)
}

/// What pacman would do.
pub fn plan(places: &Places<'_>, order: &Order, present: &Present) -> Result<Resolution> {
    let mut plan = Plan::simple(Source::Pacman, places.root.to_owned(), order.task);
    (plan.order, plan.decider) = (order.clone(), "pacman".to_owned());
    let installed = |name: &str| present.get(&(name.to_owned(), String::new()));
    // What it cannot do at all is said before anything else.
    let mut printing = command(places, order, &["--print", "--print-format", FORMAT])?;
    let is_absent = |target: &&Target| target.file.is_none() && installed(&target.name).is_none();
    let absent = order.targets.iter().filter(|target| order.task.needs_installed() && is_absent(target));
    let absent: Vec<Missing> = absent.map(|target| missing(target, true)).collect();
    if !absent.is_empty() {
        return Ok(Resolution::Unknown(absent));
    }
    if let Task::Mark(mark) = order.task {
        let marked = |target: &Target| crate::model::Marked { name: target.name.clone(), arch: String::new(), mark };
        plan.marks = order.targets.iter().map(marked).collect();
        return Ok(Resolution::Plan(Box::new(plan)));
    }
    let said = run(&mut printing)?;
    if !said.is_done {
        let errors: Vec<&str> = said.err.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
        let unknown = |target: &&Target| {
            errors.iter().any(|error| error.strip_prefix("target not found: ") == Some(target.to_string().as_str()))
        };
        let unknown: Vec<Missing> = order.targets.iter().filter(unknown).map(|target| missing(target, false)).collect();
        if !unknown.is_empty() {
            return Ok(Resolution::Unknown(unknown));
        }
        let why = said.out.lines().filter_map(|line| line.strip_prefix(":: "));
        return Ok(Resolution::Impossible(errors.into_iter().chain(why).map(str::to_owned).collect()));
    }
    for line in said.out.lines().chain(said.err.lines()) {
        if let Some((old, new)) = replaced(line) {
            let (version, reason) = installed(old).context("pacman replaces what is not installed")?.clone();
            let why = Why::ReplacedBy(new.to_owned());
            plan.steps.push(Step { why, ..gone(Action::Remove, old, version, reason) });
        }
        plan.steps.extend(step(line, order, present));
    }
    plan.steps.sort_by(|a, b| (a.action, &a.name).cmp(&(b.action, &b.name)));
    plan.download_bytes = plan.steps.iter().map(|step| step.download_bytes).sum();
    Ok(Resolution::Plan(Box::new(plan)))
}

fn missing(target: &Target, not_installed: bool) -> Missing {
    Missing { target: target.to_string(), versions: Vec::new(), not_installed }
}

/// `:: Replace OLD with REPOSITORY/NEW? [Y/n]`
fn replaced(line: &str) -> Option<(&str, &str)> {
    let (old, rest) = line.strip_prefix(":: Replace ")?.split_once(" with ")?;
    Some((old, rest.split('?').next()?.rsplit('/').next()?))
}

/// A line of [`FORMAT`].
fn step(line: &str, order: &Order, present: &Present) -> Option<Step> {
    let mut words = line.strip_prefix("omg ")?.split(' ');
    let (name, version, repository, bytes) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let known = present.get(&(name.to_owned(), String::new())).cloned();
    let target = order.targets.iter().find(|target| target.name == name);
    let is_upgrade = matches!(order.task, Task::Upgrade { .. });
    let why = match target {
        Some(_) => Why::Asked,
        None if is_upgrade && known.is_some() => Why::Newer,
        // A file is called what its command called it.
        None if order.targets.iter().any(|target| target.file.is_some()) => Why::Asked,
        None => Why::Unexplained,
    };
    if let Task::Remove { purge, .. } = order.task {
        let (version, reason) = known?;
        return Some(Step { why, ..gone(if purge { Action::Purge } else { Action::Remove }, name, version, reason) });
    }
    let explicit = if why == Why::Asked { Reason::Explicit } else { Reason::Dependency };
    let asked = target.and_then(|target| target.reason);
    let (action, old, reason) = match known {
        None => (Action::Install, String::new(), asked.unwrap_or(explicit)),
        Some((old, reason)) => {
            let action = Action::by_order(vercmp::compare(version, &old));
            (action, old, asked.unwrap_or(if why == Why::Asked && !is_upgrade { Reason::Explicit } else { reason }))
        }
    };
    let repository = if repository == "local" { "" } else { repository };
    Some(Step {
        action,
        old,
        new: version.to_owned(),
        repository: repository.to_owned(),
        why,
        download_bytes: bytes.parse().unwrap_or(0),
        ..gone(action, name, String::new(), reason)
    })
}

/// A step by which a package goes.
fn gone(action: Action, name: &str, old: String, reason: Reason) -> Step {
    Step {
        action,
        name: name.to_owned(),
        arch: String::new(),
        old,
        new: String::new(),
        repository: String::new(),
        why: Why::Unexplained,
        reason,
        download_bytes: 0,
        sha256: String::new(),
        signed: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_what_pacman_prints() {
        let present: Present = [("lib", "1.0-1"), ("old", "1-1")]
            .map(|(name, version)| ((name.to_owned(), String::new()), (version.to_owned(), Reason::Dependency)))
            .into();
        let order = Order::new(Task::Install, vec![Target { name: "app".into(), ..Target::default() }]);
        let app = step("omg app 1:2.0-1 extra 4096", &order, &present).unwrap();
        assert_eq!((app.action, app.new.as_str(), app.repository.as_str()), (Action::Install, "1:2.0-1", "extra"));
        assert_eq!((app.why, app.reason, app.download_bytes), (Why::Asked, Reason::Explicit, 4096));
        let lib = step("omg lib 2.0-1 core 0", &order, &present).unwrap();
        assert_eq!((lib.action, lib.old.as_str(), lib.reason), (Action::Upgrade, "1.0-1", Reason::Dependency));
        assert_eq!(step(":: Starting full system upgrade...", &order, &present), None);
        assert_eq!(replaced(":: Replace old with extra/new? [Y/n] "), Some(("old", "new")));
        let remove = Order { task: Task::Remove { purge: false, recursive: false }, ..order };
        let old = step("omg old 1-1 local 0", &remove, &present).unwrap();
        assert_eq!((old.action, old.old.as_str(), old.new.as_str()), (Action::Remove, "1-1", ""));
    }
}
