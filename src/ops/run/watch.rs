//! Steps that are done again after each change to the project's files.
//!
//! What changes while they run has them done once more when they are through, or ends them at once where that is wanted. A file that a task
//! itself writes is told from an edited one by what is in it: a build that writes the same bytes again is no change. One that writes others
//! each time is passed over after a while, and told.

use super::carry_out::{Breaker, Report, carry_out};
use super::{Manner, Outcome, Step};
use crate::error::{Exit, Hinted};
use crate::project::ignored::Ignored;
use crate::sys::signals::Incoming;
use crate::sys::watch::{Watch, is_at_the_limit};
use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_process};
use rustix::time::Timespec;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3Default;

/// An editor writes a file in several goes.
const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// How often in a row the same files may change under a task before they are its own.
const MOST_TIMES: u32 = 3;
/// Of a longer file the size and time have to do.
const MAX_HASHED: u64 = 64 << 20;
/// Files whose contents are remembered.
const MAX_KNOWN: usize = 10_000;

/// What a person hears of between two times.
#[derive(Debug)]
pub enum When<'w> {
    /// All is done with this code, and the next change is waited for.
    Waits(u8),
    /// It begins again because of this file, and perhaps others.
    Changed(&'w str),
    /// The tasks change these themselves each time, and they are watched no more.
    PassedOver(&'w [String]),
}

/// Does the steps, and again after each change below `folder`, until a signal ends it; gives the exit code.
pub fn watch(
    steps: &[Step],
    manner: Manner,
    restarts: bool,
    folder: &Path,
    incoming: &Incoming,
    report: &mut Report,
    when: &mut dyn FnMut(When),
) -> Result<u8> {
    let manner = Manner { is_watched: true, ..manner };
    let mut changes = Changes::open(folder)?;
    loop {
        let breaker: Option<&mut dyn Breaker> = if restarts { Some(&mut changes) } else { None };
        let outcome = carry_out(steps, manner, incoming, breaker, report)?;
        let code = match outcome {
            Outcome::Interrupted(code) => return Ok(code),
            Outcome::Ended(code) => Some(code),
            Outcome::Broken => None,
        };
        changes.take_those_of_a_run()?;
        let passed_over = changes.pass_over_own();
        if !passed_over.is_empty() {
            when(When::PassedOver(&passed_over));
        }
        if changes.found.is_empty() {
            when(When::Waits(code.unwrap_or(0)));
            if let Some(signal) = changes.wait(incoming)? {
                return Ok(128 + signal.as_raw() as u8);
            }
        }
        when(When::Changed(changes.found.first().map_or("", |path| &**path)));
        changes.found.clear();
    }
}

struct Changes {
    folder: PathBuf,
    watch: Watch<Ignored>,
    /// Since the last start of the steps.
    found: Vec<String>,
    /// What was in files when they last changed.
    contents: HashMap<String, u64>,
    passed_over: HashSet<String>,
    /// What changed while the steps ran, and how many times in a row it was that.
    again: (Vec<String>, u32),
}

impl Changes {
    fn open(folder: &Path) -> Result<Changes> {
        let watch = Watch::open(folder, Ignored::of(folder)).map_err(|error| {
            if !is_at_the_limit(&error) {
                return error;
            }
            let hint = "raise fs.inotify.max_user_watches with sysctl, or name folders of built files in .gitignore";
            Hinted::new(Exit::Failed, format!("{error:#}"), hint).into()
        })?;
        let (found, contents, passed_over) = Default::default();
        Ok(Changes { folder: folder.to_owned(), watch, found, contents, passed_over, again: (Vec::new(), 0) })
    }

    /// Takes what has changed; files whose contents are as they were known are none.
    fn take(&mut self, compares: bool) -> Result<()> {
        for path in self.watch.changes()? {
            if self.passed_over.contains(&path) {
                continue;
            }
            let now = self.content(&path);
            if self.contents.len() >= MAX_KNOWN {
                self.contents.clear();
            }
            let before = self.contents.insert(path.clone(), now);
            let is_as_known = compares && before == Some(now);
            if !is_as_known {
                self.found.push(path);
            }
        }
        self.found.sort_unstable();
        self.found.dedup();
        Ok(())
    }

    fn take_those_of_a_run(&mut self) -> Result<()> {
        self.take(true)
    }

    /// Files that changed under the steps again and again are theirs.
    fn pass_over_own(&mut self) -> Vec<String> {
        if self.found.is_empty() || self.found != self.again.0 {
            self.again = (self.found.clone(), 1);
            return Vec::new();
        }
        self.again.1 += 1;
        if self.again.1 < MOST_TIMES {
            return Vec::new();
        }
        self.again = (Vec::new(), 0);
        self.passed_over.extend(self.found.iter().cloned());
        std::mem::take(&mut self.found)
    }

    /// Waits for a change, and for quiet after it; gives the signal that came first, if one did.
    fn wait(&mut self, incoming: &Incoming) -> Result<Option<Signal>> {
        self.again = (Vec::new(), 0);
        loop {
            let quiet = (!self.found.is_empty()).then_some(&QUIET);
            let mut ends = [PollFd::new(incoming, PollFlags::IN), PollFd::new(&self.watch, PollFlags::IN)];
            match poll(&mut ends, quiet) {
                Ok(0) => return Ok(None),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error)).context("cannot wait for a change"),
            }
            for arrived in incoming.take() {
                if arrived.signal == Signal::TSTP {
                    let _ = kill_process(getpid(), Signal::STOP);
                } else if arrived.asks_for_the_end() {
                    return Ok(Some(arrived.signal));
                }
            }
            self.take(false)?;
        }
    }

    /// A number for what is in a file; 0 for one that is none any more.
    fn content(&self, path: &str) -> u64 {
        let read = || -> io::Result<u64> {
            let full = self.folder.join(path);
            let about = std::fs::symlink_metadata(&full)?;
            let mut hash = Xxh3Default::new();
            if !about.is_file() || about.len() > MAX_HASHED {
                let time = about.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                hash.update(&about.len().to_le_bytes());
                hash.update(&time.as_nanos().to_le_bytes());
                return Ok(hash.digest());
            }
            let mut file = File::open(full)?.take(MAX_HASHED);
            let mut bytes = vec![0; 64 << 10];
            loop {
                match file.read(&mut bytes)? {
                    0 => return Ok(hash.digest()),
                    length => hash.update(&bytes[..length]),
                }
            }
        };
        read().unwrap_or(0)
    }
}

impl Breaker for Changes {
    fn fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }

    fn breaks(&mut self) -> Result<bool> {
        self.take_those_of_a_run()?;
        Ok(!self.found.is_empty())
    }
}
