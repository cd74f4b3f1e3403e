//! Roots of real Debian releases, made once by debootstrap and kept in `target/test-roots`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The smallest Debian of that release, made once.
pub fn debian_root(suite: &str) -> Result<PathBuf, String> {
    debian_root_with(suite, suite, &[])
}

/// The same with these packages, under a name of its own.
pub fn debian_root_with(suite: &str, name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let root = roots().join(name);
    // Several tests want it at once, and one makes it.
    let lock = fs::File::create(roots().join(format!("{name}.lock"))).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    if root.is_dir() {
        return Ok(root);
    }
    // A run that was cut short leaves only the unfinished folder, which the next one replaces.
    let unfinished = roots().join(format!("{name}.unfinished"));
    let _ = fs::remove_dir_all(&unfinished);
    let made = Command::new("debootstrap")
        .arg("--variant=minbase")
        .args(Some(format!("--include={}", packages.join(","))).filter(|_| !packages.is_empty()))
        .arg(suite)
        .arg(&unfinished)
        .output()
        .map_err(|error| format!("cannot run debootstrap: {error}"))?;
    if !made.status.success() {
        let talk = String::from_utf8_lossy(&made.stdout);
        return Err(format!("debootstrap {name} failed: {}", talk.lines().last().unwrap_or("no word")));
    }
    fs::rename(&unfinished, &root).map_err(|error| format!("cannot rename {}: {error}", unfinished.display()))?;
    Ok(root)
}

/// The target folder of this very test: its executable is `TARGET/debug/deps/TEST-HASH`.
pub fn target() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(3).unwrap().to_owned()
}

pub fn roots() -> PathBuf {
    let folder = target().join("test-roots");
    fs::create_dir_all(&folder).unwrap();
    folder
}
