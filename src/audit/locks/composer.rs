//! `composer.lock`.

use super::checksum::{Algorithm, plain_hex};
use super::json::{Lines, Names, Placed};
use super::list::List;
use super::{Format, Lock, Source};
use crate::audit::ecosystem::Ecosystem;
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File<'t> {
    #[serde(borrow)]
    packages: Vec<Package<'t>>,
    #[serde(borrow, default)]
    packages_dev: Option<Vec<Package<'t>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package<'t> {
    #[serde(borrow)]
    name: Placed<'t>,
    #[serde(borrow, default)]
    version: Placed<'t>,
    #[serde(borrow)]
    source: Option<From<'t>>,
    #[serde(borrow)]
    dist: Option<From<'t>>,
    #[serde(default)]
    require: Names,
    /// Packagist's; packages from elsewhere have none.
    #[serde(borrow, default)]
    notification_url: Placed<'t>,
}

#[derive(Deserialize)]
struct From<'t> {
    #[serde(borrow, default)]
    r#type: Placed<'t>,
    #[serde(borrow, default)]
    url: Placed<'t>,
    #[serde(borrow, default)]
    reference: Placed<'t>,
    #[serde(borrow, default)]
    shasum: Placed<'t>,
}

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let lines = Lines::of(text);
    let mut list = List::new(Format::Composer);
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut in_order = Vec::new();
    let for_dev = file.packages_dev.unwrap_or_default();
    let all = file.packages.iter().map(|package| (package, false));
    for (package, is_dev) in all.chain(for_dev.iter().map(|package| (package, true))) {
        let line = lines.line(package.name);
        let name = package.name.text().ok_or_else(|| format!("line {line}: a package without a name"))?;
        let version = package.version.text();
        let mut locked = list.package(&name, version.as_deref(), source(package), line);
        locked.is_dev = Some(is_dev);
        let sum = package.dist.as_ref().and_then(|dist| dist.shasum.text());
        locked.checksums.extend(sum.and_then(|hex| plain_hex(Algorithm::Sha1, &hex)));
        let place = list.add(locked);
        places.insert(Ecosystem::Packagist.normal_name(&name).into_owned(), place);
        in_order.push((place, package));
    }
    for (place, package) in in_order {
        // PHP itself and its extensions are required in the same way, and are not here.
        let found =
            package.require.names().filter_map(|name| places.get(&*Ecosystem::Packagist.normal_name(name)).copied());
        let found: Vec<usize> = found.collect();
        list.depend(place, found);
    }
    Ok(list.done())
}

fn source(package: &Package) -> Source {
    let text = |place: Placed| place.text().map(|text| text.into_owned()).unwrap_or_default();
    let is_path = |from: &&From| text(from.r#type) == "path";
    if let Some(path) = package.dist.as_ref().filter(is_path) {
        return Source::Path(text(path.url));
    }
    let dist = package.dist.as_ref().map(|dist| text(dist.url)).unwrap_or_default();
    match (&package.source, package.notification_url.text()) {
        (_, Some(_)) => Source::Registry(dist),
        (Some(from), None) => Source::Git(format!("{}#{}", text(from.url), text(from.reference))),
        (None, None) => Source::Url(dist),
    }
}
