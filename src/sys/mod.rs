//! The only door to the operating system.

pub mod archive;
pub mod below;
pub mod dns;
pub mod elevate;
pub mod holder;
pub mod http;
pub mod jsonc;
pub mod os_release;
pub mod paced;
pub mod read_ahead;
pub mod resolve;
pub mod signals;
pub mod start;
pub mod unpack;
pub mod watch;
pub mod xz;
pub mod yaml;
