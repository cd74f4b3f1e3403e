//! A reader that is read by a thread of its own, a few pieces ahead of whoever wants the content.

use std::io::{Error, ErrorKind, Read, Result};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

/// Pieces stay in the cache that both processors share from when one writes them to when the other has read them. A decoder that
/// meets damage gives nothing of the piece it is in.
const PIECE_BYTES: usize = 32 << 10;
const PIECES_AHEAD: usize = 16;

/// Gives what the reader it was made of gives: the same bytes, and behind them the same error or the end.
pub struct ReadAhead {
    /// An empty one is the end: that nothing comes any more may also mean that the thread has died.
    pieces: Receiver<Result<Vec<u8>>>,
    ended: bool,
    /// What has been read, to be filled again.
    empty: Sender<Vec<u8>>,
    /// What is left of the piece at hand: all from `start` on.
    piece: Vec<u8>,
    start: usize,
}

impl ReadAhead {
    pub fn new(mut input: impl Read + Send + 'static) -> ReadAhead {
        let (sender, pieces) = sync_channel(PIECES_AHEAD);
        let (empty, used) = channel::<Vec<u8>>();
        std::thread::spawn(move || {
            loop {
                let mut piece = used.try_recv().unwrap_or_default();
                piece.resize(PIECE_BYTES, 0);
                let (filled, end) = fill(&mut input, &mut piece);
                piece.truncate(filled);
                // Where nobody wants any more, this ends too.
                let wanted = filled == 0 || sender.send(Ok(piece)).is_ok();
                match end {
                    Some(end) => return drop(sender.send(end.map(|()| Vec::new()))),
                    None if !wanted => return,
                    None => {}
                }
            }
        });
        ReadAhead { pieces, ended: false, empty, piece: Vec::new(), start: 0 }
    }
}

/// Fills as much as there is; what stopped it, if anything did.
fn fill(input: &mut impl Read, piece: &mut [u8]) -> (usize, Option<Result<()>>) {
    let mut filled = 0;
    while filled < piece.len() {
        match input.read(&mut piece[filled..]) {
            Ok(0) => return (filled, Some(Ok(()))),
            Ok(got) => filled += got,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(Err(error))),
        }
    }
    (filled, None)
}

impl Read for ReadAhead {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.start == self.piece.len() && !self.ended {
            let died = || Error::other("the thread that reads ahead has died");
            let read = std::mem::replace(&mut self.piece, self.pieces.recv().map_err(|_| died())??);
            (self.start, self.ended) = (0, self.piece.is_empty());
            // Where the thread has ended there is nothing to fill.
            drop(self.empty.send(read));
        }
        let rest = &self.piece[self.start..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.start += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some bytes, a few at a time, then an error.
    struct Failing(usize);

    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> Result<usize> {
            match self.0 {
                0 => Err(Error::other("worn out")),
                left => {
                    let count = left.min(out.len()).min(1000);
                    out[..count].fill(7);
                    self.0 -= count;
                    Ok(count)
                }
            }
        }
    }

    #[test]
    fn all_comes_in_order_to_the_end() {
        let whole: Vec<u8> = (0..PIECE_BYTES * 20 + 17).map(|n| (n % 251) as u8).collect();
        let mut read = Vec::new();
        ReadAhead::new(std::io::Cursor::new(whole.clone())).read_to_end(&mut read).unwrap();
        assert!(read == whole);
    }

    #[test]
    fn an_error_comes_behind_all_that_came_before_it() {
        for bytes in [0, 1, PIECE_BYTES, PIECE_BYTES * 3 + 5] {
            let (mut read, mut input) = (Vec::new(), ReadAhead::new(Failing(bytes)));
            assert_eq!(input.read_to_end(&mut read).unwrap_err().to_string(), "worn out");
            assert_eq!(read.len(), bytes);
        }
    }

    #[test]
    fn a_reader_that_dies_is_an_error_and_no_end() {
        struct Dying;
        impl Read for Dying {
            fn read(&mut self, _: &mut [u8]) -> Result<usize> {
                std::panic::resume_unwind(Box::new("dead"))
            }
        }
        let error = ReadAhead::new(Dying).read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("died"), "{error}");
    }

    #[test]
    fn who_stops_reading_leaves_no_thread_behind() {
        struct Endless {
            _alive: std::sync::Arc<()>,
        }
        impl Read for Endless {
            fn read(&mut self, out: &mut [u8]) -> Result<usize> {
                Ok(out.len())
            }
        }
        let alive = std::sync::Arc::new(());
        let mut input = ReadAhead::new(Endless { _alive: alive.clone() });
        input.read_exact(&mut [0; 10]).unwrap();
        drop(input);
        while std::sync::Arc::strong_count(&alive) > 1 {
            std::thread::yield_now();
        }
    }
}
