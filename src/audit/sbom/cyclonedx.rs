//! CycloneDX 1.6 and 1.7, which have all that is told here in common.

use super::{Algorithm, Component, Cvss, Document, Each, Hash, Kind, SUBJECT, State, Supplier, Vulnerability};
use super::{page, publisher};
use serde::{Serialize, Serializer};

pub(super) fn write<S: Serializer>(document: &Document, version: &'static str, out: S) -> Result<S::Ok, S::Error> {
    let bom = &document.bom;
    let components = || document.ids.iter().zip(&bom.components).map(|(id, one)| part(id, one));
    Whole {
        schema: format!("http://cyclonedx.org/schema/bom-{version}.schema.json"),
        bom_format: "CycloneDX",
        spec_version: version,
        serial_number: format!("urn:uuid:{}", document.uuid),
        version: 1,
        metadata: Metadata {
            timestamp: &document.created,
            lifecycles: [Phase { phase: if bom.subject.kind == Kind::System { "operations" } else { "pre-build" } }],
            tools: Tools { components: [Tool { kind: "application", name: "omg", version: bom.tool_version }] },
            component: part(SUBJECT, &bom.subject),
        },
        components: Each(components),
        dependencies: Each(|| document.edges().map(|(id, to)| Needs { id, depends_on: to })),
        vulnerabilities: bom.vulnerabilities.as_ref().map(|all| Each(|| all.iter().map(|one| fault(document, one)))),
    }
    .serialize(out)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a, C, D, V> {
    #[serde(rename = "$schema")]
    schema: String,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata<'a>,
    components: C,
    dependencies: D,
    #[serde(skip_serializing_if = "Option::is_none")]
    vulnerabilities: Option<V>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: &'a str,
    lifecycles: [Phase; 1],
    tools: Tools,
    component: Part<'a>,
}

#[derive(Serialize)]
struct Phase {
    phase: &'static str,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Needs<'a> {
    #[serde(rename = "ref")]
    id: &'a str,
    depends_on: Vec<&'a str>,
}

/// A component.
#[derive(Serialize)]
struct Part<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<Organization<'a>>,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    /// Not set, it is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Digest<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    licenses: Option<[Choice; 1]>,
    #[serde(skip_serializing_if = "str::is_empty")]
    purl: &'a str,
    #[serde(rename = "externalReferences", skip_serializing_if = "Option::is_none")]
    references: Option<[Link<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<[Property<'a>; 1]>,
}

#[derive(Serialize)]
struct Organization<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<[Contact<'a>; 1]>,
}

#[derive(Serialize)]
struct Contact<'a> {
    email: &'a str,
}

#[derive(Serialize)]
struct Digest<'a> {
    alg: &'static str,
    content: &'a str,
}

/// One expression, since a list of several says nothing of how they are joined; a plain name where SPDX has none. An `id` is left to
/// those who know which list the reader has: SPDX's grows, and the schemas' copy of it is older.
#[derive(Serialize)]
#[serde(untagged)]
enum Choice {
    Expression { expression: String, acknowledgement: &'static str },
    Named { license: Named },
}

#[derive(Serialize)]
struct Named {
    name: String,
    acknowledgement: &'static str,
}

#[derive(Serialize)]
struct Link<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url: &'a str,
}

#[derive(Serialize)]
struct Property<'a> {
    name: &'static str,
    value: &'a str,
}

fn part<'a>(id: &'a str, one: &'a Component) -> Part<'a> {
    let organization =
        |Supplier { name, email }| Organization { name, contact: (!email.is_empty()).then_some([Contact { email }]) };
    Part {
        kind: match one.kind {
            Kind::Package => "library",
            Kind::Runtime => "platform",
            Kind::System => "operating-system",
            Kind::Project => "application",
        },
        id,
        supplier: Supplier::of(&one.supplier).map(organization),
        name: &one.name,
        version: &one.version,
        description: &one.summary,
        scope: one.is_dev.then_some("excluded"),
        hashes: one.hashes.iter().map(digest).collect(),
        licenses: one.license().map(|license| {
            let acknowledgement = "declared";
            [match license.only_name() {
                Some(name) => Choice::Named { license: Named { name: name.to_owned(), acknowledgement } },
                None => Choice::Expression { expression: license.expression, acknowledgement },
            }]
        }),
        purl: &one.purl,
        references: one.website().map(|url| [Link { kind: "website", url }]),
        properties: (!one.origin.is_empty()).then_some([Property { name: "omg:source-package", value: &one.origin }]),
    }
}

fn digest(hash: &Hash) -> Digest<'_> {
    let alg = match hash.algorithm {
        Algorithm::Md5 => "MD5",
        Algorithm::Sha1 => "SHA-1",
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha384 => "SHA-384",
        Algorithm::Sha512 => "SHA-512",
    };
    Digest { alg, content: &hash.hex }
}

/// A fault.
#[derive(Serialize)]
struct Fault<'a> {
    id: &'a str,
    source: Publisher,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    references: Vec<Alias<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratings: Option<[Rating<'a>; 1]>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommendation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis: Option<Analysis<'a>>,
    affects: Vec<Affected<'a>>,
}

#[derive(Serialize)]
struct Publisher {
    name: &'static str,
    url: String,
}

#[derive(Serialize)]
struct Alias<'a> {
    id: &'a str,
    source: Publisher,
}

#[derive(Serialize)]
struct Rating<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    vector: &'a str,
}

#[derive(Serialize)]
struct Analysis<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

#[derive(Serialize)]
struct Affected<'a> {
    #[serde(rename = "ref")]
    id: &'a str,
}

fn fault<'a>(document: &'a Document, one: &'a Vulnerability) -> Fault<'a> {
    let source = |id: &str| Publisher { name: publisher(id), url: page(id) };
    let rating = Rating {
        score: one.score(),
        severity: one.severity.map_or("unknown", crate::model::Severity::name),
        method: one.cvss().map(|version| match version {
            Cvss::V2 => "CVSSv2",
            Cvss::V3 => "CVSSv3",
            Cvss::V31 => "CVSSv31",
            Cvss::V4 => "CVSSv4",
        }),
        vector: &one.vector,
    };
    Fault {
        id: &one.id,
        source: source(&one.id),
        references: one.aliases.iter().map(|id| Alias { id, source: source(id) }).collect(),
        ratings: (one.severity.is_some() || one.score.is_some()).then_some([rating]),
        description: &one.summary,
        recommendation: one.fixed.as_ref().map(|version| format!("fixed in {version}")),
        analysis: one.answer.as_ref().map(|answer| {
            let (state, response) = match answer.state {
                State::NotAffected => (Some("not_affected"), None),
                State::Fixed => (Some("resolved"), None),
                // It is not said that it does no harm.
                State::Accepted => (None, Some(["will_not_fix"])),
            };
            Analysis { state, response, detail: &answer.reason }
        }),
        affects: document.ids_of(&one.affects).map(|id| Affected { id }).collect(),
    }
}
