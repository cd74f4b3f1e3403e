//! Who built a Python: attestations in the layout of GitHub's API, by a Sigstore of the tests' own, and everything that may lie there in
//! the place of one. Real ones of a Python are not at hand; `src/ops/runtimes/attested.rs` has real ones of something else.

use crate::sigstore::{ISSUER, Owner, Sigstore};
use crate::world::{World, err, hex, out, programs};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

/// The workflow that python-build-standalone releases with.
const IDENTITY: &str =
    "https://github.com/astral-sh/python-build-standalone/.github/workflows/release.yml@refs/heads/main";

/// A mirror with one Python, and an API that may attest it.
struct Pythons {
    world: World,
    sigstore: Sigstore,
    digest: String,
}

impl Pythons {
    fn new() -> Pythons {
        Pythons::of("20250317")
    }

    /// The build of a day.
    fn of(day: &str) -> Pythons {
        let (world, sigstore) = (World::new(), Sigstore::new());
        let archive = archive("#!/bin/sh\necho python 3.13.1\n");
        let digest = hex(&archive);
        let arch = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };
        let name = format!("cpython-3.13.1+{day}-{arch}-unknown-linux-gnu-install_only.tar.gz");
        let releases = "https://github.com/astral-sh/python-build-standalone/releases/download";
        let list = json!({ "cpython-3.13.1-linux-gnu": {
            "name": "cpython", "arch": { "family": arch, "variant": null }, "os": "linux", "libc": "gnu",
            "major": 3, "minor": 13, "patch": 1, "prerelease": "", "variant": null, "build": day,
            "url": format!("{releases}/{day}/{name}"), "sha256": digest,
        } });
        fs::create_dir_all(world.mirror().join(day)).unwrap();
        fs::write(world.mirror().join(day).join(name), archive).unwrap();
        fs::write(world.mirror().join("pythons.json"), list.to_string()).unwrap();
        fs::write(world.mirror().join("root.json"), sigstore.root().to_string()).unwrap();
        let pythons = Pythons { world, sigstore, digest };
        let api = format!("file://{}", pythons.world.mirror().display());
        pythons.configure(&format!("attestations = \"{api}\"\n{}", pythons.root()));
        pythons
    }

    /// Lines of `[runtimes]`.
    fn configure(&self, lines: &str) {
        let mirror = self.world.mirror();
        let mirror = mirror.display();
        self.world.configure(&format!(
            "[runtimes]\n{lines}\n[runtimes.python]\nmirror = \"file://{mirror}\"\nindex = \"file://{mirror}/pythons.json\""
        ));
    }

    /// The line that has this Sigstore believed.
    fn root(&self) -> String {
        format!("trusted_root = \"{}\"", self.world.mirror().join("root.json").display())
    }

    /// Where the API has what is attested of the archive.
    fn path(&self) -> PathBuf {
        self.world.mirror().join(format!("repos/astral-sh/python-build-standalone/attestations/sha256:{}", self.digest))
    }

    fn answer(&self, text: &str) {
        fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        fs::write(self.path(), text).unwrap();
    }

    /// The bundle of a workflow's word that it built this.
    fn attest(&self, sigstore: &Sigstore, identity: &str, issuer: &str, digest: &str) -> Value {
        let owner = Owner { identity, issuer, claims: &[(11, "github-hosted")] };
        sigstore.attest(&owner, &statement("https://slsa.dev/provenance/v1", digest))
    }

    fn good(&self) -> Value {
        self.attest(&self.sigstore, IDENTITY, ISSUER, &self.digest)
    }

    fn install(&self) -> std::process::Output {
        self.world.omg(&["install", "python@3.13", "--json"])
    }

    /// Fails with this sentence, writes that down, installs nothing.
    #[track_caller]
    fn refused(&self, sentence: &str) {
        let output = self.install();
        assert_eq!(output.status.code(), Some(3), "{}", err(&output));
        assert!(err(&output).contains("does not vouch for") && err(&output).contains(sentence), "{}", err(&output));
        assert_eq!(self.last_event()["event"], "runtime-rejected");
        assert!(!self.folder().exists());
    }

    /// Installs, and tells so of what was not verified.
    #[track_caller]
    fn told(&self, sentence: &str) {
        let output = self.install();
        assert!(err(&output).contains("not verified: who "), "{}", err(&output));
        let installed: Value = serde_json::from_str(&out(output)).unwrap();
        let told = installed[0]["unverified"][0].as_str().unwrap_or_default();
        assert!(told.contains(sentence), "{told}");
        assert_eq!((&installed[0]["key"], &installed[0]["new"]), (&json!(""), &json!(true)));
        assert_eq!(self.last_event()["details"]["unverified"], installed[0]["unverified"]);
        fs::remove_dir_all(self.folder()).unwrap();
    }

    fn folder(&self) -> PathBuf {
        self.world.home().join(".local/share/omg/versions/python/3.13.1")
    }

    fn last_event(&self) -> Value {
        let log = out(self.world.omg(&["audit", "log", "--json"]));
        serde_json::from_str::<Value>(&log).unwrap()[0].clone()
    }
}

/// A Python, laid out as python-build-standalone's are.
fn archive(program: &str) -> Vec<u8> {
    programs(&[("python/bin/python3", program)])
}

fn statement(predicate: &str, digest: &str) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            { "name": "another.tar.gz", "digest": { "sha256": "0".repeat(64) } },
            { "name": "python.tar.gz", "digest": { "sha256": digest } },
        ],
        "predicateType": predicate,
        "predicate": {},
    })
}

fn listed(bundles: &[Value]) -> String {
    let all: Vec<Value> = bundles.iter().map(|bundle| json!({ "bundle": bundle, "repository_id": 1 })).collect();
    json!({ "attestations": all }).to_string()
}

#[test]
fn a_python_is_attested_by_the_workflow_that_builds_it() {
    let pythons = Pythons::new();
    pythons.answer(&listed(&[pythons.good()]));
    pythons.world.policy("required_signatures = true\n");
    let output = pythons.install();
    assert!(err(&output).contains(&format!("its checksum was verified, and that {IDENTITY} signed it")));
    let installed: Value = serde_json::from_str(&out(output)).unwrap();
    assert_eq!((&installed[0]["key"], &installed[0]["unverified"]), (&json!(IDENTITY), &json!([])));
    assert_eq!(installed[0]["sha256"], pythons.digest.as_str());
    assert_eq!(pythons.last_event()["details"]["key"], IDENTITY);
    out(pythons.world.omg(&["use", "python@3.13"]));
    out(pythons.world.omg(&["pin", "--lock"]));
    let lock = fs::read_to_string(pythons.world.project().join("omg.lock")).unwrap();
    assert!(lock.contains(&format!("signed-by = \"{IDENTITY}\"")), "{lock}");
}

#[test]
fn an_attestation_that_does_not_fit_refuses_the_archive() {
    let pythons = Pythons::new();
    let attest =
        |identity: &str, issuer: &str, digest: &str| pythons.attest(&pythons.sigstore, identity, issuer, digest);
    let another = attest(IDENTITY, ISSUER, &"1".repeat(64));
    pythons.answer(&listed(std::slice::from_ref(&another)));
    pythons.refused("does not match any subject");
    let repository = IDENTITY.replace("astral-sh", "somebody");
    for identity in [
        &repository,
        &IDENTITY.replace("release.yml", "linux.yml"),
        &IDENTITY.replace("main", "other"),
        &format!("{IDENTITY}2"),
    ] {
        pythons.answer(&listed(&[attest(identity, ISSUER, &pythons.digest)]));
        pythons.refused(&format!("signed by {identity}"));
    }
    pythons.answer(&listed(&[attest(IDENTITY, "https://accounts.example.org", &pythons.digest)]));
    pythons.refused("(issuer https://accounts.example.org)");
    // By authorities that are not those that were chosen.
    let stranger = pythons.attest(&Sigstore::new(), IDENTITY, ISSUER, &pythons.digest);
    pythons.answer(&listed(std::slice::from_ref(&stranger)));
    pythons.refused("the attestation");
    // What was signed says something else now.
    let mut changed = pythons.good();
    changed["dsseEnvelope"]["payload"] = another["dsseEnvelope"]["payload"].clone();
    pythons.answer(&listed(&[changed]));
    pythons.refused("the attestation");
    // Anybody could put a bad one beside a good one.
    pythons.answer(&listed(&[another, stranger, pythons.good()]));
    out(pythons.install());
    // An attestation vouches for its archive alone.
    fs::remove_dir_all(pythons.folder()).unwrap();
    let lies_at = fs::read_dir(pythons.world.mirror().join("20250317")).unwrap().next().unwrap().unwrap().path();
    fs::write(lies_at, archive("#!/bin/sh\necho another\n")).unwrap();
    let output = pythons.install();
    assert!(output.status.code() == Some(3) && err(&output).contains("its SHA-256 is"), "{}", err(&output));
}

#[test]
fn without_an_attestation_the_checksum_counts_alone_and_that_is_told() {
    let pythons = Pythons::new();
    pythons.told("there is no attestation of it: there is no file://");
    let release = Owner { identity: "https://dotcom.releases.github.com", issuer: ISSUER, claims: &[] };
    let published = statement("https://in-toto.io/attestation/release/v0.1", &pythons.digest);
    let published = pythons.sigstore.attest(&release, &published);
    for (answer, sentence) in [
        (listed(&[]), "who built it: there is no attestation of it"),
        // GitHub's own word that it was published is none of who built it.
        (listed(&[published]), "no attestation of it tells that"),
        (String::new(), "answers what makes no sense"),
        ("<html>try again</html>".to_owned(), "answers what makes no sense"),
        ("{\"attestations\":[".to_owned(), "answers what makes no sense"),
        (format!("[{}]", ["null"; 65].join(",")), "more than 64 signatures"),
        (listed(&[json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v9+json" })]), "not a Sigstore bundle"),
        ("{\"attestations\":[{\"bundle\":null}]}".to_owned(), "an attestation without a bundle"),
        (
            "{\"attestations\":[{\"bundle_url\":\"https://127.0.0.1/x\"}]}".to_owned(),
            "leads to \"https://127.0.0.1/x\"",
        ),
    ] {
        pythons.answer(&answer);
        pythons.told(sentence);
    }
    pythons.world.policy("required_signatures = true\n");
    let refused = pythons.install();
    assert_eq!(refused.status.code(), Some(5));
    assert!(err(&refused).contains("whether it is signed is not known"), "{}", err(&refused));
    pythons.world.policy("");
    pythons.answer(&listed(&[pythons.attest(&pythons.sigstore, IDENTITY, ISSUER, &"1".repeat(64))]));
    pythons.configure("attestations = \"off\"");
    pythons.told("who built it: attestations are off in the configuration");
}

/// By authorities that come with omg, a log that is not among theirs may be newer than they are.
#[test]
fn a_log_that_came_later_than_omg_makes_nothing_bad() {
    let pythons = Pythons::new();
    pythons.answer(&listed(&[pythons.good()]));
    pythons.configure(&format!("attestations = \"file://{}\"", pythons.world.mirror().display()));
    pythons.told("it is in a transparency log that this omg does not know");
}

#[test]
fn builds_from_before_there_were_attestations_ask_for_none() {
    let pythons = Pythons::of("20250205");
    pythons.answer(&listed(&[pythons.attest(&pythons.sigstore, IDENTITY, ISSUER, &"1".repeat(64))]));
    pythons.told("who made it: there is no signature of it that omg verifies");
}

/// What a server does with every request after the first line.
type Manner = dyn Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

/// An API that answers so, and its address.
fn server(manner: Box<Manner>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|got| got == 1) {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            // The client may be gone.
            drop(manner(head.split(' ').nth(1).unwrap_or_default(), &mut stream));
        }
    });
    url
}

fn whole(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)
}

/// As the API answers where bundles lie beside it: packed by Snappy.
#[test]
fn bundles_that_are_only_named_are_fetched() {
    let pythons = Pythons::new();
    let good = pythons.good().to_string();
    let packed = snap::raw::Encoder::new().compress_vec(good.as_bytes()).unwrap();
    let bombs = [vec![0xff, 0xff, 0xff, 0xff, 0x0f], vec![0x80; 20], Vec::new(), b"\x05abc".to_vec()];
    let url = server(Box::new(move |path, stream| {
        let host = format!("http://{}", stream.local_addr()?);
        let named = |name: &str| format!("{{\"attestations\":[{{\"bundle\":null,\"bundle_url\":\"{host}/{name}\"}}]}}");
        let last = path.rsplit('/').next().unwrap_or_default();
        match last {
            "packed" => whole(stream, &packed),
            "plain" => whole(stream, good.as_bytes()),
            number if number.parse::<usize>().is_ok_and(|number| number < bombs.len()) => {
                whole(stream, &bombs[number.parse::<usize>().unwrap_or_default()])
            }
            // `BASE/NAME/repos/...`: what is asked for first tells what it is to name.
            _ => match path.split('/').nth(1).unwrap_or_default() {
                "file" => whole(stream, b"{\"attestations\":[{\"bundle_url\":\"file:///etc/passwd\"}]}"),
                "nine" => {
                    let one = format!("{{\"bundle_url\":\"{host}/plain\"}}");
                    whole(stream, format!("{{\"attestations\":[{}]}}", vec![one; 9].join(",")).as_bytes())
                }
                name => whole(stream, named(name).as_bytes()),
            },
        }
    }));
    let ask = |name: &str| pythons.configure(&format!("attestations = \"{url}/{name}\"\n{}", pythons.root()));
    for name in ["packed", "plain"] {
        ask(name);
        let installed: Value = serde_json::from_str(&out(pythons.install())).unwrap();
        assert_eq!(installed[0]["key"], IDENTITY, "{name}: {installed}");
        fs::remove_dir_all(pythons.folder()).unwrap();
    }
    for (name, sentence) in [
        ("file", "leads to \"file:///etc/passwd\""),
        ("nine", "names more than 8 addresses of bundles"),
        ("0", "Snappy"),
        ("1", "Snappy"),
        ("2", "Snappy"),
        ("3", "Snappy"),
    ] {
        ask(name);
        pythons.told(sentence);
    }
}

#[test]
fn a_server_that_never_ends_or_never_answers_holds_nothing_up() {
    let pythons = Pythons::new();
    let ask = |url: &str| pythons.configure(&format!("attestations = \"{url}\"\n{}", pythons.root()));
    ask(&server(Box::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"attestations\":[")?;
        let many = "{\"bundle\":{}},".repeat(10_000);
        loop {
            stream.write_all(many.as_bytes())?;
        }
    })));
    pythons.told("bytes allowed");
    ask(&server(Box::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")?;
        // Until the client goes.
        stream.read(&mut [0]).map(drop)
    })));
    pythons.told("sent nothing for 10 seconds");
    ask(&server(Box::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 403 rate limit exceeded\r\nContent-Length: 0\r\n\r\n")
    })));
    pythons.told("403");
    ask(&server(Box::new(|_, stream| stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))));
    pythons.told("there is no attestation of it: ");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    ask(&format!("http://{gone}"));
    pythons.told("cannot fetch");
}
