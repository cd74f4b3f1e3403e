//! `omg audit signature` beside gpg, on every real signature there is, and on keys of gpg's own making.

use crate::manual::check_shape;
use crate::support::{Place, has_program};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// gpg with a home of its own.
pub struct Gpg(pub tempfile::TempDir);

impl Gpg {
    pub fn new() -> Gpg {
        Gpg(tempfile::tempdir().unwrap())
    }

    pub fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.0.path()).args(["--batch", "--yes", "--quiet", "--no-auto-check-trustdb"]);
        command.env("LC_ALL", "C").args(words).output().unwrap()
    }

    pub fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        // Some users' names are older than UTF-8.
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What gpg says of each signature, in the words that omg has for it, and of whose key, when and by what digest it is.
    fn verdicts(&self, files: &[&str]) -> Vec<String> {
        let output = self.run(&[&["--status-fd", "1", "--verify"], files].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let mut all: Vec<String> = Vec::new();
        for line in text.lines().filter_map(|line| line.strip_prefix("[GNUPG:] ")) {
            let words: Vec<&str> = line.split(' ').collect();
            let verdict = match words[0] {
                "GOODSIG" => "good",
                "EXPKEYSIG" => "expired-key",
                "EXPSIG" => "expired-signature",
                "REVKEYSIG" => "revoked-key",
                "BADSIG" => "bad",
                "ERRSIG" => "unknown-key",
                "VALIDSIG" => {
                    let digest = match words[8] {
                        "1" => "SHA1",
                        "2" => "SHA1",
                        "8" => "SHA256",
                        "9" => "SHA384",
                        "10" => "SHA512",
                        other => other,
                    };
                    let last = all.last_mut().unwrap();
                    *last = format!("{last} {} {} {} {digest}", words[1], words[10], words[3]);
                    continue;
                }
                _ => continue,
            };
            all.push(verdict.to_owned());
        }
        all
    }
}

/// The same of omg's answer; gpg names neither key nor time of what is not good in the end.
fn said(file: &Value) -> Vec<String> {
    let signature = |signature: &Value| {
        let text = |key: &str| signature[key].as_str().unwrap_or_default().to_owned();
        let verdict = text("verdict");
        if ["bad", "unknown-key"].contains(&verdict.as_str()) {
            return verdict;
        }
        let made: jiff::Timestamp = text("made").parse().unwrap();
        format!("{verdict} {} {} {} {}", text("key"), text("certificate"), made.as_second(), text("digest"))
    };
    file["signatures"].as_array().unwrap().iter().map(signature).collect()
}

fn ask(place: &Place, words: &[&str]) -> (i32, Value) {
    let output = place.omg(&[&["audit", "signature", "--json"], words].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let error = || format!("{words:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{}", error()));
    check_shape("audit signature", &value);
    (output.status.code().unwrap(), value)
}

pub fn data() -> PathBuf {
    let data = std::env::var_os("OMG_TEST_DATA");
    data.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from)
}

fn files(folder: &Path, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<String> = entries.filter_map(|path| path.to_str().map(str::to_owned)).collect();
    files.retain(|file| file.ends_with(ending));
    files.sort();
    files
}

#[test]
fn every_real_signature_is_what_gpg_says_and_none_is_good_of_another_file() {
    let test = "every_real_signature_is_what_gpg_says_and_none_is_good_of_another_file";
    if !has_program(test, "gpg") {
        return;
    }
    let packages = data().join("signed-packages");
    let ring = |name: &str| packages.join("keyrings").join(name).to_str().unwrap().to_owned();
    let folders = [
        (packages.join("arch-2017-12"), ring("archlinux-debian12.gpg")),
        (packages.join("msys2-2024-05"), ring("msys2.gpg")),
        (data().join("arch-sync/msys2-2024-05"), ring("msys2.gpg")),
    ];
    let mut asked: Vec<(String, Option<String>, String)> = Vec::new();
    for (folder, ring) in &folders {
        let signatures = files(folder, ".sig");
        asked.extend(signatures.into_iter().map(|of| (of[..of.len() - 4].to_owned(), Some(of), ring.clone())));
    }
    if asked.is_empty() {
        println!("skipped {test}: no signed packages in {}", data().display());
    }
    // Each file's own ring is found by omg itself; gpg is told the distribution's.
    let debian = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let lists = files(Path::new("/var/lib/apt/lists"), "_InRelease");
    let lists = lists.into_iter().filter(|file| file.contains("debian.org") && Path::new(debian).exists());
    asked.extend(lists.map(|file| (file, None, debian.to_owned())));

    let place = Place::new();
    let mut gpgs: BTreeMap<String, Gpg> = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (file, signature, ring) in &asked {
        let gpg = gpgs.entry(ring.clone()).or_insert_with(|| {
            let gpg = Gpg::new();
            gpg.run(&["--import", ring]);
            gpg
        });
        let theirs = gpg.verdicts(&signature.iter().map(String::as_str).chain([file.as_str()]).collect::<Vec<_>>());
        let keyring = if signature.is_some() { vec!["--keyring", ring.as_str()] } else { Vec::new() };
        let (exit, answer) = ask(&place, &[&[file.as_str()], &keyring[..]].concat());
        let ours = said(&answer[0]);
        assert_eq!(ours, theirs, "{file}");
        let is_good = ours.iter().any(|verdict| verdict.starts_with("good "));
        assert_eq!((exit, &answer[0]["accepted"]), (if is_good { 0 } else { 6 }, &Value::Bool(is_good)), "{file}");
        ours.iter().for_each(|verdict| *kinds.entry(verdict.split(' ').next().unwrap().to_owned()).or_default() += 1);
        // Of another file, and by other keys, it is neither.
        let Some(signature) = signature else { continue };
        let (exit, other) = ask(&place, &[env!("CARGO_BIN_EXE_omg"), "--signature", signature, "--keyring", ring]);
        assert_eq!((exit, &other[0]["verdict"]), (6, &"bad".into()), "{file}");
        let stranger = if ring.contains("msys2") { &folders[0].1 } else { &folders[1].1 };
        let (exit, other) = ask(&place, &[file, "--keyring", stranger]);
        assert_eq!((exit, &other[0]["verdict"]), (6, &"unknown-key".into()), "{file}");
    }
    println!("{} files, their signatures {kinds:?}", asked.len());
}

/// Every `%PGPSIG%` of the databases: that it is read as gpg reads it, and that the key is found where gpg has it and nowhere else.
#[test]
fn every_signature_in_the_databases_names_the_key_and_digest_that_gpg_reads() {
    use omg::audit::signature::{Keyring, Verdict, judge};
    let test = "every_signature_in_the_databases_names_the_key_and_digest_that_gpg_reads";
    if !has_program(test, "gpg") {
        return;
    }
    let ring_path = data().join("signed-packages/keyrings/archlinux-debian12.gpg");
    if !ring_path.exists() {
        println!("skipped {test}: no keyrings in {}", data().display());
        return;
    }
    let gpg = Gpg::new();
    gpg.run(&["--import", ring_path.to_str().unwrap()]);
    let listed = gpg.ok(&["--with-colons", "--with-subkey-fingerprint", "--list-keys"]);
    let known: Vec<&str> =
        listed.lines().filter_map(|line| line.strip_prefix("fpr:::::::::")?.strip_suffix(':')).collect();
    let mut ring = Keyring::default();
    ring.add(&ring_path).unwrap();
    let (mut count, mut weak, mut unknown) = (0, 0, 0);
    for database in ["arch-2017-12", "arch-2022-09", "arch-2026-03"].map(|name| data().join("arch-sync").join(name)) {
        for file in files(&database, "").iter().filter(|file| !file.contains("chaotic") && !file.contains("garuda")) {
            let output = Command::new("tar").args(["-xO", "--wildcards", "-f", file, "*/desc"]).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let texts: Vec<&str> = text.split("%PGPSIG%\n").skip(1).map(|rest| rest.lines().next().unwrap()).collect();
            let signatures: Vec<Vec<u8>> = texts.iter().map(|text| decoded(text)).collect();
            if signatures.is_empty() {
                continue;
            }
            let all = gpg.0.path().join("all.sig");
            fs::write(&all, signatures.concat()).unwrap();
            let packets = String::from_utf8(gpg.run(&["--list-packets", all.to_str().unwrap()]).stdout).unwrap();
            let theirs: Vec<(String, u32)> = packets
                .split(":signature packet:")
                .skip(1)
                .map(|packet| {
                    let after =
                        |label: &str| packet.split(label).nth(1).unwrap().split([',', '\n', ' ']).next().unwrap();
                    (after("keyid ").to_owned(), after("digest algo ").parse().unwrap())
                })
                .collect();
            assert_eq!(theirs.len(), signatures.len(), "{file}");
            for (signature, (key, digest)) in signatures.iter().zip(theirs) {
                let judged = judge(&mut &b""[..], signature, &ring, std::time::SystemTime::now()).unwrap();
                let [judged] = &judged[..] else { panic!("{judged:?}") };
                assert!(judged.key.ends_with(&key), "{file}: {judged:?}, gpg {key}");
                let number = match judged.digest.as_str() {
                    "SHA1" => 2,
                    "SHA256" => 8,
                    "SHA384" => 9,
                    "SHA512" => 10,
                    other => panic!("{other}"),
                };
                assert_eq!(number, digest);
                let is_known = known.iter().any(|fingerprint| fingerprint.ends_with(&key));
                let expected = if is_known { Verdict::Bad } else { Verdict::UnknownKey };
                assert_eq!(judged.verdict, expected, "{file}: {judged:?}");
                (count, weak, unknown) = (count + 1, weak + usize::from(number == 2), unknown + usize::from(!is_known));
            }
        }
    }
    assert!(count > 7000);
    println!("{count} signatures, {weak} of them by SHA-1, {unknown} by keys that are not in the ring");
}

fn decoded(base64: &str) -> Vec<u8> {
    let armour = format!("-----BEGIN PGP SIGNATURE-----\n\n{base64}\n-----END PGP SIGNATURE-----\n");
    omg::audit::signature::armor::bytes(armour.into_bytes()).unwrap()
}

/// A folder of gpg's, as pacman has one: whom gpg trusts fully counts, and who is only there does not.
#[test]
fn in_a_folder_of_gpg_s_only_whom_gpg_trusts_counts() {
    let test = "in_a_folder_of_gpg_s_only_whom_gpg_trusts_counts";
    if !has_program(test, "gpg") {
        return;
    }
    // The older form of the ring, which pacman-key makes, and the newer one.
    for form in ["pubring.gpg", "pubring.kbx"] {
        in_a_folder(form);
    }
}

fn in_a_folder(form: &str) {
    let gpg = Gpg::new();
    if form == "pubring.gpg" {
        fs::write(gpg.0.path().join(form), "").unwrap();
    }
    for name in ["master", "packager", "stranger"] {
        gpg.ok(&["--passphrase", "", "--quick-generate-key", name, "ed25519", "sign,cert", "never"]);
    }
    let fingerprint = |name: &str| {
        let listed = gpg.ok(&["--with-colons", "--list-keys", name]);
        listed
            .lines()
            .find_map(|line| Some(line.strip_prefix("fpr:::::::::")?.trim_end_matches(':').to_owned()))
            .unwrap()
    };
    // Keys of one's own are trusted ultimately when they are made.
    let trust: String = [("master", 6), ("packager", 2), ("stranger", 2)]
        .map(|(name, trust)| format!("{}:{trust}:\n", fingerprint(name)))
        .concat();
    let list = gpg.0.path().join("trust");
    fs::write(&list, trust).unwrap();
    gpg.ok(&["--import-ownertrust", list.to_str().unwrap()]);
    gpg.ok(&["--passphrase", "", "--local-user", "master", "--quick-sign-key", &fingerprint("packager")]);
    gpg.ok(&["--check-trustdb"]);
    assert!(fs::metadata(gpg.0.path().join(form)).unwrap().len() > 100);
    let place = Place::new();
    let file = gpg.0.path().join("file");
    fs::write(&file, "text").unwrap();
    let home = gpg.0.path().to_str().unwrap();
    for (name, verdict, exit) in [("master", "good", 0), ("packager", "good", 0), ("stranger", "untrusted-key", 6)] {
        gpg.ok(&[
            "--local-user",
            name,
            "--output",
            &format!("{}.sig", file.display()),
            "--detach-sign",
            file.to_str().unwrap(),
        ]);
        let (code, answer) = ask(&place, &[file.to_str().unwrap(), "--keyring", home]);
        assert_eq!((code, answer[0]["verdict"].as_str().unwrap()), (exit, verdict), "{name}");
    }
    // The policy accepts that one if it says so.
    fs::create_dir_all(place.folder.path().join(".config/omg")).unwrap();
    fs::write(place.folder.path().join(".config/omg/policy.toml"), "accepted_signatures = [\"untrusted-key\"]\n")
        .unwrap();
    let (code, answer) = ask(&place, &[file.to_str().unwrap(), "--keyring", home]);
    assert_eq!((code, &answer[0]["verdict"], &answer[0]["accepted"]), (0, &"untrusted-key".into(), &true.into()));
    // Without a signature, or keys, it is not known, and no good answer.
    let output = place.omg(&["audit", "signature", home, "--keyring", home]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let output = place.omg(&["audit", "signature", &format!("{home}/trust"), "--keyring", home]);
    assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{output:?}");
}

/// Messages that have their signatures in them, in every form that gpg gives them.
#[test]
fn messages_of_gpg_s_are_what_gpg_says_and_no_changed_bit_makes_another_text_good() {
    use omg::audit::signature::{Keyring, Verdict, judge_message, message};
    let test = "messages_of_gpg_s_are_what_gpg_says_and_no_changed_bit_makes_another_text_good";
    if !has_program(test, "gpg") {
        return;
    }
    let gpg = Gpg::new();
    for name in ["first", "second"] {
        gpg.ok(&["--passphrase", "", "--quick-generate-key", name, "ed25519", "sign,cert", "never"]);
    }
    let path = |name: &str| gpg.0.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("ring"), gpg.run(&["--export"]).stdout).unwrap();
    fs::write(path("first-alone"), gpg.run(&["--export", "first"]).stdout).unwrap();
    let text: Vec<u8> = (0..4000).flat_map(|number| format!("line {number} \n").into_bytes()).collect();
    fs::write(path("text"), &text).unwrap();
    let (both, place) = (["--local-user", "first", "--local-user", "second"], Place::new());
    let forms: [&[&str]; 8] = [
        &["--sign"],
        &["--sign", "--armor"],
        &["--sign", "--compress-algo", "none"],
        &["--sign", "--compress-algo", "zlib"],
        &["--sign", "--compress-algo", "bzip2"],
        &["--sign", "--textmode"],
        &["--sign", "--digest-algo", "SHA1"],
        &["--sign", "--compress-algo", "none", "--textmode", "--armor"],
    ];
    for (at, form) in forms.iter().enumerate() {
        for signers in [&both[..2], &both] {
            let message = path(&format!("message-{at}"));
            gpg.ok(&[signers, &["--output", &message], form, &[&path("text")]].concat());
            let theirs = gpg.verdicts(&[&message]);
            let (exit, answer) = ask(&place, &[&message, "--keyring", &path("ring")]);
            // gpg says of SHA-1 that it is good, and leaves it at that.
            let ours: Vec<String> = said(&answer[0]).iter().map(|said| said.replace("weak-digest", "good")).collect();
            let mut sorted = (ours, theirs);
            sorted.0.sort();
            sorted.1.sort();
            assert_eq!((sorted.0.len(), &sorted.0), (signers.len() / 2, &sorted.1), "{form:?}");
            assert_eq!(exit, if form.contains(&"SHA1") { 6 } else { 0 }, "{form:?}");
            assert_eq!(answer[0]["signature"], answer[0]["file"]);
            let (_, answer) = ask(&place, &[&message, "--keyring", &path("first-alone")]);
            let unknown = said(&answer[0]).iter().filter(|said| *said == "unknown-key").count();
            assert_eq!(unknown, signers.len() / 2 - 1, "{form:?}");
        }
    }
    // From a pipe, of which gpg does not know how long it is.
    let script =
        "cat text | gpg --homedir . --batch --quiet --no-auto-check-trustdb --compress-algo none --sign > piped";
    let output = Command::new("sh").arg("-c").arg(script).current_dir(gpg.0.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (exit, answer) = ask(&place, &[&path("piped"), "--keyring", &path("ring")]);
    assert_eq!((exit, answer[0]["verdict"].as_str()), (0, Some("good")), "{answer}");

    let mut ring = Keyring::default();
    ring.add(Path::new(&path("ring"))).unwrap();
    fs::write(path("short"), "text").unwrap();
    for compress in ["none", "zip"] {
        let message = path(&format!("short-{compress}"));
        gpg.ok(&["--output", &message, "--sign", "--compress-algo", compress, &path("short")]);
        let whole = fs::read(&message).unwrap();
        let judged = |content: Vec<u8>| judge_message(content, &ring, std::time::SystemTime::now());
        assert_eq!(judged(whole.clone()).unwrap()[0].verdict, Verdict::Good);
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // The name and the time of the file in it are not signed, nor is who was announced.
            if judged(changed.clone()).is_ok_and(|judged| judged[0].verdict == Verdict::Good) {
                assert_eq!(message::message(changed).unwrap().data, b"text", "bit {bit}");
            }
        }
    }
    // A signed text is a message for nobody who names another file's signature, and none without its keys is good.
    let detached = path("text.sig");
    gpg.ok(&["--output", &detached, "--detach-sign", &path("text")]);
    let (exit, answer) = ask(&place, &[&path("message-0"), "--signature", &detached, "--keyring", &path("ring")]);
    assert_eq!((exit, answer[0]["verdict"].as_str()), (6, Some("bad")));
    // What only looks like one is told by what is wrong with it.
    fs::write(path("cut"), &fs::read(path("message-2")).unwrap()[..500]).unwrap();
    let output = place.omg(&["audit", "signature", &path("cut"), "--keyring", &path("ring")]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(3) && told.contains("cut off"), "{output:?}");
}
