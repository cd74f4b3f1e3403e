//! Rust's toolchains: which archives of a channel's manifest make one, and what a folder wants in it.
//!
//! The manifest is rustup's, version 2 (`channel-rust-stable.toml`). A toolchain holds the list of its parts where rustup keeps it,
//! `lib/rustlib/components`, and the manifest it came from beside that, so that a part can be added later.

use super::sources::sha256_digest;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The parts of a toolchain, one on a line.
pub const PARTS: &str = "lib/rustlib/components";
pub const MANIFEST: &str = "lib/rustlib/multirust-channel-manifest.toml";
/// A manifest has a twentieth of it.
pub const MAX_MANIFEST_BYTES: u64 = 16 << 20;
/// What rustup takes where nothing is said.
const PROFILE: &str = "default";
/// Of a part's name in a file that asks for it.
const MAX_NAME_BYTES: usize = 128;

/// What is wanted in a toolchain besides what makes it one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `minimal`, `default` or `complete`; empty for rustup's own choice.
    pub profile: String,
    /// As `clippy` or `rust-src`.
    pub components: Vec<String>,
    /// As `wasm32-unknown-unknown`: the standard library of each.
    pub targets: Vec<String>,
}

/// What a manifest makes of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The day of the manifest.
    pub date: String,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As rustup names it: `rustc-x86_64-unknown-linux-gnu`, `rust-src`.
    pub name: String,
    pub url: String,
    pub sha256: String,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(rename = "manifest-version")]
    version: String,
    date: String,
    pkg: BTreeMap<String, Package>,
    #[serde(default)]
    renames: BTreeMap<String, Rename>,
    #[serde(default)]
    profiles: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    target: BTreeMap<String, Archive>,
}

#[derive(Deserialize)]
struct Archive {
    available: bool,
    url: Option<String>,
    hash: Option<String>,
    xz_url: Option<String>,
    xz_hash: Option<String>,
    /// Of the package `rust` alone: what belongs to it on this machine.
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    pkg: String,
    target: String,
}

#[derive(Deserialize)]
struct Rename {
    to: String,
}

impl Toolchain {
    /// The parts that are wanted, for the machines `host`; `there` are names of parts that a toolchain has already, and keeps.
    pub fn of(manifest: &str, host: &str, wanted: &Wanted, there: &[String]) -> Result<Toolchain> {
        let manifest: Manifest = toml::from_str(manifest).context("not a manifest of Rust's")?;
        if manifest.version != "2" {
            bail!("the manifest is of version {:?}, and omg reads 2", manifest.version);
        }
        let mut chosen = manifest.profile(host, &wanted.profile)?;
        for name in &wanted.components {
            chosen.insert(manifest.component(host, name)?);
        }
        chosen.extend(wanted.targets.iter().map(|target| ("rust-std".to_owned(), target.clone())));
        chosen.extend(there.iter().filter_map(|name| manifest.named(name)));
        let parts = chosen.iter().map(|(package, target)| manifest.part(package, target)).collect::<Result<_>>()?;
        Ok(Toolchain { date: manifest.date, parts })
    }
}

impl Manifest {
    fn profile(&self, host: &str, name: &str) -> Result<BTreeSet<(String, String)>> {
        let rust = self.pkg.get("rust").and_then(|rust| rust.target.get(host));
        let Some(rust) = rust.filter(|rust| rust.available) else {
            bail!("there is no Rust for {host} in the manifest of {}", self.date);
        };
        let all = rust.components.iter().map(|part| (part.pkg.clone(), part.target.clone()));
        if self.profiles.is_empty() {
            // The older manifests.
            return Ok(all.collect());
        }
        let name = if name.is_empty() { PROFILE } else { name };
        let Some(profile) = self.profiles.get(name) else {
            let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            bail!("{name:?} is no profile; there are {}", known.join(", "));
        };
        // A profile names parts of other machines, too.
        let own = profile.iter().filter_map(|package| self.component(host, package).ok());
        let is_there = |(package, target): &(String, String)| self.part(package, target).is_ok();
        Ok(own.filter(is_there).collect())
    }

    /// A component by the name people know it by, and the machines it is for.
    fn component(&self, host: &str, name: &str) -> Result<(String, String)> {
        let package = self.renames.get(name).map_or(name, |rename| rename.to.as_str());
        let targets = self.pkg.get(package).map(|package| &package.target);
        for target in [host, "*"] {
            if targets.is_some_and(|targets| targets.contains_key(target)) {
                return Ok((package.to_owned(), target.to_owned()));
            }
        }
        // `rust-std-wasm32-unknown-unknown`, as rustup lists it.
        self.named(name).with_context(|| format!("{name:?} is no component of Rust for {host}"))
    }

    /// A part by its name among the parts of a toolchain.
    fn named(&self, name: &str) -> Option<(String, String)> {
        self.pkg.iter().find_map(|(package, Package { target })| {
            let rest = name.strip_prefix(package.as_str())?;
            let target = if rest.is_empty() { "*" } else { target.get_key_value(rest.strip_prefix('-')?)?.0 };
            Some((package.clone(), target.to_owned()))
        })
    }

    fn part(&self, package: &str, target: &str) -> Result<Part> {
        let name = if target == "*" { package.to_owned() } else { format!("{package}-{target}") };
        let archive = self.pkg.get(package).and_then(|package| package.target.get(target));
        let (url, hash) = match archive.filter(|archive| archive.available) {
            Some(Archive { xz_url: Some(url), xz_hash: Some(hash), .. }) => (url, hash),
            Some(Archive { url: Some(url), hash: Some(hash), .. }) => (url, hash),
            _ => bail!("{name} is not in the manifest of {}", self.date),
        };
        let sha256 = sha256_digest(hash).with_context(|| format!("the checksum of {name}"))?;
        Ok(Part { name, url: url.clone(), sha256 })
    }
}

impl Wanted {
    /// What a file of versions wants: the table `toolchain` of `rust-toolchain.toml`, or that of rust among the runtimes of `omg.toml`
    /// and the tools of `mise.toml`.
    pub fn of_file(text: &str) -> Wanted {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Table {
            profile: String,
            components: Vec<String>,
            targets: Vec<String>,
        }
        let Ok(file) = toml::from_str::<toml::Table>(text) else { return Wanted::default() };
        let of = |section: &str| Some(file.get(section)?.get("rust")?.clone());
        let table = file.get("toolchain").cloned().or_else(|| of("runtimes")).or_else(|| of("tools"));
        let Table { profile, components, targets } = table.and_then(|table| table.try_into().ok()).unwrap_or_default();
        let is_name = |name: &String| name.len() <= MAX_NAME_BYTES && name.bytes().all(|byte| byte.is_ascii_graphic());
        let names = |all: Vec<String>| all.into_iter().filter(is_name).collect();
        Wanted { profile, components: names(components), targets: names(targets) }
    }

    /// Whether a toolchain of these parts has all of that. What its profile was is not asked again, as with rustup.
    pub fn is_in(&self, parts: &[String], host: &str) -> bool {
        let has = |name: String| parts.contains(&name);
        let has_component = |name: &String| {
            let names = [name.clone(), format!("{name}-preview")];
            names.into_iter().any(|name| has(format!("{name}-{host}")) || has(name))
        };
        self.components.iter().all(has_component) && self.targets.iter().all(|target| has(format!("rust-std-{target}")))
    }
}

/// The parts of a toolchain that is installed.
pub fn parts(toolchain: &Path) -> Vec<String> {
    let text = fs::read_to_string(toolchain.join(PARTS)).unwrap_or_default();
    text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

/// The day of the manifest that an installed toolchain is of.
pub fn date(toolchain: &Path) -> Option<String> {
    let text = fs::read_to_string(toolchain.join(MANIFEST)).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("date = "))?;
    Some(line.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "x86_64-unknown-linux-gnu";
    const SMALL: &str = r#"
manifest-version = "2"
date = "2025-04-03"
[pkg.rust.target.x86_64-unknown-linux-gnu]
available = true
[[pkg.rust.target.x86_64-unknown-linux-gnu.components]]
pkg = "rustc"
target = "x86_64-unknown-linux-gnu"
[pkg.rustc.target.x86_64-unknown-linux-gnu]
available = true
xz_url = "https://example.org/rustc.tar.xz"
xz_hash = "0000000000000000000000000000000000000000000000000000000000000001"
[pkg.clippy-preview.target.x86_64-unknown-linux-gnu]
available = true
url = "https://example.org/clippy.tar.gz"
hash = "0000000000000000000000000000000000000000000000000000000000000002"
[pkg.rust-src.target."*"]
available = true
xz_url = "https://example.org/src.tar.xz"
xz_hash = "0000000000000000000000000000000000000000000000000000000000000003"
[pkg.rust-std.target.wasm32-unknown-unknown]
available = true
xz_url = "https://example.org/wasm.tar.xz"
xz_hash = "0000000000000000000000000000000000000000000000000000000000000004"
[pkg.miri-preview.target.x86_64-unknown-linux-gnu]
available = false
[renames.clippy]
to = "clippy-preview"
[renames.miri]
to = "miri-preview"
[profiles]
default = ["rustc", "clippy-preview", "rust-mingw"]
minimal = ["rustc", "rust-mingw"]
"#;

    fn names(wanted: &Wanted, there: &[&str]) -> Result<Vec<String>> {
        let there: Vec<String> = there.iter().map(|name| (*name).to_owned()).collect();
        let parts = Toolchain::of(SMALL, HOST, wanted, &there)?.parts;
        Ok(parts.into_iter().map(|part| part.name).collect())
    }

    fn wanted(profile: &str, components: &[&str], targets: &[&str]) -> Wanted {
        let owned = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
        Wanted { profile: profile.to_owned(), components: owned(components), targets: owned(targets) }
    }

    #[test]
    fn a_profile_and_what_is_wanted_besides_become_archives() {
        let rustc = "rustc-x86_64-unknown-linux-gnu";
        let clippy = "clippy-preview-x86_64-unknown-linux-gnu";
        assert_eq!(names(&wanted("minimal", &[], &[]), &[]).unwrap(), [rustc]);
        assert_eq!(names(&Wanted::default(), &[]).unwrap(), [clippy, rustc]);
        let more = wanted("minimal", &["clippy", "rust-src"], &["wasm32-unknown-unknown"]);
        let all = [clippy, "rust-src", "rust-std-wasm32-unknown-unknown", rustc];
        assert_eq!(names(&more, &[]).unwrap(), all);
        // What is there stays, and what is no longer known is let go.
        assert_eq!(names(&wanted("minimal", &[], &[]), &["rust-src", "rls-x"]).unwrap(), ["rust-src", rustc]);
        for bad in
            [wanted("tiny", &[], &[]), wanted("", &["miri"], &[]), wanted("", &["x"], &[]), wanted("", &[], &["x"])]
        {
            assert!(names(&bad, &[]).is_err(), "{bad:?}");
        }
        let parts: Vec<String> = all.map(str::to_owned).to_vec();
        assert!(more.is_in(&parts, HOST) && !more.is_in(&parts[1..], HOST) && Wanted::default().is_in(&[], HOST));
    }

    #[test]
    fn what_a_file_wants_is_read_from_either_kind() {
        let text =
            "[toolchain]\nchannel = \"1.86\"\nprofile = \"minimal\"\ncomponents = [\"clippy\", \"a b\\u0007\"]\n";
        assert_eq!(Wanted::of_file(text), wanted("minimal", &["clippy"], &[]));
        let text = "[runtimes]\nnode = \"22\"\nrust = { version = \"stable\", targets = [\"wasm32-wasip1\"] }\n";
        assert_eq!(Wanted::of_file(text), wanted("", &[], &["wasm32-wasip1"]));
        for none in ["1.86.0\n", "[runtimes]\nrust = \"stable\"\n", "[toolchain]\ncomponents = 3\n", "[x"] {
            assert_eq!(Wanted::of_file(none), Wanted::default(), "{none}");
        }
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    fn the_real_manifest_gives_the_parts_that_rustup_takes() {
        let data = std::env::var_os("OMG_TEST_DATA").map_or("../shared/data".into(), std::path::PathBuf::from);
        let path = data.join("runtimes/rust/channel-rust-stable-1.86.0.toml.zst");
        if !path.exists() {
            println!("skipped the_real_manifest_gives_the_parts_that_rustup_takes: no shared data");
            return;
        }
        let text = String::from_utf8(crate::sys::unpack::read(&path).unwrap()).unwrap();
        let of = |host: &str, wanted: &Wanted| Toolchain::of(&text, host, wanted, &[]);
        let names = |toolchain: Toolchain| -> Vec<String> {
            toolchain.parts.iter().map(|part| part.name.replace(&format!("-{HOST}"), "")).collect()
        };
        let whole = of(HOST, &Wanted::default()).unwrap();
        assert_eq!(whole.date, "2025-04-03");
        // As `rustup component list --installed` has them after an installation without options.
        let default = ["cargo", "clippy-preview", "rust-docs", "rust-std", "rustc", "rustfmt-preview"];
        assert_eq!(names(whole), default);
        assert_eq!(names(of(HOST, &wanted("minimal", &[], &[])).unwrap()), ["cargo", "rust-std", "rustc"]);
        let more = wanted("minimal", &["rust-analyzer", "llvm-tools", "rust-src"], &["wasm32-unknown-unknown"]);
        let more = names(of(HOST, &more).unwrap());
        for part in ["rust-analyzer-preview", "llvm-tools-preview", "rust-src", "rust-std-wasm32-unknown-unknown"] {
            assert!(more.iter().any(|name| name == part), "{part}: {more:?}");
        }
        // Every machine that has a toolchain of its own has all of it.
        let manifest: Manifest = toml::from_str(&text).unwrap();
        let hosts = manifest.pkg["rust"].target.iter().filter(|(_, archive)| archive.available);
        let mut count = 0;
        for (host, _) in hosts {
            let parts = of(host, &Wanted::default()).unwrap().parts;
            assert!(parts.iter().any(|part| part.name == format!("rustc-{host}")), "{host}");
            assert!(parts.iter().all(|part| part.url.ends_with(".tar.xz")), "{host}");
            count += 1;
        }
        assert!(count > 20, "{count}");
        assert!(of("wasm32-unknown-unknown", &Wanted::default()).is_err());
    }
}
