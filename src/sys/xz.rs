//! xz that is decompressed on the way, with little memory of its own.
//!
//! What xz refers back to, its window, is as large as who packed it wanted: 64 MiB for `xz -9`, which is what runtimes are packed with. A
//! large one lies in a file without a name, mapped: its pages are the kernel's to write out and take back, so that it fits on a machine
//! with less memory than that. A full disk is no danger to who writes in a mapping, since all of the file is reserved beforehand;
//! where that cannot be, the window is ordinary memory.

#![allow(
    unsafe_code,
    reason = "liblzma takes a window that is not its own only from an allocator, which no safe crate hands on"
)]

use liblzma_sys as lzma;
use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
use std::ffi::c_void;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::{Path, PathBuf};
use std::ptr;

/// A smaller one is not worth a file.
const LARGE_BYTES: usize = 16 << 20;
/// A disk with less is left to what is unpacked.
const MIN_FREE_BYTES: u64 = 1 << 30;
/// Eight times what the strongest level of xz takes.
const MAX_MEMORY_BYTES: u64 = 512 << 20;
/// Of what comes out, until the window's pages are given back; some are asked for again.
const KEPT_BYTES: usize = 1 << 20;
const BUFFER_BYTES: usize = 64 << 10;

/// Gives what its input is when it is decompressed: one stream of xz or several, one behind the other.
pub struct Decoder<R> {
    input: R,
    buffer: Vec<u8>,
    is_last: bool,
    ended: bool,
    /// Since the window's pages were given back.
    out_bytes: usize,
    /// The library keeps the addresses of these three.
    stream: Box<lzma::lzma_stream>,
    window: Box<Window>,
    _allocator: Box<lzma::lzma_allocator>,
}

// SAFETY: what the library keeps is all its own, and it does not ask by which thread it is called.
unsafe impl<R: Send> Send for Decoder<R> {}

impl<R: Read> Decoder<R> {
    /// A large window lies in `folder`.
    pub fn new(input: R, folder: &Path) -> Result<Decoder<R>> {
        let mut window = Box::new(Window { folder: folder.to_owned(), mapping: None });
        let opaque = (&raw mut *window).cast();
        let allocator = Box::new(lzma::lzma_allocator { alloc: Some(allocate), free: Some(release), opaque });
        // SAFETY: all zeros is what the library's header wants of a new stream (LZMA_STREAM_INIT).
        let mut stream: Box<lzma::lzma_stream> = Box::new(unsafe { std::mem::zeroed() });
        stream.allocator = &raw const *allocator;
        // SAFETY: the stream is new, and its allocator and what that works on live as long as it.
        let code = unsafe { lzma::lzma_stream_decoder(&raw mut *stream, MAX_MEMORY_BYTES, lzma::LZMA_CONCATENATED) };
        checked(code)?;
        let buffer = vec![0; BUFFER_BYTES];
        Ok(Decoder { input, buffer, is_last: false, ended: false, out_bytes: 0, stream, window, _allocator: allocator })
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        while !self.ended && !out.is_empty() {
            let stream = &mut *self.stream;
            if stream.avail_in == 0 && !self.is_last {
                stream.avail_in = self.input.read(&mut self.buffer)?;
                stream.next_in = self.buffer.as_ptr();
                self.is_last = stream.avail_in == 0;
            }
            (stream.next_out, stream.avail_out) = (out.as_mut_ptr(), out.len());
            let action = if self.is_last { lzma::LZMA_FINISH } else { lzma::LZMA_RUN };
            // SAFETY: both buffers live, are as long as it is told, and are borrowed by nobody else.
            let code = unsafe { lzma::lzma_code(stream, action) };
            let got = out.len() - stream.avail_out;
            self.ended = code == lzma::LZMA_STREAM_END;
            self.out_bytes += got;
            if self.out_bytes >= KEPT_BYTES {
                self.window.give_back();
                self.out_bytes = 0;
            }
            if got > 0 {
                return Ok(got);
            }
            if !self.ended {
                checked(code)?;
            }
        }
        Ok(0)
    }
}

impl<R> Drop for Decoder<R> {
    fn drop(&mut self) {
        // SAFETY: the stream is one that was begun, and nobody uses it any more.
        unsafe { lzma::lzma_end(&raw mut *self.stream) }
    }
}

fn checked(code: lzma::lzma_ret) -> Result<()> {
    Err(match code {
        lzma::LZMA_OK => return Ok(()),
        lzma::LZMA_BUF_ERROR => Error::new(ErrorKind::UnexpectedEof, "the xz data end too early"),
        lzma::LZMA_MEM_ERROR => ErrorKind::OutOfMemory.into(),
        lzma::LZMA_MEMLIMIT_ERROR => Error::new(ErrorKind::InvalidData, "the xz data want more than 512 MiB of memory"),
        lzma::LZMA_FORMAT_ERROR => Error::new(ErrorKind::InvalidData, "these are no xz data"),
        lzma::LZMA_OPTIONS_ERROR => Error::new(ErrorKind::Unsupported, "the xz data are of a kind that is not known"),
        _ => Error::new(ErrorKind::InvalidData, "the xz data are damaged"),
    })
}

/// Where the large part of the library's memory is.
struct Window {
    folder: PathBuf,
    /// Its address, and its length in bytes.
    mapping: Option<(*mut c_void, usize)>,
}

impl Window {
    fn map(&mut self, bytes: usize) -> Result<*mut c_void> {
        let file = tempfile::tempfile_in(&self.folder)?;
        let disk = fstatvfs(&file)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < MIN_FREE_BYTES.saturating_add(bytes as u64) {
            return Err(ErrorKind::StorageFull.into());
        }
        fallocate(&file, FallocateFlags::empty(), 0, bytes as u64)?;
        let both = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice. The file has no name: nobody can cut it.
        let at = unsafe { mmap(ptr::null_mut(), bytes, both, MapFlags::SHARED, &file, 0)? };
        self.mapping = Some((at, bytes));
        Ok(at)
    }

    fn give_back(&self) {
        if let Some((at, bytes)) = self.mapping {
            // SAFETY: of a shared mapping this takes away no content. That it fails costs memory alone.
            let _ = unsafe { madvise(at, bytes, Advice::LinuxDontNeed) };
        }
    }
}

/// # Safety
/// `window` is the one of the stream that this is called for.
unsafe extern "C" fn allocate(window: *mut c_void, count: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise; the library calls this from nowhere but within a call of ours, which does not use the window.
    let window = unsafe { &mut *window.cast::<Window>() };
    let Some(bytes) = count.checked_mul(size) else { return ptr::null_mut() };
    if bytes >= LARGE_BYTES
        && window.mapping.is_none()
        && let Ok(at) = window.map(bytes)
    {
        return at;
    }
    // SAFETY: any size may be asked for.
    unsafe { libc::malloc(bytes.max(1)) }
}

/// # Safety
/// The same, and `at` is what the function above gave, or nothing.
unsafe extern "C" fn release(window: *mut c_void, at: *mut c_void) {
    // SAFETY: as above.
    let window = unsafe { &mut *window.cast::<Window>() };
    match window.mapping {
        Some((mapped, bytes)) if mapped == at => {
            window.mapping = None;
            // SAFETY: it is this mapping, and the library has done with it.
            let _ = unsafe { munmap(at, bytes) };
        }
        // SAFETY: what is not the mapping came from there.
        _ => unsafe { libc::free(at) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
    use liblzma::write::XzEncoder;
    use std::io::Write;

    /// Packed with a window of that many bytes.
    fn packed(content: &[u8], window_bytes: u32) -> Vec<u8> {
        let mut options = LzmaOptions::new_preset(0).unwrap();
        options.dict_size(window_bytes);
        let stream = Stream::new_stream_encoder(Filters::new().lzma2(&options), Check::Crc64).unwrap();
        let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 88172645463325252_u64;
        let word = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        std::iter::repeat_with(word).flatten().take(bytes).collect()
    }

    /// How much of the mapping at an address is counted as this process's own.
    fn resident_kib(at: *mut c_void) -> u64 {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = maps.lines().skip_while(|line| !line.starts_with(&format!("{:x}-", at as usize)));
        let resident = lines.find(|line| line.starts_with("Rss:")).unwrap();
        resident.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn what_lies_far_back_comes_from_a_window_in_a_file_as_from_one_in_memory() {
        let block = noise(3 << 20);
        // The last block is the first one again, 36 MiB behind it; the window is written over once and a half.
        let content = [block.as_slice(), &vec![7; 33 << 20], &block, &vec![8; 60 << 20], &block].concat();
        let packed = packed(&content, 64 << 20);
        assert!(packed.len() < 2 * block.len(), "the encoder has not looked so far back: {}", packed.len());
        let folder = tempfile::tempdir().unwrap();
        for (place, is_mapped) in [(folder.path(), true), (&folder.path().join("nowhere"), false)] {
            let mut decoder = Decoder::new(&packed[..], place).unwrap();
            for piece in content.chunks(1 << 20) {
                let mut out = vec![0; piece.len()];
                decoder.read_exact(&mut out).unwrap();
                assert!(out == piece);
                let window = decoder.window.mapping;
                assert_eq!(window.is_some(), is_mapped);
                assert!(window.is_none_or(|(at, _)| resident_kib(at) < 16 << 10), "pages are not given back");
            }
            assert_eq!(decoder.read(&mut [0]).unwrap(), 0);
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_window_beyond_all_measure_is_refused() {
        let packed = packed(b"small", 1 << 30);
        let mut decoder = Decoder::new(&packed[..], Path::new("/nowhere")).unwrap();
        assert!(decoder.read(&mut [0]).unwrap_err().to_string().contains("512 MiB"));
    }

    #[test]
    fn several_streams_are_one_and_what_is_cut_or_damaged_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let content = noise(100_000);
        let one = packed(&content, 1 << 20);
        let read = |bytes: &[u8]| {
            let mut out = Vec::new();
            Decoder::new(bytes, folder.path()).unwrap().read_to_end(&mut out).map(|_| out)
        };
        assert!(read(&[&one[..], &one].concat()).unwrap() == [&content[..], &content].concat());
        for cut in [0, 1, 11, one.len() / 2, one.len() - 1] {
            assert_eq!(read(&one[..cut]).unwrap_err().kind(), ErrorKind::UnexpectedEof, "{cut}");
        }
        for at in [0, 8, one.len() / 2, one.len() - 1] {
            let mut bad = one.clone();
            bad[at] ^= 0x40;
            let kind = read(&bad).unwrap_err().kind();
            assert!([ErrorKind::InvalidData, ErrorKind::Unsupported].contains(&kind), "{at}: {kind}");
        }
    }
}
