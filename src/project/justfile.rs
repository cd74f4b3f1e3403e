//! The recipes of a justfile, of those it imports and of its modules.
//!
//! Read as far as a listing goes: names, dependencies, comments and attributes; expressions are stepped over.

use super::{Found, Open, is_name};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Modules in modules, imports in imports.
const MAX_DEPTH: usize = 16;
const MAX_RECIPES: usize = 20_000;

pub(super) fn tasks(text: &str, open: &mut Open) -> Vec<Found> {
    let mut all = Items::default();
    read(text, &Place::default(), open, &mut all, 0);
    all.items.into_iter().filter(|item| item.is_shown).map(|item| item.found).collect()
}

#[derive(Clone, Default)]
struct Place {
    /// `docs::`.
    module: String,
    file: Option<PathBuf>,
}

impl Place {
    fn folder(&self) -> PathBuf {
        self.file.as_deref().and_then(Path::parent).map(Path::to_owned).unwrap_or_default()
    }
}

struct Item {
    found: Found,
    is_shown: bool,
    /// How many imports away it stands: the nearest counts.
    depth: usize,
}

#[derive(Default)]
struct Items {
    items: Vec<Item>,
    /// Where those that are shown stand.
    places: HashMap<String, usize>,
}

fn read(text: &str, place: &Place, open: &mut Open, all: &mut Items, depth: usize) {
    let mut rest = text;
    let mut line = 1;
    let mut about = About::default();
    let mut in_recipe = None;
    let mut strings = Strings::default();
    while !rest.is_empty() {
        let first = rest.split('\n').next().unwrap_or_default();
        let is_body = first.starts_with([' ', '\t']);
        let is_line = is_body || first.trim().is_empty() || first.starts_with('#');
        let length = if is_line { first.len() } else { item_length(rest, &mut strings) };
        let (item, begun) = (&rest[..length], line);
        line += item.matches('\n').count() as u32 + 1;
        rest = rest.get(length + 1..).unwrap_or_default();
        if is_body || item.trim().is_empty() {
            if let Some(place) = in_recipe
                && let Item { found, .. } = &mut all.items[place]
                && found.command.is_empty()
                && !item.trim().starts_with("#!")
            {
                found.command = item.trim().trim_start_matches(['@', '-']).to_owned();
            }
            if !is_body {
                about.comment = String::new();
            }
            continue;
        }
        in_recipe = None;
        if let Some(comment) = item.strip_prefix('#') {
            about.comment = comment.trim().to_owned();
            continue;
        }
        let words = tokens(item);
        if matches!(words.first(), Some(Token::Mark('['))) {
            about.attributes(&words);
            continue;
        }
        let about = std::mem::take(&mut about);
        match statement(&words) {
            Statement::Import(path) if depth < MAX_DEPTH => {
                let path = place.folder().join(path);
                if let Some(text) = open(&path) {
                    read(&text, &Place { file: Some(path), ..place.clone() }, open, all, depth + 1);
                }
            }
            Statement::Module { name, path } if depth < MAX_DEPTH && is_name(name) => {
                module(name, path, place, open, all, depth);
            }
            Statement::Alias { name, target } => {
                let found = Found {
                    description: format!("alias for {target}"),
                    dependencies: vec![target.clone()],
                    ..Found::new(format!("{}{name}", place.module), begun, "")
                };
                push(all, place, found, !about.is_private && !name.starts_with('_'), depth);
            }
            Statement::Recipe { name, dependencies } => {
                let found = Found {
                    dependencies,
                    description: about.description(),
                    ..Found::new(format!("{}{name}", place.module), begun, "")
                };
                in_recipe =
                    push(all, place, found, about.is_for_here() && !about.is_private && !name.starts_with('_'), depth);
            }
            _ => {}
        }
    }
}

fn push(all: &mut Items, place: &Place, found: Found, is_shown: bool, depth: usize) -> Option<usize> {
    let item = Item { found: Found { file: place.file.clone(), ..found }, is_shown, depth };
    match all.places.get(&item.found.name) {
        // A recipe for another system has the name of the one for this.
        Some(_) if !is_shown => None,
        Some(known) if all.items[*known].depth <= depth => None,
        Some(known) => {
            all.items[*known] = item;
            Some(*known)
        }
        None if all.items.len() >= MAX_RECIPES => None,
        None => {
            if is_shown {
                all.places.insert(item.found.name.clone(), all.items.len());
            }
            all.items.push(item);
            Some(all.items.len() - 1)
        }
    }
}

fn module(name: &str, path: Option<&str>, place: &Place, open: &mut Open, all: &mut Items, depth: usize) {
    let folder = place.folder();
    let inside = |folder: &Path| ["mod.just", "justfile", "Justfile", ".justfile"].map(|name| folder.join(name));
    let mut candidates = Vec::new();
    match path {
        Some(path) => {
            candidates.push(folder.join(path));
            candidates.extend(inside(&folder.join(path)));
        }
        None => {
            candidates.push(folder.join(format!("{name}.just")));
            candidates.extend(inside(&folder.join(name)));
        }
    }
    let Some((file, text)) = candidates.into_iter().find_map(|path| open(&path).map(|text| (path, text))) else {
        return;
    };
    let place = Place { module: format!("{}{name}::", place.module), file: Some(file) };
    read(&text, &place, open, all, depth + 1);
}

/// What stands above a recipe.
#[derive(Default)]
struct About {
    comment: String,
    doc: Option<String>,
    is_private: bool,
    systems: Vec<String>,
}

impl About {
    /// `[private, doc('text')]`.
    fn attributes(&mut self, words: &[Token]) {
        for (at, word) in words.iter().enumerate() {
            match word {
                Token::Name("private") => self.is_private = true,
                Token::Name("doc") => {
                    let argument = words[at + 1..].iter().find(|word| !matches!(word, Token::Mark('(' | ':')));
                    self.doc = Some(if let Some(Token::Text(text)) = argument { text.clone() } else { String::new() });
                }
                Token::Name(
                    system @ ("linux" | "unix" | "macos" | "windows" | "openbsd" | "freebsd" | "netbsd" | "dragonfly"
                    | "android"),
                ) => self.systems.push((*system).to_owned()),
                _ => {}
            }
        }
    }

    fn is_for_here(&self) -> bool {
        self.systems.is_empty() || self.systems.iter().any(|system| matches!(&**system, "linux" | "unix"))
    }

    fn description(&self) -> String {
        self.doc.clone().unwrap_or_else(|| self.comment.clone())
    }
}

#[derive(Debug, PartialEq)]
enum Token<'t> {
    Name(&'t str),
    /// A string between quotes, as it was written.
    Text(String),
    /// `:=`.
    Assign,
    Mark(char),
}

enum Statement<'t> {
    Recipe { name: &'t str, dependencies: Vec<String> },
    Alias { name: &'t str, target: String },
    Import(&'t str),
    Module { name: &'t str, path: Option<&'t str> },
    Other,
}

/// A word like `import` is one only where what follows makes it one: a recipe may have the name.
fn statement<'t>(words: &'t [Token<'t>]) -> Statement<'t> {
    use Token::{Assign, Mark, Name, Text};
    match words {
        [Name("alias"), Name(name), Assign, target @ ..] => Statement::Alias { name, target: path(target).0 },
        [Name("import"), Text(path), ..] | [Name("import"), Mark('?'), Text(path), ..] => Statement::Import(path),
        [Name("mod"), Name(name), rest @ ..] | [Name("mod"), Mark('?'), Name(name), rest @ ..]
            if matches!(rest, [] | [Text(_), ..]) =>
        {
            let path = rest.first().and_then(|word| if let Text(path) = word { Some(&**path) } else { None });
            Statement::Module { name, path }
        }
        [Name("set" | "unexport"), Name(_)] | [Name("set" | "unexport"), Name(_), Assign, ..] => Statement::Other,
        [Name(_), Assign, ..] | [Name(_), Name(_), Assign, ..] => Statement::Other,
        [Mark('@'), Name(name), rest @ ..] | [Name(name), rest @ ..] => match colon(rest) {
            Some(at) => Statement::Recipe { name, dependencies: dependencies(&rest[at + 1..]) },
            None => Statement::Other,
        },
        _ => Statement::Other,
    }
}

/// Behind the parameters, whose defaults may hold anything in brackets.
fn colon(words: &[Token]) -> Option<usize> {
    let mut depth = 0usize;
    words.iter().position(|word| {
        match word {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *word == Token::Mark(':')
    })
}

/// `docs::build`, and how many words it took.
fn path(words: &[Token]) -> (String, usize) {
    let mut all = String::new();
    let mut at = 0;
    while let Some(Token::Name(name)) = words.get(at) {
        all.push_str(name);
        at += 1;
        match words.get(at..at + 2) {
            Some([Token::Mark(':'), Token::Mark(':')]) => {
                all.push_str("::");
                at += 2;
            }
            _ => break,
        }
    }
    (all, at)
}

/// `a (b 'x') && c`.
fn dependencies(words: &[Token]) -> Vec<String> {
    let mut all = Vec::new();
    let mut at = 0;
    let mut depth = 0usize;
    while at < words.len() {
        match &words[at] {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            Token::Name(_) if depth == 0 || (depth == 1 && words[at - 1] == Token::Mark('(')) => {
                let (name, length) = path(&words[at..]);
                all.push(name);
                at += length;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    all
}

/// How long the item at the beginning is: to the end of its line, unless a string or a bracket goes on beyond it.
fn item_length(text: &str, strings: &mut Strings) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '\n' if depth == 0 => return at,
            '\\' if text[at + 1..].starts_with('\n') => at += 1,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '#' => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            '\'' | '"' | '`' => {
                at += strings.length(&text[at..], next);
                continue;
            }
            _ => {}
        }
        at += next.len_utf8();
    }
    text.len()
}

/// The strings of a text, from its beginning on.
#[derive(Default)]
struct Strings {
    /// Quotes that do not come any more: to look for them again at each that opens a string would go through the rest as often.
    gone: Vec<String>,
}

impl Strings {
    /// How long the string is that a text begins with, with its quotes; up to the end of the line where it does not end.
    fn length(&mut self, text: &str, quote: char) -> usize {
        let one = quote.to_string();
        let three = one.repeat(3);
        let end = if text.starts_with(&three) { three } else { one };
        if !self.gone.contains(&end) {
            let mut at = end.len();
            while let Some(found) = text[at..].find([quote, '\\']) {
                at += found;
                if text[at..].starts_with('\\') {
                    // Only double quotes know escapes.
                    let skipped =
                        if quote == '"' { text[at + 1..].chars().next().map_or(0, char::len_utf8) } else { 0 };
                    at += 1 + skipped;
                } else if text[at..].starts_with(&end) {
                    return at + end.len();
                } else {
                    at += 1;
                }
            }
            self.gone.push(end);
        }
        text.find('\n').unwrap_or(text.len())
    }
}

fn tokens(item: &str) -> Vec<Token<'_>> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut all = Vec::new();
    let mut strings = Strings::default();
    let mut rest = item;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '#' => break,
            '\'' | '"' | '`' => {
                let length = strings.length(rest, next);
                all.push(Token::Text(rest[..length].trim_matches(next).to_owned()));
                length
            }
            ':' if rest.starts_with(":=") => {
                all.push(Token::Assign);
                2
            }
            c if is_name(c) => {
                let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                all.push(Token::Name(&rest[..length]));
                length
            }
            c => {
                if !c.is_whitespace() {
                    all.push(Token::Mark(c));
                }
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        tasks(text, &mut |_| None).into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn recipes_with_what_is_known_of_them() {
        let text = "set shell := ['bash', '-c']\nversion := `git describe`\n\n# Build it\nbuild target='x' *flags: _prepare (gen \"a b\" target)\n  @cc\n\n\
                    _prepare:\n  true\n\n[private]\nhidden:\n  true\n\n[doc('Say it'), group: 'x']\nsay $word +more: && build\n  #!/bin/sh\n  echo\n\nalias b := build\n";
        let found = tasks(text, &mut |_| None);
        let known: Vec<_> = found.iter().map(|f| (&*f.name, f.line, &*f.command, &*f.description)).collect();
        assert_eq!(
            known,
            [("build", 5, "cc", "Build it"), ("say", 16, "echo", "Say it"), ("b", 20, "", "alias for build")]
        );
        assert_eq!(found[0].dependencies, ["_prepare", "gen"]);
        assert_eq!(found[1].dependencies, ["build"]);
    }

    #[test]
    fn what_looks_like_a_recipe_and_is_none() {
        assert_eq!(
            names("a := '''\nb:\nc:\n'''\nd := \"x\\\"\ne:\n\"\nf := (\n'g' +\n'h:'\n)\nexport i := 'j'\nk:\n"),
            ["k"]
        );
        assert_eq!(
            names("import:\n\nmod:\n\nset x:\n\nalias:\n\nexport:\n"),
            ["import", "mod", "set", "alias", "export"]
        );
        assert_eq!(names("[windows]\na:\n  x\n[linux]\na:\n  y\n[macos]\nb:\n"), ["a"]);
    }

    #[test]
    fn imports_and_modules() {
        let mut open = |path: &Path| match path.to_str().unwrap() {
            "sub/x.just" => Some("a:\nb:\nimport '../y.just'\n".to_owned()),
            "sub/../y.just" => Some("c:\n".to_owned()),
            "docs.just" => Some("build: check\ncheck:\nmod deep\n".to_owned()),
            "deep/mod.just" => Some("x:\n".to_owned()),
            _ => None,
        };
        let found = tasks("import 'sub/x.just'\nimport? 'none'\nmod docs\nmod? gone\na:\n", &mut open);
        let names: Vec<_> = found.iter().map(|found| &*found.name).collect();
        assert_eq!(names, ["a", "b", "c", "docs::build", "docs::check", "docs::deep::x"]);
        assert_eq!((found[0].file.as_deref(), found[0].line), (None, 5));
        assert_eq!(found[3].dependencies, ["check"]);
    }

    #[test]
    fn strings_without_an_end_are_looked_through_once() {
        let escaped = "\\\"\n".repeat(400_000);
        assert_eq!(names(&format!("{escaped}a:\n")), ["a"]);
        assert_eq!(names(&format!("a:\n({escaped}")), ["a"]);
        assert_eq!(names(&format!("a:\n[{}", "(:".repeat(500_000))), ["a"]);
    }

    #[test]
    fn a_file_that_imports_itself_ends() {
        let mut asked = 0;
        let mut open = |_: &Path| {
            asked += 1;
            (asked < 1000).then(|| "import 'a'\nimport 'a'\nx:\n".to_owned())
        };
        assert_eq!(tasks("import 'a'\n", &mut open).len(), 1);
    }
}
