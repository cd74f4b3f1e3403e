//! What may be installed: `policy.toml` in layers, and the judgement of a package by its rules. Specified in omg-policy(1).
//!
//! It stops nothing itself, and looks for no facts: `ops` brings them before it changes a package, and acts on the refusals. A
//! fact that is not known is never taken for a good one.

mod file;
mod license;
mod rule;
#[cfg(test)]
mod tests;

pub use super::grade::Grade;
pub use crate::model::Severity;
pub(super) use rule::matches;
pub use rule::{Demand, Facts, Key};

use super::sha256;
use super::signature::Verdict;
use anyhow::Result;
use serde::{Serialize, Serializer};
use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Below a root's `etc` and a user's configuration folder.
const NAME: &str = "omg/policy.toml";
/// Below the folder of a project.
const PROJECT_NAME: &str = ".omg/policy.toml";
/// The layer whose file anybody may have put there.
const PROJECT: &str = "project";

/// A file that is looked for. It need not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub name: &'static str,
    pub path: PathBuf,
}

/// The usual layers for a root, highest first: the root's own, the user's, and that of the nearest project from the current folder
/// upward, where there is one. The last two hold for any root, since they say what a person or a project wants.
pub fn layers(root: &Path) -> Vec<Layer> {
    let variable = |name: &str| std::env::var_os(name);
    layers_of(root, &variable, std::env::current_dir().ok().as_deref())
}

fn layers_of(root: &Path, variable: &dyn Fn(&str) -> Option<OsString>, from: Option<&Path>) -> Vec<Layer> {
    let own = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = own("XDG_CONFIG_HOME").or_else(|| own("HOME").map(|home| home.join(".config")));
    let mut layers = vec![Layer { name: "system", path: root.join("etc").join(NAME) }];
    layers.extend(config.map(|folder| Layer { name: "user", path: folder.join(NAME) }));
    // What cannot be looked at counts as there, and reading it will fail: it may forbid something.
    let is_there = |path: &PathBuf| match path.symlink_metadata() {
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        Ok(_) => true,
    };
    let project = from.and_then(|from| from.ancestors().map(|folder| folder.join(PROJECT_NAME)).find(is_there));
    layers.extend(project.map(|path| Layer { name: PROJECT, path }));
    layers
}

/// Rules in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
}

/// A rule, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub demand: Demand,
    /// The name of its layer.
    pub layer: &'static str,
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
}

/// Why a package may not be installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    pub package: String,
    /// The rule's key in `policy.toml`.
    pub rule: &'static str,
    pub message: String,
    #[serde(serialize_with = "lossy")]
    pub file: PathBuf,
    pub line: usize,
}

/// serde's own way refuses a path that is no UTF-8.
pub(crate) fn lossy<S: Serializer>(path: &Path, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&path.display())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { package, message, file, line, .. } = self;
        write!(f, "{package}: {message} ({}, line {line})", file.display())
    }
}

impl Policy {
    /// The rules of all layers that are there, highest first. What is banned adds up; of any other rule the lowest layer that has
    /// it counts, unless a layer above locked it, which makes it an error. So is whatever is not understood.
    pub fn read(layers: &[Layer]) -> Result<Policy> {
        let mut policy = Policy::default();
        for layer in layers {
            if let Some(text) = file::read(layer)? {
                policy.lay(&text, layer)?;
            }
        }
        Ok(policy)
    }

    /// Puts the rules of a layer, whose text this is, below those of the layers before.
    pub fn lay(&mut self, text: &str, layer: &Layer) -> Result<()> {
        let below = file::parse(text, layer, self)?;
        let adds_up = |key: Key| matches!(key, Key::Banned | Key::Locked);
        self.rules.retain(|above| {
            let key = above.demand.key();
            adds_up(key) || !below.iter().any(|rule| rule.demand.key() == key)
        });
        self.rules.extend(below);
        self.rules.sort_by_key(|rule| rule.demand.key());
        Ok(())
    }

    /// Every rule that forbids it; none where it may be installed.
    pub fn judge(&self, facts: &Facts<'_>) -> Vec<Refusal> {
        let lets_pass = |rule: &Rule| rule::lets_unknown_severity_pass(&rule.demand, facts);
        let is_excused = facts.open.is_err() && self.rules.iter().any(lets_pass);
        let asks = |rule: &&Rule| !(is_excused && rule.demand.key() == Key::MaxSeverity);
        let refusal = |rule: &Rule| {
            Some(Refusal {
                package: facts.name.to_owned(),
                rule: rule.demand.key().name(),
                message: rule.demand.fault(facts)?,
                file: rule.file.clone(),
                line: rule.line,
            })
        };
        self.rules.iter().filter(asks).filter_map(refusal).collect()
    }

    /// Whether a signature of a file is accepted: a good one is, and of the others what a rule names.
    pub fn accepts(&self, verdict: Verdict) -> bool {
        let named = |rule: &Rule| matches!(&rule.demand, Demand::Accepted(verdicts) if verdicts.contains(&verdict));
        verdict == Verdict::Good || Verdict::ACCEPTABLE.contains(&verdict) && self.rules.iter().any(named)
    }

    /// Whether nothing is forbidden, whatever the facts.
    pub fn is_empty(&self) -> bool {
        !self.rules.iter().any(|rule| rule.demand.forbids())
    }

    /// In the order of the keys, of one key the highest layer's first.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The lock on a key, if a layer has one. Whoever locks a rule locks what it has for exceptions.
    pub fn lock_of(&self, key: Key) -> Option<&Rule> {
        let of_its_rule = (key == Key::UnknownSeverityOrigins).then_some(Key::MaxSeverity);
        let holds = |keys: &[Key]| keys.contains(&key) || of_its_rule.is_some_and(|of| keys.contains(&of));
        self.rules.iter().find(|rule| matches!(&rule.demand, Demand::Locked(keys) if holds(keys)))
    }

    /// A SHA-256 of what the rules say: the same for the same rules, in whatever files, order and layout they stand.
    pub fn digest(&self) -> String {
        let mut said: Vec<String> = Vec::new();
        for Rule { demand, .. } in &self.rules {
            // Each pattern of what adds up is a rule of its own, and a list is a set.
            let mut values = demand.values();
            values.sort();
            values.dedup();
            match demand.key() {
                Key::Banned | Key::Locked => {
                    said.extend(values.iter().map(|v| format!("{}={v:?}\n", demand.key().name())))
                }
                key => said.push(format!("{}={values:?}\n", key.name())),
            }
        }
        said.sort();
        said.dedup();
        sha256(said.concat().as_bytes())
    }
}
