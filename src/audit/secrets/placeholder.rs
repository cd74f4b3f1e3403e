//! What stands where a secret would stand, and is none: examples, blanks to fill in, references to something kept elsewhere.
//!
//! Only what says so itself counts: a whole word, a run, a row, a sign of a template. That `123` or `abc` occurs somewhere says nothing;
//! a random text of forty characters has three chosen ones somewhere more often than one thinks.

use crate::audit::sha256;

/// Words that say it in any place: so long that chance does not write them.
const WORDS: [&str; 24] = [
    "example",
    "sample",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "replaceme",
    "redacted",
    "dummy",
    "invalid",
    "notreal",
    "not_real",
    "not-real",
    "notasecret",
    "insert",
    "your_",
    "your-",
    "yourtoken",
    "yoursecret",
    "lorem",
    "deadbeef",
    "foobar",
    "xxxxx",
    "undefined",
];

/// Words that say it where they stand alone, between signs, digits or the ends.
const ALONE: [&str; 26] = [
    "your", "my", "fake", "test", "tests", "mock", "null", "none", "todo", "here", "demo", "password", "passwd",
    "pass", "secret", "token", "key", "admin", "root", "user", "foo", "bar", "hunter", "abc", "qwerty", "letmein",
];

/// Signs that what stands here is put in later, or comes from elsewhere.
const TEMPLATES: [&str; 14] =
    ["${", "$(", "{{", "}}", "<%", "%(", "#{", "...", "***", "$env", "process.env", "os.environ", "getenv", "secrets."];

/// SHA-256 of samples in publishers' own documents that say nothing of being some. Not the samples themselves, which every
/// scanner would find here.
const SAMPLES: [&str; 8] = [
    // Stripe's, of its documents.
    "2cafc0970149a84f3b9e62eaf169f36f59907a3b3e31f7b82e68c69cd27f7326",
    "f2d6ca16515033e5dce14eba840b979d27b5cbae24bb3e5bf484339667f86397",
    // GitHub's, of a valid checksum.
    "976b57ee8acdfcf45f76bcc5e329a23655bd0e1e7eeffd8ec98bab6ca6cdd660",
    // jwt.io's.
    "7f75367e7881255134e1375e723d1dea8ad5f6a4fdb79d938df1f1754a830606",
    "da816f9f2c16e6c5390e7636cadc40c43551bf0bbcf8f36c65539e6633a9c5e8",
    // RFC 7519's.
    "8d4ef6536dc8895f256c1e0d95dcd19763036732d64a095e44a90ed444267ad3",
    // Azure's emulators' of storage and of Cosmos.
    "5a6c4f575dd049bb69930d1cf3018e669b5126f35f1b6730eb791822f699db2a",
    "aa6547439583c3a275d4542a0df6c1ad6a863971be9f2a2220f027cc02aef615",
];

/// Whether a text is none that anybody has to keep.
pub fn is_placeholder(text: &[u8]) -> bool {
    let lower = text.to_ascii_lowercase();
    let has = |word: &str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    let is_blank = lower.first() == Some(&b'<') && lower.last() == Some(&b'>')
        || lower.first() == Some(&b'%') && lower.last() == Some(&b'%')
        || matches!(&*lower, [b'$', rest @ ..] if rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'));
    is_blank
        || TEMPLATES.iter().any(|sign| has(sign))
        || WORDS.iter().any(|word| has(word))
        || has_long_run(&lower)
        || is_of_words(&lower)
}

/// The same character six times over, or a row like `12345678` or `abcdefgh`, that takes up a good part of the text.
fn has_long_run(text: &[u8]) -> bool {
    let longest = |next: fn(u8, u8) -> bool| {
        let (mut longest, mut run) = (1, 1);
        for pair in text.windows(2) {
            run = if next(pair[0], pair[1]) { run + 1 } else { 1 };
            longest = longest.max(run);
        }
        longest
    };
    let same = longest(|a, b| a == b);
    let row = longest(|a, b| a.is_ascii_alphanumeric() && (b == a.wrapping_add(1) || a == b'9' && b == b'0'));
    same >= 6 || row >= 7 || row >= 5 && row * 2 >= text.len()
}

/// Nothing but words of the list, with digits and signs between them.
fn is_of_words(lower: &[u8]) -> bool {
    let mut words = lower.split(|byte| !byte.is_ascii_lowercase()).filter(|word| !word.is_empty()).peekable();
    words.peek().is_some() && words.all(|word| ALONE.iter().any(|known| known.as_bytes() == word))
}

/// Whether it is one that a publisher shows to everybody.
pub fn is_sample(text: &[u8]) -> bool {
    SAMPLES.contains(&sha256(text).as_str())
}
