//! The machine's own packages: what is installed, why, what would replace it, whose each file is, who needs whom.
//!
//! Small, so that it is written anew after every transaction; it names packages of one catalogue by their number, and the
//! status file says of which.

use super::block::{BlockFile, BlockWriter};
use super::catalogue::source;
use super::details::{Details, DetailsAt, DetailsBuilder, Page, VersionDetails, push_field};
use super::dictionary::{self, Dictionary};
use super::error::Result;
use super::intern::Interner;
use super::lists::{self, Lists};
use super::matched::Matched;
use super::owner::{Owners, OwnersBuilder};
use super::postings::{Postings, PostingsReader};
use super::rows::{MAX_ROW, Rows, RowsBuilder};
use super::{build, varint};
use crate::model::{Field, InstallState, Reason, RepositoryId, Source, relation};
use std::cell::OnceCell;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

/// The number in the header that tells a local index from other files.
pub const KIND: u8 = 2;

const NAMES: usize = 0;
const ROWS: usize = 2;
const DETAILS: usize = 4;
const BY_CATALOGUE: usize = 6;
const OWNERS: usize = 7;
const SHARED: usize = 8;
const FORWARD: usize = 10;
const REVERSE: usize = 12;
const OWN_TARGETS: usize = 14;
const ADVISED: usize = 18;
const MATCHED: usize = 19;

/// One package of the machine. Sorted by name, source and architecture; the rank is the package's number here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalRow {
    pub source: Source,
    pub name: String,
    /// Empty for the machine's own architecture.
    pub arch: String,
    pub version: String,
    pub summary: String,
    /// `None`: it is not on the machine any more, and the row keeps what the policy said since the catalogue was built.
    pub state: Option<InstallState>,
    pub reason: Reason,
    pub held: bool,
    pub keep: bool,
    /// The candidate is newer than what is installed.
    pub upgradable: bool,
    /// The upgrade brings a security update.
    pub security: bool,
    /// In no repository.
    pub foreign: bool,
    /// Came as a dependency, and nothing asks for it any more.
    pub orphan: bool,
    /// Its number in the catalogue.
    pub catalogue: Option<u32>,
    /// Empty where no version is allowed.
    pub candidate: String,
    /// Where the candidate would come from; `None` where only the machine has it.
    pub repository: Option<RepositoryId>,
    /// The package of another name that an upgrade puts in its place; empty for none.
    pub replaced_by: String,
    pub size_bytes: u64,
    pub details: DetailsAt,
}

impl LocalRow {
    /// Whether it counts as installed (its files are there, at least in part).
    pub fn installed(&self) -> bool {
        matches!(self.state, Some(InstallState::Installed | InstallState::Broken))
    }
}

/// A package on its way into the index.
pub struct NewLocal {
    pub row: LocalRow,
    pub fields: Vec<(Field, String)>,
}

/// One step from a package to one that it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub from: u32,
    pub to: u32,
    /// Place in [`build::RELATIONS`].
    pub kind: u8,
}

/// An installed package as advisories know it: apt's by its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advised {
    pub source: Source,
    pub name: String,
    pub version: String,
    /// The package's.
    pub rank: u32,
}

/// Writes the sections. `packages` are sorted by name, source and architecture; `edges` and the owners' numbers are ranks in it.
/// `native` is the machine's own architecture, `matched` what advisories say of them, where there are any.
pub fn write<W: Write>(
    packages: &[NewLocal],
    edges: &[Edge],
    owners: OwnersBuilder,
    native: &str,
    matched: Option<&Matched>,
    out: &mut BlockWriter<W>,
) -> std::io::Result<()> {
    let names = dictionary::build(packages.iter().map(|p| p.row.name.as_bytes()));
    out.section(&names.blocks, names.items)?;
    out.section(&names.directory, 0)?;
    let (mut rows, mut details, mut page) = (RowsBuilder::default(), DetailsBuilder::default(), Page::default());
    let mut by_catalogue: Vec<(u32, u32)> = Vec::new();
    for (rank, package) in packages.iter().enumerate() {
        let mut fields = Vec::new();
        package.fields.iter().for_each(|(field, text)| push_field(&mut fields, *field, text.as_bytes()));
        page.bytes.clear();
        page.version(package.row.version.as_bytes(), &[], &fields);
        rows.push(&encode(&package.row, details.push(&page.bytes)));
        if let (Some(id), true) = (package.row.catalogue, package.row.installed()) {
            by_catalogue.push((id, rank as u32));
        }
    }
    rows.flush();
    details.finish();
    out.section(&rows.blocks, rows.items)?;
    out.section(&rows.firsts, rows.firsts.len() as u64 / 4)?;
    out.section(&details.offsets, details.offsets.len() as u64 / 4)?;
    out.section(&details.chunks, details.items)?;
    by_catalogue.sort_unstable();
    let pairs: Vec<u8> =
        by_catalogue.iter().flat_map(|(id, rank)| [id.to_le_bytes(), rank.to_le_bytes()].concat()).collect();
    out.section(&pairs, by_catalogue.len() as u64 * 2)?;
    owners.write(out)?;
    let all: Vec<u32> = (0..packages.len() as u32).collect();
    let lists = |from: fn(&Edge) -> u32, to: fn(&Edge) -> u32| {
        let mut pairs: Vec<(u32, u32)> =
            edges.iter().map(|e| (from(e), to(e) << build::KIND_BITS | u32::from(e.kind))).collect();
        pairs.sort_unstable();
        Postings::group(packages.len(), &pairs)
    };
    lists(|e| e.from, |e| e.to).write(&all, out)?;
    lists(|e| e.to, |e| e.from).write(&all, out)?;
    own_targets(packages, native).write(out)?;
    let advised = advised(packages);
    let mut bytes = Vec::new();
    for Advised { source, name, version, rank } in &advised {
        bytes.push(*source as u8);
        varint::push(&mut bytes, u64::from(*rank));
        varint::push_bytes(&mut bytes, name.as_bytes());
        varint::push_bytes(&mut bytes, version.as_bytes());
    }
    out.section(&bytes, advised.len() as u64)?;
    out.section(&matched.map(Matched::encode).unwrap_or_default(), matched.map_or(0, |all| all.groups.len() as u64))
}

/// The name and the version that advisories speak of: those of the source where apt's packages come of another one, since that is
/// what Debian and Ubuntu mend.
pub fn advised_as(NewLocal { row, fields }: &NewLocal) -> (&str, &str) {
    let field = |wanted: Field| fields.iter().find(|(field, _)| *field == wanted).map(|(_, text)| text.as_str());
    let of_source = |wanted: Field| field(wanted).filter(|_| row.source == Source::Apt);
    (of_source(Field::Base).unwrap_or(&row.name), of_source(Field::BaseVersion).unwrap_or(&row.version))
}

/// Each installed package so, sorted, so that a scan reads both files from front to back.
pub fn advised(packages: &[NewLocal]) -> Vec<Advised> {
    let installed = (0u32..).zip(packages).filter(|(_, package)| package.row.installed());
    let mut all: Vec<Advised> = installed
        .map(|(rank, package)| {
            let (name, version) = advised_as(package);
            Advised { source: package.row.source, name: name.to_owned(), version: version.to_owned(), rank }
        })
        .collect();
    all.sort_unstable();
    all
}

/// What the versions ask for that are not the candidate, or that no repository has: of these the catalogue may not speak.
fn own_targets(packages: &[NewLocal], native: &str) -> Lists {
    let mut targets = Interner::default();
    let mut pairs = Vec::new();
    for (rank, NewLocal { row, fields }) in (0u32..).zip(packages) {
        if !row.installed() || row.repository.is_some() && row.version == row.candidate {
            continue;
        }
        for (field, text) in fields {
            let Some(kind) = build::RELATIONS.iter().position(|relation| relation == field) else { continue };
            let names = relation::targets(row.source, native, text);
            let names: Vec<&str> = names.filter(|name| name.len() <= dictionary::MAX_STRING).collect();
            let number = rank << build::KIND_BITS | kind as u32;
            targets.ids(names.iter().map(|name| name.as_bytes()), |_, id| pairs.push((id, number)));
        }
    }
    pairs.sort_unstable();
    Lists::new(&targets, &Postings::group(targets.len(), &pairs))
}

const HELD: u8 = 1;
const KEEP: u8 = 2;
const UPGRADABLE: u8 = 4;
const SECURITY: u8 = 8;
const FOREIGN: u8 = 16;
const ORPHAN: u8 = 32;
const ABSENT: u8 = 3;
const NOWHERE: u32 = u32::MAX;

fn encode(row: &LocalRow, details: DetailsAt) -> Vec<u8> {
    let flags = [
        (row.held, HELD),
        (row.keep, KEEP),
        (row.upgradable, UPGRADABLE),
        (row.security, SECURITY),
        (row.foreign, FOREIGN),
        (row.orphan, ORPHAN),
    ];
    let flags = flags.iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag);
    let mut out = vec![row.source as u8, row.state.map_or(ABSENT, |s| s as u8), row.reason as u8, flags];
    out.extend_from_slice(&row.catalogue.unwrap_or(NOWHERE).to_le_bytes());
    out.extend_from_slice(&row.repository.map_or(NOWHERE, u32::from).to_le_bytes());
    out.extend_from_slice(&details.chunk.to_le_bytes());
    out.extend_from_slice(&details.offset.to_le_bytes());
    out.extend_from_slice(&row.size_bytes.to_le_bytes());
    for text in [&row.name, &row.arch, &row.version, &row.candidate, &row.replaced_by] {
        varint::push_bytes(&mut out, build::shortened(text.as_bytes(), 300));
    }
    let room = MAX_ROW - out.len() - 2;
    varint::push_bytes(&mut out, build::shortened(row.summary.as_bytes(), room));
    out
}

fn decode(bytes: &[u8]) -> Option<LocalRow> {
    let head: &[u8; 26] = bytes.get(..26)?.try_into().ok()?;
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    let some = |number: u32| (number != NOWHERE).then_some(number);
    let state = match head[1] {
        0 => Some(InstallState::Installed),
        1 => Some(InstallState::ConfigFiles),
        2 => Some(InstallState::Broken),
        ABSENT => None,
        _ => return None,
    };
    let mut at = head.len();
    let mut text = || Some(varint::text(varint::pull_bytes(bytes, &mut at)?));
    let flag = |flag: u8| head[3] & flag != 0;
    Some(LocalRow {
        source: source(head[0])?,
        state,
        reason: if head[2] == 0 { Reason::Explicit } else { Reason::Dependency },
        held: flag(HELD),
        keep: flag(KEEP),
        upgradable: flag(UPGRADABLE),
        security: flag(SECURITY),
        foreign: flag(FOREIGN),
        orphan: flag(ORPHAN),
        catalogue: some(number(4)),
        repository: some(number(8)).map(|id| id as RepositoryId),
        details: DetailsAt { chunk: number(12), offset: u16::from_le_bytes([head[16], head[17]]) },
        size_bytes: u64::from_le_bytes(head[18..26].try_into().ok()?),
        name: text()?,
        arch: text()?,
        version: text()?,
        candidate: text()?,
        replaced_by: text()?,
        summary: text()?,
    })
}

/// An open local index.
pub struct Local {
    file: Rc<BlockFile>,
    rows: Rows,
    names: OnceCell<Dictionary>,
}

impl Local {
    pub fn open(path: &Path) -> Result<Local> {
        let file = Rc::new(BlockFile::open(path, KIND)?);
        let rows = Rows::open(&file, ROWS)?;
        Ok(Local { file, rows, names: OnceCell::new() })
    }

    pub fn file(&self) -> &BlockFile {
        &self.file
    }

    pub fn len(&self) -> u32 {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn names(&self) -> Result<&Dictionary> {
        if self.names.get().is_none() {
            let names = Dictionary::open(&self.file, NAMES)?;
            if names.len() != self.len() {
                return Err(self.file.damaged("not as many names as packages"));
            }
            let _ = self.names.set(names);
        }
        Ok(self.names.get().expect("set above"))
    }

    pub fn find(&self, name: &str) -> Result<Range<u32>> {
        self.names()?.find(name.as_bytes())
    }

    pub fn row(&self, rank: u32) -> Result<LocalRow> {
        let (block, at) = self.rows.row(rank)?;
        decode(&block[at..]).ok_or_else(|| self.file.damaged("a package makes no sense"))
    }

    /// Calls back with every package in order, those no longer installed too.
    pub fn scan(&self, mut each: impl FnMut(u32, LocalRow) -> Result<()>) -> Result<()> {
        self.rows
            .scan(|rank, bytes| each(rank, decode(bytes).ok_or_else(|| self.file.damaged("a package makes no sense"))?))
    }

    pub fn details(&self, row: &LocalRow) -> Result<VersionDetails> {
        let mut versions = Details::open(&self.file, DETAILS)?.page(row.details)?;
        versions.pop().ok_or_else(|| self.file.damaged("a page makes no sense"))
    }

    /// Catalogue number and own rank of every installed package that some repository has, ascending by catalogue number.
    pub fn by_catalogue(&self) -> Result<Vec<(u32, u32)>> {
        let section = self.file.section(BY_CATALOGUE)?;
        let mut bytes = Vec::new();
        self.file.bytes(section, 0, section.len as usize, &mut bytes)?;
        let number = |piece: &[u8]| u32::from_le_bytes(piece.try_into().expect("four bytes"));
        Ok(bytes.chunks_exact(8).map(|pair| (number(&pair[..4]), number(&pair[4..]))).collect())
    }

    /// The ranks of the packages that own a path, given as the database would.
    pub fn owners(&self, path: &[u8]) -> Result<Vec<u32>> {
        Owners::open(&self.file, OWNERS, SHARED)?.find(path)
    }

    /// What a package asks for among the installed: rank and place in [`build::RELATIONS`].
    pub fn asks_for(&self, rank: u32) -> Result<Vec<(u32, u8)>> {
        self.edges(FORWARD, rank)
    }

    /// Who among the installed asks for a package.
    pub fn asked_by(&self, rank: u32) -> Result<Vec<(u32, u8)>> {
        self.edges(REVERSE, rank)
    }

    fn edges(&self, section: usize, rank: u32) -> Result<Vec<(u32, u8)>> {
        let mut out = Vec::new();
        PostingsReader::open(&self.file, section)?.each(rank, |number| {
            out.push((number >> build::KIND_BITS, (number & ((1 << build::KIND_BITS) - 1)) as u8));
        })?;
        if out.iter().any(|(to, _)| *to >= self.len()) {
            return Err(self.file.damaged("a relation to no package"));
        }
        Ok(out)
    }

    /// Who asks for a name in a version that is installed and not what a repository would bring, by its rank, each with the
    /// relation's field.
    pub fn own_dependants(&self, name: &str) -> Result<Vec<(u32, Field)>> {
        lists::of(&self.file, OWN_TARGETS, name, lists::relation)
    }

    /// Every installed package under the name and the version that advisories speak of, with its rank; sorted by source and name.
    pub fn advised(&self) -> Result<Vec<Advised>> {
        let section = self.file.section(ADVISED)?;
        let mut bytes = Vec::new();
        self.file.bytes(section, 0, section.len as usize, &mut bytes)?;
        let (mut all, mut at) = (Vec::new(), 0);
        let mut next = || {
            let tag = *bytes.get(at)?;
            at += 1;
            let rank = varint::pull(&bytes, &mut at)? as u32;
            let name = varint::text(varint::pull_bytes(&bytes, &mut at)?);
            let version = varint::text(varint::pull_bytes(&bytes, &mut at)?);
            Some(Advised { source: source(tag)?, name, version, rank })
        };
        for _ in 0..section.items {
            let advised = next().filter(|advised| advised.rank < self.len());
            all.push(advised.ok_or_else(|| self.file.damaged("what advisories speak of makes no sense"))?);
        }
        Ok(all)
    }

    /// What advisories say of the installed, where it was worked out from those of that generation.
    pub fn matched(&self, generation: u64) -> Result<Option<Matched>> {
        let section = self.file.section(MATCHED)?;
        if section.len == 0 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.file.bytes(section, 0, section.len as usize, &mut bytes)?;
        if Matched::generation_of(&bytes) != Some(generation) {
            return Ok(None);
        }
        let matched = Matched::decode(&bytes);
        matched.map(Some).ok_or_else(|| self.file.damaged("what advisories say of the installed makes no sense"))
    }

    /// Checks every block and every row, for `omg doctor`.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        self.scan(|_, _| Ok(()))
    }
}
