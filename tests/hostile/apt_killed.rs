//! Kills on apt's side: the privileged omg, its engine and dpkg, each alone, at each call that changes something on disk.
//!
//! Which calls there are is seen in a run that nobody kills. Of all of them so many are tried that it takes a minute or two;
//! `OMG_TEST_ALL_KILLS=1` tries every one.

use crate::apt::{Root, ok, talk};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const CALLS: [&str; 15] = [
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "unlink",
    "unlinkat",
    "mkdir",
    "fsync",
    "fdatasync",
    "ftruncate",
    "chmod",
    "write",
    "pwrite64",
];
/// Kills of each test.
const KILLS: usize = 18;
/// In the root.
pub const TRACE: &str = "srv/trace";
/// The MD5 digest of conf's file.
const CONFFILE: &str = "f97c5d29941bfb1b2fdab0874906ab82";
pub const CHANGE: &str = "install --yes alpha=2.0 conf=1.0";

#[test]
fn apt_privileged_omg_killed_at_each_step_the_same_command_finishes_it() {
    at_each_step("apt_privileged_omg_killed_at_each_step_the_same_command_finishes_it", &["privileged"]);
}

#[test]
fn apt_engine_killed_at_each_step_the_same_command_finishes_it() {
    at_each_step("apt_engine_killed_at_each_step_the_same_command_finishes_it", &["engine"]);
}

#[test]
fn dpkg_killed_at_each_step_the_same_command_finishes_it() {
    at_each_step("dpkg_killed_at_each_step_the_same_command_finishes_it", &["--unpack", "--configure"]);
}

fn at_each_step(test: &str, victims: &[&str]) {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped {test}: no strace");
        return;
    }
    let Some([root, _]) = Root::twins(test) else { return };
    wrap(&root);
    before(&root);
    let plain = root.omg(CHANGE);
    assert!(plain.status.success(), "{}", talk(&plain));
    let whole = root.state();
    let each = std::env::var_os("OMG_TEST_ALL_KILLS").is_some();
    let mut kills = 0;
    for victim in victims {
        before(&root);
        let (output, trace) = run(&root, victim, None);
        assert!(output.status.success(), "{victim}: {}", talk(&output));
        let points = chosen(&points(&trace), if each { usize::MAX } else { KILLS / victims.len() });
        assert!(points.len() > 4, "{victim}: only {points:?}");
        for point in &points {
            kills += u32::from(killed_at(&root, victim, point, &whole));
        }
        println!("{victim}: killed at {points:?}");
    }
    assert!(kills > 8, "only {kills} kills");
}

/// Whether it was killed; after that, whatever is said is true and the same command finishes it.
fn killed_at(root: &Root, victim: &str, point: &Point, whole: &BTreeMap<String, String>) -> bool {
    before(root);
    let untouched = root.read("var/lib/dpkg/status");
    let (output, trace) = run(root, victim, Some(point));
    if !trace.contains("killed by SIGKILL") {
        assert!(output.status.success(), "{victim} at {point:?}: {}", talk(&output));
        return false;
    }
    let told = talk(&output);
    let at = format!("{victim} at {point:?}: {told}");
    assert!(matches!(output.status.code(), Some(0 | 3)), "{:?} {at}", output.status);
    let audit = talk(&root.run(&["dpkg", "--audit"]));
    let is_half = !audit.is_empty() || fs::read_dir(root.path.join("var/lib/dpkg/updates")).unwrap().count() > 0;
    let hint = told.contains("dpkg --configure -a");
    assert!(!is_half || hint, "dpkg has not ended its work, and that is not said: {audit}{at}");
    let is_changed = root.read("var/lib/dpkg/status") != untouched;
    for lie in ["nothing was changed", "did nothing"] {
        assert!(!(is_changed || is_half) || !told.contains(lie), "{at}");
    }
    // Killed between the log and the journal it verifies with a word on that, but nothing is wrong with it.
    let verified = root.omg("audit verify");
    assert_ne!(verified.status.code(), Some(3), "{at}: {}", talk(&verified));
    if hint {
        root.run(&["dpkg", "--configure", "-a"]);
    }
    let again = root.omg(CHANGE);
    assert!(again.status.success(), "{at}: again: {}", talk(&again));
    assert!(!talk(&again).contains("waiting"), "a lock is left: {at}: {}", talk(&again));
    assert_finished(root, whole, &at);
    true
}

/// The root is as if nothing had come between, and everything that omg keeps of it is in order.
pub fn assert_finished(root: &Root, whole: &BTreeMap<String, String>, at: &str) {
    let now = root.state();
    // dpkg itself never learns the digest of a configuration file that it was killed behind.
    let known = |state: &BTreeMap<String, String>, key: &str| {
        let without = |text: &String| text.replace("newconffile", CONFFILE);
        state.get(key).map(without)
    };
    for key in now.keys().chain(whole.keys()) {
        assert_eq!(known(&now, key), known(whole, key), "{key}: {at}");
    }
    for words in ["audit verify", "history --all", "list", "doctor"] {
        let output = root.omg(words);
        assert!(output.status.success(), "{words}: {at}: {}", talk(&output));
    }
}

/// One package of an older version, and of the others nothing.
pub fn before(root: &Root) {
    let _ = root.run(&["dpkg", "--purge", "alpha", "conf", "beta"]);
    for file in fs::read_dir(root.path.join("var/cache/apt/archives")).unwrap().flatten() {
        let _ = fs::remove_file(file.path());
    }
    let _ = fs::remove_file(root.path.join("var/lib/apt/extended_states"));
    let output = root.run(&["dpkg", "-i", "/srv/repo/beta_1.0_all.deb"]);
    assert!(output.status.success(), "{}", talk(&output));
}

#[derive(Debug, Clone)]
pub struct Point {
    call: String,
    time: usize,
}

/// Every call of the process that made most of that kind.
pub fn points(trace: &str) -> Vec<Point> {
    let mut most: BTreeMap<&str, usize> = BTreeMap::new();
    let mut these: BTreeMap<&str, usize> = BTreeMap::new();
    for line in trace.lines() {
        match line.split_once('(') {
            Some((call, _)) if CALLS.contains(&call) => {
                let count = these.entry(call).or_default();
                *count += 1;
                let most = most.entry(call).or_default();
                *most = (*most).max(*count);
            }
            _ if line.starts_with("+++") => these.clear(),
            _ => {}
        }
    }
    let each = |(call, most): (&str, usize)| (1..=most).map(|time| Point { call: call.to_owned(), time }).collect();
    most.into_iter().flat_map(|kind| -> Vec<Point> { each(kind) }).collect()
}

/// So many of them, evenly; writes, of which there are most, are a third.
pub fn chosen(points: &[Point], limit: usize) -> Vec<Point> {
    let (writes, others): (Vec<Point>, Vec<Point>) =
        points.iter().cloned().partition(|point| point.call.contains("write"));
    let some = |points: &[Point], limit: usize| -> Vec<Point> {
        let limit = limit.min(points.len());
        (0..limit).map(|at| points[at * points.len() / limit].clone()).collect()
    };
    if limit >= points.len() {
        return points.to_vec();
    }
    let mut chosen = some(&others, limit - limit / 3);
    chosen.extend(some(&writes, limit / 3));
    chosen
}

pub fn run(root: &Root, victim: &str, point: Option<&Point>) -> (Output, String) {
    let output = command(root, victim, "SIGKILL", point).output().unwrap();
    (output, fs::read_to_string(root.path.join(TRACE)).unwrap_or_default())
}

/// The command that makes the change, with a signal for the victim at that point. Its calls stand in [`TRACE`].
pub fn command(root: &Root, victim: &str, signal: &str, point: Option<&Point>) -> Command {
    let _ = fs::remove_file(root.path.join(TRACE));
    let (call, when) = point.map_or(("", String::new()), |point| (point.call.as_str(), point.time.to_string()));
    let words: Vec<&str> = ["/opt/wrap/start", "/opt/omg/omg"].into_iter().chain(CHANGE.split(' ')).collect();
    let mut command = root.command_with_survivors(&words);
    command.env("OMG_ENGINE_DIR", "/opt/wrap").env("VICTIM", victim);
    command.env("SIGNAL", signal).env("CALL", call).env("WHEN", when);
    command
}

/// Puts a program in front of each of the three that runs it under strace where it is the victim. The privileged omg is started by the
/// name of the one that is running, so that one is stopped at its first call until the other is mounted there.
pub fn wrap(root: &Root) {
    let strace = root.path.join("opt/strace");
    let wraps = root.path.join("opt/wrap");
    for folder in [&strace, &wraps, &root.path.join("opt/real")] {
        fs::create_dir_all(folder).unwrap();
    }
    let path = ok(Command::new("sh").args(["-c", "command -v strace"]));
    let libraries = ok(Command::new("ldd").arg(path.trim()));
    let files = libraries.split_whitespace().filter(|word| word.starts_with('/')).chain([path.trim()]);
    for file in files.collect::<Vec<_>>() {
        ok(Command::new("cp").arg("-L").arg(file).arg(&strace));
    }
    let loader = libraries.split_whitespace().find(|word| word.contains("/ld-")).expect("strace is dynamic");
    let loader = Path::new(loader).file_name().unwrap().to_str().unwrap();
    ok(Command::new("cp").arg(root.path.join("opt/omg/omg")).arg(root.path.join("opt/real/omg")));
    let calls: Vec<String> = CALLS.iter().map(|call| format!("?{call}")).collect();
    let traced = format!(
        "set -- -q -A -o /srv/trace -e trace={} ${{CALL:+-e inject=$CALL:signal=$SIGNAL:when=$WHEN}} \"$@\"\n\
         exec /opt/strace/{loader} --library-path /opt/strace /opt/strace/strace \"$@\"\n",
        calls.join(",")
    );
    let write = |name: &str, text: String| {
        fs::write(wraps.join(name), format!("#!/bin/sh\n{text}")).unwrap();
        ok(Command::new("chmod").arg("755").arg(wraps.join(name)));
    };
    write(
        "omg",
        format!("export BELOW=yes\nset -- /opt/real/omg \"$@\"\n[ \"$VICTIM\" = privileged ] || exec \"$@\"\n{traced}"),
    );
    // That signal may come before the one that stops, and then another one follows.
    write(
        "start",
        format!(
            "/opt/strace/{loader} --library-path /opt/strace /opt/strace/strace -qq -o /dev/null -e trace=openat \\\n\
             -e inject=openat:signal=SIGSTOP:when=1 \"$@\" &\ntracer=$!\n\
             until pid=$(echo $(cat /proc/$tracer/task/$tracer/children)) && [ \"$(readlink /proc/$pid/exe)\" = \"$1\" ]\n\
             do kill -0 $tracer || exit; done 2>/dev/null\n\
             mount --bind /opt/wrap/omg \"$1\"\n\
             while kill -CONT $pid 2>/dev/null; do sleep 0.02; done\nwait $tracer\n"
        ),
    );
    write(
        "omg-apt",
        format!("set -- /opt/omg/omg-apt\n[ \"$BELOW\" ] && [ \"$VICTIM\" = engine ] || exec \"$@\"\n{traced}"),
    );
    write(
        "dpkg",
        format!(
            "for word; do [ \"$word\" = \"$VICTIM\" ] && is=yes; done\n\
             set -- /usr/bin/dpkg \"$@\"\n[ \"$is\" ] || exec \"$@\"\n{traced}"
        ),
    );
    fs::write(root.path.join("etc/apt/apt.conf.d/wrap"), "Dir::Bin::dpkg \"/opt/wrap/dpkg\";\n").unwrap();
}
