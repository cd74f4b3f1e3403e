//! `omg hook`: what a shell evaluates when it starts.

use super::env::{here, line};
use super::shop::{cache, person};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::runtimes::active::Person;
use crate::runtimes::{Runtime, pin};
use crate::shell::{Shell, hook, kept_hook};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::path::{Path, PathBuf};

const WHERE: &str = "\
Into the shell's own file, last:
  bash  . ~/.cache/omg/hook.bash 2>/dev/null || eval \"$(omg hook bash --keep)\"   in ~/.bashrc
  zsh   . ~/.cache/omg/hook.zsh 2>/dev/null || eval \"$(omg hook zsh --keep)\"     in ~/.zshrc
  fish  omg hook fish | source                                                   in ~/.config/fish/config.fish
The first start of bash or zsh writes the file, and all others read it, which takes a third of the time of a process. Without a file:
  eval \"$(omg hook bash)\"
What is printed so is not to be kept: it begins with the environment of the folder that the shell starts in.
Nushell reads its hook from a file of its own:
  omg hook nushell | save --force ($nu.user-autoload-dirs.0 | path join omg.nu)";

pub fn command() -> Command {
    Command::new("hook")
        .about("Print what makes a shell follow the versions that folders ask for")
        .arg(Arg::new("SHELL").required(true).value_parser(value_parser!(Shell)).help("Which shell"))
        .arg(
            Arg::new("keep")
                .long("keep")
                .action(ArgAction::SetTrue)
                .help("Write it into a file as well, which bash and zsh read faster; it is kept up to date"),
        )
        .after_help(WHERE)
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
    let shell = *matches.get_one::<Shell>("SHELL").expect("required");
    if matches.get_flag("keep") {
        return keep(ctx, shell);
    }
    let program = std::env::current_exe().context("cannot tell where omg lies")?;
    let program = program.to_str().context("omg lies where its path is no text")?;
    let mut text = hook::script(shell, program, &variables());
    // The first prompt's question is answered beforehand: a process less at every start of a shell.
    let mut remarks = Vec::new();
    // Nushell reads its hook from a file, which knows no folder.
    if let Some((environment, said)) = Some(shell).filter(|shell| *shell != Shell::Nushell).and_then(here) {
        text += &environment;
        text += match shell {
            Shell::Fish => "set -g __omg_folder $PWD\n",
            _ => "__omg_folder=$PWD\n__omg_show\n",
        };
        remarks = said;
    }
    ctx.ui.print(&text)?;
    remarks.iter().for_each(|remark| remark.say(&ctx.ui));
    Ok(Exit::Found)
}

fn keep(ctx: &Ctx, shell: Shell) -> Result<Exit> {
    let person = person()?;
    let file = file(&person, shell);
    let Some(text) = kept(&person, shell) else {
        let hint = match shell {
            Shell::Nushell => "what `omg hook nushell` prints is kept already",
            _ => "`omg hook fish | source` is for fish",
        };
        return Err(Hinted::new(Exit::Usage, format!("there is no hook of {} to be kept", shell.name()), hint).into());
    };
    let written = write(&file, &text);
    // A shell that starts evaluates this, with or without a file.
    ctx.ui.print(&text)?;
    written.map_err(|error| {
        let message = format!("cannot write {}: {error:#}", file.display());
        Hinted::new(Exit::Failed, message, format!("eval \"$(omg hook {})\" needs no file", shell.name()))
    })?;
    Ok(Exit::Found)
}

/// Writes the file anew where there is one and it is another than this omg would write. It is asked at each change of folder, so that a
/// new omg is in the file by the second start of a shell.
pub fn renew(person: &Person, shell: Shell) {
    let file = file(person, shell);
    let Ok(there) = std::fs::read(&file) else { return };
    if let Some(text) = kept(person, shell).filter(|text| text.as_bytes() != there) {
        // What cannot be written stays as it is, and works.
        drop(write(&file, &text));
    }
}

/// Those that ask for versions.
pub fn variables() -> Vec<String> {
    Runtime::ALL.into_iter().map(pin::variable).collect()
}

fn file(person: &Person, shell: Shell) -> PathBuf {
    cache(person).join(format!("hook.{}", shell.name()))
}

/// What the file is to hold; `None` for fish and Nushell, and where a path is no text.
fn kept(person: &Person, shell: Shell) -> Option<String> {
    if !matches!(shell, Shell::Bash | Shell::Zsh) {
        return None;
    }
    let program = std::env::current_exe().ok()?;
    let names: Vec<&str> = pin::names().collect();
    let line = line();
    kept_hook::script(shell, program.to_str()?, &names, &variables(), person.global.as_deref(), line.as_deref())
}

fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().context("it has no folder")?;
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut new, text.as_bytes())?;
    new.persist(file)?;
    Ok(())
}
