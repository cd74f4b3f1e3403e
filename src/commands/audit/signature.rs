//! `omg audit signature`: who signed files by OpenPGP, and what each signature is worth.
//!
//! It looks, and decides nothing: no entry goes into the audit log.

use super::super::reply::{Remark, Reply};
use super::log::line;
use crate::audit::policy::Policy;
use crate::audit::signature::{Judged, Verdict};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ops::gate;
use crate::ops::signature::{Found, judge_file};
use crate::ui::{Style, Ui};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;

pub fn command() -> Command {
    let path = |arg: Arg| arg.value_parser(value_parser!(PathBuf)).value_hint(ValueHint::AnyPath);
    let option = |name: &'static str, value: &'static str| path(Arg::new(name).long(name).value_name(value));
    let signature = option("signature", "FILE");
    let keyring = option("keyring", "KEYS").action(ArgAction::Append);
    Command::new("signature")
        .about("Verify OpenPGP signatures of files, and say what is the matter with those that are not good")
        .arg(path(Arg::new("FILE").required(true).num_args(1..).help("A package, database, InRelease or other file")))
        .arg(signature.help("Where the signature of the one file is [default: FILE.sig, .asc, .gpg or .sign]"))
        .arg(keyring.help("Believe these keys: a file, or a folder of gpg's [default: those of the file's family]"))
}

/// What is told of a file.
#[derive(Serialize)]
struct Report {
    file: String,
    signature: String,
    keyrings: Vec<String>,
    verdict: Verdict,
    /// By the policy.
    accepted: bool,
    signatures: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    verdict: Verdict,
    key: String,
    certificate: String,
    user: String,
    made: Option<String>,
    digest: String,
    reason: String,
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let files: Vec<&PathBuf> = matches.get_many("FILE").unwrap_or_default().collect();
    let keyrings: Vec<PathBuf> = matches.get_many("keyring").unwrap_or_default().cloned().collect();
    let signature = matches.get_one::<PathBuf>("signature");
    if signature.is_some() && files.len() > 1 {
        let hint = "ask about the files one by one";
        return Err(Hinted::new(Exit::Usage, "--signature is of one file", hint).into());
    }
    let policy = gate::policy(&ctx.place.root)?;
    let (mut reports, mut remarks, mut worst) = (Vec::new(), Vec::new(), Exit::Found);
    for file in files {
        match judge_file(&ctx.place, file, signature.map(PathBuf::as_path), &keyrings) {
            Ok(found) => reports.push(report(&found, &policy)),
            Err(error) => {
                let hinted = error.chain().find_map(|cause| cause.downcast_ref::<Hinted>());
                worst = hinted.map_or(Exit::Failed, |hinted| hinted.exit);
                remarks.push(Remark::of(&error));
            }
        }
    }
    let exit = match (reports.iter().all(|report| report.accepted), reports.is_empty(), remarks.is_empty()) {
        (false, ..) => Exit::Unsafe,
        (true, _, true) => Exit::Found,
        (true, true, false) => worst,
        (true, false, false) => Exit::Partial,
    };
    let text = |ui: &Ui, reports: &Vec<Report>| reports.iter().map(|report| text(ui, report)).collect();
    Ok(Reply::new(reports, text, exit).with(remarks))
}

fn report(found: &Found, policy: &Policy) -> Report {
    let verdict = found.verdict();
    let is_bad = verdict == Verdict::Bad;
    Report {
        file: found.file.display().to_string(),
        signature: found.signature.display().to_string(),
        keyrings: found.keyrings.iter().map(|path| path.display().to_string()).collect(),
        verdict,
        accepted: !is_bad && found.judged.iter().any(|judged| policy.accepts(judged.verdict)),
        signatures: found.judged.iter().map(shown).collect(),
    }
}

fn shown(judged: &Judged) -> Shown {
    let Judged { verdict, key, certificate, user, made, digest, why } = judged.clone();
    let made = made.and_then(|made| Timestamp::from_second(made).ok()).map(|made| made.to_string());
    Shown { verdict, key, certificate, user, made, digest, reason: why }
}

fn text(ui: &Ui, report: &Report) -> String {
    let style = if report.accepted { Style::Good } else { Style::Bad };
    let accepted = match (report.accepted, report.verdict) {
        (true, Verdict::Good) => "",
        (true, _) => ", accepted by the policy",
        (false, Verdict::Good) => ", not accepted",
        (false, _) => "",
    };
    let mut out = format!("{}: {}{accepted}\n", line(&report.file), ui.styled(style, report.verdict.name()));
    for signature in &report.signatures {
        let Shown { verdict, key, user, made, digest, reason, .. } = signature;
        let by = if user.is_empty() { String::new() } else { format!("  {}", line(user)) };
        let made = made.as_deref().unwrap_or("at an unknown time");
        let reason = if reason.is_empty() { String::new() } else { format!(": {}", line(reason)) };
        out.push_str(&format!("  {}{reason}\n    {key}{by}\n    {made}  {digest}\n", verdict.name()));
    }
    out
}
