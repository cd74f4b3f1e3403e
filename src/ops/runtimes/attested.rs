//! Who built an archive, by the attestations that GitHub keeps of its digest: fetched, and held against the workflow that its publisher
//! builds with.
//!
//! One that does not fit is an archive refused. That there is none, that nobody answers, or that an answer makes no sense, is told, and
//! the checksum counts alone: whoever could spoil an answer could as well have it say that there is nothing. To demand more is the policy's
//! business.

use super::vouch::Vouched;
use super::{Rejected, Shop};
use crate::audit::provenance::{PREDICATES, Statement};
use crate::audit::sigstore::{
    Answer, Artifact, Entry, Expected, MAX_BYTES, Trust, Verdict, best, entries, unpacked, verify,
};
use crate::runtimes::sources::{Attested, Release};
use crate::sys::http::{Absent, Network, Stream};
use anyhow::{Context, Result, bail, ensure};
use std::io::Read;
use std::time::{Duration, Instant};

const API: &str = "https://api.github.com";
/// In the place of an address.
const OFF: &str = "off";
/// Who vouches for the identity of a workflow.
const ISSUER: &str = "https://token.actions.githubusercontent.com";

const NONE: &str = "there is no attestation of it";

/// So long nobody waits for a word of a server that the archive does not come from.
const PATIENCE: Duration = Duration::from_secs(10);
/// And so long for all of them.
const WITHIN: Duration = Duration::from_secs(60);
/// So many bundles that lie elsewhere are fetched; there are two at most of what is published.
const MOST_FETCHED: usize = 8;

impl Shop<'_> {
    /// Verifies that `by` built what has the digest that the archive must have.
    pub(super) fn check_attested(&self, release: &Release, by: &Attested, vouched: &mut Vouched) -> Result<()> {
        let base = self.settings.attestations.as_deref().unwrap_or(API).trim_end_matches('/');
        if base == OFF {
            vouched.unverified.push("who built it: attestations are off in the configuration".to_owned());
            return Ok(());
        }
        let root = self.settings.trusted_root.as_deref();
        let trust = root.map_or_else(Trust::built_in, Trust::read)?;
        let url = format!("{base}/repos/{}/attestations/sha256:{}", by.repository, vouched.sha256);
        let verdict = match self.attestations(&url) {
            // Where somebody chose whom to believe, no log is too new to be known.
            Ok(entries) => judge(&entries, &vouched.sha256, by, &trust, root.is_some())?,
            Err(error) if error.chain().any(|cause| cause.is::<Absent>()) => unknown(format!("{NONE}: {error:#}")),
            Err(error) => unknown(format!("{error:#}")),
        };
        match verdict.answer {
            Answer::Good => vouched.accept(Some(by.identity.to_owned())),
            Answer::Unknown => vouched.unverified.push(format!("who built it: {}", verdict.reason)),
            Answer::Bad => {
                let reason = verdict.reason;
                return Err(
                    Rejected(format!("the attestation {url} does not vouch for {}: {reason}", release.url)).into()
                );
            }
        }
        Ok(())
    }

    /// What an address answers, with the bundles that it only names.
    fn attestations(&self, url: &str) -> Result<Vec<Entry>> {
        let network = Network { connect_timeout: PATIENCE, stall_timeout: PATIENCE, ..self.network.clone() };
        let until = Instant::now() + WITHIN;
        let found =
            entries(&fetched(url, &network, until)?).with_context(|| format!("{url} answers what makes no sense"))?;
        let (mut all, mut count) = (Vec::new(), 0);
        for entry in found {
            match entry {
                Entry::Elsewhere(address) => {
                    count += 1;
                    ensure!(count <= MOST_FETCHED, "{url} names more than {MOST_FETCHED} addresses of bundles");
                    // No answer from the network leads to a file of this machine, nor to where anybody could change it on the way.
                    ensure!(scheme(&address) == scheme(url), "{url} leads to {address:?}");
                    let bundle = unpacked(fetched(&address, &network, until)?).context("no bundle")?;
                    all.extend(entries(&bundle).with_context(|| format!("{address} holds no bundle"))?);
                }
                here => all.push(here),
            }
        }
        Ok(all)
    }
}

/// What these are worth. Those that say something else than who built it, as that it was published, count for nothing.
fn judge(entries: &[Entry], sha256: &str, by: &Attested, trust: &Trust, is_chosen: bool) -> Result<Verdict> {
    let artifact = Artifact::of_digest(&format!("sha256:{sha256}")).context("not a SHA-256")?;
    let expected = Expected::Identity { identity: by.identity.to_owned(), issuer: ISSUER.to_owned() };
    let is_of_build = |entry: &&Entry| {
        let statement = entry.payload().and_then(|payload| Statement::read(payload).ok());
        statement.is_none_or(|statement| PREDICATES.contains(&statement.predicate_type.as_str()))
    };
    let verdicts = entries.iter().filter(is_of_build).map(|entry| match entry {
        // Of a kind that is newer than this, perhaps.
        Entry::Broken(why) => Ok(unknown(why.clone())),
        entry if !is_chosen && !trust.knows_log_of(entry) => {
            Ok(unknown("it is in a transparency log that this omg does not know".to_owned()))
        }
        entry => verify(entry, &artifact, &expected, trust),
    });
    let verdicts = verdicts.collect::<Result<Vec<Verdict>>>()?;
    let none = if entries.is_empty() { NONE } else { "no attestation of it tells that" };
    Ok(best(&verdicts).cloned().unwrap_or_else(|| unknown(none.to_owned())))
}

fn unknown(reason: String) -> Verdict {
    Verdict { answer: Answer::Unknown, reason, proven: None }
}

fn scheme(url: &str) -> Option<&str> {
    url.split_once("://").map(|(scheme, _)| scheme)
}

/// All that an address holds, if it comes in time.
fn fetched(url: &str, network: &Network, until: Instant) -> Result<Vec<u8>> {
    let mut stream = Stream::open(url, network, MAX_BYTES)?;
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match stream.read(&mut chunk).with_context(|| format!("cannot read {url}"))? {
            0 => return Ok(bytes),
            got => bytes.extend_from_slice(&chunk[..got]),
        }
        if Instant::now() > until {
            bail!("{url} did not come within {} seconds", WITHIN.as_secs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// Real attestations by the public authorities, of builds of an example: nobody else's that are at hand were made by a workflow of
    /// GitHub's and tell of a build.
    #[allow(clippy::print_stdout, reason = "a test says that it was skipped")]
    #[test]
    fn real_attestations_are_good_of_their_own_archive_and_workflow_alone() {
        let root = std::env::var_os("OMG_TEST_DATA")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
        let Ok(packed) = std::fs::File::open(root.join("sigstore/slsa-verifier-gha-intoto.tar.zst")) else {
            println!("skipped real_attestations_are_good_of_their_own_archive_and_workflow_alone: no shared data");
            return;
        };
        let trust = Trust::built_in().unwrap();
        let mut good = 0;
        let mut archive = tar::Archive::new(zstd::Decoder::new(packed).unwrap());
        for file in archive.entries().unwrap() {
            let mut file = file.unwrap();
            let path = file.path().unwrap().display().to_string();
            let mut text = String::new();
            // The older ones are envelopes without a proof.
            if !path.ends_with(".jsonl") || file.read_to_string(&mut text).is_err() || !text.contains("mediaType") {
                continue;
            }
            let answer = format!("{{\"attestations\":[{{\"bundle\":{text},\"repository_id\":1}}]}}");
            let entries = entries(answer.as_bytes()).unwrap();
            let payload = entries[0].payload().unwrap();
            let said: serde_json::Value = serde_json::from_slice(payload).unwrap();
            let digest = said["subject"][0]["digest"]["sha256"].as_str().unwrap();
            let identity = said["predicate"]["builder"]["id"].as_str().unwrap().to_owned();
            let by = |identity: &str| Attested {
                repository: "slsa-framework/example-package",
                identity: Box::leak(identity.to_owned().into_boxed_str()),
            };
            let answer =
                |digest: &str, identity: &str| judge(&entries, digest, &by(identity), &trust, false).unwrap().answer;
            assert_eq!(answer(digest, &identity), Answer::Good, "{path}");
            assert_eq!(answer(&"0".repeat(64), &identity), Answer::Bad, "{path}");
            assert_eq!(answer(digest, &identity.replace("slsa-framework", "somebody")), Answer::Bad, "{path}");
            good += 1;
        }
        assert!(good >= 4, "{good}");
    }
}
