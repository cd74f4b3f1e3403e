//! omg: one command for the software of a Linux machine.
//!
//! The map of the code is in `ARCHITECTURE.md`. Modules use only those to their right:
//! `commands > ops > (index, backends, runtimes, audit) > sys > model`.

pub mod audit;
pub mod backends;
pub mod cli;
pub mod commands;
pub mod config;
pub mod context;
pub mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod history;
pub mod index;
pub mod model;
pub mod ops;
pub mod project;
pub mod prompt;
pub mod runtimes;
pub mod shell;
pub mod sys;
pub mod ui;
pub mod units;
