//! One file of keys, read from front to back and never as a whole: packets as they are, in armour, or in a keybox of gpg's.
//!
//! Of a ring of hundreds of certificates one made the signature. It is known by its names, which stand in it: whatever a certificate's
//! keys sign of their own bears one of them. So each certificate is only searched for the bytes of the names, and the fingerprints of
//! keys are worked out where these are found; where that leads to nothing, those of all keys are.

use super::packets::{self, Head, PUBLIC_KEY, PUBLIC_SUBKEY};
use super::{armor, keybox};
use anyhow::{Context, Result, ensure};
use memchr::memmem::Finder;
use sequoia_openpgp::KeyHandle;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// All keys of a distribution's maintainers are smaller.
const MAX_BYTES: u64 = 32 << 20;
/// So much is read at once.
const PIECE: usize = 64 << 10;
/// As long as a key's short name.
const SHORT: usize = 8;

/// A ring of keys.
#[derive(Debug)]
pub enum Ring {
    File(PathBuf, File),
    Bytes(Vec<u8>),
}

impl Ring {
    pub fn open(path: &Path) -> Result<Ring> {
        let file = File::open(path).with_context(|| format!("cannot read the keys in {}", path.display()))?;
        Ok(Ring::File(path.to_owned(), file))
    }

    /// The certificates one of whose keys bears one of these names, each as its packets. Packets that make no sense end the search with an
    /// error: the key could be behind them.
    pub fn of(&self, named: &[KeyHandle]) -> Result<Vec<Vec<u8>>> {
        let search = || {
            let finders: Vec<Finder<'_>> = named.iter().map(|name| Finder::new(short(name.as_bytes()))).collect();
            let is_hinted = |certificate: &[u8]| finders.iter().any(|finder| finder.find(certificate).is_some());
            let found = self.search(named, &is_hinted)?;
            if found.is_empty() { self.search(named, &|_| true) } else { Ok(found) }
        };
        search().with_context(|| match self {
            Ring::File(path, _) => format!("cannot read the keys in {}", path.display()),
            Ring::Bytes(_) => "cannot read the keys".to_owned(),
        })
    }

    fn search(&self, named: &[KeyHandle], is_hinted: &dyn Fn(&[u8]) -> bool) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        let mut pieces = Pieces::new(self)?;
        // From the beginning of the certificate that is being read; `at` is the next packet, `before` what lies before all of it.
        let (mut bytes, mut at, mut before) = (Vec::with_capacity(2 * PIECE), 0, 0);
        let mut start = 0;
        let mut examine = |certificate: &[u8]| -> Result<()> {
            if is_hinted(certificate) && has_key(certificate, named)? {
                found.push(certificate.to_vec());
            }
            Ok(())
        };
        loop {
            while let Some(Head { tag, len, body_len }) = packets::head(&bytes[at..], before + at)? {
                if bytes.len() - at - len < body_len {
                    break;
                }
                if tag == PUBLIC_KEY && at > start {
                    examine(&bytes[start..at])?;
                    start = at;
                }
                at += len + body_len;
            }
            bytes.drain(..start);
            (at, before, start) = (at - start, before + start, 0);
            if !pieces.next(&mut bytes)? {
                break;
            }
        }
        ensure!(at == bytes.len(), "the packet at byte {} is cut off", before + at);
        examine(&bytes)?;
        Ok(found)
    }
}

/// The short name that any name has in it.
fn short(name: &[u8]) -> &[u8] {
    match name.len() {
        0..=SHORT => name,
        // Of the fifth and later versions it is the beginning, else the end.
        20 => &name[20 - SHORT..],
        _ => &name[..SHORT],
    }
}

fn has_key(certificate: &[u8], named: &[KeyHandle]) -> Result<bool> {
    for packet in packets::packets(certificate) {
        let packet = packet?;
        if matches!(packet.tag, PUBLIC_KEY | PUBLIC_SUBKEY) {
            let fingerprint = packets::fingerprint(&certificate[packet.body]);
            let is_named = |of: Vec<u8>| named.iter().any(|name| packets::is_named(&of, name.as_bytes()));
            if fingerprint.is_some_and(is_named) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What a ring holds, as packets, piece by piece.
struct Pieces<'r> {
    ring: &'r Ring,
    form: Form,
    /// What was read and is not handed on, and how much was read.
    raw: Vec<u8>,
    read: u64,
}

enum Form {
    Packets,
    Armour(armor::Unpacker),
    Keybox,
}

impl<'r> Pieces<'r> {
    fn new(ring: &'r Ring) -> Result<Pieces<'r>> {
        let mut pieces = Pieces { ring, form: Form::Packets, raw: Vec::with_capacity(PIECE), read: 0 };
        pieces.read()?;
        if keybox::is_keybox(&pieces.raw) {
            pieces.form = Form::Keybox;
        } else if armor::is_text(&pieces.raw) {
            pieces.form = Form::Armour(armor::Unpacker::default());
        }
        Ok(pieces)
    }

    /// Reads more behind what is not handed on; false at the end.
    fn read(&mut self) -> Result<bool> {
        let count = match self.ring {
            Ring::Bytes(bytes) => {
                let rest = &bytes[self.read as usize..];
                self.raw.extend_from_slice(&rest[..rest.len().min(PIECE)]);
                rest.len().min(PIECE)
            }
            Ring::File(_, file) => {
                let len = self.raw.len();
                self.raw.resize(len + PIECE, 0);
                let count = file.read_at(&mut self.raw[len..], self.read)?;
                self.raw.truncate(len + count);
                count
            }
        };
        self.read += count as u64;
        ensure!(self.read <= MAX_BYTES, "it is too large for a ring of keys");
        Ok(count > 0)
    }

    /// Adds what comes next; false where nothing does.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        loop {
            let used = match &mut self.form {
                Form::Packets => {
                    out.extend_from_slice(&self.raw);
                    self.raw.len()
                }
                Form::Armour(unpacker) => unpacker.lines(&self.raw, out)?,
                Form::Keybox => keybox::certificates(&self.raw, out)?,
            };
            self.raw.drain(..used);
            if used > 0 {
                return Ok(true);
            }
            if self.read()? {
                continue;
            }
            let Form::Armour(unpacker) = &mut self.form else {
                ensure!(self.raw.is_empty(), "it is cut off");
                return Ok(false);
            };
            if self.raw.is_empty() {
                unpacker.end()?;
                return Ok(false);
            }
            // A last line without an end.
            unpacker.line(&std::mem::take(&mut self.raw), out)?;
            return Ok(true);
        }
    }
}
