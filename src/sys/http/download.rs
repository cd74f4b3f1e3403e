//! Downloads that end in a whole file or leave the old one as it was.
//!
//! Bytes are collected in `FILE.part`, locked while in use, and what is there of an interrupted attempt is gone on with if
//! the server says that it is still the same file. A finished one is synced, checked by the caller and renamed.

use super::address::{Address, without_password};
use super::kept::{Kept, identity};
use super::{Network, Session, unwrapped_timeout};
use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;
use ureq::Body;
use ureq::http::{HeaderMap, Response};

/// What a download may take, and who is told of it.
pub struct Options<'a> {
    pub network: &'a Network,
    /// The largest file that is accepted.
    pub max_bytes: u64,
    /// Called often.
    pub progress: &'a dyn Fn(Progress),
    /// Judges the finished file before anybody else sees it; an error keeps the old one in its place.
    pub check: &'a dyn Fn(&Path) -> Result<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done_bytes: u64,
    pub total_bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server says that the file is what it already was.
    Unchanged,
    Replaced {
        size_bytes: u64,
    },
}

/// An attempt that was cut off is gone on with at once if it brought as much as this.
pub(super) const WORTH_RESUMING_BYTES: u64 = 16 << 10;
/// How often a file that changes on the server is begun again.
const MAX_RESTARTS: u32 = 3;
/// A server slower than this, in one stall time-out, is no better than a silent one.
pub(super) const MIN_BYTES_PER_STALL: u64 = 2048;
const CHUNK_BYTES: usize = 64 << 10;

/// Makes `dest` what `url` (`http`, `https` or `file`) holds. Its folder must exist; `FILE.part`, `FILE.http` and
/// `FILE.part.http` are put beside it. Two at once for one file wait for each other. On an error the old file stays.
pub fn download(url: &str, dest: &Path, options: &Options<'_>) -> Result<Outcome> {
    let mut part = Part::open(dest)?;
    let outcome = match url.strip_prefix("file://") {
        Some(path) => copy(url, path, &mut part, dest, options),
        None => fetch(&Address::parse(url)?, url, &mut part, dest, options),
    };
    if matches!(outcome, Ok(Outcome::Unchanged)) {
        part.remove();
    }
    outcome
}

/// The file that collects the bytes. Locked as long as it lives.
pub(super) struct Part {
    pub path: PathBuf,
    pub file: File,
}

impl Part {
    pub fn open(dest: &Path) -> Result<Part> {
        let mut path = OsString::from(dest);
        path.push(".part");
        let path = PathBuf::from(path);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || -> Result<File> {
            loop {
                let file = File::from(rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600))?);
                rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
                // Whoever had the lock before may have renamed or removed the file that we waited for.
                let ours = file.metadata()?;
                match fs::symlink_metadata(&path) {
                    Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => return Ok(file),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let file = open().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Part { path, file })
    }

    pub fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().with_context(|| format!("cannot stat {}", self.path.display()))?.len())
    }

    /// What has been collected of `url`, and of which of its states, if one can go on behind it.
    pub fn begun(&self, url: &str) -> Result<Option<(u64, Kept)>> {
        let have = self.len()?;
        let kept = Kept::read(&self.path, url).filter(|kept| have > 0 && kept.exact().is_some());
        Ok(kept.map(|kept| (have, kept)))
    }

    /// Forgets what has been collected.
    pub fn clear(&mut self) -> Result<()> {
        // Its note first: it must never speak of other bytes. There may be none.
        let _ = fs::remove_file(Kept::beside(&self.path));
        self.file.set_len(0).with_context(|| format!("cannot truncate {}", self.path.display()))
    }

    pub fn remove(&self) {
        // Left-overs harm nobody: the next download clears them.
        let _ = fs::remove_file(Kept::beside(&self.path));
        let _ = fs::remove_file(&self.path);
    }

    /// Puts the file in the place of `dest`.
    fn publish(&mut self, dest: &Path, mut kept: Kept, options: &Options<'_>) -> Result<Outcome> {
        let size_bytes = self.len()?;
        self.file.sync_all().with_context(|| format!("cannot write {}", self.path.display()))?;
        if let Err(error) = (options.check)(&self.path) {
            self.remove();
            return Err(error.context(format!("what {} gave is not usable", without_password(&kept.url))));
        }
        let publish = || -> std::io::Result<()> {
            self.file.set_permissions(fs::Permissions::from_mode(0o644))?;
            fs::rename(&self.path, dest)?;
            let folder = dest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        };
        publish().with_context(|| format!("cannot replace {}", dest.display()))?;
        // There may be none.
        let _ = fs::remove_file(Kept::beside(&self.path));
        kept.file = Some(identity(&self.file.metadata()?));
        kept.write(dest)?;
        Ok(Outcome::Replaced { size_bytes })
    }
}

/// How one request ended.
enum Attempt {
    Complete(Kept),
    Unchanged,
    /// The connection broke or fell silent; bytes may have come before.
    Cut(anyhow::Error),
    /// What has been collected is of no use any more.
    Outdated,
}

fn fetch(address: &Address, url: &str, part: &mut Part, dest: &Path, options: &Options<'_>) -> Result<Outcome> {
    let session = Session::new(options.network);
    let current = Kept::read_of_file(dest, url);
    let mut restarts = 0;
    loop {
        let before = part.len()?;
        match attempt(&session, address, url, part, current.as_ref(), options)? {
            Attempt::Complete(kept) => return part.publish(dest, kept, options),
            Attempt::Unchanged => return Ok(Outcome::Unchanged),
            Attempt::Outdated if restarts < MAX_RESTARTS => {
                part.clear()?;
                restarts += 1;
            }
            Attempt::Outdated => bail!("{address} changes faster than it can be downloaded"),
            Attempt::Cut(error) => {
                let resumable = Kept::read(&part.path, url).is_some_and(|kept| kept.exact().is_some());
                let got = part.len()?.saturating_sub(before);
                if !resumable || got < WORTH_RESUMING_BYTES {
                    return Err(error);
                }
            }
        }
    }
}

fn attempt(
    session: &Session<'_>,
    address: &Address,
    url: &str,
    part: &mut Part,
    current: Option<&Kept>,
    options: &Options<'_>,
) -> Result<Attempt> {
    let (have, begun) = part.begun(url)?.map_or((0, None), |(have, kept)| (have, Some(kept)));
    let mut headers = Vec::new();
    if let Some(exact) = begun.as_ref().and_then(Kept::exact) {
        headers.push(("range", format!("bytes={have}-")));
        headers.push(("if-range", exact.to_owned()));
    } else if let Some(current) = current {
        headers.extend(current.etag.iter().map(|etag| ("if-none-match", etag.clone())));
        headers.extend(current.last_modified.iter().map(|date| ("if-modified-since", date.clone())));
    }
    let response = session.get(address, &headers)?;
    match (response.status().as_u16(), begun) {
        (200, _) => {
            part.clear()?;
            let kept = described(url, response.headers());
            kept.write(&part.path)?;
            collect(session, address, response, 0, part, kept, options)
        }
        (206, Some(begun)) => match continues(&begun, have, response.headers()) {
            true => collect(session, address, response, have, part, begun, options),
            false => Ok(Attempt::Outdated),
        },
        (304, None) if !headers.is_empty() => Ok(Attempt::Unchanged),
        (416, Some(_)) => Ok(Attempt::Outdated),
        _ => Err(refused(address, &response)),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|value| !value.is_empty())
}

pub(crate) fn described(url: &str, headers: &HeaderMap) -> Kept {
    let text = |name| header(headers, name).filter(|value| value.len() <= 1024).map(str::to_owned);
    let last_modified = text("last-modified");
    Kept {
        url: url.to_owned(),
        etag: text("etag"),
        // Changed in the second in which it was sent, it may change again in the same second.
        exact_date: last_modified.is_some() && text("date").is_some_and(|date| last_modified.as_ref() != Some(&date)),
        last_modified,
        total: header(headers, "content-length").and_then(|value| value.parse().ok()),
        file: None,
    }
}

/// Whether a partial answer goes on where `have` bytes of `begun` end.
pub(crate) fn continues(begun: &Kept, have: u64, headers: &HeaderMap) -> bool {
    let range = header(headers, "content-range").and_then(|value| value.strip_prefix("bytes "));
    let Some((range, total)) = range.and_then(|range| range.split_once('/')) else { return false };
    let Some((start, end)) = range.split_once('-') else { return false };
    let number = |text: &str| text.parse::<u64>().ok();
    let (total, end) = (number(total), number(end));
    // A server that ignores If-Range may still tell that this is another file.
    let same = |now: Option<&str>, then: &Option<String>| now.is_none() || now == then.as_deref();
    number(start) == Some(have)
        && end.is_some_and(|end| end >= have && total.is_none_or(|total| end.checked_add(1) == Some(total)))
        && (total.is_none() || begun.total.is_none() || total == begun.total)
        && same(header(headers, "etag"), &begun.etag)
        && same(header(headers, "last-modified"), &begun.last_modified)
}

pub(super) fn refused(address: &Address, response: &Response<Body>) -> anyhow::Error {
    let status = response.status();
    let text = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let wait = header(response.headers(), "retry-after").and_then(|value| value.parse::<u32>().ok());
    match (status.as_u16(), wait) {
        (429 | 503, Some(seconds)) => {
            anyhow::anyhow!("{address}: the server answered {}, try again in {seconds} seconds", text.trim_end())
        }
        (404 | 410, _) => Absent(format!("{address}: the server answered {}", text.trim_end())).into(),
        _ => anyhow::anyhow!("{address}: the server answered {}", text.trim_end()),
    }
}

/// The server answers, and has no such file.
#[derive(Debug)]
pub struct Absent(String);

impl Absent {
    pub(super) fn of(message: String) -> Absent {
        Absent(message)
    }
}

impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Absent {}

/// Appends the body of an answer to the `have` bytes there are.
fn collect(
    session: &Session<'_>,
    address: &Address,
    response: Response<Body>,
    have: u64,
    part: &mut Part,
    kept: Kept,
    options: &Options<'_>,
) -> Result<Attempt> {
    let too_large = |part: &mut Part| -> Result<Attempt> {
        part.clear()?;
        bail!("{address} is larger than the {} bytes allowed", options.max_bytes)
    };
    if kept.total.is_some_and(|total| total > options.max_bytes) {
        return too_large(part);
    }
    let mut body = response.into_body().into_reader();
    let mut done = have;
    let (mut window_start, mut window_bytes) = (Instant::now(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    part.file.seek(SeekFrom::Start(have)).context("cannot seek")?;
    loop {
        (options.progress)(Progress { done_bytes: done, total_bytes: kept.total });
        let got = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if unwrapped_timeout(&error) => return Ok(Attempt::Cut(session.silent(address))),
            Err(error) => {
                return Ok(Attempt::Cut(
                    anyhow::Error::new(error).context(format!("{address} broke off after {done} bytes")),
                ));
            }
        };
        done += got as u64;
        if done > options.max_bytes {
            return too_large(part);
        }
        part.file.write_all(&chunk[..got]).with_context(|| format!("cannot write {}", part.path.display()))?;
        window_bytes += got as u64;
        if window_start.elapsed() > options.network.stall_timeout {
            if window_bytes < MIN_BYTES_PER_STALL {
                return Ok(Attempt::Cut(session.silent(address)));
            }
            (window_start, window_bytes) = (Instant::now(), 0);
        }
    }
    match kept.total {
        Some(total) if done < total => {
            Ok(Attempt::Cut(anyhow::anyhow!("{address} broke off after {done} of {total} bytes")))
        }
        Some(total) if done > total => Ok(Attempt::Outdated),
        _ => Ok(Attempt::Complete(kept)),
    }
}

/// A file of this machine. Its own size and time stand for an ETag.
fn copy(url: &str, encoded: &str, part: &mut Part, dest: &Path, options: &Options<'_>) -> Result<Outcome> {
    let path = PathBuf::from(OsString::from_vec(decoded(encoded.strip_prefix("localhost").unwrap_or(encoded))));
    if !path.is_absolute() {
        bail!("not an absolute path: {url}");
    }
    let source = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(Absent(format!("there is no {url}")).into()),
        opened => opened.with_context(|| format!("cannot open {}", path.display()))?,
    };
    let metadata = source.metadata()?;
    if !metadata.is_file() {
        bail!("{} is not a file", path.display());
    }
    let kept = Kept { url: url.to_owned(), etag: Some(identity(&metadata)), ..Kept::default() };
    if Kept::read_of_file(dest, url).is_some_and(|known| known.etag == kept.etag) {
        return Ok(Outcome::Unchanged);
    }
    part.clear()?;
    part.file.seek(SeekFrom::Start(0))?;
    let mut source = source.take(options.max_bytes.saturating_add(1));
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut done_bytes = 0;
    loop {
        (options.progress)(Progress { done_bytes, total_bytes: Some(metadata.len()) });
        match source.read(&mut chunk).with_context(|| format!("cannot read {}", path.display()))? {
            0 => break,
            got => {
                part.file.write_all(&chunk[..got]).with_context(|| format!("cannot write {}", part.path.display()))?
            }
        }
        done_bytes = part.file.stream_position()?;
        if done_bytes > options.max_bytes {
            part.clear()?;
            bail!("{} is larger than the {} bytes allowed", path.display(), options.max_bytes);
        }
    }
    part.publish(dest, kept, options)
}

/// Undoes percent-encoding; a `%` that begins none stands for itself.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}
