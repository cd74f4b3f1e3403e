//! What an audit costs: a scan of 2,000 installed packages, a bill of materials of them, and the scan of a lock file of 400 crates
//! (omg's own). Beside it cargo-audit on the same file, where it is, with the half of RustSec's database that the shared data have.

use super::Options;
use super::machine::{self, Tools, there};
use super::measure::{self, Program};
use super::rows::megabytes;
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PACKAGES: usize = 2_000;
/// Of each source package; one in twenty of these packages has one that no version mends.
const FAULTS: usize = 10;
/// What a bill of materials may take, in milliseconds.
const BILL_MILLIS: f64 = 30.0;

/// Packages of this machine's lists as if they were installed, and what is known to be wrong with them.
struct Audited {
    folder: tempfile::TempDir,
    omg: PathBuf,
}

impl Audited {
    fn new(tools: &Tools) -> Result<Audited> {
        let audited = Audited { folder: tempfile::tempdir()?, omg: tools.omg.clone() };
        let packages = stanzas()?;
        let status: String = packages.iter().map(|one| format!("{one}\nStatus: install ok installed\n\n")).collect();
        audited.write("root/var/lib/dpkg/status", &status)?;
        audited.write("root/var/lib/dpkg/arch", "amd64\n")?;
        audited.write("root/etc/apt/apt.conf", "APT::Architecture \"amd64\";\n")?;
        audited.write("root/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n")?;
        audited.write("debian.json", &tracker(&packages).to_string())?;
        audited.write("osv.json", &records()?.to_string())?;
        let at = audited.folder.path().display();
        let addresses = format!("debian = \"file://{at}/debian.json\"\nosv = [\"file://{at}/osv.json\"]\n");
        audited
            .write("root/etc/omg/config.toml", &format!("[advisories]\nkev = \"off\"\nepss = \"off\"\n{addresses}"))?;
        let refresh = audited.program(&["refresh", "--advisories", "--quiet"]);
        ensure!(refresh.command().stderr(Stdio::inherit()).status()?.success(), "omg refresh failed");
        Ok(audited)
    }

    fn write(&self, below: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(below);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        Ok(fs::write(path, text)?)
    }

    fn program(&self, words: &[&str]) -> Program {
        let root = self.folder.path().join("root");
        let argv = [self.omg.as_os_str(), "--root".as_ref(), root.as_os_str()].into_iter();
        Program::new(argv.chain(words.iter().map(AsRef::as_ref)))
            .env("OMG_INDEX_DIR", self.folder.path().join("index"))
            .labelled(&format!("omg {}", words.join(" ")))
    }
}

pub fn run(tools: &Tools, options: &Options) -> Result<()> {
    println!("\nan audit of {PACKAGES} packages, and of a lock file");
    let audited = Audited::new(tools)?;
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock").display().to_string();
    let empty = Program::new([&tools.empty]).labelled("empty static program");
    let mut programs = vec![
        empty,
        audited.program(&["audit"]).labelled("omg audit (asked: 3 x empty)"),
        audited.program(&["audit", "sbom"]).labelled(&format!("omg audit sbom (asked: {BILL_MILLIS} ms)")),
        audited.program(&["audit", "scan", &lock]).labelled("omg audit scan Cargo.lock"),
        audited.program(&["audit", "sbom", &lock]).labelled("omg audit sbom Cargo.lock"),
    ];
    if there("cargo-audit") {
        let database = rustsec(audited.folder.path())?;
        let argv = ["cargo-audit", "audit", "--no-fetch", "--stale", "--db", &database, "--file", &lock];
        programs.push(Program::new(argv).labelled("cargo-audit (asked: 20 x omg's)"));
    }
    let times = measure::in_turns(&programs, options.rounds)?;
    let lock_time = times[3];
    for (program, time) in programs.iter().zip(&times) {
        let (millis, peak) = (time.as_secs_f64() * 1000.0, megabytes(program.peak()? << 10));
        let (empty, omg) = (time.as_secs_f64() / times[0].as_secs_f64(), time.as_secs_f64() / lock_time.as_secs_f64());
        println!("{:<44} {millis:>8.2} ms {empty:>8.2} x empty {omg:>8.1} x the lock's {peak:>8}", program.label);
    }
    Ok(())
}

/// Of the largest list that apt has here.
fn stanzas() -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    machine::plain_lists(Path::new("/var/lib/apt/lists"), folder.path())?;
    let mut lists: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder.path())? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with("_Packages") {
            lists.push((path.metadata()?.len(), path));
        }
    }
    let (_, largest) = lists.into_iter().max().context("apt has no lists here")?;
    let text = fs::read_to_string(largest)?;
    let all = text.split("\n\n").filter(|one| one.starts_with("Package: "));
    // Spread over the alphabet.
    let all: Vec<&str> = all.collect();
    let step = (all.len() / PACKAGES).max(1);
    Ok(all.into_iter().step_by(step).take(PACKAGES).map(str::to_owned).collect())
}

/// Debian's tracker with faults of all of them, most of which are mended.
fn tracker(packages: &[String]) -> Value {
    let mut all = Map::new();
    for (number, one) in packages.iter().enumerate() {
        let field = |name: &str| one.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let source = field("Source").or(field("Package")).unwrap_or_default();
        let source = source.split(' ').next().unwrap_or_default();
        let fault = |at: usize| {
            let release = match at == 0 && number % 20 == 0 {
                true => json!({"status": "open", "urgency": "not yet assigned"}),
                false => json!({"status": "resolved", "urgency": "medium", "fixed_version": format!("0~{at}")}),
            };
            (format!("CVE-2026-{}", number * FAULTS + at), json!({"releases": {"bookworm": release}}))
        };
        all.insert(source.to_owned(), (0..FAULTS).map(fault).collect::<Map<_, _>>().into());
    }
    all.into()
}

/// OSV's form: two for each crate of the lock file, mended long ago or affecting it.
fn records() -> Result<Value> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"))?;
    let names = text.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let record = |(number, name): (usize, &str)| {
        let fixed = if number.is_multiple_of(20) { "9999.0.0" } else { "0.0.1" };
        [fixed, "0.0.0"].map(|fixed| {
            let events = json!([{"introduced": "0"}, {"fixed": fixed}]);
            json!({"id": format!("RUSTSEC-2026-{number}-{fixed}"), "summary": "made for this", "affected": [
                {"package": {"ecosystem": "crates.io", "name": name}, "ranges": [{"type": "SEMVER", "events": events}]}]})
        })
    };
    Ok(names.enumerate().flat_map(record).collect::<Vec<_>>().into())
}

/// RustSec's database as cargo-audit wants it.
fn rustsec(folder: &Path) -> Result<String> {
    let database = folder.join("rustsec");
    fs::create_dir(&database)?;
    let packed = machine::shared_data().join("osv/rustsec-a-m.tar.zst");
    machine::run(Command::new("tar").args(["-I", "zstd", "-xf"]).arg(packed).arg("-C").arg(&database))?;
    Ok(database.display().to_string())
}
