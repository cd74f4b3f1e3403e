//! A project's lock file: what is installed is held to it, and what was verified goes into it.
//!
//! What was verified of an installed version is known by the audit log, which is written when it is installed. Nothing that stands
//! in a lock file is ever replaced: an archive in the place of another is a person's decision.

use super::vouch::Vouched;
use super::{Shop, platform};
use crate::audit::log::{self, FILE_NAME};
use crate::error::{Exit, Hinted};
use crate::runtimes::installed::{Installed, Keeper};
use crate::runtimes::lock::{Archive, Lock};
use crate::runtimes::sources::Release;
use anyhow::Result;
use std::path::Path;

/// What became of a version that was to be locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locked {
    Added,
    /// It stands there as it is.
    There,
    /// Why it cannot be.
    Not(&'static str),
}

impl Shop<'_> {
    /// Refuses an archive that is another than the lock file has.
    pub(super) fn hold(&self, release: &Release, vouched: &Vouched) -> Result<()> {
        let Some(file) = &self.lock else { return Ok(()) };
        let lock = Lock::read(file)?;
        let Some((archive, line)) = lock.of(release.runtime, &release.version, platform()?.triple()) else {
            return Ok(());
        };
        same(file, archive, line, &vouched.sha256, &format!("by {}", vouched.from))
    }

    /// What was verified of an installed version; an error where that is another archive than the lock file has.
    pub fn lock_in(&self, file: &Path, installed: &Installed) -> Result<Locked> {
        let archive = match self.verified(installed)? {
            Ok(archive) => archive,
            Err(why) => return Ok(Locked::Not(why)),
        };
        let mut lock = Lock::read(file)?;
        if let Some((there, line)) = lock.of(archive.runtime, &archive.version, &archive.platform) {
            same(file, there, line, &archive.sha256, "of what is installed here")?;
            return Ok(Locked::There);
        }
        lock.add(archive)?;
        Ok(Locked::Added)
    }

    /// What the audit log has of it, or why it has nothing.
    pub fn verified(&self, installed: &Installed) -> Result<std::result::Result<Archive, &'static str>> {
        let Installed { runtime, version, keeper, .. } = installed;
        if *keeper != Keeper::Omg {
            return Ok(Err("another manager installed it, and what that verified is not known"));
        }
        if version.channel().is_some_and(|channel| channel.date.is_none()) {
            return Ok(Err("it moves on by itself"));
        }
        let (name, number) = (runtime.name(), version.to_string());
        let entry = log::latest_that(&self.state.join(FILE_NAME), "runtime-installed", |entry| {
            entry.details.get("runtime").is_some_and(|found| found == name)
                && entry.details.get("version").is_some_and(|found| found == number.as_str())
        })?;
        let Some(entry) = entry else { return Ok(Err("the audit log does not tell how it came here")) };
        let text = |key: &str| entry.details.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        if text("sha256").is_empty() {
            return Ok(Err("it is a copy of another manager's, and was not verified"));
        }
        Ok(Ok(Archive {
            runtime: *runtime,
            version: version.clone(),
            platform: platform()?.triple().to_owned(),
            url: text("url"),
            sha256: text("sha256"),
            checksum_from: text("checksum_from"),
            signed_by: text("key"),
        }))
    }
}

/// An error that says where another digest stands.
fn same(file: &Path, locked: &Archive, line: u32, sha256: &str, whose: &str) -> Result<()> {
    if locked.sha256 == sha256 {
        return Ok(());
    }
    let message = format!(
        "{} line {line} holds {} {} to the SHA-256 {}, and that {whose} is {sha256}",
        file.display(),
        locked.runtime.name(),
        locked.version,
        locked.sha256
    );
    let hint = "where the change is right, delete that entry; `omg pin --lock` writes it anew";
    Err(Hinted::new(Exit::Failed, message, hint).into())
}
