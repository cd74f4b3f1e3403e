//! Steps are started, waited for and, where one fails or somebody asks for it, ended.
//!
//! A step that runs alone shares omg's process group, terminal and standard input: what the keyboard sends reaches it as it does without
//! omg, once, and omg only waits. A signal that somebody sends to omg alone is handed on. Steps side by side have a group each, so that all
//! that one of them started can be ended with it; they read nothing, and their output comes in whole lines.

use super::{Manner, Step, nested};
use crate::error::{Exit, Hinted};
use crate::project::Source;
use crate::sys::elevate::on_path;
use crate::sys::signals::Incoming;
use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, getpgrp, getpid, kill_process, kill_process_group};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use rustix::time::Timespec;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a step may take to end after it was asked to because another failed or a file changed.
const PATIENCE: Duration = Duration::from_secs(10);
/// A line that is longer is handed on in pieces.
const MAX_LINE: usize = 64 << 10;
/// How much is read of a pipe at a time. One that is filled as fast as it is read must not keep signals and the other steps waiting.
const MAX_READ: usize = 64 << 10;

/// What happens meanwhile.
#[derive(Debug)]
pub enum Event<'s> {
    Starts(&'s Step),
    /// Of a step side by side with others: a line with its end, or a piece of a long or unfinished one.
    Says(Said<'s>),
    /// It ended with another code than 0.
    Failed(&'s Step, u8),
    /// It is asked to end, since another failed or something changed.
    Stops(&'s Step),
}

#[derive(Debug)]
pub struct Said<'s> {
    pub step: &'s Step,
    pub place: usize,
    pub output: Output,
    pub bytes: &'s [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Standard,
    Error,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The exit code: of the first that failed; for one that a signal ended 128 and the signal's number.
    Ended(u8),
    /// The same, after a signal asked for the end of it all.
    Interrupted(u8),
    /// All were ended, since something else is to be done.
    Broken,
}

/// Whoever may want it to end before it is done: something to wait for, and what to ask when it wakes up.
pub trait Breaker {
    fn fd(&self) -> BorrowedFd<'_>;
    fn breaks(&mut self) -> Result<bool>;
}

/// Whether anybody still wants to hear.
pub type Report<'r> = dyn FnMut(Event<'_>) -> bool + 'r;

pub fn carry_out(
    steps: &[Step],
    manner: Manner,
    incoming: &Incoming,
    mut breaker: Option<&mut dyn Breaker>,
    report: &mut Report,
) -> Result<Outcome> {
    let programs = steps.iter().map(program).collect::<Result<Vec<_>>>()?;
    steps.iter().try_for_each(nested::check)?;
    let mut work = Work {
        steps,
        programs,
        manner,
        done: vec![false; steps.len()],
        begun: vec![false; steps.len()],
        running: Vec::new(),
        failure: None,
        interrupted: None,
        broken: false,
        kill_at: None,
        error: None,
        terminal: if manner.has_groups() { None } else { terminal() },
    };
    loop {
        work.start(report);
        if work.running.is_empty() {
            break;
        }
        let woken = work.wait(incoming, breaker.as_deref())?;
        work.pass_on_signals(incoming);
        if woken
            && !work.is_ending()
            && let Some(breaker) = breaker.as_deref_mut()
            && breaker.breaks()?
        {
            work.broken = true;
            work.stop_all(report);
        }
        work.read(report);
        work.reap(report);
        work.lose_patience();
    }
    work.outcome()
}

struct Running {
    place: usize,
    child: Child,
    pipes: Vec<Pipe>,
    /// It was asked to end, so that its code is no news.
    is_stopped: bool,
}

impl Running {
    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }
}

struct Pipe {
    output: Output,
    /// `None` where nothing more comes, or nobody wants it.
    end: Option<OwnedFd>,
    /// What has come of a line.
    rest: Vec<u8>,
}

struct Work<'s> {
    steps: &'s [Step],
    programs: Vec<PathBuf>,
    manner: Manner,
    done: Vec<bool>,
    begun: Vec<bool>,
    running: Vec<Running>,
    failure: Option<u8>,
    interrupted: Option<Signal>,
    broken: bool,
    kill_at: Option<Instant>,
    error: Option<anyhow::Error>,
    terminal: Option<Termios>,
}

impl<'s> Work<'s> {
    fn is_ending(&self) -> bool {
        self.failure.is_some() || self.interrupted.is_some() || self.broken || self.error.is_some()
    }

    /// Starts what waits for nothing any more.
    fn start(&mut self, report: &mut Report) {
        loop {
            let ready =
                |place: &usize| !self.begun[*place] && self.steps[*place].after.iter().all(|before| self.done[*before]);
            let room = self.manner.side_by_side || self.running.is_empty();
            let Some(place) = (0..self.steps.len()).find(ready).filter(|_| room && !self.is_ending()) else { return };
            let step = &self.steps[place];
            self.begun[place] = true;
            if step.command.is_empty() {
                self.done[place] = true;
                continue;
            }
            report(Event::Starts(step));
            match self.spawn(place) {
                Ok(running) => self.running.push(running),
                Err(error) => {
                    self.error = Some(error);
                    self.stop_all(report);
                }
            }
        }
    }

    fn spawn(&self, place: usize) -> Result<Running> {
        let step = &self.steps[place];
        let mut command = Command::new(&self.programs[place]);
        command.arg0(&step.command[0]).args(&step.command[1..]).current_dir(&step.folder);
        // What it would be for somebody who went there.
        command
            .env("PWD", &step.folder)
            .env(nested::VARIABLE, nested::with(step))
            .envs(step.variables.iter().map(|(name, value)| (name, value)));
        if self.manner.has_groups() {
            command.process_group(0).stdin(Stdio::null());
        }
        if self.manner.side_by_side {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let failed = || format!("cannot run {} in {}", step.command[0].display(), step.folder.display());
        let mut child = command.spawn().with_context(failed)?;
        let mut pipes = Vec::new();
        let outputs = [
            (Output::Standard, child.stdout.take().map(OwnedFd::from)),
            (Output::Error, child.stderr.take().map(OwnedFd::from)),
        ];
        for (output, end) in outputs {
            if let Some(end) = end {
                fcntl_setfl(&end, OFlags::NONBLOCK).map_err(io::Error::from).context("cannot read from a pipe")?;
                pipes.push(Pipe { output, end: Some(end), rest: Vec::new() });
            }
        }
        Ok(Running { place, child, pipes, is_stopped: false })
    }

    /// Waits until something happened; says whether the breaker did.
    fn wait(&self, incoming: &Incoming, breaker: Option<&(dyn Breaker + '_)>) -> Result<bool> {
        let breaker = breaker.filter(|_| !self.is_ending());
        let mut all = vec![PollFd::new(incoming, PollFlags::IN)];
        let breaker_fd = breaker.map(|breaker| breaker.fd());
        if let Some(fd) = &breaker_fd {
            all.push(PollFd::new(fd, PollFlags::IN));
        }
        let ends = self.running.iter().flat_map(|running| &running.pipes).filter_map(|pipe| pipe.end.as_ref());
        all.extend(ends.map(|end| PollFd::new(end, PollFlags::IN)));
        let left = self.kill_at.map(|at| at.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        match poll(&mut all, left.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => return Err(io::Error::from(error)).context("cannot wait for a task"),
        }
        Ok(breaker_fd.is_some() && !all[1].revents().is_empty())
    }

    fn pass_on_signals(&mut self, incoming: &Incoming) {
        let has_groups = self.manner.has_groups();
        for arrived in incoming.take() {
            if arrived.signal == Signal::TSTP {
                // Only noted where steps have groups of their own, which the terminal's key does not reach.
                self.send_all(Signal::TSTP);
                let _ = kill_process(getpid(), Signal::STOP);
                self.send_all(Signal::CONT);
                continue;
            }
            if !arrived.asks_for_the_end() {
                // Whoever understands it is the task itself, and not all it started.
                self.running.iter().filter_map(Running::pid).for_each(|pid| _ = kill_process(pid, arrived.signal));
                continue;
            }
            self.interrupted.get_or_insert(arrived.signal);
            // What the terminal sends, the whole group has.
            if has_groups || !arrived.from_kernel {
                self.send_all(arrived.signal);
            }
        }
    }

    fn send_all(&self, signal: Signal) {
        self.running.iter().for_each(|running| self.send(running, signal));
    }

    /// It has not been waited for, so that the number is still its own.
    fn send(&self, running: &Running, signal: Signal) {
        let Some(pid) = running.pid() else { return };
        let _ = if self.manner.has_groups() { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    }

    fn stop_all(&mut self, report: &mut Report) {
        for place in 0..self.running.len() {
            if !std::mem::replace(&mut self.running[place].is_stopped, true) {
                report(Event::Stops(&self.steps[self.running[place].place]));
                self.send(&self.running[place], Signal::TERM);
                // One that was paused would not hear of it.
                self.send(&self.running[place], Signal::CONT);
            }
        }
        if !self.running.is_empty() {
            self.kill_at.get_or_insert(Instant::now() + PATIENCE);
        }
    }

    fn lose_patience(&mut self) {
        if self.kill_at.is_some_and(|at| at <= Instant::now()) {
            self.kill_at = None;
            let stopped = self.running.iter().filter(|running| running.is_stopped);
            stopped.for_each(|running| self.send(running, Signal::KILL));
        }
    }

    fn read(&mut self, report: &mut Report) {
        let steps = self.steps;
        for running in &mut self.running {
            for pipe in &mut running.pipes {
                pipe.read(&steps[running.place], running.place, false, report);
            }
        }
    }

    fn reap(&mut self, report: &mut Report) {
        let mut at = 0;
        while at < self.running.len() {
            let status = match self.running[at].child.try_wait() {
                Ok(None) => {
                    at += 1;
                    continue;
                }
                Ok(Some(status)) => status,
                Err(error) => {
                    self.error.get_or_insert(anyhow::Error::new(error).context("cannot wait for a task"));
                    ExitStatus::from_raw(0)
                }
            };
            let mut ended = self.running.remove(at);
            let step = &self.steps[ended.place];
            // Whatever it started and left behind is not waited for.
            for pipe in &mut ended.pipes {
                pipe.read(step, ended.place, true, report);
            }
            if status.signal().is_some() {
                self.mend_terminal();
            }
            let code = code(status);
            self.done[ended.place] = code == 0;
            if code != 0 && !ended.is_stopped {
                report(Event::Failed(step, code));
                if self.failure.is_none() {
                    self.failure = Some(code);
                }
                self.stop_all(report);
            }
        }
    }

    /// A program that a signal ended may have left the terminal without echo or line ends.
    fn mend_terminal(&self) {
        if let Some(before) = &self.terminal
            && is_in_foreground()
        {
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }

    fn outcome(self) -> Result<Outcome> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let is_done = self.done.iter().all(|done| *done);
        let code = match (self.failure, self.interrupted) {
            (Some(code), _) => code,
            (None, Some(signal)) if !is_done => 128 + signal.as_raw() as u8,
            _ => 0,
        };
        Ok(match self.interrupted {
            Some(_) => Outcome::Interrupted(code),
            None if self.broken => Outcome::Broken,
            None => Outcome::Ended(code),
        })
    }
}

impl Pipe {
    /// Hands on lines that have come; at the end all that the pipe holds, and the rest of a line as well.
    fn read(&mut self, step: &Step, place: usize, is_end: bool, report: &mut Report) {
        let mut bytes = [0; 16 << 10];
        let mut left = match &self.end {
            Some(end) if is_end => ioctl_fionread(end).map_or(0, |held| held as usize),
            _ => MAX_READ,
        };
        while left > 0
            && let Some(end) = &self.end
        {
            let length = match rustix::io::read(end, &mut bytes) {
                Ok(0) => {
                    self.end = None;
                    break;
                }
                Ok(length) => length,
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => {
                    self.end = None;
                    break;
                }
            };
            left = left.saturating_sub(length);
            self.rest.extend_from_slice(&bytes[..length]);
            let mut rest = std::mem::take(&mut self.rest);
            let mut start = 0;
            while let Some(length) = line_length(&rest[start..]) {
                self.say(step, place, &rest[start..start + length], report);
                start += length;
            }
            rest.drain(..start);
            self.rest = rest;
        }
        if (is_end || self.end.is_none()) && !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            self.say(step, place, &rest, report);
        }
    }

    fn say(&mut self, step: &Step, place: usize, bytes: &[u8], report: &mut Report) {
        if !report(Event::Says(Said { step, place, output: self.output, bytes })) {
            // Whoever writes hears of it as it would without omg.
            self.end = None;
        }
    }
}

/// With its end; `None` where more of it is to come.
fn line_length(bytes: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(MAX_LINE)]).map(|at| at + 1);
    end.or((bytes.len() >= MAX_LINE).then_some(MAX_LINE))
}

/// As a shell tells it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// The terminal's settings, where it is omg's turn at it.
fn terminal() -> Option<Termios> {
    if is_in_foreground() { tcgetattr(io::stdin()).ok() } else { None }
}

fn is_in_foreground() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// The file to execute for a step. That a tool is missing is told before anything is run.
fn program(step: &Step) -> Result<PathBuf> {
    let Some(program) = step.command.first() else { return Ok(PathBuf::new()) };
    let name = program.to_string_lossy();
    if name.contains('/') {
        return Ok(step.folder.join(Path::new(program)));
    }
    let own = step.variables.iter().rfind(|(name, _)| name == "PATH").map(|(_, value)| value.into());
    let path = own.or_else(|| std::env::var_os("PATH"));
    // Some distributions have go-task under this name, since another program is called task.
    let other = if step.source == Source::Task { on_path("go-task", path.as_deref()) } else { None };
    other.or_else(|| on_path(&name, path.as_deref())).ok_or_else(|| {
        let file = step.file.file_name().unwrap_or_default().to_string_lossy();
        let message = format!("{name} is not on the PATH, and {} of {file} is run with it", step.name);
        Hinted::new(Exit::Failed, message, missing(step.source, &name)).into()
    })
}

fn missing(source: Source, name: &str) -> String {
    match source {
        Source::Pnpm | Source::Yarn => format!("`corepack enable` gives {name} where node is; or `omg search {name}`"),
        _ => format!("`omg search {name}` shows whether a package brings it"),
    }
}
