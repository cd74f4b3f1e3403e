//! What is measured: each row an omg command, the peers' commands for the same question, and what was asked for.

use super::Options;
use super::machine::{Machine, Tools, there};
use super::measure::{self, Program};
use anyhow::Result;

/// Peak memory in KiB that a look-up and a search may have.
const LOOK_UP: u64 = 8 << 10;
const SEARCH: u64 = 24 << 10;

struct Row {
    /// Times the empty program.
    limit: f64,
    memory: u64,
    omg: &'static [&'static str],
    peers: &'static [&'static [&'static str]],
}

const fn row(limit: f64, memory: u64, omg: &'static [&'static str], peers: &'static [&'static [&'static str]]) -> Row {
    Row { limit, memory, omg, peers }
}

const APT: &[Row] = &[
    row(1.5, LOOK_UP, &["prompt"], &[]),
    row(1.5, LOOK_UP, &["status"], &[]),
    row(
        1.5,
        LOOK_UP,
        &["info", "curl"],
        &[
            &["apt-cache", "show", "curl"],
            &["apt-cache", "policy", "curl"],
            &["apt", "show", "curl"],
            &["dpkg", "-s", "curl"],
            &["aptitude", "show", "curl"],
            &["nala", "show", "curl"],
        ],
    ),
    row(1.5, LOOK_UP, &["list", "--explicit", "--count"], &[&["apt-mark", "showmanual"]]),
    row(
        1.5,
        LOOK_UP,
        &["owner", "/usr/bin/perl"],
        &[&["dpkg", "-S", "/usr/bin/perl"], &["dlocate", "-S", "/usr/bin/perl"], &["plocate", "/usr/bin/perl"]],
    ),
    row(1.5, LOOK_UP, &["complete", "--names", "fire"], &[&["apt-cache", "pkgnames", "fire"]]),
    row(
        4.0,
        SEARCH,
        &["search", "editor"],
        &[
            &["apt-cache", "search", "editor"],
            &["apt", "search", "editor"],
            &["aptitude", "search", "~deditor"],
            &["nala", "search", "editor"],
        ],
    ),
    row(4.0, SEARCH, &["search", "editor", "--all"], &[&["apt-cache", "search", "editor"]]),
    row(4.0, SEARCH, &["search", "fire"], &[&["apt-cache", "search", "fire"]]),
    row(4.0, SEARCH, &["search", "refox"], &[&["apt-cache", "search", "refox"]]),
    row(4.0, SEARCH, &["search", "lib"], &[&["apt-cache", "search", "lib"]]),
    row(4.0, SEARCH, &["search", "c++"], &[&["apt-cache", "search", "c++"]]),
    row(4.0, SEARCH, &["search", "text", "editor"], &[&["apt-cache", "search", "text", "editor"]]),
    row(4.0, SEARCH, &["search", "--names", "editor"], &[&["apt-cache", "search", "-n", "editor"]]),
    row(4.0, SEARCH, &["search", "zzyzxq", "qqq"], &[&["apt-cache", "search", "zzyzxq", "qqq"]]),
    row(8.0, SEARCH, &["search", "--regex", "^lib.*-dev$"], &[&["apt-cache", "search", "^lib.*-dev$"]]),
    row(
        8.0,
        SEARCH,
        &["search", "--regex", "edit(or|ing) .*files"],
        &[&["apt-cache", "search", "edit(or|ing) .*files"]],
    ),
    row(8.0, SEARCH, &["search", "firfeox"], &[]),
    row(3.0, LOOK_UP, &["list", "--explicit"], &[&["apt-mark", "showmanual"], &["dpkg-query", "-W"]]),
    row(3.0, LOOK_UP, &["outdated"], &[&["apt", "list", "--upgradable"], &["nala", "list", "--upgradable"]]),
    row(3.0, LOOK_UP, &["why", "libcurl4"], &[&["aptitude", "why", "libcurl4"]]),
    row(3.0, LOOK_UP, &["deps", "--reverse", "libcurl4"], &[&["apt-cache", "rdepends", "libcurl4"]]),
    row(3.0, LOOK_UP, &["refresh", "--if-stale"], &[]),
];

const PACMAN: &[Row] = &[
    row(1.5, LOOK_UP, &["prompt"], &[]),
    row(1.5, LOOK_UP, &["info", "bash"], &[&["pacman", "-Si", "bash"], &["pacman", "-Qi", "bash"]]),
    row(1.5, LOOK_UP, &["list", "--explicit", "--count"], &[&["pacman", "-Qe"]]),
    row(1.5, LOOK_UP, &["owner", "/usr/bin/bash"], &[&["pacman", "-Qo", "/usr/bin/bash"]]),
    row(1.5, LOOK_UP, &["complete", "--names", "fire"], &[&["pacman", "-Slq"]]),
    row(4.0, SEARCH, &["search", "editor"], &[&["pacman", "-Ss", "editor"]]),
    row(4.0, SEARCH, &["search", "text", "editor"], &[&["pacman", "-Ss", "text", "editor"]]),
    row(4.0, SEARCH, &["search", "zzyzxq", "qqq"], &[&["pacman", "-Ss", "zzyzxq", "qqq"]]),
    row(8.0, SEARCH, &["search", "--regex", "^lib.*-git$"], &[&["pacman", "-Ss", "^lib.*-git$"]]),
    row(8.0, SEARCH, &["search", "firfeox"], &[]),
    row(3.0, LOOK_UP, &["list", "--explicit"], &[&["pacman", "-Qe"]]),
    row(3.0, LOOK_UP, &["list", "--orphans"], &[&["pacman", "-Qdt"]]),
    row(3.0, LOOK_UP, &["list", "--foreign"], &[&["pacman", "-Qm"]]),
    row(3.0, LOOK_UP, &["outdated"], &[&["pacman", "-Qu"]]),
    row(3.0, LOOK_UP, &["why", "readline"], &[]),
    row(3.0, LOOK_UP, &["deps", "--reverse", "readline"], &[&["pacman", "-Sii", "readline"]]),
    row(3.0, LOOK_UP, &["refresh", "--if-stale"], &[]),
];

/// The rows of this machine's packages and the AUR's.
pub fn apt(tools: &Tools, machine: &Machine, options: &Options) -> Result<()> {
    println!("\napt's lists of this machine and 97,000 AUR packages; index {}", megabytes(machine.index_bytes()?));
    all(tools, machine, options, APT, &[])
}

/// The rows of pacman's largest set.
pub fn pacman(tools: &Tools, machine: &Machine, options: &Options) -> Result<()> {
    println!("\npacman's databases; index {}", megabytes(machine.index_bytes()?));
    let conf = machine.path("pacman.conf").display().to_string();
    all(tools, machine, options, PACMAN, &["--config".into(), conf])
}

fn all(tools: &Tools, machine: &Machine, options: &Options, rows: &[Row], peers_options: &[String]) -> Result<()> {
    println!("{:<44} {:>9} {:>8} {:>6} {:>8} {:>5}", "", "median", "x empty", "asked", "peak", "asked");
    let mut missed = Vec::new();
    for row in rows {
        let omg = machine.omg(row.omg);
        if !options.words.is_empty() && !options.words.iter().any(|word| omg.label.contains(word.as_str())) {
            continue;
        }
        let peers = row.peers.iter().filter(|peer| there(peer[0])).map(|peer| {
            let mut words = vec![peer[0]];
            words.extend(peers_options.iter().map(String::as_str));
            words.extend(&peer[1..]);
            machine.peer(&words).labelled(&peer.join(" "))
        });
        let programs: Vec<Program> =
            [Program::new([&tools.empty]).labelled("empty static program"), omg].into_iter().chain(peers).collect();
        let times = measure::in_turns(&programs, options.rounds)?;
        let (empty, omg) = (times[0].as_secs_f64(), times[1].as_secs_f64());
        for (place, (program, time)) in programs.iter().zip(&times).enumerate() {
            let (time, peak) = (time.as_secs_f64(), program.peak()?);
            let line = format!("{:<44} {:>6.2} ms {:>8.2}", program.label, time * 1000.0, time / empty);
            let peak_text = megabytes(peak << 10);
            match place {
                0 => println!("{line} {:>6} {peak_text:>8}", ""),
                1 => {
                    println!("{line} {:>6.1} {peak_text:>8} {:>5}", row.limit, row.memory >> 10);
                    if time / empty > row.limit || peak > row.memory {
                        missed.push(program.label.clone());
                    }
                }
                _ => println!(
                    "  {:<42} {:>6.1} ms {:>8.1} {:>6} {peak_text:>8}   {:.0} x omg",
                    program.label,
                    time * 1000.0,
                    time / empty,
                    "",
                    time / omg
                ),
            }
        }
    }
    match missed.len() {
        0 => println!("every figure is met"),
        n => println!("{n} missed: {}", missed.join("; ")),
    }
    Ok(())
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / f64::from(1 << 20))
}
