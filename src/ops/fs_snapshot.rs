//! A snapshot of the file system before packages are changed, made by snapper, btrfs or timeshift where the machine's configuration
//! asks for it. What is done with it afterwards is that program's business: nothing here restores or deletes one.

use super::transact::Report;
use crate::backends::engine::Progress;
use crate::config::{Config, Maker, Occasion, SnapshotSettings};
use crate::model::{Plan, Task};
use crate::sys::elevate::on_path;
use crate::sys::signals;
use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whoever calls has no say in which programs root runs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where btrfs puts them unless the configuration says otherwise.
const FOLDER: &str = "/var/lib/omg/snapshots";
const MAX_DESCRIPTION: usize = 100;

/// A snapshot that was made, and may get its counterpart.
pub struct Taken {
    by: Maker,
    id: String,
    description: String,
}

/// Makes one where the machine wants it before such a plan. That it cannot be made is an error, unless the machine says otherwise.
pub fn before(plan: &Plan, command: &str, report: &mut dyn FnMut(Report)) -> Result<Option<Taken>> {
    // A snapshot of this machine is none of another root.
    if plan.root != Path::new("/") || plan.steps.is_empty() || plan.order.fetch_only {
        return Ok(None);
    }
    let settings = Config::of_machine()?.snapshot;
    let Some(by) = settings.with.filter(|_| is_wanted(&settings, plan)) else { return Ok(None) };
    let what = format!("making a snapshot with {}", by.program());
    report(Report::Progress(Progress::Working { what, done: 0, total: 0 }));
    let description = description(command);
    let made = match by {
        Maker::Snapper => snapper(&["--type", "pre"], &description),
        Maker::Btrfs => btrfs(settings.folder.as_deref().unwrap_or(Path::new(FOLDER))),
        Maker::Timeshift => timeshift(&description),
    };
    if let Ok(id) = &made {
        report(Report::Snapshot { by, id: id.clone() });
    }
    // It may be a signal that ended the program, and nobody else has heard of it.
    if signals::was_interrupted() {
        bail!("stopped while a snapshot was made");
    }
    match made {
        Ok(id) => Ok(Some(Taken { by, id, description })),
        Err(error) if settings.required == Some(false) => {
            report(Report::Warning(format!("there is no snapshot from before this: {error:#}")));
            Ok(None)
        }
        Err(error) => {
            Err(error.context("no snapshot could be made, and the machine's configuration wants one before this"))
        }
    }
}

/// Of snapper's pairs the other half, whatever became of the plan.
pub fn after(taken: Option<Taken>, report: &mut dyn FnMut(Report)) {
    if let Some(Taken { by: by @ Maker::Snapper, id, description }) = taken {
        match snapper(&["--type", "post", "--pre-number", &id], &description) {
            Ok(id) => report(Report::Snapshot { by, id }),
            Err(error) => report(Report::Warning(format!("there is no snapshot from after this: {error:#}"))),
        }
    }
}

fn is_wanted(settings: &SnapshotSettings, plan: &Plan) -> bool {
    let occasion = match plan.order.task {
        _ if plan.order.takes_back.is_some() => Occasion::Rollback,
        Task::Install | Task::Reinstall => Occasion::Install,
        Task::Downgrade => Occasion::Downgrade,
        Task::Remove { .. } | Task::Autoremove { .. } => Occasion::Remove,
        Task::Upgrade { .. } => Occasion::Upgrade,
        Task::Mark(_) | Task::Sync { .. } | Task::Clean { .. } | Task::Configure => return false,
    };
    settings.before.as_deref().unwrap_or(&[Occasion::Upgrade]).contains(&occasion)
}

/// What was typed, as a remark on one line.
fn description(command: &str) -> String {
    let plain = command.chars().map(|c| if c.is_control() { ' ' } else { c });
    "before ".chars().chain(plain).take(MAX_DESCRIPTION).collect()
}

fn snapper(kind: &[&str], description: &str) -> Result<String> {
    let fixed = ["--config", "root", "create", "--print-number", "--cleanup-algorithm", "number"];
    let said = run("snapper", fixed.iter().chain(kind).chain(&["--description", description]))?;
    let number = said.trim();
    ensure!(!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()), "snapper gave no number: {number:?}");
    Ok(number.to_owned())
}

fn btrfs(folder: &Path) -> Result<String> {
    // Old programs with their old holes are in it: nobody but root may get there.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot create {}", folder.display()))?;
    let name = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%S.%3fZ").to_string();
    let to: PathBuf = folder.join(name);
    // Into a folder that is there it would put one of another name.
    ensure!(!to.exists(), "{} is there already", to.display());
    run("btrfs", [OsStr::new("subvolume"), "snapshot".as_ref(), "-r".as_ref(), "/".as_ref(), to.as_os_str()])?;
    Ok(to.display().to_string())
}

fn timeshift(description: &str) -> Result<String> {
    let said = run("timeshift", ["--create", "--scripted", "--comments", description])?;
    // One can be found by its comment, too.
    Ok(tagged(&said).unwrap_or(description).to_owned())
}

/// The name in `Tagged snapshot '2026-11-22_06-30-00': ondemand`.
fn tagged(said: &str) -> Option<&str> {
    let line = said.lines().rev().find_map(|line| line.trim().strip_prefix("Tagged snapshot '"))?;
    line.split('\'').next().filter(|name| !name.is_empty())
}

/// What a program of root's says on its standard output.
fn run(program: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
    let file = on_path(program, Some(OsStr::new(PATH))).with_context(|| format!("this machine has no {program}"))?;
    let mut command = Command::new(file);
    command.args(arguments).env_clear().env("PATH", PATH).env("LC_ALL", "C.UTF-8").env("HOME", "/root");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {program}"))?;
    let talk = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    // What it gives up for is what it says last.
    let why = said.lines().chain(talk.lines()).map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no word");
    ensure!(output.status.success(), "{program} failed: {why} ({})", output.status);
    Ok(said.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Order, Source};

    #[test]
    fn a_snapshot_is_made_before_what_the_configuration_names() {
        let plan = |task| Plan::simple(Source::Apt, "/".into(), task);
        let upgrade = plan(Task::Upgrade { full: true });
        let install = plan(Task::Install);
        let mut back = plan(Task::Install);
        back.order = Order { takes_back: Some(3), ..back.order };
        let unset = SnapshotSettings::default();
        assert!(is_wanted(&unset, &upgrade) && !is_wanted(&unset, &install) && !is_wanted(&unset, &back));
        let some = SnapshotSettings { before: Some(vec![Occasion::Rollback, Occasion::Remove]), ..unset };
        assert!(!is_wanted(&some, &upgrade) && !is_wanted(&some, &install) && is_wanted(&some, &back));
        assert!(is_wanted(&some, &plan(Task::Autoremove { purge: false })));
        assert!(!is_wanted(&some, &plan(Task::Configure)));
    }

    #[test]
    fn a_description_is_one_short_line() {
        assert_eq!(description("omg upgrade"), "before omg upgrade");
        assert_eq!(description("omg install a\nb\x1b[2J"), "before omg install a b [2J");
        assert_eq!(description(&"ä".repeat(500)).chars().count(), MAX_DESCRIPTION);
    }

    #[test]
    fn a_program_that_is_not_there_or_fails_is_named() {
        let none: [&str; 0] = [];
        assert_eq!(run("no-such-program", none).unwrap_err().to_string(), "this machine has no no-such-program");
        assert_eq!(run("ls", ["/no-such-folder"]).unwrap_err().to_string().split(": ").next(), Some("ls failed"));
        assert_eq!(run("echo", ["$HOME; x"]).unwrap(), "$HOME; x\n");
    }

    #[test]
    fn the_name_of_a_snapshot_of_timeshift() {
        let said = "Creating new snapshot...(RSYNC)\nTagged snapshot '2026-11-22_06-30-00': ondemand\n------\n";
        assert_eq!(tagged(said), Some("2026-11-22_06-30-00"));
        assert_eq!((tagged("Tagged snapshot ''"), tagged("")), (None, None));
    }
}
