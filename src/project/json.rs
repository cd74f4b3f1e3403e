//! Members of JSON objects with the line each stands on. serde_json reads; what is here finds out where it was.

use super::file::Lines;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A JSON text.
pub(super) struct Document<'t> {
    text: &'t str,
    lines: Lines,
}

/// A value, as it was written.
pub(super) type Raw<'t> = &'t RawValue;

impl<'t> Document<'t> {
    pub fn new(text: &'t str) -> Document<'t> {
        Document { text, lines: Lines::of(text) }
    }

    /// The members of the outermost object.
    pub fn members(&self) -> Result<Vec<(String, Raw<'t>)>, String> {
        members(self.text).map_err(|error| error.to_string())
    }

    /// The members of the object that the outermost one has under this name; none where it has none.
    pub fn members_of(&self, name: &str) -> Result<Vec<(String, Raw<'t>)>, String> {
        let Some(value) = member(&self.members()?, name) else { return Ok(Vec::new()) };
        object(value).ok_or_else(|| format!("line {}: \"{name}\" is no object", self.line(value)))
    }

    /// The line of a value of this text.
    pub fn line(&self, value: Raw<'t>) -> u32 {
        // Values are slices of the text they were read from.
        self.lines.at((value.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize))
    }
}

/// The members of an object in the order they are written; of those with one name the last, as JSON.parse has it.
pub(super) fn members(text: &str) -> serde_json::Result<Vec<(String, Raw<'_>)>> {
    serde_json::from_str::<Members>(text).map(|members| members.0)
}

/// The same of a value that may be something else.
pub(super) fn object(value: Raw<'_>) -> Option<Vec<(String, Raw<'_>)>> {
    members(value.get()).ok()
}

pub(super) fn string(value: Raw<'_>) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

pub(super) fn strings(value: Raw<'_>) -> Option<Vec<String>> {
    serde_json::from_str(value.get()).ok()
}

pub(super) fn member<'t>(members: &[(String, Raw<'t>)], name: &str) -> Option<Raw<'t>> {
    members.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
}

struct Members<'t>(Vec<(String, Raw<'t>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut places: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
        let mut all: Vec<(String, Raw<'de>)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Raw<'de>>()? {
            match places.get(&key) {
                Some(place) => all[*place].1 = value,
                None => {
                    places.insert(key.clone(), all.len());
                    all.push((key, value));
                }
            }
        }
        Ok(Members(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_member_written_twice_the_last_counts() {
        let members = members(r#"{"a": 1, "b": 2, "a": 3}"#).unwrap();
        assert_eq!(
            members.iter().map(|(key, value)| (key.as_str(), value.get())).collect::<Vec<_>>(),
            [("a", "3"), ("b", "2")]
        );
    }
}
