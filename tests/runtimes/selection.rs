//! Which version a request means, as mise takes it, over all versions that node has published. `tests/by_hand/fnm.py` asks fnm, and for
//! ranges.

use crate::world::{Manner, Server, World, out};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type Numbers = Vec<u64>;
/// By its first number, a line's name, and the first of its versions that is kept for long.
type Lines = BTreeMap<u64, (Numbers, String)>;

fn numbers(version: &str) -> Numbers {
    version.split('.').map(|number| number.parse().unwrap()).collect()
}

/// All versions, oldest first, and the lines that are kept for long.
fn published() -> Option<(Vec<String>, Lines)> {
    let data = std::env::var_os("OMG_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let names = fs::read_to_string(data.join("runtimes/mise-versions/node.toml")).ok()?;
    let manifest = fs::read(data.join("runtimes/node/actions-versions-manifest.json.zst")).ok()?;
    let mut versions: Vec<String> =
        names.lines().filter_map(|line| Some(line.strip_prefix('"')?.split_once('"')?.0.to_owned())).collect();
    versions.sort_by_key(|version| numbers(version));
    let manifest: Vec<Value> = serde_json::from_slice(&zstd::decode_all(&manifest[..]).unwrap()).unwrap();
    let mut lines = Lines::new();
    for entry in &manifest {
        let Some(name) = entry["lts"].as_str() else { continue };
        let version = numbers(entry["version"].as_str().unwrap());
        let first = lines.entry(version[0]).or_insert_with(|| (version.clone(), name.to_owned()));
        first.0 = first.0.clone().min(version);
    }
    Some((versions, lines))
}

#[test]
fn a_request_means_the_version_that_mise_takes_it_for() {
    let test = "a_request_means_the_version_that_mise_takes_it_for";
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mise = std::env::split_paths(&search).map(|folder| folder.join("mise")).find(|path| path.is_file());
    let Some(mise) = mise else { return println!("skipped {test}: no mise here") };
    let Some((versions, lines)) = published() else { return println!("skipped {test}: no shared data") };
    let world = World::new();
    let server = Server::start(&world, Manner::Good);
    let entry = |version: &String| {
        let of_line = lines.get(&numbers(version)[0]).filter(|(first, _)| numbers(version) >= *first);
        let lts = of_line.map_or(json!(false), |(_, name)| json!(name));
        let files = ["linux-x64", "linux-arm64"];
        json!({"version": format!("v{version}"), "date": "2024-01-01", "files": files, "lts": lts})
    };
    let index: Vec<Value> = versions.iter().rev().map(entry).collect();
    fs::write(world.mirror().join("index.json"), Value::from(index).to_string()).unwrap();

    let begun = |count: usize| {
        let of = |version: &String| version.split('.').take(count).collect::<Vec<_>>().join(".");
        versions.iter().map(of).collect::<BTreeSet<_>>()
    };
    let mut requests: Vec<String> = begun(1).into_iter().chain(begun(2).into_iter().step_by(7)).collect();
    requests.extend(versions.iter().step_by(60).cloned());
    requests.extend(["latest", "lts", "v20", "v20.1", "99", "22.99"].map(str::to_owned));
    requests.extend(lines.values().flat_map(|(_, name)| {
        let name = name.to_lowercase();
        [format!("lts/{name}"), format!("lts-{name}")]
    }));
    let ours = |request: &str| {
        let output = world.omg(&["install", &format!("node@{request}"), "--dry-run", "--json"]);
        let found: Option<Value> = output.status.success().then(|| serde_json::from_str(&out(output)).unwrap());
        found.map_or(String::new(), |found| found[0]["version"].as_str().unwrap().to_owned())
    };
    let theirs = |request: &str| {
        let mut command = Command::new(&mise);
        command.env_clear().env("HOME", world.home()).env("PATH", "/usr/bin:/bin").env("NO_COLOR", "1");
        command.env("MISE_NODE_MIRROR_URL", format!("{}/", server.url)).env("MISE_USE_VERSIONS_HOST", "0");
        let output = command.current_dir(world.home()).arg("latest").arg(format!("node@{request}")).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let mut found = 0;
    let different: Vec<String> = requests
        .iter()
        .filter_map(|request| {
            let (own, other) = (ours(request), theirs(request));
            found += usize::from(!other.is_empty());
            (own != other).then(|| format!("{request}: omg {own:?}, mise {other:?}"))
        })
        .collect();
    assert!(found > 80, "mise found {found} of {}", requests.len());
    assert!(different.is_empty(), "{different:#?}");
}
