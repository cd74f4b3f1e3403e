//! What a signed statement says of a build: SLSA provenance 0.2 and 1, and how much of it the signature proves.
//!
//! A statement is its signer's word. What makes a level of it is the certificate beside, which the statement's author cannot write.
//! What is not proven counts for nothing, so a level is never what the statement calls itself.

use super::sigstore::Proven;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const V0_2: &str = "https://slsa.dev/provenance/v0.2";
const V1: &str = "https://slsa.dev/provenance/v1";

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

    /// What it says of a build, where it does.
    pub fn provenance(&self) -> Option<Provenance> {
        let text = self.predicate?.get();
        match self.predicate_type.as_str() {
            V0_2 => Some(serde_json::from_str::<v0_2::Predicate>(text).ok()?.provenance()),
            V1 => Some(serde_json::from_str::<v1::Predicate>(text).ok()?.provenance()),
            _ => None,
        }
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

/// `git+https://host/owner/name@refs/...` into the repository and the ref.
fn source(uri: &str) -> (String, Option<String>) {
    let uri = uri.strip_prefix("git+").unwrap_or(uri);
    let (repository, reference) = match uri.split_once("@refs/") {
        Some((repository, rest)) => (repository, Some(format!("refs/{rest}"))),
        None => (uri, None),
    };
    (repository.strip_suffix(".git").unwrap_or(repository).to_owned(), reference)
}

fn commit(digest: &BTreeMap<String, String>) -> Option<String> {
    ["gitCommit", "sha1"].iter().find_map(|name| digest.get(*name)).cloned()
}

/// What is read of each version. Unknown keys pass, as both specifications ask for, and all that is read may be missing.
mod v0_2 {
    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Predicate {
        builder: Builder,
        build_type: String,
        #[serde(default)]
        invocation: Invocation,
        #[serde(default)]
        metadata: Option<Metadata>,
    }

    #[derive(Deserialize)]
    struct Builder {
        id: String,
    }

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Invocation {
        #[serde(default)]
        config_source: ConfigSource,
    }

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ConfigSource {
        uri: Option<String>,
        #[serde(default)]
        digest: BTreeMap<String, String>,
        entry_point: Option<String>,
    }

    #[derive(Deserialize)]
    struct Metadata {
        #[serde(rename = "buildInvocationID", alias = "buildInvocationId")]
        run: Option<String>,
    }

    impl Predicate {
        pub fn provenance(self) -> Provenance {
            let ConfigSource { uri, digest, entry_point } = self.invocation.config_source;
            let (repository, reference) = uri.map(|uri| source(&uri)).unzip();
            Provenance {
                slsa: "0.2",
                builder: self.builder.id,
                build_type: self.build_type,
                repository,
                reference: reference.flatten(),
                commit: commit(&digest),
                entry_point,
                run: self.metadata.and_then(|metadata| metadata.run),
            }
        }
    }
}

mod v1 {
    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Predicate {
        build_definition: Definition,
        run_details: Details,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Definition {
        build_type: String,
        #[serde(default)]
        external_parameters: Parameters,
        #[serde(default)]
        resolved_dependencies: Vec<Resource>,
    }

    /// Free for each build type; `workflow` is that of GitHub's, which npm uses too, `source` that of the examples.
    #[derive(Default, Deserialize)]
    struct Parameters {
        workflow: Option<Workflow>,
        source: Option<Resource>,
    }

    #[derive(Deserialize)]
    struct Workflow {
        repository: Option<String>,
        r#ref: Option<String>,
        path: Option<String>,
    }

    #[derive(Deserialize)]
    struct Resource {
        uri: Option<String>,
        #[serde(default)]
        digest: BTreeMap<String, String>,
    }

    #[derive(Deserialize)]
    struct Details {
        builder: Builder,
        metadata: Option<Metadata>,
    }

    #[derive(Deserialize)]
    struct Builder {
        id: String,
    }

    #[derive(Deserialize)]
    struct Metadata {
        #[serde(rename = "invocationId", alias = "invocationID")]
        run: Option<String>,
    }

    impl Predicate {
        pub fn provenance(self) -> Provenance {
            let Definition { build_type, external_parameters, resolved_dependencies } = self.build_definition;
            let Parameters { workflow, source: named } = external_parameters;
            // By convention the first is the source.
            let resolved = named.into_iter().chain(resolved_dependencies).find(|resource| resource.uri.is_some());
            let (uri, digest) = resolved.map_or((None, BTreeMap::new()), |resource| (resource.uri, resource.digest));
            let (repository, reference) = uri.map(|uri| source(&uri)).unzip();
            let workflow = workflow.unwrap_or(Workflow { repository: None, r#ref: None, path: None });
            Provenance {
                slsa: "1",
                builder: self.run_details.builder.id,
                build_type,
                repository: workflow.repository.or(repository),
                reference: workflow.r#ref.or(reference.flatten()),
                commit: commit(&digest),
                entry_point: workflow.path,
                run: self.run_details.metadata.and_then(|metadata| metadata.run),
            }
        }
    }
}
