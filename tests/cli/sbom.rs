//! `omg audit sbom` and `omg audit licenses`, on machines of our own making, on this one, and on real databases of Arch; the
//! documents are held against the official schemas where those are here.

use crate::manual::check_shape;
use crate::pacman_root::PacmanRoot;
use crate::pacman_world::{PAIRS, World, have, shared_data};
use crate::support::{Place, has_apt};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

pub const FORMATS: [&str; 4] = ["cyclonedx-1.6", "cyclonedx-1.7", "spdx-2.3", "spdx-3.0"];

/// The small pacman machine, with licences and a name.
fn root() -> PacmanRoot {
    let root = PacmanRoot::new();
    fs::write(root.path("root/etc/os-release"), "ID=arch\nBUILD_ID=rolling\n").unwrap();
    let add = |package: &str, more: &str| {
        let path = root.path(&format!("root/var/lib/pacman/local/{package}/desc"));
        let text = fs::read_to_string(&path).unwrap() + more;
        fs::write(path, text).unwrap();
    };
    add("editor-1:1.9-1", "\n%LICENSE%\nGPL-3.0-or-later\ncustom:Old One\n\n%PACKAGER%\nA B <a@example.org>\n");
    add("libtext-1.5-1", "\n%LICENSE%\nMIT OR Zlib\n\n%URL%\nhttps://example.org/\n");
    root
}

fn run(root: &PacmanRoot, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
    root.environment(command.args(arguments)).env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap()
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn component<'d>(document: &'d Value, name: &str) -> &'d Value {
    document["components"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

#[test]
fn a_machine_of_pacmans_is_told_whole() {
    let root = root();
    let document = document(&run(&root, &["audit", "sbom"]));
    assert_eq!(document["specVersion"], "1.6");
    assert_eq!(document["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    assert_eq!(document["metadata"]["component"]["name"], "arch");
    assert_eq!(document["components"].as_array().unwrap().len(), 5);
    let editor = component(&document, "editor");
    assert_eq!(editor["purl"], "pkg:alpm/arch/editor@1:1.9-1?arch=x86_64");
    assert_eq!(editor["licenses"][0]["expression"], "GPL-3.0-or-later AND LicenseRef-custom-Old-One");
    assert_eq!(editor["supplier"]["contact"][0]["email"], "a@example.org");
    assert_eq!(component(&document, "libtext")["externalReferences"][0]["url"], "https://example.org/");
    assert_eq!(component(&document, "old-lib")["licenses"], Value::Null);
    let needs: BTreeMap<&str, &Value> = document["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["ref"].as_str().unwrap(), &one["dependsOn"]))
        .collect();
    let of = |id: &str| component(&document, id)["bom-ref"].clone();
    assert_eq!(needs["editor-1-1.9-1"], &Value::from(vec![of("libtext")]));
    assert_eq!(needs["subject"], &Value::from(vec![of("base"), of("editor"), of("local-tool")]));
}

#[test]
fn the_same_machine_gives_the_same_bytes() {
    let root = root();
    for format in FORMATS {
        let line = ["audit", "sbom", "--format", format];
        let first = run(&root, &line);
        document(&first);
        assert_eq!(run(&root, &line).stdout, first.stdout);
        let file = root.path("out.json");
        let written = run(&root, &[&line[..], &["--json", "-o", file.to_str().unwrap()]].concat());
        check_shape("audit sbom --output", &document(&written));
        assert_eq!(fs::read(&file).unwrap(), first.stdout);
        fs::remove_file(root.path("index/status")).unwrap();
        assert_eq!(run(&root, &line).stdout, first.stdout, "the index was built anew");
    }
}

#[test]
fn some_packages_bring_what_they_need() {
    let root = root();
    let names = |arguments: &[&str]| -> Vec<String> {
        let document = document(&run(&root, &[&["audit", "sbom"], arguments].concat()));
        let components = document["components"].as_array().unwrap();
        components.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["editor"]), ["editor", "libtext"]);
    assert_eq!(names(&["old-lib", "local-tool"]), ["local-tool", "old-lib"]);
    let output = run(&root, &["audit", "sbom", "lion"]);
    assert_eq!(output.status.code(), Some(1));
    let output = run(&root, &["audit", "sbom", "node@22"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no node@22 is installed"));
}

#[test]
fn a_moment_that_is_none_is_an_error() {
    let root = root();
    let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
    let output = root.environment(command.args(["audit", "sbom"])).env("SOURCE_DATE_EPOCH", "soon").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}

#[test]
fn licences_are_listed_and_judged() {
    let root = root();
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let lines = |output: &Output| -> Vec<String> {
        text(output).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let output = run(&root, &["audit", "licenses"]);
    assert_eq!(output.status.code(), Some(0));
    let expected = [
        "3 not stated base local-tool old-lib",
        "1 GPL-3.0-or-later editor",
        "1 MIT OR Zlib libtext",
        "1 custom:Old One editor",
    ];
    assert_eq!(lines(&output), expected);
    fs::create_dir_all(root.path("root/etc/omg")).unwrap();
    fs::write(root.path("root/etc/omg/policy.toml"), "allowed_licenses = [\"MIT\", \"GPL-*\"]\n").unwrap();
    let output = run(&root, &["audit", "licenses", "--json"]);
    assert_eq!(output.status.code(), Some(6));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    check_shape("audit licenses", &all);
    let said: Vec<(&str, &str)> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["license"].as_str().unwrap_or_default(), one["verdict"].as_str().unwrap()))
        .collect();
    let expected =
        [("custom:Old One", "forbidden"), ("", "unknown"), ("GPL-3.0-or-later", "allowed"), ("MIT OR Zlib", "allowed")];
    assert_eq!(said, expected);
    assert_eq!(all[0]["why"], "licence \"custom:Old One\" is not allowed");
    fs::write(root.path("root/etc/omg/policy.toml"), "allowed_licenses = [\"*\"]\n").unwrap();
    let output = run(&root, &["audit", "licenses", "--json"]);
    assert_eq!(output.status.code(), Some(6), "what is not known is not allowed");
}

/// A machine of apt's: three packages, of which one has a copyright file that machines read.
fn apt_root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |below: &str, text: &str| {
        let path = root.path().join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let package = |name: &str, more: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2-3+b1\n{more}Description: x\n\n"
        )
    };
    let status = package("tool", "Depends: libx\nHomepage: https://example.org/\nMaintainer: X Team <x@example.org>\n")
        + &package("libx", "Source: x (1:2-3)\n")
        + &package("bare", "");
    write("var/lib/dpkg/status", &status);
    write("etc/apt/apt.conf.d/00own", "APT::Architecture \"amd64\";\n");
    write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
    let copyright = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: x\n\
                     License: GPL-2+ or Artistic\n\nFiles: y\nLicense: Expat\n";
    write("usr/share/doc/tool/copyright", copyright);
    write("usr/share/doc/libx/copyright", "It is free software.\n");
    root
}

#[test]
fn a_machine_of_apts_is_told_whole() {
    let (root, place) = (apt_root(), Place::new());
    let at = root.path().to_str().unwrap();
    let document = place.json(&["audit", "sbom", "--root", at]);
    let tool = component(&document, "tool");
    assert_eq!(tool["purl"], "pkg:deb/debian/tool@1:2-3%2Bb1?arch=amd64&distro=bookworm");
    assert_eq!(tool["licenses"][0]["expression"], "(GPL-2.0-or-later OR LicenseRef-Artistic) AND MIT");
    let libx = component(&document, "libx");
    assert_eq!(libx["properties"][0]["value"], "x 1:2-3");
    assert_eq!(libx["licenses"], Value::Null);
    let spdx = place.json(&["audit", "sbom", "--root", at, "--format", "spdx"]);
    let packages = spdx["packages"].as_array().unwrap();
    let tool = packages.iter().find(|one| one["name"] == "tool").unwrap();
    assert_eq!(tool["supplier"], "Organization: X Team (x@example.org)");
    let needs = |one: &&Value| one["relationshipType"] == "DEPENDS_ON" && one["spdxElementId"] == tool["SPDXID"];
    let needs: Vec<&Value> = spdx["relationships"].as_array().unwrap().iter().filter(needs).collect();
    assert_eq!(needs.len(), 1);
    assert_eq!(needs[0]["relatedSpdxElement"], "SPDXRef-libx-1-2-3-b1");
}

#[test]
fn a_copyright_file_that_cannot_be_read_is_told() {
    let (root, place) = (apt_root(), Place::new());
    let path = root.path().join("usr/share/doc/tool/copyright");
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    for line in [&["audit", "sbom"][..], &["audit", "licenses"]] {
        let output = place.omg(&[line, &["--root", root.path().to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(4));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("usr/share/doc/tool/copyright: is no regular file"), "{said}");
    }
}

/// Holds documents against a schema with Debian's python3-jsonschema; a schema may name others beside it. A validator in Rust would
/// bring thirty crates for this one test.
const VALIDATOR: &str = r#"
import json, sys, os
import jsonschema
schema = json.load(open(sys.argv[1]))
folder = os.path.dirname(sys.argv[1])
others = [json.load(open(os.path.join(folder, n))) for n in os.listdir(folder)]
kind = jsonschema.validators.validator_for(schema)
try:
    resolver = {"resolver": jsonschema.RefResolver.from_schema(schema, store={s["$id"]: s for s in others if "$id" in s})}
except AttributeError:
    resolver = {}
wrong = list(kind(schema, **resolver).iter_errors(json.load(open(sys.argv[2]))))
for error in wrong[:5]:
    print(list(error.absolute_path), error.message[:300])
sys.exit(1 if wrong else 0)
"#;

pub fn has_validator(test: &str) -> bool {
    let has = Command::new("python3").args(["-c", "import jsonschema"]).output().is_ok_and(|one| one.status.success());
    have(test, "python3-jsonschema", has)
}

/// Whether the official schema of a format is here.
pub fn has_schema(test: &str, format: &str) -> bool {
    have(test, &format!("the schema of {format}"), schema(format).is_file())
}

/// In the shared data, else where `./setup test-deps` puts it.
pub fn schema(format: &str) -> std::path::PathBuf {
    let (name, packaged) = match format {
        "cyclonedx-1.6" => ("bom-1.6.schema.json", "bom-1.6.SNAPSHOT.schema.json"),
        "cyclonedx-1.7" => ("bom-1.7.schema.json", "bom-1.7.SNAPSHOT.schema.json"),
        "sarif" => ("sarif-schema-2.1.0.json", "sarif-2.1.0.json"),
        "spdx-2.3" => ("spdx-2.3.schema.json", "spdx-2.3.schema.json"),
        _ => ("spdx-3.0.1.schema.json", "spdx-3.0.1.schema.json"),
    };
    let shared = shared_data().join("sbom-schemas").join(name);
    let fetched = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("schemas").join(packaged);
    if fetched.is_file() && !shared.is_file() { fetched } else { shared }
}

pub fn validate(format: &str, document: &Path) -> Result<(), String> {
    let output = Command::new("python3")
        .args(["-W", "ignore", "-c", VALIDATOR])
        .args([&schema(format), document])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{format}: {said}")) }
}

#[test]
fn documents_are_as_the_official_schemas_ask() {
    let test = "documents_are_as_the_official_schemas_ask";
    if !has_validator(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (root, apt) = (root(), apt_root());
    for format in FORMATS.into_iter().filter(|format| has_schema(test, format)) {
        let file = folder.path().join(format);
        let write = |output: Output| {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            validate(format, &file).unwrap();
        };
        let line = ["audit", "sbom", "--format", format, "-o", file.to_str().unwrap()];
        write(run(&root, &line));
        write(Place::new().omg(&[&line[..], &["--root", apt.path().to_str().unwrap()]].concat()));
        // The validator is one that can say no.
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("\"name\"", "\"nom\"")).unwrap();
        assert!(validate(format, &file).is_err(), "{format}");
    }
}

#[test]
fn real_machines_are_as_the_official_schemas_ask() {
    let test = "real_machines_are_as_the_official_schemas_ask";
    if !has_validator(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for format in FORMATS.into_iter().filter(|format| has_schema(test, format)) {
        let file = folder.path().join(format);
        let mut line = vec!["audit", "sbom", "--format", format, "-o", file.to_str().unwrap()];
        if format == "spdx-3.0" {
            // The validator tries a hundred classes on each element, and would take an hour for all.
            line.push("bash");
        }
        if has_apt(test) {
            let output = Place::new().omg(&line);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            validate(format, &file).unwrap();
        }
        for pair in PAIRS.iter().filter(|pair| ["2017", "2026"].contains(&pair.name)) {
            if !have(test, "arch-local in the shared data", shared_data().join("arch-local").is_dir()) {
                continue;
            }
            let world = World::real(pair);
            let (conf, db, root) = (world.conf(), world.db(), world.root());
            let place = [("--config", &conf), ("--dbpath", &db), ("--root", &root)];
            let place = place.iter().flat_map(|(option, path)| [*option, path.to_str().unwrap()]);
            let line: Vec<&str> = line.iter().copied().chain(["--backend", "pacman"]).chain(place).collect();
            let output = Place::new().omg(&line);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            validate(format, &file).unwrap();
        }
    }
}
