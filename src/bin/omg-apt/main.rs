//! The engine of apt's family, linked to apt's own library, over the protocol of [`omg::backends::engine`]: it tells the candidate of
//! each package, computes plans, and carries them out. It shows nothing and asks nobody; apt's library may renew its own cache file,
//! as it does whenever apt runs.

mod apply;
mod choices;
mod resolve;
mod root;
mod strangers;
mod why;

use anyhow::Context;
use omg::backends::apt::key;
use omg::backends::engine::{Answer, Ask, Request, serve};
use rust_apt::Version;
use rust_apt::config::Config;
use rust_apt::error::AptErrors;
use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
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
    if request.change.is_some() && request.root != Path::new("/") {
        root::enter(&request.root)?;
    }
    use_configuration(request.values(key::CONFIG).last());
    let config = Config::new();
    for option in request.values(key::OPTION) {
        let (name, value) = option.split_once(' ').with_context(|| format!("not an option: {option:?}"))?;
        // What it has in its files may be a list, which a value does not replace.
        config.clear(name);
        config.set(name, value);
    }
    forget_young_cache(&config);
    match &request.change {
        None => choices::answer(request, &config, answer),
        Some(Ask::Resolve(order)) => Ok(answer.resolution(&resolve::resolve(request, &config, order)?)?),
        Some(Ask::Prepare(order)) => apply::prepare(request, &config, order, answer),
        Some(Ask::Apply(plan)) => apply::apply(request, &config, plan, answer),
        Some(Ask::Download(plan)) => apply::download(request, &config, plan, answer),
        Some(Ask::Sync { force }) => apply::sync(&config, *force, answer),
    }
}

/// The library takes its cache file for up to date by the size of dpkg's database and by its time in whole seconds: what was written
/// within the seconds of a change may be of before. Such a file goes, and the library makes another.
fn forget_young_cache(config: &Config) {
    let path = config.file("Dir::Cache::pkgcache", "");
    let changed = |path: &str| Some(std::fs::metadata(path).ok()?.mtime());
    let (Some(cached), Some(status)) = (changed(&path), changed(&config.file("Dir::State::status", ""))) else {
        return;
    };
    // One for dpkg, which writes the database before it puts it in its place.
    if cached <= status + 1 && std::fs::remove_file(&path).is_err() {
        config.set("Dir::Cache::pkgcache", "");
    }
}

/// omg's name of the repository that has a version: that of the earliest of its lists.
struct Repositories<'r> {
    lists: HashMap<&'r str, usize>,
    names: Vec<&'r str>,
}

impl<'r> Repositories<'r> {
    fn of(request: &'r Request) -> Repositories<'r> {
        let paths = request.values(key::LIST).map(omg::backends::apt::plain_list);
        Repositories {
            lists: paths.enumerate().map(|(at, path)| (path, at)).collect(),
            names: request.values(key::REPOSITORY).collect(),
        }
    }

    /// Empty where none of them has it.
    fn name_of(&self, version: &Version<'_>) -> &'r str {
        let list =
            |file: rust_apt::PackageFile<'_>| Some(*self.lists.get(omg::backends::apt::plain_list(file.filename()?))?);
        let first = version.package_files().filter_map(list).min();
        first.and_then(|at| self.names.get(at)).copied().unwrap_or("")
    }
}

/// What apt's library says went wrong, without its letters.
fn told(errors: &AptErrors) -> anyhow::Error {
    let errors: Vec<&str> = errors.iter().filter(|error| error.is_error).map(|error| error.msg.as_str()).collect();
    match errors.is_empty() {
        true => anyhow::anyhow!("apt's library failed without a word"),
        false => anyhow::anyhow!("{}", errors.join("; ")),
    }
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
