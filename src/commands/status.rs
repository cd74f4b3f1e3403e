//! `omg status`: the counts a prompt shows, in full.

use super::reply::Reply;
use crate::context::Ctx;
use crate::error::Exit;
use crate::index::status::Counts;
use crate::ops::Known;
use crate::ui::{Style, Ui};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;

pub fn command() -> Command {
    Command::new("status").about("Show how many packages there are, and what wants attention").arg(
        Arg::new("format")
            .long("format")
            .value_name("BAR")
            .value_parser(value_parser!(Bar))
            .help("As a status bar reads it"),
    )
}

/// The status bars whose form is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Bar {
    /// One line of JSON: waybar(5), `return-type: json`.
    Waybar,
    /// Full text, short text and a colour, a line each.
    I3blocks,
    /// Text with polybar's own marks for colour.
    Polybar,
    /// Text with tmux's own marks for colour.
    Tmux,
}

impl Bar {
    /// Empty where there is nothing to say, so that a bar shows nothing.
    fn text(self, answer: &Answer) -> String {
        let security = answer.totals.security_updates.unwrap_or(0);
        let attention = answer.totals.broken as usize + answer.problems;
        let (class, colour) = match () {
            () if security > 0 || attention > 0 => ("critical", "#d75f5f"),
            () if answer.totals.updates > 0 => ("updates", "#d7af5f"),
            () => ("none", ""),
        };
        let mark = if answer.stale { "?" } else { "" };
        let counts = [("↑", answer.totals.updates as usize), ("!", security as usize), ("×", attention)];
        let counts = counts.iter().filter(|(_, count)| *count > 0).map(|(sign, count)| format!("{sign}{count}{mark}"));
        let short = counts.collect::<Vec<_>>().join(" ");
        let many = |count: usize, what: &str| format!("{count} {what}");
        let all = [
            many(answer.totals.updates as usize, "to upgrade"),
            many(security as usize, "for security"),
            many(attention, "want attention"),
        ];
        let long = all.iter().filter(|line| !line.starts_with("0 ")).cloned().collect::<Vec<_>>().join(", ");
        match self {
            Bar::Waybar => {
                let line = serde_json::json!({ "text": short, "alt": class, "class": class, "tooltip": long });
                format!("{line}\n")
            }
            _ if short.is_empty() => String::new(),
            Bar::I3blocks => format!("{short}\n{short}\n{colour}\n"),
            Bar::Polybar => format!("%{{F{colour}}}{short}%{{F-}}\n"),
            Bar::Tmux => format!("#[fg={colour}]{short}#[default]\n"),
        }
    }
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

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
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
    if let Some(bar) = matches.get_one::<Bar>("format").copied() {
        // A bar takes any other code for a failure and shows nothing.
        return Ok(Reply::new(answer, move |_, answer| bar.text(answer), Exit::Found));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(updates: u32, security: Option<u32>, stale: bool) -> Answer {
        let totals = Counts { updates, security_updates: security, ..Counts::default() };
        Answer { stale, catalogue_built: 0, local_built: 0, problems: 0, totals, families: Vec::new() }
    }

    #[test]
    fn each_bar_gets_its_own_form() {
        let text = |bar: Bar, answer: &Answer| bar.text(answer);
        let some = answer(3, None, false);
        let waybar: serde_json::Value = serde_json::from_str(&text(Bar::Waybar, &some)).unwrap();
        assert_eq!(
            (&waybar["text"], &waybar["class"], &waybar["tooltip"]),
            (&"↑3".into(), &"updates".into(), &"3 to upgrade".into())
        );
        assert_eq!(text(Bar::I3blocks, &some), "↑3\n↑3\n#d7af5f\n");
        assert_eq!(text(Bar::Polybar, &answer(3, Some(1), true)), "%{F#d75f5f}↑3? !1?%{F-}\n");
        assert_eq!(text(Bar::Tmux, &some), "#[fg=#d7af5f]↑3#[default]\n");
        // Nothing to say: nothing to show, but for waybar, which wants an object.
        let none = answer(0, Some(0), false);
        assert_eq!(text(Bar::Tmux, &none) + &text(Bar::I3blocks, &none), "");
        assert!(text(Bar::Waybar, &none).contains("\"text\":\"\""));
    }
}
