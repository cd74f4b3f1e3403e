//! Which package owns which path: dpkg's `info/*.list` and its diversions.
//!
//! A diverted path is told under the name it was moved to, for every package but the one that diverted it. So the path
//! itself is told for its owner alone, where `dpkg -S` names every package that has it in its list.

use super::control::{Stanzas, cut_short, text};
use super::record::Record;
use super::status::{Places, Status, list_file};
use crate::model::Problem;
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::path::Path;

/// dpkg's diversions: the path to the path it was moved to, and the package that did it (`:` for the administrator).
pub type Diversions = HashMap<Vec<u8>, (Vec<u8>, Vec<u8>)>;

/// Reads `diversions`: three lines each.
pub fn diversions(path: &Path) -> Result<Diversions> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Diversions::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    Ok(lines.chunks_exact(3).map(|three| (three[0].to_vec(), (three[1].to_vec(), three[2].to_vec()))).collect())
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
        Diversions::new()
    });
    if std::fs::File::open(&places.status).is_err() {
        return Ok(());
    }
    packages(places, native, &mut |name, arch, list| {
        let fault = match paths(list, name, &moved, &mut |path| each(name, arch, path)) {
            Ok(fault) => fault.map(str::to_owned),
            Err(error) => Some(error.root_cause().to_string()),
        };
        fault.into_iter().for_each(|message| problem(Problem { path: list.to_owned(), message }));
        Ok(())
    })
}

/// The paths of one package; `None` where dpkg has no list of it.
pub fn of(places: &Places, native: &str, name: &str, arch: &str) -> Result<Option<Vec<Vec<u8>>>> {
    let moved = diversions(&places.diversions())?;
    let mut found = None;
    packages(places, native, &mut |this, its_arch, list| {
        if this == name && its_arch == arch {
            paths(list, name, &moved, &mut |path| found.get_or_insert_with(Vec::new).push(path.to_vec()))?;
            found.get_or_insert_with(Vec::new);
        }
        Ok(())
    })?;
    Ok(found)
}

fn packages(places: &Places, native: &str, each: &mut dyn FnMut(&str, &str, &Path) -> Result<()>) -> Result<()> {
    let bytes = crate::sys::unpack::read(&places.status)?;
    let content = text(&bytes);
    let info = places.info();
    let (mut stanzas, mut stanza, mut record) = (Stanzas::new(&content), Vec::new(), Record::default());
    while stanzas.read_into(&mut stanza) {
        record.set(&stanza);
        if Status::parse(record.status).install_state().is_none() {
            continue;
        }
        if let Some(list) = list_file(&info, &record) {
            each(&super::lists::lower_case(record.name), record.foreign_arch(native), &list)?;
        }
    }
    Ok(())
}

/// What shows that the list is cut short is given back.
fn paths(list: &Path, package: &str, moved: &Diversions, each: &mut dyn FnMut(&[u8])) -> Result<Option<&'static str>> {
    let bytes = std::fs::read(list).with_context(|| format!("cannot read {}", list.display()))?;
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let path = match line {
            [start @ .., b'/'] if !start.is_empty() => start,
            whole => whole,
        };
        match moved.get(path).filter(|(_, by)| by != package.as_bytes()) {
            Some((to, _)) => each(to),
            None => each(path),
        }
    }
    Ok(cut_short(&bytes))
}
