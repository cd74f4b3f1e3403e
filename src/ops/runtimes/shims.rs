//! Shims: links to omg by the names of the runtimes' programs, for whoever knows nothing of a shell's hook (editors, cron, services).
//!
//! omg finds out which program is meant by the name it was called by. A shim is a link and holds nothing, so that none is ever out of
//! date: there are just more or fewer of them.

use crate::runtimes::Runtime;
use crate::runtimes::active::is_shim;
use crate::runtimes::installed::{Folders, is_program};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The folder of the shims.
pub fn folder(folders: &Folders) -> PathBuf {
    folders.data.join("shims")
}

/// Makes one for each program of each installed version, and of each tool that mise has, and takes away those of no version; the names
/// there are now.
pub fn renew(folders: &Folders, omg: &Path) -> Result<Vec<String>> {
    let at = folder(folders);
    fs::create_dir_all(&at).with_context(|| format!("cannot create {}", at.display()))?;
    let wanted = programs(folders);
    for entry in fs::read_dir(&at).with_context(|| format!("cannot read {}", at.display()))?.flatten() {
        let is_wanted = entry.file_name().to_str().is_some_and(|name| wanted.contains(name));
        let is_right = is_wanted && fs::read_link(entry.path()).is_ok_and(|target| target == omg);
        // What somebody else put there is none of omg's.
        if is_shim(&entry.path()) && !is_right {
            fs::remove_file(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    for name in &wanted {
        match symlink(omg, at.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("cannot link {}", at.join(name).display()));
            }
            _ => {}
        }
    }
    Ok(wanted.into_iter().collect())
}

/// The names of all programs of all versions that are installed, whoever installed them. What mise's tools have it tells by shims of its
/// own, which it makes and takes away itself.
fn programs(folders: &Folders) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let name =
            |entry: fs::DirEntry| is_program(&entry.path()).then(|| entry.file_name().into_string().ok()).flatten();
        // By the name of omg it would not know what is meant.
        names.extend(entries.filter_map(name).filter(|name| !is_own(name)));
    };
    for runtime in Runtime::ALL {
        for installed in folders.own(runtime).into_iter().chain(folders.others(runtime)) {
            add(&installed.programs());
        }
    }
    if let Some(mise) = folders.mise() {
        add(&mise.join("shims"));
    }
    names
}

/// Whether a program called so is omg itself.
pub fn is_own(name: &str) -> bool {
    name == "omg" || name.starts_with("omg-") || name.starts_with("omg.")
}
