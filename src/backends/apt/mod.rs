//! The family of apt and dpkg: their files, read without either. Policy is apt's own library's where there is an
//! engine to ask it, else omg's rules.
//!
//! `control` is the syntax most of the files share, `config` and `sources` say where to look, `lists` reads what the
//! archives offer and `status` what is installed. `entries` is what of both decides about candidates, `qualified` what a
//! pattern in the preferences means besides plain names, `ask` puts it to the engine, and where that cannot be had, `pins`
//! reads the preferences and `rules` draws the policy from it all, and `apt_get` plans and makes changes.

pub mod apt_get;
mod ask;
pub(crate) mod config;
pub(crate) mod control;
mod entries;
pub mod history;
pub(crate) mod lists;
pub mod news;
pub(crate) mod owned;
pub(crate) mod pins;
pub(crate) mod qualified;
mod record;
pub(crate) mod release;
pub(crate) mod rules;
pub(crate) mod sources;
pub(crate) mod status;
pub mod version;

use crate::backends::engine::{Ask, EngineCommand, EngineError, Reply, Request};
use crate::backends::{Backend, Kept, Keys, Lock, files_in, tool};
use crate::model::{
    Archive, Authority, CatalogueSink, LocalSink, Offer, Order, OrphanRule, Policy, Problem, Resolution, Scope, Source,
    Transaction,
};
use crate::sys::os_release::OsRelease;
use anyhow::{Context, Result, ensure};
pub use ask::key;
use config::Config;
use entries::{Entry, Wanted};
use jiff::tz::TimeZone;
pub use lists::plain_list;
use pins::Pins;
use qualified::Qualified;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What this crate's engine for apt is called.
pub const ENGINE: &str = "omg-apt";

/// Debian's repositories as they were at any time since 2005.
const OLD_REPOSITORIES: &str = "https://snapshot.debian.org/archive/{archive}/{time}/";

/// One root that dpkg keeps.
pub struct Apt {
    root: PathBuf,
    config_file: Option<PathBuf>,
    engine: Result<EngineCommand, EngineError>,
    config: Config,
    /// The native one first. Read when it is asked for: dpkg's whole database may have to be.
    architectures: OnceLock<Vec<String>>,
    places: status::Places,
    /// Read once: the catalogue and the policy both want them.
    lists: OnceLock<lists::Lists>,
    /// Read once, where a pin wants them.
    qualified: OnceLock<Qualified>,
}

impl Apt {
    /// Opens `root`; `None` where dpkg has no status file. `config` is what `APT_CONFIG` would name, for another apt
    /// configuration than the root's own. `engine` is asked for the policy of the running machine.
    pub fn open(root: &Path, config: Option<&Path>, engine: Result<EngineCommand, EngineError>) -> Result<Option<Apt>> {
        let config_file = config.map(Path::to_path_buf);
        let config = Config::read(root, config);
        let Some(status) = config.path("Dir::State::status") else { return Ok(None) };
        if !status.try_exists().with_context(|| format!("cannot look for {}", status.display()))? {
            return Ok(None);
        }
        let admin = status.parent().unwrap_or(Path::new("/")).to_path_buf();
        let extended_states = config.path("Dir::State::extended_states").unwrap_or_default();
        let places = status::Places { status, extended_states, admin };
        let (root, architectures, lists, qualified) = (root.into(), OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(Some(Apt { root, config_file, engine, architectures, config, places, lists, qualified }))
    }

    fn architectures(&self) -> &[String] {
        self.architectures.get_or_init(|| architectures(&self.config, &self.places))
    }

    fn native(&self) -> &str {
        &self.architectures()[0]
    }

    /// Whether apt keeps packages for the sake of `Recommends` and of `Suggests`: two edges of its orphan search.
    pub fn keeps_recommended_and_suggested(&self) -> (bool, bool) {
        let option = |name: &str| self.config.is_set(&format!("APT::AutoRemove::{name}"), true);
        (option("RecommendsImportant"), option("SuggestsImportant"))
    }

    /// What a source has where it says nothing.
    fn defaults(&self) -> sources::Defaults {
        sources::Defaults {
            native: self.native().to_owned(),
            architectures: self.architectures().to_vec(),
            languages: languages(&self.config),
        }
    }

    fn world(&self) -> lists::World {
        let mut problems = self.config.problems().to_vec();
        let archives = sources::read(&self.config, &self.defaults(), &mut problems);
        let folder = self.config.path("Dir::State::lists").unwrap_or_default();
        let distribution = OsRelease::read(&self.root);
        let mut world = lists::World::find(&folder, &archives, &distribution.ids().collect::<Vec<_>>());
        problems.append(&mut world.problems);
        world.problems = problems;
        world
    }
}

impl Apt {
    fn lists(&self) -> &lists::Lists {
        self.lists.get_or_init(|| lists::Lists::read(self.world()))
    }

    /// Whether it takes a look at all relations to know which packages the preferences mean. Where there are no foreign ones it makes no
    /// difference, but to a pattern that is about the colon.
    fn qualifies(&self, pins: &Pins) -> bool {
        pins.have_patterns() && self.architectures().len() > 1
    }

    /// What patterns in the preferences mean besides plain names.
    fn qualified(&self, pins: &Pins) -> &Qualified {
        self.qualified.get_or_init(|| {
            if !self.qualifies(pins) {
                return Qualified::default();
            }
            // That it cannot be read is told by whoever reads what is installed.
            let status = status::content(&self.places.status).unwrap_or_default();
            Qualified::read(self.lists().texts().chain([&*status]), self.architectures())
        })
    }

    /// The policy about the packages of `entries`.
    fn decide(&self, question: &rules::Question<'_>, entries: &[Entry<'_>]) -> Policy {
        let mut reason = match self.ask(question, entries) {
            Ok(reply) => return Policy { authority: Authority::Engine(reply.decider), choices: reply.choices },
            Err(reason) => format!("{reason:#}"),
        };
        let (choices, fault) = rules::choose(question, entries);
        if let Some(fault) = fault {
            reason.push_str(&format!("; apt would refuse: {fault}"));
        }
        if self.config.is_set("APT::Get::Phase-Policy", false) {
            reason.push_str("; phased updates are taken as released");
        }
        Policy { authority: Authority::Rules(reason), choices }
    }

    fn question<'q>(
        &'q self,
        world: &'q lists::World,
        pins: &'q Pins,
        qualified: &'q Qualified,
    ) -> rules::Question<'q> {
        let default_release = self.config.find("APT::Default-Release");
        rules::Question { world, native: self.native(), pins, qualified, default_release }
    }

    /// The engine's answer, or why there is none.
    fn ask(&self, question: &rules::Question<'_>, entries: &[Entry<'_>]) -> Result<Reply> {
        ensure!(self.root == Path::new("/"), "apt's library is asked about the running machine alone");
        ensure!(self.config.find("RootDir").is_empty(), "apt's library is not asked about another RootDir");
        let engine = self.engine.clone()?;
        let folder = tempfile::Builder::new().prefix("omg-").tempdir().context("cannot make a temporary folder")?;
        let world = question.world;
        ask::write_small_world(folder.path(), world, entries, question.qualified)?;
        let mut request = Request::new(&self.root, Scope::All);
        if let Some(file) = &self.config_file {
            request.set(key::CONFIG, file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?);
        }
        ask::describe(&mut request, folder.path(), world, self.architectures(), entries.len())?;
        Ok(engine.ask(&request)?)
    }
}

impl Backend for Apt {
    fn source(&self) -> Source {
        Source::Apt
    }

    fn catalogue_inputs(&self) -> Vec<PathBuf> {
        let mut inputs = self.config.inputs().to_vec();
        for name in ["State::lists", "Etc::sourcelist", "Etc::sourceparts", "Etc::preferences", "Etc::preferencesparts"]
        {
            inputs.extend(self.config.path(&format!("Dir::{name}")));
        }
        for (folder, extensions) in
            [("Dir::Etc::sourceparts", &["list", "sources"][..]), ("Dir::Etc::preferencesparts", &["", "pref"])]
        {
            inputs.extend(self.config.path(folder).iter().flat_map(|folder| config::parts(folder, extensions)));
        }
        inputs.extend(self.world().inputs);
        inputs.push(self.places.admin.join("arch"));
        inputs
    }

    fn local_inputs(&self) -> Vec<PathBuf> {
        let places = &self.places;
        vec![places.status.clone(), places.extended_states.clone(), places.info(), places.diversions()]
    }

    fn read_catalogue(&self, sink: &mut dyn CatalogueSink) -> Result<()> {
        let (lists, pins) = (self.lists(), Pins::read(&self.config));
        let question = self.question(&lists.world, &pins, self.qualified(&pins));
        let (weights, _) = rules::Weights::new(&question);
        lists.read_catalogue(self.native(), &weights, sink);
        pins.problems.iter().for_each(|problem| sink.problem(problem.clone()));
        Ok(())
    }

    fn read_local(&self, sink: &mut dyn LocalSink) -> Result<()> {
        let mut never = Vec::new();
        for pattern in self.config.list("APT::NeverAutoRemove") {
            match regex::RegexBuilder::new(pattern).case_insensitive(true).build() {
                Ok(regex) => never.push(regex),
                Err(_) => sink.problem(Problem {
                    path: self.config.path("Dir::Etc::parts").unwrap_or_default(),
                    message: format!("APT::NeverAutoRemove is no regular expression: {pattern}"),
                }),
            }
        }
        status::read(&self.places, self.native(), &|name| never.iter().any(|regex| regex.is_match(name)), sink)
    }

    fn read_owned(&self, each: &mut dyn FnMut(&str, &str, &[u8]), problem: &mut dyn FnMut(Problem)) -> Result<()> {
        owned::read(&self.places, self.native(), each, problem)
    }

    fn files_of(&self, name: &str, arch: &str) -> Result<Option<Vec<Vec<u8>>>> {
        owned::of(&self.places, self.native(), name, arch)
    }

    fn policy(&self, scope: Scope<'_>) -> Result<Policy> {
        let lists = self.lists();
        let pins = Pins::read(&self.config);
        // That it cannot be read is told by whoever reads what is installed.
        let status = status::content(&self.places.status).unwrap_or_default();
        let entries = entries::read(lists, &status, self.native(), Wanted::new(scope, pins.may_forbid()));
        Ok(self.decide(&self.question(&lists.world, &pins, self.qualified(&pins)), &entries))
    }

    fn policy_among(&self, names: &[(&str, &str)], offers: &[Offer<'_>]) -> Result<Policy> {
        let world = self.world();
        let pins = Pins::read(&self.config);
        if pins.tell_architectures_apart() && !world.has_one_list_each() {
            // The index does not know in which of a repository's lists a version stands.
            return self.policy(Scope::Only(names));
        }
        if self.qualifies(&pins) {
            // Nor does it know what some other package calls these.
            return self.policy(Scope::Only(names));
        }
        // That it cannot be read is told by whoever reads what is installed.
        let status = status::content(&self.places.status).unwrap_or_default();
        let entries = entries::from_offers(&world, &status, self.native(), names, offers);
        Ok(self.decide(&self.question(&world, &pins, &Qualified::default()), &entries))
    }

    fn engine(&self) -> Option<&EngineCommand> {
        self.engine.as_ref().ok()
    }

    fn change(&self, ask: Ask, command: &str, scratch: Option<&Path>) -> Result<(EngineCommand, Request), EngineError> {
        let refuse = |what: &str| Err(EngineError::Failed(what.to_owned()));
        if !self.config.find("RootDir").is_empty() {
            return refuse("apt's configuration names a root of its own: name it with --root");
        }
        // The engine works in another root as if that were all there is.
        let is_elsewhere = self.root != Path::new("/");
        let inside = |path: &Path| match path.strip_prefix(&self.root) {
            Ok(below) => Path::new("/").join(below).to_str().map(str::to_owned),
            Err(_) => None,
        };
        let engine = self.engine.clone()?;
        let mut request = Request::about_change(&self.root, ask);
        request.set(key::COMMAND, command);
        if let Some(file) = &self.config_file {
            let Some(file) = inside(file) else {
                return refuse("the configuration's path is not UTF-8, or leads out of the root");
            };
            request.set(key::CONFIG, file);
        }
        request.set(key::OPTION, ask::told_architectures(self.architectures()));
        // Else every plan would cost a reading of all lists, where the machine keeps no such file or one that a person may not renew.
        // What root plans finds its cache again when it is carried out.
        let renews_own = rustix::process::geteuid().is_root() && self.config.path("Dir::Cache::pkgcache").is_some();
        if let Some(folder) = scratch.filter(|_| !renews_own && !is_elsewhere).and_then(Path::to_str) {
            for name in ["pkgcache", "srcpkgcache"] {
                request.set(key::OPTION, format!("Dir::Cache::{name} {folder}/apt-{name}.bin"));
            }
        }
        let world = self.world();
        for list in &world.lists {
            let Some(path) = inside(&list.path) else { continue };
            request.set(key::LIST, path);
            request.set(key::REPOSITORY, world.repositories[usize::from(list.repository)].name.as_str());
        }
        Ok((engine, request))
    }

    fn plan_by_tool(&self, order: &Order) -> Result<Resolution> {
        ensure!(self.root == Path::new("/"), "apt-get is asked about this machine alone");
        let (config, present) = (self.config_file.as_deref(), tool::present(self)?);
        apt_get::plan(config, &self.root, self.native(), order, &present)
    }

    fn tool(&self, order: &Order) -> Result<Command> {
        apt_get::command(self.config_file.as_deref(), &apt_get::exact(order, &tool::present(self)?), &[])
    }

    fn rejected_by_tool<'l>(&self, line: &'l str) -> Option<(&'l str, &'l str)> {
        apt_get::rejected(line)
    }

    fn archive(&self, name: &str, arch: &str, version: &str) -> Option<PathBuf> {
        let folder = self.config.path("Dir::Cache::Archives")?;
        let names = self.archive_names(name, arch, version).into_iter();
        names.map(|name| folder.join(name)).find(|archive| archive.is_file())
    }

    fn archive_names(&self, name: &str, arch: &str, version: &str) -> Vec<String> {
        let version = version.replace(':', "%3a");
        let own = [self.native(), "all"];
        let architectures = if arch.is_empty() { &own[..] } else { &[arch] };
        architectures.iter().map(|arch| format!("{name}_{version}_{arch}.deb")).collect()
    }

    fn kept(&self, address: Option<&str>, _: &str, _: &str, _: &str) -> Kept {
        let (address, of_debian) = (address.unwrap_or(OLD_REPOSITORIES), address.is_none());
        if address.is_empty() {
            return Kept::Nowhere;
        }
        // What is wrong with the sources is for the index to say.
        let archives = sources::read(&self.config, &self.defaults(), &mut Vec::new());
        let stanzas = archives.iter().filter_map(|archive| {
            // Of the archives that have their own history: `debian`, `debian-security`.
            let name = archive.uri.trim_end_matches('/').rsplit('/').next()?;
            if of_debian && !name.starts_with("debian") {
                return None;
            }
            let components: Vec<&str> = archive.sections.iter().map(|section| section.component.as_str()).collect();
            let (components, address) = (components.join(" "), address.replace("{archive}", name));
            let fields = [
                ("Types", "deb"),
                ("URIs", &address),
                ("Suites", &archive.suite),
                ("Components", components.trim()),
                ("Signed-By", &archive.signed_by),
            ];
            let there = fields.iter().filter(|(_, value)| !value.is_empty());
            Some(there.map(|(name, value)| format!("{name}: {value}\n")).collect())
        });
        Kept::Repositories(stanzas.collect())
    }

    fn root(&self) -> &Path {
        &self.root
    }

    /// Those that dpkg knows, and those that scripts keep through ucf.
    fn conffiles(&self, of: Option<&BTreeSet<&str>>) -> Result<Vec<(String, PathBuf)>> {
        let mut all = status::conffiles(&status::content(&self.places.status)?);
        // Each line is a package and a path.
        let registry = std::fs::read_to_string(self.root.join("var/lib/ucf/registry")).unwrap_or_default();
        let known = registry.lines().filter_map(|line| line.split_once(char::is_whitespace));
        all.extend(known.map(|(package, path)| (package.to_owned(), PathBuf::from(path.trim()))));
        if let Some(of) = of {
            all.retain(|(package, _)| of.contains(package.as_str()));
        }
        Ok(all)
    }

    fn keys_for(&self, file: &Path) -> Option<Keys> {
        let name = file.file_name()?.to_str()?;
        let stem = ["InRelease", "Release"].iter().find_map(|ending| name.strip_suffix(ending))?;
        let archives = sources::read(&self.config, &self.defaults(), &mut Vec::new());
        let is_of =
            |archive: &&sources::Archive| lists::file_name(&sources::release_uri(&archive.uri, &archive.suite)) == stem;
        let named = archives.iter().find(is_of).map(|archive| archive.signed_by.as_str()).unwrap_or_default();
        let named: Vec<PathBuf> = named
            .split([',', ' ', '\n'])
            .filter(|key| key.starts_with('/'))
            .map(|key| self.root.join(&key[1..]))
            .collect();
        if !named.is_empty() {
            return Some(Keys::Files(named));
        }
        let trusted =
            self.config.path("Dir::Etc::trustedparts").unwrap_or_else(|| self.root.join("etc/apt/trusted.gpg.d"));
        let one = self.config.path("Dir::Etc::trusted").unwrap_or_else(|| self.root.join("etc/apt/trusted.gpg"));
        let is_ring = |name: &str| name.ends_with(".gpg") || name.ends_with(".asc");
        let several = files_in(&trusted).unwrap_or_default().into_iter().filter(|(name, ..)| is_ring(name));
        let mut files: Vec<PathBuf> = several.map(|(_, path, _)| path).collect();
        files.sort();
        files.extend(Some(one).filter(|path| path.exists()));
        Some(Keys::Files(files))
    }

    fn signed_lists(&self) -> Vec<PathBuf> {
        let Some(folder) = self.config.path("Dir::State::lists") else { return Vec::new() };
        let archives = sources::read(&self.config, &self.defaults(), &mut Vec::new());
        let stem = |archive: &sources::Archive| lists::file_name(&sources::release_uri(&archive.uri, &archive.suite));
        let stems: BTreeSet<String> = archives.iter().map(stem).collect();
        let signed = |stem: &String| {
            let mut names = ["InRelease", "Release"].iter().map(|ending| folder.join(format!("{stem}{ending}")));
            names.find(|path| path.exists())
        };
        stems.iter().filter_map(signed).collect()
    }

    fn archives(&self) -> Result<Vec<Archive>> {
        let Some(folder) = self.config.path("Dir::Cache::Archives") else { return Ok(Vec::new()) };
        let archive = |(name, path, bytes): (String, PathBuf, u64)| {
            let mut parts = name.strip_suffix(".deb")?.rsplitn(3, '_');
            let (arch, version, package) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Archive { path, name: package.into(), arch: arch.into(), version: version.replace("%3a", ":"), bytes })
        };
        Ok(files_in(&folder)?.into_iter().filter_map(archive).collect())
    }

    fn locks(&self) -> Vec<Lock> {
        ["lock-frontend", "lock"].map(|name| Lock::Held(self.places.admin.join(name))).into()
    }

    fn logs(&self) -> Vec<PathBuf> {
        let history =
            self.config.path("Dir::Log::History").unwrap_or_else(|| self.root.join("var/log/apt/history.log"));
        vec![history, self.root.join("var/log/dpkg.log")]
    }

    fn read_logs(&self, pieces: &[String], zone: &TimeZone, each: &mut dyn FnMut(Transaction, bool)) -> Vec<usize> {
        let [history, dpkg] = pieces else { return vec![0; pieces.len()] };
        let machine = history::Machine { native: self.native(), zone };
        history::read_both(history, dpkg, &machine, each).to_vec()
    }

    fn orphan_rule(&self) -> OrphanRule {
        let (recommends, suggests) = self.keeps_recommended_and_suggested();
        OrphanRule::Unreachable { recommends, suggests }
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        version::compare(a, b)
    }
}

/// The native architecture, then the foreign ones. Where apt's configuration does not say, dpkg's database does.
fn architectures(config: &Config, places: &status::Places) -> Vec<String> {
    let mut all: Vec<String> = config.list("APT::Architectures").iter().map(ToString::to_string).collect();
    if all.is_empty() {
        let listed = std::fs::read_to_string(places.admin.join("arch")).unwrap_or_default();
        all = listed.lines().map(str::to_string).filter(|line| !line.is_empty()).collect();
    }
    let native = match config.find("APT::Architecture") {
        "" => match all.first() {
            Some(first) => first.clone(),
            None => native_of(&places.status),
        },
        configured => configured.to_string(),
    };
    all.retain(|architecture| *architecture != native);
    all.insert(0, native);
    all
}

/// The architecture of the installed dpkg itself.
fn native_of(path: &Path) -> String {
    // That it cannot be read is told by whoever reads what is installed.
    let content = status::content(path).unwrap_or_default();
    let (mut stanzas, mut stanza) = (control::Stanzas::new(&content), Vec::new());
    let mut any = String::new();
    // Package, Architecture.
    while stanzas.skim_into(b"PA", &mut stanza) {
        let architecture = control::value(&stanza, "Architecture");
        if control::value(&stanza, "Package") == "dpkg" && !architecture.is_empty() {
            return architecture.to_string();
        }
        if any.is_empty() && architecture != "all" {
            any = architecture.to_string();
        }
    }
    any
}

/// Languages of translated descriptions in apt's order. The user's own locale has no say: the index is for everybody.
fn languages(config: &Config) -> Vec<String> {
    if config.list("Acquire::Languages").first() == Some(&"none") {
        return Vec::new();
    }
    let mut languages: Vec<String> = config
        .list("Acquire::Languages")
        .into_iter()
        .filter(|language| !["environment", "none", "", "en"].contains(language))
        .map(str::to_string)
        .collect();
    languages.push("en".to_string());
    languages
}
