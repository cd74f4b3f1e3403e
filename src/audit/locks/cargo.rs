//! `Cargo.lock`, versions 1 to 4.

use super::checksum::{Algorithm, plain_hex};
use super::list::List;
use super::{Format, Lock, Source};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use toml::Spanned;

#[derive(Deserialize)]
struct File<'t> {
    version: Option<u32>,
    #[serde(borrow, default)]
    package: Vec<Package<'t>>,
    /// Of the oldest files: the project itself.
    #[serde(borrow)]
    root: Option<Package<'t>>,
    /// Version 1 has the checksums here.
    #[serde(borrow, default)]
    metadata: BTreeMap<Cow<'t, str>, Cow<'t, str>>,
}

#[derive(Deserialize)]
struct Package<'t> {
    #[serde(borrow)]
    name: Spanned<Cow<'t, str>>,
    #[serde(borrow)]
    version: Cow<'t, str>,
    #[serde(borrow)]
    source: Option<Cow<'t, str>>,
    #[serde(borrow)]
    checksum: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    dependencies: Vec<Cow<'t, str>>,
}

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let file: File = toml::from_str(text).map_err(|error| super::first_line(&error.to_string()))?;
    if let Some(version) = file.version.filter(|version| *version > 4) {
        return Err(format!("is of version {version}, and 1 to 4 are known"));
    }
    if file.version.is_none() && file.package.is_empty() && file.root.is_none() {
        return Err("is no lock file of cargo: it has no packages".to_owned());
    }
    let lines = super::json::Lines::of(text);
    let mut list = List::new(Format::Cargo);
    // A dependency is named by as much as tells it apart: `name`, `name version`, `name version (source)`.
    let mut places: HashMap<String, usize> = HashMap::new();
    let packages: Vec<&Package> = file.root.iter().chain(&file.package).collect();
    let mut in_order = Vec::with_capacity(packages.len());
    for package in &packages {
        let (name, version) = (package.name.get_ref(), &package.version);
        let from = package.source.as_deref();
        let mut locked = list.package(name, Some(version), source(from), lines.at(package.name.span().start));
        let whole = format!("{name} {version} ({})", from.unwrap_or_default());
        let old = || file.metadata.get(&*format!("checksum {whole}"));
        let sum = package.checksum.as_ref().or_else(old);
        locked.checksums.extend(sum.and_then(|hex| plain_hex(Algorithm::Sha256, hex)));
        let place = list.add(locked);
        list.roots.extend(from.is_none().then_some(place));
        places.insert(whole, place);
        places.insert(format!("{name} {version}"), place);
        places.insert(name.to_string(), place);
        in_order.push(place);
    }
    for (package, place) in packages.iter().zip(in_order) {
        let found = package.dependencies.iter().map(|need| places.get(&**need).copied());
        let found: Vec<usize> = found.flatten().collect();
        list.depend(place, found);
    }
    Ok(list.done())
}

fn source(text: Option<&str>) -> Source {
    let Some(text) = text else { return Source::Path(String::new()) };
    match text.split_once('+') {
        Some(("registry", url)) => Source::Registry(url.to_owned()),
        Some(("sparse", _)) => Source::Registry(text.to_owned()),
        Some(("git", url)) => Source::Git(url.to_owned()),
        Some(("path", path)) => Source::Path(path.to_owned()),
        _ => Source::Url(text.to_owned()),
    }
}
