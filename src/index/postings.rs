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
            self.decode(&bytes, &mut each)?;
            start = end;
        }
        Ok(())
    }

    /// Calls back with the place in `ranks`, which ascend, and a number, for each number of each one's list.
    pub fn each_of_many(&self, ranks: &[u32], mut each: impl FnMut(usize, u32)) -> Result<()> {
        // Some at a time: where ten thousand words fit, memory that nobody has touched yet costs more than their lists.
        for (batch, ranks) in ranks.chunks(BATCH).enumerate() {
            self.each_of_batch(ranks, &mut |place, number| each(batch * BATCH + place, number))?;
        }
        Ok(())
    }

    fn each_of_batch(&self, ranks: &[u32], each: &mut impl FnMut(usize, u32)) -> Result<()> {
        // A list ends where the next begins.
        let mut entries: Vec<u32> = ranks.iter().flat_map(|rank| [*rank, rank.saturating_add(1)]).collect();
        entries.dedup();
        let at: Vec<Range<u64>> =
            entries.iter().map(|entry| u64::from(*entry) * 4..u64::from(*entry) * 4 + 4).collect();
        let mut offsets = Vec::with_capacity(entries.len());
        self.file.spans(self.offsets, &at, |_, bytes| {
            offsets.push(u64::from(u32::from_le_bytes(bytes.try_into().expect("four bytes"))));
            Ok(())
        })?;
        let mut known = entries.iter().zip(offsets.windows(2));
        let lists: Vec<Range<u64>> = ranks
            .iter()
            .filter_map(|rank| known.find(|(entry, _)| *entry == rank).map(|(_, bounds)| bounds[0]..bounds[1]))
            .collect();
        self.file.spans(self.lists, &lists, |place, bytes| self.decode(bytes, &mut |number| each(place, number)))
    }

    fn decode(&self, list: &[u8], each: &mut impl FnMut(u32)) -> Result<()> {
        let (mut at, mut number) = (0, 0u32);
        while let Some(&byte) = list.get(at) {
            let next = if byte < 0x80 {
                at += 1;
                number.checked_add(u32::from(byte))
            } else {
                let step = varint::pull(list, &mut at).and_then(|step| u32::try_from(step).ok());
                step.and_then(|step| number.checked_add(step))
            };
            number = next.ok_or_else(|| self.file.damaged("a list makes no sense"))?;
            each(number);
        }
        Ok(())
    }
}

/// Lists that are looked up together.
const BATCH: usize = 1024;
