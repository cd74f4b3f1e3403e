//! What `sources.list` and `sources.list.d` name: repositories in apt's order, each with the lists it would have.
//!
//! Options about download are read over: what lies on the disk was already accepted by apt.

use super::config::{Config, boolean, parts, quote_word};
use super::control::{Stanzas, text, value};
use crate::model::Problem;
use std::path::Path;

/// One release of one archive, with every component asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// With a slash at its end.
    pub uri: String,
    /// As written: `bookworm`, `stable`, or ending in `/` for an archive without components.
    pub suite: String,
    pub sections: Vec<Section>,
    /// The keys that may sign it, as the field `Signed-By` has them; empty for all that the machine trusts.
    pub signed_by: String,
    /// What the entry says of trust whatever the signatures are.
    pub trusted: Option<bool>,
}

/// One component of an archive; empty for an archive without components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub component: String,
    /// `all` is among them, as the lists of some archives have it.
    pub architectures: Vec<String>,
    pub languages: Vec<String>,
}

/// An entry's options that matter for reading.
#[derive(Clone, Debug, Default)]
struct Options {
    list: Vec<(String, String)>,
}

/// Every archive the configuration names.
pub fn read(config: &Config, defaults: &Defaults, problems: &mut Vec<Problem>) -> Vec<Archive> {
    let mut archives = Vec::new();
    let main = config.path("Dir::Etc::sourcelist").filter(|path| path.is_file());
    let folder = config.path("Dir::Etc::sourceparts");
    let more = folder.iter().flat_map(|folder| parts(folder, &["list", "sources"]));
    for file in main.into_iter().chain(more) {
        if let Err(message) = read_file(&file, defaults, &mut archives) {
            problems.push(Problem { path: file, message });
        }
    }
    archives
}

/// What an entry has where it says nothing.
#[derive(Clone, Debug)]
pub struct Defaults {
    pub native: String,
    pub architectures: Vec<String>,
    pub languages: Vec<String>,
}

/// As apt, reads a file up to its first error.
fn read_file(file: &Path, defaults: &Defaults, archives: &mut Vec<Archive>) -> Result<(), String> {
    let bytes = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    let is_deb822 = file.extension().is_some_and(|extension| extension == "sources");
    parse(&text(&bytes), is_deb822, defaults, archives)
}

pub(crate) fn parse(
    content: &str,
    is_deb822: bool,
    defaults: &Defaults,
    archives: &mut Vec<Archive>,
) -> Result<(), String> {
    if is_deb822 {
        let (mut stanzas, mut stanza) = (Stanzas::with_comments(content), Vec::new());
        let mut number = 0;
        while stanzas.read_into(&mut stanza) {
            number += 1;
            read_stanza(&stanza, defaults, archives).map_err(|what| format!("malformed entry {number}: {what}"))?;
        }
    } else {
        for (number, line) in content.lines().enumerate() {
            let line = without_comment(line).trim();
            if !line.is_empty() {
                read_line(line, defaults, archives).map_err(|what| format!("malformed line {}: {what}", number + 1))?;
            }
        }
    }
    Ok(())
}

/// A `#` inside brackets is part of an option.
fn without_comment(line: &str) -> &str {
    let mut depth = 0i32;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            b'#' if depth <= 0 => return &line[..at],
            _ => {}
        }
    }
    line
}

fn read_line(line: &str, defaults: &Defaults, archives: &mut Vec<Archive>) -> Result<(), String> {
    let (kind, rest) = line.split_once([' ', '\t']).ok_or("type")?;
    if kind == "deb-src" {
        return Ok(());
    }
    if kind != "deb" {
        return Err(format!("unknown type {kind}"));
    }
    let mut rest = rest.trim_start();
    let mut options = Options::default();
    if let Some(inside) = rest.strip_prefix('[') {
        let (inside, after) = inside.split_once(']').ok_or("option without end")?;
        rest = after;
        for option in inside.split_ascii_whitespace() {
            let (key, value) =
                option.split_once('=').filter(|(k, v)| !k.is_empty() && !v.is_empty()).ok_or("option")?;
            options.list.push((key.to_string(), value.to_string()));
        }
    }
    let (uri, rest) = quote_word(rest).ok_or("uri")?;
    let (suite, mut rest) = quote_word(rest).ok_or("suite")?;
    if suite.ends_with('/') {
        if !rest.is_empty() {
            return Err("component for an absolute suite".into());
        }
        return add(archives, &uri, &suite, "", &options, defaults);
    }
    if rest.is_empty() {
        return Err("no component".into());
    }
    while let Some((component, after)) = quote_word(rest) {
        rest = after;
        add(archives, &uri, &suite, &component, &options, defaults)?;
    }
    Ok(())
}

fn read_stanza(
    stanza: &super::control::Stanza<'_>,
    defaults: &Defaults,
    archives: &mut Vec<Archive>,
) -> Result<(), String> {
    // A comment may stand between the lines of a field.
    let words = |name: &str| {
        let lines = value(stanza, name).lines().filter(|line| !line.starts_with('#'));
        lines.flat_map(str::split_ascii_whitespace).map(str::to_string).collect::<Vec<_>>()
    };
    if value(stanza, "Types").is_empty() {
        return Err("type".into());
    }
    if boolean(value(stanza, "Enabled")) == Some(false) {
        return Ok(());
    }
    let mut options = Options::default();
    for (field, key) in [("Architectures", "arch"), ("Languages", "lang"), ("Targets", "target")] {
        for (end, sign) in [("", ""), ("-Add", "+"), ("-Remove", "-")] {
            let listed = words(&format!("{field}{end}"));
            if !listed.is_empty() {
                options.list.push((format!("{key}{sign}"), listed.join(",")));
            }
        }
    }
    let lines: Vec<&str> = value(stanza, "Signed-By").lines().map(str::trim).collect();
    if !lines.is_empty() {
        options.list.push(("signed-by".to_owned(), lines.join("\n ")));
    }
    for kind in words("Types") {
        match kind.as_str() {
            "deb" => {}
            "deb-src" => continue,
            other => return Err(format!("unknown type {other}")),
        }
        let (uris, suites, components) = (words("URIs"), words("Suites"), words("Components"));
        if uris.is_empty() || suites.is_empty() {
            return Err(if uris.is_empty() { "uri".into() } else { "suite".into() });
        }
        for uri in &uris {
            for suite in &suites {
                if suite.ends_with('/') {
                    if !components.is_empty() {
                        return Err("component for an absolute suite".into());
                    }
                    add(archives, uri, suite, "", &options, defaults)?;
                } else if components.is_empty() {
                    return Err("no component".into());
                }
                for component in components.iter().filter(|_| !suite.ends_with('/')) {
                    add(archives, uri, suite, component, &options, defaults)?;
                }
            }
        }
    }
    Ok(())
}

fn add(
    archives: &mut Vec<Archive>,
    uri: &str,
    suite: &str,
    component: &str,
    options: &Options,
    defaults: &Defaults,
) -> Result<(), String> {
    if !uri.contains(':') {
        return Err("uri".into());
    }
    let mut uri = uri.replace("$(ARCH)", &defaults.native);
    if !uri.ends_with('/') {
        uri.push('/');
    }
    let suite = suite.replace("$(ARCH)", &defaults.native);
    let mut architectures = options.apply("arch", &defaults.architectures);
    let all_removed = options.value("arch-").is_some_and(|minus| minus.split(',').any(|arch| arch == "all"));
    if !all_removed && !architectures.iter().any(|arch| arch == "all") {
        architectures.push("all".to_string());
    }
    let section = Section {
        component: component.to_string(),
        architectures,
        languages: options.apply("lang", &defaults.languages),
    };
    // Two entries of one release are one archive to apt, at the place of the first.
    let same = |archive: &&mut Archive| {
        super::lists::file_name(&release_uri(&archive.uri, &archive.suite))
            == super::lists::file_name(&release_uri(&uri, &suite))
    };
    match archives.iter_mut().find(same) {
        Some(archive) => archive.sections.push(section),
        None => {
            let signed_by = options.value("signed-by").unwrap_or_default().to_owned();
            let trusted = options.value("trusted").and_then(boolean);
            archives.push(Archive { uri, suite, sections: vec![section], signed_by, trusted });
        }
    }
    Ok(())
}

/// The folder of an archive's Release file, with a slash at its end.
pub fn release_uri(uri: &str, suite: &str) -> String {
    match suite {
        "/" => uri.to_string(),
        flat if flat.ends_with('/') => format!("{uri}{flat}"),
        suite => format!("{uri}dists/{suite}/"),
    }
}

impl Options {
    fn value(&self, key: &str) -> Option<&str> {
        self.list.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A default list, replaced by `key`, enlarged by `key+` and reduced by `key-`.
    fn apply(&self, key: &str, default: &[String]) -> Vec<String> {
        let split = |value: &str| value.split(',').map(str::to_string).collect::<Vec<_>>();
        let mut values = self.value(key).map_or_else(|| default.to_vec(), split);
        for more in self.value(&format!("{key}+")).map_or(Vec::new(), split) {
            if !values.contains(&more) {
                values.push(more);
            }
        }
        let less = self.value(&format!("{key}-")).map_or(Vec::new(), split);
        values.retain(|value| !less.contains(value));
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, content: &str) -> (Vec<Archive>, Result<(), String>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        let defaults =
            Defaults { native: "amd64".into(), architectures: vec!["amd64".into()], languages: vec!["en".into()] };
        let mut archives = Vec::new();
        let result = read_file(&file, &defaults, &mut archives);
        (archives, result)
    }

    #[test]
    fn one_line_entries_with_options_and_comments() {
        let (archives, result) = read_text(
            "x.list",
            "# c\ndeb [ arch=amd64,i386 signed-by=/a.gpg ] http://h/debian stable main contrib # end\n\
             deb-src http://h/debian stable main\ndeb http://h/debian/ stable non-free\ndeb file:/r ./\n",
        );
        assert_eq!(result, Ok(()));
        assert_eq!(archives.len(), 2);
        let names: Vec<_> = archives[0].sections.iter().map(|s| s.component.as_str()).collect();
        assert_eq!(names, ["main", "contrib", "non-free"]);
        assert_eq!(archives[0].sections[0].architectures, ["amd64", "i386", "all"]);
        assert_eq!(archives[1].suite, "./");
    }

    #[test]
    fn deb822_entries_enabled_and_not() {
        let (archives, result) = read_text(
            "x.sources",
            "Types: deb deb-src\nURIs: http://h/a http://h/b\nSuites: s s-updates\nComponents: main\n\
             Architectures-Add: i386\n\nEnabled: no\nTypes: deb\nURIs: http://no\nSuites: s\nComponents: main\n",
        );
        assert_eq!(result, Ok(()));
        let names: Vec<_> = archives.iter().map(|a| (a.uri.as_str(), a.suite.as_str())).collect();
        assert_eq!(
            names,
            [("http://h/a/", "s"), ("http://h/a/", "s-updates"), ("http://h/b/", "s"), ("http://h/b/", "s-updates")]
        );
        assert_eq!(archives[0].sections[0].architectures, ["amd64", "i386", "all"]);
    }

    #[test]
    fn a_comment_between_the_lines_of_a_field_is_none_of_its_words() {
        let text = "Types: deb\nURIs: http://h\nSuites: a\n# http://no\n b\nComponents: main\n";
        let (archives, _) = read_text("x.sources", text);
        assert_eq!(archives.iter().map(|archive| archive.suite.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_malformed_line_ends_the_file() {
        let (archives, result) = read_text("x.list", "deb http://h s main\ndeb nonsense\ndeb http://i s main\n");
        assert_eq!(archives.len(), 1);
        assert!(result.unwrap_err().contains("line 2"));
    }
}
