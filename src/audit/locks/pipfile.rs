//! `Pipfile.lock`. It does not say who needs whom.

use super::checksum;
use super::json::{Lines, Members, Placed};
use super::list::List;
use super::{Format, Lock, Source};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Package<'t> {
    #[serde(borrow, default)]
    version: Placed<'t>,
    #[serde(default)]
    hashes: Vec<String>,
    #[serde(borrow, default)]
    git: Placed<'t>,
    #[serde(borrow, default)]
    r#ref: Placed<'t>,
    #[serde(borrow, default)]
    path: Placed<'t>,
    #[serde(borrow, default)]
    file: Placed<'t>,
}

pub(super) fn read(text: &str) -> Result<Lock, String> {
    // Beside `default` and `develop` there may be groups of any name.
    let file: Members<&RawValue> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if !file.names().any(|name| name == "_meta") {
        return Err("is no lock file of pipenv: it has no _meta".to_owned());
    }
    let lines = Lines::of(text);
    let mut list = List::new(Format::Pipfile);
    for (group, packages) in file.0.iter().filter(|(group, _)| group != "_meta") {
        let packages: Members<Package> =
            serde_json::from_str(packages.get()).map_err(|error| format!("{group:?}: {error}"))?;
        for (name, package) in &packages.0 {
            let pinned = package.version.text();
            let version = pinned.as_deref().and_then(|version| version.strip_prefix("==")).map(str::trim);
            let text = |place: Placed| place.text().map(|text| text.into_owned());
            let path = text(package.path).or_else(|| text(package.file));
            let source = match (text(package.git), path) {
                (Some(url), _) => Source::Git(format!("{url}#{}", text(package.r#ref).unwrap_or_default())),
                (None, Some(path)) if path.contains("://") => Source::Url(path),
                (None, Some(path)) => Source::Path(path),
                (None, None) => Source::Registry(String::new()),
            };
            let mut locked = list.package(name, version, source, lines.line(package.version));
            locked.is_dev = Some(group == "develop");
            locked.checksums = package.hashes.iter().filter_map(|hash| checksum::of_hex(hash)).collect();
            list.add(locked);
        }
    }
    Ok(list.done())
}
