//! What the process does before and after its work, in place of the standard library's own start.
//!
//! The library's start reads `/proc/self/maps` to find out where the stack ends, so that an overflow can be named. That is an
//! eighth of all the time an empty program takes, at every prompt and every completion. What else it does is done here: a
//! descriptor that was closed is opened on `/dev/null`, so that no file of ours becomes standard output by chance, and a broken
//! pipe is an error to be handled and no signal. An overflow still ends the process, by its signal and without a sentence.

use super::signals::ignore_broken_pipes;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::stdio;
use std::fs::OpenOptions;
use std::os::fd::IntoRawFd;
use std::panic::catch_unwind;

/// What a program ends with that fell over its own fault; the standard library's number.
const PANICKED: u8 = 101;

/// Runs `work` as the whole process; it gives the exit code.
pub fn run(work: fn() -> u8) -> ! {
    hold_standard_descriptors();
    ignore_broken_pipes();
    let code = catch_unwind(work).unwrap_or(PANICKED);
    std::process::exit(code.into())
}

fn hold_standard_descriptors() {
    let (input, output, errors) = (stdio::stdin(), stdio::stdout(), stdio::stderr());
    let wanted = PollFlags::empty();
    let mut standard = [PollFd::new(&input, wanted), PollFd::new(&output, wanted), PollFd::new(&errors, wanted)];
    if poll(&mut standard, Some(&rustix::time::Timespec::default())).is_err() {
        return;
    }
    // The lowest free number is the one that is given out, and they come in order.
    for _ in standard.iter().filter(|one| one.revents().contains(PollFlags::NVAL)) {
        match OpenOptions::new().read(true).write(true).open("/dev/null") {
            Ok(file) => _ = file.into_raw_fd(),
            // To go on would be to print into whatever is opened next.
            Err(_) => std::process::abort(),
        }
    }
}
