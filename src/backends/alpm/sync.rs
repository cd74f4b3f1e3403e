//! Sync databases: what one repository offers, as `pacman -Sy` fetched it. Every compression and every layout from 2014
//! on; a damaged database is lost as a whole, since what is left of it would be a wrong answer.

use super::desc::{self, Desc};
use super::tar;
use crate::model::{Source, relation};
use crate::sys::unpack;
use anyhow::{Context, Result, bail};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// One repository's packages, unpacked.
#[derive(Debug, Default)]
pub struct SyncDatabase {
    bytes: Vec<u8>,
    /// Sorted by name, each name once.
    packages: Vec<Located>,
    /// Entries that name no package, for a problem to be told.
    pub nameless: usize,
}

#[derive(Debug)]
struct Located {
    name: String,
    version: String,
    /// `desc` and, in older databases, `depends`.
    parts: [Range<usize>; 2],
}

/// One package, borrowed from its database.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub name: &'a str,
    pub version: &'a str,
    parts: [&'a str; 2],
}

impl SyncDatabase {
    /// Reads a database, or of it the packages named and what would replace them. The error does not name the file.
    pub fn open(path: &Path, only: Option<&HashSet<&str>>) -> Result<SyncDatabase> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        if size == 0 {
            bail!("empty: 0 bytes");
        }
        SyncDatabase::parse(unpack::unpack(file, size)?, only)
    }

    /// The same for bytes already unpacked.
    pub fn parse(mut bytes: Vec<u8>, only: Option<&HashSet<&str>>) -> Result<SyncDatabase> {
        let (mut packages, nameless) = locate(&bytes, only).context("damaged database")?;
        // Stable: of two versions of one name the first in the archive counts, as it does for pacman.
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        packages.dedup_by(|later, first| {
            let same = later.name == first.name;
            if same && later.version == first.version {
                for (into, from) in first.parts.iter_mut().zip(&later.parts) {
                    if into.start == into.end {
                        *into = from.clone();
                    }
                }
            }
            same
        });
        for package in &packages {
            for part in &package.parts {
                mend_text(&mut bytes[part.clone()]);
            }
        }
        Ok(SyncDatabase { bytes, packages, nameless })
    }

    /// Every package in the order of its name.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.packages.iter().map(|located| Entry {
            name: &located.name,
            version: &located.version,
            parts: [self.text(&located.parts[0]), self.text(&located.parts[1])],
        })
    }

    fn text(&self, range: &Range<usize>) -> &str {
        std::str::from_utf8(&self.bytes[range.clone()]).unwrap_or_default()
    }
}

impl<'a> Entry<'a> {
    /// All that the entry says, into `desc`, which is cleared first.
    pub fn read_into(&self, desc: &mut Desc<'a>) {
        desc.clear();
        for part in self.parts {
            desc.read(part, self.name);
        }
        desc.put_sums();
    }

    /// `%GROUPS%` and `%REPLACES%`, which is all that policy needs.
    pub fn groups_and_replaces(&self) -> (&'a str, &'a str) {
        let mut found = ("", "");
        for part in self.parts {
            // Few packages have either: a search over the bytes is much cheaper than taking every one apart.
            if memchr::memmem::find(part.as_bytes(), b"%GROUPS%\n").is_none()
                && memchr::memmem::find(part.as_bytes(), b"%REPLACES%\n").is_none()
            {
                continue;
            }
            for (key, value) in desc::entries(part) {
                match key {
                    "GROUPS" => found.0 = value,
                    "REPLACES" => found.1 = value,
                    _ => {}
                }
            }
        }
        found
    }
}

/// An entry whose folder names no package.
struct Nameless;

/// A file of a package's entry.
struct Part<'a> {
    /// `NAME-VERSION`; owned where the archive has it in two pieces.
    entry: Cow<'a, str>,
    /// Where in it the version begins.
    version_at: usize,
    /// 0 for `desc`, 1 for `depends`.
    which: usize,
    range: Range<usize>,
}

impl<'a> Part<'a> {
    /// `None` for a file that is none of ours, [`Nameless`] for one whose folder names no package.
    fn of(path: Cow<'a, [u8]>, range: Range<usize>) -> Option<Result<Part<'a>, Nameless>> {
        let path = match path {
            Cow::Borrowed(path) => std::str::from_utf8(path).map(Cow::Borrowed).ok(),
            Cow::Owned(path) => String::from_utf8(path).map(Cow::Owned).ok(),
        };
        let Some(path) = path else { return Some(Err(Nameless)) };
        let begin = if path.starts_with("./") { 2 } else { 0 };
        // A file beside the packages' folders is none of ours.
        let (folder, file) = path[begin..].split_once('/')?;
        let which = match file {
            "desc" => 0,
            "depends" => 1,
            _ => return None,
        };
        let end = begin + folder.len();
        let Some((name, _)) = desc::split_entry(folder) else { return Some(Err(Nameless)) };
        let version_at = name.len() + 1;
        let entry = match path {
            Cow::Borrowed(path) => Cow::Borrowed(&path[begin..end]),
            Cow::Owned(path) => Cow::Owned(path[begin..end].to_owned()),
        };
        Some(Ok(Part { entry, version_at, which, range }))
    }

    fn name(&self) -> &str {
        &self.entry[..self.version_at - 1]
    }

    fn version(&self) -> &str {
        &self.entry[self.version_at..]
    }
}

fn locate(bytes: &[u8], only: Option<&HashSet<&str>>) -> Result<(Vec<Located>, usize)> {
    let mut parts: Vec<Part<'_>> = Vec::with_capacity(bytes.len() / 3000);
    let mut nameless = 0;
    tar::members(bytes, &mut |member| match Part::of(member.path, member.offset..member.offset + member.data.len()) {
        Some(Ok(part)) => parts.push(part),
        Some(Err(Nameless)) => nameless += 1,
        None => {}
    })?;
    if let Some(only) = only {
        let replacers = replacers(bytes, &parts, only);
        parts.retain(|part| only.contains(part.name()) || replacers.contains(part.name()));
    }
    let mut packages: Vec<Located> = Vec::with_capacity(parts.len());
    for part in parts {
        match packages.last_mut() {
            // A content never starts at the archive's first byte: 0 is none yet.
            Some(last)
                if last.name == part.name() && last.version == part.version() && last.parts[part.which].start == 0 =>
            {
                last.parts[part.which] = part.range;
            }
            _ => {
                let (name, version) = (part.name().to_owned(), part.version().to_owned());
                let mut located = Located { name, version, parts: [0..0, 0..0] };
                located.parts[part.which] = part.range;
                packages.push(located);
            }
        }
    }
    Ok((packages, nameless))
}

/// Names of the packages that would replace any of `only`. Few packages replace any: one search over the archive finds
/// them much sooner than taking every one apart.
fn replacers(bytes: &[u8], parts: &[Part<'_>], only: &HashSet<&str>) -> HashSet<String> {
    let mut marks = memchr::memmem::find_iter(bytes, b"%REPLACES%\n").peekable();
    let mut found = HashSet::new();
    for part in parts {
        while marks.next_if(|mark| *mark < part.range.start).is_some() {}
        if marks.peek().is_none_or(|mark| *mark >= part.range.end) {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes[part.range.clone()]);
        let replaces = desc::entries(&text).filter(|(key, _)| *key == "REPLACES");
        if replaces.flat_map(|(_, value)| relation::names(Source::Pacman, value)).any(|name| only.contains(name)) {
            found.insert(part.name().to_owned());
        }
    }
    found
}

/// Descriptions in Latin-1 were common once. A question mark in place of each bad byte keeps the rest borrowed.
fn mend_text(mut bytes: &mut [u8]) {
    while let Err(e) = std::str::from_utf8(bytes) {
        let bad = e.valid_up_to();
        bytes[bad] = b'?';
        bytes = &mut bytes[bad + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::super::tar::tests::archive;
    use super::*;
    use crate::model::Field;

    fn field_of<'a>(desc: &Desc<'a>, field: Field) -> &'a str {
        desc.fields.iter().find(|(there, _)| *there == field).map_or("", |(_, value)| value)
    }

    fn summaries(files: &[(&str, &str)]) -> Vec<(String, String, String, String)> {
        let database = SyncDatabase::parse(archive(files), None).unwrap();
        let mut desc = Desc::default();
        let all = database.entries().map(|entry| {
            entry.read_into(&mut desc);
            let depends = field_of(&desc, Field::Depends);
            (entry.name.to_owned(), entry.version.to_owned(), desc.summary.to_owned(), depends.to_owned())
        });
        all.collect()
    }

    fn row(name: &str, version: &str, summary: &str, depends: &str) -> (String, String, String, String) {
        (name.to_owned(), version.to_owned(), summary.to_owned(), depends.to_owned())
    }

    #[test]
    fn desc_and_depends_in_any_order() {
        let one = "%DESC%\none\n\n";
        let files = [
            ("b-1-1/depends", "%DEPENDS%\nx\n\n"),
            ("a-1-1/desc", one),
            ("b-1-1/desc", "%DESC%\ntwo\n\n"),
            ("./a-1-1/depends", "%DEPENDS%\ny\n\n"),
            ("README", "beside"),
            ("nonsense/desc", one),
        ];
        assert_eq!(summaries(&files), [row("a", "1-1", "one", "y"), row("b", "1-1", "two", "x")]);
        assert_eq!(SyncDatabase::parse(archive(&files), None).unwrap().nameless, 1);
    }

    #[test]
    fn of_two_versions_the_first_in_the_archive_counts() {
        let files =
            [("a-2-1/desc", "%DESC%\nnew\n\n"), ("a-1-1/desc", "%DESC%\nold\n\n"), ("a-2-1/depends", "%DEPENDS%\nd\n")];
        assert_eq!(summaries(&files), [row("a", "2-1", "new", "d")]);
    }

    #[test]
    fn some_packages_and_what_replaces_them() {
        let files = [
            ("a-1-1/desc", "%DESC%\na\n\n"),
            ("b-1-1/depends", "%REPLACES%\nx\na<2\n\n"),
            ("b-1-1/desc", "%GROUPS%\ng\n\n"),
            ("c-1-1/desc", "%REPLACES%\nd\n\n"),
            ("d-1-1/desc", "%DESC%\nof %REPLACES%\na\n\n"),
        ];
        let only = HashSet::from(["a", "none"]);
        let database = SyncDatabase::parse(archive(&files), Some(&only)).unwrap();
        let found: Vec<_> = database.entries().map(|entry| (entry.name, entry.groups_and_replaces())).collect();
        assert_eq!(found, [("a", ("", "")), ("b", ("g", "x\na<2"))]);
    }

    #[test]
    fn a_name_that_the_archive_has_in_two_pieces() {
        let long = "n".repeat(120);
        let mut header = ::tar::Header::new_ustar();
        header.set_path(format!("{long}-1-1/desc")).unwrap();
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        let mut builder = ::tar::Builder::new(Vec::new());
        builder.append(&header, &b""[..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        for only in [None, Some(&HashSet::from([long.as_str()]))] {
            let database = SyncDatabase::parse(bytes.clone(), only).unwrap();
            assert_eq!(database.nameless, 0);
            assert_eq!(database.entries().map(|entry| entry.name).collect::<Vec<_>>(), [long.as_str()]);
        }
    }

    #[test]
    fn text_that_is_not_utf_8() {
        let mut bytes = archive(&[("a-1-1/desc", "%DESC%\nna?ve\n\n")]);
        let at = memchr::memchr(b'?', &bytes).unwrap();
        bytes[at] = 0xef;
        let database = SyncDatabase::parse(bytes, None).unwrap();
        let mut desc = Desc::default();
        database.entries().next().unwrap().read_into(&mut desc);
        assert_eq!(desc.summary, "na?ve");
    }

    #[test]
    fn groups_and_replaces_alone() {
        let files = [("a-1-1/desc", "%GROUPS%\ng\nh\n\n%DESC%\nx\n\n"), ("a-1-1/depends", "%REPLACES%\nold<2\n\n")];
        let database = SyncDatabase::parse(archive(&files), None).unwrap();
        assert_eq!(database.entries().next().unwrap().groups_and_replaces(), ("g\nh", "old<2"));
    }

    #[test]
    fn an_empty_file_is_an_error_and_an_empty_repository_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(SyncDatabase::open(file.path(), None).unwrap_err().to_string().contains("empty"));
        std::fs::write(file.path(), archive(&[])).unwrap();
        assert_eq!(SyncDatabase::open(file.path(), None).unwrap().entries().count(), 0);
    }

    #[test]
    fn cut_or_bent_databases_never_panic() {
        let whole =
            archive(&[("a-1-1/desc", "%DESC%\none\n\n%REPLACES%\nx\n\n"), ("b-1-1/desc", "%GROUPS%\n\u{e9}\n")]);
        for bit in 0..whole.len() * 8 {
            let mut bent = whole.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            if bit % 8 == 0 {
                assert!(SyncDatabase::parse(whole[..bit / 8].to_vec(), None).is_err() || bit / 8 >= 5 * 512);
            }
            let Ok(database) = SyncDatabase::parse(bent, None) else { continue };
            for entry in database.entries() {
                let mut desc = Desc::default();
                entry.read_into(&mut desc);
                entry.groups_and_replaces();
            }
        }
    }
}
