//! What the engine `omg-apt` is asked, and the small world it is shown.
//!
//! apt's library reads every list, with all relations, descriptions and tags, before it answers anything: the better part
//! of a second for 63,000 packages, which its own cache file saves only where nothing has changed. But a candidate
//! depends on no relation, but for the names that one makes apt know. So the library is shown lists, Release files and a
//! status file of its own kind which hold just the packages asked about and just what decides about their versions; its
//! configuration, its sources and its preferences are the machine's. The policy is the library's either way.

use super::entries::Entry;
use super::lists::{World, plain_list};
use super::qualified::Qualified;
use crate::backends::engine::Request;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Keys of [`Request::settings`].
pub mod key {
    /// The file that `APT_CONFIG` is to name.
    pub const CONFIG: &str = "config";
    /// `NAME VALUE` of apt's configuration, to be set above what its files say; in order.
    pub const OPTION: &str = "option";
    /// The path of a list; in order.
    pub const LIST: &str = "list";
    /// The name of that list's repository.
    pub const REPOSITORY: &str = "repository";
    /// What was typed, for apt's history.
    pub const COMMAND: &str = "command";
}

/// Puts the small world in `folder` into a request.
///
/// `packages` is about how many there are.
pub fn describe(
    request: &mut Request,
    folder: &Path,
    world: &World,
    architectures: &[String],
    packages: usize,
) -> Result<()> {
    let folder = utf8(folder)?;
    let options = [
        ("Dir::State::lists", format!("{folder}/lists/")),
        ("Dir::State::status", format!("{folder}/status")),
        ("Dir::State::extended_states", format!("{folder}/extended_states")),
        // Nothing of this is to be kept.
        ("Dir::Cache::pkgcache", String::new()),
        ("Dir::Cache::srcpkgcache", String::new()),
        ("APT::Architecture", architectures[0].clone()),
        ("Acquire::Languages", "none".into()),
        // Its table of names is walked and checksummed whole.
        ("APT::Cache-HashTableSize", (packages | 1023).to_string()),
    ];
    for (name, value) in options {
        request.set(key::OPTION, format!("{name} {value}"));
    }
    request.set(key::OPTION, told_architectures(architectures));
    for list in &world.lists {
        request.set(key::LIST, format!("{folder}/lists/{}", name_of(&list.path)?));
        request.set(key::REPOSITORY, world.repositories[usize::from(list.repository)].name.as_str());
    }
    Ok(())
}

/// Spares apt's library a `dpkg --print-foreign-architectures` each time it wants to know, which reads the file that omg has read.
pub fn told_architectures(architectures: &[String]) -> String {
    format!("APT::Architectures {}", architectures.join(","))
}

/// Makes in `folder` what apt would find of `world` and dpkg's database if there were no packages but these. A list is
/// there even where it is empty, since pins may speak of it.
pub fn write_small_world(folder: &Path, world: &World, entries: &[Entry<'_>], qualified: &Qualified) -> Result<()> {
    let lists = folder.join("lists");
    fs::create_dir(&lists).with_context(|| format!("cannot create {}", lists.display()))?;
    let mut texts = vec![String::new(); world.lists.len() + 1];
    for entry in entries {
        let text = texts.get_mut(entry.list).context("an entry of no list")?;
        write_stanza(entry, qualified, text)?;
    }
    let status = texts.pop().context("no status file")?;
    write(&folder.join("status"), &status)?;
    for (list, text) in world.lists.iter().zip(&texts) {
        write(&lists.join(name_of(&list.path)?), text)?;
    }
    for release in &world.releases {
        if let Some(path) = &release.path {
            // Without its signature an InRelease is a Release.
            let name = utf8(Path::new(path.file_name().context("a Release file without a name")?))?;
            let stem = name.strip_suffix("InRelease").or_else(|| name.strip_suffix("Release")).unwrap_or(name);
            write(&lists.join(format!("{stem}Release")), &release.head)?;
        }
    }
    Ok(())
}

fn write_stanza(entry: &Entry<'_>, qualified: &Qualified, text: &mut String) -> Result<()> {
    let build = entry.build.to_string();
    let known = [&*entry.name, entry.source_name()]
        .into_iter()
        .flat_map(|name| qualified.of(name).map(move |found| format!("{name}:{found}")));
    let known = known.collect::<Vec<_>>().join(", ");
    for (name, value) in [
        ("Package", &*entry.name),
        ("Status", entry.status),
        ("Architecture", entry.architecture),
        ("Version", entry.version),
        ("Source", &entry.source),
        ("Phased-Update-Percentage", entry.phased),
        // A pattern in the preferences means what allows any architecture otherwise.
        ("Multi-Arch", entry.multi_arch),
        ("Size", entry.download_bytes),
        // A pattern means these names, too. By no such relation apt tells builds apart.
        ("Suggests", &known),
        // Stands for all that apt tells builds by.
        ("Installed-Size", &build),
    ] {
        ensure!(!value.contains('\n'), "{} has a field {name} of several lines", entry.name);
        if !value.is_empty() {
            writeln!(text, "{name}: {value}")?;
        }
    }
    text.push('\n');
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The name of a list's file when it is not packed.
fn name_of(path: &Path) -> Result<&str> {
    let name = path.file_name().with_context(|| format!("{} names no file", path.display()))?;
    Ok(plain_list(utf8(Path::new(name))?))
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
