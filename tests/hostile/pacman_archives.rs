//! Archives of pacman's with hostile names, rightly signed: what a packager's stolen key would sign.

use crate::pacman::{LIB, Made, World, made, same, twins};
use std::fs;

/// A file of an archive as a liar writes it: no library of ours would.
struct Entry {
    name: &'static str,
    kind: tar::EntryType,
    link: &'static str,
}

const fn entry(name: &'static str, kind: tar::EntryType, link: &'static str) -> Entry {
    Entry { name, kind, link }
}

/// An archive of this package with these entries behind its own.
fn archive(package: &Made, entries: &[Entry]) -> Vec<u8> {
    let mut tar = zstd::stream::decode_all(&package.archive()[..]).unwrap();
    // The two empty blocks at the end.
    tar.truncate(tar.len() - 1024);
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        let text: &[u8] = if entry.kind == tar::EntryType::Regular { b"hostile\n" } else { b"" };
        header.as_old_mut().name[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        header.as_old_mut().linkname[..entry.link.len()].copy_from_slice(entry.link.as_bytes());
        header.set_entry_type(entry.kind);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_size(text.len() as u64);
        if entry.kind == tar::EntryType::Block {
            header.set_device_major(7).unwrap();
            header.set_device_minor(99).unwrap();
        }
        header.set_cksum();
        tar.extend(header.as_bytes());
        tar.extend(text);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    zstd::stream::encode_all(&tar[..], 3).unwrap()
}

#[test]
fn pacman_archives_with_hostile_names_are_refused_before_anything_is_unpacked() {
    let test = "pacman_archives_with_hostile_names_are_refused_before_anything_is_unpacked";
    let Some(world) = World::new(test) else { return };
    use tar::EntryType::{Block, Link, Regular, Symlink};
    const VICTIM: Made = made("victim", "1-1", &["depend = lib"]);
    let outside = world.at("outside");
    let cases: [(&str, &[Entry], bool); 6] = [
        ("above the root", &[entry("../outside", Regular, "")], false),
        ("above the root by a way round", &[entry("usr/../../outside", Regular, "")], true),
        ("an absolute path", &[entry("/outside", Regular, "")], true),
        ("through a symlink", &[entry("usr/out", Symlink, "../.."), entry("usr/out/outside", Regular, "")], false),
        ("a device", &[entry("dev-evil", Block, "")], true),
        ("a hard link to elsewhere", &[entry("usr/hard", Link, "../secret")], false),
    ];
    fs::write(world.at("secret"), "secret\n").unwrap();
    world.publish(&[LIB]);
    let (ours, theirs) = twins(&world, "", &[]);
    for (what, entries, refused) in cases {
        fs::write(world.at("repo").join(VICTIM.file()), archive(&VICTIM, entries)).unwrap();
        world.sign("signer", &world.at("repo").join(VICTIM.file()));
        world.publish_entries(&[VICTIM, LIB]);
        for root in [&ours, &theirs] {
            root.pacman(&["-Syy"]);
            let _ = fs::remove_file(root.path().join("cache").join(VICTIM.file()));
            let _ = fs::remove_file(root.path().join("cache").join(VICTIM.file() + ".sig"));
        }
        let state = ours.state();
        let (code, text) = ours.run("install --yes victim");
        let ours_out = outside.exists();
        let _ = fs::remove_file(&outside);
        let theirs_took = theirs.pacman_with(&["-S", "victim"]);
        println!("{what}: {code:?} outside {ours_out}: {text}\npacman: {theirs_took:?} {}", outside.exists());
        let _ = fs::remove_file(&outside);
        assert!(!ours_out, "{what}");
        if refused {
            assert_eq!(code, Some(3), "{what}: {text}");
            assert!(
                text.contains("the archive of victim holds") && text.contains("nothing was changed"),
                "{what}: {text}"
            );
            assert_eq!(ours.state(), state, "{what}");
            assert!(ours.audit().last().unwrap().contains("plan-failed"), "{what}");
        } else {
            // Where the library itself holds back, it is as with pacman.
            same(&ours, &theirs);
        }
        assert!(!ours.lock().exists());
        for root in [&ours, &theirs] {
            root.pacman_with(&["-Rcn", "lib"]);
            let _ = fs::remove_file(root.path().join("dev-evil"));
        }
    }
}
