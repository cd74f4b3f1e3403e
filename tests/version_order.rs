//! Both families' version orders against the libraries that define them, over a million pairs drawn by mutating real versions
//! with a fixed seed.
//!
//! `vercmp` and `dpkg --compare-versions` take one pair a process. libalpm itself answers for the first, libapt-pkg for the
//! second, and dpkg's own Perl module, which is slow, for every fourth pair, or with `OMG_TEST_EVERY_PAIR` for all. Where one of them
//! is missing the test says so; the vectors of pacman's and dpkg's own suites stand beside the code.

#![allow(clippy::print_stdout, reason = "tests say what they compared and what they skipped")]

use omg::backends::alpm::{sync::SyncDatabase, vercmp};
use omg::backends::apt::version;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PAIRS: usize = 1_000_000;

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Where there is nothing real to begin with, and beside it.
const ODD: [&str; 28] = [
    "1",
    "0",
    "1.0",
    "1.00",
    "1.0-1",
    "1:1.0-1",
    "0:1",
    "2.0~rc1-1",
    "1.5a",
    "1.5.a",
    "1.5b-1",
    "2_0",
    "2___a",
    "1.0rc",
    "20240101",
    "18446744073709551616",
    "r1024.g0f3c",
    "1.0+dfsg-1+deb12u1",
    "1.0-1~bpo12+1",
    "007",
    "1..2",
    "1.",
    "1-1-1",
    "4.19.0.r3.gabc-2",
    "9.9.9.9.9",
    "1.0alpha",
    "10",
    "0~~",
];

const PIECES: [&str; 34] = [
    "0",
    "1",
    "2",
    "9",
    "10",
    "01",
    "007",
    "99999999999999999999",
    ".",
    ".",
    "..",
    "_",
    "+",
    "-",
    "-1",
    "-2",
    "-1.1",
    "1:",
    "0:",
    "2:",
    ":",
    "a",
    "b",
    "rc",
    "rc1",
    "alpha",
    "pre",
    "git",
    "~",
    "~~",
    "~bpo12+1",
    "+deb12u1",
    "A",
    "z",
];

/// Every version that pacman's real databases and this machine's dpkg know.
fn real_versions() -> Vec<String> {
    let mut versions: BTreeSet<String> = ODD.iter().map(|text| (*text).to_owned()).collect();
    let data = std::env::var_os("OMG_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    for file in ["arch-2017-12/extra.db", "arch-2026-03/chaotic-aur.db", "msys2-2024-05/ucrt64.db"] {
        let Ok(database) = SyncDatabase::open(&data.join("arch-sync").join(file), None) else { continue };
        versions.extend(database.entries().map(|entry| entry.version.to_owned()));
    }
    if let Ok(output) = Command::new("dpkg-query").args(["-W", "-f", "${Version}\n"]).output() {
        versions.extend(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned));
    }
    versions.into_iter().filter(|text| !text.is_empty() && !text.contains(char::is_whitespace)).collect()
}

/// A version and one that is mostly like it.
fn pair(real: &[String], random: &mut Random) -> (String, String) {
    let mut a = random.of(real).clone();
    (0..random.below(2)).for_each(|_| mutate(&mut a, real, random));
    let mut b = if random.below(12) == 0 { random.of(real).clone() } else { a.clone() };
    (0..1 + random.below(3)).for_each(|_| mutate(&mut b, real, random));
    (a, b)
}

fn mutate(text: &mut String, real: &[String], random: &mut Random) {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = *random.of(&places);
    match random.below(8) {
        0 | 1 => text.insert_str(at, random.of::<&str>(&PIECES)),
        2 if at < text.len() => drop(text.remove(at)),
        3 => text.truncate(at),
        4 => text.insert(0, char::from(random.of(real).as_bytes()[0])),
        5 => {
            // The tail of another.
            let other = random.of(real);
            let from = other.char_indices().map(|(at, _)| at).nth(random.below(other.len())).unwrap_or(0);
            text.truncate(at);
            text.push_str(&other[from..]);
        }
        _ => {
            // Another number in place of one.
            let bytes = text.as_bytes();
            let Some(start) = (at..bytes.len()).find(|&at| bytes[at].is_ascii_digit()) else { return };
            let end = (start..bytes.len()).find(|&at| !bytes[at].is_ascii_digit()).unwrap_or(bytes.len());
            let number: u64 = text[start..end].parse().unwrap_or(7);
            let other = match random.below(4) {
                0 => number.saturating_add(1).to_string(),
                1 => number.saturating_sub(1).to_string(),
                2 => format!("0{number}"),
                _ => number.saturating_mul(10).to_string(),
            };
            text.replace_range(start..end, &other);
        }
    }
}

/// Answers `<`, `=` or `>` for each line `A\tB`; `None` where the oracle cannot be run.
fn asked(program: &str, script: &[&str], pairs: &[(String, String)]) -> Option<Vec<u8>> {
    let text: String = pairs.iter().map(|(a, b)| format!("{a}\t{b}\n")).collect();
    let child = Command::new(program)
        .args(script)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.ok()?;
    let mut pipe = child.stdin.take()?;
    let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    if !output.status.success() {
        return None;
    }
    assert_eq!(output.stdout.len(), pairs.len());
    Some(output.stdout)
}

fn compare(oracle: &str, pairs: &[(String, String)], theirs: &[u8], ours: impl Fn(&str, &str) -> Ordering) {
    let mut seen = BTreeMap::new();
    for ((a, b), sign) in pairs.iter().zip(theirs) {
        let expected = match sign {
            b'<' => Ordering::Less,
            b'=' => Ordering::Equal,
            _ => Ordering::Greater,
        };
        assert_eq!(ours(a, b), expected, "{oracle}: {a:?} {b:?}");
        *seen.entry(char::from(*sign)).or_insert(0) += 1;
    }
    assert!(seen.len() == 3 && seen.values().all(|count| *count > pairs.len() / 50), "{oracle}: {seen:?}");
    println!("{oracle}: {} pairs: {seen:?}", pairs.len());
}

const LIBALPM: &str = "
import ctypes, ctypes.util, sys
compare = ctypes.CDLL(ctypes.util.find_library('alpm')).alpm_pkg_vercmp
compare.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
sign = {-1: '<', 0: '=', 1: '>'}
print(''.join(sign[compare(*line.rstrip(b'\\n').split(b'\\t'))] for line in sys.stdin.buffer), end='')
";

const LIBAPT: &str = "
import apt_pkg, sys
apt_pkg.init_system()
def sign(order): return '<' if order < 0 else '>' if order > 0 else '='
pairs = (line.rstrip('\\n').split('\\t') for line in sys.stdin)
print(''.join(sign(apt_pkg.version_compare(a, b)) for a, b in pairs), end='')
";

const DPKG: &str = "
use Dpkg::Version;
my %sign = (-1 => '<', 0 => '=', 1 => '>');
while (<STDIN>) { chomp; my ($a, $b) = split /\\t/; print $sign{version_compare($a, $b)} }
";

#[test]
fn a_million_pairs_in_the_order_of_libalpm() {
    let (real, mut random) = (real_versions(), Random(0x9e37_79b9_7f4a_7c15));
    let pairs: Vec<_> = (0..PAIRS).map(|_| pair(&real, &mut random)).collect();
    match asked("python3", &["-c", LIBALPM], &pairs) {
        Some(theirs) => compare("libalpm", &pairs, &theirs, vercmp::compare),
        None => println!("skipped a_million_pairs_in_the_order_of_libalpm: no python with libalpm"),
    }
}

#[test]
fn a_million_pairs_in_the_order_of_libapt_and_dpkg() {
    let (real, mut random) = (real_versions(), Random(0x2545_f491_4f6c_dd1d));
    let valid = |pair: &(String, String)| is_valid(&pair.0) && is_valid(&pair.1);
    let pairs: Vec<_> = std::iter::repeat_with(|| pair(&real, &mut random)).filter(valid).take(PAIRS).collect();
    let every = if std::env::var_os("OMG_TEST_EVERY_PAIR").is_some() { 1 } else { 4 };
    // Perl rounds longer numbers; dpkg itself does not.
    let exact = |text: &str| text.split(|c: char| !c.is_ascii_digit()).all(|number| number.len() <= 15);
    let some = pairs.iter().step_by(every).filter(|(a, b)| exact(a) && exact(b));
    let some: Vec<_> = some.cloned().collect();
    std::thread::scope(|scope| {
        scope.spawn(|| match asked("perl", &["-e", DPKG], &some) {
            Some(theirs) => compare("dpkg", &some, &theirs, version::compare),
            None => println!("skipped a_million_pairs_in_the_order_of_libapt_and_dpkg: no Dpkg::Version"),
        });
        match asked("/usr/bin/python3", &["-c", LIBAPT], &pairs) {
            Some(theirs) => compare("libapt", &pairs, &theirs, version::compare),
            None => println!("skipped a_million_pairs_in_the_order_of_libapt_and_dpkg: no python3-apt"),
        }
    });
}

/// What deb-version(7) allows; of the rest the tools say different things.
fn is_valid(text: &str) -> bool {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    let all = |text: &str, also: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
    epoch.parse::<i32>().is_ok()
        && epoch.bytes().all(|byte| byte.is_ascii_digit())
        && upstream.starts_with(|c: char| c.is_ascii_digit())
        && all(upstream, ".+~-")
        && !revision.is_empty()
        && all(revision, ".+~")
}
