//! Members of TOML tables with the line each stands on.

use super::file::Lines;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A TOML text.
pub(super) struct Document<'t> {
    table: Spanned<DeTable<'t>>,
    lines: Lines,
}

pub(super) type Value<'t> = Spanned<DeValue<'t>>;

impl<'t> Document<'t> {
    /// A text with an error in it gives nothing: half of it might be the other half's opposite.
    pub fn new(text: &'t str) -> Result<Document<'t>, String> {
        let lines = Lines::of(text);
        match DeTable::parse(text) {
            Ok(table) => Ok(Document { table, lines }),
            Err(error) => {
                let line = error.span().map_or(1, |span| lines.at(span.start));
                Err(format!("line {line}: {}", error.message()))
            }
        }
    }

    pub fn at(&self, keys: &[&str]) -> Option<&Value<'t>> {
        let (first, rest) = keys.split_first()?;
        let mut value = self.table.get_ref().get(*first)?;
        for key in rest {
            value = value.get_ref().as_table()?.get(*key)?;
        }
        Some(value)
    }

    /// The members of the table at this place with the lines of their names, in the order they are written.
    pub fn members(&self, keys: &[&str]) -> Vec<(&str, u32, &Value<'t>)> {
        self.at(keys).map_or(Vec::new(), |value| self.members_of(value))
    }

    pub fn members_of<'d>(&'d self, value: &'d Value<'t>) -> Vec<(&'d str, u32, &'d Value<'t>)> {
        let Some(table) = value.get_ref().as_table() else { return Vec::new() };
        let mut all: Vec<_> = table.iter().map(|(key, value)| (key.span().start, key.get_ref(), value)).collect();
        all.sort_by_key(|(at, ..)| *at);
        all.into_iter().map(|(at, key, value)| (&**key, self.lines.at(at), value)).collect()
    }
}

pub(super) fn string<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}

/// A list of strings; `None` where one of it is something else.
pub(super) fn strings(value: &Value<'_>) -> Option<Vec<String>> {
    value.get_ref().as_array()?.iter().map(|value| string(value).map(str::to_owned)).collect()
}

pub(super) fn member<'v, 't>(value: &'v Value<'t>, name: &str) -> Option<&'v Value<'t>> {
    value.get_ref().as_table()?.get(name)
}

/// A command that is written as text or as a list.
pub(super) fn command(value: &Value<'_>) -> Option<String> {
    string(value).map(str::to_owned).or_else(|| strings(value).map(|words| words.join(" ")))
}
