//! The audit log: JSON lines, each with the hash of the one before. The format is specified in omg-audit-log(5).
//!
//! The hashes have no key: they find every change but that of somebody who makes all that follows anew. The heads that are kept
//! elsewhere (the journal) find that, and what is cut off at the end.

mod append;
mod checkpoint;
mod entry;
mod event;
mod lines;
#[cfg(test)]
mod tests;
mod verify;

pub use append::AuditLog;
pub use checkpoint::Checkpoint;
pub use entry::Entry;
pub use event::{Changed, Event};
pub use verify::{Fault, Verdict, verify, verify_lines};

use anyhow::Result;
use std::fs::File;
use std::path::Path;

/// The log's name in its folder.
pub const FILE_NAME: &str = "audit.jsonl";

/// A longer line is no entry. A plan of all packages that a distribution has fits.
const MAX_LINE_BYTES: usize = 16 << 20;

/// The last entries, newest first, and how many of the last lines are none; `most` at most. Nothing is verified.
pub fn latest(path: &Path, most: usize) -> Result<(Vec<Entry>, usize)> {
    let (mut entries, mut bad) = (Vec::new(), 0);
    let Some(file) = lines::open(path)? else { return Ok((entries, bad)) };
    let mut backwards = lines::Backwards::new(&file, path)?;
    while entries.len() + bad < most
        && let Some(line) = backwards.next_line()?
    {
        match line.bytes.and_then(Entry::read) {
            Some(entry) => entries.push(entry),
            None => bad += 1,
        }
    }
    Ok((entries, bad))
}

/// The last entry of a kind, such as `policy-changed`, however far back.
pub fn latest_of(path: &Path, event: &str) -> Result<Option<Entry>> {
    latest_that(path, event, |_| true)
}

/// The last entry of a kind that is as it should be, however far back: only lines that look like one are read closely.
pub fn latest_that(path: &Path, event: &str, is_it: impl Fn(&Entry) -> bool) -> Result<Option<Entry>> {
    let Some(file) = lines::open(path)? else { return Ok(None) };
    let mark = format!("\"event\":\"{event}\"");
    let finder = memchr::memmem::Finder::new(&mark);
    let mut backwards = lines::Backwards::new(&file, path)?;
    while let Some(line) = backwards.next_line()? {
        let entry = line.bytes.filter(|bytes| finder.find(bytes).is_some()).and_then(Entry::read);
        if let Some(entry) = entry.filter(|entry| entry.event == event && is_it(entry)) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// The lock beside a log. Not the log itself: whoever can read a file can lock it, and keep its writers waiting forever.
fn lock(path: &Path, creates: bool) -> std::io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    File::options()
        .create(creates)
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path.with_extension("lock"))
}
