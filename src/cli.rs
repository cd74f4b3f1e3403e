//! The command line: from arguments to one command, and from its result to an exit code.
//!
//! `prompt` and the plain forms of `which` and `env` are answered before any parser exists, and so is a program's call through a shim.
//! For the rest only the parser of the command that was typed is built: all of them together take longer than most commands.

use crate::commands::{Remark, Reply, Run, VERBS, Verb, ask};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::model::Source;
use crate::ops::Place;
use crate::sys::signals;
use crate::ui::Ui;
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Runs what the process was asked to; gives its exit code.
pub fn main() -> u8 {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|verb| verb == "help") {
        // `omg help install` is `omg install --help`.
        arguments.remove(1);
        arguments.push("--help".into());
    }
    if let Some(exit) = crate::commands::shims::main(&arguments) {
        return exit.into();
    }
    if arguments.get(1).is_some_and(|verb| verb == "prompt")
        && let Some(exit) = crate::prompt::main(&arguments[2..])
    {
        return exit.into();
    }
    if arguments.get(1).is_some_and(|verb| verb == "which")
        && let Some(exit) = crate::commands::which::main(&arguments[2..])
    {
        return exit.into();
    }
    if arguments.get(1).is_some_and(|verb| verb == "env")
        && let Some(exit) = crate::commands::env::main(&arguments[2..])
    {
        return exit.into();
    }
    let matches = match root(&arguments).try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are no errors; they are printed where they were asked for.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Found };
            drop(error.print());
            return exit.into();
        }
    };
    let Some((name, verb_matches)) = matches.subcommand() else { return Exit::Usage.into() };
    let verb = VERBS.iter().find(|verb| verb.name == name).expect("the parser knows only these");
    let ctx = context(verb_matches);
    let exit = run(verb, &ctx, verb_matches);
    // The process ends here: giving back piece by piece what the index took would be time for nobody.
    std::mem::forget(ctx);
    exit.into()
}

fn run(verb: &Verb, ctx: &Ctx, matches: &ArgMatches) -> Exit {
    let result = match verb.run {
        Run::Query(query) => ask(ctx, query, matches).and_then(|reply| print(ctx, &reply)),
        Run::Change(change) => change(ctx, matches).and_then(|reply| print(ctx, &reply)),
        Run::Print(_) if ctx.json => {
            let message = format!("omg {} gives no JSON", verb.name);
            Err(Hinted::new(Exit::Usage, message, "omg-json(5) lists the commands that do").into())
        }
        Run::Print(print) => print(ctx, matches),
    };
    let exit = result.unwrap_or_else(|error| {
        Remark::of(&error).say(&ctx.ui);
        Exit::of(&error)
    });
    // Who outlives Ctrl-C to tell what was left is still one that was interrupted, unless all was done.
    if exit == Exit::Failed && signals::was_interrupted() { Exit::Interrupted } else { exit }
}

fn print(ctx: &Ctx, reply: &Reply) -> Result<Exit> {
    let data = if ctx.json { reply.json(true)? + "\n" } else { reply.text(&ctx.ui) };
    ctx.ui.print(&data)?;
    reply.remarks.iter().for_each(|remark| remark.say(&ctx.ui));
    Ok(reply.exit)
}

fn context(matches: &ArgMatches) -> Ctx {
    let path = |name: &str, twin: &str| {
        matches
            .get_one::<PathBuf>(name)
            .cloned()
            .or_else(|| std::env::var_os(twin).filter(|value| !value.is_empty()).map(PathBuf::from))
    };
    let backend = matches.get_one::<String>("backend").cloned().or_else(|| std::env::var("OMG_BACKEND").ok());
    let backend =
        backend.and_then(|name| [Source::Apt, Source::Pacman].into_iter().find(|source| source.name() == name));
    let (config, dbpath) = (path("config", "OMG_CONFIG"), path("dbpath", "OMG_DBPATH"));
    Ctx::new(
        Place {
            root: path("root", "OMG_ROOT").unwrap_or_else(|| "/".into()),
            backend: backend.filter(|_| config.is_some() || dbpath.is_some()),
            config,
            dbpath,
            aur: None,
        },
        Ui::new(matches.get_flag("quiet")),
        matches.get_flag("json"),
        backend,
    )
}

/// The parser for these arguments: the command's own where the first word names one, else all.
fn root(arguments: &[OsString]) -> Command {
    let typed = arguments.iter().skip(1).find(|argument| !argument.to_string_lossy().starts_with('-'));
    let only = VERBS.iter().find(|verb| typed.is_some_and(|typed| *typed == *OsStr::new(verb.name)));
    let root = bare();
    match only {
        Some(verb) => root.subcommand((verb.command)()),
        None => {
            // What is hidden would be offered for a misspelt word.
            let is_typed = |verb: &Verb| arguments.iter().any(|argument| *argument == *OsStr::new(verb.name));
            let commands = VERBS.iter().map(|verb| (verb, (verb.command)()));
            let wanted = commands.filter(|(verb, command)| !command.is_hide_set() || is_typed(verb));
            wanted.fold(root, |root, (_, command)| root.subcommand(command))
        }
    }
}

/// The whole parser, for completions and manual pages.
pub fn whole() -> Command {
    VERBS.iter().fold(bare(), |root, verb| root.subcommand((verb.command)()))
}

fn bare() -> Command {
    // Behind a command's own.
    let shared = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).global(true).help(help).help_heading("Options of every command").display_order(100)
    };
    let path = |name: &'static str, help: &'static str| shared(name, help).value_parser(clap::value_parser!(PathBuf));
    let flag = |name: &'static str, help: &'static str| shared(name, help).action(ArgAction::SetTrue);
    Command::new("omg")
        .version(env!("CARGO_PKG_VERSION"))
        .about("One command for the software of a Linux machine")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .arg(path("root", "Read the machine whose root folder is here [env: OMG_ROOT]").value_name("DIR"))
        .arg(
            path("config", "Another configuration file of apt, or with --backend pacman of pacman [env: OMG_CONFIG]")
                .value_name("FILE"),
        )
        .arg(path("dbpath", "Another pacman database folder [env: OMG_DBPATH]").value_name("DIR"))
        .arg(
            shared("backend", "Show only this family's packages [env: OMG_BACKEND]")
                .value_name("FAMILY")
                .value_parser(["apt", "pacman"]),
        )
        .arg(flag("json", "Print JSON, of the shape that omg-json(5) documents"))
        .arg(flag("quiet", "Say nothing but errors on stderr").short('q'))
}

#[cfg(test)]
mod tests {
    use super::root;
    use std::ffi::OsString;

    #[test]
    fn a_misspelt_command_is_not_likened_to_a_hidden_one_and_those_are_understood() {
        let error = |words: &[&str]| {
            let words: Vec<OsString> = [&["omg"], words].concat().into_iter().map(OsString::from).collect();
            root(&words).try_get_matches_from(&words).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(!error(&["nope"]).contains("'complete'"), "{}", error(&["nope"]));
        assert!(error(&["instal"]).contains("'install'"), "{}", error(&["instal"]));
        assert!(!error(&["--root", "/", "complete"]).contains("unrecognized"));
    }
}
