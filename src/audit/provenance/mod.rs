//! What a signed statement says of a build: SLSA provenance 0.2 and 1, and how much of it the signature proves.
//!
//! A statement is its signer's word. What makes a level of it is the certificate beside, which the statement's author cannot write.
//! What is not proven counts for nothing, so a level is never what the statement calls itself.

mod slsa;

use super::sigstore::Proven;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const V0_2: &str = "https://slsa.dev/provenance/v0.2";
const V1: &str = "https://slsa.dev/provenance/v1";
/// The predicates that say who built something.
pub const PREDICATES: [&str; 2] = [V0_2, V1];

/// Platforms that build on machines of their own, by the issuer of their identities, and what they call such a machine.
const PLATFORMS: &[(&str, &str)] =
    &[("https://token.actions.githubusercontent.com", "github-hosted"), ("https://gitlab.com", "gitlab-hosted")];
/// What GitHub's own attestations and npm's call the builder.
const GITHUB_RUNNER: &str = "https://github.com/actions/runner/github-hosted";
/// Workflows that build apart from what they build and sign for it: the one family that is known to.
const ISOLATED: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/";

/// An in-toto statement.
#[derive(Deserialize)]
pub struct Statement<'t> {
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    #[serde(borrow)]
    predicate: Option<&'t RawValue>,
}

#[derive(Deserialize)]
struct Subject {
    digest: BTreeMap<String, String>,
}

impl<'t> Statement<'t> {
    pub fn read(payload: &'t [u8]) -> Result<Statement<'t>> {
        serde_json::from_slice(payload).context("not an in-toto statement")
    }

    /// Whether a digest of that kind is told of anything.
    pub fn names_digest(&self, algorithm: &str) -> bool {
        self.subject.iter().any(|subject| subject.digest.contains_key(algorithm))
    }

    /// What it says of a build; `None` where it speaks of something else.
    pub fn provenance(&self) -> Result<Option<Provenance>> {
        let text = self.predicate.map_or("null", RawValue::get);
        let provenance = match self.predicate_type.as_str() {
            V0_2 => serde_json::from_str(text).map(slsa::V0_2::provenance),
            V1 => serde_json::from_str(text).map(slsa::V1::provenance),
            _ => return Ok(None),
        };
        Ok(Some(provenance.context("the provenance cannot be read")?))
    }
}

/// A build in its signer's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Provenance {
    pub slsa: &'static str,
    pub builder: String,
    pub build_type: String,
    /// As a URL.
    pub repository: Option<String>,
    pub reference: Option<String>,
    pub commit: Option<String>,
    /// The file or target that was run.
    pub entry_point: Option<String>,
    pub run: Option<String>,
}

/// A level of SLSA's build track, 0 where nothing is proven, with what proves it and what is missing to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Level {
    pub level: u8,
    pub evidence: Vec<String>,
    pub missing: String,
}

/// `proven` is that of the signature around this very statement.
pub fn level(provenance: &Provenance, proven: Option<&Proven>) -> Level {
    let mut evidence = Vec::new();
    match climb(provenance, proven, &mut evidence) {
        Err(missing) => Level { level: evidence.len() as u8, evidence, missing },
        Ok(()) => Level { level: evidence.len() as u8, evidence, missing: String::new() },
    }
}

impl Level {
    pub fn none(missing: String) -> Level {
        Level { level: 0, evidence: Vec::new(), missing }
    }
}

/// One piece of evidence a level; an error says what the next wants.
fn climb(provenance: &Provenance, proven: Option<&Proven>, evidence: &mut Vec<String>) -> Result<(), String> {
    let proven = proven.ok_or("the signature around the provenance was not verified")?;
    evidence.push("a signed statement names this file's digest, and says how it was built".to_owned());

    let signer = proven.signer.as_ref().ok_or("a key signed, which tells nothing of where it was used")?;
    let hosted = PLATFORMS.iter().find(|(issuer, _)| *issuer == signer.issuer);
    let (_, hosted) = hosted.ok_or_else(|| format!("{} is no build platform that is known", signer.issuer))?;
    let runner = signer.runner.as_ref().ok_or("the certificate does not tell on whose machine was built")?;
    if runner != hosted {
        return Err(format!("built on a machine that is {runner}"));
    }
    for (what, said, proven) in [
        ("repository", &provenance.repository, &signer.repository),
        ("ref", &provenance.reference, &signer.reference),
        ("commit", &provenance.commit, &signer.commit),
    ] {
        match (said, proven) {
            (Some(said), Some(proven)) if said != proven => {
                return Err(format!("the statement's {what} is {said}, the certificate's {proven}"));
            }
            (None, _) if what == "repository" => return Err("the statement names no repository".to_owned()),
            _ => {}
        }
    }
    let by = signer.build_signer.as_ref().unwrap_or(&signer.identity);
    if provenance.builder != *by && !(provenance.builder == GITHUB_RUNNER && *hosted == "github-hosted") {
        return Err(format!("the statement calls the builder {}, and {by} signed", provenance.builder));
    }
    evidence.push(format!(
        "the certificate is of a workflow on a {hosted} machine, and agrees with the statement's source"
    ));

    let is_isolated = by.strip_prefix(ISOLATED).is_some_and(|rest| rest.contains("@refs/tags/v"));
    if !is_isolated || provenance.builder != *by || signer.identity != *by {
        return Err("the build's own repository could have written the statement".to_owned());
    }
    evidence.push("signed by slsa-github-generator, which builds and signs apart from the repository".to_owned());
    Ok(())
}
