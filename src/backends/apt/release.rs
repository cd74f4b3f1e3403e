//! Release and InRelease files: what they say of their archive, and how large its lists are. Signatures are not checked
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
    /// Sizes of the lists asked for, as stated in the order asked.
    pub sizes: Vec<Option<u64>>,
    /// What shows that the file is not whole.
    pub fault: Option<&'static str>,
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
        Ok(Release { sizes: vec![None; lists.len()], ..Release::default() })
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
            sizes: lists.iter().map(|list| stated_size(body, list)).collect(),
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

/// `HASH SIZE NAME` in any of the checksum tables.
fn stated_size(body: &str, list: &str) -> Option<u64> {
    memchr::memmem::find_iter(body.as_bytes(), list.as_bytes()).find_map(|at| {
        let after = body.as_bytes().get(at + list.len());
        let line_start = body[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let mut words = body[line_start..at].split_ascii_whitespace();
        let (_hash, size) = (words.next()?, words.next()?);
        let whole_name = words.next().is_none()
            && body[..at].ends_with([' ', '\t'])
            && after.is_none_or(|&byte| byte == b'\n' || byte == b'\r');
        if whole_name { size.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_sizes_of_a_signed_release() {
        let content = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: O\nSuite: stable-backports\n\
                       Codename: x-backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\nMD5Sum:\n \
                       aa 5 contrib/main/Packages\n bb 77 main/Packages\n cc 9 main/Packages.gz\nSHA256:\n dd 77 main/Packages\n\
                       -----BEGIN PGP SIGNATURE-----\n\nx\n";
        let lists = ["main/Packages".to_string(), "main/none".to_string()];
        let release = Release::parse(content, &lists);
        assert_eq!((release.origin.as_str(), release.name()), ("O", "x-backports"));
        assert!(release.not_automatic && release.but_automatic_upgrades);
        assert_eq!(release.sizes, [Some(77), None]);
    }

    #[test]
    fn the_suite_names_a_release_where_the_codename_does_not_tell_it_apart() {
        let release = Release::parse("Suite: jammy-updates\nCodename: jammy\n", &[]);
        assert_eq!(release.name(), "jammy-updates");
        assert_eq!(Release::parse("Suite: stable\nCodename: bookworm\n", &[]).name(), "bookworm");
    }
}
