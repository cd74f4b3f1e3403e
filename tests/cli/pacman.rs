//! What omg says of every database pair there is, held against what pacman says of it: the binary, its JSON and its exit
//! codes, over every package and every installed file.

use crate::pacman_wording::{Known, Of, blocks, shown, size};
use crate::pacman_world::{PAIRS, Pair, World, assert_same, folders_of, have, have_pacman, shared_data, small_world};
use crate::support::Place;
use omg::backends::alpm::rules;
use omg::model::{Field, Source, relation};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

macro_rules! pairs {
    ($($test:ident: $pair:literal)*) => {
        const TESTED: &[&str] = &[$($pair),*];
        $(#[test]
        fn $test() {
            let Some(machine) = Machine::open(stringify!($test), $pair) else { return };
            machine.answers();
        })*
    };
}

pairs! {
    the_databases_of_2017_over_their_own_machine: "2017"
    the_databases_of_2022_over_a_machine_of_2017: "2022 over 2017"
    the_databases_of_2022_under_a_machine_of_2026: "2022 under 2026"
    the_databases_of_2026_over_their_own_machine: "2026"
    the_databases_of_2026_over_a_machine_of_2017: "2026 over 2017"
    databases_rebuilt_by_a_third_party: "2025 rebuilt"
    databases_that_hold_file_lists: "2025 with files"
    the_databases_of_msys2_over_a_machine_of_arch: "msys2"
    nine_databases_of_four_distributions_together: "all together"
}

#[test]
fn no_pair_is_left_out() {
    assert_eq!(PAIRS.iter().map(|pair| pair.name).collect::<Vec<_>>(), TESTED);
}

#[test]
fn a_small_machine_with_replaced_ignored_and_foreign_packages() {
    if !have_pacman("a_small_machine_with_replaced_ignored_and_foreign_packages") {
        return;
    }
    let machine = Machine { world: small_world(), place: Place::new() };
    let both = "[first]\n[second]\n";
    for (options, sections) in [
        ("", both),
        ("IgnorePkg = ignored-name newer", both),
        ("IgnorePkg = new*\nIgnoreGroup = the-*", both),
        ("IgnorePkg = another-name late", both),
        ("", "[second]\n[first]\n"),
        ("", "[first]\n"),
    ] {
        machine.world.configure(options, sections);
        machine.upgrades(options);
        machine.every_set_of_installed_packages();
        machine.every_replacement();
    }
}

/// One of the pairs, and an index of its own for it.
struct Machine {
    world: World,
    place: Place,
}

impl Machine {
    fn open(test: &str, name: &str) -> Option<Machine> {
        if !have_pacman(test) || !have(test, "shared data", shared_data().join("arch-sync").is_dir()) {
            return None;
        }
        let pair: &Pair = PAIRS.iter().find(|pair| pair.name == name).unwrap();
        Some(Machine { world: World::real(pair), place: Place::new() })
    }

    fn answers(&self) {
        self.every_package_and_its_origins_and_fields();
        self.every_set_of_installed_packages();
        // Once for each of the two machines: whose a path is does not depend on the repositories.
        if ["2017", "2026"].contains(&self.world.name) {
            self.every_owner_of_every_path();
        }
        self.every_hit_of(WORDS, &[]);
        if ["msys2", "all together"].contains(&self.world.name) {
            self.every_hit_of(SIGNS, EXPRESSIONS);
        }
        self.every_dependant();
        self.every_replacement();
        // Last: it changes the configuration.
        self.every_upgrade_whatever_is_ignored();
    }

    /// The rows of an answer, which must have the exit code that goes with them.
    fn ask(&self, arguments: &[&str]) -> Vec<Value> {
        let (verb, rest) = arguments.split_at(1);
        let flags = self.flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let output = self.place.omg(&[verb, &["--json"], &flags, rest].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let Ok(Value::Array(rows)) = serde_json::from_slice(&output.stdout) else {
            panic!("{}: {:?}: {said}", self.world.name, arguments.first());
        };
        let expected = Some(i32::from(rows.is_empty()));
        assert_eq!(output.status.code(), expected, "{}: {:?}: {said}", self.world.name, arguments.first());
        rows
    }

    fn flags(&self) -> [String; 8] {
        let text = |path: std::path::PathBuf| path.into_os_string().into_string().unwrap();
        let (conf, db, root) = (text(self.world.conf()), text(self.world.db()), text(self.world.root()));
        let flags = ["--backend", "pacman", "--config", &conf, "--dbpath", &db, "--root", &root];
        flags.map(str::to_owned)
    }

    fn names(&self, arguments: &[&str]) -> BTreeSet<String> {
        self.ask(arguments).iter().map(|row| text(row, "name").to_owned()).collect()
    }

    fn lines(&self, arguments: &[&str]) -> BTreeSet<String> {
        self.world.pacman(arguments, "").lines().map(str::to_owned).collect()
    }

    fn every_package_and_its_origins_and_fields(&self) {
        // In the order of the repositories.
        let mut offers: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        let mut here: BTreeMap<String, String> = BTreeMap::new();
        for line in self.world.pacman(&["-Sl"], "").lines() {
            let (line, mark) = line.split_once(" [installed").unwrap_or((line, ""));
            let [repository, name, version] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            offers.entry(name.to_owned()).or_default().push((repository.to_owned(), version.to_owned()));
            if let Some(mark) = mark.strip_suffix(']') {
                here.insert(name.to_owned(), mark.strip_prefix(": ").unwrap_or(version).to_owned());
            }
        }
        let installed = paired(&self.world.pacman(&["-Q"], ""));
        let said: BTreeMap<(String, String), _> = blocks(&self.world.pacman(&["-Si"], ""))
            .into_iter()
            .map(|block| ((block["Repository"].clone(), block["Name"].clone()), block))
            .collect();
        let said_here: BTreeMap<String, _> =
            blocks(&self.world.pacman(&["-Qi"], "")).into_iter().map(|block| (block["Name"].clone(), block)).collect();
        let names: BTreeSet<&str> = offers.keys().chain(installed.keys()).map(String::as_str).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let mut fields = 0;
        let pages = self.ask(&[&["info"], &names[..]].concat());
        assert_eq!(pages.iter().map(|page| text(page, "name")).collect::<Vec<_>>(), names, "{}", self.world.name);
        for page in &pages {
            let name = text(page, "name");
            let at = format!("{}: {name}", self.world.name);
            assert_eq!(page["source"], "pacman", "{at}");
            assert_eq!(page["installed_version"].as_str(), installed.get(name).map(String::as_str), "{at}");
            let Some(offered) = offers.get(name) else {
                assert_eq!((&page["origins"], text(page, "repository")), (&Value::Array(Vec::new()), ""), "{at}");
                assert_eq!(page["version"], page["installed_version"], "{at}");
                fields += self.compare_page(page, Of::Local, &said_here[name]);
                continue;
            };
            assert_eq!(here.get(name), installed.get(name), "{at}");
            let mut origins: Vec<(String, String)> = Vec::new();
            for origin in page["origins"].as_array().unwrap() {
                let repositories = origin["repositories"].as_array().unwrap();
                let of =
                    |repository: &Value| (repository.as_str().unwrap().to_owned(), text(origin, "version").to_owned());
                origins.extend(repositories.iter().map(of));
            }
            origins.sort();
            let mut expected = offered.clone();
            expected.sort();
            assert_eq!(origins, expected, "{at}");
            let candidate = (text(page, "repository").to_owned(), text(page, "version").to_owned());
            match installed.get(name) {
                // What is here is newer than what is on offer.
                Some(version) if candidate.0.is_empty() => {
                    assert_eq!(&candidate.1, version, "{at}");
                    fields += self.compare_page(page, Of::Local, &said_here[name]);
                }
                _ => {
                    assert_eq!(candidate, offered[0], "{at}");
                    fields += self.compare_page(page, Of::Sync, &said[&(offered[0].0.clone(), name.to_owned())]);
                }
            }
        }
        println!("{}: {} pages, {fields} fields", self.world.name, pages.len());
    }

    /// omg's page beside a block of `-Si` or `-Qi`; how many fields they have in common.
    fn compare_page(&self, page: &Value, of: Of, block: &BTreeMap<String, String>) -> usize {
        let field = |field: Field| page["fields"][field.key()].as_str().unwrap_or("");
        let known = Known {
            name: text(page, "name"),
            version: text(page, "version"),
            summary: text(page, "description"),
            repository: text(page, "repository"),
            explicit: page["reason"] == "explicit",
            field: &field,
        };
        let ours = shown(&known, of);
        for (key, value) in block {
            let computed = ["Required By", "Optional For", "Install Script"].contains(&key.as_str());
            if !computed {
                assert_eq!(ours.get(key), Some(value), "{}: {key} of {}", self.world.name, known.name);
            }
        }
        block.len()
    }

    fn every_set_of_installed_packages(&self) {
        for (ours, theirs) in
            [("", "-Q"), ("--explicit", "-Qe"), ("--deps", "-Qd"), ("--orphans", "-Qdt"), ("--foreign", "-Qm")]
        {
            let rows = match ours {
                "" => self.ask(&["list"]),
                _ => self.ask(&["list", ours]),
            };
            let ours: BTreeSet<String> =
                rows.iter().map(|row| format!("{} {}", text(row, "name"), text(row, "version"))).collect();
            assert_eq!(ours.len(), rows.len(), "{}: a package twice", self.world.name);
            let theirs_lines = self.lines(&[theirs]);
            assert_same(&format!("{}: {theirs}", self.world.name), &ours, &theirs_lines);
            println!("{}: {theirs} has {}", self.world.name, ours.len());
        }
        let rows = self.ask(&["list"]);
        let said = blocks(&self.world.pacman(&["-Qi"], ""));
        assert_eq!(rows.len(), said.len());
        for (row, block) in rows.iter().zip(&said) {
            let at = format!("{}: {}", self.world.name, block["Name"]);
            assert_eq!(text(row, "name"), block["Name"], "{at}");
            assert_eq!(text(row, "description"), block["Description"].replace("None", ""), "{at}");
            assert_eq!(size(&row["size"].to_string(), None).0, block["Installed Size"], "{at}");
            assert_eq!(row["reason"] == "explicit", block["Install Reason"] == "Explicitly installed", "{at}");
        }
    }

    fn every_owner_of_every_path(&self) {
        let files = self.ask(
            &[&["files"], &paired(&self.world.pacman(&["-Q"], "")).keys().map(String::as_str).collect::<Vec<_>>()[..]]
                .concat(),
        );
        let mut paths: BTreeSet<String> = BTreeSet::new();
        for package in &files {
            paths.extend(package["files"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()));
        }
        let folders = folders_of(&self.world.db().join("local"));
        let root = self.world.root();
        // pacman wants to know of a missing path whether it is a folder.
        let question: String = paths
            .iter()
            .map(|path| format!("{}{path}{}\n", root.display(), if folders.contains(path) { "/" } else { "" }))
            .collect();
        let mut theirs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in self.world.pacman(&["-Qo", "-"], &question).lines() {
            let (path, owner) = line.rsplit_once(" is owned by ").unwrap();
            let path = path.strip_prefix(root.to_str().unwrap()).unwrap().trim_end_matches('/');
            theirs.entry(path.to_owned()).or_default().push(owner.to_owned());
        }
        assert_eq!(paths.len(), theirs.len(), "{}", self.world.name);
        assert!(paths.len() > 10_000, "{}: {}", self.world.name, paths.len());
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        for some in paths.chunks(8000) {
            let mut ours: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for row in self.ask(&[&["owner"], some].concat()) {
                let owner = format!("{} {}", text(&row, "package"), text(&row, "version"));
                ours.entry(text(&row, "path").to_owned()).or_default().push(owner);
            }
            for path in some {
                let (ours, theirs) = (ours.get(*path).map_or(&[][..], Vec::as_slice), &theirs[*path][..]);
                // Of a file that several packages have pacman names the first it meets.
                let ours = if folders.contains(*path) { ours } else { &ours[..ours.len().min(1)] };
                assert_eq!(ours, theirs, "{}: {path}", self.world.name);
            }
        }
        println!("{}: {} paths", self.world.name, paths.len());
    }

    /// Plain terms are pacman's with all that is special to it escaped; expressions are its own.
    fn every_hit_of(&self, plain: &[&[&str]], expressions: &[&[&str]]) {
        let first: BTreeMap<String, String> = self
            .world
            .pacman(&["-Sl"], "")
            .lines()
            .rev()
            .map(|line| {
                let mut words = line.split(' ');
                let repository = words.next().unwrap().to_owned();
                (words.next().unwrap().to_owned(), repository)
            })
            .collect();
        let mut hits = 0;
        for terms in plain {
            let escaped: Vec<String> = terms.iter().map(|term| escaped(term)).collect();
            let escaped: Vec<&str> = escaped.iter().map(String::as_str).collect();
            let ours = self.names(&[&["search", "--all", "--"], *terms].concat());
            let theirs = self.found(&escaped, &first).into_keys().collect();
            assert_same(&format!("{}: {terms:?}", self.world.name), &ours, &theirs);
            hits += ours.len();
        }
        for terms in expressions {
            let ours = self.names(&[&["search", "--all", "--regex", "--"], *terms].concat());
            // pacman looks at groups and provided names as well.
            let terms_alone: Vec<_> = terms
                .iter()
                .map(|term| regex::RegexBuilder::new(term).case_insensitive(true).build().unwrap())
                .collect();
            let theirs = self
                .found(terms, &first)
                .into_iter()
                .filter(|(name, summary)| terms_alone.iter().all(|term| term.is_match(name) || term.is_match(summary)));
            assert_same(&format!("{}: {terms:?}", self.world.name), &ours, &theirs.map(|(name, _)| name).collect());
            hits += ours.len();
        }
        println!("{}: {hits} hits", self.world.name);
    }

    /// What pacman finds, with descriptions: of a name that several repositories have by the text of the first one, as given
    /// in `first`, and what no repository has.
    fn found(&self, terms: &[&str], first: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let entries = |operation: &str| -> Vec<(String, String, String)> {
            let text = self.world.pacman(&[&[operation, "--"], terms].concat(), "");
            let lines: Vec<&str> = text.lines().collect();
            let entry = |lines: &[&str]| {
                let (repository, name) = lines[0].split(' ').next().unwrap().split_once('/').unwrap();
                (repository.to_owned(), name.to_owned(), lines[1].trim().to_owned())
            };
            lines.chunks(2).map(entry).collect()
        };
        let offered = entries("-Ss").into_iter().filter(|(repository, name, _)| first[name] == *repository);
        let here = entries("-Qs").into_iter().filter(|(_, name, _)| !first.contains_key(name));
        offered.chain(here).map(|(_, name, summary)| (name, summary)).collect()
    }
}

const WORDS: &[&[&str]] = &[
    &["firefox"],
    &["lib"],
    &["PYTHON"],
    &["Qt"],
    &["g"],
    &["c++"],
    &["text", "editor"],
    &["text editor"],
    &["kde", "lib", "frame"],
    &["base-devel"],
    &[".so"],
    &["a", "zzzqqq"],
];

/// Whatever is special to expressions, to shells or to the index.
const SIGNS: &[&[&str]] = &[
    &["gtk+"],
    &["lib32-"],
    &["."],
    &["2.0"],
    &["("],
    &["[", "]"],
    &["*"],
    &["^"],
    &["$"],
    &["\\"],
    &["|"],
    &["{"],
    &["?"],
    &["'s"],
    &["/"],
    &["%"],
    &["é"],
    &["-bin"],
    &["_"],
    &["zzzqqq"],
];

const EXPRESSIONS: &[&[&str]] = &[
    &["^lib.*32$"],
    &["^g(tk|lib)"],
    &["[0-9]{3}"],
    &["^python-[a-z]+$"],
    &["\\+\\+"],
    &["(text|image) editor"],
    &["^.$"],
    &["^[^a-z]"],
    &["z$", "^[xyz]"],
    &["lib", "x(11|cb)"],
    &["fire.?fox|chromium"],
    &["a{2}"],
    &["zzz+q"],
];

fn escaped(term: &str) -> String {
    let mut out = String::new();
    for c in term.chars() {
        if ".[]\\()*+?{}|^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_else(|| panic!("{key} in {row}"))
}

/// `NAME VERSION` a line.
fn paired(lines: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| line.split_once(' ').map(|(name, version)| (name.to_owned(), version.to_owned()));
    lines.lines().filter_map(pair).collect()
}

impl Machine {
    fn every_replacement(&self) {
        let Some(theirs) = self.world.replacements() else { return };
        let theirs: BTreeMap<_, _> = theirs.into_iter().map(|(old, new)| (old, new[0].clone())).collect();
        let rows = self.ask(&["list"]);
        let of = |row: &Value| Some((text(row, "name").to_owned(), row["replaced_by"].as_str()?.to_owned()));
        let ours: BTreeMap<String, String> = rows.iter().filter_map(of).collect();
        assert_eq!(ours, theirs, "{}", self.world.name);
        println!("{}: {} replacements", self.world.name, ours.len());
    }

    fn every_upgrade_whatever_is_ignored(&self) {
        let plain = fs::read_to_string(self.world.conf()).unwrap();
        let upgradable = self.upgrades("");
        for extra in [
            "IgnorePkg = linux* glibc [a-c]?*d\nIgnoreGroup = base-devel xorg*\n",
            "IgnorePkg = *\n",
            "IgnoreGroup = base\nIgnorePkg = [!a-m]*\n",
        ] {
            if upgradable > 0 {
                fs::write(self.world.conf(), plain.replacen("\n[", &format!("\n{extra}["), 1)).unwrap();
                assert_eq!(self.upgrades(extra), upgradable, "{}: held ones are listed too", self.world.name);
            }
        }
    }

    /// How many there are, which are pacman's.
    fn upgrades(&self, extra: &str) -> usize {
        let rows = self.ask(&["outdated"]);
        let line = |row: &Value| {
            let mark = if row["held"] == true { " [ignored]" } else { "" };
            let (from, to) = (text(row, "installed_version"), text(row, "version"));
            format!("{} {from} -> {to}{mark}", text(row, "name"))
        };
        let ours: BTreeSet<String> = rows.iter().map(line).collect();
        assert_same(&format!("{}: -Qu {extra}", self.world.name), &ours, &self.lines(&["-Qu"]));
        let held = rows.iter().filter(|row| row["held"] == true).count();
        println!("{}: {} upgrades, {held} held", self.world.name, rows.len());
        rows.len()
    }

    /// Of every package here, and of those on offer, who asks for it in any way.
    fn every_dependant(&self) {
        let here: BTreeMap<String, _> =
            blocks(&self.world.pacman(&["-Qi"], "")).into_iter().map(|block| (block["Name"].clone(), block)).collect();
        let mut offered: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for block in blocks(&self.world.pacman(&["-Si"], "")) {
            offered.entry(block["Name"].clone()).or_default().push(block);
        }
        let asked: BTreeSet<&str> = here.keys().chain(offered.keys()).map(String::as_str).collect();
        let known: Vec<&str> = asked.iter().copied().filter(|name| offered.contains_key(*name)).collect();
        let mut theirs: BTreeMap<(String, &str), BTreeSet<String>> = BTreeMap::new();
        for block in blocks(&self.world.pacman(&[&["-Sii"], &known[..]].concat(), "")) {
            for key in ["Required By", "Optional For"] {
                theirs.entry((block["Name"].clone(), key)).or_default().extend(listed(&block, key));
            }
        }
        let mut found = 0;
        let asked: Vec<&str> = asked.into_iter().collect();
        let flags = self.flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let questions: Vec<_> = asked.iter().map(|name| vec!["deps", "--reverse", *name]).collect();
        for (name, (exit, rows)) in asked.into_iter().zip(self.place.batch(&flags, &questions)) {
            let Value::Array(rows) = rows else { panic!("{}: {name}: {exit}", self.world.name) };
            assert_eq!(exit, i64::from(rows.is_empty()), "{}: {name}", self.world.name);
            for (key, kind, relations) in
                [("Required By", "depends", "Depends On"), ("Optional For", "opt_depends", "Optional Deps")]
            {
                let of_kind = rows.iter().filter(|row| row["kind"] == kind);
                let ours: BTreeSet<String> = of_kind.map(|row| text(row, "name").to_owned()).collect();
                let (ours, foreign): (BTreeSet<_>, BTreeSet<_>) =
                    ours.into_iter().partition(|name| offered.contains_key(name));
                let at = format!("{}: {key} of {name}", self.world.name);
                let expected = here.get(name).map(|block| listed(block, key)).unwrap_or_default();
                let expected: BTreeSet<String> =
                    expected.into_iter().filter(|name| !offered.contains_key(name)).collect();
                let missing: Vec<_> = expected.difference(&foreign).collect();
                // omg names those that ask for another version, or for what is not here, too.
                let asks_here = |other: &&String| {
                    here.get(name).is_some_and(|page| asks(&here[*other], relations, std::slice::from_ref(page)))
                };
                let wrong: Vec<_> = foreign.difference(&expected).filter(asks_here).collect();
                assert!(wrong.is_empty() && missing.is_empty(), "{at}: only ours {wrong:?}, only theirs {missing:?}");
                // Of what no repository has pacman does not say which of theirs ask for it.
                let Some(pages) = offered.get(name) else { continue };
                let expected = &theirs[&(name.to_owned(), key)];
                let missing: Vec<_> = expected.difference(&ours).collect();
                let asks = |other: &&String| offered[*other].iter().any(|block| asks(block, relations, pages));
                let wrong: Vec<_> = ours.difference(expected).filter(asks).collect();
                assert!(wrong.is_empty() && missing.is_empty(), "{at}: only ours {wrong:?}, only theirs {missing:?}");
                found += ours.len();
            }
        }
        println!("{}: {found} dependants", self.world.name);
    }
}

/// Whether one of a block's relations is met by a package, as these blocks show it.
fn asks(block: &BTreeMap<String, String>, relations: &str, pages: &[BTreeMap<String, String>]) -> bool {
    // Both sides say so where they have none.
    let lines = |text: &str| if text == "None" { String::new() } else { text.replace("  ", "\n") };
    let text = lines(&block[relations]);
    relation::parse(Source::Pacman, &text).into_iter().flatten().any(|wanted| {
        pages.iter().any(|page| {
            let provides = lines(&page["Provides"]);
            let mut provided = relation::parse(Source::Pacman, &provides).into_iter().flatten();
            (wanted.name == page["Name"] && rules::satisfies(&page["Version"], &wanted))
                || provided.any(|one| {
                    one.name == wanted.name
                        && (wanted.operator.is_empty() || one.operator == "=" && rules::satisfies(one.version, &wanted))
                })
        })
    })
}

/// Names behind a key, of which there may be none.
fn listed(block: &BTreeMap<String, String>, key: &str) -> BTreeSet<String> {
    block[key].split_whitespace().filter(|name| *name != "None").map(str::to_owned).collect()
}
