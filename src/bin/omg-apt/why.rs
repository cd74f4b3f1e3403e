//! Why each package is part of a plan, and why others are not: by what the packages say of each other.

use omg::model::{Task, Why};
use rust_apt::cache::Cache;
use rust_apt::{BaseDep, DepType, Package, Version};
use std::collections::{HashMap, HashSet, VecDeque};

/// Why each of `changes` is one, in their order. `asked` holds what was named, by index.
pub fn reasons<'c>(cache: &'c Cache, changes: &[Package<'c>], asked: &HashSet<usize>, task: &Task) -> Vec<Why> {
    let place: HashMap<usize, usize> = changes.iter().enumerate().map(|(at, package)| (package.index(), at)).collect();
    let mut reasons: Vec<Option<Why>> = changes.iter().map(|package| start(package, asked, task)).collect();
    // From what was asked for outwards, so that a chain leads back to it.
    let mut queue: VecDeque<usize> = (0..changes.len()).filter(|at| reasons[*at].is_some()).collect();
    let mut next_loose = 0;
    loop {
        while let Some(at) = queue.pop_front() {
            let package = &changes[at];
            let found =
                if package.marked_delete() { after_removal(cache, package) } else { after_installation(package) };
            for (other, why) in found {
                let Some(&to) = place.get(&other) else { continue };
                if reasons[to].is_none() && fits(&why, &changes[to]) {
                    reasons[to] = Some(why);
                    queue.push_back(to);
                }
            }
        }
        // What no chain leads to comes along with whatever upgrade wants it.
        while next_loose < changes.len() && reasons[next_loose].is_some() {
            next_loose += 1;
        }
        if next_loose == changes.len() {
            break;
        }
        let loose = &changes[next_loose];
        reasons[next_loose] = Some(if loose.marked_delete() { obstacle(cache, loose) } else { Why::Newer });
        queue.push_back(next_loose);
    }
    reasons.into_iter().map(|why| why.expect("the loop ends when each has one")).collect()
}

/// What needs no other package to be explained.
fn start(package: &Package<'_>, asked: &HashSet<usize>, task: &Task) -> Option<Why> {
    match task {
        _ if asked.contains(&package.index()) => Some(Why::Asked),
        Task::Autoremove { .. } => Some(Why::Unneeded),
        Task::Upgrade { .. } if package.is_installed() && !package.marked_delete() => Some(Why::Newer),
        _ => None,
    }
}

/// Whether an explanation is one for what becomes of the package.
fn fits(why: &Why, package: &Package<'_>) -> bool {
    match why {
        Why::NeededBy(_) | Why::RecommendedBy(_) => !package.marked_delete(),
        Why::Needs(_) | Why::ConflictsWith(_) | Why::ReplacedBy(_) | Why::Unneeded => package.marked_delete(),
        Why::Asked | Why::Newer | Why::Unexplained => true,
    }
}

/// What an installed or upgraded package explains.
fn after_installation(package: &Package<'_>) -> Vec<(usize, Why)> {
    let Some(version) = package.install_version() else { return Vec::new() };
    let name = || package.name().to_owned();
    let mut found = Vec::new();
    for (kind, of) in [
        (DepType::PreDepends, Why::NeededBy(name())),
        (DepType::Depends, Why::NeededBy(name())),
        (DepType::Recommends, Why::RecommendedBy(name())),
        (DepType::Replaces, Why::ReplacedBy(name())),
        (DepType::Conflicts, Why::ConflictsWith(name())),
        (DepType::DpkgBreaks, Why::ConflictsWith(name())),
    ] {
        let relations = version.get_depends(&kind).into_iter().flatten();
        let of_both = version.get_depends(&DepType::Conflicts).is_some();
        for base in relations.flat_map(|relation| relation.iter()) {
            // To replace files alone removes nothing.
            if matches!(of, Why::ReplacedBy(_)) && !of_both {
                continue;
            }
            found.extend(targets(base).into_iter().map(|index| (index, of.clone())));
        }
    }
    found
}

/// Packages that a relation may mean.
fn targets(base: &BaseDep<'_>) -> Vec<usize> {
    let mut found: Vec<usize> = base.all_targets().iter().map(|version| version.parent().index()).collect();
    found.push(base.target_package().index());
    found
}

/// What a removed package explains: those that needed it, by its own name or one it provides, and those it needed.
fn after_removal<'c>(cache: &'c Cache, package: &Package<'c>) -> Vec<(usize, Why)> {
    let mut found = Vec::new();
    let Some(version) = package.installed() else { return found };
    let provided = version.provides().filter_map(|provided| cache.get(provided.name()));
    for named in provided.collect::<Vec<_>>().iter().chain([package]) {
        for kind in [DepType::PreDepends, DepType::Depends] {
            let relations = named.rdepends().get(&kind).into_iter().flatten();
            for base in relations.flat_map(|relation| relation.iter()) {
                // Backwards the target is the one that needs it.
                found.push((base.target_package().index(), Why::Needs(package.name().to_owned())));
            }
        }
    }
    for kind in [DepType::PreDepends, DepType::Depends, DepType::Recommends] {
        for base in version.get_depends(&kind).into_iter().flatten().flat_map(|relation| relation.iter()) {
            found.extend(targets(base).into_iter().map(|index| (index, Why::Unneeded)));
        }
    }
    found
}

/// Why a package goes that no other step explains: it needs something that will not be there.
fn obstacle(cache: &Cache, package: &Package<'_>) -> Why {
    let version = package.installed();
    let needs = version.iter().flat_map(|version| version.get_depends(&DepType::Depends)).flatten();
    let lost = needs.flat_map(|relation| relation.iter()).find(|base| {
        let target = base.target_package();
        target.is_installed() && cache.get(target.name()).is_some_and(|now| now.marked_delete() || now.marked_upgrade())
    });
    lost.map_or(Why::Unneeded, |base| Why::Needs(base.name().to_owned()))
}

/// Why an upgradable package cannot be upgraded, as far as its own relations tell.
pub fn kept(candidate: &Version<'_>) -> String {
    let (mut new, mut unmet) = (Vec::new(), Vec::new());
    for kind in [DepType::PreDepends, DepType::Depends] {
        for relation in candidate.get_depends(&kind).into_iter().flatten() {
            let choices: Vec<Version<'_>> = relation.iter().flat_map(|base| base.all_targets()).collect();
            let is_met = choices.iter().any(|version| {
                let will_be = version.parent().install_version();
                will_be.is_some_and(|now| now.index() == version.index())
            });
            match (is_met, choices.first()) {
                (true, _) => {}
                (false, None) => unmet.push(relation.first().name().to_owned()),
                (false, Some(version)) => new.push(format!("{} {}", version.parent().name(), version.version())),
            }
        }
    }
    for kind in [DepType::Conflicts, DepType::DpkgBreaks] {
        for base in candidate.get_depends(&kind).into_iter().flatten().flat_map(|relation| relation.iter()) {
            for version in base.all_targets() {
                let other = version.parent();
                if other.installed().is_some_and(|now| now.index() == version.index()) {
                    return format!("it would remove {}", other.name());
                }
            }
        }
    }
    match (unmet.as_slice(), new.as_slice()) {
        ([], []) => "another installed package stands in its way".to_owned(),
        ([], new) => format!("it would need {}", new.join(", ")),
        (unmet, _) => format!("it needs {}, which no repository has", unmet.join(", ")),
    }
}
