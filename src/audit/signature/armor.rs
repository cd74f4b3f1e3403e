//! ASCII armour (RFC 9580, 6): the bytes in it, and the text of what is signed in the clear.

use anyhow::{Context, Result, bail, ensure};

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN: &str = "-----BEGIN PGP ";

/// In the place of a value, and no part of one: all bits are set.
const NONE: u8 = 255;

/// What each character of base64 stands for.
const VALUES: [u8; 256] = {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < digits.len() {
        values[digits[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// The bytes as they are, or what the armour in them holds, of several blocks all behind each other.
pub fn bytes(content: Vec<u8>) -> Result<Vec<u8>> {
    // Each packet's first byte has its highest bit set, which no text does.
    if content.first().is_none_or(|first| *first >= 0x80) {
        return Ok(content);
    }
    let text = std::str::from_utf8(&content).context("neither OpenPGP packets nor text")?;
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for block in text.split(BEGIN).skip(1) {
        unpack(block, &mut out)?;
    }
    ensure!(!out.is_empty(), "there is nothing of OpenPGP in it");
    Ok(out)
}

/// One block behind its `BEGIN`: headers, an empty line, and base64 up to a checksum or the end.
fn unpack(block: &str, out: &mut Vec<u8>) -> Result<()> {
    let mut lines = block.lines().skip(1);
    let _headers = lines.by_ref().find(|line| line.trim().is_empty()).context("armour without an empty line")?;
    let (mut bits, mut count) = (0u32, 0);
    for line in lines {
        if line.starts_with('=') {
            continue;
        }
        if line.starts_with("-----END ") {
            return Ok(());
        }
        let mut rest = line.trim_end().as_bytes();
        // Four characters are three bytes, and lines are of whole fours: a ring has more than a million.
        while let Some((four, behind)) = rest.split_first_chunk::<4>().filter(|_| count == 0) {
            let [a, b, c, d] = four.map(|byte| VALUES[usize::from(byte)]);
            if a | b | c | d == NONE {
                break;
            }
            out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
            rest = behind;
        }
        for byte in rest {
            let value = match VALUES[usize::from(*byte)] {
                NONE if *byte == b'=' => continue,
                NONE => bail!("armour with a character that is none of base64"),
                value => value,
            };
            bits = bits << 6 | u32::from(value);
            count += 6;
            if count >= 8 {
                count -= 8;
                out.push((bits >> count) as u8);
            }
        }
    }
    bail!("armour that does not end")
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
    let mut signatures = Vec::new();
    unpack(&format!("{armoured}\n-----END "), &mut signatures)?;
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
