//! Signals while a transaction is open: between two packages the library stops, and in any case its lock goes.

#![allow(unsafe_code, reason = "signal handlers, and the two calls of libalpm that may be made in one")]

use alpm::Alpm;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

static HANDLE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static STOPPED: AtomicBool = AtomicBool::new(false);
static CHANGING: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    fn alpm_trans_interrupt(handle: *mut c_void) -> c_int;
    fn alpm_unlock(handle: *mut c_void) -> c_int;
}

/// The library stays known to the signal handler as long as this lives; drop it before the handle goes.
pub struct Watch(());

impl Watch {
    pub fn over(handle: &Alpm) -> Watch {
        HANDLE.store(handle.as_alpm_handle_t().cast(), Ordering::SeqCst);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: the action is wholly initialised, and the handler does only what a handler may.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_signal as extern "C" fn(c_int) as libc::sighandler_t;
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(signal, &action, ptr::null_mut());
            }
        }
        Watch(())
    }

    /// The library's handle, within one of its callbacks; null where no transaction is watched.
    pub fn handle() -> *mut c_void {
        HANDLE.load(Ordering::SeqCst)
    }

    /// From here on a signal is no longer one before any change.
    pub fn changing() {
        CHANGING.store(true, Ordering::SeqCst);
    }

    /// Whether the library was told to stop after the package it was at.
    pub fn was_stopped() -> bool {
        STOPPED.load(Ordering::SeqCst)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        HANDLE.store(ptr::null_mut(), Ordering::SeqCst);
    }
}

/// Leaves signals to the thread that runs the library: what that one says must not come after the handler's last word.
pub fn not_here() {
    // SAFETY: the set is initialised by the first call.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, ptr::null_mut());
    }
}

extern "C" fn on_signal(signal: c_int) {
    let handle = HANDLE.load(Ordering::SeqCst);
    // SAFETY: the handle is alive while it is known here. The first call stores a state, the second closes and unlinks the
    // lock file: pacman makes both in its handler. write and _exit may be called in one.
    unsafe {
        if !handle.is_null() {
            if alpm_trans_interrupt(handle) == 0 {
                STOPPED.store(true, Ordering::SeqCst);
                return;
            }
            alpm_unlock(handle);
        }
        let text: &[u8] = match CHANGING.load(Ordering::SeqCst) {
            true => b"stopped by a signal after the packages were changed\n",
            false => b"stopped by a signal before any package was changed\n",
        };
        libc::write(2, text.as_ptr().cast(), text.len());
        libc::_exit(128 + signal);
    }
}
