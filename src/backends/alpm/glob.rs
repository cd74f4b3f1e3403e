//! Shell patterns as fnmatch(3) and glob(3) read them without flags: `*`, `?`, `[a-z]`, `[!a]`, `[[:digit:]]`, `\`. No
//! braces, no tilde.

use std::path::{Component, Path, PathBuf};

/// A configuration that names more files than this by one pattern is not a configuration.
const MAX_PATHS: usize = 4096;

/// Whether `text` as a whole matches `pattern`.
pub fn matches(pattern: &str, text: &str) -> bool {
    matches_bytes(pattern.as_bytes(), text.as_bytes())
}

/// Whether `text` matches any of `patterns`.
pub fn any(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, text))
}

fn matches_bytes(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the text behind the last star did not match: no recursion, so no exponential patterns.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, t));
        } else if let Some(next) = one(pattern, p, text[t]) {
            p = next;
            t += 1;
        } else if let Some((behind, from)) = star {
            p = behind;
            t = from + 1;
            star = Some((behind, t));
        } else {
            return false;
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|byte| *byte == b'*')
}

/// Position behind the pattern's piece at `p` if that piece matches `byte`.
fn one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => match bracket(&pattern[p + 1..], byte) {
            Some((length, inside)) => inside.then_some(p + 1 + length),
            None => (byte == b'[').then_some(p + 1),
        },
        b'\\' if p + 1 < pattern.len() => (pattern[p + 1] == byte).then_some(p + 2),
        literal => (literal == byte).then_some(p + 1),
    }
}

/// Length of a bracket expression (behind its `[`) and whether it holds `byte`; `None` where it is never closed.
fn bracket(set: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(set.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let mut at = start;
    let mut inside = false;
    loop {
        let mut low = *set.get(at)?;
        if low == b']' && at > start {
            return Some((at + 1, inside != negated));
        }
        if low == b'[' && set.get(at + 1) == Some(&b':') {
            let end = at + 2 + memchr::memmem::find(&set[at + 2..], b":]")?;
            inside |= class(&set[at + 2..end], byte);
            at = end + 2;
            continue;
        }
        if low == b'\\' {
            at += 1;
            low = *set.get(at)?;
        }
        let high = match (set.get(at + 1), set.get(at + 2)) {
            (Some(b'-'), Some(&high)) if high != b']' => {
                at += 2;
                high
            }
            _ => low,
        };
        inside |= (low..=high).contains(&byte);
        at += 1;
    }
}

fn class(name: &[u8], byte: u8) -> bool {
    match name {
        b"alpha" => byte.is_ascii_alphabetic(),
        b"digit" => byte.is_ascii_digit(),
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"lower" => byte.is_ascii_lowercase(),
        b"upper" => byte.is_ascii_uppercase(),
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"xdigit" => byte.is_ascii_hexdigit(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"graph" => byte.is_ascii_graphic(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        _ => false,
    }
}

/// Whether `text` asks for anything but itself.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

/// The existing paths that match `pattern`, sorted; the pattern itself where there are none. `searched` receives every
/// folder whose content decided the answer.
pub fn paths(pattern: &Path, searched: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = match component {
            Component::Normal(name) => name,
            other => {
                found.iter_mut().for_each(|path| path.push(other));
                continue;
            }
        };
        match name.to_str() {
            Some(text) if is_pattern(text) => {
                found = found.iter().flat_map(|dir| inside(dir, text, searched)).collect()
            }
            _ => found.iter_mut().for_each(|path| path.push(name)),
        }
        found.truncate(MAX_PATHS);
    }
    found.retain(|path| path.symlink_metadata().is_ok());
    if found.is_empty() {
        return vec![pattern.to_owned()];
    }
    found.sort();
    found
}

fn inside(dir: &Path, pattern: &str, searched: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    searched.push(dir.to_owned());
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| (!name.starts_with('.') || pattern.starts_with('.')) && matches(pattern, name))
        .take(MAX_PATHS)
        .map(|name| dir.join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_as_fnmatch_reads_them() {
        for (pattern, yes, no) in [
            ("linux", "linux", "linux-lts"),
            ("linux*", "linux-lts", "a-linux"),
            ("*-git", "omg-git", "omg-git-x"),
            ("l?nux", "linux", "lnux"),
            ("[a-c]x", "bx", "dx"),
            ("[!a-c]x", "dx", "ax"),
            ("[^a]", "b", "a"),
            ("[]x]", "]", "a"),
            ("[[:digit:]]*", "7zip", "zip"),
            ("[a", "[a", "a"),
            ("\\*", "*", "x"),
            ("[a-]", "-", "b"),
            ("a*b*c", "a-b-b-c", "a-b-b"),
            ("*", "", "\u{0}never"),
        ] {
            assert!(matches(pattern, yes), "{pattern} {yes}");
            assert!(!matches(pattern, no) || pattern == "*", "{pattern} {no}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(matches(&"*a".repeat(200), &"a".repeat(400)));
    }

    #[test]
    fn any_bytes_are_a_pattern() {
        for pattern in ["[", "[]", "[!", "[[:", "[[:x:]", "\\", "[a-", "[\\", "[a-z", "**[", "[z-a]"] {
            for text in ["", "a", "[", "\\", "[[:"] {
                matches(pattern, text);
            }
        }
    }

    #[test]
    fn paths_are_sorted_and_hidden_ones_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.conf", "a.conf", ".c.conf", "d.txt"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let mut searched = Vec::new();
        let found = paths(&dir.path().join("*.conf"), &mut searched);
        assert_eq!(found, [dir.path().join("a.conf"), dir.path().join("b.conf")]);
        assert_eq!(searched, [dir.path()]);
        let none = dir.path().join("*.none");
        assert_eq!(paths(&none, &mut searched), [none]);
    }
}
