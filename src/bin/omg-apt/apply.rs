//! Carries out a plan with apt's library: its locks, its downloads and checks, its logs, its hooks, dpkg.

use crate::{resolve, told};
use anyhow::{Context, Result, bail, ensure};
use omg::backends::apt::key;
use omg::backends::engine::{Answer, Progress, Request, nobody_listens};
use omg::model::{Order, Plan, Resolution, Step};
use rust_apt::cache::Cache;
use rust_apt::config::Config;
use rust_apt::progress::{AcquireProgress, DynAcquireProgress, DynInstallProgress, InstallProgress};
use rust_apt::raw::{AcqTextStatus, ItemDesc, ItemState, PkgAcquire};
use rust_apt::util::{apt_lock, apt_unlock, apt_unlock_inner};
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Write;
use std::rc::Rc;

/// Fetches the archives of a plan into apt's cache.
pub fn download<W: Write>(request: &Request, config: &Config, plan: &Plan, answer: &mut Answer<W>) -> Result<()> {
    // Two that fetch into one cache would tread on each other's files.
    lock(answer)?;
    let cache = marked(request, config, plan)?;
    refuse_unsigned(config, plan, answer)?;
    let done = fetch(&cache, answer);
    apt_unlock();
    done
}

/// Puts the order together under apt's lock, and carries it out if that is what comes back.
pub fn prepare<W: Write>(request: &Request, config: &Config, order: &Order, answer: &mut Answer<W>) -> Result<()> {
    take_over(request, config, answer)?;
    let (cache, resolution) = resolve::mark(request, config, order)?;
    match answer.prepared(&resolution)? {
        Some(plan) => carry_out(agreed(cache, resolution, &plan)?, config, &plan, answer),
        None => {
            apt_unlock();
            Ok(())
        }
    }
}

pub fn apply<W: Write>(request: &Request, config: &Config, plan: &Plan, answer: &mut Answer<W>) -> Result<()> {
    take_over(request, config, answer)?;
    carry_out(marked(request, config, plan)?, config, plan, answer)
}

/// From here on nobody else changes what a plan rests on.
fn take_over<W: Write>(request: &Request, config: &Config, answer: &mut Answer<W>) -> Result<()> {
    if let Some(command) = request.values(key::COMMAND).last() {
        config.set("CommandLine::AsString", command);
    }
    prefer_settled_questions(config);
    lock(answer)
}

fn carry_out<W: Write>(cache: Cache, config: &Config, plan: &Plan, answer: &mut Answer<W>) -> Result<()> {
    refuse_unsigned(config, plan, answer)?;
    fetch(&cache, answer)?;
    // Who started this was killed, and nobody knows that it goes on.
    ensure!(!nobody_listens(), "nobody listens any more");
    answer.event(&Progress::Changing);
    // The library shields dpkg from the terminal's signals only where it gets it a terminal of its own.
    let _ = rustix::process::setsid();
    apt_unlock_inner();
    let (told_by_dpkg, heard) = listener();
    let mut progress = InstallProgress::new(told_by_dpkg);
    let done = cache.do_install(&mut progress);
    apt_unlock();
    let failures = heard.take();
    match done {
        Ok(()) if failures.is_empty() => Ok(()),
        Ok(()) => bail!("{}", failures.join("; ")),
        Err(errors) if failures.is_empty() => Err(told(&errors)),
        Err(errors) => bail!("{}; {}", failures.join("; "), told(&errors)),
    }
}

fn lock<W: Write>(answer: &mut Answer<W>) -> Result<()> {
    apt_lock().map_err(|errors| {
        let error = told(&errors);
        if is_of_lock(&error) {
            answer.event(&Progress::Locked);
        }
        error
    })
}

/// The library has no other sign of it.
fn is_of_lock(error: &anyhow::Error) -> bool {
    error.to_string().contains("Could not get lock ")
}

/// The cache, marked anew, where that still gives the plan.
fn marked(request: &Request, config: &Config, plan: &Plan) -> Result<Cache> {
    let (cache, resolution) = resolve::mark(request, config, &plan.order)?;
    agreed(cache, resolution, plan)
}

/// The cache, where what is marked in it is the plan.
fn agreed(cache: Cache, resolution: Resolution, plan: &Plan) -> Result<Cache> {
    let Resolution::Plan(now) = resolution else { bail!("the plan no longer holds: it cannot be done any more") };
    if let Some(what) = difference(&plan.steps, &now.steps) {
        bail!("the plan no longer holds: {what}");
    }
    Ok(cache)
}

/// What of two plans is first not the same. How much is still to be fetched is no part of what is agreed on.
fn difference(agreed: &[Step], now: &[Step]) -> Option<String> {
    let same = |a: &Step, b: &Step| Step { download_bytes: b.download_bytes, ..a.clone() } == *b;
    match agreed.iter().zip(now).find(|(a, b)| !same(a, b)) {
        Some((a, b)) if a.name == b.name => Some(format!("{} would now be {} {}", a.name, b.action.key(), b.new)),
        Some((a, b)) => Some(format!("{} stands where {} stood", b.name, a.name)),
        None if agreed.len() == now.len() => None,
        None => Some(format!("it had {} steps and would have {}", agreed.len(), now.len())),
    }
}

/// Everything was asked beforehand, so nothing may wait for an answer: a changed configuration file stays as it is and the new one
/// lies beside it, unless the machine's own configuration says otherwise; debconf takes its defaults.
#[allow(unsafe_code)]
fn prefer_settled_questions(config: &Config) {
    let options = config.find_vector("DPkg::Options");
    if !options.iter().any(|option| option.starts_with("--force-conf")) {
        let mut options = options;
        options.extend(["--force-confdef".to_owned(), "--force-confold".to_owned()]);
        config.set_vector("DPkg::Options", &options.iter().map(String::as_str).collect());
    }
    if std::env::var_os("DEBIAN_FRONTEND").is_none() {
        // SAFETY: this process has one thread, and has read no variable that another would change.
        unsafe { std::env::set_var("DEBIAN_FRONTEND", "noninteractive") };
    }
}

fn refuse_unsigned<W: Write>(config: &Config, plan: &Plan, answer: &mut Answer<W>) -> Result<()> {
    let from_repositories = plan.steps.iter().filter(|step| !step.repository.is_empty());
    let unsigned: Vec<&str> =
        from_repositories.filter(|step| step.signed == Some(false)).map(|step| step.name.as_str()).collect();
    if !unsigned.is_empty() && !config.bool("APT::Get::AllowUnauthenticated", false) {
        for name in &unsigned {
            let (what, why) = ((*name).to_owned(), "no trusted signature vouches for it".to_owned());
            answer.event(&Progress::Rejected { what, key: String::new(), why });
        }
        bail!("no trusted signature vouches for {}", unsigned.join(", "));
    }
    Ok(())
}

/// Fetches what is not in apt's cache yet. The library goes on where single files fail, so each failure is remembered.
fn fetch<W: Write>(cache: &Cache, answer: &mut Answer<W>) -> Result<()> {
    let failed: Rc<RefCell<Vec<String>>> = Rc::default();
    {
        let answer = RefCell::new(answer);
        let told = |progress: Progress| answer.borrow_mut().event(&progress);
        let mut progress = AcquireProgress::new(Fetching::new(&told, failed.clone()));
        cache.get_archives(&mut progress).map_err(|error| anyhow::anyhow!("{error}")).context("cannot fetch")?;
    }
    let failed = failed.take();
    if !failed.is_empty() {
        bail!("cannot fetch {}", failed.join("; "));
    }
    Ok(())
}

/// Fetches the lists of every archive. apt takes an archive that cannot be reached for a warning; here it is an error, with the old
/// lists still in place.
pub fn sync<W: Write>(config: &Config, force: bool, answer: &mut Answer<W>) -> Result<()> {
    if force {
        config.set("Acquire::http::No-Cache", "true");
    }
    let failed: Rc<RefCell<Vec<String>>> = Rc::default();
    let cache = Cache::new::<&str>(&[]).map_err(|errors| told(&errors))?;
    let done = {
        let answer = RefCell::new(&mut *answer);
        let tell = |progress: Progress| answer.borrow_mut().event(&progress);
        let mut progress = AcquireProgress::new(Fetching::new(&tell, failed.clone()));
        cache.update(&mut progress)
    };
    let failed = failed.take();
    match done {
        Err(errors) => {
            let error = told(&errors);
            if is_of_lock(&error) {
                answer.event(&Progress::Locked);
            }
            // Of a signature that is gone the library tells here, and not always with the file.
            let why = error.to_string();
            let is_told = failed.iter().any(|line| line.contains("sign"));
            if !is_told && let Some(at) = why.find(" is no longer signed").or_else(|| why.find(" is not signed")) {
                let what = why[..at].rsplit('\'').nth(1).unwrap_or_default().to_owned();
                answer.event(&Progress::Rejected { what, key: String::new(), why });
            }
            Err(error)
        }
        Ok(()) if failed.is_empty() => Ok(()),
        Ok(()) => bail!("cannot fetch {}", failed.join("; ")),
    }
}

struct Fetching<'t> {
    tell: &'t dyn Fn(Progress),
    failed: Rc<RefCell<Vec<String>>>,
    /// What is on its way from elsewhere. The library calls a list done several times: fetched, verified and unpacked.
    running: HashSet<String>,
}

impl<'t> Fetching<'t> {
    fn new(tell: &'t dyn Fn(Progress), failed: Rc<RefCell<Vec<String>>>) -> Fetching<'t> {
        Fetching { tell, failed, running: HashSet::new() }
    }
}

impl DynAcquireProgress for Fetching<'_> {
    fn pulse_interval(&self) -> usize {
        200_000
    }

    fn hit(&mut self, _: &ItemDesc) {}

    fn fetch(&mut self, item: &ItemDesc) {
        if is_elsewhere(&item.uri()) {
            self.running.insert(name(item));
        }
    }

    fn fail(&mut self, item: &ItemDesc) {
        let owner = item.owner();
        let what = name(item);
        if self.running.remove(&what) {
            (self.tell)(Progress::NotFetched { what });
        }
        // What was there already ends so too.
        if owner.status() != ItemState::StatIdle && owner.status() != ItemState::StatDone {
            let (what, all) = (item.description(), owner.error_text());
            // Below that it lists every digest.
            let why = all.lines().next().unwrap_or_default().to_owned();
            self.failed.borrow_mut().push(format!("{what}: {why}"));
            // The library looks for another kind of signature before it takes one that is bad for an error of its own. Of the rest only
            // its words tell what was not what a signed list says from what did not come.
            let is_other = ["Hash Sum mismatch", "unexpected size"].iter().any(|words| why.contains(words));
            if owner.status() == ItemState::StatAuthError || why.contains("sign") || is_other {
                let key = key_in(&all).unwrap_or_default().to_owned();
                (self.tell)(Progress::Rejected { what, key, why });
            }
        }
    }

    fn pulse(&mut self, _: &AcqTextStatus, all: &PkgAcquire) {
        for worker in &*all.workers() {
            // One that has nothing to do has no item, and then no sizes either.
            let Ok(item) = worker.item() else { continue };
            let (done_bytes, total_bytes) = (worker.current_size(), worker.total_size());
            let what = name(&item);
            if self.running.contains(&what) {
                (self.tell)(Progress::Fetching { what, done_bytes, total_bytes });
            }
        }
    }

    fn done(&mut self, item: &ItemDesc) {
        let what = name(item);
        if self.running.remove(&what) {
            (self.tell)(Progress::Fetched { what, bytes: item.owner().file_size() });
        }
    }

    fn start(&mut self) {}

    fn stop(&mut self, _: &AcqTextStatus) {}
}

/// What verifies and unpacks has addresses too.
fn is_elsewhere(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| !["file", "gpgv", "sqv", "store", "rred"].contains(&scheme))
}

/// An archive by its file, a list by where it comes from.
fn name(item: &ItemDesc) -> String {
    let uri = item.uri();
    match uri.rsplit('/').next().filter(|file| file.ends_with(".deb")) {
        Some(file) => file.replace("%3a", ":"),
        None => item.description(),
    }
}

/// The key that gpgv's words name.
fn key_in(words: &str) -> Option<&str> {
    words.split_whitespace().find(|word| word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What dpkg reports.
struct Listener {
    failures: Rc<RefCell<Vec<String>>>,
}

fn listener() -> (Listener, Rc<RefCell<Vec<String>>>) {
    let failures: Rc<RefCell<Vec<String>>> = Rc::default();
    (Listener { failures: failures.clone() }, failures)
}

impl DynInstallProgress for Listener {
    fn status_changed(&mut self, _: String, _: u64, _: u64, _: String) {}

    fn error(&mut self, package: String, _: u64, _: u64, error: String) {
        self.failures.borrow_mut().push(format!("{package}: {error}"));
    }
}
