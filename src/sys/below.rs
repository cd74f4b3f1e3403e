//! Files below a root folder: a link on the way leads no further than that root, as it would for whoever lived in it.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::{Path, PathBuf};

/// An open root.
pub struct Below {
    root: OwnedFd,
    path: PathBuf,
}

impl Below {
    pub fn open(root: &Path) -> Result<Below> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Below { root: openat(CWD, root, flags, Mode::empty())?, path: root.to_owned() })
    }

    /// Reads all of a regular file into `out`. One of more than `most` bytes is an error, and nothing waits for the other end of
    /// a FIFO.
    pub fn read(&self, path: &str, most: u64, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        let mut file = File::from(self.file(path)?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::InvalidInput, "is no regular file"));
        }
        let too_long = || Err(Error::new(ErrorKind::FileTooLarge, format!("has more than {most} bytes")));
        if metadata.len() > most {
            return too_long();
        }
        // With room for one more than it says, so that one call finds the end of most.
        out.resize(metadata.len() as usize + 1, 0);
        let mut len = 0;
        loop {
            match file.read(&mut out[len..]) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if len as u64 > most {
                return too_long();
            }
            if len == out.len() {
                out.resize(len * 2, 0);
            }
        }
        out.truncate(len);
        Ok(())
    }

    fn file(&self, path: &str) -> Result<OwnedFd> {
        let path = path.trim_start_matches('/');
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match openat2(self.root.as_fd(), path, flags, Mode::empty(), within) {
            // Linux before 5.6, or a sandbox. Nothing leads out of a machine's own root.
            Err(Errno::NOSYS | Errno::PERM) if self.path == Path::new("/") => {
                Ok(openat(self.root.as_fd(), path, flags, Mode::empty())?)
            }
            opened => Ok(opened?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_do_not_lead_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::fs::write(root.join("etc/name"), "inside").unwrap();
        symlink("../../../secret", root.join("etc/up")).unwrap();
        symlink(folder.path().join("secret"), root.join("etc/away")).unwrap();
        symlink("/etc/name", root.join("link")).unwrap();
        let below = Below::open(&root).unwrap();
        let mut out = Vec::new();
        below.read("link", 6, &mut out).unwrap();
        assert_eq!(out, b"inside");
        for (path, kind) in [
            ("etc/up", ErrorKind::NotFound),
            ("etc/away", ErrorKind::NotFound),
            ("etc", ErrorKind::InvalidInput),
            ("no", ErrorKind::NotFound),
        ] {
            assert_eq!(below.read(path, 6, &mut out).unwrap_err().kind(), kind, "{path}");
        }
        assert_eq!(below.read("link", 5, &mut out).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_fifo_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
        assert!(made.success());
        let below = Below::open(folder.path()).unwrap();
        assert_eq!(below.read("pipe", 9, &mut Vec::new()).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
