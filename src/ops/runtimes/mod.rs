//! Runtimes: what there is, and its way into its place: select, vouch, judge, unpack, compare, rename, write down.
//!
//! Everything happens below `versions/NAME` of omg's data folder, under one lock for each runtime. A version is there once its
//! folder bears its name, which is the last step; whatever ends the process before leaves a `.new-` folder, which the next
//! installation takes away.

mod attested;
mod locked;
mod place;
mod ruby;
mod several;
pub mod shims;
mod take_over;
mod tidy;
mod toolchain;
mod unpack;
mod vouch;

pub use locked::Locked;
pub use take_over::{check, stays};
pub use tidy::{line, remove, superseded};

use super::advisories::{Known, against_runtime};
use super::gate::{self, Ledger, Refused};
use crate::audit::grade::{Evidence, Graded, Origin};
use crate::audit::log::Event;
use crate::audit::policy::{Facts, Key, Policy, Refusal};
use crate::config::{Config, RuntimeSettings, RuntimesSettings};
use crate::error::{Exit, Hinted};
use crate::index::advisories;
use crate::model::{Observer, Open};
use crate::runtimes::installed::{Folders, Installed, Keeper};
use crate::runtimes::request::Kind;
use crate::runtimes::sources::{self, Platform, Release};
use crate::runtimes::toolchain::Wanted;
use crate::runtimes::{Request, Runtime};
use crate::sys::http::{self, Network, Options};
use anyhow::{Context, Result};
use jiff::Timestamp;
use ruby::Builder;
use std::fs;
use std::path::PathBuf;
use vouch::Vouched;

/// Everything an installation needs to know.
pub struct Shop<'a> {
    pub folders: Folders,
    /// Where kept copies of indexes lie.
    pub cache: PathBuf,
    /// Where the audit log lies.
    pub state: PathBuf,
    /// Whose policy counts.
    pub root: PathBuf,
    /// Where the index may lie, and compiled advisories in it, best first.
    pub indexes: Vec<PathBuf>,
    pub settings: RuntimesSettings,
    pub network: Network,
    /// What the folder one stands in wants in a toolchain of Rust, and for which request of its.
    pub toolchain: Option<(String, Wanted)>,
    /// The lock file that counts here, to which every installation is held.
    pub lock: Option<PathBuf>,
    pub observer: &'a dyn Observer,
}

/// What a publisher offers, oldest first.
pub struct Available {
    pub releases: Vec<Release>,
    /// Why this is the copy from before.
    pub stale: Option<String>,
}

/// What came of an installation.
#[derive(Clone, Debug)]
pub struct Done {
    pub installed: Installed,
    /// False where it was there already.
    pub is_new: bool,
    pub sha256: String,
    /// The key whose signature was accepted, or the workflow whose attestation was; empty where there was none.
    pub key: String,
    /// What was not verified, and why.
    pub unverified: Vec<String>,
}

impl Done {
    fn already(installed: Installed) -> Done {
        Done { installed, is_new: false, sha256: String::new(), key: String::new(), unverified: Vec::new() }
    }
}

impl Shop<'_> {
    /// What a runtime's publisher offers for this kind of machine. The kept copy of its list is brought up to date first;
    /// where that cannot be done, it answers and says so.
    pub fn available(&self, runtime: Runtime) -> Result<Available> {
        if runtime == Runtime::Ruby {
            return Ok(Available { releases: Builder::find(&self.folders)?.releases(), stale: None });
        }
        let (source, platform) = (publisher(runtime)?, platform()?);
        let settings = self.settings(runtime);
        fs::create_dir_all(&self.cache).with_context(|| format!("cannot create {}", self.cache.display()))?;
        let path = self.cache.join(format!("{}.json", runtime.name()));
        let read = |path: &std::path::Path| -> Result<Vec<Release>> {
            let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            source.read(&bytes, settings, platform)
        };
        let check = |path: &std::path::Path| match read(path)?.is_empty() {
            true => anyhow::bail!("it holds no {} for this kind of machine", runtime.name()),
            false => Ok(()),
        };
        let options =
            Options { network: &self.network, max_bytes: sources::MAX_INDEX_BYTES, progress: &|_| {}, check: &check };
        let failure = http::download(&source.index_url(settings), &path, &options).err();
        let stale = match failure {
            Some(error) if !path.exists() => {
                let message = format!("cannot read what {} there is: {error:#}", runtime.name());
                let hint = format!("[runtimes.{}] of omg-config(5) names a mirror, or a folder", runtime.name());
                return Err(Hinted::new(Exit::Failed, message, hint).into());
            }
            Some(error) => Some(format!("{error:#}; the list from before is used")),
            None => None,
        };
        let releases = read(&path)?;
        self.note_lts(runtime, &releases);
        Ok(Available { releases, stale })
    }

    /// Installs what a request means, unless that is there. `warn` is told what a person should know on the way.
    pub fn install(&self, runtime: Runtime, request: &Request, warn: &dyn Fn(&str)) -> Result<Done> {
        let own = self.folders.own(runtime);
        if let Some(exact) = request.exact().filter(|version| runtime == Runtime::Rust || version.channel().is_none())
            && let Some(there) = own.iter().find(|one| one.version == *exact)
        {
            return self.complete(there, request);
        }
        if request.kind == Kind::System {
            let hint = format!("`omg install {}` asks the distribution's package manager", runtime.name());
            return Err(Hinted::new(Exit::Usage, "`system` is what the distribution has", hint).into());
        }
        let release = self.release(runtime, request, warn)?;
        match own.into_iter().find(|one| one.version == release.version) {
            Some(there) => self.complete(&there, request),
            None if runtime == Runtime::Ruby => {
                warn(&Builder::find(&self.folders)?.announcement(&release));
                self.install_release(&release, &self.wanted(request), None)
            }
            None => self.install_release(&release, &self.wanted(request), None),
        }
    }

    /// The release that a request means.
    pub fn release(&self, runtime: Runtime, request: &Request, warn: &dyn Fn(&str)) -> Result<Release> {
        // A channel has an address and no place in a list.
        if let Some(channel) = request.exact().filter(|version| runtime == Runtime::Rust && version.channel().is_some())
            && let Some(release) = publisher(runtime)?.unlisted(channel, self.settings(runtime), platform()?)
        {
            return Ok(release);
        }
        let Available { releases, stale } = self.available(runtime)?;
        stale.inspect(|why| warn(why));
        if let Some(release) = sources::select(&releases, request) {
            return Ok(release.clone());
        }
        let unlisted = request.exact().and_then(|version| {
            publisher(runtime).ok()?.unlisted(version, self.settings(runtime), Platform::of_machine()?)
        });
        unlisted.ok_or_else(|| {
            let message = format!("there is no {} {request} for this kind of machine", runtime.name());
            let hint = format!("`omg runtime list {} --available` shows what there is", runtime.name());
            Hinted::new(Exit::NothingFound, message, hint).into()
        })
    }

    /// Installs a release; `replaced` is what is there of the same version.
    fn install_release(&self, release: &Release, wanted: &Wanted, replaced: Option<&Installed>) -> Result<Done> {
        let (runtime, version) = (release.runtime.name().to_owned(), release.version.to_string());
        // What has to be written down fails here, before it is done.
        let ledger = Ledger::open(&self.state)?;
        let policy = gate::policy(&self.root)?;
        gate::note_policy(&ledger, &self.state, &policy)?;
        let vouched =
            self.vouch(release, wanted, replaced).inspect_err(|error| self.note_rejection(&ledger, release, error))?;
        self.hold(release, &vouched).inspect_err(|error| self.write_rejection(&ledger, release, error))?;
        // What has a bad signature is not installed at all; what has one that is not verified here is not known to be signed.
        let signed = vouched.is_signed.then_some(true);
        let open = self.open_against(release.runtime, &version)?;
        let facts = Facts {
            published: vouched.date.as_deref().and_then(published),
            ..facts(release.runtime, &release.url, Origin::Publisher, signed, &open)
        };
        judge(&ledger, &policy, &facts, &version, &release.url)?;
        let put = place::put(self, release, &vouched, replaced.is_some())
            .inspect_err(|error| self.note_rejection(&ledger, release, error))?;
        let place::Put { path, is_new } = put;
        let installed =
            Installed { runtime: release.runtime, version: release.version.clone(), path, keeper: Keeper::Omg };
        if !is_new {
            return Ok(Done::already(installed));
        }
        let Vouched { sha256, from, key, unverified, .. } = vouched;
        ledger.write(&Event::RuntimeInstalled {
            runtime,
            version,
            url: release.url.clone(),
            sha256: sha256.clone(),
            checksum_from: from,
            key: key.clone(),
            unverified: unverified.clone(),
        })?;
        Ok(Done { installed, is_new: true, sha256, key, unverified })
    }

    /// What is known to be wrong with a version, by the machine's own word on how old that may be.
    fn open_against(&self, runtime: Runtime, version: &str) -> Result<Result<Open, String>> {
        let known = match self.indexes.iter().find(|folder| folder.join(advisories::NAME).exists()) {
            Some(folder) => Known::open(folder, Timestamp::now().as_second(), Some(&Config::of_machine()?.advisories)),
            None => Known::nothing("there are no advisories here"),
        };
        Ok(against_runtime(&known, runtime, version))
    }

    /// What was rejected for what it is stands in the audit log; what failed otherwise does not.
    fn note_rejection(&self, ledger: &Ledger, release: &Release, error: &anyhow::Error) {
        if error.chain().any(|cause| cause.is::<Rejected>()) {
            self.write_rejection(ledger, release, error);
        }
    }

    fn write_rejection(&self, ledger: &Ledger, release: &Release, error: &anyhow::Error) {
        let (runtime, version) = (release.runtime.name().to_owned(), release.version.to_string());
        let (url, why) = (release.url.clone(), format!("{error:#}"));
        // The error itself is told whether or not this can be written.
        drop(ledger.write(&Event::RuntimeRejected { runtime, version, url, why }));
    }

    fn settings(&self, runtime: Runtime) -> &RuntimeSettings {
        const NONE: &RuntimeSettings = &RuntimeSettings { mirror: None, index: None, keyring: None };
        self.settings.of(runtime.name()).unwrap_or(NONE)
    }

    /// Keeps which lines are kept for long, so that `lts` can be understood without the list.
    fn note_lts(&self, runtime: Runtime, releases: &[Release]) {
        let text = sources::lts_lines(releases).text();
        let path = self.folders.lts_file(runtime);
        if text.is_empty() || fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return;
        }
        // Without it `lts` is not known among what is installed, and the next list tries again.
        let folder = self.folders.data.join("versions");
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&folder)?;
            let mut new = tempfile::NamedTempFile::new_in(&folder)?;
            std::io::Write::write_all(&mut new, text.as_bytes())?;
            new.persist(&path)?;
            Ok(())
        };
        drop(write());
    }
}

/// For what did not come as it should.
const ANOTHER: &str = "try again later, or from another place: `mirror` in [runtimes] of omg-config(5)";

fn not_verified(what: &str) -> Hinted {
    Hinted::new(Exit::Failed, format!("{what} could not be verified"), ANOTHER)
}

/// It is not what its publisher says it is.
#[derive(Debug)]
pub struct Rejected(String);

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Rejected {}

fn publisher(runtime: Runtime) -> Result<&'static sources::Source> {
    sources::source(runtime).ok_or_else(|| {
        let message = format!("omg does not install {} itself yet", runtime.name());
        let hint = "a version that another manager installed is found and used";
        Hinted::new(Exit::Failed, message, hint).into()
    })
}

fn platform() -> Result<Platform> {
    Platform::of_machine().with_context(|| format!("nobody publishes runtimes for {}", std::env::consts::ARCH))
}

/// What is known of any version that comes from there.
fn facts<'a>(
    runtime: Runtime,
    url: &'a str,
    origin: Origin,
    signed: Option<bool>,
    open: &'a Result<Open, String>,
) -> Facts<'a> {
    let open = open.as_ref().map_err(String::as_str);
    Facts {
        name: runtime.name(),
        source: "runtime",
        repository: host(url),
        licenses: None,
        signed,
        open,
        grade: Graded::of(&Evidence { origin, signed, open }).grade,
        published: None,
        now: Timestamp::now().as_second(),
    }
}

/// Stops what the policy forbids, and writes that down.
fn judge(ledger: &Ledger, policy: &Policy, facts: &Facts<'_>, version: &str, url: &str) -> Result<()> {
    let refusals = policy.judge(facts);
    if refusals.is_empty() {
        return Ok(());
    }
    let is_unknown = |refusal: &Refusal| refusal.rule == Key::MaxSeverity.name() && facts.open.is_err();
    let hint = match refusals.iter().any(is_unknown) {
        true => {
            "`unknown_severity_origins = [\"runtime\"]` in policy.toml lets runtimes pass of which nothing is known"
        }
        false => "`omg policy` shows the rules in force",
    };
    let (runtime, version, url) = (facts.name.to_owned(), version.to_owned(), url.to_owned());
    ledger.write(&Event::RuntimeRefused { runtime, version, url, refusals: refusals.clone() })?;
    Err(Hinted::new(Exit::Refused, Refused(refusals).to_string(), hint).into())
}

/// What `allowed_origins` may name.
fn host(url: &str) -> &str {
    match url.split_once("://") {
        Some(("file", _)) | None => "file",
        Some((_, rest)) => rest.split(['/', ':']).next().unwrap_or_default(),
    }
}

/// The end of a day in seconds since 1970, so that no release is taken for older than it is; of this day, now.
fn published(day: &str) -> Option<i64> {
    let time: Timestamp = format!("{day}T23:59:59Z").parse().ok()?;
    let now = Timestamp::now().as_second();
    Some(if time.as_second() - now < 24 * 3600 { time.as_second().min(now) } else { time.as_second() })
}
