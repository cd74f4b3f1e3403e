//! What the engine `omg-alpm` is asked, and the small world it is shown when few packages are asked about.
//!
//! libalpm reads every sync database whole before it answers anything: a quarter of a second for 15,000 packages. For a
//! handful of packages it is given databases of its own kind that hold just these and what could replace them. The policy
//! is the library's either way.

use super::conf::Conf;
use super::rules::{Offer, Present};
use crate::backends::engine::Request;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::path::Path;

/// Keys of [`Request::settings`].
pub mod key {
    /// pacman's database folder.
    pub const DATABASE_PATH: &str = "database-path";
    /// `USAGE NAME`, usage as libalpm's bits; in order.
    pub const REPOSITORY: &str = "repository";
    /// A pattern.
    pub const IGNORE_PACKAGE: &str = "ignore-package";
    /// A pattern.
    pub const IGNORE_GROUP: &str = "ignore-group";

    // Of a change only.

    /// `USAGE SIGNATURES NAME`, the two as libalpm's bits, as with [`SIGNATURES`]; in order. Stands for [`REPOSITORY`].
    pub const SYNC_DATABASE: &str = "sync-database";
    /// Of the sync database before it.
    pub const SERVER: &str = "server";
    /// The same.
    pub const CACHE_SERVER: &str = "cache-server";
    pub const CACHE_DIR: &str = "cache-dir";
    /// Besides libalpm's own.
    pub const HOOK_DIR: &str = "hook-dir";
    pub const GPG_DIR: &str = "gpg-dir";
    pub const LOG_FILE: &str = "log-file";
    pub const ARCHITECTURE: &str = "architecture";
    /// libalpm's bits: `OLDER/NEWER`, for libalpm 13 and 16.
    pub const SIGNATURES: &str = "signatures";
    pub const LOCAL_FILE_SIGNATURES: &str = "local-file-signatures";
    pub const REMOTE_FILE_SIGNATURES: &str = "remote-file-signatures";
    /// A pattern.
    pub const HOLD_PACKAGE: &str = "hold-package";
    /// A pattern.
    pub const NO_UPGRADE: &str = "no-upgrade";
    /// A pattern.
    pub const NO_EXTRACT: &str = "no-extract";
    pub const PARALLEL_DOWNLOADS: &str = "parallel-downloads";
    pub const DOWNLOAD_USER: &str = "download-user";
    /// With `%u` for the address and `%o` for the file.
    pub const XFER_COMMAND: &str = "xfer-command";
    /// Switches: there or not.
    pub const CHECK_SPACE: &str = "check-space";
    pub const USE_SYSLOG: &str = "use-syslog";
    pub const DISABLE_DOWNLOAD_TIMEOUT: &str = "disable-download-timeout";
    pub const DISABLE_SANDBOX_FILESYSTEM: &str = "disable-sandbox-filesystem";
    pub const DISABLE_SANDBOX_SYSCALLS: &str = "disable-sandbox-syscalls";
    /// What was typed, for pacman.log; whoever asks for the change may add it.
    pub const COMMAND: &str = "command";
}

/// Puts what the engine has to know into a request.
pub fn describe(request: &mut Request, conf: &Conf, database_path: &Path) -> Result<()> {
    let path = database_path.to_str().with_context(|| format!("{} is not UTF-8", database_path.display()))?;
    request.set(key::DATABASE_PATH, path);
    for repository in &conf.repositories {
        request.set(key::REPOSITORY, format!("{} {}", repository.usage.0, repository.name));
    }
    for pattern in &conf.ignore_packages {
        request.set(key::IGNORE_PACKAGE, pattern.as_str());
    }
    for pattern in &conf.ignore_groups {
        request.set(key::IGNORE_GROUP, pattern.as_str());
    }
    Ok(())
}

/// Makes a database folder in `folder` that holds these packages alone.
pub fn write_small_world(folder: &Path, conf: &Conf, present: &[Present], offers: &[Offer<'_>]) -> Result<()> {
    let sync = folder.join("sync");
    std::fs::create_dir(&sync).with_context(|| format!("cannot create {}", sync.display()))?;
    for repository in &conf.repositories {
        let mut archive = tar::Builder::new(Vec::new());
        for offer in offers.iter().filter(|offer| offer.repository == repository.name) {
            let text = entry(offer.name, offer.version, offer.groups, offer.replaces)?;
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            let path = format!("{}-{}/desc", offer.name, offer.version);
            archive.append_data(&mut header, &path, text.as_bytes())?;
        }
        let path = sync.join(format!("{}.db", repository.name));
        let bytes = archive.into_inner()?;
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let local = folder.join("local");
    std::fs::create_dir(&local).with_context(|| format!("cannot create {}", local.display()))?;
    std::fs::write(local.join("ALPM_DB_VERSION"), "9\n")
        .with_context(|| format!("cannot write in {}", local.display()))?;
    for package in present {
        let text = entry(&package.name, &package.version, &package.groups, "")?;
        let folder = local.join(format!("{}-{}", package.name, package.version));
        std::fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        std::fs::write(folder.join("desc"), text).with_context(|| format!("cannot write in {}", folder.display()))?;
    }
    Ok(())
}

/// Names come from databases of others and become names of files here.
fn entry(name: &str, version: &str, groups: &str, replaces: &str) -> Result<String> {
    let plain = |text: &str| !text.is_empty() && !text.contains(['/', '\0', '\n']);
    ensure!(plain(name) && plain(version) && !name.starts_with('.'), "{name:?} {version:?} cannot be a package");
    let mut text = format!("%NAME%\n{name}\n\n%VERSION%\n{version}\n\n");
    for (key, value) in [("GROUPS", groups), ("REPLACES", replaces)] {
        if !value.is_empty() {
            write!(text, "%{key}%\n{value}\n\n")?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::sync::SyncDatabase;
    use super::*;

    #[test]
    fn the_small_world_is_one_our_own_readers_understand() {
        let conf = Conf::parse("[core]\n", Path::new("/"));
        let offer = Offer { repository: "core", name: "new", version: "1:2-1", groups: "g", replaces: "old<2" };
        let folder = tempfile::tempdir().unwrap();
        let present = Present { name: "old".into(), version: "1-1".into(), groups: String::new() };
        write_small_world(folder.path(), &conf, &[present], &[offer]).unwrap();
        let database = SyncDatabase::open(&folder.path().join("sync/core.db"), None).unwrap();
        let found: Vec<_> = database.entries().map(|e| (e.name, e.version, e.groups_and_replaces())).collect();
        assert_eq!(found, [("new", "1:2-1", ("g", "old<2"))]);
        assert!(folder.path().join("local/old-1-1/desc").is_file());
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["../x", "a/b", "..", "", "a\nb"] {
            assert!(entry(name, "1-1", "", "").is_err(), "{name:?}");
        }
    }
}
