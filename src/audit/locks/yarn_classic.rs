//! `yarn.lock` of yarn 1: a format of its own, of keys and their packages.
//!
//! It does not say what is for development, nor what the project itself asks for.

use super::list::List;
use super::npm;
use super::{Format, Lock, checksum, split_at_sign};
use std::collections::HashMap;

/// What is being read of one package.
#[derive(Default)]
struct Block {
    line: u32,
    /// `name@range`.
    keys: Vec<String>,
    version: String,
    resolved: String,
    integrity: String,
    /// As keys.
    needs: Vec<String>,
}

pub(super) fn read(text: &str) -> Result<Lock, String> {
    let mut list = List::new(Format::Yarn);
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut needs = Vec::new();
    for block in blocks(text)? {
        let wrong = || format!("line {}: {:?} is no package", block.line, block.keys.join(", "));
        let (alias, range) = block.keys.first().and_then(|key| split_at_sign(key)).ok_or_else(wrong)?;
        // `alias@npm:name@range`
        let name = range.strip_prefix("npm:").map_or(alias, |real| split_at_sign(real).map_or(real, |(name, _)| name));
        let is_local = block.resolved.is_empty() && (range.starts_with("file:") || range.starts_with("link:"));
        let source = npm::source(if is_local { range } else { &block.resolved });
        let version = Some(&*block.version).filter(|version| !version.is_empty());
        let mut package = list.package(name, version, source, block.line);
        package.checksums = checksum::of_integrity(&block.integrity);
        let place = list.add(package);
        places.extend(block.keys.iter().map(|key| (key.clone(), place)));
        needs.push((place, block.needs));
    }
    for (place, keys) in needs {
        list.depend(place, keys.iter().filter_map(|key| places.get(key)).copied());
    }
    Ok(list.done())
}

fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut in_needs = false;
    for (line, text) in (1..).zip(text.lines()) {
        let words = text.trim();
        if words.is_empty() || words.starts_with('#') {
            continue;
        }
        let wrong = || format!("line {line}: {words:?} is not understood");
        let depth = text.len() - text.trim_start_matches(' ').len();
        match (depth, blocks.last_mut()) {
            (0, _) => {
                let keys = keys(words.strip_suffix(':').ok_or_else(wrong)?).ok_or_else(wrong)?;
                blocks.push(Block { line, keys, ..Block::default() });
                in_needs = false;
            }
            (2, Some(_)) if words.ends_with(':') => {
                in_needs = matches!(words, "dependencies:" | "optionalDependencies:")
            }
            (2, Some(block)) => {
                let (name, value) = pair(words).ok_or_else(wrong)?;
                match &*name {
                    "version" => block.version = value,
                    "resolved" => block.resolved = value,
                    "integrity" => block.integrity = value,
                    _ => {}
                }
            }
            (4, Some(block)) if in_needs => {
                let (name, range) = pair(words).ok_or_else(wrong)?;
                block.needs.push(format!("{name}@{range}"));
            }
            (3.., Some(_)) => {}
            _ => return Err(wrong()),
        }
    }
    Ok(blocks)
}

/// `a@1, "b@2 || 3"`
fn keys(mut text: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    loop {
        let (key, rest) = word(text, ',')?;
        keys.push(key);
        if rest.is_empty() {
            return Some(keys);
        }
        text = rest.strip_prefix(',')?.trim_start();
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, rest) = word(text, ' ')?;
    let (value, rest) = word(rest.trim_start(), ' ')?;
    rest.is_empty().then_some((name, value))
}

/// A word up to a sign, or a quoted one as JSON has it; and what stands behind it.
fn word(text: &str, end: char) -> Option<(String, &str)> {
    if !text.starts_with('"') {
        let (word, rest) = text.split_at(text.find(end).unwrap_or(text.len()));
        return (!word.is_empty()).then(|| (word.to_owned(), rest));
    }
    let mut is_escaped = false;
    let close = text.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    })?;
    let (quoted, rest) = text.split_at(close + 2);
    Some((serde_json::from_str(quoted).ok()?, rest))
}
