//! `go.mod`, and the checksums of the `go.sum` beside it.
//!
//! `go.sum` holds what was ever looked at, more than is built. From Go 1.17 on `go.mod` requires all that is built, so it is the list. An
//! older one names only what is asked for: then the other modules of `go.sum` are added, and a problem says that these
//! may be too many. What a `replace` puts in a module's place is listed instead of it. The standard library is not in it: its
//! version is that of the toolchain, which is no part of these files.

use super::checksum::{self, Checksum};
use super::list::List;
use super::{Format, Lock, Source};
use std::collections::HashMap;

#[derive(Default)]
struct Module<'t> {
    /// By its `go 1.21`.
    is_whole: bool,
    is_understood: bool,
    /// Name, version, line.
    requires: Vec<(&'t str, &'t str, u32)>,
    /// By name, and by version where only that is replaced.
    replaces: HashMap<Versioned<'t>, Versioned<'t>>,
}

/// A module's name, and its version where one is named.
type Versioned<'t> = (&'t str, Option<&'t str>);

pub(super) fn read(text: &str, sums: Option<&str>) -> Result<Lock, String> {
    let module = module(text)?;
    let sums = sums.map(checksums);
    let mut list = List::new(Format::Go);
    let mut named = Vec::new();
    for (name, version, line) in &module.requires {
        let of_version = module.replaces.get(&(*name, Some(*version)));
        let (name, version) = match of_version.or_else(|| module.replaces.get(&(*name, None))) {
            Some((path, None)) => {
                list.add(list.package(name, None, Source::Path((*path).to_owned()), *line));
                continue;
            }
            Some((name, Some(version))) => (*name, *version),
            None => (*name, *version),
        };
        let mut package = list.package(name, Some(version), Source::Registry(String::new()), *line);
        package.checksums.extend(sums.as_ref().and_then(|sums| sums.get(&(name, version))).cloned());
        list.add(package);
        named.push(name);
    }
    if !module.is_whole {
        named.sort_unstable();
        let message = "is for a Go before 1.17, and does not name all that is built";
        match sums {
            Some(sums) => {
                let mut others: Vec<_> =
                    sums.into_iter().filter(|((name, _), _)| named.binary_search(name).is_err()).collect();
                others.sort_unstable_by_key(|(key, _)| *key);
                for ((name, version), sum) in others {
                    let mut package = list.package(name, Some(version), Source::Registry(String::new()), 0);
                    package.checksums.push(sum);
                    list.add(package);
                }
                list.problem(0, format!("{message}; the others of go.sum were added, which may be more"));
            }
            None => list.problem(0, format!("{message}, and there is no go.sum")),
        }
    }
    Ok(list.done())
}

fn module(text: &str) -> Result<Module<'_>, String> {
    let mut module = Module::default();
    let mut block = None;
    for (line, text) in (1..).zip(text.lines()) {
        let code = text.split("//").next().unwrap_or_default().trim();
        // Names need quotes only where they hold odd signs.
        let words: Vec<&str> = code.split_ascii_whitespace().map(|word| word.trim_matches(['"', '`'])).collect();
        let words = match (block, &words[..]) {
            (_, []) => continue,
            (Some(_), [")"]) => {
                block = None;
                continue;
            }
            (None, [verb, "("]) => {
                block = Some(*verb);
                continue;
            }
            (Some(verb), words) => [&[verb], words].concat(),
            (None, words) => words.to_vec(),
        };
        match &words[..] {
            ["module", _] => {}
            ["go", version] => module.is_whole = is_whole(version),
            ["require", name, version] => module.requires.push((name, version, line)),
            ["replace", old, "=>", new @ ..] | ["replace", old, _, "=>", new @ ..] if matches!(new, [_] | [_, _]) => {
                let of_version = (words[2] != "=>").then_some(words[2]);
                module.replaces.insert((old, of_version), (new[0], new.get(1).copied()));
            }
            ["require" | "replace" | "go" | "module", ..] => {
                return Err(format!("line {line}: {code:?} is not understood"));
            }
            _ => continue,
        }
        module.is_understood = true;
    }
    if module.is_understood { Ok(module) } else { Err("is no go.mod: it names no module".to_owned()) }
}

/// From 1.17 on.
fn is_whole(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(1), Some(17))
}

/// Of the modules themselves; `/go.mod` behind a version marks the sum of that file alone.
fn checksums(text: &str) -> HashMap<(&str, &str), Checksum> {
    text.lines().filter_map(checksum).collect()
}

fn checksum(line: &str) -> Option<((&str, &str), Checksum)> {
    let mut words = line.split_ascii_whitespace();
    let (name, version, sum) = (words.next()?, words.next()?, words.next()?);
    let sum = checksum::of_integrity(sum).pop()?;
    (!version.ends_with("/go.mod")).then_some(((name, version), sum))
}
