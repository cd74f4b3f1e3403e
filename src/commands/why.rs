//! `omg why`: how an installed package came to be needed.

use super::reply::Reply;
use super::{full_name, installed, unknown};
use crate::context::Ctx;
use crate::index::{Index, LocalRow, build::RELATIONS};
use crate::model::{Field, Reason};
use crate::ui::{Style, Ui};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};

/// More chains than a person reads.
const MOST_CHAINS: usize = 100;

pub fn command() -> Command {
    Command::new("why")
        .about("Show the shortest chains from packages installed on purpose to this one")
        .arg(Arg::new("INSTALLED").required(true).value_name("NAME").help("An installed package"))
}

#[derive(Serialize)]
struct Chain {
    /// From a package installed on purpose to the one asked about.
    packages: Vec<String>,
    /// The relation of each step: one less than packages.
    relations: Vec<&'static str>,
}

#[derive(Serialize)]
struct Answer {
    name: String,
    reason: Reason,
    /// Never taken for an orphan, whatever needs it: essential, protected, or kept by the configuration.
    kept: bool,
    chains: Vec<Chain>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let typed = matches.get_one::<String>("INSTALLED").expect("required");
    let index = ctx.index()?;
    let rows = installed(ctx, &index, typed)?;
    if rows.is_empty() {
        return Err(unknown(&index, typed, "is installed")?);
    }
    let mut answers = Vec::new();
    for (rank, row) in rows {
        let chains = if row.reason == Reason::Explicit { Vec::new() } else { chains(&index, rank)? };
        answers.push(Answer { name: full_name(&row.name, &row.arch), reason: row.reason, kept: row.keep, chains });
    }
    let exit = super::found(&index, true);
    Ok(Reply::new(answers, |ui, answers: &Vec<Answer>| answers.iter().map(|answer| text(ui, answer)).collect(), exit))
}

/// For each package reached its distance, and the steps (towards the target, with the relation) of that length.
type Reached = HashMap<u32, (usize, Vec<(u32, u8)>)>;

/// Every shortest chain, found backwards from the package, level by level, until a level has packages installed on purpose.
/// Real dependencies come first; only where none leads to it are the weaker relations followed.
fn chains(index: &Index, target: u32) -> Result<Vec<Chain>> {
    for weak in [false, true] {
        let found = search(index, target, weak)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

fn search(index: &Index, target: u32, weak: bool) -> Result<Vec<Chain>> {
    let mut reached: Reached = HashMap::from([(target, (0, Vec::new()))]);
    let mut pending = VecDeque::from([target]);
    let (mut ends, mut shortest) = (Vec::new(), usize::MAX);
    while let Some(rank) = pending.pop_front() {
        let distance = reached[&rank].0;
        if distance >= shortest {
            break;
        }
        for (from, kind) in index.local.asked_by(rank)? {
            let real = matches!(RELATIONS.get(usize::from(kind)), Some(Field::Depends | Field::PreDepends));
            if !real && !weak {
                continue;
            }
            match reached.get_mut(&from) {
                Some((known, steps)) if *known == distance + 1 => {
                    if !steps.iter().any(|(to, _)| *to == rank) {
                        steps.push((rank, kind));
                    }
                }
                Some(_) => {}
                None => {
                    reached.insert(from, (distance + 1, vec![(rank, kind)]));
                    if index.local.row(from)?.reason == Reason::Explicit {
                        shortest = distance + 1;
                        ends.push(from);
                    } else {
                        pending.push_back(from);
                    }
                }
            }
        }
    }
    let mut chains = Vec::new();
    for end in ends {
        unroll(index, &reached, end, &mut vec![], &mut vec![], &mut chains)?;
    }
    Ok(chains)
}

fn unroll(
    index: &Index,
    reached: &Reached,
    rank: u32,
    packages: &mut Vec<String>,
    relations: &mut Vec<&'static str>,
    chains: &mut Vec<Chain>,
) -> Result<()> {
    if chains.len() >= MOST_CHAINS {
        return Ok(());
    }
    let LocalRow { name, arch, .. } = index.local.row(rank)?;
    packages.push(full_name(&name, &arch));
    let steps = &reached[&rank].1;
    if steps.is_empty() {
        chains.push(Chain { packages: packages.clone(), relations: relations.clone() });
    }
    for (to, kind) in steps {
        relations.push(RELATIONS.get(usize::from(*kind)).map_or("", |field| field.key()));
        unroll(index, reached, *to, packages, relations, chains)?;
        relations.pop();
    }
    packages.pop();
    Ok(())
}

fn text(ui: &Ui, answer: &Answer) -> String {
    let name = ui.styled(Style::Name, &answer.name);
    match (answer.reason, answer.chains.is_empty()) {
        (Reason::Explicit, _) => format!("{name} was installed on purpose\n"),
        (_, true) if answer.kept => format!("{name} is kept whether anything needs it or not, as part of the system\n"),
        (_, true) => format!("{name} came as a dependency, and nothing installed on purpose needs it any more\n"),
        _ => answer.chains.iter().map(|chain| line(ui, chain)).collect(),
    }
}

fn line(ui: &Ui, chain: &Chain) -> String {
    let mut out = String::new();
    for (place, package) in chain.packages.iter().enumerate() {
        out.push_str(&ui.styled(Style::Name, package));
        if let Some(relation) = chain.relations.get(place) {
            out.push_str(&ui.styled(Style::Dim, &format!(" {relation} ")));
        }
    }
    out.push('\n');
    out
}
