//! Versions of another manager that become omg's own: copies, so that nothing of the other's is changed.
//!
//! What was built for one place stays there and is used there: Python's and Ruby's scripts hold the path they were installed to, and
//! rustup is asked about Rust.

use super::place::{Put, put_with};
use super::{Done, Shop, facts, judge};
use crate::audit::grade::Origin;
use crate::audit::log::Event;
use crate::ops::gate::{self, Ledger};
use crate::runtimes::Runtime;
use crate::runtimes::installed::{Installed, Keeper};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// No runtime is as deep as this; a folder that holds itself is.
const MAX_DEPTH: usize = 100;

/// Why a version stays where it is; `None` where a copy is as good.
pub fn stays(one: &Installed) -> Option<&'static str> {
    match one.runtime {
        Runtime::Python | Runtime::Ruby => Some("its scripts hold the path that it was built for"),
        Runtime::Rust => Some("it is kept up to date there"),
        _ if one.version.channel().is_some() => Some("it changes there"),
        _ => None,
    }
}

/// Whether it has what makes it a version, where one of omg's own has that.
pub fn check(one: &Installed) -> Result<()> {
    let program = one.runtime.program();
    let copied = Installed { keeper: Keeper::Omg, ..one.clone() };
    copied.program(program).map(drop).with_context(|| format!("it holds no program {program} where it should be"))
}

impl Shop<'_> {
    /// Copies a version of another manager to omg's own, unless it is there.
    pub fn take_over(&self, one: &Installed) -> Result<Done> {
        if let Some(there) = self.folders.own(one.runtime).into_iter().find(|own| own.version == one.version) {
            return Ok(Done::already(there));
        }
        check(one)?;
        let (runtime, version) = (one.runtime.name().to_owned(), one.version.to_string());
        let ledger = Ledger::open(&self.state)?;
        let policy = gate::policy(&self.root)?;
        gate::note_policy(&ledger, &self.state, &policy)?;
        let url = format!("file://{}", one.path.display());
        let open = self.open_against(one.runtime, &version)?;
        judge(&ledger, &policy, &facts(one.runtime, &url, Origin::File, None, &open), &version, &url)?;
        let Put { path, is_new } =
            put_with(self, one.runtime, &one.version, &url, false, &|new, _| copy(&one.path, new, MAX_DEPTH))?;
        let installed = Installed { path, keeper: Keeper::Omg, ..one.clone() };
        if !is_new {
            return Ok(Done::already(installed));
        }
        let unverified = vec![format!("everything: it is a copy of what {} installed", one.keeper.name())];
        ledger.write(&Event::RuntimeInstalled {
            runtime,
            version,
            url,
            sha256: String::new(),
            checksum_from: String::new(),
            key: String::new(),
            unverified: unverified.clone(),
        })?;
        Ok(Done { installed, is_new: true, sha256: String::new(), key: String::new(), unverified })
    }
}

/// Copies what a folder holds into another: files with their permissions, links as they are.
fn copy(from: &Path, to: &Path, depth: usize) -> Result<()> {
    if depth == 0 {
        bail!("{} is too deep", from.display());
    }
    let read = || format!("cannot read {}", from.display());
    for entry in fs::read_dir(from).with_context(read)? {
        let entry = entry.with_context(read)?;
        let (path, new) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().with_context(read)?;
        let made = if kind.is_symlink() {
            fs::read_link(&path).and_then(|target| symlink(target, &new))
        } else if kind.is_dir() {
            fs::create_dir(&new)
        } else if kind.is_file() {
            fs::copy(&path, &new).map(drop)
        } else {
            bail!("{} is neither file, folder nor link", path.display());
        };
        made.with_context(|| format!("cannot copy {}", path.display()))?;
        if kind.is_dir() {
            copy(&path, &new, depth - 1)?;
        }
    }
    Ok(())
}
