//! What a person may ask for: `22`, `3.12`, `>=20 <23`, `lts/jod`, `latest`, `nightly-2025-01-02`, `system`; and which of
//! several versions that means.
//!
//! The newest that fits is meant. What comes before a final version is meant only where it is named, or where nothing
//! final begins with a prefix that was asked for.

use super::range::Range;
use super::version::{Version, is_date, number, python_variant};
use super::{Runtime, makers};
use std::env::consts::ARCH;
use std::fmt;

/// A request, read from what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    text: String,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Exact(Version),
    /// All whose first numbers are these, of a variant.
    Prefix(Vec<u64>, &'static str),
    Range(Range),
    Latest,
    Lts(Lts),
    /// Whatever the distribution has.
    System,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lts {
    Newest,
    /// By its code name, in lower case.
    Named(String),
    /// So many lines before the newest, as nvm counts them.
    Back(usize),
}

/// The lines of a runtime that are kept for long: their first number and their code name. Ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LtsLines(pub Vec<(u64, String)>);

/// Whether a line of Java is kept for long: since 17 every fourth.
pub fn is_java_lts(major: u64) -> bool {
    [8, 11].contains(&major) || major >= 17 && (major - 17).is_multiple_of(4)
}

impl LtsLines {
    /// From `MAJOR NAME` on lines.
    pub fn parse(text: &str) -> LtsLines {
        let line = |line: &str| {
            let (major, name) = line.split_once(' ')?;
            Some((number(major)?, name.trim().to_owned()))
        };
        let mut lines: Vec<_> = text.lines().filter_map(line).collect();
        lines.sort();
        lines.dedup_by_key(|(major, _)| *major);
        LtsLines(lines)
    }

    pub fn text(&self) -> String {
        self.0.iter().map(|(major, name)| format!("{major} {name}\n")).collect()
    }

    fn holds(&self, lts: &Lts, major: u64) -> bool {
        match lts {
            Lts::Newest => self.0.iter().any(|(of, _)| *of == major),
            Lts::Named(wanted) => self.0.iter().any(|(of, name)| *of == major && name.eq_ignore_ascii_case(wanted)),
            Lts::Back(back) => self.0.iter().rev().nth(*back).is_some_and(|(of, _)| *of == major),
        }
    }
}

impl Request {
    /// Reads what was written; an error says what is wrong with it.
    pub fn parse(runtime: Runtime, text: &str) -> Result<Request, String> {
        let text = text.trim();
        let kind = kind(runtime, text)?;
        Ok(Request { text: text.to_owned(), kind })
    }

    /// Whether this version is one of those meant, and a final one or named.
    pub fn allows(&self, version: &Version, lts: &LtsLines) -> bool {
        self.fits(version, lts) && (!version.is_prerelease() || !matches!(self.kind, Kind::Prefix(..)))
    }

    fn fits(&self, version: &Version, lts: &LtsLines) -> bool {
        let is_usual = || version.variant.is_empty() && version.channel().is_none();
        match &self.kind {
            Kind::Exact(wanted) => {
                version.cmp_release(wanted).is_eq()
                    && version.variant == wanted.variant
                    && version.channel() == wanted.channel()
            }
            Kind::Prefix(numbers, variant) => version.starts_with(numbers) && version.variant == *variant,
            Kind::Range(range) => is_usual() && range.contains(version),
            Kind::Latest => is_usual() && !version.is_prerelease(),
            Kind::Lts(wanted) => is_usual() && !version.is_prerelease() && lts.holds(wanted, version.number(0)),
            Kind::System => false,
        }
    }

    /// The one of several that is meant.
    pub fn select<'v, T>(&self, all: &'v [T], version: impl Fn(&T) -> &Version, lts: &LtsLines) -> Option<&'v T> {
        let best = |allows: &dyn Fn(&Version) -> bool| {
            all.iter().filter(|one| allows(version(one))).max_by(|a, b| version(a).cmp(version(b)))
        };
        // Where nobody can tell whether a number is whole, what has just this number is meant, not what begins so.
        let whole = |one: &&'v T| match &self.kind {
            Kind::Prefix(numbers, maker) => {
                let version = version(one);
                numbers.len() > 1 && !maker.is_empty() && version.variant == *maker && version.is_just(numbers)
            }
            _ => false,
        };
        if let Some(one) = all.iter().find(whole) {
            return Some(one);
        }
        best(&|version| self.allows(version, lts)).or_else(|| best(&|version| self.fits(version, lts)))
    }

    /// Whether only an index of what there is can tell which version is meant.
    pub fn exact(&self) -> Option<&Version> {
        match &self.kind {
            Kind::Exact(version) => Some(version),
            _ => None,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a request of a runtime looks like, for who wrote one that is none.
pub fn examples(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Node => "as in 22, '>=20 <23', lts, latest",
        Runtime::Python => "as in 3.12, '>=3.10,<3.13', pypy3.11, latest",
        Runtime::Java => "as in 21, zulu-21, lts, latest",
        Runtime::Rust => "as in 1.80.1, stable, nightly-2025-01-02, latest",
        Runtime::Zig => "as in 0.13.0, master, latest",
        Runtime::Bun | Runtime::Deno => "as in 1.2, '>=1.1 <2', latest",
        Runtime::Go => "as in 1.22, '>=1.21', latest",
        Runtime::Ruby => "as in 3.3, '~> 3.2', latest",
    }
}

fn kind(runtime: Runtime, text: &str) -> Result<Kind, String> {
    if text.is_empty() {
        return Err(format!("no version of {} is named", runtime.name()));
    }
    if let Some(kind) = word(runtime, text) {
        return Ok(kind);
    }
    if ["nightly", "canary", "v8-canary", "rc", "beta", "alpha", "next", "dev"].contains(&text)
        && !has_channels(runtime)
    {
        return Err(format!("omg installs no {text} builds of {}", runtime.name()));
    }
    let (maker, plain) = undecorated(runtime, text)?;
    if !maker.is_empty() {
        return of_maker(runtime, maker, plain).ok_or_else(|| format!("{text:?} is no version of {}", runtime.name()));
    }
    // The maker's name alone.
    if plain.is_empty() {
        return Ok(Kind::Latest);
    }
    if let Some(prefix) = prefix(runtime, plain) {
        return Ok(prefix);
    }
    if let Some(version) = Version::parse(runtime, plain) {
        return Ok(Kind::Exact(version));
    }
    Range::parse(runtime, plain).map(Kind::Range).ok_or_else(|| format!("{text:?} is no version of {}", runtime.name()))
}

fn has_channels(runtime: Runtime) -> bool {
    matches!(runtime, Runtime::Rust | Runtime::Zig)
}

/// What has no number in it, and a day's own build.
fn word(runtime: Runtime, text: &str) -> Option<Kind> {
    let lower = text.to_ascii_lowercase();
    match (runtime, lower.as_str()) {
        (_, "system") => Some(Kind::System),
        (_, "latest") => Some(Kind::Latest),
        // A channel of its own there.
        (Runtime::Rust, "stable") => None,
        (_, "stable") => Some(Kind::Latest),
        (Runtime::Node, "node" | "current") => Some(Kind::Latest),
        (Runtime::Node | Runtime::Java, "lts" | "lts/*" | "lts-latest" | "--lts") => Some(Kind::Lts(Lts::Newest)),
        (Runtime::Rust, day) if is_date(day) => {
            Version::parse(Runtime::Rust, &format!("nightly-{day}")).map(Kind::Exact)
        }
        (Runtime::Zig, "nightly") => Version::parse(Runtime::Zig, "master").map(Kind::Exact),
        (Runtime::Node, lts) => {
            let name = lts.strip_prefix("lts/").or_else(|| lts.strip_prefix("lts-"))?;
            match name.strip_prefix('-') {
                Some(back) => Some(Kind::Lts(Lts::Back(back.parse().ok()?))),
                None => {
                    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
                    is_name.then(|| Kind::Lts(Lts::Named(name.to_owned())))
                }
            }
        }
        _ => None,
    }
}

/// Without the runtime's name, which other tools put before or behind a version; and who builds it, if not the usual maker.
fn undecorated(runtime: Runtime, text: &str) -> Result<(&'static str, &str), String> {
    let plain = match runtime {
        Runtime::Node | Runtime::Bun | Runtime::Deno => match text.strip_prefix('v') {
            Some(rest) if rest.starts_with(|first: char| first.is_ascii_digit()) => rest,
            _ => text,
        },
        Runtime::Go => text.strip_prefix("go").unwrap_or(text),
        Runtime::Ruby => text.strip_prefix("ruby-").unwrap_or(text),
        Runtime::Python => match makers::of_pypy(text) {
            Some(rest) => return Ok((makers::PYPY, rest)),
            None => ["cpython-", "python-", "cpython", "python"]
                .into_iter()
                .find_map(|name| text.strip_prefix(name))
                .unwrap_or(text),
        },
        Runtime::Java => {
            let (maker, number) = makers::of_java(text).map_err(|other| {
                format!("of Java the builds of {} are installed, not those of {other:?}", makers::java_names())
            })?;
            // Java 8 and those before call themselves 1.8.
            let is_old = |rest: &&str| rest.starts_with(['5', '6', '7', '8']);
            return Ok((maker, number.strip_prefix("1.").filter(is_old).unwrap_or(number)));
        }
        // rustup's channels may have the machine behind them.
        Runtime::Rust => text
            .strip_suffix("-unknown-linux-gnu")
            .and_then(|text| text.strip_suffix(ARCH)?.strip_suffix('-'))
            .unwrap_or(text),
        Runtime::Zig => text,
    };
    Ok(("", plain))
}

/// What is asked for of another maker than the usual one: a number or its beginning, or nothing for the newest.
fn of_maker(runtime: Runtime, maker: &'static str, plain: &str) -> Option<Kind> {
    if plain.is_empty() || plain == "latest" {
        return Some(Kind::Prefix(Vec::new(), maker));
    }
    let whole = || Version::parse(runtime, &makers::spelt(runtime, plain, maker)).map(Kind::Exact);
    let begins = || Some(Kind::Prefix(plain.split('.').map(number).collect::<Option<Vec<u64>>>()?, maker));
    // Nobody can tell whether a number of Java's is whole.
    if runtime == Runtime::Java { begins().or_else(whole) } else { whole().or_else(begins) }
}

/// `22`, `3.12`, `3.13t`.
fn prefix(runtime: Runtime, text: &str) -> Option<Kind> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'.').unwrap_or(text.len());
    let (core, rest) = text.split_at(end);
    let numbers = core.split('.').map(number).collect::<Option<Vec<u64>>>()?;
    let variant = match runtime {
        Runtime::Python if rest.starts_with('+') => python_variant("", rest.strip_prefix('+'))?,
        Runtime::Python => python_variant(rest, None)?,
        _ if rest.is_empty() => "",
        _ => return None,
    };
    // A whole version of Java has a build.
    let whole = if runtime == Runtime::Java { usize::MAX } else { 3 };
    (numbers.len() < whole).then_some(Kind::Prefix(numbers, variant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(runtime: Runtime, request: &str, versions: &[&str]) -> Option<String> {
        let versions: Vec<Version> = versions.iter().map(|text| Version::parse(runtime, text).unwrap()).collect();
        let lts = LtsLines::parse("20 Iron\n22 Jod\n18 Hydrogen\n");
        let request = Request::parse(runtime, request).unwrap();
        request.select(&versions, |version| version, &lts).map(Version::to_string)
    }

    #[test]
    fn what_a_person_means() {
        let node = ["18.20.8", "20.19.0", "22.1.0", "22.11.0", "23.1.0", "24.0.0-rc.1"];
        for (request, meant) in [
            ("22", Some("22.11.0")),
            ("v22", Some("22.11.0")),
            ("22.1", Some("22.1.0")),
            ("22.1.0", Some("22.1.0")),
            ("v22.1.1", None),
            ("latest", Some("23.1.0")),
            ("node", Some("23.1.0")),
            ("stable", Some("23.1.0")),
            ("lts", Some("22.11.0")),
            ("lts/*", Some("22.11.0")),
            ("lts/iron", Some("20.19.0")),
            ("lts/-2", Some("18.20.8")),
            ("lts/krypton", None),
            ("^20 || >=22 <23", Some("22.11.0")),
            (">=22", Some("23.1.0")),
            ("24", Some("24.0.0-rc.1")),
            ("24.0.0-rc.1", Some("24.0.0-rc.1")),
            ("*", Some("23.1.0")),
            ("system", None),
        ] {
            assert_eq!(chosen(Runtime::Node, request, &node).as_deref(), meant, "{request}");
        }
        let python = ["3.12.7", "3.13.0", "3.13.0t", "3.13.1t", "3.14.0rc1"];
        for (request, meant) in [
            ("3", Some("3.13.0")),
            ("3.13", Some("3.13.0")),
            ("3.13t", Some("3.13.1t")),
            ("3.13+freethreaded", Some("3.13.1t")),
            ("3.14", Some("3.14.0rc1")),
            (">=3.9,<3.13", Some("3.12.7")),
            ("python3.12", Some("3.12.7")),
            ("3.13.0t", Some("3.13.0t")),
        ] {
            assert_eq!(chosen(Runtime::Python, request, &python).as_deref(), meant, "{request}");
        }
        let go = ["1.20", "1.20.14", "1.21.0", "1.22rc1"];
        assert_eq!(chosen(Runtime::Go, "1.20", &go).as_deref(), Some("1.20.14"));
        assert_eq!(chosen(Runtime::Go, "go1.21", &go).as_deref(), Some("1.21.0"));
        assert_eq!(chosen(Runtime::Go, "1.22", &go).as_deref(), Some("1.22rc1"));
        let java = ["17.0.9+9", "21.0.5+9", "21.0.5+11"];
        assert_eq!(chosen(Runtime::Java, "temurin-21", &java).as_deref(), Some("21.0.5+11"));
        assert_eq!(chosen(Runtime::Java, "21.0.5-tem", &java).as_deref(), Some("21.0.5+11"));
        let makers = [
            "21.0.5+11",
            "zulu-21.40.17.0",
            "zulu-21.42.19.0",
            "zulu-24.30.11.0",
            "oracle-graalvm-21.0.7",
            "sapmachine-11.0.6",
            "sapmachine-11.0.6.0.1",
        ];
        for (request, meant) in [
            ("21", Some("21.0.5+11")),
            ("temurin", Some("21.0.5+11")),
            ("zulu", Some("zulu-24.30.11.0")),
            ("zulu-21", Some("zulu-21.42.19.0")),
            ("21.40-zulu", Some("zulu-21.40.17.0")),
            ("sapmachine-11.0.6", Some("sapmachine-11.0.6")),
            ("sapmachine-11", Some("sapmachine-11.0.6.0.1")),
            ("zulu-21.40.17.0", Some("zulu-21.40.17.0")),
            ("oracle-graalvm-21", Some("oracle-graalvm-21.0.7")),
            ("21.0.7-graal", Some("oracle-graalvm-21.0.7")),
            ("oracle-21", None),
            ("openjdk64-21.0.5", Some("21.0.5+11")),
            ("temurin64-21", Some("21.0.5+11")),
            ("zulu64-24", Some("zulu-24.30.11.0")),
            ("latest", Some("21.0.5+11")),
        ] {
            assert_eq!(chosen(Runtime::Java, request, &makers).as_deref(), meant, "{request}");
        }
        let old = ["8.0.442+6", "8.0.352+8", "11.0.1+13"];
        for (request, meant) in
            [("1.8", "8.0.442+6"), ("openjdk64-1.8.0.352", "8.0.352+8"), ("temurin-1.8", "8.0.442+6")]
        {
            assert_eq!(chosen(Runtime::Java, request, &old).as_deref(), Some(meant), "{request}");
        }
        let go = ["1.20.14", "1.22.10", "1.23.4"];
        assert_eq!(chosen(Runtime::Go, ">=1.22.0", &go).as_deref(), Some("1.23.4"), "as go.mod is read");
        let pypy = ["3.11.9", "pypy3.10.16", "pypy3.11.15"];
        for (request, meant) in [
            ("3.11", Some("3.11.9")),
            (">=3.10", Some("3.11.9")),
            ("pypy", Some("pypy3.11.15")),
            ("pypy3", Some("pypy3.11.15")),
            ("pypy3.10", Some("pypy3.10.16")),
            ("pypy@3.10", Some("pypy3.10.16")),
            ("pypy-3.11.15", Some("pypy3.11.15")),
            ("pypy3.9", None),
        ] {
            assert_eq!(chosen(Runtime::Python, request, &pypy).as_deref(), meant, "{request}");
        }
        let rust = ["1.79.0", "1.80.1", "stable", "nightly-2025-01-02"];
        assert_eq!(chosen(Runtime::Rust, "1.80", &rust).as_deref(), Some("1.80.1"));
        assert_eq!(chosen(Runtime::Rust, "stable", &rust).as_deref(), Some("stable"));
        assert_eq!(chosen(Runtime::Rust, "2025-01-02", &rust).as_deref(), Some("nightly-2025-01-02"));
        let with_machine = format!("stable-{ARCH}-unknown-linux-gnu");
        assert_eq!(chosen(Runtime::Rust, &with_machine, &rust).as_deref(), Some("stable"));
        assert_eq!(chosen(Runtime::Rust, "nightly-2025-01-02", &rust).as_deref(), Some("nightly-2025-01-02"));
    }

    #[test]
    fn what_nobody_can_mean_is_refused_with_a_reason() {
        for (runtime, text) in [
            (Runtime::Node, ""),
            (Runtime::Node, "twenty"),
            (Runtime::Node, "22 and more"),
            (Runtime::Node, "../22"),
            (Runtime::Python, "pypy3.10-7.3.15"),
            (Runtime::Python, "graalpy-24"),
            (Runtime::Java, "liberica-21"),
            (Runtime::Java, "zulu-21x"),
            (Runtime::Rust, "nightly-yesterday"),
            (Runtime::Rust, "stable-riscv32gc-unknown-linux-gnu"),
            (Runtime::Node, "nightly"),
            (Runtime::Bun, "canary"),
        ] {
            let error = Request::parse(runtime, text).unwrap_err();
            assert!(error.contains(runtime.name()) || error.contains("temurin"), "{error}");
        }
    }
}
