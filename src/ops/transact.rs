//! A change of packages from the order to what came of it: resolve without privilege, carry out with it, record.
//!
//! Two processes take part. The person's own computes the plan and shows it. The privileged one is given the plan and its
//! digest, and carries out that plan or nothing: its engine resolves the order again under the package manager's lock and compares.

use super::gate::{self, Ledger, Refused};
use super::{Place, Request, World, by_tool, clean, fs_snapshot, history, refresh, settle, signature};
use crate::audit::log::Event;
use crate::audit::policy::Policy;
use crate::audit::sha256;
use crate::audit::signature::Verdict;
use crate::backends::engine::{Ask, EngineCommand, EngineError, Progress, nobody_listens};
use crate::backends::{Backend, Lock};
use crate::config::{Config, Maker};
use crate::history::{FsSnapshot, Journal};
use crate::index::Index;
use crate::model::{Mark, Marked, Order, Plan, Resolution, Silent, Source, Task};
use crate::sys::holder::{self, Holder};
use crate::sys::signals;
use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// To compute a plan may take a library long where nothing is cached.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// At a lock that always somebody else gets.
const ATTEMPTS: u32 = 20;
/// A lock file without anybody who has it open is looked at this long: libalpm closes it before it deletes it.
const ABANDONED: Duration = Duration::from_secs(3);

/// What the privileged process tells the person's own, as lines of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// What an order comes to; nothing where that has to be found out without the lock that this would hold.
    Planned(Option<Box<Resolution>>),
    /// Somebody else changes packages; this waits.
    Waiting {
        holder: Option<Holder>,
        lock: String,
    },
    Progress(Progress),
    /// A line that a script or the library printed.
    Said(String),
    /// Worth telling, and no failure.
    Warning(String),
    /// The file system is kept as it is now, under this number, name or path.
    Snapshot {
        by: Maker,
        id: String,
    },
    /// The packages are as planned; that is being written down.
    Changed,
    Done,
    /// The policy forbids it; nothing was changed.
    Refused(String),
    /// Why not, and whether packages had been changed already.
    Failed {
        message: String,
        changing: bool,
    },
}

impl Report {
    /// Whether it is to be known at once. The rest is for the eye.
    pub fn is_urgent(&self) -> bool {
        match self {
            Report::Progress(progress) => progress.is_urgent(),
            Report::Said(_) => false,
            _ => true,
        }
    }
}

/// What the order comes to.
/// `scratch` is a folder for what the library may keep for the next plan.
pub fn resolve(
    world: &World,
    source: Source,
    order: &Order,
    command: &str,
    scratch: Option<&Path>,
) -> Result<Resolution> {
    let backend = world.backend(source).with_context(|| format!("this machine has no {}", source.name()))?;
    let asked = backend.change(Ask::Resolve(order.clone()), command, scratch);
    match asked.and_then(|(engine, request)| engine.timeout(RESOLVE_TIMEOUT).ask(&request)) {
        Ok(reply) => reply.resolution.context("the engine gave no plan"),
        Err(EngineError::CannotStart(reason)) => by_tool::resolve(backend, order, &reason),
        Err(error) => Err(error.into()),
    }
}

/// What an order that is agreed to beforehand comes to, found by the engine that will carry it out: it has the package manager's lock
/// from here on. None where it has to be found out without, and whatever fails is then told.
pub fn prepare(world: &World, source: Source, order: &Order, command: &str) -> Option<Resolution> {
    let is_for_engine = matches!(
        order.task,
        Task::Install
            | Task::Reinstall
            | Task::Downgrade
            | Task::Remove { .. }
            | Task::Upgrade { .. }
            | Task::Autoremove { .. }
    );
    // A snapshot would have the lock in it.
    if !is_for_engine || order.fetch_only || Config::of_machine().ok()?.snapshot.with.is_some() {
        return None;
    }
    let (engine, request) = world.backend(source)?.change(Ask::Prepare(order.clone()), command, None).ok()?;
    engine.prepare(&request).ok()
}

/// The SHA-256 of a plan's text, in hex: what was shown is what is carried out.
pub fn digest(plan: &str) -> String {
    sha256(plan.as_bytes())
}

/// What a change of packages is judged by and written down in.
pub struct Desk {
    folder: PathBuf,
    ledger: Ledger,
    policy: Policy,
    /// None where there is none that can be read.
    index: Option<Index>,
}

impl Desk {
    /// Opens all of it; what cannot be written down fails here, before it is done.
    pub fn open(place: &Place) -> Result<Desk> {
        let folder = place.state_folders().into_iter().next().context("there is no folder for the journal")?;
        let ledger = Ledger::open(&folder)?;
        let policy = gate::policy(&place.root)?;
        let index = place.known().ok().and_then(|known| Index::open_from(&known.folder, Some(known.status)).ok());
        Ok(Desk { folder, ledger, policy, index })
    }
}

/// The privileged part: judges the plan once more, carries it out and writes down what came of it: in the audit log, in the journal,
/// which reads the package manager's logs and keeps the plan beside them, and in the index. `desk` where it has been opened already.
pub fn carry_out(
    place: &Place,
    world: &World,
    desk: Option<Result<Desk>>,
    (text, stated): (&str, &str),
    command: &str,
    report: &mut dyn FnMut(Report),
) -> Result<()> {
    ensure!(digest(text) == stated, "this is not the plan that was agreed on");
    let plan: Plan = serde_json::from_str(text).context("cannot read the plan")?;
    // A configuration of pacman's names a root of its own.
    ensure!(plan.root == place.root || place.config.is_some(), "the plan is one for {}", plan.root.display());
    let backend = world.backend(plan.source).context("a plan of no family here")?;
    if ask_for(&plan).is_some() {
        // While the disk is waited for.
        backend.engine().inspect(|engine| engine.get_ready());
    }
    let Desk { folder, mut ledger, policy, index } = desk.unwrap_or_else(|| Desk::open(place))?;
    gate::note_policy(&ledger, &folder, &policy)?;
    let (plan_digest, source, command_text) = (stated.to_owned(), plan.source, command.to_owned());
    let refusals = gate::judge(&policy, &plan, index.as_ref())?;
    if !refusals.is_empty() {
        let refused = Refused(refusals.clone());
        ledger.write(&Event::PlanRefused { plan: plan_digest, backend: source, command: command_text, refusals })?;
        return Err(refused.into());
    }
    let started = Timestamp::now().as_second();
    let (mut judged, mut fs_snapshots) = (Vec::new(), Vec::new());
    let done = perform(backend, &plan, command, &mut |told| match told {
        Report::Progress(Progress::Rejected { what, key, why }) => {
            judged.push(Event::SignatureRejected { package: what, key, why });
        }
        Report::Progress(Progress::Accepted { what, key }) => {
            judged.push(Event::SignatureAccepted { package: what, key });
        }
        told => {
            if let Report::Snapshot { by, id } = &told {
                fs_snapshots.push(FsSnapshot { program: by.program().to_owned(), id: id.clone() });
            }
            report(told);
        }
    });
    if done.is_ok() {
        report(Report::Changed);
    }
    if done.is_ok() && matches!(plan.order.task, Task::Sync { .. }) {
        judged.extend(accepted_lists(place, backend));
    }
    let changes = gate::changes(&plan);
    judged.push(match &done {
        Ok(()) => Event::PlanApplied { plan: plan_digest, backend: source, command: command_text, changes },
        Err(error) => {
            let error = format!("{error:#}");
            Event::PlanFailed { plan: plan_digest, backend: source, command: command_text, changes, error }
        }
    });
    if let (Ok(()), Some(transaction)) = (&done, plan.order.takes_back) {
        judged.push(Event::Rollback { transaction, plan: stated.to_owned() });
    }
    let in_journal = |journal: &mut Journal| -> Result<()> {
        history::update(journal, world, &place.root)?;
        if !plan.steps.is_empty() && !plan.order.fetch_only {
            journal.attach(plan.source, started, &plan, stated, &fs_snapshots)?;
        }
        Ok(())
    };
    let in_index = || -> Result<()> {
        let folder = place.folders().into_iter().next().context("there is no folder for the index")?;
        refresh(place, &folder, Request::default(), &Silent)?;
        Ok(())
    };
    // All of it waits for the disk most of the time. None of it undoes what is done.
    let (audited, journal, index) = thread::scope(|scope| {
        let index = scope.spawn(in_index);
        let (audited, journal) = ledger.write_beside(&judged, in_journal);
        drop(ledger);
        (audited, journal, index.join().expect("a refresh does not panic"))
    });
    let is_changed = if done.is_ok() { "the packages are changed, and " } else { "" };
    for error in [journal, index].into_iter().filter_map(Result::err) {
        report(Report::Warning(format!("{is_changed}what was done is not recorded: {error:#}")));
    }
    if !audited? {
        let text = "the audit log was cut or replaced since omg last wrote to it: `omg audit verify` says where";
        report(Report::Warning(text.to_owned()));
    }
    done
}

/// By whose keys lists are good that were just fetched, as omg judges them with the library's own keys; of others nothing is said.
fn accepted_lists(place: &Place, backend: &dyn Backend) -> Vec<Event> {
    let accepted = |file: PathBuf| {
        let found = signature::judge_file(place, &file, None, &[]).ok()?;
        let good = found.judged.into_iter().find(|judged| judged.verdict == Verdict::Good)?;
        let package = file.file_name()?.to_string_lossy().into_owned();
        Some(Event::SignatureAccepted { package, key: good.key })
    };
    backend.signed_lists().into_iter().filter_map(accepted).collect()
}

/// What the engine is to do for a plan, where there is something.
fn ask_for(plan: &Plan) -> Option<Ask> {
    match plan.order.task {
        Task::Sync { force } => Some(Ask::Sync { force }),
        Task::Configure | Task::Clean { .. } => None,
        _ if plan.order.fetch_only => Some(Ask::Download(Box::new(plan.clone()))),
        // libalpm's engine sets marks itself.
        _ if plan.steps.is_empty() && plan.source == Source::Apt => None,
        _ => Some(Ask::Apply(Box::new(plan.clone()))),
    }
}

fn perform(backend: &dyn Backend, plan: &Plan, command: &str, report: &mut dyn FnMut(Report)) -> Result<()> {
    let locks = backend.locks();
    let ask = ask_for(plan);
    let engine = backend.engine();
    if ask.is_none() {
        // Its lock would be in the way.
        engine.inspect(|engine| engine.stand_down());
    }
    if !engine.is_some_and(EngineCommand::is_prepared) && wait_for(&locks, report)? {
        // Whoever had the lock may have replaced the library.
        engine.inspect(|engine| engine.stand_down());
    }
    match plan.order.task {
        Task::Configure => {
            return settle::settle(backend, &plan.files, &mut || report(Report::Progress(Progress::Changing)));
        }
        Task::Clean { keep } => return clean::delete(backend, keep, &plan.archives),
        _ => {}
    }
    let taken = fs_snapshot::before(plan, command, report)?;
    let done = match ask.map(|ask| by_engine(backend, ask, command, &locks, report)) {
        Some(Err(error)) if matches!(error.downcast_ref(), Some(EngineError::CannotStart(_))) => {
            by_tool::carry_out(backend, plan, report)
        }
        done => done.unwrap_or(Ok(())),
    };
    fs_snapshot::after(taken, report);
    done?;
    if plan.source == Source::Apt && !plan.order.fetch_only { mark(backend.root(), &plan.marks) } else { Ok(()) }
}

fn by_engine(
    backend: &dyn Backend,
    ask: Ask,
    command: &str,
    locks: &[Lock],
    report: &mut dyn FnMut(Report),
) -> Result<()> {
    let (engine, request) = backend.change(ask, command, None)?;
    // Another may be first, whenever the lock becomes free.
    for attempt in 1.. {
        let mut was_locked = false;
        let (said, heard) = std::sync::mpsc::channel();
        let mut event = |progress| {
            was_locked |= progress == Progress::Locked;
            heard.try_iter().for_each(|line| report(Report::Said(line)));
            report(Report::Progress(progress));
        };
        let done = engine.apply(&request, &mut event, move |line: &str| drop(said.send(line.to_owned())));
        heard.try_iter().for_each(|line| report(Report::Said(line)));
        if done.is_ok() || !was_locked || attempt == ATTEMPTS {
            done?;
            break;
        }
        thread::sleep(LOOK_AGAIN);
        wait_for(locks, report)?;
    }
    Ok(())
}

/// Waits until nobody else changes packages, and says for whom. False where nobody did.
fn wait_for(locks: &[Lock], report: &mut dyn FnMut(Report)) -> Result<bool> {
    let mut told: Option<Option<Holder>> = None;
    for lock in locks {
        let mut owned = Instant::now();
        loop {
            let (path, holder) = match lock {
                Lock::Held(path) => match holder::of(path) {
                    Some(holder) => (path, Some(holder)),
                    None => break,
                },
                Lock::Exists(path) if !path.exists() => break,
                // Whoever made it has it open as a rule, and otherwise nobody can tell.
                Lock::Exists(path) => (path, holder::opener(path)),
            };
            let path_shown = path.display();
            if holder.is_some() {
                owned = Instant::now();
            }
            if signals::was_interrupted() || nobody_listens() {
                bail!("stopped while {path_shown} was waited for");
            }
            if matches!(lock, Lock::Exists(_)) && owned.elapsed() > ABANDONED {
                bail!(
                    "{path_shown} is there and no process has it open: whoever made it was killed. Once that is sure, delete it"
                );
            }
            let pid = holder.as_ref().map(|holder| holder.pid);
            if told.as_ref().is_none_or(|told| told.as_ref().map(|holder| holder.pid) != pid) {
                report(Report::Waiting { holder: holder.clone(), lock: path.display().to_string() });
                told = Some(holder);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }
    Ok(told.is_some())
}

/// What apt's packages count as is set by its own small tool, which keeps its files as it wants them.
fn mark(root: &Path, marks: &[Marked]) -> Result<()> {
    for mark in [Mark::Explicit, Mark::Auto, Mark::Held, Mark::Unheld] {
        let names: Vec<String> = (marks.iter().filter(|marked| marked.mark == mark))
            .map(|marked| match marked.arch.as_str() {
                "" => marked.name.clone(),
                arch => format!("{}:{arch}", marked.name),
            })
            .collect();
        if names.is_empty() {
            continue;
        }
        let verb = match mark {
            Mark::Explicit => "manual",
            Mark::Auto => "auto",
            Mark::Held => "hold",
            Mark::Unheld => "unhold",
        };
        let mut command = match root == Path::new("/") {
            true => Command::new("apt-mark"),
            false => Command::new("chroot"),
        };
        if root != Path::new("/") {
            command.arg(root).arg("apt-mark");
        }
        let output = command.args([verb, "--"]).args(&names).stdin(Stdio::null()).output();
        let output = output.context("cannot run apt-mark")?;
        let talk = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "apt-mark failed: {}", talk.trim());
    }
    Ok(())
}
