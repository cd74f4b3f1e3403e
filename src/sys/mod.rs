//! The only door to the operating system.

pub mod unpack;
