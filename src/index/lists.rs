//! Lists that are found by a string: a dictionary, and for each of its strings an ascending list of numbers.

use super::block::{BlockFile, BlockWriter};
use super::build::{KIND_BITS, RELATIONS};
use super::dictionary::{self, Dictionary};
use super::error::Result;
use super::intern::Interner;
use super::postings::{Postings, PostingsReader};
use crate::model::Field;
use std::io::Write;
use std::rc::Rc;

/// Ready to be written: four sections.
pub(super) struct Lists {
    pub strings: dictionary::DictionaryBytes,
    postings: (Vec<u8>, Vec<u8>),
}

impl Lists {
    pub fn new(interner: &Interner, postings: &Postings) -> Lists {
        let sorted = interner.sorted();
        let strings = dictionary::build(sorted.iter().map(|(string, _)| *string));
        let ranks: Vec<u32> = sorted.iter().map(|(_, id)| *id).collect();
        Lists { strings, postings: postings.encode(&ranks) }
    }

    pub fn write<W: Write>(&self, out: &mut BlockWriter<W>) -> std::io::Result<()> {
        out.section(&self.strings.blocks, self.strings.items)?;
        out.section(&self.strings.directory, 0)?;
        out.section(&self.postings.0, self.strings.items + 1)?;
        out.section(&self.postings.1, self.strings.items)
    }
}

/// The list of a string, each number as `decode` has it; empty for a string there is not. The dictionary is section `number`,
/// the lists are two sections on.
pub(super) fn of<T>(
    file: &Rc<BlockFile>,
    number: usize,
    string: &str,
    decode: impl Fn(u32) -> Option<T>,
) -> Result<Vec<T>> {
    let found = Dictionary::open(file, number)?.find(string.as_bytes())?;
    let lists = PostingsReader::open(file, number + 2)?;
    let mut out = Vec::new();
    let mut sensible = true;
    for rank in found {
        lists.each(rank, |number| match decode(number) {
            Some(item) => out.push(item),
            None => sensible = false,
        })?;
    }
    if sensible { Ok(out) } else { Err(file.damaged("a relation of no known kind")) }
}

/// A package's number and the relation that the low bits of a number in a list tell.
pub(super) fn relation(number: u32) -> Option<(u32, Field)> {
    let kind = (number & ((1 << KIND_BITS) - 1)) as usize;
    RELATIONS.get(kind).map(|field| (number >> KIND_BITS, *field))
}
