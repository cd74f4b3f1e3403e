//! `omg migrate-from`: copies what another version manager installed, and changes nothing of it. One that cannot be copied keeps none of
//! the others from it.

use super::reply::{Remark, Reply};
use super::shop::{self, person};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::runtimes::{Shop, check, stays};
use crate::runtimes::active::Person;
use crate::runtimes::installed::{Installed, Keeper};
use crate::runtimes::{Request, Runtime, pin};
use crate::shell::word;
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
    let (mut taken, mut remarks, mut exit) = (Vec::new(), Vec::new(), Exit::Found);
    for one in &all {
        let why = stays(one);
        let outcome = match why {
            Some(_) => Ok("stays"),
            None if dry_run => would(&shop, one),
            None => shop.take_over(one).map(|done| if done.is_new { "copied" } else { "there" }),
        };
        stages.clear();
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                exit = if exit == Exit::Found { Exit::of(&error) } else { exit };
                remarks.push(failed(one, &error));
                continue;
            }
        };
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
    remarks.push(Remark::Note(note));
    remarks.extend(default(&person, &all).map(Remark::Hint));
    Ok(Reply::new(taken, move |_: &Ui, taken| text(taken, dry_run), exit).with(remarks))
}

fn would(shop: &Shop<'_>, one: &Installed) -> Result<&'static str> {
    if shop.folders.own(one.runtime).iter().any(|own| own.version == one.version) {
        return Ok("there");
    }
    check(one).map(|()| "copied")
}

fn failed(one: &Installed, error: &anyhow::Error) -> Remark {
    let (name, version) = (one.runtime.name(), &one.version);
    let hint = Hinted::of(error).map(|hinted| hinted.hint.clone());
    Remark::Error {
        message: format!("{} is not copied: {error:#}", one.path.display()),
        hint: hint.unwrap_or_else(|| {
            format!("`omg install {}` has it from its publisher", word(&format!("{name}@{version}")))
        }),
    }
}

/// What the other manager takes where nothing else is said, where nothing of omg's says so.
fn default(person: &Person, all: &[Installed]) -> Option<String> {
    let one = all.iter().find(|one| matches!(one.keeper, Keeper::Nvm | Keeper::Fnm))?;
    let home = one.path.ancestors().nth(3)?;
    let version = match one.keeper {
        Keeper::Nvm => std::fs::read_to_string(home.join("alias/default")).ok()?,
        // A link to `node-versions/v20.1.0/installation`.
        _ => std::fs::read_link(home.join("aliases/default")).ok()?.parent()?.file_name()?.to_str()?.to_owned(),
    };
    let version = version.trim();
    let version = version.strip_prefix('v').unwrap_or(version);
    Request::parse(one.runtime, version).ok()?;
    let asks = |pin: pin::Pin| pin.runtime == one.runtime;
    if person.global.as_deref().is_some_and(|file| pin::of_file(file).0.into_iter().any(asks)) {
        return None;
    }
    let same = word(&format!("{}@{version}", one.runtime.name()));
    Some(format!("`omg use --global {same}` asks for {}'s default", one.keeper.name()))
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
