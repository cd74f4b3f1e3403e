//! Which files of a folder nobody edits: those that `.gitignore` names, version control's own, and what tools keep for themselves.
//!
//! The patterns of the folder's own `.gitignore` and of those in its folders are understood as git has them; a user's global list, and
//! `.git/info/exclude`, are not read.

use super::file::beside;
use crate::sys::watch::Filter;
use regex::Regex;
use std::path::{Path, PathBuf};

/// A pattern list that is longer is cut.
const MAX_PATTERNS: usize = 1000;
/// Bytes of a pattern. A longer one is none that anybody wrote.
const MAX_PATTERN: usize = 4096;

/// Folders that no one edits in, whatever the project says.
const ALWAYS: [&str; 8] = [".git", ".hg", ".jj", ".svn", "node_modules", "target", "__pycache__", ".venv"];

/// The rules of one folder, and of those inside of it that were entered.
#[derive(Default)]
pub struct Ignored {
    root: PathBuf,
    /// In the order they count: the last that fits does.
    rules: Vec<Rule>,
}

struct Rule {
    /// The folder of the list, below the one all is about; empty for that, else with a slash at its end.
    base: String,
    pattern: Regex,
    is_for_folders: bool,
    /// `!pattern`.
    takes_back: bool,
}

impl Ignored {
    pub fn of(root: &Path) -> Ignored {
        Ignored { root: root.to_owned(), rules: Vec::new() }
    }
}

impl Filter for Ignored {
    fn enter(&mut self, below: &str) {
        let base = if below.is_empty() { String::new() } else { format!("{below}/") };
        // A folder that comes again brings its list anew.
        self.rules.retain(|rule| rule.base != base);
        let Some(text) = beside(&self.root.join(below).join(".gitignore")) else { return };
        let room = MAX_PATTERNS.saturating_sub(self.rules.len());
        self.rules.extend(text.lines().filter_map(|line| rule(line, &base)).take(room));
    }

    fn passes_over(&self, path: &str, is_folder: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        if ALWAYS.contains(&name) || name.ends_with('~') || name.ends_with(".swp") || name == "4913" {
            return true;
        }
        let fits = |rule: &&Rule| {
            (is_folder || !rule.is_for_folders)
                && path.strip_prefix(&*rule.base).is_some_and(|inside| rule.pattern.is_match(inside))
        };
        self.rules.iter().rev().find(fits).is_some_and(|rule| !rule.takes_back)
    }
}

fn rule(line: &str, base: &str) -> Option<Rule> {
    let mut pattern = line.trim_end_matches('\r');
    // Blanks at the end count only behind a backslash.
    while let Some(shorter) = pattern.strip_suffix([' ', '\t']).filter(|shorter| !shorter.ends_with('\\')) {
        pattern = shorter;
    }
    if pattern.is_empty() || pattern.starts_with('#') || pattern.len() > MAX_PATTERN {
        return None;
    }
    let takes_back = pattern.starts_with('!');
    let pattern = if takes_back { &pattern[1..] } else { pattern };
    let (pattern, is_for_folders) = pattern.strip_suffix('/').map_or((pattern, false), |shorter| (shorter, true));
    let is_anchored = pattern.contains('/');
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
    let anywhere = if is_anchored { "" } else { "(?:.*/)?" };
    let pattern = Regex::new(&format!("(?s)^{anywhere}{}$", translated(pattern)?)).ok()?;
    Some(Rule { base: base.to_owned(), pattern, is_for_folders, takes_back })
}

/// A pattern of git's as a regular expression; `None` for one that fits nothing.
fn translated(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(next) = rest.chars().next() {
        let at_start = out.is_empty() || out.ends_with('/') || out.ends_with("(?:.*/)?");
        if at_start && let Some(behind) = rest.strip_prefix("**/") {
            out.push_str("(?:.*/)?");
            rest = behind;
            continue;
        }
        if at_start && rest == "**" {
            out.push_str(".+");
            break;
        }
        rest = &rest[next.len_utf8()..];
        match next {
            '*' => {
                rest = rest.trim_start_matches('*');
                out.push_str("[^/]*");
            }
            '?' => out.push_str("[^/]"),
            '[' => {
                // A bracket that is first in the set belongs to it.
                let start = usize::from(rest.starts_with(['!', '^']));
                let first = start + usize::from(rest[start..].starts_with(']'));
                let end = first + rest[first..].find(']')?;
                let set =
                    rest[start..end].replace('\\', "\\\\").replace('[', "\\[").replace('&', "\\&").replace('~', "\\~");
                let set = set.strip_prefix(']').map_or(set.clone(), |more| format!("\\]{more}"));
                let not = if start == 1 { "^/" } else { "" };
                out.push_str(&format!("[{not}{}]", set.replace('^', "\\^")));
                rest = &rest[end + 1..];
            }
            '\\' => {
                let escaped = rest.chars().next()?;
                out.push_str(&regex::escape(&rest[..escaped.len_utf8()]));
                rest = &rest[escaped.len_utf8()..];
            }
            other => out.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;

    const LISTS: [(&str, &str); 2] = [
        (
            "",
            "# built\n*.o\n/out\ndist/\ndoc/*.txt\n**/gen\na/**/z\nlogs/**\n!keep.o\n[ab]x\n[!c]y\n\\#sharp\n\\!bang\nspace\\ \ntrail  \n*.[oa]\nx?z\n[]]q\nsub/deep\n",
        ),
        ("sub", "local\n/only\n!dist/\n*.tmp\n!*.o\n"),
    ];

    const PATHS: [&str; 34] = [
        "a.o",
        "keep.o",
        "sub/a.o",
        "out",
        "sub/out",
        "dist/",
        "dist",
        "sub/dist/",
        "doc/a.txt",
        "doc/b/a.txt",
        "gen",
        "x/gen",
        "x/y/gen/",
        "a/z",
        "a/b/z",
        "a/b/c/z",
        "logs/x",
        "logs/x/y",
        "ax",
        "cx",
        "by",
        "cy",
        "#sharp",
        "!bang",
        "space ",
        "trail",
        "lib.a",
        "x1z",
        "x/z",
        "]q",
        "sub/local",
        "sub/x/local",
        "sub/only",
        "sub/deep",
    ];

    /// git's own answer for each path.
    #[test]
    #[allow(clippy::print_stdout)]
    fn patterns_are_gits() {
        if Command::new("git").arg("--version").output().is_err() {
            println!("skipped patterns_are_gits: no git here");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let git = |words: &[&str]| {
            let mut git = Command::new("git");
            git.args(words).current_dir(root.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", root.path());
            git.output().unwrap()
        };
        assert!(git(&["init", "-q"]).status.success());
        let mut ignored = Ignored::of(root.path());
        for (folder, text) in LISTS {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join(".gitignore"), text).unwrap();
            ignored.enter(folder);
        }
        let mut seen = [0, 0];
        for path in PATHS {
            let is_folder = path.ends_with('/');
            let plain = path.trim_end_matches('/');
            // git says of what is in an ignored folder that it is ignored, and is not asked here.
            let theirs = git(&["check-ignore", "-q", "--no-index", path]).status.code() == Some(0);
            let above: Vec<&str> = plain.match_indices('/').map(|(at, _)| &plain[..at]).collect();
            let ours =
                above.iter().any(|folder| ignored.passes_over(folder, true)) || ignored.passes_over(plain, is_folder);
            assert_eq!(ours, theirs, "{path:?}");
            seen[usize::from(ours)] += 1;
        }
        assert!(seen[0] >= 8 && seen[1] > 15, "{seen:?}");
    }

    #[test]
    fn a_folder_that_comes_again_brings_its_list_anew() {
        let root = tempfile::tempdir().unwrap();
        let list = root.path().join(".gitignore");
        let mut ignored = Ignored::of(root.path());
        for n in 0..2 * MAX_PATTERNS {
            fs::write(&list, format!("old{n}\nnew\n")).unwrap();
            ignored.enter("");
        }
        assert!(ignored.passes_over("new", false) && !ignored.passes_over("old1", false));
        fs::remove_file(&list).unwrap();
        ignored.enter("");
        assert!(!ignored.passes_over("new", false));
    }

    #[test]
    fn what_nobody_edits_is_passed_over_without_a_list() {
        let ignored = Ignored::default();
        assert!(ignored.passes_over("web/node_modules", true) && ignored.passes_over("main.c~", false));
        assert!(!ignored.passes_over("src/main.c", false));
    }
}
