//! Networks that die, crawl and lie while apt's packages are fetched; by the engine, and by apt-get where none starts.

use crate::apt::{Root, ok, talk};
use crate::server::{Fault, Server};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

const ARCHIVE: &str = "big_1.0_all.deb";

fn served(root: &Root, address: &str) {
    let line = format!("deb [signed-by=/etc/apt/keyrings/t.gpg] {address} ./\n");
    fs::write(root.path.join("etc/apt/sources.list"), line).unwrap();
    // What fails is tried again at once, and once.
    let retries = "Acquire::Retries \"1\";\nAcquire::Retries::Delay \"false\";\n";
    fs::write(root.path.join("etc/apt/apt.conf.d/retries"), retries).unwrap();
    let output = root.run(&["apt-get", "update"]);
    assert!(output.status.success(), "{}", talk(&output));
}

fn audit(root: &Root, from: usize) -> (usize, String) {
    let text = root.read("var/lib/omg/audit.jsonl");
    (text.lines().count(), text.lines().skip(from).collect::<Vec<_>>().join("\n"))
}

fn forget(root: &Root) {
    for folder in ["var/cache/apt/archives", "var/cache/apt/archives/partial"] {
        for file in fs::read_dir(root.path.join(folder)).into_iter().flatten().flatten() {
            let _ = fs::remove_file(file.path());
        }
    }
}

#[test]
fn apt_networks_that_fail_change_nothing_and_the_same_command_finishes_it() {
    let test = "apt_networks_that_fail_change_nothing_and_the_same_command_finishes_it";
    let Some([root, _]) = Root::twins(test) else { return };
    let repository = root.path.join("srv/repo");
    let server = Server::of(&repository);
    served(&root, &server.address);
    let whole = fs::read(repository.join(ARCHIVE)).unwrap();
    let other = {
        let mut bytes = whole.clone();
        bytes[whole.len() / 2] ^= 1;
        bytes
    };
    let nothing = Fault::default();
    // Whether what came was not what the signed list says, or did not come.
    for (what, fault, archive, is_other) in [
        ("a connection that ends", Fault { of: ARCHIVE, dies_after: Some(20_000), ..nothing }, &whole, false),
        ("more promised than there is", Fault { of: ARCHIVE, lies_by: 1000, ..nothing }, &whole, true),
        ("less promised than there is", Fault { of: ARCHIVE, lies_by: -1000, ..nothing }, &whole, true),
        ("another archive of that length", nothing, &other, true),
    ] {
        for engine in ["/opt/omg", "/nowhere"] {
            let at = format!("{what}, {engine}");
            let install = || -> Output {
                root.run(&["env", &format!("OMG_ENGINE_DIR={engine}"), "/opt/omg/omg", "install", "--yes", "big"])
            };
            forget(&root);
            server.has(fault);
            fs::write(repository.join(ARCHIVE), archive).unwrap();
            let (before, from) = (root.state(), audit(&root, 0).0);
            let output = install();
            println!("{at}: {:?} {}", output.status.code(), talk(&output));
            assert_eq!(output.status.code(), Some(3), "{at}: {}", talk(&output));
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            let error: Vec<&str> = errors.lines().filter(|line| line.starts_with("error: ")).collect();
            assert_eq!(error.len(), 1, "{at}: {errors}");
            assert!(error[0].contains("big") && error[0].ends_with("; nothing was changed"), "{at}: {errors}");
            assert!(error[0].len() < 600, "{at}: too much to read: {errors}");
            assert_eq!(root.state(), before, "{at}");
            let told = audit(&root, from).1;
            assert!(told.contains("plan-failed"), "{at}: {told}");
            assert_eq!(told.contains("signature-rejected"), is_other, "{at}: {told}");
            forget(&root);
            assert!(!root.apt_get("install big").status.success(), "{at}: apt-get takes it");
            assert_eq!(root.state(), before, "{at}");
            server.has(nothing);
            fs::write(repository.join(ARCHIVE), &whole).unwrap();
            let output = install();
            assert!(output.status.success(), "{at}, mended: {}", talk(&output));
            assert!(root.read("usr/share/big/file").contains("big 1.0"), "{at}");
            assert!(root.omg("audit verify").status.success(), "{at}");
            assert!(root.run(&["dpkg", "--purge", "big"]).status.success());
        }
    }
    // Nobody there.
    fs::write(root.path.join("etc/apt/sources.list"), "deb [trusted=yes] http://127.0.0.1:1 ./\n").unwrap();
    for engine in ["/opt/omg", "/nowhere"] {
        let output = root.run(&["env", &format!("OMG_ENGINE_DIR={engine}"), "/opt/omg/omg", "sync"]);
        assert_eq!(output.status.code(), Some(3), "{engine}: {}", talk(&output));
        assert!(talk(&output).contains("127.0.0.1:1"), "{engine}: {}", talk(&output));
    }
}

/// A kilobyte a second: how far it is is told, and a signal ends it, whoever of them gets it.
#[test]
fn apt_a_signal_while_it_is_fetched_changes_nothing() {
    let Some([root, _]) = Root::twins("apt_a_signal_while_it_is_fetched_changes_nothing") else { return };
    let server = Server::of(&root.path.join("srv/repo"));
    served(&root, &server.address);
    for (engine, signal, to_all) in [
        ("/opt/omg", "-INT", true),
        ("/opt/omg", "-INT", false),
        ("/opt/omg", "-TERM", false),
        ("/nowhere", "-INT", true),
        ("/nowhere", "-INT", false),
    ] {
        let at = format!("{engine} {signal} {to_all}");
        forget(&root);
        server.has(Fault { of: ARCHIVE, slow: Some(100), ..Fault::default() });
        let (before, from) = (root.state(), audit(&root, 0).0);
        let mut omg = Signalled::start(&root, engine, "install --yes --json big");
        if engine == "/opt/omg" {
            let lines = BufReader::new(omg.child.stdout.take().unwrap()).lines().map(Result::unwrap);
            let mut fetching =
                lines.filter(|line| line.contains("\"fetching\"") && !line.contains("\"done_bytes\":0,"));
            let first = fetching.next().expect("it fetches");
            assert!(fetching.any(|line| line != first), "it goes on");
        } else {
            let part = root.path.join("var/cache/apt/archives/partial").join(ARCHIVE);
            while fs::metadata(&part).map_or(0, |file| file.len()) < 300 {
                assert!(omg.child.try_wait().unwrap().is_none(), "{at}: it has ended");
            }
        }
        omg.signal(signal, to_all);
        let output = omg.child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        println!("{at}: {:?} {text}", output.status.code());
        assert_eq!(output.status.code(), Some(130), "{at}: {text}");
        assert!(text.contains("stopped by a signal; nothing was changed"), "{at}: {text}");
        assert_eq!(root.state(), before, "{at}");
        assert!(audit(&root, from).1.contains("plan-failed"), "{at}");
        server.has(Fault::default());
        let again = root.run(&["env", &format!("OMG_ENGINE_DIR={engine}"), "/opt/omg/omg", "install", "--yes", "big"]);
        assert!(again.status.success() && !talk(&again).contains("waiting"), "{at}: {}", talk(&again));
        assert!(root.omg("audit verify").status.success(), "{at}");
        assert!(root.run(&["dpkg", "--purge", "big"]).status.success());
    }
}

/// As run0: it has a program run elsewhere, and a signal ends it alone. What ran there went on to install what somebody had stopped.
#[test]
fn apt_a_signal_reaches_a_change_whose_starter_ended_by_it() {
    let Some([root, _]) = Root::twins("apt_a_signal_reaches_a_change_whose_starter_ended_by_it") else { return };
    let server = Server::of(&root.path.join("srv/repo"));
    served(&root, &server.address);
    ok(Command::new("cp").arg(root.path.join("usr/bin/setpriv")).arg(root.path.join("opt/become")));
    ok(Command::new("chmod").arg("u+s").arg(root.path.join("opt/become")));
    let starter =
        "#!/bin/sh\nexec 3<&0\nsetsid /opt/become --reuid=0 --regid=0 --clear-groups \"$@\" <&3 3<&- &\nwait\n";
    fs::write(root.path.join("opt/starter"), starter).unwrap();
    ok(Command::new("chmod").arg("755").arg(root.path.join("opt/starter")));
    fs::create_dir_all(root.path.join("etc/omg")).unwrap();
    fs::write(root.path.join("etc/omg/config.toml"), "[privilege]\nwith = [\"/opt/starter\"]\n").unwrap();
    assert!(root.omg("refresh").status.success());
    let by_person = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "env", "HOME=/tmp", "/opt/omg/omg"];
    for (engine, signal, to_all) in
        [("/opt/omg", "-INT", true), ("/opt/omg", "-HUP", false), ("/nowhere", "-INT", true)]
    {
        let at = format!("{engine} {signal} {to_all}");
        forget(&root);
        server.has(Fault { of: ARCHIVE, slow: Some(100), ..Fault::default() });
        let (before, from) = (root.state(), audit(&root, 0).0);
        let words = [&by_person[..], &["install", "--yes", "big"]].concat();
        let mut omg = Signalled::start_words(&root, engine, &words);
        let part = root.path.join("var/cache/apt/archives/partial").join(ARCHIVE);
        while fs::metadata(&part).map_or(0, |file| file.len()) < 300 {
            assert!(omg.child.try_wait().unwrap().is_none(), "{at}: it has ended");
        }
        omg.signal(signal, to_all);
        let output = omg.child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{at}: {}", talk(&output));
        assert!(talk(&output).contains("stopped by a signal; nothing was changed"), "{at}: {}", talk(&output));
        assert_eq!(root.state(), before, "{at}");
        assert!(audit(&root, from).1.contains("plan-failed"), "{at}");
        // And where nobody stops it, it is done.
        server.has(Fault::default());
        let again = root.run(&words);
        assert!(again.status.success() && !talk(&again).contains("waiting"), "{at}: {}", talk(&again));
        assert!(root.run(&["dpkg", "--purge", "big"]).status.success());
    }
}

/// The engine, left alone, went on to install, when the person had long been told that it ended.
#[test]
fn apt_engine_whose_omg_was_killed_changes_nothing() {
    let Some([root, _]) = Root::twins("apt_engine_whose_omg_was_killed_changes_nothing") else { return };
    let server = Server::of(&root.path.join("srv/repo"));
    served(&root, &server.address);
    server.has(Fault { of: ARCHIVE, slow: Some(20_000), ..Fault::default() });
    let before = root.state();
    let mut omg = Signalled::start(&root, "/opt/omg", "install --yes --json big");
    let lines = BufReader::new(omg.child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.filter(|line| line.contains("\"fetching\"")).take(1).for_each(drop);
    let person = below(&below(&omg.child.id().to_string()));
    assert!(Command::new("kill").args(["-KILL", &below(&person)]).status().unwrap().success());
    let output = omg.child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
    let told = "the privileged omg ended without a word (signal: 9 (SIGKILL)); some packages may be changed";
    assert!(talk(&output).contains(told), "{}", talk(&output));
    assert_eq!(root.state(), before);
    assert!(root.omg("install --yes big").status.success());
    assert!(root.omg("audit verify").status.success());
}

/// The first child of a process.
fn below(pid: &str) -> String {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().expect("a child").to_owned()
}

/// omg in a group of processes of its own, as a shell starts what is typed.
pub struct Signalled {
    pub child: std::process::Child,
}

impl Signalled {
    pub fn start(root: &Root, engine: &str, words: &str) -> Signalled {
        let words: Vec<&str> = ["/opt/omg/omg"].into_iter().chain(words.split(' ')).collect();
        Signalled::start_words(root, engine, &words)
    }

    /// The same of the words of a command.
    pub fn start_words(root: &Root, engine: &str, words: &[&str]) -> Signalled {
        use std::os::unix::process::CommandExt;
        // Whoever runs the tests in the background ignores Ctrl-C, and so would all that they start.
        let words = [&["env", "--default-signal"], words].concat();
        let mut command = root.command_with_survivors(&words);
        command.env("OMG_ENGINE_DIR", engine).process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        Signalled { child: command.spawn().unwrap() }
    }

    /// To all in the group, as Ctrl-C at a terminal, or to the person's omg alone, as by `kill`.
    pub fn signal(&self, signal: &str, to_all: bool) {
        let group = self.child.id().to_string();
        let to = if to_all { format!("-{group}") } else { below(&below(&group)) };
        assert!(Command::new("kill").args([signal, "--", &to]).status().unwrap().success());
    }
}
