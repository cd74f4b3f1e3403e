//! The tasks of a Taskfile (go-task), and of those it includes from the same machine.
//!
//! What a template (`{{.OS}}`) or another machine has to be asked for is not seen.

use super::{Found, Open, beginning, is_name};
use crate::sys::yaml::{self, Node};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// In the order task itself looks for them.
pub(super) const NAMES: [&str; 8] = [
    "Taskfile.yml",
    "taskfile.yml",
    "Taskfile.yaml",
    "taskfile.yaml",
    "Taskfile.dist.yml",
    "taskfile.dist.yml",
    "Taskfile.dist.yaml",
    "taskfile.dist.yaml",
];

/// Taskfiles that include each other.
const MAX_DEPTH: usize = 16;
const MAX_TASKS: usize = 5_000;
/// Of one list. A list may be named again and again, and each including file multiplies the names of what it includes.
const MAX_NAMES: usize = 100;
const LIMITS: yaml::Limits = yaml::Limits { max_entries: 5_000, may_repeat: true };
const ALIAS: &str = "alias for ";

pub(super) fn tasks(text: &str, open: &mut Open) -> Result<Vec<Found>, String> {
    let root = yaml::read(text, LIMITS)?;
    if !root.is_null() && root.entries().is_empty() {
        return Err("is no Taskfile: its outermost value is no map".to_owned());
    }
    let mut all = Vec::new();
    collect(&root, &Place::default(), open, &mut all, 0);
    // A task's own name counts before what another is also called.
    let is_alias = |found: &Found| found.description.starts_with(ALIAS);
    let mut seen: HashSet<String> =
        all.iter().filter(|found| !is_alias(found)).map(|found| found.name.clone()).collect();
    all.retain(|found| !is_alias(found) || seen.insert(found.name.clone()));
    Ok(all)
}

#[derive(Clone, Default)]
struct Place {
    /// `docs:`, with what it is also called.
    names: Vec<String>,
    file: Option<PathBuf>,
}

impl Place {
    /// The ways to call a task of this place, the first of them its own.
    fn called(&self, name: &str) -> Vec<String> {
        if self.names.is_empty() {
            vec![name.to_owned()]
        } else {
            self.names.iter().map(|before| format!("{before}:{name}")).collect()
        }
    }

    /// The same for several names, one after the other.
    fn called_all<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<String> {
        names.filter(|name| is_name(name)).flat_map(|name| self.called(name)).take(MAX_NAMES).collect()
    }
}

fn collect(root: &Node, place: &Place, open: &mut Open, all: &mut Vec<Found>, depth: usize) {
    for entry in root.member("tasks").map_or(Vec::new(), Node::entries) {
        let task = &*entry.value;
        if all.len() >= MAX_TASKS || !is_name(&entry.key) || task.member("internal").is_some_and(Node::is_true) {
            continue;
        }
        let text = |key: &str| task.member(key).and_then(Node::text).unwrap_or_default().trim();
        let first_line = |text: &str| beginning(text.lines().next().unwrap_or_default().trim()).to_owned();
        let own = place.called(&entry.key).remove(0);
        let mut also = place.called(&entry.key);
        also.extend(place.called_all(texts(task.member("aliases"))));
        // `docs` is `docs:default`.
        if entry.key == "default" {
            also.extend(place.names.iter().cloned());
        }
        let dependencies = task.member("deps").map_or(&[][..], Node::items).iter().filter_map(|need| called(need));
        let dependencies = dependencies.filter(|need| is_name(need)).take(MAX_NAMES);
        let found = Found {
            description: first_line(if text("desc").is_empty() { text("summary") } else { text("desc") }),
            dependencies: dependencies.map(str::to_owned).collect(),
            file: place.file.clone(),
            ..Found::new(own.clone(), entry.line, first_line(command(task)))
        };
        all.extend(also.into_iter().skip(1).map(|name| Found {
            name,
            description: format!("{ALIAS}{own}"),
            command: String::new(),
            dependencies: vec![own.clone()],
            ..found.clone()
        }));
        all.push(found);
    }
    if depth < MAX_DEPTH {
        for entry in root.member("includes").map_or(Vec::new(), Node::entries) {
            include(&entry.key, &entry.value, place, open, all, depth);
        }
    }
}

/// The first command of a task, which is a text, a list, or a map that holds either.
fn command(task: &Node) -> &str {
    let commands = task.member("cmds").or_else(|| task.member("cmd")).unwrap_or(task);
    let first = commands.items().first().map_or(commands, |first| &**first);
    first.text().or_else(|| first.member("cmd").and_then(Node::text)).unwrap_or_default().trim()
}

/// The texts of a list.
fn texts(list: Option<&Node>) -> impl Iterator<Item = &str> {
    list.map_or(&[][..], Node::items).iter().filter_map(|item| item.text())
}

/// A task that is named as a text or with what it is given.
fn called(node: &Node) -> Option<&str> {
    node.text().or_else(|| node.member("task").and_then(Node::text))
}

fn include(name: &str, value: &Node, place: &Place, open: &mut Open, all: &mut Vec<Found>, depth: usize) {
    let Some(path) = value.text().or_else(|| value.member("taskfile").and_then(Node::text)) else { return };
    if path.contains("{{") || path.contains("://") || value.member("internal").is_some_and(Node::is_true) {
        return;
    }
    let path = place.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).join(path);
    let inside = NAMES.iter().map(|name| path.join(name));
    let mut candidates = std::iter::once(path.clone()).chain(inside);
    let Some((file, root)) =
        candidates.find_map(|path| Some((yaml::read(&open(&path)?, LIMITS).ok()?, path))).map(|(a, b)| (b, a))
    else {
        return;
    };
    let names = if value.member("flatten").is_some_and(Node::is_true) {
        place.names.clone()
    } else {
        place.called_all(std::iter::once(name).chain(texts(value.member("aliases"))))
    };
    let place = Place { names, file: Some(file) };
    let excluded = place.called_all(texts(value.member("excludes")));
    let before = all.len();
    collect(&root, &place, open, all, depth + 1);
    let included = all.split_off(before);
    all.extend(included.into_iter().filter(|found| !excluded.iter().any(|pattern| fits(pattern, &found.name))));
}

/// Whether a name is of a pattern whose stars stand for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return name.ends_with(piece);
        }
        let Some((_, behind)) = name.split_once(piece) else { return false };
        name = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_text_lists_or_maps() {
        let text = "version: '3'\ntasks:\n  a: echo a\n  b: [echo b, echo c]\n  c:\n    desc: Do it\n    aliases: [d]\n    deps: [a, {task: b}]\n    cmds:\n      - cmd: |\n          one\n          two\n      - task: a\n  e:\n    internal: true\n    cmd: x\n  f:\n    cmds:\n      - task: a\n";
        let found = tasks(text, &mut |_| None).unwrap();
        let known: Vec<_> = found.iter().map(|f| (&*f.name, f.line, &*f.command, &*f.description)).collect();
        assert_eq!(
            known,
            [
                ("a", 3, "echo a", ""),
                ("b", 4, "echo b", ""),
                ("d", 5, "", "alias for c"),
                ("c", 5, "one", "Do it"),
                ("f", 17, "", "")
            ]
        );
        assert_eq!(found[3].dependencies, ["a", "b"]);
    }

    #[test]
    fn included_tasks_are_called_by_their_namespace() {
        let mut open = |path: &Path| {
            match path.to_str().unwrap() {
            "docs/Taskfile.yml" => {
                Some("version: '3'\nincludes:\n  deep: ../x.yml\ntasks:\n  default: echo\n  build: {deps: [':a', default]}\n".to_owned())
            }
            "docs/../x.yml" => Some("tasks:\n  y: echo\n".to_owned()),
            _ => None,
        }
        };
        let text = "includes:\n  docs: {taskfile: ./docs, aliases: [d]}\n  gone: gone.yml\n  other: 'x{{.OS}}.yml'\n  none: {taskfile: docs, internal: true}\n";
        let text = text.replace("./docs", "docs");
        let found = tasks(&text, &mut open).unwrap();
        let names: Vec<_> = found.iter().map(|found| &*found.name).collect();
        assert_eq!(
            names,
            ["d:default", "docs", "d", "docs:default", "d:build", "docs:build", "d:deep:y", "docs:deep:y"]
        );
        assert_eq!(found[5].dependencies, [":a", "default"]);
        assert_eq!(found[7].file.as_deref(), Some(Path::new("docs/../x.yml")));
    }

    #[test]
    fn what_is_left_out_of_an_included_file_may_be_a_pattern() {
        assert!(fits("a", "a") && fits("a:*", "a:b") && fits("*", "") && fits("a*c*e", "abcde") && fits("*b", "ab"));
        assert!(
            !fits("a", "ab")
                && !fits("a:*", "a")
                && !fits("a*c*e", "abde")
                && !fits("a*c*e", "ace-")
                && !fits("*b", "ba")
        );
    }

    #[test]
    fn a_tasks_own_name_counts_before_what_another_is_also_called() {
        let text = "tasks:\n  a: {aliases: [b, c], cmd: x}\n  b: y\n  d: {aliases: [c], cmd: z}\n";
        let found = tasks(text, &mut |_| None).unwrap();
        let known: Vec<_> = found.iter().map(|found| (&*found.name, found.line)).collect();
        assert_eq!(known, [("c", 2), ("a", 2), ("b", 3), ("d", 4)]);
    }

    #[test]
    fn a_file_that_includes_itself_under_many_names_ends() {
        let names: String = (0..200).map(|n| format!("n{n}, ")).collect();
        let text = format!(
            "includes:\n  x: {{taskfile: self.yml, aliases: [{names}]}}\ntasks:\n  a: {{aliases: [{names}]}}\n"
        );
        let mut left = 100;
        let found = tasks(&text, &mut |_| {
            left -= 1;
            (left > 0).then(|| text.clone())
        });
        let found = found.unwrap();
        assert!(found.iter().any(|found| found.name == "x:x:a"));
        assert!(found.len() < 5_000, "{}", found.len());
    }

    #[test]
    fn what_many_tasks_share_is_kept_short() {
        let long = "x".repeat(1 << 20);
        let tasks_of = (0..4000).map(|n| format!("  t{n}: {{desc: *d, deps: *l, cmd: *d}}\n")).collect::<String>();
        let text = format!("x: &d {long}\nl: &l [{}]\ntasks:\n{tasks_of}", "a, ".repeat(300_000));
        let found = tasks(&text, &mut |_| None).unwrap();
        assert_eq!((found.len(), found[0].description.len(), found[0].dependencies.len()), (4000, 1000, 100));
    }

    #[test]
    fn what_is_no_map_is_no_taskfile() {
        assert!(tasks("- a\n", &mut |_| None).unwrap_err().starts_with("is no Taskfile"));
        assert_eq!(tasks("", &mut |_| None).unwrap(), []);
    }
}
