//! What an address holds, to be read while it comes. [`download()`](super::download()) is for files that are kept.
//!
//! A connection that breaks is taken up again where it broke, if the server says that it is still the same file; what was
//! read is not read again. Beyond that only [`Stream::open_kept`] remembers anything.

use super::address::{Address, without_password};
use super::download::{MIN_BYTES_PER_STALL, Part, WORTH_RESUMING_BYTES, continues, decoded, described, refused};
use super::kept::Kept;
use super::{Absent, Network, Session, unwrapped_timeout};
use anyhow::{Context, Result, anyhow, bail};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Instant;
use ureq::Body;
use ureq::http::Response;

/// The bytes of an address of http, https or file. An end that comes too early is an error of the reader.
pub struct Stream {
    network: Network,
    url: String,
    body: Box<dyn Read + Send>,
    done_bytes: u64,
    max_bytes: u64,
    /// What the server said of the file; nothing of one of this machine.
    kept: Option<Kept>,
    total_bytes: Option<u64>,
    /// Where this connection began.
    begun_at: u64,
    window: (Instant, u64),
    /// Where what comes is kept.
    part: Option<Part>,
    /// How much of what was kept before is still to be given.
    kept_bytes: u64,
}

impl Stream {
    /// Asks for it. The error is [`Absent`] where there is no such file.
    pub fn open(url: &str, network: &Network, max_bytes: u64) -> Result<Stream> {
        let Some(encoded) = url.strip_prefix("file://") else {
            let response = asked(url, network, &[])?;
            return Stream::of(url, network, max_bytes, response);
        };
        let (file, size) = local(url, encoded)?;
        Stream::new(url, network, max_bytes, Box::new(file), None, Some(size))
    }

    /// The same, and keeps what comes in `PATH.part` beside a note of what it is, until [`forget`]: what was kept of the same file is
    /// given first, and only the rest is asked for. Nothing is kept of files of this machine, nor where nothing can be written.
    pub fn open_kept(url: &str, network: &Network, max_bytes: u64, path: &Path) -> Result<Stream> {
        let part = if url.starts_with("file://") { None } else { Part::open(path).ok() };
        let Some(mut part) = part else { return Stream::open(url, network, max_bytes) };
        let mut response = None;
        if let Some((have, kept)) = part.begun(url)? {
            if kept.total == Some(have) {
                return Stream::behind(url, network, max_bytes, part, kept, Box::new(io::empty()));
            }
            let exact = kept.exact().unwrap_or_default().to_owned();
            let answer = asked(url, network, &[("range", format!("bytes={have}-")), ("if-range", exact)])?;
            match answer.status().as_u16() {
                206 if continues(&kept, have, answer.headers()) => {
                    let rest = Box::new(answer.into_body().into_reader());
                    return Stream::behind(url, network, max_bytes, part, kept, rest);
                }
                200 => response = Some(answer),
                206 | 416 => {}
                _ => return Err(refused(&Address::parse(url)?, &answer)),
            }
        }
        let response = response.map_or_else(|| asked(url, network, &[]), Ok)?;
        let mut stream = Stream::of(url, network, max_bytes, response)?;
        // What cannot be known again is not worth keeping.
        let known = stream.kept.as_ref().filter(|kept| kept.exact().is_some());
        let noted = known.map(|kept| part.clear().and_then(|()| kept.write(&part.path)));
        let seek = |part: &mut Part| part.file.seek(SeekFrom::Start(0)).is_ok();
        match noted {
            Some(Ok(())) if seek(&mut part) => stream.part = Some(part),
            _ => part.remove(),
        }
        Ok(stream)
    }

    /// Whether part of it was kept from before.
    pub fn is_resumed(&self) -> bool {
        self.kept_bytes > 0
    }

    fn of(url: &str, network: &Network, max_bytes: u64, response: Response<Body>) -> Result<Stream> {
        if response.status().as_u16() != 200 {
            return Err(refused(&Address::parse(url)?, &response));
        }
        let kept = described(url, response.headers());
        let total = kept.total;
        Stream::new(url, network, max_bytes, Box::new(response.into_body().into_reader()), Some(kept), total)
    }

    /// What has been collected, and behind it the rest.
    fn behind(
        url: &str,
        network: &Network,
        max_bytes: u64,
        mut part: Part,
        kept: Kept,
        rest: Box<dyn Read + Send>,
    ) -> Result<Stream> {
        let describe = || format!("cannot read {}", part.path.display());
        let there = File::open(&part.path).with_context(describe)?;
        let have = part.len()?;
        part.file.seek(SeekFrom::Start(have)).with_context(describe)?;
        let total = kept.total;
        let mut stream =
            Stream::new(url, network, max_bytes, Box::new(there.take(have).chain(rest)), Some(kept), total)?;
        (stream.kept_bytes, stream.begun_at, stream.part) = (have, have, Some(part));
        Ok(stream)
    }

    fn new(
        url: &str,
        network: &Network,
        max_bytes: u64,
        body: Box<dyn Read + Send>,
        kept: Option<Kept>,
        total_bytes: Option<u64>,
    ) -> Result<Stream> {
        if total_bytes.is_some_and(|total| total > max_bytes) {
            bail!("{} is larger than the {max_bytes} bytes allowed", without_password(url));
        }
        let window = (Instant::now(), 0);
        let (network, url) = (network.clone(), url.to_owned());
        Ok(Stream {
            network,
            url,
            body,
            done_bytes: 0,
            max_bytes,
            kept,
            total_bytes,
            begun_at: 0,
            window,
            part: None,
            kept_bytes: 0,
        })
    }

    /// Where the server told it.
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// All of it as text, which is short.
    pub fn text(url: &str, network: &Network, max_bytes: u64) -> Result<String> {
        let mut text = String::new();
        Stream::open(url, network, max_bytes)?
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read {}", without_password(url)))?;
        Ok(text)
    }

    /// All of it.
    pub fn bytes(url: &str, network: &Network, max_bytes: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Stream::open(url, network, max_bytes)?
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {}", without_password(url)))?;
        Ok(bytes)
    }

    /// Goes on behind what has come, or gives back why that cannot be.
    fn take_up(&mut self, broken: anyhow::Error) -> Result<()> {
        let exact = self.kept.as_ref().and_then(Kept::exact).map(str::to_owned);
        let Some(exact) = exact.filter(|_| self.done_bytes.saturating_sub(self.begun_at) >= WORTH_RESUMING_BYTES)
        else {
            return Err(broken);
        };
        let address = Address::parse(&self.url)?;
        let headers = [("range", format!("bytes={}-", self.done_bytes)), ("if-range", exact)];
        let response = asked(&self.url, &self.network, &headers)?;
        let goes_on = self.kept.as_ref().is_some_and(|kept| continues(kept, self.done_bytes, response.headers()));
        match response.status().as_u16() {
            206 if goes_on => {}
            200 | 206 | 416 => bail!("{broken:#}, and it is another file now"),
            _ => return Err(refused(&address, &response)),
        }
        self.body = Box::new(response.into_body().into_reader());
        self.begun_at = self.done_bytes;
        self.window = (Instant::now(), 0);
        Ok(())
    }

    /// Keeps what came, as long as that can be.
    fn keep(&mut self, came: &[u8]) {
        if self.kept_bytes > 0 {
            self.kept_bytes = self.kept_bytes.saturating_sub(came.len() as u64);
        } else if let Some(part) = &mut self.part
            && part.file.write_all(came).is_err()
        {
            part.remove();
            self.part = None;
        }
    }

    /// An error where next to nothing came for too long.
    fn watch(&mut self, got: usize) -> Result<()> {
        self.window.1 += got as u64;
        if self.window.0.elapsed() > self.network.stall_timeout {
            if self.window.1 < MIN_BYTES_PER_STALL {
                return Err(self.silent());
            }
            self.window = (Instant::now(), 0);
        }
        Ok(())
    }

    fn silent(&self) -> anyhow::Error {
        let secs = self.network.stall_timeout.as_secs_f32();
        anyhow!("{}: the server sent nothing for {secs} seconds", without_password(&self.url))
    }

    fn broke_off(&self) -> String {
        let total = self.total_bytes.map_or(String::new(), |total| format!(" of {total}"));
        format!("{} broke off after {}{total} bytes", without_password(&self.url), self.done_bytes)
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let broken = match self.body.read(out) {
                Ok(0) if out.is_empty() || self.total_bytes.is_none_or(|total| self.done_bytes >= total) => {
                    return Ok(0);
                }
                Ok(0) => anyhow!(self.broke_off()),
                Ok(got) => {
                    self.done_bytes += got as u64;
                    self.keep(&out[..got]);
                    if self.done_bytes > self.max_bytes {
                        let url = without_password(&self.url);
                        return Err(io::Error::other(format!(
                            "{url} is larger than the {} bytes allowed",
                            self.max_bytes
                        )));
                    }
                    match self.watch(got) {
                        Ok(()) => return Ok(got),
                        Err(error) => return Err(io::Error::other(error)),
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if unwrapped_timeout(&error) => self.silent(),
                Err(error) => anyhow!(error).context(self.broke_off()),
            };
            self.take_up(broken).map_err(|error| io::Error::other(format!("{error:#}")))?;
        }
    }
}

/// Deletes what [`Stream::open_kept`] kept.
pub fn forget(path: &Path) {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // Its note first: it must never speak of other bytes. What stays is of no harm.
    drop(std::fs::remove_file(Kept::beside(&part)));
    drop(std::fs::remove_file(part));
}

fn asked(url: &str, network: &Network, headers: &[(&str, String)]) -> Result<Response<Body>> {
    Session::new(network).get(&Address::parse(url)?, headers)
}

fn local(url: &str, encoded: &str) -> Result<(File, u64)> {
    let path = PathBuf::from(OsString::from_vec(decoded(encoded.strip_prefix("localhost").unwrap_or(encoded))));
    if !path.is_absolute() {
        bail!("not an absolute path: {url}");
    }
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Absent::of(format!("there is no {url}")).into());
        }
        opened => opened.with_context(|| format!("cannot open {}", path.display()))?,
    };
    let metadata = file.metadata().with_context(|| format!("cannot stat {}", path.display()))?;
    if !metadata.is_file() {
        bail!("{} is not a file", path.display());
    }
    Ok((file, metadata.len()))
}
