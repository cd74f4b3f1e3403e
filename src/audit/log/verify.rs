//! Looks whether a log is as it was written, line by line.

use super::entry::{Entry, NO_HASH};
use super::{MAX_LINE_BYTES, lines, lock};
use crate::model::AuditHead;
use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Good ones, up to the fault if there is one.
    pub entries: u64,
    /// The last of these.
    pub head: Option<AuditHead>,
    /// Of these, those that tell of a damaged end that was put aside.
    pub recovered: u64,
    /// The first.
    pub fault: Option<Fault>,
}

/// A line that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// From 1. Behind the last where one is missing there.
    pub line: u64,
    pub why: String,
}

/// Verifies a log. `heads` are entries that are known from elsewhere, read before this is called: each has to be in the log. The log
/// may be ahead of them.
pub fn verify(path: &Path, heads: &[AuditHead]) -> Result<Verdict> {
    // Not while somebody writes, where that can be kept out: only who may write can.
    let _lock = lock(path, false).and_then(|file| {
        flock(&file, FlockOperation::LockShared)?;
        Ok(file)
    });
    match lines::open(path)? {
        None => verify_lines(io::empty(), heads),
        Some(file) => verify_lines(BufReader::with_capacity(1 << 16, file), heads),
    }
    .with_context(|| format!("cannot read {}", path.display()))
}

/// The same for the content of a log.
pub fn verify_lines(mut log: impl BufRead, heads: &[AuditHead]) -> io::Result<Verdict> {
    let mut heads: Vec<&AuditHead> = heads.iter().collect();
    heads.sort_by_key(|head| head.seq);
    let mut ahead = heads.iter().peekable();
    let mut verdict = Verdict::default();
    let mut line = Vec::new();
    let why = loop {
        line.clear();
        if log.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            match heads.last().filter(|last| last.seq > verdict.entries) {
                Some(last) => break format!("entry {} is known to the journal, but the log ends before it", last.seq),
                None => return Ok(verdict),
            }
        }
        let seq = verdict.entries + 1;
        let entry = match follows(&line, verdict.head.as_ref()) {
            Ok(entry) => entry,
            Err(why) => break why.to_owned(),
        };
        let mut known = std::iter::from_fn(|| ahead.next_if(|head| head.seq <= seq));
        // The number is from 1 on in the log, so whatever is known of an entry 0 is wrong too.
        if known.any(|head| head.hash != entry.hash) {
            break format!("the journal knows another entry {seq}");
        }
        verdict.entries = seq;
        verdict.recovered += u64::from(entry.event == "recovered");
        verdict.head = Some(entry.head());
    };
    verdict.fault = Some(Fault { line: verdict.entries + 1, why });
    Ok(verdict)
}

/// The entry of a line that is to stand behind `before`.
fn follows(line: &[u8], before: Option<&AuditHead>) -> Result<Entry, &'static str> {
    let Some(line) = line.strip_suffix(b"\n") else {
        let is_too_long = line.len() > MAX_LINE_BYTES;
        return Err(if is_too_long {
            "is too long for an entry"
        } else {
            "has no line end: cut off, or not written whole"
        });
    };
    let entry = Entry::read(line).ok_or("is no entry, or was changed: its hash is not its own")?;
    if entry.seq != before.map_or(0, |before| before.seq) + 1 {
        return Err("has another entry's number: entries were removed, put in or moved");
    }
    if entry.prev != before.map_or(NO_HASH, |before| &before.hash) {
        return Err("does not follow the line before it: one of them was changed, removed, put in or moved");
    }
    Ok(entry)
}
