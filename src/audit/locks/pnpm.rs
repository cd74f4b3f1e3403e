//! `pnpm-lock.yaml`, versions 5 to 9: packages by keys of name, version and the peers they were joined with.
//!
//! What only development asks for is found by following the importers, since version 9 no longer says it of each package.

use super::list::List;
use super::npm;
use super::{Format, Lock, Source, checksum, split_at_sign};
use crate::sys::yaml::{self, Node};
use std::collections::HashMap;

/// A large workspace has some ten thousand packages. None of the tools writes aliases.
pub(super) const LIMITS: yaml::Limits = yaml::Limits { max_entries: 500_000, may_repeat: false };

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let root = yaml::read(text, LIMITS)?;
    let version = root.member("lockfileVersion").and_then(Node::text).ok_or("names no lockfileVersion")?;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if !major.is_some_and(|major| (5..=9).contains(&major)) {
        return Err(format!("is of version {version}, and 5 to 9 are known"));
    }
    let mut list = List::new(Format::Pnpm);
    // By key, and from version 9 on by that of each snapshot.
    let mut places: HashMap<&str, usize> = HashMap::new();
    for entry in root.member("packages").map(Node::entries).unwrap_or_default() {
        let (name, version) = of_key(&entry.key, major == Some(5), &entry.value);
        let resolution = entry.value.member("resolution");
        let member = |name: &str| resolution.and_then(|it| it.member(name)).and_then(Node::text).unwrap_or_default();
        let source = match (member("type"), member("repo"), member("directory"), member("tarball")) {
            ("git", repo, ..) => Source::Git(format!("{repo}#{}", member("commit"))),
            ("directory", _, path, _) => Source::Path(path.to_owned()),
            (.., archive) => npm::source(archive),
        };
        let mut package = list.package(name, version, source, entry.line);
        package.checksums = checksum::of_integrity(member("integrity"));
        places.insert(&entry.key, list.add(package));
    }
    let snapshots = root.member("snapshots").map(Node::entries).unwrap_or_default();
    for entry in &snapshots {
        let whole = entry.key.split('(').next().unwrap_or_default();
        match places.get(whole) {
            Some(place) => drop(places.insert(&entry.key, *place)),
            None => list.problem(entry.line, format!("{:?} is not among the packages", entry.key)),
        }
    }
    let with_needs =
        if major == Some(9) { snapshots } else { root.member("packages").map(Node::entries).unwrap_or_default() };
    for entry in with_needs {
        let Some(place) = places.get(&*entry.key).copied() else { continue };
        for kind in ["dependencies", "optionalDependencies"] {
            list.depend(place, needs(&entry.value, kind, &places));
        }
    }
    // A project that is no workspace had, up to version 6, no list of importers.
    let importers = root.member("importers").map(Node::entries).unwrap_or_default();
    let importers = importers.iter().map(|entry| &*entry.value);
    let importers: Vec<&Node> = if importers.len() == 0 { vec![&*root] } else { importers.collect() };
    let asked = |kind| importers.iter().flat_map(|importer| needs(importer, kind, &places)).collect::<Vec<_>>();
    let wanted = [asked("dependencies"), asked("optionalDependencies")].concat();
    let for_dev = asked("devDependencies");
    list.mark_dev(&wanted, &for_dev);
    list.roots = [wanted, for_dev].concat();
    Ok(list.done())
}

/// `/name/1.0.0_peer@2.0.0` of version 5, `/name@1.0.0(peer@2.0.0)` of 6, without the stroke of 9. What comes from elsewhere has a name
/// and a version of its own beside it.
fn of_key<'n>(key: &'n str, is_old: bool, value: &'n Node) -> (&'n str, Option<&'n str>) {
    let own = |name: &str| value.member(name).and_then(Node::text);
    let plain = key.strip_prefix('/').unwrap_or(key).split('(').next().unwrap_or_default();
    let (name, version) = if is_old {
        // Of a registry beside the usual one the host stands before the name.
        let host = plain
            .split_once('/')
            .filter(|(host, rest)| !key.starts_with('/') && host.contains('.') && rest.contains('/'));
        let plain = host.map_or(plain, |(_, rest)| rest);
        let name_end = plain.match_indices('/').nth(usize::from(plain.starts_with('@'))).map(|(at, _)| at);
        let (name, rest) = name_end.map_or((plain, ""), |at| (&plain[..at], &plain[at + 1..]));
        (name, rest.split('_').next().unwrap_or_default())
    } else {
        split_at_sign(plain).unwrap_or((plain, ""))
    };
    let version = own("version").or(Some(version).filter(|version| version.starts_with(|c: char| c.is_ascii_digit())));
    (own("name").unwrap_or(name), version)
}

/// The packages that a map of dependencies names: by their key, or by what makes a key with their name.
fn needs<'a>(node: &'a Node, kind: &str, places: &'a HashMap<&str, usize>) -> impl Iterator<Item = usize> + use<'a> {
    let entries = node.member(kind).map(Node::entries).unwrap_or_default();
    entries.into_iter().filter_map(|entry| {
        let name = &entry.key;
        let wanted = entry.value.text().or_else(|| entry.value.member("version")?.text())?;
        let keys =
            [wanted.to_owned(), format!("/{name}/{wanted}"), format!("/{name}@{wanted}"), format!("{name}@{wanted}")];
        keys.iter().find_map(|key| places.get(&**key)).copied()
    })
}
