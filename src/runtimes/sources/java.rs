//! Java: the JDKs of Eclipse Temurin. Where they lie says the list that mise keeps of all vendors; what they must be says Adoptium,
//! beside each archive.
//!
//! Adoptium's own API answers for one line at a time, and in pages.

use super::{Checksum, Layout, Place, Release, Source};
use crate::runtimes::request::is_java_lts;
use crate::runtimes::{Runtime, Version};
use anyhow::{Context, Result};
use serde::Deserialize;

pub(super) const SOURCE: Source = Source {
    mirror: "https://github.com/adoptium",
    index: |_| format!("https://mise-java.jdx.dev/jvm/ga/linux/{}.json", std::env::consts::ARCH),
    read,
    unlisted: None,
};

#[derive(Deserialize)]
struct Entry {
    vendor: String,
    version: String,
    image_type: String,
    jvm_impl: String,
    file_type: String,
    features: Vec<String>,
    url: String,
}

fn read(index: &[u8], place: &Place<'_>) -> Result<Vec<Release>> {
    let entries: Vec<Entry> = serde_json::from_slice(index).context("not a list of Javas")?;
    let features: &[&str] = if place.platform.is_musl { &["musl"] } else { &[] };
    let arch = place.platform.name("_x64_", "_aarch64_");
    let kind = ["temurin", "jdk", "hotspot", "tar.gz"];
    let is_ours = |entry: &Entry| {
        [&entry.vendor, &entry.image_type, &entry.jvm_impl, &entry.file_type].into_iter().eq(kind)
            && entry.features == features
            && entry.url.contains(arch)
    };
    let release = |entry: Entry| {
        // `21.0.5+11.0.LTS` is what Java itself calls 21.0.5+11.
        let text = entry.version.strip_suffix(".0.LTS").unwrap_or(&entry.version);
        let version = Version::parse(Runtime::Java, text)?;
        let url = match entry.url.strip_prefix(SOURCE.mirror) {
            Some(rest) => format!("{}{rest}", place.mirror),
            // Adoptium's checksums stand beside its own archives alone.
            None => return None,
        };
        Some(Release {
            runtime: Runtime::Java,
            checksum: Checksum::Alone { url: format!("{url}.sha256.txt") },
            signature: None,
            lts: is_java_lts(version.number(0)).then(|| "lts".to_owned()),
            date: None,
            layout: Layout { below: "", strip: 1, into: "", without: "" },
            version,
            url,
        })
    };
    Ok(entries.into_iter().filter(is_ours).filter_map(release).collect())
}
