//! Go: the list of all downloads of its site, which holds the checksums.

use super::{Checksum, Layout, Place, Release, Source, sha256_digest};
use crate::runtimes::{Runtime, Version};
use anyhow::{Context, Result};
use serde::Deserialize;

pub(super) const SOURCE: Source = Source {
    mirror: "https://go.dev/dl",
    index: |mirror| format!("{mirror}/?mode=json&include=all"),
    read,
    unlisted: None,
};

#[derive(Deserialize)]
struct Entry {
    version: String,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    os: String,
    arch: String,
    #[serde(default)]
    sha256: String,
    kind: String,
}

fn read(index: &[u8], place: &Place<'_>) -> Result<Vec<Release>> {
    let entries: Vec<Entry> = serde_json::from_slice(index).context("not Go's list of downloads")?;
    let arch = place.platform.name("amd64", "arm64");
    let release = |entry: Entry| {
        let version = Version::parse(Runtime::Go, &entry.version)?;
        let is_ours = |file: &&File| file.os == "linux" && file.arch == arch && file.kind == "archive";
        let file = entry.files.iter().find(is_ours)?;
        Some(Release {
            runtime: Runtime::Go,
            version,
            url: format!("{}/{}", place.mirror, file.filename),
            // One without a checksum cannot be installed.
            checksum: Checksum::Known(sha256_digest(&file.sha256).ok()?),
            signature: None,
            lts: None,
            date: None,
            layout: Layout { below: "go", strip: 0, into: "", without: "" },
        })
    };
    Ok(entries.into_iter().filter_map(release).collect())
}
