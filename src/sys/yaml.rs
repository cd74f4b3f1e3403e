//! A YAML text as a tree of texts, lists and maps with the line of each key.
//!
//! saphyr-parser reads; it gives events, so that what an anchor names is shared here and never copied: a few lines that name each other
//! cannot come to gigabytes. Scalars stay texts, since no one here asks for numbers. Of several documents the first is read.

use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Deeper nesting is refused.
const MAX_DEPTH: usize = 64;
/// That one map takes over of others; a long one that is named again and again would be looked through as often.
const MAX_TAKEN_OVER: usize = 5_000;

#[derive(Clone, Debug)]
pub enum Node {
    /// Whether it was written without quotes: `true` is one thing, `"true"` another.
    Text(String, bool),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    /// Counted from 1.
    pub line: u32,
    pub value: Rc<Node>,
}

impl Node {
    /// The entries of a map, with those that `<<` takes over from others; none for anything else.
    pub fn entries(&self) -> Vec<&Entry> {
        let mut all: Vec<&Entry> = self.own_entries().collect();
        let mut seen: HashSet<&str> = all.iter().map(|entry| &*entry.key).collect();
        all.extend(self.taken_over().filter(|entry| seen.insert(&entry.key)));
        all
    }

    fn own_entries(&self) -> impl Iterator<Item = &Entry> {
        self.plain_entries().iter().filter(|entry| entry.key != "<<")
    }

    fn taken_over(&self) -> impl Iterator<Item = &Entry> {
        let merges = self.plain_entries().iter().filter(|entry| entry.key == "<<");
        let maps = merges.flat_map(|merge| std::iter::once(&merge.value).chain(merge.value.items()));
        maps.take(MAX_TAKEN_OVER).flat_map(|map| map.plain_entries()).take(MAX_TAKEN_OVER)
    }

    fn plain_entries(&self) -> &[Entry] {
        match self {
            Node::Map(entries) => entries,
            _ => &[],
        }
    }

    pub fn member(&self, key: &str) -> Option<&Node> {
        self.own_entries().chain(self.taken_over()).find(|entry| entry.key == key).map(|entry| &*entry.value)
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Node::Text(text, _) => Some(text),
            _ => None,
        }
    }

    pub fn is_true(&self) -> bool {
        matches!(self, Node::Text(text, true) if matches!(&**text, "true" | "True" | "TRUE"))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Node::Text(text, true) if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    pub fn items(&self) -> &[Rc<Node>] {
        match self {
            Node::List(items) => items,
            _ => &[],
        }
    }
}

/// What is being read: a list, or a map with the key whose value comes next.
enum Open {
    List { anchor: usize, items: Vec<Rc<Node>> },
    Map { anchor: usize, entries: Vec<Entry>, key: Option<(String, u32)> },
}

/// What a text may be made of.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of one map; a longer one is refused.
    pub max_entries: usize,
    /// Whether a part may be named and stand in several places. Where the maps are long, each of many places can lead to a long one.
    pub may_repeat: bool,
}

pub fn read(text: &str, limits: Limits) -> Result<Rc<Node>, String> {
    let mut anchors: HashMap<usize, Rc<Node>> = HashMap::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| format!("line {}: {}", error.marker().line(), error.info()))?;
        let line = u32::try_from(span.start.line()).unwrap_or(u32::MAX).max(1);
        let (anchor, node) = match event {
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List { anchor, items: Vec::new() });
                deep(&open, line)?;
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map { anchor, entries: Vec::new(), key: None });
                deep(&open, line)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List { anchor, items }) => (anchor, Rc::new(Node::List(items))),
                Some(Open::Map { anchor, entries, .. }) => (anchor, Rc::new(Node::Map(entries))),
                None => continue,
            },
            Event::Scalar(text, style, anchor, _) => {
                (anchor, Rc::new(Node::Text(text.into_owned(), style == ScalarStyle::Plain)))
            }
            Event::Alias(_) if !limits.may_repeat => return Err(format!("line {line}: an alias")),
            Event::Alias(anchor) => {
                let known =
                    anchors.get(&anchor).ok_or_else(|| format!("line {line}: an alias inside of what it names"))?;
                (0, Rc::clone(known))
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                continue;
            }
        };
        if anchor > 0 {
            anchors.insert(anchor, Rc::clone(&node));
        }
        match open.last_mut() {
            None => return Ok(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(_) if entries.len() >= limits.max_entries => {
                    return Err(format!("line {line}: a map of more than {} entries", limits.max_entries));
                }
                Some((key, line)) => entries.push(Entry { key, line, value: node }),
                // A key that is a list or a map is nobody's name.
                None => *key = Some((node.text().unwrap_or_default().to_owned(), line)),
            },
        }
    }
    Ok(Rc::new(Node::Text(String::new(), true)))
}

fn deep(open: &[Open], line: u32) -> Result<(), String> {
    if open.len() > MAX_DEPTH { Err(format!("line {line}: nested more than {MAX_DEPTH} deep")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{Limits, Node, Rc};

    fn read(text: &str) -> Result<Rc<Node>, String> {
        super::read(text, Limits { max_entries: 5_000, may_repeat: true })
    }

    #[test]
    fn anchors_are_shared_and_merged() {
        let node = read("a: &a\n  x: 1\n  y: \"true\"\nb:\n  <<: *a\n  x: 2\nc: [*a, 'q']\n").unwrap();
        let b = node.member("b").unwrap();
        assert_eq!(b.member("x").and_then(Node::text), Some("2"));
        assert_eq!(b.member("y").and_then(Node::text), Some("true"));
        assert!(!b.member("y").unwrap().is_true());
        assert_eq!(node.member("c").unwrap().items().len(), 2);
        assert_eq!(node.entries()[1].line, 4);
    }

    #[test]
    fn a_billion_laughs_stay_few() {
        let mut text = "a0: &a0 [x, x]\n".to_owned();
        for at in 1..200 {
            text += &format!("a{at}: &a{at} [*a{0}, *a{0}, *a{0}]\n", at - 1);
        }
        assert_eq!(read(&text).unwrap().entries().len(), 200);
    }

    #[test]
    fn a_map_that_takes_over_another_a_million_times_stays_small() {
        let long: String = (0..4000).map(|n| format!("  k{n}: x\n")).collect();
        let node = read(&format!("a: &a\n{long}b:\n  <<: [{}]\n  own: y\n", "*a, ".repeat(1_000_000))).unwrap();
        let b = node.member("b").unwrap();
        assert_eq!(b.entries().len(), 4001);
        assert_eq!(b.member("k3999").and_then(Node::text), Some("x"));
    }

    #[test]
    fn what_is_no_yaml_is_an_error_with_its_line() {
        assert!(read("a: b\nc: [d\n").unwrap_err().starts_with("line "));
        assert!(read("a: &a [*a]\n").unwrap_err().contains("alias"));
        assert_eq!(read(&"[".repeat(100)).unwrap_err(), "line 1: nested more than 64 deep");
        assert!(read("").unwrap().is_null());
    }
}
