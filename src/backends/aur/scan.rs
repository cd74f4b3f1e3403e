//! A JSON reader for one purpose: long arrays of small objects that arrive in pieces, most of whose text is copied once
//! and never looked at again.
//!
//! It builds no tree. Its caller says what it expects next, and is told to bring more bytes where the piece ends too soon.
//! It accepts a little more than the standard in what it skips (`-` or `1.e` pass for a number); what it hands out is
//! checked, but for being UTF-8, which the caller does once for many strings.
//!
//! serde_json with structs that borrow needs about twice the time, and the whole text in memory.

use std::borrow::Cow;

/// Why a value could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bytes end within the value.
    More,
    /// The bytes are not the JSON expected.
    Bad(&'static str),
}

pub type Step<T> = Result<T, Stop>;

/// How deep skipped values may nest.
const MAX_DEPTH: usize = 32;

pub struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Scan { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space, not yet read.
    pub fn peek(&mut self) -> Step<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(Stop::More)
    }

    pub fn expect(&mut self, wanted: u8, otherwise: &'static str) -> Step<()> {
        if self.peek()? != wanted {
            return Err(Stop::Bad(otherwise));
        }
        self.at += 1;
        Ok(())
    }

    /// After an element of an array or object: whether another follows. Reads the comma or the closing bracket.
    pub fn another(&mut self, close: u8) -> Step<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Ok(true),
            _ if byte == close => Ok(false),
            _ => Err(Stop::Bad("neither a comma nor a closing bracket after a value")),
        }
    }

    /// At the start of an array or object: whether it has any element. Reads the brackets.
    pub fn open(&mut self, open: u8, close: u8) -> Step<bool> {
        self.expect(open, "not the array or object expected")?;
        if self.peek()? != close {
            return Ok(true);
        }
        self.at += 1;
        Ok(false)
    }

    /// A key and its colon.
    pub fn key(&mut self) -> Step<Cow<'a, [u8]>> {
        self.expect(b'"', "a key is not a string")?;
        let rest = &self.bytes[self.at..];
        let end = plain_until(rest).ok_or(Stop::More)?;
        let key = if rest[end] == b'"' {
            self.at += end + 1;
            Cow::Borrowed(&rest[..end])
        } else {
            let mut unescaped = Vec::new();
            self.rest_of_string(&mut unescaped)?;
            Cow::Owned(unescaped)
        };
        self.expect(b':', "no colon after a key")?;
        Ok(key)
    }

    /// Appends a string to `out`, with every escape resolved and control characters turned to spaces.
    pub fn string(&mut self, out: &mut Vec<u8>) -> Step<()> {
        self.expect(b'"', "not the string expected")?;
        self.rest_of_string(out)
    }

    fn rest_of_string(&mut self, out: &mut Vec<u8>) -> Step<()> {
        loop {
            let rest = &self.bytes[self.at..];
            let end = plain_until(rest).ok_or(Stop::More)?;
            out.extend_from_slice(&rest[..end]);
            self.at += end + 1;
            match rest[end] {
                b'"' => return Ok(()),
                b'\\' => self.escape(out)?,
                _ => return Err(Stop::Bad("a control character in a string")),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, out: &mut Vec<u8>) -> Step<()> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::More)?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'/' => out.push(byte),
            b'b' | b'f' | b'n' | b'r' | b't' => out.push(b' '),
            b'u' => {
                let character = self.unicode()?;
                let character = if character.is_control() { ' ' } else { character };
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return Err(Stop::Bad("an unknown escape in a string")),
        }
        Ok(())
    }

    /// The four digits after `\u`, and the second half of a surrogate pair. A half alone becomes U+FFFD.
    fn unicode(&mut self) -> Step<char> {
        let first = self.four_digits(self.at)?;
        self.at += 4;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        match self.bytes.get(self.at..self.at + 2) {
            None => return Err(Stop::More),
            Some(b"\\u") => {}
            Some(_) => return Ok(char::REPLACEMENT_CHARACTER),
        }
        let second = self.four_digits(self.at + 2)?;
        if !(0xdc00..0xe000).contains(&second) {
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        self.at += 6;
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&self, at: usize) -> Step<u32> {
        let digits = self.bytes.get(at..at + 4).ok_or(Stop::More)?;
        digits.iter().try_fold(0, |code, digit| {
            let digit = (*digit as char).to_digit(16).ok_or(Stop::Bad("a bad \\u escape in a string"))?;
            Ok(code << 4 | digit)
        })
    }

    /// The text of a number.
    pub fn number(&mut self) -> Step<&'a [u8]> {
        self.peek()?;
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let end = end.ok_or(Stop::More)?;
        if !rest[..end].iter().any(u8::is_ascii_digit) {
            return Err(Stop::Bad("not the number expected"));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    /// Reads a `null` if one is next.
    pub fn null(&mut self) -> Step<bool> {
        if self.peek()? != b'n' {
            return Ok(false);
        }
        self.word(b"null")?;
        Ok(true)
    }

    fn word(&mut self, word: &'static [u8]) -> Step<()> {
        let there = self.bytes.get(self.at..self.at + word.len()).ok_or(Stop::More)?;
        if there != word {
            return Err(Stop::Bad("an unknown word"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes over a value of any kind.
    pub fn skip(&mut self) -> Step<()> {
        self.skip_at(0)
    }

    fn skip_at(&mut self, depth: usize) -> Step<()> {
        if depth > MAX_DEPTH {
            return Err(Stop::Bad("nested too deep"));
        }
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.skip_string()
            }
            b'[' => {
                let mut more = self.open(b'[', b']')?;
                while more {
                    self.skip_at(depth + 1)?;
                    more = self.another(b']')?;
                }
                Ok(())
            }
            b'{' => {
                let mut more = self.open(b'{', b'}')?;
                while more {
                    self.key()?;
                    self.skip_at(depth + 1)?;
                    more = self.another(b'}')?;
                }
                Ok(())
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number().map(drop),
        }
    }

    fn skip_string(&mut self) -> Step<()> {
        loop {
            let rest = &self.bytes[self.at..];
            let end = plain_until(rest).ok_or(Stop::More)?;
            match rest[end] {
                b'"' => {
                    self.at += end + 1;
                    return Ok(());
                }
                b'\\' if rest.len() < end + 2 => return Err(Stop::More),
                b'\\' => self.at += end + 2,
                _ => return Err(Stop::Bad("a control character in a string")),
            }
        }
    }
}

/// Where the first quote, backslash or control character is.
///
/// Eight bytes at a time, in line: most strings here are shorter than what a call to a vectorised search costs (memchr2
/// instead makes the whole reader a third slower).
#[inline]
fn plain_until(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // The high bit of every byte that is below `limit` (up to 0x80); bytes above the first such one may be marked falsely.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        let found =
            below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1) | below(word, 0x20);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).map(|found| at + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Step<String> {
        let mut out = Vec::new();
        Scan::new(json.as_bytes()).string(&mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn strings_agree_with_another_reader_of_json() {
        for json in
            [r#""""#, r#""a b""#, r#""\"\\\/""#, r#""\u00e9\u20AC""#, r#""\ud83d\ude00!""#, "\"é €\"", r#""a\u0022b""#]
        {
            assert_eq!(text(json), Ok(serde_json::from_str::<String>(json).unwrap()), "{json}");
        }
        assert_eq!(text(r#""a\nb\u0007c\u0085""#).as_deref(), Ok("a b c "), "one line, no control characters");
        assert_eq!(text(r#""\ud83d.\ude00""#).as_deref(), Ok("\u{fffd}.\u{fffd}"), "halves of a pair");
        assert_eq!(text(r#""\ud83dA""#).as_deref(), Ok("\u{fffd}A"));
    }

    #[test]
    fn the_end_of_plain_text_is_found_at_every_place_and_for_every_byte() {
        for byte in 0..=255u8 {
            for place in 0..20 {
                for around in [b'a', 0x21, 0x23, 0x5b, 0x5d, 0x20, 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                    let mut bytes = [around; 20];
                    bytes[place] = byte;
                    let slow = bytes.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20);
                    assert_eq!(plain_until(&bytes), slow, "{byte} at {place} among {around}");
                }
            }
        }
    }

    #[test]
    fn every_prefix_of_a_value_asks_for_more() {
        let json = br#"{"a": [1, {"b\u0041": "\ud83d\ude00\n"}, -2.5e3, true, null], "c": {}} "#;
        for cut in 0..json.len() - 1 {
            assert_eq!(Scan::new(&json[..cut]).skip(), Err(Stop::More), "cut at {cut}");
        }
        let mut whole = Scan::new(json);
        assert_eq!(whole.skip(), Ok(()));
        assert_eq!(whole.position(), json.len() - 1);
        for cut in 0..9 {
            assert_eq!(text(&r#""\ud83d\ude00""#[..cut]), Err(Stop::More), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_not_json_is_told() {
        for json in ["\"a\nb\"", r#""\x""#, r#""\u12g4""#, "[", "1"] {
            assert!(matches!(text(&format!("{json} ")), Err(Stop::Bad(_))), "{json}");
        }
        for json in ["[1 2]", "{1:2}", "{\"a\" 1}", "nil!", "?", "[,]", &"[".repeat(100)] {
            assert!(matches!(Scan::new(format!("{json} ").as_bytes()).skip(), Err(Stop::Bad(_))), "{json}");
        }
    }
}
