//! `omg history` over this machine's own logs, and over logs that grow and are rotated.

use crate::support::Place;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

fn entries(place: &Place, flags: &[&str]) -> Vec<Value> {
    serde_json::from_str(&place.stdout(&[&["history", "--all", "--json"], flags].concat())).unwrap()
}

fn commands(place: &Place, flags: &[&str]) -> Vec<String> {
    entries(place, flags).iter().map(|entry| entry["command"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_last_change_of_every_package_is_what_dpkg_has() {
    let history = fs::read_to_string("/var/log/apt/history.log").unwrap_or_default();
    if !history.contains("Start-Date") || !Path::new("/var/log/dpkg.log").exists() {
        return println!("skipped the_last_change_of_every_package_is_what_dpkg_has: no logs of apt and dpkg");
    }
    let place = Place::new();
    let all = entries(&place, &["--backend", "apt"]);
    let of_apt = all.iter().filter(|entry| entry["command"] != "").count();
    assert!(of_apt >= history.matches("Commandline:").count(), "{of_apt}");
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${binary:Package}\t${db:Status-Status}\t${Version}\n"])
        .output()
        .unwrap();
    let mut installed: BTreeMap<String, String> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let name = fields[0].strip_suffix(":amd64").unwrap_or(fields[0]);
        if fields[1] == "installed" {
            installed.insert(name.to_owned(), fields[2].to_owned());
        }
    }
    let mut last: BTreeMap<String, Option<String>> = BTreeMap::new();
    for entry in all.iter().rev() {
        for change in entry["changes"].as_array().unwrap() {
            let name = change["name"].as_str().unwrap().to_owned();
            last.insert(name, change["new_version"].as_str().map(str::to_owned));
        }
    }
    assert!(last.len() > 10, "{}", last.len());
    for (name, version) in &last {
        assert_eq!(installed.get(name), version.as_ref(), "{name}");
    }
    println!("{} transactions, {} packages", all.len(), last.len());
}

/// A root with an apt that has done some things.
struct Root {
    place: Place,
}

impl Root {
    fn new() -> Root {
        let root = Root { place: Place::new() };
        root.write(
            "var/lib/dpkg/status",
            b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n",
        );
        root
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.place.folder.path().join("root").join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    fn append(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::File::options()
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap()
            .write_all(content.as_bytes())
            .unwrap();
    }

    fn commands(&self) -> Vec<String> {
        commands(&self.place, &["--root", self.path("").to_str().unwrap()])
    }
}

const LOG: &str = "var/log/apt/history.log";

fn stanza(day: u32) -> String {
    format!(
        "\nStart-Date: 2026-01-{day:02}  12:00:00\nCommandline: apt install p{day}\nInstall: p{day}:amd64 (1)\n\
         End-Date: 2026-01-{day:02}  12:00:01\n"
    )
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

#[test]
fn logs_that_grow_and_are_rotated_lose_and_repeat_nothing() {
    let root = Root::new();
    let expected = |days: &[u32]| days.iter().rev().map(|day| format!("apt install p{day}")).collect::<Vec<_>>();
    root.write(&format!("{LOG}.2.gz"), &packed(&stanza(1)));
    root.write(&format!("{LOG}.1"), stanza(2).as_bytes());
    root.append(LOG, &stanza(3));
    assert_eq!(root.commands(), expected(&[1, 2, 3]));
    assert_eq!(root.commands(), expected(&[1, 2, 3]), "the same again is no news");
    let fourth = stanza(4);
    let (begun, rest) = fourth.split_at(fourth.find("End-Date").unwrap());
    root.append(LOG, begun);
    assert_eq!(root.commands(), expected(&[1, 2, 3]), "what goes on is not told");
    root.append(LOG, rest);
    assert_eq!(root.commands(), expected(&[1, 2, 3, 4]));
    // Something happens, the log is rotated, something else happens, and only then somebody looks.
    root.append(LOG, &stanza(5));
    fs::rename(root.path(&format!("{LOG}.1")), root.path(&format!("{LOG}.2"))).unwrap();
    fs::remove_file(root.path(&format!("{LOG}.2.gz"))).unwrap();
    root.write(&format!("{LOG}.1.gz"), &packed(&fs::read_to_string(root.path(LOG)).unwrap()));
    fs::remove_file(root.path(LOG)).unwrap();
    root.append(LOG, &stanza(6));
    assert_eq!(root.commands(), expected(&[1, 2, 3, 4, 5, 6]));
    // The journal outlives the logs.
    fs::remove_dir_all(root.path("var/log")).unwrap();
    assert_eq!(root.commands(), expected(&[1, 2, 3, 4, 5, 6]));
}

#[test]
fn what_a_refresh_saw_outlives_a_log_that_nobody_asked_about() {
    let root = Root::new();
    let at = root.path("");
    root.append(LOG, &stanza(3));
    let refresh = root.place.omg(&["refresh", "--if-stale", "--quiet", "--root", at.to_str().unwrap()]);
    assert_eq!(refresh.status.code(), Some(0), "{refresh:?}");
    fs::remove_dir_all(root.path("var/log")).unwrap();
    assert_eq!(root.commands(), ["apt install p3"]);
}

#[test]
fn a_refresh_that_cannot_keep_what_the_logs_tell_says_so_and_builds_the_index() {
    let root = Root::new();
    let at = root.path("");
    root.append(LOG, &stanza(3));
    root.write("state", b"no folder");
    let mut refresh = root.place.command(&["refresh", "--root", at.to_str().unwrap()]);
    let refresh = refresh.env("OMG_STATE_DIR", root.path("state")).output().unwrap();
    assert_eq!(refresh.status.code(), Some(4), "{refresh:?}");
    assert!(String::from_utf8_lossy(&refresh.stderr).contains("the journal: "), "{refresh:?}");
    let listed = root.place.stdout(&["list", "--count", "--root", at.to_str().unwrap()]);
    assert_eq!(listed, "1\n");
}

#[test]
fn plain_dpkg_is_told_and_what_it_did_for_apt_is_not_told_twice() {
    let root = Root::new();
    root.append(LOG, &stanza(3));
    root.append(
        "var/log/dpkg.log",
        "2026-01-02 10:00:00 startup archives install\n2026-01-02 10:00:00 install plain:amd64 <none> 1\n\
         2026-01-03 12:00:00 startup archives unpack\n2026-01-03 12:00:00 install p3:amd64 <none> 1\n",
    );
    assert_eq!(root.commands(), ["apt install p3", ""]);
    root.append(
        "var/log/dpkg.log",
        "2026-01-04 10:00:00 startup archives install\n2026-01-04 10:00:00 upgrade plain:amd64 1 2\n",
    );
    assert_eq!(root.commands(), ["", "apt install p3", ""], "a plain dpkg is told at once");
    root.append("var/log/dpkg.log", "2026-01-04 10:00:01 upgrade other:amd64 1 2\n");
    assert_eq!(root.commands(), ["", "apt install p3", ""], "what has gone on is the same run");
}

#[test]
fn a_log_that_is_damaged_is_named_and_the_others_are_told() {
    let root = Root::new();
    let whole = packed(&stanza(1).repeat(50));
    root.write(&format!("{LOG}.2.gz"), &whole[..whole.len() - 9]);
    root.write(&format!("{LOG}.1.gz"), &packed(&stanza(2)));
    root.append(LOG, &stanza(3));
    let output = root.place.omg(&["history", "--root", root.path("").to_str().unwrap()]);
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("history.log.2.gz: cannot be read"), "{said}");
    assert!(told.contains("apt install p2") && told.contains("apt install p3"), "{told}");
}

#[test]
fn a_name_a_number_and_nonsense() {
    let root = Root::new();
    root.append(LOG, &(stanza(3) + &stanza(4)));
    let at = root.path("");
    let at = at.to_str().unwrap();
    assert_eq!(commands(&root.place, &["--root", at, "p3"]), ["apt install p3"]);
    assert_eq!(commands(&root.place, &["--root", at, "2"]), ["apt install p4"]);
    let text = root.place.stdout(&["history", "--root", at, "--limit", "1"]);
    assert_eq!(text, "2  2026-01-04 12:00:00  apt  apt install p4\n    install    p4 1\n");
    for (wanted, said) in [("7", "no transaction 7 is recorded"), ("nosuch", "nothing is recorded of nosuch")] {
        let output = root.place.omg(&["history", "--root", at, wanted]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{output:?}");
    }
}
