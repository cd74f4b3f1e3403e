//! `omg conf` in a small machine of our own: what it finds, shows, puts in place, and refuses.

use crate::manual::check_shape;
use crate::pacman_root::PacmanRoot;
use crate::support::lines_of;
use omg::audit::sha256;
use omg::model::{Plan, Settled, Settling, Source, Task};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn write(root: &PacmanRoot, below: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = root.path("root").join(below);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn talk(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn is_root(test: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped {test}: only root may change anything");
    }
    is_root
}

/// Every file below `etc`, links by what they say.
fn etc(root: &PacmanRoot) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut open = vec![root.path("root/etc")];
    let mut all = BTreeMap::new();
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_symlink() {
                all.insert(path.clone(), fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec());
            } else {
                all.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    all
}

#[test]
fn what_was_left_is_found_and_compared() {
    let root = PacmanRoot::new();
    let none = root.omg(&["conf"]);
    assert_eq!((none.status.code(), none.stdout.is_empty()), (Some(1), true), "{}", talk(&none));
    assert_eq!(root.omg(&["conf", "diff"]).status.code(), Some(1));
    write(&root, "etc/base.conf", "a\nb\n");
    write(&root, "etc/base.conf.pacnew", "a\nc\n");
    // Of the package that brought it, where none calls it configuration.
    let early: Value = serde_json::from_slice(&root.omg(&["conf", "--json"]).stdout).unwrap();
    assert_eq!(early[0]["package"], "base");
    write(&root, "etc/x/gone.pacsave.2", "kept\n");
    write(&root, "etc/x/a b\nc\x1b[2J.pacnew", "new\n");
    write(&root, "etc/x/a b\nc\x1b[2J", "new\n");
    write(&root, "etc/x/deb.dpkg-dist", [0, 1]);
    write(&root, "etc/x/deb", [0, 2]);
    // Elsewhere only what a package calls configuration.
    write(&root, "opt/app/settings", "1\n");
    write(&root, "opt/app/settings.pacnew", "2\n");
    write(&root, "opt/app/other.pacnew", "2\n");
    let list = root.path("root/var/lib/pacman/local/base-1-1/files");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text + "%BACKUP%\netc/base.conf\t00\nopt/app/settings\t00\n\n").unwrap();
    // No leftovers: a link, a folder, other names.
    symlink("base.conf", root.path("root/etc/link.pacnew")).unwrap();
    fs::create_dir(root.path("root/etc/folder.pacnew")).unwrap();
    write(&root, "etc/x.pacnew~", "");
    let listed = root.omg(&["conf", "--json"]);
    assert_eq!(listed.status.code(), Some(0));
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    check_shape("conf list", &listed);
    let tell = |one: &Value| {
        (
            one["leftover"].as_str().unwrap().to_owned(),
            one["kind"].clone(),
            one["package"].clone(),
            one["differs"].clone(),
        )
    };
    let all: Vec<_> = listed.as_array().unwrap().iter().map(tell).collect();
    let row = |path: &str, kind: &str, package: Value, differs: Value| (path.to_owned(), kind.into(), package, differs);
    assert_eq!(
        all,
        [
            row("/etc/base.conf.pacnew", "new", "base".into(), true.into()),
            row("/etc/x/a b\nc\x1b[2J.pacnew", "new", Value::Null, false.into()),
            row("/etc/x/deb.dpkg-dist", "new", Value::Null, true.into()),
            row("/etc/x/gone.pacsave.2", "old", Value::Null, Value::Null),
            row("/opt/app/settings.pacnew", "new", "base".into(), true.into()),
        ]
    );
    let text = String::from_utf8(root.omg(&["conf"]).stdout).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.contains("/etc/x/a b?c?[2J.pacnew (of no package) the package's own, no difference"), "{text}");
    let diff = String::from_utf8(root.omg(&["conf", "diff", "/etc/base.conf"]).stdout).unwrap();
    assert_eq!(diff, "--- /etc/base.conf\n+++ /etc/base.conf.pacnew\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
    // The same file by its path on this machine, and by what was left.
    let outside = root.path("root/etc/base.conf.pacnew");
    assert_eq!(root.omg(&["conf", "diff", outside.to_str().unwrap()]).stdout, diff.as_bytes());
    let all = root.omg(&["conf", "diff", "--json"]);
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    check_shape("conf diff", &all);
    assert_eq!(all.as_array().unwrap().len(), 4, "{all}");
    assert_eq!(all[1]["binary"], true);
    assert!(all[2]["diff"].as_str().unwrap().starts_with("--- /dev/null\n"));
    let unknown = root.omg(&["conf", "diff", "/etc/hosts"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(talk(&unknown).contains("nothing was left beside /etc/hosts"));
}

/// On the machine that runs this, held against find(1).
#[test]
fn find_finds_the_same() {
    let root = PacmanRoot::new();
    let endings =
        ["pacnew", "pacsave", "pacorig", "dpkg-dist", "dpkg-old", "dpkg-bak", "dpkg-new", "ucf-dist", "ucf-old"];
    for (at, ending) in endings.iter().enumerate() {
        let deep = "d/".repeat(at + 1);
        write(&root, &format!("etc/{deep}f{at}.{ending}"), "x");
        write(&root, &format!("etc/{deep}g.{ending}.{at}"), "x");
        write(&root, &format!("etc/{deep}.{ending}"), "no name");
        write(&root, &format!("etc/{deep}{ending}"), "no dot");
    }
    let folder = root.path("root/etc");
    let names = format!(r".*/[^/]+\.({})(\.[0-9]+)?", endings.join("|"));
    let arguments = [folder.to_str().unwrap(), "-regextype", "posix-extended", "-type", "f", "-regex", &names];
    let theirs = lines_of("find", &arguments);
    let ours: Value = serde_json::from_slice(&root.omg(&["conf", "--json"]).stdout).unwrap();
    let below = |one: &Value| format!("{}{}", root.path("root").display(), one["leftover"].as_str().unwrap());
    let mut ours: Vec<String> = ours.as_array().unwrap().iter().map(below).collect();
    ours.sort();
    assert_eq!(ours.len(), 2 * endings.len());
    assert_eq!(ours, theirs);
}

#[test]
fn one_of_both_stays() {
    if !is_root("one_of_both_stays") {
        return;
    }
    let root = PacmanRoot::new();
    let file = write(&root, "etc/a", "mine\n");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(&file, Some(7), Some(8)).unwrap();
    // Where the file system has such.
    let has_attributes = rustix::fs::setxattr(&file, "user.label", b"x", rustix::fs::XattrFlags::empty()).is_ok();
    write(&root, "etc/a.pacsave", "older\n");
    write(&root, "etc/a.pacnew", "theirs\n");
    let before = etc(&root);
    for (words, exit, says) in [
        (&["conf", "use", "/etc/a"][..], 2, "say which: /etc/a.pacnew, /etc/a.pacsave"),
        (&["conf", "use", "/etc/a.pacnew"], 2, "--yes"),
        (&["conf", "use", "/etc/a.pacnew", "--dry-run"], 0, "+theirs"),
        (&["conf", "keep", "/etc/a.pacnew", "--dry-run"], 0, "/etc/a stays as it is"),
        (&["conf", "keep", "/etc/b", "--yes"], 1, "nothing was left"),
    ] {
        let output = root.omg(words);
        assert_eq!(output.status.code(), Some(exit), "{words:?}: {}", talk(&output));
        assert!(talk(&output).contains(says), "{words:?}: {}", talk(&output));
        assert!(etc(&root) == before, "{words:?}");
    }
    let planned = root.omg(&["conf", "use", "/etc/a.pacnew", "--dry-run", "--json"]);
    check_shape("plan", &serde_json::from_slice(&planned.stdout).unwrap());
    let done = root.omg(&["conf", "use", "/etc/a.pacnew", "--yes"]);
    assert_eq!(done.status.code(), Some(0), "{}", talk(&done));
    let read = |below: &str| fs::read_to_string(root.path("root").join(below)).ok();
    assert_eq!(read("etc/a").as_deref(), Some("theirs\n"));
    assert_eq!(
        read("etc/a.pacsave.1").as_deref(),
        Some("mine\n"),
        "what was in use is kept, and what was kept before too"
    );
    assert_eq!((read("etc/a.pacsave").as_deref(), read("etc/a.pacnew")), (Some("older\n"), None));
    let stat = fs::metadata(&file).unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.uid(), stat.gid()), (0o640, 7, 8));
    let label = rustix::fs::getxattr(&file, "user.label", &mut [0; 8]);
    assert_eq!(label.is_ok(), has_attributes);
    // And back again.
    let done = root.omg(&["conf", "use", "/etc/a.pacsave.1", "--yes"]);
    assert_eq!(done.status.code(), Some(0), "{}", talk(&done));
    assert_eq!((read("etc/a").as_deref(), read("etc/a.pacsave.2").as_deref()), (Some("mine\n"), Some("theirs\n")));
    for kept in ["/etc/a.pacsave", "/etc/a.pacsave.2"] {
        assert_eq!(root.omg(&["conf", "keep", kept, "--yes"]).status.code(), Some(0));
    }
    assert_eq!(root.omg(&["conf"]).status.code(), Some(1));
    // Of a package that is gone.
    write(&root, "etc/gone.pacsave", "back\n");
    assert_eq!(root.omg(&["conf", "use", "/etc/gone", "--yes"]).status.code(), Some(0));
    assert_eq!((read("etc/gone").as_deref(), read("etc/gone.pacsave")), (Some("back\n"), None));
    let log = talk(&root.omg(&["audit", "log", "--json"]));
    assert!(log.contains("\"action\": \"use\"") && log.contains("/etc/a") && log.contains("\"keep\""), "{log}");
    assert!(root.omg(&["audit", "verify"]).status.success());
}

#[test]
fn a_merge_by_the_persons_own_tool() {
    if !is_root("a_merge_by_the_persons_own_tool") {
        return;
    }
    let root = PacmanRoot::new();
    write(&root, "etc/a", b"mine \xe4\n");
    write(&root, "etc/a.pacnew", b"theirs \xfc\n");
    let before = etc(&root);
    let merge = |script: &str, words: &[&str]| {
        let tool = root.path("tool");
        fs::write(&tool, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        root.environment(command.args(["conf", "merge", "/etc/a"]).args(words));
        command.env("DIFFPROG", format!(" {}  --flag ", tool.display())).env("TMPDIR", root.path("home"));
        command.stdin(Stdio::null()).output().unwrap()
    };
    for (script, words, exit, says) in [
        ("exit 0", &["--yes"][..], 1, "/etc/a is as it was"),
        ("exit 1", &["--yes"], 3, "nothing was changed"),
        ("rm \"$2\"", &["--yes"], 3, "deleted its copy"),
        ("rm \"$2\"; ln -s /etc/shadow \"$2\"", &["--yes"], 3, "is a link"),
        ("touch /nowhere/ran", &[], 2, "nobody is there to agree"),
        ("cat \"$3\" >> \"$2\"", &["--dry-run"], 0, "+theirs"),
    ] {
        let output = merge(script, words);
        assert_eq!(output.status.code(), Some(exit), "{script}: {}", talk(&output));
        assert!(talk(&output).contains(says), "{script}: {}", talk(&output));
        assert!(etc(&root) == before, "{script}");
    }
    let private = "test \"$1\" = --flag && test $(stat -c %a \"$(dirname \"$2\")\") = 700";
    let output = merge(&format!("{private} && cat \"$3\" >> \"$2\""), &["--yes", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert_eq!(fs::read(root.path("root/etc/a")).unwrap(), b"mine \xe4\ntheirs \xfc\n");
    assert!(!root.path("root/etc/a.pacnew").exists());
    let copies = fs::read_dir(root.path("home"))
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("omg-conf-")));
    assert_eq!(copies.count(), 0, "no copy stays behind");
}

/// The privileged half believes nothing of a plan but what the person saw.
#[test]
fn a_plan_that_does_not_hold_changes_nothing() {
    if !is_root("a_plan_that_does_not_hold_changes_nothing") {
        return;
    }
    let root = PacmanRoot::new();
    let (mine, theirs) = ("mine\n", "theirs\n");
    for folder in ["etc/good", "etc/open", "etc/links", "etc/real", "srv"] {
        for (name, text) in [("a", mine), ("a.pacnew", theirs), ("a.txt", theirs), ("b.pacnew", theirs)] {
            write(&root, &format!("{folder}/{name}"), text);
        }
    }
    fs::set_permissions(root.path("root/etc/open"), PermissionsExt::from_mode(0o777)).unwrap();
    fs::remove_dir_all(root.path("root/etc/links")).unwrap();
    symlink("real", root.path("root/etc/links")).unwrap();
    symlink("a", root.path("root/etc/good/link")).unwrap();
    write(&root, "etc/good/link.pacnew", theirs);
    symlink("a", root.path("root/etc/good/c.pacnew")).unwrap();
    write(&root, "etc/good/c", mine);
    write(&root, "etc/good/long", mine);
    fs::File::create(root.path("root/etc/good/long.pacnew")).unwrap().set_len((4 << 20) + 1).unwrap();
    write(&root, "etc/good/half", mine);
    write(&root, "etc/good/half.dpkg-new", theirs);
    let before = etc(&root);
    let apply = |path: &str, leftover: &str, digests: (&str, &str), by: Settling| {
        let mut plan = Plan::simple(Source::Pacman, root.path("root"), Task::Configure);
        let (sha256, leftover_sha256) = (sha256(digests.0.as_bytes()), sha256(digests.1.as_bytes()));
        plan.files.push(Settled { path: path.into(), sha256, leftover: leftover.into(), leftover_sha256, by });
        let text = plan.canonical();
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        let digest = omg::audit::sha256(text.as_bytes());
        root.environment(command.args(["apply", "--digest", &digest]));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    for (path, leftover, digests, says) in [
        ("/etc/good/a", "/etc/good/a.pacnew", ("other\n", theirs), "/etc/good/a has changed since"),
        ("/etc/good/a", "/etc/good/a.pacnew", (mine, "other\n"), "a.pacnew has changed since"),
        ("/etc/good/a", "/etc/good/a.txt", (mine, theirs), "nothing that a package manager leaves"),
        ("/etc/good/a", "/etc/good/b.pacnew", (mine, theirs), "does not belong to"),
        ("/etc/good/a", "/etc/real/a.pacnew", (mine, theirs), "does not belong to"),
        ("/etc/good/../real/a", "/etc/good/../real/a.pacnew", (mine, theirs), "no plain path"),
        ("etc/good/a", "etc/good/a.pacnew", (mine, theirs), "no plain path"),
        ("/srv/a", "/srv/a.pacnew", (mine, theirs), "not below /etc"),
        ("/etc/open/a", "/etc/open/a.pacnew", (mine, theirs), "written by others"),
        ("/etc/links/a", "/etc/links/a.pacnew", (mine, theirs), "no folder but a link"),
        ("/etc/good/link", "/etc/good/link.pacnew", (mine, theirs), "is a link"),
        ("/etc/good/c", "/etc/good/c.pacnew", (mine, mine), "is a link"),
        ("/etc/good/long", "/etc/good/long.pacnew", (mine, ""), "longer than 4 MiB"),
        ("/etc/good/half", "/etc/good/half.dpkg-new", (mine, theirs), "interrupted"),
        ("/etc/good/d", "/etc/good/d.pacnew", (mine, theirs), "not there any more"),
    ] {
        for by in [Settling::Keep, Settling::Use, Settling::Merge { text: b"both\n".into() }] {
            let output = apply(path, leftover, digests, by);
            assert_eq!(output.status.code(), Some(3), "{path} {leftover}: {}", talk(&output));
            assert!(talk(&output).contains(says), "{path} {leftover}: {}", talk(&output));
            assert!(etc(&root) == before, "{path} {leftover}");
        }
    }
    let output = apply("/etc/good/a", "/etc/good/a.pacnew", (mine, theirs), Settling::Merge { text: b"both\n".into() });
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert_eq!(fs::read_to_string(root.path("root/etc/good/a")).unwrap(), "both\n");
    assert!(!Path::new(&root.path("root/etc/good/a.pacnew")).exists());
}
