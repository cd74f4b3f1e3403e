//! Package URLs: examples of our own for each rule, and the specification's vectors.

use super::{Fault, Parts, Purl};
use serde_json::{Map, Value, json};

#[test]
fn what_is_written_otherwise_becomes_canonical() {
    for (written, canonical) in [
        ("pkg:deb/debian/libc6@1:2.36-9%2Bb1?arch=amd64", "pkg:deb/debian/libc6@1:2.36-9%2Bb1?arch=amd64"),
        (
            "PKG:Deb/Debian/LibC6@1%3A2.36-9+b1?distro=x&arch=amd64",
            "pkg:deb/debian/libc6@1:2.36-9%2Bb1?arch=amd64&distro=x",
        ),
        ("pkg://alpm/Arch/g++@1?arch=", "pkg:alpm/arch/g%2B%2B@1"),
        ("pkg:npm/%40a/b", "pkg:npm/%40a/b"),
        ("pkg:npm/@a/b@1.0.0", "pkg:npm/%40a/b@1.0.0"),
        ("pkg:pypi/A_b@1.0RC1", "pkg:pypi/a-b@1.0rc1"),
        ("pkg:generic/a%20b%2Fc@1~x#/a//./../b%2Bc/", "pkg:generic/a%20b%2Fc@1~x#a/b%2Bc"),
        ("pkg:golang/Example.org//M@v1", "pkg:golang/Example.org/M@v1"),
        ("pkg:git/Host.org/a/B@1", "pkg:git/host.org/a/b@1"),
        ("pkg:pub/a-b", "pkg:pub/a_b"),
        ("pkg:generic/\u{e9}@\u{fc}", "pkg:generic/%C3%A9@%C3%BC"),
        ("pkg:Maven/g/n?repositorY_url=a/b", "pkg:maven/g/n?repository_url=a%2Fb"),
        (
            "pkg:chrome-extension/abcdefghijklmnopabcdefghijklmnop@1.2",
            "pkg:chrome-extension/abcdefghijklmnopabcdefghijklmnop@1.2",
        ),
    ] {
        let purl: Purl = written.parse().unwrap_or_else(|fault| panic!("{written}: {fault}"));
        assert_eq!(purl.to_string(), canonical);
        assert_eq!(canonical.parse(), Ok(purl));
    }
}

#[test]
fn what_is_none_has_a_reason() {
    for (written, fault) in [
        ("", Fault::Scheme),
        ("npm/a", Fault::Scheme),
        ("http:npm/a", Fault::Scheme),
        ("pkg:npm", Fault::Name),
        ("pkg:npm/", Fault::Name),
        ("pkg:npm/@1", Fault::Name),
        ("pkg:swift/a.org/b/@1", Fault::Name),
        ("pkg:1a/b", Fault::Type),
        ("pkg:a_b/c", Fault::Type),
        ("pkg:%61/b", Fault::Type),
        ("pkg:npm/a%2", Fault::Encoding),
        ("pkg:npm/a%+1", Fault::Encoding),
        ("pkg:npm/%\u{e9}", Fault::Encoding),
        ("pkg:npm/%ff", Fault::Encoding),
        ("pkg:npm/a%2Fb/c", Fault::Namespace),
        ("pkg:deb/a", Fault::NoNamespace),
        ("pkg:cargo/a/b", Fault::ProhibitedNamespace),
        ("pkg:npm/a?Arch=x", Fault::Qualifier),
        ("pkg:npm/a?1=x", Fault::Qualifier),
        ("pkg:npm/a?b", Fault::Qualifier),
        ("pkg:npm/a?b=1&b=2", Fault::Qualifier),
        ("pkg:swid/a", Fault::MissingQualifier("tag_id")),
        ("pkg:julia/a", Fault::MissingQualifier("uuid")),
        ("pkg:cpan/A/B::C", Fault::Name),
        ("pkg:chrome-extension/abc", Fault::Name),
        ("pkg:chrome-extension/abcdefghijklmnopabcdefghijklmnop@1.", Fault::Version),
    ] {
        assert_eq!(written.parse::<Purl>(), Err(fault), "{written}");
    }
    assert_eq!(Purl::mended("pkg:npm/a?Arch=x").unwrap().to_string(), "pkg:npm/a?arch=x");
}

fn shown(purl: &Purl) -> Value {
    let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let pairs = purl.qualifiers().iter().map(|(key, value)| (key.clone(), value.clone().into()));
    let pairs: Map<String, Value> = pairs.collect();
    json!({
        "type": purl.kind(),
        "namespace": text(purl.namespace()),
        "name": purl.name(),
        "version": text(purl.version()),
        "qualifiers": if pairs.is_empty() { Value::Null } else { pairs.into() },
        "subpath": text(purl.subpath()),
    })
}

fn built(input: &Value) -> Result<Purl, Fault> {
    let text = |key: &str| input[key].as_str().unwrap_or_default();
    let pairs = input["qualifiers"].as_object().into_iter().flatten();
    let pairs: Vec<(&str, &str)> = pairs.map(|(key, value)| (key.as_str(), value.as_str().unwrap())).collect();
    let (kind, namespace, name) = (text("type"), text("namespace"), text("name"));
    Purl::new(&Parts { kind, namespace, name, version: text("version"), qualifiers: &pairs, subpath: text("subpath") })
}

/// The vectors of the specification (github.com/package-url/purl-spec, August 2026) without their descriptions, one a line; what must fail
/// has no output.
const VECTORS: &str = include_str!("../../../../tests/fixtures/purl-spec/vectors.jsonl");

#[test]
fn vectors_of_the_specification() {
    let mut count = 0;
    for line in VECTORS.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let input = &vector["input"];
        let text = || input.as_str().unwrap();
        let found = match vector["test"].as_str().unwrap() {
            "parse" => text().parse().map(|purl| shown(&purl)),
            "build" => built(input).map(|purl| purl.to_string().into()),
            // A canonical form is asked for, also of what is not quite right.
            "validate" => Purl::mended(text()).map(|purl| purl.to_string().into()),
            other => panic!("{other}"),
        };
        let found = found.unwrap_or(Value::Null);
        assert_eq!(found, vector["output"], "{line}");
        count += 1;
    }
    assert_eq!(count, 586);
}
