//! Security decisions: what the policy allows, and the log of what was decided.
//!
//! It decides and writes down. What follows from a decision is the business of `ops`, which also brings the facts: nothing in here
//! looks at packages.

pub mod advisory;
pub mod cvss;
pub mod ecosystem;
pub mod grade;
pub mod keys;
pub mod locks;
pub mod log;
pub mod pgp;
pub mod policy;
pub mod provenance;
pub mod sarif;
pub mod sbom;
pub mod secrets;
pub mod signature;
pub mod sigstore;
pub mod vex;
mod who;

pub use who::Who;

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::with_capacity(64), |hex, byte| {
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        hex + digit(byte >> 4).encode_utf8(&mut [0; 4]) + digit(byte & 15).encode_utf8(&mut [0; 4])
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn sha256_is_that_of_the_standard() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((super::sha256(b"").as_str(), super::sha256(b"abc").as_str()), (empty, abc));
    }
}
