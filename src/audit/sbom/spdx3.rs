//! SPDX 3.0.1, as JSON-LD in the one shape that its schema allows: a flat list of elements.

mod security;

use super::license::License;
use super::{Algorithm, Component, Document, Each, Hash, Kind, SUBJECT, Supplier};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashSet};

/// What every element says of its making.
const CREATION: &str = "_:creation";

pub(super) fn write<S: Serializer>(document: &Document, out: S) -> Result<S::Ok, S::Error> {
    let shared = Shared::of(document);
    let elements = || {
        let agents = shared.agents.keys().map(|text| shared.agent(text));
        let licenses = shared.licenses.values().map(|license| shared.license(license));
        let texts = shared.named.iter().map(|(id, name)| shared.text(id, name));
        let packages = document.each().map(|(id, one)| shared.package(id, one));
        let links = shared.relations(document);
        let faults = security::elements(&shared, document);
        let heads = shared.heads(document).into_iter();
        heads.chain(agents).chain(licenses).chain(texts).chain(packages).chain(links).chain(faults)
    };
    let context = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld";
    Whole { context, graph: Each(elements) }.serialize(out)
}

#[derive(Serialize)]
struct Whole<G> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@graph")]
    graph: G,
}

/// Any element: what it is not has no value.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "@id", skip_serializing_if = "str::is_empty")]
    blank: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    spdx_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    creation_info: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    created_by: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    created_using: Vec<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_identifier: Vec<Identifier<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    verified_using: Vec<Digest<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplied_by: Option<String>,
    #[serde(rename = "software_primaryPurpose", skip_serializing_if = "str::is_empty")]
    purpose: &'static str,
    #[serde(rename = "software_packageVersion", skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(rename = "software_packageUrl", skip_serializing_if = "str::is_empty")]
    purl: &'a str,
    #[serde(rename = "software_homePage", skip_serializing_if = "Option::is_none")]
    homepage: Option<&'a str>,
    #[serde(rename = "software_sourceInfo", skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(rename = "software_sbomType", skip_serializing_if = "Vec::is_empty")]
    sbom_type: Vec<&'static str>,
    #[serde(rename = "simplelicensing_licenseExpression", skip_serializing_if = "str::is_empty")]
    expression: &'a str,
    #[serde(rename = "simplelicensing_licenseListVersion", skip_serializing_if = "Option::is_none")]
    license_list: Option<&'static str>,
    #[serde(rename = "simplelicensing_customIdToUri", skip_serializing_if = "Vec::is_empty")]
    custom: Vec<Entry<'a>>,
    #[serde(rename = "simplelicensing_licenseText", skip_serializing_if = "str::is_empty")]
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_license: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profile_conformance: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    root_element: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    element: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    to: Vec<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    relationship_type: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'static str,
    /// A decimal of RDF: a number of JSON would be read as a floating-point one, which SPDX's shapes forbid.
    #[serde(rename = "security_score", skip_serializing_if = "Option::is_none")]
    score: Option<String>,
    #[serde(rename = "security_severity", skip_serializing_if = "str::is_empty")]
    severity: &'static str,
    #[serde(rename = "security_vectorString", skip_serializing_if = "str::is_empty")]
    vector: &'a str,
    #[serde(rename = "security_impactStatement", skip_serializing_if = "str::is_empty")]
    impact: &'a str,
    #[serde(rename = "security_actionStatement", skip_serializing_if = "str::is_empty")]
    action: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identifier<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    external_identifier_type: &'static str,
    identifier: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Digest<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    algorithm: &'static str,
    hash_value: &'a str,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    key: &'a str,
    value: String,
}

/// What several packages have in common is one element, with a number in its address.
struct Shared<'a> {
    base: String,
    agents: BTreeMap<&'a str, usize>,
    /// By the expression.
    licenses: BTreeMap<String, Numbered>,
    named: BTreeMap<&'a str, &'a str>,
}

struct Numbered {
    number: usize,
    license: License,
}

impl<'a> Shared<'a> {
    fn of(document: &'a Document) -> Shared<'a> {
        let mut shared = Shared {
            base: format!("urn:uuid:{}", document.uuid),
            agents: BTreeMap::new(),
            licenses: BTreeMap::new(),
            named: BTreeMap::new(),
        };
        let bom = &document.bom;
        for one in std::iter::once(&bom.subject).chain(&bom.components) {
            if Supplier::of(&one.supplier).is_some() {
                let number = shared.agents.len();
                shared.agents.entry(&one.supplier).or_insert(number);
            }
            if let Some(license) = one.license() {
                let number = shared.licenses.len();
                shared.licenses.entry(license.expression.clone()).or_insert(Numbered { number, license });
            }
            let named = one.licenses.iter().flat_map(|license| &license.named);
            shared.named.extend(named.map(|(id, name)| (id.as_str(), name.as_str())));
        }
        shared
    }

    fn address(&self, kind: &str, name: impl std::fmt::Display) -> String {
        format!("{}#{kind}-{name}", self.base)
    }

    fn element(&self, kind: &'static str, address: String) -> Element<'a> {
        Element { kind, spdx_id: address, creation_info: CREATION, ..Element::default() }
    }

    /// Who made the document, and what it is.
    fn heads(&self, document: &'a Document) -> Vec<Element<'a>> {
        let bom = &document.bom;
        let (agent, document_at, sbom) =
            (self.address("agent", "omg"), self.address("document", 0), self.address("sbom", 0));
        let (subject, data_license) = (self.address("package", SUBJECT), self.address("license", "of-document"));
        let security: &[&str] = if bom.vulnerabilities.is_some() { &["security"] } else { &[] };
        let creation = Element {
            kind: "CreationInfo",
            blank: CREATION,
            spec_version: Some("3.0.1"),
            created: Some(document.created.clone()),
            created_by: vec![agent.clone()],
            ..Element::default()
        };
        vec![
            creation,
            Element { name: "omg", ..self.element("SoftwareAgent", agent) },
            Element {
                name: &bom.subject.name,
                data_license: Some(data_license.clone()),
                profile_conformance: [&["core", "software", "simpleLicensing"][..], security].concat(),
                root_element: vec![sbom.clone()],
                ..self.element("SpdxDocument", document_at)
            },
            Element { expression: "CC0-1.0", ..self.element("simplelicensing_LicenseExpression", data_license) },
            Element {
                sbom_type: vec![if bom.subject.kind == Kind::System { "deployed" } else { "source" }],
                element: document.each().map(|(id, _)| self.address("package", id)).collect(),
                root_element: vec![subject],
                ..self.element("software_Sbom", sbom)
            },
        ]
    }

    /// Neither a person nor an organization: what a database names may be either.
    fn agent(&self, text: &'a str) -> Element<'a> {
        let Supplier { name, email } = Supplier::of(text).unwrap_or(Supplier { name: text, email: "" });
        let email = Identifier { kind: "ExternalIdentifier", external_identifier_type: "email", identifier: email };
        Element {
            name,
            external_identifier: Some(email).filter(|email| !email.identifier.is_empty()).into_iter().collect(),
            ..self.element("Agent", self.address("supplier", self.agents[text]))
        }
    }

    fn license<'s>(&'s self, Numbered { number, license }: &'s Numbered) -> Element<'s> {
        let entry = |(id, _): (&'s String, &String)| Entry {
            kind: "DictionaryEntry",
            key: id,
            value: self.address("text", id),
        };
        Element {
            expression: &license.expression,
            license_list: Some(spdx::license_version()),
            custom: license.named.iter().map(entry).collect(),
            ..self.element("simplelicensing_LicenseExpression", self.address("license", number))
        }
    }

    /// The name is all that is known of its text.
    fn text(&self, id: &'a str, name: &'a str) -> Element<'a> {
        Element { name, text: name, ..self.element("simplelicensing_SimpleLicensingText", self.address("text", id)) }
    }

    fn package(&self, id: &str, one: &'a Component) -> Element<'a> {
        Element {
            name: &one.name,
            summary: &one.summary,
            version: &one.version,
            purl: &one.purl,
            homepage: one.website(),
            source: (!one.origin.is_empty()).then(|| format!("built from {}", one.origin)),
            supplied_by: self.agents.get(one.supplier.as_str()).map(|number| self.address("supplier", number)),
            verified_using: one.hashes.iter().map(digest).collect(),
            purpose: match one.kind {
                Kind::Package => "library",
                Kind::Runtime => "platform",
                Kind::Project => "application",
                Kind::System => "operatingSystem",
            },
            ..self.element("software_Package", self.address("package", id))
        }
    }

    fn relations<'s>(&'s self, document: &'s Document) -> impl Iterator<Item = Element<'s>> {
        let link = |kind: &'static str, from: &str, to: Vec<String>| Element {
            from: Some(self.address("package", from)),
            to,
            relationship_type: kind,
            ..self.element("Relationship", self.address(kind, from))
        };
        let package = |id: &str| self.address("package", id);
        let contains = document.ids.iter().map(|id| package(id)).collect::<Vec<_>>();
        let contains = (!contains.is_empty()).then(|| link("contains", SUBJECT, contains));
        let dev: HashSet<&str> = document.each().filter(|(_, one)| one.is_dev).map(|(id, _)| id).collect();
        let needs = document.edges().flat_map(move |(from, to)| {
            let (for_dev, always): (Vec<&str>, Vec<&str>) =
                to.into_iter().partition(|to| dev.contains(to) && !dev.contains(from));
            let always =
                (!always.is_empty()).then(|| link("dependsOn", from, always.into_iter().map(package).collect()));
            let for_dev = (!for_dev.is_empty()).then(|| Element {
                kind: "LifecycleScopedRelationship",
                spdx_id: self.address("dependsOn-dev", from),
                scope: "development",
                ..link("dependsOn", from, for_dev.into_iter().map(package).collect())
            });
            always.into_iter().chain(for_dev)
        });
        let licensed = document.each().filter_map(move |(id, one)| {
            let Numbered { number, .. } = self.licenses.get(&one.license()?.expression)?;
            Some(link("hasDeclaredLicense", id, vec![self.address("license", number)]))
        });
        contains.into_iter().chain(needs).chain(licensed)
    }
}

fn digest(hash: &Hash) -> Digest<'_> {
    let algorithm = match hash.algorithm {
        Algorithm::Md5 => "md5",
        Algorithm::Sha1 => "sha1",
        Algorithm::Sha256 => "sha256",
        Algorithm::Sha384 => "sha384",
        Algorithm::Sha512 => "sha512",
    };
    Digest { kind: "Hash", algorithm, hash_value: &hash.hex }
}
