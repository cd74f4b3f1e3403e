//! Damaged databases of the package managers: what is damaged is named, the others answer, and the exit code says so.
//!
//! Where a packing, a format or another file has a checksum or an end, damage is found; then either the answers are what they were or the
//! code is 4. A letter changed in a text without one is another text, which nobody can see; then the other databases answer as before.

use crate::machine::{ARCHIVES, Answer, Dice, Machine};
use std::fs;
use std::path::{Path, PathBuf};

/// What is looked at: whether a package is of a part that may be damaged, by its name.
type Of = fn(&str, &str) -> bool;

/// A kind of file, and what depends on it.
struct Kind {
    path: String,
    /// The prefix of the packages' names that it decides about.
    part: &'static str,
    /// Whether any change of a bit can be told, because there is a checksum.
    checked: bool,
}

fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for &(archive, ending) in ARCHIVES {
        let path = format!("lib/apt/lists/{archive}.example_debian_dists_stable_main_binary-amd64_Packages{ending}");
        kinds.push(Kind { path, part: archive, checked: true });
    }
    for repository in ["core", "extra", "multilib"] {
        kinds.push(Kind { path: format!("lib/pacman/sync/{repository}.db"), part: repository, checked: true });
    }
    kinds.push(Kind { path: "aur.json.gz".to_owned(), part: "aur", checked: true });
    kinds.push(Kind {
        path: "lib/apt/lists/xz.example_debian_dists_stable_InRelease".to_owned(),
        part: "xz",
        checked: false,
    });
    kinds.push(Kind {
        path: "lib/apt/lists/gzip.example_debian_dists_stable_Release".to_owned(),
        part: "gzip",
        checked: false,
    });
    kinds.push(Kind { path: "lib/dpkg/status".to_owned(), part: "apt", checked: false });
    kinds.push(Kind { path: "lib/apt/extended_states".to_owned(), part: "apt", checked: false });
    kinds.push(Kind { path: "lib/dpkg/info/plain-3.list".to_owned(), part: "plain", checked: false });
    kinds.push(Kind { path: "lib/pacman/local/core-2-1.2_a-1/desc".to_owned(), part: "core", checked: false });
    kinds.push(Kind { path: "lib/pacman/local/core-2-1.2_a-1/files".to_owned(), part: "core", checked: false });
    kinds
}

/// Every package with what is known of it, those of a part left out.
fn packages(machine: &Machine, but: &str) -> Vec<String> {
    let output = machine.omg(&["search", "--all", "--json", "-"]);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let is_of: Of = |part, name| name.split('-').next() == Some(part);
    let is_of_apt = |name: &str| ARCHIVES.iter().any(|(archive, _)| is_of(archive, name));
    let mut all: Vec<String> = rows
        .iter()
        .filter(|row| {
            let name = row["name"].as_str().unwrap();
            !(is_of(but, name) || but == "apt" && is_of_apt(name))
        })
        .map(ToString::to_string)
        .collect();
    all.sort();
    all
}

/// One damaged file: refreshes, and holds the outcome against the rule.
fn try_it(machine: &Machine, kind: &Kind, path: &Path, right: &[Vec<String>; 2], must_be_told: bool, what: &str) {
    let what = &format!("{}: {what}", kind.path);
    let answer = Answer::of(&machine.omg(&["refresh", "--force"]));
    assert!(!answer.errors.contains("panicked"), "{what}: {answer:?}");
    assert!(matches!(answer.code, Some(0 | 4)), "{what}: {answer:?}");
    let named = answer.errors.contains(path.file_name().unwrap().to_str().unwrap());
    assert_eq!(answer.code == Some(4), named, "{what}: {answer:?}");
    assert!(!must_be_told || named, "{what}: {answer:?}");
    let others = packages(machine, kind.part);
    assert!(others == right[1], "{what}: the other databases answer otherwise, {answer:?}");
    if kind.checked && !named {
        assert!(packages(machine, "") == right[0], "{what}: another answer, and nobody says so");
    }
    let status = machine.omg(&["status", "--json"]);
    assert_eq!(status.status.code(), answer.code, "{what}: {status:?}");
}

fn each_kind(mut each: impl FnMut(&Machine, &Kind, &PathBuf, &[u8], &[Vec<String>; 2])) {
    let machine = Machine::new();
    machine.refresh();
    for kind in kinds() {
        let right = [packages(&machine, ""), packages(&machine, kind.part)];
        assert!(right[1].len() < right[0].len() && right[1].len() > 70);
        let path = machine.source(&kind.path);
        let bytes = fs::read(&path).unwrap();
        each(&machine, &kind, &path, &bytes, &right);
        fs::write(&path, &bytes).unwrap();
        machine.refresh();
        assert!(packages(&machine, "") == right[0], "{}: not what it was once it is mended", kind.path);
    }
}

#[test]
fn a_truncated_database_is_named_and_the_others_answer() {
    each_kind(|machine, kind, path, bytes, right| {
        let whole = bytes.len();
        for length in [0, 1, 7, whole / 3, whole * 2 / 3, whole - 20, whole - 2] {
            fs::write(path, &bytes[..length]).unwrap();
            // An empty list of what apt installed by itself, or of a package's files, is a true one.
            let may_be_empty = ["extended_states", ".list", "files"].iter().any(|end| kind.path.ends_with(end));
            try_it(machine, kind, path, right, !(length == 0 && may_be_empty), &format!("{length} of {whole} bytes"));
        }
    });
}

#[test]
fn a_bit_flipped_in_a_database_is_named_or_changes_nothing_else() {
    let mut dice = Dice(3);
    each_kind(|machine, kind, path, bytes, right| {
        let mut places: Vec<usize> = (0..6).map(|part| part * bytes.len() / 6 + dice.below(bytes.len() / 6)).collect();
        places.extend([0, 3, bytes.len() - 1]);
        for at in places {
            let mut bent = bytes.to_vec();
            bent[at] ^= 1 << dice.below(8);
            fs::write(path, bent).unwrap();
            try_it(machine, kind, path, right, false, &format!("a bit of byte {at}"));
        }
    });
}

#[test]
fn a_database_that_cannot_be_opened_is_named_and_the_others_answer() {
    each_kind(|machine, kind, path, _, right| {
        // Not a file: root could read one that nobody may.
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        let answer = Answer::of(&machine.omg(&["refresh", "--force"]));
        assert!(!answer.errors.contains("panicked") && answer.code.is_some_and(|code| code < 100), "{answer:?}");
        if answer.code == Some(4) {
            assert!(answer.errors.contains(path.file_name().unwrap().to_str().unwrap()), "{}: {answer:?}", kind.path);
        }
        assert!(packages(machine, kind.part) == right[1], "{}: {answer:?}", kind.path);
        fs::remove_dir(path).unwrap();
    });
}
