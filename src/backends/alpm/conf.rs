//! pacman.conf(5) as pacman reads it, as far as reading needs it: which repositories in which order, what each is used
//! for, what is ignored or kept, where the databases lie, and what libalpm has to know to change packages.
//!
//! pacman gives up at the first mistake; here a mistake is a [`Problem`] and the rest of the file still counts.

use super::glob;
use super::siglevel::SigLevel;
use crate::model::Problem;
use std::path::{Path, PathBuf};

/// pacman's own limit.
const MAX_INCLUDE_DEPTH: usize = 10;
/// Together, so that patterns which include each other end as well.
const MAX_FILES: usize = 10_000;
const MAX_FILE_BYTES: u64 = 16 << 20;

/// What a repository is used for (`Usage`). Bits as libalpm numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage(pub u8);

impl Usage {
    const SYNC: u8 = 1;
    const SEARCH: u8 = 2;
    const INSTALL: u8 = 4;
    const UPGRADE: u8 = 8;
    const ALL: u8 = 15;

    /// Whether a system upgrade takes packages from it.
    pub fn upgrades(self) -> bool {
        self.0 & Usage::UPGRADE != 0
    }

    /// Whether a package may be installed from it: libalpm lets either use do.
    pub fn installs(self) -> bool {
        self.0 & (Usage::INSTALL | Usage::UPGRADE) != 0
    }
}

/// A repository's section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySection {
    /// The section's title.
    pub name: String,
    /// With `$repo` and `$arch` replaced.
    pub servers: Vec<String>,
    /// The same, of `CacheServer`.
    pub cache_servers: Vec<String>,
    /// What the section itself says of signatures.
    pub signatures: SigLevel,
    /// All unless told.
    pub usage: Usage,
}

/// A configuration file with all that it includes.
#[derive(Clone, Debug, Default)]
pub struct Conf {
    /// In the order of their sections.
    pub repositories: Vec<RepositorySection>,
    /// Patterns.
    pub ignore_packages: Vec<String>,
    /// Patterns.
    pub ignore_groups: Vec<String>,
    /// Patterns.
    pub hold_packages: Vec<String>,
    /// Patterns.
    pub no_upgrade: Vec<String>,
    /// Patterns.
    pub no_extract: Vec<String>,
    /// As written, as the other paths here.
    pub cache_dirs: Vec<String>,
    /// Besides the one that libalpm has itself.
    pub hook_dirs: Vec<String>,
    pub gpg_dir: Option<String>,
    /// `SigLevel` of `[options]`.
    pub signatures: SigLevel,
    /// `LocalFileSigLevel`.
    pub local_file_signatures: SigLevel,
    /// `RemoteFileSigLevel`.
    pub remote_file_signatures: SigLevel,
    pub check_space: bool,
    pub use_syslog: bool,
    pub disable_download_timeout: bool,
    /// `DisableSandbox` stands for both.
    pub disable_sandbox_filesystem: bool,
    pub disable_sandbox_syscalls: bool,
    /// `None` where it is not said.
    pub parallel_downloads: Option<u32>,
    pub download_user: Option<String>,
    pub xfer_command: Option<String>,
    /// `auto` already replaced.
    pub architectures: Vec<String>,
    /// `RootDir`, as written.
    pub root_dir: Option<String>,
    /// `DBPath`, as written.
    pub db_path: Option<String>,
    /// `LogFile`, as written.
    pub log_file: Option<String>,
    /// Every file read or looked for, and every folder searched for a pattern.
    pub inputs: Vec<PathBuf>,
    /// What could not be read or understood.
    pub problems: Vec<Problem>,
}

impl Conf {
    /// Reads `file`. Paths inside it are taken to lie below `root`.
    pub fn read(file: &Path, root: &Path) -> Conf {
        let mut reader = Reader { conf: Conf::default(), root, section: Section::None, depth: 0, files: 0 };
        reader.file(file);
        let mut conf = reader.conf;
        conf.finish();
        conf
    }

    /// The same for text that is not in a file.
    pub(crate) fn parse(text: &str, root: &Path) -> Conf {
        let mut reader = Reader { conf: Conf::default(), root, section: Section::None, depth: 0, files: 0 };
        text.lines().enumerate().for_each(|(at, line)| reader.line(Path::new("pacman.conf"), at + 1, line));
        let mut conf = reader.conf;
        conf.finish();
        conf
    }

    /// Whether `IgnorePkg` or `IgnoreGroup` covers a package with these groups, one a line.
    pub fn ignores(&self, name: &str, groups: &str) -> bool {
        glob::any(&self.ignore_packages, name)
            || (!self.ignore_groups.is_empty() && groups.lines().any(|group| glob::any(&self.ignore_groups, group)))
    }

    /// Whether `HoldPkg` covers a package.
    pub fn keeps(&self, name: &str) -> bool {
        glob::any(&self.hold_packages, name)
    }

    fn finish(&mut self) {
        for repository in &mut self.repositories {
            if repository.usage.0 == 0 {
                repository.usage = Usage(Usage::ALL);
            }
            for server in repository.servers.iter_mut().chain(&mut repository.cache_servers) {
                if let Some(arch) = self.architectures.first() {
                    *server = server.replace("$arch", arch);
                }
                *server = server.replace("$repo", &repository.name);
            }
        }
        self.inputs.sort();
        self.inputs.dedup();
    }
}

#[derive(Clone, Copy)]
enum Section {
    None,
    Options,
    Repository(usize),
    /// A section pacman would refuse; what it says is skipped.
    Refused,
}

struct Reader<'a> {
    conf: Conf,
    root: &'a Path,
    /// An included file goes on in the section that includes it, and leaves behind the section it ends in.
    section: Section,
    depth: usize,
    files: usize,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path) {
        self.conf.inputs.push(path.to_owned());
        self.files += 1;
        match read(path) {
            Ok(text) => text.lines().enumerate().for_each(|(at, line)| self.line(path, at + 1, line)),
            Err(e) => self.problem(path, format!("cannot be read: {e}")),
        }
    }

    fn line(&mut self, file: &Path, number: usize, line: &str) {
        let line = line.trim_matches(is_space);
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            self.title(file, number, name);
            return;
        }
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (key.trim_matches(is_space), Some(value.trim_matches(is_space))),
            None => (line, None),
        };
        if key == "Include" {
            self.include(file, number, value);
            return;
        }
        match (self.section, value) {
            (Section::None, _) => self.problem(file, format!("line {number}: {key} belongs to no section")),
            (Section::Options, Some(value)) => self.option(file, number, key, value),
            (Section::Options, None) => self.switch(key),
            (Section::Repository(at), Some(value)) => self.repository(file, number, at, key, value),
            (Section::Repository(_) | Section::Refused, _) => {}
        }
    }

    fn title(&mut self, file: &Path, number: usize, name: &str) {
        self.section = if name == "options" {
            Section::Options
        } else if name.is_empty() || name == "local" || name.contains('/') {
            self.problem(file, format!("line {number}: [{name}] cannot be the name of a repository"));
            Section::Refused
        } else if self.conf.repositories.iter().any(|repository| repository.name == name) {
            self.problem(file, format!("line {number}: [{name}] is there already"));
            Section::Refused
        } else {
            self.conf.repositories.push(RepositorySection {
                name: name.to_owned(),
                servers: Vec::new(),
                cache_servers: Vec::new(),
                signatures: SigLevel::default(),
                usage: Usage(0),
            });
            Section::Repository(self.conf.repositories.len() - 1)
        };
    }

    fn switch(&mut self, key: &str) {
        let conf = &mut self.conf;
        match key {
            "CheckSpace" => conf.check_space = true,
            "UseSyslog" => conf.use_syslog = true,
            "DisableDownloadTimeout" => conf.disable_download_timeout = true,
            "DisableSandboxFilesystem" => conf.disable_sandbox_filesystem = true,
            "DisableSandboxSyscalls" => conf.disable_sandbox_syscalls = true,
            "DisableSandbox" => (conf.disable_sandbox_filesystem, conf.disable_sandbox_syscalls) = (true, true),
            // pacman 7.1 has a number of its own for it.
            "ParallelDownloads" => conf.parallel_downloads = Some(5),
            // Others, like `Color`, say nothing about packages.
            _ => {}
        }
    }

    fn option(&mut self, file: &Path, number: usize, key: &str, value: &str) {
        let conf = &mut self.conf;
        // Blanks alone divide, not tabs: so does pacman.
        let words = || value.split(' ').filter(|word| !word.is_empty()).map(str::to_owned);
        let level = match key {
            "SigLevel" => Some(&mut conf.signatures),
            "LocalFileSigLevel" => Some(&mut conf.local_file_signatures),
            "RemoteFileSigLevel" => Some(&mut conf.remote_file_signatures),
            _ => None,
        };
        if let Some(level) = level {
            if let Err(word) = level.add(value.split(' ').filter(|word| !word.is_empty())) {
                self.problem(file, format!("line {number}: {word} is no {key}"));
            }
            return;
        }
        match key {
            "IgnorePkg" => conf.ignore_packages.extend(words()),
            "IgnoreGroup" => conf.ignore_groups.extend(words()),
            "HoldPkg" => conf.hold_packages.extend(words()),
            "NoUpgrade" => conf.no_upgrade.extend(words()),
            "NoExtract" => conf.no_extract.extend(words()),
            "CacheDir" => conf.cache_dirs.extend(words()),
            "HookDir" => conf.hook_dirs.extend(words()),
            "ParallelDownloads" => match value.parse() {
                Ok(count) if count > 0 => conf.parallel_downloads = Some(count),
                _ => self.problem(file, format!("line {number}: {value} is no number of downloads")),
            },
            "Architecture" => conf.architectures.extend(words().map(|arch| match arch.as_str() {
                "auto" => machine().to_owned(),
                _ => arch,
            })),
            // The first one counts.
            "DBPath" => _ = conf.db_path.get_or_insert_with(|| value.to_owned()),
            "LogFile" => _ = conf.log_file.get_or_insert_with(|| value.to_owned()),
            "GPGDir" => _ = conf.gpg_dir.get_or_insert_with(|| value.to_owned()),
            "XferCommand" => _ = conf.xfer_command.get_or_insert_with(|| value.to_owned()),
            "DownloadUser" => _ = conf.download_user.get_or_insert_with(|| value.to_owned()),
            "RootDir" => _ = conf.root_dir.get_or_insert_with(|| value.to_owned()),
            _ => {}
        }
    }

    fn repository(&mut self, file: &Path, number: usize, at: usize, key: &str, value: &str) {
        match key {
            "Server" => self.conf.repositories[at].servers.push(value.to_owned()),
            "CacheServer" => self.conf.repositories[at].cache_servers.push(value.to_owned()),
            "SigLevel" => {
                let level = &mut self.conf.repositories[at].signatures;
                if let Err(word) = level.add(value.split(' ').filter(|word| !word.is_empty())) {
                    self.problem(file, format!("line {number}: {word} is no {key}"));
                }
            }
            "Usage" => {
                for word in value.split(' ').filter(|word| !word.is_empty()) {
                    let bits = match word {
                        "Sync" => Usage::SYNC,
                        "Search" => Usage::SEARCH,
                        "Install" => Usage::INSTALL,
                        "Upgrade" => Usage::UPGRADE,
                        "All" => Usage::ALL,
                        _ => {
                            self.problem(file, format!("line {number}: {word} is no Usage"));
                            continue;
                        }
                    };
                    self.conf.repositories[at].usage.0 |= bits;
                }
            }
            _ => {}
        }
    }

    fn include(&mut self, file: &Path, number: usize, value: Option<&str>) {
        let Some(pattern) = value.filter(|value| !value.is_empty()) else {
            return self.problem(file, format!("line {number}: Include needs a value"));
        };
        if self.depth >= MAX_INCLUDE_DEPTH || self.files >= MAX_FILES {
            return self.problem(file, format!("line {number}: Include goes too deep"));
        }
        let pattern = below(self.root, pattern);
        let mut searched = Vec::new();
        let found = glob::paths(&pattern, &mut searched);
        self.conf.inputs.append(&mut searched);
        self.depth += 1;
        for path in found {
            if self.files < MAX_FILES {
                self.file(&path);
            }
        }
        self.depth -= 1;
    }

    fn problem(&mut self, path: &Path, message: String) {
        // Files that include each other would say the same thing a thousand times.
        let problem = Problem { path: path.to_owned(), message };
        if !self.conf.problems.contains(&problem) && self.conf.problems.len() < 100 {
            self.conf.problems.push(problem);
        }
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > MAX_FILE_BYTES {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "not a file of bearable size"));
    }
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

/// `path` as it is meant inside `root`.
pub fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}')
}

/// What `uname -m` says.
fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86" => "i686",
        "arm" => "armv7l",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn read_root(files: &[(&str, &str)]) -> Conf {
        let root = root(files);
        Conf::read(&root.path().join("etc/pacman.conf"), root.path())
    }

    #[test]
    fn options_and_repositories_in_order() {
        let conf = read_root(&[(
            "etc/pacman.conf",
            "# c\n[options]\nColor\nIgnorePkg = a  b*\nIgnorePkg=c\nIgnoreGroup = g\nHoldPkg = pacman glibc\n\
             NoUpgrade = etc/passwd\nArchitecture = x86_64 x86_64_v3\nDBPath = /one\nDBPath = /two\nRootDir=/r\n\
             [core]\nServer = http://m/$repo/os/$arch\n  [extra]  \nUsage = Sync Search\nUsage = Install\n",
        )]);
        assert_eq!(conf.problems, []);
        assert_eq!(conf.ignore_packages, ["a", "b*", "c"]);
        assert_eq!((conf.ignore_groups.len(), conf.no_upgrade.len(), conf.hold_packages.len()), (1, 1, 2));
        assert_eq!(conf.architectures, ["x86_64", "x86_64_v3"]);
        assert_eq!((conf.db_path.as_deref(), conf.root_dir.as_deref()), (Some("/one"), Some("/r")));
        assert_eq!(conf.repositories[0].servers, ["http://m/core/os/x86_64"]);
        assert_eq!(conf.repositories[0].usage, Usage(15));
        assert_eq!((conf.repositories[1].name.as_str(), conf.repositories[1].usage), ("extra", Usage(7)));
        assert!(conf.ignores("bb", "") && conf.ignores("x", "f\ng") && !conf.ignores("x", "gg"));
        assert!(conf.keeps("glibc") && !conf.keeps("glib"));
    }

    #[test]
    fn what_a_change_needs() {
        let conf = read_root(&[(
            "etc/pacman.conf",
            "[options]\nCacheDir = /a /b\nHookDir = /h\nGPGDir = /g\nNoExtract = x y\nCheckSpace\nParallelDownloads = 3\n\
             SigLevel = Required DatabaseOptional\nLocalFileSigLevel = Optional\nDownloadUser = alpm\nDisableSandbox\n\
             Architecture = x86_64\n[core]\nSigLevel = Never\nServer = s/$repo\nCacheServer = c/$repo/$arch\n",
        )]);
        assert_eq!(conf.problems, []);
        assert_eq!((conf.cache_dirs.len(), conf.hook_dirs.len(), conf.no_extract.len()), (2, 1, 2));
        assert_eq!((conf.gpg_dir.as_deref(), conf.download_user.as_deref()), (Some("/g"), Some("alpm")));
        assert_eq!((conf.check_space, conf.use_syslog, conf.parallel_downloads), (true, false, Some(3)));
        assert!(conf.disable_sandbox_filesystem && conf.disable_sandbox_syscalls);
        assert_eq!((conf.signatures.global(0xc03), conf.local_file_signatures.below(0xc01)), (0xc01, 0xc03));
        assert_eq!(conf.repositories[0].signatures.below(0xc01), 0xc00 & !0x400);
        assert_eq!(conf.repositories[0].cache_servers, ["c/core/x86_64"]);
        let conf = read_root(&[("etc/pacman.conf", "[options]\nSigLevel = Requird\nParallelDownloads = 0\n")]);
        assert_eq!(conf.problems.len(), 2);
    }

    #[test]
    fn includes_with_patterns_share_the_section() {
        let conf = read_root(&[
            (
                "etc/pacman.conf",
                "[options]\nInclude = /etc/pacman.d/*.conf\n[core]\nInclude = /etc/pacman.d/mirrorlist\n",
            ),
            ("etc/pacman.d/10.conf", "IgnorePkg = x\n[first]\n"),
            ("etc/pacman.d/20.conf", "Server = s\n"),
            ("etc/pacman.d/mirrorlist", "Server = m/$repo\n"),
        ]);
        assert_eq!(conf.problems, []);
        assert_eq!(conf.ignore_packages, ["x"]);
        let got: Vec<_> = conf.repositories.iter().map(|r| (r.name.as_str(), r.servers.join(" "))).collect();
        assert_eq!(got, [("first", "s".to_owned()), ("core", "m/core".to_owned())]);
        assert!(conf.inputs.iter().any(|path| path.ends_with("etc/pacman.d")));
        assert!(conf.inputs.iter().any(|path| path.ends_with("etc/pacman.d/mirrorlist")));
    }

    #[test]
    fn mistakes_are_problems_and_the_rest_counts() {
        let conf = read_root(&[(
            "etc/pacman.conf",
            "Color\n[core]\nUsage = Search Nonsense\n[core]\nServer = twice\n[local]\n[extra]\nInclude = /etc/none\nInclude\n",
        )]);
        assert_eq!(conf.repositories.len(), 2);
        assert_eq!(conf.repositories[0].servers, [""; 0]);
        let messages: Vec<_> = conf.problems.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(messages.len(), 6, "{messages:?}");
    }

    #[test]
    fn an_include_of_itself_ends() {
        let conf = read_root(&[("etc/pacman.conf", "[options]\nInclude = /etc/pacman.conf\nInclude = /etc/*.conf\n")]);
        assert!(conf.problems.iter().any(|p| p.message.contains("too deep")));
    }

    #[test]
    fn cut_or_bent_configurations_never_panic() {
        let text = b"[options]\nIgnorePkg = a b\nArchitecture = auto\n[core]\nUsage = All\nServer = $repo/$arch\n[x]\n";
        let root = root(&[]);
        let path = root.path().join("pacman.conf");
        for cut in 0..text.len() {
            std::fs::write(&path, &text[..cut]).unwrap();
            Conf::read(&path, root.path());
        }
        for bit in 0..text.len() * 8 {
            let mut bent = text.to_vec();
            bent[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bent).unwrap();
            Conf::read(&path, root.path());
        }
    }
}
