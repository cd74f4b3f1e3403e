//! What the commands about runtimes share: where runtimes lie, what was typed, and how an installation is told.

use super::Ctx;
use crate::config::Config;
use crate::error::{Exit, Hinted};
use crate::ops::runtimes::{Done, Shop, shims};
use crate::runtimes::active::Person;
use crate::runtimes::{Request, Runtime, pin, toolchain};
use crate::sys::http::Network;
use crate::ui::Stages;
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
    let request = Request::parse(runtime, version.unwrap_or("latest")).map_err(|why| {
        let hint = "as in 22, 3.12, 1.80.1, '>=20 <23', lts, latest; omg-install(1) has all";
        Hinted::new(Exit::Usage, why, hint)
    })?;
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

pub fn shop<'s>(ctx: &Ctx, person: &Person, stages: &'s Stages) -> Result<Shop<'s>> {
    Ok(Shop {
        folders: person.folders.clone(),
        cache: cache(person).join("runtimes"),
        state: ctx.state_folder()?,
        root: ctx.place.root.clone(),
        settings: Config::read(&ctx.place.root)?.runtimes,
        network: Network::system(),
        toolchain: toolchain(person)?,
        observer: stages,
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

/// Installs what is wanted, and says at once what a person should know of each.
pub fn install(ctx: &Ctx, shop: &Shop<'_>, stages: &Stages, wanted: &Wanted) -> Result<Shown> {
    let warn = |text: &str| {
        stages.clear();
        ctx.ui.warn(text);
    };
    let result = shop.install(wanted.runtime, &wanted.request, &warn);
    stages.clear();
    let Done { installed, is_new, sha256, key, unverified } = result?;
    let (runtime, version) = (wanted.runtime.name(), installed.version.to_string());
    if is_new {
        // Whoever has shims wants those of the new version's programs as well.
        if shims::folder(&shop.folders).is_dir() {
            let omg = std::env::current_exe().context("cannot tell where omg lies")?;
            shims::renew(&shop.folders, &omg)?;
        }
        for what in &unverified {
            ctx.ui.note(&format!("{runtime} {version}: its checksum was verified; not verified: {what}"));
        }
    }
    Ok(Shown { runtime, version, path: installed.path.display().to_string(), new: is_new, sha256, key, unverified })
}
