//! The parts in one order, a package's versions together, and the candidates among them.

use super::build::NO_CANDIDATE;
use super::intern::Xxh3;
use super::part::{Entry, Part, Span};
use crate::model::{Choice, Repository, RepositoryId, Source};
use std::collections::HashMap;

/// The parts, joined and sorted by name, source and architecture.
pub(super) struct Joined<'p> {
    pub parts: &'p [Part],
    pub entries: Vec<Entry>,
    pub repositories: Vec<Repository>,
    /// Place 0 is the machine's own and has no name.
    pub architectures: Vec<String>,
    /// Ranges of `entries`: one package each.
    pub packages: Vec<std::ops::Range<u32>>,
}

impl Joined<'_> {
    pub fn text(&self, entry: &Entry, span: Span) -> &[u8] {
        self.parts[usize::from(entry.part)].text(span)
    }

    pub fn str(&self, entry: &Entry, span: Span) -> &str {
        std::str::from_utf8(self.text(entry, span)).expect("it was text when it came")
    }

    pub fn name(&self, entry: &Entry) -> &[u8] {
        self.text(entry, entry.name)
    }

    pub fn source(&self, entry: &Entry) -> Source {
        self.repositories[usize::from(entry.repository)].source
    }

    pub fn entries(&self, package: usize) -> &[Entry] {
        let range = &self.packages[package];
        &self.entries[range.start as usize..range.end as usize]
    }
}

pub(super) fn join(parts: &[Part]) -> Joined<'_> {
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
    let mut joined = Joined { parts, entries: Vec::new(), repositories, architectures, packages: Vec::new() };
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
    joined
}

/// The joined parts, and what the policies say of them.
pub(super) struct Decided<'j> {
    pub joined: &'j Joined<'j>,
    /// For each package the entry whose version is the candidate, and the row flags.
    candidates: Vec<(u32, u8)>,
}

impl Decided<'_> {
    pub fn candidate(&self, package: usize) -> &Entry {
        &self.joined.entries[self.candidates[package].0 as usize]
    }

    pub fn flags(&self, package: usize) -> u8 {
        self.candidates[package].1
    }
}

/// Finds each package's candidate.
pub(super) fn decide<'j>(joined: &'j Joined<'_>, choices: &[(Source, Vec<Choice>)]) -> Decided<'j> {
    let mut chosen: [HashMap<&[u8], Vec<&Choice>, Xxh3>; 3] = Default::default();
    for (source, choices) in choices {
        let chosen = &mut chosen[*source as usize];
        chosen.reserve(choices.len());
        choices.iter().for_each(|choice| chosen.entry(choice.name.as_bytes()).or_default().push(choice));
    }
    let candidates = (0..joined.packages.len())
        .map(|package| {
            let first = &joined.entries(package)[0];
            let base = joined.packages[package].start;
            let chosen = &chosen[joined.source(first) as usize];
            if chosen.is_empty() {
                return (base, 0);
            }
            let arch = &joined.architectures[usize::from(first.arch)];
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
    Decided { joined, candidates }
}
