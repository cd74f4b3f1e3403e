//! Java: the JDKs of Eclipse Temurin, and of other makers. Where they lie says the list that mise keeps of all of them; what they must be
//! says Adoptium, beside each archive of its own with a signature, and for the others that list. Who states no SHA-256 there is left out.
//!
//! Adoptium's own API answers for one line at a time, and in pages.

use super::{Checksum, Layout, Place, Release, Signature, Source, basename, sha256_digest};
use crate::runtimes::request::is_java_lts;
use crate::runtimes::{Runtime, Version, makers};
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
    checksum: Option<String>,
}

fn read(index: &[u8], place: &Place<'_>) -> Result<Vec<Release>> {
    let entries: Vec<Entry> = serde_json::from_slice(index).context("not a list of Javas")?;
    let features: &[&str] = if place.platform.is_musl { &["musl"] } else { &[] };
    let is_ours = |entry: &Entry| {
        (entry.image_type.as_str(), entry.file_type.as_str()) == ("jdk", "tar.gz") && entry.features == features
    };
    let mut releases: Vec<Release> = entries
        .into_iter()
        .filter(is_ours)
        .filter_map(|entry| match makers::named(&entry.vendor)? {
            "" => temurin(&entry, place),
            maker => of_maker(maker, &entry, place),
        })
        .collect();
    // Nobody can tell which of two archives a version means.
    let all = releases.clone();
    releases.retain(|one| {
        let mut others = all.iter().filter(|other| other.version == one.version);
        others.all(|other| other.checksum == one.checksum)
    });
    Ok(releases)
}

fn temurin(entry: &Entry, place: &Place<'_>) -> Option<Release> {
    let arch = place.platform.name("_x64_", "_aarch64_");
    if entry.jvm_impl != "hotspot" || !entry.url.contains(arch) {
        return None;
    }
    // `21.0.5+11.0.LTS` is what Java itself calls 21.0.5+11.
    let version = Version::parse(Runtime::Java, entry.version.strip_suffix(".0.LTS").unwrap_or(&entry.version))?;
    // Adoptium's checksums stand beside its own archives alone.
    let url = format!("{}{}", place.mirror, entry.url.strip_prefix(SOURCE.mirror)?);
    let signature = Some(Signature::OfArchive { url: format!("{url}.sig") });
    Some(Release { signature, ..release(version, Checksum::Alone { url: format!("{url}.sha256.txt") }, url) })
}

fn of_maker(maker: &str, entry: &Entry, place: &Place<'_>) -> Option<Release> {
    let version = Version::parse(Runtime::Java, &makers::spelt(Runtime::Java, &entry.version, maker))?;
    let digest = sha256_digest(entry.checksum.as_deref()?.strip_prefix("sha256:")?).ok()?;
    // They lie in many places; a mirror has a folder for each maker.
    let url = match place.is_default {
        true => entry.url.clone(),
        false => format!("{}/{maker}/{}", place.mirror, basename(&entry.url)),
    };
    Some(release(version, Checksum::Known(digest), url))
}

fn release(version: Version, checksum: Checksum, url: String) -> Release {
    Release {
        runtime: Runtime::Java,
        checksum,
        signature: None,
        lts: is_java_lts(version.number(0)).then(|| "lts".to_owned()),
        date: None,
        layout: Layout { below: "", strip: 1, into: "", without: "" },
        version,
        url,
    }
}
