//! `omg run`: the tasks of files of our own making against what their tools say there is, and what running one comes to: exit codes,
//! signals, the terminal, tasks side by side and again after a change. A tool that is not here is said to be missing.

#![allow(clippy::print_stdout)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A project's top, and a home.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(place.path(".git")).unwrap();
        files.iter().for_each(|(name, text)| place.write(name, text));
        place
    }

    /// With these of our sample files, under these names.
    fn of_samples(names: &[(&str, &str)]) -> Place {
        let place = Place::new(&[]);
        names.iter().for_each(|(sample, name)| place.write(name, &self::sample(sample)));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn command(&self, program: &str, words: &[&str]) -> Command {
        // What a shell starts in the background ignores Ctrl-C, and so would all that these tests start.
        let mut command = Command::new("env");
        command.arg("--default-signal").arg(program).args(words);
        command.current_dir(self.path("")).env("HOME", self.path("")).env_remove("MAKEFLAGS");
        let omg = Path::new(env!("CARGO_BIN_EXE_omg")).parent().unwrap();
        command.env("PATH", format!("{}:{}", omg.display(), std::env::var("PATH").unwrap()));
        command
    }

    fn omg(&self, words: &[&str]) -> Output {
        self.command("omg", words).stdin(Stdio::null()).output().unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        let output = self.omg(&[&["run", "--json"], words].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {}", talk(&output)))
    }

    /// Names of a source with what is known of each.
    fn listed(&self, source: &str) -> BTreeMap<String, Value> {
        let all = self.json(&["--list"]);
        let of_source = all.as_array().unwrap().iter().filter(|task| task["source"] == source);
        of_source.map(|task| (task["name"].as_str().unwrap().to_owned(), task.clone())).collect()
    }

    fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/tasks").join(name)).unwrap()
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn has(test: &str, program: &str) -> bool {
    let has = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !has {
        println!("skipped {test}: no {program} here");
    }
    has
}

fn names(all: &BTreeMap<String, Value>) -> BTreeSet<&str> {
    all.keys().map(String::as_str).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

// ---- what there is ----

#[test]
fn targets_are_those_make_knows() {
    if !has("targets_are_those_make_knows", "make") {
        return;
    }
    let place = Place::of_samples(&[("Makefile", "Makefile"), ("extra.mk", "extra.mk")]);
    place.write("config.h", "");
    let ours = place.listed("make");
    for (debug, only_theirs, only_ours) in [("DEBUG=0", [], ["debug"]), ("DEBUG=1", [], ["optimised"])] {
        let output = place.command("make", &["-pRrq", debug]).env("LC_ALL", "C").output().unwrap();
        let text = said(&output);
        let phony: BTreeSet<&str> =
            text.lines().filter_map(|line| line.strip_prefix(".PHONY:")).flat_map(str::split_whitespace).collect();
        let files = text.split("\n# Files\n").nth(1).unwrap().split("\n# files hash-table stats").next().unwrap();
        let targets = files.split("\n\n").filter_map(|entry| {
            entry
                .lines()
                .find(|line| !line.is_empty() && !line.starts_with(['#', '\t']))
                .filter(|_| !entry.contains("# Not a target:"))
        });
        let targets: BTreeSet<&str> = targets.filter_map(|line| line.split(':').next()).collect();
        assert!(targets.len() > 20 && phony.len() > 8, "the list of make was not understood: {text}");
        let is_task = |name: &&str| !name.starts_with('.') && (phony.contains(name) || !name.contains(['/', '.']));
        let theirs: BTreeSet<&str> = targets.into_iter().filter(is_task).collect();
        assert_eq!(theirs.difference(&names(&ours)).copied().collect::<Vec<_>>(), only_theirs as [&str; 0]);
        assert_eq!(names(&ours).difference(&theirs).copied().collect::<Vec<_>>(), only_ours);
    }
    assert_eq!(ours["all"]["description"], "Build everything");
    assert_eq!(ours["hello"]["description"], "Link the program");
    assert_eq!(texts(&ours["test"]["dependencies"]), ["all"]);
}

#[test]
fn recipes_are_those_just_knows() {
    if !has("recipes_are_those_just_knows", "just") {
        return;
    }
    let place =
        Place::of_samples(&[("justfile", "justfile"), ("extra.just", "extra.just"), ("docs.just", "docs.just")]);
    let output = place.command("just", &["--dump", "--dump-format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", talk(&output));
    let mut theirs = BTreeMap::new();
    recipes(&serde_json::from_slice(&output.stdout).unwrap(), "", &mut theirs);
    assert!(theirs.len() > 15, "{theirs:?}");
    let ours: BTreeMap<_, _> = place
        .listed("just")
        .into_iter()
        .map(|(name, task)| {
            let about = (
                task["description"].as_str().unwrap().to_owned(),
                texts(&task["dependencies"]).iter().map(|need| need.rsplit("::").next().unwrap().to_owned()).collect(),
            );
            (name, about)
        })
        .collect();
    assert_eq!(ours, theirs);
}

/// What `just --list` would show: descriptions, and what comes before or after each.
fn recipes(module: &Value, before: &str, all: &mut BTreeMap<String, (String, Vec<String>)>) {
    for (name, recipe) in module["recipes"].as_object().unwrap() {
        if recipe["private"] == false {
            let needs = recipe["dependencies"].as_array().unwrap().iter().map(|need| need["recipe"].as_str().unwrap());
            let needs = needs.map(|need| need.rsplit("::").next().unwrap().to_owned()).collect();
            let doc = recipe["doc"].as_str().unwrap_or_default().to_owned();
            all.insert(format!("{before}{name}"), (doc, needs));
        }
    }
    for (name, alias) in module["aliases"].as_object().unwrap() {
        if !texts(&alias["attributes"]).contains(&"private") {
            let target = alias["target"].as_str().unwrap().to_owned();
            let full = if name == "d" { "docs::build" } else { &target };
            all.insert(format!("{before}{name}"), (format!("alias for {full}"), vec![target.clone()]));
        }
    }
    for (name, inner) in module["modules"].as_object().unwrap() {
        recipes(inner, &format!("{before}{name}::"), all);
    }
}

#[test]
fn tasks_are_those_task_knows() {
    if !has("tasks_are_those_task_knows", "task") {
        return;
    }
    let samples = ["Taskfile.yml", "Taskfile.docs.yml", "Taskfile.lib.yml", "Taskfile.flat.yml"];
    let place = Place::of_samples(&samples.map(|name| (name, name)));
    let output = place.command("task", &["--list-all", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", talk(&output));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (mut theirs, mut also) = (BTreeMap::new(), Vec::new());
    for task in list["tasks"].as_array().unwrap() {
        let place = (task["location"]["taskfile"].clone(), task["location"]["line"].clone());
        theirs.insert(task["name"].as_str().unwrap().to_owned(), place.clone());
        also.extend(texts(&task["aliases"]).into_iter().map(|name| (name.to_owned(), place.clone())));
    }
    // A task's own name counts before what another is also called.
    also.into_iter().for_each(|(name, place)| _ = theirs.entry(name).or_insert(place));
    assert!(theirs.len() > 20, "{theirs:?}");
    let ours = place.listed("task");
    let places: BTreeMap<_, _> =
        ours.iter().map(|(name, task)| (name.clone(), (task["file"].clone(), task["line"].clone()))).collect();
    assert_eq!(places, theirs);
    assert_eq!(ours["build"]["description"], "Build it");
    assert_eq!(ours["docs:build"]["command"], "mkdocs build");
}

#[test]
fn scripts_are_those_npm_knows() {
    if !has("scripts_are_those_npm_knows", "npm") {
        return;
    }
    let place = Place::of_samples(&[("package.json", "package.json")]);
    let output = place.command("npm", &["run", "--json"]).output().unwrap();
    let theirs: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(theirs.len() > 6, "{theirs:?}");
    let ours: BTreeMap<String, Value> =
        place.listed("npm").into_iter().map(|(name, task)| (name, task["command"].clone())).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn tasks_are_those_rake_knows() {
    if !has("tasks_are_those_rake_knows", "rake") {
        return;
    }
    let place = Place::of_samples(&[("Rakefile", "Rakefile")]);
    let mut theirs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in said(&place.command("rake", &["-P"]).output().unwrap()).lines() {
        match line.strip_prefix("rake ") {
            Some(name) => {
                current = name.to_owned();
                theirs.entry(current.clone()).or_default();
            }
            None => drop(theirs.get_mut(&current).unwrap().insert(line.trim().to_owned())),
        }
    }
    // A library makes these two.
    assert!(theirs.remove("clean").is_some() && theirs.remove("clobber").is_some() && theirs.len() > 5, "{theirs:?}");
    let ours: BTreeMap<String, BTreeSet<String>> = place
        .listed("rake")
        .into_iter()
        .map(|(name, task)| (name, texts(&task["dependencies"]).iter().map(|need| (*need).to_owned()).collect()))
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn aliases_are_those_cargo_knows() {
    let place = Place::of_samples(&[("cargo-config.toml", ".cargo/config.toml")]);
    place.write("Cargo.toml", "[package]\nname = \"x\"\n");
    place.write("lower/.cargo/config.toml", "[alias]\nxtask = \"check\"\nown = [\"test\", \"--lib\"]\n");
    place.write("lower/Cargo.toml", "[package]\nname = \"y\"\n");
    for folder in ["", "lower"] {
        let mut cargo = place.command(env!("CARGO"), &["--list"]);
        let output =
            cargo.current_dir(place.path(folder)).env("CARGO_HOME", place.path("cargo-home")).output().unwrap();
        let text = said(&output);
        let aliases = text.lines().filter_map(|line| line.split_once("alias: "));
        let aliases = aliases.map(|(name, words)| (name.trim().to_owned(), format!("cargo {words}")));
        // cargo's own are one letter or two.
        let theirs: BTreeMap<String, String> = aliases.filter(|(name, _)| name.len() > 2).collect();
        assert_eq!(theirs.len(), if folder.is_empty() { 2 } else { 3 }, "the list of cargo was not understood: {text}");
        let list = place.json(&["--list", "-C", if folder.is_empty() { "." } else { folder }]);
        let ours = list.as_array().unwrap().iter().filter(|task| {
            task["source"] == "cargo"
                && !task["line"].is_null()
                && task["folder"] == place.path(folder).to_str().unwrap().trim_end_matches('/')
        });
        let text = |task: &Value, key: &str| task[key].as_str().unwrap().to_owned();
        let ours: BTreeMap<String, String> = ours.map(|task| (text(task, "name"), text(task, "command"))).collect();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn aliases_and_tasks_of_the_other_formats() {
    let place = Place::of_samples(&[
        ("cargo-config.toml", ".cargo/config.toml"),
        ("deno.jsonc", "deno.jsonc"),
        ("pyproject.toml", "pyproject.toml"),
        ("Pipfile", "Pipfile"),
        ("composer.json", "composer.json"),
        ("build.gradle", "build.gradle"),
        ("mix.exs", "mix.exs"),
    ]);
    place.write("Cargo.toml", "[package]\nname = \"x\"\n");
    place.write("src/main.rs", "fn main() {}\n");
    place.write("pom.xml", "<project/>\n");
    for (source, expected) in [
        ("cargo", &["build", "check", "doc", "lint", "run", "test", "xtask"][..]),
        ("deno", &["all", "build", "check", "dev"]),
        ("pdm", &["all", "call", "db-migrate", "lint", "serve", "shell", "start"]),
        ("poetry", &["db-migrate", "new", "old", "serve"]),
        ("hatch", &["cov", "db-migrate", "docs:build", "serve", "test"]),
        ("uv", &["db-migrate", "serve"]),
        ("pipenv", &["serve", "test", "tool"]),
        ("composer", &["check", "cs", "post-install-cmd", "test"]),
        ("gradle", &["assemble", "build", "check", "clean", "copyDocs", "dist", "hello", "jar", "run", "test"]),
        ("maven", &["clean", "compile", "install", "package", "site", "test", "validate", "verify"]),
        ("mix", &["assets.deploy", "compile", "deps.get", "ecto.setup", "format", "run", "setup", "test"]),
    ] {
        let ours = place.listed(source);
        assert_eq!(names(&ours).into_iter().collect::<Vec<_>>(), expected, "{source}");
    }
    let cargo = place.listed("cargo");
    assert_eq!(cargo["xtask"]["command"], "cargo run --package xtask --");
    assert!(cargo["xtask"]["file"].as_str().unwrap().ends_with("/.cargo/config.toml"));
    assert_eq!((&cargo["build"]["line"], &cargo["xtask"]["line"]), (&Value::Null, &Value::from(2)));
}

/// Every tool is a program that says it was started.
#[test]
fn listing_starts_nothing_and_runs_nothing() {
    let place =
        Place::of_samples(&[("justfile", "justfile"), ("package.json", "package.json"), ("mix.exs", "mix.exs")]);
    place.write("Makefile", "A := $(shell touch ran)\nB != touch ran\n$(shell touch ran): x\nall:\n\ttouch ran\n");
    place.write("Rakefile", "`touch ran`\ntask :a\n");
    place.write("Taskfile.yml", "version: '3'\nvars: {X: {sh: touch ran}}\ntasks: {a: touch ran}\n");
    place.write("build.gradle", "'touch ran'.execute()\ntask a {}\n");
    let tools = "just npm node mix elixir make rake ruby task gradle java cargo sh bash git python3";
    for tool in tools.split(' ') {
        place.program(&format!("bin/{tool}"), "#!/bin/sh\n: >>ran\n");
    }
    for words in
        [&["run"][..], &["run", "--list", "--json"], &["complete", "--tasks", ""], &["run", "--dry-run", "make:all"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        let output = command.args(words).current_dir(place.path("")).env("PATH", place.path("bin")).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", talk(&output));
        assert!(said(&output).contains("all"), "{words:?}: {}", said(&output));
    }
    assert!(!place.path("ran").exists());
}

// ---- what is run ----

/// Each tool is a program that says where it is and what it was given.
#[test]
fn each_tool_is_called_in_the_projects_folder_as_it_wants() {
    let place = Place::new(&[
        ("a/Makefile", "t:\n"),
        ("b/justfile", "t:\n"),
        ("c/Taskfile.yml", "tasks: {t: x}\n"),
        ("d/package.json", r#"{"scripts": {"t": "x"}}"#),
        ("e/package.json", r#"{"scripts": {"t": "x"}, "packageManager": "pnpm@9.0.0"}"#),
        ("f/package.json", r#"{"scripts": {"t": "x"}}"#),
        ("f/yarn.lock", ""),
        ("g/package.json", r#"{"scripts": {"t": "x"}}"#),
        ("g/bun.lock", ""),
        ("h/deno.json", r#"{"tasks": {"t": "x"}}"#),
        ("i/Cargo.toml", "[package]\n"),
        ("i/.cargo/config.toml", "[alias]\nt = \"test\"\n"),
        ("j/pyproject.toml", "[project.scripts]\nt = \"x:y\"\n"),
        ("j/uv.lock", ""),
        ("k/pyproject.toml", "[tool.poetry.scripts]\nt = \"x:y\"\n"),
        ("l/pyproject.toml", "[tool.pdm.scripts]\nt = \"x\"\n"),
        ("m/hatch.toml", "[envs.default.scripts]\nt = \"x\"\n"),
        ("n/Pipfile", "[scripts]\nt = \"x\"\n"),
        ("o/composer.json", r#"{"scripts": {"t": "x"}}"#),
        ("p/pom.xml", ""),
        ("q/build.gradle", "task t {}\n"),
        ("r/Rakefile", "task :t\n"),
        ("s/mix.exs", "defp aliases do\n[t: \"x\"]\nend\n"),
        ("u/settings.gradle", ""),
        ("u/inner/build.gradle", "task t {}\n"),
    ]);
    let tools = "make just task npm pnpm yarn bun deno cargo uv poetry pdm hatch pipenv composer mvn gradle rake mix";
    for tool in tools.split(' ') {
        place.program(&format!("bin/{tool}"), "#!/bin/sh\necho \"${PWD##*/} $(pwd -P | sed 's,.*/,,') ${0##*/} $*\"\n");
    }
    place.program("u/gradlew", "#!/bin/sh\necho \"${PWD##*/} $(pwd -P | sed 's,.*/,,') wrapper $*\"\n");
    for (folder, expected) in [
        ("a", "a a make t 1 -2"),
        ("b", "b b just t 1 -2"),
        ("c", "c c task t -- 1 -2"),
        ("d", "d d npm run t -- 1 -2"),
        ("e", "e e pnpm run t 1 -2"),
        ("f", "f f yarn run t 1 -2"),
        ("g", "g g bun run t 1 -2"),
        ("h", "h h deno task t 1 -2"),
        ("i", "i i cargo t 1 -2"),
        ("j", "j j uv run t 1 -2"),
        ("k", "k k poetry run t 1 -2"),
        ("l", "l l pdm run t 1 -2"),
        ("m", "m m hatch run t 1 -2"),
        ("n", "n n pipenv run t 1 -2"),
        ("o", "o o composer run-script t -- 1 -2"),
        ("p", "p p mvn verify 1 -2"),
        ("q", "q q gradle t 1 -2"),
        ("r", "r r rake t 1 -2"),
        ("s", "s s mix t 1 -2"),
        ("u/inner", "inner inner wrapper t 1 -2"),
    ] {
        // From a folder below it.
        let below = place.path(folder).join("deep/er");
        fs::create_dir_all(&below).unwrap();
        let task = if folder == "p" { "verify" } else { "t" };
        let path = format!("{}:/usr/bin:/bin", place.path("bin").display());
        let mut command = place.command(env!("CARGO_BIN_EXE_omg"), &["run", task, "--", "1", "-2"]);
        let output = command.current_dir(&below).env("PATH", path).output().unwrap();
        assert_eq!(
            (said(&output).trim_end(), output.status.code()),
            (expected, Some(0)),
            "{folder}: {}",
            talk(&output)
        );
    }
}

#[test]
fn real_tools_run_their_tasks() {
    let place = Place::new(&[
        ("Makefile", "hi:\n\t@echo made $(X) in $(notdir $(CURDIR))\nbad:\n\t@exit 7\nmakes-%:\n\t@echo pattern $*\n"),
        ("package.json", r#"{"scripts": {"say": "echo", "fails": "exit 9"}}"#),
        ("inner/x", ""),
    ]);
    if has("real_tools_run_their_tasks", "make") {
        let output = place.omg(&["run", "-C", "inner", "hi", "--", "X=y z"]);
        let name = place.path("").file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(said(&output), format!("made y z in {name}\n"));
        assert_eq!(place.omg(&["run", "bad"]).status.code(), Some(2), "make's own code");
        assert_eq!(said(&place.omg(&["run", "make:makes-x"])), "pattern x\n");
    }
    if has("real_tools_run_their_tasks", "npm") {
        let output = place.omg(&["run", "say", "--", "--flag", "a  b"]);
        assert!(said(&output).ends_with("\n--flag a  b\n"), "{}", said(&output));
        assert_eq!(place.omg(&["run", "fails"]).status.code(), Some(9));
    }
}

#[test]
fn exit_codes_and_signals_are_passed_on() {
    let place = Place::new(&[(
        "omg.toml",
        "[tasks]\nzero = \"true\"\nseven = \"exit 7\"\nlast = \"exit 255\"\nterm = \"kill -TERM $$\"\nkill = \"kill -KILL $$\"\nint = \"kill -INT $$\"\n\
         segv = \"kill -SEGV $$\"\nlist = [\"sh\", \"-c\", \"exit 3\"]\n",
    )]);
    for (task, code) in [
        ("zero", 0),
        ("seven", 7),
        ("last", 255),
        ("term", 143),
        ("kill", 137),
        ("int", 130),
        ("segv", 139),
        ("list", 3),
    ] {
        let output = place.omg(&["run", task]);
        assert_eq!(output.status.code(), Some(code), "{task}");
        assert_eq!((said(&output), talk(&output)), (String::new(), String::new()), "{task}");
    }
    assert_eq!(place.omg(&["run", "zero", "seven", "last"]).status.code(), Some(7), "the first that fails");
}

#[test]
fn tasks_of_omg_toml_with_all_they_have() {
    let place = Place::new(&[
        (
            "omg.toml",
            "[tasks]\none = \"echo one >>$LOG\"\nwords = 'for w in; do echo \"<$w>\"; done; printf \"<%s>\"'\n[tasks.two]\nrun = \"echo two $A ${PWD##*/} >>$LOG\"\n\
             depends = [\"one\", \"make:three\", \"one\"]\ndir = \"sub\"\nenv = { A = \"x y\" }\n[tasks.all]\ndepends = [\"two\", \"one\"]\n[tasks.bad]\nrun = \"echo never >>$LOG\"\n\
             depends = [\"fails\"]\n[tasks.fails]\nrun = \"exit 4\"\n",
        ),
        ("Makefile", "three:\n\t@echo three >>$$LOG\n"),
        ("sub/x", ""),
    ]);
    let log = place.path("log");
    let run = |words: &[&str]| {
        let _ = fs::remove_file(&log);
        place.command("omg", words).env("LOG", &log).output().unwrap()
    };
    assert_eq!(run(&["run", "all", "one"]).status.code(), Some(0));
    assert_eq!(place.read("log"), "one\nthree\ntwo x y sub\n", "each once, behind what it needs");
    assert_eq!(run(&["run", "bad"]).status.code(), Some(4));
    assert_eq!(place.read("log"), "");
    assert_eq!(said(&run(&["run", "words", "--", "a b", "$(touch no)", "'"])), "<a b><$(touch no)><'>");
    let plan = place.json(&["--dry-run", "all"]);
    let planned: Vec<_> =
        plan.as_array().unwrap().iter().map(|step| (step["name"].as_str().unwrap(), texts(&step["after"]))).collect();
    assert_eq!(
        planned,
        [("one", vec![]), ("three", vec![]), ("two", vec!["one", "three"]), ("all", vec!["two", "one"])]
    );
    assert_eq!(texts(&plan[2]["variables"]), ["A=x y"]);
    assert_eq!(run(&["run", "--dry-run", "all"]).status.code(), Some(0));
    assert_eq!(place.read("log"), "", "nothing is run");
}

// ---- what goes wrong ----

#[test]
fn what_cannot_be_run_is_told_with_a_way_out() {
    let place = Place::new(&[
        ("Makefile", "build:\ntest:\n"),
        ("package.json", "{\"scripts\": {\n\"build\": \"x\", \"lint\": \"y\"}}"),
        (
            "omg.toml",
            "[tasks]\ntest = \"echo mine\"\n[tasks.a]\ndepends = [\"b\"]\n[tasks.b]\nrun = \"x\"\ndepends = [\"c\"]\n[tasks.c]\ndepends = [\"a\"]\n[tasks.d]\ndepends = [\"gone\"]\n",
        ),
        ("locked/package.json", r#"{"scripts": {"t": "x"}}"#),
        ("locked/package-lock.json", ""),
        ("locked/yarn.lock", ""),
        ("gone/justfile", "t:\n"),
    ]);
    let top = place.path("").display().to_string();
    let top = top.trim_end_matches('/');
    for (words, code, error, hint) in [
        (
            "build",
            2,
            "build is a task of Makefile line 1 and of package.json line 2",
            "say `omg run make:build` or `omg run npm:build`; a task build in omg.toml settles it",
        ),
        ("biuld", 1, "no task biuld in TOP", "did you mean make:build, npm:build?"),
        ("deploy", 1, "no task deploy in TOP", "`omg run --list` shows what there is"),
        (
            "lint foo bar",
            1,
            "no task foo in TOP",
            "arguments of a task stand behind two hyphens: `omg run lint -- foo bar`",
        ),
        (
            "lint test -- x",
            2,
            "arguments are for one task, and test is another",
            "run the one that takes them by itself",
        ),
        ("-- x", 2, "no task is named", "a task stands before the two hyphens"),
        (
            "a",
            3,
            "a waits for itself: a (line 3) -> b (line 5) -> c (line 8) -> a (line 3)",
            "take one of these out of the other's `depends` in TOP/omg.toml",
        ),
        (
            "d",
            1,
            "TOP/omg.toml: line 10: d depends on what cannot be run: no task gone in TOP",
            "`omg run --list` shows what there is",
        ),
        (
            "-C locked t",
            2,
            "t of package.json line 1 may be for npm or yarn: nothing says which",
            "say `omg run npm:t` or `omg run yarn:t`; \"packageManager\" in package.json settles it",
        ),
        (
            "lint --json",
            2,
            "a task that is run gives no JSON",
            "--list and --dry-run have JSON; what a task prints is its own",
        ),
    ] {
        let words: Vec<&str> = std::iter::once("run").chain(words.split(' ')).collect();
        let output = place.omg(&words);
        let expected = format!("error: {error}\nhint: {hint}\n").replace("TOP", top);
        assert_eq!((talk(&output).as_str(), output.status.code()), (&*expected, Some(code)), "{words:?}");
    }
    assert_eq!(said(&place.omg(&["run", "test"])), "mine\n", "omg.toml says what a name means");
    // Set by a second `env`: the first is looked for on the PATH that it is given.
    let path = format!("PATH={}", place.path("bin").display());
    let words = [&*path, env!("CARGO_BIN_EXE_omg"), "run", "-C", "gone", "t"];
    let output = place.command("env", &words).output().unwrap();
    let expected = "error: just is not on the PATH, and t of justfile is run with it\nhint: `omg search just` shows whether a package brings it\n";
    assert_eq!((talk(&output).as_str(), output.status.code()), (expected, Some(3)));
}

#[test]
fn a_task_that_runs_itself_is_told() {
    let place = Place::new(&[("omg.toml", "[tasks]\na = \"omg run b\"\nb = \"omg run omg:a\"\n")]);
    let output = place.omg(&["run", "a"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        talk(&output).starts_with("error: a runs itself again and again: omg:a -> omg:b -> omg:a\n"),
        "{}",
        talk(&output)
    );
    let place = Place::new(&[("omg.toml", "[tasks]\na = \"[ $1 = 0 ] || omg run a -- $(($1 - 1)); echo $1\"\n")]);
    assert_eq!(said(&place.omg(&["run", "a", "--", "3"])), "0\n1\n2\n3\n");
}

#[test]
fn no_project_is_told() {
    let place = Place::new(&[]);
    for words in [&["run"][..], &["run", "build"], &["run", "--list"]] {
        let output = place.omg(words);
        assert_eq!(output.status.code(), Some(1));
        assert!(talk(&output).starts_with("error: no project here: no file in "), "{}", talk(&output));
        assert!(
            talk(&output).ends_with("hint: `omg man run` lists the files that can have some\n"),
            "{}",
            talk(&output)
        );
    }
    assert_eq!(place.omg(&["run", "-C", "gone", "x"]).status.code(), Some(3));
}

#[test]
fn files_that_cannot_be_read_are_named_and_the_others_listed() {
    let place = Place::new(&[("justfile", "build:\n"), ("package.json", "{\"scripts\": {\"a\"")]);
    fs::File::create(place.path("Makefile")).unwrap().set_len(100 << 20).unwrap();
    assert!(Command::new("mkfifo").arg(place.path("Rakefile")).status().unwrap().success());
    fs::create_dir(place.path("deno.json")).unwrap();
    place.write("pyproject.toml", "a = \n");
    place.write("Taskfile.yml", &format!("a: &a [{}\n", "*a, ".repeat(1000)));
    place.write("omg.toml", "[tasks.x]\nrum = \"y\"\n");
    let output = place.omg(&["run"]);
    assert_eq!((said(&output).as_str(), output.status.code()), ("build justfile:1\n", Some(4)));
    let warnings = talk(&output);
    for told in [
        "/Makefile: is longer than 4 MiB, and was not read\n",
        "/Rakefile: is no regular file\n",
        "/package.json: EOF while parsing",
        "/pyproject.toml: line 1: ",
        "/Taskfile.yml: line 1: an alias inside of what it names\n",
        "/omg.toml: line 1: task x: unknown key `rum`",
    ] {
        assert!(warnings.contains(told), "{told}: {warnings}");
    }
    assert_eq!(warnings.lines().count(), 6, "{warnings}");
    let output = place.omg(&["run", "build"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        talk(&output).ends_with("that file may have a task build as well; to pass it over, say `omg run just:build`\n"),
        "{}",
        talk(&output)
    );
    assert_eq!(place.omg(&["run", "--dry-run", "just:build"]).status.code(), Some(0));
}

#[test]
fn a_file_above_that_somebody_else_owns_is_no_part_of_the_project() {
    let place = Place::new(&[("Makefile", "build:\n\t@echo theirs\n"), ("mine/x", "")]);
    if !rustix::process::geteuid().is_root() {
        println!("skipped a_file_above_that_somebody_else_owns_is_no_part_of_the_project: not root");
        return;
    }
    chown(place.path("Makefile"), Some(12345), None).unwrap();
    let output = place.omg(&["run", "-C", "mine", "build"]);
    assert_eq!((said(&output).as_str(), output.status.code()), ("", Some(3)));
    assert!(talk(&output).contains("/Makefile: belongs to another user (number 12345)"), "{}", talk(&output));
    assert_eq!(place.omg(&["run", "--dry-run", "build"]).status.code(), Some(0), "it is its own folder's");
    // Whoever works in a folder of that user's works in their project.
    chown(place.path("mine"), Some(12345), None).unwrap();
    assert_eq!(place.omg(&["run", "--dry-run", "-C", "mine", "build"]).status.code(), Some(0));
}

#[test]
fn the_nearest_folder_counts_and_the_top_ends_the_search() {
    let place = Place::new(&[
        ("Makefile", "a:\nb:\n"),
        ("in/justfile", "a:\n"),
        ("in/.git/x", ""),
        ("out/justfile", "a:\n"),
        ("out/deep/x", ""),
    ]);
    let typed = |folder: &str| -> Vec<String> {
        let list = place.json(&["--list", "-C", folder]);
        list.as_array()
            .unwrap()
            .iter()
            .map(|task| format!("{} {}", task["typed"].as_str().unwrap(), task["source"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(typed("in"), ["a just"]);
    assert_eq!(typed("out/deep"), ["a just", "b make"]);
    let text = said(&place.omg(&["run", "-C", "out/deep"]));
    assert!(text.starts_with("a justfile:1\nb /"), "{text}");
    assert_eq!(said(&place.omg(&["complete", "--tasks", "make:"])), "make:a\nmake:b\n");
    assert_eq!(said(&place.omg(&["complete", "--tasks", ""])), "a\nb\n");
}

// ---- signals and terminals ----

/// A process that is told things and says things, line by line.
struct Talker {
    child: Child,
    lines: BufReader<Box<dyn Read>>,
}

impl Talker {
    fn of_stdout(command: &mut Command) -> Talker {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines: Box<dyn Read> = Box::new(child.stdout.take().unwrap());
        Talker { child, lines: BufReader::new(lines) }
    }

    fn of_stderr(command: &mut Command) -> Talker {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines: Box<dyn Read> = Box::new(child.stderr.take().unwrap());
        Talker { child, lines: BufReader::new(lines) }
    }

    /// Reads up to a line that has this in it; gives all that was read.
    fn until(&mut self, wanted: &str) -> String {
        let mut all = String::new();
        while !all.lines().last().is_some_and(|line| line.contains(wanted)) {
            assert!(self.lines.read_line(&mut all).unwrap() > 0, "it ended before {wanted:?}: {all}");
        }
        all
    }

    fn rest(mut self) -> (String, Option<i32>) {
        let mut all = String::new();
        self.lines.read_to_string(&mut all).unwrap();
        (all, self.child.wait().unwrap().code())
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

/// It counts the signals it gets, ends at the second kind, and waits for them by a wait of its own.
const TRAPS: &str = "trap 'echo got int' INT; trap 'echo got usr1' USR1; trap 'echo got term; exit 3' TERM; echo ready $$; while :; do sleep 0.05; done";

#[test]
fn a_signal_for_omg_alone_is_handed_on() {
    let place = Place::new(&[("omg.toml", &format!("[tasks]\nwaits = \"{TRAPS}\"\n"))]);
    for words in [&["run", "waits"][..], &["run", "--parallel", "waits"]] {
        let mut talker = Talker::of_stdout(&mut place.command("omg", words));
        talker.until("ready");
        talker.signal("INT");
        talker.until("got int");
        talker.signal("USR1");
        talker.until("got usr1");
        talker.signal("TERM");
        assert_eq!(talker.rest(), ("got term\n".to_owned(), Some(3)), "{words:?}");
    }
}

#[test]
fn a_signal_that_was_ignored_stays_so() {
    let place = Place::new(&[("omg.toml", "[tasks]\nx = \"kill -HUP $$; kill -INT $$; echo lives\"\n")]);
    for flags in ["", "--parallel"] {
        let shell = format!("trap '' HUP INT; exec omg run {flags} x");
        let output = place.command("sh", &["-c", &shell]).output().unwrap();
        assert_eq!(said(&output), "lives\n");
    }
}

#[test]
fn ctrl_z_pauses_what_runs_side_by_side() {
    let place = Place::new(&[("omg.toml", &format!("[tasks]\nwaits = \"{TRAPS}\"\n"))]);
    let mut talker = Talker::of_stdout(&mut place.command("omg", &["run", "--parallel", "waits"]));
    let ready = talker.until("ready");
    let task = ready.trim().strip_prefix("ready ").unwrap().to_owned();
    let omg = rustix::process::Pid::from_child(&talker.child);
    talker.signal("TSTP");
    let stopped = rustix::process::waitpid(Some(omg), rustix::process::WaitOptions::UNTRACED).unwrap().unwrap().1;
    assert!(stopped.stopped(), "{stopped:?}");
    // D: the shell waits for one it starts at this moment, and that one is paused.
    let is_paused = || {
        let state = fs::read_to_string(format!("/proc/{task}/stat")).unwrap();
        state.contains(") T ") || state.contains(") D ")
    };
    assert!((0..1_000_000).any(|_| is_paused()));
    talker.signal("CONT");
    talker.signal("TERM");
    assert_eq!(talker.rest(), ("got term\n".to_owned(), Some(3)));
}

fn on_terminal(place: &Place, shell: &str) -> Talker {
    let mut command = place.command("script", &["-qec", shell, "/dev/null"]);
    Talker::of_stdout(command.env("TERM", "xterm").env("NO_COLOR", "1").env("SHELL", "/bin/sh"))
}

#[test]
fn ctrl_c_reaches_the_task_once() {
    if !has("ctrl_c_reaches_the_task_once", "script") {
        return;
    }
    // The second of two would have come when QUIT is answered.
    let traps = "n=0; trap 'n=$((n + 1)); echo int' INT; trap 'echo asked $n times; exit 6' QUIT; echo ready; while :; do sleep 0.05; done";
    let place = Place::new(&[("omg.toml", &format!("[tasks]\nwaits = \"{traps}\"\nnext = \"echo no\"\n"))]);
    for flags in ["", "--parallel"] {
        let mut talker = on_terminal(&place, &format!("trap : INT QUIT; omg -q run {flags} waits; echo code $?"));
        talker.until("ready");
        let mut keys = talker.child.stdin.take().unwrap();
        keys.write_all(b"\x03").unwrap();
        keys.flush().unwrap();
        talker.until("int");
        keys.write_all(b"\x1c").unwrap();
        let (text, code) = talker.rest();
        assert!(text.contains("asked 1 times") && text.contains("code 6"), "{flags}: {text}");
        assert_eq!(code, Some(0));
    }
}

#[test]
fn the_terminal_is_left_whole_and_is_the_tasks_own() {
    if !has("the_terminal_is_left_whole_and_is_the_tasks_own", "script") {
        return;
    }
    let place = Place::new(&[(
        "omg.toml",
        "[tasks]\nbreaks = \"stty raw -echo; kill -KILL $$\"\nasks = \"stty size; read x; echo got $x\"\n",
    )]);
    let (text, _) = on_terminal(&place, "omg run breaks; echo code $?; stty -a").rest();
    let settings: Vec<&str> = text.split([' ', ';', '\r', '\n']).collect();
    assert!(text.contains("code 137") && settings.contains(&"icanon") && settings.contains(&"echo"), "{text}");
    let mut talker = on_terminal(&place, "stty rows 33 cols 77; omg run asks");
    talker.until("33 77");
    talker.child.stdin.take().unwrap().write_all(b"word\n").unwrap();
    assert!(talker.rest().0.contains("got word"));
}

// ---- side by side ----

#[test]
fn tasks_side_by_side_really_are() {
    // Each waits for the other at both ends of two pipes.
    let place = Place::new(&[(
        "omg.toml",
        "[tasks]\na = \"echo x >one; cat two\"\nb = \"cat one; echo y >two\"\n[tasks.both]\ndepends = [\"a\", \"b\"]\n",
    )]);
    for pipe in ["one", "two"] {
        assert!(Command::new("mkfifo").arg(place.path(pipe)).status().unwrap().success());
    }
    for words in [&["60", "omg", "run", "--parallel", "a", "b"][..], &["60", "omg", "run", "-p", "both"]] {
        let output = place.command("timeout", words).output().unwrap();
        let text = said(&output);
        let lines: BTreeSet<&str> = text.lines().collect();
        assert_eq!((lines, output.status.code()), (["x", "y"].into(), Some(0)), "{}", talk(&output));
    }
}

#[test]
fn the_first_failure_ends_the_others_with_all_they_started() {
    let waits = "sleep 1000 & echo $! >pid; trap 'echo ended cleanly; exit 0' TERM; echo >ready; wait";
    let place = Place::new(&[(
        "omg.toml",
        &format!(
            "[tasks]\nwaits = \"{waits}\"\nfails = \"cat ready; exit 5\"\n[tasks.later]\nrun = \"echo no\"\ndepends = [\"waits\"]\n"
        ),
    )]);
    assert!(Command::new("mkfifo").arg(place.path("ready")).status().unwrap().success());
    let output = place.command("timeout", &["60", "omg", "run", "--parallel", "later", "fails"]).output().unwrap();
    assert_eq!((said(&output).as_str(), output.status.code()), ("\nended cleanly\n", Some(5)), "{}", talk(&output));
    assert_eq!(talk(&output), "fails ended with 5\nwaits is ended\n");
    // It has the signal, and ends when it gets the processor. Its number may be a zombie's until whoever took it over looks.
    let left = PathBuf::from("/proc").join(place.read("pid").trim()).join("stat");
    let is_gone = || fs::read_to_string(&left).map_or(true, |state| state.contains(") Z "));
    assert!((0..1_000_000).any(|_| is_gone()));
}

#[test]
fn lines_stay_whole_and_have_their_task_before_them_where_a_person_looks() {
    let writes = |letter: &str| {
        format!(
            "i=0; while [ $i -lt 300 ]; do printf {letter}; printf '{letter}{letter}\\\\n'; i=$((i + 1)); done; printf end; echo talk >&2"
        )
    };
    let place =
        Place::new(&[("omg.toml", &format!("[tasks]\na = \"{}\"\nlong-name = \"{}\"\n", writes("x"), writes("y")))]);
    let output = place.omg(&["run", "-p", "a", "long-name"]);
    let text = said(&output);
    assert_eq!(
        text.replace("end", "").lines().filter(|line| !matches!(*line, "xxx" | "yyy" | "")).count(),
        0,
        "{text}"
    );
    assert_eq!((text.matches("xxx").count(), text.matches("yyy").count(), text.matches("end").count()), (300, 300, 2));
    assert_eq!(talk(&output), "talk\ntalk\n");
    if has("lines_stay_whole_and_have_their_task_before_them_where_a_person_looks", "script") {
        let (text, _) = on_terminal(&place, "omg -q run -p a long-name").rest();
        let lines: BTreeSet<&str> = text.lines().map(|line| line.trim_end_matches('\r')).collect();
        let expected = [
            "a         | end",
            "a         | talk",
            "a         | xxx",
            "long-name | end",
            "long-name | talk",
            "long-name | yyy",
        ];
        assert_eq!(lines.into_iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_a_task_leaves_running_is_not_waited_for() {
    let place = Place::new(&[("omg.toml", "[tasks]\nx = \"sleep 1000 & echo $! >pid; echo done\"\n")]);
    let output = place.command("timeout", &["60", "omg", "run", "--parallel", "x"]).output().unwrap();
    assert_eq!((said(&output).as_str(), output.status.code()), ("done\n", Some(0)));
    assert!(Command::new("kill").arg(place.read("pid").trim()).status().unwrap().success());
}

#[test]
fn what_a_task_leaves_writing_is_not_waited_for() {
    let place = Place::new(&[("omg.toml", "[tasks]\nx = \"yes & sleep 0.1\"\n")]);
    let output = place.command("sh", &["-c", "timeout 60 omg run --parallel x >/dev/null; echo $?"]).output().unwrap();
    assert_eq!(said(&output), "0\n");
}

#[test]
fn a_signal_is_heard_while_a_task_writes_without_end() {
    let place = Place::new(&[("omg.toml", "[tasks]\nx = [\"yes\"]\n")]);
    let shell = "timeout --preserve-status -s INT -k 60 1 omg run --parallel x >/dev/null; echo $?";
    assert_eq!(said(&place.command("sh", &["-c", shell]).output().unwrap()), "130\n");
}

#[test]
fn a_reader_that_goes_away_ends_what_writes() {
    let place = Place::new(&[("omg.toml", "[tasks]\nx = [\"yes\"]\n")]);
    let output = place.command("timeout", &["60", "sh", "-c", "omg run -p x | head -n 2"]).output().unwrap();
    assert_eq!((said(&output).as_str(), output.status.code()), ("y\ny\n", Some(0)));
}

// ---- again after a change ----

fn lines(place: &Place, name: &str) -> usize {
    place.read(name).lines().count()
}

#[test]
fn a_change_runs_it_again_and_its_own_output_does_not() {
    let place = Place::new(&[
        ("omg.toml", "[tasks]\nbuild = \"echo >>.git/runs; cat src/in >out; echo x >built/y\"\n"),
        (".gitignore", "built/\n"),
        ("src/in", "1\n"),
        ("built/x", ""),
    ]);
    let mut talker = Talker::of_stderr(&mut place.command("omg", &["run", "--watch", "build"]));
    talker.until("done; waiting for a change");
    // `out` was new, so that it may have been anybody's.
    assert!((1..=2).contains(&lines(&place, ".git/runs")));
    for (name, text) in [("src/in", "2\n"), ("src/new/deep", "x"), ("src/in", "3\n")] {
        let before = lines(&place, ".git/runs");
        place.write(name, text);
        let told = talker.until("done; waiting for a change");
        assert!(told.contains("src/") && told.contains(" changed\n"), "{told}");
        assert!(lines(&place, ".git/runs") > before);
        assert_eq!(place.read("out"), place.read("src/in"));
    }
    talker.signal("INT");
    assert_eq!(talker.rest().1, Some(130));
}

#[test]
fn a_task_that_runs_in_a_folder_of_the_project_is_run_again_for_all_of_it() {
    let tasks = "[tasks.build]\nrun = \"cat ../shared >>../.git/runs\"\ndir = \"web\"\n";
    let place = Place::new(&[("omg.toml", tasks), ("web/x", ""), ("shared", "1\n"), (".git/x", "")]);
    let mut talker = Talker::of_stderr(&mut place.command("omg", &["run", "--watch", "build"]));
    talker.until("done; waiting for a change");
    place.write("shared", "2\n");
    talker.until("done; waiting for a change");
    assert!(place.read(".git/runs").ends_with("2\n"));
    talker.signal("INT");
    assert_eq!(talker.rest().1, Some(130));
}

#[test]
fn a_task_that_writes_something_else_each_time_does_not_run_for_ever() {
    let place = Place::new(&[("omg.toml", "[tasks]\nbuild = \"echo >>out\"\n"), ("in", "")]);
    let mut talker = Talker::of_stderr(&mut place.command("omg", &["run", "--watch", "build"]));
    let told = talker.until("done; waiting for a change");
    assert!(told.contains("warning: out: changed by each run itself, and watched no more\n"), "{told}");
    assert_eq!(lines(&place, "out"), 3);
    place.write("in", "x");
    talker.until("done; waiting for a change");
    assert_eq!(lines(&place, "out"), 4);
    talker.signal("TERM");
    assert_eq!(talker.rest().1, Some(143));
}

#[test]
fn a_server_is_begun_again_where_that_is_wanted() {
    let place =
        Place::new(&[("omg.toml", "[tasks]\nserve = \"echo started $(cat in); exec sleep 1000\"\n"), ("in", "1\n")]);
    let mut talker = Talker::of_stdout(&mut place.command("omg", &["-q", "run", "--watch", "--restart", "serve"]));
    talker.until("started 1");
    place.write("in", "2\n");
    talker.until("started 2");
    place.write("in", "3\n");
    talker.until("started 3");
    talker.signal("INT");
    assert_eq!(talker.rest(), (String::new(), Some(130)));
}
