//! How hard omg is to break: damaged indexes and sources, a refresh that is killed or refused at every system call, and
//! readers beside it.
//!
//! The rule everywhere: no crash, and never a wrong answer. An answer is the right one, or there is an error on stderr, a code
//! that is not 0 and nothing on stdout. Each test has a small machine of its own, of both families (`machine.rs`).

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod crowd;
mod index;
mod killed;
mod machine;
mod sources;
