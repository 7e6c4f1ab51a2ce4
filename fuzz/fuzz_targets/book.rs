//! See `ticklot_fuzz::book`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::book(data));
