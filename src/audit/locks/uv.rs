//! `uv.lock`.

use super::checksum::{self, Checksum};
use super::list::List;
use super::{Format, Lock, Source};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use toml::Spanned;

#[derive(Deserialize)]
struct File<'t> {
    version: u32,
    #[serde(borrow, default)]
    package: Vec<Package<'t>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package<'t> {
    #[serde(borrow)]
    name: Spanned<Cow<'t, str>>,
    #[serde(borrow)]
    version: Option<Cow<'t, str>>,
    /// One member, whose name is the kind.
    #[serde(borrow, default)]
    source: BTreeMap<Cow<'t, str>, toml::Value>,
    #[serde(borrow, default)]
    dependencies: Vec<Need<'t>>,
    #[serde(borrow, default)]
    optional_dependencies: BTreeMap<Cow<'t, str>, Vec<Need<'t>>>,
    #[serde(borrow, default)]
    dev_dependencies: BTreeMap<Cow<'t, str>, Vec<Need<'t>>>,
    #[serde(borrow)]
    sdist: Option<Archive<'t>>,
    #[serde(borrow, default)]
    wheels: Vec<Archive<'t>>,
}

#[derive(Deserialize)]
struct Need<'t> {
    #[serde(borrow)]
    name: Cow<'t, str>,
    /// Where there are several.
    #[serde(borrow)]
    version: Option<Cow<'t, str>>,
}

#[derive(Deserialize)]
struct Archive<'t> {
    #[serde(borrow)]
    hash: Option<Cow<'t, str>>,
}

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let file: File = toml::from_str(text).map_err(|error| super::first_line(&error.to_string()))?;
    if file.version != 1 {
        return Err(format!("is of version {}, and 1 is known", file.version));
    }
    let lines = super::json::Lines::of(text);
    let mut list = List::new(Format::Uv);
    let mut places: HashMap<(&str, Option<&str>), Vec<usize>> = HashMap::new();
    let mut in_order = Vec::with_capacity(file.package.len());
    for package in &file.package {
        let (name, version) = (&**package.name.get_ref(), package.version.as_deref());
        let (source, is_own) = source(&package.source);
        let mut locked = list.package(name, version, source, lines.at(package.name.span().start));
        locked.checksums = package.sdist.iter().chain(&package.wheels).filter_map(sum).collect();
        let place = list.add(locked);
        list.roots.extend(is_own.then_some(place));
        places.entry((name, version)).or_default().push(place);
        places.entry((name, None)).or_default().push(place);
        in_order.push((place, is_own));
    }
    let find = |needs: &[Need]| -> Vec<usize> {
        let all = needs.iter().filter_map(|need| places.get(&(&*need.name, need.version.as_deref())));
        all.flatten().copied().collect()
    };
    let (mut wanted, mut for_dev) = (Vec::new(), Vec::new());
    let mut of_own = Vec::new();
    for (package, (place, is_own)) in file.package.iter().zip(in_order) {
        let of_use = package.optional_dependencies.values().chain([&package.dependencies]);
        let of_use: Vec<usize> = of_use.flat_map(|needs| find(needs)).collect();
        if is_own {
            let of_dev: Vec<usize> = package.dev_dependencies.values().flat_map(|needs| find(needs)).collect();
            wanted.extend(&of_use);
            for_dev.extend(&of_dev);
            of_own.push((place, of_dev));
        }
        list.depend(place, of_use);
    }
    list.mark_dev(&wanted, &for_dev);
    // Not before: what a package of the project needs for its own development is nothing that others get with it.
    of_own.into_iter().for_each(|(place, of_dev)| list.depend(place, of_dev));
    Ok(list.done())
}

fn sum(archive: &Archive) -> Option<Checksum> {
    archive.hash.as_deref().and_then(checksum::of_hex)
}

/// And whether it is a part of the project.
fn source(members: &BTreeMap<Cow<str>, toml::Value>) -> (Source, bool) {
    let Some((kind, value)) = members.iter().next() else { return (Source::Registry(String::new()), false) };
    let text = value.as_str().unwrap_or_default().to_owned();
    match &**kind {
        "registry" => (Source::Registry(text), false),
        "git" => (Source::Git(text), false),
        "url" => (Source::Url(text), false),
        kind => (Source::Path(text), matches!(kind, "virtual" | "editable")),
    }
}
