//! Tools that version files name and that are no runtimes of ours: which of them a folder asks for. What they are, only mise knows.

use super::active::Person;
use super::pin::{Folders, Found, text};
use super::{Runtime, lines, tables};
use std::path::PathBuf;

/// A tool and a version of it, as mise takes them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Tool {
    /// `jq`, `npm:prettier`, `aqua:owner/name`. Never begins with a hyphen.
    pub name: String,
    pub version: String,
    /// Empty where it was typed.
    pub file: PathBuf,
    pub line: u32,
}

/// Finds what a text names.
type Reader = fn(&str) -> Vec<Tool>;

/// The files that can name any tool, most preferred first.
const FILES: [(&str, Reader); 4] =
    [("omg.toml", of_omg), ("mise.toml", of_mise), (".mise.toml", of_mise), (".tool-versions", lines::other_tools)];

fn of_omg(text: &str) -> Vec<Tool> {
    tables::other_tools(text, "runtimes")
}

fn of_mise(text: &str) -> Vec<Tool> {
    tables::other_tools(text, "tools")
}

impl Tool {
    /// `None` for a runtime of ours, what is left to the distribution, and what is no name or no version.
    pub fn new(name: &str, version: &str, line: u32) -> Option<Tool> {
        let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@/:._+-".contains(&byte));
        let is_ours = Runtime::named(name).is_some() || version == "system";
        let version = Found::plain(version)?.to_owned();
        (is_name && !is_ours).then(|| Tool { name: name.to_owned(), version, file: PathBuf::new(), line })
    }

    /// Reads `NAME@VERSION`; a name may have an `@` of its own, as `npm:@scope/name` has. A path is no such name.
    pub fn typed(text: &str) -> Option<Tool> {
        let (name, version) = text.rsplit_once('@')?;
        if name.contains('/') && !name.contains(':') || name.ends_with([':', '/']) {
            return None;
        }
        Tool::new(name, version, 0)
    }

    /// As mise takes it.
    pub fn spelt(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// What each reader finds in a text.
pub(crate) fn of_text(text: &str) -> Vec<Tool> {
    FILES.iter().flat_map(|(_, parse)| parse(text)).collect()
}

/// The tools that the files of these folders ask for, one of each name: the nearest file's, in the end the person's own for everywhere.
pub fn in_force(person: &Person, folders: &Folders) -> Vec<Tool> {
    let mut all: Vec<Tool> = Vec::new();
    let mut add = |file: PathBuf, found: Vec<Tool>| {
        for tool in found {
            if all.iter().all(|nearer| nearer.name != tool.name) {
                all.push(Tool { file: file.clone(), ..tool });
            }
        }
    };
    for (folder, there) in folders {
        for (name, parse) in FILES.iter().filter(|(name, _)| there.contains(name)) {
            let file = folder.join(name);
            let found = parse(&text(&file));
            add(file, found);
        }
    }
    if let Some(global) = &person.global {
        add(global.clone(), of_omg(&text(global)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::pin::folders;
    use super::*;

    #[test]
    fn what_is_typed_is_a_tool_only_if_it_can_be_one() {
        let named = |text: &str| Tool::typed(text).map(|tool| (tool.name, tool.version));
        let is = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(named("jq@1.7"), is("jq", "1.7"));
        assert_eq!(named("npm:@scope/name@3"), is("npm:@scope/name", "3"));
        assert_eq!(named("aqua:jqlang/jq@latest"), is("aqua:jqlang/jq", "latest"));
        for none in [
            "jq",
            "jq@",
            "@1",
            "-x@1",
            "node@22",
            "golang@1",
            "jq@system",
            "npm:@scope/name",
            "./a@1",
            "a/b@1.deb",
            "a b@1",
        ] {
            assert_eq!(named(none), None, "{none}");
        }
    }

    #[test]
    fn the_nearest_file_says_which_version_of_a_tool() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = home.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write(".tool-versions", "terraform 1.7.0 1.6 # old\nnodejs 22\nhelm system\n--bad 1\nyq 4\n");
        write(
            "a/mise.toml",
            "[tools]\nnode = '22'\nterraform = { version = \"1.9\" }\n'npm:x' = ['3', '2']\nt = \"{{ exec() }}\"\n",
        );
        write("a/omg.toml", "[runtimes]\njq = 1.7\n");
        write("everywhere.toml", "[runtimes]\nyq = \"3\"\nshfmt = \"3\"\n");
        let person = Person {
            home: Some(home.path().to_owned()),
            global: Some(home.path().join("everywhere.toml")),
            ..Person::default()
        };
        let all = in_force(&person, &folders(&home.path().join("a"), person.home.as_deref()));
        let shown: Vec<_> = all.iter().map(|tool| (tool.spelt(), tool.line)).collect();
        let expected = [("jq@1.7", 2), ("terraform@1.9", 3), ("npm:x@3", 4), ("yq@4", 5), ("shfmt@3", 3)];
        assert_eq!(shown, expected.map(|(spelt, line)| (spelt.to_owned(), line)));
        assert_eq!(all[1].file, home.path().join("a/mise.toml"));
    }
}
