//! Ranges of versions: npm's, and the lists of Python and Ruby.
//!
//! npm's are those of its `semver` package in its strict form; `tests/fixtures/npm-ranges.txt` holds what that itself
//! answers. A range that it refuses is refused here.

use super::Runtime;
use super::version::{Part, Version, is_build, number, semver_pre};
use std::cmp::Ordering;

/// Alternatives, each of which is a set of comparisons that all must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    alternatives: Vec<Vec<Comparison>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparison {
    operator: Operator,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    AtMost,
    Equal,
    AtLeast,
    Greater,
    /// Whose first numbers are not the version's; of so many numbers.
    Unlike(usize),
    NotEqual,
}

impl Range {
    /// The range that this runtime's manifests write.
    pub fn parse(runtime: Runtime, text: &str) -> Option<Range> {
        match runtime {
            Runtime::Python | Runtime::Ruby => list(runtime, text).or_else(|| npm(text)),
            _ => npm(text),
        }
    }

    pub fn contains(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|all| holds(all, version))
    }
}

fn holds(all: &[Comparison], version: &Version) -> bool {
    if !all.iter().all(|comparison| comparison.holds(version)) {
        return false;
    }
    // One before a final version is meant only by who names one of the same numbers.
    let names =
        |comparison: &Comparison| comparison.version.is_prerelease() && comparison.version.same_numbers(version);
    !version.is_prerelease() || all.iter().any(names)
}

impl Comparison {
    fn holds(&self, version: &Version) -> bool {
        if version.channel().is_some() {
            return false;
        }
        let order = version.cmp_release(&self.version);
        match self.operator {
            Operator::Less => order == Ordering::Less,
            Operator::AtMost => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::AtLeast => order != Ordering::Less,
            Operator::Greater => order == Ordering::Greater,
            Operator::NotEqual => order != Ordering::Equal,
            Operator::Unlike(count) => !version.starts_with(&self.version.numbers()[..count]),
        }
    }
}

/// npm's form: `^20 || >=22`, `1.2 - 2`, `~1.2.3`, `1.x`.
pub fn npm(text: &str) -> Option<Range> {
    let mut alternatives = text.split("||").map(|one| alternative(one.trim())).collect::<Option<Vec<_>>>()?;
    // Beside one that holds all others say nothing, not even which versions before final ones they name.
    if alternatives.iter().any(Vec::is_empty) {
        alternatives = vec![Vec::new()];
    }
    Some(Range { alternatives })
}

fn alternative(text: &str) -> Option<Vec<Comparison>> {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if let Some(hyphen) = words.iter().position(|word| word == "-")
        && let (from, [_, to @ ..]) = words.split_at(hyphen)
        && let (Some(from), Some(to)) = (Partial::parse_words(from), Partial::parse_words(to))
    {
        return hyphenated(&from, &to);
    }
    // An operator may stand apart from its version.
    let mut at = 0;
    while at + 1 < words.len() {
        if matches!(words[at].as_str(), "<" | "<=" | ">" | ">=" | "=" | "~" | "~>" | "^") {
            let version = words.remove(at + 1);
            words[at].push_str(&version);
        }
        at += 1;
    }
    let mut all = Vec::new();
    for word in &words {
        all.extend(comparisons(word)?);
    }
    Some(all)
}

/// A version of which the last numbers may be left open.
#[derive(Debug)]
struct Partial {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
    pre: Vec<Part>,
    /// Before it stands nothing or one `v`.
    is_strict: bool,
    /// No number follows one that is left open.
    is_ordered: bool,
}

impl Partial {
    fn parse_words(words: &[String]) -> Option<Partial> {
        let (last, before) = words.split_last()?;
        // Signs may stand apart from the version they belong to.
        let are_signs = before.iter().all(|word| word.bytes().all(|byte| matches!(byte, b'v' | b'=')));
        are_signs.then(|| Partial::parse(last))?
    }

    fn parse(text: &str) -> Option<Partial> {
        let whole = text;
        let text = text.trim_start_matches(['v', '=']);
        let is_strict = matches!(&whole[..whole.len() - text.len()], "" | "v");
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        let part = |text: &str| match text {
            "x" | "X" | "*" => Some(None),
            text => number(text).map(Some),
        };
        let parts = core.split('.').map(part).collect::<Option<Vec<_>>>()?;
        let has_tail = pre.is_some() || build.is_some();
        let is_fit = parts.len() <= 3 && (!has_tail || parts.len() == 3) && build.is_none_or(is_build);
        let pre = pre.map_or(Some(Vec::new()), semver_pre)?;
        let [major, minor, patch] = [0, 1, 2].map(|at| parts.get(at).copied().flatten());
        let is_ordered = !(major.is_none() && minor.is_some() || minor.is_none() && patch.is_some());
        // What follows an open number is open.
        let minor = major.and(minor);
        is_fit.then(|| Partial { major, minor, patch: minor.and(patch), pre, is_strict, is_ordered })
    }

    /// With nought for what is open.
    fn lowest(&self) -> Version {
        let pre = if self.patch.is_some() { self.pre.clone() } else { Vec::new() };
        Version::of_numbers([self.major, self.minor, self.patch].map(Option::unwrap_or_default), pre)
    }
}

fn comparison(operator: Operator, version: Version) -> Comparison {
    Comparison { operator, version }
}

/// Below all that begins with these numbers, which are one too high in the last.
fn below(numbers: [u64; 3]) -> Comparison {
    comparison(Operator::Less, Version::of_numbers(numbers, vec![Part::Number(0)]))
}

fn nothing() -> Comparison {
    below([0, 0, 0])
}

fn hyphenated(from: &Partial, to: &Partial) -> Option<Vec<Comparison>> {
    let is_whole = |partial: &Partial| partial.patch.is_some();
    if is_whole(from) && !from.is_strict || is_whole(to) && to.pre.is_empty() && !to.is_strict {
        return None;
    }
    let mut all = Vec::new();
    if from.major.is_some() {
        all.push(comparison(Operator::AtLeast, from.lowest()));
    }
    match (to.major, to.minor, to.patch) {
        (None, ..) => {}
        (Some(major), None, _) => all.push(below([major + 1, 0, 0])),
        (Some(major), Some(minor), None) => all.push(below([major, minor + 1, 0])),
        _ => all.push(comparison(Operator::AtMost, to.lowest())),
    }
    Some(all.into_iter().filter(says_something).collect())
}

/// npm drops `>=0.0.0`, which then lets in nothing that is before a final version.
fn says_something(one: &Comparison) -> bool {
    one.operator != Operator::AtLeast || one.version != Version::of_numbers([0; 3], Vec::new())
}

fn comparisons(word: &str) -> Option<Vec<Comparison>> {
    let all = if let Some(rest) = word.strip_prefix('^') {
        caret(&Partial::parse(rest)?)
    } else if let Some(rest) = word.strip_prefix("~>").or_else(|| word.strip_prefix('~')) {
        tilde(&Partial::parse(rest)?)
    } else {
        let operators = [
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("<", Operator::Less),
            (">", Operator::Greater),
            ("=", Operator::Equal),
        ];
        match operators.into_iter().find_map(|(sign, operator)| Some((operator, word.strip_prefix(sign)?))) {
            Some((operator, rest)) => plain(operator, rest)?,
            None => plain(Operator::Equal, word)?,
        }
    };
    Some(all.into_iter().filter(says_something).collect())
}

fn caret(partial: &Partial) -> Vec<Comparison> {
    let Some(major) = partial.major else { return Vec::new() };
    let upper = match (major, partial.minor, partial.patch) {
        (0, Some(0), Some(patch)) => [0, 0, patch + 1],
        (0, Some(minor), _) => [0, minor + 1, 0],
        _ => [major + 1, 0, 0],
    };
    vec![comparison(Operator::AtLeast, partial.lowest()), below(upper)]
}

fn tilde(partial: &Partial) -> Vec<Comparison> {
    let Some(major) = partial.major else { return Vec::new() };
    let upper = partial.minor.map_or([major + 1, 0, 0], |minor| [major, minor + 1, 0]);
    vec![comparison(Operator::AtLeast, partial.lowest()), below(upper)]
}

fn plain(operator: Operator, text: &str) -> Option<Vec<Comparison>> {
    let partial = Partial::parse(text).filter(|partial| partial.is_ordered)?;
    let Some(major) = partial.major else {
        let is_none = matches!(operator, Operator::Less | Operator::Greater);
        return Some(if is_none { vec![nothing()] } else { Vec::new() });
    };
    let next = partial.minor.map_or([major + 1, 0, 0], |minor| [major, minor + 1, 0]);
    if partial.patch.is_some() {
        return partial.is_strict.then(|| vec![comparison(operator, partial.lowest())]);
    }
    let lowest = partial.lowest();
    Some(match operator {
        Operator::Greater => vec![comparison(Operator::AtLeast, Version::of_numbers(next, Vec::new()))],
        Operator::AtMost => vec![below(next)],
        Operator::Less => vec![below([major, partial.minor.unwrap_or(0), 0])],
        Operator::AtLeast => vec![comparison(Operator::AtLeast, lowest)],
        _ => vec![comparison(Operator::AtLeast, lowest), below(next)],
    })
}

/// Python's (PEP 440) and Ruby's: comparisons with commas between them, all of which must hold.
fn list(runtime: Runtime, text: &str) -> Option<Range> {
    let mut all = Vec::new();
    for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        all.extend(listed(runtime, one)?);
    }
    (!all.is_empty()).then(|| Range { alternatives: vec![all] })
}

fn listed(runtime: Runtime, text: &str) -> Option<Vec<Comparison>> {
    let signs = ["===", "~=", "~>", "==", "!=", "<=", ">=", "<", ">", "="];
    let sign = signs.into_iter().find(|sign| text.starts_with(sign))?;
    let rest = text[sign.len()..].trim();
    let is_open = rest.ends_with(".*");
    let (core, pre) = listed_version(runtime, rest.strip_suffix(".*").unwrap_or(rest))?;
    let padded = [0, 1, 2].map(|at| core.get(at).copied().unwrap_or(0));
    let version = Version::of_numbers(padded, pre);
    let next = |count: usize| -> Comparison {
        let mut upper = [0; 3];
        upper[..count].copy_from_slice(&padded[..count]);
        upper[count - 1] += 1;
        below(upper)
    };
    Some(match (sign, is_open) {
        ("~=" | "~>", false) if core.len() >= 2 => {
            vec![comparison(Operator::AtLeast, version), next(core.len() - 1)]
        }
        ("~>", false) => vec![comparison(Operator::AtLeast, version), next(1)],
        ("==" | "=", true) => vec![comparison(Operator::AtLeast, version), next(core.len())],
        ("!=", true) => vec![comparison(Operator::Unlike(core.len()), version)],
        (_, true) => return None,
        ("===" | "==" | "=", false) => vec![comparison(Operator::Equal, version)],
        ("!=", false) => vec![comparison(Operator::NotEqual, version)],
        ("<=", false) => vec![comparison(Operator::AtMost, version)],
        (">=", false) => vec![comparison(Operator::AtLeast, version)],
        ("<", false) => vec![comparison(Operator::Less, version)],
        (">", false) => vec![comparison(Operator::Greater, version)],
        _ => return None,
    })
}

/// Up to three numbers, and what stands behind them before a final version.
fn listed_version(runtime: Runtime, text: &str) -> Option<(Vec<u64>, Vec<Part>)> {
    let core_end = text.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'.').unwrap_or(text.len());
    let numbers = text[..core_end].split('.').map(number).collect::<Option<Vec<u64>>>()?;
    if !(1..=3).contains(&numbers.len()) {
        return None;
    }
    if core_end == text.len() {
        return Some((numbers, Vec::new()));
    }
    let whole = [0, 1, 2].map(|at| numbers.get(at).copied().unwrap_or(0));
    let whole = format!("{}.{}.{}{}", whole[0], whole[1], whole[2], &text[core_end..]);
    let version = Version::parse(runtime, &whole)?;
    Some((numbers, version.into_pre()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(range: &str, version: &str) -> bool {
        Range::parse(Runtime::Python, range).unwrap().contains(&Version::parse(Runtime::Python, version).unwrap())
    }

    /// Made by tests/fixtures/npm-ranges.mjs with npm's own `semver`.
    #[test]
    fn npms_ranges_hold_what_npm_says() {
        let mut lines = include_str!("../../tests/fixtures/npm-ranges.txt").lines();
        let versions: Vec<Version> = lines
            .next()
            .unwrap()
            .split(' ')
            .map(|text| Version::parse(Runtime::Node, text).unwrap_or_else(|| panic!("{text}")))
            .collect();
        let (mut wrong, mut asked) = (Vec::new(), 0);
        for line in lines {
            let (text, expected) = line.split_once('\t').unwrap();
            let places = |range: &Range| {
                let inside = versions.iter().enumerate().filter(|(_, version)| range.contains(version));
                inside.map(|(at, _)| at.to_string()).collect::<Vec<_>>().join(" ")
            };
            let answer = npm(text).as_ref().map_or("!".to_owned(), places);
            asked += 1;
            if answer != expected {
                wrong.push(format!("{text:?}: {answer} and not {expected}"));
            }
        }
        assert!(asked > 2000, "{asked}");
        assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn pythons_lists_are_those_of_pep_440() {
        for (range, inside, outside) in [
            (">=3.9,<4", "3.13.0", "3.8.20"),
            ("~=3.11", "3.13.0", "3.10.0"),
            ("~=3.11.2", "3.11.9", "3.12.0"),
            ("==3.12.*", "3.12.7", "3.13.0"),
            ("!=3.12.*,>=3.11", "3.13.0", "3.12.7"),
            (">=3.8,!=3.9.0", "3.9.1", "3.9.0"),
            (">=3.13", "3.13.0", "3.14.0rc1"),
            (">= 3.14.0rc1", "3.14.0rc2", "3.14.0b1"),
            ("^3.11", "3.13.0", "3.10.0"),
        ] {
            assert!(python(range, inside), "{inside} is in {range}");
            assert!(!python(range, outside), "{outside} is not in {range}");
        }
        for bad in ["", ">=", "3.12 and more", "~=3.12.*", ">=3..1", ">=3.9;python"] {
            assert_eq!(list(Runtime::Python, bad), None, "{bad}");
        }
    }

    #[test]
    fn rubys_pessimists_are_bundlers() {
        let ruby = |range: &str, version: &str| {
            Range::parse(Runtime::Ruby, range).unwrap().contains(&Version::parse(Runtime::Ruby, version).unwrap())
        };
        assert!(ruby("~> 3.2", "3.4.1") && !ruby("~> 3.2", "4.0.0") && !ruby("~> 3.2.1", "3.3.0"));
        assert!(ruby(">= 3.1, < 3.4", "3.3.9") && !ruby(">= 3.1, < 3.4", "3.4.0"));
    }
}
