//! What packages state of their licences, as SPDX has it: an expression of known licences, and of names for all others.
//!
//! No name is guessed at. Arch's old `GPL2` says neither "only" nor "or later", so it stays the name that it is; Debian's short
//! names are specified (DEP-5), and so have their twins in SPDX.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Longer statements are no names of licences.
const MAX_STATEMENT: usize = 1000;

/// A licence, or several and how they are joined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct License {
    /// Valid in every document of SPDX and CycloneDX.
    pub expression: String,
    /// What the expression calls `LicenseRef-...`, by that name: what the package called it.
    pub named: BTreeMap<String, String>,
}

/// Whose words they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Words {
    /// SPDX, or whatever packagers thought of.
    #[default]
    Free,
    /// The short names of Debian's copyright files.
    Debian,
}

impl License {
    /// `None` where nothing is stated.
    pub fn of(stated: &str, words: Words) -> Option<License> {
        let stated = stated.trim();
        if stated.is_empty() {
            return None;
        }
        if stated.len() > MAX_STATEMENT {
            return Some(License::named("unnamed"));
        }
        if stated.starts_with("custom") {
            return Some(License::named(stated));
        }
        let mut read = Reading { words, ..Reading::default() };
        let license = read.all(stated).map(|()| License { expression: read.out, named: read.named });
        Some(license.unwrap_or_else(|| License::named(if is_prose(stated) { "unnamed" } else { stated })))
    }

    /// One that SPDX does not know.
    pub fn named(name: &str) -> License {
        let id = reference(name);
        License { expression: id.clone(), named: BTreeMap::from([(id, name.to_owned())]) }
    }

    /// All of them at once; `None` for none.
    pub fn every(all: &[License]) -> Option<License> {
        let mut every = all.first()?.clone();
        let wrapped = |text: &str| if text.contains(" OR ") { format!("({text})") } else { text.to_owned() };
        if all.len() > 1 {
            every.expression = all.iter().map(|one| wrapped(&one.expression)).collect::<Vec<_>>().join(" AND ");
        }
        every.named.extend(all[1..].iter().flat_map(|one| one.named.clone()));
        Some(every)
    }

    /// As a person reads it, and as a policy allows it: the expression, or the name where it is no more than that.
    pub fn text(&self) -> &str {
        self.only_name().unwrap_or(&self.expression)
    }

    /// The one name that this is, where SPDX does not know it.
    pub fn only_name(&self) -> Option<&str> {
        self.named.get(&self.expression).map(String::as_str)
    }
}

/// A sentence of a licence's own text, where its name should stand.
fn is_prose(stated: &str) -> bool {
    stated.split_whitespace().count() > 8
}

/// `LicenseRef-` and what may stand behind it. Names that differ in nothing but signs are one.
fn reference(name: &str) -> String {
    let mut id = String::from("LicenseRef-");
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' => id.push(c),
            _ if id.ends_with('-') => {}
            _ => id.push('-'),
        }
    }
    match id.trim_end_matches('-') {
        "LicenseRef" => "LicenseRef-unnamed".to_owned(),
        kept => kept.to_owned(),
    }
}

#[derive(Default)]
struct Reading {
    words: Words,
    out: String,
    named: BTreeMap<String, String>,
    open: usize,
    /// Whether a licence stands before, so that an operator may follow.
    has_operand: bool,
}

impl Reading {
    /// `None` where it is no expression.
    fn all(&mut self, stated: &str) -> Option<()> {
        let tokens = tokens(stated);
        let mut rest = &tokens[..];
        while let [token, behind @ ..] = rest {
            rest = behind;
            match *token {
                "(" if !self.has_operand => {
                    self.out.push('(');
                    self.open += 1;
                }
                ")" if self.has_operand && self.open > 0 => {
                    self.out.push(')');
                    self.open -= 1;
                }
                // Before a comma everything belongs together.
                "," if self.has_operand && self.open == 0 && self.words == Words::Debian => {
                    if self.out.contains(' ') {
                        self.out = format!("({})", self.out);
                    }
                }
                word if word.eq_ignore_ascii_case("and") => self.operator(" AND ")?,
                word if word.eq_ignore_ascii_case("or") => self.operator(" OR ")?,
                word if self.has_operand || ["(", ")", ","].contains(&word) => return None,
                word => {
                    let taken = self.operand(word, rest)?;
                    rest = &rest[taken..];
                }
            }
        }
        (self.has_operand && self.open == 0).then_some(())
    }

    fn operator(&mut self, operator: &str) -> Option<()> {
        self.out.push_str(operator);
        std::mem::replace(&mut self.has_operand, false).then_some(())
    }

    /// A licence, with the exception that follows; how many more tokens that took.
    fn operand(&mut self, word: &str, rest: &[&str]) -> Option<usize> {
        self.has_operand = true;
        let license = match (known(word), self.words) {
            (Some(known), _) => Some(known),
            (None, Words::Debian) => of_debian(word),
            (None, Words::Free) => None,
        };
        let [with, rest @ ..] = rest else { return self.push(license, word).map(|()| 0) };
        if !with.eq_ignore_ascii_case("with") {
            return self.push(license, word).map(|()| 0);
        }
        let taken = match self.words {
            Words::Free => 1,
            // `with OpenSSL exception`
            Words::Debian => 1 + rest.iter().position(|word| word.eq_ignore_ascii_case("exception"))?,
        };
        let of = rest.get(..taken)?.join(" ");
        match (license, exception(&of)) {
            (Some(license), Some(exception)) => write!(self.out, "{license} WITH {exception}").ok()?,
            _ => self.push(None, &format!("{word} with {of}"))?,
        }
        Some(1 + taken)
    }

    fn push(&mut self, license: Option<String>, name: &str) -> Option<()> {
        let license = match license {
            Some(license) => license,
            None if self.words == Words::Free && !name.starts_with("LicenseRef-") => return None,
            None => {
                let id = reference(name.strip_prefix("LicenseRef-").unwrap_or(name));
                self.named.insert(id.clone(), name.to_owned());
                id
            }
        };
        self.out.push_str(&license);
        Some(())
    }
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        // Brackets and commas are tokens also where they touch a word.
        tokens.extend(word.split_inclusive(['(', ')', ',']).flat_map(
            |piece| match piece.strip_suffix(['(', ')', ',']) {
                Some(before) => [before, &piece[before.len()..]],
                None => [piece, ""],
            },
        ));
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// A licence of SPDX's list, as that spells it, with `+` if it has one.
fn known(word: &str) -> Option<String> {
    let (name, later) = word.strip_suffix('+').map_or((word, ""), |name| (name, "+"));
    let found = spdx::license_id(name).or_else(|| {
        let same = |license: &&spdx::License| license.name.eq_ignore_ascii_case(name);
        spdx::license_id(spdx::identifiers::LICENSES.iter().find(same)?.name)
    })?;
    let (name, is_gnu) = (found.name, found.is_gnu());
    // The crate's list has what is no licence, and families whose members are.
    if name == "NOASSERTION" || name == "NONE" || name.ends_with('+') || later == "+" && name.ends_with("-only") {
        return None;
    }
    if is_gnu && !name.ends_with("-only") && !name.ends_with("-or-later") {
        return spdx::gnu_license_id(name, later == "+").map(|license| license.name.to_owned());
    }
    Some(format!("{name}{}", if name.ends_with("-or-later") { "" } else { later }))
}

/// A short name of DEP-5: `GPL-2+`, `Expat`, `Apache-2`.
fn of_debian(word: &str) -> Option<String> {
    let (name, later) = word.strip_suffix('+').map_or((word, ""), |name| (name, "+"));
    match name.to_ascii_lowercase().as_str() {
        "expat" => return Some("MIT".to_owned()),
        "cc0" => return Some("CC0-1.0".to_owned()),
        _ => {}
    }
    if let Some(version) = name.strip_prefix("GFDL-NIV-") {
        return known(&format!("GFDL-{version}-no-invariants{later}"));
    }
    // Of DEP-5's own families a version is that number, and `.0` in SPDX. Other names may mean another licence there: `OPL-1` is one.
    let (family, version) = name.rsplit_once('-')?;
    let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
    let is_known = FAMILIES.contains(&family) || family.starts_with("CC-BY");
    (is_number && is_known).then(|| known(&format!("{name}.0{later}"))).flatten()
}

const FAMILIES: [&str; 11] = ["AGPL", "Apache", "Artistic", "CDDL", "CPL", "EFL", "GPL", "LGPL", "LPPL", "MPL", "QPL"];

fn exception(name: &str) -> Option<&'static str> {
    let short = name.strip_suffix(" exception").unwrap_or(name);
    let same = |known: &&spdx::Exception| {
        let known = known.name;
        known.eq_ignore_ascii_case(name)
            || known.len() == short.len() + "-exception".len()
                && known.to_ascii_lowercase().strip_suffix("-exception").is_some_and(|k| k.eq_ignore_ascii_case(short))
            || known.eq_ignore_ascii_case(short)
    };
    spdx::identifiers::EXCEPTIONS.iter().find(same).map(|exception| exception.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stated: &str, words: Words) -> String {
        License::of(stated, words).unwrap().expression
    }

    #[test]
    fn expressions_are_kept_and_spelt_as_spdx_does() {
        for (stated, expected) in [
            ("MIT", "MIT"),
            (" mit ", "MIT"),
            ("GPL-2.0-or-later", "GPL-2.0-or-later"),
            ("GPL-2.0+", "GPL-2.0-or-later"),
            ("GPL-2.0", "GPL-2.0-only"),
            ("Apache-2.0+", "Apache-2.0+"),
            ("MIT AND (bsd-3-clause or Zlib)", "MIT AND (BSD-3-Clause OR Zlib)"),
            ("GPL-3.0-or-later WITH GCC-exception-3.1", "GPL-3.0-or-later WITH GCC-exception-3.1"),
            ("LicenseRef-x.1 OR MIT", "LicenseRef-x.1 OR MIT"),
        ] {
            assert_eq!(of(stated, Words::Free), expected, "{stated}");
        }
    }

    #[test]
    fn what_spdx_does_not_know_is_a_name() {
        for (stated, expected) in [
            ("GPL2", "LicenseRef-GPL2"),
            ("custom:Old One!", "LicenseRef-custom-Old-One"),
            ("custom", "LicenseRef-custom"),
            ("GPL2 or any later version", "LicenseRef-GPL2-or-any-later-version"),
            ("MIT AND", "LicenseRef-MIT-AND"),
            ("(MIT", "LicenseRef-MIT"),
            ("MIT OR GPL2", "LicenseRef-MIT-OR-GPL2"),
            ("MIT, Zlib", "LicenseRef-MIT-Zlib"),
            ("NOASSERTION", "LicenseRef-NOASSERTION"),
            ("GFDL-1.3-no-invariants-only AND ()", "LicenseRef-GFDL-1.3-no-invariants-only-AND"),
            ("§", "LicenseRef-unnamed"),
            ("MIT WITH", "LicenseRef-MIT-WITH"),
        ] {
            let license = License::of(stated, Words::Free).unwrap();
            assert_eq!(license.expression, expected);
            assert_eq!(license.only_name(), Some(stated));
        }
        assert_eq!(License::of("  ", Words::Free), None);
        assert_eq!(of(&"(".repeat(100_000), Words::Free), "LicenseRef-unnamed");
        assert_eq!(
            of("Permission is hereby granted, free of charge, to any person", Words::Debian),
            "LicenseRef-unnamed"
        );
    }

    #[test]
    fn short_names_of_debian_have_twins() {
        for (stated, expected) in [
            ("Expat", "MIT"),
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPL-2", "GPL-2.0-only"),
            ("LGPL-2.1+", "LGPL-2.1-or-later"),
            ("GPL-1+ or Artistic", "GPL-1.0-or-later OR LicenseRef-Artistic"),
            ("BSD-3-clause", "BSD-3-Clause"),
            ("Apache-2", "Apache-2.0"),
            ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
            ("GPL-2 with Linux-syscall-note exception", "GPL-2.0-only WITH Linux-syscall-note"),
            ("Apache-2.0 with LLVM exception", "Apache-2.0 WITH LLVM-exception"),
            ("GPL-2+ with Foo Bar exception", "LicenseRef-GPL-2-with-Foo-Bar-exception"),
            ("GPL-2+ or Artistic-2.0, and BSD-3-clause", "(GPL-2.0-or-later OR Artistic-2.0) AND BSD-3-Clause"),
            ("public-domain", "LicenseRef-public-domain"),
            ("GPL", "LicenseRef-GPL"),
            ("OPL-1+", "LicenseRef-OPL-1"),
            ("MPL-1.1+ and CC-BY-SA-3", "MPL-1.1+ AND CC-BY-SA-3.0"),
        ] {
            assert_eq!(of(stated, Words::Debian), expected, "{stated}");
        }
    }

    #[test]
    fn all_at_once_keeps_choices_together() {
        let all = ["MIT OR Zlib", "GPL2"].map(|stated| License::of(stated, Words::Free).unwrap());
        let every = License::every(&all).unwrap();
        assert_eq!(every.expression, "(MIT OR Zlib) AND LicenseRef-GPL2");
        assert_eq!(every.named["LicenseRef-GPL2"], "GPL2");
        assert_eq!(License::every(&[]), None);
    }
}
