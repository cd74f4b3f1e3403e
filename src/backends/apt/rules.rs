//! omg's own reading of apt's policy: the candidate of each package from the lists, the status file and the pins. Used
//! where apt's library cannot be asked.
//!
//! Two builds of one version are one version here, as their pins can differ only where two archives offer the same
//! version with other contents. Phased updates are left aside, which apt does too unless it is told otherwise.

use super::entries::Entry;
use super::lists::World;
use super::pins::{NEVER, Name, Pin, Pins, Place, VersionIs, What};
use super::qualified::Qualified;
use super::record::Record;
use super::status::Status;
use super::version::compare;
use crate::model::Choice;

/// What the rules need to know besides the entries.
pub struct Question<'a> {
    pub world: &'a World,
    pub native: &'a str,
    pub pins: &'a Pins,
    pub qualified: &'a Qualified,
    /// `APT::Default-Release`; empty for none.
    pub default_release: &'a str,
}

/// One version of a package with the entries that have it.
struct Version<'e, 'a> {
    version: &'e str,
    entries: Vec<&'e Entry<'a>>,
}

/// The priority of every list, and the pins about packages.
#[derive(Default)]
pub struct Weights<'q> {
    lists: Vec<i32>,
    pins: Vec<(&'q Name, i32, Means<'q>)>,
    native: &'q str,
    qualified: Option<&'q Qualified>,
}

enum Means<'q> {
    Version(&'q VersionIs),
    /// For each list whether it is meant.
    Lists(Vec<bool>),
}

/// The choices about the packages of `entries` (in the order of [`super::entries::read`]), and what apt itself would
/// refuse to work with.
pub fn choose(question: &Question<'_>, entries: &[Entry<'_>]) -> (Vec<Choice>, Option<String>) {
    let (weights, fault) = Weights::new(question);
    let packages = entries.chunk_by(|a, b| a.name == b.name && a.arch == b.arch);
    (packages.map(|package| weights.choice(package, question.world)).collect(), fault)
}

/// Whether the entry is what is on the machine.
fn is_current(entry: &Entry<'_>) -> bool {
    !matches!(Status::parse(entry.status).state, "" | "not-installed" | "config-files")
}

impl<'q> Weights<'q> {
    /// With what apt would refuse to work with.
    pub fn new(question: &'q Question<'_>) -> (Weights<'q>, Option<String>) {
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
        (Weights { lists, pins, native: question.native, qualified: Some(question.qualified) }, fault)
    }

    /// The priority of what a list offers, unless a pin is for the package.
    pub fn of_list(&self, list: usize) -> i32 {
        self.lists.get(list).copied().unwrap_or(0)
    }

    /// The priority that a pin for the package gives what a list offers.
    pub fn pin(&self, record: &Record<'_>, list: usize) -> Option<i32> {
        if self.pins.is_empty() || self.of_list(list) == NEVER {
            return None;
        }
        let architecture = match record.foreign_arch(self.native) {
            "" => self.native,
            foreign => foreign,
        };
        let meant = |(name, _, means): &&(&Name, i32, Means<'_>)| {
            let known_by = if name.of_source { record.source().0 } else { record.name };
            let is_meant = match means {
                Means::Version(wanted) => wanted.matches(record.version),
                Means::Lists(wanted) => wanted[list],
            };
            is_meant && name.is_for(known_by, architecture, self.native, self.qualifiers(known_by))
        };
        self.pins.iter().find(meant).map(|(_, priority, _)| *priority)
    }

    fn qualifiers(&self, name: &str) -> impl Iterator<Item = &'q str> {
        self.qualified.into_iter().flat_map(|known| known.of(name))
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
        let current = package.iter().find(|entry| is_current(entry)).map(|entry| entry.version);
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
            let known_by = if name.of_source { entry.source_name() } else { &entry.name };
            let is_meant = match means {
                Means::Version(wanted) => wanted.matches(version.version),
                Means::Lists(wanted) => version.entries.iter().any(|entry| wanted[entry.list]),
            };
            is_meant && name.is_for(known_by, architecture, self.native, self.qualifiers(known_by))
        });
        if let Some((_, priority, _)) = pinned {
            // Where every archive that has it is never to be used, a pin of the package does not help.
            if version.entries.iter().any(|entry| self.lists[entry.list] != NEVER) {
                return *priority;
            }
        }
        let status = self.lists.len() - 1;
        let of_entry = |entry: &&Entry<'_>| match entry.list == status && !is_current(entry) {
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
