//! Damaged index and status files. Every bit of a header and every block is tried against the library, where a try takes
//! microseconds; each block once more against every query of the finished program, which may build the index again.

use crate::machine::{Answer, Dice, Machine, QUERIES, State, is_root};
use omg::index::{Error, Index, Local, Status, open_named, status};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

const BLOCK: usize = 4096;

/// The three files of an index with their bytes.
struct Kept(Vec<(PathBuf, Vec<u8>)>);

impl Kept {
    fn of(folder: &Path) -> Kept {
        let status = Status::read(folder).unwrap();
        let names = [
            status::NAME.to_owned(),
            status::catalogue_name(status.catalogue_generation),
            status::local_name(status.local_generation),
        ];
        Kept(names.iter().map(|name| (folder.join(name), fs::read(folder.join(name)).unwrap())).collect())
    }

    fn restore(&self) {
        self.0.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    }

    fn status(&self) -> &(PathBuf, Vec<u8>) {
        &self.0[0]
    }
}

/// Reads all of an index through every door that there is.
fn read_all(folder: &Path) -> omg::index::Result<Vec<String>> {
    let index = Index::open(folder)?;
    let mut out = vec![format!("{:?} {:?}", index.status, index.catalogue.meta()?.repositories)];
    index.catalogue.scan(|id, row| {
        out.push(format!("{id} {}", row.summary()));
        Ok(())
    })?;
    for row in &index.catalogue.rows_of(&(0..index.catalogue.len()).collect::<Vec<_>>())? {
        out.push(format!("{row:?} {:?}", index.catalogue.details(row)?));
        out.push(format!("{:?} {:?}", index.catalogue.find(&row.name)?, index.catalogue.dependants(&row.name)?));
        out.push(format!("{:?}", index.catalogue.providers("virtual-gzip")?));
    }
    let (words, lists) = index.catalogue.words()?;
    let mut first = Vec::new();
    words.scan(|rank, strings| first.push(format!("{rank} {:?}", strings.text().0)))?;
    out.extend(first);
    for rank in 0..words.len() {
        let mut list = Vec::new();
        lists.each(rank, |number| list.push(number))?;
        out.push(format!("{list:?}"));
    }
    index.catalogue.signatures(|first, letters| out.push(format!("{first} {letters:?}")))?;
    let all: Vec<u32> = (0..index.catalogue.len()).collect();
    index.catalogue.popularity_of(&all, |id, popularity| out.push(format!("{id} {popularity}")))?;
    for piece in ["common", "gzip", "letters", "nowhere"] {
        let mut found = Vec::new();
        index.catalogue.words_with(&words, piece, |rank, _| found.push(rank))?;
        out.push(format!("{piece} {found:?}"));
    }
    out.push(format!("{:?}", index.local.by_catalogue()?));
    let mut local = Vec::new();
    index.local.scan(|rank, row| {
        local.push((rank, row));
        Ok(())
    })?;
    for (rank, row) in &local {
        out.push(format!("{row:?} {:?}", index.local.details(row)?));
        out.push(format!("{:?} {:?}", index.local.asks_for(*rank)?, index.local.asked_by(*rank)?));
        out.push(format!("{:?}", index.local.find(&row.name)?));
        out.push(format!("{:?}", index.local.owners(format!("/usr/share/{}/file", row.name).as_bytes())?));
    }
    out.push(format!("{:?}", index.local.owners(b"/usr")?));
    index.catalogue.verify()?;
    index.local.verify()?;
    Ok(out)
}

/// With one bit of an open file flipped, and back again.
fn with_flip<T>(file: &fs::File, bytes: &[u8], at: usize, bit: usize, try_it: impl FnOnce() -> T) -> T {
    file.write_all_at(&[bytes[at] ^ (1 << bit)], at as u64).unwrap();
    let result = try_it();
    file.write_all_at(&bytes[at..at + 1], at as u64).unwrap();
    result
}

fn writable(path: &Path) -> fs::File {
    fs::File::options().write(true).open(path).unwrap()
}

#[test]
fn every_bit_of_the_status_and_of_every_header_counts() {
    let machine = Machine::new();
    machine.refresh();
    let kept = Kept::of(&machine.index());
    let (path, bytes) = kept.status();
    let file = writable(path);
    for at in 0..bytes.len() {
        let read = with_flip(&file, bytes, at, at % 8, || Status::read(&machine.index()));
        assert!(read.is_err(), "byte {at} of the status: {read:?}");
    }
    for (path, bytes) in &kept.0 {
        let file = writable(path);
        for bit in 0..BLOCK * 8 {
            let opened = with_flip(&file, bytes, bit / 8, bit % 8, || Index::open(&machine.index()).err());
            assert!(matches!(opened, Some(Error::Damaged { .. })), "bit {bit} of {}: {opened:?}", path.display());
        }
    }
    assert!(Index::open(&machine.index()).is_ok());
}

#[test]
fn a_bit_flipped_in_any_block_is_found_by_whoever_reads_it() {
    let machine = Machine::new();
    machine.refresh();
    let kept = Kept::of(&machine.index());
    assert!(read_all(&machine.index()).is_ok());
    let mut dice = Dice(1);
    for (path, bytes) in &kept.0 {
        let file = writable(path);
        for block in 0..bytes.len() / BLOCK {
            // Somewhere in it, its first and its last byte, which is of the checksum.
            for at in [dice.below(BLOCK), 0, BLOCK - 1] {
                let at = block * BLOCK + at;
                let read = with_flip(&file, bytes, at, dice.below(8), || read_all(&machine.index()));
                assert!(matches!(read, Err(Error::Damaged { .. })), "byte {at} of {}", path.display());
            }
        }
    }
}

#[test]
fn a_file_of_any_other_length_is_refused() {
    let machine = Machine::new();
    machine.refresh();
    let kept = Kept::of(&machine.index());
    for (path, bytes) in &kept.0 {
        let mut lengths: Vec<usize> = (0..=bytes.len() / BLOCK)
            .flat_map(|block| [-1, 0, 1].map(|step| (block * BLOCK) as i64 + step))
            .filter_map(|n| n.try_into().ok())
            .collect();
        lengths.extend(0..64);
        lengths.retain(|length| *length != bytes.len());
        for length in lengths {
            let mut other = bytes.clone();
            other.resize(length, 0);
            fs::write(path, other).unwrap();
            let opened = Index::open(&machine.index()).err();
            assert!(matches!(opened, Some(Error::Damaged { .. })), "{length} bytes of {}: {opened:?}", path.display());
        }
        kept.restore();
    }
}

#[test]
fn a_block_of_another_generation_or_place_is_refused() {
    let machine = Machine::new();
    machine.refresh();
    let before = Kept::of(&machine.index());
    machine.refresh();
    let kept = Kept::of(&machine.index());
    for ((path, bytes), (_, older)) in kept.0.iter().zip(&before.0) {
        let file = writable(path);
        let blocks = bytes.len().min(older.len()) / BLOCK;
        let block = |bytes: &'_ [u8], number: usize| bytes[number * BLOCK..(number + 1) * BLOCK].to_vec();
        for number in 0..blocks {
            for wrong in [block(older, number), block(bytes, (number + 1) % blocks)] {
                file.write_all_at(&wrong, (number * BLOCK) as u64).unwrap();
                assert!(read_all(&machine.index()).is_err(), "block {number} of {}", path.display());
                file.write_all_at(&block(bytes, number), (number * BLOCK) as u64).unwrap();
            }
        }
    }
    // Whole files under each other's names.
    for wrong in [1, 2] {
        for (_, bytes) in before.0.iter().chain([&kept.0[0], &kept.0[3 - wrong]]) {
            fs::write(&kept.0[wrong].0, bytes).unwrap();
            assert!(matches!(Index::open(&machine.index()).err(), Some(Error::Damaged { .. })));
        }
        kept.restore();
    }
    assert!(read_all(&machine.index()).is_ok());
}

#[test]
fn every_query_answers_right_or_says_so_whatever_block_is_damaged() {
    let machine = Machine::new();
    machine.refresh();
    let right = machine.answers();
    let kept = Kept::of(&machine.index());
    let mut dice = Dice(7);
    for (path, bytes) in &kept.0 {
        for block in 0..bytes.len() / BLOCK {
            // What is used of a block lies at its front more often than not.
            let at = block * BLOCK + if block % 2 == 0 { dice.below(64) } else { dice.below(BLOCK) };
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << dice.below(8);
            ask_some(&machine, &kept, path, &damaged, &right, block, &format!("bit of byte {at}"));
        }
    }
}

#[test]
fn every_query_answers_right_or_says_so_whatever_is_missing_or_of_another_version() {
    let machine = Machine::new();
    machine.refresh();
    let right = machine.answers();
    let kept = Kept::of(&machine.index());
    for (path, bytes) in &kept.0 {
        let mut other_version = bytes.clone();
        other_version[8] += 1;
        let whole = bytes.len();
        let mut wrong = vec![
            (Vec::new(), "empty".to_owned()),
            (other_version, "of another version".to_owned()),
            (vec![0; whole], "all zero".to_owned()),
            (kept.0.iter().find(|(other, _)| other != path).unwrap().1.clone(), "another kind".to_owned()),
        ];
        for blocks in 0..whole / BLOCK {
            for length in [(blocks * BLOCK).saturating_sub(1), blocks * BLOCK, blocks * BLOCK + 1] {
                wrong.push((bytes[..length].to_vec(), format!("{length} of {whole} bytes")));
            }
        }
        for (turn, (damaged, what)) in wrong.iter().enumerate() {
            // The four special ones are put to every query, the many lengths to one each.
            let turns = if turn < 4 { 0..QUERIES.len() } else { turn % QUERIES.len()..turn % QUERIES.len() + 1 };
            for query in turns {
                kept.restore();
                fs::write(path, damaged).unwrap();
                ask(&machine, QUERIES[query], &right[query], &format!("{}: {what}", path.display()));
            }
        }
        kept.restore();
        fs::remove_file(path).unwrap();
        ask(&machine, QUERIES[0], &right[0], "a file is gone");
    }
}

/// Puts a third of the queries to a damaged file, by turns, and the prompt.
fn ask_some(machine: &Machine, kept: &Kept, path: &Path, damaged: &[u8], right: &[Answer], turn: usize, what: &str) {
    for query in (turn % 3..QUERIES.len()).step_by(3) {
        kept.restore();
        fs::write(path, damaged).unwrap();
        ask(machine, QUERIES[query], &right[query], &format!("{}: {what}", path.display()));
    }
}

fn ask(machine: &Machine, query: &[&str], right: &Answer, what: &str) {
    Answer::of(&machine.omg(query)).assert_right_or_error(right, &format!("{query:?} of {what}"));
}

#[test]
fn a_prompt_over_a_damaged_status_shows_no_counts() {
    let machine = Machine::new();
    machine.refresh();
    let kept = Kept::of(&machine.index());
    for format in
        ["{updates}{security}{attention}", "{updates_count} {installed_count} {security_count} {attention_count}"]
    {
        // With the machine's root in the environment it goes through the parser, and otherwise not.
        for quick in [false, true] {
            let prompt = || {
                let mut command = machine.command(&["prompt", "--format", format]);
                if quick {
                    command.env_remove("OMG_ROOT");
                }
                Answer::of(&command.output().unwrap())
            };
            kept.restore();
            if quick {
                // Then it answers for the machine that runs it: this index poses as that one's.
                let mut status = Status::read(&machine.index()).unwrap();
                status.place = "index".to_owned();
                omg::index::publish::status(&machine.index(), &status).unwrap();
            }
            let kept = Kept::of(&machine.index());
            let right = prompt();
            assert_eq!(right.code, Some(0), "{right:?}");
            assert!(right.text.contains(|c: char| c.is_ascii_digit()), "{right:?}");
            let (path, bytes) = kept.status();
            for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, bytes.len() - BLOCK, bytes.len() - 1] {
                fs::write(path, &bytes[..length]).unwrap();
                let answer = prompt();
                assert!(!answer.text.contains(|c: char| c.is_ascii_digit()), "{length}: {answer:?}");
                assert_eq!(answer.code, Some(3), "{length}: {answer:?}");
            }
        }
    }
}

#[test]
fn an_index_that_others_own_or_may_write_is_refused() {
    let machine = Machine::new();
    machine.refresh();
    let right = machine.answers();
    let kept = Kept::of(&machine.index());
    for (path, _) in &kept.0 {
        for (query, right) in QUERIES.iter().zip(&right) {
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
            assert!(Index::open(&machine.index()).is_err());
            let answer = Answer::of(&machine.omg(query));
            answer.assert_right_or_error(right, &format!("{query:?}"));
            // Completion builds nothing while somebody waits with a finger on the key.
            assert!(
                answer.code == right.code || query[0] == "complete",
                "{query:?} did not build it again: {answer:?}"
            );
            machine.refresh();
            kept.restore();
            kept.0.iter().for_each(|(path, _)| fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap());
        }
    }
}

#[test]
fn an_index_of_another_user_is_refused() {
    if !is_root() {
        return println!("skipped an_index_of_another_user_is_refused: needs root");
    }
    const OWNER: u32 = 65533;
    const READER: u32 = 65534;
    let machine = Machine::new();
    machine.refresh();
    let right = machine.answers();
    let omg = machine.copy_for_everybody();
    let read_as = |uid: u32, query: &[&str]| {
        let mut command = std::process::Command::new(&omg);
        machine.settle(&mut command);
        Answer::of(&command.args(query).uid(uid).gid(uid).output().unwrap())
    };
    for (query, right) in QUERIES.iter().zip(&right) {
        assert_eq!(&read_as(READER, query), right, "root's files are everybody's to read: {query:?}");
    }
    let kept = Kept::of(&machine.index());
    for (path, _) in &kept.0 {
        std::os::unix::fs::chown(path, Some(OWNER), Some(OWNER)).unwrap();
        assert_eq!(fs::metadata(path).unwrap().uid(), OWNER);
        for (query, right) in QUERIES.iter().zip(&right) {
            let answer = read_as(READER, query);
            answer.assert_right_or_error(right, &format!("{query:?}"));
        }
        let answer = read_as(READER, &["list", "--json"]);
        assert!(answer.errors.contains("owned by somebody else") && answer.code == Some(3), "{answer:?}");
        std::os::unix::fs::chown(path, Some(0), Some(0)).unwrap();
    }
}

#[test]
fn an_index_replaced_between_its_status_and_its_files_is_opened_anew() {
    let machine = Machine::new();
    machine.refresh();
    let tries = std::cell::Cell::new(0);
    let (status, local) = open_named(&machine.index(), None, |status| {
        tries.set(tries.get() + 1);
        if tries.get() == 1 {
            machine.enter(State::B);
            machine.refresh();
        }
        Local::open(&machine.index().join(status::local_name(status.local_generation)))
    })
    .unwrap();
    assert_eq!(tries.get(), 2);
    assert_eq!(local.file().generation(), status.local_generation);
    // And where it stays away that is an error, not a wait.
    let gone = Local::open(Path::new("/nonexistent/local"));
    assert!(matches!(gone, Err(Error::Missing(_))));
    let opened = open_named(&machine.index(), None, |_| Local::open(Path::new("/nonexistent/local")));
    assert!(matches!(opened.err(), Some(Error::Damaged { .. })));
}

#[test]
fn an_index_replaced_while_it_is_read_goes_on_being_what_it_was() {
    let machine = Machine::new();
    machine.refresh();
    let index = Index::open(&machine.index()).unwrap();
    machine.enter(State::B);
    machine.refresh();
    assert!(!index.folder.join(status::local_name(index.status.local_generation)).exists(), "it was not replaced");
    let mut versions = Vec::new();
    index
        .local
        .scan(|_, row| {
            versions.push(row.version);
            Ok(())
        })
        .unwrap();
    assert!(versions.iter().all(|version| version.contains('a')) && versions.len() > 50, "{versions:?}");
    index.catalogue.verify().unwrap();
}
