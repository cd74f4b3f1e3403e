//! Who holds a lock file: the kernel's own list of locks says which process, and that process what it is.

use rustix::process::{Flock, FlockType, fcntl_getlk};
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Holder {
    pub pid: u32,
    /// As it was started; empty where it cannot be told.
    pub command: String,
    /// For how long it has been running.
    pub age_secs: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = if self.command.is_empty() { "a process" } else { &self.command };
        let (minutes, secs) = (self.age_secs / 60, self.age_secs % 60);
        write!(f, "{command} (process {}, running for ", self.pid)?;
        if minutes > 0 {
            write!(f, "{minutes} min ")?;
        }
        write!(f, "{secs} s)")
    }
}

/// Who holds a lock of `fcntl` on this file; `None` where no other process does, or the file is not there.
pub fn of(path: &Path) -> Option<Holder> {
    // To read its list takes the kernel ten milliseconds.
    if File::open(path).is_ok_and(|file| fcntl_getlk(file, &Flock::from(FlockType::WriteLock)) == Ok(None)) {
        return None;
    }
    listed(path)
}

/// The same of any lock, by the kernel's list of all.
fn listed(path: &Path) -> Option<Holder> {
    let inode = fs::metadata(path).ok()?.ino();
    Some(describe(holder_in(&fs::read_to_string("/proc/locks").ok()?, inode)?))
}

/// A process that has this file open; `None` where none has, as far as this one may look.
pub fn opener(path: &Path) -> Option<Holder> {
    let path = fs::canonicalize(path).ok()?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.into_iter().any(|entry| fs::read_link(entry.path()).is_ok_and(|file| file == path))
    })?;
    Some(describe(pid))
}

fn describe(pid: u32) -> Holder {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
    let started = fs::metadata(format!("/proc/{pid}")).and_then(|stat| stat.modified()).ok();
    let age = started.and_then(|started| started.elapsed().ok()).unwrap_or(Duration::ZERO);
    Holder { pid, command, age_secs: age.as_secs() }
}

/// A line is `1: POSIX  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`; one that waits has `->` behind its number. Which disk it is is
/// left aside: two locked files of one inode number on two disks are none that matter here.
fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, kind, _, _, pid, file, ..] = columns[..] else { return None };
        let is_it = kind != "->" && file.rsplit(':').next()?.parse() == Ok(inode);
        is_it.then(|| pid.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_is_read() {
        let locks = "1: FLOCK  ADVISORY  WRITE 812 00:1a:99 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 813 00:1a:99 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 77 fe:00:4242 0 EOF\nnonsense\n";
        assert_eq!(holder_in(locks, 4242), Some(77));
        assert_eq!(holder_in(locks, 99), Some(812));
        assert_eq!(holder_in(locks, 1), None);
    }

    #[test]
    fn a_lock_of_this_process_names_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!((of(file.path()), listed(file.path())), (None, None));
        rustix::fs::flock(file.as_file(), rustix::fs::FlockOperation::LockExclusive).unwrap();
        let holder = listed(file.path()).expect("it is locked");
        assert_eq!(holder.pid, std::process::id());
        assert!(holder.to_string().contains("process"), "{holder}");
        assert_eq!(opener(file.path()).map(|holder| holder.pid), Some(std::process::id()));
    }
}
