//! The strings of a JSON text with the path and line of each, read in one pass without building a tree.
//!
//! It is more lenient than JSON: comments, trailing commas and anything that is cut short are tolerated, since a version
//! that is found is worth more than a complaint. It validates nothing.

/// Deeper nesting than this ends the reading; nothing of interest lies there.
const MAX_DEPTH: usize = 64;

/// A step of a path from the outermost value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Step::Key(key) => Some(key),
            Step::Index(_) => None,
        }
    }
}

/// Calls `visit(path, string, line)` for each string that is a value, in order.
pub(super) fn strings(text: &str, mut visit: impl FnMut(&[Step], &str, u32)) {
    let mut reader = Reader { text, at: 0, line: 1 };
    let mut path: Vec<Step> = Vec::new();
    // Whether the next string of the innermost object is a key.
    let mut at_key = false;
    while let Some(byte) = reader.token() {
        match byte {
            b'{' | b'[' if path.len() >= MAX_DEPTH => return,
            b'{' => {
                path.push(Step::Key(String::new()));
                at_key = true;
            }
            b'[' => {
                path.push(Step::Index(0));
                at_key = false;
            }
            b'}' | b']' => {
                path.pop();
                at_key = false;
            }
            b',' => match path.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                Some(Step::Key(_)) => at_key = true,
                None => {}
            },
            b'"' => {
                let line = reader.line;
                let Some(string) = reader.string() else { return };
                match path.last_mut() {
                    Some(Step::Key(key)) if at_key => {
                        *key = string;
                        at_key = false;
                    }
                    _ => visit(&path, &string, line),
                }
            }
            // Colons, and the letters of numbers, `true`, `false` and `null`.
            _ => {}
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl Reader<'_> {
    /// Steps over blanks and comments to the next byte, and over it.
    fn token(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            let byte = *bytes.get(self.at)?;
            self.at += 1;
            match (byte, bytes.get(self.at)) {
                (b'\n', _) => self.line += 1,
                (b' ' | b'\t' | b'\r', _) => {}
                (b'/', Some(b'/')) => {
                    while bytes.get(self.at).is_some_and(|&b| b != b'\n') {
                        self.at += 1;
                    }
                }
                (b'/', Some(b'*')) => {
                    self.at += 1;
                    while !bytes.get(self.at..)?.starts_with(b"*/") {
                        self.line += u32::from(*bytes.get(self.at)? == b'\n');
                        self.at += 1;
                    }
                    self.at += 2;
                }
                _ => return Some(byte),
            }
        }
    }

    /// The rest of a string whose quote has been read; `None` where it does not end.
    fn string(&mut self) -> Option<String> {
        let rest = self.text.get(self.at..)?;
        let mut out = String::new();
        let mut chars = rest.char_indices();
        loop {
            let (offset, c) = chars.next()?;
            match c {
                '"' => {
                    self.at += offset + 1;
                    return Some(out);
                }
                '\n' => {
                    self.line += 1;
                    out.push(c);
                }
                '\\' => match chars.next()?.1 {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    'b' => out.push('\u{8}'),
                    'f' => out.push('\u{c}'),
                    'u' => {
                        let unit = hex4(&mut chars)?;
                        out.push(self::char_of(unit, &mut chars));
                    }
                    other => out.push(other),
                },
                _ => out.push(c),
            }
        }
    }
}

fn hex4(chars: &mut std::str::CharIndices<'_>) -> Option<u32> {
    (0..4).try_fold(0, |value, _| Some(value * 16 + chars.next()?.1.to_digit(16)?))
}

/// A UTF-16 unit, joined with the second half of a pair where one follows.
fn char_of(unit: u32, chars: &mut std::str::CharIndices<'_>) -> char {
    if (0xd800..0xdc00).contains(&unit) {
        let mut ahead = chars.clone();
        if ahead.next().map(|c| c.1) == Some('\\')
            && ahead.next().map(|c| c.1) == Some('u')
            && let Some(low) = hex4(&mut ahead).filter(|low| (0xdc00..0xe000).contains(low))
        {
            *chars = ahead;
            let joined = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            return char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn ours(text: &str) -> Vec<(Vec<Step>, String)> {
        let mut all = Vec::new();
        strings(text, |path, string, _| all.push((path.to_vec(), string.to_owned())));
        all
    }

    fn theirs(value: &Value, path: &mut Vec<Step>, all: &mut Vec<(Vec<Step>, String)>) {
        match value {
            Value::String(string) => all.push((path.clone(), string.clone())),
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    path.push(Step::Index(index));
                    theirs(value, path, all);
                    path.pop();
                }
            }
            Value::Object(values) => {
                for (key, value) in values {
                    path.push(Step::Key(key.clone()));
                    theirs(value, path, all);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// A value made from the numbers, so that a failure can be made again.
    fn value(seed: &mut u64, depth: usize) -> Value {
        let mut next = |below: u64| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*seed >> 33) % below
        };
        const STRINGS: [&str; 8] = [
            "",
            "node",
            "a\"b\\",
            "// no comment",
            "/* nor */ [{,:",
            "\u{1}\n\t\u{7f}",
            "\u{1f600}\u{e9}",
            "^20 || >=22",
        ];
        match next(if depth > 4 { 5 } else { 8 }) {
            0 => Value::Null,
            1 => Value::Bool(true),
            2 => Value::from(-1.5e10),
            3 | 4 => Value::from(STRINGS[next(8) as usize]),
            5 => {
                let count = next(4);
                (0..count).map(|_| value(seed, depth + 1)).collect()
            }
            _ => {
                let count = next(5);
                let keys: Vec<String> = (0..count).map(|i| format!("{}{i}", STRINGS[next(8) as usize])).collect();
                Value::Object(keys.into_iter().map(|key| (key, value(seed, depth + 1))).collect())
            }
        }
    }

    #[test]
    fn finds_the_strings_serde_json_finds() {
        let mut seed = 20_261_121;
        let mut strings_seen = 0;
        for _ in 0..20_000 {
            let value = value(&mut seed, 0);
            let mut expected = Vec::new();
            theirs(&value, &mut Vec::new(), &mut expected);
            strings_seen += expected.len();
            assert_eq!(ours(&value.to_string()), expected, "{value}");
            assert_eq!(ours(&serde_json::to_string_pretty(&value).unwrap()), expected, "{value}");
        }
        assert!(strings_seen > 10_000, "{strings_seen}");
    }

    #[test]
    fn escapes_as_serde_json_reads_them() {
        for text in [r#"["\u00e9\ud83d\ude00\/\b\f\n\r\t\\\""]"#, r#"{"\u0061": "\u0062"}"#] {
            let mut expected = Vec::new();
            theirs(&serde_json::from_str(text).unwrap(), &mut Vec::new(), &mut expected);
            assert_eq!(ours(text), expected);
        }
        assert_eq!(ours(r#"["\ud83d x"]"#)[0].1, "\u{fffd} x");
    }

    #[test]
    fn comments_trailing_commas_and_lines() {
        let mut lines = Vec::new();
        strings(
            "{ // \"a\": \"no\"\n /* \"b\":\n \"no\" */ \"c\": \"yes\",\r\n\"d\": [1, \"two\",],\n}",
            |_, s, line| {
                lines.push((s.to_owned(), line));
            },
        );
        assert_eq!(lines, [("yes".to_owned(), 3), ("two".to_owned(), 4)]);
    }

    #[test]
    fn any_cut_of_a_text_gives_a_prefix_of_its_strings() {
        let whole =
            r#"{"engines": {"node": ">=18"}, "x": ["\u00e9", {"y": "z"}], /* c */ "volta": {"node": "20.1.0"}}"#;
        let all = ours(whole);
        for cut in 0..whole.len() {
            if let Some(part) = whole.get(..cut) {
                let found = ours(part);
                assert!(all.starts_with(&found), "cut at {cut}: {found:?}");
            }
        }
    }

    #[test]
    fn deep_nesting_ends_the_reading() {
        assert_eq!(ours(&format!("{}\"x\"", "[".repeat(60_000))), []);
    }
}
