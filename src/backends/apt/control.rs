//! Reads deb822 text (`Packages`, dpkg's `status`, `Release`, `sources`, `preferences`) without copying it.
//!
//! It knows stanzas, fields and continuation lines; what a field means is for `record` and the other readers.

use memchr::memchr;
use std::borrow::Cow;

/// One stanza: `(name, value)` in the order of the text. A value is what stands after the colon, trimmed, with its
/// continuation lines as they are in the text.
pub type Stanza<'a> = Vec<(&'a str, &'a str)>;

/// The stanzas of a text, one after the other.
pub struct Stanzas<'a> {
    rest: &'a str,
    comments: bool,
}

impl<'a> Stanzas<'a> {
    /// For data files, where `#` has no meaning.
    pub fn new(text: &'a str) -> Stanzas<'a> {
        Stanzas { rest: text, comments: false }
    }

    /// For files that people write: lines that begin with `#` are comments.
    pub fn with_comments(text: &'a str) -> Stanzas<'a> {
        Stanzas { rest: text, comments: true }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a str {
        self.rest
    }

    /// Puts the next stanza into `stanza` (which keeps its room); false at the end of the text.
    pub fn read_into(&mut self, stanza: &mut Stanza<'a>) -> bool {
        self.read_fields_into(stanza, |_| true)
    }

    /// The same for the fields alone whose names begin with one of these bytes, which is much faster; stanzas that have
    /// none of them are read over.
    pub fn skim_into(&mut self, initials: &[u8], stanza: &mut Stanza<'a>) -> bool {
        self.read_fields_into(stanza, |initial| initials.contains(&initial.to_ascii_uppercase()))
    }

    #[inline(always)]
    fn read_fields_into(&mut self, stanza: &mut Stanza<'a>, wanted: impl Fn(u8) -> bool + Copy) -> bool {
        stanza.clear();
        let text = self.rest;
        let bytes = text.as_bytes();
        let mut at = 0;
        // Where the value of the field being read begins and where its last line ends.
        let mut open: Option<(&'a str, usize, usize)> = None;
        // Whether the field being read is one that is not wanted.
        let mut skipping = false;
        while at < bytes.len() {
            let (end, next) = match memchr(b'\n', &bytes[at..]) {
                Some(length) => (at + length, at + length + 1),
                None => (bytes.len(), bytes.len()),
            };
            let start = at;
            at = next;
            match bytes[start] {
                b' ' | b'\t' => {
                    if let Some((_, _, value_end)) = &mut open {
                        *value_end = end;
                    }
                }
                b'\n' => {
                    if open.is_some() || skipping {
                        break;
                    }
                }
                b'\r' if end <= start + 1 => {
                    if open.is_some() || skipping {
                        break;
                    }
                }
                b'#' if self.comments => {}
                initial => {
                    if let Some((name, from, to)) = open.take() {
                        stanza.push((name, text[from..to].trim_ascii()));
                    }
                    skipping = !wanted(initial);
                    if skipping {
                        continue;
                    }
                    // A line without a colon is no field; it also ends the one before.
                    if let Some(colon) = memchr(b':', &bytes[start..end]) {
                        open = Some((text[start..start + colon].trim_ascii_end(), start + colon + 1, end));
                    }
                }
            }
        }
        self.rest = &text[at..];
        if let Some((name, from, to)) = open {
            stanza.push((name, text[from..to].trim_ascii()));
        }
        !stanza.is_empty() || (at < bytes.len() && self.read_fields_into(stanza, wanted))
    }
}

/// The value of `name` (any case); empty where the stanza has none.
pub fn value<'a>(stanza: &Stanza<'a>, name: &str) -> &'a str {
    stanza.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

/// Bytes as text; what is no UTF-8 is replaced, since names and versions never have it and descriptions may.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// What shows that a file was cut short: its writers end each line. An empty one is none.
pub fn cut_short(bytes: &[u8]) -> Option<&'static str> {
    bytes.last().is_some_and(|last| *last != b'\n').then_some("truncated: its last line has no end")
}

/// `value` on one line: each line break with the blanks around it becomes a space.
pub fn unfold(value: &str, into: &mut String) {
    for (number, line) in value.lines().map(str::trim_ascii).filter(|line| !line.is_empty()).enumerate() {
        if number > 0 {
            into.push(' ');
        }
        into.push_str(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Stanza<'_>> {
        let (mut stanzas, mut out, mut stanza) = (Stanzas::new(text), Vec::new(), Vec::new());
        while stanzas.read_into(&mut stanza) {
            out.push(stanza.clone());
        }
        out
    }

    #[test]
    fn continuation_lines_belong_to_the_value() {
        let read = all("Package: a\nDescription: one\n two\n .\n three\nTag: x,\n y\n\n\nPackage: b\n");
        assert_eq!(read.len(), 2);
        assert_eq!(read[0][1], ("Description", "one\n two\n .\n three"));
        assert_eq!(value(&read[0], "tag"), "x,\n y");
        assert_eq!(read[1], [("Package", "b")]);
    }

    #[test]
    fn line_ends_of_other_systems_and_a_missing_last_one() {
        let read = all("Package: a\r\nVersion: 1\r\n\r\nPackage:b\r\nX:  y ");
        assert_eq!(read, [vec![("Package", "a"), ("Version", "1")], vec![("Package", "b"), ("X", "y")]]);
    }

    #[test]
    fn text_that_is_no_control_file_gives_nothing_and_no_panic() {
        assert!(all("\n\n\n").is_empty());
        assert!(all(" orphan continuation\n").is_empty());
        assert!(all("no colon here\n\nnor here").is_empty());
        assert_eq!(all("garbage\n\nPackage: a\n"), [vec![("Package", "a")]]);
        assert_eq!(all(":\n"), [vec![("", "")]]);
        assert_eq!(all("\rX: y"), [vec![("\rX", "y")]]);
    }

    #[test]
    fn skimming_finds_the_same_stanzas() {
        let text =
            "Package: a\nSection: x\n y\n\nSection: only\n\npackage: b\nVersion: 1\n 2\nZ: z\nProvides: c\n\n\nZ: z\n";
        let (mut stanzas, mut out, mut stanza) = (Stanzas::new(text), Vec::new(), Vec::new());
        while stanzas.skim_into(b"PV", &mut stanza) {
            out.push(stanza.clone());
        }
        let whole: Vec<Stanza<'_>> = all(text)
            .into_iter()
            .map(|stanza| stanza.into_iter().filter(|(name, _)| b"pPV".contains(&name.as_bytes()[0])).collect())
            .filter(|stanza: &Stanza<'_>| !stanza.is_empty())
            .collect();
        assert_eq!(out, whole);
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn comments_only_where_they_are_wanted() {
        let text = "# c\nPackage: *\n# c2\nPin: release a=x\n#\n\n# only a comment\n\nPackage: b\n";
        let (mut stanzas, mut stanza) = (Stanzas::with_comments(text), Vec::new());
        assert!(stanzas.read_into(&mut stanza));
        assert_eq!(stanza, [("Package", "*"), ("Pin", "release a=x")]);
        assert!(stanzas.read_into(&mut stanza));
        assert_eq!(stanza, [("Package", "b")]);
        assert!(!stanzas.read_into(&mut stanza));
    }

    #[test]
    fn unfolded_values_are_one_line() {
        let mut line = String::new();
        unfold("a,\n b,\n  c", &mut line);
        assert_eq!(line, "a, b, c");
    }
}
