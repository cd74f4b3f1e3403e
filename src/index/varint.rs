//! Numbers of seven bits a byte, low bits first, as LEB128 has them.

/// Appends `value`.
pub fn push(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The number at `*at`, which moves behind it; `None` where the bytes end or the number would not fit.
#[inline]
pub fn pull(bytes: &[u8], at: &mut usize) -> Option<u64> {
    // Most numbers are short.
    match bytes.get(*at) {
        Some(&byte) if byte < 0x80 => {
            *at += 1;
            Some(u64::from(byte))
        }
        _ => pull_long(bytes, at),
    }
}

fn pull_long(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A length and so many bytes behind it.
pub fn pull_bytes<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let len = usize::try_from(pull(bytes, at)?).ok()?;
    let end = at.checked_add(len)?;
    let piece = bytes.get(*at..end)?;
    *at = end;
    Some(piece)
}

/// The text that bytes are; what is no UTF-8 is replaced.
pub fn text(bytes: &[u8]) -> String {
    // Quicker than the lossy way where nothing is lost, which is nearly always.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Appends a length and the bytes.
pub fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_pulled() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            push(&mut bytes, value);
            let mut at = 0;
            assert_eq!(pull(&bytes, &mut at), Some(value));
            assert_eq!(at, bytes.len());
            assert_eq!(pull(&bytes[..bytes.len() - 1], &mut 0), None);
        }
    }

    #[test]
    fn an_endless_number_is_refused() {
        assert_eq!(pull(&[0xff; 20], &mut 0), None);
    }
}
