//! An archive on its way: from the network through its hash and its decompression to files, at once.
//!
//! Three threads pass it on, so that nothing waits for the slowest part but itself: what comes and is hashed, what is
//! decompressed, and what is written. What has come is kept until the whole is good, so that an interrupted installation goes on
//! where it was: `CACHE/archives/SHA256.part`.

use super::vouch::{Archive, Detached, Minisigned};
use super::{ANOTHER, Rejected, Shop};
use crate::audit::pgp::Awaited;
use crate::error::{Exit, Hinted};
use crate::model::Event;
use crate::sys::archive::{Limits, untar, unzip};
use crate::sys::http::{Stream, forget};
use crate::sys::read_ahead::ReadAhead;
use crate::sys::unpack::decoder;
use anyhow::{Context, Result, bail};
use minisign_verify::StreamVerifier;
use ring::digest::{Context as Hash, SHA256};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The largest runtime there is has a fifth of it.
const MAX_ARCHIVE_BYTES: u64 = 4 << 30;

/// Who has not come back for the rest by then does not want it.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an earlier attempt had kept is not the beginning of what came now; it is not kept any more.
#[derive(Debug)]
pub(super) struct Spoiled(String);

impl std::fmt::Display for Spoiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Spoiled {}

/// Unpacks an archive into a folder, and fails where it is not what was vouched for. The error is [`Spoiled`] where it `resumes` what
/// was kept, and all of it from its publisher may be good.
pub(super) fn unpack(shop: &Shop<'_>, archive: &Archive, folder: &Path, scratch: &Path, resumes: bool) -> Result<()> {
    let (what, url) = (archive.what.as_str(), archive.url.as_str());
    let archives = shop.cache.join("archives");
    let kept = archives.join(&archive.sha256);
    // Where it cannot be made nothing is kept.
    drop(std::fs::create_dir_all(&archives));
    sweep(&archives);
    let stream = match resumes {
        true => Stream::open_kept(url, &shop.network, MAX_ARCHIVE_BYTES, &kept)?,
        false => Stream::open(url, &shop.network, MAX_ARCHIVE_BYTES)?,
    };
    let is_resumed = stream.is_resumed();
    let total_bytes = stream.total_bytes();
    let (watched, seen) = Watched::new(stream, archive.signature.as_ref())?;
    let mut tick = || {
        let done_bytes = seen.bytes.load(Ordering::Relaxed);
        shop.observer.event(Event::Fetching { what, done_bytes, total_bytes });
    };
    let unpacked = pass(watched, &seen, archive, folder, scratch, &mut tick);
    let (bytes, broke) = (seen.bytes.load(Ordering::Relaxed), seen.broke.load(Ordering::Relaxed));
    shop.observer.event(match unpacked {
        Ok(()) => Event::Fetched { what, bytes },
        Err(_) => Event::NotFetched { what },
    });
    if !broke {
        forget(&kept);
    }
    match unpacked {
        Err(error) if is_resumed && !broke => Err(Spoiled(format!("{error:#}")).into()),
        unpacked => unpacked.with_context(|| Hinted::new(Exit::Failed, format!("cannot unpack {url}"), ANOTHER)),
    }
}

fn pass(
    mut watched: Watched,
    seen: &Seen,
    archive: &Archive,
    folder: &Path,
    scratch: &Path,
    tick: &mut dyn FnMut(),
) -> Result<()> {
    if archive.url.ends_with(".zip") {
        let mut file = tempfile::tempfile_in(scratch).context("cannot write a temporary file")?;
        copy(&mut watched, &mut file, tick)?;
        // What is not what it should be is not looked at.
        seen.verify(archive)?;
        return unzip(&file, folder, archive.layout, Limits::RUNTIME, tick);
    }
    let content = ReadAhead::new(decoder(ReadAhead::new(watched), Some(scratch))?);
    untar(content, folder, archive.layout, Limits::RUNTIME, tick)?;
    seen.verify(archive)
}

/// Takes away what nobody came back for.
fn sweep(archives: &Path) {
    for entry in std::fs::read_dir(archives).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|stat| stat.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > KEPT_FOR) {
            // What cannot be deleted is tried again.
            drop(std::fs::remove_file(entry.path()));
        }
    }
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
    /// Whether it came to an end before its end.
    broke: AtomicBool,
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
    signature: Option<Verifier>,
    seen: Arc<Seen>,
}

/// A signature that is verified while its archive passes.
enum Verifier {
    Minisign(Box<StreamVerifier<'static>>),
    OpenPgp(Box<Awaited>),
}

impl Verifier {
    fn of(signature: &Detached) -> Result<Verifier> {
        Ok(match signature {
            Detached::Minisign(minisigned) => {
                let Minisigned { key, signature } = &**minisigned;
                // The verifier borrows both, and a thread of its own needs them for as long as it likes: some hundred bytes for each
                // installation, of which a process makes a few.
                let key = Box::leak(Box::new(key.clone()));
                let signature = Box::leak(Box::new(signature.clone()));
                let verifier = key.verify_stream(signature).map_err(|error| anyhow::anyhow!("{error}"))?;
                Verifier::Minisign(Box::new(verifier))
            }
            Detached::OpenPgp(awaited) => Verifier::OpenPgp(awaited.clone()),
        })
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Verifier::Minisign(verifier) => verifier.update(bytes),
            Verifier::OpenPgp(awaited) => awaited.update(bytes),
        }
    }

    /// Whether all that passed is what was signed.
    fn holds(self) -> bool {
        match self {
            Verifier::Minisign(mut verifier) => verifier.finalize().is_ok(),
            Verifier::OpenPgp(awaited) => awaited.holds(),
        }
    }
}

impl Watched {
    fn new(input: Stream, signature: Option<&Detached>) -> Result<(Watched, Arc<Seen>)> {
        let signature = signature.map(Verifier::of).transpose()?;
        let seen = Arc::new(Seen::default());
        Ok((Watched { input, hash: Some(Hash::new(&SHA256)), signature, seen: seen.clone() }, seen))
    }

    fn end(&mut self) {
        let Some(hash) = self.hash.take() else { return };
        let sha256 = hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let is_signed = self.signature.take().is_none_or(Verifier::holds);
        drop(self.seen.verdict.set(Verdict { sha256, is_signed }));
    }
}

impl Read for Watched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.input.read(out).inspect_err(|_| self.seen.broke.store(true, Ordering::Relaxed))?;
        if got == 0 && !out.is_empty() {
            self.end();
        }
        if let Some(hash) = &mut self.hash {
            hash.update(&out[..got]);
        }
        if let Some(verifier) = &mut self.signature {
            verifier.update(&out[..got]);
        }
        self.seen.bytes.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}
