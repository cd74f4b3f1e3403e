//! Which blocks of the dictionary of words may hold a piece of text, so that a search reads a part of them and not all.
//!
//! For each of [`BUCKETS`] kinds of four letters in a row a bit for each block: set where a word of the block has them. Letters that
//! share a bucket with others let a block through that has nothing; none that has something is held back. Three letters would tell less:
//! a block has some 370 words, and most threes that occur at all are in most blocks.

use super::block::{BlockFile, PAYLOAD, Section};
use super::dictionary::{DictionaryBytes, Strings};
use super::error::Result;

/// Part of the format. With twice as many the index would be 300 KB larger, and a search would read hardly less.
const BUCKETS: usize = 1 << 12;
const LETTERS: usize = 4;
/// Of a long piece so many are looked up: each takes a read, and the first few leave little.
const MOST: usize = 4;

fn bucket(letters: &[u8]) -> usize {
    let number = letters.iter().fold(0, |number: u32, letter| number << 8 | u32::from(*letter));
    (number.wrapping_mul(0x9e37_79b1) >> (u32::BITS - BUCKETS.trailing_zeros())) as usize
}

/// Bytes of one bucket's bits.
fn row_len(blocks: usize) -> usize {
    blocks.div_ceil(8)
}

/// The section for a dictionary.
pub(super) fn build(words: &DictionaryBytes) -> Vec<u8> {
    let blocks = words.blocks.chunks_exact(PAYLOAD);
    let row = row_len(blocks.len());
    let mut bits = vec![0; BUCKETS * row];
    for (block, payload) in blocks.enumerate() {
        let strings = Strings::new(payload).expect("it was just made");
        let (text, _) = strings.text();
        // Behind the last string nothing but zeros follows.
        for letters in text.windows(LETTERS).filter(|letters| !letters.contains(&b'\n') && !letters.contains(&0)) {
            bits[bucket(letters) * row + block / 8] |= 1 << (block % 8);
        }
    }
    bits
}

/// The blocks of a dictionary of so many that may hold `piece`, ascending. `None`: it is too short to tell.
pub(super) fn blocks(file: &BlockFile, section: Section, count: u32, piece: &[u8]) -> Result<Option<Vec<u32>>> {
    if piece.len() < LETTERS {
        return Ok(None);
    }
    let row = row_len(count as usize);
    if section.len != (BUCKETS * row) as u64 {
        return Err(file.damaged("a sieve of another dictionary"));
    }
    let mut left = vec![u8::MAX; row];
    let mut bits = Vec::with_capacity(row);
    for letters in piece.windows(LETTERS).take(MOST) {
        bits.clear();
        file.bytes(section, (bucket(letters) * row) as u64, row, &mut bits)?;
        left.iter_mut().zip(&bits).for_each(|(left, bits)| *left &= bits);
    }
    Ok(Some((0..count).filter(|block| left[*block as usize / 8] >> (block % 8) & 1 == 1).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::block::BlockWriter;
    use super::super::dictionary;
    use super::*;
    use std::collections::BTreeSet;
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    #[test]
    fn no_block_that_holds_a_piece_is_held_back_and_most_others_are() {
        // Names of our own making, of which some share much and others little.
        let syllables = ["lib", "ed", "itor", "qt", "c++", "ße", "x264", "ra", "zo", "um", "k", "perl", "0"];
        let words: BTreeSet<String> = (0..60_000u32)
            .map(|n| (0..4).map(|place| syllables[(n / 13u32.pow(place) % 13) as usize]).collect())
            .collect();
        let made = dictionary::build(words.iter().map(|word| word.as_bytes()));
        let count = (made.blocks.len() / PAYLOAD) as u32;
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut out = BlockWriter::new(file.as_file(), 1, 7).unwrap();
        out.section(&build(&made), 0).unwrap();
        let (mut out, header) = out.finish().unwrap();
        out.flush().unwrap();
        out.write_all_at(&header, 0).unwrap();
        let file = BlockFile::open(file.path(), 1).unwrap();
        let section = file.section(0).unwrap();
        let texts: Vec<&[u8]> = made.blocks.chunks_exact(PAYLOAD).map(|p| Strings::new(p).unwrap().text().0).collect();
        let pieces: BTreeSet<&str> =
            words.iter().step_by(97).flat_map(|word| [&word[..], word.get(1..6).unwrap_or("raxe")]).collect();
        let (mut let_through, mut holding) = (0, 0);
        for piece in pieces {
            let found = blocks(&file, section, count, piece.as_bytes()).unwrap().unwrap();
            for (block, text) in (0u32..).zip(&texts) {
                let holds = memchr::memmem::find(text, piece.as_bytes()).is_some();
                assert!(!holds || found.contains(&block), "{piece} in {block}");
                holding += usize::from(holds);
            }
            let_through += found.len();
        }
        assert!(let_through < holding * 8, "{let_through} let through for {holding}");
        assert_eq!(blocks(&file, section, count, b"lib").unwrap(), None);
        assert!(blocks(&file, section, count + 9, b"libx").is_err());
    }
}
