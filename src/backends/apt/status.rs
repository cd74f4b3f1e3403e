//! What is on the machine: dpkg's status file, apt's `extended_states`, and which packages may never be orphans.

use super::control::{Stanzas, cut_short, text, value};
use super::record::{Record, Scratch};
use crate::model::{Field, InstallState, Installed, LocalSink, Problem, Reason};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The three words of dpkg's `Status` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    pub want: &'a str,
    pub flag: &'a str,
    pub state: &'a str,
}

impl<'a> Status<'a> {
    pub fn parse(field: &'a str) -> Status<'a> {
        let mut words = field.split_ascii_whitespace();
        let mut word = || words.next().unwrap_or("");
        Status { want: word(), flag: word(), state: word() }
    }

    /// How much of the package is there; `None` for nothing at all.
    pub fn install_state(self) -> Option<InstallState> {
        match self.state {
            "" | "not-installed" => None,
            "config-files" => Some(InstallState::ConfigFiles),
            "installed" if !self.flag.contains("reinstreq") => Some(InstallState::Installed),
            _ => Some(InstallState::Broken),
        }
    }
}

/// Where dpkg keeps its database; the folder of the status file.
#[derive(Clone, Debug)]
pub struct Places {
    pub status: PathBuf,
    pub extended_states: PathBuf,
    /// dpkg's own folder.
    pub admin: PathBuf,
}

impl Places {
    pub fn info(&self) -> PathBuf {
        self.admin.join("info")
    }

    pub fn diversions(&self) -> PathBuf {
        self.admin.join("diversions")
    }
}

/// The text of the status file.
pub fn content(status: &Path) -> anyhow::Result<String> {
    let bytes = crate::sys::unpack::read(status)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Each package of a status file with each of its configuration files.
pub fn conffiles(content: &str) -> Vec<(String, PathBuf)> {
    let (mut stanzas, mut stanza, mut all) = (Stanzas::new(content), Vec::new(), Vec::new());
    // Package, Conffiles.
    while stanzas.skim_into(b"PC", &mut stanza) {
        let name = value(&stanza, "Package");
        for line in value(&stanza, "Conffiles").lines() {
            let mut line = line.trim();
            for flag in [" obsolete", " remove-on-upgrade"] {
                line = line.strip_suffix(flag).unwrap_or(line);
            }
            // The digest, behind a path that may have blanks.
            if let Some((path, _)) = line.rsplit_once(' ') {
                all.push((name.to_owned(), PathBuf::from(path)));
            }
        }
    }
    all
}

/// Reads the status file and hands every package to the sink.
pub fn read(
    places: &Places,
    native: &str,
    keep: &dyn Fn(&str) -> bool,
    sink: &mut dyn LocalSink,
) -> anyhow::Result<()> {
    // Without it nothing is installed, which is said; the other family still answers.
    let bytes = match crate::sys::unpack::read(&places.status) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot be read: {}", error.root_cause());
            sink.problem(Problem { path: places.status.clone(), message });
            return Ok(());
        }
    };
    let empty = bytes.is_empty().then_some("empty: 0 bytes");
    if let Some(fault) = empty.or_else(|| cut_short(&bytes)) {
        sink.problem(Problem { path: places.status.clone(), message: fault.to_owned() });
    }
    let content = text(&bytes);
    let automatic = Automatic::read(&places.extended_states, native, sink)?;
    let info = places.info();
    let (mut stanzas, mut stanza) = (Stanzas::new(&content), Vec::new());
    let (mut record, mut scratch) = (Record::default(), Scratch::default());
    while stanzas.read_into(&mut stanza) {
        record.set(&stanza);
        let status = Status::parse(record.status);
        let Some(state) = status.install_state() else { continue };
        if record.name.is_empty() || record.version.is_empty() {
            let message = format!("a stanza without name or version: {:?}", record.name);
            sink.problem(Problem { path: places.status.clone(), message });
            continue;
        }
        let name = super::lists::lower_case(record.name);
        let arch = record.foreign_arch(native);
        let mut lists = list_files(&info, record.name, record.architecture, record.is_multi_arch_same());
        let date = lists.find_map(|path| path.metadata().ok()).and_then(|metadata| metadata.modified().ok());
        let date = date.and_then(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs().to_string()));
        let more = date.as_deref().map(|date| (Field::InstallDate, date));
        let required = value(&stanza, "Priority") == "required";
        record.with_fields(record.long_text(), more.as_slice(), &mut scratch, |fields| {
            sink.package(&Installed {
                name: &name,
                arch,
                version: record.version,
                summary: record.summary(),
                state,
                reason: if automatic.has(&name, arch) { Reason::Dependency } else { Reason::Explicit },
                held: status.want == "hold",
                keep: record.essential || record.protected || required || name == "apt" || keep(&name),
                fields,
            });
        });
    }
    Ok(())
}

/// Packages that apt installed for the sake of others.
struct Automatic {
    /// Name and architecture as omg shows it.
    one: HashSet<(String, String)>,
    /// Entries without an architecture count for all.
    any: HashSet<String>,
}

impl Automatic {
    fn read(path: &Path, native: &str, sink: &mut dyn LocalSink) -> anyhow::Result<Automatic> {
        let mut automatic = Automatic { one: HashSet::new(), any: HashSet::new() };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            // A machine where apt never ran has none.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(automatic),
            Err(error) => {
                sink.problem(Problem { path: path.to_path_buf(), message: error.to_string() });
                return Ok(automatic);
            }
        };
        if let Some(fault) = cut_short(&bytes) {
            sink.problem(Problem { path: path.to_path_buf(), message: fault.to_owned() });
        }
        let content = text(&bytes);
        let (mut stanzas, mut stanza) = (Stanzas::new(&content), Vec::new());
        while stanzas.read_into(&mut stanza) {
            if !value(&stanza, "Auto-Installed").parse::<i64>().is_ok_and(|number| number > 0) {
                continue;
            }
            let name = value(&stanza, "Package").to_string();
            match value(&stanza, "Architecture") {
                "" => automatic.any.insert(name),
                arch if arch == native || arch == "all" => automatic.one.insert((name, String::new())),
                arch => automatic.one.insert((name, arch.to_string())),
            };
        }
        Ok(automatic)
    }

    fn has(&self, name: &str, arch: &str) -> bool {
        self.any.contains(name) || self.one.contains(&(name.to_string(), arch.to_string()))
    }
}

/// Where dpkg's list of a package's paths may be, the likelier place first: the architecture is part of its name for
/// packages that may be there more than once.
pub fn list_files(
    info: &Path,
    name: &str,
    architecture: &str,
    is_multi_arch_same: bool,
) -> impl Iterator<Item = PathBuf> {
    let is_plain = !name.contains('/') && !architecture.contains('/');
    let names = [format!("{name}.list"), format!("{name}:{architecture}.list")];
    let order = if is_multi_arch_same { [1, 0] } else { [0, 1] };
    order.into_iter().filter(move |_| is_plain).map(move |at| info.join(&names[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conffiles_with_blanks_and_flags() {
        let text = "Package: a\nConffiles:\n /etc/a b 00aa\n /etc/old 00aa obsolete\n /etc/new newconffile\n\n\
                    Package: none\nVersion: 1\n\nPackage: gone\nStatus: deinstall ok config-files\nConffiles:\n /etc/gone 00aa remove-on-upgrade\n";
        let expected = [("a", "/etc/a b"), ("a", "/etc/old"), ("a", "/etc/new"), ("gone", "/etc/gone")];
        assert_eq!(conffiles(text), expected.map(|(package, path)| (package.to_owned(), PathBuf::from(path))));
        assert_eq!(conffiles("Conffiles: x\n\nPackage: a\nConffiles:\n"), []);
    }

    #[test]
    fn states_between_installed_and_not() {
        let state = |field| Status::parse(field).install_state();
        assert_eq!(state("install ok installed"), Some(InstallState::Installed));
        assert_eq!(state("deinstall ok config-files"), Some(InstallState::ConfigFiles));
        assert_eq!(state("install reinstreq installed"), Some(InstallState::Broken));
        assert_eq!(state("install ok triggers-pending"), Some(InstallState::Broken));
        assert_eq!(state("unknown ok not-installed"), None);
        assert_eq!(state(""), None);
    }
}
