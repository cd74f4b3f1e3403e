//! What advisories say of what is installed, as it was worked out when the local half was built, so that a scan only reads it: whole, from
//! front to back, and nothing beside it.
//!
//! It holds for the very file of advisories that it was worked out from. Whom a scan passes over, and what is ignored or too old today, is
//! for whoever reads it.

use super::advisories::{decode, encode};
use super::catalogue::source;
use super::varint;
use crate::model::{Advisory, Source};

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The generation of the advisories.
    pub generation: u64,
    pub families: Vec<Family>,
    /// By family, name and version.
    pub groups: Vec<Group>,
}

/// What is installed of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    pub source: Source,
    pub packages: u32,
    /// Whether advisories speak of the family at all.
    pub is_covered: bool,
}

/// Packages of one name and version, as advisories know them, of which some speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub source: Source,
    pub ecosystem: String,
    pub name: String,
    pub version: String,
    pub packages: Vec<Package>,
    /// The version, as advisories know it, that an upgrade of all the packages brings.
    pub upgrade: Option<String>,
    /// By their numbers.
    pub found: Vec<(u32, Advisory)>,
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    /// Empty for the machine's own.
    pub arch: String,
    pub version: String,
    pub candidate: String,
}

impl Matched {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.generation.to_le_bytes().to_vec();
        varint::push(&mut out, self.families.len() as u64);
        for Family { source, packages, is_covered } in &self.families {
            out.extend([*source as u8, u8::from(*is_covered)]);
            varint::push(&mut out, u64::from(*packages));
        }
        varint::push(&mut out, self.groups.len() as u64);
        for Group { source, ecosystem, name, version, packages, upgrade, found } in &self.groups {
            out.push(*source as u8);
            [ecosystem, name, version].into_iter().for_each(|text| varint::push_bytes(&mut out, text.as_bytes()));
            varint::push(&mut out, packages.len() as u64);
            for Package { name, arch, version, candidate } in packages {
                [name, arch, version, candidate]
                    .into_iter()
                    .for_each(|text| varint::push_bytes(&mut out, text.as_bytes()));
            }
            // No version is empty.
            varint::push_bytes(&mut out, upgrade.as_deref().unwrap_or_default().as_bytes());
            varint::push(&mut out, found.len() as u64);
            found.iter().for_each(|(number, advisory)| encode(advisory, *number, &mut out));
        }
        out
    }

    /// What it is of: the generation of the advisories.
    pub fn generation_of(bytes: &[u8]) -> Option<u64> {
        bytes.first_chunk().map(|generation| u64::from_le_bytes(*generation))
    }

    /// `None` where the bytes make no sense.
    pub fn decode(bytes: &[u8]) -> Option<Matched> {
        let mut at = 8;
        let text = |at: &mut usize| Some(std::str::from_utf8(varint::pull_bytes(bytes, at)?).ok()?.to_owned());
        let byte = |at: &mut usize| {
            *at += 1;
            bytes.get(*at - 1).copied()
        };
        let mut matched =
            Matched { generation: Matched::generation_of(bytes)?, families: Vec::new(), groups: Vec::new() };
        for _ in 0..varint::pull(bytes, &mut at)? {
            let (source, is_covered) = (source(byte(&mut at)?)?, byte(&mut at)? != 0);
            let packages = u32::try_from(varint::pull(bytes, &mut at)?).ok()?;
            matched.families.push(Family { source, packages, is_covered });
        }
        for _ in 0..varint::pull(bytes, &mut at)? {
            let source = source(byte(&mut at)?)?;
            let (ecosystem, name, version) = (text(&mut at)?, text(&mut at)?, text(&mut at)?);
            let mut packages = Vec::new();
            for _ in 0..varint::pull(bytes, &mut at)? {
                let [name, arch, version, candidate] = [text(&mut at)?, text(&mut at)?, text(&mut at)?, text(&mut at)?];
                packages.push(Package { name, arch, version, candidate });
            }
            let upgrade = Some(text(&mut at)?).filter(|version| !version.is_empty());
            let mut found = Vec::new();
            for _ in 0..varint::pull(bytes, &mut at)? {
                found.push(decode(bytes, &mut at, (&ecosystem, &name))?);
            }
            matched.groups.push(Group { source, ecosystem, name, version, packages, upgrade, found });
        }
        (at == bytes.len()).then_some(matched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Affected, Ranking, Severity, Standing, Turn};

    #[test]
    fn what_is_written_is_read_and_nothing_cut_or_longer_is() {
        let advisory = Advisory {
            ecosystem: "deb".into(),
            package: "curl".into(),
            id: "CVE-1".into(),
            aliases: vec!["DSA-1".into()],
            severity: Some(Severity::High),
            vector: String::new(),
            score: Some(75),
            standing: Standing::NoDsa,
            affected: Affected {
                ranges: vec![vec![(Turn::Introduced, "0".into()), (Turn::Fixed, "2".into())]],
                versions: vec!["9".into()],
            },
            summary: String::new(),
            ranking: Ranking { exploited: true, ransomware: false, epss: Some(7) },
        };
        let package = |arch: &str| Package {
            name: "libcurl4".into(),
            arch: arch.into(),
            version: "1+b1".into(),
            candidate: String::new(),
        };
        let group = |upgrade: Option<&str>| Group {
            source: Source::Apt,
            ecosystem: "deb".into(),
            name: "curl".into(),
            version: "1".into(),
            packages: vec![package(""), package("i386")],
            upgrade: upgrade.map(str::to_owned),
            found: vec![(3, advisory.clone()), (70_000, advisory.clone())],
        };
        let families = vec![Family { source: Source::Apt, packages: 300, is_covered: true }];
        let matched = Matched { generation: u64::MAX - 1, families, groups: vec![group(None), group(Some("2"))] };
        let bytes = matched.encode();
        assert_eq!(Matched::generation_of(&bytes), Some(matched.generation));
        assert_eq!(Matched::decode(&bytes), Some(matched));
        assert!((0..bytes.len()).all(|len| Matched::decode(&bytes[..len]).is_none()));
        assert_eq!(Matched::decode(&[&bytes[..], &[0]].concat()), None);
    }
}
