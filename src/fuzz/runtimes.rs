//! The files that say which version of a runtime a folder asks for.

use super::text;
use crate::runtimes::pin::FILES;

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
}
