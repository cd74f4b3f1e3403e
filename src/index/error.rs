//! What can be wrong with an index, as far as a caller acts on it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result of everything that reads an index.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an index file did not answer.
#[derive(Debug)]
pub enum Error {
    /// There is no index yet.
    Missing(PathBuf),
    /// The file is not what `omg refresh` wrote: truncated, altered, of another version. The cure is to build it again.
    Damaged {
        path: PathBuf,
        what: &'static str,
    },
    /// Owned by a stranger or writable by others: what it says is not to be trusted.
    Untrusted {
        path: PathBuf,
        what: &'static str,
    },
    Io {
        path: PathBuf,
        error: std::io::Error,
    },
}

impl Error {
    pub(super) fn io(path: &Path, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::NotFound => Error::Missing(path.into()),
            _ => Error::Io { path: path.into(), error },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Missing(path) => write!(f, "no index at {}", path.display()),
            Error::Damaged { path, what } => write!(f, "damaged index {}: {what}", path.display()),
            Error::Untrusted { path, what } => write!(f, "refused index {}: {what}", path.display()),
            Error::Io { path, error } => write!(f, "cannot read {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {}
