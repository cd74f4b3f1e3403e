//! Which version of a package the distribution itself would install.

use super::Field;

/// Who decided. Shown by `omg doctor`, so that omg's own rules are never taken for the native library's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The native library, with its version (`libapt-pkg 6.0.0`).
    Engine(String),
    /// omg's own rules, with the reason the engine was not asked.
    Rules(String),
}

/// Which packages are asked about.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    All,
    /// `(name, arch)` as in [`Available`](super::Available); the answer covers just these.
    Only(&'a [(&'a str, &'a str)]),
}

/// One version of one package in one repository, as the index knows it.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    pub name: &'a str,
    /// As in [`Available::arch`](super::Available::arch).
    pub arch: &'a str,
    pub version: &'a str,
    /// Name of the repository.
    pub repository: &'a str,
    pub fields: &'a [(Field, String)],
}

/// The distribution's decision about one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub name: String,
    /// As in [`Available::arch`](super::Available::arch).
    pub arch: String,
    /// The version that would be installed; for an installed package this may be the installed one. `None`: no version is allowed.
    pub candidate: Option<String>,
    /// Name of the repository ([`Repository::name`](super::Repository::name)) the candidate would come from; empty where
    /// it is only on the machine.
    pub repository: String,
    /// Package of another name that replaces this one (pacman `%REPLACES%`), where the library would do so.
    pub replaced_by: Option<String>,
}

/// The answer of [`Backend::policy`](crate::backends::Backend::policy).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub authority: Authority,
    /// In any order. A package that is not here has its newest version in the first repository as its candidate.
    pub choices: Vec<Choice>,
}

/// When a package that came as a dependency counts as an orphan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrphanRule {
    /// pacman: no installed package requires it, not even optionally.
    Unrequired,
    /// apt: no chain of relations leads to it from a package installed by hand or to be kept. Whether `Recommends` and
    /// `Suggests` are links of such a chain is configured.
    Unreachable { recommends: bool, suggests: bool },
}
