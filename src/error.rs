//! How a command ends: exit codes, and errors that carry advice.

use std::fmt;

/// Every exit code there is. Documented in omg(1): other programs rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Found,
    NothingFound,
    Usage,
    /// The command could not do its work.
    Failed,
    /// It answered, but some source could not be read whole.
    Partial,
    /// The policy forbids it; nothing was changed.
    Refused,
    /// An audit found what it looks for: a vulnerability, a secret, a licence that is not allowed.
    Unsafe,
    /// A signal ended it before it was done: what a shell gives a program that Ctrl-C ended.
    Interrupted,
    /// What a task of a project ended with; of another program than omg.
    Task(u8),
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> u8 {
        match exit {
            Exit::Found => 0,
            Exit::NothingFound => 1,
            Exit::Usage => 2,
            Exit::Failed => 3,
            Exit::Partial => 4,
            Exit::Refused => 5,
            Exit::Unsafe => 6,
            Exit::Interrupted => 130,
            Exit::Task(code) => code,
        }
    }
}

impl Exit {
    /// How a command ends by this error.
    pub fn of(error: &anyhow::Error) -> Exit {
        Hinted::of(error).map_or(Exit::Failed, |hinted| hinted.exit)
    }
}

/// An error with the command or thought that helps.
#[derive(Debug)]
pub struct Hinted {
    pub message: String,
    pub hint: String,
    pub exit: Exit,
}

impl Hinted {
    pub fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Hinted {
        Hinted { message: message.into(), hint: hint.into(), exit }
    }

    /// The advice that an error carries, as what it is, as its context or as its cause.
    pub fn of(error: &anyhow::Error) -> Option<&Hinted> {
        error.downcast_ref().or_else(|| error.chain().find_map(|cause| cause.downcast_ref()))
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Hinted {}
