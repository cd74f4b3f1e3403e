//! What a person sees while a plan is carried out: lines for the downloads, then one bar. Without a terminal, a line for each download.

use crate::backends::engine::Progress;
use crate::context::Ctx;
use crate::model::{Event, Observer, Plan, Step};
use crate::ops::transact::Report;
use crate::sys::signals;
use crate::ui::{Downloads, Stages, clean, human};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

/// The screen of one change.
pub struct Screen<'c> {
    ctx: &'c Ctx,
    stages: Stages,
    downloads: Downloads,
    work: Work,
    /// Whoever pressed Ctrl-C has been told why it goes on.
    answered: bool,
}

/// What dpkg and the scripts say, and how much of the work that makes.
pub struct Work {
    /// The last lines, for the case that it fails.
    pub said: Vec<String>,
    done: u64,
    /// 0 where no package is changed.
    pub total: u64,
}

impl<'c> Screen<'c> {
    pub fn new(ctx: &'c Ctx, plan: &Plan) -> Screen<'c> {
        let files = plan.steps.iter().filter(|step| step.download_bytes > 0).count() as u64;
        let downloads = Downloads::of(files, plan.download_bytes);
        // JSON on a terminal needs all of it.
        let stages = if ctx.json && ctx.ui.is_terminal() { Stages::for_nobody() } else { Stages::new(&ctx.ui) };
        Screen { ctx, stages, downloads, work: Work::of(&plan.steps), answered: false }
    }

    /// The next line, and meanwhile what is drawn is kept true. `None` at the end.
    pub fn wait_for(&mut self, lines: &Receiver<io::Result<String>>) -> Option<io::Result<String>> {
        while let Some(pace) = self.stages.pace().filter(|_| self.downloads.are_running()) {
            match lines.recv_timeout(pace) {
                Ok(line) => return Some(line),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.stages.show(&mut self.downloads),
            }
        }
        lines.recv().ok()
    }

    pub fn show(&mut self, report: &Report) {
        let ui = &self.ctx.ui;
        match report {
            Report::Waiting { holder, lock } => {
                self.stages.clear();
                match holder {
                    Some(holder) => ui.note(&format!("waiting for {holder} to end...")),
                    None => ui.note(&format!("waiting: {lock} is there...")),
                }
            }
            Report::Progress(Progress::Warning { text }) | Report::Warning(text) => {
                self.stages.clear();
                ui.warn(text);
            }
            Report::Snapshot { by, id } => {
                self.stages.clear();
                ui.note(&format!("{} made the snapshot {id}", by.program()));
            }
            Report::Progress(Progress::Fetching { what, done_bytes, total_bytes }) => {
                self.downloads.fetching(what, *done_bytes, *total_bytes);
                self.stages.show(&mut self.downloads);
            }
            Report::Progress(Progress::Fetched { what, bytes }) => {
                self.downloads.fetched(what, *bytes);
                self.stages.show(&mut self.downloads);
                if self.stages.pace().is_none() && !self.ctx.json {
                    ui.note(&format!("fetched {what} ({})", human(*bytes)));
                }
            }
            Report::Progress(Progress::NotFetched { what }) => self.downloads.not_fetched(what),
            Report::Progress(Progress::Working { what, done, total }) => {
                let percent = (done * 100).checked_div(*total).unwrap_or(0).min(100) as u8;
                self.stages.event(Event::Stage { what, percent });
            }
            Report::Said(line) => {
                self.work.hear(line);
                // The library talks while it fetches, too.
                if !self.downloads.are_running() {
                    self.stages.event(Event::Stage { what: &clean(line), percent: self.work.percent() });
                }
            }
            Report::Progress(Progress::Changing) => self.downloads.end(),
            Report::Progress(Progress::Rejected { .. } | Progress::Accepted { .. } | Progress::Locked)
            | Report::Planned(_)
            | Report::Changed
            | Report::Done
            | Report::Refused(_)
            | Report::Failed { .. } => {}
        }
    }

    /// While packages are changed Ctrl-C ends nothing at once.
    pub fn answer_interruption(&mut self) {
        if signals::was_interrupted() && !self.answered {
            self.answered = true;
            self.stages.clear();
            self.ctx.ui.note("packages are being changed: what was begun is finished first");
        }
    }

    /// Takes everything away.
    pub fn end(self) -> Work {
        self.work
    }
}

impl Work {
    fn of(steps: &[Step]) -> Work {
        // What is installed is unpacked and then set up.
        let parts = |step: &Step| if step.new.is_empty() { 1 } else { 2 };
        Work { said: Vec::new(), done: 0, total: steps.iter().map(parts).sum() }
    }

    fn hear(&mut self, line: &str) {
        const KEPT: usize = 20;
        if self.said.len() == KEPT {
            self.said.remove(0);
        }
        self.said.push(line.to_owned());
        let begins = ["Unpacking ", "Setting up ", "Removing ", "Purging "];
        self.done += u64::from(begins.iter().any(|begin| line.starts_with(begin)));
    }

    fn percent(&self) -> u8 {
        (self.done * 100).checked_div(self.total).unwrap_or(0).min(100) as u8
    }
}
