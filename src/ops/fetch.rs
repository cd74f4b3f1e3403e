//! Brings the AUR's list of packages to the index folder, and remembers in the status that this failed; and the distribution's news.
//!
//! Only an explicit `omg refresh` fetches. A failure takes nothing away: the kept copy goes on answering, and `status`,
//! `doctor` and the exit code say that it is not what the server has.

use super::Place;
use super::refresh::lock;
use crate::backends::alpm::news;
use crate::backends::aur::{Aur, DEFAULT_URL, FILE_NAME};
use crate::config::Config;
use crate::index::status::StoredProblem;
use crate::index::{Status, publish};
use crate::model::{Event, Observer};
use crate::sys::http::Network;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// The AUR as the index in `folder` has it; `None` where it is not wanted; it `suits` where
/// nobody says otherwise. `OMG_AUR_FILE` names another copy, which is used
/// as it is.
pub fn aur(suits: bool, folder: &Path, config: &Config) -> Option<Aur> {
    let url = config.aur.url.clone().unwrap_or_else(|| DEFAULT_URL.to_owned());
    if let Some(path) = std::env::var_os("OMG_AUR_FILE").filter(|path| !path.is_empty()) {
        return Some(Aur { path: path.into(), url });
    }
    config.aur.enabled.unwrap_or(suits).then(|| Aur { path: folder.join(FILE_NAME), url })
}

/// Fetches the list that an index folder's place wants, if it is not the server's own already. The failure is returned as
/// a problem of its address.
pub fn fetch(place: &Place, folder: &Path, observer: &dyn Observer) -> Result<Option<StoredProblem>> {
    let Some(aur) = place.aur.as_ref().filter(|aur| aur.path.starts_with(folder)) else { return Ok(None) };
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    observer.event(Event::Stage { what: "asking for the AUR's list", percent: 0 });
    let progress = |progress: crate::sys::http::Progress| {
        observer.event(Event::Fetching {
            what: "the AUR's list",
            done_bytes: progress.done_bytes,
            total_bytes: progress.total_bytes,
        });
    };
    let kept = match fs::metadata(&aur.path) {
        Ok(_) => "the copy from before is kept",
        Err(_) => "there is no copy yet",
    };
    let failed = aur.update(&Network::system(), &progress).err();
    Ok(failed.map(|error| (aur.url.clone(), format!("{}; {kept}", reason(&error, &aur.url)), true)))
}

/// What a failure to fetch says besides the address, for a line that begins with that.
pub fn reason(error: &anyhow::Error, address: &str) -> String {
    let parts = error.chain().map(ToString::to_string).filter(|part| *part != format!("cannot fetch {address}"));
    let without = |part: String| match part == format!("there is no {address}") {
        true => "it is not there".to_owned(),
        false => part.replace(&format!("{address}: "), "").replace(address, "it"),
    };
    parts.map(without).collect::<Vec<_>>().join(": ")
}

/// Fetches the distribution's news into the index folder, where they are wanted: on Arch Linux, where nobody says otherwise.
pub fn fetch_news(root: &Path, folder: &Path, config: &Config) -> Result<()> {
    let is_arch = || {
        let at = |below: &str| fs::read_to_string(root.join(below));
        let release = at("etc/os-release").or_else(|_| at("usr/lib/os-release")).unwrap_or_default();
        release.lines().any(|line| line == "ID=arch")
    };
    if !config.news.enabled.unwrap_or_else(is_arch) {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let url = config.news.url.as_deref().unwrap_or(news::DEFAULT_URL);
    news::update(url, &folder.join(news::FILE_NAME), &Network::system()).map(drop).context("cannot fetch the news")
}

/// The failure that a status remembers. Problems of files have their paths.
pub fn remembered(status: &Status) -> Option<StoredProblem> {
    status.problems.iter().find(|(of, _, _)| of.contains("://")).cloned()
}

/// Puts a failure, or that there is none, into the status of a folder, and returns that.
pub fn remember(
    folder: &Path,
    failure: Option<StoredProblem>,
    status: Status,
    observer: &dyn Observer,
) -> Result<Status> {
    if remembered(&status) == failure {
        return Ok(status);
    }
    let _lock = lock(folder, observer)?;
    let mut status = Status::read(folder)?;
    status.problems.retain(|(of, _, _)| !of.contains("://"));
    status.problems.extend(failure);
    publish::status(folder, &status)?;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::reason;
    use anyhow::anyhow;

    #[test]
    fn the_reason_of_a_failed_fetch_does_not_name_the_address_again() {
        let url = "https://a.test/x";
        let of = |error: anyhow::Error| reason(&error, url);
        assert_eq!(of(anyhow!("refused").context(format!("cannot fetch {url}"))), "refused");
        assert_eq!(of(anyhow!("{url}: the server answered 404 Not Found")), "the server answered 404 Not Found");
        assert_eq!(
            of(anyhow!("nothing in it").context(format!("what {url} gave is not usable"))),
            "what it gave is not usable: nothing in it"
        );
        assert_eq!(of(anyhow!("there is no {url}")), "it is not there");
        assert_eq!(of(anyhow!("{url} broke off after 3 bytes")), "it broke off after 3 bytes");
    }
}
