//! The prompt's segment: counts from the status file and the versions that the folder asks for.
//!
//! Runs before every prompt, so it is answered before the command line parser exists, it never rebuilds anything and it never
//! fails loudly: a prompt without a segment is better than one with an error in it. What is stale is marked; where the status is
//! damaged there are no counts, and the exit code is 3.

use crate::context::Ctx;
use crate::error::Exit;
use crate::index::Error;
use crate::ops::{Known, Place};
use crate::runtimes::pin::{self, Pin};
use crate::ui::{Ui, clean};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What is shown unless `--format` says otherwise: nothing at all on a machine that wants nothing.
const FORMAT: &str = "{updates}{security}{attention}{runtimes}";

pub fn command() -> Command {
    Command::new("prompt").about("Print a segment for the shell's prompt").arg(
        Arg::new("format").long("format").value_name("F").help(
            "Text with {updates}, {security}, {attention}, {runtimes} (each empty where there is nothing to say) and \
             {updates_count}, {security_count}, {attention_count}, {installed_count}",
        ),
    )
}

/// The short way, for `omg prompt` and `omg prompt --format F` alone; `None` where a parser is needed.
pub fn main(arguments: &[OsString]) -> Option<Exit> {
    let format = match arguments {
        [] => FORMAT,
        [flag, format] if flag == "--format" => format.to_str()?,
        _ => return None,
    };
    if ["OMG_ROOT", "OMG_CONFIG", "OMG_DBPATH", "OMG_BACKEND"].iter().any(|twin| std::env::var_os(twin).is_some()) {
        return None;
    }
    let place = Place { root: PathBuf::from("/"), ..Place::default() };
    Some(answer(&Ui::new(true), &place, format))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
    let format = matches.get_one::<String>("format").map_or(FORMAT, String::as_str);
    Ok(answer(&ctx.ui, &ctx.place, format))
}

fn answer(ui: &Ui, place: &Place, format: &str) -> Exit {
    let (known, unreadable) = match place.known() {
        Ok(known) => (Some(known), false),
        Err(error) => (None, !matches!(error, Error::Missing(_))),
    };
    match ui.print(&segment(known, format)) {
        Ok(()) if !unreadable => Exit::Found,
        _ => Exit::Failed,
    }
}

fn segment(known: Option<Known>, format: &str) -> String {
    let is_known = known.is_some();
    let (status, stale) = known.map(|known| (known.status, known.stale)).unwrap_or_default();
    // Nought would be an answer.
    let count = |count: u32| if is_known { count.to_string() } else { String::new() };
    let totals = status.totals();
    let security = totals.security_updates.unwrap_or(0);
    let attention = totals.broken + status.problems.len() as u32;
    let mark = if stale { "?" } else { "" };
    let some = |count: u32, sign: &str| if count > 0 { format!("{sign}{count}{mark} ") } else { String::new() };
    let runtimes = if format.contains("{runtimes}") { runtimes() } else { String::new() };
    let values = [
        ("{updates}", some(totals.updates, "↑")),
        ("{security}", some(security, "!")),
        ("{attention}", some(attention, "×")),
        ("{runtimes}", runtimes),
        ("{updates_count}", count(totals.updates)),
        ("{security_count}", count(security)),
        ("{attention_count}", count(attention)),
        ("{installed_count}", count(totals.installed)),
    ];
    filled(format, &values)
}

/// Each name in braces replaced, once, from the left: what a value holds is not looked at again.
fn filled(format: &str, values: &[(&str, String)]) -> String {
    let (mut out, mut rest) = (String::new(), format);
    while let Some(brace) = rest.find('{') {
        out.push_str(&rest[..brace]);
        rest = &rest[brace..];
        match values.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn runtimes() -> String {
    let Ok(folder) = std::env::current_dir() else { return String::new() };
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let shell = pin::of_environment(&|name| std::env::var(name).ok());
    let files = pin::active(&folder, home.as_deref().filter(|home| *home != Path::new("")));
    let files = files.iter().filter(|pin| shell.iter().all(|nearer| nearer.runtime != pin.runtime));
    versions(shell.iter().chain(files))
}

/// Each runtime with what is asked for, and a space behind it.
pub fn versions<'p>(pins: impl IntoIterator<Item = &'p Pin>) -> String {
    pins.into_iter().map(|pin| format!("{} {} ", pin.runtime.name(), clean(&pin.version))).collect()
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn a_value_is_not_a_format() {
        let values = [("{a}", "{b}".to_owned()), ("{b}", "no".to_owned())];
        assert_eq!(filled("x{a}y{c}{", &values), "x{b}y{c}{");
    }
}
