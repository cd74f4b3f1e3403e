//! Configuration files that package managers left beside those in use: `.pacnew`, `.dpkg-dist` and their like.
//!
//! A package manager keeps no list of them, so they are looked for: everywhere below `/etc`, and elsewhere beside the files that
//! packages say are configuration. No link is followed. What becomes of them is decided in [`super::settle`].

use super::World;
use crate::backends::Backend;
use crate::model::Source;
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is left beside a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The package's newer one, which was not put in place since the one in use had been changed.
    New,
    /// What was in use before, or when the package was removed.
    Old,
    /// A file that was there before the package came.
    Original,
    /// Left by a run that was interrupted; the package manager finishes it itself.
    Unfinished,
}

/// What their names end with, and whose they are. A number may stand behind: `.pacsave.1`.
const ENDINGS: [(&str, Source, Kind); 11] = [
    (".pacnew", Source::Pacman, Kind::New),
    (".pacsave", Source::Pacman, Kind::Old),
    (".pacorig", Source::Pacman, Kind::Original),
    (".dpkg-dist", Source::Apt, Kind::New),
    (".dpkg-old", Source::Apt, Kind::Old),
    (".dpkg-bak", Source::Apt, Kind::Old),
    (".dpkg-new", Source::Apt, Kind::Unfinished),
    (".dpkg-tmp", Source::Apt, Kind::Unfinished),
    (".ucf-dist", Source::Apt, Kind::New),
    (".ucf-old", Source::Apt, Kind::Old),
    (".ucf-new", Source::Apt, Kind::Unfinished),
];

/// More than any `/etc` has.
const MAX_DEPTH: usize = 32;
const MAX_ENTRIES: usize = 500_000;

/// A file that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The one in use, below the root; it need not be there.
    pub path: PathBuf,
    pub leftover: PathBuf,
    pub kind: Kind,
    /// The family that knows what to do with it.
    pub source: Source,
    /// The package that says that this is its configuration.
    pub package: Option<String>,
    /// Since when each of both has its content, in seconds since 1970.
    pub modified: Option<i64>,
    pub leftover_modified: i64,
    /// Whether the two differ; nothing where one of them cannot be read or is not there.
    pub differs: Option<bool>,
}

/// All that was found, by path, and what could not be looked at.
#[derive(Default)]
pub struct Found {
    pub leftovers: Vec<Leftover>,
    /// What packages call configuration now, with their names.
    pub declared: Vec<(String, PathBuf)>,
    /// Folders that the person may not read.
    pub unreadable: Vec<PathBuf>,
    /// There was more than is looked at.
    pub is_cut: bool,
}

/// The name of the file in use, whose leftover it is, and what kind of one; nothing for other names.
pub fn parse(name: &OsStr) -> Option<(&OsStr, Source, Kind)> {
    let bytes = name.as_bytes();
    let number = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let unnumbered = if number > 0 { bytes[..bytes.len() - number].strip_suffix(b".") } else { None };
    [Some(bytes), unnumbered].into_iter().flatten().find_map(|bytes| {
        ENDINGS.iter().find_map(|(ending, source, kind)| {
            let stem = bytes.strip_suffix(ending.as_bytes()).filter(|stem| !stem.is_empty())?;
            Some((OsStr::from_bytes(stem), *source, *kind))
        })
    })
}

/// The endings under which a file that is replaced is kept: as its package manager would name it, then with numbers.
pub fn endings_for_old(leftover: &Path) -> impl Iterator<Item = String> + use<> {
    let ending = match parse(leftover.file_name().unwrap_or_default()) {
        Some((_, Source::Pacman, _)) => ".pacsave",
        _ if leftover.as_os_str().as_bytes().ends_with(b".ucf-dist") => ".ucf-old",
        _ => ".dpkg-old",
    };
    [ending.to_owned()].into_iter().chain((1..).map(move |number| format!("{ending}.{number}")))
}

/// All leftovers of the families that `shows` agrees to; outside of `/etc` only those of the packages in `of`, where some are named.
/// `formerly` was called configuration before, as by a package that has been removed since; what is left of it is looked for too.
pub fn find(
    world: &World,
    of: Option<&BTreeSet<&str>>,
    formerly: &[(String, PathBuf)],
    shows: impl Fn(Source) -> bool,
) -> Result<Found> {
    let mut found = Found::default();
    let has = |source: Source| world.backends.iter().any(|backend| backend.source() == source);
    for backend in world.backends.iter().map(AsRef::as_ref).filter(|backend| shows(backend.source())) {
        // What a family left that is here no more is everybody's.
        let declared = backend.conffiles(of)?;
        look(backend, |whose| whose == backend.source() || !has(whose), declared, formerly, &mut found)?;
    }
    found.leftovers.sort_by(|a, b| (&a.path, &a.leftover).cmp(&(&b.path, &b.leftover)));
    found.leftovers.dedup_by(|later, first| later.leftover == first.leftover);
    Ok(found)
}

fn look(
    backend: &dyn Backend,
    is_its: impl Fn(Source) -> bool,
    now: Vec<(String, PathBuf)>,
    formerly: &[(String, PathBuf)],
    found: &mut Found,
) -> Result<()> {
    let root = backend.root();
    // A later one of the same path counts.
    let declared: HashMap<&Path, &str> =
        formerly.iter().chain(&now).map(|(package, path)| (path.as_path(), package.as_str())).collect();
    let mut elsewhere: BTreeSet<PathBuf> = BTreeSet::new();
    elsewhere.extend(
        declared.keys().filter(|path| !path.starts_with("/etc")).filter_map(|path| Some(path.parent()?.into())),
    );
    let mut pairs: BTreeMap<PathBuf, (PathBuf, Source, Kind)> = BTreeMap::new();
    let mut left = MAX_ENTRIES;
    let mut open: Vec<(PathBuf, usize)> = elsewhere.into_iter().map(|folder| (folder, 0)).collect();
    open.push(("/etc".into(), MAX_DEPTH));
    while let Some((folder, depth)) = open.pop() {
        let is_etc = depth > 0;
        let entries = match fs::read_dir(below(root, &folder)) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() == ErrorKind::PermissionDenied {
                    found.unreadable.push(folder);
                }
                continue;
            }
        };
        for entry in entries.flatten() {
            if left == 0 {
                found.is_cut = true;
                break;
            }
            left -= 1;
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            if kind.is_dir() && is_etc {
                found.is_cut |= depth == 1;
                if depth > 1 {
                    open.push((folder.join(name), depth - 1));
                }
            } else if kind.is_file()
                && let Some((stem, source, what)) = parse(&name)
                && is_its(source)
                && (is_etc || declared.contains_key(&*folder.join(stem)))
            {
                pairs.insert(folder.join(&name), (folder.join(stem), source, what));
            }
        }
    }
    for (leftover, (path, _, kind)) in pairs {
        let package = declared.get(&*path).map(|package| (*package).to_owned());
        found.leftovers.extend(seen(root, path, leftover, kind, backend.source(), package));
    }
    found.declared.extend(now);
    Ok(())
}

/// Both files as they are now; nothing where the leftover went meanwhile.
fn seen(
    root: &Path,
    path: PathBuf,
    leftover: PathBuf,
    kind: Kind,
    source: Source,
    package: Option<String>,
) -> Option<Leftover> {
    let (file, left) = (below(root, &path), below(root, &leftover));
    let (stat, left_stat) = (fs::metadata(&file).ok(), fs::symlink_metadata(&left).ok()?);
    let differs = stat.as_ref().and_then(|stat| differ(&file, stat, &left, &left_stat));
    let modified = stat.map(|stat| stat.mtime());
    Some(Leftover { path, leftover, kind, source, package, modified, leftover_modified: left_stat.mtime(), differs })
}

fn differ(a: &Path, stat_a: &Metadata, b: &Path, stat_b: &Metadata) -> Option<bool> {
    if !stat_a.is_file() {
        return None;
    }
    if stat_a.len() != stat_b.len() {
        return Some(true);
    }
    if stat_a.len() > super::settle::MAX_BYTES {
        return None;
    }
    Some(fs::read(a).ok()? != fs::read(b).ok()?)
}

/// A path of the root as this process finds it.
pub fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_known_with_and_without_a_number() {
        let parsed =
            |name: &str| parse(OsStr::new(name)).map(|(stem, _, kind)| (stem.to_str().unwrap().to_owned(), kind));
        assert_eq!(parsed("a.conf.pacnew"), Some(("a.conf".into(), Kind::New)));
        assert_eq!(parsed("a b.pacsave.12"), Some(("a b".into(), Kind::Old)));
        assert_eq!(parsed("x.dpkg-dist"), Some(("x".into(), Kind::New)));
        assert_eq!(parsed("x.dpkg-new"), Some(("x".into(), Kind::Unfinished)));
        assert_eq!(parsed("x.pacorig"), Some(("x".into(), Kind::Original)));
        // Of a leftover of a leftover, the outer one.
        assert_eq!(parsed("x.pacsave.pacnew"), Some(("x.pacsave".into(), Kind::New)));
        for other in
            ["", ".pacnew", "pacnew", "x.pacnew.", "x.pacnew.1a", "x.pacnewer", "x.dpkg-dist~", "1", ".1", "x.1"]
        {
            assert_eq!(parsed(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_replaced_is_kept_under_a_name_that_is_found_again() {
        for (leftover, first, second) in [
            ("/etc/a.pacnew", ".pacsave", ".pacsave.1"),
            ("/etc/a.dpkg-dist", ".dpkg-old", ".dpkg-old.1"),
            ("/etc/a.ucf-dist", ".ucf-old", ".ucf-old.1"),
        ] {
            let endings: Vec<String> = endings_for_old(Path::new(leftover)).take(2).collect();
            assert_eq!(endings, [first, second]);
            for ending in endings {
                assert_eq!(parse(OsStr::new(&format!("a{ending}"))).map(|(_, _, kind)| kind), Some(Kind::Old));
            }
        }
    }
}
