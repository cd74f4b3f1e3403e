//! Rust end to end: a mirror with manifests and archives laid out as rustup's are. Its `rustc` is a shell script.

use crate::world::{World, err, hex, out, xz};
use std::fs;
use std::path::PathBuf;
use std::process::Output;

const HOST: &str = if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

struct Rust(World);

impl Rust {
    fn new() -> Rust {
        let world = World::new();
        let mirror = format!("[runtimes.rust]\nmirror = \"file://{}\"\n", world.mirror().display());
        fs::create_dir_all(world.mirror().join("dist")).unwrap();
        fs::write(world.home().join(".config/omg/config.toml"), mirror).unwrap();
        Rust(world)
    }

    fn dist(&self, name: &str) -> PathBuf {
        self.0.mirror().join("dist").join(name)
    }

    fn omg(&self, words: &[&str]) -> Output {
        self.0.omg(words)
    }

    fn toolchain(&self, name: &str) -> PathBuf {
        self.0.home().join(".local/share/omg/versions/rust").join(name)
    }

    /// What lies among the versions, whole or not.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.toolchain("")).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != ".lock");
        names.sort();
        names
    }

    fn parts(&self, name: &str) -> String {
        fs::read_to_string(self.toolchain(name).join("lib/rustlib/components")).unwrap().replace(HOST, "HOST")
    }

    /// A manifest as `channel-rust-NAME.toml`, and its archives.
    fn publish(&self, name: &str, version: &str, date: &str) {
        let mut text =
            format!("manifest-version = \"2\"\ndate = \"{date}\"\n[pkg.rust.target.{HOST}]\navailable = true\n");
        let parts = [
            ("rustc", "rustc", HOST, vec![("bin/rustc", format!("#!/bin/sh\necho rustc {version}\n"))]),
            ("cargo", "cargo", HOST, vec![("bin/cargo", format!("#!/bin/sh\necho cargo {version}\n"))]),
            ("clippy", "clippy-preview", HOST, vec![("bin/cargo-clippy", "#!/bin/sh\necho clippy\n".to_owned())]),
            ("src", "rust-src", "*", vec![("lib/rustlib/src/lib.rs", "// std\n".to_owned())]),
        ];
        for (short, package, target, files) in &parts {
            let archive = component(&format!("{package}-{HOST}"), files);
            let file = format!("{short}-{version}.tar.xz");
            fs::write(self.dist(&file), &archive).unwrap();
            let digest = hex(&archive);
            let url = format!("https://static.rust-lang.org/dist/{file}");
            text.push_str(&format!("[pkg.{package}.target.\"{target}\"]\navailable = true\n"));
            text.push_str(&format!("xz_url = \"{url}\"\nxz_hash = \"{digest}\"\n"));
        }
        text.push_str("[renames.clippy]\nto = \"clippy-preview\"\n[profiles]\nminimal = [\"rustc\"]\n");
        text.push_str("default = [\"rustc\", \"cargo\"]\n");
        let path = self.dist(&format!("channel-rust-{name}.toml"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
        let digest = format!("{}  channel-rust-{name}.toml\n", hex(text.as_bytes()));
        fs::write(path.with_extension("toml.sha256"), digest).unwrap();
        let list = self.0.mirror().join("manifests.txt");
        let there = fs::read_to_string(&list).unwrap_or_default();
        fs::write(&list, format!("{there}static.rust-lang.org/dist/{date}/channel-rust-{name}.toml\n")).unwrap();
    }
}

/// An archive as rust-installer makes them: a folder of its own, in it the component's, and beside that what is not installed.
fn component(name: &str, files: &[(&str, String)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut file = |path: &str, content: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(if path.contains("/bin/") { 0o755 } else { 0o644 });
        tar.append_data(&mut header, format!("{name}-1/{path}"), content.as_bytes()).unwrap();
    };
    file("install.sh", "#!/bin/sh\n");
    file("components", name);
    file(&format!("{name}/manifest.in"), "file:something\n");
    for (path, content) in files {
        file(&format!("{name}/{path}"), content);
    }
    xz(&tar.into_inner().unwrap())
}

#[test]
fn a_toolchain_is_made_of_its_parts_and_gains_those_a_folder_asks_for() {
    let rust = Rust::new();
    rust.publish("1.85.1", "1.85.1", "2025-03-18");
    rust.publish("1.86.0", "1.86.0", "2025-04-03");
    let listed = out(rust.omg(&["runtime", "list", "rust", "--available"]));
    assert!(listed.contains("rust 1.85.1 2025-03-18") && listed.contains("rust 1.86.0 2025-04-03"), "{listed}");

    let file = rust.0.project().join("rust-toolchain.toml");
    fs::write(&file, "[toolchain]\nchannel = \"1.86\"\nprofile = \"minimal\"\n").unwrap();
    out(rust.omg(&["install", "rust@1.86"]));
    assert_eq!((rust.names(), rust.parts("1.86.0")), (vec!["1.86.0".to_owned()], "rustc-HOST\n".to_owned()));
    assert_eq!(out(rust.omg(&["exec", "--", "rustc"])), "rustc 1.86.0\n");
    assert!(!rust.toolchain("1.86.0/manifest.in").exists(), "what is the archive's own is not the toolchain's");

    fs::write(&file, "[toolchain]\nchannel = \"1.86\"\ncomponents = [\"clippy\", \"rust-src\"]\n").unwrap();
    out(rust.omg(&["install", "rust@1.86"]));
    assert_eq!(rust.parts("1.86.0"), "cargo-HOST\nclippy-preview-HOST\nrust-src\nrustc-HOST\n");
    assert_eq!(out(rust.omg(&["exec", "--", "cargo-clippy"])), "clippy\n");
    assert_eq!(rust.names(), ["1.86.0"], "what was there before is gone, and nothing is left over");
    fs::remove_dir_all(rust.0.mirror()).unwrap();
    let again = out(rust.omg(&["install", "rust@1.86.0"]));
    assert!(again.contains("is installed already"), "{again}");
    // Another version is not what the folder wants something of.
    assert_eq!(rust.omg(&["audit", "verify"]).status.code(), Some(0));
}

#[test]
fn a_channel_moves_when_it_is_upgraded_and_keeps_its_parts() {
    let rust = Rust::new();
    rust.publish("stable", "1.85.1", "2025-03-18");
    fs::write(
        rust.0.project().join("omg.toml"),
        "[runtimes]\nrust = { version = \"stable\", components = [\"clippy\"] }\n",
    )
    .unwrap();
    out(rust.omg(&["install", "rust@stable"]));
    assert_eq!(out(rust.omg(&["exec", "--", "rustc"])), "rustc 1.85.1\n");
    let nothing = out(rust.omg(&["runtime", "upgrade", "rust"]));
    assert_eq!(nothing, "");
    rust.publish("stable", "1.86.0", "2025-04-03");
    let dry = out(rust.omg(&["runtime", "upgrade", "--dry-run"]));
    assert!(dry.starts_with("rust stable would be installed in "), "{dry}");
    assert_eq!(out(rust.omg(&["exec", "--", "rustc"])), "rustc 1.85.1\n");
    out(rust.omg(&["runtime", "upgrade"]));
    assert_eq!(out(rust.omg(&["exec", "--", "rustc"])), "rustc 1.86.0\n");
    assert_eq!((rust.parts("stable").contains("clippy"), rust.names()), (true, vec!["stable".to_owned()]));

    rust.publish("nightly", "1.99.0", "2026-01-02");
    let day = "2025-01-02/channel-rust-nightly.toml";
    fs::create_dir_all(rust.dist("2025-01-02")).unwrap();
    for end in ["", ".sha256"] {
        fs::copy(rust.dist(&format!("channel-rust-nightly.toml{end}")), rust.dist(&format!("{day}{end}"))).unwrap();
    }
    out(rust.omg(&["install", "rust@nightly-2025-01-02"]));
    assert_eq!(out(rust.omg(&["exec", "rust@nightly-2025-01-02", "--", "rustc"])), "rustc 1.99.0\n");
}

#[test]
fn a_manifest_or_an_archive_that_is_not_what_it_should_be_leaves_nothing() {
    let rust = Rust::new();
    rust.publish("1.86.0", "1.86.0", "2025-04-03");
    let refused = |sentence: &str, code: i32, name: &str| {
        let output = rust.omg(&["install", name]);
        assert_eq!(output.status.code(), Some(code), "{}", err(&output));
        assert!(err(&output).contains(sentence), "{sentence}: {}", err(&output));
        assert!(rust.names().is_empty(), "{:?}", rust.names());
    };
    refused("there is no rust 1.85.0", 1, "rust@1.85.0");
    refused("there is no rust nightly-2025-01-03", 1, "rust@nightly-2025-01-03");
    let manifest = rust.dist("channel-rust-1.86.0.toml");
    let good = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, good.replace("2025-04-03", "2025-04-04")).unwrap();
    refused("is not what", 3, "rust@1.86.0");
    let digest = fs::read(manifest.with_extension("toml.sha256")).unwrap();
    fs::write(&manifest, &good).unwrap();
    fs::remove_file(manifest.with_extension("toml.sha256")).unwrap();
    refused("could not be verified", 3, "rust@1.86.0");
    fs::write(manifest.with_extension("toml.sha256"), digest).unwrap();
    let archive = rust.dist("cargo-1.86.0.tar.xz");
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, component("cargo", &[("bin/cargo", "#!/bin/sh\necho evil\n".to_owned())])).unwrap();
    refused("is not what", 3, "rust@1.86.0");
    fs::write(&archive, whole).unwrap();
    // A part that holds what another one holds, too.
    let archive = rust.dist("rustc-1.86.0.tar.xz");
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, component("rustc", &[("bin/cargo", "#!/bin/sh\necho evil\n".to_owned())])).unwrap();
    refused("is in it twice", 3, "rust@1.86.0");
    fs::write(&archive, whole).unwrap();
    out(rust.omg(&["install", "rust@1.86.0"]));
    let log = out(rust.omg(&["audit", "log", "--json"]));
    assert!(log.contains("runtime-rejected"), "{log}");
    // A toolchain stays as it is where a part that is to be added is not what it should be.
    fs::write(
        rust.0.project().join("rust-toolchain.toml"),
        "[toolchain]\nchannel = \"1.86.0\"\ncomponents = [\"clippy\"]\n",
    )
    .unwrap();
    fs::write(rust.dist("clippy-1.86.0.tar.xz"), "x").unwrap();
    assert_eq!(rust.omg(&["install", "rust@1.86.0"]).status.code(), Some(3));
    assert_eq!((rust.names(), rust.parts("1.86.0").contains("clippy")), (vec!["1.86.0".to_owned()], false));
}
