//! Debian's machine-readable copyright files (DEP-5): which licences they state. Their texts are left aside.

use memchr::memmem;

/// More than any of Debian's packages states.
const MAX_STATED: usize = 500;

/// The licences as the file names them, each once, in its order; `None` where it is no machine-readable file.
pub fn stated(text: &[u8]) -> Option<Vec<String>> {
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let head = text[start..].get(..20).unwrap_or(&text[start..]).to_ascii_lowercase();
    if !head.starts_with(b"format:") && !head.starts_with(b"format-specification:") {
        return None;
    }
    let mut stated: Vec<String> = Vec::new();
    for at in memmem::find_iter(text, b"\nLicense:") {
        let value = &text[at + b"\nLicense:".len()..];
        let value = &value[..memchr::memchr(b'\n', value).unwrap_or(value.len())];
        let value = String::from_utf8_lossy(value).trim().to_owned();
        if !value.is_empty() && stated.len() < MAX_STATED && !stated.contains(&value) {
            stated.push(value);
        }
    }
    Some(stated)
}

#[cfg(test)]
mod tests {
    use super::stated;

    #[test]
    fn licences_of_files_and_of_texts_are_found_once() {
        let text = b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nSource: x\n\n\
            Files: *\nCopyright: 2020 A\nLicense: GPL-2+ or Artistic\n\nFiles: b\nLicense: Expat\n Permission is\n License: no\n\n\
            License: Expat\n\nLicense:\n text\n";
        assert_eq!(stated(text).unwrap(), ["GPL-2+ or Artistic", "Expat"]);
        assert_eq!(stated(b"This is Debian's packaging of x\n\nLicense: Expat\n"), None);
        assert_eq!(stated(b""), None);
        assert_eq!(stated(b"\n\nformat: x\n").unwrap(), Vec::<String>::new());
    }
}
