//! Whole files, unpacked by what they hold and not by what they are called. Bounded, since they come from elsewhere.

use super::xz;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// No database of a distribution comes near this; a decompression bomb does.
const MAX_UNPACKED_BYTES: u64 = 2 << 30;

/// The content of `path`, decompressed if it is gzip, zstd, xz, bzip2 or lz4. A file that ends early is an error.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let size = file.metadata().with_context(|| format!("cannot stat {}", path.display()))?.len();
    unpack(BufReader::with_capacity(1 << 16, file), size).with_context(|| format!("cannot read {}", path.display()))
}

/// The same for bytes that are not (only) a file. `packed_bytes` is a hint for the first allocation.
pub fn unpack(mut packed: impl Read, packed_bytes: u64) -> Result<Vec<u8>> {
    let mut magic = [0; 6];
    let got = read_up_to(&mut packed, &mut magic)?;
    let input = (&magic[..got]).chain(packed);
    let kind = Kind::of(&magic[..got]);
    let expected = if kind == Kind::Plain { packed_bytes + 1 } else { packed_bytes.saturating_mul(4) };
    let mut reader: Box<dyn Read> = match kind {
        Kind::Plain => Box::new(input),
        Kind::Gzip => Box::new(flate2::read::MultiGzDecoder::new(input)),
        Kind::Zstd => Box::new(zstd::Decoder::new(input)?),
        Kind::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(input)),
        Kind::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(input)),
        Kind::Lz4 => return lz4(input, expected),
    };
    let mut out = Vec::with_capacity(expected.min(64 << 20) as usize);
    (&mut reader)
        .take(MAX_UNPACKED_BYTES + 1)
        .read_to_end(&mut out)
        .with_context(|| format!("damaged {} data", kind.name()))?;
    if out.len() as u64 > MAX_UNPACKED_BYTES {
        bail!("larger than {MAX_UNPACKED_BYTES} bytes when unpacked");
    }
    Ok(out)
}

/// Decompresses on the way, whatever it is but lz4. The end of what is packed is the end of this, too. What xz needs much memory for
/// lies in `folder`, where there is one.
pub fn decoder(mut packed: impl Read + Send + 'static, folder: Option<&Path>) -> Result<Box<dyn Read + Send>> {
    let mut magic = [0; 6];
    let got = read_up_to(&mut packed, &mut magic)?;
    let input = std::io::Cursor::new(magic[..got].to_vec()).chain(packed);
    Ok(match Kind::of(&magic[..got]) {
        Kind::Plain => Box::new(input),
        Kind::Gzip => Box::new(flate2::read::MultiGzDecoder::new(input)),
        Kind::Zstd => Box::new(zstd::Decoder::new(input)?),
        Kind::Xz => match folder {
            Some(folder) => Box::new(xz::Decoder::new(input, folder)?),
            None => Box::new(liblzma::read::XzDecoder::new_multi_decoder(input)),
        },
        Kind::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(input)),
        Kind::Lz4 => bail!("lz4 is not unpacked on the way"),
    })
}

/// lz4's own decoder takes a file that stops between two blocks for a whole one, so the blocks are walked first. The
/// walk needs the packed bytes at hand, which also spares the decoder a copy.
fn lz4(mut packed: impl Read, expected_bytes: u64) -> Result<Vec<u8>> {
    let mut frames = Vec::with_capacity((expected_bytes / 4).min(64 << 20) as usize);
    (&mut packed).take(MAX_UNPACKED_BYTES + 1).read_to_end(&mut frames).context("damaged lz4 data")?;
    let mut at = 0;
    let mut out = Vec::with_capacity(expected_bytes.min(64 << 20) as usize);
    while at < frames.len() {
        let end = at + lz4_frame_bytes(&frames[at..])?;
        lz4_flex::frame::FrameDecoder::new(&frames[at..end])
            .take(MAX_UNPACKED_BYTES + 1 - out.len() as u64)
            .read_to_end(&mut out)
            .context("damaged lz4 data")?;
        if out.len() as u64 > MAX_UNPACKED_BYTES {
            bail!("larger than {MAX_UNPACKED_BYTES} bytes when unpacked");
        }
        at = end;
    }
    Ok(out)
}

/// Length of the lz4 frame that begins here, by its block sizes; an error where the end mark is not reached.
fn lz4_frame_bytes(bytes: &[u8]) -> Result<usize> {
    let whole = || -> Option<usize> {
        let word = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let flags = *bytes.get(4)?;
        let (block_sums, content_size, content_sum, dictionary) =
            (flags & 0x10 != 0, flags & 0x08 != 0, flags & 0x04 != 0, flags & 0x01 != 0);
        let mut at = 7 + if content_size { 8 } else { 0 } + if dictionary { 4 } else { 0 };
        loop {
            let size = word(at)?;
            at += 4;
            if size == 0 {
                break;
            }
            // The highest bit marks a block that is stored as it is.
            at += (size & 0x7fff_ffff) as usize + if block_sums { 4 } else { 0 };
        }
        at += if content_sum { 4 } else { 0 };
        (at <= bytes.len()).then_some(at)
    };
    if bytes.get(..4) != Some(&[0x04, 0x22, 0x4d, 0x18]) {
        bail!("damaged lz4 data: no frame where one should begin");
    }
    whole().context("damaged lz4 data: it ends before its end mark")
}

fn read_up_to(from: &mut impl Read, into: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match from.read(&mut into[got..])? {
            0 => break,
            n => got += n,
        }
    }
    Ok(got)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Lz4,
}

impl Kind {
    fn of(magic: &[u8]) -> Kind {
        match magic {
            [0x1f, 0x8b, ..] => Kind::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Kind::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Kind::Bzip2,
            [0x04, 0x22, 0x4d, 0x18, ..] => Kind::Lz4,
            _ => Kind::Plain,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Plain => "plain",
            Kind::Gzip => "gzip",
            Kind::Zstd => "zstd",
            Kind::Xz => "xz",
            Kind::Bzip2 => "bzip2",
            Kind::Lz4 => "lz4",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed() -> Vec<(&'static str, Vec<u8>)> {
        let text = b"Package: a\n".repeat(1000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&text).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&text).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&text).unwrap();
        vec![
            ("gzip", gzip.finish().unwrap()),
            ("zstd", zstd::encode_all(&text[..], 1).unwrap()),
            ("xz", xz.finish().unwrap()),
            ("bzip2", bzip2.finish().unwrap()),
            ("lz4", lz4.finish().unwrap()),
            ("plain", text),
        ]
    }

    #[test]
    fn every_compression_is_recognised_by_content() {
        for (name, bytes) in packed() {
            assert_eq!(unpack(&bytes[..], 0).unwrap(), b"Package: a\n".repeat(1000), "{name}");
        }
    }

    #[test]
    fn a_truncated_file_is_an_error_not_a_short_answer() {
        for (name, bytes) in packed().into_iter().filter(|(name, _)| *name != "plain") {
            for cut in [bytes.len() / 2, bytes.len() - 4, bytes.len() - 1] {
                assert!(unpack(&bytes[..cut], 0).is_err(), "{name} cut at {cut}");
            }
        }
    }

    #[test]
    fn an_empty_file_is_plain_and_empty() {
        assert!(unpack(&b""[..], 0).unwrap().is_empty());
    }
}
