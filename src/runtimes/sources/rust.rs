//! Rust: a manifest for each version and each day of a channel, which is signed and names the archives of a toolchain; and a list of
//! the manifests there are, which is made anew once a week.

use super::{Checksum, Layout, Place, Release, Signature, Source};
use crate::runtimes::{Runtime, Version};
use anyhow::{Context, Result};

pub(super) const SOURCE: Source = Source {
    mirror: "https://static.rust-lang.org",
    index: |mirror| format!("{mirror}/manifests.txt"),
    read,
    unlisted: Some(unlisted),
};

/// What an archive of a toolchain holds lies below its own name and that of the one component in it.
pub const LAYOUT: Layout = Layout { below: "", strip: 2, into: "", without: "manifest.in" };

/// The numbered versions of `HOST/dist/2025-04-03/channel-rust-1.86.0.toml` on lines; a channel's days need no list.
fn read(index: &[u8], place: &Place<'_>) -> Result<Vec<Release>> {
    let text = std::str::from_utf8(index).context("not Rust's list of manifests")?;
    let listed = |line: &str| {
        let (folder, name) = line.trim().rsplit_once('/')?;
        let version = name.strip_prefix("channel-rust-")?.strip_suffix(".toml")?;
        let version = Version::parse(Runtime::Rust, version).filter(|version| version.channel().is_none())?;
        let date = folder.rsplit_once('/')?.1.to_owned();
        Some(Release { date: Some(date), ..release(version, place) })
    };
    let mut all: Vec<Release> = text.lines().filter_map(listed).collect();
    // A version may have been tried on several days before it was one.
    all.reverse();
    Ok(all)
}

fn unlisted(version: &Version, place: &Place<'_>) -> Option<Release> {
    Some(release(version.clone(), place))
}

fn release(version: Version, place: &Place<'_>) -> Release {
    let dated = version.channel().and_then(|channel| Some((channel.name, channel.date.clone()?)));
    let path = match &dated {
        Some((name, date)) => format!("{date}/channel-rust-{name}.toml"),
        None => format!("channel-rust-{version}.toml"),
    };
    let url = format!("{}/dist/{path}", place.mirror);
    Release {
        runtime: Runtime::Rust,
        version,
        checksum: Checksum::Alone { url: format!("{url}.sha256") },
        signature: Some(Signature::OfManifest { url: format!("{url}.asc") }),
        lts: None,
        date: dated.map(|(_, date)| date),
        layout: LAYOUT,
        url,
    }
}
