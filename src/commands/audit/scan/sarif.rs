//! A scan's answer as SARIF: a result for each line that names a package with a fault, and one for each installed package.

use super::answer::{Answer, Shown};
use crate::audit::sarif::{self, Found, Level};
use crate::model::Severity;
use std::path::PathBuf;

/// The document. What is not known to be good is told beside the results, since nothing was found there. `all`: with what is answered
/// for.
pub fn document(answer: &Answer, all: bool) -> serde_json::Value {
    let mut found: Vec<Found> = answer.findings.iter().flat_map(|finding| results(finding, None)).collect();
    if all {
        found.extend(answer.suppressed.iter().flat_map(|one| results(&one.finding, Some(one.why()))));
    }
    let unknown = answer.unknown.iter().map(|unknown| {
        let version = unknown.version.as_deref().unwrap_or("of no pinned version");
        let places = unknown.places.iter().map(|spot| spot.file.display().to_string()).collect::<Vec<_>>().join(", ");
        format!(
            "{} {version} of {} is not known to be good: {} ({places})",
            unknown.name, unknown.source, unknown.reason
        )
    });
    let problems: Vec<String> = answer.problems.iter().cloned().chain(unknown).collect();
    sarif::document(&found, &problems)
}

fn results(finding: &Shown, suppressed: Option<String>) -> Vec<Found> {
    let of = |place: Option<(PathBuf, Option<u64>)>| Found {
        rule: finding.id.clone(),
        rule_text: if finding.description.is_empty() { finding.id.clone() } else { finding.description.clone() },
        score: finding.score,
        level: match finding.severity {
            // Whatever its score: it is used.
            _ if finding.exploited => Level::Error,
            Some(Severity::Critical | Severity::High) => Level::Error,
            Some(Severity::Medium) | None => Level::Warning,
            Some(Severity::Low | Severity::None) => Level::Note,
        },
        message: message(finding),
        place,
        fingerprint: Some(("omgAdvisory/v1", format!("{}/{}:{}", finding.source, finding.name, finding.id))),
        suppressed: suppressed.clone(),
    };
    match finding.places.is_empty() {
        true => vec![of(None)],
        false => {
            let places = finding.places.iter();
            places.map(|spot| of(Some((spot.file.clone(), spot.line.map(u64::from))))).collect()
        }
    }
}

fn message(Shown { source, name, version, fixed, fix_offered, id, aliases, description, .. }: &Shown) -> String {
    let names = std::iter::once(id).chain(aliases).map(String::as_str).collect::<Vec<_>>().join(", ");
    let fix = match (fixed, fix_offered) {
        (Some(version), true) => format!("fixed in {version}"),
        (Some(version), false) => format!("fixed in {version}, which is not offered here"),
        (None, _) => "no fix is known".to_owned(),
    };
    let what = if description.is_empty() { String::new() } else { format!(" {description}") };
    format!("{name} {version} of {source} is affected by {names}; {fix}.{what}")
}
