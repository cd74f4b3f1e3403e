//! A ring of keys as it lies in a file, in which the certificate that made a signature is found by its number and then alone understood.

use super::packets::{PUBLIC_KEY, PUBLIC_SUBKEY};
use super::trustdb::TrustDb;
use super::{armor, packets};
use anyhow::{Context, Result, ensure};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::{Cert, KeyHandle};
use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// All keys of a distribution's maintainers are smaller.
const MAX_BYTES: u64 = 32 << 20;

/// Keys by which signatures are judged.
#[derive(Debug, Default)]
pub struct Keyring {
    /// Packets, unarmoured, of each file: to copy a ring would take as long as to walk it.
    rings: Vec<Vec<u8>>,
    /// Fingerprints in capital hexadecimal digits that a list beside it takes back, as pacman's keyrings have it.
    revoked: HashSet<String>,
    /// What gpg makes of the keys, where the ring is one of its own folders.
    trust: Option<TrustDb>,
    pub files: Vec<PathBuf>,
}

impl Keyring {
    /// Adds a file of keys, armoured or not. `X-revoked` beside `X.gpg` lists those that do not count any more.
    pub fn add(&mut self, path: &Path) -> Result<()> {
        let describe = || format!("cannot read the keys in {}", path.display());
        let file = File::open(path).with_context(describe)?;
        let size = file.metadata().with_context(describe)?.len().min(MAX_BYTES);
        let mut content = Vec::with_capacity(size as usize + 1);
        file.take(MAX_BYTES + 1).read_to_end(&mut content).with_context(describe)?;
        ensure!(content.len() as u64 <= MAX_BYTES, "{} is too large for a ring of keys", path.display());
        self.add_bytes(content).with_context(describe)?;
        let mut list = path.with_extension("").into_os_string();
        list.push("-revoked");
        let list = PathBuf::from(list);
        let mut text = String::new();
        match File::open(&list).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            read => drop(read.with_context(|| format!("cannot read {}", list.display()))?),
        }
        self.revoked.extend(text.lines().map(|line| line.trim().to_ascii_uppercase()));
        self.files.push(path.to_owned());
        Ok(())
    }

    /// The same of a file's content.
    pub fn add_bytes(&mut self, content: Vec<u8>) -> Result<()> {
        ensure!(
            content.get(8..12) != Some(b"KBXf"),
            "gpg keeps them in a keybox, which is not read: `gpg --export` writes a ring"
        );
        self.rings.push(armor::bytes(content)?);
        Ok(())
    }

    /// Adds the ring of a folder of gpg's, in which only what gpg trusts counts.
    pub fn add_folder(&mut self, folder: &Path) -> Result<()> {
        self.add(&folder.join("pubring.gpg"))?;
        self.trust = Some(TrustDb::read(&folder.join("trustdb.gpg"))?);
        Ok(())
    }

    /// Whether the ring trusts a certificate that is in it.
    pub fn trusts(&self, certificate: &Cert) -> bool {
        self.trust.as_ref().is_none_or(|trust| trust.trusts(certificate.fingerprint().as_bytes()))
    }

    /// Whether the list beside the ring takes this certificate back.
    pub fn is_taken_back(&self, fingerprint: &str) -> bool {
        self.revoked.contains(fingerprint)
    }

    /// The certificates one of whose keys bears one of these names. Packets that make no sense end the search with an error: the key
    /// could be behind them.
    pub fn of(&self, named: &[KeyHandle]) -> Result<Vec<Cert>> {
        let mut found = Vec::new();
        self.rings.iter().try_for_each(|ring| search(ring, named, &mut found))?;
        Ok(found)
    }
}

fn search(ring: &[u8], named: &[KeyHandle], found: &mut Vec<Cert>) -> Result<()> {
    // From where the certificate begins that is being read, and whether it is one.
    let (mut start, mut is_wanted) = (0, false);
    let mut end = |start: usize, end: usize, is_wanted: bool| -> Result<()> {
        if is_wanted {
            found.push(Cert::from_bytes(&ring[start..end]).context("a certificate makes no sense")?);
        }
        Ok(())
    };
    for packet in packets::packets(ring) {
        let packet = packet?;
        if packet.tag == PUBLIC_KEY {
            end(start, packet.whole.start, is_wanted)?;
            (start, is_wanted) = (packet.whole.start, false);
        }
        if matches!(packet.tag, PUBLIC_KEY | PUBLIC_SUBKEY) && !is_wanted {
            let fingerprint = packets::fingerprint(&ring[packet.body]);
            let is_it =
                |fingerprint: Vec<u8>| named.iter().any(|name| packets::is_named(&fingerprint, name.as_bytes()));
            is_wanted = fingerprint.is_some_and(is_it);
        }
    }
    end(start, ring.len(), is_wanted)
}
