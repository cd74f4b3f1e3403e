//! `omg audit sbom`: the bill of materials of a machine, or of some of its packages and runtimes with all that they need.

use super::super::reply::{Remark, Reply};
use super::super::{installed, unknown};
use super::scan::{self, Asked, doubts, vex_argument};
use crate::audit::sbom::{Bom, Component, Document, Format, Kind};
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::index::Index;
use crate::model::Problem;
use crate::ops::advisories::{Report, scan_projects};
use crate::ops::lock_files;
use crate::ops::sbom::{Gathered, add_faults, machine, project};
use crate::runtimes::installed::Folders;
use crate::runtimes::{Request, Runtime};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use jiff::Timestamp;
use serde::Serialize;
use std::fs::{self, File, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const FORMATS: [&str; 6] = ["cyclonedx", "cyclonedx-1.6", "cyclonedx-1.7", "spdx", "spdx-2.3", "spdx-3.0"];

pub fn command() -> Command {
    Command::new("sbom")
        .about("Write the bill of materials of this machine, or of a folder's lock files, in CycloneDX or SPDX")
        .arg(
            Arg::new("INSTALLED")
                .num_args(0..)
                .value_name("NAME|PATH")
                .help("Only these packages, or runtimes as NAME@VERSION, and what they need; or a folder or lock files, with a slash"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .default_value("cyclonedx")
                .value_parser(FORMATS)
                .help("The format; without a version the one that most programs read"),
        )
        .arg(
            Arg::new("vulnerabilities")
                .long("vulnerabilities")
                .action(ArgAction::SetTrue)
                .help("Tell what `omg audit scan` finds in them, too"),
        )
        .arg(vex_argument().requires("vulnerabilities"))
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .value_parser(value_parser!(PathBuf))
                .help("Write it to a file"),
        )
}

pub fn run(ctx: &Ctx, matches: &ArgMatches) -> Result<Reply> {
    let format = matches.get_one::<String>("format").and_then(|name| Format::named(name)).context("a known format")?;
    let created = moment(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())?;
    let named: Vec<&String> = matches.get_many("INSTALLED").into_iter().flatten().collect();
    let (paths, names): (Vec<&String>, Vec<&String>) = named.into_iter().partition(|word| is_path(word));
    let asked = matches.get_flag("vulnerabilities").then(|| Asked::of(ctx, matches)).transpose()?;
    let (bom, problems, report) = match paths.is_empty() {
        true => of_machine(ctx, &names, created, asked.as_ref())?,
        false if names.is_empty() => of_projects(ctx, &paths, created, asked.as_ref())?,
        false => {
            let hint = "ask for them one after the other";
            return Err(Hinted::new(Exit::Usage, "installed packages and lock files are two bills", hint).into());
        }
    };
    let mut remarks: Vec<Remark> = problems.iter().map(Remark::of_problem).collect();
    remarks.extend(report.iter().flat_map(doubts));
    let is_whole = problems.is_empty() && report.is_none_or(|report| report.is_whole());
    let exit = if is_whole { Exit::Found } else { Exit::Partial };
    let document = Document::new(bom, format);
    let reply = match matches.get_one::<PathBuf>("output") {
        None => Reply::new(document, |_, document| text(document), exit),
        Some(path) => {
            write(&document, path).with_context(|| format!("cannot write {}", path.display()))?;
            let written = Written {
                file: path.display().to_string(),
                format: format.name(),
                components: document.bom().components.len(),
            };
            let note = Remark::Note(format!("{}: {} components", written.file, written.components));
            Reply::new(written, |_, _| String::new(), exit).with([note])
        }
    };
    Ok(reply.with(remarks))
}

/// A bill, what could not be read for it, and what a scan of it has found, if that was asked.
type Made = (Bom, Vec<Problem>, Option<Report>);

fn of_machine(ctx: &Ctx, names: &[&String], created: i64, asked: Option<&Asked>) -> Result<Made> {
    let index = ctx.index()?;
    let mut gathered = machine(&index, &ctx.place, |source| ctx.shows(source), created)?;
    if !names.is_empty() {
        let mut roots = Vec::new();
        for name in names {
            roots.extend(places(ctx, &index, &gathered, name)?);
        }
        gathered.bom.keep(roots);
    }
    let unread = index.status.problems.iter().map(|(path, message, _)| (PathBuf::from(path), message.clone()));
    gathered.problems.extend(unread.map(|(path, message)| Problem { path, message }));
    let shows = |source| ctx.shows(source);
    let report = asked.map(|asked| scan::of_machine(ctx, &asked.request(&shows))).transpose()?;
    Ok(made(gathered.bom, gathered.problems, report))
}

fn of_projects(ctx: &Ctx, paths: &[&String], created: i64, asked: Option<&Asked>) -> Result<Made> {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let files = lock_files::read(&paths)?;
    let shows = |_| true;
    let report = asked.map(|asked| scan_projects(&ctx.place.folders(), &files, &asked.request(&shows))).transpose()?;
    let subject = paths.first().context("there is a path")?;
    let folder = if subject.is_dir() { subject } else { subject.parent().unwrap_or(subject) };
    Ok(made(project(folder, &files, created), files.problems, report))
}

fn made(mut bom: Bom, problems: Vec<Problem>, mut report: Option<Report>) -> Made {
    if let Some(report) = &mut report {
        add_faults(&mut bom, std::mem::take(&mut report.findings), std::mem::take(&mut report.hushed));
        // It is among the problems.
        report.unread.clear();
    }
    (bom, problems, report)
}

/// A name of a package has no slash in it.
fn is_path(word: &str) -> bool {
    word.contains('/') || [".", ".."].contains(&word)
}

/// What is told of a document that went to a file.
#[derive(Serialize)]
struct Written {
    file: String,
    format: &'static str,
    components: usize,
}

/// Now, unless whoever wants the same bytes again says when.
fn moment(epoch: Option<&str>) -> Result<i64> {
    let Some(epoch) = epoch.filter(|epoch| !epoch.is_empty()) else { return Ok(Timestamp::now().as_second()) };
    let seconds = epoch.parse().ok().filter(|seconds| Timestamp::from_second(*seconds).is_ok());
    seconds.ok_or_else(|| {
        let message = format!("SOURCE_DATE_EPOCH is no time: {epoch}");
        Hinted::new(Exit::Usage, message, "it is a number of seconds since 1970").into()
    })
}

/// The components that a typed name means.
fn places(ctx: &Ctx, index: &Index, gathered: &Gathered, typed: &str) -> Result<Vec<u32>> {
    let rows = installed(ctx, index, typed)?;
    let place = |rank: &u32| gathered.ranks.binary_search(rank).ok().map(|place| place as u32);
    let mut places: Vec<u32> = rows.iter().filter_map(|(rank, _)| place(rank)).collect();
    if let Some((name, version)) = typed.split_once('@')
        && let Some(runtime) = Runtime::named(name)
    {
        let version = Folders::of_environment()
            .zip(Request::parse(runtime, version).ok())
            .and_then(|(folders, request)| Some(folders.find(runtime, &request)?.version.to_string()));
        let is_it = |one: &Component| {
            one.kind == Kind::Runtime && one.name == runtime.name() && Some(&one.version) == version.as_ref()
        };
        places.extend(gathered.bom.components.iter().position(is_it).map(|place| place as u32));
        if places.is_empty() {
            let hint = "`omg runtime list` shows the installed ones";
            return Err(Hinted::new(Exit::NothingFound, format!("no {typed} is installed"), hint).into());
        }
    }
    if places.is_empty() { Err(unknown(index, typed, "is installed")?) } else { Ok(places) }
}

fn text(document: &Document) -> String {
    let text = serde_json::to_string_pretty(document).expect("all its keys are words");
    text + "\n"
}

/// Puts it in place when it is whole. What is no ordinary file is written to: a pipe, `/dev/null`.
fn write(document: &Document, path: &Path) -> Result<()> {
    let before = fs::metadata(path).ok();
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        return write_to(document, File::options().write(true).open(path)?);
    }
    // Behind a link, where there is one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let usual = before.map_or(Permissions::from_mode(0o666), |before| before.permissions());
    let mut new = tempfile::Builder::new().permissions(usual).tempfile_in(folder)?;
    write_to(document, new.as_file_mut())?;
    new.persist(path)?;
    Ok(())
}

fn write_to(document: &Document, file: impl Write) -> Result<()> {
    let mut out = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::sbom::Bom;
    use std::os::unix::fs::FileTypeExt;
    use std::process::Command;

    #[test]
    fn every_format_that_is_offered_is_one() {
        assert!(FORMATS.iter().all(|name| Format::named(name).is_some()));
        assert!(Format::ALL.iter().all(|format| FORMATS.contains(&format.name())));
    }

    #[test]
    fn a_pipe_is_written_to_and_a_file_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (tool_version, subject) = ("0", Component::new(Kind::System, "x", ""));
        let bom =
            Bom { subject, components: Vec::new(), roots: Vec::new(), vulnerabilities: None, created: 0, tool_version };
        let document = Document::new(bom, Format::Spdx23);
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let pipe = at("pipe");
        let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
        write(&document, &at("pipe")).unwrap();
        assert_eq!(reader.join().unwrap(), text(&document));
        assert!(at("pipe").symlink_metadata().unwrap().file_type().is_fifo());
        fs::write(at("file"), "before").unwrap();
        fs::set_permissions(at("file"), Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        write(&document, &at("link")).unwrap();
        assert!(at("link").symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(at("file")).unwrap(), text(&document));
        assert_eq!(at("file").metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(write(&document, folder.path()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_moment_is_a_number() {
        assert_eq!(moment(Some("1700000000")).unwrap(), 1_700_000_000);
        assert!(moment(Some("")).unwrap() > 1_700_000_000 && moment(None).unwrap() > 1_700_000_000);
        assert!(moment(Some("yesterday")).is_err() && moment(Some("99999999999999999")).is_err());
    }
}
