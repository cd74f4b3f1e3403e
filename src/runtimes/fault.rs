//! What is wrong with a version file that asks for nothing, or not for all that it seems to ask for.
//!
//! A prompt has no room for it; whoever asks which version counts is told, and goes by what the other files say.

use super::Runtime;
use super::pin::Found;
use super::tables;
use crate::model::distance;
use std::fmt;
use std::path::PathBuf;

/// Something that a version file may have asked for, and nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Or the folder above which none is looked for.
    pub file: PathBuf,
    /// Counted from 1; 0 where no line is to blame.
    pub line: u32,
    pub why: String,
    /// The runtimes that it may have been about, as [`Runtime::bit`]s.
    pub(super) concerns: u16,
}

impl Fault {
    pub fn concerns(&self, runtime: Runtime) -> bool {
        self.concerns & runtime.bit() != 0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match self.line {
            0 => write!(f, "{file} {}", self.why),
            line => write!(f, "{file} line {line} {}", self.why),
        }
    }
}

/// In what form a version file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Toml,
    Json,
    /// A version and nothing else.
    Word,
    /// Either, as rustup has it.
    TomlOrWord,
    /// Of which most is not ours to judge.
    Lines,
}

/// What is wrong with a text, and in which line, where `found` is all that was found in it.
pub(super) fn of_text(name: &str, form: Form, text: &str, found: &[Found]) -> Option<(u32, String)> {
    match form {
        Form::Lines => None,
        // A version that is found is worth more than a complaint about a comma.
        Form::Json | Form::Word if !found.is_empty() => None,
        Form::Json => {
            let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
            let why = error.to_string();
            let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
            Some((error.line() as u32, format!("is no JSON: {why}")))
        }
        Form::TomlOrWord if !text.contains('[') => of_text(name, Form::Word, text, found),
        Form::Toml | Form::TomlOrWord => tables::fault(text).or_else(|| match name {
            "omg.toml" => mistyped(text),
            "rust-toolchain" | "rust-toolchain.toml" if found.is_empty() => {
                let line = tables::line_of_toolchain_path(text)?;
                Some((line, "names a toolchain by its path, and omg manages none of these".to_owned()))
            }
            _ => None,
        }),
        Form::Word => {
            let said = |line: &str| !line.split('#').next().unwrap_or_default().trim().is_empty();
            Some(match text.split('\n').position(said) {
                Some(line) => (line as u32 + 1, "holds nothing that can be a version".to_owned()),
                None => (0, "names no version".to_owned()),
            })
        }
    }
}

/// A section of `omg.toml` whose name is nearly that of the one with the versions.
fn mistyped(text: &str) -> Option<(u32, String)> {
    let (name, line) = tables::keys(text)
        .into_iter()
        .find(|(name, _)| name != "runtimes" && distance(name.as_bytes(), b"runtimes", 2).is_some())?;
    Some((line, format!("has an unknown key `{}`: did you mean `runtimes`?", name.escape_debug())))
}
