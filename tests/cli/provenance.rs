//! `omg audit provenance`, on signatures of a Sigstore of our own and on the real ones of the shared data.

use crate::manual::check_shape;
use crate::sigstore::{IDENTITY, ISSUER, Owner, Sigstore, WORKFLOW, hex, sha256};
use crate::support::{Place, has_program};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE: &[u8] = b"what was built\n";

/// A file with its bundle and a trust root.
struct Signed {
    place: Place,
    sigstore: Sigstore,
}

impl Signed {
    fn new() -> Signed {
        let (place, sigstore) = (Place::new(), Sigstore::new());
        fs::write(place.folder.path().join("root.json"), sigstore.root().to_string()).unwrap();
        fs::write(place.folder.path().join("file"), FILE).unwrap();
        Signed { place, sigstore }
    }

    fn path(&self, name: &str) -> String {
        self.place.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn bundle(&self, text: &str) -> &Signed {
        fs::write(self.path("file.sigstore.json"), text).unwrap();
        self
    }

    /// Exit code and output, the folder cut out.
    fn ask(&self, arguments: &[&str]) -> (i32, String) {
        let root = self.path("root.json");
        let file = self.path("file");
        let all = [&["audit", "provenance", "--trusted-root", &root, &file], arguments].concat();
        let output = self.place.omg(&all);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text.replace(&self.path(""), ""))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (_, text) = self.ask(&[&["--json"], arguments].concat());
        let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        check_shape("audit provenance", &value);
        value
    }
}

const BY: [&str; 4] = ["--identity", IDENTITY, "--issuer", ISSUER];

#[test]
fn a_signed_file_is_good_where_it_is_of_whom_was_expected() {
    let signed = Signed::new();
    signed.bundle(&signed.sigstore.sign(&WORKFLOW, FILE).to_string());
    let details = "    checked     certificate chain, certificate log, transparency log, signature, digest\n    \
                   signed at   2025-01-01T12:00:00Z\n    \
                   source      https://github.com/o/r refs/tags/v1 c0ffee\n    \
                   run         https://github.com/o/r/actions/runs/1\n";
    let by = format!("signed by {IDENTITY} (issuer {ISSUER})");
    assert_eq!(signed.ask(&BY), (0, format!("file: good: {by}\n{details}")));
    assert_eq!(signed.ask(&[]), (1, format!("file: unknown: {by}, whom nobody asked for\n{details}")));
    for (identity, issuer, exit) in [
        ("https://github.com/o/r/*@refs/tags/v*", ISSUER, 0),
        ("*", "*", 0),
        ("https://github.com/o/r", ISSUER, 6),
        ("https://github.com/o/r/*@refs/heads/*", ISSUER, 6),
        (IDENTITY, "https://accounts.example.org", 6),
        ("", ISSUER, 6),
    ] {
        let (code, out) = signed.ask(&["--identity", identity, "--issuer", issuer]);
        assert_eq!(code, exit, "{identity} {issuer}: {out}");
        let word = if exit == 0 { "good" } else { "bad" };
        assert!(out.starts_with(&format!("file: {word}: {by}")), "{out}");
    }
    assert_eq!(signed.json(&BY)["signatures"][0]["signer"]["runner"], "github-hosted");
    fs::write(signed.path("file"), "something else").unwrap();
    let (code, out) = signed.ask(&BY);
    assert!(code == 6 && out.starts_with("file: bad: artifact mismatch: "), "{code} {out}");
    assert_eq!(signed.json(&BY)["answer"], "bad");
}

#[test]
fn whatever_is_changed_of_a_bundle_is_found() {
    let signed = Signed::new();
    let good = signed.sigstore.sign(&WORKFLOW, FILE);
    let other = signed.sigstore.sign(&WORKFLOW, FILE);
    let stranger = Sigstore::new().sign(&WORKFLOW, FILE);
    assert_eq!(signed.bundle(&good.to_string()).ask(&BY).0, 0);
    for path in [
        "/verificationMaterial",
        "/verificationMaterial/certificate",
        "/verificationMaterial/tlogEntries",
        "/verificationMaterial/tlogEntries/0/inclusionPromise",
        "/verificationMaterial/tlogEntries/0/inclusionProof",
        "/verificationMaterial/tlogEntries/0/inclusionProof/rootHash",
        "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint",
        "/verificationMaterial/tlogEntries/0/canonicalizedBody",
        "/messageSignature/signature",
    ] {
        for from in [&other, &stranger] {
            let mut mixed = good.clone();
            *mixed.pointer_mut(path).unwrap() = from.pointer(path).unwrap().clone();
            let (code, out) = signed.bundle(&mixed.to_string()).ask(&BY);
            assert_eq!(code, 6, "{path}: {out}");
        }
        let mut less = good.clone();
        let (parent, name) = path.rsplit_once('/').unwrap();
        less.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        // A promise is no more than a time, and there is no other here.
        assert_eq!(signed.bundle(&less.to_string()).ask(&BY).0, 6, "without {path}");
    }
    let mut early = good.clone();
    early["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = "1735732801".into();
    assert_eq!(signed.bundle(&early.to_string()).ask(&BY).0, 6);
    assert_eq!(signed.bundle(&stranger.to_string()).ask(&BY).0, 6, "of another authority");
}

#[test]
fn a_key_stands_for_an_identity() {
    let signed = Signed::new();
    let (key, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    fs::write(signed.path("key.pub"), key.public_key_pem()).unwrap();
    fs::write(signed.path("other.pub"), other.public_key_pem()).unwrap();
    fs::write(signed.path("no.pub"), "no key").unwrap();
    signed.bundle(&signed.sigstore.sign_by_key(&key, FILE).to_string());
    let good = "file: good: signed with that key\n    checked     transparency log, signature, digest\n    \
                signed at   2025-01-01T12:00:00Z\n";
    assert_eq!(signed.ask(&["--key", &signed.path("key.pub")]), (0, good.to_owned()));
    assert_eq!(signed.ask(&["--key", &signed.path("other.pub")]).0, 6);
    assert_eq!(signed.ask(&["--key", &signed.path("no.pub")]).0, 3);
    assert_eq!(signed.ask(&BY).0, 1, "whose key it is, nothing tells");
    signed.json(&["--key", &signed.path("key.pub")]);
    if let Some(rsa) = rsa_key("a_key_stands_for_an_identity") {
        fs::write(signed.path("rsa.pub"), rsa.public_key_pem()).unwrap();
        signed.bundle(&signed.sigstore.sign_by_key(&rsa, FILE).to_string());
        assert_eq!(signed.ask(&["--key", &signed.path("rsa.pub")]), (0, good.to_owned()));
        assert_eq!(signed.ask(&["--key", &signed.path("key.pub")]).0, 6);
    }
    signed.bundle(&signed.sigstore.sign(&WORKFLOW, FILE).to_string());
    assert_eq!(signed.ask(&["--key", &signed.path("key.pub")]).0, 6);
}

/// ring signs with such keys and makes none.
fn rsa_key(test: &str) -> Option<rcgen::KeyPair> {
    if !has_program(test, "openssl") {
        return None;
    }
    let make = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let pem = Command::new("openssl").args(make).output().unwrap().stdout;
    let pem = String::from_utf8(pem).unwrap();
    Some(rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256).unwrap())
}

fn v1(builder: &str, repository: &str) -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": { "workflow": { "repository": repository, "ref": "refs/tags/v1", "path": ".github/workflows/release.yml" } },
            "resolvedDependencies": [{ "uri": "git+https://github.com/o/r@refs/tags/v1", "digest": { "gitCommit": "c0ffee" } }],
        },
        "runDetails": { "builder": { "id": builder }, "metadata": { "invocationId": "https://github.com/o/r/actions/runs/1" } },
    })
}

fn v0_2(builder: &str) -> Value {
    json!({
        "builder": { "id": builder },
        "buildType": "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
        "invocation": { "configSource": {
            "uri": "git+https://github.com/o/r@refs/tags/v1", "digest": { "sha1": "c0ffee" }, "entryPoint": ".github/workflows/release.yml",
        } },
    })
}

fn statement(version: &str, predicate: Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "file", "digest": { "sha256": hex(&sha256(FILE)) } }],
        "predicateType": format!("https://slsa.dev/provenance/v{version}"),
        "predicate": predicate,
    })
}

const RUNNER: &str = "https://github.com/actions/runner/github-hosted";
const GENERATOR: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml@refs/tags/v2.1.0";

/// The owner of a workflow's certificate with one extension told otherwise.
fn with(number: u64, value: &'static str) -> Vec<(u64, &'static str)> {
    WORKFLOW.claims.iter().map(|claim| if claim.0 == number { (number, value) } else { *claim }).collect()
}

#[test]
fn a_level_is_what_the_certificate_proves() {
    let signed = Signed::new();
    let level = |owner: &Owner<'_>, statement: &Value| {
        let report = signed.bundle(&signed.sigstore.attest(owner, statement).to_string()).json(&[]);
        assert_eq!(report["answer"], "unknown", "{report}");
        let slsa = &report["signatures"][0]["slsa"];
        assert_eq!(slsa["evidence"].as_array().unwrap().len() as u64, slsa["level"].as_u64().unwrap());
        (slsa["level"].as_u64().unwrap(), slsa["missing"].as_str().unwrap().to_owned())
    };
    let of = |claims: &'static [(u64, &'static str)]| Owner { claims, ..WORKFLOW };
    let good = statement("1", v1(RUNNER, "https://github.com/o/r"));
    let own = (2, "the build's own repository could have written the statement".to_owned());
    assert_eq!(level(&WORKFLOW, &good), own);
    assert_eq!(level(&WORKFLOW, &statement("1", v1(IDENTITY, "https://github.com/o/r"))), own);
    assert_eq!(level(&WORKFLOW, &statement("0.2", v0_2(IDENTITY))), own);
    // What the statement calls itself proves nothing.
    let posing = level(&WORKFLOW, &statement("0.2", v0_2(GENERATOR)));
    assert_eq!(posing, (1, format!("the statement calls the builder {GENERATOR}, and {IDENTITY} signed")));
    let elsewhere = level(&WORKFLOW, &statement("1", v1(RUNNER, "https://github.com/o/other")));
    assert_eq!(elsewhere.0, 1, "{elsewhere:?}");
    let own_machine = with(11, "self-hosted").leak();
    assert_eq!(level(&of(own_machine), &good), (1, "built on a machine that is self-hosted".to_owned()));
    assert_eq!(level(&of(&[]), &good).0, 1);
    let person = Owner { identity: "https://example.org/me", issuer: "https://accounts.example.org", claims: &[] };
    assert_eq!(level(&person, &good).0, 1);
    let generator = with(9, GENERATOR).leak();
    let isolated = Owner { identity: GENERATOR, claims: generator, ..WORKFLOW };
    assert_eq!(level(&isolated, &statement("0.2", v0_2(GENERATOR))), (3, String::new()));
    assert_eq!(level(&of(generator), &statement("0.2", v0_2(GENERATOR))).0, 2);
    // A statement of something else has no level at all, and one whose signature fails has none proven.
    let mut other = good.clone();
    other["predicateType"] = "https://example.org/other".into();
    let report = signed.bundle(&signed.sigstore.attest(&WORKFLOW, &other).to_string()).json(&BY);
    assert_eq!((&report["answer"], &report["signatures"][0]["slsa"]), (&"good".into(), &Value::Null));
    fs::write(signed.path("file"), "something else").unwrap();
    let report = signed.bundle(&signed.sigstore.attest(&WORKFLOW, &good).to_string()).json(&BY);
    assert_eq!((&report["answer"], &report["signatures"][0]["slsa"]["level"]), (&"bad".into(), &0.into()));
}

#[test]
fn a_statement_is_shown_beside_what_is_proven() {
    let signed = Signed::new();
    let statement = statement("1", v1(RUNNER, "https://github.com/o/r"));
    signed.bundle(&signed.sigstore.attest(&WORKFLOW, &statement).to_string());
    let expected = format!(
        "file: good: signed by {IDENTITY} (issuer {ISSUER})\n    \
         checked     certificate chain, certificate log, transparency log, signature, digest\n    \
         signed at   2025-01-01T12:00:00Z\n    \
         source      https://github.com/o/r refs/tags/v1 c0ffee\n    \
         run         https://github.com/o/r/actions/runs/1\n    \
         statement   https://slsa.dev/provenance/v1\n      \
         builder   {RUNNER}\n      \
         type      https://actions.github.io/buildtypes/workflow/v1\n      \
         source    https://github.com/o/r refs/tags/v1 c0ffee\n      \
         ran       .github/workflows/release.yml\n      \
         run       https://github.com/o/r/actions/runs/1\n    \
         SLSA        build level 2\n      \
         proven    a signed statement names this file's digest, and says how it was built\n      \
         proven    the certificate is of a workflow on a github-hosted machine, and agrees with the statement's source\n      \
         not more  the build's own repository could have written the statement\n"
    );
    assert_eq!(signed.ask(&BY), (0, expected));
}

#[test]
fn lists_of_bundles_are_read_as_they_are_handed_out() {
    let signed = Signed::new();
    let good = signed.sigstore.sign(&WORKFLOW, FILE);
    let bad = signed.sigstore.sign(&WORKFLOW, b"something else");
    let person = Owner { identity: "https://example.org/me", issuer: "https://accounts.example.org", claims: &[] };
    let other = signed.sigstore.sign(&person, FILE);
    let answers = |text: &str| {
        let report = signed.bundle(text).json(&BY);
        let each = report["signatures"].as_array().unwrap().iter().map(|one| one["answer"].clone());
        (
            report["answer"].as_str().unwrap().to_owned(),
            each.map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        )
    };
    let both = ("good".to_owned(), vec!["bad".to_owned(), "good".to_owned()]);
    assert_eq!(answers(&format!("{bad}\n{good}\n")), both);
    assert_eq!(answers(&format!("[{bad}, {good}]")), both);
    // GitHub's and npm's.
    let listed =
        json!({ "attestations": [{ "bundle": bad, "repository_id": 1 }, { "predicateType": "x", "bundle": good }] });
    assert_eq!(answers(&serde_json::to_string_pretty(&listed).unwrap()), both);
    assert_eq!(answers(&format!("{other}\n{bad}")).0, "bad");
    assert_eq!(answers("{}\n{}"), ("bad".to_owned(), vec!["bad".to_owned(); 2]));
    for nothing in ["", " \n", "[]", r#"{"attestations":[]}"#, "no JSON", "{", "[1", "\u{0}"] {
        assert_eq!(answers(nothing), ("bad".to_owned(), vec![]), "{nothing:?}");
    }
    let envelope =
        json!({ "payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{ "sig": "AAAA" }] });
    assert_eq!(answers(&envelope.to_string()), ("unknown".to_owned(), vec!["unknown".to_owned()]));
    let many = format!("{envelope}\n").repeat(65);
    assert_eq!(answers(&many), ("bad".to_owned(), vec![]));
}

#[test]
fn without_a_bundle_nothing_is_known() {
    let signed = Signed::new();
    let (code, out) = signed.ask(&BY);
    assert_eq!(code, 1);
    assert_eq!(
        out,
        "error: nothing is known of file: there is no bundle beside it\nhint: --bundle names the file with its signatures\n"
    );
    let good = signed.sigstore.sign(&WORKFLOW, FILE).to_string();
    for name in ["file.bundle", "file.sigstore"] {
        fs::write(signed.path(name), &good).unwrap();
        assert_eq!(signed.ask(&BY).0, 0, "{name}");
        fs::remove_file(signed.path(name)).unwrap();
    }
    fs::write(signed.path("elsewhere"), &good).unwrap();
    let elsewhere = signed.path("elsewhere");
    assert_eq!(signed.ask(&[&BY[..], &["--bundle", &elsewhere]].concat()).0, 0);
    let root = signed.path("root.json");
    let ask = |arguments: &[&str]| {
        let all = [&["audit", "provenance", "--trusted-root", &root, "--bundle", &elsewhere], arguments].concat();
        signed.place.omg(&all).status.code().unwrap()
    };
    let digest = |bytes: &[u8]| format!("sha256:{}", hex(&sha256(bytes)));
    assert_eq!(ask(&[&BY[..], &[&digest(FILE)]].concat()), 0);
    assert_eq!(ask(&[&BY[..], &[&digest(b"something else")]].concat()), 6);
    assert_eq!(
        ask(&[&BY[..], &[&format!("sha512:{}", "00".repeat(64))]].concat()),
        1,
        "not the digest that was signed"
    );
    for no_file in ["sha256:00", "sha256:xx", "md5:00", "nowhere", "/"] {
        assert_eq!(ask(&[no_file]), 3, "{no_file}");
    }
    assert_eq!(ask(&[&digest(FILE), "--identity", "x"]), 2);
    assert_eq!(ask(&[&digest(FILE), "--issuer", "x"]), 2);
    fs::write(&root, "{}").unwrap();
    assert_eq!(ask(&[&BY[..], &[&digest(FILE)]].concat()), 3, "no trust root");
}

#[test]
fn what_is_broken_or_huge_is_refused_in_time() {
    let signed = Signed::new();
    let good = signed.sigstore.attest(&WORKFLOW, &statement("0.2", v0_2(IDENTITY))).to_string();
    for cut in (0..good.len()).step_by(good.len() / 40) {
        assert_eq!(signed.bundle(&good[..cut]).ask(&BY).0, 6, "cut at {cut}");
    }
    let deep = |open: &str| open.repeat(1_000_000 / open.len());
    for text in [deep("["), deep("{\"a\":"), deep("{\"attestations\":[{\"bundle\":"), deep("[1]"), deep("{}")] {
        assert_eq!(signed.bundle(&text).ask(&BY).0, 6, "{}", &text[..20]);
    }
    // Deep inside what was signed, where the signature is good.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let statement = statement("1", Value::Null).to_string().replace("null", &deep);
    let payload = crate::sigstore::base64(statement.as_bytes());
    let envelope =
        json!({ "payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{ "sig": "AAAA" }] });
    assert_eq!(signed.bundle(&envelope.to_string()).ask(&BY).0, 1);
    fs::File::create(signed.path("file.sigstore.json")).unwrap().set_len(1 << 40).unwrap();
    let (code, out) = signed.ask(&BY);
    assert!(code == 3 && out.contains("that is no bundle"), "{code} {out}");
}

/// The folder of unpacked data, where there is data.
fn unpacked(test: &str, archive: &str) -> Option<tempfile::TempDir> {
    let data = std::env::var_os("OMG_TEST_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let Ok(file) = fs::File::open(data.join("sigstore").join(archive)) else {
        println!("skipped {test}: no {archive}");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    tar::Archive::new(zstd::Decoder::new(file).unwrap()).unpack(folder.path()).unwrap();
    Some(folder)
}

/// Through the script that speaks the suite's protocol.
#[test]
fn every_case_of_the_conformance_suite_gives_the_verdict_of_its_name() {
    let test = "every_case_of_the_conformance_suite_gives_the_verdict_of_its_name";
    let Some(folder) = unpacked(test, "conformance-bundle-verify.tar.zst") else { return };
    let cases = folder.path().join("test/assets/bundle-verify");
    let (mut good, mut bad) = (0, 0);
    for case in fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let name = case.file_name().unwrap().to_str().unwrap();
        let text =
            |name: &str, default: &str| fs::read_to_string(case.join(name)).unwrap_or_else(|_| default.to_owned());
        let identity = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/\
                        extremely-dangerous-oidc-beacon.yml@refs/heads/main";
        let mut command = Command::new("tests/sigstore-conformance");
        command.arg("verify-bundle").arg("--bundle").arg(case.join("bundle.sigstore.json"));
        command.env("OMG", env!("CARGO_BIN_EXE_omg"));
        match case.join("key.pub") {
            key if key.exists() => command.arg("--key").arg(key),
            _ => command
                .args(["--certificate-identity", &text("identity", identity)])
                .args(["--certificate-oidc-issuer", &text("issuer", ISSUER)]),
        };
        if case.join("trusted_root.json").exists() {
            command.arg("--trusted-root").arg(case.join("trusted_root.json"));
        }
        let own = Some(case.join("artifact")).filter(|path| path.exists());
        let output = command.arg(own.unwrap_or_else(|| cases.join("a.txt"))).output().unwrap();
        let (code, out) = (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned());
        if name.ends_with("_fail") {
            // Two of the cases have a trust root or a key that cannot be read.
            assert!([3, 6].contains(&code), "{name}: {code} {out}");
            bad += 1;
        } else {
            assert_eq!(code, 0, "{name}: {out}");
            good += 1;
        }
    }
    assert!(good >= 15 && bad >= 35, "{good} {bad}");
}

/// The generator's own signatures, of which the artifacts are not there: their digests stand in for them.
#[test]
fn real_provenance_of_the_slsa_generator_is_read_and_proves_level_3() {
    let test = "real_provenance_of_the_slsa_generator_is_read_and_proves_level_3";
    let Some(folder) = unpacked(test, "slsa-verifier-gha-intoto.tar.zst") else { return };
    let place = Place::new();
    let all = files(folder.path());
    let mut proven = 0;
    for path in &all {
        let text = fs::read_to_string(path).unwrap();
        let bundle: Value = serde_json::from_str(&text).unwrap();
        let is_bundle = bundle["mediaType"].is_string();
        let digest = "6f89ea6e0ea1b2fd7b8b3ba9a0d4a8dc9d1e1d0c0ca2b1d3d8b8a0b0a4c2a1f0";
        let report = |digest: &str| {
            let file = format!("sha256:{digest}");
            let output = place.omg(&["audit", "provenance", &file, "--bundle", path.to_str().unwrap(), "--json"]);
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        };
        let other = report(digest);
        let said = &other["signatures"][0]["provenance"];
        assert_eq!(said["repository"], "https://github.com/slsa-framework/example-package", "{other}");
        assert!(said["builder"].as_str().unwrap().contains("generator_generic_slsa3.yml@refs/tags/v"));
        assert_eq!(other["signatures"][0]["slsa"]["level"], 0);
        assert_eq!(other["answer"], if is_bundle { "bad" } else { "unknown" });
        if is_bundle {
            let payload = decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap());
            let statement: Value = serde_json::from_slice(&payload).unwrap();
            let report = report(statement["subject"][0]["digest"]["sha256"].as_str().unwrap());
            assert_eq!(report["answer"], "unknown", "{report}");
            assert_eq!(report["signatures"][0]["slsa"]["level"], 3, "{report}");
            proven += 1;
        }
    }
    assert!(all.len() > 40 && proven >= 4, "{} {proven}", all.len());
}

/// npm's provenance names a digest of another kind than GitHub's.
#[test]
fn real_bundles_of_other_makers() {
    let Some(folder) = unpacked("real_bundles_of_other_makers", "sigstore-rust-bundles.tar.zst") else { return };
    let place = Place::new();
    let bundles = folder.path().join("crates/sigstore-verify/test_data/bundles");
    let ask = |file: &str, bundle: &str| {
        let bundle = bundles.join(bundle);
        let output = place.omg(&["audit", "provenance", file, "--bundle", bundle.to_str().unwrap(), "--json"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    // As the registry tells it of sigstore 2.0.0.
    let npm = "sha512:46d4e2f74c4877316640000a6fdf8a8b59f1e0847667973e9859f774dd31b8f1\
               e0937813b777fb66a2ac67d50540fe34640966eee9fc2ccca387082b4c85cd3c";
    let report = ask(npm, "sigstore.js@2.0.0-provenance.sigstore.json");
    assert_eq!(report["answer"], "unknown", "{report}");
    assert_eq!(report["signatures"][0]["provenance"]["repository"], "https://github.com/sigstore/sigstore-js");
    assert_eq!(report["signatures"][0]["slsa"]["level"], 2, "{report}");
    let conda = bundles.join("signed-package-2.1.0-hb0f4dca_0.conda");
    let report = ask(conda.to_str().unwrap(), "conda-attestation.sigstore.json");
    assert_eq!(report["signatures"][0]["signer"]["repository"], "https://github.com/prefix-dev/sigstore-example");
    let blob = bundles.join("cosign-v3-blob.txt");
    let report = ask(blob.to_str().unwrap(), "cosign-v3-blob.sigstore.json");
    assert_eq!(report["signatures"][0]["signer"]["issuer"], "https://github.com/login/oauth");
    assert_eq!(report["signatures"][0]["checks"][3], "timestamp");
    for name in fs::read_dir(&bundles).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        if name.contains("sigstore") {
            assert_ne!(ask(conda.to_str().unwrap(), &name)["answer"], "good", "{name}");
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out
}

fn decode(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<usize> = text.chars().filter_map(|digit| DIGITS.find(digit)).collect();
    let group = |group: &[usize]| {
        let bits = group.iter().chain([0, 0, 0].iter()).take(4).fold(0, |bits, digit| bits << 6 | digit);
        [bits >> 16, bits >> 8, bits].map(|byte| byte as u8).into_iter().take(group.len() - 1).collect::<Vec<_>>()
    };
    digits.chunks(4).flat_map(group).collect()
}
