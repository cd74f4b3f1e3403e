//! Python: the builds of python-build-standalone, by the list that uv keeps of them.
//!
//! GitHub pages its releases, and asks for patience of whoever reads them all; this list is one file with every address and
//! checksum. PyPy, GraalPy and Pyodide are in it and are left out.

use super::{Checksum, Layout, Place, Release, Source, sha256_digest};
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
        (entry.name.as_str(), entry.os.as_str(), entry.libc.as_str()) == ("cpython", "linux", libc)
            && entry.arch.family == family
            && entry.arch.variant.is_none()
    };
    Ok(entries.into_values().filter(is_ours).filter_map(|entry| release(entry, place)).collect())
}

fn release(entry: Entry, place: &Place<'_>) -> Option<Release> {
    let variant = entry.variant.map_or(String::new(), |variant| format!("+{variant}"));
    let text = format!("{}.{}.{}{}{variant}", entry.major, entry.minor, entry.patch, entry.prerelease);
    let version = Version::parse(Runtime::Python, &text)?;
    let below_mirror = entry.url.strip_prefix(SOURCE.mirror);
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
    Some(Release {
        runtime: Runtime::Python,
        version,
        url,
        checksum,
        signature: None,
        lts: None,
        date: day.map(|day| format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..])),
        layout: Layout {
            below: if is_whole_build { "python/install" } else { "python" },
            strip: 0,
            into: "",
            without: "",
        },
    })
}
