//! An object that is told as what it takes from another and what it adds.

use super::MAX_WHOLE;

/// The object that `delta` makes of `base`; `None` where it does not fit.
pub fn apply(base: &[u8], mut delta: &[u8]) -> Option<Vec<u8>> {
    let delta = &mut delta;
    if length(delta)? != base.len() as u64 {
        return None;
    }
    let size = length(delta).filter(|size| *size <= MAX_WHOLE)?;
    let mut out = Vec::with_capacity(usize::try_from(size).ok()?);
    while let Some(code) = byte(delta) {
        let piece = if code & 0x80 != 0 {
            let mut number = |bits: u8| {
                let present = (0..8).filter(|bit| bits >> bit & 1 == 1);
                present
                    .map(|bit| Some(usize::from(byte(delta)?) << (8 * bit)))
                    .try_fold(0, |all, part| Some(all | part?))
            };
            let from = number(code & 0xf)?;
            let length = match number(code >> 4 & 0x7)? {
                0 => 0x1_0000,
                length => length,
            };
            base.get(from..from.checked_add(length)?)?
        } else {
            delta.split_off(..usize::from(code)).filter(|piece| !piece.is_empty())?
        };
        if out.len() + piece.len() > size as usize {
            return None;
        }
        out.extend_from_slice(piece);
    }
    (out.len() as u64 == size).then_some(out)
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    bytes.split_off_first().copied()
}

fn length(bytes: &mut &[u8]) -> Option<u64> {
    let mut length = 0u64;
    for shift in (0..63).step_by(7) {
        let next = byte(bytes)?;
        length |= u64::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn pieces_are_taken_and_added() {
        let base = b"hello, world";
        let delta = [&[12, 9, 0x91, 7, 5][..], &[4], b", hi"].concat();
        assert_eq!(apply(base, &delta).unwrap(), b"world, hi");
        assert_eq!(apply(b"hello", &delta), None, "another base");
        assert_eq!(apply(base, &delta[..delta.len() - 1]), None, "cut");
        assert_eq!(apply(base, &[12, 1, 0x91, 12, 1]), None, "beyond the end");
        assert_eq!(apply(base, &[12, 1, 0]), None, "a code that is none");
        assert_eq!(apply(base, &[12, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x90, 12]), None, "too large");
    }
}
