//! The registries that lock files name and advisories speak of.

/// A registry of packages, in OSV's sense of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
pub enum Ecosystem {
    #[serde(rename = "crates.io")]
    CratesIo,
    Go,
    #[serde(rename = "npm")]
    Npm,
    Packagist,
    #[serde(rename = "PyPI")]
    PyPi,
    RubyGems,
}

impl Ecosystem {
    pub const ALL: [Ecosystem; 6] = [
        Ecosystem::CratesIo,
        Ecosystem::Go,
        Ecosystem::Npm,
        Ecosystem::Packagist,
        Ecosystem::PyPi,
        Ecosystem::RubyGems,
    ];

    /// As OSV writes it.
    pub fn name(self) -> &'static str {
        match self {
            Ecosystem::CratesIo => "crates.io",
            Ecosystem::Go => "Go",
            Ecosystem::Npm => "npm",
            Ecosystem::Packagist => "Packagist",
            Ecosystem::PyPi => "PyPI",
            Ecosystem::RubyGems => "RubyGems",
        }
    }

    /// By OSV's name, to which a part of the registry may be added: `Packagist:https://packages.example/8` is another one.
    pub fn named(name: &str) -> Option<Ecosystem> {
        Ecosystem::ALL.into_iter().find(|ecosystem| ecosystem.name() == name)
    }

    /// The type of its packages' purls, which is what the index goes by.
    pub fn purl(self) -> &'static str {
        match self {
            Ecosystem::CratesIo => "cargo",
            Ecosystem::Go => "golang",
            Ecosystem::Npm => "npm",
            Ecosystem::Packagist => "composer",
            Ecosystem::PyPi => "pypi",
            Ecosystem::RubyGems => "gem",
        }
    }
}
