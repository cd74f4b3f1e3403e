//! gpg's own word on which keys of a folder are trusted, as it last worked it out: `trustdb.gpg` (gnupg, `doc/DETAILS`). Read, never
//! worked out anew.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Hundreds of thousands of keys.
const MAX_BYTES: u64 = 32 << 20;
const RECORD: usize = 40;
const OF_KEY: u8 = 12;
const OF_USER: u8 = 13;
const MASK: u8 = 15;
const FULLY: u8 = 5;

/// Which keys are trusted fully or more, by their certificates' fingerprints.
#[derive(Debug, Default)]
pub struct TrustDb {
    validity: HashMap<[u8; 20], u8>,
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
        let mut validity = HashMap::new();
        for key in bytes.chunks_exact(RECORD).filter(|record| record[0] == OF_KEY) {
            let mut best = 0;
            let mut next = number(&key[26..30]);
            // No key has more users than there are records, and a circle ends.
            for _ in 0..bytes.len() / RECORD {
                let Some(user) = record(next).filter(|user| next != 0 && user[0] == OF_USER) else { break };
                best = best.max(user[22] & MASK);
                next = number(&user[23..27]);
            }
            validity.insert(key[2..22].try_into().context("a fingerprint has 20 bytes")?, best);
        }
        Ok(TrustDb { validity })
    }

    pub fn trusts(&self, fingerprint: &[u8]) -> bool {
        <[u8; 20]>::try_from(fingerprint).is_ok_and(|key| self.validity.get(&key).is_some_and(|known| *known >= FULLY))
    }
}
