//! Running a project's tasks: what is run for each, in which order (`order`), how it is done (`carry_out`) and, where that is wanted,
//! again after each change (`watch`).
//!
//! A task that was named is run by the tool it was written for, in the folder of the file that has it. Only tasks of `omg.toml` are omg's
//! own. Nothing here prints: a caller hears of each event.

mod carry_out;
mod command;
mod nested;
mod order;
mod watch;

pub use carry_out::{Event, Outcome, Output, Said, carry_out};
pub use command::command;
pub use order::order;
pub use watch::{When, watch};

use crate::error::{Exit, Hinted};
use crate::project::{Project, Source};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One command on the way to what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The task's name; with its source where another step has the same.
    pub name: String,
    pub source: Source,
    pub file: PathBuf,
    pub line: Option<u32>,
    /// Where it is run.
    pub folder: PathBuf,
    /// The program and its arguments; empty for a task that only depends on others.
    pub command: Vec<OsString>,
    /// Set for it besides what is set already.
    pub variables: Vec<(String, String)>,
    /// The steps that have to be done before, by their place.
    pub after: Vec<usize>,
}

/// How steps are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// All at once that wait for no other, instead of one after the other.
    pub side_by_side: bool,
    /// Again and again: what runs may have to be ended with all it started.
    pub is_watched: bool,
}

impl Manner {
    /// Whether each step gets a process group of its own, and nothing to read. One that runs alone stays in omg's: then it is in the
    /// foreground of the terminal where omg is, and gets from its keys what it would get without omg.
    fn has_groups(self) -> bool {
        self.side_by_side || self.is_watched
    }
}

/// The project around a folder.
pub fn project(folder: &Path) -> Project {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    // The folder one is in comes without links.
    let home = home.map(|home| std::fs::canonicalize(&home).unwrap_or(home));
    crate::project::find(folder, home.as_deref())
}

/// The folder that is meant: the one named, or the one omg was started in.
pub fn folder(named: Option<&Path>) -> Result<PathBuf> {
    let folder = match named {
        Some(named) => std::fs::canonicalize(named).with_context(|| {
            let message = format!("cannot use the folder {}", named.display());
            Hinted::new(Exit::Failed, message, "-C takes a folder that is there, from here or from / on")
        }),
        None => std::env::current_dir().context("cannot tell which folder this is"),
    }?;
    // The C library can tell a longer path, but the kernel takes none, of no file in it.
    if folder.as_os_str().len() > MAX_PATH_BYTES {
        bail!("this folder lies too deep: its path has more than {MAX_PATH_BYTES} bytes");
    }
    Ok(folder)
}

/// With room for a file's name.
const MAX_PATH_BYTES: usize = 4096 - 256;
