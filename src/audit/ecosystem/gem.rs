//! RubyGems' versions: numbers and words in any order, where a word makes it a pre-release.

use super::{by_number, is_number};
use std::cmp::Ordering;

/// The segments, without the zeros that say nothing.
#[derive(Clone, Debug)]
pub struct Version<'t>(Vec<&'t str>);

impl<'t> Version<'t> {
    pub fn parse(text: &'t str) -> Option<Version<'t>> {
        let text = text.trim_ascii();
        let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_core = core.split('.').next().is_some_and(is_number) && core.split('.').all(is_word);
        let is_pre = |pre: &str| {
            pre.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        };
        // RubyGems takes nothing for nought; in a lock file it is nothing.
        if !is_core || !pre.is_none_or(is_pre) {
            return None;
        }
        let mut segments = Vec::new();
        pieces(core, &mut segments);
        // `1.0-1` is `1.0.pre.1`.
        for part in pre.into_iter().flat_map(|pre| pre.split('-')) {
            segments.push("pre");
            pieces(part, &mut segments);
        }
        Some(Version(canonical(segments)))
    }

    pub fn compare(&self, other: &Version) -> Ordering {
        let longest = self.0.len().max(other.0.len());
        let at = |version: &Version<'t>, place: usize| version.0.get(place).copied().unwrap_or("0");
        let other_at = |place: usize| other.0.get(place).copied().unwrap_or("0");
        let orders = (0..longest).map(|place| by_segment(at(self, place), other_at(place)));
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// Runs of digits and runs of letters.
fn pieces<'t>(text: &'t str, all: &mut Vec<&'t str>) {
    for part in text.split('.') {
        let mut rest = part;
        while let Some(first) = rest.bytes().next() {
            let is_other = |byte: u8| byte.is_ascii_digit() != first.is_ascii_digit();
            let (piece, after) = rest.split_at(rest.bytes().position(is_other).unwrap_or(rest.len()));
            all.push(piece);
            rest = after;
        }
    }
}

/// Without the zeros before the first word, and those at the end.
fn canonical(segments: Vec<&str>) -> Vec<&str> {
    let first_word = segments.iter().position(|segment| !is_number(segment)).unwrap_or(segments.len());
    let (numbers, words) = segments.split_at(first_word);
    let without_zeros = |part: &[&'_ str]| {
        let is_zero = |segment: &&str| segment.bytes().all(|byte| byte == b'0');
        part.iter().rposition(|segment| !is_zero(segment)).map_or(0, |last| last + 1)
    };
    let (numbers, words) = (&numbers[..without_zeros(numbers)], &words[..without_zeros(words)]);
    [numbers, words].concat()
}

/// Words come before numbers.
fn by_segment(a: &str, b: &str) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => by_number(a, b),
        (false, false) => a.cmp(b),
        (a_is, b_is) => a_is.cmp(&b_is),
    }
}
