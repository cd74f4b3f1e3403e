//! What vouches for a file: one signature of a package beside gpg, the provenance of one bundle beside cosign, and the secrets of a large
//! tree beside gitleaks and detect-secrets; of these, the ones that are installed.

use super::Options;
use super::machine::{Tools, there};
use super::measure::{self, Program};
use super::rows::megabytes;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Files of a language that is on most machines: some thousands, of text.
const TREES: [&str; 3] = ["/usr/lib/python3.13", "/usr/lib/python3.11", "/usr/lib/python3"];

/// What is asked, in times that the first peer takes.
struct Row {
    label: &'static str,
    asked: &'static str,
    programs: Vec<Program>,
}

pub fn run(tools: &Tools, options: &Options) -> Result<()> {
    let home = tempfile::tempdir()?;
    let data = std::env::var_os("OMG_TEST_DATA");
    let data = data.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    println!("\nwhat vouches for a file");
    println!("{:<52} {:>10} {:>8} {:>8}", "", "median", "x omg", "peak");
    let rows =
        [signature(tools, &data, home.path())?, provenance(tools, &data, home.path())?, secrets(tools, home.path())?];
    for row in rows.into_iter().flatten() {
        let Row { label, asked, programs } = row;
        if !options.words.is_empty() && !options.words.iter().any(|word| label.contains(word.as_str())) {
            continue;
        }
        println!("{label}; asked: {asked}");
        let times = measure::in_turns(&programs, options.rounds)?;
        for (program, time) in programs.iter().zip(&times) {
            let ratio = time.as_secs_f64() / times[0].as_secs_f64();
            let peak = megabytes(program.peak()? << 10);
            println!("  {:<50} {:>7.2} ms {ratio:>8.2} {peak:>8}", program.label, time.as_secs_f64() * 1000.0);
        }
    }
    Ok(())
}

fn omg(tools: &Tools, home: &Path, words: &[&str]) -> Program {
    let argv = [tools.omg.clone().into_os_string()].into_iter().chain(words.iter().map(OsString::from));
    Program::new(argv).labelled(&format!("omg {}", words[..2].join(" "))).env("HOME", home).env("OMG_INDEX_DIR", home)
}

/// A package of Arch's and its ring of 164 certificates. gpg has the ring in its home, unpacked; gpgv is given it unarmoured.
fn signature(tools: &Tools, data: &Path, home: &Path) -> Result<Option<Row>> {
    let ring = data.join("signed-packages/keyrings/archlinux-debian12.gpg");
    let package = data.join("signed-packages/arch-2017-12/pambase-20171006-1-any.pkg.tar.xz");
    if !ring.exists() || !there("gpg") {
        println!("no signed packages or no gpg: left out");
        return Ok(None);
    }
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path of text");
    let (ring, package) = (text(&ring)?, text(&package)?);
    let signature = format!("{package}.sig");
    let gnupg = home.join("gnupg");
    fs::create_dir_all(&gnupg)?;
    fs::set_permissions(&gnupg, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    fs::write(gnupg.join("pubring.gpg"), "")?;
    let gpg = |words: &[&str]| {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(&gnupg).args(["--batch", "--quiet"]).args(words);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    };
    // Some certificates have parts that gpg does not take, which is no failure here.
    gpg(&["--import", &ring]).stdout(Stdio::null()).status()?;
    let plain = text(&home.join("plain.gpg"))?;
    fs::write(&plain, gpg(&["--export"]).output()?.stdout)?;
    let gnupg = text(&gnupg)?;
    let programs = vec![
        omg(tools, home, &["audit", "signature", &package, "--keyring", &ring]),
        omg(tools, home, &["audit", "signature", &package, "--keyring", &plain])
            .labelled("omg audit signature, ring unarmoured"),
        Program::new(["gpg", "--homedir", &gnupg, "--batch", "--verify", &signature, &package])
            .labelled("gpg --verify"),
        Program::new(["gpgv", "--keyring", &plain, &signature, &package]).labelled("gpgv, ring unarmoured"),
    ];
    let programs = programs.into_iter().filter(|program| program.label != "gpgv" || there("gpgv")).collect();
    Ok(Some(Row { label: "signature of one package, ring of 164 keys", asked: "faster than gpg", programs }))
}

fn provenance(tools: &Tools, data: &Path, home: &Path) -> Result<Option<Row>> {
    let archive = data.join("sigstore/conformance-bundle-verify.tar.zst");
    let unpacked = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(home).stderr(Stdio::null()).status()?;
    let cases = home.join("test/assets/bundle-verify");
    let (artifact, bundle) = (cases.join("a.txt"), cases.join("happy-path-v0.3-new-mediaType/bundle.sigstore.json"));
    if !unpacked.success() || !bundle.exists() {
        println!("no bundles of Sigstore's suite: left out");
        return Ok(None);
    }
    let (artifact, bundle) = (artifact.to_str().context("text")?, bundle.to_str().context("text")?);
    let mut programs = vec![omg(tools, home, &["audit", "provenance", artifact, "--bundle", bundle])];
    if there("cosign") {
        let words = ["cosign", "verify-blob", "--offline", "--bundle", bundle, "--certificate-identity-regexp", ".*"];
        let more = ["--certificate-oidc-issuer-regexp", ".*", artifact];
        programs.push(Program::new(words.into_iter().chain(more)).labelled("cosign verify-blob"));
    }
    Ok(Some(Row { label: "provenance of one bundle", asked: "faster than cosign (32 ms elsewhere)", programs }))
}

fn secrets(tools: &Tools, home: &Path) -> Result<Option<Row>> {
    let chosen = std::env::var_os("OMG_BENCH_TREE").map(PathBuf::from);
    let tree = chosen.or_else(|| TREES.iter().map(PathBuf::from).find(|tree| tree.is_dir()));
    let Some(tree) = tree else { return Ok(None) };
    let path = tree.to_str().context("a path of text")?;
    let mut programs = vec![omg(tools, home, &["audit", "secrets", "--no-ignore", path])];
    if there("gitleaks") {
        let words = ["gitleaks", "dir", path, "--no-banner", "--log-level", "error", "--exit-code", "0"];
        programs.push(Program::new(words).labelled("gitleaks dir"));
    }
    if there("detect-secrets") {
        programs.push(
            Program::new(["detect-secrets", "scan", "--all-files", "."]).labelled("detect-secrets scan").at(&tree),
        );
    }
    Ok(Some(Row { label: "secrets of a large tree", asked: "a third of gitleaks", programs }))
}
