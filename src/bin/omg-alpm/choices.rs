//! Policy: which version of a package an upgrade or an installation takes. Reads the databases it is told to read, takes no lock,
//! changes nothing.

use crate::library::{Db, Package};
use alpm::{Alpm, Question, SigLevel, TransFlag, Usage};
use anyhow::{Context, Result};
use omg::backends::alpm::key;
use omg::backends::engine::{Answer, Request};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::rc::Rc;

pub fn answer<W: Write>(request: &Request, answer: &mut Answer<W>) -> Result<()> {
    let handle = open(request)?;
    let replacements = replacements(&handle)?;
    let databases = Databases::new(&handle)?;
    match &request.only {
        Some(names) => {
            for (name, _) in names {
                match handle.localdb().pkg(name.as_str()) {
                    Ok(package) => databases.installed(package, &replacements, answer)?,
                    Err(_) => databases.not_installed(name, answer)?,
                }
            }
        }
        None => {
            for package in handle.localdb().pkgs() {
                databases.installed(package, &replacements, answer)?;
            }
            for name in databases.barred()? {
                if handle.localdb().pkg(name).is_err() {
                    databases.not_installed(name, answer)?;
                }
            }
        }
    }
    Ok(())
}

/// libalpm with the repositories and the ignored packages of the question.
fn open(request: &Request) -> Result<Alpm> {
    let path = request.values(key::DATABASE_PATH).next().context("no database path in the question")?;
    let root = request.root.to_str().context("the root is not UTF-8")?;
    let mut handle = Alpm::new(root, path).with_context(|| format!("cannot open {path}"))?;
    for value in request.values(key::REPOSITORY) {
        let (usage, name) = value.split_once(' ').with_context(|| format!("not a repository: {value:?}"))?;
        let usage = Usage::from_bits_truncate(usage.parse().with_context(|| format!("not a usage: {value:?}"))?);
        // Whether a database is signed was decided when it was fetched, and is not a question of policy.
        let database = handle.register_syncdb(name, SigLevel::NONE).with_context(|| format!("cannot open {name}"))?;
        database.set_usage(usage).with_context(|| format!("cannot use {name}"))?;
    }
    for pattern in request.values(key::IGNORE_PACKAGE) {
        handle.add_ignorepkg(pattern).with_context(|| format!("cannot ignore {pattern}"))?;
    }
    for pattern in request.values(key::IGNORE_GROUP) {
        handle.add_ignoregroup(pattern).with_context(|| format!("cannot ignore {pattern}"))?;
    }
    Ok(handle)
}

/// What a system upgrade would ask to replace: old name to new. It is prepared and dropped, without a lock.
fn replacements(handle: &Alpm) -> Result<HashMap<String, String>> {
    let asked: Rc<RefCell<HashMap<String, String>>> = Rc::default();
    handle.set_question_cb(asked.clone(), |question, asked| match question.question() {
        Question::Replace(question) => {
            let (old, new) = (question.oldpkg().name().to_owned(), question.newpkg().name().to_owned());
            // Replacing a package by itself is an upgrade.
            if old != new {
                asked.borrow_mut().entry(old).or_insert(new);
            }
            question.set_replace(false);
        }
        // What is ignored is still what an installation by name would take.
        Question::InstallIgnorepkg(mut question) => question.set_install(true),
        _ => {}
    });
    handle.trans_init(TransFlag::NO_LOCK).context("cannot prepare an upgrade")?;
    handle.sync_sysupgrade(false).context("cannot compute an upgrade")?;
    let found = std::mem::take(&mut *asked.borrow_mut());
    Ok(found)
}

/// The sync databases by what they may be used for.
struct Databases<'h> {
    handle: &'h Alpm,
    upgrading: Vec<Db<'h>>,
}

impl<'h> Databases<'h> {
    fn new(handle: &'h Alpm) -> Result<Databases<'h>> {
        let mut databases = Databases { handle, upgrading: Vec::new() };
        for database in handle.syncdbs() {
            if usage(database)?.contains(Usage::UPGRADE) {
                databases.upgrading.push(database);
            }
        }
        Ok(databases)
    }

    fn installed<W: Write>(
        &self,
        package: Package<'_>,
        replacements: &HashMap<String, String>,
        answer: &mut Answer<W>,
    ) -> Result<()> {
        let name = package.name();
        let replaced_by = replacements.get(name).map_or("", String::as_str);
        if let Some(newer) = package.sync_new_version(self.upgrading.iter().copied()) {
            let repository = newer.db().context("a package of no repository")?;
            answer.choice(name, "", newer.version().as_str(), repository.name(), replaced_by)?;
            return Ok(());
        }
        let offered = self.upgrading.iter().find_map(|database| Some((database, database.pkg(name).ok()?)));
        let repository = match offered {
            Some((database, offer)) if offer.version().vercmp(package.version()) == Ordering::Equal => database.name(),
            _ => "",
        };
        answer.choice(name, "", package.version().as_str(), repository, replaced_by)?;
        Ok(())
    }

    fn not_installed<W: Write>(&self, name: &str, answer: &mut Answer<W>) -> Result<()> {
        // It looks for providers too, which are packages of other names.
        match self.handle.syncdbs().find_satisfier(name).filter(|package| package.name() == name) {
            Some(package) => {
                let repository = package.db().context("a package of no repository")?;
                answer.choice(name, "", package.version().as_str(), repository.name(), "")?;
            }
            None => answer.choice(name, "", "", "", "")?,
        }
        Ok(())
    }

    /// Names of which the first repository that has them is not one to install from. Of all others it goes without saying
    /// that the first one has the candidate.
    fn barred(&self) -> Result<BTreeSet<&'h str>> {
        let mut names = BTreeSet::new();
        let mut earlier: Vec<Db<'h>> = Vec::new();
        for database in self.handle.syncdbs() {
            if !usage(database)?.intersects(Usage::INSTALL | Usage::UPGRADE) {
                for package in database.pkgs() {
                    if earlier.iter().all(|before| before.pkg(package.name()).is_err()) {
                        names.insert(package.name());
                    }
                }
            }
            earlier.push(database);
        }
        Ok(names)
    }
}

fn usage(database: Db<'_>) -> Result<Usage> {
    database.usage().context("cannot tell the usage of a repository")
}
