//! The binary as a person runs it: an index of its own, a cleared environment, real tools as oracles.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod advisories;
mod apt;
mod apt_copy;
mod audit;
mod aur;
mod batch;
mod completions;
mod conf;
mod doctor;
mod evidence;
mod families;
mod history;
mod machine;
mod manual;
mod pacman;
mod pacman_root;
mod pacman_wording;
mod pacman_world;
mod projects;
mod provenance;
mod sbom;
mod sbom_projects;
mod secrets;
mod secrets_corpus;
mod signature;
#[path = "../support/sigstore.rs"]
mod sigstore;
mod support;
mod terminal;
mod trust;
