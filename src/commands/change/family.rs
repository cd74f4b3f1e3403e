//! Which package family an order is about.

use crate::commands::unknown;
use crate::context::Ctx;
use crate::error::{Exit, Hinted};
use crate::index::Index;
use crate::model::{Field, Source, Target};
use crate::ops::World;
use anyhow::Result;

const SAY_WHICH: &str = "say which is meant: --backend apt, or --backend pacman";

/// The only one, the one that `--backend` names or that a file is of, or else the one that has what is named.
pub fn family(ctx: &Ctx, world: &World, targets: &[Target]) -> Result<Source> {
    let sources: Vec<Source> = world.backends.iter().map(|backend| backend.source()).collect();
    let file = targets.iter().find_map(|target| target.file.as_ref());
    let of_file = file.map(|file| match file.extension().is_some_and(|extension| extension == "deb") {
        true => Source::Apt,
        false => Source::Pacman,
    });
    match (of_file.or(ctx.backend), sources.as_slice()) {
        (Some(wanted), _) if sources.contains(&wanted) => Ok(wanted),
        (Some(wanted), _) => {
            let message = format!("this machine has no {}", wanted.name());
            Err(Hinted::new(Exit::Failed, message, "omg doctor says which families it has").into())
        }
        (None, [only]) => Ok(*only),
        (None, _) if targets.is_empty() => {
            Err(Hinted::new(Exit::Usage, "this machine has two package families", SAY_WHICH).into())
        }
        (None, several) => having_all(&*ctx.index()?, several, targets),
    }
}

/// The one of several that has everything that is named.
fn having_all(index: &Index, families: &[Source], targets: &[Target]) -> Result<Source> {
    let mut left = families.to_vec();
    for Target { name, .. } in targets {
        let having = having(index, name)?;
        if having.is_empty() {
            return Err(unknown(index, name, "is offered or installed")?);
        }
        let before = left[0];
        left.retain(|family| having.contains(family));
        if left.is_empty() {
            let message = format!("{name} is no package of {}, as those before it are", before.name());
            let hint = "one command changes the packages of one family: run omg once for each";
            return Err(Hinted::new(Exit::Usage, message, hint).into());
        }
    }
    match left.as_slice() {
        [only] => Ok(*only),
        _ => {
            let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            let message = format!("both package families of this machine have {}", names.join(", "));
            Err(Hinted::new(Exit::Usage, message, SAY_WHICH).into())
        }
    }
}

/// The families that have a name: those it is installed from, else those that offer such a package, else those where a package provides it
/// or a group is called so.
fn having(index: &Index, name: &str) -> Result<Vec<Source>> {
    let mut installed = Vec::new();
    for rank in index.local.find(name)? {
        let row = index.local.row(rank)?;
        if row.installed() {
            installed.push(row.source);
        }
    }
    if !installed.is_empty() {
        return Ok(installed);
    }
    let offered = offered_by(index, name)?;
    if !offered.is_empty() {
        // Whoever has an AUR has pacman.
        let of_family = |source| if source == Source::Aur { Source::Pacman } else { source };
        return Ok(offered.into_iter().map(of_family).collect());
    }
    let ids = index.catalogue.providers(name)?.into_iter();
    let mut provided: Vec<Source> = ids.map(|id| Ok(index.catalogue.row(id)?.source)).collect::<Result<_>>()?;
    if provided.is_empty() && is_group(index, name)? {
        provided.push(Source::Pacman);
    }
    Ok(provided)
}

/// Whether packages of pacman's are in a group of this name. No section of the index is about groups, so each of them is looked at.
fn is_group(index: &Index, name: &str) -> Result<bool> {
    let mut pages = Vec::new();
    index.catalogue.scan(|_, row| {
        if row.source == Source::Pacman {
            pages.push(row.details);
        }
        Ok(())
    })?;
    for page in pages {
        let versions = index.catalogue.page(page)?;
        let groups = versions.iter().filter_map(|version| version.field(Field::Groups));
        if groups.flat_map(str::lines).any(|group| group == name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The families whose repositories have a package of this name.
pub fn offered_by(index: &Index, name: &str) -> Result<Vec<Source>> {
    let ids = index.catalogue.find(name)?;
    ids.map(|id| Ok(index.catalogue.row(id)?.source)).collect()
}
