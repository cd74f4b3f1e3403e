//! The policy before every change: what is known of each package of a plan is put to it, and every decision is written down.

use super::history::FILE_NAME as JOURNAL;
use super::trust::{Trust, Vouched};
use crate::audit::log::{AuditLog, Changed, Event, FILE_NAME, latest_of};
use crate::audit::policy::{Facts, Policy, Refusal, layers};
use crate::audit::sha256;
use crate::history::Journal;
use crate::index::Index;
use crate::model::{Action, AuditHead, Plan, Settled, Settling, Step};
use anyhow::Result;
use jiff::Timestamp;
use std::fmt;
use std::path::Path;
use std::thread;

/// A plan that the policy forbids.
#[derive(Debug)]
pub struct Refused(pub Vec<Refusal>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refusals: Vec<String> = self.0.iter().map(Refusal::to_string).collect();
        write!(f, "the policy refuses {}", refusals.join("; "))
    }
}

impl std::error::Error for Refused {}

/// Every reason the policy has against a plan. `index` tells what is known of packages; without it little is, and what is unknown meets
/// no rule.
pub fn judge(policy: &Policy, plan: &Plan, index: Option<&Index>) -> Result<Vec<Refusal>> {
    let mut refusals = Vec::new();
    if policy.is_empty() {
        return Ok(refusals);
    }
    let now = Timestamp::now().as_second();
    let trust = Trust::by_machine(index)?;
    for step in plan.steps.iter().filter(|step| !step.new.is_empty()) {
        let Vouched { signed, open, graded, licenses } = trust.of_step(plan.source, step)?;
        let licenses: Option<Vec<&str>> = licenses.as_ref().map(|all| all.iter().map(String::as_str).collect());
        refusals.extend(policy.judge(&Facts {
            name: &step.name,
            source: plan.source.name(),
            repository: if step.repository.is_empty() { "local" } else { &step.repository },
            licenses: licenses.as_deref(),
            signed,
            open: open.as_ref().map_err(String::as_str),
            grade: graded.grade,
            published: None,
            now,
        }));
    }
    Ok(refusals)
}

/// The audit log and the journal's knowledge of it, in one folder.
pub struct Ledger {
    log: AuditLog,
    pub journal: Journal,
}

impl Ledger {
    /// Opens both; what has to be written down fails here, before it is done.
    pub fn open(folder: &Path) -> Result<Ledger> {
        let log = AuditLog::open(&folder.join(FILE_NAME))?;
        Ok(Ledger { log, journal: Journal::open(&folder.join(JOURNAL))? })
    }

    /// Writes all of it down, and waits for the disk, while `meanwhile` works in the journal; what came of either.
    pub fn write_beside<T>(
        &mut self,
        events: &[Event],
        meanwhile: impl FnOnce(&mut Journal) -> T,
    ) -> (Result<bool>, T) {
        let Ledger { log, journal } = self;
        let log = &*log;
        let append = || {
            let mut heads = Vec::new();
            for event in events {
                match log.append(event) {
                    Ok(head) => heads.push(head),
                    Err(error) => return (heads, Err(error)),
                }
            }
            (heads, Ok(()))
        };
        let ((heads, written), done) = thread::scope(|scope| {
            let appended = scope.spawn(append);
            let done = meanwhile(journal);
            (appended.join().expect("to write does not panic"), done)
        });
        let keep = |known: bool, head: &AuditHead| Ok::<_, anyhow::Error>(journal.keep_audit_head(head)? && known);
        let known = heads.iter().try_fold(true, keep);
        (written.and(known), done)
    }

    /// False where the journal remembers another entry of that number: the log was cut or replaced.
    pub fn write(&self, event: &Event) -> Result<bool> {
        let head = self.log.append(event)?;
        self.journal.keep_audit_head(&head)
    }
}

/// The rules for this root, as whoever runs this has them.
pub fn policy(root: &Path) -> Result<Policy> {
    Policy::read(&layers(root))
}

/// Writes down that the policy is another than it was.
pub fn note_policy(ledger: &Ledger, folder: &Path, policy: &Policy) -> Result<bool> {
    let after = policy.digest();
    let before = latest_of(&folder.join(FILE_NAME), "policy-changed")?;
    let before = before.and_then(|entry| Some(entry.details.get("after")?.as_str()?.to_owned()));
    // No entry is one about no rules.
    let before = before.unwrap_or_else(|| Policy::default().digest());
    if before == after { Ok(true) } else { ledger.write(&Event::PolicyChanged { before, after }) }
}

/// A plan's changes as the audit log has them; of a configuration file the digests stand for the versions.
pub fn changes(plan: &Plan) -> Vec<Changed> {
    let full = |step: &Step| match step.arch.as_str() {
        "" => step.name.clone(),
        arch => format!("{}:{arch}", step.name),
    };
    let changed = |step: &Step| Changed {
        action: Action::key(step.action),
        name: full(step),
        old: step.old.clone(),
        new: step.new.clone(),
        signed: step.signed,
    };
    let settled = |file: &Settled| {
        let new = match &file.by {
            Settling::Keep => file.sha256.clone(),
            Settling::Use => file.leftover_sha256.clone(),
            Settling::Merge { text } => sha256(text),
        };
        let (name, old) = (file.path.display().to_string(), file.sha256.clone());
        Changed { action: file.by.key(), name, old, new, signed: None }
    };
    if plan.order.fetch_only {
        return Vec::new();
    }
    plan.steps.iter().map(changed).chain(plan.files.iter().map(settled)).collect()
}
