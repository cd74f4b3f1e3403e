//! The registries that lock files name, each with the order of its versions and what counts as one name.
//!
//! Versions are compared as they are written and borrowed, not turned into numbers first: no number is too long for this. What is
//! no version by its own registry's rules has no place in the order, and `None` says so; a guess could call a bad version good.

mod composer;
mod gem;
mod pep440;
pub mod range;
mod semver;
#[cfg(test)]
mod tests;

pub use crate::model::Ecosystem;

use std::borrow::Cow;
use std::cmp::Ordering;

/// Longer is no version of anything.
const MAX_BYTES: usize = 512;

impl Ecosystem {
    /// The one spelling of all that mean the same package. PyPI has PEP 503, and Packagist knows no capitals. npm has old names with
    /// capitals that are packages of their own; Go, RubyGems and crates.io tell apart what is spelled otherwise, the latter in all but
    /// the question whether a name is free.
    pub fn normal_name(self, name: &str) -> Cow<'_, str> {
        match self {
            Ecosystem::PyPi => pep440::normal_name(name),
            Ecosystem::Packagist if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                name.to_ascii_lowercase().into()
            }
            _ => Cow::Borrowed(name),
        }
    }

    /// Which of two versions comes first. `None` where one of them is none, or where they have no order, as two branches have none.
    pub fn compare(self, a: &str, b: &str) -> Option<Ordering> {
        Version::parse(self, a)?.compare(&Version::parse(self, b)?)
    }

    pub fn is_version(self, text: &str) -> bool {
        Version::parse(self, text).is_some()
    }
}

/// A version that is compared more than once.
#[derive(Clone, Debug)]
pub enum Version<'t> {
    Composer(composer::Version<'t>),
    Gem(gem::Version<'t>),
    Pep440(pep440::Version<'t>),
    Semver(semver::Version<'t>),
}

impl<'t> Version<'t> {
    pub fn parse(ecosystem: Ecosystem, text: &'t str) -> Option<Version<'t>> {
        if text.len() > MAX_BYTES {
            return None;
        }
        match ecosystem {
            Ecosystem::CratesIo | Ecosystem::Go | Ecosystem::Npm => semver::Version::parse(text).map(Version::Semver),
            Ecosystem::Packagist => composer::Version::parse(text).map(Version::Composer),
            Ecosystem::PyPi => pep440::Version::parse(text).map(Version::Pep440),
            Ecosystem::RubyGems => gem::Version::parse(text).map(Version::Gem),
        }
    }

    /// `None` for versions of different registries, too.
    pub fn compare(&self, other: &Version) -> Option<Ordering> {
        match (self, other) {
            (Version::Composer(a), Version::Composer(b)) => a.compare(b),
            (Version::Gem(a), Version::Gem(b)) => Some(a.compare(b)),
            (Version::Pep440(a), Version::Pep440(b)) => Some(a.compare(b)),
            (Version::Semver(a), Version::Semver(b)) => Some(a.compare(b)),
            _ => None,
        }
    }
}

/// The order of two runs of digits, however long.
fn by_number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first differing place of two lists decides, else the longer one is later.
fn by_place<T>(
    mut a: impl Iterator<Item = T>,
    mut b: impl Iterator<Item = T>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Ordering {
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match compare(&a, &b) {
                Ordering::Equal => {}
                other => return other,
            },
        }
    }
}
