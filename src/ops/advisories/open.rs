//! What is open against one version of a package, installed or not: one look-up, and no answer where the data cannot be relied on.

use super::report::checked;
use super::scan::ecosystem;
use super::{order, sources};
use crate::index::advisories::{Advisories, Meta};
use crate::index::details::VersionDetails;
use crate::model::{Field, Open, Source};
use anyhow::Result;
use std::path::Path;

/// Data older than this are not relied on, unless the configuration says otherwise.
pub const MAX_AGE_DAYS: u32 = 7;

/// The compiled advisories, and what of them can be relied on.
pub struct Known {
    data: Result<(Advisories, Meta), String>,
    now: i64,
    max_age_days: Option<u32>,
}

impl Known {
    /// Those of an index folder; `now` in seconds since 1970. How old they may be is their maker's word where nobody says otherwise.
    pub fn open(folder: &Path, now: i64, max_age_days: Option<u32>) -> Known {
        let read = || -> crate::index::Result<(Advisories, Meta)> {
            let advisories = Advisories::open(folder)?;
            let meta = advisories.meta()?;
            Ok((advisories, meta))
        };
        let data = read().map_err(|error| match error {
            crate::index::Error::Missing(_) => "there are no advisories here".to_owned(),
            error => error.to_string(),
        });
        Known { data, now, max_age_days }
    }

    /// Where there is no index at all.
    pub fn nothing(why: &str) -> Known {
        Known { data: Err(why.to_owned()), now: 0, max_age_days: None }
    }

    /// The advisories that are open for a version, or why that is not known. The name and the version are those that advisories speak
    /// of.
    pub fn against(&self, source: Source, name: &str, version: &str) -> Result<Open, String> {
        let (advisories, meta) = self.data.as_ref().map_err(Clone::clone)?;
        let kind = ecosystem(source);
        if source == Source::Aur {
            return Err("advisories do not cover the AUR".to_owned());
        }
        if let Some(fault) = self.fault(meta, source) {
            return Err(fault);
        }
        let compare = order(kind).ok_or_else(|| format!("nobody knows the order of versions of {kind}"))?;
        let read = || -> crate::index::Result<Option<Open>> {
            if !advisories.covers(kind)? {
                return Ok(None);
            }
            let mut open = Open::default();
            advisories.affecting((kind, name), version, &compare, |_, advisory| open.add(&advisory))?;
            Ok(Some(open))
        };
        let read = read().map_err(|error| error.to_string())?;
        read.ok_or_else(|| format!("advisories say nothing about the packages of {}", source.name()))
    }

    /// Why the data about a family cannot be relied on.
    fn fault(&self, meta: &Meta, source: Source) -> Option<String> {
        meta.publishers.iter().zip(&meta.inputs).find_map(|(publisher, input)| {
            if !sources::speaks_of(&publisher.name, source) {
                return None;
            }
            let name = &publisher.name;
            if let Some(problem) = publisher.problems.first() {
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
