//! The local database: one folder a package, `desc` says what it is, `files` what it brought. Both are read whole; they
//! are small.

use super::desc::{self, Desc};
use crate::model::Problem;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// `files` of the largest package there is takes 20 MB.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// pacman ends each line, and each list with an empty one.
const CUT_SHORT: &str = "truncated: its last line has no end";

/// The folders of installed packages.
#[derive(Clone, Debug)]
pub struct LocalDatabase {
    path: PathBuf,
}

/// A package's folder in the local database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
    entry: String,
    name_bytes: usize,
}

impl Folder {
    /// The package's name.
    pub fn name(&self) -> &str {
        &self.entry[..self.name_bytes]
    }

    /// Its installed version.
    pub fn version(&self) -> &str {
        &self.entry[self.name_bytes + 1..]
    }

    /// The file with its paths.
    pub fn files(&self) -> PathBuf {
        self.path.join("files")
    }
}

impl LocalDatabase {
    /// The database in the folder `local` below pacman's database path.
    pub fn at(database_path: &Path) -> LocalDatabase {
        LocalDatabase { path: database_path.join("local") }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every installed package's folder in the order of names. A database that is not there has none: pacman makes it at
    /// the first installation.
    pub fn folders(&self, problem: &mut dyn FnMut(Problem)) -> Result<Vec<Folder>> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", self.path.display())),
        };
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", self.path.display()))?;
            let path = entry.path();
            // A link to a folder is a folder to pacman.
            let is_dir = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => path.is_dir(),
                Ok(kind) => kind.is_dir(),
                Err(_) => false,
            };
            if !is_dir {
                continue;
            }
            let name = entry.file_name().into_string().ok();
            let split = name.as_deref().and_then(desc::split_entry).map(|(name, _)| name.len());
            match (name, split) {
                (Some(entry), Some(name_bytes)) => folders.push(Folder { path, entry, name_bytes }),
                _ => problem(Problem { path, message: "not the name of a package".to_owned() }),
            }
        }
        folders.sort_by(|a, b| a.name().cmp(b.name()).then_with(|| a.entry.cmp(&b.entry)));
        folders.dedup_by(|later, first| {
            let same = later.name() == first.name();
            if same {
                let message = format!("{} is installed twice, as {} too", first.name(), first.version());
                problem(Problem { path: later.path.clone(), message });
            }
            same
        });
        Ok(folders)
    }

    /// Reads a package's `desc` into `text`. What is wrong with it is a problem; the package is there all the same.
    pub fn read_desc<'t>(&self, folder: &Folder, text: &'t mut String, problem: &mut dyn FnMut(Problem)) -> Desc<'t> {
        let path = folder.path.join("desc");
        let mut wrong = |message: String| problem(Problem { path: path.clone(), message });
        match read(&path) {
            Ok(content) => *text = content,
            Err(e) => {
                text.clear();
                wrong(format!("cannot be read: {e}"));
                return Desc::default();
            }
        }
        let mut desc = Desc::default();
        desc.read(text, folder.name());
        if text.is_empty() {
            wrong("empty: 0 bytes".to_owned());
        } else if !text.ends_with('\n') {
            wrong(CUT_SHORT.to_owned());
        } else if desc.name != folder.name() {
            wrong(format!("damaged: it does not say that it is {}", folder.name()));
        }
        desc
    }

    /// Calls back with each path of a package, absolute and without a trailing slash. An empty file is that of a package
    /// without any; one that is cut short is an error once its paths have been told.
    pub fn read_files(&self, folder: &Folder, buffer: &mut Vec<u8>, each: &mut dyn FnMut(&[u8])) -> Result<()> {
        let path = folder.files();
        buffer.clear();
        File::open(&path)
            .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(buffer))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut absolute = vec![b'/'];
        for line in file_lines(buffer) {
            absolute.truncate(1);
            absolute.extend_from_slice(line);
            each(&absolute);
        }
        if buffer.last().is_some_and(|last| *last != b'\n') {
            bail!("{CUT_SHORT}");
        }
        Ok(())
    }
}

/// The lines below `%FILES%`, which are relative to the root; folders without their slash.
pub(crate) fn file_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines_below(text, b"%FILES%").map(|line| line.strip_suffix(b"/").unwrap_or(line)).filter(|line| !line.is_empty())
}

/// The paths below `%BACKUP%`, relative to the root. Behind each stands its digest.
pub(crate) fn backup_paths(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    // It is the last list, behind thousands of paths.
    let from = memchr::memmem::rfind(text, b"%BACKUP%\n").unwrap_or(text.len());
    lines_below(&text[from..], b"%BACKUP%").filter_map(|line| line.rsplitn(2, |byte| *byte == b'\t').nth(1))
}

fn lines_below<'t>(text: &'t [u8], heading: &'static [u8]) -> impl Iterator<Item = &'t [u8]> {
    let mut inside = false;
    text.split(|byte| *byte == b'\n').filter(move |line| {
        let is_heading = *line == heading;
        inside = is_heading || inside && !line.is_empty();
        inside && !is_heading
    })
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::with_capacity(4096);
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backup_files_stand_behind_the_paths() {
        let text = b"%FILES%\netc/\netc/a b\nusr/%BACKUP%\n\n%BACKUP%\netc/a b\t0cc1\netc/c\t\n\n";
        assert_eq!(backup_paths(text).collect::<Vec<_>>(), [&b"etc/a b"[..], b"etc/c"]);
        assert_eq!(file_lines(text).collect::<Vec<_>>(), [&b"etc"[..], b"etc/a b", b"usr/%BACKUP%"]);
        for bad in [&b""[..], b"%BACKUP%", b"%BACKUP%\n", b"%BACKUP%\n\n%BACKUP%\nno digest"] {
            assert_eq!(backup_paths(bad).count(), 0);
        }
    }

    fn database(packages: &[(&str, &str, &str)]) -> (tempfile::TempDir, LocalDatabase) {
        let root = tempfile::tempdir().unwrap();
        for (entry, desc, files) in packages {
            let folder = root.path().join("local").join(entry);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("desc"), desc).unwrap();
            std::fs::write(folder.join("files"), files).unwrap();
        }
        let database = LocalDatabase::at(root.path());
        (root, database)
    }

    #[test]
    fn folders_files_and_reasons() {
        let (root, database) = database(&[
            ("b-1-1", "%NAME%\nb\n\n%REASON%\n1\n\n", "%FILES%\nusr/\nusr/bin/\nusr/bin/b\n\n%BACKUP%\netc/b\tab\n"),
            ("a-lib-2-1", "%NAME%\na-lib\n\n", ""),
        ]);
        std::fs::write(root.path().join("local/ALPM_DB_VERSION"), "9\n").unwrap();
        let mut problems = Vec::new();
        let folders = database.folders(&mut |p| problems.push(p)).unwrap();
        assert_eq!(
            folders.iter().map(|f| (f.name(), f.version())).collect::<Vec<_>>(),
            [("a-lib", "2-1"), ("b", "1-1")]
        );
        let mut text = String::new();
        assert!(database.read_desc(&folders[1], &mut text, &mut |p| problems.push(p)).is_dependency);
        let mut paths = Vec::new();
        database.read_files(&folders[1], &mut Vec::new(), &mut |path| paths.push(path.to_vec())).unwrap();
        assert_eq!(paths, [&b"/usr"[..], b"/usr/bin", b"/usr/bin/b"]);
        assert_eq!(problems, []);
    }

    #[test]
    fn an_empty_or_foreign_desc_is_a_problem_and_the_package_stays() {
        let (_root, database) =
            database(&[("a-1-1", "", ""), ("b-1-1", "%NAME%\nc\n", ""), ("b-2-1", "", ""), ("x", "", "")]);
        let mut problems = Vec::new();
        let folders = database.folders(&mut |p| problems.push(p)).unwrap();
        assert_eq!((folders.len(), problems.len()), (2, 2));
        let mut text = String::new();
        for folder in &folders {
            database.read_desc(folder, &mut text, &mut |p| problems.push(p));
        }
        assert_eq!(problems.len(), 4);
        assert!(problems[2].message.starts_with("empty"));
    }

    #[test]
    fn no_database_has_no_packages() {
        let database = LocalDatabase::at(Path::new("/nonexistent"));
        assert_eq!(database.folders(&mut |p| panic!("{p:?}")).unwrap(), []);
    }
}
