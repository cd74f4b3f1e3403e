//! Relations between packages, taken apart. Both families' syntaxes, as deb-control(5) and PKGBUILD(5) give them.

use super::Source;
use memchr::{memchr, memchr2};

/// One name in a relation: `libc6:any (>= 2.36)` or `glibc>=2.36`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    pub name: &'a str,
    /// Architecture qualifier (`any`, `native`, `i386`); empty for none.
    pub arch: &'a str,
    /// `<<`, `<=`, `=`, `>=`, `>>` (apt) or `<`, `<=`, `=`, `>=`, `>` (pacman); empty for none.
    pub operator: &'a str,
    pub version: &'a str,
}

/// The alternatives of each relation of a field, in order: `a | b, c` gives `[[a, b], [c]]`. pacman's relations have one
/// alternative each. Malformed pieces are kept as names, for the reader to see.
pub fn parse(source: Source, text: &str) -> Vec<Vec<Relation<'_>>> {
    match source {
        Source::Apt => text
            .split(',')
            .map(|group| group.split('|').filter_map(apt_one).collect::<Vec<_>>())
            .filter(|g| !g.is_empty())
            .collect(),
        Source::Pacman | Source::Aur => text.lines().filter_map(pacman_one).map(|r| vec![r]).collect(),
    }
}

/// Every name a relation field mentions, without building anything.
pub fn names(source: Source, text: &str) -> impl Iterator<Item = &str> {
    pieces(source, text).filter_map(move |piece| match source {
        Source::Apt => apt_name(piece).map(|full| full.split_once(':').map_or(full, |(name, _)| name)),
        _ => pacman_name(piece),
    })
}

/// The same as the index knows those that are depended on: `gcc:armhf` by all of this where `native` is another architecture,
/// since it is another package than `gcc`.
pub fn targets<'t>(source: Source, native: &'t str, text: &'t str) -> impl Iterator<Item = &'t str> {
    pieces(source, text).filter_map(move |piece| match source {
        Source::Apt => apt_name(piece).map(|full| match full.split_once(':') {
            Some((name, arch)) if ["any", "native", native].contains(&arch) => name,
            _ => full,
        }),
        _ => pacman_name(piece),
    })
}

/// A field's text in pieces of one name each: apt's at commas and bars, pacman's at the ends of lines.
fn pieces(source: Source, text: &str) -> impl Iterator<Item = &str> {
    let end = move |text: &str| match source {
        Source::Apt => memchr2(b',', b'|', text.as_bytes()),
        _ => memchr(b'\n', text.as_bytes()),
    };
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let piece = match end(text) {
            Some(at) => {
                rest = Some(&text[at + 1..]);
                &text[..at]
            }
            None => {
                rest = None;
                text
            }
        };
        Some(piece)
    })
}

/// The name alone of what [`apt_one`] takes apart, with its architecture: most of what is ever asked, of half a million
/// relations at a time.
fn apt_name(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b'[' | b'<');
    let end = text.as_bytes().iter().position(ends).unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// The same for [`pacman_one`].
fn pacman_name(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let ends = |at: &usize| match bytes[*at] {
        b'<' | b'>' | b'=' => true,
        byte => byte == b':' && bytes.get(at + 1) == Some(&b' '),
    };
    match (0..bytes.len()).find(ends) {
        Some(end) if bytes[end] != b':' => Some(text[..end].trim_start()),
        end => Some(text[..end.unwrap_or(bytes.len())].trim()).filter(|name| !name.is_empty()),
    }
}

fn apt_one(text: &str) -> Option<Relation<'_>> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '(' | '[' | '<')).unwrap_or(text.len());
    let (full_name, rest) = text.split_at(end);
    if full_name.is_empty() {
        return None;
    }
    let (name, arch) = full_name.split_once(':').unwrap_or((full_name, ""));
    let inside =
        rest.split_once('(').and_then(|(_, after)| after.split_once(')')).map_or("", |(inside, _)| inside.trim());
    let split = inside.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(inside.len());
    let (operator, version) = inside.split_at(split);
    Some(Relation { name, arch, operator, version: version.trim() })
}

fn pacman_one(text: &str) -> Option<Relation<'_>> {
    // An optional dependency carries its reason behind ": "; an epoch's colon has no space behind it. A colon with nothing
    // behind it belongs to the name, as it does for libalpm, which then finds no such package.
    let reason = text.as_bytes().windows(2).position(|two| two == b": ");
    let text = text[..reason.unwrap_or(text.len())].trim();
    if text.is_empty() {
        return None;
    }
    let Some(start) = text.find(['<', '>', '=']) else {
        return Some(Relation { name: text, arch: "", operator: "", version: "" });
    };
    let (name, rest) = text.split_at(start);
    let split = rest.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(rest.len());
    let (operator, version) = rest.split_at(split);
    Some(Relation { name, arch: "", operator, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_alternatives_versions_and_qualifiers() {
        let groups = parse(Source::Apt, "libc6:any (>= 2.36) | musl, debconf (<<2) [amd64] <!nocheck>, x");
        assert_eq!(groups.len(), 3);
        assert_eq!(groups[0][0], Relation { name: "libc6", arch: "any", operator: ">=", version: "2.36" });
        assert_eq!(groups[0][1].name, "musl");
        assert_eq!(groups[1][0], Relation { name: "debconf", arch: "", operator: "<<", version: "2" });
    }

    #[test]
    fn pacman_versions_epochs_and_reasons() {
        let all = parse(Source::Pacman, "glibc>=2.36\nvim=1:9.0-1\npython: for scripts: all\nlibfoo.so=1-64\n");
        assert_eq!(all[0][0], Relation { name: "glibc", arch: "", operator: ">=", version: "2.36" });
        assert_eq!(all[1][0], Relation { name: "vim", arch: "", operator: "=", version: "1:9.0-1" });
        assert_eq!(all[2][0].name, "python");
        assert_eq!(all[3][0].name, "libfoo.so");
    }

    #[test]
    fn a_colon_without_a_reason_belongs_to_the_name() {
        let all = parse(Source::Pacman, "python:\nruby: \nperl: for x\n");
        assert_eq!(all.iter().map(|one| one[0].name).collect::<Vec<_>>(), ["python:", "ruby", "perl"]);
    }

    #[test]
    fn names_alone_are_those_of_the_whole_parse() {
        let texts = [
            "",
            " ",
            "a",
            "a:any|b (>= 1)",
            " (>= 1) x",
            ":any",
            "a<!nocheck>, b[amd64]",
            "a ,, b\n|c",
            "\u{a0}a\u{a0}b",
            "é (= 1)",
        ];
        for text in texts {
            let whole: Vec<&str> = parse(Source::Apt, text).iter().flatten().map(|one| one.name).collect();
            assert_eq!(names(Source::Apt, text).collect::<Vec<_>>(), whole, "{text:?}");
        }
        let texts =
            ["", " ", "a", "a>=1:2-3", " a = 1", "=1", "a: b=c", "a:b", "a:", ": x", "a=1: why\nb\n\n c <2", "é: ü"];
        for text in texts {
            let whole: Vec<&str> = parse(Source::Aur, text).iter().flatten().map(|one| one.name).collect();
            assert_eq!(names(Source::Aur, text).collect::<Vec<_>>(), whole, "{text:?}");
        }
    }

    #[test]
    fn another_architectures_package_is_another_target() {
        let text = "gcc:armhf (>= 4) | gcc:amd64, make:any, perl:native | sh";
        assert_eq!(targets(Source::Apt, "amd64", text).collect::<Vec<_>>(), ["gcc:armhf", "gcc", "make", "perl", "sh"]);
        assert_eq!(targets(Source::Pacman, "", "python:\na>1").collect::<Vec<_>>(), ["python:", "a"]);
    }

    #[test]
    fn names_of_alternatives() {
        assert_eq!(names(Source::Apt, "a (>= 1) | b:any, c").collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
