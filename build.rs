//! Puts the engines into the binary, when it is told where they are.
//!
//! `OMG_EMBED_DIR` names a folder that holds `omg-apt`, `omg-alpm`, or both, already built; `./setup build` sets it for the
//! static binary. Unset, as in a plain `cargo build`, the list is empty and omg finds the engines beside itself. Building
//! them from here would start cargo inside cargo, which waits on its own lock.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const ENGINES: [&str; 2] = ["omg-apt", "omg-alpm"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The linker reads them, of which cargo knows nothing.
    println!("cargo::rerun-if-changed=link");
    println!("cargo::rerun-if-env-changed=OMG_EMBED_DIR");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let found = match env::var_os("OMG_EMBED_DIR") {
        Some(folder) => copy_engines(Path::new(&folder), &out),
        None => Vec::new(),
    };
    let mut table = String::from("static ENGINES: &[(&str, &[u8])] = &[\n");
    for name in found {
        writeln!(table, "    ({name:?}, include_bytes!({name:?})),").expect("a string takes every write");
    }
    table.push_str("];\n");
    fs::write(out.join("engines.rs"), table).expect("cannot write engines.rs into OUT_DIR");
}

/// Copied beside `engines.rs`, so that the source cargo compiles names no folder of this machine.
fn copy_engines(folder: &Path, out: &Path) -> Vec<&'static str> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let found: Vec<_> = ENGINES.into_iter().filter(|name| folder.join(name).is_file()).collect();
    if found.is_empty() {
        println!("cargo::warning=OMG_EMBED_DIR={} holds no engine", folder.display());
    }
    for name in &found {
        let from = folder.join(name);
        println!("cargo::rerun-if-changed={}", from.display());
        if let Err(error) = fs::copy(&from, out.join(name)) {
            panic!("cannot copy {}: {error}", from.display());
        }
    }
    found
}
