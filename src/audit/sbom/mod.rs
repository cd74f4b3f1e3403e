//! A bill of materials: which software there is, as other programs read it. The model is here, and what the formats share;
//! each format has a writer of its own, that goes over the model once and builds no tree.
//!
//! Whoever knows packages fills in a [`Bom`]; nothing is looked up here.

pub mod copyright;
mod cyclonedx;
pub mod license;
pub mod purl;
mod spdx2;
mod spdx3;
#[cfg(test)]
mod tests;

use crate::model::Severity;
use jiff::Timestamp;
use license::License;
use purl::Purl;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::io::{self, Write};

/// What a document tells.
#[derive(Debug, Serialize)]
pub struct Bom {
    /// What all of it is about: the machine, a project.
    pub subject: Component,
    /// Each with its dependencies among them.
    pub components: Vec<Component>,
    /// Those that the subject itself asks for, by their places.
    pub roots: Vec<u32>,
    /// What is known to be wrong with them; `None` where nobody asked.
    pub vulnerabilities: Option<Vec<Vulnerability>>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// Who made it.
    pub tool_version: &'static str,
}

/// One piece of software.
#[derive(Clone, Debug, Serialize)]
pub struct Component {
    pub kind: Kind,
    pub name: String,
    /// Empty where it has none.
    pub version: String,
    /// In its canonical form; empty where there can be none.
    pub purl: String,
    /// One line.
    pub summary: String,
    /// All of them hold; none where none is known.
    pub licenses: Vec<License>,
    /// Of the archive that it came as.
    pub hashes: Vec<Hash>,
    /// Whoever packaged it: a name, with or without an address in angle brackets.
    pub supplier: String,
    pub homepage: String,
    /// What it was built from, where that has another name: `glibc 2.36-9`.
    pub origin: String,
    /// What it needs of the others, by their places.
    pub depends: Vec<u32>,
    /// Whether only development asks for it.
    pub is_dev: bool,
}

/// A fault in some of the components.
#[derive(Clone, Debug, Serialize)]
pub struct Vulnerability {
    /// What its publisher calls it, and its other names.
    pub id: String,
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    pub severity: Option<Severity>,
    /// Ten times its score, and the CVSS vector that has it; empty where there is none.
    pub score: Option<u8>,
    pub vector: String,
    /// The version that mends it.
    pub fixed: Option<String>,
    /// The places of the components that have it.
    pub affects: Vec<u32>,
    /// Who has answered for it, and how.
    pub answer: Option<Answer>,
}

/// What somebody who has looked says about a fault.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    pub state: State,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum State {
    NotAffected,
    Fixed,
    /// It may be there, and is accepted.
    Accepted,
}

impl Vulnerability {
    /// The version of CVSS that its vector is of.
    fn cvss(&self) -> Option<Cvss> {
        let known = [("CVSS:4.0/", Cvss::V4), ("CVSS:3.1/", Cvss::V31), ("CVSS:3.0/", Cvss::V3)];
        let of_name = known.iter().find(|(name, _)| self.vector.starts_with(name)).map(|(_, version)| *version);
        of_name.or((!self.vector.is_empty()).then_some(Cvss::V2))
    }

    fn score(&self) -> Option<f64> {
        self.score.map(|tenths| f64::from(tenths) / 10.0)
    }

    /// Where it can be read about.
    fn page(&self) -> String {
        page(&self.id)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cvss {
    V2,
    V3,
    V31,
    V4,
}

/// Who gives names of that kind, and where such a one can be read about.
fn publisher(id: &str) -> &'static str {
    match id.split('-').next().unwrap_or_default() {
        "CVE" => "CVE",
        "GHSA" => "GitHub",
        "RUSTSEC" => "RustSec",
        "PYSEC" => "PyPA",
        "AVG" | "ASA" => "Arch Linux",
        _ => "OSV",
    }
}

fn page(id: &str) -> String {
    let base = match publisher(id) {
        "CVE" => "https://www.cve.org/CVERecord?id=",
        "GitHub" => "https://github.com/advisories/",
        "Arch Linux" => "https://security.archlinux.org/",
        _ => "https://osv.dev/vulnerability/",
    };
    // What is no plain name is not put into an address as it is.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    format!("{base}{}", id.chars().filter(|c| plain(*c)).collect::<String>())
}

/// What a component is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// A package of a machine or of a language.
    Package,
    /// What runs a language's programs.
    Runtime,
    /// A machine.
    System,
    /// A project.
    Project,
}

impl Component {
    pub fn new(kind: Kind, name: &str, version: &str) -> Component {
        Component {
            kind,
            name: name.to_owned(),
            version: version.to_owned(),
            purl: String::new(),
            summary: String::new(),
            licenses: Vec::new(),
            hashes: Vec::new(),
            supplier: String::new(),
            homepage: String::new(),
            origin: String::new(),
            depends: Vec::new(),
            is_dev: false,
        }
    }

    pub fn with_purl(mut self, purl: Result<Purl, purl::Fault>) -> Component {
        self.purl = purl.map_or(String::new(), |purl| purl.to_string());
        self
    }

    /// All its licences as one expression.
    fn license(&self) -> Option<License> {
        License::every(&self.licenses)
    }

    /// Its homepage, if that is an address that every format takes.
    fn website(&self) -> Option<&str> {
        let rest = ["https://", "http://", "ftp://"].iter().find_map(|scheme| self.homepage.strip_prefix(scheme))?;
        let is_part = |byte: u8| byte.is_ascii_graphic() && !b"<>\"{}|\\^`[]".contains(&byte);
        let has_host = rest.starts_with(|first: char| first.is_ascii_alphanumeric());
        let is_encoded = rest
            .split('%')
            .skip(1)
            .all(|after| after.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())));
        (has_host && is_encoded && rest.bytes().all(is_part) && rest.matches('#').count() < 2).then_some(&self.homepage)
    }
}

/// A digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hash {
    pub algorithm: Algorithm,
    /// Hexadecimal digits, small.
    pub hex: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// Whoever packaged something, in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Supplier<'a> {
    name: &'a str,
    /// Empty for none that is one.
    email: &'a str,
}

impl Supplier<'_> {
    /// `None` where nobody is named.
    fn of(text: &str) -> Option<Supplier<'_>> {
        let (name, rest) = text.split_once('<').unwrap_or((text, ""));
        let email = rest.split('>').next().unwrap_or_default().trim();
        let is_part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
        };
        let is_email = email.split_once('@').is_some_and(|(user, host)| is_part(user) && is_part(host));
        let email = if is_email { email } else { "" };
        let name = name.trim().trim_matches('"').trim();
        let name = if name.is_empty() { email } else { name };
        (!name.is_empty() && name != "Unknown Packager").then_some(Supplier { name, email })
    }

    /// Whether it sounds like more than one person. Neither family's databases say so.
    fn is_group(&self) -> bool {
        let name = self.name.to_lowercase();
        ["team", "maintainers", "developers", "group", "project", "packagers", "foundation", "debian", "ubuntu"]
            .iter()
            .any(|word| name.contains(word))
    }
}

/// A format of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    CycloneDx16,
    CycloneDx17,
    Spdx23,
    Spdx30,
}

impl Format {
    pub const ALL: [Format; 4] = [Format::CycloneDx16, Format::CycloneDx17, Format::Spdx23, Format::Spdx30];

    pub fn name(self) -> &'static str {
        match self {
            Format::CycloneDx16 => "cyclonedx-1.6",
            Format::CycloneDx17 => "cyclonedx-1.7",
            Format::Spdx23 => "spdx-2.3",
            Format::Spdx30 => "spdx-3.0",
        }
    }

    /// By its name; without a version the one that most programs read.
    pub fn named(name: &str) -> Option<Format> {
        match name {
            "cyclonedx" => Some(Format::CycloneDx16),
            "spdx" => Some(Format::Spdx23),
            name => Format::ALL.into_iter().find(|format| format.name() == name),
        }
    }
}

impl Bom {
    /// Leaves out what the components at these places do not need, directly or not. They are what the subject asks for then.
    pub fn keep(&mut self, mut roots: Vec<u32>) {
        let mut kept = vec![false; self.components.len()];
        let mut pending = roots.clone();
        while let Some(place) = pending.pop() {
            if let Some(known) = kept.get_mut(place as usize)
                && !std::mem::replace(known, true)
            {
                pending.extend(&self.components[place as usize].depends);
            }
        }
        let mut next = 0;
        let places: Vec<Option<u32>> = kept.iter().map(|kept| kept.then(|| (next, next += 1).0)).collect();
        let moved = |list: &mut Vec<u32>| {
            *list = list.iter().filter_map(|place| *places.get(*place as usize)?).collect();
        };
        self.components = std::mem::take(&mut self.components)
            .into_iter()
            .zip(&kept)
            .filter_map(|(one, kept)| kept.then_some(one))
            .collect();
        self.components.iter_mut().for_each(|one| moved(&mut one.depends));
        moved(&mut roots);
        self.roots = roots;
        if let Some(all) = &mut self.vulnerabilities {
            all.iter_mut().for_each(|one| moved(&mut one.affects));
            all.retain(|one| !one.affects.is_empty());
        }
    }

    /// A name for each component that stays while others come and go: name and version, in signs that every format takes.
    fn ids(&self) -> Vec<String> {
        let mut seen = HashMap::from([(SUBJECT.to_owned(), 1), ("DOCUMENT".to_owned(), 1)]);
        let sign = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let unique = |component: &Component| {
            let plain: String = format!("{}-{}", component.name, component.version).chars().map(sign).collect();
            let mut id = plain.clone();
            // The number goes on where it was, however many there are of a name.
            while seen.contains_key(&id) {
                let number = seen.entry(plain.clone()).or_insert(1);
                *number += 1;
                id = format!("{plain}-{number}");
            }
            seen.insert(id.clone(), 1);
            id
        };
        self.components.iter().map(unique).collect()
    }

    /// A number for this very document, made of all that it tells.
    fn uuid(&self, format: Format) -> String {
        struct Digest(ring::digest::Context);
        impl Write for Digest {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut digest = Digest(ring::digest::Context::new(&ring::digest::SHA256));
        digest.0.update(format.name().as_bytes());
        // Digits by the letter would cost more than the digest.
        let mut buffer = io::BufWriter::new(&mut digest);
        let written = serde_json::to_writer(&mut buffer, self).map_err(io::Error::from).and_then(|()| buffer.flush());
        drop(buffer);
        written.expect("a digest takes everything, and all keys are words");
        let digest = digest.0.finish();
        let mut bytes: [u8; 16] = std::array::from_fn(|at| digest.as_ref()[at]);
        // Version 8 of RFC 9562: bits of one's own making.
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    fn time(&self) -> String {
        let time = Timestamp::from_second(self.created).unwrap_or(Timestamp::UNIX_EPOCH);
        time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// The subject's place among the [`Bom::ids`].
const SUBJECT: &str = "subject";

/// A bill in a format: what serde makes of it is the document. The same bill gives the same bytes.
pub struct Document {
    bom: Bom,
    format: Format,
    /// Of each component.
    ids: Vec<String>,
    uuid: String,
    created: String,
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.format {
            Format::CycloneDx16 => cyclonedx::write(self, "1.6", out),
            Format::CycloneDx17 => cyclonedx::write(self, "1.7", out),
            Format::Spdx23 => spdx2::write(self, out),
            Format::Spdx30 => spdx3::write(self, out),
        }
    }
}

impl Document {
    pub fn new(bom: Bom, format: Format) -> Document {
        Document { ids: bom.ids(), uuid: bom.uuid(format), created: bom.time(), bom, format }
    }

    pub fn bom(&self) -> &Bom {
        &self.bom
    }

    fn tool(&self) -> String {
        format!("omg-{}", self.bom.tool_version)
    }

    /// The subject and its components, each with its name in the document.
    fn each(&self) -> impl Iterator<Item = (&str, &Component)> {
        let components = self.ids.iter().map(String::as_str).zip(&self.bom.components);
        std::iter::once((SUBJECT, &self.bom.subject)).chain(components)
    }

    /// The names of the components at these places.
    fn ids_of(&self, places: &[u32]) -> impl Iterator<Item = &str> {
        places.iter().filter_map(|place| Some(self.ids.get(*place as usize)?.as_str()))
    }

    /// The dependencies of each, and of the subject; those without any left out.
    fn edges(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        let subject = std::iter::once((SUBJECT, &self.bom.roots));
        let components = self.ids.iter().map(String::as_str).zip(self.bom.components.iter().map(|one| &one.depends));
        subject.chain(components).filter_map(|(id, places)| {
            let mut places = places.clone();
            places.sort_unstable();
            places.dedup();
            let to: Vec<&str> = self.ids_of(&places).collect();
            (!to.is_empty()).then_some((id, to))
        })
    }
}

/// A list that is written while it is made.
struct Each<F>(F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: Iterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq((self.0)())
    }
}
