//! What one reader has found: each version in each repository, in one piece of memory.
//!
//! Backends read side by side, each into a part of its own; [`super::joined`] makes one of them.

use super::details::push_field;
use super::intern::beginning;
use crate::model::{Available, CatalogueSink, Problem, Repository, RepositoryId};

/// What one reader has found.
pub struct Part {
    blob: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    pub repositories: Vec<Repository>,
    /// The machine's own architecture; empty for a family that does not name any.
    pub(super) native: String,
    /// The other ones.
    pub(super) architectures: Vec<String>,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Copy)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

/// One version in one repository.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// [`beginning`] of the name.
    pub key: u64,
    pub name: Span,
    pub version: Span,
    pub summary: Span,
    pub fields: Span,
    pub popularity: f32,
    pub repository: RepositoryId,
    pub part: u8,
    /// Place in the part's, later in the joined, list of architectures; 0 is the machine's own.
    pub arch: u8,
}

/// As much text as a whole distribution has. Memory that is not written to costs nothing, and what is copied to make room
/// costs a third of the reader's time.
const ROOM: usize = 64 << 20;

impl Default for Part {
    fn default() -> Part {
        Part {
            blob: Vec::with_capacity(ROOM),
            entries: Vec::new(),
            repositories: Vec::new(),
            native: String::new(),
            architectures: Vec::new(),
            problems: Vec::new(),
        }
    }
}

impl Part {
    fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.blob.len() as u32;
        self.blob.extend_from_slice(bytes);
        Span { start, len: bytes.len() as u32 }
    }

    pub(super) fn text(&self, span: Span) -> &[u8] {
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

    fn native(&mut self, architecture: &str) {
        self.native = architecture.to_owned();
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
