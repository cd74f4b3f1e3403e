//! A certificate without what others certified of it. Keys of a distribution's maintainers bear hundreds of such signatures, of which
//! nothing depends but their trust, and that on a few.

use super::packets::{self, PUBLIC_KEY};
use anyhow::Result;

const SIGNATURE: u8 = 2;
/// Kinds of signatures that certify a user's name.
const CERTIFICATIONS: std::ops::RangeInclusive<u8> = 0x10..=0x13;
const ISSUER: u8 = 16;
const ISSUER_FINGERPRINT: u8 = 33;

/// The packets of a certificate without certifications that name another key as their maker's, and neither one of its own nor one that is
/// kept.
pub fn lean(certificate: &[u8], is_kept: &dyn Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
    let (mut out, mut primary) = (Vec::with_capacity(certificate.len()), None);
    for packet in packets::packets(certificate) {
        let packet = packet?;
        let body = &certificate[packet.body];
        if packet.tag == PUBLIC_KEY {
            primary = packets::fingerprint(body);
        }
        let is_foreign = || primary.as_ref().is_some_and(|primary| is_by_another(body, primary, is_kept));
        if packet.tag != SIGNATURE || !is_foreign() {
            out.extend_from_slice(&certificate[packet.whole]);
        }
    }
    Ok(out)
}

/// Of a signature of the fourth version; others are left in.
fn is_by_another(signature: &[u8], primary: &[u8], is_kept: &dyn Fn(&[u8]) -> bool) -> bool {
    let [4, kind, _, _, rest @ ..] = signature else { return false };
    if !CERTIFICATIONS.contains(kind) {
        return false;
    }
    let mut names = Vec::new();
    let collected = area(rest).and_then(|(hashed, rest)| {
        let (unhashed, _) = area(rest)?;
        issuers(hashed, &mut names)?;
        issuers(unhashed, &mut names)
    });
    collected.is_some()
        && !names.is_empty()
        && !names.iter().any(|name| packets::is_named(primary, name) || is_kept(name))
}

/// The subpackets that stand behind their length, and what comes behind these.
fn area(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

fn issuers<'b>(mut area: &'b [u8], names: &mut Vec<&'b [u8]>) -> Option<()> {
    while let [first, rest @ ..] = area {
        let (len, rest) = match first {
            0..192 => (usize::from(*first), rest),
            192..255 => ((usize::from(*first) - 192) * 256 + usize::from(*rest.first()?) + 192, &rest[1..]),
            255 => {
                let (len, rest) = rest.split_first_chunk::<4>()?;
                (u32::from_be_bytes(*len) as usize, rest)
            }
        };
        let (subpacket, behind) = rest.split_at_checked(len)?;
        match subpacket {
            [kind, name @ ..] if kind & 0x7f == ISSUER => names.push(name),
            [kind, _version, name @ ..] if kind & 0x7f == ISSUER_FINGERPRINT => names.push(name),
            _ => {}
        }
        area = behind;
    }
    Some(())
}
