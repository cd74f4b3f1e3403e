//! The apt backend against apt, dpkg and python3-apt, over every package of this machine and of copies of it that have
//! pins, holds, further releases and architectures. Nothing of the machine itself is changed.
//!
//! Where there is no dpkg database the tests say so and pass; the modules' own tests cover the code with small fixtures.

#![allow(clippy::print_stderr)]

use omg::backends::Backend;
use omg::backends::apt::Apt;
use omg::backends::engine::{EngineCommand, EngineError};
use omg::index::details::DetailsAt;
use omg::index::{self, LocalRow, Staleness, Status, status};
use omg::model::{
    Authority, Available, CatalogueSink, Choice, Field, InstallState, Installed, LocalSink, Offer, Problem, Reason,
    Repository, RepositoryId, Scope,
};
use omg::ops::{self, World};
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

fn no_engine() -> Result<EngineCommand, EngineError> {
    Err(EngineError::CannotStart("not asked".to_owned()))
}

fn engine_of_build() -> Option<EngineCommand> {
    option_env!("CARGO_BIN_EXE_omg-apt").map(EngineCommand::at)
}

/// The engine of this build; `None`, said aloud, where it was built without.
fn engine(test: &str) -> Option<EngineCommand> {
    let engine = engine_of_build();
    if engine.is_none() {
        eprintln!("skipped {test}: built without the feature apt");
    }
    engine
}

/// What a policy says about all packages: of those it does not mention, that they have one version, which is the
/// candidate, from the first repository that has it.
fn with_unmentioned(apt: &Apt, choices: Vec<Choice>) -> BTreeMap<(String, String), Choice> {
    let mut kept = Kept::default();
    apt.read_catalogue(&mut kept).unwrap();
    let count = choices.len();
    let mut all: BTreeMap<_, _> = choices.into_iter().map(|c| ((c.name.clone(), c.arch.clone()), c)).collect();
    assert_eq!(all.len(), count, "a package has two choices");
    let mut unmentioned: BTreeMap<(String, String), Choice> = BTreeMap::new();
    for version in kept.available {
        let key = (version.name, version.arch);
        if all.contains_key(&key) {
            continue;
        }
        let only = unmentioned.entry(key.clone()).or_insert_with(|| Choice {
            name: key.0,
            arch: key.1,
            candidate: Some(version.version.clone()),
            repository: kept.repositories[usize::from(version.repository)].name.clone(),
            replaced_by: None,
        });
        assert_eq!(only.candidate.as_ref(), Some(&version.version), "{} has two versions and no choice", only.name);
    }
    all.extend(unmentioned);
    all
}

/// The machine itself; `None`, said aloud, where it is not one of dpkg's.
fn machine(test: &str) -> Option<Apt> {
    let apt = Apt::open(Path::new("/"), None, no_engine()).unwrap();
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
    apt.read_owned(
        &mut |name, arch, path| {
            ours.entry(path.to_vec()).or_default().insert(full(name, arch));
        },
        &mut |problem| panic!("{problem:?}"),
    )
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

/// Prints every package's name, architecture and candidate as python3-apt has them, and every place the candidate comes
/// from by every name it may have: a release is called after its codename, its suite or its host.
const CANDIDATES: &str = "
import apt_pkg
apt_pkg.init()
cache = apt_pkg.Cache(None)
depends = apt_pkg.DepCache(cache)
for package in cache.packages:
    if package.has_versions:
        candidate = depends.get_candidate_ver(package)
        files = [file for file, _ in candidate.file_list] if candidate else []
        places = [f'{name}/{file.component}' if file.component else name for file in files
                  if file.archive != 'now' for name in (file.codename, file.archive, file.site) if name]
        print(package.name, package.architecture, candidate.ver_str if candidate else '-', ','.join(places) or '-')
";

/// A package's candidate and the places it comes from.
type Theirs = BTreeMap<(String, String), (String, BTreeSet<String>)>;

/// What python3-apt says about every package; `None` where it is not there.
fn apts_candidates(config: Option<&Path>) -> Option<Theirs> {
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", CANDIDATES]).env("LC_ALL", "C.UTF-8");
    if let Some(config) = config {
        python.env("APT_CONFIG", config);
    }
    let output = python.output().ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("No module named") {
        return None;
    }
    assert!(output.status.success(), "{errors}");
    let native = run("dpkg", &["--print-architecture"]);
    let line = |line: &str| {
        let columns: Vec<&str> = line.split(' ').collect();
        let arch = if columns[1] == native.trim() { "" } else { columns[1] };
        let places = columns[3].split(',').filter(|place| *place != "-").map(str::to_string).collect();
        ((columns[0].to_string(), arch.to_string()), (columns[2].to_string(), places))
    };
    Some(String::from_utf8(output.stdout).unwrap().lines().map(line).collect())
}

/// Each of our choices beside apt's.
fn assert_apts<'a>(what: &str, ours: impl IntoIterator<Item = &'a Choice>, theirs: &Theirs) -> usize {
    let mut differ = Vec::new();
    let mut count = 0;
    for choice in ours {
        count += 1;
        let their = theirs.get(&(choice.name.clone(), choice.arch.clone()));
        let is_apts = their.is_some_and(|(version, places)| {
            let from = places.iter().any(|place| choice.repository.ends_with(place.as_str()));
            choice.candidate.as_deref().unwrap_or("-") == version
                && (from || (places.is_empty() && choice.repository.is_empty()))
        });
        if !is_apts {
            differ.push(format!("{choice:?}, apt {their:?}"));
        }
    }
    let few = &differ[..differ.len().min(20)];
    assert!(differ.is_empty(), "{what}: {} of {} differ:\n{}", differ.len(), count, few.join("\n"));
    count
}

/// What the repositories offer, as the index would tell it: one page for each version, whatever repositories have it.
fn offers(kept: &Kept) -> BTreeMap<(&str, &str), Vec<Offer<'_>>> {
    let mut offers: BTreeMap<_, Vec<Offer<'_>>> = BTreeMap::new();
    for version in &kept.available {
        let of = offers.entry((version.name.as_str(), version.arch.as_str())).or_default();
        let page = of.iter().find(|offer| offer.version == version.version).map(|offer| offer.fields);
        of.push(Offer {
            name: &version.name,
            arch: &version.arch,
            version: &version.version,
            repository: &kept.repositories[usize::from(version.repository)].name,
            fields: page.unwrap_or(&version.fields),
        });
    }
    offers
}

/// omg's own rules, and the engine where this build has one.
fn both() -> Vec<Result<EngineCommand, EngineError>> {
    [Err(EngineError::CannotStart("not asked".to_owned()))].into_iter().chain(engine_of_build().map(Ok)).collect()
}

/// The choices about all packages beside python3-apt's, by each of `engines`: at once, and in batches of these sizes from what the index would know. A batch of `(1, 10)` takes one package and leaves
/// out the next nine. Returns the candidates, or `None` where there is no python3-apt.
fn compare_candidates(
    open: &dyn Fn(Result<EngineCommand, EngineError>) -> Apt,
    config: Option<&Path>,
    batches: &[(usize, usize)],
    engines: &[Result<EngineCommand, EngineError>],
) -> Option<BTreeMap<String, String>> {
    let theirs = apts_candidates(config)?;
    let mut candidates = BTreeMap::new();
    for engine in engines.iter().cloned() {
        let by_engine = engine.is_ok();
        let apt = open(engine);
        let policy = apt.policy(Scope::All).unwrap();
        assert_eq!(matches!(policy.authority, Authority::Engine(_)), by_engine, "{:?}", policy.authority);
        let all = with_unmentioned(&apt, policy.choices);
        assert_eq!(assert_apts("all at once", all.values(), &theirs), theirs.len());
        let mut kept = Kept::default();
        apt.read_catalogue(&mut kept).unwrap();
        let offers = offers(&kept);
        let names: Vec<(&str, &str)> = all.keys().map(|(name, arch)| (name.as_str(), arch.as_str())).collect();
        for (size, step) in batches {
            for batch in names.chunks(*step).map(|chunk| &chunk[..chunk.len().min(*size)]) {
                let offered: Vec<_> = batch.iter().filter_map(|key| offers.get(key)).flatten().copied().collect();
                let policy = apt.policy_among(batch, &offered).unwrap();
                assert_eq!(matches!(policy.authority, Authority::Engine(_)), by_engine, "{:?}", policy.authority);
                let count = assert_apts(&format!("{size} at once"), &policy.choices, &theirs);
                assert_eq!(count, batch.len(), "{batch:?}: {:?}", policy.choices);
                for choice in &policy.choices {
                    assert_eq!(choice, &all[&(choice.name.clone(), choice.arch.clone())], "{size} at once");
                }
            }
        }
        eprintln!("{} candidates are apt's by {:?}", theirs.len(), policy.authority);
        candidates =
            all.into_values().map(|c| (full(&c.name, &c.arch), c.candidate.unwrap_or_else(|| "-".into()))).collect();
    }
    Some(candidates)
}

#[test]
fn every_candidate_is_apts() {
    if machine("every_candidate_is_apts").is_none() {
        return;
    }
    let open = |engine| Apt::open(Path::new("/"), None, engine).unwrap().unwrap();
    if compare_candidates(&open, None, &[(1, 400), (7, 997), (500, 500), (usize::MAX, usize::MAX)], &both()).is_none() {
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
    let all = with_unmentioned(&apt, apt.policy(Scope::All).unwrap().choices);
    let asked: Vec<_> = all.keys().step_by(97).map(|(name, arch)| (name.as_str(), arch.as_str())).collect();
    let some = sorted(apt.policy(Scope::Only(&asked)).unwrap().choices);
    assert_eq!(some, all.values().step_by(97).cloned().collect::<Vec<_>>());
    assert_eq!(apt.policy(Scope::Only(&[("no such package", "")])).unwrap().choices, []);
    assert_eq!(apt.policy_among(&[("no such package", "")], &[]).unwrap().choices, []);
}

/// Archives of our own with Release files, in an apt configuration that leaves the machine's own untouched.
struct Private {
    folder: tempfile::TempDir,
    suites: Vec<&'static str>,
}

impl Private {
    fn new() -> Private {
        let folder = tempfile::tempdir().unwrap();
        for name in ["lists/partial", "preferences.d", "admin", "sources.d", "conf.d"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        Private { folder, suites: Vec::new() }
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// One archive, `packages` as `name version [source]`.
    fn archive(&mut self, suite: &'static str, release: &str, packages: &[&str]) {
        let native = run("dpkg", &["--print-architecture"]);
        let stem = format!("lists/{suite}.example_r_dists_{suite}");
        self.write(&format!("{stem}_Release"), release);
        let stanzas: String = packages
            .iter()
            .map(|package| {
                let words: Vec<&str> = package.split(' ').collect();
                let source = words.get(2).map_or(String::new(), |source| format!("Source: {source}\n"));
                let (name, version, native) = (words[0], words[1], native.trim());
                format!("Package: {name}\n{source}Version: {version}\nArchitecture: {native}\nFilename: p\nSize: 1\n\n")
            })
            .collect();
        self.write(&format!("{stem}_main_binary-{}_Packages", native.trim()), &stanzas);
        self.suites.push(suite);
    }

    /// A further list of an archive: `name version architecture`, and fields as `Name=value`.
    fn list(&self, suite: &str, file: &str, packages: &[&str]) {
        let stanza = |package: &&str| {
            let mut words = package.split(' ');
            let [name, version, architecture] = [(); 3].map(|()| words.next().unwrap());
            let more: String = words.map(|field| field.replacen('=', ": ", 1) + "\n").collect();
            format!("Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n{more}Filename: p\nSize: 1\n\n")
        };
        let text: String = packages.iter().map(stanza).collect();
        self.write(&format!("lists/{suite}.example_r_dists_{suite}_main_{file}_Packages"), &text);
    }

    /// Installed packages (`name version state`, and fields as `Name=value`), the general preferences file and further
    /// configuration.
    fn compare(&self, installed: &[&str], preferences: &str, more: &str) -> Option<BTreeMap<String, String>> {
        self.compare_by(&both(), installed, preferences, more)
    }

    fn compare_by(
        &self,
        engines: &[Result<EngineCommand, EngineError>],
        installed: &[&str],
        preferences: &str,
        more: &str,
    ) -> Option<BTreeMap<String, String>> {
        let native = run("dpkg", &["--print-architecture"]);
        let status: String = installed
            .iter()
            .map(|package| {
                let words: Vec<&str> = package.split(' ').collect();
                let (name, version, state, native) = (words[0], words[1], words[2], native.trim());
                let want = if state == "config-files" { "deinstall" } else { "install" };
                let more: String = words[3..].iter().map(|field| field.replacen('=', ": ", 1) + "\n").collect();
                let native = if more.contains("Architecture: ") { "" } else { &format!("Architecture: {native}\n") };
                format!("Package: {name}\nStatus: {want} ok {state}\nVersion: {version}\n{native}{more}\n")
            })
            .collect();
        self.write("admin/status", &status);
        self.write("preferences", preferences);
        let sources: String =
            self.suites.iter().map(|s| format!("deb [trusted=yes] http://{s}.example/r {s} main\n")).collect();
        self.write("sources.list", &sources);
        let at = self.folder.path().display();
        let config = format!(
            "Dir::State::lists \"{at}/lists/\";\nDir::State::status \"{at}/admin/status\";\n\
             Dir::Etc::sourcelist \"{at}/sources.list\";\nDir::Etc::sourceparts \"{at}/sources.d\";\n\
             Dir::Etc::preferences \"{at}/preferences\";\nDir::Etc::preferencesparts \"{at}/preferences.d\";\n\
             Dir::Etc::parts \"{at}/conf.d\";\nDir::Etc::main \"{at}/none\";\n\
             Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n{more}\n"
        );
        self.write("apt.conf", &config);
        let config = self.folder.path().join("apt.conf");
        let open = |engine| Apt::open(Path::new("/"), Some(&config), engine).unwrap().unwrap();
        compare_candidates(&open, Some(&config), &[(1, 1), (7, 7), (500, 500)], engines)
    }
}

/// Four archives of every kind of default priority, and packages in each state.
fn four_archives() -> Private {
    let mut private = Private::new();
    let stable = "Origin: Own\nLabel: Base\nSuite: stable\nCodename: alpha\nVersion: 12.5\n";
    let testing = "Origin: Own\nLabel: Base\nSuite: testing\nCodename: beta\n";
    let ports = "Origin: Own\nLabel: Ports\nSuite: stable-backports\nCodename: alpha-backports\n\
                 NotAutomatic: yes\nButAutomaticUpgrades: yes\n";
    let wild = "Origin: Other\nSuite: experimental\nCodename: wild\nNotAutomatic: yes\n";
    let base = ["one 1.0-1", "two 1.0-1 pair", "three 1:2.0 pair", "lib-x 1.0", "lib-y 1.0", "gone 1", "same 1.00"];
    private.archive("alpha", stable, &base);
    private.archive("beta", testing, &["one 2.0-1", "two 2.0-1 pair", "lib-x 2.0", "lib-y 2.0", "gone 2", "new 0.1"]);
    private.archive("ports", ports, &["one 1.5-1~bpo1", "three 1:2.5~bpo1 pair", "lib-x 3.0", "only 1"]);
    private.archive("wild", wild, &["one 3.0~rc1", "two 1.5 pair", "lib-y 3.0", "exotic 1", "same 1.00"]);
    private
}

const INSTALLED: &[&str] = &[
    "one 2.5-1 installed",
    "three 1:2.2 installed",
    "lib-x 2.0 half-configured",
    "gone 3 config-files",
    "own 1 installed",
    "left 1 config-files",
    "same 1.00 unpacked",
];

#[test]
fn every_candidate_is_apts_under_pins() {
    if machine("every_candidate_is_apts_under_pins").is_none() {
        return;
    }
    let private = four_archives();
    let Some(plain) = private.compare(INSTALLED, "", "") else {
        eprintln!("skipped every_candidate_is_apts_under_pins: no python3-apt");
        return;
    };
    assert!(plain.len() > 10, "{plain:?}");
    let mut pinned = 0;
    for (package, pin) in [
        ("one", "version 1.0-1|1001"),
        ("one", "version 1.0-1|999"),
        ("one", "version 1.*|1000"),
        ("one", "version 1.?-1|1000"),
        ("one", "version 2.0-1|-1"),
        ("one two", "release a=experimental|700"),
        ("two", "release n=wild|1001"),
        ("two", "release o=Other|600"),
        ("lib-*", "release l=Ports|600"),
        ("/^lib-[xy]$/", "release wild|1001"),
        ("lib-[!x]", "release a=stable|1001"),
        ("src:pair", "release a=experimental|990"),
        ("src:pa*", "version 1*|1001"),
        ("src:pair", "release a=stable|1001"),
        ("one:any", "release a=testing|1001"),
        ("one:i386", "release a=stable|1001"),
        ("exotic", "origin wild.example|-5"),
        ("lib-y", "origin \"*.example\"|1001"),
        ("*", "release a=testing|-1"),
        ("*", "release a=testing|50"),
        ("*", "release v=12*|1001"),
        ("*", "release v=12|1001"),
        ("*", "release c=main|1001"),
        ("*", "release a=now|1001"),
        ("*", "release o=Own,l=Ports|800"),
        ("*", "release a=stable*|800"),
        ("*", "release l=*|800"),
        ("*", "release *|800"),
        ("*", "release q=nothing|-1"),
        ("*", "origin ports.example|990"),
        ("*", "origin \"\"|990"),
        ("*", "release n=beta|never"),
    ] {
        let (pin, priority) = pin.split_once('|').unwrap();
        let record = format!("Explanation: x\nPackage: {package}\nPin: {pin}\nPin-Priority: {priority}\n");
        eprintln!("{package}: {pin} {priority}");
        pinned += usize::from(private.compare(INSTALLED, &record, "").unwrap() != plain);
    }
    // Pins that change nothing would prove nothing.
    assert!(pinned >= 20, "only {pinned} pins had an effect");
}

#[test]
fn the_first_of_several_pins_counts_as_in_apt() {
    if machine("the_first_of_several_pins_counts_as_in_apt").is_none() {
        return;
    }
    let private = four_archives();
    let record =
        |name: &str, pin: &str, priority: i32| format!("Package: {name}\nPin: {pin}\nPin-Priority: {priority}\n\n");
    let records = [
        record("*", "release a=experimental", 995),
        record("*", "release o=Other", -1),
        record("lib-*", "release a=stable", 1001),
        record("lib-x", "version *", 20),
        record("one", "version 9", 1001),
        record("# comment\none", "version 1.0-1", 1002),
    ];
    let forwards: String = records.concat();
    let backwards: String = records.iter().rev().map(String::as_str).collect();
    private.write("preferences.d/10first.pref", &record("two", "release a=experimental", 1001));
    private.write("preferences.d/20second", &record("two", "release n=*", 1));
    private.write("preferences.d/30not.bak", &record("three", "version *", -1));
    let never = "Package: *\nPin: release a=testing\nPin-Priority: never\n\nPackage: one\nPin: version 2.0-1\nPin-Priority: 1001\n\n";
    for preferences in [&forwards, &backwards, &format!("{forwards}{never}"), &format!("{never}{backwards}")] {
        for release in ["", "stable", "testing", "n=wild", "wild*", "now", "12.5", "stable-backports"] {
            let more = format!("APT::Default-Release \"{release}\";");
            if private.compare(INSTALLED, preferences, &more).is_none() {
                eprintln!("skipped the_first_of_several_pins_counts_as_in_apt: no python3-apt");
                return;
            }
        }
    }
}

#[test]
fn phased_updates_reach_the_same_machines_as_in_apt() {
    let name = "phased_updates_reach_the_same_machines_as_in_apt";
    let (Some(_), Some(engine)) = (machine(name), engine(name)) else { return };
    let mut private = Private::new();
    let native = run("dpkg", &["--print-architecture"]);
    let names: Vec<String> = (0..20).map(|number| format!("phased{number}")).collect();
    private.archive("alpha", "Suite: stable\nCodename: alpha\n", &[]);
    let offered: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let source = ["", " Source=other", " Source=other(1.5)", " Source=own(2)"][at % 4].replace('(', "\u{a0}(");
            format!("{name} 2.0 {} Phased-Update-Percentage={}{source}", native.trim(), [30, 70, 0][at % 3])
        })
        .collect();
    private.list(
        "alpha",
        &format!("binary-{}", native.trim()),
        &offered.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let file = format!("lists/alpha.example_r_dists_alpha_main_binary-{}_Packages", native.trim());
    let text = std::fs::read_to_string(private.folder.path().join(&file)).unwrap();
    private.write(&file, &text.replace('\u{a0}', " "));
    // The last two are not installed.
    let installed: Vec<String> = names[..18].iter().map(|name| format!("{name} 1.0 installed")).collect();
    let installed: Vec<&str> = installed.iter().map(String::as_str).collect();
    let mut outcomes = BTreeSet::new();
    for policy in ["true", "false"] {
        for id in ["1", "2", "e"] {
            let more = format!("APT::Get::Phase-Policy \"{policy}\";\nAPT::Machine-ID \"{}\";\n", id.repeat(32));
            match private.compare_by(&[Ok(engine.clone())], &installed, "", &more) {
                Some(candidates) => outcomes.insert(candidates),
                None => return eprintln!("skipped {name}: no python3-apt"),
            };
        }
    }
    assert!(outcomes.len() > 1 || !apt_phases_candidates(), "no phasing was seen");
}

/// Earlier ones know of phased updates when they upgrade, and not when they name a candidate.
fn apt_phases_candidates() -> bool {
    let version = run("apt-cache", &["--version"]);
    let mut numbers =
        version.split(' ').nth(1).unwrap_or("").split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(2), Some(6))
}

#[test]
fn a_build_of_ones_own_under_a_known_version_is_told_apart() {
    let name = "a_build_of_ones_own_under_a_known_version_is_told_apart";
    let (Some(_), Some(engine)) = (machine(name), engine(name)) else { return };
    let mut private = Private::new();
    private.archive("alpha", "Suite: stable\nCodename: alpha\n", &["one 1.0", "two 1.0", "three 1.0"]);
    let installed = ["one 1.0 installed Depends=rebuilt", "two 1.0 installed", "three 1.0 installed Installed-Size=7"];
    for priority in [-1, 1, 50, 100, 500, 1001] {
        for package in ["*", "one two", "three"] {
            let pin = format!("Package: {package}\nPin: release a=stable\nPin-Priority: {priority}\n");
            if private.compare_by(&[Ok(engine.clone())], &installed, &pin, "").is_none() {
                return eprintln!("skipped {name}: no python3-apt");
            }
        }
    }
}

#[test]
fn candidates_of_foreign_architectures_are_apts() {
    let name = "candidates_of_foreign_architectures_are_apts";
    if machine(name).is_none() {
        return;
    }
    let native = run("dpkg", &["--print-architecture"]);
    let (native, foreign) = (native.trim(), if native.trim() == "armhf" { "i386" } else { "armhf" });
    let mut private = Private::new();
    for (suite, release) in
        [("alpha", "Suite: stable\nCodename: alpha\n"), ("beta", "Suite: testing\nCodename: beta\nNotAutomatic: yes\n")]
    {
        private.archive(suite, release, &[]);
        let number = if suite == "alpha" { 1 } else { 2 };
        let of = |arch: &str| [format!("one {number} {arch}"), format!("only-{arch} {number} {arch}")];
        let everywhere = [format!("doc {number} all"), format!("data {number} all")];
        for arch in [native, foreign] {
            let all: Vec<String> = of(arch).into_iter().chain(everywhere.clone()).collect();
            private.list(suite, &format!("binary-{arch}"), &all.iter().map(String::as_str).collect::<Vec<_>>());
        }
        // In a list of their own, and in no other.
        private.list(suite, "binary-all", &[&format!("apart {number} all"), &format!("doc {number}.1 all")]);
    }
    let foreign_field = format!("Architecture={foreign}");
    let installed = [
        "one 1 installed".to_string(),
        format!("one 1.5 installed {foreign_field}"),
        "doc 1 installed Architecture=all".to_string(),
        format!("only-{foreign} 0.1 installed {foreign_field}"),
        format!("own 1 installed {foreign_field}"),
        "apart 1 config-files Architecture=all".to_string(),
    ];
    let installed: Vec<&str> = installed.iter().map(String::as_str).collect();
    let more = format!("APT::Architectures {{ \"{native}\"; \"{foreign}\"; }};\n");
    let mut outcomes = BTreeSet::new();
    for pin in [
        String::new(),
        format!("Package: one:{foreign}\nPin: release a=testing\nPin-Priority: 1001\n"),
        "Package: one:any\nPin: release a=testing\nPin-Priority: 1001\n".into(),
        "Package: one\nPin: release a=testing\nPin-Priority: 1001\n".into(),
        format!("Package: *\nPin: release b={foreign}\nPin-Priority: -1\n"),
        format!("Package: *\nPin: release b={native}\nPin-Priority: 1001\n"),
        format!("Package: *\nPin: release a=testing,b={foreign}\nPin-Priority: 1001\n"),
        "Package: *\nPin: release b=all\nPin-Priority: 1001\n".into(),
        "Package: doc data\nPin: release b=all\nPin-Priority: -1\n".into(),
    ] {
        match private.compare(&installed, &pin, &more) {
            Some(candidates) => outcomes.insert(candidates),
            None => return eprintln!("skipped {name}: no python3-apt"),
        };
    }
    assert!(outcomes.len() > 5, "{outcomes:?}");
}

#[test]
fn patterns_mean_the_foreign_packages_whose_names_something_qualifies() {
    let name = "patterns_mean_the_foreign_packages_whose_names_something_qualifies";
    if machine(name).is_none() {
        return;
    }
    let native = run("dpkg", &["--print-architecture"]);
    let (native, foreign) = (native.trim(), if native.trim() == "armhf" { "i386" } else { "armhf" });
    let names = ["allowed", "given", "asked", "broken", "exact", "other", "plain", "stray", "base"];
    let mut private = Private::new();
    for (suite, release, number) in [
        ("alpha", "Suite: stable\nCodename: alpha\n", 1),
        ("beta", "Suite: testing\nCodename: beta\nNotAutomatic: yes\n", 2),
    ] {
        private.archive(suite, release, &[]);
        for arch in [native, foreign] {
            let more = |name: &str| if name == "base" { " Source=l-allowed" } else { "" };
            let all: Vec<String> = names.iter().map(|name| format!("l-{name} {number} {arch}{}", more(name))).collect();
            private.list(suite, &format!("binary-{arch}"), &all.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    // The names are qualified by one package alone, in a list that no pin is about.
    private.archive("gamma", "Suite: other\nCodename: gamma\n", &[]);
    let says = [
        format!("l-allowed 0 {native} Multi-Arch=allowed Provides=l-given,l-exact:{foreign}"),
        format!("user 1 {native} Depends=l-asked:any|l-other:{native} Breaks=l-broken:any Suggests=plain"),
        format!("unequal 1 {native} Multi-Arch=allowed Provides=l-plain(>=1)"),
    ];
    private.list("gamma", &format!("binary-{native}"), &says.iter().map(String::as_str).collect::<Vec<_>>());
    let more = format!("APT::Architectures {{ \"{native}\"; \"{foreign}\"; }};\n");
    let installed = [
        format!("l-asked 1 installed Architecture={foreign}"),
        "l-plain 1 installed".to_owned(),
        // Whose own architecture is not configured is allowed nothing.
        "alien 1 installed Architecture=sparc Multi-Arch=allowed Provides=l-stray".to_owned(),
    ];
    let installed: Vec<&str> = installed.iter().map(String::as_str).collect();
    let (mut outcomes, mut foreigners) = (BTreeSet::new(), BTreeSet::new());
    for package in
        ["l-*", "/^l-.*any$/", "/armhf|i386/", "l-*:any", "l-g*", "src:l-a*", "src:l-*", "l-given", "l-e?act*"]
    {
        for priority in [1001, -1] {
            let pin = format!("Package: {package}\nPin: release a=testing\nPin-Priority: {priority}\n");
            match private.compare(&installed, &pin, &more) {
                Some(candidates) => {
                    let moved = candidates.iter().filter(|(name, version)| name.contains(':') && *version == "2");
                    foreigners.extend(moved.map(|(name, _)| name.clone()));
                    outcomes.insert(candidates);
                }
                None => return eprintln!("skipped {name}: no python3-apt"),
            };
        }
    }
    assert!(outcomes.len() > 6, "{outcomes:?}");
    // Pins that reach none of these names would prove nothing.
    for name in ["allowed", "given", "asked", "broken", "exact"] {
        assert!(foreigners.contains(&format!("l-{name}:{foreign}")), "{name}: {foreigners:?}");
    }
}

#[test]
fn archives_without_components_or_without_a_release_file() {
    let name = "archives_without_components_or_without_a_release_file";
    if machine(name).is_none() {
        return;
    }
    let native = run("dpkg", &["--print-architecture"]);
    let native = native.trim();
    let mut private = Private::new();
    private.archive("alpha", "Suite: stable\nCodename: alpha\n", &["one 1.0", "two 1.0", "old 1"]);
    let stanza = |name: &str, version: &str| {
        format!("Package: {name}\nVersion: {version}\nArchitecture: {native}\nFilename: p\nSize: 1\n\n")
    };
    let stem = "lists/flat.example_r_x%5fy%7ez_._";
    private.write(&format!("{stem}Packages"), &[stanza("one", "2.0"), stanza("flat", "1")].concat());
    let bare = "lists/bare.example:8080_r_._";
    private
        .write(&format!("{bare}Packages"), &[stanza("two", "0.5"), stanza("bare", "1"), stanza("flat", "0")].concat());
    let more = format!("Dir::Etc::sourceparts \"{}/sources.d\";\n", private.folder.path().display());
    private.write(
        "sources.d/more.list",
        "deb [trusted=yes] http://flat.example/r/x_y~z ./\ndeb [trusted=yes] http://bare.example:8080/r ./\n",
    );
    let mut outcomes = BTreeSet::new();
    for release in ["Suite: flat\nOrigin: Flat\n", "Suite: flat\nCodename: even\nNotAutomatic: yes\n"] {
        private.write(&format!("{stem}Release"), release);
        for pin in [
            "",
            "Package: *\nPin: origin flat.example\nPin-Priority: 1001\n",
            "Package: *\nPin: origin bare.example\nPin-Priority: 1001\n",
            "Package: *\nPin: origin bare.example\nPin-Priority: -1\n",
            "Package: *\nPin: release a=flat\nPin-Priority: 1001\n",
            "Package: *\nPin: release o=Flat\nPin-Priority: -5\n",
            "Package: one\nPin: origin \"\"\nPin-Priority: 1001\n",
        ] {
            match private.compare(&["one 1.0 installed", "two 2.0 installed"], pin, &more) {
                Some(candidates) => outcomes.insert(candidates),
                None => return eprintln!("skipped {name}: no python3-apt"),
            };
        }
    }
    assert!(outcomes.len() > 3, "{outcomes:?}");
}

/// Choices in a fixed order.
fn sorted(mut choices: Vec<omg::model::Choice>) -> Vec<omg::model::Choice> {
    choices.sort_by(|a, b| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
    choices
}

#[test]
fn the_engine_and_the_rules_choose_alike() {
    let name = "the_engine_and_the_rules_choose_alike";
    let Some(rules) = machine(name) else { return };
    let Some(engine) = engine(name) else { return };
    let both = |rules: &Apt, engine: &Apt, scope: Scope<'_>| {
        let asked = engine.policy(scope).unwrap();
        let Authority::Engine(library) = &asked.authority else { panic!("{:?}", asked.authority) };
        assert!(library.starts_with("libapt-pkg ") && !library.ends_with("unknown"), "{library}");
        let own = rules.policy(scope).unwrap();
        assert!(matches!(own.authority, Authority::Rules(_)));
        let (asked, own) = (sorted(asked.choices), sorted(own.choices));
        for (asked, own) in asked.iter().zip(&own) {
            assert_eq!(asked, own);
        }
        assert_eq!(asked.len(), own.len());
        own
    };
    let with_engine = Apt::open(Path::new("/"), None, Ok(engine.clone())).unwrap().unwrap();
    let all = both(&rules, &with_engine, Scope::All);
    let mut some: Vec<_> = all.iter().step_by(7).map(|c| (c.name.as_str(), c.arch.as_str())).collect();
    some.push(("no such package", ""));
    both(&rules, &with_engine, Scope::Only(&some));

    let private = four_archives();
    private.write("preferences.d/10pin", "Package: one\nPin: release a=stable\nPin-Priority: 1001\n");
    private.compare(INSTALLED, "", "");
    let config = private.folder.path().join("apt.conf");
    let open = |engine| Apt::open(Path::new("/"), Some(&config), engine).unwrap().unwrap();
    let own = both(&open(no_engine()), &open(Ok(engine)), Scope::All);
    let one = own.iter().find(|choice| choice.name == "one").unwrap();
    assert_eq!((one.candidate.as_deref(), one.repository.as_str()), (Some("1.0-1"), "alpha/main"));
}

/// What the local index of a folder says, in what state it may be; without the rows of what is gone.
fn rows(folder: &Path, status: &Status) -> Vec<LocalRow> {
    let local = index::Local::open(&folder.join(status::local_name(status.local_generation))).unwrap();
    let mut rows = Vec::new();
    local
        .scan(|_, row| {
            rows.push(LocalRow { details: DetailsAt { chunk: 0, offset: 0 }, ..row });
            Ok(())
        })
        .unwrap();
    rows.retain(|row| row.state.is_some());
    rows
}

/// The stanzas of a status file after things happened to those of `chosen`, each time something else.
fn after_changes(stanzas: &[&str], chosen: &dyn Fn(usize) -> bool) -> String {
    let mut text = String::new();
    let mut kinds = (0..7).cycle();
    for (at, stanza) in stanzas.iter().enumerate() {
        let with = |field: &str, value: &str| -> String {
            let line =
                |line: &str| if line.starts_with(field) { format!("{field}{value}\n") } else { format!("{line}\n") };
            stanza.lines().map(line).collect()
        };
        let changed = match chosen(at).then(|| kinds.next()).flatten() {
            Some(0) => with("Version: ", "0~older"),
            Some(1) => with("Version: ", "999:newer"),
            Some(2) => with("Status: ", "hold ok installed"),
            Some(3) => with("Status: ", "install ok half-configured"),
            Some(4) => with("Status: ", "deinstall ok config-files"),
            Some(5) => String::new(),
            Some(_) => with("Installed-Size: ", "1"),
            None => format!("{stanza}\n"),
        };
        text.push_str(&changed);
        text.push('\n');
    }
    text
}

#[test]
fn a_local_refresh_says_what_a_full_one_says() {
    let name = "a_local_refresh_says_what_a_full_one_says";
    let Some(apt) = machine(name) else { return };
    let mut kept = Kept::default();
    apt.read_catalogue(&mut kept).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let admin = folder.path().join("admin");
    std::fs::create_dir(&admin).unwrap();
    for shared in ["info", "diversions", "arch"] {
        std::os::unix::fs::symlink(Path::new("/var/lib/dpkg").join(shared), admin.join(shared)).unwrap();
    }
    let config = folder.path().join("apt.conf");
    std::fs::write(&config, format!("Dir::State::status \"{}/status\";\n", admin.display())).unwrap();
    let write_status = |text: &str| {
        // As dpkg does.
        std::fs::write(admin.join("status-new"), text).unwrap();
        std::fs::rename(admin.join("status-new"), admin.join("status")).unwrap();
    };
    let original = std::fs::read_to_string("/var/lib/dpkg/status").unwrap();
    let mut stanzas: Vec<&str> = original.split("\n\n").filter(|stanza| !stanza.trim().is_empty()).collect();
    let installed: BTreeSet<&str> =
        stanzas.iter().filter_map(|s| s.lines().next()?.strip_prefix("Package: ")).collect();
    // And some that are installed now.
    let more: Vec<String> = kept
        .available
        .iter()
        .filter(|version| version.arch.is_empty() && !installed.contains(version.name.as_str()))
        .step_by(5000)
        .map(|v| {
            let (name, version, native) = (&v.name, &v.version, run("dpkg", &["--print-architecture"]));
            format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: {native}")
        })
        .collect();
    let engine = option_env!("CARGO_BIN_EXE_omg-apt").map(|path| Ok(EngineCommand::at(path)));
    for engine in [Some(no_engine()), engine].into_iter().flatten() {
        write_status(&original);
        let refresh = |index: &str, force: bool| {
            let open = || {
                let apt = Apt::open(Path::new("/"), Some(&config), engine.clone())?.expect("dpkg is here");
                Ok(World { place: String::new(), backends: vec![Box::new(apt)], aur: None, suits_aur: false })
            };
            let index = folder.path().join(index);
            let outcome = ops::refresh_from(&open, &index, ops::Request { force }, &omg::model::Silent).unwrap();
            (rows(&index, &outcome.status), outcome)
        };
        let (before, _) = refresh("local", true);
        assert_eq!(before.len(), stanzas.len());
        let few = |at: usize| at == 100;
        let some = |at: usize| at % 50 < 7;
        let wanted: [&dyn Fn(usize) -> bool; 3] = [&few, &some, &|_| true];
        for (step, chosen) in wanted.into_iter().enumerate() {
            stanzas.extend(more.get(step..).unwrap_or(&[]).iter().map(String::as_str));
            write_status(&after_changes(&stanzas, chosen));
            stanzas.truncate(before.len());
            let (ours, outcome) = refresh("local", false);
            assert_eq!(outcome.built, Staleness { catalogue: false, local: true });
            let (theirs, full) = refresh("full", true);
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert_eq!(ours, theirs);
            }
            assert_eq!(ours.len(), theirs.len());
            assert_eq!(outcome.status.families, full.status.families);
        }
        write_status(&original);
        let (after, outcome) = refresh("local", false);
        assert_eq!(outcome.built, Staleness { catalogue: false, local: true });
        assert_eq!(after, before);
    }
}
