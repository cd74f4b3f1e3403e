//! Versions that go: one by its name, or all that a newer one of the same line has taken the place of.

use super::Shop;
use super::place::{TEMPORARY, close, lock, sweep};
use crate::runtimes::Runtime;
use crate::runtimes::installed::{Installed, Keeper};
use anyhow::{Context, Result, bail};
use std::fs;

/// Deletes an installed version of omg's own. It is gone at once, whatever happens to the process.
pub fn remove(shop: &Shop<'_>, one: &Installed) -> Result<()> {
    if one.keeper != Keeper::Omg {
        bail!("{} {} is {}'s", one.runtime.name(), one.version, one.keeper.name());
    }
    let versions = shop.folders.versions(one.runtime);
    let _lock = lock(shop, &versions)?;
    sweep(&versions);
    let describe = || format!("cannot remove {}", one.path.display());
    let old = tempfile::Builder::new().prefix(TEMPORARY[1]).tempdir_in(&versions).with_context(describe)?;
    fs::rename(&one.path, old.path().join("content")).with_context(describe)?;
    close(old);
    Ok(())
}

/// Of these versions of one runtime those that a newer one of the same line makes needless, and nobody asked for by `keeps`.
pub fn superseded(all: &[Installed], keeps: impl Fn(&Installed) -> bool) -> Vec<Installed> {
    let is_older = |one: &&Installed| {
        let newer = |other: &Installed| line(other) == line(one) && other.version > one.version;
        one.version.channel().is_none() && all.iter().any(newer) && !keeps(one)
    };
    all.iter().filter(is_older).cloned().collect()
}

/// What is compatible with each other: the first number, or the first two.
pub fn line(one: &Installed) -> (Vec<u64>, &'static str) {
    let count = match one.runtime {
        Runtime::Node | Runtime::Bun | Runtime::Deno | Runtime::Java => 1,
        Runtime::Python | Runtime::Go | Runtime::Rust | Runtime::Ruby | Runtime::Zig => 2,
    };
    ((0..count).map(|at| one.version.number(at)).collect(), one.version.variant)
}
