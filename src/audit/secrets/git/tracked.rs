//! Which files git tracks in a work tree: the names in its own index, in the versions 2 to 4 that git writes.

use super::store::{Repository, is_sha256, listed, read};
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// A tree of a million files has a tenth of it.
const MAX_BYTES: u64 = 1 << 30;
/// Times, owner, size and the like, before an entry's object.
const STAT: usize = 40;
const MODE: usize = 24;
/// No path that the kernel takes is longer. In the version 4 each name can be longer than the one before, without end.
const MAX_NAME_BYTES: usize = 4096;

/// Paths of regular files, as seen from the work tree's top. None where nothing was ever added.
pub fn tracked(repository: &Repository) -> Result<Vec<PathBuf>> {
    let hash = if is_sha256(&repository.common) { 32 } else { 20 };
    // What a split index shares counts as a whole: it may name files that are tracked no more, and a file too many does no harm.
    let is_shared = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"sharedindex."));
    let mut all = Vec::new();
    for path in [repository.own.join("index")].into_iter().chain(listed(&repository.own).filter(is_shared)) {
        if path.exists() {
            let told = || format!("{} cannot be read", path.display());
            all.append(&mut parse(&read(&path, MAX_BYTES).with_context(told)?, hash).with_context(told)?);
        }
    }
    Ok(all)
}

pub fn parse(bytes: &[u8], hash: usize) -> Option<Vec<PathBuf>> {
    let number = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let version = number(4).filter(|version| bytes.starts_with(b"DIRC") && (2..=4).contains(version))?;
    let (mut paths, mut name, mut at) = (Vec::new(), Vec::new(), 12);
    for _ in 0..number(8)? {
        let start = at;
        let mode = number(start + MODE)?;
        at += STAT + hash;
        let flags = *bytes.get(at..)?.first_chunk()?;
        at += if u16::from_be_bytes(flags) & 0x4000 == 0 { 2 } else { 4 };
        if version == 4 {
            // How much of the name before is taken off.
            let (cut, length) = offset(bytes.get(at..)?)?;
            at += length;
            name.truncate(name.len().checked_sub(cut)?);
        } else {
            name.clear();
        }
        let rest = bytes.get(at..)?;
        let length = memchr::memchr(0, rest)?;
        if name.len() + length > MAX_NAME_BYTES {
            return None;
        }
        name.extend_from_slice(&rest[..length]);
        at += length + 1;
        if version < 4 {
            at = start + (at - start).next_multiple_of(8);
        }
        let path = Path::new(OsStr::from_bytes(&name));
        // What git would not check out.
        let is_below = path.components().all(|part| matches!(part, Component::Normal(name) if name != ".git"));
        if mode & 0o170_000 == 0o100_000 && is_below && !name.is_empty() {
            paths.push(path.to_owned());
        }
    }
    Some(paths)
}

/// A number as in offsets of packs, and the bytes it takes.
fn offset(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        value = value.checked_shl(7)?.checked_add(usize::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
        value += 1;
    }
    None
}
