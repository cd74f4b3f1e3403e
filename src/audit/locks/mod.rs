//! Lock files: what a project's package managers wrote down that they would install.
//!
//! Each reader makes the same plain list of its format, and runs nothing. A file that is not understood is an error as a whole, since
//! half a list looks like a clean one; what a file leaves open (a requirement without a version) is in the list without one, and is
//! never taken for checked.

mod bun;
mod cargo;
mod checksum;
mod composer;
mod find;
mod gemfile;
mod go;
mod json;
mod judge;
mod list;
mod npm;
mod pipfile;
mod pnpm;
mod poetry;
mod requirements;
#[cfg(test)]
mod tests;
mod tree;
mod uv;
mod yarn_berry;
mod yarn_classic;

pub use checksum::{Algorithm, Checksum};
pub use find::{Found, LockFile, find, open};
pub use judge::{Judged, judge};

use super::ecosystem::Ecosystem;
use crate::sys::http::address::without_password;

/// One package that a lock file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    pub ecosystem: Ecosystem,
    /// As the file writes it, which need not be [`Ecosystem::normal_name`]; of an alias the package behind it, and of an archive or a
    /// repository that is asked for without a name the address.
    pub name: String,
    /// `None` where none is pinned, and for the project's own packages, which need not have one.
    pub version: Option<String>,
    pub source: Source,
    /// Of the archives that it may come in, of which there can be several.
    pub checksums: Vec<Checksum>,
    /// Whether only development asks for it. `None` where the file does not say it.
    pub is_dev: Option<bool>,
    /// Places in the same list, ascending. Empty, too, where the file does not say it ([`Format::knows_dependencies`]).
    pub depends_on: Vec<usize>,
    /// Where it is named first, counted from 1; 0 where that is not known.
    pub line: u32,
}

impl Locked {
    /// Whether it is a part of the project, or lies beside it.
    pub fn is_own(&self) -> bool {
        matches!(self.source, Source::Path(_))
    }

    /// Whether the file says where it is, and not what.
    pub fn is_nameless(&self) -> bool {
        let (Source::Git(address) | Source::Url(address)) = &self.source else { return self.name.is_empty() };
        self.name == without_password(address)
    }
}

/// Where a package comes from; each with the address or path that the file gives, or with nothing where it gives none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The ecosystem's own, or one that stands for it.
    Registry(String),
    /// With the commit behind `#` where the file says it.
    Git(String),
    /// An archive from anywhere.
    Url(String),
    /// Beside the project, and often a part of it.
    Path(String),
}

/// A lock file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    pub format: Format,
    pub packages: Vec<Locked>,
    /// What the project itself asks for, or, where the file lists these, its own packages. Empty where the file does not say it.
    pub roots: Vec<usize>,
    /// Why the list may not be all.
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 0 for the whole file.
    pub line: u32,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    Bun,
    /// `bun.lockb`, which is no text and cannot be read here.
    BunBinary,
    Cargo,
    Composer,
    Gemfile,
    Go,
    Npm,
    Pipfile,
    Pnpm,
    Poetry,
    Requirements,
    Uv,
    Yarn,
}

impl Format {
    /// By the name of the file.
    pub fn of(name: &str) -> Option<Format> {
        Some(match name {
            "bun.lock" => Format::Bun,
            "bun.lockb" => Format::BunBinary,
            "Cargo.lock" => Format::Cargo,
            "composer.lock" => Format::Composer,
            "Gemfile.lock" | "gems.locked" => Format::Gemfile,
            "go.mod" => Format::Go,
            "package-lock.json" | "npm-shrinkwrap.json" => Format::Npm,
            "Pipfile.lock" => Format::Pipfile,
            "pnpm-lock.yaml" => Format::Pnpm,
            "poetry.lock" => Format::Poetry,
            "uv.lock" => Format::Uv,
            "yarn.lock" => Format::Yarn,
            _ => {
                let stem = name.strip_suffix(".txt")?;
                let is_list = stem.starts_with("requirements") || stem.ends_with("requirements");
                return is_list.then_some(Format::Requirements);
            }
        })
    }

    pub fn ecosystem(self) -> Ecosystem {
        match self {
            Format::Bun | Format::BunBinary | Format::Npm | Format::Pnpm | Format::Yarn => Ecosystem::Npm,
            Format::Cargo => Ecosystem::CratesIo,
            Format::Composer => Ecosystem::Packagist,
            Format::Gemfile => Ecosystem::RubyGems,
            Format::Go => Ecosystem::Go,
            Format::Pipfile | Format::Poetry | Format::Requirements | Format::Uv => Ecosystem::PyPi,
        }
    }

    pub fn knows_dependencies(self) -> bool {
        !matches!(self, Format::Go | Format::Pipfile | Format::Requirements | Format::BunBinary)
    }
}

/// What a lock file says. `beside` gives the text of another file by its path from the first one's folder, `None` where there is none:
/// the checksums beside a `go.mod`, and what a list of requirements includes.
pub fn read(format: Format, text: &str, beside: &mut dyn FnMut(&str) -> Option<String>) -> Result<Lock, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Bun => bun::read(text),
        Format::BunBinary => Err("bun.lockb is no text; `bun install --save-text-lockfile` writes bun.lock".to_owned()),
        Format::Cargo => cargo::read(text),
        Format::Composer => composer::read(text),
        Format::Gemfile => gemfile::read(text),
        Format::Go => go::read(text, beside("go.sum").as_deref()),
        Format::Npm => npm::read(text),
        Format::Pipfile => pipfile::read(text),
        Format::Pnpm => pnpm::read(text),
        Format::Poetry => poetry::read(text),
        Format::Requirements => Ok(requirements::read(text, beside)),
        Format::Uv => uv::read(text),
        Format::Yarn if text.contains("\n__metadata:") || text.starts_with("__metadata:") => yarn_berry::read(text),
        Format::Yarn => yarn_classic::read(text),
    }
}

/// The name and the rest of `name@rest`, where the name may begin with the sign itself: `@scope/name@1.0.0`.
fn split_at_sign(text: &str) -> Option<(&str, &str)> {
    let start = text.chars().next()?.len_utf8();
    let at = start + text[start..].find('@')?;
    Some((&text[..at], &text[at + 1..]))
}

/// Of a message that goes on to show the place, which the line number tells as well.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}
