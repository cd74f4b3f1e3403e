//! What an archive must be, by its publisher's own words, before any of it is fetched.
//!
//! A checksum that cannot be had is a failure, never a step left out. A signature is verified where there are keys to do it with;
//! where there are none, that is told and written down.

use super::ruby::Builder;
use super::{Rejected, Shop, not_verified};
use crate::audit::keys;
use crate::audit::pgp::{Awaited, Ring, Unknown};
use crate::audit::signature::armor::{Clear, clear};
use crate::runtimes::Runtime;
use crate::runtimes::installed::Installed;
use crate::runtimes::sources::{Checksum, Release, Signature, listed_digest, lone_digest};
use crate::runtimes::toolchain::Wanted;
use crate::sys::archive::Layout;
use crate::sys::http::{Absent, Stream};
use anyhow::{Context, Result, ensure};
use minisign_verify::{PublicKey, Signature as Minisignature};
use std::path::PathBuf;

/// No list of checksums comes near this.
const MAX_LIST_BYTES: u64 = 4 << 20;

/// What is known of a release that has not come yet.
pub(super) struct Vouched {
    /// What the SHA-256 of its archive must be, or of the manifest was.
    pub sha256: String,
    /// Where that stands.
    pub from: String,
    /// The key whose signature vouches for it, or the workflow whose attestation does; empty where there is none.
    pub key: String,
    /// Whether a signature vouches for it, or will once the archive is there.
    pub is_signed: bool,
    /// The day of its release, where that is known by now.
    pub date: Option<String>,
    pub unverified: Vec<String>,
    /// All that is to be unpacked.
    pub archives: Vec<Archive>,
    /// Or what builds it.
    pub builder: Option<Builder>,
    /// What is written besides: names below the version's folder, and texts.
    pub files: Vec<(&'static str, String)>,
}

/// An archive, and what it must be.
pub(super) struct Archive {
    /// What a person is told that comes.
    pub what: String,
    pub url: String,
    pub layout: Layout,
    pub sha256: String,
    /// Where that stands.
    pub from: String,
    pub signature: Option<Detached>,
}

/// A signature that an archive must have.
pub(super) enum Detached {
    Minisign(Box<Minisigned>),
    OpenPgp(Box<Awaited>),
}

pub(super) struct Minisigned {
    pub key: PublicKey,
    pub signature: Minisignature,
}

impl Shop<'_> {
    /// `wanted` and `replaced` are of Rust's toolchains alone.
    pub(super) fn vouch(&self, release: &Release, wanted: &Wanted, replaced: Option<&Installed>) -> Result<Vouched> {
        if let Some(Signature::OfManifest { url }) = &release.signature {
            return self.vouch_toolchain(release, url, wanted, replaced);
        }
        if release.runtime == Runtime::Ruby {
            return Builder::find(&self.folders)?.vouch(release);
        }
        let (sha256, from, list) = self.stated(release)?;
        let mut vouched = Vouched::new(sha256, from, release.date.clone());
        let file = release.url.rsplit('/').next().unwrap_or_default();
        let mut signature = None;
        match &release.signature {
            Some(Signature::OfList { url }) => {
                let of = vouched.from.clone();
                self.check_signed(release.runtime, url, &of, &list, &mut vouched)?;
            }
            Some(Signature::InList { url }) => {
                let verify = |keys: &Ring, list: &[u8]| signed_list(keys, list, file, &vouched.sha256);
                let key = self.signed(release.runtime, url, &vouched.from, &mut vouched.unverified, verify)?;
                vouched.accept(key);
            }
            Some(Signature::OfManifest { .. }) => {}
            Some(Signature::OfArchive { url }) => {
                let of = &release.url;
                let awaited = self.signed(release.runtime, url, of, &mut vouched.unverified, Ring::awaited)?;
                vouched.accept(awaited.as_ref().map(|awaited| awaited.certificate.clone()));
                signature = awaited.map(|awaited| Detached::OpenPgp(Box::new(awaited)));
            }
            Some(Signature::Attested(by)) => self.check_attested(release, by, &mut vouched)?,
            Some(Signature::Minisign { url, key }) => {
                let text = Stream::text(url, &self.network, MAX_LIST_BYTES).with_context(|| {
                    not_verified(&format!("the signature of {} {}", release.runtime.name(), release.version))
                })?;
                let minisigned = minisigned(key, &text, file).with_context(|| format!("{url} is not to be used"))?;
                signature = Some(Detached::Minisign(Box::new(minisigned)));
                vouched.accept(Some((*key).to_owned()));
            }
            None => vouched.unverified.push("who made it: there is no signature of it that omg verifies".to_owned()),
        }
        vouched.archives.push(Archive {
            what: format!("{} {}", release.runtime.name(), release.version),
            url: release.url.clone(),
            layout: release.layout,
            sha256: vouched.sha256.clone(),
            from: vouched.from.clone(),
            signature,
        });
        Ok(vouched)
    }

    /// What a release's SHA-256 must be, where that stands, and the list it stands in, if it is one.
    pub(super) fn stated(&self, release: &Release) -> Result<(String, String, String)> {
        let what = format!("the checksum of {} {}", release.runtime.name(), release.version);
        let fetched = |url: &str| Stream::text(url, &self.network, MAX_LIST_BYTES).with_context(|| not_verified(&what));
        Ok(match &release.checksum {
            Checksum::Known(digest) => {
                let source = super::publisher(release.runtime)?;
                (digest.clone(), source.index_url(self.settings(release.runtime)), String::new())
            }
            Checksum::Listed { url, file } => {
                let list = fetched(url)?;
                let digest =
                    listed_digest(&list, file).with_context(|| url.clone()).with_context(|| not_verified(&what))?;
                (digest, url.clone(), list)
            }
            Checksum::Alone { url } => {
                let digest =
                    lone_digest(&fetched(url)?).with_context(|| url.clone()).with_context(|| not_verified(&what))?;
                (digest, url.clone(), String::new())
            }
        })
    }

    /// Verifies a text that holds checksums, and came from `of`, where there are keys.
    pub(super) fn check_signed(
        &self,
        runtime: Runtime,
        url: &str,
        of: &str,
        text: &str,
        vouched: &mut Vouched,
    ) -> Result<()> {
        let verify = |keys: &Ring, signature: &[u8]| keys.verify(text.as_bytes(), signature);
        let key = self.signed(runtime, url, of, &mut vouched.unverified, verify)?;
        vouched.accept(key);
        Ok(())
    }

    /// What `verify` makes of a signature that vouches for `of`, where there are keys. By those that somebody chose it must be signed; of
    /// those that come with omg a good signature counts, a bad one is refused, and what they cannot tell is told.
    fn signed<T>(
        &self,
        runtime: Runtime,
        url: &str,
        of: &str,
        unverified: &mut Vec<String>,
        verify: impl Fn(&Ring, &[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let (name, chosen) = (runtime.name(), self.keyring(runtime));
        let keys = match (&chosen, keys::of(name)) {
            (Some(ring), _) => Ring::read(ring)?,
            (None, Some(text)) => Ring::of_text(text)?,
            (None, None) => {
                let why = format!("there are no keys of {name} (omg-config(5), keyring)");
                unverified.push(format!("the signature of {of}: {why}"));
                return Ok(None);
            }
        };
        let signature = match Stream::bytes(url, &self.network, MAX_LIST_BYTES) {
            Err(error) if chosen.is_none() && error.chain().any(|cause| cause.is::<Absent>()) => {
                unverified.push(format!("the signature of {of}: {error:#}"));
                return Ok(None);
            }
            signature => signature.with_context(|| not_verified(&format!("the signature of {of}")))?,
        };
        match verify(&keys, &signature) {
            Ok(good) => Ok(Some(good)),
            Err(error) if chosen.is_none() && error.chain().any(|cause| cause.is::<Unknown>()) => {
                unverified.push(format!("the signature of {of}, by the keys that come with omg: {error:#}"));
                Ok(None)
            }
            Err(error) => Err(Rejected(format!("the signature {url} does not vouch for {of}: {error:#}")).into()),
        }
    }

    /// The keys that somebody chose to believe for a runtime: what the settings name, else what lies in the usual places.
    fn keyring(&self, runtime: Runtime) -> Option<PathBuf> {
        self.settings(runtime).keyring.clone().or_else(|| {
            let files = crate::config::files(&self.root);
            let beside = files.iter().rev().filter_map(|file| Some(file.parent()?.join("keys").join(runtime.name())));
            beside.into_iter().find(|path| path.exists())
        })
    }
}

impl Vouched {
    pub(super) fn new(sha256: String, from: String, date: Option<String>) -> Vouched {
        let (key, is_signed, unverified) = (String::new(), false, Vec::new());
        let (archives, files) = (Vec::new(), Vec::new());
        Vouched { sha256, from, key, is_signed, date, unverified, archives, builder: None, files }
    }

    /// The key whose signature vouches for it, if one does.
    pub(super) fn accept(&mut self, key: Option<String>) {
        if let Some(key) = key {
            (self.key, self.is_signed) = (key, true);
        }
    }
}

/// Verifies a list that is signed in the clear, and that it says of a file what the other list says. It gives the key.
fn signed_list(keys: &Ring, list: &[u8], file: &str, sha256: &str) -> Result<String> {
    let Clear { text, signatures } = clear(list)?;
    let key = keys.verify(&text, &signatures)?;
    let digest = listed_digest(std::str::from_utf8(&text).context("no text")?, file)?;
    ensure!(digest == sha256, "what is signed has the SHA-256 {digest} for {file}");
    Ok(key)
}

/// The signature that a file of this name must have. The signer's own comment is part of what is signed, and names the file: another
/// good archive in its place is found out by that.
fn minisigned(key: &str, text: &str, file: &str) -> Result<Minisigned> {
    let key = PublicKey::from_base64(key).map_err(|error| anyhow::anyhow!("{error}")).context("not a minisign key")?;
    let signature =
        Minisignature::decode(text).map_err(|error| anyhow::anyhow!("{error}")).context("not a minisign signature")?;
    let named = signature.trusted_comment().split_whitespace().find_map(|word| word.strip_prefix("file:"));
    if named != Some(file) {
        let other = named.unwrap_or("no file").to_owned();
        return Err(Rejected(format!("the signature is of {other:?}, and not of {file:?}")).into());
    }
    Ok(Minisigned { key, signature })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the format's own documentation.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1633700835\tfile:test\tprehashed\n\
        wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";

    #[test]
    fn a_minisign_signature_is_of_one_file() {
        let Minisigned { key, signature } = minisigned(KEY, SIGNATURE, "test").unwrap();
        let mut verifier = key.verify_stream(&signature).unwrap();
        verifier.update(b"te");
        verifier.update(b"st");
        verifier.finalize().unwrap();
        let mut verifier = key.verify_stream(&signature).unwrap();
        verifier.update(b"tost");
        assert!(verifier.finalize().is_err());
        let other = minisigned(KEY, SIGNATURE, "older.tar.xz").err().unwrap();
        assert!(other.is::<Rejected>(), "{other:#}");
        assert!(minisigned(KEY, "x", "test").is_err());
        assert!(minisigned("x", SIGNATURE, "test").is_err());
    }
}
