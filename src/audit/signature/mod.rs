//! OpenPGP signatures judged one by one: by whose key, good or not, and what is the matter with those that are not plainly good.
//!
//! Whether a key may vouch for anything is the ring's word: whoever chose a file of keys believes them, and in a folder of gpg's or in a
//! keyring of pacman's some keys vouch for the others (`web.rs`). Of a key's own history (it expired, it was revoked) the certificate
//! decides, and a list beside the ring. Nothing is fetched.

pub mod armor;
mod certification;
pub mod keybox;
mod keyring;
mod lean;
pub mod message;
pub mod packets;
mod quick;
mod ring;
#[cfg(test)]
mod tests;
pub mod trustdb;
mod web;

pub use keyring::Keyring;

use anyhow::{Context, Result, ensure};
use quick::Quick;
use sequoia_openpgp::cert::amalgamation::key::{ErasedKeyAmalgamation, ValidErasedKeyAmalgamation};
use sequoia_openpgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use sequoia_openpgp::crypto::hash::{self, Hash};
use sequoia_openpgp::packet::key::PublicParts;
use sequoia_openpgp::packet::{Packet, Signature};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::{HashAlgorithm, RevocationStatus, SignatureType};
use sequoia_openpgp::{Cert, KeyHandle, PacketPile};
use std::fmt;
use std::io::Read;
use std::time::{Duration, SystemTime};

/// More than anybody puts on one file; all of them are verified.
const MOST_SIGNATURES: usize = 64;
/// Clocks differ.
const SLACK: Duration = Duration::from_secs(24 * 3600);

/// What a signature is worth. The first is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Good,
    /// Good, and its key has expired since, or had when it was made.
    ExpiredKey,
    /// Good, and itself no longer valid by its own word.
    ExpiredSignature,
    /// Good as far as its digest goes, of which others can be made: SHA-1, MD5, RIPEMD-160.
    WeakDigest,
    /// Good, and by a key that is in the ring, but that nobody vouches for whom the ring trusts.
    UntrustedKey,
    /// By a key that its owner took back, or the list beside the ring.
    RevokedKey,
    /// No key of the ring made it.
    UnknownKey,
    /// It could not be verified: of a kind that is not known here.
    Unknown,
    /// It is not of this file, or not by this key.
    Bad,
}

impl Verdict {
    pub const ALL: [Verdict; 9] = [
        Verdict::Good,
        Verdict::ExpiredKey,
        Verdict::ExpiredSignature,
        Verdict::WeakDigest,
        Verdict::UntrustedKey,
        Verdict::RevokedKey,
        Verdict::UnknownKey,
        Verdict::Unknown,
        Verdict::Bad,
    ];
    /// What somebody may choose to accept besides good ones. No others can be.
    pub const ACCEPTABLE: [Verdict; 4] =
        [Verdict::ExpiredKey, Verdict::ExpiredSignature, Verdict::WeakDigest, Verdict::UntrustedKey];

    pub fn name(self) -> &'static str {
        match self {
            Verdict::Good => "good",
            Verdict::ExpiredKey => "expired-key",
            Verdict::ExpiredSignature => "expired-signature",
            Verdict::WeakDigest => "weak-digest",
            Verdict::UntrustedKey => "untrusted-key",
            Verdict::RevokedKey => "revoked-key",
            Verdict::UnknownKey => "unknown-key",
            Verdict::Unknown => "unknown",
            Verdict::Bad => "bad",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub verdict: Verdict,
    /// The fingerprint of the key that made it; as much of it as the signature names where that key is not there.
    pub key: String,
    /// The fingerprint of the certificate which that key is part of; empty where it is not there.
    pub certificate: String,
    /// Whose it says it is; empty where it is not there.
    pub user: String,
    /// Seconds since 1970, by its own word.
    pub made: Option<i64>,
    pub digest: String,
    /// What is the matter; empty where nothing is.
    pub why: String,
}

/// Judges every signature in `signatures`, packets or armour, of what `data` gives.
pub fn judge(data: &mut dyn Read, signatures: &[u8], ring: &Keyring, now: SystemTime) -> Result<Vec<Judged>> {
    let signatures = parse(&armor::bytes(signatures.to_vec())?)?;
    let mut contexts: Vec<Option<Hashing>> = signatures.iter().map(Hashing::new).collect();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = data.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        contexts.iter_mut().flatten().for_each(|context| context.update(&buffer[..count]));
    }
    judge_all(signatures.into_iter().zip(contexts).collect(), ring, now)
}

/// The same of a file that is signed in the clear.
pub fn judge_clear(content: &[u8], ring: &Keyring, now: SystemTime) -> Result<Vec<Judged>> {
    let armor::Clear { text, signatures } = armor::clear(content)?;
    let hashed = parse(&signatures)?.into_iter().map(|signature| {
        let context = Hashing::new(&signature).map(|mut hashing| {
            hashing.context.update(&text);
            hashing
        });
        (signature, context)
    });
    judge_all(hashed.collect(), ring, now)
}

/// The same of a message that has its signatures in it, as packets or armour.
pub fn judge_message(content: Vec<u8>, ring: &Keyring, now: SystemTime) -> Result<Vec<Judged>> {
    let message::Message { data, signatures } = message::message(content)?;
    judge(&mut data.as_slice(), &signatures, ring, now)
}

fn judge_all(hashed: Vec<(Signature, Option<Hashing>)>, ring: &Keyring, now: SystemTime) -> Result<Vec<Judged>> {
    let named: Vec<KeyHandle> = hashed.iter().flat_map(|(signature, _)| signature.get_issuers()).collect();
    let (mut certificates, mut quick) = (Vec::new(), Quick::default());
    for whole in ring.of(&named)? {
        let packets =
            PacketPile::from_bytes(&lean::lean(&whole, &|_| false)?).context("a certificate makes no sense")?;
        let packets: Vec<Packet> = packets.into_children().collect();
        quick.certificate(&packets, &named);
        let cert = Cert::from_packets(packets.into_iter()).context("a certificate makes no sense")?;
        certificates.push(Certificate { cert, whole });
    }
    for (signature, hashing) in &hashed {
        let Some(digest) = hashing.as_ref().and_then(|hashing| hashing.digest(signature)) else { continue };
        for certificate in &certificates {
            keys_of(&certificate.cert, &signature.get_issuers())
                .for_each(|key| quick.signature(signature, key.key(), &digest));
        }
    }
    quick.tell();
    Ok(hashed.into_iter().map(|(signature, hashing)| judge_one(signature, hashing, &certificates, ring, now)).collect())
}

/// A certificate without what others certified of it.
struct Certificate {
    cert: Cert,
    /// All its packets.
    whole: Vec<u8>,
}

/// The keys of a certificate that a signature names.
fn keys_of<'c>(
    certificate: &'c Cert,
    issuers: &[KeyHandle],
) -> impl Iterator<Item = ErasedKeyAmalgamation<'c, PublicParts>> {
    certificate.keys().filter(|key| issuers.iter().any(|issuer| issuer.aliases(key.key().key_handle())))
}

fn parse(bytes: &[u8]) -> Result<Vec<Signature>> {
    let pile = PacketPile::from_bytes(bytes).context("not an OpenPGP signature")?;
    let mut signatures = Vec::new();
    for packet in pile.into_children() {
        match packet {
            Packet::Signature(signature) => signatures.push(signature),
            other => anyhow::bail!("a packet that is no signature: {}", other.tag()),
        }
    }
    ensure!(!signatures.is_empty(), "there is no signature in it");
    ensure!(signatures.len() <= MOST_SIGNATURES, "more than {MOST_SIGNATURES} signatures");
    Ok(signatures)
}

/// A file being hashed as a signature wants it.
struct Hashing {
    context: hash::Context,
    is_text: bool,
    /// Whether the last byte was a carriage return.
    after_return: bool,
}

impl Hashing {
    /// What the signature is one of.
    fn digest(&self, signature: &Signature) -> Option<Vec<u8>> {
        let mut context = self.context.clone();
        signature.hash(&mut context).ok()?;
        context.into_digest().ok()
    }

    fn new(signature: &Signature) -> Option<Hashing> {
        let is_text = match signature.typ() {
            SignatureType::Binary => false,
            SignatureType::Text => true,
            _ => return None,
        };
        let mut context = signature.hash_algo().context().ok()?.for_signature(signature.version());
        if let Some(salt) = signature.salt() {
            context.update(salt);
        }
        Some(Hashing { context, is_text, after_return: false })
    }

    fn update(&mut self, bytes: &[u8]) {
        if !self.is_text {
            return self.context.update(bytes);
        }
        // Each line's end counts as both characters.
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(rest) => {
                    let has_return = rest.last().map_or(self.after_return, |last| *last == b'\r');
                    self.context.update(rest);
                    self.context.update(if has_return { b"\n" } else { b"\r\n" });
                    self.after_return = false;
                }
                None => {
                    self.context.update(line);
                    self.after_return = line.last() == Some(&b'\r');
                }
            }
        }
    }
}

fn judge_one(
    signature: Signature,
    hashing: Option<Hashing>,
    certificates: &[Certificate],
    ring: &Keyring,
    now: SystemTime,
) -> Judged {
    let issuers = signature.get_issuers();
    let made = signature.signature_creation_time();
    let mut judged = Judged {
        verdict: Verdict::Unknown,
        key: issuers.iter().map(KeyHandle::to_hex).max_by_key(String::len).unwrap_or_default(),
        certificate: String::new(),
        user: String::new(),
        made: made.and_then(|made| i64::try_from(made.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).ok()),
        digest: signature.hash_algo().to_string(),
        why: String::new(),
    };
    let mut certificates =
        certificates.iter().filter(|certificate| keys_of(&certificate.cert, &issuers).next().is_some()).peekable();
    if certificates.peek().is_none() {
        (judged.verdict, judged.why) = (Verdict::UnknownKey, "no key of the ring made it".to_owned());
        return judged;
    }
    let Some(Hashing { context, .. }) = hashing else {
        judged.why = "it is of a kind, or by a digest, that is not known here".to_owned();
        return judged;
    };
    let policy = lenient();
    for Certificate { cert: certificate, whole } in certificates {
        let found = by(certificate, &signature, &issuers, &context, &policy, now);
        let (verdict, key, why) = match found {
            (Verdict::Bad | Verdict::Unknown | Verdict::RevokedKey, ..) => found,
            (verdict, key, why) => match ring.taken_back(&certificate.fingerprint()) {
                Some(why) => (Verdict::RevokedKey, key, why.to_owned()),
                // What is only old is the lesser matter.
                None => match ring.distrust(certificate, whole, now) {
                    Ok(None) => (verdict, key, why),
                    Ok(Some(why)) => (Verdict::UntrustedKey, key, why.to_owned()),
                    Err(error) => {
                        (Verdict::Unknown, key, format!("whether its key is trusted is not known: {error:#}"))
                    }
                },
            },
        };
        // Two keys may have one short name: the better one made it.
        if judged.certificate.is_empty() || verdict < judged.verdict {
            (judged.verdict, judged.why) = (verdict, why);
            judged.key = key;
            judged.certificate = certificate.fingerprint().to_hex();
            judged.user = user(certificate, &policy, now);
        }
    }
    judged
}

/// Everything about one certificate. What is wrong with the signature itself comes before what is wrong with its key, and that before
/// what is only old.
fn by(
    certificate: &Cert,
    signature: &Signature,
    issuers: &[KeyHandle],
    context: &hash::Context,
    policy: &StandardPolicy<'_>,
    now: SystemTime,
) -> (Verdict, String, String) {
    let named = || keys_of(certificate, issuers);
    let Some(key) = named().find(|key| signature.verify_hash(key.key(), context.clone()).is_ok()) else {
        let name = named().next().map_or_else(String::new, |key| key.key().fingerprint().to_hex());
        return (Verdict::Bad, name, "the file or the signature was changed, or it is of another file".to_owned());
    };
    let name = key.key().fingerprint().to_hex();
    let said = |verdict, why: &str| (verdict, name.clone(), why.to_owned());
    // The key as it is now: what was taken back or has expired since counts.
    let now_valid = certificate.with_policy(policy, now).and_then(|valid| {
        let key: ValidErasedKeyAmalgamation<'_, PublicParts> = key.clone().with_policy(policy, now)?;
        Ok((valid, key))
    });
    let (valid, key) = match now_valid {
        Ok(valid) => valid,
        Err(error) => return (Verdict::Unknown, name.clone(), format!("its key cannot be relied on: {error}")),
    };
    let is_revoked = |status: RevocationStatus<'_>| !matches!(status, RevocationStatus::NotAsFarAsWeKnow);
    if is_revoked(valid.revocation_status()) || is_revoked(key.revocation_status()) {
        return said(Verdict::RevokedKey, "its owner took the key back");
    }
    if !key.for_signing() {
        return said(Verdict::Bad, "the key is not one for signing");
    }
    if signature.signature_creation_time().is_none_or(|made| made > now + SLACK) {
        return said(Verdict::Bad, "it was made in the future");
    }
    if is_weak(signature.hash_algo()) {
        return said(Verdict::WeakDigest, "other files can be made that have its digest");
    }
    if signature.signature_expiration_time().is_some_and(|end| end <= now) {
        return said(Verdict::ExpiredSignature, "it is no longer valid by its own word");
    }
    if valid.alive().is_err() || key.alive().is_err() {
        return said(Verdict::ExpiredKey, "its key has expired");
    }
    said(Verdict::Good, "")
}

fn is_weak(digest: HashAlgorithm) -> bool {
    matches!(digest, HashAlgorithm::MD5 | HashAlgorithm::SHA1 | HashAlgorithm::RipeMD)
}

/// Of certificates SHA-1 is believed, as gpg does: many of those in use were made with it, and to forge one takes more than two texts
/// of one digest. Of files it is not, which is looked at apart.
fn lenient<'p>() -> StandardPolicy<'p> {
    let mut policy = StandardPolicy::new();
    policy.accept_hash(HashAlgorithm::SHA1);
    policy
}

fn user(certificate: &Cert, policy: &StandardPolicy<'_>, now: SystemTime) -> String {
    let valid = certificate.with_policy(policy, now).ok();
    let user = valid
        .and_then(|valid| Some(String::from_utf8_lossy(valid.primary_userid().ok()?.userid().value()).into_owned()));
    user.unwrap_or_default()
}
