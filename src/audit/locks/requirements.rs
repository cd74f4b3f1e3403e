//! Lists of requirements as pip reads them. Only `==` and `===` fix a version; whatever else is asked for has none here.
//!
//! What a file includes (`-r`) is read, too, from the same folder or below it, and what it is held to by (`-c`) fixes the
//! versions of what is asked for. Variables (`${TOKEN}`) are not filled in.

use super::checksum::{self, Checksum};
use super::list::List;
use super::{Format, Lock, Source};
use crate::audit::ecosystem::Ecosystem;
use crate::sys::http::address::without_password;
use std::collections::{HashMap, HashSet};

/// Files that are read beside the first.
const MAX_INCLUDED: usize = 50;

/// A line that asks for something.
struct Asked {
    name: String,
    version: Option<String>,
    source: Source,
    checksums: Vec<Checksum>,
    line: u32,
}

/// What is still to be read: its path, and whether it only holds to versions.
type Open = (String, bool);

pub(super) fn read(text: &str, beside: &mut dyn FnMut(&str) -> Option<String>) -> Lock {
    let mut list = List::new(Format::Requirements);
    let mut asked = Vec::new();
    let mut held: HashMap<String, String> = HashMap::new();
    let mut open: Vec<Open> = Vec::new();
    let mut seen: HashSet<Open> = HashSet::new();
    let mut texts = vec![(String::new(), false, text.to_owned())];
    while let Some((path, only_holds, text)) = texts.pop() {
        let is_first = path.is_empty();
        for (line, logical) in logical_lines(&text) {
            let line = if is_first { line } else { 0 };
            match requirement(&logical, line) {
                Said::Nothing => {}
                Said::Include(to, only) => open.push((joined(&path, &to), only || only_holds)),
                Said::Asks(one) if only_holds => {
                    held.extend(one.version.map(|version| (normal(&one.name), version)));
                }
                Said::Asks(one) => asked.push(one),
                Said::Unclear => list.problem(line, format!("{:?} is not understood", shortened(&logical))),
            }
        }
        while let Some(next) = open.pop() {
            if seen.contains(&next) {
                continue;
            }
            let inside = !next.0.starts_with(['/', '~'])
                && !next.0.contains("://")
                && !next.0.split('/').any(|part| part == "..");
            let text = if inside && seen.len() < MAX_INCLUDED { beside(&next.0) } else { None };
            match text {
                Some(text) => texts.push((next.0.clone(), next.1, text)),
                None => list.problem(0, format!("{:?}, which it includes, was not read", shortened(&next.0))),
            }
            seen.insert(next);
        }
    }
    for mut one in asked {
        one.version = one.version.or_else(|| held.get(&normal(&one.name)).cloned());
        let mut package = list.package(&one.name, one.version.as_deref(), one.source, one.line);
        package.checksums = one.checksums;
        list.add(package);
    }
    list.done()
}

fn normal(name: &str) -> String {
    Ecosystem::PyPi.normal_name(name).into_owned()
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// As seen from the file that names it. A `..` that stays below the first file's folder is taken back.
fn joined(from: &str, to: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    if to.starts_with(['/', '~']) || to.contains("://") {
        return to.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(to.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Lines joined where a backslash ends them, without comments, each with the number of its first.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut all: Vec<(u32, String)> = Vec::new();
    let mut goes_on = false;
    for (line, text) in (1..).zip(text.lines()) {
        // A comment begins a line, or follows a blank.
        let comment = text
            .match_indices('#')
            .map(|(at, _)| at)
            .find(|at| text[..*at].chars().next_back().is_none_or(char::is_whitespace));
        let code = &text[..comment.unwrap_or(text.len())];
        let next_goes_on = comment.is_none() && code.ends_with('\\');
        let code = if next_goes_on { &code[..code.len() - 1] } else { code };
        match all.last_mut() {
            Some((_, before)) if goes_on => before.push_str(code),
            _ => all.push((line, code.to_owned())),
        }
        goes_on = next_goes_on;
    }
    all
}

enum Said {
    Nothing,
    Include(String, bool),
    Asks(Asked),
    Unclear,
}

fn requirement(text: &str, line: u32) -> Said {
    let text = text.trim();
    let option = |names: [&str; 2]| {
        let [short, long] = names;
        let after = |rest: &str| rest.trim_start_matches(['=', ' ', '\t']).to_owned();
        let long = text.strip_prefix(long).filter(|rest| rest.starts_with(['=', ' ', '\t'])).map(after);
        long.or_else(|| text.strip_prefix(short).filter(|rest| !rest.starts_with('-')).map(after))
    };
    if text.is_empty() {
        return Said::Nothing;
    }
    if let Some(path) = option(["-r", "--requirement"]) {
        return Said::Include(path, false);
    }
    if let Some(path) = option(["-c", "--constraint"]) {
        return Said::Include(path, true);
    }
    if let Some(what) = option(["-e", "--editable"]) {
        let (name, source) = of_address(what.split(" ;").next().unwrap_or_default().trim());
        return Said::Asks(Asked { name, version: None, source, checksums: Vec::new(), line });
    }
    if text.starts_with('-') {
        return Said::Nothing;
    }
    let (what, options) = text.split_at(text.find(" -").unwrap_or(text.len()));
    let checksums =
        options.split_ascii_whitespace().filter_map(|word| checksum::of_hex(word.strip_prefix("--hash=")?)).collect();
    let asked = |name: &str, version: Option<&str>, source| {
        let (name, version) = (name.to_owned(), version.map(str::to_owned));
        Said::Asks(Asked { name, version, source, checksums, line })
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = &what[..what.find(|c| !is_name(c)).unwrap_or(what.len())];
    if is_address(what, name) {
        let (name, source) = of_address(what);
        return asked(&name, None, source);
    }
    if name.is_empty() {
        return Said::Unclear;
    }
    let rest = what[name.len()..].trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => match extras.split_once(']') {
            Some((_, rest)) => rest.trim_start(),
            None => return Said::Unclear,
        },
        None => rest,
    };
    if let Some(address) = rest.strip_prefix('@') {
        let address = address.trim_start();
        let address = address.split_once(" ;").map_or(address, |(address, _)| address).trim_end();
        return asked(name, None, of_address(address).1);
    }
    let specifiers = rest.split(';').next().unwrap_or_default().trim();
    let specifiers = specifiers.strip_prefix('(').and_then(|inside| inside.strip_suffix(')')).unwrap_or(specifiers);
    let mut all = specifiers.split(',').map(str::trim).filter(|one| !one.is_empty());
    if !all.clone().all(|one| one.starts_with(['=', '<', '>', '!', '~'])) {
        return Said::Unclear;
    }
    let pinned = all.find_map(|one| {
        let version = one.strip_prefix("===").or_else(|| one.strip_prefix("=="))?.trim();
        (!version.is_empty() && !version.ends_with(".*") && !version.contains(char::is_whitespace)).then_some(version)
    });
    asked(name, pinned, Source::Registry(String::new()))
}

/// Whether an archive, a repository or a folder stands in a name's place.
fn is_address(what: &str, name: &str) -> bool {
    let is_url = what.find("://").is_some_and(|at| !what[..at].contains(['@', ' ']));
    let is_archive =
        [".whl", ".zip", ".tar.gz"].iter().any(|end| what.trim_end().ends_with(end)) && !what.contains('@');
    is_url || is_archive || what.starts_with(['.', '/']) || what[name.len()..].starts_with('/')
}

/// `git+https://host/name.git@commit#egg=name`, an archive's address, or a path; the address where no name is given.
fn of_address(text: &str) -> (String, Source) {
    let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
    let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg="));
    let name = egg.map(|egg| egg.split('[').next().unwrap_or(egg)).filter(|name| !name.is_empty());
    let is_vcs = ["git+", "hg+", "svn+", "bzr+"].iter().any(|start| address.starts_with(start));
    let source = match address {
        _ if is_vcs => Source::Git(address.to_owned()),
        _ if address.contains("://") && !address.starts_with("file:") => Source::Url(address.to_owned()),
        _ => Source::Path(address.to_owned()),
    };
    let name = match (name, &source) {
        (Some(name), _) => name.to_owned(),
        (None, Source::Path(path)) => path.clone(),
        (None, _) => without_password(address),
    };
    (name, source)
}
