//! Signals while dpkg is at work: it ends what it has begun, and what became of it is told.

use crate::apt::{Root, ok, talk};
use crate::apt_network::Signalled;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;

/// Both ends of the two pipes of the package that waits.
struct Pipes {
    runs: File,
    goes: File,
    paths: [PathBuf; 2],
}

impl Pipes {
    fn make(root: &Root) -> Pipes {
        let paths = ["srv/runs", "srv/goes"].map(|below| root.path.join(below));
        ok(Command::new("mkfifo").args(&paths));
        let open = |path: &PathBuf| File::options().read(true).write(true).open(path).unwrap();
        Pipes { runs: open(&paths[0]), goes: open(&paths[1]), paths }
    }

    /// What a script tells, as long as there is one that may.
    fn told(&mut self, omg: &mut Signalled) -> String {
        let a_while = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        while poll(&mut [PollFd::new(&self.runs, PollFlags::IN)], Some(&a_while)).unwrap() == 0 {
            assert!(omg.child.try_wait().unwrap().is_none(), "it ended before the script ran");
        }
        let mut bytes = [0; 200];
        let length = self.runs.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    fn go_on(&mut self) {
        self.goes.write_all(b"\n").unwrap();
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = self.paths.iter().map(fs::remove_file).collect::<Vec<_>>();
    }
}

/// Ctrl-C at a terminal reached dpkg and the scripts where the library had no terminal of its own to give them, and left them half
/// done.
#[test]
fn ctrl_c_does_not_reach_dpkg() {
    let Some([root, _]) = Root::twins("ctrl_c_does_not_reach_dpkg") else { return };
    for (engine, signal, to_all) in [
        ("/opt/omg", "-INT", true),
        ("/opt/omg", "-HUP", false),
        ("/opt/omg", "-INT", false),
        ("/opt/omg", "-TERM", false),
        ("/nowhere", "-INT", true),
        ("/nowhere", "-INT", false),
    ] {
        let at = format!("{engine} {signal} {to_all}");
        let mut pipes = Pipes::make(&root);
        let mut omg = Signalled::start(&root, engine, "install --yes waits beta gamma");
        for script in ["preinst install", "postinst configure"] {
            let told = pipes.told(&mut omg);
            assert!(told.contains(script), "{at}: {told}");
            omg.signal(signal, to_all);
            pipes.go_on();
        }
        let output = omg.child.wait_with_output().unwrap();
        // All was done, and nothing else is told than that it goes on.
        assert_eq!(output.status.code(), Some(0), "{at}: {}", talk(&output));
        assert_eq!(talk(&output).matches("what was begun is finished first").count(), 1, "{at}: {}", talk(&output));
        for name in ["waits", "beta", "gamma"] {
            assert!(root.read(&format!("usr/share/{name}/file")).contains(name), "{at}: {name}");
        }
        assert_eq!(talk(&root.run(&["dpkg", "--audit"])), "", "{at}");
        assert!(root.read("var/lib/omg/audit.jsonl").lines().last().unwrap().contains("plan-applied"), "{at}");
        assert!(root.omg("audit verify").status.success(), "{at}");
        assert!(root.run(&["dpkg", "--purge", "waits", "beta", "gamma"]).status.success());
    }
}

/// An interrupted change that failed exited with 3, as any other that failed.
#[test]
fn an_interrupted_change_that_is_not_done_exits_with_130() {
    let Some([root, _]) = Root::twins("an_interrupted_change_that_is_not_done_exits_with_130") else { return };
    let mut pipes = Pipes::make(&root);
    let mut omg = Signalled::start(&root, "/opt/omg", "install --yes broken waits");
    for _ in 0..2 {
        pipes.told(&mut omg);
        omg.signal("-INT", true);
        pipes.go_on();
    }
    let output = omg.child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", talk(&output));
    let text = talk(&output);
    assert!(text.contains("some packages may be changed") && text.contains("dpkg --configure -a"), "{text}");
    assert!(text.contains("sorry"), "{text}");
    assert!(root.omg("audit verify").status.success());
}
