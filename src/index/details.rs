//! What only a reader of one package's page wants: every version with its origins, and the fields of each. Encoded field
//! by field and gathered into chunks of some 6 KiB. The catalogue's chunks are compressed with zstd, a quarter smaller than
//! lz4 would make them; the few of the local index are not, so that a look-up unpacks one chunk and not two.

use super::block::{BlockFile, Section};
use super::error::Result;
use super::varint::{self, text};
use crate::model::{Field, RepositoryId};
use std::cell::RefCell;
use std::rc::Rc;

const CHUNK: usize = 6 << 10;
const LEVEL: i32 = 1;
/// A chunk is closed as soon as it is over [`CHUNK`]; only one enormous package makes a large one.
const MAX_CHUNK: usize = 8 << 20;

/// Gathers encoded pages into chunks.
#[derive(Default)]
pub struct DetailsBuilder {
    /// The chunks one behind another, each behind its length when unpacked (u32); one as long as that is not compressed.
    pub chunks: Vec<u8>,
    /// Start of each chunk (u32), and the end.
    pub offsets: Vec<u8>,
    pub items: u64,
    pending: Vec<u8>,
    packer: Option<zstd::bulk::Compressor<'static>>,
}

impl DetailsBuilder {
    /// One that compresses its chunks.
    pub fn packed() -> DetailsBuilder {
        let packer = zstd::bulk::Compressor::new(LEVEL).expect("the level exists");
        DetailsBuilder { packer: Some(packer), ..DetailsBuilder::default() }
    }
}

/// Where a package's page is: the chunk and the offset in it, which is below the usual size of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetailsAt {
    pub chunk: u32,
    pub offset: u16,
}

impl DetailsBuilder {
    pub fn push(&mut self, page: &[u8]) -> DetailsAt {
        let at = DetailsAt { chunk: self.items as u32, offset: self.pending.len() as u16 };
        varint::push_bytes(&mut self.pending, &page[..page.len().min(MAX_CHUNK / 2)]);
        if self.pending.len() >= CHUNK {
            self.flush();
        }
        at
    }

    fn flush(&mut self) {
        self.offsets.extend_from_slice(&(self.chunks.len() as u32).to_le_bytes());
        self.chunks.extend_from_slice(&(self.pending.len() as u32).to_le_bytes());
        let start = self.chunks.len();
        // No room for more than it was: what does not get smaller stays as it is.
        self.chunks.resize(start + self.pending.len(), 0);
        let packed = match &mut self.packer {
            Some(packer) => packer.compress_to_buffer(&self.pending, &mut self.chunks[start..]).ok(),
            None => None,
        };
        match packed.filter(|packed| *packed < self.pending.len()) {
            Some(packed) => self.chunks.truncate(start + packed),
            None => self.chunks[start..].copy_from_slice(&self.pending),
        }
        self.items += 1;
        self.pending.clear();
    }

    /// Closes the last chunk; call once, before the sections are written.
    pub fn finish(&mut self) {
        if !self.pending.is_empty() {
            self.flush();
        }
        self.offsets.extend_from_slice(&(self.chunks.len() as u32).to_le_bytes());
    }
}

/// Encodes one package's page.
#[derive(Default)]
pub struct Page {
    pub bytes: Vec<u8>,
}

impl Page {
    /// Starts a version: its text, and the repositories that have it. Its fields follow.
    pub fn version(&mut self, version: &[u8], origins: &[RepositoryId], fields: &[u8]) {
        varint::push_bytes(&mut self.bytes, version);
        varint::push(&mut self.bytes, origins.len() as u64);
        origins.iter().for_each(|&origin| varint::push(&mut self.bytes, u64::from(origin)));
        varint::push_bytes(&mut self.bytes, fields);
    }
}

/// Appends one field to the encoding that [`Page::version`] takes.
pub fn push_field(out: &mut Vec<u8>, field: Field, text: &[u8]) {
    out.push(field as u8);
    varint::push_bytes(out, text);
}

/// The fields of one encoding, in order; ends at what makes no sense.
pub fn fields(bytes: &[u8]) -> impl Iterator<Item = (Field, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let tag = *bytes.get(at)?;
            at += 1;
            let text = varint::pull_bytes(bytes, &mut at)?;
            if let Some(field) = Field::from_tag(tag) {
                return Some((field, text));
            }
        }
    })
}

/// One version of a package, with where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionDetails {
    pub version: String,
    pub origins: Vec<RepositoryId>,
    pub fields: Vec<(Field, String)>,
}

impl VersionDetails {
    pub fn field(&self, wanted: Field) -> Option<&str> {
        self.fields.iter().find(|(field, _)| *field == wanted).map(|(_, text)| text.as_str())
    }
}

/// Pages in a file.
pub struct Details {
    file: Rc<BlockFile>,
    offsets: Section,
    chunks: Section,
    /// The chunk that was unpacked last: neighbours are often asked for one after another.
    last: RefCell<(u32, Rc<[u8]>)>,
}

impl Details {
    /// The offsets are section `number`, the chunks the one behind.
    pub fn open(file: &Rc<BlockFile>, number: usize) -> Result<Details> {
        let (offsets, chunks) = (file.section(number)?, file.section(number + 1)?);
        Ok(Details { file: Rc::clone(file), offsets, chunks, last: RefCell::new((u32::MAX, Rc::from([]))) })
    }

    /// The versions of the page at `at`.
    pub fn page(&self, at: DetailsAt) -> Result<Vec<VersionDetails>> {
        let nonsense = || self.file.damaged("a page makes no sense");
        let chunk = self.chunk(at.chunk)?;
        let mut position = usize::from(at.offset);
        let page = varint::pull_bytes(&chunk, &mut position).ok_or_else(nonsense)?;
        decode(page).ok_or_else(nonsense)
    }

    fn chunk(&self, number: u32) -> Result<Rc<[u8]>> {
        if let (last, chunk) = &*self.last.borrow()
            && *last == number
        {
            return Ok(Rc::clone(chunk));
        }
        let start = self.file.number(self.offsets, u64::from(number))?;
        let end = self.file.number(self.offsets, u64::from(number) + 1)?;
        let nonsense = || self.file.damaged("a page makes no sense");
        let mut packed = Vec::new();
        let len = end.checked_sub(start).ok_or_else(nonsense)?;
        self.file.bytes(self.chunks, u64::from(start), len as usize, &mut packed)?;
        let (size, packed) = packed.split_first_chunk().ok_or_else(nonsense)?;
        let size = u32::from_le_bytes(*size) as usize;
        if size > MAX_CHUNK + CHUNK {
            return Err(nonsense());
        }
        let chunk: Rc<[u8]> = match size == packed.len() {
            true => packed.into(),
            false => zstd::bulk::decompress(packed, size).map_err(|_| nonsense())?.into(),
        };
        *self.last.borrow_mut() = (number, Rc::clone(&chunk));
        Ok(chunk)
    }
}

fn decode(page: &[u8]) -> Option<Vec<VersionDetails>> {
    let (mut versions, mut at) = (Vec::new(), 0);
    while at < page.len() {
        let version = text(varint::pull_bytes(page, &mut at)?);
        let count = varint::pull(page, &mut at)?.min(page.len() as u64);
        let origins = (0..count).map(|_| varint::pull(page, &mut at)?.try_into().ok()).collect::<Option<Vec<_>>>()?;
        let fields = fields(varint::pull_bytes(page, &mut at)?).map(|(field, bytes)| (field, text(bytes))).collect();
        versions.push(VersionDetails { version, origins, fields });
    }
    Some(versions)
}
