//! pacman's order of versions: `[epoch:]version[-pkgrel]`, as vercmp(8) describes it. Bytes that are not ASCII count as
//! separators, as they do for libalpm in any UTF-8 locale.

use std::cmp::Ordering;

/// The order of two full versions. A pkgrel counts only where both have one.
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (a, b) = (Parts::of(a.as_bytes()), Parts::of(b.as_bytes()));
    segments(a.epoch, b.epoch).then_with(|| segments(a.version, b.version)).then_with(|| match (a.pkgrel, b.pkgrel) {
        (Some(a), Some(b)) => segments(a, b),
        _ => Ordering::Equal,
    })
}

struct Parts<'a> {
    epoch: &'a [u8],
    version: &'a [u8],
    pkgrel: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(full: &'a [u8]) -> Parts<'a> {
        let digits = run(full, u8::is_ascii_digit);
        let (epoch, rest) = match full.get(digits) {
            Some(b':') if digits == 0 => (&b"0"[..], &full[1..]),
            Some(b':') => (&full[..digits], &full[digits + 1..]),
            _ => (&b"0"[..], full),
        };
        match memchr::memrchr(b'-', rest) {
            Some(dash) => Parts { epoch, version: &rest[..dash], pkgrel: Some(&rest[dash + 1..]) },
            None => Parts { epoch, version: rest, pkgrel: None },
        }
    }
}

fn run(text: &[u8], is: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| is(byte)).count()
}

/// Compares runs of letters and runs of digits in turn, as rpm did in 2007; libalpm has kept to it.
fn segments(mut a: &[u8], mut b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    while !a.is_empty() && !b.is_empty() {
        let separators = (run(a, |c| !c.is_ascii_alphanumeric()), run(b, |c| !c.is_ascii_alphanumeric()));
        (a, b) = (&a[separators.0..], &b[separators.1..]);
        if a.is_empty() || b.is_empty() {
            break;
        }
        // More separators is newer, whatever they are: `2___a` beats `2_a`.
        if separators.0 != separators.1 {
            return separators.0.cmp(&separators.1);
        }
        let numeric = a[0].is_ascii_digit();
        let is: fn(&u8) -> bool = if numeric { u8::is_ascii_digit } else { u8::is_ascii_alphabetic };
        let (first, second) = (&a[..run(a, is)], &b[..run(b, is)]);
        if second.is_empty() {
            // A number is newer than a word.
            return if numeric { Ordering::Greater } else { Ordering::Less };
        }
        let order = if numeric { numbers(first, second) } else { first.cmp(second) };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (&a[first.len()..], &b[second.len()..]);
    }
    match (a.first(), b.first()) {
        (None, None) => Ordering::Equal,
        // A word left over is a pre-release (`1.0rc`), anything else left over is an addition (`1.0.1`).
        (Some(left), _) if left.is_ascii_alphabetic() => Ordering::Less,
        (None, Some(left)) if !left.is_ascii_alphabetic() => Ordering::Less,
        _ => Ordering::Greater,
    }
}

/// Numbers of any length.
fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (&a[run(a, |c| *c == b'0')..], &b[run(b, |c| *c == b'0')..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The facts that pacman's own `vercmptest.sh` checks, each in both directions.
    #[test]
    fn the_facts_of_pacmans_own_suite() {
        let facts = "
            1.5.0 = 1.5.0, 1.5.1 > 1.5.0, 1.5.1 > 1.5
            1.5.0-1 = 1.5.0-1, 1.5.0-1 < 1.5.0-2, 1.5.0-1 < 1.5.1-1, 1.5.0-2 < 1.5.1-1
            1.5-1 < 1.5.1-1, 1.5-2 < 1.5.1-1, 1.5-2 < 1.5.1-2
            1.5 = 1.5-1, 1.5-1 = 1.5, 1.1-1 = 1.1, 1.0-1 < 1.1, 1.1-1 > 1.0
            1.5b-1 < 1.5-1, 1.5b < 1.5, 1.5b-1 < 1.5, 1.5b < 1.5.1
            1.0a < 1.0alpha, 1.0alpha < 1.0b, 1.0b < 1.0beta, 1.0beta < 1.0rc, 1.0rc < 1.0
            1.5.a > 1.5, 1.5.b > 1.5.a, 1.5.1 > 1.5.b
            1.5.b-1 = 1.5.b, 1.5-1 < 1.5.b
            2.0 = 2_0, 2.0_a = 2_0.a, 2.0a < 2.0.a, 2___a > 2_a
            0:1.0 = 0:1.0, 0:1.0 < 0:1.1, 1:1.0 > 0:1.0, 1:1.0 > 0:1.1, 1:1.0 < 2:1.1
            1:1.0 > 0:1.0-1, 1:1.0-1 > 0:1.1-1
            0:1.0 = 1.0, 0:1.0 < 1.1, 0:1.1 > 1.0, 1:1.0 > 1.0, 1:1.0 > 1.1, 1:1.1 > 1.1";
        assert_eq!(crate::backends::check_version_facts(facts, compare), 92);
    }

    #[test]
    fn odd_versions_have_an_order() {
        assert_eq!(compare(":1", "0:1"), Ordering::Equal);
        assert_eq!(compare("", "1"), Ordering::Less);
        assert_eq!(compare("", "a"), Ordering::Greater);
        assert_eq!(compare("1.", "1"), Ordering::Greater);
        assert_eq!(compare("18446744073709551616", "18446744073709551615"), Ordering::Greater);
        assert_eq!(compare("1é2", "1.2"), Ordering::Greater);
    }
}
