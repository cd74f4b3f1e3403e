//! The AUR: what its maintainers offer to be built.
//!
//! It has no database on the machine, so it is no [`Backend`](super::Backend): a kept copy of its server's list of
//! packages is read into the catalogue, and its versions are in pacman's order. Building is not done here.

pub(crate) mod metadata;
mod scan;
pub mod srcinfo;

use crate::model::{Available, CatalogueSink, Problem, Repository, RepositoryId, Source};
use crate::sys::http::{self, Network, Options, Outcome, Progress};
use crate::sys::read_ahead::ReadAhead;
use anyhow::{Context, Result, bail};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

/// Where the list is fetched from unless the configuration says otherwise.
pub const DEFAULT_URL: &str = "https://aur.archlinux.org/packages-meta-ext-v1.json.gz";
/// The name of the kept copy, in whatever folder.
pub const FILE_NAME: &str = "packages-meta-ext-v1.json.gz";
/// Packed. Twenty times the real one.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// The AUR as its list of packages at `url` shows it, kept at `path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aur {
    pub path: PathBuf,
    pub url: String,
}

impl Aur {
    /// Every file whose change would change what [`Aur::read`] says, whether it exists now or not.
    pub fn inputs(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }

    /// Every package in the kept copy. Where none has been fetched yet the sink is told nothing, not even of a
    /// repository; of a damaged one it gets what comes before the damage and a [`Problem`].
    pub fn read(&self, sink: &mut dyn CatalogueSink) -> Result<()> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("cannot open {}", self.path.display())),
        };
        let repository = sink.repository(Repository {
            source: Source::Aur,
            name: "aur".to_owned(),
            location: self.url.clone(),
            security: false,
            priority: None,
            own: false,
            signed: false,
        });
        let mut input = BufReader::with_capacity(1 << 16, file);
        match input.fill_buf() {
            Ok([0x1f, 0x8b, ..]) => {
                // To unpack it takes as long as to read what was packed.
                let text = ReadAhead::new(MultiGzDecoder::new(input));
                metadata::read(text, &self.path, repository, sink);
            }
            Ok(_) => metadata::read(input, &self.path, repository, sink),
            Err(error) => {
                sink.problem(Problem { path: self.path.clone(), message: format!("cannot be read: {error}") })
            }
        }
        Ok(())
    }

    /// Brings the kept copy up to date; its folder must exist. Nothing that cannot be read whole is put in its place, and
    /// on an error the old one stays.
    pub fn update(&self, network: &Network, progress: &dyn Fn(Progress)) -> Result<Outcome> {
        let check = |new: &Path| {
            let mut tally = Tally::default();
            Aur { path: new.to_owned(), url: self.url.clone() }.read(&mut tally)?;
            match tally.problem {
                Some(problem) => bail!("{problem}"),
                None if tally.packages == 0 => bail!("no packages in it"),
                None => Ok(()),
            }
        };
        http::download(&self.url, &self.path, &Options { network, max_bytes: MAX_FILE_BYTES, progress, check: &check })
    }
}

/// Counts, for [`Aur::update`].
#[derive(Default)]
struct Tally {
    packages: usize,
    problem: Option<String>,
}

impl CatalogueSink for Tally {
    fn repository(&mut self, _: Repository) -> RepositoryId {
        0
    }

    fn package(&mut self, _: &Available<'_>) {
        self.packages += 1;
    }

    fn problem(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem.message);
    }
}
