//! What is in force in a folder: the request that counts for each runtime, and the installed version that it means.
//!
//! What the shell asks for (`omg use --shell`) counts first, then a version file of the folder or above, then the user's own file
//! for everywhere (`omg use --global`), else whatever the search path finds.

use super::Runtime;
use super::fault::Fault;
use super::installed::{Folders, Installed, is_program};
use super::pin::{self, Pin};
use super::request::{Kind, Request};
use super::tools::Tool;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What the environment says of the person who asks.
#[derive(Clone, Debug, Default)]
pub struct Person {
    pub folders: Folders,
    pub home: Option<PathBuf>,
    /// The file of the versions that count everywhere.
    pub global: Option<PathBuf>,
    /// The folders of programs, in order.
    pub search: Vec<PathBuf>,
    /// What the shell asks for.
    pub shell: Vec<Pin>,
}

impl Person {
    /// As the environment has it; `None` without a home or a folder that is named.
    pub fn of_environment() -> Option<Person> {
        let own = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = own("HOME");
        let config = own("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
        let search = std::env::var_os("PATH").unwrap_or_default();
        Some(Person {
            folders: Folders::of_environment()?,
            global: config.map(|config| config.join("omg/omg.toml")),
            search: std::env::split_paths(&search).filter(|folder| folder.is_absolute()).collect(),
            shell: pin::of_environment(&|name| std::env::var(name).ok()),
            home,
        })
    }

    /// The requests in force in a folder, at most one for each runtime.
    pub fn pins(&self, folder: &Path) -> Vec<Pin> {
        self.pins_and_faults(folder).0
    }

    /// The same, and what is wrong with files that may have asked for what the shell does not.
    pub fn pins_and_faults(&self, folder: &Path) -> (Vec<Pin>, Vec<Fault>) {
        let (pins, faults) = pin::active_with_faults(folder, self.home.as_deref());
        self.with_own(pins, faults)
    }

    /// The same, and the folders that count, with the names of version files that are there.
    pub fn survey(&self, folder: &Path) -> (Vec<Pin>, Vec<Fault>, pin::Folders) {
        let (pins, faults, folders) = pin::survey(folder, self.home.as_deref());
        let (pins, faults) = self.with_own(pins, faults);
        (pins, faults, folders)
    }

    /// What files ask for, between what the shell and what the person's own file does.
    fn with_own(&self, files: Vec<Pin>, mut faults: Vec<Fault>) -> (Vec<Pin>, Vec<Fault>) {
        let mut pins = self.shell.clone();
        let (global, fault) = self.global.as_deref().map_or((Vec::new(), None), pin::of_file);
        // With the configuration in the home folder one file can be both.
        faults.extend(fault.filter(|fault| faults.iter().all(|known| known.file != fault.file)));
        faults.retain(|fault| {
            Runtime::ALL.iter().any(|of| fault.concerns(*of) && self.shell.iter().all(|pin| pin.runtime != *of))
        });
        for pin in files.into_iter().chain(global) {
            if pins.iter().all(|nearer| nearer.runtime != pin.runtime) {
                pins.push(pin);
            }
        }
        (pins, faults)
    }

    /// What a request of a file means.
    pub fn choice(&self, pin: Pin) -> Choice {
        let request = Request::parse(pin.runtime, &pin.version);
        let installed = match &request {
            Ok(request) => self.folders.find(pin.runtime, request),
            Err(_) => None,
        };
        Choice { pin, request, installed }
    }

    /// Whether there is nothing to complain of where a request is not met: what a project's manifest says of itself is no matter
    /// where the search path has a program for it, which may well do.
    pub fn does_without(&self, choice: &Choice) -> bool {
        let program = || self.system_program(choice.pin.runtime.program());
        choice.is_system() || pin::is_manifest(&choice.pin.file) && program().is_some()
    }

    /// The first program of this name on the search path that is none of omg's versions or shims.
    pub fn system_program(&self, name: impl AsRef<OsStr>) -> Option<PathBuf> {
        let is_foreign = |folder: &&PathBuf| !folder.starts_with(&self.folders.data);
        let paths = self.search.iter().filter(is_foreign).map(|folder| folder.join(name.as_ref()));
        paths.into_iter().find(|path| is_program(path) && !is_shim(path))
    }
}

/// A link to omg by another name, wherever the folder of shims is reached from: it would ask the same question again.
pub fn is_shim(path: &Path) -> bool {
    std::fs::read_link(path).is_ok_and(|target| target.file_name().is_some_and(|name| name == "omg"))
}

/// A request in force, and what it comes to.
#[derive(Clone, Debug)]
pub struct Choice {
    pub pin: Pin,
    pub request: Result<Request, String>,
    pub installed: Option<Installed>,
}

impl Choice {
    /// Whether it leaves the runtime to the distribution.
    pub fn is_system(&self) -> bool {
        matches!(&self.request, Ok(request) if request.kind == Kind::System)
    }
}

/// Who provides a program, and why.
#[derive(Clone, Debug)]
pub struct Answer {
    pub runtime: Option<Runtime>,
    /// The program; `None` where there is none.
    pub program: Option<PathBuf>,
    /// The request that decided; `None` where nothing is asked for.
    pub choice: Option<Choice>,
    /// The tool of mise that has it; only `ops` asks mise.
    pub tool: Option<Tool>,
    /// What is wrong with files that may have decided otherwise.
    pub faults: Vec<Fault>,
}

/// The program that a name means in a folder. The name of a runtime stands for its main program.
pub fn which(person: &Person, folder: &Path, name: &str) -> Answer {
    let by_runtime = Runtime::named(name);
    let program = match by_runtime {
        // `python` and `ruby` are programs too, `rust` and `golang` are not.
        Some(runtime) if Runtime::of_program(name).is_none() => runtime.program(),
        _ => name,
    };
    let known = by_runtime.or_else(|| Runtime::of_program(name));
    let (mut pins, mut faults) = person.pins_and_faults(folder);
    if let Some(runtime) = known {
        pins.retain(|pin| pin.runtime == runtime);
        faults.retain(|fault| fault.concerns(runtime));
    }
    let mut answer = Answer { runtime: known, program: None, choice: None, tool: None, faults };
    for pin in pins {
        let choice = person.choice(pin);
        let found = choice.installed.as_ref().and_then(|installed| installed.program(program));
        // Of what came with a runtime only that version's will do.
        if found.is_some() || known.is_some() {
            answer.program = found.or_else(|| choice.is_system().then(|| person.system_program(program))?);
            answer.runtime = Some(choice.pin.runtime);
            answer.choice = Some(choice);
            return answer;
        }
    }
    answer.program = person.system_program(program);
    answer
}

/// What a process needs to be in the world of these versions: the folders before its search path, and variables.
pub fn environment(chosen: &[Installed]) -> (Vec<PathBuf>, Vec<(&'static str, PathBuf)>) {
    let folders = chosen.iter().map(Installed::programs).collect();
    let java = chosen.iter().find(|one| one.runtime == Runtime::Java);
    let variables = java.map(|one| ("JAVA_HOME", one.path.clone())).into_iter().collect();
    (folders, variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_nearest_file_decides_then_the_users_own_then_the_search_path() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let person = Person {
            folders: Folders::of(&|name| (name == "HOME").then(|| home.path().to_owned())).unwrap(),
            home: Some(home.path().to_owned()),
            global: Some(at(".config/omg/omg.toml")),
            search: vec![at(".local/share/omg/shims"), at("bin")],
            shell: Vec::new(),
        };
        let versions = ".local/share/omg/versions/node";
        for path in ["22.1.0/bin/node", "22.1.0/bin/tsc", "20.1.0/bin/node"] {
            program(&at(versions).join(path));
        }
        program(&at("bin/node"));
        program(&at("bin/tsc"));
        program(&at(".local/share/omg/shims/node"));
        fs::create_dir_all(at("work/deep")).unwrap();
        let answer = |name: &str| which(&person, &at("work/deep"), name);
        assert_eq!(answer("node").program, Some(at("bin/node")), "not the shim");
        assert!(answer("node").choice.is_none());

        fs::create_dir_all(at(".config/omg")).unwrap();
        fs::write(at(".config/omg/omg.toml"), "[runtimes]\nnode = \"20\"\n").unwrap();
        let global = answer("node");
        assert_eq!(global.program, Some(at(versions).join("20.1.0/bin/node")));
        assert_eq!(global.choice.unwrap().pin.line, 2);

        fs::write(at("work/.nvmrc"), "22\n").unwrap();
        assert_eq!(answer("node").program, Some(at(versions).join("22.1.0/bin/node")));
        assert_eq!(
            answer("tsc").program,
            Some(at(versions).join("22.1.0/bin/tsc")),
            "a global package of that version"
        );
        assert_eq!(answer("npm").program, None, "it has none, and the system's would be another version's");

        let own = |name: &str| (name == "OMG_NODE_VERSION").then(|| "20".to_owned());
        let shell = Person { shell: pin::of_environment(&own), ..person.clone() };
        let asked = which(&shell, &at("work/deep"), "node");
        assert_eq!(asked.program, Some(at(versions).join("20.1.0/bin/node")), "the shell before the file");
        assert_eq!(asked.choice.unwrap().pin.line, 0);

        fs::write(at("work/.nvmrc"), "18\n").unwrap();
        let missing = answer("node");
        assert!(missing.program.is_none() && missing.choice.unwrap().installed.is_none());
        assert_eq!(answer("tsc").program, Some(at("bin/tsc")));
        fs::write(at("work/.nvmrc"), "system\n").unwrap();
        assert_eq!(answer("node").program, Some(at("bin/node")));
    }
}
