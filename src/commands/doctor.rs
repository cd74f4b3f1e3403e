//! `omg doctor`: what is stale, missing, damaged or undecided, and the command that mends it.

use super::reply::Reply;
use crate::backends::aur;
use crate::config::Config;
use crate::context::Ctx;
use crate::error::Exit;
use crate::index::advisories::Advisories;
use crate::index::status::Input;
use crate::index::{self, Catalogue, Local, Status, status};
use crate::ops::advisories::{Age, MAX_AGE_DAYS};
use crate::ops::{World, fetch};
use crate::ui::{Style, Ui, clean};
use anyhow::Result;
use clap::{ArgMatches, Command};
use serde::Serialize;
use std::path::Path;

pub fn command() -> Command {
    Command::new("doctor").about("Check the index and its sources, block by block, and say what would mend them")
}

#[derive(Serialize)]
struct Finding {
    /// `good`, `note` or `bad`.
    grade: &'static str,
    text: String,
    /// What to run; empty where nothing helps or nothing is needed.
    hint: String,
}

fn finding(grade: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { grade, text: text.into(), hint: hint.into() }
}

pub fn run(ctx: &Ctx, _: &ArgMatches) -> Result<Reply> {
    let mut findings = Vec::new();
    let mut any = false;
    for folder in ctx.place.folders() {
        match ctx.place.status(&folder) {
            Ok(status) => {
                any = true;
                check(&folder, &status, &mut findings);
            }
            Err(index::Error::Missing(_)) => {}
            Err(error) => {
                let hint = match &error {
                    index::Error::Untrusted { path, .. } => format!("rm {}; omg refresh", path.display()),
                    _ => "omg refresh --force".to_owned(),
                };
                findings.push(finding("bad", error.to_string(), hint));
            }
        }
    }
    if !any && findings.is_empty() {
        findings.push(finding("bad", "there is no index that can be read", "omg refresh"));
    }
    settings(ctx, &mut findings);
    let bad = findings.iter().any(|finding| finding.grade == "bad");
    let exit = if bad { Exit::Partial } else { Exit::Found };
    Ok(Reply::new(findings, |ui, findings: &Vec<Finding>| text(ui, findings), exit))
}

fn text(ui: &Ui, findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let style = match finding.grade {
            "bad" => Style::Warning,
            "note" => Style::Dim,
            _ => Style::Good,
        };
        let grade = ui.styled(style, &format!("{:<4}", finding.grade));
        out.push_str(&format!("{grade}  {}\n", ui.wrapped(&clean(&finding.text), 6)));
        if !finding.hint.is_empty() {
            out.push_str(&format!("      hint: {}\n", ui.wrapped(&finding.hint, 12)));
        }
    }
    out
}

/// omg's own configuration, and how old the copy of the AUR's list is.
fn settings(ctx: &Ctx, findings: &mut Vec<Finding>) {
    let config = match Config::read(&ctx.place.root) {
        Ok(config) => config,
        Err(error) => return findings.push(finding("bad", format!("{error:#}"), "omg man config | man -l -")),
    };
    let folders = ctx.place.folders();
    let max_age_days = config.advisories.max_age_days.unwrap_or(MAX_AGE_DAYS);
    folders.iter().for_each(|folder| advisories(folder, max_age_days, findings));
    let Ok(world) = World::open(&ctx.place) else { return };
    let lists: Vec<_> = folders.iter().filter_map(|folder| fetch::aur(world.suits_aur, folder, &config)).collect();
    let ages = lists.iter().filter_map(|aur| Some((aur, aur.path.metadata().ok()?.modified().ok()?.elapsed().ok())));
    match ages.min_by_key(|(_, age)| *age) {
        _ if lists.is_empty() => {}
        None => findings.push(finding("note", "aur: its list has not been fetched yet", "omg refresh")),
        Some((aur, age)) => {
            let days = age.map_or(0, |age| age.as_secs() / 86_400);
            let text = format!("aur: {} is {days} days old", aur.path.display());
            let old = days > MOST_DAYS;
            findings.push(finding(if old { "note" } else { "good" }, text, if old { "omg refresh" } else { "" }));
        }
    }
}

/// Whether what is known to be wrong with packages is whole, and how old it is.
fn advisories(folder: &Path, max_age_days: u32, findings: &mut Vec<Finding>) {
    let hint = "omg refresh --advisories";
    let opened = Advisories::open(folder).and_then(|advisories| {
        advisories.verify()?;
        advisories.meta()
    });
    let meta = match opened {
        Ok(meta) => meta,
        Err(index::Error::Missing(_)) => return,
        Err(error) => return findings.push(finding("bad", error.to_string(), hint)),
    };
    let now = jiff::Timestamp::now().as_second();
    let Age { publishers, faults } = Age::of(&meta, now, max_age_days, |_| true);
    for (name, checked, count) in publishers.into_iter().filter(|(_, checked, _)| *checked > 0) {
        let days = (now - checked).max(0) / 86_400;
        findings.push(finding("good", format!("advisories: {name}: {count}, {days} days old"), ""));
    }
    findings.extend(faults.into_iter().map(|fault| finding("bad", format!("advisories: {fault}"), hint)));
}

/// An older list of the AUR misses what people look for.
const MOST_DAYS: u64 = 7;

fn check(folder: &Path, status: &Status, findings: &mut Vec<Finding>) {
    let at = folder.display();
    let stale = status.staleness();
    match (stale.catalogue, stale.local) {
        (false, false) => findings.push(finding("good", format!("the index in {at} is up to date"), "")),
        (catalogue, _) => {
            let inputs = if catalogue { &status.catalogue_inputs } else { &status.local_inputs };
            let changed = inputs.iter().find(|input| Input::now(&input.path) != **input);
            let source = changed.map_or("its sources", |input| input.path.as_str());
            findings.push(finding(
                "bad",
                format!("the index in {at} is stale: {source} has changed since"),
                "omg refresh",
            ));
        }
    }
    let catalogue = folder.join(status::catalogue_name(status.catalogue_generation));
    let local = folder.join(status::local_name(status.local_generation));
    let verified = Catalogue::open(&catalogue).and_then(|catalogue| catalogue.verify());
    match verified.and_then(|()| Local::open(&local)?.verify()) {
        Ok(()) => findings.push(finding("good", format!("every block of the index in {at} is whole"), "")),
        Err(error) => findings.push(finding("bad", error.to_string(), "omg refresh --force")),
    }
    for family in &status.families {
        let Some(source) = family.source().filter(|_| !family.policy.is_empty()) else { continue };
        let text = match family.engine {
            true => format!("{}: candidates are decided by {}", source.name(), family.policy),
            false => format!("{}: candidates are decided by omg's own rules: {}", source.name(), family.policy),
        };
        findings.push(finding(if family.engine { "good" } else { "note" }, text, ""));
        if family.counts.broken > 0 {
            let text = format!("{}: {} packages are half installed", source.name(), family.counts.broken);
            findings.push(finding("bad", text, "sudo dpkg --configure -a"));
        }
    }
    for (path, message, of_catalogue) in &status.problems {
        let hint = match of_catalogue {
            _ if path.contains("://") => "omg refresh, when the network is there",
            _ if path.ends_with(aur::FILE_NAME) => "omg refresh --force",
            _ if message.contains("Permission denied") => "sudo omg refresh --force",
            true if path.contains("/apt/") => "sudo apt update",
            true if path.contains("/pacman/") => "sudo pacman -Syy",
            true => "fetch the lists again (`sudo apt update` or `sudo pacman -Syy`)",
            false => "",
        };
        findings.push(finding("bad", format!("{path}: {message}"), hint));
    }
}
