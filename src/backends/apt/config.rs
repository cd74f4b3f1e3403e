//! apt's configuration as apt reads it: the tree of options, the order of its files, and paths put together from `Dir`.
//!
//! Options given on apt's own command line do not exist here. `#x-apt-configure-index` is read over.

use crate::model::Problem;
use std::path::{Path, PathBuf};

/// Values nested as in `APT::Architecture "amd64";`. Names have no case; an empty name is an element of a list.
#[derive(Clone, Debug, Default)]
struct Item {
    name: String,
    value: String,
    children: Vec<Item>,
}

/// apt's configuration for one root.
#[derive(Clone, Debug)]
pub struct Config {
    root: PathBuf,
    top: Item,
    /// Every file and folder that was read or looked for.
    inputs: Vec<PathBuf>,
    /// Files that are not as apt wants them.
    problems: Vec<Problem>,
}

/// What apt has before any file is read, as far as omg asks for it.
const DEFAULTS: &[(&str, &str)] = &[
    ("Dir", "/"),
    ("Dir::Cache", "var/cache/apt"),
    ("Dir::Cache::archives", "archives/"),
    ("Dir::Cache::pkgcache", "pkgcache.bin"),
    ("Dir::State", "var/lib/apt"),
    ("Dir::State::lists", "lists/"),
    ("Dir::State::extended_states", "extended_states"),
    ("Dir::State::status", "/var/lib/dpkg/status"),
    ("Dir::Etc", "etc/apt"),
    ("Dir::Etc::sourcelist", "sources.list"),
    ("Dir::Etc::sourceparts", "sources.list.d"),
    ("Dir::Etc::main", "apt.conf"),
    ("Dir::Etc::parts", "apt.conf.d"),
    ("Dir::Etc::preferences", "preferences"),
    ("Dir::Etc::preferencesparts", "preferences.d"),
];

/// Options below options. The deepest real one is of five.
const MAX_DEPTH: usize = 50;

/// How deep `#include` may go; apt's own limit.
const MAX_INCLUDES: usize = 10;

impl Config {
    /// Reads the configuration of `root`. `file` is what the variable `APT_CONFIG` names: read first, as it stands.
    pub fn read(root: &Path, file: Option<&Path>) -> Config {
        let mut config = Config { root: root.into(), top: Item::default(), inputs: Vec::new(), problems: Vec::new() };
        for (name, value) in DEFAULTS {
            config.set(name, value);
        }
        if let Some(file) = file {
            config.read_file(file, 0);
        }
        if let Some(parts) = config.path("Dir::Etc::parts") {
            config.read_folder(&parts, 0);
        }
        if let Some(main) = config.path("Dir::Etc::main") {
            config.read_file(&main, 0);
        }
        config
    }

    /// The value of `name`; empty where it has none.
    pub fn find(&self, name: &str) -> &str {
        self.item(name).map_or("", |item| item.value.as_str())
    }

    /// Whether `name` says yes, in any of apt's words.
    pub fn is_set(&self, name: &str, default: bool) -> bool {
        boolean(self.find(name)).unwrap_or(default)
    }

    /// The elements of a list; an option with a value of its own and no elements is split at commas, as apt does.
    pub fn list(&self, name: &str) -> Vec<&str> {
        match self.item(name) {
            None => Vec::new(),
            Some(item) if item.children.is_empty() => item.value.split(',').filter(|part| !part.is_empty()).collect(),
            Some(item) => item.children.iter().map(|child| child.value.as_str()).filter(|v| !v.is_empty()).collect(),
        }
    }

    /// A path option put together from its parents and the root; `None` for `/dev/null` and empty ones.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let mut path = String::new();
        let mut item = &self.top;
        for part in name.split("::") {
            item = item.child(part)?;
            let value = item.value.as_str();
            if value.is_empty() {
                // The option itself has to have a value; a parent need not.
                path = if std::ptr::eq(item, self.item(name)?) { return None } else { path };
            } else if value.starts_with('/') || value.starts_with("./") || value.starts_with("../") {
                path = value.to_string();
            } else {
                if !path.is_empty() && !path.ends_with('/') {
                    path.push('/');
                }
                path.push_str(value);
            }
        }
        if path.is_empty() || path.starts_with("/dev/null") {
            return None;
        }
        // `RootDir` moves the whole of apt, as omg's own root does.
        let base = match self.find("RootDir") {
            "" => self.root.clone(),
            inner => self.root.join(inner.trim_start_matches('/')),
        };
        let relative = path.starts_with("./") || path.starts_with("../");
        Some(if relative { PathBuf::from(path) } else { base.join(path.trim_start_matches('/')) })
    }

    /// Files and folders the configuration was read from.
    pub fn inputs(&self) -> &[PathBuf] {
        &self.inputs
    }

    /// What was wrong with the files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn item(&self, name: &str) -> Option<&Item> {
        name.split("::").try_fold(&self.top, |item, part| item.child(part))
    }

    /// A name of more parts than any real one has sets nothing.
    fn set(&mut self, name: &str, value: &str) {
        if name.split("::").count() > MAX_DEPTH {
            return;
        }
        let mut item = &mut self.top;
        for part in name.split("::") {
            let at = match item
                .children
                .iter()
                .position(|child| !part.is_empty() && child.name.eq_ignore_ascii_case(part))
            {
                Some(at) => at,
                None => {
                    item.children.push(Item { name: part.to_string(), ..Item::default() });
                    item.children.len() - 1
                }
            };
            item = &mut item.children[at];
        }
        item.value = value.to_string();
    }

    fn clear(&mut self, name: &str) {
        let mut item = &mut self.top;
        for part in name.trim_end_matches("::").split("::") {
            let Some(at) = item.children.iter().position(|child| child.name.eq_ignore_ascii_case(part)) else { return };
            item = &mut item.children[at];
        }
        item.value.clear();
        item.children.clear();
    }

    fn read_folder(&mut self, folder: &Path, depth: usize) {
        self.inputs.push(folder.to_path_buf());
        for file in parts(folder, &["", "conf"]) {
            self.read_file(&file, depth);
        }
    }

    fn read_file(&mut self, file: &Path, depth: usize) {
        self.inputs.push(file.to_path_buf());
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.problem(file, format!("cannot be read: {error}")),
        };
        let text = super::control::text(&bytes);
        if let Err(message) = self.parse(&text, depth) {
            self.problem(file, message);
        }
    }

    fn problem(&mut self, file: &Path, message: String) {
        self.problems.push(Problem { path: file.to_path_buf(), message });
    }

    /// Reads one file's text. As in apt, what stands before an error counts.
    pub(crate) fn parse(&mut self, text: &str, depth: usize) -> Result<(), String> {
        let mut scopes: Vec<String> = Vec::new();
        let mut parent = String::new();
        let mut statement = String::new();
        let mut quoted = false;
        for (number, line) in without_comments(text) {
            let failed = |what: &str| format!("syntax error in line {number}: {what}");
            let mut from = 0;
            for (at, byte) in line.bytes().enumerate() {
                if byte == b'"' {
                    quoted = !quoted;
                }
                if quoted || !matches!(byte, b'{' | b';' | b'}') {
                    continue;
                }
                append(&mut statement, &line[from..at]);
                from = at + 1;
                if statement.is_empty() {
                    match byte {
                        b'{' => return Err(failed("block without a name")),
                        b'}' => parent = scopes.pop().unwrap_or_default(),
                        _ => {}
                    }
                    continue;
                }
                let (mut tag, mut word) = words(&statement).ok_or_else(|| failed("malformed statement"))?;
                if byte == b'{' && scopes.len() >= MAX_DEPTH {
                    return Err(failed("blocks nested too deep"));
                }
                if byte == b'{' {
                    scopes.push(parent.clone());
                    parent = join(&parent, &tag);
                    if let Some(value) = word {
                        self.set(&parent, &value);
                    }
                } else {
                    if word.is_none() {
                        word = Some(std::mem::take(&mut tag));
                    }
                    self.statement(&parent, &tag, &word.unwrap_or_default(), depth).map_err(|what| failed(&what))?;
                    if byte == b'}' {
                        parent = scopes.pop().unwrap_or_default();
                    }
                }
                statement.clear();
            }
            append(&mut statement, &line[from..]);
            // A quote does not reach over the end of its line.
            quoted = false;
        }
        if statement.is_empty() { Ok(()) } else { Err("syntax error: text after the last statement".into()) }
    }

    fn statement(&mut self, parent: &str, tag: &str, word: &str, depth: usize) -> Result<(), String> {
        match tag {
            "#clear" => self.clear(word),
            "#include" if depth >= MAX_INCLUDES => return Err("too many nested includes".into()),
            "#include" => {
                let path = if self.root == Path::new("/") {
                    PathBuf::from(word)
                } else {
                    self.root.join(word.trim_start_matches('/'))
                };
                if word.ends_with('/') { self.read_folder(&path, depth + 1) } else { self.read_file(&path, depth + 1) }
            }
            "#x-apt-configure-index" => {}
            _ if tag.starts_with('#') => return Err(format!("unknown directive {tag}")),
            _ if parent.is_empty() => self.set(tag, word),
            _ => self.set(&format!("{parent}::{tag}"), word),
        }
        Ok(())
    }
}

impl Item {
    fn child(&self, name: &str) -> Option<&Item> {
        self.children.iter().find(|child| child.name.eq_ignore_ascii_case(name))
    }
}

/// apt's words for yes and no.
pub fn boolean(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["1", "yes", "true", "with", "on", "enable"]) {
        Some(true)
    } else if is(&["0", "no", "false", "without", "off", "disable"]) {
        Some(false)
    } else {
        None
    }
}

/// Files of a folder that apt would read, in its order: by name, of these extensions (an empty one: no dot at all).
pub fn parts(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let wanted = |name: &str| {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        !name.starts_with('.')
            && !name.ends_with('.')
            && extensions.contains(&extension)
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte))
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(wanted))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

/// Lines with what apt takes for comments taken out: `//`, `#` (but for its directives) and `/* */` outside quotes.
fn without_comments(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut in_comment = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let mut line = line.replace('\t', "        ").trim().to_string();
        if in_comment {
            line = line.split_once("*/")?.1.to_string();
            in_comment = false;
        }
        let mut kept = String::new();
        let mut quoted = false;
        let mut at = 0;
        while let Some(character) = line[at..].chars().next() {
            let rest = &line[at..];
            if character == '"' {
                quoted = !quoted;
            } else if !quoted {
                let directive = ["#clear", "#include", "#x-apt-configure-index"].iter().any(|d| rest.starts_with(d));
                if rest.starts_with("//") || (character == '#' && !directive) {
                    break;
                }
                if let Some(comment) = rest.strip_prefix("/*") {
                    match comment.find("*/") {
                        Some(end) => at += 2 + end + 2,
                        None => {
                            in_comment = true;
                            break;
                        }
                    }
                    continue;
                }
            }
            kept.push(character);
            at += character.len_utf8();
        }
        (!kept.is_empty()).then_some((number + 1, kept))
    })
}

fn append(statement: &mut String, piece: &str) {
    let piece = piece.trim();
    if !statement.is_empty() && !piece.is_empty() {
        statement.push(' ');
    }
    statement.push_str(piece);
}

fn join(parent: &str, tag: &str) -> String {
    if parent.is_empty() { tag.to_string() } else { format!("{parent}::{tag}") }
}

/// A statement's name and value: words or quoted text.
fn words(statement: &str) -> Option<(String, Option<String>)> {
    let (tag, rest) = quote_word(statement)?;
    if rest.is_empty() {
        return Some((tag, None));
    }
    // Several quoted pieces in a row are one value.
    if rest.starts_with('"') {
        let (mut value, mut rest) = (String::new(), rest);
        while let Some(inside) = rest.strip_prefix('"') {
            let (piece, after) = inside.split_once('"')?;
            value.push_str(piece);
            rest = after.trim_start();
        }
        return rest.is_empty().then_some((tag, Some(value)));
    }
    let (value, rest) = quote_word(rest)?;
    rest.is_empty().then_some((tag, Some(value)))
}

/// The next word, which may have quoted or bracketed parts with blanks in them, `%41` decoded; and what follows it.
pub fn quote_word(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    if text.is_empty() {
        return None;
    }
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() && !bytes[end].is_ascii_whitespace() {
        let close = match bytes[end] {
            b'"' => Some(b'"'),
            b'[' => Some(b']'),
            _ => None,
        };
        if let Some(close) = close {
            end += 1 + bytes[end + 1..].iter().position(|&byte| byte == close)?;
        }
        end += 1;
    }
    let mut word = Vec::with_capacity(end);
    let mut at = 0;
    while at < end {
        let hex = |offset: usize| bytes[..end].get(at + offset).and_then(|&byte| (byte as char).to_digit(16));
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                word.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'"', ..) => {}
            (byte, ..) => word.push(byte),
        }
        at += 1;
    }
    Some((String::from_utf8_lossy(&word).into_owned(), text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("etc/apt/apt.conf.d")).unwrap();
        std::fs::write(folder.path().join("etc/apt/apt.conf.d/10test"), text).unwrap();
        Config::read(folder.path(), None)
    }

    #[test]
    fn scopes_lists_and_comments() {
        let read = config(
            "// comment\nAPT { Default-Release \"stable\"; /* more\n lines */ NeverAutoRemove { \"a.*\"; \"^b//c$\"; }; };\n\
             APT::NeverAutoRemove:: \"d;e\"; # end\napt::architecture amd64;\n#clear APT::Nothing;\nA::B \"x\" \"y\";",
        );
        assert!(read.problems().is_empty(), "{:?}", read.problems());
        assert_eq!(read.find("apt::default-release"), "stable");
        assert_eq!(read.list("APT::NeverAutoRemove"), ["a.*", "^b//c$", "d;e"]);
        assert_eq!(read.find("APT::Architecture"), "amd64");
        assert_eq!(read.find("A::B"), "xy");
    }

    #[test]
    fn clear_empties_a_list_and_a_later_file_adds_to_it() {
        let read = config("X { \"a\"; \"b\"; };\n#clear X;\nX:: \"c\";");
        assert_eq!(read.list("X"), ["c"]);
    }

    #[test]
    fn an_error_names_the_file_and_keeps_what_came_before() {
        let read = config("A \"1\";\n{ x; };\nB \"2\";");
        assert_eq!(read.find("A"), "1");
        assert_eq!(read.find("B"), "");
        assert!(read.problems()[0].path.ends_with("apt.conf.d/10test"));
    }

    #[test]
    fn paths_are_put_together_and_rebased() {
        let read = config("Dir::State \"/other\"; Dir::Etc::sourceparts \"/dev/null\";");
        let root = read.root.clone();
        assert_eq!(read.path("Dir::State::lists"), Some(root.join("other/lists/")));
        assert_eq!(read.path("Dir::State::status"), Some(root.join("var/lib/dpkg/status")));
        assert_eq!(read.path("Dir::Etc::sourceparts"), None);
    }

    #[test]
    fn files_that_apt_would_not_read_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.list", "a.list", "c.list.save", ".d.list", "e", "f~.list", "g.list.disabled"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = parts(folder.path(), &["list"]).iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["a.list", "b.list"]);
    }

    #[test]
    fn no_text_makes_the_reader_panic() {
        for text in [
            "\"",
            "a \"",
            "{",
            "}",
            "}}}",
            "a {",
            ";;;",
            "#clear",
            "#include;",
            "é {\u{a0}}",
            "a [",
            "%4",
            "/*",
            "a \"%zz\";",
        ] {
            config(text);
        }
    }
}
