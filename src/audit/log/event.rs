//! What is worth an entry.

use crate::audit::policy::Refusal;
use crate::model::Source;
use serde::{Serialize, Serializer};

/// A decision, or what became of one. Its fields stand in the entry under their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    PlanApplied {
        /// The plan's digest.
        plan: String,
        backend: Source,
        #[serde(serialize_with = "clipped")]
        command: String,
        changes: Vec<Changed>,
    },
    /// What it changed before it failed is not known here.
    PlanFailed {
        plan: String,
        backend: Source,
        #[serde(serialize_with = "clipped")]
        command: String,
        changes: Vec<Changed>,
        #[serde(serialize_with = "clipped")]
        error: String,
    },
    /// By the policy.
    PlanRefused {
        plan: String,
        backend: Source,
        #[serde(serialize_with = "clipped")]
        command: String,
        refusals: Vec<Refusal>,
    },
    /// A repository's database was believed for it. Of packages `plan-applied` tells.
    SignatureAccepted {
        package: String,
        /// Its fingerprint.
        key: String,
    },
    SignatureRejected {
        package: String,
        /// Its fingerprint; empty where there is none.
        key: String,
        #[serde(serialize_with = "clipped")]
        why: String,
    },
    /// The digests of the policies.
    PolicyChanged { before: String, after: String },
    Rollback {
        /// The number of the transaction that was taken back.
        transaction: i64,
        /// The digest of the plan that did it.
        plan: String,
    },
    /// A runtime is in its place.
    RuntimeInstalled {
        runtime: String,
        version: String,
        url: String,
        sha256: String,
        /// Whose words the digest is.
        checksum_from: String,
        /// The key whose signature was accepted, or the workflow whose attestation was; empty where none was.
        key: String,
        /// What was not verified, and why.
        unverified: Vec<String>,
    },
    /// What came was not what its publisher says; nothing of it was kept.
    RuntimeRejected {
        runtime: String,
        version: String,
        url: String,
        #[serde(serialize_with = "clipped")]
        why: String,
    },
    /// By the policy.
    RuntimeRefused { runtime: String, version: String, url: String, refusals: Vec<Refusal> },
    /// The end of the log was no entry, as after a power cut, and was put aside. Written by the log itself.
    Recovered {
        /// The file's name, beside the log.
        kept_in: String,
        bytes: u64,
        sha256: String,
    },
}

/// What a plan does to one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    pub action: &'static str,
    /// With the architecture where that is foreign.
    pub name: String,
    /// Empty where there was none.
    pub old: String,
    /// Empty where there is none any more.
    pub new: String,
    /// Whether a signature was accepted that vouches for the new one's archive; nothing where that is not known, or nothing new came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<bool>,
}

/// So much of a text that may be of any length is kept: an entry that does not fit its line would be none at all.
const MAX_TEXT_BYTES: usize = 64 << 10;

fn clipped<S: Serializer>(text: &str, out: S) -> Result<S::Ok, S::Error> {
    if text.len() <= MAX_TEXT_BYTES {
        return out.serialize_str(text);
    }
    let end = (0..=MAX_TEXT_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    out.serialize_str(&format!("{}…", &text[..end]))
}
