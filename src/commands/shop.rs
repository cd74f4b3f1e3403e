//! What the commands about runtimes share: where runtimes lie, what was typed, and how an installation is told.

use super::Ctx;
use crate::config::Config;
use crate::error::{Exit, Hinted};
use crate::model::Observer;
use crate::ops::runtimes::{Done, Locked, Shop, shims};
use crate::runtimes::active::Person;
use crate::runtimes::installed::{Folders, Installed};
use crate::runtimes::request::examples;
use crate::runtimes::{Request, Runtime, lock, pin, toolchain};
use crate::sys::http::Network;
use crate::ui::{Fetches, clean};
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::PathBuf;

/// A runtime and a version of it, as they were typed.
pub struct Wanted {
    pub runtime: Runtime,
    /// `latest` where none was typed.
    pub request: Request,
    pub is_bare: bool,
}

/// Reads `NAME` or `NAME@VERSION`.
pub fn wanted(text: &str) -> Result<Wanted> {
    let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
    let Some(runtime) = Runtime::named(name) else {
        let names: Vec<&str> = Runtime::ALL.iter().map(|runtime| runtime.name()).collect();
        let hint = format!("there are {}", names.join(", "));
        return Err(Hinted::new(Exit::Usage, format!("{name:?} is no runtime that omg knows"), hint).into());
    };
    let request = Request::parse(runtime, version.unwrap_or("latest"))
        .map_err(|why| Hinted::new(Exit::Usage, why, format!("{}; omg-install(1) has all", examples(runtime))))?;
    Ok(Wanted { runtime, request, is_bare: version.is_none() })
}

/// Whether this means a runtime: `NAME@VERSION`, of which the name is one.
pub fn names_runtime(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, _)| Runtime::named(name).is_some())
}

pub fn person() -> Result<Person> {
    Person::of_environment().ok_or_else(|| {
        let hint = "set HOME, or OMG_DATA_HOME to a folder of yours";
        Hinted::new(Exit::Failed, "there is no home folder for runtimes", hint).into()
    })
}

/// Where what can be had again is kept.
pub fn cache(person: &Person) -> PathBuf {
    let own = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = own.or_else(|| Some(person.home.as_ref()?.join(".cache")));
    cache.map_or_else(|| person.folders.data.join("cache"), |cache| cache.join("omg"))
}

pub fn shop<'s>(ctx: &Ctx, person: &Person, observer: &'s dyn Observer) -> Result<Shop<'s>> {
    Ok(Shop {
        folders: person.folders.clone(),
        cache: cache(person).join("runtimes"),
        state: ctx.state_folder()?,
        root: ctx.place.root.clone(),
        indexes: ctx.place.folders(),
        settings: Config::read(&ctx.place.root)?.runtimes,
        network: Network::system(),
        toolchain: toolchain(person)?,
        lock: lock_file(person)?,
        observer,
    })
}

/// What the file that decides about Rust here wants in the toolchain.
fn toolchain(person: &Person) -> Result<Option<(String, toolchain::Wanted)>> {
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let pin = person.pins(&folder).into_iter().find(|pin| pin.runtime == Runtime::Rust && pin.line > 0);
    Ok(pin.map(|pin| {
        let wanted = toolchain::Wanted::of_file(&pin::text(&pin.file));
        (pin.version, wanted)
    }))
}

/// The lock file that counts here.
pub fn lock_file(person: &Person) -> Result<Option<PathBuf>> {
    let folder = std::env::current_dir().context("the current folder is gone")?;
    Ok(lock::nearest(&folder, person.home.as_deref()))
}

/// Puts what was verified of a version into the lock file that counts here, if one does.
pub fn keep_locked(ctx: &Ctx, shop: &Shop<'_>, installed: &Installed) -> Result<()> {
    let Some(file) = &shop.lock else { return Ok(()) };
    let (what, file_shown) = (format!("{} {}", installed.runtime.name(), installed.version), clean_path(file));
    match shop.lock_in(file, installed)? {
        Locked::Added => ctx.ui.note(&format!("{file_shown} has {what} now")),
        Locked::There => {}
        Locked::Not(why) => ctx.ui.note(&format!("{file_shown} does not get {what}: {why}")),
    }
    Ok(())
}

fn clean_path(path: &std::path::Path) -> String {
    clean(&path.display().to_string()).into_owned()
}

/// Whether a version file of this folder or above, and not just of the person's own, asks for what this is.
fn is_asked_for(person: &Person, installed: &Installed) -> Result<bool> {
    let folder = std::env::current_dir().context("the current folder is gone")?;
    let pins = pin::active(&folder, person.home.as_deref());
    let pin = pins.into_iter().find(|pin| pin.runtime == installed.runtime);
    Ok(pin.and_then(|pin| person.choice(pin).installed).is_some_and(|meant| meant.path == installed.path))
}

/// An installed version, as `--json` has it.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    pub runtime: &'static str,
    pub version: String,
    pub path: String,
    pub new: bool,
    pub sha256: String,
    pub key: String,
    pub unverified: Vec<String>,
}

/// Installs what is wanted, side by side, and says what a person should know of each; what came of each, in their order.
pub fn install_all(ctx: &Ctx, person: &Person, wanted: &[&Wanted]) -> Result<Vec<Result<Shown>>> {
    let fetches = Fetches::new(&ctx.ui);
    let shop = shop(ctx, person, &fetches)?;
    let ui = &ctx.ui;
    let warn = |text: &str| {
        fetches.stages.clear();
        ui.warn(text);
    };
    let requests: Vec<(Runtime, &Request)> = wanted.iter().map(|one| (one.runtime, &one.request)).collect();
    let all = shop.install_all(&requests, &warn, &|| fetches.again());
    fetches.stages.clear();
    Ok(all?.into_iter().map(|done| settle(ctx, person, &shop, done?)).collect())
}

/// Installs one version.
pub fn install(ctx: &Ctx, person: &Person, wanted: &Wanted) -> Result<Shown> {
    install_all(ctx, person, &[wanted])?.pop().context("one was wanted")?
}

/// Whoever has shims wants those of a new version's programs as well.
pub fn renew_shims(folders: &Folders) -> Result<()> {
    if shims::folder(folders).is_dir() {
        let omg = std::env::current_exe().context("cannot tell where omg lies")?;
        shims::renew(folders, &omg)?;
    }
    Ok(())
}

/// What follows from an installation.
fn settle(ctx: &Ctx, person: &Person, shop: &Shop<'_>, done: Done) -> Result<Shown> {
    let Done { installed, is_new, sha256, key, unverified } = done;
    let (runtime, version) = (installed.runtime.name(), installed.version.to_string());
    if is_new {
        renew_shims(&shop.folders)?;
        if !key.is_empty() {
            ctx.ui.note(&format!("{runtime} {version}: its checksum was verified, and that {key} signed it"));
        }
        for what in &unverified {
            ctx.ui.note(&format!("{runtime} {version}: its checksum was verified; not verified: {what}"));
        }
    }
    if shop.lock.is_some() && is_asked_for(person, &installed)? {
        keep_locked(ctx, shop, &installed)?;
    }
    Ok(Shown { runtime, version, path: installed.path.display().to_string(), new: is_new, sha256, key, unverified })
}
