//! Advisories: fetched and kept, compiled into the index, and held against what is installed.
//!
//! Only `omg refresh --advisories` fetches, and `omg refresh` where the configuration says so. A scan asks nobody.

mod compile;
mod open;
mod projects;
mod registry;
mod report;
mod runtimes;
mod scan;
mod security;
mod sources;

pub use compile::compile;
pub use open::{Known, MAX_AGE_DAYS, advised};
pub use projects::scan as scan_projects;
pub use report::{Age, Finding, Fix, Hushed, LockFile, Package, Report, Request, Spot, Unknown, Why};
pub use runtimes::against as against_runtime;
pub use scan::{matched_new, matched_now, scan};
pub use security::mark as mark_security;
pub use sources::{Source, sources};

use super::fetch::reason;
use super::refresh::lock;
use crate::config::Config;
use crate::index::advisories::{Advisories, NAME, Publisher};
use crate::model::{Event, Observer};
use crate::sys::http::address::without_password;
use crate::sys::http::{self, Network, Options};
use anyhow::{Context, Result};
use std::cmp::Ordering;
use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

/// What could not be fetched or read: where, and why.
pub type Failure = (String, String);

/// How much is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Ask the publishers.
    pub fetch: bool,
    /// Compile what is compiled already.
    pub force: bool,
}

/// Brings the kept copies up to date, and compiles them where they, or what is asked of them, have changed.
/// A failure takes nothing away: the copies from before go on answering.
pub fn refresh(
    root: &Path,
    folder: &Path,
    config: &Config,
    effort: Effort,
    observer: &dyn Observer,
) -> Result<Vec<Failure>> {
    let (release, sources) = sources(root, folder, &config.advisories);
    let max_age_days = config.advisories.max_age_days.unwrap_or(MAX_AGE_DAYS);
    let mut failures = Vec::new();
    if effort.fetch {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        for source in &sources {
            if let Err(error) = fetch(source, &release, observer) {
                let kept = match source.path.exists() {
                    true => "the copy from before is kept",
                    false => "there is no copy yet",
                };
                let address = without_password(&source.address);
                let reason = reason(&error, &address);
                failures.push((address, format!("{reason}; {kept}")));
            }
        }
    }
    let has_any = folder.join(NAME).exists() || sources.iter().any(|source| source.path.exists());
    if has_any && (effort.force || !compile::is_current(folder, &sources, &release, max_age_days)) {
        observer.event(Event::Stage { what: "compiling advisories", percent: 0 });
        let _lock = lock(folder, observer)?;
        compile(folder, &sources, &release, max_age_days)?;
    }
    // What could not be read, besides what could not be fetched.
    if let Ok(meta) = Advisories::open(folder).and_then(|advisories| advisories.meta()) {
        for Publisher { address, problems, .. } in meta.publishers {
            if let Some(problem) = problems.into_iter().next().filter(|_| failures.iter().all(|(of, _)| *of != address))
            {
                failures.push((address, problem));
            }
        }
    }
    Ok(failures)
}

/// Packed. Ten times the largest there is.
const MAX_FILE_BYTES: u64 = 2 << 30;

fn fetch(source: &Source, release: &str, observer: &dyn Observer) -> Result<()> {
    observer.event(Event::Stage { what: "asking for advisories", percent: 0 });
    let progress = |progress: http::Progress| {
        observer.event(Event::Fetching {
            what: source.name,
            done_bytes: progress.done_bytes,
            total_bytes: progress.total_bytes,
        });
    };
    let check = |new: &Path| compile::check(source, new, release);
    let network = Network::system();
    let options = Options { network: &network, max_bytes: MAX_FILE_BYTES, progress: &progress, check: &check };
    http::download(&source.address, &source.path, &options)?;
    // The note beside the copy is as old as its server's last word; a file's word is as old as the file.
    let said = match source.address.strip_prefix("file://") {
        Some(path) => fs::metadata(path).and_then(|stat| stat.modified()),
        None => Ok(SystemTime::now()),
    };
    let note = source.note();
    said.and_then(|time| File::options().append(true).open(&note)?.set_modified(time))
        .with_context(|| format!("cannot write {}", note.display()))
}

/// The order of versions of an ecosystem that packages of this machine may be of.
pub fn order(ecosystem: &str) -> Option<fn(&str, &str) -> Ordering> {
    match ecosystem {
        "deb" => Some(crate::backends::apt::version::compare),
        "alpm" => Some(crate::backends::alpm::vercmp::compare),
        _ => None,
    }
}
