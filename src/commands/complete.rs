//! `omg complete`: names for a shell's completion, one a line.

use crate::context::Ctx;
use crate::error::Exit;
use crate::index::{Catalogue, Local, Status, open_named, status};
use crate::ops::Known;
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};

pub fn command() -> Command {
    Command::new("complete")
        .hide(true)
        .about("Print the names that begin so, for completion scripts")
        .arg(Arg::new("names").long("names").action(ArgAction::SetTrue).help("All known packages"))
        .arg(Arg::new("installed").long("installed").action(ArgAction::SetTrue).help("Installed packages"))
        .arg(Arg::new("tasks").long("tasks").action(ArgAction::SetTrue).help("Tasks of the project"))
        .arg(Arg::new("PREFIX").default_value(""))
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
    let prefix = matches.get_one::<String>("PREFIX").expect("has a default").as_bytes();
    if matches.get_flag("tasks") {
        let names = super::run::names(&String::from_utf8_lossy(prefix));
        ctx.ui.print(&names.iter().map(|name| format!("{name}\n")).collect::<String>())?;
        return Ok(if names.is_empty() { Exit::NothingFound } else { Exit::Found });
    }
    // A hundred thousand names help nobody, and a part of them is worse: shells insert what all that is offered begins with.
    if prefix.is_empty() && !matches.get_flag("installed") {
        return Ok(Exit::NothingFound);
    }
    // Somebody waits with a finger on the tab key: nothing is rebuilt here, and an old list of names serves.
    let Known { folder, status, .. } = ctx.place.known()?;
    let mut out = Vec::new();
    let mut push = |_: u32, name: &[u8]| {
        let fits = name.starts_with(prefix);
        if fits && !out.ends_with(&[b"\n", name, b"\n"].concat()) {
            out.extend_from_slice(name);
            out.push(b'\n');
        }
        fits
    };
    if matches.get_flag("installed") {
        let open = |status: &Status| Local::open(&folder.join(status::local_name(status.local_generation)));
        open_named(&folder, Some(status), open)?.1.names()?.each_from(prefix, &mut push)?;
    } else {
        let open = |status: &Status| Catalogue::open(&folder.join(status::catalogue_name(status.catalogue_generation)));
        let (_, catalogue) = open_named(&folder, Some(status), open)?;
        catalogue.names()?.each_from(prefix, &mut push)?;
    }
    ctx.ui.print(&String::from_utf8_lossy(&out))?;
    Ok(if out.is_empty() { Exit::NothingFound } else { Exit::Found })
}
