//! Which files of which folders are read: the search upwards, the order within a folder, and the limits of a reading.
//!
//! The search begins where one stands. It ends with a folder that holds a version control system's own, with the home folder, or with
//! `/`. A file above the folder one stands in that belongs to somebody else is no part of the project: who can write to `/tmp` could
//! otherwise say what `omg run build` means in everything below.

use super::{
    Folder, Found, Problem, Project, Source, Task, cargo, composer, deno, gradle, is_name, justfile, makefile, maven,
    mix, omg_toml, package_json, pipfile, pyproject, rakefile, taskfile,
};
use rustix::fs::{Mode, OFlags, open};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Longer files are not read.
const MAX_BYTES: u64 = 4 << 20;
/// Folders looked at, the first one included.
const MAX_LEVELS: usize = 64;
/// Of one folder. Nobody types the ten-thousandth.
const MAX_TASKS: usize = 10_000;
/// Files that one file includes, directly or not.
const MAX_INCLUDED: usize = 100;

/// A folder's surroundings, for formats that more than one file decides.
pub(super) struct Place<'a> {
    /// The folder itself and those above it that belong to the project.
    pub folders: &'a [PathBuf],
}

impl Place<'_> {
    pub fn has(&self, name: &str) -> bool {
        self.folders[0].join(name).exists()
    }
}

/// What a format makes of a file.
pub(super) type Parsed = Result<Vec<(Source, Found)>, String>;

struct Format {
    /// The first that exists is read.
    names: &'static [&'static str],
    sources: &'static [Source],
    read: fn(&Place, &Path, &str) -> Parsed,
}

const fn format(
    names: &'static [&'static str],
    sources: &'static [Source],
    read: fn(&Place, &Path, &str) -> Parsed,
) -> Format {
    Format { names, sources, read }
}

/// `omg.toml` is not among them, since its tasks hold more.
const FORMATS: [Format; 15] = [
    format(&["justfile", "Justfile", "JUSTFILE", ".justfile", ".Justfile"], &[Source::Just], |_, path, text| {
        of(Source::Just, justfile::tasks(text, &mut opener(path)))
    }),
    format(&taskfile::NAMES, &[Source::Task], |_, path, text| {
        of(Source::Task, taskfile::tasks(text, &mut opener(path))?)
    }),
    format(&["GNUmakefile", "makefile", "Makefile"], &[Source::Make], |_, path, text| {
        of(Source::Make, makefile::tasks(text, &mut opener(path)))
    }),
    format(&["package.json"], &[Source::Npm, Source::Pnpm, Source::Yarn, Source::Bun], |place, _, text| {
        package_json::tasks(place, text)
    }),
    format(&["deno.json", "deno.jsonc"], &[Source::Deno], |_, _, text| of(Source::Deno, deno::tasks(text)?)),
    format(&["Cargo.toml"], &[Source::Cargo], |place, _, text| of(Source::Cargo, cargo::tasks(place, text)?)),
    format(&["pyproject.toml"], &[Source::Uv, Source::Poetry, Source::Pdm, Source::Hatch], |place, _, text| {
        pyproject::tasks(place, text)
    }),
    format(&["hatch.toml"], &[Source::Hatch], |_, _, text| of(Source::Hatch, pyproject::hatch(text)?)),
    format(&["Pipfile"], &[Source::Pipenv], |_, _, text| of(Source::Pipenv, pipfile::tasks(text)?)),
    format(&["composer.json"], &[Source::Composer], |_, _, text| of(Source::Composer, composer::tasks(text)?)),
    format(&["pom.xml"], &[Source::Maven], |_, _, _| of(Source::Maven, maven::tasks())),
    format(&["build.gradle", "build.gradle.kts"], &[Source::Gradle], |_, _, text| {
        of(Source::Gradle, gradle::tasks(text))
    }),
    format(&["settings.gradle", "settings.gradle.kts"], &[Source::Gradle], |_, _, _| Ok(Vec::new())),
    format(&["rakefile", "Rakefile", "rakefile.rb", "Rakefile.rb"], &[Source::Rake], |_, _, text| {
        of(Source::Rake, rakefile::tasks(text))
    }),
    format(&["mix.exs"], &[Source::Mix], |_, _, text| of(Source::Mix, mix::tasks(text))),
];

fn of(source: Source, found: Vec<Found>) -> Parsed {
    Ok(found.into_iter().map(|found| (source, found)).collect())
}

/// The project that a folder is in; without folders where there is none.
pub fn find(start: &Path, home: Option<&Path>) -> Project {
    let folders = up_to_the_top(start, home);
    let owner = std::fs::metadata(start).map_or(0, |metadata| metadata.uid());
    let trusted = [owner, 0, rustix::process::geteuid().as_raw()];
    let read = |level: usize| {
        let trusted = if level == 0 { None } else { Some(&trusted[..]) };
        read_folder(&Place { folders: &folders[level..] }, trusted)
    };
    let all = (0..folders.len()).map(read);
    Project { folders: all.filter(|folder| !folder.sources.is_empty() || !folder.problems.is_empty()).collect() }
}

fn up_to_the_top(start: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    const TOPS: [&str; 4] = [".git", ".hg", ".jj", ".svn"];
    let mut folders = Vec::new();
    for folder in start.ancestors().take(MAX_LEVELS) {
        folders.push(folder.to_owned());
        if home == Some(folder) || TOPS.iter().any(|name| folder.join(name).exists()) {
            break;
        }
    }
    folders
}

/// `trusted`: whose files are read; `None` for everybody's.
fn read_folder(place: &Place, trusted: Option<&[u32]>) -> Folder {
    let folder = &place.folders[0];
    let mut all = Folder { path: folder.clone(), ..Folder::default() };
    let path = folder.join("omg.toml");
    match read(&path, trusted) {
        Ok(None) => {}
        Ok(Some(text)) => match omg_toml::tasks(&text) {
            Ok(found) => {
                for (found, own) in found {
                    all.sources.push(Source::Omg);
                    all.tasks.extend(task(&path, Source::Omg, found, Some(own)));
                }
            }
            Err(message) => all.problems.push(Problem { file: path, message }),
        },
        Err(message) => all.problems.push(Problem { file: path, message }),
    }
    for format in &FORMATS {
        for name in format.names {
            let path = folder.join(name);
            let text = match read(&path, trusted) {
                Ok(None) => continue,
                Ok(Some(text)) => text,
                Err(message) => {
                    all.problems.push(Problem { file: path, message });
                    break;
                }
            };
            match (format.read)(place, &path, &text) {
                Ok(found) => {
                    all.sources.extend(if found.is_empty() { &format.sources[..1] } else { &[] });
                    all.sources.extend(found.iter().map(|(source, _)| *source));
                    let tasks = found.into_iter().filter_map(|(source, found)| task(&path, source, found, None));
                    all.tasks.extend(tasks);
                }
                Err(message) => all.problems.push(Problem { file: path, message }),
            }
            break;
        }
    }
    if all.tasks.len() > MAX_TASKS {
        all.tasks.truncate(MAX_TASKS);
        let message = format!("the folder has more than {MAX_TASKS} tasks, and the others were not looked at");
        all.problems.push(Problem { file: folder.clone(), message });
    }
    all.sources.sort_unstable();
    all.sources.dedup();
    all
}

fn task(path: &Path, source: Source, found: Found, own: Option<omg_toml::Own>) -> Option<Task> {
    let Found { name, line, command, description, dependencies, file } = found;
    let folder = path.parent().unwrap_or(path);
    // Without the `.` of `./more.yml`.
    let file = file.map_or_else(|| path.to_owned(), |file| folder.join(file).components().collect());
    let line = (line > 0).then_some(line);
    is_name(&name).then_some(Task { name, source, file, line, command, description, dependencies, own })
}

/// A file's text: bad UTF-8 replaced, without byte order mark. `None` where there is none; what is there and is not read is an error.
fn read(path: &Path, trusted: Option<&[u32]>) -> Result<Option<String>, String> {
    // Opening does not wait for the other end of a FIFO.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {}", std::io::Error::from(error))),
    };
    let metadata = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    if metadata.is_dir() {
        return Ok(None);
    }
    if !metadata.is_file() {
        return Err("is no regular file".to_owned());
    }
    if trusted.is_some_and(|trusted| !trusted.contains(&metadata.uid())) {
        let owner = metadata.uid();
        return Err(format!("belongs to another user (number {owner}), and counts only in its own folder"));
    }
    let too_long = || format!("is longer than {} MiB, and was not read", MAX_BYTES >> 20);
    if metadata.len() > MAX_BYTES {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    let taken = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    taken.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_long());
    }
    let text = String::from_utf8(bytes).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned());
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// The text of a file that is looked at beside another.
pub(super) fn beside(path: &Path) -> Option<String> {
    read(path, None).ok().flatten()
}

/// Opens what a file includes, a bounded number of times.
fn opener(path: &Path) -> impl FnMut(&Path) -> Option<String> {
    let folder = path.parent().unwrap_or(path).to_owned();
    let mut left = MAX_INCLUDED;
    move |included| {
        left = left.checked_sub(1)?;
        beside(&folder.join(included))
    }
}

/// Which line of a text each of its bytes is on.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub fn of(text: &str) -> Lines {
        Lines(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// Counted from 1.
    pub fn at(&self, offset: usize) -> u32 {
        1 + self.0.partition_point(|end| *end < offset) as u32
    }
}
