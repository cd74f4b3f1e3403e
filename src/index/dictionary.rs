//! Sorted strings in blocks, each string known by its rank. Names, words, dependency targets and provided names are kept so.
//!
//! A block holds whole strings: a count, the offset of each (u16), then the strings, each behind a line feed, so that one
//! `memmem` searches a whole block. Behind the blocks stands the directory: for each block the rank of its first string
//! and the shortest text that is above all before the block and not above its first string. A look-up reads the directory
//! (two or three blocks for 160,000 names) and one block.
//!
//! Not an fst: that has to be read whole to be checked, which takes longer than the look-up, and a substring can't be
//! found in it.

use super::block::{Block, BlockFile, PAYLOAD, Section};
use super::error::Result;
use std::ops::Range;
use std::rc::Rc;

/// Longer strings are not kept: no distribution allows such a name.
pub const MAX_STRING: usize = 1000;

/// A dictionary ready to be written.
pub struct DictionaryBytes {
    pub blocks: Vec<u8>,
    pub directory: Vec<u8>,
    pub items: u64,
}

/// Packs strings that come in order (equal ones are allowed). None may hold a line feed or be over [`MAX_STRING`] long.
pub fn build<'a>(strings: impl Iterator<Item = &'a [u8]>) -> DictionaryBytes {
    let mut out = DictionaryBytes { blocks: Vec::new(), directory: Vec::new(), items: 0 };
    let (mut text, mut offsets): (Vec<u8>, Vec<u16>) = (Vec::new(), Vec::new());
    let mut last: &[u8] = &[];
    for string in strings {
        debug_assert!(string.len() <= MAX_STRING && !string.contains(&b'\n') && string >= last);
        if 2 + 2 * (offsets.len() + 1) + text.len() + 1 + string.len() + 1 > PAYLOAD {
            flush(&mut out.blocks, &mut text, &mut offsets);
        }
        if offsets.is_empty() {
            let shared = last.iter().zip(string).take_while(|(a, b)| a == b).count();
            let separator = &string[..string.len().min(shared + 1)];
            out.directory.extend_from_slice(&(out.items as u32).to_le_bytes());
            out.directory.extend_from_slice(&(separator.len() as u16).to_le_bytes());
            out.directory.extend_from_slice(separator);
        }
        offsets.push(text.len() as u16 + 1);
        text.push(b'\n');
        text.extend_from_slice(string);
        out.items += 1;
        last = string;
    }
    flush(&mut out.blocks, &mut text, &mut offsets);
    out
}

fn flush(blocks: &mut Vec<u8>, text: &mut Vec<u8>, offsets: &mut Vec<u16>) {
    if offsets.is_empty() {
        return;
    }
    let end = blocks.len() + PAYLOAD;
    blocks.extend_from_slice(&(offsets.len() as u16).to_le_bytes());
    let base = 2 + 2 * offsets.len() as u16;
    offsets.iter().for_each(|offset| blocks.extend_from_slice(&(base + offset).to_le_bytes()));
    blocks.extend_from_slice(text);
    blocks.push(b'\n');
    blocks.resize(end, 0);
    text.clear();
    offsets.clear();
}

/// One block's strings.
#[derive(Clone, Copy)]
pub struct Strings<'a> {
    payload: &'a [u8],
    count: usize,
}

impl<'a> Strings<'a> {
    /// `None` where the counts do not fit the block.
    pub fn new(payload: &'a [u8]) -> Option<Strings<'a>> {
        let count = usize::from(u16::from_le_bytes(payload.get(..2)?.try_into().ok()?));
        (count > 0 && 2 + 2 * count <= payload.len()).then_some(Strings { payload, count })
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn offset(&self, index: usize) -> usize {
        let at = 2 + 2 * index;
        usize::from(u16::from_le_bytes([self.payload[at], self.payload[at + 1]]))
    }

    /// String `index`; empty where the offsets make no sense.
    pub fn string(&self, index: usize) -> &'a [u8] {
        let start = self.offset(index);
        let end = if index + 1 < self.count { self.offset(index + 1).saturating_sub(1) } else { self.end(start) };
        self.payload.get(start..end).unwrap_or(&[])
    }

    fn end(&self, start: usize) -> usize {
        let rest = self.payload.get(start..).unwrap_or(&[]);
        start + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
    }

    /// The text of all strings, a line feed before each and behind the last; and where it starts in the block.
    pub fn text(&self) -> (&'a [u8], usize) {
        let start = 2 + 2 * self.count;
        (&self.payload[start..], start)
    }

    /// Which string holds the byte at `at` (counted in the block), if none before the string `from` does.
    pub fn index_at(&self, from: usize, at: usize) -> usize {
        // What begins alike stands together, and who asks for one of them asks for the next.
        let begins_behind = |index: usize| index >= self.count || self.offset(index) > at;
        if begins_behind(from + 1) {
            return from;
        }
        if begins_behind(from + 2) {
            return from + 1;
        }
        let (mut low, mut high) = (from + 2, self.count);
        while low < high {
            let middle = (low + high) / 2;
            if self.offset(middle) <= at { low = middle + 1 } else { high = middle }
        }
        low.saturating_sub(1)
    }

    /// Rank in the block of the first string not below `key`.
    fn lower_bound(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = (low + high) / 2;
            if self.string(middle) < key { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// A dictionary in a file.
pub struct Dictionary {
    file: Rc<BlockFile>,
    blocks: Section,
    directory: Vec<u8>,
    /// Start of each entry in `directory`.
    entries: Vec<u32>,
}

impl Dictionary {
    /// The dictionary whose blocks are section `number` and whose directory is the one behind.
    pub fn open(file: &Rc<BlockFile>, number: usize) -> Result<Dictionary> {
        let (blocks, at) = (file.section(number)?, file.section(number + 1)?);
        // Callers make room for as many as there are. Each takes an offset at least.
        if blocks.items > blocks.len / 2 {
            return Err(file.damaged("more strings than there is room for"));
        }
        let mut directory = Vec::new();
        file.bytes(at, 0, at.len as usize, &mut directory)?;
        let mut entries = Vec::with_capacity(blocks.blocks() as usize);
        let mut position = 0;
        while position < directory.len() {
            let len =
                directory.get(position + 4..position + 6).ok_or_else(|| file.damaged("a directory ends early"))?;
            entries.push(position as u32);
            position += 6 + usize::from(u16::from_le_bytes([len[0], len[1]]));
        }
        if position != directory.len() || entries.len() != blocks.blocks() as usize {
            return Err(file.damaged("a directory does not fit its blocks"));
        }
        Ok(Dictionary { file: Rc::clone(file), blocks, directory, entries })
    }

    pub fn len(&self) -> u32 {
        self.blocks.items as u32
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn first_rank(&self, block: usize) -> u32 {
        let at = self.entries[block] as usize;
        u32::from_le_bytes(self.directory[at..at + 4].try_into().expect("four bytes"))
    }

    /// The same for a block whose strings are going to be given ranks: all of them are below the number of strings.
    fn checked_first_rank(&self, block: usize, strings: &Strings<'_>) -> Result<u32> {
        let first = self.first_rank(block);
        let fits = u64::from(first) + strings.len() as u64 <= u64::from(self.len());
        if fits { Ok(first) } else { Err(self.file.damaged("a rank beyond its dictionary")) }
    }

    fn separator(&self, block: usize) -> &[u8] {
        let end = self.entries.get(block + 1).map_or(self.directory.len(), |&next| next as usize);
        &self.directory[self.entries[block] as usize + 6..end]
    }

    fn strings<'b>(&self, block: &'b Block) -> Result<Strings<'b>> {
        Strings::new(block).ok_or_else(|| self.file.damaged("a dictionary block makes no sense"))
    }

    /// Ranks of the strings equal to `key`; empty (at any place) for none.
    pub fn find(&self, key: &[u8]) -> Result<Range<u32>> {
        let mut range = 0..0;
        self.each_from(key, |rank, string| {
            let equal = string == key;
            if equal && range.is_empty() {
                range.start = rank;
            }
            if equal {
                range.end = rank + 1;
            }
            equal
        })?;
        Ok(range)
    }

    /// Ranks of the strings that begin with `prefix`.
    pub fn prefix(&self, prefix: &[u8]) -> Result<Range<u32>> {
        let start = self.rank(prefix)?;
        // The shortest text above all of them: the last byte that can be raised is.
        let mut above = prefix.to_vec();
        while above.last() == Some(&u8::MAX) {
            above.pop();
        }
        let end = match above.last_mut() {
            Some(last) => {
                *last += 1;
                self.rank(&above)?
            }
            None => self.len(),
        };
        Ok(start..end)
    }

    /// Rank of the first string not below `key`.
    fn rank(&self, key: &[u8]) -> Result<u32> {
        let mut found = self.len();
        self.each_from(key, |rank, _| {
            found = rank;
            false
        })?;
        Ok(found)
    }

    /// Calls back with rank and string from the first not below `key` on, until it answers false.
    pub fn each_from(&self, key: &[u8], mut each: impl FnMut(u32, &[u8]) -> bool) -> Result<()> {
        let mut block = self.entries.partition_point(|&at| {
            let len =
                usize::from(u16::from_le_bytes([self.directory[at as usize + 4], self.directory[at as usize + 5]]));
            self.directory[at as usize + 6..at as usize + 6 + len] < *key
        });
        block = block.saturating_sub(1);
        let mut skip = true;
        while block < self.entries.len() {
            let bytes = self.file.block(self.blocks, block as u32)?;
            let strings = self.strings(&bytes)?;
            let first = self.checked_first_rank(block, &strings)?;
            let start = if skip { strings.lower_bound(key) } else { 0 };
            for index in start..strings.len() {
                skip = false;
                if !each(first + index as u32, strings.string(index)) {
                    return Ok(());
                }
            }
            block += 1;
        }
        Ok(())
    }

    /// The string of that rank.
    pub fn string(&self, rank: u32) -> Result<Vec<u8>> {
        if rank >= self.len() {
            return Err(self.file.damaged("a rank beyond its dictionary"));
        }
        let block = self.block_of(rank)?;
        let bytes = self.file.block(self.blocks, block as u32)?;
        let strings = self.strings(&bytes)?;
        let index = (rank - self.first_rank(block)) as usize;
        if index >= strings.len() {
            return Err(self.file.damaged("a directory makes no sense"));
        }
        Ok(strings.string(index).to_vec())
    }

    /// Calls back with rank and string of each of these ranks, which ascend; blocks without any are not read.
    pub fn each_of(&self, ranks: &[u32], mut each: impl FnMut(u32, &[u8])) -> Result<()> {
        let end_of =
            |block: usize| if block + 1 < self.entries.len() { self.first_rank(block + 1) } else { self.len() };
        let mut blocks: Vec<u32> = Vec::new();
        let mut block = 0;
        for &rank in ranks {
            if block >= self.entries.len() || rank >= self.len() {
                return Err(self.file.damaged("a rank beyond its dictionary"));
            }
            if rank >= end_of(block) || blocks.is_empty() {
                block = self.block_of(rank)?;
                blocks.push(block as u32);
            }
        }
        let mut ranks = ranks.iter().copied().peekable();
        self.file.scan_some(self.blocks, &blocks, |block, payload| {
            let strings =
                Strings::new(payload).ok_or_else(|| self.file.damaged("a dictionary block makes no sense"))?;
            let (first, end) = (self.first_rank(block as usize), end_of(block as usize));
            while let Some(rank) = ranks.next_if(|rank| *rank < end) {
                let index = (rank - first) as usize;
                if index >= strings.len() {
                    return Err(self.file.damaged("a directory makes no sense"));
                }
                each(rank, strings.string(index));
            }
            Ok(())
        })
    }

    /// The block that holds the string of that rank.
    fn block_of(&self, rank: u32) -> Result<usize> {
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.first_rank(middle) <= rank { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1).ok_or_else(|| self.file.damaged("a directory makes no sense"))
    }

    /// Calls back with the first rank and the strings of each block.
    pub fn scan(&self, mut each: impl FnMut(u32, Strings<'_>)) -> Result<()> {
        self.file.scan(self.blocks, |block, payload| self.hand_over(block, payload, &mut each))
    }

    /// The same for some of its blocks, which ascend.
    pub fn scan_some(&self, blocks: &[u32], mut each: impl FnMut(u32, Strings<'_>)) -> Result<()> {
        self.file.scan_some(self.blocks, blocks, |block, payload| self.hand_over(block, payload, &mut each))
    }

    fn hand_over(&self, block: u32, payload: &[u8], each: &mut impl FnMut(u32, Strings<'_>)) -> Result<()> {
        let strings = Strings::new(payload).ok_or_else(|| self.file.damaged("a dictionary block makes no sense"))?;
        each(self.checked_first_rank(block as usize, &strings)?, strings);
        Ok(())
    }

    pub fn block_count(&self) -> u32 {
        self.blocks.blocks()
    }

    /// The separators, for tests and `doctor`: each block's is not above its first string.
    pub fn blocks(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (0..self.entries.len()).map(|block| (self.first_rank(block), self.separator(block)))
    }
}
