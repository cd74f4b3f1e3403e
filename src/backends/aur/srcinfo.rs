//! `.SRCINFO`, the machine-readable summary of a PKGBUILD, taken apart.
//!
//! Borrows from the text. It keeps every key it meets, known or not, in the order of the file, and leaves it to the caller
//! to decide which are of interest. It neither runs nor checks anything: values are the words of whoever wrote the file.

use anyhow::{Result, bail};

/// One line of a section. `key` has no architecture suffix (`depends`), `arch` is that suffix (`x86_64`) or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: &'a str,
    pub arch: &'a str,
    /// May be empty: in a package's section that unsets what the base says.
    pub value: &'a str,
}

/// The lines under one `pkgbase` or `pkgname`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section<'a> {
    pub name: &'a str,
    pub entries: Vec<Entry<'a>>,
}

/// A whole file: what holds for every package of the base, and what each package says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrcInfo<'a> {
    pub base: Section<'a>,
    /// Never empty.
    pub packages: Vec<Section<'a>>,
}

/// The keys that makepkg lets carry an architecture, as `depends_x86_64`.
const WITH_ARCH: [&str; 15] = [
    "source",
    "depends",
    "makedepends",
    "checkdepends",
    "optdepends",
    "provides",
    "conflicts",
    "replaces",
    "cksums",
    "md5sums",
    "sha1sums",
    "sha224sums",
    "sha256sums",
    "sha384sums",
    "sha512sums",
];

/// Reads a file. An error names the line; a file without a base, a package, a version or a release is one too.
pub fn parse(text: &str) -> Result<SrcInfo<'_>> {
    let mut base: Option<Section<'_>> = None;
    let mut packages: Vec<Section<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            bail!("line {} is no assignment", index + 1);
        };
        let (key, value) = (key.trim_end(), value.trim_start());
        match (key, &mut base) {
            ("pkgbase", None) => base = Some(Section { name: value, entries: Vec::new() }),
            ("pkgbase", Some(_)) => bail!("line {} names a second base", index + 1),
            (_, None) => bail!("line {} stands before any pkgbase", index + 1),
            ("pkgname", Some(_)) => packages.push(Section { name: value, entries: Vec::new() }),
            (_, Some(base)) => {
                let (key, arch) = split_arch(key);
                packages.last_mut().unwrap_or(base).entries.push(Entry { key, arch, value });
            }
        }
    }
    let Some(base) = base else { bail!("no pkgbase") };
    if base.name.is_empty() || packages.is_empty() || packages.iter().any(|package| package.name.is_empty()) {
        bail!("no name of a base or package");
    }
    let info = SrcInfo { base, packages };
    for package in &info.packages {
        for key in ["pkgver", "pkgrel"] {
            if info.first(package, key).is_none() {
                bail!("{} has no {key}", package.name);
            }
        }
    }
    Ok(info)
}

fn split_arch(key: &str) -> (&str, &str) {
    match key.split_once('_') {
        Some((stem, arch)) if stem == "b2sums" || WITH_ARCH.contains(&stem) => (stem, arch),
        _ => (key, ""),
    }
}

impl<'a> SrcInfo<'a> {
    /// What `package`, a member of [`packages`](Self::packages), has under `key` for `arch` (empty: for all): its own
    /// lines where it has any, else those of the base. Empty values are left out.
    pub fn values<'b>(
        &'b self,
        package: &'b Section<'a>,
        key: &'b str,
        arch: &'b str,
    ) -> impl Iterator<Item = &'a str> {
        let own = package.entries.iter().any(|entry| entry.key == key && entry.arch == arch);
        let section = if own { package } else { &self.base };
        let wanted = move |entry: &&Entry<'a>| entry.key == key && entry.arch == arch && !entry.value.is_empty();
        section.entries.iter().filter(wanted).map(|entry| entry.value)
    }

    /// The same for every architecture: the common ones first, then each suffix in the order it is first met.
    pub fn values_of_all(&self, package: &Section<'a>, key: &str) -> Vec<&'a str> {
        let mut arches = vec![""];
        for entry in self.base.entries.iter().chain(&package.entries) {
            if entry.key == key && !arches.contains(&entry.arch) {
                arches.push(entry.arch);
            }
        }
        arches.into_iter().flat_map(|arch| self.values(package, key, arch)).collect()
    }

    /// The first value that holds for every architecture.
    pub fn first(&self, package: &Section<'a>, key: &str) -> Option<&'a str> {
        self.values(package, key, "").next()
    }

    /// `[epoch:]pkgver-pkgrel`.
    pub fn version(&self, package: &Section<'a>) -> String {
        let of = |key| self.first(package, key).unwrap_or_default();
        match self.first(package, "epoch") {
            None | Some("0") => format!("{}-{}", of("pkgver"), of("pkgrel")),
            Some(epoch) => format!("{epoch}:{}-{}", of("pkgver"), of("pkgrel")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPLIT: &str = "# made by hand\npkgbase = tools\n\tpkgdesc = all of them\n\tpkgver = 1.0\n\tpkgrel = 2\n\tepoch = 3\n\
        \tdepends = glibc\n\tdepends_x86_64 = lib32-glibc\n\tmakedepends= gcc\n\toptdepends = a: b = c\n\n\
        pkgname = tools-cli\n\tpkgdesc = the command\n\tdepends = bash\n\tdepends_i686 = old\n\n\
        pkgname = tools-doc\n\tdepends = \n\tdepends_x86_64 =\n";

    #[test]
    fn a_package_overrides_its_base_by_key_and_architecture() {
        let info = parse(SPLIT).unwrap();
        let [cli, doc] = &info.packages[..] else { panic!("two packages") };
        assert_eq!(info.base.name, "tools");
        assert_eq!(info.version(cli), "3:1.0-2");
        assert_eq!(info.values_of_all(cli, "depends"), ["bash", "lib32-glibc", "old"]);
        assert!(info.values_of_all(doc, "depends").is_empty(), "an empty value unsets");
        assert_eq!(
            (info.first(cli, "pkgdesc"), info.first(doc, "pkgdesc")),
            (Some("the command"), Some("all of them"))
        );
        assert_eq!(info.values_of_all(doc, "makedepends"), ["gcc"], "no space before the sign");
        assert_eq!(info.values_of_all(doc, "optdepends"), ["a: b = c"]);
    }

    #[test]
    fn malformed_files_are_errors() {
        for text in [
            "",
            "pkgname = a",
            "pkgbase = a\npkgver = 1\npkgrel = 1",
            "pkgbase = a\npkgver = 1\npkgname = a",
            "pkgbase = a\npkgver = 1\npkgrel = 1\nwhat is this\npkgname = a",
            "pkgbase = a\npkgbase = b\npkgver = 1\npkgrel = 1\npkgname = a",
            "pkgbase =\npkgver = 1\npkgrel = 1\npkgname = a",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
