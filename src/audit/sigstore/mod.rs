//! Sigstore bundles, verified without the network: who signed a file, and what proves it.
//!
//! The steps themselves are those of `sigstore-verify`: chain of certificates, certificate log, signed times, transparency log with
//! proof and checkpoint, signature, digest. Here is decided what is trusted and what the outcome is called. What a signed
//! statement says of a build is the business of `provenance`.

mod artifact;
mod bundle;
mod crypto;
mod verdict;

pub use artifact::Artifact;
pub use bundle::{Entry, MAX_BYTES, entries, unpacked};
pub use verdict::{Answer, Proven, Signer, Verdict, best};

use super::policy::matches;
use super::provenance::Statement;
use anyhow::{Context, Result, anyhow, bail};
use sigstore_verify::trust_root::{SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::bundle::VerificationMaterialContent as Material;
use sigstore_verify::types::{Bundle, DerPublicKey, HashAlgorithm, LogKeyId, SignatureContent};
use sigstore_verify::{Error, Policy, PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult, Verifier};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Of a trust root or a key: the real ones have 7 and 32 KiB.
const MAX_ROOT_BYTES: u64 = 4 << 20;

/// The authorities and logs that are believed.
pub struct Trust {
    main: Verifier,
    /// The transparency logs that `main` knows.
    logs: Vec<LogKeyId>,
    /// Of GitHub's own authority, which signs for private repositories and keeps no log. Not beside a root that somebody chose.
    github: Option<Verifier>,
}

impl Trust {
    /// The public-good instance and GitHub's, as they stood when `sigstore-verify` was released: the crate carries both roots.
    pub fn built_in() -> Result<Trust> {
        let (github, _) = verifier(SIGSTORE_GITHUB_TRUSTED_ROOT)?;
        let (main, logs) = verifier(SIGSTORE_PRODUCTION_TRUSTED_ROOT)?;
        Ok(Trust { main, logs, github: Some(github) })
    }

    /// From a `trusted_root.json`, and nothing else.
    pub fn read(path: &Path) -> Result<Trust> {
        let describe = || format!("cannot read the trust root {}", path.display());
        let (main, logs) = read(path, MAX_ROOT_BYTES).and_then(|text| verifier(&text)).with_context(describe)?;
        Ok(Trust { main, logs, github: None })
    }

    /// Whether it is in a log that is known, or in none. A log that is not known may be newer than this list of them, which does not
    /// make a signature bad.
    pub fn knows_log_of(&self, entry: &Entry) -> bool {
        let Entry::Bundle(bundle) = entry else { return true };
        let entries = &bundle.verification_material.tlog_entries;
        entries.is_empty() || entries.iter().any(|entry| self.logs.contains(&entry.log_id.key_id))
    }
}

fn verifier(json: &str) -> Result<(Verifier, Vec<LogKeyId>)> {
    crypto::install();
    // Its words end with those of the cause, which is not told once more.
    let root = TrustedRoot::from_json(json).map_err(|error| anyhow!("{error}"))?;
    let logs = root.tlogs.iter().map(|log| log.log_id.key_id.clone()).collect();
    Ok((Verifier::new(&root)?, logs))
}

fn read(path: &Path, most_bytes: u64) -> Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most_bytes + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most_bytes {
        bail!("it is larger than {most_bytes} bytes");
    }
    Ok(text)
}

/// Who ought to have signed.
pub enum Expected {
    /// A certificate of this identity, vouched for by this issuer. `*` in either stands for anything.
    Identity { identity: String, issuer: String },
    /// The owner of a key.
    Key(DerPublicKey),
    /// Nobody said. What is verified so is never called good.
    Anybody,
}

impl Expected {
    /// A public key in PEM.
    pub fn key(path: &Path) -> Result<Expected> {
        let describe = || format!("cannot read the public key {}", path.display());
        let key = DerPublicKey::from_pem(&read(path, MAX_ROOT_BYTES).with_context(describe)?).with_context(describe)?;
        Ok(Expected::Key(key))
    }
}

/// The judgement of one signature. An error is a file that could not be read: nothing was judged.
pub fn verify(entry: &Entry, artifact: &Artifact, expected: &Expected, trust: &Trust) -> Result<Verdict> {
    let bundle = match entry {
        Entry::Bundle(bundle) => bundle,
        Entry::Envelope(_) => {
            return Ok(unknown(
                "an envelope alone: nothing in it proves when it was signed, and by a valid certificate".to_owned(),
            ));
        }
        Entry::Elsewhere(address) => return Ok(unknown(format!("its bundle lies at {address}, and is not looked at"))),
        Entry::Broken(why) => return Ok(bad(why.clone())),
    };
    let by_key = match &bundle.verification_material.content {
        Material::PublicKey(named) => Some(named.hint.clone()),
        _ => None,
    };
    let outcome = match (by_key, expected) {
        (Some(_), Expected::Key(key)) => {
            run(&trust.main, bundle, artifact, &PublicKeyVerificationPolicy::new(key.clone()))?
        }
        (Some(hint), _) => {
            return Ok(unknown(format!(
                "signed with the key {hint:?}, and there is only the bundle's word whose it is"
            )));
        }
        (None, Expected::Key(_)) => return Ok(bad("it was signed with a certificate, not with that key".to_owned())),
        (None, _) => by_certificate(bundle, artifact, trust)?,
    };
    Ok(match outcome {
        Ok(result) => compare(proven(bundle, &result), expected),
        Err(Error::UnsupportedArtifact(why) | Error::UnsupportedBundle(why)) => unknown(why),
        Err(Error::Crypto(sigstore_verify::crypto::Error::UnsupportedAlgorithm(why))) => unknown(why),
        Err(error) => bad(plain(&error)),
    })
}

/// Without the names of the crates that an error came through.
fn plain(error: &Error) -> String {
    match error {
        Error::Types(error) => error.to_string(),
        Error::Crypto(error) => error.to_string(),
        Error::Bundle(error) => error.to_string(),
        error => error.to_string(),
    }
}

fn bad(reason: String) -> Verdict {
    Verdict { answer: Answer::Bad, reason, proven: None }
}

fn unknown(reason: String) -> Verdict {
    Verdict { answer: Answer::Unknown, reason, proven: None }
}

/// A bundle without a log entry can only be of GitHub's own authority, which keeps no log: its times are all that is left to verify.
fn by_certificate(
    bundle: &Bundle,
    artifact: &Artifact,
    trust: &Trust,
) -> Result<sigstore_verify::Result<VerificationResult>> {
    let any = VerificationPolicy::any_identity();
    match &trust.github {
        Some(github) if bundle.verification_material.tlog_entries.is_empty() => {
            Ok(run(github, bundle, artifact, &any.skip_tlog_unsafe().skip_sct())?.map_err(|error| {
                Error::InvalidBundle(format!(
                    "there is no entry of a transparency log, and by GitHub's own authority: {error}"
                ))
            }))
        }
        _ => run(&trust.main, bundle, artifact, &any),
    }
}

/// The outer error is of the file.
fn run(
    verifier: &Verifier,
    bundle: &Bundle,
    artifact: &Artifact,
    policy: &impl Policy,
) -> Result<sigstore_verify::Result<VerificationResult>> {
    let mut outcome = Err(Error::UnsupportedArtifact("it names no digest that is known of this file".to_owned()));
    for algorithm in algorithms(bundle) {
        let Some(digest) = artifact.digest(algorithm)? else { continue };
        outcome = verifier.verify(digest.clone(), bundle, policy);
        if outcome.is_ok() {
            return Ok(outcome);
        }
    }
    // Other digests than those two, which only few signatures of files need.
    if let (Err(Error::UnsupportedArtifact(_)), Some(path)) = (&outcome, &artifact.file) {
        let describe = || format!("cannot read {}", path.display());
        outcome = match verifier.verify_reader(File::open(path).with_context(describe)?, bundle, policy) {
            Err(Error::ArtifactRead(error)) => return Err(error).with_context(describe),
            other => other,
        };
    }
    Ok(outcome)
}

/// Those of the file's digests that the bundle speaks of.
fn algorithms(bundle: &Bundle) -> Vec<HashAlgorithm> {
    let SignatureContent::DsseEnvelope(envelope) = &bundle.content else { return vec![HashAlgorithm::Sha2256] };
    let Ok(statement) = Statement::read(envelope.payload.as_bytes()) else { return vec![HashAlgorithm::Sha2256] };
    let names = [("sha256", HashAlgorithm::Sha2256), ("sha512", HashAlgorithm::Sha2512)];
    names.into_iter().filter(|(name, _)| statement.names_digest(name)).map(|(_, algorithm)| algorithm).collect()
}

fn proven(bundle: &Bundle, result: &VerificationResult) -> Proven {
    let mut checks = Vec::new();
    let mut passed = |is_so: bool, what| {
        if is_so {
            checks.push(what)
        }
    };
    let material = &bundle.verification_material;
    passed(result.certificate_verified(), "certificate chain");
    passed(result.sct_verified(), "certificate log");
    passed(result.tlog_verified() && !material.tlog_entries.is_empty(), "transparency log");
    passed(!material.timestamp_verification_data.rfc3161_timestamps.is_empty(), "timestamp");
    passed(true, "signature");
    passed(true, "digest");
    let mut times = result.verified_timestamps().to_vec();
    times.sort();
    times.dedup();
    Proven { signer: result.certificate().map(Signer::of), times, checks }
}

/// Of a signature that holds.
fn compare(proven: Proven, expected: &Expected) -> Verdict {
    let Some(signer) = &proven.signer else {
        return Verdict { answer: Answer::Good, reason: "signed with that key".to_owned(), proven: Some(proven) };
    };
    let who = format!("{} (issuer {})", signer.identity, signer.issuer);
    let (answer, reason) = match expected {
        Expected::Identity { identity, issuer } => {
            let is_it =
                !signer.identity.is_empty() && matches(identity, &signer.identity) && matches(issuer, &signer.issuer);
            match is_it {
                true => (Answer::Good, format!("signed by {who}")),
                false => (Answer::Bad, format!("signed by {who}, not by {identity} (issuer {issuer})")),
            }
        }
        _ => (Answer::Unknown, format!("signed by {who}, whom nobody asked for")),
    };
    Verdict { answer, reason, proven: Some(proven) }
}
