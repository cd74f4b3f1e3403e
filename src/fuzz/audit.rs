//! Files that decide, and that are looked at when nobody is trusted: the policy, and the audit log. And what packages state of
//! themselves.

use super::text;
use crate::audit::log::verify_lines;
use crate::audit::policy::{Facts, Grade, Layer, Policy, Severity};
use crate::audit::sbom::copyright;
use crate::audit::sbom::license::{License, Words};
use crate::audit::sbom::purl::Purl;

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
    let good = Facts {
        name: word,
        source: "pacman",
        repository: word,
        licenses: Some(&[word]),
        signed: Some(true),
        severity: Some(Severity::None),
        grade: Some(Grade::A),
        published: Some(i64::MIN),
        now: i64::MAX,
    };
    let unknown =
        Facts { repository: "", licenses: None, signed: None, severity: None, grade: None, published: None, ..good };
    let refused = policy.judge(&good);
    assert!(refused.iter().all(|refusal| ["banned", "allowed_licenses", "allowed_origins"].contains(&refusal.rule)));
    let asks = policy.rules().iter().filter(|rule| rule.demand.forbids() && rule.demand.key().name() != "banned");
    assert!(policy.judge(&unknown).len() >= asks.count());
    assert!(!policy.is_empty() || refused.is_empty());
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
