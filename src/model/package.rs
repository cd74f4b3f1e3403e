//! Packages as a repository offers them and as a machine has them.

use super::Field;
use std::path::PathBuf;

/// The family a package belongs to. The discriminants are part of the index format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Source {
    Apt = 0,
    Pacman = 1,
    Aur = 2,
}

impl Source {
    /// The name used in text, in `--json` and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Source::Apt => "apt",
            Source::Pacman => "pacman",
            Source::Aur => "aur",
        }
    }
}

/// Index into the list of repositories a [`CatalogueSink`] has been told of.
pub type RepositoryId = u16;

/// One place packages come from, in the order the configuration gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub source: Source,
    /// What a person calls it and `--repo` matches: `core`, `bookworm/main`, `bookworm-security/main`, `aur`.
    pub name: String,
    /// Where it is fetched from, for `info`; empty where unknown.
    pub location: String,
    /// Whether what it offers are security updates (a Debian `-security` suite).
    pub security: bool,
    /// apt's priority of what it offers, unless a pin is for the package.
    pub priority: Option<i32>,
    /// Whether it says that it is the distribution's own, and not somebody else's.
    pub own: bool,
    /// Whether a signature by a key that this machine trusts has to vouch for each of its packages, or does for all of them.
    pub signed: bool,
}

/// One version of one package as one repository offers it. Borrowed: a sink copies what it keeps.
#[derive(Clone, Debug)]
pub struct Available<'a> {
    pub name: &'a str,
    /// Empty for the machine's own architecture and for architecture-independent packages; else the foreign one.
    pub arch: &'a str,
    pub version: &'a str,
    /// One line.
    pub summary: &'a str,
    pub repository: RepositoryId,
    /// Votes-like figure where the source has one (AUR's `Popularity`), else 0.
    pub popularity: f32,
    /// Everything else, in any order, each field at most once, none empty.
    pub fields: &'a [(Field, &'a str)],
}

/// Why a package is on the machine. The discriminants are part of the index format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Reason {
    Explicit = 0,
    Dependency = 1,
}

/// How much of a package is on the machine. The discriminants are part of the index format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum InstallState {
    Installed = 0,
    /// Removed, its configuration files are still there (dpkg `config-files`). Not counted as installed.
    ConfigFiles = 1,
    /// Anything dpkg left in between: unpacked, half-installed, half-configured, triggers awaited or pending.
    Broken = 2,
}

/// One package as the machine's own database records it.
#[derive(Clone, Debug)]
pub struct Installed<'a> {
    pub name: &'a str,
    /// As in [`Available::arch`].
    pub arch: &'a str,
    pub version: &'a str,
    pub summary: &'a str,
    pub state: InstallState,
    pub reason: Reason,
    /// Held back by the user: a dpkg hold, pacman's IgnorePkg or IgnoreGroup.
    pub held: bool,
    /// Never offered for removal as an orphan (apt: essential, protected, matched by APT::NeverAutoRemove or so).
    pub keep: bool,
    /// As in [`Available::fields`].
    pub fields: &'a [(Field, &'a str)],
}

/// A source file that could not be read whole. The rest of the answer stands; the exit code says so.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    pub path: PathBuf,
    /// Lower case, no full stop: `truncated after 4096 bytes`.
    pub message: String,
}

/// Receives what a backend reads from the repositories.
pub trait CatalogueSink {
    /// Announces a repository; ids count from 0 in the order of the calls.
    fn repository(&mut self, repository: Repository) -> RepositoryId;
    /// Announces the machine's own architecture, for a family whose relations name architectures.
    fn native(&mut self, _architecture: &str) {}
    fn package(&mut self, package: &Available<'_>);
    fn problem(&mut self, problem: Problem);
}

/// Receives what a backend reads from the machine's own database.
pub trait LocalSink {
    fn package(&mut self, package: &Installed<'_>);
    fn problem(&mut self, problem: Problem);
}
