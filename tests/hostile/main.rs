//! Changes of packages in hostile and broken surroundings: repositories that lie, full disks, a network that dies, others at the same
//! moment, and kills. Whatever happens, nothing is changed or the same command finishes it, and what was said of it is true.
//!
//! The native tools are the oracle: omg is never less strict than they are. What is missing is skipped by name.

// What is skipped is said on standard output, where ./setup counts it.
#![allow(clippy::print_stdout)]

#[path = "../support/apt.rs"]
mod apt;
#[path = "../support/debian.rs"]
mod debian;
#[path = "../support/pacman.rs"]
mod pacman;

mod apt_interrupted;
mod apt_killed;
mod apt_machine;
mod apt_network;
mod apt_power;
mod apt_repository;
mod disk;
mod pacman_archives;
mod pacman_crowd;
mod pacman_killed;
mod pacman_network;
mod pacman_power;
mod pacman_repository;
mod server;
