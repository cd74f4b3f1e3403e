//! Who else builds a runtime than its usual publisher: PyPy builds Python, and Java is built by many.
//!
//! Their names are variants of a version, and stand before its number as everybody writes them: `pypy3.11.15`, `zulu-21.42.19.0`.

use super::Runtime;

pub const PYPY: &str = "pypy";

/// Those of Java whose numbers say what they are, by the names that mise's list gives them. A longer name before one it begins with.
const JAVA: [&str; 8] =
    ["corretto", "graalvm-community", "microsoft", "openjdk", "oracle-graalvm", "oracle", "sapmachine", "zulu"];

/// How SDKMAN calls them, behind the number; the usual one has no name here.
const SDKMAN: [(&str, &str); 9] = [
    ("amzn", "corretto"),
    ("graalce", "graalvm-community"),
    ("ms", "microsoft"),
    ("open", "openjdk"),
    ("graal", "oracle-graalvm"),
    ("oracle", "oracle"),
    ("sapmchn", "sapmachine"),
    ("zulu", "zulu"),
    ("tem", ""),
];

/// Eclipse Temurin, the usual one, has had other names.
const TEMURIN: [&str; 3] = ["temurin", "adoptopenjdk", "adopt"];

/// The maker that a version of Java is of and the rest of it; the usual one has no name. An error is the name of one that is not known.
pub(super) fn of_java(text: &str) -> Result<(&'static str, &str), &str> {
    let known = JAVA.iter().map(|name| (*name, *name)).chain(TEMURIN.iter().map(|name| (*name, "")));
    for (name, maker) in known {
        match text.strip_prefix(name) {
            Some("") => return Ok((maker, "")),
            Some(rest) if rest.starts_with('-') => return Ok((maker, &rest[1..])),
            _ => {}
        }
    }
    // jenv puts the width of a word behind the name, and calls whatever it does not know openjdk.
    if let Some((name, rest)) = text.split_once("64-") {
        match JAVA.into_iter().find(|known| *known == name) {
            _ if name == "openjdk" || TEMURIN.contains(&name) => return Ok(("", rest)),
            Some(maker) => return Ok((maker, rest)),
            None => {}
        }
    }
    let is_name = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    match (text.split_once('-'), text.rsplit_once('-')) {
        (Some((name, _)), _) if is_name(name) => Err(name),
        (_, Some((version, name))) if is_name(name) && name != "ea" => {
            let known = SDKMAN.iter().find(|(code, _)| *code == name);
            known.map(|(_, maker)| (*maker, version)).ok_or(name)
        }
        _ => Ok(("", text)),
    }
}

/// The maker by the name that mise's list gives it; `None` for one whose versions are not read here.
pub(super) fn named(vendor: &str) -> Option<&'static str> {
    if vendor == "temurin" { Some("") } else { JAVA.into_iter().find(|name| *name == vendor) }
}

/// What stands behind the name of PyPy.
pub(super) fn of_pypy(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(PYPY)?;
    Some(rest.strip_prefix(['-', '@']).unwrap_or(rest))
}

/// A number and a variant as they are written together.
pub fn spelt(runtime: Runtime, number: &str, variant: &str) -> String {
    match (runtime, variant) {
        (Runtime::Java, "") => number.to_owned(),
        (Runtime::Java, maker) => format!("{maker}-{number}"),
        (_, PYPY) => format!("{PYPY}{number}"),
        (_, letters) => format!("{number}{letters}"),
    }
}

/// For a message.
pub(super) fn java_names() -> String {
    format!("temurin, {}", JAVA.join(", "))
}
