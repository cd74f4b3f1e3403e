//! Python's versions, as PEP 440 has them, and its names, as PEP 503 has those.
//!
//! Own code, since the published crate refuses numbers that do not fit 64 bits, which dates and hashes in local parts do not.

use super::{by_number, by_place, is_number};
use std::borrow::Cow;
use std::cmp::Ordering;

#[derive(Clone, Debug)]
pub struct Version<'t> {
    epoch: &'t str,
    /// With dots, without the zeros at its end.
    release: &'t str,
    /// `a`, `b` or `c`, and the number.
    pre: Option<(u8, &'t str)>,
    post: Option<&'t str>,
    dev: Option<&'t str>,
    local: Option<&'t str>,
}

impl<'t> Version<'t> {
    pub fn parse(text: &'t str) -> Option<Version<'t>> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, local) = text.split_once('+').map_or((text, None), |(text, local)| (text, Some(local)));
        let (epoch, text) = text.split_once('!').unwrap_or(("0", text));
        let end = text.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'.').unwrap_or(text.len());
        // A dot before a word belongs to the word.
        let release = text[..end].strip_suffix('.').unwrap_or(&text[..end]);
        let mut rest = Rest(&text[release.len()..]);
        let pre = rest.word(&PRE);
        let post = rest.plain_post().or_else(|| rest.word(&POST).map(|(_, number)| number));
        let dev = rest.word(&DEV).map(|(_, number)| number);
        let is_local = |local: &str| {
            local.split(['.', '-', '_']).all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
        };
        let is_version = is_number(epoch) && release.split('.').all(is_number) && rest.0.is_empty();
        (is_version && local.is_none_or(is_local)).then(|| {
            // Zeros of one place alone: those of `1.10` are its own.
            let mut release = release;
            while let Some((before, last)) = release.rsplit_once('.') {
                if last.bytes().any(|digit| digit != b'0') {
                    break;
                }
                release = before;
            }
            Version { epoch, release, pre, post, dev, local }
        })
    }

    pub fn compare(&self, other: &Version) -> Ordering {
        let number = |a: &&str, b: &&str| by_number(a, b);
        by_number(self.epoch, other.epoch)
            .then_with(|| by_place(self.release.split('.'), other.release.split('.'), number))
            .then_with(|| {
                let ((a, a_number), (b, b_number)) = (self.stage(), other.stage());
                a.cmp(&b).then_with(|| by_number(a_number, b_number))
            })
            .then_with(|| by_place(self.post.iter(), other.post.iter(), |a, b| by_number(a, b)))
            .then_with(|| match (self.dev, other.dev) {
                (Some(a), Some(b)) => by_number(a, b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            })
            .then_with(|| match (self.local, other.local) {
                (Some(a), Some(b)) => {
                    by_place(a.split(['.', '-', '_']), b.split(['.', '-', '_']), |a, b| by_local(a, b))
                }
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
    }

    /// What is only in development comes before every pre-release, and a release or what follows it behind them.
    fn stage(&self) -> (u8, &str) {
        match (self.pre, self.post, self.dev) {
            (Some(pre), ..) => pre,
            (None, None, Some(_)) => (0, ""),
            _ => (u8::MAX, ""),
        }
    }
}

/// Words come before numbers.
fn by_local(a: &str, b: &str) -> Ordering {
    let lower = |text: &str| text.to_ascii_lowercase();
    match (is_number(a), is_number(b)) {
        (true, true) => by_number(a, b),
        (false, false) => lower(a).cmp(&lower(b)),
        (a_is, b_is) => a_is.cmp(&b_is),
    }
}

/// A word stands before those that it begins with.
const PRE: [(&str, u8); 8] = [
    ("alpha", b'a'),
    ("beta", b'b'),
    ("preview", b'c'),
    ("pre", b'c'),
    ("rc", b'c'),
    ("a", b'a'),
    ("b", b'b'),
    ("c", b'c'),
];
const POST: [(&str, u8); 3] = [("post", 0), ("rev", 0), ("r", 0)];
const DEV: [(&str, u8); 1] = [("dev", 0)];

struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    /// A word, and its number: `a1`, `.rc-1`, `_DEV`. Without a number it is the nought.
    fn word(&mut self, words: &[(&str, u8)]) -> Option<(u8, &'t str)> {
        const SIGNS: [char; 3] = ['.', '-', '_'];
        let text = self.0.strip_prefix(SIGNS).unwrap_or(self.0);
        let starts = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let (word, kind) = words.iter().find(|(word, _)| starts(word))?;
        let rest = &text[word.len()..];
        let rest = rest.strip_prefix(SIGNS).unwrap_or(rest);
        Some((*kind, self.digits(rest)))
    }

    /// `1.0-1` is `1.0.post1`.
    fn plain_post(&mut self) -> Option<&'t str> {
        let rest = self.0.strip_prefix('-').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))?;
        Some(self.digits(rest))
    }

    /// The digits at the start, and goes on behind them.
    fn digits(&mut self, text: &'t str) -> &'t str {
        let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        self.0 = &text[end..];
        &text[..end]
    }
}

/// In small letters, with one hyphen for each run of `-`, `_` and `.`.
pub fn normal_name(name: &str) -> Cow<'_, str> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_plain && !name.contains("--") {
        return Cow::Borrowed(name);
    }
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            _ => normal.extend(c.to_lowercase()),
        }
    }
    Cow::Owned(normal)
}
