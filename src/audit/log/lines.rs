//! Lines of a file from its end, as few bytes as it takes.

use super::MAX_LINE_BYTES;
use anyhow::{Context, Result, bail};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

const CHUNK_BYTES: u64 = 16 << 10;

/// Opens a log to read it; `None` where there is none.
pub fn open(path: &Path) -> Result<Option<File>> {
    let describe = || format!("cannot read {}", path.display());
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        file => file.with_context(describe)?,
    };
    match file.metadata().with_context(describe)?.is_file() {
        true => Ok(Some(file)),
        false => bail!("{} is no file", path.display()),
    }
}

/// A line, and where it stands.
pub struct Line<'b> {
    /// Without the line end; `None` where it is longer than an entry can be.
    pub bytes: Option<&'b [u8]>,
    pub start: u64,
    /// Whether it has a line end: only the last may have none.
    pub is_ended: bool,
}

/// Reads lines backwards.
pub struct Backwards<'f> {
    file: &'f File,
    path: &'f Path,
    /// What of the file has not been returned ends here.
    end: u64,
    /// The bytes of the file from `start` on, up to `end` at least.
    buffer: Vec<u8>,
    start: u64,
}

impl<'f> Backwards<'f> {
    pub fn new(file: &'f File, path: &'f Path) -> Result<Backwards<'f>> {
        let stat = file.metadata().with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Backwards { file, path, end: stat.len(), buffer: Vec::new(), start: stat.len() })
    }

    /// The line before the one that came last; `None` at the beginning of the file.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>> {
        if self.end == 0 {
            return Ok(None);
        }
        self.buffer.truncate((self.end - self.start) as usize);
        if self.buffer.is_empty() {
            self.read_chunk()?;
        }
        let is_ended = self.buffer.last() == Some(&b'\n');
        let mut is_too_long = false;
        // So many bytes at the buffer's end hold no line end but the line's own.
        let mut searched = usize::from(is_ended);
        let start = loop {
            let open = &self.buffer[..self.buffer.len() - searched];
            match memchr::memrchr(b'\n', open) {
                Some(before) => break self.start + before as u64 + 1,
                None if self.start == 0 => break 0,
                None => {
                    // Of a line that is none anyhow, only the beginning is looked for.
                    if self.buffer.len() > MAX_LINE_BYTES {
                        is_too_long = true;
                        self.buffer.clear();
                    }
                    searched = self.buffer.len();
                    self.read_chunk()?;
                }
            }
        };
        let end = std::mem::replace(&mut self.end, start);
        let length = (end - start) as usize - usize::from(is_ended);
        let from = (start - self.start) as usize;
        let bytes = if is_too_long { None } else { Some(&self.buffer[from..from + length]) };
        Ok(Some(Line { bytes, start, is_ended }))
    }

    /// One more chunk before those that are there.
    fn read_chunk(&mut self) -> Result<()> {
        let start = self.start.saturating_sub(CHUNK_BYTES.max(self.buffer.len() as u64));
        let mut bytes = vec![0; (self.start - start) as usize];
        self.file.read_exact_at(&mut bytes, start).with_context(|| format!("cannot read {}", self.path.display()))?;
        bytes.append(&mut self.buffer);
        (self.buffer, self.start) = (bytes, start);
        Ok(())
    }
}
