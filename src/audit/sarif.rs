//! Findings as SARIF 2.1.0, which code hosts and editors read.
//!
//! Plain data in, one document out: it knows nothing of what the findings are about. Columns are left out, since SARIF counts
//! characters and what is found is found in bytes.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How bad a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
    Note,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Found {
    /// The id of what it breaks, and that in words.
    pub rule: String,
    pub rule_text: String,
    /// From 0 to 10, by CVSS, where it has been rated: code hosts go by it.
    pub score: Option<f64>,
    pub level: Level,
    pub message: String,
    /// The file, which may be relative, and the line, from 1.
    pub place: Option<(std::path::PathBuf, Option<u64>)>,
    /// What stays the same when lines move, under the name of how it was made.
    pub fingerprint: Option<(&'static str, String)>,
    /// Why it does not count, where somebody has answered for it.
    pub suppressed: Option<String>,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}

/// The document. `problems`: what could not be looked at.
pub fn document(found: &[Found], problems: &[String]) -> Value {
    let mut rules: BTreeMap<&str, &Found> = BTreeMap::new();
    found.iter().for_each(|found| _ = rules.entry(&found.rule).or_insert(found));
    let index: BTreeMap<&str, usize> = rules.keys().zip(0..).map(|(id, at)| (*id, at)).collect();
    let described: Vec<Value> = rules.values().map(|first| rule(first)).collect();
    let mut results: Vec<Value> = found.iter().map(|found| result(found, index[found.rule.as_str()])).collect();
    // Where one has them, each must (3.27.23): an empty list is one that counts.
    if found.iter().any(|found| found.suppressed.is_some()) {
        for (result, found) in results.iter_mut().zip(found) {
            let one = |reason| json!({"kind": "external", "justification": reason});
            result["suppressions"] = found.suppressed.iter().map(one).collect();
        }
    }
    let told: Vec<Value> = problems.iter().map(|text| json!({"level": "warning", "message": {"text": text}})).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "omg", "version": env!("CARGO_PKG_VERSION"), "rules": described}},
            "invocations": [{"executionSuccessful": problems.is_empty(), "toolExecutionNotifications": told}],
            "results": results,
        }],
    })
}

fn rule(found: &Found) -> Value {
    let mut rule = json!({"id": found.rule, "shortDescription": {"text": found.rule_text}});
    if let Some(score) = found.score {
        // A number as a text: so the code host that made it up wants it.
        rule["properties"] = json!({"security-severity": format!("{score:.1}"), "tags": ["security"]});
    }
    rule
}

fn result(found: &Found, index: usize) -> Value {
    let mut result = json!({
        "ruleId": found.rule,
        "ruleIndex": index,
        "level": found.level.word(),
        "message": {"text": found.message},
    });
    if let Some((path, line)) = &found.place {
        let mut place = json!({"artifactLocation": {"uri": uri(path)}});
        if let Some(line) = line {
            place["region"] = json!({"startLine": line});
        }
        result["locations"] = json!([{"physicalLocation": place}]);
    }
    if let Some((kind, fingerprint)) = &found.fingerprint {
        result["partialFingerprints"] = json!({*kind: fingerprint});
    }
    result
}

/// A path as a reference: what is not plain is `%XX`, whatever its bytes are.
fn uri(path: &Path) -> String {
    let mut uri = if path.is_absolute() { "file://".to_owned() } else { String::new() };
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(*byte)),
            other => write!(uri, "%{other:02X}").expect("a string takes everything"),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn any_path_is_a_reference() {
        assert_eq!(uri(Path::new("a b/ü:#?.rs")), "a%20b/%C3%BC%3A%23%3F.rs");
        assert_eq!(uri(Path::new("/etc/x")), "file:///etc/x");
        assert_eq!(uri(Path::new(OsStr::from_bytes(b"\xff%"))), "%FF%25");
    }

    #[test]
    fn results_name_their_rules() {
        let found = |rule: &str| Found {
            rule: rule.to_owned(),
            rule_text: format!("what {rule} is"),
            score: (rule == "a").then_some(9.8),
            level: Level::Error,
            message: "m".to_owned(),
            place: Some(("f".into(), Some(3))),
            fingerprint: Some(("x/v1", "00".to_owned())),
            suppressed: (rule == "b").then(|| "why".to_owned()),
        };
        let document = document(&[found("b"), found("a"), found("b")], &["no".to_owned()]);
        let run = &document["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), 2);
        let scores = [0, 1].map(|at| &run["tool"]["driver"]["rules"][at]["properties"]);
        assert_eq!((&scores[0]["security-severity"], scores[1]), (&json!("9.8"), &Value::Null));
        for result in run["results"].as_array().unwrap() {
            let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            let suppressed = json!([{"kind": "external", "justification": "why"}]);
            assert_eq!(result["suppressions"], if rule["id"] == "b" { suppressed } else { json!([]) });
        }
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    }
}
