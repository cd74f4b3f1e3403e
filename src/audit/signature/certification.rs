//! What a key certifies of the users of another, and what is left of that: whether it was taken back, has ended, or is by a digest of
//! which others can be made.

use super::{SLACK, is_weak};
use sequoia_openpgp::cert::amalgamation::UserIDAmalgamation;
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::types::SignatureType;
use sequoia_openpgp::{Cert, KeyHandle};
use std::time::SystemTime;

/// The certification of a user by somebody else's certificate that is in force; `None` where there is none.
pub fn by<'u>(
    certifier: &Cert,
    user: &UserIDAmalgamation<'u>,
    min_level: u8,
    now: SystemTime,
) -> Option<&'u Signature> {
    let name = KeyHandle::from(certifier.fingerprint());
    let (key, of) = (certifier.primary_key().key(), user.cert().primary_key().key());
    let is_good = |signature: &Signature| match is_revocation(signature) {
        true => signature.verify_userid_revocation(key, of, user.userid()).is_ok(),
        false => signature.verify_userid_binding(key, of, user.userid()).is_ok(),
    };
    let said = user.certifications().chain(user.other_revocations());
    let said = said
        .filter(|signature| signature.get_issuers().iter().any(|issuer| issuer.aliases(&name)))
        .filter(|signature| !is_weak(signature.hash_algo()) && level(signature).is_none_or(|level| level >= min_level))
        .filter(|signature| is_good(signature));
    // The newest counts, so that one that ends leaves no older one in force; but what cannot be taken back is not.
    let newest = said.max_by_key(|signature| {
        let is_final = signature.revocable() == Some(false) && !is_revocation(signature) && !has_ended(signature, now);
        (is_final, signature.signature_creation_time(), is_revocation(signature))
    })?;
    let is_from_the_future = newest.signature_creation_time().is_none_or(|made| made > now + SLACK);
    (!is_revocation(newest) && !has_ended(newest, now) && !is_from_the_future).then_some(newest)
}

/// Whether the certificate's own key says last that the user is one of it.
pub fn is_confirmed(user: &UserIDAmalgamation<'_>, now: SystemTime) -> bool {
    let newest = user.self_signatures().max_by_key(|signature| signature.signature_creation_time());
    let taken_back = user.self_revocations().filter_map(|signature| signature.signature_creation_time()).max();
    newest.is_some_and(|newest| !has_ended(newest, now) && taken_back < newest.signature_creation_time())
}

fn is_revocation(signature: &Signature) -> bool {
    signature.typ() == SignatureType::CertificationRevocation
}

fn has_ended(signature: &Signature, now: SystemTime) -> bool {
    signature.signature_expiration_time().is_some_and(|end| end <= now)
}

/// How well the certifier says that it looked; `None` where it does not say.
fn level(signature: &Signature) -> Option<u8> {
    match signature.typ() {
        SignatureType::PersonaCertification => Some(1),
        SignatureType::CasualCertification => Some(2),
        SignatureType::PositiveCertification => Some(3),
        _ => None,
    }
}
