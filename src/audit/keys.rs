//! The keys of publishers that come with omg, so that their signatures are verified without anybody having to fetch keys.
//!
//! - `node.asc`: all 29 keys of nodejs/release-keys on GitHub (July 2026), of releasers and of those who were. Their fingerprints are
//!   those that the README of nodejs/node lists; of one that is newer, the list beside the keys has it.
//! - `rust.asc`: the key that Rust's project signs releases with, as rustup carried it; its fingerprint is the one that
//!   distributions pin.
//! - `bun.asc`: the key of Bun's own robot, which signs its lists of checksums; its fingerprint is the one that Bun's Dockerfiles and
//!   those of others have. Two projects that carry it have the same key, byte for byte.
//! - `java.asc`: the key of Eclipse Temurin's releases, as GitHub's own action for Java carries it; its fingerprint is the one that
//!   Adoptium's Dockerfiles fetch it by from a keyserver.
//!
//! They were exported without the signatures of others. What was made by a key that is newer is told to be unverified, not refused:
//! these lists age with omg.

/// Of a runtime's publisher, by the runtime's name.
pub fn of(runtime: &str) -> Option<&'static str> {
    match runtime {
        "bun" => Some(include_str!("keys/bun.asc")),
        "java" => Some(include_str!("keys/java.asc")),
        "node" => Some(include_str!("keys/node.asc")),
        "rust" => Some(include_str!("keys/rust.asc")),
        _ => None,
    }
}
