//! The only door to the operating system.

pub mod dns;
pub mod elevate;
pub mod holder;
pub mod http;
pub mod resolve;
pub mod signals;
pub mod start;
pub mod unpack;
