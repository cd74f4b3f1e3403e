//! What a command has to say: the data it found, as JSON or as text from the same value, and what is told beside it.
//!
//! It is made before any of it is printed, so that a query can be asked again, and answered elsewhere than on a terminal
//! (`omg batch`).

use crate::error::{Exit, Hinted};
use crate::model::Problem;
use crate::ui::Ui;
use anyhow::{Error, Result};
use serde::Serialize;

/// The outcome of a command that gives data.
pub struct Reply {
    answer: Box<dyn Answer>,
    pub exit: Exit,
    pub remarks: Vec<Remark>,
}

/// Told to the person, never part of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Some of what was asked could not be answered; the hint may be empty.
    Error {
        message: String,
        hint: String,
    },
    Warning(String),
    Note(String),
    Hint(String),
}

impl Remark {
    /// What an error says, and the advice it carries.
    pub fn of(error: &Error) -> Remark {
        Remark::Error {
            message: format!("{error:#}"),
            hint: Hinted::of(error).map_or(String::new(), |hinted| hinted.hint.clone()),
        }
    }

    /// Some source could not be read whole.
    pub fn of_problem(problem: &Problem) -> Remark {
        Remark::Warning(format!("{}: {}", problem.path.display(), problem.message))
    }

    pub fn say(&self, ui: &Ui) {
        match self {
            Remark::Error { message, hint } => ui.error(message, hint),
            Remark::Warning(text) => ui.warn(text),
            Remark::Note(text) => ui.note(text),
            Remark::Hint(text) => ui.hint(text),
        }
    }
}

impl Reply {
    pub fn new<T: Serialize + 'static>(value: T, text: impl Fn(&Ui, &T) -> String + 'static, exit: Exit) -> Reply {
        Reply { answer: Box::new(Shown { value, text }), exit, remarks: Vec::new() }
    }

    pub fn with(mut self, remarks: impl IntoIterator<Item = Remark>) -> Reply {
        self.remarks.extend(remarks);
        self
    }

    /// As JSON: on lines of its own for a person, or on one.
    pub fn json(&self, pretty: bool) -> Result<String> {
        Ok(self.answer.json(pretty)?)
    }

    pub fn text(&self, ui: &Ui) -> String {
        self.answer.text(ui)
    }
}

trait Answer {
    fn json(&self, pretty: bool) -> serde_json::Result<String>;
    fn text(&self, ui: &Ui) -> String;
}

struct Shown<T, F> {
    value: T,
    text: F,
}

impl<T: Serialize, F: Fn(&Ui, &T) -> String> Answer for Shown<T, F> {
    fn json(&self, pretty: bool) -> serde_json::Result<String> {
        if pretty { serde_json::to_string_pretty(&self.value) } else { serde_json::to_string(&self.value) }
    }

    fn text(&self, ui: &Ui) -> String {
        (self.text)(ui, &self.value)
    }
}
