//! Which version of which runtime is asked for, by which line of which file.
//!
//! The nearest folder wins. Within a folder the order is that of `FILES`: what is written for a version manager of
//! many runtimes (`omg.toml`, `mise.toml`, `.mise.toml`, `.tool-versions`), then the runtime's own version file, then
//! what a project's manifest says of itself (`package.json`, `pyproject.toml`, `go.mod`, `Gemfile`), which often is a range.
//!
//! The search goes from the folder upwards and ends at the home folder (inclusive: `~/.tool-versions` counts), at `/`
//! where the folder is not below home, or after [`MAX_LEVELS`] folders. It follows the path as it is spelt, so a folder
//! reached through a symbolic link has the parents one sees in the prompt.
//!
//! A file that cannot be read or understood asks for nothing; whoever wants to know is told of it ([`Fault`]).
//!
//! This runs in every prompt. A folder costs one open with O_PATH (2 µs) and one look for each name (0.48 µs), whatever
//! else is in it; nothing is allocated unless a version file exists, and the crates that look at the processor's features
//! when first used (memchr, regex) are not touched. Tried and dropped: listing the folder with getdents is faster only
//! below about 20 entries (ext4: 4.5 µs for 10 entries, 9 µs for 26, 47 µs for the first KiB of 3,000); access by whole
//! path takes 0.6 to 1.1 µs a name, openat 0.9 µs.
//!
//! It does not read deno's `deno.json`: that file has no field for a version of deno. `.deno-version` is read instead.

use super::fault::{self, Fault, Form};
use super::{Runtime, lines, package_json, tables};
use rustix::fs::{Access, AtFlags, Mode, OFlags, accessat, open, openat, readlinkat_raw};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// One request for a version.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pin {
    pub runtime: Runtime,
    /// As written: `20`, `v20.11.0`, `lts/hydrogen`, `>=3.9,<4`. Never empty, one line, no control or invisible
    /// characters: safe on a terminal.
    pub version: String,
    /// May hold any byte a file name can, so it is not safe on a terminal as it is.
    pub file: PathBuf,
    /// Counted from 1; 0 where `file` is the name of a variable of the environment ([`of_environment`]).
    pub line: u32,
}

/// The variable by which a shell asks for a version of a runtime, before any file: `OMG_NODE_VERSION`.
pub fn variable(runtime: Runtime) -> String {
    format!("OMG_{}_VERSION", runtime.name().to_ascii_uppercase())
}

/// What the environment asks for, by the value of each such variable.
pub fn of_environment(value: &dyn Fn(&str) -> Option<String>) -> Vec<Pin> {
    let pin = |runtime| {
        let name = variable(runtime);
        let Found { runtime, version, .. } = Found::new(runtime, &value(&name)?, 0)?;
        Some(Pin { runtime, version, file: name.into(), line: 0 })
    };
    Runtime::ALL.into_iter().filter_map(pin).collect()
}

/// The names of the files that are looked for in each folder, most preferred first.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.name)
}

/// Folders, nearest first, and the version files that are in each.
pub type Folders = Vec<(PathBuf, Vec<&'static str>)>;

/// `folder` and those above in which version files count, nearest first, and beside each the names that are there, whatever they ask
/// for.
pub fn folders(folder: &Path, home: Option<&Path>) -> Folders {
    let mut found = Vec::new();
    walk(folder, home, &mut |folder, dir| {
        found.push((folder.to_owned(), names().filter(|name| is_there(dir, name)).collect()));
        true
    });
    found
}

/// As a shell's `-e` has it: a link to nothing is not.
fn is_there(dir: &OwnedFd, name: &str) -> bool {
    accessat(dir, name, Access::EXISTS, AtFlags::empty()).is_ok()
}

/// The pins that count in `folder`: at most one for each runtime, nearest first. `home` is the user's home folder.
pub fn active(folder: &Path, home: Option<&Path>) -> Vec<Pin> {
    search(folder, home, true, None, &mut |_| {})
}

/// The same, with what is wrong with the files on the way to where all is decided.
pub fn active_with_faults(folder: &Path, home: Option<&Path>) -> (Vec<Pin>, Vec<Fault>) {
    let mut faults = Vec::new();
    let pins = search(folder, home, true, None, &mut |looked| faults.extend(looked.fault()));
    (pins, faults)
}

/// Those, and what [`folders()`] has, by one walk: at every change of folder both are wanted.
pub fn survey(folder: &Path, home: Option<&Path>) -> (Vec<Pin>, Vec<Fault>, Folders) {
    let (mut faults, mut folders) = (Vec::new(), Folders::new());
    let pins = search(folder, home, true, Some(&mut folders), &mut |looked| faults.extend(looked.fault()));
    (pins, faults, folders)
}

/// The pins of one file of omg's own form, as the user's file for everywhere is, and what is wrong with it.
pub fn of_file(path: &Path) -> (Vec<Pin>, Option<Fault>) {
    let Some(Content { text, wrong }) = content(path) else { return (Vec::new(), None) };
    let found = tables::omg(&text);
    let wrong = wrong.map(|why| (0, why)).or_else(|| fault::of_text("omg.toml", Form::Toml, &text, &found));
    let fault = wrong.map(|(line, why)| Fault { file: path.to_owned(), line, why, concerns: ANY });
    let pin = |Found { runtime, version, line }| Pin { runtime, version, file: path.to_owned(), line };
    (found.into_iter().map(pin).collect(), fault)
}

/// The text of a file of versions, as far as it is read; empty where it cannot be.
pub fn text(path: &Path) -> String {
    content(path).map_or(String::new(), |content| content.text)
}

fn content(path: &Path) -> Option<Content> {
    let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    read(&open(folder, flags, Mode::empty()).ok()?, name)
}

/// Every pin in `folder` and above, in the order they are preferred. For each runtime the first is the active one.
pub fn all(folder: &Path, home: Option<&Path>) -> Vec<Pin> {
    search(folder, home, false, None, &mut |_| {})
}

/// Folders looked at, at most, the first one included.
pub const MAX_LEVELS: usize = 256;

/// How much of a file is read, at most.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// What a parser found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub runtime: Runtime,
    pub version: String,
    pub line: u32,
}

impl Found {
    /// `None` where `version` is nothing to be shown or acted upon: empty, overlong, or with characters that a terminal
    /// would obey or hide.
    pub(super) fn new(runtime: Runtime, version: &str, line: u32) -> Option<Found> {
        let version = Found::plain(version)?.to_owned();
        Some(Found { runtime, version, line })
    }

    /// The version, under the same conditions.
    pub(super) fn plain(version: &str) -> Option<&str> {
        let version = version.trim();
        let shown = |c: char| {
            !(c.is_control()
                || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
                || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'))
        };
        (!version.is_empty() && version.len() <= MAX_VERSION_BYTES && version.chars().all(shown)).then_some(version)
    }
}

/// A range that excludes every broken release (`>=3.8,!=3.9.0,...`) is long; a longer text is no version.
const MAX_VERSION_BYTES: usize = 256;

pub(crate) struct VersionFile {
    pub(crate) name: &'static str,
    /// The runtimes this file can speak of, as [`Runtime::bit`]s: where all are decided it need not be read.
    speaks_of: u16,
    pub(super) form: Form,
    pub(crate) parse: fn(&str) -> Vec<Found>,
}

const ANY: u16 = (1 << Runtime::ALL.len()) - 1;
const SCRIPTS: u16 = Runtime::Node.bit() | Runtime::Bun.bit() | Runtime::Deno.bit();

const fn file(name: &'static str, speaks_of: u16, form: Form, parse: fn(&str) -> Vec<Found>) -> VersionFile {
    VersionFile { name, speaks_of, form, parse }
}

/// Every file looked for, most preferred first. rustup itself prefers `rust-toolchain` to `rust-toolchain.toml`.
pub(crate) const FILES: [VersionFile; 19] = [
    file("omg.toml", ANY, Form::Toml, tables::omg),
    file("mise.toml", ANY, Form::Toml, tables::mise),
    file(".mise.toml", ANY, Form::Toml, tables::mise),
    file(".tool-versions", ANY, Form::Lines, lines::tool_versions),
    file(".nvmrc", Runtime::Node.bit(), Form::Word, |text| lines::only(Runtime::Node, text)),
    file(".node-version", Runtime::Node.bit(), Form::Word, |text| lines::only(Runtime::Node, text)),
    file(".bun-version", Runtime::Bun.bit(), Form::Word, |text| lines::only(Runtime::Bun, text)),
    file(".deno-version", Runtime::Deno.bit(), Form::Word, |text| lines::only(Runtime::Deno, text)),
    file(".python-version", Runtime::Python.bit(), Form::Word, |text| lines::only(Runtime::Python, text)),
    file(".go-version", Runtime::Go.bit(), Form::Word, |text| lines::only(Runtime::Go, text)),
    file("rust-toolchain", Runtime::Rust.bit(), Form::TomlOrWord, tables::rust_toolchain),
    file("rust-toolchain.toml", Runtime::Rust.bit(), Form::TomlOrWord, tables::rust_toolchain),
    file(".ruby-version", Runtime::Ruby.bit(), Form::Word, |text| lines::only(Runtime::Ruby, text)),
    file(".java-version", Runtime::Java.bit(), Form::Word, |text| lines::only(Runtime::Java, text)),
    file(".sdkmanrc", Runtime::Java.bit(), Form::Lines, lines::sdkmanrc),
    file("package.json", SCRIPTS, Form::Json, package_json::pins),
    file("pyproject.toml", Runtime::Python.bit(), Form::Toml, tables::pyproject),
    file("go.mod", Runtime::Go.bit(), Form::Lines, lines::go_mod),
    file("Gemfile", Runtime::Ruby.bit(), Form::Lines, lines::gemfile),
];

/// Whether a file is one whose versions are mostly what a project can do with, not what it is to have.
pub fn is_manifest(file: &Path) -> bool {
    ["package.json", "pyproject.toml", "go.mod", "Gemfile"].iter().any(|name| file.ends_with(name))
}

/// Where something may be wrong: a file as it was read, or the folder above which none is looked for.
struct Looked<'a> {
    file: PathBuf,
    of: Option<(&'a VersionFile, &'a Content, &'a [Found])>,
    undecided: u16,
}

impl Looked<'_> {
    fn fault(self) -> Option<Fault> {
        let (concerns, wrong) = match self.of {
            None => {
                let why = format!("is {} folders up, and no file above it is looked for", MAX_LEVELS - 1);
                (self.undecided, Some((0, why)))
            }
            Some((file, Content { wrong: Some(why), .. }, _)) => (file.speaks_of, Some((0, why.clone()))),
            Some((file, content, found)) => {
                (file.speaks_of, fault::of_text(file.name, file.form, &content.text, found))
            }
        };
        let concerns = concerns & self.undecided;
        let (line, why) = wrong.filter(|_| concerns != 0)?;
        Some(Fault { file: self.file, line, why, concerns })
    }
}

/// What is `looked` at is told as well. Only a listener works out what is wrong with it: a prompt has none. Where `folders` are wanted
/// every name is looked for in all of them, though no more files are read.
fn search(
    folder: &Path,
    home: Option<&Path>,
    first_only: bool,
    mut folders: Option<&mut Folders>,
    looked: &mut dyn FnMut(Looked<'_>),
) -> Vec<Pin> {
    let mut pins = Vec::new();
    let mut decided = 0;
    let highest = walk(folder, home, &mut |folder, dir| {
        let mut there = Vec::new();
        for file in &FILES {
            let is_decided = first_only && file.speaks_of & !decided == 0;
            let content = if is_decided { None } else { read(dir, file.name) };
            if folders.is_some() && (is_decided || content.is_some()) && is_there(dir, file.name) {
                there.push(file.name);
            }
            let Some(content) = content else { continue };
            let all = (file.parse)(&content.text);
            let path = folder.join(file.name);
            for Found { runtime, version, line } in all.iter().cloned() {
                if !first_only || decided & runtime.bit() == 0 {
                    decided |= runtime.bit();
                    pins.push(Pin { runtime, version, file: path.clone(), line });
                }
            }
            looked(Looked { file: path, of: Some((file, &content, &all)), undecided: ANY & !decided });
        }
        if let Some(folders) = &mut folders {
            folders.push((folder.to_owned(), there));
        }
        folders.is_some() || !(first_only && decided == ANY)
    });
    if let Some(file) = highest {
        looked(Looked { file, of: None, undecided: ANY & !decided });
    }
    pins
}

/// Visits the folders in which version files count, nearest first, until one was enough; the last one where there would be more.
pub(super) fn walk(
    folder: &Path,
    home: Option<&Path>,
    visit: &mut dyn FnMut(&Path, &OwnedFd) -> bool,
) -> Option<PathBuf> {
    let folder = std::path::absolute(folder).ok()?;
    let mut last = None;
    for folder in folder.ancestors().take(MAX_LEVELS) {
        // A folder that may be entered need not be readable, so that it is never listed is an advantage here as well.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let goes_on = match open(folder, flags, Mode::empty()) {
            Ok(dir) => visit(folder, &dir),
            Err(_) => true,
        };
        if !goes_on || home == Some(folder) {
            return None;
        }
        last = Some(folder);
    }
    last.filter(|last| last.parent().is_some()).map(Path::to_owned)
}

/// What was read of a file, and what is wrong with how it lies there.
pub(super) struct Content {
    text: String,
    wrong: Option<String>,
}

/// The first [`MAX_FILE_BYTES`] of a regular file as text, bad UTF-8 replaced, without byte order mark; `None` where there is nothing
/// of that name. Opening does not wait for the other end of a FIFO.
fn read(dir: &OwnedFd, name: &str) -> Option<Content> {
    // Unlike faccessat it sees a link that leads nowhere; a file is no link, and so an error.
    match readlinkat_raw(dir, name, &mut [0_u8; 1]) {
        Ok(_) | Err(Errno::INVAL) => {}
        Err(_) => return None,
    }
    let wrong = |why: String| Some(Content { text: String::new(), wrong: Some(why) });
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match openat(dir, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return wrong("is a link to nothing".to_owned()),
        Err(error) => return wrong(format!("cannot be read: {error}")),
    };
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() {
        return wrong("is no regular file".to_owned());
    }
    let mut bytes = Vec::with_capacity(metadata.len().min(MAX_FILE_BYTES) as usize + 1);
    if let Err(error) = file.take(MAX_FILE_BYTES).read_to_end(&mut bytes) {
        return wrong(format!("cannot be read: {error}"));
    }
    let is_cut = metadata.len() > MAX_FILE_BYTES;
    let wrong = is_cut.then(|| format!("is larger than {} MiB, and only its beginning is read", MAX_FILE_BYTES >> 20));
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(bad) => String::from_utf8_lossy(bad.as_bytes()).into_owned(),
    };
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    Some(Content { text, wrong })
}

#[cfg(test)]
mod tests;
