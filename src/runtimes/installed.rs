//! What is installed: omg's own versions, and those of other version managers, which are used as they are and never changed.
//!
//! Shells and shims ask this at every turn, so it is one listing of a folder, a few `stat`s and no more: nothing is parsed but
//! names. Others' folders are looked at only where none of omg's own is meant.

use super::Runtime;
use super::request::{LtsLines, Request, is_java_lts};
use super::version::Version;
use std::fs;
use std::path::{Path, PathBuf};

/// Where versions are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// omg's own.
    pub data: PathBuf,
    pub home: Option<PathBuf>,
    /// `XDG_DATA_HOME`, or what stands for it.
    shared: Option<PathBuf>,
    /// The variables that other managers' folders are set by.
    set: Vec<(&'static str, PathBuf)>,
}

/// A version that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    pub runtime: Runtime,
    pub version: Version,
    /// Its folder.
    pub path: PathBuf,
    pub keeper: Keeper,
}

/// Who installed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Keeper {
    Omg,
    Nvm,
    Fnm,
    Pyenv,
    Rbenv,
    Goenv,
    Asdf,
    Mise,
    Rustup,
}

impl Keeper {
    /// All but omg.
    pub const OTHERS: [Keeper; 8] = [
        Keeper::Nvm,
        Keeper::Fnm,
        Keeper::Pyenv,
        Keeper::Rbenv,
        Keeper::Goenv,
        Keeper::Asdf,
        Keeper::Mise,
        Keeper::Rustup,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Keeper::Omg => "omg",
            Keeper::Nvm => "nvm",
            Keeper::Fnm => "fnm",
            Keeper::Pyenv => "pyenv",
            Keeper::Rbenv => "rbenv",
            Keeper::Goenv => "goenv",
            Keeper::Asdf => "asdf",
            Keeper::Mise => "mise",
            Keeper::Rustup => "rustup",
        }
    }
}

const VARIABLES: [&str; 8] =
    ["NVM_DIR", "FNM_DIR", "PYENV_ROOT", "RBENV_ROOT", "GOENV_ROOT", "ASDF_DATA_DIR", "MISE_DATA_DIR", "RUSTUP_HOME"];

impl Folders {
    /// As the environment has it. `None` where there is neither a home nor a folder that is named.
    pub fn of_environment() -> Option<Folders> {
        Folders::of(&|name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute()))
    }

    pub fn of(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<Folders> {
        let home = variable("HOME");
        let shared = variable("XDG_DATA_HOME").or_else(|| Some(home.as_ref()?.join(".local/share")));
        let data = variable("OMG_DATA_HOME").or_else(|| Some(shared.as_ref()?.join("omg")))?;
        let set = VARIABLES.into_iter().filter_map(|name| Some((name, variable(name)?))).collect();
        Some(Folders { data, home, shared, set })
    }

    /// The folder of a runtime's versions.
    pub fn versions(&self, runtime: Runtime) -> PathBuf {
        self.data.join("versions").join(runtime.name())
    }

    /// The file of the lines that are kept for long, as the last index had them.
    pub fn lts_file(&self, runtime: Runtime) -> PathBuf {
        self.data.join("versions").join(format!("{}.lts", runtime.name()))
    }

    pub fn lts_lines(&self, runtime: Runtime) -> LtsLines {
        // Java's follow from a rule of their makers.
        if runtime == Runtime::Java {
            return LtsLines(
                (8..80).filter(|major| is_java_lts(*major)).map(|major| (major, "lts".to_owned())).collect(),
            );
        }
        LtsLines::parse(&fs::read_to_string(self.lts_file(runtime)).unwrap_or_default())
    }

    /// omg's own, oldest first.
    pub fn own(&self, runtime: Runtime) -> Vec<Installed> {
        listed(runtime, &self.versions(runtime), Keeper::Omg, |name| Version::parse(runtime, name), "")
    }

    /// Those of other managers, oldest first.
    pub fn others(&self, runtime: Runtime) -> Vec<Installed> {
        let mut all = Vec::new();
        for (keeper, folder, inner) in self.other_folders(runtime) {
            all.extend(listed(runtime, &folder, keeper, |name| foreign_name(runtime, keeper, name), inner));
        }
        all.sort_by(|a, b| a.version.cmp(&b.version));
        all
    }

    /// The installed version that a request means; omg's own before others'.
    pub fn find(&self, runtime: Runtime, request: &Request) -> Option<Installed> {
        let lts = match request.kind {
            super::request::Kind::Lts(_) => self.lts_lines(runtime),
            _ => LtsLines::default(),
        };
        let choose = |all: Vec<Installed>| request.select(&all, |one| &one.version, &lts).cloned();
        choose(self.own(runtime)).or_else(|| choose(self.others(runtime)))
    }

    fn set_or(&self, variable: &str, otherwise: Option<PathBuf>) -> Option<PathBuf> {
        self.set.iter().find(|(name, _)| *name == variable).map(|(_, path)| path.clone()).or(otherwise)
    }

    /// Where mise keeps what it installs.
    pub fn mise(&self) -> Option<PathBuf> {
        self.set_or("MISE_DATA_DIR", self.shared.as_ref().map(|shared| shared.join("mise")))
    }

    /// Where each manager keeps its versions, and what stands within one's folder before the runtime itself.
    fn other_folders(&self, runtime: Runtime) -> Vec<(Keeper, PathBuf, &'static str)> {
        let home = |name: &str| self.home.as_ref().map(|home| home.join(name));
        let shared = |name: &str| self.shared.as_ref().map(|shared| shared.join(name));
        let (asdf_name, mise_name) = match runtime {
            Runtime::Node => ("nodejs", "node"),
            Runtime::Go => ("golang", "go"),
            other => (other.name(), other.name()),
        };
        let own: [Option<(Keeper, PathBuf, &'static str)>; 2] = match runtime {
            Runtime::Node => [
                self.set_or("NVM_DIR", home(".nvm")).map(|at| (Keeper::Nvm, at.join("versions/node"), "")),
                self.set_or("FNM_DIR", shared("fnm")).map(|at| (Keeper::Fnm, at.join("node-versions"), "installation")),
            ],
            Runtime::Python => {
                [self.set_or("PYENV_ROOT", home(".pyenv")).map(|at| (Keeper::Pyenv, at.join("versions"), "")), None]
            }
            Runtime::Ruby => {
                [self.set_or("RBENV_ROOT", home(".rbenv")).map(|at| (Keeper::Rbenv, at.join("versions"), "")), None]
            }
            Runtime::Go => {
                [self.set_or("GOENV_ROOT", home(".goenv")).map(|at| (Keeper::Goenv, at.join("versions"), "")), None]
            }
            Runtime::Rust => [
                self.set_or("RUSTUP_HOME", home(".rustup")).map(|at| (Keeper::Rustup, at.join("toolchains"), "")),
                None,
            ],
            Runtime::Java | Runtime::Bun | Runtime::Deno | Runtime::Zig => [None, None],
        };
        let asdf_inner = if runtime == Runtime::Go { "go" } else { "" };
        let asdf = self.set_or("ASDF_DATA_DIR", home(".asdf"));
        let mise = self.mise();
        let mut all: Vec<_> = own.into_iter().flatten().collect();
        all.extend(asdf.map(|at| (Keeper::Asdf, at.join("installs").join(asdf_name), asdf_inner)));
        all.extend(mise.map(|at| (Keeper::Mise, at.join("installs").join(mise_name), "")));
        all
    }
}

impl Installed {
    /// The folder of its programs.
    pub fn programs(&self) -> PathBuf {
        // Zig finds its library beside itself.
        if self.runtime == Runtime::Zig && self.keeper == Keeper::Omg {
            self.path.clone()
        } else {
            self.path.join("bin")
        }
    }

    /// One of its programs, if it has that.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.programs().join(name);
        is_program(&path).then_some(path)
    }
}

pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).is_ok_and(|stat| stat.is_file() && stat.mode() & 0o111 != 0)
}

fn listed(
    runtime: Runtime,
    folder: &Path,
    keeper: Keeper,
    version: impl Fn(&str) -> Option<Version>,
    inner: &str,
) -> Vec<Installed> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let installed = |entry: fs::DirEntry| {
        let version = version(entry.file_name().to_str()?)?;
        // Links are other names of versions that stand there themselves; omg makes none.
        entry.file_type().ok().filter(|kind| kind.is_dir())?;
        let path = if inner.is_empty() { entry.path() } else { entry.path().join(inner) };
        Some(Installed { runtime, version, path, keeper })
    };
    let mut all: Vec<Installed> = entries.filter_map(installed).collect();
    all.sort_by(|a, b| a.version.cmp(&b.version));
    all
}

/// A version by the name that another manager gave its folder.
fn foreign_name(runtime: Runtime, keeper: Keeper, name: &str) -> Option<Version> {
    match (runtime, keeper) {
        (Runtime::Rust, Keeper::Rustup) => {
            // `stable-x86_64-unknown-linux-gnu`
            let triple = ["-x86_64-", "-aarch64-", "-i686-", "-armv7-", "-riscv64gc-"];
            let end = triple.iter().find_map(|arch| name.find(arch)).unwrap_or(name.len());
            Version::parse(runtime, &name[..end])
        }
        // `temurin-21.0.5+11.0.LTS`. Whose it is does not matter for running it, where that is nobody known here.
        (Runtime::Java, _) => {
            let name = name.strip_suffix(".LTS").unwrap_or(name);
            let nameless = || Version::parse(runtime, name.split_once('-')?.1);
            Version::parse(runtime, name).or_else(nameless)
        }
        _ => Version::parse(runtime, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Home(tempfile::TempDir);

    impl Home {
        fn with(folders: &[&str]) -> Home {
            let home = Home(tempfile::tempdir().unwrap());
            for folder in folders {
                fs::create_dir_all(home.0.path().join(folder)).unwrap();
            }
            home
        }

        fn folders(&self) -> Folders {
            Folders::of(&|name| (name == "HOME").then(|| self.0.path().to_owned())).unwrap()
        }

        fn find(&self, runtime: Runtime, request: &str) -> Option<(String, &'static str)> {
            let found = self.folders().find(runtime, &Request::parse(runtime, request).unwrap())?;
            assert!(found.path.starts_with(self.0.path()) && found.path.is_dir(), "{}", found.path.display());
            Some((found.version.to_string(), found.keeper.name()))
        }
    }

    #[test]
    fn own_versions_come_before_others_and_others_before_none() {
        let home = Home::with(&[
            ".local/share/omg/versions/node/22.1.0",
            ".local/share/omg/versions/node/22.11.0",
            ".local/share/omg/versions/node/.new-22.12.0-x",
            ".nvm/versions/node/v22.12.0",
            ".nvm/versions/node/v18.0.0",
            ".local/share/fnm/node-versions/v16.1.0/installation",
            ".pyenv/versions/3.12.1",
            ".pyenv/versions/my-project",
            ".asdf/installs/golang/1.22.1/go",
            ".local/share/mise/installs/java/temurin-21.0.5+11",
            ".rustup/toolchains/1.80.0-x86_64-unknown-linux-gnu",
            ".rustup/toolchains/nightly-2025-01-02-aarch64-unknown-linux-gnu",
            ".rustup/toolchains/stable-x86_64-unknown-linux-gnu",
        ]);
        let some = |version: &str, keeper| Some((version.to_owned(), keeper));
        assert_eq!(home.find(Runtime::Node, "22"), some("22.11.0", "omg"));
        assert_eq!(home.find(Runtime::Node, "18"), some("18.0.0", "nvm"));
        assert_eq!(home.find(Runtime::Node, "^16"), some("16.1.0", "fnm"));
        assert_eq!(home.find(Runtime::Node, "20"), None);
        assert_eq!(home.find(Runtime::Python, ">=3.9"), some("3.12.1", "pyenv"));
        assert_eq!(home.find(Runtime::Go, "1.22"), some("1.22.1", "asdf"));
        assert_eq!(home.find(Runtime::Java, "lts"), some("21.0.5+11", "mise"));
        assert_eq!(home.find(Runtime::Rust, "1.80"), some("1.80.0", "rustup"));
        assert_eq!(home.find(Runtime::Rust, "stable"), some("stable", "rustup"));
        assert_eq!(home.find(Runtime::Rust, "nightly-2025-01-02"), some("nightly-2025-01-02", "rustup"));
        assert_eq!(home.find(Runtime::Node, "lts"), None, "no index said which lines are kept");
        fs::write(home.folders().lts_file(Runtime::Node), "18 hydrogen\n").unwrap();
        assert_eq!(home.find(Runtime::Node, "lts"), some("18.0.0", "nvm"));
    }

    #[test]
    fn a_link_and_a_file_are_no_installed_versions() {
        let home = Home::with(&[".local/share/omg/versions/node"]);
        let versions = home.folders().versions(Runtime::Node);
        fs::write(versions.join("22.1.0"), "").unwrap();
        std::os::unix::fs::symlink("/etc", versions.join("22.2.0")).unwrap();
        assert_eq!(home.find(Runtime::Node, "22"), None);
    }
}
