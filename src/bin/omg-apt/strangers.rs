//! Packages that change hands with a change: another maintainer, or an archive of another origin, where dpkg's database and the lists
//! tell. It may be all right, and who says yes should know it.

use rust_apt::{Package, Version};
use std::collections::BTreeSet;

/// So many are named; a release's upgrade has hundreds.
const MOST: usize = 10;

/// A sentence for each kind of change there is among packages that are marked.
pub fn warnings<'p, 'c: 'p>(changes: impl Iterator<Item = &'p Package<'c>>) -> Vec<String> {
    let (mut maintainers, mut origins) = (Vec::new(), Vec::new());
    for package in changes {
        let (Some(old), Some(new)) = (package.installed(), package.install_version()) else { continue };
        if package.marked_delete() || old == new {
            continue;
        }
        let name = package.name();
        if let (Some(before), Some(after)) = (maintainer(&old), maintainer(&new))
            && address(&before) != address(&after)
        {
            maintainers.push(format!("{name} ({after}, before {before})"));
        }
        let (before, after) = (origins_of(&old), origins_of(&new));
        if !before.is_empty() && !after.is_empty() && before.is_disjoint(&after) {
            let list = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(" and ");
            origins.push(format!("{name} ({}, before {})", list(after), list(before)));
        }
    }
    [("have another maintainer", maintainers), ("come from another origin", origins)]
        .into_iter()
        .filter(|(_, packages)| !packages.is_empty())
        .map(|(what, packages)| sentence(what, &packages))
        .collect()
}

fn sentence(what: &str, packages: &[String]) -> String {
    let named = packages[..packages.len().min(MOST)].join(", ");
    match packages.len().saturating_sub(MOST) {
        0 => format!("these {what}: {named}"),
        more => format!("these {what}: {named} and {more} more"),
    }
}

fn maintainer(version: &Version<'_>) -> Option<String> {
    version.get_record("Maintainer").filter(|maintainer| !maintainer.is_empty())
}

/// A name may be written otherwise.
fn address(maintainer: &str) -> &str {
    let inside = maintainer.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(maintainer, |(address, _)| address)
}

/// Who publishes the archives that have this version; none where only dpkg's database has it.
fn origins_of(version: &Version<'_>) -> BTreeSet<String> {
    let files = version.package_files().filter(|file| file.archive() != Some("now"));
    files.filter_map(|file| file.origin().map(str::to_owned)).filter(|origin| !origin.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_many_names() {
        assert_eq!(address("A B <a@example.org>"), address("B, A <a@example.org> "));
        assert_ne!(address("A <a@example.org>"), address("A <b@example.org>"));
        assert_eq!(address("nobody"), "nobody");
        let many: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        assert_eq!(sentence("x", &many), "these x: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
    }
}
