//! A Debian root with a signed repository of our own making in it, and omg with its engine.
//!
//! Needs root for chroot, debootstrap and the network once (the root is kept in `target/test-roots`), dpkg-deb, dpkg-scanpackages and
//! gpg. What is missing is skipped by name.

#![allow(dead_code, reason = "each test takes what it needs")]

use super::debian::debian_root;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a package of the repository is made of.
#[derive(Default)]
pub struct Made {
    pub name: &'static str,
    pub version: &'static str,
    pub control: &'static str,
    pub conffile: &'static str,
    pub preinst: &'static str,
    pub postinst: &'static str,
    /// This many bytes that no packer makes fewer.
    pub bulk: usize,
    /// T where it is empty.
    pub maintainer: &'static str,
    /// `NEWS.Debian`.
    pub news: &'static str,
}

/// Tells that it runs, and goes on when it is told to, where somebody made the two pipes for that.
const WAITS: &str = "#!/bin/sh\n[ -p /srv/runs ] || exit 0\necho $0 $1 >/srv/runs\nread x </srv/goes\n";

/// Two entries, of which an upgrade from 1.0 tells the first.
const NEWS: &str = "conf (1.5) stable; urgency=low\n\n  The file is read\n  at once.\n\n -- T <t@example.org>  Mon, 05 Dec 2022 21:34:57 +1100\n\n\
                    conf (1.0) stable; urgency=low\n\n  First.\n\n -- T <t@example.org>  Mon, 05 Dec 2021 21:34:57 +1100\n";

pub fn made() -> Vec<Made> {
    let package = |name, version, control| Made { name, version, control, ..Made::default() };
    vec![
        package("alpha", "1.0", "Depends: beta\nRecommends: rho\n"),
        package("alpha", "2.0", "Depends: beta (>= 2)\n"),
        package("beta", "1.0", ""),
        package("beta", "2.0", ""),
        package("rho", "1.0", ""),
        package("gamma", "1.0", "Provides: vmail\n"),
        package("delta", "1.0", "Provides: vmail\n"),
        package("epsilon", "1.0", "Conflicts: alpha\n"),
        package("needy", "1.0", "Depends: nowhere\n"),
        package("held", "1.0", ""),
        package("held", "2.0", ""),
        Made { name: "conf", version: "1.0", conffile: "one", ..Made::default() },
        Made {
            name: "conf",
            version: "2.0",
            conffile: "two",
            maintainer: "U <u@example.org>",
            news: NEWS,
            ..Made::default()
        },
        Made { name: "big", version: "1.0", bulk: 300_000, ..Made::default() },
        Made { name: "waits", version: "1.0", preinst: WAITS, postinst: WAITS, ..Made::default() },
        Made { name: "broken", version: "1.0", postinst: "#!/bin/sh\necho sorry >&2\nexit 1\n", ..Made::default() },
    ]
}

pub fn ok(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The archives, `Packages`, `Release` and its signature; and the key that is to be trusted.
pub fn make_repository(folder: &Path, key: &Path) {
    fs::create_dir_all(folder).unwrap();
    for Made { name, version, control, conffile, preinst, postinst, bulk, maintainer, news } in made() {
        let tree = tempfile::tempdir().unwrap();
        let at = |below: &str| tree.path().join(below);
        fs::create_dir_all(at("DEBIAN")).unwrap();
        fs::create_dir_all(at(&format!("usr/share/{name}"))).unwrap();
        fs::write(at(&format!("usr/share/{name}/file")), format!("{name} {version}\n")).unwrap();
        let maintainer = if maintainer.is_empty() { "T <t@example.org>" } else { maintainer };
        let head = format!("Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: {maintainer}\n");
        let text = format!("{head}{control}Installed-Size: 10\nDescription: made for a test\n");
        fs::write(at("DEBIAN/control"), text).unwrap();
        if !conffile.is_empty() {
            fs::create_dir_all(at("etc")).unwrap();
            fs::write(at(&format!("etc/{name}.conf")), conffile).unwrap();
            fs::write(at("DEBIAN/conffiles"), format!("/etc/{name}.conf\n")).unwrap();
        }
        if !news.is_empty() {
            let doc = at(&format!("usr/share/doc/{name}"));
            fs::create_dir_all(&doc).unwrap();
            fs::write(doc.join("NEWS.Debian"), news).unwrap();
        }
        if bulk > 0 {
            let mut state = 1u64;
            let mut byte = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u8
            };
            let noise: Vec<u8> = (0..bulk).map(|_| byte()).collect();
            fs::write(at(&format!("usr/share/{name}/bulk")), noise).unwrap();
        }
        for (script, text) in [("preinst", preinst), ("postinst", postinst)].into_iter().filter(|(_, t)| !t.is_empty())
        {
            let path = at(&format!("DEBIAN/{script}"));
            fs::write(&path, text).unwrap();
            ok(Command::new("chmod").arg("755").arg(path));
        }
        let archive = folder.join(format!("{name}_{version}_all.deb"));
        ok(Command::new("dpkg-deb").args(["--root-owner-group", "-Zgzip", "-b"]).arg(tree.path()).arg(archive));
    }
    let packages = ok(Command::new("dpkg-scanpackages").args(["-m", "."]).current_dir(folder));
    fs::write(folder.join("Packages"), &packages).unwrap();
    let sum = ok(Command::new("sha256sum").arg("Packages").current_dir(folder));
    let sum = sum.split_whitespace().next().unwrap();
    let date = ok(Command::new("date").args(["-uR"]).env("LC_ALL", "C")).trim().replace("+0000", "UTC");
    let release = format!(
        "Origin: T\nSuite: stable\nCodename: t\nArchitectures: amd64 all\nDate: {date}\nSHA256:\n {sum} {} Packages\n",
        packages.len()
    );
    fs::write(folder.join("Release"), release).unwrap();
    let home = tempfile::tempdir().unwrap();
    let gpg = || {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(home.path()).args(["-q", "--batch", "--yes", "--passphrase", ""]);
        gpg
    };
    ok(gpg().args(["--quick-gen-key", "T <t@example.org>", "ed25519", "default", "never"]));
    ok(gpg().args(["--clearsign", "-o"]).arg(folder.join("InRelease")).arg(folder.join("Release")));
    ok(gpg().args(["--export", "-o"]).arg(key));
}

/// A root with the repository in it, and omg with its engine.
pub struct Root {
    pub path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Root {
    /// Two that are alike; none where something is missing, which is said.
    pub fn twins(test: &str) -> Option<[Root; 2]> {
        Root::twins_of(test, "bookworm")
    }

    /// The same of another release of Debian.
    pub fn twins_of(test: &str, suite: &str) -> Option<[Root; 2]> {
        Root::twins_from(test, || debian_root(suite))
    }

    /// The same of whatever root is made.
    pub fn twins_from(test: &str, base: impl FnOnce() -> Result<PathBuf, String>) -> Option<[Root; 2]> {
        let skip = |why: String| {
            println!("skipped {test}: {why}");
            None
        };
        let engine = Path::new(env!("CARGO_BIN_EXE_omg")).with_file_name("omg-apt");
        if !rustix::process::geteuid().is_root() {
            return skip("chroot needs root".to_owned());
        }
        if !engine.is_file() {
            return skip("no omg-apt is built (--features apt)".to_owned());
        }
        for program in ["dpkg-deb", "dpkg-scanpackages", "gpg", "unshare"] {
            let path = std::env::var_os("PATH").unwrap_or_default();
            if !std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
                return skip(format!("no {program}"));
            }
        }
        let base = match base() {
            Ok(base) => base,
            Err(why) => return skip(why),
        };
        let repository = tempfile::tempdir().unwrap();
        make_repository(&repository.path().join("repo"), &repository.path().join("t.gpg"));
        Some([(); 2].map(|()| Root::new(&base, repository.path(), &engine)))
    }

    pub fn new(base: &Path, repository: &Path, engine: &Path) -> Root {
        let folder = tempfile::Builder::new().prefix("omg-root-").tempdir_in(base.parent().unwrap()).unwrap();
        let path = folder.path().join("root");
        ok(Command::new("cp").args(["-a", "--reflink=auto"]).arg(base).arg(&path));
        fs::create_dir_all(path.join("opt/omg")).unwrap();
        ok(Command::new("cp").arg(env!("CARGO_BIN_EXE_omg")).arg(engine).arg(path.join("opt/omg")));
        ok(Command::new("cp").arg("-a").arg(repository.join("repo")).arg(path.join("srv/repo")));
        fs::create_dir_all(path.join("etc/apt/keyrings")).unwrap();
        fs::copy(repository.join("t.gpg"), path.join("etc/apt/keyrings/t.gpg")).unwrap();
        let line = "deb [signed-by=/etc/apt/keyrings/t.gpg] copy:/srv/repo ./\n";
        fs::write(path.join("etc/apt/sources.list"), line).unwrap();
        let root = Root { path, _folder: folder };
        assert!(root.run(&["apt-get", "update"]).status.success());
        root
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// In a world of processes of its own, all of which are killed with the one that is started here.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc=/proc"]);
        let root = format!("--root={}", self.path.display());
        command.arg(root).args(words).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive").env("HOME", "/root").stdin(Stdio::null());
        command
    }

    /// The same below a process that outlives it and waits for all that it left, as an ordinary machine's does; for what is killed.
    pub fn command_with_survivors(&self, words: &[&str]) -> Command {
        let wait = "trap : INT HUP TERM; \"$@\"; code=$?; while set -- /proc/[0-9]* && [ $# -gt 1 ]; do /bin/true; done; exit $code";
        self.command(&[&["/bin/sh", "-c", wait, "sh"], words].concat())
    }

    pub fn omg(&self, words: &str) -> Output {
        let words: Vec<&str> = ["/opt/omg/omg"].into_iter().chain(words.split(' ')).collect();
        self.run(&words)
    }

    pub fn apt_get(&self, words: &str) -> Output {
        // Nothing is asked of apt-get either, and configuration files are kept in the same way.
        let fixed = ["apt-get", "-y", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"];
        let words: Vec<&str> = fixed.into_iter().chain(words.split(' ')).collect();
        self.run(&words)
    }

    pub fn read(&self, below: &str) -> String {
        fs::read_to_string(self.path.join(below)).unwrap_or_default()
    }

    /// dpkg's status, apt's reasons and holds, and every file of the packages: what must be alike.
    pub fn state(&self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        let mut stanzas = |file: &str| {
            for stanza in self.read(file).split("\n\n").filter(|stanza| !stanza.trim().is_empty()) {
                let name = stanza.lines().next().unwrap().to_owned();
                state.insert(format!("{file} {name}"), stanza.trim().to_owned());
            }
        };
        stanzas("var/lib/dpkg/status");
        stanzas("var/lib/apt/extended_states");
        for folder in ["etc", "usr/share", "var/lib/dpkg/info"] {
            let files = ok(Command::new("find").arg(self.path.join(folder)).args(["-type", "f"]));
            for file in files.lines().map(PathBuf::from) {
                let below = file.strip_prefix(&self.path).unwrap().display().to_string();
                let content = fs::read(&file).unwrap();
                state.insert(below, String::from_utf8_lossy(&content).into_owned());
            }
        }
        // What dpkg keeps beside its status; the times in it differ.
        state.retain(|path, _| !path.starts_with("var/lib/dpkg/info/format"));
        state
    }

    /// What the logs tell, without times and without who was called how.
    pub fn logs(&self) -> (Vec<String>, Vec<String>) {
        let told = |line: &&str| {
            !line.is_empty() && !["Start-Date", "End-Date", "Commandline"].iter().any(|key| line.starts_with(key))
        };
        let sorted = |line: &str| {
            // In which order packages of one action stand is a matter of a hash table.
            let (key, rest) = line.split_once(": ").unwrap_or((line, ""));
            let mut packages: Vec<&str> = rest.split("), ").map(|package| package.trim_end_matches(')')).collect();
            packages.sort();
            format!("{key}: {}", packages.join("; "))
        };
        let history = self.read("var/log/apt/history.log").lines().filter(told).map(sorted).collect();
        let mut dpkg: Vec<String> = (self.read("var/log/dpkg.log").lines())
            .filter(|line| line.contains(" status installed ") || line.contains(" remove ") || line.contains(" purge "))
            .map(|line| line.get(20..).unwrap_or_default().to_owned())
            .collect();
        dpkg.sort();
        (history, dpkg)
    }
}

pub fn talk(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn assert_alike(omg: &Root, apt: &Root, after: &str) {
    let (ours, theirs) = (omg.state(), apt.state());
    for key in ours.keys().chain(theirs.keys()) {
        assert_eq!(ours.get(key), theirs.get(key), "{key} after {after}");
    }
    assert_eq!(omg.logs(), apt.logs(), "after {after}");
}
