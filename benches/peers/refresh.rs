//! `omg refresh`: from nothing, and after one package was installed or removed.

use super::Options;
use super::machine::{self, Machine, Tools};
use super::measure;
use super::rows::megabytes;
use anyhow::{Context, Result};
use std::fs;
use std::time::Duration;

const ROUNDS: usize = 9;

pub fn run(tools: &Tools, _options: &Options) -> Result<()> {
    println!("\nrefresh, {ROUNDS} times each");
    let aur = machine::aur(97_000)?;
    let apt = Machine::unindexed(tools, Some(&aur))?;
    from_nothing("apt's lists and 97,000 AUR packages", &apt, 1000)?;
    let status = apt.path("state/status");
    let with = fs::read_to_string(&status)?;
    let without = without_last_package(&with).context("no package in the status file")?;
    after_a_change("after one apt package", &apt, 80, |there| {
        // Replaced as dpkg does it, not written in place.
        fs::write(status.with_extension("new"), if there { &with } else { without })?;
        Ok(fs::rename(status.with_extension("new"), &status)?)
    })?;
    let pacman = Machine::of_pacman(tools)?;
    from_nothing("pacman's databases", &pacman, 1000)?;
    let (here, away) = (some_package(&pacman)?, pacman.path("away"));
    after_a_change("after one pacman package", &pacman, 80, |there| {
        let (from, to) = if there { (&away, &here) } else { (&here, &away) };
        Ok(fs::rename(from, to)?)
    })
}

fn some_package(machine: &Machine) -> Result<std::path::PathBuf> {
    let mut folders = fs::read_dir(machine.path("db/local"))?;
    let folder = folders.find_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_dir()));
    folder.context("no package is installed")
}

/// The status file but for its last paragraph.
fn without_last_package(status: &str) -> Option<&str> {
    let end = status.trim_end().rfind("\n\n")?;
    Some(&status[..end + 2])
}

fn from_nothing(label: &str, machine: &Machine, asked: u64) -> Result<()> {
    let refresh = machine.omg(&["refresh", "--force", "--quiet"]);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        for entry in fs::read_dir(machine.path("index")).into_iter().flatten() {
            fs::remove_file(entry?.path())?;
        }
        times.push(refresh.time()?);
    }
    print(label, times, asked, refresh.peak()?);
    println!("{:<44} {}", "  index on disk", megabytes(machine.index_bytes()?));
    Ok(())
}

fn after_a_change(label: &str, machine: &Machine, asked: u64, change: impl Fn(bool) -> Result<()>) -> Result<()> {
    let refresh = machine.omg(&["refresh", "--quiet"]);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        for there in [false, true] {
            change(there)?;
            times.push(refresh.time()?);
        }
    }
    change(false)?;
    let peak = refresh.peak()?;
    change(true)?;
    print(label, times, asked, peak);
    Ok(())
}

fn print(label: &str, times: Vec<Duration>, asked: u64, peak: u64) {
    let worst = times.iter().max().copied().unwrap_or_default();
    let median = measure::median(times);
    println!(
        "{label:<44} {:>6} ms, at most {} ms; asked {asked} ms; peak {}",
        median.as_millis(),
        worst.as_millis(),
        megabytes(peak << 10)
    );
}
