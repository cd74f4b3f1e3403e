//! The AUR's metadata and `.SRCINFO` files, all of them, against readers that we did not write.

#[allow(dead_code)]
#[path = "../examples/make-aur-metadata.rs"]
mod make;

use omg::backends::aur::{Aur, srcinfo};
use omg::model::{Available, CatalogueSink, Field, Problem, Repository, RepositoryId, Source};
use omg::sys::http::{Network, Outcome};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn shared(name: &str, path: &str) -> Option<PathBuf> {
    let data = std::env::var_os("OMG_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = data.join(path);
    let there = path.exists();
    if !there {
        println!("skipped {name}: no shared data");
    }
    there.then_some(path)
}

/// Every package as one line of text, in the form that `ORACLE` writes too.
#[derive(Default)]
struct Lines {
    text: String,
    packages: usize,
    repositories: Vec<String>,
    problems: Vec<Problem>,
}

impl CatalogueSink for Lines {
    fn repository(&mut self, repository: Repository) -> RepositoryId {
        assert_eq!(repository.source, Source::Aur);
        self.repositories.push(repository.name);
        0
    }

    fn package(&mut self, package: &Available<'_>) {
        let mut fields: BTreeMap<u8, &str> = BTreeMap::new();
        for (field, value) in package.fields {
            assert!(!value.is_empty() && fields.insert(*field as u8, value).is_none(), "{}: {field:?}", package.name);
        }
        assert_eq!(
            fields.get(&(Field::Popularity as u8)).map_or(0.0, |value| value.parse().unwrap()),
            package.popularity,
            "{}",
            package.name
        );
        self.packages += 1;
        self.text.push_str(&format!("{}\t{}\t{}", package.name, package.version, package.summary));
        for (field, value) in fields {
            self.text.push_str(&format!("\t{field}={}", value.replace('\n', "\u{1}")));
        }
        self.text.push('\n');
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

fn read(path: &Path) -> Lines {
    let mut lines = Lines::default();
    Aur { path: path.to_owned(), url: "u".into() }.read(&mut lines).unwrap();
    lines
}

/// Python's own reader of JSON. Numbers stay as they are written.
const ORACLE: &str = r#"
import gzip, json, sys, unicodedata
path = sys.argv[1]
raw = open(path, 'rb').read()
if raw[:2] == b'\x1f\x8b': raw = gzip.decompress(raw)
lists = [(9,'Depends'),(15,'MakeDepends'),(16,'CheckDepends'),(14,'OptDepends'),(17,'Provides'),(18,'Conflicts'),
         (20,'Replaces'),(5,'Groups'),(8,'License')]
plain = [(6,'Homepage','URL'),(7,'','Maintainer'),(28,'','NumVotes'),(29,'','Popularity'),(27,'','OutOfDate'),
         (25,'','FirstSubmitted'),(26,'','LastModified')]
def line(text): return ''.join(' ' if unicodedata.category(c) == 'Cc' else c for c in text)
out = []
for e in json.loads(raw, parse_int=str, parse_float=str):
    fields = {}
    for key, name in lists:
        if e.get(name): fields[key] = '\x01'.join(line(x) for x in e[name])
    for key, _, name in plain:
        if e.get(name): fields[key] = line(e[name])
    if e.get('Keywords'): fields[30] = ', '.join(line(x) for x in e['Keywords'])
    if e['PackageBase'] != e['Name']: fields[1] = line(e['PackageBase'])
    head = '\t'.join([line(e['Name']), line(e['Version']), line(e['Description'] or '')])
    out.append(head + ''.join('\t%d=%s' % f for f in sorted(fields.items())) + '\n')
sys.stdout.buffer.write(''.join(out).encode('utf-8', 'replace'))
"#;

/// What Python says of the same file; `None` where there is no Python.
fn oracle(path: &Path) -> Option<String> {
    let child = Command::new("python3").args(["-c", ORACLE]).arg(path).stderr(Stdio::inherit()).output();
    let Ok(output) = child else {
        println!("skipped the comparison with python3: there is none");
        return None;
    };
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

fn compare(path: &Path) -> usize {
    let ours = read(path);
    assert_eq!(ours.problems, []);
    assert_eq!(ours.repositories, ["aur"]);
    if let Some(theirs) = oracle(path) {
        assert_eq!(ours.text.lines().count(), theirs.lines().count());
        for (ours, theirs) in ours.text.lines().zip(theirs.lines()) {
            assert_eq!(ours, theirs);
        }
    }
    ours.packages
}

#[test]
fn the_generated_data_of_aurweb_itself() {
    let Some(path) = shared("aurweb's data", "aur/meta-ext-v1-schema-dummy-666.json.gz") else { return };
    assert_eq!(compare(&path), 666);
}

#[test]
fn recorded_answers_of_the_rpc_interface_have_the_same_shape() {
    let Some(path) = shared("recorded answers", "aur/rpc-auracle-fakeaur.tar.zst") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut archive = tar::Archive::new(zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap());
    let mut packages = 0;
    for member in archive.entries().unwrap() {
        let mut member = member.unwrap();
        if !member.header().entry_type().is_file() {
            continue;
        }
        let mut text = String::new();
        member.read_to_string(&mut text).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        let file = folder.path().join("results.json");
        // Set out over many lines, as no server of the AUR writes them.
        std::fs::write(&file, serde_json::to_string_pretty(&answer["results"]).unwrap()).unwrap();
        packages += compare(&file);
    }
    assert_eq!(packages, 443);
}

#[test]
fn a_full_size_file_in_every_field_of_every_package() {
    let Some(archive) = shared("full-size metadata", make::SRCINFO) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meta.json.gz");
    make::make(&archive, &path, 97_000).unwrap();
    assert_eq!(compare(&path), 97_000);
    damaged_copies(&path);
}

/// Whatever is cut off or flipped: what comes before it is given, and the file is named.
fn damaged_copies(path: &Path) {
    let whole = read(path);
    let bytes = std::fs::read(path).unwrap();
    let bad = path.with_file_name("bad.json.gz");
    for cut in (0..bytes.len()).step_by(bytes.len() / 12 + 1) {
        std::fs::write(&bad, &bytes[..cut]).unwrap();
        let part = read(&bad);
        assert!(whole.text.starts_with(&part.text), "cut at {cut}");
        assert_eq!(part.problems.len(), 1, "cut at {cut}");
        assert_eq!(part.problems[0].path, bad);
        // Half of the file holds about half of the packages, not none.
        assert!(
            part.packages * bytes.len() >= whole.packages * cut * 8 / 10,
            "{} packages, cut at {cut}",
            part.packages
        );
    }
    for at in (20..bytes.len()).step_by(bytes.len() / 12 + 1) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&bad, &flipped).unwrap();
        let part = read(&bad);
        assert!(!part.problems.is_empty(), "flipped at {at}");
        assert!(part.problems.iter().all(|problem| problem.path == bad));
    }
}

#[test]
fn every_srcinfo_is_read_but_for_those_that_are_malformed() {
    let Some(path) = shared("all .SRCINFO", make::SRCINFO) else { return };
    let mut archive = tar::Archive::new(zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap());
    let (mut files, mut malformed) = (0, BTreeMap::<String, String>::new());
    for member in archive.entries().unwrap() {
        let mut member = member.unwrap();
        if !member.header().entry_type().is_file() {
            continue;
        }
        let name = member.path().unwrap().parent().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        files += 1;
        match srcinfo::parse(&text) {
            Err(error) => drop(malformed.insert(name, error.to_string())),
            Ok(info) => agrees_with_its_lines(&text, &info),
        }
    }
    assert_eq!(files, 77_809);
    for (name, why) in &malformed {
        println!("{name}: {why}");
    }
    assert_eq!(malformed.len(), 11);
}

/// A reader of another kind: no line of a well-formed file is lost, changed, added or put elsewhere.
fn agrees_with_its_lines(text: &str, info: &srcinfo::SrcInfo<'_>) {
    let mut expected = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for (at, section) in std::iter::once(&info.base).chain(&info.packages).enumerate() {
        let key = if at == 0 { "pkgbase" } else { "pkgname" };
        let lines = section.entries.iter().map(|entry| match entry.arch {
            "" => (entry.key.to_owned(), entry.value),
            arch => (format!("{}_{arch}", entry.key), entry.value),
        });
        for (key, value) in std::iter::once((key.to_owned(), section.name)).chain(lines) {
            let line = expected.next().unwrap();
            let (line_key, line_value) = line.split_once('=').unwrap();
            assert_eq!((line_key.trim(), line_value.trim()), (&key[..], value));
        }
    }
    assert_eq!(expected.next(), None);
}

fn list_of(count: usize) -> String {
    let entries: Vec<String> =
        (0..count).map(|n| format!(r#"{{"Name":"p{n}","PackageBase":"p{n}","Version":"1-{n}"}}"#)).collect();
    format!("[\n{}\n]\n", entries.join(",\n"))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn before_the_first_download_there_is_nothing_and_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let lines = read(&folder.path().join("none"));
    assert_eq!((lines.packages, lines.repositories.len(), lines.problems.len()), (0, 0, 0));
}

#[test]
fn a_kept_copy_is_only_replaced_by_one_that_can_be_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("served");
    let aur = Aur { path: folder.path().join("kept"), url: format!("file://{}", source.display()) };
    let network = Network::system();
    let serve = |bytes: &[u8]| {
        // Another file, so that its time and number differ.
        let _ = std::fs::remove_file(&source);
        std::fs::write(&source, bytes).unwrap();
        aur.update(&network, &|_| {}).map_err(|error| format!("{error:#}"))
    };
    let good = gzip(&list_of(500));
    assert_eq!(serve(&good), Ok(Outcome::Replaced { size_bytes: good.len() as u64 }));
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let wrong_sum = good.len() - 8;
    flipped[wrong_sum] ^= 1;
    for bad in
        [&b"<html>please log in</html>"[..], b"", b"[]", &good[..good.len() - 1], &flipped, &gzip("[{\"Name\":\"a\"}]")]
    {
        let error = serve(bad).unwrap_err();
        assert!(error.contains("is not usable"), "{error}");
        assert_eq!(read(&aur.path).packages, 500, "the old one stays");
    }
    assert!(serve(list_of(3).as_bytes()).is_ok(), "not packed");
    assert_eq!(read(&aur.path).packages, 3);
    assert_eq!(aur.inputs(), [aur.path.clone()]);
}
