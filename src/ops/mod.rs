//! Sequences that cross domains. They neither print nor ask: what happens on the way goes to an
//! [`Observer`](crate::model::Observer), what came of it is returned.

pub mod advisories;
pub mod archives;
pub mod by_tool;
pub mod clean;
pub mod conf;
pub mod current;
pub mod environment;
pub mod fetch;
mod fs_snapshot;
pub mod gate;
pub mod history;
pub mod licenses;
mod local;
pub mod lock_files;
pub mod mise;
pub mod origin;
mod place;
pub mod refresh;
mod relate;
pub mod restore;
pub mod run;
pub mod runtimes;
pub mod sbom;
pub mod settle;
pub mod signature;
pub mod transact;
pub mod trust;
mod world;

pub use place::{Known, Place};
pub use refresh::{Outcome, Request, refresh, refresh_from};
pub use world::World;
