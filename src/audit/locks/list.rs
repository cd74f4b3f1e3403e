//! A list of packages that grows: what is named twice is one package.

use super::{Checksum, Format, Lock, Locked, Problem, Source};
use std::collections::HashMap;

/// Of one package that is named more than once; each is compared with all before it.
const MAX_CHECKSUMS: usize = 500;

pub(super) struct List {
    format: Format,
    packages: Vec<Locked>,
    places: HashMap<(String, Option<String>, Source), usize>,
    pub roots: Vec<usize>,
    pub problems: Vec<Problem>,
}

impl List {
    pub fn new(format: Format) -> List {
        List { format, packages: Vec::new(), places: HashMap::new(), roots: Vec::new(), problems: Vec::new() }
    }

    /// A package without more than a name, to be filled in.
    pub fn package(&self, name: &str, version: Option<&str>, source: Source, line: u32) -> Locked {
        Locked {
            ecosystem: self.format.ecosystem(),
            name: name.to_owned(),
            version: version.map(str::to_owned),
            source,
            checksums: Vec::new(),
            is_dev: None,
            depends_on: Vec::new(),
            line,
        }
    }

    /// Its place. One that is there already gets what is new; it is for development only if every mention says so.
    pub fn add(&mut self, package: Locked) -> usize {
        let key = (package.name.clone(), package.version.clone(), package.source.clone());
        let place = *self.places.entry(key).or_insert(self.packages.len());
        let Some(known) = self.packages.get_mut(place) else {
            self.packages.push(package);
            return place;
        };
        known.is_dev = match (known.is_dev, package.is_dev) {
            (Some(a), Some(b)) => Some(a && b),
            (a, b) => a.or(b),
        };
        self.check(place, package.checksums);
        place
    }

    /// Adds what is not known yet, up to a bound that no package of ours comes near.
    pub fn check(&mut self, place: usize, checksums: impl IntoIterator<Item = Checksum>) {
        let known = &mut self.packages[place].checksums;
        for sum in checksums {
            if known.len() < MAX_CHECKSUMS && !known.contains(&sum) {
                known.push(sum);
            }
        }
    }

    pub fn depend(&mut self, from: usize, to: impl IntoIterator<Item = usize>) {
        self.packages[from].depends_on.extend(to);
    }

    pub fn packages(&self) -> &[Locked] {
        &self.packages
    }

    pub fn problem(&mut self, line: u32, message: impl Into<String>) {
        self.problems.push(Problem { line, message: message.into() });
    }

    /// Says of each package whether development alone leads to it. What neither leads to stays as it is.
    pub fn mark_dev(&mut self, wanted: &[usize], for_dev: &[usize]) {
        for (roots, is_dev) in [(for_dev, true), (wanted, false)] {
            let mut open: Vec<usize> = roots.to_vec();
            while let Some(place) = open.pop() {
                let package = &mut self.packages[place];
                if package.is_dev != Some(is_dev) {
                    package.is_dev = Some(is_dev);
                    open.extend(&package.depends_on);
                }
            }
        }
    }

    pub fn done(mut self) -> Lock {
        for places in self.packages.iter_mut().map(|package| &mut package.depends_on).chain([&mut self.roots]) {
            places.sort_unstable();
            places.dedup();
        }
        Lock { format: self.format, packages: self.packages, roots: self.roots, problems: self.problems }
    }
}
