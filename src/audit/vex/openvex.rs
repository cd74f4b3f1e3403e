//! OpenVEX's form of statements.

use super::{Product, Statement, Status};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    timestamp: String,
    statements: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
    vulnerability: Value,
    #[serde(default)]
    products: Vec<Value>,
    status: String,
    #[serde(default)]
    justification: String,
    #[serde(default)]
    impact_statement: String,
    #[serde(default)]
    timestamp: Option<String>,
}

/// The statements of a document, in any order.
pub fn read(text: &[u8]) -> Result<Vec<Statement>, String> {
    let document: Document = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    document.statements.into_iter().map(|written| statement(written, &document.timestamp)).collect()
}

fn statement(written: Written, time: &str) -> Result<Statement, String> {
    let status = match written.status.as_str() {
        "not_affected" => Status::NotAffected,
        "fixed" => Status::Fixed,
        "affected" => Status::Affected,
        "under_investigation" => Status::UnderInvestigation,
        other => return Err(format!("unknown status {other:?}")),
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    // A text in the first version of the format.
    let mut faults: Vec<String> = text(&written.vulnerability).into_iter().collect();
    faults.extend(["name", "@id"].iter().filter_map(|key| text(&written.vulnerability[*key])));
    faults.extend(written.vulnerability["aliases"].as_array().into_iter().flatten().filter_map(text));
    if faults.is_empty() {
        return Err("a statement about no vulnerability".to_owned());
    }
    let names = written.products.iter().flat_map(|product| {
        let identifiers = [text(product), text(&product["@id"]), text(&product["identifiers"]["purl"])];
        identifiers.into_iter().flatten()
    });
    let products = names.filter_map(|name| Product::parse(&name)).collect();
    let reason = [written.justification, written.impact_statement];
    let reason = reason.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    Ok(Statement { faults, products, status, reason, time: written.timestamp.unwrap_or_else(|| time.to_owned()) })
}
