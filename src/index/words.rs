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

/// Whether [`rest`] gives anything of a field.
pub fn searched(field: Field) -> bool {
    matches!(field, Field::LongDescription | Field::Groups | Field::Provides)
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

/// Calls back with what `words(&lower(text))` gives. Nearly all text is ASCII, and then nothing of it is looked at twice.
pub fn each(text: &str, room: &mut Vec<u8>, mut word: impl FnMut(&[u8])) {
    if !text.is_ascii() {
        return words(&lower(text)).for_each(|found| word(found.as_bytes()));
    }
    room.clear();
    for &byte in text.as_bytes().iter().chain(b" ") {
        match LETTERS[usize::from(byte)] {
            0 if room.is_empty() => {}
            0 => {
                if room.len() <= super::dictionary::MAX_STRING {
                    word(room);
                }
                room.clear();
            }
            letter => room.push(letter),
        }
    }
}

/// For each byte of ASCII the letter it is in a word, 0 where it belongs to none.
const LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut byte = 0u8;
    while byte < 128 {
        if is_ascii_word(byte) {
            letters[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    letters
};

/// Whether a character belongs to words.
pub fn is_word(c: char) -> bool {
    if c.is_ascii() { is_ascii_word(c as u8) } else { c.is_alphanumeric() }
}

const fn is_ascii_word(byte: u8) -> bool {
    // So that c++, gtk+ and c# are words.
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'#'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_at_once_as_in_two_steps() {
        let long = "x".repeat(crate::index::dictionary::MAX_STRING);
        let texts =
            ["", " ", "a", "Gtk+ and C#, C++!", "ÄPFEL und Birnen", "\u{130}x", "tail-", &long, &format!("{long}x y")];
        let every: String = (0..=0x17f).filter_map(char::from_u32).flat_map(|c| [c, 'q']).collect();
        for text in texts.into_iter().chain([&*every, &every[..256]]) {
            let mut found = Vec::new();
            each(text, &mut Vec::new(), |word| found.push(String::from_utf8(word.to_vec()).unwrap()));
            assert_eq!(found, words(&lower(text)).collect::<Vec<_>>(), "{text:?}");
        }
    }
}
