//! What gpg keeps of the trust in the keys of a folder, `trustdb.gpg` (gnupg, `doc/DETAILS`): what its owner said of each, by which rules
//! trust is worked out, and what came of that when gpg last did so. Read; `web.rs` works it out anew.

use super::web::{Mark, Marks, Rules};
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Hundreds of thousands of keys.
const MAX_BYTES: u64 = 32 << 20;
const RECORD: usize = 40;
const OF_KEY: u8 = 12;
const OF_USER: u8 = 13;
const MASK: u8 = 15;
const DISABLED: u8 = 128;
const FULLY: u8 = 5;
/// The models by which the keys alone decide: the classic one, and the one that is everybody's default.
const OF_KEYS: [u8; 2] = [0, 1];

#[derive(Debug, Default)]
pub struct TrustDb {
    /// Of each certificate, by its fingerprint, the best that gpg made of its users.
    validity: HashMap<[u8; 20], u8>,
    disabled: Vec<[u8; 20]>,
    marks: Marks,
    rules: Rules,
    model: u8,
    /// When something that was counted ends, in seconds since 1970: from then on gpg works everything out anew. 0 is never, and 1 is what
    /// gpg notes when a key has come or changed.
    next_check: u32,
}

impl TrustDb {
    pub fn read(path: &Path) -> Result<TrustDb> {
        let describe = || format!("cannot read {}", path.display());
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)).with_context(describe)?;
        TrustDb::parse(&bytes).with_context(describe)
    }

    pub fn parse(bytes: &[u8]) -> Result<TrustDb> {
        ensure!(bytes.starts_with(b"\x01gpg\x03"), "it is no trustdb of version 3");
        let record = |number: u32| bytes.get(number as usize * RECORD..)?.get(..RECORD);
        let number = |four: &[u8]| four.try_into().map_or(0, u32::from_be_bytes);
        let head = record(0).context("it is cut off")?;
        let mut db = TrustDb {
            rules: Rules { marginals: head[5], completes: head[6], depth: head[7], min_level: head[9] },
            model: head[8],
            next_check: number(&head[16..20]),
            ..TrustDb::default()
        };
        for key in bytes.chunks_exact(RECORD).filter(|record| record[0] == OF_KEY) {
            let mut best = 0;
            let mut next = number(&key[26..30]);
            // No key has more users than there are records, and a circle ends.
            for _ in 0..bytes.len() / RECORD {
                let Some(user) = record(next).filter(|user| next != 0 && user[0] == OF_USER) else { break };
                best = best.max(user[22] & MASK);
                next = number(&user[23..27]);
            }
            let fingerprint: [u8; 20] = key[2..22].try_into().context("a fingerprint has 20 bytes")?;
            db.validity.insert(fingerprint, best);
            if let Some(mark) = Mark::of(key[22] & MASK) {
                db.marks.insert(fingerprint, mark);
            }
            if key[22] & DISABLED != 0 {
                db.disabled.push(fingerprint);
            }
        }
        Ok(db)
    }

    /// Whether gpg, when it last worked it out, trusted a certificate fully or more.
    pub fn trusts(&self, fingerprint: &[u8]) -> bool {
        <[u8; 20]>::try_from(fingerprint).is_ok_and(|key| self.validity.get(&key).is_some_and(|known| *known >= FULLY))
    }

    /// Whether the folder's owner disabled a certificate, which is what pacman-key does with those on a `-revoked` list.
    pub fn is_disabled(&self, fingerprint: &[u8]) -> bool {
        self.disabled.iter().any(|disabled| disabled == fingerprint)
    }

    /// Whether gpg would go by what it worked out last.
    pub fn is_current(&self, now: SystemTime) -> bool {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(self.next_check.into());
        (self.next_check == 0 || now < end) && self.validity.values().any(|known| *known > 0)
    }

    /// What its owner said of the keys, and the rules; an error where trust is made of more than keys.
    pub fn said(&self) -> Result<(&Marks, Rules)> {
        ensure!(
            OF_KEYS.contains(&self.model),
            "gpg has not worked out whom it trusts since keys changed, and only gpg can"
        );
        Ok((&self.marks, self.rules))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(parts: &[(usize, &[u8])]) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        parts.iter().for_each(|(at, bytes)| record[*at..*at + bytes.len()].copy_from_slice(bytes));
        record
    }

    /// A key that its owner trusts marginally and has disabled, and one that is valid; work that was done until `next_check`.
    fn db(model: u8, next_check: u32) -> TrustDb {
        let head = record(&[(0, b"\x01gpg\x03\x03\x01\x05"), (8, &[model, 2]), (16, &next_check.to_be_bytes())]);
        let disabled = record(&[(0, &[OF_KEY]), (2, &[7; 20]), (22, &[4 | DISABLED])]);
        let valid = record(&[(0, &[OF_KEY]), (2, &[8; 20]), (26, &3u32.to_be_bytes())]);
        let user = record(&[(0, &[OF_USER]), (22, &[FULLY]), (23, &3u32.to_be_bytes())]);
        TrustDb::parse(&[head, disabled, valid, user].concat()).unwrap()
    }

    #[test]
    fn what_gpg_worked_out_counts_until_something_in_it_ends() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        for (next_check, is_current) in [(0, true), (1, false), (1000, false), (1001, true)] {
            let db = db(1, next_check);
            assert_eq!(db.is_current(now), is_current, "{next_check}");
            assert!(db.trusts(&[8; 20]) && !db.trusts(&[7; 20]) && !db.trusts(&[9; 20]));
            assert!(db.is_disabled(&[7; 20]) && !db.is_disabled(&[8; 20]));
            let (marks, rules) = db.said().unwrap();
            assert_eq!((marks.get(&[7; 20]), marks.len()), (Some(&Mark::Marginal), 1));
            assert_eq!(rules, Rules::default());
        }
        // Trust by use, which no key tells.
        assert!(db(6, 0).said().is_err());
        // Nothing was ever worked out.
        assert!(!TrustDb::parse(&record(&[(0, b"\x01gpg\x03")])).unwrap().is_current(now));
        assert!(TrustDb::parse(b"\x01gpg\x03").is_err());
    }
}
