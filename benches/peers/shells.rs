//! What the versions of a folder cost: a prompt with the hook, measured inside the shell; a shell's start; `which`, `env`, `use` and a
//! shim. Beside them fnm and mise, where they are.

use super::Options;
use super::machine::{Tools, there};
use super::measure::{self, Program};
use super::rows::megabytes;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// Prompts in one measurement.
const PROMPTS: u32 = 2000;
/// Measurements of a shell.
const RUNS: usize = 15;
/// Where one is in the home.
const HERE: &str = "project/part/deep";
/// What a prompt and a shell's start may take, in microseconds.
const PROMPT_MICROS: f64 = 60.0;
const START_MICROS: f64 = 1000.0;

/// A home with two versions of node and a project that asks for one, two folders below which one is.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Result<Home> {
        let home = Home(tempfile::tempdir()?);
        for version in ["20.1.0", "22.1.0"] {
            let folder = home.at(".local/share/omg/versions/node").join(version).join("bin");
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("node"), "#!/bin/sh\n")?;
            fs::set_permissions(folder.join("node"), fs::Permissions::from_mode(0o755))?;
        }
        fs::create_dir_all(home.at(HERE))?;
        fs::create_dir_all(home.at("index"))?;
        fs::write(home.at("project/.nvmrc"), "22\n")?;
        fs::write(home.at("index/status.txt"), "updates=3 security=- attention=0 installed=900 built=1\n")?;
        Ok(home)
    }

    /// A project is older than the moment in which one comes into it. One of the same second has its names looked for at each prompt.
    fn settle(&self) -> Result<()> {
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        for name in ["project/.nvmrc", "project", "project/part", HERE] {
            File::open(self.at(name))?.set_modified(hour_ago)?;
        }
        Ok(())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// In the project.
    fn program(&self, argv: &[&str]) -> Program {
        let program = Program::new(argv).at(self.at(HERE));
        program.env("HOME", self.0.path()).env("OMG_INDEX_DIR", self.at("index"))
    }
}

/// A command of omg, and what is run beside it.
struct Row<'r> {
    label: &'r str,
    /// Times the empty program.
    limit: f64,
    omg: Vec<&'r str>,
    peers: Vec<Vec<&'r str>>,
}

fn row<'r>(label: &'r str, limit: f64, omg: &[&'r str], peers: &[&[&'r str]]) -> Row<'r> {
    Row { label, limit, omg: omg.to_vec(), peers: peers.iter().map(|peer| peer.to_vec()).collect() }
}

pub fn run(tools: &Tools, options: &Options) -> Result<()> {
    let home = Home::new()?;
    let omg = tools.omg.to_str().context("a path of text")?;
    println!("\nversions of a folder, and the shell");
    println!("{:<44} {:>9} {:>8} {:>6} {:>8}", "", "median", "x empty", "asked", "peak");
    let shims = home.program(&[omg, "shims"]).command().stdout(Stdio::piped()).output()?;
    ensure!(shims.status.success(), "omg shims failed");
    let shim = String::from_utf8(shims.stdout)?.trim().to_owned() + "/node";
    // What the shim starts is a script; the same without a shim.
    let node = home.at(".local/share/omg/versions/node/22.1.0/bin/node").display().to_string();
    let empty = tools.empty.to_str().context("a path of text")?;
    let rows = [
        row("omg which node", 1.5, &[omg, "which", "node"], &[&["fnm", "current"], &["mise", "which", "node"]]),
        row("omg env --shell bash", 1.5, &[omg, "env", "--shell", "bash"], &[&["fnm", "env"], &["mise", "env"]]),
        row("omg use node@22", 3.0, &[omg, "use", "node@22"], &[]),
        row("a shim, and the script it runs", 2.5, &[&shim], &[&[&node]]),
    ];
    for Row { label, limit, omg: argv, peers } in rows {
        let peers = peers.iter().filter(|peer| peer[0].contains('/') || there(peer[0])).map(|peer| home.program(peer));
        let first = [home.program(&[empty]).labelled("empty static program"), home.program(&argv).labelled(label)];
        let programs: Vec<Program> = first.into_iter().chain(peers).collect();
        let times = measure::in_turns(&programs, options.rounds)?;
        for (place, (program, time)) in programs.iter().zip(&times).enumerate() {
            let (time, empty) = (time.as_secs_f64(), times[0].as_secs_f64());
            let asked = if place == 1 { limit.to_string() } else { String::new() };
            let name = program.label.rsplit('/').next().unwrap_or_default();
            let name = if place < 2 { &program.label } else { name };
            let peak = megabytes(program.peak()? << 10);
            println!("{name:<44} {:>6.2} ms {:>8.2} {asked:>6} {peak:>8}", time * 1000.0, time / empty);
        }
    }
    for shell in ["bash", "zsh"] {
        if there(shell) {
            home.settle()?;
            prompts(&home, omg, empty, shell)?;
        }
    }
    Ok(())
}

/// The cost of a prompt and of a start, by the shell's own clock.
fn prompts(home: &Home, omg: &str, empty: &str, shell: &str) -> Result<()> {
    let clock = if shell == "zsh" { "zmodload zsh/datetime; " } else { "" };
    let load = format!("eval \"$({omg} hook {shell})\"");
    let prompt = format!(
        "{clock}{load}; __omg_hook; a=$EPOCHREALTIME; for ((i = 0; i < {PROMPTS}; i++)); do __omg_hook; done; b=$EPOCHREALTIME
         for ((i = 0; i < {PROMPTS}; i++)); do :; done; echo $a $b $EPOCHREALTIME"
    );
    let starting = |load: &str| format!("{clock}a=$EPOCHREALTIME; {load}; echo $a $EPOCHREALTIME $EPOCHREALTIME");
    // In a project: with its first prompt, so that nothing is put off.
    let kept = format!(". ~/.cache/omg/hook.{shell} 2>/dev/null || eval \"$({omg} hook {shell} --keep)\"; __omg_hook");
    // What a process costs a shell, whatever it does.
    let process = starting(&format!("text=$({empty})"));
    let elsewhere = format!("cd /; {}", starting(&kept));
    for (label, script, times, asked) in [
        (format!("{shell}: a prompt with the hook"), prompt, PROMPTS, PROMPT_MICROS),
        (format!("{shell}: starting with the hook"), starting(&load), 1, START_MICROS),
        (format!("{shell}: starting with the hook in a file, and a prompt"), starting(&kept), 1, START_MICROS),
        (format!("{shell}: the same where nothing asks"), elsewhere, 1, START_MICROS),
    ] {
        let mut micros: Vec<f64> = (0..RUNS).map(|_| inside(home, shell, &script, times)).collect::<Result<_>>()?;
        micros.sort_by(f64::total_cmp);
        println!("{label:<44} {:>6.1} us, least {:.1}; asked {asked}", micros[RUNS / 2], micros[0]);
    }
    let mut micros: Vec<f64> = (0..RUNS).map(|_| inside(home, shell, &process, 1)).collect::<Result<_>>()?;
    micros.sort_by(f64::total_cmp);
    let label = format!("{shell}: the empty program, and what it says");
    println!("{label:<44} {:>6.1} us, least {:.1}", micros[RUNS / 2], micros[0]);
    Ok(())
}

/// Microseconds of each of `times`, without the loop around it.
fn inside(home: &Home, shell: &str, script: &str, times: u32) -> Result<f64> {
    let mut command = Command::new(shell);
    if shell == "zsh" {
        command.arg("-f");
    }
    command.current_dir(home.at(HERE)).env("HOME", home.0.path()).env("OMG_INDEX_DIR", home.at("index"));
    let output = command.args(["-c", script]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let seconds: Vec<f64> = text.split_whitespace().filter_map(|word| word.replace(',', ".").parse().ok()).collect();
    let [begun, ended, empty] = seconds[..] else { anyhow::bail!("{shell} said {text:?}") };
    Ok(((ended - begun) - (empty - ended)) * 1e6 / f64::from(times))
}
