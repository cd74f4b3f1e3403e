//! Joins what is installed with what the repositories offer: the rows of the local index.

use super::World;
use crate::backends::Backend;
use crate::index::build::StoredRepository;
use crate::index::details::DetailsAt;
use crate::index::local::NewLocal;
use crate::index::owner::{self, OwnersBuilder};
use crate::index::{Catalogue, LocalRow};
use crate::model::{Choice, Field, InstallState, Installed, LocalSink, Problem, RepositoryId, Source};
use anyhow::Result;
use std::cmp::Ordering;
use std::collections::HashMap;

/// What the backends' own databases say, gathered and owned.
#[derive(Default)]
pub struct Gathered {
    pub packages: Vec<NewLocal>,
    pub problems: Vec<Problem>,
}

struct Sink<'a> {
    source: Source,
    gathered: &'a mut Gathered,
}

impl LocalSink for Sink<'_> {
    fn package(&mut self, package: &Installed<'_>) {
        let size = package.fields.iter().find(|(field, _)| *field == Field::InstalledSize);
        let row = LocalRow {
            source: self.source,
            name: package.name.into(),
            arch: package.arch.into(),
            version: package.version.into(),
            summary: package.summary.into(),
            state: Some(package.state),
            reason: package.reason,
            held: package.held,
            keep: package.keep,
            upgradable: false,
            security: false,
            foreign: false,
            orphan: false,
            catalogue: None,
            candidate: String::new(),
            repository: None,
            replaced_by: String::new(),
            size_bytes: size.and_then(|(_, text)| text.parse().ok()).unwrap_or(0),
            details: DetailsAt { chunk: 0, offset: 0 },
        };
        let fields = package.fields.iter().map(|(field, text)| (*field, (*text).to_owned())).collect();
        self.gathered.packages.push(NewLocal { row, fields });
    }

    fn problem(&mut self, problem: Problem) {
        self.gathered.problems.push(problem);
    }
}

/// Reads every family's own database; sorted as the local index is.
pub fn gather(world: &World) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    for backend in &world.backends {
        backend.read_local(&mut Sink { source: backend.source(), gathered: &mut gathered })?;
    }
    gathered.packages.sort_by(|a, b| key(&a.row).cmp(&key(&b.row)));
    Ok(gathered)
}

/// The paths of every package, hashed as the table of their owners has them. To be read while others find out which
/// packages there are.
pub struct Owned {
    seed: u64,
    hashes: Vec<u64>,
    /// Each package, and where its hashes end.
    packages: Vec<(Source, String, String, usize)>,
    pub problems: Vec<Problem>,
}

impl Owned {
    /// `seed` is the generation of the local index to come.
    pub fn read(world: &World, seed: u64) -> Result<Owned> {
        let mut owned = Owned { seed, hashes: Vec::new(), packages: Vec::new(), problems: Vec::new() };
        let mut problems = Vec::new();
        for backend in &world.backends {
            let mut each = |name: &str, arch: &str, path: &[u8]| owned.push(backend.source(), name, arch, path);
            backend.read_owned(&mut each, &mut |problem| problems.push(problem))?;
        }
        owned.problems = problems;
        Ok(owned)
    }

    fn push(&mut self, source: Source, name: &str, arch: &str, path: &[u8]) {
        self.hashes.push(owner::hash(path, self.seed));
        let end = self.hashes.len();
        match self.packages.last_mut() {
            Some((s, n, a, last)) if *s == source && n == name && a == arch => *last = end,
            _ => self.packages.push((source, name.into(), arch.into(), end)),
        }
    }

    /// Whose they are among `packages`, which are sorted; of others there is nothing to say.
    pub fn owners(&self, packages: &[NewLocal]) -> OwnersBuilder {
        let mut owners = OwnersBuilder::default();
        let mut start = 0;
        for (source, name, arch, end) in &self.packages {
            let rank = packages.binary_search_by(|package| key(&package.row).cmp(&(name, *source, arch)));
            if let Ok(rank) = rank {
                self.hashes[start..*end].iter().for_each(|hash| owners.push(*hash, rank as u32));
            }
            start = *end;
        }
        owners
    }
}

pub fn key(row: &LocalRow) -> (&str, Source, &str) {
    (&row.name, row.source, &row.arch)
}

/// Takes over what [`link`] found for the same package in the same state, under the same catalogue.
pub fn keep_link(row: &mut LocalRow, before: LocalRow) {
    row.catalogue = before.catalogue;
    row.candidate = before.candidate;
    row.repository = before.repository;
    row.replaced_by = before.replaced_by;
    row.foreign = before.foreign;
    row.upgradable = before.upgradable;
    row.security = before.security;
}

/// Fills in what the catalogue and the policies know of each package.
pub fn link<'p>(
    rows: impl Iterator<Item = &'p mut LocalRow>,
    catalogue: &Catalogue,
    choices: &HashMap<(Source, String, String), Choice>,
    world: &World,
) -> Result<()> {
    let meta = catalogue.meta()?;
    let repository_id = |source: Source, name: &str| {
        let of = |known: &StoredRepository| known.source == source as u8 && known.name == name;
        meta.repositories.iter().position(of).map(|place| place as RepositoryId)
    };
    for row in rows {
        let Some(backend) = world.backend(row.source) else { continue };
        let mut aur = None;
        for id in catalogue.find(&row.name)? {
            let offered = catalogue.row(id)?;
            if offered.source == row.source && catalogue.architecture(offered.arch)? == row.arch {
                row.catalogue = Some(id);
                row.candidate = offered.version;
                row.repository = Some(offered.repository);
            } else if offered.source == Source::Aur {
                aur = Some((id, offered));
            }
        }
        if let Some(choice) = choices.get(&(row.source, row.name.clone(), row.arch.clone())) {
            row.candidate = choice.candidate.clone().unwrap_or_default();
            row.repository = repository_id(row.source, &choice.repository);
            row.replaced_by = choice.replaced_by.clone().unwrap_or_default();
        } else if row.catalogue.is_some() && backend.compare(&row.candidate, &row.version) == Ordering::Less {
            row.candidate.clone_from(&row.version);
            row.repository = None;
        }
        row.foreign = row.installed() && row.catalogue.is_none();
        if let (true, Source::Pacman, Some((id, offered))) = (row.foreign, row.source, aur) {
            row.catalogue = Some(id);
            row.candidate = offered.version;
            row.repository = Some(offered.repository);
        }
        row.upgradable = row.state.is_some_and(|state| state != InstallState::ConfigFiles)
            && !row.candidate.is_empty()
            && backend.compare(&row.candidate, &row.version) == Ordering::Greater;
        row.security = row.upgradable && is_security(row, catalogue, backend)?;
    }
    Ok(())
}

/// Whether some version above the installed one, up to the candidate, comes as a security update.
pub fn is_security(row: &LocalRow, catalogue: &Catalogue, backend: &dyn Backend) -> Result<bool> {
    let Some(id) = row.catalogue else { return Ok(false) };
    let repositories = &catalogue.meta()?.repositories;
    let details = catalogue.details(&catalogue.row(id)?)?;
    Ok(details.iter().any(|version| {
        backend.compare(&version.version, &row.version) == Ordering::Greater
            && backend.compare(&version.version, &row.candidate) != Ordering::Greater
            && version.origins.iter().any(|id| repositories.get(usize::from(*id)).is_some_and(|known| known.security))
    }))
}
