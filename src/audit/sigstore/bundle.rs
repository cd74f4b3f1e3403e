//! The signatures that a file holds, in each of the shapes in which they are handed out: one bundle, bundles on lines or in an array, the
//! answer of GitHub's and of npm's registry (`{"attestations": [{"bundle": ...}]}`, where GitHub may have the address of a bundle in its
//! place), and envelopes without a certificate's proof, as the first generators of provenance wrote them.

use anyhow::{Context, Result, ensure};
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
    /// A bundle that is not here, and where it lies: its JSON, or that packed by Snappy.
    Elsewhere(String),
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
            Entry::Elsewhere(_) | Entry::Broken(_) => None,
        }
    }
}

/// All entries of a file's text, of which there may be none. An error where it is no JSON.
pub fn entries(text: &[u8]) -> Result<Vec<Entry>> {
    let (mut values, mut is_empty) = (Vec::new(), true);
    for value in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
        is_empty = false;
        unfold(value.context("not a Sigstore bundle: no JSON")?, &mut values)?;
        ensure!(values.len() <= MAX_ENTRIES, "more than {MAX_ENTRIES} signatures in one file");
    }
    ensure!(!is_empty, "not a Sigstore bundle: it is empty");
    Ok(values.into_iter().map(Found::entry).collect())
}

/// A bundle as it lies where GitHub's answer says: its JSON, or that packed by Snappy, in one block.
pub fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>> {
    // A block begins with the length of what is in it, and no bundle has just the 123 bytes that this character would mean.
    if bytes.first() == Some(&b'{') {
        return Ok(bytes);
    }
    let length = snap::raw::decompress_len(&bytes).context("neither JSON nor a block of Snappy")?;
    ensure!(length as u64 <= MAX_BYTES, "a block of Snappy with {length} bytes in it");
    snap::raw::Decoder::new().decompress_vec(&bytes).context("not a block of Snappy")
}

/// A bundle's text, or its address, or nothing.
struct Found<'t> {
    bundle: Option<&'t RawValue>,
    address: Option<String>,
}

impl<'t> Found<'t> {
    fn here(bundle: &'t RawValue) -> Found<'t> {
        Found { bundle: Some(bundle), address: None }
    }

    fn entry(self) -> Entry {
        match self {
            Found { bundle: Some(bundle), .. } => entry(bundle),
            Found { address: Some(address), .. } => Entry::Elsewhere(address),
            Found { .. } => Entry::Broken("an attestation without a bundle".to_owned()),
        }
    }
}

/// The bundles of one value.
fn unfold<'t>(value: &'t RawValue, out: &mut Vec<Found<'t>>) -> Result<()> {
    #[derive(Deserialize)]
    struct Listed<'t> {
        #[serde(borrow)]
        attestations: Vec<Attestation<'t>>,
    }
    #[derive(Deserialize)]
    struct Attestation<'t> {
        #[serde(borrow)]
        bundle: Option<&'t RawValue>,
        bundle_url: Option<String>,
    }
    let text = value.get();
    if text.starts_with('[') {
        let bundles = serde_json::from_str::<Vec<&RawValue>>(text).context("not a list of bundles")?;
        out.extend(bundles.into_iter().map(Found::here));
    } else if let Ok(listed) = serde_json::from_str::<Listed<'_>>(text) {
        let found = |one: Attestation<'t>| Found { bundle: one.bundle, address: one.bundle_url };
        out.extend(listed.attestations.into_iter().map(found));
    } else {
        out.push(Found::here(value));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attestation_may_have_an_address_in_its_bundles_place() {
        let text = br#"{"attestations":[
            {"bundle":null,"bundle_url":"https://a/1"}, {"bundle_url":"https://a/2","repository_id":1},
            {"bundle":{},"bundle_url":"https://a/3"}, {"bundle":null}, {}]}"#;
        let told: Vec<String> = entries(text)
            .unwrap()
            .iter()
            .map(|entry| match entry {
                Entry::Elsewhere(address) => address.clone(),
                Entry::Broken(why) => why.chars().take(21).collect(),
                other => format!("{other:?}"),
            })
            .collect();
        let without = "an attestation withou";
        assert_eq!(told, ["https://a/1", "https://a/2", "not a Sigstore bundle", without, without]);
    }

    #[test]
    fn a_bundle_comes_as_json_or_packed_and_never_as_more_than_there_may_be() {
        assert_eq!(unpacked(b"{}".to_vec()).unwrap(), b"{}");
        let packed = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
        assert_eq!(unpacked(packed(b"{\"a\":1}")).unwrap(), b"{\"a\":1}");
        assert!(unpacked(packed(&vec![b' '; MAX_BYTES as usize + 1])).is_err());
        for bad in [&b""[..], b"\xff\xff\xff\xff\x0f", b"\x05abc", b"\x80\x80\x80"] {
            assert!(unpacked(bad.to_vec()).is_err(), "{bad:?}");
        }
    }
}
