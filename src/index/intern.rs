//! Strings numbered as they come, for the builder.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Numbers distinct strings from 0.
#[derive(Default)]
pub struct Interner {
    ids: HashMap<Box<[u8]>, u32, Xxh3>,
}

impl Interner {
    pub fn id(&mut self, string: &[u8]) -> u32 {
        if let Some(&id) = self.ids.get(string) {
            return id;
        }
        let id = self.ids.len() as u32;
        self.ids.insert(string.into(), id);
        id
    }

    /// The number of a string that may have come.
    pub fn known(&self, string: &[u8]) -> Option<u32> {
        self.ids.get(string).copied()
    }

    /// The strings in order, each with its number.
    pub fn sorted(&self) -> Vec<(&[u8], u32)> {
        let mut all: Vec<_> = self.ids.iter().map(|(string, &id)| (beginning(string), &**string, id)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, string, id)| (string, id)).collect()
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }
}

/// The first eight bytes as a number: most comparisons of a sort need no more, and touch no text.
pub fn beginning(string: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = string.len().min(8);
    first[..len].copy_from_slice(&string[..len]);
    u64::from_be_bytes(first)
}

/// Half the builder's time goes into these tables, and the standard hash is three times slower on short strings. Seeded
/// per run, since descriptions are written by strangers.
pub struct Xxh3(u64);

impl Default for Xxh3 {
    fn default() -> Self {
        Xxh3(std::hash::RandomState::new().hash_one(0))
    }
}

impl BuildHasher for Xxh3 {
    type Hasher = Xxh3State;

    fn build_hasher(&self) -> Xxh3State {
        Xxh3State(self.0)
    }
}

pub struct Xxh3State(u64);

impl Hasher for Xxh3State {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
