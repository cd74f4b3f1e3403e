//! Reads a catalogue: every package that is known to some repository.
//!
//! Packages are sorted by name, source and architecture; a package's number is its rank, in every section.

use super::block::BlockFile;
use super::build::{CatalogueMeta, KIND_BITS, NO_CANDIDATE, RELATIONS};
use super::details::{Details, DetailsAt, VersionDetails};
use super::dictionary::Dictionary;
use super::error::{Error, Result};
use super::postings::PostingsReader;
use super::rows::Rows;
use super::varint;
use crate::model::{Field, RepositoryId, Source};
use std::cell::OnceCell;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

/// The number in the header that tells a catalogue from other files.
pub const KIND: u8 = 1;

const NAMES: usize = 0;
const ROWS: usize = 2;
const DETAILS: usize = 4;
const WORDS: usize = 6;
const WORD_LISTS: usize = 8;
const TARGETS: usize = 10;
const DEPENDANTS: usize = 12;
const PROVIDED: usize = 14;
const PROVIDERS: usize = 16;
const SIGNATURES: usize = 18;
const POPULARITY: usize = 19;
const META: usize = 20;

/// What is known of a package without opening its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: u32,
    pub source: Source,
    /// Place in [`CatalogueMeta::architectures`]; 0 is the machine's own.
    pub arch: u8,
    pub popularity: u8,
    /// Whether the policy allows some version; else `version` is the first repository's.
    pub has_candidate: bool,
    pub repository: RepositoryId,
    pub details: DetailsAt,
    pub version: String,
    pub name: String,
    pub summary: String,
}

/// An open catalogue.
pub struct Catalogue {
    file: Rc<BlockFile>,
    rows: Rows,
    names: OnceCell<Dictionary>,
    meta: OnceCell<CatalogueMeta>,
}

impl Catalogue {
    pub fn open(path: &Path) -> Result<Catalogue> {
        let file = Rc::new(BlockFile::open(path, KIND)?);
        let rows = Rows::open(&file, ROWS)?;
        Ok(Catalogue { file, rows, names: OnceCell::new(), meta: OnceCell::new() })
    }

    pub fn file(&self) -> &BlockFile {
        &self.file
    }

    /// How many packages there are.
    pub fn len(&self) -> u32 {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All names, ranked as the packages are.
    pub fn names(&self) -> Result<&Dictionary> {
        if self.names.get().is_none() {
            let names = Dictionary::open(&self.file, NAMES)?;
            if names.len() != self.len() {
                return Err(self.file.damaged("not as many names as packages"));
            }
            let _ = self.names.set(names);
        }
        Ok(self.names.get().expect("set above"))
    }

    /// The packages of that name, of whatever source and architecture.
    pub fn find(&self, name: &str) -> Result<Range<u32>> {
        self.names()?.find(name.as_bytes())
    }

    pub fn row(&self, id: u32) -> Result<Row> {
        let (block, at) = self.rows.row(id)?;
        decode(id, &block[at..]).ok_or_else(|| self.file.damaged("a package makes no sense"))
    }

    /// Calls back with every package in order.
    pub fn scan(&self, mut each: impl FnMut(Row) -> Result<()>) -> Result<()> {
        self.rows
            .scan(|id, bytes| each(decode(id, bytes).ok_or_else(|| self.file.damaged("a package makes no sense"))?))
    }

    /// Every version of a package; the candidate's first.
    pub fn details(&self, row: &Row) -> Result<Vec<VersionDetails>> {
        Details::open(&self.file, DETAILS)?.page(row.details)
    }

    /// The packages one of whose versions names `name` in a relation, each with the relation's field.
    pub fn dependants(&self, name: &str) -> Result<Vec<(u32, Field)>> {
        self.listed(TARGETS, DEPENDANTS, name, |number| {
            let kind = (number & ((1 << KIND_BITS) - 1)) as usize;
            RELATIONS.get(kind).map(|field| (number >> KIND_BITS, *field))
        })
    }

    /// The packages that provide `name` without bearing it.
    pub fn providers(&self, name: &str) -> Result<Vec<u32>> {
        self.listed(PROVIDED, PROVIDERS, name, Some)
    }

    fn listed<T>(&self, strings: usize, lists: usize, name: &str, decode: impl Fn(u32) -> Option<T>) -> Result<Vec<T>> {
        let found = Dictionary::open(&self.file, strings)?.find(name.as_bytes())?;
        let lists = PostingsReader::open(&self.file, lists)?;
        let mut out = Vec::new();
        let mut sensible = true;
        for rank in found {
            lists.each(rank, |number| match decode(number) {
                Some(item) => out.push(item),
                None => sensible = false,
            })?;
        }
        if sensible { Ok(out) } else { Err(self.file.damaged("a relation of no known kind")) }
    }

    /// The words of names, summaries and long descriptions, and where each is found.
    pub fn words(&self) -> Result<(Dictionary, PostingsReader)> {
        Ok((Dictionary::open(&self.file, WORDS)?, PostingsReader::open(&self.file, WORD_LISTS)?))
    }

    /// Calls back with each package's number and letters ([`super::build::signature`]).
    pub fn signatures(&self, mut each: impl FnMut(u32, u32)) -> Result<()> {
        let section = self.file.section(SIGNATURES)?;
        let mut id = 0;
        self.file.scan(section, |_, payload| {
            for bytes in payload.chunks_exact(4).take((section.items as u32 - id) as usize) {
                each(id, u32::from_le_bytes(bytes.try_into().expect("four bytes")));
                id += 1;
            }
            Ok(())
        })
    }

    /// Every package's popularity on a scale of a byte.
    pub fn popularity(&self) -> Result<Vec<u8>> {
        let section = self.file.section(POPULARITY)?;
        let mut out = Vec::with_capacity(section.len as usize);
        self.file.bytes(section, 0, section.len as usize, &mut out)?;
        Ok(out)
    }

    /// The repositories and architectures that rows refer to.
    pub fn meta(&self) -> Result<&CatalogueMeta> {
        if self.meta.get().is_none() {
            let section = self.file.section(META)?;
            let mut bytes = Vec::with_capacity(section.len as usize);
            self.file.bytes(section, 0, section.len as usize, &mut bytes)?;
            let meta = rkyv::from_bytes::<CatalogueMeta, rkyv::rancor::Error>(&bytes)
                .map_err(|_| self.file.damaged("its description makes no sense"))?;
            let _ = self.meta.set(meta);
        }
        Ok(self.meta.get().expect("set above"))
    }

    /// What a person calls a repository; empty for one there is not.
    pub fn repository(&self, id: RepositoryId) -> Result<&str> {
        Ok(self.meta()?.repositories.get(usize::from(id)).map_or("", |(_, name, _, _)| name.as_str()))
    }

    /// The foreign architecture's name; empty for the machine's own.
    pub fn architecture(&self, arch: u8) -> Result<&str> {
        match arch {
            0 => Ok(""),
            _ => Ok(self.meta()?.architectures.get(usize::from(arch)).map_or("", String::as_str)),
        }
    }

    /// Checks every block and every row, for `omg doctor`.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        let mut count = 0;
        self.scan(|_| {
            count += 1;
            Ok(())
        })?;
        if count == self.len() { Ok(()) } else { Err(self.file.damaged("packages are missing")) }
    }
}

/// The source of that number.
pub(super) fn source(number: u8) -> Option<Source> {
    [Source::Apt, Source::Pacman, Source::Aur].get(usize::from(number)).copied()
}

fn decode(id: u32, bytes: &[u8]) -> Option<Row> {
    let head: &[u8; 14] = bytes.get(..14)?.try_into().ok()?;
    let mut at = head.len();
    let mut text = || Some(String::from_utf8_lossy(varint::pull_bytes(bytes, &mut at)?).into_owned());
    Some(Row {
        id,
        source: source(head[0])?,
        arch: head[1],
        has_candidate: head[2] & NO_CANDIDATE == 0,
        popularity: head[3],
        repository: u16::from_le_bytes([head[4], head[5]]),
        details: DetailsAt {
            chunk: u32::from_le_bytes(head[6..10].try_into().ok()?),
            offset: u32::from_le_bytes(head[10..14].try_into().ok()?),
        },
        version: text()?,
        name: text()?,
        summary: text()?,
    })
}

/// For callers that match on it.
pub fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Damaged { .. })
}
