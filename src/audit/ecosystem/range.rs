//! Whether a version is one of those that an advisory names: OSV's `affected`.
//!
//! A range is a set of events, in any order: from `introduced` on versions are affected, from `fixed` on no more, nor behind
//! `last_affected`. The ranges of type SEMVER and ECOSYSTEM are both read in the ecosystem's own order, which is semver where OSV asks
//! for it. A version that cannot be compared is unknown, and so is whatever an
//! event that is no version leaves open: neither is ever called good. Readers leave the ranges of commits out, so an advisory of
//! commits alone names no versions.

use super::{Ecosystem, Version};
use crate::model::{Affected, Range, Turn};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With the first version behind it that is fixed, where the advisory names one.
    Bad {
        fixed: Option<String>,
    },
    Good,
    /// With the reason.
    Unknown(String),
}

/// Later versions that are looked at for one that is fixed.
const MAX_CANDIDATES: usize = 100;

/// Whether the version is affected. It is bad as soon as one range or the list says so, and good only if all could be read.
pub fn is_affected<S: AsRef<str>>(ecosystem: Ecosystem, affected: &Affected<S>, version: &str) -> Verdict {
    match inside(ecosystem, affected, version) {
        Ok(true) => Verdict::Bad { fixed: first_fixed(ecosystem, affected, version).map(str::to_owned) },
        Ok(false) => Verdict::Good,
        Err(reason) => Verdict::Unknown(reason),
    }
}

/// Whether a range says that it is affected, without the list.
pub fn is_in_range<S: AsRef<str>>(ecosystem: Ecosystem, affected: &Affected<S>, version: &str) -> bool {
    let Some(at) = Version::parse(ecosystem, version) else { return false };
    affected.ranges.iter().any(|range| contains(ecosystem, range, &at) == Ok(true))
}

fn inside<S: AsRef<str>>(ecosystem: Ecosystem, affected: &Affected<S>, version: &str) -> Result<bool, String> {
    let parsed = Version::parse(ecosystem, version);
    if affected.versions.iter().any(|listed| is_same(ecosystem, parsed.as_ref(), version, listed.as_ref())) {
        return Ok(true);
    }
    let at = parsed.ok_or_else(|| format!("{version:?} is no version"))?;
    if affected.versions.is_empty() && affected.ranges.is_empty() {
        return Err("the advisory names no versions".to_owned());
    }
    let mut answer = Ok(false);
    for range in &affected.ranges {
        match contains(ecosystem, range, &at) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            unknown => answer = unknown,
        }
    }
    answer
}

fn is_same(ecosystem: Ecosystem, parsed: Option<&Version>, version: &str, listed: &str) -> bool {
    let equal = || parsed?.compare(&Version::parse(ecosystem, listed)?).map(Ordering::is_eq);
    version == listed || equal().unwrap_or(false)
}

/// The place of an event; OSV's `0` comes before everything.
enum Place<'t> {
    Start,
    At(Version<'t>),
    End,
}

fn place(ecosystem: Ecosystem, event: Turn, text: &str) -> Result<Place<'_>, String> {
    match (event, text) {
        (Turn::Introduced, "0") => Ok(Place::Start),
        (Turn::Limit, "*") => Ok(Place::End),
        _ => Version::parse(ecosystem, text)
            .map(Place::At)
            .ok_or_else(|| format!("the advisory names {text:?}, which is no version")),
    }
}

/// How the version stands to the event.
fn against(at: &Version, place: &Place) -> Result<Ordering, String> {
    match place {
        Place::Start => Ok(Ordering::Greater),
        Place::End => Ok(Ordering::Less),
        Place::At(event) => {
            at.compare(event).ok_or_else(|| "a branch has no place in the order of versions".to_owned())
        }
    }
}

/// No sorting is needed. The last event at or before the version decides; of several at one place an end comes before a beginning, so
/// that what is fixed and introduced with one version is affected.
fn contains<S: AsRef<str>>(ecosystem: Ecosystem, range: &Range<S>, at: &Version) -> Result<bool, String> {
    let mut last: Option<(Place, Turn)> = None;
    let (mut has_limit, mut is_below_limit) = (false, false);
    for (event, text) in range {
        let place = place(ecosystem, *event, text.as_ref())?;
        let order = against(at, &place)?;
        let has_passed = match event {
            Turn::Introduced | Turn::Fixed => order.is_ge(),
            Turn::LastAffected => order.is_gt(),
            Turn::Limit => {
                has_limit = true;
                is_below_limit |= order.is_lt();
                false
            }
        };
        if has_passed && last.as_ref().is_none_or(|last| is_later((&place, *event), (&last.0, last.1))) {
            last = Some((place, *event));
        }
    }
    let is_open = last.is_some_and(|(_, event)| event == Turn::Introduced);
    Ok(is_open && (!has_limit || is_below_limit))
}

fn is_later(one: (&Place, Turn), other: (&Place, Turn)) -> bool {
    let by_place = match (one.0, other.0) {
        (Place::Start, Place::Start) => Ordering::Equal,
        (Place::Start, _) => Ordering::Less,
        (_, Place::Start) => Ordering::Greater,
        (Place::At(a), Place::At(b)) => a.compare(b).unwrap_or(Ordering::Equal),
        _ => Ordering::Equal,
    };
    by_place.then(one.1.cmp(&other.1)).is_gt()
}

/// The lowest version that fixes one range, comes behind this one and is in no other range.
fn first_fixed<'a, S: AsRef<str>>(ecosystem: Ecosystem, affected: &'a Affected<S>, version: &str) -> Option<&'a str> {
    let at = Version::parse(ecosystem, version)?;
    let fixed =
        affected.ranges.iter().flatten().filter(|(event, _)| *event == Turn::Fixed).map(|(_, text)| text.as_ref());
    let parsed = fixed.filter_map(|text| Some((text, Version::parse(ecosystem, text)?)));
    let mut later: Vec<_> = parsed.filter(|(_, fixed)| fixed.compare(&at).is_some_and(Ordering::is_gt)).collect();
    later.sort_by(|a, b| a.1.compare(&b.1).unwrap_or(Ordering::Equal));
    let mut later = later.into_iter().take(MAX_CANDIDATES).map(|(text, _)| text);
    later.find(|text| inside(ecosystem, affected, text) == Ok(false))
}
