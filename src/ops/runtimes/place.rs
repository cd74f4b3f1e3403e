//! The folder of a runtime's versions: one lock, temporary siblings, and the rename that makes a version be there.

use super::unpack::{Spoiled, unpack};
use super::vouch::Vouched;
use super::{Rejected, Shop};
use crate::model::Event;
use crate::runtimes::installed::{Installed, Keeper};
use crate::runtimes::sources::Release;
use crate::runtimes::{Runtime, Version};
use anyhow::{Context, Result};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags, flock};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What is not there yet, or no longer; versions begin with no dot.
pub(super) const TEMPORARY: [&str; 2] = [".new-", ".old-"];

pub(super) struct Put {
    pub path: PathBuf,
    /// False where another process was faster.
    pub is_new: bool,
}

/// Brings a release into its place; one that is there already is replaced where `replaces` says so.
pub(super) fn put(shop: &Shop<'_>, release: &Release, vouched: &Vouched, replaces: bool) -> Result<Put> {
    let fill = |new: &Path, scratch: &Path, resumes: bool| {
        if let Some(builder) = &vouched.builder {
            return builder.build(shop, release, new, scratch);
        }
        vouched.archives.iter().try_for_each(|archive| unpack(shop, archive, new, scratch, resumes))?;
        if release.runtime == Runtime::Bun {
            // In no archive of bun's: its own installer makes this link.
            symlink("bun", new.join("bin/bunx")).context("cannot make the link bunx")?;
        }
        for (name, text) in &vouched.files {
            let path = new.join(name);
            let write = || fs::create_dir_all(path.parent().unwrap_or(new)).and_then(|()| fs::write(&path, text));
            write().with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    };
    let put = |resumes| {
        put_with(shop, release.runtime, &release.version, &release.url, replaces, &|new, scratch| {
            fill(new, scratch, resumes)
        })
    };
    match put(true) {
        // What was kept of an attempt before was bad, which its publisher cannot help.
        Err(error) if error.chain().any(|cause| cause.is::<Spoiled>()) => put(false),
        put => put,
    }
}

/// Brings a version into its place; `fill` fills its folder, and may use another.
pub(super) fn put_with(
    shop: &Shop<'_>,
    runtime: Runtime,
    version: &Version,
    url: &str,
    replaces: bool,
    fill: &dyn Fn(&Path, &Path) -> Result<()>,
) -> Result<Put> {
    let versions = shop.folders.versions(runtime);
    let path = versions.join(version.to_string());
    let _lock = lock(shop, &versions)?;
    // Whoever had the lock may have installed the very same.
    if path.is_dir() && !replaces {
        return Ok(Put { path, is_new: false });
    }
    sweep(&versions);
    let describe = || format!("cannot create a folder in {}", versions.display());
    let scratch = tempfile::Builder::new().prefix(TEMPORARY[0]).tempdir_in(&versions).with_context(describe)?;
    let new = scratch.path().join("content");
    fs::create_dir(&new).with_context(describe)?;
    fill(&new, scratch.path())?;
    let filled = Installed { runtime, version: version.clone(), path: new.clone(), keeper: Keeper::Omg };
    let program = runtime.program();
    if filled.program(program).is_none() {
        return Err(Rejected(format!("{url} holds no program {program} where it should be")).into());
    }
    shop.observer.event(Event::Stage { what: "writing it to the disk", percent: 99 });
    publish(&new, &path, &versions).with_context(|| format!("cannot create {}", path.display()))?;
    close(scratch);
    Ok(Put { path, is_new: true })
}

/// Everything on the disk, then the name, then the name on the disk.
fn publish(new: &Path, path: &Path, versions: &Path) -> std::io::Result<()> {
    // One call for thousands of files.
    rustix::fs::syncfs(File::open(new)?)?;
    if path.is_dir() {
        // What was there is in the temporary folder from then on, and goes with it.
        rustix::fs::renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE)?;
    } else {
        fs::rename(new, path)?;
    }
    File::open(versions)?.sync_all()
}

/// The lock of a runtime's versions, whose folder is made if it is not there.
pub(super) fn lock(shop: &Shop<'_>, versions: &Path) -> Result<File> {
    fs::create_dir_all(versions).with_context(|| format!("cannot create {}", versions.display()))?;
    let path = versions.join(".lock");
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let lock = || -> std::io::Result<File> {
        let file = File::from(rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600))?);
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            shop.observer.event(Event::Stage { what: "waiting for another installation to end", percent: 0 });
            flock(&file, FlockOperation::LockExclusive)?;
        }
        Ok(file)
    };
    lock().with_context(|| format!("cannot lock {}", path.display()))
}

/// Takes away what killed processes left; the lock is held, so that nobody is at work in any of it.
pub(super) fn sweep(versions: &Path) {
    let entries = fs::read_dir(versions).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        if TEMPORARY.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            // What cannot be deleted is nobody's version, and is tried again.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// Deletes a temporary folder; what cannot be deleted is swept later.
pub(super) fn close(folder: TempDir) {
    drop(folder.close());
}
