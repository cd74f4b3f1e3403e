//! Package families: readers of their databases and the rules of their policies.
//!
//! A backend reads one root through pure Rust. It neither prints nor writes, and it does not know the index: it hands what
//! it reads to the sinks of [`crate::model`]. What only the native library may decide is asked of an engine process.

pub mod alpm;
pub mod apt;
pub mod aur;
pub mod embedded;
pub mod engine;
mod tool;

use crate::backends::engine::{Ask, EngineCommand, EngineError, Request};
use crate::model::{
    Archive, CatalogueSink, LocalSink, Offer, Order, OrphanRule, Policy, Problem, Resolution, Scope, Source,
    Transaction,
};
use anyhow::{Context, Result};
use jiff::tz::TimeZone;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a family shows that its packages are being changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// The kernel knows who holds it, and gives it up when that one ends.
    Held(PathBuf),
    /// It is there or it is not, and stays behind where whoever made it was killed.
    Exists(PathBuf),
}

/// Where versions that no repository offers any more are kept for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// An archive by itself: its name, the addresses that it may have, the likeliest first; its signature lies beside it.
    File(Vec<(String, String)>),
    /// Repositories as they were: stanzas of a file of sources, with `{time}` for when.
    Repositories(Vec<String>),
    Nowhere,
}

/// Where the keys are that a family judges signatures by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// A folder of gpg's, in which gpg says whom it trusts.
    Folder(PathBuf),
    /// Keyrings as the family ships them, with what lies beside them.
    Files(Vec<PathBuf>),
}

/// One package family on one root.
pub trait Backend: Send + Sync {
    fn source(&self) -> Source;

    /// Every file and folder whose change would change what [`Backend::read_catalogue`] or the policy says, whether it
    /// exists now or not. A reader of the index calls stat on each, so a folder stands for the names in it and a file
    /// for its content: few and complete.
    fn catalogue_inputs(&self) -> Vec<PathBuf>;

    /// The same for [`Backend::read_local`] and [`Backend::read_owned`].
    fn local_inputs(&self) -> Vec<PathBuf>;

    /// Every version of every package the repositories offer. A damaged file is a [`Problem`] told to the sink, and the
    /// other files still answer; `Err` is for what makes the whole answer worthless.
    fn read_catalogue(&self, sink: &mut dyn CatalogueSink) -> Result<()>;

    /// Every package of the machine's own database.
    fn read_local(&self, sink: &mut dyn LocalSink) -> Result<()>;

    /// Calls back with `(name, arch, path)` for every path of every installed package. Absolute paths as the database
    /// gives them (no trailing slash), diversions applied. Bytes, since file names are.
    /// A list that is missing or damaged is a problem, and the others still answer.
    fn read_owned(&self, each: &mut dyn FnMut(&str, &str, &[u8]), problem: &mut dyn FnMut(Problem)) -> Result<()>;

    /// The paths of one installed package, for `omg files`; `None` where it is not installed.
    fn files_of(&self, name: &str, arch: &str) -> Result<Option<Vec<Vec<u8>>>>;

    /// What the distribution would install: the engine's word where it can be had, else our own rules.
    fn policy(&self, scope: Scope<'_>) -> Result<Policy>;

    /// The same about `names` from what the caller already knows the repositories to offer, so that none of their
    /// databases has to be read. `offers` must hold every version of each of `names` in every repository, and every
    /// package whose `Replaces` mention one of them.
    fn policy_among(&self, names: &[(&str, &str)], offers: &[Offer<'_>]) -> Result<Policy>;

    /// The engine, where there is one.
    fn engine(&self) -> Option<&EngineCommand>;

    /// The engine that computes and carries out changes, and what it is to be asked. `command` is what the person typed, for the
    /// family's own log, `scratch` a folder where the library may keep what it computed for the next time.
    fn change(&self, ask: Ask, command: &str, scratch: Option<&Path>) -> Result<(EngineCommand, Request), EngineError>;

    /// What the family's own program would do: for where its engine cannot start.
    fn plan_by_tool(&self, order: &Order) -> Result<Resolution>;

    /// That program, to be run with privilege to do it.
    fn tool(&self, order: &Order) -> Result<Command>;

    /// What a line that the program printed says of an archive that it does not take: which, and why.
    fn rejected_by_tool<'l>(&self, _line: &'l str) -> Option<(&'l str, &'l str)> {
        None
    }

    /// An archive of just this version that lies on this machine, where the engine would not find it by itself.
    fn archive(&self, name: &str, arch: &str, version: &str) -> Option<PathBuf>;

    /// The names that an archive of just this version may have in a folder.
    fn archive_names(&self, name: &str, arch: &str, version: &str) -> Vec<String>;

    /// Where an old version can be had, by the address that the settings give or else the family's own.
    fn kept(&self, address: Option<&str>, name: &str, arch: &str, version: &str) -> Kept;

    /// Where its files lie: what its paths are below.
    fn root(&self) -> &Path;

    /// Every configuration file that a package says is one, also of packages that were removed without theirs: the package, and
    /// the path below the root. Only of the named packages, where some are.
    fn conffiles(&self, of: Option<&BTreeSet<&str>>) -> Result<Vec<(String, PathBuf)>>;

    /// The keys by which the family itself judges the signature of such a file; `None` where it is none of the family's.
    fn keys_for(&self, file: &Path) -> Option<Keys>;

    /// The files whose signatures the repositories' lists are believed for, where the library does not say itself by which key.
    fn signed_lists(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Every package's archive in the package manager's cache.
    fn archives(&self) -> Result<Vec<Archive>>;

    /// The files that whoever changes packages holds a lock on, or that are there as long as somebody does.
    fn locks(&self) -> Vec<Lock>;

    /// The logs of what was done to packages, as they are written now. Older ones lie beside them, under a number.
    fn logs(&self) -> Vec<PathBuf>;

    /// Hands every transaction in pieces of these logs to `each`, with whether it is known to have ended; returns how many bytes
    /// of each piece need not be read again. `zone` is the one that the machine's clock showed.
    fn read_logs(&self, pieces: &[String], zone: &TimeZone, each: &mut dyn FnMut(Transaction, bool)) -> Vec<usize>;

    /// When a dependency counts as an orphan.
    fn orphan_rule(&self) -> OrphanRule;

    /// The family's own version order.
    fn compare(&self, a: &str, b: &str) -> Ordering;
}

/// The files of a folder and how long they are; none where there is no such folder.
fn files_in(folder: &Path) -> Result<Vec<(String, PathBuf, u64)>> {
    let mut files = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        // Not followed: a link is none of the package manager's archives.
        if let (Ok(name), Ok(stat)) = (entry.file_name().into_string(), entry.metadata())
            && stat.is_file()
        {
            files.push((name, entry.path(), stat.len()));
        }
    }
    Ok(files)
}

/// Checks facts like `1.0 < 1:0`, which commas or lines part, in both directions; how many comparisons these were.
#[cfg(test)]
pub(crate) fn check_version_facts(facts: &str, compare: impl Fn(&str, &str) -> Ordering) -> usize {
    let mut checked = 0;
    for fact in facts.split([',', '\n']).map(str::trim).filter(|fact| !fact.is_empty()) {
        let [a, sign, b] = fact.split(' ').collect::<Vec<_>>()[..] else { panic!("{fact}") };
        let expected = match sign {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            _ => Ordering::Greater,
        };
        assert_eq!(compare(a, b), expected, "{fact}");
        assert_eq!(compare(b, a), expected.reverse(), "{fact}, the other way round");
        checked += 2;
    }
    checked
}
