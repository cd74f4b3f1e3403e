//! A project's bill of materials: what its lock files name, with what needs what.
//!
//! Several files are one bill: a package that two of them name in one version is one component.

use crate::audit::ecosystem::Ecosystem;
use crate::audit::locks::{self, Checksum, Locked, Source};
use crate::audit::sbom::purl::{Parts, Purl};
use crate::audit::sbom::{Algorithm, Bom, Component, Hash, Kind};
use crate::ops::lock_files::LockFiles;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// What tells components apart.
type Key<'l> = (Ecosystem, String, Option<&'l str>, &'l Source);

/// The bill of a folder's lock files. `created` is in seconds since 1970.
pub fn project(folder: &Path, files: &LockFiles, created: i64) -> Bom {
    let name = folder.canonicalize().ok().and_then(|whole| Some(whole.file_name()?.to_string_lossy().into_owned()));
    let mut places: HashMap<Key<'_>, u32> = HashMap::new();
    let mut components: Vec<Component> = Vec::new();
    let mut roots = Vec::new();
    for (_, lock) in &files.locks {
        let own: Vec<u32> = lock.packages.iter().map(|package| place(package, &mut places, &mut components)).collect();
        let mut is_needed = vec![false; own.len()];
        for (at, package) in own.iter().zip(&lock.packages) {
            package.depends_on.iter().for_each(|to| is_needed[*to] = true);
            components[*at as usize].depends.extend(package.depends_on.iter().map(|to| own[*to]));
        }
        match lock.roots.is_empty() {
            false => roots.extend(lock.roots.iter().map(|root| own[*root])),
            // Where the file does not say it: what no other needs.
            true => roots.extend(own.iter().zip(&is_needed).filter(|(_, is_needed)| !**is_needed).map(|(at, _)| *at)),
        }
    }
    for places in components.iter_mut().map(|one| &mut one.depends).chain([&mut roots]) {
        places.sort_unstable();
        places.dedup();
    }
    let subject = Component::new(Kind::Project, name.as_deref().unwrap_or("project"), "");
    Bom { subject, components, roots, vulnerabilities: None, created, tool_version: env!("CARGO_PKG_VERSION") }
}

/// The component of a package, which is made where there is none yet.
fn place<'l>(package: &'l Locked, places: &mut HashMap<Key<'l>, u32>, components: &mut Vec<Component>) -> u32 {
    let name = package.ecosystem.normal_name(&package.name);
    let key = (package.ecosystem, name.into_owned(), package.version.as_deref(), &package.source);
    let place = *places.entry(key).or_insert(components.len() as u32);
    let is_dev = package.is_dev == Some(true);
    match components.get_mut(place as usize) {
        Some(known) => {
            known.is_dev &= is_dev;
            if known.hashes.is_empty() {
                known.hashes = hashes(&package.checksums);
            }
        }
        None => components.push(Component { is_dev, ..component(package) }),
    }
    place
}

fn component(package: &Locked) -> Component {
    let version = package.version.as_deref().unwrap_or_default();
    // What is a part of the project is in no registry.
    if let Source::Path(path) = &package.source {
        let name = if package.name.is_empty() { path } else { &package.name };
        return Component::new(Kind::Project, name, version);
    }
    // Nor can it be told which package of a registry a bare address is.
    if package.is_nameless() {
        return Component {
            hashes: hashes(&package.checksums),
            ..Component::new(Kind::Package, &package.name, version)
        };
    }
    let name = match package.ecosystem {
        // Of which a purl keeps the dots.
        Ecosystem::PyPi => Cow::Borrowed(package.name.as_str()),
        other => other.normal_name(&package.name),
    };
    let (namespace, name) = match package.ecosystem {
        Ecosystem::Go | Ecosystem::Npm | Ecosystem::Packagist => name.rsplit_once('/').unwrap_or(("", &name)),
        _ => ("", &*name),
    };
    let (key, address) = match &package.source {
        Source::Git(text) => ("vcs_url", of_git(text)),
        Source::Url(text) => ("download_url", text.clone()),
        _ => ("", String::new()),
    };
    let qualifiers = [(key, address.as_str())];
    let parts =
        Parts { kind: package.ecosystem.purl(), namespace, name, version, qualifiers: &qualifiers, subpath: "" };
    let hashes = hashes(&package.checksums);
    Component { hashes, ..Component::new(Kind::Package, &package.name, version).with_purl(Purl::new(&parts)) }
}

/// SPDX's form of a place in a repository: `git+https://example.org/x@COMMIT`.
fn of_git(text: &str) -> String {
    let (address, commit) = text.rsplit_once('#').unwrap_or((text, ""));
    let address = address.split('?').next().unwrap_or_default();
    let scheme = if address.is_empty() || address.starts_with("git") { "" } else { "git+" };
    let at = if commit.is_empty() { "" } else { "@" };
    format!("{scheme}{address}{at}{commit}")
}

/// Those of the one archive it comes in. Of several archives nobody knows which it will be, and Go's sum is that of no file.
fn hashes(checksums: &[Checksum]) -> Vec<Hash> {
    let known = checksums.iter().filter_map(|sum| {
        let algorithm = match sum.algorithm {
            locks::Algorithm::Md5 => Algorithm::Md5,
            locks::Algorithm::Sha1 => Algorithm::Sha1,
            locks::Algorithm::Sha256 => Algorithm::Sha256,
            locks::Algorithm::Sha384 => Algorithm::Sha384,
            locks::Algorithm::Sha512 => Algorithm::Sha512,
            locks::Algorithm::GoH1 => return None,
        };
        Some(Hash { algorithm, hex: sum.hex.clone() })
    });
    let known: Vec<Hash> = known.collect();
    let is_one = known.iter().enumerate().all(|(at, one)| known[..at].iter().all(|sum| sum.algorithm != one.algorithm));
    if is_one { known } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_repositories_as_spdx_writes_them() {
        assert_eq!(of_git("https://a.test/x?branch=b#12ab"), "git+https://a.test/x@12ab");
        assert_eq!(of_git("git+ssh://git@a.test/x.git"), "git+ssh://git@a.test/x.git");
        assert_eq!(of_git(""), "");
    }

    #[test]
    fn of_several_archives_none_is_meant() {
        let sum = |algorithm, digit: &str| Checksum { algorithm, hex: digit.repeat(64) };
        let both = [sum(locks::Algorithm::Sha256, "a"), sum(locks::Algorithm::Sha512, "b")];
        assert_eq!(hashes(&both).len(), 2);
        assert_eq!(hashes(&[sum(locks::Algorithm::Sha256, "a"), sum(locks::Algorithm::Sha256, "b")]), []);
        assert_eq!(hashes(&[sum(locks::Algorithm::GoH1, "a")]), []);
    }
}
