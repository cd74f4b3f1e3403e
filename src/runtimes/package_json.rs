//! What a `package.json` says of node, bun and deno.
//!
//! In the order of preference: `volta` (an exact version), `devEngines.runtime` and `devEngines.packageManager` (what
//! developers are to use), `engines` (what it works with), `packageManager` (bun alone is a runtime as well).

use super::Runtime;
use super::json::{Step, strings};
use super::pin::Found;

pub(super) fn pins(text: &str) -> Vec<Found> {
    let mut ranked: Vec<(u8, Found)> = Vec::new();
    let mut keep = |rank: u8, found: Option<Found>| {
        let Some(found) = found else { return };
        // Of a key written twice the last one counts, as JSON.parse has it.
        ranked.retain(|(other_rank, other)| (*other_rank, other.runtime) != (rank, found.runtime));
        ranked.push((rank, found));
    };
    let mut engines: Vec<DevEngine> = Vec::new();
    strings(text, |path, value, line| {
        let keys: Vec<Option<&str>> = path.iter().map(Step::key).collect();
        match keys[..] {
            [Some("volta"), Some("node")] => keep(0, Found::new(Runtime::Node, value, line)),
            [Some("devEngines"), Some("runtime" | "packageManager"), ref inner @ ..] => {
                dev_engine(&mut engines, path, inner, value, line)
            }
            [Some("engines"), Some(name)] => keep(2, script_runtime(name).and_then(|r| Found::new(r, value, line))),
            [Some("packageManager")] => {
                let version = value.strip_prefix("bun@").map(|v| v.split('+').next().unwrap_or(v));
                keep(3, version.and_then(|version| Found::new(Runtime::Bun, version, line)));
            }
            _ => {}
        }
    });
    for engine in engines {
        if let (Some(runtime), Some((version, line))) = (engine.runtime, engine.version) {
            ranked.push((1, Found { runtime, version, line }));
        }
    }
    ranked.sort_by_key(|(rank, found)| (*rank, found.line));
    ranked.into_iter().map(|(_, found)| found).collect()
}

/// One object of `devEngines`, whose name and version come in any order.
struct DevEngine {
    place: Vec<Step>,
    runtime: Option<Runtime>,
    version: Option<(String, u32)>,
}

/// `inner` is what follows `devEngines.runtime`: a key, or an index and a key where there is a list of objects.
fn dev_engine(engines: &mut Vec<DevEngine>, path: &[Step], inner: &[Option<&str>], value: &str, line: u32) {
    let key = match inner {
        [Some(key)] | [None, Some(key)] => *key,
        _ => return,
    };
    let place = &path[..path.len() - 1];
    if engines.last().is_none_or(|engine| engine.place != place) {
        engines.push(DevEngine { place: place.to_vec(), runtime: None, version: None });
    }
    let Some(engine) = engines.last_mut() else { return };
    match key {
        "name" => engine.runtime = script_runtime(value),
        "version" => engine.version = Found::new(Runtime::Node, value, line).map(|found| (found.version, line)),
        _ => {}
    }
}

fn script_runtime(name: &str) -> Option<Runtime> {
    [Runtime::Node, Runtime::Bun, Runtime::Deno].into_iter().find(|runtime| runtime.name() == name)
}
