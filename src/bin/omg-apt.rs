//! The engine of apt's family: asks apt's own library for the candidate of each package, over the protocol of
//! [`omg::backends::engine`]. It reads the machine it runs on and changes no package; apt's library may renew its own
//! cache file, as it does whenever apt runs.

use anyhow::Context;
use omg::backends::apt::{key, plain_list};
use omg::backends::engine::{Answer, Request, serve};
use rust_apt::cache::{Cache, PackageSort};
use rust_apt::config::Config;
use rust_apt::{Package, Version};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(&library(), answer)
}

/// The name and version of the library this process is linked to, by the file it was loaded from.
fn library() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let loaded = maps.lines().find_map(|line| line.split('/').next_back().filter(|f| f.starts_with("libapt-pkg.so.")));
    format!("libapt-pkg {}", loaded.and_then(|file| file.strip_prefix("libapt-pkg.so.")).unwrap_or("unknown"))
}

fn answer<W: Write>(request: &Request, answer: &mut Answer<W>) -> anyhow::Result<()> {
    if request.root != Path::new("/") {
        anyhow::bail!("apt's library is asked about the running machine alone");
    }
    use_configuration(request.values(key::CONFIG).last());
    let config = Config::new();
    for option in request.values(key::OPTION) {
        let (name, value) = option.split_once(' ').with_context(|| format!("not an option: {option:?}"))?;
        // What it has in its files may be a list, which a value does not replace.
        config.clear(name);
        config.set(name, value);
    }
    let native = config.find("APT::Architecture", "");
    let paths = request.values(key::LIST).map(|path| plain_list(path).to_owned());
    let names: Vec<&str> = request.values(key::REPOSITORY).collect();
    let lists: HashMap<String, usize> = paths.enumerate().map(|(at, path)| (path, at)).collect();
    let cache = Cache::new::<&str>(&[]).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let mut choose = |package: &Package<'_>| {
        let arch = if package.arch() == native { "" } else { package.arch() };
        let candidate = package.candidate();
        let version = candidate.as_ref().map_or("", |version| version.version());
        let repository = candidate.as_ref().and_then(|version| first_list(version, &lists));
        let repository = repository.and_then(|at| names.get(at)).copied().unwrap_or("");
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

/// The earliest of omg's lists that has the version.
fn first_list(version: &Version<'_>, lists: &HashMap<String, usize>) -> Option<usize> {
    version.package_files().filter_map(|file| lists.get(plain_list(file.filename()?)).copied()).min()
}

/// Makes apt's library read the configuration that omg read.
#[allow(unsafe_code)]
fn use_configuration(file: Option<&str>) {
    match file {
        // SAFETY: this process has one thread, and the library has not been used yet.
        Some(file) => unsafe { std::env::set_var("APT_CONFIG", file) },
        // SAFETY: as above.
        None => unsafe { std::env::remove_var("APT_CONFIG") },
    }
}
