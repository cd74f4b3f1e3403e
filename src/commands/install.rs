//! `omg install`, `omg reinstall` and `omg downgrade`: packages by name, version, repository or file. `NAME@VERSION` is a runtime,
//! if the name is one, and otherwise a tool for mise, unless a package is called just so; a bare name is a package, unless there is
//! none of it.

use super::change::{names_argument, run as change, targets, with_options, with_why};
use super::reply::Reply;
use super::runtime;
use super::shop::names_runtime;
use super::tools;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::model::{Reason, Task};
use crate::runtimes::Runtime;
use crate::runtimes::sources::source;
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};

pub fn command() -> Command {
    let command = Command::new("install")
        .about("Install packages, with all that they need")
        .arg(names_argument("NAME, NAME=VERSION, REPOSITORY/NAME, the path of an archive, or RUNTIME@VERSION"));
    with_why(with_options(command)).arg(
        Arg::new("as-dependency")
            .long("as-dependency")
            .action(ArgAction::SetTrue)
            .help("Let it count as installed for others: `omg autoremove` may remove it"),
    )
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let names = matches.get_many::<String>("NAME").unwrap_or_default();
    let (runtimes, others): (Vec<&String>, Vec<&String>) = names.partition(|name| is_runtime(ctx, name));
    // A package may be called so.
    let is_package = |name: &&String| ctx.index().and_then(|index| Ok(!index.catalogue.find(name)?.is_empty()));
    let tools = tools::all_of(others.iter().copied());
    if let Some(tools) = tools.filter(|_| !others.iter().any(|name| is_package(name).unwrap_or(false))) {
        return runtime::install(ctx, &runtimes, &tools, matches.get_flag("dry-run"));
    }
    if !runtimes.is_empty() {
        let hint = "install the runtimes with a command of their own; they need no root and ask nothing";
        return Err(Hinted::new(Exit::Usage, "runtimes and packages are not installed by one command", hint).into());
    }
    let mut targets = targets(matches)?;
    if matches.get_flag("as-dependency") {
        targets.iter_mut().for_each(|target| target.reason = Some(Reason::Dependency));
    }
    change(ctx, matches, Task::Install, targets)
}

/// Whether a name means a runtime here. The index is asked only about a bare name that could be one.
fn is_runtime(ctx: &Ctx, name: &str) -> bool {
    let has_package = || ctx.index().and_then(|index| Ok(!index.catalogue.find(name)?.is_empty())).unwrap_or(true);
    names_runtime(name) || Runtime::named(name).is_some_and(|runtime| source(runtime).is_some()) && !has_package()
}

pub fn reinstall_command() -> Command {
    let command = Command::new("reinstall").about("Install packages once more, in the version that is installed");
    with_why(with_options(command.arg(names_argument("Installed packages"))))
}

pub fn run_reinstall(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    change(ctx, matches, Task::Reinstall, targets(matches)?)
}

pub fn downgrade_command() -> Command {
    let command = Command::new("downgrade").about("Install older versions of packages");
    with_why(with_options(command.arg(names_argument("NAME=VERSION, or the path of an archive"))))
}

pub fn run_downgrade(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let targets = targets(matches)?;
    if let Some(open) = targets.iter().find(|target| target.version.is_none() && target.file.is_none()) {
        let hint =
            format!("`omg info {}` and `omg history {}` show the versions there are and were", open.name, open.name);
        let message = format!("to which version of {}? Write {}=VERSION", open.name, open.name);
        return Err(Hinted::new(Exit::Usage, message, hint).into());
    }
    change(ctx, matches, Task::Downgrade, targets)
}
