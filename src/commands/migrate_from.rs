//! `omg migrate-from`: copies what another version manager installed, and changes nothing of it.

use super::reply::{Remark, Reply};
use super::shop::{self, person};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::runtimes::stays;
use crate::runtimes::Runtime;
use crate::runtimes::installed::{Installed, Keeper};
use crate::ui::{Stages, Ui, clean};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

pub fn command() -> Command {
    let names = Keeper::OTHERS.map(Keeper::name);
    Command::new("migrate-from")
        .about("Copy the versions that another version manager installed to omg's own")
        .arg(Arg::new("MANAGER").required(true).value_parser(names).help("Whose versions"))
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Show all that would be done, and do nothing"),
        )
}

#[derive(Serialize)]
struct Taken {
    runtime: &'static str,
    version: String,
    /// Where it is, and stays.
    from: String,
    /// `copied`, `there` where omg had it, `stays` where a copy would not do.
    outcome: &'static str,
    /// Why it stays.
    why: Option<&'static str>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let name = matches.get_one::<String>("MANAGER").map(String::as_str).unwrap_or_default();
    let person = person()?;
    let of_runtime = |runtime| person.folders.others(runtime).into_iter().filter(|one| one.keeper.name() == name);
    let all: Vec<Installed> = Runtime::ALL.into_iter().flat_map(of_runtime).collect();
    if all.is_empty() {
        let hint = "`omg runtime list` shows what is installed, and by whom";
        return Err(Hinted::new(Exit::NothingFound, format!("{name} has installed nothing here"), hint).into());
    }
    let dry_run = matches.get_flag("dry-run");
    let stages = Stages::new(&ctx.ui);
    let shop = shop::shop(ctx, &person, &stages)?;
    let mut taken = Vec::new();
    for one in &all {
        let why = stays(one);
        let is_there = || person.folders.own(one.runtime).iter().any(|own| own.version == one.version);
        let outcome = match why {
            Some(_) => "stays",
            None if dry_run && is_there() => "there",
            None if dry_run => "copied",
            None if shop.take_over(one)?.is_new => "copied",
            None => "there",
        };
        stages.clear();
        taken.push(Taken {
            runtime: one.runtime.name(),
            version: one.version.to_string(),
            from: one.path.display().to_string(),
            outcome,
            why,
        });
    }
    let note = match dry_run {
        true => "nothing was changed".to_owned(),
        false => format!("nothing of {name} was changed; when you need it no more, it is yours to remove"),
    };
    Ok(Reply::new(taken, move |_: &Ui, taken| text(taken, dry_run), Exit::Found).with([Remark::Note(note)]))
}

fn text(all: &[Taken], dry_run: bool) -> String {
    let line = |one: &Taken| {
        let Taken { runtime, version, from, outcome, why } = one;
        let what = match (*outcome, why) {
            ("copied", _) if dry_run => "would be copied".to_owned(),
            ("copied", _) => "copied".to_owned(),
            ("there", _) => "is omg's already".to_owned(),
            (_, why) => format!("is used where it is: {}", why.unwrap_or_default()),
        };
        format!("{runtime} {version} ({}): {what}\n", clean(from))
    };
    all.iter().map(line).collect()
}
