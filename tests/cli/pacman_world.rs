//! Machines made for one test: real databases of Arch and its relatives, or small ones of our own making, a configuration, an
//! empty root, and pacman itself to be asked about them. What is compared with its answers is the tests' business.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A machine of its own: databases, a configuration, and an empty root.
pub struct World {
    pub name: &'static str,
    pub folder: tempfile::TempDir,
}

/// Databases below `arch-sync` in the order of their repositories, and a tree below `arch-local`.
pub struct Pair {
    pub name: &'static str,
    sync: &'static [(&'static str, &'static str)],
    local: &'static str,
}

const LOCAL_2017: &str = "arch-v-2017-12-local.tar.zst";
const LOCAL_2026: &str = "arch-base-2026-03-local.tar.zst";

pub const PAIRS: &[Pair] = &[
    Pair {
        name: "2017",
        sync: &[("core", "arch-2017-12/core.db"), ("extra", "arch-2017-12/extra.db")],
        local: LOCAL_2017,
    },
    Pair { name: "2022 over 2017", sync: SYNC_2022, local: LOCAL_2017 },
    Pair { name: "2022 under 2026", sync: SYNC_2022, local: LOCAL_2026 },
    Pair { name: "2026", sync: SYNC_2026, local: LOCAL_2026 },
    Pair { name: "2026 over 2017", sync: SYNC_2026, local: LOCAL_2017 },
    Pair {
        name: "2025 rebuilt",
        sync: &[("core", "files-2025-09/core.db"), ("extra", "files-2025-09/extra.db")],
        local: LOCAL_2026,
    },
    Pair {
        name: "2025 with files",
        sync: &[("core", "files-2025-09/core.files"), ("extra", "files-2025-09/extra.files")],
        local: LOCAL_2017,
    },
    Pair {
        name: "msys2",
        sync: &[("ucrt64", "msys2-2024-05/ucrt64.db"), ("msys", "msys2-2024-05/msys.db")],
        local: LOCAL_2026,
    },
    Pair {
        name: "all together",
        sync: &[
            ("garuda", "arch-2026-03/garuda.db"),
            ("core", "arch-2026-03/core.db"),
            ("extra", "arch-2022-09/extra.db.tar.gz"),
            ("multilib", "arch-2026-03/multilib.db"),
            ("chaotic-aur", "arch-2026-03/chaotic-aur.db"),
            ("archcraft", "arch-2022-09/archcraft.db.tar.xz"),
            ("old-core", "arch-2017-12/core.db"),
            ("old-extra", "arch-2017-12/extra.db"),
            ("msys", "msys2-2024-05/msys.db"),
        ],
        local: LOCAL_2017,
    },
];

const SYNC_2022: &[(&str, &str)] = &[
    ("core", "arch-2022-09/core.db.tar.gz"),
    ("extra", "arch-2022-09/extra.db.tar.gz"),
    ("multilib", "arch-2022-09/multilib.db.tar.gz"),
    ("chaotic-aur", "arch-2022-09/chaotic-aur.db.tar.xz"),
    ("archcraft", "arch-2022-09/archcraft.db.tar.xz"),
];

const SYNC_2026: &[(&str, &str)] = &[
    ("core", "arch-2026-03/core.db"),
    ("multilib", "arch-2026-03/multilib.db"),
    ("chaotic-aur", "arch-2026-03/chaotic-aur.db"),
    ("garuda", "arch-2026-03/garuda.db"),
];

pub fn shared_data() -> PathBuf {
    match std::env::var_os("OMG_TEST_DATA") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    }
}

/// Whether the oracle is there; says so if it is not.
pub fn have(test: &str, what: &str, there: bool) -> bool {
    if !there {
        println!("skipped {test}: no {what}");
    }
    there
}

pub fn have_pacman(test: &str) -> bool {
    have(test, "pacman", Command::new("pacman").arg("-V").output().is_ok())
}

impl World {
    pub fn empty(name: &'static str) -> World {
        let world = World { name, folder: tempfile::tempdir().unwrap() };
        for path in [world.root(), world.db().join("sync"), world.db().join("local")] {
            fs::create_dir_all(path).unwrap();
        }
        fs::write(world.db().join("local/ALPM_DB_VERSION"), "9\n").unwrap();
        world
    }

    pub fn real(pair: &Pair) -> World {
        let world = World::empty(pair.name);
        let data = shared_data();
        for (repository, file) in pair.sync {
            let to = world.db().join(format!("sync/{repository}.db"));
            fs::copy(data.join("arch-sync").join(file), to).unwrap();
        }
        let unpacked = omg::sys::unpack::read(&data.join("arch-local").join(pair.local)).unwrap();
        tar::Archive::new(&unpacked[..]).unpack(world.folder.path().join("unpacked")).unwrap();
        fs::remove_dir_all(world.db().join("local")).unwrap();
        let from = world.folder.path().join("unpacked/var/lib/pacman/local");
        fs::rename(from, world.db().join("local")).unwrap();
        let sections: Vec<_> = pair.sync.iter().map(|(name, _)| format!("[{name}]\n{SERVER}\n")).collect();
        world.configure("", &sections.concat());
        world
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub fn db(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    pub fn conf(&self) -> PathBuf {
        self.folder.path().join("pacman.conf")
    }

    pub fn configure(&self, options: &str, sections: &str) {
        let text = format!("[options]\nArchitecture = x86_64\nSigLevel = Never\n{options}\n{sections}");
        fs::write(self.conf(), text).unwrap();
    }

    /// A repository of our own making.
    pub fn offer(&self, repository: &str, packages: &[(&str, &str, &str)]) {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, version, more) in packages {
            let text = format!(
                "%FILENAME%\n{name}-{version}-any.pkg.tar.zst\n\n%NAME%\n{name}\n\n%VERSION%\n{version}\n\n\
                 %DESC%\nthe package {name}\n\n%CSIZE%\n1\n\n%ISIZE%\n2\n\n%ARCH%\nany\n\n{more}"
            );
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, format!("{name}-{version}/desc"), text.as_bytes()).unwrap();
        }
        fs::write(self.db().join(format!("sync/{repository}.db")), archive.into_inner().unwrap()).unwrap();
    }

    pub fn install(&self, name: &str, version: &str, more: &str) {
        let folder = self.db().join(format!("local/{name}-{version}"));
        fs::create_dir_all(&folder).unwrap();
        let text = format!("%NAME%\n{name}\n\n%VERSION%\n{version}\n\n%DESC%\nhere\n\n%ARCH%\nany\n\n{more}");
        fs::write(folder.join("desc"), text).unwrap();
        fs::write(folder.join("files"), format!("%FILES%\nusr/\nusr/bin/\nusr/bin/{name}\n\n")).unwrap();
    }

    pub fn pacman(&self, args: &[&str], stdin: &str) -> String {
        self.pacman_both(args, stdin).0
    }

    /// What pacman says on standard output and on standard error.
    pub fn pacman_both(&self, args: &[&str], stdin: &str) -> (String, String) {
        let mut child = Command::new("pacman")
            .arg("--config")
            .arg(self.conf())
            .arg("--dbpath")
            .arg(self.db())
            .arg("--root")
            .arg(self.root())
            .args(["--hookdir", "/nonexistent", "--logfile", "/dev/null", "--color", "never"])
            .args(args)
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env_remove("COLUMNS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let text = stdin.to_owned();
        let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }

    /// Every package that a system upgrade would replace, with every replacer, the first first; root alone is told.
    pub fn replacements(&self) -> Option<BTreeMap<String, Vec<String>>> {
        if !have(self.name, "root, whom alone pacman asks about replacements", rustix::process::geteuid().is_root()) {
            return None;
        }
        // Asked for real and told no to everything, it names every replacement it would make and changes nothing.
        let (_, questions) = self.pacman_both(&["-Sudd"], &"n\n".repeat(1000));
        let mut replaced: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for question in questions.lines().filter_map(|line| line.strip_prefix(":: Replace ")) {
            let words: Vec<_> = question.split(' ').collect();
            let new = words[2].trim_end_matches('?').split('/').next_back().unwrap();
            // By itself is an upgrade.
            if words[0] != new {
                replaced.entry(words[0].to_owned()).or_default().push(new.to_owned());
            }
        }
        Some(replaced)
    }
}

const SERVER: &str = "Server = http://localhost/$repo/$arch";

/// A machine of our own making with one of everything.
pub fn small_world() -> World {
    let world = World::empty("small");
    world.offer(
        "first",
        &[
            ("same", "1.0-1", ""),
            ("older", "1.0-1", ""),
            ("newer", "2:1.0-1", "%DEPENDS%\nsame>=1\n\n%OPTDEPENDS%\nolder: for b: c\n\n"),
            ("new-name", "3-1", "%REPLACES%\nold-name<5\nkept-name>5\n\n"),
            ("another-name", "3-1", "%REPLACES%\nold-name\nignored-name\n\n"),
            ("grouped", "2-1", "%GROUPS%\nthe-group\n\n"),
            ("itself", "2-1", "%REPLACES%\nitself\n\n"),
            ("shared", "2-1", ""),
        ],
    );
    world.offer(
        "second",
        &[
            ("shared", "3-1", ""),
            ("second-only", "1-1", ""),
            ("late", "1-1", "%REPLACES%\nsame\nforeign\nsecond-only\n\n"),
            ("zz-late", "1-1", "%REPLACES%\nforeign\n\n"),
            ("old-name", "9-1", ""),
        ],
    );
    for (name, version, more) in [
        ("same", "1.0-1", ""),
        ("older", "1.1-1", "%REASON%\n1\n\n"),
        ("newer", "1.0-1", ""),
        ("old-name", "4-1", ""),
        ("kept-name", "4-1", ""),
        ("ignored-name", "1-1", ""),
        ("grouped", "1-1", "%GROUPS%\nthe-group\n\n"),
        ("itself", "1-1", ""),
        ("shared", "1-1", ""),
        ("foreign", "1-1", ""),
        ("second-only", "0.9-1", ""),
    ] {
        world.install(name, version, more);
    }
    world
}

pub fn folders_of(local: &Path) -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for entry in fs::read_dir(local).unwrap() {
        let Ok(bytes) = fs::read(entry.unwrap().path().join("files")) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        folders.extend(text.lines().filter_map(|line| Some(format!("/{}", line.strip_suffix('/')?))));
    }
    folders
}

pub fn assert_same(at: &str, ours: &BTreeSet<String>, theirs: &BTreeSet<String>) {
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).take(10).cloned().collect::<Vec<_>>();
    let (ours_only, theirs_only) = (only(ours, theirs), only(theirs, ours));
    assert!(
        ours_only.is_empty() && theirs_only.is_empty(),
        "{at}: only ours {ours_only:?}, only theirs {theirs_only:?}"
    );
}
