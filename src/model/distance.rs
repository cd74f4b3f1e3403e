//! How far two words are apart, as a typist counts.

/// Edits between two names (insert, delete, change, swap neighbours; case is none), `None` beyond `most`.
pub fn distance(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(!a[i - 1].eq_ignore_ascii_case(&b[j - 1]));
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        if row.iter().all(|&edits| edits > most) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    Some(last[b.len()]).filter(|&edits| edits <= most)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn edits_are_counted_as_a_typist_makes_them() {
        assert_eq!(distance(b"firefox", b"firefox", 2), Some(0));
        assert_eq!(distance(b"firfox", b"firefox", 2), Some(1));
        assert_eq!(distance(b"fierfox", b"firefox", 2), Some(1));
        assert_eq!(distance(b"vmi", b"vim", 1), Some(1));
        assert_eq!(distance(b"emcas", b"nano", 2), None);
    }
}
