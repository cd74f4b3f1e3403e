//! SPDX 2.3, as JSON.

use super::{Algorithm, Component, Document, Each, Hash, Kind, SUBJECT, Supplier};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

const UNKNOWN: &str = "NOASSERTION";

pub(super) fn write<S: Serializer>(document: &Document, out: S) -> Result<S::Ok, S::Error> {
    let bom = &document.bom;
    let described = std::iter::once(Relation { from: id("DOCUMENT"), kind: "DESCRIBES", to: id(SUBJECT) });
    let contains = document.ids.iter().map(|to| Relation { from: id(SUBJECT), kind: "CONTAINS", to: id(to) });
    let dev: HashSet<&str> = document.each().filter(|(_, one)| one.is_dev).map(|(id, _)| id).collect();
    let needs = || {
        let each = |(from, to): (&str, Vec<&str>)| {
            let relation = |to: &str| match dev.contains(to) && !dev.contains(from) {
                // This one is read the other way round.
                true => Relation { from: id(to), kind: "DEV_DEPENDENCY_OF", to: id(from) },
                false => Relation { from: id(from), kind: "DEPENDS_ON", to: id(to) },
            };
            to.into_iter().map(relation).collect::<Vec<_>>()
        };
        document.edges().flat_map(each)
    };
    let mut named = BTreeMap::new();
    for license in document.each().flat_map(|(_, one)| &one.licenses) {
        named.extend(license.named.iter().map(|(id, name)| (id.as_str(), name.as_str())));
    }
    // Which of them concern it is all that this format has words for.
    let mut advisories: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in bom.vulnerabilities.iter().flatten().filter(|one| one.answer.is_none()) {
        for id in document.ids_of(&one.affects) {
            advisories.entry(id).or_default().push(one.page());
        }
    }
    Whole {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: id("DOCUMENT"),
        name: format!("{} {}", bom.subject.name, bom.subject.version).trim_end(),
        namespace: format!("urn:uuid:{}", document.uuid),
        creation: Creation {
            created: &document.created,
            creators: [format!("Tool: {}", document.tool())],
            license_list: spdx::license_version().rsplit_once('.').map_or("", |(version, _)| version),
        },
        packages: Each(|| document.each().map(|(id, one)| package(id, one, &advisories))),
        licenses: Each(|| named.iter().map(|(id, name)| Named { id, name, text: name })),
        relationships: Each(|| described.clone().chain(contains.clone()).chain(needs())),
    }
    .serialize(out)
}

fn id(name: &str) -> String {
    format!("SPDXRef-{name}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a, P, L, R> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: String,
    name: &'a str,
    #[serde(rename = "documentNamespace")]
    namespace: String,
    #[serde(rename = "creationInfo")]
    creation: Creation<'a>,
    packages: P,
    #[serde(rename = "hasExtractedLicensingInfos")]
    licenses: L,
    relationships: R,
}

#[derive(Serialize)]
struct Creation<'a> {
    created: &'a str,
    creators: [String; 1],
    #[serde(rename = "licenseListVersion")]
    license_list: &'static str,
}

/// A licence that is not on SPDX's list. The name is all of its text that is known.
#[derive(Serialize)]
struct Named<'a> {
    #[serde(rename = "licenseId")]
    id: &'a str,
    name: &'a str,
    #[serde(rename = "extractedText")]
    text: &'a str,
}

#[derive(Clone, Serialize)]
struct Relation {
    #[serde(rename = "spdxElementId")]
    from: String,
    #[serde(rename = "relationshipType")]
    kind: &'static str,
    #[serde(rename = "relatedSpdxElement")]
    to: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: &'a str,
    #[serde(rename = "versionInfo", skip_serializing_if = "str::is_empty")]
    version: &'a str,
    supplier: Cow<'static, str>,
    download_location: &'static str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    license_concluded: &'static str,
    license_declared: Cow<'static, str>,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<Reference<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum<'a> {
    algorithm: &'static str,
    checksum_value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'a> {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: &'a str,
}

fn package<'a>(name: &str, one: &'a Component, advisories: &'a BTreeMap<&str, Vec<String>>) -> Package<'a> {
    let reference = |category, kind| {
        move |locator| Reference { reference_category: category, reference_type: kind, reference_locator: locator }
    };
    let purl = Some(one.purl.as_str()).filter(|purl| !purl.is_empty()).map(reference("PACKAGE-MANAGER", "purl"));
    let advisories = advisories.get(name).into_iter().flatten().map(String::as_str);
    Package {
        id: id(name),
        name: &one.name,
        version: &one.version,
        supplier: Supplier::of(&one.supplier).map_or(UNKNOWN.into(), |supplier| agent(&supplier).into()),
        download_location: UNKNOWN,
        files_analyzed: false,
        checksums: one.hashes.iter().map(checksum).collect(),
        homepage: one.website(),
        source_info: (!one.origin.is_empty()).then(|| format!("built from {}", one.origin)),
        license_concluded: UNKNOWN,
        license_declared: one.license().map_or(UNKNOWN.into(), |license| license.expression.into()),
        copyright_text: UNKNOWN,
        summary: &one.summary,
        primary_package_purpose: match one.kind {
            Kind::Package => Some("LIBRARY"),
            Kind::Runtime | Kind::Project => Some("APPLICATION"),
            // The specification's schema has OPERATING_SYSTEM alone; its text, and the schema of SPDX's own tools, OPERATING-SYSTEM.
            Kind::System => None,
        },
        external_refs: purl.into_iter().chain(advisories.map(reference("SECURITY", "advisory"))).collect(),
    }
}

/// The format asks for one of the two kinds.
fn agent(supplier: &Supplier<'_>) -> String {
    let kind = if supplier.is_group() { "Organization" } else { "Person" };
    // Brackets mark the address.
    let name = supplier.name.replace(['(', ')', '\n'], " ");
    match supplier.email {
        "" => format!("{kind}: {}", name.trim()),
        email => format!("{kind}: {} ({email})", name.trim()),
    }
}

fn checksum(hash: &Hash) -> Checksum<'_> {
    let algorithm = match hash.algorithm {
        Algorithm::Md5 => "MD5",
        Algorithm::Sha1 => "SHA1",
        Algorithm::Sha256 => "SHA256",
        Algorithm::Sha384 => "SHA384",
        Algorithm::Sha512 => "SHA512",
    };
    Checksum { algorithm, checksum_value: &hash.hex }
}
