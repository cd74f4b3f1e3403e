//! The package families of a machine, opened for reading. Only a refresh needs them; queries read the index.

use super::Place;
use crate::backends::Backend;
use crate::backends::apt::Apt;
use crate::backends::aur::Aur;
use crate::backends::engine::EngineCommand;
use crate::model::Source;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Everything a refresh reads.
pub struct World {
    pub backends: Vec<Box<dyn Backend>>,
    pub aur: Option<Aur>,
}

impl World {
    /// Opens every family that the place has.
    pub fn open(place: &Place) -> Result<World> {
        let mut backends: Vec<Box<dyn Backend>> = Vec::new();
        // APT_CONFIG speaks of this machine, not of another root.
        let environment = std::env::var_os("APT_CONFIG").map(PathBuf::from).filter(|_| place.root == Path::new("/"));
        let config = place.config.as_deref().or(environment.as_deref());
        if let Some(apt) = Apt::open(&place.root, config, EngineCommand::find("omg-apt").ok())? {
            backends.push(Box::new(apt));
        }
        if backends.is_empty() {
            bail!("no package database below {}", place.root.display());
        }
        let aur = std::env::var_os("OMG_AUR_FILE").map(|path| Aur {
            path: path.into(),
            url: crate::backends::aur::DEFAULT_URL.to_owned(),
        });
        Ok(World { backends, aur })
    }

    /// The backend of a source.
    pub fn backend(&self, source: Source) -> Option<&dyn Backend> {
        self.backends.iter().find(|backend| backend.source() == source).map(AsRef::as_ref)
    }
}
