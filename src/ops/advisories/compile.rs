//! Makes one file of all the kept copies, in the index's own form.

use super::order;
use super::sources::{Kind, Source, distribution};
use crate::audit::advisory::ranking::{Exploited, each_estimate, read_exploited};
use crate::audit::advisory::{Sink, Whom, arch, debian, osv};
use crate::audit::ecosystem::range::is_in_range;
use crate::index::advisories::{self, Advisories, KIND, Meta, NAME, Publisher};
use crate::index::publish;
use crate::index::status::Input;
use crate::model::{Advisory, Ecosystem, Severity, VersionOrder};
use crate::ops::refresh::generation;
use crate::sys::http::address::without_password;
use crate::sys::{archive, unpack};
use anyhow::{Context, Result, anyhow, bail};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

/// So many of a publisher's problems are kept.
const MOST_PROBLEMS: usize = 20;
/// A publisher who says of more packages what cannot be read is one of whom nothing is known to be all.
const MOST_UNREAD: usize = 10_000;
/// More advisories than all publishers have together.
const MOST_ADVISORIES: usize = 3_000_000;

/// Whether the compiled file is what these sources' copies make.
pub fn is_current(folder: &Path, sources: &[Source], release: &str, max_age_days: u32) -> bool {
    let Ok(meta) = Advisories::open(folder).and_then(|advisories| advisories.meta()) else { return false };
    let addresses = sources.iter().map(|source| without_password(&source.address));
    meta.release == release
        && meta.max_age_days == max_age_days
        && addresses.eq(meta.publishers.iter().map(|publisher| publisher.address.as_str()))
        && inputs(sources) == meta.inputs
}

fn inputs(sources: &[Source]) -> Vec<Input> {
    sources.iter().map(|source| Input::now(&source.path.display().to_string())).collect()
}

/// Reads every copy and publishes what they say. Whoever calls it holds the folder's lock.
pub fn compile(folder: &Path, sources: &[Source], release: &str, max_age_days: u32) -> Result<()> {
    if sources.is_empty() {
        return fs::remove_file(folder.join(NAME)).with_context(|| format!("cannot remove {NAME}"));
    }
    // Before they are read: what changes meanwhile is then compiled again.
    let mut meta = Meta { inputs: inputs(sources), release: release.to_owned(), max_age_days, publishers: Vec::new() };
    let mut read = Copies::default();
    for (place, source) in sources.iter().enumerate() {
        // Everybody may read the index.
        let address = without_password(&source.address);
        let publisher = Publisher { name: source.name.into(), address, ..Publisher::default() };
        let mut gathering = Gathering::new(publisher, place, &mut read);
        let outcome = match source.path.exists() {
            true => read_source(source, &source.path, release, &mut gathering),
            false => Err(anyhow!("it has not been fetched yet")),
        };
        let failure = outcome.err().map(|error| format!("{error:#}")).or(gathering.damage.take());
        let Gathering { mut publisher, unread, .. } = gathering;
        publisher.unread = unread.into_iter().collect();
        if let Some(message) = failure {
            // The whole file's before the single records'.
            publisher.fault.clone_from(&message);
            publisher.problems.insert(0, message);
            publisher.problem_count += 1;
        }
        meta.publishers.push(publisher);
    }
    let all = read.finish();
    // pacman's order is not a total one.
    let debian = order("deb");
    let total = |ecosystem: &str| debian.as_ref().filter(|_| ecosystem == "deb").map(|order| order as VersionOrder<'_>);
    publish::file(folder, NAME, (KIND, generation()), true, |out| Ok(advisories::write(&all, &meta, &total, out)?))?;
    publish::sync(folder)
}

/// Whether a file is one that such a source would give: it is whole, and there is something in it.
pub fn check(source: &Source, path: &Path, release: &str) -> Result<()> {
    let mut read = Copies::default();
    let mut gathering = Gathering::new(Publisher::default(), 0, &mut read);
    read_source(source, path, release, &mut gathering)?;
    match gathering {
        Gathering { damage: Some(message), .. } => bail!("{message}"),
        Gathering { publisher: Publisher { count: 0, .. }, .. } if source.kind != Kind::Osv => bail!("nothing in it"),
        _ => Ok(()),
    }
}

/// What all copies say.
#[derive(Default)]
struct Copies {
    /// Each with its source's place: who comes first is believed.
    advisories: Vec<(usize, Advisory)>,
    exploited: Exploited,
    estimates: HashMap<String, u32>,
}

/// Takes what one source says.
struct Gathering<'r> {
    publisher: Publisher,
    place: usize,
    read: &'r mut Copies,
    damage: Option<String>,
    /// The file of an archive that is being read; empty where it is none.
    within: String,
    /// What is the matter with a record of a package's.
    unread: BTreeMap<String, String>,
}

impl<'r> Gathering<'r> {
    fn new(publisher: Publisher, place: usize, read: &'r mut Copies) -> Gathering<'r> {
        Gathering { publisher, place, read, damage: None, within: String::new(), unread: BTreeMap::new() }
    }
}

impl Gathering<'_> {
    /// Of thousands of files the one is named.
    fn placed(&self, message: String) -> String {
        match self.within.as_str() {
            "" => message,
            file => format!("{file:?}: {message}"),
        }
    }
}

impl Sink for Gathering<'_> {
    fn advisory(&mut self, advisory: Advisory) {
        if self.read.advisories.len() < MOST_ADVISORIES {
            self.publisher.count += 1;
            self.read.advisories.push((self.place, advisory));
        } else {
            self.damage.get_or_insert_with(|| format!("more than {MOST_ADVISORIES} advisories"));
        }
    }

    fn left_out(&mut self, whom: Whom, message: String) {
        let message = self.placed(message);
        let fault = &mut self.publisher.fault;
        match whom {
            Whom::These(packages) if self.unread.len() + packages.len() <= MOST_UNREAD => {
                for (ecosystem, package) in packages {
                    self.unread.entry(format!("{ecosystem}/{package}")).or_insert_with(|| message.clone());
                }
            }
            _ if fault.is_empty() => fault.clone_from(&message),
            _ => {}
        }
        self.publisher.problem_count += 1;
        if self.publisher.problems.len() < MOST_PROBLEMS {
            self.publisher.problems.push(message);
        }
    }

    fn damaged(&mut self, message: String) {
        let message = self.placed(message);
        self.damage.get_or_insert(message);
    }
}

fn read_source(source: &Source, path: &Path, release: &str, out: &mut Gathering<'_>) -> Result<()> {
    let mut magic = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    file.take(4).read_to_end(&mut magic)?;
    match source.kind {
        Kind::Arch => arch::read(&unpack::read(path)?, out),
        Kind::Debian => debian::read(&unpack::read(path)?, release, out),
        Kind::Osv if magic == *b"PK\x03\x04" => {
            let distribution = distribution(release);
            archive::each_file(&File::open(path)?, &mut |name, text| {
                out.within = String::from_utf8_lossy(name).into_owned();
                osv::read(text, distribution.as_deref(), out);
            })?;
            out.within.clear();
        }
        Kind::Osv => osv::read(&unpack::read(path)?, distribution(release).as_deref(), out),
        Kind::Exploited => {
            let exploited = read_exploited(&unpack::read(path)?).map_err(|error| anyhow!(error))?;
            out.publisher.count = exploited.len() as u32;
            out.read.exploited = exploited;
        }
        Kind::Estimates => {
            let named: HashSet<&str> = out.read.advisories.iter().flat_map(|(_, advisory)| cves(advisory)).collect();
            let input = BufReader::new(unpack::decoder(BufReader::new(File::open(path)?), None)?);
            let mut estimates = HashMap::new();
            let count = each_estimate(input, |id, estimate| {
                if named.contains(id) {
                    estimates.insert(id.to_owned(), estimate);
                }
            });
            out.read.estimates = estimates;
            out.publisher.count = count.map_err(|error| anyhow!(error))? as u32;
        }
    }
    Ok(())
}

fn cves(advisory: &Advisory) -> impl Iterator<Item = &str> {
    let names = std::iter::once(&advisory.id).chain(&advisory.aliases);
    names.map(String::as_str).filter(|name| name.starts_with("CVE-"))
}

impl Copies {
    /// All advisories, sorted as the index has them, each fault of a package once, ranked.
    fn finish(self) -> Vec<Advisory> {
        let Copies { mut advisories, exploited, estimates } = self;
        let scored = advisories.iter().filter(|(_, advisory)| advisory.score.is_some());
        let scores: HashMap<String, (Option<u8>, Option<Severity>, String)> = scored
            .flat_map(|(_, a)| cves(a).map(|id| (id.to_owned(), (a.score, a.severity, a.vector.clone()))))
            .collect();
        let key = |advisory: &Advisory| (advisory.ecosystem.clone(), advisory.package.clone(), advisory.id.clone());
        advisories.sort_by_cached_key(|(place, advisory)| (key(advisory), *place));
        advisories.dedup_by(|(later_place, later), (place, first)| {
            let is_same =
                (&later.ecosystem, &later.package, &later.id) == (&first.ecosystem, &first.package, &first.id);
            // One publisher may say it in pieces; of two, the first knows better.
            if is_same && later_place == place {
                first.affected.ranges.append(&mut later.affected.ranges);
                first.affected.versions.append(&mut later.affected.versions);
            }
            is_same
        });
        let mut all: Vec<Advisory> = advisories.into_iter().map(|(_, advisory)| advisory).collect();
        for advisory in &mut all {
            // A score of another package's fault of that name is of the same fault; a group's parts are none of it.
            let known = cves(advisory).filter_map(|id| scores.get(id)).max_by_key(|(score, ..)| *score);
            if let (None, Some((score, severity, vector))) = (advisory.score, known) {
                advisory.score = *score;
                advisory.vector.clone_from(vector);
                advisory.severity = advisory.severity.or(*severity);
            }
            let ransom: Vec<bool> = cves(advisory).filter_map(|id| exploited.get(id)).copied().collect();
            let epss = cves(advisory).filter_map(|id| estimates.get(id)).max().copied();
            advisory.ranking.exploited = !ransom.is_empty();
            advisory.ranking.ransomware = ransom.contains(&true);
            advisory.ranking.epss = epss;
            let affected = &mut advisory.affected;
            let mut versions = std::mem::take(&mut affected.versions);
            // Most lists repeat what the ranges say.
            let registry = Ecosystem::ALL.into_iter().find(|registry| registry.purl() == advisory.ecosystem);
            match (order(&advisory.ecosystem), registry) {
                (Some(order), _) => versions.retain(|version| !affected.has_in_range(version, &order)),
                (None, Some(registry)) => versions.retain(|version| !is_in_range(registry, affected, version)),
                (None, None) => {}
            }
            affected.versions = versions;
        }
        all
    }
}
