//! A machine's bill of materials: its packages as the index knows them, with the licences they state and what they need of each
//! other, and omg's own runtimes. A project's is in `projects.rs`.

mod faults;
mod projects;

pub use faults::add as add_faults;
pub use projects::project;

use crate::audit::log::{FILE_NAME, latest};
use crate::audit::sbom::purl::{Parts, Purl};
use crate::audit::sbom::{Algorithm, Bom, Component, Hash, Kind};
use crate::index::{Index, build::RELATIONS};
use crate::model::{Field, Problem, Reason, Source};
use crate::ops::Place;
use crate::ops::licenses::{self, Package, Stated};
use crate::runtimes::Runtime;
use crate::runtimes::installed::Installed;
use crate::sys::below::Below;
use anyhow::Result;
use serde_json::Value;
use std::path::Path;

/// So far back the audit log is asked where a runtime came from.
const LOGGED: usize = 10_000;

/// A bill, and what could not be read for it.
pub struct Gathered {
    pub bom: Bom,
    /// The packages among the components, by their ranks in the index, ascending: the component's place is the one here.
    pub ranks: Vec<u32>,
    pub problems: Vec<Problem>,
}

/// The bill of a place, for the sources that are shown. `created` is in seconds since 1970.
pub fn machine(index: &Index, place: &Place, shows: impl Fn(Source) -> bool, created: i64) -> Result<Gathered> {
    let packages = licenses::packages(index, shows)?;
    let (stated, problems) = licenses::stated(&packages, &place.root)?;
    let release = Release::read(&place.root);
    let ranks: Vec<u32> = packages.iter().map(|package| package.rank).collect();
    let mut components = Vec::with_capacity(packages.len());
    let mut roots = Vec::new();
    for (package, stated) in packages.into_iter().zip(stated) {
        if package.row.reason == Reason::Explicit {
            roots.push(components.len() as u32);
        }
        components.push(component(index, &release, &ranks, package, stated)?);
    }
    for runtime in runtimes(place) {
        roots.push(components.len() as u32);
        components.push(runtime);
    }
    let subject = Component { homepage: release.home, ..Component::new(Kind::System, &release.id, &release.version) };
    let tool_version = env!("CARGO_PKG_VERSION");
    Ok(Gathered {
        bom: Bom { subject, components, roots, vulnerabilities: None, created, tool_version },
        ranks,
        problems,
    })
}

fn component(
    index: &Index,
    release: &Release,
    ranks: &[u32],
    Package { rank, row, page }: Package,
    stated: Vec<Stated>,
) -> Result<Component> {
    let field = |field: Field| page.field(field).unwrap_or_default();
    let mut depends = Vec::new();
    for (to, kind) in index.local.asks_for(rank)? {
        if matches!(RELATIONS.get(usize::from(kind)), Some(Field::Depends | Field::PreDepends)) {
            depends.extend(ranks.binary_search(&to).ok().map(|place| place as u32));
        }
    }
    depends.dedup();
    let from_aur = match row.repository {
        Some(id) => row.foreign && index.catalogue.repository(id)? == "aur",
        None => false,
    };
    let qualifiers = [
        ("arch", field(Field::Architecture)),
        ("distro", release.distro(row.source)),
        ("repository_url", if from_aur { "https://aur.archlinux.org" } else { "" }),
    ];
    let purl = Purl::new(&Parts {
        kind: if row.source == Source::Apt { "deb" } else { "alpm" },
        namespace: release.vendor(row.source),
        name: &row.name,
        version: &row.version,
        qualifiers: &qualifiers,
        subpath: "",
    });
    let base = match (field(Field::Base), field(Field::BaseVersion)) {
        ("", "") => String::new(),
        ("", version) => format!("{} {version}", row.name),
        (base, "") => format!("{base} {}", row.version),
        (base, version) => format!("{base} {version}"),
    };
    Ok(Component {
        summary: row.summary.clone(),
        licenses: stated.into_iter().map(|stated| stated.license).collect(),
        supplier: field(Field::Maintainer).to_owned(),
        homepage: field(Field::Homepage).to_owned(),
        origin: base,
        depends,
        ..Component::new(Kind::Package, &row.name, &row.version).with_purl(purl)
    })
}

/// omg's own, where the machine is the one that it runs on.
fn runtimes(place: &Place) -> Vec<Component> {
    let Some(folders) = place.runtimes() else { return Vec::new() };
    let all: Vec<Installed> = Runtime::ALL.into_iter().flat_map(|runtime| folders.own(runtime)).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let logs = place.state_folders().into_iter().filter_map(|folder| latest(&folder.join(FILE_NAME), LOGGED).ok());
    let logged: Vec<_> = logs.flat_map(|(entries, _)| entries).filter(|one| one.event == "runtime-installed").collect();
    let component = |one: Installed| {
        let (name, version) = (one.runtime.name(), one.version.to_string());
        let entry = logged.iter().find(|entry| {
            entry.details.get("runtime") == Some(&Value::from(name))
                && entry.details.get("version") == Some(&Value::from(&*version))
        });
        let said = |key: &str| entry.and_then(|entry| entry.details.get(key)?.as_str()).unwrap_or_default();
        let qualifiers = [("download_url", said("url"))];
        let purl =
            Purl::new(&Parts { kind: "generic", name, version: &version, qualifiers: &qualifiers, ..Parts::default() });
        let hash = Hash { algorithm: Algorithm::Sha256, hex: said("sha256").to_owned() };
        let is_digest = hash.hex.len() == 64 && hash.hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        Component {
            hashes: is_digest.then_some(hash).into_iter().collect(),
            ..Component::new(Kind::Runtime, name, &version).with_purl(purl)
        }
    };
    all.into_iter().map(component).collect()
}

/// What `os-release` says of a system.
#[derive(Debug, Default, PartialEq, Eq)]
struct Release {
    /// `debian`, `arch`; `linux` where nobody says.
    id: String,
    /// The systems that it was made from.
    like: Vec<String>,
    /// Empty for one that has no versions.
    version: String,
    /// Its version's name: `bookworm`.
    codename: String,
    home: String,
}

impl Release {
    fn read(root: &Path) -> Release {
        let mut text = Vec::new();
        let below = Below::open(root);
        let found = ["etc/os-release", "usr/lib/os-release"]
            .iter()
            .any(|path| below.as_ref().is_ok_and(|below| below.read(path, 64 << 10, &mut text).is_ok()));
        Release::parse(if found { &text } else { b"" })
    }

    fn parse(text: &[u8]) -> Release {
        let text = String::from_utf8_lossy(text);
        let value = |key: &str| {
            let line = text.lines().rev().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
        };
        let id = value("ID");
        Release {
            id: if id.is_empty() { "linux".to_owned() } else { id },
            like: value("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
            version: value("VERSION_ID"),
            codename: value("VERSION_CODENAME"),
            home: value("HOME_URL"),
        }
    }

    fn is_debian(&self) -> bool {
        let names = [self.id.as_str()].into_iter().chain(self.like.iter().map(String::as_str));
        names.into_iter().any(|name| ["debian", "ubuntu"].contains(&name))
    }

    /// Whose packages these are: the system's, unless its family has another package manager.
    fn vendor(&self, source: Source) -> &str {
        match (source, self.is_debian()) {
            (Source::Apt, false) => "debian",
            (Source::Pacman | Source::Aur, true) => "arch",
            (_, false) if self.id == "linux" => "arch",
            _ => &self.id,
        }
    }

    /// The version of a distribution that has versions.
    fn distro(&self, source: Source) -> &str {
        if source == Source::Apt && self.is_debian() { &self.codename } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_names_its_packages_vendor() {
        let debian = Release::parse(b"ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
        assert_eq!((debian.vendor(Source::Apt), debian.distro(Source::Apt)), ("debian", "bookworm"));
        assert_eq!((debian.vendor(Source::Pacman), debian.distro(Source::Pacman)), ("arch", ""));
        let mint = Release::parse(b"ID='linuxmint'\nID_LIKE=\"ubuntu debian\"\nVERSION_CODENAME=wilma");
        assert_eq!((mint.vendor(Source::Apt), mint.distro(Source::Apt)), ("linuxmint", "wilma"));
        let manjaro = Release::parse(b"ID=manjaro\nID_LIKE=arch\n");
        assert_eq!((manjaro.vendor(Source::Pacman), manjaro.vendor(Source::Apt)), ("manjaro", "debian"));
        let nothing = Release::parse(b"\xff\n");
        assert_eq!(
            (&*nothing.id, nothing.vendor(Source::Pacman), nothing.vendor(Source::Apt)),
            ("linux", "arch", "debian")
        );
    }
}
