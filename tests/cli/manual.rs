//! The committed manual against the program: its pages, options, exit codes, variables, settings, and the shape of all JSON.

use crate::pacman_root::PacmanRoot;
use crate::support::{Place, has_apt, has_program};
use omg::commands::{Run, VERBS};
use omg::model::Field;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn man() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

fn page(name: &str) -> String {
    let path = man().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn committed_pages_are_those_the_program_makes() {
    let made = tempfile::tempdir().unwrap();
    let output = PacmanRoot::new().omg(&["man", "--write", made.path().to_str().unwrap()]);
    assert!(output.status.success());
    let names = |folder: &Path| -> BTreeSet<_> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names(made.path()), names(&man()), "run `omg man --write man`");
    for name in names(made.path()) {
        let text = fs::read_to_string(made.path().join(&name)).unwrap();
        assert_eq!(text, page(&name), "man/{name}: run `omg man --write man`");
    }
}

#[test]
fn mandoc_finds_no_fault() {
    if !has_program("mandoc_finds_no_fault", "mandoc") {
        return;
    }
    let pages: Vec<_> = fs::read_dir(man()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let output = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(pages).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Every option that `--help` shows is in the command's page or in omg(1), and every command in omg(1).
#[test]
fn every_command_and_option_is_documented() {
    let place = PacmanRoot::new();
    let words = |text: &str| text.replace("\\-", "-");
    let main = words(&page("omg.1"));
    for verb in VERBS.iter().filter(|verb| !["complete", "apply"].contains(&verb.name)) {
        assert!(main.contains(&format!("omg-{}", verb.name)), "{} is not in omg.1", verb.name);
        let own = words(&page(&format!("omg-{}.1", verb.name)));
        let help = String::from_utf8(place.omg(&[verb.name, "--help"]).stdout).unwrap();
        let options = help.split_whitespace().filter(|word| word.starts_with("--"));
        let options: BTreeSet<&str> = options.map(|word| word.trim_end_matches([',', '.', ']', ':'])).collect();
        assert!(options.contains("--json"), "the help of {} was not understood", verb.name);
        for option in options {
            assert!(own.contains(option) || main.contains(option), "omg {} {option}", verb.name);
        }
    }
}

#[test]
fn exit_codes_and_variables_are_documented() {
    let main = page("omg.1");
    let status = main.split(".SH ").find(|section| section.starts_with("EXIT STATUS")).unwrap();
    for code in 0..=5 {
        assert!(status.contains(&format!(".B {code}\n")), "exit code {code}");
    }
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = BTreeSet::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        for quoted in text.split('"').skip(1).step_by(2) {
            let is_ours = quoted.starts_with("OMG_") && quoted.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            // What tests alone ask for is told where they are.
            if is_ours && quoted.len() > 4 && !quoted.starts_with("OMG_TEST_") {
                found.insert(quoted.to_owned());
            }
        }
    }
    assert!(found.contains("OMG_INDEX_DIR"), "the sources were not understood: {found:?}");
    let missing: Vec<_> = found.iter().filter(|name| !main.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "not in omg.1: {missing:?}");
}

#[test]
fn every_setting_is_documented_and_no_other() {
    let root = PacmanRoot::new();
    let known = |text: &str| -> BTreeSet<String> {
        root.configure(text);
        let said = String::from_utf8(root.omg(&["refresh"]).stderr).unwrap();
        let expected = said.lines().next().unwrap().split("expected ").nth(1).unwrap().to_owned();
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut all = known("[aur]\nno-such-key = 1\n");
    all.extend(known("[privilege]\nno-such-key = 1\n"));
    all.extend(known("[conf]\nno-such-key = 1\n"));
    all.extend(known("[snapshot]\nno-such-key = 1\n"));
    all.extend(known("[advisories]\nno-such-key = 1\n"));
    all.extend(known("[archives]\nno-such-key = 1\n"));
    all.extend(known("[runtimes]\nno-such-key = 1\n"));
    all.extend(known("[runtimes.node]\nno-such-key = 1\n"));
    all.extend(known("no-such-key = 1\n").iter().map(|table| format!("[{table}]")));
    let page = page("omg-config.5");
    let keys = page.split(".SH ").find(|section| section.starts_with("KEYS")).unwrap();
    let documented: BTreeSet<String> = tags(keys).map(|(key, _)| key).collect();
    assert_eq!(documented, all);
}

#[test]
fn every_key_of_a_policy_is_documented_and_no_other() {
    let page = page("omg-policy.1");
    let keys = page.split(".SH ").find(|section| section.starts_with("KEYS")).unwrap();
    let documented: Vec<String> = tags(keys).map(|(key, _)| key).collect();
    let known: Vec<&str> = omg::audit::policy::Key::ALL.iter().map(|key| key.name()).collect();
    assert_eq!(documented, known);
}

#[test]
fn the_format_described_is_the_one_written() {
    let page = page("omg-index.5");
    assert!(page.contains(&format!("This is version {} of its format", omg::index::block::VERSION)));
    assert!(page.contains(&format!(
        "blocks of {} bytes: {} bytes of payload",
        omg::index::block::BLOCK,
        omg::index::block::PAYLOAD
    )));
    for (section, relation) in (0..).zip(omg::index::build::RELATIONS) {
        let name = relation.key().replace("_depends", "").replace("pre", "pre\\-depends").replace("opt", "optional");
        assert!(page.replace('\n', " ").contains(&format!("{section} {name}")), "{section} {name}");
    }
    let root = PacmanRoot::new();
    assert!(root.omg(&["refresh"]).status.success());
    let twin = fs::read_to_string(root.path("index/status.txt")).unwrap();
    let keys = |line: &str| line.split(' ').map(|pair| pair.split('=').next().unwrap().to_owned()).collect::<Vec<_>>();
    let example = page.lines().find(|line| line.starts_with("updates=")).unwrap();
    assert_eq!(keys(&twin), keys(example));
}

#[test]
fn every_field_of_a_page_is_documented() {
    let page = page("omg-json.5");
    let fields = page.split(".SH ").find(|section| section.starts_with("INFO FIELDS")).unwrap();
    let documented: Vec<String> = tags(fields).map(|(key, _)| key).collect();
    let known: Vec<&str> = (1..).map_while(Field::from_tag).map(Field::key).collect();
    assert_eq!(documented, known);
}

/// Each `.TP` with its tag, and the line behind that.
fn tags(section: &str) -> impl Iterator<Item = (String, String)> {
    section.split(".TP\n").skip(1).map(|entry| {
        let mut lines = entry.lines();
        let plain = |line: Option<&str>| line.unwrap_or_default().replace("\\-", "-");
        (plain(lines.next()).trim_start_matches(".B ").to_owned(), plain(lines.next()))
    })
}

/// An answer that has to have the documented shape of that title.
pub fn check_shape(title: &str, value: &Value) {
    shapes()[title].check(value).unwrap_or_else(|wrong| panic!("{title}: {wrong}"));
}

/// The keys that omg-json(5) has of an object, sorted.
pub fn documented(title: &str, below: &str) -> Vec<String> {
    let shape = &shapes()[title];
    let keys = shape.keys.keys().filter_map(|key| key.strip_prefix(below));
    keys.filter(|key| !key.contains(['.', '['])).map(str::to_owned).collect()
}

/// A documented shape: the type of the whole, and of each key by its path.
struct Shape {
    whole: String,
    keys: BTreeMap<String, String>,
}

/// Every shape of omg-json(5).
fn shapes() -> BTreeMap<String, Shape> {
    let page = page("omg-json.5");
    let section = page.split(".SH ").find(|section| section.starts_with("SHAPES")).unwrap();
    let shape = |text: &str| {
        let mut lines = text.lines();
        let title = lines.next().unwrap().replace("\\-", "-");
        let whole = lines.next().unwrap().trim_start_matches(".I ").to_owned();
        let keys = tags(text).map(|(key, kind)| (key, kind.trim_start_matches(".I ").to_owned())).collect();
        (title, Shape { whole, keys })
    };
    section.split(".SS ").skip(1).map(shape).collect()
}

impl Shape {
    fn check(&self, value: &Value) -> Result<(), String> {
        self.fits(value, &self.whole, "")
    }

    fn fits(&self, value: &Value, kind: &str, path: &str) -> Result<(), String> {
        let wrong = || Err(format!("{path:?} is {value}, not {kind}"));
        if let Some(kind) = kind.strip_suffix(" or null") {
            return if value.is_null() { Ok(()) } else { self.fits(value, kind, path) };
        }
        if let Some(items) = kind.strip_prefix("array of ") {
            let Some(values) = value.as_array() else { return wrong() };
            let inside = if path.is_empty() { String::new() } else { format!("{path}[]") };
            return values.iter().try_for_each(|value| self.fits(value, items, &inside));
        }
        let good = match kind {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "any" => true,
            "object of string" => value.as_object().is_some_and(|object| object.values().all(Value::is_string)),
            "object" => return self.object(value, path),
            _ => match kind.strip_prefix("one of ") {
                Some(words) => value.as_str().is_some_and(|text| words.split(", ").any(|word| word == text)),
                None => return Err(format!("{path:?} has an unknown type {kind:?} in the page")),
            },
        };
        if good { Ok(()) } else { wrong() }
    }

    /// Exactly the documented keys.
    fn object(&self, value: &Value, path: &str) -> Result<(), String> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        let documented: BTreeMap<&str, &str> = self
            .keys
            .iter()
            .filter_map(|(key, kind)| Some((key.strip_prefix(&prefix)?, kind.as_str())))
            .filter(|(key, _)| !key.contains(['.', '[']))
            .collect();
        let Some(object) = value.as_object() else { return Err(format!("{path:?} is no object: {value}")) };
        let there: BTreeSet<&str> = object.keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> = documented.keys().copied().collect();
        if there != expected {
            return Err(format!("{path:?} has {there:?}, the page {expected:?}"));
        }
        documented.iter().try_for_each(|(key, kind)| self.fits(&object[*key], kind, &format!("{prefix}{key}")))
    }
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let shape = Shape {
        whole: "array of object".into(),
        keys: [("a", "string"), ("b", "array of object"), ("b[].c", "one of x, y or null")]
            .map(|(key, kind)| (key.to_owned(), kind.to_owned()))
            .into(),
    };
    let check = |text: &str| shape.check(&serde_json::from_str(text).unwrap());
    assert_eq!(check(r#"[{"a":"","b":[{"c":"x"},{"c":null}]},{"a":"z","b":[]}]"#), Ok(()));
    for bad in [
        r#"{}"#,
        r#"[{"a":""}]"#,
        r#"[{"a":"","b":[],"d":1}]"#,
        r#"[{"a":1,"b":[]}]"#,
        r#"[{"a":"","b":[{"c":"z"}]}]"#,
        r#"[{"a":"","b":[{}]}]"#,
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
}

/// Command lines whose answers are not empty, by the shape they have.
const ASKED: &[(&str, &[&str])] = &[
    ("search", &["search", "e"]),
    ("info", &["info"]),
    ("list", &["list"]),
    ("list", &["explicit"]),
    ("list", &["outdated"]),
    ("list", &["list", "--orphans"]),
    ("list --count", &["list", "--count"]),
    ("owner", &["owner"]),
    ("files", &["files"]),
    ("deps", &["deps"]),
    ("deps --reverse", &["deps", "--reverse"]),
    ("deps --tree", &["deps", "--tree"]),
    ("why", &["why"]),
    ("size", &["size"]),
    ("history", &["history"]),
    ("blame", &["blame"]),
    ("snapshot create", &["snapshot", "create", "one"]),
    ("snapshot list", &["snapshot", "list"]),
    ("snapshot show", &["snapshot", "show", "one"]),
    ("snapshot diff", &["snapshot", "diff", "one"]),
    ("conf list", &["conf", "list"]),
    ("conf diff", &["conf", "diff"]),
    ("run --list", &["run", "--list"]),
    ("run --dry-run", &["run", "--dry-run", "cargo:build"]),
    ("which", &["which", "node"]),
    ("env", &["env"]),
    ("runtime list", &["runtime", "list"]),
    ("policy", &["policy"]),
    ("audit sbom", &["audit", "sbom"]),
    ("audit licenses", &["audit", "licenses"]),
    ("audit log", &["audit", "log"]),
    ("audit scan", &["audit", "scan"]),
    ("audit verify", &["audit", "verify"]),
    ("status", &["status"]),
    ("doctor", &["doctor"]),
    ("refresh", &["refresh", "--force"]),
    ("units", &["units", "--binary", "/usr/bin/omg"]),
];

/// Commands that may have nothing to tell of a machine; their own tests check their shapes.
const NOT_EVERYWHERE: [&str; 7] = ["outdated", "history", "blame", "policy", "audit", "conf", "runtime"];

/// Commands that show a plan.
const PLANNING: [&str; 12] = [
    "clean",
    "download",
    "install",
    "remove",
    "upgrade",
    "autoremove",
    "reinstall",
    "downgrade",
    "mark",
    "hold",
    "unhold",
    "rollback",
];

fn check_all(run: impl Fn(&[&str]) -> Vec<u8>, name: &str, needy: &str, path: &str) {
    let shapes = shapes();
    for &(title, asked) in ASKED {
        let mut line = asked.to_vec();
        line.push("--json");
        match asked[0] {
            "info" | "files" | "why" | "blame" => line.push(name),
            "deps" => line.push(needy),
            "owner" => line.push(path),
            _ => {}
        }
        let text = run(&line);
        let value = serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("{line:?}: {error}: {}", String::from_utf8_lossy(&text)));
        shapes[title].check(&value).unwrap_or_else(|wrong| panic!("{line:?}: {wrong}"));
        let empty = value.as_array().is_some_and(Vec::is_empty);
        assert!(
            !empty || asked.contains(&"--orphans") || asked.contains(&"diff") || NOT_EVERYWHERE.contains(&asked[0]),
            "{line:?} has nothing to check"
        );
    }
}

#[test]
fn every_command_with_json_has_a_shape() {
    let shapes = shapes();
    for verb in VERBS.iter().filter(|verb| !matches!(verb.run, Run::Print(_)) || verb.name == "batch") {
        let name = match verb.name {
            // The other half of those that plan.
            "apply" => continue,
            "explicit" | "outdated" => "list",
            name if PLANNING.contains(&name) => "plan",
            name => name,
        };
        let is_its = |title: &String| title == name || title.starts_with(&format!("{name} "));
        assert!(shapes.keys().any(is_its), "{}", verb.name);
    }
    // To sync takes repositories, which the tests of changes have; runtimes come from a mirror, signatures from a Sigstore, secrets from a
    // tree, and shims and trust go into a home: their own tests have these.
    const ELSEWHERE: [&str; 18] = [
        "audit checkpoint",
        "audit export",
        "audit export --output",
        "audit provenance",
        "audit secrets",
        "audit signature",
        "audit secrets --write-baseline",
        "batch",
        "plan",
        "sync",
        "use",
        "pin",
        "runtime install",
        "migrate-from",
        "uninstall",
        "shims",
        "trust",
        "audit sbom --output",
    ];
    for title in shapes.keys().filter(|title| !ELSEWHERE.contains(&title.as_str())) {
        assert!(ASKED.iter().any(|(asked, _)| asked == title), "{title} is never checked");
    }
    for verb in VERBS.iter().filter(|verb| matches!(verb.run, Run::Print(_))) {
        let output = PacmanRoot::new().omg(&[verb.name, "--json"]);
        assert!(verb.name == "completions" || output.status.code() == Some(2), "omg {} --json", verb.name);
    }
}

#[test]
fn the_json_of_a_pacman_machine_has_the_documented_shape() {
    let root = PacmanRoot::new();
    check_all(|line| root.omg(line).stdout, "libtext", "editor", "/usr/bin/editor");
}

#[test]
fn the_json_of_this_machine_has_the_documented_shape() {
    if !has_apt("the_json_of_this_machine_has_the_documented_shape") {
        return;
    }
    let place = Place::new();
    check_all(|line| place.omg(line).stdout, "libc6", "bash", "/bin/ls");
}

#[test]
fn the_json_of_a_plan_has_the_documented_shape() {
    let engine = Path::new(env!("CARGO_BIN_EXE_omg")).with_file_name("omg-alpm");
    if !engine.is_file() {
        println!("skipped the_json_of_a_plan_has_the_documented_shape: no omg-alpm is built (--features alpm13)");
        return;
    }
    let root = PacmanRoot::new();
    let shapes = shapes();
    for words in [
        &["remove", "--dry-run", "--recursive", "editor"][..],
        &["mark", "auto", "--dry-run", "editor"],
        &["upgrade", "--dry-run"],
        &["autoremove", "--dry-run"],
        &["clean", "--dry-run"],
    ] {
        let output = root.omg(&[words, &["--json"]].concat());
        let value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
        shapes["plan"].check(&value).unwrap_or_else(|wrong| panic!("{words:?}: {wrong}"));
    }
}

#[test]
fn the_lines_of_batch_have_the_documented_shape() {
    let root = PacmanRoot::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
    let mut child =
        root.environment(command.arg("batch")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines =
        b"{\"query\":\"info\",\"args\":[\"editor\",\"nothing\"],\"id\":[1]}\nnonsense\n{\"query\":\"status\"}\n";
    child.stdin.take().unwrap().write_all(lines).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 3);
    let shapes = shapes();
    for line in text.lines() {
        let value = serde_json::from_str(line).unwrap();
        shapes["batch"].check(&value).unwrap_or_else(|wrong| panic!("{line}: {wrong}"));
    }
}
