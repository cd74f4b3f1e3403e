//! What the process does about signals.

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::Signal;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

/// What asks a change to end.
const REQUESTS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

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
    for signal in REQUESTS {
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

/// Does what Ctrl-C would do.
pub fn interrupt_this_process() {
    // It fails for no process that is there.
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::INT);
}

/// Whether a signal's number is that of one which [`outlive_interruption`] is about.
pub fn asks_for_the_end(signal: i32) -> bool {
    REQUESTS.contains(&signal)
}

/// Whether one has come since.
pub fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// The write end of the pipe that signals are noted in; -1 for none.
static NOTES: AtomicI32 = AtomicI32::new(-1);

/// A signal that this process got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub signal: Signal,
    /// The kernel sent it, as it does for a key of the terminal: then the whole foreground process group has it. Else somebody meant
    /// this process.
    pub from_kernel: bool,
}

const NOTED: [Signal; 7] =
    [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::TSTP, Signal::USR1, Signal::USR2];

impl Arrived {
    /// Whether it asks a process to end. The others ask for a pause, or for what the process itself has made of them.
    pub fn asks_for_the_end(self) -> bool {
        [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT].contains(&self.signal)
    }
}

/// Signals as something to wait for beside files: those that ask a process to end, one that asks it to pause, those that are its own to
/// understand, and the end of a child.
pub struct Incoming {
    notes: PipeReader,
    /// Its number is in [`NOTES`].
    _end: PipeWriter,
}

impl Incoming {
    /// From now on these signals are noted and do nothing else. One that is ignored stays so, as whoever started this process wants it.
    /// With `pauses` that is true of Ctrl-Z as well.
    pub fn open(pauses: bool) -> io::Result<Incoming> {
        let (notes, end) = io::pipe()?;
        for end in [notes.as_fd(), end.as_fd()] {
            fcntl_setfl(end, OFlags::NONBLOCK)?;
        }
        NOTES.store(end.as_raw_fd(), Ordering::Relaxed);
        for signal in NOTED.into_iter().filter(|signal| !is_ignored(*signal)) {
            if pauses || signal != Signal::TSTP {
                note(signal)?;
            }
        }
        note(Signal::CHILD)?;
        Ok(Incoming { notes, _end: end })
    }

    /// What has come since it was last asked. That a child ended is no news of its own.
    pub fn take(&self) -> Vec<Arrived> {
        let mut all = Vec::new();
        let mut bytes = [0; 64];
        while let Ok(length @ 1..) = (&self.notes).read(&mut bytes) {
            for pair in bytes[..length].chunks_exact(2) {
                if let Some(signal) = NOTED.into_iter().find(|signal| signal.as_raw() == i32::from(pair[0])) {
                    all.push(Arrived { signal, from_kernel: pair[1] == 1 });
                }
            }
        }
        all
    }
}

impl AsFd for Incoming {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.notes.as_fd()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Before the number can be another file's.
        NOTES.store(-1, Ordering::Relaxed);
    }
}

#[allow(unsafe_code)]
fn is_ignored(signal: Signal) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is set, and what is asked for is written into memory of ours, all zeros of which are a valid value.
    unsafe {
        libc::sigaction(signal.as_raw(), std::ptr::null(), now.as_mut_ptr()) == 0
            && now.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

#[allow(unsafe_code)]
fn note(signal: Signal) -> io::Result<()> {
    extern "C" fn write_down(signal: libc::c_int, about: *mut libc::siginfo_t, _: *mut libc::c_void) {
        let end = NOTES.load(Ordering::Relaxed);
        // SAFETY: the kernel gives a valid description with SA_SIGINFO, `write` may be called at any moment, and the error number of
        // whatever was interrupted is put back.
        unsafe {
            let number = *libc::__errno_location();
            let bytes = [signal as u8, u8::from((*about).si_code > 0)];
            libc::write(end, bytes.as_ptr().cast(), bytes.len());
            *libc::__errno_location() = number;
        }
    }
    let handler = write_down as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
    // SAFETY: all zeros are a valid value, and the mask is memory of ours. The handler is of the type that SA_SIGINFO asks for.
    let set = unsafe {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_NOCLDSTOP;
        // Of two that come at once the handler of the second would else run first.
        libc::sigfillset(&mut action.sa_mask);
        libc::sigaction(signal.as_raw(), &action, std::ptr::null_mut())
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
