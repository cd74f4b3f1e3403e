//! OpenPGP signatures of files that come from elsewhere, by a ring of keys that somebody chose to believe.
//!
//! The keys of distributions are not its business: apt and pacman check those themselves. Nothing is ever fetched from a key
//! server.

use anyhow::{Context, Result, bail};
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::crypto::hash;
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};
use sequoia_openpgp::packet::{Key, Signature};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::parse::stream::{
    DetachedVerifierBuilder, MessageLayer, MessageStructure, VerificationError, VerificationHelper,
};
use sequoia_openpgp::policy::{HashAlgoSecurity, Policy, StandardPolicy};
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};
use sequoia_openpgp::{Cert, KeyHandle, Packet, PacketPile};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// All keys of a distribution's maintainers are smaller.
const MAX_RING_BYTES: u64 = 32 << 20;
/// One is enough of whoever signs archives.
const MOST_SIGNATURES: usize = 16;
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
            certs.extend(certificates(&bytes).with_context(describe)?);
        }
        if certs.is_empty() {
            bail!("there are no keys in {}", path.display());
        }
        Ok(Ring { certs })
    }

    /// From keys as [`super::keys`] has them.
    pub fn of_text(text: &str) -> Result<Ring> {
        Ok(Ring { certs: certificates(text.as_bytes())? })
    }

    /// The key that made a good signature of `data`, as the fingerprint of its owner's certificate. The error is [`Unknown`] where no key
    /// of these can tell.
    pub fn verify(&self, data: &[u8], signature: &[u8]) -> Result<String> {
        let policy = policy();
        let judge = Judge { certs: &self.certs, policy: &policy, data, good: None };
        let mut verifier = DetachedVerifierBuilder::from_bytes(signature)
            .context("not an OpenPGP signature")?
            .with_policy(&policy, None, judge)
            .context("not an OpenPGP signature")?;
        verifier.verify_bytes(data)?;
        verifier.into_helper().good.context("there is no signature")
    }

    /// A detached signature of what is still to come, by a key of these. The error is [`Unknown`] where none of them can tell.
    pub fn awaited(&self, signature: &[u8]) -> Result<Awaited> {
        let mut why = Unknown("there is no signature".to_owned());
        let packets = PacketPile::from_bytes(signature).context("not an OpenPGP signature")?;
        for packet in packets.into_children().take(MOST_SIGNATURES) {
            let Packet::Signature(signature) = packet else { bail!("not an OpenPGP signature: {}", packet.tag()) };
            match self.awaited_by(signature) {
                Ok(awaited) => return Ok(awaited),
                Err(error) => why = error.downcast()?,
            }
        }
        Err(why.into())
    }

    fn awaited_by(&self, signature: Signature) -> Result<Awaited> {
        let policy = policy();
        if signature.typ() != SignatureType::Binary {
            bail!("not a signature of a file: {}", signature.typ());
        }
        policy.signature(&signature, HashAlgoSecurity::CollisionResistance)?;
        signature.signature_alive(None, None)?;
        let issuers = signature.get_issuers();
        let is_issuer = |key: KeyHandle| issuers.iter().any(|issuer| issuer.aliases(&key));
        let named = |cert: &&Cert| cert.keys().any(|key| is_issuer(key.key().key_handle()));
        let Some(cert) = self.certs.iter().find(named) else {
            return Err(stranger(&issuers).into());
        };
        let certificate = cert.fingerprint().to_hex();
        let keys = cert.keys().with_policy(&policy, signature.signature_creation_time());
        let mut keys = keys.supported().alive().revoked(false).for_signing();
        let Some(key) = keys.find(|key| is_issuer(key.key().key_handle())) else {
            return Err(Unknown(format!("{certificate}: its key was none for signing when it was made")).into());
        };
        let mut context = signature.hash_algo().context()?.for_signature(signature.version());
        signature.salt().into_iter().for_each(|salt| context.update(salt));
        let key = key.key().clone().role_into_unspecified();
        Ok(Awaited { signature, key, certificate, context })
    }
}

/// A signature whose file is still to come.
#[derive(Clone)]
pub struct Awaited {
    signature: Signature,
    key: Key<PublicParts, UnspecifiedRole>,
    /// The fingerprint of the key's certificate.
    pub certificate: String,
    context: hash::Context,
}

impl Awaited {
    /// The next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// Whether all that came is what was signed.
    pub fn holds(self) -> bool {
        self.signature.verify_hash(&self.key, self.context).is_ok()
    }
}

/// What is asked of keys and signatures.
fn policy<'p>() -> StandardPolicy<'p> {
    let mut policy = StandardPolicy::new();
    // What binds the parts of a key together needs no more, where somebody chose the key as it is; Rust's is of 2013.
    policy.accept_hash_property(HashAlgorithm::SHA1, HashAlgoSecurity::SecondPreImageResistance);
    policy
}

fn stranger(issuers: &[KeyHandle]) -> Unknown {
    let issuers: Vec<String> = issuers.iter().map(KeyHandle::to_hex).collect();
    Unknown(format!("it was signed by {}, which is not among the keys", issuers.join(" or ")))
}

/// It is no signature that these keys could tell to be good or bad.
#[derive(Debug)]
pub struct Unknown(String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unknown {}

/// The certificates of a text of keys, of several blocks of armour too.
pub fn certificates(bytes: &[u8]) -> Result<Vec<Cert>> {
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
    policy: &'r StandardPolicy<'r>,
    data: &'r [u8],
    good: Option<String>,
}

impl Judge<'_> {
    /// By a key that its owner confirmed only later: keys are published with their last confirmation alone, and what was signed before
    /// it was signed by the same key. `None` where it is none of the owner's any more.
    fn by_later_confirmed(&self, signature: &Signature, cert: &Cert) -> Option<Result<()>> {
        self.policy.signature(signature, HashAlgoSecurity::CollisionResistance).ok()?;
        let mut keys = cert.keys().with_policy(self.policy, None).supported().revoked(false).for_signing();
        let issuers = signature.get_issuers();
        let key = keys.find(|key| issuers.iter().any(|issuer| issuer.aliases(key.key().key_handle())))?;
        Some(signature.verify_message(key.key(), self.data))
    }
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
                    Err(VerificationError::MissingKey { sig }) => why = stranger(&sig.get_issuers()).into(),
                    Err(VerificationError::UnboundKey { sig, cert, error }) => {
                        match self.by_later_confirmed(sig, cert) {
                            Some(Ok(())) => {
                                self.good = Some(cert.fingerprint().to_hex());
                                return Ok(());
                            }
                            Some(Err(bad)) => why = bad,
                            None => why = Unknown(format!("{}: {error}", cert.fingerprint())).into(),
                        }
                    }
                    // A key that has run out since.
                    Err(error @ VerificationError::BadKey { .. }) => why = Unknown(error.to_string()).into(),
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
    fn a_signature_waits_for_what_it_is_of() {
        let (known, stranger) = (releaser(), releaser());
        let ring = Ring { certs: vec![releaser(), known.clone()] };
        let holds = |signature: &[u8], pieces: &[&[u8]]| {
            let mut awaited = ring.awaited(signature).unwrap();
            assert_eq!(awaited.certificate, known.fingerprint().to_hex());
            pieces.iter().for_each(|piece| awaited.update(piece));
            awaited.holds()
        };
        let good = signed(&known, b"archive");
        assert!(holds(&good, &[b"arch", b"", b"ive"]));
        assert!(!holds(&good, &[b"arch"]) && !holds(&good, &[b"archive", b"s"]) && !holds(&good, &[]));
        // Of several the one by a key that is known.
        assert!(holds(&[signed(&stranger, b"archive"), good.clone()].concat(), &[b"archive"]));
        let unknown = ring.awaited(&signed(&stranger, b"archive")).err().unwrap();
        assert!(unknown.is::<Unknown>(), "{unknown:#}");
        for bad in [b"no signature", &good[..good.len() / 2]] {
            assert!(!ring.awaited(bad).err().unwrap().is::<Unknown>());
        }
        let key = known.armored().to_vec().unwrap();
        assert!(!ring.awaited(&key).err().unwrap().is::<Unknown>(), "a key is none");
    }

    /// By its fingerprint, which is a digest of the key.
    #[test]
    fn the_keys_of_bun_and_temurin_are_those_that_their_projects_name() {
        for (runtime, fingerprint) in
            [("bun", "F3DCC08A8572C0749B3E18888EAB4D40A7B22B59"), ("java", "3B04D753C9050D9A5D343F39843C48A565F8F04B")]
        {
            let ring = Ring::of_text(super::super::keys::of(runtime).unwrap()).unwrap();
            assert_eq!(ring.certs.len(), 1);
            assert_eq!(ring.certs[0].fingerprint().to_hex(), fingerprint);
            let policy = StandardPolicy::new();
            assert_eq!(ring.certs[0].keys().with_policy(&policy, None).supported().alive().for_signing().count(), 1);
        }
    }

    /// A list of Node's own with its releaser's signature, and the fingerprints that the README of nodejs/node has.
    #[test]
    fn the_keys_that_come_with_omg_know_a_real_signature() {
        let ring = Ring::of_text(super::super::keys::of("node").unwrap()).unwrap();
        let fingerprints: Vec<String> = ring.certs.iter().map(|cert| cert.fingerprint().to_hex()).collect();
        assert_eq!(fingerprints.len(), 29);
        for active in [
            "5BE8A3F6C8A5C01D106C0AD820B1A390B168D356",
            "DD792F5973C6DE52C432CBDAC77ABFA00DDBF2B7",
            "CC68F5A3106FF448322E48ED27F5E38D5B0A215F",
            "8FCCA13FEF1D0C2E91008E09770F7A9A5AE15600",
            "890C08DB8579162FEE0DF9DB8BEAB4DFCF555EF4",
            "C82FA3AE1CBEDC6BE46B9360C43CEC45C17AB93C",
            "108F52B48DB57BB0CC439B2997B01419BD92F80A",
            "A363A499291CBBC940DD62E41F10027AF002F8B0",
        ] {
            assert!(fingerprints.iter().any(|one| one == active), "{active}");
        }
        let signed = include_str!("../../tests/fixtures/node-v14.2.0-SHASUMS256.txt.asc");
        let (text, signature) = signed.split_once("\n-----BEGIN PGP SIGNATURE-----").unwrap();
        let signature = format!("-----BEGIN PGP SIGNATURE-----{signature}");
        // What is signed of a text has its lines ended so.
        let text = text.split_once("\n\n").unwrap().1.replace('\n', "\r\n");
        let by = ring.verify(text.as_bytes(), signature.as_bytes()).unwrap();
        assert_eq!(by, "8FCCA13FEF1D0C2E91008E09770F7A9A5AE15600");
        let changed = text.replacen('9', "8", 1);
        let error = ring.verify(changed.as_bytes(), signature.as_bytes()).unwrap_err();
        assert!(!error.chain().any(|cause| cause.is::<Unknown>()), "{error:#}");
        let rust = Ring::of_text(super::super::keys::of("rust").unwrap()).unwrap();
        assert_eq!(rust.certs[0].fingerprint().to_hex(), "108F66205EAEB0AAA8DD5E1C85AB96E6FA1BE5FE");
        let error = rust.verify(text.as_bytes(), signature.as_bytes()).unwrap_err();
        assert!(error.chain().any(|cause| cause.is::<Unknown>()), "{error:#}");
        // Its parts are bound together by SHA-1, and count all the same.
        let mut policy = StandardPolicy::new();
        policy.accept_hash_property(HashAlgorithm::SHA1, HashAlgoSecurity::SecondPreImageResistance);
        let signing = rust.certs[0].keys().with_policy(&policy, None).supported().for_signing();
        assert_eq!(signing.count(), 2, "its own key and the one of 2014");
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
