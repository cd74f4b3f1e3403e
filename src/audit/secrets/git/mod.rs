//! What a git repository keeps: objects in packs and on their own, read as the bytes they are.
//!
//! `git` itself is not asked. It runs programs that the repository's own configuration names (a missing object is fetched by a
//! command from there), and a repository to be looked at may be anybody's. Nothing is verified by hash: an object is looked at, not
//! trusted. Objects are read whole or streamed, and no larger than is said here.

mod delta;
mod index;
mod pack;
mod store;
mod tracked;

pub use delta::apply;
pub use pack::{Cache, Pack};
pub use store::{Repository, Store, loose};
pub use tracked::tracked;

/// An object that has to be held in memory, since others are made of it: larger ones git itself does not make so.
pub const MAX_WHOLE: u64 = 128 << 20;

/// SHA-1 or SHA-256, of which the first is followed by zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 32]);

impl Id {
    /// Of as many bytes as the repository's ids have.
    pub fn of(bytes: &[u8]) -> Id {
        let mut id = [0; 32];
        id.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Id(id)
    }

    pub fn hex(&self, length: usize) -> String {
        self.0[..length].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    pub fn named(name: &[u8]) -> Option<Kind> {
        match name {
            b"commit" => Some(Kind::Commit),
            b"tree" => Some(Kind::Tree),
            b"blob" => Some(Kind::Blob),
            b"tag" => Some(Kind::Tag),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
