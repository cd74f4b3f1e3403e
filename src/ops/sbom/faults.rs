//! What a scan has found, in a bill of materials.

use crate::audit::sbom::{Answer, Bom, Kind, State, Vulnerability};
use crate::model::Ecosystem;
use crate::ops::advisories::{Finding, Fix, Hushed, Why};
use crate::runtimes::Runtime;
use std::collections::HashMap;

/// Adds the findings of a scan of what the bill is of: to the components of that name and version.
pub fn add(bom: &mut Bom, findings: Vec<Finding>, hushed: Vec<Hushed>) {
    let mut places: HashMap<(&str, &str), Vec<u32>> = HashMap::new();
    for (place, one) in (0..).zip(&bom.components).filter(|(_, one)| one.kind != Kind::Project) {
        places.entry((&one.name, &one.version)).or_default().push(place);
    }
    let is_of = |place: &u32, source: &str| {
        let one = &bom.components[*place as usize];
        let kind = one.purl.split(['/', ':']).nth(1).unwrap_or_default();
        if one.kind == Kind::Runtime { source == Ecosystem::Go.name() } else { purl_of(source) == kind }
    };
    let fault = |finding: Finding, answer: Option<Answer>| {
        let Finding { source, name, version, packages, advisory, fix, .. } = finding;
        let installed = packages.iter().map(|package| (package.name.as_str(), package.version.as_str()));
        // To its advisories an installed Go is two modules.
        let is_runtime = source == Ecosystem::Go.name() && ["stdlib", "toolchain"].contains(&name.as_str());
        let name = if is_runtime { Runtime::Go.name() } else { &name };
        let named = packages.is_empty().then_some((name, version.as_str()));
        let known = installed.chain(named).filter_map(|key| places.get(&key)).flatten();
        let mut affects: Vec<u32> = known.copied().filter(|place| is_of(place, source)).collect();
        affects.sort_unstable();
        affects.dedup();
        let fixed = match fix {
            Fix::Offered(version) | Fix::Elsewhere(version) | Fix::Registry(version) => Some(version),
            Fix::None => None,
        };
        Vulnerability {
            id: advisory.id,
            aliases: advisory.aliases,
            summary: advisory.summary,
            severity: advisory.severity,
            score: advisory.score,
            vector: advisory.vector,
            fixed,
            affects,
            answer,
        }
    };
    let mut all: Vec<Vulnerability> = findings.into_iter().map(|finding| fault(finding, None)).collect();
    all.extend(hushed.into_iter().map(|Hushed { finding, why }| fault(finding, Some(answer(why)))));
    all.retain(|one| !one.affects.is_empty());
    bom.vulnerabilities = Some(all);
}

fn answer(why: Why) -> Answer {
    match why {
        Why::Ignored { reason, .. } => Answer { state: State::Accepted, reason },
        Why::Vex { status: "fixed", reason } => Answer { state: State::Fixed, reason },
        Why::Vex { reason, .. } => Answer { state: State::NotAffected, reason },
    }
}

/// The type of the purls of a finding's source.
fn purl_of(source: &str) -> &str {
    match source {
        "apt" => "deb",
        "pacman" => "alpm",
        registry => Ecosystem::named(registry).map_or("", Ecosystem::purl),
    }
}
