//! Orders of versions against the code that defines them, over a million pairs drawn by mutating real versions with a fixed seed.

#![allow(clippy::print_stdout, reason = "tests say what they compared and what they skipped")]

mod distributions;
mod ecosystems;
mod pairs;
mod ranges;
