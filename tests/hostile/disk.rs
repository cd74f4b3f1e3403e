//! Disks of the tests' own: small ones that fill up, and ones whose power can be cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// A small disk of its own at a folder.
pub struct Disk(PathBuf);

impl Disk {
    pub fn at(path: PathBuf, size: &str) -> Option<Disk> {
        fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&path);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Disk(path))
    }

    pub fn resize(&self, size: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,size={size}")]).arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Written on a disk just before its power is cut, below what it is mounted at: afterwards it has to be gone.
pub const UNSYNCED: &str = "unsynced";

/// An ext4 in a file, mounted until this is dropped. A copy of the file is what is left when the power is cut: without what the kernel
/// has not written to it yet, and mounting it replays the file system's own journal.
pub struct Mounted {
    image: PathBuf,
    at: PathBuf,
}

impl Mounted {
    pub fn new(image: PathBuf, at: PathBuf) -> Result<Mounted, String> {
        fs::create_dir_all(&at).unwrap();
        let mut mount = Command::new("mount");
        let output = mount.args(["-t", "ext4", "-o", "loop"]).arg(&image).arg(&at).output().unwrap();
        match output.status.success() {
            true => Ok(Mounted { image, at }),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    fn image(&self) -> &Path {
        &self.image
    }

    pub fn path(&self) -> &Path {
        &self.at
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Who was killed may not be gone yet.
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
        let _ = fs::remove_file(&self.image);
    }
}

/// Waits until something of a machine stands still by a SIGSTOP that its trace tells of; then the power is cut: the disk is copied, and
/// all that the machine has started is killed with it. False where it came to its end first.
pub fn cut(mut machine: Child, trace: &Path, disk: &Mounted, to: &Path, at: &str) -> bool {
    let begun = Instant::now();
    while !fs::read_to_string(trace).unwrap_or_default().contains("stopped by SIGSTOP") {
        if machine.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{at}: neither stands nor ends");
        thread::sleep(Duration::from_millis(5));
    }
    fs::write(disk.path().join(UNSYNCED), "gone").unwrap();
    copy(disk.image(), to.to_owned());
    machine.kill().unwrap();
    machine.wait().unwrap();
    true
}

pub fn copy(from: &Path, to: PathBuf) -> PathBuf {
    let mut copy = Command::new("cp");
    assert!(copy.args(["--sparse=always", "--reflink=auto"]).arg(from).arg(&to).status().unwrap().success());
    to
}
