//! Several downloads at once, drawn as they tell of themselves from threads of their own: a line for each, and one for all.

use super::{Downloads, Stages, Ui};
use crate::model::{Event, Observer};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub struct Fetches {
    pub stages: Stages,
    downloads: Mutex<Downloads>,
}

impl Fetches {
    pub fn new(ui: &Ui) -> Fetches {
        Fetches { stages: Stages::new(ui), downloads: Mutex::new(Downloads::as_they_come()) }
    }

    /// Draws them once more, so that a network that stands still is seen too.
    pub fn again(&self) {
        let mut downloads = self.downloads();
        if downloads.are_running() {
            self.stages.show(&mut downloads);
        }
    }

    fn downloads(&self) -> MutexGuard<'_, Downloads> {
        self.downloads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Fetches {
    fn event(&self, event: Event<'_>) {
        let mut downloads = self.downloads();
        match event {
            Event::Fetching { what, done_bytes, total_bytes } => {
                downloads.fetching(what, done_bytes, total_bytes.unwrap_or(0));
            }
            Event::Fetched { what, bytes } => downloads.fetched(what, bytes),
            Event::NotFetched { what } => downloads.not_fetched(what),
            Event::Stage { .. } | Event::Waiting => {}
        }
        match downloads.are_running() {
            true => self.stages.show(&mut downloads),
            // What else is done is told where nothing is drawn that would jump.
            false => self.stages.event(event),
        }
    }
}
