//! Which upgrades mend a known fault: what `outdated`, `status` and the prompt call a security update, besides what the repositories do.

use super::{order, scan};
use crate::index::advisories::Advisories;
use crate::index::local::{NewLocal, advised_as};
use crate::index::{Catalogue, LocalRow};
use crate::model::{Source, Standing};
use crate::ops::World;
use crate::ops::local::is_security;
use anyhow::Result;
use std::path::Path;

/// Marks them anew among `packages`; gives the families of which advisories are known.
pub fn mark(packages: &mut [NewLocal], catalogue: &Catalogue, world: &World, folder: &Path) -> Result<Vec<Source>> {
    // Without them, or with damaged ones, the repositories' word stands.
    let Ok(advisories) = Advisories::open(folder) else { return Ok(Vec::new()) };
    for package in packages.iter_mut().filter(|package| package.row.upgradable) {
        let Some(backend) = world.backend(package.row.source) else { continue };
        let (name, version) = advised_as(package);
        let is_mended = mends(&advisories, &package.row, (name, version), catalogue)?;
        package.row.security = is_mended || is_security(&package.row, catalogue, backend)?;
    }
    let mut covered = Vec::new();
    for source in [Source::Apt, Source::Pacman] {
        covered.extend(advisories.covers(scan::ecosystem(source))?.then_some(source));
    }
    Ok(covered)
}

fn mends(
    advisories: &Advisories,
    row: &LocalRow,
    (name, version): (&str, &str),
    catalogue: &Catalogue,
) -> Result<bool> {
    let ecosystem = scan::ecosystem(row.source);
    let Some(compare) = order(ecosystem) else { return Ok(false) };
    let (candidate, mut is_mended) = (scan::offered(catalogue, row)?, false);
    advisories.affecting((ecosystem, name), version, &compare, |_, advisory| {
        let is_harm = !matches!(advisory.standing, Standing::Unimportant | Standing::Undetermined);
        is_mended |= is_harm && !advisory.affected.includes(&candidate, &compare);
    })?;
    Ok(is_mended)
}
