//! The difference of two files, unified, as `diff -u` writes it. Files are bytes, and what is no UTF-8 is shown replaced.

use crate::ui::{Style, Ui, clean};
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// Beyond this the difference is no longer the shortest, but still right.
const SEARCH_TIME: Duration = Duration::from_secs(2);

/// Each file with its name; empty where there is no difference, nothing where one of them is no text.
pub fn unified(old: (&str, &[u8]), new: (&str, &[u8])) -> Option<String> {
    if old.1.contains(&0) || new.1.contains(&0) {
        return None;
    }
    let lines = |bytes| <[u8]>::split_inclusive(bytes, |byte| *byte == b'\n').collect::<Vec<&[u8]>>();
    let (old_lines, new_lines) = (lines(old.1), lines(new.1));
    let diff = TextDiff::configure().timeout(SEARCH_TIME).diff_slices(&old_lines, &new_lines);
    let mut out = String::new();
    for hunk in diff.unified_diff().iter_hunks() {
        if out.is_empty() {
            let name = |name: &str| name.replace(char::is_control, "?");
            out = format!("--- {}\n+++ {}\n", name(old.0), name(new.0));
        }
        out.push_str(&format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            out.push(match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            });
            out.push_str(&String::from_utf8_lossy(change.value()));
            if !change.value().ends_with(b"\n") {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    Some(out)
}

/// For a terminal: in colour, and with nothing in it that moves the cursor. As it is elsewhere, since `patch` may read it.
pub fn coloured(ui: &Ui, diff: &str) -> String {
    if !ui.is_terminal() {
        return diff.to_owned();
    }
    let line = |(at, line): (usize, &str)| {
        let safe: Vec<_> = line.split('\t').map(clean).collect();
        let safe = safe.join("\t");
        let style = match line.as_bytes().first() {
            _ if at < 2 => Style::Name,
            Some(b'+') => Style::Good,
            Some(b'-') => Style::Bad,
            Some(b'@') => Style::Version,
            _ => return safe + "\n",
        };
        ui.styled(style, &safe) + "\n"
    };
    diff.split_terminator('\n').enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::unified;
    use std::process::Command;

    /// diff's own word about every pair of these.
    #[test]
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    fn it_is_what_diff_says() {
        if Command::new("diff").arg("--version").output().is_err() {
            println!("skipped it_is_what_diff_says: no diff here");
            return;
        }
        let many: String = (0..60).map(|number| format!("line {number}\n")).collect();
        let texts = [
            String::new(),
            "a\n".into(),
            "a".into(),
            "a\nb\n".into(),
            "\n".into(),
            "a\r\nb\rc\n".into(),
            many.replace("line 7\n", "").replace("line 40\n", "line 40\nmore\n"),
            many.clone(),
            many.trim_end().to_owned(),
        ];
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        for a in &texts {
            for b in &texts {
                std::fs::write(&old, a).unwrap();
                std::fs::write(&new, b).unwrap();
                let labels = ["-u", "--label", "old", "--label", "new"];
                let theirs = Command::new("diff").args(labels).args([&old, &new]).output().unwrap().stdout;
                let ours = unified(("old", a.as_bytes()), ("new", b.as_bytes())).unwrap();
                assert_eq!(ours, String::from_utf8(theirs).unwrap(), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text() {
        assert_eq!(unified(("a", b"\0"), ("b", b"x")), None);
        let latin = unified(("a\n", b"gr\xfcn\n"), ("b", b"gr\xe4n\n")).unwrap();
        assert_eq!(
            latin, "--- a?\n+++ b\n@@ -1 +1 @@\n-gr\u{fffd}n\n+gr\u{fffd}n\n",
            "they differ though they look alike"
        );
    }
}
