//! Makes a file in the shape of the AUR's `packages-meta-ext-v1.json.gz`, of any size, for tests and benches:
//!
//!     cargo run --example make-aur-metadata -- OUT.json.gz [--packages N]
//!
//! Names, versions, descriptions, relations, licences and groups are those of the real `.SRCINFO` files in the shared data.
//! Identifiers, votes, popularity, maintainers, keywords and dates are INVENTED: derived from a hash of the name, so that
//! every run writes the same bytes. Where more packages are asked for than there are, copies follow under the names
//! `NAME-2`, `NAME-3` and so on; where fewer, those whose names have the smallest hashes are taken.

use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use omg::backends::aur::srcinfo;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// The size of the AUR at the time of writing.
const USUAL_PACKAGES: usize = 97_000;

fn main() -> Result<()> {
    let (out, wanted) = arguments()?;
    let data = std::env::var_os("OMG_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    make(&data.join(SRCINFO), &out, wanted)
}

/// Below the shared data.
pub const SRCINFO: &str = "aur/srcinfo-77809.tar.zst";

/// Writes `wanted` packages to `out`, from the archive of `.SRCINFO` files at `archive`.
pub fn make(archive: &Path, out: &Path, wanted: usize) -> Result<()> {
    let mut real = read_all(archive)?;
    real.sort_by_cached_key(|entry| xxh3_64(name_of(entry).as_bytes()));
    let mut chosen = grow(real, wanted)?;
    chosen.sort_by(|a, b| name_of(a).cmp(name_of(b)));
    write_all(out, chosen)
}

fn arguments() -> Result<(PathBuf, usize)> {
    let mut given = std::env::args_os().skip(1);
    let out = PathBuf::from(given.next().context("usage: make-aur-metadata OUT.json.gz [--packages N]")?);
    let packages = match (given.next(), given.next()) {
        (None, _) => USUAL_PACKAGES,
        (Some(option), Some(count)) if option == "--packages" => {
            count.to_str().and_then(|text| text.parse().ok()).context("--packages wants a number")?
        }
        _ => bail!("usage: make-aur-metadata OUT.json.gz [--packages N]"),
    };
    Ok((out, packages))
}

/// Every package of the `.SRCINFO` files in `path`, each name once. Malformed files are left out.
fn read_all(path: &Path) -> Result<Vec<Map<String, Value>>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(file)?);
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    for member in archive.entries()? {
        let mut member = member?;
        if !member.header().entry_type().is_file() {
            continue;
        }
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let Ok(info) = srcinfo::parse(&text) else { continue };
        for package in &info.packages {
            if seen.insert(package.name.to_owned()) {
                all.push(describe(&info, package));
            }
        }
    }
    Ok(all)
}

fn name_of(entry: &Map<String, Value>) -> &str {
    entry["Name"].as_str().unwrap_or_default()
}

fn describe(info: &srcinfo::SrcInfo<'_>, package: &srcinfo::Section<'_>) -> Map<String, Value> {
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    put("Name", json!(package.name));
    put("PackageBase", json!(info.base.name));
    put("Version", json!(info.version(package)));
    put("Description", json!(info.first(package, "pkgdesc")));
    put("URL", json!(info.first(package, "url")));
    for (key, field) in [
        ("depends", "Depends"),
        ("makedepends", "MakeDepends"),
        ("checkdepends", "CheckDepends"),
        ("optdepends", "OptDepends"),
        ("conflicts", "Conflicts"),
        ("provides", "Provides"),
        ("replaces", "Replaces"),
        ("groups", "Groups"),
        ("license", "License"),
    ] {
        // As the AUR does: every architecture's, in one list, and no key at all for an empty one.
        let values = info.values_of_all(package, key);
        if !values.is_empty() {
            put(field, json!(values));
        }
    }
    entry
}

/// Cuts or repeats `real` to `wanted` packages.
fn grow(real: Vec<Map<String, Value>>, wanted: usize) -> Result<Vec<Map<String, Value>>> {
    if real.is_empty() {
        bail!("no packages to start from");
    }
    let mut taken: HashSet<String> = real.iter().map(|entry| name_of(entry).to_owned()).collect();
    let mut all: Vec<_> = real.iter().take(wanted).cloned().collect();
    for round in 2.. {
        for entry in &real {
            if all.len() >= wanted {
                return Ok(all);
            }
            let name = format!("{}-{round}", name_of(entry));
            if taken.insert(name.clone()) {
                let mut copy = entry.clone();
                let base = format!("{}-{round}", entry["PackageBase"].as_str().unwrap_or_default());
                copy.insert("Name".to_owned(), json!(name));
                copy.insert("PackageBase".to_owned(), json!(base));
                all.push(copy);
            }
        }
    }
    Ok(all)
}

fn write_all(out: &Path, entries: Vec<Map<String, Value>>) -> Result<()> {
    let file = File::create(out).with_context(|| format!("cannot create {}", out.display()))?;
    let mut gzip = GzEncoder::new(BufWriter::new(file), Compression::default());
    let last = entries.len().saturating_sub(1);
    gzip.write_all(b"[\n")?;
    for (index, mut entry) in entries.into_iter().enumerate() {
        invent(&mut entry, index);
        serde_json::to_writer(&mut gzip, &entry)?;
        gzip.write_all(if index == last { b"\n" } else { b",\n" })?;
    }
    gzip.write_all(b"]\n")?;
    gzip.finish()?.flush().with_context(|| format!("cannot write {}", out.display()))
}

/// Adds what no `.SRCINFO` says. The distributions follow the AUR roughly: most packages have few votes and no
/// popularity to speak of, one in seven has no maintainer, one in sixteen is flagged as out of date.
fn invent(entry: &mut Map<String, Value>, index: usize) {
    let name = name_of(entry).to_owned();
    let base = entry["PackageBase"].as_str().unwrap_or_default().to_owned();
    // Independent numbers in 0..1 for one name.
    let fraction = |what: &str| (xxh3_64(format!("{what} {base}").as_bytes()) >> 11) as f64 / (1u64 << 53) as f64;
    let votes = (0.7 / (fraction("votes") + 0.0003)) as u64;
    let popularity = (votes as f64 * fraction("popularity").powi(9) * 20_000.0).round() / 1e6;
    let (opened, closed) = (1_200_000_000.0, 1_766_000_000.0);
    let submitted = opened + fraction("submitted") * (closed - opened);
    let modified = submitted + fraction("modified") * (closed - submitted);
    let flagged = (fraction("flagged") < 0.06).then(|| (modified + 0.5 * (closed - modified)) as u64);
    let person = |what: &str| format!("person{}", (fraction(what).powi(3) * 20_000.0) as u64);
    let description = entry["Description"].as_str().unwrap_or_default();
    let keywords: Vec<String> = description
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() > 4)
        .take((fraction("keywords").powi(2) * 5.0) as usize)
        .map(str::to_ascii_lowercase)
        .collect();
    let invented = [
        ("ID", json!(1_000_000 + index)),
        ("PackageBaseID", json!(xxh3_64(base.as_bytes()) % 220_000)),
        ("NumVotes", json!(votes)),
        ("Popularity", if popularity == 0.0 { json!(0) } else { json!(popularity) }),
        ("OutOfDate", json!(flagged)),
        ("Maintainer", if fraction("orphan") < 0.14 { Value::Null } else { json!(person("maintainer")) }),
        ("Submitter", json!(person("submitter"))),
        ("FirstSubmitted", json!(submitted as u64)),
        ("LastModified", json!(modified as u64)),
        ("URLPath", json!(format!("/cgit/aur.git/snapshot/{base}.tar.gz"))),
        ("Keywords", json!(keywords)),
    ];
    entry.extend(invented.map(|(key, value)| (key.to_owned(), value)));
    debug_assert_eq!(name, name_of(entry));
}
