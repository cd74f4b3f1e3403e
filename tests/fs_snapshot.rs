//! A snapshot of the file system before packages are changed: of a real btrfs, by its real program, and by stand-ins for snapper and
//! timeshift that write down what they were run with.

// What is skipped is said on standard output, where ./setup counts it.
#![allow(clippy::print_stdout)]

#[path = "support/apt.rs"]
mod apt;
#[path = "support/debian.rs"]
mod debian;

use apt::{Root, ok, talk};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const CONFIG: &str = "etc/omg/config.toml";

fn configure(root: &Root, text: &str) {
    fs::create_dir_all(root.path.join("etc/omg")).unwrap();
    fs::write(root.path.join(CONFIG), text).unwrap();
}

fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A btrfs in a file, until the test is over.
struct Btrfs {
    at: PathBuf,
    _folder: tempfile::TempDir,
}

impl Btrfs {
    fn new() -> Result<Btrfs, String> {
        let folder = tempfile::tempdir().unwrap();
        let (image, at) = (folder.path().join("image"), folder.path().join("at"));
        fs::create_dir(&at).unwrap();
        fs::File::create(&image).unwrap().set_len(3 << 30).unwrap();
        let mut make = Command::new("mkfs.btrfs");
        make.arg("-q").arg(&image);
        let mut mount = Command::new("mount");
        mount.args(["-t", "btrfs", "-o", "loop"]).arg(&image).arg(&at);
        for mut command in [make, mount] {
            let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
            if !output.status.success() {
                return Err(format!("no btrfs can be mounted: {}", String::from_utf8_lossy(&output.stderr).trim()));
            }
        }
        Ok(Btrfs { at, _folder: folder })
    }
}

impl Drop for Btrfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).output();
    }
}

/// A program of this machine and its libraries, where the root has none of that name.
fn lend(root: &Root, program: &str) {
    let path = ok(Command::new("sh").args(["-c", &format!("command -v {program}")]));
    let libraries = ok(Command::new("ldd").arg(path.trim()));
    fs::copy(path.trim(), root.path.join("usr/bin").join(program)).unwrap();
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        let to = root.path.join(library.trim_start_matches('/'));
        if !to.exists() {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(library, to).unwrap();
        }
    }
}

#[test]
fn a_btrfs_is_kept_as_it_was_before_the_change() {
    let test = "a_btrfs_is_kept_as_it_was_before_the_change";
    let Some([mut root, _]) = Root::twins(test) else { return };
    let btrfs = match Btrfs::new() {
        Ok(btrfs) => btrfs,
        Err(why) => return println!("skipped {test}: {why}"),
    };
    ok(Command::new("cp").arg("-a").arg(root.path.join(".")).arg(&btrfs.at));
    root.path = btrfs.at.clone();
    lend(&root, "btrfs");
    configure(&root, "[snapshot]\nwith = \"btrfs\"\nbefore = [\"install\"]\n");
    let folder = root.path.join("var/lib/omg/snapshots");

    let output = root.omg("install --yes alpha");
    assert!(output.status.success(), "{}", talk(&output));
    let made: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [made] = made.as_slice() else { panic!("{made:?}") };
    let name = made.file_name().unwrap().to_str().unwrap();
    let told = format!("btrfs made the snapshot /var/lib/omg/snapshots/{name}\n");
    assert!(talk(&output).contains(&told), "{}", talk(&output));
    assert!(root.path.join("usr/share/alpha/file").exists() && !made.join("usr/share/alpha").exists());
    assert!(root.read("var/lib/dpkg/status").contains("Package: alpha\n"));
    assert!(!fs::read_to_string(made.join("var/lib/dpkg/status")).unwrap().contains("Package: alpha\n"));
    assert!(fs::write(made.join("etc/new"), "").is_err(), "it can be written");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);

    // Neither before what is not named, nor where nothing is changed.
    for words in ["download alpha=1.0", "mark auto alpha", "remove alpha", "sync"] {
        let words = if words == "sync" { words.to_owned() } else { format!("{words} --yes") };
        let output = root.omg(&words);
        assert!(output.status.success(), "{words}: {}", talk(&output));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "{words}");
    }

    // A place that is no part of this file system.
    configure(&root, "[snapshot]\nwith = \"btrfs\"\nbefore = [\"install\"]\nfolder = \"/proc/snapshots\"\n");
    let before = root.state();
    let output = root.omg("install --yes gamma");
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    let text = talk(&output);
    assert!(text.contains("no snapshot could be made") && text.contains("/proc/snapshots"), "{text}");
    assert!(text.contains("nothing was changed"), "{text}");
    assert_eq!(root.state(), before);
}

#[test]
fn snapper_and_timeshift_are_run_as_the_machine_says() {
    let Some([root, _]) = Root::twins("snapper_and_timeshift_are_run_as_the_machine_says") else { return };
    let said = |output: &std::process::Output| (output.status.code(), talk(output));
    configure(&root, "[snapshot]\nwith = \"snapper\"\nbefore = [\"install\", \"remove\"]\n");
    let before = root.state();
    let (code, text) = said(&root.omg("install --yes gamma"));
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("this machine has no snapper; nothing was changed"), "{text}");
    assert_eq!(root.state(), before);
    configure(&root, "[snapshot]\nwith = \"snapper\"\nbefore = [\"install\", \"remove\"]\nrequired = false\n");
    let (code, text) = said(&root.omg("install --yes gamma"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("warning: there is no snapshot from before this: this machine has no snapper\n"), "{text}");

    // A pair around the change, with the change between them, by root's own program, whatever the caller's environment is.
    let count = "printf '%s|' \"$@\" >>/root/ran; grep -c '^Package: gamma$' /var/lib/dpkg/status >>/root/ran";
    write_program(&root.path.join("usr/local/sbin/snapper"), &format!("{count}; grep -c . /root/ran; env >/root/env"));
    write_program(&root.path.join("tmp/evil/snapper"), "touch /root/evil");
    let mut command = root.command(&["/opt/omg/omg", "remove", "--yes", "--json", "gamma"]);
    let path = "/tmp/evil:/usr/sbin:/usr/bin:/sbin:/bin";
    let output = command.env("PATH", path).env("BASH_ENV", "/tmp/evil/snapper").output().unwrap();
    assert!(output.status.success(), "{}", talk(&output));
    let fixed = "--config|root|create|--print-number|--cleanup-algorithm|number|--type|";
    let tail = "--description|before omg remove --yes --json gamma|";
    assert_eq!(root.read("root/ran"), format!("{fixed}pre|{tail}1\n{fixed}post|--pre-number|1|{tail}0\n"));
    assert!(!root.path.join("root/evil").exists());
    assert!(!root.read("root/env").contains("evil"), "{}", root.read("root/env"));
    let text = String::from_utf8(output.stdout).unwrap();
    let at = |line: &str| text.find(line).unwrap_or_else(|| panic!("{line}: {text}"));
    let (first, second) = ("{\"snapshot\":{\"by\":\"snapper\",\"id\":\"1\"}}\n", "\"id\":\"2\"}}\n");
    assert!(at(first) < at("\"changing\"") && at("\"changing\"") < at(second), "{text}");

    // The journal knows which they are.
    let output = root.omg("history --limit 1 --json");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let made = serde_json::json!([{"program": "snapper", "id": "1"}, {"program": "snapper", "id": "2"}]);
    assert_eq!(told[0]["fs_snapshots"], made, "{told}");

    // One that fails, and one that says something else.
    for (script, why) in
        [("echo broken >&2; exit 7", "snapper failed: broken"), ("echo hello", "snapper gave no number")]
    {
        write_program(&root.path.join("usr/local/sbin/snapper"), script);
        configure(&root, "[snapshot]\nwith = \"snapper\"\nbefore = [\"install\"]\n");
        let (code, text) = said(&root.omg("install --yes gamma"));
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(why) && text.contains("nothing was changed"), "{text}");
    }

    let _ = fs::remove_file(root.path.join("root/ran"));
    let tells = "printf '%s|' \"$@\" >/root/ran; echo \"Tagged snapshot '2026-11-22_06-30-00': ondemand\"";
    write_program(&root.path.join("usr/bin/timeshift"), tells);
    configure(&root, "[snapshot]\nwith = \"timeshift\"\nbefore = [\"install\"]\n");
    let (code, text) = said(&root.omg("install --yes gamma"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("timeshift made the snapshot 2026-11-22_06-30-00\n"), "{text}");
    assert_eq!(root.read("root/ran"), "--create|--scripted|--comments|before omg install --yes gamma|");

    // A user's file has no say in it, and is not passed over either.
    fs::create_dir_all(root.path.join("root/.config/omg")).unwrap();
    fs::write(root.path.join("root/.config/omg/config.toml"), "\n[snapshot]\nrequired = false\n").unwrap();
    let (code, text) = said(&root.omg("remove --yes gamma"));
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("/root/.config/omg/config.toml:2: `snapshot` is the machine's"), "{text}");
}
