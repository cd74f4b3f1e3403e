//! Archives of versions that no repository offers any more: out of the folders that the settings name, or from where the family keeps
//! old ones for everybody. They are only brought here; whether they are installed is the plan's business.
//!
//! Nothing is believed for where it comes from. An archive of pacman's comes with its signature beside it, which libalpm verifies; one
//! of apt's is fetched by apt-get out of a repository as it was at a time, by that one's signed lists. Of another root that is its own
//! apt-get below chroot(8), with its own keys, and what is brought is brought into that root: the engine sees no other files there.

use crate::backends::{Backend, Kept};
use crate::config::ArchiveSettings;
use crate::history::Journal;
use crate::model::{Event, Missing, Observer, Order, Source, Target};
use crate::sys::http::{self, Absent, Network, Options};
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MAX_ARCHIVE_BYTES: u64 = 16 << 30;
const DAY_SECS: i64 = 24 * 3600;
const MAX_SIGNATURE_BYTES: u64 = 64 << 10;

/// Where to look, and where to put what is found.
pub struct Keeper<'a> {
    pub settings: &'a ArchiveSettings,
    /// For what is fetched.
    pub folder: &'a Path,
    pub journal: &'a Journal,
    pub observer: &'a dyn Observer,
}

/// What was found for an order.
#[derive(Debug, Default)]
pub struct Found {
    /// The names of packages whose archive a signature must vouch for.
    pub unproven: Vec<String>,
    /// The first reason why one could not be had, where there was one.
    pub failure: Option<anyhow::Error>,
}

impl Keeper<'_> {
    /// Gives the targets that are `missing` for their versions the files of archives, as far as there are some.
    pub fn complete(&self, backend: &dyn Backend, order: &mut Order, missing: &[Missing]) -> Result<Found> {
        let is_missing = |target: &Target| {
            let name = target.to_string();
            // A log may tell of any name; as a file's it must lead nowhere else.
            let is_plain = !target.name.contains('/') && target.version.as_ref().is_some_and(|v| !v.contains('/'));
            is_plain && target.file.is_none() && missing.iter().any(|missing| missing.target == name)
        };
        let mut found = Found::default();
        let mut old: Vec<Old<'_>> = Vec::new();
        for target in order.targets.iter_mut().filter(|target| is_missing(target)) {
            let names = names(backend, target);
            let folders = self.settings.folders.iter().flatten();
            let mut files = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
            match files.find(|file| file.is_file()) {
                Some(file) => target.file = Some(self.within_reach(backend, file)?),
                None => old.push(Old { target, names }),
            }
        }
        if old.is_empty() {
            return Ok(found);
        }
        fs::create_dir_all(self.folder).with_context(|| format!("cannot create {}", self.folder.display()))?;
        let fetched = match backend.source() {
            Source::Apt => self.fetch_by_apt(backend, &mut old),
            _ => self.fetch_signed(backend, &mut old, &mut found.unproven),
        };
        found.failure = fetched.err();
        Ok(found)
    }

    /// The file, or a copy of it where the engine works below a root that it is not in.
    fn within_reach(&self, backend: &dyn Backend, file: PathBuf) -> Result<PathBuf> {
        if backend.source() != Source::Apt || file.starts_with(backend.root()) {
            return Ok(file);
        }
        let cannot = || format!("cannot copy {} into {}", file.display(), self.folder.display());
        fs::create_dir_all(self.folder).with_context(cannot)?;
        let copy = self.folder.join(file.file_name().unwrap_or_default());
        let mut fresh = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(self.folder)
            .with_context(cannot)?;
        let archive = fs::File::open(&file).with_context(cannot)?;
        io::copy(&mut archive.take(MAX_ARCHIVE_BYTES), &mut fresh).with_context(cannot)?;
        fresh.persist(&copy).with_context(cannot)?;
        Ok(copy)
    }

    /// Each archive with its signature.
    fn fetch_signed(&self, backend: &dyn Backend, old: &mut [Old<'_>], unproven: &mut Vec<String>) -> Result<()> {
        let network = Network::system();
        for Old { target, .. } in old {
            let (name, arch, version) = parts(target);
            let Kept::File(addresses) = backend.kept(self.settings.pacman.as_deref(), name, arch, version) else {
                continue;
            };
            for (file, address) in addresses {
                let path = self.folder.join(&file);
                let signature = self.folder.join(format!("{file}.sig"));
                let fetched = self
                    .fetch(&network, &format!("{address}.sig"), &signature, MAX_SIGNATURE_BYTES)
                    .and_then(|()| self.fetch(&network, &address, &path, MAX_ARCHIVE_BYTES));
                match fetched {
                    Err(error) if error.is::<Absent>() => {}
                    Err(error) => return Err(error),
                    Ok(()) => {
                        unproven.push(target.name.clone());
                        target.file = Some(path);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn fetch(&self, network: &Network, address: &str, path: &Path, max_bytes: u64) -> Result<()> {
        let what = path.file_name().unwrap_or_default().to_string_lossy();
        let progress = |now: http::Progress| {
            let (done_bytes, total_bytes) = (now.done_bytes, now.total_bytes);
            self.observer.event(Event::Fetching { what: &what, done_bytes, total_bytes });
        };
        http::download(address, path, &Options { network, max_bytes, progress: &progress, check: &|_| Ok(()) })?;
        Ok(())
    }

    /// By apt-get, from the repositories as they were when the versions came here: then these had them.
    fn fetch_by_apt(&self, backend: &dyn Backend, old: &mut [Old<'_>]) -> Result<()> {
        let mut times = BTreeSet::new();
        for Old { target, .. } in old.iter() {
            let (name, arch, version) = parts(target);
            times.extend(self.journal.came(Source::Apt, name, arch, version)?);
        }
        // Later lists have most of what is older, too. A mirror may have been ahead of what is kept of that hour.
        let later = times.iter().rev().map(|time| time + DAY_SECS);
        for time in times.iter().rev().copied().chain(later) {
            let mut wanted: Vec<_> = old.iter_mut().filter(|old| old.target.file.is_none()).collect();
            let Some(Old { target, .. }) = wanted.first() else { break };
            let (name, arch, version) = parts(target);
            let Kept::Repositories(stanzas) = backend.kept(self.settings.apt.as_deref(), name, arch, version) else {
                break;
            };
            let time = Timestamp::from_second(time)?.strftime("%Y%m%dT%H%M%SZ").to_string();
            self.observer.event(Event::Stage { what: &format!("reading the repositories of {time}"), percent: 0 });
            let then = Then::open(backend.root(), &stanzas, &time, self.folder)?;
            for Old { target, names } in &mut wanted {
                self.observer.event(Event::Stage { what: &format!("fetching {target}"), percent: 0 });
                if then.download(target)? {
                    let files = names.iter().map(|name| self.folder.join(name));
                    target.file = files.into_iter().find(|file| file.is_file());
                }
            }
        }
        Ok(())
    }
}

/// A target whose archive is looked for, and the names it may have.
struct Old<'o> {
    target: &'o mut Target,
    names: Vec<String>,
}

fn parts(target: &Target) -> (&str, &str, &str) {
    (&target.name, target.arch.as_deref().unwrap_or_default(), target.version.as_deref().unwrap_or_default())
}

fn names(backend: &dyn Backend, target: &Target) -> Vec<String> {
    let (name, arch, version) = parts(target);
    backend.archive_names(name, arch, version)
}

/// apt-get on the repositories of another time, with the keys of the root that is meant and its configuration for the rest.
struct Then<'t> {
    root: &'t Path,
    scratch: tempfile::TempDir,
    /// As it is called below the root.
    config: PathBuf,
    folder: &'t Path,
}

impl<'t> Then<'t> {
    fn open(root: &'t Path, stanzas: &[String], time: &str, folder: &'t Path) -> Result<Then<'t>> {
        ensure!(
            root == Path::new("/") || rustix::process::geteuid().is_root(),
            "only root can have old versions fetched into another root"
        );
        inside(root, folder)?;
        let scratch = tempfile::Builder::new().prefix("repositories-").tempdir_in(folder)?;
        let at = |name: &str| scratch.path().join(name);
        let text = |path: PathBuf| {
            inside(root, &path)?.into_os_string().into_string().ok().context("a folder that is not UTF-8")
        };
        fs::create_dir(at("lists"))?;
        fs::create_dir(at("parts"))?;
        fs::write(at("parts/then.sources"), stanzas.join("\n").replace("{time}", time))?;
        let options = [
            ("Dir::Etc::sourcelist", "/dev/null".to_owned()),
            ("Dir::Etc::sourceparts", text(at("parts"))?),
            ("Dir::State::lists", text(at("lists"))?),
            ("Dir::Cache::pkgcache", String::new()),
            ("Dir::Cache::srcpkgcache", String::new()),
            ("Acquire::Languages", "none".to_owned()),
            // They are as old as they are meant to be; all else that apt asks of a repository holds.
            ("Acquire::Check-Valid-Until", "false".to_owned()),
            ("Acquire::AllowInsecureRepositories", "false".to_owned()),
            ("Acquire::AllowDowngradeToInsecureRepositories", "false".to_owned()),
            ("APT::Get::AllowUnauthenticated", "false".to_owned()),
            ("Debug::NoLocking", "true".to_owned()),
        ];
        let mut lines: String = options.iter().map(|(name, value)| format!("{name} \"{value}\";\n")).collect();
        // Those are for the machine's own lists.
        for hooks in ["Pre-Invoke", "Post-Invoke", "Post-Invoke-Success"] {
            lines += &format!("#clear APT::Update::{hooks};\n");
        }
        let config = at("apt.conf");
        fs::write(&config, lines)?;
        let then = Then { root, config: inside(root, &config)?, folder, scratch };
        let output = then.apt_get(&["update", "--error-on=any"])?;
        ensure!(output.status.success(), "the repositories of {time} cannot be read: {}", last_error(&output.stderr));
        Ok(then)
    }

    /// Whether it was there.
    fn download(&self, target: &Target) -> Result<bool> {
        let (name, arch, version) = parts(target);
        let name = if arch.is_empty() { name.to_owned() } else { format!("{name}:{arch}") };
        Ok(self.apt_get(&["download", &format!("{name}={version}")])?.status.success())
    }

    fn apt_get(&self, words: &[&str]) -> Result<std::process::Output> {
        // It leaves an archive in the folder it stands in.
        let mut command = if self.root == Path::new("/") {
            let mut command = Command::new("apt-get");
            command.current_dir(self.folder);
            command
        } else {
            let mut command = Command::new("chroot");
            command.arg(self.root).args(["env", "-C"]).arg(inside(self.root, self.folder)?).arg("apt-get");
            // It speaks of this machine.
            command.env_remove("APT_CONFIG");
            command
        };
        command.arg("-q").arg("-c").arg(&self.config).args(words);
        let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output();
        output.with_context(|| format!("cannot run apt-get in {}", self.scratch.path().display()))
    }
}

/// A path as it is called below the root.
fn inside(root: &Path, path: &Path) -> Result<PathBuf> {
    let below = path.strip_prefix(root).ok();
    let below = below.with_context(|| format!("{} lies outside of {}", path.display(), root.display()))?;
    Ok(Path::new("/").join(below))
}

fn last_error(talk: &[u8]) -> String {
    let talk = String::from_utf8_lossy(talk);
    let errors: Vec<&str> = talk.lines().filter_map(|line| line.strip_prefix("E: ")).collect();
    // Where it could not be started below a root, that is all there is.
    if errors.is_empty() { talk.trim().to_owned() } else { errors.join("; ") }
}
