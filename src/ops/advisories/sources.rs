//! Who is asked for advisories: by the configuration, else by what the machine says that it is.

use crate::config::AdvisorySettings;
use crate::model::{self, Ecosystem};
use crate::sys::os_release::OsRelease;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

const ARCH: &str = "https://security.archlinux.org/all.json";
const DEBIAN: &str = "https://security-tracker.debian.org/tracker/data/json";
/// With the name of an ecosystem and `all.zip` behind it.
const OSV: &str = "https://osv-vulnerabilities.storage.googleapis.com";
const KEV: &str = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
const EPSS: &str = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";

/// What a source's file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Arch,
    Debian,
    Osv,
    Exploited,
    Estimates,
}

/// One publisher of advisories, or of what ranks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub kind: Kind,
    /// For people.
    pub name: &'static str,
    pub address: String,
    /// The kept copy.
    pub path: PathBuf,
}

impl Source {
    /// What is remembered of the copy's download.
    pub fn note(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".http");
        name.into()
    }
}

/// The release as its advisories call it: Debian by the code name, others as OSV does.
fn name(release: &OsRelease) -> String {
    match release.id.as_str() {
        "debian" => release.code_name.clone(),
        "ubuntu" => format!("Ubuntu:{}", release.version),
        _ => String::new(),
    }
}

/// Debian's code names and numbers, since OSV goes by the latter.
const DEBIAN_RELEASES: [(&str, &str); 8] = [
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
];

const OF_ARCH: &str = "Arch Linux's tracker";
pub const OF_DEBIAN: &str = "Debian's tracker";
const OF_OSV: &str = "OSV";

/// Whether a publisher of this name speaks of the packages of a family; the others rank what these say.
pub fn speaks_of(name: &str, family: model::Source) -> bool {
    match family {
        model::Source::Pacman => name == OF_ARCH,
        model::Source::Apt => name == OF_DEBIAN || name == OF_OSV,
        model::Source::Aur => false,
    }
}

/// Whether a publisher of this name speaks of the packages of a registry.
pub fn speaks_of_registry(name: &str, registry: Ecosystem) -> bool {
    name == registry.name() || name == OF_OSV
}

/// The distribution's release as OSV calls it; `None` where it is none of those it knows.
pub fn distribution(release: &str) -> Option<String> {
    if release.contains(':') {
        return Some(release.to_owned());
    }
    DEBIAN_RELEASES.iter().find(|(name, _)| *name == release).map(|(_, number)| format!("Debian:{number}"))
}

/// All that OSV has of an ecosystem.
fn whole(ecosystem: &str) -> String {
    format!("{OSV}/{ecosystem}/all.zip")
}

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Installed packages.
    Machine,
    /// Lock files.
    Projects,
}

impl About {
    /// Whether a publisher of that name may have something to say of it. A file of OSV's that an address names may hold anything.
    pub fn concerns(self, publisher: &str) -> bool {
        match self {
            About::Machine => Ecosystem::named(publisher).is_none(),
            About::Projects => ![OF_ARCH, OF_DEBIAN].contains(&publisher),
        }
    }
}

/// The release that is asked about, and who is asked.
pub fn sources(root: &Path, folder: &Path, settings: &AdvisorySettings) -> (String, Vec<Source>) {
    let release = OsRelease::read(root);
    let suits = |id: &str, address: &str| (release.id == id).then(|| address.to_owned());
    let wanted = |setting: &Option<String>, otherwise: Option<String>| {
        setting.clone().or(otherwise).filter(|address| address != "off")
    };
    let mut all = Vec::new();
    let mut add = |kind, name, address: Option<String>, file: &str| {
        let path = folder.join(format!("advisories-{file}"));
        all.extend(address.map(|address| Source { kind, name, address, path }));
    };
    add(Kind::Arch, OF_ARCH, wanted(&settings.arch, suits("arch", ARCH)), "arch.json");
    add(Kind::Debian, OF_DEBIAN, wanted(&settings.debian, suits("debian", DEBIAN)), "debian.json");
    let osv = settings.osv.clone().unwrap_or_else(|| suits("ubuntu", &whole("Ubuntu")).into_iter().collect());
    for address in osv {
        let file = format!("osv-{:016x}", xxh3_64(address.as_bytes()));
        add(Kind::Osv, OF_OSV, wanted(&Some(address), None), &file);
    }
    for ecosystem in settings.projects.iter().flatten() {
        let name = ecosystem.name();
        add(Kind::Osv, name, Some(whole(name)), &format!("osv-{name}.zip"));
    }
    // They rank what others say.
    let is_ranked = |address: &str| (!all.is_empty()).then(|| address.to_owned());
    let (kev, epss) = (wanted(&settings.kev, is_ranked(KEV)), wanted(&settings.epss, is_ranked(EPSS)));
    let mut add = |kind, name, address: Option<String>, file: &str| {
        let path = folder.join(format!("advisories-{file}"));
        all.extend(address.map(|address| Source { kind, name, address, path }));
    };
    add(Kind::Exploited, "CISA's exploited ones", kev, "kev.json");
    add(Kind::Estimates, "EPSS", epss, "epss.csv.gz");
    (settings.release.clone().unwrap_or_else(|| name(&release)), all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn of(os_release: &str, settings: &AdvisorySettings) -> (String, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/os-release"), os_release).unwrap();
        let (release, sources) = sources(root.path(), Path::new("/i"), settings);
        (release, sources.into_iter().map(|source| source.address).collect())
    }

    #[test]
    fn by_what_the_machine_is() {
        let none = AdvisorySettings::default();
        let owned = |addresses: &[&str]| addresses.iter().map(|address| (*address).to_owned()).collect::<Vec<_>>();
        assert_eq!(of("ID=arch\n", &none), (String::new(), owned(&[ARCH, KEV, EPSS])));
        let debian = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
        assert_eq!(of(debian, &none), ("bookworm".into(), owned(&[DEBIAN, KEV, EPSS])));
        assert_eq!(
            of("ID=ubuntu\nVERSION_ID='22.04'\n", &none),
            ("Ubuntu:22.04".into(), owned(&[&whole("Ubuntu"), KEV, EPSS]))
        );
        assert_eq!(of("ID=other\n", &none), (String::new(), vec![]));
    }

    #[test]
    fn settings_come_first() {
        let off = || Some("off".to_owned());
        let settings = AdvisorySettings {
            arch: Some("file:///a".into()),
            debian: off(),
            kev: off(),
            epss: off(),
            osv: Some(vec!["file:///o".into(), "off".into()]),
            release: Some("trixie".into()),
            ..AdvisorySettings::default()
        };
        let (release, addresses) = of("ID=debian\nVERSION_CODENAME=bookworm\n", &settings);
        assert_eq!((&*release, addresses), ("trixie", vec!["file:///a".to_owned(), "file:///o".to_owned()]));
    }

    #[test]
    fn registries_that_are_asked_for_come_beside_the_machines_own() {
        let projects = Some(vec![Ecosystem::CratesIo, Ecosystem::Npm]);
        let settings = AdvisorySettings { projects, kev: Some("off".into()), ..AdvisorySettings::default() };
        let expected = [whole("Ubuntu"), whole("crates.io"), whole("npm"), EPSS.to_owned()].to_vec();
        assert_eq!(of("ID=ubuntu\nVERSION_ID=22.04\n", &settings), ("Ubuntu:22.04".into(), expected));
        assert!(!About::Machine.concerns("npm") && About::Projects.concerns("npm"));
        assert!(!About::Projects.concerns(OF_DEBIAN) && About::Machine.concerns(OF_DEBIAN));
        assert!([About::Machine, About::Projects].iter().all(|about| about.concerns("OSV") && about.concerns("EPSS")));
    }

    #[test]
    fn releases_as_osv_calls_them() {
        assert_eq!(distribution("bookworm").as_deref(), Some("Debian:12"));
        assert_eq!(distribution("Ubuntu:22.04").as_deref(), Some("Ubuntu:22.04"));
        assert_eq!((distribution("sid"), distribution("")), (None, None));
    }
}
