//! `packages-meta-ext-v1.json`: every package of the AUR, as its server writes it out every few minutes. The same objects,
//! with the same names, are the results of its RPC interface.
//!
//! Read as a stream, unpacked a piece at a time, so that the 60 MB of text are never in memory at once and stay in the
//! processor's cache from the moment they are unpacked to the moment the sink has copied them.

use super::scan::{Scan, Step, Stop};
use crate::model::{Available, CatalogueSink, Field, Problem, RepositoryId};
use std::io::Read;
use std::path::Path;

/// How much is unpacked at a time.
const PIECE_BYTES: usize = 256 << 10;
const STEP_BYTES: usize = 32 << 10;
/// An entry larger than this is damage. The largest real one has 30 kB.
const MAX_ENTRY_BYTES: usize = 8 << 20;
/// The whole text. Ten times the AUR.
const MAX_TEXT_BYTES: u64 = 2 << 30;

/// Hands every package in `input` to `sink`, and what is wrong with the file as problems of `path`.
pub fn read(input: impl Read, path: &Path, repository: RepositoryId, sink: &mut dyn CatalogueSink) {
    let mut pieces = Pieces {
        input: input.take(MAX_TEXT_BYTES),
        buffer: Vec::new(),
        start: 0,
        passed: 0,
        ended: false,
        cut_short: false,
        failure: None,
    };
    let mut skipped = 0;
    let outcome = read_array(&mut pieces, &mut |scratch, slots| {
        if !emit(scratch, slots, repository, sink) {
            skipped += 1;
        }
    });
    let mut problem = |message| sink.problem(Problem { path: path.to_owned(), message });
    if let Err(message) = outcome {
        problem(message);
    }
    if skipped > 0 {
        problem(format!("{skipped} entries without a usable name and version, or not UTF-8"));
    }
}

/// The part of the text that is in memory.
struct Pieces<R> {
    input: std::io::Take<R>,
    buffer: Vec<u8>,
    /// Where in `buffer` that begins which has not been read.
    start: usize,
    /// Bytes of the text before `buffer`.
    passed: u64,
    ended: bool,
    /// The end came from a failure of the input; of which kind, unless it just ended too soon.
    cut_short: bool,
    failure: Option<String>,
}

impl<R: Read> Pieces<R> {
    /// Runs `read` at the present place, with more and more bytes until it has enough, and moves behind what it read.
    fn step<T>(&mut self, mut read: impl FnMut(&mut Scan<'_>) -> Step<T>) -> Result<T, String> {
        loop {
            let mut scan = Scan::new(&self.buffer[self.start..]);
            match read(&mut scan) {
                Ok(value) => {
                    self.start += scan.position();
                    return Ok(value);
                }
                Err(Stop::Bad(why)) => {
                    let at = self.passed + (self.start + scan.position()) as u64;
                    return Err(format!("damaged at byte {at} of the text: {why}"));
                }
                Err(Stop::More) if self.ended => {
                    return Err(self.shortfall());
                }
                Err(Stop::More) if self.buffer.len() - self.start > MAX_ENTRY_BYTES => {
                    return Err(format!("an entry larger than {MAX_ENTRY_BYTES} bytes"));
                }
                Err(Stop::More) => self.fill(),
            }
        }
    }

    /// Brings another piece. A failure is kept for when what came before it has been read.
    fn fill(&mut self) {
        self.buffer.drain(..self.start);
        self.passed += self.start as u64;
        self.start = 0;
        let kept = self.buffer.len();
        let mut filled = kept;
        self.buffer.resize(kept + PIECE_BYTES, 0);
        while filled < self.buffer.len() && !self.ended {
            // In small steps, since a decoder that meets damage gives nothing of the step it is in.
            let step_end = self.buffer.len().min(filled + STEP_BYTES);
            match self.input.read(&mut self.buffer[filled..step_end]) {
                Ok(0) => self.ended = true,
                Ok(got) => filled += got,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    let after = self.passed + filled as u64;
                    self.failure = match error.kind() {
                        std::io::ErrorKind::UnexpectedEof => None,
                        _ => Some(format!("damaged after {after} bytes of text: {error}")),
                    };
                    self.cut_short = true;
                }
            }
        }
        self.buffer.truncate(filled);
    }

    /// Why there is no more.
    fn shortfall(&mut self) -> String {
        let after = self.passed + self.buffer.len() as u64;
        self.failure.take().unwrap_or_else(|| format!("truncated after {after} bytes of text"))
    }

    /// Reads to the end, where a compressed file keeps its checksum.
    fn finish(&mut self) -> Result<(), String> {
        loop {
            if !self.buffer[self.start..].iter().all(u8::is_ascii_whitespace) {
                return Err("text after the end of the list".to_owned());
            }
            match self.ended {
                true if self.cut_short => return Err(self.shortfall()),
                true => return Ok(()),
                false => {}
            }
            self.start = self.buffer.len();
            self.fill();
        }
    }
}

fn read_array<R: Read>(pieces: &mut Pieces<R>, each: &mut dyn FnMut(&[u8], &Slots)) -> Result<(), String> {
    let mut scratch = Vec::with_capacity(8 << 10);
    let mut more = pieces.step(|scan| scan.open(b'[', b']'))?;
    while more {
        let slots = pieces.step(|scan| {
            scratch.clear();
            entry(scan, &mut scratch)
        })?;
        each(&scratch, &slots);
        more = pieces.step(|scan| scan.another(b']'))?;
    }
    pieces.finish()
}

/// Where in the scratch text each value of an entry lies; an empty range for none.
type Slots = [(usize, usize); SLOTS];

const NAME: usize = 0;
const VERSION: usize = 1;
const SUMMARY: usize = 2;
const BASE: usize = 3;
const POPULARITY: usize = 4;
/// The first of those that are fields and nothing else.
const PLAIN: usize = 4;
const SLOTS: usize = 21;

/// The fields of the slots from `PLAIN` on.
const FIELDS: [Field; SLOTS - PLAIN] = [
    Field::Popularity,
    Field::Homepage,
    Field::Maintainer,
    Field::Votes,
    Field::OutOfDate,
    Field::FirstSubmitted,
    Field::LastModified,
    Field::Depends,
    Field::MakeDepends,
    Field::CheckDepends,
    Field::OptDepends,
    Field::Provides,
    Field::Conflicts,
    Field::Replaces,
    Field::Groups,
    Field::License,
    Field::Tags,
];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    /// Strings, joined.
    List(&'static [u8]),
}

fn slot_of(key: &[u8]) -> Option<(usize, Kind)> {
    let lines = Kind::List(b"\n");
    Some(match key {
        b"Name" => (NAME, Kind::Text),
        b"Version" => (VERSION, Kind::Text),
        b"Description" => (SUMMARY, Kind::Text),
        b"PackageBase" => (BASE, Kind::Text),
        b"Popularity" => (POPULARITY, Kind::Number),
        b"URL" => (5, Kind::Text),
        b"Maintainer" => (6, Kind::Text),
        b"NumVotes" => (7, Kind::Number),
        b"OutOfDate" => (8, Kind::Number),
        b"FirstSubmitted" => (9, Kind::Number),
        b"LastModified" => (10, Kind::Number),
        b"Depends" => (11, lines),
        b"MakeDepends" => (12, lines),
        b"CheckDepends" => (13, lines),
        b"OptDepends" => (14, lines),
        b"Provides" => (15, lines),
        b"Conflicts" => (16, lines),
        b"Replaces" => (17, lines),
        b"Groups" => (18, lines),
        b"License" => (19, lines),
        b"Keywords" => (20, Kind::List(b", ")),
        _ => return None,
    })
}

/// One object: its values appended to `scratch`, which is empty.
fn entry(scan: &mut Scan<'_>, scratch: &mut Vec<u8>) -> Step<Slots> {
    let mut slots = [(0, 0); SLOTS];
    let mut more = scan.open(b'{', b'}')?;
    while more {
        let key = scan.key()?;
        match slot_of(&key) {
            None => scan.skip()?,
            Some((slot, kind)) => {
                let start = scratch.len();
                if !scan.null()? {
                    value(scan, kind, scratch)?;
                }
                slots[slot] = (start, scratch.len());
            }
        }
        more = scan.another(b'}')?;
    }
    Ok(slots)
}

fn value(scan: &mut Scan<'_>, kind: Kind, scratch: &mut Vec<u8>) -> Step<()> {
    match kind {
        Kind::Text => scan.string(scratch),
        Kind::Number => {
            scratch.extend_from_slice(scan.number()?);
            Ok(())
        }
        Kind::List(separator) => {
            let start = scratch.len();
            let mut more = scan.open(b'[', b']')?;
            while more {
                if scratch.len() > start {
                    scratch.extend_from_slice(separator);
                }
                scan.string(scratch)?;
                more = scan.another(b']')?;
            }
            Ok(())
        }
    }
}

/// Tells the sink of one package; `false` where there is none to tell of.
fn emit(scratch: &[u8], slots: &Slots, repository: RepositoryId, sink: &mut dyn CatalogueSink) -> bool {
    let Ok(text) = std::str::from_utf8(scratch) else { return false };
    // Cannot be out of range or split a character: each slot was copied whole, and text that is UTF-8 as a whole but not in
    // its parts gives nothing here instead of a panic.
    let at = |slot: usize| text.get(slots[slot].0..slots[slot].1).unwrap_or_default();
    let (name, version) = (at(NAME), at(VERSION));
    if name.is_empty() || version.is_empty() {
        return false;
    }
    let mut fields = [(Field::Base, ""); SLOTS - PLAIN + 1];
    let mut count = 0;
    if at(BASE) != name && !at(BASE).is_empty() {
        fields[0] = (Field::Base, at(BASE));
        count = 1;
    }
    for (slot, field) in (PLAIN..).zip(FIELDS) {
        let value = at(slot);
        if !value.is_empty() {
            fields[count] = (field, value);
            count += 1;
        }
    }
    sink.package(&Available {
        name,
        arch: "",
        version,
        summary: at(SUMMARY),
        repository,
        popularity: at(POPULARITY).parse().unwrap_or(0.0),
        fields: &fields[..count],
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Repository;

    /// What a sink was told, as text.
    #[derive(Default)]
    pub struct Told {
        packages: Vec<String>,
        problems: Vec<String>,
    }

    impl CatalogueSink for Told {
        fn repository(&mut self, _: Repository) -> RepositoryId {
            0
        }
        fn package(&mut self, p: &Available<'_>) {
            self.packages.push(format!("{} {} {:?} {} {:?}", p.name, p.version, p.summary, p.popularity, p.fields));
        }
        fn problem(&mut self, problem: Problem) {
            self.problems.push(problem.message);
        }
    }

    fn told(input: impl Read) -> Told {
        let mut sink = Told::default();
        read(input, Path::new("meta.json"), 0, &mut sink);
        sink
    }

    const TWO: &str = r#"[
{"ID":1,"Name":"a-git","PackageBaseID":1,"PackageBase":"a","Version":"1:2-3","Description":"It\u2019s \"a\"\nb","URL":"https:\/\/a",
 "NumVotes":5,"Popularity":0.25,"OutOfDate":null,"Maintainer":"me","Submitter":"you","FirstSubmitted":1,"LastModified":2,
 "URLPath":"/x","Depends":["b>=1","c"],"OptDepends":["d: for e"],"License":[],"Keywords":["k","l"],"New":{"x":[1,{}]}},
{"Name":"z","PackageBase":"z","Version":"1-1","Description":null,"OutOfDate":12,"Popularity":0} ] "#;

    #[test]
    fn every_field_goes_where_it_belongs() {
        let sink = told(TWO.as_bytes());
        assert_eq!(sink.problems, [""; 0]);
        assert_eq!(
            sink.packages,
            [
                "a-git 1:2-3 \"It\u{2019}s \\\"a\\\" b\" 0.25 [(Base, \"a\"), (Popularity, \"0.25\"), (Homepage, \"https://a\"), \
                 (Maintainer, \"me\"), (Votes, \"5\"), (FirstSubmitted, \"1\"), (LastModified, \"2\"), \
                 (Depends, \"b>=1\\nc\"), (OptDepends, \"d: for e\"), (Tags, \"k, l\")]",
                "z 1-1 \"\" 0 [(Popularity, \"0\"), (OutOfDate, \"12\")]",
            ]
        );
    }

    #[test]
    fn cut_anywhere_it_keeps_the_whole_entries_and_says_so() {
        let whole = told(TWO.as_bytes()).packages;
        for cut in 0..TWO.len() - 1 {
            let sink = told(&TWO.as_bytes()[..cut]);
            assert_eq!(sink.packages, whole[..sink.packages.len()], "cut at {cut}");
            assert_eq!(sink.problems.len(), 1, "cut at {cut}");
            assert!(sink.problems[0].starts_with("truncated after"), "{}", sink.problems[0]);
        }
    }

    /// Gives a byte at a time, so that every entry is met in every state of incompleteness.
    struct Dribble<'a>(&'a [u8]);
    impl Read for Dribble<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(&mut into[..1])
        }
    }

    #[test]
    fn pieces_may_end_anywhere() {
        // Entries of 1 to 3,000 bytes put the ends of pieces at many places in them.
        let entries: Vec<String> = (0..3000usize)
            .map(|n| {
                format!(
                    r#"{{"Name":"p{n}","Version":"{n}-1","Description":"{}","Depends":["é\\","b"]}}"#,
                    "x".repeat(n)
                )
            })
            .collect();
        let text = format!("[{}]", entries.join(",\n"));
        let sink = told(Dribble(text.as_bytes()));
        assert_eq!((sink.packages.len(), sink.problems.len()), (3000, 0));
        for (n, package) in sink.packages.iter().enumerate() {
            assert_eq!(*package, format!("p{n} {n}-1 {:?} 0 [(Depends, \"é\\\\\\nb\")]", "x".repeat(n)));
        }
    }

    #[test]
    fn other_shapes_are_problems_not_panics() {
        for text in [
            "",
            "{}",
            "[1]",
            "<html>",
            "[{\"Name\":1}]",
            "[{}]",
            "[{\"Name\":\"a\",\"Version\":\"\"}]",
            "[] x",
            "[{},]",
        ] {
            let sink = told(text.as_bytes());
            assert!(sink.packages.is_empty() && !sink.problems.is_empty(), "{text}");
        }
        let sink = told(&b"[{\"Name\":\"a\",\"Version\":\"\xff\"},{\"Name\":\"b\",\"Version\":\"1\"}]"[..]);
        assert_eq!((sink.packages.len(), sink.problems.len()), (1, 1), "one bad entry does not take the next with it");
        assert!(told(&b"[]"[..]).problems.is_empty());
    }

    #[test]
    fn any_flipped_bit_is_survived() {
        let mut bytes = TWO.as_bytes().to_vec();
        for at in 0..bytes.len() * 8 {
            bytes[at / 8] ^= 1 << (at % 8);
            told(&bytes[..]);
            bytes[at / 8] ^= 1 << (at % 8);
        }
    }
}
