//! A machine with the databases of apt and of pacman: which of the two a name means.

use crate::pacman_root::PacmanRoot;
use serde_json::Value;
use std::fs;

/// What apt has beside the packages of [`PacmanRoot`]: one name of its own, one that is offered by both, and one that pacman has installed.
fn of_both() -> PacmanRoot {
    let root = PacmanRoot::new();
    let write = |below: &str, text: &str| {
        let path = root.path("root").join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let stanza = |name: &str, more: &str| {
        format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n{more}Filename: p\nSize: 1\nDescription: x\n\n")
    };
    let offered = [stanza("lion", ""), stanza("editor", ""), stanza("mailer", "Provides: post-office\n")];
    write("etc/apt/sources.list", "deb [trusted=yes] http://one.example/debian stable main\n");
    write("var/lib/apt/lists/one.example_debian_dists_stable_Release", "Suite: stable\nCodename: one\n");
    write("var/lib/apt/lists/one.example_debian_dists_stable_main_binary-amd64_Packages", &offered.concat());
    write("var/lib/dpkg/status", &stanza("dpkg", "Status: install ok installed\n"));
    // A group is known by its packages alone.
    let local = root.path("root/var/lib/pacman/sync/extra.db");
    let mut archive = tar::Builder::new(fs::File::create(local).unwrap());
    for name in ["pen", "lion"] {
        let desc = format!(
            "%FILENAME%\n{name}-1-1-x86_64.pkg.tar.zst\n\n%NAME%\n{name}\n\n%VERSION%\n1-1\n\n%ARCH%\nx86_64\n\n%GROUPS%\ndesk\n\n"
        );
        let mut header = tar::Header::new_gnu();
        header.set_size(desc.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{name}-1-1/desc"), desc.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    root
}

/// `--backend` was asked for, whoever had the name and even if nobody had it.
#[test]
fn the_family_that_has_a_name_is_taken_and_a_name_that_none_has_is_said_to_be_unknown() {
    let root = of_both();
    for (names, code, says, hint) in [
        ("nowhere-at-all", 1, "no package nowhere-at-all is offered or installed", "omg search nowhere-at-all"),
        ("lyon", 1, "no package lyon is offered or installed", "did you mean lion?"),
        ("lion", 2, "both package families of this machine have lion", "--backend apt, or --backend pacman"),
        ("mailer pen", 2, "pen is no package of apt, as those before it are", "once for each"),
        ("pen mailer", 2, "mailer is no package of pacman, as those before it are", "once for each"),
        // It is pacman's, where one is asked which of a group.
        ("desk", 2, "desk is no package of its own: lion, pen stand for it", "omg install lion"),
    ] {
        let output = root.omg(&[&["install", "--dry-run"], &names.split(' ').collect::<Vec<_>>()[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{names}: {said}");
        assert!(said.contains(says) && said.contains(hint), "{names}: {said}");
    }
    // By its own name, by a provided one, and by what is installed.
    for (names, family) in
        [("mailer", "apt"), ("post-office", "apt"), ("pen", "pacman"), ("editor", "pacman"), ("pen lion", "pacman")]
    {
        let output =
            root.omg(&[&["install", "--dry-run", "--json"], &names.split(' ').collect::<Vec<_>>()[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("--backend") && !said.contains("no package"), "{names}: {said}");
        let plan = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        // A root of a few files is too little for apt's library.
        let engine = if family == "apt" { "omg-apt" } else { "omg-alpm" };
        assert!(plan["source"] == family || said.contains(engine), "{names}: {plan} {said}");
    }
}
