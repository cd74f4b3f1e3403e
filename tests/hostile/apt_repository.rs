//! Repositories and mirrors of apt's that lie: signatures, lists, archives, lengths.

use crate::apt::{Root, ok, talk};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A home of gpg's with a key of somebody; `then` makes one that has expired since.
fn stranger(folder: &Path, name: &str, then: bool) -> impl Fn(&Path, &Path) {
    let home = folder.join(name);
    fs::create_dir(&home).unwrap();
    ok(Command::new("chmod").arg("700").arg(&home));
    let gpg = move || {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(&home).args(["-q", "--batch", "--yes", "--passphrase", ""]);
        if then {
            gpg.args(["--faked-system-time", "20200101T000000"]);
        }
        gpg
    };
    let lives = if then { "30d" } else { "never" };
    ok(gpg().args(["--quick-gen-key", "S <s@example.org>", "ed25519", "default", lives]));
    // Signs a repository anew, and leaves the key where it is asked to.
    move |repository, key| {
        ok(gpg().args(["--clearsign", "-o"]).arg(repository.join("InRelease")).arg(repository.join("Release")));
        ok(gpg().args(["--export", "-o"]).arg(key));
    }
}

fn alter(path: &Path, from: &str, to: &str) {
    let bytes = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains(from));
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn apt_repositories_that_lie_change_nothing() {
    let Some([root, _]) = Root::twins("apt_repositories_that_lie_change_nothing") else { return };
    let keys = tempfile::tempdir().unwrap();
    let by_stranger = stranger(keys.path(), "stranger", false);
    let by_late = stranger(keys.path(), "late", true);
    let (repository, trusted) = (root.path.join("srv/repo"), root.path.join("etc/apt/keyrings/t.gpg"));
    let saved = keys.path().join("repo");
    ok(Command::new("cp").arg("-a").arg(&repository).arg(&saved));
    let good_key = fs::read(&trusted).unwrap();
    assert!(root.omg("install --yes rho").status.success());
    let lists = |root: &Root| {
        let read = |entry: fs::DirEntry| Some((entry.file_name(), fs::read(entry.path()).ok()?));
        let folder = fs::read_dir(root.path.join("var/lib/apt/lists")).unwrap().flatten();
        let mut all: Vec<_> = folder.filter_map(read).filter(|(name, _)| name != "lock").collect();
        all.sort();
        all
    };
    let audit = |from: usize| {
        let text = root.read("var/lib/omg/audit.jsonl");
        (text.lines().count(), text.lines().skip(from).collect::<Vec<_>>().join("\n"))
    };
    type Harm<'h> = Box<dyn Fn() + 'h>;
    let syncs: [(&str, Harm<'_>, bool); 5] = [
        ("InRelease altered", Box::new(|| alter(&repository.join("InRelease"), "Origin: T", "Origin: E")), true),
        ("an unknown key", Box::new(|| by_stranger(&repository, &keys.path().join("k"))), true),
        ("an expired key", Box::new(|| by_late(&repository, &trusted)), true),
        ("no signature", Box::new(|| fs::remove_file(repository.join("InRelease")).unwrap()), true),
        ("Packages altered", Box::new(|| alter(&repository.join("Packages"), "made for", "MADE for")), true),
    ];
    for (what, harm, of_signature) in &syncs {
        harm();
        // A list of another time, or apt would not ask for it.
        if *what == "Packages altered" {
            for list in fs::read_dir(root.path.join("var/lib/apt/lists")).unwrap().flatten() {
                let _ = fs::remove_file(list.path());
            }
        }
        let (before, from, known) = (root.state(), audit(0).0, lists(&root));
        let output = root.omg("sync");
        println!("{what}: {:?} {}", output.status.code(), talk(&output));
        assert_eq!(output.status.code(), Some(3), "{what}: {}", talk(&output));
        assert!(talk(&output).contains("srv/repo"), "{what}: {}", talk(&output));
        assert_eq!(root.state(), before, "{what}");
        if *what != "Packages altered" {
            assert!(lists(&root) == known, "{what}: the lists are others now");
        }
        let told = audit(from).1;
        assert!(told.contains("plan-failed"), "{what}: {told}");
        assert_eq!(told.contains("signature-rejected"), *of_signature, "{what}: {told}");
        // As strict as apt-get with its warnings taken for what they are.
        let native = root.run(&["apt-get", "update", "-eany"]);
        assert!(!native.status.success(), "{what}: {}", talk(&native));
        ok(Command::new("rm").arg("-r").arg(&repository));
        ok(Command::new("cp").arg("-a").arg(&saved).arg(&repository));
        fs::write(&trusted, &good_key).unwrap();
        let output = root.omg("sync");
        assert!(output.status.success(), "after {what}: {}", talk(&output));
    }
    // Archives. The last is one that the signed list vouches for, and that says it is another.
    let gamma = repository.join("gamma_1.0_all.deb");
    let archives: [(&str, Harm<'_>); 4] = [
        ("an archive of another", Box::new(|| _ = fs::copy(repository.join("delta_1.0_all.deb"), &gamma).unwrap())),
        (
            "truncated",
            Box::new(|| {
                let bytes = fs::read(&gamma).unwrap();
                fs::write(&gamma, &bytes[..bytes.len() / 2]).unwrap();
            }),
        ),
        (
            "longer than the list says",
            Box::new(|| {
                let mut bytes = fs::read(&gamma).unwrap();
                bytes.resize(bytes.len() + (1 << 20), 0);
                fs::write(&gamma, bytes).unwrap();
            }),
        ),
        ("no archive", Box::new(|| fs::remove_file(&gamma).unwrap())),
    ];
    for (what, harm) in &archives {
        harm();
        let (before, from) = (root.state(), audit(0).0);
        let output = root.omg("install --yes gamma");
        println!("{what}: {:?} {}", output.status.code(), talk(&output));
        assert_eq!(output.status.code(), Some(3), "{what}: {}", talk(&output));
        assert!(talk(&output).contains("gamma") && talk(&output).contains("nothing was changed"), "{what}");
        assert_eq!(root.state(), before, "{what}");
        assert!(audit(from).1.contains("plan-failed"), "{what}");
        let native = root.apt_get("install gamma");
        assert!(!native.status.success(), "{what}: apt-get takes it");
        assert_eq!(root.state(), before, "{what}");
        fs::copy(saved.join("gamma_1.0_all.deb"), &gamma).unwrap();
    }
    assert!(root.omg("install --yes gamma").status.success());
    assert!(root.omg("audit verify").status.success());
}
