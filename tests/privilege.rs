//! A person who is not root changes packages: through the real sudo, the real doas, and the real pkexec with its polkit, in a real Debian
//! root, and through the real run0 in one that is booted. Only `omg apply` is run as root, what was shown is what is done, and where the
//! right is refused nothing is changed.
//!
//! Needs what tests/support/apt.rs and tests/support/boot.rs need, and apt's archive once, for these programs.

// What is skipped is said on standard output, where ./setup counts it.
#![allow(clippy::print_stdout)]

#[path = "support/debian.rs"]
mod debian;

#[path = "support/apt.rs"]
mod apt;

#[path = "support/boot.rs"]
mod boot;

use apt::{Root, ok, talk};
use debian::debian_root_with;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PASSWORD: &str = "open sesame";

/// A root with sudo, doas and a person who may use neither yet; none where something is missing, which is said.
fn root_of_a_person(test: &str) -> Option<Root> {
    root_with(test, &["sudo", "opendoas"])
}

/// The same with these programs of Debian's, and all that they need.
fn root_with(test: &str, programs: &[&str]) -> Option<Root> {
    let [root, _] = Root::twins(test)?;
    let archives = root.path.join("srv/programs");
    fs::create_dir_all(archives.join("partial")).unwrap();
    // By the machine's own apt, which knows where from and checks the signatures.
    let mut fetch = Command::new("apt-get");
    fetch.args(["install", "--yes", "--download-only", "--no-install-recommends"]).args(programs);
    fetch.arg("-o").arg(format!("Dir::State::status={}", root.path.join("var/lib/dpkg/status").display()));
    fetch.arg("-o").arg(format!("Dir::Cache::archives={}", archives.display()));
    let fetched = fetch.args(["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]).output();
    let release = |root: &Path| fs::read_to_string(root.join("etc/debian_version")).unwrap_or_default();
    let major = |root: &Path| release(root).split('.').next().unwrap_or_default().trim().to_owned();
    if !fetched.is_ok_and(|fetched| fetched.status.success()) || major(&root.path) != major(Path::new("/")) {
        println!("skipped {test}: {} of this release cannot be fetched", programs.join(" and "));
        return None;
    }
    let installed = root.run(&["/bin/sh", "-c", "apt-get -qq -y install /srv/programs/*.deb"]);
    assert!(installed.status.success(), "{}", talk(&installed));
    assert!(root.run(&["useradd", "--create-home", "--uid", "1000", "person"]).status.success());
    let password = format!("echo 'person:{PASSWORD}' | chpasswd");
    assert!(root.run(&["/bin/sh", "-c", &password]).status.success());
    // As an administrator has it: the index is there before anybody asks.
    assert!(root.omg("refresh").status.success());
    Some(root)
}

fn as_person<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let before =
        ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "env", "HOME=/home/person", "USER=person"];
    [&before[..], words].concat()
}

fn by_person(root: &Root, words: &str) -> Output {
    let words: Vec<&str> = ["/opt/omg/omg"].into_iter().chain(words.split(' ')).collect();
    root.run(&as_person(&words))
}

fn choose(root: &Root, program: &str) {
    fs::create_dir_all(root.path.join("etc/omg")).unwrap();
    fs::write(root.path.join("etc/omg/config.toml"), format!("[privilege]\nwith = [\"{program}\"]\n")).unwrap();
}

fn write_readable_by_root(root: &Root, below: &str, text: &str) {
    let path = root.path.join(below);
    fs::write(&path, text).unwrap();
    ok(Command::new("chmod").arg("0440").arg(&path));
}

/// Who the audit log says it was, of its last entry of a plan.
fn last_plan(root: &Root) -> (String, i64, String) {
    let log = root.read("var/lib/omg/audit.jsonl");
    let entries = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let last = entries.rev().find(|entry| entry["event"].as_str().is_some_and(|event| event.starts_with("plan-")));
    let last = last.unwrap_or_else(|| panic!("no plan in {log}"));
    let text = |key: &str| last[key].as_str().unwrap_or_default().to_owned();
    (text("event"), last["uid"].as_i64().unwrap(), text("user"))
}

#[test]
fn a_person_changes_packages_through_sudo_and_doas_and_only_apply_is_run_as_root() {
    let test = "a_person_changes_packages_through_sudo_and_doas_and_only_apply_is_run_as_root";
    let Some(root) = root_of_a_person(test) else { return };
    let installed =
        |name: &str| root.read("var/lib/dpkg/status").contains(&format!("Package: {name}\nStatus: install"));
    // Nothing but `omg apply` is allowed, so whatever else omg ran that way would be refused.
    let rules = "Defaults logfile=/var/log/sudo.log\nperson ALL=(root) NOPASSWD: /opt/omg/omg apply *\n";
    write_readable_by_root(&root, "etc/sudoers.d/person", rules);
    write_readable_by_root(&root, "etc/doas.conf", "permit nopass person as root cmd /opt/omg/omg\n");
    for (program, name) in [("sudo", "gamma"), ("doas", "rho")] {
        choose(&root, program);
        let output = by_person(&root, &format!("install --yes {name}"));
        assert!(output.status.success(), "{program}: {}", talk(&output));
        assert!(installed(name), "{program}: {}", talk(&output));
        assert_eq!(last_plan(&root), ("plan-applied".to_owned(), 1000, "person".to_owned()), "{program}");
        let output = by_person(&root, &format!("remove --yes {name}"));
        assert!(output.status.success() && !installed(name), "{program}: {}", talk(&output));
    }
    let log = root.read("var/log/sudo.log");
    // It breaks long lines.
    let plain = log.split_whitespace().collect::<Vec<_>>().join(" ");
    let commands: Vec<&str> = plain.split("COMMAND=").skip(1).collect();
    assert_eq!(commands.len(), 2, "one for each change: {log}");
    assert!(commands.iter().all(|command| command.starts_with("/opt/omg/omg apply --digest ")), "{log}");
    // Neither what only looks nor what is not agreed to asks for any right.
    for words in ["install --dry-run gamma", "install gamma", "search gamma", "history", "outdated"] {
        let _ = by_person(&root, words);
    }
    assert_eq!(root.read("var/log/sudo.log"), log);
    assert!(root.omg("audit verify").status.success());
}

#[test]
fn a_person_changes_packages_through_pkexec_where_polkit_lets_them() {
    let test = "a_person_changes_packages_through_pkexec_where_polkit_lets_them";
    let Some(root) = root_with(test, &["pkexec", "dbus"]) else { return };
    choose(&root, "pkexec");
    // Its two services, and then the words.
    let serve = "mkdir -p /run/dbus && rm -f /run/dbus/pid && dbus-daemon --system --fork || exit 99
        /usr/lib/polkit-1/polkitd --no-debug & tries=0
        until dbus-send --system --print-reply --dest=org.freedesktop.PolicyKit1 / org.freedesktop.DBus.Peer.Ping; do
            tries=$((tries + 1)); [ $tries -lt 1000 ] || exit 98
        done >/dev/null 2>&1
        \"$@\"";
    let by_person = |words: &str| {
        let words: Vec<&str> = ["/opt/omg/omg"].into_iter().chain(words.split(' ')).collect();
        let words = as_person(&words);
        root.run(&[&["/bin/sh", "-c", serve, "sh"], &words[..]].concat())
    };
    let before = root.read("var/lib/dpkg/status");
    let refused = by_person("install --yes gamma");
    assert_eq!(refused.status.code(), Some(3), "{}", talk(&refused));
    assert!(talk(&refused).contains("nothing was changed"), "{}", talk(&refused));
    assert!(root.read("var/lib/dpkg/status") == before);
    let rule = "polkit.addRule(function(action, subject) {
        if (action.lookup('program') == '/opt/omg/omg' && subject.user == 'person') return polkit.Result.YES;
    });";
    fs::write(root.path.join("etc/polkit-1/rules.d/10-person.rules"), rule).unwrap();
    let output = by_person("install --yes gamma");
    assert!(output.status.success(), "{}", talk(&output));
    assert!(root.read("var/lib/dpkg/status").contains("Package: gamma\nStatus: install"), "{}", talk(&output));
    assert_eq!(last_plan(&root), ("plan-applied".to_owned(), 1000, "person".to_owned()));
}

/// run0 ends by Ctrl-C, and what it has had systemd start hears of none: a change that somebody had stopped was made all the same.
#[test]
fn a_person_changes_packages_through_run0_and_ctrl_c_stops_what_it_started() {
    let test = "a_person_changes_packages_through_run0_and_ctrl_c_stops_what_it_started";
    let made = || debian_root_with("trixie", "trixie-systemd", &boot::PACKAGES);
    let Some([root, _]) = Root::twins_from(test, made) else { return };
    for (name, uid) in [("person", "1000"), ("stranger", "1001")] {
        assert!(root.run(&["useradd", "--create-home", "--uid", uid, name]).status.success());
    }
    choose(&root, "run0");
    assert!(root.omg("refresh").status.success());
    let rule = "polkit.addRule(function(action, subject) {
        if (action.id == 'org.freedesktop.systemd1.manage-units' && subject.user == 'person') return polkit.Result.YES;
    });";
    fs::write(root.path.join("etc/polkit-1/rules.d/10-person.rules"), rule).unwrap();
    let script = r#"
        mkdir /srv/told
        by() {
            told=/srv/told/$1; uid=$2; shift 2
            setpriv --reuid=$uid --regid=$uid --clear-groups env --default-signal=INT HOME=/tmp LC_ALL=C "$@" >$told 2>$told.err
            echo $? >$told.code
        }
        by refused 1001 /opt/omg/omg install --yes gamma
        cp /var/lib/dpkg/status /srv/told/status
        by plan 1000 /opt/omg/omg install --dry-run --json gamma
        by installed 1000 /opt/omg/omg install --yes --json gamma
        # What holds the lock meanwhile: its script tells that it runs, and goes on when it is told to.
        mkfifo /srv/runs /srv/goes
        apt-get -qq -y install waits >/srv/told/waits 2>&1 &
        read x </srv/runs
        by stopped 1000 setsid sh -c 'echo $$ >/tmp/group; exec /opt/omg/omg install --yes beta' &
        stopped=$!
        tries=0
        until grep -q 'waiting for apt-get' /srv/told/stopped.err; do
            tries=$((tries + 1)); [ $tries -lt 20000 ] || break
        done
        # As the terminal does: to omg and to run0, which are of one group.
        kill -s INT -- -$(cat /tmp/group)
        wait $stopped
        echo >/srv/goes
        read x </srv/runs
        echo >/srv/goes
        wait
    "#;
    let booted = match boot::run(&root, script) {
        Ok(booted) => talk(&booted),
        Err(why) => return println!("skipped {test}: {why}"),
    };
    let told = |name: &str| root.read(&format!("srv/told/{name}"));
    let all = |name: &str| format!("{}{}{booted}", told(name), told(&format!("{name}.err")));
    assert_eq!(told("refused.code"), "3\n", "{}", all("refused"));
    assert!(told("refused.err").contains("run0 ended before omg could change packages"), "{}", all("refused"));
    assert!(!told("status").contains("Package: gamma"));
    assert_eq!(told("installed.code"), "0\n", "{}", all("installed"));
    let status = root.read("var/lib/dpkg/status");
    assert!(status.contains("Package: gamma\nStatus: install ok installed"), "{}", all("installed"));
    // Each line came through as it was written.
    let text = told("installed");
    let lines: Vec<serde_json::Value> =
        serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect();
    let plan: serde_json::Value = serde_json::from_str(&told("plan")).unwrap();
    assert!(lines.len() > 2 && lines.last().unwrap()["digest"] == plan["digest"], "{}", all("installed"));
    let log = root.read("var/lib/omg/audit.jsonl");
    let entries = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let applied = entries.into_iter().find(|entry| entry["event"] == "plan-applied").unwrap();
    assert_eq!((applied["uid"].as_i64(), applied["user"].as_str()), (Some(1000), Some("person")), "{log}");
    assert_eq!(told("stopped.code"), "130\n", "{}", all("stopped"));
    assert!(told("stopped.err").contains("nothing was changed"), "{}", all("stopped"));
    assert!(!status.contains("Package: beta"), "{}", all("stopped"));
    assert!(status.contains("Package: waits\nStatus: install ok installed"), "{}", told("waits"));
    assert!(root.omg("audit verify").status.success());
}

#[test]
fn a_right_that_is_refused_changes_nothing_and_is_said() {
    let Some(root) = root_of_a_person("a_right_that_is_refused_changes_nothing_and_is_said") else { return };
    let before = root.read("var/lib/dpkg/status");
    // Of a person who may nothing, of one whose password nobody is there to type, and of a machine without such a program.
    fs::create_dir_all(root.path.join("etc/sudoers.d")).unwrap();
    for (program, rules) in [
        ("sudo", ""),
        ("sudo", "person ALL=(root) /opt/omg/omg\n"),
        ("sudo", "person ALL=(root) NOPASSWD: /bin/true\n"),
        ("doas", ""),
        ("nothing-here", ""),
    ] {
        choose(&root, program);
        write_readable_by_root(&root, "etc/sudoers.d/person", rules);
        write_readable_by_root(&root, "etc/doas.conf", "deny person\n");
        let output = by_person(&root, "install --yes gamma");
        assert_eq!(output.status.code(), Some(3), "{program} {rules}: {}", talk(&output));
        let said = talk(&output);
        assert!(
            said.contains("nothing was changed") || said.contains("nothing here gives the right"),
            "{program} {rules}: {said}"
        );
        assert!(root.read("var/lib/dpkg/status") == before, "{program} {rules}");
        fs::remove_file(root.path.join("etc/sudoers.d/person")).unwrap();
    }
    // Not root's own process either, whatever it is given.
    let output = by_person(&root, "apply --digest 00");
    assert!(!output.status.success() && talk(&output).contains("only root"), "{}", talk(&output));
    assert!(root.read("var/lib/dpkg/status") == before);
}

#[test]
fn a_password_is_asked_for_once_at_the_terminal() {
    let Some(root) = root_of_a_person("a_password_is_asked_for_once_at_the_terminal") else { return };
    choose(&root, "sudo");
    write_readable_by_root(
        &root,
        "etc/sudoers.d/person",
        "Defaults timestamp_timeout=0\nperson ALL=(root) /opt/omg/omg\n",
    );
    // A root has no terminals of its own yet.
    let mount =
        "mount -t devpts -o ptmxmode=666 devpts /dev/pts && mount --bind /dev/pts/ptmx /dev/ptmx && exec \"$@\"";
    let words = as_person(&["script", "-qec", "/opt/omg/omg install gamma", "/dev/null"]);
    let words = [&["/bin/sh", "-c", mount, "sh"], &words[..]].concat();
    let mut child = root.command(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut said = String::new();
    // What is typed before it is asked for is thrown away.
    for (question, answer) in [("Go on?", "y"), ("password for person", PASSWORD)] {
        let mut byte = [0];
        while !said.contains(question) {
            assert!(screen.read(&mut byte).unwrap() > 0, "{question}: {said}");
            said.push(char::from(byte[0]));
        }
        keys.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }
    screen.read_to_string(&mut said).unwrap();
    // What `script` ends with, as the first process of its world, is no matter of ours.
    child.wait().unwrap();
    assert!(said.contains("gamma: done"), "{said}");
    assert_eq!(said.matches("password for person").count(), 1, "{said}");
    assert!(root.read("var/lib/dpkg/status").contains("Package: gamma\nStatus: install"), "{said}");
    assert!(!root.read("var/lib/omg/audit.jsonl").contains(PASSWORD) && !said.contains(PASSWORD), "{said}");
}
