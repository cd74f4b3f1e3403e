//! `omg man`: the manual page, from the same description as the parser and `--help`.

use crate::context::Ctx;
use crate::error::Exit;
use anyhow::Result;
use clap::{ArgMatches, Command};

pub fn command() -> Command {
    Command::new("man").about("Print the manual page in roff: `omg man | man -l -`")
}

pub fn run(ctx: &Ctx, _: &ArgMatches) -> Result<Exit> {
    let mut page = Vec::new();
    clap_mangen::Man::new(crate::cli::whole()).render(&mut page)?;
    ctx.ui.print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Found)
}
