//! `poetry.lock` of poetry 1 and 2.

use super::checksum;
use super::list::List;
use super::{Format, Lock, Source};
use crate::audit::ecosystem::Ecosystem;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use toml::Spanned;

#[derive(Deserialize)]
struct File<'t> {
    #[serde(borrow, default)]
    package: Vec<Package<'t>>,
    /// No poetry leaves it out.
    #[serde(borrow)]
    metadata: Option<Metadata<'t>>,
}

#[derive(Deserialize)]
struct Package<'t> {
    #[serde(borrow)]
    name: Spanned<Cow<'t, str>>,
    #[serde(borrow)]
    version: Cow<'t, str>,
    /// Until 1.4; `dev` or `main`.
    #[serde(borrow)]
    category: Option<Cow<'t, str>>,
    /// From 2.0 on.
    groups: Option<Vec<String>>,
    #[serde(borrow, default)]
    files: Vec<Archive<'t>>,
    #[serde(borrow)]
    source: Option<From<'t>>,
    #[serde(borrow, default)]
    dependencies: BTreeMap<Cow<'t, str>, toml::Value>,
}

#[derive(Deserialize)]
struct Archive<'t> {
    #[serde(borrow)]
    hash: Cow<'t, str>,
}

#[derive(Deserialize)]
struct From<'t> {
    #[serde(borrow, default)]
    r#type: Cow<'t, str>,
    #[serde(borrow, default)]
    url: Cow<'t, str>,
    #[serde(borrow, default)]
    resolved_reference: Cow<'t, str>,
}

#[derive(Default, Deserialize)]
struct Metadata<'t> {
    /// Until 1.2, by name.
    #[serde(borrow, default)]
    files: BTreeMap<Cow<'t, str>, Vec<Archive<'t>>>,
}

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let file: File = toml::from_str(text).map_err(|error| super::first_line(&error.to_string()))?;
    if file.metadata.is_none() && file.package.is_empty() {
        return Err("is no lock file of poetry: it has neither packages nor metadata".to_owned());
    }
    let files_of = file.metadata.unwrap_or_default().files;
    let lines = super::json::Lines::of(text);
    let mut list = List::new(Format::Poetry);
    let normal = |name: &str| Ecosystem::PyPi.normal_name(name).into_owned();
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    let mut in_order = Vec::with_capacity(file.package.len());
    for package in &file.package {
        let name = &**package.name.get_ref();
        let source = source(package.source.as_ref());
        let mut locked = list.package(name, Some(&package.version), source, lines.at(package.name.span().start));
        let by_group = package.groups.as_ref().map(|groups| !groups.iter().any(|group| group == "main"));
        locked.is_dev = by_group.or(package.category.as_deref().map(|category| category == "dev"));
        let archives = package.files.iter().chain(files_of.get(name).into_iter().flatten());
        locked.checksums = archives.filter_map(|archive| checksum::of_hex(&archive.hash)).collect();
        let place = list.add(locked);
        places.entry(normal(name)).or_default().push(place);
        in_order.push(place);
    }
    for (package, place) in file.package.iter().zip(in_order) {
        // Of several versions it is not said which.
        let found = package.dependencies.keys().filter_map(|name| places.get(&normal(name)));
        let found: Vec<usize> = found.flatten().copied().collect();
        list.depend(place, found);
    }
    Ok(list.done())
}

fn source(from: Option<&From>) -> Source {
    let Some(from) = from else { return Source::Registry(String::new()) };
    let url = from.url.clone().into_owned();
    match &*from.r#type {
        "git" => Source::Git(format!("{url}#{}", from.resolved_reference)),
        "directory" | "file" => Source::Path(url),
        "url" => Source::Url(url),
        _ => Source::Registry(url),
    }
}
