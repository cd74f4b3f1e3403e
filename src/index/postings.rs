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
        // Not all at once: memory that nobody has touched yet costs more than what is read into it.
        for (number, batch) in ranks.chunks(BATCH).enumerate() {
            self.each_of_batch(batch, |place, list| each(number * BATCH + place, list))?;
        }
        Ok(())
    }

    fn each_of_batch(&self, ranks: &[u32], mut each: impl FnMut(usize, List<'_>) -> Result<()>) -> Result<()> {
        // Where a list ends the next one begins, so that neighbours share an offset.
        let mut items: Vec<u32> = Vec::with_capacity(ranks.len() + 1);
        for &rank in ranks {
            if items.last() != Some(&rank) {
                items.push(rank);
            }
            items.push(rank + 1);
        }
        let offsets = self.file.numbers(self.offsets, &items)?;
        let mut at = 0;
        let lists = ranks.iter().map(|rank| {
            at += usize::from(items[at] != *rank);
            let list = offsets[at]..offsets[at + 1];
            at += 1;
            list
        });
        let lists: Vec<Range<u32>> = lists.collect();
        self.file.pieces(self.lists, &lists, |place, bytes| each(place, List { file: &self.file, bytes }))
    }
}

/// Lists that are looked up together.
const BATCH: usize = 1024;

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

#[cfg(test)]
mod tests {
    use super::super::block::{BlockFile, BlockWriter};
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    #[test]
    fn many_lists_at_once_are_those_one_by_one() {
        // Short ones, empty ones, and some that go over several blocks.
        let ranks = 5000u32;
        let numbers = |rank: u32| match rank {
            700 | 701 | 4000 => 0..30_000,
            _ => 0..rank % 5,
        };
        let pairs: Vec<(u32, u32)> =
            (0..ranks).flat_map(|rank| numbers(rank).map(move |n| (rank, n * 300 + rank))).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut out = BlockWriter::new(file.as_file(), 1, 7).unwrap();
        Postings::group(ranks as usize, &pairs).write(&(0..ranks).collect::<Vec<_>>(), &mut out).unwrap();
        let (mut out, header) = out.finish().unwrap();
        out.flush().unwrap();
        out.write_all_at(&header, 0).unwrap();
        let file = Rc::new(BlockFile::open(file.path(), 1).unwrap());
        let reader = PostingsReader::open(&file, 0).unwrap();
        for step in [1, 2, 3, 7, 350, 1022, 1023, 4999] {
            for first in [0, 1, 699] {
                let asked: Vec<u32> = (first..ranks).step_by(step).collect();
                let mut found = vec![Vec::new(); asked.len()];
                reader.each_of_many(&asked, |place, list| list.each(|number| found[place].push(number))).unwrap();
                for (rank, found) in asked.iter().zip(found) {
                    let mut expected = Vec::new();
                    reader.each(*rank, |number| expected.push(number)).unwrap();
                    assert_eq!(expected.len(), numbers(*rank).len());
                    assert!(found == expected, "list {rank} of every {step}");
                }
            }
        }
        assert!(reader.each_of_many(&[ranks], |_, _| Ok(())).is_err(), "there is no such list");
    }
}
