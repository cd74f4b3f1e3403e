//! `omg audit provenance`: who signed a file, and from which source it was built by whom, as far as that is proven.
//!
//! It looks, and decides nothing: no entry goes into the audit log.

use super::super::reply::Reply;
use super::log::line;
use crate::audit::provenance::{Level, Provenance, Statement, level};
use crate::audit::sigstore::{
    Answer, Artifact, Entry, Expected, MAX_BYTES, Signer, Trust, Verdict, best, entries, verify,
};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::ui::{Style, Ui};
use anyhow::{Context, Result, bail};
use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a bundle is called beside its file, the usual name first.
const BESIDE: [&str; 3] = ["sigstore.json", "sigstore", "bundle"];

pub fn command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let file = |arg: Arg| arg.value_parser(value_parser!(PathBuf)).value_hint(ValueHint::FilePath);
    Command::new("provenance")
        .about("Verify who signed a file, and what is proven of how it was built")
        .arg(file(Arg::new("FILE").required(true).help("The file, or its digest as sha256:HEX or sha512:HEX")))
        .arg(file(option("bundle", "FILE", "The Sigstore bundles [default: FILE.sigstore.json, .sigstore or .bundle]")))
        .arg(option("identity", "NAME", "Who has to have signed; * stands for anything").requires("issuer"))
        .arg(option("issuer", "URL", "Who has to vouch for that identity").requires("identity"))
        .arg(file(option("key", "FILE", "The public key that has to have signed")).conflicts_with("identity"))
        .arg(file(option("trusted-root", "FILE", "Believe these authorities and logs alone")))
}

/// What is told of a file.
#[derive(Serialize)]
struct Report {
    file: String,
    bundle: String,
    answer: Answer,
    reason: String,
    signatures: Vec<Signature>,
}

/// One signature, with what is proven and what is said.
#[derive(Serialize)]
struct Signature {
    answer: Answer,
    reason: String,
    signer: Option<Signer>,
    times: Vec<String>,
    checks: Vec<&'static str>,
    predicate: Option<String>,
    provenance: Option<Provenance>,
    slsa: Option<Level>,
}

pub fn run(_ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let path = |name: &str| matches.get_one::<PathBuf>(name);
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let file = path("FILE").context("the parser wants a file")?;
    let (artifact, bundle) = find(file, path("bundle"))?;
    let trust = path("trusted-root").map_or_else(Trust::built_in, |root| Trust::read(root))?;
    let expected = match (path("key"), text("identity"), text("issuer")) {
        (Some(key), _, _) => Expected::key(key)?,
        (None, Some(identity), Some(issuer)) => Expected::Identity { identity, issuer },
        _ => Expected::Anybody,
    };
    let report = report(file, &bundle, &artifact, &expected, &trust)?;
    let exit = match report.answer {
        Answer::Good => Exit::Found,
        Answer::Bad => Exit::Unsafe,
        Answer::Unknown => Exit::NothingFound,
    };
    Ok(Reply::new(report, shown, exit))
}

/// What was signed, and where the signatures are.
fn find(file: &Path, bundle: Option<&PathBuf>) -> Result<(Artifact, PathBuf)> {
    let digest = file.to_str().filter(|_| !file.exists()).and_then(Artifact::of_digest);
    if digest.is_none() {
        let found = file.metadata().with_context(|| format!("cannot read {}", file.display()))?;
        if found.is_dir() {
            bail!("{} is a folder", file.display());
        }
    }
    let beside = |ending: &str| {
        let mut name = file.as_os_str().to_owned();
        name.extend([".", ending].map(std::ffi::OsStr::new));
        Some(PathBuf::from(name)).filter(|path| path.exists())
    };
    let Some(bundle) = bundle.cloned().or_else(|| BESIDE.into_iter().find_map(beside)) else {
        let message = format!("nothing is known of {}: there is no bundle beside it", line(&file.to_string_lossy()));
        return Err(Hinted::new(Exit::NothingFound, message, "--bundle names the file with its signatures").into());
    };
    Ok((digest.unwrap_or_else(|| Artifact::file(file)), bundle))
}

fn report(file: &Path, bundle: &Path, artifact: &Artifact, expected: &Expected, trust: &Trust) -> Result<Report> {
    let mut bytes = Vec::new();
    File::open(bundle)
        .and_then(|open| open.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", bundle.display()))?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("{} has more than {MAX_BYTES} bytes: that is no bundle", bundle.display());
    }
    let (entries, without) = match entries(&bytes) {
        Ok(entries) => (entries, "there is no signature in it".to_owned()),
        Err(error) => (Vec::new(), format!("{error:#}")),
    };
    let verdicts: Result<Vec<Verdict>> = entries.iter().map(|entry| verify(entry, artifact, expected, trust)).collect();
    let verdicts = verdicts?;
    let (answer, reason) =
        best(&verdicts).map_or((Answer::Bad, without), |verdict| (verdict.answer, verdict.reason.clone()));
    let signatures = entries.iter().zip(verdicts).map(|(entry, verdict)| signature(entry, verdict)).collect();
    let name = |path: &Path| path.to_string_lossy().into_owned();
    Ok(Report { file: name(file), bundle: name(bundle), answer, reason, signatures })
}

fn signature(entry: &Entry, verdict: Verdict) -> Signature {
    let statement = entry.payload().and_then(|payload| Statement::read(payload).ok());
    let said = statement.as_ref().map_or(Ok(None), Statement::provenance);
    let (provenance, slsa) = match said {
        Ok(None) => (None, None),
        Ok(Some(said)) => {
            let level = level(&said, verdict.proven.as_ref());
            (Some(said), Some(level))
        }
        Err(error) => (None, Some(Level::none(format!("{error:#}")))),
    };
    let predicate = statement.map(|statement| statement.predicate_type);
    let Verdict { answer, reason, proven } = verdict;
    let proven = proven.unwrap_or_default();
    let times = proven.times.iter().map(ToString::to_string).collect();
    Signature { answer, reason, signer: proven.signer, times, checks: proven.checks, predicate, provenance, slsa }
}

fn shown(ui: &Ui, report: &Report) -> String {
    let Report { file, answer, reason, signatures, .. } = report;
    let mut out = format!("{}: {}\n", line(file), verdict(ui, *answer, reason));
    for (at, signature) in signatures.iter().enumerate() {
        if signatures.len() > 1 {
            let verdict = verdict(ui, signature.answer, &signature.reason);
            out.push_str(&format!("signature {} of {}: {verdict}\n", at + 1, signatures.len()));
        }
        for (name, value) in details(signature) {
            out.push_str(&format!("    {name:<11} {}\n", ui.wrapped(&line(&value), 16)));
        }
    }
    out
}

fn verdict(ui: &Ui, answer: Answer, reason: &str) -> String {
    let (style, word) = match answer {
        Answer::Good => (Style::Good, "good"),
        Answer::Bad => (Style::Bad, "bad"),
        Answer::Unknown => (Style::Warning, "unknown"),
    };
    format!("{}: {}", ui.styled(style, word), line(reason))
}

/// What was proven, then what is only said, then what that comes to.
fn details(signature: &Signature) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    if !signature.checks.is_empty() {
        out.push(("checked", signature.checks.join(", ")));
        out.extend(signature.times.iter().map(|time| ("signed at", time.clone())));
    }
    if let Some(signer) = &signature.signer {
        out.extend(source("source", &signer.repository, &signer.reference, &signer.commit));
        out.extend(signer.run.iter().map(|run| ("run", run.clone())));
    }
    out.extend(signature.predicate.iter().map(|predicate| ("statement", predicate.clone())));
    if let Some(said) = &signature.provenance {
        out.push(("  builder", said.builder.clone()));
        out.push(("  type", said.build_type.clone()));
        out.extend(source("  source", &said.repository, &said.reference, &said.commit));
        out.extend(said.entry_point.iter().map(|entry| ("  ran", entry.clone())));
        out.extend(said.run.iter().map(|run| ("  run", run.clone())));
    }
    if let Some(slsa) = &signature.slsa {
        let name = if slsa.level == 0 { "none proven".to_owned() } else { format!("build level {}", slsa.level) };
        out.push(("SLSA", name));
        out.extend(slsa.evidence.iter().map(|evidence| ("  proven", evidence.clone())));
        out.extend(Some(slsa.missing.clone()).filter(|missing| !missing.is_empty()).map(|why| ("  not more", why)));
    }
    out
}

fn source(
    name: &'static str,
    repository: &Option<String>,
    reference: &Option<String>,
    commit: &Option<String>,
) -> Option<(&'static str, String)> {
    let parts: Vec<&str> = [repository, reference, commit].into_iter().flatten().map(String::as_str).collect();
    (!parts.is_empty()).then(|| (name, parts.join(" ")))
}
