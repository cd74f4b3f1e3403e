//! Whom a folder of gpg's or a keyring of pacman's trusts, beside what gpg works out itself.

use crate::signature::{Gpg, data};
use crate::support::has_program;
use omg::audit::signature::Keyring;
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::{Cert, KeyHandle};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

const IN_THE_BEGINNING: [&str; 2] = ["--faked-system-time", "20240101T000000"];
/// While keys that last a day did.
const AN_HOUR_LATER: [&str; 2] = ["--faked-system-time", "20240101T010000"];
/// What gpg notes when a key has come: that its work is to be done anew.
const STALE: [u8; 4] = [0, 0, 0, 1];
const NEXT_CHECK: std::ops::Range<usize> = 16..20;

impl Gpg {
    /// A key, made long ago and without a mark; its fingerprint.
    fn key(&self, name: &str, lasts: &str) -> String {
        let words = ["--passphrase", "", "--quick-generate-key", name, "ed25519", "sign,cert", lasts];
        self.ok(&[&IN_THE_BEGINNING[..], &words].concat());
        let fingerprint = self.fingerprint(name);
        self.mark(&fingerprint, 2);
        fingerprint
    }

    fn fingerprint(&self, name: &str) -> String {
        let listed = self.ok(&["--with-colons", "--list-keys", &format!("={name}")]);
        listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")?.strip_suffix(':')).unwrap().to_owned()
    }

    fn mark(&self, fingerprint: &str, mark: u8) {
        let list = self.0.path().join("marks");
        fs::write(&list, format!("{fingerprint}:{mark}:\n")).unwrap();
        self.ok(&["--import-ownertrust", list.to_str().unwrap()]);
    }

    fn sign(&self, by: &str, of: &str, more: &[&str]) {
        self.ok(&[more, &["--passphrase", "", "--local-user", by, "--quick-sign-key", of]].concat());
    }

    /// Of each certificate the letter by which gpg says what it makes of it, when it has worked that out.
    fn letters(&self, more: &[&str]) -> BTreeMap<String, String> {
        self.ok(&[more, &["--check-trustdb"]].concat());
        let listed = self.ok(&[more, &["--with-colons", "--list-keys"]].concat());
        let mut letters = BTreeMap::new();
        let mut letter = None;
        for line in listed.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            match fields[0] {
                "pub" => letter = Some(fields[1].to_owned()),
                "fpr" => letters.extend(letter.take().map(|letter| (fields[9].to_owned(), letter))),
                _ => {}
            }
        }
        letters
    }

    /// Whether it is by certifications of others by SHA-1 that this gpg trusts a key: since 2.4 none of these counts, before that those
    /// until 2019 did.
    fn goes_by_sha1(&self, fingerprint: &str) -> bool {
        let is_old = self.ok(&["--version"]).lines().next().is_some_and(|line| line.contains(" 2.2."));
        let listed = self.ok(&["--with-colons", "--list-sigs", fingerprint]);
        let mut signatures = listed.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let is_by_others = |fields: &Vec<&str>| fields[0] == "sig" && !fingerprint.ends_with(fields[4]);
        is_old && signatures.any(|fields| is_by_others(&fields) && fields[15] == "2")
    }

    /// A copy of the folder whose trustdb is as gpg left it, but for when it has to be worked out anew.
    fn stale(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for name in ["pubring.kbx", "pubring.gpg", "trustdb.gpg"] {
            if self.0.path().join(name).exists() {
                fs::copy(self.0.path().join(name), copy.path().join(name)).unwrap();
            }
        }
        let path = copy.path().join("trustdb.gpg");
        let mut db = fs::read(&path).unwrap();
        db[NEXT_CHECK].copy_from_slice(&STALE);
        // What came of it when it was worked out is gone, too.
        db.chunks_exact_mut(40).filter(|record| record[0] == 13).for_each(|record| record[22] = 0);
        fs::write(path, db).unwrap();
        copy
    }
}

/// Whether a ring trusts a certificate.
fn trusts(ring: &Keyring, fingerprint: &str) -> bool {
    let name: KeyHandle = fingerprint.parse().unwrap();
    let all = ring.of(std::slice::from_ref(&name)).unwrap();
    let [packets] = &all[..] else { panic!("{fingerprint}: {} certificates", all.len()) };
    let cert = Cert::from_bytes(packets).unwrap();
    ring.distrust(&cert, packets, SystemTime::now()).unwrap().is_none()
}

fn folder(path: &Path) -> Keyring {
    let mut ring = Keyring::default();
    ring.add_folder(path).unwrap();
    ring
}

/// Compares all that have neither expired nor been revoked, which is told apart.
fn compare(gpg: &Gpg, more: &[&str], names: &BTreeMap<String, &str>) -> BTreeMap<String, usize> {
    let letters = gpg.letters(more);
    let stale = gpg.stale();
    let (worked_out, as_left) = (folder(stale.path()), folder(gpg.0.path()));
    let mut counts = BTreeMap::new();
    for (fingerprint, letter) in &letters {
        *counts.entry(letter.clone()).or_default() += 1;
        if ["e", "r"].contains(&letter.as_str()) {
            continue;
        }
        let theirs = ["f", "u"].contains(&letter.as_str());
        let name = names.get(fingerprint).unwrap_or(&"");
        assert_eq!(trusts(&as_left, fingerprint), theirs, "as gpg left it: {fingerprint} {name} {letter}");
        let ours = trusts(&worked_out, fingerprint);
        let is_stricter = !ours && theirs && gpg.goes_by_sha1(fingerprint);
        assert!(ours == theirs || is_stricter, "worked out: {fingerprint} {name} {letter}");
        *counts.entry("by SHA-1".to_owned()).or_default() += usize::from(is_stricter);
    }
    counts
}

#[test]
fn who_is_trusted_in_a_folder_is_worked_out_as_gpg_does() {
    let test = "who_is_trusted_in_a_folder_is_worked_out_as_gpg_does";
    if !has_program(test, "gpg") {
        return;
    }
    let gpg = Gpg::new();
    let (marginal, full, disabled) = (4, 5, 5 | 128);
    let owner = gpg.key("owner", "never");
    gpg.mark(&owner, 6);
    let introducer = |name: &str, mark: u8, lasts: &str| {
        let key = gpg.key(name, lasts);
        gpg.mark(&key, mark);
        let words = ["--passphrase", "", "--local-user", &owner, "--quick-lsign-key", &key];
        gpg.ok(&[&AN_HOUR_LATER[..], &words].concat());
        key
    };
    let [m1, m2, m3] = ["m1", "m2", "m3"].map(|name| introducer(name, marginal, "never"));
    let f = introducer("f", full, "never");
    let mut expected: Vec<(String, &str, bool)> = vec![(owner.clone(), "owner", true), (f.clone(), "f", true)];
    let mut packager = |name: &'static str, by: &[&String], is_trusted: bool| {
        let key = gpg.key(name, "never");
        by.iter().for_each(|by| gpg.sign(by, &key, &AN_HOUR_LATER));
        expected.push((key.clone(), name, is_trusted));
        key
    };
    packager("nobody certifies it", &[], false);
    packager("two marginals", &[&m1, &m2], false);
    packager("three marginals", &[&m1, &m2, &m3], true);
    packager("one who is trusted fully", &[&f], true);
    let stranger = gpg.key("stranger", "never");
    gpg.mark(&stranger, full);
    packager("somebody marked whom nobody certifies", &[&stranger], false);
    let unmarked = packager("certified, and without a mark", &[&owner], true);
    packager("somebody valid without a mark", &[&unmarked], false);
    let never = introducer("never", 3, "never");
    packager("somebody who is never trusted", &[&never], false);

    let taken_back = packager("one certification of three was taken back", &[&m1, &m2, &m3], false);
    gpg.ok(&["--passphrase", "", "--quick-revoke-sig", &taken_back, &m3]);
    // What is the matter with the certification itself, or with who made it.
    let expired = introducer("expired", full, "1d");
    for (name, by, how, is_trusted) in [
        ("by somebody who has expired", &expired, &AN_HOUR_LATER[..], false),
        ("a certification that has ended", &f, &[&AN_HOUR_LATER[..], &["--default-cert-expire", "1d"]].concat(), false),
        ("a certification that has not", &f, &["--default-cert-expire", "9y"], true),
        ("a certification without a look", &f, &["--default-cert-level", "1"], false),
        ("a certification with care", &f, &["--default-cert-level", "3"], true),
    ] {
        let key = gpg.key(name, "never");
        gpg.sign(by, &key, how);
        expected.push((key, name, is_trusted));
    }

    // Each user counts by itself, and one that its owner took back does not.
    let split = gpg.key("a user", "never");
    gpg.ok(&["--passphrase", "", "--quick-add-uid", &split, "another user"]);
    for (by, user) in [(&m1, "=a user"), (&m2, "=a user"), (&m3, "=another user")] {
        gpg.ok(&["--passphrase", "", "--local-user", by, "--quick-sign-key", &split, user]);
    }
    expected.push((split, "three marginals on two users", false));
    let gone = gpg.key("a user that stays", "never");
    gpg.ok(&["--passphrase", "", "--quick-add-uid", &gone, "a user that goes"]);
    gpg.ok(&["--passphrase", "", "--local-user", &f, "--quick-sign-key", &gone, "=a user that goes"]);
    gpg.ok(&["--passphrase", "", "--quick-revoke-uid", &gone, "a user that goes"]);
    expected.push((gone, "by a user that was taken back", false));

    // A chain, each of which is trusted fully.
    let mut by = owner.clone();
    for (step, is_trusted) in [("c0", true), ("c1", true), ("c2", true), ("c3", true), ("c4", true), ("c5", false)] {
        let key = gpg.key(step, "never");
        gpg.mark(&key, full);
        gpg.sign(&by, &key, &[]);
        expected.push((key.clone(), step, is_trusted));
        by = key;
    }
    // Whoever was revoked vouches for nobody; who is disabled does, as far as gpg is concerned.
    for (name, mark, is_trusted) in [("revoked", full, false), ("disabled", disabled, true)] {
        let by = introducer(name, mark, "never");
        let name = if is_trusted { "by somebody disabled" } else { "by somebody revoked" };
        let key = gpg.key(name, "never");
        gpg.sign(&by, &key, &[]);
        expected.push((key, name, is_trusted));
        if !is_trusted {
            let path = gpg.0.path().join("openpgp-revocs.d").join(format!("{by}.rev"));
            fs::write(&path, fs::read_to_string(&path).unwrap().replace(":-----BEGIN", "-----BEGIN")).unwrap();
            gpg.ok(&["--import", path.to_str().unwrap()]);
        }
    }
    let names: BTreeMap<String, &str> = expected.iter().map(|(key, name, _)| (key.clone(), *name)).collect();

    let counts = compare(&gpg, &[], &names);
    assert!(["-", "u", "f", "m", "e", "r"].iter().all(|letter| counts.contains_key(*letter)), "{counts:?}");
    let stale = gpg.stale();
    let worked_out = folder(stale.path());
    for (key, name, is_trusted) in &expected {
        assert_eq!(trusts(&worked_out, key), *is_trusted, "{name}");
    }
    // By rules of one's own.
    compare(&gpg, &["--marginals-needed", "2"], &names);
    assert!(trusts(&folder(gpg.stale().path()), names.iter().find(|(_, name)| **name == "two marginals").unwrap().0));
    compare(&gpg, &["--max-cert-depth", "2", "--completes-needed", "2"], &names);
    println!("{counts:?}");
}

/// pacman-key's steps: a key of the machine's own, which certifies those that are on the list of trusted ones for itself.
#[test]
fn the_web_of_arch_s_keyring_is_what_gpg_makes_of_it() {
    let test = "the_web_of_arch_s_keyring_is_what_gpg_makes_of_it";
    let keyrings = data().join("signed-packages/keyrings");
    if !has_program(test, "gpg") {
        return;
    }
    if !keyrings.exists() {
        println!("skipped {test}: no keyrings in {}", data().display());
        return;
    }
    for name in ["archlinux-debian12", "msys2"] {
        let ring = keyrings.join(format!("{name}.gpg"));
        let list = keyrings.join(format!("{name}-trusted"));
        let gpg = Gpg::new();
        fs::write(gpg.0.path().join("pubring.gpg"), "").unwrap();
        let owner = gpg.key("Pacman Keyring Master Key", "never");
        gpg.mark(&owner, 6);
        gpg.run(&["--import", ring.to_str().unwrap()]);
        for line in fs::read_to_string(&list).unwrap().lines() {
            let key = line.split(':').next().unwrap();
            gpg.ok(&["--passphrase", "", "--local-user", &owner, "--quick-lsign-key", key]);
        }
        gpg.ok(&["--import-ownertrust", list.to_str().unwrap()]);
        let counts = compare(&gpg, &[], &BTreeMap::new());
        println!("{name}: {counts:?}");
        // The keyring as it is shipped leads to the same.
        let mut shipped = Keyring::default();
        shipped.add_distribution(&ring).unwrap();
        for (key, letter) in
            gpg.letters(&[]).iter().filter(|(key, letter)| **key != owner && !"er".contains(letter.as_str()))
        {
            let (ours, theirs) = (trusts(&shipped, key), letter == "f");
            assert!(ours == theirs || !ours && gpg.goes_by_sha1(key), "{name}: {key} {letter}");
        }
    }
}
