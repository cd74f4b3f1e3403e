//! The only door to the operating system.

pub mod dns;
pub mod http;
pub mod resolve;
pub mod start;
pub mod unpack;
