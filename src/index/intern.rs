//! Strings numbered as they come, for the builder.

use std::hash::{BuildHasher, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Numbers distinct strings from 0.
///
/// Half the builder's time goes into these tables, and most of that into waiting for memory. A slot holds the upper half of a
/// string's hash beside its place, so that the strings themselves are looked at when they are the same, and hardly ever
/// otherwise; and a string's number stands before it, so that there is no third place to look at.
pub struct Interner {
    /// A power of two of them, at most half in use: the hash above, the place plus one below; 0 where there is none.
    slots: Vec<u64>,
    /// Each string behind its number (u32) and its length (u16).
    text: Vec<u8>,
    /// Where in `text` each number's string is.
    places: Vec<u32>,
    seed: u64,
    /// Of the strings at hand.
    hashes: Vec<u64>,
}

/// Number and length before a string.
const HEAD: usize = 6;

impl Default for Interner {
    fn default() -> Interner {
        Interner { slots: vec![0; 1 << 12], text: Vec::new(), places: Vec::new(), seed: random(), hashes: Vec::new() }
    }
}

impl Interner {
    #[cfg(test)]
    fn id(&mut self, string: &[u8]) -> u32 {
        self.id_of(string, xxh3_64_with_seed(string, self.seed))
    }

    /// The number of a string of less than 64 KiB.
    fn id_of(&mut self, string: &[u8], hash: u64) -> u32 {
        match self.find(hash, string) {
            Ok(id) => id,
            Err(slot) => {
                let (id, place) = (self.places.len() as u32, self.text.len() as u32);
                let len = u16::try_from(string.len()).expect("names and words are short");
                self.text.extend_from_slice(&id.to_le_bytes());
                self.text.extend_from_slice(&len.to_le_bytes());
                self.text.extend_from_slice(string);
                self.places.push(place);
                self.slots[slot] = held(hash, place);
                if self.places.len() * 2 > self.slots.len() {
                    self.grow();
                }
                id
            }
        }
    }

    /// The numbers of many strings, in their order. Quicker than one by one: memory is asked for all of them before the first
    /// is waited for.
    pub fn ids<'s>(&mut self, strings: impl Iterator<Item = &'s [u8]> + Clone, mut each: impl FnMut(usize, u32)) {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(strings.clone().map(|string| xxh3_64_with_seed(string, self.seed)));
        let mask = self.slots.len() - 1;
        std::hint::black_box(hashes.iter().fold(0, |all, hash| all ^ self.slots[*hash as usize & mask]));
        for (at, (string, hash)) in strings.zip(&hashes).enumerate() {
            each(at, self.id_of(string, *hash));
        }
        self.hashes = hashes;
    }

    /// The number of a string that may have come.
    pub fn known(&self, string: &[u8]) -> Option<u32> {
        self.find(xxh3_64_with_seed(string, self.seed), string).ok()
    }

    /// Its number, or the slot that is free for it.
    fn find(&self, hash: u64, string: &[u8]) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let held = self.slots[slot];
            if held == 0 {
                return Err(slot);
            }
            if held >> 32 == hash >> 32 {
                let (id, known) = self.at(held as u32 - 1);
                if known == string {
                    return Ok(id);
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The number and the string at a place.
    fn at(&self, place: u32) -> (u32, &[u8]) {
        let (head, rest) = self.text[place as usize..].split_at(HEAD);
        let id = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        (id, &rest[..usize::from(u16::from_le_bytes([head[4], head[5]]))])
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 4];
        let mask = self.slots.len() - 1;
        for &place in &self.places {
            let hash = xxh3_64_with_seed(self.at(place).1, self.seed);
            let mut slot = hash as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = held(hash, place);
        }
    }

    /// The strings in order, each with its number.
    pub fn sorted(&self) -> Vec<(&[u8], u32)> {
        let all = self.places.iter().map(|place| self.at(*place));
        let mut all: Vec<_> = all.map(|(id, string)| (beginning(string), string, id)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, string, id)| (string, id)).collect()
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }
}

/// What a slot holds for a string.
fn held(hash: u64, place: u32) -> u64 {
    (hash >> 32 << 32) | (u64::from(place) + 1)
}

/// The first eight bytes as a number: most comparisons of a sort need no more, and touch no text.
pub fn beginning(string: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = string.len().min(8);
    first[..len].copy_from_slice(&string[..len]);
    u64::from_be_bytes(first)
}

/// Another one in each process, since names and descriptions are written by strangers.
fn random() -> u64 {
    std::hash::RandomState::new().hash_one(0)
}

/// A hasher for the builder's other tables: the standard one is three times slower on short strings.
pub struct Xxh3(u64);

impl Default for Xxh3 {
    fn default() -> Self {
        Xxh3(random())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_string_has_one_number_and_all_come_back_in_order() {
        let mut interner = Interner::default();
        let strings: Vec<String> =
            (0..30_000u32).map(|n| format!("{}", n.wrapping_mul(2_654_435_761) % 20_000)).collect();
        let ids: Vec<u32> = strings.iter().map(|string| interner.id(string.as_bytes())).collect();
        for (string, id) in strings.iter().zip(&ids) {
            assert_eq!(interner.known(string.as_bytes()), Some(*id));
        }
        assert_eq!(interner.known(b"none"), None);
        let empty = interner.id(b"");
        let mut expected: Vec<&str> = strings.iter().map(String::as_str).chain([""]).collect();
        expected.sort_unstable();
        expected.dedup();
        let sorted = interner.sorted();
        assert_eq!(
            sorted.iter().map(|(string, _)| *string).collect::<Vec<_>>(),
            expected.iter().map(|s| s.as_bytes()).collect::<Vec<_>>()
        );
        assert_eq!((sorted[0], interner.len()), ((&b""[..], empty), expected.len()));
    }
}
