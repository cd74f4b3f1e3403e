//! Another root: apt's library, loaded from this machine, works in it as apt-get does below chroot(8), with the configuration, keys,
//! programs and scripts that are there.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// From here on every path is one below the root.
pub fn enter(root: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        own_namespace().context("only root may look into another root, where the kernel lets nobody else")?;
    }
    rustix::process::chroot(root).with_context(|| format!("cannot enter {}", root.display()))?;
    std::env::set_current_dir("/").with_context(|| format!("cannot enter {}", root.display()))
}

/// In which anybody may change the root, and may touch no more than before.
#[allow(unsafe_code)]
fn own_namespace() -> Result<()> {
    // SAFETY: no memory is unshared, and no descriptors.
    Ok(unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER) }?)
}

/// A file as it is called in the root.
pub fn inside(root: &Path, file: &Path) -> Result<PathBuf> {
    let below = file.strip_prefix(root).ok().with_context(|| {
        format!("{} lies outside of {}, where apt cannot see it: copy it there", file.display(), root.display())
    })?;
    Ok(Path::new("/").join(below))
}
