//! `omg upgrade`: the newer versions of what is installed.

use super::change::{Privileged, carry_plan, family, or_of_runtimes, planned, targets, with_options, with_why};
use super::reply::Reply;
use crate::backends::alpm::news::{self, News};
use crate::context::Ctx;
use crate::model::{Order, Plan, Source, Task};
use crate::ops::{World, current, history, origin};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use jiff::Timestamp;

pub fn command() -> Command {
    let command = Command::new("upgrade")
        .about("Upgrade what is installed, and say what is kept back and why")
        .arg(Arg::new("NAME").num_args(0..).help("Only these [default: all]"));
    with_why(with_options(command)).arg(
        Arg::new("full")
            .long("full")
            .action(ArgAction::SetTrue)
            .help("Remove what stands in the way of an upgrade (on pacman every upgrade is one)"),
    )
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let (full, targets) = (matches.get_flag("full"), targets(matches)?);
    let world = World::open(&ctx.place)?;
    let source =
        family(ctx, &world, &targets).map_err(|error| or_of_runtimes(Task::Upgrade { full }, &targets, error))?;
    if targets.is_empty()
        && let Some(plan) = current::upgrade(&ctx.place, source, full)?
    {
        return carry_plan(ctx, matches, plan, None);
    }
    let is_whole = targets.is_empty();
    let order = Order { force: matches.get_flag("force"), ..Order::new(Task::Upgrade { full }, targets) };
    let mut started = Privileged::early(ctx, matches, source);
    let mut plan = planned(ctx, &world, source, order, &mut started, &mut |_, _| Ok(false))?;
    if is_whole && source == Source::Pacman && !plan.steps.is_empty() {
        let told = to_be_known(ctx, &world, &plan);
        plan.warnings.extend(told.unwrap_or_else(|error| vec![format!("the news cannot be told: {error:#}")]));
    }
    carry_plan(ctx, matches, plan, started)
}

/// What apt's engine tells with its plans, and pacman's database does not know: packages from elsewhere than before, and what the
/// distribution told since the last upgrade, or for a month where there was none.
fn to_be_known(ctx: &Ctx, world: &World, plan: &Plan) -> Result<Vec<String>> {
    const MONTH_SECS: i64 = 30 * 24 * 3600;
    const MOST: usize = 10;
    let (journal, _) = history::journal(world, &ctx.place.root, &ctx.state_folder()?)?;
    let mut told: Vec<String> = origin::moved(&journal, plan)?.into_iter().collect();
    let kept = ctx.place.folders().into_iter().map(|folder| folder.join(news::FILE_NAME)).find(|path| path.exists());
    if let Some(kept) = kept {
        let since = journal.upgraded(Source::Pacman)?;
        let since = since.unwrap_or_else(|| Timestamp::now().as_second() - MONTH_SECS);
        let line = |news: &News| {
            let day = Timestamp::from_second(news.published).map(|time| time.strftime("%F").to_string());
            format!("news of {}: {} ({})", day.unwrap_or_default(), news.title, news.link)
        };
        told.extend(news::read(&kept)?.iter().filter(|news| news.published > since).take(MOST).map(line));
    }
    Ok(told)
}
