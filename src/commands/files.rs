//! `omg files`: the paths of installed packages, from the machine's own database.

use super::reply::Reply;
use super::{full_name, installed, unknown};
use crate::context::Ctx;
use crate::ops::World;
use crate::ui::clean;
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

pub fn command() -> Command {
    Command::new("files")
        .about("List the files of installed packages")
        .arg(Arg::new("INSTALLED").required(true).num_args(1..).value_name("NAME").help("An installed package"))
}

#[derive(Serialize)]
struct Files {
    name: String,
    version: String,
    files: Vec<String>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let index = ctx.index()?;
    let world = World::open(&ctx.place)?;
    let mut all = Vec::new();
    for typed in matches.get_many::<String>("INSTALLED").expect("required") {
        let rows = installed(ctx, &index, typed)?;
        if rows.is_empty() {
            return Err(unknown(&index, typed, "is installed")?);
        }
        for (_, row) in rows {
            let Some(backend) = world.backend(row.source) else { continue };
            let paths = backend.files_of(&row.name, &row.arch)?.unwrap_or_default();
            let files = paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
            all.push(Files { name: full_name(&row.name, &row.arch), version: row.version, files });
        }
    }
    let exit = super::found(&index, all.iter().any(|package| !package.files.is_empty()));
    let text =
        |all: &Vec<Files>| all.iter().flat_map(|package| &package.files).map(|file| clean(file) + "\n").collect();
    Ok(Reply::new(all, move |_, all| text(all), exit))
}
