//! Rules of the code itself, so that what ARCHITECTURE.md draws stays true.
//!
//! These read the sources as text. That is cruder than a lint and needs no toolchain of its own; where a rule has an
//! exception, the exception is named here with its reason.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file: its path below the package root with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Lines of code with their numbers: comments gone, and everything from the tests' module on, which stands last or in a file
    /// of its own.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let text = if self.path.ends_with("/tests.rs") { "" } else { &self.text };
        let lines = text.lines().enumerate().take_while(|(_, line)| line.trim() != "mod tests {");
        lines
            .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or("")))
            .filter(|(_, code)| !code.trim().is_empty())
    }

    fn is_engine(&self) -> bool {
        self.path.starts_with("src/bin/")
    }
}

fn package_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(package_root().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

fn rust_files(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| package_root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(package_root()).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path, text });
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folders:?}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn assert_none(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn no_async_runtime_in_the_lock_file() {
    const RUNTIMES: [&str; 12] = [
        "actix-rt",
        "async-executor",
        "async-global-executor",
        "async-io",
        "async-std",
        "glommio",
        "monoio",
        "futures-executor",
        "mio",
        "smol",
        "tokio",
        "tokio-uring",
    ];
    let lock = read("Cargo.lock");
    let names: Vec<_> = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert!(names.contains(&"anyhow"), "the lock file was not understood");
    assert_none(
        "an async runtime came in",
        names.iter().filter(|name| RUNTIMES.contains(name)).map(|name| (*name).to_owned()).collect(),
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let files = rust_files(&["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"]);
    let silent = files.iter().filter(|file| {
        let first = file.text.lines().find(|line| !line.starts_with("#!") && !line.is_empty());
        !first.is_some_and(|line| line.starts_with("//! "))
    });
    assert_none("these files do not open with `//!`", silent.map(|file| file.path.clone()).collect());
}

/// The layer of a module named directly below `crate`, higher first: `main > cli > commands > ops > domains > sys > model`.
/// `None` is a name this table does not know, which a test below refuses.
fn layer(module: &str) -> Option<u8> {
    Some(match module {
        "main" => 7,
        "cli" | "fuzz" => 6,
        "commands" => 5,
        "ops" => 4,
        "ui" | "index" | "backends" | "runtimes" | "audit" | "history" | "project" | "pool" | "hunt" | "dashboard"
        | "shell" | "units" | "doctor" => 3,
        // What every layer above is handed: built once by cli from arguments, environment and files.
        "context" | "config" | "error" => 2,
        "sys" => 1,
        "model" => 0,
        _ => return None,
    })
}

/// Below the layers' own rule: who may use what although it stands no lower.
fn is_allowed(from: &str, to: &str) -> bool {
    match (from, to) {
        _ if from == to => true,
        // Answers before the command line parser exists, from two domains and the printer.
        ("prompt", "index" | "runtimes" | "sys" | "model" | "ui" | "error") => true,
        ("main" | "cli", "prompt") => true,
        // Exit codes and hints are everybody's; they use nothing themselves.
        (_, "error") => from != "model",
        // Paths are part of the context.
        ("context" | "config", "sys" | "model") => true,
        ("context", "config" | "ui" | "index" | "ops") => true,
        // The prompt is a command that is answered before the others; the manual is made from the whole parser.
        ("commands", "prompt" | "cli") => true,
        ("prompt", "context" | "ops" | "commands") => true,
        // Only cli and commands print.
        (_, "ui") => matches!(from, "main" | "cli" | "commands"),
        _ => match (layer(from), layer(to)) {
            (Some(from), Some(to)) => from > to,
            _ => false,
        },
    }
}

/// The module directly below the crate that a file belongs to: `src/index/format.rs` is of `index`.
fn module_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Every `crate::x` and `omg::x` of a line, and those of `use crate::{x, y::z}`.
fn modules_used(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for marker in ["crate::", "omg::"] {
        for (at, _) in code.match_indices(marker) {
            if at > 0 && code[..at].ends_with(|before: char| before.is_alphanumeric() || "_:$".contains(before)) {
                continue;
            }
            let rest = &code[at + marker.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(heads_of_group(group)),
                None => found.push(identifier(rest)),
            }
        }
    }
    found.retain(|name| name.starts_with(|first: char| first.is_ascii_lowercase()));
    found
}

fn heads_of_group(group: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut start = 0;
    let mut heads = Vec::new();
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                heads.push(identifier(group[start..at].trim_start()));
                return heads;
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                heads.push(identifier(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    heads.push(identifier(group[start..].trim_start()));
    heads
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

#[test]
fn imports_are_understood() {
    assert_eq!(modules_used("use crate::model::{Scope, Source};"), ["model"]);
    assert_eq!(modules_used("use crate::{index::{a, b}, sys, Macro};"), ["index", "sys"]);
    assert_eq!(modules_used("    let x = crate::sys::unpack::whole(omg::ui::x);"), ["sys", "ui"]);
    assert!(modules_used("use $crate::ui; use some_crate::ui; pub(crate) fn x() {}").is_empty());
}

#[test]
fn imports_point_one_way() {
    assert!(is_allowed("commands", "ops") && is_allowed("ops", "index") && is_allowed("index", "model"));
    assert!(!is_allowed("index", "backends") && !is_allowed("sys", "index") && !is_allowed("ops", "ui"));
    let mut broken = Vec::new();
    for file in rust_files(&["src"]) {
        // The crate's root names every module, and the engines are programs of their own that use domains, sys and model.
        if file.path == "src/lib.rs" {
            continue;
        }
        let from = if file.is_engine() { "ops" } else { module_of(&file.path) };
        // A `use` may go over lines: joined up to its semicolon.
        let mut statement = String::new();
        let mut begun = 0;
        for (number, code) in file.code() {
            if statement.is_empty() {
                begun = number;
            }
            statement.push_str(code.trim());
            let open = statement.contains("use ") && !statement.contains(';');
            if open {
                statement.push(' ');
                continue;
            }
            // An engine's `crate` is itself.
            let statement_of_omg = if file.is_engine() { statement.replace("crate::", "") } else { statement.clone() };
            for to in modules_used(&statement_of_omg) {
                if !is_allowed(from, to) {
                    broken.push(format!("{}:{begun}: {from} uses {to}", file.path));
                }
            }
            statement.clear();
        }
    }
    assert_none("imports against `main > cli > commands > ops > domains > sys > model`", broken);
}

#[test]
fn only_ui_prints() {
    const PRINTERS: [&str; 6] = ["println!", "print!", "eprintln!", "eprint!", "stdout()", "stderr()"];
    let mut broken = Vec::new();
    for file in rust_files(&["src"]) {
        // The engines speak to omg over their standard streams, and the end of that protocol they use is in engine.rs.
        // The start asks whether the descriptors are open.
        let speaks = file.is_engine() || ["src/backends/engine.rs", "src/sys/start.rs"].contains(&file.path.as_str());
        if file.path.starts_with("src/ui/") || file.path == "src/ui.rs" || speaks {
            continue;
        }
        for (number, code) in file.code() {
            if PRINTERS.iter().any(|printer| names(code, printer)) {
                broken.push(format!("{}:{number}: {}", file.path, code.trim()));
            }
        }
    }
    assert_none("only src/ui prints", broken);
}

/// Whether `word` stands in `code` with no letter before it: `eprintln!` does not name `println!`.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}

#[test]
fn unsafe_stays_where_it_is_allowed() {
    // The process's own start, its signals, and the window of xz; the index is read without a mapping.
    const ALLOWED: [&str; 3] = ["src/main.rs", "src/sys/signals.rs", "src/sys/xz.rs"];
    let mut broken = Vec::new();
    for file in rust_files(&["src", "tests", "benches"]) {
        if ALLOWED.contains(&file.path.as_str()) || file.is_engine() {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code)", "unsafe("]
                .iter()
                .any(|form| names(code, form) && !code.contains('"'))
            {
                broken.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("unsafe outside the start and the engines", broken);
}

#[test]
fn the_change_log_knows_this_version() {
    let log = read("CHANGELOG.md");
    let heading = format!("## {}", env!("CARGO_PKG_VERSION"));
    assert!(
        log.lines().any(|line| line == heading || line.starts_with(&format!("{heading} "))),
        "CHANGELOG.md has no line `{heading}`"
    );
}

#[test]
fn nothing_unfinished() {
    const MARKS: [&str; 5] = ["todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME"];
    let mut broken = Vec::new();
    for file in rust_files(&["src", "benches"]) {
        for (number, line) in file.text.lines().enumerate() {
            if MARKS.iter().any(|mark| names(line, mark)) {
                broken.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("unfinished work", broken);
}

/// A list of tests that names one that is gone would promise what nothing holds.
#[test]
fn every_test_that_the_list_of_holes_names_is_there() {
    let list = read("docs/holes.md");
    let rows = list.lines().filter(|line| line.starts_with("| ")).skip(1);
    let sources = rust_files(&["src", "tests"]);
    let mut missing = Vec::new();
    let mut count = 0;
    for row in rows {
        let tests = row.rsplit(" | ").next().unwrap_or_default();
        for name in tests.split('`').skip(1).step_by(2) {
            count += 1;
            let test = format!("fn {name}()");
            if !sources.iter().any(|source| source.text.contains(&test)) {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(count > 20, "{count}");
    assert_none("docs/holes.md names tests that there are", missing);
}
