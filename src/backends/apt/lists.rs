//! The lists under apt's lists folder that belong to a configured archive, and the catalogue they give.

use super::control::{Stanzas, cut_short, text};
use super::pins::Place;
use super::record::{Record, Scratch};
use super::release::{Release, Stated};
use super::rules::Weights;
use super::sources::{Archive, release_uri};
use crate::model::{Available, CatalogueSink, Field, Problem, Repository, RepositoryId, Source};
use crate::sys::unpack;
use anyhow::Result;
use ring::digest::{SHA256, digest};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{self, AtomicUsize};

/// The configured archives as they lie on the disk.
#[derive(Clone, Debug)]
pub struct World {
    /// `Packages` lists that exist, in apt's order.
    pub lists: Vec<List>,
    pub translations: Vec<PathBuf>,
    /// Named as `CatalogueSink` is told; several lists (architectures) may be of one.
    pub repositories: Vec<Repository>,
    /// Heads of the Release files, one for each archive; empty ones where there is no file.
    pub releases: Vec<Release>,
    /// Every path that was looked for first under its plain name: what a change would show at.
    pub inputs: Vec<PathBuf>,
    pub problems: Vec<Problem>,
}

/// One `Packages` list on the disk.
#[derive(Clone, Debug)]
pub struct List {
    pub path: PathBuf,
    pub repository: RepositoryId,
    /// What the Release file says of it.
    pub stated: Option<Stated>,
    /// Index into [`World::releases`].
    pub release: usize,
    host: String,
    component: String,
    /// Empty for an archive without components.
    architecture: String,
}

impl List {
    /// The architecture of the list, which may be `all`; empty for an archive without components.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// What pins know the list by.
    pub fn place<'a>(&'a self, world: &'a World) -> Place<'a> {
        let architecture = Some(self.architecture.as_str()).filter(|architecture| !architecture.is_empty());
        let release = world.releases.get(self.release);
        Place { release, host: &self.host, component: &self.component, architecture }
    }
}

/// The endings of packed lists in the order apt looks for them.
const ENDINGS: &[&str] = &["", ".zst", ".lz4", ".gz", ".xz", ".bz2"];

impl World {
    /// Looks which lists there are. Reads the Release files' heads and no list.
    /// What calls itself one of `distributions` is theirs.
    pub fn find(folder: &Path, archives: &[Archive], distributions: &[&str]) -> World {
        let mut world = World {
            lists: Vec::new(),
            translations: Vec::new(),
            repositories: Vec::new(),
            releases: Vec::new(),
            inputs: Vec::new(),
            problems: Vec::new(),
        };
        for archive in archives {
            world.add_archive(folder, archive, distributions);
        }
        world
    }

    fn add_archive(&mut self, folder: &Path, archive: &Archive, distributions: &[&str]) {
        let base = release_uri(&archive.uri, &archive.suite);
        let stem = folder.join(file_name(&base));
        let flat = archive.suite.ends_with('/');
        let mut keys: Vec<(String, &str, &str)> = Vec::new();
        let mut languages = Vec::new();
        for section in &archive.sections {
            for architecture in &section.architectures {
                let component = section.component.as_str();
                let key = if flat { "Packages".into() } else { format!("{component}/binary-{architecture}/Packages") };
                if !keys.iter().any(|(known, ..)| *known == key) {
                    let architecture = if flat { "" } else { architecture.as_str() };
                    keys.push((key, component, architecture));
                }
            }
            for language in &section.languages {
                let key =
                    if flat { language.clone() } else { format!("{}/i18n/Translation-{language}", section.component) };
                if !languages.contains(&key) {
                    languages.push(key);
                }
            }
        }
        let names: Vec<String> = keys.iter().map(|(key, ..)| key.clone()).collect();
        let release = match Release::read(&stem, &names) {
            Ok(release) => {
                if let (Some(path), Some(fault)) = (&release.path, release.fault) {
                    self.problems.push(Problem { path: path.clone(), message: fault.to_owned() });
                }
                release
            }
            Err((path, error)) => {
                self.problems.push(Problem { path, message: error.to_string() });
                Release { stated: vec![None; names.len()], ..Release::default() }
            }
        };
        self.inputs.push(release.path.clone().unwrap_or_else(|| with_ending(&stem, "InRelease")));
        let host = host(&archive.uri);
        for ((key, component, architecture), &stated) in keys.iter().zip(&release.stated) {
            let plain = with_ending(&stem, &escape(key));
            let Some(path) = existing(&plain) else { continue };
            self.inputs.push(path.clone());
            let repository = self.repository(archive, &release, component, &host);
            let known = &mut self.repositories[usize::from(repository)];
            known.own = distributions.iter().any(|distribution| is_of(&release.origin, distribution));
            // What apt was told to trust unseen is trusted by its owner, and vouched for by nobody.
            known.signed = release.is_signed && archive.trusted.is_none();
            self.lists.push(List {
                path,
                repository,
                stated,
                release: self.releases.len(),
                host: host.clone(),
                component: component.to_string(),
                architecture: architecture.to_string(),
            });
        }
        self.releases.push(release);
        for key in languages {
            if let Some(path) = existing(&with_ending(&stem, &escape(&key))) {
                self.inputs.push(path.clone());
                self.translations.push(path);
            }
        }
    }

    /// The repository of a list: an existing one of the same place, or a new one under a name of its own.
    fn repository(&mut self, archive: &Archive, release: &Release, component: &str, host: &str) -> RepositoryId {
        let suite = match release.name() {
            "" => archive.suite.trim_end_matches('/').trim_start_matches("./").trim_end_matches('.'),
            name => name,
        };
        let short = match (suite, component) {
            ("", "") => host.to_string(),
            (suite, "") => suite.to_string(),
            (suite, component) => format!("{suite}/{component}"),
        };
        let location = format!("{} {}", archive.uri.trim_end_matches('/'), archive.suite);
        let is_free = |name: &str| !self.repositories.iter().any(|repository| repository.name == name);
        let long = format!("{host}/{short}");
        let name = if let Some(at) = self
            .repositories
            .iter()
            .position(|known| known.location == location && [&short, &long].contains(&&known.name))
        {
            return at as RepositoryId;
        } else if is_free(&short) {
            short
        } else if is_free(&long) {
            long
        } else {
            // Two archives of one host with one name: the path tells them apart.
            format!("{}/{short}", archive.uri.split_once("://").map_or("", |(_, rest)| rest).trim_end_matches('/'))
        };
        let security = [&release.suite, &release.codename].iter().any(|name| name.ends_with("-security"))
            || archive.suite.ends_with("-security")
            || release.label == "Debian-Security";
        let (own, signed) = (false, false);
        self.repositories.push(Repository {
            source: Source::Apt,
            name,
            location,
            security,
            priority: None,
            own,
            signed,
        });
        (self.repositories.len() - 1) as RepositoryId
    }

    /// Whether no two lists (of several architectures) are of one repository.
    pub fn has_one_list_each(&self) -> bool {
        let mut seen = HashSet::new();
        self.lists.iter().all(|list| seen.insert(list.repository))
    }
}

/// Whether an archive's `Origin` is a distribution's: `Debian`, `Debian Backports`.
fn is_of(origin: &str, distribution: &str) -> bool {
    origin.split(' ').next().is_some_and(|name| !name.is_empty() && name.eq_ignore_ascii_case(distribution))
}

/// The lists and what they say, read once for whoever wants to know.
pub struct Lists {
    pub world: World,
    /// The content of each list.
    pub contents: Vec<Result<Content>>,
}

/// A list, unpacked.
pub struct Content {
    pub text: String,
    /// What shows that it is not the list that its archive published.
    fault: Option<String>,
}

/// Unpacking is much of the work; more readers than this only compete with the other families'.
const READERS: usize = 2;

impl Lists {
    pub fn read(world: World) -> Lists {
        let slots: Vec<OnceLock<Result<Content>>> = world.lists.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((list, slot)) = {
                let at = next.fetch_add(1, atomic::Ordering::Relaxed);
                world.lists.get(at).zip(slots.get(at))
            } {
                let _ = slot.set(unpack::read(&list.path).map(|bytes| {
                    let fault = fault(&bytes, list.stated, world.releases.get(list.release));
                    Content::new(bytes, fault)
                }));
            }
        };
        std::thread::scope(|scope| {
            (1..READERS.min(world.lists.len())).for_each(|_| _ = scope.spawn(work));
            work();
        });
        let contents = slots.into_iter().map(|slot| slot.into_inner().expect("every slot was worked on")).collect();
        Lists { world, contents }
    }

    /// Each list's text. What cannot be read is told as the catalogue's problem; here it offers nothing.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.contents.iter().map(|content| content.as_ref().map_or("", |content| content.text.as_str()))
    }

    /// Hands every package of every list to the sink, in apt's order.
    pub fn read_catalogue(&self, native: &str, weights: &Weights<'_>, sink: &mut dyn CatalogueSink) {
        let world = &self.world;
        for problem in &world.problems {
            sink.problem(problem.clone());
        }
        for (id, repository) in (0..).zip(&world.repositories) {
            let lists = world.lists.iter().enumerate().filter(|(_, list)| list.repository == id);
            let priority = lists.map(|(list, _)| weights.of_list(list)).max();
            sink.repository(Repository { priority, ..repository.clone() });
        }
        sink.native(native);
        let mut packed: Vec<Vec<u8>> = Vec::new();
        for path in &world.translations {
            match unpack::read(path) {
                Ok(bytes) => packed.push(bytes),
                Err(error) => sink.problem(problem(path, &error)),
            }
        }
        let texts: Vec<_> = packed.iter().map(|bytes| text(bytes)).collect();
        let mut translations = HashMap::new();
        for text in &texts {
            read_translations(text, &mut translations);
        }
        // An architecture-independent package stands in the lists of each architecture, and in the one for `all`.
        let repeated = !world.has_one_list_each();
        let mut seen = HashSet::new();
        for (number, (list, content)) in world.lists.iter().zip(&self.contents).enumerate() {
            let Content { text, fault } = match content {
                Ok(content) => content,
                Err(error) => {
                    sink.problem(problem(&list.path, error));
                    continue;
                }
            };
            let seen = repeated.then_some(&mut seen);
            let head = ListHead { repository: list.repository, native, list: number, weights };
            let nameless = read_list(text, &head, &translations, seen, sink);
            let nameless = (nameless > 0).then(|| format!("damaged: {nameless} entries without name or version"));
            if let Some(message) = fault.clone().or(nameless) {
                sink.problem(Problem { path: list.path.clone(), message });
            }
        }
    }
}

impl Content {
    /// As [`text`] without a copy.
    fn new(bytes: Vec<u8>, fault: Option<String>) -> Content {
        let text =
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Content { text, fault }
    }
}

/// What shows that these are not all bytes of a list, or others: apt compares it with its Release file when it is fetched, and never again.
fn fault(bytes: &[u8], stated: Option<Stated>, release: Option<&Release>) -> Option<String> {
    let Some(stated) = stated else { return cut_short(bytes).map(str::to_owned) };
    let length = bytes.len() as u64;
    if stated.bytes > length {
        return Some(format!("truncated: {length} of {} bytes", stated.bytes));
    }
    let is_other =
        stated.bytes != length || stated.sha256.is_some_and(|sha256| digest(&SHA256, bytes).as_ref() != sha256);
    let by = release.and_then(|release| release.path.as_ref()?.file_name()).unwrap_or_default();
    // Either may be the one that is damaged.
    is_other.then(|| format!("damaged: it is not the list that {} states", by.display()))
}

/// Name, version and repository of what was already handed on.
type Seen = HashSet<(String, String, RepositoryId)>;

/// What is known of all of a list's entries.
pub(crate) struct ListHead<'a> {
    pub repository: RepositoryId,
    pub native: &'a str,
    /// Its place in [`World::lists`].
    pub list: usize,
    pub weights: &'a Weights<'a>,
}

/// How many entries name no package is given back.
pub(crate) fn read_list(
    content: &str,
    &ListHead { repository, native, list, weights }: &ListHead<'_>,
    translations: &HashMap<u128, &str>,
    mut seen: Option<&mut Seen>,
    sink: &mut dyn CatalogueSink,
) -> usize {
    let (mut stanzas, mut stanza) = (Stanzas::new(content), Vec::new());
    let (mut record, mut scratch) = (Record::default(), Scratch::default());
    let mut nameless = 0;
    while stanzas.read_into(&mut stanza) {
        record.set(&stanza);
        if record.name.is_empty() || record.version.is_empty() {
            nameless += 1;
            continue;
        }
        if let Some(seen) = &mut seen
            && record.architecture == "all"
            && !seen.insert((record.name.to_string(), record.version.to_string(), repository))
        {
            continue;
        }
        let own = record.long_text();
        let long = match md5(record.description_md5) {
            Some(sum) if own.is_empty() => translations.get(&sum).copied().unwrap_or(""),
            _ => own,
        };
        let name = lower_case(record.name);
        let pin = weights.pin(&record, list).map(|priority| priority.to_string());
        let pin = pin.as_deref().map(|priority| (Field::Pin, priority));
        record.with_fields(long, pin.as_slice(), &mut scratch, |fields| {
            sink.package(&Available {
                name: &name,
                arch: record.foreign_arch(native),
                version: record.version,
                summary: record.summary(),
                repository,
                popularity: 0.0,
                fields,
            });
        });
    }
    nameless
}

/// apt takes names without case, as dpkg does.
pub fn lower_case(name: &str) -> std::borrow::Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() }
}

/// Long descriptions by the checksum that `Packages` names them with. The first language that has one wins.
pub(crate) fn read_translations<'a>(content: &'a str, into: &mut HashMap<u128, &'a str>) {
    let (mut stanzas, mut stanza) = (Stanzas::new(content), Vec::new());
    while stanzas.read_into(&mut stanza) {
        let mut sum = None;
        let mut long = "";
        for &(name, value) in &stanza {
            if name.eq_ignore_ascii_case("Description-md5") {
                sum = md5(value);
            } else if name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("Description-")) {
                long = value.split_once('\n').map_or("", |(_, long)| long);
            }
        }
        if let Some(sum) = sum {
            into.entry(sum).or_insert(long);
        }
    }
}

fn md5(hex: &str) -> Option<u128> {
    if hex.len() == 32 { u128::from_str_radix(hex, 16).ok() } else { None }
}

fn problem(path: &Path, error: &anyhow::Error) -> Problem {
    Problem { path: path.to_path_buf(), message: error.root_cause().to_string() }
}

/// The path without what tells how the list is packed.
pub fn plain_list(path: &str) -> &str {
    ENDINGS.iter().filter(|ending| !ending.is_empty()).find_map(|ending| path.strip_suffix(ending)).unwrap_or(path)
}

fn existing(plain: &Path) -> Option<PathBuf> {
    ENDINGS.iter().map(|ending| with_ending(plain, ending)).find(|path| path.is_file())
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut whole = path.as_os_str().to_os_string();
    whole.push(ending);
    whole.into()
}

/// The host of an archive as apt matches `Pin: origin` with it; empty for a local one.
pub fn host(uri: &str) -> String {
    let rest = match uri.split_once("://") {
        Some((_, rest)) => rest,
        None => return String::new(),
    };
    let authority = rest.split('/').next().unwrap_or("");
    let after_user = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match after_user.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, _)) => address.to_string(),
        None => after_user.split(':').next().unwrap_or("").to_string(),
    }
}

/// The name apt gives to what it fetched from `uri`: no protocol, no user, `/` as `_`, odd characters escaped.
pub fn file_name(uri: &str) -> String {
    let rest = match uri.split_once(':') {
        Some((_, rest)) => rest.strip_prefix("//").unwrap_or(rest),
        None => uri,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    escape(&format!("{authority}{path}"))
}

fn escape(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        match byte {
            b'/' => name.push('_'),
            byte if byte <= 0x20 || byte >= 0x7f || b"%\\|{}[]<>\"^~_=!@#$&*".contains(&byte) => {
                name.push_str(&format!("%{byte:02x}"));
            }
            byte => name.push(byte as char),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fetched_files() {
        assert_eq!(file_name("http://u:p@h.org/debian/dists/a_b/InRelease"), "h.org_debian_dists_a%5fb_InRelease");
        assert_eq!(file_name("file:/srv/r/./Packages"), "_srv_r_._Packages");
        assert_eq!(file_name("http://h:8080/x~y/"), "h:8080_x%7ey_");
    }

    struct Told(Vec<String>, Vec<Problem>);

    impl CatalogueSink for Told {
        fn repository(&mut self, _: Repository) -> RepositoryId {
            0
        }
        fn package(&mut self, package: &Available<'_>) {
            self.0.push(package.name.to_string());
        }
        fn problem(&mut self, problem: Problem) {
            self.1.push(problem);
        }
    }

    #[test]
    fn a_truncated_list_is_named_and_the_others_still_answer() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let list = |name: &str| format!("Package: {name}\nVersion: 1\nArchitecture: all\n\n").repeat(3);
        let sums: String = ["a", "b", "c"]
            .iter()
            .map(|part| format!(" 00 {} {part}/binary-amd64/Packages\n", list("x").len()))
            .collect();
        write("h_dists_s_Release", format!("Suite: s\nSHA256:\n{sums}").as_bytes());
        let packed = zstd::encode_all(list("a").as_bytes(), 1).unwrap();
        write("h_dists_s_a_binary-amd64_Packages.zst", &packed[..packed.len() - 3]);
        write("h_dists_s_b_binary-amd64_Packages", &list("b").as_bytes()[..50]);
        write("h_dists_s_c_binary-amd64_Packages", list("c").as_bytes());
        let section = |component: &str| super::super::sources::Section {
            component: component.into(),
            architectures: vec!["amd64".into()],
            languages: Vec::new(),
        };
        let sections = ["a", "b", "c"].map(section).to_vec();
        let archives =
            [Archive { uri: "http://h/".into(), suite: "s".into(), sections, signed_by: String::new(), trusted: None }];
        let mut told = Told(Vec::new(), Vec::new());
        Lists::read(World::find(folder.path(), &archives, &[])).read_catalogue("amd64", &Weights::default(), &mut told);
        assert_eq!(told.0.iter().filter(|name| *name == "c").count(), 3);
        let named: Vec<_> = told.1.iter().map(|p| p.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(named, ["h_dists_s_a_binary-amd64_Packages.zst", "h_dists_s_b_binary-amd64_Packages"]);
    }

    #[test]
    fn a_letter_that_changed_is_seen_and_a_list_as_it_was_stated_is_not() {
        let list = b"Package: a\nVersion: 1\n\n";
        let sha256 = digest(&SHA256, list).as_ref().try_into().ok();
        let stated = Stated { bytes: list.len() as u64, sha256 };
        assert_eq!(fault(list, Some(stated), None), None);
        let mut bent = list.to_vec();
        bent[9] ^= 1;
        for (bytes, says) in
            [(&bent[..], "damaged"), (&list[..9], "truncated"), (&[&list[..], b"x"].concat(), "damaged")]
        {
            assert!(fault(bytes, Some(stated), None).is_some_and(|said| said.starts_with(says)), "{says}");
        }
        assert_eq!(
            fault(&bent, Some(Stated { sha256: None, ..stated }), None),
            None,
            "there is nothing to compare with"
        );
    }

    #[test]
    fn hosts() {
        assert_eq!(host("http://u@deb.debian.org:80/debian/"), "deb.debian.org");
        assert_eq!(host("file:/srv/r/"), "");
        assert_eq!(host("http://[::1]:80/x"), "::1");
    }
}
