//! Node.js: `index.json` of its site, and beside each archive a list of checksums that a releaser has signed.

use super::{Checksum, Layout, Place, Release, Signature, Source};
use crate::runtimes::{Runtime, Version};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

pub(super) const SOURCE: Source =
    Source { mirror: "https://nodejs.org/dist", index: |mirror| format!("{mirror}/index.json"), read, unlisted: None };

#[derive(Deserialize)]
struct Entry {
    version: String,
    #[serde(default)]
    date: String,
    files: Vec<String>,
    /// A code name, or `false`.
    #[serde(default)]
    lts: Value,
}

fn read(index: &[u8], place: &Place<'_>) -> Result<Vec<Release>> {
    let entries: Vec<Entry> = serde_json::from_slice(index).context("not node's index")?;
    let platform = place.platform.name("linux-x64", "linux-arm64");
    let is_ours = |entry: &Entry| !place.platform.is_musl && entry.files.iter().any(|file| file == platform);
    let release = |entry: Entry| {
        let version = Version::parse(Runtime::Node, &entry.version)?;
        // Those before io.js were packed with gzip alone.
        let packed = if version.number(0) < 1 { "tar.gz" } else { "tar.xz" };
        let folder = format!("{}/v{version}", place.mirror);
        let file = format!("node-v{version}-{platform}.{packed}");
        Some(Release {
            runtime: Runtime::Node,
            url: format!("{folder}/{file}"),
            checksum: Checksum::Listed { url: format!("{folder}/SHASUMS256.txt"), file },
            signature: Some(Signature::OfList { url: format!("{folder}/SHASUMS256.txt.sig") }),
            lts: entry.lts.as_str().map(str::to_ascii_lowercase),
            date: Some(entry.date).filter(|date| !date.is_empty()),
            layout: Layout { below: "", strip: 1, into: "", without: "" },
            version,
        })
    };
    Ok(entries.into_iter().filter(is_ours).filter_map(release).collect())
}
