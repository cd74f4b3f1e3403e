//! ASCII armour (RFC 9580, 6): the bytes in it, and the text of what is signed in the clear.

use anyhow::{Context, Result, bail, ensure};

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN: &[u8] = b"-----BEGIN PGP ";

/// In the place of a value, and no part of one.
const NONE: u32 = 1 << 31;

/// What each character of base64 stands for, as the first, second, third and last of four, so that four are put together by `or`.
const VALUES: [[u32; 256]; 4] = {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [[NONE; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let mut at = 0;
        while at < digits.len() {
            values[place][digits[at] as usize] = (at as u32) << (18 - 6 * place);
            at += 1;
        }
        place += 1;
    }
    values
};

/// What nearly all lines have, which are sixteen times four characters.
const LINE: usize = 64;

/// A line that is as long as nearly all are; `None` where something in it is none of base64.
fn whole_line(line: &[u8]) -> Option<[u8; LINE / 4 * 3]> {
    let (fours, mut bytes, mut all) = (line.as_chunks::<4>().0, [0; LINE / 4 * 3], 0);
    // Four characters are three bytes.
    for ([a, b, c, d], three) in fours.iter().zip(bytes.as_chunks_mut::<3>().0) {
        let value = VALUES[0][usize::from(*a)]
            | VALUES[1][usize::from(*b)]
            | VALUES[2][usize::from(*c)]
            | VALUES[3][usize::from(*d)];
        all |= value;
        *three = [(value >> 16) as u8, (value >> 8) as u8, value as u8];
    }
    (all & NONE == 0).then_some(bytes)
}

/// Whether bytes may be armour: each packet's first byte has its highest bit set, which no text does.
pub fn is_text(content: &[u8]) -> bool {
    content.first().is_some_and(|first| *first < 0x80)
}

/// The bytes as they are, or what the armour in them holds, of several blocks all behind each other.
pub fn bytes(content: Vec<u8>) -> Result<Vec<u8>> {
    if !is_text(&content) {
        return Ok(content);
    }
    let mut out = Vec::with_capacity(content.len() / 4 * 3);
    let mut unpacker = Unpacker::default();
    let used = unpacker.lines(&content, &mut out)?;
    unpacker.line(&content[used..], &mut out)?;
    unpacker.end()?;
    ensure!(!out.is_empty(), "there is nothing of OpenPGP in it");
    Ok(out)
}

/// Unpacks armour line by line.
#[derive(Debug, Default)]
pub struct Unpacker {
    at: Place,
    has_block: bool,
    bits: u32,
    count: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    /// Behind `BEGIN`, before the empty line.
    Headers,
    Inside,
}

impl Unpacker {
    /// Takes all lines that are whole, adds what they hold, and tells how many bytes they have.
    pub fn lines(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<usize> {
        let mut start = 0;
        loop {
            // To look for the end of each line would take as long as to read the line.
            while self.at == Place::Inside
                && self.count == 0
                && let Some((line, b"\n")) = text[start..].first_chunk::<{ LINE + 1 }>().map(|line| line.split_at(LINE))
                && let Some(bytes) = whole_line(line)
            {
                out.extend_from_slice(&bytes);
                start += LINE + 1;
            }
            let Some(len) = memchr::memchr(b'\n', &text[start..]) else { return Ok(start) };
            self.line(&text[start..start + len], out)?;
            start += len + 1;
        }
    }

    /// Takes a line without its end, and adds what it holds.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self.at {
            _ if line.starts_with(BEGIN) => {
                ensure!(self.at == Place::Outside, "armour that does not end");
                (self.at, self.has_block, self.count) = (Place::Headers, true, 0);
            }
            Place::Outside => {}
            Place::Headers if line.trim_ascii().is_empty() => self.at = Place::Inside,
            Place::Headers => {}
            Place::Inside if line.starts_with(b"=") => {}
            Place::Inside if line.starts_with(b"-----END ") => self.at = Place::Outside,
            Place::Inside => return self.inside(line.trim_ascii_end(), out),
        }
        Ok(())
    }

    /// Nothing comes any more.
    pub fn end(&self) -> Result<()> {
        match self.at {
            Place::Outside if !self.has_block => bail!("there is nothing of OpenPGP in it"),
            Place::Outside => Ok(()),
            Place::Headers => bail!("armour without an empty line"),
            Place::Inside => bail!("armour that does not end"),
        }
    }

    fn inside(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        for byte in line {
            let value = match VALUES[3][usize::from(*byte)] {
                NONE if *byte == b'=' => continue,
                NONE => bail!("armour with a character that is none of base64"),
                value => value,
            };
            self.bits = self.bits << 6 | value;
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                out.push((self.bits >> self.count) as u8);
            }
        }
        Ok(())
    }
}

/// What is signed in the clear, as it is hashed, and its signatures.
pub struct Clear {
    pub text: Vec<u8>,
    pub signatures: Vec<u8>,
}

/// Whether a file is signed in the clear.
pub fn is_clear(content: &[u8]) -> bool {
    content.starts_with(SIGNED.as_bytes())
}

/// Takes such a file apart. Nothing may stand outside of what is signed.
pub fn clear(content: &[u8]) -> Result<Clear> {
    let text = std::str::from_utf8(content).context("it is no UTF-8")?;
    let (signed, block) = text.split_once("\n-----BEGIN PGP SIGNATURE-----").context("it ends before its signature")?;
    let (armoured, outside) =
        block.split_once("\n-----END PGP SIGNATURE-----").context("its signature does not end")?;
    ensure!(outside.trim().is_empty(), "something stands behind its signature");
    let mut lines = signed.split('\n').map(|line| line.trim_end_matches([' ', '\t', '\r']));
    ensure!(lines.next() == Some(SIGNED), "it is not signed in the clear");
    for line in lines.by_ref() {
        match line {
            "" => break,
            header => ensure!(header.starts_with("Hash: "), "a header that is none of a signed text"),
        }
    }
    let mut text = Vec::with_capacity(signed.len() + signed.len() / 16);
    for (number, line) in lines.enumerate() {
        let line = line.strip_prefix("- ").unwrap_or(line);
        if number > 0 {
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(line.as_bytes());
    }
    let (mut signatures, mut unpacker) = (Vec::new(), Unpacker { at: Place::Headers, ..Unpacker::default() });
    armoured.lines().skip(1).try_for_each(|line| unpacker.line(line.as_bytes(), &mut signatures))?;
    ensure!(unpacker.at == Place::Inside, "its signature makes no sense");
    Ok(Clear { text, signatures })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_any_length_in_lines_of_any_length() {
        // RFC 4648's own, and lines that are no whole fours.
        for (text, expected) in [
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9v\nYmFy", "foobar"),
            ("Zm\n9vYm\nFy", "foobar"),
            ("Z\nm\n9\nvYmFy", "foobar"),
        ] {
            let armour = format!("-----BEGIN PGP X-----\nA: b\n\n{text}\n=AAAA\n-----END PGP X-----\n");
            assert_eq!(bytes(armour.clone().into()).unwrap(), expected.as_bytes(), "{text:?}");
            assert_eq!(bytes(armour.repeat(2).into()).unwrap(), expected.repeat(2).as_bytes());
        }
    }

    #[test]
    fn lines_of_the_usual_length_and_others_among_them_hold_the_same() {
        let text: String = (0..40).map(|at| format!("{at:04}")).collect();
        let base64 = |at: usize| text.as_bytes()[at % 160] as char;
        let all: String = (0..640).map(base64).collect();
        let wrapped = |widths: &[usize]| {
            let (mut rest, mut lines) = (all.as_str(), String::new());
            for width in widths.iter().cycle() {
                let (line, behind) = rest.split_at(rest.len().min(*width));
                lines += &format!("{line}\n");
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            bytes(format!("-----BEGIN PGP X-----\n\n{lines}=AAAA\n-----END PGP X-----\n").into()).unwrap()
        };
        let expected = wrapped(&[1]);
        assert_eq!(expected.len(), 480);
        for widths in [&[64][..], &[76], &[64, 3], &[3, 64, 64], &[65, 63, 64], &[640]] {
            assert_eq!(wrapped(widths), expected, "{widths:?}");
        }
        let bad = format!("-----BEGIN PGP X-----\n\n{}!{}\n-----END PGP X-----\n", "A".repeat(30), "A".repeat(33));
        assert!(bytes(bad.into()).is_err());
    }

    #[test]
    fn a_signed_text_is_what_stands_between_with_its_hyphens_and_without_blanks_at_the_ends() {
        let file = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\na  \n- -b\n\n-----BEGIN PGP SIGNATURE-----\n\n\
                    wsDc\n=abcd\n-----END PGP SIGNATURE-----\n";
        let Clear { text, signatures } = clear(file.as_bytes()).unwrap();
        assert_eq!((text.as_slice(), signatures.as_slice()), (&b"a\r\n-b\r\n"[..], &[0xc2, 0xc0, 0xdc][..]));
        for bad in [
            file.replace("\n=abcd\n-----END PGP SIGNATURE-----", ""),
            file.replace("Hash: SHA256", "Evil: text"),
            format!("{file}more"),
            format!("first\n{file}"),
            file.replace("wsDc", "ws!c"),
            file.replace("-----BEGIN PGP SIGNATURE-----\n\n", "-----BEGIN PGP SIGNATURE-----\n"),
        ] {
            assert!(clear(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
