//! `omg completions` in real shells, with the names of an index of our own making.

use crate::pacman_root::PacmanRoot;
use crate::support::has_program;
use std::process::Command;

/// What bash offers for a line that ends in `words`, with the real omg on PATH.
fn bash_offers(root: &PacmanRoot, words: &[&str]) -> Vec<String> {
    let code = "source /dev/stdin <<<\"$(omg completions bash)\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                COMP_LINE=\"$*\"; COMP_POINT=${#COMP_LINE}; _omg; ((${#COMPREPLY[@]} == 0)) || printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = root.environment(Command::new("bash").args(["-c", code, "bash"]).args(words)).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn fish_offers(root: &PacmanRoot, line: &str) -> Vec<String> {
    let code = "omg completions fish | source; complete -C $argv[1]";
    let output = root.environment(Command::new("fish").args(["--no-config", "-c", code, line])).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn bash_completes_names_from_the_index() {
    if !has_program("bash_completes_names_from_the_index", "bash") {
        return;
    }
    let root = PacmanRoot::new();
    assert!(root.omg(&["refresh"]).status.success());
    assert_eq!(bash_offers(&root, &["omg", "info", "ed"]), ["editor", "editor-doc"]);
    assert_eq!(bash_offers(&root, &["omg", "files", "ed"]), ["editor"]);
    assert_eq!(bash_offers(&root, &["omg", "info", ""]), [""; 0]);
    assert_eq!(bash_offers(&root, &["omg", "files", ""]), ["base", "editor", "libtext", "local-tool", "old-lib"]);
    assert!(bash_offers(&root, &["omg", "comp"]).contains(&"completions".to_owned()));
    assert_eq!(bash_offers(&root, &["omg", "completions", ""]), ["bash", "zsh", "fish"]);
    // Of this package.
    assert_eq!(bash_offers(&root, &["omg", "run", "te"]), ["test"]);
    assert_eq!(bash_offers(&root, &["omg", "run", "cargo:te"]), ["test"], "readline has the word up to the colon");
}

#[test]
fn fish_completes_names_from_the_index() {
    if !has_program("fish_completes_names_from_the_index", "fish") {
        return;
    }
    let root = PacmanRoot::new();
    assert!(root.omg(&["refresh"]).status.success());
    assert_eq!(fish_offers(&root, "omg info edi"), ["editor", "editor-doc"]);
    assert_eq!(fish_offers(&root, "omg why li"), ["libtext"]);
    assert_eq!(fish_offers(&root, "omg info "), [""; 0]);
    assert_eq!(fish_offers(&root, "omg run cargo:te"), ["cargo:test"]);
}

#[test]
fn zsh_reads_the_script() {
    if !has_program("zsh_reads_the_script", "zsh") {
        return;
    }
    let root = PacmanRoot::new();
    let code = "autoload -Uz compinit; compinit -u -D; source <(omg completions zsh); print -r -- $_comps[omg]";
    let output = root.environment(Command::new("zsh").args(["-f", "-c", code])).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "_omg\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn another_shell_is_a_usage_error() {
    let output = PacmanRoot::new().omg(&["completions", "tcsh"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bash, zsh, fish"));
}
