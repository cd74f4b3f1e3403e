//! What is open against one version of a package, installed or not: one look-up, and no answer where the data cannot be relied on.

use super::report::{Why, checked, has_passed, hush};
use super::scan::ecosystem;
use super::{order, sources};
use crate::audit::vex::Verdicts;
use crate::config::{AdvisorySettings, IgnoredAdvisory};
use crate::index::advisories::{Advisories, Meta};
use crate::index::details::VersionDetails;
use crate::model::{Advisory, Field, Open, Source};
use anyhow::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::Path;

/// Data older than this are not relied on, unless the configuration says otherwise.
pub const MAX_AGE_DAYS: u32 = 7;

/// The compiled advisories, and what of them can be relied on.
pub struct Known {
    data: Result<(Advisories, Meta), String>,
    now: i64,
    max_age_days: Option<u32>,
    /// What does not count today.
    ignored: Vec<IgnoredAdvisory>,
}

impl Known {
    /// Those of an index folder; `now` in seconds since 1970. How old they may be is their maker's word where no settings say otherwise,
    /// and what is ignored is that of these settings alone.
    pub fn open(folder: &Path, now: i64, settings: Option<&AdvisorySettings>) -> Known {
        let read = || -> crate::index::Result<(Advisories, Meta)> {
            let advisories = Advisories::open(folder)?;
            let meta = advisories.meta()?;
            Ok((advisories, meta))
        };
        let data = read().map_err(|error| match error {
            crate::index::Error::Missing(_) => "there are no advisories here".to_owned(),
            error => error.to_string(),
        });
        let max_age_days = settings.map(|settings| settings.max_age_days.unwrap_or(MAX_AGE_DAYS));
        let today = Timestamp::from_second(now).map(|now| now.to_zoned(TimeZone::UTC).date());
        let is_valid = |ignored: &&IgnoredAdvisory| today.as_ref().is_ok_and(|today| !has_passed(ignored, *today));
        let ignored = settings.map_or(&[][..], |settings| &settings.ignore).iter().filter(is_valid).cloned().collect();
        Known { data, now, max_age_days, ignored }
    }

    /// Where there is no index at all.
    pub fn nothing(why: &str) -> Known {
        Known { data: Err(why.to_owned()), now: 0, max_age_days: None, ignored: Vec::new() }
    }

    /// The advisories that are open for a version, or why that is not known. The name and the version are those that advisories speak
    /// of; `own` is the package's own name.
    pub fn against(&self, source: Source, own: &str, (name, version): (&str, &str)) -> Result<Open, String> {
        let kind = ecosystem(source);
        if source == Source::Aur {
            return Err("advisories do not cover the AUR".to_owned());
        }
        let advisories = self.relied_on(&|publisher| sources::speaks_of(publisher, source), (kind, name))?;
        let compare = order(kind).ok_or_else(|| format!("nobody knows the order of versions of {kind}"))?;
        let read = || -> crate::index::Result<Option<Open>> {
            if !advisories.covers(kind)? {
                return Ok(None);
            }
            let mut open = Open::default();
            advisories.affecting((kind, name), version, &compare, |_, advisory| {
                self.add(&advisory, &[own, name], &mut open);
            })?;
            Ok(Some(open))
        };
        let read = read().map_err(|error| error.to_string())?;
        read.ok_or_else(|| format!("advisories say nothing about the packages of {}", source.name()))
    }

    /// Adds one that a version is affected by, unless the machine ignores it.
    pub(super) fn add(&self, advisory: &Advisory, names: &[&str], open: &mut Open) {
        let (ignored, nobody) = (self.ignored.iter().collect::<Vec<_>>(), Verdicts::new(&[], "", &[], &[]));
        match hush(advisory, names, &ignored, &nobody) {
            Some(Why::Ignored { reason, .. }) => open.ignored.push(format!("{}: {reason}", advisory.id)),
            _ => open.add(advisory),
        }
    }

    /// The advisories, if what these publishers say of a package can be relied on.
    pub(super) fn relied_on(
        &self,
        speaks: &dyn Fn(&str) -> bool,
        package: (&str, &str),
    ) -> Result<&Advisories, String> {
        let (advisories, meta) = self.data.as_ref().map_err(Clone::clone)?;
        self.fault(meta, speaks, package).map_or(Ok(advisories), Err)
    }

    /// Why what these publishers say of a package cannot be relied on.
    fn fault(&self, meta: &Meta, speaks: &dyn Fn(&str) -> bool, package: (&str, &str)) -> Option<String> {
        meta.publishers.iter().zip(&meta.inputs).find_map(|(publisher, input)| {
            let name = &publisher.name;
            if !speaks(name) {
                return None;
            }
            if let Some(problem) = publisher.fault_of(package) {
                return Some(format!("{name}: {problem}"));
            }
            let checked = checked(&input.path);
            let days = self.now.saturating_sub(checked) / 86_400;
            if checked == 0 {
                Some(format!("{name}: when its data were fetched is not known"))
            } else if checked > self.now.saturating_add(86_400) {
                Some(format!("{name}: its data are from the future; one of two clocks is wrong"))
            } else if days > i64::from(self.max_age_days.unwrap_or(meta.max_age_days)) {
                Some(format!("{name}: its data are {days} days old"))
            } else {
                None
            }
        })
    }
}

/// The name and the version that advisories speak of, of a version that a repository offers.
pub fn advised<'v>(source: Source, name: &'v str, page: &'v VersionDetails) -> (&'v str, &'v str) {
    let of_source = |wanted: Field| page.field(wanted).filter(|_| source == Source::Apt);
    (of_source(Field::Base).unwrap_or(name), of_source(Field::BaseVersion).unwrap_or(&page.version))
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::super::sources::{Kind, OF_DEBIAN, Source as Publisher};
    use super::*;
    use crate::model::Severity;
    use std::fs;

    /// It made every package of the family unknown.
    #[test]
    fn one_unreadable_record_makes_its_own_package_unknown_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("debian.json");
        let known = |text: &str| {
            fs::write(&path, text).unwrap();
            let (address, path) = ("file:///x".to_owned(), path.clone());
            let publisher = Publisher { kind: Kind::Debian, name: OF_DEBIAN, address, path };
            compile(folder.path(), &[publisher], "bookworm", 7).unwrap();
            Known::open(folder.path(), Timestamp::now().as_second(), None)
        };
        let good = r#"{"CVE-1": {"releases": {"bookworm": {"status": "open", "urgency": "high"}}}}"#;
        let bad = good.replace("open", "closed").replace("CVE-1", "CVE-2");
        let found = known(&format!(r#"{{"curl": {good}, "wget": {bad}}}"#));
        let of = |found: &Known, name: &str| found.against(Source::Apt, name, (name, "1-1"));
        assert_eq!(of(&found, "curl").unwrap().worst, Some((Severity::High, "CVE-1".to_owned())));
        assert!(of(&found, "nano").unwrap().is_empty());
        let told = r#"Debian's tracker: "wget" "CVE-2": left out: unknown status "closed""#;
        assert_eq!(of(&found, "wget").unwrap_err(), told);
        // Whose name makes no sense may be anybody's, and what stood behind a cut is not known.
        for (text, told) in [
            (format!(r#"{{"curl": {good}, "w get": {bad}}}"#), r#""w get" "CVE-2": left out"#),
            (format!(r#"{{"curl": {good}, "wg"#), "EOF"),
        ] {
            let found = known(&text);
            for name in ["curl", "nano", "wget"] {
                let error = of(&found, name).unwrap_err();
                assert!(error.starts_with("Debian's tracker: ") && error.contains(told), "{name}: {error}");
            }
        }
    }

    #[test]
    fn what_the_machine_ignores_is_not_open_until_its_day_has_passed_nor_of_another_package() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("debian.json");
        let fault = r#"{"releases": {"bookworm": {"status": "open", "urgency": "high"}}}"#;
        fs::write(&path, format!(r#"{{"curl": {{"CVE-1": {fault}, "CVE-2": {fault}}}}}"#)).unwrap();
        let publisher = Publisher { kind: Kind::Debian, name: OF_DEBIAN, address: "file:///x".to_owned(), path };
        compile(folder.path(), &[publisher], "bookworm", 7).unwrap();
        let now = Timestamp::now();
        let day = |days: i64| {
            let at = Timestamp::from_second(now.as_second() + days * 86_400).unwrap();
            at.to_zoned(TimeZone::UTC).date().to_string()
        };
        let open = |id: &str, package: Option<&str>, until: Option<String>| {
            let package = package.map(str::to_owned);
            let ignored = IgnoredAdvisory { id: id.to_owned(), package, reason: "not reached".to_owned(), until };
            let settings = AdvisorySettings { ignore: vec![ignored], ..AdvisorySettings::default() };
            let known = Known::open(folder.path(), now.as_second(), Some(&settings));
            known.against(Source::Apt, "libcurl4", ("curl", "7.1-1")).unwrap()
        };
        let one_left = |found: Open| found.worst == Some((Severity::High, "CVE-2".to_owned()));
        let all = |found: Open| found.worst == Some((Severity::High, "CVE-1".to_owned())) && found.ignored.is_empty();
        assert_eq!(open("CVE-1", None, None).ignored, ["CVE-1: not reached"]);
        assert!(one_left(open("CVE-1", None, None)));
        assert!(one_left(open("CVE-1", Some("curl"), Some(day(0)))));
        assert!(one_left(open("CVE-1", Some("libcurl4"), Some(day(9)))));
        assert!(all(open("CVE-1", None, Some(day(-1)))));
        assert!(all(open("CVE-1", Some("wget"), None)));
        assert!(all(open("CVE-9", None, None)));
        // Who only asks reads no settings.
        let known = Known::open(folder.path(), now.as_second(), None);
        assert!(all(known.against(Source::Apt, "libcurl4", ("curl", "7.1-1")).unwrap()));
    }
}
