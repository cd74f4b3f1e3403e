//! What a person sees: colours, columns and line breaks on a terminal and nowhere else.

use crate::pacman_root::PacmanRoot;
use crate::support::has_program;
use std::io::Read;
use std::process::{Command, Stdio};

/// What a terminal of so many columns is sent.
fn on_terminal(root: &PacmanRoot, columns: usize, line: &str, variable: (&str, &str)) -> String {
    let mut command = Command::new("script");
    let shell = format!("stty cols {columns} rows 50; omg {line}");
    let command = root.environment(command.args(["-qec", &shell, "/dev/null"])).env("TERM", "xterm");
    let output = command.env(variable.0, variable.1).stdin(Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

const NONE: (&str, &str) = ("UNUSED", "1");
const LINES: [&str; 9] = [
    "search e",
    "info editor libtext",
    "list",
    "outdated",
    "owner /usr/bin/editor",
    "deps editor",
    "deps --tree lion",
    "why libtext",
    "doctor",
];

#[test]
fn colours_are_for_terminals_that_want_them() {
    if !has_program("colours_are_for_terminals_that_want_them", "script") {
        return;
    }
    let root = PacmanRoot::new();
    assert!(root.omg(&["refresh"]).status.success());
    for line in LINES {
        let words: Vec<&str> = line.split(' ').collect();
        let piped = String::from_utf8(root.omg(&words).stdout).unwrap();
        assert!(!piped.contains('\x1b') && !piped.is_empty(), "{line}: {piped:?}");
        assert!(on_terminal(&root, 80, line, NONE).contains("\x1b["), "{line}");
        assert!(!on_terminal(&root, 80, line, ("NO_COLOR", "1")).contains('\x1b'), "{line}");
        assert!(on_terminal(&root, 80, line, ("NO_COLOR", "")).contains('\x1b'), "{line}");
        assert!(!on_terminal(&root, 80, line, ("TERM", "dumb")).contains('\x1b'), "{line}");
    }
}

#[test]
fn no_line_passes_the_edge_of_a_terminal() {
    if !has_program("no_line_passes_the_edge_of_a_terminal", "script") {
        return;
    }
    let root = PacmanRoot::new();
    assert!(root.omg(&["refresh"]).status.success());
    for columns in [60, 80, 200] {
        for line in LINES.iter().filter(|line| **line != "doctor") {
            let text = on_terminal(&root, columns, line, ("NO_COLOR", "1"));
            let long = text.lines().find(|line| line.chars().count() > columns);
            assert_eq!(long, None, "omg {line} at {columns}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let root = PacmanRoot::new();
    assert!(root.omg(&["refresh"]).status.success());
    for line in LINES.iter().chain(&["man", "completions bash", "status", "size", "prompt"]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        let command = root.environment(command.args(line.split(' '))).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "omg {line}");
    }
}

#[test]
fn errors_are_one_line_with_the_way_out_as_a_hint() {
    let root = PacmanRoot::new();
    assert!(root.omg(&["refresh"]).status.success());
    for (line, code, error, hint) in [
        ("info editr", 1, "error: no package editr is known\n", "hint: did you mean editor?\n"),
        ("files editr", 1, "error: no package editr is installed\n", "hint: did you mean editor?\n"),
        ("search --regex (", 2, "error: bad regular expression \"(\": unclosed group\n", "hint: without --regex"),
        ("search editr", 1, "nothing found\n", "hint: did you mean editor?\n"),
        ("man nothing", 1, "error: no page omg-nothing\n", "hint: there are search, info,"),
        ("prompt --json", 2, "error: omg prompt gives no JSON\n", "hint: omg-json(5)"),
    ] {
        let output = root.omg(&line.split(' ').collect::<Vec<_>>());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(said.starts_with(error) && said[error.len()..].starts_with(hint), "{line}: {said}");
        assert_eq!(said.lines().count(), 2, "{line}: {said}");
    }
}

/// A file that is opened while standard output is closed gets its number: what is printed would go into the index.
#[test]
fn closed_standard_descriptors_are_not_printed_into() {
    let root = PacmanRoot::new();
    let mut command = Command::new("sh");
    command.args(["-c", "exec omg refresh --force <&- >&- 2>&-"]);
    assert!(root.environment(&mut command).status().unwrap().success());
    let files = std::fs::read_dir(root.path("index")).unwrap();
    let files: Vec<_> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(files.len() > 2);
    for bytes in files {
        assert!(!String::from_utf8_lossy(&bytes).contains("indexed "));
    }
}
