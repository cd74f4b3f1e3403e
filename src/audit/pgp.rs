//! OpenPGP signatures of files that come from elsewhere, by a ring of keys that somebody chose to believe.
//!
//! The keys of distributions are not its business: apt and pacman check those themselves. Nothing is ever fetched from a key
//! server.

use anyhow::{Context, Result, bail};
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::parse::stream::{
    DetachedVerifierBuilder, MessageLayer, MessageStructure, VerificationError, VerificationHelper,
};
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::{Cert, KeyHandle};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// All keys of a distribution's maintainers are smaller.
const MAX_RING_BYTES: u64 = 32 << 20;
const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Keys that are believed.
#[derive(Clone, Debug)]
pub struct Ring {
    certs: Vec<Cert>,
}

impl Ring {
    /// From a file of keys, armoured or not and perhaps several behind each other, or a folder of such files.
    pub fn read(path: &Path) -> Result<Ring> {
        let files: Vec<PathBuf> = if path.is_dir() {
            let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect()
        } else {
            vec![path.to_owned()]
        };
        let mut certs = Vec::new();
        for file in files {
            let describe = || format!("cannot read the keys in {}", file.display());
            let mut bytes = Vec::new();
            File::open(&file)
                .and_then(|open| open.take(MAX_RING_BYTES).read_to_end(&mut bytes))
                .with_context(describe)?;
            certs.extend(parse(&bytes).with_context(describe)?);
        }
        if certs.is_empty() {
            bail!("there are no keys in {}", path.display());
        }
        Ok(Ring { certs })
    }

    /// The key that made a good signature of `data`, as the fingerprint of its owner's certificate.
    pub fn verify(&self, data: &[u8], signature: &[u8]) -> Result<String> {
        let policy = StandardPolicy::new();
        let judge = Judge { certs: &self.certs, good: None };
        let mut verifier = DetachedVerifierBuilder::from_bytes(signature)
            .context("not an OpenPGP signature")?
            .with_policy(&policy, None, judge)
            .context("not an OpenPGP signature")?;
        verifier.verify_bytes(data)?;
        verifier.into_helper().good.context("there is no signature")
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<Cert>> {
    let mut certs = Vec::new();
    let mut add = |bytes: &[u8]| -> Result<()> {
        for cert in CertParser::from_bytes(bytes)? {
            certs.push(cert?);
        }
        Ok(())
    };
    // Behind the first of several armoured blocks the parser stops.
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains(BEGIN) => {
            text.split(BEGIN).skip(1).try_for_each(|block| add(format!("{BEGIN}{block}").as_bytes()))?;
        }
        _ => add(bytes)?,
    }
    Ok(certs)
}

/// Wants one good signature.
struct Judge<'r> {
    certs: &'r [Cert],
    good: Option<String>,
}

impl VerificationHelper for Judge<'_> {
    fn get_certs(&mut self, ids: &[KeyHandle]) -> sequoia_openpgp::Result<Vec<Cert>> {
        let is_wanted = |cert: &&Cert| cert.keys().any(|key| ids.iter().any(|id| id.aliases(key.key().key_handle())));
        Ok(self.certs.iter().filter(is_wanted).cloned().collect())
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> sequoia_openpgp::Result<()> {
        let mut why = anyhow::anyhow!("there is no signature");
        for layer in structure {
            let MessageLayer::SignatureGroup { results } = layer else { continue };
            for result in results {
                match result {
                    Ok(good) => {
                        self.good = Some(good.ka.cert().fingerprint().to_hex());
                        return Ok(());
                    }
                    Err(VerificationError::MissingKey { sig }) => {
                        let issuers: Vec<String> = sig.get_issuers().iter().map(KeyHandle::to_hex).collect();
                        why = anyhow::anyhow!("it was signed by {}, which is not among the keys", issuers.join(" or "));
                    }
                    Err(error) => why = anyhow::anyhow!("{error}"),
                }
            }
        }
        Err(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sequoia_openpgp::cert::CertBuilder;
    use sequoia_openpgp::serialize::SerializeInto;
    use sequoia_openpgp::serialize::stream::{Message, Signer};
    use std::io::Write;

    fn releaser() -> Cert {
        CertBuilder::general_purpose(Some("releaser@example.org")).generate().unwrap().0
    }

    fn signed(by: &Cert, data: &[u8]) -> Vec<u8> {
        let policy = StandardPolicy::new();
        let keys = by.keys().secret().with_policy(&policy, None).supported().alive().revoked(false).for_signing();
        let key = keys.map(|key| key.key().clone().into_keypair().unwrap()).next().unwrap();
        let mut out = Vec::new();
        let mut signer = Signer::new(Message::new(&mut out), key).unwrap().detached().build().unwrap();
        signer.write_all(data).unwrap();
        signer.finalize().unwrap();
        out
    }

    #[test]
    fn a_good_signature_names_its_key_and_others_are_refused() {
        let (known, other, stranger) = (releaser(), releaser(), releaser());
        let folder = tempfile::tempdir().unwrap();
        let ring = folder.path().join("ring.asc");
        // Two armoured keys behind each other, as `cat keys/*.asc` makes them.
        let both = [other.armored().to_vec().unwrap(), known.armored().to_vec().unwrap()].concat();
        fs::write(&ring, both).unwrap();
        let ring = Ring::read(&ring).unwrap();
        assert_eq!(ring.certs.len(), 2);
        let signature = signed(&known, b"list");
        assert_eq!(ring.verify(b"list", &signature).unwrap(), known.fingerprint().to_hex());
        assert!(ring.verify(b"last", &signature).is_err());
        let unknown = ring.verify(b"list", &signed(&stranger, b"list")).unwrap_err();
        assert!(format!("{unknown:#}").contains("not among the keys"), "{unknown:#}");
        for bad in [&b""[..], b"no signature", &signature[..signature.len() / 2]] {
            assert!(ring.verify(b"list", bad).is_err());
        }
        let mut damaged = signature.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(ring.verify(b"list", &damaged).is_err());
    }

    #[test]
    fn a_ring_without_keys_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Ring::read(folder.path()).is_err());
        fs::write(folder.path().join("x"), "no key").unwrap();
        assert!(Ring::read(folder.path()).is_err());
        assert!(Ring::read(&folder.path().join("nowhere")).is_err());
    }
}
