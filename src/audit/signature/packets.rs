//! Heads of OpenPGP packets (RFC 9580, 4.2): where each packet of a text of many begins and ends, and what key a key packet holds. The
//! packets themselves are not understood here, so that a ring of hundreds of certificates costs hardly more than being read.

use anyhow::{Result, bail};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use std::ops::Range;

pub const PUBLIC_KEY: u8 = 6;
pub const PUBLIC_SUBKEY: u8 = 14;

/// A packet by its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub tag: u8,
    /// With its head.
    pub whole: Range<usize>,
    pub body: Range<usize>,
}

/// Every packet, one behind the other. A length that is not known beforehand has no place among keys and signatures.
pub fn packets(bytes: &[u8]) -> impl Iterator<Item = Result<Packet>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let packet = packet(bytes, at);
        at = packet.as_ref().map_or(bytes.len(), |packet| packet.whole.end);
        Some(packet)
    })
}

fn packet(bytes: &[u8], start: usize) -> Result<Packet> {
    let head = head(&bytes[start..], start)?;
    let Some(Head { tag, len, body_len }) = head else { bail!("the packet at byte {start} is cut off") };
    let body = start + len..(start + len).saturating_add(body_len);
    if body.end > bytes.len() {
        bail!("the packet at byte {start} is cut off");
    }
    Ok(Packet { tag, whole: start..body.end, body })
}

/// What a packet begins with: what it is, and how many bytes its head and its body have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub tag: u8,
    pub len: usize,
    pub body_len: usize,
}

/// The head that `bytes` begin with, which lie at `start` of the whole; `None` where it is longer than they are.
pub fn head(bytes: &[u8], start: usize) -> Result<Option<Head>> {
    let byte = |at: usize| bytes.get(at).copied().map(usize::from);
    let number = |from: usize, len: usize| (from..from + len).try_fold(0, |sum: usize, at| Some(sum << 8 | byte(at)?));
    let Some(&first) = bytes.first() else { return Ok(None) };
    let (tag, length) = match first {
        0x80..0xc0 => {
            let octets = 1 << (first & 3);
            if octets == 8 {
                bail!("the length of the packet at byte {start} makes no sense");
            }
            (first >> 2 & 15, number(1, octets).map(|length| (1 + octets, length)))
        }
        0xc0.. => {
            let length = match byte(1) {
                None => None,
                Some(one @ 0..192) => Some((2, one)),
                Some(one @ 192..224) => byte(2).map(|two| (3, ((one - 192) << 8) + two + 192)),
                Some(255) => number(2, 4).map(|length| (6, length)),
                Some(_) => bail!("the length of the packet at byte {start} makes no sense"),
            };
            (first & 63, length)
        }
        _ => bail!("no OpenPGP packet begins with byte {start}"),
    };
    Ok(length.map(|(len, body_len)| Head { tag, len, body_len }))
}

/// The fingerprint of the key that a key packet holds; `None` for versions of the format that nobody should use any more.
pub fn fingerprint(body: &[u8]) -> Option<Vec<u8>> {
    let (algorithm, head) = match body.first()? {
        4 => {
            let length = u16::try_from(body.len()).ok()?.to_be_bytes();
            (&SHA1_FOR_LEGACY_USE_ONLY, [&[0x99][..], &length].concat())
        }
        6 => (&SHA256, [&[0x9b][..], &u32::try_from(body.len()).ok()?.to_be_bytes()].concat()),
        _ => return None,
    };
    let mut context = Context::new(algorithm);
    context.update(&head);
    context.update(body);
    Some(context.finish().as_ref().to_vec())
}

/// Whether a fingerprint is the one that a signature names, whole or by its short form.
pub fn is_named(fingerprint: &[u8], named: &[u8]) -> bool {
    match (fingerprint.len(), named.len()) {
        (20, 8) => fingerprint.ends_with(named),
        (32, 8) => fingerprint.starts_with(named),
        _ => fingerprint == named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_form_and_none_that_leads_out() {
        let lengths =
            |bytes: &[u8]| packets(bytes).map(|packet| packet.map(|p| (p.tag, p.body.len())).ok()).collect::<Vec<_>>();
        assert_eq!(lengths(&[0x99, 0, 1, 7, 0xc2, 0]), [Some((6, 1)), Some((2, 0))]);
        let long = [&[0xce, 192, 1][..], &[0; 193]].concat();
        assert_eq!(lengths(&long), [Some((14, 193))]);
        let longest = [&[0xc6, 255, 0, 0, 0, 2][..], &[0; 2]].concat();
        assert_eq!(lengths(&longest), [Some((6, 2))]);
        for bad in [&[0x9b][..], &[0x99, 0], &[0x99, 0, 2, 1], &[0xc6, 224, 1], &[0xc6, 255, 255, 255, 255, 255], b"x"]
        {
            assert_eq!(lengths(bad), [None], "{bad:?}");
        }
    }

    #[test]
    fn a_short_form_is_an_end_of_the_fingerprint() {
        let (v4, v6) = ([1; 20].map(|_| 7u8), [9u8; 32]);
        assert!(is_named(&v4, &[7; 8]) && is_named(&v4, &v4) && !is_named(&v4, &[1; 8]) && !is_named(&v4, &[7; 4]));
        assert!(is_named(&v6, &[9; 8]) && !is_named(&v6, &[9; 20]));
    }
}
