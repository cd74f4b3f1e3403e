//! From the person's process to the privileged one and back: the plan goes in with its digest, lines of JSON come out. What is in between
//! is only relied on to pass both on as they are.

use super::screen::Screen;
use super::typed;
use crate::backends::engine::Progress;
use crate::commands::reply::Reply;
use crate::config::Config;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::model::{Order, Plan, Resolution, Source};
use crate::ops::gate::Refused;
use crate::ops::transact::{self, Desk, Report};
use crate::ops::{Place, World};
use crate::sys::elevate::{Elevation, PROGRAMS};
use crate::sys::paced::pace;
use crate::sys::signals;
use crate::ui::print_line;
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Arg, ArgMatches, Command};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

const MAX_PLAN_BYTES: u64 = 64 << 20;
/// In place of a digest: the first line is an order, and the digest comes before the plan.
const COMES: &str = "-";
/// The line behind the plan that asks for what Ctrl-C asks for.
const STOP: &str = "stop\n";

/// `omg apply`: what the privileged process is. It is not for people, and without a plan it does nothing.
pub fn apply_command() -> Command {
    Command::new("apply")
        .hide(true)
        .about("Carry out the plan on standard input, if it has this digest (started by the other commands, as root)")
        .arg(
            Arg::new("digest")
                .long("digest")
                .value_name("SHA256")
                .required(true)
                .help("The SHA-256 of the plan, or `-` where it comes behind the order that is to be planned"),
        )
        .arg(Arg::new("command").long("command").value_name("TEXT").default_value("omg").help("What the person typed"))
}

/// The second omg, which has the right to change packages: started, and not yet told what to do.
pub struct Privileged {
    child: Child,
    elevation: Elevation,
    /// Whether it was told the plan's digest when it was started.
    knows: bool,
    /// What it says.
    lines: Receiver<io::Result<String>>,
}

impl Privileged {
    /// Starts it for the plan with this digest; without one, for the plan that comes.
    fn start(ctx: &Ctx, source: Source, digest: Option<&str>, command: &str) -> Result<Privileged> {
        // Of the machine that runs this: another root may be anybody's.
        let config = Config::read(Path::new("/"))?;
        let programs = config.privilege.with.unwrap_or_else(|| PROGRAMS.map(str::to_owned).to_vec());
        let elevation = Elevation::find(&programs).ok_or_else(|| {
            let hint = format!("install one of {}, or run this as root", programs.join(", "));
            Hinted::new(Exit::Failed, "nothing here gives the right to change packages", hint)
        })?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut child = elevation
            .command(&program)
            .args(["apply", "--digest", digest.unwrap_or(COMES), "--command", command])
            .args(place(ctx, source))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {elevation:?}"))?;
        let lines = lines(child.stdout.take().expect("asked for a pipe"));
        Ok(Privileged { child, elevation, knows: digest.is_some(), lines })
    }

    /// Starts it before there is a plan, where nobody will be asked anything: this is root, and agreed beforehand.
    pub fn early(ctx: &Ctx, matches: &ArgMatches, source: Source) -> Option<Privileged> {
        let is_agreed = matches.get_flag("yes") && !matches.get_flag("dry-run");
        let is_root = rustix::process::geteuid().is_root();
        // What goes wrong here is told when it is needed.
        (is_agreed && is_root).then(|| Privileged::start(ctx, source, None, &typed()).ok()).flatten()
    }

    /// Has it find out what the order comes to, under the lock under which it will carry that out. None where it cannot, and then it
    /// holds nothing.
    pub fn plan(&mut self, order: &Order) -> Option<Resolution> {
        let mut line = serde_json::to_vec(order).ok()?;
        line.push(b'\n');
        self.child.stdin.as_mut()?.write_all(&line).ok()?;
        match serde_json::from_str(&self.lines.recv().ok()?.ok()?) {
            Ok(Report::Planned(found)) => found.map(|found| *found),
            _ => None,
        }
    }
}

impl Drop for Privileged {
    /// One that was not told what to do has done nothing, and ends by itself, with its lock.
    fn drop(&mut self) {
        if self.child.stdin.take().is_some() {
            let _ = self.child.wait();
        }
    }
}

/// Has a plan carried out with privilege, by `started` where somebody is, and shows what is told meanwhile.
/// `text` is the plan's own, and `digest` that of it. `look` sees the changed packages while that is written down.
pub fn hand_over(
    ctx: &Ctx,
    plan: &Plan,
    (text, digest): (&str, &str),
    command: &str,
    started: Option<Privileged>,
    look: &mut dyn FnMut(),
) -> Result<()> {
    let mut privileged = match started {
        Some(privileged) => privileged,
        None => Privileged::start(ctx, plan.source, Some(digest), command)?,
    };
    let Privileged { child, elevation, knows, lines } = &mut privileged;
    // Ctrl-C reaches all of them; this one stays to tell how it ended.
    signals::pass_on_to(Some(child.id()));
    signals::outlive_interruption();
    let mut stdin = child.stdin.take().expect("asked for a pipe");
    let head = if *knows { String::new() } else { format!("{digest}\n") };
    let sent = [&head, text, "\n"].iter().try_for_each(|part| stdin.write_all(part.as_bytes()));
    let mut screen = Screen::new(ctx, plan);
    let (mut ended, mut changing) = (None, false);
    let (heard, status) = thread::scope(|scope| {
        let waiter = scope.spawn(move || {
            // Not taken away yet, so that its number is nobody else's.
            let _ = waitid(WaitId::Pid(Pid::from_child(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            signals::pass_on_to(None);
            let status = child.wait();
            // run0 ends by a signal, and what it had systemd start has heard of none and goes on.
            let by_signal = status.as_ref().is_ok_and(|status| status.signal().is_some());
            if by_signal || signals::was_interrupted() {
                let _ = stdin.write_all(STOP.as_bytes());
            }
            status
        });
        let heard = (|| -> Result<()> {
            while let Some(line) = screen.wait_for(lines) {
                let Ok(report) = serde_json::from_str::<Report>(&line.context("cannot hear the privileged omg")?)
                else {
                    continue;
                };
                if ctx.json {
                    ctx.ui.print(&format!("{}\n", serde_json::to_string(&report)?))?;
                }
                changing |= report == Report::Progress(Progress::Changing);
                screen.show(&report);
                if changing {
                    screen.answer_interruption();
                }
                if report == Report::Changed {
                    look();
                }
                if matches!(report, Report::Done | Report::Refused(_) | Report::Failed { .. }) {
                    ended = Some(report);
                }
            }
            Ok(())
        })();
        (heard, waiter.join().expect("to wait does not panic"))
    });
    heard?;
    let status = status.context("cannot wait for the privileged omg")?;
    let work = screen.end();
    // One that was killed may have begun, and have been about to say so. What asks it to end does not end it from there on.
    let may_change = changing || status.signal().is_some_and(|signal| !signals::asks_for_the_end(signal));
    let message = format!("the privileged omg ended without a word ({status})");
    let killed = || Report::Failed { message, changing: true };
    match ended.or_else(|| may_change.then(killed)) {
        Some(Report::Done) => Ok(()),
        Some(Report::Refused(why)) => Err(refused(&why)),
        Some(Report::Failed { message, changing }) => {
            work.said.iter().for_each(|line| ctx.ui.note(line));
            let (state, hint) = match (changing, plan.source) {
                (false, _) => ("nothing was changed", ""),
                _ if !plan.files.is_empty() => {
                    ("the file may be changed already", "`omg conf` shows what is there now")
                }
                (true, Source::Apt) => (
                    "some packages may be changed",
                    "`sudo dpkg --configure -a` finishes what dpkg began; then run this again",
                ),
                (true, _) => ("some packages may be changed", "`omg history` shows which; run this again to finish"),
            };
            Err(Hinted::new(Exit::Failed, format!("{message}; {state}"), hint).into())
        }
        _ => {
            if let (Elevation::Through(program), false) = (&*elevation, signals::was_interrupted()) {
                let name = program.file_name().unwrap_or_default().display();
                let message = format!("{name} ended before omg could change packages ({status}); nothing was changed");
                let hint = "`[privilege]` in omg-config(5) says which program is asked";
                return Err(Hinted::new(Exit::Failed, message, hint).into());
            }
            sent.context("cannot hand over the plan")?;
            let why = if signals::was_interrupted() { "interrupted" } else { "it ended without a word" };
            bail!("the privileged omg did nothing: {why} ({status})")
        }
    }
}

/// What another process writes, line by line. A thread of its own reads it, so that one can look up in between.
fn lines(from: ChildStdout) -> Receiver<io::Result<String>> {
    let (heard, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(from).lines().try_for_each(|line| heard.send(line)));
    lines
}

/// Tells what an order comes to that is carried out next, under the lock that this takes. Meanwhile opens what that is written down in.
fn planned_here(ctx: &Ctx, world: &Result<World>, order: &str, command: &str) -> Result<Result<Desk>> {
    let order: Order = serde_json::from_str(order).context("cannot read the order")?;
    let world = world.as_ref().ok().zip(ctx.backend);
    let (found, desk) = thread::scope(|scope| {
        let found = scope.spawn(|| world.and_then(|(world, source)| transact::prepare(world, source, &order, command)));
        let desk = Desk::open(&ctx.place);
        (found.join().expect("to ask an engine does not panic"), desk)
    });
    ctx.ui.print(&(serde_json::to_string(&Report::Planned(found.map(Box::new)))? + "\n"))?;
    Ok(desk)
}

/// Waits for the line behind the plan, which comes where a signal ended the program between, and not this process.
fn stop_when_asked() {
    let mut line = String::new();
    let length = io::stdin().lock().take(STOP.len() as u64).read_line(&mut line);
    if length.is_ok() && line == STOP {
        signals::interrupt_this_process();
    }
}

/// The error of a plan that the policy forbids.
pub fn refused(why: &str) -> anyhow::Error {
    let hint = "nothing was changed; `omg policy` shows the rules in force";
    Hinted::new(Exit::Refused, why, hint).into()
}

/// The arguments that let the privileged omg see the same place, and get the engine of `source` ready.
fn place(ctx: &Ctx, source: Source) -> Vec<OsString> {
    let Place { root, config, dbpath, .. } = &ctx.place;
    let mut arguments = Vec::new();
    for (name, path) in [("--root", Some(root)), ("--config", config.as_ref()), ("--dbpath", dbpath.as_ref())] {
        // Environment variables that said so do not come through sudo.
        if let Some(path) = path.filter(|path| *path != Path::new("/")) {
            arguments.push(name.into());
            arguments.push(std::path::absolute(path).unwrap_or_else(|_| path.clone()).into());
        }
    }
    arguments.push("--backend".into());
    arguments.push(source.name().into());
    arguments
}

pub fn apply(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let argument = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    ensure!(rustix::process::geteuid().is_root(), "only root may change packages");
    let world = World::open(&ctx.place);
    let command = argument("command");
    let (mut digest, mut text, mut desk) = (argument("digest").to_owned(), String::new(), None);
    let mut stdin = io::stdin().lock().take(MAX_PLAN_BYTES);
    let engine = world.as_ref().ok().zip(ctx.backend).and_then(|(world, source)| world.backend(source)?.engine());
    if digest == COMES {
        engine.inspect(|engine| engine.get_ready());
        let mut line = || -> Result<String> {
            let mut line = String::new();
            stdin.read_line(&mut line).context("cannot read what comes before the plan")?;
            Ok(line.trim_end().to_owned())
        };
        let order = line()?;
        if order.is_empty() {
            digest.clear();
        } else {
            desk = Some(planned_here(ctx, &world, &order, command)?);
            digest = line()?;
        }
        if digest.is_empty() {
            // Whoever started this has no plan after all, and may be gone.
            engine.inspect(|engine| engine.stand_down());
            return Ok(Reply::new((), |_, ()| String::new(), Exit::Failed));
        }
    }
    stdin.read_line(&mut text).context("cannot read the plan")?;
    text.truncate(text.strip_suffix('\n').unwrap_or(&text).len());
    drop(stdin);
    signals::outlive_interruption();
    thread::spawn(stop_when_asked);
    let mut changing = false;
    let write = |reports: Vec<Report>| {
        let lines = reports.iter().filter_map(|report| serde_json::to_string(report).ok());
        // Whoever listened may be gone; the work goes on.
        let _ = print_line(&lines.map(|line| line + "\n").collect::<String>());
    };
    let done = pace(
        Report::is_urgent,
        || {},
        write,
        |out| {
            let mut report = |report: Report| {
                changing |= report == Report::Progress(Progress::Changing);
                out.say(report);
            };
            world
                .as_ref()
                .map_err(|error| anyhow!("{error:#}"))
                .and_then(|world| transact::carry_out(&ctx.place, world, desk, (&text, &digest), command, &mut report))
        },
    );
    // It may still hold what was refused.
    engine.inspect(|engine| engine.stand_down());
    let (last, exit) = match done {
        Ok(()) => (Report::Done, Exit::Found),
        Err(error) if error.is::<Refused>() => (Report::Refused(error.to_string()), Exit::Refused),
        Err(error) => (Report::Failed { message: format!("{error:#}"), changing }, Exit::Failed),
    };
    Ok(Reply::new(last, |_, last| serde_json::to_string(last).unwrap_or_default() + "\n", exit))
}
