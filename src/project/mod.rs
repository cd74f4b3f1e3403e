//! The tasks of a project: what its files say can be run in it, each as a plain [`Task`].
//!
//! One file for each format. Files are read and never run: no tool is asked for its list, since to ask most of them is to run what
//! the project wrote. What a format leaves to be computed is therefore not seen; `omg-run(1)` tells that of each, and
//! [`Source::sees_all`] says where a name that is not listed may be one all the same.
//!
//! What is done with a task is `ops::run`'s.

mod cargo;
mod choose;
mod composer;
mod deno;
mod file;
mod gradle;
pub mod ignored;
mod json;
mod justfile;
mod makefile;
mod maven;
mod mix;
pub mod omg_toml;
mod package_json;
mod pipfile;
mod pyproject;
mod rakefile;
mod tables;
mod taskfile;

pub use choose::{Choice, near};
pub use file::find;

use std::path::{Path, PathBuf};

/// Something that can be run by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// As its tool calls it: with its namespace or module where it is in one (`db:migrate`, `docs::build`).
    pub name: String,
    /// Who runs it.
    pub source: Source,
    /// The file that has it.
    pub file: PathBuf,
    /// Counted from 1; `None` where no file names the task: a project of that kind has it.
    pub line: Option<u32>,
    /// Its first command, as the file has it; empty where that is not one.
    pub command: String,
    pub description: String,
    /// What is done before it, as the file names it. Only those of [`Source::Omg`] are seen to by omg.
    pub dependencies: Vec<String>,
    /// What omg itself runs for it; only tasks of `omg.toml` have it.
    pub own: Option<omg_toml::Own>,
}

/// Who runs a task: what stands before the colon in `make:build`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Omg,
    Just,
    Task,
    Make,
    Npm,
    Pnpm,
    Yarn,
    Bun,
    Deno,
    Cargo,
    Uv,
    Poetry,
    Pdm,
    Hatch,
    Pipenv,
    Composer,
    Maven,
    Gradle,
    Rake,
    Mix,
}

impl Source {
    const ALL: [Source; 20] = [
        Source::Omg,
        Source::Just,
        Source::Task,
        Source::Make,
        Source::Npm,
        Source::Pnpm,
        Source::Yarn,
        Source::Bun,
        Source::Deno,
        Source::Cargo,
        Source::Uv,
        Source::Poetry,
        Source::Pdm,
        Source::Hatch,
        Source::Pipenv,
        Source::Composer,
        Source::Maven,
        Source::Gradle,
        Source::Rake,
        Source::Mix,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Source::Omg => "omg",
            Source::Just => "just",
            Source::Task => "task",
            Source::Make => "make",
            Source::Npm => "npm",
            Source::Pnpm => "pnpm",
            Source::Yarn => "yarn",
            Source::Bun => "bun",
            Source::Deno => "deno",
            Source::Cargo => "cargo",
            Source::Uv => "uv",
            Source::Poetry => "poetry",
            Source::Pdm => "pdm",
            Source::Hatch => "hatch",
            Source::Pipenv => "pipenv",
            Source::Composer => "composer",
            Source::Maven => "maven",
            Source::Gradle => "gradle",
            Source::Rake => "rake",
            Source::Mix => "mix",
        }
    }

    pub fn named(name: &str) -> Option<Source> {
        Source::ALL.into_iter().find(|source| source.name() == name)
    }

    /// Whether its files name every task there is. Elsewhere plug-ins, patterns and code make more, and a name behind the source's
    /// own (`gradle:bootRun`) is passed on as it was typed.
    pub const fn sees_all(self) -> bool {
        !matches!(
            self,
            Source::Make
                | Source::Just
                | Source::Task
                | Source::Cargo
                | Source::Maven
                | Source::Gradle
                | Source::Rake
                | Source::Mix
        )
    }
}

/// What the files of one folder say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    pub path: PathBuf,
    pub tasks: Vec<Task>,
    /// Whose files are there, whether or not they name any task.
    pub sources: Vec<Source>,
    /// Files that could not be read or understood, and why.
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    pub message: String,
}

/// A project as seen from a folder: that folder and those above it which have tasks, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    pub folders: Vec<Folder>,
}

/// A task as a parser gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    pub name: String,
    /// 0 for a task that no line names.
    pub line: u32,
    pub command: String,
    pub description: String,
    pub dependencies: Vec<String>,
    /// Where it is another file than the one that was read.
    pub file: Option<PathBuf>,
}

impl Found {
    pub fn new(name: impl Into<String>, line: u32, command: impl Into<String>) -> Found {
        Found { name: name.into(), line, command: command.into(), ..Found::default() }
    }

    /// What every project of a kind has.
    pub fn implied(name: &str, description: &str) -> Found {
        Found { description: description.to_owned(), ..Found::new(name, 0, "") }
    }
}

/// How a parser gets at files that the one it reads includes: the path as written, beside the file that includes it.
/// `None` where there is none, or none that may be read.
type Open<'a> = dyn FnMut(&Path) -> Option<String> + 'a;

/// A name that can be typed and shown. One that begins with a hyphen would be an option of whoever runs it.
fn is_name(name: &str) -> bool {
    const LONGEST: usize = 200;
    !name.is_empty()
        && name.len() <= LONGEST
        && !name.starts_with('-')
        && name.trim() == name
        && !name.chars().any(char::is_control)
}

/// Of a text that a file may have many tasks share: a short file can name a long text again and again.
fn beginning(text: &str) -> &str {
    const LONGEST: usize = 1000;
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end])
}

/// What each reader makes of one text, for the fuzzers: names with their lines, 0 for none. Files are included three times at most, and
/// are the same text.
pub(crate) fn read_all(text: &str) -> Vec<(&'static str, Vec<(String, u32)>)> {
    let folders = [PathBuf::from("/nonexistent")];
    let place = file::Place { folders: &folders };
    let opener = || {
        let mut left = 3;
        move |_: &Path| {
            left -= 1;
            (left >= 0).then(|| text.to_owned())
        }
    };
    let of_sources = |parsed: file::Parsed| parsed.map(|all| all.into_iter().map(|(_, found)| found).collect());
    let all: [(&str, Result<Vec<Found>, String>); 15] = [
        ("omg.toml", omg_toml::tasks(text).map(|all| all.into_iter().map(|(found, _)| found).collect())),
        ("justfile", Ok(justfile::tasks(text, &mut opener()))),
        ("Taskfile.yml", taskfile::tasks(text, &mut opener())),
        ("Makefile", Ok(makefile::tasks(text, &mut opener()))),
        ("package.json", package_json::scripts(text)),
        ("deno.json", deno::tasks(text)),
        ("Cargo.toml", cargo::tasks(&place, text)),
        ("config.toml", cargo::aliases(text)),
        ("pyproject.toml", of_sources(pyproject::tasks(&place, text))),
        ("hatch.toml", pyproject::hatch(text)),
        ("Pipfile", pipfile::tasks(text)),
        ("composer.json", composer::tasks(text)),
        ("build.gradle", Ok(gradle::tasks(text))),
        ("Rakefile", Ok(rakefile::tasks(text))),
        ("mix.exs", Ok(mix::tasks(text))),
    ];
    // Who runs a package.json's is read off it as well.
    let _ = package_json::named(text);
    let lines = |found: Vec<Found>| found.into_iter().map(|found| (found.name, found.line)).collect();
    all.into_iter().map(|(format, found)| (format, lines(found.unwrap_or_default()))).collect()
}
