//! From what was asked for to what libalpm is told to add and to remove. Dependencies are the library's business.

use crate::handle::Ear;
use crate::library::{Db, Package, Pkg};
use crate::plan::orphans;
use alpm::{Alpm, LoadedPackage, PackageReason, TransFlag, Usage};
use anyhow::{Context, Result};
use omg::backends::alpm::{glob, key, vercmp};
use omg::backends::engine::Request;
use omg::model::{Mark, Marked, Missing, Order, Reason, Resolution, Target, Task};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How a transaction must be begun for an order.
pub fn flags(order: &Order) -> TransFlag {
    let mut flags = TransFlag::NONE;
    let (purge, recursive) = match order.task {
        Task::Remove { purge, recursive } => (purge, recursive),
        Task::Autoremove { purge } => (purge, false),
        _ => (false, false),
    };
    if purge {
        flags |= TransFlag::NO_SAVE;
    }
    if recursive {
        flags |= TransFlag::RECURSE;
    }
    flags
}

/// Why an order cannot even be put to the library.
#[derive(Default)]
struct Refusal {
    missing: Vec<Missing>,
    choice: Option<(String, Vec<String>)>,
    impossible: Vec<String>,
}

impl Refusal {
    fn resolution(self) -> Option<Resolution> {
        if !self.missing.is_empty() {
            return Some(Resolution::Unknown(self.missing));
        }
        if !self.impossible.is_empty() {
            return Some(Resolution::Impossible(self.impossible));
        }
        self.choice.map(|(name, packages)| Resolution::Choice { name, packages })
    }
}

/// Puts the targets into the transaction that was begun; or says why not.
pub fn add(handle: &Alpm, request: &Request, order: &Order, ear: &Ear) -> Result<Option<Resolution>> {
    ear.borrow_mut().wanted = order.targets.iter().map(|target| target.name.clone()).collect();
    let mut targets = Targets { handle, request, order, ear, refusal: Refusal::default(), added: BTreeSet::new() };
    match order.task {
        Task::Install | Task::Reinstall | Task::Downgrade => {
            for target in &order.targets {
                targets.install(target)?;
            }
        }
        Task::Upgrade { .. } => targets.upgrade()?,
        Task::Remove { .. } => order.targets.iter().try_for_each(|target| targets.remove(target))?,
        Task::Autoremove { .. } => targets.autoremove()?,
        Task::Mark(mark) => targets.mark_only(mark)?,
        // That is no transaction.
        Task::Sync { .. } | Task::Clean { .. } | Task::Configure => {}
    }
    order.remove.iter().try_for_each(|target| targets.remove(target))?;
    Ok(targets.refusal.resolution())
}

struct Targets<'a> {
    handle: &'a Alpm,
    request: &'a Request,
    order: &'a Order,
    ear: &'a Ear,
    refusal: Refusal,
    /// Names, of what comes and of what goes: asking twice is no mistake.
    added: BTreeSet<String>,
}

/// What a name stands for.
enum Found<'a> {
    Offered(Package<'a>),
    Archive(LoadedPackage<'a>),
    /// A group's members, or what provides it.
    Several(Vec<String>),
    Nothing(Vec<String>),
}

impl<'a> Targets<'a> {
    fn install(&mut self, target: &Target) -> Result<()> {
        let installed = self.handle.localdb().pkg(target.name.as_str()).ok();
        let task = self.order.task;
        if task != Task::Install && installed.is_none() && target.file.is_none() {
            return self.not_installed(target);
        }
        // What is there in the version asked for needs no archive to stay.
        if let (Task::Install, Some(package), Some(version)) = (task, installed, &target.version)
            && vercmp::compare(package.version().as_str(), version) == Ordering::Equal
        {
            self.mark(package, target.reason.unwrap_or(Reason::Explicit));
            return Ok(());
        }
        let found = match (task, installed, &target.version) {
            _ if target.file.is_some() => match self.load(target.file.as_deref().expect("just seen")) {
                Ok(archive) => Found::Archive(archive),
                Err(reason) => {
                    self.refusal.impossible.push(reason);
                    return Ok(());
                }
            },
            (_, _, Some(version)) => self.exact(target, version)?,
            (Task::Reinstall, Some(package), None) => self.exact(target, package.version().as_str())?,
            (Task::Downgrade, Some(package), None) => self.older(target, package.version().as_str())?,
            _ => self.newest(target)?,
        };
        match found {
            Found::Offered(package) => {
                if task == Task::Install && self.is_there(&package, target) {
                    return Ok(());
                }
                if self.added.insert(package.name().to_owned()) {
                    self.handle
                        .trans_add_pkg(package)
                        .map_err(alpm::Error::from)
                        .with_context(|| format!("cannot take {target}"))?;
                }
            }
            Found::Archive(archive) => {
                // Every package of a repository is signed: a signature does not say that it is the one that was asked for.
                let other = |version: &String| {
                    archive.name() != target.name
                        || vercmp::compare(archive.version().as_str(), version) != Ordering::Equal
                };
                if target.version.as_ref().is_some_and(other) {
                    let sentence = format!("the archive of {target} holds {} {}", archive.name(), archive.version());
                    self.refusal.impossible.push(sentence);
                    return Ok(());
                }
                if target.file.is_none() && task == Task::Install && self.is_there(&archive, target) {
                    return Ok(());
                }
                if self.added.insert(archive.name().to_owned()) {
                    let added = self.handle.trans_add_pkg(archive).map_err(alpm::Error::from);
                    added.with_context(|| format!("cannot take {target}"))?;
                }
            }
            Found::Several(packages) => _ = self.refusal.choice.get_or_insert((target.name.clone(), packages)),
            Found::Nothing(versions) => {
                let missing = Missing { target: target.to_string(), versions, not_installed: false };
                self.refusal.missing.push(missing);
            }
        }
        Ok(())
    }

    /// Whether an installation has nothing to do because the same version is there; then at most what it counts as changes.
    fn is_there(&mut self, package: &Pkg<'_>, target: &Target) -> bool {
        let Ok(installed) = self.handle.localdb().pkg(package.name()) else { return false };
        let same = installed.version().vercmp(package.version()) == Ordering::Equal;
        if same {
            self.mark(installed, target.reason.unwrap_or(Reason::Explicit));
        }
        same
    }

    fn mark(&mut self, installed: Package<'_>, reason: Reason) {
        let (wanted, mark) = match reason {
            Reason::Explicit => (PackageReason::Explicit, Mark::Explicit),
            Reason::Dependency => (PackageReason::Depend, Mark::Auto),
        };
        if installed.reason() != wanted && self.added.insert(installed.name().to_owned()) {
            let marked = Marked { name: installed.name().to_owned(), arch: String::new(), mark };
            self.ear.borrow_mut().marks.push(marked);
        }
    }

    fn mark_only(&mut self, mark: Mark) -> Result<()> {
        let reason = match mark {
            Mark::Explicit => Reason::Explicit,
            Mark::Auto => Reason::Dependency,
            Mark::Held | Mark::Unheld => {
                let sentence = "pacman holds what IgnorePkg names in pacman.conf, and nothing else";
                self.refusal.impossible.push(sentence.to_owned());
                return Ok(());
            }
        };
        for target in &self.order.targets {
            match self.handle.localdb().pkg(target.name.as_str()) {
                Ok(package) => self.mark(package, reason),
                Err(_) => self.not_installed(target)?,
            }
        }
        Ok(())
    }

    fn upgrade(&mut self) -> Result<()> {
        if self.order.targets.is_empty() {
            self.handle.sync_sysupgrade(false).context("cannot compute the upgrade")?;
            return Ok(());
        }
        if !self.order.force {
            let sentence = "a partial upgrade is not supported on Arch: upgrade everything, or force it";
            self.refusal.impossible.push(sentence.to_owned());
            return Ok(());
        }
        for target in &self.order.targets {
            let Ok(installed) = self.handle.localdb().pkg(target.name.as_str()) else {
                self.not_installed(target)?;
                continue;
            };
            let databases = self.databases(target)?;
            let newer = databases.iter().find_map(|database| database.pkg(target.name.as_str()).ok());
            if let Some(newer) = newer.filter(|newer| newer.version().vercmp(installed.version()) == Ordering::Greater)
                && self.added.insert(target.name.clone())
            {
                self.handle
                    .trans_add_pkg(newer)
                    .map_err(alpm::Error::from)
                    .with_context(|| format!("cannot take {target}"))?;
            }
        }
        Ok(())
    }

    fn remove(&mut self, target: &Target) -> Result<()> {
        if let Ok(package) = self.handle.localdb().pkg(target.name.as_str()) {
            if self.added.insert(target.name.clone()) {
                self.handle.trans_remove_pkg(package).with_context(|| format!("cannot remove {target}"))?;
            }
            return Ok(());
        }
        let group = self.handle.localdb().group(target.name.as_str());
        let members: Vec<String> = match group {
            Ok(group) => group.packages().into_iter().map(|package| package.name().to_owned()).collect(),
            Err(_) => return self.not_installed(target),
        };
        self.refusal.choice.get_or_insert((target.name.clone(), members));
        Ok(())
    }

    fn autoremove(&mut self) -> Result<()> {
        let held: Vec<String> = self.request.values(key::HOLD_PACKAGE).map(str::to_owned).collect();
        for name in orphans(self.handle, true) {
            if self.order.force || !glob::any(&held, &name) {
                let package = self.handle.localdb().pkg(name.as_str())?;
                self.handle.trans_remove_pkg(package).with_context(|| format!("cannot remove {name}"))?;
            }
        }
        Ok(())
    }

    fn not_installed(&mut self, target: &Target) -> Result<()> {
        let known = self.databases(target)?.iter().any(|database| database.pkg(target.name.as_str()).is_ok());
        let missing = Missing { target: target.to_string(), versions: Vec::new(), not_installed: known };
        self.refusal.missing.push(missing);
        Ok(())
    }

    /// Where to look for a target: in the repository that it names, whatever that one is used for, or in all there are to
    /// install from.
    fn databases(&self, target: &Target) -> Result<Vec<Db<'a>>> {
        let mut databases = Vec::new();
        for database in self.handle.syncdbs() {
            let looked_at = match &target.repository {
                Some(name) => database.name() == name,
                None => database.usage()?.intersects(Usage::INSTALL | Usage::UPGRADE),
            };
            if looked_at {
                databases.push(database);
            }
        }
        Ok(databases)
    }

    /// As `pacman -S NAME`: a package of the name, else what provides it, else a group.
    fn newest(&self, target: &Target) -> Result<Found<'a>> {
        let databases = self.databases(target)?;
        if let Some(package) = databases.iter().find_map(|database| database.pkg(target.name.as_str()).ok()) {
            return Ok(Found::Offered(package));
        }
        let mut providers: Vec<Package<'a>> = Vec::new();
        for database in &databases {
            for package in database.pkgs() {
                let provides = package.provides().iter().any(|provided| provided.name() == target.name);
                if provides && providers.iter().all(|known| known.name() != package.name()) {
                    providers.push(package);
                }
            }
        }
        // One that is there already is meant, as libalpm has it.
        let installed = providers.iter().position(|package| self.handle.localdb().pkg(package.name()).is_ok());
        if installed.is_some() || providers.len() == 1 {
            return Ok(Found::Offered(providers.swap_remove(installed.unwrap_or(0))));
        }
        if !providers.is_empty() {
            return Ok(Found::Several(providers.iter().map(|package| package.name().to_owned()).collect()));
        }
        let mut members = Vec::new();
        for database in &databases {
            let Ok(group) = database.group(target.name.as_str()) else { continue };
            for package in group.packages() {
                if !members.iter().any(|known| known == package.name()) {
                    members.push(package.name().to_owned());
                }
            }
        }
        Ok(if members.is_empty() { Found::Nothing(Vec::new()) } else { Found::Several(members) })
    }

    /// This version and no other, from a repository or else from the cache.
    fn exact(&self, target: &Target, version: &str) -> Result<Found<'a>> {
        let mut versions = Vec::new();
        for database in self.databases(target)? {
            let Ok(package) = database.pkg(target.name.as_str()) else { continue };
            if vercmp::compare(package.version().as_str(), version) == Ordering::Equal {
                return Ok(Found::Offered(package));
            }
            versions.push(package.version().to_string());
        }
        for cached in self.cached(target) {
            if vercmp::compare(&cached.version, version) == Ordering::Equal {
                match self.load(&cached.path) {
                    Ok(archive) => return Ok(Found::Archive(archive)),
                    // Another archive of that version may be whole.
                    Err(reason) => self.ear.borrow_mut().warnings.push(reason),
                }
            }
            if !versions.contains(&cached.version) {
                versions.push(cached.version);
            }
        }
        Ok(Found::Nothing(versions))
    }

    /// The newest version that is older.
    fn older(&self, target: &Target, installed: &str) -> Result<Found<'a>> {
        let offered =
            self.databases(target)?.into_iter().filter_map(|database| database.pkg(target.name.as_str()).ok());
        let versions = offered.map(|package| package.version().to_string());
        let versions = versions.chain(self.cached(target).into_iter().map(|cached| cached.version));
        let older = versions.filter(|version| vercmp::compare(version, installed) == Ordering::Less);
        match older.max_by(|a, b| vercmp::compare(a, b)) {
            Some(version) => self.exact(target, &version),
            None => Ok(Found::Nothing(vec![installed.to_owned()])),
        }
    }

    fn load(&self, path: &Path) -> Result<LoadedPackage<'a>, String> {
        let text = path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))?;
        let handle = self.handle;
        let loaded = handle.pkg_load(text, true, handle.local_file_siglevel());
        loaded.map_err(|error| {
            let heard = self.ear.borrow();
            let key =
                heard.unknown_keys.last().map(|key| format!(": the key {key} is not trusted")).unwrap_or_default();
            format!("cannot take {text}: {error}{key}")
        })
    }

    /// Archives of a package in the caches, the first cache first.
    fn cached(&self, target: &Target) -> Vec<Cached> {
        let mut found = Vec::new();
        if target.repository.is_some() {
            return found;
        }
        let architectures: Vec<&str> = self.request.values(key::ARCHITECTURE).collect();
        for dir in self.request.values(key::CACHE_DIR) {
            let Ok(entries) = std::fs::read_dir(dir) else { continue };
            let mut here: Vec<Cached> = entries
                .filter_map(|entry| {
                    let path = entry.ok()?.path();
                    let (name, version, arch) = parts(path.file_name()?.to_str()?)?;
                    let fits = name == target.name && (arch == "any" || architectures.contains(&arch));
                    fits.then(|| Cached { version: version.to_owned(), path: path.clone() })
                })
                .collect();
            here.sort_by(|a, b| a.path.cmp(&b.path));
            found.append(&mut here);
        }
        found
    }
}

struct Cached {
    version: String,
    path: PathBuf,
}

/// Name, version and architecture of `NAME-VERSION-RELEASE-ARCH.pkg.tar.EXT`.
fn parts(file: &str) -> Option<(&str, &str, &str)> {
    let (stem, end) = file.rsplit_once(".pkg.tar")?;
    if end.ends_with(".sig") || end.ends_with(".part") {
        return None;
    }
    let (rest, arch) = stem.rsplit_once('-')?;
    let (before, _) = rest.rsplit_once('-')?;
    let (name, _) = before.rsplit_once('-')?;
    Some((name, &rest[name.len() + 1..], arch))
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn names_of_archives() {
        assert_eq!(parts("a-b-1:2.0-1-any.pkg.tar.zst"), Some(("a-b", "1:2.0-1", "any")));
        assert_eq!(parts("a-1-1-x86_64.pkg.tar"), Some(("a", "1-1", "x86_64")));
        for other in
            ["a-1-1-any.pkg.tar.zst.sig", "a-1-1-any.pkg.tar.zst.part", "a.pkg.tar.zst", "1-any.pkg.tar.xz", "x"]
        {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
