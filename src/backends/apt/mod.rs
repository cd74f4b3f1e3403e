//! The family of apt and dpkg: their files, read without either, and apt's policy.
//!
//! `control` is the syntax most of the files share, `config` and `sources` say where to look, `lists` reads what the
//! archives offer and `status` what is installed.

mod config;
mod control;
mod lists;
mod owned;
mod record;
mod release;
mod sources;
mod status;
mod version;

use crate::backends::Backend;
use crate::backends::engine::EngineCommand;
use crate::model::{CatalogueSink, LocalSink, Policy, Scope, Source};
use anyhow::{Context, Result};
use config::Config;
use std::cmp::Ordering;
use std::path::{Path, PathBuf};

/// One root that dpkg keeps.
pub struct Apt {
    config: Config,
    native: String,
    /// The native one first.
    architectures: Vec<String>,
    places: status::Places,
    engine: Option<EngineCommand>,
}

impl Apt {
    /// Opens `root`; `None` where dpkg has no status file. `config` is what `APT_CONFIG` would name, for another apt
    /// configuration than the root's own. `engine` is asked for the policy where it is given.
    pub fn open(root: &Path, config: Option<&Path>, engine: Option<EngineCommand>) -> Result<Option<Apt>> {
        let config = Config::read(root, config);
        let Some(status) = config.path("Dir::State::status") else { return Ok(None) };
        if !status.try_exists().with_context(|| format!("cannot look for {}", status.display()))? {
            return Ok(None);
        }
        let admin = status.parent().unwrap_or(Path::new("/")).to_path_buf();
        let extended_states = config.path("Dir::State::extended_states").unwrap_or_default();
        let places = status::Places { status, extended_states, admin };
        let architectures = architectures(&config, &places)?;
        Ok(Some(Apt { native: architectures[0].clone(), architectures, config, places, engine }))
    }

    /// Whether apt keeps packages for the sake of `Recommends` and of `Suggests`: two edges of its orphan search.
    pub fn keeps_recommended_and_suggested(&self) -> (bool, bool) {
        let option = |name: &str| self.config.is_set(&format!("APT::AutoRemove::{name}"), true);
        (option("RecommendsImportant"), option("SuggestsImportant"))
    }

    fn world(&self) -> lists::World {
        let defaults = sources::Defaults {
            native: self.native.clone(),
            architectures: self.architectures.clone(),
            languages: languages(&self.config),
        };
        let mut problems = self.config.problems().to_vec();
        let archives = sources::read(&self.config, &defaults, &mut problems);
        let folder = self.config.path("Dir::State::lists").unwrap_or_default();
        let mut world = lists::World::find(&folder, &archives);
        problems.append(&mut world.problems);
        world.problems = problems;
        world
    }
}

impl Backend for Apt {
    fn source(&self) -> Source {
        Source::Apt
    }

    fn catalogue_inputs(&self) -> Vec<PathBuf> {
        let mut inputs = self.config.inputs().to_vec();
        for name in
            ["lists", "../Etc::sourcelist", "../Etc::sourceparts", "../Etc::preferences", "../Etc::preferencesparts"]
        {
            let name = name.strip_prefix("../").map_or(format!("Dir::State::{name}"), |name| format!("Dir::{name}"));
            inputs.extend(self.config.path(&name));
        }
        for (folder, extensions) in
            [("Dir::Etc::sourceparts", &["list", "sources"][..]), ("Dir::Etc::preferencesparts", &["", "pref"])]
        {
            inputs.extend(self.config.path(folder).iter().flat_map(|folder| config::parts(folder, extensions)));
        }
        inputs.extend(self.world().inputs);
        inputs.push(self.places.admin.join("arch"));
        inputs
    }

    fn local_inputs(&self) -> Vec<PathBuf> {
        let places = &self.places;
        vec![places.status.clone(), places.extended_states.clone(), places.info(), places.diversions()]
    }

    fn read_catalogue(&self, sink: &mut dyn CatalogueSink) -> Result<()> {
        self.world().read_catalogue(&self.native, sink);
        Ok(())
    }

    fn read_local(&self, sink: &mut dyn LocalSink) -> Result<()> {
        status::read(&self.places, &self.native, &|_| false, sink)
    }

    fn read_owned(&self, each: &mut dyn FnMut(&str, &str, &[u8])) -> Result<()> {
        owned::read(&self.places, &self.native, each)
    }

    fn files_of(&self, name: &str, arch: &str) -> Result<Option<Vec<Vec<u8>>>> {
        owned::of(&self.places, &self.native, name, arch)
    }

    fn policy(&self, _scope: Scope<'_>) -> Result<Policy> {
        let _ = &self.engine;
        Ok(Policy { authority: crate::model::Authority::Rules("pins are not read yet".into()), choices: Vec::new() })
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        version::compare(a, b)
    }
}

/// The native architecture, then the foreign ones. Where apt's configuration does not say, dpkg's database does.
fn architectures(config: &Config, places: &status::Places) -> Result<Vec<String>> {
    let mut all: Vec<String> = config.list("APT::Architectures").iter().map(ToString::to_string).collect();
    if all.is_empty() {
        let listed = std::fs::read_to_string(places.admin.join("arch")).unwrap_or_default();
        all = listed.lines().map(str::to_string).filter(|line| !line.is_empty()).collect();
    }
    let native = match config.find("APT::Architecture") {
        "" => match all.first() {
            Some(first) => first.clone(),
            None => native_of(&places.status)?,
        },
        configured => configured.to_string(),
    };
    all.retain(|architecture| *architecture != native);
    all.insert(0, native);
    Ok(all)
}

/// The architecture of the installed dpkg itself.
fn native_of(status: &Path) -> Result<String> {
    let bytes = crate::sys::unpack::read(status)?;
    let content = control::text(&bytes);
    let (mut stanzas, mut stanza) = (control::Stanzas::new(&content), Vec::new());
    let mut any = String::new();
    while stanzas.read_into(&mut stanza) {
        let architecture = control::value(&stanza, "Architecture");
        if control::value(&stanza, "Package") == "dpkg" && !architecture.is_empty() {
            return Ok(architecture.to_string());
        }
        if any.is_empty() && architecture != "all" {
            any = architecture.to_string();
        }
    }
    Ok(any)
}

/// Languages of translated descriptions in apt's order. The user's own locale has no say: the index is for everybody.
fn languages(config: &Config) -> Vec<String> {
    let mut languages: Vec<String> = config
        .list("Acquire::Languages")
        .into_iter()
        .filter(|language| !["environment", "none", "", "en"].contains(language))
        .map(str::to_string)
        .collect();
    languages.push("en".to_string());
    languages
}
