//! The AUR: what its maintainers offer to be built.

pub mod srcinfo;
