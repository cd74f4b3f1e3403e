//! Everything that publishers of advisories say about packages, so that to ask about one package is a look-up.
//!
//! A file of its own: it changes when its publishers say something new, and not with the packages. It holds no order of versions:
//! whoever asks brings the ecosystem's. Of most packages every fault is mended in some version, and what is installed is not below
//! the highest of these: such a package costs one comparison.

use super::block::{BlockFile, BlockWriter, Section};
use super::dictionary::{self, Dictionary};
use super::error::Result;
use super::rows::{Rows, RowsBuilder};
use super::status::Input;
use super::varint;
use crate::model::{Advisory, Affected, Ranking, Severity, Standing, Turn, VersionOrder};
use std::io::Write;
use std::path::Path;
use std::rc::Rc;

/// The number in the header that tells it from other files.
pub const KIND: u8 = 4;
/// Its name in the index folder.
pub const NAME: &str = "advisories";

const KEYS: usize = 0;
const STARTS: usize = 2;
const ENTRIES: usize = 3;
const TEXTS: usize = 4;
const META: usize = 6;
const HEADS: usize = 7;

/// What it was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Meta {
    /// The files that were read, as they were.
    pub inputs: Vec<Input>,
    /// The release that was asked about: a code name of Debian's, or a distribution as OSV calls it.
    pub release: String,
    /// Data older than this were not to be relied on, by the settings of whoever had it made.
    pub max_age_days: u32,
    pub publishers: Vec<Publisher>,
}

/// One source of advisories.
#[derive(Clone, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Publisher {
    pub name: String,
    pub address: String,
    /// When its data were known to be its newest, in seconds since 1970; 0 where there are none.
    pub checked: i64,
    /// How many advisories, or rankings, it gave.
    pub count: u32,
    /// What could not be read, the first few; and how many there were.
    pub problems: Vec<String>,
    pub problem_count: u32,
    /// Why it may have said something of any package that is not here; empty where it has not.
    pub fault: String,
    /// The packages, as `ecosystem/name` and ascending, of which a record could not be read, and what is the matter with the first.
    pub unread: Vec<(String, String)>,
}

impl Publisher {
    /// Why not all is known that it says of a package; `None` where it is.
    pub fn fault_of(&self, (ecosystem, package): (&str, &str)) -> Option<&str> {
        if !self.fault.is_empty() {
            return Some(&self.fault);
        }
        let key = key(ecosystem, package);
        let at = self.unread.binary_search_by(|(known, _)| known.as_str().cmp(&key)).ok()?;
        Some(&self.unread[at].1)
    }
}

/// Writes the sections. `advisories` are sorted by ecosystem and package. `order` knows the order of versions of those ecosystems that
/// have a total one.
pub fn write<'o, W: Write>(
    advisories: &[Advisory],
    meta: &Meta,
    order: &dyn Fn(&str) -> Option<VersionOrder<'o>>,
    out: &mut BlockWriter<W>,
) -> std::io::Result<()> {
    let (mut keys, mut starts, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    let (mut texts, mut heads) = (RowsBuilder::default(), RowsBuilder::default());
    let mut rank = 0;
    for group in advisories.chunk_by(|a, b| (&a.ecosystem, &a.package) == (&b.ecosystem, &b.package)) {
        keys.push(key(&group[0].ecosystem, &group[0].package));
        starts.extend_from_slice(&(entries.len() as u32).to_le_bytes());
        let order = order(&group[0].ecosystem);
        let is_plain = |advisory: &Advisory| order.is_some() && advisory.affected.plainly_below().is_some();
        let fixed = group.iter().filter_map(|advisory| advisory.affected.plainly_below());
        let highest = order.and_then(|order| fixed.reduce(|a, b| if order(a, b).is_ge() { a } else { b }));
        let has_others = !group.iter().all(is_plain);
        for advisory in group {
            encode(advisory, rank, &mut entries);
            texts.push(&text(advisory));
            rank += 1;
        }
        // A version that is too long for a row is none that anybody has.
        let highest = highest.filter(|highest| highest.len() <= MAX_HIGHEST).unwrap_or_default();
        let mut head = Vec::new();
        varint::push_bytes(&mut head, highest.as_bytes());
        head.push(u8::from(highest.is_empty() || has_others));
        heads.push(&head);
    }
    if entries.len() > u32::MAX as usize {
        return Err(std::io::Error::other("more advisories than the index can hold"));
    }
    starts.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    let keys = dictionary::build(keys.iter().map(|key| key.as_bytes()));
    out.section(&keys.blocks, keys.items)?;
    out.section(&keys.directory, 0)?;
    out.section(&starts, keys.items + 1)?;
    out.section(&entries, u64::from(rank))?;
    texts.flush();
    out.section(&texts.blocks, texts.items)?;
    out.section(&texts.firsts, texts.firsts.len() as u64 / 4)?;
    out.section(&rkyv::to_bytes::<rkyv::rancor::Error>(meta).expect("plain data serialises"), 1)?;
    heads.flush();
    out.section(&heads.blocks, heads.items)?;
    out.section(&heads.firsts, heads.firsts.len() as u64 / 4)
}

/// Of the highest version that mends something.
const MAX_HIGHEST: usize = 1000;

fn key(ecosystem: &str, package: &str) -> String {
    format!("{ecosystem}/{package}")
}

const EXPLOITED: u8 = 1;
const RANSOMWARE: u8 = 2;
/// In place of a severity or a score.
const NONE: u8 = 255;

pub(super) fn encode(advisory: &Advisory, rank: u32, out: &mut Vec<u8>) {
    let Advisory { severity, score, standing, affected, ranking, .. } = advisory;
    varint::push(out, u64::from(rank));
    let flags = if ranking.exploited { EXPLOITED } else { 0 } | if ranking.ransomware { RANSOMWARE } else { 0 };
    out.extend([*standing as u8, severity.map_or(NONE, |severity| severity as u8), score.unwrap_or(NONE), flags]);
    varint::push(out, ranking.epss.map_or(0, |epss| u64::from(epss) + 1));
    varint::push_bytes(out, advisory.id.as_bytes());
    push_all(out, &advisory.aliases);
    push_all(out, &affected.versions);
    varint::push(out, affected.ranges.len() as u64);
    for range in &affected.ranges {
        varint::push(out, range.len() as u64);
        for (turn, at) in range {
            out.push(*turn as u8);
            // The commonest of all, as nothing.
            varint::push_bytes(out, if at == "0" { b"" } else { at.as_bytes() });
        }
    }
}

fn push_all(out: &mut Vec<u8>, texts: &[String]) {
    varint::push(out, texts.len() as u64);
    texts.iter().for_each(|text| varint::push_bytes(out, text.as_bytes()));
}

/// What only somebody who reads about one fault wants.
fn text(advisory: &Advisory) -> Vec<u8> {
    let mut out = Vec::new();
    for text in [&advisory.vector, &advisory.summary] {
        varint::push_bytes(&mut out, super::build::shortened(text.as_bytes(), 1000));
    }
    out
}

/// One as it lies in the file.
struct Entry<'b> {
    rank: u32,
    standing: Standing,
    severity: Option<Severity>,
    score: Option<u8>,
    ranking: Ranking,
    id: &'b str,
    aliases: Vec<&'b str>,
    affected: Affected<&'b str>,
}

impl<'b> Entry<'b> {
    /// The one at `*at`, which moves behind it.
    fn decode(bytes: &'b [u8], at: &mut usize) -> Option<Entry<'b>> {
        let rank = u32::try_from(varint::pull(bytes, at)?).ok()?;
        let head: [u8; 4] = bytes.get(*at..*at + 4)?.try_into().ok()?;
        *at += 4;
        let epss = varint::pull(bytes, at)?.checked_sub(1).map(|epss| epss as u32);
        let id = pull_str(bytes, at)?;
        let aliases = pull_all(bytes, at)?;
        let versions = pull_all(bytes, at)?;
        let mut ranges = Vec::new();
        for _ in 0..varint::pull(bytes, at)? {
            let mut range = Vec::new();
            for _ in 0..varint::pull(bytes, at)? {
                let turn = Turn::from_tag(*bytes.get(*at)?)?;
                *at += 1;
                let version = pull_str(bytes, at)?;
                range.push((turn, if version.is_empty() { "0" } else { version }));
            }
            ranges.push(range);
        }
        let severity = match head[1] {
            NONE => None,
            tag => Some(*Severity::ALL.get(usize::from(tag))?),
        };
        let flag = |flag: u8| head[3] & flag != 0;
        Some(Entry {
            rank,
            standing: Standing::from_tag(head[0])?,
            severity,
            score: Some(head[2]).filter(|score| *score != NONE),
            ranking: Ranking { exploited: flag(EXPLOITED), ransomware: flag(RANSOMWARE), epss },
            id,
            aliases,
            affected: Affected { ranges, versions },
        })
    }

    fn advisory(&self, ecosystem: &str, package: &str) -> Advisory {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let range = |range: &Vec<(Turn, &str)>| range.iter().map(|(turn, at)| (*turn, (*at).to_owned())).collect();
        Advisory {
            ecosystem: ecosystem.to_owned(),
            package: package.to_owned(),
            id: self.id.to_owned(),
            aliases: owned(&self.aliases),
            severity: self.severity,
            vector: String::new(),
            score: self.score,
            standing: self.standing,
            affected: Affected {
                ranges: self.affected.ranges.iter().map(range).collect(),
                versions: owned(&self.affected.versions),
            },
            summary: String::new(),
            ranking: self.ranking,
        }
    }
}

/// The advisory about a package that [`encode`] wrote at `*at`, with its number; `*at` moves behind it.
pub(super) fn decode(bytes: &[u8], at: &mut usize, (ecosystem, package): (&str, &str)) -> Option<(u32, Advisory)> {
    let entry = Entry::decode(bytes, at)?;
    Some((entry.rank, entry.advisory(ecosystem, package)))
}

fn pull_str<'b>(bytes: &'b [u8], at: &mut usize) -> Option<&'b str> {
    std::str::from_utf8(varint::pull_bytes(bytes, at)?).ok()
}

fn pull_all<'b>(bytes: &'b [u8], at: &mut usize) -> Option<Vec<&'b str>> {
    // Each takes a byte at least, so nothing makes this long.
    (0..varint::pull(bytes, at)?).map(|_| pull_str(bytes, at)).collect()
}

/// An open file.
pub struct Advisories {
    file: Rc<BlockFile>,
    keys: Dictionary,
    starts: Section,
    entries: Section,
    heads: Rows,
}

impl Advisories {
    /// Opens the one of an index folder.
    pub fn open(folder: &Path) -> Result<Advisories> {
        let file = Rc::new(BlockFile::open(&folder.join(NAME), KIND)?);
        let keys = Dictionary::open(&file, KEYS)?;
        let (starts, entries, heads) = (file.section(STARTS)?, file.section(ENTRIES)?, Rows::open(&file, HEADS)?);
        Ok(Advisories { file, keys, starts, entries, heads })
    }

    /// Tells it from every other file of advisories.
    pub fn generation(&self) -> u64 {
        self.file.generation()
    }

    pub fn meta(&self) -> Result<Meta> {
        let section = self.file.section(META)?;
        let mut bytes = Vec::with_capacity(section.len as usize);
        self.file.bytes(section, 0, section.len as usize, &mut bytes)?;
        rkyv::from_bytes::<Meta, rkyv::rancor::Error>(&bytes)
            .map_err(|_| self.file.damaged("what it was made from makes no sense"))
    }

    /// Whether it says anything about packages of an ecosystem.
    pub fn covers(&self, ecosystem: &str) -> Result<bool> {
        Ok(!self.keys.prefix(key(ecosystem, "").as_bytes())?.is_empty())
    }

    /// Calls back with each advisory that `version` of a package is affected by, and with its number, by which
    /// [`Advisories::complete`] knows it.
    pub fn affecting(
        &self,
        (ecosystem, package): (&str, &str),
        version: &str,
        order: VersionOrder<'_>,
        mut each: impl FnMut(u32, Advisory),
    ) -> Result<()> {
        let Some(rank) = self.keys.find(key(ecosystem, package).as_bytes())?.next() else { return Ok(()) };
        let (block, at) = self.heads.row(rank)?;
        match self.is_below(&block[at..], version, order)? {
            true => self.affecting_ranked(rank, (ecosystem, package), version, order, &mut each),
            false => Ok(()),
        }
    }

    /// The same for many packages of an ecosystem, by names that ascend and versions, with the place of each. The names are read from
    /// front to back, and nothing else of packages that no advisory concerns.
    pub fn affecting_any(
        &self,
        ecosystem: &str,
        packages: &[(&str, &str)],
        order: VersionOrder<'_>,
        mut each: impl FnMut(usize, u32, Advisory),
    ) -> Result<()> {
        let prefix = key(ecosystem, "");
        let (mut ranks, mut places, mut at) = (Vec::new(), Vec::new(), 0);
        self.keys.each_from(prefix.as_bytes(), |rank, string| {
            let Some(name) = string.strip_prefix(prefix.as_bytes()) else { return false };
            while packages.get(at).is_some_and(|(wanted, _)| wanted.as_bytes() < name) {
                at += 1;
            }
            while packages.get(at).is_some_and(|(wanted, _)| wanted.as_bytes() == name) {
                ranks.push(rank);
                places.push(at);
                at += 1;
            }
            at < packages.len()
        })?;
        let mut concerned = Vec::new();
        let mut next = ranks.iter().zip(&places);
        self.heads.each_of(&ranks, |_, head| {
            let (rank, place) = next.next().ok_or_else(|| self.file.damaged("more rows than were asked for"))?;
            if self.is_below(head, packages[*place].1, order)? {
                concerned.push((*rank, *place));
            }
            Ok(())
        })?;
        for (rank, place) in concerned {
            let (name, version) = packages[place];
            self.affecting_ranked(rank, (ecosystem, name), version, order, &mut |number, advisory| {
                each(place, number, advisory);
            })?;
        }
        Ok(())
    }

    /// Every advisory that names a package, with its number: for those whose versions have no total order.
    pub fn about(&self, (ecosystem, package): (&str, &str)) -> Result<Vec<(u32, Advisory)>> {
        let mut all = Vec::new();
        if let Some(rank) = self.keys.find(key(ecosystem, package).as_bytes())?.next() {
            self.each_entry(rank, |entry| all.push((entry.rank, entry.advisory(ecosystem, package))))?;
        }
        Ok(all)
    }

    fn affecting_ranked(
        &self,
        rank: u32,
        (ecosystem, package): (&str, &str),
        version: &str,
        order: VersionOrder<'_>,
        each: &mut dyn FnMut(u32, Advisory),
    ) -> Result<()> {
        self.each_entry(rank, |entry| {
            if entry.affected.includes(version, order) {
                each(entry.rank, entry.advisory(ecosystem, package));
            }
        })
    }

    /// Whether some advisory may concern that version of a package, by its row.
    fn is_below(&self, head: &[u8], version: &str, order: VersionOrder<'_>) -> Result<bool> {
        let mut at = 0;
        let highest = pull_str(head, &mut at);
        match highest.zip(head.get(at)) {
            Some((highest, has_others)) => Ok(*has_others != 0 || order(version, highest).is_lt()),
            None => Err(self.file.damaged("what mends a package makes no sense")),
        }
    }

    /// All that names a package.
    fn each_entry(&self, rank: u32, mut each: impl FnMut(&Entry<'_>)) -> Result<()> {
        let start = u64::from(self.file.number(self.starts, u64::from(rank))?);
        let end = u64::from(self.file.number(self.starts, u64::from(rank) + 1)?);
        let len = end.checked_sub(start).ok_or_else(|| self.file.damaged("advisories that end before they begin"))?;
        let mut bytes = Vec::new();
        self.file.bytes(self.entries, start, len as usize, &mut bytes)?;
        let mut at = 0;
        while at < bytes.len() {
            let entry = Entry::decode(&bytes, &mut at);
            each(&entry.ok_or_else(|| self.file.damaged("an advisory makes no sense"))?);
        }
        Ok(())
    }

    /// Fills in what an advisory of that number says besides.
    pub fn complete(&self, rank: u32, advisory: &mut Advisory) -> Result<()> {
        let texts = Rows::open(&self.file, TEXTS)?;
        let (block, mut at) = texts.row(rank)?;
        let mut text = || varint::pull_bytes(&block, &mut at).map(varint::text);
        match (text(), text()) {
            (Some(vector), Some(summary)) => (advisory.vector, advisory.summary) = (vector, summary),
            _ => return Err(self.file.damaged("an advisory's text makes no sense")),
        }
        Ok(())
    }

    /// Checks every block and every advisory, for `omg doctor`.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        let mut packages = Vec::new();
        self.keys.scan(|_, strings| {
            packages.extend((0..strings.len()).map(|at| varint::text(strings.string(at))));
        })?;
        for package in packages {
            let Some((ecosystem, package)) = package.split_once('/') else { continue };
            self.about((ecosystem, package))?;
        }
        self.meta().map(drop)
    }
}
