//! One line of the log: made, and read again.

use super::{Event, MAX_LINE_BYTES};
use crate::audit::{Who, sha256};
use crate::model::AuditHead;
use anyhow::{Result, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What stands in the place of a hash before the first entry.
pub const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What the line ends with, around the hash of the line without it.
const HASH: &[u8] = b",\"hash\":\"";
const HASH_BYTES: usize = NO_HASH.len();
const END: &[u8] = b"\"}";

/// An entry as it stands in the log.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Entry {
    pub seq: u64,
    /// `2026-11-21T22:00:00Z`.
    pub time: String,
    pub uid: u32,
    /// Empty where there is no name.
    pub user: String,
    pub event: String,
    /// The fields of the event.
    #[serde(flatten)]
    pub details: Map<String, Value>,
    /// The hash of the entry before.
    pub prev: String,
    pub hash: String,
}

#[derive(Serialize)]
struct Unhashed<'e> {
    seq: u64,
    time: &'e str,
    #[serde(flatten)]
    who: &'e Who,
    #[serde(flatten)]
    event: &'e Event,
    prev: &'e str,
}

/// The line of an event behind `before`, with its line end, and the head that it makes.
pub fn line(before: Option<&AuditHead>, event: &Event, who: &Who, now: Timestamp) -> Result<(Vec<u8>, AuditHead)> {
    let seq = before.map_or(0, |before| before.seq) + 1;
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let prev = before.map_or(NO_HASH, |before| &before.hash);
    let mut line = serde_json::to_vec(&Unhashed { seq, time: &time, who, event, prev })?;
    let hash = sha256(&line);
    // In the place of the closing brace.
    line.pop();
    line.extend([HASH, hash.as_bytes(), END, b"\n"].concat());
    if line.len() > MAX_LINE_BYTES {
        bail!("an entry of {} bytes is too long for the audit log", line.len());
    }
    Ok((line, AuditHead { seq, hash }))
}

impl Entry {
    /// Reads a line without its end. `None` where it is not an entry, or its hash is not its own.
    pub fn read(line: &[u8]) -> Option<Entry> {
        let front = line.len().checked_sub(HASH.len() + HASH_BYTES + END.len())?;
        let (said, end) = line.split_at(front);
        let hash = end.strip_prefix(HASH)?.strip_suffix(END)?;
        if hash != sha256(&[said, b"}"].concat()).as_bytes() {
            return None;
        }
        let entry: Entry = serde_json::from_slice(line).ok()?;
        (entry.hash.as_bytes() == hash).then_some(entry)
    }

    pub fn head(&self) -> AuditHead {
        AuditHead { seq: self.seq, hash: self.hash.clone() }
    }
}
