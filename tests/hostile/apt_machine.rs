//! What surrounds apt: full disks, locks, archives with hostile names, and lists that vouch for another package.

use crate::apt::{Root, ok, talk};
use crate::disk::Disk;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn apt_full_disks_are_said_and_the_same_command_finishes_it() {
    let test = "apt_full_disks_are_said_and_the_same_command_finishes_it";
    let Some([root, _]) = Root::twins(test) else { return };
    assert!(root.omg("install --yes rho").status.success());
    let dpkg = root.path.join("var/lib/dpkg");
    let kept = root.path.join("var/lib/dpkg.kept");
    for (what, place, name) in
        [("the cache", "var/cache/apt/archives", "gamma"), ("dpkg's database", "var/lib/dpkg", "delta")]
    {
        let is_dpkg = place.ends_with("dpkg");
        if is_dpkg {
            ok(Command::new("cp").arg("-a").arg(&dpkg).arg(&kept));
        }
        let Some(disk) = Disk::at(root.path.join(place), if is_dpkg { "64m" } else { "4k" }) else {
            println!("skipped {test}: nothing can be mounted here");
            return;
        };
        if is_dpkg {
            ok(Command::new("cp").arg("-a").arg(kept.join(".")).arg(&dpkg));
            // All of what is left, to the last page.
            let filler = fs::File::create(dpkg.join("filler")).unwrap();
            let _ = std::io::copy(&mut std::io::repeat(0), &mut &filler);
        } else {
            fs::create_dir_all(root.path.join(place).join("partial")).unwrap();
            fs::write(root.path.join(place).join("filler"), [0; 4096]).unwrap();
        }
        let before = root.read("var/lib/dpkg/status");
        let output = root.omg(&format!("install --yes {name}"));
        println!("{what}: {:?} {}", output.status.code(), talk(&output));
        assert_eq!(output.status.code(), Some(3), "{what}: {}", talk(&output));
        assert_eq!(root.read("var/lib/dpkg/status"), before, "{what}");
        let words = ["space", "full", "No space left on device"];
        assert!(words.iter().any(|word| talk(&output).contains(word)), "{what}: {}", talk(&output));
        assert!(root.omg("audit verify").status.success(), "{what}");
        let _ = fs::remove_file(root.path.join(place).join("filler"));
        disk.resize("80m");
        if is_dpkg {
            let _ = root.run(&["dpkg", "--configure", "-a"]);
        }
        let output = root.omg(&format!("install --yes {name}"));
        assert!(output.status.success(), "{what}, with room: {}", talk(&output));
        assert!(root.read("var/lib/dpkg/status").contains(&format!("Package: {name}\n")), "{what}");
        assert!(root.omg("audit verify").status.success(), "{what}");
    }
}

#[test]
fn apt_two_at_once_both_end_well_and_archives_do_not_leave_the_root() {
    let test = "apt_two_at_once_both_end_well_and_archives_do_not_leave_the_root";
    let Some([root, twin]) = Root::twins(test) else { return };
    let spawn = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        root.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let all = [
        spawn("/opt/omg/omg install --yes gamma"),
        spawn("/opt/omg/omg install --yes rho"),
        spawn("apt-get -y -o DPkg::Lock::Timeout=60 install delta"),
    ];
    for one in all {
        let output = one.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", talk(&output));
    }
    let (_, dpkg) = root.logs();
    for name in ["gamma", "rho", "delta"] {
        assert!(dpkg.iter().any(|line| line.contains(&format!("status installed {name}:"))), "{name}: {dpkg:?}");
        assert!(talk(&root.omg("list")).contains(name));
    }
    assert!(root.omg("audit verify").status.success());
    // dpkg decides what an archive may hold, and omg says what dpkg said.
    let taken = |root: &Root, name: &str| {
        hostile_deb(&root.path.join("srv"), name);
        let output = match std::ptr::eq(root, &twin) {
            true => root.run(&["dpkg", "-i", "/srv/evil.deb"]),
            false => root.omg("install --yes /srv/evil.deb"),
        };
        assert!(!root.path.with_file_name("outside").exists(), "{name}: {}", talk(&output));
        let entry = root.read("var/lib/dpkg/info/evil.list");
        root.run(&["dpkg", "--purge", "--force-all", "evil"]);
        (output.status.success(), entry)
    };
    for name in ["./usr/../../outside", "../outside", "/outside", "./usr/share/../../../outside"] {
        assert_eq!(taken(&root, name), taken(&twin, name), "{name}");
    }
}

/// An archive whose data has a file of this name, put together by hand: dpkg-deb would not.
fn hostile_deb(folder: &Path, name: &str) {
    let pack = |name: &str, text: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        header.set_cksum();
        let mut tar = header.as_bytes().to_vec();
        tar.extend(text);
        tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
        tar
    };
    let control = b"Package: evil\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: evil\n";
    fs::write(folder.join("debian-binary"), "2.0\n").unwrap();
    fs::write(folder.join("control.tar"), pack("./control", control)).unwrap();
    fs::write(folder.join("data.tar"), pack(name, b"evil\n")).unwrap();
    let _ = fs::remove_file(folder.join("evil.deb"));
    let parts = ["evil.deb", "debian-binary", "control.tar", "data.tar"];
    ok(Command::new("ar").arg("rc").args(parts).current_dir(folder));
}
