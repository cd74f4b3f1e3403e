//! `[tasks]` of `omg.toml`, the only tasks that omg runs by itself.
//!
//! A file that is not understood whole is an error: a key with a slip in it is none that is passed over.

use super::Found;
use super::tables::{Document, Value, member, string, strings};
use std::path::{Path, PathBuf};

/// What omg does for a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    pub action: Action,
    /// Below the file's folder; empty for that.
    pub folder: String,
    pub variables: Vec<(String, String)>,
}

impl Own {
    /// Where it is run, of a file in `folder`.
    pub fn folder_in(&self, folder: &Path) -> PathBuf {
        if self.folder.is_empty() { folder.to_owned() } else { folder.join(&self.folder) }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Only what it depends on.
    #[default]
    Nothing,
    /// For `/bin/sh`.
    Shell(String),
    /// A program and its arguments.
    Program(Vec<String>),
}

pub(super) fn tasks(text: &str) -> Result<Vec<(Found, Own)>, String> {
    let document = Document::new(text)?;
    let Some(tasks) = document.at(&["tasks"]) else { return Ok(Vec::new()) };
    if tasks.get_ref().as_table().is_none() {
        return Err("`tasks` is no table".to_owned());
    }
    let all = document.members_of(tasks).into_iter();
    all.map(|(name, line, value)| {
        task(&document, name, line, value).map_err(|wrong| format!("line {line}: task {name}: {wrong}"))
    })
    .collect()
}

fn task(document: &Document, name: &str, line: u32, value: &Value) -> Result<(Found, Own), String> {
    if !super::is_name(name) {
        return Err("this is no name that can be typed".to_owned());
    }
    if value.get_ref().as_table().is_none() {
        let action = action(value)?;
        let found = Found::new(name, line, shown(&action));
        return Ok((found, Own { action, ..Own::default() }));
    }
    const KEYS: [&str; 5] = ["run", "depends", "description", "dir", "env"];
    if let Some((key, ..)) = document.members_of(value).iter().find(|(key, ..)| !KEYS.contains(key)) {
        return Err(format!("unknown key `{key}`, expected one of `{}`", KEYS.join("`, `")));
    }
    let text = |key: &str| match member(value, key) {
        None => Ok(String::new()),
        Some(value) => string(value).map(str::to_owned).ok_or_else(|| format!("`{key}` is no text")),
    };
    let dependencies = match member(value, "depends") {
        None => Vec::new(),
        Some(list) => strings(list).ok_or("`depends` is no list of texts")?,
    };
    let mut variables = Vec::new();
    for (name, _, value) in member(value, "env").map_or(Vec::new(), |table| document.members_of(table)) {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("`{}` is no name of a variable", name.escape_debug()));
        }
        let value = string(value).filter(|value| !value.contains('\0'));
        variables.push((name.to_owned(), value.ok_or_else(|| format!("`env.{name}` is no text"))?.to_owned()));
    }
    if member(value, "env").is_some_and(|table| table.get_ref().as_table().is_none()) {
        return Err("`env` is no table".to_owned());
    }
    let action = member(value, "run").map(action).transpose()?.unwrap_or_default();
    if action == Action::Nothing && dependencies.is_empty() {
        return Err("it has neither `run` nor `depends`".to_owned());
    }
    let found = Found { description: text("description")?, dependencies, ..Found::new(name, line, shown(&action)) };
    Ok((found, Own { action, folder: text("dir")?, variables }))
}

fn action(value: &Value) -> Result<Action, String> {
    let no_command = || "it is neither a command nor a list of a program and its arguments".to_owned();
    let action = match (string(value), strings(value)) {
        (Some(text), _) if !text.trim().is_empty() => Action::Shell(text.to_owned()),
        (_, Some(words)) if words.first().is_some_and(|program| !program.is_empty()) => Action::Program(words),
        _ => return Err(no_command()),
    };
    let has_nul = match &action {
        Action::Shell(text) => text.contains('\0'),
        Action::Program(words) => words.iter().any(|word| word.contains('\0')),
        Action::Nothing => false,
    };
    if has_nul { Err(no_command()) } else { Ok(action) }
}

fn shown(action: &Action) -> String {
    match action {
        Action::Nothing => String::new(),
        Action::Shell(text) => text.trim().to_owned(),
        Action::Program(words) => words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_text_a_list_or_a_table() {
        let text = "[tasks]\na = \"echo a\"\nb = [\"echo\", \"b c\"]\n[tasks.c]\nrun = \"x\"\ndepends = [\"a\", \"make:b\"]\n\
                    description = \"All\"\ndir = \"web\"\nenv = { A = \"1\" }\n[tasks.d]\ndepends = [\"c\"]\n";
        let found = tasks(text).unwrap();
        assert_eq!(
            found[0],
            (Found::new("a", 2, "echo a"), Own { action: Action::Shell("echo a".into()), ..Own::default() })
        );
        assert_eq!(found[1].1.action, Action::Program(vec!["echo".into(), "b c".into()]));
        assert_eq!(found[2].0.dependencies, ["a", "make:b"]);
        assert_eq!((&*found[2].0.description, &*found[2].1.folder), ("All", "web"));
        assert_eq!(found[2].1.variables, [("A".to_owned(), "1".to_owned())]);
        assert_eq!(found[3].1, Own::default());
        assert_eq!(tasks("[runtimes]\nnode = \"22\"\n").unwrap(), []);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, expected) in [
            ("[tasks]\na = 1\n", "line 2: task a: it is neither a command nor a list of a program and its arguments"),
            ("[tasks]\na = \" \"\n", "line 2: task a: it is neither"),
            ("[tasks]\na = []\n", "line 2: task a: it is neither"),
            ("[tasks.a]\nrum = \"x\"\n", "line 1: task a: unknown key `rum`, expected one of `run`"),
            ("[tasks.a]\nrun = \"x\"\ndepends = \"b\"\n", "line 1: task a: `depends` is no list of texts"),
            ("[tasks.a]\nrun = \"x\"\nenv = { \"A=\" = \"\" }\n", "line 1: task a: `A=` is no name of a variable"),
            ("[tasks.a]\n", "line 1: task a: it has neither `run` nor `depends`"),
            ("[tasks]\n\"-x\" = \"y\"\n", "line 2: task -x: this is no name"),
            ("tasks = 1\n", "`tasks` is no table"),
            ("[tasks]\na = \n", "line 2: "),
        ] {
            let wrong = tasks(text).unwrap_err();
            assert!(wrong.starts_with(expected), "{text}: {wrong}");
        }
    }
}
