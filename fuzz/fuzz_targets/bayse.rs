//! See `ticklot_fuzz::bayse`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::bayse(data));
