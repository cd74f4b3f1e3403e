//! A door for fuzzers to each decoder of bytes that come from elsewhere, most of which are private: one function each, which
//! decodes and then checks what the decoder promises beyond not to panic. The targets in `fuzz/` and the bounded run in
//! `tests/fuzz.rs` are both made of these. Nothing of omg itself uses them.

mod apt;
mod audit;
mod index;
mod locks;
mod logs;
mod network;
mod pacman;
mod project;
mod runtimes;
mod secrets;

use crate::model::{Available, CatalogueSink, Field, Installed, LocalSink, Problem, Repository, RepositoryId};
use std::collections::HashSet;

/// A decoder: its name, which is that of its folder of seeds, and what to call.
pub type Target = (&'static str, fn(&[u8]));

/// Every decoder.
pub const TARGETS: &[Target] = &[
    ("advisories", audit::advisories),
    ("apt-conf", apt::conf),
    ("apt-control", apt::control),
    ("apt-files", apt::files),
    ("apt-logs", logs::apt),
    ("apt-packages", apt::packages),
    ("apt-preferences", apt::preferences),
    ("apt-release", apt::release),
    ("apt-sources", apt::sources),
    ("apt-translations", apt::translations),
    ("apt-version", apt::version),
    ("audit-log", audit::log),
    ("aur-metadata", pacman::aur_metadata),
    ("bundle", audit::bundle),
    ("cvss", audit::cvss),
    ("dns", network::dns),
    ("engine-reply", network::engine_reply),
    ("git-pack", secrets::pack),
    ("http", network::http),
    ("index", index::index),
    ("locks", locks::locks),
    ("licenses", audit::licenses),
    ("names", network::names),
    ("pacman-conf", pacman::conf),
    ("pacman-desc", pacman::desc),
    ("pacman-log", logs::pacman),
    ("pacman-sync", pacman::sync),
    ("pacman-tar", pacman::tar),
    ("pacman-version", pacman::version),
    ("pins", runtimes::pins),
    ("policy", audit::policy),
    ("provenance", audit::provenance),
    ("purl", audit::purl),
    ("relations", pacman::relations),
    ("runtime-lock", runtimes::lock),
    ("search", index::search),
    ("secrets", secrets::scan),
    ("secrets-baseline", secrets::baseline),
    ("signature", audit::signature),
    ("srcinfo", pacman::srcinfo),
    ("tasks", project::tasks),
    ("unpack", network::unpack),
    ("versions", locks::versions),
    ("vex", audit::vex),
];

/// Holds what a reader hands on against what [`Available`] and [`Installed`] promise.
#[derive(Default)]
struct Checked {
    repositories: RepositoryId,
    packages: Vec<(String, String)>,
    problems: usize,
}

impl Checked {
    fn check(&mut self, name: &str, version: &str, fields: &[(Field, &str)]) {
        assert!(!name.is_empty(), "a package without a name");
        let mut seen = HashSet::new();
        for (field, text) in fields {
            assert!(seen.insert(*field as u8), "{field:?} twice");
            assert!(!text.is_empty(), "{field:?} empty");
        }
        self.packages.push((name.to_owned(), version.to_owned()));
    }
}

impl CatalogueSink for Checked {
    fn repository(&mut self, _: Repository) -> RepositoryId {
        self.repositories += 1;
        self.repositories - 1
    }

    fn package(&mut self, package: &Available<'_>) {
        self.check(package.name, package.version, package.fields);
    }

    fn problem(&mut self, _: Problem) {
        self.problems += 1;
    }
}

impl LocalSink for Checked {
    fn package(&mut self, package: &Installed<'_>) {
        self.check(package.name, package.version, package.fields);
    }

    fn problem(&mut self, _: Problem) {
        self.problems += 1;
    }
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// An order of versions: the same forwards and backwards, and each version equal to itself. dpkg's is a total one too; pacman's
/// own is not (`1` is neither newer nor older than `1-1` and `1-2`), so nothing may be sorted by it.
fn check_order(compare: fn(&str, &str) -> std::cmp::Ordering, is_total: bool, bytes: &[u8]) {
    let text = text(bytes);
    let mut versions = text.split('\n');
    let (a, b, c) = (versions.next().unwrap_or(""), versions.next().unwrap_or(""), versions.next().unwrap_or(""));
    assert!(compare(a, a).is_eq(), "{a:?} is not itself");
    assert_eq!(compare(a, b), compare(b, a).reverse(), "{a:?} {b:?}");
    if is_total && compare(a, b).is_lt() && compare(b, c).is_lt() {
        assert!(compare(a, c).is_lt(), "{a:?} < {b:?} < {c:?}");
    }
}
