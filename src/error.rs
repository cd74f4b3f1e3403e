//! How a command ends: exit codes, and errors that carry advice.

use std::fmt;

/// Every exit code there is. Documented in omg(1): other programs rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Found = 0,
    NothingFound = 1,
    Usage = 2,
    /// The command could not do its work.
    Failed = 3,
    /// It answered, but some source could not be read whole.
    Partial = 4,
    /// The policy forbids it; nothing was changed.
    Refused = 5,
    /// A signal ended it before it was done: what a shell gives a program that Ctrl-C ended.
    Interrupted = 130,
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> u8 {
        exit as u8
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
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Hinted {}
