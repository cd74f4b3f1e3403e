//! What the engine `omg-alpm` must be told of pacman.conf to put a change together and carry it out: everything that pacman
//! itself would tell libalpm, with pacman's own defaults.

use super::ask::key;
use super::conf::{self, Conf};
use super::siglevel;
use crate::backends::engine::Request;
use anyhow::{Context, Result, bail};
use std::path::Path;

/// Where one machine keeps its things.
pub struct Places<'a> {
    /// What paths in the configuration are below: `/`, or the root where the configuration lies in it.
    pub base: &'a Path,
    pub root: &'a Path,
    pub database: &'a Path,
    pub log: &'a Path,
}

/// Puts all of it into a request. A configuration that pacman would refuse is refused here too: half of it may be laxer than the
/// whole.
pub fn describe_change(conf: &Conf, places: &Places<'_>, request: &mut Request) -> Result<()> {
    if let Some(problem) = conf.problems.first() {
        bail!("{}: {}", problem.path.display(), problem.message);
    }
    request.root = places.root.to_owned();
    request.set(key::DATABASE_PATH, text(places.database)?);
    request.set(key::LOG_FILE, text(places.log)?);
    let below = |path: &str| text(&conf::below(places.base, path)).map(str::to_owned);
    // pacman looks for these two outside of a root that it is merely told of, since they are configuration.
    request.set(key::GPG_DIR, below(conf.gpg_dir.as_deref().unwrap_or("etc/pacman.d/gnupg/"))?);
    for (key, named, default) in [
        (key::HOOK_DIR, &conf.hook_dirs, "etc/pacman.d/hooks/"),
        (key::CACHE_DIR, &conf.cache_dirs, "var/cache/pacman/pkg/"),
    ] {
        for dir in named {
            request.set(key, below(dir)?);
        }
        if named.is_empty() {
            request.set(key, below(default)?);
        }
    }
    options(conf, request);
    for repository in &conf.repositories {
        let signatures = levels(conf, |global| repository.signatures.below(global));
        request.set(key::SYNC_DATABASE, format!("{} {signatures} {}", repository.usage.0, repository.name));
        for server in &repository.servers {
            request.set(key::SERVER, server.as_str());
        }
        for server in &repository.cache_servers {
            request.set(key::CACHE_SERVER, server.as_str());
        }
    }
    Ok(())
}

fn options(conf: &Conf, request: &mut Request) {
    request.set(key::SIGNATURES, levels(conf, |global| global));
    request.set(key::LOCAL_FILE_SIGNATURES, levels(conf, |global| conf.local_file_signatures.below(global)));
    request.set(key::REMOTE_FILE_SIGNATURES, levels(conf, |global| conf.remote_file_signatures.below(global)));
    request.set(key::PARALLEL_DOWNLOADS, conf.parallel_downloads.unwrap_or(1).to_string());
    for (key, values) in [
        (key::ARCHITECTURE, &conf.architectures),
        (key::IGNORE_PACKAGE, &conf.ignore_packages),
        (key::IGNORE_GROUP, &conf.ignore_groups),
        (key::HOLD_PACKAGE, &conf.hold_packages),
        (key::NO_UPGRADE, &conf.no_upgrade),
        (key::NO_EXTRACT, &conf.no_extract),
    ] {
        values.iter().for_each(|value| request.set(key, value.as_str()));
    }
    for (key, value) in [(key::DOWNLOAD_USER, &conf.download_user), (key::XFER_COMMAND, &conf.xfer_command)] {
        value.iter().for_each(|value| request.set(key, value.as_str()));
    }
    for (key, on) in [
        (key::CHECK_SPACE, conf.check_space),
        (key::USE_SYSLOG, conf.use_syslog),
        (key::DISABLE_DOWNLOAD_TIMEOUT, conf.disable_download_timeout),
        (key::DISABLE_SANDBOX_FILESYSTEM, conf.disable_sandbox_filesystem),
        (key::DISABLE_SANDBOX_SYSCALLS, conf.disable_sandbox_syscalls),
    ] {
        if on {
            request.set(key, "");
        }
    }
}

/// A level with the built-in one of the older library and with that of the newer: only the engine knows which it is linked to.
fn levels(conf: &Conf, level: impl Fn(u32) -> u32) -> String {
    let [older, newer] = siglevel::BUILT_IN.map(|built_in| level(conf.signatures.global(built_in)));
    format!("{older}/{newer}")
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::engine::Ask;

    fn told(conf: &str, base: &str) -> Result<Request> {
        let conf = Conf::parse(conf, Path::new("/"));
        let (base, root) = (Path::new(base), Path::new("/mnt"));
        let places = Places { base, root, database: Path::new("/mnt/db"), log: Path::new("/mnt/log") };
        let mut request = Request::about_change(root, Ask::Sync { force: false });
        describe_change(&conf, &places, &mut request).map(|()| request)
    }

    #[test]
    fn defaults_are_those_of_pacman() {
        let request = told("[core]\n", "/").unwrap();
        let one = |key| request.values(key).collect::<Vec<_>>().join("|");
        assert_eq!(one(key::CACHE_DIR), "/var/cache/pacman/pkg/");
        assert_eq!(one(key::HOOK_DIR), "/etc/pacman.d/hooks/");
        assert_eq!(one(key::GPG_DIR), "/etc/pacman.d/gnupg/");
        assert_eq!((one(key::SIGNATURES), one(key::PARALLEL_DOWNLOADS)), ("3075/1025".into(), "1".into()));
        assert_eq!(one(key::LOCAL_FILE_SIGNATURES), "1073741824/1073741824");
        assert_eq!(one(key::SYNC_DATABASE), "15 1073741824/1073741824 core");
        assert_eq!(one(key::CHECK_SPACE), "");
        assert_eq!(request.values(key::CHECK_SPACE).count(), 0);
        assert_eq!(told("", "/mnt").unwrap().values(key::GPG_DIR).next(), Some("/mnt/etc/pacman.d/gnupg/"));
    }

    #[test]
    fn servers_follow_their_repository() {
        let request = told(
            "[options]\nSigLevel = Required\nCheckSpace\n[a]\nServer = 1\nServer = 2\n[b]\nSigLevel = Never\nServer = 3\n",
            "/",
        );
        let request = request.unwrap();
        let all: Vec<_> = request
            .settings
            .iter()
            .filter(|(key, _)| key == key::SYNC_DATABASE || key == key::SERVER)
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(all, ["15 1073741824/1073741824 a", "1", "2", "15 0/0 b", "3"]);
        assert_eq!(request.values(key::CHECK_SPACE).count(), 1);
    }

    #[test]
    fn a_configuration_that_pacman_refuses_changes_nothing() {
        let refused = told("[options]\nSigLevel = Requird\n[core]\n", "/").unwrap_err().to_string();
        assert_eq!(refused, "pacman.conf: line 2: Requird is no SigLevel");
    }
}
