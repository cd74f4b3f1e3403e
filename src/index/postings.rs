//! For each rank of a dictionary an ascending list of numbers: the packages that hold a word, that depend on a name, that
//! provide one. What else a number carries (a kind in its low bits) is its writer's business.

use super::block::{BlockFile, BlockWriter, Section};
use super::error::Result;
use super::varint;
use std::io::Write;
use std::ops::Range;
use std::rc::Rc;

/// Lists grouped from pairs that come in any order of rank, each rank's numbers ascending.
pub struct Postings {
    starts: Vec<u32>,
    numbers: Vec<u32>,
}

impl Postings {
    /// Groups `(rank, number)` pairs over `ranks` ranks. A number that follows its equal in the same list is dropped.
    pub fn group(ranks: usize, pairs: &[(u32, u32)]) -> Postings {
        let mut starts = vec![0u32; ranks + 1];
        pairs.iter().for_each(|&(rank, _)| starts[rank as usize + 1] += 1);
        for rank in 0..ranks {
            starts[rank + 1] += starts[rank];
        }
        let mut next = starts.clone();
        let mut numbers = vec![0; pairs.len()];
        for &(rank, number) in pairs {
            let at = &mut next[rank as usize];
            numbers[*at as usize] = number;
            *at += 1;
        }
        Postings { starts, numbers }
    }

    pub fn list(&self, rank: u32) -> &[u32] {
        &self.numbers[self.starts[rank as usize] as usize..self.starts[rank as usize + 1] as usize]
    }

    /// Writes two sections, the offsets and the lists, in the order of `ranks` (old rank at each new place).
    pub fn write<W: Write>(&self, ranks: &[u32], out: &mut BlockWriter<W>) -> std::io::Result<()> {
        let (offsets, lists) = self.encode(ranks);
        out.section(&offsets, ranks.len() as u64 + 1)?;
        out.section(&lists, ranks.len() as u64)
    }

    /// The two sections' bytes.
    pub fn encode(&self, ranks: &[u32]) -> (Vec<u8>, Vec<u8>) {
        let (mut offsets, mut lists) = (Vec::with_capacity(4 * ranks.len() + 4), Vec::new());
        for &rank in ranks {
            offsets.extend_from_slice(&(lists.len() as u32).to_le_bytes());
            let mut last = None;
            for &number in self.list(rank) {
                match last {
                    Some(last) if last == number => continue,
                    Some(last) => varint::push(&mut lists, u64::from(number - last)),
                    None => varint::push(&mut lists, u64::from(number)),
                }
                last = Some(number);
            }
        }
        offsets.extend_from_slice(&(lists.len() as u32).to_le_bytes());
        (offsets, lists)
    }
}

/// Lists in a file.
pub struct PostingsReader {
    file: Rc<BlockFile>,
    offsets: Section,
    lists: Section,
}

impl PostingsReader {
    /// The offsets are section `number`, the lists the one behind.
    pub fn open(file: &Rc<BlockFile>, number: usize) -> Result<PostingsReader> {
        Ok(PostingsReader { file: Rc::clone(file), offsets: file.section(number)?, lists: file.section(number + 1)? })
    }

    /// Calls back with each number of a rank's list, ascending.
    pub fn each(&self, rank: u32, each: impl FnMut(u32)) -> Result<()> {
        self.each_of(rank..rank + 1, each)
    }

    /// The same for the lists of a range of ranks, one after another.
    pub fn each_of(&self, ranks: Range<u32>, mut each: impl FnMut(u32)) -> Result<()> {
        let mut start = self.file.number(self.offsets, u64::from(ranks.start))?;
        let mut bytes = Vec::new();
        for rank in ranks {
            let end = self.file.number(self.offsets, u64::from(rank) + 1)?;
            let len = end.checked_sub(start).ok_or_else(|| self.file.damaged("a list ends before it begins"))?;
            bytes.clear();
            self.file.bytes(self.lists, u64::from(start), len as usize, &mut bytes)?;
            List { file: &self.file, bytes: &bytes }.each(&mut each)?;
            start = end;
        }
        Ok(())
    }

    /// Calls back with the place in `ranks`, which ascend, and the list of each.
    pub fn each_of_many(&self, ranks: &[u32], mut each: impl FnMut(usize, List<'_>) -> Result<()>) -> Result<()> {
        let nonsense = || self.file.damaged("a list ends before it begins");
        let (mut offsets, mut bytes, mut place) = (Vec::new(), Vec::new(), 0);
        while let Some(&first) = ranks.get(place) {
            // What begins alike stands together: neighbours are read at once, and what lies between them with them. Not too
            // many, since memory that nobody has touched yet costs more than what is read into it.
            let is_near = |pair: &&[u32]| pair[1].wrapping_sub(pair[0]) <= NEAR;
            let more = ranks[place..].windows(2).take(BATCH - 1).take_while(is_near).count();
            let batch = &ranks[place..=place + more];
            let count = (batch[more] - first) as usize + 1;
            offsets.clear();
            self.file.bytes(self.offsets, u64::from(first) * 4, (count + 1) * 4, &mut offsets)?;
            let offset = |rank: u32| {
                let at = (rank - first) as usize * 4;
                u32::from_le_bytes(offsets[at..at + 4].try_into().expect("four bytes"))
            };
            let (start, end) = (offset(first), offset(first + count as u32));
            bytes.clear();
            let len = end.checked_sub(start).ok_or_else(nonsense)? as usize;
            self.file.bytes(self.lists, u64::from(start), len, &mut bytes)?;
            for &rank in batch {
                let (from, to) = (offset(rank).wrapping_sub(start), offset(rank + 1).wrapping_sub(start));
                let bytes = bytes.get(from as usize..to as usize).ok_or_else(nonsense)?;
                each(place, List { file: &self.file, bytes })?;
                place += 1;
            }
        }
        Ok(())
    }
}

/// The numbers of one rank.
#[derive(Clone, Copy)]
pub struct List<'a> {
    file: &'a BlockFile,
    bytes: &'a [u8],
}

impl List<'_> {
    /// Calls back with each, ascending.
    pub fn each(self, mut each: impl FnMut(u32)) -> Result<()> {
        let (mut bytes, mut number) = (self.bytes, 0u32);
        // A search for what every second package has decodes a quarter of a million: steps of one byte and of two, which
        // nearly all are, are taken here.
        while let [first, rest @ ..] = bytes {
            let step = match rest {
                rest if *first < 0x80 => {
                    bytes = rest;
                    Some(u32::from(*first))
                }
                [second, rest @ ..] if *second < 0x80 => {
                    bytes = rest;
                    Some(u32::from(*first & 0x7f) | u32::from(*second) << 7)
                }
                _ => {
                    let mut at = 0;
                    let step = varint::pull(bytes, &mut at).and_then(|step| u32::try_from(step).ok());
                    bytes = &bytes[at..];
                    step
                }
            };
            let next = step.and_then(|step| number.checked_add(step));
            number = next.ok_or_else(|| self.file.damaged("a list makes no sense"))?;
            each(number);
        }
        Ok(())
    }
}

/// Lists that are looked up together.
const BATCH: usize = 1024;
/// How far one may be from the one before: some hundred bytes are read sooner than they are passed over.
const NEAR: u32 = 32;
