//! SPDX 3's security profile: the faults, what they are rated, which packages have them, and what was answered for.

use super::{Element, Identifier, Shared};
use crate::audit::sbom::{Cvss, Document, State, Vulnerability};
use crate::model::Severity;

/// Of an answer without one: the profile asks for something.
const NO_REASON: &str = "no reason is given";

pub(super) fn elements<'s>(shared: &'s Shared<'s>, document: &'s Document) -> impl Iterator<Item = Element<'s>> {
    let all = document.bom.vulnerabilities.iter().flatten();
    all.enumerate().flat_map(move |(number, one)| {
        let fault = fault(shared, number, one);
        let packages: Vec<String> = document.ids_of(&one.affects).map(|id| shared.address("package", id)).collect();
        let rating = rating(shared, number, one, &packages);
        let verdicts = verdicts(shared, number, one, packages);
        std::iter::once(fault).chain(rating).chain(verdicts)
    })
}

fn fault<'s>(shared: &Shared<'s>, number: usize, one: &'s Vulnerability) -> Element<'s> {
    let identifier = |id: &'s String| Identifier {
        kind: "ExternalIdentifier",
        external_identifier_type: if id.starts_with("CVE-") { "cve" } else { "securityOther" },
        identifier: id,
    };
    Element {
        name: &one.id,
        summary: &one.summary,
        external_identifier: std::iter::once(&one.id).chain(&one.aliases).map(identifier).collect(),
        ..shared.element("security_Vulnerability", shared.address("vulnerability", number))
    }
}

/// By the vector's version, each of which is a class of its own.
fn rating<'s>(shared: &Shared<'s>, number: usize, one: &'s Vulnerability, to: &[String]) -> Option<Element<'s>> {
    let kind = match one.cvss()? {
        Cvss::V2 => "security_CvssV2VulnAssessmentRelationship",
        Cvss::V3 | Cvss::V31 => "security_CvssV3VulnAssessmentRelationship",
        Cvss::V4 => "security_CvssV4VulnAssessmentRelationship",
    };
    // The oldest of them has no words.
    let severity = match one.cvss()? {
        Cvss::V2 => "",
        _ => one.severity.map_or("", Severity::name),
    };
    Some(Element {
        from: Some(shared.address("vulnerability", number)),
        to: to.to_vec(),
        relationship_type: "hasAssessmentFor",
        score: Some(format!("{:.1}", one.score()?)),
        severity,
        vector: &one.vector,
        ..shared.element(kind, shared.address("rating", number))
    })
}

fn verdicts<'s>(shared: &Shared<'s>, number: usize, one: &'s Vulnerability, packages: Vec<String>) -> Vec<Element<'s>> {
    let vulnerability = shared.address("vulnerability", number);
    let Some(answer) = &one.answer else {
        let each = packages.into_iter().enumerate().map(|(at, package)| Element {
            from: Some(package),
            to: vec![vulnerability.clone()],
            relationship_type: "hasAssociatedVulnerability",
            ..shared.element("Relationship", shared.address("affected", format_args!("{number}-{at}")))
        });
        return each.collect();
    };
    let reason = if answer.reason.is_empty() { NO_REASON } else { &answer.reason };
    let (kind, relation, impact, action) = match answer.state {
        State::NotAffected => ("security_VexNotAffectedVulnAssessmentRelationship", "doesNotAffect", reason, ""),
        State::Fixed => ("security_VexFixedVulnAssessmentRelationship", "fixedIn", "", ""),
        State::Accepted => ("security_VexAffectedVulnAssessmentRelationship", "affects", "", reason),
    };
    vec![Element {
        from: Some(vulnerability),
        to: packages,
        relationship_type: relation,
        impact,
        action,
        ..shared.element(kind, shared.address("answer", number))
    }]
}
