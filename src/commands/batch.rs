//! `omg batch`: many queries to one process, a JSON line for each on standard input, and a JSON line back for each.
//!
//! The index stays open between the lines; whether it is still fresh is looked at for each, as any other command does. A line
//! that cannot be answered is answered with its error, and the next one is read.

use super::reply::{Remark, Reply};
use super::{Run, VERBS, ask};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use anyhow::{Context, Result, anyhow};
use clap::{ArgMatches, Command};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::{BufRead, Read};

/// A longer line is refused, and skipped.
const MAX_LINE_BYTES: usize = 1 << 20;

const EXAMPLE: &str = "\
A line asks what a command line would: the command, and its arguments.
  {\"query\": \"owner\", \"args\": [\"/bin/ls\"], \"id\": 1}
It is answered at once by a line; the answer is what --json prints.
  {\"id\":1,\"exit\":0,\"stale\":false,\"answer\":[{...}],\"errors\":[]}";

pub fn command() -> Command {
    Command::new("batch").about("Answer queries that come as JSON lines on standard input").after_help(EXAMPLE)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    query: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    id: Value,
}

#[derive(Serialize)]
struct Answered {
    id: Value,
    exit: u8,
    stale: bool,
    answer: Option<Box<RawValue>>,
    errors: Vec<Fault>,
}

#[derive(Serialize)]
struct Fault {
    message: String,
    hint: String,
}

pub fn run(ctx: &Ctx, _: &ArgMatches) -> Result<Exit> {
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    while read_line(&mut input, &mut line).context("cannot read standard input")? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let mut text = serde_json::to_string(&answer(ctx, &line))?;
        text.push('\n');
        if !ctx.ui.print_line(&text)? {
            break;
        }
    }
    Ok(Exit::Found)
}

/// One line without its end, or its first bytes where it is too long. False at the end of the input.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let most = MAX_LINE_BYTES as u64 + 1;
    if input.by_ref().take(most).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.len() > MAX_LINE_BYTES && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok(true)
}

fn answer(ctx: &Ctx, line: &[u8]) -> Answered {
    let (id, reply) = match question(line) {
        Ok(Question { query, args, id }) => (id, reply(ctx, &query, &args)),
        Err(error) => (Value::Null, Err(error)),
    };
    let stale = ctx.answered_stale();
    let answered = reply.and_then(|reply| {
        let answer = Some(RawValue::from_string(reply.json(false)?)?);
        Ok((reply.exit, answer, faults(&reply.remarks)))
    });
    let (exit, answer, errors) =
        answered.unwrap_or_else(|error| (Exit::of(&error), None, faults(&[Remark::of(&error)])));
    Answered { id, exit: exit.into(), stale, answer, errors }
}

fn faults(remarks: &[Remark]) -> Vec<Fault> {
    let fault = |remark: &Remark| match remark {
        Remark::Error { message, hint } => Some(Fault { message: message.clone(), hint: hint.clone() }),
        Remark::Warning(_) | Remark::Note(_) | Remark::Hint(_) => None,
    };
    remarks.iter().filter_map(fault).collect()
}

fn question(line: &[u8]) -> Result<Question> {
    if line.len() > MAX_LINE_BYTES {
        return Err(usage(format!("a line longer than {MAX_LINE_BYTES} bytes"), "ask with more than one line"));
    }
    serde_json::from_slice(line).map_err(|error| {
        usage(format!("not a query: {error}"), "a line is like {\"query\": \"info\", \"args\": [\"bash\"], \"id\": 1}")
    })
}

fn reply(ctx: &Ctx, query: &str, args: &[String]) -> Result<Reply> {
    let verb = VERBS.iter().find_map(|verb| match verb.run {
        Run::Query(run) if verb.name == query => Some((verb, run)),
        _ => None,
    });
    let Some((verb, run)) = verb else {
        let queries = VERBS.iter().filter(|verb| matches!(verb.run, Run::Query(_))).map(|verb| verb.name);
        let hint = format!("queries are {}", queries.collect::<Vec<_>>().join(", "));
        return Err(usage(format!("no query {query:?}"), &hint));
    };
    let parser = (verb.command)().no_binary_name(true).disable_help_flag(true).disable_version_flag(true);
    let matches = parser.try_get_matches_from(args).map_err(|error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        usage(first.trim_start_matches("error: ").to_owned(), &format!("`omg {query} --help` lists the arguments"))
    })?;
    ask(ctx, run, &matches)
}

fn usage(message: String, hint: &str) -> anyhow::Error {
    anyhow!(Hinted::new(Exit::Usage, message, hint))
}
