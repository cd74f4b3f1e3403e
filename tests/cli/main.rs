//! The binary as a person runs it: an index of its own, a cleared environment, real tools as oracles.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod machine;
mod pacman;
mod pacman_wording;
mod pacman_world;
mod support;
