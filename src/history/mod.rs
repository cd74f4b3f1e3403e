//! What was done to the machine's packages, by whomever: the journal.
//!
//! It knows neither logs nor package managers; `ops` brings what they tell.

pub mod inverse;
mod journal;

pub use journal::{FsSnapshot, Journal, Log, News, Recorded};
