//! The cryptography that `sigstore-verify` asks its user for: ring, which is here for TLS already, and for signatures of a digest, which
//! ring verifies only together with the message, the crates that sequoia brings. The crate's own choice would bring a second
//! library in C.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use ring::digest::{Context, SHA256, SHA384, SHA512};
use ring::signature as by;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
use sigstore_verify::crypto::provider::{CryptoProvider, HashContext, install_default_provider};
use sigstore_verify::crypto::{Error, Result, SigningScheme};
use sigstore_verify::types::HashAlgorithm;

/// Once for the whole process, before anything of the crate is called.
pub(super) fn install() {
    // Refused where it is installed already, and there is no other.
    let _ = install_default_provider(&Ring);
}

#[derive(Debug)]
struct Ring;

struct Hash(Context);

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

impl CryptoProvider for Ring {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        let algorithm = match algorithm {
            HashAlgorithm::Sha2256 => &SHA256,
            HashAlgorithm::Sha2384 => &SHA384,
            HashAlgorithm::Sha2512 => &SHA512,
            other => return Err(Error::UnsupportedAlgorithm(other.to_string())),
        };
        Ok(Box::new(Hash(Context::new(algorithm))))
    }

    fn verify_raw(&self, scheme: SigningScheme, key: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
        use SigningScheme::*;
        let algorithm: &dyn by::VerificationAlgorithm = match scheme {
            EcdsaP256Sha256 => &by::ECDSA_P256_SHA256_ASN1,
            EcdsaP256Sha384 => &by::ECDSA_P256_SHA384_ASN1,
            EcdsaP384Sha256 => &by::ECDSA_P384_SHA256_ASN1,
            EcdsaP384Sha384 => &by::ECDSA_P384_SHA384_ASN1,
            Ed25519 => &by::ED25519,
            RsaPssSha256 => &by::RSA_PSS_2048_8192_SHA256,
            RsaPssSha384 => &by::RSA_PSS_2048_8192_SHA384,
            RsaPssSha512 => &by::RSA_PSS_2048_8192_SHA512,
            RsaPkcs1Sha256 => &by::RSA_PKCS1_2048_8192_SHA256,
            RsaPkcs1Sha384 => &by::RSA_PKCS1_2048_8192_SHA384,
            RsaPkcs1Sha512 => &by::RSA_PKCS1_2048_8192_SHA512,
            other => return Err(Error::UnsupportedAlgorithm(other.name().to_owned())),
        };
        by::UnparsedPublicKey::new(algorithm, key).verify(data, signature).map_err(|_| bad(scheme))
    }

    fn verify_prehashed(&self, scheme: SigningScheme, key: &[u8], digest: &[u8], signature: &[u8]) -> Result<()> {
        use SigningScheme::*;
        let is_good = match scheme {
            EcdsaP256Sha256 | EcdsaP256Sha384 => p256(key, digest, signature),
            EcdsaP384Sha256 | EcdsaP384Sha384 => p384(key, digest, signature),
            RsaPssSha256 => rsa(key, Pss::new::<rsa::sha2::Sha256>(), digest, signature),
            RsaPssSha384 => rsa(key, Pss::new::<rsa::sha2::Sha384>(), digest, signature),
            RsaPssSha512 => rsa(key, Pss::new::<rsa::sha2::Sha512>(), digest, signature),
            RsaPkcs1Sha256 => rsa(key, Pkcs1v15Sign::new::<rsa::sha2::Sha256>(), digest, signature),
            RsaPkcs1Sha384 => rsa(key, Pkcs1v15Sign::new::<rsa::sha2::Sha384>(), digest, signature),
            RsaPkcs1Sha512 => rsa(key, Pkcs1v15Sign::new::<rsa::sha2::Sha512>(), digest, signature),
            other => return Err(Error::UnsupportedAlgorithm(other.name().to_owned())),
        };
        if is_good.is_some() { Ok(()) } else { Err(bad(scheme)) }
    }
}

fn bad(scheme: SigningScheme) -> Error {
    Error::Verification(format!("the {} signature is bad", scheme.name()))
}

fn p256(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let signature = p256::ecdsa::DerSignature::try_from(signature).ok()?;
    p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?.verify_prehash(digest, &signature).ok()
}

fn p384(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let signature = p384::ecdsa::DerSignature::try_from(signature).ok()?;
    p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?.verify_prehash(digest, &signature).ok()
}

fn rsa(key: &[u8], scheme: impl rsa::traits::SignatureScheme, digest: &[u8], signature: &[u8]) -> Option<()> {
    RsaPublicKey::from_pkcs1_der(key).ok()?.verify(scheme, digest, signature).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::digest::{Algorithm, digest};
    use ring::rand::SystemRandom;
    use ring::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair};

    /// Two libraries agree, on good signatures and on bad ones.
    fn agree(scheme: SigningScheme, hash: &'static Algorithm, key: &[u8], signature: &[u8]) {
        let judge = |data: &[u8], signature: &[u8]| {
            let whole = Ring.verify_raw(scheme, key, data, signature).is_ok();
            assert_eq!(Ring.verify_prehashed(scheme, key, digest(hash, data).as_ref(), signature).is_ok(), whole);
            whole
        };
        assert!(judge(b"data", signature));
        assert!(!judge(b"date", signature));
        assert!(!judge(b"data", &signature[1..]) && !judge(b"data", b""));
        for at in 0..signature.len() {
            let mut damaged = signature.to_vec();
            damaged[at] ^= 1;
            assert!(!judge(b"data", &damaged), "{at}");
        }
        assert!(Ring.verify_prehashed(scheme, &key[1..], digest(hash, b"data").as_ref(), signature).is_err());
    }

    #[test]
    fn a_digest_is_verified_as_what_was_hashed() {
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm, scheme, hash| {
            let random = SystemRandom::new();
            let stored = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            let key = EcdsaKeyPair::from_pkcs8(algorithm, stored.as_ref(), &random).unwrap();
            agree(scheme, hash, key.public_key().as_ref(), key.sign(&random, b"data").unwrap().as_ref());
        };
        ecdsa(&by::ECDSA_P256_SHA256_ASN1_SIGNING, SigningScheme::EcdsaP256Sha256, &SHA256);
        ecdsa(&by::ECDSA_P384_SHA384_ASN1_SIGNING, SigningScheme::EcdsaP384Sha384, &SHA384);
    }

    #[test]
    fn what_no_library_here_can_do_is_said() {
        let scheme = SigningScheme::MlDsa44;
        for refused in [Ring.verify_raw(scheme, b"", b"", b""), Ring.verify_prehashed(scheme, b"", b"", b"")] {
            assert!(matches!(refused, Err(Error::UnsupportedAlgorithm(_))));
        }
    }
}
