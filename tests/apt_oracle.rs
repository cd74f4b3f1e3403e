//! The apt backend against apt, dpkg and python3-apt, over every package of this machine and of copies of it that have
//! pins, holds, further releases and architectures. Nothing of the machine itself is changed.
//!
//! Where there is no dpkg database the tests say so and pass; the modules' own tests cover the code with small fixtures.

#![allow(clippy::print_stderr)]

use omg::backends::Backend;
use omg::backends::apt::Apt;
use omg::backends::engine::EngineCommand;
use omg::model::{
    Authority, Available, CatalogueSink, Field, InstallState, Installed, LocalSink, Problem, Reason, Repository,
    RepositoryId, Scope,
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
    let apt = Apt::open(Path::new("/"), None, None).unwrap();
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

    /// Installed packages (`name version state`), the general preferences file and further configuration.
    fn compare(&self, installed: &[&str], preferences: &str, more: &str) -> Option<BTreeMap<String, String>> {
        let native = run("dpkg", &["--print-architecture"]);
        let status: String = installed
            .iter()
            .map(|package| {
                let words: Vec<&str> = package.split(' ').collect();
                let (name, version, state, native) = (words[0], words[1], words[2], native.trim());
                let want = if state == "config-files" { "deinstall" } else { "install" };
                format!("Package: {name}\nStatus: {want} ok {state}\nVersion: {version}\nArchitecture: {native}\n\n")
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
        let apt = Apt::open(Path::new("/"), Some(&config), None).unwrap().unwrap();
        compare_candidates(&apt, Some(&config))
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

/// Choices in a fixed order.
fn sorted(mut choices: Vec<omg::model::Choice>) -> Vec<omg::model::Choice> {
    choices.sort_by(|a, b| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
    choices
}

#[test]
fn the_engine_and_the_rules_choose_alike() {
    let name = "the_engine_and_the_rules_choose_alike";
    let Some(rules) = machine(name) else { return };
    let Some(engine) = option_env!("CARGO_BIN_EXE_omg-apt").map(EngineCommand::at) else {
        eprintln!("skipped {name}: built without the feature apt");
        return;
    };
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
    let with_engine = Apt::open(Path::new("/"), None, Some(engine.clone())).unwrap().unwrap();
    let all = both(&rules, &with_engine, Scope::All);
    let mut some: Vec<_> = all.iter().step_by(97).map(|c| (c.name.as_str(), c.arch.as_str())).collect();
    some.push(("no such package", ""));
    both(&rules, &with_engine, Scope::Only(&some));

    let private = four_archives();
    private.write("preferences.d/10pin", "Package: one\nPin: release a=stable\nPin-Priority: 1001\n");
    private.compare(INSTALLED, "", "");
    let config = private.folder.path().join("apt.conf");
    let open = |engine| Apt::open(Path::new("/"), Some(&config), engine).unwrap().unwrap();
    let own = both(&open(None), &open(Some(engine)), Scope::All);
    let one = own.iter().find(|choice| choice.name == "one").unwrap();
    assert_eq!((one.candidate.as_deref(), one.repository.as_str()), (Some("1.0-1"), "alpha/main"));
}
