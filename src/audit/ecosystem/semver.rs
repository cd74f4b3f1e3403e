//! Semantic versions: npm's, crates.io's and Go's.
//!
//! They have one order and differ in what they let in. npm and Go put a `v` before it, Go writes `v1` for `v1.0.0`, and OSV leaves
//! the `v` away for all of them; so all of that is taken everywhere, since an advisory's `1.2` means the same for every one of them.
//! Go's pseudo-versions are ordinary pre-releases, and its `+incompatible` a build's name, which decides nothing.

use super::{by_number, by_place, is_number};
use std::cmp::Ordering;

#[derive(Clone, Debug)]
pub struct Version<'t> {
    numbers: [&'t str; 3],
    /// Empty for a release.
    pre: &'t str,
}

impl<'t> Version<'t> {
    pub fn parse(text: &'t str) -> Option<Version<'t>> {
        let text = text.trim_matches(' ');
        let text = text.strip_prefix(['v', 'V', '=']).unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        let mut numbers = ["0"; 3];
        let mut parts = core.split('.');
        let mut given = 0;
        for (number, part) in numbers.iter_mut().zip(parts.by_ref()) {
            *number = part;
            given += 1;
        }
        let is_good = |part: &str| is_number(part) && (part.len() == 1 || !part.starts_with('0'));
        // A shortened version stands for a release.
        let is_whole = given == 3 || pre.is_none() && build.is_none();
        let tail = |text: &str| text.split('.').all(|part| !part.is_empty() && part.bytes().all(is_word));
        let is_pre = |pre: &str| tail(pre) && pre.split('.').all(|part| !is_number(part) || is_good(part));
        let is_version = parts.next().is_none() && numbers.iter().all(|part| is_good(part)) && is_whole;
        let is_version = is_version && pre.is_none_or(is_pre) && build.is_none_or(tail);
        is_version.then_some(Version { numbers, pre: pre.unwrap_or_default() })
    }

    pub fn compare(&self, other: &Version) -> Ordering {
        let core = by_place(self.numbers.iter(), other.numbers.iter(), |a, b| by_number(a, b));
        core.then_with(|| match (self.pre, other.pre) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (a, b) => by_place(a.split('.'), b.split('.'), |a, b| by_part(a, b)),
        })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// Numbers come before words.
fn by_part(a: &str, b: &str) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => by_number(a, b),
        (false, false) => a.cmp(b),
        (a_is, b_is) => b_is.cmp(&a_is),
    }
}
