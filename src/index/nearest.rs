//! The names nearest to a misspelt one.

use super::block::PAYLOAD;
use super::build::signature;
use super::catalogue::Catalogue;
use super::error::Result;
use super::words;
use crate::model::distance;
use std::collections::HashSet;

/// A name near to what was typed. In the order of its fields the best comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Near {
    distance: usize,
    /// Only what stands before the first hyphen is near: `firefox-esr` for `firfox`.
    is_part: bool,
    /// What it lacks in popularity.
    lack: u8,
    name: Vec<u8>,
    id: u32,
}

impl Near {
    fn part(&self) -> &[u8] {
        self.name.split(|byte| *byte == b'-').next().unwrap_or_default()
    }
}

/// The names nearest to one that finds nothing: at most two edits away (one for short ones), nearest first. Of those that are near
/// up to their first hyphen the most popular one each, and none where the part is a name itself.
pub fn nearest(catalogue: &Catalogue, name: &str, most: usize) -> Result<Vec<String>> {
    let wanted = words::lower(name);
    let wanted = wanted.as_bytes();
    let edits = if wanted.len() <= 4 { 1 } else { 2 };
    let mut near = near_names(catalogue, wanted, edits)?;
    near.extend(near_parts(catalogue, wanted, edits)?);
    near.sort_unstable_by_key(|near| near.id);
    let ids: Vec<u32> = near.iter().map(|near| near.id).collect();
    let mut same = near.iter_mut();
    catalogue.popularity_of(&ids, |_, popularity| same.by_ref().take(1).for_each(|near| near.lack -= popularity))?;
    near.sort_unstable();
    let (mut names, mut parts) = (HashSet::new(), HashSet::new());
    near.retain(|near| match near.is_part {
        true => !names.contains(near.part()) && parts.insert(near.part().to_vec()),
        false => names.insert(near.name.clone()),
    });
    Ok(near.into_iter().take(most).map(|near| String::from_utf8_lossy(&near.name).into_owned()).collect())
}

fn near_names(catalogue: &Catalogue, wanted: &[u8], edits: usize) -> Result<Vec<Near>> {
    let letters = signature(wanted);
    let mut candidates = Vec::new();
    catalogue.signatures(|first, others| {
        // In two loops, since the processor counts many at a time when nothing else happens.
        let mut differ = [0; PAYLOAD / 4];
        for (differ, other) in differ.iter_mut().zip(others.chunks_exact(4)) {
            *differ = (letters ^ u32::from_le_bytes(other.try_into().expect("four bytes"))).count_ones();
        }
        let near = (first..).zip(&differ[..others.len() / 4]).filter(|(_, differ)| **differ <= 2 * edits as u32);
        candidates.extend(near.map(|(id, _)| id));
    })?;
    let mut near = Vec::new();
    catalogue.names()?.each_of(&candidates, |id, other| {
        if let Some(distance) = distance(wanted, other, edits) {
            near.push(Near { distance, is_part: false, lack: u8::MAX, name: other.to_vec(), id });
        }
    })?;
    Ok(near)
}

/// Looks at names that begin with the same letter alone: who errs seldom errs there.
fn near_parts(catalogue: &Catalogue, wanted: &[u8], edits: usize) -> Result<Vec<Near>> {
    let mut near = Vec::new();
    let Some(&first) = wanted.first().filter(|_| !wanted.contains(&b'-')) else { return Ok(near) };
    let letters = signature(wanted);
    // Names with the same beginning stand together.
    let (mut last, mut last_distance): (Vec<u8>, Option<usize>) = (Vec::new(), None);
    catalogue.names()?.each_from(&[first], |id, name| {
        if let Some(hyphen) = name.iter().position(|byte| *byte == b'-') {
            let part = &name[..hyphen];
            if part != last {
                last = part.to_vec();
                let may = (letters ^ signature(part)).count_ones() <= 2 * edits as u32;
                last_distance = if may { distance(wanted, part, edits) } else { None };
            }
            if let Some(distance) = last_distance {
                near.push(Near { distance, is_part: true, lack: u8::MAX, name: name.to_vec(), id });
            }
        }
        name.first() == Some(&first)
    })?;
    Ok(near)
}
