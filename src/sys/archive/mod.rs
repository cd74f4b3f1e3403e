//! Unpacks an archive from elsewhere into a new folder: tar while it comes, zip from a file.
//!
//! It is hostile until somebody has verified it, so what is refused is refused here: names that lead out of the folder, links
//! that point out of it, devices, more than is allowed. Symbolic links are made when all else is there, so that nothing is
//! ever written through one; and of a link's target only the first steps may go up, so that no two of them lead out together.
//! Owners and special mode bits are not restored. What it leaves of a refused archive is the caller's to delete.

mod zip;

pub use zip::{each_file, unzip};

use anyhow::{Context, Result, bail};
use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tar::EntryType;

/// Which part of an archive is wanted, and where in the folder it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Only what lies below this folder, which is left out of the names; empty for all.
    pub below: &'static str,
    /// So many more folders are left out.
    pub strip: usize,
    /// A folder to put it into.
    pub into: &'static str,
    /// What is left out of all that: the name of one entry; empty for none.
    pub without: &'static str,
}

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: u64,
    pub entries: u64,
}

impl Limits {
    /// The largest runtime there is has not a fifth of it.
    pub const RUNTIME: Limits = Limits { bytes: 8 << 30, entries: 500_000 };
}

/// Of the headers before an entry.
const MAX_HEADERS_BYTES: u64 = 1 << 20;
const CHUNK_BYTES: usize = 64 << 10;
const MAX_LINK_BYTES: usize = 4096;

/// Unpacks a tar that is read as it comes, to its very end. `tick` is called often.
pub fn untar(input: impl Read, folder: &Path, layout: Layout, limits: Limits, tick: &mut dyn FnMut()) -> Result<()> {
    let mut target = Target::new(folder, layout, limits);
    let left = Cell::new(MAX_HEADERS_BYTES);
    let mut input = Metered { input, left: &left };
    for entry in tar::Archive::new(&mut input).entries().context("not a tar archive")? {
        let mut entry = entry.context("damaged tar archive")?;
        tick();
        let name = entry.path_bytes().into_owned();
        target.count(entry.size(), &name)?;
        left.set(entry.size() + MAX_HEADERS_BYTES);
        let Some(path) = target.place(&name)? else { continue };
        let header = entry.header();
        match header.entry_type() {
            EntryType::Directory => target.folder(&path)?,
            EntryType::Regular | EntryType::Continuous => {
                let is_program = header.mode().unwrap_or(0) & 0o111 != 0;
                let modified = header.mtime().ok();
                target.file(&path, &mut entry, is_program, modified, tick)?;
            }
            EntryType::Symlink => {
                let to = entry.link_name_bytes().context("a link to nowhere")?.into_owned();
                target.link(path, &to)?;
            }
            EntryType::Link => {
                let to = entry.link_name_bytes().context("a link to nowhere")?.into_owned();
                let to = target.place(&to)?.context("a hard link to what is left out")?;
                target.hard_link(&path, &to)?;
            }
            EntryType::XGlobalHeader => {}
            other => bail!("{} is of a kind that no runtime has ({other:?})", shown(&name)),
        }
    }
    target.finish()?;
    left.set(limits.bytes);
    // Behind the end of the tar there are blanks, and what was read so far is not all that is to be hashed.
    let rest = std::io::copy(&mut input.take(limits.bytes), &mut std::io::sink());
    let rest = rest.context("damaged archive, behind the last of its files")?;
    if rest >= limits.bytes { bail!("it has no end") } else { Ok(()) }
}

/// Lets so many bytes through. The names of an entry may stand in entries of their own, and those are read into memory whole
/// before anybody can look at how long they are.
struct Metered<'l, R> {
    input: R,
    left: &'l Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let got = self.input.read(out)?;
        match self.left.get().checked_sub(got as u64) {
            Some(left) => self.left.set(left),
            None => return Err(std::io::Error::other("the name of an entry is longer than any")),
        }
        Ok(got)
    }
}

/// Where entries become files.
struct Target<'a> {
    folder: &'a Path,
    layout: Layout,
    limits: Limits,
    bytes: u64,
    entries: u64,
    /// Folders that are known to be there.
    folders: HashSet<PathBuf>,
    links: Vec<(PathBuf, PathBuf)>,
    chunk: Vec<u8>,
    files: u64,
}

impl<'a> Target<'a> {
    fn new(folder: &'a Path, layout: Layout, limits: Limits) -> Target<'a> {
        let folders = HashSet::from([folder.to_owned()]);
        let chunk = vec![0; CHUNK_BYTES];
        Target { folder, layout, limits, bytes: 0, entries: 0, folders, links: Vec::new(), chunk, files: 0 }
    }

    fn count(&mut self, size: u64, name: &[u8]) -> Result<()> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.bytes || self.entries > self.limits.entries {
            bail!("it holds more than is allowed, at {}", shown(name));
        }
        Ok(())
    }

    /// Where an entry of this name goes; `None` for what is left out.
    fn place(&self, name: &[u8]) -> Result<Option<PathBuf>> {
        let name_path = Path::new(std::ffi::OsStr::from_bytes(name));
        let mut steps = Vec::new();
        for component in name_path.components() {
            match component {
                Component::Normal(step) => steps.push(step),
                Component::CurDir => {}
                _ => bail!("{} leads out of the folder", shown(name)),
            }
        }
        if name.contains(&0) {
            bail!("{} is no name of a file", shown(name));
        }
        let below: Vec<&str> = self.layout.below.split('/').filter(|step| !step.is_empty()).collect();
        let is_below = steps.len() >= below.len() && below.iter().zip(&steps).all(|(a, b)| *a == *b);
        let skipped = below.len() + self.layout.strip;
        if !is_below || steps.len() <= skipped || steps[skipped..] == [self.layout.without] {
            return Ok(None);
        }
        let mut path = self.folder.join(self.layout.into);
        path.extend(&steps[skipped..]);
        Ok(Some(path))
    }

    fn folder(&mut self, path: &Path) -> Result<()> {
        if self.folders.contains(path) {
            return Ok(());
        }
        fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        self.folders.insert(path.to_owned());
        Ok(())
    }

    fn parent(&mut self, path: &Path) -> Result<()> {
        path.parent().map_or(Ok(()), |parent| self.folder(parent))
    }

    fn file(
        &mut self,
        path: &Path,
        input: &mut impl Read,
        is_program: bool,
        modified: Option<u64>,
        tick: &mut dyn FnMut(),
    ) -> Result<()> {
        self.parent(path)?;
        let describe = || format!("cannot write {}", path.display());
        let mode = if is_program { 0o755 } else { 0o644 };
        let mut file = match File::options().write(true).create_new(true).mode(mode).open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!("{} is in it twice", path.display()),
            file => file.with_context(describe)?,
        };
        loop {
            let got = match input.read(&mut self.chunk) {
                Ok(0) => break,
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("damaged archive"),
            };
            file.write_all(&self.chunk[..got]).with_context(describe)?;
            tick();
        }
        self.files += 1;
        // Python compares the times of its sources with those it noted.
        if let Some(time) = modified.and_then(|secs| UNIX_EPOCH.checked_add(Duration::from_secs(secs))) {
            file.set_modified(time).with_context(describe)?;
        }
        Ok(())
    }

    /// Remembers a link, which is made at the end.
    fn link(&mut self, path: PathBuf, to: &[u8]) -> Result<()> {
        let target = PathBuf::from(std::ffi::OsStr::from_bytes(to));
        let depth = path.strip_prefix(self.folder).map_or(0, |inside| inside.components().count() - 1);
        let (mut ups, mut has_gone_down) = (0, false);
        for component in target.components() {
            match component {
                Component::ParentDir if !has_gone_down => ups += 1,
                Component::Normal(_) => has_gone_down = true,
                Component::CurDir => {}
                _ => bail!("the link {} points to {}", path.display(), shown(to)),
            }
        }
        if ups > depth || to.is_empty() || to.len() > MAX_LINK_BYTES || to.contains(&0) {
            bail!("the link {} points out of the folder, to {}", path.display(), shown(to));
        }
        self.links.push((path, target));
        Ok(())
    }

    fn hard_link(&mut self, path: &Path, to: &Path) -> Result<()> {
        self.parent(path)?;
        fs::hard_link(to, path).with_context(|| format!("cannot link {} to {}", path.display(), to.display()))
    }

    fn finish(mut self) -> Result<()> {
        let links = std::mem::take(&mut self.links);
        // All their folders before the first of them, so that none lies behind another.
        for (path, _) in &links {
            self.parent(path)?;
        }
        for (path, to) in links {
            std::os::unix::fs::symlink(&to, &path).with_context(|| format!("cannot link {}", path.display()))?;
        }
        if self.files == 0 { bail!("there are no files in it") } else { Ok(()) }
    }
}

/// A name from an archive, safe on a terminal and in a log.
fn shown(name: &[u8]) -> String {
    let name = &name[..name.len().min(200)];
    format!("{:?}", String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests;
