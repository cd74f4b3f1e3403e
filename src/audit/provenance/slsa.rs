//! The two shapes of SLSA provenance that are about: 0.2 and 1.
//!
//! Unknown keys pass, as both specifications ask for. All but the builder and the build type may be missing, or be something else than
//! what is looked for: a build type's parameters are its own.

use super::Provenance;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct V0_2 {
    builder: Builder,
    build_type: String,
    #[serde(default, deserialize_with = "if_it_fits")]
    invocation: Option<Invocation>,
    #[serde(default, deserialize_with = "if_it_fits")]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    #[serde(default, deserialize_with = "if_it_fits")]
    config_source: Option<ConfigSource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigSource {
    uri: Option<String>,
    #[serde(default)]
    digest: BTreeMap<String, String>,
    entry_point: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct V1 {
    build_definition: Definition,
    run_details: Details,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    build_type: String,
    #[serde(default, deserialize_with = "if_it_fits")]
    external_parameters: Option<Parameters>,
    #[serde(default, deserialize_with = "if_it_fits")]
    resolved_dependencies: Option<Vec<Resource>>,
}

/// Of GitHub's build type, which npm uses too, of the generators', and of GitLab's, where `source` is a text.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    #[serde(default, deserialize_with = "if_it_fits")]
    workflow: Option<Workflow>,
    #[serde(default)]
    source: Value,
    #[serde(default, deserialize_with = "if_it_fits")]
    entry_point: Option<String>,
}

#[derive(Default, Deserialize)]
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
    #[serde(default, deserialize_with = "if_it_fits")]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Builder {
    id: String,
}

/// The name of the run was written in both ways, and is another in each version.
#[derive(Deserialize)]
struct Metadata {
    #[serde(alias = "invocationID", alias = "buildInvocationId", alias = "buildInvocationID", rename = "invocationId")]
    run: Option<String>,
}

/// What has another shape counts as missing.
fn if_it_fits<'t, D: Deserializer<'t>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

impl V0_2 {
    pub fn provenance(self) -> Provenance {
        let config = self.invocation.and_then(|invocation| invocation.config_source);
        let (repository, reference) = config.as_ref().and_then(|config| config.uri.as_deref()).map(source).unzip();
        Provenance {
            slsa: "0.2",
            builder: self.builder.id,
            build_type: self.build_type,
            repository,
            reference: reference.flatten(),
            commit: config.as_ref().and_then(|config| commit(&config.digest)),
            entry_point: config.and_then(|config| config.entry_point),
            run: self.metadata.and_then(|metadata| metadata.run),
        }
    }
}

impl V1 {
    pub fn provenance(self) -> Provenance {
        let Definition { build_type, external_parameters, resolved_dependencies } = self.build_definition;
        let Parameters { workflow, source: named, entry_point } = external_parameters.unwrap_or_default();
        let workflow = workflow.unwrap_or_default();
        let named = match named {
            Value::String(uri) => Some(Resource { uri: Some(uri), digest: BTreeMap::new() }),
            other => serde_json::from_value(other).ok(),
        };
        // By convention the first dependency is the source.
        let resolved = named.into_iter().chain(resolved_dependencies.into_iter().flatten());
        let resolved: Vec<_> = resolved.filter_map(|one| Some((source(&one.uri?), commit(&one.digest)))).collect();
        let repository = workflow.repository.or_else(|| Some(resolved.first()?.0.0.clone()));
        let mut of_source = resolved.into_iter().filter(|((from, _), _)| Some(from) == repository.as_ref()).peekable();
        let reference = of_source.peek().and_then(|((_, reference), _)| reference.clone());
        let commit = of_source.find_map(|(_, commit)| commit);
        Provenance {
            slsa: "1",
            builder: self.run_details.builder.id,
            build_type,
            repository,
            reference: workflow.r#ref.or(reference),
            commit,
            entry_point: workflow.path.or(entry_point),
            run: self.run_details.metadata.and_then(|metadata| metadata.run),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn v1(definition: Value) -> Provenance {
        let text = json!({ "buildDefinition": definition, "runDetails": { "builder": { "id": "b" } } }).to_string();
        serde_json::from_str::<V1>(&text).unwrap().provenance()
    }

    fn told(provenance: &Provenance) -> [Option<&str>; 4] {
        let Provenance { repository, reference, commit, entry_point, .. } = provenance;
        [repository, reference, commit, entry_point].map(|part| part.as_deref())
    }

    #[test]
    fn each_build_type_names_its_source_in_its_own_way() {
        let dependency = json!([{ "uri": "git+https://h/o/r@refs/heads/main", "digest": { "gitCommit": "c" } }]);
        let all = [Some("https://h/o/r"), Some("refs/heads/main"), Some("c"), Some("p")];
        let workflow = json!({ "workflow": { "repository": "https://h/o/r", "ref": "refs/heads/main", "path": "p" } });
        let github = json!({ "buildType": "t", "externalParameters": workflow, "resolvedDependencies": dependency });
        assert_eq!(told(&v1(github)), all);
        let parameters = json!({ "source": "https://h/o/r", "entryPoint": "p" });
        let gitlab = json!({ "buildType": "t", "externalParameters": parameters,
            "resolvedDependencies": [{ "uri": "https://h/o/r", "digest": { "gitCommit": "c" } }] });
        assert_eq!(told(&v1(gitlab)), [all[0], None, all[2], all[3]]);
        let generator = json!({ "buildType": "t", "externalParameters": { "source": dependency[0] } });
        assert_eq!(told(&v1(generator)), [all[0], all[1], all[2], None]);
        // A commit of something else is none of the source's.
        let other = json!({ "buildType": "t", "externalParameters": { "source": "https://h/o/other.git" },
            "resolvedDependencies": dependency });
        assert_eq!(told(&v1(other)), [Some("https://h/o/other"), None, None, None]);
    }

    #[test]
    fn what_has_another_shape_counts_as_missing() {
        for odd in
            [json!(null), json!("x"), json!(1), json!([]), json!({ "workflow": 1, "source": [1], "entryPoint": {} })]
        {
            let definition = json!({ "buildType": "t", "externalParameters": odd, "resolvedDependencies": odd });
            let provenance = v1(definition);
            assert_eq!((provenance.builder.as_str(), told(&provenance)), ("b", [None; 4]), "{odd}");
            let text =
                json!({ "builder": { "id": "b" }, "buildType": "t", "invocation": odd, "metadata": odd }).to_string();
            assert_eq!(told(&serde_json::from_str::<V0_2>(&text).unwrap().provenance()), [None; 4], "{odd}");
        }
        assert!(
            serde_json::from_str::<V1>(r#"{"buildDefinition":{"buildType":"t"},"runDetails":{"builder":{}}}"#).is_err()
        );
        assert!(serde_json::from_str::<V0_2>(r#"{"builder":{"id":"b"}}"#).is_err());
    }
}
