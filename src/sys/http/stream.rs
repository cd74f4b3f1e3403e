//! What an address holds, to be read while it comes. [`download()`](super::download()) is for files that are kept.
//!
//! A connection that breaks is taken up again where it broke, if the server says that it is still the same file; what was
//! read is not read again. Nothing is remembered beyond that.

use super::address::{Address, without_password};
use super::download::{MIN_BYTES_PER_STALL, WORTH_RESUMING_BYTES, continues, decoded, described, refused};
use super::kept::Kept;
use super::{Absent, Network, Session, unwrapped_timeout};
use anyhow::{Context, Result, anyhow, bail};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Instant;

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
}

impl Stream {
    /// Asks for it. The error is [`Absent`] where there is no such file.
    pub fn open(url: &str, network: &Network, max_bytes: u64) -> Result<Stream> {
        let (body, kept, total_bytes): (Box<dyn Read + Send>, _, _) = match url.strip_prefix("file://") {
            Some(encoded) => {
                let (file, size) = local(url, encoded)?;
                (Box::new(file), None, Some(size))
            }
            None => {
                let address = Address::parse(url)?;
                let response = Session::new(network).get(&address, &[])?;
                if response.status().as_u16() != 200 {
                    return Err(refused(&address, &response));
                }
                let kept = described(url, response.headers());
                let total = kept.total;
                (Box::new(response.into_body().into_reader()), Some(kept), total)
            }
        };
        if total_bytes.is_some_and(|total| total > max_bytes) {
            bail!("{} is larger than the {max_bytes} bytes allowed", without_password(url));
        }
        let window = (Instant::now(), 0);
        let (network, url) = (network.clone(), url.to_owned());
        Ok(Stream { network, url, body, done_bytes: 0, max_bytes, kept, total_bytes, begun_at: 0, window })
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
        let Some(exact) = exact.filter(|_| self.done_bytes - self.begun_at >= WORTH_RESUMING_BYTES) else {
            return Err(broken);
        };
        let address = Address::parse(&self.url)?;
        let headers = [("range", format!("bytes={}-", self.done_bytes)), ("if-range", exact)];
        let response = Session::new(&self.network).get(&address, &headers)?;
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
