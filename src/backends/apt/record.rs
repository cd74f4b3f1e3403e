//! One stanza of a `Packages` list or of dpkg's status file, its fields sorted into omg's own.

use super::control::{Stanza, unfold};
use crate::model::Field;
use memchr::memchr;

/// Most fields a record hands on: each at most once, and the derived ones.
const MAX_FIELDS: usize = 40;

/// A package's stanza. Values are slices of the text it was read from.
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub architecture: &'a str,
    pub description: &'a str,
    pub description_md5: &'a str,
    pub status: &'a str,
    pub essential: bool,
    pub protected: bool,
    pub phased: &'a str,
    source: &'a str,
    installed_kib: &'a str,
    seen: u64,
    plain: Vec<(Field, &'a str)>,
}

/// Room that is used again from record to record.
#[derive(Default)]
pub struct Scratch {
    text: String,
}

impl<'a> Record<'a> {
    /// Takes the stanza's place; the record's room is used again.
    pub fn set(&mut self, stanza: &Stanza<'a>) {
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        *self = Record { plain, ..Record::default() };
        for &(name, value) in stanza {
            if !value.is_empty() && !self.take(name, value) {
                // Field names have no case; nearly all files write them as policy does.
                if let Some(usual) = USUAL.iter().find(|usual| usual.eq_ignore_ascii_case(name)) {
                    self.take(usual, value);
                }
            }
        }
    }

    /// True where the name is known in this spelling, wanted or not.
    fn take(&mut self, name: &str, value: &'a str) -> bool {
        let field = match name {
            "Package" => return first(&mut self.name, value),
            "Version" => return first(&mut self.version, value),
            "Architecture" => {
                first(&mut self.architecture, value);
                Field::Architecture
            }
            "Description" => return first(&mut self.description, value),
            "Description-md5" => return first(&mut self.description_md5, value),
            "Status" => return first(&mut self.status, value),
            "Source" => return first(&mut self.source, value),
            "Installed-Size" => return first(&mut self.installed_kib, value),
            "Essential" => {
                self.essential = value.eq_ignore_ascii_case("yes");
                Field::Essential
            }
            "Protected" | "Important" => {
                self.protected |= value.eq_ignore_ascii_case("yes");
                return true;
            }
            "Phased-Update-Percentage" => {
                first(&mut self.phased, value);
                Field::Phased
            }
            "Section" => Field::Section,
            "Priority" => Field::Priority,
            "Task" => Field::Groups,
            "Homepage" => Field::Homepage,
            "Maintainer" => Field::Maintainer,
            "Depends" => Field::Depends,
            "Pre-Depends" => Field::PreDepends,
            "Recommends" => Field::Recommends,
            "Suggests" => Field::Suggests,
            "Enhances" => Field::Enhances,
            "Provides" => Field::Provides,
            "Conflicts" => Field::Conflicts,
            "Breaks" => Field::Breaks,
            "Replaces" => Field::Replaces,
            "Size" => Field::DownloadSize,
            "Tag" => Field::Tags,
            "Multi-Arch" => Field::MultiArch,
            "Bugs" => Field::Bugs,
            "Filename"
            | "MD5sum"
            | "SHA1"
            | "SHA256"
            | "SHA512"
            | "Build-Ids"
            | "Built-Using"
            | "Ruby-Versions"
            | "Python-Version"
            | "Conffiles"
            | "Original-Maintainer"
            | "Lua-Versions"
            | "Build-Essential"
            | "Static-Built-Using"
            | "Ghc-Package"
            | "X-Cargo-Built-Using"
            | "Python-Egg-Name"
            | "Go-Import-Path"
            | "Config-Version"
            | "Triggers-Pending"
            | "Triggers-Awaited"
            | "Origin"
            | "Cnf-Extra-Commands"
            | "Cnf-Visible-Pkgname" => return true,
            _ => return false,
        };
        let bit = 1u64 << (field as u8);
        if self.seen & bit == 0 && self.plain.len() < MAX_FIELDS - 8 {
            self.seen |= bit;
            self.plain.push((field, value));
        }
        true
    }

    /// Name of the source package, and its version where that is stated.
    pub fn source(&self) -> (&'a str, Option<&'a str>) {
        if self.source.is_empty() {
            return (self.name, None);
        }
        let (name, rest) = self.source.split_once(' ').unwrap_or((self.source, ""));
        let version = rest.split_once('(').and_then(|(_, inside)| inside.split_once(')')).map(|(inside, _)| inside);
        (name, version.map(str::trim_ascii).filter(|version| !version.is_empty()))
    }

    /// The architecture as omg shows it: empty for the machine's own and for `all`.
    pub fn foreign_arch(&self, native: &str) -> &'a str {
        if self.architecture == native || self.architecture == "all" { "" } else { self.architecture }
    }

    /// Whether several architectures of it may be installed at once.
    pub fn is_multi_arch_same(&self) -> bool {
        self.plain.contains(&(Field::MultiArch, "same"))
    }

    /// The first line of the description.
    pub fn summary(&self) -> &'a str {
        let end = memchr(b'\n', self.description.as_bytes()).unwrap_or(self.description.len());
        self.description[..end].trim_ascii_end()
    }

    /// The description's other lines as they stand in the file; empty where there are none.
    pub fn long_text(&self) -> &'a str {
        self.description.split_once('\n').map_or("", |(_, long)| long)
    }

    /// Calls `then` with every field but name, version and summary. `long` is the description below the summary, as it
    /// stands in the file; `more` are further fields.
    pub fn with_fields<R>(
        &self,
        long: &str,
        more: &[(Field, &str)],
        scratch: &mut Scratch,
        then: impl FnOnce(&[(Field, &str)]) -> R,
    ) -> R {
        let text = &mut scratch.text;
        text.clear();
        // Values that have to be written anew, by their ends in the scratch text.
        let mut written = [(Field::Base, 0usize); MAX_FIELDS];
        let mut count = 0;
        // Which of the plain values are written anew.
        let mut folded = 0u64;
        for (at, &(field, value)) in self.plain.iter().enumerate() {
            if memchr(b'\n', value.as_bytes()).is_some() {
                folded |= 1 << at;
                unfold(value, text);
                written[count] = (field, text.len());
                count += 1;
            }
        }
        if let Some(kib) = self.installed_kib.parse::<u64>().ok().filter(|&kib| kib > 0) {
            use std::fmt::Write;
            let _ = write!(text, "{}", kib.saturating_mul(1024));
            written[count] = (Field::InstalledSize, text.len());
            count += 1;
        }
        let before = text.len();
        paragraphs(long, text);
        if text.len() > before {
            written[count] = (Field::LongDescription, text.len());
            count += 1;
        }

        let mut fields = [(Field::Base, ""); MAX_FIELDS + 8];
        let mut n = 0;
        let mut put = |field: Field, value| {
            if n < fields.len() {
                fields[n] = (field, value);
                n += 1;
            }
        };
        let (base, base_version) = self.source();
        if base != self.name {
            put(Field::Base, base);
        }
        if let Some(version) = base_version.filter(|&version| version != self.version) {
            put(Field::BaseVersion, version);
        }
        for (_, &(field, value)) in self.plain.iter().enumerate().filter(|(at, _)| folded & (1 << at) == 0) {
            put(field, value);
        }
        let mut from = 0;
        for &(field, end) in &written[..count] {
            if end > from {
                put(field, &text[from..end]);
            }
            from = end;
        }
        for &(field, value) in more {
            put(field, value);
        }
        then(&fields[..n])
    }
}

fn first<'a>(slot: &mut &'a str, value: &'a str) -> bool {
    if slot.is_empty() {
        *slot = value;
    }
    true
}

/// Long description as paragraphs: the blank that marks each line goes, and a line of one dot becomes an empty one.
fn paragraphs(long: &str, into: &mut String) {
    for (number, line) in long.lines().enumerate() {
        if number > 0 {
            into.push('\n');
        }
        let line = line.strip_prefix([' ', '\t']).unwrap_or(line).trim_ascii_end();
        if line != "." {
            into.push_str(line);
        }
    }
}

/// The usual spelling of every field that is wanted.
const USUAL: &[&str] = &[
    "Package",
    "Version",
    "Architecture",
    "Description",
    "Description-md5",
    "Status",
    "Source",
    "Installed-Size",
    "Essential",
    "Protected",
    "Important",
    "Phased-Update-Percentage",
    "Section",
    "Priority",
    "Task",
    "Homepage",
    "Maintainer",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Enhances",
    "Provides",
    "Conflicts",
    "Breaks",
    "Replaces",
    "Size",
    "Tag",
    "Multi-Arch",
    "Bugs",
];

#[cfg(test)]
mod tests {
    use super::super::control::Stanzas;
    use super::*;

    fn fields(text: &str) -> Vec<(Field, String)> {
        let (mut stanza, mut record) = (Vec::new(), Record::default());
        assert!(Stanzas::new(text).read_into(&mut stanza));
        record.set(&stanza);
        record.with_fields(record.long_text(), &[], &mut Scratch::default(), |fields| {
            fields.iter().map(|&(field, value)| (field, value.to_string())).collect()
        })
    }

    #[test]
    fn sizes_sources_and_descriptions() {
        let read = fields(
            "Package: a\nSource: b (1.0)\nVersion: 1.0+b1\nInstalled-Size: 3\nSize: 77\nTag: x::y,\n z::w\n\
             Description: short\n long one\n .\n  * bullet\n",
        );
        let has = |field, value: &str| read.contains(&(field, value.to_string()));
        assert!(has(Field::Base, "b") && has(Field::BaseVersion, "1.0"));
        assert!(has(Field::InstalledSize, "3072") && has(Field::DownloadSize, "77"));
        assert!(has(Field::Tags, "x::y, z::w"));
        assert!(has(Field::LongDescription, "long one\n\n * bullet"));
    }

    #[test]
    fn a_repeated_field_counts_once_and_case_does_not_matter() {
        let read = fields("PACKAGE: a\nsection: x\nSection: y\n");
        assert_eq!(read, [(Field::Section, "x".to_string())]);
    }
}
