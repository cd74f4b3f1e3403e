//! What readers of JSON share: maps in their order, texts with their place.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The members of an object as they are written, and none where there is no object. Of those with one name the last is what
/// JavaScript sees, and what a map made of these keeps.
#[derive(Debug)]
pub(super) struct Members<V>(pub Vec<(String, V)>);

/// Members whose names alone are of interest.
pub(super) type Names = Members<IgnoredAny>;

impl<V> Default for Members<V> {
    fn default() -> Self {
        Members(Vec::new())
    }
}

impl<V> Members<V> {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Collect(PhantomData))
    }
}

struct Collect<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Collect<V> {
    type Value = Members<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<V>, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = map.next_entry()? {
            all.push(member);
        }
        Ok(Members(all))
    }

    // PHP writes an empty object as a list, and npm `"requires": true`.
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Members<V>, A::Error> {
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(Members::default()),
            Some(_) => Err(serde::de::Error::custom("expected an object and not a list")),
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Members<V>, E> {
        Ok(Members::default())
    }

    fn visit_unit<E>(self) -> Result<Members<V>, E> {
        Ok(Members::default())
    }
}

/// A value as it stands in the text. npm writes `false` in places where a text belongs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Placed<'t>(&'t str);

impl<'de: 't, 't> Deserialize<'de> for Placed<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'t RawValue>::deserialize(deserializer).map(|raw| Placed(raw.get()))
    }
}

impl<'t> Placed<'t> {
    pub fn of(raw: &'t RawValue) -> Placed<'t> {
        Placed(raw.get())
    }

    /// `None` for what is no text.
    pub fn text(self) -> Option<Cow<'t, str>> {
        let inside = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inside.contains('\\') {
            serde_json::from_str(self.0).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inside))
        }
    }
}

/// Which line of a text a part of it stands on.
pub(super) struct Lines<'t> {
    text: &'t str,
    ends: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub fn of(text: &'t str) -> Lines<'t> {
        Lines { text, ends: memchr::memchr_iter(b'\n', text.as_bytes()).collect() }
    }

    /// Counted from 1; 0 for what is no part of the text.
    pub fn line(&self, place: Placed) -> u32 {
        let offset = (place.0.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if offset < self.text.len() { self.at(offset) } else { 0 }
    }

    pub fn at(&self, offset: usize) -> u32 {
        1 + self.ends.partition_point(|end| *end < offset) as u32
    }
}
