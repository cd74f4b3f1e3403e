//! What every command needs, built once: which machine, how to print, and its index.

use crate::config::Config;
use crate::error::{Exit, Hinted};
use crate::index::{self, Index, Status};
use crate::model::Source;
use crate::ops::advisories::Effort;
use crate::ops::{Known, Outcome, Place, Request, World, advisories, fetch, refresh};
use crate::ui::{Stages, Ui};
use anyhow::Result;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Passed to every command.
pub struct Ctx {
    pub place: Place,
    pub ui: Ui,
    pub json: bool,
    /// Only this family is shown.
    pub backend: Option<Source>,
    /// The index that the last query read, for the next one of the same process.
    opened: RefCell<Option<Rc<Index>>>,
    /// Whether it was stale and could not be refreshed.
    stale: Cell<bool>,
}

impl Ctx {
    pub fn new(place: Place, ui: Ui, json: bool, backend: Option<Source>) -> Ctx {
        Ctx { place, ui, json, backend, opened: RefCell::default(), stale: Cell::new(false) }
    }

    /// Whether the last answer came from an index that is older than its sources.
    pub fn answered_stale(&self) -> bool {
        self.stale.get()
    }

    /// Whether packages of a source are shown under `--backend`. The AUR belongs to pacman.
    pub fn shows(&self, source: Source) -> bool {
        match self.backend {
            None => true,
            Some(Source::Apt) => source == Source::Apt,
            Some(_) => source != Source::Apt,
        }
    }

    /// The index, brought up to date first where it is stale, damaged or not there and may be written. Where it is stale
    /// and may not, the answer comes from what there is, and says so.
    pub fn index(&self) -> Result<Rc<Index>> {
        self.stale.set(false);
        let reason = match self.place.known() {
            Ok(Known { folder, status, stale }) => match self.open(&folder, Some(status)) {
                Ok(index) if !stale => return Ok(index),
                Ok(index) => {
                    return match self.refresh(Request::default()) {
                        Ok((folder, _)) => Ok(self.open(&folder, None)?),
                        Err(error) => {
                            self.ui
                                .warn(&format!("this answer is stale, and the index cannot be refreshed: {error:#}"));
                            self.stale.set(true);
                            Ok(index)
                        }
                    };
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        let request = Request { force: !matches!(reason, index::Error::Missing(_)) };
        match self.refresh(request) {
            Ok((folder, _)) => Ok(self.open(&folder, None)?),
            Err(error) => Err(error.context(reason.to_string())),
        }
    }

    /// The index of a folder, opened unless it is the one that is open already.
    fn open(&self, folder: &Path, status: Option<Status>) -> index::Result<Rc<Index>> {
        let mut opened = self.opened.borrow_mut();
        if let (Some(index), Some(status)) = (&*opened, &status)
            && index.folder == folder
            && index.status == *status
        {
            return Ok(Rc::clone(index));
        }
        Ok(Rc::clone(opened.insert(Rc::new(Index::open_from(folder, status)?))))
    }

    /// Refreshes the first folder that can be written.
    pub fn refresh(&self, request: Request) -> Result<(PathBuf, Outcome)> {
        self.bring(request, false)
    }

    /// The same, after what comes from the network has been fetched anew.
    pub fn refresh_and_fetch(&self, request: Request) -> Result<(PathBuf, Outcome)> {
        self.bring(request, true)
    }

    /// The first folder for the journal that can be written.
    pub fn state_folder(&self) -> Result<PathBuf> {
        self.place.state_folders().into_iter().find(|folder| writable(folder)).ok_or_else(|| {
            let hint = "set OMG_STATE_DIR to a folder of yours";
            Hinted::new(Exit::Failed, "no folder for the journal can be written", hint).into()
        })
    }

    /// The first folder of the index that can be written, made if it is not there.
    pub fn scratch_folder(&self) -> Option<PathBuf> {
        let folder = self.place.folders().into_iter().find(|folder| writable(folder))?;
        std::fs::create_dir_all(&folder).ok()?;
        Some(folder)
    }

    /// Fetches advisories, if they are asked for or the configuration wants them each time; what could not be had.
    pub fn fetch_advisories(&self, asked: bool) -> Result<Vec<advisories::Failure>> {
        let config = Config::read(&self.place.root)?;
        if !asked && !config.advisories.enabled.unwrap_or(false) {
            return Ok(Vec::new());
        }
        let folder = self.scratch_folder().ok_or_else(no_folder)?;
        let effort = Effort { fetch: true, force: false };
        advisories::refresh(&self.place.root, &folder, &config, effort, &Stages::new(&self.ui))
    }

    fn bring(&self, request: Request, fetches: bool) -> Result<(PathBuf, Outcome)> {
        let suits_aur = World::open(&self.place)?.suits_aur;
        let config = Config::read(&self.place.root)?;
        let mut failed = None;
        for folder in self.place.folders().into_iter().filter(|folder| writable(folder)) {
            let stages = Stages::new(&self.ui);
            let place = Place { aur: fetch::aur(suits_aur, &folder, &config), ..self.place.clone() };
            if fetches && let Err(error) = fetch::fetch_news(&place.root, &folder, &config) {
                // No answer of the index depends on them.
                self.ui.warn(&format!("{error:#}"));
            }
            let effort = Effort { fetch: false, force: request.force };
            if let Err(error) = advisories::refresh(&place.root, &folder, &config, effort, &stages) {
                // No other answer of the index depends on them.
                self.ui.warn(&format!("{error:#}"));
            }
            let failure = match fetches {
                true => fetch::fetch(&place, &folder, &stages),
                false => Ok(place.status(&folder).ok().and_then(|status| fetch::remembered(&status))),
            };
            let done = failure.and_then(|failure| {
                let outcome = match refresh(&place, &folder, request, &stages) {
                    // Each block is checked when it is read, which may be now for the first time.
                    Err(error) if is_damage(&error) && !request.force => {
                        self.ui.warn(&format!("{error:#}; building it again"));
                        let effort = Effort { fetch: false, force: true };
                        advisories::refresh(&place.root, &folder, &config, effort, &stages)?;
                        refresh(&place, &folder, Request { force: true }, &stages)?
                    }
                    outcome => outcome?,
                };
                let failure = failure.filter(|_| place.aur.is_some());
                let status = fetch::remember(&folder, failure, outcome.status, &stages)?;
                Ok(Outcome { status, ..outcome })
            });
            match done {
                Ok(outcome) => return Ok((folder, outcome)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or_else(no_folder))
    }
}

/// Whether a file of the index is damaged, which building it again mends.
pub fn is_damage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref().is_some_and(index::catalogue::is_damage))
}

fn no_folder() -> anyhow::Error {
    let hint = "run `sudo omg refresh`, or set OMG_INDEX_DIR to a folder of yours";
    Hinted::new(Exit::Failed, "no folder for the index can be written", hint).into()
}

/// Whether a folder, or the nearest one above it that exists, may be written.
fn writable(folder: &Path) -> bool {
    use rustix::fs::{Access, access};
    match folder.ancestors().find(|above| above.exists()) {
        Some(above) => access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        None => false,
    }
}
