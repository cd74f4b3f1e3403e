//! Networks that die, crawl and lie while pacman's packages are fetched.

use crate::pacman::{Root, World, made, twins};
use crate::server::{Fault, Server};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// So large that a slow server takes minutes, and incompressible.
fn noise() -> &'static str {
    let mut state = 1u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + ((state >> 33) % 90) as u8)
    };
    String::leak((0..200_000).map(|_| letter()).collect())
}

fn served(root: &Root<'_>, address: &str) {
    let text = fs::read_to_string(root.conf()).unwrap();
    let (front, _) = text.split_once("Server = ").unwrap();
    fs::write(root.conf(), format!("{front}Server = {address}\n")).unwrap();
}

#[test]
fn pacman_networks_that_fail_change_nothing_and_the_same_command_finishes_it() {
    let test = "pacman_networks_that_fail_change_nothing_and_the_same_command_finishes_it";
    let Some(world) = World::new(test) else { return };
    let big = made("big", "1-1", &[]).with(Vec::leak(vec![("usr/lib/big", noise())]));
    world.publish(&[big]);
    let (ours, theirs) = twins(&world, "", &[]);
    let server = Server::of(&world.at("repo"));
    for root in [&ours, &theirs] {
        served(root, &server.address);
    }
    let archive = "big-1-1-any.pkg.tar.zst";
    for (what, fault) in [
        ("a connection that ends", Fault { of: archive, dies_after: Some(50_000), ..Fault::default() }),
        ("more promised than there is", Fault { of: archive, lies_by: 1000, ..Fault::default() }),
        ("less promised than there is", Fault { of: archive, lies_by: -1000, ..Fault::default() }),
    ] {
        server.has(fault);
        let (state, audited) = (ours.state(), ours.audit().len());
        let (code, text) = ours.run("install --yes big");
        assert_eq!(code, Some(3), "{what}: {text}");
        assert!(text.contains(archive) || text.contains("big: "), "{what}: {text}");
        assert!(text.contains("nothing was changed"), "{what}: {text}");
        assert_eq!(ours.state(), state, "{what}");
        assert!(ours.audit()[audited..].join("").contains("plan-failed"), "{what}");
        assert!(!theirs.pacman_with(&["-S", "big"]).0, "{what}: pacman takes it");
        assert!(!ours.lock().exists());
    }
    // A kilobyte a second: how far it is is told, and a signal ends it.
    for signal in ["-INT", "-TERM"] {
        server.has(Fault { of: archive, slow: Some(100), ..Fault::default() });
        let _ = fs::remove_file(ours.path().join("cache").join(format!("{archive}.part")));
        let state = ours.state();
        let mut omg = ours.command("install --yes --json big");
        let mut omg = omg.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(omg.stdout.take().unwrap()).lines().map(Result::unwrap);
        let far = |line: &String| line.contains("\"fetching\"") && !line.contains("\"done_bytes\":0,");
        let mut fetching = lines.by_ref().filter(far);
        let first = fetching.next().expect("it fetches");
        assert!(fetching.any(|line| line != first), "it goes on");
        assert!(Command::new("kill").args([signal, &omg.id().to_string()]).status().unwrap().success());
        let output = omg.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{signal}: {text}");
        assert!(text.contains("stopped by a signal") && text.contains("nothing was changed"), "{signal}: {text}");
        assert_eq!(ours.state(), state, "{signal}");
        assert!(!ours.lock().exists(), "{signal}");
        assert_eq!(ours.run("audit verify").0, Some(0));
    }
    // Nobody there.
    served(&ours, "http://127.0.0.1:1");
    let (code, text) = ours.run("install --yes big");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("nothing was changed"), "{text}");
    let (code, text) = ours.run("sync");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("test.db") && text.contains("127.0.0.1"), "{text}");
    // And all is well again.
    served(&ours, &server.address);
    server.has(Fault::default());
    let (code, text) = ours.run("install --yes big");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(ours.installed(), ["big 1-1"]);
}
