//! Python: the builds of python-build-standalone, by the list that uv keeps of them.
//!
//! GitHub pages its releases, and asks for patience of whoever reads them all; this list is one file with every address and
//! checksum. PyPy is in it, too; GraalPy and Pyodide are, and are left out.

use super::{Attested, Checksum, Layout, Place, Release, Signature, Source, sha256_digest};
use crate::runtimes::makers::PYPY;
use crate::runtimes::{Runtime, Version};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const SOURCE: Source = Source {
    mirror: "https://github.com/astral-sh/python-build-standalone/releases/download",
    index: |_| "https://raw.githubusercontent.com/astral-sh/uv/main/crates/uv-python/download-metadata.json".to_owned(),
    read,
    unlisted: None,
};

/// It attests what it publishes since the build of this day.
const ATTESTED_SINCE: &str = "20250212";
const ATTESTED: Attested = Attested {
    repository: "astral-sh/python-build-standalone",
    identity: "https://github.com/astral-sh/python-build-standalone/.github/workflows/release.yml@refs/heads/main",
};

#[derive(Deserialize)]
struct Entry {
    name: String,
    arch: Arch,
    os: String,
    libc: String,
    major: u64,
    minor: u64,
    patch: u64,
    #[serde(default)]
    prerelease: String,
    url: String,
    sha256: Option<String>,
    variant: Option<String>,
    build: Option<String>,
}

#[derive(Deserialize)]
struct Arch {
    family: String,
    /// Of x86-64: later processors alone.
    variant: Option<String>,
}

fn read(index: &[u8], place: &Place<'_>) -> Result<Vec<Release>> {
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(index).context("not uv's list of Pythons")?;
    let family = place.platform.name("x86_64", "aarch64");
    let libc = if place.platform.is_musl { "musl" } else { "gnu" };
    let is_ours = |entry: &Entry| {
        ["cpython", PYPY].contains(&entry.name.as_str())
            && (entry.os.as_str(), entry.libc.as_str()) == ("linux", libc)
            && entry.arch.family == family
            && entry.arch.variant.is_none()
    };
    Ok(entries.into_values().filter(is_ours).filter_map(|entry| release(entry, place)).collect())
}

fn release(entry: Entry, place: &Place<'_>) -> Option<Release> {
    let is_pypy = entry.name == PYPY;
    let variant = entry.variant.map_or(String::new(), |variant| format!("+{variant}"));
    let maker = if is_pypy { PYPY } else { "" };
    let text = format!("{maker}{}.{}.{}{}{variant}", entry.major, entry.minor, entry.patch, entry.prerelease);
    let version = Version::parse(Runtime::Python, &text)?;
    // A mirror has PyPy's archives in a folder of that name.
    let below_mirror = if is_pypy {
        entry.url.find("/pypy/").map(|at| &entry.url[at..])
    } else {
        entry.url.strip_prefix(SOURCE.mirror)
    };
    let url = match below_mirror {
        Some(rest) if !place.is_default => format!("{}{rest}", place.mirror),
        _ => entry.url.clone(),
    };
    let is_whole_build = entry.url.ends_with("-full.tar.zst") || !entry.url.contains("install_only");
    let checksum = match entry.sha256.as_deref().map(sha256_digest) {
        Some(digest) => Checksum::Known(digest.ok()?),
        None => Checksum::Alone { url: format!("{url}.sha256") },
    };
    // A build is named by its day.
    let day = entry.build.filter(|build| build.len() == 8 && build.bytes().all(|byte| byte.is_ascii_digit()));
    let is_attested = !is_pypy && day.as_deref().is_none_or(|day| day >= ATTESTED_SINCE);
    Some(Release {
        runtime: Runtime::Python,
        version,
        url,
        checksum,
        signature: is_attested.then_some(Signature::Attested(&ATTESTED)),
        lts: None,
        date: day.map(|day| format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..])),
        layout: match (is_pypy, is_whole_build) {
            (true, _) => Layout { below: "", strip: 1, into: "", without: "" },
            (_, true) => Layout { below: "python/install", strip: 0, into: "", without: "" },
            (_, false) => Layout { below: "python", strip: 0, into: "", without: "" },
        },
    })
}
