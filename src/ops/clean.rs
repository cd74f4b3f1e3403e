//! The package manager's cache of archives: what of it is more than is wanted, and its end.

use crate::backends::Backend;
use crate::model::Archive;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, HashSet};
use std::fs;

/// All archives but the newest `keep` versions of each package, by name and version.
pub fn superfluous(backend: &dyn Backend, keep: usize) -> Result<Vec<Archive>> {
    let mut packages: BTreeMap<(String, String), Vec<Archive>> = BTreeMap::new();
    for archive in backend.archives()? {
        packages.entry((archive.name.clone(), archive.arch.clone())).or_default().push(archive);
    }
    let mut all = Vec::new();
    for archives in packages.values_mut() {
        archives.sort_by(|a, b| backend.compare(&b.version, &a.version));
        all.extend(archives.drain(keep.min(archives.len())..));
    }
    Ok(all)
}

/// Deletes what was agreed on and is still more than is wanted; nothing that lies elsewhere, whatever the plan says.
pub fn delete(backend: &dyn Backend, keep: usize, agreed: &[Archive]) -> Result<()> {
    let now: HashSet<_> = superfluous(backend, keep)?.into_iter().map(|archive| archive.path).collect();
    for archive in agreed.iter().filter(|archive| now.contains(&archive.path)) {
        fs::remove_file(&archive.path).with_context(|| format!("cannot delete {}", archive.path.display()))?;
        // pacman keeps the signature beside it.
        let mut signature = archive.path.clone().into_os_string();
        signature.push(".sig");
        let _ = fs::remove_file(signature);
    }
    Ok(())
}
