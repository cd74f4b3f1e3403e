//! Mirrors that lie, networks that break, processes that are killed: refused, and nothing left behind.

use crate::world::{Manner, Server, World, err, hex, out, xz};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};

/// Fails with this sentence, installs nothing, leaves nothing.
#[track_caller]
fn refused(world: &World, code: i32, sentence: &str) {
    let output = world.omg(&["install", "node@22.11.0"]);
    assert_eq!(output.status.code(), Some(code), "{}", err(&output));
    assert!(err(&output).contains(sentence), "{}", err(&output));
    assert!(world.versions().is_empty(), "{:?}", world.versions());
    assert_eq!(world.left_over(), 0);
}

fn last_event(world: &World) -> Value {
    let log = out(world.omg(&["audit", "log", "--json"]));
    serde_json::from_str::<Value>(&log).unwrap()[0].clone()
}

#[test]
fn an_archive_that_is_not_what_its_publisher_says_is_refused() {
    let world = World::new();
    world.publish("22.11.0");
    world.publish("22.1.0");
    // A whole and good archive, but another one.
    fs::copy(world.archive_path("22.1.0"), world.archive_path("22.11.0")).unwrap();
    refused(&world, 3, "its SHA-256 is");
    let entry = last_event(&world);
    assert_eq!((&entry["event"], &entry["details"]["version"]), (&"runtime-rejected".into(), &"22.11.0".into()));
    // One that was changed somewhere.
    let whole = fs::read(world.archive_path("22.1.0")).unwrap();
    for at in [0, 10, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(world.archive_path("22.11.0"), damaged).unwrap();
        refused(&world, 3, "22.11.0");
    }
    // What stands behind the archive is part of the file.
    world.publish("22.11.0");
    let good = fs::read(world.archive_path("22.11.0")).unwrap();
    fs::write(world.archive_path("22.11.0"), [&good[..], &[0; 8]].concat()).unwrap();
    refused(&world, 3, "22.11.0");
    fs::write(world.archive_path("22.11.0"), [&good[..], b"x"].concat()).unwrap();
    refused(&world, 3, "damaged archive, behind the last of its files");
    refused(&world, 3, "hint: try again later, or from another place");
}

#[test]
fn without_a_checksum_nothing_is_installed() {
    let world = World::new();
    world.publish("22.11.0");
    let list = fs::read_to_string(world.list_path("22.11.0")).unwrap();
    fs::remove_file(world.list_path("22.11.0")).unwrap();
    refused(&world, 3, "the checksum of node 22.11.0 could not be verified");
    refused(&world, 3, "hint: try again later, or from another place");
    for bad in ["", "<html></html>", "abc  node-v22.11.0-linux-x64.tar.xz\n", &list.replace("node-v", "mode-v")] {
        fs::write(world.list_path("22.11.0"), bad).unwrap();
        refused(&world, 3, "the checksum of node 22.11.0 could not be verified");
    }
}

#[test]
fn a_hostile_archive_with_a_good_checksum_is_refused() {
    let world = World::new();
    for (name, link) in
        [("../evil", None), ("n/../../evil", None), ("n/bin/node", Some("../../../evil")), ("/etc/evil", None)]
    {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o755);
        header.set_size(0);
        if let Some(link) = link {
            header.set_entry_type(tar::EntryType::Symlink);
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        }
        header.set_cksum();
        let mut tar = tar::Builder::new(Vec::new());
        tar.append(&header, &[][..]).unwrap();
        world.publish_archive("22.11.0", &xz(&tar.into_inner().unwrap()));
        refused(&world, 3, "cannot unpack");
    }
    assert!(!world.home().join(".local/share/omg/versions/evil").exists());
    // An archive that is good but for the program that it should have.
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    tar.append_data(&mut header, "n/README", &b"x"[..]).unwrap();
    world.publish_archive("22.11.0", &xz(&tar.into_inner().unwrap()));
    refused(&world, 3, "holds no program node");
}

#[test]
fn a_broken_connection_is_taken_up_again() {
    let world = World::new();
    world.publish_large("22.11.0", 600_000);
    let server = Server::start(&world, Manner::Breaks);
    out(world.omg(&["install", "node@22.11.0"]));
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].1 == 0 && asked[1].1 > 100_000, "it went on where it had broken off: {asked:?}");
    assert_eq!(out(world.omg(&["exec", "node@22", "--", "node"])), "node 22.11.0\n");
}

#[test]
fn what_cannot_be_taken_up_again_leaves_nothing() {
    let world = World::new();
    world.publish_large("22.11.0", 600_000);
    let _server = Server::start(&world, Manner::BreaksNameless);
    refused(&world, 3, "broke off after");
    let _server = Server::start(&world, Manner::Absent);
    refused(&world, 3, "404 Not Found");
}

#[test]
fn the_list_from_before_answers_where_the_server_does_not() {
    let world = World::new();
    world.publish("22.11.0");
    out(world.omg(&["runtime", "list", "node", "--available"]));
    fs::rename(world.mirror().join("index.json"), world.mirror().join("away")).unwrap();
    let output = world.omg(&["runtime", "list", "node", "--available"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(err(&output).contains("the list from before is used"), "{}", err(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("22.11.0"));
}

#[test]
fn two_at_once_do_the_work_once() {
    let world = World::new();
    world.publish_large("22.11.0", 2_000_000);
    let server = Server::start(&world, Manner::Good);
    let mut children: Vec<_> = (0..4)
        .map(|_| world.command(&["install", "node@22"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    for child in children.drain(..) {
        out(child.wait_with_output().unwrap());
    }
    assert_eq!((server.asked.lock().unwrap().len(), world.versions()), (1, vec!["22.11.0".to_owned()]));
    assert_eq!(world.left_over(), 0);
}

#[test]
fn one_that_is_killed_leaves_nothing_that_counts_and_the_next_sweeps() {
    let world = World::new();
    world.publish_large("22.11.0", 600_000);
    let server = Server::start(&world, Manner::Stalls);
    let mut child = world.command(&["install", "node@22"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Once half of it has come, its first files are there.
    while world.left_over() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(world.versions().is_empty() && world.left_over() == 1);
    assert_eq!(world.omg(&["which", "node"]).status.code(), Some(1));
    drop(server);
    let _server = Server::start(&world, Manner::Good);
    out(world.omg(&["install", "node@22"]));
    assert_eq!((world.versions(), world.left_over()), (vec!["22.11.0".to_owned()], 0));
}

#[test]
fn the_policy_is_asked_before_anything_is_fetched() {
    let world = World::new();
    world.publish("22.11.0");
    let server = Server::start(&world, Manner::Good);
    for (policy, sentence) in [
        ("minimum_release_age = \"36500 days\"\n", "was released"),
        ("banned = [\"node\"]\n", "banned by"),
        ("required_signatures = true\n", "whether it is signed is not known"),
        (
            "max_severity = \"low\"\n",
            "its severity could not be checked: no publisher of advisories speaks of versions of node",
        ),
        (
            "max_severity = \"low\"\n",
            "hint: `unknown_severity_origins = [\"runtime\"]` in policy.toml lets runtimes pass",
        ),
        ("max_severity = \"low\"\nunknown_severity_origins = [\"apt\"]\n", "its severity could not be checked"),
        ("minimum_grade = \"verified\"\n", "node: is of grade community, below verified"),
        ("allowed_origins = [\"nodejs.org\"]\n", "origin \"127.0.0.1\" (runtime) is not allowed"),
    ] {
        world.policy(policy);
        refused(&world, 5, sentence);
        assert_eq!(last_event(&world)["event"], "runtime-refused");
    }
    assert!(server.asked.lock().unwrap().is_empty());
    world.policy(
        "allowed_origins = [\"runtime\"]\nminimum_release_age = \"3 days\"\nminimum_grade = \"community\"\n\
         max_severity = \"low\"\nunknown_severity_origins = [\"runtime\"]\n",
    );
    out(world.omg(&["install", "node@22"]));
}

/// gpg, which is not of our making, signs.
#[test]
fn a_signature_that_is_good_is_accepted_and_any_other_refused() {
    if Command::new("gpg").arg("--version").output().is_err() {
        println!("skipped a_signature_that_is_good_is_accepted_and_any_other_refused: no gpg here");
        return;
    }
    let world = World::new();
    world.publish("22.11.0");
    let keys = tempfile::tempdir().unwrap();
    let gpg = |words: &[&str]| {
        let mut command = Command::new("gpg");
        let output =
            command.arg("--homedir").arg(keys.path()).args(["--batch", "--yes", "--quiet"]).args(words).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{words:?}: {}", err(&output));
        output.stdout
    };
    for name in ["releaser", "stranger"] {
        gpg(&["--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never"]);
    }
    let ring = keys.path().join("ring.asc");
    fs::write(&ring, gpg(&["--armor", "--export", "releaser"])).unwrap();
    let mirror = format!("mirror = \"file://{}\"\n", world.mirror().display());
    world.configure(&format!("{mirror}keyring = \"{}\"", ring.display()));
    let list = world.list_path("22.11.0");
    let signature = list.with_extension("txt.sig");
    let sign = |user: &str| {
        gpg(&["--local-user", user, "--output", signature.to_str().unwrap(), "--detach-sign", list.to_str().unwrap()]);
    };

    refused(&world, 3, "the signature of");
    sign("stranger");
    refused(&world, 3, "which is not among the keys");
    assert_eq!(last_event(&world)["event"], "runtime-rejected");
    sign("releaser");
    let good = fs::read(&list).unwrap();
    fs::write(&list, [good.as_slice(), b"\n"].concat()).unwrap();
    refused(&world, 3, "does not vouch for");
    fs::write(&list, good).unwrap();
    world.policy("required_signatures = true\nminimum_grade = \"verified\"\n");
    let installed: Value = serde_json::from_str(&out(world.omg(&["install", "node@22", "--json"]))).unwrap();
    let fingerprint = String::from_utf8(gpg(&["--with-colons", "--list-keys", "releaser"])).unwrap();
    let fingerprint = fingerprint.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap();
    assert_eq!(installed[0]["key"], fingerprint.trim_end_matches(':'));
    assert_eq!(installed[0]["unverified"], Value::Array(Vec::new()));
    assert_eq!(last_event(&world)["details"]["key"], installed[0]["key"]);

    fs::write(&ring, "no keys").unwrap();
    out(world.omg(&["uninstall", "node@22", "--yes"]));
    refused(&world, 3, "ring.asc");
}

#[test]
fn a_home_that_cannot_be_written_is_told() {
    let world = World::new();
    world.publish("22.11.0");
    // A file where a folder should be stands for whatever keeps one from writing: root may write everywhere.
    fs::create_dir_all(world.home().join(".local/share")).unwrap();
    fs::write(world.home().join(".local/share/omg"), "").unwrap();
    let output = world.omg(&["install", "node@22"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("cannot create") && err(&output).contains("versions/node"), "{}", err(&output));
    assert_eq!(hex(&fs::read(world.archive_path("22.11.0")).unwrap()), world.digest("22.11.0"));
    let homeless = world.command(&["which", "node"]).env_remove("HOME").output().unwrap();
    assert_eq!(homeless.status.code(), Some(3));
    assert!(err(&homeless).contains("no home folder"), "{}", err(&homeless));
}
