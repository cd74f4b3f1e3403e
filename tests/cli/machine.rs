//! This machine's own packages, compared with what apt and dpkg say of them.

use crate::support::{Place, has_apt, lines_of};
use std::collections::BTreeSet;

fn names(value: &serde_json::Value) -> Vec<String> {
    let mut names: Vec<String> =
        value.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_installed_package_has_dpkgs_version() {
    if !has_apt("every_installed_package_has_dpkgs_version") {
        return;
    }
    let place = Place::new();
    let mut ours: Vec<String> = place
        .json(&["list", "--json", "--backend", "apt"])
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", entry["name"].as_str().unwrap(), entry["version"].as_str().unwrap()))
        .collect();
    ours.sort();
    let installed = lines_of("dpkg-query", &["-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"]);
    let mut theirs: Vec<String> =
        installed.iter().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect();
    theirs.sort();
    assert_eq!(ours, theirs);
}

#[test]
fn explicit_packages_are_those_apt_mark_shows() {
    if !has_apt("explicit_packages_are_those_apt_mark_shows") {
        return;
    }
    let place = Place::new();
    assert_eq!(names(&place.json(&["explicit", "--json", "--backend", "apt"])), lines_of("apt-mark", &["showmanual"]));
}

#[test]
fn upgradable_packages_are_those_apt_lists() {
    if !has_apt("upgradable_packages_are_those_apt_lists") {
        return;
    }
    let place = Place::new();
    let output = place.omg(&["outdated", "--json", "--backend", "apt"]);
    let ours: Vec<String> = serde_json::from_slice::<serde_json::Value>(&output.stdout)
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", entry["name"].as_str().unwrap(), entry["version"].as_str().unwrap()))
        .collect();
    let theirs: BTreeSet<String> = lines_of("apt", &["list", "--upgradable"])
        .iter()
        .filter(|line| line.contains('/'))
        .map(|line| {
            let (name, rest) = line.split_once('/').unwrap();
            format!("{name} {}", rest.split(' ').nth(1).unwrap())
        })
        .collect();
    assert_eq!(ours.into_iter().collect::<BTreeSet<_>>(), theirs);
}

#[test]
fn names_searched_are_those_apt_cache_finds() {
    if !has_apt("names_searched_are_those_apt_cache_finds") {
        return;
    }
    let place = Place::new();
    // apt-cache matches each name on its own as an expression; these have none of its special characters.
    for term in ["zilla", "firefox", "libssl", "editor", "g", "lib-", "zzzqqq"] {
        let output = place.omg(&["search", "--json", "--all", "--names", "--backend", "apt", term]);
        let ours = names(&serde_json::from_slice(&output.stdout).unwrap());
        // apt-cache finds provided names as well: packages that exist only there are no packages of omg's.
        let theirs = lines_of("apt-cache", &["search", "--names-only", term]);
        let mut theirs: Vec<String> = theirs.iter().map(|line| line.split(" - ").next().unwrap().to_owned()).collect();
        theirs.sort();
        theirs.dedup();
        let missing: Vec<_> = theirs.iter().filter(|name| name.contains(term) && !ours.contains(name)).collect();
        assert!(missing.is_empty(), "{term}: {missing:?}");
        let wrong: Vec<_> = ours.iter().filter(|name| !name.to_lowercase().contains(term)).collect();
        assert!(wrong.is_empty(), "{term}: {wrong:?}");
        assert_eq!(output.status.code(), Some(i32::from(ours.is_empty())), "{term}");
    }
}

#[test]
fn an_owner_is_found_across_a_merged_usr() {
    if !has_apt("an_owner_is_found_across_a_merged_usr") {
        return;
    }
    let place = Place::new();
    for path in ["/bin/ls", "/usr/bin/ls", "/bin/../bin/ls"] {
        let owners = place.json(&["owner", "--json", path]);
        assert_eq!(owners[0]["package"], "coreutils", "{path}");
    }
    assert_eq!(place.omg(&["owner", "/nowhere/at/all"]).status.code(), Some(1));
}

#[test]
fn a_misspelt_name_gets_the_nearest_and_exit_code_1() {
    if !has_apt("a_misspelt_name_gets_the_nearest_and_exit_code_1") {
        return;
    }
    let place = Place::new();
    let output = place.omg(&["search", "coreutlis"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("coreutils"));
    assert!(output.stdout.is_empty());
}

#[test]
fn an_index_with_any_block_damaged_answers_right_or_says_so() {
    if !has_apt("an_index_with_any_block_damaged_answers_right_or_says_so") {
        return;
    }
    let place = Place::new();
    let right = place.stdout(&["info", "bash", "coreutils"]);
    let whole: Vec<_> = std::fs::read_dir(place.index())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("lock") && !path.ends_with("status.txt"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    assert_eq!(whole.len(), 3);
    for (path, bytes) in &whole {
        let blocks = bytes.len() / 4096;
        // The first blocks and a spread of the rest. A query that meets the damage builds the index again: put the whole one back.
        for block in (0..blocks.min(2)).chain((2..blocks).step_by((blocks / 6).max(1))) {
            whole.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
            let mut damaged = bytes.clone();
            damaged[block * 4096 + (block * 977) % 4096] ^= 0x10;
            std::fs::write(path, damaged).unwrap();
            let output = place.omg(&["info", "bash", "coreutils"]);
            assert!(output.status.success(), "{path:?} block {block}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(String::from_utf8_lossy(&output.stdout), right, "{path:?} block {block}");
        }
    }
}

#[test]
fn an_installed_packages_long_description_is_shown_without_translations() {
    if !has_apt("an_installed_packages_long_description_is_shown_without_translations") {
        return;
    }
    let theirs = lines_of("dpkg-query", &["-W", "-f", "${Description}\n", "bash"]);
    let ours = Place::new().stdout(&["info", "bash"]);
    assert!(theirs.len() > 3);
    for line in theirs.iter().map(|line| line.trim()).filter(|line| *line != ".") {
        assert!(ours.contains(line), "{line:?} is not in {ours}");
    }
}
