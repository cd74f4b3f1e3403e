//! The privileged half of `omg conf`: a configuration file and what was left beside it become one again.
//!
//! Nothing of the plan is believed but what the person agreed to. Everything is looked at again before anything is written: that both
//! files are regular, that they hold what was seen, that nobody but root can exchange them meanwhile, and that it is configuration
//! at all.

use super::conf::{Kind, below, endings_for_old, parse};
use crate::audit::sha256;
use crate::backends::Backend;
use crate::model::{Settled, Settling};
use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{OFlags, XattrFlags};
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// A configuration file that is longer is left to its owner.
pub const MAX_BYTES: u64 = 4 << 20;
/// Attributes have two limits in the kernel, and this is the larger.
const MAX_ATTRIBUTE_BYTES: usize = 64 << 10;

/// A regular file that was read whole.
pub struct Whole {
    pub bytes: Vec<u8>,
    file: File,
}

/// Reads a file that is no link; nothing where there is none.
pub fn read(path: &Path) -> Result<Option<Whole>> {
    let describe = || format!("cannot read {}", path.display());
    // Without waiting for the other end of a pipe.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            bail!("{} is a link; omg changes no file through one", path.display())
        }
        other => other.with_context(describe)?,
    };
    let stat = file.metadata().with_context(describe)?;
    ensure!(stat.is_file(), "{} is no regular file", path.display());
    let mut bytes = Vec::new();
    (&file).take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(describe)?;
    ensure!(bytes.len() as u64 <= MAX_BYTES, "{} is longer than {} MiB", path.display(), MAX_BYTES >> 20);
    Ok(Some(Whole { bytes, file }))
}

/// Settles all files of a plan, or none where one of them is not as it was.
/// `changing` is called before the first is written.
pub fn settle(backend: &dyn Backend, files: &[Settled], changing: &mut dyn FnMut()) -> Result<()> {
    let checked: Vec<Checked<'_>> = files.iter().map(|settled| check(backend, settled)).collect::<Result<_>>()?;
    changing();
    checked.iter().try_for_each(carry_out)
}

/// A plan's file that may be settled.
struct Checked<'p> {
    settled: &'p Settled,
    path: PathBuf,
    leftover: PathBuf,
    in_use: Option<Whole>,
    left: Whole,
}

fn check<'p>(backend: &dyn Backend, settled: &'p Settled) -> Result<Checked<'p>> {
    let Settled { path, leftover, .. } = settled;
    let shown = leftover.display();
    let parsed = parse(leftover.file_name().unwrap_or_default());
    let (stem, _, kind) = parsed.with_context(|| format!("{shown} is nothing that a package manager leaves"))?;
    ensure!(leftover.with_file_name(stem) == *path, "{shown} does not belong to {}", path.display());
    ensure!(kind != Kind::Unfinished, "{shown} is part of a run that was interrupted");
    let is_plain = |component: Component<'_>| matches!(component, Component::RootDir | Component::Normal(_));
    ensure!(path.is_absolute() && path.components().all(is_plain), "{} is no plain path", path.display());
    let is_configuration =
        path.starts_with("/etc") || backend.conffiles(None)?.iter().any(|(_, declared)| declared == path);
    ensure!(is_configuration, "{} is not below /etc, and no package says that it is configuration", path.display());
    only_roots(backend.root(), path.parent().unwrap_or(Path::new("/")))?;
    let (path, leftover) = (below(backend.root(), path), below(backend.root(), leftover));
    let in_use = read(&path)?;
    let left = read(&leftover)?.with_context(|| format!("{shown} is not there any more"))?;
    let digest = in_use.as_ref().map_or(String::new(), |whole| sha256(&whole.bytes));
    ensure!(digest == settled.sha256, "{} has changed since", settled.path.display());
    ensure!(sha256(&left.bytes) == settled.leftover_sha256, "{shown} has changed since");
    Ok(Checked { settled, path, leftover, in_use, left })
}

/// Whether every folder on the way is one, and none can be written by others: who can, could put something else in the file's place.
fn only_roots(root: &Path, folder: &Path) -> Result<()> {
    let mut way = root.to_owned();
    for component in folder.components() {
        if let Component::Normal(name) = component {
            way.push(name);
        }
        let stat = fs::symlink_metadata(&way).with_context(|| format!("cannot look at {}", way.display()))?;
        ensure!(stat.is_dir(), "{} is no folder but a link or a file", way.display());
        let by_group = stat.mode() & 0o020 != 0 && stat.gid() != 0;
        let by_others = stat.uid() != 0 || stat.mode() & 0o002 != 0 || by_group;
        ensure!(!by_others, "{} can be written by others than root", way.display());
    }
    Ok(())
}

fn carry_out(checked: &Checked<'_>) -> Result<()> {
    let Checked { settled, path, leftover, in_use, left } = checked;
    match &settled.by {
        Settling::Keep => {}
        Settling::Use => {
            if in_use.is_some() {
                keep_old(path, leftover)?;
            }
            install(path, &left.bytes, in_use.as_ref().unwrap_or(left))?;
        }
        Settling::Merge { text } => {
            ensure!(text.len() as u64 <= MAX_BYTES, "the new text is longer than {} MiB", MAX_BYTES >> 20);
            install(path, text, in_use.as_ref().unwrap_or(left))?;
        }
    }
    fs::remove_file(leftover).with_context(|| format!("cannot delete {}", leftover.display()))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot write {} to the disk", folder.display()))
}

/// A second name for the file in use, one that nothing has yet.
fn keep_old(path: &Path, leftover: &Path) -> Result<()> {
    const TRIES: usize = 1000;
    for ending in endings_for_old(leftover).take(TRIES) {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        match fs::hard_link(path, &name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => return other.with_context(|| format!("cannot keep {} as {}", path.display(), name.display())),
        }
    }
    bail!("{} is kept {TRIES} times already", path.display())
}

/// Puts `bytes` at `path` at once, with the mode, owner and attributes of `like`.
fn install(path: &Path, bytes: &[u8], like: &Whole) -> Result<()> {
    let describe = || format!("cannot write {}", path.display());
    let folder = path.parent().with_context(describe)?;
    let mut new = tempfile::Builder::new().prefix(".omg-").tempfile_in(folder).with_context(describe)?;
    new.write_all(bytes).with_context(describe)?;
    let (file, stat) = (new.as_file(), like.file.metadata().with_context(describe)?);
    std::os::unix::fs::fchown(file, Some(stat.uid()), Some(stat.gid())).with_context(describe)?;
    // Behind the owner, whose change takes bits away.
    file.set_permissions(Permissions::from_mode(stat.mode() & 0o7777)).with_context(describe)?;
    copy_attributes(&like.file, file);
    file.sync_all().with_context(describe)?;
    new.persist(path).map_err(|error| error.error).with_context(describe)?;
    Ok(())
}

/// Labels and access lists, as far as the file system takes them.
fn copy_attributes(from: &File, to: &File) {
    let (mut names, mut value) = (vec![0; MAX_ATTRIBUTE_BYTES], vec![0; MAX_ATTRIBUTE_BYTES]);
    let Ok(length) = rustix::fs::flistxattr(from, &mut names) else { return };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if let Ok(length) = rustix::fs::fgetxattr(from, name, &mut value) {
            let _ = rustix::fs::fsetxattr(to, name, &value[..length], XattrFlags::empty());
        }
    }
}
