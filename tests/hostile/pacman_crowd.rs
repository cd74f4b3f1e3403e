//! Several that change packages at once, and what becomes of whoever waits.

use crate::pacman::{APP, LIB, World, made, twins};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

#[test]
fn two_omg_and_a_pacman_at_once_all_end_well() {
    let Some(world) = World::new("two_omg_and_a_pacman_at_once_all_end_well") else { return };
    let names = ["a", "b", "c", "d"];
    world.publish(&names.map(|name| made(name, "1-1", &[])));
    let (root, _) = twins(&world, "", &[]);
    for _ in 0..4 {
        let omgs = ["a", "b", "c"].map(|name| {
            root.command(&format!("install --yes {name}"))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        });
        let mut pacman = Command::new("pacman");
        pacman.arg("--config").arg(root.conf()).args(["--noconfirm", "-S", "d"]).stdin(Stdio::null());
        // pacman does not wait.
        while !pacman.output().unwrap().status.success() {}
        for omg in omgs {
            let output = omg.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{text}");
        }
        assert_eq!(root.installed(), ["a 1-1", "b 1-1", "c 1-1", "d 1-1"]);
        let (code, text) = root.run("list");
        assert_eq!(code, Some(0), "{text}");
        assert!(names.iter().all(|name| text.contains(&format!("{name} "))), "{text}");
        assert_eq!(root.run("audit verify").0, Some(0));
        assert!(!root.lock().exists());
        root.pacman(&["-R", "a", "b", "c", "d"]);
    }
    let (_, history) = root.run("history --limit 100");
    // By which command is a matter of pacman.log, where pacman names itself before it has the lock.
    for name in names {
        assert_eq!(history.matches(&format!("install    {name} 1-1")).count(), 4, "{history}");
    }
}

#[test]
fn a_lock_that_goes_while_it_is_looked_at_is_no_lock_that_cannot_be_made() {
    let Some(world) = World::new("a_lock_that_goes_while_it_is_looked_at_is_no_lock_that_cannot_be_made") else {
        return;
    };
    world.publish(&[APP, LIB]);
    let (root, _) = twins(&world, "", &[]);
    let (lock, ended) = (root.lock(), AtomicBool::new(false));
    thread::scope(|scope| {
        // Others that have it for a few microseconds each, a third of the time.
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                let begun = Instant::now();
                if let Ok(held) = fs::File::create_new(&lock) {
                    drop(held);
                    fs::remove_file(&lock).unwrap();
                }
                let free = begun.elapsed() * 3;
                while begun.elapsed() < free {}
            }
        });
        let outcomes: Vec<_> = (0..25)
            .flat_map(|_| ["install --yes app", "remove --yes app lib"])
            .map(|command| (command, root.run(command)))
            .filter(|(_, (code, _))| *code != Some(0))
            .collect();
        ended.store(true, Ordering::Relaxed);
        assert_eq!(outcomes, []);
    });
    assert!(root.installed().is_empty());
    assert!(!root.lock().exists());
}

#[test]
fn whoever_waits_says_for_whom_and_ends_when_told_to() {
    let Some(world) = World::new("whoever_waits_says_for_whom_and_ends_when_told_to") else { return };
    world.publish(&[APP, LIB]);
    let (root, _) = twins(&world, "", &[]);
    // Somebody who has the lock, as libalpm has it: a file that is open.
    let lock = fs::File::create_new(root.lock()).unwrap();
    for signal in ["-TERM", "-INT", "-HUP", "-KILL"] {
        let before = root.state();
        let mut omg = root.command("install --yes app").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(omg.stderr.take().unwrap()).lines();
        let waiting = said.find(|line| line.as_ref().unwrap().contains("waiting for ")).expect("it waits").unwrap();
        let (process, of) = (std::process::id().to_string(), "running for ");
        assert!(waiting.contains(&process) && waiting.contains("hostile") && waiting.contains(of), "{waiting}");
        assert!(Command::new("kill").args([signal, &omg.id().to_string()]).status().unwrap().success());
        let rest: Vec<String> = said.map(Result::unwrap).collect();
        let status = omg.wait().unwrap();
        if signal != "-KILL" {
            assert_eq!(status.code(), Some(130), "{signal}: {rest:?}");
            assert!(rest.join(" ").contains("nothing was changed"), "{signal}: {rest:?}");
        }
        assert_eq!(before, root.state(), "{signal}");
        assert!(root.lock().exists());
    }
    // All of them have ended: nobody installs anything once the lock is free.
    drop(lock);
    let (code, text) = root.run("install --yes app");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("db.lck") && text.contains("delete it"), "{text}");
    assert!(root.lock().exists(), "a lock was deleted that nobody allowed to delete");
    let running = Command::new("pgrep").args(["-f", root.conf().to_str().unwrap()]).output().unwrap();
    assert!(running.stdout.is_empty(), "{}", String::from_utf8_lossy(&running.stdout));
    fs::remove_file(root.lock()).unwrap();
    assert_eq!(root.run("install --yes app").0, Some(0));
}
