//! Runs programs in turns and takes the time and the memory of each.

use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The first argument that makes this program run another one and print the peak memory of it.
pub const PEAK: &str = "--peak-of";

/// What a slow program may take in all its runs.
const BUDGET: Duration = Duration::from_secs(4);
const FEWEST: usize = 5;

/// A program with its arguments and environment.
#[derive(Clone, Debug)]
pub struct Program {
    pub label: String,
    pub argv: Vec<OsString>,
    pub env: Vec<(OsString, OsString)>,
    /// Where it is run; here where none is named.
    pub folder: PathBuf,
}

impl Program {
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>) -> Program {
        let argv: Vec<OsString> = argv.into_iter().map(Into::into).collect();
        let label = argv.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        Program { label, argv, env: Vec::new(), folder: ".".into() }
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Program {
        self.env.push((name.into(), value.into()));
        self
    }

    pub fn at(mut self, folder: impl Into<PathBuf>) -> Program {
        self.folder = folder.into();
        self
    }

    pub fn labelled(mut self, label: &str) -> Program {
        self.label = label.to_owned();
        self
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]).envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs it once. An exit code is no failure: "nothing found" has one.
    pub fn time(&self) -> Result<Duration> {
        let mut command = self.command();
        let start = Instant::now();
        let status = command.status().with_context(|| format!("cannot run {}", self.label))?;
        let took = start.elapsed();
        ensure!(status.code().is_some(), "{} was killed", self.label);
        Ok(took)
    }

    /// Peak memory of one run in KiB, as the kernel counts it for the children of a process that has no other.
    pub fn peak(&self) -> Result<u64> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(PEAK).args(&self.argv).envs(self.env.iter().map(|(name, value)| (name, value)));
        let output = command.current_dir(&self.folder).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8(output.stdout)?;
        text.trim().parse().with_context(|| format!("no peak memory of {}: {text:?}", self.label))
    }
}

/// The other side of [`Program::peak`].
pub fn report_peak(argv: &[OsString]) -> Result<()> {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status()?;
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)?;
    println!("{}", usage.max_rss());
    Ok(())
}

/// Runs all programs in turns, fast ones `rounds` times and slow ones as often as the budget allows: the medians.
pub fn in_turns(programs: &[Program], rounds: usize) -> Result<Vec<Duration>> {
    let mut left = Vec::new();
    for program in programs {
        let first = program.time()?;
        left.push((BUDGET.as_secs_f64() / first.as_secs_f64()).clamp(FEWEST as f64, rounds as f64) as usize);
    }
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); programs.len()];
    let wanted = left.clone();
    for round in 0..rounds {
        for (place, program) in programs.iter().enumerate() {
            // The few runs of a slow one are spread over all rounds.
            if round * wanted[place] / rounds != (round + 1) * wanted[place] / rounds {
                times[place].push(program.time()?);
            }
        }
    }
    Ok(times.into_iter().map(median).collect())
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
