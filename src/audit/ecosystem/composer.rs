//! Packagist's versions: what composer makes of a text, in the order of PHP's `version_compare`.
//!
//! A branch (`dev-main`) has no place in the order. Composer lets in much that semver does not: four numbers, dates, `1.0p1`, `1.x-dev`.

use super::by_number;
use regex::{Captures, Regex, RegexBuilder};
use std::cmp::Ordering;
use std::sync::LazyLock;

#[derive(Clone, Debug)]
pub enum Version<'t> {
    Branch(&'t str),
    Pieces(Vec<Piece<'t>>),
}

#[derive(Clone, Copy, Debug)]
pub enum Piece<'t> {
    Number(&'t str),
    Stage(Stage),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Dev,
    Alpha,
    Beta,
    Candidate,
    /// A number, or the end.
    None,
    Patch,
}

const STAGES: &str = r"[._-]?(?:(stable|beta|b|rc|alpha|a|patch|pl|p)((?:[.-]?\d+)*)?)?([.-]?dev)?";
static CLASSICAL: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"^v?(\d{{1,5}}(?:\.\d+){{0,3}}){STAGES}$")));
static DATE: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r"^v?(\d{{4}}(?:[.:-]?\d{{2}}){{1,6}}(?:[.:-]?\d{{1,3}})?){STAGES}$")));
static NUMBERED_BRANCH: LazyLock<Regex> = LazyLock::new(|| regex(r"^v?(\d+(?:\.(?:\d+|[x*])){0,3})[.-]?dev$"));
static STABILITY: LazyLock<Regex> = LazyLock::new(|| regex("@(?:stable|rc|beta|alpha|dev)$"));

fn regex(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).case_insensitive(true).unicode(false).build().expect("a pattern of our own")
}

impl<'t> Version<'t> {
    pub fn parse(text: &'t str) -> Option<Version<'t>> {
        let text = text.trim();
        // `dev-main as 1.0`: what is installed is the former.
        let text = text.split_once(" as ").map_or(text, |(text, _)| text.trim_end());
        let text = &text[..STABILITY.find(text).map_or(text.len(), |found| found.start())];
        let branch = text.get(..4).filter(|start| start.eq_ignore_ascii_case("dev-")).map(|_| &text[4..]);
        if let Some(branch) = branch.or(["master", "trunk", "default"].into_iter().find(|name| *name == text)) {
            return Some(Version::Branch(branch));
        }
        if text.contains(|c: char| c.is_whitespace() || c == ',') {
            return None;
        }
        let text = match text.split_once('+') {
            Some((text, build)) if !build.is_empty() => text,
            _ => text,
        };
        if let Some(found) = CLASSICAL.captures(text) {
            let mut pieces: Vec<Piece> = numbers(&found).collect();
            pieces.resize(4, Piece::Number("0"));
            return Some(Version::Pieces(with_stages(pieces, &found)));
        }
        if let Some(found) = DATE.captures(text) {
            return Some(Version::Pieces(with_stages(numbers(&found).collect(), &found)));
        }
        let found = NUMBERED_BRANCH.captures(text)?;
        let open = |piece: Piece<'t>| match piece {
            Piece::Number("x" | "X" | "*") => Piece::Number("9999999"),
            other => other,
        };
        let mut pieces: Vec<Piece> = numbers(&found).map(open).collect();
        pieces.resize(4, Piece::Number("9999999"));
        pieces.push(Piece::Stage(Stage::Dev));
        Some(Version::Pieces(pieces))
    }

    pub fn compare(&self, other: &Version) -> Option<Ordering> {
        match (self, other) {
            (Version::Branch(a), Version::Branch(b)) => (a == b).then_some(Ordering::Equal),
            (Version::Pieces(a), Version::Pieces(b)) => {
                let places = 0..a.len().max(b.len());
                let orders = places.map(|place| by_piece(a.get(place), b.get(place)));
                Some(orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
            }
            _ => None,
        }
    }
}

fn numbers<'t>(found: &Captures<'t>) -> impl Iterator<Item = Piece<'t>> + use<'t> {
    found.get(1).map_or("", |numbers| numbers.as_str()).split(['.', ':', '-']).map(Piece::Number)
}

fn with_stages<'t>(mut pieces: Vec<Piece<'t>>, found: &Captures<'t>) -> Vec<Piece<'t>> {
    let stage = found.get(2).map_or("", |stage| stage.as_str()).to_ascii_lowercase();
    let stage = match &*stage {
        "alpha" | "a" => Some(Stage::Alpha),
        "beta" | "b" => Some(Stage::Beta),
        "rc" => Some(Stage::Candidate),
        "patch" | "pl" | "p" => Some(Stage::Patch),
        // Whatever follows it is dropped, too.
        "stable" => return pieces,
        _ => None,
    };
    pieces.extend(stage.map(Piece::Stage));
    let numbers = found.get(3).map_or("", |numbers| numbers.as_str());
    pieces.extend(numbers.split(['.', '-']).filter(|number| !number.is_empty()).map(Piece::Number));
    pieces.extend(found.get(4).map(|_| Piece::Stage(Stage::Dev)));
    pieces
}

/// Where one ends, a number more is later, and so is a patch; every other stage is earlier.
fn by_piece(a: Option<&Piece>, b: Option<&Piece>) -> Ordering {
    let stage = |piece: Option<&Piece>| match piece {
        Some(Piece::Stage(stage)) => *stage,
        _ => Stage::None,
    };
    match (a, b) {
        (Some(Piece::Number(a)), Some(Piece::Number(b))) => by_number(a, b),
        (Some(Piece::Number(_)), None) => Ordering::Greater,
        (None, Some(Piece::Number(_))) => Ordering::Less,
        _ => stage(a).cmp(&stage(b)),
    }
}
