//! Credentials that stand where they should not: in files, and in what git keeps of files that are long gone.
//!
//! `rules` says what is looked for, `scan` looks for it in bytes, `files` and `history` bring the bytes. A secret itself is never kept:
//! what leaves this module has its first characters, its length and a hash.

mod assigned;
mod baseline;
mod check;
mod entropy;
mod files;
pub mod git;
mod history;
mod placeholder;
pub mod rules;
mod scan;

pub use baseline::Baseline;
pub use check::Sure;
pub use files::scan_files;
pub use history::scan_history;
pub use scan::{Scanned, Scanner};

use crate::audit::sha256;
use crate::model::Problem;
use rules::Rule;
use std::path::PathBuf;

/// Of one run. What has more is made of them.
const MAX_FINDINGS: usize = 100_000;
const MAX_PROBLEMS: usize = 10_000;

/// One secret at one place.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: &'static Rule,
    pub sure: Sure,
    /// From 1; columns are bytes.
    pub line: u64,
    pub column: u64,
    pub length: usize,
    /// Its first characters.
    pub begins: String,
    /// A hash of rule and secret: the same for the same secret anywhere.
    pub fingerprint: String,
}

impl Finding {
    fn new(rule: &'static Rule, secret: &[u8], sure: Sure, line: u64, column: u64) -> Finding {
        // Of a short one the less.
        let shown = &secret[..4.min(secret.len() / 4)];
        let begins = shown.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' }).collect();
        let mut fingerprint = sha256(&[rule.id.as_bytes(), b"\0", secret].concat());
        fingerprint.truncate(32);
        Finding { rule, sure, line, column, length: secret.len(), begins, fingerprint }
    }
}

/// Where a finding is.
#[derive(Clone, Debug)]
pub struct Place {
    pub path: PathBuf,
    /// What of git's it was found in; `None` for a file.
    pub origin: Option<Origin>,
}

/// An object of git's, and the oldest commit that has it.
#[derive(Clone, Debug)]
pub struct Origin {
    pub object: String,
    /// `None` where no commit in the store leads to it.
    pub commit: Option<Commit>,
}

#[derive(Clone, Debug)]
pub struct Commit {
    pub id: String,
    /// Seconds since 1970.
    pub time: i64,
}

#[derive(Clone, Debug)]
pub struct Located {
    pub place: Place,
    pub finding: Finding,
}

/// What was found, and how much was looked at.
#[derive(Debug, Default)]
pub struct Report {
    pub findings: Vec<Located>,
    pub files: u64,
    /// Of git's.
    pub objects: u64,
    pub bytes: u64,
    /// Findings that a comment beside them allows.
    pub allowed: u64,
    /// Archives, of which only the bytes as they are were looked at.
    pub packed: u64,
    /// Files and folders that were passed over, since `.gitignore` names them.
    pub ignored: u64,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Report {
    fn of(scanned: Scanned, place: &Place) -> Report {
        let located = |finding| Located { place: place.clone(), finding };
        let mut report = Report {
            findings: scanned.findings.into_iter().map(located).collect(),
            bytes: scanned.bytes,
            allowed: scanned.allowed as u64,
            ..Report::default()
        };
        if scanned.is_cut {
            let message = "there are more findings in it than are shown".to_owned();
            report.problems.push(Problem { path: place.path.clone(), message });
        }
        report
    }

    fn problem(path: PathBuf, message: String) -> Report {
        Report { problems: vec![Problem { path, message }], ..Report::default() }
    }

    /// By where they are: threads find them in any order.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            let place = |located: &Located| (located.finding.line, located.finding.column);
            a.place.path.cmp(&b.place.path).then_with(|| place(a).cmp(&place(b)))
        });
        self.problems.sort_by(|a, b| (&a.path, &a.message).cmp(&(&b.path, &b.message)));
    }

    pub fn add(&mut self, other: Report) {
        let room = MAX_FINDINGS.saturating_sub(self.findings.len());
        if room > 0 && other.findings.len() >= room {
            let message = format!("more than {MAX_FINDINGS} findings, of which the rest are not told");
            self.problems.push(Problem { path: PathBuf::new(), message });
        }
        self.findings.extend(other.findings.into_iter().take(room));
        let room = MAX_PROBLEMS.saturating_sub(self.problems.len());
        self.problems.extend(other.problems.into_iter().take(room));
        self.files += other.files;
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.allowed += other.allowed;
        self.packed += other.packed;
        self.ignored += other.ignored;
    }
}

#[cfg(test)]
mod tests;
