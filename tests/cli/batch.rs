//! `omg batch` as a peer program speaks with it.

use crate::pacman_root::PacmanRoot;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

struct Peer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    fn of(root: &PacmanRoot) -> Peer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        let command = root.environment(command.arg("batch")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Peer { child, to, from }
    }

    /// Sends one line and waits for its answer before anything else is sent.
    fn ask(&mut self, line: &str) -> Value {
        writeln!(self.to, "{line}").unwrap();
        let mut answer = String::new();
        self.from.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{line}: {error}: {answer:?}"))
    }

    fn end(mut self) -> Option<i32> {
        drop(self.to);
        self.child.wait().unwrap().code()
    }
}

#[test]
fn each_line_is_answered_as_the_command_would_before_the_next_is_sent() {
    let root = PacmanRoot::new();
    let mut peer = Peer::of(&root);
    let queries: [&[&str]; 14] = [
        &["search", "text", "editor"],
        &["info", "editor", "lion"],
        &["list"],
        &["list", "--orphans"],
        &["list", "--count"],
        &["explicit"],
        &["outdated"],
        &["owner", "/usr/bin/editor"],
        &["files", "libtext"],
        &["deps", "editor"],
        &["deps", "--tree", "lion"],
        &["why", "libtext"],
        &["size", "--limit", "2"],
        &["status"],
    ];
    for (id, query) in queries.iter().enumerate() {
        let answer = peer.ask(&json!({"id": id, "query": query[0], "args": query[1..]}).to_string());
        let mut alone: Vec<&str> = query.to_vec();
        alone.push("--json");
        let alone = root.omg(&alone);
        let expected: Value = serde_json::from_slice(&alone.stdout).unwrap();
        let exit = alone.status.code().unwrap();
        assert_eq!(
            answer,
            json!({"id": id, "exit": exit, "stale": false, "answer": expected, "errors": []}),
            "{query:?}"
        );
        assert!(!answer["answer"].is_null() && answer["answer"] != json!([]), "{query:?} has something to answer");
    }
    assert_eq!(peer.end(), Some(0));
}

#[test]
fn a_line_that_cannot_be_answered_is_answered_with_its_error() {
    let root = PacmanRoot::new();
    let mut peer = Peer::of(&root);
    let long = format!("{{\"query\":\"info\",\"args\":[\"{}\"]}}", "x".repeat(2 << 20));
    for (line, exit, message) in [
        ("nonsense", 2, "not a query"),
        ("[1]", 2, "not a query"),
        (r#"{"query":"info","arg":["editor"]}"#, 2, "unknown field `arg`"),
        (r#"{"query":"refresh","id":"a"}"#, 2, "no query \"refresh\""),
        (r#"{"query":"batch","id":"a"}"#, 2, "no query \"batch\""),
        (r#"{"query":"info","args":[]}"#, 2, "required arguments"),
        (r#"{"query":"info","args":["--help"]}"#, 2, "unexpected argument '--help'"),
        (r#"{"query":"search","args":["--regex","("]}"#, 2, "bad regular expression"),
        (r#"{"query":"why","args":["no-such"]}"#, 1, "no package no-such is installed"),
        (long.as_str(), 2, "a line longer than"),
    ] {
        let shown: String = line.chars().take(80).collect();
        let answer = peer.ask(line);
        assert_eq!((&answer["exit"], &answer["answer"]), (&json!(exit), &Value::Null), "{shown}: {answer}");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains(message), "{shown}: {answer}");
    }
    // What can be answered of a line is, beside its error, and blank lines are passed over.
    let answer = peer.ask("\n \n{\"query\":\"info\",\"args\":[\"editer\",\"editor\"],\"id\":{\"a\":[1]}}");
    assert_eq!(answer["id"], json!({"a": [1]}));
    assert_eq!((&answer["exit"], &answer["answer"][0]["name"]), (&json!(1), &json!("editor")));
    assert!(answer["errors"][0]["hint"].as_str().unwrap().contains("editor"), "{answer}");
    assert_eq!(peer.end(), Some(0));
}

#[test]
fn what_changes_meanwhile_is_answered_anew() {
    let root = PacmanRoot::new();
    let mut peer = Peer::of(&root);
    let count = r#"{"query":"list","args":["--count"]}"#;
    assert_eq!(peer.ask(count)["answer"], 5);
    assert_eq!(peer.ask(r#"{"query":"why","args":["old-lib"]}"#)["answer"][0]["reason"], "dependency");
    std::fs::remove_dir_all(root.path("root/var/lib/pacman/local/old-lib-1-1")).unwrap();
    assert_eq!(peer.ask(count)["answer"], 4);
    assert_eq!(peer.ask(r#"{"query":"why","args":["old-lib"]}"#)["exit"], 1);
    assert_eq!(peer.end(), Some(0));
}

#[test]
fn a_peer_that_goes_away_is_no_error() {
    let root = PacmanRoot::new();
    let mut peer = Peer::of(&root);
    peer.ask(r#"{"query":"status"}"#);
    let Peer { mut child, mut to, from } = peer;
    drop(from);
    // It may have ended before it reads this.
    let _ = writeln!(to, r#"{{"query":"status"}}"#);
    drop(to);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
