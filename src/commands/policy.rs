//! `omg policy`: the rules in force, and where each stands.

use super::reply::{Remark, Reply};
use crate::audit::policy::{Key, Policy, Rule, layers};
use crate::context::Ctx;
use crate::error::Exit;
use crate::ui::{Cell, Style, Ui, table};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

pub fn command() -> Command {
    Command::new("policy")
        .about("Show the rules about what may be installed, and where each stands")
        .arg(Arg::new("check").value_name("check").value_parser(["check"]).help("Only say whether the files are good"))
}

#[derive(Serialize)]
struct Shown {
    rule: &'static str,
    values: Vec<String>,
    layer: &'static str,
    file: String,
    line: usize,
    /// No layer below its own may set it.
    locked: bool,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let layers = layers(&ctx.place.root);
    let policy = Policy::read(&layers)?;
    let rules: Vec<Shown> = policy.rules().iter().map(|rule| shown(&policy, rule)).collect();
    let files: Vec<String> = layers.iter().map(|layer| layer.path.display().to_string()).collect();
    let mut remarks = Vec::new();
    let only_checks = matches.contains_id("check");
    if rules.is_empty() {
        remarks.push(Remark::Note(format!("there are no rules in {}", files.join(", "))));
    } else if only_checks {
        remarks.push(Remark::Note(format!("good: {} rules", rules.len())));
    }
    let text = move |ui: &Ui, rules: &Vec<Shown>| match only_checks {
        true => String::new(),
        false => table(ui, &rules.iter().map(row).collect::<Vec<_>>()),
    };
    Ok(Reply::new(rules, text, Exit::Found).with(remarks))
}

fn shown(policy: &Policy, rule: &Rule) -> Shown {
    let key = rule.demand.key();
    Shown {
        rule: key.name(),
        values: rule.demand.values(),
        layer: rule.layer,
        file: rule.file.display().to_string(),
        line: rule.line,
        locked: key != Key::Locked && policy.lock_of(key).is_some(),
    }
}

fn row(rule: &Shown) -> Vec<Cell<'_>> {
    let locked = if rule.locked { ", locked" } else { "" };
    vec![
        Cell::styled(Style::Name, rule.rule),
        Cell::plain(rule.values.join(", ")),
        Cell::styled(Style::Dim, format!("{}:{} ({}{locked})", rule.file, rule.line, rule.layer)),
    ]
}
