//! From how packages are to be again to an order for that: a rollback, or the return to a snapshot.

use crate::backends::Backend;
use crate::history::inverse::{Key, State};
use crate::index::Index;
use crate::model::{Order, Reason, Source, Target, Task};
use anyhow::Result;
use std::collections::BTreeMap;

/// How all installed packages of a source are.
pub fn now(index: &Index, source: Source) -> Result<BTreeMap<Key, State>> {
    let mut states = BTreeMap::new();
    index.local.scan(|_, row| {
        if row.installed() && row.source == source {
            states.insert((row.name, row.arch), State { version: row.version, reason: Some(row.reason) });
        }
        Ok(())
    })?;
    Ok(states)
}

/// What must be done to get from one state to another; packages that `wanted` does not name are left alone.
pub fn order(
    backend: &dyn Backend,
    now: &BTreeMap<Key, State>,
    wanted: &BTreeMap<Key, State>,
    takes_back: Option<i64>,
) -> Order {
    let (mut targets, mut remove) = (Vec::new(), Vec::new());
    for ((name, arch), state) in wanted {
        let present = now.get(&(name.clone(), arch.clone()));
        let mut target = Target {
            name: name.clone(),
            arch: Some(arch.clone()).filter(|arch| !arch.is_empty()),
            ..Target::default()
        };
        let reason = state.reason.or(present.and_then(|present| present.reason));
        match present {
            _ if state.version.is_empty() => {
                if present.is_some() {
                    remove.push(target);
                }
            }
            Some(present) if present.version == state.version => {
                if reason != present.reason {
                    target.reason = reason;
                    // Else it would be upgraded where there is a newer one.
                    target.version = Some(state.version.clone());
                    targets.push(target);
                }
            }
            _ => {
                target.reason = reason.or(Some(Reason::Explicit));
                target.version = Some(state.version.clone());
                target.file = backend.archive(name, arch, &state.version);
                targets.push(target);
            }
        }
    }
    Order { remove, takes_back, ..Order::new(Task::Install, targets) }
}
