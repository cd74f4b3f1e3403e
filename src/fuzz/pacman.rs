//! pacman's and the AUR's files.

use super::{Checked, check_order, text};
use crate::backends::alpm::conf::Conf;
use crate::backends::alpm::desc::{Desc, entries, split_entry};
use crate::backends::alpm::local::{backup_paths, file_lines};
use crate::backends::alpm::sync::SyncDatabase;
use crate::backends::alpm::{glob, tar as archive, vercmp};
use crate::backends::aur::{metadata, srcinfo as source};
use crate::model::{CatalogueSink, Repository, Source, relation};
use crate::sys::unpack::unpack;
use std::collections::HashMap;
use std::path::Path;

pub fn conf(data: &[u8]) {
    let text = text(data);
    let conf = Conf::parse(&text, Path::new("/nonexistent/root"));
    conf.ignores("linux", "base\nbase-devel");
    conf.keeps("pacman");
    for repository in &conf.repositories {
        assert!(!repository.name.is_empty() && !repository.name.contains('/'));
    }
    if let Some((pattern, name)) = text.split_once('\n') {
        glob::matches(pattern, name);
    }
}

pub fn desc(data: &[u8]) {
    let text = text(data);
    let mut desc = Desc::default();
    desc.read(&text, "name");
    desc.put_sums();
    // Read again from what the entries say: the same.
    let mut written = String::new();
    for (key, value) in entries(&text) {
        written += &format!("%{key}%\n{value}\n\n");
    }
    assert!(entries(&written).eq(entries(&text)), "{written:?}");
    for path in file_lines(data) {
        assert!(!path.is_empty());
    }
    for path in backup_paths(data) {
        assert!(!path.contains(&b'\n'));
    }
    if let Some((name, version)) = split_entry(&text) {
        assert!(!name.is_empty() && !version.is_empty() && text == format!("{name}-{version}"));
    }
}

pub fn tar(data: &[u8]) {
    let _ = archive::members(data, &mut |member| {
        assert_eq!(&data[member.offset..member.offset + member.data.len()], member.data);
    });
}

/// As it lies on the disk, packed or not.
pub fn sync(data: &[u8]) {
    let Ok(bytes) = unpack(data, data.len() as u64) else { return };
    let Ok(database) = SyncDatabase::parse(bytes.clone(), None) else { return };
    // Of what is asked for, all that the whole database has.
    let only = database.entries().map(|entry| entry.name).step_by(2).collect();
    let some = SyncDatabase::parse(bytes, Some(&only)).expect("the same archive");
    let found: HashMap<_, _> = some.entries().map(|entry| (entry.name, entry.version)).collect();
    for entry in database.entries().step_by(2) {
        assert_eq!(found.get(entry.name), Some(&entry.version));
    }
    let mut last = String::new();
    let mut desc = Desc::default();
    for entry in database.entries() {
        assert!(last.as_str() < entry.name && !entry.version.is_empty(), "{last} {}", entry.name);
        entry.read_into(&mut desc);
        entry.groups_and_replaces();
        let mut sink = Checked::default();
        sink.check(entry.name, entry.version, &desc.fields);
        last = entry.name.to_owned();
    }
}

pub fn version(data: &[u8]) {
    check_order(vercmp::compare, false, data);
}

pub fn aur_metadata(data: &[u8]) {
    let mut sink = Checked::default();
    let repository = Repository {
        source: Source::Aur,
        name: "aur".to_owned(),
        location: String::new(),
        security: false,
        priority: None,
        own: false,
        signed: false,
    };
    let id = sink.repository(repository);
    metadata::read(data, Path::new("aur"), id, &mut sink);
}

pub fn srcinfo(data: &[u8]) {
    let text = text(data);
    let Ok(info) = source::parse(&text) else { return };
    assert!(!info.packages.is_empty());
    for package in &info.packages {
        info.version(package);
        info.values_of_all(package, "depends");
        info.first(package, "pkgdesc");
        assert!(info.values(package, "source", "x86_64").count() <= text.len());
    }
}

/// The names alone are those of the relations.
pub fn relations(data: &[u8]) {
    let text = text(data);
    for source in [Source::Apt, Source::Pacman] {
        let groups = relation::parse(source, &text);
        assert!(groups.iter().all(|group| !group.is_empty()));
        let names: Vec<&str> = groups.iter().flatten().map(|relation| relation.name).collect();
        assert!(relation::names(source, &text).eq(names), "{text:?}");
    }
}
