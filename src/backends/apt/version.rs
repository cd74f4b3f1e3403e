//! dpkg's order of versions: `[epoch:]upstream[-revision]`, `~` before everything, even the end.

use std::cmp::Ordering;

/// Compares two versions as dpkg does. Any text has a place, also one that dpkg would call malformed.
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let ((epoch_a, a), (epoch_b, b)) = (epoch(a.as_bytes()), epoch(b.as_bytes()));
    let ((a, revision_a), (b, revision_b)) = (revision(a), revision(b));
    digits(epoch_a, epoch_b).then_with(|| part(a, b)).then_with(|| part(revision_a, revision_b))
}

fn epoch(version: &[u8]) -> (&[u8], &[u8]) {
    match version.iter().position(|&byte| byte == b':') {
        Some(at) => (&version[..at], &version[at + 1..]),
        None => (b"", version),
    }
}

fn revision(version: &[u8]) -> (&[u8], &[u8]) {
    match version.iter().rposition(|&byte| byte == b'-') {
        Some(at) => (&version[..at], &version[at + 1..]),
        None => (version, b""),
    }
}

/// Numbers of any length: the zeros in front do not count, then the longer one is the greater.
fn digits(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |number: &[u8]| number.iter().position(|&byte| byte != b'0').unwrap_or(number.len());
    let (a, b) = (&a[significant(a)..], &b[significant(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Runs of other characters and of digits in turns.
fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (text_a, rest_a) = a.split_at(a.iter().position(u8::is_ascii_digit).unwrap_or(a.len()));
        let (text_b, rest_b) = b.split_at(b.iter().position(u8::is_ascii_digit).unwrap_or(b.len()));
        for at in 0..text_a.len().max(text_b.len()) {
            let order = weight(text_a.get(at)).cmp(&weight(text_b.get(at)));
            if order != Ordering::Equal {
                return order;
            }
        }
        let number = |rest: &[u8]| rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let (number_a, after_a) = rest_a.split_at(number(rest_a));
        let (number_b, after_b) = rest_b.split_at(number(rest_b));
        let order = digits(number_a, number_b);
        if order != Ordering::Equal || (after_a.is_empty() && after_b.is_empty()) {
            return order;
        }
        (a, b) = (after_a, after_b);
    }
}

fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(other) => i32::from(*other) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_every_rule() {
        let ascending = [
            "0~~", "0~~a", "0~", "0", "0-1", "0a", "0.0", "1~rc1-1", "1-0~bpo1", "1", "1-1", "1-1a", "1-1+b1", "1-1.1",
            "1-2", "1-10", "1a", "1b", "1+", "1.", "1.0-1-1", "1.2", "9", "10", "1:0", "2:0~",
        ];
        for (low, a) in ascending.iter().enumerate() {
            for (high, b) in ascending.iter().enumerate() {
                assert_eq!(compare(a, b), low.cmp(&high), "{a} {b}");
            }
        }
        for (a, b) in [("1.0", "1.00"), ("0:1", "1"), ("1-0", "1"), ("00:1", "1"), ("01-00", "1")] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn numbers_longer_than_any_machine_word() {
        assert_eq!(compare("1.99999999999999999999999999", "1.100000000000000000000000000"), Ordering::Less);
    }

    /// The facts that dpkg's own suite checks (`Dpkg_Version.t`), each in both directions.
    #[test]
    fn the_facts_of_dpkgs_own_suite() {
        let facts = "
            1.0-1 < 2.0-2, 2.2~rc-4 < 2.2-1, 2.2-1 > 2.2~rc-4, 1.0000-1 = 1.0-1, 1 = 0:1, 0 = 0:0-0, 2:2.5 > 1:7.5
            1:0foo > 0foo, 0:0foo = 0foo, 0foo = 0foo, 0foo-0 = 0foo, 0foo = 0foo-0, 0foo > 0fo, 0foo-0 < 0foo+
            0foo~1 < 0foo, 0foo~foo+Bar < 0foo~foo+bar, 0foo~~ < 0foo~, 1~ < 1
            12345+that-really-is-some-ver-0 < 12345+that-really-is-some-ver-10, 0foo-0 < 0foo-01
            0foo.bar > 0foobar, 0foo.bar > 0foo1bar, 0foo.bar > 0foo0bar, 0foo1bar-1 < 0foobar-1
            0foo2.0 > 0foo2, 0foo2.0.0 < 0foo2.10.0, 0foo2.0 < 0foo2.0.0, 0foo2.0 < 0foo2.10, 0foo2.1 < 0foo2.10
            1.09 = 1.9, 1.0.8+nmu1 > 1.0.8, 3.11 > 3.10+nmu1, 0.9j-20080306-4 > 0.9i-20070324-2
            1.2.0~b7-1 > 1.2.0~b6-1, 1.011-1 > 1.06-2, 0.0.9+dfsg1-1 > 0.0.8+dfsg1-3
            4.6.99+svn6582-1 > 4.6.99+svn6496-1, 53 > 52, 0.9.9~pre122-1 > 0.9.9~pre111-1
            2:2.3.2-2+lenny2 > 2:2.3.2-2, 1:3.8.1-1 > 3.8.GA-1, 1.0.1+gpl-1 > 1.0.1-2, 1a < 1000a";
        assert_eq!(crate::backends::check_version_facts(facts, compare), 86);
    }
}
