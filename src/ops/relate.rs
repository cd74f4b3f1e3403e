//! Who needs whom among the installed packages, and which of them nothing needs any more.

use crate::backends::Backend;
use crate::index::LocalRow;
use crate::index::build::RELATIONS;
use crate::index::local::{Edge, NewLocal};
use crate::model::relation::{self, Relation};
use crate::model::{Field, OrphanRule, Reason, Source};
use std::cmp::Ordering;
use std::collections::HashMap;

/// The relations followed among the installed, by their place in [`RELATIONS`]: those that can keep a package.
const FOLLOWED: std::ops::Range<usize> = 0..6;

/// One thing that satisfies a relation: a package, under its own or a provided name.
struct Offer<'a> {
    rank: u32,
    source: Source,
    /// Empty for the machine's own and for packages of every architecture.
    arch: &'a str,
    multi_arch: &'a str,
    /// `None` for a provided name without a version: it satisfies no versioned relation.
    version: Option<&'a str>,
}

/// Every edge from an installed package to the installed packages that satisfy one of its relations. `native` is the machine's
/// own architecture.
pub fn edges(packages: &[NewLocal], backends: &[Box<dyn Backend>], native: &str) -> Vec<Edge> {
    let mut offers: HashMap<&str, Vec<Offer<'_>>> = HashMap::new();
    for (rank, package) in (0u32..).zip(packages).filter(|(_, package)| package.row.installed()) {
        let row = &package.row;
        let multi_arch = package.fields.iter().find(|(field, _)| *field == Field::MultiArch);
        let multi_arch = multi_arch.map_or("", |(_, value)| value.as_str());
        let offer = |version| Offer { rank, source: row.source, arch: &row.arch, multi_arch, version };
        offers.entry(&row.name).or_default().push(offer(Some(&row.version)));
        for (_, text) in package.fields.iter().filter(|(field, _)| *field == Field::Provides) {
            for provided in relation::parse(row.source, text).into_iter().flatten() {
                let version = Some(provided.version).filter(|version| !version.is_empty());
                offers.entry(provided.name).or_default().push(offer(version));
            }
        }
    }
    let mut edges = Vec::new();
    for (from, package) in (0u32..).zip(packages).filter(|(_, package)| package.row.installed()) {
        let LocalRow { source, arch, .. } = &package.row;
        let Some(backend) = backends.iter().find(|backend| backend.source() == *source) else { continue };
        for (field, text) in &package.fields {
            let Some(kind) = RELATIONS[FOLLOWED].iter().position(|relation| relation == field) else { continue };
            for wanted in relation::parse(*source, text).into_iter().flatten() {
                let offers = offers.get(wanted.name).map_or(&[][..], Vec::as_slice);
                let fitting = offers.iter().filter(|o| {
                    o.source == *source
                        && o.rank != from
                        && suits(&wanted, arch, o, native)
                        && fits(&wanted, o, &**backend)
                });
                edges.extend(fitting.map(|offer| Edge { from, to: offer.rank, kind: kind as u8 }));
            }
        }
    }
    edges.sort_unstable_by_key(|edge| (edge.from, edge.to, edge.kind));
    edges.dedup();
    edges
}

/// Whether the architecture is one that a package of `arch` may ask for, as deb-control(5) has it.
fn suits(wanted: &Relation<'_>, arch: &str, offer: &Offer<'_>, native: &str) -> bool {
    match wanted.arch {
        "" | "native" => offer.arch == arch || offer.multi_arch == "foreign",
        "any" => offer.arch == arch || ["foreign", "allowed"].contains(&offer.multi_arch),
        named if named == native => offer.arch.is_empty(),
        named => offer.arch == named,
    }
}

fn fits(wanted: &Relation<'_>, offer: &Offer<'_>, backend: &dyn Backend) -> bool {
    if wanted.operator.is_empty() {
        return true;
    }
    let Some(version) = offer.version else { return false };
    let order = backend.compare(version, wanted.version);
    match wanted.operator {
        "<<" => order == Ordering::Less,
        "<" if offer.source == Source::Pacman => order == Ordering::Less,
        "<" | "<=" => order != Ordering::Greater,
        "=" => order == Ordering::Equal,
        ">" if offer.source == Source::Pacman => order == Ordering::Greater,
        ">" | ">=" => order != Ordering::Less,
        ">>" => order == Ordering::Greater,
        _ => false,
    }
}

/// Marks the orphans of one family.
pub fn mark_orphans(packages: &mut [NewLocal], edges: &[Edge], backend: &dyn Backend) {
    let needed = match backend.orphan_rule() {
        OrphanRule::Unrequired => {
            let mut needed = vec![false; packages.len()];
            edges.iter().for_each(|edge| needed[edge.to as usize] = true);
            needed
        }
        OrphanRule::Unreachable { recommends, suggests } => {
            reachable(packages, edges, |kind| match RELATIONS[usize::from(kind)] {
                Field::Recommends => recommends,
                Field::Suggests => suggests,
                Field::Depends | Field::PreDepends => true,
                _ => false,
            })
        }
    };
    for (package, needed) in packages.iter_mut().zip(needed) {
        let row = &mut package.row;
        if row.source == backend.source() {
            row.orphan = row.installed() && row.reason == Reason::Dependency && !row.keep && !needed;
        }
    }
}

fn reachable(packages: &[NewLocal], edges: &[Edge], follows: impl Fn(u8) -> bool) -> Vec<bool> {
    let mut reached: Vec<bool> = packages
        .iter()
        .map(|package| package.row.installed() && (package.row.reason == Reason::Explicit || package.row.keep))
        .collect();
    let mut pending: Vec<u32> = (0..packages.len() as u32).filter(|rank| reached[*rank as usize]).collect();
    while let Some(rank) = pending.pop() {
        let from = edges.partition_point(|edge| edge.from < rank);
        for edge in edges[from..].iter().take_while(|edge| edge.from == rank).filter(|edge| follows(edge.kind)) {
            if !std::mem::replace(&mut reached[edge.to as usize], true) {
                pending.push(edge.to);
            }
        }
    }
    reached
}
