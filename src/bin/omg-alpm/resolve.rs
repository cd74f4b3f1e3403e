//! An order put to libalpm, which works out the whole transaction; nothing is changed and, unless it is to be carried out, no
//! lock taken.

use crate::handle::{self, Ear};
use crate::library::{self, Obstacle, Unmet};
use crate::{plan, remains, targets};
use alpm::{Alpm, Error, TransFlag};
use anyhow::{Result, anyhow, bail};
use omg::backends::alpm::{glob, key};
use omg::backends::engine::Request;
use omg::model::{Order, Resolution, Task};
use std::fmt;
use std::path::Path;

pub fn resolve(request: &Request, order: &Order) -> Result<Resolution> {
    let mut handle = handle::open(request)?;
    let ear = handle::listen(&handle);
    prepare(&mut handle, request, order, TransFlag::NO_LOCK, &ear)
}

/// Begins a transaction and leaves it prepared where the answer is a plan.
pub fn prepare(handle: &mut Alpm, request: &Request, order: &Order, flags: TransFlag, ear: &Ear) -> Result<Resolution> {
    let lock = handle.lockfile().to_owned();
    taking(&lock, || handle.trans_init(flags | targets::flags(order)))?
        .map_err(|error| anyhow!("cannot begin a transaction: {error}"))?;
    if !flags.contains(TransFlag::NO_LOCK) {
        remains::discard_whole_parts(handle);
    }
    // pacman wants all databases to be good before it installs anything, and none of them to remove.
    if !matches!(order.task, Task::Remove { .. } | Task::Autoremove { .. } | Task::Mark(_)) {
        let bad = [invalid(handle), remains::cut_short(handle)].concat();
        if !bad.is_empty() {
            return Ok(Resolution::Impossible(bad));
        }
    }
    if let Some(resolution) = targets::add(handle, request, order, ear)? {
        return Ok(resolution);
    }
    // What is said of the targets one by one, such as "reinstalling", is in the plan.
    if !matches!(order.task, Task::Upgrade { .. }) {
        ear.borrow_mut().warnings.clear();
    }
    if let Err(obstacle) = library::prepare(handle) {
        return Ok(Resolution::Impossible(sentences(handle, order, obstacle, ear)));
    }
    if let Some((name, packages)) = ear.borrow_mut().choice.take() {
        return Ok(Resolution::Choice { name, packages });
    }
    let held = held(handle, request);
    if !held.is_empty() && !order.force {
        let sentence = |name| format!("{name} is held by HoldPkg and would be removed");
        return Ok(Resolution::Impossible(held.into_iter().map(sentence).collect()));
    }
    Ok(Resolution::Plan(Box::new(plan::of_transaction(handle, request, order, ear)?)))
}

/// Tried again where the lock could not be made and is not there either: whoever had it gave it back before it was looked at.
const TRIES: usize = 20;

/// Does what takes the library's lock; an error is about the lock alone.
pub fn taking<T>(lock: &str, mut act: impl FnMut() -> Result<T, Error>) -> Result<Result<T, Error>> {
    for _ in 0..TRIES {
        match act() {
            Err(Error::HandleLock) if Path::new(lock).exists() => return Err(Locked(lock.to_owned()).into()),
            Err(Error::HandleLock) => {}
            outcome => return Ok(outcome),
        }
    }
    bail!("cannot make the lock file {lock}")
}

/// Somebody else changes packages.
#[derive(Debug)]
pub struct Locked(String);

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the package database is locked: {} exists", self.0)
    }
}

impl std::error::Error for Locked {}

fn held(handle: &Alpm, request: &Request) -> Vec<String> {
    let patterns: Vec<String> = request.values(key::HOLD_PACKAGE).map(str::to_owned).collect();
    let names = handle.trans_remove().into_iter().map(|package| package.name().to_owned());
    names.filter(|name| glob::any(&patterns, name)).collect()
}

/// One sentence for each obstacle.
fn sentences(handle: &Alpm, order: &Order, obstacle: Obstacle, ear: &Ear) -> Vec<String> {
    let heard = ear.borrow().clone();
    let stuck = match &obstacle {
        Obstacle::Unmet(missing) => missing.iter().map(|unmet| unmet.package.clone()).collect(),
        _ => Vec::new(),
    };
    let mut sentences: Vec<String> = match obstacle {
        Obstacle::Unmet(missing) => missing
            .into_iter()
            .map(|Unmet { package, dependency, cause }| match cause {
                Some(cause) if matches!(order.task, Task::Remove { .. } | Task::Autoremove { .. }) => {
                    format!("{cause} is needed by {package}")
                }
                Some(cause) => match heard.conflicts.get(&cause).or_else(|| heard.replaced.get(&cause)) {
                    Some(new) => format!("{cause} would make way for {new}, and is needed by {package}"),
                    None if order.remove.iter().any(|target| target.name == cause) => {
                        format!("{cause} is needed by {package}")
                    }
                    None => format!("{package} needs {dependency}, which the new version of {cause} is not"),
                },
                None => match provider(handle, &stuck, &dependency) {
                    Some(stuck) => format!("{package} needs {dependency}: that is {stuck}, which cannot be installed"),
                    None => format!("{package} needs {dependency}, which nothing offers"),
                },
            })
            .collect(),
        Obstacle::Conflicts(pairs) => {
            pairs.into_iter().map(|(a, b)| format!("{a} and {b} cannot be installed together")).collect()
        }
        Obstacle::Other(Error::PkgInvalidArch) => handle
            .trans_add()
            .iter()
            .filter_map(|package| {
                let arch = package.arch().filter(|arch| *arch != "any")?;
                let known = handle.architectures().iter().any(|known| known == arch);
                (!known).then(|| format!("{} is for {arch}, which this machine is not", package.name()))
            })
            .collect(),
        Obstacle::Other(Error::DbInvalid) => invalid(handle),
        Obstacle::Other(Error::DbNotFound) => vec!["a repository's database is missing: sync first".to_owned()],
        Obstacle::Other(error) => heard
            .errors
            .iter()
            .map(|text| text.trim_start_matches("error: ").to_owned())
            .chain([error.to_string()])
            .collect(),
    };
    let mut seen = std::collections::BTreeSet::new();
    sentences.retain(|sentence| seen.insert(sentence.clone()));
    sentences
}

/// Of packages that lack something themselves the one that is, or gives, what another one needs.
fn provider(handle: &Alpm, stuck: &[String], dependency: &str) -> Option<String> {
    let name = dependency.split(['<', '>', '=', ':']).next().unwrap_or(dependency);
    let gives = |candidate: &&String| {
        handle.syncdbs().into_iter().any(|database| {
            let Ok(package) = database.pkg(candidate.as_str()) else { return false };
            package.name() == name || package.provides().iter().any(|provided| provided.name() == name)
        })
    };
    stuck.iter().find(gives).cloned()
}

/// Databases that are damaged or not signed as they should be.
pub fn invalid(handle: &Alpm) -> Vec<String> {
    let reason = |error| format!("cannot be trusted: {error}");
    let all = handle.syncdbs();
    let bad = all.iter().filter_map(|database| Some((database.name(), database.is_valid().err()?)));
    bad.map(|(name, error)| format!("the database of {name} {}", reason(error))).collect()
}
