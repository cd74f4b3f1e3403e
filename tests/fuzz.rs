//! A bounded run of every fuzz target on any toolchain: its seeds, and a fixed number of changes of them that are the same in
//! every run. `fuzz/` has the same targets for a fuzzer that is guided by coverage and runs as long as one lets it.
//!
//! `OMG_FUZZ_ROUNDS` asks for more changes of each seed.

#![allow(clippy::print_stdout)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Changes of each seed.
const ROUNDS: usize = 400;
/// A seed of the shared data is cut to so much.
const MOST_SEED_BYTES: usize = 16 << 10;
/// All that the whole process may ask for. A few KiB that make a decoder ask for gigabytes end it.
const MOST_MEMORY_BYTES: u64 = 3 << 30;

macro_rules! targets {
    ($($test:ident $name:literal),* $(,)?) => {
        $(#[test] fn $test() { run($name); })*
        const NAMES: &[&str] = &[$($name),*];
    };
}

targets! {
    advisories "advisories",
    apt_conf "apt-conf",
    apt_control "apt-control",
    apt_files "apt-files",
    apt_logs "apt-logs",
    apt_packages "apt-packages",
    apt_preferences "apt-preferences",
    apt_release "apt-release",
    apt_sources "apt-sources",
    apt_translations "apt-translations",
    apt_version "apt-version",
    audit_log "audit-log",
    aur_metadata "aur-metadata",
    bundle "bundle",
    cvss "cvss",
    dns "dns",
    engine_reply "engine-reply",
    git_pack "git-pack",
    http "http",
    index "index",
    locks "locks",
    licenses "licenses",
    names "names",
    pacman_conf "pacman-conf",
    pacman_desc "pacman-desc",
    pacman_log "pacman-log",
    pacman_sync "pacman-sync",
    pacman_tar "pacman-tar",
    pacman_version "pacman-version",
    pins "pins",
    policy "policy",
    provenance "provenance",
    purl "purl",
    relations "relations",
    runtime_lock "runtime-lock",
    search "search",
    secrets "secrets",
    secrets_baseline "secrets-baseline",
    signature "signature",
    srcinfo "srcinfo",
    tasks "tasks",
    unpack "unpack",
    versions "versions",
    vex "vex",
}

#[test]
fn every_target_is_run_here_and_has_a_program_and_seeds() {
    let targets: Vec<&str> = omg::fuzz::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(targets, NAMES);
    for name in NAMES {
        let program = package().join(format!("fuzz/fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(&program).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        assert!(text.contains(&format!("{name:?}")), "{} runs another target", program.display());
        assert!(!seeds(name).is_empty(), "no seeds for {name}");
    }
}

/// A piece that is repeated until it is deep, long or many: recursion without a bound, or work that grows with the square.
#[test]
fn deep_and_long_inputs() {
    const BYTES: usize = 40_000;
    const PIECES: &[&str] = &[
        "a{",
        "a::",
        "a {\n",
        "[",
        "[[",
        "[a]\n",
        "{\"a\":",
        "{",
        "(",
        "(a|",
        "*a",
        "*?",
        "[a-",
        "/",
        "../",
        "\n",
        "a\n",
        "a: b\n",
        "a: b\n\n",
        "a:\n b\n",
        " ",
        "a=",
        "a=b\n",
        "%A%\n",
        "%A%\nb\n\n",
        "a|",
        "a,",
        "a, ",
        "\"",
        "'",
        "#include \"x\";\n",
        "#",
        "a.",
        "1.",
        "~",
        "-",
        "1-",
        "\\",
        "\u{130}",
        "\u{e9}",
        "\0",
        "deb http://h s c\n",
        "deb [a=b] http://h s c\n",
        "choice\ta\t\t1\tm\t\n",
        "pkgname = a\n",
        "\tdepends = a\n",
        "Package: a\nVersion: 1\n\n",
        "Package: *\nPin: version *\nPin-Priority: 1\n\n",
        "Server = a\n",
        "IgnorePkg = a\n",
        "nameserver ::1\n",
        "x a: b\n",
        "[x]\na = [\n",
        "a.a.",
        "x = { a = ",
        "banned = [",
        "\n---\n",
        "{\"seq\":1,",
        "a: &a [*a, ",
        "a: {b: ",
        "- a\n",
        "a: b\na: c\n",
        "include x\n",
        "import 'x'\n",
        "a = $(a)\n",
        "$(a) ",
        "define a\n",
        "'\"`",
        "a:\\\n",
        "password = \"a1\" ",
        "://a:b1c2d3@",
        "-----BEGIN PRIVATE KEY-----",
        "eyJ",
        "ghp_",
        "namespace :a do\n",
        "task a(b) {\n",
    ];
    limit();
    for (name, target) in omg::fuzz::TARGETS {
        for piece in PIECES {
            let front = match *name {
                "engine-reply" => "omg-engine 3 lib 1\n",
                "aur-metadata" => "[\n",
                "srcinfo" => "pkgbase = a\n",
                _ => "",
            };
            let data = front.to_owned() + &piece.repeat(BYTES / piece.len());
            // Said first: a stack that overflows ends the process.
            println!("{name}: {piece:?} again and again");
            target(data.as_bytes());
        }
    }
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Our own, and what there is of the shared data in the same format.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = package().join("fuzz/seeds").join(name);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&folder).map_or(Vec::new(), |all| all.map(|e| e.unwrap().path()).collect());
    paths.sort();
    let data = std::env::var_os("OMG_TEST_DATA").map_or_else(|| package().join("../shared/data"), PathBuf::from);
    let shared: &[&str] = match name {
        "unpack" => &["arch-sync/arch-2026-03/garuda.db", "files-2025-09/extra.db"],
        "pins" => &["runtimes/node/dist-index-sample.json"],
        _ => &[],
    };
    paths.extend(shared.iter().map(|path| data.join(path)).filter(|path| path.is_file()));
    let cut = |path: PathBuf| {
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(MOST_SEED_BYTES);
        bytes
    };
    paths.into_iter().map(cut).collect()
}

fn limit() {
    static LIMIT: Once = Once::new();
    LIMIT.call_once(|| {
        use rustix::process::{Resource, Rlimit, setrlimit};
        setrlimit(Resource::As, Rlimit { current: Some(MOST_MEMORY_BYTES), maximum: None }).unwrap();
    });
}

fn run(name: &str) {
    limit();
    let (_, target) = omg::fuzz::TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let rounds = std::env::var("OMG_FUZZ_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let seeds = seeds(name);
    let try_it = |data: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| target(data))).is_err() {
            panic!("{name} fails on these {} bytes: {}", data.len(), data.escape_ascii());
        }
    };
    try_it(&[]);
    for (number, seed) in seeds.iter().enumerate() {
        try_it(seed);
        let mut dice = Dice(number as u64 + 1);
        for _ in 0..rounds {
            let mut data = seed.clone();
            for _ in 0..=dice.below(4) {
                change(&mut data, &seeds, &mut dice);
            }
            try_it(&data);
        }
    }
}

/// What decoders trip over.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"\n\n",
    b" ",
    b"\t",
    b"\0",
    b"\r\n",
    b":",
    b"%",
    b"%%\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"#",
    b"=",
    b"-",
    b"/",
    b"../",
    b"*",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xa8",
    b"\xc4\xb0",
    b"18446744073709551615",
    b"-9223372036854775808",
    b"4294967296",
    b"99999999999999999999999",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\0",
    b"1e999",
    b"\\ud800",
    b"//",
    b"::",
    b"<!-- ",
    b"\"\"\"",
];

fn change(data: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(data.len() + 1);
    let end = at + dice.below((data.len() - at).min(64) + 1);
    match dice.below(8) {
        0 | 1 if at < data.len() => data[at] ^= 1 << dice.below(8),
        2 if at < data.len() => data[at] = dice.below(256) as u8,
        3 => drop(data.drain(at..end)),
        4 => {
            let piece = data[at..end].to_vec();
            for _ in 0..=dice.below(20) {
                data.splice(at..at, piece.iter().copied());
            }
        }
        5 => drop(data.splice(at..at, PIECES[dice.below(PIECES.len())].iter().copied())),
        6 => data.truncate(at),
        _ => {
            // The end of another seed.
            let other = &seeds[dice.below(seeds.len())];
            data.truncate(at);
            data.extend_from_slice(&other[dice.below(other.len() + 1)..]);
        }
    }
}

/// A small generator, the same numbers for the same start.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }
}
