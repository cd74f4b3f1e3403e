//! VEX: what somebody who has looked says about faults in products, in OpenVEX or CSAF. Read for which findings it takes back.

mod csaf;
mod openvex;

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;

/// What a statement says about a fault in a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    NotAffected,
    Fixed,
    Affected,
    UnderInvestigation,
}

impl Status {
    /// The word that documents use.
    pub fn name(self) -> &'static str {
        match self {
            Status::NotAffected => "not_affected",
            Status::Fixed => "fixed",
            Status::Affected => "affected",
            Status::UnderInvestigation => "under_investigation",
        }
    }
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Every name that it gives the fault.
    pub faults: Vec<String>,
    pub products: Vec<Product>,
    pub status: Status,
    /// Justification or impact statement; empty where there is none.
    pub reason: String,
    /// As written: times of one form, which sort as text.
    pub time: String,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// purl's type; empty for a plain name.
    pub ecosystem: String,
    pub name: String,
    /// Any version where it is empty.
    pub version: String,
}

impl Product {
    /// A purl, or a plain name, `@` and a version behind it or not.
    fn parse(text: &str) -> Option<Product> {
        let (ecosystem, rest) = match text.strip_prefix("pkg:") {
            Some(rest) => rest.trim_start_matches('/').split_once('/')?,
            None => ("", text),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        // A scope begins with the same sign.
        let (path, version) = match rest.rfind('@').filter(|at| *at > 0) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, ""),
        };
        // A distribution's namespace is its vendor's name.
        let name = if matches!(ecosystem, "deb" | "alpm") { path.rsplit('/').next().unwrap_or(path) } else { path };
        let product = Product { ecosystem: ecosystem.to_lowercase(), name: decoded(name), version: decoded(version) };
        (!product.name.is_empty()).then_some(product)
    }

    /// Whether it is a package of these names, in one of these versions.
    pub fn is(&self, ecosystem: &str, names: &[&str], versions: &[&str]) -> bool {
        (self.ecosystem.is_empty() || self.ecosystem == ecosystem)
            && names.contains(&self.name.as_str())
            && (self.version.is_empty() || versions.contains(&self.version.as_str()))
    }
}

/// Percent signs undone; what is none stays.
fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[derive(Deserialize)]
struct Form {
    #[serde(rename = "@context")]
    context: Option<String>,
    document: Option<IgnoredAny>,
}

/// Reads a document of either form; later statements come last.
pub fn read(text: &[u8]) -> Result<Vec<Statement>, String> {
    let form: Form =
        serde_json::from_slice(text).map_err(|error| format!("it is neither OpenVEX nor CSAF: {error}"))?;
    let mut all = match form {
        Form { context: Some(context), .. } if context.contains("openvex.dev/ns") => openvex::read(text)?,
        Form { document: Some(_), .. } => csaf::read(text)?,
        Form { context: Some(context), .. } => return Err(format!("it is no OpenVEX: its context is {context:?}")),
        _ => return Err("it is neither OpenVEX nor CSAF".to_owned()),
    };
    all.sort_by(|a, b| a.time.cmp(&b.time));
    Ok(all)
}

/// What the last statement about each fault of one package is.
pub struct Verdicts<'s>(HashMap<&'s str, &'s Statement>);

impl<'s> Verdicts<'s> {
    pub fn new(all: &'s [Statement], ecosystem: &str, names: &[&str], versions: &[&str]) -> Verdicts<'s> {
        let about =
            |statement: &&Statement| statement.products.iter().any(|product| product.is(ecosystem, names, versions));
        let about = all.iter().filter(about);
        Verdicts(about.flat_map(|statement| statement.faults.iter().map(move |id| (id.as_str(), statement))).collect())
    }

    /// The statement that takes a fault of that name back.
    pub fn clears(&self, id: &str) -> Option<&'s Statement> {
        self.0.get(id).copied().filter(|statement| matches!(statement.status, Status::NotAffected | Status::Fixed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "a",
        "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": [
        {"vulnerability": {"name": "CVE-1", "aliases": ["GHSA-1"]}, "status": "not_affected",
         "justification": "vulnerable_code_not_present", "timestamp": "2026-01-03T00:00:00Z",
         "products": [{"@id": "pkg:deb/debian/curl@7.1-1%2Bb1?arch=source"}]},
        {"vulnerability": "CVE-1", "status": "affected", "products": ["curl"], "timestamp": "2026-01-02T00:00:00Z"},
        {"vulnerability": {"name": "CVE-2"}, "status": "fixed", "products": [{"@id": "curl"}]},
        {"vulnerability": {"name": "CVE-2"}, "status": "under_investigation", "products": [{"@id": "curl"}]}]}"#;

    #[test]
    fn the_last_statement_about_a_product_decides() {
        let all = read(DOCUMENT.as_bytes()).unwrap();
        let cleared = |id: &str, version: &str| {
            Verdicts::new(&all, "deb", &["curl", "libcurl4"], &[version]).clears(id).map(|s| s.reason.clone())
        };
        assert_eq!(cleared("CVE-1", "7.1-1+b1").as_deref(), Some("vulnerable_code_not_present"));
        assert_eq!(cleared("GHSA-1", "7.1-1+b1").as_deref(), Some("vulnerable_code_not_present"));
        assert_eq!(
            (cleared("CVE-1", "7.1-2"), cleared("CVE-2", "7.1-1+b1"), cleared("CVE-3", "7")),
            (None, None, None)
        );
        assert!(Verdicts::new(&all, "alpm", &["curl"], &["7.1-1+b1"]).clears("CVE-1").is_none());
        assert!(Verdicts::new(&all, "deb", &["curl2"], &["7.1-1+b1"]).clears("CVE-1").is_none());
    }

    #[test]
    fn products_by_purl_and_by_name() {
        let parts = |text| Product::parse(text).map(|p| (p.ecosystem, p.name, p.version));
        let product = |ecosystem: &str, name: &str, version: &str| {
            Some((ecosystem.to_owned(), name.to_owned(), version.to_owned()))
        };
        assert_eq!(parts("pkg:alpm/arch/pacman@6.0.1-1?arch=x86_64"), product("alpm", "pacman", "6.0.1-1"));
        assert_eq!(parts("pkg:npm/%40scope/a@1.0#x"), product("npm", "@scope/a", "1.0"));
        assert_eq!(parts("curl"), product("", "curl", ""));
        assert_eq!(parts("a@1%"), product("", "a", "1%"));
        assert_eq!((parts("pkg:deb"), parts(""), parts("pkg:deb/?x")), (None, None, None));
    }

    #[test]
    fn another_document_is_none() {
        for (from, to) in
            [("openvex.dev", "example.org"), ("\"fixed\"", "\"mended\""), ("\"CVE-1\", \"status\"", "[], \"status\"")]
        {
            assert!(read(DOCUMENT.replace(from, to).as_bytes()).is_err(), "{from}");
        }
        assert!(read(&DOCUMENT.as_bytes()[..300]).is_err());
    }
}
