//! What decides about a package's candidate: each version of it that a list or dpkg's status file has. Read from the
//! files, or taken from what the index knows of them.
//!
//! Most packages of a distribution stand in one list, in one version, and are not on the machine. About these there is
//! nothing to decide as long as no pin forbids anything, and they are left out: apt's library is not asked about 60,000
//! packages for the sake of 3,000.

use super::control::{Stanza, Stanzas, value};
use super::lists::{Lists, World, lower_case};
use crate::model::{Field, Offer, Scope};
use std::borrow::Cow;
use std::collections::HashSet;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// One version in one list, or in the status file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub name: Cow<'a, str>,
    /// As omg shows it: empty for the native one and for `all`.
    pub arch: &'a str,
    /// As the file has it.
    pub architecture: &'a str,
    pub version: &'a str,
    /// The field `Source`; empty where it is the package's own name and version.
    pub source: Cow<'a, str>,
    pub phased: &'a str,
    pub multi_arch: &'a str,
    pub download_bytes: &'a str,
    /// Differs between two builds of one version that apt tells apart.
    pub build: u32,
    /// Place in [`World::lists`]; one behind the last for the status file.
    pub list: usize,
    /// The field `Status`; empty in a list.
    pub status: &'a str,
}

impl Entry<'_> {
    /// Of the source package; its version may stand behind it.
    pub fn source_name(&self) -> &str {
        self.source.split_ascii_whitespace().next().unwrap_or(&self.name)
    }
}

/// Whose entries are wanted.
#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    Every,
    /// Of those packages alone about which there is something to decide while no pin forbids anything.
    Undecided,
    Named(&'a [(&'a str, &'a str)]),
}

impl<'a> Wanted<'a> {
    pub fn new(scope: Scope<'a>, forbidding_pins: bool) -> Wanted<'a> {
        match scope {
            Scope::Only(names) => Wanted::Named(names),
            Scope::All if forbidding_pins => Wanted::Every,
            Scope::All => Wanted::Undecided,
        }
    }
}

/// A stanza, and of it what says which version of what it is.
struct Head<'a> {
    name: Cow<'a, str>,
    arch: &'a str,
    version: &'a str,
    text: &'a str,
    list: usize,
    is_phased: bool,
}

/// The entries of all lists and of the status file: by name and architecture, each package's in the order of the lists.
pub fn read<'a>(lists: &'a Lists, status: &'a str, native: &str, wanted: Wanted<'_>) -> Vec<Entry<'a>> {
    let named: Option<HashSet<(&str, &str)>> = match wanted {
        Wanted::Named(names) => Some(names.iter().copied().collect()),
        _ => None,
    };
    let mut heads = Vec::new();
    for (list, content) in lists.texts().chain([status]).enumerate() {
        heads_of(content, list, native, named.as_ref(), &mut heads);
    }
    // By a hash, since to sort 60,000 names takes as long as to read them. Two packages of one hash go together, which
    // makes them undecided.
    let hash = |head: &Head<'_>| xxh3_64_with_seed(head.name.as_bytes(), xxh3_64(head.arch.as_bytes()));
    let mut order: Vec<(u64, u32)> = (0u32..).zip(&heads).map(|(at, head)| (hash(head), at)).collect();
    order.sort_unstable();
    let of_status = lists.contents.len();
    let mut entries = Vec::new();
    let mut stanza = Vec::new();
    for package in order.chunk_by(|a, b| a.0 == b.0) {
        let package = || package.iter().map(|(_, at)| &heads[*at as usize]);
        let first = package().next().map_or("", |head| head.text);
        let undecided = || {
            package().any(|head| head.list == of_status || head.is_phased) || package().skip(1).any(|h| h.text != first)
        };
        if !matches!(wanted, Wanted::Undecided) || undecided() {
            for head in package() {
                Stanzas::new(head.text).read_into(&mut stanza);
                entries.push(entry(head, &stanza, head.list == of_status));
            }
        }
    }
    sort(&mut entries);
    entries
}

/// By package, each one's in the order of the lists, and of one list in that of the file.
fn sort(entries: &mut [Entry<'_>]) {
    entries.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.arch.cmp(b.arch)).then_with(|| a.list.cmp(&b.list)));
}

fn heads_of<'a>(
    content: &'a str,
    list: usize,
    native: &str,
    named: Option<&HashSet<(&str, &str)>>,
    heads: &mut Vec<Head<'a>>,
) {
    let (mut stanzas, mut stanza) = (Stanzas::new(content), Vec::new());
    loop {
        let rest = stanzas.rest();
        // Package, Phased-Update-Percentage, Version, Architecture.
        if !stanzas.skim_into(b"PVA", &mut stanza) {
            return;
        }
        let name = lower_case(value(&stanza, "Package"));
        let version = value(&stanza, "Version");
        let arch = match value(&stanza, "Architecture") {
            "all" => "",
            arch if arch == native => "",
            arch => arch,
        };
        if name.is_empty() || version.is_empty() || named.is_some_and(|named| !named.contains(&(&*name, arch))) {
            continue;
        }
        let text = rest[..rest.len() - stanzas.rest().len()].trim_ascii();
        let is_phased = !value(&stanza, "Phased-Update-Percentage").is_empty();
        heads.push(Head { name, arch, version, text, list, is_phased });
    }
}

fn entry<'a>(head: &Head<'a>, stanza: &Stanza<'a>, of_status: bool) -> Entry<'a> {
    let field = |name: &str| value(stanza, name);
    Entry {
        name: head.name.clone(),
        arch: head.arch,
        architecture: field("Architecture"),
        version: head.version,
        source: field("Source").into(),
        phased: field("Phased-Update-Percentage"),
        multi_arch: field("Multi-Arch"),
        download_bytes: field("Size"),
        build: build(
            field("Installed-Size").parse().unwrap_or(0),
            [field("Depends"), field("Pre-Depends"), field("Conflicts"), field("Breaks"), field("Replaces")],
        ),
        list: head.list,
        status: if of_status { field("Status") } else { "" },
    }
}

/// The entries that `offers` and the status file make. A version without an architecture of its own is taken to stand in
/// every list of its repository; and two repositories' builds of one version are one, as they are one page of the index.
pub fn from_offers<'a>(
    world: &World,
    status: &'a str,
    native: &'a str,
    names: &[(&str, &str)],
    offers: &[Offer<'a>],
) -> Vec<Entry<'a>> {
    let named: HashSet<(&str, &str)> = names.iter().copied().collect();
    let mut entries = Vec::new();
    for offer in offers.iter().filter(|offer| named.contains(&(offer.name, offer.arch))) {
        let field = |wanted: Field| {
            offer.fields.iter().find(|(field, _)| *field == wanted).map_or("", |(_, text)| text.as_str())
        };
        let architecture = match field(Field::Architecture) {
            "" if offer.arch.is_empty() => native,
            "" => offer.arch,
            stated => stated,
        };
        let (base, base_version) = (field(Field::Base), field(Field::BaseVersion));
        let source = match (base, base_version) {
            (base, "") => Cow::Borrowed(base),
            ("", version) => format!("{} ({version})", offer.name).into(),
            (base, version) => format!("{base} ({version})").into(),
        };
        let of = Entry {
            name: offer.name.into(),
            arch: offer.arch,
            architecture,
            version: offer.version,
            source,
            phased: field(Field::Phased),
            multi_arch: field(Field::MultiArch),
            download_bytes: field(Field::DownloadSize),
            build: build(
                field(Field::InstalledSize).parse::<u64>().unwrap_or(0) / 1024,
                [Field::Depends, Field::PreDepends, Field::Conflicts, Field::Breaks, Field::Replaces].map(field),
            ),
            list: 0,
            status: "",
        };
        let has = |list: &super::lists::List| {
            world.repositories[usize::from(list.repository)].name == offer.repository
                && (architecture == "all" || ["", "all", architecture].contains(&list.architecture()))
        };
        let lists = world.lists.iter().enumerate().filter(|(_, list)| has(list));
        entries.extend(lists.map(|(list, _)| Entry { list, ..of.clone() }));
    }
    let (mut heads, mut stanza) = (Vec::new(), Vec::new());
    heads_of(status, world.lists.len(), native, Some(&named), &mut heads);
    for head in &heads {
        Stanzas::new(head.text).read_into(&mut stanza);
        entries.push(entry(head, &stanza, true));
    }
    sort(&mut entries);
    entries
}

/// apt tells builds of one version apart by their installed size and the relations that an installation must heed,
/// blanks, case and the sign `=` aside.
fn build(installed_kib: u64, relations: [&str; 5]) -> u32 {
    let mut known_by = installed_kib.to_le_bytes().to_vec();
    for relation in relations {
        let counts = |byte: &u8| !byte.is_ascii_whitespace() && *byte != b'=';
        known_by.extend(relation.bytes().filter(counts).map(|byte| byte.to_ascii_lowercase()));
        known_by.push(0);
    }
    xxh3_64(&known_by) as u32
}
