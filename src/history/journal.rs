//! The journal: a SQLite file of transactions. A record, not a cache: logs are rotated away, and what they told stays here.
//!
//! WAL, so that a reader never waits for a writer. Every import is one transaction of the database: killed at any moment it has
//! happened or has not.

use crate::model::{Action, AuditHead, Change, Plan, Reason, Source, Transaction};
use anyhow::{Context, Result, bail};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// What makes the tables of each version from those of the one before. A later omg changes older ones; an older omg leaves newer
/// ones alone.
const STEPS: [&str; 4] = [TABLES, AUDIT_HEAD, PLANS, FS_SNAPSHOTS];

const MAPPED_BYTES: i64 = 256 << 20;
/// As long as another omg is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

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
        db.busy_timeout(PATIENCE)?;
        use_wal(&db)?;
        // What is written comes to the disk at the end, when the last connection closes; until then a power cut takes whole
        // transactions, the last ones first, which the logs tell again.
        db.pragma_update(None, "synchronous", "NORMAL")?;
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

    /// The last transaction that brought this version of a package.
    pub fn brought(&self, source: Source, name: &str, version: &str) -> Result<Option<i64>> {
        let mut query = self.db.prepare_cached(
            "SELECT id FROM changes JOIN transactions ON id = transaction_id
             WHERE name = ?2 AND new = ?3 AND source = ?1 ORDER BY started DESC, id DESC LIMIT 1",
        )?;
        Ok(query.query_row(params![source as i64, name, version], |row| row.get(0)).optional()?)
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

    /// Keeps the plan of the newest transaction that began at `started` or later and touched a package of the plan's, and what the logs
    /// do not tell of it: what the packages that went counted as. False where there is none: nothing was changed.
    pub fn attach(
        &mut self,
        source: Source,
        started: i64,
        plan: &Plan,
        digest: &str,
        fs_snapshots: &[FsSnapshot],
    ) -> Result<bool> {
        let begun = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(id) = carried_out(&begun, source, started, plan)? else { return Ok(false) };
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

/// The transaction of a plan. Somebody else may have been next before this one's was looked for.
fn carried_out(db: &Connection, source: Source, started: i64, plan: &Plan) -> rusqlite::Result<Option<i64>> {
    let mut touched = db.prepare("SELECT EXISTS (SELECT 1 FROM changes WHERE transaction_id = ?1 AND name = ?2)")?;
    let mut since =
        db.prepare("SELECT id FROM transactions WHERE source = ?1 AND started >= ?2 ORDER BY started DESC, id DESC")?;
    for id in since.query_map(params![source as i64, started], |row| row.get::<_, i64>(0))? {
        let id = id?;
        for step in &plan.steps {
            if touched.query_row(params![id, step.name], |row| row.get(0))? {
                return Ok(Some(id));
            }
        }
    }
    Ok(None)
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

/// Two that make the journal at the same moment would each wait for the other here, and SQLite ends one of them at once.
fn use_wal(db: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match db.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
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
mod tests;
