//! The VEX profile of CSAF 2.0 and 2.1: a tree of products, and for each vulnerability which of these are affected.
//!
//! Products are known by their purls alone: their names are for people, and what a CPE means is not looked up. One that stands for a
//! range of versions is passed over unless its purl has a version, since it would stand for all of them.

use super::{Product, Statement, Status};
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
struct Document {
    document: About,
    #[serde(default)]
    product_tree: Tree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct About {
    category: String,
    tracking: Tracking,
}

#[derive(Deserialize)]
struct Tracking {
    #[serde(default)]
    current_release_date: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tree {
    branches: Vec<Branch>,
    full_product_names: Vec<Named>,
    relationships: Vec<Relationship>,
    product_groups: Vec<Group>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Branch {
    category: String,
    branches: Vec<Branch>,
    product: Option<Named>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    product_id: String,
    product_identification_helper: Helper,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Helper {
    purl: Option<String>,
    /// Since 2.1.
    purls: Vec<String>,
}

#[derive(Deserialize)]
struct Relationship {
    product_reference: String,
    full_product_name: Named,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    #[serde(default)]
    product_ids: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Vulnerability {
    cve: Option<String>,
    ids: Vec<Id>,
    product_status: HashMap<String, Vec<String>>,
    flags: Vec<Word>,
    threats: Vec<Word>,
}

#[derive(Deserialize)]
struct Id {
    text: String,
}

/// A justification, or what an impact is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Word {
    label: String,
    category: String,
    details: String,
    product_ids: Vec<String>,
    group_ids: Vec<String>,
}

/// In the order of the statements: where a document says two things of a product, the worse one counts.
const STATUSES: [(&str, Status); 7] = [
    ("fixed", Status::Fixed),
    ("first_fixed", Status::Fixed),
    ("known_not_affected", Status::NotAffected),
    ("under_investigation", Status::UnderInvestigation),
    ("first_affected", Status::Affected),
    ("last_affected", Status::Affected),
    ("known_affected", Status::Affected),
];

type Products = HashMap<String, Vec<Product>>;

/// The statements of a document: those about one fault in the order of [`STATUSES`].
pub fn read(text: &[u8]) -> Result<Vec<Statement>, String> {
    let Document { document, product_tree, vulnerabilities } =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if !document.category.starts_with("csaf_") {
        return Err(format!("no CSAF: its category is {:?}", document.category));
    }
    let products = products(&product_tree);
    let mut all = Vec::new();
    for vulnerability in vulnerabilities {
        let faults: Vec<String> =
            vulnerability.cve.iter().cloned().chain(vulnerability.ids.iter().map(|id| id.text.clone())).collect();
        if faults.is_empty() {
            return Err("a statement about no vulnerability".to_owned());
        }
        for (name, status) in STATUSES {
            for id in vulnerability.product_status.get(name).into_iter().flatten() {
                let known = products.get(id).into_iter().flatten();
                // What is fixed is so in a version.
                let products: Vec<Product> =
                    known.filter(|product| status != Status::Fixed || !product.version.is_empty()).cloned().collect();
                if !products.is_empty() {
                    let (faults, time) = (faults.clone(), document.tracking.current_release_date.clone());
                    let reason = reason(&vulnerability, id, &product_tree.product_groups);
                    all.push(Statement { faults, products, status, reason, time });
                }
            }
        }
    }
    Ok(all)
}

/// What each id of a product stands for.
fn products(tree: &Tree) -> Products {
    let mut products = Products::new();
    let mut add = |named: &Named, is_range: bool| {
        let helper = &named.product_identification_helper;
        let purls = helper.purl.iter().chain(&helper.purls).filter(|purl| purl.starts_with("pkg:"));
        let known = purls.filter_map(|purl| Product::parse(purl)).filter(|one| !is_range || !one.version.is_empty());
        products.entry(named.product_id.clone()).or_default().extend(known);
    };
    tree.full_product_names.iter().for_each(|named| add(named, false));
    // The parser has bounded how deep this goes.
    let mut open: Vec<(&Branch, bool)> = tree.branches.iter().map(|branch| (branch, false)).collect();
    while let Some((branch, is_range)) = open.pop() {
        let is_range = is_range || branch.category == "product_version_range";
        branch.product.iter().for_each(|named| add(named, is_range));
        open.extend(branch.branches.iter().map(|below| (below, is_range)));
    }
    // A part of another product is what it is by itself; parts of parts are told in the order that they are made in.
    for Relationship { product_reference, full_product_name } in &tree.relationships {
        let known = products.get(product_reference).cloned().unwrap_or_default();
        products.entry(full_product_name.product_id.clone()).or_default().extend(known);
    }
    products
}

fn reason(vulnerability: &Vulnerability, id: &str, groups: &[Group]) -> String {
    let is_about = |word: &&Word| {
        let in_group =
            |group: &Group| word.group_ids.contains(&group.group_id) && group.product_ids.iter().any(|of| of == id);
        word.product_ids.iter().any(|of| of == id) || groups.iter().any(in_group)
    };
    let label = vulnerability.flags.iter().find(is_about).map(|flag| flag.label.as_str());
    let impact = vulnerability.threats.iter().filter(|threat| threat.category == "impact").find(is_about);
    let parts = label.into_iter().chain(impact.map(|threat| threat.details.as_str()));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::super::{Verdicts, read};

    const DOCUMENT: &str = r#"{"document": {"category": "csaf_vex", "csaf_version": "2.0", "title": "t",
        "tracking": {"id": "x", "current_release_date": "2026-01-01T00:00:00Z"}},
      "product_tree": {
        "branches": [{"category": "vendor", "name": "v", "branches": [{"category": "product_name", "name": "left-pad", "branches": [
          {"category": "product_version", "name": "1.0.0", "product": {"name": "left-pad 1.0.0", "product_id": "LP1",
            "product_identification_helper": {"purl": "pkg:npm/left-pad@1.0.0"}}},
          {"category": "product_version_range", "name": "vers:npm/<3", "product": {"name": "left-pad below 3", "product_id": "LPX",
            "product_identification_helper": {"purl": "pkg:npm/left-pad"}}}]}]}],
        "full_product_names": [{"name": "curl", "product_id": "CURL", "product_identification_helper": {"purl": "pkg:deb/debian/curl"}},
          {"name": "no purl", "product_id": "NONE"}],
        "relationships": [{"category": "default_component_of", "product_reference": "CURL", "relates_to_product_reference": "NONE",
          "full_product_name": {"name": "curl in it", "product_id": "CURL-IN"}}],
        "product_groups": [{"group_id": "G", "product_ids": ["CURL-IN", "NONE"]}]},
      "vulnerabilities": [
        {"cve": "CVE-1", "ids": [{"system_name": "GitHub", "text": "GHSA-1"}],
         "product_status": {"known_not_affected": ["LP1", "LPX", "CURL-IN", "NONE"]},
         "flags": [{"label": "vulnerable_code_not_present", "product_ids": ["LP1"]},
           {"label": "component_not_present", "group_ids": ["G"]}],
         "threats": [{"category": "impact", "details": "not built in", "product_ids": ["CURL-IN"]}]},
        {"cve": "CVE-2", "product_status": {"fixed": ["LP1", "CURL"], "known_affected": ["LPX"]}},
        {"cve": "CVE-3", "product_status": {"known_not_affected": ["LP1"], "known_affected": ["LP1"]}}]}"#;

    #[test]
    fn products_by_purl_and_statements_by_status() {
        let all = read(DOCUMENT.as_bytes()).unwrap();
        let cleared = |id: &str, kind: &str, name: &str, version: &str| {
            Verdicts::new(&all, kind, &[name], &[version]).clears(id).map(|statement| statement.reason.clone())
        };
        let left_pad = |id: &str, version: &str| cleared(id, "npm", "left-pad", version);
        assert_eq!(left_pad("CVE-1", "1.0.0").as_deref(), Some("vulnerable_code_not_present"));
        assert_eq!(left_pad("GHSA-1", "1.0.0").as_deref(), Some("vulnerable_code_not_present"));
        // A range is not every version.
        assert_eq!(left_pad("CVE-1", "4.0.0"), None);
        assert_eq!(cleared("CVE-1", "deb", "curl", "7").as_deref(), Some("component_not_present: not built in"));
        assert_eq!(left_pad("CVE-2", "1.0.0").as_deref(), Some(""));
        // Fixed in no version is not fixed in all.
        assert_eq!(cleared("CVE-2", "deb", "curl", "7"), None);
        assert_eq!(left_pad("CVE-3", "1.0.0"), None);
    }

    #[test]
    fn another_document_is_none() {
        for (from, to) in [("csaf_vex", "advisory"), ("\"document\"", "\"documents\""), ("\"cve\": \"CVE-2\",", "")] {
            assert!(read(DOCUMENT.replace(from, to).as_bytes()).is_err(), "{from}");
        }
    }
}
