//! Deno: the list of versions of its site; beside each archive its checksum. Those before 2.0.1 have none, and are not installed.

use super::{Checksum, Layout, Place, Release, Source};
use crate::runtimes::{Runtime, Version};
use anyhow::{Context, Result};
use serde::Deserialize;

pub(super) const SOURCE: Source = Source {
    mirror: "https://github.com/denoland/deno/releases/download",
    index: |_| "https://deno.com/versions.json".to_owned(),
    read,
    unlisted: Some(release),
};

#[derive(Deserialize)]
struct Index {
    cli: Vec<String>,
}

fn read(index: &[u8], place: &Place<'_>) -> Result<Vec<Release>> {
    let index: Index = serde_json::from_slice(index).context("not deno's list of versions")?;
    let version = |text: &String| Version::parse(Runtime::Deno, text);
    Ok(index.cli.iter().filter_map(version).filter_map(|version| release(&version, place)).collect())
}

fn release(version: &Version, place: &Place<'_>) -> Option<Release> {
    if place.platform.is_musl || (version.number(0), version.number(1), version.number(2)) < (2, 0, 1) {
        return None;
    }
    let file = place.platform.name("deno-x86_64-unknown-linux-gnu.zip", "deno-aarch64-unknown-linux-gnu.zip");
    let url = format!("{}/v{version}/{file}", place.mirror);
    Some(Release {
        runtime: Runtime::Deno,
        version: version.clone(),
        checksum: Checksum::Alone { url: format!("{url}.sha256sum") },
        signature: None,
        lts: None,
        date: None,
        layout: Layout { below: "", strip: 0, into: "bin", without: "" },
        url,
    })
}
