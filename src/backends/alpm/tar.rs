//! The files in a tar archive that is in memory whole, as slices of it: ustar, GNU and pax names. A sync database is
//! 15,000 small files, and copying each through a `Read` costs more than all else. Links and devices are passed over.

use anyhow::{Result, bail};
use std::borrow::Cow;

const BLOCK: usize = 512;

/// One regular file.
#[derive(Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// As the archive gives it.
    pub path: Cow<'a, [u8]>,
    /// Its content.
    pub data: &'a [u8],
    /// Where the content starts in the archive.
    pub offset: usize,
}

/// Calls back for each regular file. The end-of-archive mark must be there: without it an archive that was cut at the
/// edge of a member would look whole.
pub fn members<'a>(archive: &'a [u8], each: &mut dyn FnMut(Member<'a>)) -> Result<()> {
    let mut at = 0;
    // What an extended header says of the next member.
    let mut long_path: Option<Cow<'a, [u8]>> = None;
    let mut long_size: Option<usize> = None;
    loop {
        let Some(header) = archive.get(at..at + BLOCK) else {
            bail!("truncated after {} bytes", archive.len());
        };
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        if !checksum_holds(header) {
            bail!("damaged header at byte {at}");
        }
        let Some(size) = number(&header[124..136]) else {
            bail!("damaged size at byte {at}");
        };
        let kind = header[156];
        let extends = matches!(kind, b'x' | b'g' | b'L' | b'K');
        let size = if extends { size } else { long_size.take().unwrap_or(size) };
        let start = at + BLOCK;
        let Some(data) = start.checked_add(size).and_then(|end| archive.get(start..end)) else {
            bail!("truncated after {} bytes", archive.len());
        };
        match kind {
            b'x' => pax(data, &mut long_path, &mut long_size),
            b'L' => long_path = Some(Cow::Borrowed(until_nul(data))),
            b'g' | b'K' => {}
            _ => {
                let path = long_path.take().unwrap_or_else(|| path(header));
                if matches!(kind, b'0' | 0 | b'7') {
                    each(Member { path, data, offset: start });
                }
            }
        }
        at = start + size.div_ceil(BLOCK) * BLOCK;
    }
}

fn checksum_holds(header: &[u8]) -> bool {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>();
    // The field itself counts as blanks.
    number(&header[148..156]) == Some(sum(&header[..148]) + 8 * usize::from(b' ') + sum(&header[156..]))
}

/// Octal with blanks or NUL around it, or GNU's big-endian binary.
fn number(field: &[u8]) -> Option<usize> {
    if field[0] == 0x80 {
        let value =
            field[1..].iter().try_fold(0usize, |value, byte| value.checked_mul(256)?.checked_add((*byte).into()));
        return value.filter(|value| *value < isize::MAX as usize / 2);
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    match text {
        "" => Some(0),
        _ => usize::from_str_radix(text, 8).ok(),
    }
}

fn path(header: &[u8]) -> Cow<'_, [u8]> {
    let name = until_nul(&header[..100]);
    let prefix = until_nul(&header[345..500]);
    if header[257..263] == *b"ustar\0" && !prefix.is_empty() {
        return Cow::Owned([prefix, b"/", name].concat());
    }
    Cow::Borrowed(name)
}

fn until_nul(field: &[u8]) -> &[u8] {
    &field[..memchr::memchr(0, field).unwrap_or(field.len())]
}

/// Records of the form `LENGTH KEY=VALUE\n`; the length counts the whole record.
fn pax<'a>(mut data: &'a [u8], path: &mut Option<Cow<'a, [u8]>>, size: &mut Option<usize>) {
    while let Some(blank) = memchr::memchr(b' ', data) {
        let length = std::str::from_utf8(&data[..blank]).ok().and_then(|text| text.parse::<usize>().ok());
        let Some(record) = length.filter(|length| *length > blank + 1).and_then(|length| data.get(blank + 1..length))
        else {
            return;
        };
        data = &data[blank + 1 + record.len()..];
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(value) = record.strip_prefix(b"path=") {
            *path = Some(Cow::Borrowed(value));
        } else if let Some(value) = record.strip_prefix(b"size=") {
            *size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An archive of these files, as the crate `tar` writes it.
    pub fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = ::tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = ::tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn listed(archive: &[u8]) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        members(archive, &mut |member| {
            assert_eq!(&archive[member.offset..member.offset + member.data.len()], member.data);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            found.push((text(&member.path), text(member.data)));
        })?;
        Ok(found)
    }

    #[test]
    fn short_and_long_names() {
        let long = format!("{}/desc", "n".repeat(200));
        let files = [("a-1-1/desc", "one"), (long.as_str(), "two"), ("b-1-1/desc", "")];
        let found = listed(&archive(&files)).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[1], (long, "two".to_owned()));
    }

    #[test]
    fn pax_names_and_sizes() {
        let mut builder = ::tar::Builder::new(Vec::new());
        builder.append_pax_extensions([("path", &b"real-1-1/desc"[..]), ("mtime", b"1.5")]).unwrap();
        let mut header = ::tar::Header::new_ustar();
        header.set_size(3);
        builder.append_data(&mut header, "short", &b"abc"[..]).unwrap();
        let found = listed(&builder.into_inner().unwrap()).unwrap();
        assert_eq!(found, [("real-1-1/desc".to_owned(), "abc".to_owned())]);
    }

    #[test]
    fn a_cut_archive_is_an_error_wherever_it_is_cut() {
        let whole = archive(&[("a-1-1/desc", "one"), ("b-1-1/desc", "two")]);
        let end = 4 * BLOCK + BLOCK;
        for cut in 0..end {
            assert!(listed(&whole[..cut]).is_err(), "cut at {cut}");
        }
        assert!(listed(&whole[..end]).is_ok());
    }

    #[test]
    fn a_flipped_bit_never_panics_and_a_header_notices() {
        let whole = archive(&[("a-1-1/desc", "one"), ("b-1-1/desc", "two")]);
        for bit in 0..whole.len() * 8 {
            let mut bent = whole.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let answer = listed(&bent);
            if bit / 8 < BLOCK && !(148..156).contains(&(bit / 8)) {
                assert!(answer.is_err(), "byte {} of a header", bit / 8);
            }
        }
    }

    #[test]
    fn sizes_beyond_the_archive() {
        for size in ["77777777777", "\u{0}", "8"] {
            let mut whole = archive(&[("a-1-1/desc", "one")]);
            whole[124..136].fill(0);
            whole[124..124 + size.len()].copy_from_slice(size.as_bytes());
            let _ = listed(&whole);
        }
        assert_eq!(number(&[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
