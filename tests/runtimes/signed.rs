//! Signatures of publishers besides Node's: a list that is signed in the clear (Bun), and archives with a signature beside them (Java).
//! gpg, which is not of our making, signs.

#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use crate::world::{World, err, hex, out, programs};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The keys of a releaser, who is believed, and of a stranger.
struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    fn new(test: &str) -> Option<Gpg> {
        if Command::new("gpg").arg("--version").output().is_err() {
            println!("skipped {test}: no gpg here");
            return None;
        }
        let gpg = Gpg { home: tempfile::tempdir().unwrap() };
        for name in ["releaser", "stranger"] {
            gpg.run(&["--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never"]);
        }
        fs::write(gpg.ring(), gpg.run(&["--armor", "--export", "releaser"])).unwrap();
        Some(gpg)
    }

    fn run(&self, words: &[&str]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path()).args(["--batch", "--yes", "--quiet"]).args(words);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", err(&output));
        output.stdout
    }

    fn ring(&self) -> PathBuf {
        self.home.path().join("ring.asc")
    }

    fn sign(&self, how: &str, user: &str, file: &Path, to: &Path) {
        self.run(&["--local-user", user, "--output", to.to_str().unwrap(), how, file.to_str().unwrap()]);
    }

    fn fingerprint(&self) -> String {
        let listed = String::from_utf8(self.run(&["--with-colons", "--list-keys", "releaser"])).unwrap();
        let line = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap();
        line.trim_end_matches(':').to_owned()
    }
}

fn configure(world: &World, runtime: &str, index: &str, keyring: Option<&Path>) {
    let mirror = format!("file://{}", world.mirror().display());
    let keyring = keyring.map_or(String::new(), |ring| format!("keyring = \"{}\"", ring.display()));
    world.configure(&format!("[runtimes.{runtime}]\nmirror = \"{mirror}\"\nindex = \"{mirror}/{index}\"\n{keyring}"));
}

fn last_event(world: &World) -> Value {
    let log = out(world.omg(&["audit", "log", "--json"]));
    serde_json::from_str::<Value>(&log).unwrap()[0].clone()
}

/// Fails with this sentence, writes that down, installs nothing.
#[track_caller]
fn refused(world: &World, what: &str, sentence: &str) {
    let output = world.omg(&["install", what]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains(sentence), "{}", err(&output));
    assert_eq!(last_event(world)["event"], "runtime-rejected");
    let versions = world.home().join(".local/share/omg/versions").join(what.split('@').next().unwrap());
    let left = fs::read_dir(versions).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.filter(|name| name != ".lock").count(), 0);
}

/// Installs it, which vouched for by this key, or by none, and takes it away again. What is told of what was not verified.
#[track_caller]
fn installed(world: &World, what: &str, key: &str) -> String {
    let installed: Value = serde_json::from_str(&out(world.omg(&["install", what, "--json"]))).unwrap();
    assert_eq!(installed[0]["key"], key, "{installed}");
    assert_eq!(last_event(world)["details"]["key"], key);
    fs::remove_dir_all(installed[0]["path"].as_str().unwrap()).unwrap();
    installed[0]["unverified"].to_string()
}

/// A zip of one file, stored.
fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let length = (content.len() as u32).to_le_bytes();
    let described = [
        &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &crc.sum().to_le_bytes(),
        &length,
        &length,
        &(name.len() as u16).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04", &described[..], name.as_bytes(), content].concat();
    // Made on Unix: its rights stand in the upper half.
    let rights = (0o100_755_u32 << 16).to_le_bytes();
    let central = [b"PK\x01\x02\x14\x03", &described[..], &[0; 6], &rights, &[0; 4], name.as_bytes()].concat();
    let sizes = [(central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes()].concat();
    let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &sizes, &[0, 0]].concat();
    [local, central, end].concat()
}

#[test]
fn buns_signed_list_vouches_for_its_archive() {
    let Some(gpg) = Gpg::new("buns_signed_list_vouches_for_its_archive") else { return };
    let world = World::new();
    let folder = world.mirror().join("bun-v1.2.0");
    fs::create_dir_all(&folder).unwrap();
    let name = if cfg!(target_arch = "aarch64") { "bun-linux-aarch64.zip" } else { "bun-linux-x64.zip" };
    let archive = zip("bun-linux/bun", b"#!/bin/sh\necho bun\n");
    fs::write(folder.join(name), &archive).unwrap();
    let list = folder.join("SHASUMS256.txt");
    let good = format!("{}  bun-darwin-x64.zip\n{}  {name}", "0".repeat(64), hex(&archive));
    fs::write(&list, &good).unwrap();
    let index = json!([{ "tag_name": "bun-v1.2.0", "published_at": "2025-01-22T10:00:00Z" }]);
    fs::write(world.mirror().join("bun.json"), index.to_string()).unwrap();
    let signed = folder.join("SHASUMS256.txt.asc");
    let sign = |user: &str| gpg.sign("--clearsign", user, &list, &signed);

    configure(&world, "bun", "bun.json", Some(&gpg.ring()));
    sign("releaser");
    world.policy("required_signatures = true\n");
    assert_eq!(installed(&world, "bun@1.2", &gpg.fingerprint()), "[]");
    world.policy("");
    bunx_is_there(&world);
    sign("stranger");
    refused(&world, "bun@1.2", "which is not among the keys");
    // What is signed says something else of this archive, or nothing.
    for other in [good.replace(&hex(&archive), &"1".repeat(64)), good.replace(name, "another.zip")] {
        fs::write(&list, &other).unwrap();
        sign("releaser");
        fs::write(&list, &good).unwrap();
        refused(&world, "bun@1.2", "does not vouch for");
    }
    // Changed since, or with something beside what is signed.
    sign("releaser");
    let text = fs::read_to_string(&signed).unwrap();
    for changed in [
        text.replacen("0000", "0001", 1),
        format!("{}  {name}\n{text}", hex(&archive)),
        format!("{text}\n{}  {name}\n", hex(&archive)),
        good.clone(),
    ] {
        fs::write(&signed, changed).unwrap();
        refused(&world, "bun@1.2", "does not vouch for");
    }
    // By the key that comes with omg nobody else's can be told good or bad.
    configure(&world, "bun", "bun.json", None);
    sign("stranger");
    let told = installed(&world, "bun@1.2", "");
    assert!(told.contains("by the keys that come with omg: it was signed by "), "{told}");
    fs::remove_file(&signed).unwrap();
    let told = installed(&world, "bun@1.2", "");
    assert!(told.contains("there is no file://") && told.contains("SHASUMS256.txt.asc"), "{told}");
}

/// No archive of bun's has it: it is a link to bun in bun's own installation.
fn bunx_is_there(world: &World) {
    assert!(world.omg(&["install", "bun@1.2"]).status.success());
    assert_eq!(out(world.omg(&["exec", "bun@1.2", "--", "bunx"])), "bun\n");
    let ask = |words: &[&str]| world.command(words).env("OMG_BUN_VERSION", "1.2").output().unwrap();
    let program = out(ask(&["which", "bunx"]));
    assert!(program.ends_with("/bun/1.2.0/bin/bunx\n"), "{program}");
    assert!(out(ask(&["shims", "--json"])).contains("\"bunx\""));
    fs::remove_file(program.trim()).unwrap();
    let lost = err(&ask(&["which", "bunx"]));
    assert!(lost.contains("hint: `omg uninstall bun@1.2.0 && omg install bun@1.2.0` installs it anew"), "{lost}");
    assert!(world.omg(&["uninstall", "bun@1.2", "--yes"]).status.success());
}

#[test]
fn a_temurin_is_verified_by_the_signature_beside_it_while_it_comes() {
    let Some(gpg) = Gpg::new("a_temurin_is_verified_by_the_signature_beside_it_while_it_comes") else { return };
    let world = World::new();
    let folder = world.mirror().join("temurin21-binaries/releases/download/jdk-21.0.7+6");
    fs::create_dir_all(&folder).unwrap();
    let arch = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x64" };
    let name = format!("OpenJDK21U-jdk_{arch}_linux_hotspot_21.0.7_6.tar.gz");
    let packed = |program: &str| programs(&[("jdk-21.0.7+6/bin/java", program)]);
    let bytes = packed("#!/bin/sh\necho java\n");
    let archive = folder.join(&name);
    let publish = |bytes: &[u8]| {
        fs::write(&archive, bytes).unwrap();
        fs::write(folder.join(format!("{name}.sha256.txt")), format!("{}  {name}\n", hex(bytes))).unwrap();
    };
    publish(&bytes);
    let releases = "https://github.com/adoptium/temurin21-binaries/releases/download";
    let index = json!([{
        "vendor": "temurin", "version": "21.0.7+6.0.LTS", "image_type": "jdk", "jvm_impl": "hotspot", "file_type": "tar.gz",
        "features": [], "url": format!("{releases}/jdk-21.0.7%2B6/{name}"), "checksum": null,
    }]);
    fs::write(world.mirror().join("java.json"), index.to_string()).unwrap();
    let signature = folder.join(format!("{name}.sig"));
    let sign = |user: &str| gpg.sign("--detach-sign", user, &archive, &signature);

    // By the key that comes with omg nobody else's can be told good or bad.
    configure(&world, "java", "java.json", None);
    let told = installed(&world, "java@21", "");
    assert!(told.contains("there is no file://") && told.contains(".tar.gz.sig"), "{told}");
    sign("stranger");
    let told = installed(&world, "java@21", "");
    assert!(told.contains("by the keys that come with omg: it was signed by "), "{told}");
    fs::remove_file(&signature).unwrap();
    configure(&world, "java", "java.json", Some(&gpg.ring()));
    let unsigned = world.omg(&["install", "java@21"]);
    assert!(
        unsigned.status.code() == Some(3) && err(&unsigned).contains("could not be verified"),
        "{}",
        err(&unsigned)
    );
    sign("releaser");
    world.policy("required_signatures = true\n");
    assert_eq!(installed(&world, "java@21", &gpg.fingerprint()), "[]");
    world.policy("");
    // Armoured as well.
    gpg.run(&[
        "--armor",
        "--local-user",
        "releaser",
        "--output",
        signature.to_str().unwrap(),
        "--detach-sign",
        archive.to_str().unwrap(),
    ]);
    installed(&world, "java@21", &gpg.fingerprint());
    sign("stranger");
    refused(&world, "java@21", "which is not among the keys");
    // Another archive, of which its checksum is right.
    sign("releaser");
    publish(&packed("#!/bin/sh\necho another\n"));
    refused(&world, "java@21", "is not what its signature is of");
    publish(&bytes);
    for bad in [&b""[..], b"<html>", &[0x88, 0x75, 0x04]] {
        fs::write(&signature, bad).unwrap();
        refused(&world, "java@21", "does not vouch for");
    }
}
