//! The lock files that a person means by paths, read.

use crate::audit::locks::{self, Lock};
use crate::error::{Exit, Hinted};
use crate::model::Problem;
use anyhow::Result;
use std::path::{Path, PathBuf};

#[derive(Default)]
pub struct LockFiles {
    /// Each with its path as a person would type it.
    pub locks: Vec<(PathBuf, Lock)>,
    /// What was not read, or not understood as a whole.
    pub problems: Vec<Problem>,
}

/// The files at these paths, and those below them where they are folders. An error where there is none at all.
pub fn read(paths: &[PathBuf]) -> Result<LockFiles> {
    let mut all = LockFiles::default();
    let mut has_any = false;
    for path in paths {
        path.symlink_metadata().map_err(|error| {
            let hint = "a path is a lock file or a folder; `omg audit` looks at the installed packages";
            Hinted::new(Exit::Failed, format!("cannot read {}: {error}", path.display()), hint)
        })?;
        let found = locks::find(path);
        has_any |= !found.files.is_empty() || !found.problems.is_empty();
        if found.files.is_empty() && found.problems.is_empty() {
            all.problem(path, "there is no lock file".to_owned());
        }
        found.problems.into_iter().for_each(|(path, message)| all.problem(&path, message));
        for file in found.files {
            match locks::open(&file) {
                Ok(lock) => {
                    for problem in &lock.problems {
                        let line = if problem.line > 0 { format!("line {}: ", problem.line) } else { String::new() };
                        all.problem(&file.path, format!("{line}{}", problem.message));
                    }
                    all.locks.push((plain(&file.path), lock));
                }
                Err(message) => all.problem(&file.path, message),
            }
        }
    }
    if has_any {
        return Ok(all);
    }
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let hint = "omg-audit(1) lists which files are read";
    Err(Hinted::new(Exit::NothingFound, format!("there is no lock file in {names}"), hint).into())
}

impl LockFiles {
    fn problem(&mut self, path: &Path, message: String) {
        self.problems.push(Problem { path: plain(path), message });
    }
}

fn plain(path: &Path) -> PathBuf {
    let below = path.strip_prefix(".").unwrap_or(path);
    if below.as_os_str().is_empty() { path.to_owned() } else { below.to_owned() }
}
