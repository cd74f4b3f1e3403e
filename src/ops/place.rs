//! Which machine is meant, and where its index lies.

use crate::backends::aur::Aur;
use crate::index::{self, Status};
use crate::model::Source;
use crate::runtimes::installed::Folders;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// The machine a command speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its root folder; `/` as a rule.
    pub root: PathBuf,
    /// Another configuration file of the package manager.
    pub config: Option<PathBuf>,
    /// Another pacman database folder.
    pub dbpath: Option<PathBuf>,
    /// The family that these two belong to; otherwise all are read, and what is shown is the query's business.
    pub backend: Option<Source>,
    /// The AUR, where it is a part of the index. Known to a refresh alone: it stands in the configuration.
    pub aur: Option<Aur>,
}

/// What is known without a look into the index itself.
#[derive(Debug)]
pub struct Known {
    /// The index's folder.
    pub folder: PathBuf,
    pub status: Status,
    /// Whether its sources have changed since. To find out takes a `stat` of each, so it is asked once.
    pub stale: bool,
}

impl Place {
    /// Where runtimes are installed, if this is the machine that omg runs on.
    pub fn runtimes(&self) -> Option<Folders> {
        let is_here = self.root == Path::new("/") && self.config.is_none() && self.dbpath.is_none();
        Folders::of_environment().filter(|_| is_here)
    }

    /// The folders its index may be in, best first: the system's own, then the user's cache. With another configuration
    /// than the machine's own only the latter, since the system's index is the machine's.
    pub fn folders(&self) -> Vec<PathBuf> {
        let own = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(folder) = own("OMG_INDEX_DIR") {
            return vec![folder];
        }
        let mut folders = Vec::new();
        if self.config.is_none() && self.dbpath.is_none() {
            folders.push(self.root.join("var/lib/omg"));
        }
        let cache = own("XDG_CACHE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| own("HOME").map(|home| home.join(".cache")));
        folders.extend(cache.map(|cache| cache.join("omg").join(self.key())));
        folders
    }

    /// The folders its journal may be in, best first: the system's own, then the user's.
    pub fn state_folders(&self) -> Vec<PathBuf> {
        let own = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        if let Some(folder) = own("OMG_STATE_DIR") {
            return vec![folder];
        }
        let mut folders = Vec::new();
        if self.config.is_none() && self.dbpath.is_none() {
            folders.push(self.root.join("var/lib/omg"));
        }
        let state = own("XDG_STATE_HOME").or_else(|| own("HOME").map(|home| home.join(".local/state")));
        folders.extend(state.map(|state| state.join("omg").join(self.key())));
        folders
    }

    /// The status of an index folder. One of another place counts as missing.
    pub fn status(&self, folder: &Path) -> index::Result<Status> {
        let status = Status::read(folder)?;
        if status.place == self.key() { Ok(status) } else { Err(index::Error::Missing(folder.to_path_buf())) }
    }

    /// The status of the first folder that has one, fresh ones first. Without any, why: that there is none, unless one is
    /// damaged or refused.
    pub fn known(&self) -> index::Result<Known> {
        let mut stale = None;
        let mut failure = index::Error::Missing(PathBuf::from("$HOME/.cache/omg"));
        for folder in self.folders() {
            match self.status(&folder) {
                Ok(status) if status.staleness().any() => stale = stale.or(Some(Known { folder, status, stale: true })),
                Ok(status) => return Ok(Known { folder, status, stale: false }),
                Err(error) if matches!(failure, index::Error::Missing(_)) => failure = error,
                Err(_) => {}
            }
        }
        stale.ok_or(failure)
    }

    /// Tells places apart: `index` is the machine that runs this.
    pub fn key(&self) -> String {
        if self.root == Path::new("/") && self.config.is_none() && self.dbpath.is_none() {
            return "index".into();
        }
        let text = format!("{:?}", (&self.root, &self.config, &self.dbpath, self.backend));
        format!("index-{:016x}", xxh3_64(text.as_bytes()))
    }
}
