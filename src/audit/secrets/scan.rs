//! Secrets in bytes that come from anywhere, of any length: one window at a time, which overlap.
//!
//! One automaton looks for the literals of all rules at once. Only where one stands is its rule's pattern tried, on a few bytes around:
//! so the work grows with the length alone, whatever the bytes are. A rule's pattern is compiled when its literal is first met.

use super::Finding;
use super::assigned::{assigned, is_secret};
use super::check::{By, Sure, check};
use super::placeholder::is_sample;
use super::rules::{Check, RULES, Rule, Shape};
use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};
use anyhow::{Context, Result};
use regex::bytes::{Regex, RegexBuilder};
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::sync::OnceLock;

/// Read at once.
const WINDOW: usize = 1 << 20;
/// Behind a literal, its rule may look so far; a private key's armor is the longest there is.
const AFTER: usize = 16 << 10;
/// Of a rule whose pattern has to be searched for, and not only tried.
const AROUND_AFTER: usize = 512;
const AROUND_BEFORE: usize = 128;
/// Kept of the window before: what a rule or a name may look back.
const BEFORE: usize = 256;
/// A file that has more is made of them.
const MAX_FINDINGS: usize = 1000;
/// Files with a zero byte in so many first ones are no text.
const HEAD: usize = 8 << 10;
/// On the line of a secret, behind it, this says that it is meant to be there.
const ALLOW: &[u8] = b"omg:allow-secret";
const ALLOW_WITHIN: usize = 512;

/// The rules, made ready.
pub struct Scanner {
    literals: AhoCorasick,
    /// For each literal of the automaton, the place of its rule.
    rules: Vec<usize>,
    patterns: Vec<OnceLock<Option<Regex>>>,
}

/// What was found in one file or object.
#[derive(Debug, Default)]
pub struct Scanned {
    /// By where they stand; no two overlap.
    pub findings: Vec<Finding>,
    /// Findings that a comment beside them allows.
    pub allowed: usize,
    pub bytes: u64,
    /// There are more findings than are kept.
    pub is_cut: bool,
}

/// A place in a window that a rule fits.
struct Hit {
    secret: Range<usize>,
    rule: usize,
    sure: Sure,
}

impl Scanner {
    pub fn new() -> Result<Scanner> {
        let all = RULES.iter().enumerate().flat_map(|(at, rule)| rule.literals().map(move |literal| (at, literal)));
        let (rules, literals): (Vec<usize>, Vec<&str>) = all.unzip();
        let literals = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals)
            .context("the rules' literals are too many")?;
        Ok(Scanner { literals, rules, patterns: RULES.iter().map(|_| OnceLock::new()).collect() })
    }

    /// Reads to the end. `buffer` is room that may be used again.
    pub fn scan(&self, input: impl Read, buffer: &mut Vec<u8>) -> std::io::Result<Scanned> {
        self.scan_by(WINDOW, input, buffer)
    }

    /// As [`Scanner::scan`], with another window; what is found is the same.
    pub fn scan_by(&self, window: usize, mut input: impl Read, buffer: &mut Vec<u8>) -> std::io::Result<Scanned> {
        let mut out = Scanned::default();
        let mut found: Vec<(Range<u64>, usize, Finding)> = Vec::new();
        let (mut from, mut base, mut lines) = (0, 0u64, Lines::default());
        let mut is_text = true;
        let room = window.max(2 * AFTER);
        // Made once for many files; it is never emptied, which would be to fill it with zeros for each.
        if buffer.len() != room {
            buffer.resize(room, 0);
        }
        let mut filled = 0;
        loop {
            filled += fill(&mut input, &mut buffer[filled..])?;
            let (text, is_end) = (&buffer[..filled], filled < room);
            if base == 0 {
                is_text = !text[..text.len().min(HEAD)].contains(&0);
            }
            let end = if is_end { filled } else { filled - AFTER };
            self.hits(text, from..end, is_text, &mut |hit| {
                let place = base + hit.secret.start as u64..base + hit.secret.end as u64;
                if is_allowed(text, hit.secret.end) {
                    out.allowed += 1;
                } else if found.len() < 2 * MAX_FINDINGS {
                    let (line, column) = lines.at(text, hit.secret.start);
                    let finding = Finding::new(&RULES[hit.rule], &text[hit.secret], hit.sure, line, column);
                    found.push((place, hit.rule, finding));
                } else {
                    out.is_cut = true;
                }
            });
            if is_end {
                out.bytes = base + filled as u64;
                break;
            }
            let gone = end - BEFORE;
            lines.pass(&text[..gone]);
            base += gone as u64;
            buffer.copy_within(gone.., 0);
            (filled, from) = (filled - gone, BEFORE);
        }
        out.findings = without_overlap(found);
        if out.findings.len() > MAX_FINDINGS {
            out.findings.truncate(MAX_FINDINGS);
            out.is_cut = true;
        }
        Ok(out)
    }

    /// Everything that a rule fits whose literal begins within `range`.
    fn hits(&self, text: &[u8], range: Range<usize>, is_text: bool, found: &mut dyn FnMut(Hit)) {
        // A literal may reach beyond where it has to begin.
        let until = text.len().min(range.end + 64);
        let input = Input::new(text).range(range.start..until);
        for literal in self.literals.find_overlapping_iter(input).filter(|literal| literal.start() < range.end) {
            let rule = self.rules[literal.pattern().as_usize()];
            let is_for_text = matches!(RULES[rule].shape, Shape::Value(_)) || RULES[rule].check == Check::Password;
            if is_text || !is_for_text {
                self.try_rule(text, literal.range(), rule).into_iter().for_each(&mut *found);
            }
        }
    }

    fn try_rule(&self, text: &[u8], literal: Range<usize>, at: usize) -> Option<Hit> {
        let rule = &RULES[at];
        let (mut by, mut prefix) = (By::Shape, 0);
        let secret = match rule.shape {
            Shape::After(_) => {
                let is_as_written = rule.literals().any(|word| word.as_bytes() == &text[literal.clone()]);
                if !is_as_written || !begins(text, literal.start) {
                    return None;
                }
                prefix = literal.end;
                let rest = &text[literal.end..text.len().min(literal.end + AFTER)];
                let groups = self.pattern(at, rule)?.captures(rest)?;
                match groups.get(1) {
                    Some(group) => literal.end + group.start()..literal.end + group.end(),
                    None => literal.start..literal.end + groups.get(0)?.end(),
                }
            }
            Shape::Around(_) => {
                let start = literal.start.saturating_sub(AROUND_BEFORE);
                let part = &text[start..text.len().min(literal.end + AROUND_AFTER)];
                let fits = |groups: &regex::bytes::Captures<'_>| {
                    groups
                        .get(0)
                        .is_some_and(|all| start + all.start() <= literal.start && literal.end <= start + all.end())
                };
                let groups = self.pattern(at, rule)?.captures_iter(part).find(fits)?;
                let group = groups.get(1).or(groups.get(0))?;
                let secret = start + group.start()..start + group.end();
                if !begins(text, secret.start) {
                    return None;
                }
                secret
            }
            Shape::Value(_) => {
                let assigned = assigned(text, literal)?;
                if !is_secret(&text[assigned.name]) || !self.pattern(at, rule)?.is_match(&text[assigned.value.clone()])
                {
                    return None;
                }
                by = if assigned.is_quoted { By::Name } else { By::NameOfWord };
                assigned.value
            }
        };
        let ends = !is_word(text[secret.end - 1]) || text.get(secret.end).is_none_or(|next| !is_word(*next));
        // A prefix that everybody knows says nothing of chance.
        let chosen = if rule.check == Check::Random { secret.start.max(prefix)..secret.end } else { secret.clone() };
        let sure = ends.then(|| check(rule.check, &text[chosen], by))??;
        (!is_sample(&text[secret.clone()])).then_some(Hit { secret, rule: at, sure })
    }

    fn pattern(&self, at: usize, rule: &Rule) -> Option<&Regex> {
        let made = self.patterns[at].get_or_init(|| {
            let pattern = match rule.shape {
                Shape::After(pattern) => format!("^(?:{pattern})"),
                Shape::Around(pattern) => pattern.to_owned(),
                Shape::Value(pattern) => format!("^(?:{pattern})$"),
            };
            RegexBuilder::new(&pattern).unicode(false).build().ok()
        });
        made.as_ref()
    }
}

/// Fills the room, unless the input ends before; how much that was.
fn fill(input: &mut impl Read, room: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < room.len() {
        match input.read(&mut room[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether something new begins here: not within a word, unless that is the `n` of a `\n` or the end of a `%3D`.
fn begins(text: &[u8], at: usize) -> bool {
    let before = &text[..at];
    !is_word(text[at])
        || !before.last().is_some_and(|byte| is_word(*byte))
        || matches!(before, [.., b'\\', b'n' | b'r' | b't'])
        || matches!(before, [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// Whether the rest of the line has the comment.
fn is_allowed(text: &[u8], end: usize) -> bool {
    let rest = &text[end..text.len().min(end + ALLOW_WITHIN)];
    let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
    memchr::memmem::find(line, ALLOW).is_some()
}

/// Of two that overlap the surer, then the one of the upper row.
fn without_overlap(mut found: Vec<(Range<u64>, usize, Finding)>) -> Vec<Finding> {
    found.sort_by_key(|(place, rule, finding)| (place.start, std::cmp::Reverse(finding.sure), *rule));
    let mut kept: Vec<(Range<u64>, usize, Finding)> = Vec::new();
    for next in found {
        match kept.last_mut() {
            Some(last) if next.0.start < last.0.end => {
                let is_better = (next.2.sure, std::cmp::Reverse(next.1)) > (last.2.sure, std::cmp::Reverse(last.1));
                if is_better {
                    *last = next;
                }
            }
            _ => kept.push(next),
        }
    }
    kept.into_iter().map(|(_, _, finding)| finding).collect()
}

/// Ends of lines that were passed.
#[derive(Default)]
struct Lines {
    passed: u64,
    /// Bytes of the line that the window begins in.
    begun: u64,
}

impl Lines {
    fn pass(&mut self, text: &[u8]) {
        self.passed += memchr::memchr_iter(b'\n', text).count() as u64;
        self.begun = match memchr::memrchr(b'\n', text) {
            Some(at) => (text.len() - at - 1) as u64,
            None => self.begun + text.len() as u64,
        };
    }

    /// Line and column, from 1; columns are bytes.
    fn at(&self, text: &[u8], at: usize) -> (u64, u64) {
        let before = &text[..at];
        let line = self.passed + memchr::memchr_iter(b'\n', before).count() as u64 + 1;
        let column = match memchr::memrchr(b'\n', before) {
            Some(newline) => (at - newline) as u64,
            None => self.begun + at as u64 + 1,
        };
        (line, column)
    }
}
