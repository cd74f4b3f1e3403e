//! The file every index is kept in: blocks of 4 KiB, each ending in its own checksum, in named sections.
//!
//! A block is believed only after its checksum has been compared, at the moment it is first touched, so that a flipped bit
//! or a block of another file is found by the query that would have been wrong, at a cost of a third of a microsecond.
//! The checksum's seed is the file's generation and the block's number: a block in the wrong place does not pass either.
//!
//! Read with `pread`, not mapped: a look-up touches a dozen blocks, for which `pread` takes 11 µs and a mapping 38 µs, no
//! other process can make a read fault (a mapping of a file that somebody truncates does), and nothing here is `unsafe`.
//!
//! What a section holds is not known here. Layout: omg-index(5).

use super::error::{Error, Result};
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Size of a block in the file.
pub const BLOCK: usize = 4096;
/// What a block holds besides its checksum.
pub const PAYLOAD: usize = BLOCK - 8;
/// Changes whenever the meaning of any byte changes. There is no migration: another version is built anew.
pub const VERSION: u32 = 6;

const MAGIC: [u8; 8] = *b"omgindex";
const MAX_SECTIONS: usize = 32;
const HEADER_SEED: u64 = 0x6f6d_6769_6e64_6578;
/// Blocks read at once when a section is read from end to end.
const SCAN_BLOCKS: usize = 16;
/// Where so many blocks or fewer lie between two that are wanted, they are read with them: a call costs more.
const PASSED_OVER: u32 = 1;
const CACHED_BLOCKS: usize = 32;

/// Where a section lies and how much it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Section {
    first_block: u32,
    /// Bytes of payload.
    pub len: u64,
    /// Entries, in the unit of whoever wrote the section.
    pub items: u64,
}

impl Section {
    pub fn blocks(&self) -> u32 {
        self.len.div_ceil(PAYLOAD as u64) as u32
    }
}

/// Writes one file from front to back. The header comes last, so an unfinished file has none.
pub struct BlockWriter<W: Write> {
    out: BufWriter<W>,
    kind: u8,
    generation: u64,
    next_block: u32,
    sections: Vec<Section>,
}

impl<W: Write> BlockWriter<W> {
    pub fn new(out: W, kind: u8, generation: u64) -> std::io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, out);
        out.write_all(&[0; BLOCK])?;
        Ok(BlockWriter { out, kind, generation, next_block: 1, sections: Vec::new() })
    }

    /// Appends a section; its number is the count of those before it.
    pub fn section(&mut self, bytes: &[u8], items: u64) -> std::io::Result<()> {
        self.sections.push(Section { first_block: self.next_block, len: bytes.len() as u64, items });
        let mut padded = [0; PAYLOAD];
        for piece in bytes.chunks(PAYLOAD) {
            let payload = if piece.len() == PAYLOAD {
                piece
            } else {
                padded[..piece.len()].copy_from_slice(piece);
                &padded[..]
            };
            self.out.write_all(payload)?;
            self.out.write_all(&checksum(payload, self.generation, self.next_block).to_le_bytes())?;
            self.next_block += 1;
        }
        Ok(())
    }

    /// Gives back the file and the header block that the caller writes at offset 0 before it publishes the file.
    pub fn finish(self) -> std::io::Result<(W, [u8; BLOCK])> {
        assert!(self.sections.len() <= MAX_SECTIONS, "a file has a fixed, small number of sections");
        let mut header = Vec::with_capacity(BLOCK);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&u32::from(self.kind).to_le_bytes());
        header.extend_from_slice(&self.generation.to_le_bytes());
        header.extend_from_slice(&self.next_block.to_le_bytes());
        header.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        for section in &self.sections {
            header.extend_from_slice(&u64::from(section.first_block).to_le_bytes());
            header.extend_from_slice(&section.len.to_le_bytes());
            header.extend_from_slice(&section.items.to_le_bytes());
        }
        header.resize(PAYLOAD, 0);
        let sum = xxh3_64_with_seed(&header, HEADER_SEED);
        header.extend_from_slice(&sum.to_le_bytes());
        let out = self.out.into_inner().map_err(|error| error.into_error())?;
        Ok((out, header.try_into().expect("payload and checksum make a block")))
    }
}

fn checksum(payload: &[u8], generation: u64, block: u32) -> u64 {
    xxh3_64_with_seed(payload, generation ^ (u64::from(block) << 32))
}

/// One checked block's payload.
pub type Block = Rc<Payload>;

/// A whole block as it was read; shows itself without its checksum.
pub struct Payload(Vec<u8>);

impl std::ops::Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[..PAYLOAD]
    }
}

/// An open file of blocks.
pub struct BlockFile {
    file: File,
    path: PathBuf,
    generation: u64,
    sections: Vec<Section>,
    cache: RefCell<Cache>,
    /// What a scan reads into, kept for the next one: fresh memory costs more than what is read.
    scanned: RefCell<Vec<u8>>,
}

struct Cache {
    blocks: Vec<(u32, Block)>,
    next: usize,
}

impl BlockFile {
    /// Opens a file and checks its owner, its header and its length, nothing else.
    pub fn open(path: &Path, kind: u8) -> Result<BlockFile> {
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        let stat = file.metadata().map_err(|error| Error::io(path, error))?;
        check_owner(path, &stat)?;
        let damaged = |what| Error::Damaged { path: path.into(), what };
        let mut header = [0; BLOCK];
        file.read_exact_at(&mut header, 0).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => damaged("shorter than a header"),
            _ => Error::io(path, error),
        })?;
        let u32_at = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        if header[..8] != MAGIC {
            return Err(damaged("not an index of omg"));
        }
        if u32_at(8) != VERSION {
            return Err(damaged("written by another version of omg"));
        }
        if u64_at(PAYLOAD) != xxh3_64_with_seed(&header[..PAYLOAD], HEADER_SEED) {
            return Err(damaged("header checksum does not match"));
        }
        if u32_at(12) != u32::from(kind) {
            return Err(damaged("another kind of index"));
        }
        let (generation, blocks, count) = (u64_at(16), u64::from(u32_at(24)), u32_at(28) as usize);
        if stat.len() != blocks * BLOCK as u64 {
            return Err(damaged("its length is not the one it states"));
        }
        if count > MAX_SECTIONS {
            return Err(damaged("too many sections"));
        }
        let mut sections = Vec::with_capacity(count);
        for at in (0..count).map(|i| 32 + i * 24) {
            let section = Section { first_block: u64_at(at) as u32, len: u64_at(at + 8), items: u64_at(at + 16) };
            if section.len.div_ceil(PAYLOAD as u64) + u64::from(section.first_block) > blocks {
                return Err(damaged("a section reaches beyond the end"));
            }
            sections.push(section);
        }
        let cache = RefCell::new(Cache { blocks: Vec::new(), next: 0 });
        Ok(BlockFile { file, path: path.into(), generation, sections, cache, scanned: RefCell::default() })
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The error for content that passed its checksum and still makes no sense.
    pub fn damaged(&self, what: &'static str) -> Error {
        Error::Damaged { path: self.path.clone(), what }
    }

    pub fn section(&self, number: usize) -> Result<Section> {
        self.sections.get(number).copied().ok_or_else(|| self.damaged("a section is missing"))
    }

    /// Block `index` of a section.
    pub fn block(&self, section: Section, index: u32) -> Result<Block> {
        if index >= section.blocks() {
            return Err(self.damaged("a reference beyond its section"));
        }
        let number = section.first_block + index;
        if let Some((_, block)) = self.cache.borrow().blocks.iter().find(|(cached, _)| *cached == number) {
            return Ok(Rc::clone(block));
        }
        let block = Rc::new(Payload(self.read_one(number)?));
        let cache = &mut *self.cache.borrow_mut();
        if cache.blocks.len() < CACHED_BLOCKS {
            cache.blocks.push((number, Rc::clone(&block)));
        } else {
            cache.blocks[cache.next] = (number, Rc::clone(&block));
            cache.next = (cache.next + 1) % CACHED_BLOCKS;
        }
        Ok(block)
    }

    /// `len` bytes at `offset` of a section, appended to `out`.
    pub fn bytes(&self, section: Section, offset: u64, len: usize, out: &mut Vec<u8>) -> Result<()> {
        if offset.checked_add(len as u64).is_none_or(|end| end > section.len) {
            return Err(self.damaged("a reference beyond its section"));
        }
        let (mut index, mut at, mut left) = ((offset / PAYLOAD as u64) as u32, (offset % PAYLOAD as u64) as usize, len);
        if at + left > PAYLOAD {
            return self.long_bytes(section, index, at, left, out);
        }
        while left > 0 {
            let block = self.block(section, index)?;
            let piece = left.min(PAYLOAD - at);
            out.extend_from_slice(&block[at..at + piece]);
            (index, at, left) = (index + 1, 0, left - piece);
        }
        Ok(())
    }

    /// A stretch of many blocks: read in large pieces and kept out of the cache.
    fn long_bytes(&self, section: Section, index: u32, at: usize, len: usize, out: &mut Vec<u8>) -> Result<()> {
        let (mut at, mut left) = (at, len);
        let last = index + ((at + len - 1) / PAYLOAD) as u32;
        out.reserve(len);
        self.scan_blocks(section, index..last + 1, |_, payload| {
            let piece = left.min(PAYLOAD - at);
            out.extend_from_slice(&payload[at..at + piece]);
            (at, left) = (0, left - piece);
            Ok(())
        })
    }

    /// The little-endian number at position `item` of a section of `u32`.
    pub fn number(&self, section: Section, item: u64) -> Result<u32> {
        let per_block = (PAYLOAD / 4) as u64;
        if item >= section.items {
            return Err(self.damaged("a reference beyond its section"));
        }
        let block = self.block(section, (item / per_block) as u32)?;
        let at = (item % per_block) as usize * 4;
        Ok(u32::from_le_bytes(block[at..at + 4].try_into().expect("four bytes")))
    }

    /// Calls back with the number and the payload of each block of a section, in order.
    pub fn scan(&self, section: Section, each: impl FnMut(u32, &[u8]) -> Result<()>) -> Result<()> {
        self.scan_blocks(section, 0..section.blocks(), each)
    }

    /// The same for a range of its blocks.
    pub fn scan_blocks(
        &self,
        section: Section,
        range: Range<u32>,
        mut each: impl FnMut(u32, &[u8]) -> Result<()>,
    ) -> Result<()> {
        if range.end > section.blocks() {
            return Err(self.damaged("a reference beyond its section"));
        }
        // A scan within a scan finds an empty one and makes its own.
        let mut buffer = self.scanned.take();
        if buffer.len() < SCAN_BLOCKS.min(range.len()) * BLOCK {
            buffer.resize(SCAN_BLOCKS.min(range.len()) * BLOCK, 0);
        }
        let mut index = range.start;
        while index < range.end {
            let count = SCAN_BLOCKS.min((range.end - index) as usize);
            self.read(section.first_block + index, &mut buffer[..count * BLOCK])?;
            for block in buffer[..count * BLOCK].chunks_exact(BLOCK) {
                self.check(section.first_block + index, block)?;
                each(index, &block[..PAYLOAD])?;
                index += 1;
            }
        }
        self.scanned.replace(buffer);
        Ok(())
    }

    /// The same for some of its blocks, which ascend.
    pub fn scan_some(
        &self,
        section: Section,
        blocks: &[u32],
        mut each: impl FnMut(u32, &[u8]) -> Result<()>,
    ) -> Result<()> {
        if blocks.iter().any(|block| *block >= section.blocks()) {
            return Err(self.damaged("a reference beyond its section"));
        }
        let mut buffer = self.scanned.take();
        let mut rest = blocks;
        while let Some(&first) = rest.first() {
            let is_near = |pair: &&[u32]| {
                pair[1].wrapping_sub(pair[0]) <= 1 + PASSED_OVER && (pair[1].wrapping_sub(first) as usize) < SCAN_BLOCKS
            };
            let (wanted, behind) = rest.split_at(1 + rest.windows(2).take_while(is_near).count());
            let len = ((wanted[wanted.len() - 1] - first) as usize + 1) * BLOCK;
            if buffer.len() < len {
                buffer.resize(len, 0);
            }
            self.read(section.first_block + first, &mut buffer[..len])?;
            for &block in wanted {
                let at = (block - first) as usize * BLOCK;
                let bytes = &buffer[at..at + BLOCK];
                self.check(section.first_block + block, bytes)?;
                each(block, &bytes[..PAYLOAD])?;
            }
            rest = behind;
        }
        self.scanned.replace(buffer);
        Ok(())
    }

    /// The numbers at these places of a section of `u32`; the places ascend.
    pub fn numbers(&self, section: Section, items: &[u32]) -> Result<Vec<u32>> {
        let per_block = (PAYLOAD / 4) as u32;
        if items.last().is_some_and(|last| u64::from(*last) >= section.items) {
            return Err(self.damaged("a reference beyond its section"));
        }
        let mut numbers = Vec::with_capacity(items.len());
        let mut items = items.iter().copied().peekable();
        self.scan_some(section, &ascending(items.clone().map(|item| item / per_block)), |block, payload| {
            while let Some(item) = items.next_if(|item| item / per_block == block) {
                let at = (item % per_block) as usize * 4;
                numbers.push(u32::from_le_bytes(payload[at..at + 4].try_into().expect("four bytes")));
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    /// Calls back with the place and the bytes of each of these pieces of a section (first byte and end) that is not empty. None begins
    /// before the one before it ends.
    pub fn pieces(
        &self,
        section: Section,
        pieces: &[Range<u32>],
        mut each: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut end = 0;
        for piece in pieces {
            if piece.start < end || piece.end < piece.start || u64::from(piece.end) > section.len {
                return Err(self.damaged("a list ends before it begins"));
            }
            end = piece.end;
        }
        let block_of = |at: u32| at / PAYLOAD as u32;
        let blocks = |piece: &Range<u32>| block_of(piece.start)..=block_of(piece.end - 1);
        let filled = pieces.iter().filter(|piece| !piece.is_empty());
        let (mut next, mut begun) = (0, Vec::new());
        self.scan_some(section, &ascending(filled.flat_map(blocks)), |block, payload| {
            let start = block * PAYLOAD as u32;
            while let Some(piece) = pieces.get(next) {
                if !piece.is_empty() {
                    if block_of(piece.start) > block {
                        break;
                    }
                    let to = ((piece.end - start) as usize).min(PAYLOAD);
                    let here = &payload[piece.start.saturating_sub(start) as usize..to];
                    if here.len() == piece.len() {
                        each(next, here)?;
                    } else {
                        begun.extend_from_slice(here);
                        if begun.len() < piece.len() {
                            break;
                        }
                        each(next, &begun)?;
                        begun.clear();
                    }
                }
                next += 1;
            }
            Ok(())
        })
    }

    /// Reads the blocks from `number` on that fill `buffer`.
    fn read(&self, number: u32, buffer: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(buffer, u64::from(number) * BLOCK as u64).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.damaged("ends early"),
            _ => Error::io(&self.path, error),
        })
    }

    /// The same for one block, into memory that nobody has to clear before.
    fn read_one(&self, number: u32) -> Result<Vec<u8>> {
        let (mut bytes, start) = (Vec::with_capacity(BLOCK), u64::from(number) * BLOCK as u64);
        while bytes.len() < BLOCK {
            let offset = start + bytes.len() as u64;
            match rustix::io::pread(&self.file, rustix::buffer::spare_capacity(&mut bytes), offset) {
                Ok(0) => return Err(self.damaged("ends early")),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::io(&self.path, error.into())),
            }
        }
        bytes.truncate(BLOCK);
        self.check(number, &bytes)?;
        Ok(bytes)
    }

    fn check(&self, number: u32, block: &[u8]) -> Result<()> {
        let stated = u64::from_le_bytes(block[PAYLOAD..].try_into().expect("eight bytes"));
        match checksum(&block[..PAYLOAD], self.generation, number) == stated {
            true => Ok(()),
            false => Err(self.damaged("block checksum does not match")),
        }
    }

    /// Checks every block, for `omg doctor`.
    pub fn verify(&self) -> Result<()> {
        self.sections.iter().try_for_each(|section| self.scan(*section, |_, _| Ok(())))
    }
}

/// Numbers that ascend, each once.
fn ascending(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut once = Vec::new();
    for number in numbers {
        if once.last() != Some(&number) {
            once.push(number);
        }
    }
    once
}

/// Only root's files and one's own are believed, and only where nobody else could have written them.
fn check_owner(path: &Path, stat: &std::fs::Metadata) -> Result<()> {
    let untrusted = |what| Err(Error::Untrusted { path: path.into(), what });
    if !stat.is_file() {
        return untrusted("not a regular file");
    }
    if stat.uid() != 0 && stat.uid() != rustix::process::geteuid().as_raw() {
        return untrusted("owned by somebody else");
    }
    if stat.mode() & 0o022 != 0 {
        return untrusted("writable by others");
    }
    Ok(())
}
