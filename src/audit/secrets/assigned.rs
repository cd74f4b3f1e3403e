//! A name and the value it is given: `name = "value"`, `name: value`, `"name": "value"`, `name => 'value'`, `<name>value</name>`,
//! `--name value`, in whatever language; nothing is parsed beyond that.

use std::ops::Range;

const MAX_NAME: usize = 64;
pub const MAX_VALUE: usize = 512;
const MAX_BLANKS: usize = 16;

/// Where both stand in the text.
#[derive(Debug, PartialEq, Eq)]
pub struct Assigned {
    pub name: Range<usize>,
    pub value: Range<usize>,
    pub is_quoted: bool,
}

/// The assignment whose name has `word` in it.
pub fn assigned(text: &[u8], word: Range<usize>) -> Option<Assigned> {
    let before = text[..word.start].iter().rev().take(MAX_NAME);
    let start = word.start - before.take_while(|byte| is_of_name(**byte)).count();
    let rest = &text[word.end..];
    let end = word.end + rest.iter().take(MAX_NAME).take_while(|byte| is_of_name(**byte)).count();
    let name = start..end;
    let mut at = end;
    // The end of a quoted name or of an index.
    at += text[at..].iter().take(3).take_while(|byte| b"\"'`])\\".contains(byte)).count();
    let is_element = start > 0 && text[start - 1] == b'<' && text.get(at) == Some(&b'>');
    let is_option = text[start..].starts_with(b"--") && matches!(text.get(at), Some(b' '));
    at = if is_element || is_option { at + 1 } else { operator(text, at)? };
    at = blanks(text, at);
    // `b"..."`, `r'...'`, `f"..."`.
    if matches!(text.get(at..at + 2), Some([b'b' | b'r' | b'f' | b'u' | b'@' | b'L', b'"' | b'\''])) {
        at += 1;
    }
    at += usize::from(text.get(at) == Some(&b'\\'));
    let quote = Some(*text.get(at)?).filter(|byte| b"\"'`".contains(byte));
    let value = match quote {
        Some(quote) => quoted(text, at + 1, quote)?,
        None => plain(text, at, is_element)?,
    };
    (!value.is_empty()).then_some(Assigned { name, value, is_quoted: quote.is_some() })
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn blanks(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take(MAX_BLANKS).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Behind `=`, `:`, `:=`, `=>`, `==`, or a type between `:` and `=`.
fn operator(text: &[u8], at: usize) -> Option<usize> {
    let at = blanks(text, at);
    let signs = text[at..].iter().take(3).take_while(|byte| b"=:>".contains(byte)).count();
    if signs == 0 {
        return None;
    }
    let end = at + signs;
    if text[at..end] != *b":" {
        return Some(end);
    }
    // `name: &'static str = "value"`
    let is_of_type = |byte: u8| is_of_name(byte) || b"&'<>[]* ?".contains(&byte);
    let kind = text[end..].iter().take(32).take_while(|byte| is_of_type(**byte)).count();
    match text.get(end + kind..end + kind + 3) {
        Some([b'=', b' ', b'"' | b'\'']) => Some(end + kind + 1),
        _ => Some(end),
    }
}

/// Up to the same quote on the same line. One that is escaped ends it too, where the whole is within another text.
fn quoted(text: &[u8], start: usize, quote: u8) -> Option<Range<usize>> {
    let rest = text[start..].iter().take(MAX_VALUE + 1);
    let length = rest.take_while(|byte| **byte != quote && **byte != b'\n').count();
    let end = start + length;
    if length > MAX_VALUE || text.get(end) != Some(&quote) {
        return None;
    }
    Some(start..end - usize::from(text[start..end].ends_with(b"\\")))
}

/// Up to what ends a word in a configuration, a command line or a URL. What is called, indexed or has members is no value.
fn plain(text: &[u8], start: usize, is_element: bool) -> Option<Range<usize>> {
    let is_end = |byte: u8| byte.is_ascii_whitespace() || b"\"'`,;<>(){}[]|&\\".contains(&byte) || byte == 0;
    let length = text[start..].iter().take(MAX_VALUE + 1).take_while(|byte| !is_end(**byte)).count();
    let end = start + length;
    let is_code = matches!(text.get(end), Some(b'(' | b'[' | b'{' | b'<')) && !is_element;
    (length <= MAX_VALUE && !is_code).then_some(start..end)
}

/// Whether a name is one of something that has to be kept: it says so, and does not end in what is only told about that.
pub fn is_secret(name: &[u8]) -> bool {
    const ABOUT: [&str; 45] = [
        "id",
        "ids",
        "url",
        "uri",
        "path",
        "file",
        "filename",
        "dir",
        "name",
        "names",
        "type",
        "kind",
        "len",
        "length",
        "size",
        "hash",
        "sha",
        "sha1",
        "sha256",
        "digest",
        "checksum",
        "fingerprint",
        "count",
        "index",
        "expires",
        "expiry",
        "ttl",
        "at",
        "age",
        "time",
        "date",
        "version",
        "format",
        "algorithm",
        "arn",
        "ref",
        "label",
        "title",
        "text",
        "header",
        "field",
        "param",
        "prefix",
        "endpoint",
        "host",
    ];
    const PUBLIC: [&str; 6] = ["public", "pub", "publishable", "anon", "csrf", "integrity"];
    const SECRET: [&str; 7] = ["key", "token", "secret", "passw", "passphrase", "pwd", "credential"];
    const SECRET_WORDS: [&str; 7] = ["pass", "auth", "cred", "creds", "api", "pat", "private"];
    let words = words(name);
    let lower = name.to_ascii_lowercase();
    let has = |word: &str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    let about = words.last().is_some_and(|last| ABOUT.iter().any(|about| about.as_bytes() == last));
    let public = words.iter().any(|word| PUBLIC.iter().any(|public| public.as_bytes() == word));
    let secret = SECRET.iter().any(|word| has(word))
        || words.iter().any(|word| SECRET_WORDS.iter().any(|secret| secret.as_bytes() == word));
    secret && !about && !public
}

/// `apiKeyId`, `api-key-id` and `API_KEY_ID` are of three words, which come in small letters.
fn words(name: &[u8]) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = vec![Vec::new()];
    let mut last_was_small = false;
    for byte in name {
        let begins = byte.is_ascii_uppercase() && last_was_small;
        if begins || !byte.is_ascii_alphanumeric() {
            words.push(Vec::new());
        }
        if byte.is_ascii_alphanumeric() {
            words.last_mut().expect("there is always one").push(byte.to_ascii_lowercase());
        }
        last_was_small = byte.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}
