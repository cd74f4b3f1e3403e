//! Holds everything that is installed against the compiled advisories. Reads the index alone: what the advisories say of it stands in its
//! local half, and is worked out anew where they are others since.

use super::order;
use super::report::{Age, Finding, Fix, Hushed, Report, Request, hush, left_out, still_ignored, worst_first};
use super::sources::About;
use crate::audit::vex::Verdicts;
use crate::config::IgnoredAdvisory;
use crate::index::advisories::Advisories;
use crate::index::local::{Advised, NewLocal, advised};
use crate::index::matched::{Family, Group, Matched, Package};
use crate::index::{self, Catalogue, Index, LocalRow};
use crate::model::{Advisory, Field, Source};
use crate::runtimes::installed::Folders;
use anyhow::Result;
use std::path::Path;

/// Looks at every installed package, and at the runtimes in these folders.
pub fn scan(index: &Index, runtimes: Option<&Folders>, request: &Request<'_>) -> Result<Report> {
    let advisories = match Advisories::open(&index.folder) {
        Err(index::Error::Missing(_)) => return Ok(without_data()),
        advisories => advisories?,
    };
    let mut report = Report::default();
    let Age { publishers, faults } =
        Age::of(&advisories.meta()?, request.now, request.max_age_days, |name| About::Machine.concerns(name));
    (report.publishers, report.faults) = (publishers, faults);
    let matched = match index.local.matched(advisories.generation())? {
        Some(matched) => matched,
        None => matched_now(index, &advisories)?,
    };
    let shown = matched.families.iter().filter(|family| (request.shows)(family.source));
    report.packages = shown.clone().map(|family| family.packages as usize).sum();
    for family in shown.filter(|family| !family.is_covered) {
        report.faults.push(format!("nothing is known about the packages of {}", family.source.name()));
    }
    let ignored = still_ignored(request, &mut report);
    for group in matched.groups.into_iter().filter(|group| (request.shows)(group.source)) {
        look_up(&advisories, group, request, &ignored, &mut report)?;
    }
    if let Some(folders) = runtimes {
        super::runtimes::scan(folders, &advisories, request, &ignored, &mut report)?;
    }
    report.findings.sort_by_cached_key(worst_first);
    Ok(report)
}

fn without_data() -> Report {
    Report { faults: vec!["there are no advisories to hold the packages against".to_owned()], ..Report::default() }
}

pub fn ecosystem(source: Source) -> &'static str {
    if source == Source::Apt { "deb" } else { "alpm" }
}

/// What the local index would have, had it been built with these advisories.
pub fn matched_now(index: &Index, advisories: &Advisories) -> Result<Matched> {
    matched(&index.local.advised()?, &|rank| index.local.row(rank), &index.catalogue, advisories)
}

/// The same for a local index that is being built; `None` where there are no advisories, or damaged ones, which a scan will tell.
pub fn matched_new(packages: &[NewLocal], catalogue: &Catalogue, folder: &Path) -> Result<Option<Matched>> {
    let Ok(advisories) = Advisories::open(folder) else { return Ok(None) };
    let row = |rank: u32| Ok(packages[rank as usize].row.clone());
    Ok(matched(&advised(packages), &row, catalogue, &advisories).ok())
}

fn matched(
    advised: &[Advised],
    row: &dyn Fn(u32) -> index::Result<LocalRow>,
    catalogue: &Catalogue,
    advisories: &Advisories,
) -> Result<Matched> {
    let mut matched = Matched { generation: advisories.generation(), families: Vec::new(), groups: Vec::new() };
    for family in advised.chunk_by(|a, b| a.source == b.source) {
        let source = family[0].source;
        let ecosystem = ecosystem(source);
        let (packages, is_covered) = (family.len() as u32, advisories.covers(ecosystem)?);
        matched.families.push(Family { source, packages, is_covered });
        let Some(compare) = order(ecosystem) else { continue };
        let groups: Vec<&[Advised]> = family.chunk_by(|a, b| (&a.name, &a.version) == (&b.name, &b.version)).collect();
        let named: Vec<(&str, &str)> = groups.iter().map(|group| (&*group[0].name, &*group[0].version)).collect();
        let mut found: Vec<Vec<(u32, Advisory)>> = groups.iter().map(|_| Vec::new()).collect();
        advisories.affecting_any(ecosystem, &named, &compare, |place, number, advisory| {
            found[place].push((number, advisory));
        })?;
        for (group, found) in groups.into_iter().zip(found).filter(|(_, found)| !found.is_empty()) {
            let Advised { name, version, .. } = group[0].clone();
            let rows = group.iter().map(|package| row(package.rank)).collect::<index::Result<Vec<_>>>()?;
            let upgrade = upgrade(catalogue, &rows)?;
            let packages = rows.into_iter().map(package).collect();
            let ecosystem = ecosystem.to_owned();
            matched.groups.push(Group { source, ecosystem, name, version, packages, upgrade, found });
        }
    }
    Ok(matched)
}

fn look_up(
    advisories: &Advisories,
    group: Group,
    request: &Request<'_>,
    ignored: &[&IgnoredAdvisory],
    report: &mut Report,
) -> Result<()> {
    let Group { source, ecosystem, name, version, packages, upgrade, found } = group;
    let Some(compare) = order(&ecosystem) else { return Ok(()) };
    let mut names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    names.push(&name);
    let mut versions: Vec<&str> = packages.iter().map(|package| package.version.as_str()).collect();
    versions.push(&version);
    let verdicts = Verdicts::new(request.vex, &ecosystem, &names, &versions);
    for (number, mut advisory) in found {
        if left_out(&advisory, request, report) {
            continue;
        }
        if request.texts {
            advisories.complete(number, &mut advisory)?;
        }
        let fix = match (&upgrade, advisory.affected.fixed_for(&version, &compare)) {
            (Some(upgrade), _) if !advisory.affected.includes(upgrade, &compare) => Fix::Offered(upgrade.clone()),
            (_, Some(fixed)) => Fix::Elsewhere(fixed.to_owned()),
            _ => Fix::None,
        };
        let why = hush(&advisory, &names, ignored, &verdicts);
        let (name, version, packages) = (name.clone(), version.clone(), packages.clone());
        let (source, places) = (source.name(), Vec::new());
        let finding = Finding { source, name, version, packages, places, advisory, fix };
        match why {
            Some(why) => report.hushed.push(Hushed { finding, why }),
            None => report.findings.push(finding),
        }
    }
    Ok(())
}

fn package(row: LocalRow) -> Package {
    Package { name: row.name, arch: row.arch, version: row.version, candidate: row.candidate }
}

/// The version, as advisories know it, that an upgrade of all these packages brings; `None` where one of them stays.
fn upgrade(catalogue: &Catalogue, rows: &[LocalRow]) -> Result<Option<String>> {
    if !rows.iter().all(|row| row.upgradable) {
        return Ok(None);
    }
    let Some(row) = rows.first() else { return Ok(None) };
    offered(catalogue, row).map(Some)
}

/// The candidate's version as advisories know it: that of its source.
pub fn offered(catalogue: &Catalogue, row: &LocalRow) -> Result<String> {
    let of_source = match (row.source, row.catalogue) {
        (Source::Apt, Some(id)) => {
            let versions = catalogue.details(&catalogue.row(id)?)?;
            let candidate = versions.into_iter().find(|page| page.version == row.candidate);
            let fields = candidate.map(|page| page.fields).unwrap_or_default();
            fields.into_iter().find(|(field, _)| *field == Field::BaseVersion).map(|(_, text)| text)
        }
        _ => None,
    };
    Ok(of_source.unwrap_or_else(|| row.candidate.clone()))
}
