//! A pack's index: which objects it has, and where. Version 2, which is what git has written since 2008.

use super::Id;

/// More than any repository there is.
const MAX_OBJECTS: usize = 16 << 20;
const MAGIC: &[u8] = b"\xfftOc\0\0\0\x02";

/// Ids with their offsets, by id.
pub fn parse(bytes: &[u8], hash: usize) -> Option<Vec<(Id, u64)>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (fanout, rest) = rest.split_at_checked(256 * 4)?;
    let count = number(fanout, 255)? as usize;
    if count > MAX_OBJECTS {
        return None;
    }
    let (ids, rest) = rest.split_at_checked(count.checked_mul(hash)?)?;
    let (_crc, rest) = rest.split_at_checked(count * 4)?;
    let (offsets, far) = rest.split_at_checked(count * 4)?;
    let offset = |at: usize| match number(offsets, at)? {
        near @ 0..=0x7fff_ffff => Some(u64::from(near)),
        place => {
            let at = (place & 0x7fff_ffff) as usize;
            Some(u64::from(number(far, 2 * at)?) << 32 | u64::from(number(far, 2 * at + 1)?))
        }
    };
    let mut found =
        (0..count).map(|at| Some((Id::of(&ids[at * hash..][..hash]), offset(at)?))).collect::<Option<Vec<_>>>()?;
    // As they are, unless somebody made them otherwise.
    found.sort_unstable();
    Some(found)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at.checked_mul(4)?..)?.first_chunk()?))
}
