//! Repositories of pacman's that lie: bad signatures, altered and hostile archives, altered databases.

use crate::pacman::{LIB, Made, Root, World, made, same, twins};
use std::fs;
use std::path::Path;

/// What was done to the repository behind its database's back.
type Harm = fn(&World, &Path);

const VICTIM: Made = made("victim", "1-1", &[]);

/// Puts the repository back in order, with this harm, and both roots on it.
fn harmed(world: &World, pair: &(Root<'_>, Root<'_>), before: Harm, after: Harm) {
    let archive = world.at("repo").join(VICTIM.file());
    world.publish(&[VICTIM, LIB]);
    before(world, &archive);
    world.publish_entries(&[VICTIM, LIB]);
    for root in [&pair.0, &pair.1] {
        root.pacman(&["-Syy"]);
        for file in [VICTIM.file(), format!("{}.sig", VICTIM.file())] {
            let _ = fs::remove_file(root.path().join("cache").join(file));
        }
    }
    after(world, &archive);
}

fn flip_last(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn pacman_packages_that_are_not_what_was_signed_are_refused() {
    let test = "pacman_packages_that_are_not_what_was_signed_are_refused";
    let Some(world) = World::new(test) else { return };
    world.add_expired_key();
    world.publish(&[VICTIM, LIB]);
    let pair = twins(&world, "", &[]);
    let nothing: Harm = |_, _| {};
    let cases: [(&str, Harm, Harm, &str, bool); 8] = [
        (
            "the signature of another file",
            |world, archive| {
                _ = fs::copy(world.at("repo").join(LIB.file() + ".sig"), archive.with_extension("zst.sig")).unwrap()
            },
            nothing,
            "victim",
            true,
        ),
        ("a key nobody knows", |world, archive| world.sign("stranger", archive), nothing, "which signed victim", true),
        ("an expired key", |world, archive| world.sign_with_expired_key(archive), nothing, "victim", true),
        (
            "no signature",
            |_, archive| fs::remove_file(archive.with_extension("zst.sig")).unwrap(),
            nothing,
            "victim",
            true,
        ),
        ("an altered archive", nothing, |_, archive| flip_last(archive), "victim", true),
        (
            "a truncated archive",
            nothing,
            |_, archive| {
                let bytes = fs::read(archive).unwrap();
                fs::write(archive, &bytes[..bytes.len() / 2]).unwrap();
            },
            "victim",
            true,
        ),
        (
            "more than the database says",
            nothing,
            |_, archive| {
                let mut bytes = fs::read(archive).unwrap();
                bytes.resize(bytes.len() + (1 << 20), 0);
                fs::write(archive, bytes).unwrap();
            },
            "victim",
            false,
        ),
        ("no archive", nothing, |_, archive| fs::remove_file(archive).unwrap(), "victim", false),
    ];
    for (what, before, after, says, of_signature) in cases {
        harmed(&world, &pair, before, after);
        let (ours, theirs) = &pair;
        let (state, audited) = (ours.state(), ours.audit().len());
        let (code, text) = ours.run("install --yes victim");
        println!("{what}: {code:?}: {text}");
        assert_eq!(code, Some(3), "{what}: {text}");
        assert!(text.contains("nothing was changed") && text.contains(says), "{what}: {text}");
        assert_eq!(ours.state(), state, "{what}");
        let audit = ours.audit()[audited..].join("\n");
        println!("{audit}");
        assert!(audit.contains("plan-failed"), "{what}: {audit}");
        assert_eq!(audit.contains("signature-rejected"), of_signature, "{what}: {audit}");
        assert!(!theirs.pacman_with(&["-S", "victim"]).0, "{what}: pacman takes it");
        same(ours, theirs);
    }
    // And in order once more.
    harmed(&world, &pair, nothing, nothing);
    let (code, text) = pair.0.run("install --yes victim");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(pair.0.run("audit verify").0, Some(0));
}

#[test]
fn pacman_databases_that_nobody_vouches_for_are_refused() {
    let test = "pacman_databases_that_nobody_vouches_for_are_refused";
    let Some(world) = World::new(test) else { return };
    world.add_expired_key();
    world.publish(&[VICTIM, LIB]);
    let pair = twins(&world, "", &["lib"]);
    let (ours, theirs) = &pair;
    let cases: [(&str, Harm, bool); 5] = [
        ("altered", |_, database| flip_last(database), true),
        ("signed by a stranger", |world, database| world.sign("stranger", database), true),
        ("signed by an expired key", |world, database| world.sign_with_expired_key(database), true),
        ("not signed", |_, database| fs::remove_file(database.with_extension("db.sig")).unwrap(), true),
        ("truncated", |_, database| fs::write(database, &fs::read(database).unwrap()[..700]).unwrap(), true),
    ];
    for (what, harm, of_signature) in cases {
        world.publish(&[VICTIM, LIB]);
        harm(&world, &world.at("repo/test.db"));
        let (state, audited) = (ours.state(), ours.audit().len());
        let (code, text) = ours.run("sync --force");
        println!("{what}: {code:?}: {text}");
        assert_eq!(code, Some(3), "{what}: {text}");
        assert!(text.contains("test"), "{what}: {text}");
        assert_eq!(ours.state(), state, "{what}");
        let audit = ours.audit()[audited..].join("\n");
        println!("{audit}");
        assert!(audit.contains("plan-failed"), "{what}: {audit}");
        assert_eq!(audit.contains("signature-rejected"), of_signature, "{what}: {audit}");
        assert!(!theirs.pacman_with(&["-Syy"]).0, "{what}: pacman takes it");
        // Nothing comes from it either.
        let (code, text) = ours.run("install --yes victim");
        assert_eq!(code, Some(3), "{what}: {text}");
        assert!(text.contains("the database of test cannot be trusted"), "{what}: {text}");
        assert!(!theirs.pacman_with(&["-S", "victim"]).0, "{what}: pacman takes it");
        assert_eq!(ours.installed(), theirs.installed(), "{what}");
    }
}
