//! Whether a version is one of those that an advisory names: OSV's `affected`.
//!
//! A range is a set of events, in any order: from `introduced` on versions are affected, from `fixed` on no more, nor behind
//! `last_affected`. The ranges of type SEMVER and ECOSYSTEM are both read in the ecosystem's own order, which is semver where OSV asks
//! for it; those of commits (GIT) say nothing of versions. A version that cannot be compared is unknown, and so is whatever an
//! event that is no version leaves open: neither is ever called good.

use super::{Ecosystem, Version};
use std::cmp::Ordering;

#[derive(Clone, Debug, Default)]
pub struct Affected<S> {
    pub ranges: Vec<Range<S>>,
    /// Named one by one.
    pub versions: Vec<S>,
}

#[derive(Clone, Debug)]
pub struct Range<S> {
    /// Of commits, which are not compared.
    pub is_git: bool,
    pub events: Vec<(Event, S)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Introduced,
    Fixed,
    LastAffected,
    /// Nothing from here on is spoken of.
    Limit,
}

impl Event {
    /// As OSV writes it.
    pub fn named(name: &str) -> Option<Event> {
        Some(match name {
            "introduced" => Event::Introduced,
            "fixed" => Event::Fixed,
            "last_affected" => Event::LastAffected,
            "limit" => Event::Limit,
            _ => return None,
        })
    }
}

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

fn inside<S: AsRef<str>>(ecosystem: Ecosystem, affected: &Affected<S>, version: &str) -> Result<bool, String> {
    let parsed = Version::parse(ecosystem, version);
    if affected.versions.iter().any(|listed| is_same(ecosystem, parsed.as_ref(), version, listed.as_ref())) {
        return Ok(true);
    }
    let at = parsed.ok_or_else(|| format!("{version:?} is no version"))?;
    let mut ranges = affected.ranges.iter().filter(|range| !range.is_git).peekable();
    if affected.versions.is_empty() && ranges.peek().is_none() {
        let what = if affected.ranges.is_empty() { "no versions" } else { "commits alone" };
        return Err(format!("the advisory names {what}"));
    }
    let mut answer = Ok(false);
    for range in ranges {
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

fn place(ecosystem: Ecosystem, event: Event, text: &str) -> Result<Place<'_>, String> {
    match (event, text) {
        (Event::Introduced, "0") => Ok(Place::Start),
        (Event::Limit, "*") => Ok(Place::End),
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
    let mut last: Option<(Place, Event)> = None;
    let (mut has_limit, mut is_below_limit) = (false, false);
    for (event, text) in &range.events {
        let place = place(ecosystem, *event, text.as_ref())?;
        let order = against(at, &place)?;
        let has_passed = match event {
            Event::Introduced | Event::Fixed => order.is_ge(),
            Event::LastAffected => order.is_gt(),
            Event::Limit => {
                has_limit = true;
                is_below_limit |= order.is_lt();
                false
            }
        };
        if has_passed && last.as_ref().is_none_or(|last| is_later((&place, *event), (&last.0, last.1))) {
            last = Some((place, *event));
        }
    }
    let is_open = last.is_some_and(|(_, event)| event == Event::Introduced);
    Ok(is_open && (!has_limit || is_below_limit))
}

fn is_later(one: (&Place, Event), other: (&Place, Event)) -> bool {
    let by_place = match (one.0, other.0) {
        (Place::Start, Place::Start) => Ordering::Equal,
        (Place::Start, _) => Ordering::Less,
        (_, Place::Start) => Ordering::Greater,
        (Place::At(a), Place::At(b)) => a.compare(b).unwrap_or(Ordering::Equal),
        _ => Ordering::Equal,
    };
    // What is affected last ends behind its version.
    let rank = |event: Event| match event {
        Event::Fixed => 0,
        Event::Introduced => 1,
        _ => 2,
    };
    by_place.then(rank(one.1).cmp(&rank(other.1))).is_gt()
}

/// The lowest version that fixes one range, comes behind this one and is in no other range.
fn first_fixed<'a, S: AsRef<str>>(ecosystem: Ecosystem, affected: &'a Affected<S>, version: &str) -> Option<&'a str> {
    let at = Version::parse(ecosystem, version)?;
    let events = affected.ranges.iter().filter(|range| !range.is_git).flat_map(|range| &range.events);
    let fixed = events.filter(|(event, _)| *event == Event::Fixed).map(|(_, text)| text.as_ref());
    let parsed = fixed.filter_map(|text| Some((text, Version::parse(ecosystem, text)?)));
    let mut later: Vec<_> = parsed.filter(|(_, fixed)| fixed.compare(&at).is_some_and(Ordering::is_gt)).collect();
    later.sort_by(|a, b| a.1.compare(&b.1).unwrap_or(Ordering::Equal));
    let mut later = later.into_iter().take(MAX_CANDIDATES).map(|(text, _)| text);
    later.find(|text| inside(ecosystem, affected, text) == Ok(false))
}
