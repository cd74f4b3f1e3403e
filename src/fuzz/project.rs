//! The files that name a project's tasks.

use super::text;

/// Every reader reads it, whatever file it is of; what it includes is the same text again.
pub fn tasks(data: &[u8]) {
    let text = text(data);
    for (format, found) in crate::project::read_all(&text) {
        for (name, line) in found {
            assert!(line as usize <= text.lines().count().max(1), "{format}: {name:?} on line {line}");
        }
    }
}
