//! Which files of a folder change, by inotify: the kernel tells, and nobody looks again and again.
//!
//! Links are not followed. A change to a file's times or rights alone is none.

use anyhow::{Context, Result};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is not to be watched. Paths are below the folder that is, with `/` between names; bytes that are no UTF-8 are replaced.
pub trait Filter {
    /// A folder is about to be looked through; empty for the outermost.
    fn enter(&mut self, folder: &str);
    fn passes_over(&self, path: &str, is_folder: bool) -> bool;
}

/// A folder and all in it, under watch until it is dropped.
pub struct Watch<F> {
    inotify: OwnedFd,
    root: PathBuf,
    /// By the kernel's number, below the root.
    folders: HashMap<i32, PathBuf>,
    filter: F,
}

/// That no watch can be had any more is an error with this in its chain.
pub fn is_at_the_limit(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.raw_os_error() == Some(Errno::NOSPC.raw_os_error()))
}

impl<F: Filter> Watch<F> {
    pub fn open(root: &Path, filter: F) -> Result<Watch<F>> {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        let inotify = init(flags).map_err(io::Error::from).context("cannot watch files")?;
        let mut watch = Watch { inotify, root: root.to_owned(), folders: HashMap::new(), filter };
        watch.add(PathBuf::new())?;
        Ok(watch)
    }

    /// What changed since it was last asked, each path once; one that is empty stands for more than could be told.
    pub fn changes(&mut self) -> Result<Vec<String>> {
        let mut changed: Vec<String> = Vec::new();
        let mut new_folders = Vec::new();
        let mut buffer = vec![MaybeUninit::uninit(); 64 << 10];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => break,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(io::Error::from(error)).context("cannot read which files changed"),
            };
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                changed.push(String::new());
                new_folders.push(PathBuf::new());
                continue;
            }
            let Some(folder) = self.folders.get(&event.wd()) else { continue };
            if flags.contains(ReadFlags::IGNORED) {
                self.folders.remove(&event.wd());
                continue;
            }
            let Some(name) = event.file_name() else { continue };
            let path = folder.join(OsStr::from_bytes(name.to_bytes()));
            let is_folder = flags.contains(ReadFlags::ISDIR);
            let text = path.to_string_lossy().into_owned();
            if self.filter.passes_over(&text, is_folder) {
                continue;
            }
            if is_folder && flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                new_folders.push(path);
            }
            changed.push(text);
        }
        for folder in new_folders {
            self.add(folder)?;
        }
        changed.sort_unstable();
        changed.dedup();
        Ok(changed)
    }

    /// Watches a folder and those in it. One that is gone again, or may not be looked into, is none.
    fn add(&mut self, folder: PathBuf) -> Result<()> {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW
            | WatchFlags::EXCL_UNLINK;
        let mut open = vec![folder];
        while let Some(folder) = open.pop() {
            let path = self.root.join(&folder);
            match add_watch(&self.inotify, &path, flags) {
                Ok(number) => drop(self.folders.insert(number, folder.clone())),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) if folder != Path::new("") => continue,
                Err(error) => {
                    return Err(io::Error::from(error)).with_context(|| format!("cannot watch {}", path.display()));
                }
            }
            self.filter.enter(&folder.to_string_lossy());
            // Looked through only now: what comes into it from here on is told.
            for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
                let inner = folder.join(entry.file_name());
                if entry.file_type().is_ok_and(|kind| kind.is_dir())
                    && !self.filter.passes_over(&inner.to_string_lossy(), true)
                {
                    open.push(inner);
                }
            }
        }
        Ok(())
    }
}

impl<F> AsFd for Watch<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};

    struct NotNamed(&'static str);

    impl Filter for NotNamed {
        fn enter(&mut self, _: &str) {}

        fn passes_over(&self, path: &str, _: bool) -> bool {
            path.ends_with(self.0)
        }
    }

    fn next(watch: &mut Watch<NotNamed>) -> Vec<String> {
        poll(&mut [PollFd::new(&*watch, PollFlags::IN)], None).unwrap();
        watch.changes().unwrap()
    }

    #[test]
    fn changes_are_told_wherever_they_are() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("a/b")).unwrap();
        fs::create_dir_all(path("a/no")).unwrap();
        fs::write(path("a/b/x"), "1").unwrap();
        let mut watch = Watch::open(root.path(), NotNamed("no")).unwrap();
        assert_eq!(watch.changes().unwrap(), [""; 0]);
        fs::write(path("a/no/x"), "2").unwrap();
        fs::write(path("a/b/x"), "2").unwrap();
        assert_eq!(next(&mut watch), ["a/b/x"]);
        fs::rename(path("a/b/x"), path("y")).unwrap();
        assert_eq!(next(&mut watch), ["a/b/x", "y"]);
        fs::create_dir_all(path("new/deep")).unwrap();
        assert_eq!(next(&mut watch), ["new"]);
        fs::write(path("new/deep/z"), "").unwrap();
        assert_eq!(next(&mut watch), ["new/deep/z"]);
        fs::remove_file(path("new/deep/z")).unwrap();
        assert_eq!(next(&mut watch), ["new/deep/z"]);
        fs::remove_dir_all(path("new")).unwrap();
        assert!(next(&mut watch).contains(&"new".to_owned()));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let error = Watch::open(&root.path().join("gone"), NotNamed("no")).map(drop).unwrap_err();
        assert!(format!("{error:#}").contains("gone"), "{error:#}");
    }
}
