//! What a folder asks of a shell's environment: the programs of its versions before the search path, variables, and what to look at
//! to notice that it would be another now.
//!
//! What was changed is written down in a variable of its own, which shells started from this one inherit: so each of them can take
//! just that back, whatever else was done to the search path meanwhile. Nothing of a project is executed.

mod stamps;
mod trust;

pub use trust::{Settings, Trust, may_be_set, settings};

use crate::audit::sha256;
use crate::ops::mise;
use crate::runtimes::active::{Choice, Person, environment};
use crate::runtimes::fault::Fault;
use crate::runtimes::installed::Installed;
use crate::runtimes::pin::{self, Folders};
use crate::runtimes::tools::{self, Tool};
use crate::shell::script::{self, HERE};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The variable that says what omg changed.
pub const VARIABLE: &str = "OMG_ENV";

/// What omg changed in an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The folders that were put before the search path, in order.
    #[serde(default)]
    pub path: Vec<String>,
    /// Each variable that was set: its name, its value, and the one it had before.
    #[serde(default)]
    pub set: Vec<(String, String, Option<String>)>,
}

/// What a folder asks for.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The requests in force, of the distribution's own as well.
    pub choices: Vec<Choice>,
    /// The version files on the way up.
    pub folders: Folders,
    /// Tools that are left to mise, and what it says of them.
    pub tools: Vec<Tool>,
    pub found: mise::Found,
    /// What is changed against an environment without omg.
    pub changed: Changed,
    /// Variables to set, and without a value to take away, in this environment.
    pub assign: Vec<(String, Option<String>)>,
    /// Files that set variables and are not trusted.
    pub untrusted: Vec<PathBuf>,
    /// What is wrong with the version files.
    pub faults: Vec<Fault>,
    /// What else could not be had, a sentence each.
    pub problems: Vec<String>,
}

/// What a shell looks at before each prompt.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Files, and beside each one whose time it had. Another time means another environment.
    pub files: Vec<(String, String)>,
    /// The folder, and the nearest above, with the names that were not there.
    pub folders: Vec<script::Folder>,
    /// The time that another file had, which is looked at as well.
    pub line: Option<String>,
}

/// Folders above that are looked at, at most: each costs a prompt 3 µs.
const MOST_ABOVE: usize = 4;

/// The environment of a folder, for a process whose environment `variable` tells.
pub fn of_folder(person: &Person, folder: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Environment {
    let (pins, faults, folders) = person.survey(folder);
    let choices: Vec<Choice> = pins.into_iter().map(|pin| person.choice(pin)).collect();
    let chosen: Vec<Installed> = choices.iter().filter_map(|choice| choice.installed.clone()).collect();
    let mut problems = Vec::new();
    let (programs, variables) = environment(&chosen);
    let mut text = |path: PathBuf| {
        // The separator of the search path cannot stand in one of its folders.
        let text = path.into_os_string().into_string().ok().filter(|text| !text.contains(':'));
        text.or_else(|| {
            problems.push("a folder of versions has a name that the search path cannot hold".to_owned());
            None
        })
    };
    let tools = tools::in_force(person, &folders);
    let before = before(variable);
    let found = match tools.is_empty() {
        true => mise::Found::default(),
        false => mise::world(person, folder, &tools, &plain(&before, variable)),
    };
    let path: Vec<String> = programs.into_iter().chain(found.path.iter().cloned()).filter_map(&mut text).collect();
    let mut set: Vec<(String, String)> =
        variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), text(value)?))).collect();
    let mises = found.variables.iter().filter(|(name, _)| set.iter().all(|(nearer, _)| nearer != name)).cloned();
    set.extend(mises.collect::<Vec<_>>());
    let Trusted { variables, untrusted, problems: others } = trusted(person, folder);
    let others_set = variables.into_iter().filter(|(name, _)| set.iter().all(|(nearer, _)| nearer != name));
    set.extend(others_set.collect::<Vec<_>>());
    // Once is enough.
    let new = others.into_iter().filter(|(file, _)| faults.iter().all(|fault| fault.file != *file));
    problems.extend(new.map(|(_, problem)| problem));
    let (changed, assign) = change(&before, path, set, variable);
    Environment { choices, folders, tools, found, changed, assign, untrusted, faults, problems }
}

/// What the project files of a folder set.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    pub variables: Vec<(String, String)>,
    /// Files that set variables and are not trusted.
    pub untrusted: Vec<PathBuf>,
    /// Files that could not be had, and why, in a sentence.
    pub problems: Vec<(PathBuf, String)>,
}

pub fn trusted(person: &Person, folder: &Path) -> Trusted {
    let mut all = Trusted::default();
    let trust = Trust::of(&person.folders);
    for (file, settings) in trust::in_force(folder, person.home.as_deref()) {
        match settings {
            Ok(settings) if trust.has(&settings) => {
                let farther = settings.variables.into_iter();
                let farther: Vec<_> =
                    farther.filter(|(name, _)| all.variables.iter().all(|(nearer, _)| nearer != name)).collect();
                all.variables.extend(farther);
            }
            Ok(settings) => all.untrusted.push(settings.file),
            Err(error) => all.problems.push((file, format!("{error:#}"))),
        }
    }
    all
}

/// What omg changed before in the environment that `variable` tells.
pub fn before(variable: &dyn Fn(&str) -> Option<String>) -> Changed {
    variable(VARIABLE).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The variables that omg set, as they would be without it.
pub fn plain(before: &Changed, variable: &dyn Fn(&str) -> Option<String>) -> Vec<(String, Option<String>)> {
    before.set.iter().map(|(name, ..)| (name.clone(), without(before, name, variable))).collect()
}

/// What a variable would be without omg. One that was set to something else since is its owner's.
fn without(before: &Changed, name: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let now = variable(name);
    match before.set.iter().find(|(own, value, _)| own == name && now.as_ref() == Some(value)) {
        Some((_, _, old)) => old.clone(),
        None => now,
    }
}

/// What is to be assigned to come from the environment that is to the one that is meant.
fn change(
    before: &Changed,
    path: Vec<String>,
    set: Vec<(String, String)>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> (Changed, Vec<(String, Option<String>)>) {
    let mut assign = Vec::new();
    let search = variable("PATH").unwrap_or_default();
    // An empty entry is the current folder; a search path that is empty has none.
    let mut others: Vec<&str> = if search.is_empty() { Vec::new() } else { search.split(':').collect() };
    for folder in &before.path {
        // Once for each time it was put there: a person's own entry of the same folder stays.
        if let Some(at) = others.iter().position(|other| other == folder) {
            others.remove(at);
        }
    }
    let whole = path.iter().map(String::as_str).chain(others).collect::<Vec<_>>().join(":");
    if whole != search {
        assign.push(("PATH".to_owned(), Some(whole)));
    }
    for (name, _, _) in before.set.iter().filter(|(name, ..)| set.iter().all(|(kept, _)| kept != name)) {
        let old = without(before, name, variable);
        if old != variable(name) {
            assign.push((name.clone(), old));
        }
    }
    let mut changed = Changed { path, set: Vec::new() };
    for (name, value) in set {
        let old = without(before, &name, variable);
        if variable(&name).as_ref() != Some(&value) {
            assign.push((name.clone(), Some(value.clone())));
        }
        changed.set.push((name, value, old));
    }
    if changed != *before {
        let text = (changed != Changed::default()).then(|| serde_json::to_string(&changed).expect("it is plain text"));
        assign.push((VARIABLE.to_owned(), text));
    }
    (changed, assign)
}

/// What a shell looks at, as the folder is now. `cache` is where the files of times may be kept.
///
/// The home folder and `/` are not looked at from below: so much is written there that the names would be looked for all the time.
pub fn watched(person: &Person, folder: &Path, folders: &Folders, line: Option<&Path>, cache: &Path) -> Watched {
    let stamp = |file: &Path| stamps::of(file, cache)?.into_os_string().into_string().ok();
    let with_stamp = |file: PathBuf| {
        let stamp = stamp(&file)?;
        Some((file.into_os_string().into_string().ok()?, stamp))
    };
    let looked_at = |path: &Path, shown: &str, there: &[&str]| {
        let absent: Vec<&str> = pin::names().filter(|name| !there.contains(name)).collect();
        let stamp = stamps::is_settled(path).then(|| stamp(path)).flatten();
        (!absent.is_empty()).then(|| script::Folder { path: shown.to_owned(), absent, stamp })
    };
    let here = folders.first().filter(|(nearest, _)| nearest == folder).map_or(&[][..], |(_, there)| there.as_slice());
    let is_busy = |path: &Path| person.home.as_deref() == Some(path) || path.parent().is_none();
    let above = folders.iter().filter(|(path, _)| path != folder && !is_busy(path)).take(MOST_ABOVE);
    let above = above.filter_map(|(path, there)| looked_at(path, path.to_str()?, there));
    let mut files: Vec<PathBuf> = there(folders).collect();
    files.extend(person.global.clone().filter(|global| global.exists()));
    Watched {
        folders: looked_at(folder, HERE, here).into_iter().chain(above).collect(),
        files: files.into_iter().filter_map(with_stamp).collect(),
        line: line.and_then(stamp),
    }
}

/// What a shell looks at that can compare contents and not times: each version file with the SHA-256 of as much as is read of it, and
/// those that are not there.
pub fn contents(person: &Person, folders: &Folders) -> (Vec<(String, String)>, Vec<String>) {
    let text = |path: PathBuf| path.into_os_string().into_string().ok();
    let missing = |(folder, there): &(PathBuf, Vec<&'static str>)| {
        pin::names().filter(|name| !there.contains(name)).map(|name| folder.join(name)).collect::<Vec<_>>()
    };
    let mut missing: Vec<PathBuf> = folders.iter().flat_map(missing).collect();
    let mut files: Vec<PathBuf> = there(folders).collect();
    if let Some(global) = &person.global {
        if global.exists() { &mut files } else { &mut missing }.push(global.clone());
    }
    let with_digest = |file: PathBuf| {
        // What is no file asks for nothing, and reading a pipe would wait for somebody to write into it.
        let open = std::fs::metadata(&file).ok()?.is_file().then(|| std::fs::File::open(&file))?.ok()?;
        let mut bytes = Vec::new();
        open.take(pin::MAX_FILE_BYTES).read_to_end(&mut bytes).ok()?;
        Some((text(file)?, sha256(&bytes)))
    };
    (files.into_iter().filter_map(with_digest).collect(), missing.into_iter().filter_map(text).collect())
}

fn there(folders: &Folders) -> impl Iterator<Item = PathBuf> {
    folders.iter().flat_map(|(folder, names)| names.iter().map(|name| folder.join(name)))
}

impl Environment {
    /// The requests that are no versions, and the versions that are not there, where the search path will not do.
    pub fn missing(&self, person: &Person) -> impl Iterator<Item = &Choice> {
        self.choices.iter().filter(|choice| choice.installed.is_none() && !person.does_without(choice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A shell: what it has set.
    struct Shell(BTreeMap<String, String>);

    impl Shell {
        fn new(path: &str) -> Shell {
            Shell(BTreeMap::from([("PATH".to_owned(), path.to_owned())]))
        }

        fn enter(&mut self, path: &[&str], set: &[(&str, &str)]) {
            let variable = |name: &str| self.0.get(name).cloned();
            let before = variable(VARIABLE).map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default();
            let path = path.iter().map(|&folder| folder.to_owned()).collect();
            let set = set.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            for (name, value) in change(&before, path, set, &variable).1 {
                match value {
                    Some(value) => self.0.insert(name, value),
                    None => self.0.remove(&name),
                };
            }
        }

        fn path(&self) -> &str {
            &self.0["PATH"]
        }
    }

    #[test]
    fn leaving_brings_back_just_what_was_there() {
        for path in ["/bin:/usr/bin", "", ":/bin::/a/bin:", "/a/bin", "/bin:/bin"] {
            let behind = |added: &str| if path.is_empty() { added.to_owned() } else { format!("{added}:{path}") };
            let mut shell = Shell::new(path);
            shell.0.insert("JAVA_HOME".into(), "/old".into());
            let before = shell.0.clone();
            shell.enter(&["/a/bin", "/b/bin"], &[("JAVA_HOME", "/new"), ("X", "1")]);
            assert_eq!((shell.path(), shell.0["X"].as_str()), (behind("/a/bin:/b/bin").as_str(), "1"));
            shell.enter(&["/c/bin"], &[("JAVA_HOME", "/newer")]);
            assert_eq!((shell.path(), shell.0["JAVA_HOME"].as_str()), (behind("/c/bin").as_str(), "/newer"));
            shell.enter(&[], &[]);
            assert_eq!(shell.0, before);
        }
    }

    #[test]
    fn what_a_person_did_meanwhile_stays() {
        let mut shell = Shell::new("/bin");
        shell.enter(&["/a/bin"], &[("X", "1"), ("Y", "1")]);
        shell.0.insert("PATH".into(), "/mine:/a/bin:/bin:/late".into());
        shell.0.insert("X".into(), "mine".into());
        shell.0.remove("Y");
        shell.enter(&["/b/bin"], &[]);
        assert_eq!((shell.path(), shell.0.get("X").map(String::as_str)), ("/b/bin:/mine:/bin:/late", Some("mine")));
        assert!(!shell.0.contains_key("Y"));
        shell.enter(&[], &[]);
        assert_eq!(shell.path(), "/mine:/bin:/late");
    }

    #[test]
    fn twice_the_same_assigns_nothing() {
        let mut shell = Shell::new("/bin");
        shell.enter(&["/a/bin"], &[("X", "1")]);
        let variable = |name: &str| shell.0.get(name).cloned();
        let before: Changed = serde_json::from_str(&shell.0[VARIABLE]).unwrap();
        let (_, assign) = change(&before, vec!["/a/bin".into()], vec![("X".into(), "1".into())], &variable);
        assert!(assign.is_empty(), "{assign:?}");
    }
}
