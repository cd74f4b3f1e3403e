//! A family's own program in place of its engine, where that cannot start: what the two families' have in common. Nothing here knows
//! either of them.

use super::Backend;
use crate::model::{InstallState, Installed, LocalSink, Problem, Reason};
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::process::{Command, Stdio};

/// Version and reason of each package that is there, by name and architecture.
pub type Present = HashMap<(String, String), (String, Reason)>;

/// What a program said.
pub struct Said {
    pub is_done: bool,
    pub out: String,
    pub err: String,
}

/// Runs a program in its own words, in English, with nobody to ask.
pub fn run(command: &mut Command) -> Result<Said> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { is_done: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) })
}

/// Everything that is installed, by the backend's own reader.
pub fn present(backend: &dyn Backend) -> Result<Present> {
    struct All(Present);
    impl LocalSink for All {
        fn package(&mut self, package: &Installed<'_>) {
            if package.state != InstallState::ConfigFiles {
                let key = (package.name.to_owned(), package.arch.to_owned());
                self.0.insert(key, (package.version.to_owned(), package.reason));
            }
        }
        // Told by whoever reads them for the index.
        fn problem(&mut self, _: Problem) {}
    }
    let mut all = All(Present::new());
    backend.read_local(&mut all)?;
    Ok(all.0)
}
