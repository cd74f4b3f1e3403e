//! Builds the index, the whole of it or the local half, and publishes it.

use super::advisories::{mark_security, matched_new};
use super::local::Owned;
use super::{Place, World, local, relate};
use crate::backends::Backend;
use crate::index::build::{self, CatalogueMeta};
use crate::index::catalogue::Row;
use crate::index::details::VersionDetails;
use crate::index::local::NewLocal;
use crate::index::status::{self, Counts, Family, Input, StoredProblem};
use crate::index::{Catalogue, Local, LocalRow, Part, Staleness, Status, advisories, catalogue, publish};
use crate::model::{Authority, Event, Field, Observer, Offer, Policy, Problem, Reason, Scope, Source};
use anyhow::{Context, Result};
use std::collections::{BTreeSet, HashMap, HashSet};
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
    refresh_from(&|| World::open(place), folder, request, observer)
}

/// The same for a world that is opened in the caller's own way, each time anew.
pub fn refresh_from(
    open: &dyn Fn() -> Result<World>,
    folder: &Path,
    request: Request,
    observer: &dyn Observer,
) -> Result<Outcome> {
    if !folder.is_dir() {
        // No folder is made where there is nothing to index.
        open()?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let _lock = lock(folder, observer)?;
    let mut tries = 1;
    loop {
        // Opened behind the lock and each time anew: its configuration may be what has changed.
        match refresh_once(open, folder, request, observer) {
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

fn refresh_once(
    open: &dyn Fn() -> Result<World>,
    folder: &Path,
    request: Request,
    observer: &dyn Observer,
) -> Result<Outcome> {
    let world = &open()?;
    // One of another place is as good as none.
    let old = Status::read(folder).ok().filter(|status| status.place == world.place);
    let stale = match &old {
        Some(_) if request.force => Staleness { catalogue: true, local: true },
        Some(status) => inputs_changed(world, folder, status),
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
    let status = refresh_all(open, folder, observer)?;
    Ok(Outcome { built: Staleness { catalogue: true, local: true }, status })
}

/// A changed file is stale, and so is a file that was not looked at when the index was built, or could not be read then: a disk
/// that was full for a moment leaves no trace in the files' times.
fn inputs_changed(world: &World, folder: &Path, status: &Status) -> Staleness {
    let same = |paths: Vec<PathBuf>, inputs: &[Input]| {
        paths.iter().map(|path| path.display().to_string()).eq(inputs.iter().map(|input| input.path.clone()))
    };
    let unread = |catalogue: bool| status.problems.iter().any(|(_, _, of_catalogue)| *of_catalogue == catalogue);
    let stale = status.staleness();
    Staleness {
        catalogue: stale.catalogue || unread(true) || !same(catalogue_inputs(world), &status.catalogue_inputs),
        local: stale.local || unread(false) || !same(local_inputs(world, folder), &status.local_inputs),
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

fn local_inputs(world: &World, folder: &Path) -> Vec<PathBuf> {
    // They say which upgrades are about security.
    let advisories = folder.join(advisories::NAME);
    world.backends.iter().flat_map(|b| b.local_inputs()).chain([advisories]).collect()
}

/// The files as they are before they are read: what changes meanwhile is then stale.
fn stamp(paths: &[PathBuf]) -> Vec<Input> {
    paths.iter().map(|path| Input::now(&path.display().to_string())).collect()
}

fn refresh_all(open: &dyn Fn() -> Result<World>, folder: &Path, observer: &dyn Observer) -> Result<Status> {
    let now = now();
    let world = &open()?;
    let mut status = Status {
        place: world.place.clone(),
        catalogue_generation: generation(),
        catalogue_built: now,
        catalogue_inputs: stamp(&catalogue_inputs(world)),
        local_generation: generation(),
        local_inputs: stamp(&local_inputs(world, folder)),
        ..Status::default()
    };
    // Anew: what this one has read of the configuration is no older than the stamps.
    let world = &open()?;
    observer.event(Event::Stage { what: "reading the repositories", percent: 0 });
    // Everything at once: each repository family, the AUR, each policy and the local databases in threads of their own. The
    // policies are waited for last, since their engines are processes of their own.
    std::thread::scope(|scope| {
        let generation = status.local_generation;
        let owned = scope.spawn(move || Owned::read(world, generation));
        let policies: Vec<_> = world
            .backends
            .iter()
            .map(|backend| scope.spawn(|| (backend.source(), backend.policy(Scope::All))))
            .collect();
        let (parts, gathered) = read_all(world)?;
        for part in &parts {
            status.problems.extend(part.problems.iter().map(|problem| stored(problem, true)));
        }
        observer.event(Event::Stage { what: "writing the catalogue", percent: 45 });
        let mut decided = Policies::new();
        let choices = || {
            for policy in policies {
                let (source, policy) = policy.join().expect("a policy does not panic");
                decided.push((source, policy?));
            }
            Ok(decided.iter().map(|(source, policy)| (*source, policy.choices.clone())).collect())
        };
        let name = status::catalogue_name(status.catalogue_generation);
        let meta = publish::file(folder, &name, (catalogue::KIND, status.catalogue_generation), false, |out| {
            build::write(parts, choices, out)
        })?;
        status.families = families(world, &decided, &meta);
        let path = folder.join(name);
        let catalogue = Catalogue::open(&path)?;
        let synced = scope.spawn(move || publish::sync(&path));
        let read = || owned.join().expect("a reader does not panic");
        let awaited = Awaited {
            policies: Box::new(|| Ok(decided)),
            owned: Box::new(read),
            catalogue: Box::new(|| synced.join().expect("a sync does not panic")),
        };
        write_local(world, folder, &catalogue, gathered, &|_| true, awaited, &mut status, observer)
    })?;
    Ok(status)
}

/// Who decides for each family, and how many packages it knows.
fn families(world: &World, policies: &Policies, meta: &CatalogueMeta) -> Vec<Family> {
    let family = |source: Source, engine: bool, policy: String| {
        let known = meta.packages[source as usize];
        Family { source: source as u8, counts: Counts::default(), known, engine, policy }
    };
    let decided = policies.iter().map(|(source, policy)| match &policy.authority {
        Authority::Engine(version) => family(*source, true, version.clone()),
        Authority::Rules(reason) => family(*source, false, reason.clone()),
    });
    decided.chain(world.aur.iter().map(|_| family(Source::Aur, false, String::new()))).collect()
}

type Policies = Vec<(Source, Policy)>;

/// Each repository family, the AUR and what is installed, in threads of their own.
fn read_all(world: &World) -> Result<(Vec<Part>, local::Gathered)> {
    std::thread::scope(|scope| {
        let aur = world.aur.as_ref().map(|aur| scope.spawn(|| read_part(|part| aur.read(part))));
        let catalogues: Vec<_> = world
            .backends
            .iter()
            .map(|backend| scope.spawn(|| read_part(|part| backend.read_catalogue(part))))
            .collect();
        let gathered = local::gather(world)?;
        let parts = catalogues.into_iter().chain(aur).map(|part| part.join().expect("a reader does not panic"));
        Ok((parts.collect::<Result<_>>()?, gathered))
    })
}

fn read_part(read: impl FnOnce(&mut Part) -> Result<()>) -> Result<Part> {
    let mut part = Part::default();
    read(&mut part)?;
    part.sort();
    Ok(part)
}

/// Builds the local half against the catalogue that is there; `None` where that catalogue does not answer.
fn refresh_local(world: &World, folder: &Path, mut status: Status, observer: &dyn Observer) -> Result<Option<Status>> {
    let Ok(catalogue) = Catalogue::open(&folder.join(status::catalogue_name(status.catalogue_generation))) else {
        return Ok(None);
    };
    let Ok(old) = old_rows(folder, &status) else { return Ok(None) };
    status.local_generation = generation();
    status.local_inputs = stamp(&local_inputs(world, folder));
    observer.event(Event::Stage { what: "reading what is installed", percent: 0 });
    std::thread::scope(|scope| {
        let generation = status.local_generation;
        let owned = scope.spawn(move || Owned::read(world, generation));
        let mut gathered = local::gather(world)?;
        let changed = keep_unchanged(&mut gathered.packages, old);
        status.problems.retain(|(_, _, of_catalogue)| *of_catalogue);
        let is_new: HashSet<(Source, &str, &str)> =
            changed.iter().map(|(s, n, a)| (*s, n.as_str(), a.as_str())).collect();
        let is_new = |row: &LocalRow| is_new.contains(&(row.source, row.name.as_str(), row.arch.as_str()));
        let questions: Vec<Question<'_>> = world
            .backends
            .iter()
            .map(|backend| Question::new(&**backend, &catalogue, &changed))
            .collect::<Result<_>>()?;
        // The engines work in processes of their own; meanwhile there is enough to do here.
        std::thread::scope(|scope| {
            let asked = questions.iter().filter(|question| !question.names.is_empty());
            let policies: Vec<_> =
                asked.map(|question| (question.backend.source(), scope.spawn(|| question.ask()))).collect();
            let decided = || {
                policies
                    .into_iter()
                    .map(|(source, policy)| Ok((source, policy.join().expect("a policy does not panic")?)))
                    .collect()
            };
            let read = || owned.join().expect("a reader does not panic");
            let awaited =
                Awaited { policies: Box::new(decided), owned: Box::new(read), catalogue: Box::new(|| Ok(())) };
            write_local(world, folder, &catalogue, gathered, &is_new, awaited, &mut status, observer)
        })
    })?;
    Ok(Some(status))
}

/// What has not changed keeps what the catalogue knows of it and what the policy said. The others are returned.
fn keep_unchanged(packages: &mut Vec<NewLocal>, mut old: HashMap<Key, LocalRow>) -> Vec<Key> {
    let mut changed = Vec::new();
    for package in packages.iter_mut() {
        let row = &mut package.row;
        let key = (row.source, row.name.clone(), row.arch.clone());
        match old.remove(&key) {
            Some(before) if (&before.version, before.state, before.held) == (&row.version, row.state, row.held) => {
                local::keep_link(row, before);
            }
            _ => changed.push(key),
        }
    }
    // Of what is gone the row stays, since the catalogue says what the policy was when there was still a package.
    for (key, row) in old.into_iter().filter(|(_, row)| row.catalogue.is_some()) {
        if row.state.is_some() {
            changed.push(key);
        }
        packages.push(NewLocal { row: LocalRow { state: None, ..row }, fields: Vec::new() });
    }
    changed
}

type Key = (Source, String, String);

/// What the policy about some packages is, with what the catalogue knows of them.
struct Question<'a> {
    backend: &'a dyn Backend,
    names: Vec<(&'a str, &'a str)>,
    packages: Vec<(Row, Vec<VersionDetails>)>,
    meta: &'a CatalogueMeta,
}

impl<'a> Question<'a> {
    fn new(backend: &'a dyn Backend, catalogue: &'a Catalogue, changed: &'a [Key]) -> Result<Question<'a>> {
        let (source, meta) = (backend.source(), catalogue.meta()?);
        let names: Vec<(&str, &str)> =
            changed.iter().filter(|(s, _, _)| *s == source).map(|(_, n, a)| (n.as_str(), a.as_str())).collect();
        let mut ids = BTreeSet::new();
        for (name, _) in &names {
            ids.extend(catalogue.find(name)?);
            if source == Source::Pacman {
                let relations = catalogue.dependants(name)?.into_iter();
                ids.extend(relations.filter(|(_, field)| *field == Field::Replaces).map(|(id, _)| id));
            }
        }
        let mut packages = Vec::new();
        for id in ids {
            let row = catalogue.row(id)?;
            if row.source == source {
                let versions = catalogue.details(&row)?;
                packages.push((row, versions));
            }
        }
        Ok(Question { backend, names, packages, meta })
    }

    fn ask(&self) -> Result<Policy> {
        let mut offers = Vec::new();
        for (row, versions) in &self.packages {
            let arch = match row.arch {
                0 => "",
                arch => self.meta.architectures.get(usize::from(arch)).map_or("", String::as_str),
            };
            for version in versions {
                for origin in &version.origins {
                    let repository = self.meta.repositories.get(usize::from(*origin)).map_or("", |known| &known.name);
                    let (name, fields) = (row.name.as_str(), version.fields.as_slice());
                    offers.push(Offer { name, arch, version: &version.version, repository, fields });
                }
            }
        }
        self.backend.policy_among(&self.names, &offers)
    }
}

fn old_rows(folder: &Path, status: &Status) -> Result<HashMap<Key, LocalRow>> {
    let local = Local::open(&folder.join(status::local_name(status.local_generation)))?;
    let mut rows = HashMap::new();
    local.scan(|_, row| {
        rows.insert((row.source, row.name.clone(), row.arch.clone()), row);
        Ok(())
    })?;
    Ok(rows)
}

/// What may still be under way when the rest is ready.
struct Awaited<'a> {
    policies: Box<dyn FnOnce() -> Result<Policies> + 'a>,
    owned: Box<dyn FnOnce() -> Result<Owned> + 'a>,
    /// Until the catalogue is on the disk.
    catalogue: Box<dyn FnOnce() -> Result<()> + 'a>,
}

#[expect(clippy::too_many_arguments, reason = "the last common step of two callers, each argument another thing")]
fn write_local(
    world: &World,
    folder: &Path,
    catalogue: &Catalogue,
    gathered: local::Gathered,
    is_new: &dyn Fn(&LocalRow) -> bool,
    awaited: Awaited<'_>,
    status: &mut Status,
    observer: &dyn Observer,
) -> Result<()> {
    observer.event(Event::Stage { what: "writing what is installed", percent: 90 });
    let local::Gathered { mut packages, problems } = gathered;
    packages.sort_by(|a, b| local::key(&a.row).cmp(&local::key(&b.row)));
    status.local_built = now();
    let edges = relate::edges(&packages, &world.backends, catalogue.native()?);
    let owned = (awaited.owned)()?;
    status.problems.extend(problems.iter().chain(&owned.problems).map(|problem| stored(problem, false)));
    let policies = (awaited.policies)()?;
    // All has been read.
    if status.staleness().any() {
        return Err(Changed.into());
    }
    for family in &mut status.families {
        let policy = policies.iter().find(|(source, _)| *source as u8 == family.source).map(|(_, policy)| policy);
        // One answer of the engine does not make it the author of all the others.
        if let Some(Policy { authority: Authority::Rules(reason), .. }) = policy {
            (family.engine, family.policy) = (false, reason.clone());
        }
    }
    let choices = policies
        .into_iter()
        .flat_map(|(source, policy)| {
            policy.choices.into_iter().map(move |c| ((source, c.name.clone(), c.arch.clone()), c))
        })
        .collect();
    let new = packages.iter_mut().map(|package| &mut package.row).filter(|row| is_new(row));
    local::link(new, catalogue, &choices, world)?;
    let covered = mark_security(&mut packages, catalogue, world, folder)?;
    world.backends.iter().for_each(|backend| relate::mark_orphans(&mut packages, &edges, &**backend));
    for family in &mut status.families {
        if let Some(source) = family.source() {
            family.counts = counts(&packages, source, catalogue, covered.contains(&source))?;
        }
    }
    let matched = matched_new(&packages, catalogue, folder)?;
    let owners = owned.owners(&packages);
    let name = status::local_name(status.local_generation);
    publish::file(folder, &name, (crate::index::local::KIND, status.local_generation), false, |out| {
        Ok(crate::index::local::write(&packages, &edges, owners, catalogue.native()?, matched.as_ref(), out)?)
    })?;
    (awaited.catalogue)()?;
    publish::status(folder, status)
}

fn counts(packages: &[NewLocal], source: Source, catalogue: &Catalogue, is_covered: bool) -> Result<Counts> {
    let of = |wanted: &dyn Fn(&LocalRow) -> bool| {
        packages.iter().filter(|p| p.row.source == source && p.row.installed() && wanted(&p.row)).count() as u32
    };
    let knows_security =
        catalogue.meta()?.repositories.iter().any(|known| known.source == source as u8 && known.security);
    Ok(Counts {
        installed: of(&|_| true),
        explicit: of(&|row| row.reason == Reason::Explicit),
        dependencies: of(&|row| row.reason == Reason::Dependency),
        orphans: of(&|row| row.orphan),
        foreign: of(&|row| row.foreign),
        held: of(&|row| row.held),
        updates: of(&|row| row.upgradable && !row.held),
        security_updates: (knows_security || is_covered).then(|| of(&|row| row.security && !row.held)),
        broken: of(&|row| row.state == Some(crate::model::InstallState::Broken)),
    })
}

fn stored(problem: &Problem, of_catalogue: bool) -> StoredProblem {
    (problem.path.display().to_string(), problem.message.clone(), of_catalogue)
}

pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// A number no other build has: the clock's nanoseconds, and the process's own random hash.
pub(super) fn generation() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(SystemTime::now())
}
