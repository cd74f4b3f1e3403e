//! The executable: everything is in the library. Why it has an entry of its own is told in `sys/start.rs`.
#![no_main]

#[allow(unsafe_code)]
// SAFETY: the one `main` of the program, of the type that C asks for. `std::env::args` does not need the two.
#[unsafe(no_mangle)]
extern "C" fn main(_count: std::ffi::c_int, _arguments: *const *const std::ffi::c_char) -> std::ffi::c_int {
    omg::sys::start::run(omg::cli::main)
}
