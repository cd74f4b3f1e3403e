//! `omg size`: what installed packages take up.

use super::reply::Reply;
use super::{full_name, installed, unknown};
use crate::context::Ctx;
use crate::index::{Index, build::RELATIONS};
use crate::model::Field;
use crate::ui::{Style, Ui, human};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde::Serialize;
use std::collections::HashSet;

pub fn command() -> Command {
    Command::new("size")
        .about("Show the space that installed packages take, largest first")
        .arg(Arg::new("INSTALLED").value_name("NAME").help("Only this package, with --tree all it needs"))
        .arg(
            Arg::new("tree")
                .long("tree")
                .requires("INSTALLED")
                .action(ArgAction::SetTrue)
                .help("Add what it depends on"),
        )
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("N")
                .value_parser(value_parser!(usize))
                .default_value("20")
                .help("Show so many"),
        )
}

#[derive(Serialize)]
struct Sized {
    name: String,
    version: String,
    /// Bytes, as the package states them.
    size: u64,
}

#[derive(Serialize)]
struct Sizes {
    total: u64,
    packages: Vec<Sized>,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let index = ctx.index()?;
    let mut packages = Vec::new();
    match matches.get_one::<String>("INSTALLED") {
        None => index.local.scan(|_, row| {
            if row.installed() && ctx.shows(row.source) {
                packages.push(Sized {
                    name: full_name(&row.name, &row.arch),
                    version: row.version,
                    size: row.size_bytes,
                });
            }
            Ok(())
        })?,
        Some(typed) => {
            let mut ranks: Vec<u32> = installed(ctx, &index, typed)?.into_iter().map(|(rank, _)| rank).collect();
            if ranks.is_empty() {
                return Err(unknown(&index, typed, "is installed")?);
            }
            if matches.get_flag("tree") {
                ranks = closure(&index, ranks)?;
            }
            for rank in ranks {
                let row = index.local.row(rank)?;
                packages.push(Sized {
                    name: full_name(&row.name, &row.arch),
                    version: row.version,
                    size: row.size_bytes,
                });
            }
        }
    }
    packages.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    let total = packages.iter().map(|package| package.size).sum();
    packages.truncate(*matches.get_one::<usize>("limit").expect("has a default"));
    let exit = super::found(&index, total > 0);
    Ok(Reply::new(Sizes { total, packages }, text, exit))
}

fn text(ui: &Ui, sizes: &Sizes) -> String {
    let line = |p: &Sized| format!("{:>10}  {}\n", human(p.size), ui.styled(Style::Name, &p.name));
    sizes.packages.iter().map(line).collect::<String>() + &format!("{:>10}  in all\n", human(sizes.total))
}

fn closure(index: &Index, start: Vec<u32>) -> Result<Vec<u32>> {
    let mut seen: HashSet<u32> = start.iter().copied().collect();
    let mut pending = start;
    while let Some(rank) = pending.pop() {
        for (to, kind) in index.local.asks_for(rank)? {
            let real = matches!(RELATIONS.get(usize::from(kind)), Some(Field::Depends | Field::PreDepends));
            if real && seen.insert(to) {
                pending.push(to);
            }
        }
    }
    Ok(seen.into_iter().collect())
}
