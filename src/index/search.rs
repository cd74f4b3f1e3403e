//! Finds packages by what their names and descriptions say.
//!
//! A term that is one word (letters, digits, `+` and `#`) is looked for in the dictionary of words: a tenth of the text, and each word names its
//! packages. What it finds is exactly what looking through the text would find. Other terms are cut into words that must
//! all be there, and the packages that have them are read to be sure.

use super::build::{IN_NAME, IN_REST, IN_SUMMARY, WORD_BITS};
use super::catalogue::{Catalogue, Stored};
use super::details::VersionDetails;
use super::dictionary::Dictionary;
use super::error::Result;
use super::words;
use crate::model::Source;
use memchr::memmem;
use std::ops::Range;

/// In a number of a word's list: the place where the package has the word.
const PLACE: u32 = (1 << WORD_BITS) - 1;

/// How well a term fits a package: 0 for not at all.
type Quality = u8;
const EXACT_NAME: Quality = 8;
const NAME_PREFIX: Quality = 7;
const NAME_WORD: Quality = 6;
const NAME_WORD_PREFIX: Quality = 5;
pub(super) const NAME_INSIDE: Quality = 4;
const SUMMARY_WORD: Quality = 3;
pub(super) const SUMMARY_INSIDE: Quality = 2;
const REST_INSIDE: Quality = 1;

/// In a hit's rank: above the popularity, below the quality.
const INSTALLED: u32 = 1 << 8;

/// A package that fits, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub id: u32,
    rank: u32,
}

/// Whether a package is wanted.
pub type Keep<'k> = dyn Fn(&Stored<'_>) -> Result<bool> + 'k;

/// What to look for.
#[derive(Default)]
pub struct Query<'a> {
    /// Every one must fit.
    pub terms: &'a [String],
    /// Look at names only.
    pub names: bool,
    /// The terms are regular expressions.
    pub regex: Option<&'a [regex::Regex]>,
    /// Only these packages, ascending.
    pub only: Option<&'a [u32]>,
    /// Only packages that pass.
    pub keep: Option<&'a Keep<'a>>,
}

/// What a query has found.
#[derive(Default)]
pub struct Found {
    /// The best ones, best first.
    pub best: Vec<Hit>,
    pub total: usize,
    /// There are as many as `total` that are better than all others, and the others were not looked for.
    pub is_least: bool,
}

/// The `most` best hits. `installed` holds catalogue numbers, ascending.
pub fn search(catalogue: &Catalogue, query: &Query<'_>, installed: &[u32], most: usize) -> Result<Found> {
    if let Query { terms: [term], regex: None, only: None, keep: None, .. } = query
        && let Some(quality) = enough_names(catalogue, term, most)?
    {
        return Ok(Found { is_least: true, ..best_of(catalogue, &quality, installed, most)? });
    }
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
            return Ok(Found::default());
        }
    }
    restrict(catalogue, query, &mut total)?;
    best_of(catalogue, &total, installed, most)
}

/// The qualities of the packages whose names begin with a term, if these are more than are wanted: nothing else is better.
fn enough_names(catalogue: &Catalogue, term: &str, most: usize) -> Result<Option<Vec<Quality>>> {
    let wanted = words::lower(term);
    // They are found in whatever way a term is looked for, by its words or as a whole.
    if catalogue.names()?.prefix(wanted.as_bytes())?.len() <= most {
        return Ok(None);
    }
    let mut quality = vec![0; catalogue.len() as usize];
    raise_names(catalogue, term, &wanted, &mut quality)?;
    Ok(Some(quality))
}

fn best_of(catalogue: &Catalogue, total: &[Quality], installed: &[u32], most: usize) -> Result<Found> {
    let (count, floor) = floor(total, most);
    let mut good = Vec::new();
    each_marked(total, u8::MAX, |id| good.extend((total[id as usize] >= floor).then_some(id)));
    let mut best = Best { hits: Vec::new(), most, least: 0 };
    let mut installed = installed.iter().copied().peekable();
    catalogue.popularity_of(&good, |id, popularity| {
        while installed.next_if(|next| *next < id).is_some() {}
        let is_installed = if installed.peek() == Some(&id) { INSTALLED } else { 0 };
        best.push(Hit { id, rank: u32::from(total[id as usize]) << 9 | is_installed | u32::from(popularity) });
    })?;
    Ok(Found { best: best.found(), total: count, is_least: false })
}

/// How many fit, and below which quality none is among the `most` best of them: quality goes before all else, and there are
/// few qualities, so that most hits of a short term need not be ranked.
fn floor(total: &[Quality], most: usize) -> (usize, Quality) {
    let mut of_quality = [0usize; 1 + Quality::MAX as usize];
    each_marked(total, u8::MAX, |id| of_quality[usize::from(total[id as usize])] += 1);
    let mut better = 0;
    let enough = |quality: &Quality| {
        better += of_quality[usize::from(*quality)];
        better >= most
    };
    let floor = (1..=Quality::MAX).rev().find(enough).unwrap_or(1);
    (of_quality.iter().sum(), floor)
}

/// Keeps the best of many.
struct Best {
    /// At most twice as many as are wanted.
    hits: Vec<Hit>,
    most: usize,
    /// What ranks no higher than this is not among the best: of equals the first are.
    least: u32,
}

impl Best {
    fn push(&mut self, hit: Hit) {
        if hit.rank <= self.least || self.most == 0 {
            return;
        }
        self.hits.push(hit);
        if self.hits.len() / 2 == self.most {
            let (_, last, _) = self.hits.select_nth_unstable_by(self.most - 1, Self::order);
            self.least = last.rank;
            self.hits.truncate(self.most);
        }
    }

    fn order(a: &Hit, b: &Hit) -> std::cmp::Ordering {
        b.rank.cmp(&a.rank).then(a.id.cmp(&b.id))
    }

    fn found(mut self) -> Vec<Hit> {
        self.hits.sort_unstable_by(Self::order);
        self.hits.truncate(self.most);
        self.hits
    }
}

/// Takes out what the query does not ask for.
fn restrict(catalogue: &Catalogue, query: &Query<'_>, total: &mut [Quality]) -> Result<()> {
    if let Some(only) = query.only {
        let mut only = only.iter().copied().peekable();
        for (id, quality) in (0u32..).zip(&mut *total) {
            while only.next_if(|next| *next < id).is_some() {}
            if only.peek() != Some(&id) {
                *quality = 0;
            }
        }
    }
    match query.keep {
        Some(keep) => catalogue.each_of(&marked(total, u8::MAX), |id, row| {
            if !keep(row)? {
                total[id as usize] = 0;
            }
            Ok(())
        }),
        None => Ok(()),
    }
}

/// The numbers of the packages whose mark has one of the bits.
pub(super) fn marked(marks: &[u8], bits: u8) -> Vec<u32> {
    let mut out = Vec::new();
    each_marked(marks, bits, |id| out.push(id));
    out
}

fn each_marked(marks: &[u8], bits: u8, mut each: impl FnMut(u32)) {
    // Most marks are zero: eight at a time are passed over.
    const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
    let wanted = u64::from_le_bytes([bits; 8]);
    for (first, marks) in (0u32..).step_by(8).zip(marks.chunks(8)) {
        let mut eight = [0; 8];
        eight[..marks.len()].copy_from_slice(marks);
        let eight = u64::from_le_bytes(eight) & wanted;
        // The highest bit of each byte that is not zero.
        let mut left = (((eight & LOW) + LOW) | eight) & !LOW;
        while left != 0 {
            each(first + left.trailing_zeros() / 8);
            left &= left - 1;
        }
    }
}

/// For every package how well one term fits it.
fn qualities(catalogue: &Catalogue, term: &str) -> Result<Vec<Quality>> {
    let wanted = words::lower(term);
    let mut quality = if wanted.chars().all(words::is_word) {
        let fit = |word: &[u8]| match word.strip_prefix(wanted.as_bytes()) {
            // `gtk` is all of the word `gtk+`.
            Some(rest) if rest.iter().all(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii()) => Fit::Whole,
            Some(_) => Fit::Start,
            None => Fit::Inside,
        };
        raised(catalogue, &wanted, |word| {
            let fit = fit(word);
            [IN_NAME, IN_SUMMARY, IN_REST].map(|place| quality_of(fit, place))
        })?
    } else {
        confirmed(catalogue, &wanted)?
    };
    raise_names(catalogue, term, &wanted, &mut quality)?;
    Ok(quality)
}

/// Raises what bears a term as its name or begins with it, as it is typed or in lower case.
fn raise_names(catalogue: &Catalogue, term: &str, wanted: &str, quality: &mut [Quality]) -> Result<()> {
    let names = catalogue.names()?;
    let mut raise = |range: Range<u32>, to: Quality| {
        let fitting = quality.get_mut(range.start as usize..range.end as usize).into_iter().flatten();
        fitting.for_each(|quality| *quality = to.max(*quality));
    };
    for spelling in [term, wanted].into_iter().take(if term == wanted { 1 } else { 2 }) {
        raise(names.prefix(spelling.as_bytes())?, NAME_PREFIX);
        raise(names.find(spelling.as_bytes())?, EXACT_NAME);
    }
    Ok(())
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
        _ => REST_INSIDE,
    }
}

/// For every package the highest of what `judge` makes of its words that have `piece` in them; it answers for each place.
fn raised(catalogue: &Catalogue, piece: &str, judge: impl Fn(&[u8]) -> [Quality; 3]) -> Result<Vec<Quality>> {
    let (words, lists) = catalogue.words()?;
    let (mut ranks, mut worth): (Vec<u32>, Vec<[Quality; 3]>) = (Vec::new(), Vec::new());
    each_word_with(catalogue, &words, piece, |rank, word| {
        ranks.push(rank);
        worth.push(judge(word));
    })?;
    let mut qualities = vec![0; catalogue.len() as usize];
    let mut sensible = true;
    lists.each_of_many(&ranks, |at, list| {
        let mut of_place = [0; 1 << WORD_BITS];
        of_place[..3].copy_from_slice(&worth[at]);
        list.each(|number| {
            let worth = of_place[(number & PLACE) as usize];
            match qualities.get_mut((number >> WORD_BITS) as usize) {
                Some(quality) if worth > 0 => *quality = worth.max(*quality),
                _ => sensible = false,
            }
        })
    })?;
    if sensible { Ok(qualities) } else { Err(catalogue.file().damaged("a word of no package")) }
}

/// Calls back with rank and text of each word that has `piece` in it.
fn each_word_with(
    catalogue: &Catalogue,
    words: &Dictionary,
    piece: &str,
    mut each: impl FnMut(u32, &[u8]),
) -> Result<()> {
    let finder = memmem::Finder::new(piece);
    catalogue.words_with(words, piece, |first, strings| {
        let (text, start) = strings.text();
        let (mut at, mut last) = (0, None);
        while let Some(found) = text.get(at..).and_then(|rest| finder.find(rest)) {
            let index = strings.index_at(last.unwrap_or(0), start + at + found);
            let word = strings.string(index);
            // Once a word: go on behind it. Nothing at all is found between two words, too.
            if last.replace(index) != Some(index) {
                each(first + index as u32, word);
            }
            let word_end = (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize) + word.len();
            at = word_end.max(at + found + 1);
        }
    })
}

/// A run of letters and digits that a text must hold, as part of one of its words.
pub(super) struct Piece {
    pub text: String,
    /// It is the word's beginning.
    pub starts: bool,
    /// It is the word's end.
    pub ends: bool,
}

impl Piece {
    fn fits(&self, word: &[u8]) -> bool {
        let text = self.text.as_bytes();
        (!self.starts || word.starts_with(text)) && (!self.ends || word.ends_with(text))
    }
}

/// The pieces of a text that occurs somewhere. `starts` and `ends`: no word goes on beyond that end of it.
pub(super) fn pieces(text: &str, starts: bool, ends: bool) -> impl Iterator<Item = Piece> {
    words::words(text).map(move |word| {
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        Piece { text: word.to_owned(), starts: starts || at > 0, ends: ends || at + word.len() < text.len() }
    })
}

/// For every package the places that have a word with the piece, a bit each.
pub(super) fn places(catalogue: &Catalogue, piece: &Piece) -> Result<Vec<u8>> {
    let (words, lists) = catalogue.words()?;
    let mut ranks = Vec::new();
    each_word_with(catalogue, &words, &piece.text, |rank, word| {
        if piece.fits(word) {
            ranks.push(rank);
        }
    })?;
    let mut places = vec![0u8; catalogue.len() as usize];
    let mut sensible = true;
    lists.each_of_many(&ranks, |_, list| {
        list.each(|number| match places.get_mut((number >> WORD_BITS) as usize) {
            Some(places) => *places |= 1 << (number & PLACE),
            None => sensible = false,
        })
    })?;
    if sensible { Ok(places) } else { Err(catalogue.file().damaged("a word of no package")) }
}

/// Packages whose text holds a term that is not one word (`lib-dev`, `text editor`).
fn confirmed(catalogue: &Catalogue, wanted: &str) -> Result<Vec<Quality>> {
    // Every word of the term has to be in the same place as all others.
    let mut places_of = vec![u8::MAX; catalogue.len() as usize];
    for piece in pieces(wanted, false, false) {
        places_of.iter_mut().zip(places(catalogue, &piece)?).for_each(|(all, one)| *all &= one);
    }
    let mut quality = vec![0; catalogue.len() as usize];
    let left = |quality: &[Quality], place: u32| {
        let open = |id: &u32| quality[*id as usize] == 0;
        marked(&places_of, 1 << place).into_iter().filter(open).collect::<Vec<u32>>()
    };
    catalogue.names()?.each_of(&left(&quality, IN_NAME), |id, name| {
        let name = String::from_utf8_lossy(name);
        let name = words::lower(&name);
        quality[id as usize] = match name.find(wanted) {
            Some(0) if name.len() == wanted.len() => EXACT_NAME,
            Some(0) => NAME_PREFIX,
            Some(_) => NAME_INSIDE,
            None => 0,
        };
    })?;
    catalogue.each_of(&left(&quality, IN_SUMMARY), |id, row| {
        if words::lower(&row.summary()).contains(wanted) {
            quality[id as usize] = SUMMARY_INSIDE;
        }
        Ok(())
    })?;
    catalogue.each_of(&left(&quality, IN_REST), |id, row| {
        if catalogue.page(row.details)?.first().is_some_and(|page| rest_contains(row.source, page, wanted)) {
            quality[id as usize] = REST_INSIDE;
        }
        Ok(())
    })?;
    Ok(quality)
}

fn rest_contains(source: Source, page: &VersionDetails, wanted: &str) -> bool {
    let mut rest = page.fields.iter().flat_map(|(field, text)| words::rest(source, *field, text));
    rest.any(|text| words::lower(text).contains(wanted))
}
