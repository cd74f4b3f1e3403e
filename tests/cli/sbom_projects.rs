//! `omg audit sbom` of a folder's lock files, and what a scan finds in a bill of materials.

use crate::advisories::{Machine, PACKAGES, STATUS};
use crate::projects::{path, world};
use crate::sbom::{FORMATS, has_schema, has_validator, validate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

fn bill(machine: &Machine, words: &[&str]) -> (i32, Value) {
    let (exit, data, talk) = machine.said(&[&["audit", "sbom"], words].concat());
    (exit, serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}{talk}")))
}

#[test]
fn a_folder_is_what_its_lock_files_name() {
    let (machine, project) = world();
    fs::write(
        project.join("js/package-lock.json"),
        json!({"lockfileVersion": 3, "packages": {
            "": {"name": "site", "version": "1.0.0", "dependencies": {"@a/b": "1"}, "devDependencies": {"c": "2"}},
            "node_modules/@a/b": {"version": "1.2.3", "dependencies": {"d": "*"},
                "integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="},
            "node_modules/c": {"version": "2.0.0", "dev": true},
            "node_modules/d": {"version": "3.0.0"}}})
        .to_string(),
    )
    .unwrap();
    let (exit, document) = bill(&machine, &[path(&project)]);
    assert_eq!((exit, &document["metadata"]["component"]["name"]), (0, &json!("project")));
    assert_eq!(document["metadata"]["component"]["type"], "application");
    assert!(document.get("vulnerabilities").is_none(), "nobody asked for them");
    let components = document["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(named("@a/b")["purl"], "pkg:npm/%40a/b@1.2.3");
    assert_eq!(named("@a/b")["hashes"][0]["alg"], "SHA-512");
    assert_eq!((&named("c")["scope"], &named("d")["scope"]), (&json!("excluded"), &Value::Null));
    assert_eq!(named("jinja-2")["purl"], "pkg:pypi/jinja-2@2.10");
    assert_eq!(
        named("smallvec")["hashes"][0]["content"],
        "c4488ae950c49d403731982257768f48fada354a5203fe81f9bb6f43ca9002be"
    );
    assert_eq!((&named("app")["type"], &named("app")["purl"]), (&json!("application"), &Value::Null));
    let git = components.iter().find(|one| one["purl"].as_str().is_some_and(|purl| purl.contains("vcs_url"))).unwrap();
    assert_eq!(git["purl"], "pkg:pypi/six?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fsix%401");
    assert!(
        components.iter().any(|one| one["name"] == "./own" && one["type"] == "application"),
        "it has no other name"
    );
    // One component for both files that name it.
    assert_eq!(components.iter().filter(|one| one["name"] == "time").count(), 1);
    let needs: BTreeMap<&str, &Value> = document["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["ref"].as_str().unwrap(), &one["dependsOn"]))
        .collect();
    assert_eq!(needs["-a-b-1.2.3"], &json!(["d-3.0.0"]));
    assert_eq!(needs["app-0.1.0"], &json!(["smallvec-0.6.9", "time-0.1.42", "smallvec-0.6.13"]));
    // The same bytes for the same files.
    assert_eq!(bill(&machine, &[path(&project)]).1["components"], document["components"]);
    let (exit, _, talk) = machine.said(&["audit", "sbom", path(&project), "bash"]);
    assert!(exit == 2 && talk.contains("two bills"), "{talk}");
    assert_eq!(machine.said(&["audit", "sbom", "/nonexistent"]).0, 3);
}

#[test]
fn findings_stand_in_the_bill() {
    let (machine, project) = world();
    let cargo = project.join("Cargo.lock");
    let vex = machine.file(
        "vex.json",
        &json!({"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "2026-01-01T00:00:00Z", "statements": [
            {"vulnerability": {"name": "RUSTSEC-2020-0071"}, "products": [{"@id": "pkg:cargo/time"}],
             "status": "not_affected", "justification": "vulnerable_code_not_present"}]})
        .to_string(),
    );
    let (exit, document) = bill(&machine, &[path(&cargo), "--vulnerabilities", "--vex", &vex]);
    let all = document["vulnerabilities"].as_array().unwrap();
    assert_eq!((exit, all.len()), (0, 2));
    let [found, answered] = [&all[0], &all[1]];
    assert_eq!((&found["id"], &found["affects"]), (&json!("GHSA-xr7r-88qv-q7hm"), &json!([{"ref": "smallvec-0.6.9"}])));
    assert_eq!(found["ratings"][0]["score"], 7.5);
    assert_eq!(
        (&found["ratings"][0]["method"], &found["recommendation"]),
        (&json!("CVSSv31"), &json!("fixed in 0.6.13"))
    );
    assert_eq!(found["references"][0]["id"], "CVE-2019-15554");
    assert_eq!(answered["analysis"], json!({"state": "not_affected", "detail": "vulnerable_code_not_present"}));
    // Its schema would take a number, too, which is no decimal in RDF.
    let (_, document) = bill(&machine, &[path(&cargo), "--vulnerabilities", "--format", "spdx-3.0"]);
    let scores: Vec<&Value> =
        document["@graph"].as_array().unwrap().iter().filter_map(|one| one.get("security_score")).collect();
    assert_eq!(scores, ["7.5", "5.3"]);
    // What is not known is told, and where nothing is known it is not a clean bill.
    let (exit, _, talk) = machine.said(&["audit", "sbom", path(&project), "--vulnerabilities"]);
    assert!(exit == 4 && talk.contains("of 2 packages it is not known"), "{talk}");
    let empty = Machine::apt(STATUS, PACKAGES);
    let (exit, _, talk) = empty.said(&["audit", "sbom", path(&cargo), "--vulnerabilities"]);
    assert!(exit == 4 && talk.contains("nothing is known about packages of crates.io"), "{talk}");
    assert_eq!(machine.said(&["audit", "sbom", "--vex", &vex]).0, 2);
}

#[test]
fn documents_with_findings_are_as_the_official_schemas_ask() {
    if !has_validator("documents_with_findings_are_as_the_official_schemas_ask") {
        return;
    }
    let (machine, project) = world();
    let config = fs::read_to_string(machine.root.join("etc/omg/config.toml")).unwrap();
    machine.configure(&format!("{config}[[advisories.ignore]]\nid = \"GHSA-4\"\nreason = \"accepted\"\n"));
    let test = "documents_with_findings_are_as_the_official_schemas_ask";
    for format in FORMATS.into_iter().filter(|format| has_schema(test, format)) {
        let file = machine.folder.path().join(format);
        let line = ["audit", "sbom", path(&project), "--vulnerabilities", "--format", format, "-o", path(&file)];
        assert_eq!(machine.said(&line).0, 4);
        validate(format, &file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("GHSA-xr7r-88qv-q7hm"), "{format}");
    }
}
