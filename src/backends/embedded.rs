//! The engines that were put into this binary when it was built, and a file to run one from.
//!
//! One downloaded `omg` is a whole installation: it carries the small executables that are linked to the machine's own
//! package library. `build.rs` puts them here. This module neither starts a process nor speaks to one, and it does not look
//! for engines on disk.

use anyhow::{Context, Result};
use rustix::fs::{MemfdFlags, SealFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

include!(concat!(env!("OUT_DIR"), "/engines.rs"));

/// The bytes of the executable `name` (`omg-apt`, `omg-alpm`), where this build carries it.
pub fn engine(name: &str) -> Option<&'static [u8]> {
    ENGINES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// Where to run the engine `name` from, where this build carries it. Its file in memory is made at the first call and kept
/// as long as omg runs.
pub fn program(name: &str) -> Option<Result<PathBuf>> {
    static MADE: Mutex<BTreeMap<&str, SealedExecutable>> = Mutex::new(BTreeMap::new());
    let (name, bytes) = ENGINES.iter().find(|(known, _)| *known == name)?;
    // Nothing is half done where another thread could have panicked.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(executable) = made.get(name) {
        return Some(Ok(executable.path()));
    }
    Some(SealedExecutable::new(name, bytes).map(|executable| made.entry(*name).or_insert(executable).path()))
}

/// An executable in memory that nothing can change any more. It lives as long as this value.
#[derive(Debug)]
pub struct SealedExecutable {
    file: File,
}

impl SealedExecutable {
    /// Writes `bytes` to a file in memory and seals it. `name` is what `/proc` shows for it.
    pub fn new(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut file = memory_file(name).with_context(|| format!("cannot make a file in memory for {name}"))?;
        file.write_all(bytes).with_context(|| format!("cannot write {name} to a file in memory"))?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)
            .with_context(|| format!("cannot seal the file in memory of {name}"))?;
        Ok(Self { file })
    }

    /// Where to run it from. Good in this process and in a child between fork and exec: the descriptor is closed by exec,
    /// after the kernel has opened the executable.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

/// Kernels since 6.3 want to be told that the file shall be executable, and older ones refuse the flag.
fn memory_file(name: &str) -> rustix::io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let made = match rustix::fs::memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(rustix::io::Errno::INVAL) => rustix::fs::memfd_create(name, flags),
        other => other,
    };
    made.map(File::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn runs_what_it_was_given() {
        let bytes = std::fs::read("/bin/echo").unwrap();
        let sealed = SealedExecutable::new("omg-test", &bytes).unwrap();
        let output = Command::new(sealed.path()).arg("from memory").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "from memory\n");
    }

    #[test]
    fn nobody_can_change_it_afterwards() {
        let sealed = SealedExecutable::new("omg-test", b"#!/bin/false\n").unwrap();
        assert!((&sealed.file).write_all(b"x").is_err());
        assert!(sealed.file.set_len(0).is_err());
        assert!(sealed.file.set_len(1 << 20).is_err());
    }

    #[test]
    fn knows_no_other_names() {
        assert!(engine("omg").is_none());
        assert!(engine("").is_none());
        assert!(program("omg").is_none());
        for (name, bytes) in ENGINES {
            assert_eq!(engine(name).unwrap().as_ptr(), bytes.as_ptr());
            assert!(bytes.starts_with(b"\x7fELF"), "{name} is no executable");
            assert_eq!(program(name).unwrap().unwrap(), program(name).unwrap().unwrap(), "made twice");
        }
    }
}
