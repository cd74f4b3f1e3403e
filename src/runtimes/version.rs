//! Versions of runtimes, each in the order that its own makers give them.
//!
//! node, bun, deno, rust and zig follow semver; Python, Go, Ruby and Java have orders of their own. Which of them a person
//! means by `22` or `>=3.9` is not known here but in [`request`](super::request).

use super::Runtime;
use super::makers::{self, PYPY};
use std::cmp::Ordering;
use std::fmt;

/// One version of one runtime. Versions of different runtimes are not to be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// In the runtime's own spelling, without `v` or `go` before it: the name of its folder.
    text: String,
    numbers: Vec<u64>,
    /// What comes before the final one; empty for that itself.
    pre: Vec<Part>,
    /// What comes behind it: Java's builds, Ruby's patch levels.
    post: Vec<u64>,
    /// Another build of the same: `t` of Python without its global lock, or [the maker](makers) that is not the usual one.
    pub variant: &'static str,
    /// A channel of rust or zig, and its day where it has one: then there are no numbers.
    channel: Option<Channel>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    pub name: &'static str,
    /// As `2025-01-02`.
    pub date: Option<String>,
}

/// A piece of what comes before the final version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Number(u64),
    Text(String),
}

/// More is no version, and JavaScript could not count it.
pub(super) const MAX_NUMBER: u64 = (1 << 53) - 1;
pub(super) const MAX_BYTES: usize = 256;

impl Version {
    /// A whole version as the runtime's makers or its other tools write it. `None` for a prefix like `22`, too.
    pub fn parse(runtime: Runtime, text: &str) -> Option<Version> {
        if text.len() > MAX_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        match runtime {
            Runtime::Node | Runtime::Bun | Runtime::Deno => semver(text.strip_prefix('v').unwrap_or(text)),
            Runtime::Rust => channel(text, &["stable", "beta", "nightly"]).or_else(|| semver(text)),
            Runtime::Zig => channel(text, &["master"]).or_else(|| semver(text)),
            Runtime::Python => python(text),
            Runtime::Go => go(text.strip_prefix("go").unwrap_or(text)),
            Runtime::Ruby => ruby(text.strip_prefix("ruby-").unwrap_or(text)),
            Runtime::Java => java(text),
        }
    }

    /// Of numbers alone, as a range has them.
    pub(super) fn of_numbers(numbers: [u64; 3], pre: Vec<Part>) -> Version {
        let text = format!("{}.{}.{}", numbers[0], numbers[1], numbers[2]);
        Version { text, numbers: numbers.to_vec(), pre, post: Vec::new(), variant: "", channel: None }
    }

    /// The number at a place; 0 where there is none.
    pub fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or(0)
    }

    pub(super) fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// Whether it comes before a final version, or is one of a channel that is never final.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty() || self.channel.as_ref().is_some_and(|channel| channel.name != "stable")
    }

    pub fn channel(&self) -> Option<&Channel> {
        self.channel.as_ref()
    }

    /// Whether it has these numbers and nothing besides.
    pub(super) fn is_just(&self, numbers: &[u64]) -> bool {
        self.numbers == numbers && self.pre.is_empty() && self.post.is_empty()
    }

    /// Whether the first numbers are these.
    pub(super) fn starts_with(&self, numbers: &[u64]) -> bool {
        self.channel.is_none() && numbers.iter().enumerate().all(|(at, number)| self.number(at) == *number)
    }

    pub(super) fn into_pre(self) -> Vec<Part> {
        self.pre
    }

    pub(super) fn same_numbers(&self, other: &Version) -> bool {
        (0..self.numbers.len().max(other.numbers.len())).all(|at| self.number(at) == other.number(at))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        // A channel moves, so it stands behind all that have a number.
        let by_channel = match (&self.channel, &other.channel) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => {
                let place = |channel: &Channel| ["stable", "beta"].iter().position(|name| *name == channel.name);
                let (a_place, b_place) = (place(a).unwrap_or(2), place(b).unwrap_or(2));
                // Without a day it is the newest.
                let by_day = a.date.is_none().cmp(&b.date.is_none()).then_with(|| a.date.cmp(&b.date));
                a_place.cmp(&b_place).then(by_day)
            }
        };
        by_channel
            .then_with(|| self.cmp_release(other))
            .then_with(|| self.variant.cmp(other.variant))
            // What the order does not tell apart (build notes of semver) is told apart here, so that sorting is stable.
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl Version {
    /// The order of the makers, which may hold two for equal.
    pub fn cmp_release(&self, other: &Version) -> Ordering {
        let longest = self.numbers.len().max(other.numbers.len());
        let numbers = (0..longest).map(|at| self.number(at).cmp(&other.number(at))).find(|order| order.is_ne());
        let pre = || match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        };
        numbers.unwrap_or_else(pre).then_with(|| self.post.cmp(&other.post))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A number without needless zeros before it, as every one of these runtimes writes them.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = text.len() > 1 && text.starts_with('0');
    (is_plain && !is_padded).then(|| text.parse().ok())?.filter(|number| *number <= MAX_NUMBER)
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(number).collect()
}

/// Of semver, behind the hyphen.
pub(super) fn semver_pre(text: &str) -> Option<Vec<Part>> {
    text.split('.')
        .map(|part| {
            let is_word = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            match (is_word, is_number) {
                (false, _) => None,
                (true, true) => number(part).map(Part::Number),
                (true, false) => Some(Part::Text(part.to_owned())),
            }
        })
        .collect()
}

/// Whether this may stand behind the plus of semver.
pub(super) fn is_build(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

fn semver(text: &str) -> Option<Version> {
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    let numbers = numbers(core).filter(|numbers| numbers.len() == 3)?;
    let pre = pre.map_or(Some(Vec::new()), semver_pre)?;
    let is_whole = build.is_none_or(is_build);
    is_whole.then(|| Version { text: text.to_owned(), numbers, pre, post: Vec::new(), variant: "", channel: None })
}

/// `nightly`, `nightly-2025-01-02`.
fn channel(text: &str, names: &[&'static str]) -> Option<Version> {
    let name = *names.iter().find(|name| text.starts_with(**name))?;
    let date = match &text[name.len()..] {
        "" => None,
        rest => Some(rest.strip_prefix('-').filter(|date| is_date(date))?.to_owned()),
    };
    let channel = Some(Channel { name, date });
    Some(Version {
        text: text.to_owned(),
        numbers: Vec::new(),
        pre: Vec::new(),
        post: Vec::new(),
        variant: "",
        channel,
    })
}

pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if [4, 7].contains(&at) { byte == b'-' } else { byte.is_ascii_digit() })
}

/// The digits at the start, and the rest.
fn leading(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

/// What stands before the first letter that is no part of the numbers.
fn split_numbers(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'.').unwrap_or(text.len());
    text.split_at(end)
}

/// `3.13.1`, `3.14.0rc1`, `3.13.1t`, and as uv writes these: `3.13.1+freethreaded`; `pypy3.11.15`.
fn python(text: &str) -> Option<Version> {
    if let Some(number) = makers::of_pypy(text) {
        let numbers = numbers(number).filter(|numbers| numbers.len() == 3)?;
        let text = makers::spelt(Runtime::Python, number, PYPY);
        return Some(Version { text, numbers, pre: Vec::new(), post: Vec::new(), variant: PYPY, channel: None });
    }
    let (text, named) = text.split_once('+').map_or((text, None), |(text, variant)| (text, Some(variant)));
    let (core, mut rest) = split_numbers(text);
    let numbers = numbers(core).filter(|numbers| numbers.len() == 3)?;
    let mut pre = Vec::new();
    if let Some(stage) = ["a", "b", "rc"].into_iter().find(|stage| rest.starts_with(stage)) {
        let (digits, after) = leading(&rest[stage.len()..]);
        pre = vec![Part::Text(stage.to_owned()), Part::Number(number(digits)?)];
        rest = after;
    }
    let variant = python_variant(rest, named)?;
    let text = format!("{core}{}{variant}", pre.iter().map(Part::to_string).collect::<String>());
    Some(Version { text, numbers, pre, post: Vec::new(), variant, channel: None })
}

/// By the letters behind the numbers, or by uv's name for it.
pub(super) fn python_variant(letters: &str, named: Option<&str>) -> Option<&'static str> {
    match (letters, named) {
        ("", None) => Some(""),
        ("t", None) | ("", Some("freethreaded")) => Some("t"),
        ("d", None) | ("", Some("debug")) => Some("d"),
        ("td", None) | ("", Some("freethreaded+debug" | "freethreaded-debug")) => Some("td"),
        _ => None,
    }
}

/// `1.22.1`, `1.22rc1`; `1.20` was a release of its own until 1.21.0.
fn go(text: &str) -> Option<Version> {
    let (core, rest) = split_numbers(text);
    let numbers = numbers(core).filter(|numbers| matches!(numbers.len(), 1..=3))?;
    let pre = match ["beta", "rc"].into_iter().find(|stage| rest.starts_with(stage)) {
        Some(stage) => vec![Part::Text(stage.to_owned()), Part::Number(number(&rest[stage.len()..])?)],
        None if rest.is_empty() => Vec::new(),
        None => return None,
    };
    let is_language = numbers.len() < 2 || numbers.len() == 2 && pre.is_empty() && (numbers[0], numbers[1]) >= (1, 21);
    let version = Version { text: text.to_owned(), numbers, pre, post: Vec::new(), variant: "", channel: None };
    Some(version).filter(|version| !is_language || version.text == "1")
}

/// `3.4.1`, `3.5.0-preview1`, `2.0.0-p648`.
fn ruby(text: &str) -> Option<Version> {
    let (core, rest) = text.split_once('-').map_or((text, ""), |(core, rest)| (core, rest));
    let numbers = numbers(core).filter(|numbers| numbers.len() == 3)?;
    let (mut pre, mut post) = (Vec::new(), Vec::new());
    match ["preview", "rc", "p"].into_iter().find(|stage| rest.starts_with(stage)) {
        Some("p") => post.push(number(&rest[1..])?),
        Some(stage) => pre = vec![Part::Text(stage.to_owned()), Part::Number(number(&rest[stage.len()..])?)],
        None if rest.is_empty() => {}
        None => return None,
    }
    Some(Version { text: text.to_owned(), numbers, pre, post, variant: "", channel: None })
}

/// `21.0.5+11` as JEP 223 has it; a build is needed, since without one it is a prefix of several. Of another maker than the usual one
/// its own number: `zulu-21.42.19.0`.
fn java(text: &str) -> Option<Version> {
    match makers::of_java(text).ok()? {
        (variant, text) if !variant.is_empty() => {
            let (core, build) = text.split_once('+').map_or((text, None), |(core, build)| (core, Some(build)));
            // Corretto writes some with a zero before them.
            let padded = |part: &str| number(part.strip_prefix('0').filter(|rest| !rest.is_empty()).unwrap_or(part));
            let numbers = core.split('.').map(padded).collect::<Option<Vec<u64>>>()?;
            let post = match build {
                Some(build) => vec![number(build)?],
                None => Vec::new(),
            };
            let text = makers::spelt(Runtime::Java, text, variant);
            Some(Version { text, numbers, pre: Vec::new(), post, variant, channel: None })
        }
        (_, number) => temurin(number),
    }
}

fn temurin(text: &str) -> Option<Version> {
    let (core, build) = text.split_once('+')?;
    let (core, pre) = core.split_once('-').map_or((core, None), |(core, pre)| (core, Some(pre)));
    let numbers = numbers(core)?;
    let (build, note) = build.split_once(['-', '.']).map_or((build, None), |(build, note)| (build, Some(note)));
    let pre = match pre {
        Some(pre) => semver_pre(pre)?,
        None => Vec::new(),
    };
    let mut post = vec![number(build)?];
    // Temurin counts what it builds anew behind a dot.
    post.extend(note.and_then(number));
    Some(Version { text: text.to_owned(), numbers, pre, post, variant: "", channel: None })
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Number(number) => write!(f, "{number}"),
            Part::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascending(runtime: Runtime, texts: &[&str]) {
        let versions: Vec<Version> =
            texts.iter().map(|text| Version::parse(runtime, text).unwrap_or_else(|| panic!("{text}"))).collect();
        for pair in versions.windows(2) {
            assert!(pair[0] < pair[1], "{} is not before {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn each_runtime_has_its_own_order() {
        ascending(
            Runtime::Node,
            &[
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-alpha.beta",
                "1.0.0-beta",
                "1.0.0-beta.2",
                "1.0.0-beta.11",
                "1.0.0-rc.1",
                "v1.0.0",
                "9.0.0",
                "10.0.0",
            ],
        );
        ascending(
            Runtime::Python,
            &["3.9.20", "3.13.0a1", "3.13.0b2", "3.13.0rc1", "3.13.0rc2", "3.13.0", "3.13.0t", "3.13.1"],
        );
        ascending(
            Runtime::Go,
            &[
                "1.4",
                "1.9.7",
                "1.20rc1",
                "1.20",
                "1.20.1",
                "1.21rc2",
                "1.21.0",
                "go1.21.1",
                "1.22beta1",
                "1.22rc1",
                "1.22.0",
            ],
        );
        ascending(
            Runtime::Ruby,
            &["1.9.3-p551", "2.0.0-p0", "2.0.0-p648", "3.4.0-preview2", "3.4.0-rc1", "3.4.0", "3.10.0"],
        );
        ascending(
            Runtime::Java,
            &["8.0.392+8", "11.0.5+5", "21.0.5+9", "21.0.5+11", "21.0.5+11.1", "21.0.5.0.1+1", "22-ea+3", "22+36"],
        );
        ascending(
            Runtime::Rust,
            &[
                "1.79.0",
                "1.80.0-beta.1",
                "1.80.0",
                "stable",
                "beta",
                "nightly-2024-12-31",
                "nightly-2025-01-02",
                "nightly",
            ],
        );
        ascending(Runtime::Zig, &["0.9.1", "0.14.0-dev.10+abc", "0.14.0-dev.9999+def1", "0.14.0", "0.14.1", "master"]);
    }

    #[test]
    fn a_part_of_a_version_is_none() {
        for (runtime, text) in [
            (Runtime::Node, "22"),
            (Runtime::Node, "22.1"),
            (Runtime::Node, "022.1.0"),
            (Runtime::Node, "1.2.3-01"),
            (Runtime::Node, "1.2.3-"),
            (Runtime::Node, "../1.2.3"),
            (Runtime::Node, "1.2.3+a/b"),
            (Runtime::Node, "9007199254740992.0.0"),
            (Runtime::Python, "3.13"),
            (Runtime::Python, "3.13.0rc"),
            (Runtime::Python, "3.13.1x"),
            (Runtime::Go, "1.22"),
            (Runtime::Java, "21.0.5"),
            (Runtime::Rust, "nightly-2025"),
            (Runtime::Rust, "nightlyx"),
            (Runtime::Zig, ""),
        ] {
            assert_eq!(Version::parse(runtime, text), None, "{text}");
        }
    }

    #[test]
    fn uv_and_the_makers_write_the_same_python() {
        let named = |text| Version::parse(Runtime::Python, text).unwrap();
        assert_eq!(named("3.13.1+freethreaded"), named("3.13.1t"));
        assert_eq!(named("3.14.0rc1+debug").to_string(), "3.14.0rc1d");
    }
}
