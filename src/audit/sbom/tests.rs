//! The documents as a whole.

use super::license::Words;
use super::purl::Parts;
use super::*;
use serde_json::Value;

/// Three packages, with all that a component can tell and with nothing, and names that are nobody's friend.
fn bom() -> Bom {
    let purl = |name, version| {
        let qualifiers = [("arch", "amd64"), ("distro", "bookworm")];
        Purl::new(&Parts { kind: "deb", namespace: "debian", name, version, qualifiers: &qualifiers, subpath: "" })
    };
    let licenses = |stated: &[&str]| stated.iter().filter_map(|one| License::of(one, Words::Debian)).collect();
    let full = Component {
        summary: "The \"C\" library\u{1}".to_owned(),
        licenses: licenses(&["LGPL-2.1+ or Artistic", "Expat"]),
        hashes: vec![Hash { algorithm: Algorithm::Sha256, hex: "ab".repeat(32) }],
        supplier: "GNU Libc Maintainers <debian-glibc@lists.debian.org>".to_owned(),
        homepage: "https://www.gnu.org/software/libc/libc.html".to_owned(),
        origin: "glibc 2.36-9".to_owned(),
        ..Component::new(Kind::Package, "libc6", "1:2.36-9+b1").with_purl(purl("libc6", "1:2.36-9+b1"))
    };
    let odd = Component {
        licenses: licenses(&["custom:Old One"]),
        supplier: "A (B) <nobody at all>".to_owned(),
        homepage: "javascript:alert(1)".to_owned(),
        depends: vec![0, 0, 2, 9],
        ..Component::new(Kind::Package, "g++", "").with_purl(purl("g++", ""))
    };
    let same = Component::new(Kind::Runtime, "g--", "");
    Bom {
        subject: Component::new(Kind::System, "debian", "12"),
        components: vec![full, odd, same],
        roots: vec![1],
        vulnerabilities: None,
        created: 1_700_000_000,
        tool_version: "0",
    }
}

fn written(bom: Bom, format: Format) -> Value {
    let document = Document::new(bom, format);
    let text = serde_json::to_string(&document).unwrap();
    assert_eq!(text, serde_json::to_string(&document).unwrap());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn cyclonedx_tells_all_of_it() {
    let document = written(bom(), Format::CycloneDx16);
    assert_eq!(document["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    let [full, odd, same] = [0, 1, 2].map(|at| &document["components"][at]);
    assert_eq!(full["purl"], "pkg:deb/debian/libc6@1:2.36-9%2Bb1?arch=amd64&distro=bookworm");
    let expression = "(LGPL-2.1-or-later OR LicenseRef-Artistic) AND MIT";
    assert_eq!(full["licenses"][0]["expression"], expression);
    assert_eq!(full["supplier"]["name"], "GNU Libc Maintainers");
    assert_eq!(full["supplier"]["contact"][0]["email"], "debian-glibc@lists.debian.org");
    assert_eq!(full["hashes"][0]["content"], "ab".repeat(32));
    assert_eq!(odd["licenses"][0]["license"]["name"], "custom:Old One");
    assert_eq!(odd["externalReferences"], Value::Null, "no address that every format takes");
    assert_eq!(odd["supplier"]["contact"], Value::Null);
    assert_eq!((&odd["bom-ref"], &same["bom-ref"]), (&"g---".into(), &"g----2".into()));
    let expected = serde_json::json!([
        { "ref": "subject", "dependsOn": ["g---"] },
        { "ref": "g---", "dependsOn": ["libc6-1-2.36-9-b1", "g----2"] },
    ]);
    assert_eq!(document["dependencies"], expected);
}

#[test]
fn spdx_2_tells_all_of_it() {
    let document = written(bom(), Format::Spdx23);
    assert_eq!(document["packages"][0]["primaryPackagePurpose"], Value::Null, "no word that every schema takes");
    let full = &document["packages"][1];
    assert_eq!(full["primaryPackagePurpose"], "LIBRARY");
    assert_eq!(full["licenseDeclared"], "(LGPL-2.1-or-later OR LicenseRef-Artistic) AND MIT");
    assert_eq!(full["supplier"], "Organization: GNU Libc Maintainers (debian-glibc@lists.debian.org)");
    assert_eq!(full["sourceInfo"], "built from glibc 2.36-9");
    assert_eq!(document["packages"][2]["supplier"], "Person: A  B");
    assert_eq!(document["packages"][3]["licenseDeclared"], "NOASSERTION");
    let names: Vec<&Value> =
        document["hasExtractedLicensingInfos"].as_array().unwrap().iter().map(|one| &one["licenseId"]).collect();
    assert_eq!(names, ["LicenseRef-Artistic", "LicenseRef-custom-Old-One"]);
    let kinds: Vec<&Value> =
        document["relationships"].as_array().unwrap().iter().map(|one| &one["relationshipType"]).collect();
    let expected = ["DESCRIBES", "CONTAINS", "CONTAINS", "CONTAINS", "DEPENDS_ON", "DEPENDS_ON", "DEPENDS_ON"];
    assert_eq!(kinds, expected);
}

#[test]
fn spdx_3_names_nothing_that_is_not_there() {
    let document = written(bom(), Format::Spdx30);
    let graph = document["@graph"].as_array().unwrap();
    let ids: Vec<&str> = graph.iter().filter_map(|one| one["spdxId"].as_str()).collect();
    let unique: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
    for one in graph {
        let named = ["to", "element", "rootElement", "createdBy"]
            .map(|key| one[key].as_array())
            .into_iter()
            .flatten()
            .flatten();
        for named in named.chain(one.get("from")).chain(one.get("suppliedBy")) {
            assert!(ids.contains(&named.as_str().unwrap()), "{named}");
        }
    }
    let of = |kind: &str| graph.iter().filter(|one| one["type"] == kind).count();
    assert_eq!((of("software_Package"), of("Agent"), of("simplelicensing_SimpleLicensingText")), (4, 2, 2));
    assert_eq!(graph.iter().filter(|one| one["relationshipType"] == "hasDeclaredLicense").count(), 2);
}

#[test]
fn another_time_or_another_package_is_another_document() {
    let number = |bom: Bom| written(bom, Format::CycloneDx17)["serialNumber"].clone();
    let first = number(bom());
    let [mut later, mut other] = [bom(), bom()];
    later.created += 1;
    other.components[2].version.push('1');
    let (later, other) = (number(later), number(other));
    assert!(first != later && first != other && later != other);
}

#[test]
fn what_is_kept_keeps_what_it_needs() {
    let mut bom = bom();
    bom.components[1].depends = vec![2];
    bom.keep(vec![1, 77]);
    let names: Vec<&str> = bom.components.iter().map(|one| &*one.name).collect();
    assert_eq!((names, &bom.components[0].depends, &bom.roots), (vec!["g++", "g--"], &vec![1], &vec![0]));
}

#[test]
fn many_of_a_name_are_told_apart_at_once() {
    let mut bom = bom();
    bom.components = vec![Component::new(Kind::Package, "x", "1"); 100_000];
    let ids = bom.ids();
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
    assert_eq!((&*ids[0], &*ids[1], &*ids[99_999]), ("x-1", "x-1-2", "x-1-100000"));
}

#[test]
fn formats_have_names() {
    for format in Format::ALL {
        assert_eq!(Format::named(format.name()), Some(format));
    }
    assert_eq!((Format::named("cyclonedx"), Format::named("")), (Some(Format::CycloneDx16), None));
}
