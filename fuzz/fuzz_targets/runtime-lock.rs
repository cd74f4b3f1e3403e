//! Fuzzes one decoder of `omg::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omg_fuzz::run("runtime-lock", data));
