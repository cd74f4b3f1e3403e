//! The journal: a SQLite file of transactions. A record, not a cache: logs are rotated away, and what they told stays here.
//!
//! WAL, so that a reader never waits for a writer. Every import is one transaction of the database: killed at any moment it has
//! happened or has not.

use crate::model::{Action, AuditHead, Change, Plan, Reason, Source, Transaction};
use anyhow::{Context, Result, bail};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// What makes the tables of each version from those of the one before. A later omg changes older ones; an older omg leaves newer
/// ones alone.
const STEPS: [&str; 4] = [TABLES, AUDIT_HEAD, PLANS, FS_SNAPSHOTS];

const MAPPED_BYTES: i64 = 256 << 20;

/// Never changed: there are journals that were made by it. What is new is a step of its own.
const TABLES: &str = "
    CREATE TABLE transactions (
        id INTEGER PRIMARY KEY,
        -- A hash of what the log tells, so that nothing is recorded twice.
        key INTEGER NOT NULL UNIQUE,
        source INTEGER NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER,
        user TEXT NOT NULL,
        command TEXT NOT NULL,
        failure TEXT NOT NULL,
        -- It may go on: the next import reads it again.
        open INTEGER NOT NULL
    );
    CREATE INDEX by_time ON transactions (started, id);
    CREATE TABLE changes (
        transaction_id INTEGER NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
        place INTEGER NOT NULL,
        name TEXT NOT NULL,
        arch TEXT NOT NULL,
        action INTEGER NOT NULL,
        old TEXT NOT NULL,
        new TEXT NOT NULL,
        reason INTEGER,
        PRIMARY KEY (transaction_id, place)
    ) WITHOUT ROWID;
    CREATE INDEX by_name ON changes (name, transaction_id);
    CREATE TABLE logs (
        path TEXT PRIMARY KEY,
        inode INTEGER NOT NULL,
        done INTEGER NOT NULL,
        size INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// Every entry of the audit log that was ever its head, since a log that was cut and written on has a later head, too.
const AUDIT_HEAD: &str = "
    CREATE TABLE audit_head (
        seq INTEGER PRIMARY KEY,
        hash TEXT NOT NULL
    );
";

/// What omg itself did, as it was planned; and states of the machine that a person wanted kept.
const PLANS: &str = "
    CREATE TABLE plans (
        transaction_id INTEGER PRIMARY KEY REFERENCES transactions (id) ON DELETE CASCADE,
        digest TEXT NOT NULL,
        plan TEXT NOT NULL
    );
    CREATE TABLE snapshots (
        name TEXT PRIMARY KEY,
        taken INTEGER NOT NULL,
        state TEXT NOT NULL
    ) WITHOUT ROWID;
";

/// Snapshots of the file system that were made around a transaction of omg.
const FS_SNAPSHOTS: &str = "
    CREATE TABLE fs_snapshots (
        transaction_id INTEGER NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
        place INTEGER NOT NULL,
        program TEXT NOT NULL,
        id TEXT NOT NULL,
        PRIMARY KEY (transaction_id, place)
    ) WITHOUT ROWID;
";

/// A transaction with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub id: i64,
    pub transaction: Transaction,
    pub fs_snapshots: Vec<FsSnapshot>,
}

/// A snapshot of the file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FsSnapshot {
    /// Whose it is.
    pub program: String,
    /// The number, name or path that the program knows it by.
    pub id: String,
}

/// How far a log has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    pub inode: u64,
    pub done_bytes: u64,
    /// How long it was then: what stands behind what is done has been seen, and not ended.
    pub size_bytes: u64,
}

impl Log {
    /// Whether nothing has been written since.
    pub fn is_as(&self, now: &Log) -> bool {
        (self.inode, self.size_bytes) == (now.inode, now.size_bytes)
    }
}

/// What was read of a source's logs.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// In their order, each with whether it has ended.
    pub transactions: Vec<(Transaction, bool)>,
    /// Of each log, how far the journal had it, and how far it has it with this.
    pub logs: Vec<(String, Option<Log>, Log)>,
    /// Some log was read from its begin: the journal may know what it tells.
    pub anew: bool,
}

/// An open journal.
pub struct Journal {
    db: Connection,
}

impl Journal {
    /// Opens the journal at `path`, which is made if it is not there.
    pub fn open(path: &Path) -> Result<Journal> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::prepare(path, flags).with_context(|| format!("cannot open the journal {}", path.display()))
    }

    fn prepare(path: &Path, flags: OpenFlags) -> Result<Journal> {
        let mut db = Connection::open_with_flags(path, flags)?;
        // Another omg may be importing; that takes a moment.
        db.busy_timeout(Duration::from_secs(10))?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        // A package's transactions lie far apart: a mapping spares a copy of each page.
        db.pragma_update(None, "mmap_size", MAPPED_BYTES)?;
        let current = STEPS.len() as i64;
        if (0..current).contains(&version(&db)?) {
            let begun = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Another omg may have been quicker.
            for step in STEPS.iter().skip(version(&begun)?.try_into().unwrap_or(usize::MAX)) {
                begun.execute_batch(step)?;
            }
            if version(&begun)? < current {
                begun.pragma_update(None, "user_version", current)?;
            }
            begun.commit()?;
        }
        match version(&db)? {
            found if found == current => Ok(Journal { db }),
            other => bail!("it is of version {other}, which another omg wrote"),
        }
    }

    /// Keeps the head of the audit log. False where another entry of that number is known: then the log was cut or replaced, and what
    /// was known stays, for `omg audit verify` to find.
    pub fn keep_audit_head(&self, head: &AuditHead) -> Result<bool> {
        let mut insert = self.db.prepare_cached("INSERT OR IGNORE INTO audit_head VALUES (?1, ?2)")?;
        insert.execute(params![head.seq as i64, head.hash])?;
        let mut query = self.db.prepare_cached("SELECT hash = ?2 FROM audit_head WHERE seq = ?1")?;
        Ok(query.query_row(params![head.seq as i64, head.hash], |row| row.get(0))?)
    }

    /// The entries of the audit log that are known, by their numbers. Reads a journal that may not be written, too; none where there is
    /// no journal, or only one from before there were any.
    pub fn audit_heads(path: &Path) -> Result<Vec<AuditHead>> {
        let read = || -> Result<Vec<AuditHead>> {
            let db = read_only(path)?;
            if version(&db)? < 2 {
                return Ok(Vec::new());
            }
            let mut query = db.prepare("SELECT seq, hash FROM audit_head ORDER BY seq")?;
            let heads =
                query.query_map([], |row| Ok(AuditHead { seq: row.get::<_, i64>(0)? as u64, hash: row.get(1)? }))?;
            Ok(heads.collect::<rusqlite::Result<_>>()?)
        };
        match path.try_exists() {
            Ok(false) => Ok(Vec::new()),
            _ => read().with_context(|| format!("cannot read the journal {}", path.display())),
        }
    }

    /// How far a log has been read; `None` where it is new.
    pub fn log(&self, path: &str) -> Result<Option<Log>> {
        Ok(log(&self.db, path)?)
    }

    /// Records what was read of a source's logs: all of it or nothing. What had not ended before is forgotten first, since it was
    /// read again. Returns how many are new; `None`, with nothing done, where somebody else has recorded something of these logs since.
    pub fn record(&mut self, source: Source, news: &News) -> Result<Option<usize>> {
        let begun = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (path, before, _) in &news.logs {
            if log(&begun, path)? != *before {
                return Ok(None);
            }
        }
        let mut new = 0;
        {
            begun.execute("DELETE FROM transactions WHERE open AND source = ?1", [source as i64])?;
            let mut insert = begun.prepare(
                "INSERT OR IGNORE INTO transactions (key, source, started, ended, user, command, failure, open)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            let mut insert_change = begun.prepare("INSERT INTO changes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
            let mut alike: HashMap<i64, u32> = HashMap::new();
            for (transaction, ended) in &news.transactions {
                let Transaction { source, started, ended: end, command, user, failure, changes } = transaction;
                let nth = alike.entry(key(transaction, 0)).or_default();
                let inserted = loop {
                    let key = key(transaction, *nth);
                    let (source, open) = (*source as i64, !ended);
                    let inserted = insert.execute(params![key, source, started, end, user, command, failure, open])?;
                    *nth += 1;
                    // Of a log that was read from its begin, one that is known is the one that is known.
                    if inserted == 1 || news.anew {
                        break inserted == 1;
                    }
                };
                if !inserted {
                    continue;
                }
                new += 1;
                let id = begun.last_insert_rowid();
                for (place, Change { name, arch, action, old, new, reason }) in (0i64..).zip(changes) {
                    let reason = reason.map(|reason| reason as i64);
                    insert_change.execute(params![id, place, name, arch, *action as i64, old, new, reason])?;
                }
            }
            let mut insert_log = begun.prepare("INSERT OR REPLACE INTO logs VALUES (?1, ?2, ?3, ?4)")?;
            for (path, _, log) in &news.logs {
                let Log { inode, done_bytes, size_bytes } = *log;
                insert_log.execute(params![path, inode as i64, done_bytes as i64, size_bytes as i64])?;
            }
        }
        begun.commit()?;
        Ok(Some(new))
    }

    /// The latest transactions, at most `limit`, of one source or of all, newest first; those that touched `name` if one is given.
    pub fn latest(&self, name: Option<&str>, source: Option<Source>, limit: usize) -> Result<Vec<Recorded>> {
        // Two, since one query that suits both would look at every transaction for a name.
        let which = match name {
            Some(_) => "id IN (SELECT transaction_id FROM changes WHERE name = ?1)",
            None => "?1 IS NULL",
        };
        let mut query = self.db.prepare_cached(&format!(
            "SELECT id, source, started, ended, user, command, failure FROM transactions
             WHERE {which} AND (?2 IS NULL OR source = ?2) ORDER BY started DESC, id DESC LIMIT ?3"
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map(params![name, source.map(|source| source as i64), limit], recorded)?;
        rows.map(|row| self.whole(row?)).collect()
    }

    /// When this version of a package came last, in seconds since 1970.
    pub fn came(&self, source: Source, name: &str, arch: &str, version: &str) -> Result<Option<i64>> {
        let mut query = self.db.prepare_cached(
            "SELECT max(started) FROM changes JOIN transactions ON id = transaction_id
             WHERE name = ?1 AND arch = ?2 AND new = ?3 AND source = ?4",
        )?;
        Ok(query.query_row(params![name, arch, version, source as i64], |row| row.get(0))?)
    }

    /// When a package of a source was upgraded last, in seconds since 1970.
    pub fn upgraded(&self, source: Source) -> Result<Option<i64>> {
        let mut query = self.db.prepare_cached(
            "SELECT started FROM transactions WHERE source = ?1
             AND EXISTS (SELECT 1 FROM changes WHERE transaction_id = id AND action = ?2) ORDER BY started DESC LIMIT 1",
        )?;
        Ok(query.query_row(params![source as i64, Action::Upgrade as i64], |row| row.get(0)).optional()?)
    }

    /// The transaction of that number.
    pub fn transaction(&self, id: i64) -> Result<Option<Recorded>> {
        let mut query = self.db.prepare_cached(
            "SELECT id, source, started, ended, user, command, failure FROM transactions WHERE id = ?1",
        )?;
        query.query_row([id], recorded).optional()?.map(|row| self.whole(row)).transpose()
    }

    /// Transactions of a source that began then or later, newest first.
    pub fn since(&self, source: Source, started: i64) -> Result<Vec<Recorded>> {
        let mut query = self.db.prepare_cached(
            "SELECT id, source, started, ended, user, command, failure FROM transactions
             WHERE source = ?1 AND started >= ?2 ORDER BY started DESC, id DESC",
        )?;
        let rows = query.query_map(params![source as i64, started], recorded)?;
        rows.map(|row| self.whole(row?)).collect()
    }

    /// Keeps the plan of the newest transaction, which began at `started` or later, and what the logs do not tell of it: what the
    /// packages that went counted as. False where there is none: nothing was changed.
    pub fn attach(
        &mut self,
        source: Source,
        started: i64,
        plan: &Plan,
        digest: &str,
        fs_snapshots: &[FsSnapshot],
    ) -> Result<bool> {
        let begun = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let newest = begun.query_row(
            "SELECT id FROM transactions WHERE source = ?1 AND started >= ?2 ORDER BY started DESC, id DESC LIMIT 1",
            params![source as i64, started],
            |row| row.get::<_, i64>(0),
        );
        let Some(id) = newest.optional()? else { return Ok(false) };
        begun.execute("INSERT OR REPLACE INTO plans VALUES (?1, ?2, ?3)", params![id, digest, plan.canonical()])?;
        for (place, made) in fs_snapshots.iter().enumerate() {
            begun.execute(
                "INSERT OR REPLACE INTO fs_snapshots VALUES (?1, ?2, ?3, ?4)",
                params![id, place as i64, made.program, made.id],
            )?;
        }
        for step in &plan.steps {
            begun.execute(
                "UPDATE changes SET reason = ?4 WHERE transaction_id = ?1 AND name = ?2 AND arch = ?3 AND reason IS NULL",
                params![id, step.name, step.arch, step.reason as i64],
            )?;
        }
        begun.commit()?;
        Ok(true)
    }

    /// The plan of a transaction that omg made.
    pub fn plan(&self, id: i64) -> Result<Option<Plan>> {
        let mut query = self.db.prepare_cached("SELECT plan FROM plans WHERE transaction_id = ?1")?;
        let text = query.query_row([id], |row| row.get::<_, String>(0)).optional()?;
        // One that an older omg wrote in another shape tells nothing.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps a state under a name; false where the name is taken.
    pub fn keep_snapshot(&self, name: &str, taken: i64, state: &str) -> Result<bool> {
        let kept =
            self.db.execute("INSERT OR IGNORE INTO snapshots VALUES (?1, ?2, ?3)", params![name, taken, state])?;
        Ok(kept == 1)
    }

    /// Name, time and state of all that are kept, newest first.
    pub fn snapshots(&self) -> Result<Vec<(String, i64, String)>> {
        let mut query = self.db.prepare_cached("SELECT name, taken, state FROM snapshots ORDER BY taken DESC, name")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// False where there is none of that name.
    pub fn drop_snapshot(&self, name: &str) -> Result<bool> {
        Ok(self.db.execute("DELETE FROM snapshots WHERE name = ?1", [name])? == 1)
    }

    fn whole(&self, mut recorded: Recorded) -> Result<Recorded> {
        let mut query = self.db.prepare_cached(
            "SELECT name, arch, action, old, new, reason FROM changes WHERE transaction_id = ?1 ORDER BY place",
        )?;
        let changes = query.query_map([recorded.id], |row| {
            let (action, reason) = (row.get::<_, i64>(2)?, row.get::<_, Option<i64>>(5)?);
            Ok(Change {
                name: row.get(0)?,
                arch: row.get(1)?,
                action: Action::ALL.into_iter().find(|known| *known as i64 == action).unwrap_or(Action::Upgrade),
                old: row.get(3)?,
                new: row.get(4)?,
                reason: reason
                    .map(|r| if r == Reason::Explicit as i64 { Reason::Explicit } else { Reason::Dependency }),
            })
        })?;
        recorded.transaction.changes = changes.collect::<rusqlite::Result<_>>()?;
        let mut query =
            self.db.prepare_cached("SELECT program, id FROM fs_snapshots WHERE transaction_id = ?1 ORDER BY place")?;
        let made = query.query_map([recorded.id], |row| Ok(FsSnapshot { program: row.get(0)?, id: row.get(1)? }))?;
        recorded.fs_snapshots = made.collect::<rusqlite::Result<_>>()?;
        Ok(recorded)
    }
}

/// Opens a journal to read it, also in a folder that may not be written: there a WAL can't be read but by who made it, and where there
/// is none, nobody writes, and all is in the file itself.
fn read_only(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let may_write = rustix::fs::access(path.parent().unwrap_or(Path::new(".")), rustix::fs::Access::WRITE_OK).is_ok();
    let query = if may_write || Path::new(&wal).exists() { "" } else { "?immutable=1" };
    let mut name = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => name.push(char::from(*byte)),
            other => name.push_str(&format!("%{other:02x}")),
        }
    }
    let db = Connection::open_with_flags(name + query, flags)?;
    db.busy_timeout(Duration::from_secs(10))?;
    Ok(db)
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn log(db: &Connection, path: &str) -> rusqlite::Result<Option<Log>> {
    let mut query = db.prepare_cached("SELECT inode, done, size FROM logs WHERE path = ?1")?;
    let log = query.query_row([path], |row| {
        let number = |at| row.get::<_, i64>(at).map(|number| number as u64);
        Ok(Log { inode: number(0)?, done_bytes: number(1)?, size_bytes: number(2)? })
    });
    log.optional()
}

/// All but the changes and the snapshots.
fn recorded(row: &Row<'_>) -> rusqlite::Result<Recorded> {
    let source = match row.get::<_, i64>(1)? {
        0 => Source::Apt,
        _ => Source::Pacman,
    };
    Ok(Recorded {
        id: row.get(0)?,
        fs_snapshots: Vec::new(),
        transaction: Transaction {
            source,
            started: row.get(2)?,
            ended: row.get(3)?,
            user: row.get(4)?,
            command: row.get(5)?,
            failure: row.get(6)?,
            changes: Vec::new(),
        },
    })
}

/// What tells a transaction from all others. A log's times are of a second at best: the second of two that are alike in all it tells
/// is told apart by its number, from 0.
fn key(transaction: &Transaction, nth: u32) -> i64 {
    let Transaction { source, started, command, changes, .. } = transaction;
    let mut text = format!("{} {started} {command}\n", *source as u8);
    for Change { name, arch, action, old, new, .. } in changes {
        text.push_str(&format!("{name} {arch} {} {old} {new}\n", *action as u8));
    }
    if nth > 0 {
        text.push_str(&format!("{nth}\n"));
    }
    xxh3_64(text.as_bytes()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(started: i64, names: &[&str]) -> Transaction {
        let change = |name: &&str| Change {
            name: (*name).to_owned(),
            arch: String::new(),
            action: Action::Install,
            old: String::new(),
            new: "1".to_owned(),
            reason: Some(Reason::Dependency),
        };
        Transaction {
            source: Source::Apt,
            started,
            ended: Some(started + 1),
            command: "apt install".to_owned(),
            user: String::new(),
            failure: String::new(),
            changes: names.iter().map(change).collect(),
        }
    }

    /// Read from the begin of a log.
    fn whole(transactions: &[&Transaction]) -> News {
        let transactions = transactions.iter().map(|one| ((*one).clone(), true)).collect();
        News { transactions, logs: Vec::new(), anew: true }
    }

    #[test]
    fn the_same_thrice_within_a_second_is_recorded_thrice_and_once_more_for_no_reason() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&folder.path().join("journal.db")).unwrap();
        let one = run(100, &["a"]);
        assert_eq!(journal.record(Source::Apt, &whole(&[&one, &one])).unwrap(), Some(2));
        let appended = News { anew: false, ..whole(&[&one]) };
        assert_eq!(journal.record(Source::Apt, &appended).unwrap(), Some(1));
        assert_eq!(journal.record(Source::Apt, &whole(&[&one, &one, &one])).unwrap(), Some(0), "the log was rotated");
        assert_eq!(journal.record(Source::Apt, &whole(&[&one, &one, &one, &one])).unwrap(), Some(1));
    }

    #[test]
    fn what_two_read_at_once_is_recorded_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let (mut journal, mut other) = (Journal::open(&path).unwrap(), Journal::open(&path).unwrap());
        let log = Log { inode: 1, done_bytes: 7, size_bytes: 7 };
        let mut news = News { anew: false, ..whole(&[&run(100, &["a"])]) };
        news.logs.push(("l".to_owned(), None, log));
        assert_eq!(journal.record(Source::Apt, &news).unwrap(), Some(1));
        assert_eq!(other.record(Source::Apt, &news).unwrap(), None);
        assert_eq!(other.latest(None, None, 10).unwrap().len(), 1);
    }

    #[test]
    fn what_is_recorded_comes_back_newest_first_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut journal = Journal::open(&path).unwrap();
        let log = Log { inode: u64::MAX, done_bytes: 7, size_bytes: 9 };
        let (old, new) = (run(100, &["a", "b"]), run(200, &["b"]));
        let mut news = whole(&[&old, &new]);
        news.logs.push(("l".to_owned(), None, log));
        assert_eq!(journal.record(Source::Apt, &news).unwrap(), Some(2));
        assert_eq!(journal.record(Source::Apt, &whole(&[&old])).unwrap(), Some(0), "the same again is no news");
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!((journal.log("l").unwrap(), journal.log("m").unwrap()), (Some(log), None));
        let told = |name, limit| -> Vec<Transaction> {
            journal.latest(name, None, limit).unwrap().into_iter().map(|recorded| recorded.transaction).collect()
        };
        assert_eq!(told(Some("a"), 10), told(None, 10)[1..]);
        assert_eq!(told(None, 1), told(None, 10)[..1]);
        assert_eq!(told(None, 10), [new, old.clone()]);
        assert!(told(Some("c"), 10).is_empty());
        assert_eq!(journal.latest(None, Some(Source::Pacman), 10).unwrap(), []);
        assert_eq!(journal.transaction(1).unwrap().map(|recorded| recorded.transaction), Some(old));
        assert_eq!(journal.transaction(3).unwrap(), None);
        assert_eq!(journal.came(Source::Apt, "b", "", "1").unwrap(), Some(200));
        assert_eq!(journal.came(Source::Apt, "b", "", "2").unwrap(), None);
        assert_eq!(journal.came(Source::Pacman, "b", "", "1").unwrap(), None);
    }

    #[test]
    fn what_has_not_ended_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&folder.path().join("journal.db")).unwrap();
        let open = News { transactions: vec![(run(100, &["a"]), false)], ..News::default() };
        journal.record(Source::Apt, &open).unwrap();
        let of_the_other = News { transactions: Vec::new(), ..News::default() };
        journal.record(Source::Pacman, &of_the_other).unwrap();
        assert_eq!(journal.latest(None, None, 10).unwrap().len(), 1);
        journal.record(Source::Apt, &whole(&[&run(100, &["a", "b"])])).unwrap();
        let all = journal.latest(None, None, 10).unwrap();
        assert_eq!(all.iter().map(|recorded| recorded.transaction.changes.len()).collect::<Vec<_>>(), [2]);
    }

    fn head(seq: u64, hash: &str) -> AuditHead {
        AuditHead { seq, hash: hash.to_owned() }
    }

    /// As the omg of the first version left it.
    fn first_version(path: &Path, transaction: &Transaction) {
        let db = Connection::open(path).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.execute_batch(TABLES).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
        let mut news = whole(&[transaction]);
        news.logs.push(("l".to_owned(), None, Log::default()));
        Journal { db }.record(Source::Apt, &news).unwrap();
    }

    #[test]
    fn a_journal_of_the_first_version_keeps_all_it_has_and_takes_heads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let old = run(100, &["a", "b"]);
        first_version(&path, &old);
        assert_eq!(Journal::audit_heads(&path).unwrap(), [], "to look changes nothing");
        for _ in 0..2 {
            let journal = Journal::open(&path).unwrap();
            assert_eq!(journal.latest(None, None, 10).unwrap()[0].transaction, old);
            assert_eq!(journal.log("l").unwrap(), Some(Log::default()));
            assert!(journal.keep_audit_head(&head(1, "x")).unwrap());
        }
        assert_eq!(Journal::audit_heads(&path).unwrap(), [head(1, "x")]);
        let begun_anew = folder.path().join("new.db");
        drop(Journal::open(&begun_anew).unwrap());
        let shape = |path: &Path| -> Vec<String> {
            let db = Connection::open(path).unwrap();
            let mut query = db.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
            query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(shape(&path), shape(&begun_anew));
    }

    #[test]
    fn many_at_once_bring_a_journal_to_the_present_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        first_version(&path, &run(100, &["a"]));
        std::thread::scope(|scope| {
            let open = |_| scope.spawn(|| Journal::open(&path).unwrap().latest(None, None, 10).unwrap().len());
            let all: Vec<_> = (0..8).map(open).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap() == 1));
        });
    }

    #[test]
    fn a_head_that_is_known_is_not_forgotten_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a #%?journal.db");
        assert_eq!(Journal::audit_heads(&path).unwrap(), [], "no journal knows none");
        let journal = Journal::open(&path).unwrap();
        assert!(journal.keep_audit_head(&head(1, "a")).unwrap() && journal.keep_audit_head(&head(3, "c")).unwrap());
        assert!(journal.keep_audit_head(&head(3, "c")).unwrap());
        assert!(!journal.keep_audit_head(&head(3, "other")).unwrap());
        // Seen by another connection while the first is open, and after.
        let known = [head(1, "a"), head(3, "c")];
        assert_eq!(Journal::audit_heads(&path).unwrap(), known);
        drop(journal);
        assert_eq!(Journal::audit_heads(&path).unwrap(), known);
        std::fs::write(&path, "no journal").unwrap();
        assert!(Journal::audit_heads(&path).is_err());
    }

    #[test]
    fn another_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        drop(Journal::open(&path).unwrap());
        let next = STEPS.len() as i64 + 1;
        Connection::open(&path).unwrap().pragma_update(None, "user_version", next).unwrap();
        let error = Journal::open(&path).map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains("another omg"), "{error:#}");
    }

    #[test]
    fn what_is_no_journal_is_an_error_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        std::fs::write(&path, "not a database, whatever it is called".repeat(50)).unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(Journal::open(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
