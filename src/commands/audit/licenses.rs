//! `omg audit licenses`: which licences the installed packages state, and what the policy says of each.

use super::super::reply::{Remark, Reply};
use super::super::{found, full_name};
use crate::audit::policy::{Facts, Grade, Key, Policy};
use crate::context::Ctx;
use crate::error::Exit;
use crate::ops::{gate, licenses};
use crate::ui::{Cell, Style, Ui, table};
use anyhow::Result;
use clap::{ArgMatches, Command};
use serde::Serialize;
use std::collections::BTreeMap;

pub fn command() -> Command {
    Command::new("licenses").about("List the licences of the installed packages, and what the policy says of each")
}

/// The packages of one licence.
#[derive(Serialize)]
struct Licensed {
    /// As SPDX spells it, or the package's own words; nothing for packages that state none.
    license: Option<String>,
    /// Nothing where no rule is about licences.
    verdict: Option<Verdict>,
    /// The policy's words, where it has something against it.
    why: Option<String>,
    packages: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Forbidden,
    /// None is stated, or none that can be read.
    Unknown,
    Allowed,
}

/// Why a licence is judged so, and the packages that have it.
type Judged = (Option<String>, Vec<String>);

pub fn run(ctx: &Ctx, _matches: &ArgMatches) -> Result<Reply> {
    let policy = gate::policy(&ctx.place.root)?;
    let index = ctx.index()?;
    let packages = licenses::packages(&index, |source| ctx.shows(source))?;
    let (stated, problems) = licenses::stated(&packages, &ctx.place.root)?;
    let mut all: BTreeMap<(Option<Verdict>, Option<String>), Judged> = BTreeMap::new();
    for (package, stated) in packages.iter().zip(stated) {
        let name = full_name(&package.row.name, &package.row.arch);
        let mut add = |license: Option<String>, judged: Option<&str>| {
            let (verdict, why) = judge(&policy, judged).unzip();
            let (_, packages) = all.entry((verdict, license)).or_insert_with(|| (why.flatten(), Vec::new()));
            packages.push(name.clone());
        };
        if stated.is_empty() {
            add(None, None);
        }
        stated.iter().for_each(|one| add(Some(one.license.text().to_owned()), Some(&one.judged)));
    }
    let licensed = |((verdict, license), (why, mut packages)): ((_, _), (_, Vec<String>))| {
        packages.dedup();
        Licensed { license, verdict, why, packages }
    };
    let mut all: Vec<Licensed> = all.into_iter().map(licensed).collect();
    all.sort_by_key(|one| (one.verdict, std::cmp::Reverse(one.packages.len())));
    let is_unsafe = all.iter().any(|one| one.verdict.is_some_and(|verdict| verdict != Verdict::Allowed));
    let exit = match found(&index, !all.is_empty()) {
        _ if is_unsafe => Exit::Unsafe,
        Exit::Found if !problems.is_empty() => Exit::Partial,
        exit => exit,
    };
    let mut remarks: Vec<Remark> = problems.iter().map(Remark::of_problem).collect();
    if !all.is_empty() && all.iter().all(|one| one.verdict.is_none()) {
        remarks.push(Remark::Note("no rule of the policy is about licences: allowed_licenses would be one".to_owned()));
    }
    Ok(Reply::new(all, |ui, all| text(ui, all), exit).with(remarks))
}

/// What the rules about licences say of one, or of there being none; `None` where there are no such rules.
fn judge(policy: &Policy, license: Option<&str>) -> Option<(Verdict, Option<String>)> {
    let mut rules = policy.rules().iter().filter(|rule| rule.demand.key() == Key::AllowedLicenses).peekable();
    rules.peek()?;
    let licenses = license.as_slice();
    let facts = Facts {
        name: "",
        source: "",
        repository: "",
        licenses: license.is_some().then_some(licenses),
        signed: None,
        open: Err("it was not asked"),
        grade: Grade::Risk,
        published: None,
        now: 0,
    };
    let fault = rules.find_map(|rule| rule.demand.fault(&facts));
    let verdict = match (&fault, license) {
        (None, _) => Verdict::Allowed,
        (Some(_), None) => Verdict::Unknown,
        (Some(_), Some(_)) => Verdict::Forbidden,
    };
    Some((verdict, fault))
}

fn text(ui: &Ui, all: &[Licensed]) -> String {
    let row = |one: &'_ Licensed| {
        let mut cells = match one.verdict {
            Some(Verdict::Forbidden) => vec![Cell::styled(Style::Warning, "forbidden")],
            Some(Verdict::Unknown) => vec![Cell::styled(Style::Warning, "unknown")],
            Some(Verdict::Allowed) => vec![Cell::styled(Style::Good, "allowed")],
            None => Vec::new(),
        };
        cells.push(Cell::plain(one.packages.len().to_string()));
        cells.push(Cell::styled(Style::Name, one.license.clone().unwrap_or_else(|| "not stated".to_owned())));
        cells.push(Cell::styled(Style::Dim, one.packages.join(" ")));
        cells
    };
    table(ui, &all.iter().map(row).collect::<Vec<_>>())
}
