//! A prepared transaction as a plan: its steps, why each is there, and what stays as it is.

use crate::handle::{Ear, Heard, signatures};
use crate::library::{Dep, Package, path_of};
use alpm::{Alpm, DepMod, PackageReason, SigLevel, Usage};
use anyhow::Result;
use omg::backends::alpm::{key, vercmp};
use omg::backends::engine::Request;
use omg::model::{Action, Kept, Order, Plan, Reason, Source, Step, Task, Why};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

pub fn of_transaction(handle: &Alpm, request: &Request, order: &Order, ear: &Ear) -> Result<Plan> {
    let heard = ear.borrow().clone();
    let mut steps = Vec::new();
    let mut disk_bytes = 0;
    let asked: BTreeSet<&str> = order.targets.iter().chain(&order.remove).map(|target| target.name.as_str()).collect();
    for package in handle.trans_add() {
        let installed = handle.localdb().pkg(package.name()).ok();
        disk_bytes += package.isize() - installed.map_or(0, |installed| installed.isize());
        let why = why_added(handle, order, package, &asked);
        steps.push(added(request, order, package, installed, why)?);
    }
    for package in handle.trans_remove() {
        disk_bytes -= package.isize();
        steps.push(removed(order, package, &heard, &asked));
    }
    steps.sort_by(|a, b| (a.action, &a.name).cmp(&(b.action, &b.name)));
    let mut plan = Plan {
        source: Source::Pacman,
        root: request.root.clone(),
        order: order.clone(),
        decider: format!("libalpm {}", alpm::version()),
        download_bytes: steps.iter().map(|step| step.download_bytes).sum(),
        steps,
        marks: heard.marks,
        archives: Vec::new(),
        files: Vec::new(),
        kept: kept(handle, order)?,
        orphaned: orphaned(handle),
        disk_bytes,
        warnings: Vec::new(),
    };
    plan.warnings.clone_from(&ear.borrow().warnings);
    if let Some(warning) = partial(&plan) {
        plan.warnings.push(warning);
    }
    Ok(plan)
}

fn reason(reason: PackageReason) -> Reason {
    match reason {
        PackageReason::Depend => Reason::Dependency,
        _ => Reason::Explicit,
    }
}

fn added(
    request: &Request,
    order: &Order,
    package: Package<'_>,
    installed: Option<Package<'_>>,
    why: Why,
) -> Result<Step> {
    let file = path_of(package);
    let target = order.targets.iter().find(|target| {
        target.name == package.name()
            || target.file.as_deref().is_some_and(|path| file.is_some_and(|file| path == Path::new(file)))
    });
    let before = installed.map(|installed| reason(installed.reason()));
    let after = match (target, before) {
        (Some(target), before) => target.reason.unwrap_or(match (order.task, before) {
            (Task::Install, _) => Reason::Explicit,
            (_, Some(before)) => before,
            (_, None) => reason(package.reason()),
        }),
        (None, Some(before)) => before,
        (None, None) => reason(package.reason()),
    };
    let why = if target.is_some() && !matches!(why, Why::Newer) { Why::Asked } else { why };
    let action =
        installed.map_or(Action::Install, |installed| Action::by_order(package.version().vercmp(installed.version())));
    Ok(Step {
        action,
        name: package.name().to_owned(),
        arch: String::new(),
        old: installed.map_or_else(String::new, |installed| installed.version().to_string()),
        new: package.version().to_string(),
        repository: package
            .db()
            .filter(|_| file.is_none())
            .map_or_else(String::new, |database| database.name().to_owned()),
        why,
        reason: after,
        download_bytes: u64::try_from(package.download_size()).unwrap_or(0),
        // What a file holds is part of the plan as well: it may be another one when the plan is carried out.
        sha256: match file {
            Some(file) => alpm::compute_sha256sum(file).map_err(|e| anyhow::anyhow!("cannot read {file}: {e}"))?,
            None => package.sha256sum().unwrap_or_default().to_owned(),
        },
        signed: Some(file.map_or_else(|| is_signed(request, package), |file| is_signed_file(request, file))),
    })
}

/// Whether libalpm will have a signature for this archive, or has verified one for its database.
fn is_signed(request: &Request, package: Package<'_>) -> bool {
    let Some(database) = package.db() else { return false };
    let level = database.siglevel();
    if level.contains(SigLevel::PACKAGE)
        && (!level.contains(SigLevel::PACKAGE_OPTIONAL) || package.base64_sig().is_some())
    {
        return true;
    }
    let signature = || {
        let folder = request.values(key::DATABASE_PATH).next().unwrap_or_default();
        Path::new(folder).join("sync").join(format!("{}.db.sig", database.name())).exists()
    };
    level.contains(SigLevel::DATABASE) && (!level.contains(SigLevel::DATABASE_OPTIONAL) || signature())
}

fn is_signed_file(request: &Request, file: &str) -> bool {
    let level = |key| signatures(request.values(key).next()).ok();
    let own = level(key::LOCAL_FILE_SIGNATURES).filter(|level| !level.contains(SigLevel::USE_DEFAULT));
    let level = own.or_else(|| level(key::SIGNATURES)).unwrap_or(SigLevel::NONE);
    // It was loaded, so a signature that is looked at is a good one.
    level.contains(SigLevel::PACKAGE) && Path::new(&format!("{file}.sig")).exists()
}

fn removed(order: &Order, package: Package<'_>, heard: &Heard, asked: &BTreeSet<&str>) -> Step {
    let name = package.name();
    let why = match (heard.replaced.get(name), heard.conflicts.get(name)) {
        _ if asked.contains(name) => Why::Asked,
        (Some(new), _) => Why::ReplacedBy(new.clone()),
        (_, Some(new)) => Why::ConflictsWith(new.clone()),
        _ => Why::Unneeded,
    };
    let purge = matches!(order.task, Task::Remove { purge: true, .. } | Task::Autoremove { purge: true });
    Step {
        action: if purge { Action::Purge } else { Action::Remove },
        name: name.to_owned(),
        arch: String::new(),
        old: package.version().to_string(),
        new: String::new(),
        repository: String::new(),
        why,
        reason: reason(package.reason()),
        download_bytes: 0,
        sha256: String::new(),
        signed: None,
    }
}

fn why_added(handle: &Alpm, order: &Order, package: Package<'_>, asked: &BTreeSet<&str>) -> Why {
    if asked.contains(package.name()) {
        return Why::Asked;
    }
    let needs = |other: &Package<'_>| other.depends().iter().any(|dep| meets(package, &dep));
    let all = handle.trans_add();
    let users = || all.iter().filter(|other| other.name() != package.name()).filter(|other| needs(other));
    let is_upgrade = matches!(order.task, Task::Upgrade { .. });
    // With everything upgraded what is there is upgraded for its own sake, and so comes what replaces it.
    if is_upgrade && (handle.localdb().pkg(package.name()).is_ok() || package.reason() == PackageReason::Explicit) {
        return Why::Newer;
    }
    // What was asked for explains better than a link of the chain.
    let user = users().filter(|user| asked.contains(user.name())).map(|user| user.name()).min();
    match user.or_else(|| users().map(|user| user.name()).min()) {
        Some(user) => Why::NeededBy(user.to_owned()),
        None if is_upgrade => Why::Newer,
        // A file is called what its command called it.
        None => Why::Asked,
    }
}

/// As libalpm's own comparison: by name and version, or by what is provided, which must tell a version where one is wanted.
fn meets(package: Package<'_>, dep: &Dep<'_>) -> bool {
    let wanted = dep.version().map_or("", |version| version.as_str());
    if package.name() == dep.name() && fits(package.version().as_str(), dep.depmod(), wanted) {
        return true;
    }
    package.provides().iter().any(|provided| {
        provided.name() == dep.name()
            && (dep.depmod() == DepMod::Any
                || provided.version().is_some_and(|version| fits(version.as_str(), dep.depmod(), wanted)))
    })
}

fn fits(version: &str, comparison: DepMod, wanted: &str) -> bool {
    if comparison == DepMod::Any {
        return true;
    }
    let order = vercmp::compare(version, wanted);
    match comparison {
        DepMod::Any => true,
        DepMod::Eq => order == Ordering::Equal,
        DepMod::Ge => order != Ordering::Less,
        DepMod::Le => order != Ordering::Greater,
        DepMod::Gt => order == Ordering::Greater,
        DepMod::Lt => order == Ordering::Less,
    }
}

/// Installed packages with a newer version that an upgrade of everything leaves alone.
fn kept(handle: &Alpm, order: &Order) -> Result<Vec<Kept>> {
    let mut kept = Vec::new();
    if !matches!(order.task, Task::Upgrade { .. }) || !order.targets.is_empty() {
        return Ok(kept);
    }
    let mut upgrading = Vec::new();
    for database in handle.syncdbs() {
        if database.usage()?.contains(Usage::UPGRADE) {
            upgrading.push(database);
        }
    }
    let changed: HashSet<&str> =
        handle.trans_add().iter().chain(handle.trans_remove().iter()).map(|p| p.name()).collect();
    for package in handle.localdb().pkgs() {
        if changed.contains(package.name()) {
            continue;
        }
        let Some(newer) = package.sync_new_version(upgrading.iter().copied()) else { continue };
        let by_name = handle
            .ignorepkgs()
            .iter()
            .any(|pattern| omg::backends::alpm::glob::any(&[pattern.to_owned()], package.name()));
        let why = match (by_name, package.should_ignore() || newer.should_ignore()) {
            (true, _) => "held by IgnorePkg",
            (_, true) => "held by IgnoreGroup",
            _ => "left out by libalpm",
        };
        kept.push(Kept {
            name: package.name().to_owned(),
            arch: String::new(),
            installed: package.version().to_string(),
            candidate: newer.version().to_string(),
            why: why.to_owned(),
        });
    }
    Ok(kept)
}

/// Who needs what among packages: by the name that is needed.
struct Needs<'h> {
    by_name: HashMap<&'h str, Vec<(Dep<'h>, &'h str)>>,
}

impl<'h> Needs<'h> {
    fn of(packages: impl Iterator<Item = Package<'h>>) -> Needs<'h> {
        let mut by_name: HashMap<&str, Vec<(Dep<'h>, &str)>> = HashMap::new();
        for package in packages {
            for dep in package.depends().iter().chain(package.optdepends().iter()) {
                by_name.entry(dep.name()).or_default().push((dep, package.name()));
            }
        }
        Needs { by_name }
    }

    /// Whether anything but itself and `gone` needs it, if only optionally.
    fn any(&self, package: Package<'h>, gone: &BTreeSet<String>) -> bool {
        let names =
            std::iter::once(package.name()).chain(package.provides().into_iter().map(|provided| provided.name()));
        names
            .filter_map(|name| self.by_name.get(name))
            .flatten()
            .any(|(dep, user)| *user != package.name() && !gone.contains(*user) && meets(package, dep))
    }
}

/// What came as a dependency and nothing needs, not even optionally; all the way down where `deep`.
pub fn orphans(handle: &Alpm, deep: bool) -> Vec<String> {
    let needs = Needs::of(handle.localdb().pkgs().iter());
    let mut gone = BTreeSet::new();
    loop {
        let next: Vec<String> = handle
            .localdb()
            .pkgs()
            .iter()
            .filter(|package| package.reason() == PackageReason::Depend && !gone.contains(package.name()))
            .filter(|package| !needs.any(*package, &gone))
            .map(|package| package.name().to_owned())
            .collect();
        let found = !next.is_empty();
        gone.extend(next);
        if !found || !deep {
            return gone.into_iter().collect();
        }
    }
}

/// What would be an orphan after the transaction.
fn orphaned(handle: &Alpm) -> Vec<String> {
    let (adds, removes) = (handle.trans_add(), handle.trans_remove());
    let changed: HashSet<&str> = adds.iter().chain(removes.iter()).map(|package| package.name()).collect();
    let local = handle.localdb().pkgs();
    let staying = || local.iter().filter(|package| !changed.contains(package.name()));
    let needs = Needs::of(staying().chain(adds.iter()));
    let nobody = BTreeSet::new();
    let mut names: Vec<String> = staying()
        .filter(|package| package.reason() == PackageReason::Depend && !needs.any(*package, &nobody))
        .map(|package| package.name().to_owned())
        .collect();
    names.sort();
    names
}

/// An installation that also upgrades something installed, and not everything, is what Arch does not support.
fn partial(plan: &Plan) -> Option<String> {
    if matches!(plan.order.task, Task::Upgrade { .. }) && plan.order.targets.is_empty() {
        return None;
    }
    let names: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Upgrade && !matches!(step.why, Why::Asked))
        .map(|step| step.name.as_str())
        .collect();
    match names.is_empty() {
        true => None,
        false => Some(format!("upgrades {} without the rest, which Arch does not support", names.join(", "))),
    }
}
