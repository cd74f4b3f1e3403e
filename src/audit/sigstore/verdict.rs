//! What comes of a signature: an answer with its reason, and what is proven.

use jiff::Timestamp;
use serde::Serialize;
use sigstore_verify::crypto::CertificateInfo;

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
    pub(super) fn of(certificate: &CertificateInfo) -> Signer {
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

/// What counts of several: a good one, since anybody can put a bad one beside it; but an unknown one does not hide a bad one.
pub fn best(verdicts: &[Verdict]) -> Option<&Verdict> {
    [Answer::Good, Answer::Bad, Answer::Unknown]
        .into_iter()
        .find_map(|answer| verdicts.iter().find(|verdict| verdict.answer == answer))
}
