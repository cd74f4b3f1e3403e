//! The little of web addresses that a downloader needs: to join a redirect to them, and to show them without passwords.

use anyhow::{Context, Result, bail};
use std::fmt;
use ureq::http::Uri;

/// An address of http or https, known to be whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Uri);

impl Address {
    pub fn parse(text: &str) -> Result<Address> {
        // A fragment is the reader's own affair and is not sent.
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().with_context(|| format!("not a web address: {}", without_password(text)))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            bail!("not an address of http or https: {}", without_password(text));
        }
        Ok(Address(uri))
    }

    pub fn uri(&self) -> &Uri {
        &self.0
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = self.0.host().unwrap_or_default();
        host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host)
    }

    pub fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    pub fn origin(&self) -> String {
        format!("{} {} {}", self.is_https(), self.host(), self.port())
    }

    /// Where `reference`, found in an answer from here, leads to.
    pub fn join(&self, reference: &str) -> Result<Address> {
        let reference = reference.trim();
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let has_scheme = reference.find([':', '/', '?']).is_some_and(|at| reference.as_bytes()[at] == b':');
        if has_scheme {
            Address::parse(reference)
        } else if let Some(rest) = reference.strip_prefix("//") {
            Address::parse(&format!("{scheme}://{rest}"))
        } else if reference.starts_with('/') {
            Address::parse(&format!("{scheme}://{authority}{reference}"))
        } else {
            let path = self.0.path();
            let folder = match reference.starts_with('?') {
                true => path,
                false => &path[..=path.rfind('/').unwrap_or(0).min(path.len().saturating_sub(1))],
            };
            Address::parse(&format!("{scheme}://{authority}{folder}{reference}"))
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&without_password(&self.0.to_string()))
    }
}

/// The address with what stands before an `@` in its authority left out.
pub fn without_password(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    match text[start..end].rfind('@') {
        Some(at) => format!("{}{}", &text[..start], &text[start + at + 1..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_joined_as_rfc_3986_has_it() {
        let base = Address::parse("https://user:secret@a.example:8443/b/c/d?q=1#part").unwrap();
        assert_eq!(base.to_string(), "https://a.example:8443/b/c/d?q=1", "no password, no fragment");
        for (reference, joined) in [
            ("http://x/y", "http://x/y"),
            ("//x/y", "https://x/y"),
            ("/y?z", "https://a.example:8443/y?z"),
            ("y", "https://a.example:8443/b/c/y"),
            ("y:z/x", "bad"),
            ("./y:z", "https://a.example:8443/b/c/./y:z"),
            ("?z", "https://a.example:8443/b/c/d?z"),
            ("file:///etc/passwd", "bad"),
            ("http://", "bad"),
            ("", "https://a.example:8443/b/c/"),
        ] {
            let got = base.join(reference).map_or("bad".to_owned(), |address| address.to_string());
            assert_eq!(got, joined, "{reference}");
        }
        assert_eq!(Address::parse("http://a.example").unwrap().join("y").unwrap().to_string(), "http://a.example/y");
    }
}
