//! A Debian root booted: systemd is the first process of namespaces of its own, runs one script and ends.
//!
//! Needs root, cgroups of version 2 somewhere, and a root with systemd in it.

use super::apt::Root;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What the root has to have beside the smallest Debian.
pub const PACKAGES: [&str; 5] = ["systemd", "systemd-sysv", "libpam-systemd", "dbus", "polkitd"];

/// The script is the machine's only purpose: it is down again when that ends, however it ends.
const SERVICE: &str = "[Unit]\nRequires=basic.target dbus.socket\nAfter=basic.target dbus.socket\nSuccessAction=exit-force\n\
                       FailureAction=exit-force\n[Service]\nType=oneshot\nTimeoutStartSec=240\nExecStart=/bin/sh /srv/script\n";

/// $1 is the root, $2 a control group of its own.
const BOOT: &str = r#"
set -e
echo $$ >"$2/cgroup.procs"
exec timeout 300 unshare --mount --cgroup --pid --uts --ipc --net --fork --kill-child /bin/sh -c '
    set -e
    mount --bind "$1" "$1"
    cd "$1"
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs -o mode=755 tmpfs dev
    for device in null zero full random urandom tty; do
        : >dev/$device
        mount --bind /dev/$device dev/$device
    done
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    mount -t tmpfs -o mode=755 tmpfs run
    mount -t tmpfs tmpfs tmp
    mkdir -p .before
    pivot_root . .before
    umount -l /.before
    exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd --unit=test.service
' sh "$1"
"#;

/// A control group that is there as long as this is.
struct Group(PathBuf);

impl Group {
    fn new() -> Result<Group, String> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let of_version_2 = |line: &str| line.split(' ').nth(2) == Some("cgroup2");
        let mount = mounts.lines().find(|line| of_version_2(line)).and_then(|line| line.split(' ').nth(1));
        let group = Path::new(mount.ok_or("no cgroups of version 2")?).join(format!("omg-test-{}", std::process::id()));
        fs::create_dir(&group).map_err(|error| format!("cannot make a control group: {error}"))?;
        Ok(Group(group))
    }
}

impl Drop for Group {
    /// With those that were made in it; whoever was in them has ended.
    fn drop(&mut self) {
        let _ = Command::new("find").arg(&self.0).args(["-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]).output();
    }
}

/// Boots the root, runs the script there as root and comes back when it has ended; why not, where that cannot be here.
pub fn run(root: &Root, script: &str) -> Result<Output, String> {
    let group = Group::new()?;
    fs::write(root.path.join("srv/script"), format!(": >/srv/begun\n{script}")).unwrap();
    fs::write(root.path.join("etc/systemd/system/test.service"), SERVICE).unwrap();
    let booted = Command::new("sh").args(["-c", BOOT, "sh"]).arg(&root.path).arg(&group.0).output().unwrap();
    match root.path.join("srv/begun").exists() {
        true => Ok(booted),
        false => Err(format!("systemd does not start here: {}", super::apt::talk(&booted).trim())),
    }
}
