//! Whose a path is: a table of hashes, one block a look-up, no path stored.
//!
//! An entry is 44 bits of the path's hash over 20 bits that name the package, or, for the folders that many packages share,
//! a list of packages. At half a million paths the chance that a path nobody owns finds an entry is 1 in 10^10.

use super::block::{BlockFile, BlockWriter, PAYLOAD, Section};
use super::error::Result;
use super::postings::{Postings, PostingsReader};
use std::io::Write;
use std::rc::Rc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const VALUE_BITS: u32 = 20;
const SHARED: u64 = 1 << (VALUE_BITS - 1);
const SLOTS: usize = PAYLOAD / 8;
/// Filled to two thirds on the average, a block of 511 slots overflows once in 10^12.
const AVERAGE: usize = 340;

/// What a path is known by in the table of a file; `seed` is the file's generation.
pub fn hash(path: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(path, seed)
}

/// Gathers paths with the ranks of their packages.
#[derive(Default)]
pub struct OwnersBuilder {
    /// Hash over rank.
    entries: Vec<u64>,
}

impl OwnersBuilder {
    /// The [`hash`] of a path without a trailing slash. Ranks beyond the 19 bits there are for them are nobody's: no
    /// machine has so many.
    pub fn push(&mut self, hash: u64, rank: u32) {
        if u64::from(rank) < SHARED {
            self.entries.push(hash >> VALUE_BITS << VALUE_BITS | u64::from(rank));
        }
    }

    pub(super) fn write<W: Write>(mut self, out: &mut BlockWriter<W>) -> std::io::Result<()> {
        self.entries.sort_unstable();
        self.entries.dedup();
        let mut shared: Vec<(u32, u32)> = Vec::new();
        let mut lists = 0;
        let mut slots: Vec<u64> = Vec::with_capacity(self.entries.len());
        for same in self.entries.chunk_by(|a, b| a >> VALUE_BITS == b >> VALUE_BITS) {
            if let [entry] = same {
                slots.push(*entry);
                continue;
            }
            shared.extend(same.iter().map(|entry| (lists, (entry & (SHARED - 1)) as u32)));
            slots.push(same[0] >> VALUE_BITS << VALUE_BITS | SHARED | u64::from(lists));
            lists += 1;
        }
        let mut blocks = slots.len().div_ceil(AVERAGE).max(1);
        let table = loop {
            match table(&slots, blocks) {
                Some(table) => break table,
                None => blocks += blocks / 4 + 1,
            }
        };
        out.section(&table, slots.len() as u64)?;
        let all: Vec<u32> = (0..lists).collect();
        Postings::group(lists as usize, &shared).write(&all, out)
    }
}

fn block_of(entry: u64, blocks: usize) -> usize {
    (((entry >> 32) * blocks as u64) >> 32) as usize
}

fn table(slots: &[u64], blocks: usize) -> Option<Vec<u8>> {
    let mut table = vec![0u8; blocks * PAYLOAD];
    let mut used = vec![0; blocks];
    for slot in slots {
        let block = block_of(*slot, blocks);
        if used[block] == SLOTS {
            return None;
        }
        let at = block * PAYLOAD + used[block] * 8;
        table[at..at + 8].copy_from_slice(&slot.to_le_bytes());
        used[block] += 1;
    }
    Some(table)
}

/// The table in a file.
pub struct Owners {
    file: Rc<BlockFile>,
    table: Section,
    shared: PostingsReader,
}

impl Owners {
    pub fn open(file: &Rc<BlockFile>, table: usize, shared: usize) -> Result<Owners> {
        Ok(Owners { file: Rc::clone(file), table: file.section(table)?, shared: PostingsReader::open(file, shared)? })
    }

    /// Ranks of the packages that own a path, ascending.
    pub fn find(&self, path: &[u8]) -> Result<Vec<u32>> {
        let wanted = hash(path, self.file.generation());
        let block = self.file.block(self.table, block_of(wanted, self.table.blocks() as usize) as u32)?;
        let entry = block
            .chunks_exact(8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
            .find(|entry| *entry != 0 && entry >> VALUE_BITS == wanted >> VALUE_BITS);
        let Some(entry) = entry else { return Ok(Vec::new()) };
        let value = (entry & (SHARED - 1)) as u32;
        if entry & SHARED == 0 {
            return Ok(vec![value]);
        }
        let mut ranks = Vec::new();
        self.shared.each(value, |rank| ranks.push(rank))?;
        Ok(ranks)
    }
}
