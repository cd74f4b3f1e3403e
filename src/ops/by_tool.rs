//! A change by the family's own program, where its engine cannot start: `pacman` or `apt-get` is asked what it would do, and then told
//! to do it.
//!
//! Between the last look and the begin nothing holds the package manager's lock: what is agreed on is compared once more, but who
//! changes packages in that very moment is not seen. Only the engine compares under the lock.

use super::transact::Report;
use crate::backends::Backend;
use crate::backends::engine::Progress;
use crate::model::{Order, Plan, Resolution, Source, Step, Task};
use crate::sys::signals;
use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// What the program would do; `reason` is why the engine is not asked.
pub fn resolve(backend: &dyn Backend, order: &Order, reason: &str) -> Result<Resolution> {
    let resolution = backend.plan_by_tool(order).with_context(|| reason.to_owned())?;
    let announced = |mut plan: Box<Plan>| {
        let program = &plan.decider;
        let text = format!("{reason}; so {program} plans and carries out this, which tells less of the why");
        plan.warnings.push(text);
        plan
    };
    Ok(match resolution {
        Resolution::Plan(plan) => Resolution::Plan(announced(plan)),
        other => other,
    })
}

/// Has it done, if it would still do just that.
pub fn carry_out(backend: &dyn Backend, plan: &Plan, report: &mut dyn FnMut(Report)) -> Result<()> {
    let is_sync = matches!(plan.order.task, Task::Sync { .. });
    if !is_sync {
        let Resolution::Plan(now) = backend.plan_by_tool(&plan.order)? else {
            bail!("it cannot be done any more: plan it again");
        };
        let sized = |steps: &[Step]| -> Vec<Step> {
            // What is still to be fetched is no part of what is agreed on.
            steps.iter().map(|step| Step { download_bytes: 0, ..step.clone() }).collect()
        };
        let is_same = sized(&now.steps) == sized(&plan.steps) && now.marks == plan.marks;
        ensure!(is_same, "it would now be another change than the one that was agreed on: plan it again");
    }
    let changes = !is_sync && !plan.order.fetch_only;
    // What is to be fetched is fetched first where that can be done alone, so that until then nothing is changed.
    if changes && plan.source == Source::Apt && plan.download_bytes > 0 {
        let order = Order { fetch_only: true, ..plan.order.clone() };
        run(backend, backend.tool(&order)?, false, report)?;
    }
    ensure!(!signals::was_interrupted(), STOPPED);
    if changes {
        report(Report::Progress(Progress::Changing));
    }
    run(backend, backend.tool(&plan.order)?, changes && plan.source == Source::Apt, report)
}

const STOPPED: &str = "stopped by a signal";

/// Runs the program to its end. One that leaves its own children alone when a signal ends it is kept from signals.
fn run(backend: &dyn Backend, mut command: Command, is_kept: bool, report: &mut dyn FnMut(Report)) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (talk, end) = std::io::pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(end.try_clone().context("cannot make a pipe")?).stderr(end);
    if is_kept {
        signals::away_from_the_terminal(&mut command);
    }
    let mut child = command.spawn().with_context(|| format!("cannot run {program}"))?;
    signals::pass_on_to(Some(child.id()).filter(|_| !is_kept));
    // Its ends of the pipe are the command's until that is gone.
    drop(command);
    // Why it failed is what it said of errors.
    let mut errors = Vec::new();
    for line in BufReader::new(talk).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("cannot hear it")?).into_owned();
        errors.extend(line.strip_prefix("E: ").map(str::to_owned));
        if let Some((what, why)) = backend.rejected_by_tool(&line) {
            let (what, why) = (what.to_owned(), why.to_owned());
            report(Report::Progress(Progress::Rejected { what, key: String::new(), why }));
        }
        report(Report::Said(line));
    }
    signals::pass_on_to(None);
    let status = child.wait().with_context(|| format!("cannot wait for {program}"))?;
    ensure!(status.success() || !signals::was_interrupted(), STOPPED);
    match errors.is_empty() {
        true => ensure!(status.success(), "{program} failed: {status}"),
        false => ensure!(status.success(), "{program} failed: {}", errors.join("; ")),
    }
    Ok(())
}
