//! `omg audit` and `omg policy` as a person runs them.

use crate::manual::check_shape;
use crate::support::Place;
use omg::audit::log::{AuditLog, Changed, Event, FILE_NAME};
use omg::audit::policy::Refusal;
use omg::history::Journal;
use omg::model::Source;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub fn log_path(place: &Place) -> PathBuf {
    place.folder.path().join("state").join(FILE_NAME)
}

/// Adds entries as a command does: the log, then the journal.
pub fn add(place: &Place, events: &[Event]) {
    let log = AuditLog::open(&log_path(place)).unwrap();
    let journal = Journal::open(&place.folder.path().join("state/journal.db")).unwrap();
    for event in events {
        assert!(journal.keep_audit_head(&log.append(event).unwrap()).unwrap());
    }
}

pub fn some() -> Vec<Event> {
    let changed =
        |name: String| Changed { action: "install", name, old: String::new(), new: "1".to_owned(), signed: None };
    let refusal = Refusal {
        package: "nano".to_owned(),
        rule: "banned",
        message: "banned by \"na*\"".to_owned(),
        file: "/etc/omg/policy.toml".into(),
        line: 3,
    };
    let (plan, backend) = ("ab".repeat(32), Source::Apt);
    let changes = (0..8).map(|at| changed(format!("p{at}"))).collect();
    vec![
        Event::PlanApplied { plan: plan.clone(), backend, command: "omg install p".to_owned(), changes },
        Event::PlanRefused { plan, backend, command: "omg install\nnano\u{1b}".to_owned(), refusals: vec![refusal] },
        Event::PolicyChanged { before: "1".to_owned(), after: "2".to_owned() },
    ]
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn entries_are_shown_newest_first() {
    let place = Place::new();
    add(&place, &some());
    let text = place.stdout(&["audit", "log"]);
    // The time is that of the test.
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            line.split("  ")
                .map(|part| if part.starts_with("20") { "TIME" } else { part })
                .collect::<Vec<_>>()
                .join("  ")
        })
        .collect();
    let user = omg::audit::Who::of_process().user;
    let expected = format!(
        "3  TIME  {user}  policy-changed\n    after: 2\n    before: 1\n\
         2  TIME  {user}  plan-refused\n    backend: apt\n    command: omg install nano?\n    plan: {plan}\n    \
         nano: banned by \"na*\" (/etc/omg/policy.toml, line 3)\n\
         1  TIME  {user}  plan-applied\n    backend: apt\n    command: omg install p\n    plan: {plan}\n    \
         install    p0 1\n    install    p1 1\n    install    p2 1\n    install    p3 1\n    install    p4 1\n    \
         install    p5 1\n    and 2 more: --json has all",
        plan = "ab".repeat(32)
    );
    assert_eq!(lines.join("\n"), expected);
    let all = place.json(&["audit", "log", "--json"]);
    check_shape("audit log", &all);
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[2]["details"]["changes"].as_array().unwrap().len(), 8);
    let (code, out, err) = said(&place.omg(&["audit", "log", "--limit", "1"]));
    assert_eq!((code, out.starts_with("3  "), err.as_str()), (Some(0), true, "--all shows the rest\n"));
    assert!(!out.contains("\n2  "));
}

#[test]
fn a_good_log_verifies_and_a_bad_one_names_the_line() {
    let place = Place::new();
    add(&place, &some());
    let verify = || {
        let (code, out, err) = said(&place.omg(&["audit", "verify"]));
        assert_eq!(err, "");
        (code.unwrap(), out.replace(&log_path(&place).display().to_string(), "LOG"))
    };
    assert_eq!(verify(), (0, "LOG: good: 3 entries, 3 known to the journal\n".to_owned()));
    check_shape("audit verify", &place.json(&["audit", "verify", "--json"]));
    let good = fs::read_to_string(log_path(&place)).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let bad = |text: &str| {
        fs::write(log_path(&place), text).unwrap();
        let (code, out) = verify();
        let json = serde_json::from_slice::<Value>(&place.omg(&["audit", "verify", "--json"]).stdout).unwrap();
        check_shape("audit verify", &json);
        assert_eq!(code, 3, "{out}");
        assert!(out.starts_with(&format!("LOG: bad at line {}: ", json[0]["fault"]["line"])), "{out}");
        json[0]["fault"]["line"].as_u64().unwrap()
    };
    assert_eq!(bad(&good.replace("policy-changed", "policy-Changed")), 3);
    assert_eq!(bad(&lines[..2].concat()), 3, "cut");
    assert_eq!(bad(&lines[1..].concat()), 1);
    assert_eq!(bad(""), 1);
    fs::remove_file(log_path(&place)).unwrap();
    assert_eq!(verify().0, 3, "a log that is gone is cut to nothing");
    // Cut, and written on by omg itself: the journal has not forgotten.
    fs::write(log_path(&place), lines[..2].concat()).unwrap();
    let log = AuditLog::open(&log_path(&place)).unwrap();
    let journal = Journal::open(&place.folder.path().join("state/journal.db")).unwrap();
    assert!(!journal.keep_audit_head(&log.append(&some()[0]).unwrap()).unwrap());
    for _ in 0..3 {
        journal.keep_audit_head(&log.append(&some()[0]).unwrap()).unwrap();
    }
    assert_eq!(verify(), (3, "LOG: bad at line 3: the journal knows another entry 3\n".to_owned()));
}

#[test]
fn no_log_is_said_to_be_none() {
    let place = Place::new();
    for what in ["log", "verify"] {
        let (code, out, err) = said(&place.omg(&["audit", what]));
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.starts_with("error: there is no audit log\nhint: "), "{err}");
    }
    for wrong in [&["audit", "verify", "--all"][..], &["audit", "verify", "--limit", "3"], &["audit", "x"]] {
        assert_eq!(place.omg(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn lines_that_are_no_entries_are_told_and_the_others_are_shown() {
    let place = Place::new();
    add(&place, &some());
    let good = fs::read_to_string(log_path(&place)).unwrap();
    fs::write(log_path(&place), good.replace("policy-changed", "policy-Changed")).unwrap();
    let (code, out, err) = said(&place.omg(&["audit", "log"]));
    assert_eq!((code, out.starts_with("2  ")), (Some(4), true), "{out}");
    assert!(err.contains("1 of its last lines are no entries"), "{err}");
}

/// The machine's log is read by whoever asks, and held against the journal, neither of which may be written.
#[test]
fn another_user_verifies_the_machines_log_by_its_journal() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped another_user_verifies_the_machines_log_by_its_journal: not root");
    }
    let place = Place::new();
    add(&place, &some());
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    open(place.folder.path());
    let binary = place.folder.path().join("omg");
    // By another process: while this one writes a program, a child of another test holds it open, and it cannot be started.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_omg")).arg(&binary).status().unwrap().success());
    open(&binary);
    let verify = || {
        let state = place.folder.path().join("state");
        let mut command = Command::new(&binary);
        command.args(["audit", "verify"]).env_clear().env("OMG_STATE_DIR", state).uid(65_534).gid(65_534);
        let (code, out, err) = said(&command.output().unwrap());
        (code.unwrap(), out.replace(&log_path(&place).display().to_string(), "LOG"), err)
    };
    let good = (0, "LOG: good: 3 entries, 3 known to the journal\n".to_owned(), String::new());
    assert_eq!(verify(), good);
    // While somebody has the journal open, with what is not in the file itself yet.
    let journal = Journal::open(&place.folder.path().join("state/journal.db")).unwrap();
    assert!(journal.keep_audit_head(&omg::model::AuditHead { seq: 4, hash: "x".to_owned() }).unwrap());
    assert!(place.folder.path().join("state/journal.db-wal").exists());
    let cut = "LOG: bad at line 4: entry 4 is known to the journal, but the log ends before it\n";
    assert_eq!(verify(), (3, cut.to_owned(), String::new()));
    drop(journal);
    assert_eq!(verify().0, 3);
}

#[test]
fn a_log_that_cannot_be_read_is_no_good_verdict() {
    let place = Place::new();
    fs::create_dir_all(log_path(&place)).unwrap();
    for what in ["log", "verify"] {
        let (code, out, err) = said(&place.omg(&["audit", what]));
        assert_eq!((code, out.as_str()), (Some(4), ""));
        assert!(err.contains("is no file"), "{err}");
    }
}

#[test]
fn a_journal_that_cannot_be_read_is_no_good_verdict() {
    let place = Place::new();
    add(&place, &some());
    fs::write(place.folder.path().join("state/journal.db"), "no journal").unwrap();
    let (code, out, err) = said(&place.omg(&["audit", "verify"]));
    assert_eq!(code, Some(4), "{out}{err}");
    assert!(err.contains("entries that were cut off would not be found"), "{err}");
}

fn policy(place: &Place, text: &str) {
    let folder = place.folder.path().join(".config/omg");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("policy.toml"), text).unwrap();
    fs::set_permissions(folder.join("policy.toml"), fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn rules_are_shown_with_their_places() {
    let place = Place::new();
    let root = place.folder.path().join("root");
    fs::create_dir_all(root.join("etc/omg")).unwrap();
    let file = root.join("etc/omg/policy.toml");
    fs::write(&file, "banned = ['a', 'b*']\nminimum_grade = 'verified'\nlocked = ['banned']\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    policy(&place, "allowed_licenses = ['MIT', 'GPL-*']\n\nminimum_grade = 'community'\n");
    let root = root.to_str().unwrap();
    let text = place.stdout(&["policy", "--root", root]).replace(place.folder.path().to_str().unwrap(), "AT");
    assert_eq!(
        text,
        "banned a AT/root/etc/omg/policy.toml:1 (system, locked)\n\
         banned b* AT/root/etc/omg/policy.toml:1 (system, locked)\n\
         allowed_licenses MIT, GPL-* AT/.config/omg/policy.toml:1 (user)\n\
         minimum_grade community AT/.config/omg/policy.toml:3 (user)\n\
         locked banned AT/root/etc/omg/policy.toml:3 (system)\n"
    );
    check_shape("policy", &place.json(&["policy", "--root", root, "--json"]));
    let (code, out, err) = said(&place.omg(&["policy", "check", "--root", root]));
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", "good: 5 rules\n"));
}

#[test]
fn a_bad_policy_is_an_error_with_file_line_and_hint() {
    let place = Place::new();
    policy(&place, "\nbaned = ['x']\n");
    for asked in [&["policy"][..], &["policy", "check"]] {
        let (code, out, err) = said(&place.omg(asked));
        assert_eq!((code, out.as_str()), (Some(3), ""));
        let file = place.folder.path().join(".config/omg/policy.toml");
        assert_eq!(err, format!("error: {}:2: unknown key `baned`\nhint: did you mean `banned`?\n", file.display()));
    }
    policy(&place, "# nothing\n");
    let (code, _, err) = said(&place.omg(&["policy", "check"]));
    assert!(code == Some(0) && err.starts_with("there are no rules in /etc/omg/policy.toml, "), "{err}");
}
