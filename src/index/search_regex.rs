//! Regular expressions: the words that any match must hold pick the packages, the expression then decides.

use super::build::{IN_NAME, IN_SUMMARY};
use super::catalogue::Catalogue;
use super::error::Result;
use super::search::{self, Piece};
use regex::Regex;
use regex_syntax::hir::{Hir, HirKind, Look};

/// Shorter words are in too many packages to be worth looking up.
const SHORTEST: usize = 3;

/// Quality of every package: as a name's inside or a summary's.
pub(super) fn qualities(catalogue: &Catalogue, pattern: &str, regex: &Regex) -> Result<Vec<u8>> {
    let need = regex_syntax::parse(pattern).map_or(Need::Nothing, |hir| need(&hir));
    let places = evaluate(catalogue, &need)?.unwrap_or_else(|| vec![u8::MAX; catalogue.len() as usize]);
    let mut quality = vec![0; catalogue.len() as usize];
    let may = |place: u32| search::marked(&places, 1 << place);
    catalogue.names()?.each_of(&may(IN_NAME), |id, name| {
        if std::str::from_utf8(name).is_ok_and(|name| regex.is_match(name)) {
            quality[id as usize] = search::NAME_INSIDE;
        }
    })?;
    let rest: Vec<u32> = may(IN_SUMMARY).into_iter().filter(|id| quality[*id as usize] == 0).collect();
    catalogue.each_of(&rest, |id, row| {
        if regex.is_match(&row.summary()) {
            quality[id as usize] = search::SUMMARY_INSIDE;
        }
        Ok(())
    })?;
    Ok(quality)
}

/// What the words of a text must hold for an expression to match it.
enum Need {
    Nothing,
    Piece(Piece),
    All(Vec<Need>),
    Any(Vec<Need>),
}

fn need(hir: &Hir) -> Need {
    between(hir, false, false)
}

/// What `hir` needs. `starts` and `ends`: it stands at a place where no word goes on to its left or right.
fn between(hir: &Hir, starts: bool, ends: bool) -> Need {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0).to_lowercase();
            let long = search::pieces(&text, starts, ends).filter(|piece| piece.text.len() >= SHORTEST);
            all(long.map(Need::Piece).collect())
        }
        HirKind::Capture(capture) => between(&capture.sub, starts, ends),
        HirKind::Repetition(repetition) if repetition.min == 1 && repetition.max == Some(1) => {
            between(&repetition.sub, starts, ends)
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => need(&repetition.sub),
        HirKind::Concat(parts) => {
            let part = |at: usize| {
                let before = if at == 0 { starts } else { is_edge(&parts[at - 1]) };
                let behind = if at + 1 == parts.len() { ends } else { is_edge(&parts[at + 1]) };
                between(&parts[at], before, behind)
            };
            all((0..parts.len()).map(part).filter(|need| !matches!(need, Need::Nothing)).collect())
        }
        HirKind::Alternation(parts) => {
            let needs: Vec<Need> = parts.iter().map(|part| between(part, starts, ends)).collect();
            if needs.iter().any(|need| matches!(need, Need::Nothing)) { Need::Nothing } else { Need::Any(needs) }
        }
        _ => Need::Nothing,
    }
}

fn all(needs: Vec<Need>) -> Need {
    if needs.is_empty() { Need::Nothing } else { Need::All(needs) }
}

/// Whether it is the beginning or the end of the text. Not a word's edge: `+` belongs to our words.
fn is_edge(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Look(Look::Start | Look::End))
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
