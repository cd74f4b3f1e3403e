//! Sigstore bundles, verified without the network: who signed a file, and what proves it.
//!
//! The steps themselves are those of `sigstore-verify`: chain of certificates, certificate log, signed times, transparency log with
//! proof and checkpoint, signature, digest. Here is decided what is trusted and what the outcome is called. What a signed
//! statement says of a build is the business of `provenance`.

mod bundle;
mod crypto;

pub use bundle::{Entry, MAX_BYTES, entries};

use super::policy::matches;
use super::provenance::Statement;
use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::Serialize;
use sigstore_verify::crypto::CertificateInfo;
use sigstore_verify::trust_root::{SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::bundle::VerificationMaterialContent as Material;
use sigstore_verify::types::{ArtifactDigest, Bundle, DerPublicKey, HashAlgorithm, SignatureContent};
use sigstore_verify::{Error, Policy, PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult, Verifier};
use std::cell::OnceCell;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Of a trust root or a key: the real ones have 7 and 32 KiB.
const MAX_ROOT_BYTES: u64 = 4 << 20;

/// The authorities and logs that are believed.
pub struct Trust {
    main: Verifier,
    /// Of GitHub's own authority, which signs for private repositories and keeps no log. Not beside a root that somebody chose.
    github: Option<Verifier>,
}

impl Trust {
    /// The public-good instance and GitHub's, as they stood when `sigstore-verify` was released: the crate carries both roots.
    pub fn built_in() -> Result<Trust> {
        let github = verifier(SIGSTORE_GITHUB_TRUSTED_ROOT)?;
        Ok(Trust { main: verifier(SIGSTORE_PRODUCTION_TRUSTED_ROOT)?, github: Some(github) })
    }

    /// From a `trusted_root.json`, and nothing else.
    pub fn read(path: &Path) -> Result<Trust> {
        let describe = || format!("cannot read the trust root {}", path.display());
        let main = read(path, MAX_ROOT_BYTES).and_then(|text| verifier(&text)).with_context(describe)?;
        Ok(Trust { main, github: None })
    }
}

fn verifier(json: &str) -> Result<Verifier> {
    crypto::install();
    Ok(Verifier::new(&TrustedRoot::from_json(json)?)?)
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

/// What was signed: a file, which is read only for the digests that a bundle names, or a digest alone.
pub struct Artifact {
    file: Option<PathBuf>,
    sha256: OnceCell<ArtifactDigest>,
    sha512: OnceCell<ArtifactDigest>,
}

impl Artifact {
    pub fn file(path: &Path) -> Artifact {
        Artifact { file: Some(path.to_owned()), sha256: OnceCell::new(), sha512: OnceCell::new() }
    }

    /// From `sha256:` or `sha512:` and hexadecimal digits; `None` where the text is no such thing.
    pub fn of_digest(text: &str) -> Option<Artifact> {
        let (name, hex) = text.split_once(':')?;
        let algorithm = match name {
            "sha256" => HashAlgorithm::Sha2256,
            "sha512" => HashAlgorithm::Sha2512,
            _ => return None,
        };
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let is_hex = hex.len() % 2 == 0 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bytes: Option<Vec<u8>> = is_hex.then(|| hex.as_bytes().chunks(2).map(byte).collect())?;
        let digest = ArtifactDigest::new(algorithm, bytes?).ok()?;
        let (sha256, sha512) = (OnceCell::new(), OnceCell::new());
        let _ = if algorithm == HashAlgorithm::Sha2256 { sha256.set(digest) } else { sha512.set(digest) };
        Some(Artifact { file: None, sha256, sha512 })
    }

    /// `None` where only another digest is known.
    fn digest(&self, algorithm: HashAlgorithm) -> Result<Option<&ArtifactDigest>> {
        let cell = match algorithm {
            HashAlgorithm::Sha2256 => &self.sha256,
            HashAlgorithm::Sha2512 => &self.sha512,
            _ => return Ok(None),
        };
        if let (None, Some(path)) = (cell.get(), &self.file) {
            let _ = cell.set(hash(path, algorithm)?);
        }
        Ok(cell.get())
    }
}

fn hash(path: &Path, algorithm: HashAlgorithm) -> Result<ArtifactDigest> {
    let describe = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(describe)?;
    let mut hasher = sigstore_verify::crypto::ArtifactHasher::new(algorithm)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).with_context(describe)? {
            0 => return Ok(hasher.finalize()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The signature holds, and it is of whom was expected.
    Good,
    /// A check failed, or somebody else signed.
    Bad,
    /// Something could not be checked, or compared.
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Verdict {
    pub answer: Answer,
    pub reason: String,
    /// Where the signature holds, whoever signed.
    pub proven: Option<Proven>,
}

/// What a signature that holds proves. Nothing in here is merely claimed.
#[derive(Clone, Debug, Default)]
pub struct Proven {
    /// Of the certificate; `None` where a bare key signed.
    pub signer: Option<Signer>,
    /// When it was signed, by each witness of it.
    pub times: Vec<Timestamp>,
    /// The steps that ran and passed.
    pub checks: Vec<&'static str>,
}

/// What a certificate says of its owner. The authority has it from the issuer, not from the owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Signer {
    pub identity: String,
    pub issuer: String,
    /// The workflow that ran and asked for the certificate, with its ref.
    pub build_signer: Option<String>,
    /// `github-hosted` or `self-hosted`.
    pub runner: Option<String>,
    /// As a URL.
    pub repository: Option<String>,
    pub reference: Option<String>,
    pub commit: Option<String>,
    pub run: Option<String>,
}

impl Signer {
    fn of(certificate: &CertificateInfo) -> Signer {
        let (claims, old) = (&certificate.ci_claims, &certificate.ci_claims.deprecated_github);
        let old_repository = || Some(format!("https://github.com/{}", old.workflow_repository.as_ref()?));
        Signer {
            identity: certificate.identity.as_ref().map_or(String::new(), ToString::to_string),
            issuer: certificate.issuer.clone().unwrap_or_default(),
            build_signer: claims.build_signer_uri.clone(),
            runner: claims.runner_environment.clone(),
            repository: claims.source_repository_uri.clone().or_else(old_repository),
            reference: claims.source_repository_ref.clone().or_else(|| old.workflow_ref.clone()),
            commit: claims.source_repository_digest.clone().or_else(|| old.workflow_sha.clone()),
            run: claims.run_invocation_uri.clone(),
        }
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

/// What counts of several: a good one, since anybody can put a bad one beside it; but an unknown one does not hide a bad one.
pub fn best(verdicts: &[Verdict]) -> Option<&Verdict> {
    [Answer::Good, Answer::Bad, Answer::Unknown]
        .into_iter()
        .find_map(|answer| verdicts.iter().find(|verdict| verdict.answer == answer))
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
