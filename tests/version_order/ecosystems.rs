//! The orders of the registries that lock files name, against the registries' own code: npm's `semver`, Python's `packaging`,
//! RubyGems, composer's Semver, Go's `x/mod/semver` and the crate that cargo uses.
//!
//! What is a version at all is compared, too. One pair in eight is asked about, and with `OMG_TEST_EVERY_PAIR` every one.

use crate::pairs::{PAIRS, Random, asked, pair};
use omg::audit::ecosystem::Ecosystem;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const ODD: [&str; 45] = [
    "0",
    "1",
    "1.0",
    "1.0.0",
    "1.2.3-alpha.1",
    "1.2.3-0",
    "1.2.3-0.20190101000000-abcdefabcdef",
    "2.0.0+incompatible",
    "1.0.0-rc.1+build.5",
    "10.20.30",
    "1.0.0--",
    "1.0a1",
    "1.0b2.dev3",
    "1.0rc1",
    "1.0.post1",
    "1.0-1",
    "1.0.dev4",
    "1!2.0",
    "1.0+ubuntu.1",
    "1.0.0.0",
    "2004d",
    "1.0.0.pre",
    "1.0.0.rc1",
    "1.0.0.beta.2",
    "5.0.0.rc.10",
    "1.8.2.a10",
    "1.0.0-alpha",
    "1.0-beta2",
    "1.0.0-RC1",
    "1.0p1",
    "1.0-patch2",
    "1.0.x-dev",
    "2.x-dev",
    "1.0-dev",
    "dev-main",
    "20240101",
    "2024.01.01",
    "2024-01-02",
    "201301011300",
    "1.2.3.4-beta.1",
    "1.00",
    "1.0.alpha",
    "3.0.0-beta-1",
    "0.0.0-0",
    "1.0-stable",
];

const PIECES: [&str; 44] = [
    "0",
    "1",
    "2",
    "9",
    "10",
    "01",
    "00",
    "123456789",
    ".",
    ".",
    ".",
    "-",
    "-",
    "_",
    "+",
    "!",
    "a",
    "b",
    "c",
    "rc",
    "rc1",
    "RC",
    "alpha",
    "beta.1",
    "pre",
    "preview",
    "post",
    "rev",
    "r",
    "dev",
    ".dev1",
    "-dev",
    ".x-dev",
    "stable",
    "patch",
    "pl",
    "-0",
    "-alpha",
    ".0",
    ".0.0",
    "+abc",
    "+1.2",
    "A",
    "-1",
];

/// Every version that the advisories at hand name, of whatever registry: what is odd in one is odd in all.
fn real_versions() -> Vec<String> {
    let mut versions: BTreeSet<String> = ODD.iter().map(|text| (*text).to_owned()).collect();
    for record in ["npm", "pypi", "crates-io", "go"].iter().flat_map(|name| crate::ranges::records(name)) {
        for (_, affected) in crate::ranges::affected(&record) {
            versions.extend(affected.versions.iter().cloned());
            versions.extend(affected.ranges.iter().flatten().map(|(_, text)| text.clone()));
        }
    }
    versions.into_iter().filter(|text| !text.is_empty() && text.is_ascii() && !text.contains('\t')).collect()
}

/// Pairs of which ours are versions, and half as many of others.
fn pairs(ecosystem: Ecosystem, seed: u64, is_fit: fn(&str) -> bool) -> Vec<(String, String)> {
    let (real, mut random) = (real_versions(), Random(seed));
    let wanted = if std::env::var_os("OMG_TEST_EVERY_PAIR").is_some() { PAIRS } else { PAIRS / 8 };
    let (mut good, mut others, mut all) = (0, 0, Vec::new());
    while good < wanted {
        let (a, b) = pair(&real, &PIECES, &mut random);
        // Most oracles round longer numbers.
        let is_exact = |text: &str| text.split(|c: char| !c.is_ascii_digit()).all(|number| number.len() <= 15);
        if ![&a, &b].into_iter().all(|text| is_exact(text) && is_fit(text) && !text.is_empty()) {
            continue;
        }
        if ecosystem.is_version(&a) && ecosystem.is_version(&b) {
            good += 1;
        } else if others < wanted / 2 {
            others += 1;
        } else {
            continue;
        }
        all.push((a, b));
    }
    all
}

/// `!` is said of a pair in which one is no version.
fn compare(oracle: &str, ecosystem: Ecosystem, pairs: &[(String, String)], theirs: &[u8]) {
    assert_eq!(theirs.len(), pairs.len(), "{oracle}");
    let mut seen: BTreeMap<char, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for ((a, b), sign) in pairs.iter().zip(theirs) {
        let expected = match sign {
            b'<' => Some(Ordering::Less),
            b'=' => Some(Ordering::Equal),
            b'>' => Some(Ordering::Greater),
            _ => None,
        };
        let ours = ecosystem.compare(a, b);
        if ours != expected {
            wrong.push(format!("{a:?} {b:?}: {ours:?} and not {expected:?}"));
        }
        *seen.entry(char::from(*sign)).or_default() += 1;
    }
    wrong.sort_by_key(String::len);
    let few = wrong.iter().take(30).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{oracle}: {} of {} are wrong:\n{few}", wrong.len(), pairs.len());
    assert!(seen.len() == 4 && seen.values().all(|count| *count > pairs.len() / 50), "{oracle}: {seen:?}");
    println!("{oracle}: {} pairs: {seen:?}", pairs.len());
}

fn held_against(name: &str, program: &str, script: &[&str], ecosystem: Ecosystem, pairs: &[(String, String)]) {
    match asked(program, script, pairs) {
        Some(theirs) => compare(program, ecosystem, pairs, &theirs),
        None => println!("skipped {name}: no {program} with it"),
    }
}

/// The shortened forms and signs before a version are each taken by one of the three alone.
fn is_whole_semver(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    !text.contains(['v', '=', ' ']) && core.split('.').count() >= 3
}

pub const NODE: &str = "
let semver;
try { semver = require('semver') } catch {
  const root = require('child_process').execSync('npm root -g').toString().trim();
  semver = require(require('path').join(root, 'npm/node_modules/semver'));
}
const lines = require('fs').readFileSync(0, 'utf8').split('\\n').slice(0, -1);
";
const NODE_ORDER: &str = "
const sign = { '-1': '<', 0: '=', 1: '>' };
process.stdout.write(lines.map((line) => {
  const [a, b] = line.split('\\t').map((text) => semver.parse(text));
  return a && b ? sign[semver.compare(a, b)] : '!';
}).join(''));
";

#[test]
fn pairs_in_the_order_of_npm() {
    let pairs = pairs(Ecosystem::Npm, 0x9e37_79b9_7f4a_7c15, is_whole_semver);
    let script = NODE.to_owned() + NODE_ORDER;
    held_against("pairs_in_the_order_of_npm", "node", &["-e", &script], Ecosystem::Npm, &pairs);
}

#[test]
fn pairs_in_the_order_of_cargo() {
    let pairs = pairs(Ecosystem::CratesIo, 0x2545_f491_4f6c_dd1d, is_whole_semver);
    let sign = |a: &str, b: &str| match (semver::Version::parse(a), semver::Version::parse(b)) {
        (Ok(a), Ok(b)) => b"<=>"[(a.cmp_precedence(&b) as i8 + 1) as usize],
        _ => b'!',
    };
    let theirs: Vec<u8> = pairs.iter().map(|(a, b)| sign(a, b)).collect();
    compare("cargo", Ecosystem::CratesIo, &pairs, &theirs);
}

pub const PYTHON: &str = "
import json, sys
try: from packaging.version import Version, InvalidVersion
except ImportError: from pip._vendor.packaging.version import Version, InvalidVersion
";
const PYTHON_ORDER: &str = "
def sign(a, b):
    try: a, b = Version(a), Version(b)
    except InvalidVersion: return '!'
    return '<' if a < b else '>' if a > b else '='
print(''.join(sign(*line.rstrip('\\n').split('\\t')) for line in sys.stdin), end='')
";

#[test]
fn pairs_in_the_order_of_python() {
    let pairs = pairs(Ecosystem::PyPi, 0x1234_5678_9abc_def1, |_| true);
    let script = PYTHON.to_owned() + PYTHON_ORDER;
    held_against("pairs_in_the_order_of_python", "python3", &["-c", &script], Ecosystem::PyPi, &pairs);
}

const RUBY: &str = "
sign = { -1 => '<', 0 => '=', 1 => '>' }
STDIN.each_line(chomp: true) do |line|
  a, b = line.split(\"\\t\")
  good = [a, b].all? { |text| Gem::Version.correct?(text) }
  print(good ? sign[Gem::Version.new(a) <=> Gem::Version.new(b)] : '!')
end
";

#[test]
fn pairs_in_the_order_of_rubygems() {
    let pairs = pairs(Ecosystem::RubyGems, 0x0f1e_2d3c_4b5a_6978, |_| true);
    held_against("pairs_in_the_order_of_rubygems", "ruby", &["-e", RUBY], Ecosystem::RubyGems, &pairs);
}

const PHP: &str = "
(@include 'Composer/Semver/autoload.php') || exit(1);
$parser = new Composer\\Semver\\VersionParser();
while (($line = fgets(STDIN)) !== false) {
    [$a, $b] = array_map(function ($text) use ($parser) {
        try { return $parser->normalize($text); } catch (UnexpectedValueException $e) { return null; }
    }, explode(\"\\t\", rtrim($line, \"\\n\")));
    $branch = array_filter([$a, $b], fn ($text) => $text === null || str_starts_with($text, 'dev-'));
    echo $branch ? ($a !== null && $a === $b ? '=' : '!') : '<=>'[version_compare($a, $b) + 1];
}
";

#[test]
fn pairs_in_the_order_of_composer() {
    let pairs = pairs(Ecosystem::Packagist, 0x7777_1111_2222_3333, |_| true);
    held_against("pairs_in_the_order_of_composer", "php", &["-r", PHP], Ecosystem::Packagist, &pairs);
}

const GO: &str = "package main
import (\"bufio\"; \"os\"; \"strings\"; \"order/semver\")
func main() {
    in, out := bufio.NewScanner(os.Stdin), bufio.NewWriter(os.Stdout)
    for in.Scan() {
        a, b, _ := strings.Cut(in.Text(), \"\\t\")
        a, b = \"v\" + a, \"v\" + b
        if semver.IsValid(a) && semver.IsValid(b) { out.WriteByte(\"<=>\"[semver.Compare(a, b) + 1]) } else { out.WriteByte('!') }
    }
    out.Flush()
}";

/// Go carries its own copy of `x/mod/semver` with it.
#[test]
fn pairs_in_the_order_of_go() {
    let name = "pairs_in_the_order_of_go";
    let Ok(output) = Command::new("go").args(["env", "GOROOT"]).output() else {
        return println!("skipped {name}: no go");
    };
    let root = String::from_utf8(output.stdout).unwrap();
    let source = std::path::Path::new(root.trim()).join("src/cmd/vendor/golang.org/x/mod/semver/semver.go");
    let Ok(source) = std::fs::read(&source) else { return println!("skipped {name}: go without its sources") };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("semver")).unwrap();
    let files: [(&str, &[u8]); 3] =
        [("go.mod", b"module order\ngo 1.18\n"), ("main.go", GO.as_bytes()), ("semver/semver.go", &source)];
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    let mut build = Command::new("go");
    let build = build.args(["build", "-o", "order", "."]).current_dir(folder.path()).env("GOFLAGS", "-mod=mod");
    let status = build.env("GOCACHE", folder.path().join("cache")).env("GOTOOLCHAIN", "local").status().unwrap();
    assert!(status.success());
    let pairs = pairs(Ecosystem::Go, 0x3141_5926_5358_9793, |text| !text.contains(['v', 'V', '=', ' ']));
    held_against(name, folder.path().join("order").to_str().unwrap(), &[], Ecosystem::Go, &pairs);
}
