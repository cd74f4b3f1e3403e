//! `omg audit checkpoint`: where the logs stand now, as a text that somebody signs and keeps elsewhere.

use super::super::reply::{Remark, Reply};
use super::log::{line, logs, nothing, verified};
use crate::audit::log::{Checkpoint, Fault};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::model::AuditHead;
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use jiff::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command as Program;

pub fn command() -> Command {
    let file = Arg::new("FILE").required(true).value_hint(ValueHint::FilePath).value_parser(value_parser!(PathBuf));
    Command::new("checkpoint")
        .about("Write where the log of security decisions stands, to be signed and kept elsewhere")
        .arg(file.help("A new file; its signature becomes FILE.asc"))
        .arg(Arg::new("key").long("key").value_name("KEY").help("Have gpg sign it with this key of yours"))
}

#[derive(Serialize)]
struct Written {
    file: String,
    /// Empty where nobody signed it.
    signature: String,
    time: String,
    logs: Vec<Log>,
}

#[derive(Serialize)]
struct Log {
    log: String,
    entries: u64,
    head: String,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let file = matches.get_one::<PathBuf>("FILE").context("the parser wants a file")?;
    let mut heads = Vec::new();
    for path in logs(ctx) {
        let verdict = verified(&path)?;
        // What is bad already is not to be vouched for.
        if let Some(Fault { line, why }) = verdict.fault {
            let message = format!("{} is bad at line {line}: {why}", path.display());
            return Err(Hinted::new(Exit::Failed, message, "`omg audit verify` tells of all logs").into());
        }
        heads.extend(verdict.head.map(|head| (path.display().to_string(), head)));
    }
    if heads.is_empty() {
        return Ok(Reply::new((), |_, ()| String::new(), Exit::NothingFound).with([nothing()]));
    }
    let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let checkpoint = Checkpoint { time, heads };
    let text = checkpoint.text()?;
    let describe = || format!("cannot write {}", file.display());
    let mut new = match File::create_new(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let message = format!("{} is there already, and stays as it is", file.display());
            return Err(Hinted::new(Exit::Failed, message, "`omg audit checkpoint OTHER-NAME` writes a new one").into());
        }
        new => new.with_context(describe)?,
    };
    new.write_all(text.as_bytes()).and_then(|()| new.sync_all()).with_context(describe)?;
    let key = matches.get_one::<String>("key");
    let signature = key.map(|key| sign(file, key)).transpose()?;
    let unsigned = signature.is_none().then(|| {
        let text = format!("nobody signed it yet: `gpg --armor --detach-sign {}` does", line(&file.to_string_lossy()));
        Remark::Hint(text)
    });
    let log = |(log, AuditHead { seq, hash }): (String, AuditHead)| Log { log, entries: seq, head: hash };
    let written = Written {
        file: file.display().to_string(),
        signature: signature.map_or(String::new(), |path| path.display().to_string()),
        time: checkpoint.time,
        logs: checkpoint.heads.into_iter().map(log).collect(),
    };
    let text = |_: &Ui, written: &Written| {
        let logs = written.logs.iter().map(|Log { log, entries, .. }| format!("{}: entry {entries}\n", line(log)));
        format!("{}\n{}", line(&written.file), logs.collect::<String>())
    };
    Ok(Reply::new(written, text, Exit::Found).with(unsigned))
}

/// Has gpg sign the file: the key is its business, and so is the question for its password.
fn sign(file: &Path, key: &str) -> Result<PathBuf> {
    let mut signature = file.as_os_str().to_owned();
    signature.push(".asc");
    let signature = PathBuf::from(signature);
    let mut gpg = Program::new("gpg");
    gpg.args(["--armor", "--detach-sign", "--local-user"]).arg(key).arg("--output").arg(&signature).arg("--").arg(file);
    let status = gpg.status().context("cannot run gpg")?;
    ensure!(status.success(), "gpg did not sign {}: it is there, and unsigned", file.display());
    Ok(signature)
}
