//! `omg.lock`: written where a project asks for it, held to wherever it lies.

use crate::world::{World, err, hex, out, xz};
use serde_json::Value;
use std::fs;

fn lock(world: &World) -> String {
    fs::read_to_string(world.project().join("omg.lock")).unwrap_or_default()
}

/// A project with a locked node 22.11.0, which is taken away again.
fn locked() -> World {
    let world = World::new();
    world.publish("22.11.0");
    out(world.omg(&["use", "node@22"]));
    assert_eq!(lock(&world), "", "nobody asked for one");
    let pinned = world.omg(&["pin", "--lock"]);
    assert!(err(&pinned).contains("omg.lock has node 22.11.0 now"), "{}", err(&pinned));
    assert!(out(pinned).contains("omg.toml asks for 22.11.0"));
    out(world.omg(&["uninstall", "node@22", "--yes"]));
    world
}

#[test]
fn what_was_verified_is_locked_and_the_same_archive_installed_again() {
    let world = locked();
    let table: toml::Table = lock(&world).parse().unwrap();
    let archive = &table["archive"][0];
    assert_eq!(table["format"].as_integer(), Some(1));
    assert_eq!(archive["sha256"].as_str(), Some(world.digest("22.11.0").as_str()));
    assert_eq!((archive["runtime"].as_str(), archive["version"].as_str()), (Some("node"), Some("22.11.0")));
    assert!(archive["checksum-from"].as_str().unwrap().ends_with("/v22.11.0/SHASUMS256.txt"), "{archive}");
    assert_eq!(archive.get("signed-by"), None);

    let before = lock(&world);
    out(world.omg(&["install", "node@22"]));
    out(world.omg(&["pin", "--lock"]));
    assert_eq!(lock(&world), before);
    // It chooses no version: another is added once the project asks for it, and not before.
    world.publish("23.0.0");
    out(world.omg(&["install", "node@23"]));
    assert_eq!(lock(&world), before);
    let used = world.omg(&["use", "node@23"]);
    assert!(err(&used).contains("omg.lock has node 23.0.0 now"), "{}", err(&used));
    assert_eq!(lock(&world).matches("[[archive]]").count(), 2);
    // What counts elsewhere is not the project's.
    world.publish("24.0.0");
    out(world.omg(&["use", "--global", "node@24"]));
    assert_eq!(lock(&world).matches("[[archive]]").count(), 2);
}

#[test]
fn another_archive_of_a_locked_version_is_refused_by_file_and_line() {
    let world = locked();
    let line = 1 + lock(&world).lines().position(|line| line.starts_with("sha256")).unwrap();
    // Its publisher, or whoever speaks for it, has another archive now, and vouches for it.
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o755);
    tar.append_data(&mut header, "n/bin/node", &b""[..]).unwrap();
    let other = xz(&tar.into_inner().unwrap());
    let locked_digest = world.digest("22.11.0");
    world.publish_archive("22.11.0", &other);
    let below = world.project().join("a/b");
    fs::create_dir_all(&below).unwrap();
    for words in [&["install", "node@22"][..], &["use", "node@22"], &["exec", "--install", "node@22", "--", "node"]] {
        let refused = world.command(words).current_dir(&below).output().unwrap();
        let said = err(&refused);
        assert_eq!(refused.status.code(), Some(3), "{said}");
        assert!(said.contains(&format!("project/omg.lock line {line} holds node 22.11.0 to")), "{said}");
        assert!(said.contains(&locked_digest) && said.contains(&hex(&other)) && said.contains("hint: "), "{said}");
        assert!(world.versions().is_empty() && !below.join("omg.toml").exists());
    }
    let log: Value = serde_json::from_str(&out(world.omg(&["audit", "log", "--json"]))).unwrap();
    assert_eq!(log[0]["event"], "runtime-rejected");

    // Elsewhere nobody is held to it; but that version is not what the project means.
    let home = world.command(&["install", "node@22"]).current_dir(world.home()).output().unwrap();
    out(home);
    for words in [&["install", "node@22"][..], &["use", "node@22"], &["pin"], &["pin", "--lock"]] {
        let refused = world.omg(words);
        let said = err(&refused);
        assert!(refused.status.code() == Some(3) && said.contains("of what is installed here is"), "{words:?}: {said}");
    }
    assert!(lock(&world).contains(&locked_digest), "nothing in it is ever replaced");
}

#[test]
fn what_was_never_verified_is_not_locked() {
    let world = World::new();
    let nvm = world.home().join(".nvm/versions/node/v18.1.0/bin");
    fs::create_dir_all(&nvm).unwrap();
    fs::copy("/bin/true", nvm.join("node")).unwrap();
    out(world.omg(&["use", "node@18"]));
    let refused = world.omg(&["pin", "--lock"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("node 18.1.0 cannot be locked: another manager installed it"), "{}", err(&refused));
    assert_eq!(lock(&world), "");
    assert!(fs::read_to_string(world.project().join("omg.toml")).unwrap().contains("\"18\""), "nor pinned");
    out(world.omg(&["migrate-from", "nvm"]));
    assert!(err(&world.omg(&["pin", "--lock"])).contains("copy of another manager's"));
    // Where a lock file is, that is told and no error.
    fs::write(world.project().join("omg.lock"), "format = 1\n").unwrap();
    let pinned = world.omg(&["pin"]);
    assert!(err(&pinned).contains("omg.lock does not get node 18.1.0: "), "{}", err(&pinned));
    out(pinned);
}

#[test]
fn a_lock_file_that_is_not_understood_ends_every_installation() {
    let world = World::new();
    world.publish("22.11.0");
    for (text, said) in [
        ("format = 2\n", "its format is 2"),
        ("format = 1\n[[archive]]\nruntime = \"node\"\n", "line 2"),
        ("<<<<<<< mine\n", "line 1"),
    ] {
        fs::write(world.project().join("omg.lock"), text).unwrap();
        let refused = world.omg(&["install", "node@22"]);
        assert_eq!(refused.status.code(), Some(3));
        assert!(
            err(&refused).contains("omg.lock is not understood") && err(&refused).contains(said),
            "{}",
            err(&refused)
        );
        assert!(world.versions().is_empty() && world.left_over() == 0);
    }
}
