//! Which files below a folder are lock files, and the reading of one.
//!
//! Folders that hold what was installed or built are passed over: the lock files in there are those of other projects. Links are not
//! followed, other file systems are, and a tree is left where it gets too deep or too large, which is said; so is what has the name of a
//! lock file and is not read.

use super::{Format, Lock};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

const MAX_DEPTH: usize = 32;
/// Of all folders together.
const MAX_ENTRIES: usize = 2_000_000;
/// Longer files are not read. A workspace with ten thousand packages has 5 MB.
const MAX_BYTES: u64 = 64 << 20;

const GO_SUM: &str = "go.sum";

/// Of these names nobody's own projects are.
const PASSED_OVER: [&str; 17] = [
    ".bundle",
    ".cache",
    ".cargo",
    ".git",
    ".hg",
    ".jj",
    ".nox",
    ".pnpm-store",
    ".svn",
    ".tox",
    ".venv",
    ".yarn",
    "__pycache__",
    "node_modules",
    "target",
    "vendor",
    "venv",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockFile {
    pub path: PathBuf,
    pub format: Format,
}

#[derive(Debug, Default)]
pub struct Found {
    /// In the order of their paths.
    pub files: Vec<LockFile>,
    /// What was not looked at, and why.
    pub problems: Vec<(PathBuf, String)>,
}

/// The lock files below a folder, or the one that the path itself names.
pub fn find(path: &Path) -> Found {
    let mut found = Found::default();
    if !path.is_dir() {
        match path.file_name().and_then(|name| Format::of(&name.to_string_lossy())) {
            Some(_) if path.is_symlink() => found.problems.push(not_read(path)),
            Some(format) => found.files.push(LockFile { path: path.to_owned(), format }),
            None if path.ends_with(GO_SUM) => found.problems.push(sums(path)),
            None => found.problems.push((path.to_owned(), "is no lock file that is known".to_owned())),
        }
        return found;
    }
    let (mut open, mut others) = (vec![(path.to_owned(), 0)], Vec::new());
    let mut left = MAX_ENTRIES;
    while let Some((folder, depth)) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                found.problems.push((folder, format!("cannot be read: {error}")));
                continue;
            }
        };
        for entry in entries.flatten() {
            let Some(next_left) = left.checked_sub(1) else {
                found.problems.push((folder, format!("more than {MAX_ENTRIES} files were not looked at")));
                found.sort();
                return found;
            };
            left = next_left;
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if kind.is_file() {
                found.files.extend(Format::of(&name).map(|format| LockFile { path: entry.path(), format }));
                if name == GO_SUM && !folder.join("go.mod").exists() {
                    found.problems.push(sums(&entry.path()));
                }
            } else if kind.is_dir() && !PASSED_OVER.contains(&&*name) {
                if depth < MAX_DEPTH {
                    open.push((entry.path(), depth + 1));
                } else {
                    found
                        .problems
                        .push((entry.path(), format!("is more than {MAX_DEPTH} folders deep, and was not looked at")));
                }
            } else if !kind.is_dir() && Format::of(&name).is_some() {
                others.push(entry.path());
            }
        }
    }
    if !others.is_empty() {
        // A link to what is read anyway hides nothing.
        let read: BTreeSet<PathBuf> = found.files.iter().filter_map(|file| file.path.canonicalize().ok()).collect();
        others.retain(|other| other.canonicalize().map_or(true, |to| !read.contains(&to)));
        found.problems.extend(others.iter().map(|other| not_read(other)));
    }
    found.sort();
    found
}

/// What has the name of a lock file, and is none.
fn not_read(path: &Path) -> (PathBuf, String) {
    let message = match fs::read_link(path) {
        Ok(to) => format!("is a link to {}, and was not read", to.display()),
        Err(_) => "is no regular file, and was not read".to_owned(),
    };
    (path.to_owned(), message)
}

/// Go's sums are of all that was ever looked at, most of which need not be built.
fn sums(path: &Path) -> (PathBuf, String) {
    let list = path.with_file_name("go.mod");
    let message = match list.exists() {
        true => format!("names more than is built, and was not read; `omg audit scan {}` reads both", list.display()),
        false => "names more than is built, and was not read: there is no go.mod beside it".to_owned(),
    };
    (path.to_owned(), message)
}

impl Found {
    fn sort(&mut self) {
        self.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        // Beside its text the binary form says nothing more.
        let texts: Vec<PathBuf> =
            self.files.iter().filter(|file| file.format == Format::Bun).map(|file| file.path.clone()).collect();
        self.files.retain(|file| {
            file.format != Format::BunBinary || texts.binary_search(&file.path.with_extension("lock")).is_err()
        });
        self.problems.sort();
    }
}

/// Reads a lock file, and the files beside it that belong to it.
pub fn open(file: &LockFile) -> Result<Lock, String> {
    let format = file.format;
    if format == Format::BunBinary {
        return super::read(format, "", &mut |_| None);
    }
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let whole = fs::canonicalize(if folder == Path::new("") { Path::new(".") } else { folder }).unwrap_or_default();
    // No link may lead out on the way.
    let inside = |path: &str| fs::canonicalize(folder.join(path)).ok().filter(|path| path.starts_with(&whole));
    super::read(format, &text(&file.path)?, &mut |path| text(&inside(path)?).ok())
}

/// A regular file's text, which must be UTF-8: what is replaced in a name is another name.
fn text(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    // Opening follows no link and does not wait for the other end of a FIFO.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let file = File::from(openat(CWD, path, flags, Mode::empty()).map_err(|error| failed(error.into()))?);
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err("is no regular file".to_owned());
    }
    let mut text = Vec::with_capacity(metadata.len().min(MAX_BYTES) as usize + 1);
    file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("is longer than {} MiB, and was not read", MAX_BYTES >> 20));
    }
    String::from_utf8(text).map_err(|_| "is no text: it is not UTF-8".to_owned())
}
