//! The candidate of each package.

use crate::{Repositories, told};
use omg::backends::engine::{Answer, Request};
use rust_apt::Package;
use rust_apt::cache::{Cache, PackageSort};
use rust_apt::config::Config;
use std::io::Write;
use std::path::Path;

pub fn answer<W: Write>(request: &Request, config: &Config, answer: &mut Answer<W>) -> anyhow::Result<()> {
    if request.root != Path::new("/") {
        anyhow::bail!("apt's library is asked about the running machine alone");
    }
    let native = config.find("APT::Architecture", "");
    let repositories = Repositories::of(request);
    let cache = Cache::new::<&str>(&[]).map_err(|errors| told(&errors))?;
    let mut choose = |package: &Package<'_>| {
        let arch = if package.arch() == native { "" } else { package.arch() };
        let candidate = package.candidate();
        let version = candidate.as_ref().map_or("", |version| version.version());
        let repository = candidate.as_ref().map_or("", |version| repositories.name_of(version));
        answer.choice(package.name(), arch, version, repository, "")
    };
    match &request.only {
        None => cache.packages(&PackageSort::default()).try_for_each(|package| choose(&package))?,
        Some(asked) => {
            for (name, arch) in asked {
                let arch = if arch.is_empty() { &native } else { arch };
                match cache.get(&format!("{name}:{arch}")) {
                    Some(package) if package.has_versions() => choose(&package)?,
                    _ => {}
                }
            }
        }
    }
    Ok(())
}
