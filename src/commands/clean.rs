//! `omg clean`: what the package managers keep of old archives.

use super::change::{carry_plan, family, with_options};
use super::reply::Reply;
use crate::context::Ctx;
use crate::model::{Plan, Task};
use crate::ops::{World, clean};
use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command, value_parser};

pub fn command() -> Command {
    let command = Command::new("clean").about("Delete old archives from the package manager's cache").arg(
        Arg::new("keep")
            .long("keep")
            .value_name("N")
            .value_parser(value_parser!(usize))
            .default_value("2")
            .help("Keep so many versions of each package, for `omg rollback`"),
    );
    with_options(command)
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let keep = *matches.get_one::<usize>("keep").expect("it has a default");
    let world = World::open(&ctx.place)?;
    let source = family(ctx, &world, &[])?;
    let backend = world.backend(source).context("a family that is not here")?;
    let mut plan = Plan::simple(source, ctx.place.root.clone(), Task::Clean { keep });
    plan.archives = clean::superfluous(backend, keep)?;
    plan.disk_bytes = -plan.archives.iter().map(|archive| archive.bytes as i64).sum::<i64>();
    carry_plan(ctx, matches, plan, None)
}
