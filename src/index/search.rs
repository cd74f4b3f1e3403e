//! Finds packages by what their names and descriptions say.
//!
//! A term made of letters and digits is looked for in the dictionary of words: a tenth of the text, and each word names its
//! packages. What it finds is exactly what looking through the text would find. Other terms are cut into words that must
//! all be there, and the packages that have them are read to be sure.

use super::build::{IN_NAME, IN_SUMMARY, WORD_BITS, signature};
use super::catalogue::{Catalogue, Row};
use super::details::VersionDetails;
use super::dictionary::Dictionary;
use super::error::Result;
use super::words;
use crate::model::Field;
use memchr::memmem;

/// How well a term fits a package: 0 for not at all.
type Quality = u8;
const EXACT_NAME: Quality = 8;
const NAME_PREFIX: Quality = 7;
const NAME_WORD: Quality = 6;
const NAME_WORD_PREFIX: Quality = 5;
pub(super) const NAME_INSIDE: Quality = 4;
const SUMMARY_WORD: Quality = 3;
pub(super) const SUMMARY_INSIDE: Quality = 2;
const REST: Quality = 1;

/// Beyond this share of all packages it is cheaper to read them in a row than one by one.
const SCAN_SHARE: usize = 16;

/// A package that fits, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub id: u32,
    rank: u32,
}

/// What to look for.
pub struct Query<'a> {
    /// Every one must fit.
    pub terms: &'a [String],
    /// Look at names only.
    pub names: bool,
    /// The terms are regular expressions.
    pub regex: Option<&'a [regex::Regex]>,
}

/// All hits, best first as far as `sorted` entries were asked for. `installed` holds catalogue numbers, ascending.
pub fn search(catalogue: &Catalogue, query: &Query<'_>, installed: &[u32], sorted: usize) -> Result<Vec<Hit>> {
    let mut total: Vec<Quality> = Vec::new();
    for (place, term) in query.terms.iter().enumerate() {
        let mut quality = match query.regex {
            Some(all) => super::search_regex::qualities(catalogue, term, &all[place])?,
            None => qualities(catalogue, term)?,
        };
        if query.names {
            quality.iter_mut().filter(|q| **q < NAME_INSIDE).for_each(|q| *q = 0);
        }
        if total.is_empty() {
            total = quality;
        } else {
            total
                .iter_mut()
                .zip(&quality)
                .for_each(|(t, q)| *t = if *q == 0 { 0 } else { t.saturating_add(*q) * u8::from(*t > 0) });
        }
        if total.iter().all(|quality| *quality == 0) {
            return Ok(Vec::new());
        }
    }
    let popularity = catalogue.popularity()?;
    let mut installed = installed.iter().copied().peekable();
    let mut hits: Vec<Hit> = Vec::new();
    for (id, quality) in (0u32..).zip(&total).filter(|(_, quality)| **quality > 0) {
        while installed.peek().is_some_and(|next| *next < id) {
            installed.next();
        }
        let here = installed.peek() == Some(&id);
        let popular = popularity.get(id as usize).copied().unwrap_or(0);
        hits.push(Hit { id, rank: u32::from(*quality) << 9 | u32::from(here) << 8 | u32::from(popular) });
    }
    let order = |a: &Hit, b: &Hit| b.rank.cmp(&a.rank).then(a.id.cmp(&b.id));
    if sorted < hits.len() {
        hits.select_nth_unstable_by(sorted, order);
        hits[..sorted].sort_unstable_by(order);
    } else {
        hits.sort_unstable_by(order);
    }
    Ok(hits)
}

/// For every package how well one term fits it.
fn qualities(catalogue: &Catalogue, term: &str) -> Result<Vec<Quality>> {
    let wanted = words::lower(term);
    let mut quality = if wanted.chars().all(words::is_word) {
        let mut quality = vec![0; catalogue.len() as usize];
        let fit = |word: &[u8]| match word.strip_prefix(wanted.as_bytes()) {
            Some([]) => Fit::Whole,
            Some(_) => Fit::Start,
            None => Fit::Inside,
        };
        raise(catalogue, &wanted, &mut quality, |word, place| Some(quality_of(fit(word), place)))?;
        quality
    } else {
        confirmed(catalogue, &wanted)?
    };
    let names = catalogue.names()?;
    for spelling in [term, &*wanted] {
        names.each_from(spelling.as_bytes(), |id, name| {
            let fits = name.starts_with(spelling.as_bytes());
            if fits && let Some(quality) = quality.get_mut(id as usize) {
                *quality = if name.len() == spelling.len() { EXACT_NAME } else { NAME_PREFIX.max(*quality) };
            }
            fits
        })?;
    }
    Ok(quality)
}

#[derive(Clone, Copy)]
enum Fit {
    Whole,
    Start,
    Inside,
}

fn quality_of(fit: Fit, place: u32) -> Quality {
    match (place, fit) {
        (IN_NAME, Fit::Whole) => NAME_WORD,
        (IN_NAME, Fit::Start) => NAME_WORD_PREFIX,
        (IN_NAME, Fit::Inside) => NAME_INSIDE,
        (IN_SUMMARY, Fit::Whole) => SUMMARY_WORD,
        (IN_SUMMARY, _) => SUMMARY_INSIDE,
        _ => REST,
    }
}

/// Raises the quality of every package that has a word with `piece` in it, to what `judge` makes of the word and the place.
fn raise(
    catalogue: &Catalogue,
    piece: &str,
    quality: &mut [Quality],
    judge: impl Fn(&[u8], u32) -> Option<Quality>,
) -> Result<()> {
    let (words, lists) = catalogue.words()?;
    let mut found: Vec<(u32, Vec<u8>)> = Vec::new();
    each_word_with(&words, piece, |rank, word| found.push((rank, word.to_vec())))?;
    let mut sensible = true;
    for (rank, word) in found {
        let by_place = [0, 1, 2, 3].map(|place| judge(&word, place).unwrap_or(0));
        lists.each(rank, |number| match quality.get_mut((number >> WORD_BITS) as usize) {
            Some(quality) => *quality = by_place[(number & ((1 << WORD_BITS) - 1)) as usize].max(*quality),
            None => sensible = false,
        })?;
    }
    if sensible { Ok(()) } else { Err(catalogue.file().damaged("a word of no package")) }
}

/// Calls back with rank and text of each word that has `piece` in it.
fn each_word_with(words: &Dictionary, piece: &str, mut each: impl FnMut(u32, &[u8])) -> Result<()> {
    let finder = memmem::Finder::new(piece);
    words.scan(|first, strings| {
        let (text, start) = strings.text();
        let mut at = 0;
        while let Some(found) = text.get(at..).and_then(|rest| finder.find(rest)) {
            let index = strings.index_at(start + at + found);
            let word = strings.string(index);
            each(first + index as u32, word);
            // Once a word: go on behind it.
            let word_end = word.as_ptr() as usize - text.as_ptr() as usize + word.len();
            at = word_end.max(at + found + 1);
        }
    })
}

/// Packages whose text holds a term that is not one word (`c++`, `lib-dev`, `text editor`).
fn confirmed(catalogue: &Catalogue, wanted: &str) -> Result<Vec<Quality>> {
    let candidates = with_pieces(catalogue, wanted)?;
    let mut quality = vec![0; catalogue.len() as usize];
    visit(catalogue, candidates.as_deref(), |row| {
        let name = words::lower(&row.name);
        quality[row.id as usize] = if *name == *wanted {
            EXACT_NAME
        } else if name.starts_with(wanted) {
            NAME_PREFIX
        } else if name.contains(wanted) {
            NAME_INSIDE
        } else if words::lower(&row.summary).contains(wanted) {
            SUMMARY_INSIDE
        } else if catalogue.details(&row)?.first().is_some_and(|page| rest_contains(page, wanted)) {
            REST
        } else {
            0
        };
        Ok(())
    })?;
    Ok(quality)
}

fn rest_contains(page: &VersionDetails, wanted: &str) -> bool {
    [Field::LongDescription, Field::Groups, Field::Provides]
        .iter()
        .filter_map(|field| page.field(*field))
        .any(|text| words::lower(text).contains(wanted))
}

/// The packages that have every word of a term: as a whole where the term has something on both sides of it, else as the
/// end or the beginning of a word. `None` where the term has no word and anything may hold it.
fn with_pieces(catalogue: &Catalogue, wanted: &str) -> Result<Option<Vec<u8>>> {
    let mut all: Option<Vec<u8>> = None;
    for piece in words::words(wanted) {
        let start = piece.as_ptr() as usize - wanted.as_ptr() as usize;
        let (open_left, open_right) = (start == 0, start + piece.len() == wanted.len());
        let fits = |word: &[u8]| match (open_left, open_right) {
            (true, false) => word.ends_with(piece.as_bytes()),
            (false, true) => word.starts_with(piece.as_bytes()),
            _ => word == piece.as_bytes(),
        };
        let mut have = vec![0; catalogue.len() as usize];
        raise(catalogue, piece, &mut have, |word, _| fits(word).then_some(1))?;
        match &mut all {
            None => all = Some(have),
            Some(all) => all.iter_mut().zip(have).for_each(|(all, have)| *all &= have),
        }
    }
    Ok(all)
}

/// Calls back with each package that is marked; with every one where there are no marks.
pub(super) fn visit(
    catalogue: &Catalogue,
    marks: Option<&[u8]>,
    mut each: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let marked = marks.map(|marks| marks.iter().filter(|mark| **mark > 0).count());
    match (marks, marked) {
        (Some(marks), Some(marked)) if marked < catalogue.len() as usize / SCAN_SHARE => {
            (0u32..).zip(marks).filter(|(_, mark)| **mark > 0).try_for_each(|(id, _)| each(catalogue.row(id)?))
        }
        _ => catalogue.scan(|row| match marks {
            Some(marks) if marks.get(row.id as usize) == Some(&0) => Ok(()),
            _ => each(row),
        }),
    }
}

/// For every package in bits whether a word with `piece` in it stands in its name (1), its summary (2) or the rest (4).
pub(super) fn places(catalogue: &Catalogue, piece: &str) -> Result<Vec<u8>> {
    let (words, lists) = catalogue.words()?;
    let mut found = Vec::new();
    each_word_with(&words, piece, |rank, _| found.push(rank))?;
    let mut places = vec![0u8; catalogue.len() as usize];
    let mut sensible = true;
    for rank in found {
        lists.each(rank, |number| match places.get_mut((number >> WORD_BITS) as usize) {
            Some(places) => *places |= 1 << (number & ((1 << WORD_BITS) - 1)),
            None => sensible = false,
        })?;
    }
    if sensible { Ok(places) } else { Err(catalogue.file().damaged("a word of no package")) }
}

/// The names nearest to one that finds nothing: at most two edits away (one for short ones), nearest first.
pub fn nearest(catalogue: &Catalogue, name: &str, most: usize) -> Result<Vec<String>> {
    let wanted = words::lower(name);
    let wanted = wanted.as_bytes();
    let edits = if wanted.len() <= 4 { 1 } else { 2 };
    let letters = signature(wanted);
    let mut candidates = Vec::new();
    catalogue.signatures(|id, other| {
        if (letters ^ other).count_ones() <= 2 * edits as u32 {
            candidates.push(id);
        }
    })?;
    let names = catalogue.names()?;
    let popularity = catalogue.popularity()?;
    let mut found: Vec<(usize, u8, Vec<u8>)> = Vec::new();
    for id in candidates {
        let other = names.string(id)?;
        if let Some(distance) = distance(wanted, &other, edits) {
            found.push((distance, u8::MAX - popularity.get(id as usize).copied().unwrap_or(0), other));
        }
    }
    found.sort_unstable();
    found.dedup_by(|a, b| a.2 == b.2);
    Ok(found.into_iter().take(most).map(|(_, _, name)| String::from_utf8_lossy(&name).into_owned()).collect())
}

/// Edits between two names (insert, delete, change, swap neighbours), `None` beyond `most`.
fn distance(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(!a[i - 1].eq_ignore_ascii_case(&b[j - 1]));
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        if row.iter().all(|&edits| edits > most) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    Some(last[b.len()]).filter(|&edits| edits <= most)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn edits_are_counted_as_a_typist_makes_them() {
        assert_eq!(distance(b"firefox", b"firefox", 2), Some(0));
        assert_eq!(distance(b"firfox", b"firefox", 2), Some(1));
        assert_eq!(distance(b"fierfox", b"firefox", 2), Some(1));
        assert_eq!(distance(b"vmi", b"vim", 1), Some(1));
        assert_eq!(distance(b"emcas", b"nano", 2), None);
    }
}
