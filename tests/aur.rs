//! The AUR's metadata, against oracles we did not write.
