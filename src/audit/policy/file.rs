//! One `policy.toml`: read with care for who may have written it, and understood whole or not at all. A rule that is misspelt and
//! passed over would be worse than none.

use super::rule::{Demand, Key};
use super::{Grade, Layer, PROJECT, Policy, Rule};
use crate::audit::Who;
use crate::audit::signature::Verdict;
use crate::error::{Exit, Hinted};
use crate::model::{Severity, distance};
use anyhow::{Context, Result};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A longer file is no policy.
const MAX_BYTES: u64 = 1 << 20;

const MANUAL: &str = "omg-policy(1) lists what may stand there: `omg man policy`";

/// The text of a layer's file; `None` where there is none.
pub(super) fn read(layer: &Layer) -> Result<Option<String>> {
    let Layer { name, path } = layer;
    let describe = || format!("cannot read {}", path.display());
    // Whatever stands there, to open it takes no time.
    let file = File::options().read(true).custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32).open(path);
    let file = match file {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        file => file.with_context(describe)?,
    };
    let stat = file.metadata().with_context(describe)?;
    let refused = |what: &str, hint: &str| {
        let message = format!("{} is not believed: {what}", path.display());
        Err(Hinted::new(Exit::Failed, message, hint).into())
    };
    if !stat.is_file() || stat.len() > MAX_BYTES {
        return refused("it is no policy file", MANUAL);
    }
    if stat.mode() & 0o022 != 0 {
        return refused("others may write it", &format!("`chmod go-w {}`", path.display()));
    }
    if *name == PROJECT && ![0, rustix::process::geteuid().as_raw(), Who::of_process().uid].contains(&stat.uid()) {
        return refused("it belongs to somebody else", "have it removed, or go to another folder");
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).with_context(describe)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        fault(path, line, "is no UTF-8", MANUAL)
    })?;
    Ok(Some(text))
}

/// The rules that a text sets below those of the layers above.
pub(super) fn parse(text: &str, layer: &Layer, above: &Policy) -> Result<Vec<Rule>> {
    let file = PolicyFile { text, layer };
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        fault(&layer.path, file.line(&span), &error.message().replace('\n', " "), MANUAL)
    })?;
    let mut rules = Vec::new();
    for (name, value) in table.get_ref() {
        let Some(key) = Key::ALL.into_iter().find(|key| key.name() == name.get_ref()) else {
            return Err(file.unknown_key(name.get_ref(), &name.span()));
        };
        if let Some(lock) = above.lock_of(key) {
            return Err(file.locked(key, &name.span(), lock));
        }
        match key {
            Key::Banned => {
                for (pattern, span) in file.strings(key, value)? {
                    let pattern = file.pattern(key, &pattern, &span)?;
                    rules.push(file.rule(Demand::Banned(pattern), &span));
                }
            }
            _ => rules.push(file.rule(file.demand(key, value)?, &name.span())),
        }
    }
    rules.sort_by_key(|rule| (rule.demand.key(), rule.line));
    Ok(rules)
}

fn fault(path: &Path, line: usize, message: &str, hint: &str) -> anyhow::Error {
    Hinted::new(Exit::Failed, format!("{}:{line}: {message}", path.display()), hint).into()
}

struct PolicyFile<'f> {
    text: &'f str,
    layer: &'f Layer,
}

type Value<'v> = Spanned<DeValue<'v>>;

impl PolicyFile<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn rule(&self, demand: Demand, span: &Range<usize>) -> Rule {
        Rule { demand, layer: self.layer.name, file: self.layer.path.clone(), line: self.line(span) }
    }

    fn fault(&self, span: &Range<usize>, message: &str) -> anyhow::Error {
        fault(&self.layer.path, self.line(span), message, MANUAL)
    }

    fn unknown_key(&self, name: &str, span: &Range<usize>) -> anyhow::Error {
        let nearest = nearest(name);
        let hint = nearest.map_or(MANUAL.to_owned(), |nearest| format!("did you mean `{nearest}`?"));
        fault(&self.layer.path, self.line(span), &format!("unknown key `{name}`"), &hint)
    }

    /// Set to nothing it is set as well.
    fn locked(&self, key: Key, span: &Range<usize>, lock: &Rule) -> anyhow::Error {
        let message = format!("`{}` is locked by {}:{}", key.name(), lock.file.display(), lock.line);
        let hint = "take it out of this file, or out of `locked` in the other";
        fault(&self.layer.path, self.line(span), &message, hint)
    }

    /// Any key but `banned`.
    fn demand(&self, key: Key, value: &Value<'_>) -> Result<Demand> {
        let one_of = |names: &[&str]| -> Result<usize> {
            let word = self.string(key, value)?;
            names.iter().position(|name| *name == word).ok_or_else(|| {
                let message = format!("`{}` is one of {}, not {word:?}", key.name(), names.join(", "));
                self.fault(&value.span(), &message)
            })
        };
        Ok(match key {
            Key::Banned | Key::AllowedLicenses => Demand::Licenses(self.list(key, value)?),
            Key::AllowedOrigins => Demand::Origins(self.list(key, value)?),
            Key::RequiredSignatures => Demand::Signatures(match value.get_ref() {
                DeValue::Boolean(required) => *required,
                _ => return Err(self.wrong_type(key, "true or false", value)),
            }),
            Key::AcceptedSignatures => Demand::Accepted(self.verdicts(value)?),
            Key::MaxSeverity => Demand::Severity(Severity::ALL[one_of(&Severity::ALL.map(Severity::name))?]),
            Key::UnknownSeverityOrigins => Demand::UnknownSeverity(self.patterns(key, value)?),
            Key::MinimumGrade => Demand::Grade(Grade::ALL[one_of(&Grade::ALL.map(Grade::name))?]),
            Key::MinimumReleaseAge => {
                let text = self.string(key, value)?;
                Demand::ReleaseAgeHours(hours(text).ok_or_else(|| {
                    let message =
                        format!("`{}` is a time such as \"3 days\" or \"12 hours\", not {text:?}", key.name());
                    self.fault(&value.span(), &message)
                })?)
            }
            Key::Locked => Demand::Locked(self.keys(value)?),
        })
    }

    fn verdicts(&self, value: &Value<'_>) -> Result<Vec<Verdict>> {
        let key = Key::AcceptedSignatures;
        let verdict = |(name, span): (String, Range<usize>)| {
            let known = Verdict::ACCEPTABLE.into_iter().find(|verdict| verdict.name() == name);
            known.ok_or_else(|| {
                let names = Verdict::ACCEPTABLE.map(Verdict::name).join(", ");
                self.fault(&span, &format!("`{}` may have {names} in it, not {name:?}", key.name()))
            })
        };
        self.strings(key, value)?.into_iter().map(verdict).collect()
    }

    fn keys(&self, value: &Value<'_>) -> Result<Vec<Key>> {
        let names = self.strings(Key::Locked, value)?.into_iter();
        let key = |(name, span): (String, Range<usize>)| {
            let known = Key::ALL.into_iter().find(|key| key.name() == name);
            known.ok_or_else(|| self.unknown_key(&name, &span))
        };
        names.map(key).collect()
    }

    /// Patterns, of which there is one at least: nothing at all would be allowed by none, and hardly anybody means that.
    fn list(&self, key: Key, value: &Value<'_>) -> Result<Vec<String>> {
        let patterns = self.patterns(key, value)?;
        if patterns.is_empty() {
            let message = format!("`{}` is empty, which would allow nothing", key.name());
            return Err(self.fault(&value.span(), &message));
        }
        Ok(patterns)
    }

    fn patterns(&self, key: Key, value: &Value<'_>) -> Result<Vec<String>> {
        let strings = self.strings(key, value)?.into_iter();
        strings.map(|(pattern, span)| self.pattern(key, &pattern, &span)).collect()
    }

    /// A pattern that can match something.
    fn pattern(&self, key: Key, pattern: &str, span: &Range<usize>) -> Result<String> {
        let no_name =
            |c: char| c.is_control() || key != Key::AllowedLicenses && (c.is_whitespace() || "[]{}\\".contains(c));
        match pattern.is_empty() || pattern.trim() != pattern || pattern.contains(no_name) {
            false => Ok(pattern.to_owned()),
            true => {
                let message = format!("{pattern:?} in `{}` matches nothing: only * and ? stand for others", key.name());
                Err(self.fault(span, &message))
            }
        }
    }

    fn strings(&self, key: Key, value: &Value<'_>) -> Result<Vec<(String, Range<usize>)>> {
        let DeValue::Array(items) = value.get_ref() else {
            return Err(self.wrong_type(key, "a list of strings", value));
        };
        let string = |item: &Value<'_>| match item.get_ref() {
            DeValue::String(text) => Ok((text.to_string(), item.span())),
            _ => Err(self.wrong_type(key, "a list of strings", item)),
        };
        items.iter().map(string).collect()
    }

    fn string<'v>(&self, key: Key, value: &'v Value<'_>) -> Result<&'v str> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong_type(key, "a string", value)),
        }
    }

    fn wrong_type(&self, key: Key, wanted: &str, value: &Value<'_>) -> anyhow::Error {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.fault(&value.span(), &format!("`{}` is {wanted}; {found} stands there", key.name()))
    }
}

/// The key that was meant: at most a third of its letters is wrong.
fn nearest(name: &str) -> Option<&'static str> {
    let folded = name.replace('-', "_");
    let near = Key::ALL.into_iter().map(Key::name).filter_map(|known| {
        let edits = distance(folded.as_bytes(), known.as_bytes(), known.len() / 3)?;
        Some((edits, known))
    });
    near.min().map(|(_, known)| known)
}

/// `3 days`, `1 hour`.
fn hours(text: &str) -> Option<u32> {
    let (number, unit) = text.split_once(' ')?;
    let number: u32 = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    match unit {
        "hour" | "hours" => Some(number),
        "day" | "days" => number.checked_mul(24),
        _ => None,
    }
}
