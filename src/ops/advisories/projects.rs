//! Holds what lock files name against the compiled advisories. Reads the files and the index, and asks nobody.
//!
//! A package is judged once, however many files name it.

use super::registry::{Said, look_up};
use super::report::{Age, LockFile, Report, Request, Spot, still_ignored, worst_first};
use super::sources::About;
use crate::audit::ecosystem::Ecosystem;
use crate::audit::locks::{Lock, Locked, Source};
use crate::index;
use crate::index::advisories::Advisories;
use crate::ops::lock_files::LockFiles;
use anyhow::Result;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A package by its registry, the one spelling of its name, its version and whether the registry has it.
type Key<'l> = (Ecosystem, Cow<'l, str>, Option<&'l str>, bool);
/// What lock files name: the first mention, and where all of them are.
type Named<'l> = BTreeMap<Key<'l>, (&'l Locked, Vec<Spot>)>;

/// Looks at every package of the lock files. The advisories are those of the first of the index's folders that speaks of the most of
/// their registries.
pub fn scan(folders: &[PathBuf], files: &LockFiles, request: &Request<'_>) -> Result<Report> {
    let unread = files.problems.iter().map(|problem| format!("{}: {}", problem.path.display(), problem.message));
    let mut report = Report { unread: unread.collect(), ..Report::default() };
    let mut named = Named::new();
    for (path, lock) in &files.locks {
        add(path, lock, &mut named, &mut report);
    }
    let registries: BTreeSet<Ecosystem> = named.keys().map(|(registry, ..)| *registry).collect();
    let (advisories, covered) = speaking_of(folders, &registries)?;
    for registry in registries.difference(&covered) {
        let count = named.keys().filter(|(other, ..)| other == registry).count();
        report
            .faults
            .push(format!("nothing is known about packages of {}: {count} of them not looked up", registry.name()));
        report.uncovered.push(*registry);
    }
    let Some(advisories) = advisories else { return Ok(report) };
    let concerns = |name: &str| {
        let asked = Ecosystem::named(name).is_none_or(|registry| registries.contains(&registry));
        asked && About::Projects.concerns(name)
    };
    let Age { publishers, faults } = Age::of(&advisories.meta()?, request.now, request.max_age_days, concerns);
    report.publishers = publishers;
    report.faults.extend(faults);
    let ignored = still_ignored(request, &mut report);
    let mut of: Option<(Ecosystem, &str, Said)> = None;
    for ((registry, name, ..), (package, places)) in named.iter().filter(|(key, _)| covered.contains(&key.0)) {
        report.packages += 1;
        // The versions of a package follow each other.
        let of_last = of.take().filter(|(of, last, _)| (of, *last) == (registry, &**name));
        let said = match of_last {
            Some((.., said)) => said,
            None => Said::about(&advisories, *registry, name)?,
        };
        look_up(&advisories, (package, name, places), &said, request, &ignored, &mut report)?;
        of = Some((*registry, name, said));
    }
    report.findings.sort_by_cached_key(worst_first);
    Ok(report)
}

/// Adds the packages of a file.
fn add<'l>(path: &Path, lock: &'l Lock, named: &mut Named<'l>, report: &mut Report) {
    let own = lock.packages.iter().filter(|package| package.is_own()).count();
    let (source, packages) = (lock.format.ecosystem().name(), lock.packages.len());
    report.files.push(LockFile { path: path.to_owned(), source, packages, own });
    for package in lock.packages.iter().filter(|package| !package.is_own()) {
        let name = package.ecosystem.normal_name(&package.name);
        let is_registered = matches!(package.source, Source::Registry(_));
        let line = Some(package.line).filter(|line| *line > 0);
        let spot = Spot { file: path.to_owned(), line, is_dev: package.is_dev };
        let key = (package.ecosystem, name, package.version.as_deref(), is_registered);
        named.entry(key).or_insert((package, Vec::new())).1.push(spot);
    }
}

/// The file that speaks of the most of these registries, the first of several, and of which it does.
fn speaking_of(
    folders: &[PathBuf],
    registries: &BTreeSet<Ecosystem>,
) -> Result<(Option<Advisories>, BTreeSet<Ecosystem>)> {
    let mut best = (None, BTreeSet::new());
    for folder in folders {
        let advisories = match open(folder)? {
            Some(advisories) => advisories,
            None => continue,
        };
        let mut covered = BTreeSet::new();
        for registry in registries {
            covered.extend(advisories.covers(registry.purl())?.then_some(*registry));
        }
        if best.0.is_none() || covered.len() > best.1.len() {
            best = (Some(advisories), covered);
        }
    }
    Ok(best)
}

fn open(folder: &Path) -> Result<Option<Advisories>> {
    match Advisories::open(folder) {
        Err(index::Error::Missing(_)) => Ok(None),
        advisories => Ok(Some(advisories?)),
    }
}
