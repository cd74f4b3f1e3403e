//! What has to be there for transactions never to have been.

use crate::model::{Reason, Transaction};
use std::collections::BTreeMap;

/// A package by its name and its architecture, which is empty for the machine's own.
pub type Key = (String, String);

/// How a package was, or is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Empty where it was not installed.
    pub version: String,
    /// `None` where it is not known: as it is now.
    pub reason: Option<Reason>,
}

/// How each package was that these transactions touched, which stand newest first.
pub fn before<'t>(transactions: impl IntoIterator<Item = &'t Transaction>) -> BTreeMap<Key, State> {
    let mut states = BTreeMap::new();
    for transaction in transactions {
        for change in transaction.changes.iter().rev() {
            // What a package counted as is known of one that went; of one that came or changed it is what it counts as since.
            let reason = change.reason.filter(|_| change.new.is_empty());
            states.insert((change.name.clone(), change.arch.clone()), State { version: change.old.clone(), reason });
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Change, Source};

    fn run(changes: &[(&str, &str, &str)]) -> Transaction {
        let change = |(name, old, new): &(&str, &str, &str)| Change {
            name: (*name).to_owned(),
            arch: String::new(),
            action: Action::Upgrade,
            old: (*old).to_owned(),
            new: (*new).to_owned(),
            reason: Some(Reason::Dependency),
        };
        Transaction {
            source: Source::Apt,
            started: 0,
            ended: None,
            command: String::new(),
            user: String::new(),
            failure: String::new(),
            changes: changes.iter().map(change).collect(),
        }
    }

    #[test]
    fn the_oldest_transaction_says_how_it_was() {
        let newest_first = [
            run(&[("a", "2", "3"), ("gone", "1", "")]),
            run(&[("a", "1", "2"), ("new", "", "1")]),
            // Removed and installed by two commands of one transaction.
            run(&[("twice", "5", ""), ("twice", "", "6")]),
        ];
        let states = before(&newest_first);
        let of = |name: &str| {
            let state = &states[&(name.to_owned(), String::new())];
            (state.version.as_str(), state.reason)
        };
        assert_eq!(of("a"), ("1", None));
        assert_eq!(of("new"), ("", None));
        assert_eq!(of("gone"), ("1", Some(Reason::Dependency)));
        assert_eq!(of("twice"), ("5", Some(Reason::Dependency)));
        assert_eq!(states.len(), 4);
    }
}
