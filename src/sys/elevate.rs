//! How one command is run as root by a person who is not: through the first of the known programs that the machine has.
//!
//! The program asks for the password itself, at the terminal. Nothing of a password passes through here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs in the order they are tried, unless the configuration names another.
pub const PROGRAMS: [&str; 4] = ["sudo", "doas", "run0", "pkexec"];

/// The way to root on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elevation {
    /// This process is root.
    None,
    Through(PathBuf),
}

impl Elevation {
    /// The first of `programs` that is there; `None` where there is none.
    pub fn find(programs: &[String]) -> Option<Elevation> {
        if rustix::process::geteuid().is_root() {
            return Some(Elevation::None);
        }
        let found = programs.iter().find_map(|name| on_path(name, std::env::var_os("PATH").as_deref()));
        found.map(Elevation::Through)
    }

    /// `program` as root. All four take a command behind their own name. run0 would put a terminal of its own in between, and garble
    /// what is no text for the eye, but only where input, output and errors are all one: to whoever talks by pipes it hands these on.
    /// (Its `--pipe` says so, and is not known to systemd 256.)
    pub fn command(&self, program: &Path) -> Command {
        match self {
            Elevation::None => Command::new(program),
            Elevation::Through(with) => {
                let mut command = Command::new(with);
                command.arg(program);
                command
            }
        }
    }
}

/// The file that a program's name means, in folders parted as in `PATH`.
pub fn on_path(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    // An absolute path in the configuration means that file.
    let folders = std::env::split_paths(path?).filter(|folder| folder.is_absolute());
    let mut programs = folders.map(|folder| folder.join(name));
    programs.find(|program| rustix::fs::access(program, rustix::fs::Access::EXEC_OK).is_ok() && program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_program_that_can_be_run_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("doas", 0o755), ("sudo", 0o644)] {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = folder.path().as_os_str();
        assert_eq!(on_path("sudo", Some(path)), None, "it cannot be executed");
        assert_eq!(on_path("doas", Some(path)), Some(folder.path().join("doas")));
        assert_eq!(on_path("doas", Some(OsStr::new("."))), None, "the folder one stands in is no place for it");
        let way = Elevation::Through(folder.path().join("doas"));
        let command = way.command(Path::new("/usr/bin/omg"));
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["/usr/bin/omg"]);
        assert_eq!(Elevation::None.command(Path::new("/usr/bin/omg")).get_program(), "/usr/bin/omg");
    }
}
