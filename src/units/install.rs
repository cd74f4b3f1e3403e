//! Puts unit files below a root and takes them off again. Touches no file that omg did not write, unless forced.

use super::{MARK, Unit};
use anyhow::{Context, Result, bail};
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What was done to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// With the root in front.
    pub path: PathBuf,
    pub outcome: Outcome,
}

/// See [`Step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Replaced,
    /// It was there already, with this very text.
    Unchanged,
    Removed,
    /// It was not there to be removed.
    Absent,
    /// Somebody else's file, or one that was changed into one: left as it is.
    NotOurs,
}

/// Writes each unit, whole or not at all. A file that is not ours is left alone unless `force` is set, and the step says so;
/// the others are written all the same.
///
/// # Errors
/// If a file cannot be read or written; the ones before it are in place.
pub fn install(root: &Path, units: &[Unit], force: bool) -> Result<Vec<Step>> {
    units.iter().map(|unit| install_one(root, unit, force)).collect()
}

/// Takes out the files of these units, and nothing else.
///
/// # Errors
/// If a file cannot be read or removed.
pub fn remove(root: &Path, units: &[Unit], force: bool) -> Result<Vec<Step>> {
    units.iter().map(|unit| remove_one(root, unit, force)).collect()
}

fn install_one(root: &Path, unit: &Unit, force: bool) -> Result<Step> {
    let path = below(root, &unit.path);
    let folder = path.parent().context("a unit's path has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    stays_inside(root, folder)?;
    let outcome = match present(&path)? {
        Present::Nothing => Outcome::Created,
        Present::Ours(text) if text == unit.text.as_bytes() => Outcome::Unchanged,
        Present::Ours(_) => Outcome::Replaced,
        Present::Other if force => Outcome::Replaced,
        Present::Other => Outcome::NotOurs,
    };
    if matches!(outcome, Outcome::Created | Outcome::Replaced) {
        write(folder, &path, &unit.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Step { path, outcome })
}

fn remove_one(root: &Path, unit: &Unit, force: bool) -> Result<Step> {
    let path = below(root, &unit.path);
    let outcome = match present(&path)? {
        Present::Nothing => Outcome::Absent,
        Present::Other if !force => Outcome::NotOurs,
        Present::Ours(_) | Present::Other => {
            stays_inside(root, path.parent().context("a unit's path has a folder")?)?;
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            Outcome::Removed
        }
    };
    Ok(Step { path, outcome })
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// A link in a mounted root may point out of it, to this machine's own files.
fn stays_inside(root: &Path, folder: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().with_context(|| format!("cannot resolve {}", path.display()));
    if !real(folder)?.starts_with(real(root)?) {
        bail!("{} leads out of {}", folder.display(), root.display());
    }
    Ok(())
}

enum Present {
    Nothing,
    Ours(Vec<u8>),
    Other,
}

/// A link is never ours: a unit that is linked to /dev/null has been masked on purpose.
fn present(path: &Path) -> Result<Present> {
    let context = || format!("cannot read {}", path.display());
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Present::Nothing),
        Err(error) => return Err(error).with_context(context),
        Ok(metadata) if !metadata.is_file() => return Ok(Present::Other),
        Ok(_) => {}
    }
    let mut text = Vec::new();
    File::open(path).with_context(context)?.take(64 * 1024).read_to_end(&mut text).with_context(context)?;
    let first_line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let ours = String::from_utf8_lossy(first_line).contains(MARK);
    Ok(if ours { Present::Ours(text) } else { Present::Other })
}

fn write(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    // The leading dot keeps it out of apt's, cron's and pacman's sight should it be left over.
    let mut file = tempfile::Builder::new().prefix(".omg-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    NamedTempFile::persist(file, path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::all;
    use super::*;
    use crate::model::Source;
    use std::os::unix::fs::symlink;

    fn units() -> Vec<Unit> {
        all(Path::new("/usr/bin/omg"), &[Source::Apt, Source::Pacman]).unwrap()
    }

    fn outcomes(steps: &[Step]) -> Vec<Outcome> {
        steps.iter().map(|step| step.outcome).collect()
    }

    #[test]
    fn written_whole_then_unchanged_then_removed() {
        let root = tempfile::tempdir().unwrap();
        let steps = install(root.path(), &units(), false).unwrap();
        assert_eq!(outcomes(&steps), [Outcome::Created; 6]);
        for (unit, step) in units().iter().zip(&steps) {
            assert_eq!(fs::read_to_string(&step.path).unwrap(), unit.text);
            assert_eq!(fs::metadata(&step.path).unwrap().permissions().mode() & 0o7777, 0o644);
            assert_eq!(
                fs::read_dir(step.path.parent().unwrap())
                    .unwrap()
                    .filter(|e| { e.as_ref().unwrap().file_name().to_string_lossy().starts_with(".omg-") })
                    .count(),
                0
            );
        }
        assert_eq!(outcomes(&install(root.path(), &units(), false).unwrap()), [Outcome::Unchanged; 6]);
        let moved = all(Path::new("/usr/local/bin/omg"), &[Source::Apt, Source::Pacman]).unwrap();
        let replaced = outcomes(&install(root.path(), &moved, false).unwrap());
        assert_eq!(
            replaced.iter().filter(|o| **o == Outcome::Replaced).count(),
            4,
            "the path and timer name no binary"
        );
        assert_eq!(outcomes(&remove(root.path(), &units(), false).unwrap()), [Outcome::Removed; 6]);
        assert_eq!(outcomes(&remove(root.path(), &units(), false).unwrap()), [Outcome::Absent; 6]);
    }

    #[test]
    fn files_of_others_are_left_alone_unless_forced() {
        let root = tempfile::tempdir().unwrap();
        let units = units();
        let cron = root.path().join("etc/cron.d/omg-refresh");
        let timer = root.path().join("etc/systemd/system/omg-refresh.timer");
        fs::create_dir_all(cron.parent().unwrap()).unwrap();
        fs::create_dir_all(timer.parent().unwrap()).unwrap();
        fs::write(&cron, "# mine\n# Written by `omg units`\n").unwrap();
        symlink("/dev/null", &timer).unwrap();
        let steps = install(root.path(), &units, false).unwrap();
        assert_eq!(
            steps.iter().filter(|s| s.outcome == Outcome::NotOurs).map(|s| &s.path).collect::<Vec<_>>(),
            [&timer, &cron]
        );
        assert_eq!(fs::read_to_string(&cron).unwrap(), "# mine\n# Written by `omg units`\n");
        let steps = remove(root.path(), &units, false).unwrap();
        assert_eq!(steps.iter().filter(|s| s.outcome == Outcome::NotOurs).count(), 2);
        assert!(timer.is_symlink());
        let forced = outcomes(&install(root.path(), &units, true).unwrap());
        assert_eq!(forced.iter().filter(|o| **o == Outcome::Replaced).count(), 2);
        assert!(!timer.is_symlink());
    }

    #[test]
    fn a_link_in_a_root_does_not_lead_out_of_it() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        symlink(outside.path(), root.path().join("etc/cron.d")).unwrap();
        let error = install(root.path(), &units(), true).unwrap_err().to_string();
        assert!(error.contains("leads out of"), "{error}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_binary_that_would_need_quoting_is_refused() {
        for path in [
            "omg",
            "/opt/my omg",
            "/opt/o'mg",
            "/opt/$HOME/omg",
            "/opt/%h/omg",
            "/opt/o\nmg",
            "/opt/o;mg",
            "/opt/o\"mg",
        ] {
            assert!(all(Path::new(path), &[Source::Apt]).is_err(), "{path}");
        }
    }
}
