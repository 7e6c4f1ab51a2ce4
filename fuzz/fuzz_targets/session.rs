//! See `ticklot_fuzz::session`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::session(data));
