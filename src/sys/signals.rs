//! What the process does about signals.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Who is told of it too; 0 for nobody.
static TOLD: AtomicU32 = AtomicU32::new(0);

/// A broken pipe is an error to be handled, and no signal. No other thread may run yet. Children get the default back.
#[allow(unsafe_code)]
pub fn ignore_broken_pipes() {
    // SAFETY: no handler of ours is replaced, and none is set.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// From now on Ctrl-C, a hang-up and a request to end are noted, and passed on where that was asked for: what is under way comes to
/// its end, and what it left is told. Children get the default back, since a handler is not inherited.
#[allow(unsafe_code)]
pub fn outlive_interruption() {
    extern "C" fn note(signal: libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
        let child = TOLD.load(Ordering::Relaxed) as libc::pid_t;
        // SAFETY: both calls may be made in a handler. Where the child is another user's, as sudo is, this process ends as it would
        // without a handler: the child sees that nobody listens any more.
        unsafe {
            if child > 0 && libc::kill(child, signal) != 0 && signal != libc::SIGINT && errno() == libc::EPERM {
                libc::signal(signal, libc::SIG_DFL);
                libc::raise(signal);
            }
        }
    }
    let handler = note as extern "C" fn(libc::c_int) as libc::sighandler_t;
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler does only what one may do at any moment.
        unsafe { libc::signal(signal, handler) };
    }
}

#[allow(unsafe_code)]
fn errno() -> libc::c_int {
    // SAFETY: the address is this thread's own, and always valid.
    unsafe { *libc::__errno_location() }
}

/// Starts this command where no signal of the terminal reaches it, and where it can ask nothing there.
#[allow(unsafe_code)]
pub fn away_from_the_terminal(command: &mut Command) {
    let leave = || {
        // A new child is nobody's leader, so that this cannot fail; and if it did, nothing would be worse than without.
        let _ = rustix::process::setsid();
        Ok(())
    };
    // SAFETY: between fork and exec this makes one call of the kernel, and takes no memory and no lock.
    unsafe { command.pre_exec(leave) };
}

/// The process that is to hear of a signal which only this one gets, as by `kill`; from the keyboard it comes to all of them.
pub fn pass_on_to(child: Option<u32>) {
    TOLD.store(child.unwrap_or(0), Ordering::Relaxed);
}

/// Whether one has come since.
pub fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
