//! Both families' orders against the libraries that define them.
//!
//! `vercmp` and `dpkg --compare-versions` take one pair a process. libalpm itself answers for the first, libapt-pkg for the
//! second, and dpkg's own Perl module, which is slow, for every fourth pair, or with `OMG_TEST_EVERY_PAIR` for all. Where one of them
//! is missing the test says so; the vectors of pacman's and dpkg's own suites stand beside the code.

use crate::pairs::{PAIRS, Random, asked, compare, data, pair};
use omg::backends::alpm::{sync::SyncDatabase, vercmp};
use omg::backends::apt::version;
use std::collections::BTreeSet;
use std::process::Command;

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
    for file in ["arch-2017-12/extra.db", "arch-2026-03/chaotic-aur.db", "msys2-2024-05/ucrt64.db"] {
        let Ok(database) = SyncDatabase::open(&data("arch-sync").join(file), None) else { continue };
        versions.extend(database.entries().map(|entry| entry.version.to_owned()));
    }
    if let Ok(output) = Command::new("dpkg-query").args(["-W", "-f", "${Version}\n"]).output() {
        versions.extend(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned));
    }
    versions.into_iter().filter(|text| !text.is_empty() && !text.contains(char::is_whitespace)).collect()
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
    let pairs: Vec<_> = (0..PAIRS).map(|_| pair(&real, &PIECES, &mut random)).collect();
    match asked("python3", &["-c", LIBALPM], &pairs) {
        Some(theirs) => compare("libalpm", &pairs, &theirs, vercmp::compare),
        None => println!("skipped a_million_pairs_in_the_order_of_libalpm: no python with libalpm"),
    }
}

#[test]
fn a_million_pairs_in_the_order_of_libapt_and_dpkg() {
    let (real, mut random) = (real_versions(), Random(0x2545_f491_4f6c_dd1d));
    let valid = |pair: &(String, String)| is_valid(&pair.0) && is_valid(&pair.1);
    let pairs: Vec<_> =
        std::iter::repeat_with(|| pair(&real, &PIECES, &mut random)).filter(valid).take(PAIRS).collect();
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
