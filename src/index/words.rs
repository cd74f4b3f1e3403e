//! How text is cut into words, for the writer of the index and for the searcher alike.

use crate::model::{Field, Source, relation};
use std::borrow::Cow;

/// The texts of a field that are searched beside names and summaries: long descriptions, groups, and what is provided, but
/// not in which version.
pub fn rest(source: Source, field: Field, text: &str) -> impl Iterator<Item = &str> {
    let whole = matches!(field, Field::LongDescription | Field::Groups).then_some(text);
    let provided = (field == Field::Provides).then(|| relation::names(source, text));
    whole.into_iter().chain(provided.into_iter().flatten())
}

/// `text` in lower case; borrowed where it already is.
pub fn lower(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if plain { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// The words of a text in lower case: runs of letters, digits, `+` and `#`. Whatever occurs in the text and is made of these
/// alone, occurs in one of its words; that is what makes a search of the words a search of the text.
pub fn words(lower: &str) -> impl Iterator<Item = &str> {
    lower.split(|c: char| !is_word(c)).filter(|word| !word.is_empty() && word.len() <= super::dictionary::MAX_STRING)
}

/// Whether a character belongs to words.
pub fn is_word(c: char) -> bool {
    // So that c++, gtk+ and c# are words.
    if c.is_ascii() { c.is_ascii_alphanumeric() || c == '+' || c == '#' } else { c.is_alphanumeric() }
}
