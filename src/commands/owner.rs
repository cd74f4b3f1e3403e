//! `omg owner`: which package a file belongs to.

use super::reply::{Remark, Reply};
use super::{full_name, source};
use crate::context::Ctx;
use crate::index::Index;
use crate::model::Source;
use crate::ui::{Cell, Style, Ui, table};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

pub fn command() -> Command {
    Command::new("owner").about("Find the packages that files belong to").arg(
        Arg::new("PATH")
            .required(true)
            .num_args(1..)
            .value_parser(value_parser!(PathBuf))
            .help("A file or folder, or the name of a command on PATH"),
    )
}

#[derive(Serialize)]
struct Owner {
    path: String,
    package: String,
    version: String,
    source: Source,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let index = ctx.index()?;
    let (mut owners, mut missing) = (Vec::new(), Vec::new());
    for typed in matches.get_many::<PathBuf>("PATH").expect("required") {
        let found = of(ctx, &index, typed)?;
        if found.is_empty() {
            missing.push(typed);
        }
        owners.extend(found);
    }
    let exit = super::found(&index, missing.is_empty());
    let remarks = missing.into_iter().map(|path| Remark::Error {
        message: format!("no installed package owns {}", path.display()),
        hint: "`omg files NAME` shows what a package has".to_owned(),
    });
    Ok(Reply::new(owners, |ui, owners: &Vec<Owner>| text(ui, owners), exit).with(remarks))
}

fn text(ui: &Ui, owners: &[Owner]) -> String {
    let rows = owners.iter().map(|owner| {
        vec![
            Cell::styled(Style::Name, &owner.package),
            Cell::styled(Style::Version, &owner.version),
            Cell::plain(&owner.path),
        ]
    });
    table(ui, &rows.collect::<Vec<_>>())
}

/// The names of the packages that a path belongs to.
pub(super) fn packages(ctx: &Ctx, index: &Index, path: &Path) -> Result<Vec<String>> {
    Ok(of(ctx, index, path)?.into_iter().map(|owner| owner.package).collect())
}

fn of(ctx: &Ctx, index: &Index, typed: &Path) -> Result<Vec<Owner>> {
    for path in spellings(&ctx.place.root, typed) {
        let mut owners = Vec::new();
        for rank in index.local.owners(path.as_os_str().as_bytes())? {
            let row = index.local.row(rank)?;
            if ctx.shows(row.source) {
                owners.push(Owner {
                    path: path.to_string_lossy().into_owned(),
                    package: full_name(&row.name, &row.arch),
                    source: source(index, &row)?,
                    version: row.version,
                });
            }
        }
        if !owners.is_empty() {
            return Ok(owners);
        }
    }
    Ok(Vec::new())
}

/// The paths below the root that a database may know the file by, likeliest first: as typed, through the links among
/// its folders, on the other side of a merged `/usr`, and where the file itself points.
pub(super) fn spellings(root: &Path, typed: &Path) -> Vec<PathBuf> {
    let command = typed.components().count() == 1 && !typed.as_os_str().as_bytes().contains(&b'/') && !typed.exists();
    if command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        return std::env::split_paths(&path)
            .map(|folder| folder.join(typed))
            .filter(|file| file.is_file())
            .flat_map(|file| spellings(root, &file))
            .collect();
    }
    let absolute = if typed.is_absolute() {
        typed.to_owned()
    } else {
        std::env::current_dir().map_or_else(|_| Path::new("/").join(typed), |folder| folder.join(typed))
    };
    let mut paths = vec![normal(&absolute)];
    let real = |path: &Path| inside(root, path);
    if let (Some(folder), Some(name)) = (paths[0].parent().and_then(real), paths[0].file_name()) {
        paths.push(folder.join(name));
    }
    for path in paths.clone() {
        paths.push(other_side(&path));
    }
    paths.extend(real(&paths[0]));
    if let Some(last) = paths.last().cloned() {
        paths.push(other_side(&last));
    }
    let mut seen = Vec::new();
    paths.retain(|path| !seen.contains(path) && (seen.push(path.clone()), true).1);
    paths
}

/// `.` and `..` taken out without a look at the disk.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => drop(out.pop()),
            _ => {}
        }
    }
    out
}

/// Where a path of the root leads through all links, as a path of the root.
fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    if root == Path::new("/") {
        return std::fs::canonicalize(path).ok();
    }
    let root = std::fs::canonicalize(root).ok()?;
    let real = std::fs::canonicalize(root.join(path.strip_prefix("/").ok()?)).ok()?;
    Some(Path::new("/").join(real.strip_prefix(&root).ok()?))
}

/// `/usr/bin/x` for `/bin/x` and the other way round.
fn other_side(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let merged = |bytes: &[u8]| {
        [&b"/bin"[..], b"/sbin", b"/lib", b"/lib64", b"/lib32"]
            .iter()
            .any(|top| bytes.strip_prefix(*top).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")))
    };
    match bytes.strip_prefix(b"/usr") {
        Some(rest) if merged(rest) => PathBuf::from(OsStr::from_bytes(rest)),
        None if merged(bytes) => PathBuf::from(OsStr::from_bytes(&[b"/usr", bytes].concat())),
        _ => path.to_owned(),
    }
}
