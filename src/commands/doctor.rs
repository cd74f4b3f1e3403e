//! `omg doctor`: what is stale, missing, damaged or undecided, and the command that mends it.

use super::reply::Reply;
use crate::context::Ctx;
use crate::error::Exit;
use crate::index::{self, Catalogue, Local, Status, status};
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
        match Status::read(&folder) {
            Ok(status) => {
                any = true;
                check(&folder, &status, &mut findings);
            }
            Err(index::Error::Missing(_)) => {}
            Err(error) => findings.push(finding("bad", error.to_string(), "omg refresh --force")),
        }
    }
    if !any {
        findings.push(finding("bad", "there is no index that can be read", "omg refresh"));
    }
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

fn check(folder: &Path, status: &Status, findings: &mut Vec<Finding>) {
    let at = folder.display();
    let stale = status.staleness();
    match (stale.catalogue, stale.local) {
        (false, false) => findings.push(finding("good", format!("the index in {at} is up to date"), "")),
        (true, _) => findings.push(finding(
            "bad",
            format!("the index in {at} is older than the repositories' lists"),
            "omg refresh",
        )),
        (false, true) => findings.push(finding(
            "bad",
            format!("the index in {at} is older than the installed packages"),
            "omg refresh",
        )),
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
        let hint = if *of_catalogue { "fetch the lists again (`sudo apt update` or `sudo pacman -Syy`)" } else { "" };
        findings.push(finding("bad", format!("{path}: {message}"), hint));
    }
}
