//! How the cost grows: AUR packages made from real ones, at 10,000, 100,000 and 1,000,000.

use super::Options;
use super::machine::{self, Tools};
use super::measure::{self, Program};
use super::rows::megabytes;
use anyhow::{Result, ensure};
use std::fs;
use std::process::Stdio;

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
const QUERIES: &[&[&str]] = &[
    &["info", "0ad-git"],
    &["complete", "--names", "fire"],
    &["search", "editor"],
    &["search", "zzyzxq", "qqq"],
    &["search", "--regex", "^lib.*-dev$"],
    &["search", "firfeox"],
];

pub fn run(tools: &Tools, options: &Options) -> Result<()> {
    println!("\nscale: an empty machine and that many AUR packages");
    for size in SIZES {
        let aur = machine::aur(size)?;
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("var/lib/pacman/local"))?;
        fs::create_dir_all(root.join("var/lib/pacman/sync"))?;
        fs::create_dir_all(root.join("etc"))?;
        fs::write(root.join("etc/pacman.conf"), "[options]\n")?;
        let index = folder.path().join("index");
        let omg = |words: &[&str]| {
            let argv = [tools.omg.as_os_str(), "--root".as_ref(), root.as_os_str()].into_iter();
            Program::new(argv.chain(words.iter().map(AsRef::as_ref)))
                .env("OMG_INDEX_DIR", &index)
                .env("OMG_AUR_FILE", &aur)
                .labelled(&format!("omg {}", words.join(" ")))
        };
        let refresh = omg(&["refresh", "--force", "--quiet"]);
        ensure!(refresh.command().stderr(Stdio::inherit()).status()?.success(), "omg refresh failed");
        let mut bytes = 0;
        for entry in fs::read_dir(&index)? {
            bytes += entry?.metadata()?.len();
        }
        let took = measure::median((0..5).map(|_| refresh.time()).collect::<Result<_>>()?);
        println!(
            "{size} packages: refresh {} ms, peak {}, index {}",
            took.as_millis(),
            megabytes(refresh.peak()? << 10),
            megabytes(bytes)
        );
        let empty = Program::new([&tools.empty]).labelled("empty static program");
        let programs: Vec<Program> = [empty].into_iter().chain(QUERIES.iter().map(|words| omg(words))).collect();
        let times = measure::in_turns(&programs, options.rounds / 2)?;
        for (program, time) in programs.iter().zip(&times) {
            let peak = megabytes(program.peak()? << 10);
            println!(
                "  {:<42} {:>6.2} ms {:>8.2} {peak:>8}",
                program.label,
                time.as_secs_f64() * 1000.0,
                time.as_secs_f64() / times[0].as_secs_f64()
            );
        }
    }
    Ok(())
}
