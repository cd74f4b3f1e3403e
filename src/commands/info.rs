//! `omg info`: everything known of a package, from the repositories and from the machine, in one place.

use super::reply::{Remark, Reply};
use super::{full_name, source, unknown};
use crate::audit::grade::{Grade, Graded};
use crate::context::Ctx;
use crate::index::details::VersionDetails;
use crate::index::{Index, LocalRow, Row, build::RELATIONS};
use crate::model::{Field, InstallState, Reason, Source};
use crate::ops::trust::Trust;
use crate::ui::{Style, Ui, clean, human};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

pub fn command() -> Command {
    let why = Arg::new("why").long("why").action(ArgAction::SetTrue);
    Command::new("info")
        .about("Show everything about packages, installed or not")
        .arg(why.help("Show what the grade is made of"))
        .arg(Arg::new("NAME").required(true).num_args(1..).help("A package's name, `name:arch` for one architecture"))
}

/// One version on offer.
#[derive(Serialize)]
struct Origin {
    version: String,
    repositories: Vec<String>,
    /// Where each of them is fetched from; empty where that is not known.
    locations: Vec<String>,
    /// apt's: from a pin for the package, the repository, or its being installed.
    priority: Option<i32>,
}

impl Origin {
    fn text(&self, installed: Option<&str>) -> String {
        let place = |(name, location): (&String, &String)| match location.as_str() {
            "" => name.clone(),
            location => format!("{name} ({location})"),
        };
        let places: Vec<String> = self.repositories.iter().zip(&self.locations).map(place).collect();
        let mark = if installed == Some(&self.version) { " [installed]" } else { "" };
        let priority = self.priority.map_or(String::new(), |priority| format!("  priority {priority}"));
        format!("{}{mark}{priority}  {}", self.version, places.join(", "))
    }
}

/// One package's page.
#[derive(Serialize)]
struct Page {
    name: String,
    /// The candidate.
    version: Option<String>,
    installed_version: Option<String>,
    source: Source,
    repository: String,
    description: String,
    state: Option<InstallState>,
    reason: Option<Reason>,
    held: bool,
    upgradable: bool,
    security: bool,
    /// Installed packages that ask for it by a real dependency, and by a weaker one.
    required_by: Vec<String>,
    optional_for: Vec<String>,
    origins: Vec<Origin>,
    #[serde(flatten)]
    graded: Graded,
    /// What else its page says, by the names that omg(1) lists.
    #[serde(serialize_with = "named")]
    fields: Vec<(Field, String)>,
}

impl Page {
    /// With what among the installed packages asks for it, if it is one of them.
    fn asked_by(mut self, index: &Index, rank: Option<u32>) -> Result<Page> {
        let Some(rank) = rank else { return Ok(self) };
        for (from, kind) in index.local.asked_by(rank)? {
            let row = index.local.row(from)?;
            let real = matches!(RELATIONS.get(usize::from(kind)), Some(Field::Depends | Field::PreDepends));
            let list = if real { &mut self.required_by } else { &mut self.optional_for };
            let name = full_name(&row.name, &row.arch);
            if list.last() != Some(&name) {
                list.push(name);
            }
        }
        Ok(self)
    }
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let index = ctx.index()?;
    let trust = Trust::new(Some(&index));
    let mut pages = Vec::new();
    let mut missing = Vec::new();
    for typed in matches.get_many::<String>("NAME").expect("required") {
        let found = of(ctx, &index, &trust, typed)?;
        if found.is_empty() {
            missing.push(typed);
        }
        pages.extend(found);
    }
    let remarks: Vec<Remark> = missing
        .iter()
        .map(|name| unknown(&index, name, "is known").map(|error| Remark::of(&error)))
        .collect::<Result<_>>()?;
    let exit = super::found(&index, missing.is_empty());
    let why = matches.get_flag("why");
    let text =
        move |ui: &Ui, pages: &Vec<Page>| pages.iter().map(|page| text(ui, page, why)).collect::<Vec<_>>().join("\n");
    Ok(Reply::new(pages, text, exit).with(remarks))
}

fn of(ctx: &Ctx, index: &Index, trust: &Trust<'_>, typed: &str) -> Result<Vec<Page>> {
    let (name, arch) = typed.split_once(':').map_or((typed, None), |(name, arch)| (name, Some(arch)));
    let mut local: Vec<(u32, LocalRow)> = super::installed(ctx, index, typed)?;
    let mut pages = Vec::new();
    for id in index.catalogue.find(name)? {
        let row = index.catalogue.row(id)?;
        if !ctx.shows(row.source) || arch.is_some_and(|arch| index.catalogue.architecture(row.arch).ok() != Some(arch))
        {
            continue;
        }
        let here = local.iter().position(|(_, local)| local.catalogue == Some(id));
        let (rank, here) = here.map(|place| local.swap_remove(place)).unzip();
        let absent = if here.is_none() { gone(index, &row)? } else { None };
        pages.push(known(index, trust, row, here.or(absent))?.asked_by(index, rank)?);
    }
    for (rank, row) in local {
        pages.push(only_here(index, trust, row)?.asked_by(index, Some(rank))?);
    }
    Ok(pages)
}

/// The row that remembers the policy's word on a package removed since the catalogue was built.
fn gone(index: &Index, row: &Row) -> Result<Option<LocalRow>> {
    for rank in index.local.find(&row.name)? {
        let local = index.local.row(rank)?;
        if local.catalogue == Some(row.id) {
            return Ok(Some(local));
        }
    }
    Ok(None)
}

fn known(index: &Index, trust: &Trust<'_>, row: Row, local: Option<LocalRow>) -> Result<Page> {
    let versions = index.catalogue.details(&row)?;
    let here = local.as_ref().filter(|local| local.installed());
    let installed = here.map(|here| here.version.as_str());
    let origins = versions.iter().map(|version| origin(index, version, installed)).collect::<Result<_>>()?;
    let own = here.map(|local| index.local.details(local)).transpose()?;
    let chosen = super::candidate(index, versions, here)?;
    let candidate = match &local {
        Some(local) => Some(local.candidate.clone()).filter(|version| !version.is_empty()),
        None => row.has_candidate.then(|| row.version.clone()),
    };
    let repository = match &local {
        Some(local) => super::repository(index, local)?,
        None => index.catalogue.repository(row.repository)?,
    };
    let graded = super::graded(trust, &row, here, repository, &chosen)?;
    let fields = merged(chosen.fields, own);
    Ok(Page {
        name: full_name(&row.name, index.catalogue.architecture(row.arch)?),
        version: candidate,
        installed_version: here.map(|local| local.version.clone()),
        source: row.source,
        repository: repository.to_owned(),
        description: match here {
            Some(here) if super::only_here(here) => here.summary.clone(),
            _ => row.summary,
        },
        state: here.and_then(|local| local.state),
        reason: here.map(|local| local.reason),
        held: here.is_some_and(|local| local.held),
        upgradable: here.is_some_and(|local| local.upgradable),
        security: here.is_some_and(|local| local.security),
        required_by: Vec::new(),
        optional_for: Vec::new(),
        origins,
        graded,
        fields,
    })
}

fn only_here(index: &Index, trust: &Trust<'_>, row: LocalRow) -> Result<Page> {
    let details = index.local.details(&row)?;
    let graded = trust.of_installed(row.source, &row.name, &details);
    let fields = details.fields;
    Ok(Page {
        name: full_name(&row.name, &row.arch),
        source: source(index, &row)?,
        repository: super::repository(index, &row)?.to_owned(),
        state: row.state,
        reason: Some(row.reason),
        held: row.held,
        upgradable: row.upgradable,
        security: row.security,
        required_by: Vec::new(),
        optional_for: Vec::new(),
        origins: Vec::new(),
        version: Some(row.candidate).filter(|version| !version.is_empty()),
        installed_version: Some(row.version),
        description: row.summary,
        graded,
        fields,
    })
}

fn origin(index: &Index, version: &VersionDetails, installed: Option<&str>) -> Result<Origin> {
    let known = &index.catalogue.meta()?.repositories;
    let (mut repositories, mut locations) = (Vec::new(), Vec::new());
    let mut priority = None;
    for known in version.origins.iter().filter_map(|id| known.get(usize::from(*id))) {
        repositories.push(known.name.clone());
        locations.push(known.location.clone());
        priority = priority.max(known.priority);
    }
    // To apt the machine is an origin, too.
    const OF_THE_MACHINE: i32 = 100;
    let is_here = installed == Some(&version.version);
    let priority = priority.map(|priority| if is_here { priority.max(OF_THE_MACHINE) } else { priority });
    let pin = version.field(Field::Pin).and_then(|pin| pin.parse().ok());
    Ok(Origin { version: version.version.clone(), repositories, locations, priority: pin.or(priority) })
}

/// What a page may take from the machine where the candidate's repository does not say it: facts of the build that is
/// installed. What an installed version depends on or provides says nothing of the candidate. apt's lists have no long
/// descriptions where translations are not fetched, and one of another version is better than none.
const OF_THE_BUILD: [Field; 7] = [
    Field::InstallDate,
    Field::InstalledSize,
    Field::BuildDate,
    Field::Validation,
    Field::Architecture,
    Field::Backup,
    Field::LongDescription,
];

/// The candidate's fields, and from the machine what only the machine knows.
fn merged(mut fields: Vec<(Field, String)>, own: Option<VersionDetails>) -> Vec<(Field, String)> {
    for (field, text) in own.map(|own| own.fields).unwrap_or_default() {
        if OF_THE_BUILD.contains(&field) && !fields.iter().any(|(known, _)| *known == field) {
            fields.push((field, text));
        }
    }
    fields.sort_by_key(|(field, _)| *field);
    fields
}

fn named<S: Serializer>(fields: &[(Field, String)], out: S) -> Result<S::Ok, S::Error> {
    out.collect_map(fields.iter().map(|(field, text)| (field.key(), text)).collect::<BTreeMap<_, _>>())
}

fn text(ui: &Ui, page: &Page, why: bool) -> String {
    // What a label and its colon are filled up to, and what stands before the further lines of a value.
    const BLANKS: &str = "                 ";
    // Most pages fit: growing step by step costs as much as writing.
    let mut out = String::with_capacity(4 << 10);
    let mut line = |label: &str, style: Option<Style>, value: &str| {
        ui.push(&mut out, Some(Style::Dim), &[label, &BLANKS[label.len() + 2..], ":"].concat());
        out.push(' ');
        for (number, text) in value.trim_end().lines().enumerate() {
            if number > 0 {
                out.extend(["\n", BLANKS]);
            }
            let text = clean(text);
            let text = ui.wrapped(&text, BLANKS.len());
            ui.push(&mut out, style, &if ui.wraps() { text.replace(TIE, " ").into() } else { text });
        }
        out.push('\n');
    };
    line("Name", Some(Style::Name), &page.name);
    line("Version", Some(Style::Version), page.version.as_deref().unwrap_or("none allowed"));
    line("Installed", page.installed_version.is_some().then_some(Style::Good), &installed(page));
    line("From", None, &[page.source.name(), " ", &page.repository].concat());
    let Graded { grade, evidence } = &page.graded;
    let style = (*grade == Grade::Risk).then_some(Style::Warning);
    match why {
        true => line("Grade", style, &format!("{}\n{}", grade.name(), evidence.join("\n"))),
        false => line("Grade", style, grade.name()),
    }
    line("Description", None, &page.description);
    for (field, value) in page.fields.iter().filter(|(field, _)| *field != Field::LongDescription) {
        line(field.label(), None, &shown(ui, *field, value));
    }
    for (label, names) in [("Required by", &page.required_by), ("Optional for", &page.optional_for)] {
        if !names.is_empty() {
            line(label, None, &names.join("  "));
        }
    }
    let offered: Vec<String> =
        page.origins.iter().map(|origin| origin.text(page.installed_version.as_deref())).collect();
    if !offered.is_empty() {
        line("On offer", None, &offered.join("\n"));
    }
    if let Some((_, long)) = page.fields.iter().find(|(field, _)| *field == Field::LongDescription) {
        out.push('\n');
        for line in long.trim_end().lines() {
            out.extend([" ", &ui.wrapped(&clean(line), 1), "\n"]);
        }
    }
    out
}

/// The installed version, and what there is to say about its being there.
fn installed(page: &Page) -> String {
    let Some(version) = &page.installed_version else { return "no".to_owned() };
    let mut out = version.clone();
    match page.reason {
        Some(Reason::Explicit) => out.push_str(", on purpose"),
        Some(Reason::Dependency) => out.push_str(", as a dependency"),
        None => {}
    }
    let broken = page.state == Some(InstallState::Broken);
    for (set, text) in [
        (broken, ", half installed"),
        (page.held, ", held"),
        (page.upgradable && !page.security, ", can be upgraded"),
        (page.security, ", has a security update"),
    ] {
        if set {
            out.push_str(text);
        }
    }
    out
}

fn shown<'v>(ui: &Ui, field: Field, value: &'v str) -> Cow<'v, str> {
    let number = value.parse::<u64>().ok();
    match (field, number) {
        (Field::DownloadSize | Field::InstalledSize, Some(bytes)) => human(bytes).into(),
        (
            Field::BuildDate | Field::InstallDate | Field::FirstSubmitted | Field::LastModified | Field::OutOfDate,
            Some(secs),
        ) => date(secs).into(),
        (Field::OptDepends | Field::Backup, _) => value.into(),
        _ if ui.wraps() && (RELATIONS.contains(&field) || field == Field::Provides) => tied(value).into(),
        _ if value.contains('\n') => value.trim_end().replace('\n', "  ").into(),
        _ => value.into(),
    }
}

/// A blank at which no line is broken, until it is a blank again.
const TIE: &str = "\u{a0}";

/// Relations, each kept whole on its line if it is of a usual length.
fn tied(value: &str) -> String {
    let tie = |relation: &str| if relation.len() < 40 { relation.replace(' ', TIE) } else { relation.to_owned() };
    let line = |line: &str| line.split(", ").map(tie).collect::<Vec<_>>().join(", ");
    value.trim_end().lines().map(line).collect::<Vec<_>>().join("  ")
}

/// Seconds since 1970 as a day and a time in UTC (the calendar is Howard Hinnant's days-to-civil arithmetic).
fn date(secs: u64) -> String {
    let (days, rest) = ((secs / 86_400).min(3_000_000) + 719_468, secs % 86_400);
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3600, rest / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_across_leap_years() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_826_500), "2000-02-29 12:15 UTC");
        assert_eq!(date(1_767_225_599), "2025-12-31 23:59 UTC");
    }
}
