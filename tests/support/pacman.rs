//! Packages and a signed repository of our own making, and roots that libalpm and pacman change.
//!
//! Where pacman, gpg, root or the engine is missing, the test says so and passes.

#![allow(dead_code, reason = "each test takes what it needs")]

use omg::backends::Backend;
use omg::backends::alpm::Alpm;
use omg::backends::engine::{Ask, EngineCommand, EngineError, Progress, Reply, Request};
use omg::model::{Order, Plan, Resolution};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// A package to be made: `more` are lines of `.PKGINFO`.
#[derive(Clone, Copy)]
pub struct Made {
    pub name: &'static str,
    pub version: &'static str,
    pub more: &'static [&'static str],
    pub files: &'static [(&'static str, &'static str)],
    pub script: &'static str,
}

pub const fn made(name: &'static str, version: &'static str, more: &'static [&'static str]) -> Made {
    Made { name, version, more, files: &[], script: "" }
}

impl Made {
    pub const fn with(self, files: &'static [(&'static str, &'static str)]) -> Made {
        Made { files, ..self }
    }

    pub const fn running(self, script: &'static str) -> Made {
        Made { script, ..self }
    }

    pub fn file(&self) -> String {
        format!("{}-{}-any.pkg.tar.zst", self.name, self.version)
    }

    /// The archive: what pacman is to find in it and a file that names the version.
    pub fn archive(&self) -> Vec<u8> {
        let mut info = format!(
            "pkgname = {}\npkgbase = {0}\npkgver = {}\npkgdesc = the package {0}\nurl = https://example.org/\n\
             builddate = 1700000000\npackager = Nobody <n@example.org>\nsize = 4096\narch = any\nlicense = GPL\n",
            self.name, self.version
        );
        self.more.iter().for_each(|line| info.push_str(&format!("{line}\n")));
        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |path: &str, text: Option<&str>| {
            let mut header = tar::Header::new_ustar();
            header.set_mode(if text.is_some() { 0o644 } else { 0o755 });
            header.set_mtime(1_700_000_000);
            header.set_entry_type(if text.is_some() { tar::EntryType::Regular } else { tar::EntryType::Directory });
            header.set_size(text.map_or(0, |text| text.len() as u64));
            archive.append_data(&mut header, path, text.unwrap_or_default().as_bytes()).unwrap();
        };
        add(".PKGINFO", Some(&info));
        if !self.script.is_empty() {
            add(".INSTALL", Some(self.script));
        }
        let own = format!("usr/share/{}", self.name);
        let mut files: BTreeMap<String, Option<String>> = BTreeMap::new();
        files.insert(own, Some(self.version.to_owned()));
        files.extend(self.files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned()))));
        let folders: Vec<String> = files
            .keys()
            .flat_map(|path| Path::new(path).ancestors().skip(1).map(|folder| folder.display().to_string()))
            .filter(|folder| !folder.is_empty())
            .collect();
        folders.into_iter().for_each(|folder| _ = files.insert(folder, None));
        files.iter().for_each(|(path, text)| add(path, text.as_deref()));
        zstd::stream::encode_all(&archive.into_inner().unwrap()[..], 3).unwrap()
    }

    /// Its entry in a repository's database.
    pub fn entry(&self, size: u64, sha256: &str, signature: &str) -> String {
        let mut text = format!(
            "%FILENAME%\n{}\n\n%NAME%\n{}\n\n%BASE%\n{1}\n\n%VERSION%\n{}\n\n%DESC%\nthe package {1}\n\n%CSIZE%\n{size}\n\n\
             %ISIZE%\n4096\n\n%SHA256SUM%\n{sha256}\n\n%ARCH%\nany\n\n%PACKAGER%\nNobody <n@example.org>\n\n%BUILDDATE%\n1700000000\n\n",
            self.file(),
            self.name,
            self.version
        );
        if !signature.is_empty() {
            text.push_str(&format!("%PGPSIG%\n{signature}\n\n"));
        }
        let keys = [
            ("depend", "DEPENDS"),
            ("optdepend", "OPTDEPENDS"),
            ("provides", "PROVIDES"),
            ("conflict", "CONFLICTS"),
            ("replaces", "REPLACES"),
            ("group", "GROUPS"),
        ];
        for (key, field) in keys {
            let prefix = format!("{key} = ");
            let values: Vec<_> = self.more.iter().filter_map(|line| line.strip_prefix(&prefix)).collect();
            if !values.is_empty() {
                text.push_str(&format!("%{field}%\n{}\n\n", values.join("\n")));
            }
        }
        text
    }
}

pub fn output(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Of a past in which an expired key was good.
const THEN: [&str; 4] = ["--faked-system-time", "20200101T000000", "--passphrase", ""];

/// A repository with a key of its own, and who trusts it.
pub struct World {
    pub folder: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        for home in ["signer", "stranger", "gnupg"] {
            let _ = Command::new("gpgconf").arg("--homedir").arg(self.at(home)).args(["--kill", "all"]).output();
        }
    }
}

impl World {
    pub fn new(test: &str) -> Option<World> {
        let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
        for (what, there) in [
            ("pacman", there("pacman")),
            ("gpg", there("gpg") && there("gpgconf")),
            ("root", rustix::process::geteuid().is_root()),
            ("engine", engine().is_some()),
        ] {
            if !there {
                println!("skipped {test}: no {what}");
                return None;
            }
        }
        let world = World { folder: tempfile::tempdir().unwrap() };
        for folder in ["signer", "stranger", "gnupg", "repo"] {
            fs::create_dir(world.at(folder)).unwrap();
            let private = fs::Permissions::from_mode(if folder == "repo" { 0o755 } else { 0o700 });
            fs::set_permissions(world.at(folder), private).unwrap();
        }
        fs::set_permissions(world.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // As `pacman-key --init` leaves it: without this file the library does not even say whose key is missing.
        fs::write(world.at("gnupg/pubring.gpg"), "").unwrap();
        // No key is ever looked for elsewhere.
        fs::write(world.at("gnupg/gpg.conf"), "no-auto-key-locate\nno-auto-key-retrieve\n").unwrap();
        fs::write(world.at("gnupg/dirmngr.conf"), "disable-http\ndisable-ldap\n").unwrap();
        for home in ["signer", "stranger"] {
            let who = format!("{home} <{home}@example.org>");
            let mut gpg = world.gpg(home);
            output(gpg.args(["--passphrase", "", "--quick-generate-key", &who, "ed25519", "sign", "never"]));
        }
        let public = world.gpg("signer").args(["--export"]).output().unwrap().stdout;
        fs::write(world.at("public"), public).unwrap();
        output(world.gpg("gnupg").arg("--import").arg(world.at("public")));
        let listing = output(world.gpg("signer").args(["--with-colons", "--list-keys"]));
        let print = listing.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
        fs::write(world.at("trust"), format!("{print}:6:\n")).unwrap();
        output(world.gpg("gnupg").arg("--import-ownertrust").arg(world.at("trust")));
        Some(world)
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn gpg(&self, home: &str) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(self.at(home)).args(["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback"]);
        gpg
    }

    pub fn sign(&self, home: &str, file: &Path) {
        output(self.gpg(home).arg("--detach-sign").arg(file));
    }

    /// Makes these the packages of the repository, archives and database signed.
    pub fn publish(&self, packages: &[Made]) {
        self.publish_signed_by("signer", packages);
    }

    pub fn publish_signed_by(&self, home: &str, packages: &[Made]) {
        for package in packages {
            let path = self.at("repo").join(package.file());
            fs::write(&path, package.archive()).unwrap();
            self.sign(home, &path);
        }
        self.publish_entries(packages);
    }

    /// Makes the database of archives and signatures that are there.
    pub fn publish_entries(&self, packages: &[Made]) {
        let mut archive = tar::Builder::new(Vec::new());
        for package in packages {
            let path = self.at("repo").join(package.file());
            let size = fs::metadata(&path).unwrap().len();
            let sha256 = output(Command::new("sha256sum").arg(&path));
            let signature = match path.with_extension("zst.sig") {
                there if there.exists() => output(Command::new("base64").arg("-w0").arg(there)),
                _ => String::new(),
            };
            let text = package.entry(size, sha256.split(' ').next().unwrap(), &signature);
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            let name = format!("{}-{}/desc", package.name, package.version);
            archive.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let path = self.at("repo/test.db");
        fs::write(&path, archive.into_inner().unwrap()).unwrap();
        self.sign("signer", &path);
    }

    /// Of the one key in that ring.
    pub fn fingerprint(&self, ring: &str) -> String {
        let listing = output(self.gpg(ring).args(["--with-colons", "--list-keys"]));
        let line = listing.lines().find_map(|line| line.strip_prefix("fpr:"));
        line.unwrap().trim_matches(':').to_owned()
    }

    /// A trusted key that was good until 2020; packages are signed with it then.
    pub fn add_expired_key(&self) {
        let mut gpg = self.gpg("stranger");
        output(gpg.args(THEN).args(["--quick-generate-key", "late <late@example.org>", "ed25519", "sign", "30d"]));
        let public = self.gpg("stranger").args(["--export", "late@example.org"]).output().unwrap().stdout;
        fs::write(self.at("late"), public).unwrap();
        output(self.gpg("gnupg").arg("--import").arg(self.at("late")));
        let listing = output(self.gpg("stranger").args(["--with-colons", "--list-keys", "late@example.org"]));
        let print = listing.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
        fs::write(self.at("trust"), format!("{print}:6:\n")).unwrap();
        output(self.gpg("gnupg").arg("--import-ownertrust").arg(self.at("trust")));
    }

    pub fn sign_with_expired_key(&self, file: &Path) {
        let mut gpg = self.gpg("stranger");
        output(gpg.args(THEN).args(["--local-user", "late@example.org", "--detach-sign"]).arg(file));
    }

    pub fn root(&self, name: &'static str, options: &str) -> Root<'_> {
        let root = Root { world: self, name };
        for folder in ["var/lib/pacman", "var/log", "cache", "hooks", "etc"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root.configure(options);
        root
    }
}

pub struct Root<'w> {
    pub world: &'w World,
    pub name: &'static str,
}

pub fn engine() -> Option<EngineCommand> {
    let built = option_env!("CARGO_BIN_EXE_omg-alpm").map(PathBuf::from).filter(|path| path.is_file());
    built.map(EngineCommand::at).or_else(|| EngineCommand::find("omg-alpm").ok())
}

impl Root<'_> {
    pub fn path(&self) -> PathBuf {
        self.world.at(self.name)
    }

    pub fn conf(&self) -> PathBuf {
        self.world.at(&format!("{}.conf", self.name))
    }

    pub fn configure(&self, options: &str) {
        let (root, gnupg, repo) = (self.path(), self.world.at("gnupg"), self.world.at("repo"));
        let (root, gnupg, repo) = (root.display(), gnupg.display(), repo.display());
        let text = format!(
            "[options]\nRootDir = {root}\nDBPath = {root}/var/lib/pacman\nCacheDir = {root}/cache\nHookDir = {root}/hooks\n\
             GPGDir = {gnupg}\nLogFile = {root}/var/log/pacman.log\nArchitecture = x86_64\nSigLevel = Required\n\
             LocalFileSigLevel = Optional\n{options}\n[test]\nServer = file://{repo}\n"
        );
        fs::write(self.conf(), text).unwrap();
    }

    pub fn pacman_with(&self, args: &[&str]) -> (bool, String) {
        let mut command = Command::new("pacman");
        command.arg("--config").arg(self.conf()).args(["--noconfirm", "--color", "never"]).args(args);
        let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output().unwrap();
        if !output.status.success() {
            println!("pacman {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub fn pacman(&self, args: &[&str]) {
        let (fine, text) = self.pacman_with(args);
        assert!(fine, "pacman {args:?}: {text}");
    }

    pub fn alpm(&self) -> Alpm {
        let engine = engine().ok_or_else(|| EngineError::CannotStart("none".to_owned()));
        Alpm::open(Path::new("/"), Some(&self.conf()), None, engine).unwrap().expect("there is pacman")
    }

    pub fn resolve(&self, order: &Order) -> Resolution {
        let (engine, request) = self.alpm().change(Ask::Resolve(order.clone()), "", None).unwrap();
        let before = self.state();
        let reply = engine.ask(&request).unwrap();
        assert_eq!(before, self.state(), "resolving changed something");
        assert!(!self.lock().exists());
        reply.resolution.expect("a resolution was asked for")
    }

    pub fn plan(&self, order: &Order) -> Plan {
        match self.resolve(order) {
            Resolution::Plan(plan) => *plan,
            other => panic!("{order:?}: {other:?}"),
        }
    }

    pub fn carry_out(&self, ask: Ask) -> (Result<Reply, EngineError>, Vec<Progress>, String) {
        let (engine, request) = self.alpm().change(ask, "omg test 100%s", None).unwrap();
        self.carry_out_by(&engine, &request)
    }

    fn carry_out_by(
        &self,
        engine: &EngineCommand,
        request: &Request,
    ) -> (Result<Reply, EngineError>, Vec<Progress>, String) {
        let mut events = Vec::new();
        let said = Arc::new(Mutex::new(String::new()));
        let heard = said.clone();
        let reply = engine.apply(request, &mut |progress| events.push(progress), move |line| {
            heard.lock().unwrap().push_str(&format!("{line}\n"));
        });
        let said = said.lock().unwrap().clone();
        assert!(!self.lock().exists(), "a lock is left over: {reply:?} {events:?} {said}");
        (reply, events, said)
    }

    pub fn apply(&self, plan: &Plan) -> Vec<Progress> {
        let (reply, events, said) = self.carry_out(Ask::Apply(Box::new(plan.clone())));
        reply.unwrap_or_else(|error| panic!("{error}\n{said}\n{plan:#?}"));
        events
    }

    /// Applies a plan that must be refused with nothing changed; returns why it was.
    pub fn refused(&self, plan: &Plan) -> String {
        let before = self.state();
        let (reply, events, _) = self.carry_out(Ask::Apply(Box::new(plan.clone())));
        assert_eq!(before, self.state(), "a refusal changed something");
        assert!(!events.contains(&Progress::Changing));
        match reply {
            Err(EngineError::Failed(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// Has one engine put a plan together and carry it out, under one lock.
    pub fn omg(&self, order: &Order) -> Plan {
        let command = "omg test 100%s";
        let alpm = self.alpm();
        let (engine, request) = alpm.change(Ask::Prepare(order.clone()), command, None).unwrap();
        let Resolution::Plan(plan) = engine.prepare(&request).unwrap() else { panic!("{order:?}: no plan") };
        assert!(engine.is_prepared() && self.lock().exists());
        let (same, request) = alpm.change(Ask::Apply(plan.clone()), command, None).unwrap();
        assert!(same.is_prepared());
        let (reply, _, said) = self.carry_out_by(&same, &request);
        reply.unwrap_or_else(|error| panic!("{error}\n{said}\n{plan:#?}"));
        *plan
    }

    /// omg itself, all of it, in this root and with a home of its own.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        command.args(words.split(' ')).args(["--backend", "pacman", "--config"]).arg(self.conf()).env_clear();
        let home = self.home();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", &home).env("LC_ALL", "C");
        // An engine for another pacman than the machine's finds its library only so, and `pacman` is that one.
        if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", libraries).envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        }
        command.env("OMG_STATE_DIR", home.join("state")).env("OMG_INDEX_DIR", home.join("index"));
        command.stdin(Stdio::null());
        command
    }

    /// Its exit code and all it said.
    pub fn run(&self, words: &str) -> (Option<i32>, String) {
        let output = self.command(words).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code(), text)
    }

    pub fn done(&self, words: &str) -> String {
        let (code, text) = self.run(words);
        assert_eq!(code, Some(0), "{words}: {text}");
        text
    }

    pub fn home(&self) -> PathBuf {
        let home = self.world.at(&format!("{}.home", self.name));
        fs::create_dir_all(&home).unwrap();
        home
    }

    /// The audit log's lines.
    pub fn audit(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home().join("state/audit.jsonl")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// A shell in it, for scriptlets and hooks: libalpm changes its root before it runs them.
    pub fn add_shell(&self) {
        let libraries = output(Command::new("ldd").arg("/bin/sh"));
        let words = libraries.split_whitespace().filter(|word| word.starts_with('/'));
        for path in words.chain(["/bin/sh"]) {
            let to = self.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(path, to).unwrap();
        }
    }

    pub fn hook(&self, name: &str, when: &str, exec: &str) {
        let text = format!(
            "[Trigger]\nOperation = Install\nOperation = Remove\nType = Package\nTarget = *\n\n\
             [Action]\nDescription = the hook {name}\nWhen = {when}\nExec = {exec}\n"
        );
        fs::write(self.path().join(format!("hooks/{name}.hook")), text).unwrap();
    }

    pub fn lock(&self) -> PathBuf {
        self.path().join("var/lib/pacman/db.lck")
    }

    /// Everything but caches, logs and sync databases; of the local database all but the time of installation.
    pub fn state(&self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        let mut open = vec![self.path()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.path()).unwrap().display().to_string();
                if ["cache", "var/log", "var/lib/pacman/sync", "lib", "lib64", "usr/lib", "bin", "hooks"]
                    .contains(&name.as_str())
                {
                    continue;
                }
                let metadata = fs::symlink_metadata(&path).unwrap();
                let mut value = format!("{:o} ", metadata.permissions().mode());
                if metadata.is_dir() {
                    open.push(path);
                } else {
                    let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                    let mut blocks: Vec<&str> = text.split("\n\n").collect();
                    if name.ends_with("/desc") {
                        blocks.retain(|block| !block.starts_with("%INSTALLDATE%"));
                    }
                    value.push_str(&blocks.join("\n\n"));
                }
                state.insert(name, value);
            }
        }
        state
    }

    pub fn installed(&self) -> Vec<String> {
        let (_, text) = self.pacman_with(&["-Q"]);
        text.lines().map(str::to_owned).collect()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("var/log/pacman.log")).unwrap_or_default()
    }
}

pub fn same(ours: &Root<'_>, theirs: &Root<'_>) {
    let (ours, theirs) = (ours.state(), theirs.state());
    for (name, value) in &theirs {
        assert_eq!(ours.get(name), Some(value), "{name}");
    }
    let more: Vec<_> = ours.keys().filter(|name| !theirs.contains_key(*name)).collect();
    assert!(more.is_empty(), "only with omg: {more:?}");
}

/// Two roots with the repository's databases and these packages.
pub fn twins<'w>(world: &'w World, options: &str, packages: &[&str]) -> (Root<'w>, Root<'w>) {
    let pair = (world.root("ours", options), world.root("theirs", options));
    for root in [&pair.0, &pair.1] {
        root.pacman(&["-Sy"]);
        if !packages.is_empty() {
            root.pacman(&[&["-S"], packages].concat());
        }
    }
    same(&pair.0, &pair.1);
    pair
}

pub fn resync(pair: &(Root<'_>, Root<'_>)) {
    pair.1.pacman(&["-Syy"]);
    let (reply, events, said) = pair.0.carry_out(Ask::Sync { force: true });
    reply.unwrap_or_else(|error| panic!("{error} {said}"));
    assert!(events.iter().any(|e| matches!(e, Progress::Fetching { what, .. } if what == "test.db")), "{events:?}");
    let database = |root: &Root<'_>| fs::read(root.path().join("var/lib/pacman/sync/test.db")).unwrap();
    assert_eq!(database(&pair.0), database(&pair.1));
}

pub const APP: Made = made("app", "1.0-1", &["depend = lib>=1", "optdepend = extra: for more"]);
pub const LIB: Made = made("lib", "1.0-1", &[]);
