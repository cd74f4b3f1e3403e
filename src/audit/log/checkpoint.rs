//! A checkpoint: where the logs stood at a moment, as a text to be signed and kept elsewhere. A log that is changed afterwards up to that
//! entry no longer has it, whoever may write the log and the journal.

use super::entry::NO_HASH;
use crate::model::AuditHead;
use anyhow::{Context, Result, bail, ensure};

const TITLE: &str = "omg audit checkpoint 1";
/// A machine has two logs at most.
const MOST_LOGS: usize = 16;

/// What the text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// `2026-11-21T22:00:00Z`.
    pub time: String,
    /// Each log's path, and its last entry then.
    pub heads: Vec<(String, AuditHead)>,
}

impl Checkpoint {
    /// The text. A path that has a line's end in it cannot be told.
    pub fn text(&self) -> Result<String> {
        let mut out = format!("{TITLE}\ntime {}\n", self.time);
        for (path, AuditHead { seq, hash }) in &self.heads {
            ensure!(!path.contains(['\n', '\r']), "the path of a log has a line's end in it");
            out.push_str(&format!("log {seq} {hash} {path}\n"));
        }
        Ok(out)
    }

    pub fn read(text: &str) -> Result<Checkpoint> {
        let mut lines = text.lines();
        ensure!(lines.next() == Some(TITLE), "it is no checkpoint of an audit log");
        let time = lines.next().and_then(|line| line.strip_prefix("time ")).context("it has no time")?.to_owned();
        let mut heads = Vec::new();
        for line in lines {
            let mut words = line.strip_prefix("log ").context("a line that is about no log")?.splitn(3, ' ');
            let (Some(seq), Some(hash), Some(path)) = (words.next(), words.next(), words.next()) else {
                bail!("a line that says not enough");
            };
            let is_hash = hash.len() == NO_HASH.len() && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            ensure!(is_hash, "what should be a hash is none");
            let seq = seq.parse().ok().filter(|seq| *seq > 0).context("what should be a number is none")?;
            heads.push((path.to_owned(), AuditHead { seq, hash: hash.to_owned() }));
        }
        ensure!(!heads.is_empty(), "it names no log");
        ensure!(heads.len() <= MOST_LOGS, "it names more logs than there are");
        Ok(Checkpoint { time, heads })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_from_its_text_and_nothing_else_is_one() {
        let head = AuditHead { seq: 7, hash: "a".repeat(64) };
        let checkpoint =
            Checkpoint { time: "2026-11-21T22:00:00Z".into(), heads: vec![("/a b/audit.jsonl".into(), head)] };
        let text = checkpoint.text().unwrap();
        assert_eq!(text, format!("{TITLE}\ntime 2026-11-21T22:00:00Z\nlog 7 {} /a b/audit.jsonl\n", "a".repeat(64)));
        assert_eq!(Checkpoint::read(&text).unwrap(), checkpoint);
        for bad in [
            text.replace(" 1\n", " 2\n"),
            text.replace("log 7", "log 0"),
            text.replace("log 7", "log x"),
            text.replace(" aaa", " xaa"),
            text.replace("log 7", "7"),
            text.replace(" /a b/audit.jsonl", ""),
            format!("{TITLE}\ntime x\n"),
            String::new(),
        ] {
            assert!(Checkpoint::read(&bad).is_err(), "{bad}");
        }
        let odd = Checkpoint { heads: vec![("a\nb".into(), checkpoint.heads[0].1.clone())], ..checkpoint };
        assert!(odd.text().is_err());
    }
}
