//! A plan carried out by libalpm: under its lock, with its signature checks, hooks, scriptlets and log. Only if it still comes to
//! the same steps.

use crate::handle::{self, Ear};
use crate::library::{self, Db, Package};
use crate::resolve::{self, invalid};
use crate::stop::{self, Watch};
use crate::{names, remains};
use alpm::{
    Alpm, AnyDownloadEvent, DownloadEvent, DownloadResult, Error, Event, LogLevel, PackageReason, SigLevel, SigStatus,
    TransFlag, Usage,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use omg::backends::alpm::key;
use omg::backends::engine::{Answer, Progress, Request};
use omg::model::{Action, Mark, Order, Plan, Reason, Resolution, Step, Task};
use omg::sys::paced::{Paced, pace};
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Between two words about one download.
const PACE: Duration = Duration::from_millis(50);

/// Tells omg how far the work is.
pub type Report = Paced<Progress>;

/// Runs `work`, while what it reports goes to omg. The library's callbacks cannot borrow the answer.
pub fn reporting<W: Write + Send>(answer: &mut Answer<W>, work: impl FnOnce(&Report) -> Result<()>) -> Result<()> {
    pace(Progress::is_urgent, stop::not_here, |all| answer.events(all), work)
}

/// Puts the order together under the lock, and carries it out if that is what comes back.
pub fn prepare<W: Write + Send>(request: &Request, order: &Order, answer: &mut Answer<W>) -> Result<()> {
    with_library(request, |handle, ear| {
        let prepared = resolve::prepare(handle, request, order, TransFlag::NONE, ear)?;
        let Some(plan) = answer.prepared(&prepared)? else { return Ok(()) };
        // From here on a panic in a callback is only something unsaid.
        drop(std::panic::take_hook());
        reporting(answer, |report| {
            attend(handle, request, ear, report);
            carry_out(handle, request, &plan, prepared, false, ear, report)
        })
    })
}

pub fn apply(request: &Request, plan: &Plan, report: &Report) -> Result<()> {
    transact(request, plan, TransFlag::NONE, report)
}

pub fn download(request: &Request, plan: &Plan, report: &Report) -> Result<()> {
    // Without anything to fetch the library would go on to remove packages.
    if plan.steps.iter().all(|step| step.new.is_empty()) {
        return Ok(());
    }
    transact(request, plan, TransFlag::DOWNLOAD_ONLY, report)
}

fn transact(request: &Request, plan: &Plan, flags: TransFlag, report: &Report) -> Result<()> {
    with_library(request, |handle, ear| {
        attend(handle, request, ear, report);
        let prepared = resolve::prepare(handle, request, &plan.order, flags, ear)
            .inspect_err(|error| tell_locked(error, report))?;
        let only_download = flags.contains(TransFlag::DOWNLOAD_ONLY);
        carry_out(handle, request, plan, prepared, only_download, ear, report)
    })
}

fn tell_locked(error: &anyhow::Error, report: &Report) {
    if error.is::<resolve::Locked>() {
        report.say(Progress::Locked);
    }
}

/// Does `work` with the library, which is told of signals meanwhile, and gives its lock back.
fn with_library(request: &Request, work: impl FnOnce(&mut Alpm, &Ear) -> Result<()>) -> Result<()> {
    let mut handle = handle::open(request)?;
    let ear = handle::listen(&handle);
    let watch = Watch::over(&handle);
    let outcome = work(&mut handle, &ear);
    // Without a lock of ours there is nothing to release, which is no news.
    let _ = handle.trans_release();
    drop(watch);
    // This process ends next, and with it goes what the library would free now piece by piece.
    std::mem::forget(handle);
    outcome
}

/// What was prepared, if it is still the plan.
fn carry_out(
    handle: &mut Alpm,
    request: &Request,
    plan: &Plan,
    prepared: Resolution,
    only_download: bool,
    ear: &Ear,
    report: &Report,
) -> Result<()> {
    let now = match prepared {
        Resolution::Plan(now) => now,
        Resolution::Impossible(why) => bail!("the plan no longer holds: {}", why.join("; ")),
        Resolution::Unknown(missing) => bail!("the plan no longer holds: there is no {}", missing[0].target),
        Resolution::Choice { name, .. } => bail!("the plan no longer holds: several packages are {name} now"),
    };
    if let Some(difference) = difference(&plan.steps, &now.steps) {
        bail!("the plan no longer holds: {difference}");
    }
    ensure!(plan.marks == now.marks, "the plan no longer holds: other packages would be marked");
    if !only_download {
        log(handle, request, matches!(plan.order.task, Task::Upgrade { .. }) && plan.order.targets.is_empty());
    }
    {
        let mut heard = ear.borrow_mut();
        heard.errors.clear();
        heard.discard_damaged = true;
    }
    // The library would not call a transaction of nothing prepared; what is to be marked is marked under its lock all the same.
    if !plan.steps.is_empty()
        && let Err((error, lines)) = library::commit(handle)
    {
        let unknown = unknown_signers(handle, ear);
        let error_text = error.to_string();
        if is_of_signature(error) {
            lines.iter().for_each(|what| reject(report, what, "", &error_text));
            if lines.is_empty() && unknown.is_empty() {
                plan.steps.iter().for_each(|step| reject(report, &step.name, "", &error_text));
            }
        }
        let why = "the key is not trusted here";
        unknown.iter().for_each(|(what, key)| reject(report, what, key, why));
        for file in unsigned(&ear.borrow().errors) {
            reject(report, &file, "", "its signature could not be fetched");
        }
        let mut lines = lines;
        lines.extend(unknown.into_iter().map(|(what, key)| match what.is_empty() {
            true => format!("the key {key} is not trusted here"),
            false => format!("the key {key}, which signed {what}, is not trusted here"),
        }));
        return Err(failure(error_text, lines, ear));
    }
    if let Some(why) = ear.borrow_mut().refusal.take() {
        bail!("{why}");
    }
    if Watch::was_stopped() {
        bail!("stopped by a signal between two packages: what was begun is whole, the rest was not done");
    }
    if !only_download {
        reasons(handle, plan, report);
        let half = remains::half_written(handle, plan);
        if !half.is_empty() {
            bail!("the local database could not be written, as on a full disk: {}", half.join("; "));
        }
    }
    Ok(())
}

/// What a plan of now would do otherwise. How much has to be fetched may have changed meanwhile without harm.
fn difference(planned: &[Step], now: &[Step]) -> Option<String> {
    let bare = |step: &Step| Step { download_bytes: 0, ..step.clone() };
    for step in planned {
        match now.iter().find(|other| other.name == step.name) {
            None => return Some(format!("it would not {} any more", phrase(step))),
            Some(other) if bare(other) == bare(step) => {}
            Some(other) if phrase(other) != phrase(step) => {
                return Some(format!("it would {} rather than {}", phrase(other), phrase(step)));
            }
            Some(other) => return Some(format!("{} differs: {}", step.name, field(step, other))),
        }
    }
    let new = now.iter().find(|step| planned.iter().all(|other| other.name != step.name))?;
    Some(format!("it would also {}", phrase(new)))
}

fn phrase(step: &Step) -> String {
    let Step { name, old, new, .. } = step;
    let verb = step.action.key();
    match step.action {
        Action::Install | Action::Reinstall => format!("{verb} {name} {new}"),
        Action::Upgrade | Action::Downgrade => format!("{verb} {name} {old} to {new}"),
        Action::Remove | Action::Purge => format!("{verb} {name} {old}"),
    }
}

fn field(planned: &Step, now: &Step) -> &'static str {
    match () {
        () if planned.sha256 != now.sha256 => "its archive is another one",
        () if planned.signed != now.signed => "what vouches for it",
        () if planned.repository != now.repository => "its repository",
        () if planned.reason != now.reason => "what it counts as",
        () => "why it is part of it",
    }
}

/// As pacman begins its own entries, under another name.
fn log(handle: &Alpm, request: &Request, everything: bool) {
    // The library takes the text for a format.
    let plain = |text: &str| text.replace(|c: char| c.is_control(), " ").replace('%', "%%");
    if let Some(command) = request.values(key::COMMAND).next() {
        let _ = handle.log_action("OMG", format!("Running '{}'\n", plain(command)));
    }
    if everything {
        let _ = handle.log_action("OMG", "starting full system upgrade\n");
    }
}

fn failure(error: String, lines: Vec<String>, ear: &Ear) -> anyhow::Error {
    let heard = ear.borrow();
    let mut details = lines;
    for text in &heard.errors {
        let text = text.trim_start_matches("error: ").to_owned();
        if !details.contains(&text) {
            details.push(text);
        }
    }
    match details.is_empty() {
        true => anyhow!("{error}"),
        // Which is what the library calls a failure that it has only told in its own words.
        false if error == "unexpected error" => anyhow!("{}", details.join("; ")),
        false => anyhow!("{error}: {}", details.join("; ")),
    }
}

fn is_of_signature(error: Error) -> bool {
    use Error::{DbInvalidSig, PkgInvalidSig, PkgMissingSig, SigInvalid, SigMissing};
    [DbInvalidSig, PkgInvalidSig, PkgMissingSig, SigInvalid, SigMissing].contains(&error)
}

fn reject(report: &Report, what: &str, key: &str, why: &str) {
    let (what, key, why) = (what.to_owned(), key.to_owned(), why.to_owned());
    report.say(Progress::Rejected { what, key, why });
}

/// The files whose signatures the library asked for in vain; it has no other sign of that than its words.
fn unsigned(errors: &[String]) -> Vec<String> {
    let quoted = errors.iter().filter(|text| text.contains("failed retrieving")).flat_map(|text| text.split('\''));
    quoted.filter_map(|word| word.strip_suffix(".sig")).map(str::to_owned).collect()
}

/// The keys that the library does not know, each with the package that it signed.
fn unknown_signers(handle: &Alpm, ear: &Ear) -> Vec<(String, String)> {
    let signed_by = |package: &Package<'_>, key: &str| {
        let Ok(signature) = package.sig() else { return false };
        let ids = handle.extract_keyid(package.name(), signature.sig());
        ids.is_ok_and(|ids| ids.iter().any(|id| key.ends_with(id) || id.ends_with(key)))
    };
    let signers = |key: &String| {
        let packages = handle.trans_add();
        let mut names: Vec<String> = (packages.iter())
            .filter(|package| signed_by(package, key))
            .map(|package| package.name().to_owned())
            .collect();
        if names.is_empty() {
            names.push(String::new());
        }
        names.into_iter().map(|name| (name, key.clone())).collect::<Vec<_>>()
    };
    // Asked, the library may talk, and then the ear is written to.
    let keys = ear.borrow().unknown_keys.clone();
    keys.iter().flat_map(signers).collect()
}

/// The library keeps what a package counted as, and takes what is new for asked for unless something needs it.
fn reasons(handle: &Alpm, plan: &Plan, report: &Report) {
    let is_new = |step: &&Step| !step.new.is_empty();
    let steps = plan.steps.iter().filter(is_new).map(|step| (&step.name, step.reason == Reason::Explicit));
    let marks = plan.marks.iter().map(|marked| (&marked.name, marked.mark == Mark::Explicit));
    for (name, explicit) in steps.chain(marks) {
        let wanted = if explicit { PackageReason::Explicit } else { PackageReason::Depend };
        let differs = handle.localdb().pkg(name.as_str()).is_ok_and(|package| package.reason() != wanted);
        if differs && let Err(error) = library::set_reason(handle, name, wanted) {
            report.say(Progress::Warning { text: format!("{name} could not be marked as it should be: {error}") });
        }
    }
}

pub fn sync(request: &Request, force: bool, report: &Report) -> Result<()> {
    let mut handle = handle::open(request)?;
    let ear = handle::listen(&handle);
    attend(&handle, request, &ear, report);
    let lock = handle.lockfile().to_owned();
    let watch = Watch::over(&handle);
    if let Some(command) = request.values(key::COMMAND).next() {
        let plain = command.replace(|c: char| c.is_control(), " ").replace('%', "%%");
        let _ = handle.log_action("OMG", format!("Running '{plain}'\n"));
    }
    let _ = handle.log_action("OMG", "synchronizing package lists\n");
    ensure!(!handle.syncdbs().is_empty(), "no repository is configured");
    let is_dry = |database: &Db<'_>| {
        database.usage().is_ok_and(|usage| usage.contains(Usage::SYNC)) && database.servers().is_empty()
    };
    let without = handle.syncdbs().into_iter().find(is_dry).map(|database| database.name().to_owned());
    if let Some(name) = without {
        bail!("{name} has no server");
    }
    let outcome = resolve::taking(&lock, || handle.syncdbs_mut().update(force));
    let mut bad = invalid(&handle);
    for database in handle.syncdbs().iter() {
        if let Err(error) = database.is_valid()
            && is_of_signature(error)
        {
            let key = ear.borrow().unknown_keys.join(" ");
            reject(report, database.name(), &key, &error.to_string());
        }
    }
    bad.extend(ear.borrow().unknown_keys.iter().map(|key| format!("the key {key} is not trusted here")));
    drop(watch);
    match outcome.inspect_err(|error| tell_locked(error, report))? {
        Err(error) => Err(failure(format!("cannot fetch the databases: {error}"), bad, &ear)),
        Ok(_) if !bad.is_empty() => Err(failure("databases were refused".to_owned(), bad, &ear)),
        Ok(_) => {
            tell_accepted(&handle, report);
            Ok(())
        }
    }
}

/// Whose signature each database was believed for, where signatures of databases count.
fn tell_accepted(handle: &Alpm, report: &Report) {
    for database in handle.syncdbs().iter().filter(|database| database.siglevel().contains(SigLevel::DATABASE)) {
        let Some(signatures) = library::signatures(&database) else { continue };
        for signature in signatures.results().iter().filter(|signature| signature.status() == SigStatus::Valid) {
            let (what, key) = (database.name().to_owned(), signature.key().fingerprint().to_owned());
            report.say(Progress::Accepted { what, key });
        }
    }
}

/// Listens to everything that the library tells, and lets it fetch with the user's own command where there is one.
fn attend(handle: &Alpm, request: &Request, ear: &Ear, report: &Report) {
    handle.set_log_cb((ear.clone(), report.clone()), |level, text, (ear, report)| {
        let text = text.trim_end().to_owned();
        match level {
            LogLevel::ERROR => {
                say(&text);
                ear.borrow_mut().errors.push(text);
            }
            LogLevel::WARNING => report.say(Progress::Warning { text }),
            _ => {}
        }
    });
    handle.set_event_cb((ear.clone(), report.clone()), |event, (ear, report)| told(event.event(), ear, report));
    handle.set_progress_cb((report.clone(), String::new()), |kind, name, _, total, done, (report, last)| {
        let what = working(kind, name);
        let at = format!("{what} {done}");
        if *last != at {
            *last = at;
            report.say(Progress::Working { what, done: done as u64, total: total as u64 });
        }
    });
    handle.set_dl_cb((report.clone(), HashMap::new()), |name, event, (report, last)| {
        fetching(name, &event, report, last);
    });
    if let Some(command) = request.values(key::XFER_COMMAND).next() {
        handle.set_fetch_cb(
            (command.to_owned(), ear.clone(), report.clone()),
            |address, folder, force, (command, ear, report)| match transfer(command, address, folder, force) {
                Ok(file) => {
                    let what = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    if !what.ends_with(".sig")
                        && let Ok(stat) = file.metadata()
                    {
                        report.say(Progress::Fetched { what, bytes: stat.len() });
                    }
                    alpm::FetchResult::Ok
                }
                Err(error) => {
                    let text = format!("{error:#}");
                    say(&text);
                    ear.borrow_mut().errors.push(text);
                    alpm::FetchResult::Err
                }
            },
        );
    }
}

/// To the person, beside the protocol. That nobody reads must not stop the work.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn told(event: Event<'_>, ear: &Ear, report: &Report) {
    match event {
        Event::TransactionStart => {
            let library = Watch::handle();
            let refusal = if library.is_null() { None } else { names::stop_hostile(library) };
            if refusal.is_some() {
                ear.borrow_mut().refusal = refusal;
                return;
            }
            Watch::changing();
            report.say(Progress::Changing);
        }
        Event::ScriptletInfo(event) => say(event.line().trim_end()),
        #[cfg(feature = "alpm16")]
        Event::HookRunStart(event) => {
            let what = event.desc().filter(|text| !text.is_empty()).unwrap_or(event.name()).to_owned();
            let (done, total) = (event.position() as u64, event.total() as u64);
            report.say(Progress::Working { what, done, total });
        }
        // The older crate does not say which hook it is.
        #[cfg(feature = "alpm13")]
        Event::HookRunStart => {
            report.say(Progress::Working { what: "running hooks".to_owned(), done: 0, total: 0 });
        }
        Event::DatabaseMissing(event) => {
            let text = format!("the database of {} is not there yet", event.dbname());
            report.say(Progress::Warning { text });
        }
        _ => {}
    }
}

fn working(kind: alpm::Progress, name: &str) -> String {
    use alpm::Progress as P;
    match kind {
        P::AddStart => format!("installing {name}"),
        P::UpgradeStart => format!("upgrading {name}"),
        P::DowngradeStart => format!("downgrading {name}"),
        P::ReinstallStart => format!("reinstalling {name}"),
        P::RemoveStart => format!("removing {name}"),
        P::ConflictsStart => "checking for file conflicts".to_owned(),
        P::DiskspaceStart => "checking available disk space".to_owned(),
        P::IntegrityStart => "checking package integrity".to_owned(),
        P::LoadStart => "loading package files".to_owned(),
        P::KeyringStart => "checking keys".to_owned(),
    }
}

fn fetching(name: &str, event: &AnyDownloadEvent<'_>, report: &Report, last: &mut HashMap<String, Instant>) {
    if name.ends_with(".sig") {
        return;
    }
    let bytes = |count: i64| u64::try_from(count).unwrap_or(0);
    let what = name.to_owned();
    report.say(match event.event() {
        DownloadEvent::Progress(now) => {
            let is_soon = last.get(name).is_some_and(|last| last.elapsed() < PACE);
            if is_soon {
                return;
            }
            last.insert(what.clone(), Instant::now());
            Progress::Fetching { what, done_bytes: bytes(now.downloaded), total_bytes: bytes(now.total) }
        }
        DownloadEvent::Completed(end) => match end.result {
            DownloadResult::Success => Progress::Fetched { what, bytes: bytes(end.total) },
            // Of a database that has not changed nothing was fetched.
            DownloadResult::UpToDate | DownloadResult::Failed => Progress::NotFetched { what },
        },
        DownloadEvent::Init(_) | DownloadEvent::Retry(_) => return,
    });
}

/// `XferCommand`: `%u` is the address and `%o` the file to write, under another name until it is whole. Returns the file.
fn transfer(command: &str, address: &str, folder: &str, force: bool) -> Result<PathBuf> {
    let name = address
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty() && *name != "..")
        .context("no file in the address")?;
    let whole = std::path::Path::new(folder).join(name);
    let part = std::path::Path::new(folder).join(format!("{name}.part"));
    if force {
        for path in [&whole, &part] {
            let _ = std::fs::remove_file(path);
        }
    }
    let part = part.to_str().context("the cache is not UTF-8")?;
    let writes = command.contains("%o");
    let mut words = words(command).into_iter().map(|word| word.replace("%o", part).replace("%u", address));
    let program = words.next().context("XferCommand is empty")?;
    let status = Command::new(&program)
        .args(words)
        .current_dir(folder)
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} could not fetch {address}: {status}");
    if writes {
        std::fs::rename(part, &whole).with_context(|| format!("cannot rename {part}"))?;
    }
    Ok(whole)
}

/// Words as a shell would part them, with quotes and backslashes and nothing else.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', Some('"') | None) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ' | '\t', None) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_of_a_command() {
        assert_eq!(words("/bin/curl -fC - -o %o  %u"), ["/bin/curl", "-fC", "-", "-o", "%o", "%u"]);
        assert_eq!(words(r#"a "b c" 'd "e' f\ g """#), ["a", "b c", "d \"e", "f g", ""]);
    }
}
