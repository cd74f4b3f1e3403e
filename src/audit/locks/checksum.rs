//! Checksums as lock files write them: hexadecimal digits, or base64 as in a web page's `integrity`.

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    pub algorithm: Algorithm,
    /// In hexadecimal digits, small ones.
    pub hex: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
    /// SHA-256 of Go's list of a module's files and their sums: not that of any file.
    GoH1,
}

impl Algorithm {
    fn named(name: &str) -> Option<Algorithm> {
        Some(match name {
            "md5" => Algorithm::Md5,
            "sha1" => Algorithm::Sha1,
            "sha256" => Algorithm::Sha256,
            "sha384" => Algorithm::Sha384,
            "sha512" => Algorithm::Sha512,
            "h1" => Algorithm::GoH1,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 | Algorithm::GoH1 => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 => 64,
        }
    }
}

/// `sha256:0123...`, or with another sign between. What is of another length than it must be, or of another kind, is none.
pub(super) fn of_hex(text: &str) -> Option<Checksum> {
    let (name, hex) = text.split_once([':', '='])?;
    plain_hex(Algorithm::named(name)?, hex)
}

pub(super) fn plain_hex(algorithm: Algorithm, hex: &str) -> Option<Checksum> {
    let is_good = hex.len() == 2 * algorithm.bytes() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_good.then(|| Checksum { algorithm, hex: hex.to_ascii_lowercase() })
}

/// `sha512-base64`, of which there may be several; Go's `h1:base64` in the same way.
pub(super) fn of_integrity(text: &str) -> Vec<Checksum> {
    let one = |word: &str| {
        let (name, base64) = word.split_once(['-', ':'])?;
        let algorithm = Algorithm::named(name)?;
        // Options may stand behind a `?`.
        let bytes = decode(base64.split('?').next()?)?;
        let hex = || {
            bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16))
        };
        (bytes.len() == algorithm.bytes()).then(|| Checksum { algorithm, hex: hex().collect() })
    };
    text.split_ascii_whitespace().filter_map(one).collect()
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    let digits = base64.trim_end_matches('=').bytes().map(|byte| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let digits: Vec<u32> = digits.collect::<Option<_>>()?;
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let value = (0..4).fold(0, |value, at| value << 6 | group.get(at).unwrap_or(&0));
        let [_, whole @ ..] = value.to_be_bytes();
        bytes.extend_from_slice(&whole[..group.len() * 6 / 8]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_and_hexadecimal_digits_are_one_sum() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected = Checksum { algorithm: Algorithm::Sha256, hex: abc.to_owned() };
        assert_eq!(of_hex(&format!("sha256:{}", abc.to_uppercase())).as_ref(), Some(&expected));
        let integrity = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        assert_eq!(of_integrity(&format!("{integrity}?x sha1-bad md9-AA==")), [expected]);
        assert_eq!(of_hex("sha256:abc"), None);
        assert_eq!(of_hex("sha999:abc"), None);
        assert!(of_integrity("sha512-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0= sha256-é").is_empty());
    }
}
