//! Rust: a toolchain of several archives, to which parts can be added, and whose channels move.

use super::vouch::{Archive, Vouched};
use super::{Done, Rejected, Shop, platform, publisher};
use crate::error::{Exit, Hinted};
use crate::runtimes::installed::Installed;
use crate::runtimes::sources::{RUST_LAYOUT, Release};
use crate::runtimes::toolchain::{MANIFEST, MAX_MANIFEST_BYTES, PARTS, Toolchain, Wanted, date, parts};
use crate::runtimes::{Request, Runtime};
use crate::sys::http::{Absent, Stream};
use anyhow::{Context, Result};

impl Shop<'_> {
    /// What this folder wants besides the toolchain, where that is the one it asks for.
    pub(super) fn wanted(&self, request: &Request) -> Wanted {
        let asked = self.toolchain.as_ref().filter(|(text, _)| *text == request.to_string());
        asked.map(|(_, wanted)| wanted.clone()).unwrap_or_default()
    }

    /// What is there already, with the parts that are missing in it.
    pub(super) fn complete(&self, there: &Installed, request: &Request) -> Result<Done> {
        let wanted = self.wanted(request);
        if there.runtime != Runtime::Rust || wanted.is_in(&parts(&there.path), platform()?.triple()) {
            return Ok(Done::already(there.clone()));
        }
        let release = publisher(Runtime::Rust)?
            .unlisted(&there.version, self.settings(Runtime::Rust), platform()?)
            .context("every toolchain has a manifest")?;
        self.install_release(&release, &wanted, Some(there))
    }

    /// The release that an installed channel has moved on to; `None` where it has not, and of all that never moves.
    pub fn moved(&self, there: &Installed) -> Result<Option<Release>> {
        let moves = there.version.channel().is_some_and(|channel| channel.date.is_none());
        if there.runtime != Runtime::Rust || !moves {
            return Ok(None);
        }
        let settings = self.settings(Runtime::Rust);
        let Some(release) = publisher(Runtime::Rust)?.unlisted(&there.version, settings, platform()?) else {
            return Ok(None);
        };
        let text = self.manifest(&release)?;
        let toolchain = Toolchain::of(&text, platform()?.triple(), &Wanted::default(), &[])
            .with_context(|| format!("cannot read {}", release.url))?;
        Ok((date(&there.path).as_ref() != Some(&toolchain.date)).then_some(release))
    }

    /// Puts the release that [`moved`](Shop::moved) found in the place of what is there, with all parts of that.
    pub fn renew(&self, there: &Installed, release: &Release) -> Result<Done> {
        self.install_release(release, &Wanted::default(), Some(there))
    }

    /// The manifest of a release, and from it the archives.
    pub(super) fn vouch_toolchain(
        &self,
        release: &Release,
        signature: &str,
        wanted: &Wanted,
        replaced: Option<&Installed>,
    ) -> Result<Vouched> {
        let manifest = self.manifest(release)?;
        let (sha256, from, _) = self.stated(release)?;
        let digest = crate::audit::sha256(manifest.as_bytes());
        if digest != sha256 {
            let message = format!("{} is not what {from} says: its SHA-256 is {digest} and not {sha256}", release.url);
            return Err(Rejected(message).into());
        }
        let mut vouched = Vouched::new(sha256, from, None);
        self.check_signed(Runtime::Rust, signature, &release.url, &manifest, &mut vouched)?;
        let there = replaced.map_or(Vec::new(), |there| parts(&there.path));
        let toolchain = Toolchain::of(&manifest, platform()?.triple(), wanted, &there)
            .with_context(|| format!("cannot use {}", release.url))?;
        let source = publisher(Runtime::Rust)?;
        for part in &toolchain.parts {
            vouched.archives.push(Archive {
                what: format!("rust {}: {}", release.version, part.name),
                url: source.mirrored(&part.url, self.settings(Runtime::Rust)),
                layout: RUST_LAYOUT,
                sha256: part.sha256.clone(),
                from: release.url.clone(),
                signature: None,
            });
        }
        let names: String = toolchain.parts.iter().map(|part| format!("{}\n", part.name)).collect();
        vouched.date = Some(toolchain.date);
        vouched.files = vec![(PARTS, names), (MANIFEST, manifest)];
        Ok(vouched)
    }

    fn manifest(&self, release: &Release) -> Result<String> {
        let text = Stream::text(&release.url, &self.network, MAX_MANIFEST_BYTES);
        text.map_err(|error| match error.chain().any(|cause| cause.is::<Absent>()) {
            true => {
                let message = format!("there is no rust {}: {error:#}", release.version);
                let hint = "`omg runtime list rust --available` shows the numbered versions; of a nightly not every day has one";
                Hinted::new(Exit::NothingFound, message, hint).into()
            }
            false => error,
        })
    }
}
