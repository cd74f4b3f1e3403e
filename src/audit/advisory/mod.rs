//! Readers of what is published about faults in packages: Arch's and Debian's security trackers, OSV's records, and the two lists that
//! say which faults are used (CISA's and EPSS).
//!
//! Each hands on plain data of [`crate::model`]. They fetch nothing and compare no versions. A record that makes no sense is told
//! and left out; of a file that ends early, what stands before the end is read.

pub mod arch;
pub mod debian;
pub mod osv;
pub mod ranking;
mod stream;

use crate::model::{Advisory, Affected, Ranking, Standing};

/// Receives what a reader finds.
pub trait Sink {
    fn advisory(&mut self, advisory: Advisory);
    /// A record that makes no sense, and whom it may be about; the message in lower case and without a full stop.
    fn left_out(&mut self, whom: Whom, message: String);
    /// The file is not what it should be, or ends early. The same.
    fn damaged(&mut self, message: String);
}

/// Whom a record that could not be read may be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    Anybody,
    /// These packages alone, each with its ecosystem; nobody where there are none.
    These(Vec<(&'static str, String)>),
}

impl Whom {
    /// The packages of these names; anybody where one of them cannot be a name, since then another may have been meant.
    fn named(names: impl IntoIterator<Item = (&'static str, String)>) -> Whom {
        let names: Vec<(&'static str, String)> = names.into_iter().collect();
        match names.iter().all(|(_, name)| is_word(name)) {
            true => Whom::These(names),
            false => Whom::Anybody,
        }
    }
}

/// Longer names, identifiers and versions are no such things.
const MAX_WORD: usize = 300;
/// What is shown of a description.
const MAX_SUMMARY: usize = 300;

/// Whether it can be a name, an identifier or a version: an index keeps it, and a terminal shows it.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_WORD && !text.chars().any(|c| c.is_control() || c == ' ')
}

/// The beginning of a text as one line.
fn summary(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.len() + word.len() > MAX_SUMMARY {
            line.push('…');
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// One of which nothing else is known.
pub(crate) fn plain(ecosystem: &str, package: &str, id: &str) -> Advisory {
    Advisory {
        ecosystem: ecosystem.to_owned(),
        package: package.to_owned(),
        id: id.to_owned(),
        aliases: Vec::new(),
        severity: None,
        vector: String::new(),
        score: None,
        standing: Standing::Open,
        affected: Affected::default(),
        summary: String::new(),
        ranking: Ranking::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader has told.
    #[derive(Default)]
    pub struct Told(pub Vec<Advisory>, pub Vec<String>, pub Vec<Whom>);

    impl Sink for Told {
        fn advisory(&mut self, advisory: Advisory) {
            self.0.push(advisory);
        }

        fn left_out(&mut self, whom: Whom, message: String) {
            self.1.push(message);
            self.2.push(whom);
        }

        fn damaged(&mut self, message: String) {
            self.1.push(message);
        }
    }

    #[test]
    fn a_summary_is_one_short_line() {
        assert_eq!(summary("  a\n b\tc "), "a b c");
        let long = summary(&"word ".repeat(1000));
        assert!(long.len() < MAX_SUMMARY + 10 && long.ends_with("word…"), "{long}");
        assert_eq!(summary(&"x".repeat(1000)), "…");
    }
}
