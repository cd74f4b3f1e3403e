//! Which package owns which path: dpkg's `info/*.list` and its diversions.
//!
//! A diverted path is told under the name it was moved to, for every package but the one that diverted it. So the path
//! itself is told for its owner alone, where `dpkg -S` names every package that has it in its list.

use super::control::{Stanzas, cut_short, value};
use super::status::{self, Places, Status, list_files};
use crate::model::Problem;
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// The longest real lists are some megabytes.
const MAX_LIST_BYTES: u64 = 1 << 30;

/// dpkg's diversions.
pub struct Diversions {
    /// The path to the path it was moved to, and the package that did it (`:` for the administrator).
    moved: HashMap<Vec<u8>, (Vec<u8>, Vec<u8>)>,
    /// By a hash of the path: a machine has half a million paths, of which some thirty are diverted.
    may_be: [bool; 1024],
}

impl Diversions {
    fn parse(text: &[u8]) -> Diversions {
        let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        let mut diversions = Diversions { moved: HashMap::new(), may_be: [false; 1024] };
        for three in lines.chunks_exact(3) {
            diversions.may_be[place(three[0])] = true;
            diversions.moved.insert(three[0].to_vec(), (three[1].to_vec(), three[2].to_vec()));
        }
        diversions
    }

    /// Where `path` of `package` is.
    fn apply<'a>(&'a self, path: &'a [u8], package: &str) -> &'a [u8] {
        if !self.may_be[place(path)] {
            return path;
        }
        match self.moved.get(path).filter(|(_, by)| by != package.as_bytes()) {
            Some((to, _)) => to,
            None => path,
        }
    }
}

fn place(path: &[u8]) -> usize {
    (xxh3_64(path) % 1024) as usize
}

/// Reads `diversions`: three lines each.
pub fn diversions(path: &Path) -> Result<Diversions> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Diversions::parse(&bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Diversions::parse(b"")),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Calls back with name, architecture and path for every path of every package dpkg has a list of. What cannot be read is a
/// problem, but for the status file, which is one of [`super::status::read`].
pub fn read(
    places: &Places,
    native: &str,
    each: &mut dyn FnMut(&str, &str, &[u8]),
    problem: &mut dyn FnMut(Problem),
) -> Result<()> {
    let moved = diversions(&places.diversions()).unwrap_or_else(|error| {
        problem(Problem { path: places.diversions(), message: error.root_cause().to_string() });
        Diversions::parse(b"")
    });
    if File::open(&places.status).is_err() {
        return Ok(());
    }
    lists(places, native, &|_, _| true, &mut |name, arch, path, list| {
        let list = list.unwrap_or_else(|error| {
            problem(Problem { path: path.to_owned(), message: error.to_string() });
            &[]
        });
        paths(list, name, &moved, &mut |path| each(name, arch, path));
        if let Some(fault) = cut_short(list) {
            problem(Problem { path: path.to_owned(), message: fault.to_owned() });
        }
    })
}

/// The paths of one package; `None` where dpkg has no list of it.
pub fn of(places: &Places, native: &str, name: &str, arch: &str) -> Result<Option<Vec<Vec<u8>>>> {
    let moved = diversions(&places.diversions())?;
    let mut found = Ok(None);
    lists(places, native, &|this, its_arch| this == name && its_arch == arch, &mut |name, _, path, list| {
        found = list.with_context(|| format!("cannot read {}", path.display())).map(|list| {
            let mut of = Vec::new();
            paths(list, name, &moved, &mut |path| of.push(path.to_vec()));
            Some(of)
        });
    })?;
    found
}

/// Name, architecture, path of the list, and what stands in it.
type EachList<'c> = &'c mut dyn FnMut(&str, &str, &Path, std::io::Result<&[u8]>);

/// Calls back with the list of every wanted package that dpkg has one of.
fn lists(places: &Places, native: &str, wanted: &dyn Fn(&str, &str) -> bool, each: EachList<'_>) -> Result<()> {
    let content = status::content(&places.status)?;
    let info = places.info();
    let (mut stanzas, mut stanza, mut list) = (Stanzas::new(&content), Vec::new(), Vec::new());
    // Package, Status, Architecture, Multi-Arch.
    while stanzas.skim_into(b"PSAM", &mut stanza) {
        let (name, architecture) = (value(&stanza, "Package"), value(&stanza, "Architecture"));
        let lower = super::lists::lower_case(name);
        let arch = if architecture == native || architecture == "all" { "" } else { architecture };
        if Status::parse(value(&stanza, "Status")).install_state().is_none() || !wanted(&lower, arch) {
            continue;
        }
        let is_multi_arch_same = value(&stanza, "Multi-Arch") == "same";
        for path in list_files(&info, name, architecture, is_multi_arch_same) {
            list.clear();
            // `take` also spares two system calls: a file's own `read_to_end` asks for its size first.
            match File::open(&path).and_then(|file| file.take(MAX_LIST_BYTES).read_to_end(&mut list)) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                read => {
                    each(&lower, arch, &path, read.map(|_| &*list));
                    break;
                }
            }
        }
    }
    Ok(())
}

fn paths(list: &[u8], package: &str, moved: &Diversions, each: &mut dyn FnMut(&[u8])) {
    for line in lines(list).filter(|line| !line.is_empty()) {
        let path = match line {
            [start @ .., b'/'] if !start.is_empty() => start,
            whole => whole,
        };
        each(moved.apply(path, package));
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    memchr::memchr_iter(b'\n', text).chain([text.len()]).map(move |end| {
        let line = &text[from..end];
        from = end + 1;
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diverted_path_is_told_under_its_new_name_for_all_but_the_diverter() {
        let diversions = Diversions::parse(b"/bin/sh\n/bin/sh.distrib\ndash\n/x\n/x.old\n:\n");
        let told = |package: &str| {
            let mut told = Vec::new();
            paths(b"/.\n/bin/sh\n\n/bin/\n/\n/x", package, &diversions, &mut |path| {
                told.push(String::from_utf8(path.to_vec()).unwrap());
            });
            told
        };
        assert_eq!(told("dash"), ["/.", "/bin/sh", "/bin", "/", "/x.old"]);
        assert_eq!(told("bash"), ["/.", "/bin/sh.distrib", "/bin", "/", "/x.old"]);
    }
}
