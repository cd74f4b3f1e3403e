//! omg's pacman readers and rules held against pacman itself: every package, every installed file and every field that
//! `pacman -Si` and `-Qi` print, over every pair of real databases there is, and over small ones of our own making.
//!
//! Where pacman, the real data or the engine is missing, the test says so and passes: the unit tests beside the code cover
//! the same paths with data of their own.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tests say what they compared and what they skipped")]

use omg::backends::Backend;
use omg::backends::alpm::{Alpm, vercmp};
use omg::backends::engine::{EngineCommand, EngineError};
use omg::model::{
    Authority, Available, CatalogueSink, Choice, Field, Installed, LocalSink, Problem, Reason, Repository,
    RepositoryId, Scope,
};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use wording::{Known, Of, blocks};
use world::{PAIRS, World, assert_same, folders_of, have, have_pacman, shared_data, small_world};

#[path = "cli/pacman_wording.rs"]
mod wording;
#[path = "cli/pacman_world.rs"]
mod world;

impl World {
    fn alpm(&self, engine: Result<EngineCommand, EngineError>) -> Alpm {
        Alpm::open(&self.root(), Some(&self.conf()), Some(&self.db()), engine).unwrap().expect("there is pacman")
    }
}

/// Runs `check` in every real world.
fn in_every_world(test: &str, check: impl Fn(&World)) {
    if !have_pacman(test) || !have(test, "shared data", shared_data().join("arch-sync").is_dir()) {
        return;
    }
    PAIRS.iter().for_each(|pair| check(&World::real(pair)));
}

fn engine() -> Option<EngineCommand> {
    let built = option_env!("CARGO_BIN_EXE_omg-alpm").map(PathBuf::from).filter(|path| path.is_file());
    built.map(EngineCommand::at).or_else(|| EngineCommand::find("omg-alpm").ok())
}

fn no_engine() -> Result<EngineCommand, EngineError> {
    Err(EngineError::CannotStart("not asked".to_owned()))
}

fn shown(package: &Package, of: Of) -> BTreeMap<String, String> {
    let Package { name, version, summary, repository, explicit, .. } = package;
    let known = Known { name, version, summary, repository, explicit: *explicit, field: &|field| package.field(field) };
    wording::shown(&known, of)
}

// ----------------------------------------------------------------------------------------------------------------- sinks

#[derive(Clone, Debug, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    summary: String,
    repository: String,
    explicit: bool,
    held: bool,
    keep: bool,
    fields: HashMap<Field, String>,
}

impl Package {
    fn field(&self, field: Field) -> &str {
        self.fields.get(&field).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct Collected {
    repositories: Vec<Repository>,
    packages: Vec<Package>,
    problems: Vec<Problem>,
}

fn owned(fields: &[(Field, &str)]) -> HashMap<Field, String> {
    let map: HashMap<_, _> = fields.iter().map(|(field, text)| (*field, (*text).to_owned())).collect();
    assert_eq!(map.len(), fields.len(), "a field twice");
    assert!(map.values().all(|text| !text.is_empty()), "an empty field");
    map
}

impl CatalogueSink for Collected {
    fn repository(&mut self, repository: Repository) -> RepositoryId {
        self.repositories.push(repository);
        (self.repositories.len() - 1) as RepositoryId
    }

    fn package(&mut self, package: &Available<'_>) {
        self.packages.push(Package {
            name: package.name.to_owned(),
            version: package.version.to_owned(),
            summary: package.summary.to_owned(),
            repository: self.repositories[usize::from(package.repository)].name.clone(),
            explicit: false,
            held: false,
            keep: false,
            fields: owned(package.fields),
        });
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

impl LocalSink for Collected {
    fn package(&mut self, package: &Installed<'_>) {
        self.packages.push(Package {
            name: package.name.to_owned(),
            version: package.version.to_owned(),
            summary: package.summary.to_owned(),
            repository: String::new(),
            explicit: package.reason == Reason::Explicit,
            held: package.held,
            keep: package.keep,
            fields: owned(package.fields),
        });
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

fn catalogue(alpm: &Alpm) -> Collected {
    let mut sink = Collected::default();
    alpm.read_catalogue(&mut sink).unwrap();
    sink
}

fn local(alpm: &Alpm) -> Collected {
    let mut sink = Collected::default();
    alpm.read_local(&mut sink).unwrap();
    sink
}

// --------------------------------------------------------------------------------------------- catalogue and what is here

#[test]
fn every_package_of_sl() {
    in_every_world("every_package_of_sl", |world| {
        let found = catalogue(&world.alpm(no_engine()));
        assert_eq!(found.problems, [], "{}", world.name);
        let ours: BTreeSet<_> =
            found.packages.iter().map(|p| format!("{} {} {}", p.repository, p.name, p.version)).collect();
        let theirs: BTreeSet<_> = world
            .pacman(&["-Sl"], "")
            .lines()
            .map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" "))
            .collect();
        assert!(theirs.len() > 300, "{}: {}", world.name, theirs.len());
        assert_eq!(found.packages.len(), ours.len(), "{}: a package twice", world.name);
        assert_same(world.name, &ours, &theirs);
        println!("{}: {} packages", world.name, ours.len());
    });
}

#[test]
fn every_field_of_si() {
    in_every_world("every_field_of_si", |world| {
        let found = catalogue(&world.alpm(no_engine()));
        let ours: BTreeMap<_, _> =
            found.packages.iter().map(|p| ((p.repository.clone(), p.name.clone()), shown(p, Of::Sync))).collect();
        let theirs: BTreeMap<_, _> = blocks(&world.pacman(&["-Si"], ""))
            .into_iter()
            .map(|block| ((block["Repository"].clone(), block["Name"].clone()), block))
            .collect();
        assert_eq!(ours.len(), theirs.len(), "{}", world.name);
        for (key, block) in &theirs {
            assert_eq!(&ours[key], block, "{}: {key:?}", world.name);
        }
        println!(
            "{}: {} packages, {} fields",
            world.name,
            ours.len(),
            theirs.values().map(BTreeMap::len).sum::<usize>()
        );
    });
}

#[test]
fn every_installed_package_and_its_reason() {
    in_every_world("every_installed_package_and_its_reason", |world| {
        let found = local(&world.alpm(no_engine()));
        assert_eq!(found.problems, [], "{}", world.name);
        let ours = |is: &dyn Fn(&Package) -> bool| -> BTreeSet<String> {
            found.packages.iter().filter(|p| is(p)).map(|p| format!("{} {}", p.name, p.version)).collect()
        };
        let theirs = |flag| -> BTreeSet<String> { world.pacman(&[flag], "").lines().map(str::to_owned).collect() };
        assert!(theirs("-Q").len() >= 160);
        assert_same(world.name, &ours(&|_| true), &theirs("-Q"));
        assert_same(world.name, &ours(&|p| p.explicit), &theirs("-Qe"));
        assert_same(world.name, &ours(&|p| !p.explicit), &theirs("-Qd"));
    });
}

#[test]
fn every_field_of_qi() {
    in_every_world("every_field_of_qi", |world| {
        let found = local(&world.alpm(no_engine()));
        let ours: BTreeMap<_, _> = found.packages.iter().map(|p| (p.name.clone(), shown(p, Of::Local))).collect();
        let mut theirs = blocks(&world.pacman(&["-Qi"], ""));
        assert_eq!(ours.len(), theirs.len(), "{}", world.name);
        for block in &mut theirs {
            // Computed from other packages, or read from files that are not ours to show.
            for key in ["Required By", "Optional For", "Install Script"] {
                block.remove(key);
            }
            // pacman marks what is installed; the name and the reason are what the database says.
            assert_eq!(&ours[&block["Name"]], block, "{}", world.name);
        }
    });
}

#[test]
fn every_owner_of_every_file() {
    in_every_world("every_owner_of_every_file", |world| {
        let mut ours: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let alpm = world.alpm(no_engine());
        alpm.read_owned(
            &mut |name, arch, path| {
                assert_eq!(arch, "");
                ours.entry(String::from_utf8_lossy(path).into_owned()).or_default().push(name.to_owned());
            },
            &mut |problem| panic!("{problem:?}"),
        )
        .unwrap();
        // pacman wants to know of a missing path whether it is a folder.
        let folders = folders_of(&world.db().join("local"));
        let root = world.root();
        let question: String = ours
            .keys()
            .map(|path| format!("{}{path}{}\n", root.display(), if folders.contains(path) { "/" } else { "" }))
            .collect();
        let mut theirs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in world.pacman(&["-Qo", "-"], &question).lines() {
            let (path, owner) = line.rsplit_once(" is owned by ").unwrap();
            let path = path.strip_prefix(root.to_str().unwrap()).unwrap().trim_end_matches('/');
            theirs.entry(path.to_owned()).or_default().push(owner.split(' ').next().unwrap().to_owned());
        }
        assert!(ours.len() > 10_000, "{}: {}", world.name, ours.len());
        assert_eq!(ours.len(), theirs.len(), "{}", world.name);
        for (path, owners) in &theirs {
            // Of a file pacman names the first owner it meets.
            let expected = if folders.contains(path) { &ours[path][..] } else { &ours[path][..1] };
            assert_eq!(expected, &owners[..], "{}: {path}", world.name);
        }
        let first = &local(&alpm).packages[0].name;
        let of_first = alpm.files_of(first, "").unwrap().unwrap();
        let count = ours.values().filter(|owners| owners.contains(first)).count();
        assert_eq!(of_first.len(), count, "{}: files of {first}", world.name);
        assert_eq!(alpm.files_of("no-such-package", "").unwrap(), None);
        println!("{}: {} paths", world.name, ours.len());
    });
}

// ---------------------------------------------------------------------------------------------------------------- policy

/// What pacman says a system upgrade does: versions that `-Qu` offers and whether they are ignored, what `-Su` would take
/// from where, and what it would replace by what.
struct Upgrade {
    offered: BTreeMap<String, (String, bool)>,
    taken: BTreeSet<String>,
    /// Every replacer of a package, the first first.
    replaced: Option<BTreeMap<String, Vec<String>>>,
}

impl Upgrade {
    fn ask(world: &World) -> Upgrade {
        let offered = world.pacman(&["-Qu"], "");
        let offered = offered.lines().map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            assert_eq!(words[2], "->", "{line}");
            (words[0].to_owned(), (words[3].to_owned(), words.get(4) == Some(&"[ignored]")))
        });
        let mut upgrade = Upgrade { offered: offered.collect(), taken: BTreeSet::new(), replaced: None };
        let text = world.pacman(&["-Sudd", "--noconfirm", "--print", "--print-format", "%r %n %v"], "");
        upgrade.taken.extend(text.lines().filter(|line| line.split(' ').count() == 3).map(str::to_owned));
        upgrade.replaced = world.replacements();
        upgrade
    }
}

/// Every way of asking must agree with pacman: our rules and the engine, about all and about each.
fn check_policy(world: &World) -> Upgrade {
    let theirs = Upgrade::ask(world);
    let ours = world.alpm(no_engine());
    let packages = local(&ours).packages;
    let known = catalogue(&ours).packages;
    let names: Vec<(&str, &str)> = packages.iter().map(|p| (p.name.as_str(), "")).collect();
    for scope in [Scope::All, Scope::Only(&names)] {
        let policy = ours.policy(scope).unwrap();
        assert!(matches!(policy.authority, Authority::Rules(_)));
        compare_upgrade(&format!("{}: rules", world.name), &ours, (&packages, &known), &policy.choices, &theirs);
    }
    let Some(engine) = engine() else {
        have(world.name, "engine", false);
        return theirs;
    };
    let asked = world.alpm(Ok(engine));
    for scope in [Scope::All, Scope::Only(&names)] {
        let policy = asked.policy(scope).unwrap();
        assert!(
            matches!(&policy.authority, Authority::Engine(v) if v.starts_with("libalpm ")),
            "{:?}",
            policy.authority
        );
        compare_upgrade(&format!("{}: engine", world.name), &ours, (&packages, &known), &policy.choices, &theirs);
    }
    compare_choices(world, &ours, &asked, &packages, &known);
    theirs
}

fn compare_upgrade(
    at: &str,
    alpm: &Alpm,
    (packages, known): (&[Package], &[Package]),
    choices: &[Choice],
    theirs: &Upgrade,
) {
    let conf = alpm.conf();
    let groups: HashMap<_, _> =
        known.iter().map(|p| ((p.repository.as_str(), p.name.as_str()), p.field(Field::Groups))).collect();
    let by_name: HashMap<&str, &Choice> = choices.iter().map(|c| (c.name.as_str(), c)).collect();
    assert_eq!(by_name.len(), choices.len(), "{at}: a choice twice");
    let mut offered = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut replaced = BTreeMap::new();
    for package in packages {
        let choice = by_name[package.name.as_str()];
        let candidate = choice.candidate.as_deref().expect("what is installed has a candidate");
        if candidate != package.version {
            assert_eq!(vercmp::compare(candidate, &package.version), Ordering::Greater, "{at}");
            offered.insert(package.name.clone(), (candidate.to_owned(), package.held));
            // An upgrade also leaves out what is in an ignored group only from the new version on, of which `-Qu` says
            // nothing.
            let groups = groups.get(&(choice.repository.as_str(), package.name.as_str())).copied().unwrap_or_default();
            if !package.held && !conf.ignores(&package.name, groups) {
                taken.insert(format!("{} {} {candidate}", choice.repository, package.name));
            }
        }
        if let Some(new) = &choice.replaced_by {
            replaced.insert(package.name.clone(), new.clone());
        }
    }
    // A later repository may upgrade what an earlier one, which does not, has as well; `-Qu` looks at the earlier alone.
    if conf.repositories.iter().any(|repository| !repository.usage.upgrades()) {
        for (name, version) in theirs.offered.iter().filter(|(_, (_, ignored))| !ignored) {
            assert_eq!(offered.get(name), Some(version), "{at}: {name}");
        }
    } else {
        assert_eq!(offered, theirs.offered, "{at}");
    }
    let Some(all) = &theirs.replaced else { return };
    let first: BTreeMap<_, _> = all.iter().map(|(old, new)| (old.clone(), new[0].clone())).collect();
    assert_eq!(replaced, first, "{at}");
    // A package that is replaced, and what replaces it, are taken or not by what becomes of others.
    let concerned: BTreeSet<&str> =
        all.iter().flat_map(|(old, new)| new.iter().chain([old])).map(String::as_str).collect();
    let rest = |lines: &BTreeSet<String>| -> BTreeSet<String> {
        lines.iter().filter(|line| !concerned.contains(line.split(' ').nth(1).unwrap())).cloned().collect()
    };
    assert_same(at, &rest(&taken), &rest(&theirs.taken));
    for new in first.values() {
        assert!(theirs.taken.iter().any(|line| line.split(' ').nth(1) == Some(new)), "{at}: {new} is not taken");
    }
}

/// The engine and our rules say the same of every package there is, installed or not.
fn compare_choices(world: &World, ours: &Alpm, asked: &Alpm, packages: &[Package], known: &[Package]) {
    let known: BTreeSet<String> = known.iter().chain(packages).map(|p| p.name.clone()).collect();
    let names: Vec<(&str, &str)> =
        known.iter().map(|name| (name.as_str(), "")).chain([("no-such-package", "")]).collect();
    for scope in [Scope::All, Scope::Only(&names)] {
        let sorted = |alpm: &Alpm| {
            let mut choices = alpm.policy(scope).unwrap().choices;
            choices.sort_by(|a, b| a.name.cmp(&b.name));
            choices
        };
        let (rules, engine) = (sorted(ours), sorted(asked));
        assert_eq!(rules.len(), engine.len(), "{}", world.name);
        for (rules, engine) in rules.iter().zip(&engine) {
            assert_eq!(rules, engine, "{}: rules and engine", world.name);
        }
    }
}

#[test]
fn every_upgrade_and_replacement() {
    let (offered, replaced) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    in_every_world("every_upgrade_and_replacement", |world| {
        let upgrade = check_policy(world);
        let count = upgrade.replaced.as_ref().map_or(0, BTreeMap::len);
        println!("{}: {} upgrades, {count} replacements", world.name, upgrade.offered.len());
        offered.set(offered.get() + upgrade.offered.len());
        replaced.set(replaced.get() + count);
    });
    println!("{} upgrades, {} replacements", offered.get(), replaced.get());
}

#[test]
fn ignored_packages_and_groups_in_real_databases() {
    in_every_world("ignored_packages_and_groups_in_real_databases", |world| {
        let text = fs::read_to_string(world.conf()).unwrap();
        let extra = "IgnorePkg = linux* glibc [a-c]?*d\nIgnoreGroup = base-devel xorg*\nHoldPkg = pacman *lib*\n[";
        fs::write(world.conf(), text.replacen("\n[", &format!("\n{extra}"), 1)).unwrap();
        let upgrade = check_policy(world);
        let held = local(&world.alpm(no_engine())).packages.into_iter().filter(|p| p.held).count();
        println!("{}: {held} held, {} offered", world.name, upgrade.offered.len());
        assert!(held >= 2, "{}", world.name);
    });
}

#[test]
fn repositories_of_limited_use_in_real_databases() {
    in_every_world("repositories_of_limited_use_in_real_databases", |world| {
        let text = fs::read_to_string(world.conf()).unwrap();
        let mut sections = text.split("Server");
        let mut limited = sections.next().unwrap().to_owned();
        for (section, rest) in sections.enumerate() {
            limited.push_str(["Usage = Sync Search\n", "Usage = Sync Install\n", ""][section % 3]);
            limited.push_str("Server");
            limited.push_str(rest);
        }
        fs::write(world.conf(), limited).unwrap();
        check_policy(world);
    });
}

#[test]
fn a_small_world_in_many_configurations() {
    if !have_pacman("a_small_world_in_many_configurations") {
        return;
    }
    let world = small_world();
    let both = "[first]\n[second]\n";
    for (options, sections) in [
        ("", both),
        ("", "[second]\n[first]\n"),
        ("IgnorePkg = ignored-name newer", both),
        ("IgnorePkg = new*\nIgnoreGroup = the-*", both),
        ("IgnoreGroup = other the-group", both),
        ("IgnorePkg = another-name late", both),
        ("", "[first]\nUsage = Sync Search\n[second]\n"),
        ("", "[first]\nUsage = Install\n[second]\nUsage = Upgrade\n"),
        ("", "[first]\n[second]\nUsage = Search\n"),
        ("", "[first]\nUsage = Search\n[second]\nUsage = Sync\n"),
        ("", "[first]\n"),
        ("", ""),
    ] {
        world.configure(options, sections);
        let upgrade = check_policy(&world);
        if (options, sections) == ("", both) {
            if let Some(replaced) = &upgrade.replaced {
                assert_eq!(replaced["old-name"], ["another-name", "new-name"]);
                assert_eq!(replaced["foreign"], ["late", "zz-late"]);
                assert_eq!(replaced.get("same"), None);
            }
            assert_eq!(upgrade.offered["newer"], ("2:1.0-1".to_owned(), false));
        }
    }
}

#[test]
fn configurations_that_include_others() {
    if !have_pacman("configurations_that_include_others") {
        return;
    }
    let world = small_world();
    let folder = world.folder.path().join("conf.d");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("10-ignore.conf"), "IgnorePkg = newer\n").unwrap();
    fs::write(folder.join("20-second.conf"), "[second]\nUsage = Search Install\n").unwrap();
    fs::write(folder.join(".hidden.conf"), "[hidden]\n").unwrap();
    fs::write(folder.join("30-mirror"), "Server = http://localhost/$repo/os/$arch\n").unwrap();
    world.configure(&format!("Include = {}/*.conf", folder.display()), "[first]\n");
    fs::write(
        world.conf(),
        format!("{}Include = {}/30-mirror\n", fs::read_to_string(world.conf()).unwrap(), folder.display()),
    )
    .unwrap();
    check_policy(&world);
    let alpm = world.alpm(no_engine());
    let found = catalogue(&alpm);
    let names: Vec<_> = found.repositories.iter().map(|r| (r.name.as_str(), r.location.as_str())).collect();
    assert_eq!(names, [("second", ""), ("first", "http://localhost/first/os/x86_64")]);
    let said: Vec<_> = world.pacman(&["-Sl"], "").lines().map(|l| l.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!((said.first().map(String::as_str), said.last().map(String::as_str)), (Some("second"), Some("first")));
    let inputs = alpm.catalogue_inputs();
    for input in [folder.clone(), folder.join("30-mirror"), world.conf(), world.db().join("sync/first.db")] {
        assert!(inputs.contains(&input), "{input:?} in {inputs:?}");
    }
}

// ---------------------------------------------------------------------------------------------------------------- damage

#[test]
fn a_damaged_database_is_named_and_the_others_answer() {
    let world = small_world();
    world.configure("", "[first]\n[second]\n[third]\n");
    let whole = fs::read(world.db().join("sync/first.db")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&whole).unwrap();
    let packed = packed.finish().unwrap();
    let mut bent = packed.clone();
    let at = bent.len() / 2;
    bent[at] ^= 4;
    for damaged in [&b""[..], &whole[..1024], &whole[..700], &packed[..packed.len() / 2], &bent[..], b"nonsense"] {
        fs::write(world.db().join("sync/first.db"), damaged).unwrap();
        let found = catalogue(&world.alpm(no_engine()));
        let paths: Vec<_> = found.problems.iter().map(|p| p.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(paths, ["first.db", "third.db"], "{:?}", found.problems);
        assert!(found.packages.len() == 5 && found.packages.iter().all(|p| p.repository == "second"));
        assert_eq!(found.repositories.len(), 3);
    }
}

#[test]
fn without_pacman_there_is_no_pacman() {
    let root = tempfile::tempdir().unwrap();
    assert!(Alpm::open(root.path(), None, None, no_engine()).unwrap().is_none());
    assert!(Alpm::open(root.path(), Some(&root.path().join("none")), None, no_engine()).is_err());
}

#[test]
fn a_mounted_disk_is_read_by_its_own_configuration() {
    let world = small_world();
    let root = world.root();
    fs::create_dir_all(root.join("etc/pacman.d")).unwrap();
    fs::create_dir_all(root.join("srv")).unwrap();
    fs::rename(world.db(), root.join("srv/pacman")).unwrap();
    let text = "[options]\nDBPath = /srv/pacman/\n[first]\nInclude = /etc/pacman.d/mirrorlist\n";
    fs::write(root.join("etc/pacman.conf"), text).unwrap();
    fs::write(root.join("etc/pacman.d/mirrorlist"), "Server = m/$repo\n").unwrap();
    let alpm = Alpm::open(&root, None, None, no_engine()).unwrap().unwrap();
    let found = catalogue(&alpm);
    assert_eq!((found.problems.len(), found.packages.len()), (0, 8));
    assert_eq!(found.repositories[0].location, "m/first");
    assert_eq!(local(&alpm).packages.len(), 11);
}

#[test]
fn an_engine_that_cannot_start_leaves_the_rules_and_the_reason() {
    let world = small_world();
    world.configure("", "[first]\n[second]\n");
    let alpm = world.alpm(Ok(EngineCommand::at("/nonexistent/omg-alpm")));
    for scope in [Scope::All, Scope::Only(&[("newer", "")])] {
        let policy = alpm.policy(scope).unwrap();
        assert!(matches!(&policy.authority, Authority::Rules(why) if why.contains("/nonexistent/omg-alpm")));
        let choice = policy.choices.iter().find(|choice| choice.name == "newer").unwrap();
        assert_eq!(choice.candidate.as_deref(), Some("2:1.0-1"));
    }
}

#[test]
fn a_changed_reason_changes_an_input() {
    if !have_pacman("a_changed_reason_changes_an_input") {
        return;
    }
    let world = small_world();
    world.configure("", "[first]\n");
    let alpm = world.alpm(no_engine());
    let stamps = || -> Vec<_> {
        alpm.local_inputs().iter().map(|path| fs::metadata(path).and_then(|m| m.modified()).ok()).collect()
    };
    let before = (stamps(), local(&alpm).packages);
    world.pacman(&["-D", "--asdeps", "newer"], "");
    let after = (stamps(), local(&alpm).packages);
    if !have("a_changed_reason_changes_an_input", "permission to use the database", before.1 != after.1) {
        return;
    }
    assert_ne!(before.0, after.0);
}
