//! omg's own settings: `/etc/omg/config.toml`, and the user's file over it. Specified in omg-config(5).
//!
//! Read by a refresh and by `omg doctor`, never by a query: what a query needs of them is in the index. Each key is known, or
//! an error that names file and line, since a setting that is misspelt and passed over is worse than none.

use crate::error::{Exit, Hinted};
use crate::model::Ecosystem;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file below a root's `etc` and below a user's configuration folder.
const NAME: &str = "omg/config.toml";
const MAX_BYTES: u64 = 1 << 20;

/// All settings; what is `None` is as it comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub aur: AurSettings,
    pub privilege: PrivilegeSettings,
    pub conf: ConfSettings,
    pub snapshot: SnapshotSettings,
    pub archives: ArchiveSettings,
    pub news: NewsSettings,
    pub runtimes: RuntimesSettings,
    pub advisories: AdvisorySettings,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AurSettings {
    pub enabled: Option<bool>,
    pub url: Option<String>,
}

/// How packages are changed by a person who is not root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrivilegeSettings {
    /// Programs in the order they are looked for.
    pub with: Option<Vec<String>>,
}

/// How configuration files are merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfSettings {
    /// A program and its arguments, before the two files.
    pub tool: Option<Vec<String>>,
}

/// What is kept of the file system before packages are changed. It is the machine's: a user's file has no say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotSettings {
    /// None are made without it.
    pub with: Option<Maker>,
    pub before: Option<Vec<Occasion>>,
    /// Where btrfs puts them.
    pub folder: Option<PathBuf>,
    /// Whether nothing is changed without one.
    pub required: Option<bool>,
}

/// A program that makes snapshots of the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maker {
    Snapper,
    Btrfs,
    Timeshift,
}

impl Maker {
    pub fn program(self) -> &'static str {
        match self {
            Maker::Snapper => "snapper",
            Maker::Btrfs => "btrfs",
            Maker::Timeshift => "timeshift",
        }
    }
}

/// A kind of change that a snapshot is made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    Install,
    Upgrade,
    Downgrade,
    Remove,
    Rollback,
}

/// Where versions are looked for that no repository offers any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveSettings {
    /// Folders of archives that somebody keeps.
    pub folders: Option<Vec<PathBuf>>,
    /// The address of an archive of pacman's packages, with `{name}`, `{letter}` and `{file}` in it; empty for none.
    pub pacman: Option<String>,
    /// The address of a repository as it was at a `{time}`, with the `{archive}` that it is one of; empty for none.
    pub apt: Option<String>,
}

/// The distribution's news.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewsSettings {
    pub enabled: Option<bool>,
    /// The address of an RSS feed.
    pub url: Option<String>,
}

/// Where it stands what is wrong with packages. Each address may be `off`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdvisorySettings {
    /// Whether each `omg refresh` that fetches fetches them too.
    pub enabled: Option<bool>,
    pub arch: Option<String>,
    pub debian: Option<String>,
    /// Addresses of OSV's records: zips, or files of JSON.
    pub osv: Option<Vec<String>>,
    /// The registries whose packages lock files are judged by, as OSV has them.
    pub projects: Option<Vec<Ecosystem>>,
    pub kev: Option<String>,
    pub epss: Option<String>,
    /// The distribution's release, where it is another than the machine says: `bookworm`, `Ubuntu:22.04`.
    pub release: Option<String>,
    /// Older data are told.
    pub max_age_days: Option<u32>,
    pub ignore: Vec<IgnoredAdvisory>,
}

/// An advisory that somebody has looked at, and does not want to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoredAdvisory {
    /// Any of its names.
    pub id: String,
    /// Every package's without it.
    #[serde(default)]
    pub package: Option<String>,
    pub reason: String,
    /// The last day on which it is ignored: `2027-01-31`. Forever without it.
    #[serde(default)]
    pub until: Option<String>,
}

/// Where runtimes come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuntimesSettings {
    /// The address of an API like GitHub's, that attestations lie below, or `off`.
    pub attestations: Option<String>,
    /// A `trusted_root.json` of the authorities and logs that are believed of attestations.
    pub trusted_root: Option<PathBuf>,
    pub node: RuntimeSettings,
    pub bun: RuntimeSettings,
    pub deno: RuntimeSettings,
    pub python: RuntimeSettings,
    pub go: RuntimeSettings,
    pub java: RuntimeSettings,
    pub rust: RuntimeSettings,
    pub zig: RuntimeSettings,
}

/// Of one runtime; what is `None` is its publisher's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuntimeSettings {
    /// The address that the archives lie below.
    pub mirror: Option<String>,
    /// The address of the list of versions.
    pub index: Option<String>,
    /// A file or folder of OpenPGP keys that are believed.
    pub keyring: Option<PathBuf>,
}

impl AdvisorySettings {
    /// These, and the others where these say nothing. What is ignored adds up.
    fn over(self, below: AdvisorySettings) -> AdvisorySettings {
        AdvisorySettings {
            enabled: self.enabled.or(below.enabled),
            arch: self.arch.or(below.arch),
            debian: self.debian.or(below.debian),
            osv: self.osv.or(below.osv),
            projects: self.projects.or(below.projects),
            kev: self.kev.or(below.kev),
            epss: self.epss.or(below.epss),
            release: self.release.or(below.release),
            max_age_days: self.max_age_days.or(below.max_age_days),
            ignore: below.ignore.into_iter().chain(self.ignore).collect(),
        }
    }

    /// Every address, with its key.
    fn addresses(&self) -> Vec<(&'static str, String)> {
        let single = [("arch", &self.arch), ("debian", &self.debian), ("kev", &self.kev), ("epss", &self.epss)];
        let single = single.into_iter().filter_map(|(key, address)| Some((key, address.clone()?)));
        let all = single.chain(self.osv.iter().flatten().map(|address| ("osv", address.clone())));
        all.filter(|(_, address)| address != "off").collect()
    }
}

impl RuntimesSettings {
    /// Those of a runtime by its name.
    pub fn of(&self, name: &str) -> Option<&RuntimeSettings> {
        Some(match name {
            "node" => &self.node,
            "bun" => &self.bun,
            "deno" => &self.deno,
            "python" => &self.python,
            "go" => &self.go,
            "java" => &self.java,
            "rust" => &self.rust,
            "zig" => &self.zig,
            _ => return None,
        })
    }

    fn all_mut(&mut self) -> [&mut RuntimeSettings; 8] {
        let RuntimesSettings { attestations: _, trusted_root: _, node, bun, deno, python, go, java, rust, zig } = self;
        [node, bun, deno, python, go, java, rust, zig]
    }
}

impl Config {
    /// The machine's own settings, for what is done with privilege: no user's file is looked at, and no other root's.
    pub fn of_machine() -> Result<Config> {
        Ok(read_file(&Path::new("/etc").join(NAME))?.unwrap_or_default())
    }

    /// The settings for a root: its own, and for this machine the user's over them.
    pub fn read(root: &Path) -> Result<Config> {
        let mut all = Config::default();
        for (at, file) in files(root).into_iter().enumerate() {
            if let Some(Config { aur, privilege, conf, archives, snapshot, news, mut runtimes, advisories }) =
                read_file(&file)?
            {
                if at > 0 && snapshot != SnapshotSettings::default() {
                    let text = std::fs::read_to_string(&file).unwrap_or_default();
                    let line = 1 + text.lines().position(|line| line.contains("snapshot")).unwrap_or(0);
                    return Err(fault(&file, line, "`snapshot` is the machine's, and stands in /etc/omg/config.toml"));
                }
                if at == 0 {
                    all.snapshot = snapshot;
                }
                all.aur.enabled = aur.enabled.or(all.aur.enabled);
                all.aur.url = aur.url.or(all.aur.url);
                all.news.enabled = news.enabled.or(all.news.enabled);
                all.news.url = news.url.or(all.news.url);
                all.privilege.with = privilege.with.or(all.privilege.with);
                all.conf.tool = conf.tool.or(all.conf.tool);
                all.archives.folders = archives.folders.or(all.archives.folders);
                all.archives.pacman = archives.pacman.or(all.archives.pacman);
                all.archives.apt = archives.apt.or(all.archives.apt);
                all.advisories = advisories.over(all.advisories);
                all.runtimes.attestations = runtimes.attestations.take().or(all.runtimes.attestations);
                all.runtimes.trusted_root = runtimes.trusted_root.take().or(all.runtimes.trusted_root);
                for (above, own) in all.runtimes.all_mut().into_iter().zip(runtimes.all_mut()) {
                    above.mirror = own.mirror.take().or(above.mirror.take());
                    above.index = own.index.take().or(above.index.take());
                    above.keyring = own.keyring.take().or(above.keyring.take());
                }
            }
        }
        Ok(all)
    }
}

/// The files that are looked for; later ones count more.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = vec![root.join("etc").join(NAME)];
    if root == Path::new("/") {
        let own = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = own("XDG_CONFIG_HOME").or_else(|| own("HOME").map(|home| home.join(".config")));
        files.extend(folder.map(|folder| folder.join(NAME)));
    }
    files
}

fn read_file(path: &Path) -> Result<Option<Config>> {
    let describe = || format!("cannot read {}", path.display());
    match std::fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Ok(stat) if stat.len() > MAX_BYTES || !stat.is_file() => bail!("{}: no configuration file", path.display()),
        other => other.with_context(describe)?,
    };
    let text = std::fs::read_to_string(path).with_context(describe)?;
    let mut config: Config = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        fault(path, line, error.message())
    })?;
    let mut addresses = vec![("url", config.aur.url.clone()), ("url", config.news.url.clone())];
    addresses.extend(config.advisories.addresses().into_iter().map(|(key, address)| (key, Some(address))));
    let attestations = config.runtimes.attestations.clone().filter(|address| address != "off");
    addresses.push(("attestations", attestations));
    for settings in config.runtimes.all_mut() {
        addresses.extend([("mirror", settings.mirror.clone()), ("index", settings.index.clone())]);
    }
    for (key, url) in addresses.into_iter().filter_map(|(key, url)| Some((key, url?))) {
        if !["https://", "http://", "file:///"].iter().any(|scheme| url.starts_with(scheme)) {
            let line = 1 + text.lines().position(|line| line.contains(url.as_str())).unwrap_or(0);
            let message = format!("`{key}` is no address that begins with https://, http:// or file:///");
            return Err(fault(path, line, &message));
        }
    }
    let is_day = |text: &String| text.parse::<jiff::civil::Date>().is_ok();
    if let Some(until) =
        config.advisories.ignore.iter().filter_map(|ignored| ignored.until.as_ref()).find(|day| !is_day(day))
    {
        let line = 1 + text.lines().position(|line| line.contains(until.as_str())).unwrap_or(0);
        return Err(fault(path, line, "`until` is no day like \"2027-01-31\""));
    }
    if config.snapshot.folder.as_ref().is_some_and(|folder| !folder.is_absolute()) {
        let line = 1 + text
            .lines()
            .position(|line| line.split('=').next().is_some_and(|key| key.trim() == "folder"))
            .unwrap_or(0);
        return Err(fault(path, line, "`folder` is no path that begins with a slash"));
    }
    Ok(Some(config))
}

fn fault(path: &Path, line: usize, message: &str) -> anyhow::Error {
    let message = format!("{}:{line}: {}", path.display(), message.replace('\n', " "));
    Hinted::new(Exit::Failed, message, "omg-config(5) lists what may stand there: `omg man config | man -l -`").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc/omg")).unwrap();
        std::fs::write(root.path().join("etc/omg/config.toml"), text).unwrap();
        Config::read(root.path())
            .map_err(|error| format!("{error:#}").replace(&format!("{}", root.path().display()), "ROOT"))
    }

    #[test]
    fn settings_and_none() {
        assert_eq!(read(""), Ok(Config::default()));
        assert_eq!(read("# nothing\n[aur]\n"), Ok(Config::default()));
        let aur = AurSettings { enabled: Some(true), url: Some("https://a/b".into()) };
        assert_eq!(read("[aur]\nenabled = true\nurl = \"https://a/b\"\n"), Ok(Config { aur, ..Config::default() }));
        assert_eq!(Config::read(Path::new("/nowhere")).ok(), Some(Config::default()));
    }

    #[test]
    fn a_fault_is_named_with_file_and_line() {
        for (text, line, what) in [
            ("[aur]\nenabled = true\nurls = \"x\"\n", 3, "unknown field `urls`, expected `enabled` or `url`"),
            ("\n[aurs]\n", 2, "unknown field `aurs`"),
            ("[aur]\nenabled = \"yes\"\n", 2, "expected a boolean"),
            ("[aur\n", 1, ""),
            ("[aur]\n\nurl = \"ftp://x\"\n", 3, "no address"),
            ("[aur]\nenabled = true\nenabled = false\n", 3, "duplicate key"),
            ("[runtimes.node]\nmirror = \"ftp://x\"\n", 2, "`mirror` is no address"),
            ("[runtimes.nodejs]\n", 1, "unknown field `nodejs`"),
            ("[runtimes]\nattestations = \"on\"\n", 2, "`attestations` is no address"),
            ("[advisories]\nosv = [\"off\", \"x\"]\n", 2, "`osv` is no address"),
            ("[[advisories.ignore]]\nid = \"CVE-1\"\n", 1, "missing field `reason`"),
            ("[[advisories.ignore]]\nid = \"a\"\nreason = \"b\"\nuntil = \"2026-02-30\"\n", 4, "`until` is no day"),
            ("[snapshot]\nwith = \"zfs\"\n", 2, "expected one of `snapper`, `btrfs`, `timeshift`"),
            ("[snapshot]\nbefore = [\"sync\"]\n", 2, "expected one of `install`, `upgrade`"),
            ("[snapshot]\nwith = \"btrfs\"\nfolder = \"x\"\n", 3, "begins with a slash"),
        ] {
            let error = read(text).unwrap_err();
            assert!(
                error.starts_with(&format!("ROOT/etc/omg/config.toml:{line}: ")) && error.contains(what),
                "{error}"
            );
        }
    }

    #[test]
    fn no_text_makes_it_panic() {
        let text = "[aur]\nenabled = true\nurl = \"https://ü/\"\n";
        for at in 0..text.len() {
            for byte in [0, b'"', b'\n', b'[', b'=', 0xff] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = byte;
                let _ = read(&String::from_utf8_lossy(&bytes));
            }
        }
    }
}
