//! Version files in TOML: `omg.toml`, `mise.toml`, `rust-toolchain`, `pyproject.toml`.
//!
//! A file with an error, or cut at the size limit, still gives what can be read of it.

use super::pin::Found;
use super::tools::Tool;
use super::{Runtime, lines};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// `[runtimes]` of omg's own project file: `node = "22"`, or as mise writes it.
pub(super) fn omg(text: &str) -> Vec<Found> {
    by_name(text, "runtimes")
}

/// `[tools]`: `node = "22"`, `node = ["22", "20"]` (the first is in use), `node = { version = "22" }`. A templated version
/// (`{{ ... }}`) would have to be run to be known.
pub(super) fn mise(text: &str) -> Vec<Found> {
    by_name(text, "tools")
}

/// The older format has a bare channel and no table.
pub(super) fn rust_toolchain(text: &str) -> Vec<Found> {
    if !text.contains('[') {
        return lines::only(Runtime::Rust, text);
    }
    let table = parse(text);
    let channel = at(&table, &["toolchain", "channel"]);
    channel.and_then(|value| found(text, Runtime::Rust, value)).into_iter().collect()
}

/// Where rustup is given a folder instead of a channel.
pub(super) fn line_of_toolchain_path(text: &str) -> Option<u32> {
    let table = parse(text);
    at(&table, &["toolchain", "path"]).map(|path| line_of(text, path.span().start))
}

/// What the standard says, else what poetry says.
pub(super) fn pyproject(text: &str) -> Vec<Found> {
    let table = parse(text);
    let standard = at(&table, &["project", "requires-python"]);
    let poetry = || at(&table, &["tool", "poetry", "dependencies", "python"]);
    standard.or_else(poetry).and_then(|value| found(text, Runtime::Python, value)).into_iter().collect()
}

fn by_name(text: &str, section: &str) -> Vec<Found> {
    let table = parse(text);
    let Some(DeValue::Table(tools)) = table.get_ref().get(section).map(Spanned::get_ref) else { return Vec::new() };
    let mut pins: Vec<Found> = tools
        .iter()
        .filter_map(|(name, value)| found(text, Runtime::named(name.get_ref())?, value))
        .filter(|found| !found.version.contains("{{"))
        .collect();
    pins.sort_by_key(|found| found.line);
    pins
}

/// Of a section the tools that are no runtimes of ours.
pub(super) fn other_tools(text: &str, section: &str) -> Vec<Tool> {
    let table = parse(text);
    let Some(DeValue::Table(tools)) = table.get_ref().get(section).map(Spanned::get_ref) else { return Vec::new() };
    let tool = |name: &str, value| {
        let (version, line) = version(text, value)?;
        Tool::new(name, version, line).filter(|tool| !tool.version.contains("{{"))
    };
    let mut found: Vec<Tool> = tools.iter().filter_map(|(name, value)| tool(name.get_ref(), value)).collect();
    found.sort_by_key(|found| found.line);
    found
}

/// What is wrong with a text that is no TOML, and in which line.
pub(super) fn fault(text: &str) -> Option<(u32, String)> {
    let error = DeTable::parse_recoverable(text).1.into_iter().next()?;
    let line = error.span().map_or(0, |span| line_of(text, span.start));
    Some((line, format!("is no TOML: {}", error.message())))
}

/// The outermost keys, and the line of each.
pub(super) fn keys(text: &str) -> Vec<(String, u32)> {
    let table = parse(text);
    table.get_ref().keys().map(|key| (key.get_ref().to_string(), line_of(text, key.span().start))).collect()
}

fn line_of(text: &str, at: usize) -> u32 {
    1 + text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() as u32
}

fn parse(text: &str) -> Spanned<DeTable<'_>> {
    DeTable::parse_recoverable(text).0
}

fn at<'t, 'i>(table: &'t Spanned<DeTable<'i>>, keys: &[&str]) -> Option<&'t Spanned<DeValue<'i>>> {
    let (first, rest) = keys.split_first()?;
    let mut value = table.get_ref().get(*first)?;
    for key in rest {
        value = value.get_ref().as_table()?.get(*key)?;
    }
    Some(value)
}

fn found(text: &str, runtime: Runtime, value: &Spanned<DeValue<'_>>) -> Option<Found> {
    let (version, line) = version(text, value)?;
    Found::new(runtime, version, line)
}

/// What is written there, and in which line.
fn version<'t>(text: &'t str, value: &'t Spanned<DeValue<'_>>) -> Option<(&'t str, u32)> {
    let line = || line_of(text, value.span().start);
    match value.get_ref() {
        DeValue::String(version) => Some((version, line())),
        // `python = 3.12`: not what mise asks for, but what was meant is plain, and kept as it was written.
        DeValue::Integer(_) | DeValue::Float(_) => Some((text.get(value.span())?, line())),
        DeValue::Array(versions) => version(text, versions.first()?),
        DeValue::Table(options) => version(text, options.get("version")?),
        DeValue::Boolean(_) | DeValue::Datetime(_) => None,
    }
}
