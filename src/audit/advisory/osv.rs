//! Records in OSV's format: one by itself, a list of them, or one a line. Zips of an ecosystem hold the first.
//!
//! Of ecosystems that are not asked about nothing is told, nor of ranges of Git's commits, nor of records that were withdrawn.

use super::{Sink, Whom, is_word, plain, stream, summary};
use crate::audit::cvss;
use crate::audit::ecosystem::Ecosystem;
use crate::model::{Advisory, Affected, Range, Severity, Standing, Turn};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Record<'t> {
    #[serde(borrow)]
    id: Cow<'t, str>,
    #[serde(borrow, default)]
    summary: Cow<'t, str>,
    #[serde(borrow, default)]
    details: Cow<'t, str>,
    #[serde(borrow, default)]
    aliases: Option<Vec<Cow<'t, str>>>,
    #[serde(borrow, default)]
    upstream: Option<Vec<Cow<'t, str>>>,
    #[serde(borrow, default)]
    withdrawn: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    severity: Option<Vec<Rating<'t>>>,
    #[serde(borrow, default)]
    database_specific: Option<Specific<'t>>,
    #[serde(borrow, default)]
    affected: Option<Vec<&'t RawValue>>,
}

#[derive(Deserialize)]
struct Rating<'t> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'t, str>,
    #[serde(borrow)]
    score: Cow<'t, str>,
}

/// What databases add of their own. None of it has a fixed form.
#[derive(Deserialize)]
struct Specific<'t> {
    #[serde(borrow, default)]
    severity: Option<&'t RawValue>,
    #[serde(borrow, default)]
    urgency: Option<&'t RawValue>,
}

impl Specific<'_> {
    /// Severity and standing by the words that are used.
    fn word(&self) -> Option<String> {
        let value = self.severity.or(self.urgency)?;
        serde_json::from_str(value.get()).ok()
    }
}

#[derive(Deserialize)]
struct Touched<'t> {
    #[serde(borrow, default)]
    package: Option<Package<'t>>,
    #[serde(borrow, default)]
    ranges: Option<Vec<Stretch<'t>>>,
    #[serde(borrow, default)]
    versions: Option<Vec<Cow<'t, str>>>,
    #[serde(borrow, default)]
    severity: Option<Vec<Rating<'t>>>,
    #[serde(borrow, default)]
    ecosystem_specific: Option<Specific<'t>>,
    #[serde(borrow, default)]
    database_specific: Option<Specific<'t>>,
}

#[derive(Deserialize)]
struct Package<'t> {
    #[serde(borrow)]
    ecosystem: Cow<'t, str>,
    #[serde(borrow)]
    name: Cow<'t, str>,
}

#[derive(Deserialize)]
struct Stretch<'t> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'t, str>,
    #[serde(borrow, default)]
    events: Vec<Event<'t>>,
}

#[derive(Deserialize)]
struct Event<'t> {
    #[serde(borrow, default)]
    introduced: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    fixed: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    last_affected: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    limit: Option<Cow<'t, str>>,
}

/// Reads records. `distribution` is the one that counts, as OSV calls it without what follows: `Debian:12`, `Ubuntu:22.04`; it becomes
/// the ecosystem `deb`.
pub fn read(text: &[u8], distribution: Option<&str>, sink: &mut dyn Sink) {
    let mut one = |text: &str| {
        if let Err(error) = record(text, distribution, sink) {
            let (id, whom) = named_in(text, distribution);
            sink.left_out(whom, format!("{id}: left out: {error}"));
        }
    };
    let outcome = match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err("empty".to_owned()),
        Some(b'[') => stream::items(text, |value| one(value.get())).map_err(|error| error.to_string()),
        Some(_) => {
            let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
            values.try_for_each(|value| value.map(|value| one(value.get()))).map_err(|error| error.to_string())
        }
    };
    if let Err(error) = outcome {
        sink.damaged(error);
    }
}

/// purl's word for it, and the one spelling of the package's name.
fn named<'t>(
    Package { ecosystem, name }: &'t Package<'_>,
    distribution: Option<&str>,
) -> Option<(&'static str, Cow<'t, str>)> {
    let is_ours = |own: &str| ecosystem.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    if distribution.is_some_and(is_ours) {
        return Some((super::debian::ECOSYSTEM, Cow::Borrowed(name)));
    }
    let registry = Ecosystem::named(ecosystem)?;
    Some((registry.purl(), registry.normal_name(name)))
}

/// What can be read of a record that could not be: its id, and whom it is about.
fn named_in(text: &str, distribution: Option<&str>) -> (String, Whom) {
    #[derive(Deserialize)]
    struct Named<'t> {
        #[serde(borrow, default)]
        id: Option<&'t RawValue>,
        #[serde(borrow)]
        affected: Vec<&'t RawValue>,
    }
    let Ok(Named { id, affected }) = serde_json::from_str::<Named<'_>>(text) else {
        let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        return (id_of(&value["id"]), Whom::Anybody);
    };
    let id = id.and_then(|id| serde_json::from_str(id.get()).ok()).unwrap_or_default();
    (id_of(&id), whom(affected.into_iter().map(RawValue::get), distribution))
}

fn id_of(value: &serde_json::Value) -> String {
    let id = value.as_str().filter(|id| is_word(id));
    id.map_or_else(|| "a record without an id".to_owned(), |id| format!("{id:?}"))
}

/// Whom these parts of `affected` may be about, of those that are asked about.
fn whom<'t>(parts: impl IntoIterator<Item = &'t str>, distribution: Option<&str>) -> Whom {
    #[derive(Deserialize)]
    struct Named<'t> {
        #[serde(borrow)]
        package: Package<'t>,
    }
    let mut names = Vec::new();
    for part in parts {
        let Ok(Named { package }) = serde_json::from_str(part) else { return Whom::Anybody };
        names.extend(named(&package, distribution).map(|(ecosystem, name)| (ecosystem, name.into_owned())));
    }
    Whom::named(names)
}

fn record(text: &str, distribution: Option<&str>, sink: &mut dyn Sink) -> Result<(), String> {
    let record: Record<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if record.withdrawn.is_some() {
        return Ok(());
    }
    for text in record.affected.iter().flatten() {
        let touched: Touched<'_> = match serde_json::from_str(text.get()) {
            Ok(touched) => touched,
            Err(error) => {
                sink.left_out(whom([text.get()], distribution), format!("{:?}: left out: {error}", record.id));
                continue;
            }
        };
        let Some(package) = &touched.package else { continue };
        let Some((ecosystem, name)) = named(package, distribution) else { continue };
        match advisory(&record, &touched, ecosystem, &name) {
            Some(advisory) => sink.advisory(advisory),
            None => {
                let whom = Whom::named([(ecosystem, name.into_owned())]);
                sink.left_out(whom, format!("{:?}: left out: a name or version makes no sense", record.id));
            }
        }
    }
    Ok(())
}

fn advisory(record: &Record<'_>, touched: &Touched<'_>, ecosystem: &str, package: &str) -> Option<Advisory> {
    // A distribution's own record of a CVE is about that CVE.
    let plain_id = ["DEBIAN-", "UBUNTU-"].iter().find_map(|prefix| record.id.strip_prefix(prefix));
    let mut out = plain(ecosystem, package, plain_id.unwrap_or(&record.id));
    let names = record.aliases.iter().flatten().chain(record.upstream.iter().flatten());
    for name in names.filter(|name| **name != out.id && is_word(name)) {
        if !out.aliases.iter().any(|known| known == name) {
            out.aliases.push(name.clone().into_owned());
        }
    }
    out.summary = summary(if record.summary.is_empty() { &record.details } else { &record.summary });
    out.affected = affected(touched);
    rate(&mut out, record, touched);
    let turns = out.affected.ranges.iter().flatten().map(|(_, version)| version.as_str());
    let words = turns.chain(out.affected.versions.iter().map(String::as_str)).chain([&*out.package, &*out.id]);
    let is_good = words.into_iter().all(is_word);
    is_good.then_some(out)
}

fn affected(touched: &Touched<'_>) -> Affected {
    let ranges = touched.ranges.iter().flatten().filter(|range| range.kind != "GIT");
    let ranges: Vec<Range> = ranges
        .map(|range| {
            let turns = range.events.iter().flat_map(|event| {
                let turns = [
                    (Turn::Introduced, &event.introduced),
                    (Turn::Fixed, &event.fixed),
                    (Turn::LastAffected, &event.last_affected),
                    (Turn::Limit, &event.limit),
                ];
                turns.into_iter().filter_map(|(turn, at)| Some((turn, at.as_ref()?.clone().into_owned())))
            });
            turns.collect()
        })
        .collect();
    let versions = touched.versions.iter().flatten().map(|version| version.clone().into_owned());
    Affected { ranges, versions: versions.collect() }
}

/// Fills in how bad it is: the newest kind of vector that can be scored, else a word.
fn rate(out: &mut Advisory, record: &Record<'_>, touched: &Touched<'_>) {
    let ratings = || touched.severity.iter().flatten().chain(record.severity.iter().flatten());
    let scored = ratings().filter_map(|rating| Some((&rating.kind, &rating.score, cvss::score(&rating.score)?)));
    if let Some((_, vector, score)) = scored.max_by(|a, b| a.0.cmp(b.0)) {
        out.vector = vector.clone().into_owned();
        out.score = Some(score.tenths);
        out.severity = Some(score.severity);
    }
    let own = [&touched.ecosystem_specific, &touched.database_specific, &record.database_specific];
    let words =
        own.into_iter().flatten().filter_map(Specific::word).chain(ratings().map(|rating| rating.score.to_string()));
    for word in words {
        match word.to_ascii_lowercase().as_str() {
            "end-of-life" => out.standing = Standing::EndOfLife,
            "unimportant" => (out.standing, out.severity) = (Standing::Unimportant, Some(Severity::None)),
            // Ubuntu's least, and GitHub's word for the middle.
            "negligible" => out.severity = out.severity.or(Some(Severity::Low)),
            "moderate" => out.severity = out.severity.or(Some(Severity::Medium)),
            word => out.severity = out.severity.or(Severity::named(word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Told;
    use super::*;

    fn told(text: &str) -> Told {
        let mut told = Told::default();
        read(text.as_bytes(), Some("Debian:12"), &mut told);
        told
    }

    const RECORD: &str = r#"{"id": "DEBIAN-CVE-2026-1", "details": "a\nb", "upstream": ["CVE-2026-1"], "affected": [
        {"package": {"name": "curl", "ecosystem": "Debian:12"}, "ranges": [{"type": "ECOSYSTEM", "events": [
            {"introduced": "0"}, {"fixed": "7.1-1"}]}], "versions": ["7.0-1"], "ecosystem_specific": {"urgency": "low"}},
        {"package": {"name": "curl", "ecosystem": "Debian:13"}, "versions": ["8"]},
        {"package": {"name": "@a/b", "ecosystem": "npm"}, "ranges": [
            {"type": "GIT", "events": [{"introduced": "0"}]},
            {"type": "SEMVER", "events": [{"introduced": "1.0.0"}, {"last_affected": "2.0.0"}, {"limit": "*"}]}],
         "severity": [{"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:C/I:C/A:C"},
                      {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}]}"#;

    #[test]
    fn what_is_asked_about_is_told() {
        let Told(all, problems, _) = told(RECORD);
        assert_eq!((all.len(), problems.len()), (2, 0), "{problems:?}");
        let [debian, npm] = &all[..] else { panic!() };
        assert_eq!((&*debian.ecosystem, &*debian.package, &*debian.id), ("deb", "curl", "CVE-2026-1"));
        assert_eq!((debian.severity, &*debian.summary), (Some(Severity::Low), "a b"));
        assert!(debian.aliases.is_empty());
        let turn = |turn, at: &str| (turn, at.to_owned());
        assert_eq!(debian.affected.ranges, [[turn(Turn::Introduced, "0"), turn(Turn::Fixed, "7.1-1")]]);
        assert_eq!(debian.affected.versions, ["7.0-1"]);
        assert_eq!((&*npm.ecosystem, &*npm.package, npm.affected.ranges.len()), ("npm", "@a/b", 1));
        assert_eq!((npm.score, npm.severity), (Some(98), Some(Severity::Critical)));
        assert!(npm.vector.starts_with("CVSS:3.1"));
    }

    #[test]
    fn every_form_of_a_file() {
        let line = RECORD.replace('\n', " ");
        for text in [format!("[{RECORD},{RECORD}]"), format!("{line}\n{line}\n")] {
            let Told(all, problems, _) = told(&text);
            assert_eq!((all.len(), problems.len()), (4, 0), "{problems:?}");
        }
        assert_eq!(told("").1, ["empty"]);
        assert!(told(&format!("[{RECORD}, {{")).0.len() == 2 && told(&format!("[{RECORD}, {{")).1.len() == 1);
        assert_eq!(told("[{}, 1]").1.len(), 2);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_about_the_packages_that_it_names() {
        let curl = || Whom::These(vec![("deb", "curl".to_owned())]);
        for (from, to, whom, kept) in [
            // One part of it, the whole of it, and another distribution's part.
            (r#"["7.0-1"]"#, "7", curl(), 1),
            (
                r#""details": "a\nb""#,
                r#""details": 7"#,
                Whom::These(vec![("deb", "curl".into()), ("npm", "@a/b".into())]),
                0,
            ),
            (r#"["8"]"#, "8", Whom::These(Vec::new()), 2),
            (r#"["7.0-1"]"#, r#"["7 0"]"#, curl(), 1),
            // Nobody can tell whom.
            (r#""name": "curl""#, r#""name": 7"#, Whom::Anybody, 1),
            (r#""name": "curl""#, r#""name": "c url""#, Whom::Anybody, 1),
        ] {
            let text = RECORD.replacen(from, to, 1);
            assert_ne!(text, RECORD);
            let Told(all, problems, told) = told(&text);
            assert_eq!((all.len(), told), (kept, vec![whom]), "{to}: {problems:?}");
            assert!(problems[0].starts_with(r#""DEBIAN-CVE-2026-1": left out: "#), "{problems:?}");
        }
        let Told(_, problems, whom) = told(r#"[{"affected": {}}]"#);
        assert!(problems[0].starts_with("a record without an id: left out: "), "{problems:?}");
        assert_eq!(whom, [Whom::Anybody]);
    }

    #[test]
    fn withdrawn_records_are_silent() {
        let text = RECORD.replacen('{', r#"{"withdrawn": "2026-01-01T00:00:00Z", "#, 1);
        assert!(told(&text).0.is_empty() && told(&text).1.is_empty());
    }

    #[test]
    fn words_for_how_bad_it_is() {
        let rated = |word: &str| {
            let text = RECORD.replace("\"urgency\": \"low\"", &format!("\"urgency\": {word}"));
            let advisory = told(&text).0.swap_remove(0);
            (advisory.standing, advisory.severity)
        };
        assert_eq!(rated("\"unimportant\""), (Standing::Unimportant, Some(Severity::None)));
        assert_eq!(rated("\"end-of-life\""), (Standing::EndOfLife, None));
        assert_eq!(rated("\"MODERATE\""), (Standing::Open, Some(Severity::Medium)));
        assert_eq!(rated("\"not yet assigned\""), (Standing::Open, None));
        assert_eq!(rated("{\"x\": []}"), (Standing::Open, None));
    }

    #[test]
    fn only_the_distribution_that_is_meant() {
        let ecosystem = |ecosystem: &'static str, distribution| {
            let package = Package { ecosystem: ecosystem.into(), name: "A_b".into() };
            named(&package, distribution).map(|(word, name)| (word, name.into_owned()))
        };
        let of = |name| ecosystem(name, Some("Ubuntu:22.04")).map(|(word, _)| word);
        assert_eq!([of("Ubuntu:22.04:LTS"), of("Ubuntu:22.04")], [Some("deb"); 2]);
        assert_eq!([of("Ubuntu:22.0"), of("Ubuntu:Pro:22.04:LTS"), of("Alpine:v3.20"), of("Debian:12")], [None; 4]);
        assert_eq!((ecosystem("Debian", None), of("crates.io")), (None, Some("cargo")));
        assert_eq!(ecosystem("PyPI", None), Some(("pypi", "a-b".to_owned())));
    }
}
