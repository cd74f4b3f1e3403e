//! pacman: its configuration, sync databases and local database, read without libalpm, and its policy.
//!
//! Nothing here writes to the machine or fetches anything. The engine `omg-alpm` has the last word on policy where it can
//! be started; [`rules`] answers otherwise.

mod ask;
mod change;
pub mod conf;
pub mod desc;
pub mod glob;
pub(crate) mod local;
pub mod log;
pub mod news;
mod pacman;
pub mod rules;
pub mod siglevel;
pub mod sync;
pub mod tar;
pub mod vercmp;

pub use ask::key;

use crate::backends::engine::{Ask, EngineCommand, EngineError, Reply, Request};
use crate::backends::{Backend, Kept, Keys, Lock, files_in, tool};
use crate::model::{
    self, Archive, Authority, Available, CatalogueSink, Field, InstallState, Installed, LocalSink, Order, OrphanRule,
    Policy, Problem, Reason, Repository, Resolution, Scope, Source, Transaction,
};
use crate::sys::os_release::OsRelease;
use anyhow::{Context, Result, bail, ensure};
use conf::{Conf, RepositorySection};
use desc::Desc;
use jiff::tz::TimeZone;
use local::LocalDatabase;
use rules::{Offer, Present};
use siglevel::Wanted;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{self, AtomicUsize};
use sync::SyncDatabase;

/// What this crate's engine for pacman is called.
pub const ENGINE: &str = "omg-alpm";
/// The Arch Linux Archive: every package that was ever in a repository of Arch.
const OLD_PACKAGES: &str = "https://archive.archlinux.org/packages/{letter}/{name}/{file}";
/// The repositories of Arch itself.
const OF_ARCH: [&str; 12] = [
    "core",
    "extra",
    "community",
    "multilib",
    "core-testing",
    "extra-testing",
    "community-testing",
    "multilib-testing",
    "testing",
    "core-staging",
    "extra-staging",
    "multilib-staging",
];
/// Unpacking is nearly all of the work; more readers than this only compete with the other families'.
const READERS: usize = 2;

/// pacman on one root.
#[derive(Debug)]
pub struct Alpm {
    root: PathBuf,
    /// What paths in the configuration are below.
    base: PathBuf,
    /// Another configuration than the root's own.
    config_file: Option<PathBuf>,
    conf: Conf,
    database_path: PathBuf,
    log_path: PathBuf,
    local: LocalDatabase,
    engine: Result<EngineCommand, EngineError>,
    /// Read once: the catalogue and our own policy both want them.
    sync: OnceLock<Vec<Result<SyncDatabase>>>,
}

impl Alpm {
    /// pacman below `root`, or `None` where there is neither a configuration nor a local database.
    ///
    /// The configuration that lies in `root` speaks of paths inside `root`, as with pacman's `--sysroot`. One given as
    /// `config` speaks of paths as they are, as with pacman's `--root`. `dbpath` is taken as it is.
    pub fn open(
        root: &Path,
        config: Option<&Path>,
        dbpath: Option<&Path>,
        engine: Result<EngineCommand, EngineError>,
    ) -> Result<Option<Alpm>> {
        let slash = Path::new("/");
        let (file, base) = match config {
            Some(file) => (file.to_owned(), slash),
            None => (root.join("etc/pacman.conf"), root),
        };
        let has_conf = file.is_file();
        if config.is_some() && !has_conf {
            bail!("cannot read {}: no such file", file.display());
        }
        let conf = Conf::read(&file, base);
        // A root that was asked for counts more than the one the configuration names.
        let root = match &conf.root_dir {
            Some(dir) if root == slash || config.is_none() => conf::below(base, dir),
            _ => root.to_owned(),
        };
        let database_path = match (dbpath, &conf.db_path) {
            (Some(path), _) => path.to_owned(),
            (None, Some(path)) => conf::below(base, path),
            (None, None) => root.join("var/lib/pacman"),
        };
        if let Some(path) = dbpath.filter(|path| !path.is_dir()) {
            bail!("cannot read {}: no such folder", path.display());
        }
        let log_path = log::path(&conf, base, &root);
        let local = LocalDatabase::at(&database_path);
        if !has_conf && !local.path().is_dir() {
            return Ok(None);
        }
        let (base, config_file) = (base.to_owned(), config.map(Path::to_owned));
        Ok(Some(Alpm { root, base, config_file, conf, database_path, log_path, local, engine, sync: OnceLock::new() }))
    }

    /// The configuration as it was read.
    pub fn conf(&self) -> &Conf {
        &self.conf
    }

    /// What pacman itself has to be told.
    fn places(&self) -> Result<pacman::Places<'_>> {
        ensure!(self.base == Path::new("/"), "pacman is not run on another machine's configuration");
        let Alpm { config_file, root, database_path, .. } = self;
        Ok(pacman::Places { config: config_file.as_deref(), root, database: database_path })
    }

    /// Where pacman keeps archives, which its engine is told too.
    fn cache_folders(&self) -> Vec<PathBuf> {
        match self.conf.cache_dirs.as_slice() {
            [] => vec![conf::below(&self.base, "var/cache/pacman/pkg/")],
            named => named.iter().map(|folder| conf::below(&self.base, folder)).collect(),
        }
    }

    /// The policy about some packages. `offers` as for [`Backend::policy_among`].
    fn decide(&self, names: &[&str], offers: &[Offer<'_>]) -> Result<Policy> {
        let present = self.present(Some(names))?;
        match self.ask_about(names, &present, offers) {
            Ok(reply) => Ok(engine_policy(reply)),
            Err(reason) => Ok(Policy {
                authority: Authority::Rules(reason.to_string()),
                choices: rules::choose(&self.conf, &present, offers, Some(names)),
            }),
        }
    }

    /// The policy by omg's own rules, with `reason` for not asking the engine.
    pub fn policy_by_rules(&self, scope: Scope<'_>, reason: &str) -> Result<Policy> {
        let names = names_of(scope);
        let present = self.present(names.as_deref())?;
        let choices = rules::choose(&self.conf, &present, &self.offers(self.sync()), names.as_deref());
        Ok(Policy { authority: Authority::Rules(reason.to_owned()), choices })
    }

    fn ask_about_all(&self) -> Result<Reply> {
        let engine = self.engine.clone()?;
        let mut request = Request::new(&self.root, Scope::All);
        ask::describe(&mut request, &self.conf, &self.database_path)?;
        Ok(engine.ask(&request)?)
    }

    fn ask_about(&self, names: &[&str], present: &[Present], offers: &[Offer<'_>]) -> Result<Reply> {
        let engine = self.engine.clone()?;
        let world = tempfile::Builder::new().prefix("omg-").tempdir().context("cannot make a temporary folder")?;
        ask::write_small_world(world.path(), &self.conf, present, offers)?;
        let only: Vec<_> = names.iter().map(|name| (*name, "")).collect();
        let mut request = Request::new(world.path(), Scope::Only(&only));
        ask::describe(&mut request, &self.conf, world.path())?;
        Ok(engine.ask(&request)?)
    }

    /// The installed packages, or of them those named. Problems are told by [`Backend::read_local`].
    fn present(&self, names: Option<&[&str]>) -> Result<Vec<Present>> {
        let wanted: Option<HashSet<&str>> = names.map(|names| names.iter().copied().collect());
        let mut folders = self.local.folders(&mut |_| {})?;
        folders.retain(|folder| wanted.as_ref().is_none_or(|wanted| wanted.contains(folder.name())));
        let mut text = String::new();
        let one = |folder: local::Folder| Present {
            name: folder.name().to_owned(),
            version: folder.version().to_owned(),
            groups: self.local.read_desc(&folder, &mut text, &mut |_| {}).groups.to_owned(),
        };
        Ok(folders.into_iter().map(one).collect())
    }

    /// What `databases` offer.
    fn offers<'a>(&'a self, databases: &'a [Result<SyncDatabase>]) -> Vec<Offer<'a>> {
        let mut offers = Vec::new();
        for (repository, database) in self.conf.repositories.iter().zip(databases) {
            let Ok(database) = database else { continue };
            offers.extend(database.entries().map(|entry| {
                let (groups, replaces) = entry.groups_and_replaces();
                Offer { repository: &repository.name, name: entry.name, version: entry.version, groups, replaces }
            }));
        }
        offers
    }

    fn sync_path(&self, repository: &str) -> PathBuf {
        self.database_path.join("sync").join(format!("{repository}.db"))
    }

    /// Whether libalpm wants a signature of each of a repository's packages, or has one of its database. A package's own, where it may
    /// have one and need not, is seen in a plan.
    fn is_signed(&self, section: &RepositorySection) -> bool {
        // Which library reads the configuration is not known here: the one counts that asks for less.
        let [older, _] = siglevel::BUILT_IN;
        let wanted = section.signatures.wanted_below(self.conf.signatures.global(older));
        let has_signature = || self.sync_path(&section.name).with_extension("db.sig").exists();
        wanted.packages == Wanted::Always
            || wanted.database == Wanted::Always
            || wanted.database == Wanted::WhereThereIsOne && has_signature()
    }

    /// The sync databases in the order of the configuration, read once.
    fn sync(&self) -> &[Result<SyncDatabase>] {
        self.sync.get_or_init(|| self.read_sync(None))
    }

    /// The sync databases, or of them what decides about `only`.
    fn read_sync(&self, only: Option<&HashSet<&str>>) -> Vec<Result<SyncDatabase>> {
        let paths: Vec<_> = self.conf.repositories.iter().map(|section| self.sync_path(&section.name)).collect();
        let slots: Vec<OnceLock<Result<SyncDatabase>>> = paths.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((path, slot)) = {
                let at = next.fetch_add(1, atomic::Ordering::Relaxed);
                paths.get(at).zip(slots.get(at))
            } {
                let _ = slot.set(SyncDatabase::open(path, only));
            }
        };
        std::thread::scope(|scope| {
            (1..READERS.min(paths.len())).for_each(|_| _ = scope.spawn(work));
            work();
        });
        slots.into_iter().map(|slot| slot.into_inner().expect("every slot was worked on")).collect()
    }

    /// The configuration decides about both: which repositories there are, and what is held.
    fn inputs(&self, more: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
        self.conf.inputs.iter().cloned().chain(more).collect()
    }
}

fn names_of<'a>(scope: Scope<'a>) -> Option<Vec<&'a str>> {
    match scope {
        Scope::All => None,
        Scope::Only(names) => Some(names.iter().filter(|(_, arch)| arch.is_empty()).map(|(name, _)| *name).collect()),
    }
}

fn engine_policy(reply: Reply) -> Policy {
    Policy { authority: Authority::Engine(reply.decider), choices: reply.choices }
}

impl Backend for Alpm {
    fn source(&self) -> Source {
        Source::Pacman
    }

    fn catalogue_inputs(&self) -> Vec<PathBuf> {
        self.inputs(self.conf.repositories.iter().map(|section| self.sync_path(&section.name)))
    }

    /// libalpm rewrites a `desc` in place when only the reason changes, which its folder does not show. But whatever it
    /// does it does under its lock file, and that one's coming and going changes the folder above.
    fn local_inputs(&self) -> Vec<PathBuf> {
        self.inputs([self.database_path.clone(), self.local.path().to_owned()])
    }

    fn read_catalogue(&self, sink: &mut dyn CatalogueSink) -> Result<()> {
        self.conf.problems.iter().for_each(|problem| sink.problem(problem.clone()));
        let distribution = OsRelease::read(&self.root);
        for (section, database) in self.conf.repositories.iter().zip(self.sync()) {
            let id = sink.repository(Repository {
                source: Source::Pacman,
                name: section.name.clone(),
                location: section.servers.first().cloned().unwrap_or_default(),
                security: false,
                priority: None,
                own: distribution.is("arch") && OF_ARCH.contains(&section.name.as_str()),
                signed: self.is_signed(section),
            });
            let mut problem = |message: String| sink.problem(Problem { path: self.sync_path(&section.name), message });
            let database = match database {
                Ok(database) => database,
                Err(e) => {
                    problem(format!("{e:#}"));
                    continue;
                }
            };
            if database.nameless > 0 {
                problem(format!("damaged: {} entries do not name a package", database.nameless));
            }
            let mut desc = Desc::default();
            for entry in database.entries() {
                entry.read_into(&mut desc);
                sink.package(&Available {
                    name: entry.name,
                    arch: "",
                    version: entry.version,
                    summary: desc.summary,
                    repository: id,
                    popularity: 0.0,
                    fields: &desc.fields,
                });
            }
        }
        Ok(())
    }

    fn read_local(&self, sink: &mut dyn LocalSink) -> Result<()> {
        let folders = self.local.folders(&mut |problem| sink.problem(problem))?;
        let mut text = String::new();
        for folder in &folders {
            let desc = self.local.read_desc(folder, &mut text, &mut |problem| sink.problem(problem));
            sink.package(&Installed {
                name: folder.name(),
                arch: "",
                version: folder.version(),
                summary: desc.summary,
                state: InstallState::Installed,
                reason: if desc.is_dependency { Reason::Dependency } else { Reason::Explicit },
                held: self.conf.ignores(folder.name(), desc.groups),
                keep: self.conf.keeps(folder.name()),
                fields: &desc.fields,
            });
        }
        Ok(())
    }

    fn read_owned(&self, each: &mut dyn FnMut(&str, &str, &[u8]), problem: &mut dyn FnMut(Problem)) -> Result<()> {
        let mut buffer = Vec::new();
        for folder in self.local.folders(&mut |_| {})? {
            if let Err(error) = self.local.read_files(&folder, &mut buffer, &mut |path| each(folder.name(), "", path)) {
                problem(Problem { path: folder.files(), message: error.root_cause().to_string() });
            }
        }
        Ok(())
    }

    fn files_of(&self, name: &str, arch: &str) -> Result<Option<Vec<Vec<u8>>>> {
        let folders = self.local.folders(&mut |_| {})?;
        let Some(folder) = folders.iter().find(|folder| arch.is_empty() && folder.name() == name) else {
            return Ok(None);
        };
        let mut paths = Vec::new();
        self.local.read_files(folder, &mut Vec::new(), &mut |path| paths.push(path.to_vec()))?;
        Ok(Some(paths))
    }

    fn policy(&self, scope: Scope<'_>) -> Result<Policy> {
        match names_of(scope) {
            None => match self.ask_about_all() {
                Ok(reply) => Ok(engine_policy(reply)),
                Err(reason) => self.policy_by_rules(scope, &reason.to_string()),
            },
            Some(names) => {
                let wanted = names.iter().copied().collect();
                self.decide(&names, &self.offers(&self.read_sync(Some(&wanted))))
            }
        }
    }

    fn policy_among(&self, names: &[(&str, &str)], offers: &[model::Offer<'_>]) -> Result<Policy> {
        let names = names_of(Scope::Only(names)).unwrap_or_default();
        let offers: Vec<Offer<'_>> = offers
            .iter()
            .map(|offer| {
                let field = |wanted: Field| {
                    offer.fields.iter().find(|(field, _)| *field == wanted).map_or("", |(_, text)| text.as_str())
                };
                let (groups, replaces) = (field(Field::Groups), field(Field::Replaces));
                Offer { repository: offer.repository, name: offer.name, version: offer.version, groups, replaces }
            })
            .collect();
        self.decide(&names, &offers)
    }

    fn engine(&self) -> Option<&EngineCommand> {
        self.engine.as_ref().ok()
    }

    fn change(&self, ask: Ask, command: &str, _: Option<&Path>) -> Result<(EngineCommand, Request), EngineError> {
        let engine = self.engine.clone()?;
        let mut request = Request::about_change(&self.root, ask);
        let places =
            change::Places { base: &self.base, root: &self.root, database: &self.database_path, log: &self.log_path };
        change::describe_change(&self.conf, &places, &mut request)
            .map_err(|e| EngineError::Failed(format!("{e:#}")))?;
        if !command.is_empty() {
            request.set(key::COMMAND, command);
        }
        Ok((engine, request))
    }

    fn plan_by_tool(&self, order: &Order) -> Result<Resolution> {
        pacman::plan(&self.places()?, order, &tool::present(self)?)
    }

    fn tool(&self, order: &Order) -> Result<Command> {
        pacman::command(&self.places()?, order, &[])
    }

    fn archive(&self, _: &str, _: &str, _: &str) -> Option<PathBuf> {
        // libalpm's engine looks in the cache itself.
        None
    }

    fn archive_names(&self, name: &str, arch: &str, version: &str) -> Vec<String> {
        let own = self.conf.architectures.iter().map(String::as_str).filter(|known| *known != "auto");
        let native = if arch.is_empty() { std::env::consts::ARCH } else { arch };
        let mut architectures: Vec<&str> = own.chain([native, "any"]).collect();
        architectures.dedup();
        // The first since 2020, the second before that.
        let names = ["zst", "xz", "gz"].into_iter().flat_map(|ending| {
            architectures.iter().map(move |arch| format!("{name}-{version}-{arch}.pkg.tar.{ending}"))
        });
        names.collect()
    }

    fn kept(&self, address: Option<&str>, name: &str, arch: &str, version: &str) -> Kept {
        let address = address.unwrap_or(OLD_PACKAGES);
        let Some(letter) = name.get(..1).filter(|_| !address.is_empty()) else { return Kept::Nowhere };
        let of_file = |file: String| {
            let quoted = |text: &str| text.replace('+', "%2B").replace(':', "%3A");
            let address = address.replace("{letter}", letter).replace("{name}", &quoted(name));
            let address = address.replace("{file}", &quoted(&file));
            (file, address)
        };
        Kept::File(self.archive_names(name, arch, version).into_iter().map(of_file).collect())
    }

    fn root(&self) -> &Path {
        &self.root
    }

    fn conffiles(&self, of: Option<&BTreeSet<&str>>) -> Result<Vec<(String, PathBuf)>> {
        let (mut all, mut text) = (Vec::new(), Vec::new());
        let is_meant = |name: &str| of.is_none_or(|of| of.contains(name));
        for folder in self.local.folders(&mut |_| {})?.into_iter().filter(|folder| is_meant(folder.name())) {
            // What is wrong with the list of one package is for the index to say.
            if self.local.read_files(&folder, &mut text, &mut |_| {}).is_ok() {
                let paths = local::backup_paths(&text);
                all.extend(paths.map(|path| (folder.name().to_owned(), Path::new("/").join(OsStr::from_bytes(path)))));
            }
        }
        Ok(all)
    }

    fn keys_for(&self, file: &Path) -> Option<Keys> {
        let name = file.file_name()?.to_str()?;
        if !name.contains(".pkg.tar") && ![".db", ".files"].iter().any(|ending| name.ends_with(ending)) {
            return None;
        }
        let folder = conf::below(&self.base, self.conf.gpg_dir.as_deref().unwrap_or("etc/pacman.d/gnupg/"));
        if ["pubring.kbx", "pubring.gpg"].iter().any(|ring| folder.join(ring).exists()) {
            return Some(Keys::Folder(folder));
        }
        // Where pacman has not been set up, the keys that were shipped.
        let shipped = files_in(&self.root.join("usr/share/pacman/keyrings")).unwrap_or_default();
        Some(Keys::Files(
            shipped.into_iter().filter(|(name, ..)| name.ends_with(".gpg")).map(|(_, path, _)| path).collect(),
        ))
    }

    fn archives(&self) -> Result<Vec<Archive>> {
        let mut all = Vec::new();
        for folder in self.cache_folders() {
            for (name, path, bytes) in files_in(&folder)? {
                let Some((stem, _)) = name.split_once(".pkg.tar").filter(|_| !name.ends_with(".sig")) else { continue };
                let mut parts = stem.rsplitn(4, '-');
                let (Some(arch), Some(release), Some(version), Some(package)) =
                    (parts.next(), parts.next(), parts.next(), parts.next())
                else {
                    continue;
                };
                let version = format!("{version}-{release}");
                all.push(Archive { path, name: package.into(), arch: arch.into(), version, bytes });
            }
        }
        Ok(all)
    }

    fn locks(&self) -> Vec<Lock> {
        vec![Lock::Exists(self.database_path.join("db.lck"))]
    }

    fn logs(&self) -> Vec<PathBuf> {
        vec![self.log_path.clone()]
    }

    fn read_logs(&self, pieces: &[String], zone: &TimeZone, each: &mut dyn FnMut(Transaction, bool)) -> Vec<usize> {
        pieces
            .iter()
            .map(|piece| log::read(piece.as_bytes(), zone, &mut |transaction| each(transaction, true)))
            .collect()
    }

    fn orphan_rule(&self) -> OrphanRule {
        OrphanRule::Unrequired
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        vercmp::compare(a, b)
    }
}
