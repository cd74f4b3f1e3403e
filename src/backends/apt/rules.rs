//! omg's own reading of apt's policy: the candidate of each package from the lists, the status file and the pins. Used
//! where apt's library cannot be asked.
//!
//! Two builds of one version are one version here, as their pins can differ only where two archives offer the same
//! version with other contents. Phased updates are left aside, which apt does too unless it is told otherwise.

use super::control::{Stanzas, text, value};
use super::lists::{World, lower_case};
use super::pins::{NEVER, Name, Pin, Pins, Place, VersionIs, What};
use super::status::Status;
use super::version::compare;
use crate::model::{Choice, Scope};
use crate::sys::unpack;
use anyhow::Result;
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

/// What the rules need to know besides the lists.
pub struct Question<'a> {
    pub world: &'a World,
    pub status: &'a Path,
    pub native: &'a str,
    pub pins: &'a Pins,
    /// `APT::Default-Release`; empty for none.
    pub default_release: &'a str,
}

/// One version in one list.
struct Entry<'a> {
    name: Cow<'a, str>,
    /// Empty for the native one.
    arch: &'a str,
    version: &'a str,
    source: &'a str,
    list: usize,
    /// Only in the status file: the installed version.
    current: bool,
}

/// One version of a package with the entries that have it.
struct Version<'e, 'a> {
    version: &'e str,
    entries: Vec<&'e Entry<'a>>,
}

/// The priority of every list, and the pins about packages.
struct Weights<'q> {
    lists: Vec<i32>,
    pins: Vec<(&'q Name, i32, Means<'q>)>,
    native: &'q str,
    wants_source: bool,
}

enum Means<'q> {
    Version(&'q VersionIs),
    /// For each list whether it is meant.
    Lists(Vec<bool>),
}

/// The choices, and what apt itself would refuse to work with.
pub fn choose(question: &Question<'_>, scope: Scope<'_>) -> Result<(Vec<Choice>, Option<String>)> {
    let world = question.world;
    let (weights, fault) = Weights::new(question);
    let mut packed = Vec::with_capacity(world.lists.len() + 1);
    for list in &world.lists {
        // What cannot be read is told as the catalogue's problem, as the status file is as the machine's; here it offers
        // nothing.
        packed.push(unpack::read(&list.path).unwrap_or_default());
    }
    packed.push(unpack::read(question.status).unwrap_or_default());
    let texts: Vec<_> = packed.iter().map(|bytes| text(bytes)).collect();
    let asked: Option<HashSet<(&str, &str)>> = match scope {
        Scope::All => None,
        Scope::Only(names) => Some(names.iter().copied().collect()),
    };
    let mut entries = Vec::new();
    for (list, content) in texts.iter().enumerate() {
        read(
            content,
            list,
            list == world.lists.len(),
            question.native,
            weights.wants_source,
            asked.as_ref(),
            &mut entries,
        );
    }
    // Stable: within a package the entries stay in the order of the lists, the status file last.
    entries.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.arch.cmp(b.arch)));
    let packages = entries.chunk_by(|a, b| a.name == b.name && a.arch == b.arch);
    let choices = packages.map(|package| weights.choice(package, world)).collect();
    Ok((choices, fault))
}

fn read<'a>(
    content: &'a str,
    list: usize,
    is_status: bool,
    native: &str,
    wants_source: bool,
    asked: Option<&HashSet<(&str, &str)>>,
    into: &mut Vec<Entry<'a>>,
) {
    let (mut stanzas, mut stanza) = (Stanzas::new(content), Vec::new());
    while stanzas.read_into(&mut stanza) {
        let name = lower_case(value(&stanza, "Package"));
        let version = value(&stanza, "Version");
        if name.is_empty() || version.is_empty() {
            continue;
        }
        let arch = match value(&stanza, "Architecture") {
            "all" => "",
            arch if arch == native => "",
            arch => arch,
        };
        if asked.is_some_and(|asked| !asked.contains(&(&*name, arch))) {
            continue;
        }
        let current = is_status
            && !matches!(Status::parse(value(&stanza, "Status")).state, "" | "not-installed" | "config-files");
        let source = match if wants_source { value(&stanza, "Source") } else { "" } {
            "" => "",
            // The source's version may stand behind its name.
            source => source.split_ascii_whitespace().next().unwrap_or(""),
        };
        into.push(Entry { name, arch, version, source, list, current });
    }
}

impl<'q> Weights<'q> {
    fn new(question: &'q Question<'_>) -> (Weights<'q>, Option<String>) {
        let world = question.world;
        let mut places: Vec<Place<'_>> = world.lists.iter().map(|list| list.place(world)).collect();
        places.push(Place { release: None, host: "", component: "now", architecture: None });
        let mut lists: Vec<i32> = places
            .iter()
            .map(|place| match place.release {
                None => 100,
                Some(release) if release.but_automatic_upgrades => 100,
                Some(release) if release.not_automatic => 1,
                Some(_) => 500,
            })
            .collect();
        let mut fault = question.pins.problems.first().map(|p| format!("{}: {}", p.path.display(), p.message));
        let mut fixed = vec![false; lists.len()];
        let default_release = question.default_release;
        if !default_release.is_empty() {
            let what = What::release(default_release);
            let exists = default_release.as_bytes().get(1) == Some(&b'=')
                || places.iter().any(|place| what.matches_place(place));
            if exists {
                pin_lists(&what, 990, &places, &mut lists, &mut fixed);
            } else {
                fault.get_or_insert_with(|| format!("no release is APT::Default-Release {default_release}"));
            }
        }
        let mut pins = Vec::new();
        for Pin { name, what, priority } in &question.pins.all {
            let Some(name) = name else {
                pin_lists(what, *priority, &places, &mut lists, &mut fixed);
                continue;
            };
            let means = match what {
                What::Version(version) => Means::Version(version),
                what => Means::Lists(places.iter().map(|place| what.matches_place(place)).collect()),
            };
            pins.push((name, *priority, means));
        }
        let wants_source = pins.iter().any(|(name, ..)| name.of_source);
        (Weights { lists, pins, native: question.native, wants_source }, fault)
    }

    /// The candidate among the entries of one package.
    fn choice(&self, package: &[Entry<'_>], world: &World) -> Choice {
        let first = &package[0];
        let mut versions: Vec<Version<'_, '_>> = Vec::new();
        for entry in package {
            match versions.iter_mut().find(|known| known.version == entry.version) {
                Some(known) => known.entries.push(entry),
                None => versions.push(Version { version: entry.version, entries: vec![entry] }),
            }
        }
        versions.sort_by(|a, b| compare(b.version, a.version));
        let current = package.iter().find(|entry| entry.current).map(|entry| entry.version);
        let architecture = if first.arch.is_empty() { self.native } else { first.arch };
        let mut best = None;
        let mut highest = -1;
        for version in &versions {
            let priority = self.of_version(version, architecture);
            let is_downgrade = current.is_some_and(|current| compare(version.version, current).is_lt());
            if priority == 0 || priority <= highest || (priority < 1000 && is_downgrade) {
                continue;
            }
            highest = priority;
            best = Some(version);
        }
        let list = best.and_then(|best| world.lists.get(best.entries[0].list));
        Choice {
            name: first.name.to_string(),
            arch: first.arch.to_string(),
            candidate: best.map(|best| best.version.to_string()),
            repository: list
                .map_or_else(String::new, |list| world.repositories[usize::from(list.repository)].name.clone()),
            replaced_by: None,
        }
    }

    fn of_version(&self, version: &Version<'_, '_>, architecture: &str) -> i32 {
        let pinned = self.pins.iter().find(|(name, _, means)| {
            let entry = version.entries[0];
            let known_by = if name.of_source && !entry.source.is_empty() { entry.source } else { &entry.name };
            let is_meant = match means {
                Means::Version(wanted) => wanted.matches(version.version),
                Means::Lists(wanted) => version.entries.iter().any(|entry| wanted[entry.list]),
            };
            is_meant && name.is_for(known_by, architecture, self.native)
        });
        if let Some((_, priority, _)) = pinned {
            // Where every archive that has it is never to be used, a pin of the package does not help.
            if version.entries.iter().any(|entry| self.lists[entry.list] != NEVER) {
                return *priority;
            }
        }
        let status = self.lists.len() - 1;
        let of_entry = |entry: &&Entry<'_>| match entry.list == status && !entry.current {
            // Known of a package that is gone: never to be installed from there.
            true => -1,
            false => self.lists[entry.list],
        };
        version.entries.iter().map(of_entry).max().unwrap_or(0)
    }
}

/// The first pin of a list counts; `never` counts in any case.
fn pin_lists(what: &What, priority: i32, places: &[Place<'_>], lists: &mut [i32], fixed: &mut [bool]) {
    for (at, place) in places.iter().enumerate() {
        if (!fixed[at] || priority == NEVER) && lists[at] != NEVER && what.matches_place(place) {
            lists[at] = priority;
            fixed[at] = true;
        }
    }
}
