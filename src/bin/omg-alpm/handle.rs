//! libalpm opened for a change, as pacman would open it with the same configuration, and what it says and asks on the way.

use crate::library;
use alpm::{Alpm, LogLevel, Question, SigLevel, Usage};
use anyhow::{Context, Result};
use omg::backends::alpm::key;
use omg::backends::engine::Request;
use omg::model::Marked;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// libalpm with everything of the question that pacman.conf decides.
pub fn open(request: &Request) -> Result<Alpm> {
    let path = request.values(key::DATABASE_PATH).next().context("no database path in the question")?;
    let root = request.root.to_str().context("the root is not UTF-8")?;
    let mut handle = Alpm::new(root, path).with_context(|| format!("cannot open {path}"))?;
    folders(&mut handle, request)?;
    let level = |key| signatures(request.values(key).next());
    handle.set_default_siglevel(level(key::SIGNATURES)?)?;
    handle.set_local_file_siglevel(level(key::LOCAL_FILE_SIGNATURES)?)?;
    handle.set_remote_file_siglevel(level(key::REMOTE_FILE_SIGNATURES)?)?;
    for arch in request.values(key::ARCHITECTURE) {
        handle.add_architecture(arch)?;
    }
    for pattern in request.values(key::IGNORE_PACKAGE) {
        handle.add_ignorepkg(pattern)?;
    }
    for pattern in request.values(key::IGNORE_GROUP) {
        handle.add_ignoregroup(pattern)?;
    }
    for pattern in request.values(key::NO_UPGRADE) {
        handle.add_noupgrade(pattern)?;
    }
    for pattern in request.values(key::NO_EXTRACT) {
        handle.add_noextract(pattern)?;
    }
    let is_on = |key| request.values(key).next().is_some();
    handle.set_check_space(is_on(key::CHECK_SPACE));
    handle.set_use_syslog(is_on(key::USE_SYSLOG));
    handle.set_disable_dl_timeout(is_on(key::DISABLE_DOWNLOAD_TIMEOUT));
    if let Some(count) = request.values(key::PARALLEL_DOWNLOADS).next() {
        handle.set_parallel_downloads(count.parse().with_context(|| format!("not a number: {count:?}"))?);
    }
    library::newer_options(&mut handle, request)?;
    register(&mut handle, request)?;
    Ok(handle)
}

fn folders(handle: &mut Alpm, request: &Request) -> Result<()> {
    for dir in request.values(key::CACHE_DIR) {
        handle.add_cachedir(dir).with_context(|| format!("cannot use the cache {dir}"))?;
    }
    for dir in request.values(key::HOOK_DIR) {
        handle.add_hookdir(dir).with_context(|| format!("cannot use the hooks in {dir}"))?;
    }
    if let Some(dir) = request.values(key::GPG_DIR).next() {
        handle.set_gpgdir(dir).with_context(|| format!("cannot use the keys in {dir}"))?;
    }
    if let Some(file) = request.values(key::LOG_FILE).next() {
        handle.set_logfile(file).with_context(|| format!("cannot log to {file}"))?;
    }
    Ok(())
}

/// A level, of which the question has one for each version of the library.
pub fn signatures(levels: Option<&str>) -> Result<SigLevel> {
    let (older, newer) =
        levels.and_then(|levels| levels.split_once('/')).context("no signature level in the question")?;
    let bits = if cfg!(feature = "alpm13") { older } else { newer };
    Ok(SigLevel::from_bits_truncate(bits.parse().with_context(|| format!("not a signature level: {bits:?}"))?))
}

fn register(handle: &mut Alpm, request: &Request) -> Result<()> {
    let mut settings = request.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).peekable();
    while let Some((name, value)) = settings.next() {
        if name != key::SYNC_DATABASE {
            continue;
        }
        let mut words = value.splitn(3, ' ');
        let (usage, level, name) = (words.next(), words.next(), words.next());
        let name = name.with_context(|| format!("not a repository: {value:?}"))?;
        let usage = usage.and_then(|bits| bits.parse().ok()).context("not a usage")?;
        let database =
            handle.register_syncdb_mut(name, signatures(level)?).with_context(|| format!("cannot open {name}"))?;
        database.set_usage(Usage::from_bits_truncate(usage))?;
        let of_it = |(name, _): &(&str, &str)| [key::SERVER, key::CACHE_SERVER].contains(name);
        while let Some((kind, address)) = settings.next_if(of_it) {
            if kind == key::SERVER {
                database.add_server(address).with_context(|| format!("cannot fetch from {address}"))?;
            } else {
                anyhow::ensure!(library::add_cache_server(&database, address), "cannot fetch from {address}");
            }
        }
    }
    Ok(())
}

/// What the library said and asked since it was last looked at.
#[derive(Clone, Default)]
pub struct Heard {
    /// Of what was asked for by name, ignoring it is no longer meant.
    pub wanted: BTreeSet<String>,
    /// Old name to new.
    pub replaced: BTreeMap<String, String>,
    /// What is removed to what it cannot be beside.
    pub conflicts: BTreeMap<String, String>,
    /// What several packages provide, and they.
    pub choice: Option<(String, Vec<String>)>,
    /// Keys that the library offered to take in from elsewhere.
    pub unknown_keys: Vec<String>,
    /// What no step changes and is to count as something else.
    pub marks: Vec<Marked>,
    pub warnings: Vec<String>,
    pub errors: Vec<String>,
    /// Why a transaction was stopped that was about to begin.
    pub refusal: Option<String>,
    /// Whether a damaged archive in the cache is to be thrown away, so that the next attempt fetches it anew.
    pub discard_damaged: bool,
}

/// Shared with the library's callbacks: never borrowed while the library is asked anything, since it may have to say something.
pub type Ear = Rc<RefCell<Heard>>;

/// Answers the library's questions, as far as an answer is decided, and writes down all of them.
pub fn listen(handle: &Alpm) -> Ear {
    let ear = Ear::default();
    handle.set_question_cb(ear.clone(), |question, ear| answer(question.question(), &mut ear.borrow_mut()));
    handle.set_log_cb(ear.clone(), |level, text, ear| {
        // Most of what it tells is for its makers.
        if !level.intersects(LogLevel::ERROR | LogLevel::WARNING) {
            return;
        }
        let mut heard = ear.borrow_mut();
        let lines = if level == LogLevel::ERROR { &mut heard.errors } else { &mut heard.warnings };
        let text = text.trim_end().to_owned();
        if !lines.contains(&text) {
            lines.push(text);
        }
    });
    ear
}

fn answer(question: Question<'_>, heard: &mut Heard) {
    match question {
        Question::InstallIgnorepkg(mut question) => {
            let wanted = heard.wanted.contains(question.pkg().name());
            question.set_install(wanted);
        }
        Question::Replace(question) => {
            let (old, new) = (question.oldpkg().name().to_owned(), question.newpkg().name().to_owned());
            // Replacing a package by itself is an upgrade.
            if old != new {
                heard.replaced.entry(old).or_insert(new);
            }
            question.set_replace(true);
        }
        Question::Conflict(mut question) => {
            let (new, old) = library::conflicting(&question);
            heard.conflicts.entry(old).or_insert(new);
            question.set_remove(true);
        }
        Question::SelectProvider(mut question) => {
            let mut names: Vec<String> = question.providers().iter().map(|package| package.name().to_owned()).collect();
            // One that several repositories have is one: the first that has it is taken.
            let mut seen = BTreeSet::new();
            names.retain(|name| seen.insert(name.clone()));
            if names.len() > 1 {
                heard.choice.get_or_insert((question.depend().to_string(), names));
            }
            question.set_index(0);
        }
        Question::Corrupted(mut question) => question.set_remove(heard.discard_damaged),
        // What cannot be had is an obstacle, not to be left out silently.
        Question::RemovePkgs(mut question) => question.set_skip(false),
        Question::ImportKey(mut question) => {
            heard.unknown_keys.push(library::key_of(&question));
            question.set_import(false);
        }
    }
}
