//! `omg audit export` and `omg audit checkpoint`.

use crate::audit::{add, log_path, some};
use crate::manual::{check_shape, documented};
use crate::pacman_root::PacmanRoot;
use crate::support::{Place, has_program};
use serde_json::Value;
use std::fs;
use std::process::Command;

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
}

#[test]
fn evidence_is_what_the_commands_tell_and_what_is_missing_is_said() {
    let root = PacmanRoot::new();
    let ask = |words: &[&str]| root.omg(words);
    assert!(ask(&["refresh"]).status.success());
    let output = ask(&["audit", "export", "--json"]);
    let evidence = json(&output.stdout);
    check_shape("audit export", &evidence);
    assert_eq!(output.status.code(), Some(4));
    let missing: Vec<&str> =
        evidence["missing"].as_array().unwrap().iter().map(|what| what.as_str().unwrap()).collect();
    for part in ["decisions: there is no audit log", "scan: there are no advisories", "rules: there are no rules"] {
        assert!(missing.iter().any(|what| what.starts_with(part)), "{part}: {missing:?}");
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing: scan: there are no advisories"));
    // Each part is another command's answer, and nothing more.
    assert_eq!(evidence["installed"], json(&ask(&["list", "--json"]).stdout));
    assert_eq!(evidence["rules"], json(&ask(&["policy", "--json"]).stdout));
    assert_eq!(evidence["scan"], json(&ask(&["audit", "scan", "--all", "--json"]).stdout));
    assert_eq!(evidence["scan"]["findings"].as_array().unwrap().len(), 0);

    // Files: whole, listed with their digests, and never over others.
    let folder = root.path("evidence");
    let folder = folder.to_str().unwrap();
    for (flags, name) in [(&["--json"][..], "installed.json"), (&["--json", "--csv"], "installed.csv")] {
        let words = [&["audit", "export", "--output", folder], flags].concat();
        let written = json(&ask(&words).stdout);
        check_shape("audit export --output", &written);
        let check = Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(folder).status();
        assert!(check.unwrap().success());
        let text = fs::read_to_string(root.path("evidence").join(name)).unwrap();
        assert!(text.contains("libtext"), "{text}");
        let again = ask(&words);
        assert!(again.status.code() == Some(3) && again.stdout.is_empty(), "{again:?}");
        fs::remove_dir_all(folder).unwrap();
    }
    // A table without rows had no heading.
    assert!(ask(&["audit", "export", "--output", folder, "--csv"]).status.code() == Some(4));
    let heading = |table: &str| {
        let text = fs::read_to_string(root.path("evidence").join(format!("{table}.csv"))).unwrap();
        text.lines().next().unwrap_or_default().split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    for (table, title, below) in [
        ("decisions", "audit log", ""),
        ("logs", "audit verify", ""),
        ("transactions", "history", ""),
        ("rules", "policy", ""),
        ("installed", "list", ""),
        ("scan-files", "audit scan", "files[]."),
        ("scan-findings", "audit scan", "findings[]."),
        ("scan-publishers", "audit scan", "publishers[]."),
        ("scan-suppressed", "audit scan", "suppressed[]."),
        ("scan-unknown", "audit scan", "unknown[]."),
    ] {
        assert_eq!(heading(table), documented(title, below), "{table}");
    }
    assert!(!root.path("evidence/scan-problems.csv").exists(), "a list of texts is no table");
    let output = ask(&["audit", "export", "--csv"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(ask(&["audit", "export", "--since", "yesterday"]).status.code(), Some(2));
}

#[test]
fn evidence_is_of_the_time_that_was_asked_for() {
    let place = Place::new();
    add(&place, &some());
    let decisions = |since: &str| {
        let output = place.omg(&["audit", "export", "--json", "--since", since]);
        let evidence = json(&output.stdout);
        check_shape("audit export", &evidence);
        assert_eq!(evidence["logs"][0]["entries"], 3);
        evidence["decisions"].as_array().unwrap().len()
    };
    assert_eq!((decisions("2020-01-01"), decisions("2999-01-01")), (3, 0));
}

#[test]
fn a_checkpoint_finds_a_log_that_was_written_anew_with_its_journal() {
    let place = Place::new();
    let file = place.folder.path().join("point").display().to_string();
    let output = place.omg(&["audit", "checkpoint", &file]);
    assert!(output.status.code() == Some(1) && fs::metadata(&file).is_err(), "no log, no checkpoint: {output:?}");
    add(&place, &some());
    let written = place.json(&["audit", "checkpoint", &file, "--json"]);
    check_shape("audit checkpoint", &written);
    assert_eq!((&written["logs"][0]["entries"], &written["signature"]), (&3.into(), &"".into()));
    let again = place.omg(&["audit", "checkpoint", &file]);
    assert_eq!(again.status.code(), Some(3), "never over another file");
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("is there already, and stays as it is\nhint: "),
        "{again:?}"
    );
    // It may grow.
    add(&place, &some());
    let verify = |more: &[&str]| {
        let output = place.omg(&[&["audit", "verify", "--checkpoint", &file], more].concat());
        (output.status.code().unwrap(), [output.stdout, output.stderr].map(|b| String::from_utf8(b).unwrap()).concat())
    };
    let (code, text) = verify(&[]);
    assert!(code == 0 && text.contains("who signed") && text.contains("good: 6 entries"), "{text}");
    // Made anew, with a journal to match: only the checkpoint knows.
    fs::remove_dir_all(place.folder.path().join("state")).unwrap();
    add(&place, &some()[1..]);
    add(&place, &some());
    assert!(place.stdout(&["audit", "verify"]).contains("good: 5 entries"));
    let (code, text) = verify(&[]);
    assert!(code == 3 && text.contains("bad at line 3: the checkpoint of 2"), "{text}");
    // Gone altogether.
    fs::remove_dir_all(place.folder.path().join("state")).unwrap();
    let (code, text) = verify(&[]);
    assert!(code == 3 && text.contains("the log ends before it"), "{text}");
    fs::write(&file, "no checkpoint").unwrap();
    assert_eq!(verify(&[]).0, 3);
    assert!(fs::metadata(log_path(&place)).is_err(), "to verify writes nothing");
}

#[test]
fn a_checkpoint_is_signed_by_gpg_and_verified_by_either() {
    if !has_program("a_checkpoint_is_signed_by_gpg_and_verified_by_either", "gpg") {
        return;
    }
    let place = Place::new();
    add(&place, &some());
    let home = place.folder.path().join(".gnupg");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let gpg = |words: &[&str]| {
        let output =
            Command::new("gpg").arg("--homedir").arg(&home).args(["--batch", "--quiet"]).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    for name in ["auditor", "other"] {
        gpg(&["--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never"]);
        fs::write(place.folder.path().join(name), gpg(&["--export", name])).unwrap();
    }
    let at = |name: &str| place.folder.path().join(name).display().to_string();
    let file = at("point");
    let written = place.json(&["audit", "checkpoint", &file, "--key", "auditor", "--json"]);
    assert_eq!(written["signature"], format!("{file}.asc"));
    gpg(&["--verify", &format!("{file}.asc"), &file]);
    let verify = |ring: &str| {
        let output = place.omg(&["audit", "verify", "--checkpoint", &file, "--keyring", &at(ring)]);
        (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, text) = verify("auditor");
    assert!(code == 0 && !text.contains("who signed"), "{text}");
    let (code, text) = verify("other");
    assert!(code == 3 && text.contains("is not accepted: unknown-key"), "{text}");
    let text = fs::read_to_string(&file).unwrap().replace("log 3", "log 2");
    fs::write(&file, text).unwrap();
    let (code, text) = verify("auditor");
    assert!(code == 3 && text.contains("is not accepted: bad"), "{text}");
}
