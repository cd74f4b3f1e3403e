//! The files below some folders, by several threads: all that git would take, whatever is in them.
//!
//! Not followed are symbolic links, and not opened is what is no file. What `.gitignore` names is passed over, unless all is asked
//! for; so is `.git`, whose objects are `history`'s. Archives are not looked into.

use super::scan::Scanner;
use super::{Place, Report};
use crate::model::Problem;
use ignore::{DirEntry, WalkBuilder, WalkState};
use rustix::fs::{SeekFrom, seek};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// All `.gitignore` together. Their patterns take many times as much when they are made ready.
const MAX_GITIGNORE_BYTES: u64 = 8 << 20;
/// What a file may grow while it is read.
const MAX_GROWTH: u64 = 1 << 20;

/// Scans every file below `roots`, or those themselves. `all`: those that `.gitignore` names too.
pub fn scan_files(scanner: &Scanner, roots: &[PathBuf], all: bool) -> Report {
    let gate = Arc::new(Gate::default());
    let open: Vec<&PathBuf> = roots.iter().filter(|root| all || gate.may_enter(root)).collect();
    let report = Mutex::new(Report::default());
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
            entry.file_name() != ".git" && (all || !is_folder || at_folders.may_enter(entry.path()))
        });
        walk.build_parallel().run(|| {
            let (mut buffer, report) = (Vec::new(), &report);
            Box::new(move |entry| {
                let part = match entry {
                    Ok(entry) => scan_entry(scanner, &entry, &mut buffer),
                    Err(error) => unread(error),
                };
                report.lock().unwrap_or_else(PoisonError::into_inner).add(part);
                WalkState::Continue
            })
        });
    }
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.problems.append(&mut gate.problems.lock().unwrap_or_else(PoisonError::into_inner));
    report
}

/// Keeps away from folders whose lists of patterns would take all memory.
#[derive(Default)]
struct Gate {
    bytes: AtomicU64,
    problems: Mutex<Vec<Problem>>,
}

impl Gate {
    fn may_enter(&self, folder: &Path) -> bool {
        let Ok(list) = folder.join(".gitignore").metadata() else { return true };
        let before = self.bytes.fetch_add(list.len(), Ordering::Relaxed);
        // A pipe of that name would be waited for.
        let is_small = list.is_file() && before.saturating_add(list.len()) <= MAX_GITIGNORE_BYTES;
        if !is_small && !list.is_dir() {
            let message = "its .gitignore is too large or no file, so nothing in there was read".to_owned();
            let problem = Problem { path: folder.to_owned(), message };
            self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
        }
        is_small || list.is_dir()
    }
}

fn scan_entry(scanner: &Scanner, entry: &DirEntry, buffer: &mut Vec<u8>) -> Report {
    if !entry.file_type().is_some_and(|kind| kind.is_file() || kind.is_symlink() && entry.depth() == 0) {
        return Report::default();
    }
    let path = entry.path();
    let scanned = open(path, entry.depth() > 0).and_then(|file| match file {
        Some(file) => scanner.scan(file, buffer).map(Some),
        None => Ok(None),
    });
    let mut report = match scanned {
        Ok(Some(scanned)) => Report::of(scanned, &Place { path: path.to_owned(), origin: None }),
        Ok(None) => return Report::default(),
        Err(error) => Report::problem(path.to_owned(), error.to_string()),
    };
    report.files = 1;
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
