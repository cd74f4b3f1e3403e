//! Changes of packages beside the native tools': plans, a transaction of 50 small packages, an upgrade without news, and a long history.

use super::Options;
use super::machine::{self, Machine, Tools, there};
use super::measure::{self, Program};
use super::rows::megabytes;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

#[path = "../../tests/support/debian.rs"]
mod debian;

const PACKAGES: usize = 50;
const TRANSACTIONS: usize = 100_000;
const ROUNDS: usize = 7;
const OLDER: [&str; 10] =
    ["bash", "coreutils", "findutils", "grep", "gzip", "hostname", "less", "sed", "tar", "tzdata"];

pub fn run(tools: &Tools, options: &Options) -> Result<()> {
    type Part = fn(&Tools) -> Result<()>;
    println!("\nchanges: omg first, beside the fastest of the others; a plan is asked for with the tools' caches warm");
    let parts: [(&str, Part); 5] = [
        ("apt-plan", apt_plans),
        ("pacman-plan", pacman_plans),
        ("apt-transaction", apt_transaction),
        ("pacman-transaction", pacman_transaction),
        ("history", long_history),
    ];
    let wanted = |part: &str| options.words.is_empty() || options.words.iter().any(|word| part.contains(word.as_str()));
    parts.into_iter().filter(|(part, _)| wanted(part)).try_for_each(|(_, measure)| measure(tools))
}

/// Runs them in turns and prints each; the first is omg. `before` puts things back, and is not timed.
fn compare(what: &str, asked: f64, programs: &[Program], before: Option<&Program>) -> Result<()> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); programs.len()];
    // A program that fails is fast.
    for program in programs {
        before.map_or(Ok(Duration::ZERO), Program::time)?;
        let first = program.command().stderr(Stdio::piped()).spawn()?.wait_with_output()?;
        ensure!(first.status.success(), "{} failed: {}", program.label, String::from_utf8_lossy(&first.stderr));
    }
    for round in 0..=ROUNDS {
        for (times, program) in times.iter_mut().zip(programs) {
            before.map_or(Ok(Duration::ZERO), Program::time)?;
            let took = program.time()?;
            // The first round fills the caches.
            if round > 0 {
                times.push(took);
            }
        }
    }
    let medians: Vec<f64> = times.into_iter().map(|times| measure::median(times).as_secs_f64() * 1000.0).collect();
    let fastest = medians[1..].iter().copied().fold(f64::INFINITY, f64::min);
    println!("{what}: {:.2} of the fastest (asked: at most {asked:.1})", medians[0] / fastest);
    for (program, median) in programs.iter().zip(&medians) {
        before.map_or(Ok(Duration::ZERO), Program::time)?;
        println!("  {:<52} {median:>8.1} ms {:>8}", program.label, megabytes(program.peak()? << 10));
    }
    Ok(())
}

fn apt_plans(tools: &Tools) -> Result<()> {
    let machine = Machine::of_apt(tools)?;
    // As if these had been left behind.
    let status = fs::read_to_string(machine.path("state/status"))?;
    let older = |stanza: &str| {
        let is_old = OLDER.iter().any(|name| stanza.starts_with(&format!("Package: {name}\n")));
        let lines = stanza.lines().map(|line| match line.starts_with("Version: ") && is_old {
            true => format!("{line}~"),
            false => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    fs::write(machine.path("state/status"), status.split("\n\n").map(older).collect::<Vec<_>>().join("\n\n"))?;
    machine.refresh()?;
    let peers = |options: &[&[&str]]| -> Vec<Program> {
        options.iter().filter(|words| there(words[0])).map(|words| machine.peer(words)).collect()
    };
    let plan = |omg: &[&str], others: &[&[&str]]| [vec![machine.omg(omg)], peers(others)].concat();
    let upgrade = plan(
        &["--backend=apt", "upgrade", "--dry-run"],
        &[&["apt-get", "-s", "upgrade"], &["aptitude", "-s", "-y", "safe-upgrade"], &["nala", "upgrade", "--simulate"]],
    );
    compare("apt, plan of an upgrade", 1.0, &upgrade, None)?;
    let install = plan(
        &["--backend=apt", "install", "--dry-run", "gimp"],
        &[&["apt-get", "-s", "install", "gimp"], &["aptitude", "-s", "-y", "install", "gimp"]],
    );
    compare("apt, plan of an installation", 1.0, &install, None)?;
    // Nothing is newer than what is installed where nothing of the lists is a candidate.
    let pins = "Package: *\nPin: release a=*\nPin-Priority: -1\n";
    fs::write(machine.path("pins"), pins)?;
    let mut conf = fs::read_to_string(machine.path("apt.conf"))?;
    writeln!(conf, "Dir::Etc::preferences \"{}\";", machine.path("pins").display())?;
    fs::write(machine.path("apt.conf"), conf)?;
    machine.refresh()?;
    let none = plan(
        &["--backend=apt", "upgrade"],
        &[&["apt-get", "-o", "Debug::NoLocking=1", "check"], &["apt-get", "-s", "upgrade"]],
    );
    compare("apt, an upgrade without news; `check` is the library's opening", 1.2, &none, None)
}

fn pacman_plans(tools: &Tools) -> Result<()> {
    let machine = Machine::of_pacman(tools)?;
    let conf = machine.path("pacman.conf").display().to_string();
    let against = |what: &str, omg: &[&str], pacman: &[&str]| {
        let pacman = [&["pacman", "--config", &conf], pacman].concat();
        compare(what, 1.0, &[machine.omg(omg), machine.peer(&pacman)], None)
    };
    against("pacman, plan of an installation", &["install", "--dry-run", "git"], &["-Sp", "git"])?;
    against("pacman, plan of an upgrade", &["upgrade", "--dry-run"], &["-Sup"])
}

/// In a root of Debian's own, with the packages in a repository beside it.
fn apt_transaction(tools: &Tools) -> Result<()> {
    let base = match debian::debian_root("bookworm") {
        Ok(base) => base,
        Err(why) => {
            println!("apt, {PACKAGES} packages: not measured: {why}");
            return Ok(());
        }
    };
    let folder = tempfile::Builder::new().prefix("omg-bench-").tempdir_in(base.parent().context("a folder")?)?;
    let root = folder.path().join("root");
    machine::run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(&base).arg(&root))?;
    fs::create_dir_all(root.join("opt"))?;
    fs::copy(&tools.omg, root.join("opt/omg"))?;
    machine::run(Command::new("chmod").arg("755").arg(root.join("opt/omg")))?;
    let repository = root.join("srv/repo");
    for name in names() {
        let tree = tempfile::tempdir()?;
        fs::create_dir_all(tree.path().join("DEBIAN"))?;
        fs::create_dir_all(tree.path().join("usr/share").join(&name))?;
        fs::create_dir_all(&repository)?;
        fs::write(tree.path().join("usr/share").join(&name).join("file"), name.repeat(1000))?;
        let control = format!(
            "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: N <n@example.org>\nDescription: for a bench\n"
        );
        fs::write(tree.path().join("DEBIAN/control"), control)?;
        let archive = repository.join(format!("{name}_1_all.deb"));
        let mut build = Command::new("dpkg-deb");
        build.args(["--root-owner-group", "-b"]).arg(tree.path()).arg(archive);
        machine::run(build.stdout(Stdio::null()))?;
    }
    let packages = fs::File::create(repository.join("Packages"))?;
    let mut scan = Command::new("dpkg-scanpackages");
    machine::run(scan.args(["-m", "."]).current_dir(&repository).stdout(packages).stderr(Stdio::null()))?;
    fs::write(root.join("etc/apt/sources.list"), "deb [trusted=yes] copy:/srv/repo ./\n")?;
    let inside = |words: &[&str]| {
        let at = format!("--root={}", root.display());
        let unshare = ["unshare", "--mount", "--pid", "--fork", "--mount-proc=/proc", &at];
        let all = unshare.into_iter().chain(words.iter().copied()).map(str::to_owned).chain(names());
        let program = Program::new(all).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root");
        program.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive").labelled(&words.join(" "))
    };
    let update = format!("--root={}", root.display());
    machine::run(Command::new("unshare").arg(update).args(["apt-get", "update", "-qq"]))?;
    let install = [inside(&["/opt/omg", "install", "--yes"]), inside(&["apt-get", "install", "-y"])];
    let purge = inside(&["apt-get", "purge", "-y"]);
    compare(&format!("apt, {PACKAGES} small packages"), 1.0, &install, Some(&purge))
}

/// In a root of its own below a folder; no chroot.
fn pacman_transaction(tools: &Tools) -> Result<()> {
    if !there("pacman") {
        println!("pacman, {PACKAGES} packages: not measured: no pacman");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let at = |below: &str| folder.path().join(below);
    for made in ["root", "db", "cache", "hooks", "gpg", "repo", "state", "index"] {
        fs::create_dir(at(made))?;
    }
    let database = tempfile::tempdir()?;
    for name in names() {
        let tree = tempfile::tempdir()?;
        fs::create_dir_all(tree.path().join("usr/share").join(&name))?;
        fs::write(tree.path().join("usr/share").join(&name).join("file"), name.repeat(1000))?;
        let info = format!(
            "pkgname = {name}\npkgbase = {name}\npkgver = 1-1\npkgdesc = for a bench\nbuilddate = 1700000000\n\
             packager = N <n@example.org>\nsize = 4096\narch = any\n"
        );
        fs::write(tree.path().join(".PKGINFO"), info)?;
        let file = format!("{name}-1-1-any.pkg.tar.zst");
        let archive = at("repo").join(&file);
        let mut tar = Command::new("tar");
        machine::run(tar.args(["-I", "zstd", "-cf"]).arg(&archive).args([".PKGINFO", "usr"]).current_dir(&tree))?;
        let entry = database.path().join(format!("{name}-1-1"));
        fs::create_dir(&entry)?;
        let fields = [("FILENAME", file.as_str()), ("NAME", &name), ("VERSION", "1-1"), ("ARCH", "any")];
        let size = fs::metadata(&archive)?.len();
        let mut desc = format!("%CSIZE%\n{size}\n\n%ISIZE%\n4096\n\n");
        for (key, value) in fields {
            write!(desc, "%{key}%\n{value}\n\n")?;
        }
        fs::write(entry.join("desc"), desc)?;
    }
    let mut tar = Command::new("tar");
    machine::run(
        tar.arg("-czf")
            .arg(at("repo/own.db"))
            .arg("-C")
            .arg(database.path())
            .args(names().map(|name| format!("{name}-1-1"))),
    )?;
    let here = folder.path().display();
    let conf = format!(
        "[options]\nArchitecture = auto\nSigLevel = Never\nRootDir = {here}/root\nDBPath = {here}/db\nCacheDir = {here}/cache\n\
         HookDir = {here}/hooks\nGPGDir = {here}/gpg\nLogFile = {here}/log\n[own]\nServer = file://{here}/repo\n"
    );
    fs::write(at("pacman.conf"), conf)?;
    let conf = at("pacman.conf").display().to_string();
    machine::run(Command::new("pacman").args(["--config", &conf, "-Sy"]).stdout(Stdio::null()))?;
    let all = |words: &[&str]| {
        let program = Program::new(words.iter().map(|word| (*word).to_owned()).chain(names()));
        let program = program.env("OMG_INDEX_DIR", at("index")).env("OMG_STATE_DIR", at("state"));
        program
            .labelled(&words.iter().map(|word| word.rsplit('/').next().unwrap_or(word)).collect::<Vec<_>>().join(" "))
    };
    let omg = tools.omg.display().to_string();
    let config = format!("--config={conf}");
    let install = [
        all(&[&omg, "--backend=pacman", &config, "install", "--yes"]),
        all(&["pacman", "--config", &conf, "--noconfirm", "-S"]),
    ];
    let remove = all(&["pacman", "--config", &conf, "--noconfirm", "-R"]);
    compare(&format!("pacman, {PACKAGES} small packages"), 1.0, &install, Some(&remove))
}

fn names() -> impl Iterator<Item = String> {
    (0..PACKAGES).map(|number| format!("small{number}"))
}

fn long_history(tools: &Tools) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root");
    for made in ["etc", "var/lib/pacman/local", "var/lib/pacman/sync", "var/log"] {
        fs::create_dir_all(root.join(made))?;
    }
    fs::write(root.join("etc/pacman.conf"), "[options]\n")?;
    let mut log = String::new();
    for number in 0..TRANSACTIONS {
        // Ten a day, each of three packages out of 2,000.
        let time = format!(
            "20{:02}-{:02}-{:02}T{:02}:00:00+0000",
            number / 3360,
            number / 280 % 12 + 1,
            number / 10 % 28 + 1,
            number % 10
        );
        writeln!(log, "[{time}] [PACMAN] Running 'pacman -S some'\n[{time}] [ALPM] transaction started")?;
        for package in 0..3 {
            writeln!(log, "[{time}] [ALPM] installed package{} (1.{number}-1)", (number * 3 + package) % 2000)?;
        }
        writeln!(log, "[{time}] [ALPM] transaction completed")?;
    }
    fs::write(root.join("var/log/pacman.log"), log)?;
    let omg = |words: &[&str]| {
        let argv = [tools.omg.as_os_str(), "--root".as_ref(), root.as_os_str()].into_iter();
        let program = Program::new(argv.chain(words.iter().map(AsRef::as_ref)));
        program.env("OMG_STATE_DIR", folder.path().join("state")).labelled(&format!("omg {}", words.join(" ")))
    };
    let first = omg(&["history"]).time()?;
    let empty = Program::new([&tools.empty]).labelled("empty static program");
    let programs = [empty, omg(&["history"]), omg(&["history", "package7"]), omg(&["history", "--limit", "1"])];
    println!(
        "history of {TRANSACTIONS} transactions (asked: 5 ms); read from the log at first in {} ms",
        first.as_millis()
    );
    for (program, time) in programs.iter().zip(measure::in_turns(&programs, 100)?) {
        let peak = megabytes(program.peak()? << 10);
        println!("  {:<52} {:>8.2} ms {peak:>8}", program.label, time.as_secs_f64() * 1000.0);
    }
    Ok(())
}
