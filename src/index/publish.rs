//! Puts finished files in place: temporary sibling, fsync, rename, fsync of the folder. Nothing is ever written in place.

use super::block::BlockWriter;
use super::status::{self, Status};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::thread;
use tempfile::NamedTempFile;

/// Writes a file of blocks under `name`, whole. Without the sync, which may take a while, [`sync()`] has to follow before a status
/// names the file. The folder's own sync is the caller's in any case.
pub fn file<T>(
    folder: &Path,
    name: &str,
    (kind, generation): (u8, u64),
    synced: bool,
    fill: impl FnOnce(&mut BlockWriter<&File>) -> Result<T>,
) -> Result<T> {
    let describe = || format!("cannot write {}", folder.join(name).display());
    let (value, temporary) = written(folder, kind, generation, fill).map_err(described(describe))?;
    if synced {
        temporary.as_file().sync_all().with_context(describe)?;
    }
    temporary.persist(folder.join(name)).map_err(|error| error.error).with_context(describe)?;
    Ok(value)
}

/// What it fails for besides writing needs no file's name.
fn described(describe: impl Fn() -> String) -> impl FnOnce(anyhow::Error) -> anyhow::Error {
    move |error| if error.is::<std::io::Error>() { error.context(describe()) } else { error }
}

fn written<T>(
    folder: &Path,
    kind: u8,
    generation: u64,
    fill: impl FnOnce(&mut BlockWriter<&File>) -> Result<T>,
) -> Result<(T, NamedTempFile)> {
    let temporary = temporary(folder)?;
    let mut writer = BlockWriter::new(temporary.as_file(), kind, generation)?;
    let value = fill(&mut writer)?;
    let (file, header) = writer.finish()?;
    file.write_all_at(&header, 0)?;
    Ok((value, temporary))
}

/// Brings a file or a folder to the disk.
pub fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).with_context(|| format!("cannot sync {}", path.display()))
}

/// Brings the local half to the disk and publishes the text twin, then the status itself, which makes the files it names the index; and
/// takes away what was the index before. In this order, since a refresh that is killed between the two is not done and will be repeated,
/// while one that is killed behind the status is done, and nobody would mend the twin.
pub fn status(folder: &Path, status: &Status) -> Result<()> {
    let describe = |name: &'static str| move || format!("cannot write {}", folder.join(name).display());
    let line = |text: &mut NamedTempFile| text.write_all(status.line().as_bytes());
    let text = temporary(folder).and_then(|mut text| line(&mut text).map(|()| text));
    let text = text.with_context(describe(status::TEXT_NAME))?;
    let generation = status.catalogue_generation ^ status.local_generation;
    let new = written(folder, status::KIND, generation, |out| Ok(status.write(out)?));
    let ((), new) = new.map_err(described(describe(status::NAME)))?;
    // The disk is waited for once, and not for each of them.
    thread::scope(|scope| {
        let local = scope.spawn(|| sync(&folder.join(status::local_name(status.local_generation))));
        let text = scope.spawn(|| text.as_file().sync_all().with_context(describe(status::TEXT_NAME)));
        new.as_file().sync_all().with_context(describe(status::NAME))?;
        text.join().expect("a sync does not panic")?;
        local.join().expect("a sync does not panic")
    })?;
    for (file, name) in [(text, status::TEXT_NAME), (new, status::NAME)] {
        file.persist(folder.join(name)).map_err(|error| error.error).with_context(describe(name))?;
    }
    sync(folder)?;
    sweep(folder, status);
    Ok(())
}

/// Removes what an earlier refresh left: files of other generations and unfinished ones. Only the holder of the folder's lock
/// may call it. What can't be removed now is removed by the next one.
pub fn sweep(folder: &Path, status: &Status) {
    let keep = [status::catalogue_name(status.catalogue_generation), status::local_name(status.local_generation)];
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let ours = ["catalogue-", "local-", TEMPORARY].iter().any(|prefix| name.starts_with(prefix));
        if ours && !keep.iter().any(|kept| kept == name) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

const TEMPORARY: &str = ".new-";

fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    // Whatever the umask: the system's index is for everybody to read.
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    Ok(file)
}
