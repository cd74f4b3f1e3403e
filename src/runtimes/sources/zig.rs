//! Zig: `index.json` of its site with checksums, and a minisign signature beside each archive.

use super::{Checksum, Layout, Place, Release, Signature, Source, basename, sha256_digest};
use crate::runtimes::{Runtime, Version};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const SOURCE: Source = Source {
    mirror: "https://ziglang.org",
    index: |mirror| format!("{mirror}/download/index.json"),
    read,
    unlisted: None,
};

/// The key of the Zig Software Foundation, as its download page prints it.
const KEY: &str = "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U";

#[derive(Deserialize)]
struct File {
    tarball: String,
    shasum: String,
}

fn read(index: &[u8], place: &Place<'_>) -> Result<Vec<Release>> {
    let entries: Map<String, Value> = serde_json::from_slice(index).context("not zig's index")?;
    let platform = place.platform.name("x86_64-linux", "aarch64-linux");
    let release = |(name, entry): (String, Value)| {
        // What stands under `master` has a version of its own.
        let named = entry.get("version").and_then(Value::as_str).unwrap_or(&name);
        let version = Version::parse(Runtime::Zig, if name == "master" { "master" } else { named })?;
        let file = File::deserialize(entry.get(platform)?).ok()?;
        let url = match file.tarball.strip_prefix(SOURCE.mirror) {
            Some(rest) if !place.is_default => format!("{}{rest}", place.mirror),
            _ => file.tarball,
        };
        basename(&url).ends_with(".tar.xz").then_some(())?;
        Some(Release {
            runtime: Runtime::Zig,
            version,
            checksum: Checksum::Known(sha256_digest(&file.shasum).ok()?),
            signature: Some(Signature::Minisign { url: format!("{url}.minisig"), key: KEY }),
            lts: None,
            date: entry.get("date").and_then(Value::as_str).map(str::to_owned),
            layout: Layout { below: "", strip: 1, into: "", without: "" },
            url,
        })
    };
    Ok(entries.into_iter().filter_map(release).collect())
}
