//! Repositories that git itself made, read by us: every object has to have the hash that is its name.

use super::*;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use std::path::Path;
use std::process::Command;

fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    for (name, value) in [("HOME", "/nonexistent"), ("GIT_CONFIG_NOSYSTEM", "1")] {
        command.env(name, value);
    }
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@b");
    }
    let output = command.args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Versions of some files, most of which become differences, and a few loose objects.
fn repository(format: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    git(at, &["init", "-q", &format!("--object-format={format}")]);
    let mut text: Vec<String> = (0..400).map(|line| format!("line {line} {}", line * line)).collect();
    for version in 0..30 {
        text[version * 7] = format!("changed in {version}");
        std::fs::create_dir_all(at.join("in/there")).unwrap();
        std::fs::write(at.join("in/there/file"), text.join("\n")).unwrap();
        std::fs::write(at.join("other"), text[version..].join("\n")).unwrap();
        git(at, &["add", "-A"]);
        git(at, &["commit", "-qm", &format!("version {version}")]);
        if version == 14 || version == 25 {
            git(at, &["repack", "-qd", "--depth=50"]);
        }
    }
    git(at, &["tag", "-am", "a tag", "v1"]);
    folder
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Commit => "commit",
        Kind::Tree => "tree",
        Kind::Blob => "blob",
        Kind::Tag => "tag",
    }
}

/// Every object as we read it, as git lists them; each is held against its hash.
fn listed(repository: &Path) -> Vec<String> {
    let store = Store::open(repository);
    assert!(store.problems.is_empty(), "{:?}", store.problems);
    let mut caches: Vec<Cache> = store.packs.iter().map(|_| Cache::default()).collect();
    let packed = store.packs.iter().flat_map(|pack| pack.order().into_iter().map(|at| pack.id(at)));
    let mut lines: Vec<String> = packed
        .chain(store.loose.iter().map(|(id, _)| *id))
        .map(|id| {
            let (kind, bytes) = store.read(&id, &mut caches).unwrap();
            let whole = [format!("{} {}\0", name(kind), bytes.len()).as_bytes(), &bytes].concat();
            let hash = digest(if store.hash == 32 { &SHA256 } else { &SHA1_FOR_LEGACY_USE_ONLY }, &whole);
            let hex = id.hex(store.hash);
            assert!(Id::of(hash.as_ref()) == id, "{hex} is read as something else");
            format!("{hex} {} {}", name(kind), bytes.len())
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
#[allow(clippy::print_stdout, reason = "a test says that it was skipped")]
fn every_object_of_git_is_read_as_it_is() {
    if Command::new("git").arg("--version").output().is_err() {
        println!("skipped every_object_of_git_is_read_as_it_is: no git here");
        return;
    }
    for format in ["sha1", "sha256"] {
        let made = repository(format);
        let all = git(made.path(), &["cat-file", "--batch-all-objects", "--batch-check"]);
        assert!(all.lines().count() > 150);
        let deltas = git(made.path(), &["cat-file", "--batch-all-objects", "--batch-check=%(deltabase)"]);
        assert!(deltas.lines().filter(|base| base.contains(|c| c != '0')).count() > 20, "hardly a difference in it");
        assert_eq!(listed(&made.path().join(".git")), all.lines().collect::<Vec<_>>(), "{format}");
        // A further work tree leads to the same store.
        let other = made.path().join("other-tree");
        git(made.path(), &["worktree", "add", "-q", other.to_str().unwrap()]);
        let found = Repository::find(&other.join("in")).unwrap().common;
        assert_eq!(found.canonicalize().unwrap(), made.path().join(".git").canonicalize().unwrap());
    }
}

/// Our own history: nobody made it to fit.
#[test]
#[allow(clippy::print_stdout, reason = "a test says that it was skipped")]
fn our_own_repository_is_read_whole() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(repository) = Repository::find(here)
        .map(|found| found.common)
        .filter(|_| Command::new("git").arg("--version").output().is_ok())
    else {
        println!("skipped our_own_repository_is_read_whole: no repository, or no git here");
        return;
    };
    let all = git(here, &["-c", "safe.directory=*", "cat-file", "--batch-all-objects", "--batch-check"]);
    assert_eq!(listed(&repository), all.lines().collect::<Vec<_>>());
}

/// Whatever is changed in a pack or its index, reading it ends, and asks for no more memory than it says.
#[test]
fn damaged_packs_are_told_or_read_otherwise() {
    if Command::new("git").arg("--version").output().is_err() {
        return;
    }
    let made = repository("sha1");
    git(made.path(), &["repack", "-qad"]);
    let packs = made.path().join(".git/objects/pack");
    let file = |end: &str| {
        let paths = std::fs::read_dir(&packs).unwrap().map(|entry| entry.unwrap().path());
        paths.into_iter().find(|path| path.extension().is_some_and(|ending| ending == end)).unwrap()
    };
    for end in ["pack", "idx"] {
        let path = file(end);
        let good = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for round in 0..400usize {
            let mut bad = good.clone();
            let at = round * 7919 % bad.len();
            bad[at] ^= 1 << (round % 8);
            if round % 10 == 0 {
                bad.truncate(at);
            }
            std::fs::write(&path, &bad).unwrap();
            let store = Store::open(&made.path().join(".git"));
            let mut caches: Vec<Cache> = store.packs.iter().map(|_| Cache::default()).collect();
            for pack in &store.packs {
                for at in pack.order() {
                    let _ = pack.whole(at, &mut caches[0]);
                }
            }
        }
        std::fs::write(&path, &good).unwrap();
    }
}

#[test]
fn what_git_tracks_is_read_from_every_version_of_its_index() {
    if std::process::Command::new("git").arg("--version").output().is_err() {
        return;
    }
    for format in ["sha1", "sha256"] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        git(at, &["init", "-q", &format!("--object-format={format}")]);
        std::fs::create_dir_all(at.join("in/there")).unwrap();
        let long = "long".repeat(50);
        for name in ["a", "in/file", "in/there/file", "in/there/file2", &long, "with blank"] {
            std::fs::write(at.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("a", at.join("link")).unwrap();
        git(at, &["add", "-A"]);
        for version in ["2", "3", "4"] {
            git(at, &["update-index", "--index-version", version]);
            if version == "3" {
                // Which needs the longer flags.
                git(at, &["update-index", "--skip-worktree", "a"]);
            }
            let found = tracked(&Repository::at(at).unwrap()).unwrap();
            let names = ["a", "in/file", "in/there/file", "in/there/file2", &long, "with blank"].map(Path::new);
            assert_eq!(found, names, "{format} {version}");
            let bytes = std::fs::read(at.join(".git/index")).unwrap();
            for end in 0..bytes.len() - 40 {
                let _ = super::tracked::parse(&bytes[..end], 20);
            }
        }
        git(at, &["update-index", "--split-index"]);
        assert_eq!(tracked(&Repository::at(at).unwrap()).unwrap().len(), 6);
    }
}

#[test]
fn an_index_whose_names_grow_without_end_is_not_believed() {
    let mut index = [&b"DIRC"[..], &4_u32.to_be_bytes(), &200_u32.to_be_bytes()].concat();
    for _ in 0..200 {
        // A regular file's entry: nothing of the name before is taken off, and 50 bytes are added.
        let mut entry = [0; 62];
        entry[24..28].copy_from_slice(&0o100_644_u32.to_be_bytes());
        index.extend(entry);
        index.push(0);
        index.extend([b'a'; 50]);
        index.push(0);
    }
    assert_eq!(super::tracked::parse(&index, 20), None);
}
