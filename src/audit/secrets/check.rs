//! What a text of a credential's shape has to stand up to, so that look-alikes are told from secrets.
//!
//! A checksum that does not fit says that nobody ever issued this token. Nobody is asked whether a secret still works: that would
//! be using it.

use super::entropy::{entropy, is_random, is_spread, is_wordy};
use super::placeholder::is_placeholder;
use super::rules::Check;
use serde::Serialize;
use serde_json::Value;

/// How sure it is that a finding is a secret; more is later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sure {
    /// Its name says so, and its value could be one.
    Named,
    /// It has the shape that its publisher gives it.
    Shaped,
    /// Its checksum fits, or it decodes to what it has to be.
    Proven,
}

/// How widely the characters have to be spread where the shape says already what it is.
const SHAPED: f64 = 0.5;

/// What a text is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Shape,
    /// A name beside it, and it is a text in quotes.
    Name,
    /// A name beside it, and it is a word: a text in a configuration, and in a program a name of something else.
    NameOfWord,
}

/// How sure it is that `secret` is one; `None` where it is none.
pub fn check(check: Check, secret: &[u8], by: By) -> Option<Sure> {
    let named = by != By::Shape;
    let shape = if named { Sure::Named } else { Sure::Shaped };
    let (is_secret, sure) = match check {
        // What a checksum vouches for is no example, however it looks.
        Check::Crc62 => (crc62(secret), Sure::Proven),
        Check::Crc36 => (crc36(secret), Sure::Proven),
        Check::Bech32 => (bech32(secret), Sure::Proven),
        Check::PrivateKey => (private_key(secret), Sure::Proven),
        Check::Jwt => (jwt(secret) && !is_placeholder(secret), Sure::Proven),
        Check::DiscordBot => (discord_bot(secret), Sure::Proven),
        Check::BasicAuth => (basic_auth(secret), Sure::Shaped),
        Check::AwsKeyId => (aws_key_id(secret) && !is_placeholder(secret), Sure::Shaped),
        Check::Random if named => (is_random(secret) && !is_placeholder(secret), shape),
        Check::Random => (is_spread(secret, SHAPED) && !is_placeholder(secret), shape),
        Check::Password => (is_password(secret) && !(by == By::NameOfWord && is_name(secret)), Sure::Named),
    };
    is_secret.then_some(sure)
}

/// The checksum that zip files have.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Digits first, then capitals, then small letters; filled up with zeros in front.
pub fn base62(mut number: u32, length: usize) -> Vec<u8> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = vec![b'0'; length];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text
}

fn crc62(token: &[u8]) -> bool {
    let Some((_, body)) = split_once(token, b'_') else { return false };
    body.split_last_chunk::<6>().is_some_and(|(random, sum)| base62(crc32(random), 6) == sum)
}

fn crc36(token: &[u8]) -> bool {
    let Some((before, sum)) = token.split_last_chunk::<7>() else { return false };
    let sum = str::from_utf8(sum).ok().and_then(|sum| u32::from_str_radix(sum, 36).ok());
    sum == Some(crc32(before))
}

/// BIP 173's, whose text may be in capitals as a whole.
fn bech32(text: &[u8]) -> bool {
    const DIGITS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let text = text.to_ascii_lowercase();
    let Some(end) = text.iter().rposition(|byte| *byte == b'1') else { return false };
    let (front, data) = (&text[..end], &text[end + 1..]);
    let spread = front.iter().map(|byte| byte >> 5).chain([0]).chain(front.iter().map(|byte| byte & 31));
    let digits: Option<Vec<u8>> =
        data.iter().map(|byte| DIGITS.iter().position(|digit| digit == byte)?.try_into().ok()).collect();
    let Some(digits) = digits else { return false };
    let sum = spread.chain(digits).fold(1u32, |sum, digit| {
        const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let top = sum >> 25;
        let sum = (sum & 0x01ff_ffff) << 5 ^ u32::from(digit);
        GENERATOR.iter().enumerate().fold(sum, |sum, (bit, part)| if top >> bit & 1 == 1 { sum ^ part } else { sum })
    });
    sum == 1
}

/// Behind the prefix are forty bits of an account's number, shifted by one; in ids from before that, an I or J.
fn aws_key_id(id: &[u8]) -> bool {
    let Some(body) = id.get(4..) else { return false };
    let digit = |byte: &u8| match byte {
        b'A'..=b'Z' => u64::from(byte - b'A'),
        _ => u64::from(byte.wrapping_sub(b'2')) + 26,
    };
    let bits = body.iter().take(10).fold(0, |bits, byte| bits << 5 | digit(byte) & 31) >> 2;
    let account = (bits & 0x7fff_ffff_ff80) >> 7;
    (body.starts_with(b"I") || body.starts_with(b"J") || account < 1_000_000_000_000) && is_spread(body, SHAPED)
}

/// Header and claims are JSON; what Supabase makes to be public is none that has to be kept.
fn jwt(token: &[u8]) -> bool {
    let mut parts = token.split(|byte| *byte == b'.').map(decoded);
    let mut json = || serde_json::from_slice::<Value>(&parts.next()??).ok();
    let (Some(header), Some(claims)) = (json(), json()) else { return false };
    header.get("alg").is_some() && claims.is_object() && claims.get("role").is_none_or(|role| role != "anon")
}

/// A whole key: as long as its own first bytes say, or of the kinds that begin with a name.
fn private_key(armor: &[u8]) -> bool {
    let body = body(armor);
    let Some(key) = decoded(&body) else { return false };
    if key.starts_with(b"openssh-key-v1\0") {
        return key.len() > 100;
    }
    let is_pgp = armor.windows(9).take(40).any(|part| part == b"KEY BLOCK");
    if is_pgp {
        // A secret key packet, in the old form of its head or the new.
        return key.len() > 40 && matches!(key[0], 0x94..=0x97 | 0xc5);
    }
    let is_encrypted = armor.windows(14).take(120).any(|part| part == b"Proc-Type: 4,E");
    is_encrypted && key.len() >= 40 && is_spread(&body, SHAPED) || der_length(&key) == Some(key.len())
}

/// What a DER sequence's own head says that it takes.
fn der_length(der: &[u8]) -> Option<usize> {
    match *der {
        [0x30, length @ ..=0x7f, ..] => Some(usize::from(length) + 2),
        [0x30, 0x81, length, ..] => Some(usize::from(length) + 3),
        [0x30, 0x82, high, low, ..] => Some(usize::from(high) << 8 | usize::from(low)).map(|length| length + 4),
        _ => None,
    }
}

/// The base 64 between the armor's lines. In a program's text its ends of lines may be `\n`, its lines quoted and joined.
fn body(armor: &[u8]) -> Vec<u8> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let ends = armor.windows(5).enumerate().filter(|(_, part)| *part == b"-----").map(|(at, _)| at);
    let Some(start) = ends.clone().nth(1).or_else(|| ends.clone().next()) else { return Vec::new() };
    let text = &armor[start + 5..];
    let text = &text[..text.windows(5).position(|part| part == b"-----").unwrap_or(text.len())];
    let mut body = Vec::with_capacity(text.len());
    for line in text.split(|byte| *byte == b'\n') {
        // `Proc-Type: 4,ENCRYPTED` and the like, and PGP's own checksum.
        if line.contains(&b':') || line.starts_with(b"=") {
            continue;
        }
        let mut rest = line;
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'\\' => rest = after.get(1..).unwrap_or_default(),
                byte if is_base64(byte) => body.push(*byte),
                _ => {}
            }
        }
    }
    body
}

/// The id of the bot's account.
fn discord_bot(token: &[u8]) -> bool {
    let id = token.split(|byte| *byte == b'.').next().and_then(decoded);
    id.is_some_and(|id| (17..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit))
}

fn basic_auth(text: &[u8]) -> bool {
    let Some(plain) = decoded(text) else { return false };
    let Some((name, password)) = split_once(&plain, b':') else { return false };
    let is_text = |part: &[u8]| !part.is_empty() && part.iter().all(|byte| (b' '..=b'~').contains(byte));
    is_text(name) && is_text(password) && !is_placeholder(name) && is_password(password)
}

/// Of at least two kinds of characters, and no word that stands for one.
fn is_password(text: &[u8]) -> bool {
    let any = |test: fn(&u8) -> bool| text.iter().any(test);
    let kinds = [
        any(u8::is_ascii_lowercase),
        any(u8::is_ascii_uppercase),
        any(u8::is_ascii_digit),
        any(|byte| !byte.is_ascii_alphanumeric()),
    ];
    let enough =
        kinds.into_iter().filter(|kind| *kind).count() >= 2 && any(u8::is_ascii_digit) && (kinds[0] || kinds[1]);
    // A URL, or a path as in `PWD=/home/someone`.
    let is_address = memchr::memmem::find(text, b"://").is_some()
        || matches!(text, [b'/' | b'~' | b'.', rest @ ..] if rest.contains(&b'/'));
    !is_address && text.len() >= 6 && enough && entropy(text) >= 2.3 && !is_placeholder(text)
}

/// A name in a program: of letters, digits and what joins names.
fn is_name(text: &[u8]) -> bool {
    let is_joined = text.windows(2).any(|pair| pair == b"::" || pair == b"->");
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'$' | b'-');
    is_joined || text.first() == Some(&b'$') || text.iter().all(of_name) && is_wordy(text)
}

/// Base 64 of either alphabet, with or without `=`.
pub fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let text = &text[..text.iter().rposition(|byte| *byte != b'=')? + 1];
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    (text.len() % 4 != 1).then_some(bytes)
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == at)?;
    Some((&text[..at], &text[at + 1..]))
}
