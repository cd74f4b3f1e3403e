//! What is remembered beside a downloaded file: which version of what it is, by its server's own words.
//!
//! A few lines of text in `FILE.http`. It is a hint: where it is missing, damaged or about another file, the download is
//! made again, whole.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const MAX_BYTES: u64 = 16 << 10;

/// One version of a file at one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub url: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    /// Whether `last_modified` may stand for exactly these bytes.
    pub exact_date: bool,
    /// The size of the whole, where the server told it.
    pub total: Option<u64>,
    /// The file that this is about, so that another in its place is not taken for it.
    pub file: Option<String>,
}

impl Kept {
    pub fn beside(path: &Path) -> PathBuf {
        let mut name = OsString::from(path);
        name.push(".http");
        name.into()
    }

    /// What is remembered of `path`, if it is of `url`.
    pub fn read(path: &Path, url: &str) -> Option<Kept> {
        let mut text = String::new();
        File::open(Kept::beside(path)).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        Some(Kept::parse(&text)).filter(|kept| kept.url == url)
    }

    pub(crate) fn parse(text: &str) -> Kept {
        let mut kept = Kept::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once(": ")) {
            match key {
                "url" => kept.url = value.to_owned(),
                "etag" => kept.etag = Some(value.to_owned()),
                "last-modified" => kept.last_modified = Some(value.to_owned()),
                "exact-date" => kept.exact_date = value == "yes",
                "total" => kept.total = value.parse().ok(),
                "file" => kept.file = Some(value.to_owned()),
                _ => {}
            }
        }
        kept
    }

    /// The same, if it is about the very file that is there now.
    pub fn read_of_file(path: &Path, url: &str) -> Option<Kept> {
        let file = identity(&fs::metadata(path).ok()?);
        Kept::read(path, url).filter(|kept| kept.file.as_deref() == Some(&file))
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let beside = Kept::beside(path);
        let text = self.text();
        let folder = beside.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut new =
            tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write in {}", folder.display()))?;
        new.write_all(text.as_bytes())
            .and_then(|()| new.as_file().sync_all())
            .context("cannot write")
            .and_then(|()| {
                new.persist(&beside)?;
                Ok(())
            })
            .with_context(|| format!("cannot write {}", beside.display()))
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("url: {}\n", self.url);
        let mut line = |key: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.contains('\n')) {
                text.push_str(&format!("{key}: {value}\n"));
            }
        };
        line("etag", self.etag.as_deref());
        line("last-modified", self.last_modified.as_deref());
        line("exact-date", self.exact_date.then_some("yes"));
        line("total", self.total.map(|total| total.to_string()).as_deref());
        line("file", self.file.as_deref());
        text
    }

    /// What `If-Range` may hold: words that change whenever a byte of the file does.
    pub fn exact(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong.or(self.last_modified.as_deref().filter(|_| self.exact_date))
    }
}

/// Names one state of one file on this machine.
pub fn identity(of: &Metadata) -> String {
    format!("{} {} {}.{:09}", of.ino(), of.len(), of.mtime(), of.mtime_nsec())
}
