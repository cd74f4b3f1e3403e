//! What omg says of apt's packages, held against apt's and dpkg's own programs: this machine over every package, and copies of
//! it with pins, holds, a second release and a foreign architecture.

use crate::apt_copy::{Copy, NATIVE, has_copies};
use crate::support::{Place, has_apt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// omg and apt's programs, under one configuration.
struct Machine {
    place: Place,
    copy: Option<Copy>,
}

impl Machine {
    fn this() -> Machine {
        Machine { place: Place::new(), copy: None }
    }

    fn of(copy: Copy) -> Machine {
        Machine { place: Place::new(), copy: Some(copy) }
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec!["--backend".to_owned(), "apt".to_owned()];
        if let Some(copy) = &self.copy {
            flags.extend(["--config".to_owned(), copy.config().to_str().unwrap().to_owned()]);
        }
        flags
    }

    /// The rows of an answer, which must have the exit code that goes with them.
    fn ask(&self, arguments: &[&str]) -> Vec<Value> {
        let flags = self.flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let (verb, rest) = arguments.split_at(1);
        let output = self.place.omg(&[verb, &["--json"], &flags, rest].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let Ok(Value::Array(rows)) = serde_json::from_slice(&output.stdout) else { panic!("{verb:?}: {said}") };
        assert_eq!(output.status.code(), Some(i32::from(rows.is_empty())), "{verb:?}: {said}");
        rows
    }

    fn ask_many(&self, questions: &[Vec<&str>]) -> Vec<(i64, Value)> {
        let flags = self.flags();
        self.place.batch(&flags.iter().map(String::as_str).collect::<Vec<_>>(), questions)
    }

    fn names(&self, arguments: &[&str]) -> BTreeSet<String> {
        self.ask(arguments).iter().map(|row| text(row, "name").to_owned()).collect()
    }

    fn lines(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        match &self.copy {
            Some(copy) => copy.lines(program, arguments),
            None => lines(None, program, arguments),
        }
    }

    fn set(&self, program: &str, arguments: &[&str]) -> BTreeSet<String> {
        self.lines(program, arguments).into_iter().collect()
    }

    fn every_installed_package_and_its_marks(&self) {
        let folder = self.copy.as_ref().map_or("/var/lib/dpkg".into(), Copy::admin);
        let admin = format!("--admindir={}", folder.display());
        let format = "${db:Status-Status} ${Package} ${Architecture} ${Version}\n";
        let theirs: BTreeSet<String> = lines(None, "dpkg-query", &[&admin, "-W", "-f", format])
            .iter()
            .filter_map(|line| line.strip_prefix("installed "))
            .map(|line| {
                let [name, architecture, version] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
                format!("{} {version}", full(name, architecture))
            })
            .collect();
        let rows = self.ask(&["list"]);
        let ours = rows.iter().map(|row| format!("{} {}", text(row, "name"), text(row, "version"))).collect();
        same("installed", &ours, &theirs);
        for (flag, mark) in [("--explicit", "showmanual"), ("--deps", "showauto"), ("--held", "showhold")] {
            let ours = self.names(&["list", flag]);
            same(mark, &ours, &self.set("apt-mark", &[mark]));
            println!("{mark}: {}", ours.len());
        }
    }

    fn every_upgrade(&self) {
        let rows = self.ask(&["outdated"]);
        let row = |row: &Value| {
            format!("{} {} from {}", text(row, "name"), text(row, "version"), text(row, "installed_version"))
        };
        let ours = rows.iter().map(row).collect();
        let theirs =
            self.lines("apt", &["list", "--upgradable"]).into_iter().filter(|line| line.contains('/')).map(|line| {
                let (name, rest) = line.split_once('/').unwrap();
                let words: Vec<&str> = rest.split(' ').collect();
                format!("{} {} from {}", full(name, words[2]), words[1], words[5].trim_end_matches(']'))
            });
        same("upgradable", &ours, &theirs.collect());
        println!("upgradable: {}", ours.len());
    }

    /// Of each package, by the names that omg and apt know together.
    fn every_candidate(&self) {
        let rows = self.ask(&["search", "--all", "--names", "--regex", "."]);
        let known: BTreeSet<String> = rows.iter().map(|row| text(row, "name").to_owned()).collect();
        let names = self.set("apt-cache", &["pkgnames"]);
        let names: Vec<&str> = names.union(&known).map(String::as_str).collect();
        let mut theirs: BTreeMap<String, (String, String)> = BTreeMap::new();
        let mut their_priorities: BTreeSet<String> = BTreeSet::new();
        for some in names.chunks(20_000) {
            let mut last = String::new();
            for line in self.lines("apt-cache", &[&["policy"], some].concat()) {
                // A version of the table, or one of its places.
                if let Some(line) = line.strip_prefix(" *** ").or_else(|| line.strip_prefix("     ")) {
                    if !line.starts_with(' ') {
                        their_priorities.insert(format!("{last} {line}"));
                    }
                    continue;
                }
                if let Some(name) = line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
                    last = name.to_owned();
                } else if let Some(version) = line.strip_prefix("  Installed: ") {
                    theirs.entry(last.clone()).or_default().0 = version.to_owned();
                } else if let Some(version) = line.strip_prefix("  Candidate: ") {
                    theirs.entry(last.clone()).or_default().1 = version.to_owned();
                }
            }
        }
        // A name without a candidate and not installed is one that others provide, or one that is pinned away.
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let questions: Vec<Vec<&str>> = known.chunks(500).map(|some| [&["info"], some].concat()).collect();
        let none = || "(none)".to_owned();
        let mut ours: BTreeMap<String, (String, String)> = BTreeMap::new();
        let mut priorities: BTreeSet<String> = BTreeSet::new();
        for (_, pages) in self.ask_many(&questions) {
            for page in pages.as_array().unwrap() {
                for origin in page["origins"].as_array().unwrap() {
                    priorities.insert(format!(
                        "{} {} {}",
                        text(page, "name"),
                        text(origin, "version"),
                        origin["priority"]
                    ));
                }
                let version = |key: &str| page[key].as_str().map_or_else(none, str::to_owned);
                ours.insert(text(page, "name").to_owned(), (version("installed_version"), version("version")));
            }
        }
        theirs.retain(|name, versions| known.binary_search(&name.as_str()).is_ok() || *versions != (none(), none()));
        let line = |(name, (here, candidate)): (&String, &(String, String))| format!("{name}: {here} {candidate}");
        same("candidates", &ours.iter().map(line).collect(), &theirs.iter().map(line).collect());
        // omg's origins are the repositories' alone.
        let known: BTreeSet<&str> = priorities.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
        their_priorities.retain(|line| known.contains(line.rsplit_once(' ').unwrap().0));
        // To apt a pattern is for a foreign package as soon as any relation names it with `:any`; omg does not look for those.
        let quirk = format!(":{}", crate::apt_copy::FOREIGN);
        let (ours, theirs) = [&priorities, &their_priorities]
            .map(|all| all.iter().filter(|line| !line.contains(&quirk)).cloned().collect())
            .into();
        same("priorities", &ours, &theirs);
        println!("candidates: {}", ours.len());
    }

    /// Of every name, one that only others provide too.
    fn every_dependant(&self) {
        let names = self.lines("apt-cache", &["pkgnames"]);
        let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.contains(':')).collect();
        let mut theirs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for some in names.chunks(20_000) {
            let mut last = String::new();
            for line in self.lines("apt-cache", &[&["rdepends"], some].concat()) {
                match line.strip_prefix("  ").or_else(|| line.strip_prefix(" |")) {
                    // Further in stands who else provides what is asked for.
                    Some(other) if other.starts_with(' ') => {}
                    Some(other) => _ = theirs.entry(last.clone()).or_default().insert(other.to_owned()),
                    None if line == "Reverse Depends:" => {}
                    None => {
                        last = line.split(':').next().unwrap().to_owned();
                        theirs.entry(last.clone()).or_default();
                    }
                }
            }
        }
        // Of what is pinned away apt-cache does not speak.
        assert!(theirs.len() > names.len() / 2, "{} of {}", theirs.len(), names.len());
        let names: Vec<&str> = names.into_iter().filter(|name| theirs.contains_key(*name)).collect();
        let questions: Vec<_> = names.iter().map(|name| vec!["deps", "--reverse", *name]).collect();
        let (mut ours_lines, mut theirs_lines) = (BTreeSet::new(), BTreeSet::new());
        for (name, (_, rows)) in names.iter().zip(self.ask_many(&questions)) {
            for row in rows.as_array().into_iter().flatten() {
                // To apt a foreign package asks for another package of the name.
                if !text(row, "name").contains(':') {
                    ours_lines.insert(format!("{name} < {}", text(row, "name")));
                }
            }
            for other in theirs.get(*name).into_iter().flatten().filter(|other| !other.contains(':')) {
                theirs_lines.insert(format!("{name} < {other}"));
            }
        }
        // To apt `NAME:any` is another name, and so is one with the machine's own architecture.
        let more: Vec<(&str, &str)> =
            ours_lines.difference(&theirs_lines).map(|line| line.split_once(" < ").unwrap()).collect();
        let native = &format!(":{NATIVE}");
        let any: BTreeSet<String> = self
            .pages(&more.iter().map(|(_, other)| *other).collect())
            .iter()
            .flat_map(|(other, page)| {
                let asks = more.iter().filter(move |(name, by)| {
                    by == other && { [":any", native].iter().any(|arch| page.contains(&format!("{name}{arch}"))) }
                });
                asks.map(move |(name, _)| format!("{name} < {other}"))
            })
            .collect();
        same("dependants", &ours_lines, &theirs_lines.union(&any).cloned().collect());
        println!("dependants: {} of {} names", ours_lines.len(), names.len());
    }

    /// What `apt-cache show` says of each name.
    fn pages(&self, names: &BTreeSet<&str>) -> BTreeMap<String, String> {
        let mut pages: BTreeMap<String, String> = BTreeMap::new();
        let names: Vec<&str> = names.iter().copied().collect();
        for some in names.chunks(1000) {
            let lines = self.lines("apt-cache", &[&["show"], some].concat());
            for stanza in lines.split(String::is_empty) {
                let Some(name) = stanza.first().and_then(|line| line.strip_prefix("Package: ")) else { continue };
                *pages.entry(name.to_owned()).or_default() += &stanza.join("\n");
            }
        }
        pages
    }

    fn with_a_candidate(&self, names: BTreeSet<String>) -> BTreeSet<String> {
        if self.copy.is_none() || names.is_empty() {
            return names;
        }
        let named: Vec<&str> = names.iter().map(String::as_str).collect();
        let pages = self.ask(&[&["info"], &named[..]].concat());
        let without = pages.iter().filter(|page| page["version"].is_null()).map(|page| text(page, "name"));
        let without: BTreeSet<&str> = without.collect();
        names.iter().filter(|name| !without.contains(name.as_str())).cloned().collect()
    }

    fn every_hit(&self) {
        for terms in TERMS {
            let ours = self.names(&[&["search", "--all", "--"], *terms].concat());
            // Of a name apt-cache searches one architecture, the native one here.
            let ours: BTreeSet<String> = ours.into_iter().filter(|name| !name.contains(':')).collect();
            // Nor does it show what is pinned away.
            let ours = self.with_a_candidate(ours);
            let theirs = self.lines("apt-cache", &[&["search", "--"], *terms].concat());
            let theirs =
                theirs.iter().map(|line| line.split(" - ").next().unwrap().split(':').next().unwrap().to_owned());
            same(&format!("{terms:?}"), &ours, &theirs.collect());
            println!("{terms:?}: {}", ours.len());
        }
    }

    /// What is shown of many hits is what stands first of all of them, also where not all are looked at.
    fn the_first_hits(&self) {
        for term in ["lib", "Lib", "a", "python", "g++", "x11-", "editor", "zz", "c", "ib"] {
            let all = self.ask(&["search", "--all", term]);
            for limit in ["1", "50", "700"] {
                let some = self.ask(&["search", "--limit", limit, term]);
                let expected = all.len().min(limit.parse().unwrap());
                assert_eq!(some.len(), expected, "{term} {limit}");
                assert!(some == all[..expected], "{term} {limit}");
            }
        }
    }

    fn every_orphan(&self) {
        let theirs = self.lines("apt-get", &["-s", "autoremove"]);
        let theirs = theirs.iter().filter_map(|line| Some(line.strip_prefix("Remv ")?.split(' ').next()?.to_owned()));
        let ours = self.names(&["list", "--orphans"]);
        same("orphans", &ours, &theirs.collect());
        println!("orphans: {}", ours.len());
    }
}

/// Terms without a character that is special to apt-cache's expressions.
const TERMS: &[&[&str]] = &[
    &["firefox"],
    &["editor"],
    &["text", "editor"],
    &["EDITOR", "latex"],
    &["libssl"],
    &["image viewer"],
    &["python3-", "yaml"],
    &["mail-transport-agent"],
    &["zzzqqq"],
];

#[test]
fn this_machines_packages_are_apts() {
    if !has_apt("this_machines_packages_are_apts") {
        return;
    }
    let machine = Machine::this();
    machine.every_installed_package_and_its_marks();
    machine.every_upgrade();
    machine.every_candidate();
    machine.every_orphan();
    machine.every_hit();
    machine.the_first_hits();
    machine.every_dependant();
}

#[test]
fn packages_under_pins_holds_and_a_foreign_architecture_are_apts() {
    if !has_copies("packages_under_pins_holds_and_a_foreign_architecture_are_apts") {
        return;
    }
    let machine = Machine::of(Copy::with_pins_holds_and_a_foreign_architecture());
    machine.every_installed_package_and_its_marks();
    machine.every_upgrade();
    machine.every_candidate();
    machine.every_hit();
    machine.every_dependant();
}

#[test]
fn orphans_are_what_apt_would_remove() {
    if !has_copies("orphans_are_what_apt_would_remove") {
        return;
    }
    let strict = "APT::AutoRemove::RecommendsImportant \"false\";\nAPT::AutoRemove::SuggestsImportant \"false\";";
    for more in ["", strict, "APT::NeverAutoRemove { \"^lib.*\"; };"] {
        let machine = Machine::of(Copy::with_many_orphans(more));
        machine.every_orphan();
        assert!(machine.names(&["list", "--orphans"]).len() > 10, "{more}");
    }
}

#[test]
fn what_a_foreign_package_needs_is_no_orphan_and_its_namesake_is() {
    if !has_copies("what_a_foreign_package_needs_is_no_orphan_and_its_namesake_is") {
        return;
    }
    let machine = Machine::of(Copy::with_needs_across_architectures());
    machine.every_orphan();
    let orphans = machine.names(&["list", "--orphans"]);
    assert_eq!(orphans.into_iter().collect::<Vec<_>>(), ["compiler", "lib", "spare:i386"]);
}

#[test]
fn every_path_is_owned_by_whom_dpkg_says() {
    if !has_apt("every_path_is_owned_by_whom_dpkg_says") {
        return;
    }
    let machine = Machine::this();
    let installed = machine.names(&["list"]);
    let installed: Vec<&str> = installed.iter().map(String::as_str).collect();
    let mut paths: BTreeSet<String> = BTreeSet::new();
    for package in machine.ask(&[&["files"], &installed[..]].concat()) {
        paths.extend(package["files"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()));
    }
    // dpkg -S takes these for patterns, and a colon and a comma are its separators.
    paths.retain(|path| path != "/." && !path.contains(['*', '?', '[', '\\', ',', ':', '\u{fffd}']));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let diversions = std::fs::read_to_string("/var/lib/dpkg/diversions").unwrap_or_default();
    let diversions: Vec<&str> = diversions.lines().collect();
    let native = format!(":{NATIVE}");
    let mut theirs: BTreeSet<String> = BTreeSet::new();
    for some in paths.chunks(5000) {
        let lines = lines(None, "dpkg", &[&["-S"], some].concat());
        for line in
            lines.iter().filter(|line| !["diversion by ", "local diversion "].iter().any(|mark| line.starts_with(mark)))
        {
            let (owners, path) = line.split_once(": ").unwrap();
            for owner in owners.split(", ").map(|owner| owner.strip_suffix(&native).unwrap_or(owner)) {
                // dpkg tells the path as the package ships it; on the disk it is where the diversion leads.
                let away = diversions.chunks(3).find(|of| of[0] == path && of[2] != owner);
                theirs.insert(format!("{} {owner}", away.map_or(path, |of| of[1])));
            }
        }
    }
    let questions: Vec<_> = paths.chunks(2000).map(|some| [&["owner"], some].concat()).collect();
    let mut ours: BTreeSet<String> = BTreeSet::new();
    for (_, rows) in machine.ask_many(&questions) {
        ours.extend(
            rows.as_array().unwrap().iter().map(|row| format!("{} {}", text(row, "path"), text(row, "package"))),
        );
    }
    same("owners", &ours, &theirs);
    println!("{} paths, {} owners", paths.len(), ours.len());
}

/// Lines that a program prints, under another configuration of apt or the machine's own.
pub fn lines(config: Option<&Path>, program: &str, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    if let Some(config) = config {
        command.env("APT_CONFIG", config);
    }
    let output = command.output().unwrap();
    let first = arguments.first();
    assert!(output.status.success(), "{program} {first:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// A name as apt prints it, with the architecture where that is foreign.
fn full(name: &str, architecture: &str) -> String {
    if [NATIVE, "all"].contains(&architecture) { name.to_owned() } else { format!("{name}:{architecture}") }
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_else(|| panic!("{key} in {row}"))
}

fn same(at: &str, ours: &BTreeSet<String>, theirs: &BTreeSet<String>) {
    crate::pacman_world::assert_same(at, ours, theirs);
}
