//! Builds a catalogue: joins what the backends read and writes the sections. Their order and layout: omg-index(5).

use super::block::BlockWriter;
use super::details::{DetailsAt, DetailsBuilder, Page, fields};
use super::intern::Interner;
use super::joined::{Decided, Joined, decide, join};
use super::lists::Lists;
use super::part::{Entry, Part};
use super::postings::Postings;
use super::rows::{MAX_ROW, RowsBuilder};
use super::{dictionary, sieve, varint, words};
use crate::model::{Choice, Field, Source, relation};
use anyhow::Result;
use std::io::Write;

/// Where in a package a word stands: the low bits of a number in the words' lists.
pub const IN_NAME: u32 = 0;
pub const IN_SUMMARY: u32 = 1;
/// Long description, groups and provided names: found as the peers find them, ranked last.
pub const IN_REST: u32 = 2;
pub const WORD_BITS: u32 = 2;
/// How many low bits of a number in the dependants' lists say which kind of relation it is.
pub const KIND_BITS: u32 = 4;

/// The relations that make one package depend on another's name, by their number in the dependants' lists.
pub const RELATIONS: [Field; 11] = [
    Field::Depends,
    Field::PreDepends,
    Field::Recommends,
    Field::Suggests,
    Field::Enhances,
    Field::OptDepends,
    Field::MakeDepends,
    Field::CheckDepends,
    Field::Conflicts,
    Field::Breaks,
    Field::Replaces,
];

/// Row flag, beside the source's number: the policy allows no version of this package.
pub const NO_CANDIDATE: u8 = 0x80;
/// Bytes of a row before its texts: source and flag, architecture, repository (u16), chunk (u32) and offset (u16) of its page.
pub const ROW_HEAD: usize = 10;

/// What all parts together are, besides their packages.
#[derive(Clone, Debug, Default, PartialEq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct CatalogueMeta {
    pub repositories: Vec<StoredRepository>,
    /// Place 0 is the machine's own; empty where nobody names it.
    pub architectures: Vec<String>,
    /// Packages of each source, by the source's number.
    pub packages: [u32; 3],
}

/// A [`Repository`](crate::model::Repository) in the index.
#[derive(Clone, Debug, PartialEq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct StoredRepository {
    pub source: u8,
    pub name: String,
    pub location: String,
    pub security: bool,
    pub priority: Option<i32>,
    pub own: bool,
    pub signed: bool,
}

/// What the policies decided.
pub type Choices = Vec<(Source, Vec<Choice>)>;

/// Joins the parts under the policies' choices and writes the catalogue's sections. The choices may come late: what does not
/// depend on them is made meanwhile.
pub fn write<W: Write>(
    parts: Vec<Part>,
    choices: impl FnOnce() -> Result<Choices>,
    out: &mut BlockWriter<W>,
) -> Result<CatalogueMeta> {
    let joined = &join(&parts);
    let meta = std::thread::scope(|scope| {
        let relations = scope.spawn(|| relations_of(joined));
        // What this thread has made it writes while others still work.
        let names = joined.packages.iter().map(|range| joined.name(&joined.entries[range.start as usize]));
        let names = dictionary::build(names);
        out.section(&names.blocks, names.items)?;
        out.section(&names.directory, 0)?;
        let decided = &decide(joined, &choices()?);
        std::thread::scope(|scope| {
            let words = scope.spawn(|| {
                let words = words_of(decided);
                let sieve = sieve::build(&words.strings);
                (words, sieve)
            });
            let (details, places) = details_of(decided);
            out.section(&details.offsets, details.offsets.len() as u64 / 4)?;
            out.section(&details.chunks, details.items)?;
            drop(details);
            let rows = rows_of(decided, &places);
            out.section(&rows.blocks, rows.items)?;
            out.section(&rows.firsts, rows.firsts.len() as u64 / 4)?;
            let signatures = signatures_of(decided);
            out.section(&signatures, signatures.len() as u64 / 4)?;
            let (words, sieve) = words.join().expect("the words thread does not panic");
            words.write(out)?;
            out.section(&sieve, 0)
        })?;
        let (provided, targets) = relations.join().expect("the relations thread does not panic");
        targets.dependants.write(out)?;
        provided.write(out)?;
        let candidates = (0..joined.packages.len()).map(|package| decided.candidate(package));
        let asked = candidates.clone().zip(&targets.wanted);
        let popularity: Vec<u8> = asked.map(|(entry, wanted)| popularity(entry.popularity, *wanted)).collect();
        out.section(&popularity, popularity.len() as u64)?;
        let meta = meta_of(joined, candidates);
        out.section(&rkyv::to_bytes::<rkyv::rancor::Error>(&meta).expect("plain data serialises"), 1)?;
        Ok(meta)
    });
    // To give back a hundred megabytes takes a while, and nobody has to wait for it.
    std::thread::spawn(|| drop(parts));
    meta
}

fn meta_of<'e>(joined: &Joined<'_>, candidates: impl Iterator<Item = &'e Entry>) -> CatalogueMeta {
    let mut packages = [0; 3];
    candidates.for_each(|entry| packages[joined.source(entry) as usize] += 1);
    let repositories = joined.repositories.iter().map(|r| StoredRepository {
        source: r.source as u8,
        name: r.name.clone(),
        location: r.location.clone(),
        security: r.security,
        priority: r.priority,
        own: r.own,
        signed: r.signed,
    });
    let repositories = repositories.collect();
    let native = joined.parts.iter().map(|part| &part.native).find(|native| !native.is_empty());
    let mut architectures = joined.architectures.clone();
    architectures[0] = native.cloned().unwrap_or_default();
    CatalogueMeta { repositories, architectures, packages }
}

/// One package's words.
#[derive(Default)]
struct Words {
    text: Vec<u8>,
    /// Where each ends in `text`, and its place in the package.
    ends: Vec<(u32, u8)>,
    /// For [`words::each`].
    room: Vec<u8>,
}

impl Words {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn add(&mut self, text: &str, place: u32) {
        let Words { text: all, ends, room } = self;
        words::each(text, room, |word| {
            all.extend_from_slice(word);
            ends.push((all.len() as u32, place as u8));
        });
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        starts.zip(&self.ends).map(|(start, (end, _))| &self.text[start as usize..*end as usize])
    }
}

fn words_of(decided: &Decided<'_>) -> Lists {
    let joined = decided.joined;
    let mut interner = Interner::default();
    let mut pairs = Vec::with_capacity(joined.packages.len() * 32);
    let mut found = Words::default();
    for package in 0..joined.packages.len() {
        let entry = decided.candidate(package);
        found.clear();
        found.add(joined.str(entry, entry.name), IN_NAME);
        found.add(joined.str(entry, entry.summary), IN_SUMMARY);
        for (field, text) in fields(joined.text(entry, entry.fields)) {
            if !words::searched(field) {
                continue;
            }
            let Ok(text) = std::str::from_utf8(text) else { continue };
            words::rest(joined.source(entry), field, text).for_each(|text| found.add(text, IN_REST));
        }
        let number = (package as u32) << WORD_BITS;
        interner.ids(found.iter(), |at, id| pairs.push((id, number | u32::from(found.ends[at].1))));
    }
    // Within one package a word's places come in ascending order already, but for a summary that is repeated.
    let postings = Postings::group(interner.len(), &pairs);
    Lists::new(&interner, &postings)
}

/// Who depends on each name, and how many do.
struct Targets {
    dependants: Lists,
    /// For each package how many others ask for it by a real dependency.
    wanted: Vec<u32>,
}

fn relations_of(joined: &Joined<'_>) -> (Lists, Targets) {
    let (mut targets, mut provided) = (Interner::default(), Interner::default());
    let mut dependants: Vec<(u32, u32)> = Vec::new();
    let mut providers: Vec<(u32, u32)> = Vec::new();
    // One package's, with the numbers for their lists.
    let (mut asked, mut offered): (Vec<(&str, u32)>, Vec<&str>) = (Vec::new(), Vec::new());
    for package in 0..joined.packages.len() {
        let number = package as u32;
        asked.clear();
        offered.clear();
        for entry in joined.entries(package) {
            let (source, native) = (joined.source(entry), &joined.parts[usize::from(entry.part)].native);
            for (field, text) in fields(joined.text(entry, entry.fields)) {
                let kind = RELATIONS.iter().position(|relation| *relation == field);
                if kind.is_none() && field != Field::Provides {
                    continue;
                }
                let Ok(text) = std::str::from_utf8(text) else { continue };
                let short = |name: &&str| name.len() <= dictionary::MAX_STRING;
                match kind {
                    Some(kind) => {
                        let number = number << KIND_BITS | kind as u32;
                        asked.extend(relation::targets(source, native, text).filter(short).map(|name| (name, number)));
                    }
                    None => offered.extend(relation::names(source, text).filter(short)),
                }
            }
        }
        let (from, provided_from) = (dependants.len(), providers.len());
        targets.ids(asked.iter().map(|(name, _)| name.as_bytes()), |at, id| dependants.push((id, asked[at].1)));
        provided.ids(offered.iter().map(|name| name.as_bytes()), |_, id| providers.push((id, number)));
        dependants[from..].sort_unstable();
        providers[provided_from..].sort_unstable();
    }
    let dependants = Postings::group(targets.len(), &dependants);
    let wanted = joined
        .packages
        .iter()
        .map(|range| {
            let name = joined.name(&joined.entries[range.start as usize]);
            targets.known(name).map_or(0, |id| {
                dependants.list(id).iter().filter(|&&number| number & ((1 << KIND_BITS) - 1) < 3).count() as u32
            })
        })
        .collect();
    let providers = Postings::group(provided.len(), &providers);
    let dependants = Lists::new(&targets, &dependants);
    (Lists::new(&provided, &providers), Targets { dependants, wanted })
}

/// Every package's page, and where each is.
fn details_of(decided: &Decided<'_>) -> (DetailsBuilder, Vec<DetailsAt>) {
    let joined = decided.joined;
    let (mut details, mut page) = (DetailsBuilder::packed(), Page::default());
    let mut push = |package| {
        page.bytes.clear();
        write_page(decided, package, &mut page);
        details.push(&page.bytes)
    };
    let places = (0..joined.packages.len()).map(&mut push).collect();
    details.finish();
    (details, places)
}

fn rows_of(decided: &Decided<'_>, places: &[DetailsAt]) -> RowsBuilder {
    let joined = decided.joined;
    let mut rows = RowsBuilder::default();
    let mut row = Vec::new();
    for (package, details) in places.iter().enumerate() {
        let entry = decided.candidate(package);
        row.clear();
        row.extend_from_slice(&[joined.source(entry) as u8 | decided.flags(package), entry.arch]);
        row.extend_from_slice(&entry.repository.to_le_bytes());
        row.extend_from_slice(&details.chunk.to_le_bytes());
        row.extend_from_slice(&details.offset.to_le_bytes());
        varint::push_bytes(&mut row, joined.text(entry, entry.version));
        let room = MAX_ROW - row.len() - 2;
        varint::push_bytes(&mut row, shortened(joined.text(entry, entry.summary), room));
        rows.push(&row);
    }
    rows.flush();
    rows
}

fn signatures_of(decided: &Decided<'_>) -> Vec<u8> {
    let joined = decided.joined;
    let mut out = Vec::with_capacity(4 * joined.packages.len());
    for package in 0..joined.packages.len() {
        out.extend_from_slice(&signature(joined.name(decided.candidate(package))).to_le_bytes());
    }
    out
}

/// The candidate's version first, then the others as the repositories come.
fn write_page(decided: &Decided<'_>, package: usize, page: &mut Page) {
    let joined = decided.joined;
    let candidate = decided.candidate(package);
    let entries = joined.entries(package);
    let version_of = |entry: &Entry| joined.text(entry, entry.version);
    let mut written: Vec<&[u8]> = Vec::new();
    for entry in std::iter::once(candidate).chain(entries) {
        let version = version_of(entry);
        if written.contains(&version) {
            continue;
        }
        let origins: Vec<_> = entries.iter().filter(|e| version_of(e) == version).map(|e| e.repository).collect();
        page.version(version, &origins, joined.text(entry, entry.fields));
        written.push(version);
    }
}

/// At most `room` bytes of a text, cut at a character.
pub fn shortened(text: &[u8], room: usize) -> &[u8] {
    if text.len() <= room {
        return text;
    }
    let end = (0..=room).rev().find(|&end| text[end] & 0xc0 != 0x80).unwrap_or(0);
    &text[..end]
}

/// AUR's popularity and the number of packages that ask for this one, each on a logarithmic scale of a byte.
fn popularity(popularity: f32, wanted: u32) -> u8 {
    let votes = (1.0 + f64::from(popularity.max(0.0)) * 20.0).ln() * 18.0;
    let asked = (1.0 + f64::from(wanted)).ln() * 24.0;
    votes.max(asked).min(255.0) as u8
}

/// Which letters and digits a name holds, a bit each: two names within two edits of each other differ in at most four.
pub fn signature(name: &[u8]) -> u32 {
    name.iter().fold(0, |bits, &byte| {
        bits | match byte.to_ascii_lowercase() {
            letter @ b'a'..=b'z' => 1 << (letter - b'a'),
            b'0'..=b'9' => 1 << 26,
            b'-' => 1 << 27,
            b'+' | b'.' => 1 << 28,
            _ => 1 << 29,
        }
    })
}
