//! The binary as a person runs it: an index of its own, a cleared environment, real tools as oracles.

mod machine;
mod support;
