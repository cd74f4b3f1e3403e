//! Files that only keep a time, so that a shell can tell with its own `-nt` and `-ot` whether another file has changed.
//!
//! A shell cannot ask for a file's time, only which of two files is newer. A file is named after its time and kept in the user's
//! cache, so that shells share it and none leaves one behind: there are as many as times that version files had.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, open, utimensat};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More than this many are old ones, which nobody compares with any more.
const MOST: usize = 256;

/// The file with the time of `file`; `None` where it cannot be had.
pub fn of(file: &Path, cache: &Path) -> Option<PathBuf> {
    let time_of = |stat: &fs::Metadata| (stat.mtime(), stat.mtime_nsec());
    let time = time_of(&fs::metadata(file).ok()?);
    let folder = cache.join("stamps");
    let path = folder.join(format!("{}.{:09}", time.0, time.1));
    if fs::symlink_metadata(&path).is_ok_and(|there| time_of(&there) == time) {
        return Some(path);
    }
    make(&folder, &path, time)?;
    Some(path)
}

/// Whether the next change will give it another time. The kernel's clock for files stands still for some milliseconds.
pub fn is_settled(file: &Path) -> bool {
    let age = fs::metadata(file).and_then(|stat| stat.modified()).ok().and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age > Duration::from_millis(100))
}

fn make(folder: &Path, path: &Path, (seconds, nanoseconds): (i64, i64)) -> Option<()> {
    fs::create_dir_all(folder).ok()?;
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    open(path, flags, Mode::RUSR | Mode::WUSR).ok()?;
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ };
    utimensat(CWD, path, &Timestamps { last_access: time, last_modification: time }, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let all: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    if all.len() > MOST {
        // A shell that still compares with one of these finds it missing, and asks once more.
        all.iter().filter(|other| *other != path).for_each(|other| _ = fs::remove_file(other));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_stamp_has_the_files_time_and_one_serves_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let time = |path: &Path| fs::metadata(path).map(|stat| (stat.mtime(), stat.mtime_nsec())).unwrap();
        let stamp = of(&file, folder.path()).unwrap();
        assert_eq!(time(&stamp), time(&file));
        assert_eq!(of(&file, folder.path()).as_ref(), Some(&stamp));
        for second in 0..2 * MOST as u64 {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            fs::File::options().append(true).open(&file).unwrap().set_modified(at).unwrap();
            let stamp = of(&file, folder.path()).unwrap();
            assert_eq!(time(&stamp), time(&file));
        }
        assert!(fs::read_dir(folder.path().join("stamps")).unwrap().count() <= MOST + 1);
    }

    #[test]
    fn without_a_place_for_it_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(of(&folder.path().join("file"), &folder.path().join("file")), None);
        assert_eq!(of(&folder.path().join("missing"), folder.path()), None);
    }
}
