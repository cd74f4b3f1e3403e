//! Hard cases of each order. tests/ecosystems.rs holds the orders against the registries' own code.

use super::range::{Verdict, is_affected};
use super::*;
use crate::model::{Affected, Turn};

/// Lines ascend; those of one line are equal.
fn ascending(ecosystem: Ecosystem, lines: &[&[&str]]) {
    for (place, line) in lines.iter().enumerate() {
        for (other_place, other) in lines.iter().enumerate() {
            for (a, b) in line.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                let expected = Some(place.cmp(&other_place));
                assert_eq!(ecosystem.compare(a, b), expected, "{}: {a} {b}", ecosystem.name());
            }
        }
    }
}

fn none(ecosystem: Ecosystem, texts: &[&str]) {
    for text in texts {
        assert!(!ecosystem.is_version(text), "{}: {text:?}", ecosystem.name());
    }
}

#[test]
fn semver_of_three_registries() {
    let lines: &[&[&str]] = &[
        &["0.0.0-0"],
        &["0", "0.0", "0.0.0", "v0.0.0"],
        &["0.0.1-20190101000000-abcdefabcdef"],
        &["1.0.0--"],
        &["1.0.0-alpha"],
        &["1.0.0-alpha.1"],
        &["1.0.0-alpha.beta"],
        &["1.0.0-beta"],
        &["1.0.0-beta.2"],
        &["1.0.0-beta.11"],
        &["1.0.0-beta.99999999999999999999999"],
        &["1.0.0-rc.1"],
        &["1.0.0-rc1"],
        &["v1.0.0", "1.0.0+build.1", "v1", "=1.0.0", " 1.0.0 "],
        &["2.0.0+incompatible", "v2.0.0"],
        &["2.0.1-0.20200101000000-abcdefabcdef"],
        &["10.0.0"],
        &["99999999999999999999999.0.0"],
    ];
    // `--` is a word and before `a`; a number would be before it.
    for ecosystem in [Ecosystem::Npm, Ecosystem::CratesIo, Ecosystem::Go] {
        ascending(ecosystem, lines);
    }
    none(
        Ecosystem::Npm,
        &[
            "",
            "v",
            "1.2.3.4",
            "01.0.0",
            "1.0.0-",
            "1.0.0-01",
            "1.0.0-a..b",
            "1.0.0+",
            "1.0-a",
            "1.x",
            "latest",
            "1.0.0-é",
        ],
    );
}

#[test]
fn pep_440() {
    let lines: &[&[&str]] = &[
        &["1.dev0", "1.0.dev", "1-dev"],
        &["1.0.dev456"],
        &["1.0a1.dev1"],
        &["1.0a1", "1.0-alpha.1", "1.0_ALPHA-1", "v1.0a01"],
        &["1.0a2.dev456"],
        &["1.0a12.dev456"],
        &["1.0a12"],
        &["1.0b1.dev456"],
        &["1.0b2"],
        &["1.0b2.post345.dev456"],
        &["1.0b2.post345", "1.0b2-345"],
        &["1.0rc1.dev456"],
        &["1.0rc1", "1.0c1", "1.0pre1", "1.0.preview-1"],
        &["1.0", "1", "1.0.0", "v1.0", "0!1.0"],
        &["1.0+abc.5", "1.0+ABC-5"],
        &["1.0+abc.7"],
        &["1.0+5"],
        &["1.0+5.1"],
        &["1.0+20240101123456789012345"],
        &["1.0.post456.dev34"],
        &["1.0.post456", "1.0-456", "1.0.r456", "1.0rev456"],
        &["1.1.dev1"],
        &["1.10"],
        &["2012.10"],
        &["1!0.1"],
    ];
    ascending(Ecosystem::PyPi, lines);
    none(
        Ecosystem::PyPi,
        &["", "french toast", "1.0+a+", "1.0++", "1.0+_foobar", "1.0.", "1..0", "1.0a1b2", "!1", "1.0-", "1.*"],
    );
}

#[test]
fn gems() {
    let lines: &[&[&str]] = &[
        &["0.a"],
        &["0", "0.0"],
        &["1.0.a.2", "1.a.2"],
        &["1.8.2.a"],
        &["1.8.2.a10"],
        &["1.8.2.b"],
        &["1.8.2-1", "1.8.2.pre.1"],
        &["1.8.2.rc1", "1.8.2.rc.1"],
        &["1.8.2", "1.8.2.0"],
        &["1.8.2.1"],
        &["1.8.10"],
        &["99999999999999999999999"],
    ];
    ascending(Ecosystem::RubyGems, lines);
    none(Ecosystem::RubyGems, &["", "junk", "1.0\n2.0", "1..2", "1.2 3.4", "1.0-", "-1", "a.1", "1.é"]);
}

#[test]
fn composer_versions() {
    let lines: &[&[&str]] = &[
        &["1.0-dev", "1.0.0.0-dev"],
        &["1.0-alpha-dev", "1.0adev"],
        &["1.0-alpha", "v1.0.0-a"],
        &["1.0-alpha.1-dev", "1.0a1dev"],
        &["1.0-alpha1"],
        &["1.0-beta2"],
        &["1.0-beta10"],
        &["1.0RC1", "1.0.0-rc1", "1.0-rc.1"],
        &["1.0", "1.0.0.0", "v1.0.0", "1.0-stable", "1.0+build", "1.0@dev", "1.0 as 2.0"],
        &["1.0p1", "1.0-patch1", "1.0-pl1"],
        &["1.0.0.1"],
        &["1.10"],
        &["1.x-dev", "1.*.x-dev"],
        &["2.0"],
        &["2024-01-01", "2024:01:01"],
        &["2024.01.01"],
    ];
    ascending(Ecosystem::Packagist, lines);
    assert_eq!(Ecosystem::Packagist.compare("dev-main", "dev-main"), Some(Ordering::Equal));
    assert_eq!(Ecosystem::Packagist.compare("dev-main", "dev-other"), None);
    assert_eq!(Ecosystem::Packagist.compare("dev-main", "1.0"), None);
    none(Ecosystem::Packagist, &["", "a", "1.0.0-meh", "1.0.0.0.0", "feature-foo", "1.0 .2", "1.x", "1.0+a b"]);
}

#[test]
fn names_that_are_one_package() {
    let normal = |ecosystem: Ecosystem, name: &str| ecosystem.normal_name(name).into_owned();
    assert_eq!(normal(Ecosystem::PyPi, "Friendly._-.Bard"), "friendly-bard");
    assert_eq!(normal(Ecosystem::PyPi, "zope.interface"), "zope-interface");
    assert_eq!(normal(Ecosystem::Packagist, "Symfony/HTTP-Kernel"), "symfony/http-kernel");
    assert_eq!(normal(Ecosystem::Npm, "@Scope/JSONStream"), "@Scope/JSONStream");
    assert_eq!(normal(Ecosystem::Go, "github.com/BurntSushi/toml"), "github.com/BurntSushi/toml");
    assert_eq!(normal(Ecosystem::CratesIo, "serde_json"), "serde_json");
    for ecosystem in Ecosystem::ALL {
        assert_eq!(Ecosystem::named(ecosystem.name()), Some(ecosystem));
    }
    assert_eq!(Ecosystem::named("Packagist:https://packages.example/8"), None);
}

fn affected(ranges: &[&[(Turn, &'static str)]], versions: &[&'static str]) -> Affected<&'static str> {
    let ranges = ranges.iter().map(|events| events.to_vec()).collect();
    Affected { ranges, versions: versions.to_vec() }
}

fn bad(fixed: &str) -> Verdict {
    Verdict::Bad { fixed: (!fixed.is_empty()).then(|| fixed.to_owned()) }
}

#[test]
fn ranges_in_any_order() {
    use Turn::*;
    let ask = |affected: &Affected<&str>, version: &str| is_affected(Ecosystem::Npm, affected, version);
    let mixed = affected(&[&[(Fixed, "2.5.0"), (Introduced, "2.0.0"), (Fixed, "1.2.0"), (Introduced, "0")]], &[]);
    for (version, verdict) in [
        ("0.0.0-0", bad("1.2.0")),
        ("1.2.0-rc.1", bad("1.2.0")),
        ("1.2.0", Verdict::Good),
        ("2.0.0-rc.1", Verdict::Good),
        ("2.0.0+x", bad("2.5.0")),
        ("2.5.0", Verdict::Good),
    ] {
        assert_eq!(ask(&mixed, version), verdict, "{version}");
    }
    let last = affected(
        &[&[(Introduced, "1.0.0"), (LastAffected, "1.5.0")], &[(LastAffected, "3.0.0"), (Introduced, "3.0.0")]],
        &[],
    );
    for (version, verdict) in [
        ("1.5.0", bad("")),
        ("1.5.1", Verdict::Good),
        ("3.0.0", bad("")),
        ("3.0.1", Verdict::Good),
        ("0.9.0", Verdict::Good),
    ] {
        assert_eq!(ask(&last, version), verdict, "{version}");
    }
    let limited = affected(&[&[(Introduced, "0"), (Limit, "2.0.0"), (Limit, "1.0.0")]], &["7.0.0"]);
    assert_eq!(ask(&limited, "1.9.9"), bad(""));
    assert_eq!(ask(&limited, "2.0.0"), Verdict::Good);
    assert_eq!(ask(&limited, "v7.0.0"), bad(""));
    assert_eq!(ask(&affected(&[&[(Introduced, "0"), (Limit, "*")]], &[]), "9.9.9"), bad(""));
    // Fixed in a version that another range still holds.
    let both = affected(&[&[(Introduced, "0"), (Fixed, "1.1.0")], &[(Introduced, "1.0.0"), (Fixed, "1.3.0")]], &[]);
    assert_eq!(ask(&both, "1.0.5"), bad("1.3.0"));
    // One event, two meanings.
    let seam = affected(&[&[(Introduced, "1.0.0"), (Introduced, "0"), (Fixed, "1.0.0"), (Fixed, "2.0.0")]], &[]);
    assert_eq!(ask(&seam, "1.0.0"), bad("2.0.0"));
    assert_eq!(ask(&affected(&[&[(Fixed, "2.0.0")]], &[]), "1.0.0"), Verdict::Good);
}

#[test]
fn what_cannot_be_compared_is_not_called_good() {
    use Turn::*;
    let unknown = |verdict: Verdict| matches!(verdict, Verdict::Unknown(_));
    let plain = affected(&[&[(Introduced, "0"), (Fixed, "1.0.0")]], &["weird"]);
    assert!(unknown(is_affected(Ecosystem::Npm, &plain, "latest")));
    assert_eq!(is_affected(Ecosystem::Npm, &plain, "weird"), bad(""));
    let broken = affected(&[&[(Introduced, "0"), (Fixed, "one")], &[(Introduced, "3.0.0")]], &[]);
    assert!(unknown(is_affected(Ecosystem::Npm, &broken, "2.0.0")));
    assert_eq!(is_affected(Ecosystem::Npm, &broken, "3.0.0"), bad(""));
    assert!(unknown(is_affected(Ecosystem::Npm, &affected(&[], &[]), "2.0.0")));
    let branch = affected(&[&[(Introduced, "0"), (Fixed, "1.0")]], &[]);
    assert!(unknown(is_affected(Ecosystem::Packagist, &branch, "dev-main")));
    assert!(unknown(is_affected(Ecosystem::PyPi, &plain, "")));
}
