//! Findings that are known already, so that only new ones count: a text file of a line each.
//!
//! ```text
//! FINGERPRINT RULE PATH:LINE # reason
//! ```
//!
//! The fingerprint alone decides: a secret that is known is known wherever it stands. The rest is for people, and what stands behind
//! `#` is kept when the file is written again.

use super::{Located, Report};
use anyhow::{Result, bail};
use std::collections::{BTreeMap, HashSet};

const HEAD: &str =
    "# Known to `omg audit secrets --baseline`, which passes over them: FINGERPRINT RULE PATH:LINE # reason\n";

/// The known fingerprints, each with its reason, which may be empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    known: BTreeMap<String, String>,
}

impl Baseline {
    pub const MAX_BYTES: u64 = 16 << 20;

    pub fn parse(text: &str) -> Result<Baseline> {
        let mut known = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fingerprint = line.split(' ').next().unwrap_or_default();
            if fingerprint.len() != 32 || !fingerprint.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')) {
                bail!("line {} begins with no fingerprint", at + 1);
            }
            let reason = line.split_once(" # ").map_or("", |(_, reason)| reason.trim());
            known.insert(fingerprint.to_owned(), reason.to_owned());
        }
        Ok(Baseline { known })
    }

    /// Takes the known ones out of the report; how many there were.
    pub fn pass_over(&self, report: &mut Report) -> u64 {
        let before = report.findings.len();
        report.findings.retain(|located| !self.known.contains_key(&located.finding.fingerprint));
        (before - report.findings.len()) as u64
    }

    /// How many have no reason.
    pub fn unexplained(&self) -> usize {
        self.known.values().filter(|reason| reason.is_empty()).count()
    }

    /// A file of these findings, and how many they are. The reasons that this one knows are kept.
    pub fn write(&self, findings: &[Located]) -> (String, usize) {
        let mut lines = BTreeMap::new();
        for Located { place, finding } in findings {
            let path = place.path.display().to_string().replace(['\n', '\r', '#'], "?");
            let mut line = format!("{} {} {path}:{}", finding.fingerprint, finding.rule.id, finding.line);
            if let Some(reason) = self.known.get(&finding.fingerprint).filter(|reason| !reason.is_empty()) {
                line += &format!(" # {reason}");
            }
            lines.entry((path, finding.line, &finding.fingerprint)).or_insert(line);
        }
        let mut seen = HashSet::new();
        let once = lines.into_iter().filter(|((_, _, fingerprint), _)| seen.insert(*fingerprint));
        let text = HEAD.to_owned() + &once.map(|(_, line)| line + "\n").collect::<String>();
        (text, seen.len())
    }
}
