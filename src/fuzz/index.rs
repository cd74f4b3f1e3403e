//! The index: whole files whose bytes are altered and whose checksums are made good again, so that what lies behind the
//! checksums is reached; and what people type into a search.

use super::text;
use crate::index::block::{BLOCK, PAYLOAD};
use crate::index::local::{self, Edge, NewLocal};
use crate::index::nearest::nearest;
use crate::index::owner::{OwnersBuilder, hash};
use crate::index::search::{Query, search as find};
use crate::index::{
    Catalogue, Index, Local, LocalRow, Part, Result, Status, build, catalogue, details, publish, status,
};
use crate::model::{Available, CatalogueSink, Field, InstallState, Reason, Repository, Source};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const GENERATION: u64 = 7;
const PACKAGES: u32 = 120;

/// A small index, its three files' names and bytes.
struct Seed {
    folder: tempfile::TempDir,
    files: [(String, Vec<u8>); 3],
}

fn seed() -> &'static Seed {
    static SEED: OnceLock<Seed> = OnceLock::new();
    SEED.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let names = [status::NAME.to_owned(), status::catalogue_name(GENERATION), status::local_name(GENERATION)];
        write(folder.path(), &names).expect("an index can be written");
        let files = names.map(|name| {
            let bytes = fs::read(folder.path().join(&name)).expect("it was written");
            (name, bytes)
        });
        Seed { folder, files }
    })
}

fn write(folder: &Path, names: &[String; 3]) -> anyhow::Result<()> {
    let mut part = Part::default();
    let repository = |name: &str| Repository {
        source: Source::Apt,
        name: name.to_owned(),
        location: String::new(),
        security: false,
        priority: None,
        own: false,
        signed: false,
    };
    let ids = ["one", "two"].map(|name| part.repository(repository(name)));
    for number in 0..PACKAGES {
        let (name, next) = (format!("lib-{number}"), format!("lib-{}, c++", number + 1));
        part.package(&Available {
            name: &name,
            arch: if number % 50 == 0 { "i386" } else { "" },
            version: "1.0-1",
            summary: "a package of words and more words",
            repository: ids[number as usize % 2],
            popularity: 0.5,
            fields: &[(Field::Depends, &next), (Field::Provides, "virtual"), (Field::LongDescription, "text")],
        });
    }
    publish::file(folder, &names[1], (catalogue::KIND, GENERATION), true, |out| {
        build::write(vec![part], || Ok(Vec::new()), out)
    })?;
    let mut owners = OwnersBuilder::default();
    let rows: Vec<NewLocal> = (0..100)
        .map(|number| {
            owners.push(hash(format!("/usr/lib/{number}").as_bytes(), GENERATION), number);
            owners.push(hash(b"/usr/lib", GENERATION), number);
            NewLocal { row: row(number), fields: vec![(Field::Depends, "x".to_owned())] }
        })
        .collect();
    let edges: Vec<Edge> = (1..100).map(|to| Edge { from: to - 1, to, kind: 0 }).collect();
    publish::file(folder, &names[2], (local::KIND, GENERATION), true, |out| {
        Ok(local::write(&rows, &edges, owners, "amd64", None, out)?)
    })?;
    let status = Status { catalogue_generation: GENERATION, local_generation: GENERATION, ..Status::default() };
    publish::status(folder, &status)
}

fn row(number: u32) -> LocalRow {
    LocalRow {
        source: Source::Apt,
        name: format!("lib-{number:03}"),
        arch: String::new(),
        version: "1.0-1".to_owned(),
        summary: "a package".to_owned(),
        state: Some(InstallState::Installed),
        reason: if number == 0 { Reason::Explicit } else { Reason::Dependency },
        held: false,
        keep: false,
        upgradable: false,
        security: false,
        foreign: false,
        orphan: false,
        catalogue: Some(number),
        candidate: "1.0-1".to_owned(),
        repository: Some(0),
        replaced_by: String::new(),
        size_bytes: 1,
        details: details::DetailsAt { chunk: 0, offset: 0 },
    }
}

/// The first byte says which file; each five bytes behind it are a place and what is put there.
pub fn index(data: &[u8]) {
    let Some((which, edits)) = data.split_first() else { return };
    let seed = seed();
    let folder = copy_of_the_seed();
    let (name, bytes) = &seed.files[usize::from(*which) % 3];
    let mut bytes = bytes.clone();
    for edit in edits.chunks_exact(5).take(64) {
        let at = u32::from_le_bytes([edit[0], edit[1], edit[2], edit[3]]) as usize % bytes.len();
        bytes[at] = edit[4];
    }
    mend(&mut bytes);
    let path = folder.join(name);
    fs::write(&path, bytes).expect("a file");
    let _ = read_everything(&folder);
    fs::write(&path, &seed.files[usize::from(*which) % 3].1).expect("a file");
}

/// A folder of this thread's own with the whole files, made once.
fn copy_of_the_seed() -> PathBuf {
    let folder = seed().folder.path().join(format!("{:?}", std::thread::current().id()));
    if !folder.exists() {
        fs::create_dir_all(&folder).expect("a folder");
        for (name, bytes) in &seed().files {
            fs::write(folder.join(name), bytes).expect("a file");
        }
    }
    folder
}

/// Every checksum as it should be.
fn mend(bytes: &mut [u8]) {
    let generation = u64::from_le_bytes(bytes[16..24].try_into().expect("eight bytes"));
    for (number, block) in bytes.chunks_exact_mut(BLOCK).enumerate() {
        let seed = if number == 0 { 0x6f6d_6769_6e64_6578 } else { generation ^ ((number as u64) << 32) };
        let sum = xxh3_64_with_seed(&block[..PAYLOAD], seed);
        block[PAYLOAD..].copy_from_slice(&sum.to_le_bytes());
    }
}

/// Each door on its own: what one finds damaged must not hide the others.
fn read_everything(folder: &Path) -> Result<()> {
    let status = Status::read(folder)?;
    status.totals();
    status.line();
    status.families.iter().for_each(|family| _ = family.source());
    let Index { catalogue, local, .. } = Index::open(folder)?;
    let _ = catalogue.verify();
    let _ = catalogue.scan(|_, row| {
        row.summary();
        Ok(())
    });
    let _ = catalogue.rows_of(&[7, 3, 0, 119]);
    for row in (0..catalogue.len().min(400)).filter_map(|id| catalogue.row(id).ok()) {
        let _ = catalogue.details(&row);
        let _ = catalogue.repository(row.repository);
        let _ = catalogue.architecture(row.arch);
    }
    for name in ["lib-1", "lib-119", "c++", "virtual", "", "zzz"] {
        let _ = catalogue.find(name);
        let _ = catalogue.dependants(name);
        let _ = catalogue.providers(name);
        let _ = nearest(&catalogue, name, 3);
        for names in [false, true] {
            let terms = [name.to_owned()];
            let query = Query { terms: &terms, names, ..Query::default() };
            let _ = find(&catalogue, &query, &local.by_catalogue().map_or(Vec::new(), |all| ids(&all)), 10);
        }
    }
    if let Ok(regex) = regex::Regex::new("lib-1[0-9]$") {
        let terms = ["lib-1[0-9]$".to_owned()];
        let _ = find(&catalogue, &Query { terms: &terms, regex: Some(&[regex]), ..Query::default() }, &[], 10);
    }
    read_local(&local);
    Ok(())
}

fn ids(pairs: &[(u32, u32)]) -> Vec<u32> {
    pairs.iter().map(|(id, _)| *id).collect()
}

fn read_local(local: &Local) {
    let _ = local.verify();
    let mut rows = Vec::new();
    let _ = local.scan(|rank, row| {
        rows.push((rank, row));
        Ok(())
    });
    for (rank, row) in rows.iter().take(200) {
        let _ = local.details(row);
        let _ = local.asks_for(*rank);
        let _ = local.asked_by(*rank);
    }
    for name in ["lib-001", "lib-099", "", "zzz"] {
        let _ = local.find(name);
        let _ = local.owners(name.as_bytes());
    }
    let _ = local.owners(b"/usr/lib");
    let _ = local.owners(b"/usr/lib/7");
}

/// Terms, one a line, as plain text and as expressions. What is found by name has the term in its name.
pub fn search(data: &[u8]) {
    let text = text(data);
    let terms: Vec<String> = text.lines().take(4).map(str::to_owned).collect();
    let catalogue: Catalogue = Catalogue::open(&seed().folder.path().join(&seed().files[1].0)).expect("a whole file");
    let query = Query { terms: &terms, names: true, ..Query::default() };
    for hit in find(&catalogue, &query, &[1, 2], 10).expect("a whole file").best {
        let name = catalogue.row(hit.id).expect("a whole file").name;
        for term in &terms {
            assert!(name.contains(&*crate::index::words::lower(term)), "{term:?} finds {name:?}");
        }
    }
    let _ = nearest(&catalogue, terms.first().map_or("", String::as_str), 3).expect("a whole file");
    if let Ok(regex) = crate::commands::search::compile(&terms) {
        let query = Query { terms: &terms, regex: Some(&regex), ..Query::default() };
        find(&catalogue, &query, &[], 10).expect("a whole file");
    }
}
