//! Zip from a file. Its directory stands at the end, so that it cannot be unpacked while it comes.
//!
//! What runtimes and lists of records come in is understood: stored and deflated, below 4 GiB, of zip64 only that there are many
//! files. Encrypted and split archives are refused.

use super::{Layout, Limits, Target, shown};
use anyhow::{Context, Result, bail};
use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A comment may stand behind the end record.
const MAX_TAIL_BYTES: u64 = 22 + 65_535;
const MAX_DIRECTORY_BYTES: u64 = 64 << 20;

/// Unpacks the zip in `file`.
pub fn unzip(file: &File, folder: &Path, layout: Layout, limits: Limits, tick: &mut dyn FnMut()) -> Result<()> {
    let mut target = Target::new(folder, layout, limits);
    for entry in directory(file)? {
        tick();
        target.count(entry.size, &entry.name)?;
        let Some(path) = target.place(&entry.name)? else { continue };
        match entry.unix_mode() & 0o170_000 {
            _ if entry.name.ends_with(b"/") => target.folder(&path)?,
            // What was packed elsewhere than on Unix says nothing.
            0 | 0o100_000 => {
                let is_program = entry.unix_mode() & 0o111 != 0;
                let mut content = entry.content(file)?;
                target.file(&path, &mut content, is_program, None, tick)?;
                content.finish()?;
            }
            0o040_000 => target.folder(&path)?,
            0o120_000 => {
                let mut to = Vec::new();
                let mut content = entry.content(file)?;
                (&mut content)
                    .take(super::MAX_LINK_BYTES as u64 + 1)
                    .read_to_end(&mut to)
                    .context("damaged zip archive")?;
                content.finish()?;
                target.link(path, &to)?;
            }
            _ => bail!("{} is of a kind that no runtime has", shown(&entry.name)),
        }
    }
    target.finish()
}

/// A single file is no larger.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// All of them together.
const MAX_ALL_BYTES: u64 = 8 << 30;

/// Calls back with the name and the content of each file, unpacked in memory, one at a time.
pub fn each_file(file: &File, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<()> {
    let (mut content, mut all) = (Vec::new(), 0);
    for entry in directory(file)?.into_iter().filter(|entry| !entry.name.ends_with(b"/")) {
        all += entry.size;
        if entry.size > MAX_FILE_BYTES || all > MAX_ALL_BYTES {
            bail!("{} in the zip archive is too large", shown(&entry.name));
        }
        content.clear();
        let mut input = entry.content(file)?;
        input.read_to_end(&mut content).context("damaged zip archive")?;
        input.finish()?;
        each(&entry.name, &content);
    }
    Ok(())
}

struct Entry {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    /// Unix's mode stands in the upper half where it was packed there.
    attributes: u32,
    at: u64,
}

impl Entry {
    fn unix_mode(&self) -> u32 {
        self.attributes >> 16
    }

    /// The bytes of the file, by the directory's word for their number; the header before them may say less.
    fn content<'f>(&self, file: &'f File) -> Result<Content<'f>> {
        let mut header = [0; 30];
        file.read_exact_at(&mut header, self.at).context("damaged zip archive")?;
        if header[..4] != *b"PK\x03\x04" || self.flags & 1 != 0 {
            bail!("{} cannot be unpacked", shown(&self.name));
        }
        let start = self.at + 30 + u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        let packed = BufReader::with_capacity(64 << 10, Section { file, at: start, left: self.packed });
        let input: Box<dyn Read + 'f> = match self.method {
            0 => Box::new(packed),
            8 => Box::new(DeflateDecoder::new(packed)),
            other => bail!("{} is packed by a method that is not known here ({other})", shown(&self.name)),
        };
        Ok(Content { input, crc: Crc::new(), expected: self.crc, left: self.size, name: shown(&self.name) })
    }
}

/// A piece of a file.
struct Section<'f> {
    file: &'f File,
    at: u64,
    left: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let got = self.file.read_at(&mut out[..most], self.at)?;
        self.at += got as u64;
        self.left -= got as u64;
        Ok(got)
    }
}

/// What a file holds, watched so that it is what the directory says.
struct Content<'f> {
    input: Box<dyn Read + 'f>,
    crc: Crc,
    expected: u32,
    left: u64,
    name: String,
}

impl Read for Content<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.input.read(out)?;
        if got as u64 > self.left {
            return Err(io::Error::other(format!("{} is larger than it says", self.name)));
        }
        self.left -= got as u64;
        self.crc.update(&out[..got]);
        Ok(got)
    }
}

impl Content<'_> {
    fn finish(mut self) -> Result<()> {
        let more = self.read(&mut [0]).context("damaged zip archive")?;
        if more != 0 || self.left != 0 || self.crc.sum() != self.expected {
            bail!("{} in the zip archive is damaged", self.name);
        }
        Ok(())
    }
}

fn directory(file: &File) -> Result<Vec<Entry>> {
    let size = file.metadata().context("cannot stat the archive")?.len();
    let tail_bytes = size.min(MAX_TAIL_BYTES);
    let mut tail = vec![0; tail_bytes as usize];
    file.read_exact_at(&mut tail, size - tail_bytes).context("cannot read the archive")?;
    let end = tail.windows(4).rposition(|four| four == b"PK\x05\x06").context("not a zip archive")?;
    let record = tail.get(end..end + 22).context("a zip archive that is cut short")?;
    let (mut count, mut bytes, mut at) =
        (u64::from(u16_at(record, 10)), u64::from(u32_at(record, 12)), u64::from(u32_at(record, 16)));
    if count == u64::from(u16::MAX) {
        (count, bytes, at) = many(file, &tail[..end])?;
    }
    let ends_at = at.checked_add(bytes).filter(|end| *end <= size);
    if ends_at.is_none() || bytes > MAX_DIRECTORY_BYTES {
        bail!("a zip archive of a kind that is not known here");
    }
    let mut records = vec![0; bytes as usize];
    file.read_exact_at(&mut records, at).context("cannot read the archive")?;
    let mut entries = Vec::new();
    let mut rest = records.as_slice();
    for _ in 0..count {
        let head = rest.get(..46).filter(|head| head[..4] == *b"PK\x01\x02").context("damaged zip archive")?;
        let name_bytes = usize::from(u16_at(head, 28));
        let whole = 46 + name_bytes + usize::from(u16_at(head, 30)) + usize::from(u16_at(head, 32));
        let name = rest.get(46..46 + name_bytes).context("damaged zip archive")?.to_vec();
        entries.push(Entry {
            name,
            flags: u16_at(head, 8),
            method: u16_at(head, 10),
            crc: u32_at(head, 16),
            packed: u64::from(u32_at(head, 20)),
            size: u64::from(u32_at(head, 24)),
            attributes: u32_at(head, 38),
            at: u64::from(u32_at(head, 42)),
        });
        rest = rest.get(whole..).context("damaged zip archive")?;
    }
    Ok(entries)
}

/// The number of entries, and the length and the place of their directory, where there are more than a zip of old can count:
/// zip64's end record, by the pointer to it that stands before the other.
fn many(file: &File, before: &[u8]) -> Result<(u64, u64, u64)> {
    let pointer = before.len().checked_sub(20).map(|start| &before[start..]);
    let pointer = pointer.filter(|pointer| pointer.starts_with(b"PK\x06\x07")).context("damaged zip archive")?;
    let mut record = [0; 56];
    file.read_exact_at(&mut record, u64_at(pointer, 8)).context("damaged zip archive")?;
    if !record.starts_with(b"PK\x06\x06") {
        bail!("damaged zip archive");
    }
    Ok((u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48)))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
