//! Release and InRelease files: what they say of their archive and of its lists. Signatures are not checked
//! here: apt did before it put the file where we read it.

use super::control::{Stanzas, cut_short, text, value};
use std::path::{Path, PathBuf};

/// The head of a Release file. All empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    pub path: Option<PathBuf>,
    /// Whether apt accepted a signature for it: then alone it keeps an `InRelease`, or a signature beside it.
    pub is_signed: bool,
    pub origin: String,
    pub label: String,
    pub suite: String,
    pub codename: String,
    pub version: String,
    pub not_automatic: bool,
    pub but_automatic_upgrades: bool,
    /// The text of every field but the checksums, which are nine tenths of the file.
    pub head: String,
    /// What is stated of the lists asked for, in the order asked.
    pub stated: Vec<Option<Stated>>,
    /// What shows that the file is not whole.
    pub fault: Option<&'static str>,
}

/// What a list is when it is unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated {
    pub bytes: u64,
    /// `None` where only other digests are stated, as in very old archives.
    pub sha256: Option<[u8; 32]>,
}

impl Release {
    /// Reads `InRelease`, or else `Release`; `stem` is their common path. `lists` are names of lists as the file has them.
    /// The error comes with the path of the file that is there and cannot be read.
    pub fn read(stem: &Path, lists: &[String]) -> Result<Release, (PathBuf, std::io::Error)> {
        for name in ["InRelease", "Release"] {
            let path = beside(stem, name);
            match std::fs::read(&path) {
                Ok(bytes) => {
                    let mut release = Release::parse(&text(&bytes), lists);
                    release.fault = fault(&bytes);
                    release.is_signed =
                        name == "InRelease" || std::fs::exists(beside(stem, "Release.gpg")).unwrap_or(false);
                    release.path = Some(path);
                    return Ok(release);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err((path, error)),
            }
        }
        Ok(Release { stated: vec![None; lists.len()], ..Release::default() })
    }

    pub(crate) fn parse(content: &str, lists: &[String]) -> Release {
        // A clear-signed file has its own header in front of the text; the signature comes last and does no harm.
        let body = match content.strip_prefix(SIGNED) {
            Some(signed) => signed.split_once("\n\n").or_else(|| signed.split_once("\r\n\r\n")).map_or("", |(_, b)| b),
            None => content,
        };
        let body = body.split_once("\n-----BEGIN PGP SIGNATURE-----").map_or(body, |(body, _)| body);
        let mut stanza = Vec::new();
        Stanzas::new(body).read_into(&mut stanza);
        let is_sum =
            |name: &str| ["MD5Sum", "SHA1", "SHA256", "SHA512"].iter().any(|sum| sum.eq_ignore_ascii_case(name));
        stanza.retain(|(name, _)| !is_sum(name));
        let field = |name: &str| value(&stanza, name).to_string();
        let yes = |name: &str| super::config::boolean(value(&stanza, name)) == Some(true);
        Release {
            path: None,
            is_signed: false,
            origin: field("Origin"),
            label: field("Label"),
            suite: field("Suite"),
            codename: field("Codename"),
            version: field("Version"),
            not_automatic: yes("NotAutomatic"),
            but_automatic_upgrades: yes("ButAutomaticUpgrades"),
            head: stanza.iter().map(|(name, value)| format!("{name}: {value}\n")).collect(),
            stated: lists.iter().map(|list| stated(body, list)).collect(),
            fault: None,
        }
    }

    /// The name of the release as people write it: the codename, or the suite where that says more (Ubuntu has one
    /// codename for a release and its updates).
    pub fn name(&self) -> &str {
        if self.codename.is_empty() || self.suite.strip_prefix(&self.codename).is_some_and(|rest| rest.starts_with('-'))
        {
            &self.suite
        } else {
            &self.codename
        }
    }
}

/// The file of a name behind the common path.
fn beside(stem: &Path, name: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_os_string();
    path.push(name);
    path.into()
}

pub(crate) fn fault(bytes: &[u8]) -> Option<&'static str> {
    let is_signed = bytes.starts_with(SIGNED.as_bytes());
    if bytes.is_empty() {
        Some("empty: 0 bytes")
    } else if is_signed && memchr::memmem::rfind(bytes, b"\n-----END PGP SIGNATURE-----").is_none() {
        Some("truncated: it ends before its signature does")
    } else {
        cut_short(bytes).filter(|_| !is_signed)
    }
}

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";

/// Of `HASH SIZE NAME` in the checksum tables: the size by any of them, and the SHA-256 by the one that has such.
fn stated(body: &str, list: &str) -> Option<Stated> {
    let mut found: Option<Stated> = None;
    for at in memchr::memmem::find_iter(body.as_bytes(), list.as_bytes()) {
        let after = body.as_bytes().get(at + list.len());
        let line_start = body[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let mut words = body[line_start..at].split_ascii_whitespace();
        let (Some(hash), Some(size)) = (words.next(), words.next()) else { continue };
        let whole_name = words.next().is_none()
            && body[..at].ends_with([' ', '\t'])
            && after.is_none_or(|&byte| byte == b'\n' || byte == b'\r');
        let Some(bytes) = size.parse().ok().filter(|_| whole_name) else { continue };
        let sha256 = digest(hash);
        found.get_or_insert(Stated { bytes, sha256: None });
        if sha256.is_some() {
            return Some(Stated { bytes, sha256 });
        }
    }
    found
}

/// No other digest of the tables is 64 letters long.
fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let digits = hex.as_bytes();
    if digits.len() != 2 * digest.len() {
        return None;
    }
    let digit = |letter: u8| char::from(letter).to_digit(16);
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_lists_of_a_signed_release() {
        let content = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: O\nSuite: stable-backports\n\
                       Codename: x-backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\nMD5Sum:\n \
                       aa 5 contrib/main/Packages\n bb 77 main/Packages\n bb 7 old/Packages\n cc 9 main/Packages.gz\nSHA256:\n \
                       dD010203040506070809101112131415161718192021222324252627282930ff 77 main/Packages\n\
                       -----BEGIN PGP SIGNATURE-----\n\nx\n";
        let lists = ["main/Packages", "old/Packages", "main/none"].map(str::to_owned);
        let release = Release::parse(content, &lists);
        assert_eq!((release.origin.as_str(), release.name()), ("O", "x-backports"));
        assert!(release.not_automatic && release.but_automatic_upgrades);
        let sha256 = release.stated[0].and_then(|stated| stated.sha256).unwrap();
        assert_eq!((sha256[0], sha256[1], sha256[31]), (0xdd, 1, 0xff));
        let stated = |bytes, sha256| Some(Stated { bytes, sha256 });
        assert_eq!(release.stated, [stated(77, Some(sha256)), stated(7, None), None]);
    }

    #[test]
    fn the_suite_names_a_release_where_the_codename_does_not_tell_it_apart() {
        let release = Release::parse("Suite: jammy-updates\nCodename: jammy\n", &[]);
        assert_eq!(release.name(), "jammy-updates");
        assert_eq!(Release::parse("Suite: stable\nCodename: bookworm\n", &[]).name(), "bookworm");
    }
}
