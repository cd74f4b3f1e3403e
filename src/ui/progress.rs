//! The progress of long work, for a person at a terminal and nobody else.

use super::Ui;
use crate::model::{Event, Observer};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// A bar, and what is being done, on one line of a terminal.
pub struct Stages {
    watched: bool,
    /// Percent of a download, or MiB where its size is not known, as they stand on the line.
    shown: AtomicU64,
}

impl Stages {
    pub fn new(ui: &Ui) -> Stages {
        Stages { watched: ui.watched(), shown: AtomicU64::new(u64::MAX) }
    }
}

impl Observer for Stages {
    fn event(&self, event: Event<'_>) {
        if !self.watched {
            return;
        }
        let text = match event {
            Event::Stage { what, percent } => format!("{} {what}", bar(percent.into())),
            Event::Waiting => "waiting for another refresh to end...".to_owned(),
            Event::Fetching { what, done_bytes, total_bytes } => {
                let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
                let total = total_bytes.filter(|total| *total > 0);
                let now = total.map_or(done_bytes >> 20, |total| done_bytes.saturating_mul(100) / total);
                // Told of every few kilobytes; a line drawn so often flickers.
                if self.shown.swap(now, Ordering::Relaxed) == now {
                    return;
                }
                match total {
                    Some(total) => format!("{} {what}: {:.1} of {:.1} MiB", bar(now), mib(done_bytes), mib(total)),
                    None => format!("{what}: {:.1} MiB", mib(done_bytes)),
                }
            }
        };
        drop(write!(io::stderr(), "\r\x1b[K{text}"));
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        if self.watched {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}

/// How many columns a bar has inside.
const COLUMNS: u64 = 20;

fn bar(percent: u64) -> String {
    let full = (percent.min(100) * COLUMNS / 100) as usize;
    format!("[{:<1$}]", "#".repeat(full), COLUMNS as usize)
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_is_as_wide_when_it_is_empty_and_when_it_is_full() {
        assert_eq!(bar(0), "[                    ]");
        assert_eq!(bar(52), "[##########          ]");
        assert_eq!(bar(100), "[####################]");
        assert_eq!(bar(u64::MAX), bar(100));
    }
}
