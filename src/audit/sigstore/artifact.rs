//! What was signed, as far as a signature needs it: its digests.

use anyhow::{Context, Result};
use sigstore_verify::crypto::ArtifactHasher;
use sigstore_verify::types::{ArtifactDigest, HashAlgorithm};
use std::cell::OnceCell;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What was signed: a file, which is read only for the digests that a bundle names, or a digest alone.
pub struct Artifact {
    pub(super) file: Option<PathBuf>,
    sha256: OnceCell<ArtifactDigest>,
    sha512: OnceCell<ArtifactDigest>,
}

impl Artifact {
    pub fn file(path: &Path) -> Artifact {
        Artifact { file: Some(path.to_owned()), sha256: OnceCell::new(), sha512: OnceCell::new() }
    }

    /// From `sha256:` or `sha512:` and hexadecimal digits; `None` where the text is no such thing.
    pub fn of_digest(text: &str) -> Option<Artifact> {
        let (name, hex) = text.split_once(':')?;
        let algorithm = match name {
            "sha256" => HashAlgorithm::Sha2256,
            "sha512" => HashAlgorithm::Sha2512,
            _ => return None,
        };
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let is_hex = hex.len() % 2 == 0 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bytes: Option<Vec<u8>> = is_hex.then(|| hex.as_bytes().chunks(2).map(byte).collect())?;
        let digest = ArtifactDigest::new(algorithm, bytes?).ok()?;
        let (sha256, sha512) = (OnceCell::new(), OnceCell::new());
        let _ = if algorithm == HashAlgorithm::Sha2256 { sha256.set(digest) } else { sha512.set(digest) };
        Some(Artifact { file: None, sha256, sha512 })
    }

    /// `None` where only another digest is known.
    pub(super) fn digest(&self, algorithm: HashAlgorithm) -> Result<Option<&ArtifactDigest>> {
        let cell = match algorithm {
            HashAlgorithm::Sha2256 => &self.sha256,
            HashAlgorithm::Sha2512 => &self.sha512,
            _ => return Ok(None),
        };
        if let (None, Some(path)) = (cell.get(), &self.file) {
            let _ = cell.set(hash(path, algorithm)?);
        }
        Ok(cell.get())
    }
}

fn hash(path: &Path, algorithm: HashAlgorithm) -> Result<ArtifactDigest> {
    let describe = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(describe)?;
    let mut hasher = ArtifactHasher::new(algorithm)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).with_context(describe)? {
            0 => return Ok(hasher.finalize()),
            length => hasher.update(&buffer[..length]),
        }
    }
}
