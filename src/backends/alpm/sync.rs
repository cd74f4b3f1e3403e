//! Sync databases: what one repository offers, as `pacman -Sy` fetched it. Every compression and every layout from 2014
//! on; a damaged database is lost as a whole, since what is left of it would be a wrong answer.

use super::desc::{self, Desc};
use super::tar;
use crate::sys::unpack;
use anyhow::{Context, Result, bail};
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
    /// Reads a database. The error does not name the file.
    pub fn open(path: &Path) -> Result<SyncDatabase> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        if size == 0 {
            bail!("empty: 0 bytes");
        }
        SyncDatabase::parse(unpack::unpack(file, size)?)
    }

    /// The same for bytes already unpacked.
    pub fn parse(mut bytes: Vec<u8>) -> Result<SyncDatabase> {
        let (mut packages, nameless) = locate(&bytes).context("damaged database")?;
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

fn locate(bytes: &[u8]) -> Result<(Vec<Located>, usize)> {
    let mut packages: Vec<Located> = Vec::with_capacity(bytes.len() / 3000);
    let mut nameless = 0;
    tar::members(bytes, &mut |member| {
        let path = member.path.strip_prefix(b"./").unwrap_or(&member.path);
        let Ok(path) = std::str::from_utf8(path) else { return nameless += 1 };
        // A file beside the packages' folders is none of ours.
        let Some((folder, file)) = path.split_once('/') else { return };
        let part = match file {
            "desc" => 0,
            "depends" => 1,
            _ => return,
        };
        let Some((name, version)) = desc::split_entry(folder) else { return nameless += 1 };
        let range = member.offset..member.offset + member.data.len();
        match packages.last_mut() {
            Some(last) if last.name == name && last.version == version && last.parts[part].is_empty() => {
                last.parts[part] = range;
            }
            _ => {
                let mut parts = [0..0, 0..0];
                parts[part] = range;
                packages.push(Located { name: name.to_owned(), version: version.to_owned(), parts });
            }
        }
    })?;
    Ok((packages, nameless))
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
        let database = SyncDatabase::parse(archive(files)).unwrap();
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
        assert_eq!(SyncDatabase::parse(archive(&files)).unwrap().nameless, 1);
    }

    #[test]
    fn of_two_versions_the_first_in_the_archive_counts() {
        let files =
            [("a-2-1/desc", "%DESC%\nnew\n\n"), ("a-1-1/desc", "%DESC%\nold\n\n"), ("a-2-1/depends", "%DEPENDS%\nd\n")];
        assert_eq!(summaries(&files), [row("a", "2-1", "new", "d")]);
    }

    #[test]
    fn text_that_is_not_utf_8() {
        let mut bytes = archive(&[("a-1-1/desc", "%DESC%\nna?ve\n\n")]);
        let at = memchr::memchr(b'?', &bytes).unwrap();
        bytes[at] = 0xef;
        let database = SyncDatabase::parse(bytes).unwrap();
        let mut desc = Desc::default();
        database.entries().next().unwrap().read_into(&mut desc);
        assert_eq!(desc.summary, "na?ve");
    }

    #[test]
    fn groups_and_replaces_alone() {
        let files = [("a-1-1/desc", "%GROUPS%\ng\nh\n\n%DESC%\nx\n\n"), ("a-1-1/depends", "%REPLACES%\nold<2\n\n")];
        let database = SyncDatabase::parse(archive(&files)).unwrap();
        assert_eq!(database.entries().next().unwrap().groups_and_replaces(), ("g\nh", "old<2"));
    }

    #[test]
    fn an_empty_file_is_an_error_and_an_empty_repository_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(SyncDatabase::open(file.path()).unwrap_err().to_string().contains("empty"));
        std::fs::write(file.path(), archive(&[])).unwrap();
        assert_eq!(SyncDatabase::open(file.path()).unwrap().entries().count(), 0);
    }

    #[test]
    fn cut_or_bent_databases_never_panic() {
        let whole =
            archive(&[("a-1-1/desc", "%DESC%\none\n\n%REPLACES%\nx\n\n"), ("b-1-1/desc", "%GROUPS%\n\u{e9}\n")]);
        for bit in 0..whole.len() * 8 {
            let mut bent = whole.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            if bit % 8 == 0 {
                assert!(SyncDatabase::parse(whole[..bit / 8].to_vec()).is_err() || bit / 8 >= 5 * 512);
            }
            let Ok(database) = SyncDatabase::parse(bent) else { continue };
            for entry in database.entries() {
                let mut desc = Desc::default();
                entry.read_into(&mut desc);
                entry.groups_and_replaces();
            }
        }
    }
}
