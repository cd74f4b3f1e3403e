//! What a person sees while packages are fetched by the real engines from a slow server: on a terminal and without one, to the end and
//! broken off.

// What is skipped is said on standard output, where ./setup counts it.
#![allow(clippy::print_stdout)]

#[path = "support/apt.rs"]
mod apt;
#[path = "support/debian.rs"]
mod debian;
#[path = "support/pacman.rs"]
mod pacman;
#[path = "hostile/server.rs"]
mod server;

use pacman::{World, made};
use serde_json::Value;
use server::{Fault, Server};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const SIZE: usize = 200_000;

/// So many letters that do not compress.
fn noise() -> &'static str {
    let mut state = 1u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + ((state >> 33) % 90) as u8)
    };
    String::leak((0..SIZE).map(|_| letter()).collect())
}

/// A terminal as far as omg uses one.
#[derive(Default)]
struct Screen {
    lines: Vec<String>,
    row: usize,
    column: usize,
    /// Bytes of a sequence that is not whole yet.
    rest: Vec<u8>,
    /// All that it looked like after each piece that came.
    frames: Vec<String>,
}

impl Screen {
    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
        let text = match str::from_utf8(&self.rest) {
            Ok(text) => text.to_owned(),
            Err(error) => String::from_utf8(self.rest[..error.valid_up_to()].to_vec()).unwrap(),
        };
        let mut chars = text.chars();
        let mut used = 0;
        while let Some(c) = chars.next() {
            match c {
                '\r' => self.column = 0,
                '\n' => self.row += 1,
                '\x1b' => {
                    let sequence: String = chars.by_ref().take_while(|c| !c.is_ascii_alphabetic()).collect();
                    let end = text.len() - chars.as_str().len();
                    match text[..end].chars().last().filter(char::is_ascii_alphabetic) {
                        Some(end) => self.command(&sequence, end),
                        // The rest comes later.
                        None => break,
                    }
                }
                c => self.put(c),
            }
            used = text.len() - chars.as_str().len();
        }
        self.rest.drain(..used);
        let now = self.text();
        self.frames.push(now);
    }

    fn command(&mut self, sequence: &str, end: char) {
        let number = sequence.trim_start_matches('[').parse().unwrap_or(0);
        match end {
            'A' => self.row = self.row.checked_sub(number).expect("it goes above its own lines"),
            'K' => self.cut(),
            'J' => {
                self.lines.truncate(self.row + 1);
                self.cut();
            }
            'm' => {}
            other => panic!("ESC {sequence}{other}"),
        }
    }

    /// What is right of the cursor goes.
    fn cut(&mut self) {
        let column = self.column;
        let line = self.line();
        *line = line.chars().take(column).collect();
    }

    fn line(&mut self) -> &mut String {
        if self.lines.len() <= self.row {
            self.lines.resize(self.row + 1, String::new());
        }
        &mut self.lines[self.row]
    }

    fn put(&mut self, c: char) {
        let column = self.column;
        let mut letters: Vec<char> = self.line().chars().collect();
        letters.resize(letters.len().max(column + 1), ' ');
        letters[column] = c;
        *self.line() = letters.into_iter().collect();
        self.column += 1;
    }

    fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// Runs something at a terminal of 80 columns. As soon as its screen is as told, Ctrl-C is typed.
fn at_terminal(command: &Command, stop: impl Fn(&str) -> bool) -> Screen {
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
    let words: Vec<String> = [command.get_program()].into_iter().chain(command.get_args()).map(quoted).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &format!("stty cols 80 rows 24; exec {}", words.join(" ")), "/dev/null"]).env_clear();
    script.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?)))).env("TERM", "xterm");
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Open to the end, which would be typed too.
    let (mut keys, mut typed, mut screen) = (script.stdin.take().unwrap(), false, Screen::default());
    let (mut from, mut bytes) = (script.stdout.take().unwrap(), [0; 4096]);
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        screen.take(&bytes[..count]);
        if !typed && screen.frames.last().is_some_and(|now| stop(now)) {
            keys.write_all(b"\x03").unwrap();
            typed = true;
        }
    }
    script.wait().unwrap();
    screen
}

fn never(_: &str) -> bool {
    false
}

/// The events of one kind, without the plan at the end.
fn events(stdout: &str, kind: &str) -> Vec<Value> {
    let all = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter_map(|event| event.get("progress").cloned()).filter(|event| event["progress"] == kind).collect()
}

fn serve(conf: &Path, address: &str) {
    let text = fs::read_to_string(conf).unwrap();
    let (front, _) = text.split_once("Server = ").unwrap();
    fs::write(conf, format!("{front}Server = {address}\n")).unwrap();
}

fn has_script(test: &str) -> bool {
    let there = Command::new("script").arg("--version").output().is_ok();
    if !there {
        println!("skipped {test}: no script");
    }
    there
}

#[test]
fn pacman_downloads_are_lines_that_are_gone_in_the_end() {
    let test = "pacman_downloads_are_lines_that_are_gone_in_the_end";
    let Some(world) = World::new(test).filter(|_| has_script(test)) else { return };
    let packages = ["first", "second", "third"].map(|name| {
        let file: &'static str = String::leak(format!("usr/lib/{name}"));
        made(name, "1-1", &[]).with(Vec::leak(vec![(file, noise())]))
    });
    world.publish(&packages);
    let root = world.root("ours", "ParallelDownloads = 2");
    let server = Server::of(&world.at("repo"));
    serve(&root.conf(), &server.address);
    root.done("sync");
    server.has(Fault { of: ".pkg.tar.zst", slow: Some(20_000), ..Fault::default() });
    let line = |name: &str| format!("] {name}-1-1-any.pkg.tar.zst");
    let install = || {
        let _ = fs::remove_dir_all(root.path().join("cache"));
        root.command("install --yes first second third")
    };

    // Broken off, while two run.
    let two_run = |now: &str| ["first", "second", "third"].iter().filter(|name| now.contains(&line(name))).count() == 2;
    let screen = at_terminal(&install(), |now| two_run(now) && now.contains("0 of 3 files  "));
    let last = screen.text();
    assert!(screen.frames.iter().any(|now| two_run(now)), "{:#?}", screen.frames);
    assert!(last.contains("nothing was changed") && last.contains("stopped by a signal"), "{last}");
    assert!(!last.contains('#') && !last.contains("of 3 files"), "{last}");
    assert!(root.installed().is_empty());

    // To the end.
    let screen = at_terminal(&install(), never);
    let last = screen.text();
    for done in ["0 of 3 files  ", "2 of 3 files  "] {
        assert!(screen.frames.iter().any(|now| now.contains(done)), "{done}: {:#?}", screen.frames);
    }
    assert!(last.ends_with("3 packages: done\n") || last.ends_with("3 packages: done"), "{last}");
    assert!(!last.contains('#') && !last.contains("of 3 files"), "{last}");
    assert_eq!(root.installed(), ["first 1-1", "second 1-1", "third 1-1"]);

    // A terminal that cannot draw, and none at all: a line for each.
    server.has(Fault::default());
    root.done("remove --yes first second third");
    let (code, text) = (install().output().unwrap().status.code(), root.run("reinstall --yes first").1);
    assert_eq!(code, Some(0));
    assert!(!text.contains("fetched"), "it is in the cache: {text}");
    root.done("remove --yes first second third");
    let output = install().output().unwrap();
    // The library warns of folders in archives like these, without a slash at their end.
    let own = |stderr: Vec<u8>| {
        let text = String::from_utf8(stderr).unwrap();
        let mut told: Vec<String> = text.lines().filter(|l| !l.starts_with("warning: ")).map(str::to_owned).collect();
        told.sort();
        told
    };
    let told = own(output.stderr);
    let size = |name: &str| fs::metadata(world.at("repo").join(format!("{name}-1-1-any.pkg.tar.zst"))).unwrap().len();
    let fetched = |name: &str| format!("fetched {name}-1-1-any.pkg.tar.zst ({:.1} KiB)", size(name) as f64 / 1024.0);
    let wanted = ["3 packages: done".to_owned(), fetched("first"), fetched("second"), fetched("third")];
    assert_eq!(told, wanted);

    // And for other programs.
    root.done("remove --yes first second third");
    let output = install().arg("--json").output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<(String, Option<u64>)> = (events(&stdout, "fetched").iter())
        .map(|event| (event["what"].as_str().unwrap().to_owned(), event["bytes"].as_u64()))
        .collect();
    names.sort();
    let wanted = ["first", "second", "third"].map(|name| (format!("{name}-1-1-any.pkg.tar.zst"), Some(size(name))));
    assert_eq!(names, wanted);
    assert!(events(&stdout, "fetching").iter().all(|event| event["what"].as_str().unwrap().ends_with(".zst")));
    assert_eq!(own(output.stderr), ["3 packages: done"]);
}

#[test]
fn apt_downloads_are_lines_that_are_gone_in_the_end() {
    let test = "apt_downloads_are_lines_that_are_gone_in_the_end";
    let Some([root, _]) = apt::Root::twins(test).filter(|_| has_script(test)) else { return };
    let repository = root.path.join("srv/repo");
    let server = Server::of(&repository);
    let sources = format!("deb [signed-by=/etc/apt/keyrings/t.gpg] {}/ ./\n", server.address);
    fs::write(root.path.join("etc/apt/sources.list"), sources).unwrap();
    let output = root.omg("sync --json");
    assert!(output.status.success(), "{}", apt::talk(&output));
    let stdout = String::from_utf8(output.stdout).unwrap();
    // Each list once, whatever is done to it afterwards.
    let mut lists: Vec<Value> = events(&stdout, "fetched").into_iter().map(|event| event["what"].clone()).collect();
    let count = lists.len();
    lists.dedup();
    assert!(lists.len() == count && count >= 2, "{lists:?} {stdout}");

    let size = |name: &str| fs::metadata(repository.join(name)).unwrap().len();
    let wanted = ["alpha_2.0_all.deb", "beta_2.0_all.deb"];
    server.has(Fault { of: ".deb", slow: Some(100), ..Fault::default() });
    let clean = || _ = root.run(&["apt-get", "clean"]);
    let words = ["/opt/omg/omg", "install", "--yes", "alpha"];
    let screen =
        at_terminal(&root.command(&words), |now| now.contains("] alpha_2.0_all.deb") || now.contains("] beta_"));
    let last = screen.text();
    assert!(screen.frames.iter().any(|now| now.contains("0 of 2 files  ")), "{:#?}", screen.frames);
    assert!(last.contains("nothing was changed") && !last.contains('#') && !last.contains("of 2 files"), "{last}");
    clean();
    let screen = at_terminal(&root.command(&words), never);
    for name in wanted {
        assert!(screen.frames.iter().any(|now| now.contains(&format!("] {name}"))), "{name}: {:#?}", screen.frames);
    }
    assert!(screen.frames.iter().any(|now| now.contains("1 of 2 files  ")), "{:#?}", screen.frames);
    let last = screen.text();
    assert!(
        last.trim_end().ends_with("2 packages: done") && !last.contains('#') && !last.contains("of 2 files"),
        "{last}"
    );

    server.has(Fault::default());
    assert!(root.omg("remove --yes alpha beta").status.success());
    clean();
    let output = root.omg("install --yes --json alpha");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let mut fetched: Vec<(String, Option<u64>)> = (events(&stdout, "fetched").iter())
        .map(|event| (event["what"].as_str().unwrap().to_owned(), event["bytes"].as_u64()))
        .collect();
    fetched.sort();
    assert_eq!(fetched, wanted.map(|name| (name.to_owned(), Some(size(name)))));
    assert!(root.omg("remove --yes alpha beta").status.success());
    clean();
    let text = String::from_utf8(root.omg("install --yes alpha").stderr).unwrap();
    for name in wanted {
        assert!(text.contains(&format!("fetched {name} ({} B)\n", size(name))), "{text}");
    }
}
