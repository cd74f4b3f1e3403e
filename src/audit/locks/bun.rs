//! `bun.lock`: JSON with comments and trailing commas; packages by their folders, each a list whose length tells where it is from.

use super::json::{Lines, Members, Names, Placed};
use super::list::List;
use super::npm;
use super::tree::Tree;
use super::{Format, Lock, Source, checksum, split_at_sign};
use crate::sys::jsonc;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct File<'t> {
    #[serde(default)]
    workspaces: Members<Needs>,
    #[serde(borrow)]
    packages: Members<Vec<&'t RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Needs {
    name: String,
    dependencies: Names,
    dev_dependencies: Names,
    optional_dependencies: Names,
    peer_dependencies: Names,
    /// Which of the peers need not be there.
    optional_peers: Vec<String>,
}

impl Needs {
    fn wanted(&self) -> impl Iterator<Item = &str> {
        let peers =
            self.peer_dependencies.names().filter(|name| !self.optional_peers.iter().any(|optional| optional == name));
        self.dependencies.names().chain(self.optional_dependencies.names()).chain(peers)
    }
}

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let plain = jsonc::without_comments(text);
    let file: File = serde_json::from_str(&plain).map_err(|error| error.to_string())?;
    let lines = Lines::of(&plain);
    let (mut list, mut tree) = (List::new(Format::Bun), Tree::new());
    let mut needs = Vec::new();
    for (path, parts) in &file.packages.0 {
        let first = parts.first().map(|raw| Placed::of(raw)).unwrap_or_default();
        let line = lines.line(first);
        let wrong = || format!("line {line}: {path:?} is no package");
        let what = first.text().ok_or_else(wrong)?;
        let (name, from) = split_at_sign(&what).ok_or_else(wrong)?;
        let texts: Vec<_> = parts[1..].iter().filter_map(|raw| Placed::of(raw).text()).collect();
        let is_number = from.starts_with(|c: char| c.is_ascii_digit());
        let (version, source) = if is_number {
            (Some(from), Source::Registry(texts.first().filter(|_| texts.len() > 1).map_or("", |url| url).to_owned()))
        } else {
            let local = ["workspace:", "root:", "file:", "link:"].iter().find_map(|start| from.strip_prefix(start));
            (None, local.map_or_else(|| npm::source(from), |path| Source::Path(path.to_owned())))
        };
        let mut package = list.package(name, version, source, line);
        package.checksums = texts.last().map(|text| checksum::of_integrity(text)).unwrap_or_default();
        let place = list.add(package);
        let Some(folder) = tree.folder(names(path)) else {
            list.problem(line, "a package lies too many folders deep, and what it needs was not read");
            continue;
        };
        tree.hold(folder, place);
        let object = parts.iter().find(|raw| raw.get().starts_with('{'));
        let of_package: Option<Needs> = object.and_then(|raw| serde_json::from_str(raw.get()).ok());
        needs.push((place, folder, of_package.unwrap_or_default()));
    }
    for (place, folder, of_package) in &needs {
        list.depend(*place, of_package.wanted().filter_map(|name| tree.find(*folder, &[name])));
    }
    let (mut wanted, mut for_dev, mut of_own) = (Vec::new(), Vec::new(), Vec::new());
    for (path, workspace) in &file.workspaces.0 {
        // The packages of a workspace lie below its name; those of the whole project at the top.
        let own = (!path.is_empty()).then(|| tree.folder([workspace.name.as_str()].into_iter())).flatten();
        let folder = own.unwrap_or(Tree::TOP);
        let find = |name: &str| tree.find(folder, &[name]);
        let (of_use, of_dev): (Vec<usize>, Vec<usize>) = (
            workspace.wanted().filter_map(find).collect(),
            workspace.dev_dependencies.names().filter_map(find).collect(),
        );
        if let Some(place) = own.and_then(|folder| tree.find(folder, &[])) {
            list.depend(place, of_use.iter().copied());
            of_own.push((place, of_dev.clone()));
        }
        wanted.extend(of_use);
        for_dev.extend(of_dev);
    }
    list.roots.extend(wanted.iter().chain(&for_dev));
    list.mark_dev(&wanted, &for_dev);
    for (place, of_dev) in of_own {
        list.depend(place, of_dev);
        list.roots.push(place);
    }
    Ok(list.done())
}

/// `a/@scope/b` is b of a scope, below a.
fn names(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let text = rest?;
        let skipped = if text.starts_with('@') { text.find('/').map_or(text.len(), |at| at + 1) } else { 0 };
        let end = text[skipped..].find('/').map(|at| skipped + at);
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}
