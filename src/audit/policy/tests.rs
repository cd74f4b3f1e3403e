//! What files say, and what they do not let through.

use super::*;
use crate::model::Open;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const NOTHING: Open = Open { worst: None, unrated: Vec::new(), grave: None, ignored: Vec::new() };

fn worst(severity: Severity) -> Open {
    Open { worst: Some((severity, "CVE-1".into())), ..NOTHING }
}

fn unrated(ids: &[&str]) -> Open {
    Open { unrated: ids.iter().map(|id| (*id).to_owned()).collect(), ..NOTHING }
}

const GOOD: Facts<'static> = Facts {
    name: "nano",
    source: "pacman",
    repository: "core",
    licenses: Some(&["GPL-3.0-or-later"]),
    signed: Some(true),
    open: Ok(&NOTHING),
    grade: Grade::Locked,
    published: Some(0),
    now: 100 * 86_400,
};

fn policy(texts: &[&str]) -> Result<Policy> {
    let mut policy = Policy::default();
    for (text, name) in texts.iter().zip(["system", "user", "project"]) {
        policy.lay(text, &Layer { name, path: format!("/{name}.toml").into() })?;
    }
    Ok(policy)
}

fn said(texts: &[&str], facts: &Facts<'_>) -> Vec<String> {
    policy(texts).unwrap().judge(facts).iter().map(ToString::to_string).collect()
}

/// The message and the hint of what must fail.
fn error(texts: &[&str]) -> (String, String) {
    let error = policy(texts).unwrap_err();
    let hinted = error.downcast_ref::<crate::error::Hinted>().unwrap();
    (hinted.message.clone(), hinted.hint.clone())
}

#[test]
fn nothing_forbids_nothing() {
    for text in ["", "# a remark\n", "banned = []\nrequired_signatures = false\nlocked = [\"banned\"]\n"] {
        let policy = policy(&[text]).unwrap();
        assert!(policy.is_empty() && policy.judge(&GOOD).is_empty(), "{text:?}");
    }
    assert!(!policy(&["banned = ['x']"]).unwrap().is_empty());
}

#[test]
fn only_what_is_named_is_accepted_besides_good_signatures_and_never_a_bad_one() {
    let none = policy(&["required_signatures = true"]).unwrap();
    let some = policy(&["accepted_signatures = ['expired-key', 'weak-digest']"]).unwrap();
    let accepted =
        |policy: &Policy| Verdict::ALL.into_iter().filter(|verdict| policy.accepts(*verdict)).collect::<Vec<_>>();
    assert_eq!(accepted(&none), [Verdict::Good]);
    assert_eq!(accepted(&some), [Verdict::Good, Verdict::ExpiredKey, Verdict::WeakDigest]);
    assert!(some.is_empty() && some.judge(&GOOD).is_empty());
}

/// For each rule: what meets it, what does not and how that is told, and what is not known.
#[test]
fn every_rule_lets_the_good_pass_and_names_what_it_refuses() {
    let day = 86_400;
    let young = Facts { published: Some(GOOD.now - day), ..GOOD };
    let hour = Facts { published: Some(GOOD.now - 3600 - 59), ..GOOD };
    let future = Facts { published: Some(GOOD.now + 1), ..GOOD };
    let aur = Facts { repository: "aur", ..GOOD };
    let file = Facts { repository: "local", ..GOOD };
    let security = Facts { source: "apt", repository: "bookworm-security/main", ..GOOD };
    let foreign = Facts { name: "libc6:i386", ..GOOD };
    let (medium, high) = (worst(Severity::Medium), worst(Severity::High));
    let (one_unrated, two_unrated) = (unrated(&["CVE-2"]), unrated(&["CVE-2", "CVE-3"]));
    let cases: &[(&str, &Facts<'_>, &str)] = &[
        ("banned = ['na*']", &GOOD, "banned by \"na*\""),
        ("banned = ['n?no', 'x']", &GOOD, "banned by \"n?no\""),
        ("banned = ['nan', 'ano', 'NANO', 'nano?']", &GOOD, ""),
        ("banned = ['libc6']", &foreign, "banned by \"libc6\""),
        ("banned = ['libc6:i386']", &foreign, "banned by \"libc6:i386\""),
        ("banned = ['libc6:amd64']", &foreign, ""),
        ("allowed_licenses = ['gpl-3.0-OR-later']", &GOOD, ""),
        ("allowed_licenses = ['MIT']", &GOOD, "licence \"GPL-3.0-or-later\" is not allowed"),
        (
            "allowed_licenses = ['*']",
            &Facts { licenses: None, ..GOOD },
            "its licence could not be checked: none is known",
        ),
        (
            "allowed_licenses = ['*']",
            &Facts { licenses: Some(&[]), ..GOOD },
            "its licence could not be checked: none is known",
        ),
        (
            "allowed_licenses = ['MIT']",
            &Facts { licenses: Some(&["MIT", "Evil"]), ..GOOD },
            "licence \"Evil\" is not allowed",
        ),
        ("allowed_origins = ['pacman']", &GOOD, ""),
        ("allowed_origins = ['core']", &GOOD, ""),
        ("allowed_origins = ['c*']", &GOOD, ""),
        ("allowed_origins = ['apt', 'aur', 'extra']", &GOOD, "origin \"core\" (pacman) is not allowed"),
        ("allowed_origins = ['bookworm-security/main']", &security, ""),
        ("allowed_origins = ['bookworm/main']", &security, "origin \"bookworm-security/main\" (apt) is not allowed"),
        ("allowed_origins = ['pacman']", &aur, "origin \"aur\" (aur) is not allowed"),
        ("allowed_origins = ['aur']", &aur, ""),
        ("allowed_origins = ['pacman']", &file, "origin \"local\" (pacman) is not allowed"),
        ("allowed_origins = ['local']", &file, ""),
        (
            "allowed_origins = ['*']",
            &Facts { repository: "", ..GOOD },
            "its origin could not be checked: no repository is known",
        ),
        ("required_signatures = true", &GOOD, ""),
        ("required_signatures = true", &Facts { signed: Some(false), ..GOOD }, "is not signed"),
        (
            "required_signatures = true",
            &Facts { signed: None, ..GOOD },
            "its signature could not be checked: whether it is signed is not known",
        ),
        ("required_signatures = false", &Facts { signed: None, ..GOOD }, ""),
        ("max_severity = 'none'", &GOOD, ""),
        ("max_severity = 'medium'", &Facts { open: Ok(&medium), ..GOOD }, ""),
        (
            "max_severity = 'medium'",
            &Facts { open: Ok(&high), ..GOOD },
            "has an advisory of severity high, above medium: CVE-1",
        ),
        (
            "max_severity = 'high'",
            &Facts { open: Ok(&one_unrated), ..GOOD },
            "its severity could not be checked: CVE-2 is open, and nobody has rated it",
        ),
        (
            "max_severity = 'none'",
            &Facts { open: Ok(&two_unrated), ..GOOD },
            "its severity could not be checked: CVE-2 and 1 more are open, and nobody has rated them",
        ),
        ("max_severity = 'critical'", &Facts { open: Ok(&two_unrated), ..GOOD }, ""),
        (
            "max_severity = 'critical'",
            &Facts { open: Err("there are no advisories"), ..GOOD },
            "its severity could not be checked: there are no advisories",
        ),
        ("minimum_grade = 'verified'", &Facts { grade: Grade::Verified, ..GOOD }, ""),
        (
            "minimum_grade = 'verified'",
            &Facts { grade: Grade::Community, ..GOOD },
            "is of grade community, below verified",
        ),
        ("minimum_grade = 'locked'", &Facts { grade: Grade::Risk, ..GOOD }, "is of grade risk, below locked"),
        ("minimum_release_age = '1 day'", &young, ""),
        ("minimum_release_age = '25 hours'", &young, "was released 1 day ago, less than 25 hours"),
        ("minimum_release_age = '2 days'", &hour, "was released 1 hour ago, less than 2 days"),
        (
            "minimum_release_age = '1 hour'",
            &Facts { published: None, ..GOOD },
            "its age could not be checked: when it was released is not known",
        ),
        ("minimum_release_age = '0 hours'", &future, "its age could not be checked: its release lies in the future"),
        ("minimum_release_age = '178956970 days'", &Facts { published: Some(i64::MIN), now: i64::MAX, ..GOOD }, ""),
    ];
    for (text, facts, expected) in cases {
        let name = facts.name;
        let expected: Vec<String> = match *expected {
            "" => vec![],
            message => vec![format!("{name}: {message} (/system.toml, line 2)")],
        };
        assert_eq!(said(&[&format!("\n{text}\n")], facts), expected, "{text}");
    }
}

/// A policy with `max_severity` refused every runtime, and nothing could be said against that.
#[test]
fn of_origins_that_are_named_only_what_is_known_is_held_against_them() {
    let rules = "max_severity = 'medium'\nunknown_severity_origins = ['runtime', 'extra']\n";
    let high = worst(Severity::High);
    let unrated = unrated(&["CVE-1"]);
    let runtime = Facts { source: "runtime", repository: "nodejs.org", open: Err("nobody tells"), ..GOOD };
    for (facts, count) in [
        (runtime, 0),
        (Facts { source: "pacman", repository: "extra", ..runtime }, 0),
        (Facts { source: "pacman", repository: "core", ..runtime }, 1),
        (Facts { repository: "local", ..runtime }, 1),
        (Facts { repository: "", ..runtime }, 1),
        // What is known counts, and that nobody has rated it is known.
        (Facts { open: Ok(&high), ..runtime }, 1),
        (Facts { open: Ok(&unrated), ..runtime }, 1),
        (Facts { open: Ok(&NOTHING), ..runtime }, 0),
    ] {
        assert_eq!(said(&[rules], &facts).len(), count, "{facts:?}");
    }
    // By itself it asks for nothing, and excuses from no other rule.
    assert!(policy(&["unknown_severity_origins = ['runtime']"]).unwrap().is_empty());
    let signed = Facts { signed: None, ..runtime };
    assert_eq!(said(&[rules, "required_signatures = true"], &signed).len(), 1);
    // A layer below may take it back, and where the rule is locked add nothing to it.
    assert_eq!(said(&[rules, "unknown_severity_origins = []"], &runtime).len(), 1);
    let (message, _) = error(&["max_severity = 'low'\nlocked = ['max_severity']", "unknown_severity_origins = ['*']"]);
    assert_eq!(message, "/user.toml:1: `unknown_severity_origins` is locked by /system.toml:2");
}

#[test]
fn every_broken_rule_is_told_each_with_its_line() {
    let text = "required_signatures = true\nbanned = [\n  'x',\n  'na*',\n]\nminimum_grade = 'locked'\n";
    let facts = Facts { signed: None, grade: Grade::Risk, ..GOOD };
    let refusals = policy(&[text]).unwrap().judge(&facts);
    let told: Vec<_> = refusals.iter().map(|refusal| (refusal.rule, refusal.line)).collect();
    assert_eq!(told, [("banned", 4), ("required_signatures", 1), ("minimum_grade", 6)]);
    assert_eq!(
        serde_json::to_string(&refusals[0]).unwrap(),
        r#"{"package":"nano","rule":"banned","message":"banned by \"na*\"","file":"/system.toml","line":4}"#
    );
}

#[test]
fn what_is_banned_adds_up_and_of_other_rules_the_lowest_layer_counts() {
    let layers =
        ["banned = ['a']\nminimum_grade = 'locked'", "banned = ['b']", "minimum_grade = 'community'\nbanned = ['c']"];
    for name in ["a", "b", "c"] {
        assert_eq!(said(&layers, &Facts { name, ..GOOD }).len(), 1, "{name}");
    }
    assert_eq!(said(&layers, &Facts { grade: Grade::Community, ..GOOD }), Vec::<String>::new());
    let told = said(&layers, &Facts { grade: Grade::Risk, ..GOOD });
    assert_eq!(told, ["nano: is of grade risk, below community (/project.toml, line 1)"]);
}

#[test]
fn what_is_locked_above_is_an_error_below_that_names_both() {
    let (message, hint) = error(&["locked = ['banned',\n'minimum_grade']", "", "\nminimum_grade = 'risk'"]);
    assert_eq!(message, "/project.toml:2: `minimum_grade` is locked by /system.toml:1");
    assert!(hint.contains("`locked`"), "{hint}");
    let (message, _) = error(&["", "locked = ['banned']", "banned = ['x']"]);
    assert_eq!(message, "/project.toml:1: `banned` is locked by /user.toml:1");
    let (message, _) = error(&["locked = ['locked']", "locked = []"]);
    assert_eq!(message, "/user.toml:1: `locked` is locked by /system.toml:1");
    // Its own layer may set it, those above have, and an upper lock is not lifted by a lower one.
    assert!(policy(&["banned = ['x']", "locked = ['banned']\nbanned = ['y']"]).is_ok());
    assert!(policy(&["locked = ['banned']", "locked = ['max_severity']", "banned = ['x']"]).is_err());
}

/// What a layer may not set it may not set to nothing either.
#[test]
fn an_empty_list_does_not_pass_a_lock() {
    let (message, _) = error(&["locked = ['banned']", "banned = []"]);
    assert_eq!(message, "/user.toml:1: `banned` is locked by /system.toml:1");
}

#[test]
fn a_fault_is_named_with_file_line_and_what_was_meant() {
    for (text, message, hint) in [
        ("\nbaned = ['x']", "2: unknown key `baned`", "did you mean `banned`?"),
        ("allowed-licenses = ['x']", "1: unknown key `allowed-licenses`", "did you mean `allowed_licenses`?"),
        ("max_sevrity = 'low'", "1: unknown key `max_sevrity`", "did you mean `max_severity`?"),
        ("locked = [\n'age', 'banned']", "2: unknown key `age`", "omg-policy(1)"),
        ("locked = ['bannd']", "1: unknown key `bannd`", "did you mean `banned`?"),
        ("[policy]\nbanned = ['x']", "1: unknown key `policy`", "omg-policy(1)"),
        ("a.b = 1", "1: unknown key `a`", "omg-policy(1)"),
        ("banned = 'x'", "1: `banned` is a list of strings; a string stands there", ""),
        ("banned = ['x',\n 3]", "2: `banned` is a list of strings; a number stands there", ""),
        ("required_signatures = 'yes'", "1: `required_signatures` is true or false; a string stands there", ""),
        ("max_severity = 1", "1: `max_severity` is a string; a number stands there", ""),
        ("max_severity = 'worst'", "1: `max_severity` is one of none, low, medium, high, critical, not \"worst\"", ""),
        (
            "accepted_signatures = ['bad']",
            "1: `accepted_signatures` may have expired-key, expired-signature, weak-digest, untrusted-key in it, not \"bad\"",
            "",
        ),
        ("minimum_grade = 'A'", "1: `minimum_grade` is one of locked, verified, community, risk, not \"A\"", ""),
        ("minimum_release_age = '3 weeks'", "1: `minimum_release_age` is a time such as", ""),
        ("minimum_release_age = '+3 days'", "1: `minimum_release_age` is a time such as", ""),
        ("minimum_release_age = '178956971 days'", "1: `minimum_release_age` is a time such as", ""),
        ("minimum_release_age = 3", "1: `minimum_release_age` is a string; a number stands there", ""),
        ("allowed_origins = []", "1: `allowed_origins` is empty, which would allow nothing", ""),
        ("allowed_licenses = []", "1: `allowed_licenses` is empty, which would allow nothing", ""),
        ("banned = ['']", "1: \"\" in `banned` matches nothing", ""),
        ("banned = ['a b']", "1: \"a b\" in `banned` matches nothing", ""),
        ("banned = ['lib[ab]']", "1: \"lib[ab]\" in `banned` matches nothing", ""),
        ("allowed_licenses = [' MIT']", "1: \" MIT\" in `allowed_licenses` matches nothing", ""),
        ("banned = ['a']\nbanned = ['b']", "2: duplicate key", ""),
        ("banned = [", "1: ", ""),
        ("banned", "1: ", ""),
    ] {
        let (told, help) = error(&[text]);
        assert!(told.starts_with(&format!("/system.toml:{message}")) && help.contains(hint), "{told}\n{help}");
    }
}

#[test]
fn the_digest_is_of_what_is_said_not_of_how() {
    let digest = |texts: &[&str]| policy(texts).unwrap().digest();
    let one = digest(&["banned = ['a', 'b']\nminimum_grade = 'verified'"]);
    assert_eq!(one, digest(&["# a remark\nminimum_grade = \"verified\"\n\nbanned = ['b', 'a', 'a']"]));
    assert_eq!(
        one,
        digest(&["banned = ['a']\nminimum_grade = 'community'", "minimum_grade = 'verified'\nbanned = ['b']"])
    );
    assert_eq!(one.len(), 64);
    for other in [
        "",
        "banned = ['a', 'b']",
        "banned = ['a\",\"b']\nminimum_grade = 'verified'",
        "banned = ['a', 'b']\nminimum_grade = 'community'",
        "banned = ['a', 'b']\nminimum_grade = 'verified'\nlocked = ['banned']",
    ] {
        assert_ne!(one, digest(&[other]), "{other}");
    }
}

#[test]
fn files_are_read_where_they_are_and_believed_where_nobody_else_wrote_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let read = |name| Policy::read(&[Layer { name, path: path.clone() }]).map(|policy| policy.rules().len());
    assert_eq!(read("system").unwrap(), 0, "none is needed");
    fs::write(&path, "banned = ['x']").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!((read("system").unwrap(), read(PROJECT).unwrap()), (1, 1));
    for mode in [0o664, 0o646] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(read("user").unwrap_err().to_string().contains("others may write it"));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        assert!(read(PROJECT).unwrap_err().to_string().contains("somebody else"));
        assert_eq!(read("system").unwrap(), 1, "only a project's may be from anywhere");
    }
    fs::write(&path, b"banned = ['x']\n# \xff").unwrap();
    assert!(read("system").unwrap_err().to_string().contains(":2: is no UTF-8"));
    fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(read("system").unwrap_err().to_string().contains("no policy file"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(read("system").unwrap_err().to_string().contains("no policy file"));
    fs::remove_dir(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    assert!(read("system").unwrap_err().to_string().contains("no policy file"), "and nothing waits for a writer");
}

#[test]
fn the_nearest_project_counts_and_the_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/c");
    fs::create_dir_all(&deep).unwrap();
    let layers = |variables: &[(&str, &str)]| -> Vec<(&str, String)> {
        let variable = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.into());
        let all = layers_of(Path::new("/r"), &variable, Some(&deep)).into_iter();
        all.map(|layer| (layer.name, layer.path.display().to_string())).collect()
    };
    let (at, system) = (folder.path().display(), ("system", "/r/etc/omg/policy.toml".to_owned()));
    assert_eq!(layers(&[]), [system]);
    assert_eq!(layers(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "relative")])[1].1, "/h/.config/omg/policy.toml");
    assert_eq!(layers(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")])[1], ("user", "/c/omg/policy.toml".to_owned()));
    for near in ["", "a/b/"] {
        fs::create_dir(folder.path().join(near).join(".omg")).unwrap();
        fs::write(folder.path().join(near).join(".omg/policy.toml"), "").unwrap();
        assert_eq!(layers(&[])[1..], [(PROJECT, format!("{at}/{near}.omg/policy.toml"))]);
    }
    // A link that leads nowhere is none that may be passed over for one further up.
    fs::create_dir(deep.join(".omg")).unwrap();
    symlink("/nowhere", deep.join(".omg/policy.toml")).unwrap();
    assert_eq!(layers(&[])[1..], [(PROJECT, format!("{at}/a/b/c/.omg/policy.toml"))]);
}

#[test]
fn no_text_makes_it_panic() {
    let text = "banned = ['a*', \"ü\"]\nminimum_release_age = '3 days'\nlocked = ['banned']\nmax_severity='low'\n";
    let layer = Layer { name: "system", path: "/s".into() };
    for at in 0..text.len() {
        for byte in [0, b'"', b'\'', b'\n', b'[', b'=', b'9', 0xff] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = byte;
            let mut policy = Policy::default();
            if policy.lay(&String::from_utf8_lossy(&bytes), &layer).is_ok() {
                assert!(policy.rules().iter().all(|rule| (1..=5).contains(&rule.line)));
            }
        }
    }
}
