//! A scan's answer for people.

use super::answer::{Answer, Shown};
use crate::model::Severity;
use crate::ops::advisories::{Spot, Unknown};
use crate::ui::{Cell, Style, Ui, clean, table};

/// So many lines that name a package are shown.
const SHOWN_PLACES: usize = 3;

pub fn text(ui: &Ui, answer: &Answer, all: bool) -> String {
    let mut rows: Vec<Vec<Cell<'_>>> = answer.findings.iter().map(|finding| row(finding, status(finding))).collect();
    if all {
        rows.extend(answer.suppressed.iter().map(|one| row(&one.finding, one.why())));
    }
    table(ui, &rows) + &answer.unknown.iter().map(|unknown| line(ui, unknown)).collect::<String>()
}

fn row(finding: &Shown, status: String) -> Vec<Cell<'_>> {
    let style = match finding.severity {
        _ if finding.exploited => Style::Bad,
        Some(Severity::Critical | Severity::High) => Style::Bad,
        Some(Severity::Medium) => Style::Warning,
        _ => Style::Dim,
    };
    vec![
        Cell::styled(style, finding.severity.map_or("unknown", Severity::name)),
        Cell::plain(finding.score.map_or("-".to_owned(), |score| format!("{score:.1}"))),
        Cell::plain(finding.id.as_str()),
        Cell::styled(Style::Name, finding.name.as_str()),
        Cell::styled(Style::Version, finding.version.as_str()),
        Cell::plain(status),
    ]
}

/// What can be done, how pressing it is, and where it stands.
fn status(finding: &Shown) -> String {
    let mut parts = Vec::new();
    if finding.exploited {
        parts.push(if finding.ransomware { "exploited, for ransom" } else { "exploited" }.to_owned());
    }
    let names: Vec<&str> = finding.packages.iter().map(|package| package.name.as_str()).collect();
    parts.push(match (&finding.fixed, finding.fix_offered) {
        (Some(version), true) if names.is_empty() => format!("fixed in {version}"),
        (Some(version), true) => format!("fixed in {version}: omg upgrade {}", names.join(" ")),
        (Some(version), false) => format!("fixed in {version}, which no repository here has"),
        (None, _) => "no fix".to_owned(),
    });
    parts.extend(Some(finding.standing.words().to_owned()).filter(|words| !words.is_empty()));
    parts.extend(finding.epss.filter(|epss| *epss >= 0.01).map(|epss| format!("EPSS {:.0}%", epss * 100.0)));
    if !finding.aliases.is_empty() {
        parts.push(finding.aliases.join(" "));
    }
    parts.extend(places(&finding.places));
    parts.join("; ")
}

fn line(ui: &Ui, Unknown { source, name, version, places: spots, ids, reason }: &Unknown) -> String {
    let version = version.as_ref().map_or(String::new(), |version| format!(" {version}"));
    let ids = if ids.is_empty() { String::new() } else { format!(" ({})", ids.join(" ")) };
    let place = places(spots).map_or(String::new(), |places| format!("; {places}"));
    let what = clean(&format!("{name}{version} of {source}: {reason}{ids}{place}")).replace('\n', " ");
    format!("{}  {what}\n", ui.styled(Style::Warning, "not known"))
}

/// `Cargo.lock:12`, with a word where only development asks for it everywhere.
fn places(spots: &[Spot]) -> Option<String> {
    if spots.is_empty() {
        return None;
    }
    let place = |spot: &Spot| match spot.line {
        Some(line) => format!("{}:{line}", spot.file.display()),
        None => spot.file.display().to_string(),
    };
    let mut text = spots.iter().take(SHOWN_PLACES).map(place).collect::<Vec<_>>().join(", ");
    if spots.len() > SHOWN_PLACES {
        text += &format!(" and {} more", spots.len() - SHOWN_PLACES);
    }
    if spots.iter().all(|spot| spot.is_dev == Some(true)) {
        text += ", for development";
    }
    Some(text)
}
