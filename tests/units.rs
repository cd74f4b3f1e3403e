//! The unit files as the programs they are written for read them: pacman, apt, systemd, sh. Where such a program is not
//! installed its test says so. A copy of omg is played by small scripts, so that it can fail in every way.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use omg::model::Source;
use omg::units;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What `omg` may be when a hook runs, and whether it is then expected to leave a trace.
const BINARIES: [(&str, Option<&str>, bool); 5] = [
    ("works", Some("#!/bin/sh\necho \"$*\" >>\"$0.called\"\n"), true),
    ("fails", Some("#!/bin/sh\necho \"$*\" >>\"$0.called\"\nexit 1\n"), true),
    ("is killed", Some("#!/bin/sh\necho \"$*\" >>\"$0.called\"\nkill -SEGV $$\n"), true),
    ("is damaged", Some("\u{7f}ELF but no more\n"), false),
    ("is missing", None, false),
];

struct Machine {
    dir: TempDir,
}

impl Machine {
    fn new(binary: Option<&str>) -> Machine {
        let machine = Machine { dir: TempDir::new().unwrap() };
        if let Some(text) = binary {
            fs::write(machine.omg(), text).unwrap();
            fs::set_permissions(machine.omg(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        machine
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn folder(&self, below: &str) -> PathBuf {
        fs::create_dir_all(self.path(below)).unwrap();
        self.path(below)
    }

    fn omg(&self) -> PathBuf {
        self.path("omg")
    }

    fn units(&self, families: &[Source]) -> Vec<units::Unit> {
        units::all(&self.omg(), families).unwrap()
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("omg.called")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn run(command: &mut Command) -> Option<Output> {
    match command.env("LC_ALL", "C").output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {} is not installed", command.get_program().to_string_lossy());
            None
        }
        Err(error) => panic!("{command:?}: {error}"),
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn systemd_finds_no_fault() {
    for families in [&[Source::Apt, Source::Pacman][..], &[Source::Apt], &[Source::Pacman], &[]] {
        let machine = Machine::new(BINARIES[0].1);
        let steps = units::install(machine.dir.path(), &machine.units(families), false).unwrap();
        let files: Vec<&PathBuf> =
            steps.iter().map(|step| &step.path).filter(|path| path.to_string_lossy().contains("/systemd/")).collect();
        assert_eq!(files.len(), 3);
        let Some(output) = run(Command::new("systemd-analyze").arg("verify").args(files)) else { return };
        assert!(output.status.success(), "{}", text(&output));
        let complaints: Vec<String> =
            text(&output).lines().filter(|line| line.contains("omg")).map(str::to_owned).collect();
        assert_eq!(complaints, [] as [&str; 0]);
    }
}

#[test]
fn systemd_analyze_would_have_complained() {
    let machine = Machine::new(BINARIES[0].1);
    let mut all = machine.units(&[Source::Apt]);
    all.iter_mut().for_each(|unit| unit.text = unit.text.replace("ExecStart=", "ExecStrat="));
    units::install(machine.dir.path(), &all, false).unwrap();
    let file = machine.path("etc/systemd/system/omg-refresh.service");
    let Some(output) = run(Command::new("systemd-analyze").arg("verify").arg(file)) else { return };
    assert!(!output.status.success() && text(&output).contains("ExecStrat"), "{}", text(&output));
}

#[test]
fn apt_reads_both_hooks() {
    let machine = Machine::new(None);
    units::install(machine.dir.path(), &machine.units(&[Source::Apt]), false).unwrap();
    let file = machine.path("etc/apt/apt.conf.d/90omg-refresh");
    let Some(output) = run(Command::new("apt-config").arg("dump").arg("-c").arg(&file)) else { return };
    assert!(output.status.success(), "{}", text(&output));
    let dump = text(&output);
    let omg = machine.omg().display().to_string();
    for list in ["DPkg::Post-Invoke:: \"", "APT::Update::Post-Invoke-Success:: \""] {
        let line = dump.lines().find(|line| line.starts_with(list) && line.contains(&omg));
        let command = line.unwrap_or_else(|| panic!("{list} is not in {dump}")).trim_start_matches(list);
        assert_eq!(
            command.trim_end_matches("\";"),
            format!("if [ -x {omg} ]; then timeout -k 5 60 {omg} refresh --if-stale --quiet || :; fi")
        );
    }
}

/// A `.deb` with nothing in it but its name.
fn make_deb(machine: &Machine) -> Option<PathBuf> {
    let control = machine.folder("deb/DEBIAN").join("control");
    fs::write(control, "Package: omg-hook-test\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b>\nDescription: x\n")
        .unwrap();
    let deb = machine.path("omg-hook-test.deb");
    let mut build = Command::new("dpkg-deb");
    let output = run(build.args(["--root-owner-group", "-b"]).arg(machine.path("deb")).arg(&deb))?;
    assert!(output.status.success(), "{}", text(&output));
    Some(deb)
}

/// Installs a package by apt-get in a root of its own, with the hook of `machine` and nothing of this machine's.
fn apt_install(machine: &Machine) -> Option<Output> {
    let deb = make_deb(machine)?;
    for folder in [
        "var/lib/dpkg/updates",
        "var/lib/dpkg/info",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "etc/apt/preferences.d",
        "etc/apt/trusted.gpg.d",
        "var/log/apt",
    ] {
        machine.folder(folder);
    }
    fs::write(machine.path("var/lib/dpkg/status"), "").unwrap();
    let root = machine.dir.path().display();
    let conf = format!(
        "Dir \"{root}\";\nDir::State::status \"{root}/var/lib/dpkg/status\";\nDir::Etc::parts \"apt.conf.d\";\n\
         DPkg::Options {{ \"--root={root}\"; \"--force-not-root\"; \"--force-script-chrootless\"; \"--log={root}/dpkg.log\"; }};\n\
         APT::Sandbox::User \"\";\nDpkg::Use-Pty \"0\";\n"
    );
    fs::write(machine.path("apt.conf"), conf).unwrap();
    let mut apt = Command::new("apt-get");
    apt.env("APT_CONFIG", machine.path("apt.conf")).args(["-y", "-q", "--allow-unauthenticated", "install"]).arg(deb);
    run(&mut apt)
}

#[test]
fn no_omg_however_broken_fails_an_apt_transaction() {
    if !is_root() {
        return eprintln!("skipped no_omg_however_broken_fails_an_apt_transaction: dpkg needs root");
    }
    for (what, binary, called) in BINARIES {
        let machine = Machine::new(binary);
        units::install(machine.dir.path(), &machine.units(&[Source::Apt]), false).unwrap();
        let Some(output) = apt_install(&machine) else { return };
        assert!(output.status.success(), "omg {what}: {}", text(&output));
        assert!(
            fs::read_to_string(machine.path("var/lib/dpkg/status")).unwrap().contains("omg-hook-test"),
            "omg {what}"
        );
        assert_eq!(!machine.calls().is_empty(), called, "omg {what}: {}", text(&output));
        assert!(machine.calls().iter().all(|call| call == "refresh --if-stale --quiet"));
    }
}

#[test]
fn apt_would_have_failed_on_an_unguarded_hook() {
    if !is_root() {
        return eprintln!("skipped apt_would_have_failed_on_an_unguarded_hook: dpkg needs root");
    }
    let machine = Machine::new(None);
    let parts = machine.folder("etc/apt/apt.conf.d");
    fs::write(parts.join("90omg-refresh"), "DPkg::Post-Invoke { \"/nonexistent/omg\"; };\n").unwrap();
    let Some(output) = apt_install(&machine) else { return };
    assert!(!output.status.success(), "{}", text(&output));
}

/// A pacman package with nothing in it but its name.
fn make_package(machine: &Machine) -> Option<PathBuf> {
    let folder = machine.folder("package");
    fs::write(folder.join(".PKGINFO"), "pkgname = omg-hook-test\npkgver = 1-1\npkgdesc = x\narch = any\nsize = 0\n")
        .unwrap();
    let package = machine.path("omg-hook-test-1-1-any.pkg.tar");
    let output = run(Command::new("tar").arg("-cf").arg(&package).arg("-C").arg(folder).arg(".PKGINFO"))?;
    assert!(output.status.success(), "{}", text(&output));
    Some(package)
}

/// Runs pacman on a database of its own. The root is this machine's, since a hook's shell is looked for in it; the
/// package has no files, so nothing is written there.
fn pacman(machine: &Machine, arguments: &[&str]) -> Option<Output> {
    machine.folder("db");
    machine.folder("cache");
    machine.folder("etc/pacman.d/hooks");
    fs::write(
        machine.path("pacman.conf"),
        "[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n",
    )
    .unwrap();
    let mut command = Command::new("pacman");
    command.args(["--noconfirm", "--root", "/"]);
    for (flag, path) in [
        ("--config", "pacman.conf"),
        ("--dbpath", "db"),
        ("--cachedir", "cache"),
        ("--hookdir", "etc/pacman.d/hooks"),
        ("--logfile", "pacman.log"),
    ] {
        command.arg(flag).arg(machine.path(path));
    }
    run(command.args(arguments))
}

#[test]
fn no_omg_however_broken_fails_a_pacman_transaction() {
    if !is_root() {
        return eprintln!("skipped no_omg_however_broken_fails_a_pacman_transaction: libalpm needs root");
    }
    for (what, binary, called) in BINARIES {
        let machine = Machine::new(binary);
        units::install(machine.dir.path(), &machine.units(&[Source::Pacman]), false).unwrap();
        let Some(package) = make_package(&machine) else { return };
        let package = package.display().to_string();
        for (count, arguments) in
            [&["-U", &package][..], &["-U", &package], &["-R", "omg-hook-test"]].iter().enumerate()
        {
            let Some(output) = pacman(&machine, arguments) else { return };
            assert!(output.status.success(), "omg {what}: {}", text(&output));
            assert!(!text(&output).contains("error:"), "omg {what}: {}", text(&output));
            assert!(text(&output).contains("Refreshing the index of omg"), "omg {what}: {}", text(&output));
            assert_eq!(machine.calls().len(), if called { count + 1 } else { 0 }, "omg {what}: {}", text(&output));
        }
        assert!(machine.calls().iter().all(|call| call == "refresh --if-stale --quiet"));
    }
}

#[test]
fn pacman_would_have_complained() {
    if !is_root() {
        return eprintln!("skipped pacman_would_have_complained: libalpm needs root");
    }
    let machine = Machine::new(None);
    let hooks = machine.folder("etc/pacman.d/hooks");
    fs::write(hooks.join("omg.hook"), "[Trigger]\nOperation = Sometimes\n").unwrap();
    let Some(package) = make_package(&machine) else { return };
    let Some(output) = pacman(&machine, &["-U", &package.display().to_string()]) else { return };
    assert!(text(&output).contains("error: hook"), "{}", text(&output));
}

#[test]
fn the_cron_line_is_one_that_sh_and_cron_read() {
    let machine = Machine::new(BINARIES[1].1);
    let all = machine.units(&[]);
    let cron = all.iter().find(|unit| unit.path == Path::new("/etc/cron.d/omg-refresh")).unwrap();
    let line = cron.text.lines().last().unwrap();
    let fields: Vec<&str> = line.splitn(7, ' ').collect();
    assert_eq!(fields[..6], ["17", "4", "*", "*", "*", "root"]);
    assert!(!line.contains('%') && cron.text.ends_with('\n'));
    // As on a machine without systemd and without the wait.
    let command = fields[6].replace("/run/systemd/system", "/nonexistent").replace("sleep ", "echo ");
    let output = run(Command::new("/bin/sh").arg("-c").arg(&command)).unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let wait: u32 = text(&output).trim().parse().unwrap();
    assert!(wait <= 3640);
    assert_eq!(machine.calls(), ["refresh --if-stale --quiet"]);
    // With systemd it does nothing.
    run(Command::new("/bin/sh").arg("-c").arg(fields[6].replace("/run/systemd/system", "/"))).unwrap();
    assert_eq!(machine.calls().len(), 1);
}
