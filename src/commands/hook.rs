//! `omg hook`: what a shell evaluates when it starts.

use super::env::here;
use crate::context::Ctx;
use crate::error::Exit;
use crate::shell::{Shell, hook};
use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command, value_parser};

const WHERE: &str = "\
Into the shell's own file, last:
  bash  eval \"$(omg hook bash)\"        in ~/.bashrc
  zsh   eval \"$(omg hook zsh)\"         in ~/.zshrc
  fish  omg hook fish | source         in ~/.config/fish/config.fish
It is to be evaluated, not kept: it begins with the environment of the folder that the shell starts in.";

pub fn command() -> Command {
    Command::new("hook")
        .about("Print what makes a shell follow the versions that folders ask for")
        .arg(Arg::new("SHELL").required(true).value_parser(value_parser!(Shell)).help("Which shell"))
        .after_help(WHERE)
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
    let shell = *matches.get_one::<Shell>("SHELL").expect("required");
    let program = std::env::current_exe().context("cannot tell where omg lies")?;
    let program = program.to_str().context("omg lies where its path is no text")?;
    let mut text = hook::script(shell, program);
    // The first prompt's question is answered beforehand: a process less at every start of a shell.
    let mut remarks = Vec::new();
    if let Some((environment, said)) = here(shell) {
        text += &environment;
        text += match shell {
            Shell::Fish => "set -g __omg_folder $PWD\n",
            Shell::Bash | Shell::Zsh => "__omg_folder=$PWD\n",
        };
        remarks = said;
    }
    ctx.ui.print(&text)?;
    remarks.iter().for_each(|remark| remark.say(&ctx.ui));
    Ok(Exit::Found)
}
