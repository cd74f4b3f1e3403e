//! The apt backend against apt, dpkg and python3-apt, over every package of this machine and of copies of it that have
//! pins, holds, further releases and architectures. Nothing of the machine itself is changed.
//!
//! Where there is no dpkg database the tests say so and pass; the modules' own tests cover the code with small fixtures.

#![allow(clippy::print_stderr)]

use omg::backends::Backend;
use omg::backends::apt::Apt;
use omg::model::{
    Available, CatalogueSink, Field, InstallState, Installed, LocalSink, Problem, Reason, Repository, RepositoryId,
    Scope,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything a sink may be told, kept.
#[derive(Default)]
struct Kept {
    repositories: Vec<Repository>,
    available: Vec<Version>,
    installed: Vec<Local>,
    problems: Vec<Problem>,
}

struct Version {
    name: String,
    arch: String,
    version: String,
    summary: String,
    repository: RepositoryId,
    fields: Vec<(Field, String)>,
}

struct Local {
    name: String,
    arch: String,
    version: String,
    state: InstallState,
    reason: Reason,
    held: bool,
}

impl CatalogueSink for Kept {
    fn repository(&mut self, repository: Repository) -> RepositoryId {
        self.repositories.push(repository);
        (self.repositories.len() - 1) as RepositoryId
    }

    fn package(&mut self, package: &Available<'_>) {
        self.available.push(Version {
            name: package.name.into(),
            arch: package.arch.into(),
            version: package.version.into(),
            summary: package.summary.into(),
            repository: package.repository,
            fields: package.fields.iter().map(|&(field, value)| (field, value.to_string())).collect(),
        });
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

impl LocalSink for Kept {
    fn package(&mut self, package: &Installed<'_>) {
        self.installed.push(Local {
            name: package.name.into(),
            arch: package.arch.into(),
            version: package.version.into(),
            state: package.state,
            reason: package.reason,
            held: package.held,
        });
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// Name as apt prints it.
fn full(name: &str, arch: &str) -> String {
    if arch.is_empty() { name.to_string() } else { format!("{name}:{arch}") }
}

/// The machine itself; `None`, said aloud, where it is not one of dpkg's.
fn machine(test: &str) -> Option<Apt> {
    let apt = Apt::open(Path::new("/"), None).unwrap();
    if apt.is_none() || !Path::new("/usr/bin/apt-cache").exists() {
        eprintln!("skipped {test}: no apt on this machine");
        return None;
    }
    apt
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_version_of_every_package_is_apts() {
    let Some(apt) = machine("every_version_of_every_package_is_apts") else { return };
    let mut kept = Kept::default();
    apt.read_catalogue(&mut kept).unwrap();
    apt.read_local(&mut kept).unwrap();
    assert_eq!(kept.problems, []);
    let mut ours: BTreeMap<(String, String), Vec<&Version>> = BTreeMap::new();
    for version in &kept.available {
        assert!(usize::from(version.repository) < kept.repositories.len(), "{}", version.name);
        ours.entry((full(&version.name, &version.arch), version.version.clone())).or_default().push(version);
    }
    let local: BTreeSet<_> = kept.installed.iter().map(|p| (full(&p.name, &p.arch), p.version.clone())).collect();
    let theirs = run("apt-cache", &["dumpavail"]);
    let mut count = 0;
    for stanza in theirs.split("\n\n").filter(|stanza| !stanza.trim().is_empty()) {
        let field = |name: &str| {
            let line = stanza.lines().find(|line| line.starts_with(&format!("{name}: ")));
            line.map_or("", |line| line[name.len() + 2..].trim())
        };
        let key = (field("Package").to_string(), field("Version").to_string());
        let Some(all) = ours.get(&key) else {
            // apt also dumps what is only installed.
            assert!(local.contains(&key), "{key:?} is not in the catalogue");
            continue;
        };
        count += 1;
        let summary = field("Description");
        assert!(all.iter().any(|version| version.summary == summary), "{key:?}: {summary}");
        for (field_name, ours) in [
            ("Section", Field::Section),
            ("Homepage", Field::Homepage),
            ("Size", Field::DownloadSize),
            ("Maintainer", Field::Maintainer),
            ("Depends", Field::Depends),
            ("Multi-Arch", Field::MultiArch),
        ] {
            let has = |version: &&Version| {
                let value = version.fields.iter().find(|(name, _)| *name == ours).map_or("", |(_, value)| value);
                value == field(field_name)
            };
            assert!(all.iter().any(has), "{key:?}: {field_name}");
        }
    }
    assert!(count > 0, "apt has no lists");
}

#[test]
fn every_installed_package_is_dpkgs() {
    let Some(apt) = machine("every_installed_package_is_dpkgs") else { return };
    let mut kept = Kept::default();
    apt.read_local(&mut kept).unwrap();
    assert_eq!(kept.problems, []);
    let native = run("dpkg", &["--print-architecture"]);
    let theirs = run("dpkg-query", &["-W", "-f", "${Package}\t${Architecture}\t${Version}\t${Status}\n"]);
    let expected: BTreeSet<_> = theirs
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|columns| !columns[3].ends_with("not-installed"))
        .map(|c| {
            let arch = if c[1] == native.trim() || c[1] == "all" { "" } else { c[1] };
            (full(c[0], arch), c[2].to_string(), c[3].ends_with(" installed"), c[3].starts_with("hold "))
        })
        .collect();
    let ours: BTreeSet<_> = kept
        .installed
        .iter()
        .map(|p| (full(&p.name, &p.arch), p.version.clone(), p.state == InstallState::Installed, p.held))
        .collect();
    assert_eq!(ours, expected);

    let of = |wanted: &dyn Fn(&Local) -> bool| -> BTreeSet<String> {
        let present = kept.installed.iter().filter(|p| p.state != InstallState::ConfigFiles && wanted(p));
        present.map(|p| full(&p.name, &p.arch)).collect()
    };
    let marked = |what: &str| run("apt-mark", &[what]).lines().map(str::to_string).collect::<BTreeSet<_>>();
    assert_eq!(of(&|p| p.reason == Reason::Dependency), marked("showauto"));
    assert_eq!(of(&|p| p.reason == Reason::Explicit), marked("showmanual"));
    assert_eq!(of(&|p| p.held), marked("showhold"));
}

#[test]
fn every_path_has_the_owner_dpkg_names() {
    let Some(apt) = machine("every_path_has_the_owner_dpkg_names") else { return };
    let mut ours: BTreeMap<Vec<u8>, BTreeSet<String>> = BTreeMap::new();
    apt.read_owned(&mut |name, arch, path| {
        ours.entry(path.to_vec()).or_default().insert(full(name, arch));
    })
    .unwrap();
    let diverted: BTreeSet<PathBuf> =
        std::fs::read_to_string("/var/lib/dpkg/diversions").unwrap().lines().map(PathBuf::from).collect();
    let paths: Vec<&str> = ours
        .keys()
        .filter_map(|path| std::str::from_utf8(path).ok())
        // Patterns would match other paths too; diverted ones are told under the name they were moved to.
        .filter(|path| {
            *path != "/." && !path.contains(['*', '?', '[', '\\', ',', ':']) && !diverted.contains(Path::new(path))
        })
        .collect();
    assert!(paths.len() > 10_000);
    let native = run("dpkg", &["--print-architecture"]);
    let suffix = format!(":{}", native.trim());
    for some in paths.chunks(4000) {
        let answer = run("dpkg", &[&["-S"], some].concat());
        let mut seen = 0;
        for line in answer.lines() {
            let (owners, path) = line.split_once(": ").unwrap();
            let expected = owners.split(", ").map(|owner| owner.strip_suffix(&suffix).unwrap_or(owner).to_string());
            assert_eq!(ours[path.as_bytes()], expected.collect::<BTreeSet<_>>(), "{path}");
            seen += 1;
        }
        assert_eq!(seen, some.len());
    }
}

/// Prints every package's name, architecture and candidate as python3-apt has them.
const CANDIDATES: &str = "
import apt_pkg
apt_pkg.init()
cache = apt_pkg.Cache(None)
depends = apt_pkg.DepCache(cache)
for package in cache.packages:
    if package.has_versions:
        candidate = depends.get_candidate_ver(package)
        print(package.name, package.architecture, candidate.ver_str if candidate else '-')
";

/// Our candidates beside python3-apt's, over every package; how many are not the plain newest version.
fn compare_candidates(apt: &Apt, config: Option<&Path>) -> Option<BTreeMap<String, String>> {
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", CANDIDATES]).env("LC_ALL", "C.UTF-8");
    if let Some(config) = config {
        python.env("APT_CONFIG", config);
    }
    let output = match python.output() {
        Ok(output) => output,
        Err(_) => return None,
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("No module named") {
        return None;
    }
    assert!(output.status.success(), "{errors}");
    let native = run("dpkg", &["--print-architecture"]);
    let theirs: BTreeMap<String, String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|c| (full(c[0], if c[1] == native.trim() { "" } else { c[1] }), c[2].to_string()))
        .collect();
    let policy = apt.policy(Scope::All).unwrap();
    let ours: BTreeMap<String, String> = policy
        .choices
        .iter()
        .map(|c| (full(&c.name, &c.arch), c.candidate.clone().unwrap_or_else(|| "-".into())))
        .collect();
    assert_eq!(ours.len(), policy.choices.len(), "a package has two choices");
    let differ: Vec<_> = theirs
        .iter()
        .filter(|(name, version)| ours.get(*name) != Some(version))
        .map(|(name, version)| format!("{name}: apt {version}, omg {:?}", ours.get(name)))
        .chain(ours.keys().filter(|name| !theirs.contains_key(*name)).map(|name| format!("{name}: omg only")))
        .collect();
    assert!(
        differ.is_empty(),
        "{} of {} differ:\n{}",
        differ.len(),
        theirs.len(),
        differ[..differ.len().min(20)].join("\n")
    );
    eprintln!("{} candidates are apt's", theirs.len());
    Some(ours)
}

#[test]
fn every_candidate_is_apts() {
    let Some(apt) = machine("every_candidate_is_apts") else { return };
    if compare_candidates(&apt, None).is_none() {
        eprintln!("skipped every_candidate_is_apts: no python3-apt");
    }
}

#[test]
fn every_candidate_comes_from_the_first_list_that_has_it() {
    let Some(apt) = machine("every_candidate_comes_from_the_first_list_that_has_it") else { return };
    let mut kept = Kept::default();
    apt.read_catalogue(&mut kept).unwrap();
    let mut first: BTreeMap<(String, String), &str> = BTreeMap::new();
    for version in &kept.available {
        let repository = &kept.repositories[usize::from(version.repository)].name;
        first.entry((full(&version.name, &version.arch), version.version.clone())).or_insert(repository);
    }
    for choice in apt.policy(Scope::All).unwrap().choices {
        let Some(candidate) = &choice.candidate else { continue };
        let expected = first.get(&(full(&choice.name, &choice.arch), candidate.clone())).copied().unwrap_or("");
        assert_eq!(choice.repository, expected, "{}", choice.name);
    }
}

#[test]
fn asked_packages_have_the_choices_they_have_among_all() {
    let Some(apt) = machine("asked_packages_have_the_choices_they_have_among_all") else { return };
    let all = apt.policy(Scope::All).unwrap().choices;
    let asked: Vec<_> = all.iter().step_by(97).map(|c| (c.name.as_str(), c.arch.as_str())).collect();
    let some = apt.policy(Scope::Only(&asked)).unwrap().choices;
    assert_eq!(some, all.iter().step_by(97).cloned().collect::<Vec<_>>());
    assert_eq!(apt.policy(Scope::Only(&[("no such package", "")])).unwrap().choices, []);
}
