//! `omg audit secrets` as a person runs it. No secret stands here: each is made when the tests run.

use crate::manual::check_shape;
use crate::support::Place;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

/// A GitHub token whose checksum fits, different for each seed.
fn token(seed: u64) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut digit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(DIGITS[(state >> 33) as usize % 62])
    };
    let random: String = (0..30).map(|_| digit()).collect();
    let mut crc = flate2::Crc::new();
    crc.update(random.as_bytes());
    let sum = (0..6).rev().map(|at| char::from(DIGITS[crc.sum() as usize / 62usize.pow(at) % 62]));
    format!("ghp_{random}{}", sum.collect::<String>())
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn folder(place: &Place) -> std::path::PathBuf {
    let folder = place.folder.path().join("tree");
    fs::create_dir_all(folder.join("in")).unwrap();
    fs::write(folder.join("in/clean.txt"), "nothing to see\n").unwrap();
    folder
}

fn run(place: &Place, folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let (code, out, err) = said(&place.omg(&[&["audit", "secrets", folder.to_str().unwrap()], args].concat()));
    let clean = |text: String| text.replace(&format!("{}/", folder.display()), "");
    (code, clean(out), clean(err))
}

#[test]
fn a_secret_is_told_with_its_place_and_never_whole() {
    let place = Place::new();
    let folder = folder(&place);
    let (code, out, err) = run(&place, &folder, &[]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", "0 findings in 1 file, 15 B\n"));
    fs::write(folder.join("in/.env"), format!("A=1\nTOKEN={}\n", token(1))).unwrap();
    let (code, out, err) = run(&place, &folder, &[]);
    assert_eq!(code, Some(6));
    assert_eq!(out, "in/.env:2:7  GitHub personal access token: ghp_... (40 characters)\n");
    assert!(err.starts_with("1 finding in 2 files") && err.contains("hint: "), "{err}");
    let json = said(&place.omg(&["audit", "secrets", folder.to_str().unwrap(), "--json"])).1;
    assert!(!json.contains(&token(1)[8..]));
    let json: Value = serde_json::from_str(&json).unwrap();
    check_shape("audit secrets", &json);
    assert_eq!(json["findings"][0]["sure"], "proven");
    let missing = place.omg(&["audit", "secrets", "/nonexistent/x"]);
    assert_eq!(missing.status.code(), Some(3));
    assert_eq!(run(&place, &folder, &["--sarif", "--json"]).0, Some(2));
}

#[test]
fn a_baseline_and_a_comment_pass_over_what_is_known() {
    let place = Place::new();
    let folder = folder(&place);
    let known = place.folder.path().join("known");
    let known = known.to_str().unwrap();
    fs::write(folder.join("a"), format!("{}\n{} // omg:allow-secret\n", token(1), token(2))).unwrap();
    let (code, out, err) = run(&place, &folder, &["--write-baseline", known]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    assert!(err.contains("1 finding;"), "{err}");
    let (code, _, err) = run(&place, &folder, &["--baseline", known]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("1 of the known findings have no reason"), "{err}");
    assert!(err.contains("1 known ones passed over; 1 allowed by a comment"), "{err}");
    // Elsewhere on another line it is the same secret; another is another.
    fs::write(folder.join("b"), format!("\n\n{}\n", token(1))).unwrap();
    assert_eq!(run(&place, &folder, &["--baseline", known]).0, Some(0));
    fs::write(folder.join("b"), token(3)).unwrap();
    let (code, out, _) = run(&place, &folder, &["--baseline", known]);
    assert_eq!((code, out.starts_with("b:1:1  "), out.lines().count()), (Some(6), true, 1));
    let text = fs::read_to_string(known).unwrap();
    assert!(!text.contains(&token(1)[4..20]));
    fs::write(known, text.trim_end().to_owned() + " # made for this test\n").unwrap();
    let path = folder.to_str().unwrap();
    let written = place.json(&["audit", "secrets", path, "--write-baseline", known, "--json"]);
    check_shape("audit secrets --write-baseline", &written);
    let text = fs::read_to_string(known).unwrap();
    assert_eq!((text.lines().count(), text.matches("# made for this test").count()), (3, 1), "{text}");
    fs::write(known, "nonsense\n").unwrap();
    assert_eq!(run(&place, &folder, &["--baseline", known]).0, Some(3));
}

#[test]
fn what_git_ignores_is_passed_over_unless_asked_for() {
    let place = Place::new();
    let folder = folder(&place);
    fs::create_dir(folder.join("target")).unwrap();
    fs::write(folder.join(".gitignore"), "target/\n*.log\n!keep.log\n").unwrap();
    for (name, seed) in [("target/a", 1), ("in/b.log", 2), ("in/keep.log", 3)] {
        fs::write(folder.join(name), token(seed)).unwrap();
    }
    let names = |args: &[&str]| {
        let (_, out, _) = run(&place, &folder, args);
        out.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["in/keep.log"]);
    assert_eq!(names(&["--no-ignore"]), ["in/b.log", "in/keep.log", "target/a"]);
    fs::write(folder.join("in/x.zip"), "").unwrap();
    let (_, _, err) = run(&place, &folder, &[]);
    let told = "1 finding in 4 files, 79 B; 1 archive not unpacked; 2 passed over by .gitignore\n";
    assert!(err.starts_with(told), "{err}");
    assert_eq!(run(&place, &folder, &["--quiet"]).2, "", "nothing but errors");
}

fn git(folder: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.env("HOME", "/nonexistent").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@b");
        command.env(format!("GIT_{who}_DATE"), "2020-01-02T03:04:05Z");
    }
    assert!(command.args(args).current_dir(folder).status().unwrap().success(), "{args:?}");
}

#[test]
fn history_has_what_files_have_no_more() {
    let place = Place::new();
    if !crate::support::has_program("history_has_what_files_have_no_more", "git") {
        return;
    }
    let folder = folder(&place);
    git(&folder, &["init", "-q"]);
    let commit = |content: &str, message: &str| {
        fs::write(folder.join("in/config"), content).unwrap();
        git(&folder, &["add", "-A"]);
        git(&folder, &["commit", "-qm", message]);
    };
    let filler: String = (0..500).map(|line| format!("setting{line} = {line}\n")).collect();
    commit(&filler, "first");
    commit(&format!("{filler}token = {}\n", token(1)), "second");
    commit(&format!("{filler}token = {}\nmore\n", token(1)), "third");
    commit(&filler, &format!("away with {}", token(2)));
    assert_eq!(run(&place, &folder, &[]).0, Some(0));
    for is_packed in [false, true] {
        if is_packed {
            git(&folder, &["gc", "-q"]);
        }
        let (code, out, err) = run(&place, &folder, &["--history"]);
        assert_eq!(code, Some(6), "{err}");
        let mut lines: Vec<&str> = out.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), 2, "{out}");
        assert!(
            lines[0].starts_with("in/config:501 in commit ") && lines[0].contains(" of 2020-01-02  GitHub"),
            "{out}"
        );
        assert!(lines[1].starts_with("message of commit "), "{out}");
    }
    let json = said(&place.omg(&["audit", "secrets", folder.to_str().unwrap(), "--history", "--json"])).1;
    check_shape("audit secrets", &serde_json::from_str(&json).unwrap());
    // What a repository's configuration says is not run.
    let proof = place.folder.path().join("proof");
    let command = format!("touch {}", proof.display());
    for key in
        ["core.fsmonitor", "core.sshCommand", "core.pager", "remote.origin.uploadpack", "uploadpack.packObjectsHook"]
    {
        git(&folder, &["config", key, &command]);
    }
    git(&folder, &["config", "extensions.partialClone", "origin"]);
    git(&folder, &["config", "remote.origin.url", &format!("ext::{command}")]);
    assert_eq!(run(&place, &folder, &["--history"]).0, Some(6));
    assert!(!proof.exists());
    let (code, _, err) = run(&place, place.folder.path(), &["--history"]);
    assert_eq!(
        (code, err.contains("there is no git repository here")),
        (Some(4), true),
        "what was asked for could not be looked at"
    );
}

/// What was added is git's, whatever `.gitignore` says: it was passed over as if it were in no repository.
#[test]
fn what_git_tracks_is_read_though_it_is_ignored() {
    let place = Place::new();
    if !crate::support::has_program("what_git_tracks_is_read_though_it_is_ignored", "git") {
        return;
    }
    let folder = folder(&place);
    let nested = folder.join("in/nested");
    fs::create_dir_all(nested.join("made")).unwrap();
    for (at, seed) in [(&folder, 1), (&nested, 2)] {
        fs::write(at.join(".gitignore"), "*.env\nmade/\n").unwrap();
        fs::write(at.join("kept.env"), token(seed)).unwrap();
        fs::write(at.join("other.env"), token(seed + 10)).unwrap();
    }
    fs::write(nested.join("made/a"), token(3)).unwrap();
    git(&nested, &["init", "-q"]);
    git(&nested, &["add", "-f", "kept.env", "made"]);
    git(&folder, &["init", "-q"]);
    fs::create_dir_all(folder.join("gone")).unwrap();
    fs::write(folder.join("gone/b.env"), token(4)).unwrap();
    git(&folder, &["add", "-f", "kept.env", "gone"]);
    // A folder that became a link leads git nowhere, and us neither.
    fs::remove_dir_all(folder.join("gone")).unwrap();
    let outside = place.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("b.env"), token(5)).unwrap();
    symlink(&outside, folder.join("gone")).unwrap();
    let names = |folder: &Path, args: &[&str]| {
        let (_, out, _) = run(&place, folder, args);
        let mut names: Vec<_> = out.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&folder, &[]), ["in/nested/kept.env", "in/nested/made/a", "kept.env"]);
    assert_eq!(names(&nested.join("made"), &[]), ["a"], "from within an ignored folder");
    assert_eq!(names(&folder, &["--no-ignore"]).len(), 5);
    // Told where it is, and not once more as a commit.
    git(&folder, &["commit", "-qm", "first"]);
    assert_eq!(run(&place, &folder, &["--history"]).1.matches("kept.env").count(), 2);
    let (code, out, err) = said(&place.command(&["audit", "secrets"]).current_dir(&folder).output().unwrap());
    assert_eq!((code, out.lines().count()), (Some(6), 3), "{out}{err}");
    fs::write(folder.join(".git/index"), "nonsense").unwrap();
    let (_, _, err) = run(&place, &folder, &[]);
    assert!(err.contains("which files git tracks is not known"), "{err}");
}

/// A pipe that was named counted as looked at, and clean.
#[test]
fn a_named_path_that_is_no_file_is_told_and_not_read() {
    let place = Place::new();
    let pipe = place.folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.to_str().unwrap(), "/dev/zero"] {
        let (code, _, err) = said(&place.omg(&["audit", "secrets", path]));
        assert_eq!((code, err.contains("is no file or folder, and was not read")), (Some(4), true), "{err}");
    }
    let (code, _, err) = said(&place.omg(&["audit", "secrets", "-"]));
    assert_eq!((code, err.contains("hint: ")), (Some(2), true), "{err}");
    // A link that is named leads to what was meant.
    fs::write(place.folder.path().join("file"), token(1)).unwrap();
    symlink("file", place.folder.path().join("link")).unwrap();
    assert_eq!(
        place.omg(&["audit", "secrets", place.folder.path().join("link").to_str().unwrap()]).status.code(),
        Some(6)
    );
}

#[test]
fn hostile_trees_are_read_to_their_end() {
    let place = Place::new();
    let folder = folder(&place);
    symlink("..", folder.join("in/loop")).unwrap();
    symlink("/etc", folder.join("etc")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    // Ten gigabytes, of which one page is there; the secret stands in that.
    let sparse = fs::File::create(folder.join("sparse")).unwrap();
    sparse.set_len(10 << 30).unwrap();
    sparse.write_all_at(format!("\n{}\n", token(4)).as_bytes(), 7 << 30).unwrap();
    let (code, out, err) = run(&place, &folder, &[]);
    assert_eq!((code, out.lines().count()), (Some(6), 1), "{out}{err}");
    assert!(out.starts_with("sparse:2:"), "{out}");
    fs::remove_file(folder.join("sparse")).unwrap();
    // A list of patterns that would take all memory: nothing in there is looked at, and that is told.
    fs::write(folder.join("in/.gitignore"), "*a*b*c*\n".repeat(2 << 20)).unwrap();
    let (code, _, err) = run(&place, &folder, &[]);
    assert_eq!((code, err.contains("its .gitignore is too large")), (Some(4), true), "{err}");
    assert_eq!(run(&place, &folder, &["--no-ignore"]).0, Some(0));
}

#[test]
fn sarif_has_what_its_schema_asks_for() {
    let place = Place::new();
    let folder = folder(&place);
    fs::write(folder.join("in/a b.txt"), format!("\n{}", token(1))).unwrap();
    let (code, out, _) = run(&place, &folder, &["--sarif"]);
    assert_eq!(code, Some(6));
    let document: Value = serde_json::from_str(&out).unwrap();
    let result = &document["runs"][0]["results"][0];
    assert_eq!((&document["version"], &result["ruleId"]), (&"2.1.0".into(), &"github-pat".into()));
    let place = &result["locations"][0]["physicalLocation"];
    assert!(place["artifactLocation"]["uri"].as_str().unwrap().ends_with("in/a%20b.txt"));
    assert_eq!(place["region"]["startLine"], 2);
    assert!(!out.contains(&token(1)[8..]));
}

/// None of ours is a secret, and what our tests need they make.
#[test]
fn our_own_tree_has_none() {
    let place = Place::new();
    let (code, out, err) = said(&place.omg(&["audit", "secrets", env!("CARGO_MANIFEST_DIR")]));
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
}
