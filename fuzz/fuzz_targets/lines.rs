//! See `ticklot_fuzz::lines`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::lines(data));
