//! Records of varying length, each known by its rank, packed into blocks without crossing one.
//!
//! A block holds a count, the offset of each record (u16) and the records; a second section holds the rank of each block's
//! first record (u32).

use super::block::{Block, BlockFile, PAYLOAD, Section};
use super::error::Result;
use std::rc::Rc;

/// No record may be longer: it has to fit a block together with the count and its offset.
pub const MAX_ROW: usize = PAYLOAD - 8;

/// Packs records.
#[derive(Default)]
pub struct RowsBuilder {
    pub blocks: Vec<u8>,
    pub firsts: Vec<u8>,
    pub items: u64,
    pending: Vec<u8>,
    offsets: Vec<u16>,
}

impl RowsBuilder {
    pub fn push(&mut self, row: &[u8]) {
        assert!(row.len() <= MAX_ROW, "the caller shortens what does not fit");
        if 2 + 2 * (self.offsets.len() + 1) + self.pending.len() + row.len() > PAYLOAD {
            self.flush();
        }
        if self.offsets.is_empty() {
            self.firsts.extend_from_slice(&(self.items as u32).to_le_bytes());
        }
        self.offsets.push(self.pending.len() as u16);
        self.pending.extend_from_slice(row);
        self.items += 1;
    }

    /// Closes the last block; call once, before the sections are written.
    pub fn flush(&mut self) {
        if self.offsets.is_empty() {
            return;
        }
        let end = self.blocks.len() + PAYLOAD;
        self.blocks.extend_from_slice(&(self.offsets.len() as u16).to_le_bytes());
        let base = 2 + 2 * self.offsets.len() as u16;
        self.offsets.iter().for_each(|offset| self.blocks.extend_from_slice(&(base + offset).to_le_bytes()));
        self.blocks.extend_from_slice(&self.pending);
        self.blocks.resize(end, 0);
        self.pending.clear();
        self.offsets.clear();
    }
}

/// Records in a file.
pub struct Rows {
    file: Rc<BlockFile>,
    blocks: Section,
    firsts: Section,
}

impl Rows {
    /// The blocks are section `number`, the first ranks the one behind.
    pub fn open(file: &Rc<BlockFile>, number: usize) -> Result<Rows> {
        let (blocks, firsts) = (file.section(number)?, file.section(number + 1)?);
        // Callers make room for as many as there are. Each takes an offset at least.
        if blocks.items > blocks.len / 2 {
            return Err(file.damaged("more rows than there is room for"));
        }
        Ok(Rows { file: Rc::clone(file), blocks, firsts })
    }

    pub fn len(&self) -> u32 {
        self.blocks.items as u32
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The block that holds record `rank`, and where in it the record starts. It ends where its own content says so.
    pub fn row(&self, rank: u32) -> Result<(Block, usize)> {
        let (mut low, mut high) = (0, u64::from(self.blocks.blocks()));
        while low < high {
            let middle = (low + high) / 2;
            if self.file.number(self.firsts, middle)? <= rank { low = middle + 1 } else { high = middle }
        }
        let index = low.checked_sub(1).ok_or_else(|| self.file.damaged("a row before the first"))?;
        let first = self.file.number(self.firsts, index)?;
        let block = self.file.block(self.blocks, index as u32)?;
        let at = offset(&block, (rank - first) as usize).ok_or_else(|| self.file.damaged("a row beyond its block"))?;
        Ok((block, at))
    }

    /// The same as [`Rows::scan`] for the records of these ranks, which ascend; blocks without any are not read.
    pub fn each_of(&self, ranks: &[u32], mut each: impl FnMut(u32, &[u8]) -> Result<()>) -> Result<()> {
        let mut bytes = Vec::with_capacity(self.firsts.len as usize);
        self.file.bytes(self.firsts, 0, self.firsts.len as usize, &mut bytes)?;
        let firsts: Vec<u32> =
            bytes.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes"))).collect();
        let mut blocks: Vec<u32> = Vec::new();
        for &rank in ranks {
            let known =
                blocks.last().is_some_and(|&last| firsts.get(last as usize + 1).is_none_or(|next| rank < *next));
            if !known {
                blocks.push(firsts.partition_point(|first| *first <= rank).saturating_sub(1) as u32);
            }
        }
        let mut ranks = ranks.iter().copied().peekable();
        self.file.scan_some(self.blocks, &blocks, |block, payload| {
            let end = firsts.get(block as usize + 1).copied().unwrap_or(u32::MAX);
            while let Some(rank) = ranks.next_if(|rank| *rank < end) {
                let place = rank.checked_sub(firsts[block as usize]).map(|place| place as usize);
                let at = place.and_then(|place| offset(payload, place));
                each(rank, &payload[at.ok_or_else(|| self.file.damaged("a row beyond its block"))?..])?;
            }
            Ok(())
        })
    }

    /// Calls back with rank and bytes (from the record's start to the block's end) of every record.
    pub fn scan(&self, mut each: impl FnMut(u32, &[u8]) -> Result<()>) -> Result<()> {
        let mut rank = 0;
        self.file.scan(self.blocks, |_, payload| {
            let count = u16::from_le_bytes([payload[0], payload[1]]);
            for index in 0..usize::from(count) {
                let at = offset(payload, index).ok_or_else(|| self.file.damaged("a row beyond its block"))?;
                if rank >= self.len() {
                    return Err(self.file.damaged("more rows than it states"));
                }
                each(rank, &payload[at..])?;
                rank += 1;
            }
            Ok(())
        })
    }
}

fn offset(payload: &[u8], index: usize) -> Option<usize> {
    let count = usize::from(u16::from_le_bytes([payload[0], payload[1]]));
    if index >= count {
        return None;
    }
    let at = payload.get(2 + 2 * index..4 + 2 * index)?;
    let offset = usize::from(u16::from_le_bytes([at[0], at[1]]));
    (offset < payload.len()).then_some(offset)
}
