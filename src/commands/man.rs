//! `omg man`: the manual, of which each command's page is made from the same description as the parser and `--help`.
//!
//! What no parser knows stands beside this file in `man/*.roff`, and the pages about formats are whole files. All of them are
//! committed under `man/` as packages install them; a test holds that those are these.

use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use anyhow::{Context, Result};
use clap::builder::StyledStr;
use clap::{Arg, ArgMatches, Command, value_parser};
use std::fmt::Write;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

pub fn command() -> Command {
    Command::new("man")
        .about("Show a page of the manual")
        .arg(
            Arg::new("PAGE")
                .help("A command, or `audit-log`, `config`, `index`, `json` or `lock` [default: omg itself]"),
        )
        .arg(
            Arg::new("write")
                .long("write")
                .value_name("DIR")
                .conflicts_with("PAGE")
                .value_parser(value_parser!(PathBuf))
                .help("Write all pages as files into this folder"),
        )
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Exit> {
    if let Some(folder) = matches.get_one::<PathBuf>("write") {
        for (name, text) in pages() {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        return Ok(Exit::Found);
    }
    let wanted = matches.get_one::<String>("PAGE").map_or("omg".to_owned(), |page| format!("omg-{page}"));
    let all = pages();
    let Some((_, text)) = all.iter().find(|(name, _)| name.rsplit_once('.').is_some_and(|(stem, _)| stem == wanted))
    else {
        let names: Vec<&str> =
            all.iter().filter_map(|(name, _)| name.strip_prefix("omg-")?.rsplit('.').nth(1)).collect();
        let hint = format!("there are {}", names.join(", "));
        return Err(Hinted::new(Exit::NothingFound, format!("no page {wanted}"), hint).into());
    };
    if !(ctx.ui.is_terminal() && shown_by_man(text)) {
        ctx.ui.print(text)?;
    }
    Ok(Exit::Found)
}

/// Whether the machine's own `man` took the page. Without one, roff is better than nothing.
fn shown_by_man(text: &str) -> bool {
    let shown = || -> std::io::Result<bool> {
        let mut man = std::process::Command::new("man").args(["-l", "-"]).stdin(Stdio::piped()).spawn()?;
        // The pager may be left before the end.
        let _ = man.stdin.take().map(|mut stdin| stdin.write_all(text.as_bytes()));
        Ok(man.wait()?.success())
    };
    shown().unwrap_or(false)
}

/// The day the manual's text was last gone over.
const DATE: &str = "2026-11-21";

/// What a command's page says besides its options, by the command's name.
const MORE: &[(&str, &str)] = &[
    ("omg", include_str!("man/omg.roff")),
    ("search", include_str!("man/search.roff")),
    ("info", include_str!("man/info.roff")),
    ("list", include_str!("man/list.roff")),
    ("outdated", include_str!("man/outdated.roff")),
    ("owner", include_str!("man/owner.roff")),
    ("deps", include_str!("man/deps.roff")),
    ("why", include_str!("man/why.roff")),
    ("install", include_str!("man/install.roff")),
    ("upgrade", include_str!("man/upgrade.roff")),
    ("use", include_str!("man/use.roff")),
    ("pin", include_str!("man/pin.roff")),
    ("which", include_str!("man/which.roff")),
    ("exec", include_str!("man/exec.roff")),
    ("env", include_str!("man/env.roff")),
    ("hook", include_str!("man/hook.roff")),
    ("trust", include_str!("man/trust.roff")),
    ("shims", include_str!("man/shims.roff")),
    ("migrate-from", include_str!("man/migrate-from.roff")),
    ("runtime", include_str!("man/runtime.roff")),
    ("rollback", include_str!("man/rollback.roff")),
    ("snapshot", include_str!("man/snapshot.roff")),
    ("run", include_str!("man/run.roff")),
    ("conf", include_str!("man/conf.roff")),
    ("policy", include_str!("man/policy.roff")),
    ("audit", include_str!("man/audit.roff")),
    ("status", include_str!("man/status.roff")),
    ("batch", include_str!("man/batch.roff")),
    ("prompt", include_str!("man/prompt.roff")),
    ("refresh", include_str!("man/refresh.roff")),
    ("doctor", include_str!("man/doctor.roff")),
    ("units", include_str!("man/units.roff")),
];

/// Every page: the name of its file, and its text.
pub fn pages() -> Vec<(String, String)> {
    let mut root = crate::cli::whole();
    root.build();
    let mut pages = vec![("omg.1".to_owned(), page(&root, None))];
    for verb in visible(&root) {
        pages.push((format!("omg-{}.1", verb.get_name()), page(verb, Some(verb.get_name()))));
    }
    for (name, text) in [
        ("omg-audit-log.5", include_str!("../../man/omg-audit-log.5")),
        ("omg-config.5", include_str!("../../man/omg-config.5")),
        ("omg-index.5", include_str!("../../man/omg-index.5")),
        ("omg-json.5", include_str!("../../man/omg-json.5")),
        ("omg-lock.5", include_str!("../../man/omg-lock.5")),
    ] {
        pages.push((name.to_owned(), text.to_owned()));
    }
    pages
}

fn visible(root: &Command) -> impl Iterator<Item = &Command> {
    root.get_subcommands().filter(|verb| !verb.is_hide_set())
}

/// omg's own page, or a command's.
fn page(command: &Command, verb: Option<&str>) -> String {
    let name = verb.map_or("omg".to_owned(), |verb| format!("omg-{verb}"));
    let version = env!("CARGO_PKG_VERSION");
    let mut out = format!(
        ".\\\" Made by `omg man`; do not edit.\n.TH {} 1 {DATE} \"omg {version}\" \"omg\"\n",
        name.to_uppercase()
    );
    let about = plain(command.get_about());
    let about = about.split_at_checked(1).map_or(String::new(), |(first, rest)| first.to_lowercase() + rest);
    section(&mut out, "NAME", &format!("{} \\- {}\n", roff(&name), roff(&about)));
    section(&mut out, "SYNOPSIS", &synopsis(command, verb));
    let arguments: String = command.get_positionals().map(|arg| entry(&signature(arg), arg)).collect();
    let (shared, own): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.is_hide_set())
        .partition(|arg| arg.is_global_set());
    let entries = |args: &[&Arg]| args.iter().map(|arg| entry(&signature(arg), arg)).collect::<String>();
    let more = MORE.iter().find(|(of, _)| *of == verb.unwrap_or("omg")).map_or("", |(_, text)| *text);
    if verb.is_none() {
        let (description, rest) = more.split_at(more.find("\n.SH").map_or(more.len(), |at| at + 1));
        out.push_str(description);
        let line = |verb: &Command| {
            format!(".TP\n\\fBomg\\-{}\\fR(1)\n{}\n", roff(verb.get_name()), roff(&plain(verb.get_about())))
        };
        section(&mut out, "COMMANDS", &visible(command).map(line).collect::<String>());
        section(&mut out, "OPTIONS", &(entries(&shared) + &entries(&own)));
        out.push_str(rest);
        return out;
    }
    let verb = verb.unwrap_or_default();
    if command.has_subcommands() && !more.contains(".SH SUBCOMMANDS") {
        section(&mut out, "SUBCOMMANDS", &visible(command).map(|sub| subcommand(sub, verb)).collect::<String>());
    }
    let shared = "The options of every command are in\n.BR omg (1).\n";
    section(&mut out, "OPTIONS", &(arguments + &entries(&own) + ".PP\n" + shared));
    out.push_str(more);
    section(&mut out, "SEE ALSO", ".BR omg (1),\n.BR omg-json (5)\n");
    out
}

/// A command below another, with the arguments that are its own.
fn subcommand(command: &Command, verb: &str) -> String {
    let is_own = |arg: &&Arg| !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help";
    let own: String = command.get_arguments().filter(is_own).map(|arg| entry(&signature(arg), arg)).collect();
    let own = if own.is_empty() { own } else { format!(".RS\n{own}.RE\n") };
    let synopsis = synopsis(command, Some(&format!("{verb} {}", command.get_name())));
    format!(".TP\n{synopsis}{}\n{own}", roff(&plain(command.get_about())))
}

fn section(out: &mut String, name: &str, text: &str) {
    write!(out, ".SH {name}\n{text}").expect("a string takes everything");
}

fn synopsis(command: &Command, verb: Option<&str>) -> String {
    let mut words = vec!["\\fBomg\\fR".to_owned()];
    match verb {
        Some(verb) => words.push(format!("\\fB{}\\fR", roff(verb))),
        None => words.extend(["[\\fIOPTION\\fR...]", "\\fICOMMAND\\fR", "[\\fIARGUMENT\\fR...]"].map(str::to_owned)),
    }
    if verb.is_some() {
        let own = command.get_arguments().filter(|arg| !arg.is_global_set() && !arg.is_hide_set());
        let (last, first): (Vec<_>, Vec<_>) = own.partition(|arg| arg.is_positional());
        for arg in first.into_iter().chain(last).filter(|arg| arg.get_id() != "help" && arg.get_id() != "version") {
            let many = if takes_many(arg) { "..." } else { "" };
            let before = if arg.is_last_set() { "\\-\\- " } else { "" };
            let text = format!("{before}{}{many}", signature(arg).split(", ").last().unwrap_or_default());
            words.push(if arg.is_required_set() { text } else { format!("[{text}]") });
        }
    }
    words.join(" ") + "\n"
}

fn takes_many(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.max_values() > 1)
}

/// `-q, --quiet`, `--limit N`, `NAME`.
fn signature(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let value = names.first().map_or(arg.get_id().to_string(), ToString::to_string);
    let value = format!("\\fI{}\\fR", roff(&value));
    if arg.is_positional() {
        return value;
    }
    let short = arg.get_short().map(|short| format!("\\fB\\-{short}\\fR"));
    let long = arg.get_long().map(|long| format!("\\fB\\-\\-{}\\fR", roff(long)));
    let flags = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if arg.get_action().takes_values() { format!("{flags} {value}") } else { flags }
}

fn entry(signature: &str, arg: &Arg) -> String {
    let mut help = roff(&plain(arg.get_help()));
    let words: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|_| arg.get_action().takes_values())
        .map(|value| format!("\\fB{}\\fR", roff(value.get_name())))
        .collect();
    if !words.is_empty() {
        write!(help, ": {}", words.join(", ")).expect("a string takes everything");
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        write!(help, " [default: {}]", roff(&defaults.join(" "))).expect("a string takes everything");
    }
    format!(".TP\n{signature}\n{help}\n")
}

fn plain(text: Option<&StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().replace('\n', " ")
}

/// As roff reads it: nothing in it is a request or an escape.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
