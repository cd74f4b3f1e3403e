//! The files below some folders, by several threads: all that git would take, whatever is in them.
//!
//! Not followed are symbolic links, and not opened is what is no file. What `.gitignore` names is passed over, unless git tracks it or
//! all is asked for; so is `.git`, whose objects are `history`'s. Archives are not looked into.

use super::git::{Repository, tracked};
use super::scan::Scanner;
use super::{Place, Report};
use crate::model::Problem;
use ignore::{DirEntry, WalkBuilder, WalkState};
use rustix::fs::{SeekFrom, seek};
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// All `.gitignore` together. Their patterns take many times as much when they are made ready.
const MAX_GITIGNORE_BYTES: u64 = 8 << 20;
/// What a file may grow while it is read.
const MAX_GROWTH: u64 = 1 << 20;

/// Of these endings is what has to be unpacked first, which is not done.
const PACKED: [&str; 14] =
    ["7z", "apk", "bz2", "deb", "gz", "jar", "rar", "rpm", "tgz", "war", "whl", "xz", "zip", "zst"];

/// What the walk has done so far.
#[derive(Default)]
struct Walked {
    report: Report,
    /// Hashes of the paths that it came by.
    seen: HashSet<u64>,
    hasher: RandomState,
    /// What the folders hold that it entered, and how much of that it came by.
    held: u64,
    met: u64,
}

impl Walked {
    fn has_seen(&self, path: &Path) -> bool {
        self.seen.contains(&self.hasher.hash_one(path))
    }

    /// Whether it is seen for the first time.
    fn sees(&mut self, path: &Path) -> bool {
        self.seen.insert(self.hasher.hash_one(path))
    }
}

/// Scans every file below `roots`, or those themselves. `all`: those that `.gitignore` names and git does not track, too.
pub fn scan_files(scanner: &Scanner, roots: &[PathBuf], all: bool) -> Report {
    let gate = Arc::new(Gate::default());
    let open: Vec<&PathBuf> = roots.iter().filter(|root| all || gate.may_enter(root)).collect();
    let walked = Mutex::new(Walked::default());
    if let Some((first, others)) = open.split_first() {
        let mut walk = WalkBuilder::new(first);
        others.iter().for_each(|root| {
            walk.add(root);
        });
        walk.standard_filters(false).parents(!all).git_ignore(!all).git_exclude(!all).require_git(false);
        walk.threads(std::thread::available_parallelism().map_or(1, usize::from));
        let at_folders = Arc::clone(&gate);
        walk.filter_entry(move |entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            match entry.file_name() == ".git" {
                true => at_folders.keep(entry.path()),
                false => all || !is_folder || at_folders.may_enter(entry.path()),
            }
        });
        walk.build_parallel().run(|| {
            let (mut buffer, walked) = (Vec::new(), &walked);
            Box::new(move |entry| {
                let (part, held, path) = match entry {
                    Ok(entry) => {
                        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
                        let held = if all || !is_folder { 0 } else { held(entry.path()) };
                        (scan_entry(scanner, &entry, &mut buffer), held, Some((entry.depth(), entry.into_path())))
                    }
                    Err(error) => (unread(error), 0, None),
                };
                let mut walked = walked.lock().unwrap_or_else(PoisonError::into_inner);
                walked.report.add(part);
                walked.held += held;
                if let Some((depth, path)) = path {
                    walked.sees(&path);
                    walked.met += u64::from(depth > 0);
                }
                WalkState::Continue
            })
        });
    }
    let mut walked = walked.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut refused = std::mem::take(&mut *gate.problems.lock().unwrap_or_else(PoisonError::into_inner));
    let nested = std::mem::take(&mut *gate.repositories.lock().unwrap_or_else(PoisonError::into_inner));
    if !all {
        let known = walked.met + (refused.len() + nested.len()) as u64;
        walked.report.ignored = walked.held.saturating_sub(known);
        let folders = roots.iter().filter(|root| root.is_dir()).cloned();
        let tops: BTreeSet<PathBuf> = folders.chain(nested).collect();
        tops.iter().for_each(|top| scan_tracked(scanner, top, &mut walked));
    }
    walked.report.problems.append(&mut refused);
    walked.report
}

/// How many names are in a folder.
fn held(folder: &Path) -> u64 {
    folder.read_dir().map_or(0, |names| names.count() as u64)
}

/// Scans what git tracks below a folder though `.gitignore` names it, as the walk did not see it: once added, a file is git's, whatever
/// a pattern says.
fn scan_tracked(scanner: &Scanner, folder: &Path, walked: &mut Walked) {
    let (Ok(whole), Some(repository)) = (folder.canonicalize(), Repository::find(folder)) else { return };
    let Ok(below) = whole.strip_prefix(&repository.top) else { return };
    let paths = tracked(&repository).unwrap_or_else(|error| {
        let message = format!("which files git tracks is not known: {error:#}");
        walked.report.add(Report::problem(folder.to_owned(), message));
        Vec::new()
    });
    let mut buffer = Vec::new();
    for path in paths.iter().filter_map(|path| path.strip_prefix(below).ok()) {
        let shown = folder.join(path);
        // No link may lead out on the way; what is not there was only deleted.
        if walked.sees(&shown) && shown.canonicalize().is_ok_and(|found| found == whole.join(path)) {
            // What lies deeper was passed over as a folder.
            let was_counted = shown.parent().is_some_and(|parent| walked.has_seen(parent));
            walked.report.ignored = walked.report.ignored.saturating_sub(u64::from(was_counted));
            walked.report.add(scan_file(scanner, &shown, true, &mut buffer));
        }
    }
}

/// Keeps away from folders whose lists of patterns would take all memory.
#[derive(Default)]
struct Gate {
    bytes: AtomicU64,
    problems: Mutex<Vec<Problem>>,
    /// Folders that are the top of one.
    repositories: Mutex<Vec<PathBuf>>,
}

impl Gate {
    /// Remembers whose `.git` that is, which is not entered.
    fn keep(&self, git: &Path) -> bool {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner).extend(git.parent().map(Path::to_owned));
        false
    }

    fn may_enter(&self, folder: &Path) -> bool {
        let Ok(list) = folder.join(".gitignore").metadata() else { return true };
        let before = self.bytes.fetch_add(list.len(), Ordering::Relaxed);
        // A pipe of that name would be waited for.
        let is_small = list.is_file() && before.saturating_add(list.len()) <= MAX_GITIGNORE_BYTES;
        if !is_small && !list.is_dir() {
            let message =
                "its .gitignore is too large or no file, so what git does not track in there was not read".to_owned();
            let problem = Problem { path: folder.to_owned(), message };
            self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
        }
        is_small || list.is_dir()
    }
}

fn scan_entry(scanner: &Scanner, entry: &DirEntry, buffer: &mut Vec<u8>) -> Report {
    let (path, is_named) = (entry.path(), entry.depth() == 0);
    if entry.file_type().is_some_and(|kind| kind.is_file()) {
        return scan_file(scanner, path, !is_named, buffer);
    }
    if !is_named {
        return Report::default();
    }
    // Whoever names a path wants it read: a link is followed, and what is no file is told, since a device may have no end.
    match path.metadata() {
        Ok(about) if about.is_file() => scan_file(scanner, path, false, buffer),
        Ok(about) if about.is_dir() => Report::default(),
        Ok(_) => Report::problem(path.to_owned(), "is no file or folder, and was not read".to_owned()),
        Err(error) => Report::problem(path.to_owned(), error.to_string()),
    }
}

fn scan_file(scanner: &Scanner, path: &Path, is_found: bool, buffer: &mut Vec<u8>) -> Report {
    let scanned = open(path, is_found).and_then(|file| match file {
        Some(file) => scanner.scan(file, buffer).map(Some),
        None => Ok(None),
    });
    let mut report = match scanned {
        Ok(Some(scanned)) => Report::of(scanned, &Place { path: path.to_owned(), origin: None }),
        Ok(None) => return Report::default(),
        Err(error) => Report::problem(path.to_owned(), error.to_string()),
    };
    report.files = 1;
    report.packed = u64::from(path.extension().is_some_and(|end| PACKED.iter().any(|packed| end == *packed)));
    report
}

/// What the walk could not read.
fn unread(error: ignore::Error) -> Report {
    match error {
        ignore::Error::WithDepth { err, .. } => unread(*err),
        ignore::Error::WithPath { path, err } => Report::problem(path, err.to_string()),
        other => Report::problem(PathBuf::new(), other.to_string()),
    }
}

/// The file's content without its holes; `None` for what is no file.
fn open(path: &Path, is_found: bool) -> std::io::Result<Option<Box<dyn Read>>> {
    // It may have become a pipe or a link since it was listed.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | if is_found { libc::O_NOFOLLOW } else { 0 };
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Ok(None);
    }
    if about.blocks() * 512 < about.len() {
        return Ok(Some(Box::new(Sparse { file, at: 0, end: 0 })));
    }
    Ok(Some(Box::new(file.take(about.len().saturating_add(MAX_GROWTH)))))
}

/// A file with holes, each of which is read as one zero.
struct Sparse {
    file: File,
    at: u64,
    /// Of the data that `at` is in.
    end: u64,
}

impl Read for Sparse {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        if self.at >= self.end {
            let data = match seek(&self.file, SeekFrom::Data(self.at)) {
                Ok(data) => data,
                // Nothing but a hole is left.
                Err(rustix::io::Errno::NXIO) => return Ok(0),
                Err(error) => return Err(error.into()),
            };
            self.end = seek(&self.file, SeekFrom::Hole(data))?;
            seek(&self.file, SeekFrom::Start(data))?;
            if data > self.at {
                self.at = data;
                room[0] = 0;
                return Ok(1);
            }
        }
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(room.len());
        let read = self.file.read(&mut room[..most])?;
        // Cut meanwhile.
        self.at = if read == 0 { u64::MAX - 1 } else { self.at + read as u64 };
        Ok(read)
    }
}
