//! `omg audit scan PATH` as a person runs it: lock files of our own making, and all real records at hand against npm's own audit.

use crate::advisories::{Machine, PACKAGES, STATUS};
use crate::pacman_world::{have, shared_data};
use crate::sbom::{has_schema, has_validator, schema};
use omg::audit::ecosystem::Ecosystem;
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A record of OSV's; `severity` is the confidentiality of its vector, `H` or `L`, and none where it is empty.
pub fn record(id: &str, aliases: &[&str], (ecosystem, name): (&str, &str), events: Value, severity: &str) -> Value {
    let vector = format!("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:{severity}/I:N/A:N");
    let severity = if severity.is_empty() { json!([]) } else { json!([{"type": "CVSS_V3", "score": vector}]) };
    json!({"id": id, "aliases": aliases, "summary": format!("what {id} is"), "severity": severity,
        "affected": [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "SEMVER", "events": events}]}]})
}

fn below(fixed: &str) -> Value {
    json!([{"introduced": "0"}, {"fixed": fixed}])
}

const CARGO: &str = r#"version = 3

[[package]]
name = "app"
version = "0.1.0"
dependencies = ["smallvec", "time"]

[[package]]
name = "smallvec"
version = "0.6.9"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "c4488ae950c49d403731982257768f48fada354a5203fe81f9bb6f43ca9002be"

[[package]]
name = "time"
version = "0.1.42"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "db8dcfca086c1143c9270ac42a2bbd8a7ee477b78ac8e45b19abfb0cbede4b6f"
"#;

/// A machine with records of two registries, and a folder with lock files of these and of a third.
pub fn world() -> (Machine, PathBuf) {
    let machine = Machine::apt(STATUS, PACKAGES);
    let records = json!([
        record("RUSTSEC-2019-0012", &["CVE-2019-15554"], ("crates.io", "smallvec"), below("0.6.10"), ""),
        record("GHSA-xr7r-88qv-q7hm", &["CVE-2019-15554"], ("crates.io", "smallvec"), below("0.6.13"), "H"),
        record("RUSTSEC-2020-0071", &[], ("crates.io", "time"), below("0.2.23"), "L"),
        record("GHSA-2", &[], ("crates.io", "absent"), below("9"), "H"),
        record("GHSA-3", &[], ("PyPI", "Jinja_2"), json!([{"introduced": "0"}]), ""),
        record("GHSA-4", &[], ("PyPI", "six"), below("2"), "H"),
    ]);
    let osv = machine.file("osv.json", &records.to_string());
    machine.configure(&format!(
        "[advisories]\ndebian = \"off\"\nosv = [\"file://{osv}\"]\nkev = \"off\"\nepss = \"off\"\n"
    ));
    machine.fetch();
    let project = machine.folder.path().join("project");
    let write = |below: &str, text: &str| {
        fs::create_dir_all(project.join(below).parent().unwrap()).unwrap();
        fs::write(project.join(below), text).unwrap();
    };
    write("Cargo.lock", CARGO);
    write("tools/Cargo.lock", &CARGO.replace("0.6.9", "0.6.13"));
    write("py/requirements.txt", "jinja-2==2.10\n./own\nidna>=2\nsix==1\nsix @ git+https://git.example/six@1\n");
    write("js/node_modules/x/package-lock.json", "not read");
    (machine, project)
}

pub fn path(project: &Path) -> &str {
    project.to_str().unwrap()
}

#[test]
fn bad_good_and_not_known_with_file_and_line() {
    let (machine, project) = world();
    let (exit, data, talk) = machine.said(&["audit", "scan", path(&project)]);
    let expected = "high 7.5 GHSA-4 six 1 fixed in 2; PROJECT/py/requirements.txt:4\n\
        high 7.5 GHSA-xr7r-88qv-q7hm smallvec 0.6.9 fixed in 0.6.13; CVE-2019-15554 RUSTSEC-2019-0012; PROJECT/Cargo.lock:9\n\
        medium 5.3 RUSTSEC-2020-0071 time 0.1.42 fixed in 0.2.23; PROJECT/Cargo.lock:15, PROJECT/tools/Cargo.lock:15\n\
        unknown - GHSA-3 jinja-2 2.10 no fix; PROJECT/py/requirements.txt:1\n\
        not known  idna of PyPI: no version of it is pinned; PROJECT/py/requirements.txt:3\n\
        not known  six of PyPI: no version of it is pinned; PROJECT/py/requirements.txt:5\n";
    assert_eq!(data.replace(path(&project), "PROJECT"), expected);
    assert_eq!(
        (exit, talk.as_str()),
        (
            6,
            "warning: of 2 packages it is not known whether they are good\n4 faults in 7 packages of 3 lock files; 3 of the project's own were not looked up\n"
        )
    );
    let (exit, answer) = machine.scan(&[path(&project)]);
    assert_eq!((exit, &answer["complete"], &answer["packages"]), (6, &json!(false), &json!(7)));
    let finding = &answer["findings"][2];
    assert_eq!((&finding["source"], &finding["places"][1]["line"]), (&json!("crates.io"), &json!(15)));
    assert_eq!((&finding["fixed"], &finding["fix_offered"]), (&json!("0.2.23"), &json!(true)));
    assert_eq!(answer["files"][0]["own"], 1);
    // One of them by its own name; below it nothing is bad.
    let tools = project.join("tools/Cargo.lock");
    fs::write(&tools, CARGO.replace("0.6.9", "0.6.13").replace("0.1.42", "0.3.0")).unwrap();
    let good =
        "nothing is known to be wrong with 2 packages of 1 lock file; 1 of the project's own were not looked up\n";
    assert_eq!(machine.said(&["audit", "scan", path(&tools)]), (0, String::new(), good.to_owned()));
}

#[test]
fn thresholds_and_answers_are_those_of_a_scan_of_packages() {
    let (machine, project) = world();
    let cargo = project.join("Cargo.lock");
    let ids = |words: &[&str]| {
        let (exit, answer) = machine.scan(&[&[path(&cargo)], words].concat());
        let ids = answer["findings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        (exit, ids.collect::<Vec<_>>())
    };
    assert_eq!(ids(&["--severity", "high"]), (6, vec!["GHSA-xr7r-88qv-q7hm".to_owned()]));
    assert_eq!(ids(&["--severity", "critical"]), (0, vec![]));
    let vex = |name: &str, document: Value| machine.file(name, &document.to_string());
    let open = vex(
        "open.json",
        json!({"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "2026-01-01T00:00:00Z", "statements": [
            {"vulnerability": {"name": "CVE-2019-15554"}, "products": [{"@id": "pkg:cargo/smallvec@0.6.9"}],
             "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}]}),
    );
    let purl = json!({"purl": "pkg:cargo/time@0.1.42"});
    let csaf = vex(
        "csaf.json",
        json!({"document": {"category": "csaf_vex", "tracking": {"current_release_date": "2026-01-01T00:00:00Z"}},
            "product_tree": {"full_product_names": [{"name": "time", "product_id": "T", "product_identification_helper": purl}]},
            "vulnerabilities": [{"ids": [{"system_name": "RustSec", "text": "RUSTSEC-2020-0071"}],
                "product_status": {"known_not_affected": ["T"]}}]}),
    );
    assert_eq!(ids(&["--vex", &open]), (6, vec!["RUSTSEC-2020-0071".to_owned()]));
    assert_eq!(ids(&["--vex", &open, "--vex", &csaf]), (0, vec![]));
    let (_, answer) = machine.scan(&[path(&cargo), "--vex", &open]);
    assert_eq!(answer["suppressed"][0]["reason"], "vulnerable_code_not_in_execute_path");
    let config = fs::read_to_string(machine.root.join("etc/omg/config.toml")).unwrap();
    machine.configure(&format!("{config}[[advisories.ignore]]\nid = \"RUSTSEC-2019-0012\"\nreason = \"a\"\n"));
    assert_eq!(ids(&[]), (6, vec!["RUSTSEC-2020-0071".to_owned()]));
}

#[test]
fn what_nothing_is_known_about_is_not_good() {
    let (machine, project) = world();
    fs::write(project.join("composer.lock"), r#"{"packages": [{"name": "a/b", "version": "1.0"}]}"#).unwrap();
    let (exit, answer) = machine.scan(&[path(&project.join("composer.lock"))]);
    assert_eq!((exit, &answer["packages"], &answer["complete"]), (4, &json!(0), &json!(false)));
    assert_eq!(answer["problems"], json!(["nothing is known about packages of Packagist: 1 of them not looked up"]));
    let (exit, data, talk) = machine.said(&["audit", "scan", path(&project.join("composer.lock"))]);
    assert!(exit == 4 && data.is_empty() && talk.contains("hint: write `projects = [\"Packagist\"]`"), "{talk}");
    assert!(!talk.contains("nothing is known to be wrong"), "{talk}");
    // A file that is no lock file though it is called one, one that ends early, and none at all.
    fs::write(project.join("composer.lock"), "{").unwrap();
    let (exit, _, talk) = machine.said(&["audit", "scan", path(&project.join("composer.lock"))]);
    assert!(exit == 4 && talk.contains("composer.lock: "), "{talk}");
    let (exit, data, talk) = machine.said(&["audit", "scan", path(&project.join("js"))]);
    assert!((exit, data.as_str()) == (1, "") && talk.contains("there is no lock file"), "{talk}");
    assert_eq!(machine.said(&["audit", "scan", "/nonexistent"]).0, 3);
    // Without any data.
    let empty = Machine::apt(STATUS, PACKAGES);
    let (exit, data, talk) = empty.said(&["audit", "scan", path(&project.join("Cargo.lock"))]);
    assert!(
        (exit, data.as_str()) == (4, "") && talk.contains("nothing is known about packages of crates.io: 2 of them"),
        "{talk}"
    );
}

#[test]
fn a_misspelt_registry_is_told_with_its_line() {
    let (machine, project) = world();
    machine.configure("[advisories]\nprojects = [\"npm\", \"cargo\"]\n");
    let (exit, _, talk) = machine.said(&["audit", "scan", path(&project)]);
    assert!(exit == 3 && talk.contains("config.toml:2: ") && talk.contains("`crates.io`"), "{talk}");
}

/// What makes a document SARIF, where its schema is not at hand.
fn check_sarif(document: &Value) {
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        assert_eq!(rules[result["ruleIndex"].as_u64().unwrap() as usize]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        for place in result["locations"].as_array().into_iter().flatten() {
            let place = &place["physicalLocation"];
            assert!(place["artifactLocation"]["uri"].is_string() && place["region"]["startLine"].as_u64() != Some(0));
        }
    }
    let script = "import json, sys, jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        jsonschema.validators.validator_for(schema)(schema).validate(json.load(sys.stdin))\n";
    if !has_validator("sarif") || !has_schema("sarif", "sarif") {
        return;
    }
    let mut child = Command::new("python3")
        .args(["-W", "ignore", "-c", script])
        .arg(schema("sarif"))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn sarif_has_a_result_for_each_line() {
    let (machine, project) = world();
    let (exit, data, talk) = machine.said(&["audit", "scan", "--sarif", path(&project)]);
    assert_eq!((exit, talk.as_str()), (6, ""));
    let document: Value = serde_json::from_str(&data).unwrap();
    check_sarif(&document);
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    let places = results.iter().map(|result| {
        let place = &result["locations"][0]["physicalLocation"];
        (result["ruleId"].as_str().unwrap(), place["region"]["startLine"].as_u64().unwrap())
    });
    let expected = [
        ("GHSA-4", 4),
        ("GHSA-xr7r-88qv-q7hm", 9),
        ("RUSTSEC-2020-0071", 15),
        ("RUSTSEC-2020-0071", 15),
        ("GHSA-3", 1),
    ];
    assert_eq!(places.collect::<Vec<_>>(), expected);
    assert_eq!(run["tool"]["driver"]["rules"][1]["properties"]["security-severity"], "7.5");
    let told = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert!(told.iter().any(|one| one["message"]["text"].as_str().unwrap().contains("idna")), "{told:?}");
    assert_eq!(machine.said(&["audit", "scan", "--sarif", "--json"]).0, 2);
    // Of installed packages, which are in no file.
    let (exit, data, _) = machine.said(&["audit", "--sarif"]);
    assert_eq!(exit, 4);
    check_sarif(&serde_json::from_str(&data).unwrap());
}

/// An archive without a name was told as nothing, and all of them as one.
#[test]
fn what_has_no_name_is_told_by_its_address() {
    let (machine, project) = world();
    let file = project.join("py/requirements.txt");
    fs::write(&file, "https://me:secret@a.example/x-1.0.tar.gz\ngit+https://git.example/y@1\n").unwrap();
    let (exit, data, _) = machine.said(&["audit", "scan", path(&file)]);
    let lines: Vec<&str> = data.lines().map(|line| line.split("; ").next().unwrap()).collect();
    let expected = ["git+https://git.example/y@1", "https://a.example/x-1.0.tar.gz"]
        .map(|name| format!("not known  {name} of PyPI: no version of it is pinned"));
    assert_eq!((exit, lines), (4, expected.each_ref().map(String::as_str).to_vec()));
    let (_, bill, _) = machine.said(&["audit", "sbom", path(&file)]);
    let bill: Value = serde_json::from_str(&bill).unwrap();
    let mut names: Vec<&str> =
        bill["components"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["git+https://git.example/y@1", "https://a.example/x-1.0.tar.gz"]);
    assert!(bill["components"][0].get("purl").is_none(), "of which package it is nobody says: {bill}");
}

/// A link, a pipe and a lone go.sum were passed over without a word, and the folder counted as clean.
#[test]
fn what_is_called_a_lock_file_and_not_read_is_told() {
    let (machine, project) = world();
    let folder = project.join("other");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink("../../elsewhere.lock", folder.join("yarn.lock")).unwrap();
    fs::write(folder.join("go.sum"), "").unwrap();
    let (exit, _, talk) = machine.said(&["audit", "scan", path(&folder)]);
    assert_eq!(exit, 4, "{talk}");
    assert!(talk.contains("other/yarn.lock: is a link to ../../elsewhere.lock, and was not read"), "{talk}");
    assert!(talk.contains("there is no go.mod beside it"), "{talk}");
    let (exit, data, talk) = machine.said(&["audit", "scan", "bash"]);
    assert!(exit == 3 && talk.contains("hint: ") && talk.contains("`omg audit`"), "{talk}");
    assert_eq!(data, "");
    // Nothing but errors.
    assert_eq!(machine.said(&["audit", "scan", "--quiet", path(&folder)]), (4, String::new(), String::new()));
}

/// What was ignored was not in it, so that a code host opened it again.
#[test]
fn sarif_has_what_was_answered_for_as_suppressed() {
    let (machine, project) = world();
    let config = fs::read_to_string(machine.root.join("etc/omg/config.toml")).unwrap();
    machine.configure(&format!("{config}[[advisories.ignore]]\nid = \"GHSA-4\"\nreason = \"not reachable\"\n"));
    let results = |words: &[&str]| {
        let (_, data, _) = machine.said(&[&["audit", "scan", "--sarif", path(&project)], words].concat());
        let document: Value = serde_json::from_str(&data).unwrap();
        check_sarif(&document);
        document["runs"][0]["results"].as_array().unwrap().clone()
    };
    assert!(results(&[]).iter().all(|one| one["ruleId"] != "GHSA-4" && one.get("suppressions").is_none()));
    for one in results(&["--all"]) {
        let reason = json!([{"kind": "external", "justification": "ignored: not reachable"}]);
        assert_eq!(one["suppressions"], if one["ruleId"] == "GHSA-4" { reason } else { json!([]) });
    }
}

/// Answers `npm audit` with these advisories until the test ends; the port.
fn registry(advisories: Value) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            _ = reader.read_line(&mut line);
            // It knows no package, so that none of them is looked into for what would mend it.
            let is_asked = line.starts_with("POST");
            line.clear();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut asked = vec![0; length];
            _ = reader.read_exact(&mut asked);
            let (code, body) =
                if is_asked { ("200 OK", advisories.to_string()) } else { ("404 Not Found", "{}".into()) };
            let head =
                format!("HTTP/1.1 {code}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:");
            _ = stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
        }
    });
    port
}

/// A record's ranges as npm's registry writes them; `None` where it names single versions, which the registry has no words for.
fn vulnerable_versions(affected: &Value) -> Option<String> {
    if affected["versions"].as_array().is_some_and(|versions| !versions.is_empty()) {
        return None;
    }
    let mut parts = Vec::new();
    for range in affected["ranges"].as_array().into_iter().flatten().filter(|range| range["type"] == "SEMVER") {
        let mut from = None;
        for event in range["events"].as_array().unwrap() {
            let (kind, version) = event.as_object().unwrap().iter().next().unwrap();
            let version = version.as_str().unwrap();
            // OSV sorts the events, and what begins behind its end never ends; the registry's words would mean nothing at all.
            let is_later = |from| Ecosystem::Npm.compare(from, version).is_some_and(Ordering::is_gt) && from != "0";
            match (kind.as_str(), from.take()) {
                (_, Some(from)) if is_later(from) => return None,
                ("introduced", None) => from = Some(version),
                ("fixed", Some(from)) => parts.push(format!(">={from} <{version}")),
                ("last_affected", Some(from)) => parts.push(format!(">={from} <={version}")),
                _ => return None,
            }
        }
        parts.extend(from.map(|from| format!(">={from}")));
    }
    let parts: Vec<String> = parts.into_iter().map(|part| part.replace(">=0 ", ">=0.0.0-0 ")).collect();
    (!parts.is_empty()).then(|| parts.join(" || "))
}

#[test]
fn every_record_of_npm_finds_what_npm_audit_finds() {
    let test = "every_record_of_npm_finds_what_npm_audit_finds";
    let feed = shared_data().join("osv/vulnfeed-2026-01-29-npm.json.zst");
    let has_npm = Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success());
    if !have(test, "npm", has_npm) || !have(test, "shared data", feed.exists()) {
        return;
    }
    let records: Vec<Value> = serde_json::from_slice(&zstd::decode_all(&fs::read(feed).unwrap()[..]).unwrap()).unwrap();
    let (mut bulk, mut asked, mut count) = (json!({}), BTreeSet::new(), 0);
    for record in &records {
        for affected in record["affected"].as_array().into_iter().flatten() {
            if affected["package"]["ecosystem"] != "npm" || record["withdrawn"].is_string() {
                continue;
            }
            let name = affected["package"]["name"].as_str().unwrap();
            let Some(range) = vulnerable_versions(affected) else { continue };
            let list = &mut bulk[name];
            if list.is_null() {
                *list = json!([]);
            }
            let url = format!("https://example.test/{}", record["id"].as_str().unwrap());
            count += 1;
            list.as_array_mut().unwrap().push(json!({"id": count, "url": url, "title": "t", "severity": "high",
                "vulnerable_versions": range, "cwe": [], "cvss": {"score": 0, "vectorString": null}}));
            let events =
                affected["ranges"].as_array().into_iter().flatten().flat_map(|range| range["events"].as_array());
            for version in events.flatten().flat_map(|event| event.as_object().unwrap().values()) {
                let version = version.as_str().unwrap();
                let release = version.split(['-', '+']).next().unwrap();
                let numbers: Vec<u64> = release.split('.').filter_map(|number| number.parse().ok()).collect();
                let [major, minor, patch] = numbers[..] else { continue };
                let near =
                    [version.to_owned(), release.to_owned(), format!("{major}.{minor}.{}", patch + 1), "0.0.1".into()];
                asked.extend(near.map(|one| (name.to_owned(), one)));
            }
        }
    }
    assert!(asked.len() > 100, "{}", asked.len());
    let machine = Machine::apt(STATUS, PACKAGES);
    let project = machine.folder.path().join("project");
    fs::create_dir(&project).unwrap();
    let osv = machine.file("osv.json", &json!(records).to_string());
    machine.configure(&format!(
        "[advisories]\ndebian = \"off\"\nosv = [\"file://{osv}\"]\nkev = \"off\"\nepss = \"off\"\n"
    ));
    machine.fetch();
    let port = registry(bulk.clone());
    // Each version of a package in a folder of its own.
    let mut count_of: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut packages, mut at) = (serde_json::Map::new(), BTreeMap::new());
    for (name, version) in &asked {
        let number = count_of.entry(name).or_default();
        *number += 1;
        let holder = format!("node_modules/holder{number}");
        let held = packages.entry(&holder).or_insert_with(|| json!({"version": "1.0.0", "dependencies": {}}));
        held["dependencies"][name] = json!(version);
        let place = format!("{holder}/node_modules/{name}");
        packages.insert(place.clone(), json!({"version": version}));
        at.insert(place, (name.as_str(), version.as_str()));
    }
    let holders = packages.keys().filter(|place| !at.contains_key(*place));
    let wanted: serde_json::Map<String, Value> =
        holders.map(|place| (place.replace("node_modules/", ""), json!("1.0.0"))).collect();
    let manifest = json!({"name": "app", "version": "1.0.0", "dependencies": wanted});
    packages.insert(String::new(), manifest.clone());
    let lock = json!({"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": packages});
    fs::write(project.join("package.json"), manifest.to_string()).unwrap();
    fs::write(project.join("package-lock.json"), lock.to_string()).unwrap();
    let output = Command::new("npm")
        .args(["audit", "--json", "--package-lock-only", "--no-update-notifier", "--registry"])
        .arg(format!("http://127.0.0.1:{port}/"))
        .current_dir(&project)
        .env("HOME", machine.folder.path())
        .env("npm_config_cache", machine.folder.path().join("npm-cache"))
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    // It tells which versions of a package have any fault, and which faults any of them has.
    let (mut their_versions, mut their_faults) = (BTreeSet::new(), BTreeSet::new());
    for (name, one) in answer["vulnerabilities"].as_object().unwrap_or_else(|| panic!("{answer}")) {
        let places = one["nodes"].as_array().unwrap().iter().filter_map(|place| at.get(place.as_str().unwrap()));
        their_versions.extend(places.map(|(name, version)| ((*name).to_owned(), (*version).to_owned())));
        let faults = one["via"].as_array().unwrap().iter().filter_map(|via| via["url"].as_str());
        their_faults.extend(faults.map(|url| (name.clone(), url.rsplit('/').next().unwrap().to_owned())));
    }
    let (_, answer) = machine.scan(&[path(&project)]);
    let (mut our_versions, mut our_faults) = (BTreeSet::new(), BTreeSet::new());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for one in answer["findings"].as_array().unwrap() {
        // What the registry has no words for, it was not told.
        let names = [&one["id"]].into_iter().chain(one["aliases"].as_array().unwrap()).map(text);
        let told = bulk[&text(&one["name"])].as_array().into_iter().flatten().map(|known| text(&known["url"]));
        let told: BTreeSet<String> = told.map(|url| url.rsplit('/').next().unwrap().to_owned()).collect();
        for id in names.filter(|id| told.contains(id)) {
            our_faults.insert((text(&one["name"]), id));
            our_versions.insert((text(&one["name"]), text(&one["version"])));
        }
    }
    assert!(their_versions.len() > 100 && their_versions.len() < asked.len(), "{}", their_versions.len());
    let differing = |a: &BTreeSet<(String, String)>, b: &BTreeSet<(String, String)>| {
        a.symmetric_difference(b).cloned().collect::<Vec<_>>()
    };
    assert_eq!(differing(&our_versions, &their_versions), []);
    assert_eq!(differing(&our_faults, &their_faults), []);
    assert_eq!(answer["unknown"], json!([]));
}
