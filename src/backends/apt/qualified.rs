//! Names with an architecture behind them that apt keeps as names of their own: `perl:any`, `gcc:armhf`. It knows one wherever a relation
//! or a provider says so, and of all that a package is and provides that says `Multi-Arch: allowed`. A pattern in the preferences is
//! compared with these, too: then it means what is before the colon in the architecture behind it.

use super::control::{Stanza, Stanzas, value};
use super::lists::lower_case;
use crate::model::{Source, relation};
use std::collections::{BTreeSet, HashMap};

const RELATIONS: [&str; 8] =
    ["Pre-Depends", "Depends", "Conflicts", "Breaks", "Recommends", "Suggests", "Replaces", "Enhances"];

/// What stands behind the colon of each name somewhere.
#[derive(Default)]
pub struct Qualified(HashMap<String, BTreeSet<String>>);

impl Qualified {
    /// Those of lists and of dpkg's status file. `architectures` are the configured ones, the native one first.
    pub fn read<'t>(texts: impl Iterator<Item = &'t str>, architectures: &[String]) -> Qualified {
        let mut known = Qualified::default();
        let mut stanza = Vec::new();
        for text in texts {
            let mut stanzas = Stanzas::new(text);
            // Package, Version, Architecture, Multi-Arch, Provides, and all relations.
            while stanzas.skim_into(b"PVAMDCBRSE", &mut stanza) {
                known.add_stanza(&stanza, architectures);
            }
        }
        known
    }

    /// What stands behind a name's colon.
    pub fn of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    fn add_stanza(&mut self, stanza: &Stanza<'_>, architectures: &[String]) {
        let field = |name: &str| value(stanza, name);
        let name = lower_case(field("Package"));
        if name.is_empty() || field("Version").is_empty() {
            return;
        }
        let is_relation = |field: &str| RELATIONS.iter().any(|relation| relation.eq_ignore_ascii_case(field));
        // Most have none, and to take half a million relations apart takes long.
        for (_, text) in stanza.iter().filter(|(field, text)| text.contains(':') && is_relation(field)) {
            for one in relation::parse(Source::Apt, text).into_iter().flatten() {
                let native = architectures.first().filter(|_| one.arch == "native");
                self.add(one.name, native.map_or(one.arch, String::as_str));
            }
        }
        let architecture = field("Architecture");
        let is_configured = architecture == "all" || architectures.iter().any(|known| known == architecture);
        let allowed = if is_configured && field("Multi-Arch") == "allowed" { "any" } else { "" };
        for one in relation::parse(Source::Apt, field("Provides")).into_iter().flatten() {
            if ["", "="].contains(&one.operator) {
                self.add(one.name, if one.arch.is_empty() { allowed } else { one.arch });
            }
        }
        self.add(&name, allowed);
    }

    fn add(&mut self, name: &str, qualifier: &str) {
        if !qualifier.is_empty() {
            self.0.entry(name.to_owned()).or_default().insert(qualifier.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_qualified_by_relations_providers_and_what_is_allowed() {
        let text = "Package: perl\nVersion: 1\nArchitecture: amd64\nMulti-Arch: allowed\nProvides: version (= 2),\n odd (>= 1), far:armhf\n\n\
                    Package: alien\nVersion: 1\nArchitecture: sparc\nMulti-Arch: allowed\nProvides: moon\n\n\
                    Package: app\nVersion: 1:2\nArchitecture: amd64\nProvides: plain\nDepends: python3:any (>= 3) | c:native, libc6 (>= 2:1)\n\
                    Enhances: gcc:armhf\nDescription: a:b\n\n\
                    Package: gone\nBreaks: d:any\n";
        let known = Qualified::read([text].into_iter(), &["amd64".to_owned(), "armhf".to_owned()]);
        let mut all: Vec<String> =
            known.0.keys().flat_map(|name| known.of(name).map(move |arch| format!("{name}:{arch}"))).collect();
        all.sort();
        assert_eq!(all, ["c:amd64", "far:armhf", "gcc:armhf", "perl:any", "python3:any", "version:any"]);
    }
}
