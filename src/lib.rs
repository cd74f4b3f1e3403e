//! omg: one command for the software of a Linux machine.
//!
//! The map of the code is in `ARCHITECTURE.md`. Modules use only those to their right:
//! `commands > ops > (index, backends, runtimes, audit) > sys > model`.

pub mod backends;
pub mod index;
pub mod model;
pub mod runtimes;
pub mod sys;
pub mod units;
