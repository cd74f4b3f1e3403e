//! What long work tells whoever waits for it.

/// Something that happened on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A stage begins: `reading the repositories`. As a rule so much of the whole is done then.
    Stage { what: &'a str, percent: u8 },
    /// Bytes of a download have come.
    Fetching { what: &'a str, done_bytes: u64, total_bytes: Option<u64> },
    /// A download has come whole.
    Fetched { what: &'a str, bytes: u64 },
    /// Nothing more comes of a download.
    NotFetched { what: &'a str },
    /// Another refresh holds the lock; this one waits.
    Waiting,
}

/// Receives events, from any thread.
pub trait Observer: Sync {
    fn event(&self, event: Event<'_>);
}

/// For whoever does not listen.
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event<'_>) {}
}
