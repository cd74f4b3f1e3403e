//! The progress of long work, for a person at a terminal and nobody else.

use super::region::Region;
use super::{Downloads, Ui, clean};
use crate::model::{Event, Observer};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Oftener nobody sees it.
const BETWEEN_FRAMES: Duration = Duration::from_millis(100);

/// What is being done: a bar with words, or a line for each download.
pub struct Stages {
    watched: bool,
    drawn: Mutex<Drawn>,
}

#[derive(Default)]
struct Drawn {
    region: Region,
    /// Percent of a download, or MiB where its size is not known, as they stand on the line.
    shown: Option<u64>,
    /// When downloads were last drawn.
    at: Option<Instant>,
}

impl Stages {
    pub fn new(ui: &Ui) -> Stages {
        Stages { watched: ui.watched(), drawn: Mutex::default() }
    }

    /// Draws nothing.
    pub fn for_nobody() -> Stages {
        Stages { watched: false, drawn: Mutex::default() }
    }

    /// Where downloads are drawn, how long one waits at most for news before they are drawn again.
    pub fn pace(&self) -> Option<Duration> {
        self.watched.then_some(BETWEEN_FRAMES)
    }

    /// Draws downloads, if that was not done just now.
    pub fn show(&self, downloads: &mut Downloads) {
        let (mut drawn, now) = (self.drawn(), Instant::now());
        let is_soon = drawn.at.is_some_and(|at| now.duration_since(at) < BETWEEN_FRAMES);
        if self.watched && !is_soon {
            let (width, height) = size();
            drawn.region.show(downloads.frame(now, width, height));
            drawn.at = Some(now);
        }
    }

    /// Takes away what is drawn, so that something else can be said.
    pub fn clear(&self) {
        let mut drawn = self.drawn();
        drawn.region.clear();
        (drawn.shown, drawn.at) = (None, None);
    }

    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Stages {
    fn event(&self, event: Event<'_>) {
        if !self.watched {
            return;
        }
        let mut drawn = self.drawn();
        let text = match event {
            Event::Stage { what, percent } => format!("{} {what}", bar(percent.into())),
            Event::Waiting => "waiting for another refresh to end...".to_owned(),
            Event::Fetching { what, done_bytes, total_bytes } => {
                let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
                let total = total_bytes.filter(|total| *total > 0);
                let now = total.map_or(done_bytes >> 20, |total| done_bytes.saturating_mul(100) / total);
                // Told of every few kilobytes; a line drawn so often flickers.
                if drawn.shown.replace(now) == Some(now) {
                    return;
                }
                match total {
                    Some(total) => format!("{} {what}: {:.1} of {:.1} MiB", bar(now), mib(done_bytes), mib(total)),
                    None => format!("{what}: {:.1} MiB", mib(done_bytes)),
                }
            }
            // What comes next takes the line.
            Event::Fetched { .. } | Event::NotFetched { .. } => return,
        };
        let line = clean(&text).replace('\n', " ");
        drawn.region.show(vec![cut(&line, size().0)]);
    }
}

/// Columns and rows of the terminal at standard error as it is now, less the last column: in it some terminals begin a new line.
fn size() -> (usize, usize) {
    let known = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let known = known.filter(|size| size.ws_col > 1 && size.ws_row > 0);
    known.map_or((79, 24), |size| (usize::from(size.ws_col) - 1, usize::from(size.ws_row)))
}

/// A text in no more columns than these.
pub fn cut(text: &str, columns: usize) -> String {
    if text.chars().map(width).sum::<usize>() <= columns {
        return text.to_owned();
    }
    let (mut cut, mut used) = (String::new(), 1);
    for c in text.chars() {
        used += width(c);
        if used > columns {
            break;
        }
        cut.push(c);
    }
    cut.extend((columns > 0).then_some('…'));
    cut
}

/// The wide letters are those of East Asia, and emoji. A column too many is better than a line that breaks.
fn width(c: char) -> usize {
    if matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..) { 2 } else { 1 }
}

/// How many columns a bar has inside.
const COLUMNS: usize = 20;
/// And with its ends.
pub const BAR: usize = COLUMNS + 2;

pub fn bar(percent: u64) -> String {
    let full = percent.min(100) as usize * COLUMNS / 100;
    format!("[{:<1$}]", "#".repeat(full), COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::{bar, cut};

    #[test]
    fn a_bar_is_as_wide_when_it_is_empty_and_when_it_is_full() {
        assert_eq!(bar(0), "[                    ]");
        assert_eq!(bar(52), "[##########          ]");
        assert_eq!(bar(100), "[####################]");
        assert_eq!(bar(u64::MAX), bar(100));
    }

    #[test]
    fn a_text_is_cut_to_its_columns() {
        assert_eq!((cut("äbc", 3).as_str(), cut("äbcd", 3).as_str()), ("äbc", "äb…"));
        assert_eq!((cut("ab", 1).as_str(), cut("ab", 0).as_str()), ("…", ""));
        assert_eq!((cut("更新中", 6).as_str(), cut("更新中", 5).as_str()), ("更新中", "更新…"));
    }
}
