//! The rings of keys by which signatures are judged, and what is said of these keys beside the rings.

use super::ring::Ring;
use super::trustdb::TrustDb;
use super::web::{Mark, Marks, Rules, Web};
use anyhow::{Context, Result};
use sequoia_openpgp::{Cert, Fingerprint, KeyHandle};
use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Of a list beside a ring.
const MAX_BYTES: u64 = 32 << 20;

/// Keys by which signatures are judged.
#[derive(Debug, Default)]
pub struct Keyring {
    rings: Vec<Ring>,
    /// Fingerprints in capital hexadecimal digits that a list beside it takes back, as pacman's keyrings have it.
    revoked: HashSet<String>,
    /// Whom it trusts, where being in it is not enough.
    trust: Option<Trust>,
    pub files: Vec<PathBuf>,
}

#[derive(Debug)]
enum Trust {
    /// What gpg makes of the keys of one of its own folders.
    Folder(TrustDb),
    /// Those who vouch for the others, by the lists beside pacman's keyrings.
    Lists(Marks),
}

impl Keyring {
    /// Adds a file of keys: packets, armour or a keybox. `X-revoked` beside `X.gpg` lists those that do not count any more.
    pub fn add(&mut self, path: &Path) -> Result<()> {
        self.rings.push(Ring::open(path)?);
        let list = beside(path, "-revoked")?.unwrap_or_default();
        self.revoked.extend(list.lines().map(|line| line.trim().to_ascii_uppercase()));
        self.files.push(path.to_owned());
        Ok(())
    }

    /// The same of a distribution's own keyring: where `X-trusted` lies beside `X.gpg`, those listed in it vouch for the others, as they
    /// do in the folder that pacman-key makes of both.
    pub fn add_distribution(&mut self, path: &Path) -> Result<()> {
        self.add(path)?;
        if let Some(list) = beside(path, "-trusted")? {
            let list =
                marked(&list).with_context(|| format!("the list of whom {} trusts makes no sense", path.display()))?;
            match self.trust.get_or_insert_with(|| Trust::Lists(Marks::new())) {
                Trust::Lists(marks) => marks.extend(list),
                // A folder's owner has said whom to trust.
                Trust::Folder(_) => {}
            }
        }
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
        self.trust = Some(Trust::Folder(TrustDb::read(&folder.join("trustdb.gpg"))?));
        Ok(())
    }

    /// Why the ring does not trust a certificate that is in it, and whose packets these are; `None` where it does.
    pub fn distrust(&self, certificate: &Cert, packets: &[u8], now: SystemTime) -> Result<Option<&'static str>> {
        let (marks, rules, are_marked_valid, why) = match &self.trust {
            None => return Ok(None),
            Some(Trust::Folder(db)) if db.is_current(now) => {
                let is_trusted = db.trusts(certificate.fingerprint().as_bytes());
                return Ok((!is_trusted).then_some("gpg does not trust the key fully"));
            }
            Some(Trust::Folder(db)) => {
                let (marks, rules) = db.said()?;
                (marks, rules, false, "too few of those whom the folder's owner trusts certify the key")
            }
            Some(Trust::Lists(marks)) => (
                marks,
                Rules::default(),
                true,
                "too few of those on the list of trusted keys beside the ring certify the key",
            ),
        };
        let is_trusted = Web { marks, rules, are_marked_valid }.leads_to(packets, self, now)?;
        Ok((!is_trusted).then_some(why))
    }

    /// Who takes a certificate back besides its owner; `None` where nobody does.
    pub fn taken_back(&self, fingerprint: &Fingerprint) -> Option<&'static str> {
        if self.revoked.contains(&fingerprint.to_hex()) {
            return Some("the list beside the ring takes it back");
        }
        match &self.trust {
            Some(Trust::Folder(db)) if db.is_disabled(fingerprint.as_bytes()) => {
                Some("the key is disabled in gpg's folder")
            }
            _ => None,
        }
    }

    /// The certificates one of whose keys bears one of these names, each as its packets.
    pub fn of(&self, named: &[KeyHandle]) -> Result<Vec<Vec<u8>>> {
        if named.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.rings.iter().map(|ring| ring.of(named)).collect::<Result<Vec<_>>>()?.concat())
    }
}

/// The list beside a ring that has this ending; `None` where there is none.
fn beside(ring: &Path, ending: &str) -> Result<Option<String>> {
    let mut list = ring.with_extension("").into_os_string();
    list.push(ending);
    let list = PathBuf::from(list);
    let mut text = String::new();
    match File::open(&list).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", list.display())),
    }
}

/// Lines of fingerprints and gpg's numbers for how far each is trusted.
fn marked(list: &str) -> Result<Marks> {
    let lines = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut marks = Marks::new();
    for line in lines {
        let mut parts = line.split(':');
        let key = parts.next().and_then(|key| <[u8; 20]>::try_from(key.parse::<Fingerprint>().ok()?.as_bytes()).ok());
        let number = parts.next().and_then(|number| number.parse().ok());
        let (key, number) = key.zip(number).with_context(|| format!("a line of it is {line:?}"))?;
        marks.extend(Mark::of(number).map(|mark| (key, mark)));
    }
    Ok(marks)
}
