//! Reads a catalogue: every package that is known to some repository.
//!
//! Packages are sorted by name, source and architecture; a package's number is its rank, in every section.

use super::block::{BlockFile, PAYLOAD};
use super::build::{CatalogueMeta, NO_CANDIDATE, ROW_HEAD};
use super::details::{Details, DetailsAt, VersionDetails};
use super::dictionary::{Dictionary, Strings};
use super::error::{Error, Result};
use super::postings::PostingsReader;
use super::rows::Rows;
use super::{lists, sieve, varint};
use crate::model::{Field, RepositoryId, Source};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

/// The number in the header that tells a catalogue from other files.
pub const KIND: u8 = 1;

const NAMES: usize = 0;
const DETAILS: usize = 2;
const ROWS: usize = 4;
const SIGNATURES: usize = 6;
const WORDS: usize = 7;
const WORD_LISTS: usize = 9;
const WORD_SIEVE: usize = 11;
const TARGETS: usize = 12;
const PROVIDED: usize = 16;
const POPULARITY: usize = 20;
const META: usize = 21;

/// Beyond this share of all packages it is cheaper to read them in a row than to pass over some.
const SCAN_SHARE: usize = 8;

/// What is known of a package without opening its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: u32,
    pub source: Source,
    /// Place in [`CatalogueMeta::architectures`]; 0 is the machine's own.
    pub arch: u8,
    /// Whether the policy allows some version; else `version` is the first repository's.
    pub has_candidate: bool,
    pub repository: RepositoryId,
    pub details: DetailsAt,
    pub version: String,
    pub name: String,
    pub summary: String,
}

/// A [`Row`] as it lies in its block; its name is in the dictionary.
pub struct Stored<'b> {
    pub source: Source,
    pub arch: u8,
    pub has_candidate: bool,
    pub repository: RepositoryId,
    pub details: DetailsAt,
    version: &'b [u8],
    summary: &'b [u8],
}

impl<'b> Stored<'b> {
    pub fn summary(&self) -> Cow<'b, str> {
        String::from_utf8_lossy(self.summary)
    }

    fn owned(&self, id: u32, name: Vec<u8>) -> Row {
        Row {
            id,
            source: self.source,
            arch: self.arch,
            has_candidate: self.has_candidate,
            repository: self.repository,
            details: self.details,
            version: varint::text(self.version),
            name: varint::text(&name),
            summary: varint::text(self.summary),
        }
    }
}

/// An open catalogue.
pub struct Catalogue {
    file: Rc<BlockFile>,
    rows: Rows,
    details: Details,
    names: OnceCell<Dictionary>,
    meta: OnceCell<CatalogueMeta>,
}

impl Catalogue {
    pub fn open(path: &Path) -> Result<Catalogue> {
        let file = Rc::new(BlockFile::open(path, KIND)?);
        let (rows, details) = (Rows::open(&file, ROWS)?, Details::open(&file, DETAILS)?);
        Ok(Catalogue { file, rows, details, names: OnceCell::new(), meta: OnceCell::new() })
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
        let stored = self.stored(&block[at..])?;
        Ok(stored.owned(id, self.names()?.string(id)?))
    }

    /// The packages of these numbers, none of which comes twice, in the order of the numbers.
    pub fn rows_of(&self, ids: &[u32]) -> Result<Vec<Row>> {
        // Read in the order of the file, each then put where it belongs.
        let mut order: Vec<(u32, usize)> = ids.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let sorted: Vec<u32> = order.iter().map(|(id, _)| *id).collect();
        let mut names = Vec::with_capacity(ids.len());
        self.names()?.each_of(&sorted, |_, name| names.push(name.to_vec()))?;
        let mut rows: Vec<Option<Row>> = Vec::new();
        rows.resize_with(ids.len(), || None);
        let mut found = names.into_iter().zip(&order);
        self.each_of(&sorted, |id, stored| {
            if let Some((name, (_, place))) = found.next() {
                rows[*place] = Some(stored.owned(id, name));
            }
            Ok(())
        })?;
        let rows: Option<Vec<Row>> = rows.into_iter().collect();
        rows.ok_or_else(|| self.file.damaged("a package is missing"))
    }

    /// Calls back with every package in order.
    pub fn scan(&self, mut each: impl FnMut(u32, &Stored<'_>) -> Result<()>) -> Result<()> {
        self.rows.scan(|id, bytes| each(id, &self.stored(bytes)?))
    }

    /// Calls back with the packages of these numbers, which ascend.
    pub fn each_of(&self, ids: &[u32], mut each: impl FnMut(u32, &Stored<'_>) -> Result<()>) -> Result<()> {
        if ids.len() > self.len() as usize / SCAN_SHARE {
            let mut ids = ids.iter().copied().peekable();
            return self.scan(|id, row| if ids.next_if_eq(&id).is_some() { each(id, row) } else { Ok(()) });
        }
        self.rows.each_of(ids, |id, bytes| each(id, &self.stored(bytes)?))
    }

    fn stored<'b>(&self, bytes: &'b [u8]) -> Result<Stored<'b>> {
        decode(bytes).ok_or_else(|| self.file.damaged("a package makes no sense"))
    }

    /// Every version of a package; the candidate's first.
    pub fn details(&self, row: &Row) -> Result<Vec<VersionDetails>> {
        self.page(row.details)
    }

    /// The same for a page.
    pub fn page(&self, at: DetailsAt) -> Result<Vec<VersionDetails>> {
        self.details.page(at)
    }

    /// The packages one of whose versions names `name` in a relation, each with the relation's field.
    pub fn dependants(&self, name: &str) -> Result<Vec<(u32, Field)>> {
        lists::of(&self.file, TARGETS, name, lists::relation)
    }

    /// The packages that provide `name` without bearing it.
    pub fn providers(&self, name: &str) -> Result<Vec<u32>> {
        lists::of(&self.file, PROVIDED, name, Some)
    }

    /// The words of names, summaries and long descriptions, and where each is found.
    pub fn words(&self) -> Result<(Dictionary, PostingsReader)> {
        Ok((Dictionary::open(&self.file, WORDS)?, PostingsReader::open(&self.file, WORD_LISTS)?))
    }

    /// Calls back with the first rank and the strings of each block of [`Catalogue::words`] that may hold `piece`, which is part of one
    /// word.
    pub fn words_with(&self, words: &Dictionary, piece: &str, each: impl FnMut(u32, Strings<'_>)) -> Result<()> {
        let section = self.file.section(WORD_SIEVE)?;
        match sieve::blocks(&self.file, section, words.block_count(), piece.as_bytes())? {
            Some(blocks) => words.scan_some(&blocks, each),
            None => words.scan(each),
        }
    }

    /// Calls back with the number of a package and the letters ([`super::build::signature`], four bytes) of it and those behind.
    pub fn signatures(&self, mut each: impl FnMut(u32, &[u8])) -> Result<()> {
        let section = self.file.section(SIGNATURES)?;
        let mut first = 0;
        self.file.scan(section, |_, payload| {
            let count = (section.items as u32 - first).min(PAYLOAD as u32 / 4);
            each(first, &payload[..count as usize * 4]);
            first += count;
            Ok(())
        })
    }

    /// Calls back with each of these packages, which ascend and may repeat, and its popularity, on a scale of a byte.
    pub fn popularity_of(&self, ids: &[u32], mut each: impl FnMut(u32, u8)) -> Result<()> {
        let section = self.file.section(POPULARITY)?;
        let mut blocks: Vec<u32> = ids.iter().map(|id| id / PAYLOAD as u32).collect();
        blocks.dedup();
        let mut rest = ids;
        self.file.scan_some(section, &blocks, |block, payload| {
            let start = block * PAYLOAD as u32;
            let (here, behind) = rest.split_at(rest.partition_point(|id| id - start < PAYLOAD as u32));
            here.iter()
                .zip(here.iter().map(|id| payload[(id - start) as usize]))
                .for_each(|(id, popular)| each(*id, popular));
            rest = behind;
            Ok(())
        })
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
        Ok(self.meta()?.repositories.get(usize::from(id)).map_or("", |known| known.name.as_str()))
    }

    /// The machine's own architecture; empty where nobody names it.
    pub fn native(&self) -> Result<&str> {
        Ok(self.meta()?.architectures.first().map_or("", String::as_str))
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
        self.scan(|_, _| {
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

fn decode(bytes: &[u8]) -> Option<Stored<'_>> {
    let head: &[u8; ROW_HEAD] = bytes.get(..ROW_HEAD)?.try_into().ok()?;
    let mut at = head.len();
    let mut text = || varint::pull_bytes(bytes, &mut at);
    Some(Stored {
        source: source(head[0] & !NO_CANDIDATE)?,
        has_candidate: head[0] & NO_CANDIDATE == 0,
        arch: head[1],
        repository: u16::from_le_bytes([head[2], head[3]]),
        details: DetailsAt {
            chunk: u32::from_le_bytes(head[4..8].try_into().ok()?),
            offset: u16::from_le_bytes([head[8], head[9]]),
        },
        version: text()?,
        summary: text()?,
    })
}

/// For callers that match on it.
pub fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Damaged { .. })
}
