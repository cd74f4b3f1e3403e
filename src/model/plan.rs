//! A change of packages as plain data: what is asked for, and what would be done.
//!
//! A plan is computed without privilege, shown, judged, and carried out by another process; so it can be written and read, and its
//! text decides its digest. Nothing here computes or carries out.

use super::{Action, Reason, Source};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Task {
    Install,
    /// What is installed once more, in the same version.
    Reinstall,
    /// To the version that each target names.
    Downgrade,
    Remove {
        /// With its configuration.
        purge: bool,
        /// With what only it needed.
        recursive: bool,
    },
    /// The targets, or all that has a newer candidate where there are none.
    Upgrade {
        /// May remove what is in the way.
        full: bool,
    },
    /// What came as a dependency and nothing needs any more.
    Autoremove {
        purge: bool,
    },
    /// No package is changed, only what the targets count as.
    Mark(Mark),
    /// Nothing but the repositories' databases is fetched; forced, also those that have not changed.
    Sync {
        force: bool,
    },
    /// Archives leave the package manager's cache, all but so many versions of each package.
    Clean {
        keep: usize,
    },
    /// No package is changed, only what one left beside a configuration file.
    Configure,
}

impl Task {
    /// Whether its targets must be installed already. One that is not can be held all the same.
    pub fn needs_installed(&self) -> bool {
        matches!(
            self,
            Task::Remove { .. } | Task::Reinstall | Task::Upgrade { .. } | Task::Mark(Mark::Explicit | Mark::Auto)
        )
    }
}

/// What a package counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Asked for by a person.
    Explicit,
    /// Came as a dependency.
    Auto,
    /// To stay in its version.
    Held,
    Unheld,
}

/// A package and what it is to count as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marked {
    pub name: String,
    /// As in [`Step::arch`].
    pub arch: String,
    pub mark: Mark,
}

/// A package as it was asked for: `REPOSITORY/NAME:ARCH=VERSION`, of which only the name must be there, or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// On apt the release too: `bookworm-backports`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// An archive of a package on this machine; then the name is what it was called in the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// What it is to count as once it is there; none leaves that to the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(repository) = &self.repository {
            write!(f, "{repository}/")?;
        }
        f.write_str(&self.name)?;
        if let Some(arch) = &self.arch {
            write!(f, ":{arch}")?;
        }
        match &self.version {
            Some(version) => write!(f, "={version}"),
            None => Ok(()),
        }
    }
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub task: Task,
    pub targets: Vec<Target>,
    /// Removed in the same transaction as the rest is done; a rollback asks for both at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<Target>,
    /// Also where it makes a partial upgrade, which Arch does not support, or removes what the machine needs.
    pub force: bool,
    /// Nothing is changed, and what it takes is only fetched.
    #[serde(default)]
    pub fetch_only: bool,
    /// What packages are to be held, or no longer, once all is done; on apt alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Marked>,
    /// The number of the oldest transaction that it takes back, where it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_back: Option<i64>,
}

impl Order {
    pub fn new(task: Task, targets: Vec<Target>) -> Order {
        let (remove, holds) = (Vec::new(), Vec::new());
        Order { task, targets, remove, force: false, fetch_only: false, holds, takes_back: None }
    }
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    Plan(Box<Plan>),
    /// Nothing bears these names.
    Unknown(Vec<Missing>),
    /// A virtual package or a group that several packages stand for.
    Choice {
        name: String,
        packages: Vec<String>,
    },
    /// It cannot be done, and why: a sentence for each obstacle.
    Impossible(Vec<String>),
}

/// Why a target could not be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub target: String,
    /// What there is of that name: its versions where another was asked for, empty where the name is unknown.
    pub versions: Vec<String>,
    /// It is known, and not installed.
    pub not_installed: bool,
}

/// The whole transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub source: Source,
    pub root: PathBuf,
    pub order: Order,
    /// Who computed it: `libapt-pkg 6.0.0`.
    pub decider: String,
    /// Sorted by action and name.
    pub steps: Vec<Step>,
    /// Of packages that are no step, done after the steps.
    pub marks: Vec<Marked>,
    /// Files of the package manager's cache that are deleted.
    #[serde(default)]
    pub archives: Vec<Archive>,
    /// Configuration files that are settled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Settled>,
    pub kept: Vec<Kept>,
    /// Installed packages that would be needed by nothing afterwards, and stay.
    pub orphaned: Vec<String>,
    /// What has still to be fetched.
    pub download_bytes: u64,
    /// What the disk holds more afterwards.
    pub disk_bytes: i64,
    /// What the person must know before they say yes.
    pub warnings: Vec<String>,
}

/// A package's archive in the package manager's cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    pub path: PathBuf,
    pub name: String,
    /// As the file's name has it.
    pub arch: String,
    pub version: String,
    pub bytes: u64,
}

/// A configuration file with what was left beside it, both as they were seen, and which of them stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// The file in use, below the root.
    pub path: PathBuf,
    /// Its SHA-256 in hex; empty where it is not there.
    pub sha256: String,
    pub leftover: PathBuf,
    pub leftover_sha256: String,
    pub by: Settling,
}

/// What becomes of a configuration file. The leftover is gone afterwards in each case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Settling {
    /// It stays as it is.
    Keep,
    /// The leftover takes its place, and it stays beside under another name.
    Use,
    /// It gets this text.
    Merge { text: Vec<u8> },
}

impl Settling {
    pub fn key(&self) -> &'static str {
        match self {
            Settling::Keep => "keep",
            Settling::Use => "use",
            Settling::Merge { .. } => "merge",
        }
    }
}

/// What is done to one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub action: Action,
    pub name: String,
    /// Empty for the machine's own architecture and for packages of every architecture.
    pub arch: String,
    /// Empty where it is not installed.
    pub old: String,
    /// Empty where it is removed.
    pub new: String,
    /// Where the new version comes from; empty for a file and for what is removed.
    pub repository: String,
    pub why: Why,
    /// What it counts as afterwards; for what is removed, what it counted as.
    pub reason: Reason,
    pub download_bytes: u64,
    /// Of the new version's archive, in hex, as the repository states it; empty where it does not or nothing is installed.
    pub sha256: String,
    /// Whether a signature that the machine trusts vouches for that; nothing where nothing is installed.
    pub signed: Option<bool>,
}

/// Why a step is part of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "because", content = "of")]
pub enum Why {
    /// It was named.
    Asked,
    /// It has a newer candidate, and all are upgraded.
    Newer,
    /// This package needs it.
    NeededBy(String),
    /// This package, which is part of the plan too, recommends it.
    RecommendedBy(String),
    /// It needs this one, which is removed or changed.
    Needs(String),
    /// This one cannot be installed beside it.
    ConflictsWith(String),
    /// This one takes its place.
    ReplacedBy(String),
    /// Nothing needs it.
    Unneeded,
    /// The family's own program chose it, which does not tell.
    Unexplained,
}

/// An installed package with a newer version that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub name: String,
    pub arch: String,
    pub installed: String,
    pub candidate: String,
    /// A sentence without its subject: `held`, `would remove nano`.
    pub why: String,
}

impl Plan {
    /// The text that its digest is made of.
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).expect("a plan is made of strings and numbers")
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let is_sync = matches!(self.order.task, Task::Sync { .. });
        self.steps.is_empty() && self.marks.is_empty() && self.archives.is_empty() && self.files.is_empty() && !is_sync
    }

    /// One that no engine has to compute.
    pub fn simple(source: Source, root: PathBuf, task: Task) -> Plan {
        Plan {
            source,
            root,
            order: Order::new(task, Vec::new()),
            decider: String::new(),
            steps: Vec::new(),
            marks: Vec::new(),
            archives: Vec::new(),
            files: Vec::new(),
            kept: Vec::new(),
            orphaned: Vec::new(),
            download_bytes: 0,
            disk_bytes: 0,
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_back_from_its_text_as_it_was() {
        let target = Target { name: "nano".into(), version: Some("7.2-1".into()), ..Target::default() };
        assert_eq!(target.to_string(), "nano=7.2-1");
        let step = Step {
            action: Action::Install,
            name: "nano".into(),
            arch: String::new(),
            old: String::new(),
            new: "7.2-1".into(),
            repository: "bookworm/main".into(),
            why: Why::NeededBy("editor".into()),
            reason: Reason::Explicit,
            download_bytes: 9,
            sha256: "00".into(),
            signed: Some(true),
        };
        let plan = Plan {
            source: Source::Apt,
            root: "/".into(),
            order: Order::new(Task::Remove { purge: true, recursive: false }, vec![target]),
            decider: "libapt-pkg 6.0.0".into(),
            steps: vec![step],
            marks: vec![Marked { name: "vi".into(), arch: String::new(), mark: Mark::Held }],
            archives: Vec::new(),
            files: Vec::new(),
            kept: Vec::new(),
            orphaned: Vec::new(),
            download_bytes: 9,
            disk_bytes: -4,
            warnings: Vec::new(),
        };
        let text = plan.canonical();
        let back: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!((&back, back.canonical()), (&plan, text));
    }
}
