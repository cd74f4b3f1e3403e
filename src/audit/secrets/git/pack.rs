//! One pack: objects one after the other, each compressed, most of them as the difference to another.

use super::{Id, Kind, MAX_WHOLE, delta, index};
use anyhow::{Context, Result, bail};
use flate2::bufread::ZlibDecoder;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Objects that others are made of, kept by one thread.
const CACHE_BYTES: usize = 64 << 20;
/// git makes no chain longer than this.
const MAX_CHAIN: usize = 4096;
/// All that is decompressed and put together. A few bytes of a pack can ask for any amount.
const MAX_WORK_BYTES: u64 = 256 << 30;
const NONE: u32 = u32::MAX;

pub struct Pack {
    pub path: PathBuf,
    file: File,
    end: u64,
    /// By offset.
    entries: Vec<Entry>,
    /// Ids in order, each with its entry.
    ids: Vec<(Id, u32)>,
    work: AtomicU64,
}

struct Entry {
    id: Id,
    offset: u64,
    /// Of the object or of its delta, when decompressed.
    size: u64,
    /// Bytes of the header.
    header: u8,
    kind: Option<Kind>,
    /// What it is the difference to.
    base: u32,
}

impl Pack {
    pub fn new(path: PathBuf, file: File, index: &[u8], hash: usize) -> Result<Pack> {
        let mut index = index::parse(index, hash).context("its index is no index")?;
        index.sort_unstable_by_key(|(_, offset)| *offset);
        let end = file.metadata()?.len().saturating_sub(hash as u64);
        let new = |(id, offset)| Entry { id, offset, size: 0, header: 0, kind: None, base: NONE };
        let mut entries: Vec<Entry> = index.into_iter().map(new).collect();
        entries.dedup_by_key(|entry| entry.offset);
        let mut ids: Vec<(Id, u32)> = entries.iter().zip(0..).map(|(entry, at)| (entry.id, at)).collect();
        ids.sort_unstable();
        let mut pack = Pack { path, file, end, entries, ids, work: AtomicU64::new(0) };
        (0..pack.entries.len()).try_for_each(|at| pack.read_header(at, hash))?;
        pack.spread_kinds();
        Ok(pack)
    }

    pub fn find(&self, id: &Id) -> Option<u32> {
        self.ids.binary_search_by_key(id, |(id, _)| *id).ok().map(|at| self.ids[at].1)
    }

    pub fn id(&self, at: u32) -> Id {
        self.entries[at as usize].id
    }

    /// `None` for what is the difference to something that is not here.
    pub fn kind(&self, at: u32) -> Option<Kind> {
        self.entries[at as usize].kind
    }

    /// Objects of which nobody knows what they are: what they are made of is not here.
    pub fn lost(&self) -> usize {
        self.entries.iter().filter(|entry| entry.kind.is_none()).count()
    }

    /// Every object, each behind the one it is made of and near to it: so they are read with the least work.
    pub fn order(&self) -> Vec<u32> {
        let mut first = vec![NONE; self.entries.len()];
        let mut next = vec![NONE; self.entries.len()];
        for at in (0..self.entries.len()).rev() {
            if let Some(parent) = first.get_mut(self.entries[at].base as usize) {
                next[at] = *parent;
                *parent = at as u32;
            }
        }
        let mut order = Vec::with_capacity(self.entries.len());
        for root in (0..self.entries.len()).filter(|at| self.entries[*at].base == NONE) {
            let mut open = vec![root as u32];
            while let Some(at) = open.pop() {
                order.push(at);
                let mut child = first[at as usize];
                while child != NONE {
                    open.push(child);
                    child = next[child as usize];
                }
            }
        }
        order
    }

    /// An object as a stream, of any size; or whole, if it is a difference.
    pub fn open<'p>(&'p self, at: u32, cache: &mut Cache) -> Result<Box<dyn Read + 'p>> {
        let entry = &self.entries[at as usize];
        if entry.base == NONE && entry.size > MAX_WHOLE {
            self.spend(entry.size)?;
            return Ok(Box::new(self.stream(entry)));
        }
        Ok(Box::new(Shared { bytes: self.whole(at, cache)?, at: 0 }))
    }

    pub fn whole(&self, at: u32, cache: &mut Cache) -> Result<Arc<Vec<u8>>> {
        let mut chain = Vec::new();
        let mut next = at;
        let mut object = loop {
            if let Some(known) = cache.objects.get(&next) {
                break Arc::clone(known);
            }
            let entry = &self.entries[next as usize];
            if entry.base == NONE {
                let object = Arc::new(self.inflated(entry)?);
                cache.keep(next, &object);
                break object;
            }
            if chain.len() >= MAX_CHAIN {
                bail!("a chain of differences without an end");
            }
            chain.push(next);
            next = entry.base;
        };
        for at in chain.into_iter().rev() {
            let delta = self.inflated(&self.entries[at as usize])?;
            let made = delta::apply(&object, &delta).context("a difference that does not fit")?;
            self.spend(made.len() as u64)?;
            object = Arc::new(made);
            cache.keep(at, &object);
        }
        Ok(object)
    }

    fn inflated(&self, entry: &Entry) -> Result<Vec<u8>> {
        if entry.size > MAX_WHOLE {
            bail!("an object of {} bytes that others are made of", entry.size);
        }
        self.spend(entry.size)?;
        let mut bytes = Vec::with_capacity(usize::try_from(entry.size)?);
        self.stream(entry).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != entry.size {
            bail!("an object that is shorter than it says");
        }
        Ok(bytes)
    }

    fn stream(&self, entry: &Entry) -> impl Read {
        let from = Part { file: &self.file, at: entry.offset + u64::from(entry.header), end: self.end };
        // Most objects are small, and so is what is read for them.
        let room = usize::try_from(entry.size / 2).unwrap_or(usize::MAX).clamp(512, 64 << 10);
        ZlibDecoder::new(BufReader::with_capacity(room, from)).take(entry.size)
    }

    fn spend(&self, bytes: u64) -> Result<()> {
        if self.work.fetch_add(bytes, Ordering::Relaxed) > MAX_WORK_BYTES {
            bail!("its objects take more than {} GiB", MAX_WORK_BYTES >> 30);
        }
        Ok(())
    }

    fn read_header(&mut self, at: usize, hash: usize) -> Result<()> {
        let offset = self.entries[at].offset;
        let mut head = [0; 64];
        let read = self.file.read_at(&mut head, offset)?;
        let mut rest = &head[..read];
        let header = header(&mut rest, offset, hash).with_context(|| format!("no object at {offset}"))?;
        let base = match header.base {
            Base::None => NONE,
            Base::Offset(base) => {
                let found = self.entries[..at].binary_search_by_key(&base, |entry| entry.offset);
                found.map_or(at, |found| found) as u32
            }
            // Itself stands for what is not here.
            Base::Id(id) => self.find(&id).unwrap_or(at as u32),
        };
        let entry = &mut self.entries[at];
        (entry.size, entry.header, entry.kind, entry.base) =
            (header.size, (read - rest.len()) as u8, header.kind, base);
        Ok(())
    }

    /// A difference is of its base's kind.
    fn spread_kinds(&mut self) {
        for at in 0..self.entries.len() {
            let mut path = Vec::new();
            let mut next = at;
            while self.entries[next].kind.is_none() && self.entries[next].base != NONE && path.len() < MAX_CHAIN {
                path.push(next);
                next = self.entries[next].base as usize;
            }
            let kind = self.entries[next].kind;
            path.into_iter().for_each(|at| self.entries[at].kind = kind);
        }
    }
}

struct Header {
    size: u64,
    kind: Option<Kind>,
    base: Base,
}

enum Base {
    None,
    Offset(u64),
    Id(Id),
}

fn header(bytes: &mut &[u8], offset: u64, hash: usize) -> Option<Header> {
    let mut byte = bytes.split_off_first().copied()?;
    let code = byte >> 4 & 7;
    let (mut size, mut shift) = (u64::from(byte & 15), 4);
    while byte & 0x80 != 0 {
        byte = bytes.split_off_first().copied()?;
        size |= u64::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 57)?;
        shift += 7;
    }
    let (kind, base) = match code {
        1 => (Some(Kind::Commit), Base::None),
        2 => (Some(Kind::Tree), Base::None),
        3 => (Some(Kind::Blob), Base::None),
        4 => (Some(Kind::Tag), Base::None),
        6 => {
            let mut byte = bytes.split_off_first().copied()?;
            let mut back = u64::from(byte & 0x7f);
            while byte & 0x80 != 0 {
                byte = bytes.split_off_first().copied()?;
                back = (back + 1).checked_mul(128).filter(|back| *back < 1 << 56)? | u64::from(byte & 0x7f);
            }
            (None, Base::Offset(offset.checked_sub(back)?))
        }
        7 => (None, Base::Id(Id::of(bytes.split_off(..hash)?))),
        _ => return None,
    };
    Some(Header { size, kind, base })
}

/// Objects that were read lately, the newest of them.
#[derive(Default)]
pub struct Cache {
    objects: HashMap<u32, Arc<Vec<u8>>>,
    order: VecDeque<u32>,
    bytes: usize,
}

impl Cache {
    fn keep(&mut self, at: u32, object: &Arc<Vec<u8>>) {
        self.bytes += object.len();
        self.order.push_back(at);
        self.objects.insert(at, Arc::clone(object));
        while self.bytes > CACHE_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.objects.remove(&oldest).map_or(0, |object| object.len());
        }
    }
}

struct Shared {
    bytes: Arc<Vec<u8>>,
    at: usize,
}

impl Read for Shared {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let read = (&self.bytes[self.at..]).read(room)?;
        self.at += read;
        Ok(read)
    }
}

/// A part of a file that several read at once.
struct Part<'f> {
    file: &'f File,
    at: u64,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(room.len());
        let read = self.file.read_at(&mut room[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
