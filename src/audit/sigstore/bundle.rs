//! The signatures that a file holds, in each of the shapes in which they are handed out: one bundle, bundles on lines or in an array, the
//! answer of GitHub's and of npm's registry (`{"attestations": [{"bundle": ...}]}`), and envelopes without a certificate's
//! proof, as the first generators of provenance wrote them.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;
use sigstore_verify::types::{Bundle, DsseEnvelope, SignatureContent};

/// GitHub takes no predicate above 16 MiB, and base64 makes a third more of it.
pub const MAX_BYTES: u64 = 24 << 20;
/// So many of one file are looked at.
const MAX_ENTRIES: usize = 64;
/// So many witnesses of one signature, each of which is a signature to verify. There is one, or one of each kind.
const MAX_WITNESSES: usize = 32;

/// A signature with what was signed, or with what names it.
#[derive(Debug)]
pub enum Entry {
    Bundle(Box<Bundle>),
    /// An envelope alone: it may be read, and not verified, since nothing tells when it was signed.
    Envelope(DsseEnvelope),
    /// What is neither, and why.
    Broken(String),
}

impl Entry {
    /// The statement that was signed, where a statement was.
    pub fn payload(&self) -> Option<&[u8]> {
        match self {
            Entry::Bundle(bundle) => match &bundle.content {
                SignatureContent::DsseEnvelope(envelope) => Some(envelope.payload.as_bytes()),
                _ => None,
            },
            Entry::Envelope(envelope) => Some(envelope.payload.as_bytes()),
            Entry::Broken(_) => None,
        }
    }
}

/// All entries of a file's text. An error where it is no JSON, or there is none.
pub fn entries(text: &[u8]) -> Result<Vec<Entry>> {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
        unfold(value.context("not a Sigstore bundle: no JSON")?, &mut values)?;
        ensure!(values.len() <= MAX_ENTRIES, "more than {MAX_ENTRIES} signatures in one file");
    }
    if values.is_empty() {
        bail!("not a Sigstore bundle: it is empty");
    }
    Ok(values.into_iter().map(entry).collect())
}

/// The bundles of one value, as text.
fn unfold<'t>(value: &'t RawValue, out: &mut Vec<&'t RawValue>) -> Result<()> {
    #[derive(Deserialize)]
    struct Listed<'t> {
        #[serde(borrow)]
        attestations: Vec<Attestation<'t>>,
    }
    #[derive(Deserialize)]
    struct Attestation<'t> {
        #[serde(borrow)]
        bundle: &'t RawValue,
    }
    let text = value.get();
    if text.starts_with('[') {
        out.extend(serde_json::from_str::<Vec<&RawValue>>(text).context("not a list of bundles")?);
    } else if let Ok(listed) = serde_json::from_str::<Listed<'_>>(text) {
        out.extend(listed.attestations.into_iter().map(|attestation| attestation.bundle));
    } else {
        out.push(value);
    }
    Ok(())
}

fn entry(value: &RawValue) -> Entry {
    match Bundle::from_json(value.get()) {
        Ok(bundle) if witnesses(&bundle) > MAX_WITNESSES => {
            Entry::Broken(format!("more than {MAX_WITNESSES} log entries and timestamps of one signature"))
        }
        Ok(bundle) => Entry::Bundle(Box::new(bundle)),
        Err(error) => match serde_json::from_str(value.get()) {
            Ok(envelope) => Entry::Envelope(envelope),
            Err(_) => Entry::Broken(format!("not a Sigstore bundle: {error}")),
        },
    }
}

fn witnesses(bundle: &Bundle) -> usize {
    let material = &bundle.verification_material;
    material.tlog_entries.len() + material.timestamp_verification_data.rfc3161_timestamps.len()
}
