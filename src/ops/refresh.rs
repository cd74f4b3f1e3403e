//! Builds the index, the whole of it or the local half, and publishes it.

use super::{Place, World, local, relate};
use crate::index::build::{self, Part};
use crate::index::local::NewLocal;
use crate::index::owner::OwnersBuilder;
use crate::index::status::{self, Counts, Family, Input, StoredProblem};
use crate::index::{Catalogue, Local, LocalRow, Staleness, Status, catalogue, publish};
use crate::model::{Authority, Choice, Event, Observer, Policy, Problem, Reason, Scope, Source};
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How much is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Build everything anew, whatever is there. Else only what is stale or missing.
    pub force: bool,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which parts were built.
    pub built: Staleness,
    pub status: Status,
}

/// Brings the index of `folder` up to date. One refresh at a time: a second waits for the first and then finds nothing to do.
pub fn refresh(place: &Place, folder: &Path, request: Request, observer: &dyn Observer) -> Result<Outcome> {
    if !folder.is_dir() {
        // No folder is made where there is nothing to index.
        World::open(place)?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let _lock = lock(folder, observer)?;
    let mut tries = 1;
    loop {
        // Opened behind the lock and each time anew: its configuration may be what has changed.
        match refresh_once(place, folder, request, observer) {
            Err(error) if error.is::<Changed>() && tries < MOST_TRIES => tries += 1,
            result => return result,
        }
    }
}

/// A source was replaced while the sources were read: what was read is of no one moment. The old index stays.
#[derive(Debug)]
struct Changed;

/// A package manager at work changes its files for minutes; who waits for that is not kept waiting.
const MOST_TRIES: usize = 5;

impl std::fmt::Display for Changed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the package databases kept changing while they were read, {MOST_TRIES} times")
    }
}

impl std::error::Error for Changed {}

fn refresh_once(place: &Place, folder: &Path, request: Request, observer: &dyn Observer) -> Result<Outcome> {
    let world = &World::open(place)?;
    let old = Status::read(folder).ok();
    let stale = match &old {
        Some(_) if request.force => Staleness { catalogue: true, local: true },
        Some(status) => inputs_changed(world, status),
        None => Staleness { catalogue: true, local: true },
    };
    if let (Some(status), false) = (&old, stale.any()) {
        // One that was killed behind its last step has left what was the index before.
        publish::sweep(folder, status);
        return Ok(Outcome { built: Staleness::default(), status: status.clone() });
    }
    // The local half alone needs the catalogue it was linked with.
    if let (false, Some(old)) = (stale.catalogue, old)
        && let Some(status) = refresh_local(world, folder, old, observer)?
    {
        return Ok(Outcome { built: stale, status });
    }
    let status = refresh_all(place, folder, observer)?;
    Ok(Outcome { built: Staleness { catalogue: true, local: true }, status })
}

/// A changed file is stale, and so is a file that was not looked at when the index was built.
fn inputs_changed(world: &World, status: &Status) -> Staleness {
    let same = |paths: Vec<PathBuf>, inputs: &[Input]| {
        paths.iter().map(|path| path.display().to_string()).eq(inputs.iter().map(|input| input.path.clone()))
    };
    let stale = status.staleness();
    Staleness {
        catalogue: stale.catalogue || !same(catalogue_inputs(world), &status.catalogue_inputs),
        local: stale.local || !same(local_inputs(world), &status.local_inputs),
    }
}

/// Waits until nobody else writes in the folder.
pub(super) fn lock(folder: &Path, observer: &dyn Observer) -> Result<File> {
    use rustix::fs::{FlockOperation, flock};
    let path = folder.join("lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        observer.event(Event::Waiting);
        flock(&file, FlockOperation::LockExclusive).with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

fn catalogue_inputs(world: &World) -> Vec<PathBuf> {
    world
        .backends
        .iter()
        .flat_map(|b| b.catalogue_inputs())
        .chain(world.aur.iter().flat_map(|aur| aur.inputs()))
        .collect()
}

fn local_inputs(world: &World) -> Vec<PathBuf> {
    world.backends.iter().flat_map(|b| b.local_inputs()).collect()
}

/// The files as they are before they are read: what changes meanwhile is then stale.
fn stamp(paths: &[PathBuf]) -> Vec<Input> {
    paths.iter().map(|path| Input::now(&path.display().to_string())).collect()
}

fn refresh_all(place: &Place, folder: &Path, observer: &dyn Observer) -> Result<Status> {
    let now = now();
    let world = &World::open(place)?;
    let mut status = Status {
        catalogue_generation: generation(),
        catalogue_built: now,
        catalogue_inputs: stamp(&catalogue_inputs(world)),
        ..Status::default()
    };
    let local_inputs = stamp(&local_inputs(world));
    // Anew: what this one has read of the configuration is no older than the stamps.
    let world = &World::open(place)?;
    observer.event(Event::Stage("reading the repositories"));
    let (parts, policies, gathered) = read_all(world)?;
    for part in &parts {
        status.problems.extend(part.problems.iter().map(|problem| stored(problem, true)));
    }
    observer.event(Event::Stage("writing the catalogue"));
    let choices: Vec<(Source, Vec<Choice>)> =
        policies.iter().map(|(source, policy)| (*source, policy.choices.clone())).collect();
    let name = status::catalogue_name(status.catalogue_generation);
    let meta = publish::file(folder, &name, catalogue::KIND, status.catalogue_generation, |out| {
        build::write(parts, &choices, out)
    })?;
    status.families = policies
        .iter()
        .map(|(source, policy)| {
            let (engine, policy) = match &policy.authority {
                Authority::Engine(version) => (true, version.clone()),
                Authority::Rules(reason) => (false, reason.clone()),
            };
            Family {
                source: *source as u8,
                counts: Counts::default(),
                known: meta.packages[*source as usize],
                engine,
                policy,
            }
        })
        .collect();
    if world.aur.is_some() {
        let known = meta.packages[Source::Aur as usize];
        status.families.push(Family {
            source: Source::Aur as u8,
            counts: Counts::default(),
            known,
            engine: false,
            policy: String::new(),
        });
    }
    let catalogue = Catalogue::open(&folder.join(name))?;
    let choices = policies
        .into_iter()
        .flat_map(|(source, policy)| {
            policy.choices.into_iter().map(move |c| ((source, c.name.clone(), c.arch.clone()), c))
        })
        .collect();
    write_local(world, folder, &catalogue, gathered, &choices, Vec::new(), local_inputs, &mut status, observer)?;
    Ok(status)
}

type Read = (Vec<Part>, Vec<(Source, Policy)>, local::Gathered);

/// Everything at once: each repository family, the AUR, each policy and the local databases in threads of their own.
fn read_all(world: &World) -> Result<Read> {
    std::thread::scope(|scope| {
        let policies: Vec<_> = world
            .backends
            .iter()
            .map(|backend| scope.spawn(|| (backend.source(), backend.policy(Scope::All))))
            .collect();
        let aur = world.aur.as_ref().map(|aur| {
            scope.spawn(move || {
                let mut part = Part::default();
                aur.read(&mut part).map(|()| part)
            })
        });
        let catalogues: Vec<_> = world
            .backends
            .iter()
            .map(|backend| {
                scope.spawn(|| {
                    let mut part = Part::default();
                    backend.read_catalogue(&mut part).map(|()| part)
                })
            })
            .collect();
        let gathered = local::gather(world)?;
        let parts = catalogues
            .into_iter()
            .chain(aur)
            .map(|part| part.join().expect("a reader does not panic"))
            .collect::<Result<_>>()?;
        let policies = policies
            .into_iter()
            .map(|policy| {
                let (source, policy) = policy.join().expect("a policy does not panic");
                Ok((source, policy?))
            })
            .collect::<Result<_>>()?;
        Ok((parts, policies, gathered))
    })
}

/// Builds the local half against the catalogue that is there; `None` where that catalogue does not answer.
fn refresh_local(world: &World, folder: &Path, mut status: Status, observer: &dyn Observer) -> Result<Option<Status>> {
    let Ok(catalogue) = Catalogue::open(&folder.join(status::catalogue_name(status.catalogue_generation))) else {
        return Ok(None);
    };
    let inputs = stamp(&local_inputs(world));
    observer.event(Event::Stage("reading what is installed"));
    let gathered = local::gather(world)?;
    let Ok(old) = old_rows(folder, &status) else { return Ok(None) };
    let mut choices = HashMap::new();
    let mut changed: Vec<(Source, String, String)> = Vec::new();
    let repositories = catalogue.meta()?.repositories.clone();
    let mut seen = HashMap::new();
    for package in &gathered.packages {
        let row = &package.row;
        let key = (row.source, row.name.clone(), row.arch.clone());
        match old.get(&key) {
            Some(before) if (&before.version, before.state, before.held) == (&row.version, row.state, row.held) => {
                choices.insert(key.clone(), choice_of(before, &repositories));
            }
            _ => changed.push(key.clone()),
        }
        seen.insert(key, ());
    }
    changed.extend(old.keys().filter(|key| !seen.contains_key(*key)).cloned());
    for backend in &world.backends {
        let asked: Vec<(&str, &str)> = changed
            .iter()
            .filter(|(source, _, _)| *source == backend.source())
            .map(|(_, name, arch)| (name.as_str(), arch.as_str()))
            .collect();
        if !asked.is_empty() {
            let policy = backend.policy(Scope::Only(&asked))?;
            choices.extend(policy.choices.into_iter().map(|c| ((backend.source(), c.name.clone(), c.arch.clone()), c)));
        }
    }
    let gone = old
        .into_iter()
        .filter(|(key, row)| !seen.contains_key(key) && row.catalogue.is_some())
        .map(|(_, row)| NewLocal { row: LocalRow { state: None, ..row }, fields: Vec::new() })
        .collect();
    status.problems.retain(|(_, _, of_catalogue)| *of_catalogue);
    write_local(world, folder, &catalogue, gathered, &choices, gone, inputs, &mut status, observer)?;
    Ok(Some(status))
}

fn old_rows(folder: &Path, status: &Status) -> Result<HashMap<(Source, String, String), LocalRow>> {
    let local = Local::open(&folder.join(status::local_name(status.local_generation)))?;
    let mut rows = HashMap::new();
    local.scan(|_, row| {
        rows.insert((row.source, row.name.clone(), row.arch.clone()), row);
        Ok(())
    })?;
    Ok(rows)
}

fn choice_of(row: &LocalRow, repositories: &[(u8, String, String, bool)]) -> Choice {
    let repository = row.repository.and_then(|id| repositories.get(usize::from(id)));
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Choice {
        name: row.name.clone(),
        arch: row.arch.clone(),
        candidate: some(&row.candidate),
        repository: repository.map(|(_, name, _, _)| name.clone()).unwrap_or_default(),
        replaced_by: some(&row.replaced_by),
    }
}

#[expect(clippy::too_many_arguments, reason = "the last common step of two callers, each argument another thing")]
fn write_local(
    world: &World,
    folder: &Path,
    catalogue: &Catalogue,
    gathered: local::Gathered,
    choices: &HashMap<(Source, String, String), Choice>,
    gone: Vec<NewLocal>,
    inputs: Vec<Input>,
    status: &mut Status,
    observer: &dyn Observer,
) -> Result<()> {
    observer.event(Event::Stage("writing what is installed"));
    let local::Gathered { mut packages, mut problems } = gathered;
    packages.extend(gone);
    packages.sort_by(|a, b| local::key(&a.row).cmp(&local::key(&b.row)));
    local::link(&mut packages, catalogue, choices, world)?;
    let edges = relate::edges(&packages, &world.backends);
    world.backends.iter().for_each(|backend| relate::mark_orphans(&mut packages, &edges, &**backend));
    status.local_generation = generation();
    status.local_built = now();
    status.local_inputs = inputs;
    let owners = owners(world, &packages, status.local_generation, &mut problems)?;
    status.problems.extend(problems.iter().map(|problem| stored(problem, false)));
    // All has been read.
    if status.staleness().any() {
        return Err(Changed.into());
    }
    for family in &mut status.families {
        if let Some(source) = family.source() {
            family.counts = counts(&packages, source, catalogue)?;
        }
    }
    let name = status::local_name(status.local_generation);
    publish::file(folder, &name, crate::index::local::KIND, status.local_generation, |out| {
        crate::index::local::write(&packages, &edges, owners, out)
    })?;
    publish::status(folder, status)
}

fn owners(world: &World, packages: &[NewLocal], generation: u64, problems: &mut Vec<Problem>) -> Result<OwnersBuilder> {
    let mut owners = OwnersBuilder::new(generation);
    for backend in &world.backends {
        let source = backend.source();
        let rank = |name: &str, arch: &str| {
            packages.binary_search_by(|package| local::key(&package.row).cmp(&(name, source, arch))).ok()
        };
        let mut last = (String::new(), String::new(), None);
        let mut each = |name: &str, arch: &str, path: &[u8]| {
            if last.0 != name || last.1 != arch {
                last = (name.into(), arch.into(), rank(name, arch));
            }
            if let Some(rank) = last.2 {
                owners.push(path, rank as u32);
            }
        };
        backend.read_owned(&mut each, &mut |problem| problems.push(problem))?;
    }
    Ok(owners)
}

fn counts(packages: &[NewLocal], source: Source, catalogue: &Catalogue) -> Result<Counts> {
    let of = |wanted: &dyn Fn(&LocalRow) -> bool| {
        packages.iter().filter(|p| p.row.source == source && p.row.installed() && wanted(&p.row)).count() as u32
    };
    let knows_security =
        catalogue.meta()?.repositories.iter().any(|(s, _, _, security)| *s == source as u8 && *security);
    Ok(Counts {
        installed: of(&|_| true),
        explicit: of(&|row| row.reason == Reason::Explicit),
        dependencies: of(&|row| row.reason == Reason::Dependency),
        orphans: of(&|row| row.orphan),
        foreign: of(&|row| row.foreign),
        held: of(&|row| row.held),
        updates: of(&|row| row.upgradable && !row.held),
        security_updates: knows_security.then(|| of(&|row| row.security && !row.held)),
        broken: of(&|row| row.state == Some(crate::model::InstallState::Broken)),
    })
}

fn stored(problem: &Problem, of_catalogue: bool) -> StoredProblem {
    (problem.path.display().to_string(), problem.message.clone(), of_catalogue)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// A number no other build has: the clock's nanoseconds, and the process's own random hash.
fn generation() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(SystemTime::now())
}
