//! Which project files may set variables: those that the user trusts, each with just the content it had then.
//!
//! A variable can make any program run another (`LD_PRELOAD`, `GIT_SSH_COMMAND`), so a file that came with somebody's repository sets
//! none until it was looked at. `[env]` of `omg.toml` is all there is; nothing in it is expanded or executed.

use crate::audit::sha256;
use crate::runtimes::installed::Folders;
use crate::runtimes::pin::{MAX_FILE_BYTES, MAX_LEVELS};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The variables that a file sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub file: PathBuf,
    pub variables: Vec<(String, String)>,
    /// Of the file's place and content.
    digest: String,
}

/// What is trusted.
#[derive(Clone, Debug)]
pub struct Trust {
    folder: PathBuf,
}

/// What a file sets; `None` where it sets nothing. An error says what is wrong with its `[env]`.
pub fn settings(file: &Path) -> Result<Option<Settings>> {
    use std::io::Read;
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC | rustix::fs::OFlags::NONBLOCK;
    let open = rustix::fs::open(file, flags, rustix::fs::Mode::empty());
    let open = fs::File::from(open.with_context(|| format!("cannot open {}", file.display()))?);
    if !open.metadata()?.is_file() {
        bail!("{} is no file", file.display());
    }
    let mut text = String::new();
    open.take(MAX_FILE_BYTES).read_to_string(&mut text).with_context(|| format!("cannot read {}", file.display()))?;
    // Few files have any, and these are asked at every change of folder.
    if !text.contains("env") {
        return Ok(None);
    }
    let table: toml::Table = toml::from_str(&text).with_context(|| format!("{} is no TOML", file.display()))?;
    let Some(env) = table.get("env") else { return Ok(None) };
    let env = env.as_table().with_context(|| format!("`env` of {} is no table", file.display()))?;
    let mut variables = Vec::new();
    for (name, value) in env {
        let value = value.as_str().with_context(|| format!("{name} of {} is no text", file.display()))?;
        if !may_be_set(name, value) {
            bail!("{} cannot set {name:?}", file.display());
        }
        variables.push((name.clone(), value.to_owned()));
    }
    let place = file.as_os_str().as_bytes();
    let digest = sha256(&[place, b"\0", text.as_bytes()].concat());
    Ok((!variables.is_empty()).then(|| Settings { file: file.to_owned(), variables, digest }))
}

/// Whether this is a variable that another than omg may have set: of a plain name, none of omg's own, and not the search path.
pub fn may_be_set(name: &str, value: &str) -> bool {
    let is_name = !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name && name != "PATH" && !name.starts_with("OMG_") && !value.contains('\0')
}

/// What the files set that set variables in a folder, nearest first, up to the home folder; of one that cannot be understood, why.
pub fn in_force(folder: &Path, home: Option<&Path>) -> Vec<(PathBuf, Result<Settings>)> {
    let mut all = Vec::new();
    for folder in folder.ancestors().take(MAX_LEVELS) {
        let file = folder.join("omg.toml");
        if rustix::fs::access(&file, rustix::fs::Access::EXISTS).is_ok() {
            all.extend(settings(&file).transpose().map(|settings| (file, settings)));
        }
        if home == Some(folder) {
            break;
        }
    }
    all
}

impl Trust {
    pub fn of(folders: &Folders) -> Trust {
        Trust { folder: folders.data.join("trusted") }
    }

    pub fn has(&self, settings: &Settings) -> bool {
        rustix::fs::access(self.folder.join(&settings.digest), rustix::fs::Access::EXISTS).is_ok()
    }

    /// Trusts the file with the content it has now.
    pub fn give(&self, settings: &Settings) -> Result<()> {
        let path = self.folder.join(&settings.digest);
        let write = || {
            fs::create_dir_all(&self.folder)?;
            // For a person who looks at the folder: which file it was.
            fs::write(&path, settings.file.as_os_str().as_bytes())
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Takes back what was given; whether there was any.
    pub fn take(&self, settings: &Settings) -> Result<bool> {
        let path = self.folder.join(&settings.digest);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_of_one_content_in_one_place() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let trust = Trust { folder: at("trusted") };
        let write = |name: &str, text: &str| {
            fs::write(at(name), text).unwrap();
            settings(&at(name)).unwrap()
        };
        assert_eq!(write("omg.toml", "[runtimes]\nnode = \"22\"\n"), None);
        let first = write("omg.toml", "[env]\nA = \"$(touch x) ${B}\"\n").unwrap();
        assert_eq!(first.variables, [("A".to_owned(), "$(touch x) ${B}".to_owned())]);
        assert!(!trust.has(&first));
        trust.give(&first).unwrap();
        assert!(trust.has(&first));
        assert!(!trust.has(&write("omg.toml", "[env]\nA = \"other\"\n").unwrap()));
        assert!(!trust.has(&write("copy.toml", "[env]\nA = \"$(touch x) ${B}\"\n").unwrap()));
        assert!(trust.has(&write("omg.toml", "[env]\nA = \"$(touch x) ${B}\"\n").unwrap()));
        assert!(trust.take(&first).unwrap() && !trust.take(&first).unwrap() && !trust.has(&first));
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("omg.toml");
        for text in [
            "env = 1",
            "[env]\nPATH = \"x\"",
            "[env]\n\"A B\" = \"x\"",
            "[env]\nOMG_ENV = \"x\"",
            "[env]\nA = 1",
            "[env",
        ] {
            fs::write(&file, text).unwrap();
            assert!(settings(&file).is_err(), "{text}");
        }
        assert!(settings(folder.path()).is_err());
    }
}
