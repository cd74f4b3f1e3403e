//! Messages that have their signatures in them, as `gpg --sign` makes them (RFC 9580, 10.3): who is going to sign, what is signed, and the
//! signatures; all of it compressed, or not. Compressed or signed once more is what nobody makes, and is not taken apart.

use super::{MOST_SIGNATURES, armor, packets};
use anyhow::{Context, Result, bail, ensure};
use bzip2::bufread::BzDecoder;
use flate2::bufread::{DeflateDecoder, ZlibDecoder};
use std::borrow::Cow;
use std::io::Read;

/// Whatever it was compressed to.
const MAX_BYTES: u64 = 64 << 20;
const BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE-----";

const SIGNATURE: u8 = 2;
const ONE_PASS: u8 = 4;
const COMPRESSED: u8 = 8;
const LITERAL: u8 = 11;
const MARKER: u8 = 10;
/// Of keys to open it with, and of what they open.
const ENCRYPTED: [u8; 5] = [1, 3, 9, 18, 20];

/// What is signed, and its signatures as packets.
pub struct Message {
    pub data: Vec<u8>,
    pub signatures: Vec<u8>,
}

/// Whether a file that begins so may be a signed message.
pub fn is_message(head: &[u8]) -> bool {
    let tag = match head.first().copied() {
        Some(first @ 0x80..0xc0) => first >> 2 & 15,
        Some(first @ 0xc0..) => first & 63,
        _ => return head.starts_with(BEGIN),
    };
    tag == ONE_PASS || tag == COMPRESSED
}

/// Takes a message apart.
pub fn message(content: Vec<u8>) -> Result<Message> {
    let content = armor::bytes(content)?;
    match part(&content, 0)? {
        Part { tag: COMPRESSED, body, end } => {
            ensure!(end == content.len(), "something stands behind what is compressed");
            signed(&unpacked(&body)?)
        }
        _ => signed(&content),
    }
}

fn signed(content: &[u8]) -> Result<Message> {
    let (mut announced, mut is_last, mut data) = (0, false, None);
    let (mut signatures, mut count) = (Vec::new(), 0);
    let mut at = 0;
    while at < content.len() {
        let Part { tag, body, end } = part(content, at)?;
        match (tag, data.is_some()) {
            (MARKER, _) => {}
            (ONE_PASS, false) => {
                // Whoever says that nobody else signs the same signs what is behind it, signatures and all.
                ensure!(!is_last, "it is a signature of another signed message, which is not judged here");
                announced += 1;
                is_last = body.last().is_some_and(|last| *last != 0);
            }
            (LITERAL, false) => data = Some(literal(body)?),
            (SIGNATURE, true) => {
                signatures.extend_from_slice(&content[at..end]);
                count += 1;
            }
            (COMPRESSED, _) => bail!("what is compressed in it is compressed once more"),
            (tag, _) if ENCRYPTED.contains(&tag) => bail!("it is encrypted"),
            (tag, _) => bail!("the packet at byte {at}, of kind {tag}, has no place in a signed message"),
        }
        ensure!(announced.max(count) <= MOST_SIGNATURES, "more than {MOST_SIGNATURES} signatures");
        at = end;
    }
    let data = data.context("there is nothing in it that is signed")?;
    ensure!(count > 0, "there is no signature in it");
    ensure!(count == announced && is_last, "{announced} signatures were announced, and {count} are there");
    Ok(Message { data, signatures })
}

/// What a packet of data holds behind its name and date.
fn literal(body: Cow<'_, [u8]>) -> Result<Vec<u8>> {
    let start = body.get(1).map(|name_len| 2 + usize::from(*name_len) + 4);
    let data = start.and_then(|start| body.get(start..)).context("what is signed is cut off")?;
    Ok(data.to_vec())
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>> {
    let (algorithm, mut packed) = body.split_first().context("what is compressed is cut off")?;
    let mut out = Vec::new();
    match algorithm {
        0 => read(&mut packed, &mut out),
        1 => read(DeflateDecoder::new(&mut packed), &mut out),
        2 => read(ZlibDecoder::new(&mut packed), &mut out),
        3 => read(BzDecoder::new(&mut packed), &mut out),
        other => bail!("it is compressed in a way that is not known here: {other}"),
    }
    .context("what is compressed makes no sense")?;
    ensure!(out.len() as u64 <= MAX_BYTES, "it unpacks to more than {} MiB", MAX_BYTES >> 20);
    ensure!(packed.is_empty(), "something stands behind what is compressed");
    Ok(out)
}

fn read(decoder: impl Read, out: &mut Vec<u8>) -> std::io::Result<usize> {
    decoder.take(MAX_BYTES + 1).read_to_end(out)
}

/// A packet, put together where it lies there in pieces.
struct Part<'b> {
    tag: u8,
    body: Cow<'b, [u8]>,
    end: usize,
}

fn part(bytes: &[u8], start: usize) -> Result<Part<'_>> {
    let cut_off = || format!("the packet at byte {start} is cut off");
    let first = *bytes.get(start).with_context(cut_off)?;
    let is_of_data = |tag| tag == COMPRESSED || tag == LITERAL;
    match (first, bytes.get(start + 1).copied()) {
        // Up to the end, however far that is.
        (0x80..0xc0, _) if first & 3 == 3 && is_of_data(first >> 2 & 15) => {
            Ok(Part { tag: first >> 2 & 15, body: Cow::Borrowed(&bytes[start + 1..]), end: bytes.len() })
        }
        (0xc0.., Some(224..=254)) if is_of_data(first & 63) => {
            let (mut body, mut at) = (Vec::new(), start + 1);
            loop {
                let (piece, is_last) = match *bytes.get(at).with_context(cut_off)? {
                    power @ 224..=254 => (at + 1..(at + 1).saturating_add(1 << (power & 31)), false),
                    // The last piece says how long it is as any packet does.
                    _ => {
                        let head = packets::head(&[&[first][..], &bytes[at..bytes.len().min(at + 5)]].concat(), start)?;
                        let packets::Head { len, body_len, .. } = head.with_context(cut_off)?;
                        (at + len - 1..(at + len - 1).saturating_add(body_len), true)
                    }
                };
                body.extend_from_slice(bytes.get(piece.clone()).with_context(cut_off)?);
                at = piece.end;
                if is_last {
                    return Ok(Part { tag: first & 63, body: Cow::Owned(body), end: at });
                }
            }
        }
        _ => {
            let head = packets::head(&bytes[start..], start)?;
            let packets::Head { tag, len, body_len } = head.with_context(cut_off)?;
            let end = (start + len).saturating_add(body_len);
            Ok(Part { tag, body: Cow::Borrowed(bytes.get(start + len..end).with_context(cut_off)?), end })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, ZlibEncoder};
    use std::io::Write;

    fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[0xc0 | tag, 255][..], &(body.len() as u32).to_be_bytes(), body].concat()
    }

    /// As many as announced, of a text that is no signature; what is looked at here is where it stands.
    fn plain(announced: usize, data: &[u8]) -> Vec<u8> {
        let announce = |at| packet(ONE_PASS, &[3, 0, 8, 22, 0, 0, 0, 0, 0, 0, 0, 0, u8::from(at + 1 == announced)]);
        let mut all: Vec<u8> = (0..announced).flat_map(announce).collect();
        all.extend(packet(LITERAL, &[b"b\x01n\0\0\0\0", data].concat()));
        (0..announced).for_each(|_| all.extend(packet(SIGNATURE, b"signature")));
        all
    }

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(vec![1], Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn error(content: &[u8]) -> String {
        message(content.to_vec()).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_signed_is_found_compressed_or_not_and_in_pieces() {
        let whole = plain(2, b"text");
        let mut zlib = ZlibEncoder::new(vec![2], Compression::fast());
        zlib.write_all(&whole).unwrap();
        let uncompressed = [&[0][..], &whole].concat();
        let forms = [
            whole.clone(),
            packet(COMPRESSED, &deflated(&whole)),
            packet(COMPRESSED, &zlib.finish().unwrap()),
            packet(COMPRESSED, &uncompressed),
            // Up to the end, and in pieces of 2, 1 and the rest.
            [&[0xa3][..], &deflated(&whole)].concat(),
            [&[0xc8, 225, 0, whole[0], 224, whole[1], whole.len() as u8 - 2], &whole[2..]].concat(),
        ];
        for (at, form) in forms.iter().enumerate() {
            let found = message(form.clone()).unwrap();
            assert_eq!((found.data.as_slice(), is_message(form)), (&b"text"[..], true), "{at}");
            assert_eq!(found.signatures, packet(SIGNATURE, b"signature").repeat(2), "{at}");
            for len in 0..form.len() {
                // What ends a compressed text without a length may be missing, and nothing of the text.
                let cut = message(form[..len].to_vec());
                assert!(cut.is_err() || at == 4 && cut.is_ok_and(|cut| cut.data == b"text"), "{at}, {len} bytes");
            }
        }
        for other in [&b""[..], b"text", b"-----BEGIN PGP SIGNATURE-----", &packet(SIGNATURE, b""), b"PK\x03\x04"] {
            assert!(!is_message(other), "{other:?}");
        }
    }

    #[test]
    fn nothing_is_signed_that_stands_beside_or_below_what_is() {
        let whole = plain(1, b"text");
        let (announcement, rest) = whole.split_at(6 + 13);
        assert_eq!(
            error(&[announcement, &whole].concat()),
            "it is a signature of another signed message, which is not judged here"
        );
        assert_eq!(
            error(&[&whole[..], &packet(LITERAL, b"b\0\0\0\0\0more")].concat()).split(", ").nth(1),
            Some("of kind 11")
        );
        assert_eq!(error(rest), "0 signatures were announced, and 1 are there");
        assert_eq!(
            error(&[&whole[..], &packet(SIGNATURE, b"x")].concat()),
            "1 signatures were announced, and 2 are there"
        );
        assert_eq!(error(&packet(LITERAL, b"b\0\0\0\0\0text")), "there is no signature in it");
        assert_eq!(error(&packet(18, b"\x01text")), "it is encrypted");
        assert_eq!(error(&plain(MOST_SIGNATURES + 1, b"")), "more than 64 signatures");
        let compressed = packet(COMPRESSED, &deflated(&whole));
        assert_eq!(
            error(&packet(COMPRESSED, &deflated(&compressed))),
            "what is compressed in it is compressed once more"
        );
        let behind = "something stands behind what is compressed";
        assert_eq!(error(&[&compressed[..], b"\xca\x03PGP"].concat()), behind);
        assert_eq!(error(&packet(COMPRESSED, &[&deflated(&whole)[..], b"more"].concat())), behind);
        assert_eq!(error(&packet(COMPRESSED, b"\x09text")), "it is compressed in a way that is not known here: 9");
    }

    #[test]
    fn what_unpacks_without_end_is_left_after_a_bound() {
        let mut encoder = DeflateEncoder::new(vec![1], Compression::fast());
        (0..=64).for_each(|_| encoder.write_all(&vec![0; 1 << 20]).unwrap());
        let bomb = packet(COMPRESSED, &encoder.finish().unwrap());
        assert!(bomb.len() < 1 << 20);
        assert_eq!(error(&bomb), "it unpacks to more than 64 MiB");
    }
}
