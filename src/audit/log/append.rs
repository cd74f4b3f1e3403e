//! Adds entries. Killed or without power at any moment, the log is whole but for its last line, and the next entry mends that.

use super::entry::{Entry, line};
use super::lines::Backwards;
use super::{Event, MAX_LINE_BYTES, lock};
use crate::audit::{Who, sha256};
use crate::error::{Exit, Hinted};
use crate::model::AuditHead;
use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// One write adds two entries at most, so what a power cut leaves of it is no longer.
const MAX_TORN_BYTES: u64 = 2 * MAX_LINE_BYTES as u64;

/// A log to add entries to.
pub struct AuditLog {
    path: PathBuf,
    who: Who,
}

impl AuditLog {
    /// The log at `path`. It and its folder are made if they are not there, so that what has to be logged fails before it is done.
    pub fn open(path: &Path) -> Result<AuditLog> {
        let folder = folder(path);
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let log = AuditLog { path: path.to_owned(), who: Who::of_process() };
        drop(log.locked()?);
        Ok(log)
    }

    /// Adds an entry, which is on the disk when this returns. The head is for the journal: this first, the journal behind it.
    pub fn append(&self, event: &Event) -> Result<AuditHead> {
        let (_lock, file) = self.locked()?;
        let mut end = End::find(&file, &self.path)?;
        self.put_aside(&file, &mut end)?;
        let mut bytes = Vec::new();
        if end.lacks_line_end {
            bytes.push(b'\n');
        }
        let now = Timestamp::now();
        let mut head = end.head;
        if let Some(recovered) = self.recovered(head.as_ref())? {
            let (line, recovered) = line(head.as_ref(), &recovered, &self.who, now)?;
            bytes.extend(line);
            head = Some(recovered);
        }
        let (line, head) = line(head.as_ref(), event, &self.who, now)?;
        bytes.extend(line);
        self.write(&file, end.bytes, &bytes).with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(head)
    }

    /// The log, opened under its lock: it may have been moved away since the last time.
    fn locked(&self) -> Result<(File, File)> {
        let lock = || -> io::Result<File> {
            let file = lock(&self.path, true)?;
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        };
        let lock = lock().with_context(|| format!("cannot lock {}", self.path.display()))?;
        let describe = || format!("cannot open {}", self.path.display());
        let open = |creates: bool| {
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
            File::options().read(true).append(true).create_new(creates).mode(0o644).custom_flags(flags).open(&self.path)
        };
        let file = match open(true) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => open(false).with_context(describe)?,
            file => {
                let file = file.with_context(describe)?;
                // Whatever the umask: the system's log is for everybody to read.
                file.set_permissions(Permissions::from_mode(0o644)).with_context(describe)?;
                file
            }
        };
        let stat = file.metadata().with_context(describe)?;
        if !stat.is_file() {
            bail!("{} is no file", self.path.display());
        }
        if stat.mode() & 0o022 != 0 {
            let message = format!("the audit log {} is not believed: others may write it", self.path.display());
            let hint = format!("look at it, then `chmod go-w {}`", self.path.display());
            return Err(Hinted::new(Exit::Failed, message, hint).into());
        }
        Ok((lock, file))
    }

    /// Moves what stands behind the last entry into a file beside the log, and that to the disk before the log is cut.
    fn put_aside(&self, file: &File, end: &mut End) -> Result<()> {
        if end.torn_bytes == 0 {
            return Ok(());
        }
        let side = self.side(end.head.as_ref());
        let describe = || format!("cannot put the damaged end of {} into {}", self.path.display(), side.display());
        let put_aside = || -> io::Result<()> {
            // There is one already where that was done, and its own entry did not come to its end.
            let mut kept = read_side(&side)?.unwrap_or_default();
            let before = kept.len();
            kept.resize(before + end.torn_bytes as usize, 0);
            file.read_exact_at(&mut kept[before..], end.bytes)?;
            let mut new = tempfile::NamedTempFile::new_in(folder(&self.path))?;
            new.write_all(&kept)?;
            new.as_file().set_permissions(Permissions::from_mode(0o644))?;
            new.as_file().sync_all()?;
            new.persist(&side)?;
            File::open(folder(&self.path))?.sync_all()?;
            file.set_len(end.bytes)?;
            file.sync_all()
        };
        put_aside().with_context(describe)?;
        end.torn_bytes = 0;
        Ok(())
    }

    /// What has to be told before anything else, also where a process was killed before it told it.
    fn recovered(&self, head: Option<&AuditHead>) -> Result<Option<Event>> {
        let side = self.side(head);
        let kept = read_side(&side).with_context(|| format!("cannot read {}", side.display()))?;
        Ok(kept.map(|kept| Event::Recovered {
            kept_in: side.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            bytes: kept.len() as u64,
            sha256: sha256(&kept),
        }))
    }

    /// The file for the damaged end behind an entry, named by the number of the entry that tells of it: `audit.torn-7`.
    fn side(&self, head: Option<&AuditHead>) -> PathBuf {
        self.path.with_extension(format!("torn-{}", head.map_or(0, |head| head.seq) + 1))
    }

    fn write(&self, mut file: &File, end: u64, bytes: &[u8]) -> io::Result<()> {
        let written = match file.write(bytes) {
            Ok(written) if written == bytes.len() => file.sync_data(),
            Ok(_) => Err(ErrorKind::StorageFull.into()),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            // Where that fails too, the next entry mends it.
            drop(file.set_len(end).and_then(|()| file.sync_data()));
            return Err(error);
        }
        // The first entry is what makes the file worth keeping; who created it may have been killed.
        if end == 0 { File::open(folder(&self.path))?.sync_all() } else { Ok(()) }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn read_side(side: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    match File::options().read(true).custom_flags(flags).open(side) {
        Ok(file) => file.take(4 * MAX_TORN_BYTES).read_to_end(&mut bytes).map(|_| Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the entries end.
struct End {
    /// The last entry; `None` where there is none.
    head: Option<AuditHead>,
    /// The log up to there, in bytes.
    bytes: u64,
    /// It is whole but for that.
    lacks_line_end: bool,
    /// Behind it.
    torn_bytes: u64,
}

impl End {
    fn find(file: &File, path: &Path) -> Result<End> {
        let size = file.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
        let mut backwards = Backwards::new(file, path)?;
        while let Some(line) = backwards.next_line()? {
            if let Some(bytes) = line.bytes
                && let Some(entry) = Entry::read(bytes)
            {
                let end = line.start + bytes.len() as u64 + u64::from(line.is_ended);
                let (lacks_line_end, torn_bytes) = (!line.is_ended, size - end);
                return Ok(End { head: Some(entry.head()), bytes: end, lacks_line_end, torn_bytes });
            }
            if size - line.start > MAX_TORN_BYTES {
                let message = format!("the audit log {} is damaged, by more than a power cut", path.display());
                let hint = "`omg audit verify` names the first bad line; a new log begins where this one is moved away";
                return Err(Hinted::new(Exit::Failed, message, hint).into());
            }
        }
        Ok(End { head: None, bytes: 0, lacks_line_end: false, torn_bytes: size })
    }
}
