//! What the process does about signals.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A broken pipe is an error to be handled, and no signal. No other thread may run yet. Children get the default back.
#[allow(unsafe_code)]
pub fn ignore_broken_pipes() {
    // SAFETY: no handler of ours is replaced, and none is set.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// From now on Ctrl-C, a hang-up and a request to end are noted and no more: what is under way comes to its end, and what it left is
/// told. Children get the default back, since a handler is not inherited.
#[allow(unsafe_code)]
pub fn outlive_interruption() {
    extern "C" fn note(_: libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    let handler = note as extern "C" fn(libc::c_int) as libc::sighandler_t;
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler stores into an atomic and does nothing else, which is allowed at any moment.
        unsafe { libc::signal(signal, handler) };
    }
}

/// Whether one has come since.
pub fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
