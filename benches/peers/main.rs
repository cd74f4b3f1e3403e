//! Runs omg, the programs people use instead of it and an empty static program in turns, and prints medians, ratios and peak
//! memory beside what is asked for:
//!
//!     cargo bench --bench peers [-- [--rounds N] [--pacman] [--refresh] [--scale] [--changes] [--shell] [--audit]
//!                               [--runtimes] [WORD...]]
//!
//! Without a choice everything is run; words choose the rows whose label holds one (of `--changes` the parts:
//! apt-plan, pacman-plan, apt-transaction, pacman-transaction, history). Nothing of the machine is changed: omg and
//! apt read a copy of its lists, plain and with a valid cache (the fastest that apt can be set up), in a temporary folder.
//!
//! Times are the wall clock from spawn to reaped child, so that the machine's noise is in them; ratios within a row are what
//! counts. Peak memory is the kernel's, of one run; below about 3 MB it is this program's own, which the child inherits.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks")]

mod audit;
mod changes;
mod machine;
mod measure;
mod refresh;
mod rows;
mod runtimes;
mod scale;
mod shells;
mod trust;

use anyhow::Result;
use std::ffi::OsString;

/// What was asked for on the command line.
pub struct Options {
    /// Runs of a fast program.
    pub rounds: usize,
    pub words: Vec<String>,
    parts: Vec<String>,
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

fn main() -> Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == measure::PEAK) {
        return measure::report_peak(&arguments[1..]);
    }
    let options = options(arguments.iter().map(|argument| argument.to_string_lossy().into_owned()));
    let tools = machine::Tools::build()?;
    if options.wants("queries") {
        let machine = machine::Machine::of_apt(&tools)?;
        rows::apt(&tools, &machine, &options)?;
    }
    if options.wants("pacman") {
        let machine = machine::Machine::of_pacman(&tools)?;
        rows::pacman(&tools, &machine, &options)?;
    }
    if options.wants("refresh") {
        refresh::run(&tools, &options)?;
    }
    if options.wants("scale") {
        scale::run(&tools, &options)?;
    }
    if options.wants("shell") {
        shells::run(&tools, &options)?;
    }
    if options.wants("audit") {
        audit::run(&tools, &options)?;
    }
    if options.wants("runtimes") {
        runtimes::run(&tools, &options)?;
    }
    if options.wants("changes") {
        changes::run(&tools, &options)?;
    }
    if options.wants("audit") {
        trust::run(&tools, &options)?;
    }
    Ok(())
}

fn options(mut arguments: impl Iterator<Item = String>) -> Options {
    let mut options = Options { rounds: 200, words: Vec::new(), parts: Vec::new() };
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--") {
            Some("rounds") => options.rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(options.rounds),
            // Given by cargo itself.
            Some("bench") => {}
            Some(part) => options.parts.push(part.to_owned()),
            None => options.words.push(argument),
        }
    }
    options
}
