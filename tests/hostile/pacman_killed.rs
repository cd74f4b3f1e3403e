//! Kills of omg on pacman's side, and disks that fill up.

use crate::disk::Disk;
use crate::pacman::{Made, Root, World, made, output, twins};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub const ONE: Made = made("one", "1-1", &["depend = two"]);
pub const TWO: Made = made("two", "1-1", &[]);

/// Runs a change until it is done, and in between does what omg says, and nothing more: libalpm's lock outlives whoever is killed, as
/// with pacman.
pub fn finish(root: &Root<'_>, change: &str, at: &str) {
    for _ in 0..2 {
        let is_locked = root.lock().exists();
        let (code, text) = root.run(change);
        if code == Some(0) {
            // Killed behind the last package: nothing is left to do, and the lock is told of by the next change.
            let _ = fs::remove_file(root.lock());
            return;
        }
        assert_eq!(code, Some(3), "{at}: {text}");
        assert_eq!(root.lock().exists(), is_locked, "{at}: deleted without being asked");
        let was_cut_short = text.contains("was cut short");
        assert!(was_cut_short || text.contains("db.lck is there and no process has it open"), "{at}: {text}");
        // pacman asks for the same, before it does what is said here.
        let _ = fs::remove_file(root.lock());
        if follow(root, &text) > 0 {
            // Each of them was asked for by this name, and is there for the other.
            root.pacman(&["-D", "--asdeps", "two"]);
        }
    }
    let (code, text) = root.run(change);
    assert_eq!(code, Some(0), "{at}: {text}");
}

/// Does what is said of packages whose installation was cut short, and tells of how many it was said.
fn follow(root: &Root<'_>, text: &str) -> usize {
    let mut found = Vec::new();
    let error = text.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    for sentence in error.split("was cut short: delete ").skip(1) {
        let (folder, rest) = sentence.split_once(", then `pacman -S --overwrite '*' ").unwrap();
        fs::remove_dir_all(folder).unwrap();
        found.push(rest.split('`').next().unwrap());
    }
    if !found.is_empty() {
        let anew = [&["-S", "--overwrite", "*"], &found[..]].concat();
        // What a power cut left damaged of the cache, pacman throws away, and ends.
        if !root.pacman_with(&anew).0 {
            root.pacman(&anew);
        }
    }
    found.len()
}

/// The engine ends at each call of these, one after the other, until it comes to its end.
#[test]
fn pacman_killed_at_each_write_rename_and_sync_the_same_command_finishes_it() {
    let test = "pacman_killed_at_each_write_rename_and_sync_the_same_command_finishes_it";
    let Some(world) = World::new(test) else { return };
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped {test}: no strace");
        return;
    }
    world.publish(&[ONE, TWO]);
    let (root, theirs) = twins(&world, "", &[]);
    let engine = PathBuf::from(env!("CARGO_BIN_EXE_omg")).with_file_name("omg-alpm");
    let folder = world.at("engines");
    fs::create_dir(&folder).unwrap();
    let change = "install --yes one";
    assert_eq!(root.run(change).0, Some(0));
    let whole = root.state();
    let (mut kills, mut when) = (0, 0);
    for calls in ["rename,renameat,renameat2", "unlink,unlinkat", "mkdir,mkdirat", "fsync,fdatasync", "write"] {
        // Of the many writes each fourth; all of the others.
        let stride = if calls == "write" { 4 } else { 1 };
        when = 1;
        loop {
            root.pacman(&["-R", "one", "two"]);
            for file in fs::read_dir(root.path().join("cache")).unwrap().flatten() {
                let _ = fs::remove_file(file.path());
            }
            let wrapper = folder.join("omg-alpm");
            let text = format!(
                "#!/bin/sh\nexec strace -f -qq -o /dev/null -e trace={calls} -e inject={calls}:signal=SIGKILL:when={when} {}\n",
                engine.display()
            );
            fs::write(&wrapper, text).unwrap();
            output(Command::new("chmod").arg("755").arg(&wrapper));
            let mut omg = root.command(change);
            let done = omg.env("OMG_ENGINE_DIR", &folder).output().unwrap();
            let text = String::from_utf8_lossy(&done.stderr).into_owned();
            if done.status.success() {
                break;
            }
            kills += 1;
            let at = format!("{calls} {when}: {text}");
            assert_eq!(done.status.code(), Some(3), "{at}");
            finish(&root, change, &at);
            assert_eq!(root.state(), whole, "{at}");
            assert_eq!(root.run("audit verify").0, Some(0), "{at}");
            let (_, checked) = root.pacman_with(&["-Dk"]);
            assert!(checked.contains("No database errors"), "{at}: {checked}");
            when += stride;
        }
    }
    println!("{kills} kills, the last at {when}");
    assert!(kills > 10, "only {kills} kills");
    theirs.pacman(&["-S", "one"]);
    crate::pacman::same(&root, &theirs);
}

/// The person's process, the privileged one and the engine, each alone, while the engine is at a scriptlet.
#[test]
fn pacman_killed_one_process_alone() {
    let Some(world) = World::new("pacman_killed_one_process_alone") else { return };
    // The scriptlet kills: the engine is its parent, the privileged omg that one's, the person's that one's.
    let kill = |above: usize| {
        let up = "p=$(while read k v; do [ \"$k\" = PPid: ] && echo $v; done </proc/$p/status); ".repeat(above);
        format!("post_install() {{ [ -e /spare ] && return; p=$PPID; {up} kill -9 $p; }}\n")
    };
    for (who, above) in [("the engine", 0), ("the privileged omg", 1), ("the person's omg", 2)] {
        let root = world.root(["engine", "privileged", "person"][above], "");
        world.publish(&[ONE, TWO.running(String::leak(kill(above)))]);
        root.pacman(&["-Sy"]);
        root.add_shell();
        let proc = root.path().join("proc");
        fs::create_dir_all(&proc).unwrap();
        output(Command::new("mount").args(["--bind", "/proc"]).arg(&proc));
        let mut omg = root.command("install --yes one").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let status = omg.wait().unwrap();
        // What was left to itself goes on; it has ended when nobody has the lock.
        let left =
            || !Command::new("pgrep").args(["-f", root.conf().to_str().unwrap()]).output().unwrap().stdout.is_empty();
        while left() {}
        while root.lock().exists() && omg_holds(&root) {}
        output(Command::new("umount").arg(&proc));
        assert!(!status.success(), "{who}");
        fs::write(root.path().join("spare"), "").unwrap();
        let verified = root.run("audit verify");
        assert_ne!(verified.0, Some(3), "{who}: {verified:?}");
        finish(&root, "install --yes one", who);
        assert_eq!(root.installed(), ["one 1-1", "two 1-1"], "{who}");
        assert_eq!(root.run("audit verify").0, Some(0), "{who}");
        assert_eq!(root.run("list").0, Some(0), "{who}");
    }
}

fn omg_holds(root: &Root<'_>) -> bool {
    let lock = root.lock();
    fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let open = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        open.into_iter().any(|entry| fs::read_link(entry.path()).is_ok_and(|file| file == lock))
    })
}

#[test]
fn pacman_full_disks_are_said_and_the_same_command_finishes_it() {
    let test = "pacman_full_disks_are_said_and_the_same_command_finishes_it";
    let Some(world) = World::new(test) else { return };
    let bulk: &str = String::leak("0123456789abcdef".repeat(1 << 14));
    let big = made("big", "1-1", &["depend = two"]).with(Vec::leak(vec![("usr/lib/big", bulk)]));
    // The archive has to be larger than the disk for it, too.
    let mut state = 1u64;
    let noise = (0..60_000).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + ((state >> 33) % 90) as u8)
    });
    let noisy = made("noisy", "1-1", &[]).with(Vec::leak(vec![("usr/lib/noisy", &*String::leak(noise.collect()))]));
    world.publish(&[big, TWO, noisy]);
    let (root, _) = twins(&world, "", &[]);
    for (what, place, size, name, changing) in [
        ("the cache", "cache", "16k", "noisy", false),
        ("where files go", "usr", "64k", "big", true),
        ("the local database", "var/lib/pacman/local", "8k", "big", true),
    ] {
        let Some(disk) = Disk::at(root.path().join(place), size) else {
            println!("skipped {test}: nothing can be mounted here");
            return;
        };
        if place.ends_with("local") {
            fs::write(root.path().join(place).join("ALPM_DB_VERSION"), "9\n").unwrap();
        }
        let change = format!("install --yes {name}");
        let before = root.installed();
        let (code, text) = root.run(&change);
        println!("{what}: {code:?}: {text}");
        assert_eq!(code, Some(3), "{what}: {text}");
        if !changing {
            assert!(text.contains("nothing was changed"), "{what}: {text}");
            assert_eq!(root.installed(), before, "{what}");
        }
        assert!(!root.lock().exists(), "{what}");
        assert_eq!(root.run("audit verify").0, Some(0), "{what}");
        assert!(root.audit().last().unwrap().contains("plan-failed"), "{what}");
        disk.resize("8m");
        // libalpm says nothing of the database, and takes such packages for installed.
        assert_eq!(follow(&root, &text), if place.ends_with("local") { 2 } else { 0 }, "{text}");
        let (code, text) = root.run(&change);
        assert_eq!(code, Some(0), "{what}, with room: {text}");
        assert!(root.installed().iter().any(|package| package.starts_with(name)), "{what}: {:?}", root.installed());
        assert_eq!(root.run("audit verify").0, Some(0), "{what}");
        let (code, text) = root.run(&format!("remove --yes {name}"));
        assert_eq!(code, Some(0), "{what}: {text}");
    }
    // No room for the index: the packages are changed, and that it is not up to date is said.
    let index = root.home().join("index");
    fs::remove_dir_all(&index).unwrap();
    let disk = Disk::at(index, "4k").unwrap();
    let (code, text) = root.run("install --yes two");
    println!("{code:?} {text}");
    assert!(root.installed().contains(&"two 1-1".to_owned()), "{text}");
    assert!(text.contains("not recorded") || text.contains("index"), "{text}");
    disk.resize("8m");
    let (code, text) = root.run("list");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("two"), "{text}");
    // No room for the audit log: nothing is done that could not be written down.
    let state_folder = root.home().join("state");
    fs::remove_dir_all(&state_folder).unwrap();
    let disk = Disk::at(state_folder.clone(), "40k").unwrap();
    let _ = fs::write(state_folder.join("filler"), vec![0; 64 << 10]);
    let before = root.state();
    let (code, text) = root.run("remove --yes two");
    println!("{code:?} {text}");
    assert_eq!(code, Some(3), "{text}");
    assert_eq!(root.state(), before);
    fs::remove_file(state_folder.join("filler")).unwrap();
    disk.resize("8m");
    let (code, text) = root.run("remove --yes two");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(root.run("audit verify").0, Some(0));
}
