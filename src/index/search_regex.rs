//! Regular expressions: the words that any match must hold pick the packages, the expression then decides.

use super::catalogue::Catalogue;
use super::error::Result;
use super::search;
use super::words;
use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};

const IN_NAME: u8 = 1;
const IN_SUMMARY: u8 = 2;
/// Shorter words are in too many packages to be worth looking up.
const SHORTEST: usize = 3;

/// Quality of every package: as a name's inside or a summary's.
pub(super) fn qualities(catalogue: &Catalogue, pattern: &str, regex: &Regex) -> Result<Vec<u8>> {
    let need = regex_syntax::parse(pattern).map_or(Need::Nothing, |hir| need(&hir));
    let places = evaluate(catalogue, &need)?;
    let may = |id: u32, place: u8| places.as_ref().is_none_or(|places| places[id as usize] & place != 0);
    let mut quality = vec![0; catalogue.len() as usize];
    catalogue.names()?.scan(|first, names| {
        for index in 0..names.len() {
            let id = first + index as u32;
            if may(id, IN_NAME)
                && let Some(quality) = quality.get_mut(id as usize)
                && std::str::from_utf8(names.string(index)).is_ok_and(|name| regex.is_match(name))
            {
                *quality = search::NAME_INSIDE;
            }
        }
    })?;
    let rest: Option<Vec<u8>> = places.as_ref().map(|places| {
        places.iter().zip(&quality).map(|(place, done)| u8::from(place & IN_SUMMARY != 0 && *done == 0)).collect()
    });
    search::visit(catalogue, rest.as_deref(), |row| {
        if quality[row.id as usize] == 0 && regex.is_match(&row.summary) {
            quality[row.id as usize] = search::SUMMARY_INSIDE;
        }
        Ok(())
    })?;
    Ok(quality)
}

/// What the words of a text must hold for an expression to match it.
enum Need {
    Nothing,
    Piece(String),
    All(Vec<Need>),
    Any(Vec<Need>),
}

fn need(hir: &Hir) -> Need {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0).to_lowercase();
            let pieces: Vec<Need> = words::words(&text)
                .filter(|piece| piece.len() >= SHORTEST)
                .map(|piece| Need::Piece(piece.to_owned()))
                .collect();
            if pieces.is_empty() { Need::Nothing } else { Need::All(pieces) }
        }
        HirKind::Capture(capture) => need(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => need(&repetition.sub),
        HirKind::Concat(parts) => {
            let needs: Vec<Need> = parts.iter().map(need).filter(|need| !matches!(need, Need::Nothing)).collect();
            if needs.is_empty() { Need::Nothing } else { Need::All(needs) }
        }
        HirKind::Alternation(parts) => {
            let needs: Vec<Need> = parts.iter().map(need).collect();
            if needs.iter().any(|need| matches!(need, Need::Nothing)) { Need::Nothing } else { Need::Any(needs) }
        }
        _ => Need::Nothing,
    }
}

/// Bits of the places that may match, for every package; `None` for anything.
fn evaluate(catalogue: &Catalogue, need: &Need) -> Result<Option<Vec<u8>>> {
    let join = |needs: &[Need], with: fn(u8, u8) -> u8| {
        let mut all: Option<Vec<u8>> = None;
        for need in needs {
            let Some(one) = evaluate(catalogue, need)? else { continue };
            match &mut all {
                None => all = Some(one),
                Some(all) => all.iter_mut().zip(one).for_each(|(a, b)| *a = with(*a, b)),
            }
        }
        Ok(all)
    };
    match need {
        Need::Nothing => Ok(None),
        Need::Piece(piece) => search::places(catalogue, piece).map(Some),
        Need::All(needs) => join(needs, |a, b| a & b),
        Need::Any(needs) => join(needs, |a, b| a | b),
    }
}
