//! apt's and dpkg's files.

use super::{Checked, check_order, text};
use crate::backends::apt::config::{Config, quote_word};
use crate::backends::apt::control::Stanzas;
use crate::backends::apt::lists::{ListHead, file_name, host, read_list, read_translations};
use crate::backends::apt::pins::{Pattern, Pins};
use crate::backends::apt::qualified::Qualified;
use crate::backends::apt::release::Release;
use crate::backends::apt::rules::Weights;
use crate::backends::apt::sources::{Defaults, parse, release_uri};
use crate::backends::apt::status::{self, Places};
use crate::backends::apt::{owned, version as dpkg};
use std::collections::HashMap;
use std::path::Path;

/// There is nothing there: no `#include` leads to a file.
const NOWHERE: &str = "/nonexistent/root";

fn all(text: &str, comments: bool) -> Vec<Vec<(String, String)>> {
    let mut stanzas = if comments { Stanzas::with_comments(text) } else { Stanzas::new(text) };
    let (mut stanza, mut out) = (Vec::new(), Vec::new());
    while stanzas.read_into(&mut stanza) {
        assert!(!stanza.is_empty());
        out.push(stanza.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
    }
    out
}

/// What was read is read again the same when it is written out.
pub fn control(data: &[u8]) {
    let text = text(data);
    all(&text, true);
    let stanzas = all(&text, false);
    let mut written = String::new();
    for stanza in &stanzas {
        stanza.iter().for_each(|(name, value)| written += &format!("{name}: {value}\n"));
        written.push('\n');
    }
    assert_eq!(all(&written, false), stanzas, "{written:?}");
}

/// A `Packages` list, and dpkg's status file, which is read from a file as everything beside it is.
pub fn packages(data: &[u8]) {
    let mut sink = Checked::default();
    let mut seen = Default::default();
    let head = ListHead { repository: 0, native: "amd64", list: 0, weights: &Weights::default() };
    read_list(&text(data), &head, &HashMap::new(), Some(&mut seen), &mut sink);
    Qualified::read([&*text(data)].into_iter(), &["amd64".to_owned()]);
}

/// dpkg's own files: the status, diversions and lists of paths, all of the same bytes.
pub fn files(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let places = Places {
        status: folder.path().join("status"),
        extended_states: folder.path().join("extended_states"),
        admin: folder.path().to_owned(),
    };
    let info = places.info();
    std::fs::create_dir(&info).expect("a folder");
    for path in [&places.status, &places.extended_states, &places.diversions(), &info.join("a.list")] {
        std::fs::write(path, data).expect("a file");
    }
    let mut sink = Checked::default();
    status::read(&places, "amd64", &|_| false, &mut sink).expect("damage is a problem");
    let mut each = |name: &str, _: &str, path: &[u8]| assert!(!name.is_empty() && !path.is_empty());
    owned::read(&places, "amd64", &mut each, &mut |_| {}).expect("damage is a problem");
}

pub fn translations(data: &[u8]) {
    let text = text(data);
    let mut into = HashMap::new();
    read_translations(&text, &mut into);
}

pub fn release(data: &[u8]) {
    let lists = ["main/binary-amd64/Packages".to_owned(), "main/i18n/Translation-en".to_owned()];
    let release = Release::parse(&text(data), &lists);
    assert_eq!(release.stated.len(), lists.len());
    release.name();
    crate::backends::apt::release::fault(data);
}

pub fn conf(data: &[u8]) {
    let mut config = Config::read(Path::new(NOWHERE), None);
    let _ = config.parse(&text(data), 0);
    for name in ["Dir::State::lists", "Dir::State::status", "Dir::Etc::parts", "RootDir", "a::b"] {
        config.path(name);
        config.list(name);
        config.is_set(name, true);
    }
}

pub fn sources(data: &[u8]) {
    let text = text(data);
    let defaults = Defaults {
        native: "amd64".to_owned(),
        architectures: vec!["amd64".to_owned(), "i386".to_owned()],
        languages: vec!["en".to_owned()],
    };
    for is_deb822 in [false, true] {
        let mut archives = Vec::new();
        let _ = parse(&text, is_deb822, &defaults, &mut archives);
        for archive in &archives {
            // It is the name of a file in one folder, whatever the address holds.
            let name = file_name(&release_uri(&archive.uri, &archive.suite));
            assert!(!name.contains(['/', '\0', '\n', ' ']), "{name:?}");
            host(&archive.uri);
            assert!(!archive.sections.is_empty());
        }
    }
    if let Some((word, rest)) = quote_word(&text) {
        assert!(word.len() + rest.len() <= text.len());
    }
}

pub fn preferences(data: &[u8]) {
    let text = text(data);
    let mut pins = Pins::default();
    let _ = pins.parse(&text);
    if let Some((pattern, name)) = text.split_once('\n') {
        Pattern::parse(pattern).matches(name);
    }
}

pub fn version(data: &[u8]) {
    check_order(dpkg::compare, true, data);
}
