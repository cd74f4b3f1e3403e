//! `yarn.lock` from yarn 2 on, which is YAML.
//!
//! Its checksums are of yarn's own archives and not of what a registry has, so they are left out.

use super::list::List;
use super::npm;
use super::pnpm::LIMITS;
use super::{Format, Lock, Source, split_at_sign};
use crate::sys::yaml::{self, Node};
use std::collections::HashMap;

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let root = yaml::read(text, LIMITS)?;
    let mut list = List::new(Format::Yarn);
    let mut places: HashMap<&str, usize> = HashMap::new();
    let entries = root.entries();
    let entries = || entries.iter().filter(|entry| entry.key != "__metadata");
    for entry in entries() {
        let member = |name: &str| entry.value.member(name).and_then(Node::text);
        let wrong = || format!("line {}: {:?} has no resolution", entry.line, entry.key);
        let (name, from) = member("resolution").and_then(split_at_sign).ok_or_else(wrong)?;
        let (kind, rest) = from.split_once(':').unwrap_or(("", from));
        let source = match kind {
            "npm" => Source::Registry(String::new()),
            // Changed here, but still that version of that package.
            "patch" => Source::Registry(String::new()),
            "workspace" | "file" | "link" | "portal" => {
                Source::Path(rest.split("::").next().unwrap_or(rest).to_owned())
            }
            _ if from.contains("commit=") => Source::Git(from.to_owned()),
            _ => npm::source(from),
        };
        let is_own = kind == "workspace";
        let version = member("version").filter(|version| *version != "0.0.0-use.local");
        let place = list.add(list.package(name, version, source, entry.line));
        list.roots.extend(is_own.then_some(place));
        places.extend(entry.key.split(", ").map(|key| (key, place)));
    }
    for entry in entries() {
        let Some(place) = entry.key.split(", ").next().and_then(|key| places.get(key)).copied() else { continue };
        for need in entry.value.member("dependencies").map(Node::entries).unwrap_or_default() {
            let (name, range) = (&need.key, need.value.text().unwrap_or_default());
            // Before version 8 `npm:` was left out here, and not in the keys.
            let keys = [format!("{name}@{range}"), format!("{name}@npm:{range}"), format!("{name}@workspace:{range}")];
            list.depend(place, keys.iter().find_map(|key| places.get(&**key)).copied());
        }
    }
    Ok(list.done())
}
