//! `omg search`: packages by what their names and descriptions say.

use super::reply::{Remark, Reply};
use super::{found, full_name};
use crate::audit::grade::Grade;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::index::catalogue::Stored;
use crate::index::details::VersionDetails;
use crate::index::nearest::nearest;
use crate::index::search::{Found, Query, search};
use crate::index::words::{self, lower};
use crate::index::{Index, Row};
use crate::model::Source;
use crate::ops::trust::Trust;
use crate::ui::{Cell, Style, Ui, table};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

const LIMIT: usize = 50;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("search")
        .about("Find packages whose names or descriptions hold all terms")
        .arg(Arg::new("TERM").required(true).num_args(1..).help("Text to look for, without regard to case"))
        .arg(flag("names", "Look at names only"))
        .arg(flag("installed", "Only installed packages"))
        .arg(flag("grades", "Show what vouches for each: locked, verified, community or risk"))
        .arg(flag("regex", "Terms are regular expressions"))
        .arg(Arg::new("repo").long("repo").value_name("R").help("Only packages of this repository"))
        .args(super::limits(LIMIT))
}

/// One match.
#[derive(Serialize)]
struct Match {
    name: String,
    /// The candidate; what is installed where nothing is on offer.
    version: String,
    installed_version: Option<String>,
    repository: String,
    source: Source,
    description: String,
    /// Only where it was asked for: it takes a look at each package's page.
    grade: Option<Grade>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let terms: Vec<String> = matches.get_many::<String>("TERM").expect("required").cloned().collect();
    let regexes = matches.get_flag("regex").then(|| compile(&terms)).transpose()?;
    let index = ctx.index()?;
    let installed = index.local.by_catalogue()?;
    let installed_ids: Vec<u32> = installed.iter().map(|(id, _)| *id).collect();
    let repository = matches.get_one::<String>("repo").map(String::as_str);
    let keep = |row: &Stored<'_>| {
        let of = |wanted: &str| {
            let name = index.catalogue.repository(row.repository)?;
            Ok(name == wanted || name.split('/').next() == Some(wanted))
        };
        Ok(ctx.shows(row.source) && repository.map_or(Ok(true), of)?)
    };
    let limit = super::limit(matches, LIMIT);
    let trust = matches.get_flag("grades").then(|| Trust::new(Some(&index)));
    let query = Query {
        terms: &terms,
        names: matches.get_flag("names"),
        regex: regexes.as_deref(),
        only: matches.get_flag("installed").then_some(&installed_ids),
        keep: (repository.is_some() || ctx.backend.is_some()).then_some(&keep),
    };
    let Found { best, mut total, is_least } = search(&index.catalogue, &query, &installed_ids, limit)?;
    let shown: Vec<u32> = best.iter().map(|hit| hit.id).collect();
    let rows = index.catalogue.rows_of(&shown)?;
    let foreign = match repository {
        None => only_here(ctx, &index, trust.as_ref(), &query, &installed)?,
        Some(_) => Vec::new(),
    };
    total += foreign.len();
    if total == 0 {
        return nothing(&index, &terms, regexes.is_some());
    }
    let mut matches: Vec<Match> =
        rows.into_iter().map(|row| entry(&index, trust.as_ref(), &installed, row)).collect::<Result<_>>()?;
    matches.extend(foreign.into_iter().take(limit - matches.len().min(limit)));
    let least = if is_least { "at least " } else { "" };
    let rest = (matches.len() < total)
        .then(|| Remark::Note(format!("{} of {least}{total} matches; --all shows the rest", matches.len())));
    Ok(reply(matches, found(&index, true)).with(rest))
}

pub(crate) fn compile(terms: &[String]) -> Result<Vec<regex::Regex>> {
    let compile = |term: &String| {
        regex::RegexBuilder::new(term).case_insensitive(true).size_limit(4 << 20).build().map_err(|error| {
            // It draws the place over several lines; the last says what is wrong.
            let text = error.to_string();
            let what = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("bad regular expression {term:?}: {what}");
            Hinted::new(Exit::Usage, message, "without --regex terms are plain text").into()
        })
    };
    terms.iter().map(compile).collect()
}

/// Installed packages that no repository has: the catalogue does not know them, and they are few.
fn only_here(
    ctx: &Ctx,
    index: &Index,
    trust: Option<&Trust<'_>>,
    query: &Query<'_>,
    known: &[(u32, u32)],
) -> Result<Vec<Match>> {
    let terms: Vec<String> = query.terms.iter().map(|term| lower(term).into_owned()).collect();
    let fits = |place: usize, text: &str| match query.regex {
        Some(regexes) => regexes[place].is_match(text),
        None => lower(text).contains(&terms[place]),
    };
    let mut matches = Vec::new();
    let mut unknown = vec![true; index.local.len() as usize];
    for (_, rank) in known {
        if let Some(unknown) = unknown.get_mut(*rank as usize) {
            *unknown = false;
        }
    }
    for rank in (0u32..).zip(unknown).filter(|(_, unknown)| *unknown).map(|(rank, _)| rank) {
        let row = index.local.row(rank)?;
        if !row.installed() || !ctx.shows(row.source) {
            continue;
        }
        // Expressions look at names and descriptions alone, here as in the catalogue.
        let rest = match query.regex {
            None if !query.names => index.local.details(&row)?,
            _ => VersionDetails::default(),
        };
        let fits_rest = |place| {
            rest.fields.iter().any(|(field, text)| words::rest(row.source, *field, text).any(|text| fits(place, text)))
        };
        let all = (0..terms.len())
            .all(|place| fits(place, &row.name) || !query.names && (fits(place, &row.summary) || fits_rest(place)));
        if all {
            let graded = trust.map(|trust| {
                index.local.details(&row).map(|page| trust.of_installed(row.source, &row.name, &page).grade)
            });
            matches.push(Match {
                name: full_name(&row.name, &row.arch),
                version: row.version.clone(),
                installed_version: Some(row.version),
                repository: String::new(),
                source: row.source,
                description: row.summary,
                grade: graded.transpose()?,
            });
        }
    }
    Ok(matches)
}

fn entry(index: &Index, trust: Option<&Trust<'_>>, installed: &[(u32, u32)], row: Row) -> Result<Match> {
    let local = match installed.binary_search_by_key(&row.id, |(id, _)| *id) {
        Ok(place) => Some(index.local.row(installed[place].1)?),
        Err(_) => None,
    };
    let repository = match &local {
        Some(local) => super::repository(index, local)?,
        None => index.catalogue.repository(row.repository)?,
    };
    let grade = match trust {
        Some(trust) => {
            let versions = index.catalogue.details(&row)?;
            let chosen = super::candidate(index, versions, local.as_ref())?;
            Some(super::graded(trust, &row, local.as_ref(), repository, &chosen)?.grade)
        }
        None => None,
    };
    let candidate = local.as_ref().map(|local| local.candidate.clone()).filter(|version| !version.is_empty());
    Ok(Match {
        name: match index.catalogue.architecture(row.arch)? {
            "" => row.name,
            arch => full_name(&row.name, arch),
        },
        version: candidate.unwrap_or(row.version),
        installed_version: local.map(|local| local.version),
        repository: repository.to_owned(),
        source: row.source,
        description: row.summary,
        grade,
    })
}

fn reply(matches: Vec<Match>, exit: Exit) -> Reply {
    Reply::new(matches, |ui, matches: &Vec<Match>| text(ui, matches), exit)
}

fn text(ui: &Ui, matches: &[Match]) -> String {
    let rows = matches.iter().map(|found| {
        let place = if found.repository.is_empty() { found.source.name() } else { &found.repository };
        let mark = match &found.installed_version {
            Some(version) if *version == found.version => "[installed]".to_owned(),
            Some(version) => format!("[installed: {version}]"),
            None => String::new(),
        };
        let grade = found.grade.map(|grade| match grade {
            Grade::Risk => Cell::styled(Style::Warning, grade.name()),
            grade => Cell::plain(grade.name()),
        });
        let mut cells = vec![
            Cell::styled(Style::Name, &found.name),
            Cell::styled(Style::Version, &found.version),
            Cell::styled(Style::Dim, place),
            Cell::styled(Style::Good, mark),
        ];
        cells.extend(grade);
        cells.push(Cell::plain(&found.description));
        cells
    });
    table(ui, &rows.collect::<Vec<_>>())
}

fn nothing(index: &Index, terms: &[String], regex: bool) -> Result<Reply> {
    let mut remarks = vec![Remark::Note("nothing found".to_owned())];
    if let ([term], false) = (terms, regex) {
        let nearest = nearest(&index.catalogue, term, 5)?;
        if !nearest.is_empty() {
            remarks.push(Remark::Hint(format!("did you mean {}?", nearest.join(", "))));
        }
    }
    Ok(reply(Vec::new(), found(index, false)).with(remarks))
}
