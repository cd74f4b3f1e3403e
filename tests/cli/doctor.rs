//! `omg doctor`: each fault is found, and the command it names mends it.

use crate::pacman_root::PacmanRoot;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

fn findings(root: &PacmanRoot) -> (i32, Vec<Value>) {
    let output = root.omg(&["doctor", "--json"]);
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

fn bad(root: &PacmanRoot) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let (code, findings) = findings(root);
    let bad: Vec<_> = findings.iter().filter(|finding| finding["grade"] == "bad").collect();
    assert_eq!(code, if bad.is_empty() { 0 } else { 4 });
    bad.into_iter().map(|finding| (text(finding, "text"), text(finding, "hint"))).collect()
}

fn index_file(root: &PacmanRoot, prefix: &str) -> PathBuf {
    let entries = fs::read_dir(root.path("index")).unwrap().map(|entry| entry.unwrap().path());
    let mut blocks = entries.filter(|path| path.extension().is_none());
    blocks.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix)).unwrap()
}

/// Does what the hint of the one bad finding says, in a shell, and looks again.
fn mended_by_its_hint(root: &PacmanRoot, what: &str) {
    let found = bad(root);
    let [(text, hint)] = found.as_slice() else { panic!("{what}: {found:?}") };
    assert!(text.contains(what), "{text:?} says nothing of {what:?}");
    assert!(hint.starts_with("omg ") || hint.starts_with("rm "), "{hint}");
    let output = root.environment(Command::new("sh").args(["-c", hint])).output().unwrap();
    assert!(output.status.success(), "{hint}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(bad(root), [], "{hint} did not mend {text:?}");
}

#[test]
fn what_is_missing_stale_damaged_or_untrusted_is_mended_by_the_hint() {
    let root = PacmanRoot::new();
    mended_by_its_hint(&root, "no index");
    root.touch_sources();
    mended_by_its_hint(&root, "core.db has changed since");
    fs::remove_dir_all(root.path("root/var/lib/pacman/local/old-lib-1-1")).unwrap();
    mended_by_its_hint(&root, "local has changed since");
    for prefix in ["catalogue-", "local-", "status"] {
        let path = index_file(&root, prefix);
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 100;
        bytes[last] ^= 4;
        fs::write(&path, &bytes).unwrap();
        mended_by_its_hint(&root, "damaged index");
        fs::write(index_file(&root, prefix), &bytes[..4096]).unwrap();
        mended_by_its_hint(&root, "damaged index");
    }
    fs::set_permissions(root.path("index/status"), fs::Permissions::from_mode(0o666)).unwrap();
    mended_by_its_hint(&root, "writable by others");
}

#[test]
fn a_source_that_cannot_be_read_is_named_with_what_fetches_it() {
    let root = PacmanRoot::new();
    let path = root.path("root/var/lib/pacman/sync/extra.db");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(root.omg(&["refresh"]).status.code(), Some(4));
    let found = bad(&root);
    assert!(found.iter().any(|(text, hint)| text.contains("extra.db") && hint == "sudo pacman -Syy"), "{found:?}");
    assert_eq!(root.omg(&["info", "editor"]).status.code(), Some(4));
    fs::write(&path, whole).unwrap();
    assert_eq!(root.omg(&["refresh"]).status.code(), Some(0));
    assert_eq!(bad(&root), []);
}

#[test]
fn an_index_folder_answers_for_no_other_root() {
    let (one, other) = (PacmanRoot::new(), PacmanRoot::new());
    let folder = one.path("shared-index");
    let count = |root: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_omg"))
            .args(["--root", root, "list", "--count"])
            .env("OMG_INDEX_DIR", &folder)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let root = |of: &PacmanRoot| of.path("root").display().to_string();
    assert_eq!(count(&root(&one)), (Some(0), "5\n".to_owned()));
    std::fs::remove_dir_all(other.path("root/var/lib/pacman/local/old-lib-1-1")).unwrap();
    assert_eq!(count(&root(&other)), (Some(0), "4\n".to_owned()));
    assert_eq!(count(&root(&one)), (Some(0), "5\n".to_owned()));
    let nowhere = one.path("nowhere").display().to_string();
    assert_eq!(count(&nowhere), (Some(3), String::new()));
}
