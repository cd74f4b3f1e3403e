//! Power cuts on pacman's side: the machine stands still at a call that changes something, and what is on its disk then is all that
//! there is afterwards.
//!
//! libalpm waits for no disk: what a cut leaves of its database is up to the file system, and pacman's own rules say what helps. So it
//! is held that omg says so, that following it and the same command finish the job, and that what omg itself keeps is whole.

use crate::disk::{Mounted, UNSYNCED, copy, cut};
use crate::pacman::{Root, World, output};
use crate::pacman_killed::{ONE, TWO};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const CHANGE: &str = "install --yes one";
/// Which call of each kind the machine stands at; of all processes the first that comes to it.
const WHEN: [usize; 9] = [1, 2, 3, 4, 6, 9, 14, 22, 35];
const CALLS: [&str; 5] =
    ["rename,renameat,renameat2", "unlink,unlinkat", "mkdir,mkdirat", "fsync,fdatasync", "write,pwrite64"];

#[test]
fn power_cut_at_steps_of_a_change_on_pacman_is_told_and_finished() {
    let test = "power_cut_at_steps_of_a_change_on_pacman_is_told_and_finished";
    for program in ["strace", "mkfs.ext4", "unshare"] {
        if Command::new(program).arg("-V").output().is_err() {
            return println!("skipped {test}: no {program}");
        }
    }
    let Some(world) = World::new(test) else { return };
    world.publish(&[ONE, TWO]);
    // All that a machine has on its disk: the root, its configuration, and omg's own folders.
    let root = world.root("disk/root", "");
    root.pacman(&["-Sy"]);
    root.home();
    let base = world.at("base");
    output(Command::new("mkfs.ext4").args(["-q", "-d"]).arg(world.at("disk")).arg(&base).arg("64M"));
    let disk = |image: PathBuf| Mounted::new(image, world.at("disk"));
    let whole = match disk(copy(&base, world.at("whole"))) {
        Ok(_disk) => {
            root.done(CHANGE);
            root.state()
        }
        Err(why) => return println!("skipped {test}: no ext4 can be mounted: {why}"),
    };
    let each = std::env::var_os("OMG_TEST_ALL_KILLS").is_some();
    let mut cuts = 0;
    for calls in CALLS {
        for when in 1..100 {
            if !each && !WHEN.contains(&when) {
                continue;
            }
            let copied = world.at("cut");
            let running = disk(copy(&base, world.at("running"))).unwrap();
            let (trace, at) = (world.at("trace"), format!("{calls} {when}"));
            let stood = cut(machine(&root, calls, when, &trace), &trace, &running, &copied, &at);
            drop(running);
            if !stood {
                break;
            }
            cuts += 1;
            let _after = disk(copied).unwrap();
            finish(&root, &whole, &at);
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 12, "only {cuts} cuts");
}

/// The change, in which a process is stopped when it comes to that call.
fn machine(root: &Root<'_>, calls: &str, when: usize, trace: &Path) -> Child {
    let _ = fs::remove_file(trace);
    let omg = root.command(CHANGE);
    let mut machine = Command::new("unshare");
    machine
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "strace", "-f", "-qq", "-o"])
        .arg(trace);
    machine.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:signal=SIGSTOP:when={when}")]);
    machine.arg(omg.get_program()).args(omg.get_args()).env_clear();
    for (name, value) in omg.get_envs() {
        machine.env(name, value.unwrap());
    }
    machine.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// What is there is consistent, or omg says how it gets so; and the same command finishes it.
fn finish(root: &Root<'_>, whole: &BTreeMap<String, String>, at: &str) {
    assert!(!root.world.at("disk").join(UNSYNCED).exists(), "{at}: that was no power cut");
    let verified = root.run("audit verify");
    assert_ne!(verified.0, Some(3), "{at}: {verified:?}");
    crate::pacman_killed::finish(root, CHANGE, at);
    assert_eq!(&root.state(), whole, "{at}");
    assert_eq!(root.run("audit verify").0, Some(0), "{at}");
    let (_, checked) = root.pacman_with(&["-Dk"]);
    assert!(checked.contains("No database errors"), "{at}: {checked}");
    assert_eq!(root.run("list").0, Some(0), "{at}");
    assert_eq!(root.run("history").0, Some(0), "{at}");
}
