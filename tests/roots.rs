//! The static file in other systems' roots: other versions of glibc, musl, and no C library at all.
//!
//! A static program can still need its own glibc at run time (name resolution and locales load plugins), so "it is static"
//! proves nothing: the file that `./setup build` made is copied into each root and run there. Needs root for chroot; Debian's
//! roots need debootstrap and the network once, and are kept in `target/test-roots`. What is missing is skipped by name.
//!
//! To try one more command in every root, add it to `ANYWHERE`; to try another root, add a test.

// What is skipped is said on standard output, where ./setup counts it.
#![allow(clippy::print_stdout)]

#[path = "support/debian.rs"]
mod debian;

use debian::{debian_root, roots, target};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Commands that must do in every root, whatever is in it, exactly what they do here.
const ANYWHERE: &[&[&str]] = &[&["--version"], &["--help"]];

#[test]
fn glibc_of_debian_11() {
    in_debian("glibc_of_debian_11", "bullseye", Some("2.31"));
}

#[test]
fn glibc_of_debian_12() {
    in_debian("glibc_of_debian_12", "bookworm", Some("2.36"));
}

#[test]
fn glibc_of_debian_13() {
    in_debian("glibc_of_debian_13", "trixie", Some("2.41"));
}

#[test]
fn glibc_of_debian_unstable() {
    in_debian("glibc_of_debian_unstable", "sid", None);
}

#[test]
fn musl() {
    let _ = run_or_skip("musl", || {
        let library = Path::new("/lib/x86_64-linux-musl/libc.so");
        if !library.exists() {
            return Err("no musl (Debian: musl)".to_owned());
        }
        let root = bare_root("musl")?;
        fs::create_dir_all(root.join("lib")).unwrap();
        fs::copy(library, root.join("lib/ld-musl-x86_64.so.1")).unwrap();
        // That it is a working musl, and not a file of that name: its loader runs.
        let loader = Command::new("chroot").arg(&root).arg("/lib/ld-musl-x86_64.so.1").output().unwrap();
        assert!(String::from_utf8_lossy(&loader.stderr).contains("musl libc"), "{loader:?}");
        Ok(root)
    });
}

#[test]
fn no_c_library_at_all() {
    let _ = run_or_skip("no_c_library_at_all", || bare_root("empty"));
}

/// `glibc` is the version that release has for good; unstable has whatever it has.
fn in_debian(test: &str, suite: &str, glibc: Option<&str>) {
    let ready = run_or_skip(test, || {
        let root = debian_root(suite)?;
        if let Some(glibc) = glibc {
            assert_eq!(glibc_version(&root), glibc, "{suite}");
        }
        Ok(root)
    });
    if let Some(root) = ready {
        knows_what_dpkg_knows(&root);
    }
}

/// The main job in a system of another age: its packages indexed, listed and found, against its own dpkg.
fn knows_what_dpkg_knows(root: &Path) {
    let refreshed = in_root(root, &["refresh", "--force"]);
    assert!(refreshed.status.success(), "{}", String::from_utf8_lossy(&refreshed.stderr));

    let format = "${db:Status-Status}\t${Package}\t${Version}\n";
    let theirs = run(Command::new("chroot").arg(root).args(["dpkg-query", "-W", "-f", format]));
    let theirs = String::from_utf8(theirs.stdout).unwrap();
    let mut expected: Vec<(String, String)> = theirs
        .lines()
        .filter_map(|line| line.strip_prefix("installed\t")?.split_once('\t'))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect();
    expected.sort();
    assert!(expected.len() > 50, "{theirs}");
    assert_eq!(names_and_versions(&in_root(root, &["list", "--json"])), expected);

    let found = names_and_versions(&in_root(root, &["search", "--names", "--all", "--json", "libc6"]));
    let version = &expected.iter().find(|(name, _)| name == "libc6").expect("Debian without a C library").1;
    assert!(found.contains(&("libc6".to_owned(), version.clone())), "{found:?}");
}

/// `name` and `version` of every object in the array that a command printed, sorted.
fn names_and_versions(output: &Output) -> Vec<(String, String)> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("an array");
    let field = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or("missing").to_owned();
    let mut pairs: Vec<_> = rows.iter().map(|row| (field(row, "name"), field(row, "version"))).collect();
    pairs.sort();
    pairs
}

/// Makes the root with `make`, tries every command there and returns it; what cannot be made is skipped by name.
fn run_or_skip(test: &str, make: impl FnOnce() -> Result<PathBuf, String>) -> Option<PathBuf> {
    let ready = may_chroot().and_then(|()| static_omg()).and_then(|omg| Ok((make()?, omg)));
    let (root, omg) = match ready {
        Ok(ready) => ready,
        Err(why) => {
            println!("skipped {test}: {why}");
            return None;
        }
    };
    // Not a hard link: the root may be on another file system, and a test must not be able to change the original. By another
    // process: a file that this one writes is open, too, in a child that another test starts meanwhile, and what is open for
    // writing cannot be run.
    let inside = root.join("omg");
    assert!(Command::new("cp").args([&omg, &inside]).status().unwrap().success());
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o755)).unwrap();
    for arguments in ANYWHERE {
        let there = in_root(&root, arguments);
        let here = run(Command::new(&omg).args(*arguments));
        assert!(!here.stdout.is_empty(), "{arguments:?} says nothing");
        assert_eq!(there.status, here.status, "{arguments:?}: {}", String::from_utf8_lossy(&there.stderr));
        assert_eq!(String::from_utf8_lossy(&there.stdout), String::from_utf8_lossy(&here.stdout), "{arguments:?}");
    }
    Some(root)
}

/// Runs the copied file inside `root`, where nothing of this machine's environment is set.
fn in_root(root: &Path, arguments: &[&str]) -> Output {
    run(Command::new("chroot").arg(root).arg("/omg").args(arguments))
}

fn run(command: &mut Command) -> Output {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("LC_ALL", "C").output().unwrap()
}

fn may_chroot() -> Result<(), String> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err("chroot needs root".to_owned()) }
}

/// The file that `./setup build` made. `OMG_STATIC` names another; named and missing is an error and no reason to skip.
fn static_omg() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("OMG_STATIC") {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "OMG_STATIC={} is not there", named.display());
        return Ok(named);
    }
    let built = target().join("dist/omg");
    if built.is_file() { Ok(built) } else { Err("no static omg (./setup build)".to_owned()) }
}

/// A root with folders and nothing in them.
fn bare_root(name: &str) -> Result<PathBuf, String> {
    let root = roots().join(name);
    for folder in ["etc", "proc", "tmp", "var/lib"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    Ok(root)
}

/// `2.41` from a Debian root's own package database, to see that the roots are as different as their names say.
fn glibc_version(root: &Path) -> String {
    let answer = run(Command::new("chroot").arg(root).args(["dpkg-query", "-W", "-f", "${Version}", "libc6"]));
    let version = String::from_utf8(answer.stdout).unwrap();
    version.split('-').next().unwrap().to_owned()
}
