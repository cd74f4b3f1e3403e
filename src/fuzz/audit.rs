//! Files that decide, and that are looked at when nobody is trusted: the policy, and the audit log. And what packages state of
//! themselves.

use super::text;
use crate::audit::advisory::{Sink, Whom, arch, debian, osv, ranking};
use crate::audit::cvss::score;
use crate::audit::log::{Checkpoint, verify_lines};
use crate::audit::policy::{Facts, Grade, Layer, Policy};
use crate::audit::provenance::{Statement, level};
use crate::audit::sbom::copyright;
use crate::audit::sbom::license::{License, Words};
use crate::audit::sbom::purl::Purl;
use crate::audit::signature::trustdb::TrustDb;
use crate::audit::signature::{self, Keyring, Verdict, armor, judge_clear, judge_message, packets};
use crate::audit::sigstore::{Artifact, Expected, MAX_BYTES, Trust, entries, unpacked, verify};
use crate::audit::vex::{Verdicts, read as read_vex};
use crate::model::{Advisory, Open};
use std::sync::OnceLock;

/// The part behind a line `---` is another layer, and its first line a name, a repository and a licence.
pub fn policy(data: &[u8]) {
    let text = text(data);
    let mut layers = text.splitn(3, "\n---\n");
    let mut policy = Policy::default();
    for name in ["system", "user", "project"] {
        let Some(text) = layers.next() else { break };
        let before = policy.clone();
        if policy.lay(text, &Layer { name, path: name.into() }).is_err() {
            assert_eq!(policy, before, "half of a file counts");
        }
        for rule in policy.rules().iter().filter(|rule| rule.layer == name) {
            assert!((1..=text.lines().count()).contains(&rule.line), "{rule:?}");
        }
        let word = text.lines().next().unwrap_or_default();
        judge(&policy, word);
    }
    assert_eq!(policy.digest(), policy.clone().digest());
}

/// Where nothing is known, each rule that forbids anything but names refuses; where there are no rules, nothing is refused.
fn judge(policy: &Policy, word: &str) {
    let nothing = Open::default();
    let good = Facts {
        name: word,
        source: "pacman",
        repository: word,
        licenses: Some(&[word]),
        signed: Some(true),
        open: Ok(&nothing),
        grade: Grade::Locked,
        published: Some(i64::MIN),
        now: i64::MAX,
    };
    let unknown = Facts {
        repository: "",
        licenses: None,
        signed: None,
        open: Err("x"),
        grade: Grade::Risk,
        published: None,
        ..good
    };
    let refused = policy.judge(&good);
    assert!(refused.iter().all(|refusal| ["banned", "allowed_licenses", "allowed_origins"].contains(&refusal.rule)));
    let asks = policy.rules().iter().filter(|rule| rule.demand.forbids() && rule.demand.key().name() != "banned");
    assert!(policy.judge(&unknown).len() >= asks.count());
    assert!(!policy.is_empty() || refused.is_empty());
}

/// What a reader tells can be kept: each name is one, and no text has a line's end.
struct Told;

impl Sink for Told {
    fn advisory(&mut self, advisory: Advisory) {
        let turns = advisory.affected.ranges.iter().flatten().map(|(_, version)| version);
        let words = [&advisory.ecosystem, &advisory.package, &advisory.id].into_iter().chain(&advisory.aliases);
        for word in words.chain(turns).chain(&advisory.affected.versions) {
            assert!(!word.is_empty() && !word.contains(|c: char| c.is_control() || c == ' '), "{word:?}");
        }
        assert!(!advisory.summary.contains('\n'));
        for version in ["0", "1.0-1", "2"] {
            let is_in = advisory.affected.includes(version, &|a, b| a.cmp(b));
            assert!(
                !is_in || advisory.affected.fixed_for(version, &|a, b| a.cmp(b)).is_none_or(|fixed| fixed > version)
            );
        }
    }

    fn left_out(&mut self, whom: Whom, message: String) {
        assert!(!message.is_empty());
        let Whom::These(packages) = whom else { return };
        assert!(
            packages.iter().all(|(_, name)| !name.is_empty() && !name.contains(|c: char| c.is_control() || c == ' '))
        );
    }

    fn damaged(&mut self, message: String) {
        assert!(!message.is_empty());
    }
}

/// Every reader of advisories.
pub fn advisories(data: &[u8]) {
    arch::read(data, &mut Told);
    debian::read(data, "bookworm", &mut Told);
    osv::read(data, Some("Debian:12"), &mut Told);
    _ = ranking::read_exploited(data);
    _ = ranking::each_estimate(data, |id, estimate| assert!(id.starts_with("CVE-") && estimate <= 100_000));
}

/// A score is at most ten, and what is added behind a vector makes none of it.
pub fn cvss(data: &[u8]) {
    let text = text(data);
    for vector in text.lines() {
        if let Some(known) = score(vector) {
            assert!(known.tenths <= 100, "{vector}");
            assert!(score(&format!("{vector}/ZZ:1")).is_none());
        }
    }
}

/// Statements come in the order of their times.
pub fn vex(data: &[u8]) {
    let Ok(all) = read_vex(data) else { return };
    assert!(all.is_sorted_by(|a, b| a.time <= b.time));
    for statement in &all {
        assert!(!statement.faults.is_empty());
        _ = Verdicts::new(&all, "deb", &["curl"], &["1"]).clears(&statement.faults[0]);
    }
}

/// Armour, rings, signatures, gpg's trust and checkpoints. Nothing signs itself: whatever a text holds, it makes no good signature of it.
pub fn signature(data: &[u8]) {
    if let Ok(bytes) = armor::bytes(data.to_vec()) {
        let mut end = 0;
        for packet in packets::packets(&bytes).map_while(Result::ok) {
            assert!(packet.whole.start == end && packet.body.start > end && packet.body.end == packet.whole.end);
            end = packet.whole.end;
        }
        assert!(end <= bytes.len());
    }
    if let Ok(clear) = armor::clear(data) {
        assert!(!clear.text.windows(2).any(|two| two[1] == b'\n' && two[0] != b'\r'));
    }
    let mut ring = Keyring::default();
    ring.add_bytes(data.to_vec());
    let now = std::time::SystemTime::now();
    let judged = [
        signature::judge(&mut &data[..], data, &ring, now),
        judge_clear(data, &ring, now),
        judge_message(data.to_vec(), &ring, now),
    ];
    for judged in judged.into_iter().flatten().flatten() {
        assert_ne!(judged.verdict, Verdict::Good);
    }
    _ = TrustDb::parse(data);
    if let Ok(checkpoint) = Checkpoint::read(&text(data)) {
        let text = checkpoint.text().expect("what was read from lines has none in it");
        assert_eq!(Checkpoint::read(&text).expect("it was made so"), checkpoint);
    }
}

/// What verifies does no more when anything is added, cut off or known otherwise.
pub fn log(data: &[u8]) {
    let read = |data: &[u8], heads: &[_]| verify_lines(data, heads).expect("memory can be read");
    let verdict = read(data, &[]);
    let lines = data.split_inclusive(|byte| *byte == b'\n').count() as u64;
    let Some(head) = &verdict.head else { return assert_eq!(verdict.entries, 0) };
    assert_eq!(head.seq, verdict.entries);
    match &verdict.fault {
        Some(fault) => assert!(fault.line == verdict.entries + 1 && fault.line <= lines),
        None => {
            assert_eq!(lines, verdict.entries);
            assert_eq!(read(data, std::slice::from_ref(head)), verdict);
            assert!(read(&data[..data.len() - 1], std::slice::from_ref(head)).fault.is_some());
            assert!(read(&[data, b"{}\n"].concat(), &[]).fault.is_some());
        }
    }
}

/// Whatever stands in a bundle, it is not a signature of this digest.
pub fn bundle(data: &[u8]) {
    static TRUST: OnceLock<Trust> = OnceLock::new();
    let trust = TRUST.get_or_init(|| Trust::built_in().expect("the built-in roots are whole"));
    let artifact = Artifact::of_digest(&format!("sha256:{}", "00".repeat(32))).expect("a digest");
    if let Ok(bytes) = unpacked(data.to_vec()) {
        assert!(bytes.len() as u64 <= MAX_BYTES.max(data.len() as u64));
    }
    for entry in entries(data).unwrap_or_default() {
        entry.payload().map(provenance);
        let verdict = verify(&entry, &artifact, &Expected::Anybody, trust).expect("no file is read");
        assert!(verdict.proven.is_none(), "{verdict:?}");
    }
}

/// What is only said proves nothing.
pub fn provenance(data: &[u8]) {
    let Ok(statement) = Statement::read(data) else { return };
    if let Ok(Some(provenance)) = statement.provenance() {
        let level = level(&provenance, None);
        assert!(level.level == 0 && level.evidence.is_empty() && !level.missing.is_empty());
    }
}

/// What is read as a package URL is written in one way, which means the same.
pub fn purl(data: &[u8]) {
    let text = text(data);
    let Ok(purl) = Purl::mended(&text) else { return };
    let written = purl.to_string();
    assert!(written.is_ascii() && written.parse() == Ok(purl), "{written}");
}

/// A copyright file, and each of its lines as a licence: what becomes of it is an expression that SPDX's own grammar takes, and all
/// names in it are told.
pub fn licenses(data: &[u8]) {
    let stated = copyright::stated(data).unwrap_or_default();
    let text = text(data);
    for (stated, words) in
        text.lines().map(|line| (line, Words::Free)).chain(stated.iter().map(|one| (&**one, Words::Debian)))
    {
        let Some(license) = License::of(stated, words) else { continue };
        let expression = &license.expression;
        let read =
            spdx::Expression::parse(expression).unwrap_or_else(|error| panic!("{stated:?}: {expression:?}: {error}"));
        let references = read.requirements().filter(|one| one.req.license.id().is_none());
        assert!(
            references.map(|one| one.req.license.to_string()).all(|id| license.named.contains_key(&id)),
            "{expression}"
        );
        let twice = License::every(&[license.clone(), license.clone()]).expect("there are two");
        spdx::Expression::parse(&twice.expression).unwrap_or_else(|error| panic!("{:?}: {error}", twice.expression));
    }
}
