//! An archive on its way: from the network through its hash and its decompression to files, at once.
//!
//! Three threads pass it on, so that nothing waits for the slowest part but itself: what comes and is hashed, what is
//! decompressed, and what is written.

use super::vouch::{Archive, Minisigned};
use super::{Rejected, Shop};
use crate::model::Event;
use crate::sys::archive::{Limits, untar, unzip};
use crate::sys::http::Stream;
use crate::sys::read_ahead::ReadAhead;
use crate::sys::unpack::decoder;
use anyhow::{Context, Result, bail};
use minisign_verify::StreamVerifier;
use ring::digest::{Context as Hash, SHA256};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The largest runtime there is has a fifth of it.
const MAX_ARCHIVE_BYTES: u64 = 4 << 30;

/// Unpacks an archive into a folder, and fails where it is not what was vouched for.
pub(super) fn unpack(shop: &Shop<'_>, archive: &Archive, folder: &Path, scratch: &Path) -> Result<()> {
    let Archive { what, url, layout, minisign, .. } = archive;
    let stream = Stream::open(url, &shop.network, MAX_ARCHIVE_BYTES)?;
    let total_bytes = stream.total_bytes();
    let (watched, seen) = Watched::new(stream, minisign.as_ref())?;
    let mut tick = || {
        let done_bytes = seen.bytes.load(Ordering::Relaxed);
        shop.observer.event(Event::Fetching { what, done_bytes, total_bytes });
    };
    let unpacked = if url.ends_with(".zip") {
        let mut watched = watched;
        let mut file = tempfile::tempfile_in(scratch).context("cannot write a temporary file")?;
        copy(&mut watched, &mut file, &mut tick)?;
        // What is not what it should be is not looked at.
        seen.verify(archive)?;
        unzip(&file, folder, *layout, Limits::RUNTIME, &mut tick)
    } else {
        let packed = ReadAhead::new(watched);
        let content = decoder(packed).and_then(|content| {
            let content = ReadAhead::new(content);
            untar(content, folder, *layout, Limits::RUNTIME, &mut tick)
        });
        content.and_then(|()| seen.verify(archive))
    };
    unpacked.with_context(|| format!("cannot unpack {url}"))
}

fn copy(from: &mut impl Read, to: &mut impl io::Write, tick: &mut dyn FnMut()) -> Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(got) => to.write_all(&chunk[..got]).context("cannot write a temporary file")?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("the archive did not come whole"),
        }
        tick();
    }
}

/// What has been seen of an archive, told to whoever unpacks it.
#[derive(Default)]
struct Seen {
    bytes: AtomicU64,
    /// Set at the end.
    verdict: OnceLock<Verdict>,
}

struct Verdict {
    sha256: String,
    /// Whether it has the signature that was asked for.
    is_signed: bool,
}

impl Seen {
    fn verify(&self, Archive { url, sha256, from, .. }: &Archive) -> Result<()> {
        let Some(verdict) = self.verdict.get() else { bail!("it was not read to its end") };
        if verdict.sha256 != *sha256 {
            let message = format!("{url} is not what {from} says: its SHA-256 is {} and not {sha256}", verdict.sha256);
            return Err(Rejected(message).into());
        }
        if !verdict.is_signed {
            return Err(Rejected(format!("{url} is not what its signature is of")).into());
        }
        Ok(())
    }
}

/// Hashes what passes.
struct Watched {
    input: Stream,
    hash: Option<Hash>,
    minisign: Option<StreamVerifier<'static>>,
    seen: Arc<Seen>,
}

impl Watched {
    fn new(input: Stream, minisigned: Option<&Minisigned>) -> Result<(Watched, Arc<Seen>)> {
        let minisign = match minisigned {
            Some(Minisigned { key, signature }) => {
                // The verifier borrows both, and a thread of its own needs them for as long as it likes: some hundred bytes for each
                // installation, of which a process makes a few.
                let key = Box::leak(Box::new(key.clone()));
                let signature = Box::leak(Box::new(signature.clone()));
                Some(key.verify_stream(signature).map_err(|error| anyhow::anyhow!("{error}"))?)
            }
            None => None,
        };
        let seen = Arc::new(Seen::default());
        Ok((Watched { input, hash: Some(Hash::new(&SHA256)), minisign, seen: seen.clone() }, seen))
    }

    fn end(&mut self) {
        let Some(hash) = self.hash.take() else { return };
        let sha256 = hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let is_signed = self.minisign.as_mut().is_none_or(|verifier| verifier.finalize().is_ok());
        drop(self.seen.verdict.set(Verdict { sha256, is_signed }));
    }
}

impl Read for Watched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.input.read(out)?;
        if got == 0 && !out.is_empty() {
            self.end();
        }
        if let Some(hash) = &mut self.hash {
            hash.update(&out[..got]);
        }
        if let Some(verifier) = &mut self.minisign {
            verifier.update(&out[..got]);
        }
        self.seen.bytes.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}
