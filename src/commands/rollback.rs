//! `omg rollback`: what transactions did is taken back, in one transaction.

use super::change::{carry_back, with_options};
use super::reply::Reply;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::history::{Journal, Recorded, inverse};
use crate::model::Transaction;
use crate::ops::{World, history, restore};
use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Command, value_parser};
use jiff::Timestamp;
use jiff::civil::DateTime;

pub fn command() -> Command {
    let command = Command::new("rollback")
        .about("Take back a transaction, or all since a time: versions, and what packages count as")
        .arg(
            Arg::new("ID")
                .value_parser(value_parser!(i64))
                .help("The transaction's number in `omg history` [default: the last one]"),
        )
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("TIME")
                .conflicts_with("ID")
                .help("Take back all that began after this: 2026-11-21, 2026-11-21T18:00, or a transaction's time"),
        );
    with_options(command)
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let world = World::open(&ctx.place)?;
    let (journal, _) = history::journal(&world, &ctx.place.root, &ctx.state_folder()?)?;
    let taken_back = chosen(ctx, matches, &journal)?;
    let oldest = taken_back.last().expect("at least one was chosen");
    let source = oldest.transaction.source;
    let backend = world.backend(source).context("the transaction is of a family that is not here")?;
    let transactions: Vec<&Transaction> = taken_back.iter().map(|recorded| &recorded.transaction).collect();
    let wanted = inverse::before(transactions);
    let index = ctx.index()?;
    let mut order = restore::order(backend, &restore::now(&index, source)?, &wanted, Some(oldest.id));
    order.force = matches.get_flag("force");
    if order.targets.is_empty() && order.remove.is_empty() {
        let message = "there is nothing to take back: all is as it was before";
        return Err(Hinted::new(Exit::NothingFound, message, "`omg history` shows what was done").into());
    }
    carry_back(ctx, matches, &world, source, order)
}

/// The transactions to take back, newest first; at least one.
fn chosen(ctx: &Ctx, matches: &ArgMatches, journal: &Journal) -> Result<Vec<Recorded>> {
    let none = |message: String| -> anyhow::Error {
        Hinted::new(Exit::NothingFound, message, "`omg history` shows what is recorded").into()
    };
    if let Some(id) = matches.get_one::<i64>("ID") {
        let recorded = journal.transaction(*id)?.ok_or_else(|| none(format!("no transaction {id} is recorded")))?;
        return Ok(vec![recorded]);
    }
    let last = journal.latest(None, ctx.backend, 1)?;
    let last = last.into_iter().next().ok_or_else(|| none("nothing is recorded".to_owned()))?;
    let Some(text) = matches.get_one::<String>("to") else { return Ok(vec![last]) };
    let after = time(text, ctx).ok_or_else(|| {
        let hint = "write it as 2026-11-21, 2026-11-21T18:00 or 2026-11-21 18:00:05";
        anyhow::Error::from(Hinted::new(Exit::Usage, format!("{text:?} is no time"), hint))
    })?;
    let since = journal.since(ctx.backend.unwrap_or(last.transaction.source), after + 1)?;
    if since.is_empty() { Err(none(format!("nothing was done since {text}"))) } else { Ok(since) }
}

/// Seconds since 1970 of a time as it is on the machine's clock, or of one that names its zone.
fn time(text: &str, ctx: &Ctx) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    let time: DateTime = text.parse().ok()?;
    Some(time.to_zoned(history::zone(&ctx.place.root)).ok()?.timestamp().as_second())
}
