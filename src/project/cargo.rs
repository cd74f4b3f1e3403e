//! What cargo does in any package, and the aliases of `.cargo/config.toml`.
//!
//! The user's own configuration is not the project's, and is left out.

use super::Found;
use super::file::{Place, beside};
use super::tables::{Document, command};
use std::collections::HashSet;

const ALWAYS: [(&str, &str); 4] = [
    ("build", "Compile the package"),
    ("check", "Find errors without compiling"),
    ("test", "Run the tests"),
    ("doc", "Make the documentation"),
];

pub(super) fn tasks(place: &Place, text: &str) -> Result<Vec<Found>, String> {
    let manifest = Document::new(text)?;
    let mut all: Vec<Found> = Vec::new();
    let mut seen = HashSet::new();
    for folder in place.folders {
        for name in [".cargo/config", ".cargo/config.toml"] {
            let path = folder.join(name);
            let Some(config) = beside(&path) else { continue };
            // One that cargo itself cannot read is cargo's to tell.
            for alias in aliases(&config).unwrap_or_default() {
                // The nearest counts.
                if seen.insert(alias.name.clone()) {
                    all.push(Found { file: Some(path.clone()), ..alias });
                }
            }
            break;
        }
    }
    for (name, description) in ALWAYS {
        all.retain(|found| found.name != name);
        all.push(Found::implied(name, description));
    }
    let is_package = manifest.at(&["package"]).is_some();
    let has_binary = manifest.at(&["bin"]).is_some() || place.has("src/main.rs") || place.has("src/bin");
    if is_package && has_binary {
        all.retain(|found| found.name != "run");
        all.push(Found::implied("run", "Run the package's program"));
    }
    Ok(all)
}

pub(super) fn aliases(text: &str) -> Result<Vec<Found>, String> {
    let document = Document::new(text)?;
    let all = document.members(&["alias"]).into_iter();
    Ok(all
        .filter_map(|(name, line, value)| Some(Found::new(name, line, format!("cargo {}", command(value)?))))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn aliases_are_text_or_lists() {
        let text = "[alias]\nxtask = \"run -p xtask --\"\nlint = [\"clippy\", \"--all\"]\n";
        let expected = [Found::new("xtask", 2, "cargo run -p xtask --"), Found::new("lint", 3, "cargo clippy --all")];
        assert_eq!(aliases(text).unwrap(), expected);
    }

    #[test]
    fn a_program_can_be_run_and_cargos_own_commands_stay_its_own() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("m/src/bin")).unwrap();
        std::fs::create_dir_all(root.path().join(".cargo")).unwrap();
        std::fs::write(root.path().join(".cargo/config.toml"), "[alias]\nb = \"build\"\ntest = \"no\"\n").unwrap();
        let names = |folders: &[PathBuf], text: &str| -> Vec<String> {
            tasks(&Place { folders }, text).unwrap().into_iter().map(|found| found.name).collect()
        };
        let folders = [root.path().join("m"), root.path().to_owned()];
        assert_eq!(names(&folders, "[package]\nname = \"m\"\n"), ["b", "build", "check", "test", "doc", "run"]);
        assert_eq!(names(&folders[1..], "[workspace]\n"), ["b", "build", "check", "test", "doc"]);
    }
}
