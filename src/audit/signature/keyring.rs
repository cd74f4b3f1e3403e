//! The rings of keys by which signatures are judged, and what is said of these keys beside the rings.

use super::ring::Ring;
use super::trustdb::TrustDb;
use anyhow::{Context, Result};
use sequoia_openpgp::{Cert, KeyHandle};
use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Of a list beside a ring.
const MAX_BYTES: u64 = 32 << 20;

/// Keys by which signatures are judged.
#[derive(Debug, Default)]
pub struct Keyring {
    rings: Vec<Ring>,
    /// Fingerprints in capital hexadecimal digits that a list beside it takes back, as pacman's keyrings have it.
    revoked: HashSet<String>,
    /// What gpg makes of the keys, where the ring is one of its own folders.
    trust: Option<TrustDb>,
    pub files: Vec<PathBuf>,
}

impl Keyring {
    /// Adds a file of keys: packets, armour or a keybox. `X-revoked` beside `X.gpg` lists those that do not count any more.
    pub fn add(&mut self, path: &Path) -> Result<()> {
        self.rings.push(Ring::open(path)?);
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
    pub fn add_bytes(&mut self, content: Vec<u8>) {
        self.rings.push(Ring::Bytes(content));
    }

    /// Adds the ring of a folder of gpg's, in which only what gpg trusts counts. Where both forms lie there, gpg goes by the keybox.
    pub fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let keybox = folder.join("pubring.kbx");
        self.add(&if keybox.exists() { keybox } else { folder.join("pubring.gpg") })?;
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

    /// The certificates one of whose keys bears one of these names, each as its packets.
    pub fn of(&self, named: &[KeyHandle]) -> Result<Vec<Vec<u8>>> {
        if named.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.rings.iter().map(|ring| ring.of(named)).collect::<Result<Vec<_>>>()?.concat())
    }
}
