//! Hostile archives, made here.

use super::*;

const ALL: Layout = Layout { below: "", strip: 1, into: "", without: "" };
const FEW: Limits = Limits { bytes: 1 << 20, entries: 100 };

struct Packer(tar::Builder<Vec<u8>>);

impl Packer {
    fn new() -> Packer {
        Packer(tar::Builder::new(Vec::new()))
    }

    /// An entry whose name is written as it is, since the crate refuses some.
    fn entry(mut self, name: &str, kind: EntryType, link: &str, content: &[u8], mode: u32) -> Packer {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_mtime(1_700_000_000);
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    fn file(self, name: &str) -> Packer {
        self.entry(name, EntryType::Regular, "", b"content", 0o644)
    }

    fn link(self, name: &str, to: &str) -> Packer {
        self.entry(name, EntryType::Symlink, to, b"", 0o777)
    }

    fn unpack(self, limits: Limits) -> (tempfile::TempDir, Result<(), String>) {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        fs::create_dir(&inside).unwrap();
        let bytes = self.0.into_inner().unwrap();
        let result = untar(&bytes[..], &inside, ALL, limits, &mut || {});
        let outside: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(outside, ["inside"], "something was written outside");
        (folder, result.map_err(|error| format!("{error:#}")))
    }
}

#[test]
fn an_ordinary_archive_is_unpacked() {
    let (folder, result) = Packer::new()
        .entry("node-v1/", EntryType::Directory, "", b"", 0o755)
        .entry("node-v1/bin/node", EntryType::Regular, "", b"program", 0o4755)
        .file("node-v1/lib/npm.js")
        .link("node-v1/bin/npm", "../lib/npm.js")
        .entry("node-v1/lib/same.js", EntryType::Link, "node-v1/lib/npm.js", b"", 0o644)
        .unpack(FEW);
    result.unwrap();
    let inside = folder.path().join("inside");
    assert_eq!(fs::read(inside.join("bin/npm")).unwrap(), b"content");
    assert_eq!(fs::read(inside.join("lib/same.js")).unwrap(), b"content");
    let stat = fs::metadata(inside.join("bin/node")).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!((stat.mode() & 0o7111, stat.mtime()), (0o111, 1_700_000_000), "no special bits");
}

#[test]
fn what_leads_out_is_refused() {
    for packer in [
        Packer::new().file("a/../../evil"),
        Packer::new().file("/etc/evil"),
        Packer::new().file("a/b/../../../evil"),
        Packer::new().file("a/x").link("a/l", "../evil"),
        Packer::new().file("a/x").link("a/l", "/etc"),
        Packer::new().file("a/x").link("a/b/l", "../../evil"),
        Packer::new().file("a/x").link("a/l", "b/../../evil"),
        Packer::new().file("a/x").link("a/l", ""),
        // A link to a folder higher up, and what would be written through it.
        Packer::new().file("a/x").link("a/p/q/r", "../../s").link("a/p/q/r/l", "../../../evil"),
        Packer::new().file("a/x").link("a/l", "b").file("a/l/evil"),
        Packer::new().file("a/x").entry("a/h", EntryType::Link, "../../etc/passwd", b"", 0o644),
        Packer::new().file("a/x").entry("a/h", EntryType::Link, "a/nothing", b"", 0o644),
        Packer::new().file("a/x").entry("a/d", EntryType::Char, "", b"", 0o644),
        Packer::new().file("a/x").entry("a/d", EntryType::Block, "", b"", 0o644),
        Packer::new().file("a/x").entry("a/d", EntryType::Fifo, "", b"", 0o644),
        Packer::new().file("a/x").file("a/x"),
        Packer::new(),
    ] {
        let (_folder, result) = packer.unpack(FEW);
        assert!(result.is_err());
    }
}

#[test]
fn more_than_is_allowed_is_refused() {
    let (_folder, result) = Packer::new().file("a/x").file("a/y").unpack(Limits { bytes: 10, entries: 100 });
    assert!(result.unwrap_err().contains("more than is allowed"));
    let (_folder, result) = Packer::new().file("a/x").file("a/y").unpack(Limits { bytes: 1000, entries: 1 });
    assert!(result.unwrap_err().contains("more than is allowed"));
}

#[test]
fn a_name_that_fills_the_memory_is_refused() {
    let long = vec![b'a'; 2 << 20];
    let packer =
        || Packer::new().file("a/x").entry("././@LongLink", EntryType::GNULongName, "", &long, 0o644).file("a/y");
    let (_folder, result) = packer().unpack(Limits { bytes: 1 << 30, entries: 100 });
    assert!(result.unwrap_err().contains("longer than any"));
    let pax = [b"2097152 path=".as_slice(), &long].concat();
    let packer = Packer::new().entry("x", EntryType::XHeader, "", &pax, 0o644).file("a/y");
    assert!(packer.unpack(Limits { bytes: 1 << 30, entries: 100 }).1.is_err());
}

#[test]
fn an_archive_that_is_cut_or_damaged_is_an_error_and_no_panic() {
    let bytes = Packer::new().file("a/x").link("a/l", "x").0.into_inner().unwrap();
    for cut in 0..1024 {
        let folder = tempfile::tempdir().unwrap();
        assert!(untar(&bytes[..cut], folder.path(), ALL, FEW, &mut || {}).is_err(), "cut at {cut}");
    }
    for at in 0..512 {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let folder = tempfile::tempdir().unwrap();
        let _ = untar(&damaged[..], folder.path(), ALL, FEW, &mut || {});
    }
}

/// A zip of stored files, each with the mode of its entry.
fn zip(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, mode, content) in files {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let at = out.len() as u32;
        let (size, name_bytes) = (content.len() as u32, name.len() as u16);
        let common = |version: &[u8]| {
            let mut head = version.to_vec();
            head.extend([0, 0, 0, 0, 0, 0, 0, 0]);
            head.extend(crc.sum().to_le_bytes());
            head.extend(size.to_le_bytes());
            head.extend(size.to_le_bytes());
            head.extend(name_bytes.to_le_bytes());
            head.extend([0, 0]);
            head
        };
        out.extend(b"PK\x03\x04");
        out.extend(common(&[20, 0]));
        out.extend(name.as_bytes());
        out.extend(*content);
        directory.extend(b"PK\x01\x02");
        directory.extend(common(&[20, 3, 20, 0]));
        directory.extend([0; 6]);
        directory.extend((mode << 16).to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, count) = (out.len() as u32, files.len() as u16);
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn unpack_zip(bytes: &[u8]) -> (tempfile::TempDir, Result<(), String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let into = Layout { into: "bin", ..ALL };
    let result = unzip(&file, folder.path(), into, FEW, &mut || {});
    (folder, result.map_err(|error| format!("{error:#}")))
}

#[test]
fn a_zip_is_unpacked_and_a_hostile_one_refused() {
    let (folder, result) = unpack_zip(&zip(&[("bun-linux-x64/bun", 0o100_755, b"program")]));
    result.unwrap();
    assert_eq!(fs::read(folder.path().join("bin/bun")).unwrap(), b"program");
    for bad in [
        &[("a/../../evil", 0o100_644, b"x" as &[u8])][..],
        &[("a/l", 0o120_777, b"../../evil")],
        &[("a/d", 0o020_644, b"")],
        &[],
    ] {
        assert!(unpack_zip(&zip(bad)).1.is_err());
    }
    let whole = zip(&[("a/bun", 0o100_755, b"program")]);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x11;
        let _ = unpack_zip(&damaged);
        assert!(unpack_zip(&whole[..at]).1.is_err(), "cut at {at}");
    }
}
