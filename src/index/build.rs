//! Builds a catalogue: gathers what the backends read, joins the versions of a package, and writes the sections.
//!
//! Backends read side by side, each into a [`Part`]; [`write()`] joins them. Order of the sections: omg-index(5).

use super::block::BlockWriter;
use super::details::{DetailsAt, DetailsBuilder, Page, fields, push_field};
use super::intern::{Interner, Xxh3, beginning};
use super::postings::Postings;
use super::rows::{MAX_ROW, RowsBuilder};
use super::{dictionary, varint, words};
use crate::model::{Available, CatalogueSink, Choice, Field, Problem, Repository, RepositoryId, Source, relation};
use std::collections::HashMap;
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

/// What one reader has found.
#[derive(Default)]
pub struct Part {
    blob: Vec<u8>,
    entries: Vec<Entry>,
    pub repositories: Vec<Repository>,
    architectures: Vec<String>,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

/// One version in one repository.
#[derive(Clone, Copy)]
struct Entry {
    /// [`beginning`] of the name.
    key: u64,
    name: Span,
    version: Span,
    summary: Span,
    fields: Span,
    popularity: f32,
    repository: RepositoryId,
    part: u8,
    /// Place in the part's, later in the joined, list of architectures; 0 is the machine's own.
    arch: u8,
}

impl Part {
    fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.blob.len() as u32;
        self.blob.extend_from_slice(bytes);
        Span { start, len: bytes.len() as u32 }
    }

    fn text(&self, span: Span) -> &[u8] {
        &self.blob[span.start as usize..(span.start + span.len) as usize]
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Brings the packages in the order of their names, for its reader's thread to do: to join parts that are in order is
    /// quick.
    pub fn sort(&mut self) {
        let Part { blob, entries, .. } = self;
        let name = |entry: &Entry| &blob[entry.name.start as usize..(entry.name.start + entry.name.len) as usize];
        entries.sort_by(|a, b| a.key.cmp(&b.key).then_with(|| name(a).cmp(name(b))));
    }
}

impl CatalogueSink for Part {
    fn repository(&mut self, repository: Repository) -> RepositoryId {
        self.repositories.push(repository);
        (self.repositories.len() - 1) as RepositoryId
    }

    fn package(&mut self, package: &Available<'_>) {
        let bad = |text: &str| text.is_empty() || text.len() > 255 || text.bytes().any(|b| b <= b' ' || b == 0x7f);
        if bad(package.name) || bad(package.version) || self.blob.len() > (3 << 30) {
            let path = self.repositories.get(usize::from(package.repository)).map_or("", |r| &r.location).into();
            self.problem(Problem {
                path,
                message: format!("package left out: bad name or version {:?}", package.name),
            });
            return;
        }
        let arch = match package.arch {
            "" => 0,
            arch => match self.architectures.iter().position(|known| known == arch) {
                Some(place) => place + 1,
                None => {
                    self.architectures.push(arch.into());
                    self.architectures.len()
                }
            },
        };
        let name = self.keep(package.name.as_bytes());
        let version = self.keep(package.version.as_bytes());
        let summary = self.keep(package.summary.as_bytes());
        let start = self.blob.len() as u32;
        package.fields.iter().for_each(|(field, text)| push_field(&mut self.blob, *field, text.as_bytes()));
        let fields = Span { start, len: self.blob.len() as u32 - start };
        self.entries.push(Entry {
            key: beginning(package.name.as_bytes()),
            name,
            version,
            summary,
            fields,
            popularity: package.popularity,
            repository: package.repository,
            part: 0,
            arch: arch.min(255) as u8,
        });
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// What all parts together are, besides their packages.
#[derive(Clone, Debug, Default, PartialEq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct CatalogueMeta {
    /// Source, name, location, whether it carries security updates.
    pub repositories: Vec<(u8, String, String, bool)>,
    /// Place 0 is the machine's own.
    pub architectures: Vec<String>,
    /// Packages of each source, by the source's number.
    pub packages: [u32; 3],
}

/// The parts, joined and sorted by name, source and architecture.
struct Joined<'p> {
    parts: &'p [Part],
    entries: Vec<Entry>,
    repositories: Vec<Repository>,
    /// Ranges of `entries`: one package each.
    packages: Vec<std::ops::Range<u32>>,
    /// For each package the entry whose version is the candidate, and the row flags.
    candidates: Vec<(u32, u8)>,
}

impl Joined<'_> {
    fn text(&self, entry: &Entry, span: Span) -> &[u8] {
        self.parts[usize::from(entry.part)].text(span)
    }

    fn str(&self, entry: &Entry, span: Span) -> &str {
        std::str::from_utf8(self.text(entry, span)).expect("it was text when it came")
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        self.text(entry, entry.name)
    }

    fn source(&self, entry: &Entry) -> Source {
        self.repositories[usize::from(entry.repository)].source
    }

    fn entries(&self, package: usize) -> &[Entry] {
        let range = &self.packages[package];
        &self.entries[range.start as usize..range.end as usize]
    }

    fn candidate(&self, package: usize) -> &Entry {
        &self.entries[self.candidates[package].0 as usize]
    }
}

/// Joins the parts under the policies' choices and writes the catalogue's sections.
pub fn write<W: Write>(
    parts: Vec<Part>,
    choices: &[(Source, Vec<Choice>)],
    out: &mut BlockWriter<W>,
) -> std::io::Result<CatalogueMeta> {
    let (joined, architectures) = join(&parts, choices);
    let (provided, targets) = std::thread::scope(|scope| {
        let words = scope.spawn(|| words_of(&joined));
        let relations = scope.spawn(|| relations_of(&joined));
        // What this thread has made it writes while the others still work.
        let names = joined.packages.iter().map(|range| joined.name(&joined.entries[range.start as usize]));
        let names = dictionary::build(names);
        out.section(&names.blocks, names.items)?;
        out.section(&names.directory, 0)?;
        let (details, places) = details_of(&joined);
        out.section(&details.offsets, details.offsets.len() as u64 / 4)?;
        out.section(&details.chunks, details.items)?;
        drop(details);
        let rows = rows_of(&joined, &places);
        out.section(&rows.blocks, rows.items)?;
        out.section(&rows.firsts, rows.firsts.len() as u64 / 4)?;
        let words = words.join().expect("the words thread does not panic");
        words.write(out)?;
        let relations = relations.join().expect("the relations thread does not panic");
        Ok::<_, std::io::Error>(relations)
    })?;
    for lists in [&targets.dependants, &provided] {
        lists.write(out)?;
    }
    let candidates = (0..joined.packages.len()).map(|package| joined.candidate(package));
    let signatures: Vec<u8> =
        candidates.clone().flat_map(|entry| signature(joined.name(entry)).to_le_bytes()).collect();
    out.section(&signatures, candidates.len() as u64)?;
    let popularity: Vec<u8> =
        candidates.clone().zip(&targets.wanted).map(|(entry, wanted)| popularity(entry.popularity, *wanted)).collect();
    out.section(&popularity, popularity.len() as u64)?;
    let mut packages = [0; 3];
    candidates.for_each(|entry| packages[joined.source(entry) as usize] += 1);
    let repositories =
        joined.repositories.iter().map(|r| (r.source as u8, r.name.clone(), r.location.clone(), r.security)).collect();
    let meta = CatalogueMeta { repositories, architectures, packages };
    out.section(&rkyv::to_bytes::<rkyv::rancor::Error>(&meta).expect("plain data serialises"), 1)?;
    Ok(meta)
}

fn join<'p>(parts: &'p [Part], choices: &[(Source, Vec<Choice>)]) -> (Joined<'p>, Vec<String>) {
    let mut repositories = Vec::new();
    let mut architectures = vec![String::new()];
    let mut entries = Vec::with_capacity(parts.iter().map(Part::len).sum());
    for (place, part) in parts.iter().enumerate() {
        let base = repositories.len() as RepositoryId;
        repositories.extend(part.repositories.iter().cloned());
        let arch: Vec<u8> = std::iter::once(0)
            .chain(part.architectures.iter().map(|name| {
                architectures.iter().position(|known| known == name).unwrap_or_else(|| {
                    architectures.push(name.clone());
                    architectures.len() - 1
                }) as u8
            }))
            .collect();
        entries.extend(part.entries.iter().map(|entry| Entry {
            part: place as u8,
            repository: base + entry.repository,
            arch: arch[usize::from(entry.arch)],
            ..*entry
        }));
    }
    let mut joined = Joined { parts, entries: Vec::new(), repositories, packages: Vec::new(), candidates: Vec::new() };
    entries.sort_by(|a, b| {
        a.key
            .cmp(&b.key)
            .then_with(|| joined.name(a).cmp(joined.name(b)))
            .then_with(|| joined.source(a).cmp(&joined.source(b)))
            .then_with(|| a.arch.cmp(&b.arch))
            .then_with(|| a.repository.cmp(&b.repository))
    });
    joined.entries = entries;
    let mut start = 0;
    for end in 1..=joined.entries.len() {
        let ended = joined.entries.get(end).is_none_or(|next| {
            let this = &joined.entries[start];
            (next.key, next.arch, joined.source(next)) != (this.key, this.arch, joined.source(this))
                || joined.name(next) != joined.name(this)
        });
        if ended {
            joined.packages.push(start as u32..end as u32);
            start = end;
        }
    }
    choose(&mut joined, &architectures, choices);
    (joined, architectures)
}

/// Finds each package's candidate.
fn choose(joined: &mut Joined<'_>, architectures: &[String], choices: &[(Source, Vec<Choice>)]) {
    let mut chosen: [HashMap<&[u8], Vec<&Choice>, Xxh3>; 3] = Default::default();
    for (source, choices) in choices {
        let chosen = &mut chosen[*source as usize];
        chosen.reserve(choices.len());
        choices.iter().for_each(|choice| chosen.entry(choice.name.as_bytes()).or_default().push(choice));
    }
    joined.candidates = (0..joined.packages.len())
        .map(|package| {
            let first = &joined.entries(package)[0];
            let base = joined.packages[package].start;
            let chosen = &chosen[joined.source(first) as usize];
            if chosen.is_empty() {
                return (base, 0);
            }
            let arch = &architectures[usize::from(first.arch)];
            let choices = chosen.get(joined.name(first)).map_or(&[][..], Vec::as_slice);
            let Some(choice) = choices.iter().find(|choice| choice.arch == *arch) else { return (base, 0) };
            let Some(candidate) = &choice.candidate else { return (base, NO_CANDIDATE) };
            let matches = |entry: &Entry| joined.text(entry, entry.version) == candidate.as_bytes();
            let in_repository =
                |entry: &Entry| joined.repositories[usize::from(entry.repository)].name == choice.repository;
            let entries = joined.entries(package);
            let place = entries
                .iter()
                .position(|entry| matches(entry) && in_repository(entry))
                .or_else(|| entries.iter().position(matches))
                .unwrap_or(0);
            (base + place as u32, 0)
        })
        .collect();
}

/// A dictionary and a list for each of its strings.
struct Lists {
    strings: dictionary::DictionaryBytes,
    postings: (Vec<u8>, Vec<u8>),
}

impl Lists {
    fn new(interner: &Interner, postings: &Postings) -> Lists {
        let sorted = interner.sorted();
        let strings = dictionary::build(sorted.iter().map(|(string, _)| *string));
        let ranks: Vec<u32> = sorted.iter().map(|(_, id)| *id).collect();
        Lists { strings, postings: postings.encode(&ranks) }
    }

    fn write<W: Write>(&self, out: &mut BlockWriter<W>) -> std::io::Result<()> {
        out.section(&self.strings.blocks, self.strings.items)?;
        out.section(&self.strings.directory, 0)?;
        out.section(&self.postings.0, self.strings.items + 1)?;
        out.section(&self.postings.1, self.strings.items)
    }
}

fn words_of(joined: &Joined<'_>) -> Lists {
    let mut interner = Interner::default();
    let mut pairs = Vec::with_capacity(joined.packages.len() * 12);
    let mut room = Vec::new();
    for package in 0..joined.packages.len() {
        let entry = joined.candidate(package);
        let mut add = |text: &str, place: u32| {
            let number = (package as u32) << WORD_BITS | place;
            words::each(text, &mut room, |word| pairs.push((interner.id(word), number)));
        };
        add(joined.str(entry, entry.name), IN_NAME);
        add(joined.str(entry, entry.summary), IN_SUMMARY);
        for (field, text) in fields(joined.text(entry, entry.fields)) {
            if !words::searched(field) {
                continue;
            }
            let Ok(text) = std::str::from_utf8(text) else { continue };
            words::rest(joined.source(entry), field, text).for_each(|text| add(text, IN_REST));
        }
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
    for package in 0..joined.packages.len() {
        let number = package as u32;
        let (from, provided_from) = (dependants.len(), providers.len());
        for entry in joined.entries(package) {
            let source = joined.source(entry);
            for (field, text) in fields(joined.text(entry, entry.fields)) {
                let kind = RELATIONS.iter().position(|relation| *relation == field);
                if kind.is_none() && field != Field::Provides {
                    continue;
                }
                let Ok(text) = std::str::from_utf8(text) else { continue };
                for name in relation::names(source, text).filter(|name| name.len() <= dictionary::MAX_STRING) {
                    match kind {
                        Some(kind) => {
                            dependants.push((targets.id(name.as_bytes()), number << KIND_BITS | kind as u32));
                        }
                        None => providers.push((provided.id(name.as_bytes()), number)),
                    }
                }
            }
        }
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
fn details_of(joined: &Joined<'_>) -> (DetailsBuilder, Vec<DetailsAt>) {
    let (mut details, mut page) = (DetailsBuilder::packed(), Page::default());
    let mut push = |package| {
        page.bytes.clear();
        write_page(joined, package, &mut page);
        details.push(&page.bytes)
    };
    let places = (0..joined.packages.len()).map(&mut push).collect();
    details.finish();
    (details, places)
}

fn rows_of(joined: &Joined<'_>, places: &[DetailsAt]) -> RowsBuilder {
    let mut rows = RowsBuilder::default();
    let mut row = Vec::new();
    for (package, details) in places.iter().enumerate() {
        let entry = joined.candidate(package);
        row.clear();
        row.extend_from_slice(&[joined.source(entry) as u8 | joined.candidates[package].1, entry.arch]);
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

/// The candidate's version first, then the others as the repositories come.
fn write_page(joined: &Joined<'_>, package: usize, page: &mut Page) {
    let candidate = joined.candidate(package);
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
