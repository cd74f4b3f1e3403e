//! `omg status`: the counts a prompt shows, in full.

use super::reply::Reply;
use crate::context::Ctx;
use crate::error::Exit;
use crate::index::status::Counts;
use crate::ops::Known;
use crate::ui::{Style, Ui};
use anyhow::Result;
use clap::{ArgMatches, Command};
use serde::Serialize;

pub fn command() -> Command {
    Command::new("status").about("Show how many packages there are, and what wants attention")
}

#[derive(Serialize)]
struct Shown {
    source: &'static str,
    known: u32,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Serialize)]
struct Answer {
    stale: bool,
    catalogue_built: i64,
    local_built: i64,
    problems: usize,
    totals: Counts,
    families: Vec<Shown>,
}

pub fn run(ctx: &Ctx, _: &ArgMatches) -> Result<Reply> {
    // The status file alone answers, unless it is stale or not there.
    let (status, stale) = match ctx.place.known() {
        Ok(Known { status, stale: false, .. }) => (status, false),
        _ => (ctx.index()?.status.clone(), ctx.answered_stale()),
    };
    let families = status.families.iter().filter_map(|family| {
        let source = family.source()?;
        ctx.shows(source).then(|| Shown { source: source.name(), known: family.known, counts: family.counts })
    });
    let answer = Answer {
        stale,
        catalogue_built: status.catalogue_built,
        local_built: status.local_built,
        problems: status.problems.len(),
        totals: status.totals(),
        families: families.collect(),
    };
    let exit = if answer.problems == 0 { Exit::Found } else { Exit::Partial };
    Ok(Reply::new(answer, text, exit))
}

fn text(ui: &Ui, answer: &Answer) -> String {
    let mut out = String::new();
    let any = |family: &&Shown| family.known > 0 || family.counts.installed > 0;
    for Shown { source, known, counts } in answer.families.iter().filter(any) {
        out.push_str(&format!("{}  {known} known", ui.styled(Style::Name, source)));
        if counts.installed > 0 {
            let Counts { installed, explicit, dependencies, .. } = counts;
            out.push_str(&format!(", {installed} installed ({explicit} on purpose, {dependencies} as dependencies)"));
        }
        out.push('\n');
        let security = counts.security_updates.map_or(String::new(), |count| format!(", {count} for security"));
        let lines = [
            (counts.updates, format!("{} to upgrade{security}", counts.updates)),
            (counts.held, format!("{} held", counts.held)),
            (counts.orphans, format!("{} orphans", counts.orphans)),
            (counts.foreign, format!("{} in no repository", counts.foreign)),
            (counts.broken, format!("{} half installed", counts.broken)),
        ];
        for (_, line) in lines.iter().filter(|(count, _)| *count > 0) {
            out.push_str(&format!("  {line}\n"));
        }
    }
    if answer.problems > 0 {
        let text = format!("{} sources could not be read whole: see `omg doctor`\n", answer.problems);
        out.push_str(&ui.styled(Style::Warning, &text));
    }
    if answer.stale {
        out.push_str(&ui.styled(Style::Warning, "stale: run `omg refresh`\n"));
    }
    out
}
