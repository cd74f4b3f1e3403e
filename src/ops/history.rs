//! Brings what the package managers' logs tell into the journal.
//!
//! Only what is new is read. A log that was rotated since is read again from its older parts, and what the journal has already
//! is passed over.

use super::World;
use crate::backends::Backend;
use crate::history::{Journal, Log, News};
use crate::model::Problem;
use crate::sys::unpack;
use anyhow::{Context, Result};
use jiff::tz::TimeZone;
use std::fs;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The journal's name in its folder.
pub const FILE_NAME: &str = "journal.db";
/// As many older parts as are looked for; logrotate keeps 12 as a rule.
const MOST_PARTS: usize = 100;

/// Opens the journal in `folder`, which is made if it is not there, and brings it up to date. What of the logs cannot be read is a
/// problem, and the others are read all the same.
pub fn journal(world: &World, root: &Path, folder: &Path) -> Result<(Journal, Vec<Problem>)> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut journal = Journal::open(&folder.join(FILE_NAME))?;
    let problems = update(&mut journal, world, root)?;
    Ok((journal, problems))
}

/// The same for a journal that is open.
pub fn update(journal: &mut Journal, world: &World, root: &Path) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for backend in &world.backends {
        problems.extend(loop {
            // Another omg may have been quicker: then there is less to read, or nothing.
            if let Some(problems) = import(journal, backend.as_ref(), root)? {
                break problems;
            }
        });
    }
    Ok(problems)
}

/// Whether there are logs to read.
pub fn has_logs(world: &World) -> bool {
    world.backends.iter().flat_map(|backend| backend.logs()).any(|path| path.exists())
}

/// Brings what is new in a family's logs into the journal; `None`, with nothing done, where another omg did so at the same time.
fn import(journal: &mut Journal, backend: &dyn Backend, root: &Path) -> Result<Option<Vec<Problem>>> {
    let mut problems = Vec::new();
    let mut has_news = false;
    for path in backend.logs() {
        let (now, before) = (log(&path)?, journal.log(&path.display().to_string())?);
        has_news |= now.is_some_and(|now| before.is_none_or(|before| !before.is_as(&now)));
    }
    if !has_news {
        return Ok(Some(problems));
    }
    // With one log all are read: what one had not ended is read again, and one tells what of another is whose.
    let pieces = backend.logs().into_iter().map(|path| Piece::read(journal, path, &mut problems));
    let mut pieces = pieces.collect::<Result<Vec<_>>>()?;
    let texts: Vec<String> = pieces.iter_mut().map(|piece| std::mem::take(&mut piece.text)).collect();
    let mut news = News { anew: pieces.iter().any(|piece| piece.anew), ..News::default() };
    let mut each = |transaction, ended| news.transactions.push((transaction, ended));
    let done = backend.read_logs(&texts, &zone(root), &mut each);
    for (piece, done) in pieces.into_iter().zip(done) {
        // What has not ended in an older part will never.
        let done_bytes = piece.start + done.saturating_sub(piece.older_bytes) as u64;
        let log = piece.log.map(|log| (piece.path.display().to_string(), piece.before, Log { done_bytes, ..log }));
        news.logs.extend(log);
    }
    news.transactions.sort_by_key(|(transaction, _)| transaction.started);
    Ok(journal.record(backend.source(), &news)?.map(|_| problems))
}

/// A log as it is now, nothing of it done; `None` where there is none.
fn log(path: &Path) -> Result<Option<Log>> {
    match fs::metadata(path) {
        Ok(stat) => Ok(Some(Log { inode: stat.ino(), done_bytes: 0, size_bytes: stat.len() })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// What of a log has not been read yet.
struct Piece {
    path: PathBuf,
    /// Of older parts first, then of the log.
    text: String,
    older_bytes: usize,
    /// How far the journal has it.
    before: Option<Log>,
    /// From where on it is read here, in bytes.
    start: u64,
    /// It was read from its begin.
    anew: bool,
    /// The log as it is now; `None` where there is none.
    log: Option<Log>,
}

impl Piece {
    fn read(journal: &Journal, path: PathBuf, problems: &mut Vec<Problem>) -> Result<Piece> {
        let mut problem = |path: &Path, error: &dyn std::fmt::Display| {
            problems.push(Problem { path: path.to_owned(), message: format!("cannot be read: {error}") });
        };
        let before = journal.log(&path.display().to_string())?;
        let mut log = log(&path)?;
        let same = before
            .filter(|before| log.is_some_and(|log| log.inode == before.inode && log.size_bytes >= before.done_bytes));
        let mut older = Vec::new();
        if same.is_none() {
            for part in parts(&path).iter().rev() {
                match unpack::read(part) {
                    Ok(bytes) => older.extend(bytes),
                    Err(error) => problem(part, &error.root_cause()),
                }
            }
        }
        let start = same.map_or(0, |same| same.done_bytes);
        let mut bytes = Vec::new();
        if let Some(found) = &mut log {
            let mut read = || {
                let mut file = fs::File::open(&path)?;
                file.seek(SeekFrom::Start(start))?;
                file.read_to_end(&mut bytes)
            };
            match read() {
                Ok(got) => found.size_bytes = start + got as u64,
                // It is looked at again, since nothing is known of it.
                Err(error) => {
                    problem(&path, &error);
                    log = None;
                }
            }
        }
        let older = text(&older);
        let older_bytes = older.len();
        let text = older + &text(&bytes);
        Ok(Piece { older_bytes, before, start, anew: same.is_none() && !text.is_empty(), text, log, path })
    }
}

/// Bytes as text of the same length, since places in it are places in the file.
fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| '?'));
    }
    out
}

/// The older parts of a log, newest first: `history.log.1.gz`, `dpkg.log.1`...
fn parts(path: &Path) -> Vec<PathBuf> {
    let named = |number: usize, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}{ending}"));
        PathBuf::from(name)
    };
    let part = |number| ["", ".gz", ".xz", ".zst", ".bz2"].iter().map(|e| named(number, e)).find(|path| path.exists());
    (1..=MOST_PARTS).map_while(part).collect()
}

/// The zone that the clock of a root shows.
pub fn zone(root: &Path) -> TimeZone {
    let bytes = fs::read(root.join("etc/localtime")).unwrap_or_default();
    TimeZone::tzif("local", &bytes).unwrap_or(TimeZone::UTC)
}
