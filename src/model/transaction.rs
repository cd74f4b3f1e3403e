//! What package managers did, as their logs tell it.

use super::{Reason, Source};
use std::cmp::Ordering;

/// One run of a package manager that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub source: Source,
    /// Seconds since 1970.
    pub started: i64,
    /// The same; `None` where the log does not tell, or it was cut short.
    pub ended: Option<i64>,
    /// Empty where the log does not tell.
    pub command: String,
    /// Who asked for it, such as `ada (1000)`; empty where the log does not tell.
    pub user: String,
    /// Why it failed; empty where it did not, as far as the log tells.
    pub failure: String,
    pub changes: Vec<Change>,
}

/// What became of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    /// Empty for the machine's own architecture and for packages of every architecture.
    pub arch: String,
    pub action: Action,
    /// Empty where there was none, or the log does not tell.
    pub old: String,
    /// Empty where there is none any more.
    pub new: String,
    /// Of what was installed, where the log tells.
    pub reason: Option<Reason>,
}

/// The discriminants are part of the journal: append, never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Action {
    Install = 1,
    Upgrade = 2,
    Downgrade = 3,
    Reinstall = 4,
    Remove = 5,
    /// Removed with its configuration.
    Purge = 6,
}

impl Action {
    pub const ALL: [Action; 6] =
        [Action::Install, Action::Upgrade, Action::Downgrade, Action::Reinstall, Action::Remove, Action::Purge];

    /// What it is to install a version that compares so with the installed one.
    pub fn by_order(new_with_old: Ordering) -> Action {
        match new_with_old {
            Ordering::Greater => Action::Upgrade,
            Ordering::Less => Action::Downgrade,
            Ordering::Equal => Action::Reinstall,
        }
    }

    /// The name in `--json`, and the verb for people.
    pub fn key(self) -> &'static str {
        match self {
            Action::Install => "install",
            Action::Upgrade => "upgrade",
            Action::Downgrade => "downgrade",
            Action::Reinstall => "reinstall",
            Action::Remove => "remove",
            Action::Purge => "purge",
        }
    }
}
