//! The files that say which version of a runtime a folder asks for, and the one that says what was verified of it.

use super::text;
use crate::runtimes::pin::FILES;
use crate::runtimes::{lock, tools};

/// Every reader reads it, whatever file it is of.
pub fn pins(data: &[u8]) {
    let text = text(data);
    for file in &FILES {
        for found in (file.parse)(&text) {
            let version = &found.version;
            assert!(!version.is_empty() && !version.chars().any(char::is_control), "{}: {version:?}", file.name);
            assert!(found.line >= 1 && found.line as usize <= text.lines().count().max(1), "{}: {found:?}", file.name);
        }
    }
    for found in tools::of_text(&text) {
        let spelt = found.spelt();
        assert!(!spelt.starts_with('-') && !spelt.chars().any(char::is_control), "{found:?}");
    }
}

/// `omg.lock`: what is understood is of one line each, and is the same once it was written and read again.
pub fn lock(data: &[u8]) {
    let text = text(data);
    let Ok(archives) = lock::parse(&text) else { return };
    for (archive, line) in &archives {
        assert!(*line >= 1 && *line as usize <= text.lines().count(), "{archive:?} in line {line}");
        assert!(archive.sha256.len() == 64, "{archive:?}");
    }
    let written = lock::text_of(&archives).expect("what was read can be written");
    let again = lock::parse(&written).expect("what was written can be read");
    assert!(archives.iter().map(|(one, _)| one).eq(again.iter().map(|(one, _)| one)), "{written}");
}
