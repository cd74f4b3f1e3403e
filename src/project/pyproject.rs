//! The scripts of a `pyproject.toml` and a `hatch.toml`: those of poetry, pdm and hatch, and the programs a package installs.
//!
//! Which of uv, poetry, pdm and hatch runs a package's programs (`[project.scripts]`) is told by the lockfile, else by their own tables.
//! Where several tell, each has them and which is meant has to be said; where none does, there is nobody to run them.

use super::file::{Parsed, Place};
use super::tables::{Document, Value, command, member, string, strings};
use super::{Found, Source, is_name};
use std::collections::HashSet;

/// By lockfile and by table.
const SIGNS: [(Source, &str, &str); 4] = [
    (Source::Uv, "uv.lock", "uv"),
    (Source::Poetry, "poetry.lock", "poetry"),
    (Source::Pdm, "pdm.lock", "pdm"),
    (Source::Hatch, "hatch.toml", "hatch"),
];

pub(super) fn tasks(place: &Place, text: &str) -> Parsed {
    let document = Document::new(text)?;
    let mut all = Vec::new();
    all.extend(pdm(&document).into_iter().map(|found| (Source::Pdm, found)));
    let environments = document.at(&["tool", "hatch", "envs"]);
    all.extend(environments.into_iter().flat_map(|table| hatch_scripts(&document, table)).map(|f| (Source::Hatch, f)));
    let entry = |(name, line, value): (&str, u32, &Value)| {
        let text = command(value).or_else(|| member(value, "reference").and_then(string).map(str::to_owned))?;
        Some(Found::new(name, line, text))
    };
    let poetry = document.members(&["tool", "poetry", "scripts"]).into_iter().filter_map(entry);
    all.extend(poetry.map(|found| (Source::Poetry, found)));
    let programs: Vec<Found> = document.members(&["project", "scripts"]).into_iter().filter_map(entry).collect();
    for source in if programs.is_empty() { Vec::new() } else { runners(place, &document) } {
        // The tool's own of that name counts.
        let theirs: HashSet<String> = all.iter().filter(|(of, _)| *of == source).map(|(_, f)| f.name.clone()).collect();
        let rest = programs.iter().filter(|found| !theirs.contains(&found.name));
        all.extend(rest.map(|found| (source, found.clone())));
    }
    Ok(all)
}

fn runners(place: &Place, document: &Document) -> Vec<Source> {
    let locked = |(_, lockfile, _): &&(Source, &str, &str)| {
        *lockfile != "hatch.toml" && place.folders.iter().any(|folder| folder.join(lockfile).exists())
    };
    let told = |(_, file, table): &&(Source, &str, &str)| document.at(&["tool", table]).is_some() || place.has(file);
    let by_lock: Vec<Source> = SIGNS.iter().filter(locked).map(|sign| sign.0).collect();
    if by_lock.is_empty() { SIGNS.iter().filter(told).map(|sign| sign.0).collect() } else { by_lock }
}

/// `_` holds what all have in common, and names that begin with it are for the others' use.
fn pdm(document: &Document) -> Vec<Found> {
    let found = |(name, line, value): (&str, u32, &Value)| {
        let kinds = ["cmd", "shell", "call"];
        let composite = member(value, "composite").and_then(strings).unwrap_or_default();
        let of_table = || kinds.iter().find_map(|kind| member(value, kind).and_then(command));
        Some(Found {
            description: member(value, "help").and_then(string).unwrap_or_default().to_owned(),
            command: command(value).or_else(of_table).or_else(|| composite.first().cloned())?,
            dependencies: composite,
            ..Found::new(name, line, "")
        })
    };
    let all = document.members(&["tool", "pdm", "scripts"]).into_iter();
    all.filter(|(name, ..)| !name.starts_with('_')).filter_map(found).collect()
}

/// `hatch.toml` has the same tables without `tool.hatch` before them.
pub(super) fn hatch(text: &str) -> Result<Vec<Found>, String> {
    let document = Document::new(text)?;
    let environments = document.at(&["envs"]);
    Ok(environments.into_iter().flat_map(|table| hatch_scripts(&document, table)).collect())
}

fn hatch_scripts(document: &Document, environments: &Value) -> Vec<Found> {
    let mut all = Vec::new();
    for (environment, _, table) in document.members_of(environments) {
        let Some(scripts) = member(table, "scripts").filter(|_| is_name(environment)) else { continue };
        for (name, line, value) in document.members_of(scripts) {
            let name = if environment == "default" { name.to_owned() } else { format!("{environment}:{name}") };
            let command = strings(value).and_then(|list| list.first().cloned()).or_else(|| command(value));
            all.extend(command.map(|command| Found::new(name, line, command)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const TEXT: &str = r#"
[project.scripts]
serve = "app:main"
[tool.poetry.scripts]
old = "app:old"
new = { reference = "app:new", type = "console" }
[tool.pdm.scripts]
_.env_file = ".env"
start = "flask run"
lint = { cmd = ["ruff", "check"], help = "Look for faults" }
all = { composite = ["lint", "start"] }
[tool.hatch.envs.default.scripts]
cov = ["coverage run", "coverage report"]
[tool.hatch.envs.docs.scripts]
build = "mkdocs build"
"#;

    fn names(files: &[&str]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        files.iter().for_each(|name| fs::write(root.path().join(name), "").unwrap());
        let found = tasks(&Place { folders: &[root.path().to_owned()] }, TEXT).unwrap();
        found.into_iter().map(|(source, found)| format!("{}:{}", source.name(), found.name)).collect()
    }

    const OWN: [&str; 7] =
        ["pdm:start", "pdm:lint", "pdm:all", "hatch:cov", "hatch:docs:build", "poetry:old", "poetry:new"];

    #[test]
    fn each_tool_has_its_own_and_the_lockfile_says_who_runs_programs() {
        assert_eq!(names(&["uv.lock"]), [&OWN[..], &["uv:serve"]].concat());
        assert_eq!(names(&[]), [&OWN[..], &["poetry:serve", "pdm:serve", "hatch:serve"]].concat());
    }

    #[test]
    fn what_a_script_says_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let found = tasks(&Place { folders: &[root.path().to_owned()] }, TEXT).unwrap();
        let find = |name: &str| found.iter().find(|(_, found)| found.name == name).unwrap().1.clone();
        assert_eq!(
            find("lint"),
            Found { description: "Look for faults".into(), ..Found::new("lint", 10, "ruff check") }
        );
        assert_eq!(find("all").dependencies, ["lint", "start"]);
        assert_eq!(find("new"), Found::new("new", 6, "app:new"));
        assert_eq!(find("cov").command, "coverage run");
    }

    #[test]
    fn nobody_is_made_up_to_run_programs() {
        let root = tempfile::tempdir().unwrap();
        let text = "[project.scripts]\nserve = \"app:main\"\n";
        assert_eq!(tasks(&Place { folders: &[root.path().to_owned()] }, text).unwrap(), []);
    }

    #[test]
    fn an_environment_whose_name_nobody_types_has_no_scripts() {
        let scripts: String = (0..10_000).map(|n| format!("t{n} = \"x\"\n")).collect();
        assert_eq!(hatch(&format!("[envs.{}.scripts]\n{scripts}", "e".repeat(1 << 20))).unwrap(), []);
    }

    #[test]
    fn hatch_has_a_file_of_its_own() {
        assert_eq!(hatch("[envs.x.scripts]\nt = \"pytest\"\n").unwrap(), [Found::new("x:t", 2, "pytest")]);
    }
}
