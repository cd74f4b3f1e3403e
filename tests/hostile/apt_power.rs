//! Power cuts on apt's side: the machine stands still at a call that changes something, and what is on its disk then is all that there is
//! afterwards.
//!
//! The root is an ext4 in a file. The victim is stopped at the call, and the others wait for it; the file is copied, without what the
//! kernel has not written to it yet; the copy is mounted, which replays the file system's own journal as after any cut.

use crate::apt::{Root, ok, talk};
use crate::apt_killed::{CHANGE, TRACE, assert_finished, before, chosen, command, points, run, wrap};
use crate::disk::{Mounted, UNSYNCED, copy, cut};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// Cuts for each process that may be at work.
const CUTS: usize = 4;
#[test]
fn power_cut_at_steps_of_a_change_on_apt_the_same_command_finishes_it() {
    let test = "power_cut_at_steps_of_a_change_on_apt_the_same_command_finishes_it";
    for program in ["strace", "mkfs.ext4"] {
        if Command::new(program).arg("-V").output().is_err() {
            return println!("skipped {test}: no {program}");
        }
    }
    let Some([mut root, _]) = Root::twins(test) else { return };
    wrap(&root);
    before(&root);
    let folder = tempfile::tempdir_in(root.path.parent().unwrap()).unwrap();
    let base = folder.path().join("base");
    ok(Command::new("mkfs.ext4").args(["-q", "-d"]).arg(&root.path).arg(&base).arg("2G"));
    let disk = |name: &str, of: &Path| {
        Mounted::new(copy(of, folder.path().join(name)), folder.path().join(format!("{name}.at")))
    };
    match disk("whole", &base) {
        Ok(disk) => root.path = disk.path().to_owned(),
        Err(why) => return println!("skipped {test}: no ext4 can be mounted: {why}"),
    }
    let each = std::env::var_os("OMG_TEST_ALL_KILLS").is_some();
    let mut cuts = 0;
    for victim in ["privileged", "engine", "--unpack", "--configure"] {
        let seen = disk("seen", &base).unwrap();
        root.path = seen.path().to_owned();
        let (output, trace) = run(&root, victim, None);
        assert!(output.status.success(), "{victim}: {}", talk(&output));
        let whole = root.state();
        let points = chosen(&points(&trace), if each { usize::MAX } else { CUTS });
        for point in &points {
            let running = disk("running", &base).unwrap();
            root.path = running.path().to_owned();
            let copied = folder.path().join("cut");
            let at = format!("{victim} at {point:?}");
            let mut machine = command(&root, victim, "SIGSTOP", Some(point));
            let machine = machine.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            if cut(machine, &root.path.join(TRACE), &running, &copied, &at) {
                cuts += 1;
                let after = Mounted::new(copied, folder.path().join("cut.at")).unwrap();
                root.path = after.path().to_owned();
                finish(&root, &whole, &at);
            }
        }
        println!("{victim}: cut at {points:?}");
    }
    assert!(cuts > 8, "only {cuts} cuts");
}

/// What is there is consistent, or says how it gets so; and the same command finishes it.
fn finish(root: &Root, whole: &BTreeMap<String, String>, at: &str) {
    assert_eq!(root.read(UNSYNCED), "", "{at}: that was no power cut");
    let verified = root.omg("audit verify");
    assert_ne!(verified.status.code(), Some(3), "{at}: {}", talk(&verified));
    let audit = talk(&root.run(&["dpkg", "--audit"]));
    let mut again = root.omg(CHANGE);
    if !again.status.success() {
        assert!(talk(&again).contains("dpkg --configure -a"), "{at}: {audit}{}", talk(&again));
        let settled = root.run(&["dpkg", "--configure", "-a"]);
        assert!(settled.status.success(), "{at}: {}", talk(&settled));
        again = root.omg(CHANGE);
    }
    assert!(again.status.success(), "{at}: {audit}again: {}", talk(&again));
    assert_finished(root, whole, at);
}
