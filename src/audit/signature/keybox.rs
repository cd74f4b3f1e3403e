//! gpg's keyboxes (`pubring.kbx`; gnupg, `kbx/keybox-blob.c` has the form): blobs behind each other, most of which hold a certificate as it
//! would lie in a ring. Read; what gpg notes beside the certificates is passed over.

use anyhow::{Context, Result, ensure};

/// What the first blob bears, at byte 8.
const MAGIC: &[u8] = b"KBXf";
/// Up to the place of the certificate.
const HEAD: usize = 16;
const OPENPGP: u8 = 2;
/// More than any certificate has.
const MOST: usize = 16 << 20;

pub fn is_keybox(bytes: &[u8]) -> bool {
    bytes.get(8..12) == Some(MAGIC)
}

/// Adds the certificates of all blobs that are whole, and tells how many bytes these have.
pub fn certificates(bytes: &[u8], out: &mut Vec<u8>) -> Result<usize> {
    let mut at = 0;
    while let Some(head) = bytes[at..].first_chunk::<HEAD>() {
        let number =
            |from: usize| u32::from_be_bytes([head[from], head[from + 1], head[from + 2], head[from + 3]]) as usize;
        let len = number(0);
        ensure!((HEAD..=MOST).contains(&len), "the blob at byte {at} of the keybox makes no sense");
        let Some(blob) = bytes[at..].get(..len) else { break };
        if head[4] == OPENPGP {
            let certificate = blob.get(number(8)..).and_then(|rest| rest.get(..number(12)));
            out.extend_from_slice(certificate.context("a certificate that reaches beyond its blob of the keybox")?);
        }
        at += len;
    }
    Ok(at)
}
