//! JSON that is too large to be held as a tree: lists and objects whose members are handed on one by one.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Calls back with each item of a list, as it stands.
pub fn items<'t>(text: &'t [u8], mut each: impl FnMut(&'t RawValue)) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    Each { item: &mut |_, value| each(value), is_list: true }.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Calls back with the name and the value of each member of an object, as it stands.
pub fn members<'t>(text: &'t [u8], mut each: impl FnMut(&str, &'t RawValue)) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    Each { item: &mut each, is_list: false }.deserialize(&mut deserializer)?;
    deserializer.end()
}

struct Each<'f, 't> {
    item: &'f mut dyn FnMut(&str, &'t RawValue),
    is_list: bool,
}

impl<'t> DeserializeSeed<'t> for Each<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.is_list { deserializer.deserialize_seq(self) } else { deserializer.deserialize_map(self) }
    }
}

impl<'t> Visitor<'t> for Each<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_list { "a list" } else { "an object" })
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element::<&'t RawValue>()? {
            (self.item)("", value);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'t>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = object.next_key::<Name<'t>>()? {
            let value = object.next_value::<&'t RawValue>().map_err(A::Error::custom)?;
            (self.item)(&name, value);
        }
        Ok(())
    }
}

/// A name that is borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Name<'t>(#[serde(borrow)] Cow<'t, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_before_a_fault_are_told() {
        let mut seen = Vec::new();
        let result = members(br#"{"a": 1, "b\n": {"c": []}, "d"#, |name, value| {
            seen.push(format!("{name}={value}"));
        });
        assert!(result.is_err());
        assert_eq!(seen, ["a=1", "b\n={\"c\": []}"]);
        let mut count = 0;
        assert!(items(b"[1, [2], 3]", |_| count += 1).is_ok());
        assert_eq!(count, 3);
        assert!(items(b"{}", |_| ()).is_err() && items(b"[] []", |_| ()).is_err());
    }
}
