//! Packages that an upgrade takes from another repository than before. pacman's database does not know where a package came from; the
//! journal does, of what omg installed.

use crate::history::Journal;
use crate::model::{Action, Plan};
use anyhow::Result;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// So many are named.
const MOST: usize = 10;

/// A sentence about them, where there are any.
pub fn moved(journal: &Journal, plan: &Plan) -> Result<Option<String>> {
    let mut plans: HashMap<i64, Option<Plan>> = HashMap::new();
    let mut moved = Vec::new();
    for step in plan.steps.iter().filter(|step| step.action == Action::Upgrade) {
        let Some(id) = journal.brought(plan.source, &step.name, &step.old)? else { continue };
        let then = match plans.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(journal.plan(id)?),
        };
        let before = then.iter().flat_map(|plan| &plan.steps).find(|before| before.name == step.name);
        // An archive that somebody named came from no repository.
        let before = before.map_or("", |before| before.repository.as_str());
        if !before.is_empty() && !step.repository.is_empty() && before != step.repository {
            moved.push(format!("{} ({}, before {before})", step.name, step.repository));
        }
    }
    Ok((!moved.is_empty()).then(|| {
        let named = moved[..moved.len().min(MOST)].join(", ");
        let more = match moved.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("these come from another repository: {named}{more}")
    }))
}
