//! Pairs of versions made by changing real ones with a fixed seed, and programs that are asked about them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const PAIRS: usize = 1_000_000;

pub fn data(name: &str) -> PathBuf {
    let data = std::env::var_os("OMG_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    data.join(name)
}

/// xorshift64.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A version and one that is mostly like it.
pub fn pair(real: &[String], pieces: &[&str], random: &mut Random) -> (String, String) {
    let mut a = random.of(real).clone();
    (0..random.below(2)).for_each(|_| mutate(&mut a, real, pieces, random));
    let mut b = if random.below(12) == 0 { random.of(real).clone() } else { a.clone() };
    (0..1 + random.below(3)).for_each(|_| mutate(&mut b, real, pieces, random));
    (a, b)
}

fn mutate(text: &mut String, real: &[String], pieces: &[&str], random: &mut Random) {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = *random.of(&places);
    match random.below(8) {
        0 | 1 => text.insert_str(at, random.of::<&str>(pieces)),
        2 if at < text.len() => drop(text.remove(at)),
        3 => text.truncate(at),
        4 => text.insert(0, char::from(random.of(real).as_bytes()[0])),
        5 => {
            // The tail of another.
            let other = random.of(real);
            let from = other.char_indices().map(|(at, _)| at).nth(random.below(other.len())).unwrap_or(0);
            text.truncate(at);
            text.push_str(&other[from..]);
        }
        _ => {
            // Another number in place of one.
            let bytes = text.as_bytes();
            let Some(start) = (at..bytes.len()).find(|&at| bytes[at].is_ascii_digit()) else { return };
            let end = (start..bytes.len()).find(|&at| !bytes[at].is_ascii_digit()).unwrap_or(bytes.len());
            let number: u64 = text[start..end].parse().unwrap_or(7);
            let other = match random.below(4) {
                0 => number.saturating_add(1).to_string(),
                1 => number.saturating_sub(1).to_string(),
                2 => format!("0{number}"),
                _ => number.saturating_mul(10).to_string(),
            };
            text.replace_range(start..end, &other);
        }
    }
}

/// Answers `<`, `=` or `>` for each line `A\tB`; `None` where the oracle cannot be run.
pub fn asked(program: &str, script: &[&str], pairs: &[(String, String)]) -> Option<Vec<u8>> {
    let text: String = pairs.iter().map(|(a, b)| format!("{a}\t{b}\n")).collect();
    let child = Command::new(program)
        .args(script)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.ok()?;
    let mut pipe = child.stdin.take()?;
    let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    if !output.status.success() {
        return None;
    }
    assert_eq!(output.stdout.len(), pairs.len());
    Some(output.stdout)
}

pub fn compare(oracle: &str, pairs: &[(String, String)], theirs: &[u8], ours: impl Fn(&str, &str) -> Ordering) {
    let mut seen = BTreeMap::new();
    for ((a, b), sign) in pairs.iter().zip(theirs) {
        let expected = match sign {
            b'<' => Ordering::Less,
            b'=' => Ordering::Equal,
            _ => Ordering::Greater,
        };
        assert_eq!(ours(a, b), expected, "{oracle}: {a:?} {b:?}");
        *seen.entry(char::from(*sign)).or_insert(0) += 1;
    }
    assert!(seen.len() == 3 && seen.values().all(|count| *count > pairs.len() / 50), "{oracle}: {seen:?}");
    println!("{oracle}: {} pairs: {seen:?}", pairs.len());
}
