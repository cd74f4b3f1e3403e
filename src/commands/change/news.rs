//! After an upgrade on apt: what the maintainers of its packages want to be read, since only then it is on this machine.

use crate::backends::apt::news::{self, Entry};
use crate::commands::reply::Remark;
use crate::model::{Action, Plan, Source, Step};
use crate::sys::below::Below;
use anyhow::Result;
use std::path::Path;

/// A release's upgrade has hundreds of them.
const MOST_ENTRIES: usize = 20;
const MOST_LINES: usize = 40;

/// The news of whatever was upgraded. Packages of one source often have the same, which is told once.
pub fn of_upgraded(root: &Path, plan: &Plan) -> Vec<Remark> {
    if plan.source != Source::Apt || plan.order.fetch_only {
        return Vec::new();
    }
    let mut told: Vec<(Entry, Vec<&str>)> = Vec::new();
    let mut remarks = Vec::new();
    for step in plan.steps.iter().filter(|step| step.action == Action::Upgrade) {
        match entries(root, step) {
            Ok(entries) => {
                for entry in entries {
                    match told.iter_mut().find(|(other, _)| *other == entry) {
                        Some((_, names)) => names.push(&step.name),
                        None => told.push((entry, vec![&step.name])),
                    }
                }
            }
            Err(error) => remarks.push(Remark::Warning(format!("the news of {} cannot be read: {error:#}", step.name))),
        }
    }
    remarks.extend(told.iter().take(MOST_ENTRIES).map(|(entry, names)| Remark::Note(written(entry, names))));
    if told.len() > MOST_ENTRIES {
        let more = told.len() - MOST_ENTRIES;
        remarks.push(Remark::Note(format!("{more} more news: /usr/share/doc/*/NEWS.Debian.gz")));
    }
    remarks
}

fn entries(root: &Path, step: &Step) -> Result<Vec<Entry>> {
    news::since(&Below::open(root)?, &step.name, &step.old)
}

fn written(entry: &Entry, names: &[&str]) -> String {
    let mut text = format!("news of {}, version {}:", names.join(", "), entry.version);
    for line in entry.text.lines().take(MOST_LINES) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    if entry.text.lines().count() > MOST_LINES {
        text.push_str(&format!("\n  ... the rest is in /usr/share/doc/{}/NEWS.Debian.gz", names[0]));
    }
    text
}
