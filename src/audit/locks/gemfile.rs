//! `Gemfile.lock`. It does not say what is for development: groups are the Gemfile's business.

use super::checksum;
use super::list::List;
use super::{Format, Lock, Source};
use std::collections::HashMap;

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let mut list = List::new(Format::Gemfile);
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut needs: Vec<(usize, &str)> = Vec::new();
    let mut roots = Vec::new();
    let mut sums = Vec::new();
    let (mut section, mut remote, mut revision) = ("", "", "");
    let mut last = None;
    for (line, text) in (1..).zip(text.lines()) {
        let words = text.trim();
        let depth = text.len() - text.trim_start_matches(' ').len();
        let is_source = matches!(section, "GEM" | "GIT" | "PATH" | "PLUGIN SOURCE");
        match depth {
            _ if words.is_empty() => {}
            0 if words.starts_with(['<', '=', '>']) => {
                return Err(format!("line {line}: two versions of it were not merged"));
            }
            0 => (section, remote, revision, last) = (words, "", "", None),
            2 if is_source => match words.split_once(": ") {
                Some(("remote", url)) => remote = url,
                Some(("revision", commit)) => revision = commit,
                _ => {}
            },
            4 if is_source => {
                let (name, version) = spec(words).ok_or_else(|| format!("line {line}: {words:?} is no gem"))?;
                let source = match section {
                    "GIT" => Source::Git(format!("{remote}#{revision}")),
                    "PATH" => Source::Path(remote.to_owned()),
                    _ => Source::Registry(remote.to_owned()),
                };
                // Behind a hyphen stands the platform that it was built for.
                let plain = version.split('-').next().unwrap_or(version);
                let place = list.add(list.package(name, Some(plain), source, line));
                places.entry(name).or_default().push(place);
                last = Some(place);
            }
            6 if is_source => needs.extend(last.zip(words.split(' ').next())),
            2 if section == "DEPENDENCIES" => {
                roots.extend(words.split(' ').next().map(|name| name.trim_end_matches('!')))
            }
            2 if section == "CHECKSUMS" => {
                let (gem, of_gem) = words.split_once(") ").unwrap_or((words, ""));
                let (name, version) = gem.split_once(" (").unwrap_or((gem, ""));
                sums.push((name, version.split('-').next().unwrap_or_default(), of_gem));
            }
            _ => {}
        }
    }
    if !text.lines().any(|line| matches!(line, "GEM" | "GIT" | "PATH" | "DEPENDENCIES")) {
        return Err("is no lock file of bundler: it has no sources".to_owned());
    }
    let found = |name: &str| places.get(name).into_iter().flatten().copied();
    for (place, name) in needs {
        list.depend(place, found(name));
    }
    list.roots = roots.into_iter().flat_map(found).collect();
    for (name, version, of_gem) in sums {
        for place in found(name) {
            let is_same = list.packages()[place].version.as_deref() == Some(version);
            let sums = of_gem.split(',').filter_map(|sum| checksum::of_hex(sum.trim()));
            list.check(place, sums.filter(|_| is_same));
        }
    }
    Ok(list.done())
}

/// `name (version)`
fn spec(text: &str) -> Option<(&str, &str)> {
    let (name, version) = text.strip_suffix(')')?.split_once(" (")?;
    (!name.is_empty() && !version.is_empty()).then_some((name, version))
}
