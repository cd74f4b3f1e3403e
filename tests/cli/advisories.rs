//! `omg audit scan` as a person runs it, on machines of our own making and on real ones. The oracles are libalpm, dpkg and plain loops over
//! the publishers' own JSON.

use crate::manual::check_shape;
use crate::pacman_world::{PAIRS, World, have, have_pacman, shared_data};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

/// A machine with a configuration of omg's that names the test's own files.
pub struct Machine {
    pub folder: tempfile::TempDir,
    /// What omg is told of the machine.
    place: Vec<String>,
    /// Where `etc/omg` lies.
    pub root: PathBuf,
    world: Option<World>,
}

impl Machine {
    /// Of pacman's family.
    fn pacman(world: World) -> Machine {
        let words = [("--root", world.root()), ("--config", world.conf()), ("--dbpath", world.db())];
        let place = words.into_iter().flat_map(|(flag, path)| [flag.to_owned(), path.display().to_string()]);
        let place = place.chain(["--backend".to_owned(), "pacman".to_owned()]).collect();
        Machine { folder: tempfile::tempdir().unwrap(), place, root: world.root(), world: Some(world) }
    }

    /// Of apt's, Debian 12, with this status file and these packages on offer.
    pub fn apt(status: &str, packages: &str) -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let write = |below: &str, text: &str| {
            let path = root.join(below);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("var/lib/dpkg/status", status);
        write("var/lib/dpkg/info/format", "1\n");
        write("var/lib/dpkg/arch", "amd64\n");
        write("etc/apt/apt.conf", "APT::Architecture \"amd64\";\n");
        write("etc/apt/sources.list", "deb http://deb.test/debian bookworm main\n");
        write("var/lib/apt/lists/deb.test_debian_dists_bookworm_main_binary-amd64_Packages", packages);
        write("var/lib/apt/lists/deb.test_debian_dists_bookworm_Release", "Codename: bookworm\nSuite: stable\n");
        write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
        let place = vec!["--root".to_owned(), root.display().to_string()];
        Machine { folder, place, root, world: None }
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub fn configure(&self, text: &str) {
        fs::create_dir_all(self.root.join("etc/omg")).unwrap();
        fs::write(self.root.join("etc/omg/config.toml"), text).unwrap();
    }

    fn omg(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        command.args(words).args(&self.place).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path());
        command.env("OMG_INDEX_DIR", self.index()).output().unwrap()
    }

    fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    /// How often it reads from files of the index.
    fn reads(&self, words: &[&str]) -> usize {
        let trace = self.folder.path().join("trace");
        let mut command = Command::new("strace");
        command.args(["-f", "-e", "trace=pread64", "-o"]).arg(&trace).arg(env!("CARGO_BIN_EXE_omg"));
        command.args(words).args(&self.place).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path());
        command.env("OMG_INDEX_DIR", self.index()).output().unwrap();
        let text = fs::read_to_string(trace).unwrap();
        text.lines().filter(|line| line.contains("pread64(")).count()
    }

    /// Exit code, data and talk.
    pub fn said(&self, words: &[&str]) -> (i32, String, String) {
        let output = self.omg(words);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    pub fn scan(&self, words: &[&str]) -> (i32, Value) {
        let (exit, data, talk) = self.said(&[&["audit", "scan", "--json"], words].concat());
        let answer = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}{talk}"));
        check_shape("audit scan", &answer);
        (exit, answer)
    }

    fn ids(&self, words: &[&str]) -> (i32, Vec<String>) {
        let (exit, answer) = self.scan(words);
        let all = answer["findings"].as_array().unwrap();
        (exit, all.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect())
    }

    pub fn fetch(&self) {
        let (exit, _, talk) = self.said(&["refresh", "--advisories"]);
        assert_eq!(exit, 0, "{talk}");
    }
}

fn group(name: &str, package: &str, status: &str, severity: &str, fixed: Option<&str>, issues: &[&str]) -> Value {
    json!({"name": name, "packages": [package], "status": status, "severity": severity, "type": "code execution",
        "affected": "0.9-1", "fixed": fixed, "ticket": null, "issues": issues, "advisories": []})
}

/// Three packages, one of which can be upgraded.
fn arch_machine(tracker: &Value) -> Machine {
    let world = World::empty("advised");
    world.offer("core", &[("curl", "2.0-1", ""), ("zlib", "1.0-1", ""), ("xz", "5-1", "")]);
    world.configure("", "[core]\nServer = http://localhost/$repo\n");
    world.install("curl", "1.0-1", "");
    world.install("zlib", "1.0-1", "");
    world.install("xz", "5-1", "");
    let machine = Machine::pacman(world);
    let file = machine.file("arch.json", &tracker.to_string());
    machine.configure(&format!("[advisories]\narch = \"file://{file}\"\nkev = \"off\"\nepss = \"off\"\n"));
    machine
}

fn some_groups() -> Value {
    json!([
        group("AVG-1", "curl", "Fixed", "Medium", Some("2.0-1"), &["CVE-2026-1", "CVE-2026-2"]),
        group("AVG-2", "zlib", "Vulnerable", "Critical", None, &["CVE-2026-3"]),
        group("AVG-3", "xz", "Fixed", "High", Some("5-1"), &["CVE-2026-4"]),
        group("AVG-4", "xz", "Testing", "Unknown", Some("5-2"), &["CVE-2026-5"]),
        group("AVG-5", "xz", "Unknown", "Low", None, &["CVE-2026-6"]),
        group("AVG-6", "zlib", "Not affected", "High", None, &["CVE-2026-7"]),
        group("AVG-7", "absent", "Vulnerable", "High", None, &["CVE-2026-8"]),
    ])
}

#[test]
fn what_is_installed_is_held_against_the_tracker() {
    let machine = arch_machine(&some_groups());
    let (exit, data, talk) = machine.said(&["audit"]);
    assert_eq!((exit, data.as_str()), (4, ""));
    assert!(talk.contains("there are no advisories") && talk.contains("hint: `omg refresh --advisories`"), "{talk}");
    assert!(!talk.contains("nothing is known to be wrong"), "{talk}");
    machine.fetch();
    let (exit, data, talk) = machine.said(&["audit"]);
    let expected = "critical - AVG-2 zlib 1.0-1 no fix; CVE-2026-3\n\
                    medium - AVG-1 curl 1.0-1 fixed in 2.0-1: omg upgrade curl; CVE-2026-1 CVE-2026-2\n\
                    unknown - AVG-4 xz 5-1 fixed in 5-2, which no repository here has; CVE-2026-5\n";
    assert_eq!((exit, data.as_str()), (6, expected));
    assert_eq!(talk, "not shown: 1 undetermined\n3 faults in 3 packages\n");
    assert_eq!(machine.said(&["audit", "scan"]).1, expected);
    assert_eq!(machine.ids(&["--all"]), (6, ["AVG-2", "AVG-1", "AVG-5", "AVG-4"].map(str::to_owned).to_vec()));
    let (_, answer) = machine.scan(&[]);
    assert_eq!(answer["findings"][1]["fix_offered"], true);
    assert_eq!(answer["findings"][1]["description"], "code execution");
    assert_eq!((&answer["packages"], &answer["complete"]), (&json!(3), &json!(true)));
}

#[test]
fn a_threshold_decides_the_exit_code() {
    let machine = arch_machine(&some_groups());
    machine.fetch();
    assert_eq!(machine.ids(&["--severity", "high"]), (6, vec!["AVG-2".to_owned()]));
    assert_eq!(machine.ids(&["--severity", "low"]).1.len(), 2);
    let (exit, _, talk) = machine.said(&["audit", "--severity", "high"]);
    assert!(exit == 6 && talk.contains("1 below that severity, 1 that nobody has rated"), "{talk}");
    let machine = arch_machine(&json!([group("AVG-1", "curl", "Vulnerable", "Low", None, &[])]));
    machine.fetch();
    assert_eq!(machine.ids(&["--severity", "medium"]), (0, vec![]));
    assert_eq!(machine.said(&["audit", "scan", "--severity", "worst"]).0, 2);
}

#[test]
fn security_updates_are_counted() {
    let machine = arch_machine(&some_groups());
    let security = |machine: &Machine| {
        let status: Value = serde_json::from_str(&machine.said(&["status", "--json"]).1).unwrap();
        status["totals"]["security_updates"].clone()
    };
    assert_eq!(machine.said(&["refresh"]).0, 0);
    assert_eq!(security(&machine), Value::Null);
    assert_eq!(
        machine.said(&["outdated", "--security"]),
        (1, String::new(), "no upgrade is about security\n".to_owned())
    );
    machine.fetch();
    assert_eq!(security(&machine), 1);
    let (exit, data, _) = machine.said(&["outdated", "--security"]);
    assert_eq!((exit, data.as_str()), (0, "curl 1.0-1 -> 2.0-1 [security] core\n"));
    // What is taken back is none any more.
    machine.file("arch.json", &json!([group("AVG-7", "absent", "Vulnerable", "High", None, &[])]).to_string());
    machine.fetch();
    assert_eq!(security(&machine), 0);
}

#[test]
fn what_somebody_answered_for_is_not_shown() {
    let machine = arch_machine(&some_groups());
    machine.fetch();
    let config = fs::read_to_string(machine.root.join("etc/omg/config.toml")).unwrap();
    let ignoring = |entries: &str| machine.configure(&format!("{config}{entries}"));
    ignoring("[[advisories.ignore]]\nid = \"CVE-2026-3\"\nreason = \"not reachable\"\nuntil = \"2999-01-31\"\n");
    let (exit, answer) = machine.scan(&[]);
    assert_eq!(exit, 6);
    let suppressed = &answer["suppressed"][0];
    assert_eq!((&suppressed["id"], &suppressed["by"]), (&json!("AVG-2"), &json!("ignored")));
    assert_eq!((&suppressed["reason"], &suppressed["until"]), (&json!("not reachable"), &json!("2999-01-31")));
    // One of a group's two, then both; then of another package.
    ignoring("[[advisories.ignore]]\nid = \"CVE-2026-1\"\nreason = \"a\"\n");
    assert_eq!(machine.ids(&[]).1, ["AVG-2", "AVG-1", "AVG-4"]);
    let two = "[[advisories.ignore]]\nid = \"CVE-2026-1\"\nreason = \"a\"\n[[advisories.ignore]]\nid = \"CVE-2026-2\"\nreason = \"b\"\n";
    ignoring(two);
    assert_eq!(machine.ids(&[]).1, ["AVG-2", "AVG-4"]);
    ignoring("[[advisories.ignore]]\nid = \"AVG-2\"\npackage = \"curl\"\nreason = \"a\"\n");
    assert_eq!(machine.ids(&[]).1.len(), 3);
    ignoring("[[advisories.ignore]]\nid = \"AVG-2\"\nreason = \"a\"\nuntil = \"2020-01-31\"\n");
    let (_, data, talk) = machine.said(&["audit"]);
    assert!(data.contains("AVG-2") && talk.contains("warning: AVG-2 was ignored until 2020-01-31"), "{talk}");
}

#[test]
fn a_vex_document_is_believed() {
    let machine = arch_machine(&some_groups());
    machine.fetch();
    let vex = |product: &str, status: &str| {
        machine.file(
            "vex.json",
            &json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "a", "version": 1,
                "timestamp": "2026-01-01T00:00:00Z", "statements": [{"vulnerability": {"name": "CVE-2026-3"},
                "products": [{"@id": product}], "status": status, "justification": "component_not_present"}]})
            .to_string(),
        )
    };
    let file = vex("pkg:alpm/arch/zlib@1.0-1?arch=any", "not_affected");
    let (_, answer) = machine.scan(&["--vex", &file]);
    assert_eq!(
        (&answer["suppressed"][0]["id"], &answer["suppressed"][0]["by"]),
        (&json!("AVG-2"), &json!("not_affected"))
    );
    for (product, status) in
        [("pkg:alpm/arch/zlib@1.0-2", "not_affected"), ("pkg:deb/debian/zlib", "fixed"), ("zlib", "affected")]
    {
        assert_eq!(machine.ids(&["--vex", &vex(product, status)]).1.len(), 3, "{product} {status}");
    }
    let (exit, _, talk) = machine.said(&["audit", "--vex", &machine.file("no.json", "{}")]);
    assert!(exit == 3 && talk.ends_with("no.json: it is neither OpenVEX nor CSAF\n"), "{talk}");
}

#[test]
fn data_that_are_not_to_be_trusted_are_told() {
    let machine = arch_machine(&json!([group("AVG-9", "curl", "Fixed", "High", Some("1.0-1"), &[])]));
    machine.fetch();
    assert_eq!(
        machine.said(&["audit"]),
        (0, String::new(), "nothing is known to be wrong with 3 packages\n".to_owned())
    );
    let note = machine.index().join("advisories-arch.json.http");
    let set = |time: SystemTime| File::options().append(true).open(&note).unwrap().set_modified(time).unwrap();
    let day = Duration::from_secs(86_400);
    set(SystemTime::now() - 9 * day);
    let (exit, answer) = machine.scan(&[]);
    assert_eq!((exit, &answer["complete"]), (4, &json!(false)));
    assert_eq!(answer["problems"], json!(["Arch Linux's tracker: its data are 9 days old"]));
    assert!(machine.said(&["doctor"]).1.contains("9 days old"));
    set(SystemTime::now() + 9 * day);
    let (exit, _, talk) = machine.said(&["audit"]);
    assert!(exit == 4 && talk.contains("from the future"), "{talk}");
    set(SystemTime::now());
    // A copy that ends early is not taken in the place of a whole one.
    let cut = format!("[{},", group("AVG-1", "zlib", "Vulnerable", "High", None, &[]));
    machine.file("arch.json", &cut);
    let (exit, _, talk) = machine.said(&["refresh", "--advisories"]);
    assert!(exit == 4 && talk.contains("the copy from before is kept"), "{talk}");
    assert_eq!(machine.said(&["audit"]).0, 0);
    // What lies there cut, for whatever reason, is told.
    fs::write(machine.index().join("advisories-arch.json"), cut).unwrap();
    let (exit, answer) = machine.scan(&[]);
    assert_eq!(exit, 0, "the compiled form is whole: {answer}");
    assert_eq!(machine.said(&["refresh"]).0, 0);
    let (exit, answer) = machine.scan(&[]);
    assert_eq!((exit, &answer["complete"]), (6, &json!(false)), "{answer}");
    // A block that was changed: of those that a scan has no need of, only `doctor` reads all.
    let path = machine.index().join("advisories");
    let whole = fs::read(&path).unwrap();
    let damage = |blocks: &mut dyn Iterator<Item = usize>| {
        let mut bytes = whole.clone();
        blocks.for_each(|block| bytes[block * 4096 + 20] ^= 1);
        fs::write(&path, bytes).unwrap();
    };
    damage(&mut std::iter::once(1));
    assert!(machine.said(&["doctor"]).1.contains("block checksum does not match"));
    let (exit, data, talk) = machine.said(&["audit"]);
    // What a refresh reads of it is compiled again; the refresh failed, and the answer was told as stale.
    assert!(exit == 6 && data.contains("AVG-1"), "{data}{talk}");
    assert!(talk.contains("block checksum does not match") && talk.contains("building it again"), "{talk}");
    assert!(!talk.contains("stale"), "{talk}");
    assert!(!machine.said(&["doctor"]).1.contains("checksum"));
    let (exit, _, talk) = machine.said(&["audit"]);
    assert!(exit == 6 && !talk.contains("again"), "{talk}");
    let whole = fs::read(&path).unwrap();
    // Of those that it reads, they are compiled again.
    damage(&mut (1..whole.len() / 4096));
    let (exit, data, talk) = machine.said(&["audit"]);
    assert!(exit == 6 && data.contains("AVG-1") && !talk.contains("checksum"), "{data}{talk}");
    assert!(!machine.said(&["doctor"]).1.contains("checksum"));
}

pub const STATUS: &str = "Package: libcurl4\nStatus: install ok installed\nSource: curl (7.88-1)\nVersion: 7.88-1+b2\nArchitecture: amd64\n\n\
    Package: curl\nStatus: install ok installed\nVersion: 7.88-1+b2\nSource: curl (7.88-1)\nArchitecture: amd64\n\n\
    Package: bash\nStatus: install ok installed\nVersion: 5.2-2+b1\nSource: bash (5.2-2)\nArchitecture: amd64\n\n\
    Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: amd64\n\n";
pub const PACKAGES: &str = "Package: libcurl4\nSource: curl (7.88-2)\nVersion: 7.88-2+b1\nArchitecture: amd64\nFilename: a\nSize: 1\n\n\
    Package: curl\nSource: curl (7.88-2)\nVersion: 7.88-2+b1\nArchitecture: amd64\nFilename: a\nSize: 1\n\n\
    Package: bash\nVersion: 5.2-2+b1\nSource: bash (5.2-2)\nArchitecture: amd64\nFilename: a\nSize: 1\n\n";

fn fault(status: &str, more: Value) -> Value {
    let mut release = json!({"status": status, "urgency": "not yet assigned", "repositories": {"bookworm": "x"}});
    release.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"description": "about it", "scope": "remote", "releases": {"bookworm": release}})
}

#[test]
fn source_packages_count_on_debian() {
    let machine = Machine::apt(STATUS, PACKAGES);
    let resolved = |fixed: &str| fault("resolved", json!({"fixed_version": fixed}));
    let tracker = json!({
        "curl": {
            "CVE-2026-1": resolved("7.88-2"),
            // Above what is installed as a binary, and not as a source.
            "CVE-2026-2": resolved("7.88-1+b1"),
            "CVE-2026-3": resolved("7.88-1"),
            "CVE-2026-4": fault("open", json!({"nodsa": "Minor issue", "nodsa_reason": ""})),
            "CVE-2026-5": fault("open", json!({"nodsa": "x", "nodsa_reason": "ignored"})),
            "CVE-2026-6": fault("open", json!({"urgency": "unimportant"})),
            "CVE-2026-7": fault("undetermined", json!({})),
            "CVE-2026-8": fault("resolved", json!({"fixed_version": "0"})),
        },
        "libcurl4": {"CVE-2026-9": fault("open", json!({}))},
        "gone": {"CVE-2026-10": fault("open", json!({}))},
        "bash": {"CVE-2026-11": fault("open", json!({"urgency": "end-of-life"}))},
    });
    let file = machine.file("debian.json", &tracker.to_string());
    let kev = machine.file("kev.json", &json!({"vulnerabilities": [{"cveID": "CVE-2026-4"}]}).to_string());
    let epss = machine.file("epss.csv", "#v\ncve,epss,percentile\nCVE-2026-1,0.12345,0.5\nCVE-2026-99,1,1\n");
    machine.configure(&format!(
        "[advisories]\ndebian = \"file://{file}\"\nkev = \"file://{kev}\"\nepss = \"file://{epss}\"\n"
    ));
    machine.fetch();
    let (exit, data, talk) = machine.said(&["audit"]);
    assert_eq!(
        data,
        "unknown - CVE-2026-4 curl 7.88-1 exploited; no fix; no update of its own (no-dsa)\n\
         unknown - CVE-2026-1 curl 7.88-1 fixed in 7.88-2: omg upgrade curl libcurl4; EPSS 12%\n\
         unknown - CVE-2026-11 bash 5.2-2 no fix; end of life\n\
         unknown - CVE-2026-2 curl 7.88-1 fixed in 7.88-2: omg upgrade curl libcurl4\n\
         unknown - CVE-2026-5 curl 7.88-1 no fix; ignored by the distribution\n"
    );
    assert_eq!((exit, talk.as_str()), (6, "not shown: 1 called unimportant, 1 undetermined\n5 faults in 3 packages\n"));
    let (_, answer) = machine.scan(&[]);
    assert_eq!((&answer["findings"][1]["epss"], &answer["findings"][0]["exploited"]), (&json!(0.12345), &json!(true)));
    assert_eq!(answer["findings"][1]["packages"][0]["candidate"], "7.88-2+b1");
    // A machine of a release that the tracker does not know.
    fs::write(machine.root.join("etc/os-release"), "ID=debian\nVERSION_CODENAME=buzz\n").unwrap();
    let (exit, _, talk) = machine.said(&["refresh", "--advisories"]);
    assert!(exit == 4 && talk.contains("nothing about the release"), "{talk}");
    assert_eq!(machine.scan(&[]).0, 4);
}

/// A zip of stored files.
fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let at = out.len() as u32;
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend([(text.len() as u32).to_le_bytes(); 2].concat());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        out.extend([&b"PK\x03\x04"[..], &common, name.as_bytes(), text.as_bytes()].concat());
        directory.extend([&b"PK\x01\x02\x14\x00"[..], &common, &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let (at, count) = (out.len() as u32, files.len() as u16);
    let len = directory.len() as u32;
    out.extend(directory);
    out.extend(
        [
            &b"PK\x05\x06\0\0\0\0"[..],
            &[count.to_le_bytes(); 2].concat(),
            &len.to_le_bytes(),
            &at.to_le_bytes(),
            &[0; 2],
        ]
        .concat(),
    );
    out
}

/// The same with its count where only zip64 has room for it.
fn zip64(bytes: &[u8]) -> Vec<u8> {
    let (files, end) = bytes.split_at(bytes.len() - 22);
    let number = |at: usize| u64::from(u32::from_le_bytes(end[at..at + 4].try_into().unwrap()));
    let count = u64::from(u16::from_le_bytes([end[10], end[11]]));
    let record = [&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat();
    let numbers = [count, count, number(12), number(16)].map(u64::to_le_bytes).concat();
    let pointer = [&b"PK\x06\x07\0\0\0\0"[..], &(files.len() as u64).to_le_bytes(), &[1, 0, 0, 0]].concat();
    let mut end = end.to_vec();
    end[8..20].fill(0xff);
    [files, &record, &numbers, &pointer, &end].concat()
}

#[test]
fn records_of_osv_in_a_zip() {
    let machine = Machine::apt(STATUS, PACKAGES);
    let record = |id: &str, fixed: &str| {
        json!({"id": format!("DEBIAN-{id}"), "details": "d", "upstream": [id],
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [{"package": {"name": "curl", "ecosystem": "Debian:12"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}]})
        .to_string()
    };
    let files = [("a.json", record("CVE-2026-1", "7.88-2")), ("b.json", record("CVE-2026-2", "7.88-1"))];
    let path = machine.folder.path().join("all.zip");
    fs::write(&path, zip(&files.each_ref().map(|(name, text)| (*name, text.as_str())))).unwrap();
    let osv = format!("osv = [\"file://{}\"]\n", path.display());
    let off = "[advisories]\nkev = \"off\"\nepss = \"off\"\n";
    machine.configure(&format!("{off}debian = \"off\"\n{osv}"));
    machine.fetch();
    let (exit, answer) = machine.scan(&["--severity", "critical"]);
    assert_eq!((exit, answer["findings"].as_array().unwrap().len()), (6, 1));
    assert_eq!((&answer["findings"][0]["id"], &answer["findings"][0]["score"]), (&json!("CVE-2026-1"), &json!(9.8)));
    // The tracker knows better which version mends it, and OSV how bad it is.
    let tracker = json!({"curl": {"CVE-2026-1": fault("resolved", json!({"fixed_version": "7.88-9"}))}});
    let debian = machine.file("debian.json", &tracker.to_string());
    machine.configure(&format!("{off}debian = \"file://{debian}\"\n{osv}"));
    machine.fetch();
    let (_, answer) = machine.scan(&[]);
    let finding = &answer["findings"][0];
    assert_eq!(
        (&finding["fixed"], &finding["score"], &finding["severity"]),
        (&json!("7.88-9"), &json!(9.8), &json!("critical"))
    );
    // As one of very many files is.
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, zip64(&bytes)).unwrap();
    machine.fetch();
    assert_eq!(machine.ids(&[]).1, ["CVE-2026-1"]);
    // A zip that is cut short is not taken.
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
    let (exit, _, talk) = machine.said(&["refresh", "--advisories"]);
    assert!(exit == 4 && talk.contains("kept"), "{talk}");
}

/// The tracker's shape, made of all versions that the data name for each package.
fn tracker_of(folder: &Path) -> Vec<Value> {
    let yaml = |text: &str| -> Vec<(String, Vec<String>, Vec<String>)> {
        let (mut all, mut list) = (Vec::new(), 0);
        for line in text.lines() {
            if let Some(purl) = line.strip_prefix("- purl: ") {
                let version = purl.rsplit_once('@').unwrap().1.replace("%3A", ":").replace("%2B", "+");
                all.push((version, Vec::new(), Vec::new()));
            } else if line.contains("affected_by") {
                list = 1;
            } else if line.contains("fixing") {
                list = 2;
            } else if let (Some(id), Some(last)) = (line.trim().strip_prefix("- "), all.last_mut()) {
                if list == 1 { &mut last.1 } else { &mut last.2 }.push(id.to_owned());
            }
        }
        all
    };
    let mut groups = Vec::new();
    let mut packages: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    packages.sort();
    for package in packages {
        let Ok(text) = fs::read_to_string(package.join("vulnerabilities.yml")) else { continue };
        let name = package.file_name().unwrap().to_str().unwrap().to_owned();
        let mut faults: BTreeMap<String, (String, Option<String>)> = BTreeMap::new();
        for (version, affected, fixing) in yaml(&text) {
            affected.into_iter().for_each(|id| _ = faults.entry(id).or_insert((version.clone(), None)));
            for id in fixing {
                faults.entry(id).and_modify(|(_, fixed)| _ = fixed.get_or_insert(version.clone()));
            }
        }
        for (id, (_, fixed)) in faults {
            let status = if fixed.is_some() { "Fixed" } else { "Vulnerable" };
            groups.push(group(&id, &name, status, "High", fixed.as_deref(), &[]));
        }
    }
    groups
}

/// What libalpm's own comparison says of each pair.
fn orders_of_libalpm<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Vec<String>> {
    const SCRIPT: &str = "import ctypes, ctypes.util, sys\n\
        compare = ctypes.CDLL(ctypes.util.find_library('alpm')).alpm_pkg_vercmp\n\
        for line in sys.stdin.read().splitlines():\n    print(compare(*map(str.encode, line.split(' '))))\n";
    let text: String = pairs.map(|(a, b)| format!("{a} {b}\n")).collect();
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut pipe = child.stdin.take()?;
    let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    let output = child.wait_with_output().ok()?;
    _ = writer.join();
    let orders = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| orders.lines().map(str::to_owned).collect())
}

/// It was shown whole in the warning, and written into the index, which everybody may read.
#[test]
fn the_password_of_an_address_is_neither_shown_nor_kept() {
    let machine = arch_machine(&json!([]));
    let address = "http://somebody:geheim@127.0.0.1:1/all.json";
    machine.configure(&format!("[advisories]\narch = \"{address}\"\nkev = \"off\"\nepss = \"off\"\n"));
    for words in [&["refresh", "--advisories"][..], &["refresh", "--advisories", "--json"]] {
        let (exit, data, talk) = machine.said(words);
        let said = data + &talk;
        assert!(exit == 4 && said.contains("http://127.0.0.1:1/all.json"), "{said}");
        assert!(!said.contains("geheim") && !said.contains("somebody"), "{said}");
    }
    // What a copy was made of is in the index; the copy is put there as a server would have given it.
    let copy = group("AVG-9", "curl", "Fixed", "High", Some("1.0-1"), &[]).to_string();
    fs::write(machine.index().join("advisories-arch.json"), format!("[{copy}]")).unwrap();
    machine.said(&["refresh", "--advisories"]);
    let compiled = fs::read(machine.index().join("advisories")).unwrap();
    let has = |text: &[u8]| compiled.windows(text.len()).any(|window| window == text);
    assert!(has(b"127.0.0.1:1/all.json") && !has(b"geheim"));
    // Made once, and not again each time.
    let stamp = || fs::metadata(machine.index().join("advisories")).unwrap().modified().unwrap();
    let before = stamp();
    machine.said(&["refresh", "--advisories"]);
    assert_eq!(stamp(), before);
}

#[test]
fn a_scan_reads_as_often_however_much_is_wrong() {
    let test = "a_scan_reads_as_often_however_much_is_wrong";
    if !have(test, "strace", Path::new("/usr/bin/strace").exists()) {
        return;
    }
    let status = |count: usize| -> String {
        let one =
            |at: usize| format!("Package: p{at}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n");
        (0..count).map(one).collect()
    };
    let reads = |count: usize| {
        let machine = Machine::apt(&status(count), PACKAGES);
        let faults = |at: usize| (format!("p{at}"), json!({format!("CVE-2026-{at}"): fault("open", json!({}))}));
        let tracker: serde_json::Map<_, _> = (0..count).map(faults).collect();
        let file = machine.file("debian.json", &Value::from(tracker).to_string());
        machine.configure(&format!("[advisories]\ndebian = \"file://{file}\"\nkev = \"off\"\nepss = \"off\"\n"));
        machine.fetch();
        let (_, answer) = machine.scan(&[]);
        assert_eq!(answer["findings"].as_array().unwrap().len(), count);
        machine.reads(&["audit"])
    };
    let (few, many) = (reads(5), reads(1000));
    assert!(many <= few + 5, "{few} for 5 faults, {many} for 1,000");
}

/// What the local index has of a scan is what the scan would find out from the advisories.
fn check_worked_out(machine: &Machine) {
    let index = omg::index::Index::open(&machine.index()).unwrap();
    let advisories = omg::index::advisories::Advisories::open(&machine.index()).unwrap();
    let ready = index.local.matched(advisories.generation()).unwrap().expect("it is of these advisories");
    assert_eq!(ready, omg::ops::advisories::matched_now(&index, &advisories).unwrap());
    assert_eq!(index.local.matched(advisories.generation() ^ 1).unwrap(), None);
}

#[test]
fn every_installed_package_of_real_machines_as_libalpm_finds() {
    let test = "every_installed_package_of_real_machines_as_libalpm_finds";
    let archive = shared_data().join("arch-security/alpm-purls.tar.zst");
    if !have(test, "shared data", archive.exists()) || !have_pacman(test) {
        return;
    }
    let unpacked = tempfile::tempdir().unwrap();
    tar::Archive::new(&omg::sys::unpack::read(&archive).unwrap()[..]).unpack(unpacked.path()).unwrap();
    let tracker = tracker_of(&unpacked.path().join("alpm/archlinux"));
    assert!(tracker.len() > 3000, "{}", tracker.len());
    let mut compared = 0;
    for pair in PAIRS.iter().filter(|pair| ["2017", "2026"].contains(&pair.name)) {
        let world = World::real(pair);
        let installed = world.pacman(&["-Q"], "");
        let machine = Machine::pacman(world);
        let file = machine.file("arch.json", &Value::from(tracker.clone()).to_string());
        machine.configure(&format!("[advisories]\narch = \"file://{file}\"\nkev = \"off\"\nepss = \"off\"\n"));
        machine.fetch();
        let mut pairs = Vec::new();
        for (name, version) in installed.lines().filter_map(|line| line.split_once(' ')) {
            for group in tracker.iter().filter(|group| group["packages"][0] == name) {
                // Without a fix every version is below it.
                let fixed = group["fixed"].as_str().unwrap_or("99999:1-1");
                pairs.push((name, group["name"].as_str().unwrap(), version, fixed));
            }
        }
        let Some(orders) = orders_of_libalpm(pairs.iter().map(|(.., version, fixed)| (*version, *fixed))) else {
            return println!("skipped {test}: no python3 with libalpm");
        };
        assert_eq!(orders.len(), pairs.len());
        compared += pairs.len();
        let below = pairs.iter().zip(&orders).filter(|(_, order)| order.starts_with('-'));
        let expected: BTreeSet<_> = below.map(|((name, id, ..), _)| (name.to_string(), id.to_string())).collect();
        let (_, answer) = machine.scan(&["--all"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let found = answer["findings"].as_array().unwrap().iter();
        let found: BTreeSet<_> = found.map(|finding| (text(&finding["name"]), text(&finding["id"]))).collect();
        assert_eq!(found, expected, "{}", pair.name);
        check_worked_out(&machine);
        assert!(pair.name != "2017" || !found.is_empty());
        drop(machine.world);
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn every_installed_package_of_this_machine_as_dpkg_finds() {
    let test = "every_installed_package_of_this_machine_as_dpkg_finds";
    if !have(test, "dpkg", Path::new("/var/lib/dpkg/status").exists() && Path::new("/usr/bin/dpkg-query").exists()) {
        return;
    }
    let format = "-f=${db:Status-Status}\t${source:Package}\t${source:Version}\n";
    let output = Command::new("dpkg-query").args(["-W", format]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let installed: BTreeSet<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("installed\t")?.split_once('\t')).collect();
    // Around each version: itself, a little more and a little less.
    let mut tracker = serde_json::Map::new();
    let variants = |version: &str| {
        let without = version.split_once(':').map_or(format!("1:{version}"), |(_, rest)| rest.to_owned());
        [version.to_owned(), format!("{version}~"), format!("{version}+b1"), format!("{version}+deb12u1"), without]
    };
    for (name, version) in &installed {
        let faults = variants(version).into_iter().enumerate().map(|(at, fixed)| {
            (format!("CVE-2026-{at}-{}", fixed.len()), fault("resolved", json!({"fixed_version": fixed})))
        });
        let entry = tracker.entry(name.to_string()).or_insert_with(|| json!({}));
        entry.as_object_mut().unwrap().extend(faults);
    }
    let status = fs::read_to_string("/var/lib/dpkg/status").unwrap();
    let machine = Machine::apt(&status, PACKAGES);
    let file = machine.file("debian.json", &Value::from(tracker.clone()).to_string());
    machine.configure(&format!("[advisories]\ndebian = \"file://{file}\"\nkev = \"off\"\nepss = \"off\"\n"));
    machine.fetch();
    let mut expected = BTreeSet::new();
    for (name, version) in &installed {
        for (id, fault) in tracker[*name].as_object().unwrap() {
            let fixed = fault["releases"]["bookworm"]["fixed_version"].as_str().unwrap();
            let below = Command::new("dpkg").args(["--compare-versions", version, "lt", fixed]).status().unwrap();
            if below.success() {
                expected.insert((name.to_string(), version.to_string(), id.clone()));
            }
        }
    }
    let (_, answer) = machine.scan(&[]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = answer["findings"].as_array().unwrap().iter();
    let found: BTreeSet<_> = found.map(|f| (text(&f["name"]), text(&f["version"]), text(&f["id"]))).collect();
    assert_eq!(found, expected);
    assert!(!found.is_empty());
    check_worked_out(&machine);
}
