//! Whether an upgrade has nothing to do, as far as a fresh index tells: then no library is opened to hear the same.

use super::{Known, Place};
use crate::index::Index;
use crate::model::{Plan, Source, Task};
use anyhow::Result;

/// The plan of an upgrade that changes nothing; `None` where only the library can tell: the index is not fresh or not the library's
/// word, or some package has another candidate, a replacement, or is left half done.
pub fn upgrade(place: &Place, source: Source, full: bool) -> Result<Option<Plan>> {
    let Ok(Known { folder, status, stale: false }) = place.known() else { return Ok(None) };
    let family = status.families.iter().find(|family| family.source() == Some(source));
    let Some(family) = family.filter(|family| family.engine && family.counts.broken == 0) else { return Ok(None) };
    let decider = family.policy.clone();
    if !status.problems.is_empty() {
        return Ok(None);
    }
    let mut is_current = true;
    Index::open_from(&folder, Some(status))?.local.scan(|_, row| {
        let is_own = row.source == source && row.installed() && !row.foreign;
        let moves = !row.candidate.is_empty() && row.candidate != row.version;
        is_current &= !(is_own && (moves || !row.replaced_by.is_empty()));
        Ok(())
    })?;
    Ok(is_current.then(|| Plan { decider, ..Plan::simple(source, place.root.clone(), Task::Upgrade { full }) }))
}
