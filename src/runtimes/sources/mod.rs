//! What there is to install: each publisher's own index, read into plain [`Release`]s for this kind of machine.
//!
//! Nothing is fetched here. A release says where its archive lies, what its publisher says of its content, and where a
//! signature is; what has to be believed of that is the business of whoever installs it.

mod bun;
mod deno;
mod go;
mod java;
mod node;
mod python;
mod rust;
mod zig;

pub use rust::LAYOUT as RUST_LAYOUT;

use super::Runtime;
use super::request::{LtsLines, Request};
use super::version::Version;
use crate::config::RuntimeSettings;
use crate::sys::archive::Layout;
use anyhow::{Context, Result, bail};
use std::path::Path;

/// One version that can be installed on this kind of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub runtime: Runtime,
    pub version: Version,
    /// Of the archive; of Rust, of the manifest that names the archives.
    pub url: String,
    pub checksum: Checksum,
    pub signature: Option<Signature>,
    /// The code name of the line that is kept for long, once it is.
    pub lts: Option<String>,
    /// The day of its release, as `2025-01-02`.
    pub date: Option<String>,
    pub layout: Layout,
}

/// Where its publisher says what the archive must be. Digests are SHA-256 in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It stands in the index.
    Known(String),
    /// On the line of a list that names the file.
    Listed { url: String, file: String },
    /// It, and perhaps the file's name behind it, is all that this holds.
    Alone { url: String },
}

/// Where a signature is, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// OpenPGP, of the list of checksums.
    OfList { url: String },
    /// OpenPGP, in a copy of the list that is signed in the clear.
    InList { url: String },
    /// OpenPGP, of the manifest that names the archives.
    OfManifest { url: String },
    /// OpenPGP, of the archive.
    OfArchive { url: String },
    /// minisign, of the archive, by a key that is known.
    Minisign { url: String, key: &'static str },
    /// An attestation that GitHub keeps, of the archive.
    Attested(&'static Attested),
}

/// A workflow of GitHub's that attests what it builds.
#[derive(Debug, PartialEq, Eq)]
pub struct Attested {
    pub repository: &'static str,
    /// As its certificates name it: the workflow, and the branch it has to be of.
    pub identity: &'static str,
}

/// The kind of machine an archive is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    pub arch: Arch,
    pub is_musl: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    X64,
    Arm64,
}

impl Platform {
    /// Of this machine; `None` where nobody publishes for it.
    pub fn of_machine() -> Option<Platform> {
        let (arch, musl, glibc) = match std::env::consts::ARCH {
            "x86_64" => (Arch::X64, "/lib/ld-musl-x86_64.so.1", "/lib64/ld-linux-x86-64.so.2"),
            "aarch64" => (Arch::Arm64, "/lib/ld-musl-aarch64.so.1", "/lib/ld-linux-aarch64.so.1"),
            _ => return None,
        };
        Some(Platform { arch, is_musl: Path::new(musl).exists() && !Path::new(glibc).exists() })
    }

    /// As Rust names this kind of machine.
    pub fn triple(self) -> &'static str {
        match (self.arch, self.is_musl) {
            (Arch::X64, false) => "x86_64-unknown-linux-gnu",
            (Arch::X64, true) => "x86_64-unknown-linux-musl",
            (Arch::Arm64, false) => "aarch64-unknown-linux-gnu",
            (Arch::Arm64, true) => "aarch64-unknown-linux-musl",
        }
    }

    fn name(self, x64: &'static str, arm64: &'static str) -> &'static str {
        match self.arch {
            Arch::X64 => x64,
            Arch::Arm64 => arm64,
        }
    }
}

/// A publisher: where its index is, and how that is read.
pub struct Source {
    /// Where the archives lie unless the settings name a mirror.
    mirror: &'static str,
    /// The index's address, from the mirror's.
    index: fn(&str) -> String,
    read: fn(&[u8], &Place<'_>) -> Result<Vec<Release>>,
    /// A release that is in no index, or in one that shows the newest alone.
    unlisted: Option<fn(&Version, &Place<'_>) -> Option<Release>>,
}

/// What a reader of an index must know.
pub struct Place<'a> {
    /// Without a slash at its end.
    pub mirror: &'a str,
    /// Whether it is the publisher's own.
    pub is_default: bool,
    pub platform: Platform,
}

/// A larger index is none.
pub const MAX_INDEX_BYTES: u64 = 64 << 20;

/// The publisher of a runtime; `None` for those that omg does not install yet.
pub fn source(runtime: Runtime) -> Option<&'static Source> {
    match runtime {
        Runtime::Node => Some(&node::SOURCE),
        Runtime::Python => Some(&python::SOURCE),
        Runtime::Go => Some(&go::SOURCE),
        Runtime::Bun => Some(&bun::SOURCE),
        Runtime::Deno => Some(&deno::SOURCE),
        Runtime::Zig => Some(&zig::SOURCE),
        Runtime::Java => Some(&java::SOURCE),
        Runtime::Rust => Some(&rust::SOURCE),
        Runtime::Ruby => None,
    }
}

impl Source {
    pub fn index_url(&self, settings: &RuntimeSettings) -> String {
        match &settings.index {
            Some(index) => index.clone(),
            None => (self.index)(self.mirror(settings)),
        }
    }

    pub fn mirror<'s>(&self, settings: &'s RuntimeSettings) -> &'s str {
        settings.mirror.as_deref().unwrap_or(self.mirror).trim_end_matches('/')
    }

    /// An address of the publisher's own, below the mirror that the settings name.
    pub fn mirrored(&self, url: &str, settings: &RuntimeSettings) -> String {
        match url.strip_prefix(self.mirror) {
            Some(rest) if settings.mirror.is_some() => format!("{}{rest}", self.mirror(settings)),
            _ => url.to_owned(),
        }
    }

    fn place<'s>(&self, settings: &'s RuntimeSettings, platform: Platform) -> Place<'s> {
        let is_default = settings.mirror.is_none();
        Place { mirror: self.mirror(settings), is_default, platform }
    }

    /// What an index holds for this kind of machine, oldest first.
    pub fn read(&self, index: &[u8], settings: &RuntimeSettings, platform: Platform) -> Result<Vec<Release>> {
        let mut releases = (self.read)(index, &self.place(settings, platform))?;
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        releases.dedup_by(|a, b| a.version == b.version);
        Ok(releases)
    }

    /// A release whose address follows from its version.
    pub fn unlisted(&self, version: &Version, settings: &RuntimeSettings, platform: Platform) -> Option<Release> {
        (self.unlisted?)(version, &self.place(settings, platform))
    }
}

/// The one that a request means.
pub fn select<'r>(releases: &'r [Release], request: &Request) -> Option<&'r Release> {
    request.select(releases, |release| &release.version, &lts_lines(releases))
}

pub fn lts_lines(releases: &[Release]) -> LtsLines {
    let line = |release: &Release| Some(format!("{} {}\n", release.version.number(0), release.lts.as_deref()?));
    LtsLines::parse(&releases.iter().filter_map(line).collect::<String>())
}

/// A digest as a list or an index has it; an error says what was there instead.
pub fn sha256_digest(text: &str) -> Result<String> {
    let text = text.trim();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("{:?} is no SHA-256", text.chars().take(80).collect::<String>());
    }
    Ok(text.to_ascii_lowercase())
}

/// The digest of a file by a list of `DIGEST  NAME` lines; a star before the name says that it was read as bytes.
pub fn listed_digest(list: &str, file: &str) -> Result<String> {
    let mut found = list.lines().filter_map(|line| {
        let (digest, name) = line.trim().split_once(char::is_whitespace)?;
        let name = name.trim_start().trim_start_matches('*');
        (name == file).then(|| sha256_digest(digest))
    });
    let digest = found.next().with_context(|| format!("the list of checksums does not name {file}"))??;
    match found.find(|other| other.as_ref().ok() != Some(&digest)) {
        Some(_) => bail!("the list of checksums names {file} twice"),
        None => Ok(digest),
    }
}

/// The digest that is all, or the first word, of a file.
pub fn lone_digest(text: &str) -> Result<String> {
    sha256_digest(text.split_whitespace().next().unwrap_or_default())
}

fn basename(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
