//! What git keeps of files that may be long gone: every blob of a repository's store, and what commits and tags say.
//!
//! All objects count, not those alone that a branch leads to: what was taken back is still there to be found. Each secret is told once,
//! at the oldest commit that has it. Commits are read only when something was found.

use super::git::{Cache, Id, Kind, Pack, Repository, Store};
use super::scan::Scanner;
use super::{Commit, Located, Origin, Place, Report, Scanned};
use crate::model::Problem;
use anyhow::bail;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Longer ones are no path that anybody has.
const MAX_DEPTH: usize = 1000;
/// Objects of a pack that one thread takes at once.
const PART: usize = 512;
/// A loose object may decompress to any length.
const MAX_LOOSE_BYTES: u64 = 8 << 30;

/// Scans the repository that `path` is in.
pub fn scan_history(scanner: &Scanner, path: &Path) -> Report {
    let Some(repository) = Repository::find(path) else {
        return Report::problem(path.to_owned(), "there is no git repository here".to_owned());
    };
    let mut store = Store::open(&repository.common);
    store.loose.sort();
    let mut found = objects(scanner, &store);
    let mut report = Report { problems: store.problems.split_off(0), ..Report::default() };
    report.problems.append(&mut found.problems);
    (report.objects, report.bytes, report.allowed) = (found.objects, found.bytes, found.allowed);
    if !found.secrets.is_empty() {
        let places = places(&store, found.secrets.iter().map(|(id, _)| *id).collect());
        report.findings = named(&store, found.secrets, &places);
    }
    report
}

#[derive(Default)]
struct Found {
    secrets: Vec<(Id, super::Finding)>,
    objects: u64,
    bytes: u64,
    allowed: u64,
    problems: Vec<Problem>,
}

impl Found {
    fn add(&mut self, id: Id, path: &Path, scanned: anyhow::Result<Scanned>) {
        self.objects += 1;
        match scanned {
            Ok(scanned) => {
                self.bytes += scanned.bytes;
                self.allowed += scanned.allowed as u64;
                self.secrets.extend(scanned.findings.into_iter().map(|finding| (id, finding)));
            }
            // One line a pack says enough.
            Err(_) if self.problems.last().is_some_and(|problem| problem.path == *path) => {}
            Err(error) => self.problems.push(Problem { path: path.to_owned(), message: format!("{error:#}") }),
        }
    }
}

/// Looks into every object but trees, by several threads.
fn objects(scanner: &Scanner, store: &Store) -> Found {
    let orders: Vec<(&Pack, Vec<u32>)> = store.packs.iter().map(|pack| (pack, pack.order())).collect();
    let parts: Vec<(&Pack, &[u32])> =
        orders.iter().flat_map(|(pack, order)| order.chunks(PART).map(move |part| (*pack, part))).collect();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Found::default()));
    let work = || {
        let (mut found, mut buffer, mut cache) = (Found::default(), Vec::new(), (std::ptr::null(), Cache::default()));
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if let Some((pack, part)) = parts.get(at) {
                // What is kept of one pack is nothing in another.
                if cache.0 != std::ptr::from_ref(*pack) {
                    cache = (std::ptr::from_ref(*pack), Cache::default());
                }
                for object in part.iter().filter(|object| pack.kind(**object).is_some_and(|kind| kind != Kind::Tree)) {
                    let scanned = pack.open(*object, &mut cache.1);
                    let scanned = scanned.and_then(|stream| Ok(scanner.scan(stream, &mut buffer)?));
                    found.add(pack.id(*object), &pack.path, scanned);
                }
            } else if let Some((id, path)) = store.loose.get(at - parts.len()) {
                match super::git::loose(path) {
                    Ok((Kind::Tree, _)) => {}
                    Ok((_, stream)) => {
                        let scanned = scanner.scan(stream.take(MAX_LOOSE_BYTES), &mut buffer);
                        let scanned = scanned.map_err(Into::into).and_then(|scanned| match scanned.bytes {
                            MAX_LOOSE_BYTES => bail!("an object of more than {} GiB", MAX_LOOSE_BYTES >> 30),
                            _ => Ok(scanned),
                        });
                        found.add(*id, path, scanned);
                    }
                    Err(error) => found.add(*id, path, Err(error)),
                }
            } else {
                break;
            }
        }
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.secrets.append(&mut found.secrets);
        all.problems.append(&mut found.problems);
        (all.objects, all.bytes, all.allowed) =
            (all.objects + found.objects, all.bytes + found.bytes, all.allowed + found.allowed);
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| {
            scope.spawn(work);
        });
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The commits of a store.
struct Told {
    id: Id,
    tree: Id,
    time: i64,
}

/// For each wanted object the oldest commit that has it, and its path there.
fn places(store: &Store, mut wanted: HashSet<Id>) -> HashMap<Id, (PathBuf, Commit)> {
    let mut caches: Vec<Cache> = store.packs.iter().map(|_| Cache::default()).collect();
    let mut commits = commits(store, &mut caches);
    commits.sort_by_key(|commit| (commit.time, commit.id));
    let (mut places, mut seen) = (HashMap::new(), HashSet::new());
    for commit in commits {
        if wanted.is_empty() {
            break;
        }
        let told = Commit { id: commit.id.hex(store.hash), time: commit.time };
        if wanted.remove(&commit.id) {
            places.insert(commit.id, (PathBuf::new(), told.clone()));
        }
        for (id, path) in walk(store, &mut caches, commit.tree, &mut seen, &mut wanted) {
            places.insert(id, (path, told.clone()));
        }
    }
    places
}

fn commits(store: &Store, caches: &mut [Cache]) -> Vec<Told> {
    let mut ids = Vec::new();
    for pack in &store.packs {
        let objects = pack.order().into_iter();
        ids.extend(objects.filter(|at| pack.kind(*at) == Some(Kind::Commit)).map(|at| pack.id(at)));
    }
    ids.extend(store.loose.iter().map(|(id, _)| *id));
    let told = |id: Id| match store.read(&id, caches)? {
        (Kind::Commit, bytes) => told(id, &bytes, store.hash),
        _ => None,
    };
    ids.into_iter().filter_map(told).collect()
}

fn told(id: Id, commit: &[u8], hash: usize) -> Option<Told> {
    let mut lines = commit.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let tree = unhex(lines.next()?.strip_prefix(b"tree ")?, hash)?;
    let committer = lines.find_map(|line| line.strip_prefix(b"committer "))?;
    let time = str::from_utf8(committer.rsplit(|byte| *byte == b' ').nth(1)?).ok()?.parse().ok()?;
    Some(Told { id, tree, time })
}

fn unhex(text: &[u8], hash: usize) -> Option<Id> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes: Option<Vec<u8>> =
        text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect();
    bytes.filter(|bytes| bytes.len() == hash).map(|bytes| Id::of(&bytes))
}

/// The wanted objects below a tree. A tree that was seen has nothing new.
fn walk(
    store: &Store,
    caches: &mut [Cache],
    root: Id,
    seen: &mut HashSet<Id>,
    wanted: &mut HashSet<Id>,
) -> Vec<(Id, PathBuf)> {
    // Folders know the one they are in, so that no path is kept for each.
    let mut folders: Vec<(usize, Vec<u8>, usize)> = vec![(0, Vec::new(), 0)];
    let (mut open, mut found) = (vec![(root, 0)], Vec::new());
    while let Some((tree, folder)) = open.pop() {
        if !seen.insert(tree) {
            continue;
        }
        let Some((Kind::Tree, bytes)) = store.read(&tree, caches) else { continue };
        for (is_folder, name, id) in entries(&bytes, store.hash) {
            if is_folder && folders[folder].2 < MAX_DEPTH && !seen.contains(&id) {
                open.push((id, folders.len()));
                folders.push((folder, name.to_vec(), folders[folder].2 + 1));
            } else if !is_folder && wanted.remove(&id) {
                found.push((id, path(&folders, folder, name)));
            }
        }
    }
    found
}

fn path(folders: &[(usize, Vec<u8>, usize)], mut folder: usize, name: &[u8]) -> PathBuf {
    let mut parts = vec![name];
    while folder != 0 {
        parts.push(&folders[folder].1);
        folder = folders[folder].0;
    }
    parts.into_iter().rev().map(OsStr::from_bytes).collect()
}

/// Whether it is a folder, its name and its id.
fn entries(mut tree: &[u8], hash: usize) -> impl Iterator<Item = (bool, &[u8], Id)> {
    std::iter::from_fn(move || {
        let space = tree.iter().take(8).position(|byte| *byte == b' ')?;
        let end = memchr::memchr(0, tree)?;
        let (mode, name) = (tree.get(..space)?, tree.get(space + 1..end)?);
        let id = tree.get(end + 1..end + 1 + hash)?;
        tree = &tree[end + 1 + hash..];
        Some((mode == b"40000" || mode == b"040000", name, Id::of(id)))
    })
}

/// Each secret once, where it came first.
fn named(store: &Store, secrets: Vec<(Id, super::Finding)>, places: &HashMap<Id, (PathBuf, Commit)>) -> Vec<Located> {
    let mut all: Vec<Located> = secrets
        .into_iter()
        .map(|(id, finding)| {
            let (path, commit) =
                places.get(&id).cloned().map_or_else(Default::default, |(path, commit)| (path, Some(commit)));
            Located { place: Place { path, origin: Some(Origin { object: id.hex(store.hash), commit }) }, finding }
        })
        .collect();
    // What no commit has comes last.
    let order = |located: &Located| {
        let commit = located.place.origin.as_ref().and_then(|origin| origin.commit.as_ref());
        commit.map_or((i64::MAX, String::new()), |commit| (commit.time, commit.id.clone()))
    };
    all.sort_by_cached_key(|located| (order(located), located.place.path.clone(), located.finding.line));
    let mut seen = HashSet::new();
    all.retain(|located| seen.insert(located.finding.fingerprint.clone()));
    all
}
