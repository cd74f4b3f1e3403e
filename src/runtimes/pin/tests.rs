//! What a folder asks for: the files of every tool, and hostile ones.

use super::*;
use rustix::fs::FileType;
use std::fs;
use tempfile::TempDir;

/// `(file, content, [(runtime, version, line)])`
type Case = (&'static str, &'static str, &'static [(Runtime, &'static str, u32)]);

use Runtime::{Bun, Deno, Go, Java, Node, Python, Ruby, Rust, Zig};

const CASES: &[Case] = &[
    (".nvmrc", "v20.11.0\n", &[(Node, "v20.11.0", 1)]),
    (".nvmrc", "lts/hydrogen", &[(Node, "lts/hydrogen", 1)]),
    (".nvmrc", "\u{feff}# the LTS\r\n\r\n 18 # until spring\r\n20\r\n", &[(Node, "18", 3)]),
    (".nvmrc", "lts/*\n", &[(Node, "lts/*", 1)]),
    (".nvmrc", ">=22  <23 # until spring\n20\n", &[(Node, ">=22  <23", 1)]),
    (".node-version", "'20 || 22'\n", &[(Node, "20 || 22", 1)]),
    (".nvmrc", "\n\n", &[]),
    (".node-version", "\"20.9\"\n", &[(Node, "20.9", 1)]),
    (".python-version", "3.12.1\n3.11.7\n", &[(Python, "3.12.1", 1)]),
    (".python-version", "3.10.4 2.7.18\n", &[(Python, "3.10.4", 1)]),
    (".python-version", "cpython-3.13-linux-x86_64-gnu\n", &[(Python, "cpython-3.13-linux-x86_64-gnu", 1)]),
    (".go-version", "go1.22.1\n", &[(Go, "go1.22.1", 1)]),
    (".ruby-version", "ruby-3.3.0@shop\n", &[(Ruby, "ruby-3.3.0@shop", 1)]),
    (".java-version", "temurin-17.0.9\n", &[(Java, "temurin-17.0.9", 1)]),
    (".bun-version", "1.1.0", &[(Bun, "1.1.0", 1)]),
    (".deno-version", "2.0.0\n", &[(Deno, "2.0.0", 1)]),
    (
        ".sdkmanrc",
        "# Enable auto-env\n# Add key=value pairs of SDKs to use below\njava=21.0.2-tem\ngradle=8.5\n",
        &[(Java, "21.0.2-tem", 3)],
    ),
    (".sdkmanrc", "java = 17.0.8-graalce\r\n", &[(Java, "17.0.8-graalce", 1)]),
    (
        ".tool-versions",
        "# tools\nnodejs 20.11.0 18.19.0\nruby\t3.3.0 # rails\nterraform 1.7.0\ngolang 1.22\npython system\njava\n",
        &[(Node, "20.11.0", 2), (Ruby, "3.3.0", 3), (Go, "1.22", 5), (Python, "system", 6)],
    ),
    (
        "go.mod",
        "module example.org/x\n\ngo 1.21 // keep\n\ntoolchain go1.22.3\n\nrequire (\n\tgo 1.0\n\texample.org/y v1.2.3\n)\n",
        &[(Go, "go1.22.3", 5), (Go, ">=1.21", 3)],
    ),
    ("go.mod", "module x\r\ntoolchain default\r\ngo 1.16\r\n", &[(Go, ">=1.16", 3)]),
    (
        "Gemfile",
        "# frozen_string_literal: true\nsource 'https://rubygems.org'\nruby '>= 3.1', \"< 3.4\" # both\ngem 'ruby-prof'\n",
        &[(Ruby, ">= 3.1, < 3.4", 3)],
    ),
    ("Gemfile", "ruby(\"3.2.2\", engine: \"jruby\", engine_version: \"9.4.0.0\")\n", &[(Ruby, "3.2.2", 1)]),
    ("Gemfile", "ruby file: '.ruby-version'\nruby ENV['R']\nruby \"#{v}\"\nruby_gem 'x'\n# ruby '2.0'\n", &[]),
    ("rust-toolchain", "nightly-2024-05-01\n", &[(Rust, "nightly-2024-05-01", 1)]),
    ("rust-toolchain", "[toolchain]\nchannel = \"1.78\"\n", &[(Rust, "1.78", 2)]),
    (
        "rust-toolchain.toml",
        "\u{feff}# pinned\r\n[toolchain]\r\ncomponents = [\"rustfmt\"]\r\nchannel = '1.85.0' # MSRV\r\n",
        &[(Rust, "1.85.0", 4)],
    ),
    ("rust-toolchain.toml", "[toolchain]\npath = \"/opt/rust\"\n", &[]),
    (
        "pyproject.toml",
        "[build-system]\nrequires = [\"hatchling\"]\n[project]\nname = \"x\"\nrequires-python = \">=3.9,<4\"\n",
        &[(Python, ">=3.9,<4", 5)],
    ),
    ("pyproject.toml", "[tool.poetry.dependencies]\npython = \"^3.11\"\ndjango = \"*\"\n", &[(Python, "^3.11", 2)]),
    ("pyproject.toml", "[project]\nrequires-python = \">=3.8\"\ndependencies = [\"cut off", &[(Python, ">=3.8", 2)]),
    ("pyproject.toml", "[tool.black]\nline-length = 100\n", &[]),
    (
        "mise.toml",
        "[env]\nA = '1'\n[tools]\nnode = '22'\npython = ['3.12', '3.11']\n\"core:go\" = { version = \"1.22\" }\nerlang = '27'\n\
         ruby = \"{{ env.RUBY }}\"\n[tools.java]\nversion = 'temurin-21'\n",
        &[(Node, "22", 4), (Python, "3.12", 5), (Go, "1.22", 6), (Java, "temurin-21", 10)],
    ),
    (".mise.toml", "tools = { bun = 'latest', zig = \"0.12\" }\n", &[(Bun, "latest", 1), (Zig, "0.12", 1)]),
    (
        "omg.toml",
        "[runtimes]\nnode = \"22\"\npython = 3.12\n[packages]\nrust = '1'\n",
        &[(Node, "22", 2), (Python, "3.12", 3)],
    ),
    (
        "package.json",
        "{\n  \"name\": \"x\",\n  \"engines\": { \"npm\": \">=9\", \"node\": \">=18 <23\" },\n  \"volta\": {\n    \"node\": \"20.11.0\",\n\
         \"yarn\": \"4\"\n  }\n}\n",
        &[(Node, "20.11.0", 5), (Node, ">=18 <23", 3)],
    ),
    (
        "package.json",
        "{\"devEngines\": {\"runtime\": {\"version\": \"^22.0.0\", \"onFail\": \"error\", \"name\": \"node\"},\n\
         \"packageManager\": {\"name\": \"bun\", \"version\": \">=1.2\"}}}",
        &[(Node, "^22.0.0", 1), (Bun, ">=1.2", 2)],
    ),
    (
        "package.json",
        "{\"devEngines\": {\"runtime\": [{\"name\": \"node\", \"version\": \">=20\"}, {\"name\": \"deno\", \"version\": \"2\"}]}}",
        &[(Node, ">=20", 1), (Deno, "2", 1)],
    ),
    (
        "package.json",
        "{\"packageManager\": \"bun@1.2.3+sha512.abcdef\", \"engines\": {\"bun\": \">=1\"}}",
        &[(Bun, ">=1", 1), (Bun, "1.2.3", 1)],
    ),
    ("package.json", "{\"packageManager\": \"pnpm@9.0.0\", \"dependencies\": {\"node\": \"1\"}}", &[]),
    ("package.json", "{\"x\": {\"engines\": {\"node\": \"1\"}}, \"engines\": [\"node >= 0.4\"]}", &[]),
    ("package.json", "{\"engines\": {\"node\": \">=18\"}, \"files\": [\"cut", &[(Node, ">=18", 1)]),
];

fn folder() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    // A temporary folder may be reached through a link; its own path is as good a name as any.
    let path = dir.path().to_owned();
    (dir, path)
}

/// As `(runtime, version, file name, line)`.
fn seen(pins: &[Pin]) -> Vec<(Runtime, &str, &str, u32)> {
    pins.iter()
        .map(|pin| (pin.runtime, pin.version.as_str(), pin.file.file_name().unwrap().to_str().unwrap(), pin.line))
        .collect()
}

#[test]
fn every_format_as_people_write_it() {
    for (name, content, expected) in CASES {
        let (_dir, path) = folder();
        fs::write(path.join(name), content).unwrap();
        let pins = all(&path, Some(&path));
        let expected: Vec<_> =
            expected.iter().map(|(runtime, version, line)| (*runtime, *version, *name, *line)).collect();
        assert_eq!(seen(&pins), expected, "{name}: {content:?}");
        assert!(pins.iter().all(|pin| pin.file == path.join(name)));
    }
}

#[test]
fn every_file_of_the_table_has_a_case() {
    for file in &FILES {
        let covered = CASES.iter().any(|(name, _, pins)| *name == file.name && !pins.is_empty());
        assert!(covered, "{}", file.name);
    }
}

#[test]
fn a_parser_finds_only_what_its_file_is_said_to_speak_of() {
    for (name, content, _) in CASES {
        let file = FILES.iter().find(|file| file.name == *name).unwrap();
        let text = content.trim_start_matches('\u{feff}');
        assert!((file.parse)(text).iter().all(|found| file.speaks_of & found.runtime.bit() != 0), "{name}");
    }
}

#[test]
fn every_cut_and_every_byte_changed_is_survived() {
    let (_dir, path) = folder();
    let mut buffer = Vec::new();
    for (name, content, _) in CASES {
        let file = FILES.iter().find(|file| file.name == *name).unwrap();
        for cut in 0..content.len() {
            for byte in [None, Some(0), Some(b'"'), Some(b'\n'), Some(0x1b), Some(0xff)] {
                buffer.clear();
                buffer.extend_from_slice(content.as_bytes());
                match byte {
                    None => buffer.truncate(cut),
                    Some(byte) => buffer[cut] = byte,
                }
                for found in (file.parse)(&String::from_utf8_lossy(&buffer)) {
                    assert!(!found.version.chars().any(char::is_control), "{name}: {found:?}");
                    let lines = buffer.iter().filter(|&&b| b == b'\n').count() as u32 + 1;
                    assert!((1..=lines).contains(&found.line), "{name}: {found:?}");
                }
            }
        }
    }
    assert_eq!(all(&path, Some(&path)), []);
}

#[test]
fn the_nearest_folder_wins_then_the_order_of_files() {
    let (_dir, home) = folder();
    let near = home.join("work/shop/web");
    fs::create_dir_all(&near).unwrap();
    fs::write(home.join(".tool-versions"), "python 3.10\nnodejs 16\n").unwrap();
    fs::write(home.join("work/shop/.nvmrc"), "18").unwrap();
    fs::write(home.join("work/shop/.tool-versions"), "nodejs 20\n").unwrap();
    fs::write(near.join("package.json"), "{\"engines\": {\"node\": \">=14\"}}").unwrap();
    assert_eq!(
        seen(&all(&near, Some(&home))),
        [
            (Node, ">=14", "package.json", 1),
            (Node, "20", ".tool-versions", 1),
            (Node, "18", ".nvmrc", 1),
            (Python, "3.10", ".tool-versions", 1),
            (Node, "16", ".tool-versions", 2),
        ]
    );
    assert_eq!(
        seen(&active(&near, Some(&home))),
        [(Node, ">=14", "package.json", 1), (Python, "3.10", ".tool-versions", 1)]
    );
    assert_eq!(seen(&active(&home.join("work/shop"), Some(&home)))[0], (Node, "20", ".tool-versions", 1));
}

#[test]
fn nothing_above_home_counts() {
    let (_dir, path) = folder();
    let home = path.join("home");
    fs::create_dir_all(home.join("a")).unwrap();
    fs::write(path.join(".nvmrc"), "12").unwrap();
    assert_eq!(active(&home.join("a"), Some(&home)), []);
    assert_eq!(active(&home, Some(&home)), []);
    // Not below home: up to the root.
    assert_eq!(seen(&active(&home.join("a"), Some(&path.join("elsewhere")))), [(Node, "12", ".nvmrc", 1)]);
}

#[test]
fn active_is_the_first_of_all_for_each_runtime() {
    let (_dir, home) = folder();
    let near = home.join("near");
    fs::create_dir(&near).unwrap();
    // Files of every case that does not hide another: those of one folder in one, the later ones nearer.
    for (index, (name, content, _)) in CASES.iter().enumerate() {
        let folder = if index % 2 == 0 { &home } else { &near };
        fs::write(folder.join(name), content).unwrap();
    }
    let every = all(&near, Some(&home));
    let mut first: Vec<Pin> = Vec::new();
    for pin in &every {
        if !first.iter().any(|other| other.runtime == pin.runtime) {
            first.push(pin.clone());
        }
    }
    assert_eq!(active(&near, Some(&home)), first);
    assert!(first.len() >= 8 && every.len() > first.len());
}

#[test]
fn what_is_no_regular_file_is_passed_over_and_told_of() {
    let (_dir, path) = folder();
    fs::create_dir(path.join("package.json")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path.join(".nvmrc"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path.join(".node-version")).unwrap();
    std::os::unix::fs::symlink("nowhere", path.join("go.mod")).unwrap();
    std::os::unix::fs::symlink(".ruby-version", path.join(".ruby-version")).unwrap();
    fs::write(path.join("real"), "3.12").unwrap();
    std::os::unix::fs::symlink("real", path.join(".python-version")).unwrap();
    assert_eq!(seen(&all(&path, Some(&path))), [(Python, "3.12", ".python-version", 1)]);
    assert_eq!(
        faults(&path),
        [
            ".nvmrc is no regular file",
            ".node-version is no regular file",
            ".ruby-version cannot be read: Too many levels of symbolic links (os error 40)",
            "package.json is no regular file",
            "go.mod is a link to nothing",
        ]
    );
}

/// What is told of the files of a folder.
fn faults(folder: &Path) -> Vec<String> {
    let shown = |fault: &Fault| fault.to_string().replace(&format!("{}/", folder.display()), "");
    active_with_faults(folder, Some(folder)).1.iter().map(shown).collect()
}

#[test]
fn a_damaged_version_file_is_told_of_with_its_line() {
    for (name, content, told) in [
        ("omg.toml", "[runtimes", "omg.toml line 1 is no TOML: unclosed table, expected `]`"),
        (
            "omg.toml",
            "[env]\n[runtimez]\nnode = '22'",
            "omg.toml line 2 has an unknown key `runtimez`: did you mean `runtimes`?",
        ),
        ("package.json", "{bad", "package.json line 1 is no JSON: key must be a string"),
        (".nvmrc", "# mine\n20\0\n", ".nvmrc line 2 holds nothing that can be a version"),
        (".nvmrc", "20\u{1b}[31m", ".nvmrc line 1 holds nothing that can be a version"),
        (".nvmrc", "\n", ".nvmrc names no version"),
        (
            "rust-toolchain.toml",
            "[toolchain]\npath = '/opt/rust'\n",
            "rust-toolchain.toml line 2 names a toolchain by its path, and omg manages none of these",
        ),
    ] {
        let (_dir, path) = folder();
        fs::write(path.join(name), content).unwrap();
        assert_eq!(faults(&path), [told], "{content:?}");
    }
    for (name, content) in [
        ("omg.toml", "[runtimes]\nnode = '22'\n[env]\n[tasks]\n"),
        ("package.json", "{ // ours\n \"engines\": { \"node\": \"20\", } }"),
        ("package.json", "{}"),
        ("go.mod", "module x\n"),
        (".tool-versions", "jq 1.7\n"),
        ("rust-toolchain", "stable\n"),
    ] {
        let (_dir, path) = folder();
        fs::write(path.join(name), content).unwrap();
        assert_eq!(faults(&path), [] as [&str; 0], "{content:?}");
    }
}

#[test]
fn what_is_decided_nearer_is_not_complained_of() {
    let (_dir, home) = folder();
    fs::create_dir(home.join("near")).unwrap();
    fs::write(home.join(".nvmrc"), "20\0").unwrap();
    fs::write(home.join("near/.node-version"), "22").unwrap();
    assert_eq!(active_with_faults(&home.join("near"), Some(&home)).1, []);
}

#[test]
fn only_the_first_mib_is_read_and_that_is_told() {
    let (_dir, path) = folder();
    let filler = "# filler\n".repeat(120_000);
    fs::write(path.join(".nvmrc"), format!("{filler}20\n")).unwrap();
    fs::write(path.join(".ruby-version"), format!("3.3\n{filler}")).unwrap();
    fs::write(path.join("pyproject.toml"), format!("[project]\nrequires-python = '>=3'\n{filler}")).unwrap();
    fs::write(path.join("package.json"), format!("{{\"engines\": {{\"node\": \">=1\"}}, \"f\": \"{filler}\"}}"))
        .unwrap();
    assert_eq!(
        seen(&all(&path, Some(&path))),
        [(Ruby, "3.3", ".ruby-version", 1), (Node, ">=1", "package.json", 1), (Python, ">=3", "pyproject.toml", 2)]
    );
    let told = ".nvmrc is larger than 1 MiB, and only its beginning is read";
    assert!(faults(&path).contains(&told.to_owned()), "{:?}", faults(&path));
}

#[test]
fn terminal_sequences_never_come_out() {
    let (_dir, path) = folder();
    let version = "20\u{1b}]0;pwned\u{7}";
    fs::write(path.join(".nvmrc"), version).unwrap();
    fs::write(path.join(".python-version"), "3.12\u{9b}31m").unwrap();
    fs::write(path.join(".ruby-version"), "3.3\u{202e}0.1").unwrap();
    fs::write(path.join("package.json"), "{\"engines\": {\"node\": \"1\\u001b[2J\", \"bun\": \"1\\n2\"}}").unwrap();
    fs::write(path.join("mise.toml"), "[tools]\ngo = \"1\\u001b[2J\"\n").unwrap();
    fs::write(path.join(".bun-version"), [b'1', 0xff, b'2']).unwrap();
    fs::write(path.join(".java-version"), "1".repeat(5000)).unwrap();
    assert_eq!(seen(&all(&path, Some(&path))), [(Bun, "1\u{fffd}2", ".bun-version", 1)]);
}

#[test]
fn a_folder_that_is_gone_unreadable_or_too_deep() {
    assert_eq!(
        all(Path::new("/nonexistent/a/b"), Some(Path::new("/")))
            .iter()
            .filter(|p| p.file.starts_with("/nonexistent"))
            .count(),
        0
    );
    let deep = format!("/nonexistent{}", "/d".repeat(10_000));
    assert_eq!(all(Path::new(&deep), None), []);
    let (_dir, path) = folder();
    let mut below = path.clone();
    for _ in 0..MAX_LEVELS - 1 {
        below.push("d");
    }
    fs::create_dir_all(below.join("d")).unwrap();
    fs::write(path.join(".nvmrc"), "20").unwrap();
    assert_eq!(active(&below, Some(&path)).len(), 1, "the last level that counts");
    let (pins, faults) = active_with_faults(&below.join("d"), Some(&path));
    assert_eq!(pins, [], "one level too deep");
    assert!(faults[0].to_string().ends_with("is 255 folders up, and no file above it is looked for"), "{faults:?}");
}

#[test]
fn one_walk_tells_what_two_would() {
    let (_dir, home) = folder();
    let below = home.join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    for (name, content) in [("a/b/.nvmrc", "22"), ("a/package.json", "{bad"), ("a/.nvmrc", "20"), ("omg.toml", "")] {
        std::fs::write(home.join(name), content).unwrap();
    }
    std::os::unix::fs::symlink("nowhere", home.join("a/go.mod")).unwrap();
    let of_all: String = Runtime::ALL.into_iter().map(|one| format!("{} = '1'\n", one.name())).collect();
    for nearest in ["", &format!("[runtimes]\n{of_all}")] {
        std::fs::write(below.join("omg.toml"), nearest).unwrap();
        let (pins, faults, folders) = survey(&below, Some(&home));
        assert_eq!((pins, faults), active_with_faults(&below, Some(&home)), "{nearest}");
        assert_eq!(folders, super::folders(&below, Some(&home)), "{nearest}");
    }
}
