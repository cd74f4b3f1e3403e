//! Changes of packages in a real Debian root, compared with what apt-get does in a twin of it: dpkg's status, apt's reasons, the files,
//! the logs. The packages come from a signed repository of our own, in several versions, with a virtual package, a conflict, a
//! changed conffile, a held package and a maintainer's script that fails.
//!
//! Needs root for chroot, debootstrap and the network once (the root is kept in `target/test-roots`), dpkg-deb, dpkg-scanpackages and
//! gpg. What is missing is skipped by name.

// What is skipped is said on standard output, where ./setup counts it.
#![allow(clippy::print_stdout)]

#[path = "support/debian.rs"]
mod debian;

#[path = "support/apt.rs"]
mod apt;

use apt::{Root, assert_alike, ok, talk};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn each_change_leaves_what_apt_get_leaves() {
    let Some([omg, apt]) = Root::twins("each_change_leaves_what_apt_get_leaves") else { return };
    // What a person types, and what comes to the same.
    for (ours, theirs) in [
        ("install --yes alpha=1.0", "install alpha=1.0"),
        ("install --yes rho", "install rho"),
        ("install --yes delta --as-dependency", "install --mark-auto delta"),
        ("upgrade --yes", "upgrade --with-new-pkgs"),
        ("downgrade --yes beta=1.0 alpha=1.0", "install --allow-downgrades beta=1.0 alpha=1.0"),
        ("reinstall --yes beta", "install --reinstall beta=1.0"),
        ("install --yes held=1.0 conf=1.0", "install held=1.0 conf=1.0"),
        ("upgrade --yes alpha", "install --only-upgrade alpha"),
        ("install --yes epsilon", "install epsilon"),
        ("remove --yes epsilon", "remove epsilon"),
        ("autoremove --yes", "autoremove"),
        ("install --yes gamma", "install gamma"),
        ("upgrade --full --yes", "dist-upgrade"),
        ("install --yes /srv/repo/delta_1.0_all.deb", "install /srv/repo/delta_1.0_all.deb"),
        ("remove --yes --purge delta gamma", "purge delta gamma"),
        ("install --yes alpha", "install alpha"),
        ("remove --yes --recursive alpha", "remove --auto-remove alpha"),
        ("remove --yes --purge conf", "purge conf"),
    ] {
        if ours.starts_with("upgrade --full") {
            for root in [&omg, &apt] {
                fs::write(root.path.join("etc/conf.conf"), "mine").unwrap();
            }
            assert!(omg.omg("hold --yes held").status.success());
            assert!(apt.run(&["apt-mark", "hold", "held"]).status.success());
        }
        let (by_omg, by_apt) = (omg.omg(ours), apt.apt_get(theirs));
        assert!(by_omg.status.success(), "{ours}: {}", talk(&by_omg));
        // One package of that upgrade changes hands.
        let told = "these have another maintainer: conf (U <u@example.org>, before T <t@example.org>)";
        assert_eq!(talk(&by_omg).contains(told), ours.starts_with("upgrade --full"), "{ours}: {}", talk(&by_omg));
        assert!(by_apt.status.success(), "{theirs}: {}", talk(&by_apt));
        assert_alike(&omg, &apt, ours);
    }
    // The person's own file was kept, and the new one lay beside it until the purge.
    assert!(omg.read("var/log/apt/history.log").contains("Commandline: omg upgrade --full --yes"));
    let history = omg.omg("history --limit 1");
    assert!(talk(&history).contains("omg remove --yes --purge conf"), "{}", talk(&history));
    for (mark, theirs) in [("mark auto --yes rho", "auto"), ("mark explicit --yes rho", "manual")] {
        let _ = (omg.omg("install --yes rho"), apt.apt_get("install rho"));
        assert!(omg.omg(mark).status.success() && apt.run(&["apt-mark", theirs, "rho"]).status.success());
        assert_alike(&omg, &apt, mark);
    }
    // A script that fails leaves the same half, and its words reach the person.
    let (by_omg, by_apt) = (omg.omg("install --yes broken"), apt.apt_get("install broken"));
    assert!(!by_apt.status.success());
    assert_eq!(by_omg.status.code(), Some(3), "{}", talk(&by_omg));
    assert!(talk(&by_omg).contains("sorry") && talk(&by_omg).contains("dpkg --configure -a"), "{}", talk(&by_omg));
    assert_alike(&omg, &apt, "a script that fails");
    // What is half there, and nowhere to be had any more, was to be removed where something else was to be marked.
    for root in [&omg, &apt] {
        fs::write(root.path.join("etc/apt/sources.list"), "").unwrap();
        assert!(root.run(&["apt-get", "update"]).status.success());
    }
    let marked = omg.omg("mark auto --yes rho");
    assert!(marked.status.success() && apt.run(&["apt-mark", "auto", "rho"]).status.success(), "{}", talk(&marked));
    assert_alike(&omg, &apt, "a mark beside what is broken");
}

/// omg of the machine that runs this, in a root that it does not run in.
fn from_outside(root: &Root, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
    command.arg("--root").arg(&root.path).args(["--backend", "apt"]).args(words.split(' '));
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

#[test]
fn another_root_is_changed_as_apt_get_changes_it_from_inside() {
    let Some([omg, apt]) = Root::twins("another_root_is_changed_as_apt_get_changes_it_from_inside") else { return };
    let root = omg.path.display().to_string();
    for (ours, theirs) in [
        ("install --yes alpha=1.0 held=1.0 conf=1.0", "install alpha=1.0 held=1.0 conf=1.0"),
        ("upgrade --yes", "upgrade --with-new-pkgs"),
        (&format!("install --yes {root}/srv/repo/delta_1.0_all.deb"), "install /srv/repo/delta_1.0_all.deb"),
        ("remove --yes --purge delta", "purge delta"),
        ("downgrade --yes beta=1.0 alpha=1.0", "install --allow-downgrades beta=1.0 alpha=1.0"),
        ("remove --yes --recursive alpha", "remove --auto-remove alpha"),
    ] {
        let (by_omg, by_apt) = (from_outside(&omg, ours).output().unwrap(), apt.apt_get(theirs));
        assert!(by_omg.status.success(), "{ours}: {}", talk(&by_omg));
        assert!(by_apt.status.success(), "{theirs}: {}", talk(&by_apt));
        assert_alike(&omg, &apt, ours);
    }
    for (mark, theirs) in
        [("mark auto --yes conf", "auto"), ("hold --yes held", "hold"), ("unhold --yes held", "unhold")]
    {
        let name = mark.rsplit(' ').next().unwrap();
        let marked = from_outside(&omg, mark).output().unwrap();
        assert!(marked.status.success() && apt.run(&["apt-mark", theirs, name]).status.success(), "{}", talk(&marked));
        assert_alike(&omg, &apt, mark);
    }
    // Journal and audit log are that root's.
    let history = from_outside(&omg, "history --limit 1").output().unwrap();
    assert!(talk(&history).contains("remove --yes --recursive alpha"), "{}", talk(&history));
    assert!(from_outside(&omg, "audit verify").output().unwrap().status.success());
    assert!(omg.path.join("var/lib/omg/audit.jsonl").exists());
    // What lies outside cannot be seen from inside, and nothing is changed.
    let before = omg.state();
    let archive = apt.path.join("srv/repo/gamma_1.0_all.deb");
    let refused = from_outside(&omg, &format!("install --yes {}", archive.display())).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", talk(&refused));
    assert!(talk(&refused).contains("copy it there"), "{}", talk(&refused));
    // A plan needs no privilege, where anybody may have a namespace of their own.
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).unwrap();
    let may = Command::new("unshare").args(["--user", "true"]).uid(65534).gid(65534).status().unwrap().success();
    let plan = from_outside(&omg, "install --dry-run alpha").uid(65534).gid(65534).env("HOME", home.path()).output();
    let plan = talk(&plan.unwrap());
    assert!(plan.contains(if may { "alpha 2.0" } else { "only root may look into another root" }), "{plan}");
    assert_eq!(omg.state(), before);
}

#[test]
fn what_cannot_be_done_changes_nothing_and_says_why() {
    let Some([omg, _]) = Root::twins("what_cannot_be_done_changes_nothing_and_says_why") else { return };
    assert!(omg.omg("install --yes alpha=1.0 held=1.0").status.success());
    let (before, logs) = (omg.state(), omg.logs());
    for (words, exit, says) in [
        ("install --yes alhpa", 1, "did you mean alpha"),
        ("install --yes alpha=9", 1, "there is 2.0, 1.0"),
        ("install --yes vmail", 2, "delta, gamma"),
        ("install --yes needy", 3, "nowhere"),
        ("install --yes epsilon alpha", 3, "alpha"),
        ("install alpha=2.0", 2, "--yes"),
        ("remove --yes nosuch", 1, "no package nosuch"),
        ("remove --yes gamma", 1, "gamma is not installed"),
        ("remove --yes dpkg", 3, "dpkg"),
        ("install --yes -x", 2, "-x"),
        ("install --yes a;b", 2, "is no package's name"),
        ("install --yes ./nothing.deb", 1, "no file"),
        ("downgrade --yes alpha", 2, "to which version"),
        ("apply --digest 00", 3, "not the plan"),
        ("apply --digest -", 3, ""),
    ] {
        let output = omg.omg(words);
        assert_eq!(output.status.code(), Some(exit), "{words}: {}", talk(&output));
        assert!(talk(&output).contains(says), "{words}: {}", talk(&output));
        assert_eq!((omg.state(), omg.logs()), (before.clone(), logs.clone()), "{words}");
    }
    // By the policy, before the person is asked and again where it counts.
    fs::create_dir_all(omg.path.join("etc/omg")).unwrap();
    fs::write(omg.path.join("etc/omg/policy.toml"), "banned = [\"gam*\"]\n").unwrap();
    for words in ["install --yes gamma", "install gamma --dry-run"] {
        let output = omg.omg(words);
        assert_eq!(output.status.code(), Some(5), "{words}: {}", talk(&output));
        assert!(talk(&output).contains("policy.toml, line 1"), "{}", talk(&output));
    }
    fs::remove_file(omg.path.join("etc/omg/policy.toml")).unwrap();
    let log = talk(&omg.omg("audit log"));
    assert!(log.contains("plan-refused") && log.contains("plan-applied"), "{log}");
    assert!(omg.omg("audit verify").status.success());
    // Fetched and not installed; then the older version of it goes.
    let archives = || {
        let files = fs::read_dir(omg.path.join("var/cache/apt/archives")).unwrap().flatten();
        let mut names: Vec<String> = files.map(|file| file.file_name().into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("conf_"));
        names.sort();
        names
    };
    assert!(archives().is_empty());
    for words in ["download --yes conf=1.0", "download --yes conf=2.0"] {
        let output = omg.omg(words);
        assert!(output.status.success(), "{words}: {}", talk(&output));
    }
    assert_eq!(archives(), ["conf_1.0_all.deb", "conf_2.0_all.deb"]);
    assert_eq!((omg.state(), omg.logs()), (before.clone(), logs.clone()));
    let output = omg.omg("clean --yes --keep 1");
    assert!(output.status.success(), "{}", talk(&output));
    assert_eq!(archives(), ["conf_2.0_all.deb"]);
    // Only shown.
    for words in ["install --dry-run epsilon", "upgrade --dry-run", "remove --dry-run --recursive alpha"] {
        let output = omg.omg(words);
        assert!(output.status.success() && !output.stdout.is_empty(), "{words}: {}", talk(&output));
        assert_eq!(omg.state(), before, "{words}");
    }
    // An archive that is not what the signed list says.
    let archive = omg.path.join("srv/repo/gamma_1.0_all.deb");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let output = omg.omg("install --yes gamma");
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    assert!(talk(&output).contains("nothing was changed"), "{}", talk(&output));
    assert_eq!((omg.state(), omg.logs()), (before.clone(), logs.clone()));
    // A list that no trusted key signed.
    fs::write(omg.path.join("etc/apt/keyrings/t.gpg"), "").unwrap();
    fs::write(omg.path.join("etc/apt/sources.list"), "deb [allow-insecure=yes] copy:/srv/repo ./\n").unwrap();
    fs::remove_file(omg.path.join("srv/repo/InRelease")).unwrap();
    // What was signed once is not taken unsigned: only a machine that never knew better has such lists.
    for list in fs::read_dir(omg.path.join("var/lib/apt/lists")).unwrap().flatten() {
        let _ = fs::remove_file(list.path());
    }
    omg.run(&["apt-get", "update"]);
    let output = omg.omg("install --yes delta");
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    assert!(talk(&output).contains("no trusted signature vouches for delta"), "{}", talk(&output));
    assert!(!omg.read("var/lib/dpkg/status").contains("Package: delta"));
}

/// [`Root::state`], and which packages count as dependencies: apt keeps a stanza of one that does no longer.
fn state(root: &Root) -> (BTreeMap<String, String>, Vec<String>) {
    let text = root.read("var/lib/apt/extended_states");
    let mut auto: Vec<String> = (text.split("\n\n"))
        .filter(|stanza| stanza.contains("Auto-Installed: 1"))
        .map(|stanza| stanza.lines().next().unwrap_or_default().to_owned())
        .collect();
    auto.sort();
    let mut state = root.state();
    state.retain(|key, _| !key.starts_with("var/lib/apt/extended_states"));
    (state, auto)
}

#[test]
fn each_transaction_is_taken_back_and_the_root_is_as_before() {
    let Some([omg, _]) = Root::twins("each_transaction_is_taken_back_and_the_root_is_as_before") else { return };
    let done = |words: &str| {
        let output = omg.omg(words);
        assert!(output.status.success(), "{words}: {}", talk(&output));
        talk(&output)
    };
    let nothing = state(&omg);
    let mut snapshots = Vec::new();
    for (at, words) in [
        "install --yes alpha=1.0 beta=1.0",
        "install --yes held=1.0",
        "upgrade --yes",
        "reinstall --yes beta",
        "downgrade --yes held=1.0",
        "install --yes gamma --as-dependency",
        "install --yes epsilon",
        "autoremove --yes",
        "remove --yes --purge held",
    ]
    .into_iter()
    .enumerate()
    {
        let before = state(&omg);
        done(words);
        if words.starts_with("reinstall") {
            assert_eq!(state(&omg), before, "{words}");
            continue;
        }
        assert_ne!(state(&omg), before, "{words}");
        let told = done("rollback --yes");
        let (now, auto) = state(&omg);
        for key in now.keys().chain(before.0.keys()) {
            let history = || talk(&omg.omg("history --limit 4"));
            assert!(now.get(key) == before.0.get(key), "{key} after {words} and its rollback: {told}{}", history());
        }
        assert_eq!(auto, before.1, "after {words} and its rollback: {told}");
        // What was taken back is done once more, for the next.
        done(words);
        done(&format!("snapshot create s{at}"));
        snapshots.push((format!("s{at}"), state(&omg)));
    }
    // Back to each, from the last to the first and in leaps.
    for (name, then) in snapshots.iter().rev().chain([&snapshots[4], &snapshots[0], &snapshots[6]]) {
        // 1: it is so already, as right after the snapshot.
        let output = omg.omg(&format!("snapshot restore --yes {name}"));
        assert!(matches!(output.status.code(), Some(0 | 1)), "{name}: {}", talk(&output));
        let (now, auto) = state(&omg);
        for key in now.keys().chain(then.0.keys()) {
            assert_eq!(now.get(key), then.0.get(key), "{key} of {name}: {}", talk(&output));
        }
        assert_eq!(auto, then.1, "{name}: {}", talk(&output));
    }
    // What was held is held again, and the other way round.
    let held = || talk(&omg.run(&["apt-mark", "showhold"]));
    done("snapshot create free");
    done("hold --yes tzdata");
    done("snapshot create held");
    for (name, names) in [("free", ""), ("held", "tzdata\n"), ("free", "")] {
        done(&format!("snapshot restore --yes {name}"));
        assert_eq!(held(), names, "{name}");
    }
    // All at once, to before the first of them.
    let first = talk(&omg.omg("history --all --json"));
    let all: serde_json::Value = serde_json::from_str(&first).unwrap();
    let ours = all.as_array().unwrap().iter().filter(|one| one["command"].as_str().unwrap().starts_with("omg "));
    let oldest = ours.map(|one| one["started"].as_i64().unwrap()).min().unwrap();
    let time = ok(Command::new("date").args(["-u", &format!("-d@{}", oldest - 1), "+%Y-%m-%dT%H:%M:%SZ"]));
    done(&format!("rollback --yes --to {}", time.trim()));
    assert_eq!(state(&omg), nothing);
    let log = talk(&omg.omg("audit log --all"));
    assert!(log.contains("rollback"), "{log}");
    assert!(omg.omg("audit verify").status.success());
    // A version that no repository has any more comes from the cache; one that is nowhere is said, and nothing is done by halves.
    done("install --yes gamma");
    done("remove --yes gamma");
    let blamed = done("blame gamma");
    assert!(blamed.contains("remove") && blamed.contains("by omg remove --yes gamma"), "{blamed}");
    fs::write(omg.path.join("etc/apt/sources.list"), "").unwrap();
    assert!(omg.run(&["apt-get", "update"]).status.success());
    done("rollback --yes");
    assert!(omg.read("usr/share/gamma/file").contains("gamma 1.0"));
    done("remove --yes gamma");
    let before = state(&omg);
    for entry in fs::read_dir(omg.path.join("var/cache/apt/archives")).unwrap().flatten() {
        let _ = fs::remove_file(entry.path());
    }
    let output = omg.omg("rollback --yes");
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    assert!(talk(&output).contains("not where old versions are kept"), "{}", talk(&output));
    assert_eq!(state(&omg), before);
    // One that is kept for everybody, in the repository as it was when the version came.
    let packages = || -> BTreeMap<String, String> {
        omg.state().into_iter().filter(|(key, _)| !key.starts_with("etc/")).collect()
    };
    let before = packages();
    let keep = |address: &str| {
        fs::create_dir_all(omg.path.join("etc/omg")).unwrap();
        fs::write(omg.path.join("etc/omg/config.toml"), format!("[archives]\napt = \"{address}\"\n")).unwrap();
    };
    let sources = "deb [signed-by=/etc/apt/keyrings/t.gpg] copy:/srv/empty ./\n";
    fs::write(omg.path.join("etc/apt/sources.list"), sources).unwrap();
    keep("copy:/srv/then/{archive}/{time}/");
    let output = omg.omg("rollback --yes");
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    assert!(talk(&output).contains("the repositories of 20") && talk(&output).contains("empty"), "{}", talk(&output));
    let history = talk(&omg.omg("history gamma --json"));
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let came = history.as_array().unwrap().iter().find(|one| one["command"].as_str().unwrap().contains("rollback"));
    let came = came.unwrap()["started"].as_i64().unwrap();
    let time = ok(Command::new("date").args(["-u", &format!("-d@{came}"), "+%Y%m%dT%H%M%SZ"]));
    let then = omg.path.join("srv/then/empty").join(time.trim());
    fs::create_dir_all(then.parent().unwrap()).unwrap();
    fs::rename(omg.path.join("srv/repo"), &then).unwrap();
    // Not where its archive is another than the signed lists say.
    let archive = then.join("gamma_1.0_all.deb");
    let good = fs::read(&archive).unwrap();
    let mut bad = good.clone();
    bad[good.len() - 9] ^= 1;
    fs::write(&archive, bad).unwrap();
    let output = omg.omg("rollback --yes");
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    assert!(packages() == before, "{}", talk(&output));
    fs::write(&archive, good).unwrap();
    done("rollback --yes");
    assert!(omg.read("usr/share/gamma/file").contains("gamma 1.0"));
    // Or in a folder that somebody keeps.
    done("remove --yes gamma");
    fs::create_dir_all(omg.path.join("srv/pool")).unwrap();
    fs::rename(&archive, omg.path.join("srv/pool/gamma_1.0_all.deb")).unwrap();
    fs::remove_dir_all(&then).unwrap();
    fs::remove_dir_all(omg.path.join("var/lib/omg/archives")).unwrap();
    fs::write(omg.path.join("etc/omg/config.toml"), "[archives]\nfolders = [\"/srv/pool\"]\napt = \"\"\n").unwrap();
    done("rollback --yes");
    assert!(omg.read("usr/share/gamma/file").contains("gamma 1.0"));
}

/// Of another root they were looked for in its repositories and its cache alone.
#[test]
fn old_versions_of_another_root_come_from_where_they_are_kept() {
    let Some([omg, _]) = Root::twins("old_versions_of_another_root_come_from_where_they_are_kept") else { return };
    let done = |words: &str| {
        let output = from_outside(&omg, words).output().unwrap();
        assert!(output.status.success(), "{words}: {}", talk(&output));
        talk(&output)
    };
    // What this test itself writes there is none of omg's.
    let packages = || {
        let (mut state, auto) = state(&omg);
        state.retain(|key, _| !key.starts_with("etc/apt/sources.list") && !key.starts_with("etc/omg/"));
        (state, auto)
    };
    let as_before = |before: &(BTreeMap<String, String>, Vec<String>), after: &str| {
        let now = packages();
        for key in now.0.keys().chain(before.0.keys()) {
            assert!(now.0.get(key) == before.0.get(key), "{key} after {after}");
        }
        assert_eq!(now.1, before.1, "after {after}");
    };
    let configure = |text: &str| {
        fs::create_dir_all(omg.path.join("etc/omg")).unwrap();
        fs::write(omg.path.join("etc/omg/config.toml"), format!("[archives]\n{text}\n")).unwrap();
    };
    done("install --yes alpha=1.0 conf=1.0");
    done("mark auto --yes conf");
    done("snapshot create old");
    let old = packages();
    let came = || {
        let all: serde_json::Value = serde_json::from_str(&done("history alpha --json")).unwrap();
        let time = format!("-d@{}", all[0]["started"].as_i64().unwrap());
        ok(Command::new("date").args(["-u", &time, "+%Y%m%dT%H%M%SZ"])).trim().to_owned()
    };
    let then = omg.path.join("srv/then/empty").join(came());
    done("upgrade --yes");
    let new = packages();
    assert!(new != old && omg.read("etc/conf.conf") == "two");
    // From now on the old ones are nowhere but in the repository as it was then.
    let sources = "deb [signed-by=/etc/apt/keyrings/t.gpg] copy:/srv/empty ./\n";
    fs::write(omg.path.join("etc/apt/sources.list"), sources).unwrap();
    fs::create_dir_all(then.parent().unwrap()).unwrap();
    fs::rename(omg.path.join("srv/repo"), &then).unwrap();
    let forget = || {
        for folder in ["var/cache/apt/archives", "var/lib/omg/archives"] {
            for entry in fs::read_dir(omg.path.join(folder)).into_iter().flatten().flatten() {
                let _ = fs::remove_file(entry.path());
            }
        }
    };
    forget();
    configure("apt = \"copy:/srv/then/{archive}/{time}/\"");
    // Not where an archive is another than the signed lists say, nor where the lists are another's.
    for damaged in ["alpha_1.0_all.deb", "InRelease"] {
        let good = fs::read(then.join(damaged)).unwrap();
        let mut bad = good.clone();
        let place = bad.len() / 2;
        bad[place] ^= 1;
        fs::write(then.join(damaged), bad).unwrap();
        let output = from_outside(&omg, "rollback --yes").output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{damaged}: {}", talk(&output));
        assert!(talk(&output).contains("nothing was changed"), "{damaged}: {}", talk(&output));
        as_before(&new, damaged);
        fs::write(then.join(damaged), good).unwrap();
    }
    // A person could neither have them fetched into it nor change it.
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).unwrap();
    let asked = from_outside(&omg, "rollback --dry-run").uid(65534).gid(65534).env("HOME", home.path()).output();
    let asked = asked.unwrap();
    assert_eq!(asked.status.code(), Some(3), "{}", talk(&asked));
    assert!(talk(&asked).contains("only root"), "{}", talk(&asked));
    done("rollback --yes");
    as_before(&old, "the rollback");
    assert!(omg.path.join("var/lib/omg/archives/alpha_1.0_all.deb").exists());
    // A snapshot's return goes the same way. It came once more by the rollback, and what is kept of that time is looked at first.
    std::os::unix::fs::symlink(then.file_name().unwrap(), then.with_file_name(came())).unwrap();
    done("remove --yes alpha");
    forget();
    done("snapshot restore --yes old");
    as_before(&old, "the snapshot's return");
    // And what lies in a folder outside is brought in.
    done("remove --yes --purge conf");
    forget();
    let pool = tempfile::tempdir().unwrap();
    fs::copy(then.join("conf_1.0_all.deb"), pool.path().join("conf_1.0_all.deb")).unwrap();
    configure(&format!("folders = [{:?}]\napt = \"\"", pool.path()));
    done("rollback --yes");
    as_before(&old, "a rollback from a folder");
    assert!(from_outside(&omg, "audit verify").output().unwrap().status.success());
}

#[test]
fn by_whose_key_a_list_was_believed_is_written_down() {
    let Some([omg, _]) = Root::twins("by_whose_key_a_list_was_believed_is_written_down") else { return };
    let ring = omg.path.join("etc/apt/keyrings/t.gpg");
    let listing = ok(Command::new("gpg").args(["--with-colons", "--show-keys"]).arg(ring));
    let print = listing.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
    let accepted = || {
        let output = omg.omg("sync");
        assert!(output.status.success(), "{}", talk(&output));
        let log = omg.read("var/lib/omg/audit.jsonl");
        let entries: Vec<String> =
            log.lines().filter(|line| line.contains("signature-accepted")).map(str::to_owned).collect();
        entries
    };
    let once = accepted();
    assert_eq!(once.len(), 1, "{once:?}");
    assert!(once[0].contains("_repo_._InRelease\"") && once[0].contains(&print), "{once:?}");
    // What is believed without a signature is not said to have one.
    fs::write(omg.path.join("etc/apt/sources.list"), "deb [trusted=yes] copy:/srv/repo ./\n").unwrap();
    fs::remove_file(omg.path.join("srv/repo/InRelease")).unwrap();
    // As apt would see that it was signed before.
    for list in fs::read_dir(omg.path.join("var/lib/apt/lists")).unwrap().flatten() {
        let _ = fs::remove_file(list.path());
    }
    assert_eq!(accepted(), once);
}

/// A person who takes the package's file afterwards has what dpkg leaves to one who takes it at once.
#[test]
fn what_an_upgrade_leaves_beside_a_conffile() {
    let Some([omg, apt]) = Root::twins("what_an_upgrade_leaves_beside_a_conffile") else { return };
    let done = |words: &str| {
        let output = omg.omg(words);
        assert!(output.status.success(), "{words}: {}", talk(&output));
        talk(&output)
    };
    assert_eq!(omg.omg("conf").status.code(), Some(1));
    let told = done("install --yes conf=1.0");
    assert!(!told.contains("left beside"), "{told}");
    assert!(apt.apt_get("install conf=1.0").status.success());
    for root in [&omg, &apt] {
        fs::write(root.path.join("etc/conf.conf"), "mine").unwrap();
    }
    let told = done("upgrade --yes conf");
    assert!(told.contains("left beside the file in use: /etc/conf.conf.dpkg-dist\nhint: `omg conf diff`"), "{told}");
    assert!(
        told.contains("news of conf, version 1.5:\n  The file is read\n  at once.\n") && !told.contains("First."),
        "{told}"
    );
    let listed = done("conf");
    assert!(listed.starts_with("/etc/conf.conf.dpkg-dist conf the package's own, "), "{listed}");
    let diff = done("conf diff /etc/conf.conf");
    let (no_end, head) = ("\\ No newline at end of file\n", "--- /etc/conf.conf\n+++ /etc/conf.conf.dpkg-dist\n");
    assert_eq!(diff, format!("{head}@@ -1 +1 @@\n-mine\n{no_end}+two\n{no_end}"));
    done("conf use --yes /etc/conf.conf");
    let new = ["apt-get", "-y", "-o", "Dpkg::Options::=--force-confnew", "install", "--only-upgrade", "conf"];
    assert!(apt.run(&new).status.success());
    assert_eq!((omg.read("etc/conf.conf"), omg.read("etc/conf.conf.dpkg-old")), ("two".into(), "mine".into()));
    assert_alike(&omg, &apt, "conf use");
    // And by a tool, which the configuration names.
    let tool = omg.path.join("opt/omg/merge");
    fs::write(&tool, "#!/bin/sh\ntest \"$1\" = -x && cat \"$3\" >> \"$2\"\n").unwrap();
    ok(Command::new("chmod").arg("755").arg(tool));
    fs::create_dir_all(omg.path.join("etc/omg")).unwrap();
    fs::write(omg.path.join("etc/omg/config.toml"), "[conf]\ntool = [\"/opt/omg/merge\", \"-x\"]\n").unwrap();
    done("conf keep --yes /etc/conf.conf.dpkg-old");
    fs::write(omg.path.join("etc/conf.conf"), "mine again ").unwrap();
    let told = done("downgrade --yes conf=1.0");
    assert!(told.contains("/etc/conf.conf.dpkg-dist"), "{told}");
    let merged = done("conf merge --yes /etc/conf.conf");
    assert!(merged.contains("+mine again one"), "{merged}");
    assert_eq!(
        (omg.read("etc/conf.conf"), omg.read("etc/conf.conf.dpkg-dist")),
        ("mine again one".into(), String::new())
    );
    assert_eq!(omg.omg("conf").status.code(), Some(1));
    let log = done("audit log --json");
    assert!(["use", "keep", "merge"].iter().all(|action| log.contains(&format!("\"action\": \"{action}\""))), "{log}");
}

/// What dpkg printed is logged where the library can get it a terminal: with /dev/pts mounted, and not without, as below chroot(8).
#[test]
fn term_log_is_what_apt_get_makes_it() {
    let Some([omg, apt]) = Root::twins("term_log_is_what_apt_get_makes_it") else { return };
    let mount =
        "mount -t devpts -o ptmxmode=666 devpts /dev/pts && mount --bind /dev/pts/ptmx /dev/ptmx && exec \"$@\"";
    let log = |root: &Root| -> Vec<String> {
        let text = root.read("var/log/apt/term.log");
        text.lines().filter(|line| !line.starts_with("Log ")).map(str::to_owned).collect()
    };
    for (before, ours, theirs, is_logged) in [
        ("exec \"$@\"", "install --yes alpha=1.0", "install alpha=1.0", false),
        (mount, "upgrade --yes", "upgrade --with-new-pkgs", true),
        ("exec \"$@\"", "remove --yes alpha", "remove alpha", true),
    ] {
        let words = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let run = |root: &Root, program: &[&str], more: Vec<String>| {
            let more = more.iter().map(String::as_str);
            let output = root.run(
                &["/bin/sh", "-c", before, "sh"]
                    .into_iter()
                    .chain(program.iter().copied())
                    .chain(more)
                    .collect::<Vec<_>>(),
            );
            assert!(output.status.success(), "{}", talk(&output));
        };
        run(&omg, &["/opt/omg/omg"], words(ours));
        run(&apt, &["apt-get", "-y"], words(theirs));
        assert_eq!(log(&omg), log(&apt), "{ours}");
        assert_eq!(log(&omg).iter().any(|line| line.contains("Setting up alpha")), is_logged, "{ours}");
    }
}

/// apt's library compares its cache with dpkg's database by size and by whole seconds. A plan made between two changes of one second
/// was the plan of the first, and the next said there was nothing to do.
#[test]
fn two_changes_within_a_second_are_both_seen() {
    let Some([omg, _]) = Root::twins("two_changes_within_a_second_are_both_seen") else { return };
    let status = omg.path.join("var/lib/dpkg/status");
    assert!(omg.omg("install --yes held=1.0").status.success());
    let plan = || talk(&omg.omg("install --dry-run held=2.0"));
    assert!(plan().contains("1.0 -> 2.0"), "{}", plan());
    let text = omg.read("var/lib/dpkg/status");
    let (before, stanza) = text.split_at(text.find("Package: held").unwrap());
    let time = fs::metadata(&status).unwrap().modified().unwrap();
    let written = status.with_file_name("status-new");
    fs::write(&written, before.to_owned() + &stanza.replacen("Version: 1.0", "Version: 0.9", 1)).unwrap();
    let file = fs::File::open(&written).unwrap();
    file.set_modified(time + Duration::from_millis(1)).unwrap();
    fs::rename(&written, &status).unwrap();
    assert!(plan().contains("0.9 -> 2.0"), "{}", plan());
}

#[test]
fn where_no_engine_starts_apt_get_does_it() {
    let Some([omg, apt]) = Root::twins("where_no_engine_starts_apt_get_does_it") else { return };
    let without_engine = |words: &str| {
        let words = ["env", "OMG_ENGINE_DIR=/nowhere", "/opt/omg/omg"].into_iter().chain(words.split(' '));
        omg.run(&words.collect::<Vec<_>>())
    };
    for (ours, theirs) in [
        ("install --yes alpha=1.0 conf=1.0 held=1.0", "install alpha=1.0 conf=1.0 held=1.0"),
        ("upgrade --yes alpha", "install --only-upgrade alpha"),
        ("download --yes conf=2.0", "install --download-only conf=2.0"),
        ("upgrade --yes", "upgrade"),
        ("downgrade --yes held=1.0", "install --allow-downgrades held=1.0"),
        ("remove --yes alpha", "remove alpha"),
        ("autoremove --yes", "autoremove"),
        ("remove --yes --purge conf", "purge conf"),
        ("sync", "update"),
    ] {
        let output = without_engine(ours);
        assert!(output.status.success(), "{ours}: {}", talk(&output));
        let announced = talk(&output).contains("no omg-apt in /nowhere; so apt-get plans and carries out this");
        assert!(announced || ours == "sync", "{ours}: {}", talk(&output));
        let output = apt.apt_get(theirs);
        assert!(output.status.success(), "{theirs}: {}", talk(&output));
        assert_alike(&omg, &apt, ours);
    }
    let shown = talk(&without_engine("install --dry-run alpha=1.0 --json"));
    assert!(shown.contains("\"unexplained\"") && shown.contains("\"decider\": \"apt-get\""), "{shown}");
    let before = omg.state();
    for (words, code, sentence) in [
        ("install --yes nothing-such", 1, "no package nothing-such is offered or installed"),
        ("install --yes alpha=9", 3, "Version '9' for 'alpha' was not found"),
        ("remove --yes alpha", 1, "alpha is not installed"),
        ("install --yes needy", 3, "needy : Depends: nowhere"),
        ("install --yes broken", 3, "some packages may be changed"),
    ] {
        let output = without_engine(words);
        assert_eq!(output.status.code(), Some(code), "{words}: {}", talk(&output));
        assert!(talk(&output).contains(sentence), "{words}: {}", talk(&output));
        assert!(words.contains("broken") || omg.state() == before, "{words}");
    }
    assert!(omg.omg("audit verify").status.success());
    assert!(talk(&omg.omg("history --all")).contains("apt-get"), "{}", talk(&omg.omg("history --all")));
}

/// A kill of dpkg over an upgrade leaves the old version as one to be installed again. omg wanted just that version back, and then
/// nothing that needs the new one could be installed.
#[test]
fn what_is_half_there_is_upgraded_where_that_is_needed() {
    let Some([omg, apt]) = Root::twins("what_is_half_there_is_upgraded_where_that_is_needed") else { return };
    for root in [&omg, &apt] {
        assert!(root.apt_get("install beta=1.0").status.success());
        let status = root.path.join("var/lib/dpkg/status");
        let (whole, half) =
            ("Package: beta\nStatus: install ok installed", "Package: beta\nStatus: install reinstreq half-installed");
        let text = fs::read_to_string(&status).unwrap();
        assert!(text.contains(whole));
        fs::write(&status, text.replace(whole, half)).unwrap();
    }
    let output = omg.omg("install --yes alpha=2.0");
    assert!(output.status.success(), "{}", talk(&output));
    assert!(apt.apt_get("install alpha=2.0").status.success());
    assert_alike(&omg, &apt, "a half upgraded package");
}

/// The engine is linked to the library of another release, and cannot start there: apt-get does all of it, and says so.
#[test]
fn debian_13_is_changed_by_its_own_apt_get() {
    let Some([omg, apt]) = Root::twins_of("debian_13_is_changed_by_its_own_apt_get", "trixie") else { return };
    if omg.run(&["/opt/omg/omg-apt"]).status.success() {
        println!("skipped debian_13_is_changed_by_its_own_apt_get: this engine is one for Debian 13");
        return;
    }
    let is_announced = |output: &std::process::Output| {
        let text = talk(output);
        text.contains("omg-apt cannot start: ")
            && text.contains("libapt-pkg.so.")
            && text.contains("; so apt-get plans and carries out this, which tells less of the why")
    };
    for (ours, theirs) in [
        ("install --yes alpha=1.0", "install alpha=1.0"),
        ("install --yes delta --as-dependency", "install --mark-auto delta"),
        ("install --yes held=1.0 conf=1.0", "install held=1.0 conf=1.0"),
        ("upgrade --yes alpha", "install --only-upgrade alpha"),
        ("downgrade --yes beta=1.0 alpha=1.0", "install --allow-downgrades beta=1.0 alpha=1.0"),
        ("reinstall --yes beta", "install --reinstall beta=1.0"),
        ("hold --yes held", ""),
        ("upgrade --yes", "upgrade"),
        ("upgrade --full --yes", "dist-upgrade"),
        ("unhold --yes held", ""),
        ("upgrade --yes", "upgrade"),
        ("install --yes epsilon", "install epsilon"),
        ("remove --yes epsilon", "remove epsilon"),
        ("autoremove --yes", "autoremove"),
        ("mark auto --yes held", ""),
        ("mark explicit --yes held", ""),
        ("install --yes /srv/repo/delta_1.0_all.deb", "install /srv/repo/delta_1.0_all.deb"),
        ("remove --yes --purge conf", "purge conf"),
        ("download --yes gamma", "install --download-only gamma"),
        ("install --yes alpha", "install alpha"),
        ("remove --yes --recursive alpha", "remove --auto-remove alpha"),
        ("sync", "update"),
    ] {
        if ours == "upgrade --full --yes" {
            for root in [&omg, &apt] {
                fs::write(root.path.join("etc/conf.conf"), "mine").unwrap();
            }
        }
        let output = omg.omg(ours);
        assert!(output.status.success(), "{ours}: {}", talk(&output));
        // What is marked, apt-mark marks in any case.
        let marks = ["hold", "unhold", "mark"].iter().any(|verb| ours.starts_with(verb));
        assert!(is_announced(&output) || marks || ours == "sync", "{ours}: {}", talk(&output));
        let words: Vec<&str> = match ours.split(' ').collect::<Vec<_>>()[..] {
            [verb @ ("hold" | "unhold"), _, name] => vec!["apt-mark", verb, name],
            ["mark", "explicit", _, name] => vec!["apt-mark", "manual", name],
            ["mark", verb, _, name] => vec!["apt-mark", verb, name],
            _ => Vec::new(),
        };
        let output = if words.is_empty() { apt.apt_get(theirs) } else { apt.run(&words) };
        assert!(output.status.success(), "{theirs}: {}", talk(&output));
        assert_alike(&omg, &apt, ours);
    }
    // Taken back, each and all.
    let state = || {
        let mut state = omg.state();
        state.retain(|key, _| !key.starts_with("var/lib/apt/extended_states"));
        state
    };
    assert!(omg.omg("snapshot create before").status.success());
    let whole = state();
    for words in ["install --yes gamma", "downgrade --yes held=1.0", "upgrade --yes", "remove --yes gamma"] {
        let before = state();
        let done = omg.omg(words);
        assert!(done.status.success(), "{words}: {}", talk(&done));
        assert!(state() != before, "{words} changes nothing: {}", talk(&done));
        let back = omg.omg("rollback --yes");
        assert!(back.status.success() && is_announced(&back), "{words}: {}", talk(&back));
        let now = state();
        for key in now.keys().chain(before.keys()) {
            assert_eq!(now.get(key), before.get(key), "{key} after {words} and its rollback: {}", talk(&back));
        }
        assert!(omg.omg(words).status.success());
    }
    assert!(omg.omg("remove --yes delta").status.success());
    assert!(state() != whole);
    let back = omg.omg("snapshot restore --yes before");
    assert!(back.status.success(), "{}", talk(&back));
    let now = state();
    for key in now.keys().chain(whole.keys()) {
        assert_eq!(now.get(key), whole.get(key), "{key} of the snapshot: {}", talk(&back));
    }
    for (words, code, sentence) in [
        ("install --yes nothing-such", 1, "no package nothing-such is offered or installed"),
        ("install --yes needy", 3, "nowhere"),
        ("install --yes broken", 3, "some packages may be changed"),
    ] {
        let output = omg.omg(words);
        assert_eq!(output.status.code(), Some(code), "{words}: {}", talk(&output));
        assert!(talk(&output).contains(sentence), "{words}: {}", talk(&output));
    }
    assert!(omg.omg("audit verify").status.success());
}

/// What apt-get could not fetch was told as packages that may be changed, since it was told to do it all in one.
#[test]
fn what_apt_get_cannot_fetch_changes_nothing() {
    let Some([omg, _]) = Root::twins("what_apt_get_cannot_fetch_changes_nothing") else { return };
    let (archive, before) = (omg.path.join("srv/repo/gamma_1.0_all.deb"), omg.state());
    let whole = fs::read(&archive).unwrap();
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let install = || omg.run(&["env", "OMG_ENGINE_DIR=/nowhere", "/opt/omg/omg", "install", "--yes", "gamma"]);
    let output = install();
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    let said = ["gamma", "Hash Sum mismatch", "nothing was changed"].iter().all(|words| talk(&output).contains(words));
    assert!(said, "{}", talk(&output));
    assert_eq!(omg.state(), before);
    fs::write(&archive, whole).unwrap();
    let output = install();
    assert!(output.status.success(), "{}", talk(&output));
    assert!(omg.read("usr/share/gamma/file").contains("gamma 1.0"));
}

#[test]
fn an_upgrade_without_news_needs_no_library() {
    let Some([omg, _]) = Root::twins("an_upgrade_without_news_needs_no_library") else { return };
    let without_engine = || omg.run(&["env", "OMG_ENGINE_DIR=/nowhere", "/opt/omg/omg", "upgrade", "--dry-run"]);
    assert!(omg.omg("refresh").status.success());
    let asks = |output: &std::process::Output| talk(output).contains("so apt-get plans and carries out this");
    let output = without_engine();
    assert!(talk(&output).contains("everything is up to date") && !asks(&output), "{}", talk(&output));
    for words in ["install --yes held=1.0", "hold --yes held"] {
        assert!(omg.omg(words).status.success(), "{words}");
        // Held or not: why it is kept back is not the index's to say.
        let output = without_engine();
        assert!(output.status.success() && asks(&output), "{}", talk(&output));
    }
}

/// Everything dies at once, at moments spread over the whole of a change: what is left says how it is finished, and the same command
/// finishes it.
#[test]
fn killed_at_any_moment_the_same_command_finishes_it() {
    let Some([omg, _]) = Root::twins("killed_at_any_moment_the_same_command_finishes_it") else { return };
    let whole = |words: &str| {
        let begun = std::time::Instant::now();
        let output = omg.omg(words);
        assert!(output.status.success(), "{words}: {}", talk(&output));
        begun.elapsed()
    };
    // Without what is only recommended: of a package that is there already apt leaves that out, whoever left it half done.
    let change = "install --yes alpha=2.0 gamma held=1.0";
    let first = whole(change);
    let installed = omg.state();
    whole("remove --yes --recursive alpha gamma held");
    // The quicker of two: whatever else this machine does at one moment does not set the pace of the kills.
    let takes = first.min(whole(change));
    const KILLS: u32 = 16;
    let mut cut_short = 0;
    for kill in 0..KILLS {
        whole("remove --yes --recursive alpha gamma held");
        let words: Vec<&str> = ["/opt/omg/omg"].into_iter().chain(change.split(' ')).collect();
        let mut child = omg.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(takes.as_micros() as u64 * u64::from(kill) / u64::from(KILLS)));
        let _ = child.kill();
        cut_short += u32::from(!child.wait().unwrap().success());
        // As the hint says, where dpkg had begun; what it was killed over it cannot finish by itself.
        // A process that was killed may hold its lock a moment longer.
        while talk(&omg.run(&["dpkg", "--configure", "-a"])).contains("lock") {}
        let verified = omg.omg("audit verify");
        assert_ne!(verified.status.code(), Some(3), "after kill {kill}: {}", talk(&verified));
        whole(change);
        let now = omg.state();
        for key in now.keys().chain(installed.keys()) {
            assert_eq!(now.get(key), installed.get(key), "{key} after kill {kill}");
        }
        // Whatever was killed before it was indexed is indexed by the first question.
        assert!(omg.omg("list").status.success());
        assert!(omg.omg("doctor").status.success(), "after kill {kill}: {}", talk(&omg.omg("doctor")));
    }
    assert!(cut_short > KILLS / 4, "only {cut_short} of {KILLS} kills came before the end");
}

/// Debian's tracker, as far as it is about what the test needs.
fn tracker(packages: &[(&str, &str, &str, &str)]) -> String {
    let mut all = serde_json::Map::new();
    for (package, id, urgency, fixed) in packages {
        let status = if fixed.is_empty() { "open" } else { "resolved" };
        let release = serde_json::json!({"status": status, "repositories": {}, "urgency": urgency});
        let mut release = release.as_object().unwrap().clone();
        if !fixed.is_empty() {
            release.insert("fixed_version".into(), (*fixed).into());
        }
        let issue = serde_json::json!({"description": "x", "releases": {"bookworm": release}});
        all.entry(*package).or_insert_with(|| serde_json::json!({}))[*id] = issue;
    }
    serde_json::Value::Object(all).to_string()
}

#[test]
fn the_policy_knows_what_is_open_against_the_very_version_and_what_vouches_for_it() {
    let test = "the_policy_knows_what_is_open_against_the_very_version_and_what_vouches_for_it";
    let Some([omg, _]) = Root::twins(test) else { return };
    let write = |below: &str, text: &str| {
        let path = omg.path.join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let policy = |text: &str| write("etc/omg/policy.toml", text);
    let check = |words: &str, exit: i32, says: &str| {
        let output = omg.omg(words);
        assert_eq!(output.status.code(), Some(exit), "{words}: {}", talk(&output));
        assert!(talk(&output).contains(says), "{words}: {}", talk(&output));
    };
    write(
        "etc/omg/config.toml",
        "[advisories]\ndebian = \"file:///srv/tracker.json\"\nrelease = \"bookworm\"\nkev = \"off\"\nepss = \"off\"\n",
    );
    check("refresh", 0, "");
    // Nothing is known yet.
    policy("max_severity = \"medium\"\n");
    check("install --dry-run gamma", 5, "gamma: its severity could not be checked: there are no advisories here");
    let known = [
        ("alpha", "CVE-2026-1", "high", "2.0"),
        ("beta", "CVE-2026-2", "low", ""),
        ("rho", "CVE-2026-3", "not yet assigned", ""),
    ];
    write("srv/tracker.json", &tracker(&known));
    check("refresh --advisories", 0, "");
    let high = "alpha: has an advisory of severity high, above medium: CVE-2026-1 (/etc/omg/policy.toml, line 1)";
    check("install --dry-run alpha=1.0 beta=1.0", 5, high);
    check("install --dry-run alpha beta", 0, "2 to install");
    check(
        "install --dry-run rho",
        5,
        "rho: its severity could not be checked: CVE-2026-3 is open, and nobody has rated it",
    );
    check("install --dry-run gamma", 0, "1 to install");
    policy("max_severity = \"none\"\n");
    check("install --dry-run beta", 5, "beta: has an advisory of severity low, above none: CVE-2026-2");
    // Where it counts it is asked once more: the plan is agreed on under another policy than it is carried out under.
    check("install --yes beta", 5, "CVE-2026-2");
    let log = talk(&omg.omg("audit log"));
    assert!(log.contains("plan-refused") && log.contains("CVE-2026-2"), "{log}");
    // Data older than the machine allows are none.
    let old = std::time::SystemTime::now() - Duration::from_secs(60 * 86_400);
    fs::File::options().append(true).open(omg.path.join("srv/tracker.json")).unwrap().set_modified(old).unwrap();
    check("refresh --advisories", 0, "");
    check(
        "install --dry-run gamma",
        5,
        "its severity could not be checked: Debian's tracker: its data are 60 days old",
    );
    write("srv/tracker.json", &tracker(&known));
    check("refresh --advisories", 0, "");
    check("install --dry-run gamma", 0, "");

    // Grades: of a stranger's repository, of the distribution's own, and of one that is trusted unseen.
    policy("minimum_grade = \"verified\"\n");
    check("install --dry-run gamma", 5, "gamma: is of grade community, below verified");
    let control = "Package: own\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: x\n";
    write("srv/own/DEBIAN/control", control);
    assert!(omg.run(&["dpkg-deb", "-b", "/srv/own", "/srv/own.deb"]).status.success());
    check("install --dry-run /srv/own.deb", 5, "own: is of grade risk, below verified");
    policy("minimum_grade = \"community\"\n");
    check("install --dry-run gamma", 0, "");
    write("etc/os-release", "ID=t\nVERSION_CODENAME=bookworm\n");
    check("refresh --force", 0, "");
    policy("minimum_grade = \"locked\"\n");
    check("install --dry-run --why gamma", 0, "gamma: locked\n  a signature that this machine trusts vouches for it\n");
    check("install --dry-run beta", 5, "beta: is of grade verified, below locked");
    check("install --dry-run alpha=1.0 beta=1.0", 5, "alpha: is of grade risk, below locked");
    check("info gamma", 0, "locked\n");
    check("info --why alpha", 0, "no advisory is open");
    check("search --grades made for a test", 0, "locked");
    policy("required_signatures = true\n");
    check("install --dry-run gamma", 0, "");
    write("etc/apt/sources.list", "deb [trusted=yes] copy:/srv/repo ./\n");
    assert!(omg.run(&["apt-get", "update"]).status.success());
    check("refresh", 0, "");
    check("install --dry-run gamma", 5, "gamma: is not signed");
}
