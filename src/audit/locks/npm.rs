//! `package-lock.json` and `npm-shrinkwrap.json`: version 1, a tree of dependencies, and 2 and 3, a list of folders.

use super::json::{Lines, Members, Names, Placed};
use super::list::List;
use super::tree::Tree;
use super::{Format, Lock, Source, checksum, split_at_sign};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct File<'t> {
    #[serde(borrow)]
    packages: Option<Members<Package<'t>>>,
    /// Version 2 has both, and the list is the newer.
    #[serde(borrow)]
    dependencies: Option<&'t RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package<'t> {
    #[serde(borrow, default)]
    name: Placed<'t>,
    #[serde(borrow, default)]
    version: Placed<'t>,
    #[serde(borrow, default)]
    resolved: Placed<'t>,
    #[serde(borrow, default)]
    integrity: Placed<'t>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    dependencies: Names,
    #[serde(default)]
    dev_dependencies: Names,
    #[serde(default)]
    optional_dependencies: Names,
    #[serde(default)]
    peer_dependencies: Names,
}

#[derive(Deserialize)]
struct Old<'t> {
    #[serde(borrow, default)]
    version: Placed<'t>,
    #[serde(borrow, default)]
    resolved: Placed<'t>,
    #[serde(borrow, default)]
    integrity: Placed<'t>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    requires: Names,
    #[serde(borrow, default)]
    dependencies: Members<Old<'t>>,
}

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let lines = Lines::of(text);
    match (file.packages, file.dependencies) {
        (Some(packages), _) => Ok(of_folders(packages, &lines)),
        (None, Some(dependencies)) => {
            let old: Members<Old> = serde_json::from_str(dependencies.get()).map_err(|error| error.to_string())?;
            Ok(of_tree(&old, &lines))
        }
        // A project without dependencies.
        (None, None) if text.contains("\"lockfileVersion\"") => Ok(List::new(Format::Npm).done()),
        (None, None) => Err("is no lock file of npm: it has neither packages nor dependencies".to_owned()),
    }
}

fn of_folders(packages: Members<Package>, lines: &Lines) -> Lock {
    let (mut list, mut tree) = (List::new(Format::Npm), Tree::new());
    let mut links = Vec::new();
    let mut from = Vec::new();
    for (path, package) in &packages.0 {
        let Some(folder) = tree.folder(path.split('/').filter(|part| !part.is_empty())) else {
            list.problem(lines.line(package.version), "a package lies too many folders deep, and was not read");
            continue;
        };
        let resolved = package.resolved.text().unwrap_or_default();
        if package.link {
            links.push((folder, resolved));
            continue;
        }
        let in_modules = path.rsplit_once("node_modules/").map(|(_, name)| name);
        let name = package.name.text().unwrap_or_else(|| in_modules.unwrap_or(path).into());
        let version = package.version.text();
        if path.is_empty() && version.is_none() && name.is_empty() {
            // The project itself, of which nothing is said.
            from.push((folder, None, package));
            continue;
        }
        let source = if in_modules.is_some() { source(&resolved) } else { Source::Path(path.clone()) };
        let mut locked = list.package(&name, version.as_deref(), source, lines.line(package.version));
        locked.is_dev = Some(package.dev);
        locked.checksums = checksum::of_integrity(&package.integrity.text().unwrap_or_default());
        let is_own = in_modules.is_none();
        let place = list.add(locked);
        tree.hold(folder, place);
        list.roots.extend(is_own.then_some(place));
        from.push((folder, Some(place), package));
    }
    for (folder, to) in links {
        let target = tree.folder(to.split('/').filter(|part| !part.is_empty())).and_then(|at| tree.find(at, &[]));
        if let Some(target) = target {
            tree.hold(folder, target);
        }
    }
    for (folder, place, package) in from {
        // Of packages that were fetched npm leaves those of development out.
        let kinds = [
            &package.dependencies,
            &package.dev_dependencies,
            &package.optional_dependencies,
            &package.peer_dependencies,
        ];
        let found = kinds.into_iter().flat_map(Names::names).filter_map(|name| in_tree(&tree, folder, name));
        match place {
            Some(place) => list.depend(place, found),
            None => list.roots.extend(found),
        }
    }
    list.done()
}

fn in_tree(tree: &Tree, folder: usize, name: &str) -> Option<usize> {
    match name.split_once('/') {
        Some((scope, name)) => tree.find(folder, &["node_modules", scope, name]),
        None => tree.find(folder, &["node_modules", name]),
    }
}

fn of_tree(top: &Members<Old>, lines: &Lines) -> Lock {
    let (mut list, mut tree) = (List::new(Format::Npm), Tree::new());
    let mut from = Vec::new();
    hang(top, lines, &mut list, &mut tree, &mut from, &mut Vec::new());
    for (folder, place, old) in from {
        let found = old.requires.names().filter_map(|name| in_tree(&tree, folder, name));
        list.depend(place, found);
    }
    list.done()
}

/// serde_json goes no deeper than 128, and so does this.
fn hang<'t, 'o>(
    members: &'o Members<Old<'t>>,
    lines: &Lines,
    list: &mut List,
    tree: &mut Tree,
    from: &mut Vec<(usize, usize, &'o Old<'t>)>,
    path: &mut Vec<&'o str>,
) {
    for (name, old) in &members.0 {
        let line = lines.line(old.version);
        let depth = path.len();
        path.push("node_modules");
        path.extend(name.split('/'));
        let version = old.version.text().unwrap_or_default();
        let resolved = old.resolved.text().unwrap_or_default();
        let is_number = version.starts_with(|c: char| c.is_ascii_digit());
        let (name, version, source) = match version.strip_prefix("npm:").and_then(split_at_sign) {
            Some((name, version)) => (name, Some(version), source(&resolved)),
            None if is_number => (name.as_str(), Some(&*version), source(&resolved)),
            // Not from the registry: the place stands instead of a version.
            None => (name.as_str(), None, self::source(&version)),
        };
        let mut locked = list.package(name, version, source, line);
        locked.is_dev = Some(old.dev);
        locked.checksums = checksum::of_integrity(&old.integrity.text().unwrap_or_default());
        let place = list.add(locked);
        match tree.folder(path.iter().copied()) {
            Some(folder) => {
                tree.hold(folder, place);
                from.push((folder, place, old));
            }
            None => list.problem(line, "a package lies too many folders deep, and what it needs was not read"),
        }
        hang(&old.dependencies, lines, list, tree, from, path);
        path.truncate(depth);
    }
}

/// By what npm wrote for where it came from. A registry's archives lie behind `/-/`; some registries have other addresses, and npm no
/// word for the difference.
pub(super) fn source(resolved: &str) -> Source {
    let text = resolved.to_owned();
    let is_git = resolved.contains(".git#")
        || ["git+", "git:", "git@", "github:", "gitlab:", "bitbucket:"].iter().any(|start| resolved.starts_with(start));
    if is_git {
        Source::Git(text)
    } else if resolved.starts_with("file:") || resolved.starts_with("link:") {
        Source::Path(resolved[5..].to_owned())
    } else if resolved.is_empty() || resolved.contains("/-/") {
        Source::Registry(text)
    } else {
        Source::Url(text)
    }
}
