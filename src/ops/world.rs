//! The package families of a machine, opened for reading. Only a refresh needs them; queries read the index.

use super::Place;
use crate::backends::Backend;
use crate::backends::alpm::{self, Alpm};
use crate::backends::apt::{self, Apt};
use crate::backends::aur::Aur;
use crate::backends::engine::EngineCommand;
use crate::model::Source;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Everything a refresh reads.
pub struct World {
    /// [`Place::key`].
    pub place: String,
    pub backends: Vec<Box<dyn Backend>>,
    pub aur: Option<Aur>,
    /// Whether the AUR belongs to the index unless the configuration says otherwise: this machine's own pacman has
    /// repositories. What is read of other roots asks nobody on the network by itself.
    pub suits_aur: bool,
}

impl World {
    /// Opens every family that the place has. Another configuration or database belongs to the family that `--backend`
    /// names, then the only one that is read; without it a database folder means pacman.
    pub fn open(place: &Place) -> Result<World> {
        let special = place.config.is_some() || place.dbpath.is_some();
        let named = place.backend.or(place.dbpath.is_some().then_some(Source::Pacman));
        let reads = |source: Source| !special || named.is_none_or(|named| named == source);
        let own = |source: Source| place.config.as_deref().filter(|_| named.unwrap_or(Source::Apt) == source);
        let mut backends: Vec<Box<dyn Backend>> = Vec::new();
        // APT_CONFIG speaks of this machine, not of another root.
        let environment = std::env::var_os("APT_CONFIG").map(PathBuf::from).filter(|_| place.root == Path::new("/"));
        let apt_config = own(Source::Apt).or(environment.as_deref());
        if reads(Source::Apt)
            && let Some(apt) = Apt::open(&place.root, apt_config, EngineCommand::find(apt::ENGINE))?
        {
            backends.push(Box::new(apt));
        }
        let mut suits_aur = false;
        if reads(Source::Pacman)
            && let Some(alpm) = Alpm::open(
                &place.root,
                own(Source::Pacman),
                place.dbpath.as_deref(),
                EngineCommand::find(alpm::ENGINE),
            )?
        {
            suits_aur = place.root == Path::new("/") && !special && !alpm.conf().repositories.is_empty();
            backends.push(Box::new(alpm));
        }
        if backends.is_empty() {
            bail!("no package database below {}", place.root.display());
        }
        Ok(World { place: place.key(), backends, aur: place.aur.clone(), suits_aur })
    }

    /// The backend of a source.
    pub fn backend(&self, source: Source) -> Option<&dyn Backend> {
        self.backends.iter().find(|backend| backend.source() == source).map(AsRef::as_ref)
    }
}
