//! Bun: its releases on GitHub, each with a list of checksums, and with that list signed.
//!
//! GitHub shows the newest hundred. An older one can be installed by its whole version, of which the address follows.

use super::{Checksum, Layout, Place, Release, Signature, Source};
use crate::runtimes::{Runtime, Version};
use anyhow::{Context, Result};
use serde::Deserialize;

pub(super) const SOURCE: Source = Source {
    mirror: "https://github.com/oven-sh/bun/releases/download",
    index: |_| "https://api.github.com/repos/oven-sh/bun/releases?per_page=100".to_owned(),
    read,
    unlisted: Some(release),
};

#[derive(Deserialize)]
struct Entry {
    tag_name: String,
    #[serde(default)]
    draft: bool,
    published_at: Option<String>,
}

fn read(index: &[u8], place: &Place<'_>) -> Result<Vec<Release>> {
    let entries: Vec<Entry> = serde_json::from_slice(index).context("not GitHub's list of releases")?;
    let of = |entry: Entry| {
        let version = Version::parse(Runtime::Bun, entry.tag_name.strip_prefix("bun-v")?)?;
        let day = entry.published_at.as_deref().and_then(|time| time.get(..10)).map(str::to_owned);
        Some(Release { date: day, ..release(&version, place)? })
    };
    Ok(entries.into_iter().filter(|entry| !entry.draft).filter_map(of).collect())
}

fn release(version: &Version, place: &Place<'_>) -> Option<Release> {
    let file = match place.platform.is_musl {
        false => place.platform.name("bun-linux-x64.zip", "bun-linux-aarch64.zip"),
        true => place.platform.name("bun-linux-x64-musl.zip", "bun-linux-aarch64-musl.zip"),
    };
    let folder = format!("{}/bun-v{version}", place.mirror);
    Some(Release {
        runtime: Runtime::Bun,
        version: version.clone(),
        url: format!("{folder}/{file}"),
        checksum: Checksum::Listed { url: format!("{folder}/SHASUMS256.txt"), file: file.to_owned() },
        signature: Some(Signature::InList { url: format!("{folder}/SHASUMS256.txt.asc") }),
        lts: None,
        date: None,
        layout: Layout { below: "", strip: 1, into: "bin", without: "" },
    })
}
