//! Package URLs (ECMA-427): the name of a package for other programs. Read, made, and brought into their one canonical form by
//! the rules of each type.
//!
//! Whether there is such a package is not asked, and of versions nothing is known here: they are text.

#[cfg(test)]
mod tests;

use std::fmt::{self, Write};
use std::str::FromStr;

/// A package URL in its canonical form; all parts are as they are without percent-encoding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    kind: String,
    /// Segments with a slash between them; empty for none.
    namespace: String,
    name: String,
    /// Empty for none.
    version: String,
    /// By their keys, none of whose values is empty.
    qualifiers: Vec<(String, String)>,
    /// As the namespace.
    subpath: String,
}

/// Why something is no package URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Scheme,
    Type,
    Encoding,
    Namespace,
    NoNamespace,
    ProhibitedNamespace,
    Name,
    Version,
    Qualifier,
    MissingQualifier(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Scheme => f.write_str("it does not begin with pkg:"),
            Fault::Type => f.write_str("its type makes no sense"),
            Fault::Encoding => f.write_str("its percent-encoding makes no sense"),
            Fault::Namespace => f.write_str("a part of its namespace holds a slash"),
            Fault::NoNamespace => f.write_str("its type asks for a namespace"),
            Fault::ProhibitedNamespace => f.write_str("its type has no namespaces"),
            Fault::Name => f.write_str("it has no name that its type allows"),
            Fault::Version => f.write_str("its type does not allow the version"),
            Fault::Qualifier => f.write_str("a qualifier makes no sense"),
            Fault::MissingQualifier(key) => write!(f, "its type asks for the qualifier {key}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Parts that a package URL is made of, not encoded and in any spelling.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts<'a> {
    pub kind: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    pub version: &'a str,
    /// Those without a value are none.
    pub qualifiers: &'a [(&'a str, &'a str)],
    pub subpath: &'a str,
}

impl Purl {
    pub fn new(parts: &Parts<'_>) -> Result<Purl, Fault> {
        let mut kind = parts.kind.to_owned();
        let is_type = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        if !kind.starts_with(|first: char| first.is_ascii_alphabetic()) || !kind.bytes().all(is_type) {
            return Err(Fault::Type);
        }
        kind.make_ascii_lowercase();
        let mut qualifiers = Vec::with_capacity(parts.qualifiers.len());
        for (key, value) in parts.qualifiers.iter().filter(|(_, value)| !value.is_empty()) {
            if !is_key(key) {
                return Err(Fault::Qualifier);
            }
            qualifiers.push(((*key).to_owned(), (*value).to_owned()));
        }
        qualifiers.sort();
        if qualifiers.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(Fault::Qualifier);
        }
        let (name, version) = (parts.name.trim_matches('/').to_owned(), parts.version.to_owned());
        let (namespace, subpath) = (segments(parts.namespace, &[]), segments(parts.subpath, &[".", ".."]));
        Purl { kind, namespace, name, version, qualifiers, subpath }.by_type()
    }

    pub fn kind(&self) -> &str {
        &self.kind
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn qualifiers(&self) -> &[(String, String)] {
        &self.qualifiers
    }

    pub fn subpath(&self) -> &str {
        &self.subpath
    }

    /// One that others wrote: as [`from_str`](Purl::from_str), and with the slip forgiven that is common, keys in capitals.
    pub fn mended(text: &str) -> Result<Purl, Fault> {
        read(text, true)
    }

    /// What its type makes of it.
    fn by_type(mut self) -> Result<Purl, Fault> {
        let rules = rules(&self.kind);
        match rules.namespace {
            Namespace::Required if self.namespace.is_empty() => return Err(Fault::NoNamespace),
            Namespace::Prohibited if !self.namespace.is_empty() => return Err(Fault::ProhibitedNamespace),
            _ => {}
        }
        if let Some(key) = rules.needs.filter(|key| !self.qualifiers.iter().any(|(known, _)| known == key)) {
            return Err(Fault::MissingQualifier(key));
        }
        for (part, letter) in [(&mut self.namespace, 's'), (&mut self.name, 'n'), (&mut self.version, 'v')] {
            if rules.folds.contains(letter) {
                *part = part.to_lowercase();
            }
        }
        match self.kind.as_str() {
            // A host, and a path of any length.
            "git" => {
                let path = format!("{}/{}", self.namespace, self.name);
                let (host, path) = path.split_once('/').unwrap_or_default();
                (self.namespace, self.name) = (host.to_owned(), path.to_owned());
            }
            "pypi" => self.name = self.name.replace('_', "-"),
            "pub" => self.name = self.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
            // Azure's names have case, Databricks' have none.
            "mlflow"
                if self.qualifiers.iter().any(|(key, at)| key == "repository_url" && at.contains("databricks")) =>
            {
                self.name = self.name.to_lowercase();
            }
            "cpan" if self.name.contains("::") => return Err(Fault::Name),
            "chrome-extension" => {
                let is_letter = |byte: u8| (b'a'..=b'p').contains(&byte);
                if self.name.len() != 32 || !self.name.bytes().all(is_letter) {
                    return Err(Fault::Name);
                }
                let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                let mut numbers = self.version.split('.');
                let are_numbers = numbers.all(is_number) && self.version.split('.').count() <= 4;
                if !self.version.is_empty() && !are_numbers {
                    return Err(Fault::Version);
                }
            }
            _ => {}
        }
        if self.name.is_empty() { Err(Fault::Name) } else { Ok(self) }
    }
}

#[derive(Clone, Copy)]
enum Namespace {
    Required,
    Optional,
    Prohibited,
}

struct Rules {
    namespace: Namespace,
    /// What has no case: `s` the namespace, `n` the name, `v` the version.
    folds: &'static str,
    /// A qualifier that has to be there.
    needs: Option<&'static str>,
}

/// What the definitions of the types say of each.
fn rules(kind: &str) -> Rules {
    use Namespace::*;
    let (namespace, folds, needs) = match kind {
        "alpm" | "apk" | "bitbucket" | "composer" | "deb" | "git" | "github" => (Required, "sn", None),
        "brew" | "hex" | "luarocks" => (Optional, "sn", None),
        "vscode-extension" => (Required, "snv", None),
        "qpkg" | "rpm" => (Required, "s", None),
        "huggingface" => (Required, "v", None),
        "golang" | "maven" | "swift" => (Required, "", None),
        "yocto" => (Optional, "s", None),
        "bitnami" | "otp" => (Prohibited, "n", None),
        "oci" | "pypi" => (Prohibited, "nv", None),
        "pub" => (Prohibited, "n", None),
        "julia" => (Prohibited, "", Some("uuid")),
        "swid" => (Optional, "", Some("tag_id")),
        "bazel" | "cargo" | "chrome-extension" | "cocoapods" | "conda" | "cran" | "gem" | "hackage" | "mlflow"
        | "nuget" | "opam" | "vcpkg" => (Prohibited, "", None),
        _ => (Optional, "", None),
    };
    Rules { namespace, folds, needs }
}

fn is_key(key: &str) -> bool {
    let is_rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    key.starts_with(|first: char| first.is_ascii_lowercase()) && key.bytes().all(is_rest)
}

/// Segments without the slashes that mean nothing.
fn segments(path: &str, without: &[&str]) -> String {
    let kept = path.split('/').filter(|segment| !segment.is_empty() && !without.contains(segment));
    kept.collect::<Vec<_>>().join("/")
}

impl FromStr for Purl {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Purl, Fault> {
        read(text, false)
    }
}

fn read(text: &str, mends: bool) -> Result<Purl, Fault> {
    let (rest, subpath) = text.rsplit_once('#').unwrap_or((text, ""));
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = rest.split_once(':').ok_or(Fault::Scheme)?;
    if !scheme.eq_ignore_ascii_case("pkg") {
        return Err(Fault::Scheme);
    }
    let (kind, rest) = rest.trim_start_matches('/').split_once('/').ok_or(Fault::Name)?;
    // An at sign before the last slash is npm's, of a scope that is not encoded.
    let start = rest.trim_end_matches('/').rfind('/').map_or(0, |slash| slash + 1);
    let (path, version) = match rest[start..].rfind('@') {
        Some(at) => (&rest[..start + at], &rest[start + at + 1..]),
        None => (rest.trim_end_matches('/'), ""),
    };
    let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
    // Keys in capitals are an error of every type but Maven's: so say the specification's own test vectors.
    let mends = mends || kind.eq_ignore_ascii_case("maven");
    let mut pairs = Vec::new();
    for pair in qualifiers.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(Fault::Qualifier)?;
        pairs.push((if mends { key.to_ascii_lowercase() } else { key.to_owned() }, decoded(value)?));
    }
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Purl::new(&Parts {
        kind,
        namespace: &each_decoded(namespace)?,
        name: &decoded(name)?,
        version: &decoded(version)?,
        qualifiers: &pairs,
        subpath: &each_decoded(subpath)?,
    })
}

fn each_decoded(path: &str) -> Result<String, Fault> {
    let mut out = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = decoded(segment)?;
        if segment.contains('/') {
            return Err(Fault::Namespace);
        }
        out.push_str(if out.is_empty() { "" } else { "/" });
        out.push_str(&segment);
    }
    Ok(out)
}

fn decoded(text: &str) -> Result<String, Fault> {
    let mut pieces = text.split('%');
    let mut out = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        out.push(digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or(Fault::Encoding)?);
        out.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(out).map_err(|_| Fault::Encoding)
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.kind)?;
        if !self.namespace.is_empty() {
            encode(f, &self.namespace, true)?;
            f.write_char('/')?;
        }
        encode(f, &self.name, self.kind == "git")?;
        if !self.version.is_empty() {
            f.write_char('@')?;
            encode(f, &self.version, false)?;
        }
        for (place, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(f, "{}{key}=", if place == 0 { '?' } else { '&' })?;
            encode(f, value, false)?;
        }
        if !self.subpath.is_empty() {
            f.write_char('#')?;
            encode(f, &self.subpath, true)?;
        }
        Ok(())
    }
}

fn encode(f: &mut fmt::Formatter<'_>, text: &str, is_path: bool) -> fmt::Result {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) || is_path && byte == b'/';
    for byte in text.bytes() {
        if stays(byte) { f.write_char(char::from(byte))? } else { write!(f, "%{byte:02X}")? }
    }
    Ok(())
}
