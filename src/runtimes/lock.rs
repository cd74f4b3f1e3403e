//! `omg.lock`: what was verified of the runtimes that a project asks for, so that everybody gets the same archives. omg-lock(5)
//! specifies the format.
//!
//! It chooses no version, the version files do that; and it says where nothing is fetched from: whoever can change it can make an
//! installation fail, and no more.

use super::pin::walk;
use super::{Runtime, Version};
use anyhow::{Context, Result, bail};
use rustix::fs::{Access, AtFlags, accessat};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use toml::Spanned;

pub const NAME: &str = "omg.lock";
/// The only one there is.
const FORMAT: i64 = 1;
/// Some thousand archives.
const MAX_BYTES: u64 = 1 << 20;

const HEAD: &str = "\
# What omg verified of the runtimes that this project asks for. Written by `omg pin --lock`; omg-lock(5) says more.
format = 1
";

/// A lock file, as it was read.
#[derive(Debug)]
pub struct Lock {
    pub file: PathBuf,
    archives: Vec<(Archive, u32)>,
}

/// An archive of one version for one kind of machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Archive {
    pub runtime: Runtime,
    #[serde(serialize_with = "as_text")]
    pub version: Version,
    /// As Rust names it: `x86_64-unknown-linux-gnu`.
    pub platform: String,
    /// Where it came from; nothing is fetched from there for that.
    pub url: String,
    pub sha256: String,
    /// Whose words the digest is.
    pub checksum_from: String,
    /// The key whose signature was accepted, or the workflow whose attestation was, if any was.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signed_by: String,
}

fn as_text<S: serde::Serializer>(version: &Version, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_str(version)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: i64,
    #[serde(default)]
    archive: Vec<Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Row {
    runtime: String,
    version: String,
    platform: String,
    url: String,
    sha256: Spanned<String>,
    checksum_from: String,
    #[serde(default)]
    signed_by: String,
}

/// The lock file that counts in a folder: the nearest, looked for as version files are.
pub fn nearest(folder: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let mut found = None;
    walk(folder, home, &mut |folder, dir| {
        if accessat(dir, NAME, Access::EXISTS, AtFlags::empty()).is_ok() {
            found = Some(folder.join(NAME));
        }
        found.is_none()
    });
    found
}

impl Lock {
    /// Reads a lock file; where there is none, it is empty. What is not understood as a whole is an error, never a file that holds less.
    pub fn read(file: &Path) -> Result<Lock> {
        let text = text(file).with_context(|| format!("cannot read {}", file.display()))?;
        let archives = match text {
            Some(text) => parse(&text).with_context(|| format!("{} is not understood", file.display()))?,
            None => Vec::new(),
        };
        Ok(Lock { file: file.to_owned(), archives })
    }

    /// The archive of a version for a kind of machine, and the line of its digest.
    pub fn of(&self, runtime: Runtime, version: &Version, platform: &str) -> Option<(&Archive, u32)> {
        let is_it = |one: &Archive| (one.runtime, &one.version, one.platform.as_str()) == (runtime, version, platform);
        self.archives.iter().find(|(one, _)| is_it(one)).map(|(one, line)| (one, *line))
    }

    /// Adds an archive, and writes the file.
    pub fn add(&mut self, archive: Archive) -> Result<()> {
        self.archives.push((archive, 0));
        self.archives.sort_by(|(a, _), (b, _)| {
            let names = (a.runtime.name(), &a.version).cmp(&(b.runtime.name(), &b.version));
            names.then_with(|| a.platform.cmp(&b.platform))
        });
        let text = self.text()?;
        write(&self.file, &text).with_context(|| format!("cannot write {}", self.file.display()))
    }

    fn text(&self) -> Result<String> {
        text_of(&self.archives)
    }
}

pub(crate) fn text_of(archives: &[(Archive, u32)]) -> Result<String> {
    let mut text = HEAD.to_owned();
    for (archive, _) in archives {
        text += "\n[[archive]]\n";
        text += &toml::to_string(archive).context("what is to be written is no TOML")?;
    }
    Ok(text)
}

pub(crate) fn parse(text: &str) -> Result<Vec<(Archive, u32)>> {
    let line = |at: usize| 1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() as u32;
    let written: Written = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(String::new(), |span| format!("line {}: ", line(span.start)));
        anyhow::anyhow!("{at}{}", error.message().replace('\n', " "))
    })?;
    if written.format != FORMAT {
        bail!("its format is {}, and this omg knows {FORMAT}", written.format);
    }
    let mut archives: Vec<(Archive, u32)> = Vec::new();
    for row in written.archive {
        let at = line(row.span().start);
        let row = row.into_inner();
        let digest_line = line(row.sha256.span().start);
        let sha256 =
            super::sources::sha256_digest(row.sha256.get_ref()).with_context(|| format!("line {digest_line}"))?;
        let runtime =
            Runtime::named(&row.runtime).with_context(|| format!("line {at}: no runtime {:?}", row.runtime))?;
        let version = Version::parse(runtime, &row.version)
            .with_context(|| format!("line {at}: {:?} is no version of {}", row.version, runtime.name()))?;
        let (platform, url, checksum_from, signed_by) = (row.platform, row.url, row.checksum_from, row.signed_by);
        let twice =
            |(one, _): &&(Archive, u32)| (one.runtime, &one.version, &one.platform) == (runtime, &version, &platform);
        if let Some((_, first)) = archives.iter().find(twice) {
            bail!("line {digest_line}: {} {version} stands in line {first} already", runtime.name());
        }
        archives.push((Archive { runtime, version, platform, url, sha256, checksum_from, signed_by }, digest_line));
    }
    Ok(archives)
}

/// `None` where there is no such file.
fn text(file: &Path) -> Result<Option<String>> {
    // Another end of a pipe is not waited for.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = match File::options().read(true).custom_flags(flags).open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !file.metadata()?.is_file() {
        bail!("it is no file");
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES { bail!("it is larger than {MAX_BYTES} bytes") } else { Ok(Some(text)) }
}

fn write(file: &Path, text: &str) -> Result<()> {
    // Through a link to the file that it is a name of.
    let target = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut new = tempfile::NamedTempFile::new_in(target.parent().context("it has no folder")?)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    new.as_file().sync_all()?;
    new.persist(&target)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(version: &str, platform: &str, digit: &str) -> Archive {
        Archive {
            runtime: Runtime::Node,
            version: Version::parse(Runtime::Node, version).unwrap(),
            platform: platform.to_owned(),
            url: "https://nodejs.org/dist/x \"quoted\\".to_owned(),
            sha256: digit.repeat(64),
            checksum_from: "https://nodejs.org/dist/SHASUMS256.txt".to_owned(),
            signed_by: String::new(),
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_stands_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NAME);
        let mut lock = Lock::read(&file).unwrap();
        let all = [archive("22.9.0", "b", "a"), archive("22.11.0", "b", "b"), archive("22.11.0", "a", "c")];
        for one in &all {
            lock.add(one.clone()).unwrap();
        }
        let lock = Lock::read(&file).unwrap();
        let written: Vec<&Archive> = lock.archives.iter().map(|(one, _)| one).collect();
        assert_eq!(written, [&all[0], &all[2], &all[1]]);
        let text = std::fs::read_to_string(&file).unwrap();
        let (found, line) = lock.of(Runtime::Node, &all[1].version, "b").unwrap();
        assert_eq!(found, &all[1]);
        assert_eq!(text.lines().nth(line as usize - 1), Some(format!("sha256 = \"{}\"", "b".repeat(64)).as_str()));
        assert!(lock.of(Runtime::Node, &all[1].version, "c").is_none());
    }

    #[test]
    fn the_nearest_file_counts_and_none_above_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let deep = home.join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let of = || nearest(&deep, Some(&home));
        std::fs::write(folder.path().join(NAME), "").unwrap();
        assert_eq!(of(), None);
        std::fs::write(home.join(NAME), "").unwrap();
        assert_eq!(of(), Some(home.join(NAME)));
        std::fs::write(home.join("a").join(NAME), "").unwrap();
        assert_eq!(of(), Some(home.join("a").join(NAME)));
    }

    #[test]
    fn a_file_that_is_not_understood_whole_is_an_error_with_its_line() {
        let good = {
            let lock = Lock { file: PathBuf::new(), archives: vec![(archive("22.11.0", "a", "a"), 0)] };
            lock.text().unwrap()
        };
        assert_eq!(parse(&good).unwrap().len(), 1);
        for (bad, said) in [
            (good.replace("format = 1", "format = 2"), "its format is 2"),
            (good.replace("format = 1", ""), "format"),
            (good.replace("aaaa", "aaa"), "line 9"),
            (good.replace("\"node\"", "\"perl\""), "no runtime \"perl\""),
            (good.replace("22.11.0", "22"), "no version of node"),
            (good.replace("platform", "plat"), "unknown field"),
            (good.replace("[[archive]]", "[[archive]"), "line 4"),
            (good.clone() + &good[good.find("[[").unwrap()..], "already"),
        ] {
            let error = format!("{:#}", parse(&bad).unwrap_err());
            assert!(error.contains(said), "{error}: {bad}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(Lock::read(folder.path()).unwrap_err().to_string().contains("cannot read"));
    }
}
