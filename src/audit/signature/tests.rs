//! Signatures of our own making, each with another thing the matter. What gpg says of real ones is compared in `tests/cli/signature.rs`.

use super::*;
use sequoia_openpgp::cert::{CertBuilder, CertRevocationBuilder, SubkeyRevocationBuilder};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::serialize::SerializeInto;
use sequoia_openpgp::types::{KeyFlags, ReasonForRevocation};
use std::fs;
use std::ops::Range;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn builder(made: SystemTime) -> CertBuilder<'static> {
    CertBuilder::new().set_creation_time(made).add_userid("T <t@example.org>").add_signing_subkey()
}

/// A detached signature by the signing subkey.
fn sign(cert: &Cert, data: &[u8], digest: HashAlgorithm, made: SystemTime, lasts: Option<Duration>) -> Vec<u8> {
    let policy = StandardPolicy::new();
    let key = cert.keys().secret().with_policy(&policy, made).for_signing().next().unwrap();
    let mut pair = key.key().clone().into_keypair().unwrap();
    let mut builder =
        SignatureBuilder::new(SignatureType::Binary).set_hash_algo(digest).set_signature_creation_time(made).unwrap();
    if let Some(lasts) = lasts {
        builder = builder.set_signature_validity_period(lasts).unwrap();
    }
    let signature = builder.sign_message(&mut pair, data).unwrap();
    Packet::from(signature).to_vec().unwrap()
}

fn ring(certs: &[&Cert]) -> (tempfile::TempDir, Keyring) {
    let folder = tempfile::tempdir().unwrap();
    let armoured: Vec<Vec<u8>> = certs.iter().map(|cert| cert.armored().to_vec().unwrap()).collect();
    fs::write(folder.path().join("t.gpg"), armoured.concat()).unwrap();
    let mut ring = Keyring::default();
    ring.add(&folder.path().join("t.gpg")).unwrap();
    (folder, ring)
}

fn verdict(data: &[u8], signature: &[u8], ring: &Keyring) -> Verdict {
    let judged = judge(&mut &*data, signature, ring, SystemTime::now()).unwrap();
    assert_eq!(judged.len(), 1);
    assert_eq!(judged[0].verdict == Verdict::Good, judged[0].why.is_empty(), "{judged:?}");
    judged[0].verdict
}

#[test]
fn each_verdict_is_given_for_what_it_names() {
    let (now, before) = (SystemTime::now(), SystemTime::now() - 100 * DAY);
    let (known, _) = builder(before).generate().unwrap();
    let (stranger, _) = builder(before).generate().unwrap();
    let (short, _) = builder(before).set_validity_period(10 * DAY).generate().unwrap();
    let (_, ring) = ring(&[&known, &short]);
    let by = |cert: &Cert, digest, made, lasts| sign(cert, b"text", digest, made, lasts);
    let sha = HashAlgorithm::SHA256;
    let good = by(&known, sha, now, None);
    let cases = [
        (Verdict::Good, good.clone()),
        (Verdict::UnknownKey, by(&stranger, sha, now, None)),
        (Verdict::ExpiredKey, by(&short, sha, before + DAY, None)),
        (Verdict::ExpiredSignature, by(&known, sha, before + DAY, Some(DAY))),
        (Verdict::WeakDigest, by(&known, HashAlgorithm::SHA1, now, None)),
        (Verdict::Bad, by(&known, sha, now + 10 * DAY, None)),
    ];
    for (expected, signature) in cases {
        assert_eq!(verdict(b"text", &signature, &ring), expected);
        // A changed file is bad whatever else is the matter, unless nobody knows whose the signature is.
        let changed = if expected == Verdict::UnknownKey { expected } else { Verdict::Bad };
        assert_eq!(verdict(b"texT", &signature, &ring), changed);
    }
    for broken in [&b""[..], b"no signature", &good[..good.len() / 2], b"-----BEGIN PGP SIGNATURE-----\n\nwsB"] {
        assert!(judge(&mut &b"text"[..], broken, &ring, now).is_err(), "{broken:?}");
    }
    // Of each bit: never good, never a panic.
    for bit in 0..good.len() * 8 {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(judged) = judge(&mut &b"text"[..], &changed, &ring, now) {
            // What is not hashed may say anything: the name of the key, in another form.
            let is_same = judged.iter().all(|judged| judged.verdict == Verdict::Good);
            assert!(!is_same || unhashed(&good).contains(&(bit / 8)), "bit {bit}");
        }
    }
}

/// Where the unhashed part of a signature packet lies, and the check of its first digest bytes.
fn unhashed(packet: &[u8]) -> Range<usize> {
    let body = packets::packets(packet).next().unwrap().unwrap().body;
    let number = |at: usize| usize::from(packet[at]) << 8 | usize::from(packet[at + 1]);
    let hashed = body.start + 6 + number(body.start + 4);
    hashed..hashed + 2 + number(hashed) + 2
}

#[test]
fn a_revoked_key_makes_nothing_good_whatever_its_reason() {
    let before = SystemTime::now() - 100 * DAY;
    let (cert, _) = builder(before).generate().unwrap();
    let signature = sign(&cert, b"text", HashAlgorithm::SHA512, before + DAY, None);
    let mut pair = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let retired = CertRevocationBuilder::new()
        .set_reason_for_revocation(ReasonForRevocation::KeyRetired, b"")
        .unwrap()
        .build(&mut pair, &cert, None)
        .unwrap();
    let subkey = cert.keys().subkeys().next().unwrap().key().clone();
    let of_subkey = SubkeyRevocationBuilder::new()
        .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"")
        .unwrap()
        .build(&mut pair, &cert, &subkey, None)
        .unwrap();
    for revocation in [retired, of_subkey] {
        let (revoked, _) = cert.clone().insert_packets(revocation).unwrap();
        assert_eq!(verdict(b"text", &signature, &ring(&[&revoked]).1), Verdict::RevokedKey);
    }
    // pacman's list beside the ring.
    let (folder, ring) = ring(&[&cert]);
    assert_eq!(verdict(b"text", &signature, &ring), Verdict::Good);
    fs::write(folder.path().join("t-revoked"), format!("{}\n", cert.fingerprint().to_hex())).unwrap();
    let mut listed = Keyring::default();
    listed.add(&folder.path().join("t.gpg")).unwrap();
    assert_eq!(verdict(b"text", &signature, &listed), Verdict::RevokedKey);
}

#[test]
fn a_key_that_is_not_for_signing_signs_nothing() {
    let before = SystemTime::now() - DAY;
    let builder = CertBuilder::new().set_creation_time(before).add_userid("T <t@example.org>");
    let (cert, _) = builder.set_primary_key_flags(KeyFlags::empty().set_certification()).generate().unwrap();
    let mut pair = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let signature = SignatureBuilder::new(SignatureType::Binary).sign_message(&mut pair, b"text").unwrap();
    let signature = Packet::from(signature).to_vec().unwrap();
    assert_eq!(verdict(b"text", &signature, &ring(&[&cert]).1), Verdict::Bad);
}

#[test]
fn the_ends_of_lines_of_a_text_are_one_however_it_is_read() {
    let (cert, _) = builder(SystemTime::now() - DAY).generate().unwrap();
    let policy = StandardPolicy::new();
    let key = cert.keys().secret().with_policy(&policy, None).for_signing().next().unwrap();
    let mut pair = key.key().clone().into_keypair().unwrap();
    let canonical = b"a\r\nb\r\n\r\nc";
    let signature = SignatureBuilder::new(SignatureType::Text).sign_message(&mut pair, canonical).unwrap();
    let signature = Packet::from(signature).to_vec().unwrap();
    let (_, ring) = ring(&[&cert]);
    for text in ["a\nb\n\nc", "a\r\nb\n\r\nc", "a\r\nb\r\n\r\nc"] {
        for size in 1..text.len() {
            let mut reader = Pieces(text.as_bytes(), size);
            let judged = judge(&mut reader, &signature, &ring, SystemTime::now()).unwrap();
            assert_eq!(judged[0].verdict, Verdict::Good, "{text:?} by {size}");
        }
    }
    assert_eq!(verdict(b"a\nb\nc", &signature, &ring), Verdict::Bad);
}

/// So many bytes at a time.
struct Pieces<'b>(&'b [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn a_ring_that_makes_no_sense_is_an_error_and_no_unknown_key() {
    let (cert, _) = builder(SystemTime::now() - DAY).generate().unwrap();
    let signature = sign(&cert, b"text", HashAlgorithm::SHA256, SystemTime::now(), None);
    let folder = tempfile::tempdir().unwrap();
    let whole = cert.to_vec().unwrap();
    for (at, bad) in [&whole[..whole.len() - 1], b"no keys", b"\0\0\0\x20\x01\x01\x00\x02KBXf", b""].iter().enumerate()
    {
        let path = folder.path().join(at.to_string());
        fs::write(&path, bad).unwrap();
        let mut ring = Keyring::default();
        let read = ring.add(&path).and_then(|()| judge(&mut &b"text"[..], &signature, &ring, SystemTime::now()));
        let is_unknown = read.as_ref().is_ok_and(|judged| judged[0].verdict == Verdict::UnknownKey);
        assert!(read.is_err() || bad.is_empty() && is_unknown, "{at}");
    }
}

/// A keybox as gpg lays it out: a first blob, and one for each certificate.
fn keybox(certs: &[&Cert]) -> Vec<u8> {
    let mut all = [&32u32.to_be_bytes()[..], &[1, 1, 0, 2], b"KBXf", &[0; 20]].concat();
    for cert in certs {
        let certificate = cert.to_vec().unwrap();
        let numbers = [52 + certificate.len() as u32, 0x0201_0000, 32, certificate.len() as u32];
        all.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        all.extend([&[7; 16], &certificate[..], &[9; 20]].concat());
    }
    all
}

#[test]
fn a_certificate_is_found_wherever_it_lies_in_a_ring_of_many_pieces_of_any_form() {
    let before = SystemTime::now() - DAY;
    let certs: Vec<Cert> = (0..150).map(|_| builder(before).generate().unwrap().0).collect();
    let all: Vec<&Cert> = certs.iter().collect();
    let plain = all.iter().flat_map(|cert| cert.to_vec().unwrap()).collect::<Vec<_>>();
    let armoured = all.iter().flat_map(|cert| cert.armored().to_vec().unwrap()).collect::<Vec<_>>();
    let without_an_end = armoured.trim_ascii_end().to_vec();
    let stranger = sign(&builder(before).generate().unwrap().0, b"text", HashAlgorithm::SHA256, before, None);
    for content in [plain, armoured, without_an_end, keybox(&all)] {
        assert!(content.len() > 100 << 10, "{}", content.len());
        let mut ring = Keyring::default();
        ring.add_bytes(content.clone());
        for cert in [&certs[0], &certs[1], &certs[74], &certs[120], &certs[149]] {
            let signature = sign(cert, b"text", HashAlgorithm::SHA256, SystemTime::now(), None);
            assert_eq!(verdict(b"text", &signature, &ring), Verdict::Good);
            assert_eq!(verdict(b"texT", &signature, &ring), Verdict::Bad);
        }
        assert_eq!(verdict(b"text", &stranger, &ring), Verdict::UnknownKey);
        let mut cut = Keyring::default();
        cut.add_bytes(content[..content.len() - 300].to_vec());
        assert!(judge(&mut &b"text"[..], &stranger, &cut, SystemTime::now()).is_err());
    }
}

#[test]
fn a_key_of_which_nothing_in_the_ring_speaks_is_found_by_its_fingerprint() {
    let (cert, _) = builder(SystemTime::now() - DAY).generate().unwrap();
    // Nothing binds its parts, so no signature names it.
    let bare: Vec<u8> = cert.keys().map(|key| key.key().clone().parts_into_public().role_into_primary()).fold(
        Vec::new(),
        |mut all, key| {
            all.extend(Packet::from(key).to_vec().unwrap());
            all
        },
    );
    let mut ring = Keyring::default();
    ring.add_bytes(bare);
    let signature = sign(&cert, b"text", HashAlgorithm::SHA256, SystemTime::now(), None);
    let judged = judge(&mut &b"text"[..], &signature, &ring, SystemTime::now()).unwrap();
    assert_eq!((judged[0].verdict, judged[0].certificate.is_empty()), (Verdict::Unknown, false), "{judged:?}");
}

#[test]
fn what_others_certify_is_left_out_and_changes_nothing() {
    let before = SystemTime::now() - DAY;
    let (cert, _) = builder(before).generate().unwrap();
    let mut certified = cert.clone();
    for _ in 0..5 {
        let (other, _) = CertBuilder::new().set_creation_time(before).add_userid("O").generate().unwrap();
        let mut pair = other.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
        let user = certified.userids().next().unwrap().userid().clone();
        let by_other = user.certify(&mut pair, &certified, SignatureType::GenericCertification, None, None).unwrap();
        certified = certified.insert_packets(by_other).unwrap().0;
    }
    let (whole, own) = (certified.to_vec().unwrap(), cert.to_vec().unwrap());
    assert!(whole.len() > own.len() + 5 * 100);
    assert_eq!(lean::lean(&whole, &|_| false).unwrap(), own);
    assert_eq!(lean::lean(&own, &|_| false).unwrap(), own);
    assert_eq!(lean::lean(&whole, &|_| true).unwrap(), whole);
    let signature = sign(&cert, b"text", HashAlgorithm::SHA512, SystemTime::now(), None);
    assert_eq!(verdict(b"text", &signature, &ring(&[&certified]).1), Verdict::Good);
}

/// Somebody on the list of trusted keys beside the ring, and somebody whom only the first certifies.
struct Two {
    master: Cert,
    packager: Cert,
    pair: sequoia_openpgp::crypto::KeyPair,
}

impl Two {
    fn new() -> Two {
        let before = SystemTime::now() - 100 * DAY;
        let (master, _) = CertBuilder::new().set_creation_time(before).add_userid("M").generate().unwrap();
        let (packager, _) = builder(before).generate().unwrap();
        let pair = master.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
        Two { master, packager, pair }
    }

    /// What the master says of the packager's user so many days ago.
    fn says(
        &mut self,
        kind: SignatureType,
        days: u32,
        more: impl Fn(SignatureBuilder) -> SignatureBuilder,
    ) -> Signature {
        let made = SystemTime::now() - days * DAY;
        let builder = SignatureBuilder::new(kind).set_signature_creation_time(made).unwrap();
        let (primary, user) = (self.packager.primary_key().key(), self.packager.userids().next().unwrap().userid());
        more(builder).sign_userid_binding(&mut self.pair, primary, user).unwrap()
    }

    /// The verdict on what the packager signs, where the master's word counts so much.
    fn verdict(&self, said: &[Signature], mark: u8) -> Verdict {
        let (packager, _) = self.packager.clone().insert_packets(said.to_vec()).unwrap();
        self.verdict_of(&packager.to_vec().unwrap(), mark)
    }

    fn verdict_of(&self, packager: &[u8], mark: u8) -> Verdict {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.gpg");
        fs::write(&path, [&self.master.to_vec().unwrap(), packager].concat()).unwrap();
        let list = format!("{}:{mark}:\n", self.master.fingerprint().to_hex());
        fs::write(folder.path().join("t-trusted"), list).unwrap();
        let mut ring = Keyring::default();
        ring.add_distribution(&path).unwrap();
        let signature = sign(&self.packager, b"text", HashAlgorithm::SHA256, SystemTime::now(), None);
        verdict(b"text", &signature, &ring)
    }
}

#[test]
fn the_last_word_of_a_certifier_counts() {
    let mut two = Two::new();
    let (yes, no) = (SignatureType::GenericCertification, SignatureType::CertificationRevocation);
    let plain = |builder| builder;
    let lasting =
        |days: u32| move |builder: SignatureBuilder| builder.set_signature_validity_period(days * DAY).unwrap();
    let first = two.says(yes, 90, plain);
    let back = two.says(no, 60, plain);
    let again = two.says(yes, 30, plain);
    let ended = two.says(yes, 30, lasting(10));
    let last = two.says(yes, 30, lasting(100));
    let for_good = two.says(yes, 90, |builder| builder.set_revocable(false).unwrap());
    let limited = two.says(yes, 90, |builder| builder.set_regular_expression(b"<[^>]+[@.]example.com>$").unwrap());
    let weak = two.says(yes, 90, |builder| builder.set_hash_algo(HashAlgorithm::SHA1));
    let (good, untrusted) = (Verdict::Good, Verdict::UntrustedKey);
    for (said, expected) in [
        (&[][..], untrusted),
        (&[&first], good),
        (&[&first, &back], untrusted),
        (&[&first, &back, &again], good),
        (&[&first, &ended], untrusted),
        (&[&first, &last], good),
        (&[&for_good, &back], good),
        (&[&limited], good),
        (&[&weak], untrusted),
        (&[&weak, &again], good),
    ] {
        let said: Vec<Signature> = said.iter().map(|one| (*one).clone()).collect();
        assert_eq!(two.verdict(&said, 5), expected, "{said:?}");
        // One who is trusted marginally is not enough.
        assert_eq!(two.verdict(&said, 4), untrusted);
    }
    // Others' word counts for nothing, nor does a word of the same name by another key.
    let mut other = Two::new();
    let of_another = other.says(yes, 90, plain);
    assert_eq!(two.verdict(&[of_another], 5), untrusted);
}

#[test]
fn a_certification_that_was_changed_vouches_for_nobody() {
    let mut two = Two::new();
    let certification = two.says(SignatureType::GenericCertification, 90, |builder| builder);
    let packet = Packet::from(certification.clone()).to_vec().unwrap();
    let (certified, _) = two.packager.clone().insert_packets(certification).unwrap();
    let whole = certified.to_vec().unwrap();
    let at = memchr::memmem::find(&whole, &packet).unwrap();
    let free = unhashed(&packet);
    assert_eq!(two.verdict_of(&whole, 5), Verdict::Good);
    let body = packets::packets(&packet).next().unwrap().unwrap().body;
    for bit in body.start * 8..packet.len() * 8 {
        let mut changed = whole.clone();
        changed[at + bit / 8] ^= 1 << (bit % 8);
        let verdict = two.verdict_of(&changed, 5);
        // A packet that is none any more leaves open whose key it is.
        let is_refused = matches!(verdict, Verdict::UntrustedKey | Verdict::Unknown);
        assert!(is_refused || free.contains(&(bit / 8)) && verdict == Verdict::Good, "bit {bit}: {verdict:?}");
    }
}

/// The trustdb of a folder in which these certificates have these marks, to be worked out anew.
fn trustdb(marks: &[(&Cert, u8)]) -> Vec<u8> {
    let mut db = vec![0; 40];
    db[..10].copy_from_slice(b"\x01gpg\x03\x03\x01\x05\x01\x02");
    db[19] = 1;
    for (cert, mark) in marks {
        let mut record = [0; 40];
        (record[0], record[22]) = (12, *mark);
        record[2..22].copy_from_slice(cert.fingerprint().as_bytes());
        db.extend(record);
    }
    db
}

#[test]
fn whoever_is_trusted_for_some_addresses_alone_vouches_for_nobody() {
    let before = SystemTime::now() - 100 * DAY;
    let new = |name| CertBuilder::new().set_creation_time(before).add_userid(name).generate().unwrap().0;
    let (owner, between) = (new("O"), new("B"));
    let (packager, _) = builder(before).generate().unwrap();
    let certified = |of: &Cert, by: &Cert, more: &dyn Fn(SignatureBuilder) -> SignatureBuilder| {
        let mut pair = by.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
        let builder =
            SignatureBuilder::new(SignatureType::GenericCertification).set_signature_creation_time(before + DAY);
        let (primary, user) = (of.primary_key().key(), of.userids().next().unwrap().userid());
        let signature = more(builder.unwrap()).sign_userid_binding(&mut pair, primary, user).unwrap();
        of.clone().insert_packets(signature).unwrap().0
    };
    let packager = certified(&packager, &between, &|builder| builder);
    let signature = sign(&packager, b"text", HashAlgorithm::SHA256, SystemTime::now(), None);
    let limit = |builder: SignatureBuilder| builder.set_regular_expression(b"<[^>]+[@.]example.com>$").unwrap();
    for (between, expected) in [
        (certified(&between, &owner, &|builder| builder), Verdict::Good),
        (certified(&between, &owner, &limit), Verdict::UntrustedKey),
        (between.clone(), Verdict::UntrustedKey),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ring = [&owner, &between, &packager].map(|cert| cert.to_vec().unwrap()).concat();
        fs::write(folder.path().join("pubring.gpg"), ring).unwrap();
        fs::write(folder.path().join("trustdb.gpg"), trustdb(&[(&owner, 6), (&between, 5)])).unwrap();
        let mut ring = Keyring::default();
        ring.add_folder(folder.path()).unwrap();
        assert_eq!(verdict(b"text", &signature, &ring), expected);
    }
    // Who is disabled is as good as taken back, and where gpg's own way is not known nothing is.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pubring.gpg"), packager.to_vec().unwrap()).unwrap();
    let with = |db: Vec<u8>| {
        fs::write(folder.path().join("trustdb.gpg"), db).unwrap();
        let mut ring = Keyring::default();
        ring.add_folder(folder.path()).unwrap();
        verdict(b"text", &signature, &ring)
    };
    assert_eq!(with(trustdb(&[(&packager, 6)])), Verdict::Good);
    assert_eq!(with(trustdb(&[(&packager, 6 | 128)])), Verdict::RevokedKey);
    let mut by_use = trustdb(&[(&packager, 6)]);
    by_use[8] = 7;
    assert_eq!(with(by_use), Verdict::Unknown);
}
