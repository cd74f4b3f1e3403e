//! `omg completions`: the script that teaches a shell omg's words.

use crate::context::Ctx;
use crate::error::Exit;
use crate::shell::Shell;
use crate::shell::completions::script;
use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};

const WHERE: &str = "\
Put the script where the shell looks for it:
  bash  omg completions bash > ~/.local/share/bash-completion/completions/omg
  zsh   omg completions zsh > DIR/_omg, where DIR is in $fpath
  fish  omg completions fish > ~/.config/fish/completions/omg.fish
Package names are completed from the index, from the first letter on; tasks from the project one is in.";

pub fn command() -> Command {
    Command::new("completions")
        .about("Print the completion script of a shell")
        .arg(
            Arg::new("SHELL")
                .required(true)
                .value_parser(PossibleValuesParser::new(Shell::COMPLETING.map(Shell::name)))
                .help("Which shell"),
        )
        .after_help(WHERE)
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
    let name = matches.get_one::<String>("SHELL").expect("required");
    let script = Shell::named(name).and_then(|shell| script(shell, &mut crate::cli::whole()));
    ctx.ui.print(&script.expect("the parser knows only those that have one"))?;
    Ok(Exit::Found)
}
