//! The scripts of a `package.json`, and which of npm, pnpm, yarn and bun runs them.
//!
//! In the folder, then in those above up to the project's top (the members of a workspace have neither): `packageManager`, then
//! `devEngines.packageManager`, then the lockfile. Where lockfiles of several lie side by side each of these has the scripts: which is
//! meant has to be said. Without any sign it is npm.

use super::file::{Parsed, Place, beside};
use super::json::{Document, Raw, member, members, object, string};
use super::{Found, Source};

const MANAGERS: [Source; 4] = [Source::Npm, Source::Pnpm, Source::Yarn, Source::Bun];

const LOCKFILES: [(&str, Source); 6] = [
    ("package-lock.json", Source::Npm),
    ("npm-shrinkwrap.json", Source::Npm),
    ("pnpm-lock.yaml", Source::Pnpm),
    ("yarn.lock", Source::Yarn),
    ("bun.lock", Source::Bun),
    ("bun.lockb", Source::Bun),
];

pub(super) fn tasks(place: &Place, text: &str) -> Parsed {
    let found = scripts(text)?;
    let managers = if found.is_empty() { vec![Source::Npm] } else { managers(place, text) };
    let by = |source: Source| found.iter().map(move |found| (source, found.clone()));
    Ok(managers.into_iter().flat_map(by).collect())
}

pub(super) fn scripts(text: &str) -> Result<Vec<Found>, String> {
    let document = Document::new(text);
    let found = |(name, value): (String, Raw)| Some(Found::new(name, document.line(value), string(value)?));
    Ok(document.members_of("scripts")?.into_iter().filter_map(found).collect())
}

fn managers(place: &Place, text: &str) -> Vec<Source> {
    for (level, folder) in place.folders.iter().enumerate() {
        let above = if level == 0 { None } else { beside(&folder.join("package.json")) };
        let manifest = if level == 0 { Some(text) } else { above.as_deref() };
        if let Some(manager) = manifest.and_then(named) {
            return vec![manager];
        }
        let locked = LOCKFILES.iter().filter(|(name, _)| folder.join(name).exists());
        let mut managers: Vec<Source> = locked.map(|(_, manager)| *manager).collect();
        managers.dedup();
        if !managers.is_empty() {
            return managers;
        }
    }
    vec![Source::Npm]
}

/// The one that a manifest names.
pub(super) fn named(text: &str) -> Option<Source> {
    let manifest = members(text).ok()?;
    let manager = |name: &str| MANAGERS.into_iter().find(|manager| manager.name() == name);
    let written = member(&manifest, "packageManager").and_then(string);
    if let Some(manager) = written.and_then(|text| manager(text.split('@').next().unwrap_or_default())) {
        return Some(manager);
    }
    let engines = object(member(&manifest, "devEngines")?)?;
    let asked = member(&engines, "packageManager")?;
    // One, or a list of which the first will do.
    let list: Option<Vec<Raw>> = serde_json::from_str(asked.get()).ok();
    let first = list.map_or(Some(asked), |list| list.first().copied())?;
    manager(&string(member(&object(first)?, "name")?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    fn managers_of(files: &[(&str, &str)], folder: &str) -> Vec<Source> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let start = root.path().join(folder);
        let folders: Vec<PathBuf> = start.ancestors().take(3).map(PathBuf::from).collect();
        managers(&Place { folders: &folders }, &fs::read_to_string(start.join("package.json")).unwrap())
    }

    #[test]
    fn the_manager_is_the_one_the_project_names() {
        let field = r#"{"packageManager": "pnpm@9.1.0+sha512.abc"}"#;
        assert_eq!(managers_of(&[("a/b/package.json", field), ("a/b/yarn.lock", "")], "a/b"), [Source::Pnpm]);
        let engines = r#"{"devEngines": {"packageManager": [{"name": "bun"}, {"name": "npm"}]}}"#;
        assert_eq!(managers_of(&[("a/b/package.json", engines)], "a/b"), [Source::Bun]);
        assert_eq!(managers_of(&[("a/b/package.json", "{}"), ("a/b/bun.lock", "")], "a/b"), [Source::Bun]);
        assert_eq!(managers_of(&[("a/b/package.json", "{}")], "a/b"), [Source::Npm]);
        let member = [("a/b/package.json", "{}"), ("a/package.json", field), ("yarn.lock", "")];
        assert_eq!(managers_of(&member, "a/b"), [Source::Pnpm]);
        assert_eq!(managers_of(&[member[0], member[2]], "a/b"), [Source::Yarn]);
        let both = [member[0], ("a/b/yarn.lock", ""), ("a/b/package-lock.json", "")];
        assert_eq!(managers_of(&both, "a/b"), [Source::Npm, Source::Yarn]);
    }

    #[test]
    fn scripts_that_are_no_text_are_left_out() {
        let found = scripts("{\"scripts\": {\n\"a\": \"x y\",\n\"b\": 1}}").unwrap();
        assert_eq!(found, [Found::new("a", 2, "x y")]);
        assert_eq!(scripts("{\"scripts\": []}").unwrap_err(), "line 1: \"scripts\" is no object");
        assert!(scripts("{\"scripts\": {").unwrap_err().contains("EOF"));
    }
}
