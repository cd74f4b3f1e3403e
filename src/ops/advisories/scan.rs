//! Holds everything that is installed against the compiled advisories. Reads the index alone.

use super::order;
use super::report::{Age, Finding, Fix, Hushed, Package, Report, Request, hush, left_out, still_ignored, worst_first};
use super::sources::About;
use crate::audit::vex::Verdicts;
use crate::config::IgnoredAdvisory;
use crate::index::advisories::Advisories;
use crate::index::local::Advised;
use crate::index::{self, Index, LocalRow};
use crate::model::{Advisory, Field, Source};
use crate::runtimes::installed::Folders;
use anyhow::Result;

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
    let advised = index.local.advised()?;
    report.packages = advised.iter().filter(|package| (request.shows)(package.source)).count();
    for source in [Source::Apt, Source::Pacman].into_iter().filter(|source| (request.shows)(*source)) {
        let is_there = advised.iter().any(|package| package.source == source);
        if is_there && !advisories.covers(ecosystem(source))? {
            report.faults.push(format!("nothing is known about the packages of {}", source.name()));
        }
    }
    let ignored = still_ignored(request, &mut report);
    for family in advised.chunk_by(|a, b| a.source == b.source).filter(|family| (request.shows)(family[0].source)) {
        let ecosystem = ecosystem(family[0].source);
        let Some(compare) = order(ecosystem) else { continue };
        let groups: Vec<&[Advised]> = family.chunk_by(|a, b| (&a.name, &a.version) == (&b.name, &b.version)).collect();
        let named: Vec<(&str, &str)> = groups.iter().map(|group| (&*group[0].name, &*group[0].version)).collect();
        let mut found: Vec<Vec<Found>> = groups.iter().map(|_| Vec::new()).collect();
        advisories.affecting_any(ecosystem, &named, &compare, |place, number, advisory| {
            found[place].push((number, advisory));
        })?;
        for (group, found) in groups.into_iter().zip(found).filter(|(_, found)| !found.is_empty()) {
            look_up(index, &advisories, group, found, request, &ignored, &mut report)?;
        }
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

/// An advisory with its number.
type Found = (u32, Advisory);

fn look_up(
    index: &Index,
    advisories: &Advisories,
    group: &[Advised],
    found: Vec<Found>,
    request: &Request<'_>,
    ignored: &[&IgnoredAdvisory],
    report: &mut Report,
) -> Result<()> {
    let Advised { source, name, version, .. } = &group[0];
    let Some(compare) = order(ecosystem(*source)) else { return Ok(()) };
    let rows = group.iter().map(|package| index.local.row(package.rank)).collect::<index::Result<Vec<_>>>()?;
    let upgrade = upgrade(index, &rows)?;
    let packages: Vec<Package> = rows.into_iter().map(package).collect();
    let mut names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    names.push(name);
    let mut versions: Vec<&str> = packages.iter().map(|package| package.version.as_str()).collect();
    versions.push(version);
    let verdicts = Verdicts::new(request.vex, ecosystem(*source), &names, &versions);
    for (number, mut advisory) in found {
        if left_out(&advisory, request, report) {
            continue;
        }
        if request.texts {
            advisories.complete(number, &mut advisory)?;
        }
        let fix = match (&upgrade, advisory.affected.fixed_for(version, &compare)) {
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
fn upgrade(index: &Index, rows: &[LocalRow]) -> Result<Option<String>> {
    if !rows.iter().all(|row| row.upgradable) {
        return Ok(None);
    }
    let Some(row) = rows.first() else { return Ok(None) };
    offered(&index.catalogue, row).map(Some)
}

/// The candidate's version as advisories know it: that of its source.
pub fn offered(catalogue: &crate::index::Catalogue, row: &LocalRow) -> Result<String> {
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
