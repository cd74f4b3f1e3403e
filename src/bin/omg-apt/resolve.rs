//! From an order to a plan: marks what is asked for as apt-get does, and lets apt's library find the rest.

use crate::root::inside;
use crate::{Repositories, strangers, told, why};
use anyhow::{Context, Result, bail};
use omg::backends::apt::version::compare;
use omg::backends::engine::Request;
use omg::model::{
    Action, Kept, Mark, Marked, Missing, Order, Plan, Reason, Resolution, Source, Step, Target, Task, Why,
};
use rust_apt::cache::{Cache, PackageSort, Upgrade};
use rust_apt::config::Config;
use rust_apt::raw::PkgDepCache;
use rust_apt::util::show_broken_pkg;
use rust_apt::{Package, PkgCurrentState, PkgInstState, PkgSelectedState, Version};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn resolve(request: &Request, config: &Config, order: &Order) -> Result<Resolution> {
    Ok(mark(request, config, order)?.1)
}

/// The cache with all that the order leads to marked in it, and the plan of that.
pub fn mark(request: &Request, config: &Config, order: &Order) -> Result<(Cache, Resolution)> {
    let archives = order.targets.iter().filter_map(|target| target.file.as_deref());
    let files: Vec<String> = archives.map(|file| utf8(&inside(&request.root, file)?)).collect::<Result<_>>()?;
    let cache = Cache::new(&files).map_err(|errors| told(&errors))?;
    let resolution =
        Resolver { cache: &cache, native: config.find("APT::Architecture", ""), config, order, root: &request.root }
            .resolve(request)?;
    Ok((cache, resolution))
}

struct Resolver<'c> {
    cache: &'c Cache,
    native: String,
    config: &'c Config,
    order: &'c Order,
    /// Below which the files of targets are told.
    root: &'c Path,
}

/// A target that was found.
struct Found<'c> {
    package: Package<'c>,
    /// The one that was asked for, where one was.
    version: Option<Version<'c>>,
    reason: Option<Reason>,
}

/// Why one was not.
enum Lost {
    Missing(Missing),
    Choice { name: String, packages: Vec<String> },
}

impl<'c> Resolver<'c> {
    fn resolve(&self, request: &Request) -> Result<Resolution> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for target in &self.order.targets {
            match self.find(target)? {
                Ok(one) => found.push(one),
                Err(Lost::Missing(one)) => missing.push(one),
                Err(Lost::Choice { name, packages }) => return Ok(Resolution::Choice { name, packages }),
            }
        }
        let mut removed = Vec::new();
        for target in &self.order.remove {
            match self.find(target)? {
                Ok(one) => removed.push(one),
                Err(Lost::Missing(one)) => missing.push(one),
                Err(Lost::Choice { name, packages }) => return Ok(Resolution::Choice { name, packages }),
            }
        }
        let asked = if self.order.task.needs_installed() { found.as_slice() } else { &[] };
        for one in asked.iter().chain(&removed).filter(|one| !one.package.is_installed()) {
            missing.push(Missing { target: self.name(&one.package), versions: Vec::new(), not_installed: true });
        }
        if !missing.is_empty() {
            return Ok(Resolution::Unknown(missing));
        }
        if let Task::Mark(_) = self.order.task {
            // What is broken beside it stays so.
            return Ok(Resolution::Plan(Box::new(self.plan(request, Vec::new(), &found, Vec::new()))));
        }
        let garbage: HashSet<usize> = match self.order.task {
            Task::Remove { recursive: true, .. } => self.garbage().map(|package| package.index()).collect(),
            _ => HashSet::new(),
        };
        let obstacles = self.mark(&found, &removed)?;
        if !obstacles.is_empty() {
            return Ok(Resolution::Impossible(obstacles));
        }
        if let Task::Remove { recursive: true, purge } = self.order.task {
            // One that goes may leave others behind.
            loop {
                let left: Vec<_> = self.garbage().filter(|package| !garbage.contains(&package.index())).collect();
                if left.is_empty() {
                    break;
                }
                for package in left {
                    package.mark_delete(purge);
                }
            }
        }
        let broken = self.broken();
        if !broken.is_empty() {
            return Ok(Resolution::Impossible(broken));
        }
        let asked: HashSet<usize> = found.iter().chain(&removed).map(|one| one.package.index()).collect();
        let steps = self.steps(request, &asked);
        let essential: Vec<String> = (steps.iter())
            .filter(|(step, package)| step.new.is_empty() && package.is_essential())
            .map(|(step, _)| format!("{} is essential: without it this machine may not start again", step.name))
            .collect();
        if !essential.is_empty() && !self.order.force {
            return Ok(Resolution::Impossible(essential));
        }
        Ok(Resolution::Plan(Box::new(self.plan(request, steps, &found, essential))))
    }

    /// What a target means.
    fn find(&self, target: &Target) -> Result<Result<Found<'c>, Lost>> {
        let missing = |versions| Lost::Missing(Missing { target: target.to_string(), versions, not_installed: false });
        let (name, version, arch);
        match &target.file {
            Some(file) => {
                let fields = archive(&inside(self.root, file)?)?;
                // Where a name and a version are asked for, the file is only where they are looked for.
                if target.version.as_ref().is_some_and(|version| fields.0 != target.name || fields.1 != *version) {
                    return Ok(Err(missing(vec![fields.1])));
                }
                (name, version, arch) = (fields.0, Some(fields.1), Some(fields.2).filter(|arch| arch != "all"));
            }
            None => (name, version, arch) = (target.name.clone(), target.version.clone(), target.arch.clone()),
        }
        let Some(package) = self.package(&name, arch.as_deref()) else {
            return Ok(match self.providers(&name, arch.as_deref()).as_slice() {
                [] => Err(missing(Vec::new())),
                [only] => {
                    let package = self.package(only, None).context("a provider that is no package")?;
                    Ok(Found { package, version: None, reason: target.reason })
                }
                several => Err(Lost::Choice { name, packages: several.to_vec() }),
            });
        };
        let known = || package.versions().map(|version| version.version().to_owned()).collect();
        let version = match (&version, &target.repository) {
            (None, None) => None,
            (Some(wanted), _) => match package.get_version(wanted) {
                Some(version) => Some(version),
                None => return Ok(Err(missing(known()))),
            },
            (None, Some(release)) => match package.versions().find(|version| is_of(version, release)) {
                Some(version) => Some(version),
                None => return Ok(Err(missing(known()))),
            },
        };
        Ok(Ok(Found { package, version, reason: target.reason }))
    }

    /// A package that has a version: of the machine's own architecture, or else of the first that has it.
    fn package(&self, name: &str, arch: Option<&str>) -> Option<Package<'c>> {
        let real = |full: &str| self.cache.get(full).filter(|package| package.has_versions());
        match arch {
            Some(arch) => real(&format!("{name}:{arch}")),
            None => real(name).or_else(|| {
                let others = self.config.find_vector("APT::Architectures");
                others.into_iter().find_map(|arch| real(&format!("{name}:{arch}")))
            }),
        }
    }

    /// Names of the packages that provide a virtual one; the installed one alone where there is one.
    fn providers(&self, name: &str, arch: Option<&str>) -> Vec<String> {
        let full = arch.map_or(name.to_owned(), |arch| format!("{name}:{arch}"));
        let Some(package) = self.cache.get(&full) else { return Vec::new() };
        let mut names = BTreeSet::new();
        for provider in package.provides() {
            let package = provider.package();
            if package.is_installed() {
                return vec![self.name(&package)];
            }
            // A version that is not the candidate is none that would be installed.
            if package.candidate().is_some_and(|candidate| candidate.provides().any(|one| one.name() == name)) {
                names.insert(self.name(&package));
            }
        }
        names.into_iter().collect()
    }

    /// What dpkg was killed over is half on the machine, in a version that no archive may be known for: a repository's own of that
    /// version is installed once more, or else its candidate. What goes, goes as it is.
    fn mend(&self) {
        let all = self.cache.packages(&PackageSort::default().installed());
        let is_marked = |package: &Package<'_>| {
            package.marked_delete()
                || package.marked_install()
                || package.marked_upgrade()
                || package.marked_downgrade()
                || package.marked_reinstall()
        };
        for package in all.filter(|package| is_half_there(package) && !is_marked(package)) {
            let Some(installed) = package.installed() else { continue };
            let mut offered: Vec<_> = package.versions().filter(|version| version.is_downloadable()).collect();
            offered.sort_by_key(|version| version.version() != installed.version());
            if let Some(version) = offered.first() {
                version.set_candidate();
                package.mark_install(true, !package.is_auto_installed());
                package.mark_reinstall(true);
                package.protect();
            }
        }
    }

    /// Marks what was asked for, and what follows; gives what stands against it.
    #[allow(unsafe_code)]
    fn mark(&self, found: &[Found<'c>], removed: &[Found<'c>]) -> Result<Vec<String>> {
        // Else the library looks at all packages after each mark, for what nobody needs any more.
        // SAFETY: it is a part of the cache, which outlives it here.
        let _group = unsafe { self.cache.depcache().action_group() };
        for one in removed {
            one.package.mark_delete(false);
            one.package.protect();
        }
        match self.order.task {
            Task::Install | Task::Downgrade | Task::Upgrade { .. } if !found.is_empty() => self.install(found),
            Task::Upgrade { full } => {
                let kind = if full { Upgrade::FullUpgrade } else { Upgrade::Upgrade };
                self.cache.upgrade(kind).map_err(|errors| told(&errors))?;
            }
            Task::Reinstall => {
                for one in found {
                    let Some(installed) = one.package.installed().filter(|version| version.is_downloadable()) else {
                        let name = self.name(&one.package);
                        return Ok(vec![format!("no repository has the installed version of {name} any more")]);
                    };
                    // The library installs the candidate again, which may be a newer one.
                    installed.set_candidate();
                    one.package.mark_reinstall(true);
                    one.package.protect();
                }
            }
            Task::Remove { purge, .. } => {
                for one in found {
                    one.package.mark_delete(purge);
                    one.package.protect();
                }
            }
            Task::Autoremove { purge } => {
                let garbage: Vec<_> = self.garbage().collect();
                for package in garbage {
                    package.mark_delete(purge);
                }
            }
            Task::Mark(_)
            | Task::Install
            | Task::Downgrade
            | Task::Sync { .. }
            | Task::Clean { .. }
            | Task::Configure => {}
        }
        // Last, since what was asked for may need another version of what is half there.
        self.mend();
        if self.cache.depcache().broken_count() > 0
            && let Err(errors) = self.cache.resolve(true)
        {
            let broken = self.broken();
            return Ok(if broken.is_empty() { vec![told(&errors).to_string()] } else { broken });
        }
        Ok(Vec::new())
    }

    fn install(&self, found: &[Found<'c>]) {
        for one in found {
            if let Some(version) = &one.version {
                version.set_candidate();
            }
        }
        // First without and then with what they need, so that one asked for is not chosen away for another's sake.
        for with_needed in [false, true] {
            for one in found {
                let package = &one.package;
                let was_auto = package.is_installed() && package.is_auto_installed();
                package.mark_install(with_needed, !was_auto);
                package.protect();
                match one.reason {
                    Some(reason) => drop(package.mark_auto(reason == Reason::Dependency)),
                    // An upgrade does not make anything wanted.
                    None if was_auto => drop(package.mark_auto(matches!(self.order.task, Task::Upgrade { .. }))),
                    None => {}
                }
            }
        }
    }

    /// Installed packages that nothing needs and that are to stay, as it is marked now.
    fn garbage(&self) -> impl Iterator<Item = Package<'c>> {
        let all = self.cache.packages(&PackageSort::default().installed());
        all.filter(|package| package.is_auto_removable() && !package.marked_delete())
    }

    /// What holds each package back that cannot be as it is marked: a sentence each, in apt's words.
    fn broken(&self) -> Vec<String> {
        if self.cache.depcache().broken_count() == 0 {
            return Vec::new();
        }
        let mut sentences = Vec::new();
        for package in self.cache.packages(&PackageSort::default()) {
            if let Some(text) = show_broken_pkg(self.cache, &package, false) {
                let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                sentences.push(words.replacen(" : ", ": ", 1));
            }
        }
        sentences.sort();
        sentences
    }

    fn steps(&self, request: &Request, asked: &HashSet<usize>) -> Vec<(Step, Package<'c>)> {
        let repositories = Repositories::of(request);
        let mut changes: Vec<Package<'c>> = self.cache.get_changes(true).collect();
        changes.retain(|package| package.marked_delete() || package.marked_install() || package.marked_reinstall());
        let reasons = why::reasons(self.cache, &changes, asked, &self.order.task);
        let step = |(package, why): (Package<'c>, Why)| {
            let old = package.installed().map(|version| version.version().to_owned()).unwrap_or_default();
            let install = if package.marked_delete() { None } else { package.install_version() };
            let new = install.as_ref().map(|version| version.version().to_owned()).unwrap_or_default();
            let action = match (&install, old.is_empty()) {
                (None, _) if package.marked_purge() => Action::Purge,
                (None, _) => Action::Remove,
                (Some(_), true) => Action::Install,
                // Not the crate's own comparison: it reads beyond the end of a text that no zero follows.
                (Some(_), false) => Action::by_order(compare(&new, &old)),
            };
            let downloadable = install.as_ref().filter(|version| version.is_downloadable());
            let step = Step {
                action,
                name: package.name().to_owned(),
                arch: if package.arch() == self.native { String::new() } else { package.arch().to_owned() },
                old,
                new,
                repository: install.as_ref().map_or("", |version| repositories.name_of(version)).to_owned(),
                why,
                reason: if package.is_auto_installed() { Reason::Dependency } else { Reason::Explicit },
                download_bytes: downloadable.map_or(0, |version| self.bytes_to_fetch(version)),
                sha256: downloadable.and_then(|version| version.sha256()).unwrap_or_default(),
                signed: install.as_ref().map(is_signed),
            };
            (step, package)
        };
        let mut steps: Vec<_> = changes.into_iter().zip(reasons).map(step).collect();
        steps.sort_by(|(a, _), (b, _)| (a.action, &a.name, &a.arch).cmp(&(b.action, &b.name, &b.arch)));
        steps
    }

    /// None where the archive lies in apt's cache already, or on this machine.
    fn bytes_to_fetch(&self, version: &Version<'_>) -> u64 {
        let folder = PathBuf::from(self.config.dir("Dir::Cache::Archives", "/var/cache/apt/archives/"));
        let text = version.version().replace(':', "%3a");
        let archive = folder.join(format!("{}_{text}_{}.deb", version.parent().name(), version.arch()));
        let is_there = archive.metadata().is_ok_and(|meta| meta.len() == version.size());
        let is_local = version.uris().all(|uri| uri.starts_with("file:") || uri.starts_with('/'));
        if is_there || is_local { 0 } else { version.size() }
    }

    fn plan(
        &self,
        request: &Request,
        steps: Vec<(Step, Package<'c>)>,
        found: &[Found<'c>],
        mut warnings: Vec<String>,
    ) -> Plan {
        warnings.extend(strangers::warnings(steps.iter().map(|(_, package)| package)));
        let steps: Vec<Step> = steps.into_iter().map(|(step, _)| step).collect();
        let unsigned: Vec<&str> =
            steps.iter().filter(|step| step.signed == Some(false)).map(|step| step.name.as_str()).collect();
        if !unsigned.is_empty() {
            warnings.push(format!("no trusted signature vouches for {}", unsigned.join(", ")));
        }
        let unfinished: Vec<String> = (self.cache.packages(&PackageSort::default().installed()))
            .filter(|package| {
                matches!(package.current_state(), PkgCurrentState::HalfConfigured) && !package.marked_delete()
            })
            .map(|package| self.name(&package))
            .collect();
        if !unfinished.is_empty() {
            let names = unfinished.join(", ");
            warnings.push(format!("{names}: not configured yet; `sudo dpkg --configure -a` finishes that"));
        }
        Plan {
            source: Source::Apt,
            root: request.root.clone(),
            order: self.order.clone(),
            decider: crate::library(),
            marks: self.marks(found, &steps),
            archives: Vec::new(),
            files: Vec::new(),
            kept: match self.order.task {
                Task::Upgrade { .. } => self.kept(&steps),
                _ => Vec::new(),
            },
            orphaned: {
                let mut names: Vec<String> = self.garbage().map(|package| self.name(&package)).collect();
                names.sort();
                names
            },
            download_bytes: steps.iter().map(|step| step.download_bytes).sum(),
            disk_bytes: disk_bytes(self.cache),
            warnings,
            steps,
        }
    }

    /// What is only to count as something else.
    fn marks(&self, found: &[Found<'c>], steps: &[Step]) -> Vec<Marked> {
        let mark_of = |one: &Found<'c>| match (self.order.task, one.reason) {
            (Task::Mark(mark), _) => Some(mark),
            (Task::Install, Some(Reason::Dependency)) => Some(Mark::Auto),
            (Task::Install, _) => Some(Mark::Explicit),
            _ => None,
        };
        let mut marks = Vec::new();
        for one in found {
            let Some(mark) = mark_of(one) else { continue };
            let package = &one.package;
            // As it was before anything was marked in the cache.
            let held = package.selected_state() == PkgSelectedState::Hold;
            let is_so = match mark {
                Mark::Held => held,
                Mark::Unheld => !held,
                Mark::Explicit | Mark::Auto => !self.was_marked_otherwise(package, mark),
            };
            let arch = if package.arch() == self.native { "" } else { package.arch() };
            let is_step = steps.iter().any(|step| step.name == package.name() && step.arch == arch);
            if !is_so && !is_step {
                marks.push(Marked { name: package.name().to_owned(), arch: arch.to_owned(), mark });
            }
        }
        marks.extend_from_slice(&self.order.holds);
        marks
    }

    /// Whether apt's own file says otherwise. The cache cannot be asked: it has been marked since.
    fn was_marked_otherwise(&self, package: &Package<'_>, mark: Mark) -> bool {
        let path = self.config.file("Dir::State::extended_states", "/var/lib/apt/extended_states");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let auto = text.split("\n\n").any(|stanza| {
            let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            field("Package:") == Some(package.name())
                && field("Architecture:").is_none_or(|arch| arch == package.arch())
                && field("Auto-Installed:") == Some("1")
        });
        package.is_installed() && auto == (mark == Mark::Explicit)
    }

    /// Upgradable packages that stay, and why.
    fn kept(&self, steps: &[Step]) -> Vec<Kept> {
        let mut kept = Vec::new();
        for package in self.cache.packages(&PackageSort::default().upgradable()) {
            let arch = if package.arch() == self.native { "" } else { package.arch() };
            if steps.iter().any(|step| step.name == package.name() && step.arch == arch) {
                continue;
            }
            let (Some(installed), Some(candidate)) = (package.installed(), package.candidate()) else { continue };
            let why = match () {
                _ if !self.order.targets.is_empty() => continue,
                _ if package.selected_state() == PkgSelectedState::Hold => "held".to_owned(),
                _ if package.phasing_applied() => {
                    let percent = candidate.phased_update_percentage();
                    let percent = percent.map_or(String::new(), |percent| format!(" to {percent} % of the machines"));
                    format!("being released step by step{percent}, not yet to this one")
                }
                _ => why::kept(&candidate),
            };
            kept.push(Kept {
                name: package.name().to_owned(),
                arch: arch.to_owned(),
                installed: installed.version().to_owned(),
                candidate: candidate.version().to_owned(),
                why,
            });
        }
        kept.sort_by(|a, b| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
        kept
    }

    /// As a person writes it.
    fn name(&self, package: &Package<'_>) -> String {
        match package.arch() == self.native {
            true => package.name().to_owned(),
            false => format!("{}:{}", package.name(), package.arch()),
        }
    }
}

/// Whether dpkg has begun with it and not got as far as its configuration.
fn is_half_there(package: &Package<'_>) -> bool {
    matches!(package.inst_state(), PkgInstState::ReInstReq | PkgInstState::HoldReInstReq)
        || matches!(package.current_state(), PkgCurrentState::UnPacked | PkgCurrentState::HalfInstalled)
}

/// What the disk holds more once everything that is marked is done.
fn disk_bytes(cache: &Cache) -> i64 {
    let marked: &PkgDepCache = cache.depcache();
    marked.disk_size()
}

/// Whether a signature that apt trusts vouches for a repository that has the version. An archive by itself has none.
fn is_signed(version: &Version<'_>) -> bool {
    version.package_files().any(|file| !is_local(&file) && file.is_downloadable() && file.index_file().is_trusted())
}

fn is_local(file: &rust_apt::PackageFile<'_>) -> bool {
    file.index_type().is_some_and(|kind| kind.contains("local") || kind.contains("deb file"))
}

/// Whether a version is of a release, by any of the names that it has, or of omg's name for a repository.
fn is_of(version: &Version<'_>, release: &str) -> bool {
    let (release, component) = release.split_once('/').map_or((release, None), |(release, c)| (release, Some(c)));
    version.package_files().any(|file| {
        [file.archive(), file.codename()].into_iter().flatten().any(|name| name == release)
            && component.is_none_or(|component| file.component().is_some_and(|name| name == component))
    })
}

/// Name, version and architecture of an archive.
fn archive(path: &Path) -> Result<(String, String, String)> {
    let output = Command::new("dpkg-deb").arg("-f").arg(path).args(["Package", "Version", "Architecture"]).output();
    let output = output.context("cannot run dpkg-deb")?;
    if !output.status.success() {
        bail!("{} is no package: {}", path.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout).with_context(|| format!("{} is not UTF-8", path.display()))?;
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(|value| value.trim().to_owned()).with_context(|| format!("{} names no {name}", path.display()))
    };
    Ok((field("Package")?, field("Version")?, field("Architecture")?))
}

fn utf8(path: &Path) -> Result<String> {
    Ok(path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?.to_owned())
}
