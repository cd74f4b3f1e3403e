//! A home, a project in it, and a mirror of Node's site on this machine's disk or behind a server.

use ring::digest::{SHA256, digest};
use std::cell::RefCell;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

pub struct World {
    folder: tempfile::TempDir,
    published: RefCell<Vec<String>>,
}

impl World {
    /// With the mirror as a folder.
    pub fn new() -> World {
        let world = World { folder: tempfile::tempdir().unwrap(), published: RefCell::default() };
        fs::create_dir_all(world.project()).unwrap();
        fs::create_dir_all(world.mirror()).unwrap();
        world.configure(&format!("mirror = \"file://{}\"", world.mirror().display()));
        world
    }

    /// Lines of `[runtimes.node]`.
    pub fn configure(&self, lines: &str) {
        let folder = self.home().join(".config/omg");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), format!("[runtimes.node]\n{lines}\n")).unwrap();
    }

    pub fn policy(&self, text: &str) {
        fs::create_dir_all(self.home().join(".config/omg")).unwrap();
        fs::write(self.home().join(".config/omg/policy.toml"), text).unwrap();
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn project(&self) -> PathBuf {
        self.home().join("project")
    }

    pub fn mirror(&self) -> PathBuf {
        self.folder.path().join("mirror")
    }

    pub fn version(&self, version: &str) -> PathBuf {
        self.home().join(".local/share/omg/versions/node").join(version)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.version("")).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// What is installed.
    pub fn versions(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| !name.starts_with('.')).collect()
    }

    /// Temporary folders.
    pub fn left_over(&self) -> usize {
        self.names().iter().filter(|name| name.starts_with(".new-") || name.starts_with(".old-")).count()
    }

    #[must_use]
    pub fn omg(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omg"));
        command
            .args(words)
            .current_dir(self.project())
            .env_clear()
            // No node of the machine that runs this.
            .env("PATH", self.path())
            .env("HOME", self.home())
            .env("OMG_INDEX_DIR", self.folder.path().join("index"))
            .env("OMG_STATE_DIR", self.folder.path().join("state"));
        command
    }

    /// A folder with a shell and what the scripts of these tests need.
    fn path(&self) -> PathBuf {
        let folder = self.folder.path().join("programs");
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            for name in ["sh", "cat"] {
                std::os::unix::fs::symlink(Path::new("/bin").join(name), folder.join(name)).unwrap();
            }
        }
        folder
    }

    pub fn archive_name(version: &str) -> String {
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        format!("node-v{version}-linux-{arch}.tar.xz")
    }

    pub fn archive_path(&self, version: &str) -> PathBuf {
        self.mirror().join(format!("v{version}")).join(World::archive_name(version))
    }

    pub fn list_path(&self, version: &str) -> PathBuf {
        self.mirror().join(format!("v{version}/SHASUMS256.txt"))
    }

    pub fn digest(&self, version: &str) -> String {
        hex(&fs::read(self.archive_path(version)).unwrap())
    }

    /// A version as Node's site has it.
    pub fn publish(&self, version: &str) {
        self.publish_archive(version, &node(version, 0));
    }

    /// From here on the publisher's list is a new one.
    pub fn with_another_list(self) -> World {
        World { published: RefCell::default(), ..self }
    }

    /// One whose archive is so many bytes long at least.
    pub fn publish_large(&self, version: &str, bytes: usize) {
        self.publish_archive(version, &node(version, bytes));
    }

    pub fn publish_archive(&self, version: &str, archive: &[u8]) {
        fs::create_dir_all(self.archive_path(version).parent().unwrap()).unwrap();
        fs::write(self.archive_path(version), archive).unwrap();
        let list = format!("{}  other.tar.gz\n{}  {}\n", "0".repeat(64), hex(archive), World::archive_name(version));
        fs::write(self.list_path(version), list).unwrap();
        let mut published = self.published.borrow_mut();
        published.insert(0, version.to_owned());
        let entry = |version: &String| {
            let lts = if version.starts_with("22.11") { "\"Jod\"" } else { "false" };
            format!(r#"{{"version":"v{version}","date":"2024-10-29","files":["linux-x64","linux-arm64"],"lts":{lts}}}"#)
        };
        let entries: Vec<String> = published.iter().map(entry).collect();
        fs::write(self.mirror().join("index.json"), format!("[{}]", entries.join(","))).unwrap();
    }
}

pub fn hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A `.tar.gz` of programs, each with its path.
pub fn programs(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o755);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// An archive laid out as Node's.
fn node(version: &str, bytes: usize) -> Vec<u8> {
    let top = format!("node-v{version}-linux-x64");
    let mut tar = tar::Builder::new(Vec::new());
    let mut file = |name: &str, content: &[u8], mode: u32| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_mtime(1_700_000_000);
        tar.append_data(&mut header, format!("{top}/{name}"), content).unwrap();
    };
    file("README.md", b"# Node\n", 0o644);
    file("bin/node", format!("#!/bin/sh\necho node {version} \"$@\"\n").as_bytes(), 0o755);
    file(
        "lib/node_modules/npm/bin/npm-cli.js",
        format!("#!/bin/sh\necho \"npm of {version}: $@\"\n").as_bytes(),
        0o755,
    );
    // Nothing that could be packed any smaller.
    let mut state = 1_u64;
    let mut noise = Vec::with_capacity(bytes);
    while noise.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.extend((state >> 32).to_le_bytes());
    }
    file("lib/noise", &noise, 0o644);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, format!("{top}/bin/npm"), "../lib/node_modules/npm/bin/npm-cli.js").unwrap();
    xz(&tar.into_inner().unwrap())
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 0);
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Standard output of a command that must end with 0.
#[track_caller]
pub fn out(output: Output) -> String {
    assert!(output.status.success(), "{:?}: {}", output.status, err(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a server does with a request for an archive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Good,
    /// Sends half, and closes; of one that asks for the rest, that.
    Breaks,
    /// The same, and says nothing by which the file could be known again.
    BreaksNameless,
    /// Sends half, and then nothing.
    Stalls,
    /// Says that there is no such file.
    Absent,
}

/// The mirror behind HTTP.
pub struct Server {
    pub url: String,
    /// The archives that were asked for, with where each request began.
    pub asked: Arc<Mutex<Vec<(String, usize)>>>,
    /// What it does from now on.
    pub manner: Arc<Mutex<Manner>>,
}

impl Server {
    pub fn start(world: &World, manner: Manner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (mirror, asked) = (world.mirror(), Arc::new(Mutex::new(Vec::new())));
        let (seen, manner) = (asked.clone(), Arc::new(Mutex::new(manner)));
        let manners = manner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mirror, seen, manner) = (mirror.clone(), seen.clone(), *manners.lock().unwrap());
                std::thread::spawn(move || serve(stream, &mirror, manner, &seen));
            }
        });
        world.configure(&format!("mirror = \"{url}\""));
        Server { url, asked, manner }
    }
}

fn serve(mut stream: TcpStream, mirror: &Path, manner: Manner, asked: &Mutex<Vec<(String, usize)>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|got| got == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let head = head.to_lowercase();
    let start = head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok());
    let start: usize = start.unwrap_or(0);
    let is_archive = path.ends_with(".tar.xz");
    let file = mirror.join(path.trim_start_matches('/'));
    let found = fs::read(file).ok().filter(|_| !(is_archive && manner == Manner::Absent));
    let Some(bytes) = found else {
        drop(stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        return;
    };
    let tag = if is_archive && manner == Manner::BreaksNameless { "" } else { "ETag: \"one\"\r\n" };
    let range = format!("Content-Range: bytes {start}-{}/{}\r\n", bytes.len() - 1, bytes.len());
    let (status, range) = if start > 0 { ("206 Partial Content", range.as_str()) } else { ("200 OK", "") };
    let length = bytes.len() - start;
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{tag}{range}Connection: close\r\n\r\n");
    let mut rest = &bytes[start..];
    if is_archive {
        asked.lock().unwrap().push((path, start));
        if manner != Manner::Good && start == 0 {
            rest = &rest[..rest.len() / 2];
        }
    }
    // The client may be gone.
    drop(stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(rest)));
    if is_archive && manner == Manner::Stalls {
        drop(stream.read(&mut [0]));
    }
}
