//! Several versions at once, each by a thread of its own. Versions of one runtime come one after the other: its lock sees to that.

use super::{Done, Shop};
use crate::ops::gate::{self, Ledger};
use crate::runtimes::{Request, Runtime};
use anyhow::{Result, anyhow};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// More downloads at once than these help nobody.
const AT_ONCE: usize = 8;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

impl Shop<'_> {
    /// Installs what these requests mean, unless it is there; what came of each, in their order. `warn` is told what a person should
    /// know, and `meanwhile` is called now and then.
    pub fn install_all(
        &self,
        wanted: &[(Runtime, &Request)],
        warn: &(dyn Fn(&str) + Sync),
        meanwhile: &dyn Fn(),
    ) -> Result<Vec<Result<Done>>> {
        // That the rules have changed is written down once, and not by each that finds them so.
        if wanted.len() > 1 {
            gate::note_policy(&Ledger::open(&self.state)?, &self.state, &gate::policy(&self.root)?)?;
        }
        let mut all: Vec<Option<Result<Done>>> = wanted.iter().map(|_| None).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (sender, results) = channel();
            for _ in 0..wanted.len().min(AT_ONCE) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some((runtime, request)) = wanted.get(at) else { return };
                        // It is listened to until the last thread has ended.
                        drop(sender.send((at, self.install(*runtime, request, warn))));
                    }
                });
            }
            drop(sender);
            loop {
                match results.recv_timeout(BETWEEN_LOOKS) {
                    Ok((at, done)) => all[at] = Some(done),
                    Err(RecvTimeoutError::Timeout) => meanwhile(),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        let died = || Err(anyhow!("the thread that was to install it has died"));
        Ok(all.into_iter().map(|done| done.unwrap_or_else(died)).collect())
    }
}
