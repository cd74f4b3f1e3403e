//! Signatures by RSA verified beforehand, where sequoia's pure Rust takes most of the time that an audit has: it raises to a power as if
//! the exponent were secret and of 64 bits, and a key's is public and of 17.
//!
//! What holds is told to sequoia's cache of good signatures. All judgement stays sequoia's: what is not found here, or makes another
//! entry than a later version of it looks up, it verifies itself.

use ring::digest::{SHA512, digest};
use rsa::BigUint;
use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::key::{KeyRole, PrimaryRole, PublicParts};
use sequoia_openpgp::packet::signature::cache::SignatureVerificationCache;
use sequoia_openpgp::packet::{Key, Signature, UserID};
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};
use sequoia_openpgp::{KeyHandle, Packet};
use std::sync::mpsc;

/// Keys outside of these bounds are left to sequoia, which refuses some of them.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 1024..=4096;
const MOST_EXPONENT_BITS: usize = 33;
/// How many bytes of its hash make an entry of the cache.
const ENTRY: usize = 32;

/// What was found to be good.
#[derive(Default)]
pub struct Quick {
    entries: Vec<Vec<u8>>,
}

impl Quick {
    /// Takes a signature of a digest by a key.
    pub fn signature<R: KeyRole>(&mut self, signature: &Signature, key: &Key<PublicParts, R>, digest: &[u8]) {
        if is_good(key.mpis(), signature.mpis(), signature.hash_algo(), digest) {
            self.entries.extend(entry(signature, key.mpis(), digest));
        }
    }

    /// Takes what binds a certificate's users, and those of its subkeys that are named: the newest of each, by which sequoia goes.
    pub fn certificate(&mut self, packets: &[Packet], named: &[KeyHandle]) {
        let Some(Packet::PublicKey(primary)) = packets.first() else { return };
        let own = primary.key_handle();
        for part in packets.chunk_by(|_, next| matches!(next, Packet::Signature(_))) {
            let signatures = part[1..].iter().filter_map(|packet| match packet {
                Packet::Signature(signature) => Some(signature),
                _ => None,
            });
            let signatures = signatures.filter(|signature| signature.get_issuers().iter().any(|by| by.aliases(&own)));
            let newest = |kinds: &[SignatureType]| {
                let of_kind = signatures.clone().filter(|signature| kinds.contains(&signature.typ()));
                of_kind.max_by_key(|signature| signature.signature_creation_time())
            };
            match &part[0] {
                Packet::PublicKey(_) => {
                    if let Some(signature) = newest(&[SignatureType::DirectKey]) {
                        self.binding(signature, primary, |context| signature.hash_direct_key(context, primary));
                    }
                }
                Packet::UserID(user) => {
                    if let Some(signature) = newest(&CERTIFICATIONS) {
                        self.binding(signature, primary, |context| {
                            signature.hash_userid_binding(context, primary, user)
                        });
                    }
                }
                Packet::PublicSubkey(subkey) if named.iter().any(|name| name.aliases(subkey.key_handle())) => {
                    let Some(signature) = newest(&[SignatureType::SubkeyBinding]) else { continue };
                    self.binding(signature, primary, |context| signature.hash_subkey_binding(context, primary, subkey));
                    for back in signature.embedded_signatures() {
                        self.binding(back, subkey, |context| back.hash_primary_key_binding(context, primary, subkey));
                    }
                }
                _ => {}
            }
        }
    }

    /// Takes what the key of another certificate certifies of a user, or takes back.
    pub fn certification(
        &mut self,
        signature: &Signature,
        by: &Key<PublicParts, PrimaryRole>,
        primary: &Key<PublicParts, PrimaryRole>,
        user: &UserID,
    ) {
        self.binding(signature, by, |context| signature.hash_userid_binding(context, primary, user));
    }

    fn binding<R: KeyRole>(
        &mut self,
        signature: &Signature,
        key: &Key<PublicParts, R>,
        hash: impl Fn(&mut sequoia_openpgp::crypto::hash::Context) -> sequoia_openpgp::Result<()>,
    ) {
        let digest = || {
            let mut context = signature.hash_algo().context()?.for_signature(signature.version());
            hash(&mut context)?;
            context.into_digest()
        };
        // What cannot be hashed is sequoia's to judge.
        if let Ok(digest) = digest() {
            self.signature(signature, key, &digest);
        }
    }

    /// Tells sequoia.
    pub fn tell(self) {
        if self.entries.is_empty() {
            return;
        }
        let (done, is_done) = mpsc::channel();
        // The cache takes them in a thread of its own.
        SignatureVerificationCache::restore(self.entries.into_iter(), move || _ = done.send(()));
        _ = is_done.recv();
    }
}

const CERTIFICATIONS: [SignatureType; 4] = [
    SignatureType::GenericCertification,
    SignatureType::PersonaCertification,
    SignatureType::CasualCertification,
    SignatureType::PositiveCertification,
];

/// By which sequoia's cache knows a good signature: a hash of all that it depends on.
fn entry(signature: &Signature, key: &mpi::PublicKey, of: &[u8]) -> Option<Vec<u8>> {
    let numbers = signature.mpis().to_vec().ok()?;
    let mut all = vec![0];
    all.extend_from_slice(&u32::try_from(numbers.len()).ok()?.to_le_bytes());
    all.extend_from_slice(&numbers);
    all.push(u8::from(signature.hash_algo()));
    all.extend_from_slice(of);
    all.extend_from_slice(&key.to_vec().ok()?);
    Some(digest(&SHA512, &all).as_ref()[..ENTRY].to_vec())
}

/// Whether it is a good signature by RSA (RFC 8017, 8.2.2); false where it is another kind or an odd one.
fn is_good(key: &mpi::PublicKey, signature: &mpi::Signature, algorithm: HashAlgorithm, digest: &[u8]) -> bool {
    let (mpi::PublicKey::RSA { e, n }, mpi::Signature::RSA { s }) = (key, signature) else { return false };
    let Some(info) = digest_info(algorithm, digest) else { return false };
    let number = |of: &mpi::MPI| BigUint::from_bytes_be(of.value());
    let (modulus, exponent, signed) = (number(n), number(e), number(s));
    let is_odd = |number: &mpi::MPI| number.value().last().is_some_and(|last| last & 1 == 1);
    let is_plain = MODULUS_BITS.contains(&modulus.bits()) && (2..=MOST_EXPONENT_BITS).contains(&exponent.bits());
    if !is_plain || !is_odd(n) || !is_odd(e) || signed >= modulus {
        return false;
    }
    let size = modulus.bits().div_ceil(8);
    let Some(padding) = size.checked_sub(3 + info.len()).filter(|padding| *padding >= 8) else { return false };
    // Without the zero in front, which a number has not.
    let expected = [&[1][..], &vec![0xff; padding], &[0], &info].concat();
    power(&signed, &exponent, &modulus).to_bytes_be() == expected
}

fn power(base: &BigUint, exponent: &BigUint, modulus: &BigUint) -> BigUint {
    let bits = exponent.to_bytes_be().into_iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1));
    let mut power = base.clone();
    // The first bit that is set is the base itself.
    for bit in bits.skip_while(|bit| !bit).skip(1) {
        power = &power * &power % modulus;
        if bit {
            power = power * base % modulus;
        }
    }
    power
}

/// What is signed of a digest: a head in ASN.1 that says by which algorithm it is, and the digest.
fn digest_info(algorithm: HashAlgorithm, digest: &[u8]) -> Option<Vec<u8>> {
    let (of, len): (&[u8], u8) = match algorithm {
        HashAlgorithm::SHA1 => (&[0x2b, 0x0e, 0x03, 0x02, 0x1a], 20),
        HashAlgorithm::SHA256 => (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01], 32),
        HashAlgorithm::SHA384 => (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02], 48),
        HashAlgorithm::SHA512 => (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03], 64),
        HashAlgorithm::SHA224 => (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04], 28),
        _ => return None,
    };
    if digest.len() != usize::from(len) {
        return None;
    }
    let named = of.len() as u8;
    let head = [0x30, named + 8 + len, 0x30, named + 4, 0x06, named];
    Some([&head, of, &[0x05, 0x00, 0x04, len], digest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::pgp::certificates;
    use crate::audit::signature::armor;
    use sequoia_openpgp::PacketPile;
    use sequoia_openpgp::crypto::hash::Hash;
    use sequoia_openpgp::parse::Parse;

    /// A real signature by RSA, its digest, and the key.
    fn real() -> (Signature, Vec<u8>, Key<PublicParts, sequoia_openpgp::packet::key::UnspecifiedRole>) {
        let file = include_bytes!("../../../tests/fixtures/node-v14.2.0-SHASUMS256.txt.asc");
        let armor::Clear { text, signatures } = armor::clear(file).unwrap();
        let packets = PacketPile::from_bytes(&signatures).unwrap().into_children();
        let mut signatures = packets.filter_map(|packet| match packet {
            Packet::Signature(signature) => Some(signature),
            _ => None,
        });
        let signature = signatures.next().unwrap();
        let mut context = signature.hash_algo().context().unwrap().for_signature(signature.version());
        context.update(&text);
        signature.hash(&mut context).unwrap();
        let all = certificates(crate::audit::keys::of("node").unwrap().as_bytes()).unwrap();
        let issuers = signature.get_issuers();
        let mut keys = all.iter().flat_map(|cert| cert.keys());
        let key = keys.find(|key| issuers.iter().any(|by| by.aliases(key.key().key_handle()))).unwrap();
        (signature, context.into_digest().unwrap(), key.key().clone())
    }

    #[test]
    fn a_good_signature_is_good_and_no_other() {
        let (signature, digest, key) = real();
        let good =
            |digest: &[u8], signature: &mpi::Signature, algorithm| is_good(key.mpis(), signature, algorithm, digest);
        let algorithm = signature.hash_algo();
        assert!(good(&digest, signature.mpis(), algorithm));
        for bit in 0..digest.len() * 8 {
            let mut changed = digest.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!good(&changed, signature.mpis(), algorithm));
        }
        assert!(!good(&digest[1..], signature.mpis(), algorithm));
        assert!(!good(&digest, signature.mpis(), HashAlgorithm::SHA1));
        let mpi::Signature::RSA { s } = signature.mpis() else { panic!("not by RSA") };
        for at in 0..s.value().len() {
            let mut changed = s.value().to_vec();
            changed[at] ^= 0x10;
            assert!(!good(&digest, &mpi::Signature::RSA { s: changed.into() }, algorithm));
        }
        for odd in [vec![], vec![0], vec![1], vec![0xff; s.value().len()], vec![0xff; 600]] {
            assert!(!good(&digest, &mpi::Signature::RSA { s: odd.into() }, algorithm));
        }
        // Keys with which anything could be good.
        let mpi::PublicKey::RSA { n, .. } = key.mpis() else { panic!("not by RSA") };
        for exponent in [vec![], vec![1], vec![2], vec![0xff; 8]] {
            let key = mpi::PublicKey::RSA { e: exponent.into(), n: n.clone() };
            assert!(!is_good(&key, signature.mpis(), algorithm, &digest));
        }
    }

    /// Else every signature would be verified twice.
    #[test]
    fn sequoia_knows_a_good_signature_by_the_same_entry() {
        let (signature, digest, key) = real();
        let entry = entry(&signature, key.mpis(), &digest).unwrap();
        signature.verify_digest(&key, &digest).unwrap();
        assert!(SignatureVerificationCache::dump().into_iter().any(|known| known.value() == entry));
    }
}
