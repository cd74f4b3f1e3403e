//! What a package's maintainer wants to be read after an upgrade: `NEWS.Debian` among the package's own documentation.
//!
//! A file in the form of a changelog (deb-changelog(5)), newest first. It comes with the archive, so that before an upgrade nobody
//! has it.

use super::version::compare;
use crate::sys::below::Below;
use crate::sys::unpack;
use anyhow::{Result, bail};
use std::cmp::Ordering;
use std::io::{Cursor, ErrorKind, Read};

/// Thirty times the longest of a common Debian, unpacked.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub version: String,
    /// Its lines, without the two blanks in front of each and without the signature.
    pub text: String,
}

/// What an installed package tells about versions after `old`, newest first; nothing where it keeps no news.
pub fn since(root: &Below, package: &str, old: &str) -> Result<Vec<Entry>> {
    let mut bytes = Vec::new();
    for name in ["NEWS.Debian.gz", "NEWS.Debian"] {
        match root.read(&format!("usr/share/doc/{package}/{name}"), MAX_FILE_BYTES, &mut bytes) {
            Ok(()) => {
                let is_after = |entry: &Entry| compare(&entry.version, old) == Ordering::Greater;
                return Ok(entries(&unpacked(bytes)?).into_iter().take_while(is_after).collect());
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Vec::new())
}

fn unpacked(bytes: Vec<u8>) -> Result<String> {
    let mut text = Vec::new();
    unpack::decoder(Cursor::new(bytes), None)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        bail!("has more than {MAX_FILE_BYTES} bytes when unpacked");
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A head begins at the margin and names package and version; an indented line is text, and a signature ends the entry.
fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        if let Some(version) = head(line) {
            entries.push(Entry { version: version.to_owned(), text: String::new() });
            is_open = true;
        } else if line.starts_with(" -- ") {
            is_open = false;
        } else if let (true, Some(entry)) = (is_open, entries.last_mut()) {
            entry.text.push_str(line.strip_prefix("  ").unwrap_or(line).trim_end());
            entry.text.push('\n');
        }
    }
    for entry in &mut entries {
        entry.text = entry.text.trim_matches('\n').to_owned();
    }
    entries
}

/// The version of `NAME (VERSION) DISTRIBUTION; urgency=LEVEL`.
fn head(line: &str) -> Option<&str> {
    let (name, rest) = line.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    let is_head = !name.is_empty() && !name.contains(char::is_whitespace) && rest.contains(';');
    (is_head && !version.is_empty()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::fs;
    use std::io::Write;

    const NEWS: &str = "app (2.0-1) unstable; urgency=medium\n\n  * The old\n    file is gone.\n\n  And more.\n\n -- N <n@example.org>  \
                        Mon, 05 Dec 2022 21:34:57 +1100\n\napp (1.0~rc1-1) unstable; urgency=low\n\n  * First.\n\n -- N <n@example.org>  \
                        Mon, 05 Dec 2021 21:34:57 +1100\n";

    fn told(old: &str, name: &str, bytes: &[u8]) -> Result<Vec<Entry>> {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("usr/share/doc/app");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
        since(&Below::open(root.path()).unwrap(), "app", old)
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::best());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn entries_end_at_the_version_that_was_there() {
        let newest = Entry { version: "2.0-1".to_owned(), text: "* The old\n  file is gone.\n\nAnd more.".to_owned() };
        assert_eq!(told("1.9-1", "NEWS.Debian", NEWS.as_bytes()).unwrap(), [newest]);
        assert_eq!(told("2.0-1", "NEWS.Debian.gz", &packed(NEWS.as_bytes())).unwrap(), []);
        let versions: Vec<String> =
            told("0:0", "NEWS.Debian", NEWS.as_bytes()).unwrap().into_iter().map(|entry| entry.version).collect();
        assert_eq!(versions, ["2.0-1", "1.0~rc1-1"]);
        assert_eq!(told("0", "NEWS", NEWS.as_bytes()).unwrap(), [], "another file");
    }

    #[test]
    fn a_bomb_is_refused_and_what_is_no_changelog_tells_nothing() {
        let bomb = packed(&vec![b' '; MAX_FILE_BYTES as usize + 2]);
        assert!(told("0", "NEWS.Debian.gz", &bomb).is_err());
        assert!(told("0", "NEWS.Debian.gz", &packed(NEWS.as_bytes())[..40]).is_err());
        for text in ["", "\n\n", "app\n  * text\n", " -- \n", "app () x; y\n", "  (1) ;\n", "\u{1b}[2J (1) x;"] {
            let entries = told("0", "NEWS.Debian", text.as_bytes()).unwrap();
            assert!(entries.is_empty() || text.starts_with('\u{1b}'), "{text:?}: {entries:?}");
        }
    }

    /// dpkg's own reader of changelogs is the oracle, over whatever this machine has.
    #[test]
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    fn versions_are_those_that_dpkg_reads() {
        let dpkg = |path: &std::path::Path| {
            let mut command = std::process::Command::new("dpkg-parsechangelog");
            let output = command.args(["--all", "--format", "rfc822", "-S", "Version", "-l"]).arg(path).output();
            output.map(|output| String::from_utf8(output.stdout).unwrap())
        };
        if dpkg("/dev/null".as_ref()).is_err() {
            println!("skipped versions_are_those_that_dpkg_reads: no dpkg-parsechangelog");
            return;
        }
        let scratch = tempfile::tempdir().unwrap();
        for folder in fs::read_dir("/usr/share/doc").unwrap().flatten() {
            let Ok(bytes) = fs::read(folder.path().join("NEWS.Debian.gz")) else { continue };
            let text = unpacked(bytes).unwrap();
            let plain = scratch.path().join("changelog");
            fs::write(&plain, &text).unwrap();
            let ours: Vec<String> = entries(&text).into_iter().map(|entry| entry.version).collect();
            let theirs = dpkg(&plain).unwrap();
            let theirs: Vec<&str> = theirs.split_whitespace().collect();
            assert_eq!(ours, theirs, "{}", folder.path().display());
        }
    }
}
