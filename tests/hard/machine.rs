//! A machine of both families, made by the test: every kind of file a refresh reads, in every packing, with a few hundred
//! packages. It can be put into one of two states that differ in every answer.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The states differ in every version and every description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    A,
    B,
}

impl State {
    fn mark(self) -> &'static str {
        match self {
            State::A => "a",
            State::B => "b",
        }
    }
}

/// An apt archive for each packing: its name, which is part of its packages' names, and the ending of its list.
pub const ARCHIVES: &[(&str, &str)] =
    &[("plain", ""), ("lz4", ".lz4"), ("gzip", ".gz"), ("xz", ".xz"), ("zstd", ".zst")];
/// The same for pacman's repositories; their names lie about nothing, but nothing depends on that.
pub const REPOSITORIES: &[&str] = &["core", "extra", "multilib"];

const PER_ARCHIVE: usize = 24;
const PER_REPOSITORY: usize = 24;
const INSTALLED: usize = 16;

/// What a person may ask, so chosen that an answer of one state never is an answer of the other. `prompt` is apart: it says
/// nothing rather than an error.
pub const QUERIES: &[&[&str]] = &[
    &["search", "--all", "--json", "common"],
    &["search", "--names", "--json", "--all", "gzip-1"],
    &["search", "--regex", "--json", "--all", "^(core|xz)-1[0-3]$"],
    &["search", "common-word", "--json", "--all"],
    &["info", "--json", "gzip-1", "core-3", "extra-2", "aur-1"],
    &["list", "--json"],
    &["outdated", "--json"],
    &["list", "--orphans", "--json"],
    &["owner", "--json", "/usr/share/gzip-1/file", "/usr/lib/core-2/file", "/usr/share"],
    &["deps", "--json", "plain-5"],
    &["deps", "--reverse", "--json", "plain-4"],
    &["why", "--json", "plain-3"],
    &["size", "--json"],
    &["status", "--json"],
    &["list", "--count"],
    &["complete", "--names", "xz-1"],
    &["complete", "--installed", "core-"],
];

pub struct Machine {
    pub folder: tempfile::TempDir,
    index: PathBuf,
    states: AtomicUsize,
}

impl Machine {
    /// In state A.
    pub fn new() -> Machine {
        // In memory where that is possible: hundreds of refreshes, each of which syncs five times.
        let memory = Path::new("/dev/shm");
        let folder = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap();
        // For tests that read as somebody else.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let index = folder.path().join("index");
        let machine = Machine { folder, index, states: AtomicUsize::new(0) };
        machine.write_configuration();
        machine.enter(State::A);
        machine
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub fn index(&self) -> PathBuf {
        self.index.clone()
    }

    /// From now on the index lies here.
    pub fn put_index(&mut self, folder: PathBuf) {
        self.index = folder;
    }

    /// Puts all sources into a state at once: new files in a new folder, and one rename that puts it in place.
    pub fn enter(&self, state: State) {
        let number = self.states.fetch_add(1, Ordering::Relaxed) + 1;
        let folder = |number: usize| self.folder.path().join(format!("state-{number}"));
        write_apt(&folder(number), state);
        write_pacman(&folder(number), state);
        let link = self.root().join("var.new");
        symlink(folder(number), &link).unwrap();
        fs::rename(&link, self.root().join("var")).unwrap();
        // Nobody reads the one before the last any more.
        if number > 2 {
            fs::remove_dir_all(folder(number - 2)).unwrap();
        }
    }

    /// Puts only dpkg's status file into a state.
    pub fn enter_installed(&self, state: State) {
        let other = self.folder.path().join("other");
        write_apt(&other, state);
        fs::rename(other.join("lib/dpkg/status"), self.source("lib/dpkg/status")).unwrap();
        fs::remove_dir_all(other).unwrap();
    }

    /// A source file below `var`.
    pub fn source(&self, path: &str) -> PathBuf {
        self.root().join("var").join(path)
    }

    /// omg with this machine's folders and nothing else of the environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        self.settle(&mut command);
        command.args(arguments);
        command
    }

    /// The environment of [`Machine::command`] for another program that runs omg.
    pub fn settle(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path().join("home"))
            .env("OMG_ROOT", self.root())
            .env("OMG_AUR_FILE", self.root().join("var/aur.json.gz"))
            .env("OMG_INDEX_DIR", self.index())
            .current_dir("/");
    }

    /// The program where anybody may run it, for tests that run it as somebody else.
    pub fn copy_for_everybody(&self) -> PathBuf {
        let copy = self.folder.path().join("omg");
        // By another process: a file that this one writes is open, too, in a child that another test starts meanwhile, and
        // what is open for writing cannot be run.
        let status = Command::new("cp").args([env!("CARGO_BIN_EXE_omg").as_ref(), copy.as_os_str()]).status().unwrap();
        assert!(status.success());
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        copy
    }

    #[must_use]
    pub fn omg(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// `refresh --force`, which must go well.
    pub fn refresh(&self) {
        let output = self.omg(&["refresh", "--force"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// What omg answers to each of [`QUERIES`] now; all must go well.
    pub fn answers(&self) -> Vec<Answer> {
        QUERIES
            .iter()
            .map(|query| {
                let answer = Answer::of(&self.omg(query));
                assert!(matches!(answer.code, Some(0)) && !answer.text.is_empty(), "{query:?}: {answer:?}");
                answer
            })
            .collect()
    }

    fn write_configuration(&self) {
        let etc = self.root().join("etc");
        let mut sources = String::new();
        for (archive, _) in ARCHIVES {
            writeln!(sources, "deb http://{archive}.example/debian stable main").unwrap();
        }
        write(&etc.join("apt/sources.list"), sources.as_bytes());
        let mut conf = "[options]\nArchitecture = x86_64\n".to_owned();
        for repository in REPOSITORIES {
            writeln!(conf, "[{repository}]\nServer = https://mirror.example/{repository}").unwrap();
        }
        write(&etc.join("pacman.conf"), conf.as_bytes());
    }
}

/// What a command answered, without the time of the index and the number of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub code: Option<i32>,
    pub text: String,
    pub errors: String,
}

impl Answer {
    pub fn of(output: &Output) -> Answer {
        let text = String::from_utf8_lossy(&output.stdout);
        let text =
            text.lines().filter(|line| !line.contains("_built\"")).fold(String::new(), |all, line| all + line + "\n");
        Answer { code: output.status.code(), text, errors: String::from_utf8_lossy(&output.stderr).into_owned() }
    }

    /// The rule of this test binary: the right answer, or an error that says so and nothing else.
    pub fn assert_right_or_error(&self, right: &Answer, what: &str) {
        assert!(!self.errors.contains("panicked") && self.code.is_some_and(|code| code < 100), "{what}: {self:?}");
        if self.code == right.code && self.text == right.text {
            return;
        }
        let is_error = self.code.is_some_and(|code| code >= 2) && self.text.is_empty() && !self.errors.is_empty();
        assert!(is_error, "{what}: {self:?}\nright is {right:?}");
    }
}

/// A small deterministic generator: which bit to flip, and where.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end.max(1)
    }
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn description(name: &str, state: State) -> String {
    format!("the common-word package {name} in state {}", state.mark())
}

/// apt's lists with their Release files, dpkg's database, and apt's record of what came as a dependency.
fn write_apt(var: &Path, state: State) {
    let mark = state.mark();
    let (mut status, mut extended) = (String::new(), String::new());
    for &(archive, ending) in ARCHIVES {
        let mut list = String::new();
        for number in 0..PER_ARCHIVE {
            let name = format!("{archive}-{number}");
            let next = format!("{archive}-{}", number + 1);
            let stanza = |out: &mut String, version: &str, installed: &str| {
                write!(
                    out,
                    "Package: {name}\n{installed}Version: {version}\nArchitecture: amd64\nInstalled-Size: {}\nMaintainer: \
                     Somebody <s@example.org>\nDepends: {next} (>= 1)\nProvides: virtual-{archive}\nSection: misc\n\
                     Priority: optional\nDescription: {}\n A longer text about {name}.\n\n",
                    number + 10,
                    description(&name, state),
                )
                .unwrap();
            };
            stanza(&mut list, &format!("2.{number}-1{mark}"), "");
            if number < INSTALLED {
                stanza(&mut status, &format!("1.{number}-1{mark}"), "Status: install ok installed\n");
                let paths = format!(
                    "/.\n/usr\n/usr/share\n/usr/share/{name}\n/usr/share/{name}/file\n/usr/share/{name}/{mark}\n"
                );
                let list = var.join(format!("lib/dpkg/info/{name}.list"));
                write(&list, paths.as_bytes());
                // The date of an installation is that of this file.
                let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
                fs::File::options().append(true).open(&list).unwrap().set_modified(date).unwrap();
                // The last archive's first package came as a dependency, too, of nothing that is there.
                if number > 0 || ending == ".zst" {
                    write!(extended, "Package: {name}\nArchitecture: amd64\nAuto-Installed: 1\n\n").unwrap();
                }
            }
        }
        let stem = var.join(format!("lib/apt/lists/{archive}.example_debian_dists_stable_"));
        let path = |name: &str| PathBuf::from(format!("{}{name}", stem.display()));
        let release = format!(
            "Origin: {archive}\nSuite: stable\nCodename: {archive}\nSHA256:\n {} {} main/binary-amd64/Packages\n",
            sha256(list.as_bytes()),
            list.len()
        );
        // One is signed in the file, as most are.
        if archive == "xz" {
            let signature = "-----BEGIN PGP SIGNATURE-----\n\nnone\n-----END PGP SIGNATURE-----\n";
            let signed = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{release}{signature}");
            write(&path("InRelease"), signed.as_bytes());
        } else {
            write(&path("Release"), release.as_bytes());
        }
        write(&path(&format!("main_binary-amd64_Packages{ending}")), &packed(list.as_bytes(), ending));
    }
    write(&var.join("lib/dpkg/status"), status.as_bytes());
    write(&var.join("lib/apt/extended_states"), extended.as_bytes());
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// pacman's sync databases and local database, and the AUR's metadata.
fn write_pacman(var: &Path, state: State) {
    let mark = state.mark();
    for (repository, ending) in REPOSITORIES.iter().zip([".gz", ".zst", ".xz"]) {
        let mut database = tar::Builder::new(Vec::new());
        for number in 0..PER_REPOSITORY {
            let name = format!("{repository}-{number}");
            let desc = |version: &str, more: &str| {
                format!(
                    "%NAME%\n{name}\n\n%VERSION%\n{version}\n\n%DESC%\n{}\n\n%ARCH%\nx86_64\n\n%DEPENDS%\n{repository}-{}\n\n{more}",
                    description(&name, state),
                    number + 1
                )
            };
            let version = format!("2.{number}_{mark}-1");
            append(
                &mut database,
                &format!("{name}-{version}/desc"),
                &desc(&version, "%CSIZE%\n100\n\n%ISIZE%\n1000\n\n"),
            );
            if number < INSTALLED / 2 {
                let version = format!("1.{number}_{mark}-1");
                let folder = var.join(format!("lib/pacman/local/{name}-{version}"));
                let more = format!("%SIZE%\n{}\n\n%REASON%\n{}\n\n", 1000 + number, u8::from(number > 0));
                write(&folder.join("desc"), desc(&version, &more).as_bytes());
                let files =
                    format!("%FILES%\nusr/\nusr/lib/\nusr/lib/{name}/\nusr/lib/{name}/file\nusr/lib/{name}/{mark}\n\n");
                write(&folder.join("files"), files.as_bytes());
            }
        }
        let tar = database.into_inner().unwrap();
        write(&var.join(format!("lib/pacman/sync/{repository}.db")), &packed(&tar, ending));
    }
    write(&var.join("lib/pacman/local/ALPM_DB_VERSION"), b"9\n");
    let aur: Vec<String> = (0..8)
        .map(|number| {
            let name = format!("aur-{number}");
            format!(
                r#"{{"ID":{number},"Name":"{name}","PackageBaseID":{number},"PackageBase":"{name}","Version":"3.{number}{mark}-1","Description":"{}","URL":"https://example.org","NumVotes":1,"Popularity":0.5,"OutOfDate":null,"Maintainer":"m","FirstSubmitted":1,"LastModified":2,"URLPath":"/x"}}"#,
                description(&name, state)
            )
        })
        .collect();
    write(&var.join("aur.json.gz"), &packed(format!("[\n{}\n]\n", aur.join(",\n")).as_bytes(), ".gz"));
}

fn append(to: &mut tar::Builder<Vec<u8>>, path: &str, content: &str) {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    to.append_data(&mut header, path, content.as_bytes()).unwrap();
}

/// With the checksum that each packing has, as the distributions' own files.
fn packed(bytes: &[u8], ending: &str) -> Vec<u8> {
    match ending {
        ".gz" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        ".xz" => {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        ".zst" => {
            let mut out = zstd::Encoder::new(Vec::new(), 1).unwrap();
            out.include_checksum(true).unwrap();
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        ".lz4" => {
            let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
            let mut out = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        _ => bytes.to_vec(),
    }
}
