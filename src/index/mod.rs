//! The index: finished files that every command reads and only `omg refresh` writes.
//!
//! It knows bytes, not package managers: backends hand in plain data, `ops` says when. Three files lie in one folder:
//! `catalogue-GENERATION` (all packages of all repositories), `local-GENERATION` (what is installed) and `status`, which
//! names the other two and is replaced last. `advisories` lies beside them and stands for itself. Their format is specified in omg-index(5).
//!
//! A cache, not a record: whatever is not as expected is an [`Error`], and the cure is to build it again.

pub mod advisories;
pub mod block;
pub mod build;
pub mod catalogue;
pub mod details;
pub mod dictionary;
mod error;
mod intern;
mod joined;
mod lists;
pub mod local;
pub mod matched;
pub mod nearest;
pub mod owner;
mod part;
pub mod postings;
pub mod publish;
pub mod rows;
pub mod search;
mod search_regex;
mod sieve;
pub mod status;
pub mod varint;
pub mod words;

pub use catalogue::{Catalogue, Row};
pub use error::{Error, Result};
pub use local::{Local, LocalRow};
pub use part::Part;
pub use status::{Staleness, Status};

use std::path::{Path, PathBuf};

/// Both files and the status that joins them.
pub struct Index {
    pub folder: PathBuf,
    pub status: Status,
    pub catalogue: Catalogue,
    pub local: Local,
}

impl Index {
    /// Opens the index of a folder.
    pub fn open(folder: &Path) -> Result<Index> {
        Self::open_from(folder, None)
    }

    /// The same for a folder whose status may have been read already.
    pub fn open_from(folder: &Path, known: Option<Status>) -> Result<Index> {
        let (status, (catalogue, local)) = open_named(folder, known, |status| Self::open_with(folder, status))?;
        Ok(Index { folder: folder.into(), status, catalogue, local })
    }

    fn open_with(folder: &Path, status: &Status) -> Result<(Catalogue, Local)> {
        let catalogue = Catalogue::open(&folder.join(status::catalogue_name(status.catalogue_generation)))?;
        let local = Local::open(&folder.join(status::local_name(status.local_generation)))?;
        if catalogue.file().generation() != status.catalogue_generation {
            return Err(catalogue.file().damaged("of another generation than its name"));
        }
        if local.file().generation() != status.local_generation {
            return Err(local.file().damaged("of another generation than its name"));
        }
        Ok((catalogue, local))
    }
}

/// Reads the status, if it is not known, and opens files that it names. A refresh may replace them at the same moment: the old files go after the
/// new status is in place, so a status that names a file that is gone is read again.
pub fn open_named<T>(
    folder: &Path,
    mut known: Option<Status>,
    open: impl Fn(&Status) -> Result<T>,
) -> Result<(Status, T)> {
    let mut tries = 0;
    loop {
        let status = match known.take() {
            Some(status) => status,
            None => Status::read(folder)?,
        };
        match open(&status) {
            Ok(opened) => return Ok((status, opened)),
            Err(Error::Missing(_)) if tries < 5 => tries += 1,
            Err(Error::Missing(path)) => {
                return Err(Error::Damaged { path, what: "the status file names it, and it is not there" });
            }
            Err(error) => return Err(error),
        }
    }
}
